//! Conversion between assets, in exact integer arithmetic.
//!
//! A rate is a fraction. Delivered amounts are rounded down and debited amounts up, so the difference of less
//! than one unit always stays with the provider.

use crate::decimal::{Decimal, ten_to};
use crate::{Code, Refusal};
use bursar_types::{Amount, Asset, VALUE_MAX};
use ethnum::U256;
use std::collections::BTreeMap;
use std::fmt;

/// How much of each asset one unit of the base asset is worth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rates {
    per_base: BTreeMap<String, Decimal>,
}

/// Why a rates table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRate {
    /// A rate that is not a number we can compute with.
    #[error(
        "the rate of {asset} is {text:?}, but must be a positive decimal number of at most 18 digits, such as \"1.36\""
    )]
    Number {
        /// The asset's code.
        asset: String,
        /// What was given, cut off after 40 characters.
        text: String,
    },
    /// The base asset is listed, and not as worth one of itself.
    #[error("{asset} is the base of all rates, so its own rate is 1, not {text:?}")]
    Base {
        /// The base asset's code.
        asset: String,
        /// What was given, cut off after 40 characters.
        text: String,
    },
}

impl Rates {
    /// Reads a table: the base asset's code, and for each other asset how much of it one base unit is worth.
    ///
    /// # Errors
    /// When a rate is not a positive decimal number of at most 18 digits, or the base's own rate is not 1.
    pub fn parse<'a>(base: &str, table: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, InvalidRate> {
        let mut rates = Self::of_base(base);
        for (asset, text) in table {
            rates.add(base, asset, text, Decimal::parse(text))?;
        }
        Ok(rates)
    }

    /// Reads a table whose numbers are written as in JSON: with or without quotes, exponents included. What cannot be
    /// used is left out and told, so that one odd asset does not cost all others their rates.
    pub fn parse_json<'a>(base: &str, table: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Self, Vec<InvalidRate>) {
        let mut rates = Self::of_base(base);
        let mut faults = Vec::new();
        for (asset, literal) in table {
            let text = literal.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(literal);
            faults.extend(rates.add(base, asset, text, Decimal::parse_json(text)).err());
        }
        (rates, faults)
    }

    fn of_base(base: &str) -> Self {
        Self { per_base: BTreeMap::from([(base.to_owned(), Decimal::ONE)]) }
    }

    fn add(&mut self, base: &str, asset: &str, text: &str, rate: Option<Decimal>) -> Result<(), InvalidRate> {
        let given = || (asset.to_owned(), text.chars().take(40).collect());
        let Some(rate) = rate.filter(|rate| !rate.is_zero()) else {
            let (asset, text) = given();
            return Err(InvalidRate::Number { asset, text });
        };
        if asset == base && rate != Decimal::ONE {
            let (asset, text) = given();
            return Err(InvalidRate::Base { asset, text });
        }
        self.per_base.insert(asset.to_owned(), rate);
        Ok(())
    }

    /// The rate from the smallest unit of one asset to that of another.
    ///
    /// # Errors
    /// [`Code::NoRate`] when one of the assets is not in the table.
    pub fn between(&self, from: Asset, to: Asset) -> Result<Rate, Refusal> {
        if from.code() == to.code() {
            return Ok(Rate::new(from, to, UnitRate::ONE));
        }
        let find = |asset: Asset| {
            self.per_base.get(asset.code()).copied().ok_or_else(|| {
                Refusal::new(Code::NoRate, format!("no exchange rate between {from} and {to}"))
                    .with("from", from.code())
                    .with("to", to.code())
            })
        };
        let (source, target) = (find(from)?, find(to)?);
        Ok(Rate::new(from, to, UnitRate { target, source }))
    }
}

/// What one whole unit of an asset is worth in another: a fraction of two decimal numbers, written `1.36/0.92`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitRate {
    target: Decimal,
    source: Decimal,
}

impl UnitRate {
    /// One for one.
    pub const ONE: Self = Self { target: Decimal::ONE, source: Decimal::ONE };

    /// Reads what [`fmt::Display`] writes.
    pub fn from_stored(text: &str) -> Option<Self> {
        let (target, source) = text.split_once('/')?;
        let part = |text| Decimal::parse(text).filter(|part| !part.is_zero());
        Some(Self { target: part(target)?, source: part(source)? })
    }
}

impl UnitRate {
    /// How many units of the receiver's asset one unit of the payer's buys, for people: six significant digits, cut off.
    pub fn rounded(&self) -> String {
        let (numerator, denominator) =
            (self.target.mantissa() * self.source.divisor(), self.source.mantissa() * self.target.divisor());
        // With as many places as give six digits. Both are below 10^41, so nothing overflows.
        let (mut places, mut quotient) = (0, numerator / denominator);
        while quotient < ten_to(DIGITS_SHOWN - 1) && places < PLACES_SHOWN_MAX {
            places += 1;
            quotient = numerator * ten_to(places) / denominator;
        }
        let width = places as usize + 1;
        let digits = format!("{quotient:0>width$}");
        let (whole, fraction) = digits.split_at(digits.len() - places as usize);
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
    }
}

/// Significant digits of a rate that people are shown.
const DIGITS_SHOWN: u32 = 6;
/// Most places after its point.
const PLACES_SHOWN_MAX: u32 = 36;

impl fmt::Display for UnitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.target, self.source)
    }
}

/// An exact rate between the smallest units of two assets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    from: Asset,
    to: Asset,
    unit: UnitRate,
    // At most 10^58 each (10^18 times 10^22 times 10^18): times an amount of 2^63 that is below 2^256.
    numerator: U256,
    denominator: U256,
}

impl Rate {
    fn new(from: Asset, to: Asset, unit: UnitRate) -> Self {
        let UnitRate { target, source } = unit;
        Self {
            from,
            to,
            unit,
            numerator: target.mantissa() * source.divisor() * ten_to(to.scale().into()),
            denominator: source.mantissa() * target.divisor() * ten_to(from.scale().into()),
        }
    }

    /// What one whole unit of the payer's asset is worth in the receiver's.
    pub fn unit(&self) -> UnitRate {
        self.unit
    }

    /// What a debit delivers, rounded **down** to a whole unit of the receiver's asset (in the provider's favour).
    /// Nothing if it is too small to deliver a unit.
    ///
    /// # Errors
    /// [`Code::AmountTooLarge`] when the result is above 2⁶³−1.
    pub fn deliver(&self, debit: Amount) -> Result<Amount, Refusal> {
        self.check(debit.asset(), self.from)?;
        within(U256::from(debit.value()) * self.numerator / self.denominator, self.to)
    }

    /// The least debit that delivers at least `receive`, rounded **up** to a whole unit of the payer's asset (in
    /// the provider's favour).
    ///
    /// # Errors
    /// [`Code::AmountTooLarge`] when the result is above 2⁶³−1.
    pub fn debit_for(&self, receive: Amount) -> Result<Amount, Refusal> {
        self.check(receive.asset(), self.to)?;
        let product = U256::from(receive.value()) * self.denominator;
        within((product + self.numerator - 1) / self.numerator, self.from)
    }

    fn check(&self, given: Asset, expected: Asset) -> Result<(), Refusal> {
        if given == expected {
            return Ok(());
        }
        let text = format!("the amount is in {given:?}, but {expected:?} is needed");
        Err(Refusal::new(Code::InvalidResourceRequest, text))
    }
}

fn within(value: U256, asset: Asset) -> Result<Amount, Refusal> {
    u64::try_from(value)
        .ok()
        .and_then(|value| asset.amount(value).ok())
        .ok_or_else(|| Refusal::new(Code::AmountTooLarge, format!("the converted amount is above {VALUE_MAX}")))
}
