//! Limits: which window a payment belongs to, what still fits, and how a refusal is worded.

use crate::support::{amount, asset, at, check_unauthorized, detail, limits};
use bursar_core::Code;
use bursar_core::limits::{Received, Reserved, Spend, WHOLE_LIFE, commit, release, reserve, window_index};
use bursar_types::{Amount, Limits, VALUE_MAX};

fn spend(reserved: (u64, u64), committed: (u64, u64), received: Received) -> Spend {
    Spend {
        debit_reserved: reserved.0,
        receive_reserved: reserved.1,
        debit_committed: committed.0,
        receive_committed: committed.1,
        received,
    }
}

#[test]
fn a_payment_belongs_to_the_window_that_holds_its_instant() {
    #[track_caller]
    fn check(interval: &str, instant: &str, expected: Result<i64, &str>) {
        let limits = limits(&format!(r#"{{"interval":"{interval}"}}"#));
        let found = window_index(Some(&limits), at(instant));
        match (found, expected) {
            (Ok(index), Ok(expected)) => assert_eq!(index, expected, "{interval} at {instant}"),
            (Err(refusal), Err(reason)) => {
                check_unauthorized(&refusal, Code::OutsideInterval, reason);
                assert_eq!(detail(&refusal, "interval").and_then(|text| text.as_str()), Some(interval));
            }
            (found, _) => panic!("{interval} at {instant}: {found:?} instead of {expected:?}"),
        }
    }
    const THREE: &str = "R3/2026-01-31T00:00:00Z/P1M";
    check(THREE, "2026-01-30T23:59:59.999999Z", Err("the grant's first window begins at 2026-01-31T00:00:00Z"));
    check(THREE, "2026-01-31T00:00:00Z", Ok(0));
    check(THREE, "2026-02-27T23:59:59.999999Z", Ok(0));
    check(THREE, "2026-02-28T00:00:00Z", Ok(1));
    check(THREE, "2026-03-30T23:59:59.999999Z", Ok(1));
    check(THREE, "2026-03-31T00:00:00Z", Ok(2));
    check(THREE, "2026-04-29T23:59:59.999999Z", Ok(2));
    check(THREE, "2026-04-30T00:00:00Z", Err("the grant's last window is over"));
    check(THREE, "2400-01-01T00:00:00Z", Err("the grant's last window is over"));
    const ENDLESS: &str = "R/2026-01-01T00:00:00Z/P1D";
    check(ENDLESS, "2025-12-31T23:59:59Z", Err("the grant's first window begins at 2026-01-01T00:00:00Z"));
    check(ENDLESS, "2026-01-01T12:00:00Z", Ok(0));
    check(ENDLESS, "2027-01-01T12:00:00Z", Ok(365));
    const BACKWARD: &str = "R2/P1D/2026-01-03T00:00:00Z";
    check(BACKWARD, "2025-12-31T23:59:59Z", Err("the grant's first window begins at 2026-01-01T00:00:00Z"));
    check(BACKWARD, "2026-01-01T00:00:00Z", Ok(0));
    check(BACKWARD, "2026-01-02T00:00:00Z", Ok(1));
    check(BACKWARD, "2026-01-03T00:00:00Z", Err("the grant's last window is over"));
    // Without a beginning, windows are counted from the last one.
    check("R/P1D/2026-01-03T00:00:00Z", "2026-01-02T12:00:00Z", Ok(-1));
    check("R/P1D/2026-01-03T00:00:00Z", "2025-01-02T12:00:00Z", Ok(-366));
    check("R/P1D/2026-01-03T00:00:00Z", "2026-01-03T00:00:00Z", Err("the grant's last window is over"));
}

#[test]
fn without_an_interval_the_window_is_the_life_of_the_grant() {
    for instant in ["1970-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "9999-12-30T00:00:00Z"] {
        assert_eq!(window_index(None, at(instant)), Ok(WHOLE_LIFE));
        assert_eq!(window_index(Some(&Limits::default()), at(instant)), Ok(WHOLE_LIFE));
        let only_amount = limits(r#"{"debitAmount":{"value":"1","assetCode":"CAD","assetScale":2}}"#);
        assert_eq!(window_index(Some(&only_amount), at(instant)), Ok(WHOLE_LIFE));
    }
}

const DEBIT: &str = r#"{"debitAmount":{"value":"1000","assetCode":"CAD","assetScale":2}}"#;
const RECEIVE: &str = r#"{"receiveAmount":{"value":"1000","assetCode":"USD","assetScale":2}}"#;

/// Reserves a payment of CAD to a receiver of the asset named, and compares the counter or the refusal's reason.
#[track_caller]
fn check(limits: Option<&Limits>, before: Spend, debit: u64, receive: (u64, &str), expected: Result<Spend, &str>) {
    let receive = amount(receive.0, receive.1);
    let reserved = reserve(limits, &before, amount(debit, "CAD/2"), receive);
    match (reserved, expected) {
        (Ok(after), Ok(expected)) => assert_eq!(after, expected),
        (Err(refusal), Err(reason)) => check_unauthorized(&refusal, Code::LimitExceeded, reason),
        (other, expected) => panic!("{other:?} instead of {expected:?}"),
    }
}

const ABOVE: &str = "the payment is above what is left of the limit";
const OTHER_RECEIVED: &str = "the limit counts another asset than this receiver gets";
const TOO_LARGE: &str = "the sum of all payments is too large to be counted";

#[test]
fn without_an_amount_everything_fits_that_can_be_counted() {
    let usd = Received::Of(asset("USD/2"));
    for limits in [None, Some(&Limits::default())] {
        check(limits, Spend::default(), 7, (5, "USD/2"), Ok(spend((7, 5), (0, 0), usd)));
        check(limits, Spend::default(), VALUE_MAX, (1, "USD/2"), Ok(spend((VALUE_MAX, 1), (0, 0), usd)));
        check(limits, spend((1, 0), (0, 0), usd), VALUE_MAX, (1, "USD/2"), Err(TOO_LARGE));
        check(limits, spend((0, 0), (1, 0), usd), VALUE_MAX, (1, "USD/2"), Err(TOO_LARGE));
        check(limits, spend((0, 1), (0, 0), usd), 1, (VALUE_MAX, "USD/2"), Err(TOO_LARGE));
        let half = VALUE_MAX / 2;
        let full = spend((half, 0), (half, 0), usd);
        check(limits, full, 1, (0, "USD/2"), Ok(spend((half + 1, 0), (half, 0), usd)));
        check(limits, full, 2, (0, "USD/2"), Err(TOO_LARGE));
    }
}

#[test]
fn a_debit_limit_counts_what_leaves_the_wallet() {
    let (limits, usd) = (limits(DEBIT), Received::Of(asset("USD/2")));
    let limits = Some(&limits);
    check(limits, Spend::default(), 1_000, (5, "USD/2"), Ok(spend((1_000, 5), (0, 0), usd)));
    check(limits, Spend::default(), 1_001, (5, "USD/2"), Err(ABOVE));
    check(limits, spend((400, 1), (500, 1), usd), 100, (5, "USD/2"), Ok(spend((500, 6), (500, 1), usd)));
    check(limits, spend((400, 1), (500, 1), usd), 101, (5, "USD/2"), Err(ABOVE));
    // Nothing is left, and still a payment of nothing is not above it.
    check(limits, spend((0, 0), (1_000, 9), usd), 1, (1, "USD/2"), Err(ABOVE));
    check(limits, spend((0, 0), (1_000, 9), usd), 0, (0, "USD/2"), Ok(spend((0, 0), (1_000, 9), usd)));
    // What arrives does not matter, however much it is and of whatever asset.
    check(limits, Spend::default(), 1, (VALUE_MAX, "USD/2"), Ok(spend((1, VALUE_MAX), (0, 0), usd)));
    let mixed = spend((401, 0), (500, 0), Received::Mixed);
    check(limits, spend((400, 3), (500, 2), usd), 1, (5, "EUR/2"), Ok(mixed));
    check(limits, mixed, 99, (VALUE_MAX, "USD/2"), Ok(spend((500, 0), (500, 0), Received::Mixed)));
    check(limits, mixed, 100, (1, "USD/2"), Err(ABOVE));
}

#[test]
fn a_receive_limit_counts_what_arrives_in_its_own_asset() {
    let (limits, usd) = (limits(RECEIVE), Received::Of(asset("USD/2")));
    let limits = Some(&limits);
    check(limits, Spend::default(), 9_999, (1_000, "USD/2"), Ok(spend((9_999, 1_000), (0, 0), usd)));
    check(limits, Spend::default(), 1, (1_001, "USD/2"), Err(ABOVE));
    check(limits, spend((1, 400), (1, 500), usd), 1, (100, "USD/2"), Ok(spend((2, 500), (1, 500), usd)));
    check(limits, spend((1, 400), (1, 500), usd), 1, (101, "USD/2"), Err(ABOVE));
    check(limits, Spend::default(), 1, (1, "EUR/2"), Err(OTHER_RECEIVED));
    check(limits, Spend::default(), 1, (1, "USD/9"), Err(OTHER_RECEIVED));
    check(limits, spend((1, 1), (0, 0), usd), 1, (1, "EUR/2"), Err(OTHER_RECEIVED));
    // A window whose receivers had several assets has no sum that could be compared.
    check(limits, spend((1, 0), (0, 0), Received::Mixed), 1, (1, "USD/2"), Err(OTHER_RECEIVED));
}

#[test]
fn a_debit_limit_in_another_asset_than_the_wallet_allows_nothing() {
    for other in ["USD", "CAD"] {
        let scale = if other == "CAD" { 9 } else { 2 };
        let json = format!(r#"{{"debitAmount":{{"value":"1000","assetCode":"{other}","assetScale":{scale}}}}}"#);
        let reason = "the limit counts another asset than the wallet pays in";
        check(Some(&limits(&json)), Spend::default(), 1, (1, "USD/2"), Err(reason));
    }
}

#[test]
fn a_refusal_tells_the_limit_and_what_is_left() {
    let before = spend((400, 1), (500, 1), Received::Of(asset("USD/2")));
    let refusal = reserve(Some(&limits(DEBIT)), &before, amount(101, "CAD/2"), amount(1, "USD/2")).expect_err("above");
    let details = serde_json::to_value(&refusal.details).expect("details");
    let expected = serde_json::json!({
        "reason": ABOVE,
        "limit": {"value": "1000", "assetCode": "CAD", "assetScale": 2},
        "left": {"value": "100", "assetCode": "CAD", "assetScale": 2},
    });
    assert_eq!(details, expected);
    // A window that is above its limit already, by whatever mistake, has nothing left rather than a huge number.
    let over = spend((0, 0), (5_000, 1), Received::Of(asset("USD/2")));
    let refusal = reserve(Some(&limits(DEBIT)), &over, amount(1, "CAD/2"), amount(1, "USD/2")).expect_err("above");
    assert_eq!(detail(&refusal, "left").and_then(|left| left["value"].as_str()), Some("0"));
}

#[test]
fn what_settles_is_committed_and_the_rest_is_free_again() {
    #[track_caller]
    fn check(before: Spend, reserved: (u64, u64), paid: (u64, u64), expected: Spend) {
        let reserved = Reserved { debit: reserved.0, receive: reserved.1 };
        assert_eq!(commit(&before, reserved, paid.0, paid.1), expected);
    }
    let usd = Received::Of(asset("USD/2"));
    let before = spend((100, 50), (10, 5), usd);
    check(before, (100, 50), (100, 50), spend((0, 0), (110, 55), usd));
    check(before, (60, 30), (60, 30), spend((40, 20), (70, 35), usd));
    check(before, (60, 30), (20, 10), spend((40, 20), (30, 15), usd));
    check(before, (60, 30), (0, 0), spend((40, 20), (10, 5), usd));
    // Never more than was reserved, on neither side.
    check(before, (60, 30), (61, 31), spend((40, 20), (70, 35), usd));
    check(before, (60, 30), (VALUE_MAX, VALUE_MAX), spend((40, 20), (70, 35), usd));
    // Never below zero, even if it was reserved elsewhere.
    check(before, (200, 200), (0, 0), spend((0, 0), (10, 5), usd));
    // Without a sum of deliveries, none appears.
    let mixed = spend((100, 0), (10, 0), Received::Mixed);
    check(mixed, (60, 30), (60, 30), spend((40, 0), (70, 0), Received::Mixed));
    let full = spend((VALUE_MAX, VALUE_MAX), (0, 0), usd);
    let max = (VALUE_MAX, VALUE_MAX);
    check(full, max, max, spend((0, 0), max, usd));

    let reserved = Reserved { debit: 60, receive: 30 };
    assert_eq!(release(&before, reserved), commit(&before, reserved, 0, 0));
}

#[test]
fn sums_are_told_once_something_was_spent() {
    #[track_caller]
    fn check(spend: Spend, expected: (Option<u64>, Option<u64>)) {
        let (debit, receive) = spend.amounts(asset("CAD/2"));
        let value = |sum: Option<Amount>| sum.map(|sum| sum.value());
        assert_eq!((value(debit), value(receive)), expected, "{spend:?}");
        assert!(debit.is_none_or(|debit| debit.asset() == asset("CAD/2")));
        assert!(receive.is_none_or(|receive| receive.asset() == asset("USD/9")));
    }
    let usd = Received::Of(asset("USD/9"));
    check(Spend::default(), (None, None));
    check(spend((1, 2), (3, 4), usd), (Some(4), Some(6)));
    check(spend((0, 0), (0, 0), usd), (Some(0), Some(0)));
    check(spend((1, 0), (3, 0), Received::Mixed), (Some(4), None));
    check(spend((0, 0), (VALUE_MAX, VALUE_MAX), usd), (Some(VALUE_MAX), Some(VALUE_MAX)));
}
