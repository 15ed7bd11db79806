//! Many at once: two stores on one database, as two nodes are, and many tasks on each.

use crate::bank::{
    ACCESS, ACCOUNT, GRANT, INCOMING, PAYMENT, QUOTE, TOKEN, add_incoming, add_mandate, add_person, amount, client,
    direct, full_grant, fund, incoming, limits, quote, receiver, spending,
};
use crate::database::{AtOnce, Database, Waiting, at_once, id, lock, now, seconds, told, wait_for};
use bursar_core::access::GrantedAccess;
use bursar_core::grant::State;
use bursar_core::incoming::IncomingPayment;
use bursar_core::ledger::LocalRoute;
use bursar_core::limits::Spend;
use bursar_core::outgoing::{Create, Loaded, create_local};
use bursar_core::token::{self, Token};
use bursar_core::{Code, Refusal};
use bursar_store::{
    AsRetry, Error, LockKey, Store, Tx, audit, grant, incoming_payment, ledger, outgoing_payment, quote as quotes,
    setting, spend, token as tokens,
};
use std::sync::mpsc::channel;

/// Starts a task for each number, by turns on two stores, and gathers their answers.
fn race<T, F>(db: &Database, tasks: u64, task: impl Fn(Store, u64) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let nodes = [db.store().clone(), db.open()];
    let spawned: Vec<_> = (0..tasks)
        .map(|number| {
            let node = if number % 2 == 0 { &nodes[0] } else { &nodes[1] };
            db.runtime().spawn(task(node.clone(), number))
        })
        .collect();
    spawned.into_iter().map(|task| db.wait(task).expect("no task panics")).collect()
}

fn with_counter(db: &Database) {
    db.store();
    db.run("CREATE TABLE counter (value BIGINT NOT NULL); INSERT INTO counter (value) VALUES (0)");
}

/// Reads, thinks, and writes: what another one writes in between is lost, if there is another one.
fn count_up(tx: &mut Tx<'_>) -> Result<(), Error> {
    let value = tx.one("SELECT value FROM counter", &[], |row| row.int(0))?.unwrap_or_default();
    tx.execute("UPDATE counter SET value = $1", &[(value + 1).into()]).map(|_| ())
}

pub fn a_counter_under_many_writers_is_exact(db: &Database) {
    with_counter(db);
    let done = race(db, 200, |store, _| async move { store.write(vec![lock(1)], count_up).await });
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    assert_eq!(db.number("SELECT value FROM counter"), 200);
}

pub fn without_locks_every_answer_is_still_true(db: &Database) {
    db.write(|tx| {
        add_person(tx, 1, "CAD/2")?;
        add_mandate(tx, 1, None)
    });
    // Nobody names a lock; the guard of each change finds out who was second.
    let done = race(db, 120, |store, _| async move {
        let work = |tx: &mut Tx<'_>| {
            let before = spend::get(tx, &id(ACCESS + 1), 0)?;
            let received = bursar_core::limits::Received::Of(crate::bank::asset("CAD/2"));
            let after = Spend { debit_committed: before.debit_committed + 1, received, ..before };
            spend::put(tx, &id(ACCESS + 1), 0, &before, &after)
        };
        store.write(Vec::new(), work).await
    });
    let succeeded = done.iter().filter(|done| done.is_ok()).count() as u64;
    assert!(done.iter().all(|done| matches!(done, Ok(()) | Err(Error::Retry(_)))), "{done:?}");
    assert!(succeeded > 0);
    assert_eq!(db.read(|tx| spend::get(tx, &id(ACCESS + 1), 0)).debit_committed, succeeded);
}

/// Alice's mandate, and two shops that take anything.
fn with_mandate(db: &Database, json: &'static str, balance: u64) {
    db.write(move |tx| {
        add_person(tx, 1, "CAD/2")?;
        add_person(tx, 2, "CAD/2")?;
        add_person(tx, 3, "CAD/2")?;
        fund(tx, 1, balance, "CAD/2")?;
        add_mandate(tx, 1, Some(limits(json)))?;
        add_incoming(tx, &incoming(2, 2, "CAD/2", None))?;
        add_incoming(tx, &incoming(3, 3, "CAD/2", None))
    });
}

/// Why a payment was not made.
#[derive(Debug)]
enum NotPaid {
    Refused(Refusal),
    Store(Error),
}

impl From<Error> for NotPaid {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<Refusal> for NotPaid {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl AsRetry for NotPaid {
    fn as_retry(&self) -> Option<&Error> {
        match self {
            Self::Refused(_) => None,
            Self::Store(error) => error.as_retry(),
        }
    }
}

/// Loads, decides and writes down a payment of so many cents to one of the shops, as the use case does.
fn pay(tx: &mut Tx<'_>, access: &GrantedAccess, number: u64, shop: u64, cents: u64) -> Result<(), NotPaid> {
    let missing = || Error::Guard("what was stored is there");
    let before = incoming_payment::by_id(tx, &id(INCOMING + shop))?.ok_or_else(missing)?;
    let spent = spend::get(tx, &access.id, 0)?;
    let mut account = |number| ledger::account(tx, &id(ACCOUNT + number))?.ok_or_else(missing);
    let route = LocalRoute { payer: account(1)?, payee: account(shop)?, exchange: None, fees: None };
    let loaded = Loaded { access, spend: &spent, window: 0, receiver: &before, route: &route };
    let ask = Create {
        id: id(PAYMENT + number),
        wallet_address: id(crate::bank::WALLET + 1),
        client: client(),
        quote: None,
        receiver: receiver(shop),
        price: crate::bank::price(amount(cents, "CAD/2"), amount(cents, "CAD/2")),
        metadata: None,
    };
    let plan = create_local(&loaded, ask, now())?;
    outgoing_payment::insert(tx, &plan.settled.payment)?;
    spend::put(tx, &access.id, 0, &spent, &plan.spend)?;
    ledger::transfer(tx, &plan.settled.transfers, now())?;
    incoming_payment::update(tx, &before, &plan.settled.receiver)?;
    Ok(())
}

/// Many payments of one mandate at once, and what was paid in the end.
fn spend_at_once(db: &Database, access: GrantedAccess, is_locked: bool) -> (u64, Vec<(u64, NotPaid)>) {
    let done = race(db, 64, |store, number| {
        let access = access.clone();
        let shop = 2 + number / 2 % 2;
        let keys = [GRANT + 1, ACCOUNT + 1, ACCOUNT + shop, INCOMING + shop].map(lock);
        let locks: Vec<LockKey> = if is_locked { keys.to_vec() } else { Vec::new() };
        let cents = 1 + number % 7;
        async move {
            let work = move |tx: &mut Tx<'_>| pay(tx, &access, number, shop, cents);
            store.write(locks, work).await.map(|()| cents).map_err(|not_paid| (cents, not_paid))
        }
    });
    let (paid, refused): (Vec<_>, Vec<_>) = done.into_iter().partition(Result::is_ok);
    (paid.into_iter().flatten().sum(), refused.into_iter().filter_map(Result::err).collect())
}

fn is_above_limit(not_paid: &NotPaid) -> bool {
    matches!(not_paid, NotPaid::Refused(refusal) if refusal.code == Code::LimitExceeded)
}

fn check_books(db: &Database, paid: u64, balance: u64) {
    let spent = db.read(|tx| spend::get(tx, &id(ACCESS + 1), 0));
    assert_eq!((spent.debit(), spent.debit_reserved), (paid, 0));
    let account = db.read(|tx| ledger::account(tx, &id(ACCOUNT + 1))).expect("Alice's account");
    assert_eq!(account.balance as u64, balance - paid);
    let report = db.wait(db.store().snapshot(audit::audit)).expect("a report");
    assert_eq!(report.faults, Vec::<String>::new());
}

const HUNDRED: &str = r#"{"debitAmount":{"value":"100","assetCode":"CAD","assetScale":2}}"#;

pub fn sixty_four_clients_race_one_grant(db: &Database) {
    with_mandate(db, HUNDRED, 10_000);
    let access = spending(1, Some(limits(HUNDRED)));
    let (paid, refused) = spend_at_once(db, access, true);
    assert!(refused.iter().all(|(_, not_paid)| is_above_limit(not_paid)), "{refused:?}");
    // Together they ask for more than there is; and no payment is refused for which something was left.
    let least_refused = refused.iter().map(|(cents, _)| *cents).min().expect("one that was refused");
    assert!(paid <= 100 && 100 - paid < least_refused, "{paid} paid, {refused:?}");
    check_books(db, paid, 10_000);
}

pub fn one_grant_is_not_overspent_without_locks(db: &Database) {
    with_mandate(db, HUNDRED, 10_000);
    let access = spending(1, Some(limits(HUNDRED)));
    let (paid, refused) = spend_at_once(db, access, false);
    let is_known = |not_paid: &NotPaid| is_above_limit(not_paid) || matches!(not_paid, NotPaid::Store(Error::Retry(_)));
    assert!(refused.iter().all(|(_, not_paid)| is_known(not_paid)), "{refused:?}");
    assert!((1..=100).contains(&paid), "{paid}");
    check_books(db, paid, 10_000);
}

pub fn an_account_pays_only_what_it_has(db: &Database) {
    with_mandate(db, "{}", 20);
    // No mandate, no lock: transfers alone, which the ledger's own guard has to keep in bounds.
    let done = race(db, 60, |store, number| async move {
        let to = id(ACCOUNT + 2 + number % 2);
        let transfer = direct(2_000 + number, 0, id(ACCOUNT + 1), to, amount(1, "CAD/2"));
        store.write(Vec::new(), move |tx| at_once(tx, |tx| ledger::transfer(tx, &[transfer], now()))).await
    });
    let paid = done.iter().filter(|done| done.is_ok()).count();
    let guard = AtOnce(Error::Guard("an account does not allow the change"));
    assert!(done.iter().all(|done| done.is_ok() || *done == Err(guard.clone())), "{done:?}");
    assert_eq!(paid, 20);
    let balance = |number| db.read(move |tx| ledger::account(tx, &id(ACCOUNT + number))).expect("an account").balance;
    assert_eq!((balance(1), balance(2) + balance(3)), (0, 20));
}

/// One thing that only one may do, and what the others are told.
type Contest = (&'static str, fn(&mut Tx<'_>, u64) -> Result<(), Error>, fn(&Error) -> bool);

pub fn of_many_exactly_one_wins(db: &Database) {
    db.write(|tx| {
        add_person(tx, 1, "CAD/2")?;
        fund(tx, 1, 1_000, "CAD/2")?;
        add_mandate(tx, 1, None)?;
        grant::insert(tx, &full_grant(2, State::Pending))?;
        add_incoming(tx, &incoming(1, 1, "CAD/2", Some(100)))?;
        quotes::insert(tx, &quote(1, 1, 1, amount(1, "CAD/2"), amount(1, "CAD/2")))?;
        let (id, grant) = (id(TOKEN + 1), id(GRANT + 1));
        let token = Token { id, grant, expires_at: seconds(600), state: token::State::Active };
        tokens::insert(tx, &token, now())
    });
    let is_guard: fn(&Error) -> bool = |error| matches!(error, Error::Guard(_));
    let is_there: fn(&Error) -> bool = |error| matches!(error, Error::Retry(_));
    let is_unique: fn(&Error) -> bool = |error| matches!(error, Error::Unique(_));
    let contests: [Contest; 8] = [
        ("use of a quote", |tx, n| quotes::set_used(tx, &id(QUOTE + 1), &id(PAYMENT + n)), is_guard),
        ("rotation", |tx, n| tokens::set_rotated(tx, &id(TOKEN + 1), &id(TOKEN + n), now()), is_guard),
        (
            "decision",
            |tx, n| grant::set_state(tx, &id(GRANT + 2), State::Pending, State::Denied { at: seconds(n as i64) }),
            is_guard,
        ),
        (
            "issue of a token",
            |tx, _| grant::set_state(tx, &id(GRANT + 2), State::Denied { at: now() }, State::Issued { holder: None }),
            is_guard,
        ),
        (
            "what comes in",
            |tx, n| {
                let before = incoming(1, 1, "CAD/2", Some(100));
                let after = IncomingPayment { received: n + 1, ..before.clone() };
                incoming_payment::update(tx, &before, &after)
            },
            is_guard,
        ),
        (
            "first payment of a window",
            |tx, n| {
                let received = bursar_core::limits::Received::Of(crate::bank::asset("CAD/2"));
                let after = Spend { debit_committed: n + 1, received, ..Spend::default() };
                spend::put(tx, &id(ACCESS + 1), 0, &Spend::default(), &after)
            },
            is_guard,
        ),
        (
            "transfer",
            |tx, n| {
                let issuer = ledger::provider_account(
                    tx,
                    bursar_core::ledger::AccountKind::Issuer,
                    crate::bank::asset("CAD/2"),
                    &id(50),
                    now(),
                )?;
                let transfer = direct(3_000, 0, id(ACCOUNT + 1), issuer.id, amount(n + 1, "CAD/2"));
                ledger::transfer(tx, &[transfer], now())
            },
            is_there,
        ),
        (
            "name",
            |tx, n| {
                let holder = crate::bank::holder(1);
                let holder =
                    bursar_store::account_holder::AccountHolder { id: id(4_000 + n), name: "bob".to_owned(), ..holder };
                bursar_store::account_holder::insert(tx, &holder)
            },
            is_unique,
        ),
    ];
    for (name, act, is_loss) in contests {
        let done = race(db, 16, |store, number| async move {
            store.write(Vec::new(), move |tx| at_once(tx, |tx| act(tx, number))).await
        });
        let won = done.iter().filter(|done| done.is_ok()).count();
        assert_eq!(won, 1, "{name}: {done:?}");
        let lost = |done: &Result<(), AtOnce>| done.as_ref().err().is_none_or(|AtOnce(error)| is_loss(error));
        assert!(done.iter().all(lost), "{name}: {done:?}");
    }
}

pub fn reading_goes_on_while_a_write_is_open(db: &Database) {
    with_counter(db);
    let (tell, changed) = channel();
    let (release, released) = channel();
    let open = Waiting::enqueue(db.store().write(Vec::new(), move |tx| {
        count_up(tx)?;
        told(&tell);
        wait_for(&released);
        count_up(tx)
    }));
    wait_for(&changed);
    for _ in 0..20 {
        assert_eq!(db.read(value), Some(0));
    }
    told(&release);
    assert_eq!(db.wait(open), Ok(()));
    assert_eq!(db.read(value), Some(2));
}

fn value(tx: &mut Tx<'_>) -> Result<Option<i64>, Error> {
    tx.one("SELECT value FROM counter", &[], |row| row.int(0))
}

/// Reads the counter, lets a write happen, and reads it again.
fn twice(store: Store) -> impl FnMut(&mut Tx<'_>) -> Result<[Option<i64>; 2], Error> + Send + 'static {
    move |tx| {
        let before = value(tx)?;
        let store = store.clone();
        let written = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(store.write(Vec::new(), count_up))
        });
        written.join().expect("no panic")?;
        Ok([before, value(tx)?])
    }
}

pub fn a_snapshot_sees_one_moment(db: &Database) {
    with_counter(db);
    let other = db.open();
    assert_eq!(db.wait(db.store().snapshot(twice(other.clone()))), Ok([Some(0), Some(0)]));
    assert_eq!(db.read(value), Some(1));
    // A plain read sees with each statement what is there by then.
    assert_eq!(db.wait(db.store().read(twice(other))), Ok([Some(1), Some(2)]));
    // After a snapshot its connection is as good as new: also if it failed.
    let failed = db.wait(db.store().snapshot(|tx| tx.execute("SELECT id FROM nowhere", &[])));
    assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    db.write(count_up);
    assert_eq!(db.wait(db.store().snapshot(value)), Ok(Some(3)));
    assert_eq!(db.read(value), Some(3));
}

pub fn more_readers_than_connections_wait_their_turn(db: &Database) {
    db.write(|tx| setting::put(tx, "name", "value"));
    let found = race(db, 100, |store, _| async move { store.read(|tx| setting::get(tx, "name")).await });
    assert!(found.iter().all(|found| *found == Ok(Some("value".to_owned()))), "{found:?}");
}

pub fn a_read_that_fails_harms_nobody(db: &Database) {
    db.write(|tx| setting::put(tx, "name", "value"));
    for _ in 0..30 {
        let failed = db.try_read(|tx| tx.one("SELECT value FROM setting WHERE missing = 1", &[], |row| row.text(0)));
        assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
        let failed = db.try_read(|tx| tx.one("SELECT value FROM setting", &[], |row| row.int(0)));
        assert!(matches!(failed, Err(Error::Corrupt(_))), "{failed:?}");
        let refused = db.try_read(|_| Err::<(), _>(Error::Guard("not allowed")));
        assert_eq!(refused, Err(Error::Guard("not allowed")));
        assert_eq!(db.read(|tx| setting::get(tx, "name")), Some("value".to_owned()));
    }
}
