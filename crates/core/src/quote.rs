//! Quotes: what a payment costs, as a commitment until they expire, for one payment.

use crate::access::ClientId;
use crate::fee::Fee;
use crate::incoming::IncomingPayment;
use crate::rate::{Rate, UnitRate};
use crate::{Code, Id, Refusal};
use bursar_types::{Amount, Asset, VALUE_MAX};
use jiff::Timestamp;

/// A quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Its id.
    pub id: Id,
    /// The wallet address that would pay.
    pub wallet_address: Id,
    /// Who asked.
    pub client: ClientId,
    /// URL of the incoming payment that would be paid.
    pub receiver: String,
    /// That incoming payment, at this provider.
    pub incoming_payment: Id,
    /// What it costs.
    pub price: Price,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when the provider is bound.
    pub expires_at: Timestamp,
    /// The payment that used it.
    pub used_by: Option<Id>,
}

/// What leaves the payer's account, what of it the provider keeps, and what arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// All that leaves the payer's account, in its asset.
    pub debit: Amount,
    /// The part of it that is the provider's fee.
    pub fee: Amount,
    /// What arrives, in the receiver's asset.
    pub receive: Amount,
    /// The rate at which the rest of the debit was converted; none for prices of a time when it was not kept.
    pub rate: Option<UnitRate>,
}

impl Price {
    /// What is converted: the debit without the fee.
    pub fn principal(&self) -> Amount {
        let principal = self.debit.value().saturating_sub(self.fee.value());
        self.debit.asset().amount(principal).unwrap_or(self.debit)
    }
}

/// What the provider takes for a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Between the payer's and the receiver's asset.
    pub rate: Rate,
    /// Of the payer's asset.
    pub fee: Fee,
}

impl Terms {
    /// What a debit delivers once the fee is taken off: the rest is rounded down ([`Rate::deliver`]).
    fn of_debit(&self, debit: Amount) -> Result<Price, Refusal> {
        let asset = debit.asset();
        let principal = asset.amount(self.fee.principal_of(debit.value())).unwrap_or(debit);
        let fee = asset.amount(debit.value() - principal.value()).unwrap_or(asset.zero());
        Ok(Price { debit, fee, receive: self.rate.deliver(principal)?, rate: Some(self.rate.unit()) })
    }

    /// The least debit that delivers at least this, with the fee on top.
    fn for_delivery(&self, receive: Amount) -> Result<Price, Refusal> {
        let principal = self.rate.debit_for(receive)?;
        let asset = principal.asset();
        let too_large = || Refusal::new(Code::AmountTooLarge, format!("the debit with its fee is above {VALUE_MAX}"));
        let debit = self.fee.debit_for(principal.value()).and_then(|debit| asset.amount(debit).ok());
        let debit = debit.ok_or_else(too_large)?;
        let fee = asset.amount(debit.value() - principal.value()).unwrap_or(asset.zero());
        Ok(Price { debit, fee, receive, rate: Some(self.rate.unit()) })
    }
}

/// Which amount the client fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fixed {
    /// What leaves the payer's account.
    Debit(Amount),
    /// What arrives.
    Receive(Amount),
    /// What the receiver still misses arrives.
    Missing,
}

/// The price of paying the receiver from a wallet of the asset `payer`.
///
/// # Errors
/// [`Code::InvalidReceiver`] when the receiver takes no money; [`Code::InvalidResourceRequest`] when an amount is in
/// the wrong asset, or neither amount is known; [`Code::AmountTooSmall`] with `minSendAmount` when nothing would
/// arrive; [`Code::AmountTooLarge`] when more would arrive than the receiver takes.
pub fn price(
    fixed: Fixed,
    payer: Asset,
    receiver: &IncomingPayment,
    terms: &Terms,
    now: Timestamp,
) -> Result<Price, Refusal> {
    receiver.require_open(now)?;
    let price = match fixed {
        Fixed::Debit(debit) => {
            require_asset("debitAmount", debit, payer, "the wallet address pays in")?;
            terms.of_debit(debit)?
        }
        Fixed::Receive(receive) => {
            require_asset("receiveAmount", receive, receiver.asset, "the receiver gets")?;
            terms.for_delivery(receive)?
        }
        Fixed::Missing => {
            let receive = receiver.missing().ok_or_else(|| {
                Refusal::new(
                    Code::InvalidResourceRequest,
                    "the receiver has no incomingAmount: give a debitAmount or a receiveAmount",
                )
            })?;
            terms.for_delivery(receive)?
        }
    };
    if price.receive.is_zero() {
        let refusal = Refusal::new(
            Code::AmountTooSmall,
            "non-positive receive amount: the amount is too small to deliver anything",
        );
        // One unit may cost more than any amount can be; then there is no least debit to name.
        let least = receiver.asset.amount(1).ok().and_then(|unit| terms.for_delivery(unit).ok());
        return Err(match least {
            Some(least) => refusal.with_amount("minSendAmount", least.debit),
            None => refusal,
        });
    }
    if let Some(missing) = receiver.missing()
        && price.receive.value() > missing.value()
    {
        return Err(Refusal::new(Code::AmountTooLarge, "more would arrive than the incoming payment takes")
            .with_amount("missing", missing));
    }
    Ok(price)
}

fn require_asset(field: &str, amount: Amount, asset: Asset, who: &str) -> Result<(), Refusal> {
    if amount.asset() == asset {
        return Ok(());
    }
    let text = format!("{field} is in {:?}, but {who} {asset:?}", amount.asset());
    Err(Refusal::new(Code::InvalidResourceRequest, text))
}

impl Quote {
    /// Checks that a payment may be made at this price: not expired, not used before.
    ///
    /// # Errors
    /// [`Code::InvalidQuote`].
    pub fn require_usable(&self, now: Timestamp) -> Result<(), Refusal> {
        if self.used_by.is_some() {
            return Err(Refusal::new(Code::InvalidQuote, "the quote has been used already: each is for one payment"));
        }
        if now >= self.expires_at {
            return Err(Refusal::new(Code::InvalidQuote, "the quote has expired: ask for a new one"));
        }
        Ok(())
    }
}
