//! Fees: what the sending provider keeps for a payment, in exact integer arithmetic.
//!
//! The payer's debit is the *principal*, which is converted and delivered, and the fee on top of it: a fixed part and
//! a part of the principal in basis points (hundredths of a percent). Fees are rounded **up** to a whole unit of the
//! payer's asset; together with the unit that may be left over when a debit is taken apart, that is in the provider's
//! favour by less than one unit.

use crate::decimal::Decimal;
use bursar_types::Asset;
use std::collections::BTreeMap;

/// A hundred percent.
pub const BASIS_POINTS_MAX: u32 = 10_000;
const WHOLE: u128 = BASIS_POINTS_MAX as u128;

/// The fees of a provider, by the code of the asset that the payer pays in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fees {
    by_asset: BTreeMap<String, (u32, Decimal)>,
}

/// Why a fee cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFee {
    /// More than the whole principal.
    #[error("the fee for {0} is above 10000 basis points, which is a hundred percent")]
    BasisPoints(String),
    /// The fixed part is no number that we can compute with.
    #[error("the fixed fee for {asset} is {text:?}, but must be a decimal number such as \"0.25\"")]
    Fixed {
        /// The asset's code.
        asset: String,
        /// What was given, cut off after 40 characters.
        text: String,
    },
}

impl Fees {
    /// Sets the fee for payers in an asset: basis points of the principal, plus a fixed part in whole units of the
    /// asset (`"0.25"` are 25 cents).
    ///
    /// # Errors
    /// When it is above a hundred percent, or the fixed part is no decimal number of at most 18 digits.
    pub fn set(&mut self, asset: &str, basis_points: u32, fixed: &str) -> Result<(), InvalidFee> {
        if basis_points > BASIS_POINTS_MAX {
            return Err(InvalidFee::BasisPoints(asset.to_owned()));
        }
        let fixed = Decimal::parse(fixed)
            .ok_or_else(|| InvalidFee::Fixed { asset: asset.to_owned(), text: fixed.chars().take(40).collect() })?;
        self.by_asset.insert(asset.to_owned(), (basis_points, fixed));
        Ok(())
    }

    /// The fee for payers in an asset; none if nothing was set.
    pub fn of(&self, asset: Asset) -> Fee {
        match self.by_asset.get(asset.code()) {
            // A fixed part beyond what an amount can be leaves nothing of any debit.
            Some((basis_points, fixed)) => {
                Fee { basis_points: *basis_points, fixed: fixed.units_up(asset.scale()).unwrap_or(u64::MAX) }
            }
            None => Fee::NONE,
        }
    }
}

/// The fee for one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fee {
    basis_points: u32,
    /// In smallest units.
    fixed: u64,
}

impl Fee {
    /// No fee.
    pub const NONE: Self = Self { basis_points: 0, fixed: 0 };

    /// What is debited so that `principal` remains to be converted; `None` above 2⁶⁴−1. In smallest units.
    pub fn debit_for(&self, principal: u64) -> Option<u64> {
        let share = (u128::from(principal) * u128::from(self.basis_points)).div_ceil(WHOLE);
        u64::try_from(u128::from(principal) + u128::from(self.fixed) + share).ok()
    }

    /// What remains of a debit to be converted: the largest principal whose debit is not above it. In smallest units.
    pub fn principal_of(&self, debit: u64) -> u64 {
        let variable = u128::from(debit.saturating_sub(self.fixed));
        // p + ⌈p·b/10⁴⌉ ≤ x holds for whole p and x just when p ≤ x·10⁴/(10⁴+b).
        let principal = variable * WHOLE / (WHOLE + u128::from(self.basis_points));
        u64::try_from(principal).unwrap_or(debit)
    }
}
