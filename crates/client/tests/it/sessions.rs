//! Access tokens that expire, and how sessions keep them alive.

use crate::mock::{Mock, Reply};
use crate::provider::Provider;
use bursar_client::types::{Action, WalletAddress};
use bursar_client::{Error, GrantRequest, IncomingAccess, IssuedGrant, SavedGrant, Session, Token};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

async fn issued(provider: &Provider) -> (WalletAddress, IssuedGrant) {
    let client = provider.mock.client();
    let bob = client.wallet_address(provider.mock.url("/bob")).get().await.unwrap();
    let request = GrantRequest::new().access(IncomingAccess::new([Action::Create, Action::Read]));
    let grant = client.grants().request(&bob.auth_server, request).await.unwrap().issued().unwrap();
    (bob, grant)
}

fn rotations(provider: &Provider) -> usize {
    provider.state.lock().unwrap().rotations
}

#[tokio::test]
async fn an_expired_token_is_renewed_before_it_is_used() {
    let provider = Provider::new().await;
    let (bob, grant) = issued(&provider).await;
    let payments = grant.session().unwrap().outgoing_payments();
    payments.spent(&bob).await.unwrap();
    assert_eq!(rotations(&provider), 0);
    provider.expire_tokens();
    payments.spent(&bob).await.unwrap();
    payments.spent(&bob).await.unwrap();
    let tail = provider.mock.lines().split_off(2);
    let spent = "GET /op/outgoing-payment-grant";
    assert_eq!(tail, [spent, "POST /auth/token/2", spent, spent]);
    assert!(provider.mock.seen()[3].body.is_empty());
}

#[tokio::test]
async fn a_token_that_the_server_finds_dead_is_renewed_and_the_request_repeated() {
    let provider = Provider::new().await;
    let (bob, grant) = issued(&provider).await;
    // Kept without its expiry, as a caller may.
    let kept = grant.token().await.unwrap();
    let session = provider.mock.client().session(Token::new(kept.expose(), kept.manage_url()));
    provider.expire_tokens();
    let new = bursar_client::NewIncomingPayment::new();
    let created = session.incoming_payments().create(&bob, new).await.unwrap();
    assert_eq!(created.payment.wallet_address, bob.id);
    let tail = provider.mock.seen().split_off(2);
    let lines: Vec<_> = tail.iter().map(|seen| seen.line()).collect();
    assert_eq!(lines, ["POST /op/incoming-payments", "POST /auth/token/2", "POST /op/incoming-payments"]);
    assert_eq!(tail[0].header("idempotency-key"), tail[2].header("idempotency-key"));
    assert_eq!((tail[0].token(), tail[2].token()), (Some("token-2"), Some("token-3")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_need_one_rotation() {
    let provider = Provider::new().await;
    let (bob, grant) = issued(&provider).await;
    provider.expire_tokens();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (session, bob) = (grant.session().unwrap().clone(), bob.clone());
        tasks.spawn(async move { session.outgoing_payments().spent(&bob).await.map(|_| ()) });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(rotations(&provider), 1);
}

/// A server that knows one token at a time, `t0`, `t1` and so on, and refuses others as told.
async fn single_token(refusal: fn() -> Reply) -> (Mock, Arc<AtomicUsize>) {
    let generation = Arc::new(AtomicUsize::new(1));
    let current = Arc::clone(&generation);
    let mock = Mock::with_origin(|origin| {
        move |seen: crate::mock::Seen| {
            let reply = if seen.method == "POST" && seen.path() == "/token" {
                let next = current.fetch_add(1, Ordering::SeqCst) + 1;
                let token = json!({"value": format!("t{next}"), "manage": format!("{origin}/token"), "access": []});
                Reply::Json(200, json!({"access_token": token}))
            } else if seen.token() == Some(&format!("t{}", current.load(Ordering::SeqCst))) {
                Reply::Json(200, json!({"spentDebitAmount": null, "spentReceiveAmount": null}))
            } else {
                refusal()
            };
            std::future::ready(reply)
        }
    })
    .await;
    (mock, generation)
}

fn wallet(mock: &Mock) -> WalletAddress {
    serde_json::from_value(json!({
        "id": mock.url("/bob"), "assetCode": "CAD", "assetScale": 2,
        "authServer": mock.url("/auth"), "resourceServer": mock.url("/op"),
    }))
    .unwrap()
}

async fn spend(session: &Session, mock: &Mock) -> Result<(), Error> {
    session.outgoing_payments().spent(&wallet(mock)).await.map(|_| ())
}

#[tokio::test]
async fn tasks_that_are_refused_together_renew_the_token_together() {
    let (mock, generation) = single_token(|| Reply::refuse(403, "inactive_token", "Inactive Token")).await;
    let session = mock.client().session(Token::new("t0", mock.url("/token")));
    let results = tokio::join!(spend(&session, &mock), spend(&session, &mock), spend(&session, &mock));
    assert!(matches!(results, (Ok(()), Ok(()), Ok(()))), "{results:?}");
    assert_eq!(generation.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn refusals_that_a_new_token_would_not_mend_do_not_cost_one() {
    async fn check(refusal: fn() -> Reply, rotates: bool) {
        let (mock, generation) = single_token(refusal).await;
        let session = mock.client().session(Token::new("t0", mock.url("/token")));
        let result = spend(&session, &mock).await;
        assert_eq!(result.is_ok(), rotates, "{result:?}");
        assert_eq!(generation.load(Ordering::SeqCst), 1 + usize::from(rotates));
    }
    check(|| Reply::refuse(403, "inactive_token", "Inactive Token"), true).await;
    check(|| Reply::refuse(401, "invalid_token", "Invalid Token"), true).await;
    check(|| Reply::refuse(401, "invalid_signature", "Signature validation error: unknown key"), false).await;
    check(|| Reply::refuse(403, "insufficient_grant", "Insufficient Grant"), false).await;
    check(|| Reply::refuse(403, "limit_exceeded", "unauthorized"), false).await;
}

#[tokio::test]
async fn a_server_that_never_accepts_its_own_tokens_is_not_asked_for_ever() {
    let mock = Mock::with_origin(|origin| {
        move |seen: crate::mock::Seen| {
            let token = json!({"value": "t", "manage": format!("{origin}/token"), "access": []});
            let reply = match seen.path() {
                "/token" => Reply::Json(200, json!({"access_token": token})),
                _ => Reply::refuse(403, "inactive_token", "Inactive Token"),
            };
            std::future::ready(reply)
        }
    })
    .await;
    let session = mock.client().session(Token::new("t0", mock.url("/token")));
    assert!(matches!(spend(&session, &mock).await, Err(Error::Refused(_))));
    assert_eq!(mock.seen().len(), 3);
}

#[tokio::test]
async fn a_grant_that_was_ended_is_told_apart_from_a_passing_trouble() {
    async fn check(rotation: fn() -> Reply, ended: bool, status: u16) {
        let mock = Mock::new(move |seen| match seen.path() {
            "/token" => rotation(),
            _ => Reply::refuse(403, "inactive_token", "Inactive Token"),
        })
        .await;
        let session = mock.client().session(Token::new("t0", mock.url("/token")));
        let error = spend(&session, &mock).await.unwrap_err();
        assert_eq!(matches!(error, Error::TokenEnded(_)), ended, "{error:?}");
        assert_eq!(error.refusal().unwrap().status, status);
        assert_eq!(session.current().await.expose(), "t0");
    }
    check(|| Reply::refuse(401, "invalid_rotation", "revoked"), true, 401).await;
    check(|| Reply::refuse(404, "", ""), true, 404).await;
    check(|| Reply::refuse(400, "invalid_client", "the key is revoked"), false, 400).await;
    check(|| Reply::Empty(500), false, 500).await;
    check(|| Reply::Empty(503), false, 503).await;
}

#[tokio::test]
async fn a_rotation_goes_on_when_the_task_that_wanted_it_is_cancelled() {
    let (arrived, proceed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (arrived_there, proceed_there) = (Arc::clone(&arrived), Arc::clone(&proceed));
    let mock = Mock::with_origin(|origin| {
        move |_| {
            let (arrived, proceed, origin) = (Arc::clone(&arrived_there), Arc::clone(&proceed_there), origin.clone());
            async move {
                arrived.notify_one();
                proceed.notified().await;
                let token = json!({"value": "t1", "manage": format!("{origin}/token"), "access": []});
                Reply::Json(200, json!({"access_token": token}))
            }
        }
    })
    .await;
    let session = mock.client().session(Token::new("t0", mock.url("/token")));
    let in_task = session.clone();
    let task = tokio::spawn(async move { in_task.rotate().await });
    arrived.notified().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    proceed.notify_one();
    // Waits for the rotation, since it holds the token.
    assert_eq!(session.current().await.expose(), "t1");
    assert_eq!(mock.seen().len(), 1);
}

#[tokio::test]
async fn whoever_keeps_a_grant_is_told_of_its_new_token_before_it_is_used() {
    let provider = Provider::new().await;
    let (bob, grant) = issued(&provider).await;
    let kept: Arc<Mutex<Vec<SavedGrant>>> = Arc::default();
    let (sink, mock) = (Arc::clone(&kept), provider.mock.client());
    grant.on_change(move |saved| sink.lock().unwrap().push(saved.clone()));
    provider.expire_tokens();
    grant.session().unwrap().outgoing_payments().spent(&bob).await.unwrap();
    let saved = kept.lock().unwrap().pop().unwrap();
    assert_eq!(saved, grant.save().await);
    assert_eq!(saved.access().len(), 1);
    assert_eq!(saved.token_expires_at().unwrap().to_string(), "2025-05-20T13:20:01Z");

    // What was kept is enough to go on, and to go on again.
    let again = mock.grants().restore(saved);
    provider.expire_tokens();
    again.session().unwrap().outgoing_payments().spent(&bob).await.unwrap();
    again.cancel().await.unwrap();
    assert_eq!(rotations(&provider), 2);
}

#[tokio::test]
async fn a_lost_answer_to_a_rotation_is_asked_for_again() {
    let count = AtomicUsize::new(0);
    let mock = Mock::with_origin(|origin| {
        move |_| {
            let token = json!({"value": "t1", "manage": format!("{origin}/token"), "access": []});
            std::future::ready(match count.fetch_add(1, Ordering::SeqCst) {
                0 => Reply::Hangup,
                _ => Reply::Json(200, json!({"access_token": token})),
            })
        }
    })
    .await;
    let session = mock.client().session(Token::new("t0", mock.url("/token")));
    assert_eq!(session.rotate().await.unwrap().expose(), "t1");
    assert_eq!(mock.lines(), ["POST /token", "POST /token"]);
}
