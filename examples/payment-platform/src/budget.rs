//! What is left of a mandate, and a chart of it. Pure: the time is an argument.

use bursar_client::types::{AccessItem, Amount, Asset, Interval, LimitAmount, Window};
use jiff::Timestamp;

/// Height of the chart at which the limit is, in its own units.
pub const CHART_TOP: u64 = 100;
/// Bars that the chart has room for.
pub const BARS_MAX: usize = 40;

/// What a mandate allows, and what has been spent of it in the current window.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    limit: Option<Amount>,
    interval: Option<Interval>,
    spent: Amount,
    /// The window in which that was spent.
    window: Option<i64>,
}

impl Budget {
    /// The budget of a grant, from the access that was really granted, which may be less than was asked. Nothing is spent.
    pub fn granted(access: &[AccessItem], asset: Asset) -> Self {
        let limits = access.iter().find_map(AccessItem::limits);
        let limit = limits.and_then(|limits| match &limits.amount {
            Some(LimitAmount::Debit(amount)) => Some(*amount),
            _ => None,
        });
        let interval = limits.and_then(|limits| limits.interval.clone());
        Self { limit, interval, spent: asset.zero(), window: None }
    }

    /// The most that may be spent in a window; `None` if the app does not know of a limit.
    pub fn limit(&self) -> Option<Amount> {
        self.limit
    }

    /// The windows.
    pub fn interval(&self) -> Option<&Interval> {
        self.interval.as_ref()
    }

    /// The window that holds this instant.
    pub fn window(&self, now: Timestamp) -> Option<Window> {
        self.interval.as_ref()?.window_at(now)
    }

    fn index(&self, now: Timestamp) -> Option<i64> {
        self.window(now).map(|window| window.index)
    }

    /// What has been spent in the current window: nothing yet if a new one has begun.
    pub fn spent(&self, now: Timestamp) -> Amount {
        if self.window == self.index(now) { self.spent } else { self.spent.asset().zero() }
    }

    /// What may still be spent in the current window.
    pub fn left(&self, now: Timestamp) -> Option<Amount> {
        let limit = self.limit?;
        Some(limit.checked_sub(&self.spent(now)).unwrap_or_else(|_| limit.asset().zero()))
    }

    /// Takes the provider's word for what has been spent in the current window.
    pub fn record(&mut self, spent: Amount, now: Timestamp) {
        (self.spent, self.window) = (spent, self.index(now));
    }

    /// Whether a payment of this amount can be allowed now, as far as the app can tell.
    pub fn fits(&self, amount: Amount, now: Timestamp) -> bool {
        let open = self.interval.is_none() || self.window(now).is_some();
        open && self.left(now).is_none_or(|left| left.checked_sub(&amount).is_ok())
    }

    /// Whether there will be something to spend: now, or in a window that is still to come.
    pub fn has_future(&self, now: Timestamp) -> bool {
        match &self.interval {
            None => self.left(now).is_none_or(|left| !left.is_zero()),
            Some(interval) => interval.ends_at().is_none_or(|end| now < end),
        }
    }

    /// When there is the whole amount to spend again.
    pub fn renews_at(&self, now: Timestamp) -> Option<Timestamp> {
        let interval = self.interval.as_ref()?;
        match interval.window_at(now) {
            Some(window) => interval.next(&window).map(|next| next.start),
            None => interval.starts_at().filter(|start| now < *start),
        }
    }

    /// How high something of this amount is in the chart, where the limit is [`CHART_TOP`].
    pub fn height(&self, amount: Amount) -> u64 {
        let Some(limit) = self.limit.filter(|limit| !limit.is_zero()) else { return 0 };
        let share = u128::from(amount.value()) * u128::from(CHART_TOP) / u128::from(limit.value());
        u64::try_from(share).unwrap_or(CHART_TOP).min(CHART_TOP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_client::{Access, OutgoingAccess};
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn cad(text: &str) -> Amount {
        Asset::new("CAD", 2).unwrap().parse_decimal(text).unwrap()
    }

    fn budget(limit: &str, interval: Option<&str>) -> Budget {
        let mut access = OutgoingAccess::new("http://localhost/una").debit(cad(limit));
        if let Some(interval) = interval {
            access = access.interval(interval);
        }
        let item = Access::from(access).into_item().unwrap();
        Budget::granted(&[item], Asset::new("CAD", 2).unwrap())
    }

    #[test]
    fn the_budget_is_whole_again_in_the_next_window() {
        let mut budget = budget("10.00", Some("R2/2026-01-01T00:00:00Z/P1D"));
        let (first, second, after) =
            (at("2026-01-01T12:00:00Z"), at("2026-01-02T00:00:00Z"), at("2026-01-03T00:00:00Z"));
        budget.record(cad("9.75"), first);
        assert_eq!(budget.left(first), Some(cad("0.25")));
        assert!(budget.fits(cad("0.25"), first) && !budget.fits(cad("0.26"), first));
        assert_eq!(budget.renews_at(first), Some(second));
        // What was left over is not added.
        assert_eq!(budget.left(second), Some(cad("10.00")));
        assert!(budget.fits(cad("10.00"), second) && !budget.fits(cad("10.01"), second));
        assert_eq!(budget.renews_at(second), None);
        assert!(budget.has_future(second) && !budget.has_future(after));
        assert!(!budget.fits(cad("0.01"), after));
    }

    #[test]
    fn windows_that_have_not_begun_are_waited_for() {
        let budget = budget("1.00", Some("R1/2026-01-02T00:00:00Z/P1D"));
        let before = at("2026-01-01T00:00:00Z");
        assert!(!budget.fits(cad("0.01"), before) && budget.has_future(before));
        assert_eq!(budget.renews_at(before), Some(at("2026-01-02T00:00:00Z")));
    }

    #[test]
    fn without_windows_it_is_spent_once() {
        let mut budget = budget("1.00", None);
        let now = at("2026-01-01T00:00:00Z");
        assert!(budget.fits(cad("1.00"), now) && budget.has_future(now));
        budget.record(cad("1.00"), now);
        assert!(!budget.fits(cad("0.01"), now) && !budget.has_future(now));
        assert_eq!(budget.renews_at(now), None);
    }

    proptest! {
        #[test]
        fn the_chart_ends_at_the_limit(limit in 1..u64::MAX / 2, spent in 0..u64::MAX / 2) {
            let asset = Asset::new("CAD", 2).unwrap();
            let item = Access::from(OutgoingAccess::new("http://localhost/una").debit(asset.amount(limit).unwrap()));
            let budget = Budget::granted(&[item.into_item().unwrap()], asset);
            let height = budget.height(asset.amount(spent).unwrap());
            prop_assert!(height <= CHART_TOP);
            prop_assert_eq!(height == CHART_TOP, spent >= limit);
        }
    }
}
