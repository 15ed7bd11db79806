//! `bursar explain-signature`: what a server makes of a request's signature, and which rule it breaks.

mod keys;
mod raw_request;
mod report;
#[cfg(test)]
mod tests;

use super::failure::{Done, Failure};
use super::output::Out;
use bursar_client::Clock;
use bursar_httpsig::{Explanation, Outcome, Policy, Request, Rule, explain, parse};
use clap::Args;
use jiff::Timestamp;
use keys::Keys;
use raw_request::RawRequest;
use report::{Report, Verdict};
use serde_json::Value;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// Largest request that is read, in bytes.
const REQUEST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Say what a server makes of a request's signature, rule by rule.
#[derive(Args, Debug)]
#[command(after_help = "\
The request is read as it travels: request line, headers, an empty line, the body. What curl -v
prints will do, too (give the body with --body then, since curl does not print it). Nothing is sent,
except for --key-from.

Exit code: 0 a server would accept the signature, 1 it would refuse it, 2 that cannot be told for
want of the key, or the request cannot be read.

Examples:
  bursar explain-signature request.http --key public.jwk
  bursar explain-signature request.http --key-from https://wallet.example/my-app
  curl -v … 2>&1 | bursar explain-signature --key private.pem --body body.json
  bursar explain-signature request.http --key private.pem --at created --json")]
pub struct ExplainSignature {
    /// File with the request [default: standard input, as is -]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Key to verify with, or a file with it: a JWK, a JWK set, a PEM (public or private), or the base64url of a public
    /// key (x).
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Wallet address of the app: fetches the keys published there, and takes the one that the signature names.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "key")]
    key_from: Option<String>,
    /// Public URL that the request was sent to, or only its scheme and host [default: as the request tells, with https,
    /// or http for localhost]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// File with the body, byte for byte, if the request was pasted without.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// Judge by this instant, such as 2025-06-01T00:00:00Z, by Unix seconds, or by the moment when the signature was
    /// made: created [default: now]
    #[arg(long, value_name = "INSTANT", value_parser = read_at, allow_negative_numbers = true)]
    at: Option<At>,
    /// Oldest signature that the server accepts, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = Policy::default().max_age_seconds)]
    max_age: u32,
    /// How far ahead of the server's clock a signature may be dated, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = Policy::default().max_skew_seconds)]
    max_skew: u32,
    /// Refuse a signature without nonce, as a server may.
    #[arg(long)]
    require_nonce: bool,
    /// Show access tokens and cookies in the signature base.
    #[arg(long)]
    show_secrets: bool,
}

/// The time to judge by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// When the signature says that it was made.
    Created,
    /// Unix seconds.
    Second(i64),
}

fn read_at(text: &str) -> Result<At, String> {
    if text == "created" {
        return Ok(At::Created);
    }
    if let Ok(second) = text.parse() {
        return Timestamp::from_second(second).map(|_| At::Second(second)).map_err(|error| error.to_string());
    }
    let instant = text.parse::<Timestamp>().map(|at| At::Second(at.as_second()));
    instant.map_err(|_| "write an instant such as 2025-06-01T00:00:00Z, Unix seconds, or created".to_owned())
}

/// Runs it, and tells the report.
pub async fn run(command: &ExplainSignature, out: Out) -> Done<Verdict> {
    let request = RawRequest::parse(&read_input(command, out)?).map_err(|error| {
        Failure::usage(error).advise("bursar explain-signature --help says what a request has to look like")
    })?;
    let keys = match (&command.key, &command.key_from) {
        (Some(key), _) => Keys::read(key)?,
        (None, Some(address)) => Keys::fetch(address).await?,
        (None, None) => Keys::None,
    };
    let body = command.body.as_deref().map(|path| read_bounded(path, REQUEST_BYTES_MAX)).transpose()?;
    let report = examine(command, request, body, keys, Clock::system().now().as_second())?;
    report.tell(out);
    Ok(report.verdict())
}

fn read_input(command: &ExplainSignature, out: Out) -> Done<Vec<u8>> {
    match command.file.as_deref() {
        Some(path) if path != Path::new("-") => read_bounded(path, REQUEST_BYTES_MAX),
        _ => {
            let stdin = std::io::stdin();
            if stdin.is_terminal() {
                out.remark("Paste the request here, and end with Ctrl-D on a line of its own.");
            }
            take(stdin.lock(), REQUEST_BYTES_MAX, "the request")
        }
    }
}

/// A whole file, if it is not larger than that.
fn read_bounded(path: &Path, bytes_max: usize) -> Done<Vec<u8>> {
    let told = path.display();
    let file = std::fs::File::open(path).map_err(|error| Failure::usage(format!("{told} cannot be read: {error}")))?;
    take(file, bytes_max, &told.to_string())
}

fn take(from: impl Read, bytes_max: usize, told: &str) -> Done<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    from.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format!("{told} cannot be read: {error}")))?;
    if bytes.len() > bytes_max {
        return Err(Failure::usage(format!("{told} is longer than {bytes_max} bytes")));
    }
    Ok(bytes)
}

/// Applies every rule. `now` is in Unix seconds.
fn examine(
    command: &ExplainSignature,
    mut raw: RawRequest,
    body: Option<Vec<u8>>,
    mut keys: Keys,
    now: i64,
) -> Done<Report> {
    if let Some(body) = body {
        raw.set_body(body);
    }
    raw.compare_length();
    let target = raw
        .target_uri(command.url.as_deref())
        .map_err(|error| Failure::usage(error).advise("such as --url https://wallet.example/op/quotes"))?;
    let mut notes = std::mem::take(&mut raw.notes);
    notes.extend(target.note);

    let signatures = parse(&raw.headers).unwrap_or_default();
    let key_ids: Vec<_> = signatures.iter().map(|signature| signature.key_id()).collect();
    if matches!(keys, Keys::None) {
        match Keys::in_body(&raw.body) {
            Some(sent) => keys = sent,
            None => notes.push(how_to_give_a_key(&raw.body)),
        }
    }
    let chosen = keys.choose(&key_ids);
    let request =
        Request { method: &raw.method, target_uri: &target.uri, headers: &raw.headers, body: Some(&raw.body) };
    let policy = Policy {
        max_age_seconds: command.max_age,
        max_skew_seconds: command.max_skew,
        require_nonce: command.require_nonce,
    };
    let created_of = |label: Option<&str>| {
        let signature = signatures.iter().find(|signature| Some(signature.label()) == label).or(signatures.first())?;
        signature.created()
    };
    let at = match command.at {
        None => now,
        Some(At::Second(second)) => second,
        Some(At::Created) => created_of(None).unwrap_or(now),
    };
    let mut explanation = explain(&request, chosen.key.as_ref(), &policy, at);
    let created = created_of(explanation.label.as_deref());

    if signatures.len() > 1 {
        let label = explanation.label.as_deref().unwrap_or_default();
        notes.push(format!(
            "the request carries {} signatures; this is about the one labelled {label}",
            signatures.len()
        ));
    }
    notes.extend(chosen.note.clone());
    if let Some(created) = created
        && outcome(&explanation, Rule::Created) == Some(Outcome::Failed)
        && explain(&request, chosen.key.as_ref(), &policy, created).first_failure().is_none()
    {
        notes.push(
            "apart from its age nothing is wrong with it: --at created judges it by the time it was made".to_owned(),
        );
    }
    if outcome(&explanation, Rule::Signature) != Some(Outcome::Passed) {
        let fits = |key| outcome(&explain(&request, Some(key), &policy, at), Rule::Signature) == Some(Outcome::Passed);
        let other = keys.others(&chosen).find(|(_, key)| fits(*key));
        explanation.hints.extend(other.map(|(kid, _)| {
            format!("the signature is by the key that is published as {kid:?}: sign with keyid=\"{kid}\"")
        }));
    }
    Ok(Report {
        method: raw.method.clone(),
        target_uri: target.uri,
        target_from: target.from,
        body_bytes: raw.body.len(),
        at,
        is_now: command.at.is_none(),
        created,
        key: chosen.key.map(|key| key.to_base64url()),
        key_told: chosen.told,
        notes,
        explanation,
        show_secrets: command.show_secrets,
    })
}

fn outcome(explanation: &Explanation, rule: Rule) -> Option<Outcome> {
    explanation.steps.iter().find(|step| step.rule == rule).map(|step| step.outcome)
}

/// What to add to the command line; a grant request tells whose keys to look at.
fn how_to_give_a_key(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let client = &body["client"];
    match client.as_str().or(client["walletAddress"].as_str()) {
        Some(address) if address.len() <= 200 && address.bytes().all(|byte| byte.is_ascii_graphic()) => {
            format!("the signature itself is not checked without a key: try --key-from {address}")
        }
        _ => "the signature itself is not checked without a key: give one with --key or --key-from".to_owned(),
    }
}
