//! Access tokens (GNAP, RFC 9635 §3.2 and §6).

use crate::clock::Clock;
use crate::error::Error;
use crate::secret::Secret;
use crate::transport::{Call, Transport};
use crate::url_rules::InvalidUrl;
use bursar_types::AccessItem;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use url::Url;

/// A token that has less than this left is taken for expired: a request takes time to arrive.
const MARGIN: SignedDuration = SignedDuration::from_secs(2);

/// An access token: what makes a resource server do what a grant allows.
///
/// Printing it shows no secret; [`expose`](Self::expose) gives the token itself, for storage. To use one, make a
/// [`Session`](crate::Session) of it, which renews it when it has expired.
///
/// ```
/// use bursar_client::Token;
///
/// let token = Token::new("OS9M2PMHKUR64TB8N6BW", "https://auth.wallet.example/token/42");
/// assert_eq!(token.expose(), "OS9M2PMHKUR64TB8N6BW");
/// assert!(!format!("{token:?}").contains("OS9M2PMHKUR64TB8N6BW"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub(crate) value: Secret,
    pub(crate) manage: String,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) access: Vec<AccessItem>,
}

impl Token {
    /// A token that was kept somewhere, and the URL at which it is rotated and revoked.
    pub fn new(value: impl Into<String>, manage_url: impl Into<String>) -> Self {
        Self { value: Secret::new(value), manage: manage_url.into(), expires_at: None, access: Vec::new() }
    }

    /// Sets when it expires, so that it is renewed before a request fails for it.
    #[must_use]
    pub fn with_expiry(self, expires_at: Timestamp) -> Self {
        Self { expires_at: Some(expires_at), ..self }
    }

    /// The token itself: a secret.
    pub fn expose(&self) -> &str {
        self.value.expose()
    }

    /// Where it is rotated and revoked.
    pub fn manage_url(&self) -> &str {
        &self.manage
    }

    /// When it expires, by this machine's clock; `None` if the server did not say.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// What it allows, as far as this library knows the words; the server may have granted less than was asked for.
    pub fn access(&self) -> &[AccessItem] {
        &self.access
    }

    /// Whether it has expired, or will before a request arrives.
    pub(crate) fn is_expired(&self, clock: &Clock) -> bool {
        self.expires_at.is_some_and(|expires_at| clock.now().duration_until(expires_at) <= MARGIN)
    }
}

/// A token as servers write it. Access of kinds that this library does not know is left out, since losing the token for
/// it would be worse.
#[derive(Deserialize)]
pub(crate) struct WireToken {
    value: Secret,
    manage: String,
    expires_in: Option<u64>,
    #[serde(default)]
    access: Vec<serde_json::Value>,
}

impl WireToken {
    /// The token, received just now from `base`.
    pub(crate) fn received(self, transport: &Transport, base: &Url) -> Result<Token, Error> {
        let fault =
            |error: InvalidUrl| Error::invalid_response(base.as_str(), format!("the token's manage URL: {error}"));
        transport.urls.reference(base, &self.manage).map_err(fault)?;
        let now = transport.clock.now();
        let lasts =
            self.expires_in.map(|seconds| SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)));
        Ok(Token {
            value: self.value,
            manage: self.manage,
            // What is beyond the calendar does not expire.
            expires_at: lasts.and_then(|lasts| now.checked_add(lasts).ok()),
            access: self.access.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect(),
        })
    }
}

#[derive(Deserialize)]
struct Rotated {
    access_token: WireToken,
}

/// Exchanges the token for a new one (RFC 9635 §6.1); the old one is dead afterwards, and its manage URL with it.
///
/// Sent a second time if the connection breaks: a server that did rotate either repeats its answer or refuses, and then
/// nothing more is lost than was already.
pub(crate) async fn rotate(transport: &Transport, token: &Token) -> Result<Token, Error> {
    let url = transport.urls.check(&token.manage)?;
    let answer = transport.send(&Call::post(&url).token(token.expose()).repeatable()).await?;
    let Rotated { access_token } = answer.secret_json()?;
    let mut rotated = access_token.received(transport, &url)?;
    if rotated.access.is_empty() {
        rotated.access.clone_from(&token.access);
    }
    Ok(rotated)
}

/// Ends the token (RFC 9635 §6.2).
pub(crate) async fn revoke(transport: &Transport, token: &Token) -> Result<(), Error> {
    let url = transport.urls.check(&token.manage)?;
    transport.send(&Call::delete(&url).token(token.expose())).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_expires_a_little_early() {
        let now: Timestamp = "2025-05-20T13:00:00Z".parse().unwrap();
        let clock = Clock::new(move || now, |_| std::future::ready(()));
        let check = |expires_at: Option<&str>, expected: bool| {
            let token = Token { expires_at: expires_at.map(|at| at.parse().unwrap()), ..Token::new("a", "b") };
            assert_eq!(token.is_expired(&clock), expected, "{expires_at:?}");
        };
        check(None, false);
        check(Some("2025-05-20T13:10:00Z"), false);
        check(Some("2025-05-20T13:00:02.001Z"), false);
        check(Some("2025-05-20T13:00:02Z"), true);
        check(Some("2025-05-20T13:00:00Z"), true);
        check(Some("2020-01-01T00:00:00Z"), true);
    }
}
