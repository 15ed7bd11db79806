//! Payments as both their ends see them.

use crate::bank::{
    ACCOUNT, GRANT, HOLDER, INCOMING, PAYMENT, WALLET, add_mandate, add_person, amount, client, direct, fund, incoming,
    payment,
};
use crate::database::{Database, id, now};
use bursar_core::Id;
use bursar_core::ledger::AccountKind;
use bursar_core::outgoing::OutgoingPayment;
use bursar_store::movement::{self, End, Span};
use bursar_store::{MIGRATIONS, incoming_payment, ledger, outgoing_payment};

const ROWS: u64 = 40;

/// Who pays whom: everybody everybody else, and sometimes themselves.
fn ends(number: u64) -> (u64, u64) {
    (number % 3 + 1, number / 3 % 3 + 1)
}

fn made(number: u64) -> OutgoingPayment {
    let (payer, payee) = ends(number);
    let cents = amount(number, "CAD/2");
    OutgoingPayment { id: id(PAYMENT * 10 + number), ..payment(number, payer, payee, cents, cents) }
}

fn fill(db: &Database) {
    db.write(|tx| {
        for person in 1..=3 {
            add_person(tx, person, "CAD/2")?;
            add_mandate(tx, person, None)?;
            incoming_payment::insert(tx, &incoming(person, person, "CAD/2", None))?;
        }
        for number in (1..=ROWS).rev() {
            outgoing_payment::insert(tx, &made(number))?;
        }
        Ok(())
    });
}

pub fn each_end_has_its_list(db: &Database) {
    fill(db);
    let bounds = [0, 1, 7, ROWS / 2, ROWS, ROWS + 1];
    for person in 1..=3 {
        for end in [End::Payer, End::Payee] {
            for (first, last) in bounds.iter().flat_map(|first| bounds.iter().map(move |last| (*first, *last))) {
                for (newest_first, most) in [(true, 3), (true, 100), (false, 3), (false, 100)] {
                    let [newer_than, older_than] = [first, last].map(|number| id(PAYMENT * 10 + number));
                    let span = Span { newer_than, older_than, newest_first };
                    let found = db.read(move |tx| movement::list(tx, &id(WALLET + person), end, &span, most));
                    let is_listed = |number: &u64| match end {
                        End::Payer => ends(*number).0 == person,
                        End::Payee => ends(*number).1 == person,
                    };
                    let mut wanted: Vec<u64> =
                        (1..=ROWS).filter(|n| first < *n && *n < last).filter(is_listed).collect();
                    if newest_first {
                        wanted.reverse();
                    }
                    let wanted: Vec<OutgoingPayment> = wanted.into_iter().take(most as usize).map(made).collect();
                    let found: Vec<OutgoingPayment> = found.into_iter().map(|movement| movement.payment).collect();
                    assert_eq!(found, wanted, "{person} {end:?} {span:?}");
                }
            }
        }
    }
}

pub fn both_ends_and_what_lies_around_are_told(db: &Database) {
    fill(db);
    // From the second person to the third.
    let number = 7;
    assert_eq!(ends(number), (2, 3));
    let payment = made(number).id;
    let found = db.read(move |tx| movement::by_id(tx, &payment)).expect("it is there");
    assert_eq!(found.payment, made(number));
    assert_eq!((found.payer.holder, found.payer.account), (id(HOLDER + 2), id(ACCOUNT + 2)));
    let payee = found.payee.expect("it is here");
    assert_eq!((payee.wallet_address, payee.holder), (id(WALLET + 3), id(HOLDER + 3)));
    assert_eq!(payee.url, "https://bank.example/person-3");
    let request = found.request.expect("it is here");
    assert_eq!((request.client, request.metadata), (client(), None));
    assert_eq!((found.grant, found.client_name.as_deref()), (Some(id(GRANT + 2)), Some("Die App für \"alles\" 🦀")));
    assert_eq!(db.read(|tx| movement::by_id(tx, &id(9_999))), None);
}

pub fn a_receiver_elsewhere_is_nobody_here(db: &Database) {
    fill(db);
    let elsewhere = OutgoingPayment { incoming_payment: id(9_999), ..made(ROWS + 1) };
    let payment = elsewhere.id;
    db.write(move |tx| outgoing_payment::insert(tx, &elsewhere));
    let found = db.read(move |tx| movement::by_id(tx, &payment)).expect("it is there");
    assert_eq!((found.payee, found.request), (None, None));
}

pub fn transfers_are_told_with_their_accounts(db: &Database) {
    db.write(|tx| {
        for person in [1, 2] {
            add_person(tx, person, "CAD/2")?;
        }
        fund(tx, 1, 1_000, "CAD/2")?;
        let fees = ledger::provider_account(tx, AccountKind::Fees, amount(0, "CAD/2").asset(), &id(77), now())?;
        let cents = |value| amount(value, "CAD/2");
        let legs = [
            direct(PAYMENT, 2, id(ACCOUNT + 1), fees.id, cents(5)),
            direct(PAYMENT, 0, id(ACCOUNT + 1), id(ACCOUNT + 2), cents(95)),
        ];
        ledger::transfer(tx, &legs, now())
    });
    let found = db.read(|tx| movement::postings(tx, &id(PAYMENT)));
    let told: Vec<(u64, Id, AccountKind, u64)> =
        found.iter().map(|p| (p.leg, p.credit.0, p.credit.1, p.amount.value())).collect();
    assert_eq!(told, [(0, id(ACCOUNT + 2), AccountKind::Holder, 95), (2, id(77), AccountKind::Fees, 5)]);
    assert!(found.iter().all(|p| p.debit == (id(ACCOUNT + 1), AccountKind::Holder) && p.at == now()));
    assert_eq!(db.read(|tx| movement::postings(tx, &id(9_999))), []);
}

pub fn earlier_payments_are_found_by_whom_they_reached(db: &Database) {
    fill(db);
    // As if the version that adds this had not been applied yet.
    let (name, statements) =
        MIGRATIONS.iter().find(|(name, _)| name.ends_with("whom_payments_reached")).expect("it is one");
    db.run("DROP INDEX outgoing_payment_received; ALTER TABLE outgoing_payment DROP COLUMN payee_id");
    db.run(statements);
    let span = Span { newer_than: id(0), older_than: id(PAYMENT * 10 + 999), newest_first: true };
    for person in 1..=3 {
        let found = db.read(move |tx| movement::list(tx, &id(WALLET + person), End::Payee, &span, 100));
        let wanted = (1..=ROWS).filter(|number| ends(*number).1 == person).count();
        assert_eq!(found.len(), wanted, "{name}");
        assert!(found.iter().all(|movement| movement.payment.incoming_payment == id(INCOMING + person)));
    }
}
