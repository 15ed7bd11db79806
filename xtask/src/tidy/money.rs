//! No floating point where money is counted.

use super::source::{Word, words};
use super::{Report, Tree, room};

/// The rooms in which every number may be an amount.
const ROOMS: &[&str] = &["types", "core", "store", "app"];

/// No `f32`, no `f64`, no conversions to them and no literals of them.
pub fn floats(tree: &Tree, report: &mut Report<'_>) {
    for (path, source) in tree.product().filter(|(path, _)| room(path).is_some_and(|room| ROOMS.contains(&room))) {
        for (line, code) in source.product_lines() {
            if let Some(word) = words(code).find(|word| is_float(*word)) {
                let name = word.text;
                report.add(path, line, format!("count in integers of the smallest unit, not in floats (`{name}`)"));
            }
        }
    }
}

fn is_float(word: Word<'_>) -> bool {
    let text = word.text;
    let is_number = text.starts_with(|c: char| c.is_ascii_digit());
    let is_suffixed = |suffix: &str| {
        text == suffix
            || text.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('_'))
            || (is_number && !text.starts_with("0x") && text.ends_with(suffix))
    };
    // `1.5` is two words with a dot between them; `pair.0.1` is not a number.
    let is_literal = is_number
        && !word.before.ends_with('.')
        && word.after.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    is_suffixed("f32") || is_suffixed("f64") || is_literal
}

#[cfg(test)]
mod tests {
    use super::super::check_rule;
    use super::*;

    #[test]
    fn money_is_counted_in_integers() {
        fn check(code: &str, allowed: bool) {
            let expected: &[&str] = if allowed { &[] } else { &["crates/core/src/fee.rs:1"] };
            check_rule(floats, &[("crates/core/src/fee.rs", code)], expected);
        }
        check("fn f(a: u64) -> u128 {}", true);
        check("let a = pair.0.1 + 1..2;", true);
        check("let a = 0x1f64;", true);
        check("let a = \"1.5 f64\"; // f64", true);
        check("let buf64 = u64::from(b);", true);
        check("fn f(a: f64) {}", false);
        check("let a = b as f32;", false);
        check("let a = 1f64;", false);
        check("let a = 1_f32;", false);
        check("let a = 1.5;", false);
        check("let a = span.as_secs_f64();", false);
    }

    #[test]
    fn only_the_rooms_of_money_are_meant() {
        let check = |path: &str, expected: &[&str]| check_rule(floats, &[(path, "\nlet a: f64 = b;")], expected);
        check("crates/app/src/a.rs", &["crates/app/src/a.rs:2"]);
        check("crates/store/src/a.rs", &["crates/store/src/a.rs:2"]);
        check("crates/types/src/a.rs", &["crates/types/src/a.rs:2"]);
        check("crates/web/src/a.rs", &[]);
        check("crates/core/tests/a.rs", &[]);
        check("xtask/src/a.rs", &[]);
    }
}
