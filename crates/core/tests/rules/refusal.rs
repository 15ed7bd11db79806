//! Refusals: the words on the wire, which never change.

use crate::support::{amount, detail};
use bursar_core::{Code, Refusal};
use serde_json::json;

#[test]
fn every_code_has_its_word() {
    #[track_caller]
    fn check(code: Code, expected: &str) {
        assert_eq!(code.as_str(), expected);
    }
    // What GNAP and Open Payments name, on the authorization server.
    check(Code::InvalidRequest, "invalid_request");
    check(Code::ClientUnsigned, "invalid_client");
    check(Code::ClientRejected, "invalid_client");
    check(Code::KeysUnavailable, "keys_unavailable");
    check(Code::InvalidContinuation, "invalid_continuation");
    check(Code::UnknownInteractRef, "invalid_continuation");
    check(Code::RequestDenied, "request_denied");
    check(Code::TooFast, "too_fast");
    check(Code::InvalidRotation, "invalid_rotation");
    check(Code::UnknownToken, "invalid_rotation");
    // Ours, on the resource server.
    check(Code::InvalidResourceRequest, "invalid_request");
    check(Code::Unauthenticated, "unauthenticated");
    check(Code::TokenUnknown, "invalid_token");
    check(Code::TokenInactive, "inactive_token");
    check(Code::GrantPaused, "grant_paused");
    check(Code::InsufficientGrant, "insufficient_grant");
    check(Code::SignatureInvalid, "invalid_signature");
    check(Code::LimitExceeded, "limit_exceeded");
    check(Code::OutsideInterval, "outside_interval");
    check(Code::ReceiverNotAllowed, "receiver_not_allowed");
    check(Code::InsufficientFunds, "insufficient_funds");
    check(Code::AmountTooSmall, "amount_too_small");
    check(Code::AmountTooLarge, "amount_too_large");
    check(Code::InvalidReceiver, "invalid_receiver");
    check(Code::InvalidQuote, "invalid_quote");
    check(Code::NoRate, "no_rate");
    check(Code::LogInAgain, "login_required");
    check(Code::IdentityProvider, "identity_provider_failed");
    check(Code::NotFound, "not_found");
    check(Code::Conflict, "conflict");
    check(Code::Unconfirmed, "unconfirmed");
    check(Code::IdempotencyConflict, "idempotency_key_reused");
    check(Code::TooLarge, "too_large");
    check(Code::UriTooLong, "uri_too_long");
    check(Code::RequestTimeout, "request_timeout");
    check(Code::MethodNotAllowed, "method_not_allowed");
    check(Code::TooManyRequests, "too_many_requests");
}

#[test]
fn a_refusal_says_what_deployed_clients_match() {
    let refusal = Refusal::unauthorized(Code::LimitExceeded, "why");
    assert_eq!((refusal.code, refusal.to_string().as_str()), (Code::LimitExceeded, "unauthorized"));
    assert_eq!(detail(&refusal, "reason"), Some(&json!("why")));
    let refusal = Refusal::invalid_receiver("why");
    assert_eq!((refusal.code, refusal.to_string().as_str()), (Code::InvalidReceiver, "invalid receiver"));
    assert_eq!(detail(&refusal, "reason"), Some(&json!("why")));
}

#[test]
fn facts_are_added_one_by_one() {
    let plain = Refusal::new(Code::NotFound, "there is no such quote");
    assert_eq!((&plain.details, plain.retry_after_seconds), (&None, None));
    assert_eq!(plain.clone().retry_after(7).retry_after_seconds, Some(7));
    let full = plain.with("id", "7").with_amount("limit", amount(150, "CAD/2")).with("id", 8);
    let expected = json!({"id": 8, "limit": {"value": "150", "assetCode": "CAD", "assetScale": 2}});
    assert_eq!(serde_json::to_value(full.details).ok(), Some(expected));
}
