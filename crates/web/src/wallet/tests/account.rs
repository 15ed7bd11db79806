//! What people do about themselves: password, passkeys, sessions, display, closing.

use super::log_in::Device;
use super::{Browser, Provider};
use axum::http::StatusCode;
use bursar_app::wallets;
use jiff::SignedDuration;

const NEW: &str = "correct horse battery";

fn pass(provider: &Provider, minutes: i64) {
    let clock = &provider.app.clock;
    clock.set(clock.now() + SignedDuration::from_mins(minutes));
}

async fn alice(provider: &Provider) -> Browser<'_> {
    let mut browser = provider.browser();
    browser.log_in_at("/login", "alice", "alice").await;
    browser
}

async fn is_in(browser: &mut Browser<'_>) -> bool {
    browser.get("/wallet").await.status == StatusCode::OK
}

#[tokio::test]
async fn a_new_password_ends_other_sessions() {
    let provider = Provider::new().await;
    let (mut here, mut there) = (alice(&provider).await, alice(&provider).await);
    let page = here.get("/wallet/account/password").await;
    for (present, new, again, status, told) in [
        ("wrong", NEW, NEW, StatusCode::UNPROCESSABLE_ENTITY, "not your present password"),
        ("alice", NEW, "another one entirely", StatusCode::UNPROCESSABLE_ENTITY, "differ"),
        ("alice", "short", "short", StatusCode::UNPROCESSABLE_ENTITY, "at least 10"),
        ("alice", "alice-alice", "alice-alice", StatusCode::UNPROCESSABLE_ENTITY, "your name"),
    ] {
        let form = [("present", present), ("new", new), ("again", again)];
        let answer = here.send_with(&page, "/wallet/account/password", &form).await;
        assert_eq!(answer.status, status, "{told}");
        assert!(answer.body.contains(told), "{told}: {}", answer.body);
    }
    assert!(is_in(&mut there).await);
    let before = here.session().unwrap().clone();
    let form = [("present", "alice"), ("new", NEW), ("again", NEW)];
    assert_eq!(here.send_with(&page, "/wallet/account/password", &form).await.location(), "/wallet/account");
    assert!(here.get("/wallet/account").await.body.contains("Your password was changed"));
    assert!(is_in(&mut here).await && !is_in(&mut there).await);
    assert_ne!(here.session().unwrap(), &before);
    assert_eq!(there.log_in_at("/login", "alice", "alice").await.status, StatusCode::FORBIDDEN);
    assert_eq!(there.log_in_at("/login", "alice", NEW).await.location(), "/wallet");
}

#[tokio::test]
async fn dangerous_acts_need_a_fresh_proof() {
    let provider = Provider::new().await;
    let mut browser = alice(&provider).await;
    let mut device = Device::new(1);
    browser.add_passkey(&mut device).await;
    let page = browser.get("/wallet/account/passkeys").await;
    let (_, rest) = page.body.split_once("/wallet/account/passkeys/").unwrap();
    let (_, rest) = rest.split_once("href=\"/wallet/account/passkeys/").unwrap_or(("", rest));
    let id = rest[..36].to_owned();
    let remove = format!("/wallet/account/passkeys/{id}/remove");
    pass(&provider, 10);
    let to_confirm = |path: &str| path.starts_with("/wallet/account/confirm?to=");
    for path in ["/wallet/account/passkeys/new", "/wallet/account/password/remove", "/wallet/account/close", &remove] {
        assert!(to_confirm(browser.get(path).await.location()), "{path}");
    }
    let page = browser.get("/wallet/account").await;
    let forms: [(&str, &[(&str, &str)]); 6] = [
        ("/wallet/account/codes", &[]),
        ("/wallet/account/second", &[("wanted", "off")]),
        ("/wallet/account/password/remove", &[]),
        ("/wallet/account/close", &[("name", "alice")]),
        ("/wallet/account/password", &[("new", NEW), ("again", NEW)]),
        (&remove, &[]),
    ];
    for (path, form) in forms {
        let answer = browser.send_with(&page, path, form).await;
        assert!(to_confirm(answer.location()), "{path}");
    }
    // By the passkey, for whoever is logged in and nobody else.
    let page = browser.get("/wallet/account/confirm?to=/wallet/account/close").await;
    let proof = device.prove(&page.attribute("data-challenge"));
    let more = [("to", "/wallet/account/close")];
    let done = browser.submit_device(&page, "/wallet/account/confirm/passkey", &proof, &more).await;
    assert_eq!(done.location(), "/wallet/account/close");
    assert_eq!(browser.get("/wallet/account/close").await.status, StatusCode::OK);
    // Whoever has just used a passkey need not know the password any more.
    let page = browser.get("/wallet/account/password").await;
    assert!(!page.body.contains("name=\"present\""));
    let form = [("new", NEW), ("again", NEW)];
    assert_eq!(browser.send_with(&page, "/wallet/account/password", &form).await.location(), "/wallet/account");
    // A wrong password leads nowhere, and nobody is led to another site.
    pass(&provider, 10);
    let page = browser.get("/wallet/account/confirm?to=https://evil.test").await;
    assert!(!page.body.contains("value=\"https://evil"));
    let wrong = browser.send_with(&page, "/wallet/account/confirm", &[("password", "x"), ("to", "//evil.test")]).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    let right = browser.send_with(&page, "/wallet/account/confirm", &[("password", NEW), ("to", "//evil.test")]).await;
    assert_eq!(right.location(), "/wallet");
}

#[tokio::test]
async fn sessions_are_ended_elsewhere() {
    let provider = Provider::new().await;
    let (mut here, mut there, mut third) = (alice(&provider).await, alice(&provider).await, alice(&provider).await);
    let mut bob = provider.browser();
    bob.log_in_at("/login", "bob", "bob").await;
    let page = here.get("/wallet/account/sessions").await;
    assert_eq!(page.body.matches("Log out there").count(), 2);
    let id = there.seat().await.unwrap().session.id.to_string();
    // Not by others.
    let theirs = bob.get("/wallet/account/sessions").await;
    let refused = bob.send_with(&theirs, "/wallet/account/sessions/end", &[("session", &id)]).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    let ended = here.send_with(&page, "/wallet/account/sessions/end", &[("session", &id)]).await;
    assert_eq!(ended.location(), "/wallet/account/sessions");
    assert!(!is_in(&mut there).await && is_in(&mut third).await);
    let refused = here.send_with(&page, "/wallet/account/sessions/end", &[("session", "x")]).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    here.send_with(&page, "/wallet/account/sessions/end-all", &[]).await.location();
    assert!(!is_in(&mut third).await && is_in(&mut here).await && is_in(&mut bob).await);
    let mut again = alice(&provider).await;
    let ended = here.send_with(&page, "/wallet/account/sessions/end-all", &[("everywhere", "true")]).await;
    assert_eq!((ended.location(), here.session()), ("/", None));
    assert!(!is_in(&mut again).await && is_in(&mut bob).await);
}

#[tokio::test]
async fn nobody_locks_themselves_out() {
    let provider = Provider::new().await;
    let mut browser = alice(&provider).await;
    let page = browser.get("/wallet/account").await;
    let refused = browser.send_with(&page, "/wallet/account/password/remove", &[]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let refused = browser.send_with(&page, "/wallet/account/second", &[("wanted", "on")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let mut device = Device::new(3);
    browser.add_passkey(&mut device).await;
    let codes = browser.make_codes().await;
    // A code is not enough for whoever has a password.
    let mut other = provider.browser();
    let page = other.get("/login/recover").await;
    let form = [("name", "alice"), ("code", codes[0].as_str())];
    assert_eq!(other.send_with(&page, "/login/recover", &form).await.status, StatusCode::FORBIDDEN);
    let page = browser.get("/wallet/account/password").await;
    let done = browser.send_with(&page, "/wallet/account/password/remove", &[]).await;
    assert_eq!(done.location(), "/wallet/account");
    assert_eq!(other.log_in_at("/login", "alice", "alice").await.status, StatusCode::FORBIDDEN);
    // The last way in stays.
    let list = browser.get("/wallet/account/passkeys").await;
    let (_, rest) = list.body.split_once("/rename").map(|(before, after)| (after, before)).unwrap();
    let id = &rest[rest.len() - 36..];
    let refused = browser.send_with(&list, &format!("/wallet/account/passkeys/{id}/remove"), &[]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    // And when the passkey is lost, a code is the way back, once.
    let page = other.get("/login/recover").await;
    assert_eq!(other.send_with(&page, "/login/recover", &form).await.location(), "/wallet");
    let mut third = provider.browser();
    let page = third.get("/login/recover").await;
    assert_eq!(third.send_with(&page, "/login/recover", &form).await.status, StatusCode::FORBIDDEN);
    // Then a password can be set without knowing the one before.
    let page = other.get("/wallet/account/password").await;
    let form = [("new", NEW), ("again", NEW)];
    assert_eq!(other.send_with(&page, "/wallet/account/password", &form).await.location(), "/wallet/account");
    assert_eq!(third.log_in_at("/login", "alice", NEW).await.location(), "/wallet");
}

#[tokio::test]
async fn what_people_choose_goes_with_them() {
    let provider = Provider::new().await;
    let mut browser = alice(&provider).await;
    let page = browser.get("/wallet/account").await;
    let named = browser.send_with(&page, "/wallet/account/profile", &[("display_name", "Al <b>")]).await;
    assert_eq!(named.location(), "/wallet/account");
    let form = [("numbers", "de"), ("zone", "Asia/Kolkata")];
    browser.send_with(&page, "/wallet/account/display", &form).await.location();
    let mut other = alice(&provider).await;
    let page = other.get("/wallet/account").await;
    assert!(page.body.contains("<b>Al &#60;b&#62;</b>"), "{}", page.body);
    assert!(page.body.contains("IST") && page.body.contains("value=\"Al &#60;b&#62;\""));
    assert!(other.get("/wallet").await.body.contains("500,00"));
    for odd in ["\u{202e}ecila", &"x".repeat(101)] {
        let refused = other.send_with(&page, "/wallet/account/profile", &[("display_name", odd)]).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{odd}");
    }
    other.send_with(&page, "/wallet/account/profile", &[("display_name", "")]).await.location();
    assert!(other.get("/wallet/account").await.body.contains("<b>alice</b>"));
}

#[tokio::test]
async fn an_account_is_closed_when_nothing_is_left_on_it() {
    let provider = Provider::new().await;
    let mut browser = alice(&provider).await;
    let page = browser.get("/wallet/account/close").await;
    assert!(page.body.contains("500.00 CAD") && !page.body.contains("name=\"name\""));
    let refused = browser.send_with(&page, "/wallet/account/close", &[("name", "alice")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);

    let new = bursar_app::accounts::NewAccount {
        wallet_address: None,
        name: "carol".to_owned(),
        public_name: None,
        asset: bursar_types::Asset::new("CAD", 2).unwrap(),
        balance: 0,
        password: "carol".to_owned(),
    };
    bursar_app::accounts::create(&provider.app, new.clone()).await.unwrap();
    let (mut browser, mut other) = (provider.browser(), provider.browser());
    browser.log_in_at("/login", "carol", "carol").await;
    other.log_in_at("/login", "carol", "carol").await;
    let page = browser.get("/wallet/account/close").await;
    let typo = browser.send_with(&page, "/wallet/account/close", &[("name", "alice")]).await;
    assert_eq!(typo.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(is_in(&mut other).await);
    let closed = browser.send_with(&page, "/wallet/account/close", &[("name", "carol")]).await;
    assert_eq!((closed.location(), browser.session()), ("/", None));
    assert!(!is_in(&mut other).await);
    assert_eq!(browser.log_in_at("/login", "carol", "carol").await.status, StatusCode::FORBIDDEN);
    assert!(wallets::active(&provider.app, "https://bank.test/carol").await.is_err());
    // The name stays taken: nobody gets what others send to it.
    assert!(bursar_app::accounts::create(&provider.app, new).await.is_err());
}
