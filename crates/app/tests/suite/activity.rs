//! Payments as their holder finds them, held against a model: pages forth and back, and every filter.

use bursar_app::accounts::{self, NewAccount};
use bursar_app::activity::{self, Ask, Filter, Id, Part, Side, amount_at_scale_18};
use bursar_app::login::LoggedIn;
use bursar_app::{App, Clock, Config, Random};
use bursar_core::Secret;
use bursar_core::access::{ClientId, GrantedAccess};
use bursar_core::grant::{BoundKey, Grant, State as GrantState};
use bursar_core::incoming::IncomingPayment;
use bursar_core::outgoing::{OutgoingPayment, State};
use bursar_core::quote::Price;
use bursar_store::wallet_address::{self, WalletAddress};
use bursar_store::{Location, Store, account_holder, grant, incoming_payment, outgoing_payment};
use bursar_types::{Action, Actions, Asset, ResourceType};
use jiff::{SignedDuration, Timestamp};

const ROWS: u64 = 300;

fn id(number: u64) -> Id {
    // As ids of payments a minute apart from each other.
    Id::new(at(number), [0; 10])
}

fn at(number: u64) -> Timestamp {
    let beginning: Timestamp = "2025-05-20T12:00:00Z".parse().unwrap();
    beginning + SignedDuration::from_mins(i64::try_from(number).unwrap())
}

/// The wallets: two of Alice's, one of Bob's, one of Carol's.
const ADDRESSES: [&str; 4] = ["alice", "alice/savings", "bob", "carol"];

/// Between which of them a payment went.
fn ends(number: u64) -> (usize, usize) {
    ((number % 4) as usize, (number / 4 % 4) as usize)
}

fn note(number: u64) -> Option<String> {
    number.is_multiple_of(5).then(|| format!("{{\"description\":\"Coffee and Cake {number}\"}}"))
}

fn client(number: u64) -> ClientId {
    let name = if number.is_multiple_of(7) { "shop" } else { "app" };
    ClientId::WalletAddress(format!("https://{name}.example/me"))
}

struct World {
    app: App,
    wallets: Vec<WalletAddress>,
    _folder: tempfile::TempDir,
}

impl World {
    /// With so many payments.
    async fn new(rows: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::new("https://bank.test", true, false).unwrap();
        let store = Store::open(&Location::in_folder(folder.path()), at(0)).unwrap();
        let app = App::new(config, store, Clock::manual(at(ROWS)), Random::seeded(1), Secret::new([7; 32])).unwrap();
        let cad = Asset::new("CAD", 2).unwrap();
        for name in ["alice", "bob", "carol"] {
            let new = NewAccount {
                name: name.to_owned(),
                wallet_address: None,
                public_name: Some(name.to_uppercase()),
                asset: cad,
                balance: 0,
                password: name.to_owned(),
            };
            accounts::create(&app, new).await.unwrap();
        }
        let wallets = app.store.write(Vec::new(), |tx| {
            let url = |name: &str| format!("https://bank.test/{name}");
            let first = wallet_address::by_url(tx, &url("alice"))?.unwrap();
            let second = WalletAddress { id: id(100_000), url: url("alice/savings"), ..first };
            wallet_address::insert(tx, &second)?;
            ADDRESSES.iter().map(|name| Ok(wallet_address::by_url(tx, &url(name))?.unwrap())).collect()
        });
        let wallets: Vec<WalletAddress> = wallets.await.map_err(|e: bursar_app::Error| e).unwrap();
        let world = Self { app, wallets, _folder: folder };
        world.fill(rows).await;
        world
    }

    async fn fill(&self, rows: u64) {
        let wallets = self.wallets.clone();
        let write = self.app.store.write(Vec::new(), move |tx| {
            let access = GrantedAccess {
                id: id(200_000),
                resource: ResourceType::OutgoingPayment,
                actions: Actions::of(&[Action::Create]),
                identifier: None,
                limits: None,
            };
            let granted = Grant {
                id: id(200_001),
                client: client(1),
                client_name: Some("The App".to_owned()),
                key: BoundKey { kid: "key".to_owned(), x: [1; 32] },
                endpoint: "https://bank.test/auth".to_owned(),
                access: vec![access.clone()],
                subject: None,
                finish: None,
                created_at: at(0),
                expires_at: at(1),
                polled_at: None,
                paused_at: None,
                revision: 0,
                state: GrantState::Issued { holder: Some(wallets[0].holder) },
            };
            grant::insert(tx, &granted)?;
            for (place, wallet) in (0..).zip(&wallets) {
                let request = IncomingPayment {
                    id: id(300_000 + place),
                    wallet_address: wallet.id,
                    client: client(7),
                    asset: wallet.asset,
                    incoming: None,
                    received: 0,
                    metadata: Some("{\"externalRef\":\"Request\"}".to_owned()),
                    created_at: at(0),
                    expires_at: at(1_000),
                    completed_at: None,
                    expired_at: None,
                };
                incoming_payment::insert(tx, &request)?;
            }
            for number in 1..=rows {
                let (payer, payee) = ends(number);
                let cents = wallets[payer].asset.amount(number).unwrap();
                let payment = OutgoingPayment {
                    id: id(number),
                    wallet_address: wallets[payer].id,
                    client: client(number),
                    counted: Some(bursar_core::outgoing::Counted { access: access.id, window: 0 }),
                    quote: None,
                    receiver: "https://bank.test/op/incoming-payments/x".to_owned(),
                    incoming_payment: id(300_000 + payee as u64),
                    price: Price { debit: cents, fee: cents.asset().zero(), receive: cents, rate: None },
                    sent: cents,
                    state: State::Completed,
                    metadata: note(number),
                    created_at: at(number),
                };
                outgoing_payment::insert(tx, &payment)?;
            }
            Ok::<_, bursar_app::Error>(())
        });
        write.await.unwrap();
    }

    async fn person(&self, name: &'static str) -> LoggedIn {
        let found = self.app.store.read(move |tx| account_holder::by_name(tx, name)).await;
        let holder = found.map_err(|error: bursar_store::Error| error).unwrap().unwrap();
        LoggedIn { holder: holder.id, name: holder.name }
    }

    async fn list(&self, person: &LoggedIn, filter: &Filter, part: Part, count: u8) -> activity::Listing {
        activity::list(&self.app, person, Ask { filter: filter.clone(), part, count }).await.unwrap()
    }
}

/// What this person should find, newest first.
fn expected(own: &[usize], filter: &Filter) -> Vec<Id> {
    let fits = |number: &u64| {
        let (payer, payee) = ends(*number);
        let (pays, is_paid) = (own.contains(&payer), own.contains(&payee));
        let of_wallet = |index: usize| {
            filter.wallet.as_ref().is_none_or(|only| *only == format!("https://bank.test/{}", ADDRESSES[index]))
        };
        let seen = match filter.side {
            Some(Side::Out) => pays && of_wallet(payer),
            Some(Side::In) => is_paid && of_wallet(payee),
            _ => (pays && of_wallet(payer)) || (is_paid && of_wallet(payee)),
        };
        let amount = u128::from(*number) * 10_u128.pow(16);
        let told = if pays { note(*number).unwrap_or_default() } else { "request".to_owned() };
        let app = match client(if pays { *number } else { 7 }) {
            ClientId::WalletAddress(url) | ClientId::Jwk(url) => url,
            ClientId::Holder(_) => String::new(),
        };
        let text = format!("{told} {app}").to_lowercase();
        seen && filter.least.is_none_or(|least| least <= amount)
            && filter.most.is_none_or(|most| amount <= most)
            && filter.from.is_none_or(|from| from <= at(*number))
            && filter.until.is_none_or(|until| at(*number) < until)
            && filter.app.as_ref().is_none_or(|only| *only == app)
            && filter.text.to_lowercase().split_whitespace().all(|word| text.contains(word))
    };
    (1..=ROWS).rev().filter(fits).map(id).collect()
}

#[tokio::test]
async fn pages_lead_through_everything_and_back() {
    let world = World::new(ROWS).await;
    let url = |name: &str| Some(format!("https://bank.test/{name}"));
    let text = |text: &str| Filter { text: text.to_owned(), ..Filter::default() };
    let filters = [
        Filter::default(),
        Filter { side: Some(Side::Out), ..Filter::default() },
        Filter { side: Some(Side::In), ..Filter::default() },
        Filter { wallet: url("alice/savings"), ..Filter::default() },
        Filter { wallet: url("bob"), ..Filter::default() },
        Filter { app: Some("https://shop.example/me".to_owned()), ..Filter::default() },
        Filter { from: Some(at(100)), until: Some(at(200)), ..Filter::default() },
        Filter { least: Some(50 * 10_u128.pow(16)), most: Some(60 * 10_u128.pow(16)), ..Filter::default() },
        text("CAKE coffee"),
        text("request"),
        text("nothing like this"),
        Filter { side: Some(Side::Out), until: Some(at(150)), ..text("cake") },
    ];
    for (name, own) in [("alice", &[0, 1][..]), ("bob", &[2]), ("carol", &[3])] {
        let person = world.person(name).await;
        for filter in &filters {
            let mut wanted = expected(own, filter);
            // A search for somebody else's wallet address finds nothing.
            if filter.wallet.as_ref().is_some_and(|only| !own.iter().any(|i| url(ADDRESSES[*i]).as_ref() == Some(only)))
            {
                wanted.clear();
            }
            for count in [1, 7, 100] {
                let (mut forth, mut part, mut pages) = (Vec::new(), Part::Newest, Vec::new());
                loop {
                    let page = world.list(&person, filter, part, count).await;
                    assert!(!page.is_cut && page.entries.len() <= usize::from(count));
                    forth.extend(page.entries.iter().map(|entry| entry.id));
                    pages.push(page.clone());
                    let Some(older) = page.older else { break };
                    part = Part::OlderThan(older);
                }
                assert_eq!(forth, wanted, "{name} {filter:?} {count}");
                // Back again: each page but the last one is whole.
                let mut pages = pages.into_iter().rev();
                let mut at = pages.next().unwrap();
                for before in pages {
                    let page = world.list(&person, filter, Part::NewerThan(at.newer.unwrap()), count).await;
                    assert_eq!(page.entries, before.entries, "{name} {filter:?} {count}");
                    assert!(page.older.is_some());
                    at = page;
                }
                assert_eq!(at.newer, None, "{name} {filter:?} {count}");
            }
        }
    }
}

#[tokio::test]
async fn addresses_of_one_account_stand_together() {
    let world = World::new(1).await;
    let found = bursar_app::overview::accounts(&world.app, &world.person("alice").await).await.unwrap();
    let told: Vec<Vec<&str>> =
        found.iter().map(|account| account.addresses.iter().map(|address| address.url.as_str()).collect()).collect();
    assert_eq!(told, [["https://bank.test/alice", "https://bank.test/alice/savings"]]);
    assert!(found[0].available.is_zero() && found[0].reserved.is_zero());
    assert!(found[0].addresses.iter().all(|address| address.is_active));
}

#[tokio::test]
async fn nobody_sees_more_than_their_own_end() {
    let world = World::new(ROWS).await;
    let people = [("alice", vec![0, 1]), ("bob", vec![2]), ("carol", vec![3])];
    for number in 1..=32 {
        let (payer, payee) = ends(number);
        for (name, own) in &people {
            let person = world.person(name).await;
            let found = activity::detail(&world.app, &person, &id(number).to_string()).await;
            let (pays, is_paid) = (own.contains(&payer), own.contains(&payee));
            if !pays && !is_paid {
                let bursar_app::Error::Refused(refusal) = found.unwrap_err() else { panic!("{number} for {name}") };
                assert_eq!(refusal.code, bursar_app::refusals::Code::NotFound);
                continue;
            }
            let detail = found.unwrap();
            assert_eq!(detail.paid.is_some(), pays, "{number} for {name}");
            assert_eq!(detail.request.is_some(), is_paid, "{number} for {name}");
            let told = detail.notes.iter().any(|note| note.text.contains("Coffee"));
            assert_eq!(told, pays && note(number).is_some(), "what the payer's app noted is for the payer");
            let side = match (pays, is_paid) {
                (true, true) => Side::Own,
                (true, false) => Side::Out,
                _ => Side::In,
            };
            assert_eq!(detail.entry.side, side);
        }
    }
    let alice = world.person("alice").await;
    for odd in ["", "x", "../1", &id(9_999).to_string(), &id(1).to_string().to_uppercase()] {
        assert!(activity::detail(&world.app, &alice, odd).await.is_err(), "{odd}");
    }
}

#[tokio::test]
async fn a_search_that_finds_little_goes_on_page_by_page() {
    const MANY: u64 = 5_000;
    let world = World::new(MANY).await;
    let alice = world.person("alice").await;
    for number in [1, MANY - 3] {
        let cents = u128::from(number) * 10_u128.pow(16);
        let filter = Filter { least: Some(cents), most: Some(cents), ..Filter::default() };
        let (mut found, mut part, mut cut) = (Vec::new(), Part::Newest, 0);
        let last = loop {
            let page = world.list(&alice, &filter, part, 10).await;
            found.extend(page.entries.iter().map(|entry| entry.id));
            cut += u32::from(page.is_cut);
            match page.older {
                Some(older) => part = Part::OlderThan(older),
                None => break page,
            }
        };
        assert_eq!((found, cut), (vec![id(number)], 1));
        // And back to the beginning, in as many steps.
        let (mut found, mut part, mut cut) = (Vec::new(), Part::NewerThan(id(0)), 0);
        loop {
            let page = world.list(&alice, &filter, part, 10).await;
            found.extend(page.entries.iter().map(|entry| entry.id));
            cut += u32::from(page.is_cut);
            match page.newer {
                Some(newer) => part = Part::NewerThan(newer),
                None => break,
            }
        }
        assert_eq!((found, cut), (vec![id(number)], 1));
        assert!(last.newer.is_some());
    }
}

#[test]
fn amounts_are_compared_whatever_their_scale() {
    fn check(value: u64, scale: u8, expected: u128) {
        let amount = Asset::new("X", scale).unwrap().amount(value).unwrap();
        assert_eq!(amount_at_scale_18(&amount), expected);
    }
    check(1_250, 2, 12_500_000_000_000_000_000);
    check(7, 0, 7_000_000_000_000_000_000);
    check(7, 18, 7);
    check(bursar_types::VALUE_MAX, 0, u128::from(bursar_types::VALUE_MAX) * 10_u128.pow(18));
}
