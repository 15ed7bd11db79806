//! Grant requests, continuations and cancellations (protocol §3).

use crate::{cad, text};
use bursar_httpsig::PrivateKey;
use bursar_testkit::{Engine, Grant, Provider, TestApp, World, check_redirect};
use serde_json::{Value, json};

async fn start() -> (World, Provider, TestApp, String) {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let wallet = provider.account("user", "CAD", 2, 100_000).await;
    (world, provider, app, wallet)
}

fn outgoing(wallet: &str, limits: Value) -> Value {
    json!({ "type": "outgoing-payment", "actions": ["create", "read"], "identifier": wallet, "limits": limits })
}

fn continuation(pending: &Value) -> (String, String) {
    let part = &pending["continue"];
    (text(&part["uri"]).to_owned(), text(&part["access_token"]["value"]).to_owned())
}

#[tokio::test]
async fn what_needs_consent() {
    let (_world, provider, app, wallet) = start().await;
    let incoming = |actions: Value| json!([{ "type": "incoming-payment", "actions": actions, "identifier": wallet }]);
    let cases = [
        (json!([outgoing(&wallet, json!({}))]), true),
        (incoming(json!(["create", "read", "complete", "list"])), false),
        (incoming(json!(["read-all"])), false),
        (incoming(json!(["list-all"])), true),
        (json!([{ "type": "quote", "actions": ["create", "read", "read-all"] }]), false),
        (json!([{ "type": "quote", "actions": ["create"] }, outgoing(&wallet, json!({}))]), true),
    ];
    for (access, needed) in cases {
        let answer = app.request(&provider, access.clone(), Some(TestApp::interact())).await.expect(200);
        assert_eq!(answer.get("interact").is_some(), needed, "{access}");
        assert_eq!(answer.get("access_token").is_some(), !needed, "{access}");
        assert!(answer["continue"]["uri"].is_string(), "continue is always there");
        assert_eq!(answer["continue"].get("wait").is_some(), needed);
        let without = app.request(&provider, access, None).await;
        if needed {
            without.refused(400, "invalid_request", "*");
        } else {
            without.expect(200);
        }
    }
}

#[tokio::test]
async fn requests_that_make_no_sense() {
    let (_world, provider, app, wallet) = start().await;
    let debit = |value: Value| json!({ "debitAmount": value });
    let usd = json!({ "value": "1", "assetCode": "USD", "assetScale": 2 });
    let bad = [
        json!([]),
        json!([outgoing(&wallet, json!({})), outgoing(&wallet, json!({}))]),
        json!([{ "type": "wallet", "actions": ["read"] }]),
        json!([{ "type": "quote", "actions": ["complete"] }]),
        json!([{ "type": "quote", "actions": [] }]),
        json!([{ "type": "quote", "actions": ["read", "read"] }]),
        json!([{ "type": "quote", "actions": ["create"], "identifier": wallet }]),
        json!([{ "type": "outgoing-payment", "actions": ["create"] }]),
        json!([{ "type": "incoming-payment", "actions": ["list-all"] }]),
        json!([outgoing("http://localhost:1/nobody", json!({}))]),
        json!([outgoing(&format!("{}/nobody", provider.url()), json!({}))]),
        json!([outgoing(&wallet, debit(usd))]),
        json!([outgoing(&wallet, debit(cad(0)))]),
        json!([outgoing(
            &wallet,
            debit(json!({ "value": "9223372036854775808", "assetCode": "CAD", "assetScale": 2 }))
        )]),
        json!([outgoing(&wallet, debit(json!({ "value": "-1", "assetCode": "CAD", "assetScale": 2 })))]),
        json!([outgoing(&wallet, debit(json!({ "value": 100, "assetCode": "CAD", "assetScale": 2 })))]),
        json!([outgoing(&wallet, json!({ "debitAmount": cad(1), "receiveAmount": cad(1) }))]),
        json!([outgoing(&wallet, json!({ "debitAmmount": cad(1) }))]),
        json!([outgoing(&wallet, json!({ "interval": "R0/2025-05-20T13:00:00Z/P1M" }))]),
        json!([outgoing(&wallet, json!({ "interval": "every month" }))]),
        json!([outgoing(&wallet, json!({ "receiver": "http://localhost/nowhere" }))]),
    ];
    for access in bad {
        app.request(&provider, access, Some(TestApp::interact())).await.refused(400, "invalid_request", "*");
    }
    let finishes = [
        json!({ "start": [], "finish": null }),
        json!({ "start": ["app"] }),
        json!({ "start": ["redirect"], "finish": { "method": "push", "uri": "http://localhost/", "nonce": "n" } }),
        json!({ "start": ["redirect"], "finish": { "method": "redirect", "uri": "javascript:alert(1)", "nonce": "n" } }),
        json!({ "start": ["redirect"], "finish": { "method": "redirect", "uri": "http://localhost/#here", "nonce": "n" } }),
        json!({ "start": ["redirect"], "finish": { "method": "redirect", "uri": "http://localhost/", "nonce": "" } }),
    ];
    for interact in finishes {
        let answer = app.request(&provider, json!([outgoing(&wallet, json!({}))]), Some(interact)).await;
        answer.refused(400, "invalid_request", "*");
    }
    let endpoint = provider.app.config.auth_url();
    for body in
        [json!({ "client": app.address }), json!({ "client": app.address, "subject": { "sub_ids": [] } }), json!([])]
    {
        app.post(&endpoint, None, &body).await.refused(400, "invalid_request", "*");
    }
}

#[tokio::test]
async fn the_whole_way_with_a_redirect() {
    let (_world, provider, app, wallet) = start().await;
    let limits = json!({ "debitAmount": cad(10_000), "interval": "R3/2025-05-20T12:00:00Z/P1M" });
    let pending =
        app.request(&provider, json!([outgoing(&wallet, limits.clone())]), Some(TestApp::interact())).await.expect(200);
    let (uri, token) = continuation(&pending);
    let endpoint = provider.app.config.auth_url();

    app.post(&uri, Some(&token), &json!({ "interact_ref": "x" })).await.refused(404, "invalid_continuation", "*");
    app.post(&uri, Some(&token), &json!({})).await.refused(401, "request_denied", "*");
    let finish = provider.approve(text(&pending["interact"]["redirect"])).await.expect("an URL");
    assert!(finish.starts_with("http://localhost:3344/done?paymentId=1&hash="), "{finish}");
    let reference = check_redirect(&finish, &pending, &endpoint);

    app.post(&uri, Some("wrong"), &json!({ "interact_ref": reference })).await.refused(
        401,
        "invalid_continuation",
        "*",
    );
    let elsewhere = format!("{endpoint}/continue/0196eb7a-0000-7000-8000-000000000000");
    app.post(&elsewhere, Some(&token), &json!({ "interact_ref": reference })).await.refused(
        401,
        "invalid_continuation",
        "*",
    );
    app.post(&uri, Some(&token), &json!({ "interact_ref": "x" })).await.refused(404, "invalid_continuation", "*");
    let issued = app.post(&uri, Some(&token), &json!({ "interact_ref": reference })).await.expect(200);
    let item = &issued["access_token"]["access"][0];
    assert_eq!(item["limits"], limits);
    assert_eq!(item["identifier"], json!(wallet));
    assert_eq!(issued["access_token"]["expires_in"], 600);
    app.post(&uri, Some(&token), &json!({ "interact_ref": reference })).await.refused(401, "request_denied", "*");
}

#[tokio::test]
async fn polling_without_finish() {
    let (world, provider, app, wallet) = start().await;
    let interact = Some(json!({ "start": ["redirect"] }));
    let pending = app.request(&provider, json!([outgoing(&wallet, json!({}))]), interact.clone()).await.expect(200);
    let (uri, token) = continuation(&pending);
    app.post(&uri, Some(&token), &Value::Null).await.refused(400, "too_fast", "*");
    world.advance("PT5S");
    let waiting = app.post(&uri, Some(&token), &Value::Null).await.expect(200);
    assert_eq!(waiting["continue"]["wait"], 5);
    assert!(waiting.get("access_token").is_none());
    app.post(&uri, Some(&token), &json!({})).await.refused(400, "too_fast", "*");
    assert_eq!(provider.approve(text(&pending["interact"]["redirect"])).await, None);
    // Straight after approval it is never too fast.
    let issued = app.post(&uri, Some(&token), &Value::Null).await.expect(200);
    assert!(issued["access_token"]["value"].is_string());

    let denied = app.request(&provider, json!([outgoing(&wallet, json!({}))]), interact).await.expect(200);
    provider.deny(text(&denied["interact"]["redirect"])).await;
    let (uri, token) = continuation(&denied);
    app.post(&uri, Some(&token), &Value::Null).await.refused(401, "request_denied", "*");
}

#[tokio::test]
async fn denied_and_expired() {
    let (world, provider, app, wallet) = start().await;
    let access = json!([outgoing(&wallet, json!({}))]);
    let pending = app.request(&provider, access.clone(), Some(TestApp::interact())).await.expect(200);
    let finish = provider.deny(text(&pending["interact"]["redirect"])).await.expect("an URL");
    assert_eq!(finish, "http://localhost:3344/done?paymentId=1&result=grant_rejected");
    let (uri, token) = continuation(&pending);
    app.post(&uri, Some(&token), &json!({ "interact_ref": "x" })).await.refused(401, "request_denied", "*");

    let late = app.request(&provider, access, Some(TestApp::interact())).await.expect(200);
    let finish = provider.approve(text(&late["interact"]["redirect"])).await.expect("an URL");
    let reference = check_redirect(&finish, &late, &provider.app.config.auth_url());
    world.advance("PT10M");
    let (uri, token) = continuation(&late);
    app.post(&uri, Some(&token), &json!({ "interact_ref": reference })).await.refused(401, "request_denied", "*");
}

#[tokio::test]
async fn an_approval_in_the_last_moment_counts() {
    let (world, provider, app, wallet) = start().await;
    let access = json!([outgoing(&wallet, json!({}))]);
    let pending = app.request(&provider, access.clone(), Some(TestApp::interact())).await.expect(200);
    world.advance("PT9M59S");
    let finish = provider.approve(text(&pending["interact"]["redirect"])).await.expect("an URL");
    let reference = check_redirect(&finish, &pending, &provider.app.config.auth_url());
    world.advance("PT4M");
    let (uri, token) = continuation(&pending);
    app.post(&uri, Some(&token), &json!({ "interact_ref": reference })).await.expect(200);
}

#[tokio::test]
async fn cancelling_ends_everything() {
    let (_world, provider, app, wallet) = start().await;
    let grant = app.mandate(&provider, &wallet, json!({ "debitAmount": cad(100) })).await;
    let spent = format!("{}/outgoing-payment-grant", provider.app.config.resource_url());
    app.get(&spent, Some(&grant.token)).await.expect(200);
    app.delete(&grant.continue_uri, Some("wrong")).await.refused(401, "invalid_continuation", "*");
    app.delete(&grant.continue_uri, Some(&grant.continue_token)).await.expect(204);
    app.delete(&grant.continue_uri, Some(&grant.continue_token)).await.expect(204);
    app.get(&spent, Some(&grant.token)).await.refused(403, "inactive_token", "Inactive Token");
    app.post(&grant.manage, Some(&grant.token), &Value::Null).await.refused(400, "invalid_rotation", "*");

    let pending =
        app.request(&provider, json!([outgoing(&wallet, json!({}))]), Some(TestApp::interact())).await.expect(200);
    let (uri, token) = continuation(&pending);
    app.delete(&uri, Some(&token)).await.expect(204);
    app.post(&uri, Some(&token), &json!({ "interact_ref": "x" })).await.refused(401, "request_denied", "*");
}

#[tokio::test]
async fn three_forms_of_client() {
    let (_world, provider, app, wallet) = start().await;
    let endpoint = provider.app.config.auth_url();
    let access =
        json!({ "access": [{ "type": "incoming-payment", "actions": ["create", "read"], "identifier": wallet }] });
    let jwk = serde_json::to_value(app.key.public_jwk(&app.kid).expect("a key")).expect("JSON");
    for client in [json!(app.address), json!({ "walletAddress": app.address }), json!({ "jwk": jwk })] {
        let answer = app.post(&endpoint, None, &json!({ "access_token": access, "client": client })).await.expect(200);
        Grant::read(&answer);
    }
    let both = json!({ "walletAddress": app.address, "jwk": jwk });
    app.post(&endpoint, None, &json!({ "access_token": access, "client": both })).await.refused(
        400,
        "invalid_request",
        "*",
    );
    let mandate = json!({ "access_token": { "access": [outgoing(&wallet, json!({}))] }, "client": { "jwk": jwk },
                          "interact": TestApp::interact() });
    app.post(&endpoint, None, &mandate).await.refused(400, "invalid_request", "*");
    let other = app.with_key(PrivateKey::from_seed([9; 32]), &app.kid);
    other.post(&endpoint, None, &json!({ "access_token": access, "client": { "jwk": jwk } })).await.refused(
        400,
        "invalid_client",
        "*",
    );
}

#[tokio::test]
async fn proving_ownership_of_a_wallet() {
    let (_world, provider, app, wallet) = start().await;
    let endpoint = provider.app.config.auth_url();
    let subject = json!({ "sub_ids": [{ "id": wallet, "format": "uri" }] });
    let body = json!({ "subject": subject, "client": app.address, "interact": TestApp::interact() });
    let pending = app.post(&endpoint, None, &body).await.expect(200);
    let finish = provider.approve(text(&pending["interact"]["redirect"])).await.expect("an URL");
    let reference = check_redirect(&finish, &pending, &endpoint);
    let (uri, token) = continuation(&pending);
    let proven = app.post(&uri, Some(&token), &json!({ "interact_ref": reference })).await.expect(200);
    assert_eq!(proven["subject"], subject);
    assert!(proven.get("access_token").is_none());
}
