//! Requests on the wire: signed, bounded, sent once more when that is safe.

use crate::clock::{Clock, Duration, Random};
use crate::error::{Error, NetworkError, Refusal};
use crate::exchange::{Exchange, Observer};
use crate::url_rules::{UrlRules, short};
use bursar_httpsig::{PrivateKey, Request as SignedRequest, SignOptions, sign};
use bursar_types::ClientRef;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

/// Largest response body that is read, in bytes.
pub(crate) const RESPONSE_BYTES_MAX: usize = 1024 * 1024;
/// How long to wait before a request is sent a second time.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Who the client is, and the key that it signs with.
#[derive(Clone)]
pub(crate) struct Identity {
    /// How it names itself in grant requests.
    pub(crate) client: ClientRef,
    pub(crate) key_id: String,
    pub(crate) key: PrivateKey,
}

/// Everything that sending a request needs.
#[derive(Clone)]
pub(crate) struct Transport {
    pub(crate) http: reqwest::Client,
    pub(crate) timeout: Duration,
    pub(crate) urls: UrlRules,
    pub(crate) user_agent: HeaderValue,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    /// Without it nothing can be signed.
    pub(crate) identity: Option<Identity>,
    /// Who is told of each exchange.
    pub(crate) observer: Option<Observer>,
}

/// One request, which may be sent twice.
#[derive(Clone)]
pub(crate) struct Call<'a> {
    method: Method,
    url: &'a Url,
    body: Option<Bytes>,
    token: Option<&'a str>,
    idempotency_key: Option<String>,
    signed: bool,
    /// Whether sending it a second time does no harm when the first time may have arrived.
    repeatable: bool,
}

impl<'a> Call<'a> {
    fn new(method: Method, url: &'a Url) -> Self {
        Self { method, url, body: None, token: None, idempotency_key: None, signed: true, repeatable: false }
    }

    /// A signed GET.
    pub(crate) fn get(url: &'a Url) -> Self {
        Self { repeatable: true, ..Self::new(Method::GET, url) }
    }

    /// A GET that anybody may send: neither signed nor with a token.
    pub(crate) fn get_public(url: &'a Url) -> Self {
        Self { signed: false, ..Self::get(url) }
    }

    /// A signed POST without a body.
    pub(crate) fn post(url: &'a Url) -> Self {
        Self::new(Method::POST, url)
    }

    /// A signed DELETE.
    pub(crate) fn delete(url: &'a Url) -> Self {
        Self::new(Method::DELETE, url)
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Result<Self, Error> {
        let bytes = serde_json::to_vec(body)
            .map_err(|error| Error::invalid_response(self.url.as_str(), format!("the request's body: {error}")))?;
        self.body = Some(bytes.into());
        Ok(self)
    }

    pub(crate) fn token(mut self, token: &'a str) -> Self {
        self.token = Some(token);
        self
    }

    /// The same request with a token that is known only now.
    pub(crate) fn with_token<'b>(&self, token: &'b str) -> Call<'b>
    where
        'a: 'b,
    {
        self.clone().token(token)
    }

    /// Makes a creating POST repeatable: the server gives the same answer to the same key.
    pub(crate) fn idempotent(mut self, key: String) -> Self {
        self.idempotency_key = Some(key);
        self.repeatable = true;
        self
    }

    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }
}

/// What came back.
struct Received {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// A successful answer.
pub(crate) struct Answer {
    url: String,
    body: Vec<u8>,
}

impl Answer {
    /// Reads the body. The error names the fault in full, values included.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::invalid_response(&self.url, error.to_string()))
    }

    /// Reads a body that contains secrets: the error does not repeat any value.
    pub(crate) fn secret_json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let text = error.to_string();
            let reason = if text.starts_with("missing field") {
                text
            } else {
                format!("the JSON has a fault at line {}, column {}", error.line(), error.column())
            };
            Error::invalid_response(&self.url, reason)
        })
    }
}

impl Transport {
    /// The caller's idempotency key, or one that was never used before.
    pub(crate) fn idempotency_key(&self, given: Option<String>) -> Result<String, Error> {
        Ok(given.map_or_else(|| self.random.uuid(), Ok)?)
    }

    /// Sends the request; once more if the server could not be reached or was not ready, and a repeat is harmless.
    pub(crate) async fn send(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let first = self.send_once(call).await;
        match first {
            Err(error) if call.repeatable && is_passing(&error) => {
                self.clock.sleep(RETRY_PAUSE).await;
                self.send_once(call).await
            }
            first => first,
        }
    }

    async fn send_once(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let url = call.url.as_str();
        let headers = self.headers(call)?;
        let received = self.exchange(call, &headers).await;
        if let Some(observer) = &self.observer {
            let answer = received.as_ref().map(|got| (got.status, &got.headers, got.body.as_slice()));
            observer.tell(&Exchange::new(&call.method, call.url, &headers, call.body.as_deref(), answer));
        }
        let Received { status, headers, body } = received?;
        if status.is_success() {
            return Ok(Answer { url: url.to_owned(), body });
        }
        if status.is_redirection() {
            let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).map(short);
            let target = location.map(|location| format!(" to {location}")).unwrap_or_default();
            return Err(Error::invalid_response(url, format!("a redirect{target}, which is not followed")));
        }
        Err(Error::Refused(Box::new(Refusal::read(call.method.as_str(), url, status.as_u16(), &body))))
    }

    /// Sends the request and reads the whole answer, whatever it says.
    async fn exchange(&self, call: &Call<'_>, headers: &HeaderMap) -> Result<Received, Error> {
        let url = call.url.as_str();
        let request = self.http.request(call.method.clone(), call.url.clone());
        let mut request = request.headers(headers.clone()).timeout(self.timeout);
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        let network = |source: reqwest::Error| NetworkError { url: short(url), source: source.without_url() };
        let mut response = request.send().await.map_err(network)?;
        let status = response.status();
        let too_large = || Error::invalid_response(url, format!("more than {RESPONSE_BYTES_MAX} bytes"));
        if response.content_length().is_some_and(|length| length > RESPONSE_BYTES_MAX as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(network)? {
            if body.len() + chunk.len() > RESPONSE_BYTES_MAX {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Received { status, headers: std::mem::take(response.headers_mut()), body })
    }

    /// The header fields, the signature's included. Made anew for every sending, since a nonce is used once.
    fn headers(&self, call: &Call<'_>) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, JSON);
        headers.insert(USER_AGENT, self.user_agent.clone());
        if call.body.is_some() {
            headers.insert(CONTENT_TYPE, JSON);
        }
        if let Some(key) = &call.idempotency_key {
            let legal = (1..=255).contains(&key.len()) && key.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
            let value = HeaderValue::from_str(key).ok().filter(|_| legal).ok_or(Error::IdempotencyKey)?;
            headers.insert(IDEMPOTENCY_KEY, value);
        }
        if let Some(token) = call.token {
            let value = HeaderValue::from_str(&format!("GNAP {token}"));
            let mut value =
                value.map_err(|_| Error::invalid_response(call.url.as_str(), "a token that no header can carry"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(identity) = self.identity.as_ref().filter(|_| call.signed) {
            let nonce = self.random.nonce()?;
            let request = SignedRequest {
                method: call.method.as_str(),
                target_uri: call.url.as_str(),
                headers: &headers,
                body: call.body.as_deref(),
            };
            let options = SignOptions { nonce: Some(&nonce), ..SignOptions::new(self.clock.now().as_second()) };
            let signed = sign(&identity.key, &identity.key_id, &request, &options)?;
            signed.apply_to(&mut headers);
        }
        Ok(headers)
    }
}

/// Whether the same request may well succeed a moment later. A time-out is not among these: whoever waited long would
/// wait twice as long.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Network(error) => !error.is_timeout(),
        Error::Refused(refusal) => {
            [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT]
                .iter()
                .any(|status| refusal.status == status.as_u16())
        }
        _ => false,
    }
}
