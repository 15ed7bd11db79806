//! Intervals in plain English.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::Interval;
use super::period::decimals;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The whole of an interval in one phrase, without a full stop.
pub(super) fn interval(interval: &Interval) -> String {
    let offset = interval.0.recurrence.offset();
    let starts = interval.starts_at().map(|at| instant(at, offset));
    let ends = interval.ends_at().map(|at| instant(at, offset));
    match (interval.count(), starts, ends) {
        (Some(1), Some(start), Some(end)) => {
            format!("1 window of {}, from {start} until {end}", interval.0.period.counted())
        }
        (Some(count), Some(start), Some(end)) => {
            format!("{count} windows of {} each, from {start} until {end}", interval.0.period.counted())
        }
        (_, Some(start), _) => format!("every {}, without end, from {start}", interval.describe_period()),
        (_, None, Some(end)) => format!("every {}, until {end}", interval.describe_period()),
        // An interval has a start, an end, or both.
        (_, None, None) => format!("every {}", interval.describe_period()),
    }
}

/// An instant at an offset: `20 May 2025 13:00 UTC`, `25 October 2025 22:00 UTC+02:00`.
fn instant(at: Timestamp, offset: Offset) -> String {
    let local = offset.to_datetime(at);
    let month = usize::from(local.month().unsigned_abs()).checked_sub(1).and_then(|month| MONTHS.get(month));
    let fraction = decimals(local.subsec_nanosecond().unsigned_abs() / 1_000);
    let seconds = if local.second() == 0 && fraction.is_empty() {
        String::new()
    } else {
        format!(":{:02}{fraction}", local.second())
    };
    format!(
        "{} {} {:04} {:02}:{:02}{seconds} {}",
        local.day(),
        month.copied().unwrap_or_default(),
        local.year(),
        local.hour(),
        local.minute(),
        offset_name(offset),
    )
}

/// `UTC`, `UTC+02:00`, `UTC-05:30`. Offsets are whole minutes: no other can be written.
fn offset_name(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    if minutes == 0 {
        return "UTC".to_owned();
    }
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}
