//! How many requests a caller may make to the public APIs: by the address that it calls from, counted before any
//! work, and by the key that it signs with, counted once the signature is verified, so that nobody uses up the budget
//! of another.
//!
//! Budgets fill up evenly (GCRA). They are kept in memory, each node for itself, in a bounded number of slots: a caller
//! is hashed to one with a seed that nobody knows. Two callers may share a slot, and then its budget; with a bound on
//! callers instead, whoever owns enough addresses could push out everybody else.

use crate::Clock;
use bursar_core::{Code, Refusal};
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use ipnet::{IpNet, Ipv6Net};
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

/// Slots for budgets; each takes up to 40 bytes, once it was used.
const SLOTS: u64 = 1 << 18;

/// So many requests a minute, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a minute, in the long run.
    pub per_minute: NonZeroU32,
    /// Requests at once, after a pause.
    pub burst: NonZeroU32,
}

impl Rate {
    /// A rate; none if one of the numbers is zero.
    pub const fn new(per_minute: u32, burst: u32) -> Option<Self> {
        match (NonZeroU32::new(per_minute), NonZeroU32::new(burst)) {
            (Some(per_minute), Some(burst)) => Some(Self { per_minute, burst }),
            _ => None,
        }
    }
}

/// The limits of the public APIs. The default is what the documentation of the settings file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// For each address, or each /64 network of IPv6.
    pub per_address: Option<Rate>,
    /// For each key.
    pub per_key: Option<Rate>,
}

impl RateLimits {
    /// No limits.
    pub const NONE: Self = Self { per_address: None, per_key: None };
}

impl Default for RateLimits {
    fn default() -> Self {
        // People behind one address of their provider call side by side, each with a key of an own.
        Self { per_address: Rate::new(1200, 300), per_key: Rate::new(600, 150) }
    }
}

/// Counts requests.
pub struct Limiter {
    addresses: Option<Slots>,
    keys: Option<Slots>,
}

impl Limiter {
    /// Counts by these limits, on this clock.
    pub fn new(limits: RateLimits, clock: &Clock) -> Self {
        let slots = |rate: Option<Rate>| rate.map(|rate| Slots::new(rate, clock.clone()));
        Self { addresses: slots(limits.per_address), keys: slots(limits.per_key) }
    }

    /// Counts a request from this address.
    ///
    /// # Errors
    /// [`Code::TooManyRequests`] with the time to wait; then it was not counted.
    pub fn count_address(&self, address: IpAddr) -> Result<(), Refusal> {
        match &self.addresses {
            Some(slots) => slots.count(&neighbourhood(address), "from this address"),
            None => Ok(()),
        }
    }

    /// Counts a request signed with this key.
    ///
    /// # Errors
    /// [`Code::TooManyRequests`] with the time to wait; then it was not counted.
    pub fn count_key(&self, key: &[u8; 32]) -> Result<(), Refusal> {
        match &self.keys {
            Some(slots) => slots.count(key, "signed with this key"),
            None => Ok(()),
        }
    }

    /// Forgets callers whose budgets are whole again; how many slots are left in use.
    pub fn forget_idle(&self) -> usize {
        let slots = [&self.addresses, &self.keys];
        slots.into_iter().flatten().map(Slots::forget_idle).sum()
    }
}

/// Whoever has one IPv6 address has the 2⁶⁴ next to it as well; IPv4 addresses stand for themselves, also when they
/// are written as IPv6.
pub fn neighbourhood(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address).into(),
        IpAddr::V6(address) => IpNet::V6(Ipv6Net::new_assert(address, 64).trunc()),
    }
}

/// Budgets of one kind.
struct Slots {
    rate: Rate,
    seed: RandomState,
    budgets: RateLimiter<u64, HashMapStateStore<u64>, WireClock, NoOpMiddleware<Duration>>,
    clock: Clock,
}

impl Slots {
    fn new(rate: Rate, clock: Clock) -> Self {
        let quota = Quota::per_minute(rate.per_minute).allow_burst(rate.burst);
        let budgets = RateLimiter::hashmap_with_clock(quota, WireClock(clock.clone()));
        Self { rate, seed: RandomState::new(), budgets, clock }
    }

    fn count(&self, who: &impl Hash, what: &str) -> Result<(), Refusal> {
        let slot = self.seed.hash_one(who) % SLOTS;
        let Err(not_until) = self.budgets.check_key(&slot) else { return Ok(()) };
        let left = not_until.wait_time_from(self.clock.wire_elapsed());
        // Rounded up: whoever comes back then is let in.
        let seconds = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX).max(1);
        let Rate { per_minute, burst } = self.rate;
        let text = format!(
            "too many requests {what}: {per_minute} a minute are allowed, and {burst} at once after a pause; \
             try again in {seconds} s"
        );
        let refusal = Refusal::new(Code::TooManyRequests, text).retry_after(seconds);
        Err(refusal.with("perMinute", per_minute.get()).with("burst", burst.get()))
    }

    fn forget_idle(&self) -> usize {
        self.budgets.retain_recent();
        self.budgets.shrink_to_fit();
        self.budgets.len()
    }
}

/// The time of callers, as the library wants it.
struct WireClock(Clock);

impl GovernorClock for WireClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.wire_elapsed()
    }
}
