//! Apps that sign their requests, and can be made to do it wrong.

use crate::world::Provider;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bursar_app::Clock;
use bursar_httpsig::{Jwk, PrivateKey, Request, SignOptions, sign};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

/// An app with its key.
#[derive(Clone)]
pub struct TestApp {
    /// Its wallet address; empty if it is known by its key alone.
    pub address: String,
    /// Its key.
    pub key: PrivateKey,
    /// The key's name.
    pub kid: String,
    jwk: Option<Jwk>,
    clock: Clock,
    http: reqwest::Client,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; null if empty.
    pub body: Value,
}

/// What an app holds once a person has agreed.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The access token.
    pub token: String,
    /// Its management URI.
    pub manage: String,
    /// The continuation token.
    pub continue_token: String,
    /// The continuation URI.
    pub continue_uri: String,
}

impl TestApp {
    /// An app.
    pub fn new(address: String, key: PrivateKey, kid: &str, clock: Clock) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { address, key, kid: kid.to_owned(), jwk: None, clock, http: http.build().expect("an HTTP client") }
    }

    /// An app that is known by a new key alone (directed identity).
    pub fn key_only(provider: &Provider, clock: &Clock) -> Self {
        let key = PrivateKey::from_seed(provider.app.random.bytes());
        let jwk = Jwk::new("only-key".to_owned(), key.public_key()).expect("a key");
        Self { jwk: Some(jwk), ..Self::new(String::new(), key, "only-key", clock.clone()) }
    }

    /// What it names as `client`.
    pub fn client(&self) -> Value {
        self.jwk.as_ref().map_or_else(|| json!(self.address), |jwk| json!({ "jwk": jwk }))
    }

    /// The same app with another key.
    pub fn with_key(&self, key: PrivateKey, kid: &str) -> Self {
        Self { key, kid: kid.to_owned(), ..self.clone() }
    }

    /// Headers as the SDKs send them, signed.
    pub fn signed(&self, method: &str, url: &str, token: Option<&str>, body: Option<&[u8]>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        if let Some(token) = token {
            headers.insert("authorization", HeaderValue::from_str(&format!("GNAP {token}")).expect("a token"));
        }
        let request = Request { method, target_uri: url, headers: &headers, body };
        let options = SignOptions::new(self.clock.wire_seconds());
        let signed = sign(&self.key, &self.kid, &request, &options).expect("it can be signed");
        signed.apply_to(&mut headers);
        headers
    }

    /// Sends exactly this.
    pub async fn send(&self, method: &str, url: &str, headers: HeaderMap, body: Option<Vec<u8>>) -> Reply {
        let method: Method = method.parse().expect("a method");
        let mut request = self.http.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.expect("a body");
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| if bytes.is_empty() { Value::Null } else { json!(String::from_utf8_lossy(&bytes)) });
        Reply { status, headers, body }
    }

    /// A signed `GET`.
    pub async fn get(&self, url: &str, token: Option<&str>) -> Reply {
        self.send("GET", url, self.signed("GET", url, token, None), None).await
    }

    /// A signed `POST`.
    pub async fn post(&self, url: &str, token: Option<&str>, body: &Value) -> Reply {
        self.post_with(url, token, body, &[]).await
    }

    /// A signed `POST` with more headers.
    pub async fn post_with(&self, url: &str, token: Option<&str>, body: &Value, more: &[(&str, &str)]) -> Reply {
        let body = (!body.is_null()).then(|| body.to_string().into_bytes());
        let mut headers = self.signed("POST", url, token, body.as_deref());
        for (name, value) in more {
            headers.insert(
                name.parse::<HeaderName>().expect("a header's name"),
                HeaderValue::from_str(value).expect("a header's value"),
            );
        }
        self.send("POST", url, headers, body).await
    }

    /// A signed `DELETE`.
    pub async fn delete(&self, url: &str, token: Option<&str>) -> Reply {
        self.send("DELETE", url, self.signed("DELETE", url, token, None), None).await
    }

    /// Asks for a grant with these access items.
    pub async fn request(&self, provider: &Provider, access: Value, interact: Option<Value>) -> Reply {
        let mut body = json!({ "access_token": { "access": access }, "client": self.client() });
        if let Some(interact) = interact {
            body["interact"] = interact;
        }
        self.post(&provider.app.config.auth_url(), None, &body).await
    }

    /// How this app asks for consent.
    pub fn interact() -> Value {
        json!({ "start": ["redirect"],
                "finish": { "method": "redirect", "uri": "http://localhost:3344/done?paymentId=1", "nonce": "client-nonce" } })
    }

    /// Gets a mandate: request, consent, hash check, continuation.
    pub async fn mandate(&self, provider: &Provider, wallet: &str, limits: Value) -> Grant {
        let mut item =
            json!({ "type": "outgoing-payment", "actions": ["create", "read", "list"], "identifier": wallet });
        if !limits.is_null() {
            item["limits"] = limits;
        }
        let access = json!([item, { "type": "quote", "actions": ["create", "read"] }]);
        let pending = self.request(provider, access, Some(Self::interact())).await.expect(200);
        self.approved(provider, &pending).await
    }

    /// Has the account holder agree to a pending request, and continues it.
    pub async fn approved(&self, provider: &Provider, pending: &Value) -> Grant {
        let finish = provider.approve(pending["interact"]["redirect"].as_str().expect("a page")).await.expect("an URL");
        let reference = check_redirect(&finish, pending, &provider.app.config.auth_url());
        let issued = self
            .post(
                text(&pending["continue"]["uri"]),
                Some(text(&pending["continue"]["access_token"]["value"])),
                &json!({ "interact_ref": reference }),
            )
            .await
            .expect(200);
        Grant::read(&issued)
    }

    /// Gets access to incoming payments of a wallet, which needs no consent.
    pub async fn incoming_grant(&self, provider: &Provider, wallet: &str) -> Grant {
        let access = json!([{ "type": "incoming-payment", "actions": ["create", "read", "complete", "list"], "identifier": wallet }]);
        Grant::read(&self.request(provider, access, None).await.expect(200))
    }

    /// Makes an incoming payment without amount; its URL.
    pub async fn receiver(&self, provider: &Provider, wallet: &str) -> String {
        let grant = self.incoming_grant(provider, wallet).await;
        let url = format!("{}/incoming-payments", provider.app.config.resource_url());
        let made = self.post(&url, Some(&grant.token), &json!({ "walletAddress": wallet })).await.expect(201);
        text(&made["id"]).to_owned()
    }

    /// Pays a fixed debit to a receiver.
    pub async fn pay(&self, provider: &Provider, token: &str, wallet: &str, receiver: &str, debit: Value) -> Reply {
        let url = format!("{}/outgoing-payments", provider.app.config.resource_url());
        let body = json!({ "walletAddress": wallet, "incomingPayment": receiver, "debitAmount": debit });
        self.post(&url, Some(token), &body).await
    }
}

/// Checks the hash of a redirect as clients do; the interaction reference.
pub fn check_redirect(finish: &str, pending: &Value, endpoint: &str) -> String {
    let url = Url::parse(finish).expect("an URL");
    let find = |wanted: &str| url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
    let reference = find("interact_ref").expect("a reference");
    let parts = format!("client-nonce\n{}\n{reference}\n{endpoint}", text(&pending["interact"]["finish"]));
    assert_eq!(find("hash"), Some(STANDARD.encode(Sha256::digest(parts))), "the redirect's hash");
    reference
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("text expected, not {value}"))
}

impl Grant {
    /// Reads an answer with an access token.
    pub fn read(answer: &Value) -> Self {
        let token = &answer["access_token"];
        let continuation = &answer["continue"];
        Self {
            token: text(&token["value"]).to_owned(),
            manage: text(&token["manage"]).to_owned(),
            continue_token: text(&continuation["access_token"]["value"]).to_owned(),
            continue_uri: text(&continuation["uri"]).to_owned(),
        }
    }
}

impl Reply {
    /// The body, if the status is this one.
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// Checks a refusal: status, code, and description (`*` for any).
    pub fn refused(&self, status: u16, code: &str, description: &str) {
        let error = &self.body["error"];
        assert_eq!((self.status, error["code"].as_str()), (status, Some(code)), "{}", self.body);
        if description != "*" {
            assert_eq!(error["description"], description, "{}", self.body);
        }
    }
}
