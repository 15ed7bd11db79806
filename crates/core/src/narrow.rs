//! Granting less than was asked, and lowering what was granted: never more.
//!
//! A person may set a lower amount and an earlier end. Both are said in the protocol's own words (Open Payments,
//! schema `limits-outgoing`), so that tokens tell their clients what was really granted. The windows that are left are
//! the ones that were asked for, under the same numbers: what was counted in them stays counted.

use crate::access::GrantedAccess;
use crate::{Code, Id, Refusal};
use bursar_types::interval::CannotShorten;
use bursar_types::{Action, Amount, Asset, Interval, LimitAmount, Limits, ResourceType, Window};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// What a person takes away from one access item. Nothing, if both are absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Less {
    /// The most that may be spent in each window, or ever without windows; of the asset that the limit counts, or of
    /// the paying wallet address's if there was no limit.
    pub amount: Option<Amount>,
    /// When it ends.
    pub end: Option<End>,
}

/// When a mandate ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// After so many windows from now on, the present one included.
    Windows(u64),
    /// With the last window that is over by then; without windows, at that very instant.
    By(Timestamp),
}

/// What narrowing an access item depends on.
#[derive(Debug, Clone, Copy)]
pub struct Ground {
    /// The asset of the wallet address that pays.
    pub asset: Asset,
    /// From when a mandate without windows counts, if it is given an end: when it was asked for.
    pub since: Timestamp,
    /// The present.
    pub now: Timestamp,
}

/// Why something is not less than what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLess {
    /// An amount above the limit.
    #[error("the amount is above the limit of {0}")]
    AmountAbove(Amount),
    /// No amount at all: that would be a refusal.
    #[error("the amount is zero: deny the request, or revoke the grant, if nothing shall be spent")]
    AmountZero,
    /// The limit counts another asset.
    #[error("the limit counts {0:?}")]
    OtherAsset(Asset),
    /// There are no windows to count.
    #[error("there are no periods of which there could be fewer")]
    NoWindows,
    /// Not even one window.
    #[error("at least one period must be left: deny the request, or revoke the grant, if nothing shall be spent")]
    WindowsZero,
    /// More windows than there are.
    #[error("there are only {0} periods left")]
    WindowsAbove(u64),
    /// More windows than the calendar has.
    #[error("there are not that many periods before the end of the calendar")]
    WindowsBeyondCalendar,
    /// Nothing is left that could end.
    #[error("the last period is over")]
    Over,
    /// No window is over by then.
    #[error("no period is over by then: the first one left ends at {0}")]
    NoWindowBy(Timestamp),
    /// It would end in the past.
    #[error("the end is in the past")]
    EndPast,
    /// It ends earlier as it is.
    #[error("it ends earlier than that anyway, at {0}")]
    EndLater(Timestamp),
    /// The calendar ends before.
    #[error("the end is beyond the calendar")]
    EndBeyondCalendar,
    /// What is left cannot be written down.
    #[error("{0}; lower the amount instead")]
    Unwritable(CannotShorten),
    /// There is nothing to be spent in the first place.
    #[error("this access allows no spending")]
    NoSpending,
    /// There is no such access item.
    #[error("there is no access item with the number {0}")]
    NoItem(usize),
    /// One access item is narrowed twice.
    #[error("access item {0} is named twice")]
    ItemTwice(usize),
}

impl From<NotLess> for Refusal {
    fn from(reason: NotLess) -> Self {
        Self::new(Code::InvalidResourceRequest, reason.to_string())
    }
}

/// Limits with something taken away. All that they allow, the ones before allow as well.
///
/// # Errors
/// [`NotLess`] for anything that would not be less, or cannot be said in the protocol's words.
pub fn narrow(limits: Option<&Limits>, less: &Less, ground: &Ground) -> Result<Option<Limits>, NotLess> {
    let before = limits.cloned().unwrap_or_default();
    let amount = match less.amount {
        Some(amount) => Some(lower(before.amount, amount, ground.asset)?),
        None => before.amount,
    };
    let interval = match (less.end, &before.interval) {
        (None, interval) => interval.clone(),
        (Some(end), Some(interval)) => Some(shorten(interval, end, ground.now)?),
        (Some(End::By(end)), None) => Some(until(end, ground)?),
        (Some(End::Windows(_)), None) => return Err(NotLess::NoWindows),
    };
    if (amount, &interval) == (before.amount, &before.interval) {
        return Ok(limits.cloned());
    }
    Ok(Some(Limits { receiver: before.receiver, interval, amount }))
}

fn lower(limit: Option<LimitAmount>, amount: Amount, asset: Asset) -> Result<LimitAmount, NotLess> {
    let counted = limit.map_or(asset, |limit| limit.amount().asset());
    if amount.asset() != counted {
        return Err(NotLess::OtherAsset(counted));
    }
    if amount.is_zero() {
        return Err(NotLess::AmountZero);
    }
    match limit {
        Some(limit) if amount.value() > limit.amount().value() => Err(NotLess::AmountAbove(limit.amount())),
        Some(LimitAmount::Receive(_)) => Ok(LimitAmount::Receive(amount)),
        Some(LimitAmount::Debit(_)) | None => Ok(LimitAmount::Debit(amount)),
    }
}

fn shorten(interval: &Interval, end: End, now: Timestamp) -> Result<Interval, NotLess> {
    let earliest = earliest_left(interval, now).ok_or(NotLess::Over)?;
    let last = match end {
        End::Windows(0) => return Err(NotLess::WindowsZero),
        End::Windows(windows) => last_of(interval, &earliest, windows)?,
        End::By(end) => last_by(interval, &earliest, end)?,
    };
    interval.shortened(last).map_err(|error| match error {
        CannotShorten::NoSuchWindow => NotLess::WindowsBeyondCalendar,
        error => NotLess::Unwritable(error),
    })
}

/// The present window, or the first if none has begun; none if all are over.
pub fn earliest_left(interval: &Interval, now: Timestamp) -> Option<Window> {
    interval.window_at(now).or_else(|| interval.first().filter(|first| now < first.start))
}

fn last_of(interval: &Interval, earliest: &Window, windows: u64) -> Result<i64, NotLess> {
    if let Some(last) = interval.last() {
        let left = u64::try_from(last.index - earliest.index).unwrap_or(0).saturating_add(1);
        if windows > left {
            return Err(NotLess::WindowsAbove(left));
        }
    }
    let more = i64::try_from(windows - 1).ok();
    more.and_then(|more| earliest.index.checked_add(more)).ok_or(NotLess::WindowsBeyondCalendar)
}

/// The last window that is over at `end`.
fn last_by(interval: &Interval, earliest: &Window, end: Timestamp) -> Result<i64, NotLess> {
    if end < earliest.end {
        return Err(NotLess::NoWindowBy(earliest.end));
    }
    match (interval.window_at(end), interval.last()) {
        (Some(window), _) => Ok(window.index - 1),
        (None, Some(last)) if end == last.end => Ok(last.index),
        (None, Some(last)) => Err(NotLess::EndLater(last.end)),
        (None, None) => Err(NotLess::EndBeyondCalendar),
    }
}

/// One window until the end, in which all counts that was counted without windows.
fn until(end: Timestamp, ground: &Ground) -> Result<Interval, NotLess> {
    if end <= ground.now {
        return Err(NotLess::EndPast);
    }
    // Intervals count in microseconds. Rounded down, the window begins no later than anything was paid.
    let micros = |at: Timestamp| Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
    let text = format!("R1/{}/{}", micros(ground.since.min(ground.now)), micros(end));
    Interval::parse(&text).map_err(|_| NotLess::EndBeyondCalendar)
}

/// Whether a client can spend under this access item at all.
pub fn spends(item: &GrantedAccess) -> bool {
    item.resource == ResourceType::OutgoingPayment && item.actions.contains(Action::Create)
}

/// Whether a client can spend without any limit on the amount.
pub fn is_unlimited(item: &GrantedAccess) -> bool {
    spends(item) && item.limits.as_ref().is_none_or(|limits| limits.amount.is_none())
}

/// What a person makes of a request: what to take away, by the number of the access item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice {
    /// What to take away. Items that are not named are granted as they were asked for.
    pub less: Vec<(usize, Less)>,
    /// Whether the person has said twice that there shall be no limit on an amount.
    pub accepts_no_limit: bool,
}

impl Choice {
    /// Everything as it was asked for, limits or not.
    pub fn as_asked() -> Self {
        Self { less: Vec::new(), accepts_no_limit: true }
    }
}

/// What a grant will allow if a person approves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The access, item by item as in the request.
    pub access: Vec<GrantedAccess>,
}

/// The asset of the wallet address behind an access item, by the number of the item; none where there is no such
/// address.
pub type Assets<'a> = &'a [Option<Asset>];

impl Terms {
    /// What `access` comes to after this choice. `since` is when it was asked for.
    ///
    /// # Errors
    /// [`NotLess`].
    pub fn new(
        access: &[GrantedAccess],
        assets: Assets<'_>,
        choice: &Choice,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Self, NotLess> {
        let mut terms = access.to_vec();
        let mut named = Vec::with_capacity(choice.less.len());
        for (number, less) in &choice.less {
            if named.contains(number) {
                return Err(NotLess::ItemTwice(*number));
            }
            named.push(*number);
            let item = terms.get_mut(*number).ok_or(NotLess::NoItem(*number))?;
            let asset = assets.get(*number).copied().flatten().filter(|_| spends(item)).ok_or(NotLess::NoSpending)?;
            item.limits = narrow(item.limits.as_ref(), less, &Ground { asset, since, now })?;
        }
        Ok(Self { access: terms })
    }

    /// Whether anything can be spent without a limit on the amount.
    pub fn are_unlimited(&self) -> bool {
        self.access.iter().any(is_unlimited)
    }

    /// Refuses terms without a limit that nobody has confirmed.
    ///
    /// # Errors
    /// [`Code::Unconfirmed`].
    pub fn require_confirmed(&self, choice: &Choice) -> Result<(), Refusal> {
        if self.are_unlimited() && !choice.accepts_no_limit {
            return Err(Refusal::new(Code::Unconfirmed, "a mandate without a limit on the amount must be confirmed"));
        }
        Ok(())
    }

    /// A name for exactly these terms of this grant: pages carry it, so that nobody approves anything else than what a
    /// page showed.
    pub fn fingerprint(&self, grant: &Id) -> String {
        let mut hash = Sha256::new().chain_update(grant.as_bytes());
        for item in &self.access {
            let limits = serde_json::to_string(&item.limits).unwrap_or_default();
            hash.update(item.id.as_bytes());
            hash.update((limits.len() as u64).to_be_bytes());
            hash.update(limits);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
