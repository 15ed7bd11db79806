//! Outgoing payments at the resource server: spending a mandate.

use crate::callers::Caller;
use crate::idempotent::{IdempotencyKey, Memory};
use crate::incoming::{stored_metadata, unknown_wallet, wire_metadata};
use crate::lists::{ListQuery, Listed};
use crate::receivers::{self, LocalReceiver};
use crate::{App, Error, quotes, rates, wallets};
use bursar_core::access::{self, GrantedAccess, Scope};
use bursar_core::fee::Fees;
use bursar_core::ledger::{Account, AccountKind, LocalRoute};
use bursar_core::limits::{self, Spend};
use bursar_core::outgoing::{self as rule, Loaded, OutgoingPayment};
use bursar_core::quote::{Fixed, Price, price};
use bursar_core::rate::Rates;
use bursar_core::{Code, Id, Refusal};
use bursar_store::incoming_payment::Receiver;
use bursar_store::outgoing_payment::Payer;
use bursar_store::wallet_address::{self, WalletAddress};
use bursar_store::{LockKey, Tx, grant, incoming_payment, ledger, outgoing_payment, quote, spend};
use bursar_types::{
    Action, Amount, Asset, CreateOutgoingPayment, OutgoingPayment as Wire, OutgoingPaymentWithSpentAmounts, Page,
    ResourceType, SpentAmounts, WalletAddressUrl,
};
use jiff::Timestamp;
use std::sync::Arc;

const RESOURCE: ResourceType = ResourceType::OutgoingPayment;

/// What is to be paid, read from the request.
#[derive(Clone)]
enum Priced {
    /// At the price of a quote.
    Quote(Id),
    /// A fixed debit to a receiver.
    Debit(Result<LocalReceiver, Refusal>, Amount),
}

struct Ask {
    id: Id,
    /// For the account that fees go to, if it has to be opened.
    fee_account: Id,
    wallet: String,
    priced: Priced,
    metadata: Option<String>,
    rates: Option<Arc<Rates>>,
    fees: Arc<Fees>,
    base: String,
    now: Timestamp,
}

/// Creates an outgoing payment, and settles it in the same transaction when its receiver is at this provider.
///
/// # Errors
/// [`Code::InsufficientGrant`], [`Code::GrantPaused`], [`Code::InvalidQuote`], [`Code::OutsideInterval`], and what
/// [`rule::create_local`] and [`price`] refuse.
pub async fn create(
    app: &App,
    caller: Arc<Caller>,
    request: CreateOutgoingPayment,
    key: Option<IdempotencyKey>,
) -> Result<OutgoingPaymentWithSpentAmounts, Error> {
    let now = app.clock.now();
    let base = app.config.resource_url();
    let (wallet, priced, metadata) = match request {
        CreateOutgoingPayment::FromQuote(ask) => {
            let unknown = || Error::refused(Code::InvalidQuote, "quoteId is not the URL of a quote of this provider");
            let quote = ask.quote_id.strip_prefix(&base).and_then(|rest| rest.strip_prefix("/quotes/")?.parse().ok());
            (ask.wallet_address, Priced::Quote(quote.ok_or_else(unknown)?), ask.metadata)
        }
        CreateOutgoingPayment::FromIncomingPayment(ask) => {
            let receiver = receivers::local(app, &ask.incoming_payment);
            (ask.wallet_address, Priced::Debit(receiver, ask.debit_amount), ask.metadata)
        }
    };
    let metadata = stored_metadata(metadata)?;
    let locks = if app.store.takes_locks() { locks(app, &caller, &wallet, &priced).await? } else { Vec::new() };
    rates::with(app, |rates| {
        let memory = Memory::of(app, caller.client.to_string(), key.clone(), now);
        let ask = Ask {
            id: app.new_id(now),
            fee_account: app.new_id(now),
            wallet: wallet.clone(),
            priced: priced.clone(),
            metadata: metadata.clone(),
            rates,
            fees: app.config.fees.clone(),
            base: base.clone(),
            now,
        };
        let caller = caller.clone();
        app.store.write(locks.clone(), move |tx| pay(tx, &caller, &ask, &memory))
    })
    .await
}

/// Everything the payment is about to change: the grant's counter, the quote, the receiver, and the accounts between
/// payer and payee. What is missing is refused later.
async fn locks(app: &App, caller: &Caller, wallet: &str, priced: &Priced) -> Result<Vec<LockKey>, Error> {
    let grant = LockKey::of(&caller.grant);
    let (named, quoted) = match priced {
        Priced::Quote(id) => (*id, true),
        Priced::Debit(Ok(receiver), _) => (receiver.id, false),
        Priced::Debit(Err(_), _) => return Ok(vec![grant]),
    };
    let path = (wallet.to_owned(), named);
    if let Some(known) = app.paths.get(&path) {
        return Ok(known.iter().copied().chain([grant]).collect());
    }
    let (reading, wallet) = (app.paths.begin(), wallet.to_owned());
    let (mut locks, is_all) = app.store.read(move |tx| between(tx, &wallet, &named, quoted)).await?;
    if is_all {
        app.paths.keep(reading, path, Arc::new(locks.clone()));
    }
    locks.push(grant);
    Ok(locks)
}

/// What a payment changes between a wallet and a quote or an incoming payment, and whether that is all of it. None of
/// it ever becomes another one, so it can be looked up beforehand.
///
/// # Errors
/// When the database fails.
pub(crate) fn between(tx: &mut Tx<'_>, wallet: &str, named: &Id, quoted: bool) -> Result<(Vec<LockKey>, bool), Error> {
    let mut locks = vec![LockKey::of(named)];
    let incoming = if quoted { quote::by_id(tx, named)?.map(|quote| quote.incoming_payment) } else { Some(*named) };
    let Some(incoming) = incoming else { return Ok((locks, false)) };
    locks.push(LockKey::of(&incoming));
    let Ok(payer) = WalletAddressUrl::parse(wallet) else { return Ok((locks, false)) };
    let Some(between) = wallet_address::accounts_between(tx, payer.as_str(), &incoming)? else {
        return Ok((locks, false));
    };
    locks.extend(between.map(|wallet| LockKey::of(&wallet.account)));
    // The provider's own accounts are named, since they may have to be opened first.
    let [from, to] = between.map(|wallet| wallet.asset);
    locks.push(LockKey::named(&format!("fees {from:?}")));
    if from != to {
        locks.extend([from, to].map(|asset| LockKey::named(&format!("exchange {asset:?}"))));
    }
    Ok((locks, true))
}

/// Loads, decides, and writes the plan down. Of several items that allow paying from this wallet the first counts whose
/// limits allow this payment.
fn pay(tx: &mut Tx<'_>, caller: &Caller, ask: &Ask, memory: &Memory) -> Result<OutgoingPaymentWithSpentAmounts, Error> {
    tx.fetch(|| asks(caller, ask))?;
    let Payer { wallet, account, newest } = wallets::payer(tx, &ask.wallet, unknown_wallet)?;
    access::require(&caller.access, RESOURCE, Action::Create, &wallet.url)?;
    let standing = require_live(tx, caller)?;
    if let Some(used) = memory.recall(tx)? {
        return serde_json::from_str(&used.answer).map_err(|error| Error::Internal(error.to_string()));
    }
    if standing.is_paused {
        return Err(Error::refused(Code::GrantPaused, "the account holder has paused this grant"));
    }
    // The caller may have been read before limits were lowered, on this node or another.
    let lowered = (standing.revision != caller.revision).then(|| grant::access(tx, &caller.grant)).transpose()?;
    let granted = lowered.as_ref().unwrap_or(&caller.access);
    // The payer's account is locked: nobody else pays from this wallet address at the same time.
    let id = ask.id.after(newest.as_ref());
    let mut refused = None;
    for item in access::allowing(granted, RESOURCE, Action::Create, &wallet.url) {
        match decide(tx, caller, item, id, ask, &wallet, &account) {
            Ok(decided) => {
                return tx.together(|tx| {
                    let made = write(tx, decided, ask, &wallet)?;
                    memory.remember(tx, &id, &made)?;
                    Ok(made)
                });
            }
            // Another item may allow it once there are rates: that is not the end of it.
            Err(Error::Refused(refusal)) if refusal.code == Code::RatesUnavailable => return Err(refusal.into()),
            Err(Error::Refused(refusal)) => refused = refused.or(Some(refusal)),
            Err(error) => return Err(error),
        }
    }
    Err(refused.unwrap_or_else(|| access::insufficient(RESOURCE, Action::Create)).into())
}

/// What [`pay`] will ask for, as far as that can be told before the first answer.
fn asks<'a>(caller: &'a Caller, ask: &'a Ask) -> Vec<bursar_store::Ask<'a>> {
    let mut asks = vec![outgoing_payment::ask_payer(&ask.wallet), grant::ask_standing(&caller.grant)];
    match &ask.priced {
        Priced::Quote(id) => asks.push(quote::ask(id)),
        Priced::Debit(Ok(receiver), _) => asks.push(incoming_payment::ask_receiver(&receiver.id)),
        Priced::Debit(Err(_), _) => {}
    }
    let item = access::allowing(&caller.access, RESOURCE, Action::Create, &ask.wallet).next();
    if let Some(item) = item
        && let Ok(window) = limits::window_index(item.limits.as_ref(), ask.now)
    {
        asks.push(spend::ask(&item.id, window));
    }
    asks
}

/// A payment that is allowed, and what it was decided on.
struct Decided {
    plan: rule::Plan,
    spent: Spend,
    receiver: bursar_core::incoming::IncomingPayment,
}

fn decide(
    tx: &mut Tx<'_>,
    caller: &Caller,
    access: &GrantedAccess,
    id: Id,
    ask: &Ask,
    wallet: &WalletAddress,
    account: &Account,
) -> Result<Decided, Error> {
    let (receiver, receiver_url, price, quote) = priced(tx, caller, access, ask, wallet)?;
    let window = limits::window_index(access.limits.as_ref(), ask.now)?;
    let spent = spend::get(tx, &access.id, window)?;
    let route = route(tx, account, &receiver, &price, &ask.fee_account, ask.now)?;
    let receiver = receiver.payment;
    let loaded = Loaded { access, spend: &spent, window, receiver: &receiver, route: &route };
    let create = rule::Create {
        id,
        wallet_address: wallet.id,
        client: caller.client.clone(),
        quote,
        receiver: receiver_url,
        price,
        metadata: ask.metadata.clone(),
    };
    let plan = rule::create_local(&loaded, create, ask.now)?;
    Ok(Decided { plan, spent, receiver })
}

fn write(
    tx: &mut Tx<'_>,
    decided: Decided,
    ask: &Ask,
    wallet: &WalletAddress,
) -> Result<OutgoingPaymentWithSpentAmounts, Error> {
    let Decided { plan, spent, receiver } = decided;
    let payment = &plan.settled.payment;
    settle(tx, &plan.settled, &receiver, ask.now)?;
    if let Some(counted) = payment.counted {
        spend::put(tx, &counted.access, counted.window, &spent, &plan.spend)?;
    }
    let (debit, receive) = plan.spend.amounts(wallet.asset);
    Ok(OutgoingPaymentWithSpentAmounts {
        payment: wire(&ask.base, payment, wallet.url.clone())?,
        grant_spent_debit_amount: debit,
        grant_spent_receive_amount: receive,
    })
}

/// Writes down a payment that is settled at once, and what it has changed: `before` is its incoming payment till then.
///
/// # Errors
/// When something has changed since it was read.
pub(crate) fn settle(
    tx: &mut Tx<'_>,
    settled: &rule::Settled,
    before: &bursar_core::incoming::IncomingPayment,
    now: Timestamp,
) -> Result<(), Error> {
    let payment = &settled.payment;
    outgoing_payment::insert(tx, payment)?;
    ledger::transfer(tx, &settled.transfers, now)?;
    incoming_payment::update(tx, before, &settled.receiver)?;
    if let Some(quote) = &payment.quote {
        quote::set_used(tx, quote, &payment.id)?;
    }
    Ok(())
}

/// A grant that was revoked after its token was looked at pays nothing any more.
fn require_live(tx: &mut Tx<'_>, caller: &Caller) -> Result<grant::Standing, Error> {
    grant::standing(tx, &caller.grant)?.ok_or_else(|| Error::refused(Code::TokenInactive, "Inactive Token"))
}

type Payable = (Receiver, String, Price, Option<Id>);

fn priced(
    tx: &mut Tx<'_>,
    caller: &Caller,
    access: &GrantedAccess,
    ask: &Ask,
    wallet: &WalletAddress,
) -> Result<Payable, Error> {
    match &ask.priced {
        Priced::Quote(id) => {
            let unknown =
                || Error::refused(Code::InvalidQuote, "there is no such quote for this wallet address and client");
            let quote = quote::by_id(tx, id)?
                .filter(|quote| quote.wallet_address == wallet.id && quote.client == caller.client)
                .ok_or_else(unknown)?;
            rule::require_receiver(access, &quote.receiver)?;
            quote.require_usable(ask.now)?;
            let receiver = receivers::load(tx, &quote.incoming_payment)?;
            Ok((receiver, quote.receiver, quote.price, Some(*id)))
        }
        Priced::Debit(receiver, debit) => {
            let LocalReceiver { id, url } = receiver.clone()?;
            rule::require_receiver(access, &url)?;
            let receiver = receivers::load(tx, &id)?;
            let terms = quotes::terms(ask.rates.as_deref(), &ask.fees, wallet.asset, receiver.payment.asset)?;
            let price = price(Fixed::Debit(*debit), wallet.asset, &receiver.payment, &terms, ask.now)?;
            Ok((receiver, url, price, None))
        }
    }
}

/// The accounts between a payer and a receiver. `fee_account` is for where fees go, if that has to be opened.
///
/// # Errors
/// Exactly `invalid receiver` when the receiver's wallet address is deactivated.
pub(crate) fn route(
    tx: &mut Tx<'_>,
    from: &Account,
    to: &Receiver,
    price: &Price,
    fee_account: &Id,
    now: Timestamp,
) -> Result<LocalRoute, Error> {
    if to.deactivated_at.is_some() {
        return Err(Refusal::invalid_receiver("the receiver's wallet address is deactivated").into());
    }
    let mut position = |asset: Asset| {
        ledger::find_provider_account(tx, AccountKind::Exchange, asset)?
            .ok_or_else(|| Error::Internal("an exchange account is missing in the ledger".to_owned()))
    };
    let same = from.asset == to.account.asset;
    let exchange = if same { None } else { Some((position(from.asset)?, position(to.account.asset)?)) };
    let open_fees = |tx| ledger::provider_account(tx, AccountKind::Fees, from.asset, fee_account, now);
    let fees = if price.fee.is_zero() { None } else { Some(open_fees(tx)?) };
    Ok(LocalRoute { payer: *from, payee: to.account, exchange, fees })
}

fn wire(base: &str, payment: &OutgoingPayment, wallet: String) -> Result<Wire, Error> {
    Ok(Wire {
        id: format!("{base}/outgoing-payments/{}", payment.id),
        wallet_address: wallet,
        quote_id: payment.quote.as_ref().map(|quote| quotes::url(base, quote)),
        failed: false,
        receiver: payment.receiver.clone(),
        receive_amount: payment.price.receive,
        debit_amount: payment.price.debit,
        sent_amount: payment.sent,
        metadata: wire_metadata(payment.metadata.as_deref())?,
        created_at: payment.created_at,
    })
}

/// What the caller may see of an outgoing payment.
///
/// # Errors
/// [`Code::InsufficientGrant`]; not found, also when it is another client's and the caller only reads its own.
pub async fn get(app: &App, caller: Arc<Caller>, id: &str) -> Result<Wire, Error> {
    let missing = || Error::not_found("outgoing payment");
    let id: Id = id.parse().map_err(|_| missing())?;
    let base = app.config.resource_url();
    app.store
        .read(move |tx| {
            let payment = outgoing_payment::by_id(tx, &id)?.ok_or_else(missing)?;
            let wallet = wallet_address::by_id(tx, &payment.wallet_address)?.ok_or_else(missing)?;
            if access::require_read(&caller.access, RESOURCE, &wallet.url)? == Scope::Own
                && payment.client != caller.client
            {
                return Err(missing());
            }
            wire(&base, &payment, wallet.url)
        })
        .await
}

const LISTED: Listed<OutgoingPayment> = Listed {
    resource: RESOURCE,
    by_id: outgoing_payment::by_id,
    list: outgoing_payment::list,
    about: |payment| (payment.id, payment.wallet_address, &payment.client),
};

/// A page of a wallet address's outgoing payments, newest first, as far as the caller may see them.
///
/// # Errors
/// [`Code::InvalidResourceRequest`] for parameters that make no sense; [`Code::InsufficientGrant`].
pub async fn list(app: &App, caller: Arc<Caller>, query: ListQuery) -> Result<Page<Wire>, Error> {
    let base = app.config.resource_url();
    app.store
        .read(move |tx| LISTED.page(tx, &caller, &query, |payment, wallet| wire(&base, payment, wallet.url.clone())))
        .await
}

/// What was spent under the caller's grant in the current window, or ever without an interval.
///
/// # Errors
/// [`Code::InsufficientGrant`] when the token does not allow creating outgoing payments.
pub async fn spent(app: &App, caller: Arc<Caller>) -> Result<SpentAmounts, Error> {
    let creates = |item: &&GrantedAccess| item.resource == RESOURCE && item.actions.contains(Action::Create);
    let item = caller.access.iter().find(creates).cloned();
    let item = item.ok_or_else(|| Error::from(access::insufficient(RESOURCE, Action::Create)))?;
    let now = app.clock.now();
    app.store
        .read(move |tx| {
            // Outside of every window nothing is spent.
            let spend = match limits::window_index(item.limits.as_ref(), now) {
                Ok(window) => spend::get(tx, &item.id, window)?,
                Err(_) => Spend::default(),
            };
            let wallet = wallet_address::by_url(tx, item.identifier.as_deref().unwrap_or_default())?;
            let wallet = wallet.ok_or_else(|| Error::Internal("a grant without its wallet address".to_owned()))?;
            let (debit, receive) = spend.amounts(wallet.asset);
            Ok(SpentAmounts { spent_debit_amount: debit, spent_receive_amount: receive })
        })
        .await
}
