//! Incoming payments, quotes and outgoing payments.

use crate::mock::{Mock, Reply};
use crate::provider::Provider;
use bursar_client::types::{Action, Amount, Metadata, WalletAddress};
use bursar_client::{
    Duration, Error, GrantRequest, IncomingAccess, IssuedGrant, ListOptions, NewIncomingPayment, NewOutgoingPayment,
    NewQuote, OutgoingAccess, QuoteAccess, Token,
};
use serde_json::json;

/// Alice and a mandate of hers, Bob and a grant to be paid at.
struct Scene {
    provider: Provider,
    alice: WalletAddress,
    bob: WalletAddress,
    mandate: IssuedGrant,
    at_bob: IssuedGrant,
}

impl Scene {
    async fn new() -> Self {
        let provider = Provider::new().await;
        let client = provider.mock.client();
        let alice = client.wallet_address(provider.mock.url("/alice")).get().await.unwrap();
        let bob = client.wallet_address(provider.mock.url("/bob")).get().await.unwrap();
        let access = OutgoingAccess::new(&alice.id).actions([Action::Create, Action::Read, Action::List]);
        let quotes = QuoteAccess::new([Action::Create, Action::Read]);
        let request = GrantRequest::new().access(quotes).access(access).finish("http://localhost:3344");
        let pending = client.grants().request(&alice.auth_server, request).await.unwrap().pending().unwrap();
        let back = provider.decide(pending.redirect(), true).unwrap();
        let mandate = pending.finish(&back).await.unwrap();
        let access = IncomingAccess::new([Action::Create, Action::Read, Action::Complete]).wallet_address(&bob.id);
        let request = GrantRequest::new().access(access);
        let at_bob = client.grants().request(&bob.auth_server, request).await.unwrap().issued().unwrap();
        Self { provider, alice, bob, mandate, at_bob }
    }

    async fn place_to_pay(&self) -> String {
        let payments = self.at_bob.session().unwrap().incoming_payments();
        payments.create(&self.bob, NewIncomingPayment::new()).await.unwrap().payment.id
    }

    fn cad(&self, text: &str) -> Amount {
        self.alice.asset().unwrap().parse_decimal(text).unwrap()
    }
}

#[tokio::test]
async fn a_payment_without_a_quote() {
    let scene = Scene::new().await;
    let place = scene.place_to_pay().await;
    let payments = scene.mandate.session().unwrap().outgoing_payments();
    let new = NewOutgoingPayment::to_incoming_payment(&place, scene.cad("5")).idempotency_key("order-42");
    let created = payments.create(&scene.alice, new.clone()).await.unwrap();
    assert_eq!(created.payment.debit_amount.to_string(), "5.00 CAD");
    assert_eq!(created.grant_spent_debit_amount.unwrap().to_string(), "5.00 CAD");
    let again = payments.create(&scene.alice, new).await.unwrap();
    assert_eq!(again.payment.id, created.payment.id, "the same key is the same payment");

    let settled = payments.settled(created.payment, Duration::from_secs(30)).await.unwrap();
    assert_eq!(settled.sent_amount, settled.debit_amount);
    assert_eq!(scene.provider.mock.clock.slept(), [100, 200]);
    let spent = payments.spent(&scene.alice).await.unwrap();
    assert_eq!(spent.spent_debit_amount.unwrap().to_string(), "5.00 CAD");
    assert_eq!(spent.spent_receive_amount, None);
    let body = scene.provider.mock.seen().iter().find(|seen| seen.path() == "/op/outgoing-payments").unwrap().json();
    let expected = json!({"walletAddress": scene.alice.id, "incomingPayment": place,
                          "debitAmount": {"value": "500", "assetCode": "CAD", "assetScale": 2}});
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_payment_at_the_price_of_a_quote() {
    let scene = Scene::new().await;
    let place = scene.place_to_pay().await;
    let session = scene.mandate.session().unwrap();
    let quote = session.quotes().create(&scene.alice, NewQuote::receive(&place, scene.cad("7.50"))).await.unwrap();
    assert_eq!(session.quotes().get(&quote.id).await.unwrap(), quote);
    let metadata: Metadata = serde_json::from_value(json!({"order": 42})).unwrap();
    let new = NewOutgoingPayment::from_quote(&quote.id).metadata(metadata.clone());
    let payment = session.outgoing_payments().create(&scene.alice, new).await.unwrap().payment;
    assert_eq!((payment.debit_amount, payment.metadata), (scene.cad("7.50"), Some(metadata)));
    let posts: Vec<_> = scene.provider.mock.seen().into_iter().filter(|seen| seen.path() == "/op/quotes").collect();
    let expected = json!({"walletAddress": scene.alice.id, "receiver": place, "method": "ilp",
                          "receiveAmount": {"value": "750", "assetCode": "CAD", "assetScale": 2}});
    assert_eq!(posts[0].json(), expected);
}

#[tokio::test]
async fn quotes_ask_for_either_side_or_the_rest() {
    let scene = Scene::new().await;
    let place = scene.place_to_pay().await;
    let quotes = scene.mandate.session().unwrap().quotes();
    quotes.create(&scene.alice, NewQuote::whole(&place)).await.unwrap();
    quotes.create(&scene.alice, NewQuote::debit(&place, scene.cad("1"))).await.unwrap();
    let seen = scene.provider.mock.seen();
    let bodies: Vec<_> = seen.iter().filter(|seen| seen.path() == "/op/quotes").map(|seen| seen.json()).collect();
    let amounts =
        |index: usize| (bodies[index].get("debitAmount").is_some(), bodies[index].get("receiveAmount").is_some());
    assert_eq!((amounts(0), amounts(1)), ((false, false), (true, false)));
}

#[tokio::test]
async fn limits_are_told_apart_from_other_refusals() {
    let scene = Scene::new().await;
    let place = scene.place_to_pay().await;
    let payments = scene.mandate.session().unwrap().outgoing_payments();
    let new = NewOutgoingPayment::to_incoming_payment(&place, scene.cad("100.01"));
    let error = payments.create(&scene.alice, new).await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert!(refusal.is_over_limit());
    assert_eq!(refusal.code, "limit_exceeded");
    let error = payments.get(&scene.provider.mock.url("/op/outgoing-payments/nope")).await.unwrap_err();
    assert!(!error.refusal().unwrap().is_over_limit());
}

#[tokio::test]
async fn an_incoming_payment_from_creation_to_completion() {
    let scene = Scene::new().await;
    let payments = scene.at_bob.session().unwrap().incoming_payments();
    let expires_at = "2025-05-20T13:10:00Z".parse().unwrap();
    let new = NewIncomingPayment::new().amount(scene.cad("12")).expires_at(expires_at);
    let created = payments.create(&scene.bob, new).await.unwrap();
    assert_eq!(created.methods.len(), 1);
    assert_eq!(created.payment.incoming_amount, Some(scene.cad("12")));
    assert_eq!(payments.get(&created.payment.id).await.unwrap(), created);

    let client = scene.provider.mock.public_client();
    let public = client.incoming_payments().get_public(&created.payment.id).await.unwrap();
    assert_eq!(public.auth_server, scene.bob.auth_server);
    assert_eq!(public.received_amount, Some(scene.cad("0")));

    assert!(payments.complete(&created.payment.id).await.unwrap().completed);
    let error = payments.complete(&created.payment.id).await.unwrap_err();
    assert_eq!(error.refusal().map(|refusal| refusal.status), Some(409));
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let scene = Scene::new().await;
    let place = scene.place_to_pay().await;
    let session = scene.mandate.session().unwrap();
    let mut made = Vec::new();
    for _ in 0..5 {
        let new = NewOutgoingPayment::to_incoming_payment(&place, scene.cad("1"));
        made.push(session.outgoing_payments().create(&scene.alice, new).await.unwrap().payment.id);
    }
    made.reverse();
    let (mut listed, mut sizes, mut next) = (Vec::new(), Vec::new(), Some(ListOptions::first(2)));
    while let Some(options) = next {
        let page = session.outgoing_payments().list(&scene.alice, &options).await.unwrap();
        sizes.push(page.result.len());
        listed.extend(page.result.iter().map(|payment| payment.id.clone()));
        next = options.following(&page.pagination);
    }
    assert_eq!((listed, sizes), (made.clone(), vec![2, 2, 1]));

    let (mut pages, mut walked) = (session.outgoing_payments().pages(&scene.alice, ListOptions::first(2)), Vec::new());
    walked.push(pages.next().await.unwrap().unwrap().id);
    assert_eq!(pages.next_page().await.unwrap().unwrap().len(), 1, "the rest of the page");
    walked.push(made[1].clone());
    while let Some(payment) = pages.next().await.unwrap() {
        walked.push(payment.id);
    }
    assert_eq!(walked, made);
    assert!(pages.next_page().await.unwrap().is_none() && pages.next().await.unwrap().is_none());
    let page = session.incoming_payments().list(&scene.bob, &ListOptions::first(10)).await.unwrap();
    assert_eq!(page.result[0].id, place);
    let target = scene.provider.mock.seen().pop().unwrap().target;
    let wallet = scene.bob.id.replace(':', "%3A").replace('/', "%2F");
    assert_eq!(target, format!("/op/incoming-payments?wallet-address={wallet}&first=10"));
}

#[tokio::test]
async fn newer_pages_are_asked_for_with_last() {
    let mock = Mock::new(|_| Reply::Empty(500)).await;
    let wallet: WalletAddress = serde_json::from_value(json!({
        "id": "https://w.example/a", "assetCode": "CAD", "assetScale": 2,
        "authServer": mock.url("/auth"), "resourceServer": mock.url("/op/"),
    }))
    .unwrap();
    let session = mock.client().session(Token::new("t", mock.url("/token")));
    session.outgoing_payments().list(&wallet, &ListOptions::first(3).before("c/1")).await.unwrap_err();
    let target = mock.seen()[0].target.clone();
    assert_eq!(target, "/op/outgoing-payments?wallet-address=https%3A%2F%2Fw.example%2Fa&last=3&cursor=c%2F1");
}

#[tokio::test]
async fn a_walk_goes_on_after_a_failure_and_never_in_a_circle() {
    // Three pages for ever, of which the second fails at first.
    let failed = std::sync::atomic::AtomicBool::new(false);
    let mock = Mock::with_origin(|origin| {
        move |seen: crate::mock::Seen| {
            let (_, cursor) = seen.target.rsplit_once("cursor=").unwrap_or(("", "0"));
            if cursor == "1" && !failed.swap(true, std::sync::atomic::Ordering::Relaxed) {
                return std::future::ready(Reply::refuse(400, "invalid_request", "not now"));
            }
            let next = (cursor.parse::<u64>().unwrap() + 1) % 3;
            let amount = json!({"value": "1", "assetCode": "CAD", "assetScale": 2});
            let payment = json!({
                "id": format!("{origin}/op/incoming-payments/{cursor}"), "walletAddress": "https://w.example/a",
                "completed": false, "receivedAmount": amount, "createdAt": "2025-05-20T13:00:00Z",
            });
            let pagination = json!({"endCursor": next.to_string(), "hasNextPage": true, "hasPreviousPage": true});
            std::future::ready(Reply::Json(200, json!({"pagination": pagination, "result": [payment]})))
        }
    })
    .await;
    let wallet: WalletAddress = serde_json::from_value(json!({
        "id": "https://w.example/a", "assetCode": "CAD", "assetScale": 2,
        "authServer": mock.url("/auth"), "resourceServer": mock.url("/op"),
    }))
    .unwrap();
    let session = mock.client().session(Token::new("t", mock.url("/token")));
    let mut pages = session.incoming_payments().pages(&wallet, ListOptions::default());
    assert!(pages.next().await.unwrap().unwrap().id.ends_with("/0"));
    assert_eq!(pages.next().await.unwrap_err().refusal().map(|refusal| refusal.status), Some(400));
    assert!(pages.next().await.unwrap().unwrap().id.ends_with("/1"));
    let mut more = 0;
    let error = loop {
        match pages.next().await {
            Ok(payment) => more += usize::from(payment.is_some()),
            Err(error) => break error,
        }
        assert!(more < 100);
    };
    assert!(error.to_string().contains("round in a circle"), "{error}");
}

#[tokio::test]
async fn an_empty_page_is_the_last() {
    let endless = json!({
        "pagination": {"endCursor": "on and on", "hasNextPage": true, "hasPreviousPage": false}, "result": [],
    });
    let mock = Mock::new(move |_| Reply::Json(200, endless.clone())).await;
    let wallet: WalletAddress = serde_json::from_value(json!({
        "id": "https://w.example/a", "assetCode": "CAD", "assetScale": 2,
        "authServer": mock.url("/auth"), "resourceServer": mock.url("/op"),
    }))
    .unwrap();
    let session = mock.client().session(Token::new("t", mock.url("/token")));
    let mut pages = session.outgoing_payments().pages(&wallet, ListOptions::default());
    assert!(pages.next().await.unwrap().is_none() && pages.next().await.unwrap().is_none());
    assert_eq!(mock.seen().len(), 1);
}

#[tokio::test]
async fn waiting_for_a_payment_has_an_end() {
    let payment = |sent: &str, failed: bool| {
        json!({
            "id": "placeholder", "walletAddress": "https://w.example/a", "receiver": "https://w.example/i",
            "failed": failed, "createdAt": "2025-05-20T13:00:00Z",
            "receiveAmount": {"value": "5", "assetCode": "CAD", "assetScale": 2},
            "debitAmount": {"value": "5", "assetCode": "CAD", "assetScale": 2},
            "sentAmount": {"value": sent, "assetCode": "CAD", "assetScale": 2},
        })
    };
    let check = async |failed: bool| {
        let mock = Mock::with_origin(|origin| {
            move |_| {
                let mut payment = payment("2", failed);
                payment["id"] = json!(format!("{origin}/op/outgoing-payments/1"));
                std::future::ready(Reply::Json(200, payment))
            }
        })
        .await;
        let session = mock.client().session(Token::new("t", mock.url("/token")));
        let first = session.outgoing_payments().get(&mock.url("/op/outgoing-payments/1")).await.unwrap();
        let result = session.outgoing_payments().settled(first, Duration::from_secs(30)).await;
        (result, mock.clock.slept())
    };
    let (result, slept) = check(false).await;
    assert!(matches!(result, Err(Error::StillPending)), "{result:?}");
    assert_eq!(slept, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000]);
    let (result, slept) = check(true).await;
    assert!(result.unwrap().failed);
    assert!(slept.is_empty());
}
