//! Requesting money in person: an incoming payment with a link that can be given to anybody.

use crate::addresses::{self, OwnAddress};
use crate::login::LoggedIn;
use crate::sending::{self, Payee};
use crate::{App, Error};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bursar_core::access::ClientId;
use bursar_core::incoming::{self, IncomingPayment};
use bursar_core::page::{self, unknown_cursor};
use bursar_core::{Code, Id, Refusal};
use bursar_store::idempotency::{self, Used};
use bursar_store::payment_request::{self, PaymentRequest};
use bursar_store::{LockKey, Tx, incoming_payment, wallet_address};
use bursar_types::Amount;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// Which page of a list is wanted.
pub use bursar_core::page::Part;

/// Requests on one page of the list.
pub const PER_PAGE: u8 = 20;
/// Longest word that tells one form from another.
const ONCE_LENGTH_MAX: usize = 64;

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The id of their wallet address that shall be paid.
    pub address: String,
    /// How much, as plain digits with at most one point; none to leave that to whoever pays.
    pub amount: Option<String>,
    /// What it is for.
    pub note: String,
    /// Whether everybody who has the link may read that.
    pub is_note_public: bool,
    /// For how long it can be paid; at most as long as any incoming payment lives.
    pub lifetime: SignedDuration,
    /// A word of the form that it came with: sent twice, one request is made.
    pub once: String,
}

/// A request, as whoever made it reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The id of the incoming payment.
    pub id: Id,
    /// Its URL, which is the link.
    pub url: String,
    /// The wallet address that is paid.
    pub address: OwnAddress,
    /// How much was asked for.
    pub amount: Option<Amount>,
    /// How much was paid.
    pub received: Amount,
    /// What it is for.
    pub note: Option<String>,
    /// Whether everybody who has the link may read that.
    pub is_note_public: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub stage: Stage,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It can be paid.
    Open,
    /// All that was asked for was paid.
    Paid,
    /// Whoever made it wants no more.
    Closed,
    /// Its time is over.
    Expired,
}

/// A page of requests, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// The requests.
    pub requests: Vec<Request>,
    /// The page before this one: what is newer than this.
    pub newer: Option<Id>,
    /// The page after this one: what is older than this.
    pub older: Option<Id>,
}

/// An incoming payment, as everybody who has its link may read it.
#[derive(Debug, Clone, PartialEq)]
pub struct Public {
    /// Its URL.
    pub url: String,
    /// Where it stands.
    pub stage: Stage,
    /// What its payee shows to everybody; none if it was made by an app, which decides itself whom it tells.
    pub shown: Option<Shown>,
}

/// What the payee of a request shows to everybody who has the link.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Who is paid.
    pub payee: Payee,
    /// How much is asked for.
    pub amount: Option<Amount>,
    /// How much of that is still missing.
    pub missing: Option<Amount>,
    /// The code of the asset that is received.
    pub asset: String,
    /// What it is for.
    pub note: Option<String>,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
}

/// Where an incoming payment stands.
fn stage(payment: &IncomingPayment, now: Timestamp) -> Stage {
    match payment.completed_at {
        Some(_) if payment.incoming == Some(payment.received) => Stage::Paid,
        Some(_) => Stage::Closed,
        None if payment.is_expired(now) => Stage::Expired,
        None => Stage::Open,
    }
}

fn invalid(field: &str, text: String) -> Error {
    Refusal::new(Code::InvalidResourceRequest, text).with("field", field).into()
}

/// Makes a request; its id.
///
/// # Errors
/// [`Code::InvalidResourceRequest`] for an amount, a note or a time that cannot be one, naming the `field`;
/// [`Code::Conflict`] when the wallet address is deactivated; [`Code::NotFound`] when it is not theirs.
pub async fn create(app: &App, person: &LoggedIn, ask: Ask) -> Result<Id, Error> {
    let note = sending::note(&ask.note)?;
    let key = once(&ask)?;
    let holder = person.holder;
    let client = ClientId::Holder(holder);
    let (now, id) = app.now_and_id();
    let lifetime_max = app.config.incoming_lifetime_max;
    let forget_before = now.saturating_sub(app.config.idempotency_lifetime).unwrap_or(Timestamp::MIN);
    let wanted = ask.address.clone();
    let url = app.store.read(move |tx| addresses::find(tx, &holder, &wanted).map(|wallet| wallet.url)).await?;
    // Payments of one wallet address are written one after the other, so that its list only grows at its end.
    app.store
        .write(vec![LockKey::named(&url)], move |tx| {
            if let Some(used) = idempotency::get(tx, &client.to_string(), &key, forget_before)? {
                return Ok(used.resource);
            }
            let wallet = addresses::find(tx, &holder, &ask.address)?;
            if wallet.deactivated_at.is_some() {
                return Err(Error::refused(Code::Conflict, "this address is deactivated, so nobody can pay to it"));
            }
            let unusable = || match wallet.asset.scale() {
                0 => invalid("amount", format!("an amount of {} is a whole number", wallet.asset)),
                scale => {
                    let text = format!("an amount of {} is a number with at most {scale} decimal places", wallet.asset);
                    invalid("amount", text)
                }
            };
            let amount = ask.amount.as_deref().map(|typed| wallet.asset.parse_decimal(typed).map_err(|_| unusable()));
            let amount = amount.transpose()?;
            if amount.is_some_and(|amount| amount.is_zero()) {
                return Err(invalid("amount", "ask for more than nothing, or leave the amount open".to_owned()));
            }
            let id = id.after(incoming_payment::newest(tx, &wallet.id)?.as_ref());
            let create = incoming::Create {
                id,
                wallet_address: wallet.id,
                asset: wallet.asset,
                client: client.clone(),
                incoming: amount,
                expires_at: Some(now.saturating_add(ask.lifetime).unwrap_or(Timestamp::MAX)),
                metadata: note.as_deref().map(sending::note_metadata),
            };
            let payment = incoming::create(create, lifetime_max, now)?;
            incoming_payment::insert(tx, &payment)?;
            payment_request::insert(tx, &id, &holder, note.as_deref().filter(|_| ask.is_note_public))?;
            let used = Used { request: [0; 32], resource: id, answer: String::new() };
            idempotency::insert(tx, &client.to_string(), &key, &used, forget_before, now)?;
            Ok(id)
        })
        .await
}

/// What tells this request from others of the same person: the form and all that was written in it.
fn once(ask: &Ask) -> Result<String, Error> {
    if ask.once.len() > ONCE_LENGTH_MAX {
        return Err(invalid("once", "the form is not one of ours".to_owned()));
    }
    let mut hash = Sha256::new();
    let (public, lifetime) = (ask.is_note_public.to_string(), ask.lifetime.as_secs().to_string());
    let amount = ask.amount.as_deref().unwrap_or("-");
    for part in [ask.once.as_str(), &ask.address, amount, &ask.note, &public, &lifetime] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    Ok(format!("request-{}", URL_SAFE_NO_PAD.encode(hash.finalize())))
}

/// A word for a form, by which it is known if it is sent twice.
pub fn new_once(app: &App) -> String {
    URL_SAFE_NO_PAD.encode(app.random.bytes::<12>())
}

fn seen(tx: &mut Tx<'_>, base: &str, request: PaymentRequest, now: Timestamp) -> Result<Request, Error> {
    let PaymentRequest { payment, public_note, .. } = request;
    let wallet = wallet_address::by_id(tx, &payment.wallet_address)?;
    let wallet = wallet.ok_or_else(|| Error::Internal("a request without its wallet address".to_owned()))?;
    let amount = |value: u64| payment.asset.amount(value).map_err(|error| Error::Internal(error.to_string()));
    Ok(Request {
        id: payment.id,
        url: format!("{base}/incoming-payments/{}", payment.id),
        address: wallet.into(),
        amount: payment.incoming.map(amount).transpose()?,
        received: amount(payment.received)?,
        note: sending::noted(payment.metadata.as_deref()),
        is_note_public: public_note.is_some(),
        created_at: payment.created_at,
        expires_at: payment.expires_at,
        stage: stage(&payment, now),
    })
}

/// Finds a request of this person.
fn own(tx: &mut Tx<'_>, holder: &Id, id: &Id) -> Result<PaymentRequest, Error> {
    let found = payment_request::by_id(tx, id)?.filter(|request| request.holder == *holder);
    found.ok_or_else(|| Error::not_found("request"))
}

/// A request of this person.
///
/// # Errors
/// [`Code::NotFound`], also when it is somebody else's.
pub async fn get(app: &App, person: &LoggedIn, id: &str) -> Result<Request, Error> {
    let id: Id = id.parse().map_err(|_| Error::not_found("request"))?;
    let (holder, now, base) = (person.holder, app.clock.now(), app.config.resource_url());
    app.store
        .read(move |tx| {
            let request = own(tx, &holder, &id)?;
            seen(tx, &base, request, now)
        })
        .await
}

/// A page of this person's requests, newest first.
///
/// # Errors
/// [`Code::InvalidResourceRequest`] when the page goes on from a request that is not theirs.
pub async fn list(app: &App, person: &LoggedIn, part: Part) -> Result<Listing, Error> {
    let (holder, now, base) = (person.holder, app.clock.now(), app.config.resource_url());
    let ask = page::Ask { part, count: PER_PAGE };
    app.store
        .read(move |tx| {
            if let Some(cursor) = ask.cursor() {
                own(tx, &holder, &cursor).map_err(|_| unknown_cursor())?;
            }
            let (rows, info) = ask.page(payment_request::list(tx, &holder, &ask)?, |row| row.payment.id);
            let requests = rows.into_iter().map(|row| seen(tx, &base, row, now)).collect::<Result<Vec<_>, _>>()?;
            let newer = requests.first().map(|first| first.id).filter(|_| info.has_previous_page);
            let older = requests.last().map(|last| last.id).filter(|_| info.has_next_page);
            Ok(Listing { requests, newer, older })
        })
        .await
}

/// Closes a request: it takes no more money. Doing it twice is harmless.
///
/// # Errors
/// [`Code::NotFound`], also when it is somebody else's.
pub async fn close(app: &App, person: &LoggedIn, id: &str) -> Result<(), Error> {
    let id: Id = id.parse().map_err(|_| Error::not_found("request"))?;
    let (holder, now) = (person.holder, app.clock.now());
    app.store
        .write(vec![LockKey::of(&id)], move |tx| {
            let PaymentRequest { payment, .. } = own(tx, &holder, &id)?;
            if payment.is_open(now) {
                incoming_payment::update(tx, &payment, &payment.complete(now)?)?;
            }
            Ok(())
        })
        .await
}

/// An incoming payment as everybody who has its link may read it.
///
/// # Errors
/// [`Code::NotFound`].
pub async fn public(app: &App, id: &str) -> Result<Public, Error> {
    let missing = || Error::not_found("incoming payment");
    let id: Id = id.parse().map_err(|_| missing())?;
    let (now, base) = (app.clock.now(), app.config.resource_url());
    app.store
        .read(move |tx| {
            let payment = incoming_payment::by_id(tx, &id)?.ok_or_else(missing)?;
            let wallet = wallet_address::by_id(tx, &payment.wallet_address)?.ok_or_else(missing)?;
            let stage = match stage(&payment, now) {
                Stage::Open if wallet.deactivated_at.is_some() => Stage::Closed,
                stage => stage,
            };
            let shown = payment_request::by_id(tx, &id)?.map(|request| Shown {
                payee: Payee { url: wallet.url, public_name: wallet.public_name, is_own: false },
                amount: payment.incoming.and_then(|value| payment.asset.amount(value).ok()),
                missing: payment.missing(),
                asset: payment.asset.code().to_owned(),
                note: request.public_note,
                expires_at: payment.expires_at,
            });
            Ok(Public { url: format!("{base}/incoming-payments/{id}"), stage, shown })
        })
        .await
}
