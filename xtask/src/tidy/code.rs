//! Rules about how code is written, whatever it is about.

use super::source::words;
use super::{Report, Tree, is_in};

/// Where the clock, randomness and sleeping of the machine may be touched, as clippy's `disallowed-methods` has them.
const CLOCK_PLACES: &[&str] = &[
    // The one clock and the one source of randomness of the provider.
    "crates/app/src/clock.rs",
    "crates/app/src/random.rs",
    // The client library runs in other people's programs, which have no clock of ours.
    "crates/client/src/clock.rs",
    // A tool that measures how long its steps take.
    "xtask/",
];

/// Lines of a source file, tests apart, beyond which it should be two files.
const LINES_MAX: usize = 500;

/// Files that may be longer, with the reason. An entry that is no longer needed is itself a violation.
const LONG_FILES: &[(&str, &str)] = &[];

/// Programs whose standard output is what they are for.
const PRINTING_PLACES: &[&str] = &[
    "crates/bursar/",
    "crates/bench/",
    "crates/pure/src/main.rs",
    "examples/payment-platform/src/main.rs",
    "xtask/",
    "crates/testkit/src/main.rs",
    "crates/testkit/src/bin/",
];

/// Exceptions to clippy's `disallowed-methods` stay where they are known.
pub fn clock(tree: &Tree, report: &mut Report<'_>) {
    for (path, source) in tree.rust().filter(|(path, _)| !is_in(path, CLOCK_PLACES) && !tree.is_test(path)) {
        for (line, code) in source.product_lines() {
            if words(code).any(|word| word.text == "disallowed_methods") {
                report.add(
                    path,
                    line,
                    "take the time or the random bytes as an argument, or ask the app's Clock or Random",
                );
            }
        }
    }
}

/// A file holds one noun and is read in one go.
pub fn size(tree: &Tree, report: &mut Report<'_>) {
    size_with(tree, report, LONG_FILES);
}

fn size_with(tree: &Tree, report: &mut Report<'_>, exceptions: &[(&str, &str)]) {
    for (path, source) in tree.product() {
        let lines = source.product_lines().count();
        let is_excepted = exceptions.iter().any(|(long, _)| *long == path);
        if lines > LINES_MAX && !is_excepted {
            report.add(path, LINES_MAX + 1, format!("make two files of these {lines} lines (tests not counted)"));
        } else if lines <= LINES_MAX && is_excepted {
            report.add(path, 1, format!("take it off LONG_FILES: it has only {lines} lines"));
        }
    }
    for (path, _) in exceptions.iter().filter(|(path, _)| tree.text(path).is_none()) {
        report.add(path, 1, "take it off LONG_FILES: it is gone");
    }
}

/// Nothing unfinished, and no test that does not run.
pub fn leftovers(tree: &Tree, report: &mut Report<'_>) {
    for (path, source) in tree.rust() {
        for (line, code) in source.lines() {
            for word in words(code) {
                let instead = match word.text {
                    "todo" | "unimplemented" if word.after.starts_with('!') => {
                        "write it, or leave out what calls it; return an error for what input can reach"
                    }
                    "dbg" if word.after.starts_with('!') => "remove it, or make it a tracing event",
                    "ignore" if word.before.ends_with("#[") => "make the test run, or delete it",
                    _ => continue,
                };
                report.add(path, line, instead);
            }
        }
    }
}

/// Libraries do not write to the terminal of the program that uses them.
pub fn prints(tree: &Tree, report: &mut Report<'_>) {
    for (path, source) in tree.product().filter(|(path, _)| !is_in(path, PRINTING_PLACES)) {
        for (line, code) in source.product_lines() {
            let prints = words(code).any(|word| {
                matches!(word.text, "println" | "print" | "eprintln" | "eprint") && word.after.starts_with('!')
            });
            if prints {
                report.add(path, line, "make it a tracing event, or return it to the caller");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_rule;
    use super::*;

    #[test]
    fn the_clock_is_read_in_one_place() {
        let check = |path: &str, text: &str, expected: &[&str]| check_rule(clock, &[(path, text)], expected);
        let bad = "fn f() {\n  #[expect(clippy::disallowed_methods, reason = \"why\")]\n}";
        check("crates/app/src/grants.rs", bad, &["crates/app/src/grants.rs:2"]);
        check("crates/client/src/lib.rs", "#![allow(clippy::disallowed_methods)]", &["crates/client/src/lib.rs:1"]);
        check("crates/testkit/src/lib.rs", bad, &["crates/testkit/src/lib.rs:2"]);
        check("crates/app/src/clock.rs", bad, &[]);
        check("crates/app/src/random.rs", bad, &[]);
        check("crates/client/src/clock.rs", bad, &[]);
        check("crates/app/tests/load.rs", bad, &[]);
        check("crates/app/benches/load.rs", bad, &[]);
        check("xtask/src/main.rs", bad, &[]);
        check("crates/app/src/grants.rs", "#[cfg(test)]\n#[allow(clippy::disallowed_methods)]\nmod tests {}", &[]);
        check("crates/app/src/grants.rs", "// disallowed_methods", &[]);
    }

    #[test]
    fn files_are_short() {
        let long = "let a = 1;\n".repeat(501);
        let short = "let a = 1;\n".repeat(500);
        let tested = format!("{short}#[cfg(test)]\nmod tests {{\n{long}}}\n");
        let check = |path: &str, text: &str, expected: &[&str]| check_rule(size, &[(path, text)], expected);
        check("crates/core/src/fee.rs", &long, &["crates/core/src/fee.rs:501"]);
        check("xtask/src/main.rs", &long, &["xtask/src/main.rs:501"]);
        check("crates/core/src/fee.rs", &short, &[]);
        check("crates/core/src/fee.rs", &tested, &[]);
        check("crates/core/tests/fee.rs", &long, &[]);
        check("crates/core/Cargo.toml", &long, &[]);
    }

    #[test]
    fn exceptions_to_the_length_do_not_outlive_their_reason() {
        fn check(lines: usize, expected: &[&str]) {
            let text = "let a = 1;\n".repeat(lines);
            let rule = |tree: &Tree, report: &mut Report<'_>| size_with(tree, report, &[("crates/a/src/b.rs", "why")]);
            check_rule(rule, &[("crates/a/src/b.rs", &text)], expected);
        }
        check(501, &[]);
        check(500, &["crates/a/src/b.rs:1"]);
        let rule = |tree: &Tree, report: &mut Report<'_>| size_with(tree, report, &[("crates/a/src/b.rs", "why")]);
        check_rule(rule, &[], &["crates/a/src/b.rs:1"]);
    }

    #[test]
    fn nothing_is_left_over() {
        let check = |text: &str, expected: &[&str]| check_rule(leftovers, &[("crates/core/src/a.rs", text)], expected);
        check("fn f() {\n  todo!()\n}", &["crates/core/src/a.rs:2"]);
        check("unimplemented!(\"x\")", &["crates/core/src/a.rs:1"]);
        check("let a = dbg!(b);", &["crates/core/src/a.rs:1"]);
        check("#[cfg(test)]\nmod tests {\n#[test]\n#[ignore = \"slow\"]\nfn f() {}\n}", &["crates/core/src/a.rs:4"]);
        check("// todo!() #[ignore]\nlet todo = \"dbg!\";\nignore(todo);", &[]);
        check_rule(leftovers, &[("crates/core/tests/a.rs", "#[ignore]")], &["crates/core/tests/a.rs:1"]);
        check_rule(leftovers, &[("docs/adr/0001-storage/src/main.rs", "todo!()")], &[]);
    }

    #[test]
    fn libraries_do_not_print() {
        let check = |path: &str, text: &str, expected: &[&str]| check_rule(prints, &[(path, text)], expected);
        check("crates/app/src/a.rs", "a;\nprintln!(\"b\");", &["crates/app/src/a.rs:2"]);
        check("crates/testkit/src/lib.rs", "eprint!(\"b\");", &["crates/testkit/src/lib.rs:1"]);
        check("crates/app/src/a.rs", "// println!\nlet println = \"println!\";", &[]);
        check("crates/app/src/a.rs", "#[cfg(test)]\nmod tests {\n println!();\n}", &[]);
        check("crates/bursar/src/demo.rs", "println!(\"b\");", &[]);
        check("crates/testkit/src/bin/load.rs", "println!(\"b\");", &[]);
        check("crates/client/examples/pay.rs", "println!(\"b\");", &[]);
        check("xtask/src/main.rs", "println!(\"b\");", &[]);
    }
}
