//! Ways in: signing up, passwords, second proofs, passkeys, recovery codes, and what they are bound to.

use super::{Answer, Browser, Provider};
use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bursar_app::login::{self, Here};
use bursar_app::{Id, people};
use bursar_types::Asset;
use ed25519_dalek::{Signer, SigningKey};
use jiff::SignedDuration;
use serde_json::json;
use sha2::{Digest, Sha256};

const CORRECT: &str = "correct horse battery";

/// A device with one passkey, as far as the pages see it.
pub(super) struct Device {
    key: SigningKey,
    id: Vec<u8>,
    counter: u8,
    pub(super) user: Option<Id>,
}

impl Device {
    pub(super) fn new(number: u8) -> Self {
        Self { key: SigningKey::from_bytes(&[number; 32]), id: vec![number; 32], counter: 0, user: None }
    }

    fn data(&mut self, flags: u8) -> Vec<u8> {
        self.counter += 1;
        [Sha256::digest(b"bank.test").as_slice(), &[flags, 0, 0, 0, self.counter]].concat()
    }

    fn client(kind: &str, challenge: &str, origin: &str) -> String {
        json!({ "type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false }).to_string()
    }

    /// What our script sends of a new passkey.
    pub(super) fn create(&mut self, challenge: &str) -> Vec<(&'static str, String)> {
        let client = Self::client("webauthn.create", challenge, "https://bank.test");
        let length = (self.id.len() as u16).to_be_bytes();
        let data = [self.data(0x45).as_slice(), &[0; 16], &length, &self.id, &[0xa0]].concat();
        let head = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
        let key = [head.as_slice(), self.key.verifying_key().as_bytes()].concat();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        vec![
            ("client_data", encode(client.as_bytes())),
            ("authenticator_data", encode(&data)),
            ("public_key", encode(&key)),
        ]
    }

    /// What our script sends of a proof.
    pub(super) fn prove(&mut self, challenge: &str) -> Vec<(&'static str, String)> {
        self.prove_at(challenge, "https://bank.test")
    }

    fn prove_at(&mut self, challenge: &str, origin: &str) -> Vec<(&'static str, String)> {
        let client = Self::client("webauthn.get", challenge, origin);
        let data = self.data(0x05);
        let signed = [data.as_slice(), &Sha256::digest(client.as_bytes())].concat();
        let signature = self.key.sign(&signed).to_bytes();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        vec![
            ("credential_id", encode(&self.id)),
            ("client_data", encode(client.as_bytes())),
            ("authenticator_data", encode(&data)),
            ("signature", encode(&signature)),
            ("user_handle", self.user.map(|id| encode(id.as_bytes())).unwrap_or_default()),
        ]
    }
}

impl Answer {
    /// The value of the first attribute of this name.
    pub(super) fn attribute(&self, name: &str) -> String {
        let (_, rest) = self.body.split_once(&format!(" {name}=\"")).unwrap_or_else(|| panic!("{name}: {}", self.body));
        rest.split_once('"').unwrap().0.to_owned()
    }
}

impl Browser<'_> {
    /// Posts a form with the token of the page, and more fields.
    pub(super) async fn send_with(&mut self, page: &Answer, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = page.token();
        self.post(path, &[&[("token", token.as_str())], fields].concat()).await
    }

    /// The same with what a device answered.
    pub(super) async fn submit_device(
        &mut self,
        page: &Answer,
        path: &str,
        device: &[(&'static str, String)],
        more: &[(&str, &str)],
    ) -> Answer {
        let fields: Vec<(&str, &str)> = device.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.send_with(page, path, &[fields.as_slice(), more].concat()).await
    }

    /// Who is logged in here.
    pub(super) async fn seat(&self) -> Option<Here> {
        let token = self.session()?;
        login::here(&self.provider.app, token).await.unwrap()
    }

    /// Adds a passkey to whoever is logged in.
    pub(super) async fn add_passkey(&mut self, device: &mut Device) {
        let page = self.get("/wallet/account/passkeys/new").await;
        let made = device.create(&page.attribute("data-challenge"));
        let done = self.submit_device(&page, "/wallet/account/passkeys", &made, &[("label", "Phone")]).await;
        assert_eq!(done.location(), "/wallet/account/passkeys");
        device.user = self.seat().await.map(|seat| seat.person.holder);
    }

    /// Makes recovery codes for whoever is logged in.
    pub(super) async fn make_codes(&mut self) -> Vec<String> {
        let page = self.get("/wallet/account/codes").await;
        let page = self.send_with(&page, "/wallet/account/codes", &[]).await;
        let codes: Vec<String> = page.body.split("<li><code>").skip(1).map(|part| part[..19].to_owned()).collect();
        assert_eq!(codes.len(), 10);
        codes
    }

    /// Whether somebody is logged in.
    async fn is_in(&mut self) -> bool {
        self.get("/wallet").await.status == StatusCode::OK
    }
}

fn pass(provider: &Provider, minutes: i64) {
    let clock = &provider.app.clock;
    clock.set(clock.now() + SignedDuration::from_mins(minutes));
}

/// Alice with a passkey, recovery codes, and a password that is not enough.
async fn with_second(provider: &Provider) -> (Device, Vec<String>) {
    let mut device = Device::new(7);
    let mut browser = provider.browser();
    browser.log_in_at("/login", "alice", "alice").await;
    browser.add_passkey(&mut device).await;
    let page = browser.get("/wallet/account/passkeys").await;
    // Codes come first.
    let led = browser.send_with(&page, "/wallet/account/second", &[("wanted", "on")]).await;
    assert_eq!(led.location(), "/wallet/account/codes");
    let codes = browser.make_codes().await;
    let done = browser.send_with(&page, "/wallet/account/second", &[("wanted", "on")]).await;
    assert_eq!(done.location(), "/wallet/account/passkeys");
    assert!(browser.get("/wallet/account/passkeys").await.body.contains("your password is not enough"));
    (device, codes)
}

#[tokio::test]
async fn a_password_alone_leads_nowhere_when_it_is_not_enough() {
    let provider = Provider::new().await;
    let (mut device, codes) = with_second(&provider).await;
    let mut browser = provider.browser();
    let page = browser.log_in_at("/login", "alice", "alice").await;
    assert_eq!((page.status, page.heading()), (StatusCode::OK, "One more step"));
    assert_eq!(browser.session(), None);
    for path in ["/wallet", "/wallet/account", "/wallet/account/password"] {
        assert!(browser.get(path).await.location().starts_with("/login"), "{path}");
    }
    let ticket = page.field("ticket").unwrap();
    // Not without the ticket, not with another one, not in another browser.
    for odd in ["", "x", &ticket[1..], &format!("{ticket}A")] {
        let answer = browser.send_with(&page, "/login/second/code", &[("ticket", odd), ("code", &codes[0])]).await;
        assert_eq!((answer.status, browser.session()), (StatusCode::FORBIDDEN, None), "{odd}");
    }
    let mut other = provider.browser();
    let theirs = other.get("/login").await;
    let answer = other.send_with(&theirs, "/login/second/code", &[("ticket", &ticket), ("code", &codes[0])]).await;
    assert_eq!((answer.status, other.session()), (StatusCode::FORBIDDEN, None));
    // Nor without the token of a page, or once it has taken too long.
    let fields = [("token", "x"), ("ticket", ticket.as_str()), ("code", codes[0].as_str())];
    assert_eq!(browser.post("/login/second/code", &fields).await.status, StatusCode::FORBIDDEN);
    pass(&provider, 10);
    let answer = browser.send_with(&page, "/login/second/code", &[("ticket", &ticket), ("code", &codes[0])]).await;
    assert_eq!((answer.status, browser.session()), (StatusCode::FORBIDDEN, None));

    // With a code, once.
    let page = browser.get("/login?to=/wallet/account").await;
    let form = [("name", "alice"), ("password", "alice"), ("to", "/wallet/account")];
    let page = browser.send_with(&page, "/login", &form).await;
    let form = [("ticket", page.field("ticket").unwrap()), ("code", codes[0].to_uppercase().replace('-', " "))];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(browser.send_with(&page, "/login/second/code", &form).await.location(), "/wallet/account");
    assert!(browser.is_in().await);
    let page = other.log_in_at("/login", "alice", "alice").await;
    let ticket = page.field("ticket").unwrap();
    let again = other.send_with(&page, "/login/second/code", &[("ticket", &ticket), ("code", &codes[0])]).await;
    assert_eq!((again.status, other.session()), (StatusCode::FORBIDDEN, None));
    assert!(again.body.contains("You have 9 left"));

    // With the passkey.
    let proof = device.prove(&again.attribute("data-challenge"));
    let done = other.submit_device(&again, "/login/second/passkey", &proof, &[("ticket", &ticket)]).await;
    assert_eq!(done.location(), "/wallet");
    assert_eq!(other.seat().await.unwrap().session.proof, people::Proof::PasswordAndPasskey);
    // A log-in by the passkey alone needs no second step, and its challenge is not the other's.
    let mut third = provider.browser();
    let page = third.log_in_at("/login", "alice", "alice").await;
    let proof = device.prove(&page.attribute("data-challenge"));
    let crossed = third.submit_device(&page, "/login/passkey", &proof, &[]).await;
    assert_eq!((crossed.status, third.session()), (StatusCode::FORBIDDEN, None));
    let page = third.get("/login").await;
    let proof = device.prove(&page.attribute("data-challenge"));
    assert_eq!(third.submit_device(&page, "/login/passkey", &proof, &[]).await.location(), "/wallet");
}

#[tokio::test]
async fn guesses_count_together() {
    let provider = Provider::new().await;
    let (_, codes) = with_second(&provider).await;
    let mut browser = provider.browser();
    for _ in 0..2 {
        assert_eq!(browser.log_in_at("/login", "alice", "wrong").await.status, StatusCode::FORBIDDEN);
    }
    let page = browser.log_in_at("/login", "alice", "alice").await;
    let ticket = page.field("ticket").unwrap();
    for _ in 0..3 {
        let form = [("ticket", ticket.as_str()), ("code", "0000-0000-0000-0000")];
        assert_eq!(browser.send_with(&page, "/login/second/code", &form).await.status, StatusCode::FORBIDDEN);
    }
    // Five in all: now even what is right must wait.
    let form = [("ticket", ticket.as_str()), ("code", codes[0].as_str())];
    let late = browser.send_with(&page, "/login/second/code", &form).await;
    assert_eq!((late.status, browser.session()), (StatusCode::TOO_MANY_REQUESTS, None));
    assert!(late.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(browser.log_in_at("/login", "alice", "alice").await.status, StatusCode::TOO_MANY_REQUESTS);
    pass(&provider, 15);
    let page = browser.log_in_at("/login", "alice", "alice").await;
    let form = [("ticket", page.field("ticket").unwrap()), ("code", codes[0].clone())];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(browser.send_with(&page, "/login/second/code", &form).await.location(), "/wallet");
}

#[tokio::test]
async fn passkeys_are_bound_to_browser_person_and_moment() {
    let provider = Provider::new().await;
    let mut device = Device::new(7);
    let mut browser = provider.browser();
    browser.log_in_at("/login", "alice", "alice").await;
    browser.add_passkey(&mut device).await;
    let (mut one, mut two) = (provider.browser(), provider.browser());
    let page = one.get("/login").await;
    let challenge = page.attribute("data-challenge");
    async fn refused(browser: &mut Browser<'_>, page: &Answer, proof: &[(&'static str, String)]) {
        let answer = browser.submit_device(page, "/login/passkey", proof, &[]).await;
        assert_eq!((answer.status, browser.session()), (StatusCode::FORBIDDEN, None), "{}", answer.body);
    }
    // Another browser's challenge, another site, a key that is not known, and nobody said who.
    let theirs = two.get("/login").await.attribute("data-challenge");
    refused(&mut one, &page, &device.prove(&theirs)).await;
    refused(&mut one, &page, &device.prove_at(&challenge, "https://evil.test")).await;
    let mut stranger = Device::new(9);
    stranger.user = device.user;
    refused(&mut one, &page, &stranger.prove(&challenge)).await;
    let user = device.user.take();
    refused(&mut one, &page, &device.prove(&challenge)).await;
    device.user = Some(Id::from_bytes([9; 16]));
    refused(&mut one, &page, &device.prove(&challenge)).await;
    device.user = user;
    // The answer to it, once.
    let proof = device.prove(&challenge);
    assert_eq!(
        one.submit_device(&page, "/login/passkey", &proof, &[("to", "/wallet/account")]).await.location(),
        "/wallet/account"
    );
    one.cookies.remove("__Host-bursar-session");
    refused(&mut one, &page, &proof).await;
    refused(&mut one, &page, &device.prove(&challenge)).await;
    // A counter that goes back.
    device.counter = 0;
    let page = one.get("/login").await;
    refused(&mut one, &page, &device.prove(&page.attribute("data-challenge"))).await;
    device.counter = 100;
    // Too late.
    let page = one.get("/login").await;
    pass(&provider, 10);
    refused(&mut one, &page, &device.prove(&page.attribute("data-challenge"))).await;
    // What cannot be read.
    let odd = [
        ("credential_id", "%%".to_owned()),
        ("client_data", String::new()),
        ("authenticator_data", String::new()),
        ("signature", String::new()),
    ];
    assert_eq!(one.submit_device(&page, "/login/passkey", &odd, &[]).await.status, StatusCode::BAD_REQUEST);
    // Somebody else cannot add the same one; nor can it be added with the same answer twice.
    let mut bob = provider.browser();
    bob.log_in_at("/login", "bob", "bob").await;
    let page = bob.get("/wallet/account/passkeys/new").await;
    let made = device.create(&page.attribute("data-challenge"));
    let answer = bob.submit_device(&page, "/wallet/account/passkeys", &made, &[]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let mut own = Device::new(8);
    let made = own.create(&page.attribute("data-challenge"));
    assert_eq!(
        bob.submit_device(&page, "/wallet/account/passkeys", &made, &[]).await.location(),
        "/wallet/account/passkeys"
    );
    let again = Device::new(10).create(&page.attribute("data-challenge"));
    assert_eq!(
        bob.submit_device(&page, "/wallet/account/passkeys", &again, &[]).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn nobody_can_be_made_to_use_a_session_that_others_know() {
    let provider = Provider::new().await;
    let mut browser = provider.browser();
    let planted = "A".repeat(43);
    browser.cookies.insert("__Host-bursar-session".to_owned(), planted.clone());
    browser.log_in_at("/login", "alice", "alice").await;
    let first = browser.session().unwrap().clone();
    assert_ne!(first, planted);
    // A new proof gives a new token, and the old one is worth nothing.
    pass(&provider, 11);
    let page = browser.get("/wallet/account/confirm?to=/wallet/account/close").await;
    let form = [("password", "alice"), ("to", "/wallet/account/close")];
    assert_eq!(browser.send_with(&page, "/wallet/account/confirm", &form).await.location(), "/wallet/account/close");
    let second = browser.session().unwrap().clone();
    assert_ne!(second, first);
    assert!(login::here(&provider.app, &first).await.unwrap().is_none());
    // A new log-in ends the one before.
    browser.log_in_at("/wallet", "alice", "alice").await;
    let token = browser.get("/wallet").await.token();
    browser.post("/login", &[("name", "bob"), ("password", "bob"), ("token", &token), ("to", "/wallet")]).await;
    assert_ne!(browser.session().unwrap(), &second);
    assert!(login::here(&provider.app, &second).await.unwrap().is_none());
}

#[tokio::test]
async fn strangers_sign_up_where_that_is_allowed() {
    let closed = Provider::new().await;
    let mut browser = closed.browser();
    assert_eq!(browser.get("/signup").await.status, StatusCode::NOT_FOUND);
    assert!(!browser.get("/login").await.body.contains("/signup"));
    let token = browser.get("/login").await.token();
    let fields = [("token", token.as_str()), ("name", "carol"), ("password", CORRECT), ("asset", "CAD/2")];
    assert_ne!(browser.post("/signup", &fields).await.status, StatusCode::SEE_OTHER);

    let provider = Provider::with(|config| config.sign_up = vec![Asset::new("CAD", 2).unwrap()]).await;
    let mut browser = provider.browser();
    assert!(browser.get("/login").await.body.contains("/signup"));
    let page = browser.get("/signup?to=/wallet/account").await;
    let form = |name: &'static str, password: &'static str, asset: &'static str| {
        [
            ("name", name),
            ("password", password),
            ("asset", asset),
            ("public_name", "Carol’s"),
            ("to", "/wallet/account"),
        ]
    };
    for (name, password, asset, told) in [
        ("ab", CORRECT, "CAD/2", "3 to 32"),
        ("admin", CORRECT, "CAD/2", "taken for ours"),
        ("wallet", CORRECT, "CAD/2", "taken for ours"),
        ("signup", CORRECT, "CAD/2", "server needs"),
        ("carol", "carol", "CAD/2", "at least 10"),
        ("carol", "password123", "CAD/2", "everybody tries"),
        ("carol", CORRECT, "XXX/2", "choose a currency"),
        ("alice", CORRECT, "CAD/2", "name is taken"),
    ] {
        let answer = browser.send_with(&page, "/signup", &form(name, password, asset)).await;
        assert_eq!((answer.status, browser.session()), (StatusCode::UNPROCESSABLE_ENTITY, None), "{name}");
        assert!(answer.body.contains(told), "{told}: {}", answer.body);
    }
    let fields = [&[("token", "x")][..], &form("carol", CORRECT, "CAD/2")].concat();
    assert_eq!(browser.post("/signup", &fields).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        browser.send_with(&page, "/signup", &form(" Carol ", CORRECT, "CAD/2")).await.location(),
        "/wallet/account"
    );
    assert_eq!(browser.seat().await.unwrap().person.name, "carol");
    assert!(browser.get("/wallet").await.body.contains("0.00 CAD"));
    // Whoever is in needs no other account.
    assert_eq!(browser.get("/signup").await.location(), "/wallet");
}

#[tokio::test]
async fn only_so_many_accounts_are_opened_from_one_place() {
    let provider = Provider::with(|config| {
        config.sign_up = vec![Asset::new("CAD", 2).unwrap()];
        config.trusted_proxies = vec!["0.0.0.0/1".parse().unwrap()];
    })
    .await;
    let place = |address: &str| login::Place { neighbourhood: address.to_owned(), ..login::Place::default() };
    let open = async |name: String, from: &str| {
        let asset = Asset::new("CAD", 2).unwrap();
        let new = people::SignUp { name, public_name: String::new(), password: CORRECT.to_owned(), asset };
        people::sign_up(&provider.app, new, &place(from)).await
    };
    for number in 0..10 {
        open(format!("visitor-{number}"), "192.0.2.1").await.unwrap();
    }
    let refused = open("visitor-x".to_owned(), "192.0.2.1").await.unwrap_err();
    assert!(refused.to_string().contains("too many new accounts"), "{refused}");
    open("visitor-y".to_owned(), "192.0.2.2").await.unwrap();
    pass(&provider, 15);
    open("visitor-x".to_owned(), "192.0.2.1").await.unwrap();
}

#[tokio::test]
async fn without_the_built_in_log_in_there_is_none() {
    let provider = Provider::with(|config| config.has_built_in_log_in = false).await;
    let mut browser = provider.browser();
    let page = browser.get("/login").await;
    assert!(!page.body.contains("name=\"password\"") && !page.body.contains("data-passkey"));
    // Whoever sends the forms all the same gets nothing.
    let browsers = browser.cookies["__Host-bursar-browser"].clone();
    let token = login::form_token(&provider.app, &format!("browser {browsers}"));
    for (path, fields) in [
        ("/login", vec![("name", "alice"), ("password", "alice")]),
        ("/login/recover", vec![("name", "alice"), ("code", "0000-0000-0000-0000")]),
        ("/signup", vec![("name", "carol"), ("password", CORRECT)]),
    ] {
        let answer = browser.post(path, &[fields, vec![("token", token.as_str())]].concat()).await;
        assert_ne!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(browser.session(), None, "{path}");
    }
}
