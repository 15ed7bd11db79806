//! Sending money in person: an account holder names a receiver and an amount, sees the price, and confirms it once.
//!
//! Nothing limits them but their money, so there is no grant; all else is as with the payments of apps. What they are
//! shown is a quote, and confirming it uses it up: however often that is sent, it pays once.

use crate::addresses::{self, OwnAddress};
use crate::login::LoggedIn;
use crate::{App, Error, outgoing, quotes, rates, receivers};
use bursar_core::access::ClientId;
use bursar_core::fee::Fees;
use bursar_core::incoming::{self, IncomingPayment};
use bursar_core::outgoing as rule;
use bursar_core::quote::{self as pricing, Fixed, Price, Quote};
use bursar_core::rate::Rates;
use bursar_core::{Code, Id, Refusal};
use bursar_store::wallet_address::{self, WalletAddress};
use bursar_store::{LockKey, Tx, incoming_payment, outgoing_payment, payment_request, quote};
use bursar_types::{Amount, Asset, WalletAddressUrl};
use jiff::Timestamp;
use std::sync::Arc;

/// Longest note, in characters.
pub const NOTE_LENGTH_MAX: usize = 140;

/// What somebody wants to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The id of their wallet address that pays.
    pub from: String,
    /// A wallet address, as URL or payment pointer, or the URL of an incoming payment.
    pub to: String,
    /// How much, as plain digits with at most one point; none for what the receiver still misses.
    pub amount: Option<String>,
    /// In whose asset that is.
    pub side: Side,
    /// What it is for. The receiver reads it.
    pub note: String,
}

/// Which end of a payment an amount is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What leaves the payer's account.
    Debit,
    /// What arrives.
    Receive,
}

/// A quote, or what became of it, as the person reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sending {
    /// The quote's id.
    pub id: Id,
    /// The wallet address that pays.
    pub from: OwnAddress,
    /// Who gets it.
    pub to: Payee,
    /// What it costs.
    pub price: Price,
    /// Until when that holds.
    pub expires_at: Timestamp,
    /// What it is for, as far as the payer wrote it.
    pub note: Option<String>,
    /// The URL of the incoming payment, if it was there before.
    pub receiver: Option<String>,
    /// Where it stands.
    pub stage: Stage,
}

/// Who gets the money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payee {
    /// The wallet address's URL.
    pub url: String,
    /// The name that it shows to others.
    pub public_name: Option<String>,
    /// Whether the payer owns it.
    pub is_own: bool,
}

/// Where a quote stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It can be confirmed.
    Open,
    /// Its time is over.
    Expired,
    /// It was paid.
    Sent {
        /// The outgoing payment.
        payment: Id,
        /// When.
        at: Timestamp,
    },
}

/// Whom an address leads to, for whoever is about to send something there.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Who gets it.
    pub payee: Payee,
    /// The asset that they receive.
    pub asset: Asset,
    /// What is asked for, if it is the URL of an incoming payment with an amount.
    pub missing: Option<Amount>,
    /// What it is asked for, if the payee shows that to everybody.
    pub note: Option<String>,
    /// Whether it is the URL of an incoming payment.
    pub is_request: bool,
}

/// Whom an address leads to; none if it cannot be paid.
///
/// # Errors
/// When the database fails.
pub async fn known(app: &App, person: &LoggedIn, to: &str) -> Result<Option<Known>, Error> {
    let Ok(receiver) = receiver(app, to) else { return Ok(None) };
    let (holder, now) = (person.holder, app.clock.now());
    app.store
        .read(move |tx| {
            let (wallet, missing, note, is_request) = match &receiver {
                Receiver::Wallet(url) => (wallet_address::by_url(tx, url)?, None, None, false),
                Receiver::Incoming(id) => {
                    let Some(payment) = incoming_payment::by_id(tx, id)?.filter(|payment| payment.is_open(now)) else {
                        return Ok(None);
                    };
                    let note = payment_request::by_id(tx, id)?.and_then(|request| request.public_note);
                    (wallet_address::by_id(tx, &payment.wallet_address)?, payment.missing(), note, true)
                }
            };
            Ok(wallet.filter(|wallet| wallet.deactivated_at.is_none()).map(|wallet| Known {
                payee: Payee { is_own: wallet.holder == holder, url: wallet.url, public_name: wallet.public_name },
                asset: wallet.asset,
                missing,
                note,
                is_request,
            }))
        })
        .await
}

/// What a person writes about a payment; none if empty.
///
/// # Errors
/// [`Code::InvalidResourceRequest`].
pub(crate) fn note(text: &str) -> Result<Option<String>, Error> {
    let note = text.trim();
    if note.chars().count() > NOTE_LENGTH_MAX || note.chars().any(char::is_control) {
        let text = "a note has at most 140 characters, all on one line";
        return Err(Refusal::new(Code::InvalidResourceRequest, text).with("field", "note").into());
    }
    Ok((!note.is_empty()).then(|| note.to_owned()))
}

/// A note as the metadata of a payment.
pub(crate) fn note_metadata(note: &str) -> String {
    serde_json::json!({ "description": note }).to_string()
}

/// The note in a payment's metadata.
pub(crate) fn noted(metadata: Option<&str>) -> Option<String> {
    let metadata: serde_json::Value = serde_json::from_str(metadata?).ok()?;
    metadata.get("description")?.as_str().map(str::to_owned)
}

/// A receiver as somebody names it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Receiver {
    /// An incoming payment of this provider.
    Incoming(Id),
    /// Perhaps a wallet address of this provider.
    Wallet(String),
}

fn no_receiver(text: &'static str) -> Error {
    Error::refused(Code::InvalidReceiver, text)
}

/// What a receiver's address stands for at this provider.
fn receiver(app: &App, to: &str) -> Result<Receiver, Error> {
    let to = to.trim();
    if let Some(id) = receivers::local_id(&app.config.resource_url(), to.trim_end_matches('/')) {
        return Ok(Receiver::Incoming(id));
    }
    // Without a scheme an address with a path is still one.
    let with_scheme = || to.contains('/').then(|| WalletAddressUrl::parse(&format!("${to}")).ok()).flatten();
    let url = WalletAddressUrl::parse(to).ok().or_else(with_scheme);
    let url =
        url.ok_or_else(|| no_receiver("write an address such as $wallet.example/alice, or the link of a request"))?;
    let host = |url: &str| url.split_once("://").map_or(url, |(_, rest)| rest).to_owned();
    // Payment pointers mean https, which a sandbox on this machine does without.
    let is_ours = if to.contains("://") {
        url.origin() == app.config.public_url
    } else {
        host(url.origin()) == host(&app.config.public_url)
    };
    if !is_ours {
        return Err(no_receiver(
            "this is at another provider, and there is no connection to others yet: money can only be sent within this one",
        ));
    }
    let path = &url.as_str()[url.origin().len()..];
    Ok(Receiver::Wallet(format!("{}{path}", app.config.public_url)))
}

/// Finds out what sending this would cost, as a commitment until it expires; the quote's id.
///
/// # Errors
/// [`Code::InvalidReceiver`] when nobody can be paid so; [`Code::InvalidResourceRequest`] for an amount or a note that
/// cannot be one, naming the `field`; [`Code::InsufficientFunds`]; [`Code::NotFound`] when the wallet address is not
/// theirs; [`Code::Conflict`] when it is deactivated; and what [`pricing::price`] refuses.
pub async fn ask(app: &App, person: &LoggedIn, wish: Wish) -> Result<Id, Error> {
    let note = note(&wish.note)?;
    let receiver = receiver(app, &wish.to)?;
    let holder = person.holder;
    // Payments of one wallet address are written one after the other, so that its list only grows at its end.
    let locks = match &receiver {
        Receiver::Wallet(url) => vec![LockKey::named(url)],
        Receiver::Incoming(_) => Vec::new(),
    };
    rates::with(app, |rates| {
        let now = app.clock.now();
        let asked = Asked {
            holder,
            wish: wish.clone(),
            note: note.clone(),
            receiver: receiver.clone(),
            quote: app.new_id(now),
            incoming: app.new_id(now),
            rates,
            fees: app.config.fees.clone(),
            base: app.config.resource_url(),
            expires_at: now.saturating_add(app.config.quote_lifetime).unwrap_or(now),
            now,
        };
        app.store.write(locks.clone(), move |tx| asked.price(tx))
    })
    .await
}

/// What is asked, with all that the transaction may not look up.
struct Asked {
    holder: Id,
    wish: Wish,
    note: Option<String>,
    receiver: Receiver,
    quote: Id,
    /// For the incoming payment, if one has to be made.
    incoming: Id,
    rates: Option<Arc<Rates>>,
    fees: Arc<Fees>,
    base: String,
    expires_at: Timestamp,
    now: Timestamp,
}

impl Asked {
    fn price(&self, tx: &mut Tx<'_>) -> Result<Id, Error> {
        let payer = addresses::find(tx, &self.holder, &self.wish.from)?;
        if payer.deactivated_at.is_some() {
            return Err(Error::refused(Code::Conflict, "the address that you pay from is deactivated"));
        }
        let (receiver, is_new) = self.receiver(tx)?;
        let payee = wallet_address::by_id(tx, &receiver.wallet_address)?.filter(|payee| payee.deactivated_at.is_none());
        let payee = payee.ok_or_else(|| no_receiver("nobody can be paid at this address any more"))?;
        if payee.account == payer.account {
            return Err(no_receiver("this is the account that you pay from"));
        }
        let terms = quotes::terms(self.rates.as_deref(), &self.fees, payer.asset, payee.asset)?;
        let fixed = self.fixed(payer.asset, payee.asset, is_new)?;
        let price = pricing::price(fixed, payer.asset, &receiver, &terms, self.now)?;
        if addresses::balance(tx, &payer)?.value() < price.debit.value() {
            let text = "there is not enough money in the account";
            return Err(Refusal::new(Code::InsufficientFunds, text).with_amount("debit", price.debit).into());
        }
        let receiver = if is_new {
            let exact = self.incoming(tx, &payee, Some(price))?;
            incoming_payment::insert(tx, &exact)?;
            exact
        } else {
            receiver
        };
        let quote = Quote {
            id: self.quote,
            wallet_address: payer.id,
            client: ClientId::Holder(self.holder),
            receiver: format!("{}/incoming-payments/{}", self.base, receiver.id),
            incoming_payment: receiver.id,
            price,
            created_at: self.now,
            expires_at: self.expires_at.min(receiver.expires_at),
            used_by: None,
        };
        quote::insert(tx, &quote)?;
        Ok(quote.id)
    }

    /// The incoming payment that is named, or one that would be made for whoever is named.
    fn receiver(&self, tx: &mut Tx<'_>) -> Result<(IncomingPayment, bool), Error> {
        match &self.receiver {
            Receiver::Incoming(id) => {
                let found = incoming_payment::by_id(tx, id)?;
                Ok((found.ok_or_else(|| no_receiver("there is no such request"))?, false))
            }
            Receiver::Wallet(url) => {
                let found = wallet_address::by_url(tx, url)?.filter(|payee| payee.deactivated_at.is_none());
                let payee = found.ok_or_else(|| no_receiver("nobody has this address"))?;
                Ok((self.incoming(tx, &payee, None)?, true))
            }
        }
    }

    /// An incoming payment for a wallet address, which lives as long as the quote: for exactly what arrives once that is
    /// known.
    fn incoming(&self, tx: &mut Tx<'_>, payee: &WalletAddress, price: Option<Price>) -> Result<IncomingPayment, Error> {
        let create = incoming::Create {
            id: self.incoming.after(incoming_payment::newest(tx, &payee.id)?.as_ref()),
            wallet_address: payee.id,
            asset: payee.asset,
            client: ClientId::Holder(self.holder),
            incoming: price.map(|price| price.receive),
            expires_at: Some(self.expires_at),
            metadata: self.note.as_deref().map(note_metadata),
        };
        Ok(incoming::create(create, self.expires_at.duration_since(self.now), self.now)?)
    }

    fn fixed(&self, payer: Asset, payee: Asset, is_new: bool) -> Result<Fixed, Error> {
        let invalid = |text: String| Refusal::new(Code::InvalidResourceRequest, text).with("field", "amount");
        let Some(typed) = &self.wish.amount else {
            return if is_new { Err(invalid("write how much".to_owned()).into()) } else { Ok(Fixed::Missing) };
        };
        let asset = if self.wish.side == Side::Debit { payer } else { payee };
        let unusable = || match asset.scale() {
            0 => invalid(format!("an amount of {asset} is a whole number")),
            scale => invalid(format!("an amount of {asset} is a number with at most {scale} decimal places")),
        };
        let amount = asset.parse_decimal(typed).map_err(|_| unusable())?;
        if amount.is_zero() {
            return Err(invalid("write how much: more than nothing".to_owned()).into());
        }
        Ok(if self.wish.side == Side::Debit { Fixed::Debit(amount) } else { Fixed::Receive(amount) })
    }
}

/// A quote of this person's own asking.
fn own_quote(tx: &mut Tx<'_>, holder: &Id, id: &Id) -> Result<Quote, Error> {
    let found = quote::by_id(tx, id)?.filter(|quote| quote.client == ClientId::Holder(*holder));
    found.ok_or_else(|| Error::not_found("quote"))
}

/// A quote that this person asked for, or what became of it.
///
/// # Errors
/// [`Code::NotFound`], also when it is somebody else's.
pub async fn get(app: &App, person: &LoggedIn, id: &str) -> Result<Sending, Error> {
    let id: Id = id.parse().map_err(|_| Error::not_found("quote"))?;
    let (holder, now) = (person.holder, app.clock.now());
    app.store
        .read(move |tx| {
            let broken = |what: &str| Error::Internal(format!("a quote without its {what}"));
            let quote = own_quote(tx, &holder, &id)?;
            let from = wallet_address::by_id(tx, &quote.wallet_address)?.ok_or_else(|| broken("wallet address"))?;
            let receiver = incoming_payment::by_id(tx, &quote.incoming_payment)?;
            let receiver = receiver.ok_or_else(|| broken("incoming payment"))?;
            let payee = wallet_address::by_id(tx, &receiver.wallet_address)?.ok_or_else(|| broken("receiver"))?;
            let paid = match quote.used_by {
                Some(payment) => outgoing_payment::by_id(tx, &payment)?,
                None => None,
            };
            let stage = match paid {
                Some(payment) => Stage::Sent { payment: payment.id, at: payment.created_at },
                None if now >= quote.expires_at => Stage::Expired,
                None => Stage::Open,
            };
            // What was made for this very payment was made with its quote.
            let is_new = receiver.client == quote.client && receiver.created_at == quote.created_at;
            Ok(Sending {
                id,
                from: from.into(),
                to: Payee { is_own: payee.holder == holder, url: payee.url, public_name: payee.public_name },
                price: quote.price,
                expires_at: quote.expires_at,
                note: noted(receiver.metadata.as_deref()).filter(|_| is_new),
                receiver: (!is_new).then_some(quote.receiver),
                stage,
            })
        })
        .await
}

/// Pays what a quote says, once: whoever confirms it again is told of the same payment.
///
/// # Errors
/// [`Code::NotFound`], also when the quote is somebody else's; [`Code::InvalidQuote`] when its time is over;
/// [`Code::Conflict`] when the wallet address is deactivated by now; and what [`rule::create_in_person`] refuses.
pub async fn confirm(app: &App, person: &LoggedIn, id: &str) -> Result<Id, Error> {
    let id: Id = id.parse().map_err(|_| Error::not_found("quote"))?;
    let holder = person.holder;
    let locks =
        if app.store.takes_locks() { app.store.read(move |tx| locks(tx, &holder, &id)).await? } else { Vec::new() };
    let now = app.clock.now();
    let (payment, fee_account) = (app.new_id(now), app.new_id(now));
    app.store
        .write(locks, move |tx| {
            let quote = own_quote(tx, &holder, &id)?;
            if let Some(payment) = quote.used_by {
                return Ok(payment);
            }
            quote.require_usable(now)?;
            let wallet = wallet_address::by_id(tx, &quote.wallet_address)?.ok_or_else(|| Error::not_found("quote"))?;
            let payer = outgoing_payment::payer(tx, &wallet.url)?.ok_or_else(|| Error::not_found("quote"))?;
            if wallet.holder != holder || wallet.deactivated_at.is_some() {
                return Err(Error::refused(Code::Conflict, "the address that you pay from is deactivated"));
            }
            let receiver = receivers::load(tx, &quote.incoming_payment)?;
            let route = outgoing::route(tx, &payer.account, &receiver, &quote.price, &fee_account, now)?;
            let receiver = receiver.payment;
            let create = rule::Create {
                id: payment.after(payer.newest.as_ref()),
                wallet_address: wallet.id,
                client: ClientId::Holder(holder),
                quote: Some(quote.id),
                receiver: quote.receiver,
                price: quote.price,
                // What the payer wrote; what others wrote stays theirs.
                metadata: receiver.metadata.clone().filter(|_| receiver.client == ClientId::Holder(holder)),
            };
            let settled = rule::create_in_person(&receiver, &route, create, now)?;
            outgoing::settle(tx, &settled, &receiver, now)?;
            Ok(settled.payment.id)
        })
        .await
}

/// Everything the payment is about to change.
fn locks(tx: &mut Tx<'_>, holder: &Id, id: &Id) -> Result<Vec<LockKey>, Error> {
    let quote = own_quote(tx, holder, id)?;
    match wallet_address::by_id(tx, &quote.wallet_address)? {
        Some(payer) => outgoing::between(tx, &payer.url, id, true).map(|(locks, _)| locks),
        None => Ok(Vec::new()),
    }
}
