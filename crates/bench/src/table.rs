//! Figures for people.

use crate::proc::Memory;
use crate::report::{BeforeAndAfter, Measured, Report, hundredths};
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

/// Thousandths with so many digits kept: 1234567 ns are `1234.6` µs with one.
fn fixed(value: u64, unit: u64, digits: u32) -> String {
    let scale = 10_u64.pow(digits);
    let rounded = (u128::from(value) * u128::from(scale) + u128::from(unit / 2)) / u128::from(unit);
    let (whole, part) = (rounded / u128::from(scale), rounded % u128::from(scale));
    if digits == 0 { whole.to_string() } else { format!("{whole}.{part:0width$}", width = digits as usize) }
}

fn micros(nanos: u64) -> String {
    fixed(nanos, 1000, 1)
}

/// Milliseconds with two digits.
pub fn millis(nanos: u64) -> String {
    fixed(nanos, 1_000_000, 2)
}

/// Mebibytes with one digit.
pub fn mebibytes(bytes: u64) -> String {
    fixed(bytes, 1024 * 1024, 1)
}

fn kibibytes(bytes: u64) -> String {
    fixed(bytes, 1024, 1)
}

fn times(hundredths: Option<u64>) -> String {
    hundredths.map_or_else(|| "-".to_owned(), |value| format!("{}×", fixed(value, 100, 2)))
}

fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header);
    rows.into_iter().for_each(|row| {
        table.add_row(row);
    });
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// Everything, as text.
pub fn report(report: &Report) -> String {
    let Report { machine, settings, cryptography, insert, start, disk, audit, .. } = report;
    let mut text = format!(
        "{} on {} cores of {}, Linux {}, {} below the database, load {} before\n\
         commit {}, {}{} database, {} node(s), {} connections, {} ms each, history of {} payments{}\n",
        report.at,
        machine.cores,
        machine.processor,
        machine.kernel,
        machine.filesystem,
        machine.load_average,
        machine.commit,
        if settings.optimised { "" } else { "NOT OPTIMISED, " },
        settings.engine,
        settings.nodes,
        settings.connections,
        settings.run_millis,
        settings.history,
        if settings.nonce { ", with nonces" } else { "" },
    );
    if matches!(machine.filesystem.as_str(), "tmpfs" | "ramfs") {
        text.push_str("CAUTION: the database is in memory, so that commits cost next to nothing\n");
    }
    text.push_str(&format!("\n{}\n", operations(report)));
    let letters =
        "floor: H an empty answer of this size, S an Ed25519 verification, D a SHA-512 of the body, I a durable row";
    text.push_str(&format!(
        "{letters}\nS {} µs, D {} µs, I {} µs ({} rows/s); for comparison, all of httpsig {} µs\n",
        micros(cryptography.signature_nanos),
        micros(cryptography.digest_nanos),
        micros(insert.nanos),
        insert.per_second,
        micros(cryptography.httpsig_nanos),
    ));
    text.push_str(&format!(
        "\nstart to first answer: {} ms with an empty database, {} ms with this one\n",
        start.empty_millis, start.seeded_millis
    ));
    text.push_str(&memory("memory of the nodes", &report.memory));
    if let Some(database) = &report.database_memory {
        text.push_str(&memory("memory of the database server", database));
    }
    text.push_str(&format!(
        "on disk: {} MiB database, {} MiB log\n",
        mebibytes(disk.database_bytes),
        mebibytes(disk.log_bytes)
    ));
    let sound = if audit.sound { "sound" } else { "NOT SOUND" };
    text.push_str(&format!(
        "auditor: {sound}, {} payments of {} answered, {} transfers\n",
        audit.payments, report.payments_expected, audit.transfers
    ));
    text
}

fn memory(what: &str, BeforeAndAfter { idle, after }: &BeforeAndAfter) -> String {
    let pair = |Memory { rss_bytes, pss_bytes }: &Memory| {
        format!("RSS {} MiB, PSS {} MiB", mebibytes(*rss_bytes), mebibytes(*pss_bytes))
    };
    format!("{what}: idle {}; after {}\n", pair(idle), pair(after))
}

fn operations(report: &Report) -> Table {
    let has_server = report.database_memory.is_some();
    let mut header = vec!["operation", "CPU µs"];
    if has_server {
        header.push("of it database");
    }
    header.extend([
        "floor µs",
        "parts",
        "× floor",
        "per s",
        "p50 ms",
        "p90",
        "p99",
        "p99.9",
        "max",
        "load µs",
        "disk KiB",
        "RSS MiB",
        "good",
        "failed",
        "unsent",
    ]);
    let row = |one: &Measured| {
        let mut row = vec![one.name.clone(), micros(one.cpu_nanos)];
        if has_server {
            row.push(micros(one.database_cpu_nanos));
        }
        let parts = one.parts.iter().map(|part| part.letter()).collect();
        row.extend([
            micros(one.floor_nanos),
            parts,
            times(Some(one.times_floor_hundredths)),
            one.per_second.to_string(),
        ]);
        let latency = one.latency;
        row.extend([latency.p50, latency.p90, latency.p99, latency.p999, latency.max].map(millis));
        row.extend([micros(one.load_cpu_nanos), kibibytes(one.written_bytes), mebibytes(one.rss_bytes)]);
        row.extend([one.good, one.failed, one.unsent].map(|count| count.to_string()));
        row
    };
    table(&header, report.operations.iter().map(row))
}

/// How this run differs from an earlier one: new divided by old.
pub fn comparison(old: &Report, new: &Report) -> String {
    let row = |one: &Measured| {
        let before = old.operations.iter().find(|before| before.name == one.name)?;
        let ratio = |of: fn(&Measured) -> u64| times(hundredths(of(one), of(before)));
        let mut row = vec![one.name.clone(), micros(before.cpu_nanos), micros(one.cpu_nanos)];
        row.extend([
            ratio(|one| one.cpu_nanos),
            ratio(|one| one.times_floor_hundredths),
            ratio(|one| one.per_second),
            ratio(|one| one.latency.p50),
            ratio(|one| one.latency.p99),
        ]);
        Some(row)
    };
    let header = ["operation", "CPU µs before", "now", "ratio", "× floor", "per s", "p50", "p99"];
    let table = table(&header, new.operations.iter().filter_map(row));
    let mut text = format!("compared with {} (commit {}):\n{table}\n", old.at, old.machine.commit);
    if old.settings != new.settings {
        text.push_str("CAUTION: the earlier run had other settings\n");
    }
    if old.machine.processor != new.machine.processor {
        text.push_str("CAUTION: the earlier run had another processor; only the multiples of the floor compare\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rounded() {
        #[track_caller]
        fn check(found: String, expected: &str) {
            assert_eq!(found, expected);
        }
        check(micros(0), "0.0");
        check(micros(1_234_567), "1234.6");
        check(micros(49), "0.0");
        check(micros(50), "0.1");
        check(millis(1_234_567), "1.23");
        check(millis(999_995_000), "1000.00");
        check(mebibytes(1024 * 1024 * 3 / 2), "1.5");
        check(kibibytes(4096), "4.0");
        check(fixed(1500, 1000, 0), "2");
        check(fixed(u64::MAX, 1, 3), "18446744073709551615.000");
        check(times(hundredths(300, 200)), "1.50×");
        check(times(hundredths(1, 0)), "-");
    }
}
