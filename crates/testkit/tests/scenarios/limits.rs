//! Spending under a mandate: windows and limits (protocol §4).

use crate::{amount, cad, text};
use bursar_testkit::{Engine, Grant, Provider, TestApp, World};
use serde_json::{Value, json};

async fn rotated(app: &TestApp, grant: &Grant) -> Grant {
    let answer = app.post(&grant.manage, Some(&grant.token), &Value::Null).await.expect(200);
    let token = &answer["access_token"];
    Grant { token: text(&token["value"]).to_owned(), manage: text(&token["manage"]).to_owned(), ..grant.clone() }
}

async fn spent(provider: &Provider, app: &TestApp, token: &str) -> Value {
    app.get(&format!("{}/outgoing-payment-grant", provider.app.config.resource_url()), Some(token)).await.expect(200)
}

#[tokio::test]
async fn three_months_of_a_hundred_dollars() {
    for engine in Engine::BOTH {
        let world = World::new();
        let provider = world.provider(engine).await;
        let app = provider.client("app", &world.clock).await;
        let wallet = provider.account("user", "CAD", 2, 100_000).await;
        let payees = [("carol", "CAD", 2), ("dave", "USD", 2), ("erin", "EUR", 2), ("jun", "JPY", 0)];
        let mut receivers = Vec::new();
        for (name, code, scale) in payees {
            let address = provider.account(name, code, scale, 0).await;
            receivers.push(app.receiver(&provider, &address).await);
        }
        let limits = json!({ "debitAmount": cad(10_000), "interval": "R3/2025-05-20T12:00:00Z/P1M" });
        let mut grant = app.mandate(&provider, &wallet, limits).await;
        assert_eq!(
            spent(&provider, &app, &grant.token).await,
            json!({ "spentDebitAmount": null, "spentReceiveAmount": null })
        );

        for (receiver, delivered) in receivers.iter().zip([2_500, 2_000, 1_600, 3_000]) {
            let made = app.pay(&provider, &grant.token, &wallet, receiver, cad(2_500)).await.expect(201);
            assert_eq!(made["sentAmount"], made["debitAmount"], "settled at once");
            assert_eq!(made["receiveAmount"]["value"], delivered.to_string(), "{made}");
            assert_eq!(made["failed"], false);
        }
        let now = spent(&provider, &app, &grant.token).await;
        assert_eq!(now["spentDebitAmount"], cad(10_000));
        assert_eq!(now["spentReceiveAmount"], Value::Null, "receivers had different assets");
        let over = app.pay(&provider, &grant.token, &wallet, &receivers[0], cad(1)).await;
        over.refused(403, "limit_exceeded", "unauthorized");

        // The next month: whole again, and what was left over would not have been added.
        for _ in 0..2 {
            world.advance("P1M");
            app.pay(&provider, &grant.token, &wallet, &receivers[0], cad(1)).await.refused(
                403,
                "inactive_token",
                "Inactive Token",
            );
            grant = rotated(&app, &grant).await;
            let receiver = app.receiver(&provider, &format!("{}/carol", provider.url())).await;
            app.pay(&provider, &grant.token, &wallet, &receiver, cad(10_001)).await.refused(
                403,
                "limit_exceeded",
                "unauthorized",
            );
            let made = app.pay(&provider, &grant.token, &wallet, &receiver, cad(4_000)).await.expect(201);
            assert_eq!(made["grantSpentDebitAmount"], cad(4_000));
            assert_eq!(made["grantSpentReceiveAmount"], cad(4_000));
        }
        world.advance("P1M");
        grant = rotated(&app, &grant).await;
        let receiver = app.receiver(&provider, &format!("{}/carol", provider.url())).await;
        app.pay(&provider, &grant.token, &wallet, &receiver, cad(1)).await.refused(
            403,
            "outside_interval",
            "unauthorized",
        );
        assert_eq!(spent(&provider, &app, &grant.token).await["spentDebitAmount"], Value::Null);
        assert_eq!(provider.balance("user").await, 100_000 - 18_000);
        assert_eq!(provider.balance("jun").await, 3_000);
        provider.audit().await;
    }
}

#[tokio::test]
async fn the_edges_of_a_window() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let wallet = provider.account("user", "CAD", 2, 100_000).await;
    let payee = provider.account("carol", "CAD", 2, 0).await;
    let limits = json!({ "debitAmount": cad(100), "interval": "R2/2025-05-20T12:00:01Z/PT2S" });
    let grant = app.mandate(&provider, &wallet, limits).await;
    let receiver = app.receiver(&provider, &payee).await;
    let pay = async |value| app.pay(&provider, &grant.token, &wallet, &receiver, cad(value)).await;
    pay(1).await.refused(403, "outside_interval", "unauthorized");
    world.advance("PT0.999999S");
    pay(1).await.refused(403, "outside_interval", "unauthorized");
    world.advance("PT0.000001S");
    pay(100).await.expect(201);
    world.advance("PT1.999999S");
    pay(1).await.refused(403, "limit_exceeded", "unauthorized");
    world.advance("PT0.000001S");
    pay(100).await.expect(201);
    world.advance("PT2S");
    pay(1).await.refused(403, "outside_interval", "unauthorized");
    assert_eq!(provider.audit().await.windows, 2);
}

#[tokio::test]
async fn several_items_for_one_wallet_have_counters_of_their_own() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let wallet = provider.account("user", "CAD", 2, 100_000).await;
    let (carol, dave) = (provider.account("carol", "CAD", 2, 0).await, provider.account("dave", "CAD", 2, 0).await);
    let (to_carol, to_dave) = (app.receiver(&provider, &carol).await, app.receiver(&provider, &dave).await);
    let item = |receiver: &str, value: u64| {
        json!({ "type": "outgoing-payment", "actions": ["create"], "identifier": wallet,
                "limits": { "receiver": receiver, "debitAmount": cad(value) } })
    };
    let access = json!([item(&to_carol, 100), item(&to_dave, 50)]);
    let pending = app.request(&provider, access, Some(TestApp::interact())).await.expect(200);
    let finish = provider.approve(text(&pending["interact"]["redirect"])).await.expect("an URL");
    let reference = bursar_testkit::check_redirect(&finish, &pending, &provider.app.config.auth_url());
    let (uri, token) = (text(&pending["continue"]["uri"]), text(&pending["continue"]["access_token"]["value"]));
    let grant = Grant::read(&app.post(uri, Some(token), &json!({ "interact_ref": reference })).await.expect(200));
    app.pay(&provider, &grant.token, &wallet, &to_dave, cad(50)).await.expect(201);
    app.pay(&provider, &grant.token, &wallet, &to_dave, cad(1)).await.refused(
        403,
        "receiver_not_allowed",
        "unauthorized",
    );
    app.pay(&provider, &grant.token, &wallet, &to_carol, cad(100)).await.expect(201);
    app.pay(&provider, &grant.token, &wallet, &to_carol, cad(1)).await.refused(403, "limit_exceeded", "unauthorized");
    assert_eq!(provider.audit().await.windows, 2);
}

#[tokio::test]
async fn limits_of_other_kinds() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let wallet = provider.account("user", "CAD", 2, 100_000).await;
    let carol = provider.account("carol", "CAD", 2, 0).await;
    let dave = provider.account("dave", "USD", 2, 0).await;
    let (cad_receiver, usd_receiver) = (app.receiver(&provider, &carol).await, app.receiver(&provider, &dave).await);

    // A limit on what arrives: 10.00 USD.
    let grant = app.mandate(&provider, &wallet, json!({ "receiveAmount": amount(1_000, "USD", 2) })).await;
    app.pay(&provider, &grant.token, &wallet, &usd_receiver, cad(1_250)).await.expect(201);
    let over = app.pay(&provider, &grant.token, &wallet, &usd_receiver, cad(2)).await;
    over.refused(403, "limit_exceeded", "unauthorized");
    let other_asset = app.pay(&provider, &grant.token, &wallet, &cad_receiver, cad(1)).await;
    other_asset.refused(403, "limit_exceeded", "unauthorized");
    assert_eq!(spent(&provider, &app, &grant.token).await["spentReceiveAmount"], amount(1_000, "USD", 2));

    // One receiver only, for the life of the grant.
    let grant = app.mandate(&provider, &wallet, json!({ "receiver": cad_receiver, "debitAmount": cad(130) })).await;
    let wrong = app.pay(&provider, &grant.token, &wallet, &usd_receiver, cad(1)).await;
    wrong.refused(403, "receiver_not_allowed", "unauthorized");
    app.pay(&provider, &grant.token, &wallet, &cad_receiver, cad(130)).await.expect(201);
    world.advance("P1D");
    let grant = rotated(&app, &grant).await;
    app.pay(&provider, &grant.token, &wallet, &cad_receiver, cad(1)).await.refused(
        403,
        "limit_exceeded",
        "unauthorized",
    );

    // Windows without an amount, and no limits at all.
    let grant = app.mandate(&provider, &wallet, json!({ "interval": "R1/2025-05-21T12:00:00Z/P1D" })).await;
    app.pay(&provider, &grant.token, &wallet, &cad_receiver, cad(20_000)).await.expect(201);
    let grant = app.mandate(&provider, &wallet, Value::Null).await;
    app.pay(&provider, &grant.token, &wallet, &cad_receiver, cad(20_000)).await.expect(201);
    let poor = app.pay(&provider, &grant.token, &wallet, &cad_receiver, cad(99_999_999)).await;
    poor.refused(403, "insufficient_funds", "unauthorized");
    provider.audit().await;
}
