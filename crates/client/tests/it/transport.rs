//! How requests are sent: bounds, repeats, and what becomes of odd answers.

use crate::mock::{Mock, Reply, http_client};
use bursar_client::types::{Action, WalletAddress};
use bursar_client::{Client, Duration, Error, GrantRequest, NewIncomingPayment, QuoteAccess, Token};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

fn wallet(mock: &Mock) -> WalletAddress {
    serde_json::from_value(json!({
        "id": mock.url("/bob"), "assetCode": "CAD", "assetScale": 2,
        "authServer": mock.url("/auth"), "resourceServer": mock.url("/op"),
    }))
    .unwrap()
}

fn incoming_payment() -> serde_json::Value {
    json!({
        "id": "https://wallet.example/op/incoming-payments/1", "walletAddress": "https://wallet.example/bob",
        "completed": false, "receivedAmount": {"value": "0", "assetCode": "CAD", "assetScale": 2},
        "createdAt": "2025-05-20T13:00:00Z", "methods": [],
    })
}

/// A server whose first answer to anything is another than all later ones.
async fn first_then(first: fn() -> Reply, then: fn() -> Reply) -> Mock {
    let count = AtomicUsize::new(0);
    Mock::new(move |_| if count.fetch_add(1, Ordering::SeqCst) == 0 { first() } else { then() }).await
}

fn session(mock: &Mock) -> bursar_client::Session {
    mock.client().session(Token::new("t", mock.url("/auth/token/1")))
}

#[tokio::test]
async fn a_creation_is_repeated_once_under_the_same_idempotency_key() {
    async fn check(first: fn() -> Reply, repeated: bool) {
        let mock = first_then(first, || Reply::Json(201, incoming_payment())).await;
        let new = NewIncomingPayment::new();
        let created = session(&mock).incoming_payments().create(&wallet(&mock), new).await;
        let seen = mock.seen();
        assert_eq!((created.is_ok(), seen.len()), (repeated, 1 + usize::from(repeated)), "{created:?}");
        let keys: Vec<_> = seen.iter().map(|seen| seen.header("idempotency-key").unwrap()).collect();
        assert!(keys.iter().all(|key| *key == keys[0] && key.len() == 36), "{keys:?}");
        if repeated {
            assert_eq!(seen[0].body, seen[1].body);
            assert_ne!(seen[0].nonce, seen[1].nonce, "each sending has a signature of its own");
            assert_eq!(mock.clock.slept(), [200]);
        }
    }
    check(|| Reply::Hangup, true).await;
    check(|| Reply::Raw(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{".to_vec()), true).await;
    check(|| Reply::Empty(502), true).await;
    check(|| Reply::refuse(503, "unavailable", "later"), true).await;
    check(|| Reply::Empty(504), true).await;
    check(|| Reply::Empty(500), false).await;
    check(|| Reply::refuse(400, "invalid_request", "bad"), false).await;
    check(|| Reply::refuse(409, "conflict", "other body"), false).await;
    check(|| Reply::refuse(429, "too_many", "slow down"), false).await;
}

#[tokio::test]
async fn a_second_failure_is_final() {
    let mock = Mock::new(|_| Reply::Empty(503)).await;
    let error = session(&mock).incoming_payments().get(&mock.url("/op/incoming-payments/1")).await.unwrap_err();
    assert_eq!(error.refusal().map(|refusal| refusal.status), Some(503));
    assert_eq!(mock.seen().len(), 2);
    let mock = Mock::new(|_| Reply::Hangup).await;
    let error = mock.public_client().wallet_address(mock.url("/alice")).get().await.unwrap_err();
    assert!(matches!(&error, Error::Network(network) if network.url() == mock.url("/alice")), "{error:?}");
    assert_eq!(mock.seen().len(), 2);
}

#[tokio::test]
async fn what_could_do_harm_is_not_repeated() {
    let mock = Mock::new(|_| Reply::Hangup).await;
    let client = mock.client();
    let request = GrantRequest::new().access(QuoteAccess::new([Action::Create]));
    assert!(matches!(client.grants().request(&mock.url("/auth"), request).await, Err(Error::Network(_))));
    let payment = mock.url("/op/incoming-payments/1");
    assert!(matches!(session(&mock).incoming_payments().complete(&payment).await, Err(Error::Network(_))));
    assert!(matches!(session(&mock).revoke().await, Err(Error::Network(_))));
    assert_eq!(mock.lines(), ["POST /auth", "POST /op/incoming-payments/1/complete", "DELETE /auth/token/1"]);
}

#[tokio::test]
async fn idempotency_keys_may_be_the_callers() {
    let mock = Mock::new(|_| Reply::Json(201, incoming_payment())).await;
    let (session, wallet) = (session(&mock), wallet(&mock));
    let create = async |key: &str| {
        session.incoming_payments().create(&wallet, NewIncomingPayment::new().idempotency_key(key)).await
    };
    create("order-42").await.unwrap();
    assert_eq!(mock.seen()[0].header("idempotency-key"), Some("order-42"));
    for key in ["", "a\nb", "clé", &"k".repeat(256)] {
        assert!(matches!(create(key).await, Err(Error::IdempotencyKey)), "{key}");
    }
    assert_eq!(mock.seen().len(), 1);
}

#[tokio::test]
async fn odd_answers_are_named() {
    async fn check(reply: fn() -> Reply, expected: &str) {
        let mock = Mock::new(move |_| reply()).await;
        let error = mock.public_client().wallet_address(mock.url("/alice")).get().await.unwrap_err();
        let Error::InvalidResponse { url, reason } = &error else { panic!("{error:?}") };
        assert_eq!(*url, mock.url("/alice"));
        assert!(reason.contains(expected), "{reason}");
    }
    check(|| Reply::Empty(200), "EOF").await;
    check(|| Reply::Json(200, json!([])), "invalid length 0").await;
    check(|| Reply::Json(200, json!({})), "missing field `id`").await;
    check(
        || Reply::Raw(b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/?q\r\nContent-Length: 0\r\n\r\n".to_vec()),
        "a redirect to https://evil.example/, which is not followed",
    )
    .await;
    check(|| Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n".to_vec()), "more than 1048576").await;
    check(
        || {
            let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for _ in 0..129 {
                chunked.extend_from_slice(b"2000\r\n");
                chunked.extend_from_slice(&[b' '; 0x2000]);
                chunked.extend_from_slice(b"\r\n");
            }
            Reply::Raw(chunked)
        },
        "more than 1048576",
    )
    .await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let mock = Mock::with_origin(|_| |_| std::future::pending()).await;
    let client = Client::builder().http_client(http_client()).timeout(Duration::from_millis(50)).build().unwrap();
    let error = client.wallet_address(mock.url("/alice")).get().await.unwrap_err();
    assert!(matches!(&error, Error::Network(network) if network.is_timeout()), "{error:?}");
    assert!(error.to_string().ends_with("cannot be reached: it did not answer in time"), "{error}");
    assert_eq!(mock.seen().len(), 1, "waiting twice as long helps nobody");
}

#[tokio::test]
async fn errors_do_not_repeat_what_is_secret() {
    let answer = || {
        json!({"access_token": {"value": "s3cret", "manage": "https://auth.example/", "access": 5},
               "continue": {"access_token": {"value": "s3cret"}, "uri": "https://auth.example/"}})
    };
    let broken: [fn() -> serde_json::Value; 2] =
        [|| json!({"access_token": "s3cret"}), || json!({"access_token": {"value": ["s3cret"]}})];
    for reply in [answer(), broken[0](), broken[1]()] {
        let mock = Mock::new(move |_| Reply::Json(200, reply.clone())).await;
        let request = GrantRequest::new().access(QuoteAccess::new([Action::Create]));
        let error = mock.client().grants().request(&mock.url("/auth"), request).await.unwrap_err();
        assert!(matches!(error, Error::InvalidResponse { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
    let mock = Mock::new(|_| Reply::refuse(403, "forbidden", "no")).await;
    let session = mock.client().session(Token::new("s3cret", mock.url("/auth/token/1")));
    let error = session.incoming_payments().get(&mock.url("/op/incoming-payments/1")).await.unwrap_err();
    assert!(!format!("{error} {error:?} {session:?}").contains("s3cret"), "{error:?}");
}

#[tokio::test]
async fn what_is_signed_depends_on_the_request() {
    let mock = Mock::new(|seen| match seen.method.as_str() {
        "DELETE" => Reply::Empty(204),
        _ => Reply::Json(200, incoming_payment()),
    })
    .await;
    let (session, wallet) = (session(&mock), wallet(&mock));
    let payment = mock.url("/op/incoming-payments/1");
    session.incoming_payments().create(&wallet, NewIncomingPayment::new()).await.unwrap();
    session.incoming_payments().get(&payment).await.unwrap();
    session.incoming_payments().complete(&payment).await.unwrap();
    session.revoke().await.unwrap();
    let request = GrantRequest::new().access(QuoteAccess::new([Action::Create]));
    mock.client().grants().request(&mock.url("/auth"), request).await.unwrap_err();

    let bare = [r#""@method""#, r#""@target-uri""#].map(str::to_owned).to_vec();
    let token = [bare.clone(), vec![r#""authorization""#.to_owned()]].concat();
    let body = [r#""content-digest""#, r#""content-length""#, r#""content-type""#].map(str::to_owned).to_vec();
    let covered: Vec<_> = mock.seen().into_iter().map(|seen| seen.covered.unwrap()).collect();
    let expected =
        [[token.clone(), body.clone()].concat(), token.clone(), token.clone(), token.clone(), [bare, body].concat()];
    assert_eq!(covered, expected);
    for seen in &mock.seen()[1..4] {
        assert!(seen.body.is_empty() && seen.header("content-digest").is_none(), "{seen:?}");
    }
}
