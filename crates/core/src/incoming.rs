//! Incoming payments: money that somebody may pay in.

use crate::access::ClientId;
use crate::{Code, Id, Refusal};
use bursar_types::{Amount, Asset};
use jiff::{SignedDuration, Timestamp};

/// An incoming payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingPayment {
    /// Its id.
    pub id: Id,
    /// The wallet address that receives.
    pub wallet_address: Id,
    /// Who created it.
    pub client: ClientId,
    /// The wallet address's asset.
    pub asset: Asset,
    /// The most that may be paid in, in smallest units.
    pub incoming: Option<u64>,
    /// What was paid in, in smallest units.
    pub received: u64,
    /// The client's own data, as JSON text.
    pub metadata: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// From when it takes no more money.
    pub expires_at: Timestamp,
    /// When it was completed: by its client, or by reaching its amount.
    pub completed_at: Option<Timestamp>,
    /// When it was noted that its time is over. Another node's clock may not be there yet.
    pub expired_at: Option<Timestamp>,
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// The new id.
    pub id: Id,
    /// The wallet address that receives.
    pub wallet_address: Id,
    /// Its asset.
    pub asset: Asset,
    /// Who asks.
    pub client: ClientId,
    /// The most that may be paid in.
    pub incoming: Option<Amount>,
    /// From when it shall take no more money.
    pub expires_at: Option<Timestamp>,
    /// The client's own data, as JSON text.
    pub metadata: Option<String>,
}

/// Creates an incoming payment. One that shall live longer than `lifetime_max` lives just that long.
///
/// # Errors
/// [`Code::InvalidResourceRequest`]: another asset than the wallet's, an amount of zero, an expiry that has passed.
pub fn create(ask: Create, lifetime_max: SignedDuration, now: Timestamp) -> Result<IncomingPayment, Refusal> {
    let invalid = |text: String| Err(Refusal::new(Code::InvalidResourceRequest, text));
    if let Some(amount) = ask.incoming {
        if amount.asset() != ask.asset {
            let text =
                format!("incomingAmount is in {:?}, but the wallet address receives {:?}", amount.asset(), ask.asset);
            return invalid(text);
        }
        if amount.is_zero() {
            return invalid("incomingAmount must be more than zero; leave it out to accept any amount".to_owned());
        }
    }
    let latest = now.saturating_add(lifetime_max).unwrap_or(Timestamp::MAX);
    let expires_at = ask.expires_at.unwrap_or(latest).min(latest);
    if expires_at <= now {
        return invalid("expiresAt must lie in the future".to_owned());
    }
    Ok(IncomingPayment {
        id: ask.id,
        wallet_address: ask.wallet_address,
        client: ask.client,
        asset: ask.asset,
        incoming: ask.incoming.map(|amount| amount.value()),
        received: 0,
        metadata: ask.metadata,
        created_at: now,
        expires_at,
        completed_at: None,
        expired_at: None,
    })
}

impl IncomingPayment {
    /// Whether it takes money.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.completed_at.is_none() && !self.is_expired(now)
    }

    /// Whether its time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expired_at.is_some() || now >= self.expires_at
    }

    /// What it still takes; `None` without a bound.
    pub fn missing(&self) -> Option<Amount> {
        let incoming = self.incoming?;
        self.asset.amount(incoming.saturating_sub(self.received)).ok()
    }

    /// Checks that it takes money at all.
    ///
    /// # Errors
    /// [`Code::InvalidReceiver`] with the description that deployed clients match.
    pub fn require_open(&self, now: Timestamp) -> Result<(), Refusal> {
        if self.completed_at.is_some() {
            return Err(Refusal::invalid_receiver("the incoming payment is completed"));
        }
        if self.is_expired(now) {
            return Err(Refusal::invalid_receiver("the incoming payment has expired"));
        }
        Ok(())
    }

    /// Takes a payment in: the incoming payment after it. It is completed by reaching its amount.
    ///
    /// # Errors
    /// [`Code::InvalidReceiver`] when it takes no money; [`Code::AmountTooLarge`] when it takes less.
    pub fn receive(&self, amount: Amount, now: Timestamp) -> Result<Self, Refusal> {
        self.require_open(now)?;
        let too_large = |text: &'static str| Refusal::new(Code::AmountTooLarge, text);
        let received = self
            .asset
            .amount(self.received)
            .and_then(|received| received.checked_add(&amount))
            .map_err(|_| too_large("the incoming payment cannot take this amount"))?
            .value();
        if let Some(missing) = self.missing()
            && amount.value() > missing.value()
        {
            return Err(too_large("the incoming payment takes less than that").with_amount("missing", missing));
        }
        let full = self.incoming == Some(received);
        Ok(Self { received, completed_at: full.then_some(now), ..self.clone() })
    }

    /// Completes it on its client's or owner's wish.
    ///
    /// # Errors
    /// [`Code::Conflict`] when it is completed or expired.
    pub fn complete(&self, now: Timestamp) -> Result<Self, Refusal> {
        if self.completed_at.is_some() {
            return Err(Refusal::new(Code::Conflict, "the incoming payment is completed already"));
        }
        if self.is_expired(now) {
            return Err(Refusal::new(Code::Conflict, "the incoming payment has expired"));
        }
        Ok(Self { completed_at: Some(now), ..self.clone() })
    }
}
