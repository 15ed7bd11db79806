//! Wallet addresses and key sets.

use crate::mock::{KEY_ID, Mock, Reply};
use crate::provider::Provider;
use bursar_client::Error;
use serde_json::{Value, json};

#[tokio::test]
async fn a_wallet_address_is_fetched_without_a_signature() {
    let provider = Provider::new().await;
    let mock = &provider.mock;
    for address in ["/alice", "/Alice/"] {
        let wallet = mock.client().wallet_address(mock.url(address)).get().await.unwrap();
        assert_eq!(wallet.id, mock.url("/alice"));
        assert_eq!(wallet.asset().unwrap().to_string(), "CAD");
        assert_eq!(wallet.auth_server, mock.url("/auth/"));
    }
    assert_eq!(mock.lines(), ["GET /alice", "GET /alice"]);
    assert_eq!(mock.seen()[0].covered, None);
    assert!(mock.seen()[0].header("user-agent").unwrap().starts_with("bursar-client/"));
}

#[tokio::test]
async fn published_keys_are_found() {
    let provider = Provider::new().await;
    let mock = &provider.mock;
    let keys = mock.public_client().wallet_address(mock.url("/app")).keys().await.unwrap();
    assert_eq!(keys.find(KEY_ID).unwrap().public_key(), &crate::mock::key().public_key());
    assert_eq!(mock.lines(), ["GET /app/jwks.json"]);
}

#[tokio::test]
async fn a_did_document_is_read_whatever_else_it_says() {
    let jwk = serde_json::to_value(crate::mock::key().public_jwk(KEY_ID).unwrap()).unwrap();
    let document = json!({
        "@context": ["https://www.w3.org/ns/did/v1"], "id": "did:web:wallet.example:app",
        "verificationMethod": [
            {"id": "did:web:wallet.example:app#key-1", "type": "JsonWebKey2020", "controller": "did:web:wallet.example:app",
             "publicKeyJwk": jwk},
            {"id": "#2", "type": "Multikey", "controller": "x", "publicKeyMultibase": "z6Mk"},
            {"id": "#3", "type": "JsonWebKey2020", "controller": "x", "publicKeyJwk": {"kty": "RSA"}},
        ],
    });
    let sent = document.clone();
    let mock = Mock::new(move |_| Reply::Json(200, sent.clone())).await;
    let read = mock.public_client().wallet_address(mock.url("/app/")).did_document().await.unwrap();
    assert_eq!(mock.lines(), ["GET /app/did.json"]);
    let keys: Vec<_> = read.verification_method.iter().map(|method| method.public_key()).collect();
    assert_eq!(keys[0], Some(Ok(crate::mock::key().public_key())));
    assert!(matches!((&keys[1], &keys[2]), (None, Some(Err(_)))), "{keys:?}");
    assert_eq!(serde_json::to_value(&read).unwrap(), document, "nothing is lost");

    let mock = Mock::new(|_| Reply::Json(200, json!({}))).await;
    let error = mock.public_client().wallet_address(mock.url("/app")).did_document().await.unwrap_err();
    assert!(error.to_string().contains("missing field `id`"), "{error}");
}

#[tokio::test]
async fn there_may_be_no_such_wallet_address() {
    let mock = Mock::new(|_| Reply::refuse(404, "not_found", "no such wallet address")).await;
    let error = mock.public_client().wallet_address(mock.url("/carol")).get().await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!((refusal.status, refusal.code.as_str()), (404, "not_found"));
}

#[tokio::test]
async fn text_that_is_no_address_is_not_sent_anywhere() {
    let mock = Mock::new(|_| Reply::Empty(500)).await;
    let client = mock.public_client();
    for text in ["", "alice", "ftp://wallet.example/alice", "https://wallet.example/alice?a=b", "$"] {
        let error = client.wallet_address(text).get().await.unwrap_err();
        assert!(matches!(error, Error::WalletAddress(_)), "{text}: {error:?}");
    }
    let error = client.wallet_address("http://wallet.example/alice").get().await.unwrap_err();
    assert!(matches!(error, Error::Url(_)), "{error:?}");
    assert_eq!(mock.lines(), Vec::<String>::new());
}

/// What is wrong with a wallet address document whose members are replaced by these.
async fn fault(replaced: Value) -> String {
    let mock = Mock::with_origin(|origin| {
        move |_| {
            let mut document = json!({
                "id": format!("{origin}/alice"), "assetCode": "CAD", "assetScale": 2,
                "authServer": format!("{origin}/auth"), "resourceServer": format!("{origin}/op"),
            });
            for (name, value) in replaced.as_object().unwrap() {
                document[name] = value.clone();
            }
            std::future::ready(Reply::Json(200, document))
        }
    })
    .await;
    match mock.public_client().wallet_address(mock.url("/alice")).get().await {
        Err(Error::InvalidResponse { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn documents_that_cannot_be_used_are_refused() {
    async fn check(replaced: Value, expected: &str) {
        let reason = fault(replaced).await;
        assert!(reason.contains(expected), "{reason}");
    }
    check(json!({"assetCode": ""}), "asset code").await;
    check(json!({"assetScale": 99}), "asset scale 99").await;
    check(json!({"assetScale": "2"}), "invalid type").await;
    check(json!({"id": "alice"}), "its id").await;
    check(json!({"authServer": "http://auth.example/"}), "its authServer: \"http://auth.example/\" is not encrypted")
        .await;
    check(json!({"resourceServer": "file:///etc/passwd"}), "its resourceServer").await;
}
