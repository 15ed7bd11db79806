//! Lists of payments (protocol §5, Pagination): pages, cursors, and who sees what.

use crate::{cad, text};
use bursar_testkit::{Engine, Grant, Provider, Reply, TestApp, World};
use serde_json::{Value, json};

struct Scene {
    world: World,
    provider: Provider,
    app: TestApp,
    carol: String,
}

impl Scene {
    async fn start(engine: Engine) -> Self {
        let world = World::new();
        let provider = world.provider(engine).await;
        let app = provider.client("app", &world.clock).await;
        let carol = provider.account("carol", "CAD", 2, 0).await;
        Self { world, provider, app, carol }
    }

    async fn make(&self, app: &TestApp, grant: &Grant) -> String {
        self.world.advance("PT1S");
        let url = format!("{}/incoming-payments", self.provider.app.config.resource_url());
        let made = app.post(&url, Some(&grant.token), &json!({ "walletAddress": self.carol })).await.expect(201);
        text(&made["id"]).to_owned()
    }

    async fn list(&self, app: &TestApp, token: &str, query: &str) -> Reply {
        let base = self.provider.app.config.resource_url();
        let url = format!("{base}/incoming-payments?wallet-address={}{query}", encoded(&self.carol));
        app.get(&url, Some(token)).await
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn ids(page: &Value) -> Vec<String> {
    let result = page["result"].as_array().expect("a list");
    result.iter().map(|payment| text(&payment["id"]).to_owned()).collect()
}

fn cursor(page: &Value, which: &str) -> String {
    text(&page["pagination"][which]).to_owned()
}

#[tokio::test]
async fn pages_stay_right_while_payments_arrive() {
    for engine in Engine::BOTH {
        let scene = Scene::start(engine).await;
        let Scene { app, provider, carol, .. } = &scene;
        let grant = app.incoming_grant(provider, carol).await;
        let empty = scene.list(app, &grant.token, "").await.expect(200);
        assert_eq!(empty, json!({ "pagination": { "hasNextPage": false, "hasPreviousPage": false }, "result": [] }));

        let mut made = Vec::new();
        for _ in 0..23 {
            made.push(scene.make(app, &grant).await);
        }
        made.reverse();
        let first = scene.list(app, &grant.token, "").await.expect(200);
        assert_eq!(ids(&first), made[..20], "newest first, 20 unless told otherwise");
        assert_eq!(
            (&first["pagination"]["hasNextPage"], &first["pagination"]["hasPreviousPage"]),
            (&json!(true), &json!(false))
        );
        assert!(first["result"][0].get("methods").is_none(), "lists do not say how to pay");

        // What arrives in between moves nothing.
        scene.make(app, &grant).await;
        let end = cursor(&first, "endCursor");
        let second = scene.list(app, &grant.token, &format!("&first=100&cursor={end}")).await.expect(200);
        assert_eq!(ids(&second), made[20..]);
        assert_eq!(
            (&second["pagination"]["hasNextPage"], &second["pagination"]["hasPreviousPage"]),
            (&json!(false), &json!(true))
        );
        let start = cursor(&second, "startCursor");
        let back = scene.list(app, &grant.token, &format!("&last=5&cursor={start}")).await.expect(200);
        assert_eq!(ids(&back), made[15..20], "the five before it, newest first");
        assert_eq!(
            (&back["pagination"]["hasNextPage"], &back["pagination"]["hasPreviousPage"]),
            (&json!(true), &json!(true))
        );
        let last = cursor(&second, "endCursor");
        let beyond = scene.list(app, &grant.token, &format!("&cursor={last}")).await.expect(200);
        assert_eq!(beyond, json!({ "pagination": { "hasNextPage": false, "hasPreviousPage": true }, "result": [] }));
    }
}

#[tokio::test]
async fn parameters_that_make_no_sense() {
    let scene = Scene::start(Engine::Embedded).await;
    let Scene { app, provider, carol, .. } = &scene;
    let grant = app.incoming_grant(provider, carol).await;
    let known = scene.make(app, &grant).await;
    let known = known.rsplit_once('/').expect("an id").1;
    // A resource that is there, but in no list of carol's.
    let other = provider.account("dave", "CAD", 2, 0).await;
    let foreign = app.receiver(provider, &other).await;
    let foreign = foreign.rsplit_once('/').expect("an id").1;
    for query in [
        "&first=0",
        "&first=101",
        "&first=x",
        "&first=",
        "&last=5",
        &format!("&first=1&last=1&cursor={known}"),
        "&cursor=x",
        "&cursor=",
        "&cursor=018f0000-0000-7000-8000-000000000000",
        &format!("&cursor={foreign}"),
        "&first=1&first=2",
        &format!("&wallet-address={}", encoded(carol)),
    ] {
        scene.list(app, &grant.token, query).await.refused(400, "invalid_request", "*");
    }
    scene.list(app, &grant.token, &format!("&first=100&cursor={known}&unknown=1")).await.expect(200);
    let base = provider.app.config.resource_url();
    for query in ["", "?wallet-address=", "?wallet-address=nonsense", "?first=1"] {
        app.get(&format!("{base}/incoming-payments{query}"), Some(&grant.token)).await.refused(
            400,
            "invalid_request",
            "*",
        );
    }
    let nobody = encoded(&format!("{}/nobody", provider.url()));
    app.get(&format!("{base}/incoming-payments?wallet-address={nobody}"), Some(&grant.token)).await.refused(
        400,
        "invalid_request",
        "*",
    );
    // Spelled as a payment pointer or in capitals it is the same address.
    let capitals = encoded(&carol.to_uppercase().replace("HTTP", "http"));
    let page = app.get(&format!("{base}/incoming-payments?wallet-address={capitals}"), Some(&grant.token)).await;
    assert_eq!(ids(&page.expect(200)).len(), 1);
}

#[tokio::test]
async fn who_sees_which_payments() {
    let scene = Scene::start(Engine::Embedded).await;
    let Scene { app, provider, carol, world, .. } = &scene;
    let other = provider.client("other", &world.clock).await;
    let key_only = TestApp::key_only(provider, &world.clock);
    let (mine, theirs, keys) = (
        app.incoming_grant(provider, carol).await,
        other.incoming_grant(provider, carol).await,
        key_only.incoming_grant(provider, carol).await,
    );
    let by_app = scene.make(app, &mine).await;
    let by_other = scene.make(&other, &theirs).await;
    let by_key = scene.make(&key_only, &keys).await;
    for (client, grant, own) in [(app, &mine, &by_app), (&other, &theirs, &by_other), (&key_only, &keys, &by_key)] {
        let page = scene.list(client, &grant.token, "").await.expect(200);
        assert_eq!(ids(&page), std::slice::from_ref(own));
        for payment in [&by_app, &by_other, &by_key] {
            let reply = client.get(payment, Some(&grant.token)).await;
            if payment == own {
                drop(reply.expect(200))
            } else {
                reply.refused(404, "not_found", "*")
            }
            if payment != own {
                let url = format!("{payment}/complete");
                client.post(&url, Some(&grant.token), &Value::Null).await.refused(404, "not_found", "*");
            }
        }
        // The cursor of a payment that one does not see is no cursor.
        let foreign = if own == &by_app { &by_other } else { &by_app };
        let query = format!("&cursor={}", foreign.rsplit_once('/').expect("an id").1);
        scene.list(client, &grant.token, &query).await.refused(400, "invalid_request", "*");
    }
    // Listing everything needs the account holder; reading everything does not.
    let access = json!([{ "type": "incoming-payment", "actions": ["list-all"], "identifier": carol }]);
    app.request(provider, access.clone(), None).await.refused(400, "invalid_request", "*");
    let pending = app.request(provider, access, Some(TestApp::interact())).await.expect(200);
    let all = app.approved(provider, &pending).await;
    assert_eq!(ids(&scene.list(app, &all.token, "").await.expect(200)), [by_key, by_other.clone(), by_app]);
    let read_all = json!([{ "type": "incoming-payment", "actions": ["read-all"], "identifier": carol }]);
    let read_all = Grant::read(&app.request(provider, read_all, None).await.expect(200));
    app.get(&by_other, Some(&read_all.token)).await.expect(200);
    scene.list(app, &read_all.token, "").await.refused(403, "insufficient_grant", "Insufficient Grant");
}

#[tokio::test]
async fn outgoing_payments_are_listed_alike() {
    let scene = Scene::start(Engine::Embedded).await;
    let Scene { app, provider, carol, world } = &scene;
    let wallet = provider.account("user", "CAD", 2, 100_000).await;
    let other = provider.client("other", &world.clock).await;
    let receiver = app.receiver(provider, carol).await;
    let (mine, theirs) =
        (app.mandate(provider, &wallet, Value::Null).await, other.mandate(provider, &wallet, Value::Null).await);
    let mut made = Vec::new();
    for (client, grant, cents) in [(app, &mine, 1), (&other, &theirs, 2), (app, &mine, 3)] {
        world.advance("PT1S");
        let paid = client.pay(provider, &grant.token, &wallet, &receiver, cad(cents)).await.expect(201);
        made.push(text(&paid["id"]).to_owned());
    }
    let base = provider.app.config.resource_url();
    let list = |query: &str| format!("{base}/outgoing-payments?wallet-address={}{query}", encoded(&wallet));
    let page = app.get(&list(""), Some(&mine.token)).await.expect(200);
    assert_eq!(ids(&page), [made[2].clone(), made[0].clone()]);
    assert_eq!(page["result"][0]["sentAmount"], cad(3));
    assert!(page["result"][0].get("grantSpentDebitAmount").is_none());
    let page = app.get(&list("&first=1"), Some(&mine.token)).await.expect(200);
    assert_eq!((ids(&page), &page["pagination"]["hasNextPage"]), (vec![made[2].clone()], &json!(true)));
    assert_eq!(ids(&other.get(&list(""), Some(&theirs.token)).await.expect(200)), [made[1].clone()]);
    // A token for one wallet lists no other, and a token for one kind of resource no other kind.
    let of_carol = format!("{base}/outgoing-payments?wallet-address={}", encoded(carol));
    app.get(&of_carol, Some(&mine.token)).await.refused(403, "insufficient_grant", "Insufficient Grant");
    let incoming = app.incoming_grant(provider, &wallet).await;
    app.get(&list(""), Some(&incoming.token)).await.refused(403, "insufficient_grant", "Insufficient Grant");
}

/// Whoever follows a list by its newest cursor misses nothing, however many write at once and on whatever node.
#[tokio::test(flavor = "multi_thread")]
async fn a_follower_sees_every_payment() {
    const WRITERS: usize = 8;
    const EACH: usize = 12;
    for engine in Engine::BOTH {
        let scene = Scene::start(engine).await;
        let grant = scene.app.incoming_grant(&scene.provider, &scene.carol).await;
        let first = scene.make(&scene.app, &grant).await;
        let Scene { world, provider, carol, .. } = scene;
        let mut nodes = vec![provider];
        if engine == Engine::Server {
            nodes.push(world.second_node(&nodes[0]).await);
        }
        let mut writers = tokio::task::JoinSet::new();
        for number in 0..WRITERS {
            let (app, token, carol) = (nodes[number % nodes.len()].app.clone(), grant.token.clone(), carol.clone());
            writers.spawn(async move {
                for _ in 0..EACH {
                    let caller = bursar_app::callers::find(&app, &token).await.expect("a caller");
                    let ask = serde_json::from_value(json!({ "walletAddress": carol })).expect("a request");
                    bursar_app::incoming::create(&app, caller, ask, None).await.expect("a payment");
                }
            });
        }
        let id_of = |url: &str| url.rsplit_once('/').expect("an id").1.to_owned();
        let (mut cursor, mut seen, mut done) = (id_of(&first), Vec::new(), false);
        loop {
            let caller = bursar_app::callers::find(&nodes[0].app, &grant.token).await.expect("a caller");
            let query = bursar_app::lists::ListQuery {
                wallet_address: Some(carol.clone()),
                last: Some("5".to_owned()),
                cursor: Some(cursor.clone()),
                ..Default::default()
            };
            let page = bursar_app::incoming::list(&nodes[0].app, caller, query).await.expect("a page");
            seen.extend(page.result.iter().rev().map(|payment| payment.id.clone()));
            match page.pagination.start_cursor {
                Some(newest) => cursor = newest,
                // One more look once everybody has written.
                None if done => break,
                None if writers.is_empty() => done = true,
                None => {
                    if let Some(written) = writers.try_join_next() {
                        written.expect("no panic");
                    }
                    tokio::task::yield_now().await;
                }
            }
        }
        assert_eq!(seen.len(), WRITERS * EACH);
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), WRITERS * EACH, "each of them once");
    }
}
