//! Incoming payments: creating them, paying in, completing, and every refusal.

use crate::support::{amount, asset, client, detail, id, incoming_payment, seconds, start, value};
use bursar_core::incoming::{Create, IncomingPayment, create};
use bursar_core::{Code, Refusal};
use bursar_types::{Amount, VALUE_MAX};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const LIFETIME_SECONDS: i64 = 1_000;

fn ask(incoming: Option<Amount>, expires_at: Option<Timestamp>) -> Create {
    Create {
        id: id(1),
        wallet_address: id(2),
        asset: asset("CAD/2"),
        client: client("shop"),
        incoming,
        expires_at,
        metadata: Some("{}".to_owned()),
    }
}

#[test]
fn what_is_asked_for_is_created() {
    let lifetime = SignedDuration::from_secs(LIFETIME_SECONDS);
    let created = create(ask(Some(amount(150, "CAD/2")), Some(seconds(60))), lifetime, start());
    let expected = IncomingPayment {
        id: id(1),
        wallet_address: id(2),
        client: client("shop"),
        asset: asset("CAD/2"),
        incoming: Some(150),
        received: 0,
        metadata: Some("{}".to_owned()),
        created_at: start(),
        expires_at: seconds(60),
        completed_at: None,
        expired_at: None,
    };
    assert_eq!(created, Ok(expected));
}

#[test]
fn it_lives_as_long_as_asked_and_no_longer_than_allowed() {
    #[track_caller]
    fn check(asked: Option<i64>, lifetime: SignedDuration, expected: Option<Timestamp>) {
        let created = create(ask(None, asked.map(seconds)), lifetime, start());
        match expected {
            Some(expected) => assert_eq!(created.map(|payment| payment.expires_at), Ok(expected)),
            None => {
                let refusal = created.expect_err("it would have expired");
                assert_eq!(refusal.code, Code::InvalidResourceRequest);
                assert_eq!(refusal.description, "expiresAt must lie in the future");
            }
        }
    }
    let lifetime = SignedDuration::from_secs(LIFETIME_SECONDS);
    check(None, lifetime, Some(seconds(LIFETIME_SECONDS)));
    check(Some(1), lifetime, Some(seconds(1)));
    check(Some(LIFETIME_SECONDS), lifetime, Some(seconds(LIFETIME_SECONDS)));
    check(Some(LIFETIME_SECONDS + 1), lifetime, Some(seconds(LIFETIME_SECONDS)));
    check(Some(100_000_000_000), lifetime, Some(seconds(LIFETIME_SECONDS)));
    check(Some(0), lifetime, None);
    check(Some(-1), lifetime, None);
    check(None, SignedDuration::MAX, Some(Timestamp::MAX));
}

#[test]
fn what_cannot_be_created() {
    #[track_caller]
    fn check(incoming: Amount, words: &str) {
        let lifetime = SignedDuration::from_secs(LIFETIME_SECONDS);
        let refusal = create(ask(Some(incoming), None), lifetime, start()).expect_err("refused");
        assert_eq!(refusal.code, Code::InvalidResourceRequest);
        assert!(refusal.description.contains(words), "{refusal:?}");
    }
    check(amount(1, "USD/2"), "incomingAmount is in USD/2, but the wallet address receives CAD/2");
    check(amount(1, "CAD/9"), "incomingAmount is in CAD/9, but the wallet address receives CAD/2");
    check(amount(0, "CAD/2"), "incomingAmount must be more than zero");
    let lifetime = SignedDuration::from_secs(LIFETIME_SECONDS);
    assert!(create(ask(Some(amount(VALUE_MAX, "CAD/2")), None), lifetime, start()).is_ok());
}

/// Open, full, completed early, expired: at so many seconds.
fn in_state(completed: Option<i64>, expires: i64) -> IncomingPayment {
    IncomingPayment {
        completed_at: completed.map(seconds),
        expires_at: seconds(expires),
        ..incoming_payment(asset("CAD/2"), 40, Some(100))
    }
}

#[test]
fn when_it_takes_money() {
    #[track_caller]
    fn check(payment: &IncomingPayment, second: i64, expected: Result<(), &str>) {
        let now = seconds(second);
        assert_eq!(payment.is_open(now), expected.is_ok());
        let received = payment.receive(amount(1, "CAD/2"), now).map(|_| ());
        for refused in [payment.require_open(now), received] {
            match (refused, expected) {
                (Ok(()), Ok(())) => {}
                (Err(refusal), Err(reason)) => {
                    // The exact words that deployed clients match.
                    assert_eq!((refusal.code, &*refusal.description), (Code::InvalidReceiver, "invalid receiver"));
                    assert_eq!(detail(&refusal, "reason").and_then(|text| text.as_str()), Some(reason));
                }
                (refused, _) => panic!("{refused:?} instead of {expected:?}"),
            }
        }
    }
    check(&in_state(None, 100), 0, Ok(()));
    check(&in_state(None, 100), 99, Ok(()));
    check(&in_state(None, 100), 100, Err("the incoming payment has expired"));
    check(&in_state(None, 100), 1_000, Err("the incoming payment has expired"));
    check(&in_state(Some(5), 100), 6, Err("the incoming payment is completed"));
    check(&in_state(Some(5), 100), 1_000, Err("the incoming payment is completed"));
}

#[test]
fn money_is_taken_up_to_its_amount() {
    /// Received so far, the most it takes, what comes in; received afterwards and whether that completes it.
    #[track_caller]
    fn check(received: u64, incoming: Option<u64>, more: u64, expected: Result<(u64, bool), Option<u64>>) {
        let before = incoming_payment(asset("CAD/2"), received, incoming);
        match (before.receive(amount(more, "CAD/2"), seconds(7)), expected) {
            (Ok(after), Ok((received, completed))) => {
                let completed_at = completed.then_some(seconds(7));
                assert_eq!(after, IncomingPayment { received, completed_at, ..before });
            }
            (Err(refusal), Err(missing)) => {
                assert_eq!(refusal.code, Code::AmountTooLarge);
                let told = detail(&refusal, "missing").map(|amount| amount["value"].as_str().map(str::to_owned));
                assert_eq!(told.flatten(), missing.map(|missing| missing.to_string()));
            }
            (other, _) => panic!("{other:?} instead of {expected:?}"),
        }
    }
    check(0, Some(100), 1, Ok((1, false)));
    check(0, Some(100), 99, Ok((99, false)));
    check(0, Some(100), 100, Ok((100, true)));
    check(40, Some(100), 60, Ok((100, true)));
    check(0, Some(100), 101, Err(Some(100)));
    check(40, Some(100), 61, Err(Some(60)));
    check(0, Some(100), VALUE_MAX, Err(Some(100)));
    check(0, Some(VALUE_MAX), VALUE_MAX, Ok((VALUE_MAX, true)));
    // Without a bound it is never full, but it can only count so far.
    check(0, None, VALUE_MAX, Ok((VALUE_MAX, false)));
    check(VALUE_MAX - 1, None, 1, Ok((VALUE_MAX, false)));
    check(VALUE_MAX, None, 1, Err(None));
    check(1, None, VALUE_MAX, Err(None));
    // Another asset is never added.
    let payment = incoming_payment(asset("CAD/2"), 0, None);
    for other in ["USD/2", "CAD/9"] {
        let refusal = payment.receive(amount(1, other), start()).expect_err("another asset");
        assert_eq!(refusal.code, Code::AmountTooLarge);
    }
}

#[test]
fn what_is_missing() {
    let missing = |received, incoming| incoming_payment(asset("CAD/2"), received, incoming).missing();
    assert_eq!(missing(40, Some(100)), Some(amount(60, "CAD/2")));
    assert_eq!(missing(100, Some(100)), Some(amount(0, "CAD/2")));
    assert_eq!(missing(0, Some(VALUE_MAX)), Some(amount(VALUE_MAX, "CAD/2")));
    assert_eq!(missing(40, None), None);
    // More than it takes cannot be in it; if it were, nothing would be missing.
    assert_eq!(missing(101, Some(100)), Some(amount(0, "CAD/2")));
}

#[test]
fn it_is_completed_once() {
    #[track_caller]
    fn check(payment: &IncomingPayment, second: i64, expected: Result<(), &str>) {
        match (payment.complete(seconds(second)), expected) {
            (Ok(after), Ok(())) => {
                assert_eq!(after, IncomingPayment { completed_at: Some(seconds(second)), ..payment.clone() });
            }
            (Err(Refusal { code, description, .. }), Err(words)) => {
                assert_eq!((code, &*description), (Code::Conflict, words));
            }
            (other, _) => panic!("{other:?} instead of {expected:?}"),
        }
    }
    check(&in_state(None, 100), 0, Ok(()));
    check(&in_state(None, 100), 99, Ok(()));
    check(&in_state(None, 100), 100, Err("the incoming payment has expired"));
    check(&in_state(Some(5), 100), 5, Err("the incoming payment is completed already"));
    check(&in_state(Some(5), 100), 200, Err("the incoming payment is completed already"));
}

proptest! {
    /// Whatever is paid in, it counts exactly what it took, never takes more than its amount, and is completed if
    /// and only if it is full.
    #[test]
    fn it_counts_what_it_took(incoming in prop::option::of(1..=VALUE_MAX), amounts in prop::collection::vec(value(), 1..20)) {
        let mut payment = incoming_payment(asset("CAD/2"), 0, incoming);
        let mut taken = 0_u128;
        for value in amounts {
            let was_full = incoming.is_some_and(|incoming| taken == u128::from(incoming));
            let fits = taken + u128::from(value) <= u128::from(incoming.unwrap_or(VALUE_MAX));
            match payment.receive(amount(value, "CAD/2"), seconds(7)) {
                Ok(after) => {
                    prop_assert!(fits && !was_full);
                    taken += u128::from(value);
                    payment = after;
                }
                Err(refusal) if was_full => prop_assert_eq!(refusal.code, Code::InvalidReceiver),
                Err(refusal) => {
                    prop_assert!(!fits);
                    prop_assert_eq!(refusal.code, Code::AmountTooLarge);
                }
            }
            prop_assert_eq!(u128::from(payment.received), taken);
            prop_assert_eq!(payment.completed_at.is_some(), incoming.is_some_and(|incoming| taken == u128::from(incoming)));
        }
    }
}
