//! Clients whose wallet address is at another provider: their keys are read over the network.

use crate::cad;
use bursar_app::accounts;
use bursar_testkit::{Engine, TestApp, World};
use serde_json::json;

#[tokio::test]
async fn an_app_of_another_provider() {
    let world = World::new();
    let (here, there) = (world.provider(Engine::Embedded).await, world.provider(Engine::Embedded).await);
    let app = there.client("app", &world.clock).await;
    let wallet = here.account("user", "CAD", 2, 100_000).await;
    let carol = here.account("carol", "CAD", 2, 0).await;
    let grant = app.mandate(&here, &wallet, json!({ "debitAmount": cad(100) })).await;
    let receiver = app.receiver(&here, &carol).await;
    app.pay(&here, &grant.token, &wallet, &receiver, cad(60)).await.expect(201);
    let access = json!([{ "type": "outgoing-payment", "actions": ["create"], "identifier": wallet }]);
    let pending = app.request(&here, access, Some(TestApp::interact())).await.expect(200);
    let path = pending["interact"]["redirect"].as_str().expect("a page").rsplit_once("/interact/").expect("our page").1;
    let (id, secret) = path.split_once('/').expect("two parts");
    let consent = bursar_app::interactions::view(&here.app, id, secret).await.expect("a consent");
    assert_eq!(consent.client_name, "app (test)", "the name as its own provider tells it");

    let unknown = app.with_key(app.key.clone(), "key-9");
    let access = json!([{ "type": "quote", "actions": ["create"] }]);
    unknown.request(&here, access.clone(), None).await.refused(400, "invalid_client", "*");
    accounts::revoke_key(&there.app, "app", "key-1").await.expect("revoked");
    let mut nobody = app.clone();
    nobody.address = format!("{}/nobody", there.url());
    nobody.request(&here, access, None).await.refused(400, "invalid_client", "*");
}

#[tokio::test]
async fn a_key_revoked_elsewhere_stays_revoked() {
    let world = World::new();
    let (here, there) = (world.provider(Engine::Embedded).await, world.provider(Engine::Embedded).await);
    let app = there.client("app", &world.clock).await;
    let wallet = here.account("user", "CAD", 2, 100_000).await;
    let grant = app.mandate(&here, &wallet, json!({ "debitAmount": cad(100) })).await;
    accounts::revoke_key(&there.app, "app", "key-1").await.expect("revoked");
    here.app.keys.forget();
    here.app.callers.clear();
    let spent = format!("{}/outgoing-payment-grant", here.app.config.resource_url());
    app.get(&spent, Some(&grant.token)).await.refused(401, "invalid_signature", "*");
    // A server that is gone says nothing of the key: neither that it is good nor that it was revoked.
    let mut lost = app.clone();
    lost.address = "http://localhost:1/app".to_owned();
    let access = json!([{ "type": "quote", "actions": ["create"] }]);
    lost.request(&here, access, None).await.refused(503, "keys_unavailable", "*");
}

#[tokio::test]
async fn receivers_elsewhere_cannot_be_paid_by_their_id() {
    let world = World::new();
    let (here, there) = (world.provider(Engine::Embedded).await, world.provider(Engine::Embedded).await);
    let app = here.client("app", &world.clock).await;
    let wallet = here.account("user", "CAD", 2, 100_000).await;
    let carol = here.account("carol", "CAD", 2, 0).await;
    let grant = app.mandate(&here, &wallet, json!({ "debitAmount": cad(100) })).await;
    let local = app.receiver(&here, &carol).await;
    let foreign = local.replace(here.url(), there.url());
    app.pay(&here, &grant.token, &wallet, &foreign, cad(1)).await.refused(400, "invalid_receiver", "invalid receiver");
    assert_eq!(here.balance("carol").await, 0);
}

/// However many signatures a request carries, none of which is good, another server is asked once.
#[tokio::test]
async fn strangers_do_not_make_us_ask_again_and_again() {
    use axum::http::{StatusCode, Uri};
    use std::sync::{Arc, Mutex};
    for is_there in [false, true] {
        let world = World::new();
        let here = world.provider(Engine::Embedded).await;
        let mut app = here.client("app", &world.clock).await;
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = asked.clone();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        app.address = format!("http://localhost:{}/app", listener.local_addr().expect("an address").port());
        let router = axum::Router::new().fallback(move |uri: Uri| async move {
            noted.lock().expect("no panic").push(uri.path().to_owned());
            let json = [("content-type", "application/json")];
            if is_there { Ok((json, r#"{"keys":[]}"#)) } else { Err(StatusCode::NOT_FOUND) }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        let body = json!({ "client": app.address, "access_token": { "access": [{ "type": "quote", "actions": ["create"] }] } });
        let (url, body) = (here.app.config.auth_url(), body.to_string().into_bytes());
        let mut headers = app.signed("POST", &url, None, Some(&body));
        for name in ["signature", "signature-input"] {
            let one = headers[name].to_str().expect("text").to_owned();
            let many = (1..=6).map(|n| one.replace("sig1=", &format!("sig{n}=")).replace("key-1", &format!("key-{n}")));
            headers.insert(name, many.collect::<Vec<_>>().join(", ").parse().expect("a header"));
        }
        app.send("POST", &url, headers, Some(body)).await.refused(400, "invalid_client", "*");
        assert_eq!(*asked.lock().expect("no panic"), ["/app/jwks.json"], "the set once, the name of nobody");
    }
}
