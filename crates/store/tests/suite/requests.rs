//! Requests: incoming payments that people asked for in person.

use crate::bank::{HOLDER, INCOMING, add_incoming, add_person, incoming};
use crate::database::{Database, id, seconds};
use bursar_core::access::ClientId;
use bursar_core::incoming::IncomingPayment;
use bursar_core::page::{Ask, Part};
use bursar_store::payment_request::{self, PaymentRequest};
use bursar_store::{Error, incoming_payment};

fn asked(number: u64, person: u64) -> IncomingPayment {
    let client = ClientId::Holder(id(HOLDER + person));
    IncomingPayment { client, metadata: Some(r#"{"a":1}"#.to_owned()), ..incoming(number, person, "CAD/2", Some(500)) }
}

fn with_people(db: &Database) {
    db.write(|tx| {
        add_person(tx, 1, "CAD/2")?;
        add_person(tx, 2, "CAD/2")
    });
}

fn add(db: &Database, number: u64, person: u64, note: Option<&'static str>) {
    db.write(move |tx| {
        add_incoming(tx, &asked(number, person))?;
        payment_request::insert(tx, &id(INCOMING + number), &id(HOLDER + person), note)
    });
}

pub fn requests_come_back(db: &Database) {
    with_people(db);
    add(db, 1, 1, Some("Für \"alles\" <b>"));
    add(db, 2, 1, None);
    db.write(|tx| add_incoming(tx, &incoming(3, 1, "CAD/2", None)));
    let find = |number: u64| db.read(move |tx| payment_request::by_id(tx, &id(INCOMING + number)));
    let expected = |number: u64, note: Option<&str>| PaymentRequest {
        payment: asked(number, 1),
        holder: id(HOLDER + 1),
        public_note: note.map(str::to_owned),
    };
    assert_eq!(find(1), Some(expected(1, Some("Für \"alles\" <b>"))));
    assert_eq!((find(2), find(3), find(9)), (Some(expected(2, None)), None, None));
    // What became of the incoming payment is seen.
    db.write(|tx| incoming_payment::update(tx, &asked(1, 1), &asked(1, 1).complete(seconds(3)).expect("it is open")));
    assert_eq!(find(1).and_then(|request| request.payment.completed_at), Some(seconds(3)));
    // None without an incoming payment or a person, and none twice.
    let insert = |number: u64, person: u64| {
        db.try_write(move |tx| payment_request::insert(tx, &id(INCOMING + number), &id(HOLDER + person), None))
    };
    assert!(matches!(insert(9, 1), Err(Error::Unavailable(_))));
    assert!(matches!(insert(3, 9), Err(Error::Unavailable(_))));
    assert!(matches!(insert(1, 1), Err(Error::Unique(_))));
}

pub fn requests_are_listed_for_their_owner(db: &Database) {
    with_people(db);
    for number in 1..=5 {
        add(db, number, 1, None);
    }
    add(db, 6, 2, None);
    let list = |part: Part| {
        let rows = db.read(move |tx| payment_request::list(tx, &id(HOLDER + 1), &Ask { part, count: 2 }));
        rows.into_iter().map(|request| request.payment.id).collect::<Vec<_>>()
    };
    let numbers = |numbers: [u64; 3]| numbers.map(|number| id(INCOMING + number)).to_vec();
    assert_eq!(list(Part::Newest), numbers([5, 4, 3]), "one more than the page has");
    assert_eq!(list(Part::OlderThan(id(INCOMING + 4))), numbers([3, 2, 1]));
    assert_eq!(list(Part::NewerThan(id(INCOMING + 1))), numbers([2, 3, 4]));
    assert_eq!(list(Part::OlderThan(id(INCOMING + 1))), []);
}
