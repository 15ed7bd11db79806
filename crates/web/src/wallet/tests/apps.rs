//! What people see of the apps they allowed something, and do with them.

use super::{Browser, FINISH, Provider, sending};
use axum::http::StatusCode;
use bursar_app::grants;
use bursar_app::interactions::Stage;

const MONTHLY: &str = "R3/2025-05-20T13:00:00Z/P1M";

/// Has Alice allow what an app of this name asks, and the app take it; the path of its page.
async fn allowed(provider: &Provider, alice: &mut Browser<'_>, name: &str, interval: &str) -> String {
    let link = provider.ask_as(name, Some(FINISH), sending(interval)).await;
    let back = alice.decide(&link, "approve").await.location().to_owned();
    assert_eq!(provider.stage(&link).await, Stage::Approved);
    let (_, reference) = back.split_once("interact_ref=").unwrap();
    let id = link.strip_prefix("/auth/interact/").unwrap().split_once('/').unwrap().0.to_owned();
    grants::resume(&provider.app, id.parse().unwrap(), Some(reference.to_owned())).await.unwrap();
    format!("/wallet/apps/{id}")
}

async fn as_alice(provider: &Provider) -> Browser<'_> {
    let mut browser = provider.browser();
    browser.log_in_at("/login", "alice", "alice").await.location();
    browser
}

/// Goes to a page that asks, and presses its button.
async fn confirmed(browser: &mut Browser<'_>, path: &str) -> String {
    let page = browser.get(path).await;
    assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.body);
    let (_, rest) = page.body.split_once("<form method=\"post\" action=\"/wallet").unwrap();
    let (form, _) = rest.split_once("</form>").unwrap();
    let (action, _) = form.split_once('"').unwrap();
    let fields: Vec<(&str, &str)> = form
        .split("<input type=\"hidden\" name=\"")
        .skip(1)
        .map(|input| {
            let (name, rest) = input.split_once("\" value=\"").unwrap();
            (name, rest.split_once('"').unwrap().0)
        })
        .collect();
    browser.post(&format!("/wallet{action}"), &fields).await.location().to_owned()
}

#[tokio::test]
async fn apps_are_listed_and_found() {
    let provider = Provider::new().await;
    let mut alice = as_alice(&provider).await;
    let page = alice.get("/wallet/apps").await;
    assert!(page.body.contains("No app yet"), "{}", page.body);
    let shop = allowed(&provider, &mut alice, "Corner Bakery", MONTHLY).await;
    let news = allowed(&provider, &mut alice, "Nightly News", "R/2025-06-20T13:00:00Z/P1W").await;
    let page = alice.get("/wallet/apps").await.body;
    for told in [&shop, &news, "“Corner Bakery”", "<b>100.00 CAD</b> each month", "100.00 CAD left", "Begins anew on"]
    {
        assert!(page.contains(told), "{told}");
    }
    assert!(page.contains("Begins on"), "the news begin later");
    for (query, found) in [
        ("?q=bakery", [true, false]),
        ("?q=NIGHTLY", [false, true]),
        ("?q=bank.test%2Falice", [true, true]),
        ("?q=nothing", [false, false]),
        ("?show=active", [true, true]),
        ("?show=paused", [false, false]),
        ("?show=ended&q=bakery", [false, false]),
        ("?show=whatever", [true, true]),
        ("?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E", [false, false]),
    ] {
        let page = alice.get(&format!("/wallet/apps{query}")).await;
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!([&shop, &news].map(|path| page.body.contains(&format!("{path}\""))), found, "{query}");
        assert!(!page.body.contains("<script>"));
    }
    assert_eq!(alice.get("/wallet/apps?older=x").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_app_is_paused_resumed_and_ended() {
    let provider = Provider::new().await;
    let mut alice = as_alice(&provider).await;
    let path = allowed(&provider, &mut alice, "Shop", MONTHLY).await;
    let page = alice.get(&path).await.body;
    for told in ["<strong>100.00 CAD</strong> each month", "20 June 2025 13:00 UTC", "not paid anything yet"] {
        assert!(page.contains(told), "{told}");
    }
    assert!(!page.contains("Spent in each period"), "of one period the bar tells enough");
    let daily = allowed(&provider, &mut alice, "Shop", "R/2025-05-18T00:00:00Z/P1D").await;
    let page = alice.get(&daily).await.body;
    assert!(page.contains("Spent in each period") && page.matches("<g><title>").count() == 4, "{page}");
    // Asking changes nothing.
    assert!(alice.get(&format!("{path}/pause")).await.body.contains("Pause “Shop”?"));
    assert!(alice.get(&path).await.body.contains(&format!("{path}/pause\"")));
    assert_eq!(confirmed(&mut alice, &format!("{path}/pause")).await, path);
    let page = alice.get(&path).await.body;
    assert!(
        page.contains("Paused: this app can pay nothing")
            && page.contains("You paused it.")
            && page.contains("/resume\"")
    );
    assert!(!alice.get(&path).await.body.contains("Paused: this app"), "it is told once");
    assert_eq!(confirmed(&mut alice, &format!("{path}/resume")).await, path);
    assert!(alice.get(&path).await.body.contains("You resumed it."));
    assert_eq!(confirmed(&mut alice, &format!("{path}/revoke")).await, path);
    let page = alice.get(&path).await.body;
    assert!(page.contains("It ended on") && page.contains("You ended it.") && !page.contains("/pause\""));
    assert!(alice.get("/wallet/apps?show=ended").await.body.contains(&path));
    // Again, as from a second tab: harmless; and nothing else is possible.
    assert_eq!(confirmed(&mut alice, &format!("{path}/revoke")).await, path);
    let token = alice.get(&path).await.token();
    assert_eq!(alice.post(&format!("{path}/pause"), &[("token", &token)]).await.status, StatusCode::CONFLICT);
    assert_eq!(alice.get(&format!("{path}/lower")).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn limits_are_lowered_after_a_look() {
    let provider = Provider::new().await;
    let mut alice = as_alice(&provider).await;
    let path = allowed(&provider, &mut alice, "Shop", MONTHLY).await;
    let page = alice.get(&format!("{path}/lower")).await;
    assert!(page.body.contains("Up to 100.00 CAD. Leave it empty"), "{}", page.body);
    for (query, said) in [
        ("", "This would change nothing"),
        ("?amount-0=100", "This would change nothing"),
        ("?amount-0=100.01", "more than the limit"),
        ("?windows-0=0", "would leave nothing"),
        ("?until-0=2025-05-30", "Only whole periods count"),
    ] {
        let page = alice.get(&format!("{path}/lower/confirm{query}")).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert!(page.body.contains(said), "{query}: {}", page.body);
    }
    let asking = format!("{path}/lower/confirm?amount-0=25.50&until-0=2025-08-01");
    let page = alice.get(&asking).await.body;
    for told in
        ["Now: Up to 100.00 CAD each month", "Then: Up to 25.50 CAD each month. From now until 20 July 2025 13:00 UTC."]
    {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(alice.get(&path).await.body.contains("<strong>100.00 CAD</strong>"), "asking changes nothing");
    assert_eq!(confirmed(&mut alice, &asking).await, path);
    let page = alice.get(&path).await.body;
    assert!(
        page.contains("<strong>25.50 CAD</strong> each month")
            && page.contains("You lowered it from up to 100.00 CAD each month")
    );
    // It only ever becomes less, whatever a form says.
    let token = alice.get(&path).await.token();
    for fields in [&[("amount-0", "25.51")][..], &[("windows-0", "3")], &[]] {
        let mut sent = vec![("token", token.as_str())];
        sent.extend(fields);
        let page = alice.post(&format!("{path}/lower"), &sent).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
    }
    assert!(alice.get(&path).await.body.contains("<strong>25.50 CAD</strong> each month"));
}

#[tokio::test]
async fn nobody_sees_or_touches_the_apps_of_others() {
    let provider = Provider::new().await;
    let (mut alice, mut bob) = (as_alice(&provider).await, provider.browser());
    let path = allowed(&provider, &mut alice, "Shop", MONTHLY).await;
    bob.log_in_at("/login", "bob", "bob").await.location();
    assert!(bob.get("/wallet/apps").await.body.contains("No app yet"));
    let token = bob.get("/wallet/account").await.token();
    for below in ["", "/pause", "/resume", "/revoke", "/lower", "/lower/confirm?amount-0=1", "/whatever"] {
        assert_eq!(bob.get(&format!("{path}{below}")).await.status, StatusCode::NOT_FOUND, "{below}");
    }
    for below in ["/pause", "/resume", "/revoke", "/lower", "/whatever"] {
        let fields = [("token", token.as_str()), ("amount-0", "1")];
        assert_eq!(bob.post(&format!("{path}{below}"), &fields).await.status, StatusCode::NOT_FOUND, "{below}");
    }
    for id in ["x", "0196eb7a-0000-7000-8000-000000000000", "0196EB7A-0000-7000-8000-000000000000"] {
        assert_eq!(alice.get(&format!("/wallet/apps/{id}")).await.status, StatusCode::NOT_FOUND);
    }
    // Neither does a form without the token of the log-in, nor a stranger.
    for token in ["", "x", token.as_str()] {
        let page = alice.post(&format!("{path}/revoke"), &[("token", token)]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
    }
    let mut stranger = provider.browser();
    assert!(stranger.get(&path).await.location().starts_with("/login?to=%2Fwallet%2Fapps%2F"));
    assert_eq!(stranger.post(&format!("{path}/revoke"), &[]).await.location(), "/login");
    assert!(alice.get(&path).await.body.contains("Active"));
}

#[tokio::test]
async fn names_of_apps_stay_words() {
    let provider = Provider::new().await;
    let mut alice = as_alice(&provider).await;
    let name = "<script>alert(1)</script>\u{202e}\" onload=x";
    let path = allowed(&provider, &mut alice, name, MONTHLY).await;
    let paths = ["", "/pause", "/revoke", "/lower", "/lower/confirm?amount-0=1"].map(|below| format!("{path}{below}"));
    for path in paths.into_iter().chain(["/wallet/apps".to_owned()]) {
        let page = alice.get(&path).await.body;
        assert!(page.contains("alert(1)"), "{path}");
        assert!(!page.contains("<script>alert") && !page.contains("\" onload") && !page.contains('\u{202e}'), "{path}");
    }
}
