//! What belongs to one browser: its mandate, its stream of payments, and the exchanges that it may look at.

use crate::budget::Budget;
use crate::stream::Stream;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bursar_client::types::{Amount, WalletAddress};
use bursar_client::{AuthenticatedClient, Exchange, IssuedGrant, PendingGrant, Random, RandomError};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::sync::Notify;

/// Browsers that are remembered; who has not come for longest is forgotten.
const VISITORS_MAX: usize = 100;
/// Exchanges that are kept for each.
const EXCHANGES_MAX: usize = 25;
/// Characters of a body that are kept.
const BODY_MAX: usize = 6_000;
/// Payments that are kept for each.
const PAYMENTS_MAX: usize = 60;

/// One browser.
pub(crate) struct Visitor {
    session: String,
    /// What its forms carry, so that no other site can send them.
    pub(crate) form_token: String,
    /// The app's client; what it sends is noted for this visitor alone.
    pub(crate) client: AuthenticatedClient,
    /// Told when the state was changed by the visitor.
    pub(crate) changed: Notify,
    exchanges: Arc<Mutex<Exchanges>>,
    state: Mutex<State>,
    looked: AtomicBool,
}

/// What can change.
#[derive(Default)]
pub(crate) struct State {
    /// The request that the account holder is deciding.
    pub(crate) pending: Option<Pending>,
    pub(crate) mandate: Option<Mandate>,
    pub(crate) stream: Stream,
    /// Whether a task makes payments.
    pub(crate) is_running: bool,
    /// Oldest first.
    pub(crate) payments: VecDeque<Payment>,
    /// How many there were, those that are no longer kept included.
    pub(crate) payments_count: u64,
    /// What shall be told once.
    pub(crate) notice: Option<String>,
}

/// A mandate that was asked for.
#[derive(Clone)]
pub(crate) struct Pending {
    pub(crate) grant: PendingGrant,
    pub(crate) payer: WalletAddress,
    pub(crate) recipient: Recipient,
}

/// A mandate that was given, and how it is used.
#[derive(Clone)]
pub(crate) struct Mandate {
    /// Tells this mandate from others that the visitor had.
    pub(crate) id: u64,
    pub(crate) grant: IssuedGrant,
    pub(crate) payer: WalletAddress,
    pub(crate) budget: Budget,
    pub(crate) recipient: Recipient,
    /// How much each payment is.
    pub(crate) size: Amount,
    /// The time between two payments.
    pub(crate) pace: Duration,
}

/// Who is paid.
#[derive(Clone)]
pub(crate) struct Recipient {
    pub(crate) address: String,
    /// The incoming payment to which the payments go, once there is one.
    pub(crate) incoming_payment: Option<String>,
    /// Whether the mandate is for this incoming payment only.
    pub(crate) is_fixed: bool,
}

/// A payment that was tried.
#[derive(Clone)]
pub(crate) struct Payment {
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
    /// The window in which it fell.
    pub(crate) window: Option<i64>,
    pub(crate) amount: Amount,
    /// What was spent in the window afterwards.
    pub(crate) spent: Amount,
    /// Why it was not made.
    pub(crate) refusal: Option<String>,
}

#[derive(Default)]
struct Exchanges {
    kept: VecDeque<(u64, Exchange)>,
    count: u64,
}

impl Exchanges {
    fn note(&mut self, exchange: &Exchange) {
        let mut exchange = exchange.clone();
        for body in [&mut exchange.request.body, &mut exchange.response.body].into_iter().flatten() {
            if body.len() > BODY_MAX {
                body.truncate(body.floor_char_boundary(BODY_MAX));
                body.push('…');
            }
        }
        self.count += 1;
        self.kept.push_front((self.count, exchange));
        self.kept.truncate(EXCHANGES_MAX);
    }
}

/// A panic elsewhere leaves nothing half done here: every change is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Visitor {
    fn new(client: &AuthenticatedClient, random: &Random) -> Result<Self, RandomError> {
        let secret = || Ok(URL_SAFE_NO_PAD.encode(random.array::<32>()?));
        let exchanges = Arc::new(Mutex::new(Exchanges::default()));
        let noted = exchanges.clone();
        Ok(Self {
            session: secret()?,
            form_token: secret()?,
            client: client.observed(move |exchange| lock(&noted).note(exchange)),
            changed: Notify::new(),
            exchanges,
            state: Mutex::default(),
            looked: AtomicBool::new(true),
        })
    }

    /// The secret in the browser's cookie.
    pub(crate) fn session(&self) -> &str {
        &self.session
    }

    /// The state, for a moment: it must not be held while something is waited for.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The exchanges with their numbers, newest first.
    pub(crate) fn exchanges(&self) -> Vec<(u64, Exchange)> {
        lock(&self.exchanges).kept.iter().cloned().collect()
    }

    /// Notes that the page was looked at.
    pub(crate) fn look(&self) {
        self.looked.store(true, Ordering::Relaxed);
    }

    /// Whether the page was looked at since the last call.
    pub(crate) fn was_looked_at(&self) -> bool {
        self.looked.swap(false, Ordering::Relaxed)
    }
}

impl State {
    /// Notes a payment that was tried.
    pub(crate) fn note(&mut self, payment: Payment) {
        self.payments_count += 1;
        self.payments.push_back(Payment { number: self.payments_count, ..payment });
        while self.payments.len() > PAYMENTS_MAX {
            self.payments.pop_front();
        }
    }
}

/// All visitors, those who came last at the end.
#[derive(Default)]
pub(crate) struct Visitors {
    known: Mutex<VecDeque<Arc<Visitor>>>,
    random: Random,
}

impl Visitors {
    /// The visitor with this cookie.
    pub(crate) fn find(&self, session: &str) -> Option<Arc<Visitor>> {
        let mut known = lock(&self.known);
        let is_it = |visitor: &Arc<Visitor>| bool::from(visitor.session.as_bytes().ct_eq(session.as_bytes()));
        let place = known.iter().position(is_it)?;
        let visitor = known.remove(place)?;
        known.push_back(visitor.clone());
        Some(visitor)
    }

    /// Somebody who comes for the first time.
    pub(crate) fn welcome(&self, client: &AuthenticatedClient) -> Result<Arc<Visitor>, RandomError> {
        let visitor = Arc::new(Visitor::new(client, &self.random)?);
        let mut known = lock(&self.known);
        known.push_back(visitor.clone());
        while known.len() > VISITORS_MAX {
            known.pop_front();
        }
        Ok(visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_client::{Client, PrivateKey};

    fn client() -> AuthenticatedClient {
        let builder = Client::builder().wallet_address("https://wallet.example/app").key_id("key");
        builder.private_key(PrivateKey::from_seed([7; 32])).build().unwrap()
    }

    #[test]
    fn who_has_not_come_for_longest_is_forgotten() {
        let (visitors, client) = (Visitors::default(), client());
        let first = visitors.welcome(&client).unwrap();
        let second = visitors.welcome(&client).unwrap();
        for _ in 2..VISITORS_MAX {
            visitors.welcome(&client).unwrap();
        }
        assert!(visitors.find(first.session()).is_some());
        visitors.welcome(&client).unwrap();
        assert!(visitors.find(first.session()).is_some(), "came just now");
        assert!(visitors.find(second.session()).is_none(), "was away for longest");
        assert!(visitors.find("").is_none());
    }
}
