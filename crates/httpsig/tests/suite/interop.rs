//! Requests signed by the official TypeScript packages (`tests/vectors/make.mjs` makes the file).

use bursar_httpsig::{Failure, Jwk, Policy, PrivateKey, Request, SignOptions, explain, parse, sign, verify};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

const VECTORS: &str = include_str!("../vectors/interledger.json");

#[derive(Deserialize)]
struct Vectors {
    created: i64,
    private_key_pem: String,
    private_key_base64_pem: String,
    jwk: serde_json::Value,
    requests: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    method: String,
    url: String,
    headers: std::collections::BTreeMap<String, String>,
    body: Option<String>,
}

impl Vector {
    fn headers(&self) -> HeaderMap {
        let header = |(name, value): (&String, &String)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        self.headers.iter().map(header).collect()
    }

    fn request<'a>(&'a self, headers: &'a HeaderMap) -> Request<'a> {
        Request { method: &self.method, target_uri: &self.url, headers, body: self.body.as_deref().map(str::as_bytes) }
    }
}

fn vectors() -> Vectors {
    let vectors: Vectors = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(vectors.requests.len(), 13);
    vectors
}

#[test]
fn its_keys_are_read() {
    let vectors = vectors();
    let key = PrivateKey::from_pem(&vectors.private_key_pem).unwrap();
    let jwk = Jwk::from_json(&vectors.jwk.to_string()).unwrap();
    assert_eq!(jwk.public_key(), &key.public_key());
    assert_eq!(PrivateKey::from_base64_pem(&vectors.private_key_base64_pem).unwrap().public_key(), key.public_key());
    assert_eq!(*key.to_pem(), vectors.private_key_pem, "and written as it writes them");
}

#[test]
fn its_signatures_verify() {
    let vectors = vectors();
    let jwk = Jwk::from_json(&vectors.jwk.to_string()).unwrap();
    for vector in &vectors.requests {
        let headers = vector.headers();
        let request = vector.request(&headers);
        let parsed = parse(&headers).unwrap();
        assert_eq!(parsed.len(), 1, "{}", vector.name);
        let now = vectors.created + 1;
        let verified = verify(&parsed[0], &request, jwk.public_key(), &Policy::default(), now)
            .unwrap_or_else(|failure| panic!("{}: {failure}", vector.name));
        assert_eq!((verified.key_id.as_str(), verified.created, verified.nonce), (jwk.kid(), vectors.created, None));
        let explanation = explain(&request, Some(jwk.public_key()), &Policy::default(), now);
        assert!(explanation.accepted(), "{explanation}");

        let other = Request { target_uri: "https://elsewhere.example/", ..request };
        assert!(
            matches!(
                verify(&parsed[0], &other, jwk.public_key(), &Policy::default(), now),
                Err(Failure::Signature { .. })
            ),
            "{}",
            vector.name
        );
    }
}

/// Ed25519 is deterministic, so that signing the same request gives the same bytes.
#[test]
fn our_headers_are_the_same() {
    let vectors = vectors();
    let key = PrivateKey::from_pem(&vectors.private_key_pem).unwrap();
    let jwk = Jwk::from_json(&vectors.jwk.to_string()).unwrap();
    for vector in &vectors.requests {
        let mut headers = vector.headers();
        for (name, value) in &mut headers {
            let computed = ["signature", "signature-input", "content-digest", "content-length"];
            if computed.contains(&name.as_str()) {
                *value = HeaderValue::from_static("");
            }
        }
        let signed = sign(&key, jwk.kid(), &vector.request(&headers), &SignOptions::new(vectors.created)).unwrap();
        signed.apply_to(&mut headers);
        assert_eq!(headers, vector.headers(), "{}", vector.name);
    }
}
