//! Deciding whether a signature is acceptable for a request (RFC 9421 §3.2).

use std::fmt;

use http::header::AUTHORIZATION;

use crate::CONTENT_DIGEST;
use crate::component::ComponentError;
use crate::digest::{self, DigestError};
use crate::key::PublicKey;
use crate::parsed::ParsedSignature;
use crate::request::Request;

/// What the verifier insists on beyond the signature itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Oldest signature accepted, in seconds since its `created`.
    pub max_age_seconds: u32,
    /// How far ahead of this machine's clock `created` may be, in seconds.
    pub max_skew_seconds: u32,
    /// Whether a signature without `nonce` is refused. That a nonce is used only once is for the caller to
    /// check, who has the storage; today's clients send none.
    pub require_nonce: bool,
}

impl Default for Policy {
    /// 300 seconds of age, 60 seconds of skew, no nonce needed.
    fn default() -> Self {
        Self { max_age_seconds: 300, max_skew_seconds: 60, require_nonce: false }
    }
}

/// The signature can be read but is not acceptable. Each message tells the client's developer what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The `alg` parameter names another algorithm.
    #[error("the signature's alg is {0:?}; only \"ed25519\" is supported (leaving alg out is fine)")]
    Algorithm(String),
    /// No `created`, so that its age cannot be judged.
    #[error("the signature has no created parameter")]
    MissingCreated,
    /// `created` lies in the future.
    #[error("the signature was created at {created}, {} s after the server's time {now}; at most {max_skew_seconds} s are tolerated{}", created.saturating_sub(*now), unit_hint(*created, *now))]
    CreatedInFuture {
        /// Unix seconds.
        created: i64,
        /// Unix seconds.
        now: i64,
        /// The tolerance, in seconds.
        max_skew_seconds: u32,
    },
    /// `created` lies too far back.
    #[error("the signature was created at {created}, {} s before the server's time {now}; at most {max_age_seconds} s are accepted: sign each request anew", now.saturating_sub(*created))]
    TooOld {
        /// Unix seconds.
        created: i64,
        /// Unix seconds.
        now: i64,
        /// The limit, in seconds.
        max_age_seconds: u32,
    },
    /// `expires` is over.
    #[error("the signature expired at {expires}, {} s before the server's time {now}", now.saturating_sub(*expires))]
    Expired {
        /// Unix seconds.
        expires: i64,
        /// Unix seconds.
        now: i64,
    },
    /// The policy wants a `nonce`.
    #[error("the signature has no nonce parameter, which this server requires")]
    MissingNonce,
    /// Parts of the request that must be signed are not.
    #[error("the signature does not cover {}{}", Quoted(.0), coverage_reason(.0))]
    NotCovered(Vec<&'static str>),
    /// A covered component has no value.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The body is not the one that was signed.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The signature is not this key's over this request.
    #[error(
        "the signature {label} does not verify with the key {key_id}: a covered part of the request differs from what was signed, or another key was used"
    )]
    Signature {
        /// The signature's label.
        label: String,
        /// The `keyid` it gives.
        key_id: String,
    },
    /// [`verify_any`] was given no key for any of the signatures.
    #[error("no key is known under the keyid {}", .0.join(" or "))]
    UnknownKey(Vec<String>),
}

/// A frequent mistake, worth naming: JavaScript's clock counts milliseconds.
fn unit_hint(created: i64, now: i64) -> &'static str {
    if created / 100 > now { " (created is in seconds, this looks like milliseconds)" } else { "" }
}

struct Quoted<'a>(&'a [&'static str]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "\"{name}\"")?;
        }
        Ok(())
    }
}

fn coverage_reason(missing: &[&'static str]) -> &'static str {
    match missing {
        ["authorization"] => ", although the request has that header",
        ["content-digest"] => ", although the request has a body",
        _ => "",
    }
}

/// A signature that verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The `keyid`.
    pub key_id: String,
    /// When it was made, Unix seconds.
    pub created: i64,
    /// The `nonce`, when there is one; the caller accepts each only once. It need not be remembered after
    /// `created` plus the policy's maximum age, since the signature is then too old anyway.
    pub nonce: Option<String>,
}

/// A signature that keeps every rule that can be checked without the key.
///
/// Made by [`ParsedSignature::check`]. Since finding a key may cost a request to another server, a provider
/// does this first.
pub struct Checked<'a> {
    parsed: &'a ParsedSignature,
    created: i64,
    base: String,
}

impl Checked<'_> {
    /// The `keyid` parameter: which key to find.
    pub fn key_id(&self) -> &str {
        self.parsed.key_id()
    }

    /// The text that the signature is over (RFC 9421 §2.5). It contains access tokens: do not log it.
    pub fn signature_base(&self) -> &str {
        &self.base
    }

    /// Verifies the signature itself.
    ///
    /// # Errors
    /// [`Failure::Signature`].
    pub fn verify(self, key: &PublicKey) -> Result<Verified, Failure> {
        signature(self.parsed, &self.base, key)?;
        let ParsedSignature { key_id, nonce, .. } = self.parsed;
        Ok(Verified { key_id: key_id.clone(), created: self.created, nonce: nonce.clone() })
    }
}

/// Leaves out the signature base, which may contain an access token.
impl fmt::Debug for Checked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked").field("parsed", self.parsed).finish_non_exhaustive()
    }
}

impl ParsedSignature {
    /// Checks everything that does not need the key, at `now` (Unix seconds): algorithm, freshness,
    /// coverage, presence of what is covered, and the body's digest.
    ///
    /// # Errors
    /// [`Failure`], never [`Failure::Signature`].
    pub fn check(&self, request: &Request<'_>, policy: &Policy, now: i64) -> Result<Checked<'_>, Failure> {
        algorithm(self)?;
        let created = created(self, policy, now)?;
        expires(self, now)?;
        nonce(self, policy)?;
        coverage(self, request)?;
        let base = self.signature_base(request)?;
        body(self, request)?;
        Ok(Checked { parsed: self, created, base })
    }
}

/// Verifies one signature of a request with the key that its `keyid` names, at `now` (Unix seconds).
///
/// Required are: `@method` and `@target-uri` covered; `authorization` covered when that header is there;
/// `content-digest` covered when there is a body, and equal to the digest of the body's bytes; `created`,
/// neither too old nor in the future; `expires`, when given, not over; `alg`, when given, `ed25519`.
///
/// # Errors
/// [`Failure`] says which of these is not so.
pub fn verify(
    parsed: &ParsedSignature,
    request: &Request<'_>,
    key: &PublicKey,
    policy: &Policy,
    now: i64,
) -> Result<Verified, Failure> {
    parsed.check(request, policy, now)?.verify(key)
}

/// Verifies a request that may carry signatures of several parties: the first one wins that has a known key
/// and is acceptable, in the order of `Signature-Input`.
///
/// `key_of` finds the key of a `keyid`; signatures whose key it does not know are passed over.
///
/// # Errors
/// The [`Failure`] of the first signature with a known key; [`Failure::UnknownKey`] when there is none.
pub fn verify_any<'k>(
    parsed: &[ParsedSignature],
    request: &Request<'_>,
    mut key_of: impl FnMut(&str) -> Option<&'k PublicKey>,
    policy: &Policy,
    now: i64,
) -> Result<Verified, Failure> {
    let mut first_failure = None;
    for signature in parsed {
        let Some(key) = key_of(signature.key_id()) else { continue };
        match verify(signature, request, key, policy, now) {
            Ok(verified) => return Ok(verified),
            Err(failure) => first_failure = first_failure.or(Some(failure)),
        }
    }
    Err(first_failure
        .unwrap_or_else(|| Failure::UnknownKey(parsed.iter().map(|parsed| parsed.key_id.clone()).collect())))
}

// The rules, one function each; `explain` runs the very same ones.

pub(crate) fn algorithm(parsed: &ParsedSignature) -> Result<(), Failure> {
    match parsed.algorithm.as_deref() {
        None | Some("ed25519") => Ok(()),
        Some(other) => Err(Failure::Algorithm(other.to_owned())),
    }
}

pub(crate) fn created(parsed: &ParsedSignature, policy: &Policy, now: i64) -> Result<i64, Failure> {
    let created = parsed.created.ok_or(Failure::MissingCreated)?;
    let Policy { max_age_seconds, max_skew_seconds, .. } = *policy;
    if created > now.saturating_add(max_skew_seconds.into()) {
        return Err(Failure::CreatedInFuture { created, now, max_skew_seconds });
    }
    if created < now.saturating_sub(max_age_seconds.into()) {
        return Err(Failure::TooOld { created, now, max_age_seconds });
    }
    Ok(created)
}

pub(crate) fn expires(parsed: &ParsedSignature, now: i64) -> Result<(), Failure> {
    match parsed.expires {
        Some(expires) if expires < now => Err(Failure::Expired { expires, now }),
        _ => Ok(()),
    }
}

pub(crate) fn nonce(parsed: &ParsedSignature, policy: &Policy) -> Result<(), Failure> {
    if policy.require_nonce && parsed.nonce.is_none() { Err(Failure::MissingNonce) } else { Ok(()) }
}

pub(crate) fn required(request: &Request<'_>) -> impl Iterator<Item = &'static str> {
    let authorization = request.headers.contains_key(AUTHORIZATION).then_some("authorization");
    let digest = request.has_body().then_some("content-digest");
    ["@method", "@target-uri"].into_iter().chain(authorization).chain(digest)
}

pub(crate) fn coverage(parsed: &ParsedSignature, request: &Request<'_>) -> Result<(), Failure> {
    if required(request).all(|name| parsed.covers(name)) {
        return Ok(());
    }
    Err(Failure::NotCovered(required(request).filter(|name| !parsed.covers(name)).collect()))
}

/// Also without a body when the digest is covered: else a body could be taken away unnoticed.
pub(crate) fn body(parsed: &ParsedSignature, request: &Request<'_>) -> Result<(), Failure> {
    if request.has_body() || parsed.covers("content-digest") {
        digest::verify_content_digest(request.headers.get_all(CONTENT_DIGEST), request.body_bytes())?;
    }
    Ok(())
}

pub(crate) fn signature(parsed: &ParsedSignature, base: &str, key: &PublicKey) -> Result<(), Failure> {
    if key.verify(base.as_bytes(), &parsed.signature) {
        return Ok(());
    }
    Err(Failure::Signature { label: parsed.label.clone(), key_id: parsed.key_id.clone() })
}
