//! Limits on spending under a grant: which window a payment falls into, and whether it still fits.
//!
//! One counter is kept per access item and window. What is spent is *reserved* when a payment is created,
//! *committed* when it settles; what was not delivered is *released* into the window it came from.

use crate::{Code, Refusal};
use bursar_types::{Amount, AmountError, Asset, LimitAmount, Limits};
use jiff::Timestamp;

/// The window index of limits without an interval: their one window is the life of the grant.
pub const WHOLE_LIFE: i64 = 0;

/// Which window of its limits a payment at `now` belongs to.
///
/// # Errors
/// [`Code::OutsideInterval`] before the first window and after the last.
pub fn window_index(limits: Option<&Limits>, now: Timestamp) -> Result<i64, Refusal> {
    let Some(interval) = limits.and_then(|limits| limits.interval.as_ref()) else { return Ok(WHOLE_LIFE) };
    match interval.window_at(now) {
        Some(window) => Ok(window.index),
        None => {
            let reason = match interval.first() {
                Some(first) if now < first.start => format!("the grant's first window begins at {}", first.start),
                _ => "the grant's last window is over".to_owned(),
            };
            Err(Refusal::unauthorized(Code::OutsideInterval, reason).with("interval", interval.as_str()))
        }
    }
}

/// What has been delivered, as far as it can be told in one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Received {
    /// Nothing yet.
    #[default]
    Nothing,
    /// All receivers had this asset.
    Of(Asset),
    /// Receivers had different assets, so there is no sum.
    Mixed,
}

/// The counter of one access item in one window. All values in smallest units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spend {
    /// Debits of payments on their way.
    pub debit_reserved: u64,
    /// Debits of settled payments.
    pub debit_committed: u64,
    /// Deliveries of payments on their way.
    pub receive_reserved: u64,
    /// Deliveries of settled payments.
    pub receive_committed: u64,
    /// The asset of the deliveries.
    pub received: Received,
}

impl Spend {
    /// Debited in this window, payments on their way included.
    pub fn debit(&self) -> u64 {
        self.debit_reserved.saturating_add(self.debit_committed)
    }

    /// Delivered in this window, payments on their way included. Only a sum if all receivers had one asset.
    pub fn receive(&self) -> u64 {
        self.receive_reserved.saturating_add(self.receive_committed)
    }

    /// Both sums as amounts, for people and clients; `None` before the first payment.
    pub fn amounts(&self, debit_asset: Asset) -> (Option<Amount>, Option<Amount>) {
        let debit = (self.received != Received::Nothing).then(|| debit_asset.amount(self.debit()).ok()).flatten();
        let receive = match self.received {
            Received::Of(asset) => asset.amount(self.receive()).ok(),
            Received::Nothing | Received::Mixed => None,
        };
        (debit, receive)
    }
}

/// Reserves a payment: the counter with it, if the limits allow it.
///
/// # Errors
/// [`Code::LimitExceeded`] when the window would hold more than the limit, or when the limit counts another
/// asset than what the payer pays or the receiver gets.
pub fn reserve(limits: Option<&Limits>, spend: &Spend, debit: Amount, receive: Amount) -> Result<Spend, Refusal> {
    let overflow = |_: AmountError| exceeded("the sum of all payments is too large to be counted", None);
    let debit_after =
        debit.asset().amount(spend.debit()).and_then(|spent| spent.checked_add(&debit)).map_err(overflow)?;
    let received = match spend.received {
        Received::Nothing => Received::Of(receive.asset()),
        Received::Of(asset) if asset == receive.asset() => spend.received,
        Received::Of(_) | Received::Mixed => Received::Mixed,
    };
    let receive_after = match received {
        // There is no sum to overflow or to limit once assets are mixed.
        Received::Mixed => None,
        _ => Some(
            receive.asset().amount(spend.receive()).and_then(|spent| spent.checked_add(&receive)).map_err(overflow)?,
        ),
    };
    match limits.and_then(|limits| limits.amount) {
        Some(LimitAmount::Debit(limit)) if limit.asset() == debit.asset() => {
            fits(limit, debit_after, spend.debit())?;
        }
        Some(LimitAmount::Debit(limit)) => {
            return Err(exceeded("the limit counts another asset than the wallet pays in", Some(limit)));
        }
        Some(LimitAmount::Receive(limit)) => match receive_after {
            Some(after) if after.asset() == limit.asset() => fits(limit, after, spend.receive())?,
            _ => return Err(exceeded("the limit counts another asset than this receiver gets", Some(limit))),
        },
        None => {}
    }
    Ok(Spend {
        debit_reserved: spend.debit_reserved.saturating_add(debit.value()),
        receive_reserved: match received {
            Received::Mixed => 0,
            _ => spend.receive_reserved.saturating_add(receive.value()),
        },
        receive_committed: if received == Received::Mixed { 0 } else { spend.receive_committed },
        received,
        ..*spend
    })
}

fn fits(limit: Amount, after: Amount, spent: u64) -> Result<(), Refusal> {
    if after.value() <= limit.value() {
        return Ok(());
    }
    let left = limit.asset().amount(limit.value().saturating_sub(spent)).unwrap_or(limit.asset().zero());
    Err(exceeded("the payment is above what is left of the limit", Some(limit)).with_amount("left", left))
}

fn exceeded(reason: &str, limit: Option<Amount>) -> Refusal {
    let refusal = Refusal::unauthorized(Code::LimitExceeded, reason);
    match limit {
        Some(limit) => refusal.with_amount("limit", limit),
        None => refusal,
    }
}

/// Commits a reserved payment: `sent` and `delivered` were really paid, the rest is released into this window.
///
/// Amounts above what was reserved are impossible for a payment that was reserved here; they count as all of it.
pub fn commit(spend: &Spend, reserved: Reserved, sent: u64, delivered: u64) -> Spend {
    let mixed = spend.received == Received::Mixed;
    Spend {
        debit_reserved: spend.debit_reserved.saturating_sub(reserved.debit),
        debit_committed: spend.debit_committed.saturating_add(sent.min(reserved.debit)),
        receive_reserved: if mixed { 0 } else { spend.receive_reserved.saturating_sub(reserved.receive) },
        receive_committed: if mixed {
            0
        } else {
            spend.receive_committed.saturating_add(delivered.min(reserved.receive))
        },
        received: spend.received,
    }
}

/// Releases a reserved payment that was not made at all.
pub fn release(spend: &Spend, reserved: Reserved) -> Spend {
    commit(spend, reserved, 0, 0)
}

/// What a payment reserved, in smallest units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    /// From the payer.
    pub debit: u64,
    /// To the receiver.
    pub receive: u64,
}
