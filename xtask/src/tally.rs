//! How many tests passed and failed, read off what the test runners print.

/// Tests that passed and failed. Skipped ones are neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
}

impl Tally {
    /// The sum of two tallies.
    pub fn plus(self, other: Tally) -> Tally {
        Tally { passed: self.passed.saturating_add(other.passed), failed: self.failed.saturating_add(other.failed) }
    }

    /// What one line says that nextest or `cargo test` has printed: a count if it is their summary, else nothing.
    pub fn of_cargo_line(line: &str) -> Tally {
        let line = without_colours(line);
        of_nextest(&line).or_else(|| of_libtest(&line)).unwrap_or_default()
    }

    /// What one line says that Node's test runner has printed, with its `spec` or its `tap` reporter.
    pub fn of_node_line(line: &str) -> Tally {
        of_node(&without_colours(line)).unwrap_or_default()
    }

    /// What the last line of a run says that counts for itself: `12 passed, 0 failed` and nothing else.
    pub fn of_sum_line(line: &str) -> Tally {
        of_sum(&without_colours(line)).unwrap_or_default()
    }

    /// For programs that run no tests, whatever they print.
    pub fn of_no_line(_: &str) -> Tally {
        Tally::default()
    }
}

/// `     Summary [   1.234s] 12 tests run: 9 passed (1 slow), 2 failed, 1 timed out, 3 skipped`
fn of_nextest(line: &str) -> Option<Tally> {
    let (_, rest) = line.trim_start().strip_prefix("Summary [")?.split_once(']')?;
    let (_, parts) = rest.split_once(" run: ")?;
    let mut tally = Tally::default();
    for part in parts.split(", ") {
        let Some((number, what)) = part.split_once(' ') else { continue };
        // The remarks in brackets are divided by commas as well; they do not begin with a plain number.
        let Ok(number) = number.parse::<u64>() else { continue };
        match what.split_whitespace().next()? {
            "passed" => tally.passed += number,
            "failed" | "timed" | "exec" => tally.failed += number,
            _ => {}
        }
    }
    Some(tally)
}

/// `test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s`
fn of_libtest(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| {
        counts.split("; ").find_map(|part| part.strip_suffix(what)?.trim_end().parse::<u64>().ok()).unwrap_or(0)
    };
    Some(Tally { passed: count("passed"), failed: count("failed") })
}

/// `12 passed, 0 failed`
fn of_sum(line: &str) -> Option<Tally> {
    let (passed, failed) = line.trim_end().split_once(" passed, ")?;
    Some(Tally { passed: passed.parse().ok()?, failed: failed.strip_suffix(" failed")?.parse().ok()? })
}

/// `ℹ pass 3` or `# pass 3`, and likewise for `fail` and `cancelled`. Indented lines belong to inner runs.
fn of_node(line: &str) -> Option<Tally> {
    let rest = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# "))?;
    let (what, number) = rest.trim_end().split_once(' ')?;
    let number = number.parse().ok()?;
    match what {
        "pass" => Some(Tally { passed: number, failed: 0 }),
        "fail" | "cancelled" => Some(Tally { passed: 0, failed: number }),
        _ => None,
    }
}

/// Removes the escape sequences that set colours.
fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let text = part.strip_prefix('[').and_then(|sequence| {
            let end = sequence.find(|c: char| c.is_ascii_alphabetic())?;
            sequence.get(end + 1..)
        });
        plain.push_str(text.unwrap_or(part));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_cargo_are_read() {
        fn check(line: &str, passed: u64, failed: u64) {
            assert_eq!(Tally::of_cargo_line(line), Tally { passed, failed }, "{line:?}");
        }
        check("     Summary [   0.012s] 5 tests run: 5 passed, 0 skipped", 5, 0);
        check("     Summary [   0.010s] 1 test run: 1 passed, 2 skipped", 1, 0);
        check("     Summary [   1.5s] 9 tests run: 6 passed (1 slow, 2 leaky), 2 failed, 1 timed out, 3 skipped", 6, 3);
        check("     Summary [   1.5s] 3/9 tests run: 1 passed, 1 failed, 1 exec failed, 0 skipped", 1, 2);
        check("\u{1b}[32;1m     Summary\u{1b}[0m [   0.012s] \u{1b}[1m5\u{1b}[0m tests run: 5 passed, 0 skipped", 5, 0);
        check("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s", 3, 0);
        check("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0s", 3, 2);
        check("test result: \u{1b}[32mok\u{1b}[0m. 3 passed; 0 failed; 0 ignored; 0 measured", 3, 0);
        for other in [
            "",
            "     Running unittests src/lib.rs",
            "     Summary",
            "     Summary [ 5 passed",
            "test result: ok",
            "test tests::a ... ok",
            "# pass 3",
            "3 passed, 1 failed",
            "\u{1b}",
            "\u{1b}[",
        ] {
            check(other, 0, 0);
        }
    }

    #[test]
    fn sums_are_read() {
        fn check(line: &str, passed: u64, failed: u64) {
            assert_eq!(Tally::of_sum_line(line), Tally { passed, failed }, "{line:?}");
        }
        check("72 passed, 0 failed", 72, 0);
        check("0 passed, 3 failed", 0, 3);
        check("\u{1b}[1m7 passed, 2 failed\u{1b}[0m", 7, 2);
        for other in
            ["", "72 passed", "ok 72 passed, 0 failed", "72 passed, 0 failed, 1 skipped", "-1 passed, 0 failed"]
        {
            check(other, 0, 0);
        }
    }

    #[test]
    fn summaries_of_node_are_read() {
        fn check(line: &str, passed: u64, failed: u64) {
            assert_eq!(Tally::of_node_line(line), Tally { passed, failed }, "{line:?}");
        }
        check("# pass 7", 7, 0);
        check("# fail 2", 0, 2);
        check("# cancelled 1", 0, 1);
        check("\u{1b}[34mℹ pass 7\u{1b}[39m", 7, 0);
        check("ℹ fail 1", 0, 1);
        for other in [
            "",
            "# Subtest: pass 3",
            "    # pass 3",
            "# tests 3",
            "# skipped 2",
            "# pass many",
            "test result: ok. 3 passed; 0 failed",
        ] {
            check(other, 0, 0);
        }
    }
}
