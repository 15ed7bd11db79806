//! Explaining to a developer, rule by rule, what a server makes of a signature.

use std::fmt;

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};

use crate::hints;
use crate::key::PublicKey;
use crate::parsed::{ParsedSignature, parse};
use crate::request::Request;
use crate::verify::{self, Failure, Policy};

/// One of the rules a signature must keep, in the order in which [`verify`](crate::verify()) applies them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Both headers are there and can be read.
    Headers,
    /// The `alg` parameter.
    Algorithm,
    /// The `created` parameter.
    Created,
    /// The `expires` parameter.
    Expires,
    /// The `nonce` parameter.
    Nonce,
    /// What must be covered is covered.
    Coverage,
    /// What is covered is there.
    Components,
    /// The digest of the body.
    Digest,
    /// The signature itself.
    Signature,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Headers => "headers",
            Self::Algorithm => "algorithm",
            Self::Created => "created",
            Self::Expires => "expires",
            Self::Nonce => "nonce",
            Self::Coverage => "coverage",
            Self::Components => "components",
            Self::Digest => "digest",
            Self::Signature => "signature",
        })
    }
}

/// How a rule came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The rule is kept.
    Passed,
    /// The rule is broken: the request is refused.
    Failed,
    /// It could not be checked, because of an earlier failure or for want of the key.
    Skipped,
}

/// One rule and how it came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The rule.
    pub rule: Rule,
    /// How it came out.
    pub outcome: Outcome,
    /// One sentence; for a failure, the message of the [`Failure`] or [`Malformed`](crate::Malformed).
    pub detail: String,
}

/// What a server makes of a request's signature. Its `Display` is a text for people.
#[derive(Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The label of the signature explained, if one could be read.
    pub label: Option<String>,
    /// Its `keyid`.
    pub key_id: Option<String>,
    /// Every rule, in order. Unlike verification, this does not stop at the first failure.
    pub steps: Vec<Step>,
    /// The signature base as computed here (RFC 9421 §2.5), for comparison with the client's.
    ///
    /// It is exact, so it contains the access token; `Display` and `Debug` hide that, and so does
    /// [`shown_base`](Self::shown_base).
    pub signature_base: Option<String>,
    /// What probably went wrong, for some usual mistakes.
    pub hints: Vec<String>,
}

impl Explanation {
    /// Whether every rule was checked and is kept.
    pub fn accepted(&self) -> bool {
        self.steps.iter().all(|step| step.outcome == Outcome::Passed)
    }

    /// The rule for which the request is refused.
    pub fn first_failure(&self) -> Option<&Step> {
        self.steps.iter().find(|step| step.outcome == Outcome::Failed)
    }

    /// The signature base with the values of secret headers hidden, as `Display` shows it.
    pub fn shown_base(&self) -> Option<String> {
        self.signature_base.as_deref().map(|base| Hidden { base, indent: "" }.to_string())
    }

    fn record<E: fmt::Display>(&mut self, rule: Rule, result: Result<String, E>) {
        let (outcome, detail) = match result {
            Ok(detail) => (Outcome::Passed, detail),
            Err(error) => (Outcome::Failed, error.to_string()),
        };
        self.steps.push(Step { rule, outcome, detail });
    }

    fn skip(&mut self, rule: Rule, why: &str) {
        self.steps.push(Step { rule, outcome: Outcome::Skipped, detail: why.to_owned() });
    }
}

/// Explains what [`verify`](crate::verify()) would say at `now` (Unix seconds), and why.
///
/// Without a key everything but the signature itself is checked. Of several signatures the first acceptable
/// one is explained, else the first. This computes much more than verification does: it is for sandboxes
/// and command lines, not for the path of each request.
pub fn explain(request: &Request<'_>, key: Option<&PublicKey>, policy: &Policy, now: i64) -> Explanation {
    let mut explanation = Explanation {
        label: None,
        key_id: None,
        steps: Vec::with_capacity(9),
        signature_base: None,
        hints: Vec::new(),
    };
    let signatures = match parse(request.headers) {
        Ok(signatures) => signatures,
        Err(malformed) => {
            explanation.hints = hints::malformed(request.headers);
            explanation.record(Rule::Headers, Err(malformed));
            return explanation;
        }
    };
    let acceptable = |parsed: &&ParsedSignature| match key {
        Some(key) => verify::verify(parsed, request, key, policy, now).is_ok(),
        None => parsed.check(request, policy, now).is_ok(),
    };
    if let Some(parsed) = signatures.iter().find(acceptable).or_else(|| signatures.first()) {
        explain_one(&mut explanation, parsed, request, key, policy, now);
    }
    explanation
}

fn explain_one(
    explanation: &mut Explanation,
    parsed: &ParsedSignature,
    request: &Request<'_>,
    key: Option<&PublicKey>,
    policy: &Policy,
    now: i64,
) {
    explanation.label = Some(parsed.label().to_owned());
    explanation.key_id = Some(parsed.key_id().to_owned());
    let covered = join(parsed.components().iter().map(|component| component.identifier()));
    explanation.record(Rule::Headers, Ok::<_, Failure>(format!("well-formed; the signature covers {covered}")));

    let named = if parsed.algorithm.is_some() { "ed25519" } else { "not named; ed25519 is used" };
    explanation.record(Rule::Algorithm, verify::algorithm(parsed).map(|()| named.to_owned()));
    let created = verify::created(parsed, policy, now);
    explanation.record(Rule::Created, created.map(|created| describe_created(created, policy, now)));
    let expires = match parsed.expires() {
        Some(expires) => format!("in {} s", expires.saturating_sub(now)),
        None => "not given; the maximum age alone counts".to_owned(),
    };
    explanation.record(Rule::Expires, verify::expires(parsed, now).map(|()| expires));
    let nonce = if parsed.nonce().is_some() { "given" } else { "not given, and not required" };
    explanation.record(Rule::Nonce, verify::nonce(parsed, policy).map(|()| nonce.to_owned()));
    let required = verify::required(request).map(|name| format!("\"{name}\""));
    let required = format!("covers what it must: {}", join(required));
    explanation.record(Rule::Coverage, verify::coverage(parsed, request).map(|()| required));

    let base = parsed.signature_base(request);
    explanation.record(Rule::Components, base.as_ref().map(|_| "everything covered is there".to_owned()));
    let body = match (request.has_body(), parsed.covers("content-digest")) {
        (true, _) => format!("Content-Digest matches the {} bytes of the body", request.body_bytes().len()),
        (false, true) => "Content-Digest matches the empty body".to_owned(),
        (false, false) => "no body, none needed".to_owned(),
    };
    let digest = verify::body(parsed, request);
    if let Err(Failure::Digest(error)) = &digest {
        explanation.hints.extend(hints::digest(request, error));
    }
    explanation.record(Rule::Digest, digest.map(|()| body));

    match (&base, key) {
        (Err(_), _) => explanation.skip(Rule::Signature, "not checked: there is no signature base to check it against"),
        (_, None) => explanation.skip(Rule::Signature, "not checked: no key was given"),
        (Ok(base), Some(key)) => {
            let result = verify::signature(parsed, base, key);
            if result.is_err() {
                explanation.hints.push(hints::signature(parsed, request, base, key));
            }
            explanation.record(Rule::Signature, result.map(|()| format!("verifies with {}", key.to_base64url())));
        }
    }
    explanation.signature_base = base.ok();
}

fn describe_created(created: i64, policy: &Policy, now: i64) -> String {
    let age = now.saturating_sub(created);
    if age < 0 {
        return format!(
            "{} s ahead of the server's time, of {} s tolerated",
            age.saturating_neg(),
            policy.max_skew_seconds
        );
    }
    format!("{age} s ago, of {} s accepted", policy.max_age_seconds)
}

fn join(parts: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut joined = String::new();
    for part in parts {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(part.as_ref());
    }
    if joined.is_empty() { "nothing".to_owned() } else { joined }
}

/// A signature base with the values of secret headers hidden.
struct Hidden<'a> {
    base: &'a str,
    /// What each line begins with.
    indent: &'static str,
}

impl fmt::Display for Hidden<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indent = self.indent;
        for (index, line) in self.base.lines().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match secret_value(line) {
                Some((head, secret)) => write!(f, "{indent}{head}({} bytes, not shown here)", secret.len())?,
                None => write!(f, "{indent}{line}")?,
            }
        }
        Ok(())
    }
}

/// Splits the line of a secret header before its secret. An authentication scheme is not one.
fn secret_value(line: &str) -> Option<(&str, &str)> {
    let (name, _) = line.strip_prefix('"')?.split_once('"')?;
    if ![AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].iter().any(|header| header == name) {
        return None;
    }
    let value = line.find(": ")? + 2;
    let scheme = if name == COOKIE { None } else { line[value..].find(' ') };
    Some(line.split_at(scheme.map_or(value, |space| value + space + 1)))
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.label, &self.key_id) {
            (Some(label), Some(key_id)) => write!(f, "Signature {label}, keyid \"{key_id}\": ")?,
            _ => f.write_str("Signature: ")?,
        }
        f.write_str(match (self.accepted(), self.first_failure()) {
            (true, _) => "accepted\n",
            (false, Some(_)) => "refused\n",
            (false, None) => "not verified\n",
        })?;
        for step in &self.steps {
            let mark = match step.outcome {
                Outcome::Passed => "ok",
                Outcome::Failed => "FAIL",
                Outcome::Skipped => "-",
            };
            writeln!(f, "  {mark:<4}  {:<10}  {}", step.rule, step.detail)?;
        }
        for hint in &self.hints {
            writeln!(f, "Hint: {hint}")?;
        }
        if let Some(base) = &self.signature_base {
            writeln!(f, "Signature base, as computed here:\n{}", Hidden { base, indent: "  " })?;
        }
        Ok(())
    }
}

/// Hides what `Display` hides.
impl fmt::Debug for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explanation")
            .field("label", &self.label)
            .field("key_id", &self.key_id)
            .field("steps", &self.steps)
            .field("signature_base", &self.shown_base())
            .field("hints", &self.hints)
            .finish()
    }
}
