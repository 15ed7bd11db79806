//! What account holders do with their grants.

use crate::support::{amount, asset, client, id, limits, seconds, spending, start};
use bursar_core::Code;
use bursar_core::grant::{BoundKey, Grant, State};
use bursar_core::mandate::{Act, Lowered, Plan, act, is_own};
use bursar_core::narrow::{End, Less};

const MONTHLY: &str =
    r#"{"interval":"R3/2026-01-01T00:00:00Z/P1M","debitAmount":{"value":"10000","assetCode":"CAD","assetScale":2}}"#;

fn grant(state: State, json: Option<&str>) -> Grant {
    Grant {
        id: id(1),
        client: client("shop"),
        client_name: None,
        key: BoundKey { kid: "key-1".to_owned(), x: [7; 32] },
        endpoint: "https://auth.bank.example/".to_owned(),
        access: vec![spending(json.map(limits))],
        subject: None,
        finish: None,
        created_at: start(),
        expires_at: seconds(600),
        polled_at: None,
        paused_at: None,
        revision: 0,
        state,
    }
}

const OWN: State = State::Issued { holder: Some(HOLDER) };
const HOLDER: bursar_core::Id = bursar_core::Id::from_bytes([7; 16]);

#[track_caller]
fn check(grant: &Grant, what: &Act, expected: Result<Plan, Code>) {
    let found = act(grant, &[Some(asset("CAD/2"))], &HOLDER, what, seconds(60));
    assert_eq!(found.map_err(|refusal| refusal.code), expected, "{what:?}");
}

fn amount_of(value: u64) -> Less {
    Less { amount: Some(amount(value, "CAD/2")), end: None }
}

#[test]
fn grants_are_paused_resumed_and_revoked() {
    let running = grant(OWN, None);
    let paused = Grant { paused_at: Some(seconds(1)), ..grant(OWN, None) };
    let ended = grant(State::Ended { holder: Some(HOLDER), at: seconds(1) }, None);
    let ends = Plan::Revoke(State::Ended { holder: Some(HOLDER), at: seconds(60) });
    check(&running, &Act::Pause, Ok(Plan::Pause));
    check(&running, &Act::Resume, Ok(Plan::Nothing));
    check(&running, &Act::Revoke, Ok(ends.clone()));
    check(&paused, &Act::Pause, Ok(Plan::Nothing));
    check(&paused, &Act::Resume, Ok(Plan::Resume));
    check(&paused, &Act::Revoke, Ok(ends));
    check(&ended, &Act::Pause, Err(Code::Conflict));
    check(&ended, &Act::Resume, Err(Code::Conflict));
    check(&ended, &Act::Lower(vec![(0, amount_of(1))]), Err(Code::Conflict));
    check(&ended, &Act::Revoke, Ok(Plan::Nothing));
}

#[test]
fn only_who_gave_a_grant_can_change_it() {
    let states = [
        State::Pending,
        State::Approved { holder: HOLDER, at: start() },
        State::Denied { at: start() },
        State::Issued { holder: None },
        State::Issued { holder: Some(id(8)) },
        State::Ended { holder: None, at: start() },
        State::Ended { holder: Some(id(8)), at: start() },
    ];
    for state in states {
        let grant = grant(state, None);
        assert!(!is_own(&grant, &HOLDER), "{state:?}");
        for what in [Act::Pause, Act::Resume, Act::Revoke, Act::Lower(vec![(0, amount_of(1))])] {
            check(&grant, &what, Err(Code::NotFound));
        }
    }
    assert!(is_own(&grant(OWN, None), &HOLDER));
}

#[test]
fn limits_are_lowered() {
    let monthly = grant(OWN, Some(MONTHLY));
    let lowered = |json: &str, window| Ok(Plan::Lower(vec![Lowered { item: 0, limits: Some(limits(json)), window }]));
    check(&monthly, &Act::Lower(vec![(0, amount_of(500))]), lowered(&MONTHLY.replace("10000", "500"), 0));
    let fewer = Less { amount: None, end: Some(End::Windows(2)) };
    check(&monthly, &Act::Lower(vec![(0, fewer)]), lowered(&MONTHLY.replace("R3", "R2"), 0));
    // A paused one can be lowered before it is resumed.
    let paused = Grant { paused_at: Some(seconds(1)), ..monthly.clone() };
    check(&paused, &Act::Lower(vec![(0, amount_of(500))]), lowered(&MONTHLY.replace("10000", "500"), 0));
    // The window is the present one, or the first to come.
    let older = MONTHLY.replace("R3/2026-01", "R9/2025-11");
    check(&grant(OWN, Some(&older)), &Act::Lower(vec![(0, amount_of(1))]), lowered(&older.replace("10000", "1"), 2));
    let later = MONTHLY.replace("2026-01", "2026-06");
    check(&grant(OWN, Some(&later)), &Act::Lower(vec![(0, amount_of(1))]), lowered(&later.replace("10000", "1"), 0));
    let over = MONTHLY.replace("2026-01", "2025-01");
    check(&grant(OWN, Some(&over)), &Act::Lower(vec![(0, amount_of(1))]), Err(Code::InvalidResourceRequest));
    check(&monthly, &Act::Lower(vec![(0, amount_of(10_000))]), Ok(Plan::Nothing));
    check(&monthly, &Act::Lower(Vec::new()), Ok(Plan::Nothing));
    check(&monthly, &Act::Lower(vec![(0, amount_of(10_001))]), Err(Code::InvalidResourceRequest));
    check(&monthly, &Act::Lower(vec![(1, amount_of(1))]), Err(Code::InvalidResourceRequest));
    // Without windows, all counts that was ever spent.
    let free = grant(OWN, None);
    let capped = r#"{"debitAmount":{"value":"5","assetCode":"CAD","assetScale":2}}"#;
    check(&free, &Act::Lower(vec![(0, amount_of(5))]), lowered(capped, 0));
}
