//! Rotating and revoking access tokens (protocol §3, Tokens).

use crate::{cad, text};
use bursar_testkit::{Engine, Grant, Provider, TestApp, World};
use serde_json::{Value, json};

async fn start() -> (World, Provider, TestApp, Grant) {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let wallet = provider.account("user", "CAD", 2, 100_000).await;
    let grant = app.mandate(&provider, &wallet, json!({ "debitAmount": cad(100) })).await;
    (world, provider, app, grant)
}

fn spent(provider: &Provider) -> String {
    format!("{}/outgoing-payment-grant", provider.app.config.resource_url())
}

async fn rotate(app: &TestApp, manage: &str, token: &str) -> bursar_testkit::Reply {
    app.post(manage, Some(token), &Value::Null).await
}

#[tokio::test]
async fn rotation_replaces_value_and_uri() {
    let (world, provider, app, grant) = start().await;
    let answer = rotate(&app, &grant.manage, &grant.token).await.expect(200);
    let new = &answer["access_token"];
    assert_ne!(new["value"], json!(grant.token));
    assert_ne!(new["manage"], json!(grant.manage));
    assert_eq!(new["access"][0]["limits"], json!({ "debitAmount": cad(100) }));
    app.get(&spent(&provider), Some(&grant.token)).await.refused(403, "inactive_token", "Inactive Token");
    app.get(&spent(&provider), Some(text(&new["value"]))).await.expect(200);

    // The answer was lost: the same new token, for a short while.
    let again = rotate(&app, &grant.manage, &grant.token).await.expect(200);
    assert_eq!(again["access_token"]["value"], new["value"]);
    world.advance("PT61S");
    rotate(&app, &grant.manage, &grant.token).await.refused(400, "invalid_rotation", "*");
}

#[tokio::test]
async fn expired_and_long_unused_tokens_rotate() {
    let (world, provider, app, grant) = start().await;
    world.advance("PT10M");
    app.get(&spent(&provider), Some(&grant.token)).await.refused(403, "inactive_token", "Inactive Token");
    world.advance("P2Y");
    bursar_app::jobs::clean(&provider.app).await.expect("a round of cleaning");
    let answer = rotate(&app, &grant.manage, &grant.token).await.expect(200);
    app.get(&spent(&provider), Some(text(&answer["access_token"]["value"]))).await.expect(200);
}

#[tokio::test]
async fn revoked_tokens_are_dead() {
    let (_world, provider, app, grant) = start().await;
    app.delete(&grant.manage, Some("wrong")).await.refused(401, "invalid_client", "*");
    rotate(&app, &grant.manage, "wrong").await.refused(400, "invalid_rotation", "*");
    rotate(&app, &format!("{}x", grant.manage), &grant.token).await.refused(404, "invalid_rotation", "*");
    app.delete(&grant.manage, Some(&grant.token)).await.expect(204);
    app.delete(&grant.manage, Some(&grant.token)).await.expect(204);
    app.get(&spent(&provider), Some(&grant.token)).await.refused(403, "inactive_token", "Inactive Token");
    rotate(&app, &grant.manage, &grant.token).await.refused(400, "invalid_rotation", "*");
}

#[tokio::test]
async fn revoking_a_rotated_token_ends_what_replaced_it() {
    let (_world, provider, app, grant) = start().await;
    let lost = rotate(&app, &grant.manage, &grant.token).await.expect(200);
    let (value, manage) = (text(&lost["access_token"]["value"]), text(&lost["access_token"]["manage"]));
    app.delete(&grant.manage, Some(&grant.token)).await.expect(204);
    app.get(&spent(&provider), Some(value)).await.refused(403, "inactive_token", "Inactive Token");
    rotate(&app, &grant.manage, &grant.token).await.refused(400, "invalid_rotation", "*");
    rotate(&app, manage, value).await.refused(400, "invalid_rotation", "*");
}

#[tokio::test]
async fn one_of_many_rotations_wins() {
    let (_world, _provider, app, grant) = start().await;
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let (app, grant) = (app.clone(), grant.clone());
        tasks.push(tokio::spawn(async move { rotate(&app, &grant.manage, &grant.token).await.expect(200) }));
    }
    let mut values = Vec::new();
    for task in tasks {
        values.push(text(&task.await.expect("an answer")["access_token"]["value"]).to_owned());
    }
    values.dedup();
    assert_eq!(values.len(), 1, "all got the same new token");
}

/// A node believes what it read for less than a second: what another node ends is over then, on this one at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_ends_on_one_node_ends_on_all() {
    let world = World::new();
    let here = world.provider(Engine::Server).await;
    let there = world.second_node(&here).await;
    let app = here.client("app", &world.clock).await;
    let wallet = here.account("user", "CAD", 2, 100_000).await;
    let find = async |node: &Provider, token: &str| bursar_app::callers::find(&node.app, token).await;
    for end in ["revoke", "cancel", "key"] {
        let grant = app.mandate(&here, &wallet, json!({ "debitAmount": cad(100) })).await;
        for node in [&here, &there] {
            find(node, &grant.token).await.expect("a caller");
        }
        match end {
            "revoke" => drop(app.delete(&grant.manage, Some(&grant.token)).await.expect(204)),
            "cancel" => drop(app.delete(&grant.continue_uri, Some(&grant.continue_token)).await.expect(204)),
            _ => bursar_app::accounts::revoke_key(&here.app, "app", "key-1").await.expect("revoked"),
        }
        find(&here, &grant.token).await.expect_err(end);
        while find(&there, &grant.token).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}
