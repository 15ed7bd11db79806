//! Granting less than was asked: what may be taken away, and that nothing is ever added.

use crate::support::{amount, asset, at, detail, id, limits, spending};
use bursar_core::Code;
use bursar_core::limits::{Spend, reserve, window_index};
use bursar_core::narrow::{Choice, End, Ground, Less, NotLess, Terms, is_unlimited, narrow, spends};
use bursar_types::interval::CannotShorten;
use bursar_types::{Action, Actions, Limits, ResourceType};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;

const SINCE: &str = "2026-01-31T11:55:00.123456Z";
const NOW: &str = "2026-01-31T12:00:00Z";

fn ground() -> Ground {
    Ground { asset: asset("CAD/2"), since: at(SINCE), now: at(NOW) }
}

fn to(value: u64, text: &str) -> Less {
    Less { amount: Some(amount(value, text)), end: None }
}

fn windows(count: u64) -> Less {
    Less { amount: None, end: Some(End::Windows(count)) }
}

fn by(instant: &str) -> Less {
    Less { amount: None, end: Some(End::By(at(instant))) }
}

#[track_caller]
fn check(asked: Option<&str>, less: Less, expected: Option<&str>) {
    let asked = asked.map(limits);
    assert_eq!(narrow(asked.as_ref(), &less, &ground()), Ok(expected.map(limits)), "{less:?}");
}

#[track_caller]
fn refuse(asked: Option<&str>, less: Less, expected: NotLess) {
    let asked = asked.map(limits);
    assert_eq!(narrow(asked.as_ref(), &less, &ground()), Err(expected), "{less:?}");
}

const MONTHLY: &str = r#"{"receiver":"https://a.example/incoming-payments/1","interval":"R3/2026-01-01T00:00:00Z/P1M","debitAmount":{"value":"10000","assetCode":"CAD","assetScale":2}}"#;
const ONCE: &str = r#"{"receiveAmount":{"value":"500","assetCode":"USD","assetScale":2}}"#;

fn interval(text: &str) -> String {
    format!(r#"{{"interval":"{text}"}}"#)
}

#[test]
fn amounts_are_lowered() {
    let lower = MONTHLY.replace("10000", "2500");
    check(Some(MONTHLY), to(2_500, "CAD/2"), Some(&lower));
    check(Some(MONTHLY), to(10_000, "CAD/2"), Some(MONTHLY));
    check(Some(MONTHLY), Less::default(), Some(MONTHLY));
    check(Some(ONCE), to(1, "USD/2"), Some(&ONCE.replace("500", "1")));
    // Where there was no limit, any is less; it counts what leaves the wallet.
    let debit = r#"{"debitAmount":{"value":"9223372036854775807","assetCode":"CAD","assetScale":2}}"#;
    check(None, to(9_223_372_036_854_775_807, "CAD/2"), Some(debit));
    check(Some("{}"), to(9_223_372_036_854_775_807, "CAD/2"), Some(debit));
    check(None, Less::default(), None);
    check(Some("{}"), Less::default(), Some("{}"));
    refuse(Some(MONTHLY), to(10_001, "CAD/2"), NotLess::AmountAbove(amount(10_000, "CAD/2")));
    refuse(Some(MONTHLY), to(0, "CAD/2"), NotLess::AmountZero);
    refuse(Some(MONTHLY), to(1, "USD/2"), NotLess::OtherAsset(asset("CAD/2")));
    refuse(Some(MONTHLY), to(1, "CAD/3"), NotLess::OtherAsset(asset("CAD/2")));
    refuse(Some(ONCE), to(1, "CAD/2"), NotLess::OtherAsset(asset("USD/2")));
    refuse(None, to(1, "USD/2"), NotLess::OtherAsset(asset("CAD/2")));
}

#[test]
fn windows_become_fewer() {
    // It is the last day of the first of three.
    check(Some(MONTHLY), windows(3), Some(MONTHLY));
    check(Some(MONTHLY), windows(2), Some(&MONTHLY.replace("R3", "R2")));
    check(Some(MONTHLY), windows(1), Some(&MONTHLY.replace("R3", "R1")));
    refuse(Some(MONTHLY), windows(0), NotLess::WindowsZero);
    refuse(Some(MONTHLY), windows(4), NotLess::WindowsAbove(3));
    // Windows that are over count no more, and those to come have not begun.
    check(Some(&interval("R/2025-11-30T00:00:00Z/P1M")), windows(2), Some(&interval("R4/2025-11-30T00:00:00Z/P1M")));
    check(Some(&interval("R/2026-03-01T00:00:00Z/P1W")), windows(2), Some(&interval("R2/2026-03-01T00:00:00Z/P1W")));
    refuse(Some(&interval("R2/2025-01-01T00:00:00Z/P1M")), windows(1), NotLess::Over);
    refuse(None, windows(1), NotLess::NoWindows);
    refuse(Some(ONCE), windows(1), NotLess::NoWindows);
    refuse(Some(&interval("R/2026-01-01T00:00:00Z/P1Y")), windows(9_000), NotLess::WindowsBeyondCalendar);
    refuse(Some(&interval("R/2026-01-01T00:00:00Z/P1Y")), windows(u64::MAX), NotLess::WindowsBeyondCalendar);
    check(
        Some(&interval("R4/P1M/2026-03-15T00:00:00+02:00")),
        windows(1),
        Some(&interval("R3/P1M/2026-02-15T00:00:00+02:00")),
    );
    let counted_back = interval("R/P1D/2026-03-15T00:00:00Z");
    refuse(Some(&counted_back), windows(1), NotLess::Unwritable(CannotShorten::OtherNumbers));
}

#[test]
fn an_end_takes_whole_windows_away() {
    check(Some(MONTHLY), by("2026-03-01T00:00:00Z"), Some(&MONTHLY.replace("R3", "R2")));
    check(Some(MONTHLY), by("2026-03-31T23:59:59Z"), Some(&MONTHLY.replace("R3", "R2")));
    check(Some(MONTHLY), by("2026-04-01T00:00:00Z"), Some(MONTHLY));
    check(Some(MONTHLY), by("2026-02-01T00:00:00Z"), Some(&MONTHLY.replace("R3", "R1")));
    refuse(Some(MONTHLY), by("2026-01-31T23:59:59Z"), NotLess::NoWindowBy(at("2026-02-01T00:00:00Z")));
    refuse(Some(MONTHLY), by("2020-01-01T00:00:00Z"), NotLess::NoWindowBy(at("2026-02-01T00:00:00Z")));
    refuse(Some(MONTHLY), by("2026-04-01T00:00:01Z"), NotLess::EndLater(at("2026-04-01T00:00:00Z")));
    let endless = interval("R/2026-01-01T00:00:00Z/P1Y");
    check(Some(&endless), by("2028-06-01T00:00:00Z"), Some(&interval("R2/2026-01-01T00:00:00Z/P1Y")));
    refuse(Some(&endless), by("9999-12-30T22:00:00Z"), NotLess::EndBeyondCalendar);
    // Without windows, an end makes one, which holds all that was ever spent.
    let until = r#"{"interval":"R1/2026-01-31T11:55:00.123456Z/2026-02-07T00:00:00Z","receiveAmount":{"value":"500","assetCode":"USD","assetScale":2}}"#;
    check(Some(ONCE), by("2026-02-07T00:00:00Z"), Some(until));
    check(None, by("2026-02-07T00:00:00Z"), Some(&interval("R1/2026-01-31T11:55:00.123456Z/2026-02-07T00:00:00Z")));
    refuse(Some(ONCE), by(NOW), NotLess::EndPast);
}

#[test]
fn terms_are_chosen_item_by_item() {
    let quote = bursar_core::access::GrantedAccess {
        id: id(901),
        resource: ResourceType::Quote,
        actions: Actions::of(&[Action::Create]),
        identifier: None,
        limits: None,
    };
    let reading = bursar_core::access::GrantedAccess { actions: Actions::of(&[Action::Read]), ..spending(None) };
    let access = vec![quote, spending(Some(limits(MONTHLY))), spending(None), reading];
    let assets = [None, Some(asset("CAD/2")), Some(asset("CAD/2")), Some(asset("CAD/2"))];
    let choose = |less: &[(usize, Less)]| {
        let choice = Choice { less: less.to_vec(), accepts_no_limit: false };
        Terms::new(&access, &assets, &choice, at(SINCE), at(NOW))
    };
    let both = choose(&[(1, windows(1)), (2, to(5, "CAD/2"))]).unwrap();
    let given = |item: usize| both.access[item].limits.as_ref().map(|limits| serde_json::to_string(limits).unwrap());
    assert_eq!(given(1), Some(MONTHLY.replace("R3", "R1")));
    assert_eq!(given(2), Some(r#"{"debitAmount":{"value":"5","assetCode":"CAD","assetScale":2}}"#.to_owned()));
    assert_eq!((&both.access[0], &both.access[3]), (&access[0], &access[3]));
    assert!(!both.are_unlimited());
    assert_eq!(both.require_confirmed(&Choice::default()), Ok(()));

    let as_asked = choose(&[]).unwrap();
    assert_eq!(as_asked.access, access);
    assert!(as_asked.are_unlimited());
    assert_eq!(as_asked.require_confirmed(&Choice::default()).unwrap_err().code, Code::Unconfirmed);
    assert_eq!(as_asked.require_confirmed(&Choice::as_asked()), Ok(()));

    assert_eq!(choose(&[(0, windows(1))]), Err(NotLess::NoSpending));
    assert_eq!(choose(&[(3, windows(1))]), Err(NotLess::NoSpending));
    assert_eq!(choose(&[(4, windows(1))]), Err(NotLess::NoItem(4)));
    assert_eq!(choose(&[(1, windows(1)), (1, windows(2))]), Err(NotLess::ItemTwice(1)));
    assert_eq!(choose(&[(1, windows(9))]), Err(NotLess::WindowsAbove(3)));
    let refusal = bursar_core::Refusal::from(NotLess::WindowsAbove(3));
    assert_eq!(
        (refusal.code, refusal.to_string().as_str()),
        (Code::InvalidResourceRequest, "there are only 3 periods left")
    );
    assert_eq!(detail(&refusal, "reason"), None);
}

#[test]
fn terms_have_a_name_of_their_own() {
    let terms = |value: u64| Terms { access: vec![spending(narrow(None, &to(value, "CAD/2"), &ground()).unwrap())] };
    let name = terms(100).fingerprint(&id(1));
    assert_eq!(name.len(), 64);
    assert_eq!(name, terms(100).fingerprint(&id(1)));
    assert_ne!(name, terms(101).fingerprint(&id(1)));
    assert_ne!(name, terms(100).fingerprint(&id(2)));
    assert_ne!(name, Terms { access: vec![spending(None)] }.fingerprint(&id(1)));
    assert_ne!(name, Terms { access: vec![spending(Some(Limits::default()))] }.fingerprint(&id(1)));
}

#[test]
fn only_creating_payments_spends() {
    let item = |actions: &[Action], json: Option<&str>| bursar_core::access::GrantedAccess {
        actions: Actions::of(actions),
        ..spending(json.map(limits))
    };
    assert!(!spends(&item(&[Action::Read, Action::ListAll], None)));
    assert!(!is_unlimited(&item(&[Action::Read], None)));
    assert!(is_unlimited(&item(&[Action::Create], None)));
    assert!(is_unlimited(&item(&[Action::Create], Some("{}"))));
    assert!(is_unlimited(&item(&[Action::Create], Some(&interval("R/2026-01-01T00:00:00Z/P1M")))));
    assert!(!is_unlimited(&item(&[Action::Create], Some(ONCE))));
}

/// Limits of every kind, with days or months as windows.
fn asked() -> impl Strategy<Value = Option<Limits>> {
    let interval = prop_oneof![
        Just(None),
        (1_u8..8, 20_u8..=31, prop_oneof![Just("P1D"), Just("P1M"), Just("PT36H"), Just("P1M1D")], 0..3).prop_map(
            |(count, day, period, form)| Some(match form {
                0 => format!("R/2026-01-{day}T06:00:00+01:00/{period}"),
                1 => format!("R{count}/2026-01-{day}T06:00:00+01:00/{period}"),
                _ => format!("R{count}/{period}/2026-03-{day}T06:00:00+01:00"),
            })
        ),
    ];
    let most = prop_oneof![
        Just(None),
        (1_u64..500).prop_map(|value| Some(("debitAmount", "CAD", value))),
        (1_u64..500).prop_map(|value| Some(("receiveAmount", "USD", value))),
    ];
    (interval, most, any::<bool>()).prop_map(|(interval, most, nothing)| {
        let mut fields = Vec::new();
        fields.extend(interval.map(|text| format!(r#""interval":"{text}""#)));
        fields.extend(most.map(|(field, code, value)| {
            format!(r#""{field}":{{"value":"{value}","assetCode":"{code}","assetScale":2}}"#)
        }));
        (!nothing || !fields.is_empty()).then(|| limits(&format!("{{{}}}", fields.join(","))))
    })
}

fn less() -> impl Strategy<Value = Less> {
    let value = prop::option::of((0_u64..600, prop_oneof![3 => Just("CAD/2"), 2 => Just("USD/2"), 1 => Just("CAD/3")]));
    let end = prop::option::of(prop_oneof![
        (0_u64..10).prop_map(End::Windows),
        (-40_i64..90).prop_map(|days| End::By(at(NOW) + SignedDuration::from_hours(24 * days))),
    ]);
    (value, end).prop_map(|(value, end)| Less { amount: value.map(|(value, asset)| amount(value, asset)), end })
}

/// A payment: when, in hours from now, and what leaves and arrives.
fn payment() -> impl Strategy<Value = (i64, u64, u64, bool)> {
    (0_i64..2_500, 1_u64..300, 1_u64..300, prop::bool::weighted(0.1))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// Whatever is taken away, and taken away again later: each payment that the new limits allow, the ones before
    /// allow as well, counted in the same window.
    #[test]
    fn less_is_never_more(
        asked in asked(),
        first in less(),
        second in less(),
        hours in 0_i64..1_500,
        payments in prop::collection::vec(payment(), 1..40),
    ) {
        let Ok(granted) = narrow(asked.as_ref(), &first, &ground()) else { return Ok(()) };
        let later = Ground { now: at(NOW) + SignedDuration::from_hours(hours), ..ground() };
        let lowered = narrow(granted.as_ref(), &second, &later).unwrap_or_else(|_| granted.clone());
        // What is granted is said in the protocol's words, and read back the same.
        for limits in [&granted, &lowered].into_iter().flatten() {
            let text = serde_json::to_string(limits).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Limits>(&text).unwrap(), limits);
        }
        let mut counters: BTreeMap<i64, Spend> = BTreeMap::new();
        let mut payments = payments;
        payments.sort_unstable();
        for (hour, debit, receive, other) in payments {
            let now: Timestamp = at(NOW) + SignedDuration::from_hours(hour);
            let (debit, receive) = (amount(debit, "CAD/2"), amount(receive, if other { "EUR/2" } else { "USD/2" }));
            let of_each = [asked.as_ref(), granted.as_ref(), lowered.as_ref()];
            let windows = of_each.map(|limits| window_index(limits, now).ok());
            for pair in windows.windows(2) {
                prop_assert!(pair[1].is_none() || pair[0] == pair[1], "{now} is in {windows:?}");
            }
            let Some(window) = windows[2] else { continue };
            let before = counters.get(&window).copied().unwrap_or_default();
            let allowed = of_each.map(|limits| reserve(limits, &before, debit, receive).ok());
            for pair in allowed.windows(2) {
                prop_assert!(pair[1].is_none() || pair[0] == pair[1], "{of_each:?}");
            }
            if let Some(after) = allowed[2] {
                counters.insert(window, after);
            }
        }
    }

    /// An end by some instant leaves no payment after it, and no whole window before it out.
    #[test]
    fn nothing_is_spent_after_the_end(asked in asked(), days in 0_i64..90, hour in 0_i64..2_500) {
        let end = at(NOW) + SignedDuration::from_hours(24 * days);
        let Ok(granted) = narrow(asked.as_ref(), &Less { amount: None, end: Some(End::By(end)) }, &ground()) else {
            return Ok(());
        };
        let now = at(NOW) + SignedDuration::from_hours(hour);
        let index = window_index(granted.as_ref(), now).ok();
        prop_assert!(index.is_none() || now < end);
        let whole = asked.as_ref().and_then(|limits| limits.interval.as_ref()).and_then(|text| text.window_at(now));
        if let Some(window) = whole.filter(|window| window.end <= end) {
            prop_assert_eq!(index, Some(window.index));
        }
    }
}
