//! The pages as browsers meet them, without a network: requests go straight to the routes.

mod account;
mod addresses;
mod apps;
mod consent;
mod developer_keys;
mod frame;
mod log_in;
mod payments;
mod send;

use super::routes;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use bursar_app::accounts::{self, NewAccount};
use bursar_app::config::Config;
use bursar_app::interactions::{self, Stage};
use bursar_app::keys::KnownClient;
use bursar_app::login::LoggedIn;
use bursar_app::{App, Clock, Error, Random, grants};
use bursar_core::Secret;
use bursar_core::access::ClientId;
use bursar_core::grant::BoundKey;
use bursar_store::{Location, Store, account_holder};
use bursar_types::{Asset, GrantResponse};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tower::ServiceExt;

const FINISH: &str = "https://app.example/back?order=1";

/// A provider with the accounts of alice and bob, whose passwords are their names.
struct Provider {
    app: Arc<App>,
    router: Router,
    _data: tempfile::TempDir,
}

impl Provider {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with settings of its own.
    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let now = "2025-05-21T09:30:00Z".parse().unwrap();
        let mut config = Config::new("https://bank.test", true, false).unwrap();
        change(&mut config);
        let store = Store::open(&Location::in_folder(data.path()), now).unwrap();
        let app = App::new(config, store, Clock::manual(now), Random::seeded(1), Secret::new([7; 32])).unwrap();
        for name in ["alice", "bob"] {
            let new = NewAccount {
                wallet_address: None,
                name: name.to_owned(),
                public_name: None,
                asset: Asset::new("CAD", 2).unwrap(),
                balance: 50_000,
                password: name.to_owned(),
            };
            accounts::create(&app, new).await.unwrap();
        }
        let app = Arc::new(app);
        Self { router: routes().with_state(app.clone()), app, _data: data }
    }

    /// Asks as an app; the path of the page for it.
    async fn ask_as(&self, name: &str, finish: Option<&str>, request: Value) -> String {
        let mut request = request;
        request["client"] = json!("https://shop.example/app");
        request["interact"] = json!({ "start": ["redirect"] });
        if let Some(uri) = finish {
            request["interact"]["finish"] = json!({ "method": "redirect", "uri": uri, "nonce": "n" });
        }
        let client = KnownClient {
            id: ClientId::WalletAddress("https://shop.example/app".to_owned()),
            name: Some(name.to_owned()),
            key: BoundKey { kid: "key".to_owned(), x: [1; 32] },
            public_key: bursar_httpsig::PrivateKey::from_seed([1; 32]).public_key(),
        };
        let request = serde_json::from_value(request).unwrap();
        let GrantResponse::Pending { interact, .. } = grants::request(&self.app, request, client).await.unwrap() else {
            panic!("consent is needed");
        };
        interact.redirect.strip_prefix("https://bank.test").unwrap().to_owned()
    }

    /// Asks for a hundred dollars a month, three times.
    async fn ask(&self, finish: Option<&str>) -> String {
        self.ask_as("Shop", finish, sending("R3/2025-05-20T13:00:00Z/P1M")).await
    }

    async fn stage(&self, link: &str) -> Stage {
        let (id, path) = link.strip_prefix("/auth/interact/").unwrap().split_once('/').unwrap();
        interactions::view(&self.app, id, path).await.unwrap().stage
    }

    /// Somebody as logged in, for asking use cases.
    async fn person(&self, name: &str) -> LoggedIn {
        let wanted = name.to_owned();
        let found = self.app.store.read(move |tx| account_holder::by_name(tx, &wanted).map_err(Error::from)).await;
        LoggedIn { holder: found.unwrap().unwrap().id, name: name.to_owned() }
    }

    /// A browser in which somebody is logged in.
    async fn logged_in(&self, name: &str) -> Browser<'_> {
        let mut browser = self.browser();
        browser.log_in_at("/login", name, name).await.location();
        browser
    }

    fn browser(&self) -> Browser<'_> {
        Browser { provider: self, cookies: BTreeMap::new(), headers: Vec::new() }
    }
}

fn sending(interval: &str) -> Value {
    let debit = json!({ "value": "10000", "assetCode": "CAD", "assetScale": 2 });
    json!({ "access_token": { "access": [{
        "type": "outgoing-payment",
        "actions": ["create", "read"],
        "identifier": "https://bank.test/alice",
        "limits": { "interval": interval, "debitAmount": debit },
    }] } })
}

/// Keeps cookies like a browser, but says nothing that only browsers say unless told to.
struct Browser<'a> {
    provider: &'a Provider,
    cookies: BTreeMap<String, String>,
    headers: Vec<(&'static str, &'static str)>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.header("location")
    }

    /// The token of the page's forms.
    fn token(&self) -> String {
        self.field("token").expect("a form")
    }

    /// The name of what a page for a decision shows; nothing on others.
    fn terms(&self) -> String {
        self.field("terms").unwrap_or_default()
    }

    /// What a field of the page holds.
    fn field(&self, name: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\" value=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    }

    fn heading(&self) -> &str {
        let (_, rest) = self.body.split_once("<h1>").expect("a heading");
        rest.split_once("</h1>").unwrap().0
    }
}

impl Browser<'_> {
    async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, String::new()).await
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        self.send("POST", path, form.extend_pairs(fields).finish()).await
    }

    async fn send(&mut self, method: &str, path: &str, body: String) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder().method(method).uri(path).header(header::COOKIE, cookies.join("; "));
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        if method == "POST" {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let response = self.provider.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split_once(';').unwrap().0.split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// Logs in on the page at `path`, which is a request's or the log-in page.
    async fn log_in_at(&mut self, path: &str, name: &str, password: &str) -> Answer {
        let token = self.get(path).await.token();
        self.post("/login", &[("name", name), ("password", password), ("token", &token), ("to", path)]).await
    }

    async fn decide(&mut self, link: &str, decision: &str) -> Answer {
        let page = self.get(link).await;
        let (token, terms) = (page.token(), page.terms());
        self.post(link, &[("decision", decision), ("token", &token), ("terms", &terms)]).await
    }

    fn session(&self) -> Option<&String> {
        self.cookies.get("__Host-bursar-session")
    }
}

#[tokio::test]
async fn a_person_logs_in_reads_and_approves() {
    let provider = Provider::new().await;
    let (link, mut browser) = (provider.ask(Some(FINISH)).await, provider.browser());

    let page = browser.get(&link).await;
    assert!(page.body.contains("name=\"password\"") && page.body.contains("shop.example"));
    assert!(!page.body.contains("100.00 CAD"), "amounts are for the wallet's owner");

    assert_eq!(browser.log_in_at(&link, " Alice ", "alice").await.location(), link);
    let page = browser.get(&link).await;
    for told in ["Up to <strong>100.00 CAD</strong> each month", "300.00 CAD", "20 June 2025 13:00 UTC", "Anyone"] {
        assert!(page.body.contains(told), "{told}");
    }

    let back = browser.decide(&link, "approve").await.location().to_owned();
    assert!(back.starts_with("https://app.example/back?order=1&hash="), "{back}");
    assert!(back.contains("&interact_ref="));
    assert_eq!(provider.stage(&link).await, Stage::Approved);
    assert_eq!(browser.get(&link).await.heading(), "Approved");
    assert_eq!(browser.decide(&link, "leave").await.location(), back);
}

#[tokio::test]
async fn browsers_are_led_back_by_a_page_that_is_no_form() {
    let provider = Provider::new().await;
    let (link, mut browser) = (provider.ask(Some(FINISH)).await, provider.browser());
    browser.headers.push(("sec-fetch-mode", "navigate"));
    let page = browser.decide(&link, "deny").await;
    assert_eq!((page.status, page.heading()), (StatusCode::OK, "Denied"));
    let target = "https://app.example/back?order=1&#38;result=grant_rejected";
    assert!(page.body.contains(&format!("<meta http-equiv=\"refresh\" content=\"0; url={target}\">")));
    assert!(page.body.contains(&format!("href=\"{target}\"")));
}

#[tokio::test]
async fn denying_needs_no_log_in() {
    let provider = Provider::new().await;
    let (link, mut browser) = (provider.ask(Some(FINISH)).await, provider.browser());
    let back = browser.decide(&link, "deny").await;
    assert_eq!(back.location(), "https://app.example/back?order=1&result=grant_rejected");
    assert_eq!(browser.get(&link).await.heading(), "Denied");
    assert_eq!(provider.stage(&link).await, Stage::Denied);
}

#[tokio::test]
async fn without_a_way_back_a_page_tells_how_it_stands() {
    let provider = Provider::new().await;
    let (link, mut browser) = (provider.ask(None).await, provider.browser());
    browser.log_in_at(&link, "alice", "alice").await;
    assert_eq!(browser.decide(&link, "approve").await.location(), link);
    let page = browser.get(&link).await;
    assert!(page.heading() == "Approved" && page.body.contains("go back to the app"));
    assert!(!page.body.contains("value=\"leave\""));
}

#[tokio::test]
async fn forms_of_others_decide_nothing() {
    let provider = Provider::new().await;
    let link = provider.ask(Some(FINISH)).await;
    let (mut alice, mut mallory) = (provider.browser(), provider.browser());
    let unnamed = alice.get(&link).await.token();
    alice.log_in_at(&link, "alice", "alice").await;
    let stolen = mallory.get(&link).await.token();
    mallory.log_in_at(&link, "bob", "bob").await;
    let foreign = mallory.get(&link).await.token();
    // Not even what the browser vouches for replaces the token of the session.
    alice.headers.push(("sec-fetch-site", "same-origin"));
    for token in ["", "x", &unnamed, &stolen, &foreign] {
        let page = alice.post(&link, &[("decision", "approve"), ("token", token)]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{token}");
        assert!(page.body.contains("Nothing was decided yet") && page.body.contains("value=\"approve\""));
        assert_eq!(provider.stage(&link).await, Stage::Open);
    }
    alice.headers.clear();
    for token in ["", "x", &stolen, &foreign] {
        let page = alice.post(&link, &[("decision", "deny"), ("token", token)]).await;
        assert_eq!((page.status, provider.stage(&link).await), (StatusCode::FORBIDDEN, Stage::Open), "{token}");
    }
    // A page from before the log-in is still good for what needs none.
    alice.post(&link, &[("decision", "deny"), ("token", &unnamed)]).await.location();
    assert_eq!(provider.stage(&link).await, Stage::Denied);
}

#[tokio::test]
async fn only_the_owner_approves() {
    let provider = Provider::new().await;
    let (link, mut browser) = (provider.ask(Some(FINISH)).await, provider.browser());
    browser.log_in_at(&link, "bob", "bob").await;
    let page = browser.get(&link).await;
    assert!(page.body.contains("Log in as somebody else") && !page.body.contains("value=\"approve\""));
    assert!(!page.body.contains("100.00 CAD"));
    let page = browser.decide(&link, "approve").await;
    assert_eq!(page.heading(), "This is about somebody else’s wallet");
    assert_eq!(provider.stage(&link).await, Stage::Open);

    let token = page.token();
    assert_eq!(browser.post("/logout", &[("token", &token), ("to", &link)]).await.location(), link);
    assert_eq!(browser.session(), None);
    assert!(browser.get(&link).await.body.contains("name=\"password\""));
}

#[tokio::test]
async fn nobody_but_the_approver_carries_the_reference_to_the_app() {
    let provider = Provider::new().await;
    let link = provider.ask(Some(FINISH)).await;
    let (mut alice, mut stranger) = (provider.browser(), provider.browser());
    let early = stranger.get(&link).await.token();
    alice.log_in_at(&link, "alice", "alice").await;
    alice.decide(&link, "approve").await.location();

    let left = stranger.decide(&link, "leave").await;
    assert_eq!(left.location(), "https://app.example/back?order=1&result=grant_invalid");
    let denied = stranger.post(&link, &[("decision", "deny"), ("token", &early)]).await;
    assert_eq!(denied.location(), link);
    stranger.log_in_at("/login", "bob", "bob").await;
    assert!(!stranger.decide(&link, "leave").await.location().contains("interact_ref"));
    assert_eq!(provider.stage(&link).await, Stage::Approved);
}

#[tokio::test]
async fn several_requests_are_open_side_by_side() {
    let provider = Provider::new().await;
    let (first, second) = (provider.ask(Some(FINISH)).await, provider.ask(Some(FINISH)).await);
    let mut browser = provider.browser();
    let (on_first, on_second) = (browser.get(&first).await.token(), browser.get(&second).await.token());
    let fields = |token: &str, to: &str| {
        [("name", "alice"), ("password", "alice"), ("token", token), ("to", to)].map(|(a, b)| (a, b.to_owned()))
    };
    for (token, link) in [(on_first, &first), (on_second, &second)] {
        let fields = fields(&token, link);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(browser.post("/login", &fields).await.location(), link);
    }
    let (on_first, on_second) = (browser.get(&first).await, browser.get(&second).await.token());
    browser.post(&second, &[("decision", "deny"), ("token", &on_second)]).await.location();
    let (token, terms) = (on_first.token(), on_first.terms());
    browser.post(&first, &[("decision", "approve"), ("token", &token), ("terms", &terms)]).await.location();
    assert_eq!(provider.stage(&first).await, Stage::Approved);
    assert_eq!(provider.stage(&second).await, Stage::Denied);
}

#[tokio::test]
async fn what_took_too_long_is_over() {
    let provider = Provider::new().await;
    let (link, mut browser) = (provider.ask(Some(FINISH)).await, provider.browser());
    browser.log_in_at(&link, "alice", "alice").await;
    let token = browser.get(&link).await.token();
    provider.app.clock.set(provider.app.clock.now() + SignedDuration::from_mins(11));
    assert_eq!(browser.post(&link, &[("decision", "approve"), ("token", &token)]).await.location(), link);
    assert_eq!(browser.get(&link).await.heading(), "This request is over");
    let left = browser.decide(&link, "leave").await;
    assert_eq!(left.location(), "https://app.example/back?order=1&result=grant_invalid");
}

#[tokio::test]
async fn log_in_begins_a_session_that_nobody_could_know() {
    let provider = Provider::new().await;
    let mut browser = provider.browser();
    let planted = "p".repeat(43);
    browser.cookies.insert("__Host-bursar-session".to_owned(), planted.clone());
    let answer = browser.log_in_at("/login", "alice", "alice").await;
    assert_eq!(answer.location(), "/wallet");
    let cookie = answer.header("set-cookie");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    let first = browser.session().unwrap().clone();
    assert_ne!(first, planted);
    assert!(browser.get("/wallet").await.body.contains("500.00 CAD"));

    // As somebody else: another session, and the first one is gone.
    let token = browser.get("/wallet").await.token();
    browser.post("/login", &[("name", "bob"), ("password", "bob"), ("token", &token)]).await.location();
    assert_ne!(browser.session(), Some(&first));
    let mut thief = provider.browser();
    thief.cookies.insert("__Host-bursar-session".to_owned(), first);
    assert!(thief.get("/wallet").await.location() == "/login");

    // Logged out: a copy of the cookie is worth nothing.
    let (copy, token) = (browser.session().unwrap().clone(), browser.get("/wallet").await.token());
    browser.post("/logout", &[("token", "x")]).await.location();
    assert_eq!(browser.session(), Some(&copy), "a form that is not ours logs nobody out");
    browser.post("/logout", &[("token", &token)]).await.location();
    thief.cookies.insert("__Host-bursar-session".to_owned(), copy);
    assert!(thief.get("/wallet").await.location() == "/login");
}

#[tokio::test]
async fn log_in_refuses_what_does_not_fit() {
    let provider = Provider::new().await;
    let link = provider.ask(Some(FINISH)).await;
    let mut browser = provider.browser();
    for (name, password) in [("alice", "bob"), ("nobody", "alice"), ("alice", ""), ("", ""), ("\"><i>", "x")] {
        let page = browser.log_in_at(&link, name, password).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{name}");
        assert!(page.body.contains("do not fit together") && page.body.contains("shop.example"));
        assert!(!page.body.contains("\"><i>"));
        assert_eq!(browser.session(), None);
    }
    // A form that was not made for this browser.
    browser.headers.push(("sec-fetch-site", "cross-site"));
    let page = browser.post("/login", &[("name", "alice"), ("password", "alice"), ("token", "x"), ("to", &link)]).await;
    assert_eq!((page.status, browser.session()), (StatusCode::FORBIDDEN, None));
    assert!(page.body.contains("you were not logged in"));
    // Two pages loaded at once: the cookie of one replaced that of the other, and the browser vouches for the form.
    browser.headers = vec![("sec-fetch-site", "same-origin")];
    browser.post("/login", &[("name", "alice"), ("password", "alice"), ("token", "x")]).await.location();
    assert!(browser.session().is_some());
}

#[tokio::test]
async fn too_many_attempts_have_to_wait() {
    let provider = Provider::new().await;
    let mut browser = provider.browser();
    for _ in 0..5 {
        assert_eq!(browser.log_in_at("/login", "alice", "x").await.status, StatusCode::FORBIDDEN);
    }
    let page = browser.log_in_at("/login", "alice", "alice").await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(page.header("retry-after"), "900");
    assert!(page.body.contains("wait 15 minutes") && browser.session().is_none());
    provider.app.clock.set(provider.app.clock.now() + SignedDuration::from_mins(16));
    browser.log_in_at("/login", "alice", "alice").await.location();
}

#[tokio::test]
async fn log_in_and_log_out_lead_nowhere_else() {
    let provider = Provider::new().await;
    for to in ["https://evil.example", "//evil.example", "/\\evil.example", "/alice", "", "/auth/interact/a"] {
        let mut browser = provider.browser();
        let token = browser.get("/login").await.token();
        let form = [("name", "alice"), ("password", "alice"), ("token", &token), ("to", to)];
        assert_eq!(browser.post("/login", &form).await.location(), "/wallet", "{to}");
        let token = browser.get("/wallet").await.token();
        assert_eq!(browser.post("/logout", &[("token", &token), ("to", to)]).await.location(), "/", "{to}");
    }
}

#[tokio::test]
async fn every_page_is_locked_down() {
    let provider = Provider::new().await;
    let link = provider.ask(Some(FINISH)).await;
    let mut browser = provider.browser();
    let unknown = format!("{}x", &link[..link.len() - 1]);
    for (path, status, form_action) in [
        ("/", StatusCode::OK, "form-action 'self'"),
        ("/login", StatusCode::OK, "form-action 'self'"),
        (link.as_str(), StatusCode::OK, "form-action 'self' https://app.example"),
        (unknown.as_str(), StatusCode::NOT_FOUND, "form-action 'self'"),
        ("/auth/interact/x/y", StatusCode::NOT_FOUND, "form-action 'self'"),
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, status, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; ") && policy.ends_with(form_action), "{path}: {policy}");
        assert!(!page.body.contains("style=") && !page.body.contains("onclick") && !page.body.contains("<script>"));
    }
    let huge = "x".repeat(10_000);
    for fields in [&[][..], &[("decision", "perhaps"), ("token", "x")], &[("decision", "deny"), ("token", &huge)]] {
        assert_eq!(browser.post(&link, fields).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(provider.stage(&link).await, Stage::Open);
}

#[tokio::test]
async fn words_of_strangers_stay_words() {
    let provider = Provider::new().await;
    let name = "<script>alert(1)</script>\u{202e}\" onload=x";
    let finish = "https://app.example/?a=\"><script>alert(2)</script>";
    let request = sending("R3/2025-05-20T13:00:00Z/P1M");
    let link = provider.ask_as(name, Some(finish), request).await;
    let mut browser = provider.browser();
    let before = browser.get(&link).await.body;
    browser.log_in_at(&link, "alice", "alice").await;
    let during = browser.get(&link).await.body;
    browser.headers.push(("sec-fetch-mode", "navigate"));
    let onward = browser.decide(&link, "approve").await.body;
    let after = browser.get(&link).await.body;
    for page in [before, during, onward, after] {
        assert!(!page.contains("<script>") && !page.contains("\" onload") && !page.contains('\u{202e}'));
    }
}
