//! Incoming payments, quotes and outgoing payments (protocol §5).

use crate::{amount, cad, text};
use bursar_testkit::{Engine, Grant, Provider, TestApp, World};
use serde_json::{Value, json};

struct Scene {
    world: World,
    provider: Provider,
    app: TestApp,
    wallet: String,
    carol: String,
    mandate: Grant,
}

impl Scene {
    async fn start() -> Self {
        let world = World::new();
        let provider = world.provider(Engine::Embedded).await;
        let app = provider.client("app", &world.clock).await;
        let wallet = provider.account("user", "CAD", 2, 100_000).await;
        let carol = provider.account("carol", "CAD", 2, 0).await;
        let mandate = app.mandate(&provider, &wallet, json!({ "debitAmount": cad(50_000) })).await;
        Self { world, provider, app, wallet, carol, mandate }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.provider.app.config.resource_url())
    }

    async fn incoming(&self, token: &str, body: Value) -> bursar_testkit::Reply {
        self.app.post(&self.url("incoming-payments"), Some(token), &body).await
    }
}

#[tokio::test]
async fn the_life_of_an_incoming_payment() {
    let scene = Scene::start().await;
    let Scene { world, provider, app, wallet, carol, mandate } = &scene;
    let grant = app.incoming_grant(provider, carol).await;
    let bad = [
        json!({}),
        json!({ "walletAddress": carol, "incomingAmount": amount(1, "USD", 2) }),
        json!({ "walletAddress": carol, "incomingAmount": cad(0) }),
        json!({ "walletAddress": carol, "expiresAt": "2025-05-20T12:00:00Z" }),
        json!({ "walletAddress": carol, "expiresAt": "tomorrow" }),
        json!({ "walletAddress": carol, "surprise": 1 }),
        json!({ "walletAddress": carol, "metadata": "text" }),
        json!({ "walletAddress": carol, "metadata": { "long": "x".repeat(17_000) } }),
        json!({ "walletAddress": format!("{}/nobody", provider.url()) }),
    ];
    for body in bad {
        scene.incoming(&grant.token, body).await.refused(400, "invalid_request", "*");
    }
    scene.incoming(&grant.token, json!({ "walletAddress": wallet })).await.refused(
        403,
        "insufficient_grant",
        "Insufficient Grant",
    );

    let body = json!({ "walletAddress": carol, "incomingAmount": cad(1_000), "metadata": { "note": "für Müller" } });
    let made = scene.incoming(&grant.token, body).await.expect(201);
    let id = text(&made["id"]).to_owned();
    assert_eq!((&made["receivedAmount"], &made["completed"]), (&cad(0), &json!(false)));
    assert_eq!(made["metadata"], json!({ "note": "für Müller" }));
    assert_eq!(text(&made["methods"][0]["sharedSecret"]).len(), 43);
    assert_eq!(made["expiresAt"], "2025-06-19T12:00:00Z", "30 days at most");

    let public = app.send("GET", &id, http::HeaderMap::new(), None).await.expect(200);
    assert_eq!(public, json!({ "receivedAmount": cad(0), "authServer": provider.app.config.auth_url() }));
    let mut bad_token = http::HeaderMap::new();
    bad_token.insert("authorization", "GNAP nonsense".parse().expect("a header"));
    app.send("GET", &id, bad_token, None).await.refused(401, "invalid_token", "Invalid Token");
    assert_eq!(app.get(&id, Some(&grant.token)).await.expect(200), made);

    // Never more than the amount; reaching it completes.
    let pay = async |value| app.pay(provider, &mandate.token, wallet, &id, cad(value)).await;
    pay(1_001).await.refused(400, "amount_too_large", "*");
    pay(400).await.expect(201);
    pay(601).await.refused(400, "amount_too_large", "*");
    pay(600).await.expect(201);
    pay(1).await.refused(400, "invalid_receiver", "invalid receiver");
    let full = app.get(&id, Some(&grant.token)).await.expect(200);
    assert_eq!(
        (&full["receivedAmount"], &full["completed"], &full["methods"]),
        (&cad(1_000), &json!(true), &json!([]))
    );
    app.post(&format!("{id}/complete"), Some(&grant.token), &Value::Null).await.refused(409, "conflict", "*");

    // Completed by its client, and expired.
    let open =
        text(&scene.incoming(&grant.token, json!({ "walletAddress": carol })).await.expect(201)["id"]).to_owned();
    let completed = app.post(&format!("{open}/complete"), Some(&grant.token), &Value::Null).await.expect(200);
    assert_eq!(completed["completed"], true);
    assert!(completed.get("methods").is_none());
    app.pay(provider, &mandate.token, wallet, &open, cad(1)).await.refused(400, "invalid_receiver", "invalid receiver");
    let soon = json!({ "walletAddress": carol, "expiresAt": "2025-05-20T12:01:00Z" });
    let short = text(&scene.incoming(&grant.token, soon).await.expect(201)["id"]).to_owned();
    world.advance("PT1M");
    app.pay(provider, &mandate.token, wallet, &short, cad(1)).await.refused(
        400,
        "invalid_receiver",
        "invalid receiver",
    );
    assert_eq!(app.get(&short, Some(&grant.token)).await.expect(200)["methods"], json!([]), "still readable");
    app.post(&format!("{short}/complete"), Some(&grant.token), &Value::Null).await.refused(409, "conflict", "*");
    provider.audit().await;
}

#[tokio::test]
async fn others_do_not_see_it() {
    let scene = Scene::start().await;
    let Scene { world, provider, app, carol, .. } = &scene;
    let grant = app.incoming_grant(provider, carol).await;
    let id = text(&scene.incoming(&grant.token, json!({ "walletAddress": carol })).await.expect(201)["id"]).to_owned();
    let other = provider.client("other", &world.clock).await;
    let others = other.incoming_grant(provider, carol).await;
    other.get(&id, Some(&others.token)).await.refused(404, "not_found", "*");
    other.post(&format!("{id}/complete"), Some(&others.token), &Value::Null).await.refused(404, "not_found", "*");
    let access = json!([{ "type": "incoming-payment", "actions": ["read-all"], "identifier": carol }]);
    let all = Grant::read(&other.request(provider, access, None).await.expect(200));
    other.get(&id, Some(&all.token)).await.expect(200);
    other.get(&format!("{id}x"), Some(&all.token)).await.refused(404, "not_found", "*");
    // Somebody else's token is worth nothing without the key it is bound to.
    other.get(&id, Some(&grant.token)).await.refused(401, "invalid_signature", "*");
}

#[tokio::test]
async fn quotes_bind_the_provider_once() {
    let scene = Scene::start().await;
    let Scene { world, provider, app, wallet, mandate, .. } = &scene;
    let dave = provider.account("dave", "USD", 2, 0).await;
    let grant = app.incoming_grant(provider, &dave).await;
    let body = json!({ "walletAddress": dave, "incomingAmount": amount(801, "USD", 2) });
    let receiver = text(&scene.incoming(&grant.token, body).await.expect(201)["id"]).to_owned();
    let open = app.receiver(provider, &dave).await;
    let quote = async |receiver: &str, more: Value| {
        let mut body = json!({ "walletAddress": wallet, "receiver": receiver, "method": "ilp" });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        app.post(&scene.url("quotes"), Some(&mandate.token), &body).await
    };
    // 1.25 CAD for a dollar: the three forms.
    let missing = quote(&receiver, json!({})).await.expect(201);
    assert_eq!((&missing["debitAmount"], &missing["receiveAmount"]), (&cad(1_002), &amount(801, "USD", 2)));
    let receive = quote(&receiver, json!({ "receiveAmount": amount(1, "USD", 2) })).await.expect(201);
    assert_eq!(receive["debitAmount"], cad(2), "rounded up");
    let debit = quote(&receiver, json!({ "debitAmount": cad(2) })).await.expect(201);
    assert_eq!(debit["receiveAmount"], amount(1, "USD", 2), "rounded down");
    assert_eq!(debit["expiresAt"], "2025-05-20T12:05:00Z");

    quote(&open, json!({})).await.refused(400, "invalid_request", "*");
    quote(&receiver, json!({ "debitAmount": cad(1), "receiveAmount": amount(1, "USD", 2) })).await.refused(
        400,
        "invalid_request",
        "*",
    );
    quote(&receiver, json!({ "debitAmount": amount(1, "USD", 2) })).await.refused(400, "invalid_request", "*");
    quote(&receiver, json!({ "receiveAmount": amount(802, "USD", 2) })).await.refused(400, "amount_too_large", "*");
    quote(&receiver, json!({ "method": "card" })).await.refused(400, "invalid_request", "*");
    let small = quote(&open, json!({ "debitAmount": cad(1) })).await;
    assert_eq!(small.body["error"]["details"]["minSendAmount"], cad(2));
    assert!(text(&small.body["error"]["description"]).contains("non-positive receive amount"));
    small.refused(400, "amount_too_small", "*");
    quote(&format!("{receiver}0"), json!({ "debitAmount": cad(9) })).await.refused(
        400,
        "invalid_receiver",
        "invalid receiver",
    );
    let elsewhere = receiver.replace("localhost", "127.0.0.1");
    quote(&elsewhere, json!({ "debitAmount": cad(9) })).await.refused(400, "invalid_receiver", "invalid receiver");

    let pay = async |quote: &Value| {
        let body = json!({ "walletAddress": wallet, "quoteId": quote["id"], "metadata": { "n": 1 } });
        app.post(&scene.url("outgoing-payments"), Some(&mandate.token), &body).await
    };
    let made = pay(&debit).await.expect(201);
    assert_eq!(
        (&made["quoteId"], &made["sentAmount"], &made["receiveAmount"]),
        (&debit["id"], &cad(2), &amount(1, "USD", 2))
    );
    pay(&debit).await.refused(400, "invalid_quote", "*");
    pay(&missing).await.refused(400, "amount_too_large", "*");
    let id = text(&made["id"]);
    let seen = app.get(id, Some(&mandate.token)).await.expect(200);
    assert_eq!(seen["metadata"], json!({ "n": 1 }));
    assert!(seen.get("grantSpentDebitAmount").is_none());
    let mine = app.get(text(&receive["id"]), Some(&mandate.token)).await.expect(200);
    assert_eq!(mine, receive);
    world.advance("PT5M");
    pay(&receive).await.refused(400, "invalid_quote", "*");
    provider.audit().await;
}

#[tokio::test]
async fn repeating_a_request_pays_once() {
    for engine in Engine::BOTH {
        let world = World::new();
        let provider = world.provider(engine).await;
        let app = provider.client("app", &world.clock).await;
        let wallet = provider.account("user", "CAD", 2, 100_000).await;
        let carol = provider.account("carol", "CAD", 2, 0).await;
        let mandate = app.mandate(&provider, &wallet, json!({ "debitAmount": cad(50_000) })).await;
        let receiver = app.receiver(&provider, &carol).await;
        let url = format!("{}/outgoing-payments", provider.app.config.resource_url());
        let body = |value| json!({ "walletAddress": wallet, "incomingPayment": receiver, "debitAmount": cad(value) });
        let key = [("idempotency-key", "payment-1")];
        let first = app.post_with(&url, Some(&mandate.token), &body(100), &key).await.expect(201);
        let again = app.post_with(&url, Some(&mandate.token), &body(100), &key).await.expect(201);
        assert_eq!(first, again);
        let other = app.post_with(&url, Some(&mandate.token), &body(101), &key).await;
        other.refused(409, "idempotency_key_reused", "*");
        assert_eq!(provider.balance("carol").await, 100);
        app.post_with(&url, Some(&mandate.token), &body(1), &[("idempotency-key", "")]).await.refused(
            400,
            "invalid_request",
            "*",
        );
        let incoming = format!("{}/incoming-payments", provider.app.config.resource_url());
        let grant = app.incoming_grant(&provider, &carol).await;
        let ask = json!({ "walletAddress": carol });
        let one = app.post_with(&incoming, Some(&grant.token), &ask, &[("idempotency-key", "in-1")]).await.expect(201);
        let two = app.post_with(&incoming, Some(&grant.token), &ask, &[("idempotency-key", "in-1")]).await.expect(201);
        assert_eq!(one, two, "the secret of the payment method, too");
        provider.audit().await;
    }
}

#[tokio::test]
async fn tokens_open_only_their_own_doors() {
    let scene = Scene::start().await;
    let Scene { provider, app, wallet, carol, mandate, .. } = &scene;
    let receiver = app.receiver(provider, carol).await;
    let incoming = app.incoming_grant(provider, carol).await;
    let refused = app.pay(provider, &incoming.token, wallet, &receiver, cad(1)).await;
    refused.refused(403, "insufficient_grant", "Insufficient Grant");
    let from_another = app.pay(provider, &mandate.token, carol, &receiver, cad(1)).await;
    from_another.refused(403, "insufficient_grant", "Insufficient Grant");
    scene.incoming(&mandate.token, json!({ "walletAddress": carol })).await.refused(403, "insufficient_grant", "*");
    app.get(&scene.url("outgoing-payment-grant"), Some(&incoming.token)).await.refused(403, "insufficient_grant", "*");
    for unknown in ["outgoing-payments/x", "outgoing-payments/%FF", "quotes/%00", "incoming-payments/a%2Fb"] {
        app.get(&scene.url(unknown), Some(&mandate.token)).await.refused(404, "not_found", "*");
    }

    let unauthenticated = app.get(&scene.url("outgoing-payment-grant"), None).await;
    let challenge = unauthenticated.headers["www-authenticate"].to_str().expect("text").to_owned();
    assert_eq!(challenge, format!("GNAP as_uri={}", provider.app.config.auth_url()));
    unauthenticated.refused(401, "unauthenticated", "*");
    app.get(&scene.url("outgoing-payment-grant"), Some("unknown")).await.refused(401, "invalid_token", "Invalid Token");
}
