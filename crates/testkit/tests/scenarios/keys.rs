//! Developer keys, as their owner looks after them and programs use them.

use bursar_app::{developer_keys, jobs};
use bursar_testkit::{Engine, Provider, TestApp, World};
use http::HeaderMap;
use serde_json::json;

async fn published(app: &TestApp) -> Vec<String> {
    let set = app.send("GET", &format!("{}/jwks.json", app.address), HeaderMap::new(), None).await.expect(200);
    let keys = set["keys"].as_array().expect("a list").clone();
    let mut names: Vec<String> = keys.iter().map(|key| crate::text(&key["kid"]).to_owned()).collect();
    names.sort();
    names
}

async fn address(provider: &Provider, name: &str) -> String {
    let person = provider.person(name).await;
    let accounts = bursar_app::addresses::list(&provider.app, &person).await.expect("a list");
    accounts[0].addresses[0].id.to_string()
}

#[tokio::test]
async fn a_key_is_in_force_at_once_and_gone_at_once() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let (person, address) = (provider.person("app").await, address(&provider, "app").await);
    assert_eq!(published(&app).await, ["key-1"]);

    let made = developer_keys::generate(&provider.app, &person, &address, "key-2", "Server").await.expect("a key");
    assert_eq!(published(&app).await, ["key-1", "key-2"]);
    let second = app.with_key(made, "key-2");
    let token = second.incoming_grant(&provider, &app.address).await;
    let url = format!("{}/op/incoming-payments?wallet-address={}", provider.url(), app.address);
    second.get(&url, Some(&token.token)).await.expect(200);

    // Removed: neither a new grant nor the token that is bound to it.
    let (_, keys) = developer_keys::list(&provider.app, &person, &address).await.expect("a list");
    let key = keys.iter().find(|key| key.kid == "key-2").expect("the key");
    developer_keys::remove(&provider.app, &person, &address, &key.id.to_string()).await.expect("it is removed");
    assert_eq!(published(&app).await, ["key-1"]);
    second.get(&url, Some(&token.token)).await.refused(401, "invalid_signature", "*");
    let item = json!([{ "type": "incoming-payment", "actions": ["create"], "identifier": app.address }]);
    second.request(&provider, item, None).await.refused(400, "invalid_client", "*");
    app.incoming_grant(&provider, &app.address).await;
}

#[tokio::test]
async fn when_a_key_was_last_used_is_written_down_once_an_hour() {
    for engine in [Engine::Embedded, Engine::Server] {
        let world = World::new();
        let provider = world.provider(engine).await;
        let other = world.second_node(&provider).await;
        let app = provider.client("app", &world.clock).await;
        let (person, address) = (provider.person("app").await, address(&provider, "app").await);
        let used = async |node: &Provider| {
            let (_, keys) = developer_keys::list(&node.app, &person, &address).await.expect("a list");
            keys[0].used_at
        };
        assert_eq!((used(&provider).await, used(&other).await), (None, None));
        let began = world.clock.now();
        app.incoming_grant(&provider, &app.address).await;
        // Known to its node at once, and to others once it is written.
        assert_eq!((used(&provider).await, used(&other).await), (Some(began), None));
        jobs::clean(&provider.app).await.expect("a round");
        assert_eq!(used(&other).await, Some(began));

        world.advance("PT30M");
        app.incoming_grant(&provider, &app.address).await;
        jobs::clean(&provider.app).await.expect("a round");
        assert_eq!((used(&provider).await, used(&other).await), (Some(began), Some(began)), "within the hour");
        world.advance("PT30M");
        app.incoming_grant(&provider, &app.address).await;
        jobs::clean(&provider.app).await.expect("a round");
        assert_eq!(used(&other).await, Some(world.clock.now()));
    }
}
