//! From text to parts. One pass over bytes, nothing skipped and nothing guessed.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

use super::error::{DurationFault, InstantFault, IntervalError};
use super::period::Period;
use super::recurrence::{Anchor, Recurrence};
use super::{INTERVAL_BYTES_MAX, period};

/// The most characters of someone else's text that an error message repeats.
const EXCERPT_CHARS_MAX: usize = 40;

/// Reads the whole of an interval.
pub(super) fn interval(text: &str) -> Result<(Recurrence, Period), IntervalError> {
    if text.is_empty() {
        return Err(IntervalError::Empty);
    }
    if text.len() > INTERVAL_BYTES_MAX {
        return Err(IntervalError::TooLong { bytes: text.len() });
    }
    let rest = text.strip_prefix('R').ok_or(IntervalError::MissingRepeat)?;
    let mut parts = rest.split('/');
    let count = count(parts.next().unwrap_or_default())?;
    let (first, second) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let extra = parts.count();
    if extra > 0 {
        return Err(IntervalError::TooManyParts { parts: 3 + extra });
    }

    match (is_duration(first), is_duration(second)) {
        (false, true) if first.is_empty() => Err(IntervalError::MissingAnchor),
        (false, true) => {
            let anchor = instant(first)?;
            let period = duration(second)?;
            Ok((Recurrence::forward(anchor, period.step(), count)?, period))
        }
        (true, false) if second.is_empty() => Err(IntervalError::MissingAnchor),
        (true, false) => {
            let period = duration(first)?;
            let anchor = instant(second)?;
            Ok((Recurrence::backward(anchor, period.step(), count)?, period))
        }
        (true, true) => Err(IntervalError::MissingAnchor),
        (false, false) if second.is_empty() => Err(IntervalError::MissingPeriod),
        (false, false) => {
            let (start, end) = (instant(first)?, instant(second)?);
            let period = start.elapsed_until(&end).ok_or(IntervalError::EndNotAfterStart)?;
            Ok((Recurrence::forward(start, period.step(), count)?, period))
        }
    }
}

/// Reads what stands between the `R` and the first `/`; `None` is without end.
fn count(text: &str) -> Result<Option<u64>, IntervalError> {
    if text.is_empty() || text == "-1" {
        return Ok(None);
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(IntervalError::BadCount { count: excerpt(text) });
    }
    if digits.len() < text.len() {
        return Err(IntervalError::NegativeCount { count: excerpt(text) });
    }
    match digits.parse() {
        Ok(0) => Err(IntervalError::ZeroCount),
        Ok(count) => Ok(Some(count)),
        // Only digits, so it can only be too many of them.
        Err(_) => Err(IntervalError::CountBeyondCalendar { count: excerpt(text) }),
    }
}

/// Whether a part is meant as a duration, rightly written or not.
fn is_duration(part: &str) -> bool {
    part.trim_start_matches(['+', '-']).starts_with(['P', 'p'])
}

fn instant(text: &str) -> Result<Anchor, IntervalError> {
    read_instant(text).map_err(|fault| IntervalError::Instant { text: excerpt(text), fault })
}

fn duration(text: &str) -> Result<Period, IntervalError> {
    read_duration(text).map_err(|fault| IntervalError::Duration { text: excerpt(text), fault })
}

/// The beginning of a text, short enough for an error message.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// What is left to read of a part.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    /// Reads this byte, if it is the next one.
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    /// How many digits come next.
    fn digits(&self) -> usize {
        self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    }

    /// Reads a number of exactly so many digits (at most four), with no further digit after it.
    fn number(&mut self, digits: usize) -> Option<i16> {
        if self.digits() != digits {
            return None;
        }
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        Some(number.iter().fold(0, |value, digit| value * 10 + i16::from(digit - b'0')))
    }

    /// Reads a number of any length; what is past `u64` is told as `None`.
    fn long_number(&mut self) -> Option<u64> {
        let (number, rest) = self.rest.split_at(self.digits());
        self.rest = rest;
        number.iter().try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
    }

    /// Reads the fraction of a second after a decimal sign, in microseconds.
    fn fraction(&mut self) -> Result<u32, FractionFault> {
        let (fraction, rest) = self.rest.split_at(self.digits());
        self.rest = rest;
        if !(1..=9).contains(&fraction.len()) {
            return Err(FractionFault::Digits);
        }
        // At most nine digits: less than 10⁹, which fits.
        let nanos = (0..9)
            .fold(0_u32, |value, place| value * 10 + fraction.get(place).map_or(0, |digit| u32::from(digit - b'0')));
        if nanos % 1_000 != 0 {
            return Err(FractionFault::TooFine);
        }
        Ok(nanos / 1_000)
    }
}

/// What is wrong with a fraction, in an instant or a duration.
enum FractionFault {
    Digits,
    TooFine,
}

impl From<FractionFault> for InstantFault {
    fn from(fault: FractionFault) -> Self {
        match fault {
            FractionFault::Digits => Self::BadFraction,
            FractionFault::TooFine => Self::TooFine,
        }
    }
}

impl From<FractionFault> for DurationFault {
    fn from(fault: FractionFault) -> Self {
        match fault {
            FractionFault::Digits => Self::BadFraction,
            FractionFault::TooFine => Self::TooFine,
        }
    }
}

/// Reads `YYYY-MM-DDThh:mm:ss[.f](Z|±hh:mm)`.
fn read_instant(text: &str) -> Result<Anchor, InstantFault> {
    use InstantFault::{BadOffset, BasicFormat, Malformed, MissingOffset, MissingSeconds, MissingTime, SmallLetter};
    let mut cursor = Cursor { rest: text.as_bytes() };

    let year = match (cursor.peek(), cursor.digits()) {
        (Some(b'+' | b'-'), _) => return Err(InstantFault::YearOutOfRange),
        (_, 8) => return Err(BasicFormat),
        (_, 5..) => return Err(InstantFault::YearOutOfRange),
        _ => cursor.number(4).ok_or(Malformed)?,
    };
    let month = cursor.eat(b'-').then(|| cursor.number(2)).flatten().ok_or(Malformed)?;
    let day = cursor.eat(b'-').then(|| cursor.number(2)).flatten().ok_or(Malformed)?;
    match cursor.next() {
        Some(b'T') => {}
        Some(b't') => return Err(SmallLetter),
        Some(_) => return Err(Malformed),
        None => return Err(MissingTime),
    }
    if matches!(cursor.digits(), 4 | 6) {
        return Err(BasicFormat);
    }
    let hour = cursor.number(2).ok_or(Malformed)?;
    let minute = cursor.eat(b':').then(|| cursor.number(2)).flatten().ok_or(Malformed)?;
    let second = match cursor.next() {
        Some(b':') => cursor.number(2).ok_or(Malformed)?,
        Some(b'Z' | b'z' | b'+' | b'-') | None => return Err(MissingSeconds),
        Some(_) => return Err(Malformed),
    };
    let micros = if cursor.eat(b'.') || cursor.eat(b',') { cursor.fraction()? } else { 0 };
    let offset_seconds = match cursor.next() {
        Some(b'Z') => 0,
        Some(b'z') => return Err(SmallLetter),
        Some(sign @ (b'+' | b'-')) => {
            let hours = cursor.number(2).ok_or(BadOffset)?;
            let minutes = cursor.eat(b':').then(|| cursor.number(2)).flatten().ok_or(BadOffset)?;
            if hours > 23 || minutes > 59 {
                return Err(BadOffset);
            }
            let seconds = i32::from(hours) * 3_600 + i32::from(minutes) * 60;
            match (sign, seconds) {
                (b'-', 0) => return Err(InstantFault::UnknownOffset),
                (b'-', _) => -seconds,
                _ => seconds,
            }
        }
        Some(_) => return Err(Malformed),
        None => return Err(MissingOffset),
    };
    if cursor.peek().is_some() {
        return Err(Malformed);
    }

    let local = civil(year, month, day)?.at(0, 0, 0, 0);
    let local = at_time(local, [hour, minute, second], micros)?;
    let offset = Offset::from_seconds(offset_seconds).map_err(|_| BadOffset)?;
    Anchor::new(local, offset).ok_or(InstantFault::BeyondCalendar)
}

/// The date, if there is one.
fn civil(year: i16, month: i16, day: i16) -> Result<Date, InstantFault> {
    // Two digits each, so the conversions cannot fail; were they to, the fault named would still be the right one.
    let month = i8::try_from(month).map_err(|_| InstantFault::NoSuchMonth)?;
    let first = Date::new(year, month, 1).map_err(|_| InstantFault::NoSuchMonth)?;
    let no_such_day = InstantFault::NoSuchDay { days: first.days_in_month().unsigned_abs() };
    let day = i8::try_from(day).map_err(|_| no_such_day.clone())?;
    Date::new(year, month, day).map_err(|_| no_such_day)
}

/// The time of day on a date, if there is one. 24:00 and the second 60 are none: a window that began there would begin
/// at another instant than the text says.
fn at_time(midnight: DateTime, [hour, minute, second]: [i16; 3], micros: u32) -> Result<DateTime, InstantFault> {
    if hour > 23 || minute > 59 || second > 59 {
        return Err(InstantFault::NoSuchTime);
    }
    let seconds = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    let since_midnight = jiff::SignedDuration::from_micros(seconds * 1_000_000 + i64::from(micros));
    midnight.checked_add(since_midnight).map_err(|_| InstantFault::BeyondCalendar)
}

/// Reads `PnYnMnWnDTnHnMnS`.
fn read_duration(text: &str) -> Result<Period, DurationFault> {
    let mut cursor = Cursor { rest: text.as_bytes() };
    match cursor.next() {
        Some(b'P') => {}
        Some(b'p') => return Err(DurationFault::SmallLetter),
        Some(b'+' | b'-') => return Err(DurationFault::Signed),
        _ => return Err(DurationFault::Malformed),
    }
    if cursor.peek().is_none() {
        return Err(DurationFault::Empty);
    }

    let mut components = [0_u64; period::UNITS.len()];
    let mut micros = 0;
    // The first unit that may come next, and whether the T has been read.
    let (mut next_unit, mut in_time) = (0, false);
    while let Some(byte) = cursor.peek() {
        match byte {
            b'T' if !in_time => {
                cursor.eat(b'T');
                in_time = true;
                if cursor.peek().is_none() {
                    return Err(DurationFault::EmptyTime);
                }
                continue;
            }
            b'0'..=b'9' => {}
            b'+' | b'-' => return Err(DurationFault::Signed),
            b'A'..=b'Z' => return Err(DurationFault::MissingNumber { unit: char::from(byte) }),
            b'a'..=b'z' => return Err(DurationFault::SmallLetter),
            _ => return Err(DurationFault::Malformed),
        }
        let number = cursor.long_number();
        // Judged only when the unit is known: a fraction of a month is wrong however it is written.
        let fraction = (cursor.eat(b'.') || cursor.eat(b',')).then(|| cursor.fraction());
        let unit = unit(cursor.next(), in_time)?;
        let name = period::UNITS[unit];
        if unit < next_unit {
            return Err(DurationFault::OutOfOrder { unit: name });
        }
        match fraction {
            Some(_) if unit != period::SECONDS => return Err(DurationFault::Fraction { unit: name }),
            Some(fraction) => micros = fraction?,
            None => {}
        }
        components[unit] = number.ok_or(DurationFault::TooLong)?;
        next_unit = unit + 1;
    }
    Period::new(components, micros)
}

/// The place of a unit in [`period::UNITS`], from its letter and the side of the `T` on which it stands.
fn unit(letter: Option<u8>, in_time: bool) -> Result<usize, DurationFault> {
    match (letter, in_time) {
        (Some(b'Y'), false) => Ok(period::YEARS),
        (Some(b'M'), false) => Ok(period::MONTHS),
        (Some(b'W'), false) => Ok(period::WEEKS),
        (Some(b'D'), false) => Ok(period::DAYS),
        (Some(b'H'), true) => Ok(period::HOURS),
        (Some(b'M'), true) => Ok(period::MINUTES),
        (Some(b'S'), true) => Ok(period::SECONDS),
        (Some(b'H'), false) => Err(DurationFault::NeedsTime { unit: period::UNITS[period::HOURS] }),
        (Some(b'S'), false) => Err(DurationFault::NeedsTime { unit: period::UNITS[period::SECONDS] }),
        (Some(b'Y'), true) => Err(DurationFault::NotTime { unit: period::UNITS[period::YEARS] }),
        (Some(b'W'), true) => Err(DurationFault::NotTime { unit: period::UNITS[period::WEEKS] }),
        (Some(b'D'), true) => Err(DurationFault::NotTime { unit: period::UNITS[period::DAYS] }),
        (Some(b'T') | None, _) => Err(DurationFault::MissingUnit),
        (Some(b'a'..=b'z'), _) => Err(DurationFault::SmallLetter),
        (Some(_), _) => Err(DurationFault::Malformed),
    }
}
