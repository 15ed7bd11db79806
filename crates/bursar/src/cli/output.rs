//! Saying things: to people, or to programs.

use bursar_types::{AccessItem, LimitAmount};
use jiff::Timestamp;
use owo_colors::OwoColorize;
use serde::Serialize;
use std::fmt;
use std::io::Write;

/// Where results go: standard output, as text or as JSON. What is said along the way goes to standard error.
#[derive(Debug, Clone, Copy)]
pub struct Out {
    json: bool,
}

impl Out {
    /// For people, or for programs.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether programs are reading.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// The result: one line of JSON, or whatever `text` prints.
    pub fn result(self, value: &impl Serialize, text: impl FnOnce()) {
        if self.json {
            // Values made of strings, numbers and lists can always be written.
            say(serde_json::to_string(value).unwrap_or_default());
        } else {
            text();
        }
    }

    /// A remark for people, which programs do not get.
    pub fn remark(self, text: &str) {
        if !self.json {
            note(text);
        }
    }
}

/// A line on standard output; colours only for terminals. A reader that has gone away wants no more of it, so that this
/// is no failure.
pub fn say(line: impl fmt::Display) {
    if cfg!(test) {
        // What goes past this macro is not held back by the test harness.
        println!("{line}");
    } else {
        let _ = writeln!(anstream::stdout(), "{line}");
    }
}

/// A line on standard error; colours only for terminals.
pub fn note(line: impl fmt::Display) {
    if cfg!(test) {
        eprintln!("{line}");
    } else {
        let _ = writeln!(anstream::stderr(), "{line}");
    }
}

/// Something to be careful about.
pub fn warn(text: &str) {
    note(format_args!("{} {text}", "warning:".yellow().bold()));
}

/// Prints lines of a name and a value, the values below one another. Values of several lines are indented.
pub fn rows(rows: &[(&str, String)]) {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, value) in rows {
        for (index, line) in value.lines().enumerate() {
            let name = if index == 0 { *name } else { "" };
            say(format_args!("  {}  {line}", format!("{name:width$}").dimmed()));
        }
    }
}

/// An instant for people, in UTC: `20 May 2025 13:00 UTC`.
pub fn instant(at: Timestamp) -> String {
    let seconds = if at.as_second() % 60 == 0 { "" } else { ":%S" };
    at.strftime(&format!("%-d %B %Y %H:%M{seconds} UTC")).to_string()
}

/// What an access item allows, in words.
pub fn access(item: &AccessItem) -> String {
    let what = match item {
        AccessItem::IncomingPayment { .. } => "incoming payments",
        AccessItem::OutgoingPayment { .. } => "outgoing payments",
        AccessItem::Quote { .. } => "quotes",
    };
    format!("{what}: {}", item.actions())
}

/// How much a mandate allows, in words.
pub fn limits(item: &AccessItem) -> String {
    let Some(limits) = item.limits() else { return "without any limit".to_owned() };
    let amount = match limits.amount {
        Some(LimitAmount::Debit(amount)) => format!("up to {amount}, fees included"),
        Some(LimitAmount::Receive(amount)) => format!("until {amount} have arrived"),
        None => "without limit to the amount".to_owned(),
    };
    let mut lines = vec![match &limits.interval {
        Some(interval) => format!("{amount}, in each of these windows:\n{}", interval.describe()),
        None if limits.amount.is_some() => format!("{amount}, in all"),
        None => amount,
    }];
    if let Some(receiver) = &limits.receiver {
        lines.push(format!("only to {receiver}"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_told_in_utc() {
        fn check(text: &str, expected: &str) {
            assert_eq!(instant(text.parse().unwrap()), expected);
        }
        check("2025-05-20T13:00:00Z", "20 May 2025 13:00 UTC");
        check("2025-05-02T13:00:07+02:00", "2 May 2025 11:00:07 UTC");
        check("1969-12-31T23:59:00Z", "31 December 1969 23:59 UTC");
    }

    #[test]
    fn mandates_are_told_in_words() {
        fn check(limits_json: &str, expected: &str) {
            let json = format!(
                r#"{{"type":"outgoing-payment","actions":["create"],"identifier":"https://a.example/b"{limits_json}}}"#
            );
            assert_eq!(limits(&serde_json::from_str(&json).unwrap()), expected);
        }
        let cad = r#"{"value":"10000","assetCode":"CAD","assetScale":2}"#;
        check("", "without any limit");
        check(&format!(r#","limits":{{"debitAmount":{cad}}}"#), "up to 100.00 CAD, fees included, in all");
        check(
            &format!(r#","limits":{{"receiveAmount":{cad},"receiver":"https://b.example/1"}}"#),
            "until 100.00 CAD have arrived, in all\nonly to https://b.example/1",
        );
        check(
            &format!(r#","limits":{{"debitAmount":{cad},"interval":"R/2025-04-22T08:00:00Z/P1D"}}"#),
            "up to 100.00 CAD, fees included, in each of these windows:\nevery day, without end, from 22 April 2025 08:00 UTC",
        );
        check(
            r#","limits":{"interval":"R/2025-04-22T08:00:00Z/P1D"}"#,
            "without limit to the amount, in each of these windows:\nevery day, without end, from 22 April 2025 08:00 UTC",
        );
    }
}
