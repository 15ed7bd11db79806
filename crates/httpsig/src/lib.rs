//! HTTP Message Signatures (RFC 9421) with Ed25519, content digests (RFC 9530) and JWKs, for Open Payments.
//!
//! A client signs each request; a server reads the signature, finds the key that it names, and verifies it
//! against the request as it arrived. Time is an argument throughout, and nothing here draws randomness or
//! does input or output.
//!
//! ```
//! use bursar_httpsig::{Policy, PrivateKey, Request, SignOptions, parse, sign, verify};
//! use http::{HeaderMap, HeaderValue};
//!
//! // The client. A real seed comes from the system's random number generator.
//! let key = PrivateKey::from_seed([7; 32]);
//! let body = br#"{"walletAddress":"https://cloudninebank.example.com/alice"}"#;
//! let mut headers = HeaderMap::new();
//! headers.insert("authorization", HeaderValue::from_static("GNAP OS9M2PMHKUR64TB8N6BW7OZB8CDFONP219RP1LT0"));
//! headers.insert("content-type", HeaderValue::from_static("application/json"));
//! let url = "https://cloudninebank.example.com/op/incoming-payments";
//! let request = Request { method: "POST", target_uri: url, headers: &headers, body: Some(body) };
//! let signed = sign(&key, "key-1", &request, &SignOptions::new(1_700_000_000))?;
//! signed.apply_to(&mut headers);
//!
//! // The server, two seconds later.
//! let request = Request { method: "POST", target_uri: url, headers: &headers, body: Some(body) };
//! let signatures = parse(request.headers)?;
//! assert_eq!(signatures[0].key_id(), "key-1");
//! let public_key = key.public_key(); // in truth: found by the key id
//! let verified = verify(&signatures[0], &request, &public_key, &Policy::default(), 1_700_000_002)?;
//! assert_eq!(verified.created, 1_700_000_000);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Errors, and the statuses they lead to
//!
//! [`Malformed`]: there is no signature, or it cannot be read. [`Failure`]: there is one, and it is not
//! acceptable; the message says which rule it breaks, in words for the developer of the client. [`explain`]
//! goes further: every rule, the signature base as the server computed it, and guesses at the usual mistakes.
//!
//! # What is covered
//!
//! Components are supported as far as they make sense in a request: header fields, also with `key` and
//! `bs`; `@method`, `@target-uri`, `@authority`, `@scheme`, `@request-target` (origin form), `@path`,
//! `@query`, and `@query-param`. Everything else (`sf`, `req`, `tr`, `@status`, unknown names) is refused
//! with the reason. One list may not name a component twice.

mod component;
pub mod digest;
mod explain;
mod field;
mod hints;
pub mod jwk;
mod key;
mod parsed;
mod request;
mod sign;
mod verify;

use http::HeaderName;

pub use component::{Component, ComponentError};
pub use digest::{DigestError, content_digest_sha512, verify_content_digest};
pub use explain::{Explanation, Outcome, Rule, Step, explain};
pub use jwk::{Jwk, JwkSet};
pub use key::{KeyError, MAX_KEY_ID_BYTES, PrivateKey, PublicKey};
pub use parsed::{
    MAX_COMPONENTS, MAX_HEADER_BYTES, MAX_NONCE_BYTES, MAX_SIGNATURES, Malformed, ParsedSignature, parse,
};
pub use request::{Request, RequestError};
pub use sign::{SignError, SignOptions, SignedHeaders, sign};
pub use verify::{Checked, Failure, Policy, Verified, verify, verify_any};

/// `Content-Digest` (RFC 9530 §2).
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
/// `Signature` (RFC 9421 §4.2).
pub const SIGNATURE: HeaderName = HeaderName::from_static("signature");
/// `Signature-Input` (RFC 9421 §4.1).
pub const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
