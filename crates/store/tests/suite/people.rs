//! Account holders, sessions, nonces, idempotency keys and settings.

use crate::bank::holder;
use crate::database::{Database, edges_of_time, id, now, seconds};
use bursar_core::TokenHash;
use bursar_store::account_holder::{self, AccountHolder};
use bursar_store::idempotency::{self, Used};
use bursar_store::{Error, nonce, session, setting};

fn parts(holder: AccountHolder) -> (bursar_core::Id, String, String, jiff::Timestamp) {
    (holder.id, holder.name, holder.password_hash, holder.created_at)
}

pub fn account_holders_come_back(db: &Database) {
    let named = |number, name: &str| AccountHolder { name: name.to_owned(), ..holder(number) };
    let [first, last] = edges_of_time();
    let holders = [
        named(1, "alice"),
        named(2, "Ålesund O'Neill 🦀"),
        AccountHolder { password_hash: String::new(), created_at: first, ..named(3, "") },
        AccountHolder { created_at: last, ..named(4, &"x".repeat(1_000)) },
    ];
    for holder in holders {
        let stored = holder.clone();
        db.write(move |tx| account_holder::insert(tx, &stored));
        let name = holder.name.clone();
        let found = db.read(move |tx| account_holder::by_name(tx, &name)).map(parts);
        assert_eq!(found, Some(parts(holder.clone())));
        let found = db.read(move |tx| account_holder::by_id(tx, &holder.id)).map(parts);
        assert_eq!(found, Some(parts(holder)));
    }
    assert!(db.read(|tx| account_holder::by_name(tx, "Alice")).is_none(), "names are compared letter by letter");
    assert!(db.read(|tx| account_holder::by_id(tx, &id(99))).is_none());
}

pub fn names_are_taken_once(db: &Database) {
    let insert = |number, name: &'static str| {
        let holder = AccountHolder { name: name.to_owned(), ..holder(number) };
        db.try_write(move |tx| account_holder::insert(tx, &holder))
    };
    assert_eq!(insert(1, "alice"), Ok(()));
    assert!(matches!(insert(2, "alice"), Err(Error::Unique(_))));
    assert!(matches!(insert(1, "bob"), Err(Error::Unique(_))));
    assert_eq!(insert(2, "bob"), Ok(()));
}

pub fn a_session_lasts_until_it_expires(db: &Database) {
    let token = TokenHash::of("cookie");
    db.write(move |tx| {
        account_holder::insert(tx, &holder(1))?;
        session::insert(tx, &token, &holder(1).id, now(), seconds(60))
    });
    let who = |value: &'static str, second: i64| {
        db.read(move |tx| session::holder(tx, &TokenHash::of(value), seconds(second))).map(|holder| holder.name)
    };
    assert_eq!(who("cookie", 0).as_deref(), Some("person-1"));
    assert_eq!(who("cookie", 59).as_deref(), Some("person-1"));
    assert_eq!(who("cookie", 60), None);
    assert_eq!(who("other", 0), None);
    // One cookie is one session.
    let again = db.try_write(move |tx| session::insert(tx, &token, &holder(1).id, now(), seconds(99)));
    assert!(matches!(again, Err(Error::Unique(_))));
    // Of nobody there is none.
    let stranger = db.try_write(|tx| session::insert(tx, &TokenHash::of("x"), &id(99), now(), seconds(99)));
    assert!(matches!(stranger, Err(Error::Unavailable(_))), "{stranger:?}");
    db.write(|tx| session::delete(tx, &TokenHash::of("other")));
    assert!(who("cookie", 0).is_some());
    db.write(move |tx| session::delete(tx, &token));
    assert_eq!(who("cookie", 0), None);
}

pub fn failed_log_ins_are_counted(db: &Database) {
    let count = |subject: &'static str, since: i64, at: i64| {
        db.write(move |tx| session::count_failure(tx, subject, seconds(since), seconds(at)));
    };
    let failures =
        |subject: &'static str, since: i64| db.read(move |tx| session::failures(tx, subject, seconds(since)));
    assert_eq!(failures("alice", 0), 0);
    count("alice", 0, 100);
    count("alice", 0, 110);
    count("alice", 0, 120);
    count("bob", 0, 120);
    assert_eq!((failures("alice", 0), failures("bob", 0)), (3, 1));
    // The count began at 100: whoever looks from then on does not see it any more.
    assert_eq!(failures("alice", 99), 3);
    assert_eq!(failures("alice", 100), 0);
    let began = |since: i64| db.read(move |tx| session::failing_since(tx, "alice", seconds(since)));
    assert_eq!((began(99), began(100)), (Some(seconds(100)), None));
    // And it begins anew once it is old.
    count("alice", 100, 200);
    assert_eq!(failures("alice", 0), 1);
    // An attempt that succeeded after all is taken back, and never more than there were.
    count("bob", 0, 130);
    for left in [1, 0, 0] {
        db.write(|tx| session::uncount_failure(tx, "bob"));
        assert_eq!((failures("bob", 0), failures("alice", 0)), (left, 1));
    }
    count("bob", 0, 140);
    db.write(|tx| session::uncount_failure(tx, "nobody"));
    db.write(|tx| session::forget_failures(tx, "alice"));
    assert_eq!((failures("alice", 0), failures("bob", 0)), (0, 1));
}

pub fn cleaning_goes_in_small_steps(db: &Database) {
    db.write(|tx| {
        account_holder::insert(tx, &holder(1))?;
        for second in 1..=5 {
            let hash = TokenHash::of(&second.to_string());
            session::insert(tx, &hash, &holder(1).id, now(), seconds(second))?;
            nonce::use_once(tx, hash.as_bytes(), seconds(second))?;
            session::count_failure(tx, &second.to_string(), seconds(-9), seconds(second))?;
            let used = Used { request: [0; 32], resource: id(1), answer: String::new() };
            idempotency::insert(tx, "client", &second.to_string(), &used, seconds(-9), seconds(second))?;
        }
        Ok(())
    });
    type Clean = fn(&mut bursar_store::Tx<'_>, jiff::Timestamp, u64) -> Result<u64, Error>;
    let noun: [(&str, Clean); 4] = [
        ("session", session::delete_expired),
        ("signature_nonce", nonce::delete_expired),
        ("login_failure", session::delete_old_failures),
        ("idempotency_key", idempotency::delete_expired),
    ];
    for (table, clean) in noun {
        let left = || db.number(&format!("SELECT COUNT(*) FROM {table}"));
        let clean = |second: i64, most: u64| db.write(move |tx| clean(tx, seconds(second), most));
        assert_eq!((clean(0, 10), left()), (0, 5), "{table}");
        assert_eq!((clean(4, 0), left()), (0, 5), "{table}");
        assert_eq!((clean(4, 3), left()), (3, 2), "{table}");
        assert_eq!((clean(4, 3), left()), (1, 1), "{table}");
        assert_eq!((clean(4, 3), left()), (0, 1), "{table}");
        assert_eq!((clean(5, 3), left()), (1, 0), "{table}");
    }
}

pub fn a_nonce_is_new_once(db: &Database) {
    let use_once = |byte: u8, until: i64| db.write(move |tx| nonce::use_once(tx, &[byte; 32], seconds(until)));
    assert!(use_once(1, 60));
    assert!(!use_once(1, 60));
    assert!(!use_once(1, 9_999));
    assert!(use_once(2, 60));
    assert!(use_once(0, 60));
}

pub fn a_key_is_remembered_for_its_client(db: &Database) {
    let used = |number: u8| Used {
        request: [number; 32],
        resource: id(number.into()),
        answer: format!("{{\"answer\":\"{number} 🦀\"}}"),
    };
    let insert = |client: &'static str, key: &'static str, number: u8, forget: i64, at: i64| {
        db.try_write(move |tx| idempotency::insert(tx, client, key, &used(number), seconds(forget), seconds(at)))
    };
    let get = |client: &'static str, key: &'static str, after: i64| {
        db.read(move |tx| idempotency::get(tx, client, key, seconds(after)))
    };
    assert_eq!(insert("one", "key", 1, -100, 0), Ok(()));
    assert_eq!(insert("two", "key", 2, -100, 0), Ok(()));
    assert_eq!(insert("one", "other", 3, -100, 0), Ok(()));
    assert_eq!(get("one", "key", -1), Some(used(1)));
    assert_eq!(get("two", "key", -1), Some(used(2)));
    assert_eq!(get("one", "other", -1), Some(used(3)));
    assert_eq!(get("three", "key", -1), None);
    assert_eq!(get("one", "Key", -1), None);
    // In use: not again, by whatever request.
    assert!(matches!(insert("one", "key", 4, -1, 50), Err(Error::Guard(_))));
    assert_eq!(get("one", "key", -1), Some(used(1)));
    // Expired: unknown, and free again, for this client only.
    assert_eq!(get("one", "key", 0), None);
    assert_eq!(insert("one", "key", 5, 0, 50), Ok(()));
    assert_eq!(get("one", "key", 49), Some(used(5)));
    assert_eq!(get("two", "key", -1), Some(used(2)));
}

pub fn settings_are_replaced(db: &Database) {
    let get = |name: &'static str| db.read(move |tx| setting::get(tx, name));
    assert_eq!(get("clock"), None);
    db.write(|tx| setting::put(tx, "clock", "1"));
    db.write(|tx| setting::put(tx, "other", ""));
    assert_eq!((get("clock").as_deref(), get("other").as_deref()), (Some("1"), Some("")));
    db.write(|tx| setting::put(tx, "clock", "2 🦀"));
    assert_eq!((get("clock").as_deref(), get("other").as_deref()), (Some("2 🦀"), Some("")));
}
