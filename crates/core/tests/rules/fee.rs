//! Fees, against amounts computed by hand and against fractions of unbounded integers.

use crate::support::{amount, asset, detail, incoming_payment, start, value};
use bursar_core::Code;
use bursar_core::fee::{BASIS_POINTS_MAX, Fee, Fees, InvalidFee};
use bursar_core::quote::{Fixed, Price, Terms, price};
use bursar_core::rate::Rates;
use bursar_types::{Asset, VALUE_MAX};
use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;

fn fee(basis_points: u32, fixed: &str, asset: Asset) -> Fee {
    let mut fees = Fees::default();
    fees.set(asset.code(), basis_points, fixed).expect("a fee");
    fees.of(asset)
}

fn terms(basis_points: u32, fixed: &str, from: Asset, to: Asset) -> Terms {
    let rates = Rates::parse("USD", [("CAD", "1.36"), ("EUR", "0.85"), ("JPY", "147.5")]).expect("rates");
    Terms { rate: rates.between(from, to).expect("a rate"), fee: fee(basis_points, fixed, from) }
}

#[test]
fn what_a_payment_costs_and_delivers() {
    /// A fee of so many basis points and so much, a payment from one asset to another with one side fixed, and
    /// debit, fee and delivery in smallest units.
    #[track_caller]
    fn check((points, flat): (u32, &str), (from, to): (&str, &str), fixed: Fixed, expected: (u64, u64, u64)) {
        let (payer, receiver) = (asset(from), incoming_payment(asset(to), 0, Some(100_000)));
        let got = price(fixed, payer, &receiver, &terms(points, flat, payer, asset(to)), start());
        let got = got.map(|price| (price.debit.value(), price.fee.value(), price.receive.value()));
        assert_eq!(got, Ok(expected));
    }
    let cad = |value| Fixed::Debit(amount(value, "CAD/2"));
    let same = ("CAD/2", "CAD/2");
    // No fee.
    check((0, "0"), same, cad(1_000), (1_000, 0, 1_000));
    // 1 % on top of 10.00 is 0.10.
    check((100, "0"), same, cad(1_010), (1_010, 10, 1_000));
    check((100, "0"), same, Fixed::Receive(amount(1_000, "CAD/2")), (1_010, 10, 1_000));
    check((100, "0"), same, Fixed::Missing, (101_000, 1_000, 100_000));
    // 1 % of 9.99 is 0.0999: ten cents, rounded up.
    check((100, "0"), same, Fixed::Receive(amount(999, "CAD/2")), (1_009, 10, 999));
    check((100, "0"), same, cad(1_009), (1_009, 10, 999));
    // 1 % of 1.00 is exactly a cent; from 1.02 a cent too much is left, and it is the provider's.
    check((100, "0"), same, cad(101), (101, 1, 100));
    check((100, "0"), same, cad(102), (102, 2, 100));
    check((100, "0"), same, cad(103), (103, 2, 101));
    // 25 cents for each payment.
    check((0, "0.25"), same, cad(1_000), (1_000, 25, 975));
    check((0, "0.25"), same, Fixed::Receive(amount(1, "CAD/2")), (26, 25, 1));
    // Both: 0.30 + 2.9 % of 100.00 are 3.20.
    check((290, "0.30"), same, Fixed::Receive(amount(10_000, "CAD/2")), (10_320, 320, 10_000));
    check((290, "0.30"), same, cad(10_320), (10_320, 320, 10_000));
    // Half a basis-point's worth of a cent is still a cent.
    check((1, "0"), same, Fixed::Receive(amount(1, "CAD/2")), (2, 1, 1));
    // A hundred percent.
    check((10_000, "0"), same, cad(1_000), (1_000, 500, 500));
    // A fixed part finer than the asset is rounded up to a cent.
    check((0, "0.001"), same, cad(1_000), (1_000, 1, 999));
    // Of two assets the fee is taken before the conversion: 13.87 less 0.27 is 13.60, which is 10.00 dollars.
    let cross = ("CAD/2", "USD/2");
    check((200, "0"), cross, cad(1_388), (1_388, 28, 1_000));
    check((200, "0"), cross, Fixed::Receive(amount(1_000, "USD/2")), (1_388, 28, 1_000));
    // 1.00 euro is 1.60 Canadian dollars.
    check((50, "0.05"), ("EUR/2", "CAD/2"), Fixed::Receive(amount(16_000, "CAD/2")), (10_055, 55, 10_000 * 16 / 10));
    // 147 yen for a dollar of which a cent is kept: 0.99 × 147.5 = 146.025.
    check((0, "0.01"), ("USD/2", "JPY/0"), Fixed::Debit(amount(100, "USD/2")), (100, 1, 146));
}

#[test]
fn too_little_for_the_fee_names_the_least_that_would_do() {
    #[track_caller]
    fn check((points, flat): (u32, &str), (from, to): (&str, &str), debit: u64, least: &str) {
        let (payer, receiver) = (asset(from), incoming_payment(asset(to), 0, None));
        let terms = terms(points, flat, payer, asset(to));
        let refusal = price(Fixed::Debit(amount(debit, from)), payer, &receiver, &terms, start()).expect_err("small");
        assert_eq!(refusal.code, Code::AmountTooSmall);
        assert!(refusal.description.contains("non-positive receive amount"));
        assert_eq!(detail(&refusal, "minSendAmount").map(|least| least["value"].clone()), Some(least.into()));
        // And it does.
        let least = amount(least.parse().expect("a number"), from);
        assert!(price(Fixed::Debit(least), payer, &receiver, &terms, start()).is_ok());
    }
    check((0, "0.25"), ("CAD/2", "CAD/2"), 25, "26");
    check((0, "0.25"), ("CAD/2", "CAD/2"), 0, "26");
    check((100, "0"), ("CAD/2", "CAD/2"), 1, "2");
    check((290, "0.30"), ("CAD/2", "USD/2"), 30, "33");
    check((290, "0.30"), ("JPY/0", "USD/2"), 1, "4");
}

#[test]
fn at_the_upper_edge() {
    let cad = asset("CAD/2");
    let receiver = incoming_payment(cad, 0, None);
    let all = price(Fixed::Debit(amount(VALUE_MAX, "CAD/2")), cad, &receiver, &terms(10_000, "0", cad, cad), start());
    let half = VALUE_MAX / 2;
    assert_eq!(all.map(|all| (all.fee.value(), all.receive.value())), Ok((half + 1, half)));
    let over = price(Fixed::Receive(amount(VALUE_MAX, "CAD/2")), cad, &receiver, &terms(1, "0", cad, cad), start());
    let refusal = over.expect_err("the fee does not fit");
    assert_eq!(refusal.code, Code::AmountTooLarge);
    assert_eq!(refusal.description, "the debit with its fee is above 9223372036854775807");
    // A fixed part beyond every amount leaves nothing, and there is no least debit.
    let huge = terms(0, "999999999999999999", asset("CAD/18"), asset("CAD/18"));
    let receiver = incoming_payment(asset("CAD/18"), 0, None);
    let fixed = Fixed::Debit(amount(VALUE_MAX, "CAD/18"));
    let refusal = price(fixed, asset("CAD/18"), &receiver, &huge, start()).expect_err("nothing is left");
    assert_eq!((refusal.code, refusal.details), (Code::AmountTooSmall, None));
}

#[test]
fn settings_are_checked() {
    let mut fees = Fees::default();
    assert_eq!(fees.set("CAD", BASIS_POINTS_MAX + 1, "0"), Err(InvalidFee::BasisPoints("CAD".to_owned())));
    for odd in ["", "-1", "1,5", "a lot", "1e3"] {
        assert!(matches!(fees.set("CAD", 1, odd), Err(InvalidFee::Fixed { .. })), "{odd:?}");
    }
    fees.set("CAD", 1, "0").expect("a fee");
    assert_eq!(fees.of(asset("USD/2")), Fee::NONE);
    assert_ne!(fees.of(asset("CAD/2")), Fee::NONE);
    assert_eq!(fees.of(asset("CAD/2")), fees.of(asset("CAD/9")), "basis points know no scale");
    fees.set("CAD", 0, "0.5").expect("a fee");
    assert_ne!(fees.of(asset("CAD/2")), fees.of(asset("CAD/9")));
}

fn whole(value: u64) -> BigRational {
    BigRational::from_integer(BigInt::from(value))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever is fixed: debit = principal + fee; the fee is at least what it should be and less than one unit more;
    /// what is delivered is the principal's; and the two ways of asking agree.
    #[test]
    fn every_unit_is_accounted_for(
        basis_points in prop_oneof![Just(0), 0_u32..300, 0..=BASIS_POINTS_MAX],
        cents in prop_oneof![Just(0_u64), 0..1_000_u64, 0..1_000_000_000_000_000_000_u64],
        value in value(),
        is_debit: bool,
        other in prop::sample::select(vec!["CAD/2", "CAD/9", "USD/2", "JPY/0"]),
    ) {
        let (payer, to) = (asset("CAD/2"), asset(other));
        let terms = terms(basis_points, &format!("{}.{:02}", cents / 100, cents % 100), payer, to);
        let receiver = incoming_payment(to, 0, None);
        let fixed = if is_debit { Fixed::Debit(payer.amount(value).unwrap()) } else { Fixed::Receive(to.amount(value).unwrap()) };
        let Ok(Price { debit, fee, receive, rate }) = price(fixed, payer, &receiver, &terms, start()) else { return Ok(()) };
        let principal = debit.value() - fee.value();
        prop_assert_eq!(rate, Some(terms.rate.unit()));
        let share = BigRational::new(basis_points.into(), 10_000.into());
        match fixed {
            Fixed::Debit(asked) => {
                prop_assert_eq!(debit, asked);
                prop_assert_eq!(terms.rate.deliver(payer.amount(principal).unwrap()), Ok(receive));
                // The exact principal of this debit, and at most one unit less.
                let exact = (whole(debit.value()) - whole(cents)) / (whole(1) + share);
                let kept = exact - whole(principal);
                prop_assert!(kept >= whole(0) && kept < whole(1), "kept {kept}");
                // A unit more would have cost more than was given.
                prop_assert!(terms.fee.debit_for(principal + 1).is_none_or(|more| more > debit.value()));
            }
            _ => {
                prop_assert_eq!(receive.value(), value);
                prop_assert_eq!(terms.rate.debit_for(receive).map(|due| due.value()), Ok(principal));
                let kept = whole(fee.value()) - (whole(cents) + share * whole(principal));
                prop_assert!(kept >= whole(0) && kept < whole(1), "kept {kept}");
                // Paying that debit delivers at least as much, and charges the same.
                prop_assert_eq!(terms.fee.principal_of(debit.value()), principal);
                if let Ok(again) = price(Fixed::Debit(debit), payer, &receiver, &terms, start()) {
                    prop_assert!(again.receive.value() >= receive.value() && again.fee == fee);
                }
            }
        }
    }
}
