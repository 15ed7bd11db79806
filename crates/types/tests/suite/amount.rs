//! Amounts and assets.

use bursar_types::{Amount, AmountError, Asset, VALUE_MAX, parse_value};
use proptest::prelude::*;

fn cad() -> Asset {
    Asset::new("CAD", 2).unwrap()
}

#[test]
fn values() {
    for (text, value) in [("0", 0), ("1", 1), ("10000", 10_000), ("9223372036854775807", VALUE_MAX)] {
        assert_eq!(parse_value(text), Ok(value), "{text:?}");
    }
    for text in ["", "00", "01", "+1", "-1", " 1", "1 ", "1.0", "1e3", "0x1", "١", "1_000", "NaN"] {
        assert!(matches!(parse_value(text), Err(AmountError::Value(_))), "{text:?}");
    }
    for text in ["9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999999"] {
        assert_eq!(parse_value(text), Err(AmountError::TooLarge), "{text:?}");
    }
}

#[test]
fn decimals() {
    let yen = Asset::new("JPY", 0).unwrap();
    let cases = [
        (cad(), "5", "5.00", 500),
        (cad(), "5.0", "5.00", 500),
        (cad(), "100.25", "100.25", 10_025),
        (cad(), "0.01", "0.01", 1),
        (cad(), "007.10", "7.10", 710),
        (cad(), "0", "0.00", 0),
        (cad(), "1.2500", "1.25", 125),
        (yen, "1500", "1500", 1_500),
        (yen, "1500.000", "1500", 1_500),
    ];
    for (asset, text, written, value) in cases {
        let amount = asset.parse_decimal(text).unwrap();
        assert_eq!((amount.value(), amount.decimal().as_str()), (value, written), "{text}");
    }
    for (asset, text) in [
        (cad(), ""),
        (cad(), "."),
        (cad(), "5."),
        (cad(), ".5"),
        (cad(), "1.001"),
        (cad(), "-1"),
        (cad(), "1,5"),
        (yen, "0.5"),
    ] {
        assert!(matches!(asset.parse_decimal(text), Err(AmountError::Decimal { .. })), "{text:?}");
    }
    assert_eq!(cad().parse_decimal("92233720368547758.08"), Err(AmountError::TooLarge));
}

#[test]
fn assets() {
    assert_ne!(Asset::new("USD", 2).unwrap(), Asset::new("USD", 9).unwrap());
    assert_eq!(Asset::new("0123456789abcdef", 18).unwrap().code(), "0123456789abcdef");
    for code in ["", "CA D", "CAD\n", "€", "0123456789abcdefg"] {
        assert!(Asset::new(code, 2).is_err(), "{code:?}");
    }
    assert!(Asset::new("CAD", 19).is_err());
}

#[test]
fn on_the_wire() {
    let amount = cad().amount(10_000).unwrap();
    let text = r#"{"value":"10000","assetCode":"CAD","assetScale":2}"#;
    assert_eq!(serde_json::to_string(&amount).unwrap(), text);
    assert_eq!(serde_json::from_str::<Amount>(text).unwrap(), amount);
    assert_eq!(serde_json::from_value::<Amount>(serde_json::from_str(text).unwrap()).unwrap(), amount);
    for text in [
        r#"{"value":10000,"assetCode":"CAD","assetScale":2}"#,
        r#"{"value":"10000","assetCode":"CAD"}"#,
        r#"{"value":"10000","assetCode":"CAD","assetScale":"2"}"#,
        r#"{"value":"10000","assetCode":"CAD","assetScale":255}"#,
        r#"{"value":"10000","assetCode":"CAD","assetScale":-1}"#,
        r#"{"value":"1","value":"2","assetCode":"CAD","assetScale":2}"#,
        r#""10000""#,
    ] {
        assert!(serde_json::from_str::<Amount>(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn arithmetic_stays_exact(a in 0..=VALUE_MAX, b in 0..=VALUE_MAX) {
        let (x, y) = (cad().amount(a).unwrap(), cad().amount(b).unwrap());
        match u128::from(a) + u128::from(b) {
            sum if sum <= u128::from(VALUE_MAX) => {
                let added = x.checked_add(&y).unwrap();
                prop_assert_eq!(u128::from(added.value()), sum);
                prop_assert_eq!(added.checked_sub(&y).unwrap(), x);
            }
            _ => prop_assert_eq!(x.checked_add(&y), Err(AmountError::TooLarge)),
        }
        prop_assert_eq!(x.checked_sub(&y).is_ok(), a >= b);
        let dollars = Asset::new("USD", 2).unwrap().amount(b).unwrap();
        prop_assert!(x.checked_add(&dollars).is_err() && x.checked_sub(&dollars).is_err());
    }

    #[test]
    fn what_is_written_is_read(value in 0..=VALUE_MAX, scale in 0_u8..=18) {
        let asset = Asset::new("XYZ", scale).unwrap();
        let amount = asset.amount(value).unwrap();
        prop_assert_eq!(asset.parse_decimal(&amount.decimal()).unwrap(), amount);
        let wire = serde_json::to_string(&amount).unwrap();
        prop_assert_eq!(serde_json::from_str::<Amount>(&wire).unwrap(), amount);
    }

    #[test]
    fn no_text_panics(text in ".{0,40}") {
        let _ = parse_value(&text);
        let _ = cad().parse_decimal(&text);
        let _ = Asset::new(&text, 2);
    }
}
