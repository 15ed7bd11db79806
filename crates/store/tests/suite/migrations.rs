//! Bringing the schema up to date: fresh, again, several at once, and when it cannot be done.

use crate::database::{Database, id, now, seconds};
use bursar_core::outgoing::Counted;
use bursar_store::{Applied, Error, MIGRATIONS, Store, account_holder, outgoing_payment, password, quote, setting};

fn names() -> Vec<&'static str> {
    MIGRATIONS.iter().map(|(name, _)| *name).collect()
}

pub fn a_fresh_database_gets_every_version(db: &Database) {
    let applied = Applied::at(&db.location, now()).expect("it can be migrated");
    assert_eq!(applied, Applied { applied: names(), version: MIGRATIONS.len() });
    // It is written down what was applied, and when.
    assert_eq!(db.number("SELECT COUNT(*) FROM schema_version"), MIGRATIONS.len() as i64);
    assert_eq!(db.number("SELECT MIN(applied_at) FROM schema_version"), now().as_microsecond());
    // The tables are there, and the store works.
    db.write(|tx| setting::put(tx, "name", "value"));
    assert_eq!(db.read(|tx| setting::get(tx, "name")), Some("value".to_owned()));
}

pub fn migrating_again_changes_nothing(db: &Database) {
    db.write(|tx| setting::put(tx, "name", "value"));
    for _ in 0..2 {
        let applied = Applied::at(&db.location, seconds(100)).expect("nothing is to be done");
        assert_eq!(applied, Applied { applied: Vec::new(), version: MIGRATIONS.len() });
    }
    assert_eq!(db.number("SELECT MAX(applied_at) FROM schema_version"), now().as_microsecond());
    assert_eq!(db.number("SELECT COUNT(*) FROM setting"), 1);
}

pub fn several_nodes_may_start_at_once(db: &Database) {
    // Threads that begin together, each as a node of its own.
    let nodes = 6;
    let start = std::sync::Barrier::new(nodes);
    let location = &db.location;
    let applied: Vec<Applied> = std::thread::scope(|scope| {
        let migrate = || {
            start.wait();
            Applied::at(location, now()).expect("every node finds a database it can use")
        };
        let threads: Vec<_> = (0..nodes).map(|_| scope.spawn(migrate)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(applied.iter().all(|applied| applied.version == MIGRATIONS.len()), "{applied:?}");
    // Each version was applied by one of them, and only once.
    let mut all: Vec<&str> = applied.iter().flat_map(|applied| applied.applied.iter().copied()).collect();
    all.sort_unstable();
    assert_eq!(all, names());
    assert_eq!(db.number("SELECT COUNT(*) FROM schema_version"), MIGRATIONS.len() as i64);
}

pub fn a_newer_schema_is_refused(db: &Database) {
    db.store();
    let newer = MIGRATIONS.len() + 1;
    db.run(&format!("INSERT INTO schema_version (version, name, applied_at) VALUES ({newer}, 'later', 0)"));
    let expected = format!("its schema has version {newer}, this program knows {}: use a newer one", MIGRATIONS.len());
    let opened = Store::open(&db.location, now()).err();
    assert_eq!(opened, Some(Error::Unavailable(expected.clone())));
    assert_eq!(Applied::at(&db.location, now()), Err(Error::Unavailable(expected)));
}

pub fn a_failed_migration_leaves_nothing_behind(db: &Database) {
    // Something of the same name is in the way of the last table, when all others have been made.
    db.run("CREATE TABLE signature_nonce (id BIGINT)");
    let failed = Applied::at(&db.location, now()).expect_err("the table is there");
    assert!(matches!(failed, Error::Unavailable(_)), "{failed:?}");
    assert_eq!(db.number("SELECT COUNT(*) FROM schema_version"), 0);
    db.run("DROP TABLE signature_nonce");
    // Nothing was left, so nothing else is in the way.
    assert_eq!(Applied::at(&db.location, now()).map(|applied| applied.applied), Ok(names()));
}

/// A database of the first version with an account holder and a wallet address; how to write an id there.
fn first_version(db: &Database) -> impl Fn(u64) -> String {
    db.run(
        "CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL);
         INSERT INTO schema_version (version, name, applied_at) VALUES (1, '0001_initial', 0)",
    );
    db.run(MIGRATIONS[0].1);
    let is_file = db.is_file();
    let bytes = move |number: u64| {
        let hex: String = id(number).as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        if is_file { format!("X'{hex}'") } else { format!("'\\x{hex}'::bytea") }
    };
    let (holder, account, wallet) = (bytes(1), bytes(2), bytes(3));
    db.run(&format!(
        "INSERT INTO account_holder (id, name, password_hash, created_at) VALUES ({holder}, 'a', '', 0);
         INSERT INTO ledger_account (id, kind, asset_code, asset_scale, balance, reserved, created_at)
             VALUES ({account}, 'holder', 'CAD', 2, 0, 0, 0);
         INSERT INTO wallet_address (id, url, holder_id, account_id, asset_code, asset_scale, created_at)
             VALUES ({wallet}, 'https://bank.example/a', {holder}, {account}, 'CAD', 2, 0)"
    ));
    bytes
}

pub fn payments_of_the_first_version_keep_their_grant(db: &Database) {
    let bytes = first_version(db);
    let (wallet, grant, access, payment) = (bytes(3), bytes(4), bytes(5), bytes(6));
    db.run(&format!(
        "INSERT INTO op_grant (id, state, client, key_kid, key_x, endpoint, created_at, expires_at)
             VALUES ({grant}, 'issued', 'https://app.example/', 'k', {grant}, 'e', 0, 1);
         INSERT INTO grant_access (id, grant_id, place, resource, actions)
             VALUES ({access}, {grant}, 0, 'outgoing-payment', 'create');
         INSERT INTO outgoing_payment (id, wallet_address_id, client, access_id, window_index, receiver,
                 incoming_payment_id, debit, debit_asset_code, debit_asset_scale, receive, receive_asset_code,
                 receive_asset_scale, sent, state, created_at)
             VALUES ({payment}, {wallet}, 'https://app.example/', {access}, 7, 'r', {payment}, 5, 'CAD', 2, 5, 'CAD', 2,
                 5, 'completed', 0)"
    ));
    let payment = db.read(|tx| outgoing_payment::by_id(tx, &id(6))).expect("it is still there");
    assert_eq!(payment.counted, Some(Counted { access: id(5), window: 7 }));
    // Its grant is still held by it.
    let orphan = db.try_write(|tx| tx.execute("DELETE FROM grant_access", &[]));
    assert!(matches!(orphan, Err(Error::Unavailable(_))), "{orphan:?}");
}

pub fn quotes_of_the_first_version_are_still_read(db: &Database) {
    let bytes = first_version(db);
    let wallet = bytes(3);
    for (number, asset) in [(4, "CAD"), (5, "USD")] {
        let (quote, incoming) = (bytes(number), bytes(9));
        db.run(&format!(
            "INSERT INTO quote (id, wallet_address_id, client, receiver, incoming_payment_id, debit, debit_asset_code,
                 debit_asset_scale, receive, receive_asset_code, receive_asset_scale, created_at, expires_at)
             VALUES ({quote}, {wallet}, 'https://app.example/', 'r', {incoming}, 7, 'CAD', 2, 5, '{asset}', 2, 0, 1)"
        ));
    }
    for (number, rate) in [(4, Some("1/1")), (5, None)] {
        let quote = db.read(move |tx| quote::by_id(tx, &id(number))).expect("it is still there");
        assert_eq!((quote.price.debit.value(), quote.price.receive.value()), (7, 5));
        assert!(quote.price.fee.is_zero());
        assert_eq!(quote.price.rate.map(|rate| rate.to_string()).as_deref(), rate);
    }
}

pub fn passwords_of_the_first_version_still_count(db: &Database) {
    db.run(
        "CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL);
         INSERT INTO schema_version (version, name, applied_at) VALUES (1, '0001_initial', 0)",
    );
    db.run(MIGRATIONS[0].1);
    for number in [1_u64, 2] {
        let hex: String = id(number).as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let bytes = if db.is_file() { format!("X'{hex}'") } else { format!("'\\x{hex}'::bytea") };
        let hash = if number == 1 { "hash" } else { "" };
        db.run(&format!(
            "INSERT INTO account_holder (id, name, password_hash, created_at)
             VALUES ({bytes}, 'person {number}', '{hash}', 7)"
        ));
    }
    let hash = |number: u64| db.read(move |tx| password::hash(tx, &id(number)));
    assert_eq!((hash(1).as_deref(), hash(2)), (Some("hash"), None));
    let known = db.read(|tx| account_holder::by_name(tx, "person 1")).expect("somebody");
    assert_eq!((known.id, known.display_name, known.closed_at), (id(1), None, None));
}
