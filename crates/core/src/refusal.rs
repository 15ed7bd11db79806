//! Refusals: what a caller is told when something may not be done.

use bursar_types::Amount;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The kind of a refusal. Each has one status and one word on the wire (protocol tables of the authorization
/// and resource server).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    // Authorization server.
    /// 400: the request makes no sense.
    InvalidRequest,
    /// 401 `invalid_client`: signature headers are missing or cannot be read.
    ClientUnsigned,
    /// 400 `invalid_client`: the key is unknown or revoked, or the signature does not verify.
    ClientRejected,
    /// 503 `keys_unavailable`: the client's key set cannot be read just now.
    KeysUnavailable,
    /// 401 `invalid_continuation`: no such continuation, or not with this token.
    InvalidContinuation,
    /// 404 `invalid_request`: the body of a continuation cannot be read; the specification has no 400 for that.
    UnreadableContinuation,
    /// 404 `invalid_continuation`: the interaction reference is not this grant's.
    UnknownInteractRef,
    /// 401 `request_denied`: denied, expired, or already issued.
    RequestDenied,
    /// 400 `too_fast`: polled before `wait` was over.
    TooFast,
    /// 400 `invalid_rotation`: this token cannot be rotated.
    InvalidRotation,
    /// 404 `invalid_rotation`: there is no such token.
    UnknownToken,
    // Resource server.
    /// 400: the request makes no sense to the resource server.
    InvalidResourceRequest,
    /// 401: no usable `Authorization`, or no usable signature headers.
    Unauthenticated,
    /// 401 `invalid_token`.
    TokenUnknown,
    /// 403 `inactive_token`.
    TokenInactive,
    /// 403 `grant_paused`: the account holder has paused the grant; the token works again once they resume it.
    GrantPaused,
    /// 403 `insufficient_grant`.
    InsufficientGrant,
    /// 401 `invalid_signature`.
    SignatureInvalid,
    /// 403 `limit_exceeded`.
    LimitExceeded,
    /// 403 `outside_interval`.
    OutsideInterval,
    /// 403 `receiver_not_allowed`.
    ReceiverNotAllowed,
    /// 403 `insufficient_funds`.
    InsufficientFunds,
    /// 400 `amount_too_small`.
    AmountTooSmall,
    /// 400 `amount_too_large`.
    AmountTooLarge,
    /// 400 `invalid_receiver`.
    InvalidReceiver,
    /// 400 `invalid_quote`: unknown, expired or already used.
    InvalidQuote,
    /// 400 `no_rate`: the provider does not convert between these assets.
    NoRate,
    /// 503 `rates_unavailable`: the provider's exchange rates are too old to be used.
    RatesUnavailable,
    /// 404.
    NotFound,
    /// 409: the resource is past the state in which this is possible.
    Conflict,
    /// 400 `unconfirmed`: a mandate without a limit needs a second confirmation.
    Unconfirmed,
    /// 409: an idempotency key was used before with another request.
    IdempotencyConflict,
    /// 413: the request body is too large.
    TooLarge,
    /// 414 `uri_too_long`: the request's URL is too long.
    UriTooLong,
    /// 408 `request_timeout`: the request's body did not arrive in time.
    RequestTimeout,
    /// 405: the resource has no such method.
    MethodNotAllowed,
    /// 403 `login_required`: a person's last proof of who they are is too old for this.
    LogInAgain,
    /// 502 `identity_provider_failed`: the identity provider cannot be asked, or its answer cannot be trusted.
    IdentityProvider,
    /// 429: too many requests or attempts; the refusal says when to come again.
    TooManyRequests,
}

impl Code {
    /// The stable word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest | Self::InvalidResourceRequest | Self::UnreadableContinuation => "invalid_request",
            Self::ClientUnsigned | Self::ClientRejected => "invalid_client",
            Self::KeysUnavailable => "keys_unavailable",
            Self::InvalidContinuation | Self::UnknownInteractRef => "invalid_continuation",
            Self::RequestDenied => "request_denied",
            Self::TooFast => "too_fast",
            Self::InvalidRotation | Self::UnknownToken => "invalid_rotation",
            Self::Unauthenticated => "unauthenticated",
            Self::TokenUnknown => "invalid_token",
            Self::TokenInactive => "inactive_token",
            Self::GrantPaused => "grant_paused",
            Self::InsufficientGrant => "insufficient_grant",
            Self::SignatureInvalid => "invalid_signature",
            Self::LimitExceeded => "limit_exceeded",
            Self::OutsideInterval => "outside_interval",
            Self::ReceiverNotAllowed => "receiver_not_allowed",
            Self::InsufficientFunds => "insufficient_funds",
            Self::AmountTooSmall => "amount_too_small",
            Self::AmountTooLarge => "amount_too_large",
            Self::InvalidReceiver => "invalid_receiver",
            Self::InvalidQuote => "invalid_quote",
            Self::NoRate => "no_rate",
            Self::RatesUnavailable => "rates_unavailable",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Unconfirmed => "unconfirmed",
            Self::IdempotencyConflict => "idempotency_key_reused",
            Self::TooLarge => "too_large",
            Self::UriTooLong => "uri_too_long",
            Self::RequestTimeout => "request_timeout",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::LogInAgain => "login_required",
            Self::IdentityProvider => "identity_provider_failed",
            Self::TooManyRequests => "too_many_requests",
        }
    }
}

/// A refusal: its kind, a sentence for the developer, and facts that help to mend the request.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{description}")]
pub struct Refusal {
    /// The kind.
    pub code: Code,
    /// The sentence. Some are matched literally by deployed clients.
    pub description: Cow<'static, str>,
    /// The facts.
    pub details: Option<Map<String, Value>>,
    /// After how many seconds the same request may succeed, if that is known (RFC 9110 §10.2.3).
    pub retry_after_seconds: Option<u32>,
}

impl Refusal {
    /// A refusal with a sentence.
    pub fn new(code: Code, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: description.into(), details: None, retry_after_seconds: None }
    }

    /// Says after how many seconds the same request may succeed.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Adds a fact.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.get_or_insert_default().insert(name.to_owned(), value.into());
        self
    }

    /// Adds an amount as a fact.
    pub fn with_amount(self, name: &str, amount: Amount) -> Self {
        let value = serde_json::to_value(amount).unwrap_or(Value::Null);
        self.with(name, value)
    }

    /// What deployed clients expect when a mandate does not allow a payment: status 403 and exactly the
    /// description `unauthorized`; the reason stands in `code` and `details.reason`.
    pub fn unauthorized(code: Code, reason: impl Into<String>) -> Self {
        Self::new(code, "unauthorized").with("reason", reason.into())
    }

    /// What deployed clients expect when an incoming payment takes no money: exactly `invalid receiver`.
    pub fn invalid_receiver(reason: impl Into<String>) -> Self {
        Self::new(Code::InvalidReceiver, "invalid receiver").with("reason", reason.into())
    }
}
