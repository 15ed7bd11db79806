//! Grants, their access items, and tokens.

use crate::bank::{ACCESS, GRANT, HOLDER, TOKEN, add_mandate, add_person, full_grant, limits, spending};
use crate::database::{Database, edges_of_time, id, now, seconds};
use bursar_core::Id;
use bursar_core::access::{ClientId, GrantedAccess};
use bursar_core::grant::{Grant, State};
use bursar_core::token::{self, Token};
use bursar_store::{Error, Tx, grant, token as tokens};
use bursar_types::{Action, Actions, ResourceType};

fn person() -> Id {
    id(HOLDER + 1)
}

fn states() -> [State; 7] {
    [
        State::Pending,
        State::Approved { holder: person(), at: seconds(5) },
        State::Denied { at: seconds(5) },
        State::Issued { holder: None },
        State::Issued { holder: Some(person()) },
        State::Ended { holder: None, at: seconds(5) },
        State::Ended { holder: Some(person()), at: seconds(5) },
    ]
}

fn get(db: &Database, number: u64) -> Option<Grant> {
    db.read(move |tx| grant::by_id(tx, &id(GRANT + number)))
}

pub fn grants_come_back_in_every_state(db: &Database) {
    db.write(|tx| add_person(tx, 1, "CAD/2"));
    let [first, last] = edges_of_time();
    for (number, state) in states().into_iter().enumerate() {
        let number = number as u64 * 2;
        let full = full_grant(number, state);
        let bare = Grant {
            id: id(GRANT + number + 1),
            client: ClientId::Jwk("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".to_owned()),
            client_name: None,
            access: Vec::new(),
            subject: None,
            finish: None,
            created_at: first,
            expires_at: last,
            ..full.clone()
        };
        for stored in [full, bare] {
            let sent = stored.clone();
            db.write(move |tx| grant::insert(tx, &sent));
            let found = db.read(move |tx| grant::by_id(tx, &stored.id));
            assert_eq!(found, Some(stored));
        }
    }
    assert_eq!(get(db, 99), None);
    let again = db.try_write(|tx| grant::insert(tx, &full_grant(0, State::Pending)));
    assert!(matches!(again, Err(Error::Retry(_))));
    let of_nobody = State::Approved { holder: id(99), at: now() };
    let orphan = db.try_write(move |tx| grant::insert(tx, &full_grant(90, of_nobody)));
    assert!(matches!(orphan, Err(Error::Unavailable(_))), "{orphan:?}");
}

pub fn access_items_come_back_in_order(db: &Database) {
    let item =
        |number: u64, resource, actions: &[Action], identifier: Option<&str>, json: Option<&str>| GrantedAccess {
            // Ids descend, so that an order by id would be another one.
            id: id(ACCESS - number),
            resource,
            actions: Actions::of(actions),
            identifier: identifier.map(str::to_owned),
            limits: json.map(limits),
        };
    use ResourceType::{IncomingPayment, OutgoingPayment, Quote};
    let everything = r#"{"receiver":"https://bank.example/op/incoming-payments/ü\"1\"","interval":"R3/2026-01-31T00:00:00Z/P1M","debitAmount":{"value":"9223372036854775807","assetCode":"CAD","assetScale":2}}"#;
    let receive = r#"{"receiveAmount":{"value":"1","assetCode":"USD","assetScale":18}}"#;
    let access = vec![
        item(1, OutgoingPayment, &[Action::Create], Some("https://bank.example/a"), Some(everything)),
        item(2, IncomingPayment, &Action::ALL, None, None),
        item(3, Quote, &[Action::Create, Action::Read, Action::ReadAll], None, None),
        item(4, OutgoingPayment, &[Action::ListAll, Action::Read], Some("https://bank.example/b"), Some(receive)),
        item(5, OutgoingPayment, &[Action::List], Some(""), Some("{}")),
    ];
    let stored = Grant { access: access.clone(), ..full_grant(1, State::Pending) };
    db.write(move |tx| grant::insert(tx, &stored));
    db.write(|tx| grant::insert(tx, &full_grant(2, State::Pending)));
    assert_eq!(db.read(|tx| grant::access(tx, &id(GRANT + 1))), access);
    assert_eq!(get(db, 1).map(|grant| grant.access), Some(access));
    assert_eq!(get(db, 2).map(|grant| grant.access), Some(vec![spending(2, None)]));
    assert_eq!(db.read(|tx| grant::access(tx, &id(99))), []);
}

pub fn a_grant_moves_only_from_the_state_it_is_in(db: &Database) {
    use State::{Approved, Ended, Issued};
    db.write(|tx| add_person(tx, 1, "CAD/2"));
    let all = || {
        let pairs = states().into_iter().flat_map(|before| states().map(|believed| (before, believed)));
        pairs.flat_map(|(before, believed)| states().map(|after| [before, believed, after])).collect::<Vec<_>>()
    };
    let numbered = move || (1_000_u64..).zip(all());
    let bare = |number, state| Grant { access: Vec::new(), ..full_grant(number, state) };
    db.write(move |tx| numbered().try_for_each(|(number, [before, ..])| grant::insert(tx, &bare(number, before))));
    let moved = db.try_all(numbered().map(|(number, [_, believed, after])| {
        move |tx: &mut Tx<'_>| grant::set_state(tx, &id(GRANT + number), believed, after)
    }));
    assert_eq!(moved.len(), 343);
    for ((number, [before, believed, after]), moved) in numbered().zip(moved) {
        if moved.is_err() {
            assert_eq!(moved, Err(Error::Guard("the grant is in another state")));
        }
        let is_moved = moved.is_ok();
        let found = get(db, number).expect("the grant is there").state;
        let same = std::mem::discriminant(&before) == std::mem::discriminant(&believed);
        assert_eq!(is_moved, same, "{before:?} believed {believed:?}");
        // Who agreed is not forgotten when the grant goes on without naming them.
        let expected = match (before, after) {
            _ if !same => before,
            (Approved { holder, .. } | Issued { holder: Some(holder) } | Ended { holder: Some(holder), .. }, after) => {
                match after {
                    Issued { holder: None } => Issued { holder: Some(holder) },
                    Ended { holder: None, at } => Ended { holder: Some(holder), at },
                    after => after,
                }
            }
            (_, after) => after,
        };
        assert_eq!(found, expected, "{before:?} to {after:?}");
    }
    let missing = db.try_write(|tx| grant::set_state(tx, &id(99), State::Pending, State::Denied { at: now() }));
    assert_eq!(missing, Err(Error::Guard("the grant is in another state")));
}

pub fn a_poll_is_noted_while_nothing_is_decided(db: &Database) {
    db.write(|tx| add_person(tx, 1, "CAD/2"));
    for (number, state) in states().into_iter().enumerate() {
        let number = number as u64;
        db.write(move |tx| grant::insert(tx, &full_grant(number, state)));
        let polls =
            [seconds(7), seconds(8)].map(|at| move |tx: &mut Tx<'_>| grant::set_polled(tx, &id(GRANT + number), at));
        let polled = db.try_all(polls);
        let pending = state == State::Pending;
        let expected = if pending { Ok(()) } else { Err(Error::Guard("the grant is no longer pending")) };
        assert_eq!(polled, [expected.clone(), expected], "{state:?}");
        assert_eq!(get(db, number).and_then(|grant| grant.polled_at), pending.then(|| seconds(8)), "{state:?}");
    }
}

pub fn only_what_was_never_granted_is_deleted(db: &Database) {
    db.write(|tx| add_person(tx, 1, "CAD/2"));
    for (number, state) in states().into_iter().enumerate() {
        let early = full_grant(number as u64, state);
        let late = Grant { id: id(GRANT + 50 + number as u64), expires_at: seconds(601), ..early.clone() };
        let late = Grant { access: Vec::new(), ..late };
        db.write(move |tx| {
            grant::insert(tx, &early)?;
            grant::insert(tx, &late)
        });
    }
    let delete = |second: i64, most: u64| db.write(move |tx| grant::delete_ungranted(tx, seconds(second), most));
    let left = || (0..7).filter(|number| get(db, *number).is_some()).collect::<Vec<u64>>();
    assert_eq!(delete(599, 10), 0);
    assert_eq!(delete(600, 2), 2);
    assert_eq!(delete(600, 2), 1);
    assert_eq!(delete(600, 2), 0);
    // Issued and ended ones stay, with their access, and so do those that end later.
    assert_eq!(left(), [3, 4, 5, 6]);
    assert_eq!(db.number("SELECT COUNT(*) FROM grant_access"), 4);
    assert_eq!(delete(601, 10), 3);
    assert_eq!(db.number("SELECT COUNT(*) FROM op_grant"), 8);
}

fn token(number: u64, grant: u64) -> Token {
    Token { id: id(TOKEN + number), grant: id(GRANT + grant), expires_at: seconds(600), state: token::State::Active }
}

fn with_tokens(db: &Database) {
    db.write(|tx| {
        add_person(tx, 1, "CAD/2")?;
        add_mandate(tx, 1, None)?;
        grant::insert(tx, &full_grant(2, State::Issued { holder: None }))?;
        tokens::insert(tx, &token(1, 1), now())?;
        tokens::insert(tx, &token(2, 1), now())?;
        tokens::insert(tx, &token(3, 2), now())
    });
}

fn stored_token(db: &Database, number: u64) -> Option<Token> {
    db.read(move |tx| tokens::by_id(tx, &id(TOKEN + number)))
}

pub fn tokens_come_back_in_every_state(db: &Database) {
    with_tokens(db);
    assert_eq!(stored_token(db, 1), Some(token(1, 1)));
    assert_eq!(stored_token(db, 3), Some(token(3, 2)));
    assert_eq!(stored_token(db, 9), None);
    db.write(|tx| tokens::set_rotated(tx, &id(TOKEN + 1), &id(TOKEN + 2), seconds(5)));
    let rotated = token::State::Rotated { successor: id(TOKEN + 2), at: seconds(5) };
    assert_eq!(stored_token(db, 1), Some(Token { state: rotated, ..token(1, 1) }));
    db.write(|tx| tokens::revoke(tx, &id(TOKEN + 2), seconds(6)));
    assert_eq!(stored_token(db, 2), Some(Token { state: token::State::Revoked, ..token(2, 1) }));
    assert_eq!(stored_token(db, 3), Some(token(3, 2)));
    // No id stands for two tokens, and none belongs to no grant.
    let again = db.try_write(|tx| tokens::insert(tx, &token(1, 1), now()));
    assert!(matches!(again, Err(Error::Retry(_))));
    let orphan = db.try_write(|tx| tokens::insert(tx, &token(4, 99), now()));
    assert!(matches!(orphan, Err(Error::Unavailable(_))), "{orphan:?}");
}

pub fn a_token_is_replaced_once(db: &Database) {
    with_tokens(db);
    let rotate =
        |number: u64| db.try_write(move |tx| tokens::set_rotated(tx, &id(TOKEN + number), &id(TOKEN + 50), seconds(5)));
    let not_active = Err(Error::Guard("the token is not active"));
    assert_eq!(rotate(1), Ok(()));
    assert_eq!(rotate(1), not_active);
    assert_eq!(rotate(9), not_active);
    db.write(|tx| tokens::revoke(tx, &id(TOKEN + 2), seconds(6)));
    assert_eq!(rotate(2), not_active);
    // One that was replaced ends as well: it can no longer be asked for what replaced it.
    db.write(|tx| tokens::revoke(tx, &id(TOKEN + 1), seconds(7)));
    assert_eq!(stored_token(db, 1).map(|token| token.state), Some(token::State::Revoked));
}

pub fn revoking_reaches_every_active_token(db: &Database) {
    with_tokens(db);
    db.write(|tx| {
        tokens::set_rotated(tx, &id(TOKEN + 1), &id(TOKEN + 4), seconds(5))?;
        tokens::insert(tx, &token(4, 1), now())?;
        tokens::revoke_all(tx, &id(GRANT + 1), seconds(6))
    });
    let state = |number| stored_token(db, number).map(|token| token.state);
    assert_eq!(state(1), Some(token::State::Rotated { successor: id(TOKEN + 4), at: seconds(5) }));
    assert_eq!((state(2), state(4)), (Some(token::State::Revoked), Some(token::State::Revoked)));
    assert_eq!(state(3), Some(token::State::Active), "another grant's");
}

pub fn only_tokens_that_ended_are_deleted(db: &Database) {
    with_tokens(db);
    db.write(|tx| {
        tokens::set_rotated(tx, &id(TOKEN + 1), &id(TOKEN + 3), seconds(5))?;
        tokens::revoke(tx, &id(TOKEN + 2), seconds(6))
    });
    let delete = |second: i64| db.write(move |tx| tokens::delete_ended(tx, seconds(second), 1));
    let there = || [1, 2, 3].map(|number| stored_token(db, number).is_some());
    assert_eq!((delete(4), there()), (0, [true, true, true]));
    assert_eq!((delete(9), there()), (1, [false, true, true]));
    assert_eq!((delete(9), there()), (1, [false, false, true]));
    // One that is only unused is never deleted.
    assert_eq!((delete(1_000_000_000), there()), (0, [false, false, true]));
}

pub fn states_that_lack_something_are_not_read(db: &Database) {
    with_tokens(db);
    #[track_caller]
    fn check(db: &Database, damage: &str) {
        db.run(damage);
        let grant = db.try_read(|tx| grant::by_id(tx, &id(GRANT + 2)));
        let token = db.try_read(|tx| tokens::by_id(tx, &id(TOKEN + 3)));
        let is_corrupt = matches!(grant, Err(Error::Corrupt(_))) || matches!(token, Err(Error::Corrupt(_)));
        assert!(is_corrupt, "{damage}: {grant:?} {token:?}");
        db.run("UPDATE op_grant SET state = 'issued', client = 'x', holder_id = NULL, decided_at = NULL");
        db.run("UPDATE access_token SET state = 'active', successor_id = NULL, ended_at = NULL");
        db.run("UPDATE grant_access SET resource = 'quote', actions = 'create', limits = NULL");
        assert!(db.try_read(|tx| grant::by_id(tx, &id(GRANT + 2))).is_ok());
    }
    check(db, "UPDATE op_grant SET state = 'approved'");
    check(db, "UPDATE op_grant SET state = 'approved', decided_at = 0");
    check(db, "UPDATE op_grant SET state = 'denied'");
    check(db, "UPDATE op_grant SET state = 'ended'");
    check(db, "UPDATE op_grant SET state = 'lost'");
    check(db, "UPDATE op_grant SET state = ''");
    check(db, "UPDATE access_token SET state = 'rotated'");
    check(db, "UPDATE access_token SET state = 'rotated', ended_at = 0");
    check(db, "UPDATE access_token SET state = 'new'");
    check(db, "UPDATE grant_access SET resource = 'payment'");
    check(db, "UPDATE grant_access SET actions = 'create everything'");
    check(db, "UPDATE grant_access SET actions = ''");
    check(db, "UPDATE grant_access SET limits = 'none'");
    check(db, "UPDATE grant_access SET limits = '{\"interval\":\"R0/x\"}'");
}
