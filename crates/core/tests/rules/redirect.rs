//! The way back to the client: the redirect, its hash, and what the provider's secret gives away.

use crate::continuation::{grant, secret};
use bursar_core::grant::{Finish, Grant, Outcome, State, redirect_hash};
use bursar_core::secret::{Purpose, TokenHash};
use bursar_core::{Id, Secret};
use proptest::prelude::*;
use url::Url;

/// The expected values below were computed with OpenSSL and Python for the secret 00 01 … 1f and this id.
const ID: &str = "0198f2a1-c0de-7abc-8def-0123456789ab";
const NONCE: &str = "DRRic2f7RKvO8BuEwUCFXxOL9H_TY0orKXJyTvGcr94";
const REFERENCE: &str = "R8YuD7-QcF0Z62agGIZYc6T-LCfDH93cKtg1Xt9Ge3k";
const HASH: &str = "vfV33p4hB3N9y72RgrmbmbQRO7p8Lwb8Yd/5IuxBY60=";

fn returning_to(uri: &str) -> Grant {
    let id: Id = ID.parse().expect("an id");
    grant(id, State::Pending, Some(Finish { uri: uri.to_owned(), nonce: "client nonce 1".to_owned() }))
}

#[test]
fn the_hash_is_that_of_the_rfc_in_the_padded_form() {
    // RFC 9635 §4.2.3 has x-gguKWTj8rQf7d7i3w3UhzvuJ5bpOlKyAlVpLxBffY for these four.
    let hash = redirect_hash(
        "VJLO6A4CATR0KRO",
        "MBDOFXG4Y5CVJCX821LH",
        "4IFWWIKYB2PQ6U56NL1",
        "https://server.example.com/tx",
    );
    assert_eq!(hash, "x+gguKWTj8rQf7d7i3w3UhzvuJ5bpOlKyAlVpLxBffY=");
    assert_eq!(redirect_hash("client nonce 1", NONCE, REFERENCE, "https://auth.bank.example/"), HASH);
    // The endpoint is hashed letter by letter.
    assert_ne!(redirect_hash("client nonce 1", NONCE, REFERENCE, "https://auth.bank.example"), HASH);
}

#[test]
fn derived_values_are_as_computed_elsewhere() {
    let id: Id = ID.parse().expect("an id");
    let check = |purpose: Purpose, expected: &str| {
        assert_eq!(secret().derive_text(purpose, id.as_bytes()), expected, "{purpose:?}");
        assert!(secret().matches(purpose, id.as_bytes(), expected));
    };
    check(Purpose::AccessToken, "5jBHgVm3s-MhGiouZHVptb1RCJAvowoJU2mAQ7l6aRU");
    check(Purpose::ContinueToken, "qSrkNKMMn4TPMZeUAYqs3ksgj2eOHCUYU314WJOPD1c");
    check(Purpose::FinishNonce, NONCE);
    check(Purpose::InteractRef, REFERENCE);
    check(Purpose::InteractPath, "e3zTMhRsq6Lghci_VfcBJG9vL9jcabnz7kMx0t3LJls");
    check(Purpose::FormToken, "ITUDi_284BAck-43N5W3mKC8P3iwzftOMx-VuBh_92w");
    check(Purpose::StreamSecret, "czczOsQ-Ho9elbyvg8NvrC7KQ5P16HvcNGja91M4Emk");
    check(Purpose::IlpAddress, "KvigTYgoJYQNXdb2HMksJ238z6d5D6ubDBLzJ7ov8KA");
    assert_eq!(returning_to("https://app.example/").server_nonce(&secret()), NONCE);
}

#[test]
fn secrets_are_not_printed() {
    assert_eq!(format!("{:?}", secret()), "Secret(…)");
    assert_eq!(format!("{:?}", TokenHash::of("token")), "TokenHash(…)");
    // SHA-256 of "token", by OpenSSL.
    assert_eq!(TokenHash::of("token").as_bytes()[..4], [0x3c, 0x46, 0x9e, 0x9d]);
}

#[test]
fn the_redirect_keeps_what_the_client_wrote() {
    #[track_caller]
    fn check(uri: &str, outcome: Outcome, expected: &str) {
        assert_eq!(returning_to(uri).finish_redirect(outcome, &secret()).as_deref(), Some(expected));
    }
    let good = "hash=vfV33p4hB3N9y72RgrmbmbQRO7p8Lwb8Yd%2F5IuxBY60%3D\
                &interact_ref=R8YuD7-QcF0Z62agGIZYc6T-LCfDH93cKtg1Xt9Ge3k";
    let approved = Outcome::Approved;
    check("https://app.example/back", approved, &format!("https://app.example/back?{good}"));
    check("https://app.example", approved, &format!("https://app.example/?{good}"));
    check("https://app.example/back?", approved, &format!("https://app.example/back?{good}"));
    check(
        "https://app.example/b?state=a%20b&empty=&x",
        approved,
        &format!("https://app.example/b?state=a%20b&empty=&x&{good}"),
    );
    check("https://app.example/b?q=1+1&q=2", approved, &format!("https://app.example/b?q=1+1&q=2&{good}"));
    check("http://localhost:3000/x?y=%2B", approved, &format!("http://localhost:3000/x?y=%2B&{good}"));
    // A client that already uses one of our names keeps its own, and ours comes last.
    check("https://app.example/?hash=mine", approved, &format!("https://app.example/?hash=mine&{good}"));
    check("https://app.example/back", Outcome::Denied, "https://app.example/back?result=grant_rejected");
    check("https://app.example/b?x=1", Outcome::Denied, "https://app.example/b?x=1&result=grant_rejected");
    check("https://app.example/back", Outcome::Invalid, "https://app.example/back?result=grant_invalid");
    check("https://app.example/b?x=1", Outcome::Invalid, "https://app.example/b?x=1&result=grant_invalid");
}

#[test]
fn without_a_finish_the_browser_is_sent_nowhere() {
    let polling = grant(ID.parse().expect("an id"), State::Pending, None);
    for outcome in [Outcome::Approved, Outcome::Denied, Outcome::Invalid] {
        assert_eq!(polling.finish_redirect(outcome, &secret()), None);
    }
}

proptest! {
    /// The client reads back the hash and the reference that the grant has, and its own query before them.
    #[test]
    fn the_client_can_check_the_redirect(
        query in prop::collection::vec(("[a-z]{1,6}", "\\PC{0,12}"), 0..4),
        nonce in "[ -~]{1,40}",
        key: [u8; 32],
        id: [u8; 16],
    ) {
        let secret = Secret::new(key);
        let mut uri = Url::parse("https://app.example/back").unwrap();
        if !query.is_empty() {
            uri.query_pairs_mut().extend_pairs(&query);
        }
        let finish = Finish { uri: uri.to_string(), nonce: nonce.clone() };
        let grant = grant(Id::from_bytes(id), State::Pending, Some(finish));
        let redirect = Url::parse(&grant.finish_redirect(Outcome::Approved, &secret).unwrap()).unwrap();
        let mut pairs: Vec<(String, String)> = redirect.query_pairs().into_owned().collect();
        let (reference_name, reference) = pairs.pop().unwrap();
        let (hash_name, hash) = pairs.pop().unwrap();
        prop_assert_eq!((hash_name.as_str(), reference_name.as_str()), ("hash", "interact_ref"));
        prop_assert_eq!(pairs, query);
        prop_assert!(secret.matches(Purpose::InteractRef, &id, &reference));
        let server_nonce = grant.server_nonce(&secret);
        prop_assert_eq!(hash, redirect_hash(&nonce, &server_nonce, &reference, &grant.endpoint));
    }

    /// What one purpose or subject derives is of no use for another.
    #[test]
    fn derived_values_are_kept_apart(key: [u8; 32], other: [u8; 32], subject: [u8; 16], stranger: [u8; 16]) {
        let purposes = [
            Purpose::AccessToken, Purpose::ContinueToken, Purpose::FinishNonce, Purpose::InteractRef,
            Purpose::InteractPath, Purpose::FormToken, Purpose::StreamSecret, Purpose::IlpAddress,
        ];
        let secret = Secret::new(key);
        for purpose in purposes {
            let value = secret.derive_text(purpose, &subject);
            prop_assert_eq!(value.len(), 43);
            for another in purposes {
                prop_assert_eq!(secret.matches(another, &subject, &value), another == purpose);
            }
            prop_assert_eq!(secret.matches(purpose, &stranger, &value), stranger == subject);
            prop_assert_eq!(Secret::new(other).matches(purpose, &subject, &value), other == key);
            prop_assert!(!secret.matches(purpose, &subject, &value[..42]));
            prop_assert!(!secret.matches(purpose, &subject, ""));
        }
    }
}
