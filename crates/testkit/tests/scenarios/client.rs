//! The client library against a real provider: every operation, as it should go and refused.

use bursar_app::Clock;
use bursar_app::interactions::{Choice, End, Less};
use bursar_client::types::{AccessItem, Action, Amount, WalletAddress};
use bursar_client::{
    AuthenticatedClient, Client, ClientForm, Duration, Error, GrantRequest, IncomingAccess, IssuedGrant, ListOptions,
    NewIncomingPayment, NewOutgoingPayment, NewQuote, OutgoingAccess, PendingGrant, QuoteAccess, Refusal,
};
use bursar_httpsig::PrivateKey;
use bursar_testkit::{Engine, Provider, TestApp, World};

const FINISH: &str = "http://localhost:3344/done?paymentId=1";

/// Alice has 1000.00 CAD, Bob nothing, Dave nothing in dollars; and an app.
struct Scene {
    world: World,
    provider: Provider,
    app: TestApp,
    client: AuthenticatedClient,
    alice: WalletAddress,
    bob: WalletAddress,
}

/// The provider's clock, for a client that does not really sleep.
fn clock(of: &Clock) -> bursar_client::Clock {
    let (now, sleep) = (of.clone(), of.clone());
    bursar_client::Clock::new(
        move || now.now(),
        move |duration| {
            sleep.set(sleep.now().checked_add(duration).expect("in the calendar"));
            std::future::ready(())
        },
    )
}

fn builder(world: &World) -> bursar_client::Builder<bursar_client::Anonymous> {
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    Client::builder().http_client(http.build().expect("an HTTP client")).clock(clock(&world.clock))
}

fn client_of(world: &World, app: &TestApp) -> AuthenticatedClient {
    let builder = builder(world).wallet_address(&app.address).key_id(&app.kid).private_key(app.key.clone());
    builder.build().expect("a client")
}

fn refusal(error: &Error) -> &Refusal {
    error.refusal().unwrap_or_else(|| panic!("a refusal expected, not {error}"))
}

/// The status and code of a refusal.
fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> (u16, String) {
    let error = result.expect_err("a refusal");
    (refusal(&error).status, refusal(&error).code.clone())
}

fn code(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

impl Scene {
    async fn start() -> Self {
        let world = World::new();
        let provider = world.provider(Engine::Embedded).await;
        let app = provider.client("app", &world.clock).await;
        let client = client_of(&world, &app);
        let alice = provider.account("alice", "CAD", 2, 100_000).await;
        let bob = provider.account("bob", "CAD", 2, 0).await;
        let alice = client.wallet_address(alice).get().await.expect("a wallet address");
        let bob = client.wallet_address(bob).get().await.expect("a wallet address");
        Self { world, provider, app, client, alice, bob }
    }

    async fn another_client(&self) -> AuthenticatedClient {
        let app = self.provider.client("other", &self.world.clock).await;
        client_of(&self.world, &app)
    }

    async fn ask(&self, request: GrantRequest) -> PendingGrant {
        let asked = self.client.grants().request(&self.alice.auth_server, request).await;
        asked.expect("an answer").pending().expect("consent is needed")
    }

    async fn granted(&self, request: GrantRequest) -> IssuedGrant {
        let pending = self.ask(request.finish(FINISH)).await;
        let back = self.provider.approve(pending.redirect()).await.expect("an URL");
        pending.finish(&back).await.expect("a grant")
    }

    /// Up to 100.00 CAD a month, three times.
    async fn mandate(&self) -> IssuedGrant {
        let mandate = OutgoingAccess::new(&self.alice.id)
            .actions([Action::Create, Action::Read, Action::List])
            .debit(self.cad("100"))
            .interval("R3/2025-05-20T12:00:00Z/P1M");
        let quotes = QuoteAccess::new([Action::Create, Action::Read]);
        self.granted(GrantRequest::new().access(mandate).access(quotes)).await
    }

    async fn at_bob(&self, client: &AuthenticatedClient, actions: &[Action]) -> IssuedGrant {
        let access = IncomingAccess::new(actions).wallet_address(&self.bob.id);
        let request = GrantRequest::new().access(access);
        client.grants().request(&self.bob.auth_server, request).await.expect("an answer").issued().expect("a grant")
    }

    async fn place_to_pay(&self) -> String {
        let grant = self.at_bob(&self.client, &[Action::Create]).await;
        let payments = grant.session().expect("access").incoming_payments();
        payments.create(&self.bob, NewIncomingPayment::new()).await.expect("created").payment.id
    }

    fn cad(&self, text: &str) -> Amount {
        self.alice.asset().expect("an asset").parse_decimal(text).expect("an amount")
    }
}

#[tokio::test]
async fn a_person_grants_less_than_was_asked() {
    let scene = Scene::start().await;
    let limit = scene.cad("25");
    let mandate = OutgoingAccess::new(&scene.alice.id)
        .actions([Action::Create, Action::Read])
        .debit(scene.cad("100"))
        .interval("R3/2025-05-20T12:00:00Z/P1M");
    let pending = scene.ask(GrantRequest::new().access(mandate).finish(FINISH)).await;
    let less = Less { amount: Some(limit), end: Some(End::Windows(1)) };
    let choice = Choice { less: vec![(0, less)], accepts_no_limit: false };
    let back = scene.provider.approve_less(pending.redirect(), choice).await.expect("a decision").expect("an URL");
    let issued = pending.finish(&back).await.expect("a grant");
    let session = issued.session().expect("access");
    let AccessItem::OutgoingPayment { limits: Some(limits), .. } = session.current().await.access()[0].clone() else {
        panic!("a mandate with limits");
    };
    assert_eq!(limits.amount.expect("an amount").amount(), limit);
    assert_eq!(limits.interval.expect("windows").as_str(), "R1/2025-05-20T12:00:00Z/P1M");
    let receiver = scene.place_to_pay().await;
    let pay = async |text| {
        let debit = scene.cad(text);
        let new = NewOutgoingPayment::to_incoming_payment(&receiver, debit);
        session.outgoing_payments().create(&scene.alice, new).await.map(|_| ())
    };
    assert_eq!(refused(pay("25.01").await), code(403, "limit_exceeded"));
    pay("25").await.expect("paid");
}

#[tokio::test]
async fn wallet_addresses_key_sets_and_did_documents() {
    let Scene { provider, app, client, world, .. } = &Scene::start().await;
    let public = builder(world).build().expect("a client");
    let wallet = public.wallet_address(&app.address).get().await.expect("a wallet address");
    assert_eq!((wallet.id.as_str(), wallet.auth_server), (app.address.as_str(), provider.app.config.auth_url()));
    let keys = client.wallet_address(&app.address).keys().await.expect("a key set");
    assert_eq!(keys.find(&app.kid).expect("the key").public_key(), &app.key.public_key());
    let document = client.wallet_address(&app.address).did_document().await.expect("a document");
    assert!(document.id.starts_with("did:web:localhost%3A") && document.id.ends_with(":app"), "{}", document.id);
    let published: Vec<_> = document.verification_method.iter().map(|method| method.public_key()).collect();
    assert_eq!(published, [Some(Ok(app.key.public_key()))]);

    let nobody = || public.wallet_address(format!("{}/nobody", provider.url()));
    assert_eq!(refused(nobody().get().await), code(404, "not_found"));
    assert_eq!(refused(nobody().keys().await), code(404, "not_found"));
    assert_eq!(refused(nobody().did_document().await), code(404, "not_found"));
}

#[tokio::test]
async fn a_client_may_name_itself_in_three_ways() {
    let scene = Scene::start().await;
    let Scene { world, app, bob, .. } = &scene;
    let named = |form| {
        let builder = builder(world).wallet_address(&app.address).client_form(form).key_id(&app.kid);
        builder.private_key(app.key.clone()).build().expect("a client")
    };
    let key_only = builder(world).key_only().key_id("only").private_key(PrivateKey::from_seed([9; 32]));
    let key_only = key_only.build().expect("a client");
    let all = [Action::Create, Action::Read, Action::List, Action::Complete];
    // By text and by object it is the same client, by its key alone another one.
    for (client, seen) in [(named(ClientForm::Text), 1), (named(ClientForm::Object), 2), (key_only.clone(), 1)] {
        let grant = scene.at_bob(&client, &all).await;
        let payments = grant.session().expect("access").incoming_payments();
        let created = payments.create(bob, NewIncomingPayment::new()).await.expect("created");
        payments.get(&created.payment.id).await.expect("its own");
        let list = payments.list(bob, &ListOptions::default()).await.expect("a list");
        assert_eq!(list.result.len(), seen, "{:?}", client.own_wallet_address());
        grant.rotate().await.expect("another token");
        grant.session().expect("access").incoming_payments().complete(&created.payment.id).await.expect("completed");
        grant.cancel().await.expect("ended");
    }

    let mandate = GrantRequest::new().access(OutgoingAccess::new(&scene.alice.id)).finish(FINISH);
    let asked = key_only.grants().request(&scene.alice.auth_server, mandate).await;
    assert!(matches!(asked, Err(Error::GrantRequest(_))), "{asked:?}");
    let unknown = builder(world).wallet_address(&app.address).key_id("key-9").private_key(app.key.clone());
    let request = GrantRequest::new().access(QuoteAccess::new([Action::Create]));
    let asked = unknown.build().expect("a client").grants().request(&bob.auth_server, request).await;
    assert_eq!(refused(asked), code(400, "invalid_client"));
}

#[tokio::test]
async fn one_to_three_access_items_in_one_grant() {
    let scene = Scene::start().await;
    let incoming = IncomingAccess::new([Action::Create, Action::ListAll]).wallet_address(&scene.alice.id);
    let two = GrantRequest::new().access(QuoteAccess::new([Action::Create])).access(incoming);
    let pending = scene.ask(two.clone().finish(FINISH)).await;
    scene.provider.deny(pending.redirect()).await;
    let three = scene.granted(two.access(OutgoingAccess::new(&scene.alice.id))).await;
    let token = three.token().await.expect("a token");
    let kinds: Vec<_> = token.access().iter().map(AccessItem::resource_type).collect();
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    let list = three.session().expect("access").incoming_payments().list(&scene.alice, &ListOptions::first(1)).await;
    assert_eq!(list.expect("a list").result, []);
}

#[tokio::test]
async fn the_way_back_from_the_consent_page() {
    let scene = Scene::start().await;
    let Scene { provider, client, alice, .. } = &scene;
    let request = || GrantRequest::new().access(OutgoingAccess::new(&alice.id).debit(scene.cad("1"))).finish(FINISH);
    let pending = scene.ask(request()).await;
    // A web app keeps it while the browser is away.
    let kept = serde_json::to_string(&pending.save()).expect("JSON");
    let pending = client.grants().restore_pending(serde_json::from_str(&kept).expect("a pending grant"));
    let back = provider.approve(pending.redirect()).await.expect("an URL");
    let other = scene.ask(request()).await;
    assert!(matches!(other.finish(&back).await, Err(Error::HashMismatch)));
    let grant = pending.finish(&back).await.expect("a grant");
    assert!(grant.session().is_ok() && grant.subject().is_none());
    assert_eq!(refused(pending.finish(&back).await), code(401, "request_denied"));

    let back = provider.deny(other.redirect()).await.expect("an URL");
    assert!(matches!(other.finish(&back).await, Err(Error::Denied(_))));
    let withdrawn = scene.ask(request()).await;
    withdrawn.cancel().await.expect("withdrawn");
    withdrawn.cancel().await.expect("a second time does no harm");
}

#[tokio::test]
async fn whose_wallet_address_it_is() {
    let scene = Scene::start().await;
    let grant = scene.granted(GrantRequest::new().subject(&scene.alice.id)).await;
    assert_eq!(grant.subject(), Some(scene.alice.id.as_str()));
    assert!(matches!(grant.session(), Err(Error::NoAccess)));
    assert!(matches!(grant.token().await, Err(Error::NoAccess)));
    let grant = scene.client.grants().restore(grant.save().await);
    assert_eq!(grant.subject(), Some(scene.alice.id.as_str()));
    grant.cancel().await.expect("ended");
    let elsewhere = GrantRequest::new().subject("https://wallet.example/alice").finish(FINISH);
    let asked = scene.client.grants().request(&scene.alice.auth_server, elsewhere).await;
    assert_eq!(refused(asked), code(400, "invalid_request"));
}

#[tokio::test]
async fn polling_for_the_outcome() {
    let scene = Scene::start().await;
    let request = || GrantRequest::new().access(OutgoingAccess::new(&scene.alice.id)).without_finish();
    let mut pending = scene.ask(request()).await;
    assert_eq!(refused(pending.poll_once().await), code(400, "too_fast"));
    assert!(matches!(pending.poll(Duration::from_secs(30)).await, Err(Error::StillPending)));
    assert_eq!(scene.provider.approve(pending.redirect()).await, None, "the browser is sent nowhere");
    let grant = pending.poll(Duration::from_secs(60)).await.expect("a grant");
    assert_eq!(grant.token().await.expect("a token").access().len(), 1);

    let mut pending = scene.ask(request()).await;
    scene.provider.deny(pending.redirect()).await;
    assert!(matches!(pending.poll(Duration::from_secs(60)).await, Err(Error::Denied(_))));
    let mut pending = scene.ask(request()).await;
    pending.cancel().await.expect("withdrawn");
    assert!(matches!(pending.poll(Duration::from_secs(60)).await, Err(Error::Denied(_))));
}

#[tokio::test]
async fn incoming_payments_from_beginning_to_end() {
    let scene = Scene::start().await;
    let Scene { world, client, bob, .. } = &scene;
    let grant = scene.at_bob(client, &[Action::Create, Action::Read, Action::List, Action::Complete]).await;
    let payments = grant.session().expect("access").incoming_payments();
    let new = || NewIncomingPayment::new().amount(scene.cad("5")).idempotency_key("invoice-42");
    let created = payments.create(bob, new()).await.expect("created");
    assert_eq!((created.payment.incoming_amount, created.methods.len()), (Some(scene.cad("5")), 1));
    assert_eq!(payments.create(bob, new()).await.expect("the same again"), created);
    assert_eq!(refused(payments.create(bob, new().amount(scene.cad("6"))).await), code(409, "idempotency_key_reused"));
    let id = created.payment.id.as_str();
    assert_eq!(payments.get(id).await.expect("the payment"), created);
    let public = client.incoming_payments().get_public(id).await.expect("the payment");
    assert_eq!((public.received_amount, &public.auth_server), (Some(scene.cad("0")), &bob.auth_server));
    assert_eq!(refused(client.incoming_payments().get_public(&format!("{id}x")).await), code(404, "not_found"));

    assert!(payments.complete(id).await.expect("completed").completed);
    assert_eq!(refused(payments.complete(id).await), code(409, "conflict"));
    assert!(payments.get(id).await.expect("the payment").methods.is_empty());
    let expired = NewIncomingPayment::new().expires_at(world.clock.now());
    assert_eq!(refused(payments.create(bob, expired).await), code(400, "invalid_request"));
    assert_eq!(refused(payments.create(&scene.alice, new()).await), code(403, "insufficient_grant"));

    // Another client sees it only with read-all.
    let other = scene.another_client().await;
    let own = scene.at_bob(&other, &[Action::Read, Action::Complete]).await;
    let own = own.session().expect("access").incoming_payments();
    assert_eq!(refused(own.get(id).await), code(404, "not_found"));
    assert_eq!(refused(own.complete(id).await), code(404, "not_found"));
    assert_eq!(refused(own.list(bob, &ListOptions::default()).await), code(403, "insufficient_grant"));
    let all = scene.at_bob(&other, &[Action::ReadAll]).await;
    all.session().expect("access").incoming_payments().get(id).await.expect("the payment");
}

#[tokio::test]
async fn lists_page_by_page() {
    let scene = Scene::start().await;
    let Scene { client, bob, world, .. } = &scene;
    let grant = scene.at_bob(client, &[Action::Create, Action::List]).await;
    let payments = grant.session().expect("access").incoming_payments();
    let mut made = Vec::new();
    for _ in 0..7 {
        world.advance("PT1S");
        made.push(payments.create(bob, NewIncomingPayment::new()).await.expect("created").payment.id);
    }
    made.reverse();
    let ids = |page: &[bursar_client::types::IncomingPayment]| -> Vec<String> {
        page.iter().map(|payment| payment.id.clone()).collect()
    };
    let first = ListOptions::first(3);
    let page = payments.list(bob, &first).await.expect("a page");
    assert_eq!(ids(&page.result), made[..3]);
    assert_eq!(first.preceding(&page.pagination), None);
    let second = first.following(&page.pagination).expect("more");
    let page = payments.list(bob, &second).await.expect("a page");
    assert_eq!(ids(&page.result), made[3..6]);
    let back = second.preceding(&page.pagination).expect("newer ones");
    assert_eq!(ids(&payments.list(bob, &back).await.expect("a page").result), made[..3]);

    let (mut pages, mut walked) = (payments.pages(bob, ListOptions::first(3)), Vec::new());
    while let Some(page) = pages.next_page().await.expect("a page") {
        walked.push(ids(&page));
    }
    assert_eq!(walked, [&made[..3], &made[3..6], &made[6..]]);
    // From an old one towards the newest.
    let oldest = page.pagination.end_cursor.expect("a cursor");
    let (mut pages, mut walked) = (payments.pages(bob, ListOptions::first(2).before(oldest)), Vec::new());
    while let Some(payment) = pages.next().await.expect("a page") {
        walked.push(payment.id);
    }
    walked.reverse();
    assert_eq!(walked, made[..5]);

    for bad in [ListOptions::first(0), ListOptions::first(101), ListOptions::first(1).after("nonsense")] {
        assert_eq!(refused(payments.list(bob, &bad).await), code(400, "invalid_request"), "{bad:?}");
        assert!(payments.pages(bob, bad).next().await.is_err());
    }
    assert_eq!(refused(payments.list(&scene.alice, &first).await), code(403, "insufficient_grant"));
}

#[tokio::test]
async fn quotes_in_all_three_forms() {
    let scene = Scene::start().await;
    let Scene { world, provider, client, alice, .. } = &scene;
    let dave = provider.account("dave", "USD", 2, 0).await;
    let dave = client.wallet_address(dave).get().await.expect("a wallet address");
    let usd = |text: &str| dave.asset().expect("an asset").parse_decimal(text).expect("an amount");
    let access = IncomingAccess::new([Action::Create]).wallet_address(&dave.id);
    let request = GrantRequest::new().access(access);
    let at_dave = client.grants().request(&dave.auth_server, request).await.expect("an answer").issued().expect("one");
    let new = NewIncomingPayment::new().amount(usd("8.01"));
    let place = at_dave.session().expect("access").incoming_payments().create(&dave, new).await.expect("created");
    let place = place.payment.id.as_str();

    let mandate = scene.mandate().await;
    let quotes = mandate.session().expect("access").quotes();
    let whole = quotes.create(alice, NewQuote::whole(place)).await.expect("a quote");
    assert_eq!((whole.debit_amount, whole.receive_amount), (scene.cad("10.02"), usd("8.01")));
    let debit = quotes.create(alice, NewQuote::debit(place, scene.cad("0.02"))).await.expect("a quote");
    assert_eq!(debit.receive_amount, usd("0.01"));
    let receive = NewQuote::receive(place, usd("0.01")).idempotency_key("question");
    let receive = (quotes.create(alice, receive.clone()).await, quotes.create(alice, receive).await);
    assert_eq!(receive.0.expect("a quote"), receive.1.expect("the same quote"));
    assert_eq!(quotes.get(&whole.id).await.expect("the quote"), whole);

    let small = quotes.create(alice, NewQuote::debit(place, scene.cad("0.01"))).await.expect_err("too small");
    assert_eq!(refusal(&small).minimum_send_amount(), Some(scene.cad("0.02")));
    let large = quotes.create(alice, NewQuote::receive(place, usd("8.02"))).await;
    assert_eq!(refused(large), code(400, "amount_too_large"));
    assert_eq!(
        refused(quotes.create(alice, NewQuote::whole(format!("{place}x"))).await),
        code(400, "invalid_receiver")
    );
    let without = at_dave.session().expect("access").quotes().create(alice, NewQuote::whole(place)).await;
    assert_eq!(refused(without), code(403, "insufficient_grant"));
    assert_eq!(refused(quotes.get(&format!("{}x", whole.id)).await), code(404, "not_found"));

    let payments = mandate.session().expect("access").outgoing_payments();
    let paid = payments.create(alice, NewOutgoingPayment::from_quote(&whole.id)).await.expect("paid").payment;
    assert_eq!((paid.quote_id.as_ref(), paid.debit_amount), (Some(&whole.id), whole.debit_amount));
    assert_eq!(refused(payments.create(alice, NewOutgoingPayment::from_quote(&whole.id)).await).0, 400, "used");
    world.advance("PT10M");
    assert_eq!(refused(payments.create(alice, NewOutgoingPayment::from_quote(&debit.id)).await).0, 400, "expired");
    provider.audit().await;
}

#[tokio::test]
async fn outgoing_payments_until_the_limit() {
    let scene = Scene::start().await;
    let Scene { world, provider, alice, bob, .. } = &scene;
    let (mandate, place) = (scene.mandate().await, scene.place_to_pay().await);
    let payments = mandate.session().expect("access").outgoing_payments();
    let new = |text: &str| NewOutgoingPayment::to_incoming_payment(&place, scene.cad(text));
    assert_eq!(payments.spent(alice).await.expect("spent").spent_debit_amount, None, "nothing yet");
    let created = payments.create(alice, new("60").idempotency_key("order-42")).await.expect("paid");
    assert_eq!(created.grant_spent_debit_amount, Some(scene.cad("60")));
    let again = payments.create(alice, new("60").idempotency_key("order-42")).await.expect("the same again");
    assert_eq!(again.payment.id, created.payment.id);
    let settled = payments.settled(created.payment, Duration::from_secs(30)).await.expect("settled");
    assert_eq!(settled.sent_amount, scene.cad("60"));
    assert_eq!(payments.get(&settled.id).await.expect("the payment"), settled);

    let over = payments.create(alice, new("40.01")).await.expect_err("over the limit");
    assert!(refusal(&over).is_over_limit() && refusal(&over).code == "limit_exceeded");
    world.advance("P1M");
    // The token has expired since, and is renewed on the way. So has the place to pay to, which is not.
    assert_eq!(refused(payments.create(alice, new("1")).await), code(400, "invalid_receiver"));
    let place = scene.place_to_pay().await;
    let new = |text: &str| NewOutgoingPayment::to_incoming_payment(&place, scene.cad(text));
    payments.create(alice, new("100")).await.expect("another month");
    let spent = payments.spent(alice).await.expect("spent");
    assert_eq!(
        (spent.spent_debit_amount, spent.spent_receive_amount),
        (Some(scene.cad("100")), Some(scene.cad("100")))
    );
    world.advance("P2M");
    let place = scene.place_to_pay().await;
    let new = |text: &str| NewOutgoingPayment::to_incoming_payment(&place, scene.cad(text));
    let late = payments.create(alice, new("1")).await.expect_err("outside the interval");
    assert!(refusal(&late).is_over_limit() && refusal(&late).code == "outside_interval");

    let page = payments.list(alice, &ListOptions::default()).await.expect("a page");
    assert_eq!(
        page.result.iter().map(|payment| payment.sent_amount).collect::<Vec<_>>(),
        [scene.cad("100"), scene.cad("60")]
    );
    let mut pages = payments.pages(alice, ListOptions::first(1));
    assert_eq!(pages.next().await.expect("a page").expect("a payment"), page.result[0]);
    assert_eq!(pages.next_page().await.expect("a page").expect("a payment"), page.result[1..]);
    assert_eq!(pages.next_page().await.expect("a page"), None);
    assert_eq!(refused(payments.list(bob, &ListOptions::default()).await).0, 403);
    assert_eq!(refused(payments.create(bob, new("1")).await), code(403, "insufficient_grant"));
    assert_eq!(refused(payments.get(&format!("{}x", settled.id)).await), code(404, "not_found"));
    let other = scene.at_bob(&scene.client, &[Action::Read]).await;
    assert_eq!(refused(other.session().expect("access").outgoing_payments().spent(bob).await).0, 403);
    provider.audit().await;
}

#[tokio::test]
async fn tokens_and_the_end_of_a_grant() {
    let scene = Scene::start().await;
    let Scene { client, alice, .. } = &scene;
    let mandate = scene.mandate().await;
    let before = mandate.token().await.expect("a token");
    let changes = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = changes.clone();
    mandate.on_change(move |_| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    });
    let after = mandate.rotate().await.expect("another token");
    assert_ne!((before.expose(), before.manage_url()), (after.expose(), after.manage_url()));
    assert_eq!(changes.load(std::sync::atomic::Ordering::Relaxed), 1);

    // What was kept goes on; what was kept before the rotation is dead once the time of grace is over.
    let kept = client.grants().restore(mandate.save().await);
    kept.session().expect("access").outgoing_payments().spent(alice).await.expect("spent");
    scene.world.advance("PT2M");
    let stale = client.session(before);
    assert!(matches!(stale.outgoing_payments().spent(alice).await, Err(Error::TokenEnded(_))));
    assert_eq!(refused(stale.rotate().await), code(400, "invalid_rotation"));
    stale.revoke().await.expect("revoking what is dead does no harm");

    let mandate = scene.mandate().await;
    mandate.revoke().await.expect("revoked");
    assert!(matches!(
        mandate.session().expect("access").outgoing_payments().spent(alice).await,
        Err(Error::TokenEnded(_))
    ));
    mandate.cancel().await.expect("ended");

    let mandate = scene.mandate().await;
    mandate.cancel().await.expect("ended");
    assert_eq!(refused(mandate.rotate().await), code(400, "invalid_rotation"));
    let payments = mandate.session().expect("access").outgoing_payments();
    assert!(matches!(payments.spent(alice).await, Err(Error::TokenEnded(_))));
}
