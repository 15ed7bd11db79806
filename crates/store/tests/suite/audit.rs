//! The auditor: content with what the rules have made, and blind to no damage.

use crate::bank::{
    ACCESS, ACCOUNT, GRANT, HOLDER, INCOMING, PAYMENT, QUOTE, add_incoming, add_mandate, add_person, amount, asset,
    client, direct, fund, incoming, limits, quote, receiver,
};
use crate::database::{Database, id, now};
use bursar_core::Id;
use bursar_core::access::ClientId;
use bursar_core::ledger::{AccountKind, LocalRoute, Transfer, TransferKind};
use bursar_core::limits::Spend;
use bursar_core::outgoing::{Create, Loaded, create_local};
use bursar_core::quote::Price;
use bursar_store::audit::{Report, audit};
use bursar_store::grant_change::{self, GrantChange, Kind};
use bursar_store::{
    AsRetry, Error, Tx, Value, grant, incoming_payment, ledger, outgoing_payment, quote as quotes, spend,
};

/// The provider's positions, and transfers that belong to no payment.
const CAD: u64 = 31;
const USD: u64 = 32;
const FEES: u64 = 33;
const SENDING: u64 = 3_000;

const ALICE_LIMITS: &str = r#"{"debitAmount":{"value":"500","assetCode":"CAD","assetScale":2}}"#;
const BOB_LIMITS: &str =
    r#"{"interval":"R/2026-01-01T00:00:00Z/P1D","receiveAmount":{"value":"60","assetCode":"USD","assetScale":2}}"#;

/// Makes a payment as the use case does.
fn pay(
    tx: &mut Tx<'_>,
    number: u64,
    (from, to): (u64, u64),
    window: i64,
    quote: Option<u64>,
    (debit, fee, receive): (u64, u64, u64),
) -> Result<(), Error> {
    let missing = || Error::Guard("what was stored is there");
    let before = incoming_payment::by_id(tx, &id(INCOMING + to))?.ok_or_else(missing)?;
    let access = grant::access(tx, &id(crate::bank::GRANT + from))?.into_iter().next().ok_or_else(missing)?;
    let spent = spend::get(tx, &access.id, window)?;
    let mut account = |number| ledger::account(tx, &id(number))?.ok_or_else(missing);
    let (payer, payee) = (account(ACCOUNT + from)?, account(ACCOUNT + to)?);
    let exchange = if payer.asset == payee.asset { None } else { Some((account(CAD)?, account(USD)?)) };
    let fees = Some(account(FEES)?);
    let route = LocalRoute { payer, payee, exchange, fees };
    let loaded = Loaded { access: &access, spend: &spent, window, receiver: &before, route: &route };
    let units = |value| payer.asset.amount(value).expect("an amount");
    let receive = payee.asset.amount(receive).expect("an amount");
    let price = Price { fee: units(fee), ..crate::bank::price(units(debit), receive) };
    let ask = Create {
        id: id(PAYMENT + number),
        wallet_address: id(crate::bank::WALLET + from),
        client: client(),
        quote: quote.map(|quote| id(QUOTE + quote)),
        receiver: receiver(to),
        price,
        metadata: None,
    };
    let plan = create_local(&loaded, ask, now()).expect("the rules allow it");
    if let Some(number) = quote {
        quotes::insert(tx, &crate::bank::quote(number, from, to, price.debit, price.receive))?;
        quotes::set_used(tx, &id(QUOTE + number), &plan.settled.payment.id)?;
    }
    outgoing_payment::insert(tx, &plan.settled.payment)?;
    spend::put(tx, &access.id, window, &spent, &plan.spend)?;
    ledger::transfer(tx, &plan.settled.transfers, now())?;
    incoming_payment::update(tx, &before, &plan.settled.receiver)
}

/// Alice (1) and Bob (2) with dollars of Canada, Carol (3) with those of the United States; payments of one asset and
/// of two, with quotes and without, in several windows; money that was set aside and what became of it.
fn used(db: &Database) {
    db.write(|tx| {
        for (number, asset_text) in [(1, "CAD/2"), (2, "CAD/2"), (3, "USD/2")] {
            add_person(tx, number, asset_text)?;
        }
        for (number, asset_text) in [(CAD, "CAD/2"), (USD, "USD/2")] {
            ledger::provider_account(tx, AccountKind::Exchange, asset(asset_text), &id(number), now())?;
        }
        ledger::provider_account(tx, AccountKind::Fees, asset("CAD/2"), &id(FEES), now())?;
        fund(tx, 1, 1_000, "CAD/2")?;
        fund(tx, 2, 500, "CAD/2")?;
        add_mandate(tx, 1, Some(limits(ALICE_LIMITS)))?;
        add_mandate(tx, 2, Some(limits(BOB_LIMITS)))?;
        add_incoming(tx, &incoming(2, 2, "CAD/2", None))?;
        add_incoming(tx, &incoming(3, 3, "USD/2", Some(200)))?;
        add_incoming(tx, &incoming(4, 2, "CAD/2", Some(1)))?;
        pay(tx, 1, (1, 2), 0, Some(1), (100, 0, 100))?;
        pay(tx, 2, (1, 3), 0, None, (136, 0, 100))?;
        pay(tx, 3, (2, 3), 30, Some(2), (68, 0, 50))?;
        pay(tx, 4, (2, 3), 31, None, (71, 3, 50))?;
        quotes::insert(tx, &quote(3, 1, 2, amount(5, "CAD/2"), amount(5, "CAD/2")))?;
        let sending = |number: u64, leg: u8, kind: TransferKind, value: u64| Transfer {
            leg,
            kind,
            ..direct(SENDING + number, leg, id(ACCOUNT + 1), id(CAD), amount(value, "CAD/2"))
        };
        let ended = TransferKind::Post { leg: 0, reserved: 60 };
        let freed = TransferKind::Void { leg: 0, reserved: 70 };
        for transfer in [
            sending(0, 0, TransferKind::Reserve, 60),
            sending(0, 1, ended, 40),
            sending(1, 0, TransferKind::Reserve, 70),
            sending(1, 1, freed, 70),
            sending(2, 0, TransferKind::Reserve, 80),
        ] {
            ledger::transfer(tx, &[transfer], now())?;
        }
        Ok(())
    });
}

fn report(db: &Database) -> Report {
    db.wait(db.store().snapshot(audit)).expect("a report")
}

pub fn an_empty_database_is_sound(db: &Database) {
    assert_eq!(report(db), Report::default());
}

pub fn a_used_database_is_sound(db: &Database) {
    used(db);
    let expected = Report { accounts: 7, transfers: 15, payments: 4, windows: 3, faults: Vec::new() };
    assert_eq!(report(db), expected);
}

/// Carries a report out of a write that is undone.
#[derive(Debug)]
struct Undone(Result<Report, Error>);

impl From<Error> for Undone {
    fn from(error: Error) -> Self {
        Self(Err(error))
    }
}

impl AsRetry for Undone {
    fn as_retry(&self) -> Option<&Error> {
        None
    }
}

type Damage = fn(&mut Tx<'_>) -> Result<(), Error>;

/// What the auditor says of the damage, which is undone afterwards.
fn after(db: &Database, damage: Damage) -> Result<Vec<String>, Error> {
    let write = db.store().write(Vec::new(), move |tx| {
        damage(tx)?;
        Err::<(), _>(Undone(audit(tx)))
    });
    let Undone(report) = db.wait(write).expect_err("it is always undone");
    report.map(|report| report.faults)
}

/// Runs a statement that must touch something.
fn run(tx: &mut Tx<'_>, sql: &'static str, values: &[Value<'_>]) -> Result<(), Error> {
    let touched = tx.execute(sql, values)?;
    assert!(touched > 0, "{sql} touched nothing");
    Ok(())
}

/// Every fault must be one of the expected ones, and each of these must be there once.
#[track_caller]
fn check(db: &Database, damage: Damage, expected: &[String]) {
    let mut faults = after(db, damage).expect("the auditor reads it");
    let mut expected = expected.to_vec();
    faults.sort();
    expected.sort();
    assert_eq!(faults, expected);
}

fn unfounded(account: u64) -> String {
    format!("account {} has a balance that does not follow from its transfers", id(account))
}

fn unmoved(payment: u64) -> String {
    format!("payment {} did not move exactly its money", id(PAYMENT + payment))
}

fn miscounted(incoming: u64) -> String {
    format!("incoming payment {} counts something else than was paid to it", id(INCOMING + incoming))
}

fn window(access: u64, window: i64, what: &str) -> String {
    format!("window {window} of access {} {what}", id(ACCESS + access))
}

fn sum(asset: &str, sum: i64) -> String {
    format!("balances in {asset} add up to {sum}, not to zero")
}

fn misused(quote: u64) -> String {
    format!("quote {} is used by a payment that does not name it", id(QUOTE + quote))
}

fn unquoted(payment: u64) -> String {
    format!("payment {} names a quote that it did not use up", id(PAYMENT + payment))
}

const OTHER: &str = "counts something else than was paid";
const ABOVE: &str = "is above its limit";
const UNCOUNTED: &str = "was spent in without being counted";
const ISSUER: u64 = 21;
const ALICE: u64 = ACCOUNT + 1;
const BOB: u64 = ACCOUNT + 2;
const CAROL: u64 = ACCOUNT + 3;

pub fn every_kind_of_damage_is_found(db: &Database) {
    used(db);
    damaged_balances(db);
    damaged_transfers(db);
    damaged_payments(db);
    damaged_counters(db);
    damaged_quotes(db);
    // All of it was undone.
    assert_eq!(report(db).faults, Vec::<String>::new());
}

fn damaged_balances(db: &Database) {
    fn add(tx: &mut Tx<'_>, account: u64, balance: i64, reserved: i64) -> Result<(), Error> {
        run(
            tx,
            "UPDATE ledger_account SET balance = balance + $2, reserved = reserved + $3 WHERE id = $1",
            &[(&id(account)).into(), balance.into(), reserved.into()],
        )
    }
    check(db, |tx| add(tx, ALICE, 1, 0), &[unfounded(ALICE), sum("CAD/2", 1)]);
    check(db, |tx| add(tx, ISSUER, -7, 0), &[unfounded(ISSUER), sum("CAD/2", -7)]);
    check(db, |tx| add(tx, CAROL, -200, 0), &[unfounded(CAROL), sum("USD/2", -200)]);
    check(db, |tx| add(tx, ALICE, 0, -80), &[unfounded(ALICE)]);
    check(db, |tx| add(tx, BOB, 0, 1), &[unfounded(BOB)]);
    // Moved without a transfer: the sum is right, and still it is found.
    check(db, |tx| add(tx, ALICE, -1, 0).and_then(|()| add(tx, BOB, 1, 0)), &[unfounded(ALICE), unfounded(BOB)]);
}

fn damaged_transfers(db: &Database) {
    fn forget(tx: &mut Tx<'_>, reference: u64, leg: u8) -> Result<(), Error> {
        run(tx, "DELETE FROM ledger_transfer WHERE reference = $1 AND leg = $2", &[(&id(reference)).into(), leg.into()])
    }
    fn credit(tx: &mut Tx<'_>, reference: u64, leg: u8, account: u64) -> Result<(), Error> {
        run(
            tx,
            "UPDATE ledger_transfer SET credit_account = $3 WHERE reference = $1 AND leg = $2",
            &[(&id(reference)).into(), leg.into(), (&id(account)).into()],
        )
    }
    fn move_balance(tx: &mut Tx<'_>, from: u64, to: u64, value: i64) -> Result<(), Error> {
        let change = "UPDATE ledger_account SET balance = balance + $2 WHERE id = $1";
        run(tx, change, &[(&id(from)).into(), (-value).into()])?;
        run(tx, change, &[(&id(to)).into(), value.into()])
    }
    let orphaned =
        |reference: u64| format!("transfer {} ends a reservation that does not fit", id(SENDING + reference));

    // What funded Alice is gone, or is another amount.
    check(db, |tx| forget(tx, 11, 0), &[unfounded(ISSUER), unfounded(ALICE)]);
    check(
        db,
        |tx| run(tx, "UPDATE ledger_transfer SET amount = 999 WHERE reference = $1", &[(&id(11)).into()]),
        &[unfounded(ISSUER), unfounded(ALICE)],
    );
    // The money of a payment never moved: of one asset, and either side of one of two.
    check(db, |tx| forget(tx, PAYMENT + 1, 0), &[unfounded(ALICE), unfounded(BOB), unmoved(1)]);
    check(db, |tx| forget(tx, PAYMENT + 2, 0), &[unfounded(ALICE), unfounded(CAD), unmoved(2)]);
    check(db, |tx| forget(tx, PAYMENT + 2, 1), &[unfounded(USD), unfounded(CAROL), unmoved(2)]);
    // It went elsewhere, and all balances follow.
    check(db, |tx| credit(tx, PAYMENT + 1, 0, CAD).and_then(|()| move_balance(tx, BOB, CAD, 100)), &[unmoved(1)]);
    check(db, |tx| credit(tx, PAYMENT + 3, 1, USD).and_then(|()| move_balance(tx, CAROL, USD, 50)), &[unmoved(3)]);
    check(
        db,
        |tx| {
            run(
                tx,
                "UPDATE ledger_transfer SET debit_account = $2 WHERE reference = $1",
                &[(&id(PAYMENT + 1)).into(), (&id(ISSUER)).into()],
            )?;
            move_balance(tx, ISSUER, ALICE, 100)
        },
        &[unmoved(1)],
    );
    // A fee that was never taken, went elsewhere, or was none.
    check(db, |tx| forget(tx, PAYMENT + 4, 2), &[unfounded(BOB), unfounded(FEES), unmoved(4)]);
    check(db, |tx| credit(tx, PAYMENT + 4, 2, CAD).and_then(|()| move_balance(tx, FEES, CAD, 3)), &[unmoved(4)]);
    check(
        db,
        |tx| ledger::transfer(tx, &[direct(PAYMENT + 1, 2, id(ALICE), id(FEES), amount(1, "CAD/2"))], now()),
        &[unmoved(1)],
    );
    // From one asset into another.
    check(
        db,
        |tx| credit(tx, PAYMENT + 1, 0, CAROL).and_then(|()| move_balance(tx, BOB, CAROL, 100)),
        &[sum("CAD/2", -100), sum("USD/2", 100), unmoved(1)],
    );
    // Kinds that do not exist, or do not go together.
    check(
        db,
        |tx| run(tx, "UPDATE ledger_transfer SET kind = 'gift' WHERE reference = $1", &[(&id(11)).into()]),
        &[format!("transfer {} has an impossible kind", id(11)), unfounded(ISSUER), unfounded(ALICE)],
    );
    check(
        db,
        |tx| run(tx, "UPDATE ledger_transfer SET ends_leg = 9 WHERE reference = $1", &[(&id(11)).into()]),
        &[format!("transfer {} has an impossible kind", id(11)), unfounded(ISSUER), unfounded(ALICE)],
    );
    check(
        db,
        |tx| run(tx, "UPDATE ledger_transfer SET kind = 'reserve' WHERE reference = $1", &[(&id(PAYMENT + 1)).into()]),
        &[unfounded(ALICE), unfounded(BOB), unmoved(1)],
    );
    // Reservations: ended though there is none, for more than there was, or by somebody else.
    check(db, |tx| forget(tx, SENDING, 0), &[orphaned(0), unfounded(ALICE), unfounded(CAD)]);
    check(db, |tx| forget(tx, SENDING + 1, 0), &[orphaned(1)]);
    check(db, |tx| forget(tx, SENDING + 1, 1), &[unfounded(ALICE)]);
    check(db, |tx| forget(tx, SENDING + 2, 0), &[unfounded(ALICE)]);
    check(
        db,
        |tx| {
            run(tx, "UPDATE ledger_transfer SET amount = 61 WHERE reference = $1 AND leg = 1", &[(&id(SENDING)).into()])
        },
        &[orphaned(0), unfounded(ALICE), unfounded(CAD)],
    );
    check(
        db,
        |tx| {
            run(
                tx,
                "UPDATE ledger_transfer SET debit_account = $2 WHERE reference = $1 AND leg = 1",
                &[(&id(SENDING + 1)).into(), (&id(BOB)).into()],
            )
        },
        &[orphaned(1), unfounded(ALICE)],
    );
}

fn damaged_payments(db: &Database) {
    fn set(tx: &mut Tx<'_>, sql: &'static str, payment: u64) -> Result<(), Error> {
        run(tx, sql, &[(&id(PAYMENT + payment)).into()])
    }
    let nowhere = |number: u64| format!("payments were made to incoming payment {}, which does not exist", id(number));

    check(db, |tx| set(tx, "UPDATE outgoing_payment SET sent = sent - 1 WHERE id = $1", 1), &[unmoved(1)]);
    check(
        db,
        |tx| set(tx, "UPDATE outgoing_payment SET debit = debit + 1 WHERE id = $1", 1),
        &[unmoved(1), window(1, 0, OTHER)],
    );
    check(
        db,
        |tx| set(tx, "UPDATE outgoing_payment SET receive = receive + 1 WHERE id = $1", 3),
        &[unmoved(3), miscounted(3), window(2, 30, OTHER)],
    );
    // The payment is forgotten, though its money moved.
    check(db, |tx| set(tx, "DELETE FROM outgoing_payment WHERE id = $1", 4), &[miscounted(3), window(2, 31, OTHER)]);
    check(
        db,
        |tx| set(tx, "DELETE FROM outgoing_payment WHERE id = $1", 1),
        &[miscounted(2), window(1, 0, OTHER), misused(1)],
    );
    // What incoming payments count.
    check(
        db,
        |tx| {
            run(tx, "UPDATE incoming_payment SET received = received - 1 WHERE id = $1", &[(&id(INCOMING + 3)).into()])
        },
        &[miscounted(3)],
    );
    check(
        db,
        |tx| run(tx, "UPDATE incoming_payment SET received = 1 WHERE id = $1", &[(&id(INCOMING + 4)).into()]),
        &[miscounted(4)],
    );
    check(
        db,
        |tx| run(tx, "DELETE FROM incoming_payment WHERE id = $1", &[(&id(INCOMING + 2)).into()]),
        &[unmoved(1), nowhere(INCOMING + 2)],
    );
    check(
        db,
        |tx| {
            run(
                tx,
                "UPDATE outgoing_payment SET incoming_payment_id = $2 WHERE id = $1",
                &[(&id(PAYMENT + 1)).into(), (&id(99)).into()],
            )
        },
        &[unmoved(1), miscounted(2), nowhere(99)],
    );
}

fn damaged_counters(db: &Database) {
    fn set(tx: &mut Tx<'_>, sql: &'static str, access: u64, window: i64) -> Result<(), Error> {
        run(tx, sql, &[(&id(ACCESS + access)).into(), window.into()])
    }
    fn limit(tx: &mut Tx<'_>, access: u64, json: &'static str) -> Result<(), Error> {
        run(tx, "UPDATE grant_access SET limits = $2 WHERE id = $1", &[(&id(ACCESS + access)).into(), json.into()])
    }
    check(
        db,
        |tx| {
            set(
                tx,
                "UPDATE grant_spend SET debit_committed = debit_committed - 1 WHERE access_id = $1 AND window_index = $2",
                1,
                0,
            )
        },
        &[window(1, 0, OTHER)],
    );
    check(
        db,
        |tx| set(tx, "UPDATE grant_spend SET debit_reserved = 1 WHERE access_id = $1 AND window_index = $2", 1, 0),
        &[window(1, 0, OTHER)],
    );
    check(
        db,
        |tx| set(tx, "UPDATE grant_spend SET receive_committed = 0 WHERE access_id = $1 AND window_index = $2", 2, 30),
        &[window(2, 30, OTHER)],
    );
    check(
        db,
        |tx| set(tx, "DELETE FROM grant_spend WHERE access_id = $1 AND window_index = $2", 2, 31),
        &[window(2, 31, UNCOUNTED)],
    );
    check(
        db,
        |tx| set(tx, "UPDATE grant_spend SET window_index = 40 WHERE access_id = $1 AND window_index = $2", 2, 31),
        &[window(2, 40, OTHER), window(2, 31, UNCOUNTED)],
    );
    // A payment that was counted in another window: there it is too much, and here it is missing.
    check(
        db,
        |tx| run(tx, "UPDATE outgoing_payment SET window_index = 30 WHERE id = $1", &[(&id(PAYMENT + 4)).into()]),
        &[window(2, 30, OTHER), window(2, 30, ABOVE), window(2, 31, OTHER)],
    );
    // Above the limit, though everything is counted: Alice spent 236, and Carol got 50 in each window.
    const LESS: &str = r#"{"debitAmount":{"value":"235","assetCode":"CAD","assetScale":2}}"#;
    const ENOUGH: &str = r#"{"debitAmount":{"value":"236","assetCode":"CAD","assetScale":2}}"#;
    check(db, |tx| limit(tx, 1, LESS), &[window(1, 0, ABOVE)]);
    check(db, |tx| limit(tx, 1, ENOUGH), &[]);
    const FEWER: &str = r#"{"receiveAmount":{"value":"49","assetCode":"USD","assetScale":2}}"#;
    check(db, |tx| limit(tx, 2, FEWER), &[window(2, 30, ABOVE), window(2, 31, ABOVE)]);
    check(db, |tx| limit(tx, 2, "{}"), &[]);
    // What cannot be read is no fault among others: nothing is proven then.
    let unread = after(db, |tx| limit(tx, 1, "{\"debitAmount\":5}"));
    assert!(matches!(unread, Err(Error::Corrupt(_))), "{unread:?}");
}

fn damaged_quotes(db: &Database) {
    fn set_used(tx: &mut Tx<'_>, quote: u64, by: Option<Id>) -> Result<(), Error> {
        run(tx, "UPDATE quote SET used_by = $2 WHERE id = $1", &[(&id(QUOTE + quote)).into(), by.as_ref().into()])
    }
    fn name(tx: &mut Tx<'_>, payment: u64, quote: Option<Id>) -> Result<(), Error> {
        run(
            tx,
            "UPDATE outgoing_payment SET quote_id = $2 WHERE id = $1",
            &[(&id(PAYMENT + payment)).into(), quote.as_ref().into()],
        )
    }
    check(db, |tx| set_used(tx, 1, Some(id(99))), &[misused(1), unquoted(1)]);
    check(db, |tx| set_used(tx, 1, Some(id(PAYMENT + 2))), &[misused(1), unquoted(1)]);
    check(db, |tx| set_used(tx, 3, Some(id(PAYMENT + 1))), &[misused(3)]);
    check(db, |tx| set_used(tx, 1, None), &[unquoted(1)]);
    check(db, |tx| name(tx, 1, None), &[misused(1)]);
    // Two payments at the price of one quote, of which it knows only the first.
    check(db, |tx| name(tx, 2, Some(id(QUOTE + 1))), &[unquoted(2)]);
    check(db, |tx| name(tx, 2, Some(id(99))), &[unquoted(2)]);
    check(db, |tx| run(tx, "DELETE FROM quote WHERE id = $1", &[(&id(QUOTE + 1)).into()]), &[unquoted(1)]);
}

/// Payments under no grant: only those of the owner of the money, at a price that they were quoted.
pub fn payments_that_nobody_allowed(db: &Database) {
    used(db);
    fn made_by(tx: &mut Tx<'_>, payment: u64, client: &ClientId, granted: bool) -> Result<(), Error> {
        let sql = if granted {
            "UPDATE outgoing_payment SET client = $2 WHERE id = $1"
        } else {
            "UPDATE outgoing_payment SET client = $2, access_id = NULL WHERE id = $1"
        };
        run(tx, sql, &[(&id(PAYMENT + payment)).into(), (&client.to_string()).into()])
    }
    fn person(number: u64) -> ClientId {
        ClientId::Holder(id(HOLDER + number))
    }
    let unallowed = |payment: u64| format!("payment {} was allowed by nobody", id(PAYMENT + payment));
    let counted = || window(1, 0, "counts something else than was paid");
    // Alice's first payment has a quote, her second has none.
    check(db, |tx| made_by(tx, 1, &person(1), false), &[counted()]);
    check(db, |tx| made_by(tx, 2, &person(1), false), &[counted(), unallowed(2)]);
    check(db, |tx| made_by(tx, 1, &person(2), false), &[counted(), unallowed(1)]);
    check(db, |tx| made_by(tx, 1, &client(), false), &[counted(), unallowed(1)]);
    check(db, |tx| made_by(tx, 1, &person(1), true), &[counted(), unallowed(1)]);
}

/// Limits that were lowered: what had been spent before is no fault, what was spent afterwards is.
pub fn limits_that_were_lowered(db: &Database) {
    used(db);
    fn lowered(tx: &mut Tx<'_>, number: u64, json: &str, access: u64, window: i64, spent: u64) -> Result<(), Error> {
        let spend = Spend { debit_committed: spent, receive_committed: spent, ..Spend::default() };
        let (item, before) = (id(ACCESS + access), grant::access(tx, &id(GRANT + access))?.remove(0));
        let kind = Kind::lowered(item, before.limits.clone(), window, &spend);
        grant::set_limits(tx, &before, grant::Before::Granted, Some(&limits(json)))?;
        let change = GrantChange { id: id(5_000 + number), grant: id(GRANT + access), kind, created_at: now() };
        grant_change::insert(tx, &change)
    }
    const CENT: &str = r#"{"debitAmount":{"value":"1","assetCode":"CAD","assetScale":2}}"#;
    const DAILY_CENT: &str =
        r#"{"interval":"R/2026-01-01T00:00:00Z/P1D","receiveAmount":{"value":"1","assetCode":"USD","assetScale":2}}"#;
    const DAILY_FORTY: &str =
        r#"{"interval":"R/2026-01-01T00:00:00Z/P1D","receiveAmount":{"value":"40","assetCode":"USD","assetScale":2}}"#;
    // Alice spent 236 before; a cent more would have been too much.
    check(db, |tx| lowered(tx, 1, CENT, 1, 0, 236), &[]);
    check(db, |tx| lowered(tx, 1, CENT, 1, 0, 235), &[window(1, 0, ABOVE)]);
    // Carol got 50 in each window. Windows that were over by then had the limits before.
    check(db, |tx| lowered(tx, 1, DAILY_CENT, 2, 32, 0), &[]);
    check(db, |tx| lowered(tx, 1, DAILY_CENT, 2, 31, 50), &[]);
    check(db, |tx| lowered(tx, 1, DAILY_CENT, 2, 31, 49), &[window(2, 31, ABOVE)]);
    check(db, |tx| lowered(tx, 1, DAILY_CENT, 2, 30, 50), &[window(2, 31, ABOVE)]);
    // Twice: what counts for a window is the limit at its end.
    let twice: Damage = |tx| {
        lowered(tx, 1, DAILY_FORTY, 2, 31, 10)?;
        lowered(tx, 2, DAILY_CENT, 2, 31, 50)
    };
    check(db, twice, &[]);
    let late: Damage = |tx| {
        lowered(tx, 1, DAILY_FORTY, 2, 31, 10)?;
        lowered(tx, 2, DAILY_CENT, 2, 32, 0)
    };
    check(db, late, &[window(2, 31, ABOVE)]);
}

pub fn damage_that_the_database_itself_refuses(db: &Database) {
    used(db);
    let refused: [Damage; 9] = [
        |tx| run(tx, "UPDATE ledger_account SET balance = -1 WHERE id = $1", &[(&id(BOB)).into()]),
        |tx| run(tx, "UPDATE ledger_account SET balance = 79 WHERE id = $1", &[(&id(ALICE)).into()]),
        |tx| run(tx, "UPDATE ledger_account SET reserved = -1 WHERE id = $1", &[(&id(ISSUER)).into()]),
        |tx| run(tx, "UPDATE incoming_payment SET received = 201 WHERE id = $1", &[(&id(INCOMING + 3)).into()]),
        |tx| run(tx, "UPDATE outgoing_payment SET sent = debit + 1 WHERE id = $1", &[(&id(PAYMENT + 1)).into()]),
        |tx| run(tx, "UPDATE ledger_transfer SET amount = -1 WHERE reference = $1", &[(&id(11)).into()]),
        |tx| run(tx, "DELETE FROM ledger_account WHERE id = $1", &[(&id(BOB)).into()]),
        |tx| run(tx, "DELETE FROM grant_access WHERE id = $1", &[(&id(ACCESS + 1)).into()]),
        |tx| run(tx, "DELETE FROM wallet_address WHERE holder_id = $1", &[(&id(crate::bank::HOLDER + 1)).into()]),
    ];
    for (number, damage) in refused.into_iter().enumerate() {
        let done = after(db, damage);
        assert!(matches!(done, Err(Error::Unavailable(_))), "damage {number}: {done:?}");
    }
    // Without these bounds the auditor finds it.
    if db.is_file() {
        db.write(|tx| tx.execute("PRAGMA ignore_check_constraints = ON", &[]));
    } else {
        db.run("ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_check");
        db.run("ALTER TABLE incoming_payment DROP CONSTRAINT incoming_payment_check");
    }
    let below = format!("account {} of an account holder is below zero", id(ALICE));
    check(db, refused[1], &[unfounded(ALICE), below, sum("CAD/2", 79 - (1_000 - 100 - 136 - 40))]);
    let over = format!("incoming payment {} took in more than its amount", id(INCOMING + 3));
    check(db, refused[3], &[miscounted(3), over]);
}

pub fn the_auditor_sees_one_moment(db: &Database) {
    used(db);
    // Payments go on while the auditor looks, again and again, and never finds half of one.
    let store = db.store().clone();
    let paying = db.runtime().spawn(async move {
        for number in 10..40 {
            store.write(Vec::new(), move |tx| pay(tx, number, (1, 2), 0, None, (1, 0, 1))).await?;
        }
        Ok::<_, Error>(())
    });
    let mut most = 0;
    while !paying.is_finished() {
        let report = report(db);
        assert_eq!(report.faults, Vec::<String>::new());
        most = most.max(report.payments);
    }
    assert_eq!(db.wait(paying).expect("no panic"), Ok(()));
    assert!(most <= 34 && report(db).payments == 34);
}
