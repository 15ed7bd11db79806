//! All figures of a run. Times are in nanoseconds unless their names say otherwise.

use crate::floor::{Cryptography, Insert};
use crate::machine::Machine;
use crate::operations::Part;
use crate::proc::Memory;
use crate::provider::Audit;
use crate::settings::Settings;
use hdrhistogram::Histogram;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// When it began.
    pub at: Timestamp,
    /// Where.
    pub machine: Machine,
    /// How.
    pub settings: Settings,
    /// What signatures cost by themselves.
    pub cryptography: Cryptography,
    /// What a durable row costs by itself.
    pub insert: Insert,
    /// How long the provider takes to start.
    pub start: Start,
    /// Memory of all nodes.
    pub memory: BeforeAndAfter,
    /// Memory of the database server, if there is one.
    pub database_memory: Option<BeforeAndAfter>,
    /// The database on disk, while the provider still runs.
    pub disk: Disk,
    /// The operations, in the order in which they ran.
    pub operations: Vec<Measured>,
    /// What the auditor says of the database in the end.
    pub audit: Audit,
    /// Outgoing payments that were answered with 201 and settled, those of the preparation and the history included. The
    /// auditor must find exactly these.
    pub payments_expected: u64,
}

/// From starting the program to its first answer, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Start {
    /// With an empty database, whose tables are made.
    pub empty_millis: u64,
    /// With everything that is there when measuring begins.
    pub seeded_millis: u64,
}

/// Memory after the start, and after everything was measured.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct BeforeAndAfter {
    /// After the first answer.
    pub idle: Memory,
    /// After all operations.
    pub after: Memory,
}

/// Sizes on disk, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// The database without its log.
    pub database_bytes: u64,
    /// Its write-ahead log.
    pub log_bytes: u64,
}

/// An operation as measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// Good answers.
    pub good: u64,
    /// Other answers, and broken connections.
    pub failed: u64,
    /// The first of those.
    pub first_failure: Option<String>,
    /// Requests of an open loop that the server left no time for.
    pub unsent: u64,
    /// Requests per second of an open loop.
    pub rate: Option<u32>,
    /// Good answers per second.
    pub per_second: u64,
    /// Processor time of all nodes and of the database server, for each answer.
    pub cpu_nanos: u64,
    /// The database server's part of it.
    pub database_cpu_nanos: u64,
    /// Processor time of the load itself, for each answer.
    pub load_cpu_nanos: u64,
    /// Bytes that nodes and database server sent to the disk, for each answer.
    pub written_bytes: u64,
    /// Resident memory of all nodes right after it, in bytes.
    pub rss_bytes: u64,
    /// Bytes of the body of an answer, on average.
    pub answer_bytes: u64,
    /// How long answers took.
    pub latency: Latency,
    /// Processor time of an empty server for the same request and an answer of the same size.
    pub http_nanos: u64,
    /// What the floor is made of.
    pub parts: Vec<Part>,
    /// The sum of these parts.
    pub floor_nanos: u64,
    /// The processor time as a multiple of the floor, in hundredths.
    pub times_floor_hundredths: u64,
}

impl Measured {
    /// Adds the parts of its floor up.
    pub fn set_floor(&mut self, cryptography: &Cryptography, insert: &Insert) {
        let cost = |part: &Part| match part {
            Part::Http => self.http_nanos,
            Part::Signature => cryptography.signature_nanos,
            Part::Digest => cryptography.digest_nanos,
            Part::Insert => insert.nanos,
        };
        self.floor_nanos = self.parts.iter().map(cost).sum();
        self.times_floor_hundredths = hundredths(self.cpu_nanos, self.floor_nanos).unwrap_or(0);
    }

    /// Whether all went well.
    pub fn is_good(&self) -> bool {
        self.failed == 0 && self.good > 0
    }
}

/// A quotient in hundredths, rounded down; `None` for one by zero.
pub fn hundredths(of: u64, by: u64) -> Option<u64> {
    u64::try_from((u128::from(of) * 100).checked_div(by.into())?).ok()
}

/// Quantiles of how long answers took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of all were at most this.
    pub p50: u64,
    /// 90 of 100.
    pub p90: u64,
    /// 99 of 100.
    pub p99: u64,
    /// 999 of 1000.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

impl Latency {
    /// Reads them off a histogram of nanoseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: histogram.max() }
    }
}

impl Report {
    /// What is wrong with the run, if anything: a fast wrong answer is worth nothing.
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = Vec::new();
        for Measured { name, good, failed, first_failure, .. } in self.operations.iter().filter(|one| !one.is_good()) {
            let first = first_failure.as_deref().unwrap_or("no answer at all");
            faults.push(format!("{name}: {failed} of {} answers were wrong, the first: {first}", good + failed));
        }
        faults.extend(self.audit.faults.iter().map(|fault| format!("the auditor: {fault}")));
        if !self.audit.sound && self.audit.faults.is_empty() {
            faults.push("the auditor says that the database is not sound".to_owned());
        }
        let (found, expected) = (self.audit.payments, self.payments_expected);
        // A request whose connection broke may have been carried out.
        if found != expected && self.operations.iter().all(Measured::is_good) {
            faults.push(format!("the database holds {found} payments, but {expected} were answered as settled"));
        }
        faults
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An operation with nothing but a name.
    pub fn measured(name: &str) -> Measured {
        Measured {
            name: name.to_owned(),
            good: 1,
            failed: 0,
            first_failure: None,
            unsent: 0,
            rate: None,
            per_second: 0,
            cpu_nanos: 0,
            database_cpu_nanos: 0,
            load_cpu_nanos: 0,
            written_bytes: 0,
            rss_bytes: 0,
            answer_bytes: 0,
            latency: Latency::default(),
            http_nanos: 0,
            parts: vec![],
            floor_nanos: 0,
            times_floor_hundredths: 0,
        }
    }

    fn report(operations: Vec<Measured>, sound: bool, faults: &[&str], payments: u64) -> Report {
        let memory = BeforeAndAfter { idle: Memory::default(), after: Memory::default() };
        let arguments = <crate::settings::Arguments as clap::Parser>::parse_from(["bursar-bench"]);
        Report {
            at: Timestamp::UNIX_EPOCH,
            machine: Machine::with_data_in(std::path::Path::new(".")),
            settings: arguments.settings().unwrap(),
            cryptography: Cryptography { signature_nanos: 0, digest_nanos: 0, httpsig_nanos: 0 },
            insert: Insert { nanos: 0, per_second: 0 },
            start: Start { empty_millis: 0, seeded_millis: 0 },
            memory,
            database_memory: None,
            disk: Disk::default(),
            operations,
            audit: Audit {
                sound,
                transfers: 0,
                payments,
                faults: faults.iter().map(|fault| (*fault).to_owned()).collect(),
            },
            payments_expected: 7,
        }
    }

    #[test]
    fn a_fast_wrong_answer_is_a_fault() {
        #[track_caller]
        fn check(report: Report, expected: &[&str]) {
            assert_eq!(report.faults(), expected);
            let text = serde_json::to_string(&report).unwrap();
            assert_eq!(serde_json::from_str::<Report>(&text).unwrap().faults(), expected, "as written to a file");
        }
        let refused = Measured { failed: 2, first_failure: Some("403".to_owned()), ..measured("quote") };
        let wrong = "quote: 2 of 3 answers were wrong, the first: 403";
        let silent = Measured { good: 0, ..measured("spent") };
        check(report(vec![measured("jwks")], true, &[], 7), &[]);
        check(report(vec![measured("jwks"), refused.clone()], true, &[], 7), &[wrong]);
        check(report(vec![refused], true, &[], 8), &[wrong]);
        check(report(vec![silent], true, &[], 7), &["spent: 0 of 0 answers were wrong, the first: no answer at all"]);
        check(report(vec![], false, &["a sum is wrong"], 7), &["the auditor: a sum is wrong"]);
        check(report(vec![], false, &[], 7), &["the auditor says that the database is not sound"]);
        let lost = "the database holds 6 payments, but 7 were answered as settled";
        check(report(vec![measured("payment")], true, &[], 6), &[lost]);
    }

    #[test]
    fn quantiles_are_read_off() {
        let mut histogram = Histogram::new_with_bounds(1000, 60_000_000_000, 3).unwrap();
        (1..=1000_u64).for_each(|micros| histogram.record(micros * 1000).unwrap());
        let Latency { p50, p90, p99, p999, max } = Latency::of(&histogram);
        // Three digits are kept.
        let check = |found: u64, micros: u64| assert!(found.abs_diff(micros * 1000) <= micros, "{found}, {micros}");
        [(p50, 500), (p90, 900), (p99, 990), (p999, 999), (max, 1000)].into_iter().for_each(|(a, b)| check(a, b));
        assert_eq!(Latency::of(&Histogram::new(3).unwrap()), Latency::default());
    }

    #[test]
    fn floors_add_up() {
        let cryptography = Cryptography { signature_nanos: 100, digest_nanos: 10, httpsig_nanos: 7777 };
        let insert = Insert { nanos: 1000, per_second: 1 };
        #[track_caller]
        fn check(parts: &[Part], cryptography: &Cryptography, insert: &Insert, expected: (u64, u64)) {
            let mut one = Measured { cpu_nanos: 2500, http_nanos: 1, parts: parts.to_vec(), ..measured("x") };
            one.set_floor(cryptography, insert);
            assert_eq!((one.floor_nanos, one.times_floor_hundredths), expected);
        }
        check(&[Part::Http], &cryptography, &insert, (1, 250_000));
        check(&[Part::Http, Part::Signature], &cryptography, &insert, (101, 2475));
        let all = [Part::Http, Part::Signature, Part::Digest, Part::Insert, Part::Insert];
        check(&all, &cryptography, &insert, (2111, 118));
        check(&[], &cryptography, &insert, (0, 0));
    }
}
