//! What all pages of the wallet have in common: who may see them, forms, what was just done, numbers and times.

use super::{Browser, Provider};
use axum::http::StatusCode;
use bursar_app::accounts::{self, NewAccount, RESERVED_NAMES};
use bursar_app::refusals::Code;
use bursar_types::Asset;

#[tokio::test]
async fn strangers_log_in_first_and_come_back() {
    let provider = Provider::new().await;
    let mut browser = provider.browser();
    for (wanted, led_to) in [("/wallet", "/login"), ("/wallet/account", "/login?to=%2Fwallet%2Faccount")] {
        assert_eq!(browser.get(wanted).await.location(), led_to);
        let page = browser.get(led_to).await;
        let token = page.token();
        assert!(page.body.contains(&format!("name=\"to\" value=\"{wanted}\"")), "{}", page.body);
        let form = [("name", "alice"), ("password", "alice"), ("token", &token), ("to", wanted)];
        assert_eq!(browser.post("/login", &form).await.location(), wanted);
        // Logged in already: straight there.
        assert_eq!(browser.get(led_to).await.location(), wanted);
        let token = browser.get(wanted).await.token();
        browser.post("/logout", &[("token", &token)]).await.location();
    }
    // A mistake on the way keeps the destination.
    let token = browser.get("/login?to=/wallet/account").await.token();
    let form = [("name", "alice"), ("password", "x"), ("token", &token), ("to", "/wallet/account")];
    assert!(browser.post("/login", &form).await.body.contains("name=\"to\" value=\"/wallet/account\""));
    let elsewhere = browser.get("/login?to=https://evil.example/wallet").await;
    assert!(elsewhere.body.contains("name=\"to\" value=\"/wallet\"") && !elsewhere.body.contains("evil"));
    assert_eq!(browser.get("/login?to=a&to=b").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_start_page_is_for_strangers() {
    let provider = Provider::new().await;
    let mut browser = provider.browser();
    assert!(browser.get("/").await.body.contains("href=\"/login\""));
    browser.log_in_at("/login", "alice", "alice").await;
    assert_eq!(browser.get("/").await.location(), "/wallet");
}

async fn save(browser: &mut Browser<'_>, numbers: &str, zone: &str) {
    let token = browser.get("/wallet/account").await.token();
    let form = [("numbers", numbers), ("zone", zone), ("token", &token)];
    assert_eq!(browser.post("/wallet/account/display", &form).await.location(), "/wallet/account");
}

#[tokio::test]
async fn forms_need_the_token_of_the_log_in() {
    let provider = Provider::new().await;
    let (mut alice, mut mallory) = (provider.browser(), provider.browser());
    let early = alice.get("/login").await.token();
    alice.log_in_at("/login", "alice", "alice").await;
    mallory.log_in_at("/login", "bob", "bob").await;
    let foreign = mallory.get("/wallet/account").await.token();
    alice.headers.push(("sec-fetch-site", "same-origin"));
    for token in ["", "x", &early, &foreign] {
        let page = alice.post("/wallet/account/display", &[("zone", "Europe/Berlin"), ("token", token)]).await;
        assert_eq!((page.status, page.heading()), (StatusCode::FORBIDDEN, "Nothing was changed"), "{token}");
    }
    assert_eq!(alice.post("/wallet/account/display", &[("zone", "UTC")]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(alice.cookies.get("__Host-bursar-choice"), None);
    // Logged out meanwhile: what was sent is not done after the log-in.
    alice.cookies.remove("__Host-bursar-session");
    assert_eq!(alice.post("/wallet/account/display", &[("zone", "UTC")]).await.location(), "/login");
}

#[tokio::test]
async fn what_was_done_is_told_once() {
    let provider = Provider::new().await;
    let mut browser = provider.browser();
    browser.log_in_at("/login", "alice", "alice").await;
    save(&mut browser, "", "").await;
    let told = "Numbers and times are now shown your way.";
    assert!(browser.get("/wallet/account").await.body.contains(told));
    assert!(!browser.get("/wallet/account").await.body.contains(told));
    // Only what we say ourselves is told.
    browser.cookies.insert("__Host-bursar-flash".to_owned(), "you-owe-us".to_owned());
    assert!(!browser.get("/wallet/account").await.body.contains("you-owe"));
    assert!(!browser.get("/wallet/account?flash=display-saved").await.body.contains(told));
}

#[tokio::test]
async fn numbers_and_times_are_the_readers() {
    let provider = Provider::new().await;
    let name = "__Host-bursar-zone".to_owned();
    let new = NewAccount {
        name: "rich".to_owned(),
        wallet_address: None,
        public_name: None,
        asset: Asset::new("EUR", 2).unwrap(),
        balance: 123_456_789,
        password: "rich".to_owned(),
    };
    accounts::create(&provider.app, new).await.unwrap();
    let mut browser = provider.browser();
    browser.log_in_at("/login", "rich", "rich").await;
    assert!(browser.get("/wallet").await.body.contains("1,234,567.89 EUR"));
    let page = browser.get("/wallet/account").await.body;
    assert!(page.contains(&format!("data-zone=\"\" data-zone-cookie=\"{name}\"")) && page.contains("09:30 UTC"));

    // What the browser tells.
    browser.headers.push(("accept-language", "de-DE,de;q=0.9,en;q=0.8"));
    browser.cookies.insert(name.clone(), "America/Toronto".to_owned());
    assert!(browser.get("/wallet").await.body.contains("1.234.567,89 EUR"));
    let page = browser.get("/wallet/account").await.body;
    assert!(page.contains("data-zone=\"America/Toronto\" data-zone-cookie") && page.contains("05:30 EDT"));

    // What the person chooses.
    save(&mut browser, "de-CH", "Asia/Kolkata").await;
    assert!(browser.get("/wallet").await.body.contains("1&#39;234&#39;567.89 EUR"));
    let page = browser.get("/wallet/account").await.body;
    assert!(page.contains("data-zone=\"Asia/Kolkata\">") && page.contains("15:00 IST"), "{page}");
    assert!(page.contains("<option value=\"de-CH\" selected>") && page.contains("<option selected>Asia/Kolkata"));
    save(&mut browser, "", "").await;
    assert_eq!(browser.cookies.get("__Host-bursar-choice"), None);

    // What makes no sense changes nothing.
    save(&mut browser, "<i>", "Mars/Olympus").await;
    browser.headers = vec![("accept-language", "*, x;q=9, ;;, \"")];
    for odd in ["Mars/Olympus", "../../etc/passwd", "\"><i>", ""] {
        browser.cookies.insert(name.clone(), odd.to_owned());
        let page = browser.get("/wallet").await.body;
        assert!(page.contains("1,234,567.89 EUR") && page.contains("shown in UTC") && !page.contains("<i>"), "{odd}");
    }
}

#[tokio::test]
async fn logging_out_by_a_link_asks_first() {
    let provider = Provider::new().await;
    let mut browser = provider.browser();
    assert_eq!(browser.get("/logout").await.location(), "/login");
    browser.log_in_at("/login", "alice", "alice").await;
    let page = browser.get("/logout").await;
    assert_eq!(page.heading(), "Log out?");
    assert!(browser.session().is_some());
    browser.post("/logout", &[("token", &page.token())]).await.location();
    assert!(browser.session().is_none());
}

/// The first parts of all paths that are not wallet addresses.
const PLACES: &[&str] = &[
    "admin",
    "assets",
    "auth",
    "health",
    "ilp",
    "interactions",
    "login",
    "logout",
    "metrics",
    "op",
    "sandbox",
    "wallet",
];

#[tokio::test]
async fn no_wallet_address_is_where_something_else_is() {
    let provider = Provider::new().await;
    for place in PLACES {
        assert!(RESERVED_NAMES.contains(place), "{place}");
    }
    for name in RESERVED_NAMES {
        for address in [None, Some(format!("https://bank.test/{name}/x")), Some(format!("$bank.test/{name}"))] {
            let new = NewAccount {
                name: if address.is_some() { "carol".to_owned() } else { (*name).to_owned() },
                wallet_address: address.clone(),
                public_name: None,
                asset: Asset::new("CAD", 2).unwrap(),
                balance: 0,
                password: "x".to_owned(),
            };
            let refused = accounts::create(&provider.app, new).await.unwrap_err();
            let bursar_app::Error::Refused(refusal) = refused else { panic!("{name} {address:?}: {refused}") };
            assert_eq!(refusal.code, Code::InvalidResourceRequest, "{name} {address:?}");
        }
        assert!(accounts::is_taken(&format!("/{name}")) && accounts::is_taken(&format!("/{name}/x")));
    }
    let mut routes = include_str!("../mod.rs").lines().chain(include_str!("../../auth/mod.rs").lines());
    let first = |line: &str| Some(line.trim().strip_prefix(".route(\"/")?.split(['/', '"']).next()?.to_owned());
    assert!(routes.by_ref().filter_map(first).all(|part| part.is_empty() || RESERVED_NAMES.contains(&part.as_str())));
}
