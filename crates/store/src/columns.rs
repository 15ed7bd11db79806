//! Reading values that take more than one column, or one of a few words.

use crate::{Error, Row};
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
