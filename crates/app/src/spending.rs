//! What apps could spend, and have spent, for people to see.

use crate::{Error, receivers};
use bursar_core::access::GrantedAccess;
use bursar_core::narrow::{self, Less, NotLess};
use bursar_store::{Tx, incoming_payment, wallet_address};
use bursar_types::{Amount, Asset, Interval, LimitAmount, Limits, Window};
use jiff::Timestamp;

/// What an app could spend.
#[derive(Debug, Clone, PartialEq)]
pub struct Spending {
    /// The most in each window, or ever without windows. Without it there is no limit.
    pub amount: Option<LimitAmount>,
    /// The windows.
    pub schedule: Option<Schedule>,
    /// The most it can ever come to from now on; none if there is no such amount, or none that can be written.
    pub total: Option<Amount>,
    /// The only receiver.
    pub receiver: Option<Receiver>,
}

/// When an app could spend.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The interval.
    pub interval: Interval,
    /// The first window, if there is one.
    pub first: Option<Window>,
    /// The window of the present.
    pub current: Option<Window>,
    /// The window after the current one; before the first, the first.
    pub next: Option<Window>,
    /// The last window, if the windows end.
    pub last: Option<Window>,
    /// How many windows can still be used, the current one included; none if they are without end.
    pub windows_left: Option<u64>,
}

/// The only receiver an app could pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// URL of the incoming payment.
    pub url: String,
    /// The name behind it, if it is at this provider.
    pub name: Option<String>,
}

impl Spending {
    /// What these limits come to from `now` on.
    pub fn new(limits: Option<&Limits>, receiver: Option<Receiver>, now: Timestamp) -> Self {
        let amount = limits.and_then(|limits| limits.amount);
        let schedule = limits.and_then(|limits| limits.interval.as_ref()).map(|interval| Schedule::new(interval, now));
        let windows = schedule.as_ref().map_or(Some(1), |schedule| schedule.windows_left);
        let total = amount.zip(windows).and_then(|(limit, windows)| {
            let amount = limit.amount();
            amount.asset().amount(amount.value().checked_mul(windows)?).ok()
        });
        Self { amount, schedule, total, receiver }
    }
}

impl Schedule {
    /// How an interval looks from `now`.
    pub fn new(interval: &Interval, now: Timestamp) -> Self {
        let current = interval.window_at(now);
        let first = interval.first();
        let next = match (&current, &first) {
            (Some(current), _) => interval.next(current),
            (None, Some(first)) if now < first.start => Some(*first),
            _ => None,
        };
        let last = interval.last();
        let windows_left = match (current.or(next), &last) {
            (Some(earliest), Some(last)) => u64::try_from(last.index - earliest.index + 1).ok(),
            (None, Some(_)) => Some(0),
            (_, None) => None,
        };
        Self { first, current, next, last, windows_left, interval: interval.clone() }
    }
}

/// Names the receiver, if it is at this provider.
pub(crate) fn receiver(tx: &mut Tx<'_>, base: &str, url: String) -> Result<Receiver, Error> {
    let Some(id) = receivers::local_id(base, &url) else { return Ok(Receiver { url, name: None }) };
    let payment = incoming_payment::by_id(tx, &id)?;
    let wallet = payment.map(|payment| wallet_address::by_id(tx, &payment.wallet_address)).transpose()?.flatten();
    Ok(Receiver { url, name: wallet.map(|wallet| wallet.public_name.unwrap_or(wallet.url)) })
}

/// What a person may take away from: what an app could spend, and what that depends on.
#[derive(Debug, Clone, Copy)]
pub struct Lowerable<'a> {
    /// What it could spend.
    pub spending: &'a Spending,
    /// The asset in which a limit counts, or would count.
    pub asset: Asset,
    /// When it was asked for.
    pub since: Timestamp,
    /// The present.
    pub now: Timestamp,
}

impl Lowerable<'_> {
    /// What is left after something is taken away.
    ///
    /// # Errors
    /// [`NotLess`], as it will be refused.
    pub fn less(&self, less: &Less) -> Result<Spending, NotLess> {
        let interval = self.spending.schedule.as_ref().map(|schedule| schedule.interval.clone());
        let limits = Limits { receiver: None, interval, amount: self.spending.amount };
        let ground = narrow::Ground { asset: self.asset, since: self.since, now: self.now };
        let left = narrow::narrow(Some(&limits), less, &ground)?;
        Ok(Spending::new(left.as_ref(), self.spending.receiver.clone(), self.now))
    }
}

/// What an access item lets an app spend; none if it allows no spending.
///
/// # Errors
/// When the database fails.
pub(crate) fn of_item(
    tx: &mut Tx<'_>,
    base: &str,
    item: &GrantedAccess,
    now: Timestamp,
) -> Result<Option<Spending>, Error> {
    if !narrow::spends(item) {
        return Ok(None);
    }
    let only = item.limits.as_ref().and_then(|limits| limits.receiver.clone());
    let receiver = only.map(|url| receiver(tx, base, url)).transpose()?;
    Ok(Some(Spending::new(item.limits.as_ref(), receiver, now)))
}

/// The assets of the wallet addresses that access items name.
///
/// # Errors
/// When the database fails.
pub(crate) fn assets(tx: &mut Tx<'_>, access: &[GrantedAccess]) -> Result<Vec<Option<Asset>>, Error> {
    let asset = |item: &GrantedAccess| {
        let Some(url) = &item.identifier else { return Ok(None) };
        Ok(wallet_address::by_url(tx, url)?.map(|wallet| wallet.asset))
    };
    access.iter().map(asset).collect()
}
