//! Repeating intervals: the windows in which a limit is counted anew.
//!
//! An [`Interval`] is the `interval` of an outgoing-payment limit in Open Payments (`limits.interval` of the
//! authorization server's schemas), which takes it from ISO 8601-1:2019, section 5.6. Three forms are understood:
//!
//! | form | windows |
//! |---|---|
//! | `R[n]/<start>/<duration>` | follow one another from `start` |
//! | `R[n]/<duration>/<end>` | are counted back from `end` |
//! | `R[n]/<start>/<end>` | follow one another from `start`, each exactly as long as from `start` to `end` |
//!
//! # What is accepted
//!
//! * **Count.** `Rn` is `n` windows in all, `n ≥ 1`; leading zeros mean nothing and are let pass (`R03` is `R3`). `R` and
//!   `R-1` are without end. A count whose windows do not all fit the calendar is refused, so that a count is a promise
//!   that can be kept: [`Interval::count`], [`Interval::first`] and [`Interval::last`] never disagree.
//! * **Instants** are complete RFC 3339 date-times (section 5.6 there) with a capital `T` and `Z`: ISO 8601 knows no small
//!   ones. The decimal sign is `.` or `,`. Refused although one of the two standards allows it: the basic format
//!   (`20250520T130000Z`), times without seconds, the leap second `:60`, `24:00`, and the offset `-00:00`, which says
//!   that the offset is unknown while calendar arithmetic needs one.
//! * **Durations** are `PnYnMnWnDTnHnMnS`, in this order, each component at most once and at least one not zero. Weeks
//!   may stand beside other components. Only seconds may have a fraction.
//! * **Fractions** of a second have up to 9 digits; those past the sixth must be zero, since instants are kept in
//!   microseconds and an instant that had to be rounded would be another one.
//!
//! # How windows are computed
//!
//! Boundary *k* is `anchor + k·d`, always from the anchor: years and months first (the day is brought down to the last
//! of a shorter month), then weeks and days, then elapsed time. So 31 January + `P1M` is 28 or 29 February, and then
//! 31 March: nothing drifts. The arithmetic takes place at the offset written with the anchor, as a fixed offset.
//! Windows are half-open, follow one another without gaps and are never empty.
//!
//! The calendar ends at both sides: at the first instant of the year 0000 and on 30 December 9999 at 22:00:00 UTC (the
//! last second that can be written at every offset). A window belongs to an endless interval only if it lies inside the
//! calendar entirely; an interval of which not even one window does, is refused.

mod describe;
mod error;
mod parse;
mod period;
mod recurrence;
mod shorten;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use error::{DurationFault, InstantFault, IntervalError};
use period::Period;
use recurrence::Recurrence;
pub use shorten::CannotShorten;

/// The most bytes an interval may have. Every sensible interval has less than half of it.
pub const INTERVAL_BYTES_MAX: usize = 200;

/// A repeating interval, as received and understood. See the [module](self) for the forms.
///
/// Two intervals are equal if their texts are. A clone costs no more than a counter.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Interval(Arc<Inner>);

/// Kept apart from [`Interval`] so that limits and access items, most of which have no interval, stay small.
#[derive(PartialEq, Eq, Hash)]
struct Inner {
    text: Box<str>,
    period: Period,
    recurrence: Recurrence,
}

/// One window of an interval: the instants `start <= t < end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The window's place in its interval; ascends by one from window to window, with time.
    ///
    /// 0 is the earliest window. Where there is no earliest one (`R/<duration>/<end>`), the last window, the one that
    /// ends at `<end>`, is -1. The index of a window depends on nothing but the interval's text.
    pub index: i64,
    /// The first instant of the window, in whole microseconds.
    pub start: Timestamp,
    /// The first instant after the window, in whole microseconds.
    pub end: Timestamp,
}

impl Window {
    /// Whether the instant lies in the window.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

impl Interval {
    /// Reads an interval.
    ///
    /// # Errors
    ///
    /// [`IntervalError`] names the first fault found and what would be right.
    pub fn parse(text: &str) -> Result<Self, IntervalError> {
        let (recurrence, period) = parse::interval(text)?;
        Ok(Self(Arc::new(Inner { text: text.into(), period, recurrence })))
    }

    /// The text, exactly as it was received.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// How many windows there are; `None` if they are without end.
    pub fn count(&self) -> Option<u64> {
        self.0.recurrence.count()
    }

    /// The window that holds the instant, or `None` if no window does.
    ///
    /// Takes the same time for every instant, however far it is from the anchor.
    pub fn window_at(&self, at: Timestamp) -> Option<Window> {
        self.0.recurrence.window_at(at)
    }

    /// The window with this index (see [`Window::index`]), or `None` if the interval has none.
    pub fn window(&self, index: i64) -> Option<Window> {
        self.0.recurrence.window(index)
    }

    /// The earliest window; `None` if there always was an earlier one (`R/<duration>/<end>`).
    pub fn first(&self) -> Option<Window> {
        self.0.recurrence.first()
    }

    /// The final window; `None` if the interval is without end.
    pub fn last(&self) -> Option<Window> {
        self.0.recurrence.last()
    }

    /// The window after this one; `None` if it was the last.
    pub fn next(&self, window: &Window) -> Option<Window> {
        self.window(window.index.checked_add(1)?)
    }

    /// The start of the earliest window; `None` if there always was an earlier one.
    pub fn starts_at(&self) -> Option<Timestamp> {
        self.first().map(|window| window.start)
    }

    /// The end of the final window; `None` if the interval is without end.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.last().map(|window| window.end)
    }

    /// The same windows, but none after the one with this index. What is left keeps its indices.
    ///
    /// Only the number of windows in the text changes; where windows are counted back from an end, the end as well.
    ///
    /// # Errors
    ///
    /// [`CannotShorten`] when there is no such window, or when what is left cannot be written as an interval.
    pub fn shortened(&self, last: i64) -> Result<Self, CannotShorten> {
        shorten::to_last(self, last)
    }

    /// The whole interval in plain English, for people: `3 windows of 1 month each, from 20 May 2025 13:00 UTC until
    /// 20 August 2025 13:00 UTC`.
    ///
    /// Instants are given at the offset written in the interval. The words are ASCII and hold nothing of the text
    /// received but its numbers.
    pub fn describe(&self) -> String {
        describe::interval(self)
    }

    /// The length of a window in plain English, to stand after "every" or "per": `month`, `2 weeks`,
    /// `1 year, 2 months, 10 days, 2 hours and 30 minutes`.
    pub fn describe_period(&self) -> String {
        self.0.period.after_every()
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.text)
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Interval").field(&self.0.text).finish()
    }
}

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        Self::parse(text)
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.text)
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(IntervalVisitor)
    }
}

/// Reads the interval out of a borrowed string where there is one, without a copy in between.
struct IntervalVisitor;

impl Visitor<'_> for IntervalVisitor {
    type Value = Interval;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a repeating interval such as \"R3/2025-05-20T13:00:00Z/P1M\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Interval, E> {
        Interval::parse(text).map_err(E::custom)
    }
}
