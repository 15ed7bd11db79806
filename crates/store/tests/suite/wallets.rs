//! Wallet addresses and their keys.

use crate::bank::{ACCOUNT, HOLDER, INCOMING, add_incoming, add_person, asset, holder, incoming, wallet};
use crate::database::{Database, edges_of_time, id, now, seconds};
use bursar_core::ledger::AccountKind;
use bursar_store::wallet_address::{self, WalletAddress, WalletKey};
use bursar_store::wallet_key::{self, OwnKey};
use bursar_store::{Error, account_holder, ledger};

pub fn wallet_addresses_come_back(db: &Database) {
    db.write(|tx| {
        account_holder::insert(tx, &holder(1))?;
        ledger::open_account(tx, &id(ACCOUNT + 1), AccountKind::Holder, asset("CAD/2"), now())
    });
    let [first, last] = edges_of_time();
    let addresses = [
        wallet(1, "CAD/2"),
        WalletAddress {
            id: id(11),
            url: "https://bank.example/größer/🦀".to_owned(),
            public_name: Some("Alice & \"Söhne\"".to_owned()),
            created_at: first,
            ..wallet(1, "A.very-long_code/18")
        },
        WalletAddress {
            id: id(12),
            url: "https://bank.example/x".to_owned(),
            public_name: Some(String::new()),
            created_at: last,
            ..wallet(1, "JPY/0")
        },
    ];
    for address in addresses {
        let stored = address.clone();
        db.write(move |tx| wallet_address::insert(tx, &stored));
        let url = address.url.clone();
        assert_eq!(db.read(move |tx| wallet_address::by_url(tx, &url)), Some(address.clone()));
        assert_eq!(db.read(move |tx| wallet_address::by_id(tx, &address.id)), Some(address));
    }
    // A deactivated one is still found, and says since when it is.
    db.run(&format!("UPDATE wallet_address SET deactivated_at = {}", seconds(7).as_microsecond()));
    let found = db.read(|tx| wallet_address::by_url(tx, "https://bank.example/person-1"));
    assert_eq!(found, Some(WalletAddress { deactivated_at: Some(seconds(7)), ..wallet(1, "CAD/2") }));
    assert_eq!(db.read(|tx| wallet_address::by_url(tx, "https://bank.example/Person-1")), None);
    assert_eq!(db.read(|tx| wallet_address::by_id(tx, &id(99))), None);
}

pub fn an_address_is_taken_once(db: &Database) {
    db.write(|tx| add_person(tx, 1, "CAD/2"));
    let insert = |address: WalletAddress| db.try_write(move |tx| wallet_address::insert(tx, &address));
    let other = WalletAddress { id: id(11), url: "https://bank.example/other".to_owned(), ..wallet(1, "CAD/2") };
    assert!(matches!(insert(WalletAddress { url: wallet(1, "CAD/2").url, ..other.clone() }), Err(Error::Unique(_))));
    assert!(matches!(insert(WalletAddress { id: wallet(1, "CAD/2").id, ..other.clone() }), Err(Error::Unique(_))));
    // Neither without a person nor without an account.
    let orphan = insert(WalletAddress { holder: id(HOLDER + 99), ..other.clone() });
    assert!(matches!(orphan, Err(Error::Unavailable(_))), "{orphan:?}");
    let orphan = insert(WalletAddress { account: id(ACCOUNT + 99), ..other.clone() });
    assert!(matches!(orphan, Err(Error::Unavailable(_))), "{orphan:?}");
    assert_eq!(insert(other), Ok(()));
}

pub fn keys_come_and_go(db: &Database) {
    db.write(|tx| {
        add_person(tx, 1, "CAD/2")?;
        add_person(tx, 2, "CAD/2")
    });
    let key = |kid: &str, byte: u8| WalletKey { kid: kid.to_owned(), x: [byte; 32] };
    let insert = |number: u64, person: u64, kid: &'static str, byte: u8| {
        db.try_write(move |tx| {
            wallet_address::insert_key(tx, &id(number), &wallet(person, "CAD/2").id, &key(kid, byte), now())
        })
    };
    let keys = |person: u64| db.read(move |tx| wallet_address::keys(tx, &wallet(person, "CAD/2").id));
    let x = |person: u64, kid: &str| keys(person).into_iter().find(|key| key.kid == kid).map(|key| key.x);
    let revoke = |person: u64, kid: &'static str| {
        db.write(move |tx| wallet_address::revoke_key(tx, &wallet(person, "CAD/2").id, kid, seconds(1)))
    };
    assert_eq!(keys(1), []);
    assert_eq!(insert(1, 1, "b", 1), Ok(()));
    assert_eq!(insert(2, 1, "a", 2), Ok(()));
    assert_eq!(insert(3, 2, "a", 3), Ok(()));
    assert_eq!(keys(1), [key("b", 1), key("a", 2)], "oldest first");
    assert_eq!((x(1, "a"), x(2, "a"), x(2, "b")), (Some([2; 32]), Some([3; 32]), None));
    assert!(matches!(insert(4, 1, "a", 4), Err(Error::Unique(_))));
    // A revoked key is gone at once, and its name may be used again, any number of times.
    assert!(revoke(1, "a"));
    assert!(!revoke(1, "a"));
    assert!(!revoke(1, "c"));
    assert_eq!((keys(1), x(1, "a"), x(2, "a")), (vec![key("b", 1)], None, Some([3; 32])));
    for round in 5..8 {
        assert_eq!(insert(round, 1, "a", round as u8), Ok(()));
        assert_eq!(x(1, "a"), Some([round as u8; 32]));
        assert!(revoke(1, "a"));
    }
    assert_eq!(x(1, "a"), None);
}

pub fn a_payment_moves_money_between_two_accounts(db: &Database) {
    db.write(|tx| {
        add_person(tx, 1, "CAD/2")?;
        add_person(tx, 2, "USD/9")?;
        add_incoming(tx, &incoming(1, 2, "USD/9", None))
    });
    let between = |payer: &'static str, number: u64| {
        db.read(move |tx| wallet_address::accounts_between(tx, payer, &id(INCOMING + number)))
            .map(|between| between.map(|wallet| (wallet.account, wallet.asset)))
    };
    let expected = [(id(ACCOUNT + 1), asset("CAD/2")), (id(ACCOUNT + 2), asset("USD/9"))];
    assert_eq!(between("https://bank.example/person-1", 1), Some(expected));
    assert_eq!(between("https://bank.example/person-2", 1), Some([expected[1], expected[1]]), "to itself");
    assert_eq!(between("https://bank.example/person-1", 9), None);
    assert_eq!(between("https://bank.example/nobody", 1), None);
}

pub fn addresses_of_an_account_holder(db: &Database) {
    let second = WalletAddress { id: id(11), url: "https://bank.example/second".to_owned(), ..wallet(1, "CAD/2") };
    let stored = second.clone();
    db.write(move |tx| {
        add_person(tx, 1, "CAD/2")?;
        add_person(tx, 2, "CAD/2")?;
        wallet_address::insert(tx, &stored)
    });
    let all_of = |number: u64| db.read(move |tx| wallet_address::all_of_holder(tx, &holder(number).id, 9));
    let mut expected = vec![wallet(1, "CAD/2"), second];
    expected.sort_by_key(|address| address.id);
    assert_eq!((all_of(1), all_of(2), all_of(3)), (expected, vec![wallet(2, "CAD/2")], Vec::new()));
    db.write(|tx| wallet_address::deactivate_all(tx, &holder(1).id, seconds(5)));
    // Those that were deactivated before keep the moment.
    db.write(|tx| wallet_address::deactivate_all(tx, &holder(1).id, seconds(6)));
    assert!(all_of(1).iter().all(|address| address.deactivated_at == Some(seconds(5))));
    assert_eq!(all_of(2)[0].deactivated_at, None);
}

pub fn the_nearest_address_above(db: &Database) {
    let second =
        WalletAddress { id: id(350), url: "https://bank.example/person-1/shop".to_owned(), ..wallet(1, "CAD/2") };
    let stored = second.clone();
    db.write(move |tx| {
        add_person(tx, 1, "CAD/2")?;
        wallet_address::insert(tx, &stored)
    });
    let above = |url: &'static str| {
        db.read(move |tx| wallet_address::nearest_above(tx, url, "https://bank.example")).map(|above| above.url)
    };
    assert_eq!(above("https://bank.example/person-1/shop/a/b"), Some(second.url));
    assert_eq!(above("https://bank.example/person-1/other"), Some(wallet(1, "CAD/2").url));
    assert_eq!(above("https://bank.example/person-1"), None);
}

pub fn an_address_changes_for_its_owner_only(db: &Database) {
    db.write(|tx| add_person(tx, 1, "CAD/2"));
    type Change = fn(&mut bursar_store::Tx<'_>, &bursar_core::Id) -> Result<(), Error>;
    let change = |change: Change, person: u64| db.try_write(move |tx| change(tx, &id(HOLDER + person)));
    let stands = || {
        let found = db.read(|tx| wallet_address::by_id(tx, &wallet(1, "CAD/2").id)).expect("it is there");
        (found.public_name, found.deactivated_at)
    };
    const RENAME: Change = |tx, holder| wallet_address::rename(tx, &wallet(1, "CAD/2").id, holder, Some("Ünï \"<b>"));
    const UNNAME: Change = |tx, holder| wallet_address::rename(tx, &wallet(1, "CAD/2").id, holder, None);
    const CLOSE: Change = |tx, holder| wallet_address::deactivate(tx, &wallet(1, "CAD/2").id, holder, seconds(5));
    const OPEN: Change = |tx, holder| wallet_address::reactivate(tx, &wallet(1, "CAD/2").id, holder);
    for refused in [RENAME, UNNAME, CLOSE, OPEN] {
        assert!(matches!(change(refused, 2), Err(Error::Guard(_))), "another's");
    }
    assert!(matches!(change(OPEN, 1), Err(Error::Guard(_))), "it is active");
    assert_eq!(change(RENAME, 1), Ok(()));
    assert_eq!(change(CLOSE, 1), Ok(()));
    assert_eq!(stands(), (Some("Ünï \"<b>".to_owned()), Some(seconds(5))));
    assert!(matches!(change(CLOSE, 1), Err(Error::Guard(_))), "it is deactivated");
    assert_eq!((change(UNNAME, 1), change(OPEN, 1)), (Ok(()), Ok(())));
    assert_eq!(stands(), (None, None));
}

pub fn keys_have_names_and_a_last_use(db: &Database) {
    db.write(|tx| {
        add_person(tx, 1, "CAD/2")?;
        add_person(tx, 2, "CAD/2")
    });
    let address = wallet(1, "CAD/2").id;
    let key = |number: u64, kid: &str, name: Option<&str>| OwnKey {
        id: id(number),
        kid: kid.to_owned(),
        x: [number as u8; 32],
        name: name.map(str::to_owned),
        created_at: seconds(1),
        used_at: None,
    };
    let first = key(1, "a", Some("Laptop \"ü\""));
    let stored = first.clone();
    db.write(move |tx| {
        wallet_key::insert(tx, &address, &stored)?;
        let plain = WalletKey { kid: "b".to_owned(), x: [2; 32] };
        wallet_address::insert_key(tx, &id(2), &address, &plain, seconds(1))
    });
    let again = key(3, "a", None);
    assert!(matches!(db.try_write(move |tx| wallet_key::insert(tx, &address, &again)), Err(Error::Unique(_))));
    let keys = || db.read(move |tx| wallet_key::of_address(tx, &address));
    assert_eq!(keys(), [first.clone(), key(2, "b", None)]);
    let by_id = |address: bursar_core::Id, number: u64| db.read(move |tx| wallet_key::by_id(tx, &address, &id(number)));
    assert_eq!((by_id(address, 1), by_id(wallet(2, "CAD/2").id, 1), by_id(address, 9)), (Some(first), None, None));

    let url = "https://bank.example/person-1";
    let used = |url: &'static str, kid: &'static str, at, after| {
        db.write(move |tx| wallet_key::note_use(tx, url, kid, seconds(at), seconds(after)))
    };
    assert!(used(url, "a", 100, 40));
    assert!(!used(url, "a", 120, 60), "it is noted since");
    assert!(used(url, "a", 200, 100));
    assert!(!used(url, "c", 200, 100) && !used("https://bank.example/person-2", "a", 200, 100));
    let uses: Vec<_> = keys().into_iter().map(|key| key.used_at).collect();
    assert_eq!(uses, [Some(seconds(200)), None]);

    let revoke = |number: u64| db.try_write(move |tx| wallet_key::revoke(tx, &address, &id(number), seconds(9)));
    assert_eq!(revoke(1), Ok(()));
    assert!(matches!(revoke(1), Err(Error::Guard(_))));
    assert!(matches!(revoke(9), Err(Error::Guard(_))));
    assert_eq!((keys().len(), by_id(address, 1)), (1, None));
    assert!(!used(url, "a", 900, 800));
}
