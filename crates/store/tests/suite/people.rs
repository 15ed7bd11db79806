//! Account holders, sessions, nonces, idempotency keys and settings.

use crate::bank::holder;
use crate::database::{Database, edges_of_time, id, now, seconds};
use bursar_core::TokenHash;
use bursar_core::person::Proof;
use bursar_store::account_holder::{self, AccountHolder};
use bursar_store::idempotency::{self, Used};
use bursar_store::identity::{self as stored_identity, Identity};
use bursar_store::passkey::{self as stored_passkey, Passkey};
use bursar_store::session::{self, Session};
use bursar_store::{Error, nonce, password, recovery_code, setting};

/// A session of the first person, from a moment on.
fn session_of(number: u64, from: i64, until: i64) -> Session {
    Session {
        id: id(1_000 + number),
        holder: holder(1).id,
        proof: Proof::Password,
        agent: "Firefox on Linux".to_owned(),
        address: Some("192.0.2.7".to_owned()),
        created_at: seconds(from),
        authenticated_at: seconds(from),
        seen_at: seconds(from),
        expires_at: seconds(until),
    }
}

pub fn account_holders_come_back(db: &Database) {
    let named = |number, name: &str| AccountHolder { name: name.to_owned(), ..holder(number) };
    let [first, last] = edges_of_time();
    let holders = [
        named(1, "alice"),
        named(2, "Ålesund O'Neill 🦀"),
        AccountHolder { created_at: first, ..named(3, "") },
        AccountHolder { created_at: last, ..named(4, &"x".repeat(1_000)) },
        AccountHolder {
            display_name: Some("Zoë 🦀".to_owned()),
            time_zone: Some("America/St_Johns".to_owned()),
            locale: Some("fr-CA".to_owned()),
            second_since: Some(seconds(7)),
            closed_at: Some(seconds(8)),
            ..named(5, "closed")
        },
    ];
    for holder in holders {
        let stored = holder.clone();
        db.write(move |tx| account_holder::insert(tx, &stored));
        let name = holder.name.clone();
        let found = db.read(move |tx| account_holder::by_name(tx, &name));
        assert_eq!(found, Some(holder.clone()));
        let found = db.read(move |tx| account_holder::by_id(tx, &holder.id));
        assert_eq!(found, Some(holder));
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

pub fn what_people_choose_is_kept_until_they_leave(db: &Database) {
    db.write(|tx| account_holder::insert(tx, &holder(1)));
    db.write(|tx| account_holder::set_profile(tx, &holder(1).id, Some("Al"), Some("Asia/Tokyo"), None));
    db.write(|tx| account_holder::set_second(tx, &holder(1).id, Some(seconds(5))));
    let known = || db.read(|tx| account_holder::by_id(tx, &holder(1).id)).expect("somebody");
    let changed = AccountHolder {
        display_name: Some("Al".to_owned()),
        time_zone: Some("Asia/Tokyo".to_owned()),
        second_since: Some(seconds(5)),
        ..holder(1)
    };
    assert_eq!(known(), changed);
    db.write(|tx| account_holder::close(tx, &holder(1).id, seconds(9)));
    let closed = AccountHolder { closed_at: Some(seconds(9)), ..holder(1) };
    assert_eq!(known(), closed);
    // Once closed it stays as it is.
    let guard = |done: Result<(), Error>| assert!(matches!(done, Err(Error::Guard(_))), "{done:?}");
    guard(db.try_write(|tx| account_holder::close(tx, &holder(1).id, seconds(10))));
    guard(db.try_write(|tx| account_holder::set_second(tx, &holder(1).id, None)));
    guard(db.try_write(|tx| account_holder::set_profile(tx, &holder(1).id, None, None, None)));
    assert_eq!(known(), closed);
}

pub fn a_password_is_changed_from_the_one_it_was(db: &Database) {
    db.write(|tx| account_holder::insert(tx, &holder(1)));
    let holder_id = holder(1).id;
    let hash = || db.read(move |tx| Ok((password::hash(tx, &holder_id)?, password::changed_at(tx, &holder_id)?)));
    let set = |before: Option<&'static str>, new: &'static str, at: i64| {
        db.try_write(move |tx| password::set(tx, &holder_id, before, new, seconds(at)))
    };
    assert_eq!(hash(), (None, None));
    assert!(matches!(set(Some("a"), "b", 0), Err(Error::Guard(_))));
    assert_eq!(set(None, "a", 1), Ok(()));
    assert!(matches!(set(None, "b", 2), Err(Error::Unique(_))));
    assert!(matches!(set(Some("c"), "b", 3), Err(Error::Guard(_))));
    assert_eq!(hash(), (Some("a".to_owned()), Some(seconds(1))));
    assert_eq!(set(Some("a"), "b", 4), Ok(()));
    assert_eq!(hash(), (Some("b".to_owned()), Some(seconds(4))));
    db.write(move |tx| password::delete(tx, &holder_id));
    assert_eq!(hash(), (None, None));
}

pub fn passkeys_come_and_go(db: &Database) {
    let passkey = |number: u64, holder: bursar_core::Id| Passkey {
        id: id(1_100 + number),
        holder,
        credential_id: vec![number as u8; 64],
        public_key: vec![7; 91],
        sign_count: u32::MAX - 1,
        label: format!("Phone {number} 🦀"),
        created_at: seconds(1),
        used_at: None,
    };
    let (alice, bob) = (holder(1).id, holder(2).id);
    db.write(move |tx| {
        account_holder::insert(tx, &holder(1))?;
        account_holder::insert(tx, &holder(2))?;
        for number in [2, 1] {
            stored_passkey::insert(tx, &passkey(number, alice))?;
        }
        stored_passkey::insert(tx, &passkey(3, bob))
    });
    let of = |holder| db.read(move |tx| stored_passkey::of_holder(tx, &holder));
    assert_eq!(of(alice), [passkey(1, alice), passkey(2, alice)]);
    let found = |number: u64| db.read(move |tx| stored_passkey::by_credential(tx, &[number as u8; 64]));
    assert_eq!((found(3), found(9)), (Some(passkey(3, bob)), None));
    // One device is one person's.
    let again = Passkey { id: id(1_199), ..passkey(3, alice) };
    let again = db.try_write(move |tx| stored_passkey::insert(tx, &again));
    assert!(matches!(again, Err(Error::Unique(_))), "{again:?}");
    // Its counter moves only from where it was.
    db.write(move |tx| stored_passkey::set_used(tx, &passkey(1, alice), u32::MAX, seconds(5)));
    let used = Passkey { sign_count: u32::MAX, used_at: Some(seconds(5)), ..passkey(1, alice) };
    assert_eq!(found(1), Some(used));
    let late = db.try_write(move |tx| stored_passkey::set_used(tx, &passkey(1, alice), 0, seconds(6)));
    assert!(matches!(late, Err(Error::Guard(_))), "{late:?}");
    // Nobody touches somebody else's.
    assert!(!db.write(move |tx| stored_passkey::rename(tx, &alice, &id(1_103), "mine")));
    assert!(!db.write(move |tx| stored_passkey::delete(tx, &alice, &id(1_103))));
    assert_eq!(found(3), Some(passkey(3, bob)));
    assert!(db.write(move |tx| stored_passkey::rename(tx, &bob, &id(1_103), "mine")));
    assert_eq!(found(3).map(|passkey| passkey.label).as_deref(), Some("mine"));
    assert!(db.write(move |tx| stored_passkey::delete(tx, &alice, &id(1_101))));
    db.write(move |tx| stored_passkey::delete_all(tx, &alice));
    assert_eq!((of(alice).len(), of(bob).len()), (0, 1));
}

pub fn a_recovery_code_is_used_once_by_its_holder(db: &Database) {
    let (alice, bob) = (holder(1).id, holder(2).id);
    let hash = |word: &str| TokenHash::of(word);
    db.write(move |tx| {
        account_holder::insert(tx, &holder(1))?;
        account_holder::insert(tx, &holder(2))?;
        recovery_code::replace_all(tx, &alice, &[hash("a"), hash("b")], seconds(1))
    });
    let use_once =
        |holder, word: &'static str| db.write(move |tx| recovery_code::use_once(tx, &holder, &hash(word), seconds(2)));
    let ways = |number| db.read(move |tx| account_holder::ways(tx, &holder(number)));
    assert_eq!((ways(1).codes, ways(2).codes), (2, 0));
    assert!(!use_once(bob, "a") && !use_once(alice, "c"));
    assert!(use_once(alice, "a"));
    assert!(!use_once(alice, "a"));
    assert_eq!(ways(1).codes, 1);
    let made = |holder| db.read(move |tx| recovery_code::made_at(tx, &holder));
    assert_eq!((made(alice), made(bob)), (Some(seconds(1)), None));
    // New ones replace the old ones.
    db.write(move |tx| recovery_code::replace_all(tx, &alice, &[hash("c")], seconds(3)));
    assert!(!use_once(alice, "b") && use_once(alice, "c"));
    db.write(move |tx| recovery_code::delete_all(tx, &alice));
    assert_eq!((made(alice), ways(1).codes), (None, 0));
}

pub fn an_identity_is_one_persons(db: &Database) {
    let (alice, bob) = (holder(1).id, holder(2).id);
    let identity = |number: u64, holder, issuer: &str, subject: &str| Identity {
        id: id(1_200 + number),
        holder,
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        label: None,
        created_at: seconds(1),
        used_at: None,
    };
    db.write(move |tx| {
        account_holder::insert(tx, &holder(1))?;
        account_holder::insert(tx, &holder(2))?;
        stored_identity::insert(tx, &identity(1, alice, "https://a.example", "s"))?;
        stored_identity::insert(tx, &identity(2, bob, "https://b.example", "s"))
    });
    let taken = db.try_write(move |tx| stored_identity::insert(tx, &identity(3, bob, "https://a.example", "s")));
    assert!(matches!(taken, Err(Error::Unique(_))), "{taken:?}");
    let find = |issuer: &'static str, subject: &'static str| {
        db.read(move |tx| stored_identity::find(tx, issuer, subject)).map(|identity| identity.holder)
    };
    assert_eq!(find("https://a.example", "s"), Some(alice));
    assert_eq!(find("https://b.example", "s"), Some(bob));
    assert_eq!((find("https://a.example", "S"), find("https://a.example/", "s")), (None, None));
    let used = |label: Option<&'static str>, at: i64| {
        db.write(move |tx| stored_identity::set_used(tx, &id(1_201), label, seconds(at)))
    };
    assert!(used(Some("al@a.example"), 5) && used(None, 6));
    let expected = Identity {
        label: Some("al@a.example".to_owned()),
        used_at: Some(seconds(6)),
        ..identity(1, alice, "https://a.example", "s")
    };
    assert_eq!(db.read(move |tx| stored_identity::of_holder(tx, &alice)), [expected]);
    assert_eq!(db.read(|tx| account_holder::ways(tx, &holder(1))).identities, 1);
    assert!(!db.write(move |tx| stored_identity::delete(tx, &alice, &id(1_202))));
    assert!(db.write(move |tx| stored_identity::delete(tx, &alice, &id(1_201))));
    assert!(!used(None, 7));
    db.write(move |tx| stored_identity::delete_all(tx, &bob));
    assert_eq!((find("https://a.example", "s"), find("https://b.example", "s")), (None, None));
}

pub fn a_session_lasts_until_it_expires(db: &Database) {
    let token = TokenHash::of("cookie");
    db.write(move |tx| {
        account_holder::insert(tx, &holder(1))?;
        session::insert(tx, &token, &session_of(1, 0, 60))
    });
    let who = |value: &'static str, second: i64| {
        let found = db.read(move |tx| session::find(tx, &TokenHash::of(value), seconds(second)));
        found.map(|(session, holder)| {
            assert_eq!(session, session_of(1, 0, 60));
            holder.name
        })
    };
    assert_eq!(who("cookie", 0).as_deref(), Some("person-1"));
    assert_eq!(who("cookie", 59).as_deref(), Some("person-1"));
    assert_eq!(who("cookie", 60), None);
    assert_eq!(who("other", 0), None);
    // One cookie is one session.
    let again = db.try_write(move |tx| session::insert(tx, &token, &session_of(2, 0, 99)));
    assert!(matches!(again, Err(Error::Unique(_))));
    // Of nobody there is none.
    let stranger = Session { holder: id(99), ..session_of(3, 0, 99) };
    let stranger = db.try_write(move |tx| session::insert(tx, &TokenHash::of("x"), &stranger));
    assert!(matches!(stranger, Err(Error::Unavailable(_))), "{stranger:?}");
    db.write(|tx| session::delete(tx, &TokenHash::of("other")));
    assert!(who("cookie", 0).is_some());
    db.write(move |tx| session::delete(tx, &token));
    assert_eq!(who("cookie", 0), None);
    // Of whoever has left there is none either.
    db.write(move |tx| {
        session::insert(tx, &token, &session_of(4, 0, 60))?;
        account_holder::close(tx, &holder(1).id, now())
    });
    assert_eq!(who("cookie", 0), None);
}

pub fn sessions_are_renewed_and_ended_one_by_one(db: &Database) {
    db.write(|tx| {
        account_holder::insert(tx, &holder(1))?;
        account_holder::insert(tx, &holder(2))?;
        for number in 1..=4_u64 {
            session::insert(tx, &TokenHash::of(&number.to_string()), &session_of(number, number as i64, 60))?;
        }
        session::insert(tx, &TokenHash::of("bob"), &Session { holder: holder(2).id, ..session_of(5, 0, 60) })
    });
    let list = |second: i64| -> Vec<bursar_core::Id> {
        let found = db.read(move |tx| session::of_holder(tx, &holder(1).id, seconds(second), 3));
        found.iter().map(|session| session.id).collect()
    };
    assert_eq!(list(5), [id(1_004), id(1_003), id(1_002)]);
    assert_eq!(list(60), []);
    let renew = |before: &'static str, after: &'static str| {
        db.try_write(move |tx| {
            let (before, after) = (TokenHash::of(before), TokenHash::of(after));
            session::renew(tx, &id(1_001), &before, &after, Proof::Passkey, seconds(9))
        })
    };
    assert_eq!(renew("1", "one"), Ok(()));
    assert!(matches!(renew("1", "uno"), Err(Error::Guard(_))));
    let find = |token: &'static str| db.read(move |tx| session::find(tx, &TokenHash::of(token), seconds(10)));
    assert!(find("1").is_none());
    let renewed = find("one").expect("the session").0;
    let expected =
        Session { proof: Proof::Passkey, authenticated_at: seconds(9), seen_at: seconds(9), ..session_of(1, 1, 60) };
    assert_eq!(renewed, expected);
    // Time never goes back.
    for (second, expected) in [(20, 20), (15, 20)] {
        db.write(move |tx| session::set_seen(tx, &id(1_001), seconds(second)));
        assert_eq!(find("one").expect("the session").0.seen_at, seconds(expected));
    }
    let end = |number: u64, session: u64| db.write(move |tx| session::delete_one(tx, &holder(number).id, &id(session)));
    assert!(!end(2, 1_004) && end(1, 1_004) && !end(1, 1_004));
    assert_eq!(db.write(|tx| session::delete_others(tx, &holder(1).id, Some(&id(1_001)))), 2);
    assert_eq!(list(5), [id(1_001)]);
    assert_eq!(db.write(|tx| session::delete_others(tx, &holder(1).id, None)), 1);
    assert!(find("one").is_none() && find("bob").is_some());
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
            session::insert(tx, &hash, &session_of(second as u64, 0, second))?;
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
