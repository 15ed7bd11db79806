//! Makes the payments of a visitor, one after the other, in a task of its own.

use crate::Platform;
use crate::open_payments;
use crate::stream::Event;
use crate::visitor::{Mandate, Payment, Visitor};
use bursar_client::Error;
use bursar_client::types::OutgoingPaymentWithSpentAmounts;
use std::sync::Arc;
use std::time::Duration;

/// After so long without a look at the page the stream stops.
const UNWATCHED: Duration = Duration::from_secs(60);

/// Begins to pay, or goes on.
pub(crate) fn start(platform: &Arc<Platform>, visitor: &Arc<Visitor>) {
    let mut state = visitor.state();
    state.stream = state.stream.after(Event::Start);
    if state.stream.is_active() && !state.is_running {
        state.is_running = true;
        tokio::spawn(run(platform.clone(), visitor.clone()));
    } else {
        visitor.changed.notify_one();
    }
}

async fn run(platform: Arc<Platform>, visitor: Arc<Visitor>) {
    let mut unwatched = Duration::ZERO;
    while let Some((mandate, wait, tries)) = next(&platform, &visitor) {
        if tries {
            try_once(&platform, &visitor, mandate).await;
        }
        // Until it is time, or the visitor has changed something.
        let woken = tokio::time::timeout(wait, visitor.changed.notified()).await.is_ok();
        unwatched = if woken || visitor.was_looked_at() { Duration::ZERO } else { unwatched + wait };
        if unwatched > UNWATCHED {
            let mut state = visitor.state();
            state.stream = state.stream.after(Event::NobodyLooks);
        }
    }
}

/// The mandate to pay with, how long to wait afterwards, and whether to try now; `None` when the stream is over.
fn next(platform: &Platform, visitor: &Visitor) -> Option<(Mandate, Duration, bool)> {
    let mut state = visitor.state();
    let found = state.mandate.clone().and_then(|mandate| {
        let wait = state.stream.wait(mandate.pace)?;
        let fits = mandate.budget.fits(mandate.size, (platform.settings.now)());
        Some((mandate, wait, state.stream.tries(fits)))
    });
    // In the same breath, so that whoever starts the stream again knows whether this task still runs.
    state.is_running = found.is_some();
    found
}

async fn try_once(platform: &Platform, visitor: &Visitor, mandate: Mandate) {
    let outcome = pay(visitor, &mandate).await;
    let now = (platform.settings.now)();
    let mut state = visitor.state();
    // The visitor may have got another mandate meanwhile; nothing is known of that one yet.
    let Some(known) = state.mandate.as_mut().filter(|known| known.id == mandate.id) else { return };
    if let Ok(paid) = &outcome {
        let spent = paid.grant_spent_debit_amount;
        // A provider that does not say what is spent lets us count.
        let spent = spent.or_else(|| known.budget.spent(now).checked_add(&paid.payment.debit_amount).ok());
        if let Some(spent) = spent {
            known.budget.record(spent, now);
        }
    }
    if matches!(&outcome, Err(error) if is_lost(error)) && !known.recipient.is_fixed {
        known.recipient.incoming_payment = None;
    }
    let (spent, window) = (known.budget.spent(now), known.budget.window(now).map(|window| window.index));
    let has_future = known.budget.has_future(now);
    let event = match &outcome {
        Ok(_) => Event::Paid,
        Err(Error::TokenEnded(_)) => Event::TokenEnded,
        Err(error) => match error.refusal() {
            Some(refusal) => Event::Refused { code: &refusal.code, has_future },
            None => Event::Failed,
        },
    };
    state.stream = state.stream.after(event);
    let refusal = outcome.as_ref().err().map(told);
    state.note(Payment { number: 0, at: now, window, amount: mandate.size, spent, refusal });
}

/// Makes sure that there is an incoming payment to pay to, and pays.
async fn pay(visitor: &Visitor, mandate: &Mandate) -> Result<OutgoingPaymentWithSpentAmounts, Error> {
    let recipient = &mandate.recipient;
    let incoming = match &recipient.incoming_payment {
        Some(incoming) => incoming.clone(),
        None => {
            let incoming = open_payments::receive(&visitor.client, &recipient.address).await?;
            let mut state = visitor.state();
            let known = state.mandate.as_mut().filter(|known| known.id == mandate.id);
            if let Some(known) = known.filter(|known| known.recipient.address == recipient.address) {
                known.recipient.incoming_payment = Some(incoming.clone());
            }
            incoming
        }
    };
    open_payments::pay(&mandate.grant, &mandate.payer, &incoming, mandate.size).await
}

/// Whether the incoming payment can no longer be paid: it has expired, say. Another one will do.
fn is_lost(error: &Error) -> bool {
    error.refusal().is_some_and(|refusal| refusal.code == "invalid_receiver")
}

/// A refusal in a few words: the provider's code, if there is one.
fn told(error: &Error) -> String {
    match error.refusal() {
        Some(refusal) if !refusal.code.is_empty() => format!("{} {}", refusal.status, refusal.code),
        Some(refusal) => refusal.status.to_string(),
        None => error.to_string(),
    }
}
