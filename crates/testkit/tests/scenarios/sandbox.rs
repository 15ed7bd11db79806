//! The sandbox API, as app developers use it in their own tests.

use crate::{cad, text};
use bursar_testkit::{Engine, TestApp, World, check_redirect};
use http::HeaderMap;
use serde_json::{Value, json};

#[tokio::test]
async fn accounts_keys_clock_and_decisions() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let url = |path: &str| format!("{}/sandbox/{path}", provider.url());
    let send = async |method: &str, path: &str, body: Value| {
        let body = (!body.is_null()).then(|| body.to_string().into_bytes());
        app.send(method, &url(path), HeaderMap::new(), body).await
    };
    let account = json!({ "name": "alice", "publicName": "Alice", "assetCode": "CAD", "assetScale": 2, "balance": "500", "password": "pw" });
    let made = send("POST", "accounts", account.clone()).await.expect(201);
    let wallet = format!("{}/alice", provider.url());
    assert_eq!((&made["name"], &made["walletAddress"]), (&json!("alice"), &json!(wallet)));
    assert_eq!(made["balance"], json!({ "value": "500", "assetCode": "CAD", "assetScale": 2 }));
    send("POST", "accounts", account).await.refused(409, "conflict", "*");
    for (name, code, scale, balance) in [
        ("Alice", "CAD", 2, json!("1")),
        ("auth", "CAD", 2, json!("1")),
        ("../x", "CAD", 2, json!("1")),
        ("b", "C D", 2, json!("1")),
        ("b", "CAD", 19, json!("1")),
        ("b", "CAD", 300, json!("1")),
        ("b", "CAD", 2, json!("-1")),
        ("b", "CAD", 2, json!("9223372036854775808")),
    ] {
        let body =
            json!({ "name": name, "assetCode": code, "assetScale": scale, "balance": balance, "password": "pw" });
        let status = send("POST", "accounts", body.clone()).await.status;
        assert_eq!(status, 400, "{body}");
    }
    assert_eq!(send("GET", "accounts/alice", Value::Null).await.expect(200)["balance"]["value"], "500");
    send("GET", "accounts/nobody", Value::Null).await.refused(404, "not_found", "*");
    assert_eq!(
        send("POST", "accounts/alice/fund", json!({ "value": "50" })).await.expect(200)["balance"]["value"],
        "550"
    );
    send("POST", "accounts/alice/fund", json!({ "value": "9223372036854775807" })).await.refused(
        400,
        "amount_too_large",
        "*",
    );

    // What people paste may lack alg and use.
    let jwk = json!({ "kid": "3f0c8a7e", "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    send("POST", "accounts/alice/keys", json!({ "jwk": jwk })).await.expect(201);
    send("POST", "accounts/alice/keys", json!({ "jwk": jwk })).await.refused(409, "conflict", "*");
    let keys = app.send("GET", &format!("{wallet}/jwks.json"), HeaderMap::new(), None).await;
    assert_eq!(keys.headers["cache-control"], "no-store");
    assert_eq!(keys.body["keys"][0]["alg"], "EdDSA");
    send("DELETE", "accounts/alice/keys/3f0c8a7e", Value::Null).await.expect(204);
    send("DELETE", "accounts/alice/keys/3f0c8a7e", Value::Null).await.refused(404, "not_found", "*");
    send("POST", "accounts/alice/keys", json!({ "jwk": jwk })).await.expect(201);

    assert_eq!(send("GET", "clock", Value::Null).await.expect(200)["now"], "2025-05-20T12:00:00Z");
    assert_eq!(send("POST", "clock", json!({ "advance": "P1M" })).await.expect(200)["now"], "2025-06-20T12:00:00Z");
    assert_eq!(
        send("POST", "clock", json!({ "set": "2026-12-01T00:00:00Z" })).await.expect(200)["now"],
        "2026-12-01T00:00:00Z"
    );
    for bad in [
        json!({ "set": "2020-01-01T00:00:00Z" }),
        json!({ "advance": "-P1D" }),
        json!({ "advance": "a month" }),
        json!({ "advance": "P9999Y" }),
        json!({}),
        json!({ "now": 1 }),
    ] {
        assert_eq!(send("POST", "clock", bad.clone()).await.status, 400, "{bad}");
    }

    let access = json!([{ "type": "outgoing-payment", "actions": ["create"], "identifier": wallet }]);
    let pending = app.request(&provider, access, Some(TestApp::interact())).await.expect(200);
    let decide = json!({ "redirect": pending["interact"]["redirect"], "decision": "approve" });
    let finish = send("POST", "interactions", decide.clone()).await.expect(200);
    assert!(text(&finish["finish"]).contains("interact_ref="));
    send("POST", "interactions", decide).await.refused(409, "conflict", "*");
    send("POST", "interactions", json!({ "redirect": "http://x/", "decision": "deny" })).await.refused(
        404,
        "not_found",
        "*",
    );
    assert_eq!(send("POST", "interactions", json!({ "redirect": "x", "decision": "maybe" })).await.status, 400);

    // Less than was asked, as a person would allow it.
    let access = json!([{ "type": "outgoing-payment", "actions": ["create"], "identifier": wallet,
                          "limits": { "debitAmount": cad(10_000), "interval": "R/2026-12-01T00:00:00Z/P1M" } }]);
    let pending = app.request(&provider, access, Some(TestApp::interact())).await.expect(200);
    let decide = |decision: &str, lower: Value| {
        let body = json!({ "redirect": pending["interact"]["redirect"], "decision": decision, "lower": [lower] });
        send("POST", "interactions", body)
    };
    decide("approve", json!({ "access": 0, "amount": cad(10_001) })).await.refused(400, "invalid_request", "*");
    decide("deny", json!({ "access": 0, "amount": cad(1) })).await.refused(400, "invalid_request", "*");
    let finish = decide("approve", json!({ "access": 0, "amount": cad(5), "windows": 2 })).await.expect(200);
    let reference = check_redirect(text(&finish["finish"]), &pending, &provider.app.config.auth_url());
    let token = Some(text(&pending["continue"]["access_token"]["value"]));
    let body = json!({ "interact_ref": reference });
    let issued = app.post(text(&pending["continue"]["uri"]), token, &body).await.expect(200);
    let granted = json!({ "debitAmount": cad(5), "interval": "R2/2026-12-01T00:00:00Z/P1M" });
    assert_eq!(issued["access_token"]["access"][0]["limits"], granted);
}

#[tokio::test]
async fn wallet_addresses() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let get = async |path: &str| app.send("GET", &format!("{}{path}", provider.url()), HeaderMap::new(), None).await;
    let document = get("/App").await;
    assert!(document.headers.contains_key("cache-control"));
    assert_eq!(document.body["id"], format!("{}/app", provider.url()));
    assert_eq!(document.body["authServer"], provider.app.config.auth_url());
    assert_eq!(document.body["resourceServer"], provider.app.config.resource_url());
    get("/nobody").await.refused(404, "not_found", "*");
    get("/nobody/jwks.json").await.refused(404, "not_found", "*");
    let huge = app.send("POST", &provider.app.config.auth_url(), HeaderMap::new(), Some(vec![b' '; 70_000])).await;
    huge.refused(413, "too_large", "*");
}
