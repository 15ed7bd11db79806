//! What a person takes away from a request, as JSON: for a provider's own consent page, and for the sandbox.

use crate::error::WebError;
use bursar_app::Error;
use bursar_app::interactions::{Choice, End, Less};
use bursar_app::refusals::Code;
use bursar_types::Amount;
use jiff::Timestamp;
use serde::Deserialize;

/// What is taken away from one access item.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Lower {
    /// Its place in the request's access, from 0.
    access: usize,
    amount: Option<Amount>,
    /// How many windows, the present one included.
    windows: Option<u64>,
    /// Or by when it ends.
    until: Option<Timestamp>,
}

/// The choice that this comes to.
///
/// # Errors
/// 400 for an item with two ends.
pub(crate) fn choice(lower: Vec<Lower>, accepts_no_limit: bool) -> Result<Choice, WebError> {
    let less = lower.into_iter().map(|lower| {
        let end = match (lower.windows, lower.until) {
            (Some(_), Some(_)) => {
                let text = "lower has windows and until: which of them counts?";
                return Err(Error::refused(Code::InvalidResourceRequest, text).into());
            }
            (windows, until) => windows.map(End::Windows).or(until.map(End::By)),
        };
        Ok((lower.access, Less { amount: lower.amount, end }))
    });
    Ok(Choice { less: less.collect::<Result<_, WebError>>()?, accepts_no_limit })
}
