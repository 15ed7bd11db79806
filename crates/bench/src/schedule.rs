//! When requests are due in an open loop: evenly, whatever became of the earlier ones.

use std::time::Duration;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Requests at a fixed rate for a fixed time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Requests per second; at least 1.
    rate: u32,
    /// How many there are.
    count: u64,
}

impl Schedule {
    /// As many requests as fit into this time at this rate. A rate of 0 counts as 1.
    pub fn new(rate: u32, time: Duration) -> Self {
        let rate = rate.max(1);
        let count = time.as_nanos() * u128::from(rate) / NANOS_PER_SECOND;
        Self { rate, count: u64::try_from(count).unwrap_or(u64::MAX) }
    }

    /// How many requests there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// When the request of this number, counted from 0, is due after the beginning.
    pub fn due(&self, number: u64) -> Duration {
        let nanos = u128::from(number) * NANOS_PER_SECOND / u128::from(self.rate);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many requests are due once this time has passed.
    pub fn due_by(&self, passed: Duration) -> u64 {
        // Instants are rounded down to whole nanoseconds, so one more may be due than the division tells.
        let by = passed.as_nanos() * u128::from(self.rate) / NANOS_PER_SECOND + 1;
        let by = u64::try_from(by).unwrap_or(u64::MAX);
        let by = if self.due(by) <= passed { by + 1 } else { by };
        by.min(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_are_due_evenly() {
        #[track_caller]
        fn check(rate: u32, milliseconds: u64, count: u64, due_micros: &[u64]) {
            let schedule = Schedule::new(rate, Duration::from_millis(milliseconds));
            assert_eq!(schedule.count(), count);
            let due: Vec<u64> =
                (0..due_micros.len()).map(|number| schedule.due(number as u64).as_micros() as u64).collect();
            assert_eq!(due, due_micros);
        }
        check(1, 3000, 3, &[0, 1_000_000, 2_000_000]);
        check(3000, 5000, 15_000, &[0, 333, 666, 1000, 1333]);
        check(50, 200, 10, &[0, 20_000, 40_000]);
        check(7, 100, 0, &[]);
        check(0, 2000, 2, &[0, 1_000_000]);
    }

    #[test]
    fn what_is_late_is_due_at_once() {
        let schedule = Schedule::new(1000, Duration::from_secs(1));
        #[track_caller]
        fn check(schedule: Schedule, micros: u64, expected: u64) {
            assert_eq!(schedule.due_by(Duration::from_micros(micros)), expected, "{micros}");
        }
        check(schedule, 0, 1);
        check(schedule, 999, 1);
        check(schedule, 1000, 2);
        check(schedule, 10_500, 11);
        check(schedule, 5_000_000, 1000);
    }

    proptest! {
        #[test]
        fn what_is_due_is_exactly_what_should_have_begun(rate in 1..100_000_u32, passed in 0..3_000_000_000_u64) {
            let schedule = Schedule::new(rate, Duration::from_secs(2));
            let passed = Duration::from_nanos(passed);
            let due = schedule.due_by(passed);
            prop_assert!(due == 0 || schedule.due(due - 1) <= passed);
            prop_assert!(due == schedule.count() || schedule.due(due) > passed);
        }
    }
}
