//! How many requests callers may make.

use bursar_app::Clock;
use bursar_app::rate_limits::{Limiter, Rate, RateLimits, neighbourhood};
use jiff::{SignedDuration, Timestamp};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn clock() -> Clock {
    Clock::manual("2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap())
}

fn pass(clock: &Clock, milliseconds: i64) {
    clock.set(clock.now() + SignedDuration::from_millis(milliseconds));
}

fn by_address(per_minute: u32, burst: u32) -> RateLimits {
    RateLimits { per_address: Rate::new(per_minute, burst), ..RateLimits::NONE }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The seconds to wait; none if the request was let in.
fn count(limiter: &Limiter, from: &str) -> Option<u32> {
    let refusal = limiter.count_address(address(from)).err()?;
    Some(refusal.retry_after_seconds.expect("a refusal says when to come again"))
}

#[test]
fn budgets_are_used_up_and_fill_up_evenly() {
    let clock = clock();
    let limiter = Limiter::new(by_address(6, 3), &clock);
    let ask = || count(&limiter, "192.0.2.7");
    assert_eq!([ask(), ask(), ask(), ask(), ask()], [None, None, None, Some(10), Some(10)]);
    // To the second, and rounded up.
    pass(&clock, 1);
    assert_eq!(ask(), Some(10));
    pass(&clock, 8_999);
    assert_eq!(ask(), Some(1));
    pass(&clock, 999);
    assert_eq!(ask(), Some(1));
    pass(&clock, 1);
    assert_eq!([ask(), ask()], [None, Some(10)]);
    // However long the pause, only so many at once.
    pass(&clock, 24 * 3600 * 1000);
    assert_eq!([ask(), ask(), ask(), ask()], [None, None, None, Some(10)]);
}

#[test]
fn whoever_waits_as_told_is_let_in() {
    for (per_minute, burst) in [(1, 1), (7, 2), (60, 1), (600, 150), (1200, 300), (100_000, 3)] {
        let clock = clock();
        let limiter = Limiter::new(by_address(per_minute, burst), &clock);
        for _ in 0..burst {
            assert_eq!(count(&limiter, "192.0.2.7"), None);
        }
        for _ in 0..3 {
            if let Some(seconds) = count(&limiter, "192.0.2.7") {
                pass(&clock, i64::from(seconds) * 1000);
            }
            assert_eq!(count(&limiter, "192.0.2.7"), None, "{per_minute} {burst}");
        }
    }
}

#[test]
fn everybody_has_a_budget_of_their_own() {
    let clock = clock();
    let limiter = Limiter::new(RateLimits { per_key: Rate::new(1, 1), ..by_address(1, 1) }, &clock);
    assert_eq!([count(&limiter, "192.0.2.7"), count(&limiter, "192.0.2.7")], [None, Some(60)]);
    assert_eq!(count(&limiter, "192.0.2.8"), None);
    assert_eq!(count(&limiter, "::ffff:192.0.2.7"), Some(60), "the same address");
    assert_eq!(count(&limiter, "2001:db8:1:2::1"), None);
    assert_eq!(count(&limiter, "2001:db8:1:2:ffff::1"), Some(60), "the same network");
    assert_eq!(count(&limiter, "2001:db8:1:3::1"), None);
    assert!(limiter.count_key(&[1; 32]).is_ok());
    let refusal = limiter.count_key(&[1; 32]).unwrap_err();
    assert_eq!((refusal.code.as_str(), refusal.retry_after_seconds), ("too_many_requests", Some(60)));
    assert!(refusal.description.contains("signed with this key: 1 a minute"), "{refusal}");
    assert!(limiter.count_key(&[2; 32]).is_ok());
}

#[test]
fn without_limits_nobody_is_counted() {
    let limiter = Limiter::new(RateLimits::NONE, &clock());
    for _ in 0..10_000 {
        assert_eq!(count(&limiter, "192.0.2.7"), None);
        assert!(limiter.count_key(&[1; 32]).is_ok());
    }
    assert_eq!(limiter.forget_idle(), 0);
    assert_eq!((Rate::new(0, 1), Rate::new(1, 0)), (None, None));
}

#[test]
fn endless_callers_take_bounded_memory() {
    const CALLERS: u32 = 150_000;
    let clock = clock();
    let limiter = Limiter::new(by_address(60, 2), &clock);
    for number in 0..CALLERS {
        // Those who share a slot share a budget; nobody gets two.
        let _ = limiter.count_address(IpAddr::V4(Ipv4Addr::from(0x0100_0000 + number)));
        let _ = limiter.count_address(IpAddr::V6(Ipv6Addr::from(u128::from(number) << 64)));
    }
    let used = limiter.forget_idle();
    // About two thirds of 2¹⁸ slots, for 300,000 callers.
    assert!((150_000..200_000).contains(&used), "{used}");
    pass(&clock, 60_000);
    assert_eq!(limiter.forget_idle(), 0, "budgets that are whole again are forgotten");
}

#[test]
fn moving_the_sandbox_clock_gives_nobody_a_budget() {
    let clock = Clock::system(SignedDuration::ZERO);
    let limiter = Limiter::new(by_address(1, 1), &clock);
    assert_eq!(count(&limiter, "192.0.2.7"), None);
    clock.set(clock.now() + SignedDuration::from_hours(24));
    assert!(count(&limiter, "192.0.2.7").is_some());
}

#[test]
fn neighbourhoods() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(neighbourhood(address(text)).to_string(), expected);
    }
    check("192.0.2.7", "192.0.2.7/32");
    check("::ffff:192.0.2.7", "192.0.2.7/32");
    check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
    check("::1", "::/64");
}
