//! Why a text is not an interval. Every message names the fault and what would be right, for it is all that the
//! developer of an app gets to see.

use super::INTERVAL_BYTES_MAX;

/// Why a text is not a repeating interval that can be granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntervalError {
    /// There is no text.
    #[error("the interval is empty; write one such as R3/2025-05-20T13:00:00Z/P1M, or leave the member out")]
    Empty,
    /// The text has more than [`INTERVAL_BYTES_MAX`] bytes.
    #[error("the interval is {bytes} bytes long; {INTERVAL_BYTES_MAX} are the most that is read")]
    TooLong {
        /// The length of the text in bytes.
        bytes: usize,
    },
    /// The text does not begin with `R`.
    #[error(
        "a repeating interval begins with a capital R, followed by the number of windows, or by nothing if there is \
         no end; for example R3/2025-05-20T13:00:00Z/P1M"
    )]
    MissingRepeat,
    /// What follows the `R` is not a number.
    #[error("the count {count:?} is not a whole number; write R3 for three windows, or R for no end")]
    BadCount {
        /// What follows the `R`, shortened if it is long.
        count: String,
    },
    /// `R0`.
    #[error("the count R0 allows no window at all; write R1 or more, or R for no end")]
    ZeroCount,
    /// A negative count other than `R-1`.
    #[error("the count R{count} is negative; write R1 or more, or R for no end")]
    NegativeCount {
        /// The count with its sign, shortened if it is long.
        count: String,
    },
    /// The count asks for more windows than the calendar holds.
    #[error(
        "the count R{count} needs windows beyond the calendar, which reaches from the year 0000 to 30 December 9999; \
         write a smaller count, or R for no end"
    )]
    CountBeyondCalendar {
        /// The count, shortened if it is long.
        count: String,
    },
    /// There is neither a duration nor a second instant.
    #[error("the interval does not say how long a window is; add a duration, as in R3/2025-05-20T13:00:00Z/P1M")]
    MissingPeriod,
    /// There is no instant from which windows could be counted.
    #[error("the interval does not say when it starts or ends; add an instant, as in R3/2025-05-20T13:00:00Z/P1M")]
    MissingAnchor,
    /// There are more than three parts.
    #[error("the interval has {parts} parts; write three: the count, the start and the duration, with / between them")]
    TooManyParts {
        /// How many parts there are.
        parts: usize,
    },
    /// `<start>/<end>` where the end is not after the start.
    #[error(
        "the end is not after the start; in R/<start>/<end> the two are the first window's, and the end comes later"
    )]
    EndNotAfterStart,
    /// Not even the one window at the anchor lies inside the calendar.
    #[error(
        "a window of this length at this date reaches beyond the calendar, which goes from the year 0000 to 30 December \
         9999; write a shorter duration"
    )]
    WindowBeyondCalendar,
    /// An instant cannot be read.
    #[error("the date and time {text:?} {fault}")]
    Instant {
        /// The text of the instant, shortened if it is long.
        text: String,
        /// What is wrong with it.
        fault: InstantFault,
    },
    /// A duration cannot be read.
    #[error("the duration {text:?} {fault}")]
    Duration {
        /// The text of the duration, shortened if it is long.
        text: String,
        /// What is wrong with it.
        fault: DurationFault,
    },
}

/// What is wrong with a date and time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InstantFault {
    /// Nothing that a better word could be found for.
    #[error("cannot be read; write it like 2025-05-20T13:00:00Z")]
    Malformed,
    /// `20250520T130000Z`.
    #[error("is in the basic format; write it with hyphens and colons, like 2025-05-20T13:00:00Z")]
    BasicFormat,
    /// A small `t` or `z`.
    #[error("has a small letter; write T and Z as capitals, like 2025-05-20T13:00:00Z")]
    SmallLetter,
    /// A year with a sign, or with more than four digits.
    #[error("has a year outside 0000 to 9999; write the year with four digits and without a sign")]
    YearOutOfRange,
    /// A month other than 01 to 12.
    #[error("has no such month; months are 01 to 12")]
    NoSuchMonth,
    /// A day that the month does not have.
    #[error("has no such day; that month has {days} days")]
    NoSuchDay {
        /// How many days the month has.
        days: u8,
    },
    /// A date alone.
    #[error("has no time; write both, like 2025-05-20T13:00:00Z")]
    MissingTime,
    /// Hours and minutes alone.
    #[error("has no seconds; write them too, like 2025-05-20T13:00:00Z")]
    MissingSeconds,
    /// An hour past 23, a minute or second past 59.
    #[error("has no such time of day; hours are 00 to 23, minutes and seconds 00 to 59")]
    NoSuchTime,
    /// A decimal sign without one to nine digits after it.
    #[error("has a decimal sign that needs 1 to 9 digits after it")]
    BadFraction,
    /// Digits past the microsecond that are not zero.
    #[error("is finer than a microsecond; write at most six decimals of a second")]
    TooFine,
    /// No offset from UTC.
    #[error("has no offset; end it with Z for UTC, or with an offset such as +02:00")]
    MissingOffset,
    /// An offset that is not `±hh:mm`.
    #[error("has an offset that cannot be read; write Z for UTC, or hours and minutes, such as +02:00")]
    BadOffset,
    /// The offset `-00:00`.
    #[error("has the offset -00:00, which stands for an unknown one; write Z for UTC")]
    UnknownOffset,
    /// In UTC, the instant lies outside the calendar.
    #[error("lies beyond the calendar, which reaches from the year 0000 to 30 December 9999")]
    BeyondCalendar,
}

/// What is wrong with a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationFault {
    /// Nothing that a better word could be found for.
    #[error("cannot be read; write it like P1M, P2W or P1DT12H")]
    Malformed,
    /// A sign, before the duration or in it.
    #[error("has a sign; a window's length is always positive, and written without one, like P1M")]
    Signed,
    /// A small letter.
    #[error("has a small letter; write capitals, like P1M or PT12H")]
    SmallLetter,
    /// `P` alone.
    #[error("is empty; write how long a window is, like P1M")]
    Empty,
    /// A `T` with nothing after it.
    #[error("has a T with nothing after it; leave the T out, or add a time, as in P1DT12H")]
    EmptyTime,
    /// All components are zero.
    #[error("is zero; a window needs a length, like P1M")]
    Zero,
    /// A letter without a number.
    #[error("has the letter {unit} without a number before it; write one, like P1M")]
    MissingNumber {
        /// The letter.
        unit: char,
    },
    /// A number without a letter.
    #[error("has a number without a unit; write the unit after it, like P1M")]
    MissingUnit,
    /// Hours or seconds before the `T`.
    #[error("has {unit} before the T; a T goes before hours, minutes and seconds, as in PT12H")]
    NeedsTime {
        /// The unit.
        unit: &'static str,
    },
    /// Years, weeks or days after the `T`.
    #[error("has {unit} after the T; they go before it, as in P1DT12H")]
    NotTime {
        /// The unit.
        unit: &'static str,
    },
    /// A component twice, or after a smaller one.
    #[error("has {unit} twice or out of order; the order is years, months, weeks, days, T, hours, minutes, seconds")]
    OutOfOrder {
        /// The unit.
        unit: &'static str,
    },
    /// A fraction of something other than seconds.
    #[error("has a fraction of {unit}; only seconds may have one: write a smaller unit instead")]
    Fraction {
        /// The unit.
        unit: &'static str,
    },
    /// A decimal sign without one to nine digits after it.
    #[error("has a decimal sign that needs 1 to 9 digits after it")]
    BadFraction,
    /// Digits past the microsecond that are not zero.
    #[error("is finer than a microsecond; write at most six decimals of a second")]
    TooFine,
    /// Longer than any calendar.
    #[error("is longer than the calendar, which reaches from the year 0000 to 30 December 9999; write a shorter one")]
    TooLong,
}
