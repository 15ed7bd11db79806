//! Requests as received, and who signed them.

use crate::error::WebError;
use crate::shape;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use bursar_app::callers::{self, Caller, Replay};
use bursar_app::idempotent::IdempotencyKey;
use bursar_app::refusals::{Code, Refusal};
use bursar_app::{App, Error, key_uses};
use bursar_httpsig::{Failure, ParsedSignature, PublicKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Largest accepted request body.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
const SCHEME: &str = "GNAP ";

/// A request whose bytes are kept as received. Not printable, since its headers carry tokens.
pub struct Raw {
    method: Method,
    path: String,
    target_uri: String,
    /// Its headers.
    pub headers: HeaderMap,
    body: Bytes,
}

impl FromRequest<Arc<App>> for Raw {
    type Rejection = WebError;

    async fn from_request(request: axum::extract::Request, app: &Arc<App>) -> Result<Self, WebError> {
        let (parts, body) = request.into_parts();
        // Routers are merged, never nested, so the path is the one received.
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let target_uri = format!("{}{path}", app.config.public_url);
        let body = read(body).await?;
        Ok(Self { method: parts.method, path, target_uri, headers: parts.headers, body })
    }
}

async fn read(body: Body) -> Result<Bytes, WebError> {
    axum::body::to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|_| Error::refused(Code::TooLarge, "the request body is incomplete or larger than 65536 bytes").into())
}

/// A part of the path that names something. Text that cannot be decoded names nothing, like any unknown name.
pub struct Named(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let name = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(name.map(|Path(name)| name).unwrap_or_default()))
    }
}

/// The value of a header that may be there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).into_iter();
    values.next().filter(|_| values.next().is_none())
}

/// How a surface words its refusals of signatures.
#[derive(Clone, Copy)]
pub struct Wording {
    /// Headers that are missing or cannot be read.
    unsigned: Code,
    /// Signatures that are not acceptable.
    rejected: fn(String) -> Refusal,
}

/// The words of the authorization server.
pub const AUTH: Wording = Wording { unsigned: Code::ClientUnsigned, rejected: callers::client_refusal };
/// The words of the resource server.
pub const RESOURCE: Wording = Wording { unsigned: Code::Unauthenticated, rejected: callers::signature_refusal };

impl Raw {
    /// The body as JSON.
    ///
    /// # Errors
    /// 400 with the given kind, naming the fault and its place.
    pub fn json<T: DeserializeOwned + Serialize>(&self, code: Code) -> Result<T, WebError> {
        let read = self.loose_json(code)?;
        if self.body.contains(&b'[') && !shape::is_kept(&read, &self.body) {
            let text = "the request body is not what this endpoint takes: a list stands where an object should";
            return Err(Error::refused(code, text).into());
        }
        Ok(read)
    }

    /// The body as JSON; a list of an object's members, in their order, is taken for the object as well.
    ///
    /// # Errors
    /// 400 with the given kind, naming the fault and its place.
    pub fn loose_json<T: DeserializeOwned>(&self, code: Code) -> Result<T, WebError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::refused(code, format!("the request body is not what this endpoint takes: {error}")).into()
        })
    }

    /// What stands behind the question mark of the target; empty without one.
    pub fn query(&self) -> &str {
        self.path.split_once('?').map_or("", |(_, query)| query)
    }

    /// Whether there is a body.
    pub fn has_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// The GNAP token of the `Authorization` header.
    pub fn token(&self) -> Option<&str> {
        let value = only(&self.headers, header::AUTHORIZATION.as_str())?.to_str().ok()?;
        let (scheme, token) = value.split_at_checked(SCHEME.len())?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case(SCHEME) && !token.is_empty() && !token.contains(' ')).then_some(token)
    }

    /// The signatures that the request carries.
    ///
    /// # Errors
    /// When it carries none that can be read.
    pub fn signatures(&self, words: Wording) -> Result<Vec<ParsedSignature>, WebError> {
        bursar_httpsig::parse(&self.headers).map_err(|error| {
            Error::refused(words.unsigned, format!("the request is not signed as it must be: {error}")).into()
        })
    }

    fn as_signed(&self) -> bursar_httpsig::Request<'_> {
        bursar_httpsig::Request {
            method: self.method.as_str(),
            target_uri: &self.target_uri,
            headers: &self.headers,
            body: Some(&self.body),
        }
    }

    /// Checks whatever can be told of a signature without its key, so that nobody makes us fetch keys for nothing.
    ///
    /// # Errors
    /// When the signature is not acceptable for this request and time.
    pub fn check(&self, app: &App, signature: &ParsedSignature, words: Wording) -> Result<(), WebError> {
        let checked = signature.check(&self.as_signed(), &app.config.signatures, app.clock.wire_seconds());
        checked.map(|_| ()).map_err(|failure| self.rejected(app, signature, &failure, words))
    }

    /// Verifies one of the request's signatures, counts it for its key, and accepts its nonce once.
    ///
    /// # Errors
    /// When the signature is not acceptable for this request, key and time, or the key has signed too many lately.
    pub async fn verify(
        &self,
        app: &App,
        signature: &ParsedSignature,
        key: &PublicKey,
        words: Wording,
    ) -> Result<(), WebError> {
        let (policy, now) = (&app.config.signatures, app.clock.wire_seconds());
        let verified = bursar_httpsig::verify(signature, &self.as_signed(), key, policy, now)
            .map_err(|failure| self.rejected(app, signature, &failure, words))?;
        let key = key.to_bytes();
        // Not before: nobody uses up the budget of somebody else's key. Not after: a nonce is good for one more try.
        app.limiter.count_key(&key)?;
        match verified.nonce {
            Some(nonce) => {
                let replay = if self.method.is_safe() { Replay::Harmless } else { Replay::Harmful };
                Ok(callers::use_nonce(app, &key, &nonce, replay, words.rejected).await?)
            }
            None => Ok(()),
        }
    }

    /// The refusal of a signature. In development its details show what the server thinks was to be signed.
    fn rejected(&self, app: &App, signature: &ParsedSignature, failure: &Failure, words: Wording) -> WebError {
        let refusal = (words.rejected)(failure.to_string());
        match signature.signature_base(&self.as_signed()) {
            Ok(base) if app.config.development => refusal.with("signatureBase", base).into(),
            _ => refusal.into(),
        }
    }

    /// Verifies that the key with this name signed.
    ///
    /// # Errors
    /// When no signature names it, or that signature is not acceptable.
    pub async fn verify_signed_by(
        &self,
        app: &App,
        kid: &str,
        key: &PublicKey,
        words: Wording,
    ) -> Result<(), WebError> {
        self.verify_one_of(app, &self.signatures(words)?, kid, key, words).await
    }

    async fn verify_one_of(
        &self,
        app: &App,
        signatures: &[ParsedSignature],
        kid: &str,
        key: &PublicKey,
        words: Wording,
    ) -> Result<(), WebError> {
        // Proxies may sign as well, under any name: one good signature is enough.
        let mut fault = None;
        for signature in signatures.iter().filter(|signature| signature.key_id() == kid) {
            match self.verify(app, signature, key, words).await {
                Ok(()) => return Ok(()),
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        Err(fault.unwrap_or_else(|| {
            let named = signatures.first().map_or("", ParsedSignature::key_id);
            let text = format!("the request is signed with the key {named:?}, but its grant is bound to {kid:?}");
            (words.rejected)(text).into()
        }))
    }

    /// The idempotency key, if the client sent one.
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, WebError> {
        if !self.headers.contains_key("idempotency-key") {
            return Ok(None);
        }
        // Of several nobody could tell which one counts.
        let value = only(&self.headers, "idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Some(IdempotencyKey::new(value, self.method.as_str(), &self.path, &self.body)?))
    }

    /// The bearer of the access token, whose signature is verified.
    ///
    /// # Errors
    /// As the resource server's table of refusals says.
    pub async fn caller(&self, app: &App) -> Result<Arc<Caller>, WebError> {
        let token = self.token().ok_or_else(|| {
            Error::refused(Code::Unauthenticated, "this needs an access token: send Authorization: GNAP <token>")
        })?;
        let signatures = self.signatures(RESOURCE);
        let caller = callers::find(app, token).await?;
        self.verify_one_of(app, &signatures?, &caller.key.kid, &caller.public_key, RESOURCE).await?;
        key_uses::note(app, &caller.client, &caller.key.kid);
        Ok(caller)
    }
}
