//! Conversion, against amounts computed by hand and against fractions of unbounded integers.

use crate::support::{amount, asset, value};
use bursar_core::rate::{InvalidRate, Rates, UnitRate};
use bursar_core::{Code, Refusal};
use bursar_types::{Amount, Asset, VALUE_MAX};
use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;

const TABLE: [(&str, &str); 6] = [
    ("EUR", "0.85"),
    ("CAD", "1.36"),
    ("JPY", "147.5"),
    ("BTC", "0.00001"),
    ("TINY", "0.00000000000000001"),
    ("HUGE", "999999999999999999"),
];

/// What the conversion gives, as value or as the code of the refusal.
fn outcome(converted: Result<Amount, Refusal>, expected_asset: Asset) -> Result<u64, Code> {
    let converted = converted.map_err(|refusal| refusal.code)?;
    assert_eq!(converted.asset(), expected_asset);
    Ok(converted.value())
}

fn deliver(value: u64, from: &str, to: &str) -> Result<u64, Code> {
    let rates = Rates::parse("USD", TABLE).expect("rates");
    let rate = rates.between(asset(from), asset(to)).map_err(|refusal| refusal.code)?;
    outcome(rate.deliver(amount(value, from)), asset(to))
}

/// `value` is what shall arrive in `to`.
fn debit_for(value: u64, from: &str, to: &str) -> Result<u64, Code> {
    let rates = Rates::parse("USD", TABLE).expect("rates");
    let rate = rates.between(asset(from), asset(to)).map_err(|refusal| refusal.code)?;
    outcome(rate.debit_for(amount(value, to)), asset(from))
}

#[test]
fn what_a_debit_delivers() {
    #[track_caller]
    fn check(debit: u64, from: &str, to: &str, expected: Result<u64, Code>) {
        assert_eq!(deliver(debit, from, to), expected, "{debit} {from} to {to}");
    }
    // From the base: 1.00 USD is 1.36 CAD; 0.01 USD is 1.36 cents, of which one arrives.
    check(100, "USD/2", "CAD/2", Ok(136));
    check(1, "USD/2", "CAD/2", Ok(1));
    check(0, "USD/2", "CAD/2", Ok(0));
    // To the base: 1.36 CAD is 1.00 USD; a cent less is 0.9926….
    check(136, "CAD/2", "USD/2", Ok(100));
    check(135, "CAD/2", "USD/2", Ok(99));
    // Through the base: 1.36 / 0.85 is 1.6 exactly, 0.85 / 1.36 is 0.625 exactly.
    check(100, "EUR/2", "CAD/2", Ok(160));
    check(1, "EUR/2", "CAD/2", Ok(1));
    check(100, "CAD/2", "EUR/2", Ok(62));
    check(8, "CAD/2", "EUR/2", Ok(5));
    // An asset without decimal places.
    check(100, "USD/2", "JPY/0", Ok(147));
    check(1, "USD/2", "JPY/0", Ok(1));
    check(1, "JPY/0", "USD/2", Ok(0));
    check(1_000, "JPY/0", "USD/2", Ok(677));
    check(1, "JPY/0", "EUR/2", Ok(0));
    check(10_000, "JPY/0", "EUR/2", Ok(5_762));
    // Many decimal places: a hundred thousandth of a bitcoin is a dollar.
    check(100, "BTC/8", "USD/2", Ok(10));
    check(1, "BTC/8", "USD/2", Ok(0));
    check(1_999, "USD/2", "BTC/8", Ok(19_990));
    // One code with two scales is one money: the rate is 1, whether or not the table knows it.
    check(1, "USD/2", "USD/9", Ok(10_000_000));
    check(19_999_999, "USD/9", "USD/2", Ok(1));
    check(9_999_999, "USD/9", "USD/2", Ok(0));
    check(3, "UNLISTED/0", "UNLISTED/4", Ok(30_000));
    check(9, "X/0", "X/18", Ok(9_000_000_000_000_000_000));
    check(999_999_999_999_999_999, "X/18", "X/0", Ok(0));
    check(1_000_000_000_000_000_000, "X/18", "X/0", Ok(1));
    check(VALUE_MAX, "X/18", "X/0", Ok(9));
    // The edge of what an amount can be.
    check(VALUE_MAX, "USD/2", "USD/2", Ok(VALUE_MAX));
    check(VALUE_MAX, "USD/2", "EUR/2", Ok(7_839_866_231_326_559_435));
    check(VALUE_MAX, "CAD/2", "EUR/2", Ok(5_764_607_523_034_234_879));
    check(VALUE_MAX, "HUGE/0", "TINY/18", Ok(92));
    check(VALUE_MAX, "HUGE/18", "TINY/0", Ok(0));
    check(10, "X/0", "X/18", Err(Code::AmountTooLarge));
    check(VALUE_MAX, "USD/2", "CAD/2", Err(Code::AmountTooLarge));
    check(VALUE_MAX, "EUR/2", "CAD/2", Err(Code::AmountTooLarge));
    check(1, "TINY/0", "HUGE/18", Err(Code::AmountTooLarge));
    check(VALUE_MAX, "TINY/0", "HUGE/18", Err(Code::AmountTooLarge));
    // Assets without a rate.
    check(1, "USD/2", "GBP/2", Err(Code::NoRate));
    check(1, "GBP/2", "USD/2", Err(Code::NoRate));
    check(1, "usd/2", "USD/2", Err(Code::NoRate));
}

#[test]
fn what_a_delivery_costs() {
    #[track_caller]
    fn check(receive: u64, from: &str, to: &str, expected: Result<u64, Code>) {
        assert_eq!(debit_for(receive, from, to), expected, "{receive} {to} from {from}");
    }
    check(136, "USD/2", "CAD/2", Ok(100));
    check(137, "USD/2", "CAD/2", Ok(101));
    check(100, "USD/2", "CAD/2", Ok(74));
    check(1, "USD/2", "CAD/2", Ok(1));
    check(0, "USD/2", "CAD/2", Ok(0));
    check(160, "EUR/2", "CAD/2", Ok(100));
    check(161, "EUR/2", "CAD/2", Ok(101));
    check(100, "EUR/2", "CAD/2", Ok(63));
    check(5, "CAD/2", "EUR/2", Ok(8));
    check(1, "CAD/2", "EUR/2", Ok(2));
    check(100, "USD/2", "JPY/0", Ok(68));
    check(1, "JPY/0", "USD/2", Ok(2));
    check(1_000, "JPY/0", "USD/2", Ok(1_475));
    check(1, "JPY/0", "EUR/2", Ok(2));
    check(10_000, "JPY/0", "EUR/2", Ok(17_353));
    check(1, "BTC/8", "USD/2", Ok(10));
    check(1_999, "USD/2", "BTC/8", Ok(200));
    check(1, "USD/9", "USD/2", Ok(10_000_000));
    check(1, "USD/2", "USD/9", Ok(1));
    check(10_000_001, "USD/2", "USD/9", Ok(2));
    check(9, "X/18", "X/0", Ok(9_000_000_000_000_000_000));
    check(VALUE_MAX, "X/0", "X/18", Ok(10));
    check(VALUE_MAX, "USD/2", "USD/2", Ok(VALUE_MAX));
    check(VALUE_MAX, "EUR/2", "CAD/2", Ok(5_764_607_523_034_234_880));
    check(10, "X/18", "X/0", Err(Code::AmountTooLarge));
    check(VALUE_MAX, "USD/2", "EUR/2", Err(Code::AmountTooLarge));
    check(1, "HUGE/18", "TINY/0", Err(Code::AmountTooLarge));
    check(1, "USD/2", "GBP/2", Err(Code::NoRate));
}

#[test]
fn a_missing_rate_names_both_assets() {
    let rates = Rates::parse("USD", TABLE).expect("rates");
    let refusal = rates.between(asset("CAD/2"), asset("GBP/2")).expect_err("no rate");
    assert_eq!(refusal.code, Code::NoRate);
    let details = serde_json::to_value(refusal.details).expect("details");
    assert_eq!(details, serde_json::json!({"from": "CAD", "to": "GBP"}));
    // The same money needs no rate, also if there is no table at all.
    assert!(Rates::default().between(asset("GBP/2"), asset("GBP/9")).is_ok());
    assert!(Rates::default().between(asset("USD/2"), asset("CAD/2")).is_err());
}

#[test]
fn amounts_of_another_asset_are_refused() {
    let rates = Rates::parse("USD", TABLE).expect("rates");
    let rate = rates.between(asset("USD/2"), asset("CAD/2")).expect("rate");
    let code = |converted: Result<Amount, Refusal>| converted.expect_err("refused").code;
    assert_eq!(code(rate.deliver(amount(1, "CAD/2"))), Code::InvalidResourceRequest);
    assert_eq!(code(rate.deliver(amount(1, "USD/9"))), Code::InvalidResourceRequest);
    assert_eq!(code(rate.debit_for(amount(1, "USD/2"))), Code::InvalidResourceRequest);
}

#[test]
fn rates_are_plain_decimal_numbers() {
    #[track_caller]
    fn check(text: &str, expected: bool) {
        let read = Rates::parse("USD", [("EUR", text)]);
        assert_eq!(read.is_ok(), expected, "{text:?}: {read:?}");
        if let Err(error) = read {
            assert!(error.to_string().contains("the rate of EUR is"), "{error}");
        }
    }
    check("1", true);
    check("1.36", true);
    check("0.85", true);
    check("007", true);
    check("1.50", true);
    check("1.0000000000000000000000000", true);
    check("999999999999999999", true);
    check("0.00000000000000001", true);
    check("0.000000000000000001", true);
    check("0.00001234567890123456", true);
    check("0.0000000000000000000001", true);
    check("123456789.123456789", true);
    check("", false);
    check("0", false);
    check("0.0", false);
    check("-1", false);
    check("+1", false);
    check("1.", false);
    check(".5", false);
    check("1.2.3", false);
    check("1,36", false);
    check("1e3", false);
    check(" 1", false);
    check("1 ", false);
    check("0x10", false);
    check("NaN", false);
    check("inf", false);
    check("1/3", false);
    check("\u{661}", false);
    check("1000000000000000000", false);
    check("0.00000000000000000000001", false);
    check("1234567890.1234567891", false);
}

#[test]
fn the_base_is_worth_one_of_itself() {
    assert!(Rates::parse("USD", [("USD", "1"), ("CAD", "1.36")]).is_ok());
    assert_eq!(Rates::parse("USD", [("USD", "1.0")]), Rates::parse("USD", []));
    let error = Rates::parse("USD", [("CAD", "1.36"), ("USD", "2")]).expect_err("two dollars for one");
    assert_eq!(error, InvalidRate::Base { asset: "USD".to_owned(), text: "2".to_owned() });
    assert_eq!(error.to_string(), "USD is the base of all rates, so its own rate is 1, not \"2\"");
}

#[test]
fn a_feed_loses_only_what_cannot_be_used() {
    let table = [
        ("EUR", "0.92"),
        ("CAD", "\"1.36\""),
        ("BTC", "1.1e-5"),
        ("USD", "1"),
        ("ZERO", "0"),
        ("MINUS", "-3"),
        ("NULL", "null"),
        ("LIST", "[1]"),
        ("WORD", "\"about one\""),
        ("FINE", "0.12345678901234567890123"),
    ];
    let (rates, faults) = Rates::parse_json("USD", table);
    let converted = |value, from: &str, to: &str| {
        rates.between(asset(from), asset(to)).and_then(|rate| rate.deliver(amount(value, from))).map(|to| to.value())
    };
    assert_eq!(converted(100, "USD/2", "EUR/2"), Ok(92));
    assert_eq!(converted(100, "USD/2", "CAD/2"), Ok(136));
    assert_eq!(converted(1_000_000, "USD/2", "BTC/8"), Ok(11_000_000));
    let odd = faults.iter().map(|fault| match fault {
        InvalidRate::Number { asset, .. } | InvalidRate::Base { asset, .. } => asset.as_str(),
    });
    assert_eq!(odd.collect::<Vec<_>>(), ["ZERO", "MINUS", "NULL", "LIST", "WORD", "FINE"]);
    for gone in ["ZERO/2", "FINE/2"] {
        assert_eq!(converted(1, "USD/2", gone).expect_err("no rate").code, Code::NoRate);
    }
    let (_, faults) = Rates::parse_json("USD", [("USD", "2")]);
    assert_eq!(faults, [InvalidRate::Base { asset: "USD".to_owned(), text: "2".to_owned() }]);
}

#[test]
fn unit_rates_come_back() {
    let rates = Rates::parse("USD", TABLE).expect("rates");
    for (from, to, written) in
        [("EUR/2", "CAD/2", "1.36/0.85"), ("USD/2", "TINY/0", "0.00000000000000001/1"), ("X/2", "X/9", "1/1")]
    {
        let unit = rates.between(asset(from), asset(to)).expect("rate").unit();
        assert_eq!(unit.to_string(), written);
        assert_eq!(UnitRate::from_stored(written), Some(unit));
    }
    for odd in ["", "1", "/", "1/", "1/0", "0/1", "1/1/1", "1e3/1", "-1/1"] {
        assert_eq!(UnitRate::from_stored(odd), None, "{odd:?}");
    }
}

#[test]
fn people_read_six_digits_of_a_rate() {
    fn check(stored: &str, expected: &str) {
        assert_eq!(UnitRate::from_stored(stored).expect("a rate").rounded(), expected, "{stored}");
    }
    check("1/1", "1");
    check("1.36/0.85", "1.6");
    check("1/1.36", "0.735294");
    check("150/1.25", "120");
    check("1/150", "0.00666666");
    check("123456789.5/1", "123456789");
    check("1/3", "0.333333");
    check("2/3", "0.666666");
    check("100/3", "33.3333");
    check("0.00000000000000001/1", "0.00000000000000001");
    // The extremes of what can be stored.
    check("0.0000000000000000000001/999999999999999999", "0");
    check("999999999999999999/0.0000000000000000000001", "9999999999999999990000000000000000000000");
}

#[test]
fn a_long_wrong_rate_is_not_repeated_in_full() {
    let error = Rates::parse("USD", [("EUR", "9".repeat(100_000).as_str())]).expect_err("too long");
    assert!(error.to_string().len() < 200, "{}", error.to_string().len());
}

/// A rate as text, and the same as a fraction, read in another way.
fn rate_text() -> impl Strategy<Value = (String, BigRational)> {
    let digits = 1_usize..=18;
    (digits, 0_u64..1_000_000_000_000_000_000, 0_usize..18).prop_filter_map(
        "a rate is not zero",
        |(digits, raw, at)| {
            let digits = format!("{raw:018}").split_off(18 - digits);
            let places = at.min(digits.len() - 1);
            let (whole, fraction) = digits.split_at(digits.len() - places);
            let text = if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
            let mantissa: BigInt = digits.parse().ok()?;
            let rate = BigRational::new(mantissa, BigInt::from(10).pow(places as u32));
            (rate > BigRational::from_integer(0.into())).then_some((text, rate))
        },
    )
}

fn scale() -> impl Strategy<Value = u8> {
    prop_oneof![0_u8..=18, Just(0), Just(2), Just(18)]
}

fn power(scale: u8) -> BigRational {
    BigRational::from_integer(BigInt::from(10).pow(scale.into()))
}

/// The whole number as an amount can hold it, else the refusal.
fn bounded(whole: &BigRational) -> Result<u64, Code> {
    u64::try_from(whole.to_integer()).ok().filter(|value| *value <= VALUE_MAX).ok_or(Code::AmountTooLarge)
}

/// Which assets of the table a case converts between.
#[derive(Debug, Clone, Copy)]
enum Pair {
    FromBase,
    ToBase,
    Cross,
    SameCode,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Exact in both directions, whatever the scales; what is rounded off stays with the provider and is less than
    /// one unit.
    #[test]
    fn conversion_is_exact(
        (first, first_rate) in rate_text(),
        (second, second_rate) in rate_text(),
        pair in prop_oneof![Just(Pair::FromBase), Just(Pair::ToBase), Just(Pair::Cross), Just(Pair::SameCode)],
        (from_scale, to_scale) in (scale(), scale()),
        value in value(),
    ) {
        let rates = Rates::parse("BASE", [("ONE", first.as_str()), ("TWO", second.as_str())]).unwrap();
        let one = BigRational::from_integer(1.into());
        let (from, to, exact) = match pair {
            Pair::FromBase => ("BASE", "ONE", first_rate),
            Pair::ToBase => ("TWO", "BASE", one.clone() / second_rate),
            Pair::Cross => ("ONE", "TWO", second_rate / first_rate),
            Pair::SameCode => ("ONE", "ONE", one.clone()),
        };
        let exact = exact * power(to_scale) / power(from_scale);
        let (from, to) = (Asset::new(from, from_scale).unwrap(), Asset::new(to, to_scale).unwrap());
        let rate = rates.between(from, to).unwrap();
        let number = BigRational::from_integer(value.into());

        let delivered = outcome(rate.deliver(from.amount(value).unwrap()), to);
        prop_assert_eq!(&delivered, &bounded(&(&number * &exact).floor()));
        let debited = outcome(rate.debit_for(to.amount(value).unwrap()), from);
        prop_assert_eq!(&debited, &bounded(&(&number / &exact).ceil()));

        if let Ok(delivered) = delivered {
            // In the provider's favour, by less than one unit of what arrives.
            let kept = &number * &exact - BigRational::from_integer(delivered.into());
            prop_assert!(kept >= BigRational::from_integer(0.into()) && kept < one, "kept {kept}");
            // The price of what a debit delivers is never above that debit.
            let again = outcome(rate.debit_for(to.amount(delivered).unwrap()), from).unwrap();
            prop_assert!(again <= value, "{again} for what {value} delivers");
        }
        if let Ok(debited) = debited {
            // In the provider's favour, by less than one unit of what is paid.
            let kept = BigRational::from_integer(debited.into()) - &number / &exact;
            prop_assert!(kept >= BigRational::from_integer(0.into()) && kept < one, "kept {kept}");
            // The price of a delivery delivers it, unless the rounding alone is worth more than an amount can be.
            match outcome(rate.deliver(from.amount(debited).unwrap()), to) {
                Ok(delivered) => prop_assert!(delivered >= value, "{delivered} arrives, not {value}"),
                Err(code) => prop_assert_eq!(code, Code::AmountTooLarge),
            }
            // And it is the least that does.
            if let Some(less) = debited.checked_sub(1) {
                let short = outcome(rate.deliver(from.amount(less).unwrap()), to).unwrap();
                prop_assert!(short < value, "{less} would do");
            }
        }
    }

    /// No text, however strange, does more than be refused, and what is accepted converts one unit without a panic.
    #[test]
    fn any_text_is_read_or_refused(text in "[0-9.]{0,24}|\\PC{0,12}", scale in scale()) {
        let Ok(rates) = Rates::parse("BASE", [("ONE", text.as_str())]) else { return Ok(()) };
        let (from, to) = (Asset::new("BASE", scale).unwrap(), Asset::new("ONE", 18 - scale).unwrap());
        let rate = rates.between(from, to).unwrap();
        for value in [0, 1, VALUE_MAX] {
            let _ = rate.deliver(from.amount(value).unwrap());
            let _ = rate.debit_for(to.amount(value).unwrap());
        }
    }
}
