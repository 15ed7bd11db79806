//! What can go wrong.

use crate::clock::RandomError;
use crate::url_rules::{InvalidUrl, short};
use bursar_httpsig::SignError;
use bursar_types::{Amount, ErrorBody, IntervalError, InvalidAccess, InvalidWalletAddress};
use std::fmt;

/// Why a call did not do what it was asked for.
///
/// No message contains a token or a key, so that errors can be logged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A URL that is not used, given by the caller or by a server.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// Text that is not a wallet address.
    #[error(transparent)]
    WalletAddress(#[from] InvalidWalletAddress),
    /// A grant request that no server could grant. Nothing was sent.
    #[error(transparent)]
    GrantRequest(#[from] InvalidGrantRequest),
    /// The server answered with a refusal.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The access token no longer works, and the server does not renew it, for the reason given: the account holder or
    /// the provider has ended the grant, or somebody else holds the renewed token. Ask for a new grant.
    #[error("the access token no longer works and cannot be renewed ({0}); ask for a new grant")]
    TokenEnded(Box<Refusal>),
    /// The server could not be reached, or the connection broke.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The server answered with something that Open Payments does not know.
    #[error("{url} answered with something unexpected: {reason}")]
    InvalidResponse {
        /// The request's URL.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The URL that the browser came back to cannot be read.
    #[error(transparent)]
    Redirect(#[from] InvalidRedirect),
    /// The `hash` in the redirect does not belong to this grant (RFC 9635 §4.2.3): it was made for another one, or made
    /// up. Do not continue the grant because of it.
    #[error("the redirect does not belong to this grant: its hash is not the one that the server would have made")]
    HashMismatch,
    /// The account holder said no, or the server ended the request for another reason that it names.
    #[error("the grant was denied: {0}")]
    Denied(String),
    /// The interaction expired or was not decided (`result=grant_invalid`). Ask for a new grant.
    #[error("the consent page expired before a decision was made; ask for a new grant")]
    InteractionInvalid,
    /// Nothing was decided within the time that the caller was ready to wait. It may be asked again.
    #[error("there is no outcome yet")]
    StillPending,
    /// The server wants the account holder to be asked, or does not want it, against the caller's expectation.
    #[error("{0}")]
    UnexpectedGrant(&'static str),
    /// The grant proves who owns a wallet address but gives no access.
    #[error("the grant gives no access, so there is nothing to do with it")]
    NoAccess,
    /// An idempotency key that no header can carry.
    #[error("an idempotency key has 1 to 255 printable ASCII characters")]
    IdempotencyKey,
    /// The request cannot be signed.
    #[error("the request cannot be signed: {0}")]
    Sign(#[from] SignError),
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The asynchronous runtime was shut down during the call.
    #[error("the program was shutting down")]
    Interrupted,
}

impl Error {
    /// The server's refusal, if that is what it is.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) | Self::TokenEnded(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The refusal's code, if it is a refusal.
    pub(crate) fn code(&self) -> Option<&str> {
        self.refusal().map(|refusal| refusal.code.as_str())
    }

    pub(crate) fn invalid_response(url: &str, reason: impl Into<String>) -> Self {
        Self::InvalidResponse { url: short(url), reason: reason.into() }
    }
}

/// A refusal in the server's own words.
///
/// `{"error": {"code", "description", "details"?}}`, the same for the authorization and the resource server.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// A stable word for programs, such as `invalid_client`; empty when the answer had none.
    pub code: String,
    /// A sentence for developers; empty when the answer had none.
    pub description: String,
    /// Facts that help to mend the request.
    pub details: Option<bursar_types::Metadata>,
    /// The request's method.
    pub method: String,
    /// The request's URL, without its query.
    pub url: String,
}

impl Refusal {
    /// Reads the body of an answer that is not a success; it may be anything, or nothing.
    pub(crate) fn read(method: &str, url: &str, status: u16, body: &[u8]) -> Self {
        let detail = serde_json::from_slice::<ErrorBody>(body).ok().map(|body| body.error);
        let (code, description, details) =
            detail.map_or_else(Default::default, |detail| (detail.code, detail.description, detail.details));
        Self {
            status,
            code: bounded(&code, 100),
            description: bounded(&description, 1000),
            details,
            method: method.to_owned(),
            url: short(url),
        }
    }

    /// The least amount that has to be sent for anything to arrive, when the server says so (`details.minSendAmount`):
    /// the refusal of a quote whose description contains `non-positive receive amount`.
    pub fn minimum_send_amount(&self) -> Option<Amount> {
        let amount = self.details.as_ref()?.get("minSendAmount")?;
        serde_json::from_value(amount.clone()).ok()
    }

    /// Whether the payment was refused for the grant's limits, its windows or receiver, or for lack of money: status
    /// 403 with the description `unauthorized`, which tells these apart only by `code`.
    pub fn is_over_limit(&self) -> bool {
        self.status == 403 && self.description == "unauthorized"
    }

    /// Whether a new token would help: it is expired, revoked or unknown, and not the signature at fault.
    pub(crate) fn is_token_inactive(&self) -> bool {
        match self.status {
            401 => !self.description.starts_with("Signature validation error"),
            403 => self.description == "Inactive Token",
            _ => false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} was refused with status {}", self.method, self.url, self.status)?;
        if !self.code.is_empty() {
            write!(f, ", {}", self.code)?;
        }
        if !self.description.is_empty() && self.description != self.code {
            write!(f, ": {}", self.description)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusal({self}")?;
        if let Some(details) = &self.details {
            write!(f, "; details {details:?}")?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for Refusal {}

/// The server could not be reached, or the connection broke, or it took too long.
#[derive(Debug, thiserror::Error)]
#[error("{url} cannot be reached: {}", reason(.source))]
pub struct NetworkError {
    /// The request's URL, without its query.
    pub(crate) url: String,
    #[source]
    pub(crate) source: reqwest::Error,
}

impl NetworkError {
    /// The request's URL, without its query.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the time-out of the client has passed.
    pub fn is_timeout(&self) -> bool {
        self.source.is_timeout()
    }
}

/// The innermost cause says what happened; those around it only where.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// A grant request that no server could grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidGrantRequest {
    /// Neither access nor a subject is asked for.
    #[error("the grant request asks for nothing; add an access item or a subject")]
    Empty,
    /// More than three access items.
    #[error("the grant request has {0} access items; three are the most")]
    TooManyItems(usize),
    /// The same access item twice.
    #[error("the grant request has the same access item twice")]
    SameItem,
    /// Actions that the resource does not have, or two amounts.
    #[error(transparent)]
    Access(#[from] InvalidAccess),
    /// Not a repeating interval.
    #[error("the interval cannot be read: {0}")]
    Interval(#[from] IntervalError),
    /// The account holder has to be asked, and the request does not say how.
    #[error(
        "this grant needs the account holder's consent; say how to return to the app with finish(…), or that it polls \
         with without_finish()"
    )]
    NoInteraction,
    /// The finish URI is not one that a browser could be sent to.
    #[error("the finish URI {0:?} is not an http or https URL")]
    FinishUri(String),
    /// A client that is known by its key alone cannot ask anybody for consent.
    #[error("a client without a wallet address cannot ask for this: the account holder could not be told who asks")]
    NoWalletAddress,
}

/// The URL that the browser came back to is not what the authorization server would have made of the finish URI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRedirect {
    /// A query parameter is absent.
    #[error("the redirect has no {0} parameter; pass on the URL with its whole query")]
    Missing(&'static str),
    /// A query parameter occurs twice.
    #[error("the redirect has the {0} parameter twice")]
    Twice(&'static str),
    /// An unknown `result`.
    #[error("the redirect says result={0:?}, which is unknown")]
    UnknownResult(String),
    /// The grant was requested without a finish URI.
    #[error("this grant was requested without a finish URI; poll for its outcome")]
    NoFinish,
}

/// A client cannot be built from these settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No key id.
    #[error("no key id was given; it is the kid under which the public key is published at the wallet address")]
    NoKeyId,
    /// A key id that no signature can carry.
    #[error("the key id must have 1 to 256 printable ASCII characters")]
    KeyId,
    /// No private key.
    #[error("no private key was given; read one with PrivateKey::parse or make one with generate_key")]
    NoPrivateKey,
    /// Text that is not a wallet address.
    #[error("the client's own wallet address: {0}")]
    WalletAddress(#[from] InvalidWalletAddress),
    /// A wallet address that the rules for URLs exclude.
    #[error("the client's own wallet address: {0}")]
    Url(#[from] InvalidUrl),
    /// A user agent that no header can carry.
    #[error("the user agent must be printable ASCII")]
    UserAgent,
    /// A time-out of nothing.
    #[error("the time-out must be longer than zero")]
    Timeout,
    /// The HTTP client cannot be set up, most often since no certificates are installed.
    #[error(
        "HTTPS cannot be set up ({0}); install the certificates of the authorities (the package ca-certificates), or \
         give the builder an HTTP client of your own"
    )]
    Http(String),
}

/// Cut after so many characters, and in one line.
fn bounded(text: &str, characters: usize) -> String {
    text.chars().take(characters).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        Refusal::read("POST", "https://bank.example/op/quotes?secret=1", status, body.as_bytes())
    }

    #[test]
    fn refusals_are_read_and_told() {
        fn check(body: &str, expected: &str) {
            let told = refusal(403, body).to_string();
            let start = "POST https://bank.example/op/quotes was refused with status 403";
            assert_eq!(told.strip_prefix(start), Some(expected), "{told}");
        }
        check(r#"{"error":{"code":"limit_exceeded","description":"unauthorized"}}"#, ", limit_exceeded: unauthorized");
        check(r#"{"error":{"code":"forbidden"}}"#, ", forbidden");
        check(r#"{"error":{"description":"Inactive\nToken"}}"#, ": Inactive Token");
        check(r#"{"error":"plain"}"#, "");
        check("<html>", "");
        check("", "");
    }

    #[test]
    fn only_a_dead_token_is_worth_renewing() {
        fn check(status: u16, description: &str, expected: bool) {
            let body = format!(r#"{{"error":{{"code":"x","description":"{description}"}}}}"#);
            assert_eq!(refusal(status, &body).is_token_inactive(), expected, "{status} {description}");
        }
        check(401, "Invalid Token", true);
        check(401, "", true);
        check(403, "Inactive Token", true);
        check(401, "Signature validation error: key revoked", false);
        check(403, "Insufficient Grant", false);
        check(403, "unauthorized", false);
        check(404, "Inactive Token", false);
    }

    #[test]
    fn the_least_amount_is_found() {
        let body = r#"{"error":{"code":"c","description":"d","details":{"minSendAmount":
            {"value":"7","assetCode":"USD","assetScale":2}}}}"#;
        assert_eq!(refusal(400, body).minimum_send_amount().unwrap().to_string(), "0.07 USD");
        assert_eq!(refusal(400, r#"{"error":{"details":{"minSendAmount":7}}}"#).minimum_send_amount(), None);
        assert_eq!(refusal(400, "{}").minimum_send_amount(), None);
    }

    #[test]
    fn long_descriptions_are_cut() {
        let body = format!(r#"{{"error":{{"code":"c","description":"{}"}}}}"#, "é".repeat(5000));
        assert_eq!(refusal(400, &body).description.chars().count(), 1000);
    }
}
