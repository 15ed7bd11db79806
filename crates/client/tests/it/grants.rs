//! Grants: from the request to the token, and to the end.

use crate::mock::{Mock, Reply};
use crate::provider::Provider;
use bursar_client::types::{Action, WalletAddress};
use bursar_client::{
    AuthenticatedClient, Client, ClientForm, Duration, Error, Grant, GrantRequest, IncomingAccess, InvalidRedirect,
    IssuedGrant, OutgoingAccess, PendingGrant, QuoteAccess,
};
use serde_json::{Value, json};

const CALLBACK: &str = "http://localhost:3344/?id=1";

/// Alice's wallet address, and a mandate that she is asked for.
async fn ask(provider: &Provider, interaction: fn(GrantRequest) -> GrantRequest) -> (WalletAddress, PendingGrant) {
    let client = provider.mock.client();
    let alice = client.wallet_address(provider.mock.url("/alice")).get().await.unwrap();
    let mandate = OutgoingAccess::new(&alice.id)
        .debit(alice.asset().unwrap().parse_decimal("100").unwrap())
        .interval("R3/2025-05-20T13:00:00Z/P1M");
    let request = interaction(GrantRequest::new().access(QuoteAccess::new([Action::Create])).access(mandate));
    let pending = client.grants().request(&alice.auth_server, request).await.unwrap().pending().unwrap();
    (alice, pending)
}

fn with_finish(request: GrantRequest) -> GrantRequest {
    request.finish(CALLBACK)
}

#[tokio::test]
async fn the_account_holder_agrees() {
    let provider = Provider::new().await;
    let (_, pending) = ask(&provider, with_finish).await;
    assert_eq!(pending.redirect(), provider.mock.url("/interact/1"));

    let back = provider.decide(pending.redirect(), true).unwrap();
    assert!(back.starts_with("http://localhost:3344/?id=1&hash="), "{back}");
    let grant = pending.finish(&back).await.unwrap();

    let sent = provider.mock.seen()[1].json();
    assert_eq!(sent["client"], json!(provider.mock.url("/app")));
    assert_eq!(sent["interact"]["finish"]["uri"], CALLBACK);
    assert_eq!(sent["access_token"]["access"][1]["limits"]["debitAmount"]["value"], "10000");
    let token = grant.token().await.unwrap();
    assert_eq!(token.expose(), "token-2");
    assert_eq!(token.manage_url(), provider.mock.url("/auth/token/2"));
    assert_eq!(token.access().len(), 2);
    assert_eq!(token.expires_at().unwrap().to_string(), "2025-05-20T13:10:00Z");
    assert_eq!(provider.mock.lines(), ["GET /alice", "POST /auth/", "POST /auth/continue/1"]);
    assert_eq!(provider.mock.seen()[2].json(), json!({"interact_ref": "ref-1"}));
}

#[tokio::test]
async fn a_web_app_goes_on_in_another_request() {
    let provider = Provider::new().await;
    let (_, pending) = ask(&provider, with_finish).await;
    let kept = serde_json::to_string(&pending.save()).unwrap();
    let back = provider.decide(pending.redirect(), true).unwrap();
    drop(pending);

    let pending = provider.mock.client().grants().restore_pending(serde_json::from_str(&kept).unwrap());
    // Frameworks give the path and query of a request.
    let target = back.strip_prefix("http://localhost:3344").unwrap();
    assert!(pending.finish(target).await.is_ok());
}

#[tokio::test]
async fn the_account_holder_refuses() {
    let provider = Provider::new().await;
    let (_, pending) = ask(&provider, with_finish).await;
    let back = provider.decide(pending.redirect(), false).unwrap();
    assert!(matches!(pending.finish(&back).await, Err(Error::Denied(_))));
    assert!(matches!(pending.finish("/?result=grant_invalid").await, Err(Error::InteractionInvalid)));
    assert_eq!(provider.mock.count("POST", "/auth/continue"), 0);
}

#[tokio::test]
async fn a_return_that_is_not_genuine_is_not_acted_upon() {
    let provider = Provider::new().await;
    let (_, pending) = ask(&provider, with_finish).await;
    let (_, of_another) = ask(&provider, with_finish).await;
    let genuine = provider.decide(pending.redirect(), true).unwrap();
    let other = provider.decide(of_another.redirect(), true).unwrap();
    let forged = genuine.replace("ref-1", "ref-2");
    let missing = genuine.split("&interact_ref").next().unwrap().to_owned();
    assert!(matches!(pending.finish(&other).await, Err(Error::HashMismatch)));
    assert!(matches!(pending.finish(&forged).await, Err(Error::HashMismatch)));
    let error = pending.finish(&missing).await.unwrap_err();
    assert!(matches!(error, Error::Redirect(InvalidRedirect::Missing("interact_ref"))), "{error:?}");
    assert_eq!(provider.mock.count("POST", "/auth/continue"), 0);
    assert!(pending.finish(&genuine).await.is_ok());
}

#[tokio::test]
async fn polling_keeps_to_the_pace_that_the_server_wants() {
    let provider = Provider::new().await;
    let (_, mut pending) = ask(&provider, GrantRequest::without_finish).await;
    // 30 s as the request's answer says, then 7; the second poll is found too fast, so 12 and then 7 again.
    assert!(matches!(pending.poll(Duration::from_secs(60)).await, Err(Error::StillPending)));
    assert_eq!(provider.mock.clock.slept(), [30_000, 7_000, 12_000, 7_000]);
    assert_eq!(provider.mock.count("POST", "/auth/continue/1"), 4);
    assert!(provider.mock.seen().last().unwrap().body.is_empty());

    assert_eq!(provider.decide(pending.redirect(), true), None);
    let grant = pending.poll(Duration::from_secs(10)).await.unwrap();
    assert_eq!(grant.token().await.unwrap().access().len(), 2);
}

#[tokio::test]
async fn polling_learns_of_a_refusal() {
    let provider = Provider::new().await;
    let (_, mut pending) = ask(&provider, GrantRequest::without_finish).await;
    assert!(pending.poll_once().await.unwrap().is_none());
    provider.decide(pending.redirect(), false);
    let error = pending.poll(Duration::from_secs(60)).await.unwrap_err();
    assert!(matches!(&error, Error::Denied(reason) if reason == "denied"), "{error:?}");
    let error = pending.finish("/?hash=a&interact_ref=b").await.unwrap_err();
    assert!(matches!(error, Error::Redirect(InvalidRedirect::NoFinish)));
}

#[tokio::test]
async fn a_request_can_be_withdrawn() {
    let provider = Provider::new().await;
    let (_, pending) = ask(&provider, with_finish).await;
    pending.cancel().await.unwrap();
    let last = provider.mock.seen().pop().unwrap();
    assert_eq!((last.line().as_str(), last.body.len()), ("DELETE /auth/continue/1", 0));
    let back = provider.decide(pending.redirect(), true).unwrap();
    let error = pending.finish(&back).await.unwrap_err();
    assert_eq!(error.refusal().map(|refusal| refusal.code.as_str()), Some("invalid_continuation"));
}

/// A grant for which nobody is asked.
async fn issued(provider: &Provider, client: &AuthenticatedClient) -> IssuedGrant {
    let request = GrantRequest::new().access(IncomingAccess::new([Action::Create, Action::Read]));
    client.grants().request(&provider.mock.url("/auth/"), request).await.unwrap().issued().unwrap()
}

#[tokio::test]
async fn a_grant_can_be_kept_and_ended() {
    let provider = Provider::new().await;
    let client = provider.mock.client();
    let grant = issued(&provider, &client).await;
    let kept = serde_json::to_string(&grant.save().await).unwrap();
    assert!(kept.contains("token-2"), "{kept}");
    assert!(!format!("{grant:?} {:?}", grant.save().await).contains("token-2"), "{grant:?}");

    let grant = client.grants().restore(serde_json::from_str(&kept).unwrap());
    assert_eq!(grant.token().await.unwrap().expose(), "token-2");
    assert_eq!(grant.rotate().await.unwrap().expose(), "token-3");
    grant.revoke().await.unwrap();
    grant.cancel().await.unwrap();
    assert!(provider.state.lock().unwrap().grants["1"].cancelled);
    let lines = provider.mock.lines().split_off(1);
    assert_eq!(lines, ["POST /auth/token/2", "DELETE /auth/token/3", "DELETE /auth/continue/1"]);
}

#[tokio::test]
async fn a_wallet_address_can_be_proven() {
    let provider = Provider::new().await;
    let client = provider.mock.client();
    let alice = provider.mock.url("/alice");
    let request = GrantRequest::new().subject(&alice).finish(CALLBACK);
    let pending = client.grants().request(&provider.mock.url("/auth/"), request).await.unwrap().pending().unwrap();
    let grant = pending.finish(&provider.decide(pending.redirect(), true).unwrap()).await.unwrap();
    assert_eq!(grant.subject(), Some(alice.as_str()));
    assert!(matches!(grant.session(), Err(Error::NoAccess)));
    let kept = client.grants().restore(grant.save().await);
    assert_eq!(kept.subject(), Some(alice.as_str()));
}

#[tokio::test]
async fn a_client_may_be_only_a_key() {
    let provider = Provider::new().await;
    let mock = &provider.mock;
    let client = Client::builder().http_client(crate::mock::http_client()).clock(mock.clock.clock());
    let client = client.key_only().key_id(crate::mock::KEY_ID).private_key(crate::mock::key()).build().unwrap();
    issued(&provider, &client).await;
    let jwk = mock.seen()[0].json()["client"]["jwk"].clone();
    assert_eq!(jwk, serde_json::to_value(crate::mock::key().public_jwk(crate::mock::KEY_ID).unwrap()).unwrap());
}

#[tokio::test]
async fn a_wallet_address_is_written_as_text_or_as_an_object() {
    let provider = Provider::new().await;
    let mock = &provider.mock;
    for (form, expected) in
        [(ClientForm::Text, json!(mock.url("/app"))), (ClientForm::Object, json!({"walletAddress": mock.url("/app")}))]
    {
        let client = Client::builder().http_client(crate::mock::http_client()).clock(mock.clock.clock());
        let client = client.wallet_address(mock.url("/app")).client_form(form).key_id(crate::mock::KEY_ID);
        issued(&provider, &client.private_key(crate::mock::key()).build().unwrap()).await;
        assert_eq!(mock.seen().pop().unwrap().json()["client"], expected);
    }
}

#[tokio::test]
async fn the_servers_choice_may_be_another_than_expected() {
    let provider = Provider::new().await;
    let client = provider.mock.client();
    let endpoint = provider.mock.url("/auth/");
    let access = OutgoingAccess::new(provider.mock.url("/alice"));
    let request = GrantRequest::new().access(access).finish(CALLBACK);
    let grant = client.grants().request(&endpoint, request).await.unwrap();
    assert!(matches!(grant.issued(), Err(Error::UnexpectedGrant(_))));
    let request = GrantRequest::new().access(QuoteAccess::new([Action::Create]));
    let grant = client.grants().request(&endpoint, request).await.unwrap();
    assert!(matches!(grant.pending(), Err(Error::UnexpectedGrant(_))));
}

/// What a client makes of an answer to a grant request.
async fn answered(answer: Value) -> Result<Grant, Error> {
    let mock = Mock::new(move |_| Reply::Json(200, answer.clone())).await;
    let request = GrantRequest::new().access(OutgoingAccess::new(mock.url("/alice"))).finish(CALLBACK);
    mock.client().grants().request(&mock.url("/auth"), request).await
}

#[tokio::test]
async fn answers_that_cannot_be_used_are_refused() {
    async fn check(answer: Value, expected: &str) {
        let error = answered(answer).await.unwrap_err();
        let Error::InvalidResponse { reason, .. } = &error else { panic!("{error:?}") };
        assert!(reason.contains(expected), "{reason}");
    }
    let go_on = json!({"access_token": {"value": "c"}, "uri": "https://auth.example/continue/1"});
    let redirect = "https://auth.example/interact/1";
    let token = |manage: &str| json!({"value": "t", "manage": manage, "access": []});
    check(json!({}), "missing field `continue`").await;
    check(json!({"continue": go_on}), "neither an access token nor an interaction").await;
    check(json!({"continue": go_on, "interact": {"redirect": redirect}}), "no interact.finish").await;
    check(
        json!({"continue": go_on, "interact": {"redirect": "javascript:alert(1)", "finish": "f"}}),
        "the URL of its consent page",
    )
    .await;
    check(
        json!({"continue": {"access_token": {"value": "c"}, "uri": "http://auth.example/"}, "access_token": token(redirect)}),
        "its continue URI",
    )
    .await;
    check(json!({"continue": go_on, "access_token": token("http://auth.example/")}), "the token's manage URL").await;
}

#[tokio::test]
async fn access_of_an_unknown_kind_does_not_cost_the_token() {
    let access = json!([{"type": "quote", "actions": ["create"]}, {"type": "loan", "actions": ["grant"]}, 7]);
    let grant = answered(json!({
        "continue": {"access_token": {"value": "c"}, "uri": "https://auth.example/continue/1"},
        "access_token": {"value": "t", "manage": "https://auth.example/token/1", "access": access},
    }))
    .await
    .unwrap();
    let token = grant.issued().unwrap().token().await.unwrap();
    assert_eq!((token.access().len(), token.expires_at()), (1, None));
}

#[tokio::test]
async fn a_request_that_nobody_could_grant_is_not_sent() {
    let mock = Mock::new(|_| Reply::Empty(500)).await;
    let request = GrantRequest::new().access(OutgoingAccess::new(mock.url("/alice")).interval("P1M")).finish(CALLBACK);
    let error = mock.client().grants().request(&mock.url("/auth"), request).await.unwrap_err();
    assert!(error.to_string().starts_with("the interval cannot be read:"), "{error}");
    assert!(mock.seen().is_empty());
}
