//! Signing a request the way deployed Open Payments clients do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{Integer, KeyRef, ListSerializer, StringRef, key_ref, string_ref};

use crate::digest::content_digest_sha512;
use crate::field;
use crate::key::{self, PrivateKey};
use crate::parsed::{MAX_NONCE_BYTES, push_params_line};
use crate::request::{Request, RequestError};
use crate::{CONTENT_DIGEST, SIGNATURE, SIGNATURE_INPUT};

/// What the signer chooses, besides the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignOptions<'a> {
    /// When the signature is made, Unix seconds.
    pub created: i64,
    /// After which second it shall not be accepted, Unix seconds. Deployed clients leave this out.
    pub expires: Option<i64>,
    /// A value never used before; 1 to 256 bytes of printable ASCII. Deployed clients leave this out.
    pub nonce: Option<&'a str>,
    /// The label in both headers. Some servers look for `sig1` alone, hence the default.
    pub label: &'a str,
}

impl SignOptions<'_> {
    /// A signature made at `created` (Unix seconds) as deployed clients make it: labelled `sig1`, with
    /// neither nonce nor expiry.
    pub fn new(created: i64) -> Self {
        Self { created, expires: None, nonce: None, label: "sig1" }
    }
}

/// Why a request cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The method or the URL.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A request with a body must say what the body is.
    #[error("the request has a body but no Content-Type header; add it before signing, since it is signed too")]
    MissingContentType,
    /// The value of a covered header is not ASCII.
    #[error("the {0} header cannot be signed: its value has bytes outside printable ASCII")]
    Header(HeaderName),
    /// The key's name cannot be written into the header.
    #[error("the key id cannot be a keyid: it must have 1 to {max} printable ASCII characters", max = key::MAX_KEY_ID_BYTES)]
    KeyId,
    /// The nonce cannot be written into the header.
    #[error("the nonce must have 1 to {max} printable ASCII characters", max = MAX_NONCE_BYTES)]
    Nonce,
    /// Not a key of RFC 8941 §3.1.2.
    #[error("the label {0:?} is not legal: it must begin with a-z or * and go on with a-z, 0-9, or one of _-.*")]
    Label(String),
    /// Out of the 15 digits of RFC 8941 §3.3.1.
    #[error("the instant {0} is out of range; it must be Unix seconds")]
    Instant(i64),
    /// Nobody would accept such a signature.
    #[error("the signature would expire at {expires}, before it is created at {created}")]
    ExpiresBeforeCreated {
        /// Unix seconds.
        expires: i64,
        /// Unix seconds.
        created: i64,
    },
}

/// The headers to add to the request. Send them unchanged, with the same method, URL, `Authorization`,
/// `Content-Type` and body bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeaders {
    /// `Content-Digest`, when there is a body.
    pub content_digest: Option<HeaderValue>,
    /// `Content-Length`, when there is a body.
    pub content_length: Option<HeaderValue>,
    /// `Signature-Input`.
    pub signature_input: HeaderValue,
    /// `Signature`.
    pub signature: HeaderValue,
}

impl SignedHeaders {
    /// Names and values, to be set (not appended).
    pub fn iter(&self) -> impl Iterator<Item = (HeaderName, &HeaderValue)> {
        let body = [(CONTENT_DIGEST, &self.content_digest), (CONTENT_LENGTH, &self.content_length)];
        let body = body.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        body.chain([(SIGNATURE_INPUT, &self.signature_input), (SIGNATURE, &self.signature)])
    }

    /// Sets the headers, replacing those of an earlier signature.
    pub fn apply_to(&self, headers: &mut HeaderMap) {
        for (name, value) in self.iter() {
            headers.insert(name, value.clone());
        }
    }
}

/// Signs a request (RFC 9421 §3.1) with the components that Open Payments servers expect.
///
/// Covered are `@method` and `@target-uri`; `authorization` when that header is there; and with a body
/// `content-digest`, `content-length` and `content-type`. The digest (`sha-512`) and the length are computed
/// here from the body, whatever the headers say; `Content-Type` must be among the headers already.
/// The parameters are `keyid` and `created`, then `nonce` and `expires` when given.
///
/// # Errors
/// [`SignError`] says what cannot be signed.
pub fn sign(
    key: &PrivateKey,
    key_id: &str,
    request: &Request<'_>,
    options: &SignOptions<'_>,
) -> Result<SignedHeaders, SignError> {
    request.target()?;
    let key_id = string(key_id, key::MAX_KEY_ID_BYTES).ok_or(SignError::KeyId)?;
    let nonce = match options.nonce {
        Some(nonce) => Some(string(nonce, MAX_NONCE_BYTES).ok_or(SignError::Nonce)?),
        None => None,
    };
    let label = KeyRef::from_str(options.label).map_err(|_| SignError::Label(options.label.to_owned()))?.as_str();
    let created = instant(options.created)?;
    let expires = options.expires.map(instant).transpose()?;
    if expires.is_some_and(|expires| expires < created) {
        return Err(SignError::ExpiresBeforeCreated { expires: expires.map_or(0, i64::from), created: created.into() });
    }

    let mut draft = Draft::with_capacity(request.target_uri.len() + 768);
    draft.push(METHOD, request.method);
    draft.push(TARGET_URI, request.target_uri);
    draft.push_header(AUTHORIZATION_NAME, request.headers, &AUTHORIZATION)?;
    let (mut content_digest, mut content_length) = (None, None);
    if request.has_body() {
        let digest = content_digest_sha512(request.body_bytes());
        let length = request.body_bytes().len();
        draft.push(CONTENT_DIGEST_NAME, &digest);
        draft.push(CONTENT_LENGTH_NAME, &length.to_string());
        if !draft.push_header(CONTENT_TYPE_NAME, request.headers, &CONTENT_TYPE)? {
            return Err(SignError::MissingContentType);
        }
        content_digest = Some(header_value(CONTENT_DIGEST, &digest)?);
        content_length = Some(HeaderValue::from(length));
    }

    let mut params = String::with_capacity(256);
    let mut list = ListSerializer::with_buffer(&mut params);
    let mut components = list.inner_list();
    for name in &draft.covered {
        components.bare_item(*name);
    }
    // In the order that deployed clients write, since some servers take the text apart by hand.
    let mut written = components.finish().parameter(key_ref("keyid"), key_id).parameter(key_ref("created"), created);
    if let Some(nonce) = nonce {
        written = written.parameter(key_ref("nonce"), nonce);
    }
    if let Some(expires) = expires {
        written = written.parameter(key_ref("expires"), expires);
    }
    let params = written.finish();
    push_params_line(&mut draft.base, params);

    let signature = STANDARD.encode(key.sign(draft.base.as_bytes()));
    Ok(SignedHeaders {
        content_digest,
        content_length,
        signature_input: header_value(SIGNATURE_INPUT, &format!("{label}={params}"))?,
        signature: header_value(SIGNATURE, &format!("{label}=:{signature}:"))?,
    })
}

const METHOD: &StringRef = string_ref("@method");
const TARGET_URI: &StringRef = string_ref("@target-uri");
const AUTHORIZATION_NAME: &StringRef = string_ref("authorization");
const CONTENT_DIGEST_NAME: &StringRef = string_ref("content-digest");
const CONTENT_LENGTH_NAME: &StringRef = string_ref("content-length");
const CONTENT_TYPE_NAME: &StringRef = string_ref("content-type");

/// A signature base in the making, and what it covers so far.
struct Draft {
    base: String,
    covered: Vec<&'static StringRef>,
}

impl Draft {
    fn with_capacity(bytes: usize) -> Self {
        Self { base: String::with_capacity(bytes), covered: Vec::with_capacity(6) }
    }

    fn push(&mut self, name: &'static StringRef, value: &str) {
        self.covered.push(name);
        self.push_name(name);
        self.base.push_str(value);
        self.base.push('\n');
    }

    /// Covers a header if the request has it, and tells whether it does.
    fn push_header(
        &mut self,
        name: &'static StringRef,
        headers: &HeaderMap,
        header: &HeaderName,
    ) -> Result<bool, SignError> {
        let start = self.base.len();
        self.push_name(name);
        let present =
            field::push_combined(&mut self.base, headers, header).map_err(|_| SignError::Header(header.clone()))?;
        if present {
            self.covered.push(name);
            self.base.push('\n');
        } else {
            self.base.truncate(start);
        }
        Ok(present)
    }

    fn push_name(&mut self, name: &StringRef) {
        self.base.push('"');
        self.base.push_str(name.as_str());
        self.base.push_str("\": ");
    }
}

/// A string parameter of 1 to `max` printable ASCII bytes.
fn string(text: &str, max: usize) -> Option<&StringRef> {
    StringRef::from_str(text).ok().filter(|_| (1..=max).contains(&text.len()))
}

fn instant(seconds: i64) -> Result<Integer, SignError> {
    Integer::try_from(seconds).map_err(|_| SignError::Instant(seconds))
}

/// The texts made above are printable ASCII, so that this does not fail; if ever it did, it would say where.
fn header_value(name: HeaderName, text: &str) -> Result<HeaderValue, SignError> {
    HeaderValue::from_str(text).map_err(|_| SignError::Header(name))
}
