//! Lists of payments, held against a model.

use crate::bank::{PAYMENT, add_mandate, add_person, amount, client, incoming, payment};
use crate::database::{Database, id, run_on_server};
use bursar_core::Id;
use bursar_core::access::ClientId;
use bursar_core::incoming::IncomingPayment;
use bursar_core::outgoing::OutgoingPayment;
use bursar_core::page::{Ask, Part};
use bursar_store::{Error, Tx, incoming_payment, outgoing_payment};

const ROWS: u64 = 60;

fn other_client() -> ClientId {
    ClientId::Jwk("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".to_owned())
}

/// Who made the payment, and for whom: three quarters by the app, five sixths for the first person.
fn made(number: u64) -> (ClientId, u64) {
    let client = if number.is_multiple_of(4) { other_client() } else { client() };
    (client, if number.is_multiple_of(6) { 2 } else { 1 })
}

fn incoming_row(number: u64) -> IncomingPayment {
    let (client, person) = made(number);
    IncomingPayment { client, ..incoming(number, person, "CAD/2", None) }
}

/// Their ids ascend like their numbers, as those of real payments do with time.
fn outgoing_row(number: u64) -> OutgoingPayment {
    let (client, person) = made(number);
    let cents = amount(number, "CAD/2");
    OutgoingPayment { id: id(PAYMENT * 10 + number), client, ..payment(number, person, 1, cents, cents) }
}

fn fill(db: &Database) {
    db.write(|tx| {
        for person in [1, 2] {
            add_person(tx, person, "CAD/2")?;
            add_mandate(tx, person, None)?;
        }
        // In another order than that of their ids.
        for number in (1..=ROWS).map(|number| number * 37 % (ROWS + 1)).filter(|number| *number > 0) {
            incoming_payment::insert(tx, &incoming_row(number))?;
        }
        for number in (1..=ROWS).rev() {
            outgoing_payment::insert(tx, &outgoing_row(number))?;
        }
        Ok(())
    });
}

/// Every way to ask, from every place.
fn asks(id_of: fn(u64) -> Id) -> impl Iterator<Item = Ask> {
    let parts = (0..=ROWS + 1).flat_map(move |number| {
        let id = id_of(number);
        [Part::OlderThan(id), Part::NewerThan(id)]
    });
    std::iter::once(Part::Newest).chain(parts).flat_map(|part| [1, 7, 100].map(|count| Ask { part, count }))
}

fn expected(ask: &Ask, id_of: fn(u64) -> Id, person: u64, only: Option<&ClientId>) -> Vec<u64> {
    let is_listed = |number: &u64| {
        let (client, of) = made(*number);
        of == person && only.is_none_or(|only| *only == client)
    };
    let listed = (1..=ROWS).filter(is_listed);
    let most = ask.rows() as usize;
    match ask.part {
        Part::Newest => listed.rev().take(most).collect(),
        Part::OlderThan(than) => listed.rev().filter(|number| id_of(*number) < than).take(most).collect(),
        Part::NewerThan(than) => listed.filter(|number| id_of(*number) > than).take(most).collect(),
    }
}

pub fn pages_hold_what_they_should(db: &Database) {
    fill(db);
    let incoming_id: fn(u64) -> Id = |number| incoming_row(number).id;
    let outgoing_id: fn(u64) -> Id = |number| outgoing_row(number).id;
    for (person, wallet) in [(1, id(crate::bank::WALLET + 1)), (2, id(crate::bank::WALLET + 2))] {
        for only in [None, Some(client()), Some(other_client())] {
            let (for_incoming, for_outgoing) = (only.clone(), only.clone());
            let found = db.read(move |tx| {
                asks(incoming_id)
                    .map(|ask| incoming_payment::list(tx, &wallet, for_incoming.as_ref(), &ask))
                    .collect::<Result<Vec<_>, _>>()
            });
            for (ask, rows) in asks(incoming_id).zip(found) {
                let wanted = expected(&ask, incoming_id, person, only.as_ref());
                assert_eq!(rows, wanted.into_iter().map(incoming_row).collect::<Vec<_>>(), "{ask:?}");
            }
            let found = db.read(move |tx| {
                asks(outgoing_id)
                    .map(|ask| outgoing_payment::list(tx, &wallet, for_outgoing.as_ref(), &ask))
                    .collect::<Result<Vec<_>, _>>()
            });
            for (ask, rows) in asks(outgoing_id).zip(found) {
                let wanted = expected(&ask, outgoing_id, person, only.as_ref());
                assert_eq!(rows, wanted.into_iter().map(outgoing_row).collect::<Vec<_>>(), "{ask:?}");
            }
        }
    }
    let nobody = Ask { part: Part::Newest, count: 100 };
    assert_eq!(db.read(move |tx| incoming_payment::list(tx, &id(9_999), None, &nobody)), []);
}

/// The planner must not walk through everybody's payments to find those of one wallet address, whatever it believes
/// about how many there are.
#[test]
fn only_rows_of_the_wallet_are_looked_at() {
    run_on_server(|db| {
        // Few rows are read as a whole; here it counts which index is taken when there are many.
        db.run("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_seqscan = off', current_database()); END $$");
        fill(db);
        // By now the server believes that nearly all rows belong to one wallet address.
        db.run("ANALYZE");
        let looked_at = db.write(|tx| {
            let wallet = id(crate::bank::WALLET + 3);
            add_person(tx, 3, "CAD/2")?;
            let url = crate::bank::wallet(3, "CAD/2").url;
            let before = rows_fetched(tx)?;
            assert_eq!(incoming_payment::newest(tx, &wallet)?, None);
            assert_eq!(outgoing_payment::payer(tx, &url)?.and_then(|payer| payer.newest), None);
            for part in [Part::Newest, Part::OlderThan(outgoing_row(30).id), Part::NewerThan(outgoing_row(30).id)] {
                for client in [None, Some(client())] {
                    let ask = Ask { part, count: 10 };
                    assert_eq!(outgoing_payment::list(tx, &wallet, client.as_ref(), &ask)?, []);
                    assert_eq!(incoming_payment::list(tx, &wallet, client.as_ref(), &ask)?, []);
                }
            }
            Ok(rows_fetched(tx)? - before)
        });
        assert_eq!(looked_at, 0);
    });
}

/// How many rows of the two tables this transaction has fetched through indexes or scans.
fn rows_fetched(tx: &mut Tx<'_>) -> Result<i64, Error> {
    let found = tx.one(
        "SELECT CAST(SUM(COALESCE(idx_tup_fetch, 0) + COALESCE(seq_tup_read, 0)) AS BIGINT)
         FROM pg_stat_xact_user_tables WHERE relname IN ('incoming_payment', 'outgoing_payment')",
        &[],
        |row| row.int(0),
    )?;
    Ok(found.unwrap_or_default())
}
