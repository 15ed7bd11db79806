//! Races: many clients at once, on both engines, and on several nodes.

use crate::{amount, cad};
use bursar_app::idempotent::IdempotencyKey;
use bursar_app::refusals::Code;
use bursar_testkit::{Engine, Provider, TestApp, World};
use serde_json::json;
use std::sync::Arc;
use std::task::Poll;

/// Pays from many tasks at once through the given nodes; how many payments went through.
async fn race(nodes: &[Provider], token: &str, wallet: &str, receivers: &[String], clients: usize, each: usize) -> u64 {
    let mut tasks = Vec::new();
    for client in 0..clients {
        let node = nodes[client % nodes.len()].app.clone();
        let (token, wallet) = (token.to_owned(), wallet.to_owned());
        let receiver = receivers[client % receivers.len()].clone();
        tasks.push(tokio::spawn(async move {
            let mut paid = 0;
            for _ in 0..each {
                let body = json!({ "walletAddress": wallet, "incomingPayment": receiver, "debitAmount": cad(7) });
                // Through the node's own use case, since all nodes share one public URL.
                let caller = bursar_app::callers::find(&node, &token).await.expect("a caller");
                let ask = serde_json::from_value(body).expect("a request");
                match bursar_app::outgoing::create(&node, caller, ask, None).await {
                    Ok(_) => paid += 1,
                    Err(bursar_app::Error::Refused(refusal)) => assert_eq!(refusal.description, "unauthorized"),
                    Err(error) => panic!("{error}"),
                }
            }
            paid
        }));
    }
    let mut paid = 0;
    for task in tasks {
        paid += task.await.expect("a count");
    }
    paid
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_race_one_grant() {
    for engine in Engine::BOTH {
        let world = World::new();
        let provider = world.provider(engine).await;
        let app = provider.client("app", &world.clock).await;
        let wallet = provider.account("user", "CAD", 2, 1_000_000).await;
        let mut receivers = Vec::new();
        for (name, code, scale) in [("carol", "CAD", 2), ("dave", "USD", 2), ("jun", "JPY", 0)] {
            let payee = provider.account(name, code, scale, 0).await;
            receivers.push(app.receiver(&provider, &payee).await);
        }
        let grant = app.mandate(&provider, &wallet, json!({ "debitAmount": cad(1_000) })).await;
        let mut nodes = vec![provider];
        if engine == Engine::Server {
            nodes.push(world.second_node(&nodes[0]).await);
        }
        let paid = race(&nodes, &grant.token, &wallet, &receivers, 64, 4).await;
        assert_eq!(paid, 1_000 / 7, "as many as fit, to the unit");
        assert_eq!(nodes[0].balance("user").await, 1_000_000 - paid * 7);
        assert_eq!(nodes[0].audit().await.payments, paid);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_over_http() {
    for engine in Engine::BOTH {
        let world = World::new();
        let provider = Arc::new(world.provider(engine).await);
        let app = provider.client("app", &world.clock).await;
        let wallet = provider.account("user", "CAD", 2, 1_000_000).await;
        let carol = provider.account("carol", "CAD", 2, 0).await;
        let receiver = app.receiver(&provider, &carol).await;
        let limits = json!({ "debitAmount": cad(500), "interval": "R/2025-05-20T12:00:00Z/P1D" });
        let grant = app.mandate(&provider, &wallet, limits).await;
        let pay = async || app.pay(&provider, &grant.token, &wallet, &receiver, cad(9)).await.status;
        let statuses = futures_of(64, pay).await;
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 500 / 9);
        assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 64 - 500 / 9);
        provider.audit().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_idempotency_key_many_times_at_once() {
    for engine in Engine::BOTH {
        let world = World::new();
        let provider = world.provider(engine).await;
        let app = provider.client("app", &world.clock).await;
        let wallet = provider.account("user", "CAD", 2, 1_000_000).await;
        let carol = provider.account("carol", "CAD", 2, 0).await;
        let receiver = app.receiver(&provider, &carol).await;
        let grant = app.mandate(&provider, &wallet, json!({ "debitAmount": cad(500) })).await;
        let url = format!("{}/outgoing-payments", provider.app.config.resource_url());
        let body = json!({ "walletAddress": wallet, "incomingPayment": receiver, "debitAmount": cad(9) });
        let pay = async || {
            app.post_with(&url, Some(&grant.token), &body, &[("idempotency-key", "once")]).await.expect(201)["id"]
                .to_string()
        };
        let mut ids = futures_of(16, pay).await;
        ids.dedup();
        assert_eq!(ids.len(), 1, "all got the same answer");
        assert_eq!(provider.balance("carol").await, 9);
        provider.audit().await;
    }
}

/// The answers of so many calls at once.
async fn futures_of<T>(count: usize, call: impl AsyncFn() -> T) -> Vec<T> {
    let mut calls: Vec<_> = (0..count).map(|_| Box::pin(call())).collect();
    let mut answers: Vec<Option<T>> = (0..count).map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (call, answer) in calls.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let Poll::Ready(done) = call.as_mut().poll(context)
            {
                *answer = Some(done);
            }
        }
        if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_senders_fill_one_incoming_payment() {
    for engine in Engine::BOTH {
        let world = World::new();
        let provider = world.provider(engine).await;
        let app = provider.client("app", &world.clock).await;
        let carol = provider.account("carol", "CAD", 2, 0).await;
        let grant = app.incoming_grant(&provider, &carol).await;
        let url = format!("{}/incoming-payments", provider.app.config.resource_url());
        let body = json!({ "walletAddress": carol, "incomingAmount": cad(100) });
        let receiver =
            app.post(&url, Some(&grant.token), &body).await.expect(201)["id"].as_str().expect("an id").to_owned();
        let provider = Arc::new(provider);
        let mut tasks = Vec::new();
        for sender in 0..8 {
            let wallet = provider.account(&format!("sender{sender}"), "CAD", 2, 10_000).await;
            let grant = app.mandate(&provider, &wallet, json!({})).await;
            let (provider, app, receiver) = (provider.clone(), app.clone(), receiver.clone());
            tasks.push(tokio::spawn(async move {
                let mut paid = 0;
                for _ in 0..4 {
                    let reply = app.pay(&provider, &grant.token, &wallet, &receiver, cad(9)).await;
                    assert!(matches!(reply.status, 201 | 400), "{}", reply.body);
                    paid += u64::from(reply.status == 201);
                }
                paid
            }));
        }
        let mut paid = 0;
        for task in tasks {
            paid += task.await.expect("a count");
        }
        assert_eq!(paid, 11);
        assert_eq!(provider.balance("carol").await, 99);
        provider.audit().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_continuations_gets_the_token() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let wallet = provider.account("user", "CAD", 2, 0).await;
    let access = json!([{ "type": "outgoing-payment", "actions": ["create"], "identifier": wallet,
                          "limits": { "receiveAmount": amount(5, "USD", 2) } }]);
    let pending = app.request(&provider, access, Some(TestApp::interact())).await.expect(200);
    let finish = provider.approve(pending["interact"]["redirect"].as_str().expect("a page")).await.expect("an URL");
    let reference = bursar_testkit::check_redirect(&finish, &pending, &provider.app.config.auth_url());
    let uri = pending["continue"]["uri"].as_str().expect("an URI").to_owned();
    let token = pending["continue"]["access_token"]["value"].as_str().expect("a token").to_owned();
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let (app, uri, token, reference) = (app.clone(), uri.clone(), token.clone(), reference.clone());
        tasks.push(tokio::spawn(async move {
            app.post(&uri, Some(&token), &json!({ "interact_ref": reference })).await.status
        }));
    }
    let mut won = 0;
    for task in tasks {
        match task.await.expect("a status") {
            200 => won += 1,
            status => assert_eq!(status, 401),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_add_up_when_nodes_race() {
    for engine in Engine::BOTH {
        let world = World::new();
        let mut fees = bursar_core::fee::Fees::default();
        fees.set("CAD", 100, "0.02").expect("a fee");
        let charge = move |config: &mut bursar_app::Config| config.fees = Arc::new(fees);
        let provider = world.provider_with(engine, charge).await;
        let app = provider.client("app", &world.clock).await;
        let wallet = provider.account("user", "CAD", 2, 1_000_000).await;
        let carol = provider.account("carol", "CAD", 2, 0).await;
        let receivers = [app.receiver(&provider, &carol).await];
        let grant = app.mandate(&provider, &wallet, json!({ "debitAmount": cad(500) })).await;
        let mut nodes = vec![provider];
        if engine == Engine::Server {
            nodes.push(world.second_node(&nodes[0]).await);
        }
        // Nobody has opened the account for fees yet: all of them try at once. Of 7 cents, 3 are the fee.
        let paid = race(&nodes, &grant.token, &wallet, &receivers, 32, 4).await;
        assert_eq!(paid, 500 / 7);
        assert_eq!(nodes[0].balance("user").await, 1_000_000 - paid * 7);
        assert_eq!(nodes[0].balance("carol").await, paid * 4);
        assert_eq!(nodes[0].audit().await.payments, paid);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_is_known_to_every_node_and_after_a_restart() {
    for engine in Engine::BOTH {
        let world = World::new();
        let first = world.provider(engine).await;
        let app = first.client("app", &world.clock).await;
        let wallet = first.account("user", "CAD", 2, 1_000_000).await;
        let carol = first.account("carol", "CAD", 2, 0).await;
        let receiver = app.receiver(&first, &carol).await;
        let mut grant = app.mandate(&first, &wallet, json!({ "debitAmount": cad(500) })).await;
        let body = json!({ "walletAddress": wallet, "incomingPayment": receiver, "debitAmount": cad(9) });
        let pay = async |node: &Provider, token: &str, body: &serde_json::Value| {
            let caller = bursar_app::callers::find(&node.app, token).await.expect("a caller");
            let path = "/op/outgoing-payments";
            let key = IdempotencyKey::new("order-1", "POST", path, body.to_string().as_bytes()).expect("a key");
            let ask = serde_json::from_value(body.clone()).expect("a request");
            bursar_app::outgoing::create(&node.app, caller, ask, Some(key)).await
        };
        let paid = pay(&first, &grant.token, &body).await.expect("a payment");
        // A node that starts later knows it, and so does the first, until a day is over.
        let second = world.second_node(&first).await;
        assert_eq!(pay(&second, &grant.token, &body).await.expect("the same answer"), paid);
        let other = json!({ "walletAddress": wallet, "incomingPayment": receiver, "debitAmount": cad(8) });
        let refused = pay(&second, &grant.token, &other).await.expect_err("another request");
        assert!(matches!(refused, bursar_app::Error::Refused(refusal) if refusal.code == Code::IdempotencyConflict));
        world.advance("PT23H59M");
        for node in [&first, &second] {
            bursar_app::jobs::clean(&node.app).await.expect("a round of cleaning");
        }
        let rotated = app.post(&grant.manage, Some(&grant.token), &json!(null)).await.expect(200);
        grant.token = rotated["access_token"]["value"].as_str().expect("a token").to_owned();
        assert_eq!(pay(&first, &grant.token, &body).await.expect("the same answer"), paid);
        assert_eq!(first.balance("carol").await, 9);
        world.advance("PT1M1S");
        let again = pay(&second, &grant.token, &body).await.expect("a new payment");
        assert_ne!(again.payment.id, paid.payment.id);
        assert_eq!(first.balance("carol").await, 18);
        first.audit().await;
    }
}
