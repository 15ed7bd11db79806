//! The arithmetic of windows: boundary `k` is `anchor + k·d`, and window `k` lies between boundaries `k` and `k + 1`.
//!
//! Counted back from an end, `k` is negative and the same formula holds. Only at the surface are windows renumbered so
//! that the earliest, where there is one, has the index 0.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Span, Timestamp};

use super::Window;
use super::error::IntervalError;
use super::period::{MICROS_PER_DAY, Period, Step};

/// The first instant of the calendar: the year 0000 begins in UTC.
const CALENDAR_START: Timestamp = Timestamp::constant(-62_167_219_200, 0);

/// The last instant of the calendar, 9999-12-30T22:00:00Z: the last that jiff counts in microseconds.
const CALENDAR_END: Timestamp = Timestamp::constant(253_402_207_200, 0);

/// The average month of the Gregorian calendar, whose months repeat every 400 years: 146,097 days in 4,800 months,
/// which happens to be a whole number of seconds.
const MICROS_PER_MONTH: i64 = 146_097 * (MICROS_PER_DAY as i64) / 4_800;

/// The instant from which windows are counted, and the offset at which its date was written.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Anchor {
    local: DateTime,
    offset: Offset,
    micros: i64,
}

impl Anchor {
    /// An anchor at this date and time of this offset, in whole microseconds; `None` outside the calendar.
    pub(super) fn new(local: DateTime, offset: Offset) -> Option<Self> {
        let at = offset.to_timestamp(local).ok()?;
        in_calendar(at, offset).then_some(Self { local, offset, micros: at.as_microsecond() })
    }

    /// The time from here to the end; `None` unless the end comes later.
    pub(super) fn elapsed_until(&self, end: &Self) -> Option<Period> {
        Period::elapsed(end.micros.checked_sub(self.micros)?)
    }
}

/// Whether an instant lies in the calendar. Windows may reach back to a local time of the year -0001 while it is 0000 in
/// UTC; such an instant could not be written at its own offset, and counts as outside.
fn in_calendar(at: Timestamp, offset: Offset) -> bool {
    (CALENDAR_START..=CALENDAR_END).contains(&at) && offset.to_datetime(at).year() >= 0
}

/// A sequence of windows.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Recurrence {
    anchor: Anchor,
    step: Step,
    /// The average length of a window in microseconds.
    average_micros: i64,
    /// The `k` of the earliest window; `None` if there always was an earlier one.
    earliest: Option<i64>,
    /// The `k` of the final window; `None` if there is no end.
    latest: Option<i64>,
}

impl Recurrence {
    /// Windows that follow one another from the anchor.
    pub(super) fn forward(anchor: Anchor, step: Step, count: Option<u64>) -> Result<Self, IntervalError> {
        let latest = match count {
            Some(count) => Some(length(count)? - 1),
            None => None,
        };
        Self::new(anchor, step, Some(0), latest)
    }

    /// Windows counted back from the anchor.
    pub(super) fn backward(anchor: Anchor, step: Step, count: Option<u64>) -> Result<Self, IntervalError> {
        let earliest = match count {
            Some(count) => Some(-length(count)?),
            None => None,
        };
        Self::new(anchor, step, earliest, Some(-1))
    }

    /// Checks what every later computation relies on: that the window at the anchor lies in the calendar, and, if they
    /// are counted, the outermost as well.
    fn new(anchor: Anchor, step: Step, earliest: Option<i64>, latest: Option<i64>) -> Result<Self, IntervalError> {
        let average_micros = step.average_micros().ok_or(IntervalError::WindowBeyondCalendar)?;
        let recurrence = Self { anchor, step, average_micros, earliest, latest };
        let (nearest, outermost) = if earliest == Some(0) { (0, latest) } else { (-1, earliest) };
        if recurrence.between(nearest).is_none() {
            return Err(IntervalError::WindowBeyondCalendar);
        }
        match (outermost, recurrence.count()) {
            (Some(k), Some(count)) if recurrence.between(k).is_none() => {
                Err(IntervalError::CountBeyondCalendar { count: count.to_string() })
            }
            _ => Ok(recurrence),
        }
    }

    pub(super) fn count(&self) -> Option<u64> {
        u64::try_from(self.latest? - self.earliest? + 1).ok()
    }

    pub(super) fn window_at(&self, at: Timestamp) -> Option<Window> {
        let estimate = self.estimate(at);
        let k = if self.begins_after(estimate, at) {
            estimate - 1
        } else if !self.begins_after(estimate + 1, at) {
            estimate + 1
        } else {
            estimate
        };
        // Should the estimate ever be further off than it is proven to be, then no window rather than a wrong one: a
        // payment that is refused does less harm than one that is counted elsewhere.
        self.numbered(k).filter(|window| window.contains(at))
    }

    pub(super) fn window(&self, index: i64) -> Option<Window> {
        self.numbered(index.checked_add(self.first_number())?)
    }

    pub(super) fn first(&self) -> Option<Window> {
        self.numbered(self.earliest?)
    }

    pub(super) fn last(&self) -> Option<Window> {
        self.numbered(self.latest?)
    }

    /// Whether windows counted back from any boundary are the same as those counted back from the anchor. With months in
    /// the step they are if every boundary falls on the anchor's day, which no month is too short for.
    pub(super) fn may_move_its_anchor(&self) -> bool {
        self.step.months == 0 || self.step.micros == 0 && self.anchor.local.day() <= 28
    }

    /// Whether windows are counted back from an end.
    pub(super) fn is_backward(&self) -> bool {
        self.latest == Some(-1)
    }

    /// The anchor's offset, at which people are shown all instants of the interval.
    pub(super) fn offset(&self) -> Offset {
        self.anchor.offset
    }

    /// The `k` of the window whose index is 0: the earliest one, if there is one.
    fn first_number(&self) -> i64 {
        self.earliest.unwrap_or(0)
    }

    /// The window `k`, if it belongs to the sequence.
    fn numbered(&self, k: i64) -> Option<Window> {
        if self.earliest.is_some_and(|earliest| k < earliest) || self.latest.is_some_and(|latest| k > latest) {
            return None;
        }
        let (start, end) = self.between(k)?;
        Some(Window { index: k.checked_sub(self.first_number())?, start, end })
    }

    /// Where window `k` starts and ends; `None` if it does not lie in the calendar entirely.
    ///
    /// It is never empty. Boundaries `k` and `k + 1` lie in different months as soon as the step has a month in it, and
    /// no day is in a later month than the next month's; elapsed time only ever adds to that, in the same direction.
    fn between(&self, k: i64) -> Option<(Timestamp, Timestamp)> {
        let (start, end) = (self.boundary(k)?, self.boundary(k.checked_add(1)?)?);
        (in_calendar(start, self.anchor.offset) && in_calendar(end, self.anchor.offset)).then_some((start, end))
    }

    /// Boundary `k`: `anchor + k·d`; `None` if it is out of reach.
    fn boundary(&self, k: i64) -> Option<Timestamp> {
        let months = Span::new().try_months(self.step.months.checked_mul(k)?).ok()?;
        let local = self.anchor.local.checked_add(months).ok()?;
        let at = self.anchor.offset.to_timestamp(local).ok()?;
        // Added to the instant and not to the local time, which comes to the same at a fixed offset: local times of jiff
        // 0.2 refuse durations past 2,932,896 days even where the sum is in their range.
        let micros = at.as_microsecond().checked_add(self.step.micros.checked_mul(k)?)?;
        Timestamp::from_microsecond(micros).ok()
    }

    /// Whether window `k` begins after the instant, if that is in the calendar. A boundary out of reach is so on its own
    /// side of the anchor: beyond the year 9999, or thousands of years before the year 0000.
    fn begins_after(&self, k: i64, at: Timestamp) -> bool {
        self.boundary(k).map_or(k > 0, |start| start > at)
    }

    /// The `k` of the window that holds the instant, or that of one of its neighbours.
    ///
    /// A boundary is never further from `anchor + k·average` than the calendar strays from its own average: less than
    /// six days, all of it owed to months. A window with a month in it is on average at least thirty days long, so the
    /// estimate is at most one off; a window without is as long as the average, and the estimate is exact.
    fn estimate(&self, at: Timestamp) -> i64 {
        // Rounded down, also before 1970; boundaries are whole microseconds, so nothing lies between.
        let at = at.as_second() * 1_000_000 + i64::from(at.subsec_nanosecond()).div_euclid(1_000);
        (at - self.anchor.micros).div_euclid(self.average_micros)
    }
}

impl Step {
    /// The average length in microseconds; `None` if it is longer than can be counted.
    fn average_micros(self) -> Option<i64> {
        self.months.checked_mul(MICROS_PER_MONTH)?.checked_add(self.micros)
    }
}

/// A count of windows as a signed number. What does not fit is more than the calendar has microseconds.
fn length(count: u64) -> Result<i64, IntervalError> {
    i64::try_from(count).map_err(|_| IntervalError::CountBeyondCalendar { count: count.to_string() })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    /// Every distance between a boundary and `anchor + k·average` is a difference of two of the numbers gathered here,
    /// since the calendar repeats after 4,800 months: so this bounds them all.
    #[test]
    fn months_stray_less_than_six_days_from_their_average() {
        for day in 1..=31 {
            let anchor = Anchor::new(date(2000, 1, day).at(0, 0, 0, 0), Offset::UTC).unwrap();
            let step = Step { months: 1, micros: 0 };
            let recurrence = Recurrence::forward(anchor, step, None).unwrap();
            let strayed: Vec<i64> = (0..4_800)
                .map(|k| {
                    let boundary = recurrence.boundary(k).unwrap().as_microsecond();
                    boundary - recurrence.anchor.micros - k * MICROS_PER_MONTH
                })
                .collect();
            let spread = strayed.iter().max().unwrap() - strayed.iter().min().unwrap();
            assert!(spread < 6 * i64::try_from(MICROS_PER_DAY).unwrap(), "day {day}: {spread} microseconds");
        }
    }

    /// How many steps away from the right window the estimate for an instant is.
    fn steps(recurrence: &Recurrence, k: i64, at: Timestamp) -> u64 {
        recurrence.estimate(at).abs_diff(k)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// The search corrects its estimate by one window at most. Here the right window is known beforehand, and the
        /// instants are those at which an estimate is most likely to be wrong: the first and the last of the window.
        #[test]
        fn an_estimate_is_at_most_one_step_off(
            (year, month, day) in (0_i16..=9_990, 1_i8..=12, 1_i8..=31),
            (second, micro) in (0_i64..86_400, 0_i64..1_000_000),
            offset_minutes in -1_439_i32..=1_439,
            (months, days, micros) in (0_i64..40, prop_oneof![Just(0), 0_i64..70], prop_oneof![Just(0), 0_i64..9_000_000_000_000]),
            place in 0_i64..=1_000_000,
            backward: bool,
        ) {
            let step = Step { months, micros: days * i64::try_from(MICROS_PER_DAY).unwrap() + micros };
            prop_assume!(step.average_micros() != Some(0));
            let month_start = date(year, month, 1);
            let local = date(year, month, day.min(month_start.days_in_month())).at(0, 0, 0, 0)
                .checked_add(SignedDuration::from_micros(second * 1_000_000 + micro)).unwrap();
            let Some(anchor) = Anchor::new(local, Offset::from_seconds(offset_minutes * 60).unwrap()) else {
                return Err(TestCaseError::reject("outside the calendar"));
            };
            let recurrence = if backward {
                Recurrence::backward(anchor, step, None)
            } else {
                Recurrence::forward(anchor, step, None)
            };
            let Ok(recurrence) = recurrence else {
                return Err(TestCaseError::reject("no window in the calendar"));
            };

            // Any window between the anchor and the edge of the calendar, wherever `place` says.
            let edge = if backward { CALENDAR_START } else { CALENDAR_END };
            let k = recurrence.estimate(edge) / 1_000_000 * place - i64::from(backward);
            let Some((start, end)) = recurrence.between(k) else {
                return Err(TestCaseError::reject("outside the calendar"));
            };
            let last = end.checked_sub(SignedDuration::from_nanos(1)).unwrap();
            prop_assert!(steps(&recurrence, k, start) <= 1);
            prop_assert!(steps(&recurrence, k, last) <= 1);
            if months == 0 {
                prop_assert_eq!(steps(&recurrence, k, start), 0);
                prop_assert_eq!(steps(&recurrence, k, last), 0);
            }
            let found = recurrence.window_at(last).map(|window| (window.start, window.end));
            prop_assert_eq!(found, Some((start, end)));
        }
    }
}
