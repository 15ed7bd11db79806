//! Sending and requesting money in person, and what apps see of it.

use crate::{cad, text};
use bursar_app::login::LoggedIn;
use bursar_app::refusals::Code;
use bursar_app::requests::{self, Part};
use bursar_app::sending::{self, Side, Stage, Wish};
use bursar_app::{Error, addresses};
use bursar_core::fee::Fees;
use bursar_testkit::{Engine, Provider, Reply, TestApp, World};
use http::{HeaderMap, HeaderValue};
use jiff::SignedDuration;
use serde_json::json;
use std::sync::Arc;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn address(provider: &Provider, person: &LoggedIn) -> String {
    addresses::list(&provider.app, person).await.expect("a list")[0].addresses[0].id.to_string()
}

async fn wish(provider: &Provider, person: &LoggedIn, to: &str, amount: &str, side: Side) -> Wish {
    let amount = (!amount.is_empty()).then(|| amount.to_owned());
    Wish { from: address(provider, person).await, to: to.to_owned(), amount, side, note: "Lunch".to_owned() }
}

async fn quote(provider: &Provider, person: &LoggedIn, to: &str, amount: &str, side: Side) -> Result<String, Error> {
    let wish = wish(provider, person, to, amount, side).await;
    sending::ask(&provider.app, person, wish).await.map(|id| id.to_string())
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Error>, code: Code) {
    match result {
        Err(Error::Refused(refusal)) => assert_eq!(refusal.code, code, "{refusal:?}"),
        other => panic!("{other:?} instead of {code:?}"),
    }
}

async fn get(app: &TestApp, url: &str, accept: &'static str) -> Reply {
    let mut headers = HeaderMap::new();
    if !accept.is_empty() {
        headers.insert("accept", HeaderValue::from_static(accept));
    }
    app.send("GET", url, headers, None).await
}

#[tokio::test]
async fn a_quote_is_paid_once_however_often_it_is_confirmed() {
    for engine in Engine::BOTH {
        let world = World::new();
        let provider = world.provider(engine).await;
        let other = world.second_node(&provider).await;
        provider.account("alice", "CAD", 2, 10_000).await;
        let bob = provider.account("bob", "CAD", 2, 0).await;
        let alice = provider.person("alice").await;
        let id = quote(&provider, &alice, &bob, "12.50", Side::Debit).await.expect("a quote");
        let seen = sending::get(&provider.app, &alice, &id).await.expect("it is hers");
        assert_eq!((seen.stage, seen.price.debit.value(), seen.to.url.as_str()), (Stage::Open, 1_250, bob.as_str()));
        assert_eq!((seen.note.as_deref(), seen.receiver), (Some("Lunch"), None));

        let confirm = |node: &Provider| {
            let (app, alice, id) = (node.app.clone(), alice.clone(), id.clone());
            tokio::spawn(async move { sending::confirm(&app, &alice, &id).await })
        };
        let attempts: Vec<_> =
            (0..12).map(|number| confirm(if number % 2 == 0 { &provider } else { &other })).collect();
        let mut paid = Vec::new();
        for attempt in attempts {
            paid.push(attempt.await.expect("no panic").expect("it is paid"));
        }
        assert!(paid.iter().all(|payment| *payment == paid[0]), "{paid:?}");
        assert_eq!((provider.balance("alice").await, provider.balance("bob").await), (8_750, 1_250));
        // Also long after its time is over.
        world.advance("P1D");
        assert_eq!(sending::confirm(&other.app, &alice, &id).await, Ok(paid[0]));
        let seen = sending::get(&other.app, &alice, &id).await.expect("it is hers");
        assert!(matches!(seen.stage, Stage::Sent { payment, .. } if payment == paid[0]), "{:?}", seen.stage);
        assert_eq!(provider.audit().await.payments, 1);
    }
}

#[tokio::test]
async fn quotes_that_cannot_be_paid() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    provider.account("alice", "CAD", 2, 1_000).await;
    let bob = provider.account("bob", "CAD", 2, 0).await;
    let (alice, robert) = (provider.person("alice").await, provider.person("bob").await);
    let id = quote(&provider, &alice, &bob, "6", Side::Debit).await.expect("a quote");
    // Of somebody else, or of nobody.
    refused(sending::confirm(&provider.app, &robert, &id).await, Code::NotFound);
    refused(sending::get(&provider.app, &robert, &id).await, Code::NotFound);
    for odd in ["", "x", "00000000-0000-0000-0000-000000000000"] {
        refused(sending::confirm(&provider.app, &alice, odd).await, Code::NotFound);
    }
    // Of two that were in order when they were made, there is money for one.
    let second = quote(&provider, &alice, &bob, "6", Side::Debit).await.expect("a quote");
    sending::confirm(&provider.app, &alice, &id).await.expect("it is paid");
    refused(sending::confirm(&provider.app, &alice, &second).await, Code::InsufficientFunds);
    refused(quote(&provider, &alice, &bob, "6", Side::Debit).await, Code::InsufficientFunds);
    // Too late.
    let late = quote(&provider, &alice, &bob, "1", Side::Debit).await.expect("a quote");
    world.advance("PT5M");
    refused(sending::confirm(&provider.app, &alice, &late).await, Code::InvalidQuote);
    assert_eq!(sending::get(&provider.app, &alice, &late).await.expect("it is hers").stage, Stage::Expired);
    // Somebody who has gone meanwhile, at either end.
    let gone = quote(&provider, &alice, &bob, "1", Side::Debit).await.expect("a quote");
    let [own, theirs] = [address(&provider, &alice).await, address(&provider, &robert).await];
    addresses::deactivate(&provider.app, &robert, &theirs).await.expect("it is his");
    refused(sending::confirm(&provider.app, &alice, &gone).await, Code::InvalidReceiver);
    refused(quote(&provider, &alice, &bob, "1", Side::Debit).await, Code::InvalidReceiver);
    addresses::reactivate(&provider.app, &robert, &theirs).await.expect("it is his");
    addresses::deactivate(&provider.app, &alice, &own).await.expect("it is hers");
    refused(sending::confirm(&provider.app, &alice, &gone).await, Code::Conflict);
    refused(quote(&provider, &alice, &bob, "1", Side::Debit).await, Code::Conflict);
    addresses::reactivate(&provider.app, &alice, &own).await.expect("it is hers");
    sending::confirm(&provider.app, &alice, &gone).await.expect("all are back");
    assert_eq!(provider.audit().await.payments, 2);
}

#[tokio::test]
async fn receivers_as_people_write_them() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    provider.account("alice", "CAD", 2, 1_000).await;
    let bob = provider.account("bob", "CAD", 2, 0).await;
    let alice = provider.person("alice").await;
    let host = provider.url().strip_prefix("http://").expect("a local address").to_owned();
    let open = app.receiver(&provider, &bob).await;
    for to in [
        bob.clone(),
        format!("  {bob}/ "),
        bob.to_uppercase().replace("HTTP", "http"),
        format!("${host}/bob"),
        format!("{host}/bob"),
        open.clone(),
        format!("{open}/"),
    ] {
        let id =
            quote(&provider, &alice, &to, "1", Side::Debit).await.unwrap_or_else(|error| panic!("{to}: {error:?}"));
        let seen = sending::get(&provider.app, &alice, &id).await.expect("it is hers");
        assert_eq!(seen.to.url, bob, "{to}");
        assert_eq!(seen.receiver.is_some(), to.contains("incoming"), "{to}");
    }
    for (to, words) in [
        ("", "write an address"),
        ("bob", "write an address"),
        ("mailto:bob@example.com", "write an address"),
        ("https://elsewhere.example/bob", "another provider"),
        ("$elsewhere.example", "another provider"),
        ("https://elsewhere.example/op/incoming-payments/0196e0c2-7f00-7000-8000-000000000000", "another provider"),
        (&format!("{}/nobody", provider.url()), "nobody has this address"),
        (&format!("{}/op/incoming-payments/x", provider.url()), "nobody has this address"),
        (
            &format!("{}/op/incoming-payments/0196e0c2-7f00-7000-8000-000000000000", provider.url()),
            "there is no such request",
        ),
        (&format!("{}/alice", provider.url()), "the account that you pay from"),
    ] {
        let refused = quote(&provider, &alice, to, "1", Side::Debit).await.expect_err("nobody can be paid so");
        let Error::Refused(refusal) = refused else { panic!("{to}: {refused:?}") };
        assert_eq!(refusal.code, Code::InvalidReceiver, "{to}");
        assert!(refusal.description.contains(words), "{to}: {}", refusal.description);
    }
    for (to, amount) in [(&bob, ""), (&open, ""), (&bob, "0"), (&bob, "0.001"), (&bob, "x"), (&bob, "-1")] {
        refused(quote(&provider, &alice, to, amount, Side::Debit).await, Code::InvalidResourceRequest);
    }
    let long = "x".repeat(141);
    for note in [long.as_str(), "a\nb"] {
        let wish = Wish { note: note.to_owned(), ..wish(&provider, &alice, &bob, "1", Side::Debit).await };
        refused(sending::ask(&provider.app, &alice, wish).await, Code::InvalidResourceRequest);
    }
    let wish = Wish { from: "x".to_owned(), ..wish(&provider, &alice, &bob, "1", Side::Debit).await };
    refused(sending::ask(&provider.app, &alice, wish).await, Code::NotFound);
    assert_eq!(provider.audit().await.payments, 0);
}

#[tokio::test]
async fn amounts_count_at_the_end_that_they_are_meant_for() {
    let world = World::new();
    let mut fees = Fees::default();
    fees.set("CAD", 100, "0.10").expect("a fee");
    let provider = world.provider_with(Engine::Embedded, |config| config.fees = Arc::new(fees)).await;
    provider.account("alice", "CAD", 2, 100_000).await;
    let dave = provider.account("dave", "USD", 2, 0).await;
    let alice = provider.person("alice").await;
    // 1 USD = 1.25 CAD; a fee of 1 % and 10 cents.
    for (amount, side, expected) in
        [("25.35", Side::Debit, (2_535, 35, 2_000)), ("20", Side::Receive, (2_535, 35, 2_000))]
    {
        let id = quote(&provider, &alice, &dave, amount, side).await.expect("a quote");
        let price = sending::get(&provider.app, &alice, &id).await.expect("it is hers").price;
        assert_eq!((price.debit.value(), price.fee.value(), price.receive.value()), expected);
        sending::confirm(&provider.app, &alice, &id).await.expect("it is paid");
    }
    assert_eq!((provider.balance("alice").await, provider.balance("dave").await), (100_000 - 5_070, 4_000));
    refused(quote(&provider, &alice, &dave, "0.01", Side::Debit).await, Code::AmountTooSmall);
    assert_eq!(provider.audit().await.payments, 2);
}

/// What a person does is theirs: an app with a mandate neither uses their quotes nor counts their payments.
#[tokio::test]
async fn apps_and_their_mandates_have_no_part_in_it() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let wallet = provider.account("alice", "CAD", 2, 10_000).await;
    let bob = provider.account("bob", "CAD", 2, 0).await;
    let alice = provider.person("alice").await;
    let mandate = app.mandate(&provider, &wallet, json!({ "debitAmount": cad(100) })).await;
    let id = quote(&provider, &alice, &bob, "50", Side::Debit).await.expect("a quote");
    let url = format!("{}/op/outgoing-payments", provider.url());
    let body = json!({ "walletAddress": wallet, "quoteId": format!("{}/op/quotes/{id}", provider.url()) });
    app.post(&url, Some(&mandate.token), &body).await.refused(400, "invalid_quote", "*");
    let paid = sending::confirm(&provider.app, &alice, &id).await.expect("it is paid");

    let spent =
        app.get(&format!("{}/op/outgoing-payment-grant", provider.url()), Some(&mandate.token)).await.expect(200);
    assert!(spent["spentDebitAmount"].is_null(), "{spent}");
    let receiver = app.receiver(&provider, &bob).await;
    app.pay(&provider, &mandate.token, &wallet, &receiver, cad(100)).await.expect(201);
    // The app sees its own payment, and not the person's.
    app.get(&format!("{url}/{paid}"), Some(&mandate.token)).await.refused(404, "not_found", "*");
    assert_eq!(provider.audit().await.payments, 2);
}

fn ask(address: &str, amount: Option<&str>, once: &str) -> requests::Ask {
    requests::Ask {
        address: address.to_owned(),
        amount: amount.map(str::to_owned),
        note: "Rent <b>".to_owned(),
        is_note_public: false,
        lifetime: SignedDuration::from_hours(24),
        once: once.to_owned(),
    }
}

#[tokio::test]
async fn a_request_is_made_once_paid_and_closed() {
    for engine in Engine::BOTH {
        let world = World::new();
        let provider = world.provider(engine).await;
        provider.account("alice", "CAD", 2, 10_000).await;
        provider.account("bob", "CAD", 2, 0).await;
        let (alice, bob) = (provider.person("alice").await, provider.person("bob").await);
        let to = address(&provider, &bob).await;
        let make = async |ask: requests::Ask| requests::create(&provider.app, &bob, ask).await;
        let id = make(ask(&to, Some("20"), "form")).await.expect("a request").to_string();
        assert_eq!(make(ask(&to, Some("20"), "form")).await.expect("the same").to_string(), id);
        let changed = make(ask(&to, Some("21"), "form")).await.expect("another").to_string();
        let open = make(ask(&to, None, "next")).await.expect("a request").to_string();
        let listed = requests::list(&provider.app, &bob, Part::Newest).await.expect("a list");
        let ids: Vec<String> = listed.requests.iter().map(|request| request.id.to_string()).collect();
        assert_eq!(ids, [open.clone(), changed.clone(), id.clone()]);
        assert_eq!(requests::list(&provider.app, &alice, Part::Newest).await.expect("a list").requests, []);

        let seen = async |id: &str| requests::get(&provider.app, &bob, id).await.expect("it is his");
        let request = seen(&id).await;
        assert_eq!((request.stage, request.note.as_deref()), (requests::Stage::Open, Some("Rent <b>")));
        // All of it, without saying how much; then it takes no more.
        let paying = quote(&provider, &alice, &request.url, "", Side::Debit).await.expect("a quote");
        let too_late = quote(&provider, &alice, &request.url, "20", Side::Debit).await.expect("a quote");
        refused(quote(&provider, &alice, &request.url, "20.01", Side::Debit).await, Code::AmountTooLarge);
        sending::confirm(&provider.app, &alice, &paying).await.expect("it is paid");
        assert_eq!((seen(&id).await.stage, seen(&id).await.received.value()), (requests::Stage::Paid, 2_000));
        refused(sending::confirm(&provider.app, &alice, &too_late).await, Code::InvalidReceiver);

        // Closed by whoever made it, and nobody else.
        refused(requests::close(&provider.app, &alice, &changed).await, Code::NotFound);
        refused(requests::get(&provider.app, &alice, &changed).await, Code::NotFound);
        for _ in 0..2 {
            requests::close(&provider.app, &bob, &changed).await.expect("it is his");
            assert_eq!(seen(&changed).await.stage, requests::Stage::Closed);
        }
        let closed = seen(&changed).await.url;
        refused(quote(&provider, &alice, &closed, "1", Side::Debit).await, Code::InvalidReceiver);
        requests::close(&provider.app, &bob, &id).await.expect("harmless");
        assert_eq!(seen(&id).await.stage, requests::Stage::Paid);
        world.advance("P2D");
        assert_eq!(seen(&open).await.stage, requests::Stage::Expired);
        for amount in ["0", "x", "0.001"] {
            refused(make(ask(&to, Some(amount), "odd")).await, Code::InvalidResourceRequest);
        }
        refused(make(ask("x", None, "odd")).await, Code::NotFound);
        assert_eq!(provider.audit().await.payments, 1);
    }
}

#[tokio::test]
async fn requests_are_listed_in_pages() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    provider.account("bob", "CAD", 2, 0).await;
    let bob = provider.person("bob").await;
    let to = address(&provider, &bob).await;
    let mut made = Vec::new();
    for number in 0..usize::from(requests::PER_PAGE) + 3 {
        made.push(requests::create(&provider.app, &bob, ask(&to, None, &number.to_string())).await.expect("a request"));
    }
    made.reverse();
    let ids = |listing: &requests::Listing| listing.requests.iter().map(|request| request.id).collect::<Vec<_>>();
    let first = requests::list(&provider.app, &bob, Part::Newest).await.expect("a list");
    assert_eq!((ids(&first), first.newer), (made[..20].to_vec(), None));
    let second =
        requests::list(&provider.app, &bob, Part::OlderThan(first.older.expect("more"))).await.expect("a list");
    assert_eq!((ids(&second), second.older), (made[20..].to_vec(), None));
    let back = requests::list(&provider.app, &bob, Part::NewerThan(second.newer.expect("more"))).await.expect("a list");
    assert_eq!(ids(&back), ids(&first));
    let foreign = Part::OlderThan("0196e0c2-7f00-7000-8000-000000000000".parse().expect("an id"));
    refused(requests::list(&provider.app, &bob, foreign).await, Code::InvalidResourceRequest);
}

#[tokio::test]
async fn the_page_of_a_request_tells_what_its_payee_shows() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let wallet = provider.account("bob", "CAD", 2, 0).await;
    let bob = provider.person("bob").await;
    let to = address(&provider, &bob).await;
    let make = async |public: bool| {
        let ask = requests::Ask { is_note_public: public, ..ask(&to, Some("20"), "") };
        let id = requests::create(&provider.app, &bob, ask).await.expect("a request").to_string();
        (requests::get(&provider.app, &bob, &id).await.expect("it is his").url, id)
    };
    let ((secret, id), (public, _)) = (make(false).await, make(true).await);
    let by_app = app.receiver(&provider, &wallet).await;

    // Programs get what they always got.
    for accept in ["", "*/*", "application/json", "application/json, text/html"] {
        for url in [&secret, &by_app] {
            let reply = get(&app, url, accept).await;
            assert_eq!(reply.headers["content-type"], "application/json", "{accept}");
            let body = reply.expect(200);
            let names: Vec<&String> = body.as_object().expect("an object").keys().collect();
            assert_eq!(names, ["authServer", "receivedAmount"], "{accept}");
        }
    }
    // With a token it is the resource, whatever is accepted.
    let grant = app.incoming_grant(&provider, &wallet).await;
    let mut headers = app.signed("GET", &by_app, Some(&grant.token), None);
    headers.insert("accept", HeaderValue::from_static(BROWSER));
    assert_eq!(app.send("GET", &by_app, headers, None).await.expect(200)["walletAddress"], json!(wallet));

    let page = async |url: &str| {
        let reply = get(&app, url, BROWSER).await;
        assert_eq!(reply.headers["content-type"], "text/html; charset=utf-8");
        assert_eq!(reply.headers["cache-control"], "no-store");
        assert!(
            reply.headers["content-security-policy"].to_str().is_ok_and(|policy| policy.contains("default-src 'none'"))
        );
        assert!(reply.headers.get("set-cookie").is_none(), "a page for everybody");
        text(&reply.expect(200)).to_owned()
    };
    let shown = page(&secret).await;
    for part in ["20.00 CAD", "bob (test)", "class=\"qr\"", "/wallet/send?to=http%3A%2F%2F", &secret] {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
    assert!(!shown.contains("Rent"), "the payee did not show it");
    let shown = page(&public).await;
    assert!(shown.contains("Rent &#60;b&#62;"), "{shown}");
    // What an app asked for, it tells whom it likes.
    let shown = page(&by_app).await;
    assert!(!shown.contains("bob") && shown.contains("class=\"qr\""), "{shown}");

    requests::close(&provider.app, &bob, &id).await.expect("it is his");
    let shown = page(&secret).await;
    assert!(shown.contains("takes no more money") && !shown.contains("Pay with your wallet"), "{shown}");
    let missing = get(&app, &format!("{}/op/incoming-payments/x", provider.url()), BROWSER).await;
    assert_eq!(
        (missing.status, missing.headers["content-type"].to_str().ok()),
        (404, Some("text/html; charset=utf-8"))
    );
}
