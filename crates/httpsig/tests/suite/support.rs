//! A request that owns its parts, and signatures over any list of components.

use bursar_httpsig::{
    Failure, Malformed, Policy, PrivateKey, PublicKey, Request, SIGNATURE, SIGNATURE_INPUT, SignOptions, Verified,
    parse, sign, verify,
};
use http::{HeaderMap, HeaderName, HeaderValue};

pub const NOW: i64 = 1_700_000_000;
pub const KEY_ID: &str = "key-1";
pub const TOKEN: &str = "GNAP OS9M2PMHKUR64TB8N6BW7OZB8CDFONP219RP1LT0";

pub fn key() -> PrivateKey {
    PrivateKey::from_seed([7; 32])
}

/// Everything a verifier is given.
#[derive(Debug, Clone)]
pub struct Sent {
    pub method: String,
    pub url: String,
    pub headers: HeaderMap,
    pub body: Option<Vec<u8>>,
    pub key: PublicKey,
    pub policy: Policy,
    pub now: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    Malformed(Malformed),
    Failure(Failure),
}

impl Sent {
    /// Not signed yet.
    pub fn new(method: &str, url: &str, body: Option<&[u8]>) -> Self {
        Self {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: HeaderMap::new(),
            body: body.map(<[u8]>::to_vec),
            key: key().public_key(),
            policy: Policy::default(),
            now: NOW,
        }
    }

    /// A signed GET with a token.
    pub fn get() -> Self {
        Self::new("GET", "https://bank.example/op/quotes/1", None)
            .with("authorization", TOKEN)
            .signed(&SignOptions::new(NOW))
    }

    /// A signed POST with a token and a body.
    pub fn post() -> Self {
        Self::new("POST", "https://bank.example/op/quotes", Some(br#"{"method":"ilp"}"#))
            .with("authorization", TOKEN)
            .with("content-type", "application/json")
            .signed(&SignOptions::new(NOW))
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    pub fn set(&mut self, name: &'static str, value: &str) {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }

    pub fn append(&mut self, name: &'static str, value: &str) {
        self.headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }

    pub fn text(&self, name: &str) -> String {
        self.headers[name].to_str().unwrap().to_owned()
    }

    /// Replaces a part of a header's text, which must be there.
    pub fn replace(&mut self, name: &'static str, from: &str, to: &str) {
        let text = self.text(name);
        assert!(text.contains(from), "{text}");
        self.set(name, &text.replacen(from, to, 1));
    }

    pub fn request(&self) -> Request<'_> {
        Request { method: &self.method, target_uri: &self.url, headers: &self.headers, body: self.body.as_deref() }
    }

    pub fn signed(mut self, options: &SignOptions<'_>) -> Self {
        let signed = sign(&key(), KEY_ID, &self.request(), options).unwrap();
        signed.apply_to(&mut self.headers);
        self
    }

    /// Signs with this `Signature-Input`, whatever it covers, as a client with ideas of its own would.
    pub fn sign_as(&mut self, input: &str) {
        let label = input.split('=').next().unwrap();
        self.set("signature-input", input);
        self.set("signature", &format!("{label}=:{}:", "A".repeat(86)));
        let parsed = parse(&self.headers).unwrap();
        // A component without a value cannot be signed by anyone; the refusal comes before the signature.
        let base = parsed[0].signature_base(&self.request()).unwrap_or_default();
        self.set_signature(label, &key().sign(base.as_bytes()));
    }

    pub fn set_signature(&mut self, label: &str, signature: &[u8]) {
        // A byte sequence is written by the parser's counterpart, so that tests need no base64 of their own.
        let item = sfv::Item::new(signature);
        self.set("signature", &format!("{label}={}", sfv::FieldType::serialize(&item)));
    }

    pub fn verify(&self) -> Result<Verified, Refusal> {
        let parsed = parse(&self.headers).map_err(Refusal::Malformed)?;
        verify(&parsed[0], &self.request(), &self.key, &self.policy, self.now).map_err(Refusal::Failure)
    }

    pub fn signature_bytes(&self) -> Vec<u8> {
        let text = self.text("signature");
        let members: sfv::Dictionary = sfv::Parser::new(&text).parse().unwrap();
        let sfv::ListEntry::Item(item) = &members[0] else { panic!("{text}") };
        item.bare_item.as_byte_sequence().unwrap().to_vec()
    }

    pub fn unsigned(mut self) -> Self {
        self.headers.remove(SIGNATURE);
        self.headers.remove(SIGNATURE_INPUT);
        self
    }
}
