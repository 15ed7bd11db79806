//! Deciding: less than was asked, no limit at all, and pages that are looked at more than once.

use super::{Answer, Browser, FINISH, Provider, sending};
use axum::http::StatusCode;
use bursar_app::interactions::{self, Stage};
use serde_json::{Value, json};

const MONTHLY: &str = "R3/2025-05-20T13:00:00Z/P1M";

/// A request for spending without a limit.
fn unlimited() -> Value {
    let mut request = sending(MONTHLY);
    request["access_token"]["access"][0].as_object_mut().unwrap().remove("limits");
    request
}

/// What was granted of the first item: the amount in cents, and the interval.
async fn granted(provider: &Provider, link: &str) -> (Option<u64>, Option<String>) {
    let (id, path) = link.strip_prefix("/auth/interact/").unwrap().split_once('/').unwrap();
    let consent = interactions::view(&provider.app, id, path).await.unwrap();
    let spending = consent.items[0].spending.clone().unwrap();
    let interval = spending.schedule.map(|schedule| schedule.interval.as_str().to_owned());
    (spending.amount.map(|limit| limit.amount().value()), interval)
}

/// Presses a button on a page that is already shown, with this in its fields.
async fn press(browser: &mut Browser<'_>, link: &str, page: &Answer, decision: &str, typed: &[(&str, &str)]) -> Answer {
    let (token, terms) = (page.token(), page.terms());
    let mut fields = vec![("decision", decision), ("token", &token), ("terms", &terms)];
    fields.extend(typed);
    browser.post(link, &fields).await
}

async fn alice<'a>(provider: &'a Provider, link: &str) -> Browser<'a> {
    let mut browser = provider.browser();
    browser.log_in_at(link, "alice", "alice").await.location();
    browser
}

#[tokio::test]
async fn less_is_looked_at_and_then_approved() {
    let provider = Provider::new().await;
    let link = provider.ask(Some(FINISH)).await;
    let mut browser = alice(&provider, &link).await;
    let page = browser.get(&link).await;
    assert!(page.body.contains("which holds 500.00 CAD now"), "{}", page.body);
    assert!(!page.body.contains("Less than was asked") && !page.body.contains(" open>"));
    let typed = [("amount-0", "25"), ("windows-0", "2")];
    let preview = press(&mut browser, &link, &page, "preview", &typed).await;
    assert_eq!(preview.location(), format!("{link}?amount-0=25&windows-0=2"));
    let page = browser.get(preview.location()).await;
    for told in
        ["<strong>25.00 CAD</strong> each month", "Less than was asked: up to 100.00 CAD each month", "50.00 CAD"]
    {
        assert!(page.body.contains(told), "{told}");
    }
    assert!(page.body.contains("name=\"amount-0\" value=\"25\"") && !page.body.contains("300.00 CAD"));
    assert_eq!(provider.stage(&link).await, Stage::Open);
    let back = press(&mut browser, &link, &page, "approve", &typed).await;
    assert!(back.location().contains("interact_ref="));
    assert_eq!(granted(&provider, &link).await, (Some(2_500), Some(MONTHLY.replace("R3", "R2"))));
}

#[tokio::test]
async fn nothing_is_approved_that_was_not_shown() {
    let provider = Provider::new().await;
    let link = provider.ask(Some(FINISH)).await;
    let mut browser = alice(&provider, &link).await;
    let whole = browser.get(&link).await;
    let less = browser.get(&format!("{link}?amount-0=25")).await;
    // Typed but not looked at; looked at but typed over; neither.
    for (page, typed) in [(&whole, "25"), (&less, "30"), (&less, "")] {
        let again = press(&mut browser, &link, page, "approve", &[("amount-0", typed)]).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(again.body.contains("this is what it comes to now"), "{}", again.body);
        assert_eq!(provider.stage(&link).await, Stage::Open);
    }
    let token = whole.token();
    for terms in ["", "x"] {
        let fields = [("decision", "approve"), ("token", token.as_str()), ("terms", terms)];
        assert_eq!(browser.post(&link, &fields).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    // What was shown again can be approved as it is.
    let again = press(&mut browser, &link, &whole, "approve", &[("amount-0", "25")]).await;
    assert!(again.body.contains("<strong>25.00 CAD</strong>"));
    press(&mut browser, &link, &again, "approve", &[("amount-0", "25")]).await.location();
    assert_eq!(granted(&provider, &link).await.0, Some(2_500));
}

#[tokio::test]
async fn a_period_that_has_passed_meanwhile_is_shown_again() {
    let provider = Provider::new().await;
    let link = provider.ask_as("Shop", Some(FINISH), sending("R3/2025-05-20T13:00:00Z/PT20H35M")).await;
    let mut browser = alice(&provider, &link).await;
    // The first period ends at 09:35, five minutes from now.
    let page = browser.get(&format!("{link}?windows-0=1")).await;
    assert_eq!(page.status, StatusCode::OK);
    provider.app.clock.set("2025-05-21T09:36:00Z".parse().unwrap());
    let again = press(&mut browser, &link, &page, "approve", &[("windows-0", "1")]).await;
    assert_eq!((again.status, provider.stage(&link).await), (StatusCode::UNPROCESSABLE_ENTITY, Stage::Open));
    press(&mut browser, &link, &again, "approve", &[("windows-0", "1")]).await.location();
    assert_eq!(granted(&provider, &link).await.1.as_deref(), Some("R2/2025-05-20T13:00:00Z/PT20H35M"));
}

#[tokio::test]
async fn fields_that_cannot_be_meant_say_why() {
    let provider = Provider::new().await;
    let link = provider.ask(Some(FINISH)).await;
    let mut browser = alice(&provider, &link).await;
    for (query, said) in [
        ("amount-0=100.01", "more than the limit of 100.00 CAD"),
        ("amount-0=%3Cscript%3E", "as a number such as 25.00"),
        ("windows-0=4", "only 3 periods left"),
        ("windows-0=1&until-0=2025-07-01", "not both"),
        ("until-0=2025-06-19", "Only whole periods count"),
    ] {
        let page = browser.get(&format!("{link}?{query}")).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert!(page.body.contains(said) && page.body.contains("aria-invalid=\"true\""), "{query}: {}", page.body);
        assert!(page.body.contains("<strong>100.00 CAD</strong>") && !page.body.contains("<script>"), "{query}");
        let typed: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let typed: Vec<(&str, &str)> = typed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let again = press(&mut browser, &link, &page, "approve", &typed).await;
        assert_eq!((again.status, provider.stage(&link).await), (StatusCode::UNPROCESSABLE_ENTITY, Stage::Open));
    }
    let mut nobody = provider.browser();
    assert!(nobody.get(&format!("{link}?amount-0=25")).await.body.contains("name=\"password\""));
}

#[tokio::test]
async fn no_limit_is_confirmed_to_the_server() {
    let provider = Provider::new().await;
    let link = provider.ask_as("Shop", Some(FINISH), unlimited()).await;
    let mut browser = alice(&provider, &link).await;
    let page = browser.get(&link).await;
    assert!(page.body.contains("name=\"no-limit\"") && page.body.contains("<p class=\"limit loud\">"));
    for typed in [&[][..], &[("no-limit", "")], &[("no-limit", "no")]] {
        let again = press(&mut browser, &link, &page, "approve", typed).await;
        assert_eq!((again.status, provider.stage(&link).await), (StatusCode::UNPROCESSABLE_ENTITY, Stage::Open));
        assert!(again.body.contains("there is no limit. If that is what you want"), "{}", again.body);
    }
    press(&mut browser, &link, &page, "approve", &[("no-limit", "yes")]).await.location();
    assert_eq!((provider.stage(&link).await, granted(&provider, &link).await), (Stage::Approved, (None, None)));

    // With a limit of one's own there is nothing to confirm.
    let link = provider.ask_as("Shop", Some(FINISH), unlimited()).await;
    let typed = [("amount-0", "5"), ("until-0", "2025-06-30")];
    let page = browser.get(&format!("{link}?amount-0=5&until-0=2025-06-30")).await;
    assert!(!page.body.contains("name=\"no-limit\"") && page.body.contains("Less than was asked: it wants no limit"));
    press(&mut browser, &link, &page, "approve", &typed).await.location();
    let (amount, interval) = granted(&provider, &link).await;
    assert_eq!((amount, interval.as_deref()), (Some(500), Some("R1/2025-05-21T09:30:00Z/2025-07-01T00:00:00Z")));
}

#[tokio::test]
async fn a_button_pressed_twice_ends_well() {
    let provider = Provider::new().await;
    let link = provider.ask(Some(FINISH)).await;
    let mut browser = alice(&provider, &link).await;
    let page = browser.get(&link).await;
    let first = press(&mut browser, &link, &page, "approve", &[]).await.location().to_owned();
    assert_eq!(press(&mut browser, &link, &page, "approve", &[]).await.location(), first);
    // Another tab, in which something else is decided: it is told what was.
    assert_eq!(press(&mut browser, &link, &page, "deny", &[]).await.location(), link);
    assert_eq!(press(&mut browser, &link, &page, "approve", &[("amount-0", "1")]).await.location(), first);
    let preview = press(&mut browser, &link, &page, "preview", &[("amount-0", "1")]).await;
    assert_eq!(browser.get(preview.location()).await.heading(), "Approved");
    assert_eq!(granted(&provider, &link).await.0, Some(10_000));
}

#[tokio::test]
async fn proving_a_wallet_has_a_page_of_its_own() {
    let provider = Provider::new().await;
    let subject = json!({ "subject": { "sub_ids": [{ "id": "https://bank.test/alice", "format": "uri" }] } });
    let link = provider.ask_as("Shop", Some(FINISH), subject).await;
    let mut browser = provider.browser();
    assert!(browser.get(&link).await.body.contains("name=\"password\""));
    assert_eq!(browser.log_in_at(&link, "alice", "alice").await.location(), link);
    let page = browser.get(&link).await;
    assert!(page.body.contains("It moves no money") && !page.body.contains("Allow less"));
    // Looking at it is not approving, however often.
    browser.get(&link).await;
    assert_eq!(provider.stage(&link).await, Stage::Open);
    assert!(browser.decide(&link, "approve").await.location().contains("interact_ref="));
}

#[tokio::test]
async fn people_are_told_whom_they_do_not_know() {
    let provider = Provider::new().await;
    let link = provider.ask_as("Bursar Support", Some(FINISH), sending(MONTHLY)).await;
    let mut browser = alice(&provider, &link).await;
    let page = browser.get(&link).await;
    assert!(page.body.contains("Its name looks like ours, but it is not Bursar"), "{}", page.body);
    assert!(page.body.contains("you have never allowed it anything"));
    let link = provider.ask(Some(FINISH)).await;
    assert!(!browser.get(&link).await.body.contains("looks like"));
}
