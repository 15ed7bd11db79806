//! Sending and requesting money, as people do it in their browsers.

use super::{Browser, Provider};
use axum::http::StatusCode;

const SEND: &str = "/wallet/send";
const REQUEST: &str = "/wallet/request";

impl Browser<'_> {
    /// Fills the form in, whose own address is chosen as the page proposes; the answer.
    async fn fill(&mut self, path: &str, field: &str, fields: &[(&str, &str)]) -> super::Answer {
        let page = self.get(path).await;
        let (_, rest) = page.body.split_once(&format!("<select id=\"{field}\"")).expect("a choice of addresses");
        let (_, rest) = rest.split_once("<option value=\"").expect("an address");
        let own = rest.split('"').next().unwrap().to_owned();
        let token = page.token();
        let once =
            page.body.split_once("name=\"once\" value=\"").map(|(_, rest)| rest.split('"').next().unwrap().to_owned());
        let mut all = vec![(field, own.as_str()), ("token", &token), ("once", once.as_deref().unwrap_or_default())];
        all.extend(fields);
        self.post(path, &all).await
    }
}

#[tokio::test]
async fn a_person_sees_the_price_and_sends_once() {
    let provider = Provider::new().await;
    let mut alice = provider.logged_in("alice").await;
    let form = [("to", "$bank.test/bob"), ("amount", "1,234.5"), ("note", "Lunch <b>")];
    let page = alice.fill(SEND, "from", &form).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("not enough money in the account for 1,234.50 CAD"), "{}", page.body);
    assert!(page.body.contains("value=\"$bank.test/bob\"") && page.body.contains("value=\"1,234.5\""));
    assert!(page.body.contains("Lunch &#60;b&#62;"));

    let form = [("to", "$bank.test/bob"), ("amount", "12.5"), ("side", "receive"), ("note", "Lunch")];
    let quote = alice.fill(SEND, "from", &form).await.location().to_owned();
    let page = alice.get(&quote).await;
    assert_eq!(page.heading(), "Send this?");
    for told in ["12.50 CAD", "$bank.test/bob", "Lunch", "$bank.test/alice", "21 May 2025 09:35 UTC"] {
        assert!(page.body.contains(told), "{told}: {}", page.body);
    }
    let token = page.token();
    // Sent twice, and once more from a page that was left open.
    for _ in 0..3 {
        assert_eq!(alice.post(&quote, &[("token", &token)]).await.location(), quote);
    }
    let page = alice.get(&quote).await;
    assert_eq!(page.heading(), "Sent");
    assert!(!page.body.contains("Send 12.50 CAD</button>"));
    assert!(alice.get("/wallet").await.body.contains("487.50 CAD"));
    assert!(provider.logged_in("bob").await.get("/wallet").await.body.contains("512.50 CAD"));
}

#[tokio::test]
async fn what_is_wrong_is_said_where_it_is() {
    let provider = Provider::new().await;
    let mut alice = provider.logged_in("alice").await;
    let long = "x".repeat(141);
    for (fields, field, words) in [
        (&[("to", "$bank.test/nobody"), ("amount", "1")][..], "to", "Nobody has this address."),
        (&[("to", "https://other.test/bob"), ("amount", "1")], "to", "another provider"),
        (&[("to", "$bank.test/alice"), ("amount", "1")], "to", "the account that you pay from"),
        (&[("to", "\"><script>"), ("amount", "1")], "to", "Write an address"),
        (&[("to", "$bank.test/bob"), ("amount", "1")], "", ""),
        (&[("to", "$bank.test/bob")], "amount", "Write how much."),
        (&[("to", "$bank.test/bob"), ("amount", "1e9")], "amount", "such as 12.50"),
        (&[("to", "$bank.test/bob"), ("amount", "0.001")], "amount", "at most 2 decimal places"),
        (&[("to", "$bank.test/bob"), ("amount", "0")], "amount", "more than nothing"),
        (&[("to", "$bank.test/bob"), ("amount", "1"), ("note", &long)], "note", "at most 140 characters"),
    ] {
        let page = alice.fill(SEND, "from", fields).await;
        if field.is_empty() {
            assert_eq!(page.status, StatusCode::SEE_OTHER);
            continue;
        }
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        let (_, rest) = page.body.split_once(&format!("id=\"{field}-error\"")).expect("a word at the field");
        assert!(rest.split("</p>").next().unwrap().contains(words), "{fields:?}: {rest}");
        assert!(!page.body.contains("<script>"), "{fields:?}");
    }
}

#[tokio::test]
async fn a_price_that_is_over_ends_well() {
    let provider = Provider::new().await;
    let mut alice = provider.logged_in("alice").await;
    let form = [("to", "$bank.test/bob"), ("amount", "5"), ("note", "Tea")];
    let quote = alice.fill(SEND, "from", &form).await.location().to_owned();
    let token = alice.get(&quote).await.token();
    provider.app.clock.set(provider.app.clock.now() + jiff::SignedDuration::from_mins(5));
    assert_eq!(alice.post(&quote, &[("token", &token)]).await.location(), quote);
    let page = alice.get(&quote).await;
    assert_eq!(page.heading(), "This price is no longer valid");
    assert!(page.body.contains("/wallet/send?to=https%3A%2F%2Fbank.test%2Fbob&#38;from="), "{}", page.body);
    assert!(alice.get("/wallet").await.body.contains("500.00 CAD"));
}

#[tokio::test]
async fn nobody_confirms_or_closes_what_is_anothers() {
    let provider = Provider::new().await;
    let (mut alice, mut bob) = (provider.logged_in("alice").await, provider.logged_in("bob").await);
    let quote = alice.fill(SEND, "from", &[("to", "$bank.test/bob"), ("amount", "5")]).await.location().to_owned();
    let made = alice.fill(REQUEST, "address", &[("amount", "5"), ("lifetime", "day")]).await.location().to_owned();
    for path in [quote.as_str(), &made, &format!("{made}/close")] {
        assert_eq!(bob.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let token = bob.get(SEND).await.token();
    for path in [quote.as_str(), &format!("{made}/close")] {
        assert_eq!(bob.post(path, &[("token", &token)]).await.status, StatusCode::NOT_FOUND, "{path}");
        // Nor with a form that somebody else made.
        assert_eq!(alice.post(path, &[("token", &token)]).await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(alice.post(path, &[]).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    for path in [SEND, REQUEST] {
        assert_eq!(
            alice.post(path, &[("to", "$bank.test/bob"), ("token", &token)]).await.status,
            StatusCode::FORBIDDEN
        );
        assert!(provider.browser().get(path).await.location().starts_with("/login"));
    }
    let page = alice.get(&quote).await;
    assert_eq!(page.heading(), "Send this?");
}

#[tokio::test]
async fn a_request_is_made_found_paid_and_closed() {
    let provider = Provider::new().await;
    let (mut alice, mut bob) = (provider.logged_in("alice").await, provider.logged_in("bob").await);
    for (fields, words) in [
        (&[("amount", "x"), ("lifetime", "day")][..], "such as 12.50"),
        (&[("amount", "0"), ("lifetime", "day")], "more than nothing"),
        (&[("amount", "5"), ("lifetime", "ever")], "for how long"),
        (&[("note", "a\u{7}"), ("lifetime", "day")], "all on one line"),
    ] {
        let page = bob.fill(REQUEST, "address", fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        assert!(page.body.contains(words), "{fields:?}: {}", page.body);
    }
    let form = [("amount", "7.25"), ("lifetime", "day"), ("note", "Tickets"), ("public", "yes")];
    let made = bob.fill(REQUEST, "address", &form).await.location().to_owned();
    let page = bob.get(&made).await;
    assert!(page.heading() == "7.25 CAD" && page.body.contains("class=\"qr\"") && page.body.contains("Tickets"));
    let (_, rest) = page.body.split_once("data-copy=\"").expect("a link to copy");
    let link = rest.split('"').next().unwrap().to_owned();
    assert!(link.starts_with("https://bank.test/op/incoming-payments/"), "{link}");
    assert!(bob.get(REQUEST).await.body.contains(&made));

    // Whoever follows it sees what is asked, and pays it without writing how much.
    let query: String = url::form_urlencoded::byte_serialize(link.as_bytes()).collect();
    let page = alice.get(&format!("{SEND}?to={query}")).await;
    for told in ["You were asked to pay", "7.25 CAD", "Tickets", "$bank.test/bob"] {
        assert!(page.body.contains(told), "{told}: {}", page.body);
    }
    let quote = alice.fill(SEND, "from", &[("to", &link)]).await.location().to_owned();
    let token = alice.get(&quote).await.token();
    alice.post(&quote, &[("token", &token)]).await.location();
    assert!(bob.get(&made).await.body.contains("Paid</span>"));

    let open = bob.fill(REQUEST, "address", &[("lifetime", "week")]).await.location().to_owned();
    let close = format!("{open}/close");
    assert_eq!(bob.get(&close).await.heading(), "Close this request?");
    let token = bob.get(&close).await.token();
    for _ in 0..2 {
        assert_eq!(bob.post(&close, &[("token", &token)]).await.location(), open);
    }
    assert!(bob.get(&open).await.body.contains("Closed</span>"));
    for odd in ["?before=x", "?before=0196e0c2-7f00-7000-8000-000000000000", "?after=x&before=y"] {
        let status = bob.get(&format!("{REQUEST}{odd}")).await.status;
        assert!(matches!(status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST), "{odd}: {status}");
    }
}
