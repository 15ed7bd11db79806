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
    /// Where it counts as spent; nowhere if the account holder made it in person.
    pub counted: Option<Counted>,
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

/// The counter that a payment made under a grant is added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// The access item under which it was created.
    pub access: Id,
    /// The window it belongs to.
    pub window: i64,
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

/// What is written whenever a payment within this provider is created and settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The payment.
    pub payment: OutgoingPayment,
    /// The money that moves.
    pub transfers: Vec<Transfer>,
    /// The incoming payment after it.
    pub receiver: IncomingPayment,
}

/// Everything that is written when an app's payment within this provider is created and settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The payment, and its money.
    pub settled: Settled,
    /// The window's counter after it.
    pub spend: Spend,
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
    let counted = Counted { access: loaded.access.id, window: loaded.window };
    let payment = ask.settled(Some(counted), loaded.receiver.id, now);
    Ok(Plan { settled: Settled { payment, transfers, receiver }, spend })
}

/// Creates and settles a payment to a receiver at this provider for the account holder, who has seen its price and
/// needs nobody's leave: no grant limits it, and it counts under none.
///
/// # Errors
/// [`Code::InvalidReceiver`] or [`Code::AmountTooLarge`] when the receiver does not take it;
/// [`Code::InsufficientFunds`] when the wallet has too little.
pub fn create_in_person(
    receiver: &IncomingPayment,
    route: &LocalRoute,
    ask: Create,
    now: Timestamp,
) -> Result<Settled, Refusal> {
    let after = receiver.receive(ask.price.receive, now)?;
    let transfers = ledger::local_payment(route, ask.id, &ask.price)?;

    let payment = ask.settled(None, receiver.id, now);
    Ok(Settled { payment, transfers, receiver: after })
}

impl Create {
    /// The payment that this has become at once.
    fn settled(self, counted: Option<Counted>, incoming_payment: Id, now: Timestamp) -> OutgoingPayment {
        OutgoingPayment {
            id: self.id,
            wallet_address: self.wallet_address,
            client: self.client,
            counted,
            quote: self.quote,
            receiver: self.receiver,
            incoming_payment,
            price: self.price,
            sent: self.price.debit,
            state: State::Completed,
            metadata: self.metadata,
            created_at: now,
        }
    }
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
