//! What signing writes, what it refuses, and requests with several signatures.

use bursar_httpsig::{
    Failure, KeyError, Policy, PrivateKey, PublicKey, RequestError, SIGNATURE, SIGNATURE_INPUT, SignError, SignOptions,
    parse, sign, verify_any,
};
use http::{HeaderName, HeaderValue};

use crate::support::{KEY_ID, NOW, Sent, TOKEN, key};

#[test]
fn parameters_and_components() {
    fn check(sent: &Sent, options: SignOptions<'_>, expected: &str) {
        let signed = sign(&key(), KEY_ID, &sent.request(), &options).unwrap();
        assert_eq!(signed.signature_input.to_str().unwrap(), expected);
        let label = expected.split('=').next().unwrap();
        assert!(signed.signature.to_str().unwrap().starts_with(&format!("{label}=:")));
    }
    let plain = Sent::new("GET", "https://bank.example/", None);
    let options = SignOptions::new(NOW);
    check(&plain, options, r#"sig1=("@method" "@target-uri");keyid="key-1";created=1700000000"#);
    check(
        &plain.clone().with("authorization", TOKEN).with("content-type", "application/json"),
        options,
        r#"sig1=("@method" "@target-uri" "authorization");keyid="key-1";created=1700000000"#,
    );
    check(
        &Sent::post(),
        options,
        r#"sig1=("@method" "@target-uri" "authorization" "content-digest" "content-length" "content-type");keyid="key-1";created=1700000000"#,
    );
    check(
        &plain,
        SignOptions { created: 1, expires: Some(2), nonce: Some(r#"a"\b"#), label: "*my.sig-2_" },
        r#"*my.sig-2_=("@method" "@target-uri");keyid="key-1";created=1;nonce="a\"\\b";expires=2"#,
    );
    let empty = Sent::new("POST", "https://bank.example/", Some(b""));
    check(&empty, options, r#"sig1=("@method" "@target-uri");keyid="key-1";created=1700000000"#);
}

#[test]
fn headers_are_set() {
    let sent = Sent::post();
    assert_eq!(sent.text("content-length"), "16");
    assert!(sent.text("content-digest").starts_with("sha-512=:"));
    // Signing again replaces the headers, and believes nothing they said.
    let again = sent
        .clone()
        .with("content-digest", "sha-512=:AAAA:")
        .with("content-length", "7")
        .signed(&SignOptions::new(NOW));
    assert_eq!(again.headers, sent.headers);
    let names: Vec<_> = sign(&key(), KEY_ID, &sent.request(), &SignOptions::new(NOW))
        .unwrap()
        .iter()
        .map(|(name, _)| name.to_string())
        .collect();
    assert_eq!(names, ["content-digest", "content-length", "signature-input", "signature"]);
}

#[test]
fn what_cannot_be_signed() {
    fn check(sent: &Sent, key_id: &str, options: SignOptions<'_>, expected: SignError) {
        assert_eq!(sign(&key(), key_id, &sent.request(), &options), Err(expected));
    }
    let get = Sent::new("GET", "https://bank.example/", None);
    let options = SignOptions::new(NOW);
    let long = "x".repeat(257);
    check(&get, "", options, SignError::KeyId);
    check(&get, "clé", options, SignError::KeyId);
    check(&get, "a\nb", options, SignError::KeyId);
    check(&get, &long, options, SignError::KeyId);
    check(&get, KEY_ID, SignOptions { nonce: Some(""), ..options }, SignError::Nonce);
    check(&get, KEY_ID, SignOptions { nonce: Some("é"), ..options }, SignError::Nonce);
    check(&get, KEY_ID, SignOptions { nonce: Some(&long), ..options }, SignError::Nonce);
    for label in ["", "Sig1", "1sig", "sig 1", "sig=1", "é"] {
        check(&get, KEY_ID, SignOptions { label, ..options }, SignError::Label(label.to_owned()));
    }
    check(&get, KEY_ID, SignOptions::new(i64::MAX), SignError::Instant(i64::MAX));
    check(&get, KEY_ID, SignOptions { expires: Some(i64::MIN), ..options }, SignError::Instant(i64::MIN));
    check(
        &get,
        KEY_ID,
        SignOptions { expires: Some(NOW - 1), ..options },
        SignError::ExpiresBeforeCreated { expires: NOW - 1, created: NOW },
    );
    let mut no_type = Sent::post();
    no_type.headers.remove("content-type");
    check(&no_type, KEY_ID, options, SignError::MissingContentType);
    let bad_token = get.clone().with("authorization", "GNAP é");
    check(&bad_token, KEY_ID, options, SignError::Header(HeaderName::from_static("authorization")));
    let bad_type = Sent::post().with("content-type", "é");
    check(&bad_type, KEY_ID, options, SignError::Header(HeaderName::from_static("content-type")));
    check(&Sent::new("GET", "/", None), KEY_ID, options, SignError::Request(RequestError::NotAbsolute));
    let injected = "GET\n\"@target-uri\": https://x/";
    check(
        &Sent::new(injected, "https://bank.example/", None),
        KEY_ID,
        options,
        SignError::Request(RequestError::Method(injected.to_owned())),
    );
}

#[test]
fn a_kid_that_no_signature_can_name_is_not_published() {
    assert_eq!(key().public_jwk("clé"), Err(KeyError::KeyId));
    assert_eq!(key().public_jwk(KEY_ID).map(|jwk| jwk.kid().to_owned()), Ok(KEY_ID.to_owned()));
}

/// A request signed by its client and, with another key, by a gateway.
fn twice_signed() -> (Sent, PublicKey) {
    let gateway = PrivateKey::from_seed([9; 32]);
    let mut sent = Sent::post();
    let options = SignOptions { label: "gateway", ..SignOptions::new(NOW) };
    let second = sign(&gateway, "gateway-key", &sent.request(), &options).unwrap();
    for (name, value) in [(SIGNATURE_INPUT, second.signature_input), (SIGNATURE, second.signature)] {
        let client = sent.headers.remove(&name).unwrap();
        sent.headers.append(&name, value);
        sent.headers.append(&name, client);
    }
    (sent, gateway.public_key())
}

#[test]
fn one_of_several_signatures_is_enough() {
    let (sent, gateway) = twice_signed();
    let parsed = parse(&sent.headers).unwrap();
    assert_eq!(parsed.iter().map(|parsed| parsed.label()).collect::<Vec<_>>(), ["gateway", "sig1"]);
    let client = key().public_key();
    let check = |client: Option<&PublicKey>, gateway: Option<&PublicKey>, now: i64, expected: Result<&str, Failure>| {
        let key_of = |key_id: &str| if key_id == KEY_ID { client } else { gateway };
        let verified = verify_any(&parsed, &sent.request(), key_of, &Policy::default(), now);
        assert_eq!(verified.map(|verified| verified.key_id), expected.map(str::to_owned));
    };
    let wrong = PrivateKey::from_seed([1; 32]).public_key();
    let refused =
        |label: &str, key_id: &str| Err(Failure::Signature { label: label.to_owned(), key_id: key_id.to_owned() });
    check(Some(&client), None, NOW, Ok(KEY_ID));
    check(None, Some(&gateway), NOW, Ok("gateway-key"));
    check(Some(&client), Some(&gateway), NOW, Ok("gateway-key"));
    check(Some(&client), Some(&wrong), NOW, Ok(KEY_ID));
    check(Some(&wrong), None, NOW, refused("sig1", KEY_ID));
    check(Some(&wrong), Some(&wrong), NOW, refused("gateway", "gateway-key"));
    check(None, None, NOW, Err(Failure::UnknownKey(vec!["gateway-key".to_owned(), KEY_ID.to_owned()])));
    let late = NOW + 301;
    let too_old = Failure::TooOld { created: NOW, now: late, max_age_seconds: 300 };
    check(Some(&client), Some(&gateway), late, Err(too_old));
}

#[test]
fn other_parties_do_not_spoil_a_signature() {
    let others = [
        (r#"rsa=("@method");keyid="r";alg="rsa-pss-sha512""#, "rsa=:AAAA:"),
        (r#"nokey=("@method")"#, "nokey=:AAAA:"),
        ("odd=5", "odd=5"),
        (r#"lonely=("@method");keyid="l""#, "other=:AAAA:"),
    ];
    for (input, signature) in others {
        let mut sent = Sent::post();
        for (name, value) in [("signature-input", input), ("signature", signature)] {
            let client = sent.text(name);
            sent.set(name, value);
            sent.append(name, &client);
        }
        assert!(sent.verify().is_ok(), "{input}: {:?}", sent.verify());
    }
}

#[test]
fn checking_comes_before_the_key() {
    let sent = Sent::post();
    let parsed = parse(&sent.headers).unwrap();
    let checked = parsed[0].check(&sent.request(), &sent.policy, NOW).unwrap();
    assert_eq!(checked.key_id(), KEY_ID);
    assert!(checked.signature_base().starts_with("\"@method\": POST\n"));
    assert!(!format!("{checked:?} {parsed:?}").contains(TOKEN), "no token in logs");
    assert!(checked.verify(&key().public_key()).is_ok());
    assert!(parsed[0].check(&sent.request(), &sent.policy, NOW + 301).is_err());
}

#[test]
fn sensitive_headers_still_count() {
    let mut token = HeaderValue::from_static(TOKEN);
    token.set_sensitive(true);
    let mut sent = Sent::new("GET", "https://bank.example/", None);
    sent.headers.insert("authorization", token);
    assert!(sent.signed(&SignOptions::new(NOW)).verify().is_ok());
}
