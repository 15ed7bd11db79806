//! Grant requests: every fault is named, and consent is asked for exactly where it has to be.

use crate::support::asset;
use bursar_core::Code;
use bursar_core::grant::{check_item, check_request, is_receiver, needs_interaction};
use bursar_types::{AccessItem, GrantRequest};
use proptest::prelude::*;
use serde_json::{Value, json};

const WALLET: &str = "https://bank.example/alice";

fn request(json: Value) -> GrantRequest {
    serde_json::from_value(json).expect("a grant request")
}

fn interact() -> Value {
    json!({"start": ["redirect"], "finish": finish("https://app.example/back", "n")})
}

fn finish(uri: &str, nonce: &str) -> Value {
    json!({"method": "redirect", "uri": uri, "nonce": nonce})
}

fn outgoing() -> Value {
    json!({"type": "outgoing-payment", "actions": ["create"], "identifier": WALLET})
}

fn quote() -> Value {
    json!({"type": "quote", "actions": ["create"]})
}

fn incoming(actions: &[&str]) -> Value {
    json!({"type": "incoming-payment", "actions": actions, "identifier": WALLET})
}

/// A request for these items by a client with a wallet address, without a way to ask for consent.
fn asking(access: &[Value]) -> Value {
    json!({"client": "https://app.example/me", "access_token": {"access": access}})
}

fn with(mut request: Value, field: &str, value: Value) -> Value {
    request[field] = value;
    request
}

fn subject(count: usize) -> Value {
    json!({"sub_ids": vec![json!({"id": WALLET, "format": "uri"}); count]})
}

fn jwk() -> Value {
    json!({"jwk": {"kid": "k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}})
}

#[test]
fn consent_is_needed_for_spending_owning_and_listing_all() {
    #[track_caller]
    fn check(json: Value, expected: bool) {
        assert_eq!(needs_interaction(&request(json.clone())), expected, "{json}");
    }
    let outgoing_with =
        |actions: &[&str]| json!({"type": "outgoing-payment", "actions": actions, "identifier": WALLET});
    check(asking(&[outgoing()]), true);
    check(asking(&[outgoing_with(&["read"])]), true);
    check(asking(&[outgoing_with(&["list", "read-all"])]), true);
    check(asking(&[quote()]), false);
    check(asking(&[json!({"type": "quote", "actions": ["create", "read", "read-all"]})]), false);
    // What other providers ask for in order to pay needs nobody's consent.
    check(asking(&[incoming(&["read-all"])]), false);
    check(asking(&[incoming(&["create", "complete", "read", "read-all", "list"])]), false);
    check(asking(&[incoming(&["list-all"])]), true);
    check(asking(&[incoming(&["create", "list-all"])]), true);
    check(asking(&[quote(), outgoing()]), true);
    check(asking(&[quote(), incoming(&["create"])]), false);
    check(asking(&[]), false);
    check(with(asking(&[quote()]), "subject", subject(1)), true);
    check(json!({"client": "https://app.example/me", "subject": subject(1)}), true);
    check(json!({"client": "https://app.example/me"}), false);
}

#[test]
fn every_fault_of_a_request_is_named() {
    #[track_caller]
    fn check(json: Value, expected: Result<(), &str>) {
        match (check_request(&request(json.clone())), expected) {
            (Ok(()), Ok(())) => {}
            (Err(refusal), Err(words)) => {
                assert_eq!(refusal.code, Code::InvalidRequest, "{json}");
                assert!(refusal.description.contains(words), "{json}: {refusal:?}");
            }
            (other, _) => panic!("{json}: {other:?} instead of {expected:?}"),
        }
    }
    let consented = |access: &[Value]| with(asking(access), "interact", interact());
    // Well-formed ones.
    check(asking(&[quote()]), Ok(()));
    check(asking(&[quote(), incoming(&["create"]), incoming(&["read"])]), Ok(()));
    check(consented(&[outgoing(), quote()]), Ok(()));
    check(with(asking(&[outgoing()]), "interact", json!({"start": ["redirect"]})), Ok(()));
    check(json!({"client": "https://app.example/me", "subject": subject(1), "interact": interact()}), Ok(()));
    check(with(consented(&[outgoing()]), "subject", subject(1)), Ok(()));
    check(with(consented(&[outgoing()]), "client", json!({"walletAddress": "https://app.example/me"})), Ok(()));
    check(with(asking(&[quote()]), "client", jwk()), Ok(()));
    check(with(asking(&[incoming(&["create", "read-all"])]), "client", jwk()), Ok(()));
    // Nothing, or too much, is asked for.
    check(json!({"client": "https://app.example/me"}), Err("ask for an access_token, a subject, or both"));
    check(json!({"client": "https://app.example/me", "interact": interact()}), Err("ask for an access_token"));
    check(asking(&[]), Err("access_token.access has no item"));
    check(with(asking(&[]), "subject", subject(1)), Err("access_token.access has no item"));
    let four = [quote(), incoming(&["create"]), incoming(&["read"]), incoming(&["list"])];
    check(asking(&four), Err("access_token.access has more than 3 items"));
    check(asking(&[quote(), quote()]), Err("access_token.access has the same item twice"));
    check(asking(&[incoming(&["read", "list"]), quote(), incoming(&["list", "read"])]), Err("the same item twice"));
    let subjects =
        |count| json!({"client": "https://app.example/me", "subject": subject(count), "interact": interact()});
    check(subjects(0), Err("subject.sub_ids must have exactly one item"));
    check(subjects(2), Err("subject.sub_ids must have exactly one item"));
    // Consent is needed and cannot be asked for.
    check(asking(&[outgoing()]), Err("needs the account holder's consent"));
    check(asking(&[incoming(&["list-all"])]), Err("needs the account holder's consent"));
    check(
        json!({"client": "https://app.example/me", "subject": subject(1)}),
        Err("needs the account holder's consent"),
    );
    check(with(asking(&[outgoing()]), "interact", json!({"start": []})), Err("interact.start must name \"redirect\""));
    check(with(consented(&[outgoing()]), "client", jwk()), Err("a client that is only a jwk cannot ask for consent"));
    check(with(consented(&[incoming(&["list-all"])]), "client", jwk()), Err("only a jwk"));
}

#[test]
fn every_fault_of_a_finish_is_named() {
    #[track_caller]
    fn check(uri: &str, nonce: &str, expected: Result<(), &str>) {
        let interact = json!({"start": ["redirect"], "finish": finish(uri, nonce)});
        // Also where no consent is needed: it will be used if it is there.
        for access in [outgoing(), quote()] {
            let request = request(with(asking(&[access]), "interact", interact.clone()));
            match (check_request(&request), expected) {
                (Ok(()), Ok(())) => {}
                (Err(refusal), Err(words)) => {
                    assert_eq!(refusal.code, Code::InvalidRequest);
                    assert!(refusal.description.contains(words), "{uri:?} {nonce:?}: {refusal:?}");
                }
                (other, _) => panic!("{uri:?} {nonce:?}: {other:?} instead of {expected:?}"),
            }
        }
    }
    let nonce = "6b1e3c6a-6f0b-4c5f-9b9c-2f8a8f1f0c11";
    check("https://app.example/back", nonce, Ok(()));
    check("https://app.example/back?state=1&x=%20", nonce, Ok(()));
    check("http://localhost:3000/finish", nonce, Ok(()));
    check("HTTPS://APP.EXAMPLE/", nonce, Ok(()));
    check(&format!("https://app.example/{}", "a".repeat(2_028)), nonce, Ok(()));
    check(&format!("https://app.example/{}", "a".repeat(2_029)), nonce, Err("longer than 2048 characters"));
    check("", nonce, Err("is not an URL"));
    check("/back", nonce, Err("is not an URL"));
    check("app.example/back", nonce, Err("is not an URL"));
    check("https://", nonce, Err("is not an URL"));
    check("javascript:alert(1)", nonce, Err("must begin with https:// or http://"));
    check("ftp://app.example/", nonce, Err("must begin with https:// or http://"));
    check("data:text/html,x", nonce, Err("must begin with https:// or http://"));
    check("https://app.example/back#top", nonce, Err("must not have a fragment"));
    check("https://app.example/back#", nonce, Err("must not have a fragment"));
    // What a URL parser would leave out silently.
    check("https://app.example/ba\nck", nonce, Err("has control characters"));
    check("https://app.example/back\t", nonce, Err("has control characters"));
    check("\0https://app.example/back", nonce, Err("has control characters"));
    check("https://app.example/\u{7f}", nonce, Err("has control characters"));
    let uri = "https://app.example/back";
    check(uri, "a", Ok(()));
    check(uri, "+/= ~!", Ok(()));
    check(uri, &"n".repeat(512), Ok(()));
    check(uri, &"n".repeat(513), Err("must have 1 to 512 printable ASCII characters"));
    check(uri, "", Err("must have 1 to 512 printable ASCII characters"));
    // The hash joins its parts with line breaks; a nonce with one could be read in two ways.
    check(uri, "a\nb", Err("must have 1 to 512 printable ASCII characters"));
    check(uri, "a\u{0}b", Err("must have 1 to 512 printable ASCII characters"));
    check(uri, "nönce", Err("must have 1 to 512 printable ASCII characters"));
}

#[test]
fn every_fault_of_an_item_is_named() {
    #[track_caller]
    fn check(json: Value, expected: Result<(), &str>) {
        let item: AccessItem = serde_json::from_value(json.clone()).expect("an item");
        let wallet = item.identifier().map(|_| asset("CAD/2"));
        match (check_item(&item, wallet), expected) {
            (Ok(()), Ok(())) => {}
            (Err(refusal), Err(words)) => {
                assert_eq!(refusal.code, Code::InvalidRequest, "{json}");
                assert!(refusal.description.contains(words), "{json}: {refusal:?}");
            }
            (other, _) => panic!("{json}: {other:?} instead of {expected:?}"),
        }
    }
    let limited = |limits: Value| with(outgoing(), "limits", limits);
    let amount = |value: &str, code: &str, scale: u8| json!({"value": value, "assetCode": code, "assetScale": scale});
    let debit = |value: &str, code: &str, scale: u8| limited(json!({"debitAmount": amount(value, code, scale)}));
    let interval = |text: &str| limited(json!({"interval": text}));

    check(quote(), Ok(()));
    check(outgoing(), Ok(()));
    check(limited(json!({})), Ok(()));
    check(incoming(&["create", "list-all"]), Ok(()));
    check(json!({"type": "incoming-payment", "actions": ["read-all"]}), Ok(()));
    check(json!({"type": "incoming-payment", "actions": ["list-all"]}), Err("list-all needs an identifier"));

    check(debit("1", "CAD", 2), Ok(()));
    check(debit("9223372036854775807", "CAD", 2), Ok(()));
    check(debit("1", "USD", 2), Err("limits.debitAmount is in USD/2, but the wallet address pays in CAD/2"));
    check(debit("1", "CAD", 9), Err("limits.debitAmount is in CAD/9, but the wallet address pays in CAD/2"));
    check(debit("0", "CAD", 2), Err("a limit of zero allows no payment at all"));
    // What receivers get may be of any asset.
    check(limited(json!({"receiveAmount": amount("1", "USD", 2)})), Ok(()));
    check(limited(json!({"receiveAmount": amount("0", "USD", 2)})), Err("a limit of zero"));

    check(limited(json!({"receiver": "https://bank.example/op/incoming-payments/1"})), Ok(()));
    check(limited(json!({"receiver": "https://bank.example/alice"})), Err("not the URL of an incoming payment"));
    check(limited(json!({"receiver": ""})), Err("not the URL of an incoming payment"));

    // Whenever they are: windows that are all over allow nothing, but are no fault of the request.
    check(interval("R/2026-01-01T00:00:00Z/P1M"), Ok(()));
    check(interval("R1/2026-01-01T00:00:00Z/P1M"), Ok(()));
    check(interval("R3/2030-01-01T00:00:00Z/P1M"), Ok(()));
    check(interval("R1/2026-01-30T12:00:00.000001Z/P1D"), Ok(()));
    check(interval("R1/2026-01-30T12:00:00Z/P1D"), Ok(()));
    check(interval("R12/2020-01-01T00:00:00Z/P1M"), Ok(()));
    check(interval("R/P1M/2026-01-31T12:00:00Z"), Ok(()));
}

#[test]
fn a_debit_limit_is_not_compared_without_a_wallet() {
    let item: AccessItem = serde_json::from_value(with(
        outgoing(),
        "limits",
        json!({"debitAmount": {"value": "1", "assetCode": "USD", "assetScale": 2}}),
    ))
    .expect("an item");
    assert!(check_item(&item, None).is_ok());
    assert!(check_item(&item, Some(asset("CAD/2"))).is_err());
}

#[test]
fn what_can_be_a_receiver() {
    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(is_receiver(text), expected, "{text:?}");
    }
    check("https://bank.example/op/incoming-payments/0198f2a1-c0de-7abc-8def-0123456789ab", true);
    check("http://localhost:3000/incoming-payments/1", true);
    check("https://bank.example/a/b/c/incoming-payments/x", true);
    check("https://bank.example/incoming-payments/", false);
    check("https://bank.example/incoming-payments", false);
    check("https://bank.example/outgoing-payments/1", false);
    check("https://bank.example/?x=/incoming-payments/1", false);
    check("https://bank.example/#/incoming-payments/1", false);
    check("https://incoming-payments/1", false);
    check("ftp://bank.example/incoming-payments/1", false);
    check("/incoming-payments/1", false);
    check("incoming-payments/1", false);
    check("", false);
}

proptest! {
    /// Checking never panics, and what passes has a finish that can be followed.
    #[test]
    fn strange_finishes_are_refused_or_can_be_followed(uri in "(https?://)?\\PC{0,30}", nonce in "\\PC{0,20}|[ -~]{1,20}") {
        let interact = json!({"start": ["redirect"], "finish": finish(&uri, &nonce)});
        let request = request(with(asking(&[outgoing()]), "interact", interact));
        if check_request(&request).is_ok() {
            let url = url::Url::parse(&uri).unwrap();
            prop_assert!(matches!(url.scheme(), "http" | "https") && url.has_host());
            prop_assert!(nonce.is_ascii() && !nonce.is_empty());
        }
    }
}
