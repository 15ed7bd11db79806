//! Fees, and rates that an endpoint tells (what a payment costs, over HTTP and in the ledger).

use crate::{amount, cad, text};
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::routing::get;
use bursar_app::rates::{RateEndpoint, RateSource};
use bursar_core::ledger::AccountKind;
use bursar_store::ledger;
use bursar_testkit::{Engine, Provider, Reply, TestApp, World};
use bursar_types::Asset;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::Mutex;

fn charge(config: &mut bursar_app::Config) {
    let mut fees = bursar_core::fee::Fees::default();
    fees.set("CAD", 290, "0.30").expect("a fee");
    config.fees = Arc::new(fees);
}

/// What the provider has earned or holds in an asset.
async fn position(provider: &Provider, kind: AccountKind, code: &str, scale: u8) -> i64 {
    let asset = Asset::new(code, scale).expect("an asset");
    let found = provider.app.store.read(move |tx| ledger::find_provider_account(tx, kind, asset));
    found.await.expect("a read").map_or(0, |account| account.balance)
}

async fn quote(app: &TestApp, provider: &Provider, token: &str, wallet: &str, receiver: &str, fixed: Value) -> Reply {
    let mut body = json!({ "walletAddress": wallet, "receiver": receiver, "method": "ilp" });
    body.as_object_mut().expect("an object").extend(fixed.as_object().expect("an object").clone());
    app.post(&format!("{}/quotes", provider.app.config.resource_url()), Some(token), &body).await
}

#[tokio::test]
async fn a_fee_is_taken_from_the_payer_and_counts_against_the_limit() {
    for engine in Engine::BOTH {
        let world = World::new();
        let provider = world.provider_with(engine, charge).await;
        let app = provider.client("app", &world.clock).await;
        let wallet = provider.account("user", "CAD", 2, 100_000).await;
        let carol = provider.account("carol", "CAD", 2, 0).await;
        let erin = provider.account("erin", "USD", 2, 0).await;
        let mandate = app.mandate(&provider, &wallet, json!({ "debitAmount": cad(20_000) })).await;
        let to_carol = app.receiver(&provider, &carol).await;

        // 100.00 shall arrive: 2.90 and 0.30 on top.
        let fixed = json!({ "receiveAmount": cad(10_000) });
        let made = quote(&app, &provider, &mandate.token, &wallet, &to_carol, fixed).await.expect(201);
        assert_eq!((&made["debitAmount"], &made["receiveAmount"]), (&cad(10_320), &cad(10_000)));
        let body = json!({ "walletAddress": wallet, "quoteId": made["id"] });
        let payments = format!("{}/outgoing-payments", provider.app.config.resource_url());
        let paid = app.post(&payments, Some(&mandate.token), &body).await.expect(201);
        assert_eq!((&paid["sentAmount"], &paid["grantSpentDebitAmount"]), (&cad(10_320), &cad(10_320)));
        assert_eq!(paid["grantSpentReceiveAmount"], cad(10_000));
        assert_eq!((provider.balance("user").await, provider.balance("carol").await), (89_680, 10_000));
        assert_eq!(position(&provider, AccountKind::Fees, "CAD", 2).await, 320);

        // 14.30 to somebody in dollars: 0.30 and 0.40 stay (2.9 % of 13.60 is 0.3944), 13.60 are 10.88 dollars.
        let to_erin = app.receiver(&provider, &erin).await;
        let paid = app.pay(&provider, &mandate.token, &wallet, &to_erin, cad(1_430)).await.expect(201);
        assert_eq!((&paid["sentAmount"], &paid["receiveAmount"]), (&cad(1_430), &amount(1_088, "USD", 2)));
        assert_eq!(position(&provider, AccountKind::Fees, "CAD", 2).await, 320 + 70);
        assert_eq!(position(&provider, AccountKind::Exchange, "CAD", 2).await, 1_360);
        assert_eq!(position(&provider, AccountKind::Exchange, "USD", 2).await, -1_088);

        // The limit is about what leaves the account: 82.50 are left, and 80.00 with their fee are 82.62.
        let fixed = json!({ "receiveAmount": cad(8_000) });
        let made = quote(&app, &provider, &mandate.token, &wallet, &to_carol, fixed).await.expect(201);
        assert_eq!(made["debitAmount"], cad(8_262));
        let body = json!({ "walletAddress": wallet, "quoteId": made["id"] });
        app.post(&payments, Some(&mandate.token), &body).await.refused(403, "limit_exceeded", "unauthorized");
        app.pay(&provider, &mandate.token, &wallet, &to_carol, cad(8_250)).await.expect(201);

        // Too little for the fee says what would do.
        let refused = app.pay(&provider, &mandate.token, &wallet, &to_carol, cad(31)).await;
        refused.refused(400, "amount_too_small", "*");
        assert_eq!(refused.body["error"]["details"]["minSendAmount"], cad(32));
        provider.audit().await;
    }
}

/// A server that tells rates, and is told what to tell.
#[derive(Clone, Default)]
struct Feed {
    answer: Arc<Mutex<Option<String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Feed {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/rates?key=secret", listener.local_addr().expect("an address"));
        let tell = |State(feed): State<Self>, RawQuery(query): RawQuery| async move {
            feed.asked.lock().expect("no panic").push(query.unwrap_or_default());
            let answer = feed.answer.lock().expect("no panic").clone();
            answer.ok_or(StatusCode::INTERNAL_SERVER_ERROR)
        };
        let router = Router::new().route("/rates", get(tell)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn tell(&self, answer: &str) {
        *self.answer.lock().expect("no panic") = Some(answer.to_owned());
    }

    fn fail(&self) {
        *self.answer.lock().expect("no panic") = None;
    }

    fn asked(&self) -> usize {
        self.asked.lock().expect("no panic").len()
    }
}

#[tokio::test]
async fn rates_of_an_endpoint_are_used_while_they_are_fresh() {
    let (world, feed) = (World::new(), Feed::default());
    let url = feed.start().await;
    let stale = |config: &mut bursar_app::Config| {
        let endpoint = RateEndpoint::new(url.parse().expect("an URL"), "USD");
        config.rates = RateSource::Endpoint(RateEndpoint { stale: SignedDuration::from_mins(2), ..endpoint });
    };
    let provider = world.provider_with(Engine::Embedded, stale).await;
    let app = provider.client("app", &world.clock).await;
    let wallet = provider.account("user", "CAD", 2, 100_000).await;
    let (carol, erin) = (provider.account("carol", "CAD", 4, 0).await, provider.account("erin", "EUR", 2, 0).await);
    let yuki = provider.account("yuki", "JPY", 0, 0).await;
    let (carol, erin) = (app.receiver(&provider, &carol).await, app.receiver(&provider, &erin).await);
    let yuki = app.receiver(&provider, &yuki).await;
    let token = app.mandate(&provider, &wallet, Value::Null).await.token;
    let delivered = async |receiver: &str| {
        let reply = quote(&app, &provider, &token, &wallet, receiver, json!({ "debitAmount": cad(100) })).await;
        (reply.status, text(&reply.body["receiveAmount"]["value"]).to_owned())
    };
    let refused = async |receiver: &str, status: u16, code: &str| {
        let reply = quote(&app, &provider, &token, &wallet, receiver, json!({ "debitAmount": cad(100) })).await;
        reply.refused(status, code, "*");
        reply
    };

    // The same money needs no rates, whatever its scale, and nobody is asked.
    assert_eq!(delivered(&carol).await, (201, "10000".to_owned()));
    assert_eq!(feed.asked(), 0);
    // Without rates, nothing else: and the endpoint is not hammered.
    let reply = refused(&erin, 503, "rates_unavailable").await;
    assert_eq!(reply.headers["retry-after"], "5");
    refused(&erin, 503, "rates_unavailable").await;
    assert_eq!(feed.asked(), 1);
    assert_eq!(feed.asked.lock().expect("no panic")[0], "key=secret&base=USD");
    app.pay(&provider, &token, &wallet, &erin, cad(100)).await.refused(503, "rates_unavailable", "*");

    // Numbers in quotes and without, one of them useless.
    provider.app.rates.forget_failure().await;
    feed.tell(r#"{"base":"USD","rates":{"CAD":1.25,"EUR":"0.80","JPY":"many","BTC":1e-5},"extra":true}"#);
    assert_eq!(delivered(&erin).await, (201, "64".to_owned()));
    refused(&yuki, 400, "no_rate").await;
    assert_eq!(feed.asked(), 2);
    // They are kept for a while, and used for longer while the endpoint fails.
    world.advance("PT119S");
    feed.fail();
    assert_eq!(delivered(&erin).await, (201, "64".to_owned()));
    world.advance("PT1S");
    refused(&erin, 503, "rates_unavailable").await;
    assert_eq!(feed.asked(), 3);
    // Rates for another base are no rates.
    for odd in [r#"{"base":"EUR","rates":{"CAD":1}}"#, r#"{"base":"USD"}"#, "[]", "", r#"{"base":"USD","rates":[]}"#] {
        provider.app.rates.forget_failure().await;
        feed.tell(odd);
        refused(&erin, 503, "rates_unavailable").await;
    }
    provider.app.rates.forget_failure().await;
    feed.tell(r#"{"base":"USD","rates":{"CAD":"1.00","EUR":"2"}}"#);
    let paid = app.pay(&provider, &token, &wallet, &erin, cad(100)).await.expect(201);
    assert_eq!(paid["receiveAmount"], amount(200, "EUR", 2));
    provider.audit().await;
}

#[tokio::test]
async fn rates_are_kept_fresh_while_nobody_asks() {
    let (world, feed) = (World::new(), Feed::default());
    let url = feed.start().await;
    feed.tell(r#"{"base":"USD","rates":{"CAD":"1.25","EUR":"0.8"}}"#);
    let provider = world
        .provider_with(Engine::Embedded, |config| {
            config.rates = RateSource::Endpoint(RateEndpoint::new(url.parse().expect("an URL"), "USD"));
        })
        .await;
    let keeping = tokio::spawn(bursar_app::rates::keep_fresh(provider.app.clone()));
    for asked in 1..=3 {
        while feed.asked() < asked {
            tokio::task::yield_now().await;
        }
        world.advance("PT60S");
    }
    keeping.abort();
}
