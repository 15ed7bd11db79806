//! The ledger: accounts, transfers, and that no account becomes what the rules do not allow.

use crate::bank::{ACCOUNT, amount, asset, direct};
use crate::database::{Database, id, now, seconds};
use bursar_core::Id;
use bursar_core::ledger::{Account, AccountKind, Change, Transfer, TransferKind};
use bursar_store::{Error, Tx, ledger};
use bursar_types::VALUE_MAX;

const MAX: i64 = i64::MAX;
const MIN: i64 = i64::MIN;
const NOT_ALLOWED: Error = Error::Guard("an account does not allow the change");

/// Two people, the issuer and the exchange position of one asset.
const ALICE: u64 = ACCOUNT + 1;
const BOB: u64 = ACCOUNT + 2;
const ISSUER: u64 = ACCOUNT + 3;
const EXCHANGE: u64 = ACCOUNT + 4;

fn with_accounts(db: &Database) {
    db.write(|tx| {
        let kinds = [
            (ALICE, AccountKind::Holder),
            (BOB, AccountKind::Holder),
            (ISSUER, AccountKind::Issuer),
            (EXCHANGE, AccountKind::Exchange),
        ];
        for (number, kind) in kinds {
            ledger::open_account(tx, &id(number), kind, asset("CAD/2"), now())?;
        }
        Ok(())
    });
}

fn account(db: &Database, number: u64) -> Account {
    db.read(move |tx| ledger::account(tx, &id(number))).expect("an account")
}

/// Balance and reserved part.
fn state(db: &Database, number: u64) -> (i64, i64) {
    let account = account(db, number);
    (account.balance, account.reserved)
}

/// Makes an account what a case needs, behind the store's back.
fn set(db: &Database, number: u64, balance: i64, reserved: i64) {
    db.write(move |tx| {
        tx.execute(
            "UPDATE ledger_account SET balance = $2, reserved = $3 WHERE id = $1",
            &[(&id(number)).into(), balance.into(), reserved.into()],
        )
    });
}

fn transfer(db: &Database, transfers: Vec<Transfer>) -> Result<(), Error> {
    db.try_write(move |tx| ledger::transfer(tx, &transfers, seconds(5)))
}

fn moving(reference: u64, from: u64, to: u64, value: u64) -> Transfer {
    direct(reference, 0, id(from), id(to), amount(value, "CAD/2"))
}

fn reserving(reference: u64, from: u64, to: u64, value: u64) -> Transfer {
    Transfer { kind: TransferKind::Reserve, ..moving(reference, from, to, value) }
}

pub fn accounts_come_back(db: &Database) {
    with_accounts(db);
    let expected = |number: u64, kind: AccountKind| Account {
        id: id(number),
        kind,
        asset: asset("CAD/2"),
        balance: 0,
        reserved: 0,
    };
    assert_eq!(account(db, ALICE), expected(ALICE, AccountKind::Holder));
    assert_eq!(account(db, ISSUER), expected(ISSUER, AccountKind::Issuer));
    assert_eq!(account(db, EXCHANGE), expected(EXCHANGE, AccountKind::Exchange));
    assert_eq!(db.read(|tx| ledger::account(tx, &id(99))), None);
    let again = db.try_write(|tx| ledger::open_account(tx, &id(ALICE), AccountKind::Holder, asset("CAD/2"), now()));
    assert!(matches!(again, Err(Error::Unique(_))));
    // The edges of 64 bits.
    set(db, ISSUER, MIN, 0);
    set(db, ALICE, MAX, MAX);
    assert_eq!((state(db, ISSUER), state(db, ALICE)), ((MIN, 0), (MAX, MAX)));
    db.run("UPDATE ledger_account SET kind = 'bank' WHERE kind = 'issuer'");
    assert!(matches!(db.try_read(|tx| ledger::account(tx, &id(ISSUER))), Err(Error::Corrupt(_))));
    db.run("UPDATE ledger_account SET asset_scale = 19 WHERE kind = 'exchange'");
    assert!(matches!(db.try_read(|tx| ledger::account(tx, &id(EXCHANGE))), Err(Error::Corrupt(_))));
}

pub fn there_is_one_account_of_a_kind_and_asset(db: &Database) {
    let open = |kind: AccountKind, asset_text: &'static str, new: u64| {
        db.write(move |tx| ledger::provider_account(tx, kind, asset(asset_text), &id(new), now())).id
    };
    let find = |kind: AccountKind, asset_text: &'static str| {
        db.read(move |tx| ledger::find_provider_account(tx, kind, asset(asset_text))).map(|account| account.id)
    };
    use AccountKind::{Exchange, Holder, Issuer};
    assert_eq!(find(Issuer, "CAD/2"), None);
    assert_eq!(open(Issuer, "CAD/2", 1), id(1));
    assert_eq!(open(Issuer, "CAD/2", 2), id(1));
    assert_eq!(open(Exchange, "CAD/2", 3), id(3));
    assert_eq!(open(Issuer, "CAD/9", 4), id(4));
    assert_eq!(open(Issuer, "USD/2", 5), id(5));
    assert_eq!((find(Issuer, "CAD/2"), find(Exchange, "CAD/2")), (Some(id(1)), Some(id(3))));
    assert_eq!((find(Issuer, "CAD/9"), find(Issuer, "USD/2")), (Some(id(4)), Some(id(5))));
    assert_eq!(find(Exchange, "USD/2"), None);
    assert_eq!(db.number("SELECT COUNT(*) FROM ledger_account"), 4);
    // People have as many as they like, and none of them is the provider's.
    db.write(|tx| {
        ledger::open_account(tx, &id(6), Holder, asset("CAD/2"), now())?;
        ledger::open_account(tx, &id(7), Holder, asset("CAD/2"), now())
    });
    assert_eq!(find(Holder, "CAD/2"), None);
    let second = db.try_write(|tx| ledger::open_account(tx, &id(8), Issuer, asset("CAD/2"), now()));
    assert!(matches!(second, Err(Error::Unique(_))));
}

pub fn transfers_move_balances(db: &Database) {
    with_accounts(db);
    let reserve = Transfer { reference: id(3), ..reserving(3, ALICE, BOB, 60) };
    let end = |leg: u8, kind: TransferKind, value: u64| Transfer { leg, kind, ..moving(3, ALICE, BOB, value) };
    assert_eq!(transfer(db, vec![moving(1, ISSUER, ALICE, 100)]), Ok(()));
    assert_eq!(transfer(db, vec![reserve]), Ok(()));
    assert_eq!((state(db, ALICE), state(db, BOB), state(db, ISSUER)), ((100, 60), (0, 0), (-100, 0)));
    // Forty of sixty arrive, the rest is free again.
    assert_eq!(transfer(db, vec![end(1, TransferKind::Post { leg: 0, reserved: 60 }, 40)]), Ok(()));
    assert_eq!((state(db, ALICE), state(db, BOB)), ((60, 0), (40, 0)));
    assert_eq!(transfer(db, vec![end(2, TransferKind::Reserve, 60)]), Ok(()));
    assert_eq!(transfer(db, vec![end(3, TransferKind::Void { leg: 2, reserved: 60 }, 60)]), Ok(()));
    assert_eq!((state(db, ALICE), state(db, BOB)), ((60, 0), (40, 0)));
    // Several at once; what cancels out leaves no trace in the balances.
    let round = vec![moving(4, ALICE, BOB, 60), Transfer { leg: 1, ..moving(4, BOB, ALICE, 60) }];
    assert_eq!(transfer(db, round), Ok(()));
    assert_eq!(transfer(db, Vec::new()), Ok(()));
    assert_eq!((state(db, ALICE), state(db, BOB)), ((60, 0), (40, 0)));

    // Every one of them is written down as it was.
    let rows = db.read(|tx| {
        tx.all(
            "SELECT reference, leg, kind, ends_leg, debit_account, credit_account, amount, created_at
             FROM ledger_transfer WHERE reference = $1 ORDER BY leg",
            &[(&id(3)).into()],
            |row| {
                let ends: Option<i64> = row.opt_int(3)?;
                assert_eq!((row.id(0)?, row.instant(7)?), (id(3), seconds(5)));
                assert_eq!((row.id(4)?, row.id(5)?), (id(ALICE), id(BOB)));
                Ok((row.int(1)?, row.text(2)?, ends, row.int(6)?))
            },
        )
    });
    let row = |leg, kind: &str, ends, value| (leg, kind.to_owned(), ends, value);
    let expected = [
        row(0, "reserve", None, 60),
        row(1, "post", Some(0), 40),
        row(2, "reserve", None, 60),
        row(3, "void", Some(2), 60),
    ];
    assert_eq!(rows, expected);
    assert_eq!(db.number("SELECT COUNT(*) FROM ledger_transfer"), 7);
}

pub fn a_transfer_is_made_once(db: &Database) {
    with_accounts(db);
    assert_eq!(transfer(db, vec![moving(1, ISSUER, ALICE, 100)]), Ok(()));
    for again in [moving(1, ISSUER, ALICE, 100), moving(1, ISSUER, BOB, 5), reserving(1, ALICE, BOB, 5)] {
        let done = transfer(db, vec![again]);
        assert!(matches!(done, Err(Error::Retry(_))), "{done:?}");
    }
    // Not even twice in one go; and nothing of that go stays.
    let twice = vec![moving(2, ISSUER, ALICE, 7), moving(2, ISSUER, ALICE, 7)];
    assert!(matches!(transfer(db, twice), Err(Error::Retry(_))));
    assert_eq!((state(db, ALICE), state(db, BOB), state(db, ISSUER)), ((100, 0), (0, 0), (-100, 0)));
    assert_eq!(transfer(db, vec![Transfer { leg: 1, ..moving(1, ISSUER, ALICE, 1) }]), Ok(()));
    assert_eq!(db.number("SELECT COUNT(*) FROM ledger_transfer"), 2);
}

pub fn a_reservation_is_ended_once(db: &Database) {
    with_accounts(db);
    set(db, ALICE, 100, 0);
    assert_eq!(transfer(db, vec![reserving(1, ALICE, BOB, 60)]), Ok(()));
    let end = |leg: u8, kind: TransferKind| transfer(db, vec![Transfer { leg, kind, ..moving(1, ALICE, BOB, 60) }]);
    assert_eq!(end(1, TransferKind::Post { leg: 0, reserved: 60 }), Ok(()));
    // A second answer of the same payment, whichever it is.
    assert!(matches!(end(2, TransferKind::Post { leg: 0, reserved: 60 }), Err(Error::Retry(_))));
    assert!(matches!(end(2, TransferKind::Void { leg: 0, reserved: 60 }), Err(Error::Retry(_))));
    assert_eq!((state(db, ALICE), state(db, BOB)), ((40, 0), (60, 0)));
}

pub fn accounts_keep_to_what_they_allow(db: &Database) {
    with_accounts(db);
    let mut reference = 0;
    let mut check = |alice: (i64, i64), kind: TransferKind, value: u64, expected: Option<(i64, i64)>| {
        reference += 1;
        set(db, ALICE, alice.0, alice.1);
        set(db, ISSUER, 0, 0);
        let done = transfer(db, vec![Transfer { kind, ..moving(reference, ALICE, ISSUER, value) }]);
        let wanted = if expected.is_some() { Ok(()) } else { Err(NOT_ALLOWED) };
        assert_eq!(done, wanted, "{alice:?} {kind:?} {value}");
        assert_eq!(state(db, ALICE), expected.unwrap_or(alice));
    };
    use TransferKind::{Direct, Post, Reserve, Void};
    check((100, 30), Direct, 70, Some((30, 30)));
    check((100, 30), Direct, 71, None);
    check((100, 30), Reserve, 70, Some((100, 100)));
    check((100, 30), Reserve, 71, None);
    check((100, 30), Post { leg: 0, reserved: 30 }, 30, Some((70, 0)));
    check((100, 30), Post { leg: 0, reserved: 30 }, 10, Some((90, 0)));
    // More is posted or freed than is set aside.
    check((100, 30), Post { leg: 0, reserved: 31 }, 31, None);
    check((100, 30), Void { leg: 0, reserved: 31 }, 31, None);
    check((100, 30), Void { leg: 0, reserved: 30 }, 30, Some((100, 0)));
    check((0, 0), Direct, 1, None);
    check((0, 0), Direct, 0, Some((0, 0)));
    check((0, 0), Reserve, VALUE_MAX, None);
    check((MAX, 0), Direct, VALUE_MAX, Some((0, 0)));
    check((MAX, 0), Reserve, VALUE_MAX, Some((MAX, MAX)));
    check((MAX, MAX), Void { leg: 0, reserved: VALUE_MAX }, VALUE_MAX, Some((MAX, 0)));
    check((MAX, MAX), Post { leg: 0, reserved: VALUE_MAX }, VALUE_MAX, Some((0, 0)));
}

pub fn sums_past_64_bits_are_refused(db: &Database) {
    with_accounts(db);
    let mut reference = 0;
    let mut check = |issuer: (i64, i64), bob: (i64, i64), make: fn(u64) -> Vec<Transfer>, expected: bool| {
        reference += 1;
        set(db, ISSUER, issuer.0, issuer.1);
        set(db, BOB, bob.0, bob.1);
        let done = transfer(db, make(reference));
        assert_eq!(done, if expected { Ok(()) } else { Err(NOT_ALLOWED) }, "{issuer:?} {bob:?}");
        if !expected {
            assert_eq!((state(db, ISSUER), state(db, BOB)), (issuer, bob));
        }
    };
    // Money into a full account, and out of the bottom of one that may owe.
    check((0, 0), (MAX, 0), |n| vec![moving(n, ISSUER, BOB, 1)], false);
    check((0, 0), (MAX - 1, 0), |n| vec![moving(n, ISSUER, BOB, 1)], true);
    check((0, 0), (1, 0), |n| vec![moving(n, ISSUER, BOB, VALUE_MAX)], false);
    check((0, 0), (0, 0), |n| vec![moving(n, ISSUER, BOB, VALUE_MAX)], true);
    check((-1, 0), (0, 0), |n| vec![moving(n, ISSUER, BOB, VALUE_MAX)], true);
    check((-2, 0), (0, 0), |n| vec![moving(n, ISSUER, BOB, VALUE_MAX)], false);
    check((MIN, 0), (0, 0), |n| vec![moving(n, ISSUER, BOB, 1)], false);
    check((MIN, 0), (0, 0), |n| vec![moving(n, ISSUER, BOB, 0)], true);
    // Setting aside more than can be counted, where nobody looks at what is available.
    check((0, MAX), (0, 0), |n| vec![reserving(n, ISSUER, BOB, 1)], false);
    check((0, 1), (0, 0), |n| vec![reserving(n, ISSUER, BOB, VALUE_MAX)], false);
    check((0, 0), (0, 0), |n| vec![reserving(n, ISSUER, BOB, VALUE_MAX)], true);
    check((0, 0), (5, 5), |n| vec![reserving(n, BOB, ISSUER, VALUE_MAX)], false);
    // Several transfers whose sum alone is too much; it must not come out as a smaller one.
    check(
        (0, 0),
        (0, 0),
        |n| vec![moving(n, ISSUER, BOB, VALUE_MAX), Transfer { leg: 1, ..moving(n, ISSUER, BOB, VALUE_MAX) }],
        false,
    );
    check(
        (0, 0),
        (0, 0),
        |n| {
            let legs: [(u8, u64); 3] = [(0, ALICE), (1, EXCHANGE), (2, BOB)];
            legs.into_iter().map(|(leg, to)| Transfer { leg, ..moving(n, ISSUER, to, VALUE_MAX / 2) }).collect()
        },
        false,
    );
    // Halfway beyond, and back again.
    check(
        (0, 0),
        (0, 0),
        |n| {
            let there = moving(n, ISSUER, BOB, VALUE_MAX);
            let back = Transfer { leg: 2, ..moving(n, BOB, ISSUER, VALUE_MAX) };
            vec![there, Transfer { leg: 1, ..there }, back]
        },
        true,
    );
}

pub fn a_refused_transfer_changes_nothing(db: &Database) {
    with_accounts(db);
    set(db, ALICE, 10, 0);
    // The first could be made, the second not: neither is.
    let two = vec![moving(1, ISSUER, BOB, 5), Transfer { leg: 1, ..moving(1, ALICE, ISSUER, 11) }];
    assert_eq!(transfer(db, two), Err(NOT_ALLOWED));
    assert_eq!((state(db, ALICE), state(db, BOB), state(db, ISSUER)), ((10, 0), (0, 0), (0, 0)));
    assert_eq!(db.number("SELECT COUNT(*) FROM ledger_transfer"), 0);
    // To or from nowhere.
    for stranger in [moving(1, ALICE, 99, 5), moving(1, 99, ALICE, 5)] {
        let done = transfer(db, vec![stranger]);
        assert!(matches!(done, Err(Error::Unavailable(_))), "{done:?}");
    }
    assert_eq!((state(db, ALICE), db.number("SELECT COUNT(*) FROM ledger_transfer")), ((10, 0), 0));
}

/// What SQL refuses is what [`Account::allows`] refuses, at every edge.
pub fn the_store_allows_what_the_rules_allow(db: &Database) {
    with_accounts(db);
    let edges = [MIN, -1, 0, 50, MAX - 1, MAX];
    let values = [0, 1, 50, 51, VALUE_MAX];
    let mut reference = 1_000;
    let accounts: Vec<(u64, i64, i64)> = [ALICE, ISSUER]
        .into_iter()
        .flat_map(|number| edges.into_iter().map(move |balance| (number, balance)))
        .flat_map(|(number, balance)| [0, 50, MAX].into_iter().map(move |reserved| (number, balance, reserved)))
        .filter(|(number, balance, reserved)| {
            // What cannot be stored in the first place.
            *number != ALICE || balance.checked_sub(*reserved).is_some_and(|left| left >= 0)
        })
        .collect();
    for (number, balance, reserved) in accounts {
        reference += 1_000;
        let (mine, other): (Id, Id) = (id(number), id(EXCHANGE));
        let mut changes = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            let kinds = [
                TransferKind::Direct,
                TransferKind::Reserve,
                TransferKind::Post { leg: 250, reserved: value },
                TransferKind::Void { leg: 251, reserved: value },
            ];
            for (leg, kind) in kinds.into_iter().enumerate() {
                for incoming in [false, true] {
                    if incoming && kind.ends().is_some() {
                        continue;
                    }
                    let (from, to) = if incoming { (other, mine) } else { (mine, other) };
                    let reference = reference + index as u64 * 2 + u64::from(incoming);
                    let transfer = Transfer { kind, ..direct(reference, leg as u8, from, to, amount(value, "CAD/2")) };
                    let Change { balance, reserved, .. } = transfer.changes()[usize::from(incoming)];
                    changes.push((transfer, Change { account: mine, balance, reserved }));
                }
            }
        }
        // Each in a write of its own, which begins by setting the accounts anew.
        let done = db.try_all(changes.clone().into_iter().map(|(transfer, _)| {
            move |tx: &mut Tx<'_>| {
                let values = [(&mine).into(), balance.into(), reserved.into()];
                tx.execute("UPDATE ledger_account SET balance = $2, reserved = $3 WHERE id = $1", &values)?;
                tx.execute("UPDATE ledger_account SET balance = 0, reserved = 0 WHERE id = $1", &[(&other).into()])?;
                ledger::transfer(tx, &[transfer], now())
            }
        }));
        let kind = account(db, number).kind;
        let account = Account { id: mine, kind, asset: asset("CAD/2"), balance, reserved };
        for ((transfer, change), done) in changes.into_iter().zip(done) {
            assert_eq!(done.is_ok(), account.allows(change), "{account:?} {transfer:?} {done:?}");
        }
    }
}
