//! A provider of play: accounts of Alice and Bob, grants, tokens and payments, in memory. It keeps to what a client can
//! observe, not to what a real provider has to.

use crate::mock::{KEY_ID, ManualClock, Mock, Reply, Seen, key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bursar_client::Duration;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

/// How long tokens live, in seconds.
pub const TOKEN_SECONDS: u64 = 600;

#[derive(Default)]
pub struct State {
    serial: u64,
    pub grants: HashMap<String, Grant>,
    pub tokens: HashMap<String, TokenState>,
    pub resources: HashMap<String, Value>,
    by_key: HashMap<String, String>,
    pub spent: u64,
    pub rotations: usize,
}

pub struct Grant {
    pub request: Value,
    pub server_nonce: String,
    pub interact_ref: Option<String>,
    pub decision: Option<bool>,
    pub polled: usize,
    pub cancelled: bool,
}

pub struct TokenState {
    pub value: String,
    pub expires_at: Timestamp,
    pub access: Value,
    pub dead: bool,
}

/// The provider, and what it remembers.
pub struct Provider {
    pub mock: Mock,
    pub state: Arc<Mutex<State>>,
}

impl Provider {
    pub async fn new() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let for_handler = Arc::clone(&state);
        let clock = Arc::new(OnceLock::new());
        let clock_of_handler = Arc::clone(&clock);
        let mock = Mock::with_origin(move |origin| {
            move |seen: Seen| {
                let clock: &ManualClock = clock_of_handler.get().unwrap();
                let mut state = for_handler.lock().unwrap();
                let reply = Desk { origin: &origin, now: clock.now(), state: &mut state }.answer(&seen);
                std::future::ready(reply)
            }
        })
        .await;
        assert!(clock.set(mock.clock.clone()).is_ok());
        Self { mock, state }
    }

    /// The account holder decides at the consent page; the URL that the browser is sent to, if there is one.
    pub fn decide(&self, redirect: &str, agree: bool) -> Option<String> {
        let id = redirect.rsplit('/').next().unwrap();
        let mut state = self.state.lock().unwrap();
        let grant = state.grants.get_mut(id).unwrap();
        grant.decision = Some(agree);
        let finish = grant.request.pointer("/interact/finish")?;
        let mut url = url::Url::parse(finish["uri"].as_str().unwrap()).unwrap();
        if agree {
            let reference = format!("ref-{id}");
            let hash = STANDARD.encode(Sha256::digest(format!(
                "{}\n{}\n{reference}\n{}/auth/",
                finish["nonce"].as_str().unwrap(),
                grant.server_nonce,
                self.mock.origin(),
            )));
            url.query_pairs_mut().append_pair("hash", &hash).append_pair("interact_ref", &reference);
            grant.interact_ref = Some(reference);
        } else {
            url.query_pairs_mut().append_pair("result", "grant_rejected");
        }
        Some(url.into())
    }

    /// Lets every token expire.
    pub fn expire_tokens(&self) {
        self.mock.clock.advance(Duration::from_secs(TOKEN_SECONDS + 1));
    }
}

/// One request being answered.
struct Desk<'a> {
    origin: &'a str,
    now: Timestamp,
    state: &'a mut State,
}

impl Desk<'_> {
    fn answer(&mut self, seen: &Seen) -> Reply {
        let path: Vec<_> = seen.path().trim_matches('/').split('/').collect();
        match (seen.method.as_str(), path.as_slice()) {
            ("GET", [name @ ("alice" | "bob" | "app")]) => Reply::Json(200, self.wallet(name)),
            ("GET", ["app", "jwks.json"]) => Reply::Json(200, json!({"keys": [key().public_jwk(KEY_ID).unwrap()]})),
            ("POST", ["auth"]) => self.request(&seen.json()),
            ("POST", ["auth", "continue", id]) => self.go_on(id, seen),
            ("DELETE", ["auth", "continue", id]) => self.cancel(id, seen),
            ("POST", ["auth", "token", id]) => self.rotate(id, seen),
            ("DELETE", ["auth", "token", id]) => self.revoke(id, seen),
            (_, ["op", rest @ ..]) => self.resource(rest, seen),
            _ => Reply::refuse(404, "not_found", "unknown path"),
        }
    }

    fn wallet(&self, name: &str) -> Value {
        json!({
            "id": format!("{}/{name}", self.origin), "publicName": name, "assetCode": "CAD", "assetScale": 2,
            "authServer": format!("{}/auth/", self.origin), "resourceServer": format!("{}/op", self.origin),
        })
    }

    fn serial(&mut self) -> String {
        self.state.serial += 1;
        self.state.serial.to_string()
    }

    fn request(&mut self, request: &Value) -> Reply {
        let id = self.serial();
        let access = &request["access_token"]["access"];
        let asked = access.as_array().is_some_and(|items| items.iter().any(|item| item["type"] == "outgoing-payment"));
        let server_nonce = format!("server-nonce-{id}");
        let grant = Grant {
            request: request.clone(),
            server_nonce: server_nonce.clone(),
            interact_ref: None,
            decision: None,
            polled: 0,
            cancelled: false,
        };
        self.state.grants.insert(id.clone(), grant);
        let mut answer = json!({"continue": self.continuation(&id)});
        if asked || request.get("subject").is_some() {
            let mut interact = json!({"redirect": format!("{}/interact/{id}", self.origin)});
            if request.pointer("/interact/finish").is_some() {
                interact["finish"] = json!(server_nonce);
            }
            answer["interact"] = interact;
            answer["continue"]["wait"] = json!(30);
        } else {
            answer["access_token"] = self.issue(access.clone());
        }
        Reply::Json(200, answer)
    }

    fn continuation(&self, id: &str) -> Value {
        json!({"access_token": {"value": format!("continue-{id}")}, "uri": format!("{}/auth/continue/{id}", self.origin)})
    }

    fn issue(&mut self, access: Value) -> Value {
        let id = self.serial();
        let value = format!("token-{id}");
        let expires_at = self.now.checked_add(Duration::from_secs(TOKEN_SECONDS)).unwrap();
        let token = TokenState { value: value.clone(), expires_at, access: access.clone(), dead: false };
        self.state.tokens.insert(id.clone(), token);
        let manage = format!("{}/auth/token/{id}", self.origin);
        json!({"value": value, "manage": manage, "expires_in": TOKEN_SECONDS, "access": access})
    }

    fn go_on(&mut self, id: &str, seen: &Seen) -> Reply {
        let continuation = self.continuation(id);
        let Some(grant) = self.state.grants.get_mut(id) else {
            return Reply::refuse(401, "invalid_continuation", "unknown grant");
        };
        if seen.token() != Some(format!("continue-{id}").as_str()) || grant.cancelled {
            return Reply::refuse(401, "invalid_continuation", "wrong token");
        }
        grant.polled += 1;
        let has_finish = grant.request.pointer("/interact/finish").is_some();
        let proven = match grant.interact_ref.as_deref() {
            Some(reference) => seen.json()["interact_ref"] == reference,
            None => !has_finish && seen.body.is_empty(),
        };
        match grant.decision {
            Some(true) if proven => {
                let (access, subject) =
                    (grant.request["access_token"]["access"].clone(), grant.request["subject"].clone());
                let mut answer = json!({"continue": continuation});
                if access.is_array() {
                    answer["access_token"] = self.issue(access);
                }
                if subject.is_object() {
                    answer["subject"] = subject;
                }
                Reply::Json(200, answer)
            }
            None if proven && grant.polled == 2 => Reply::refuse(400, "too_fast", "wait longer"),
            None if proven => {
                let mut continuation = continuation;
                continuation["wait"] = json!(7);
                Reply::Json(200, json!({"continue": continuation}))
            }
            _ => Reply::refuse(401, "request_denied", "denied"),
        }
    }

    fn cancel(&mut self, id: &str, seen: &Seen) -> Reply {
        match self.state.grants.get_mut(id) {
            Some(grant) if seen.token() == Some(format!("continue-{id}").as_str()) => {
                grant.cancelled = true;
                Reply::Empty(204)
            }
            _ => Reply::refuse(401, "invalid_continuation", "unknown grant"),
        }
    }

    fn rotate(&mut self, id: &str, seen: &Seen) -> Reply {
        self.state.rotations += 1;
        match self.state.tokens.get_mut(id) {
            Some(token) if seen.token() == Some(&token.value) && !token.dead => {
                token.dead = true;
                let access = token.access.clone();
                Reply::Json(200, json!({"access_token": self.issue(access)}))
            }
            _ => Reply::refuse(401, "invalid_rotation", "the token is revoked"),
        }
    }

    fn revoke(&mut self, id: &str, seen: &Seen) -> Reply {
        match self.state.tokens.get_mut(id) {
            Some(token) if seen.token() == Some(&token.value) => {
                token.dead = true;
                Reply::Empty(204)
            }
            _ => Reply::refuse(401, "invalid_client", "unknown token"),
        }
    }

    fn resource(&mut self, path: &[&str], seen: &Seen) -> Reply {
        if let (["incoming-payments", id], "GET", None) = (path, seen.method.as_str(), seen.token()) {
            return match self.state.resources.get(*id) {
                Some(payment) => Reply::Json(
                    200,
                    json!({"receivedAmount": payment["receivedAmount"], "authServer": format!("{}/auth/", self.origin)}),
                ),
                None => Reply::refuse(404, "not_found", "unknown payment"),
            };
        }
        let token = self.state.tokens.values().find(|token| seen.token() == Some(&token.value));
        match token {
            None => return Reply::refuse(401, "invalid_token", "Invalid Token"),
            Some(token) if token.dead || token.expires_at <= self.now => {
                return Reply::refuse(403, "inactive_token", "Inactive Token");
            }
            Some(_) => {}
        }
        if let Some(created) = seen.header("idempotency-key").and_then(|key| self.state.by_key.get(key)) {
            return Reply::Json(201, self.state.resources[created].clone());
        }
        let body = seen.json();
        match (seen.method.as_str(), path) {
            ("POST", ["incoming-payments"]) => {
                let methods = json!([{"type": "ilp", "ilpAddress": "test.bank.1", "sharedSecret": "c2VjcmV0"}]);
                let fields = json!({"completed": false, "receivedAmount": cad(0), "methods": methods});
                self.create("incoming-payments", seen, &body, fields)
            }
            ("POST", ["incoming-payments", id, "complete"]) => match self.state.resources.get_mut(*id) {
                Some(payment) if payment["completed"] == false => {
                    payment["completed"] = json!(true);
                    Reply::Json(200, payment.clone())
                }
                _ => Reply::refuse(409, "conflict", "completed already"),
            },
            ("POST", ["quotes"]) => {
                let amount = body.get("debitAmount").or(body.get("receiveAmount")).cloned().unwrap_or_else(|| cad(500));
                let fields = json!({"receiveAmount": amount, "debitAmount": amount});
                self.create("quotes", seen, &body, fields)
            }
            ("POST", ["outgoing-payments"]) => self.pay(seen, &body),
            ("GET", ["outgoing-payment-grant"]) => {
                Reply::Json(200, json!({"spentDebitAmount": cad(self.state.spent), "spentReceiveAmount": null}))
            }
            ("GET", [_, id]) => match self.state.resources.get_mut(*id) {
                Some(resource) => {
                    let shown = resource.clone();
                    // What is sent arrives by the second look.
                    if let Some(debit) = resource.get("sentAmount").and(resource.get("debitAmount")).cloned() {
                        resource["sentAmount"] = debit;
                    }
                    Reply::Json(200, shown)
                }
                None => Reply::refuse(404, "not_found", "unknown"),
            },
            ("GET", [kind]) => self.list(kind, seen),
            _ => Reply::refuse(404, "not_found", "unknown path"),
        }
    }

    fn pay(&mut self, seen: &Seen, body: &Value) -> Reply {
        let (receiver, debit) = match body["quoteId"].as_str() {
            Some(quote) => {
                let quote = &self.state.resources[quote.rsplit('/').next().unwrap()];
                (quote["receiver"].clone(), quote["debitAmount"].clone())
            }
            None => (body["incomingPayment"].clone(), body["debitAmount"].clone()),
        };
        let value: u64 = debit["value"].as_str().unwrap().parse().unwrap();
        if self.state.spent + value > 10_000 {
            return Reply::refuse(403, "limit_exceeded", "unauthorized");
        }
        self.state.spent += value;
        let fields = json!({
            "receiver": receiver, "debitAmount": debit, "receiveAmount": debit, "sentAmount": cad(0), "failed": false,
            "grantSpentDebitAmount": cad(self.state.spent), "grantSpentReceiveAmount": cad(self.state.spent),
        });
        self.create("outgoing-payments", seen, body, fields)
    }

    fn create(&mut self, kind: &str, seen: &Seen, body: &Value, fields: Value) -> Reply {
        let id = self.serial();
        let mut resource = body.clone();
        for (name, value) in fields.as_object().unwrap() {
            resource[name] = value.clone();
        }
        resource["id"] = json!(format!("{}/op/{kind}/{id}", self.origin));
        resource["createdAt"] = json!(self.now);
        self.state.resources.insert(id.clone(), resource.clone());
        if let Some(key) = seen.header("idempotency-key") {
            self.state.by_key.insert(key.to_owned(), id);
        }
        Reply::Json(201, resource)
    }

    fn list(&self, kind: &str, seen: &Seen) -> Reply {
        let url = url::Url::parse(&format!("{}{}", self.origin, seen.target)).unwrap();
        let query: HashMap<_, _> = url.query_pairs().into_owned().collect();
        let mut all: Vec<_> = self.state.resources.iter().filter(|(_, resource)| is_kind(resource, kind)).collect();
        all.sort_by_key(|(id, _)| std::cmp::Reverse(id.parse::<u64>().unwrap()));
        all.retain(|(_, resource)| {
            resource["walletAddress"].as_str() == query.get("wallet-address").map(String::as_str)
        });
        let start = match query.get("cursor") {
            Some(cursor) => all.iter().position(|(id, _)| *id == cursor).unwrap() + 1,
            None => 0,
        };
        let page: Vec<_> = all.iter().skip(start).take(query["first"].parse().unwrap()).collect();
        Reply::Json(
            200,
            json!({
                "pagination": {
                    "startCursor": page.first().map(|(id, _)| id), "endCursor": page.last().map(|(id, _)| id),
                    "hasNextPage": start + page.len() < all.len(), "hasPreviousPage": start > 0,
                },
                "result": page.iter().map(|(_, resource)| resource).collect::<Vec<_>>(),
            }),
        )
    }
}

fn is_kind(resource: &Value, kind: &str) -> bool {
    resource["id"].as_str().unwrap().contains(&format!("/{kind}/"))
}

fn cad(value: u64) -> Value {
    json!({"value": value.to_string(), "assetCode": "CAD", "assetScale": 2})
}
