//! The one mapping from refusals and failures to statuses and bodies.

use crate::json::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bursar_app::refusals::Code;
use bursar_app::{Error, StoreError};
use bursar_types::{ErrorBody, ErrorDetail};

/// What a handler fails with.
#[derive(Debug)]
pub struct WebError(pub Error);

impl<E: Into<Error>> From<E> for WebError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// The status of each kind of refusal.
pub fn status(code: Code) -> StatusCode {
    use Code::*;
    match code {
        InvalidRequest
        | ClientRejected
        | TooFast
        | InvalidRotation
        | InvalidResourceRequest
        | AmountTooSmall
        | AmountTooLarge
        | InvalidReceiver
        | InvalidQuote
        | NoRate
        | Unconfirmed => StatusCode::BAD_REQUEST,
        ClientUnsigned | InvalidContinuation | RequestDenied | Unauthenticated | TokenUnknown | SignatureInvalid => {
            StatusCode::UNAUTHORIZED
        }
        TokenInactive | GrantPaused | InsufficientGrant | LimitExceeded | OutsideInterval | ReceiverNotAllowed
        | InsufficientFunds | LogInAgain => StatusCode::FORBIDDEN,
        IdentityProvider => StatusCode::BAD_GATEWAY,
        UnknownInteractRef | UnreadableContinuation | UnknownToken | NotFound => StatusCode::NOT_FOUND,
        MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Conflict | IdempotencyConflict => StatusCode::CONFLICT,
        KeysUnavailable | RatesUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        UriTooLong => StatusCode::URI_TOO_LONG,
        RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
    }
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        match self.0 {
            Error::Refused(refusal) => {
                let detail = ErrorDetail {
                    code: refusal.code.as_str().to_owned(),
                    description: refusal.description.into_owned(),
                    details: refusal.details,
                };
                let mut response = (status(refusal.code), Json(ErrorBody { error: detail })).into_response();
                if let Some(seconds) = refusal.retry_after_seconds {
                    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                }
                response
            }
            Error::Store(error @ (StoreError::Retry(_) | StoreError::Unavailable(_))) => {
                tracing::error!("the database did not answer: {error}");
                let text = "the server cannot reach its database just now: try again in a moment";
                let mut response = failure(StatusCode::SERVICE_UNAVAILABLE, "unavailable", text);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
                response
            }
            Error::Store(StoreError::Unfit(text)) => {
                tracing::info!("a value was refused by the database: {text}");
                let text = "a value in this request cannot be stored: it has characters that no text should have";
                failure(StatusCode::BAD_REQUEST, "invalid_request", text)
            }
            Error::Store(StoreError::Unknown(text)) => {
                tracing::error!("a commit has an unknown outcome: {text}");
                let text = "it may have been done or not: look before repeating it, or repeat it with the same \
                            Idempotency-Key";
                failure(StatusCode::INTERNAL_SERVER_ERROR, "outcome_unknown", text)
            }
            error @ (Error::Store(_) | Error::Internal(_)) => {
                tracing::error!("a request failed inside: {error}");
                failure(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "the server failed; its log says why")
            }
        }
    }
}

fn failure(status: StatusCode, code: &str, description: &str) -> Response {
    let detail = ErrorDetail { code: code.to_owned(), description: description.to_owned(), details: None };
    (status, Json(ErrorBody { error: detail })).into_response()
}

/// The answer to a method that a resource does not have.
pub async fn method_not_allowed() -> WebError {
    Error::refused(Code::MethodNotAllowed, "this resource does not have that method").into()
}
