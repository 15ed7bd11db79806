//! An app that signs requests ahead, as the official SDKs sign them.

use crate::framing;
use anyhow::{Context, Result};
use bursar_app::Clock;
use bursar_httpsig::{PrivateKey, Request, SignOptions, sign};
use http::{HeaderMap, HeaderValue};
use std::cell::Cell;

/// Signatures of one pool are dated over this many seconds before the present, as those of many clients would be.
const AGES_SECONDS: i64 = 32;

/// An app with its key.
pub struct Signer {
    /// Its wallet address.
    pub address: String,
    /// The provider's public URL, which signatures cover.
    pub public_url: String,
    host: HeaderValue,
    key: PrivateKey,
    kid: String,
    clock: Clock,
    /// Whether signatures carry a nonce.
    nonces: bool,
    /// Whether what creates something carries an idempotency key.
    keys: bool,
    made: Cell<i64>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The method.
    pub method: &'a str,
    /// The URL's path and query.
    pub path: &'a str,
    /// The access token.
    pub token: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

impl Signer {
    /// An app of the provider with this public URL.
    ///
    /// # Errors
    /// When the URL names no host.
    pub fn new(name: &str, public_url: &str, key: PrivateKey, kid: &str, clock: Clock, nonces: bool) -> Result<Self> {
        let (_, host) = public_url.split_once("://").context("the public URL has no scheme")?;
        Ok(Self {
            address: format!("{public_url}/{name}"),
            public_url: public_url.to_owned(),
            host: HeaderValue::from_str(host).context("the public URL's host")?,
            key,
            kid: kid.to_owned(),
            clock,
            nonces,
            keys: false,
            made: Cell::new(0),
        })
    }

    /// The same, with an idempotency key for everything that it creates.
    pub fn with_idempotency_keys(self) -> Self {
        Self { keys: true, ..self }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(10);
        headers.insert("host", self.host.clone());
        headers.insert("accept", HeaderValue::from_static("application/json"));
        // The SDKs send it without a body, too.
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers
    }

    /// A request without a signature.
    pub fn plain(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let mut headers = self.headers();
        headers.insert("content-length", HeaderValue::from(body.len()));
        framing::request(method, path, &headers, body)
    }

    /// The headers of a signed request.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn signed_headers(&self, ask: &Ask<'_>) -> Result<HeaderMap> {
        let mut headers = self.headers();
        if let Some(token) = ask.token {
            headers.insert("authorization", HeaderValue::from_str(&format!("GNAP {token}")).context("a token")?);
        }
        let number = self.made.replace(self.made.get() + 1);
        let nonce = self.nonces.then(|| format!("bench-{}-{number}", std::process::id()));
        let created = self.clock.wire_seconds() - number % AGES_SECONDS;
        let target_uri = format!("{}{}", self.public_url, ask.path);
        let request = Request { method: ask.method, target_uri: &target_uri, headers: &headers, body: Some(ask.body) };
        let options = SignOptions { nonce: nonce.as_deref(), ..SignOptions::new(created) };
        let signed = sign(&self.key, &self.kid, &request, &options)?;
        signed.apply_to(&mut headers);
        if self.keys && ask.method == "POST" && ask.path.starts_with("/op/") {
            let key = HeaderValue::from_str(&format!("bench-{}-{number}", std::process::id()));
            headers.insert("idempotency-key", key.context("an idempotency key")?);
        }
        Ok(headers)
    }

    /// A signed request as it travels.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn signed(&self, ask: &Ask<'_>) -> Result<Vec<u8>> {
        Ok(framing::request(ask.method, ask.path, &self.signed_headers(ask)?, ask.body))
    }

    /// The public key, for the provider.
    pub fn jwk(&self) -> Result<bursar_httpsig::Jwk> {
        Ok(bursar_httpsig::Jwk::new(self.kid.clone(), self.key.public_key())?)
    }
}
