//! How a grant goes on: decisions are made once and in time, and a client that comes back gets what the table of
//! continuations says.

use crate::support::{client, id, seconds, start};
use bursar_core::grant::{BoundKey, Decision, FETCH_TIME, Finish, Grant, Resumed, State, Undecidable};
use bursar_core::secret::Purpose;
use bursar_core::{Code, Id, Secret};
use jiff::{SignedDuration, Timestamp};

const EXPIRES: i64 = 600;
const WAIT: i64 = 5;

pub fn secret() -> Secret {
    Secret::new(std::array::from_fn(|index| index as u8))
}

pub fn grant(id: Id, state: State, finish: Option<Finish>) -> Grant {
    Grant {
        id,
        client: client("app"),
        client_name: None,
        key: BoundKey { kid: "k".to_owned(), x: [0; 32] },
        endpoint: "https://auth.bank.example/".to_owned(),
        access: Vec::new(),
        subject: None,
        finish,
        created_at: start(),
        expires_at: seconds(EXPIRES),
        polled_at: None,
        paused_at: None,
        revision: 0,
        state,
    }
}

fn holder() -> Id {
    id(30)
}

fn approved() -> State {
    State::Approved { holder: holder(), at: seconds(20) }
}

fn denied() -> State {
    State::Denied { at: seconds(20) }
}

fn issued() -> State {
    State::Issued { holder: Some(holder()) }
}

fn ended() -> State {
    State::Ended { holder: Some(holder()), at: seconds(20) }
}

#[test]
fn a_decision_is_made_once_and_in_time() {
    #[track_caller]
    fn check(state: State, second: i64, expected: Result<(), Undecidable>) {
        let (grant, now) = (grant(id(1), state, None), seconds(second));
        let approval = grant.decide(Decision::Approve { holder: holder() }, now);
        assert_eq!(approval, expected.map(|()| State::Approved { holder: holder(), at: now }), "{state:?} {second}");
        let refusal = grant.decide(Decision::Deny, now);
        assert_eq!(refusal, expected.map(|()| State::Denied { at: now }), "{state:?} {second}");
    }
    check(State::Pending, 0, Ok(()));
    check(State::Pending, EXPIRES - 1, Ok(()));
    check(State::Pending, EXPIRES, Err(Undecidable::Expired));
    check(State::Pending, 10 * EXPIRES, Err(Undecidable::Expired));
    for state in [approved(), denied(), issued(), State::Issued { holder: None }, ended()] {
        check(state, 30, Err(Undecidable::Decided));
        check(state, 10 * EXPIRES, Err(Undecidable::Decided));
    }
    assert_eq!(Undecidable::Expired.to_string(), "this request has expired");
    assert_eq!(Undecidable::Decided.to_string(), "this request has been decided already");
}

#[test]
fn only_what_is_unfinished_expires() {
    #[track_caller]
    fn check(state: State, second: i64, expected: bool) {
        assert_eq!(grant(id(1), state, None).is_expired(seconds(second)), expected, "{state:?} {second}");
    }
    for state in [State::Pending, approved()] {
        check(state, EXPIRES - 1, false);
        check(state, EXPIRES, true);
    }
    for state in [denied(), issued(), ended()] {
        check(state, EXPIRES, false);
        check(state, 100 * EXPIRES, false);
    }
}

/// Somebody who agrees at the last moment has not agreed in vain.
#[test]
fn after_an_approval_the_client_has_some_minutes_of_its_own() {
    assert_eq!(FETCH_TIME, SignedDuration::from_mins(5));
    #[track_caller]
    fn check(approved: i64, second: i64, expected: bool) {
        let state = State::Approved { holder: holder(), at: seconds(approved) };
        let grant = grant(id(1), state, None);
        assert_eq!(grant.is_expired(seconds(second)), expected);
        let resumed = grant.resume(None, &secret(), SignedDuration::from_secs(WAIT), seconds(second));
        assert_eq!(resumed.map_err(|refusal| refusal.code), if expected { DENIED } else { issue() });
    }
    check(EXPIRES - 1, EXPIRES, false);
    check(EXPIRES - 1, EXPIRES + 298, false);
    check(EXPIRES - 1, EXPIRES + 299, true);
    check(EXPIRES - 300, EXPIRES - 1, false);
    check(EXPIRES - 300, EXPIRES, true);
    // Early approvals keep the time that the request had anyway.
    check(20, EXPIRES - 1, false);
    check(20, EXPIRES, true);
    // Without a calendar that reaches so far there is no end.
    let late = grant(id(1), State::Approved { holder: holder(), at: Timestamp::MAX }, None);
    assert!(!late.is_expired(seconds(EXPIRES)));
}

/// What the client brings.
#[derive(Debug, Clone, Copy)]
enum Brings {
    Nothing,
    /// The reference from the redirect.
    Reference,
    /// Some other text.
    Other(&'static str),
    /// The reference of another grant.
    OthersReference,
}

/// The row of the table: what is to come of it.
type Answer = Result<Resumed, Code>;

const PENDING: Answer = Ok(Resumed::StillPending);
const DENIED: Answer = Err(Code::RequestDenied);
const UNKNOWN: Answer = Err(Code::UnknownInteractRef);
const FAST: Answer = Err(Code::TooFast);

fn issue() -> Answer {
    Ok(Resumed::Issue { holder: holder() })
}

#[track_caller]
fn check(state: State, has_finish: bool, brings: Brings, polled: Option<i64>, second: i64, expected: Answer) {
    let finish = has_finish.then(|| Finish { uri: "https://app.example/back".to_owned(), nonce: "n".to_owned() });
    let grant = Grant { polled_at: polled.map(seconds), ..grant(id(1), state, finish) };
    let reference = |id: Id| secret().derive_text(Purpose::InteractRef, id.as_bytes());
    let brought = match brings {
        Brings::Nothing => None,
        Brings::Reference => Some(reference(id(1))),
        Brings::Other(text) => Some(text.to_owned()),
        Brings::OthersReference => Some(reference(id(2))),
    };
    let resumed = grant.resume(brought.as_deref(), &secret(), SignedDuration::from_secs(WAIT), seconds(second));
    let context = format!("{state:?}, finish {has_finish}, {brings:?}, at {second}: {resumed:?}");
    assert_eq!(resumed.map_err(|refusal| refusal.code), expected, "{context}");
}

#[test]
fn with_a_finish_the_reference_decides() {
    use Brings::*;
    // Approved: the reference gets the token, at once and until it expires.
    check(approved(), true, Reference, None, 20, issue());
    check(approved(), true, Reference, Some(20), 20, issue());
    check(approved(), true, Reference, None, EXPIRES - 1, issue());
    check(approved(), true, Reference, None, EXPIRES, DENIED);
    // Any other reference, or none.
    check(approved(), true, Other("guess"), None, 20, UNKNOWN);
    check(approved(), true, Other(""), None, 20, UNKNOWN);
    check(approved(), true, OthersReference, None, 20, UNKNOWN);
    check(approved(), true, Nothing, None, 20, DENIED);
    check(State::Pending, true, Nothing, None, 100, DENIED);
    // Before anybody has agreed even the right one is worth nothing.
    check(State::Pending, true, Reference, None, 100, UNKNOWN);
    check(State::Pending, true, Other("guess"), None, 100, UNKNOWN);
    check(State::Pending, true, Reference, None, EXPIRES, DENIED);
    check(State::Pending, true, Nothing, None, EXPIRES, DENIED);
    // Denied, already issued, revoked: whatever is brought.
    for state in [denied(), issued(), ended(), State::Issued { holder: None }] {
        for brings in [Reference, Nothing, Other("guess"), OthersReference] {
            check(state, true, brings, None, 30, DENIED);
            check(state, true, brings, None, EXPIRES + 1, DENIED);
        }
    }
}

#[test]
fn without_a_finish_the_client_polls() {
    use Brings::*;
    // Not decided: not sooner than `wait` after the request, then after the last poll.
    check(State::Pending, false, Nothing, None, 0, FAST);
    check(State::Pending, false, Nothing, None, WAIT - 1, FAST);
    check(State::Pending, false, Nothing, None, WAIT, PENDING);
    check(State::Pending, false, Nothing, Some(100), 100, FAST);
    check(State::Pending, false, Nothing, Some(100), 99 + WAIT, FAST);
    check(State::Pending, false, Nothing, Some(100), 100 + WAIT, PENDING);
    check(State::Pending, false, Nothing, None, EXPIRES - 1, PENDING);
    check(State::Pending, false, Nothing, None, EXPIRES, DENIED);
    // Straight after approval it is never too fast.
    check(approved(), false, Nothing, None, 20, issue());
    check(approved(), false, Nothing, Some(20), 20, issue());
    check(approved(), false, Nothing, None, EXPIRES, DENIED);
    // A reference is taken too, if it is right.
    check(approved(), false, Reference, None, 20, issue());
    check(approved(), false, OthersReference, None, 20, UNKNOWN);
    check(State::Pending, false, Reference, None, 100, UNKNOWN);
    for state in [denied(), issued(), ended()] {
        check(state, false, Nothing, Some(29), 30, DENIED);
        check(state, false, Reference, None, 30, DENIED);
    }
}

#[test]
fn refusals_say_why() {
    #[track_caller]
    fn check(state: State, has_finish: bool, brought: Option<&str>, now: Timestamp, words: &str) {
        let finish = has_finish.then(|| Finish { uri: "https://app.example/".to_owned(), nonce: "n".to_owned() });
        let grant = grant(id(1), state, finish);
        let resumed = grant.resume(brought, &secret(), SignedDuration::from_secs(WAIT), now);
        let refusal = resumed.expect_err("refused");
        assert!(refusal.description.contains(words), "{refusal:?}");
    }
    check(State::Pending, true, None, seconds(EXPIRES), "the grant request has expired");
    check(approved(), true, None, seconds(EXPIRES), "the grant request has expired");
    check(denied(), true, None, seconds(30), "the account holder denied the request");
    check(issued(), true, None, seconds(30), "the access token has been issued already");
    check(ended(), true, None, seconds(30), "the grant was revoked");
    check(State::Pending, true, None, seconds(30), "is continued with the interact_ref");
    check(approved(), true, Some("x"), seconds(30), "interact_ref does not belong to this grant");
    check(State::Pending, false, None, seconds(1), "wait 5 seconds between two polls");
}

#[test]
fn a_wait_without_bound_never_ends() {
    let grant = grant(id(1), State::Pending, None);
    let resumed = grant.resume(None, &secret(), SignedDuration::MAX, seconds(EXPIRES - 1));
    assert_eq!(resumed.map_err(|refusal| refusal.code), FAST);
}
