//! For requests of any kind: what is signed verifies, what is changed does not, and nothing panics.

use bursar_httpsig::{
    Failure, Jwk, JwkSet, Policy, PrivateKey, Request, SignOptions, explain, parse, sign, verify, verify_content_digest,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use crate::support::Sent;

fn method() -> impl Strategy<Value = String> {
    prop_oneof![Just("GET".to_owned()), Just("POST".to_owned()), "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}"]
}

fn url() -> impl Strategy<Value = String> {
    "https?://[a-z0-9][a-zA-Z0-9.-]{0,20}(:[0-9]{1,5})?(/[!-\"$->@-~]{0,30})?(\\?[!-\"$-~]{0,30})?"
}

/// A header value as it may be sent: printable ASCII and tabs, without white space around it.
fn value() -> impl Strategy<Value = String> {
    "[!-~]([ -~\t]{0,40}[!-~])?"
}

fn unsigned() -> impl Strategy<Value = Sent> {
    let body = prop::option::of(prop::collection::vec(any::<u8>(), 0..200));
    let tokens = prop::collection::vec(value(), 0..3);
    (method(), url(), tokens, value(), body).prop_map(|(method, url, tokens, content_type, body)| {
        let mut sent = Sent::new(&method, &url, body.as_deref()).with("content-type", &content_type);
        for token in &tokens {
            sent.append("authorization", token);
        }
        sent
    })
}

/// Signed by a key of its own at an instant of its own.
fn signed() -> impl Strategy<Value = Sent> {
    let nonce = prop::option::of("[ -~]{1,20}");
    let created = 0..=253_402_300_799_i64;
    (unsigned(), any::<[u8; 32]>(), "[ -~]{1,40}", "[a-z*][a-z0-9_.*-]{0,10}", created, nonce).prop_map(
        |(mut sent, seed, key_id, label, created, nonce)| {
            let key = PrivateKey::from_seed(seed);
            let options = SignOptions { created, expires: Some(created + 10), nonce: nonce.as_deref(), label: &label };
            let headers = sign(&key, &key_id, &sent.request(), &options).unwrap();
            headers.apply_to(&mut sent.headers);
            sent.key = key.public_key();
            sent.now = created + 5;
            sent
        },
    )
}

fn flip_text(text: &str, bit: usize) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let bit = bit % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    String::from_utf8(bytes).ok()
}

/// Flips one bit of one thing that is covered. `None` when the result could not be sent at all.
fn mutate(sent: &Sent, part: usize, bit: usize) -> Option<Sent> {
    let mut changed = sent.clone();
    let headers = ["authorization", "content-digest", "content-length", "content-type"];
    match part {
        0 => changed.method = flip_text(&sent.method, bit)?,
        1 => changed.url = flip_text(&sent.url, bit)?,
        2 => {
            let body = changed.body.as_mut().filter(|body| !body.is_empty())?;
            let bit = bit % (body.len() * 8);
            body[bit / 8] ^= 1 << (bit % 8);
        }
        3 => {
            let mut signature = sent.signature_bytes();
            signature[bit / 8 % 64] ^= 1 << (bit % 8);
            let label = sent.text("signature").split('=').next()?.to_owned();
            changed.set_signature(&label, &signature);
        }
        _ => {
            let name = *headers.get(part - 4)?;
            // Without a body only the token is covered.
            if part > 4 && sent.request().body_bytes().is_empty() {
                return None;
            }
            let mut bytes = sent.headers.get(name)?.as_bytes().to_vec();
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let name = HeaderName::from_static(name);
            let rest: Vec<_> = sent.headers.get_all(&name).iter().skip(1).cloned().collect();
            changed.headers.insert(&name, HeaderValue::from_bytes(&bytes).ok()?);
            for value in rest {
                changed.headers.append(&name, value);
            }
        }
    }
    Some(changed)
}

/// Text that is often nearly a signature header.
fn header_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "sig1=", "sig1", "(", ")", "\"@method\"", "\"@target-uri\"", "\"@query-param\";name=\"a\"", "\"x-a\"",
            "\"x-a\";key=\"b\"", "\"x-a\";bs", "\"@status\"", " ", ", ", ";", "=", ";keyid=\"k\"", ";created=1",
            ";created=-999999999999999", ";expires=1", ";nonce=\"n\"", ";alg=\"ed25519\"", ":AAAA:", "?1", "\\", "\"",
            ":AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==:",
        ]).prop_map(str::to_owned),
        1 => "[ -~\\x80-\u{ff}\t]{0,8}",
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

/// What [`explain`] says must be what verification does.
fn agree(request: &Request<'_>, key: &bursar_httpsig::PublicKey, now: i64) -> Result<(), TestCaseError> {
    let policy = Policy::default();
    let explanation = explain(request, Some(key), &policy, now);
    let failure = match parse(request.headers) {
        Err(malformed) => Some(malformed.to_string()),
        Ok(parsed) => {
            let results: Vec<_> = parsed.iter().map(|parsed| verify(parsed, request, key, &policy, now)).collect();
            if results.iter().any(Result::is_ok) { None } else { results[0].as_ref().err().map(Failure::to_string) }
        }
    };
    prop_assert_eq!(explanation.first_failure().map(|step| step.detail.clone()), failure.clone());
    prop_assert_eq!(explanation.accepted(), failure.is_none());
    prop_assert!(!explanation.to_string().is_empty());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_verifies(sent in signed()) {
        let verified = sent.verify();
        prop_assert!(verified.is_ok(), "{:?}", verified);
        agree(&sent.request(), &sent.key, sent.now)?;
    }

    #[test]
    fn one_bit_changed_does_not(sent in signed(), part in 0_usize..8, bit: usize) {
        let Some(changed) = mutate(&sent, part, bit) else { return Ok(()) };
        let verified = changed.verify();
        prop_assert!(verified.is_err(), "part {}, bit {}: {:?}", part, bit, changed.request());
        agree(&changed.request(), &changed.key, changed.now)?;
    }

    #[test]
    fn another_key_does_not(sent in signed(), seed: [u8; 32]) {
        let other = Sent { key: PrivateKey::from_seed(seed).public_key(), ..sent.clone() };
        prop_assume!(other.key != sent.key);
        prop_assert!(other.verify().is_err());
    }

    #[test]
    fn keys_survive_their_texts(seed: [u8; 32], kid in "[ -~]{1,40}") {
        let key = PrivateKey::from_seed(seed);
        let again = PrivateKey::parse(&key.to_pem()).unwrap();
        prop_assert_eq!(again.public_key(), key.public_key());
        prop_assert_eq!(again.sign(b"x"), key.sign(b"x"));
        let jwk = key.public_jwk(kid).unwrap();
        let json = serde_json::to_string(&jwk).unwrap();
        prop_assert_eq!(Jwk::from_json(&json).unwrap(), jwk);
    }

    #[test]
    fn arbitrary_headers_do_not_panic(
        inputs in prop::collection::vec(header_text(), 1..3),
        signatures in prop::collection::vec(header_text(), 1..3),
        field in header_text(),
        method in ".{0,6}",
        url in prop_oneof![url(), Just("https://a.example/?a=%zz&b".to_owned()), ".{0,20}"],
        body in prop::option::of(".{0,20}"),
        now: i64,
    ) {
        let mut headers = HeaderMap::new();
        let texts = inputs.iter().map(|text| ("signature-input", text));
        let texts = texts.chain(signatures.iter().map(|text| ("signature", text)));
        for (name, text) in texts.chain([("x-a", &field), ("content-digest", &field)]) {
            headers.append(name, HeaderValue::from_bytes(text.as_bytes()).unwrap());
        }
        let body = body.as_deref().map(str::as_bytes);
        let request = Request { method: &method, target_uri: &url, headers: &headers, body };
        let key = PrivateKey::from_seed([7; 32]).public_key();
        if let Ok(parsed) = parse(&headers) {
            prop_assert!(!parsed.is_empty());
            for parsed in parsed {
                let _ = parsed.signature_base(&request);
                prop_assert!(verify(&parsed, &request, &key, &Policy::default(), now).is_err());
            }
        }
        agree(&request, &key, now)?;
        let _ = verify_content_digest(headers.get_all("content-digest"), request.body_bytes());
        let _ = sign(&PrivateKey::from_seed([7; 32]), &field, &request, &SignOptions::new(now));
    }

    #[test]
    fn arbitrary_key_texts_do_not_panic(text in ".{0,80}", tail in "[A-Za-z0-9+/=_-]{0,80}") {
        let pem = format!("-----BEGIN PRIVATE KEY-----{text}{tail}-----END PRIVATE KEY-----");
        let json = format!(r#"{{"kid":"{tail}","x":"{tail}","d":"{tail}"}}"#);
        for text in [&text, &tail, &pem, &json] {
            let _ = PrivateKey::parse(text);
            let _ = Jwk::parse(text);
            let _ = JwkSet::from_json(text);
        }
    }
}
