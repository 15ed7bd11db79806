//! Quotes at the resource server.

use crate::callers::Caller;
use crate::idempotent::{IdempotencyKey, Memory};
use crate::incoming::unknown_wallet;
use crate::{App, Error, rates, receivers, wallets};
use bursar_core::access::{self, Scope};
use bursar_core::fee::Fees;
use bursar_core::quote::{self as rule, Fixed, Quote, Terms};
use bursar_core::rate::Rates;
use bursar_core::{Code, Id};
use bursar_store::{quote, wallet_address};
use bursar_types::{Action, Asset, CreateQuote, Quote as Wire, QuoteMethod, ResourceType};
use jiff::Timestamp;
use std::sync::Arc;

const RESOURCE: ResourceType = ResourceType::Quote;

/// Makes a quote: a commitment to a price, for one payment.
///
/// # Errors
/// [`Code::InsufficientGrant`], [`Code::NoRate`], and what [`rule::price`] refuses.
pub async fn create(
    app: &App,
    caller: Arc<Caller>,
    ask: CreateQuote,
    key: Option<IdempotencyKey>,
) -> Result<Wire, Error> {
    let fixed = match (ask.debit_amount, ask.receive_amount) {
        (Some(_), Some(_)) => {
            return Err(Error::refused(
                Code::InvalidResourceRequest,
                "give a debitAmount or a receiveAmount, not both",
            ));
        }
        (Some(debit), None) => Fixed::Debit(debit),
        (None, Some(receive)) => Fixed::Receive(receive),
        (None, None) => Fixed::Missing,
    };
    let now = app.clock.now();
    rates::with(app, |rates| price(app, caller.clone(), &ask, fixed, key.clone(), rates, now)).await
}

async fn price(
    app: &App,
    caller: Arc<Caller>,
    ask: &CreateQuote,
    fixed: Fixed,
    key: Option<IdempotencyKey>,
    rates: Option<Arc<Rates>>,
    now: Timestamp,
) -> Result<Wire, Error> {
    let id = app.new_id(now);
    let receiver = receivers::local(app, &ask.receiver);
    let expires_at = now.saturating_add(app.config.quote_lifetime).unwrap_or(now);
    let (fees, base) = (app.config.fees.clone(), app.config.resource_url());
    let memory = Memory::of(app, caller.client.to_string(), key, now);
    let ask = ask.clone();
    app.store
        .write(Vec::new(), move |tx| {
            let wallet = wallets::find(tx, &ask.wallet_address, unknown_wallet)?;
            access::require(&caller.access, RESOURCE, Action::Create, &wallet.url)?;
            if let Some(used) = memory.recall(tx)? {
                return serde_json::from_str(&used.answer).map_err(|error| Error::Internal(error.to_string()));
            }
            let receiver = receiver.clone()?;
            let payment = receivers::load(tx, &receiver.id)?.payment;
            let terms = terms(rates.as_deref(), &fees, wallet.asset, payment.asset)?;
            let quote = Quote {
                id,
                wallet_address: wallet.id,
                client: caller.client.clone(),
                receiver: receiver.url,
                incoming_payment: receiver.id,
                price: rule::price(fixed, wallet.asset, &payment, &terms, now)?,
                created_at: now,
                expires_at,
                used_by: None,
            };
            quote::insert(tx, &quote)?;
            let made = wire(&base, &quote, wallet.url);
            memory.remember(tx, &id, &made)?;
            Ok(made)
        })
        .await
}

/// What a payment between these assets costs. The same money needs no rates.
///
/// # Errors
/// [`Code::NoRate`], or [`Code::RatesUnavailable`] when nobody told rates lately.
pub(crate) fn terms(rates: Option<&Rates>, fees: &Fees, from: Asset, to: Asset) -> Result<Terms, Error> {
    let rate = match rates {
        Some(rates) => rates.between(from, to)?,
        None if from.code() == to.code() => Rates::default().between(from, to)?,
        None => return Err(rates::unavailable().into()),
    };
    Ok(Terms { rate, fee: fees.of(from) })
}

fn wire(base: &str, quote: &Quote, wallet: String) -> Wire {
    Wire {
        id: url(base, &quote.id),
        wallet_address: wallet,
        receiver: quote.receiver.clone(),
        receive_amount: quote.price.receive,
        debit_amount: quote.price.debit,
        method: QuoteMethod::Ilp,
        expires_at: Some(quote.expires_at),
        created_at: quote.created_at,
    }
}

/// A quote's URL.
pub(crate) fn url(base: &str, id: &Id) -> String {
    format!("{base}/quotes/{id}")
}

/// What the caller may see of a quote.
///
/// # Errors
/// [`Code::InsufficientGrant`]; not found, also when it is another client's and the caller only reads its own.
pub async fn get(app: &App, caller: Arc<Caller>, id: &str) -> Result<Wire, Error> {
    let missing = || Error::not_found("quote");
    let id: Id = id.parse().map_err(|_| missing())?;
    let base = app.config.resource_url();
    app.store
        .read(move |tx| {
            let quote = quote::by_id(tx, &id)?.ok_or_else(missing)?;
            let wallet = wallet_address::by_id(tx, &quote.wallet_address)?.ok_or_else(missing)?;
            if access::require_read(&caller.access, RESOURCE, &wallet.url)? == Scope::Own
                && quote.client != caller.client
            {
                return Err(missing());
            }
            Ok(wire(&base, &quote, wallet.url))
        })
        .await
}
