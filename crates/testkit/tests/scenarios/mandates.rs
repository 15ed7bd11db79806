//! What account holders do with the grants they gave, and that the next payment knows of it.

use crate::{amount, cad, text};
use bursar_app::interactions::{self, Answer, Choice, End, Less};
use bursar_app::mandates::{self, Act, Search, Show, Standing};
use bursar_app::refusals::Code;
use bursar_app::{Error, acquaintance};
use bursar_testkit::{Engine, Grant, Provider, TestApp, World};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const PAUSED: &str = "the account holder has paused this grant";

struct Scene {
    world: World,
    provider: Provider,
    app: TestApp,
    wallet: String,
    receiver: String,
}

impl Scene {
    async fn start(engine: Engine) -> Self {
        let world = World::new();
        let provider = world.provider(engine).await;
        let app = provider.client("app", &world.clock).await;
        let wallet = provider.account("user", "CAD", 2, 1_000_000).await;
        let carol = provider.account("carol", "CAD", 2, 0).await;
        let receiver = app.receiver(&provider, &carol).await;
        Self { world, provider, app, wallet, receiver }
    }

    async fn pending(&self, limits: Value) -> Value {
        let mut item = json!({ "type": "outgoing-payment", "actions": ["create", "read"], "identifier": self.wallet });
        if !limits.is_null() {
            item["limits"] = limits;
        }
        self.app.request(&self.provider, json!([item]), Some(TestApp::interact())).await.expect(200)
    }

    async fn pay(&self, token: &str, value: u64) -> bursar_testkit::Reply {
        self.app.pay(&self.provider, token, &self.wallet, &self.receiver, cad(value)).await
    }

    /// The only grant that the user gave.
    async fn only(&self) -> mandates::Mandate {
        let user = self.provider.person("user").await;
        let mut page = mandates::list(&self.provider.app, &user, Search::default()).await.expect("a list");
        assert_eq!((page.found.len(), page.next), (1, None));
        page.found.remove(0)
    }

    async fn act(&self, act: Act) -> Result<(), Error> {
        let (user, id) = (self.provider.person("user").await, self.only().await.id);
        mandates::act(&self.provider.app, &user, &id.to_string(), act).await
    }
}

fn monthly() -> Value {
    json!({ "debitAmount": cad(10_000), "interval": "R3/2025-05-20T12:00:00Z/P1M" })
}

/// Receivers take money for a month, so tests of several windows have shorter ones.
fn weekly() -> Value {
    json!({ "debitAmount": cad(10_000), "interval": "R3/2025-05-20T12:00:00Z/P1W" })
}

fn to(value: u64) -> Vec<(usize, Less)> {
    let asset = bursar_types::Asset::new("CAD", 2).expect("an asset");
    vec![(0, Less { amount: Some(asset.amount(value).expect("an amount")), end: None })]
}

fn code(result: Result<(), Error>) -> Option<Code> {
    match result {
        Ok(()) => None,
        Err(Error::Refused(refusal)) => Some(refusal.code),
        Err(error) => panic!("{error}"),
    }
}

async fn rotated(app: &TestApp, grant: &Grant) -> Value {
    app.post(&grant.manage, Some(&grant.token), &Value::Null).await.expect(200)["access_token"].clone()
}

#[tokio::test]
async fn a_pause_stops_the_next_payment_and_nothing_else() {
    for engine in Engine::BOTH {
        let scene = Scene::start(engine).await;
        let Scene { app, provider, .. } = &scene;
        let grant = app.mandate(provider, &scene.wallet, monthly()).await;
        let paid = scene.pay(&grant.token, 100).await.expect(201);
        scene.act(Act::Pause).await.expect("paused");
        scene.act(Act::Pause).await.expect("paused already");
        scene.pay(&grant.token, 100).await.refused(403, "grant_paused", PAUSED);
        assert!(matches!(scene.only().await.standing, Standing::Paused { .. }));
        // The token stays what it is: it reads, and is rotated.
        app.get(text(&paid["id"]), Some(&grant.token)).await.expect(200);
        let token = rotated(app, &grant).await;
        scene.pay(text(&token["value"]), 100).await.refused(403, "grant_paused", PAUSED);
        scene.act(Act::Resume).await.expect("resumed");
        scene.pay(text(&token["value"]), 100).await.expect(201);
        assert_eq!(scene.only().await.standing, Standing::Active);
        provider.audit().await;
    }
}

#[tokio::test]
async fn an_answer_that_was_given_is_given_again_during_a_pause() {
    let scene = Scene::start(Engine::Embedded).await;
    let Scene { app, provider, .. } = &scene;
    let grant = app.mandate(provider, &scene.wallet, monthly()).await;
    let url = format!("{}/outgoing-payments", provider.app.config.resource_url());
    let body = json!({ "walletAddress": scene.wallet, "incomingPayment": scene.receiver, "debitAmount": cad(9) });
    let pay = async |key| app.post_with(&url, Some(&grant.token), &body, &[("idempotency-key", key)]).await;
    let made = pay("one").await.expect(201);
    scene.act(Act::Pause).await.expect("paused");
    assert_eq!(pay("one").await.expect(201), made, "the payment was made, whatever came later");
    pay("two").await.refused(403, "grant_paused", PAUSED);
    assert_eq!(provider.balance("carol").await, 9);
}

#[tokio::test]
async fn lowered_limits_count_for_the_next_payment() {
    for engine in Engine::BOTH {
        let scene = Scene::start(engine).await;
        let Scene { app, provider, .. } = &scene;
        let grant = app.mandate(provider, &scene.wallet, weekly()).await;
        scene.pay(&grant.token, 3_000).await.expect(201);
        scene.act(Act::Lower(to(5_000))).await.expect("lowered");
        let over = scene.pay(&grant.token, 2_001).await;
        over.refused(403, "limit_exceeded", "unauthorized");
        assert_eq!(over.body["error"]["details"]["left"], cad(2_000));
        scene.pay(&grant.token, 1_000).await.expect(201);
        // Below what was spent: that stays spent, and nothing more is until the next window.
        scene.act(Act::Lower(to(2_500))).await.expect("lowered");
        scene.act(Act::Lower(to(2_500))).await.expect("lowered already");
        scene.pay(&grant.token, 1).await.refused(403, "limit_exceeded", "unauthorized");
        assert_eq!(code(scene.act(Act::Lower(to(2_501))).await), Some(Code::InvalidResourceRequest));
        let token = rotated(app, &grant).await;
        assert_eq!(token["access"][0]["limits"]["debitAmount"], cad(2_500), "the client is told");
        // One window more, and then it is over.
        let shorter = vec![(0, Less { amount: None, end: Some(End::Windows(2)) })];
        scene.act(Act::Lower(shorter)).await.expect("shortened");
        scene.world.advance("P1W");
        let token = app.post(text(&token["manage"]), Some(text(&token["value"])), &Value::Null).await.expect(200);
        let token = &token["access_token"];
        assert_eq!(token["access"][0]["limits"]["interval"], "R2/2025-05-20T12:00:00Z/P1W");
        scene.pay(text(&token["value"]), 2_500).await.expect(201);
        scene.pay(text(&token["value"]), 1).await.refused(403, "limit_exceeded", "unauthorized");
        scene.world.advance("P1W");
        let token = app.post(text(&token["manage"]), Some(text(&token["value"])), &Value::Null).await.expect(200);
        let late = scene.pay(text(&token["access_token"]["value"]), 1).await;
        late.refused(403, "outside_interval", "unauthorized");
        assert_eq!(scene.only().await.standing, Standing::Over);
        provider.audit().await;
    }
}

#[tokio::test]
async fn revoking_ends_everything_at_once() {
    let scene = Scene::start(Engine::Embedded).await;
    let Scene { app, provider, .. } = &scene;
    let grant = app.mandate(provider, &scene.wallet, monthly()).await;
    scene.pay(&grant.token, 100).await.expect(201);
    scene.act(Act::Revoke).await.expect("revoked");
    scene.act(Act::Revoke).await.expect("revoked already");
    scene.pay(&grant.token, 1).await.refused(403, "inactive_token", "Inactive Token");
    app.post(&grant.manage, Some(&grant.token), &Value::Null).await.refused(400, "invalid_rotation", "*");
    for act in [Act::Pause, Act::Resume, Act::Lower(to(1))] {
        assert_eq!(code(scene.act(act).await), Some(Code::Conflict));
    }
    assert!(matches!(scene.only().await.standing, Standing::Ended { .. }));
}

#[tokio::test]
async fn nobody_touches_the_grants_of_others() {
    let scene = Scene::start(Engine::Embedded).await;
    let Scene { app, provider, .. } = &scene;
    let grant = app.mandate(provider, &scene.wallet, monthly()).await;
    let carol = provider.person("carol").await;
    let id = scene.only().await.id.to_string();
    for act in [Act::Pause, Act::Resume, Act::Revoke, Act::Lower(to(1))] {
        assert_eq!(code(mandates::act(&provider.app, &carol, &id, act).await), Some(Code::NotFound));
    }
    let seen = mandates::get(&provider.app, &carol, &id, None).await.map(|_| ());
    assert_eq!(code(seen), Some(Code::NotFound));
    let listed = mandates::list(&provider.app, &carol, Search::default()).await.expect("a list");
    assert_eq!(listed.found, []);
    for odd in ["", "x", "0196eb7a-0000-7000-8000-000000000000"] {
        assert_eq!(code(mandates::act(&provider.app, &carol, odd, Act::Pause).await), Some(Code::NotFound));
    }
    // What needed nobody's consent is nobody's.
    let incoming = app.incoming_grant(provider, &scene.wallet).await;
    let id = incoming.continue_uri.rsplit('/').next().expect("an id").to_owned();
    let user = provider.person("user").await;
    assert_eq!(code(mandates::act(&provider.app, &user, &id, Act::Revoke).await), Some(Code::NotFound));
    scene.pay(&grant.token, 1).await.expect(201);
}

#[tokio::test]
async fn less_is_granted_than_was_asked() {
    let scene = Scene::start(Engine::Embedded).await;
    let Scene { app, provider, .. } = &scene;
    let pending = scene.pending(monthly()).await;
    let less = Less { amount: to(2_500)[0].1.amount, end: Some(End::Windows(2)) };
    let choice = Choice { less: vec![(0, less)], accepts_no_limit: false };
    let finish = provider.approve_less(text(&pending["interact"]["redirect"]), choice).await.expect("a decision");
    let auth = provider.app.config.auth_url();
    let reference = bursar_testkit::check_redirect(&finish.expect("an URL"), &pending, &auth);
    let part = &pending["continue"];
    let token = Some(text(&part["access_token"]["value"]));
    let issued = app.post(text(&part["uri"]), token, &json!({ "interact_ref": reference })).await.expect(200);
    let granted = json!({ "debitAmount": cad(2_500), "interval": "R2/2025-05-20T12:00:00Z/P1M" });
    assert_eq!(issued["access_token"]["access"][0]["limits"], granted);
    let grant = Grant::read(&issued);
    scene.pay(&grant.token, 2_501).await.refused(403, "limit_exceeded", "unauthorized");
    scene.pay(&grant.token, 2_500).await.expect(201);
    let mandate = scene.only().await;
    let asked = mandate.items[0].asked.as_ref().and_then(|asked| asked.amount).expect("what was asked");
    assert_eq!(asked.amount().value(), 10_000);
    provider.audit().await;
}

#[tokio::test]
async fn what_is_approved_is_what_was_shown() {
    let scene = Scene::start(Engine::Embedded).await;
    let Scene { provider, .. } = &scene;
    let pending = scene.pending(monthly()).await;
    let base = format!("{}/interact/", provider.app.config.auth_url());
    let redirect = text(&pending["interact"]["redirect"]);
    let (id, path) = redirect.strip_prefix(&base).and_then(|rest| rest.split_once('/')).expect("our page");
    let person = provider.person("user").await;
    let choice = |value| Choice { less: to(value), accepts_no_limit: false };
    let seen = interactions::consider(&provider.app, id, path, &choice(2_500)).await.expect("a page");
    assert!(!seen.is_unlimited);
    let approve = async |choice: Choice, shown: &str| {
        let answer = Answer::Approve { person: person.clone(), choice, shown: Some(shown.to_owned()) };
        interactions::decide(&provider.app, id, path, answer).await.map(|finished| finished.stage)
    };
    let stages = interactions::view(&provider.app, id, path).await.expect("a page");
    assert_ne!(stages.terms, seen.terms);
    for (choice, shown) in
        [(choice(2_501), &seen.terms), (Choice::default(), &seen.terms), (choice(2_500), &stages.terms)]
    {
        assert_eq!(code(approve(choice, shown).await.map(|_| ())), Some(Code::Conflict));
    }
    assert_eq!(approve(choice(2_500), &seen.terms).await, Ok(interactions::Stage::Approved));
    // A repeat changes nothing, whatever it says.
    assert_eq!(approve(choice(9_999), "anything").await, Ok(interactions::Stage::Approved));
}

#[tokio::test]
async fn a_mandate_without_limit_is_confirmed() {
    let scene = Scene::start(Engine::Embedded).await;
    let Scene { provider, .. } = &scene;
    for limits in [Value::Null, json!({}), json!({ "interval": "R3/2025-05-20T12:00:00Z/P1M" })] {
        let pending = scene.pending(limits.clone()).await;
        let redirect = text(&pending["interact"]["redirect"]);
        let approved = provider.approve_less(redirect, Choice::default()).await.map(|_| ());
        assert_eq!(code(approved), Some(Code::Unconfirmed), "{limits}");
        // With an amount there is a limit, and nothing to confirm.
        let capped = Choice { less: to(10), accepts_no_limit: false };
        assert!(provider.approve_less(redirect, capped).await.expect("a decision").is_some());
        let pending = scene.pending(limits).await;
        let confirmed = Choice { less: Vec::new(), accepts_no_limit: true };
        let redirect = text(&pending["interact"]["redirect"]);
        assert!(provider.approve_less(redirect, confirmed).await.expect("a decision").is_some());
    }
}

#[tokio::test]
async fn what_a_person_knows_of_an_app() {
    let world = World::new();
    let provider = world.provider_with(Engine::Embedded, |config| config.provider_name = "Cloud Nine".to_owned()).await;
    let wallet = provider.account("user", "CAD", 2, 5_000).await;
    let user = provider.person("user").await;
    let seen = async |app: &TestApp| {
        let access = json!([{ "type": "outgoing-payment", "actions": ["create"], "identifier": wallet }]);
        let pending = app.request(&provider, access, Some(TestApp::interact())).await.expect(200);
        let base = format!("{}/interact/", provider.app.config.auth_url());
        let redirect = text(&pending["interact"]["redirect"]).to_owned();
        let (id, path) = redirect.strip_prefix(&base).and_then(|rest| rest.split_once('/')).expect("our page");
        let consent = interactions::view(&provider.app, id, path).await.expect("a page");
        (acquaintance::of(&provider.app, &consent, &user).await.expect("a look"), pending)
    };
    // Test accounts are called after their names: "shopkeeper (test)".
    let shop = provider.client("shopkeeper", &world.clock).await;
    let (first, pending) = seen(&shop).await;
    assert_eq!((first.since, first.resembles), (None, None));
    assert_eq!(
        first.balances.iter().map(|(url, amount)| (url.as_str(), amount.value())).collect::<Vec<_>>(),
        [(wallet.as_str(), 5_000)]
    );
    let look_alike = provider.client("sh0pkeeper", &world.clock).await;
    assert_eq!(seen(&look_alike).await.0.resembles, None, "nothing was granted to the shop yet");
    let asked_at = world.clock.now();
    shop.approved(&provider, &pending).await;
    world.advance("P1D");
    let (again, _) = seen(&shop).await;
    assert_eq!((again.since, again.resembles), (Some(asked_at), None), "it may look like itself");
    let (other, _) = seen(&look_alike).await;
    let taken = acquaintance::Resemblance::App { name: "shopkeeper (test)".to_owned(), address: shop.address.clone() };
    assert_eq!((other.since, other.resembles), (None, Some(taken)));
    let bank = provider.client("cloud-nine-help", &world.clock).await;
    assert_eq!(seen(&bank).await.0.resembles, Some(acquaintance::Resemblance::Provider));
}

#[tokio::test]
async fn grants_are_listed_searched_and_seen() {
    let scene = Scene::start(Engine::Embedded).await;
    let Scene { app, provider, world, .. } = &scene;
    let other = provider.client("other", &world.clock).await;
    let usd = provider.account("dave", "USD", 2, 0).await;
    let dave = app.receiver(provider, &usd).await;
    let first = app.mandate(provider, &scene.wallet, weekly()).await;
    scene.pay(&first.token, 4_000).await.expect(201);
    world.advance("P1W");
    let token = rotated(app, &first).await;
    for value in [1_000, 500] {
        scene.pay(text(&token["value"]), value).await.expect(201);
    }
    world.advance("PT1S");
    let second = other.mandate(provider, &scene.wallet, json!({ "receiveAmount": amount(700, "USD", 2) })).await;
    other.pay(provider, &second.token, &scene.wallet, &dave, cad(125)).await.expect(201);
    let user = provider.person("user").await;
    let list = async |show: Show, words: &str| {
        let search = Search { show, text: words.to_owned(), older_than: None };
        mandates::list(&provider.app, &user, search).await.expect("a list").found
    };
    let found = list(Show::All, "").await;
    let names: Vec<&str> = found.iter().map(|mandate| mandate.client_name.as_str()).collect();
    assert_eq!(names, ["other (test)", "app (test)"]);
    let budget = found[1].items[0].budget.clone().expect("a budget");
    let left = budget.left.expect("a limit").value();
    assert_eq!((budget.spent.value(), budget.reserved.value(), left), (1_500, 0, 8_500));
    assert_eq!(budget.next_reset.expect("another window").to_string(), "2025-06-03T12:00:00Z");
    let budget = found[0].items[0].budget.clone().expect("a budget");
    assert_eq!((budget.spent.value(), budget.left.map(|left| left.value())), (100, Some(600)));
    assert_eq!(budget.next_reset, None);
    assert_eq!(list(Show::All, "OTHER").await.len(), 1);
    assert_eq!(list(Show::All, "/user").await.len(), 2);
    assert_eq!(list(Show::All, "nobody").await.len(), 0);
    assert_eq!((list(Show::Active, "").await.len(), list(Show::Paused, "").await.len()), (2, 0));

    let id = found[1].id.to_string();
    mandates::act(&provider.app, &user, &id, Act::Pause).await.expect("paused");
    let paused = list(Show::Paused, "").await;
    assert_eq!((paused.len(), list(Show::Active, "").await.len()), (1, 1));
    mandates::act(&provider.app, &user, &id, Act::Lower(to(2_000))).await.expect("lowered");
    let seen = mandates::get(&provider.app, &user, &id, None).await.expect("a page");
    let spent: Vec<(i64, u64, bool)> =
        seen.windows[0].iter().map(|window| (window.window.index, window.spent.value(), window.is_now)).collect();
    assert_eq!(spent, [(0, 4_000, false), (1, 1_500, true)]);
    assert_eq!((seen.windows[1].len(), seen.changes.len()), (0, 2));
    let debits: Vec<u64> = seen.payments.found.iter().map(|payment| payment.debit.value()).collect();
    assert_eq!(debits, [500, 1_000, 4_000], "its own payments, and no others");
    let older = mandates::get(&provider.app, &user, &id, Some(seen.payments.found[0].id)).await.expect("a page");
    assert_eq!(older.payments.found, seen.payments.found[1..]);
    app.delete(&second.continue_uri, Some("wrong")).await.refused(401, "invalid_continuation", "*");
    other.delete(&second.continue_uri, Some(&second.continue_token)).await.expect(204);
    assert_eq!(list(Show::Ended, "").await.len(), 1);
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let scene = Scene::start(Engine::Embedded).await;
    let Scene { app, provider, world, .. } = &scene;
    for _ in 0..mandates::PER_PAGE + 5 {
        app.mandate(provider, &scene.wallet, monthly()).await;
        world.advance("PT1S");
    }
    let user = provider.person("user").await;
    let page = async |older_than| {
        let search = Search { older_than, ..Search::default() };
        mandates::list(&provider.app, &user, search).await.expect("a list")
    };
    let first = page(None).await;
    assert_eq!((first.found.len(), first.next), (mandates::PER_PAGE, first.found.last().map(|last| last.id)));
    let second = page(first.next).await;
    assert_eq!((second.found.len(), second.next), (5, None));
    let mut ids: Vec<_> = first.found.iter().chain(&second.found).map(|mandate| mandate.id).collect();
    assert!(ids.is_sorted_by(|newer, older| newer > older));
    ids.dedup();
    assert_eq!(ids.len(), mandates::PER_PAGE + 5);
}

/// Pays from many tasks through all nodes, until told to stop: how many payments were answered well, as it stands.
struct Payers {
    paid: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Payers {
    fn start(nodes: &[Provider], token: &str, body: &Value) -> Self {
        let (paid, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let task = |number: usize| {
            let (node, paid, stop) = (nodes[number % nodes.len()].app.clone(), paid.clone(), stop.clone());
            let (token, body) = (token.to_owned(), body.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    // Through the node's own use case, since all nodes share one public URL.
                    let caller = bursar_app::callers::find(&node, &token).await.expect("a caller");
                    let ask = serde_json::from_value(body.clone()).expect("a request");
                    match bursar_app::outgoing::create(&node, caller, ask, None).await {
                        Ok(_) => drop(paid.fetch_add(1, Ordering::SeqCst)),
                        Err(Error::Refused(refusal)) => {
                            assert!(matches!(refusal.code, Code::GrantPaused | Code::LimitExceeded), "{refusal}");
                            tokio::task::yield_now().await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        };
        let tasks = (0..16).map(task).collect();
        Self { paid, stop, tasks }
    }

    /// Waits until so many payments were answered well.
    async fn have_paid(&self, count: u64) {
        while self.paid.load(Ordering::SeqCst) < count {
            assert!(self.tasks.iter().all(|task| !task.is_finished()), "somebody gave up");
            tokio::task::yield_now().await;
        }
    }

    async fn stop(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.expect("no panic");
        }
        self.paid.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_payment_settles_after_a_pause() {
    for engine in Engine::BOTH {
        let scene = Scene::start(engine).await;
        let grant = scene.app.mandate(&scene.provider, &scene.wallet, json!({ "debitAmount": cad(900_000) })).await;
        let (user, id) = (scene.provider.person("user").await, scene.only().await.id.to_string());
        let body = json!({ "walletAddress": scene.wallet, "incomingPayment": scene.receiver, "debitAmount": cad(7) });
        let mut nodes = vec![scene.provider];
        if engine == Engine::Server {
            nodes.push(scene.world.second_node(&nodes[0]).await);
        }
        let payers = Payers::start(&nodes, &grant.token, &body);
        let mut before = 0;
        for round in 0..6 {
            payers.have_paid(before + 20).await;
            let node = &nodes[round % nodes.len()];
            mandates::act(&node.app, &user, &id, Act::Pause).await.expect("paused");
            let settled = nodes[0].balance("carol").await;
            // Whoever was under way has time to do wrong.
            for _ in 0..20 {
                assert_eq!(nodes[0].balance("carol").await, settled, "a payment settled after the pause");
            }
            before = settled / 7;
            mandates::act(&nodes[(round + 1) % nodes.len()].app, &user, &id, Act::Resume).await.expect("resumed");
        }
        let paid = payers.stop().await;
        assert_eq!(nodes[0].balance("carol").await, paid * 7);
        assert_eq!(nodes[0].audit().await.payments, paid);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_spent_beyond_limits_that_are_lowered_meanwhile() {
    for engine in Engine::BOTH {
        let scene = Scene::start(engine).await;
        let limits = json!({ "debitAmount": cad(100_000), "interval": "R/2025-05-20T12:00:00Z/P1D" });
        let grant = scene.app.mandate(&scene.provider, &scene.wallet, limits).await;
        let (user, id) = (scene.provider.person("user").await, scene.only().await.id.to_string());
        let body = json!({ "walletAddress": scene.wallet, "incomingPayment": scene.receiver, "debitAmount": cad(7) });
        let mut nodes = vec![scene.provider];
        if engine == Engine::Server {
            nodes.push(scene.world.second_node(&nodes[0]).await);
        }
        let payers = Payers::start(&nodes, &grant.token, &body);
        let mut spent = 0;
        for (round, limit) in [50_000, 2_000, 1_999, 300].into_iter().enumerate() {
            if spent < limit {
                payers.have_paid((spent / 7 + 30).min(limit / 7)).await;
            }
            let node = &nodes[round % nodes.len()];
            mandates::act(&node.app, &user, &id, Act::Lower(to(limit))).await.expect("lowered");
            let at_once = nodes[0].balance("carol").await;
            spent = at_once;
            for _ in 0..10 {
                spent = nodes[0].balance("carol").await;
                assert!(spent <= at_once.max(limit), "{spent} spent, {at_once} when it was lowered to {limit}");
            }
        }
        let paid = payers.stop().await;
        assert_eq!(nodes[0].balance("carol").await, paid * 7);
        nodes[0].audit().await;
    }
}
