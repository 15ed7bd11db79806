//! Reading values that take more than one column, or one of a few words.

use crate::{Error, Row};
use bursar_core::quote::Price;
use bursar_core::rate::UnitRate;
use bursar_types::{Amount, Asset};

pub(crate) fn corrupt(error: impl std::fmt::Display) -> Error {
    Error::Corrupt(error.to_string())
}

/// An asset from its code and, in the next column, its scale.
pub(crate) fn asset(row: &Row<'_>, column: usize) -> Result<Asset, Error> {
    let scale = u8::try_from(row.int(column + 1)?).map_err(corrupt)?;
    Asset::new(&row.text(column)?, scale).map_err(corrupt)
}

/// An amount from its value and, in the next columns, the code and scale of its asset.
pub(crate) fn amount(row: &Row<'_>, column: usize) -> Result<Amount, Error> {
    asset(row, column + 1)?.amount(row.unsigned(column)?).map_err(corrupt)
}

/// A price from debit and delivery, three columns each, the fee and the rate.
pub(crate) fn price(row: &Row<'_>, column: usize) -> Result<Price, Error> {
    let debit = amount(row, column)?;
    let rate = row.opt_text(column + 7)?;
    let read = |text: String| UnitRate::from_stored(&text).ok_or_else(|| Error::Corrupt(format!("rate {text:?}")));
    Ok(Price {
        debit,
        receive: amount(row, column + 3)?,
        fee: debit.asset().amount(row.unsigned(column + 6)?).map_err(corrupt)?,
        rate: rate.map(read).transpose()?,
    })
}
