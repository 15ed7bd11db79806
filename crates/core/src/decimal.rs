//! Exact positive decimal numbers, as rates and fees are written.

use ethnum::U256;
use std::fmt;

/// Most significant digits of a number.
const DIGITS_MAX: usize = 18;
/// Most digits after the point. With them a rate of 17 significant digits, as programs print their floats, may begin
/// four zeros after the point.
const PLACES_MAX: usize = 22;

/// An exact decimal number, zero or more: `mantissa / 10^places`. Without trailing zeros, so equal numbers are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    mantissa: u64,
    places: u32,
}

impl Decimal {
    /// One.
    pub const ONE: Self = Self { mantissa: 1, places: 0 };

    /// Reads digits with at most one point, such as `0.92`. `None` for anything else, and for numbers of more than 18
    /// significant digits or 22 places.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() || text.ends_with('.') {
            return None;
        }
        Self::of_digits(whole, fraction, 0)
    }

    /// Reads a number of a JSON text as it is written there, exponent included (RFC 8259 §6).
    pub fn parse_json(text: &str) -> Option<Self> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().ok().filter(|e| (-60..=60).contains(e))?),
            None => (text, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || number.ends_with('.') {
            return None;
        }
        Self::of_digits(whole, fraction, exponent)
    }

    fn of_digits(whole: &str, fraction: &str, exponent: i32) -> Option<Self> {
        if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let mut digits = format!("{whole}{fraction}");
        let mut places = i32::try_from(fraction.len()).ok()? - exponent;
        if places < 0 {
            digits.extend(std::iter::repeat_n('0', usize::try_from(-places).ok()?));
            places = 0;
        }
        // Zeros that an exponent has pushed behind the point say nothing either.
        while places > 0 && digits.len() > 1 && digits.ends_with('0') {
            digits.pop();
            places -= 1;
        }
        let significant = digits.trim_start_matches('0');
        let places = u32::try_from(places).ok()?;
        if significant.len() > DIGITS_MAX || places as usize > PLACES_MAX {
            return None;
        }
        let mantissa = if significant.is_empty() { 0 } else { significant.parse().ok()? };
        Some(Self { mantissa, places: if mantissa == 0 { 0 } else { places } })
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.mantissa == 0
    }

    /// The number without its point: below 10^18.
    pub(crate) fn mantissa(&self) -> U256 {
        self.mantissa.into()
    }

    /// What the mantissa is divided by: at most 10^22.
    pub(crate) fn divisor(&self) -> U256 {
        ten_to(self.places)
    }

    /// The number in units of `10^-scale`, rounded **up** to a whole one; `None` if that is above 2⁶⁴−1.
    pub(crate) fn units_up(&self, scale: u8) -> Option<u64> {
        let scaled = self.mantissa() * ten_to(scale.into());
        let whole = (scaled + self.divisor() - 1) / self.divisor();
        u64::try_from(whole).ok()
    }
}

pub(crate) fn ten_to(exponent: u32) -> U256 {
    U256::new(10).pow(exponent)
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.places as usize;
        let digits = format!("{:0>width$}", self.mantissa, width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        if fraction.is_empty() { f.write_str(whole) } else { write!(f, "{whole}.{fraction}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly() {
        #[track_caller]
        fn check(text: &str, json: bool, expected: Option<&str>) {
            let read = if json { Decimal::parse_json(text) } else { Decimal::parse(text) };
            assert_eq!(read.map(|number| number.to_string()).as_deref(), expected, "{text:?}");
        }
        for json in [false, true] {
            check("1", json, Some("1"));
            check("0.92", json, Some("0.92"));
            check("1.5000", json, Some("1.5"));
            check("0", json, Some("0"));
            check("0.0", json, Some("0"));
            check("100", json, Some("100"));
            check("0.00012345678901234567", json, Some("0.00012345678901234567"));
            check("999999999999999999", json, Some("999999999999999999"));
            check("1000000000000000000", json, None);
            check("0.0000000000000000000001", json, Some("0.0000000000000000000001"));
            check("0.00000000000000000000001", json, None);
            check("", json, None);
            check("-1", json, None);
            check(".5", json, None);
            check("5.", json, None);
            check("NaN", json, None);
            check("1_000", json, None);
        }
        check("1e3", false, None);
        check("1e3", true, Some("1000"));
        check("9.2E-1", true, Some("0.92"));
        check("9.2e+1", true, Some("92"));
        check("120e-1", true, Some("12"));
        check("100e-4", true, Some("0.01"));
        check("0e5", true, Some("0"));
        check("1e17", true, Some("100000000000000000"));
        check("1e18", true, None);
        check("1e-22", true, Some("0.0000000000000000000001"));
        check("1e-23", true, None);
        check("1e999999999999", true, None);
        check("1e", true, None);
        check("e1", true, None);
        check("1e1.5", true, None);
    }

    #[test]
    fn units_are_rounded_up() {
        let check = |text: &str, scale: u8, expected: Option<u64>| {
            assert_eq!(Decimal::parse(text).unwrap().units_up(scale), expected, "{text} at {scale}");
        };
        check("0.25", 2, Some(25));
        check("0.251", 2, Some(26));
        check("0.001", 0, Some(1));
        check("0", 18, Some(0));
        check("18", 18, Some(18_000_000_000_000_000_000));
        check("19", 18, None);
    }
}
