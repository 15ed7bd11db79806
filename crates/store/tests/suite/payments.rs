//! Incoming payments, quotes, outgoing payments, and the counters of what was spent.

use crate::bank::{
    ACCESS, HOLDER, INCOMING, PAYMENT, QUOTE, add_incoming, add_mandate, add_person, amount, asset, incoming, payment,
    price, quote,
};
use crate::database::{Database, edges_of_time, id, seconds};
use bursar_core::access::ClientId;
use bursar_core::incoming::IncomingPayment;
use bursar_core::limits::{Received, Spend};
use bursar_core::outgoing::{Counted, OutgoingPayment};
use bursar_core::quote::{Price, Quote};
use bursar_store::{Error, incoming_payment, outgoing_payment, quote as quotes, spend};
use bursar_types::VALUE_MAX;

fn jwk_client() -> ClientId {
    ClientId::Jwk("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".to_owned())
}

/// A price whose fee is not zero, from a time when rates were not kept.
fn with_fee() -> Price {
    Price { fee: amount(3, "CAD/2"), rate: None, ..price(amount(8, "CAD/2"), amount(5, "CAD/2")) }
}

fn with_people(db: &Database) {
    db.write(|tx| {
        add_person(tx, 1, "CAD/2")?;
        add_person(tx, 2, "USD/9")?;
        add_mandate(tx, 1, None)?;
        add_mandate(tx, 2, None)
    });
}

pub fn incoming_payments_come_back(db: &Database) {
    with_people(db);
    let [first, last] = edges_of_time();
    let payments = [
        incoming(1, 1, "CAD/2", None),
        IncomingPayment {
            client: jwk_client(),
            metadata: Some(r#"{"order":"ü 🦀","n":[1,2.5,null]}"#.to_owned()),
            created_at: first,
            expires_at: last,
            ..incoming(2, 1, "CAD/2", Some(VALUE_MAX))
        },
        IncomingPayment { received: VALUE_MAX, ..incoming(3, 2, "USD/18", None) },
        IncomingPayment { received: 5, metadata: Some(String::new()), ..incoming(4, 2, "JPY/0", Some(5)) },
    ];
    for stored in payments {
        let sent = stored.clone();
        db.write(move |tx| incoming_payment::insert(tx, &sent));
        assert_eq!(db.read(move |tx| incoming_payment::by_id(tx, &stored.id)), Some(stored));
    }
    assert_eq!(db.read(|tx| incoming_payment::by_id(tx, &id(99))), None);
    let insert = |payment: IncomingPayment| db.try_write(move |tx| incoming_payment::insert(tx, &payment));
    assert!(matches!(insert(incoming(1, 2, "CAD/2", None)), Err(Error::Retry(_))));
    // Of nobody, or with more in it than it takes.
    assert!(matches!(insert(incoming(9, 9, "CAD/2", None)), Err(Error::Unavailable(_))));
    let overfull = IncomingPayment { received: 6, ..incoming(9, 1, "CAD/2", Some(5)) };
    assert!(matches!(insert(overfull), Err(Error::Unavailable(_))));
}

pub fn an_incoming_payment_changes_only_from_what_it_was(db: &Database) {
    with_people(db);
    let zero = incoming(1, 1, "CAD/2", Some(100));
    let at = |received: u64, completed: Option<i64>| IncomingPayment {
        received,
        completed_at: completed.map(seconds),
        ..incoming(1, 1, "CAD/2", Some(100))
    };
    db.write(move |tx| add_incoming(tx, &zero));
    let update = |before: IncomingPayment, after: IncomingPayment| {
        db.try_write(move |tx| incoming_payment::update(tx, &before, &after))
    };
    let stored = || db.read(|tx| incoming_payment::by_id(tx, &id(INCOMING + 1)));
    let moved = Err(Error::Guard("the incoming payment has changed"));
    assert_eq!(update(at(0, None), at(40, None)), Ok(()));
    assert_eq!(stored(), Some(at(40, None)));
    // Somebody who still believes that nothing has come in.
    assert_eq!(update(at(0, None), at(10, None)), moved);
    assert_eq!(stored(), Some(at(40, None)));
    // Never above its amount, whatever the caller decided.
    assert!(matches!(update(at(40, None), at(101, Some(5))), Err(Error::Unavailable(_))));
    assert_eq!(update(at(40, None), at(100, Some(5))), Ok(()));
    assert_eq!(stored(), Some(at(100, Some(5))));
    // Completed is final.
    assert_eq!(update(at(100, Some(5)), at(100, Some(6))), moved);
    assert_eq!(update(at(100, None), at(100, Some(6))), moved);
    assert_eq!(stored(), Some(at(100, Some(5))));
    let missing = incoming(9, 1, "CAD/2", None);
    assert_eq!(update(missing.clone(), missing), moved);
}

pub fn incoming_payments_expire_once(db: &Database) {
    with_people(db);
    db.write(|tx| {
        for number in 1..=4 {
            let expires_at = seconds(number as i64);
            add_incoming(tx, &IncomingPayment { expires_at, ..incoming(number, 1, "CAD/2", Some(100)) })?;
        }
        let open = incoming(2, 1, "CAD/2", Some(100));
        let done = IncomingPayment { completed_at: Some(seconds(1)), ..open.clone() };
        incoming_payment::update(tx, &open, &done)
    });
    let expire = |second: i64, most: u64| db.write(move |tx| incoming_payment::expire(tx, seconds(second), most));
    assert_eq!(expire(0, 10), 0);
    assert_eq!((expire(3, 1), expire(3, 1), expire(3, 1)), (1, 1, 0), "the completed one is left alone");
    assert_eq!(db.number("SELECT COUNT(*) FROM incoming_payment WHERE expired_at IS NOT NULL"), 2);
    // It reads as before, and nothing comes in any more, whatever the caller decided.
    let stored = db.read(|tx| incoming_payment::by_id(tx, &id(INCOMING + 1))).expect("it stays readable");
    assert_eq!((stored.received, stored.completed_at, stored.expired_at), (0, None, Some(seconds(3))));
    let after = IncomingPayment { received: 5, ..stored.clone() };
    let late = db.try_write(move |tx| incoming_payment::update(tx, &stored, &after));
    assert_eq!(late, Err(Error::Guard("the incoming payment has changed")));
}

pub fn quotes_come_back(db: &Database) {
    with_people(db);
    let [first, last] = edges_of_time();
    let quotes = [
        quote(1, 1, 1, amount(136, "CAD/2"), amount(100, "USD/2")),
        Quote {
            client: jwk_client(),
            created_at: first,
            expires_at: last,
            ..quote(2, 2, 9, amount(VALUE_MAX, "A.very-long_code/18"), amount(VALUE_MAX, "JPY/0"))
        },
        Quote { receiver: String::new(), ..quote(3, 1, 1, amount(0, "CAD/2"), amount(0, "CAD/2")) },
        Quote { price: with_fee(), ..quote(4, 1, 1, amount(0, "CAD/2"), amount(0, "CAD/2")) },
    ];
    for stored in quotes {
        let sent = stored.clone();
        db.write(move |tx| quotes::insert(tx, &sent));
        assert_eq!(db.read(move |tx| quotes::by_id(tx, &stored.id)), Some(stored));
    }
    assert_eq!(db.read(|tx| quotes::by_id(tx, &id(99))), None);
    let again = db.try_write(|tx| quotes::insert(tx, &quote(1, 1, 1, amount(1, "CAD/2"), amount(1, "CAD/2"))));
    assert!(matches!(again, Err(Error::Retry(_))));
}

pub fn a_quote_is_used_once(db: &Database) {
    with_people(db);
    db.write(|tx| quotes::insert(tx, &quote(1, 1, 1, amount(1, "CAD/2"), amount(1, "CAD/2"))));
    let use_it = |number: u64, payment: u64| {
        db.try_write(move |tx| quotes::set_used(tx, &id(QUOTE + number), &id(PAYMENT + payment)))
    };
    let used = Err(Error::Guard("the quote is used"));
    assert_eq!(use_it(1, 1), Ok(()));
    assert_eq!(use_it(1, 2), used);
    assert_eq!(use_it(1, 1), used);
    assert_eq!(use_it(9, 1), used);
    let stored = db.read(|tx| quotes::by_id(tx, &id(QUOTE + 1))).and_then(|quote| quote.used_by);
    assert_eq!(stored, Some(id(PAYMENT + 1)));
}

pub fn only_quotes_that_expired_unused_are_deleted(db: &Database) {
    with_people(db);
    db.write(|tx| {
        for number in 1..=5 {
            let expires_at = seconds(number as i64);
            let quote = quote(number, 1, 1, amount(1, "CAD/2"), amount(1, "CAD/2"));
            quotes::insert(tx, &Quote { expires_at, ..quote })?;
        }
        quotes::set_used(tx, &id(QUOTE + 2), &id(PAYMENT + 1))
    });
    let delete = |second: i64, most: u64| db.write(move |tx| quotes::delete_expired(tx, seconds(second), most));
    let left = || {
        let there = |number: &u64| {
            let number = *number;
            db.read(move |tx| quotes::by_id(tx, &id(QUOTE + number))).is_some()
        };
        (1..=5).filter(there).collect::<Vec<u64>>()
    };
    assert_eq!((delete(0, 10), left()), (0, vec![1, 2, 3, 4, 5]));
    assert_eq!((delete(4, 2), left()), (2, vec![2, 4, 5]));
    assert_eq!((delete(4, 2), left()), (1, vec![2, 5]));
    assert_eq!((delete(4, 2), left()), (0, vec![2, 5]));
    assert_eq!((delete(9, 2), left()), (1, vec![2]));
}

fn counted(number: u64, window: i64) -> Option<Counted> {
    Some(Counted { access: id(ACCESS + number), window })
}

pub fn outgoing_payments_come_back(db: &Database) {
    with_people(db);
    let [first, last] = edges_of_time();
    let payments = [
        payment(1, 1, 1, amount(136, "CAD/2"), amount(100, "USD/2")),
        OutgoingPayment {
            client: jwk_client(),
            counted: counted(2, i64::MIN),
            quote: Some(id(QUOTE + 1)),
            metadata: Some(r#"{"a":"ü"}"#.to_owned()),
            created_at: first,
            ..payment(2, 2, 9, amount(VALUE_MAX, "A.very-long_code/18"), amount(VALUE_MAX, "JPY/0"))
        },
        OutgoingPayment {
            counted: counted(1, i64::MAX),
            price: with_fee(),
            sent: amount(3, "CAD/2"),
            created_at: last,
            ..payment(3, 1, 1, amount(5, "CAD/2"), amount(0, "CAD/2"))
        },
        // Made in person, under no grant.
        OutgoingPayment {
            client: ClientId::Holder(id(HOLDER + 1)),
            counted: None,
            ..payment(4, 1, 1, amount(5, "CAD/2"), amount(5, "CAD/2"))
        },
    ];
    for stored in payments {
        let sent = stored.clone();
        db.write(move |tx| outgoing_payment::insert(tx, &sent));
        assert_eq!(db.read(move |tx| outgoing_payment::by_id(tx, &stored.id)), Some(stored));
    }
    assert_eq!(db.read(|tx| outgoing_payment::by_id(tx, &id(99))), None);
    let insert = |payment: OutgoingPayment| db.try_write(move |tx| outgoing_payment::insert(tx, &payment));
    let five = |number| payment(number, 1, 1, amount(5, "CAD/2"), amount(5, "CAD/2"));
    assert!(matches!(insert(five(1)), Err(Error::Retry(_))));
    // Never more sent than debited; never without a mandate or a wallet.
    assert!(matches!(insert(OutgoingPayment { sent: amount(6, "CAD/2"), ..five(9) }), Err(Error::Unavailable(_))));
    assert!(matches!(insert(OutgoingPayment { counted: counted(99, 0), ..five(9) }), Err(Error::Unavailable(_))));
    assert!(matches!(insert(OutgoingPayment { wallet_address: id(99), ..five(9) }), Err(Error::Unavailable(_))));
    db.run("UPDATE outgoing_payment SET state = 'lost'");
    assert!(matches!(db.try_read(|tx| outgoing_payment::by_id(tx, &id(PAYMENT + 1))), Err(Error::Corrupt(_))));
}

fn counter(reserved: (u64, u64), committed: (u64, u64), received: Received) -> Spend {
    Spend {
        debit_reserved: reserved.0,
        receive_reserved: reserved.1,
        debit_committed: committed.0,
        receive_committed: committed.1,
        received,
    }
}

fn stored_counter(db: &Database, window: i64) -> Spend {
    db.read(move |tx| spend::get(tx, &id(ACCESS + 1), window))
}

fn put(db: &Database, window: i64, before: Spend, after: Spend) -> Result<(), Error> {
    db.try_write(move |tx| spend::put(tx, &id(ACCESS + 1), window, &before, &after))
}

pub fn a_counter_comes_back(db: &Database) {
    with_people(db);
    let of = |text: &str| Received::Of(asset(text));
    let max = VALUE_MAX;
    let counters = [
        counter((1, 2), (3, 4), of("USD/9")),
        counter((max, max), (max, max), of("A.very-long_code/18")),
        counter((0, 0), (0, 0), of("JPY/0")),
        counter((7, 0), (8, 0), Received::Mixed),
    ];
    assert_eq!(stored_counter(db, 0), Spend::default());
    for (window, first) in counters.into_iter().enumerate() {
        let window = window as i64;
        assert_eq!(put(db, window, Spend::default(), first), Ok(()));
        assert_eq!(stored_counter(db, window), first);
        for next in counters {
            let before = stored_counter(db, window);
            assert_eq!(put(db, window, before, next), Ok(()));
            assert_eq!(stored_counter(db, window), next);
        }
    }
    let orphan =
        db.try_write(|tx| spend::put(tx, &id(99), 0, &Spend::default(), &counter((1, 1), (1, 1), Received::Mixed)));
    assert!(matches!(orphan, Err(Error::Unavailable(_))), "{orphan:?}");
}

pub fn a_counter_moves_only_from_what_it_was(db: &Database) {
    with_people(db);
    let usd = Received::Of(asset("USD/9"));
    let stored = counter((1, 2), (3, 4), usd);
    assert_eq!(put(db, 0, Spend::default(), stored), Ok(()));
    let moved = Err(Error::Guard("the window's counter has moved"));
    let next = counter((9, 9), (9, 9), usd);
    let stale = [
        // Nobody has spent anything yet, says one that came second.
        Spend::default(),
        counter((0, 2), (3, 4), usd),
        counter((1, 0), (3, 4), usd),
        counter((1, 2), (0, 4), usd),
        counter((1, 2), (3, 0), usd),
        counter((1, 2), (3, 4), Received::Of(asset("USD/2"))),
        counter((1, 2), (3, 4), Received::Of(asset("EUR/9"))),
        counter((1, 2), (3, 4), Received::Mixed),
    ];
    for before in stale {
        assert_eq!(put(db, 0, before, next), moved, "{before:?}");
        assert_eq!(stored_counter(db, 0), stored);
    }
    // A window that nobody has spent in cannot have moved from anything.
    assert_eq!(put(db, 1, stored, next), moved);
    assert_eq!(stored_counter(db, 1), Spend::default());
    assert_eq!(put(db, 0, stored, next), Ok(()));
    assert_eq!(put(db, 0, stored, next), moved);
    // Mixed has no scale, and is told apart from an asset in both directions.
    let mixed = counter((9, 0), (9, 0), Received::Mixed);
    assert_eq!(put(db, 0, next, mixed), Ok(()));
    assert_eq!(put(db, 0, counter((9, 0), (9, 0), usd), next), moved);
    assert_eq!(put(db, 0, mixed, mixed), Ok(()));
}

pub fn a_window_is_counted_apart_from_others(db: &Database) {
    with_people(db);
    let usd = Received::Of(asset("USD/9"));
    for (number, window) in [i64::MIN, -1, 0, 1, i64::MAX].into_iter().enumerate() {
        let number = number as u64 + 1;
        assert_eq!(put(db, window, Spend::default(), counter((number, 0), (0, 0), usd)), Ok(()));
    }
    let others = counter((50, 0), (0, 0), usd);
    db.write(move |tx| spend::put(tx, &id(ACCESS + 2), 0, &Spend::default(), &others));
    let counted = [i64::MIN, -1, 0, 1, i64::MAX].map(|window| stored_counter(db, window).debit_reserved);
    assert_eq!(counted, [1, 2, 3, 4, 5]);
    assert_eq!(db.read(|tx| spend::get(tx, &id(ACCESS + 2), 0)), others);
    assert_eq!(db.read(|tx| spend::get(tx, &id(ACCESS + 2), 1)), Spend::default());
}
