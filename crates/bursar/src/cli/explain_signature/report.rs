//! What is told of a signature, to people and to programs.

use crate::cli::output::{Out, instant, say};
use bursar_httpsig::{Explanation, Outcome};
use jiff::Timestamp;
use owo_colors::OwoColorize;
use serde_json::{Value, json};
use std::process::ExitCode;

/// What comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A server would accept the signature.
    Accepted,
    /// A server would refuse it.
    Refused,
    /// Nothing is wrong as far as can be told without the key.
    NotVerified,
}

impl Verdict {
    /// 0, 1 and 2.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Accepted => ExitCode::SUCCESS,
            Self::Refused => ExitCode::FAILURE,
            Self::NotVerified => ExitCode::from(2),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::NotVerified => "not verified",
        }
    }
}

/// Everything that is told.
#[derive(Debug)]
pub struct Report {
    /// The request's method.
    pub method: String,
    /// The URL that the signature is judged for.
    pub target_uri: String,
    /// How that URL is known.
    pub target_from: &'static str,
    /// Length of the body that is judged.
    pub body_bytes: usize,
    /// The time that it is judged by, Unix seconds.
    pub at: i64,
    /// Whether that is the present.
    pub is_now: bool,
    /// When the signature says that it was made, Unix seconds.
    pub created: Option<i64>,
    /// The key that it is verified with: a JWK's `x`.
    pub key: Option<String>,
    /// Which key that is, or why there is none, in words.
    pub key_told: String,
    /// What was mended or is odd.
    pub notes: Vec<String>,
    /// The rules.
    pub explanation: Explanation,
    /// Whether tokens may be shown.
    pub show_secrets: bool,
}

impl Report {
    /// What comes out.
    pub fn verdict(&self) -> Verdict {
        match (self.explanation.accepted(), self.explanation.first_failure()) {
            (true, _) => Verdict::Accepted,
            (false, Some(_)) => Verdict::Refused,
            (false, None) => Verdict::NotVerified,
        }
    }

    /// Tells it on standard output.
    pub fn tell(&self, out: Out) {
        out.result(&self.json(), || say(self.text()));
    }

    /// As people read it.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", format_args!("{} {}", self.method, self.target_uri).bold());
        for (name, value) in self.lines() {
            text += &format!("  {}  {value}\n", format!("{name:<10}").dimmed());
        }
        for note in &self.notes {
            text += &format!("{} {note}\n", "Note:".yellow());
        }
        format!("{text}\n{}", self.rules().trim_end())
    }

    /// What the judgement rests on.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let body = match self.body_bytes {
            0 => "none".to_owned(),
            1 => "1 byte".to_owned(),
            bytes => format!("{bytes} bytes"),
        };
        let now = if self.is_now { " (now)" } else { "" };
        let age = match self.created {
            Some(created) => format!("; the signature was made {}", age(self.at.saturating_sub(created))),
            None => String::new(),
        };
        vec![
            ("target URI", format!("from {}", self.target_from)),
            ("body", body),
            ("key", self.key_told.clone()),
            ("judged at", format!("{}{now}{age}", told_instant(self.at))),
        ]
    }

    /// Rule by rule, with hints and the signature base.
    fn rules(&self) -> String {
        match &self.explanation.signature_base {
            Some(base) if self.show_secrets => {
                let rest = Explanation { signature_base: None, ..self.explanation.clone() };
                let base: Vec<_> = base.lines().map(|line| format!("  {line}")).collect();
                format!("{rest}Signature base, as computed here (it contains secrets):\n{}\n", base.join("\n"))
            }
            _ => self.explanation.to_string(),
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let Explanation { label, key_id, steps, hints, signature_base } = &self.explanation;
        let base = if self.show_secrets { signature_base.clone() } else { self.explanation.shown_base() };
        let steps: Vec<_> = steps
            .iter()
            .map(|step| {
                let outcome = match step.outcome {
                    Outcome::Passed => "passed",
                    Outcome::Failed => "failed",
                    Outcome::Skipped => "skipped",
                };
                json!({ "rule": step.rule.to_string(), "outcome": outcome, "detail": step.detail })
            })
            .collect();
        json!({
            "verdict": self.verdict().name().replace(' ', "_"),
            "failed": self.explanation.first_failure().map(|step| step.rule.to_string()),
            "method": self.method, "targetUri": self.target_uri, "targetUriFrom": self.target_from,
            "bodyBytes": self.body_bytes, "key": self.key, "keyFrom": self.key_told,
            "at": self.at, "created": self.created, "ageSeconds": self.created.map(|created| self.at.saturating_sub(created)),
            "label": label, "keyId": key_id,
            "steps": steps, "hints": hints, "notes": self.notes, "signatureBase": base,
        })
    }
}

fn told_instant(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(|_| format!("Unix second {second}"), instant)
}

/// An age in the two largest units that matter: `3 days 4 h before`.
fn age(seconds: i64) -> String {
    let (length, side) = (seconds.unsigned_abs(), if seconds < 0 { "after that" } else { "before" });
    let parts = [
        (length / 86_400, if length / 86_400 == 1 { "day" } else { "days" }),
        (length / 3_600 % 24, "h"),
        (length / 60 % 60, "min"),
        (length % 60, "s"),
    ];
    let first = parts.iter().position(|(count, _)| *count > 0);
    let Some(first) = first else { return "at that very second".to_owned() };
    let parts = parts[first..].iter().take(2).filter(|(count, _)| *count > 0);
    let told: Vec<_> = parts.map(|(count, unit)| format!("{count} {unit}")).collect();
    format!("{} {side}", told.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_units_of_their_size() {
        fn check(seconds: i64, expected: &str) {
            assert_eq!(age(seconds), expected);
        }
        check(0, "at that very second");
        check(1, "1 s before");
        check(301, "5 min 1 s before");
        check(3_600, "1 h before");
        check(86_400 + 59, "1 day before");
        check(3 * 86_400 + 7_200 + 5, "3 days 2 h before");
        check(-90, "1 min 30 s after that");
        check(i64::MIN, "106751991167300 days 15 h after that");
    }
}
