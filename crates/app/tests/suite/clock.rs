//! The clock.

use bursar_app::Clock;
use jiff::{SignedDuration, Timestamp};

#[tokio::test]
async fn moving_the_clock_wakes_sleepers() {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    for clock in [Clock::manual(start), Clock::system(SignedDuration::ZERO)] {
        let until = clock.now() + SignedDuration::from_hours(24 * 30);
        let sleeper = {
            let clock = clock.clone();
            tokio::spawn(async move { clock.sleep_until(until).await })
        };
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.set(until);
        sleeper.await.unwrap();
        assert!(clock.now() >= until);
    }
}

#[test]
fn callers_keep_their_own_time() {
    let clock = Clock::system(SignedDuration::ZERO);
    let before = clock.wire_seconds();
    clock.set(clock.now() + SignedDuration::from_hours(24 * 365));
    assert!(clock.wire_seconds() - before < 3600, "signatures are judged by the real time");
    assert!(clock.offset() > SignedDuration::from_hours(24 * 364));
}
