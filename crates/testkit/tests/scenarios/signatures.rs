//! Who may speak: signatures and keys (protocol §2).

use crate::{cad, text};
use bursar_app::accounts;
use bursar_httpsig::PrivateKey;
use bursar_testkit::{Engine, World};
use http::HeaderValue;
use serde_json::json;

#[tokio::test]
async fn every_wrong_signature() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let wallet = provider.account("user", "CAD", 2, 100_000).await;
    let grant = app.mandate(&provider, &wallet, json!({ "debitAmount": cad(100) })).await;
    let carol = provider.account("carol", "CAD", 2, 0).await;
    let receiver = app.receiver(&provider, &carol).await;
    let url = format!("{}/outgoing-payments", provider.app.config.resource_url());
    let body =
        json!({ "walletAddress": wallet, "incomingPayment": receiver, "debitAmount": cad(1) }).to_string().into_bytes();
    let signed = || app.signed("POST", &url, Some(&grant.token), Some(&body));
    let send = async |headers, body: &[u8]| app.send("POST", &url, headers, Some(body.to_vec())).await;

    for missing in ["signature", "signature-input"] {
        let mut headers = signed();
        headers.remove(missing);
        let reply = send(headers, &body).await;
        assert!(!text(&reply.body["error"]["description"]).starts_with("Signature validation error"));
        reply.refused(401, "unauthenticated", "*");
    }
    let mut broken = signed();
    broken.insert("signature", HeaderValue::from_static("sig1=:broken"));
    send(broken, &body).await.refused(401, "unauthenticated", "*");

    let begins = |reply: bursar_testkit::Reply| {
        let description = text(&reply.body["error"]["description"]).to_owned();
        assert!(description.starts_with("Signature validation error"), "{description}");
        assert!(
            text(&reply.body["error"]["details"]["signatureBase"]).contains("@target-uri"),
            "the sandbox shows the base"
        );
        reply.refused(401, "invalid_signature", "*");
    };
    let mut changed = body.clone();
    changed[20] ^= 1;
    begins(send(signed(), &changed).await);
    let foreign = app.with_key(PrivateKey::from_seed([1; 32]), &app.kid);
    begins(send(foreign.signed("POST", &url, Some(&grant.token), Some(&body)), &body).await);
    begins(send(app.signed("POST", &format!("{url}?x=1"), Some(&grant.token), Some(&body)), &body).await);
    begins(send(app.signed("PUT", &url, Some(&grant.token), Some(&body)), &body).await);
    let mut uncovered = app.signed("POST", &url, None, Some(&body));
    uncovered.insert("authorization", HeaderValue::from_str(&format!("GNAP {}", grant.token)).expect("a header"));
    begins(send(uncovered, &body).await);
    let mut no_digest = app.signed("POST", &url, Some(&grant.token), None);
    no_digest.insert("content-type", HeaderValue::from_static("application/json"));
    begins(send(no_digest, &body).await);
    let renamed = app.with_key(app.key.clone(), "key-2");
    send(renamed.signed("POST", &url, Some(&grant.token), Some(&body)), &body).await.refused(
        401,
        "invalid_signature",
        "*",
    );

    let old = signed();
    world.advance("PT301S");
    begins(send(old, &body).await);
    send(signed(), &body).await.expect(201);
    assert_eq!(provider.balance("carol").await, 1);
}

#[tokio::test]
async fn revoked_keys_stop_at_once() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let wallet = provider.account("user", "CAD", 2, 100_000).await;
    let grant = app.mandate(&provider, &wallet, json!({ "debitAmount": cad(100) })).await;
    let spent = format!("{}/outgoing-payment-grant", provider.app.config.resource_url());
    app.get(&spent, Some(&grant.token)).await.expect(200);
    accounts::revoke_key(&provider.app, "app", "key-1").await.expect("revoked");
    let reply = app.get(&spent, Some(&grant.token)).await;
    assert!(text(&reply.body["error"]["description"]).starts_with("Signature validation error"));
    reply.refused(401, "invalid_signature", "*");
    let access = json!([{ "type": "incoming-payment", "actions": ["create"], "identifier": wallet }]);
    app.request(&provider, access, None).await.refused(400, "invalid_client", "*");
    app.delete(&grant.continue_uri, Some(&grant.continue_token)).await.refused(400, "invalid_client", "*");

    // The same name again, with another key: the old grant stays closed.
    let other = PrivateKey::from_seed([3; 32]);
    accounts::add_key(&provider.app, "app", "key-1", &other.public_key()).await.expect("added");
    app.get(&spent, Some(&grant.token)).await.refused(401, "invalid_signature", "*");
    app.with_key(other, "key-1").get(&spent, Some(&grant.token)).await.refused(401, "invalid_signature", "*");
    accounts::revoke_key(&provider.app, "app", "key-1").await.expect("revoked");
    accounts::add_key(&provider.app, "app", "key-1", &app.key.public_key()).await.expect("added again");
    app.get(&spent, Some(&grant.token)).await.expect(200);
}

#[tokio::test]
async fn a_nonce_is_accepted_once() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let endpoint = provider.app.config.auth_url();
    let body =
        json!({ "access_token": { "access": [{ "type": "quote", "actions": ["create"] }] }, "client": app.address });
    let body = body.to_string().into_bytes();
    let mut headers = http::HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let request =
        bursar_httpsig::Request { method: "POST", target_uri: &endpoint, headers: &headers, body: Some(&body) };
    let mut options = bursar_httpsig::SignOptions::new(world.clock.wire_seconds());
    options.nonce = Some("only once");
    bursar_httpsig::sign(&app.key, &app.kid, &request, &options).expect("signed").apply_to(&mut headers);
    app.send("POST", &endpoint, headers.clone(), Some(body.clone())).await.expect(200);
    app.send("POST", &endpoint, headers, Some(body.clone())).await.refused(400, "invalid_client", "*");
    // Two honest identical requests in one second have identical signatures when there is no nonce.
    let plain = app.signed("POST", &endpoint, None, Some(&body));
    app.send("POST", &endpoint, plain.clone(), Some(body.clone())).await.expect(200);
    app.send("POST", &endpoint, plain, Some(body)).await.expect(200);
}

/// Nonces of reads are remembered elsewhere than those of changes; each is accepted once all the same.
#[tokio::test]
async fn a_nonce_is_accepted_once_whatever_it_is_for() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let wallet = provider.account("user", "CAD", 2, 0).await;
    let token = app.incoming_grant(&provider, &wallet).await.token;
    let payments = format!("{}/incoming-payments", provider.app.config.resource_url());
    let list = format!("{payments}?wallet-address={wallet}");
    let body = json!({ "walletAddress": wallet }).to_string().into_bytes();
    let send = async |method: &str, nonce: &str| {
        let (url, body) = if method == "GET" { (&list, None) } else { (&payments, Some(body.clone())) };
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert("authorization", HeaderValue::from_str(&format!("GNAP {token}")).expect("a token"));
        let request = bursar_httpsig::Request { method, target_uri: url, headers: &headers, body: body.as_deref() };
        let mut options = bursar_httpsig::SignOptions::new(world.clock.wire_seconds());
        options.nonce = Some(nonce);
        bursar_httpsig::sign(&app.key, &app.kid, &request, &options).expect("signed").apply_to(&mut headers);
        app.send(method, url, headers, body).await
    };
    for (nonce, methods) in
        [("a", ["GET", "GET"]), ("b", ["GET", "POST"]), ("c", ["POST", "GET"]), ("d", ["POST", "POST"])]
    {
        let first = send(methods[0], nonce).await;
        assert!(matches!(first.status, 200 | 201), "{}", first.body);
        send(methods[1], nonce).await.refused(401, "invalid_signature", "*");
    }
}
