//! What went over the wire, for people to look at.

use crate::error::Error;
use http::header::{AUTHORIZATION, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use url::Url;

/// What stands for the part of a secret that is not shown.
const CUT: char = '…';
/// Characters of a secret that are shown, so that one can see where the same one is used again.
const SHOWN: usize = 4;
/// Shorter secrets are not shown at all: too little would be left to guess.
const SHOWN_OF_AT_LEAST: usize = 16;

/// A request and its answer, as [`Client::observed`](crate::Client::observed) tells them.
///
/// **Secrets are cut short**, to their first four characters or to nothing: access and continuation tokens (in the
/// `Authorization` header and in bodies), nonces of an interaction and its reference (RFC 9635 §4.2.3), the last part of
/// the consent page's address, and what a receiver shares with a sender (`sharedSecret`). All else of a JSON body is as
/// it was sent, byte by byte. Signatures are shown whole: each is good for one request, which was sent. Bodies that are
/// not JSON are not shown, since there is no telling what is in them.
///
/// Its `Display` is one line: `POST https://wallet.example/auth → 200`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// The request's method.
    pub method: String,
    /// The request's URL.
    pub url: String,
    /// What was sent, without the fields that the HTTP library adds (`Host`, `Content-Length`).
    pub request: Message,
    /// The answer's status; `None` if there was no answer that could be read.
    pub status: Option<u16>,
    /// What was answered; empty if there was no answer.
    pub response: Message,
    /// Why there was no answer.
    pub failure: Option<String>,
}

/// One half of an exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Header fields: names in small letters, and values.
    pub headers: Vec<(String, String)>,
    /// The body, if there was one.
    pub body: Option<String>,
}

impl Exchange {
    pub(crate) fn new(
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: Option<&[u8]>,
        answer: Result<(StatusCode, &HeaderMap, &[u8]), &Error>,
    ) -> Self {
        let (status, response, failure) = match answer {
            Ok((status, headers, body)) => (Some(status.as_u16()), Message::of(headers, Some(body)), None),
            Err(error) => (None, Message::default(), Some(error.to_string())),
        };
        let request = Message::of(headers, body);
        Self { method: method.to_string(), url: url.to_string(), request, status, response, failure }
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} → ", self.method, self.url)?;
        match self.status {
            Some(status) => write!(f, "{status}"),
            None => f.write_str("no answer"),
        }
    }
}

impl Message {
    fn of(headers: &HeaderMap, body: Option<&[u8]>) -> Self {
        let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            let text = String::from_utf8_lossy(value.as_bytes());
            let text = match *name {
                // The scheme, then the token.
                AUTHORIZATION => text.split_once(' ').map(|(scheme, token)| format!("{scheme} {}", cut(token))),
                LOCATION | SET_COOKIE => None,
                _ => Some(text.into_owned()),
            };
            (name.as_str().to_owned(), text.unwrap_or_else(|| CUT.to_string()))
        };
        let body = body.filter(|body| !body.is_empty()).map(shown);
        Self { headers: headers.iter().map(field).collect(), body }
    }
}

/// A body whose secrets are cut short.
fn shown(body: &[u8]) -> String {
    let unreadable = || format!("({} bytes that are not JSON)", body.len());
    let Ok(text) = std::str::from_utf8(body) else { return unreadable() };
    let Ok(mut value) = serde_json::from_str::<Value>(text) else { return unreadable() };
    let mut secrets = Vec::new();
    conceal(&mut value, "", &mut secrets);
    // The text as it was sent, with each secret replaced where it stands …
    let mut text = text.to_owned();
    for (secret, instead) in &secrets {
        text = text.replace(&quoted(secret), &quoted(instead));
    }
    // … unless some secret was written in a way of its own, such as with escapes.
    if serde_json::from_str::<Value>(&text).is_ok_and(|left| left == value) { text } else { value.to_string() }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Cuts the secrets in a body short, and notes them. `within` is the name of the member that holds the value.
fn conceal(value: &mut Value, within: &str, secrets: &mut Vec<(String, String)>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| conceal(item, within, secrets)),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match member {
                    Value::String(text) => {
                        let instead = match (within, name.as_str()) {
                            (_, "nonce" | "interact_ref" | "sharedSecret") | ("access_token", "value") => cut(text),
                            ("interact", "finish") => cut(text),
                            ("interact", "redirect") => cut_address(text),
                            _ => continue,
                        };
                        secrets.push((std::mem::replace(text, instead.clone()), instead));
                    }
                    other => conceal(other, name, secrets),
                }
            }
        }
        _ => {}
    }
}

/// The beginning of a secret.
fn cut(secret: &str) -> String {
    let enough = secret.chars().count() >= SHOWN_OF_AT_LEAST;
    let mut shown: String = secret.chars().take(if enough { SHOWN } else { 0 }).collect();
    shown.push(CUT);
    shown
}

/// An address without its query and the last part of its path.
fn cut_address(address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let before = path.rsplit_once('/').map_or("", |(before, _)| before);
    format!("{before}/{CUT}")
}

/// The function that is told of exchanges.
#[derive(Clone)]
pub(crate) struct Observer(Arc<dyn Fn(&Exchange) + Send + Sync>);

impl Observer {
    pub(crate) fn new(observer: impl Fn(&Exchange) + Send + Sync + 'static) -> Self {
        Self(Arc::new(observer))
    }

    pub(crate) fn tell(&self, exchange: &Exchange) {
        (self.0)(exchange);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn secrets_in_bodies_are_cut_short_and_nothing_else_is_touched() {
        fn check(body: &str, expected: &str) {
            assert_eq!(shown(body.as_bytes()), expected);
        }
        check(r#"{"b": 1, "a":"x"}"#, r#"{"b": 1, "a":"x"}"#);
        check(r#"{"debitAmount":{"value":"10000000000000000"}}"#, r#"{"debitAmount":{"value":"10000000000000000"}}"#);
        check(
            r#"{"access_token":{"value":"OS9M2PMHKUR64TB8","access":[]},"continue":{"access_token":{"value":"80UPRY5NM33OMUKMKSKU"}}}"#,
            r#"{"access_token":{"value":"OS9M…","access":[]},"continue":{"access_token":{"value":"80UP…"}}}"#,
        );
        check(r#"{"access_token":[{"value":"short"}]}"#, r#"{"access_token":[{"value":"…"}]}"#);
        check(
            r#"{"interact":{"finish":{"method":"redirect","uri":"http://a/b","nonce":"VJLO6A4CATR0KRO9"}}}"#,
            r#"{"interact":{"finish":{"method":"redirect","uri":"http://a/b","nonce":"VJLO…"}}}"#,
        );
        check(
            r#"{"interact":{"redirect":"https://as.test/interact/4CF/MBDOFXG4?x=1","finish":"MBDOFXG4Y5CVJCX821LH"}}"#,
            r#"{"interact":{"redirect":"https://as.test/interact/4CF/…","finish":"MBDO…"}}"#,
        );
        check(r#"{"interact_ref":"4IFWWIKYBC2PQ6U56NL1"}"#, r#"{"interact_ref":"4IFW…"}"#);
        check(r#"{"methods":[{"sharedSecret":"6jR5iNIVRvqeasJeCty6C"}]}"#, r#"{"methods":[{"sharedSecret":"6jR5…"}]}"#);
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let escaped = r#"{"z":1,"interact_ref":"\u0034IFWWIKYBC2PQ6U56NL1"}"#;
        assert_eq!(shown(escaped.as_bytes()), r#"{"interact_ref":"4IFW…","z":1}"#);
        let twice = r#"[{"nonce":"4IFWWIKYBC2PQ6U56NL1"},{"nonce":"\u0034IFWWIKYBC2PQ6U56NL1"}]"#;
        assert_eq!(shown(twice.as_bytes()), r#"[{"nonce":"4IFW…"},{"nonce":"4IFW…"}]"#);
        assert_eq!(shown(b"token=OS9M2PMHKUR64TB8"), "(22 bytes that are not JSON)");
        assert_eq!(shown(&[0xff, 0xfe]), "(2 bytes that are not JSON)");
    }

    #[test]
    fn tokens_in_headers_are_cut_short() {
        fn check(name: http::HeaderName, value: &'static str, expected: &str) {
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
            let message = Message::of(&headers, None);
            assert_eq!(message.headers[0].1, expected);
        }
        check(AUTHORIZATION, "GNAP OS9M2PMHKUR64TB8N6BW", "GNAP OS9M…");
        check(AUTHORIZATION, "OS9M2PMHKUR64TB8N6BW", "…");
        check(SET_COOKIE, "session=OS9M2PMHKUR64TB8N6BW", "…");
        check(http::header::CONTENT_TYPE, "application/json", "application/json");
    }

    #[test]
    fn an_exchange_is_one_line() {
        let url = Url::parse("https://wallet.example/auth").unwrap();
        let headers = HeaderMap::new();
        let empty: &[u8] = b"";
        let good = Exchange::new(&Method::POST, &url, &headers, Some(b"{}"), Ok((StatusCode::OK, &headers, empty)));
        assert_eq!(good.to_string(), "POST https://wallet.example/auth → 200");
        assert_eq!((good.request.body.as_deref(), good.response.body), (Some("{}"), None));
        let failed = Exchange::new(&Method::GET, &url, &headers, None, Err(&Error::Interrupted));
        assert_eq!(failed.to_string(), "GET https://wallet.example/auth → no answer");
        assert_eq!(failed.failure.as_deref(), Some("the program was shutting down"));
    }
}
