//! Grants as their account holders see and change them.

use crate::bank::{
    ACCESS, GRANT, HOLDER, PAYMENT, WALLET, add_mandate, add_person, amount, asset, client, full_grant, limits,
    payment, spending,
};
use crate::database::{Database, id, now, seconds};
use bursar_core::access::ClientId;
use bursar_core::grant::{Grant, State};
use bursar_core::limits::{Received, Spend};
use bursar_store::grant::{Before, KnownClient, Standing};
use bursar_store::grant_change::{GrantChange, Kind};
use bursar_store::{Error, grant, grant_change, outgoing_payment, spend};

const CHANGED: Error = Error::Guard("the grant has changed");
const MONTHLY: &str =
    r#"{"interval":"R3/2026-01-31T00:00:00Z/P1M","debitAmount":{"value":"100","assetCode":"CAD","assetScale":2}}"#;
const LESS: &str =
    r#"{"interval":"R2/2026-01-31T00:00:00Z/P1M","debitAmount":{"value":"100","assetCode":"CAD","assetScale":2}}"#;

fn standing(db: &Database, number: u64) -> Option<Standing> {
    db.read(move |tx| grant::standing(tx, &id(GRANT + number)))
}

fn stored(db: &Database, number: u64) -> Grant {
    db.read(move |tx| grant::by_id(tx, &id(GRANT + number))).expect("a grant")
}

pub fn a_pause_and_its_revisions(db: &Database) {
    db.write(|tx| {
        add_person(tx, 1, "CAD/2")?;
        add_mandate(tx, 1, None)?;
        grant::insert(tx, &full_grant(2, State::Pending))?;
        grant::insert(tx, &full_grant(3, State::Ended { holder: Some(id(HOLDER + 1)), at: now() }))
    });
    assert_eq!(standing(db, 1), Some(Standing { is_paused: false, revision: 0 }));
    assert_eq!([standing(db, 2), standing(db, 3), standing(db, 99)], [None; 3]);
    let first = stored(db, 1);
    assert_eq!((first.paused_at, first.revision), (None, 0));
    let pause = |read: Grant, at| db.try_write(move |tx| grant::set_paused(tx, &read, at));
    assert_eq!(pause(first.clone(), Some(seconds(5))), Ok(()));
    assert_eq!(pause(first.clone(), Some(seconds(6))), Err(CHANGED));
    assert_eq!(standing(db, 1), Some(Standing { is_paused: true, revision: 1 }));
    let paused = stored(db, 1);
    assert_eq!((paused.paused_at, paused.revision), (Some(seconds(5)), 1));
    assert_eq!(pause(paused.clone(), None), Ok(()));
    assert_eq!(standing(db, 1), Some(Standing { is_paused: false, revision: 2 }));
    let revise = |read: Grant| db.try_write(move |tx| grant::set_revised(tx, &read));
    assert_eq!(revise(paused), Err(CHANGED));
    assert_eq!(revise(stored(db, 1)), Ok(()));
    assert_eq!(standing(db, 1), Some(Standing { is_paused: false, revision: 3 }));
    // Nothing but a grant in force is changed.
    for number in [2, 3] {
        let other = stored(db, number);
        assert_eq!(pause(other.clone(), Some(now())), Err(CHANGED));
        assert_eq!(revise(other), Err(CHANGED));
    }
}

pub fn limits_change_only_from_what_they_were(db: &Database) {
    db.write(|tx| {
        add_person(tx, 1, "CAD/2")?;
        add_person(tx, 2, "CAD/2")?;
        add_mandate(tx, 1, Some(limits(MONTHLY)))?;
        add_mandate(tx, 2, None)
    });
    let set = |number: u64, before: Option<&str>, what: Before, after: Option<&str>| {
        let (read, after) = (spending(number, before.map(limits)), after.map(limits));
        db.try_write(move |tx| grant::set_limits(tx, &read, what, after.as_ref()))
    };
    let given = |number: u64| db.read(move |tx| grant::access(tx, &id(GRANT + number)))[0].limits.clone();
    let asked = |number: u64| db.read(move |tx| grant::asked(tx, &id(GRANT + number)));
    let other = Err(Error::Guard("the access has other limits"));
    assert_eq!(set(1, None, Before::Asked, Some(LESS)), other);
    assert_eq!(set(1, Some(LESS), Before::Asked, Some(LESS)), other);
    assert_eq!(set(9, None, Before::Asked, Some(LESS)), other);
    assert_eq!((given(1), asked(1)), (Some(limits(MONTHLY)), Vec::new()));
    assert_eq!(set(1, Some(MONTHLY), Before::Asked, Some(LESS)), Ok(()));
    assert_eq!((given(1), asked(1)), (Some(limits(LESS)), vec![(id(ACCESS + 1), Some(limits(MONTHLY)))]));
    // What was asked is remembered once, and lowering later is something else.
    assert_eq!(set(1, Some(LESS), Before::Granted, Some("{}")), Ok(()));
    assert_eq!(set(1, Some("{}"), Before::Asked, None), Ok(()));
    assert_eq!((given(1), asked(1)), (None, vec![(id(ACCESS + 1), Some(limits(MONTHLY)))]));
    // Nothing was asked to be limited.
    assert_eq!(set(2, None, Before::Asked, Some(LESS)), Ok(()));
    assert_eq!((given(2), asked(2)), (Some(limits(LESS)), vec![(id(ACCESS + 2), None)]));
}

pub fn changes_come_back_newest_first(db: &Database) {
    db.write(|tx| {
        add_person(tx, 1, "CAD/2")?;
        add_person(tx, 2, "CAD/2")?;
        add_mandate(tx, 1, None)?;
        add_mandate(tx, 2, None)
    });
    let most = i64::MAX as u64;
    let counted = Spend { debit_reserved: 1, debit_committed: most - 1, receive_committed: 5, ..Spend::default() };
    let kinds = [
        Kind::Paused,
        Kind::Resumed,
        Kind::lowered(id(ACCESS + 1), Some(limits(MONTHLY)), i64::MIN, &counted),
        Kind::lowered(id(ACCESS + 1), None, 7, &Spend::default()),
        Kind::Revoked,
    ];
    assert!(matches!(kinds[2], Kind::Lowered { debit, receive: 5, .. } if debit == most));
    let change = |(number, kind): (usize, &Kind)| GrantChange {
        id: id(2_000 + number as u64),
        grant: id(GRANT + 1),
        kind: kind.clone(),
        created_at: seconds(number as i64),
    };
    let changes: Vec<GrantChange> = kinds.iter().enumerate().map(change).collect();
    for change in changes.clone() {
        db.write(move |tx| grant_change::insert(tx, &change));
    }
    let newest = |number: u64, most: u64| db.read(move |tx| grant_change::newest(tx, &id(GRANT + number), most));
    let expected: Vec<GrantChange> = changes.iter().rev().cloned().collect();
    assert_eq!(newest(1, 9), expected);
    assert_eq!(newest(1, 2), expected[..2]);
    assert_eq!(newest(2, 9), []);
    let again = changes[0].clone();
    assert!(matches!(db.try_write(move |tx| grant_change::insert(tx, &again)), Err(Error::Unique(_))));
    let orphan = GrantChange { id: id(2_100), grant: id(99), ..changes[0].clone() };
    assert!(matches!(db.try_write(move |tx| grant_change::insert(tx, &orphan)), Err(Error::Unavailable(_))));
}

/// Grants of two people, in every state, to three apps.
fn with_grants(db: &Database) {
    db.write(|tx| {
        add_person(tx, 1, "CAD/2")?;
        add_person(tx, 2, "CAD/2")?;
        for number in 0..60 {
            let holder = id(HOLDER + 1 + number % 2);
            let state = match number % 5 {
                0 => State::Pending,
                1 => State::Denied { at: now() },
                2 => State::Approved { holder, at: now() },
                3 => State::Ended { holder: Some(holder), at: now() },
                _ => State::Issued { holder: Some(holder) },
            };
            let client = ClientId::WalletAddress(format!("https://app.example/{}", number % 3));
            // Only the first of an app's has this name.
            let name = (number < 30).then(|| format!("App {}", number % 3));
            let full = full_grant(number, state);
            grant::insert(tx, &Grant { client, client_name: name, created_at: seconds(number as i64), ..full })?;
        }
        // Without anybody's consent: nobody's.
        grant::insert(tx, &full_grant(90, State::Issued { holder: None }))
    });
}

/// The numbers of a person's grants that their apps have taken, newest first.
fn taken(person: u64) -> Vec<u64> {
    (0..60).rev().filter(|number| number % 2 == person - 1 && number % 5 >= 3).collect()
}

pub fn grants_of_an_account_holder(db: &Database) {
    with_grants(db);
    let page = |person: u64, older_than: Option<u64>, most: u64| {
        let from = older_than.map(|number| id(GRANT + number));
        db.read(move |tx| grant::of_holder(tx, &id(HOLDER + person), from.as_ref(), most))
    };
    for person in [1, 2] {
        let numbers = taken(person);
        let whole: Vec<Grant> = numbers.iter().map(|number| stored(db, *number)).collect();
        assert!(whole.iter().all(|grant| grant.access.len() == 1));
        assert_eq!(page(person, None, 100), whole);
        for (place, number) in numbers.iter().enumerate() {
            for most in [1, 4] {
                let rest = &whole[place + 1..];
                assert_eq!(page(person, Some(*number), most), rest[..rest.len().min(most as usize)]);
            }
        }
    }
    assert_eq!(page(3, None, 100), []);
}

pub fn apps_that_an_account_holder_knows(db: &Database) {
    with_grants(db);
    for person in [1, 2] {
        let known = |app: u64| {
            let first = taken(person).into_iter().rev().find(|number| number % 3 == app).expect("a grant");
            KnownClient {
                client: ClientId::WalletAddress(format!("https://app.example/{app}")),
                name: Some(format!("App {app}")),
                since: seconds(first as i64),
            }
        };
        let all: Vec<KnownClient> = (0..3).map(known).collect();
        let found = |most| db.read(move |tx| grant::known_clients(tx, &id(HOLDER + person), most));
        assert_eq!(found(10), all);
        assert_eq!(found(2), all[..2]);
        for app in all {
            let since = db.read(move |tx| grant::known_since(tx, &id(HOLDER + person), &app.client));
            assert_eq!(since, Some(app.since));
        }
        assert_eq!(db.read(move |tx| grant::known_since(tx, &id(HOLDER + person), &client())), None);
    }
    assert_eq!(db.read(|tx| grant::known_clients(tx, &id(HOLDER + 3), 10)), []);
}

pub fn spending_of_several_windows(db: &Database) {
    db.write(|tx| {
        add_person(tx, 1, "CAD/2")?;
        add_mandate(tx, 1, None)
    });
    let spent =
        |value: u64| Spend { debit_committed: value, received: Received::Of(asset("USD/2")), ..Spend::default() };
    for (window, value) in [(-3, 1), (0, 2), (1, 3), (5, 4)] {
        db.write(move |tx| spend::put(tx, &id(ACCESS + 1), window, &Spend::default(), &spent(value)));
    }
    let between = |first: i64, last: i64| db.read(move |tx| spend::between(tx, &id(ACCESS + 1), first, last));
    assert_eq!(between(-3, 1), [(-3, spent(1)), (0, spent(2)), (1, spent(3))]);
    assert_eq!(between(2, i64::MAX), [(5, spent(4))]);
    assert_eq!(between(i64::MIN, -4), []);
    assert_eq!(db.read(|tx| spend::between(tx, &id(ACCESS + 2), -3, 5)), []);
}

pub fn payments_of_an_app(db: &Database) {
    let other = ClientId::WalletAddress("https://other.example/".to_owned());
    let foreign = other.clone();
    db.write(move |tx| {
        for person in [1, 2] {
            add_person(tx, person, "CAD/2")?;
            add_mandate(tx, person, None)?;
        }
        for number in 0..12 {
            let person = if number == 7 { 2 } else { 1 };
            let client = if number == 8 { foreign.clone() } else { client() };
            let cents = amount(number + 1, "CAD/2");
            let made = payment(number, person, 1, cents, cents);
            outgoing_payment::insert(tx, &outgoing_payment_of(made, client))?;
        }
        Ok(())
    });
    let found = |from: u64, to: u64, most: u64| {
        let rows = db.read(move |tx| {
            let between = [&id(PAYMENT + from), &id(PAYMENT + to)];
            outgoing_payment::of_client_between(tx, &id(WALLET + 1), &client(), between, most)
        });
        rows.iter().map(|row| row.price.debit.value() - 1).collect::<Vec<u64>>()
    };
    assert_eq!(found(4, 100, 10), [11, 10, 9, 6, 5]);
    assert_eq!(found(4, 11, 2), [10, 9]);
    assert!(found(11, 100, 10).is_empty());
    let others = db.read(move |tx| {
        let between = [&id(PAYMENT), &id(PAYMENT + 100)];
        outgoing_payment::of_client_between(tx, &id(WALLET + 1), &other, between, 10)
    });
    assert_eq!(others.len(), 1);
}

fn outgoing_payment_of(
    made: bursar_core::outgoing::OutgoingPayment,
    client: ClientId,
) -> bursar_core::outgoing::OutgoingPayment {
    bursar_core::outgoing::OutgoingPayment { client, ..made }
}
