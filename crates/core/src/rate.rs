//! Conversion between assets, in exact integer arithmetic.
//!
//! A rate is a fraction. Delivered amounts are rounded down and debited amounts up, so the difference of less
//! than one unit always stays with the provider.

use crate::{Code, Refusal};
use bursar_types::{Amount, Asset, VALUE_MAX};
use ethnum::U256;
use std::collections::BTreeMap;

const DIGITS_MAX: usize = 18;

/// How much of each asset one unit of the base asset is worth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rates {
    per_base: BTreeMap<String, Decimal>,
}

/// An exact positive decimal number: `mantissa / 10^places`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decimal {
    mantissa: u64,
    places: u32,
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
        const ONE: Decimal = Decimal { mantissa: 1, places: 0 };
        let mut per_base = BTreeMap::from([(base.to_owned(), ONE)]);
        for (asset, text) in table {
            let given = || (asset.to_owned(), text.chars().take(40).collect());
            let Some(rate) = Decimal::parse(text) else {
                let (asset, text) = given();
                return Err(InvalidRate::Number { asset, text });
            };
            if asset == base && rate != ONE {
                let (asset, text) = given();
                return Err(InvalidRate::Base { asset, text });
            }
            per_base.insert(asset.to_owned(), rate);
        }
        Ok(Self { per_base })
    }

    /// The rate from the smallest unit of one asset to that of another.
    ///
    /// # Errors
    /// [`Code::NoRate`] when one of the assets is not in the table.
    pub fn between(&self, from: Asset, to: Asset) -> Result<Rate, Refusal> {
        if from.code() == to.code() {
            return Ok(Rate::new(from, to, U256::ONE, U256::ONE));
        }
        let find = |asset: Asset| {
            self.per_base.get(asset.code()).copied().ok_or_else(|| {
                Refusal::new(Code::NoRate, format!("no exchange rate between {from} and {to}"))
                    .with("from", from.code())
                    .with("to", to.code())
            })
        };
        let (source, target) = (find(from)?, find(to)?);
        // to per from = (target per base) / (source per base); both fractions have at most 18 digits.
        let numerator = U256::from(target.mantissa) * ten_to(source.places);
        let denominator = U256::from(source.mantissa) * ten_to(target.places);
        Ok(Rate::new(from, to, numerator, denominator))
    }
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{}", fraction.trim_end_matches('0'));
        let plain = !whole.is_empty() && !text.ends_with('.') && digits.bytes().all(|b| b.is_ascii_digit());
        if !plain || digits.len() > DIGITS_MAX {
            return None;
        }
        let mantissa: u64 = digits.parse().ok()?;
        let places = u32::try_from(fraction.trim_end_matches('0').len()).ok()?;
        (mantissa > 0).then_some(Self { mantissa, places })
    }
}

fn ten_to(exponent: u32) -> U256 {
    U256::new(10).pow(exponent)
}

/// An exact rate between the smallest units of two assets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    from: Asset,
    to: Asset,
    // At most 10^54 each (three factors of at most 10^18): times an amount of 2^63 that is below 2^256.
    numerator: U256,
    denominator: U256,
}

impl Rate {
    fn new(from: Asset, to: Asset, numerator: U256, denominator: U256) -> Self {
        Self {
            from,
            to,
            numerator: numerator * ten_to(to.scale().into()),
            denominator: denominator * ten_to(from.scale().into()),
        }
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
