//! Fewer windows than an interval has: the first ones, as they are.

use jiff::tz::Offset;

use super::Interval;
use super::period::decimals;

/// Why an interval cannot be shortened to a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotShorten {
    /// The interval has no window with this index.
    #[error("the interval has no such window")]
    NoSuchWindow,
    /// Windows counted back from an earlier end would be others, since some months are too short.
    #[error("the windows are counted back from the end of a month, so that they cannot end earlier")]
    OtherWindows,
    /// Windows without a beginning are numbered from their end, so that an earlier end would number them anew.
    #[error("the windows have no beginning and are counted back from their end, so that they cannot end earlier")]
    OtherNumbers,
}

/// The windows up to the one with this index.
pub(super) fn to_last(interval: &Interval, last: i64) -> Result<Interval, CannotShorten> {
    let window = interval.window(last).ok_or(CannotShorten::NoSuchWindow)?;
    if interval.last() == Some(window) {
        return Ok(interval.clone());
    }
    let recurrence = &interval.0.recurrence;
    // The forms are told apart by what was read, and the text in between is kept as it was received.
    let (_, rest) = interval.as_str().split_once('/').ok_or(CannotShorten::NoSuchWindow)?;
    let text = if recurrence.is_backward() {
        if interval.count().is_none() {
            return Err(CannotShorten::OtherNumbers);
        }
        if !recurrence.may_move_its_anchor() {
            return Err(CannotShorten::OtherWindows);
        }
        let (period, _) = rest.split_once('/').ok_or(CannotShorten::NoSuchWindow)?;
        format!("R{}/{period}/{}", last + 1, instant(window.end, recurrence.offset()))
    } else {
        format!("R{}/{rest}", last + 1)
    };
    Interval::parse(&text).map_err(|_| CannotShorten::OtherWindows)
}

/// An instant as intervals write it, at an offset of whole minutes.
fn instant(at: jiff::Timestamp, offset: Offset) -> String {
    let local = offset.to_datetime(at);
    let fraction = decimals(local.subsec_nanosecond().unsigned_abs() / 1_000);
    let minutes = offset.seconds() / 60;
    let zone = match minutes {
        0 => "Z".to_owned(),
        _ => {
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", minutes.unsigned_abs() / 60, minutes.unsigned_abs() % 60)
        }
    };
    format!("{}{fraction}{zone}", local.strftime("%Y-%m-%dT%H:%M:%S"))
}
