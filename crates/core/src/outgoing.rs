//! Outgoing payments: the decision at the heart of everything.

use crate::access::{ClientId, GrantedAccess};
use crate::incoming::IncomingPayment;
use crate::ledger::{self, LocalRoute, Transfer};
use crate::limits::{self, Reserved, Spend};
use crate::quote::Price;
use crate::{Code, Id, Refusal};
use bursar_types::Amount;
use jiff::Timestamp;
use url::Url;

/// An outgoing payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingPayment {
    /// Its id.
    pub id: Id,
    /// The wallet address that pays.
    pub wallet_address: Id,
    /// Who created it.
    pub client: ClientId,
    /// The access item under which it was created; its spending counts there.
    pub access: Id,
    /// The window it belongs to.
    pub window: i64,
    /// The quote it was made from.
    pub quote: Option<Id>,
    /// URL of the incoming payment it pays.
    pub receiver: String,
    /// That incoming payment, at this provider.
    pub incoming_payment: Id,
    /// What leaves the payer's account and what arrives.
    pub price: Price,
    /// What has left so far.
    pub sent: Amount,
    /// Where it stands.
    pub state: State,
    /// The client's own data, as JSON text.
    pub metadata: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Where an outgoing payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Everything has arrived.
    Completed,
}

impl State {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
        }
    }

    /// Reads the stored word.
    pub fn from_stored(word: &str) -> Option<Self> {
        (word == Self::Completed.as_str()).then_some(Self::Completed)
    }
}

/// What the decision needs to know.
#[derive(Debug)]
pub struct Loaded<'a> {
    /// The access item that allows creating payments.
    pub access: &'a GrantedAccess,
    /// The counter of the window that [`limits::window_index`] named for this payment.
    pub spend: &'a Spend,
    /// That window.
    pub window: i64,
    /// The incoming payment to pay.
    pub receiver: &'a IncomingPayment,
    /// The accounts.
    pub route: &'a LocalRoute,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// The new id.
    pub id: Id,
    /// The wallet address that pays.
    pub wallet_address: Id,
    /// Who asks.
    pub client: ClientId,
    /// The quote, if the price comes from one.
    pub quote: Option<Id>,
    /// URL of the incoming payment to pay, as the client names it.
    pub receiver: String,
    /// What it costs.
    pub price: Price,
    /// The client's own data, as JSON text.
    pub metadata: Option<String>,
}

/// Everything that is written when a payment within this provider is created and settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The payment.
    pub payment: OutgoingPayment,
    /// The window's counter after it.
    pub spend: Spend,
    /// The money that moves.
    pub transfers: Vec<Transfer>,
    /// The incoming payment after it.
    pub receiver: IncomingPayment,
}

/// Creates and settles a payment to a receiver at this provider.
///
/// # Errors
/// [`Code::InvalidReceiver`] or [`Code::AmountTooLarge`] when the receiver does not take it;
/// [`Code::ReceiverNotAllowed`] and [`Code::LimitExceeded`] when the grant does not allow it;
/// [`Code::InsufficientFunds`] when the wallet has too little.
pub fn create_local(loaded: &Loaded<'_>, ask: Create, now: Timestamp) -> Result<Plan, Refusal> {
    let receiver = loaded.receiver.receive(ask.price.receive, now)?;
    require_receiver(loaded.access, &ask.receiver)?;
    let limits = loaded.access.limits.as_ref();
    let reserved = limits::reserve(limits, loaded.spend, ask.price.debit, ask.price.receive)?;
    let transfers = ledger::local_payment(loaded.route, ask.id, &ask.price)?;

    let (debit, receive) = (ask.price.debit.value(), ask.price.receive.value());
    let spend = limits::commit(&reserved, Reserved { debit, receive }, debit, receive);
    let payment = OutgoingPayment {
        id: ask.id,
        wallet_address: ask.wallet_address,
        client: ask.client,
        access: loaded.access.id,
        window: loaded.window,
        quote: ask.quote,
        receiver: ask.receiver,
        incoming_payment: loaded.receiver.id,
        price: ask.price,
        sent: ask.price.debit,
        state: State::Completed,
        metadata: ask.metadata,
        created_at: now,
    };
    Ok(Plan { payment, spend, transfers, receiver })
}

/// Checks that the grant allows paying this receiver.
///
/// # Errors
/// [`Code::ReceiverNotAllowed`].
pub fn require_receiver(access: &GrantedAccess, receiver: &str) -> Result<(), Refusal> {
    match access.limits.as_ref().and_then(|limits| limits.receiver.as_deref()) {
        Some(only) if !same_url(only, receiver) => {
            Err(Refusal::unauthorized(Code::ReceiverNotAllowed, "the grant allows paying another receiver only")
                .with("receiver", only))
        }
        _ => Ok(()),
    }
}

/// Whether two URLs are the same once they are spelled the same way.
fn same_url(one: &str, other: &str) -> bool {
    one == other || Url::parse(one).is_ok_and(|one| Url::parse(other).is_ok_and(|other| one == other))
}
