//! What a soak must show.

use super::Line;
use crate::provider::Audit;
use serde::Serialize;

const MIB: u64 = 1024 * 1024;
/// Memory may differ by so much between the second quarter of the run and the last.
const MEMORY_PERCENT: u64 = 10;
const MEMORY_BYTES: u64 = 4 * MIB;
/// The embedded database's log is emptied every 4 MiB or so; a reader may hold that back for a moment.
const LOG_BYTES_MAX: u64 = 64 * MIB;
/// PostgreSQL keeps its log below `max_wal_size`, which is 1 GiB, but not strictly.
const SERVER_LOG_BYTES_MAX: u64 = 1536 * MIB;
/// What is kept for good of a payment, and of what goes with it in the mix: rows and indexes.
const BYTES_PER_PAYMENT_MAX: u64 = 4096;
/// Space of forgotten rows is used again, but not at once.
const GROWTH_BYTES: u64 = 8 * MIB;
/// Percentiles while much is being forgotten against those between, with a slack of a few commits.
const CLEANING_PERCENT: u64 = 150;
const CLEANING_NANOS: u64 = 5_000_000;
/// Of what had expired when the clock was moved this much may be left before the next move.
const LEFT_PERCENT: u64 = 1;
const LEFT_ROWS: u64 = 100;

/// A rule, with the figures that it was judged by.
#[derive(Debug, Serialize)]
pub struct Rule {
    /// What must be, and what was.
    pub text: String,
    /// Whether it is.
    pub holds: bool,
}

/// Rules that hold on any machine at any rate. With a backlog from before, which may take longer than the run, it is
/// enough that it becomes less.
pub fn correctness(lines: &[Line], audit: &Audit, payments_expected: u64, backlog: bool) -> Vec<Rule> {
    let sum = |of: fn(&Line) -> u64| lines.iter().map(of).sum::<u64>();
    let (failed, good) = (sum(|line| line.failed), sum(|line| line.good));
    let fault = audit.faults.first().map_or_else(String::new, |fault| format!(": {fault}"));
    let mut rules = vec![
        Rule { holds: failed == 0, text: format!("every answer is right: {failed} of {} are not", good + failed) },
        Rule { holds: audit.sound, text: format!("the auditor finds the database sound{fault}") },
        Rule {
            // A request whose connection broke may have been carried out.
            holds: audit.payments == payments_expected || failed > 0,
            text: format!("{payments_expected} payments were settled, and the database holds {}", audit.payments),
        },
    ];
    let expired = lines.iter().filter(|line| line.cleaning).map(|line| line.waiting_before).max().unwrap_or(0);
    // Slices come in pairs; the second one ends before the next move.
    let left = lines.iter().skip(2).filter(|line| !line.cleaning).map(|line| line.waiting_after).max().unwrap_or(0);
    rules.push(Rule { holds: expired > 0, text: format!("rows expired: up to {expired} at once") });
    if backlog {
        let [first, last] =
            [lines.first(), lines.last()].map(|line| line.map(|line| line.waiting_before + line.nonces_waiting));
        rules.push(Rule {
            holds: last < first,
            text: format!("the backlog becomes less: from {} rows to {}", first.unwrap_or(0), last.unwrap_or(0)),
        });
        return rules;
    }
    rules.push(Rule {
        holds: left <= expired * LEFT_PERCENT / 100 + LEFT_ROWS,
        text: format!("what had expired was forgotten before the next move: at most {left} rows were left"),
    });
    rules
}

/// Rules about what must stay as it is, for runs that are long enough.
pub fn growth(lines: &[Line], embedded: bool) -> Vec<Rule> {
    let quarter = |number: usize| {
        let (from, to) = (lines.len() * number / 4, lines.len() * (number + 1) / 4);
        lines.get(from..to).unwrap_or_default()
    };
    let mebibytes = crate::table::mebibytes;
    let rss = |lines: &[Line]| mean(lines.iter().map(|line| line.rss_bytes));
    let (before, after) = (rss(quarter(1)), rss(quarter(3)));
    let log = lines.iter().map(|line| line.disk.log_bytes).max().unwrap_or(0);
    let log_max = if embedded { LOG_BYTES_MAX } else { SERVER_LOG_BYTES_MAX };
    let half = lines.get(lines.len() / 2..).unwrap_or_default();
    let database = |line: Option<&Line>| line.map_or(0, |line| line.disk.database_bytes);
    let grown = database(half.last()).saturating_sub(database(half.first()));
    let payments = half.iter().skip(1).map(|line| line.settled).sum::<u64>();
    let p99 = |cleaning: bool| {
        median(lines.iter().skip(1).filter(|line| line.cleaning == cleaning).map(|line| line.latency.p99).collect())
    };
    let (between, cleaning) = (p99(false), p99(true));
    let unsent = lines.iter().map(|line| line.unsent).sum::<u64>();
    vec![
        Rule { holds: unsent == 0, text: format!("every request was sent at its rate: {unsent} were not") },
        Rule {
            holds: after <= before + before * MEMORY_PERCENT / 100 + MEMORY_BYTES,
            text: format!(
                "memory is flat: {} MiB in the second quarter, {} MiB in the last (+{MEMORY_PERCENT} % and {} MiB allowed)",
                mebibytes(before),
                mebibytes(after),
                MEMORY_BYTES / MIB
            ),
        },
        Rule {
            holds: log <= log_max,
            text: format!("the log is bounded: at most {} MiB ({} allowed)", mebibytes(log), log_max / MIB),
        },
        Rule {
            holds: grown <= payments * BYTES_PER_PAYMENT_MAX + GROWTH_BYTES,
            text: format!(
                "the database grows by what is kept: {} bytes for each payment of the second half ({BYTES_PER_PAYMENT_MAX} allowed)",
                grown / payments.max(1)
            ),
        },
        Rule {
            holds: cleaning <= between * CLEANING_PERCENT / 100 + CLEANING_NANOS,
            text: format!(
                "cleaning up does not show: p99 of {} ms while much is forgotten, {} ms between ({CLEANING_PERCENT} % and {} ms allowed)",
                crate::table::millis(cleaning),
                crate::table::millis(between),
                CLEANING_NANOS / 1_000_000
            ),
        },
    ]
}

fn mean(values: impl Iterator<Item = u64>) -> u64 {
    let (sum, count) = values.fold((0, 0), |(sum, count), value| (sum + value, count + 1));
    u64::checked_div(sum, count).unwrap_or(0)
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Disk, Latency};

    /// A run of so many slices in which all is well: much expires in every second one, and everything stays as it is.
    fn sound(slices: u64) -> Vec<Line> {
        let line = |number: u64| Line {
            seconds: number * 10,
            cleaning: number % 2 == 1,
            settled: 1000,
            good: 1600,
            failed: 0,
            unsent: 0,
            latency: Latency { p99: if number % 2 == 1 { 15_000_000 } else { 10_000_000 }, ..Latency::default() },
            rss_bytes: 30 * MIB,
            disk: Disk { database_bytes: number * 1000 * 2000, log_bytes: 5 * MIB },
            waiting_before: (number % 2) * 20_000,
            waiting_after: 0,
            nonces_waiting: 99_999,
        };
        (0..slices).map(line).collect()
    }

    fn broken(rules: &[Rule]) -> Vec<&str> {
        rules.iter().filter(|rule| !rule.holds).filter_map(|rule| rule.text.split(':').next()).collect()
    }

    #[test]
    fn what_grows_is_found() {
        #[track_caller]
        fn check(harm: fn(usize, &mut Line), expected: &[&str]) {
            let mut lines = sound(40);
            lines.iter_mut().enumerate().for_each(|(number, line)| harm(number, line));
            assert_eq!(broken(&growth(&lines, true)), expected);
        }
        check(|_, _| {}, &[]);
        check(|number, line| line.rss_bytes += number as u64 * MIB / 2, &["memory is flat"]);
        check(|_, line| line.rss_bytes *= 9, &[]);
        check(|number, line| line.unsent = number as u64 / 39, &["every request was sent at its rate"]);
        check(|number, line| line.disk.log_bytes += (number == 7) as u64 * 100 * MIB, &["the log is bounded"]);
        check(|_, line| line.disk.database_bytes *= 3, &["the database grows by what is kept"]);
        check(|_, line| line.latency.p99 += line.cleaning as u64 * 20_000_000, &["cleaning up does not show"]);
        // One bad slice is somebody else's work.
        check(|number, line| line.latency.p99 += (number == 9) as u64 * 900_000_000, &[]);
        assert!(growth(&[], false).iter().all(|rule| rule.holds));
    }

    #[test]
    fn what_is_wrong_is_found() {
        #[track_caller]
        fn check(harm: fn(&mut Vec<Line>, &mut Audit, &mut u64), expected: &[&str]) {
            let mut lines = sound(10);
            let mut audit = Audit { sound: true, transfers: 1, payments: 10_000, faults: Vec::new() };
            let mut payments = 10_000;
            harm(&mut lines, &mut audit, &mut payments);
            assert_eq!(broken(&correctness(&lines, &audit, payments, false)), expected);
        }
        check(|_, _, _| {}, &[]);
        check(|lines, _, _| lines[3].failed = 1, &["every answer is right"]);
        check(|_, audit, _| audit.sound = false, &["the auditor finds the database sound"]);
        check(|_, audit, _| audit.payments += 1, &["10000 payments were settled, and the database holds 10001"]);
        check(|lines, _, _| lines.iter_mut().for_each(|line| line.waiting_before = 0), &["rows expired"]);
        check(|lines, _, _| lines[4].waiting_after = 301, &["what had expired was forgotten before the next move"]);
        check(|lines, _, _| lines[4].waiting_after = 300, &[]);

        let audit = Audit { sound: true, transfers: 1, payments: 10_000, faults: Vec::new() };
        let mut lines = sound(10);
        lines[4].waiting_after = 5000;
        assert_eq!(broken(&correctness(&lines, &audit, 10_000, true)), ["the backlog becomes less"]);
        lines[0].waiting_before = 1_000_000;
        assert_eq!(broken(&correctness(&lines, &audit, 10_000, true)), <[&str; 0]>::default());
    }
}
