//! Time. Nothing else reads the system's clock or sleeps, so that a test clock moves everything.
#![expect(clippy::disallowed_methods, reason = "this is where time comes from")]

use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The provider's clock: the system's, moved by some offset in the sandbox, or one that stands still until it is
/// moved.
#[derive(Clone)]
pub struct Clock {
    setting: Arc<watch::Sender<Setting>>,
    /// When it was made, in real time.
    began: Instant,
}

#[derive(Clone, Copy)]
enum Setting {
    /// The system's time plus an offset.
    System { offset: SignedDuration },
    /// Exactly this instant.
    Manual { now: Timestamp },
}

impl Clock {
    /// The system's clock, moved by an offset.
    pub fn system(offset: SignedDuration) -> Self {
        Self { setting: Arc::new(watch::Sender::new(Setting::System { offset })), began: Instant::now() }
    }

    /// A clock that stands still.
    pub fn manual(now: Timestamp) -> Self {
        Self { setting: Arc::new(watch::Sender::new(Setting::Manual { now })), began: Instant::now() }
    }

    /// The present, in whole microseconds, which is what is stored.
    pub fn now(&self) -> Timestamp {
        let now = match *self.setting.borrow() {
            Setting::System { offset } => Timestamp::now().saturating_add(offset).unwrap_or(Timestamp::MAX),
            Setting::Manual { now } => now,
        };
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// Seconds since 1970 as the callers see them: their signatures are dated by their own clocks, which do not
    /// follow when the sandbox's clock is moved.
    pub fn wire_seconds(&self) -> i64 {
        match *self.setting.borrow() {
            Setting::System { .. } => Timestamp::now().as_second(),
            Setting::Manual { now } => now.as_second(),
        }
    }

    /// How much time has passed since some point that stays the same, as callers see it: it neither follows when the
    /// sandbox's clock is moved nor when somebody sets the system's. A manual clock moves it.
    pub fn wire_elapsed(&self) -> Duration {
        match *self.setting.borrow() {
            Setting::System { .. } => self.began.elapsed(),
            Setting::Manual { now } => {
                Duration::try_from(now.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default()
            }
        }
    }

    /// Moves the clock so that it is this instant now. Whoever sleeps looks again.
    pub fn set(&self, to: Timestamp) {
        self.setting.send_modify(|setting| match setting {
            Setting::System { offset } => *offset = to.duration_since(Timestamp::now()),
            Setting::Manual { now } => *now = to,
        });
    }

    /// How far the clock is from the system's.
    pub fn offset(&self) -> SignedDuration {
        match *self.setting.borrow() {
            Setting::System { offset } => offset,
            Setting::Manual { now } => now.duration_since(Timestamp::now()),
        }
    }

    /// Sleeps until the clock shows this instant.
    pub async fn sleep_until(&self, until: Timestamp) {
        let mut changes = self.setting.subscribe();
        loop {
            let left = until.duration_since(self.now());
            if left <= SignedDuration::ZERO {
                return;
            }
            let manual = matches!(*self.setting.borrow(), Setting::Manual { .. });
            let nap = Duration::try_from(left).unwrap_or_default();
            tokio::select! {
                () = tokio::time::sleep(nap), if !manual => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Runs `work` for at most this long in real time: for the network, which no test clock moves.
    pub async fn within<T>(real: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(real, work).await.ok()
    }

    /// Sleeps for this long in real time: for connections, which no test clock moves. Work that people or apps wait
    /// for sleeps on the clock instead.
    pub fn real_sleep(real: Duration) -> tokio::time::Sleep {
        tokio::time::sleep(real)
    }

    /// A point of real time, for cached answers of other servers.
    pub fn real_instant() -> Instant {
        Instant::now()
    }
}
