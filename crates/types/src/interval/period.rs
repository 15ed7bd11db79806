//! The length of a window: as it was written, for people, and as a step, for the calendar.

use std::fmt::Write as _;

use super::error::DurationFault;

/// The names of the components of a duration, largest first.
pub(super) const UNITS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "minutes", "seconds"];

pub(super) const YEARS: usize = 0;
pub(super) const MONTHS: usize = 1;
pub(super) const WEEKS: usize = 2;
pub(super) const DAYS: usize = 3;
pub(super) const HOURS: usize = 4;
pub(super) const MINUTES: usize = 5;
pub(super) const SECONDS: usize = 6;

const MICROS_PER_SECOND: u64 = 1_000_000;
const MICROS_PER_MINUTE: u64 = 60 * MICROS_PER_SECOND;
const MICROS_PER_HOUR: u64 = 60 * MICROS_PER_MINUTE;

/// Microseconds of a day. Offsets are fixed, so every day has as many.
pub(super) const MICROS_PER_DAY: u64 = 24 * MICROS_PER_HOUR;

/// The length of a window, with its components as they were written.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Period {
    /// One number for each of [`UNITS`].
    components: [u64; UNITS.len()],
    /// The fraction of the seconds, in microseconds; less than a second.
    micros: u32,
    step: Step,
}

/// The length of a window as far as the calendar tells units apart. No field is negative, and not all are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Step {
    /// Months, years included.
    pub(super) months: i64,
    /// Everything else, in microseconds: at a fixed offset weeks and days are elapsed time like hours.
    pub(super) micros: i64,
}

impl Period {
    /// A period of these components (see [`UNITS`]) and this fraction of a second in microseconds.
    ///
    /// # Errors
    ///
    /// `Zero` if nothing is left of it, `TooLong` if it passes what can be counted.
    pub(super) fn new(components: [u64; UNITS.len()], micros: u32) -> Result<Self, DurationFault> {
        if micros == 0 && components.iter().all(|&component| component == 0) {
            return Err(DurationFault::Zero);
        }
        let sum = |terms: &[(u64, u64)]| -> Option<i64> {
            let sum = terms.iter().try_fold(0_u64, |sum, (count, size)| sum.checked_add(count.checked_mul(*size)?))?;
            i64::try_from(sum).ok()
        };
        let [years, months, weeks, days, hours, minutes, seconds] = components;
        let step = || {
            Some(Step {
                months: sum(&[(years, 12), (months, 1)])?,
                micros: sum(&[
                    (weeks, 7 * MICROS_PER_DAY),
                    (days, MICROS_PER_DAY),
                    (hours, MICROS_PER_HOUR),
                    (minutes, MICROS_PER_MINUTE),
                    (seconds, MICROS_PER_SECOND),
                    (u64::from(micros), 1),
                ])?,
            })
        };
        Ok(Self { components, micros, step: step().ok_or(DurationFault::TooLong)? })
    }

    /// A period of elapsed time, in days and smaller units. `None` if the time is not positive.
    pub(super) fn elapsed(micros: i64) -> Option<Self> {
        let micros = u64::try_from(micros).ok()?;
        let mut components = [0; UNITS.len()];
        components[DAYS] = micros / MICROS_PER_DAY;
        components[HOURS] = micros % MICROS_PER_DAY / MICROS_PER_HOUR;
        components[MINUTES] = micros % MICROS_PER_HOUR / MICROS_PER_MINUTE;
        components[SECONDS] = micros % MICROS_PER_MINUTE / MICROS_PER_SECOND;
        let fraction = u32::try_from(micros % MICROS_PER_SECOND).ok()?;
        Self::new(components, fraction).ok()
    }

    pub(super) fn step(&self) -> Step {
        self.step
    }

    /// To stand after a number or "of": `1 month`, `1 year, 2 months and 10 days`.
    pub(super) fn counted(&self) -> String {
        let mut parts = Vec::with_capacity(UNITS.len());
        for (unit, (&count, name)) in self.components.iter().zip(UNITS).enumerate() {
            let fraction = if unit == SECONDS { self.micros } else { 0 };
            if count == 0 && fraction == 0 {
                continue;
            }
            let exactly_one = count == 1 && fraction == 0;
            let name = if exactly_one { name.trim_end_matches('s') } else { name };
            parts.push(format!("{count}{} {name}", decimals(fraction)));
        }
        let Some((last, others)) = parts.split_last() else { return String::new() };
        if others.is_empty() { last.clone() } else { format!("{} and {last}", others.join(", ")) }
    }

    /// To stand after "every": as [`Self::counted`], but `month` for one month.
    pub(super) fn after_every(&self) -> String {
        let counted = self.counted();
        match counted.strip_prefix("1 ") {
            Some(unit) if !unit.contains(' ') => unit.to_owned(),
            _ => counted,
        }
    }
}

/// A fraction of a second given in microseconds, as the decimals after a whole number; nothing if it is zero.
pub(super) fn decimals(micros: u32) -> String {
    let mut decimals = String::new();
    if micros > 0 {
        // Writing to a String cannot fail.
        let _ = write!(decimals, ".{micros:06}");
        decimals.truncate(decimals.trim_end_matches('0').len());
    }
    decimals
}
