//! Passkeys and ID tokens: what is believed, and what is not. The vectors were signed by another program
//! (`tests/vectors/make.mjs`).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bursar_core::id_token::{self, Expected, Invalid as BadToken, KeySet};
use bursar_core::passkey::{self, Assertion, Invalid as BadPasskey, Registration, RelyingParty};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/log-ins.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap()
}

const EXPECTED: Expected<'_> = Expected {
    issuer: "https://id.example",
    client_id: "bursar",
    nonce: "n",
    now_seconds: 1_010,
    authenticated_after: None,
};

fn key_set(keys: Value) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

#[test]
fn tokens_of_every_algorithm() {
    let vectors = vectors();
    let tokens = vectors["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 7);
    let all: Vec<Value> = tokens.iter().map(|one| one["jwk"].clone()).collect();
    for one in tokens {
        let (alg, token) = (one["alg"].as_str().unwrap(), one["token"].as_str().unwrap());
        let claims = id_token::verify(token, &key_set(json!(all)), &EXPECTED).unwrap();
        assert_eq!((claims.subject.as_str(), claims.text("nonce"), claims.text("name")), ("u-1", Some("n"), None));
        // Another key of the same kind, name and algorithm.
        let mut other = one["jwk"].clone();
        for part in ["x", "n"] {
            if let Some(text) = other.get(part).and_then(Value::as_str) {
                let changed = if text.starts_with('A') { "B" } else { "A" };
                other[part] = json!(format!("{changed}{}", &text[1..]));
            }
        }
        assert_eq!(id_token::verify(token, &key_set(json!([other])), &EXPECTED), Err(BadToken::Signature), "{alg}");
        // Signed by the same key, as it would be with another body.
        let parts: Vec<&str> = token.split('.').collect();
        let body = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap().replace("u-1", "u-2");
        let forged = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(body), parts[2]);
        assert_eq!(id_token::verify(&forged, &key_set(json!(all)), &EXPECTED), Err(BadToken::Signature), "{alg}");
        // A key that is for something else.
        for (name, value) in [("use", "enc"), ("alg", "RS384")] {
            let mut other = one["jwk"].clone();
            other[name] = json!(value);
            assert_eq!(
                id_token::verify(token, &key_set(json!([other])), &EXPECTED),
                Err(BadToken::UnknownKey),
                "{alg}"
            );
        }
    }
}

fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap()
}

fn jwk(kid: Option<&str>) -> Value {
    let mut jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(key().public_key().as_ref()) });
    if let Some(kid) = kid {
        jwk["kid"] = json!(kid);
    }
    jwk
}

fn signed(header: &Value, body: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(body));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key().sign(signed.as_bytes())))
}

#[test]
fn what_a_token_must_say() {
    #[track_caller]
    fn check(change: Value, expected: &Expected<'_>, result: Result<(), BadToken>) {
        let mut body = json!({ "iss": "https://id.example", "aud": "bursar", "sub": "u-1", "nonce": "n", "iat": 1_000,
                               "exp": 1_300 });
        for (name, value) in change.as_object().unwrap() {
            match value {
                Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
                value => body[name] = value.clone(),
            }
        }
        let token = signed(&json!({ "alg": "EdDSA" }), &body);
        let verified = id_token::verify(&token, &key_set(json!([jwk(None)])), expected);
        assert_eq!(verified.map(|_| ()), result, "{change}");
    }
    let now = |now_seconds| Expected { now_seconds, ..EXPECTED };
    check(json!({}), &EXPECTED, Ok(()));
    check(json!({ "iss": "https://id.example/" }), &EXPECTED, Err(BadToken::Issuer));
    check(json!({ "iss": "https://evil.example" }), &EXPECTED, Err(BadToken::Issuer));
    check(json!({ "iss": null }), &EXPECTED, Err(BadToken::Unreadable));
    check(json!({ "aud": "other" }), &EXPECTED, Err(BadToken::Audience));
    check(json!({ "aud": ["bursar"] }), &EXPECTED, Ok(()));
    check(json!({ "aud": ["bursar", "other"] }), &EXPECTED, Err(BadToken::Audience));
    check(json!({ "aud": ["bursar", "other"], "azp": "bursar" }), &EXPECTED, Ok(()));
    check(json!({ "azp": "other" }), &EXPECTED, Err(BadToken::Audience));
    check(json!({ "aud": "other", "azp": "bursar" }), &EXPECTED, Err(BadToken::Audience));
    check(json!({ "aud": [] }), &EXPECTED, Err(BadToken::Audience));
    check(json!({ "aud": 7 }), &EXPECTED, Err(BadToken::Unreadable));
    check(json!({ "nonce": "m" }), &EXPECTED, Err(BadToken::Nonce));
    check(json!({ "nonce": null }), &EXPECTED, Err(BadToken::Nonce));
    check(json!({ "exp": null }), &EXPECTED, Err(BadToken::Unreadable));
    check(json!({ "exp": "1300" }), &EXPECTED, Err(BadToken::Unreadable));
    check(json!({}), &now(1_359), Ok(()));
    check(json!({}), &now(1_360), Err(BadToken::Expired));
    check(json!({ "exp": -1 }), &EXPECTED, Err(BadToken::Expired));
    check(json!({ "exp": 1_300.5, "iat": 1_000.25 }), &EXPECTED, Ok(()));
    check(json!({ "exp": 1e300 }), &EXPECTED, Err(BadToken::Unreadable));
    check(json!({ "iat": null }), &EXPECTED, Err(BadToken::Unreadable));
    check(json!({}), &now(940), Ok(()));
    check(json!({}), &now(939), Err(BadToken::Future));
    check(json!({ "nbf": 1_070 }), &EXPECTED, Ok(()));
    check(json!({ "nbf": 1_071 }), &EXPECTED, Err(BadToken::Future));
    check(json!({ "sub": "" }), &EXPECTED, Err(BadToken::Subject));
    check(json!({ "sub": "x".repeat(256) }), &EXPECTED, Err(BadToken::Subject));
    check(json!({ "sub": "a\u{0}" }), &EXPECTED, Err(BadToken::Subject));
    check(json!({ "sub": 7 }), &EXPECTED, Err(BadToken::Unreadable));
    let lately = Expected { authenticated_after: Some(1_000), ..EXPECTED };
    check(json!({}), &lately, Err(BadToken::Stale));
    check(json!({ "auth_time": 939 }), &lately, Err(BadToken::Stale));
    check(json!({ "auth_time": 940 }), &lately, Ok(()));
}

#[test]
fn how_a_token_must_be_signed() {
    let body =
        json!({ "iss": "https://id.example", "aud": "bursar", "sub": "u", "nonce": "n", "iat": 1_000, "exp": 1_300 });
    let check = |header: Value, keys: Value, result: Result<(), BadToken>| {
        let verified = id_token::verify(&signed(&header, &body), &key_set(keys), &EXPECTED);
        assert_eq!(verified.map(|_| ()), result, "{header}");
    };
    let one = json!([jwk(Some("one"))]);
    check(json!({ "alg": "EdDSA", "kid": "one" }), one.clone(), Ok(()));
    check(json!({ "alg": "Ed25519", "kid": "one", "typ": "jwt" }), one.clone(), Ok(()));
    check(json!({ "alg": "EdDSA" }), one.clone(), Ok(()));
    check(json!({ "alg": "EdDSA", "kid": "two" }), one.clone(), Err(BadToken::UnknownKey));
    check(json!({ "alg": "EdDSA" }), json!([jwk(Some("one")), jwk(Some("two"))]), Err(BadToken::UnknownKey));
    check(json!({ "alg": "EdDSA", "kid": "two" }), json!([jwk(Some("one")), jwk(Some("two"))]), Ok(()));
    check(json!({ "alg": "EdDSA", "kid": "one" }), json!([]), Err(BadToken::UnknownKey));
    // Keys that cannot be read are passed over.
    let odd = json!([7, { "kty": "RSA" }, { "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }, { "kty": "oct", "k": "AA" }, jwk(None)]);
    check(json!({ "alg": "EdDSA" }), odd, Ok(()));
    for alg in ["none", "None", "HS256", "RS1", "", "ES512"] {
        check(json!({ "alg": alg }), one.clone(), Err(BadToken::Algorithm));
    }
    // Another algorithm than the key's.
    check(json!({ "alg": "RS256" }), one.clone(), Err(BadToken::UnknownKey));
    check(json!({ "alg": "EdDSA", "crit": ["exp"] }), one.clone(), Err(BadToken::Algorithm));
    check(json!({ "alg": "EdDSA", "typ": "at+jwt" }), one.clone(), Err(BadToken::Algorithm));
    check(json!({}), one.clone(), Err(BadToken::Unreadable));
    for odd in ["", ".", "..", "a.b", "a.b.c.d", "e30.e30.", &"A".repeat(20_000)] {
        let verified = id_token::verify(odd, &key_set(one.clone()), &EXPECTED);
        assert_eq!(verified.map(|_| ()), Err(BadToken::Unreadable), "{}", &odd[..odd.len().min(20)]);
    }
    for odd in ["", "[]", "{}", r#"{"keys":7}"#] {
        assert!(KeySet::parse(odd.as_bytes()).is_err(), "{odd}");
    }
}

const BANK: RelyingParty<'_> = RelyingParty { id: "bank.example", origin: "https://bank.example" };

fn registration(one: &Value) -> Registration {
    let parts = &one["registration"];
    Registration {
        client_data: bytes(&parts["clientData"]),
        authenticator_data: bytes(&parts["authenticatorData"]),
        public_key: bytes(&one["publicKey"]),
    }
}

fn assertion(one: &Value) -> Assertion {
    let parts = &one["assertion"];
    Assertion {
        credential_id: bytes(&one["id"]),
        client_data: bytes(&parts["clientData"]),
        authenticator_data: bytes(&parts["authenticatorData"]),
        signature: bytes(&parts["signature"]),
        user_handle: None,
    }
}

#[test]
fn passkeys_of_every_kind() {
    let vectors = vectors();
    for one in vectors["passkeys"].as_array().unwrap() {
        let new = passkey::register(BANK, &registration(one)).unwrap();
        assert_eq!((&new.credential_id, new.sign_count), (&bytes(&one["id"]), 0));
        let answer = assertion(one);
        assert_eq!(passkey::challenge(&answer.client_data).as_deref(), Some(b"challenge".as_slice()));
        let prove = |sign_count| passkey::prove(BANK, &answer, &new.public_key, sign_count);
        assert_eq!((prove(0), prove(6)), (Ok(7), Ok(7)));
        for more in [7, 8, u32::MAX] {
            assert_eq!(prove(more), Err(BadPasskey::Copied), "{more}");
        }
    }
}

#[test]
fn answers_that_are_no_proof() {
    let vectors = vectors();
    let [ec, ed] = [&vectors["passkeys"][0], &vectors["passkeys"][1]];
    let good = assertion(ed);
    let key = bytes(&ed["publicKey"]);
    let check = |rp, answer: &Assertion, key: &[u8], expected| {
        assert_eq!(passkey::prove(rp, answer, key, 0), Err(expected));
    };
    check(BANK, &good, &bytes(&ec["publicKey"]), BadPasskey::Signature);
    check(RelyingParty { origin: "https://bank.example:8443", ..BANK }, &good, &key, BadPasskey::OtherSite);
    check(RelyingParty { id: "example", ..BANK }, &good, &key, BadPasskey::OtherSite);
    check(BANK, &good, &key[1..], BadPasskey::OtherKey);
    check(BANK, &good, &[], BadPasskey::OtherKey);
    let with_client = |change: fn(&mut Value)| {
        let mut data: Value = serde_json::from_slice(&good.client_data).unwrap();
        change(&mut data);
        Assertion { client_data: data.to_string().into_bytes(), ..good.clone() }
    };
    check(BANK, &with_client(|data| data["type"] = json!("webauthn.create")), &key, BadPasskey::OtherCeremony);
    check(BANK, &with_client(|data| data["origin"] = json!("https://evil.example")), &key, BadPasskey::OtherSite);
    check(BANK, &with_client(|data| data["crossOrigin"] = json!(true)), &key, BadPasskey::OtherSite);
    check(BANK, &with_client(|data| data["challenge"] = json!("b3RoZXI")), &key, BadPasskey::Signature);
    check(BANK, &Assertion { client_data: b"{}".to_vec(), ..good.clone() }, &key, BadPasskey::Unreadable);
    check(BANK, &Assertion { client_data: vec![b' '; 10_000], ..good.clone() }, &key, BadPasskey::Unreadable);
    check(BANK, &Assertion { signature: Vec::new(), ..good.clone() }, &key, BadPasskey::Signature);
    check(BANK, &Assertion { signature: vec![0; 10_000], ..good.clone() }, &key, BadPasskey::Signature);
    for (flags, expected) in [
        (0x04, BadPasskey::NobodyPresent),
        (0x15, BadPasskey::Unreadable),
        (0x45, BadPasskey::Unreadable),
        (0x01, BadPasskey::NotVerified),
    ] {
        let mut answer = good.clone();
        answer.authenticator_data[32] = flags;
        check(BANK, &answer, &key, expected);
    }
    for length in 0..good.authenticator_data.len() {
        let answer = Assertion { authenticator_data: good.authenticator_data[..length].to_vec(), ..good.clone() };
        check(BANK, &answer, &key, BadPasskey::Unreadable);
    }
    assert_eq!(passkey::challenge(b"[]"), None);
    assert_eq!(passkey::challenge(br#"{"type":"","challenge":"%","origin":""}"#), None);
}

#[test]
fn a_passkey_that_does_not_count() {
    let public_key =
        [&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..], key().public_key().as_ref()].concat();
    let client_data = br#"{"type":"webauthn.get","challenge":"","origin":"https://bank.example"}"#.to_vec();
    let prove = |flags: u8, before: u32| {
        let authenticator_data = [Sha256::digest(b"bank.example").as_slice(), &[flags, 0, 0, 0, 0]].concat();
        let signed = [authenticator_data.as_slice(), &Sha256::digest(&client_data)].concat();
        let signature = key().sign(&signed).as_ref().to_vec();
        let client_data = client_data.clone();
        let answer =
            Assertion { credential_id: vec![1], client_data, authenticator_data, signature, user_handle: None };
        passkey::prove(BANK, &answer, &public_key, before)
    };
    // Synchronised ones always say 0, and that they are backed up.
    assert_eq!(prove(0x05, 0), Ok(0));
    assert_eq!(prove(0x1d, 0), Ok(0));
    assert_eq!(prove(0x05, 1), Err(BadPasskey::Copied));
    // Signed well, but nobody was there, or the device did not look who.
    assert_eq!(prove(0x04, 0), Err(BadPasskey::NobodyPresent));
    assert_eq!(prove(0x01, 0), Err(BadPasskey::NotVerified));
}

#[test]
fn registrations_that_are_none() {
    let vectors = vectors();
    let good = registration(&vectors["passkeys"][0]);
    let check = |change: fn(&mut Registration), expected| {
        let mut answer = good.clone();
        change(&mut answer);
        assert_eq!(passkey::register(BANK, &answer), Err(expected));
    };
    check(|answer| answer.public_key.clear(), BadPasskey::OtherKey);
    check(|answer| answer.authenticator_data[32] = 0x05, BadPasskey::Unreadable);
    check(|answer| answer.authenticator_data[32] = 0x44, BadPasskey::NobodyPresent);
    check(|answer| answer.authenticator_data[32] = 0x41, BadPasskey::NotVerified);
    check(|answer| answer.authenticator_data[0] ^= 1, BadPasskey::OtherSite);
    // The credential's length: none, and more than there is.
    check(|answer| answer.authenticator_data[54] = 0, BadPasskey::Unreadable);
    check(|answer| answer.authenticator_data[53] = 9, BadPasskey::Unreadable);
    let client = bytes(&vectors["passkeys"][0]["assertion"]["clientData"]);
    let answer = Registration { client_data: client, ..good.clone() };
    assert_eq!(passkey::register(BANK, &answer), Err(BadPasskey::OtherCeremony));
}
