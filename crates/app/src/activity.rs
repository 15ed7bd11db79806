//! What happened in a person's accounts: payments out and in, as their holder sees them. Nobody sees more of a payment
//! than their own end of it.

mod notes;
mod search;

pub use bursar_core::Id;
pub use bursar_core::outgoing::State;
pub use bursar_core::page::Part;
pub use notes::{Note, notes};
pub use search::{Filter, Side, amount_at_scale_18};

use crate::login::LoggedIn;
use crate::{App, Error};
use bursar_core::access::ClientId;
use bursar_core::ledger::AccountKind;
use bursar_store::movement::{self, End, Movement, Party, Posting, Span};
use bursar_store::wallet_address::WalletAddress;
use bursar_store::{Tx, grant, incoming_payment, quote, wallet_address};
use bursar_types::Amount;
use jiff::{SignedDuration, Timestamp};

/// Most wallet addresses of one person that are looked at.
pub const WALLETS_MAX: u64 = 100;
/// Most apps of one person that are named.
const APPS_MAX: usize = 100;
/// Most payments that one search looks at. Where there are more, the next page goes on from there.
const LOOKED_AT_MAX: usize = 2_000;
/// Payments of one wallet address that a search reads at a time.
const CHUNK: u64 = 200;
/// How much later than its payment an id may say that it was made: ids ascend even when clocks go back.
const IDS_AHEAD_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Which page of the payments is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Which payments.
    pub filter: Filter,
    /// Which part of them.
    pub part: Part,
    /// How many, at most.
    pub count: u8,
}

/// A page of payments, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// The payments.
    pub entries: Vec<Entry>,
    /// The page before this one: what is newer than this.
    pub newer: Option<Id>,
    /// The page after this one: what is older than this.
    pub older: Option<Id>,
    /// Whether the search stopped before the page was full, so that a neighbouring page may have more.
    pub is_cut: bool,
}

/// A payment in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its id.
    pub id: Id,
    /// Whether money came or went.
    pub side: Side,
    /// When.
    pub at: Timestamp,
    /// What left the person's account or arrived in it.
    pub amount: Amount,
    /// The fee in what left.
    pub fee: Amount,
    /// What arrived, of what left.
    pub receive: Amount,
    /// The person's own wallet address.
    pub wallet: String,
    /// Whoever is at the other end.
    pub other: Other,
    /// The app that made the payment, or asked for it.
    pub app: Maker,
    /// What it was for, as far as this end was told.
    pub note: Option<String>,
    /// Where it stands.
    pub state: State,
}

/// The other end of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Its wallet address; the incoming payment's URL if it is at another provider.
    pub url: String,
    /// The name that it gave itself.
    pub name: Option<String>,
}

/// The app behind something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maker {
    /// Its wallet address, or the thumbprint of its key; empty if a person did it without an app.
    pub id: String,
    /// The name that it gave itself.
    pub name: Option<String>,
    /// The grant of this person that it used.
    pub grant: Option<Id>,
}

/// All that a person may know of one of their payments.
#[derive(Debug, Clone, PartialEq)]
pub struct Detail {
    /// The payment.
    pub entry: Entry,
    /// What was paid, for whoever paid.
    pub paid: Option<Paid>,
    /// The incoming payment, for whoever was paid.
    pub request: Option<Request>,
    /// What its app noted.
    pub notes: Vec<Note>,
    /// The transfers that touched the person's account.
    pub transfers: Vec<Transfer>,
}

/// How a payment was priced.
#[derive(Debug, Clone, PartialEq)]
pub struct Paid {
    /// What of the debit was converted.
    pub principal: Amount,
    /// How much of the received asset one unit of the paid one bought, as a decimal number; none where both are the same
    /// or it was not kept.
    pub rate: Option<String>,
    /// What has left so far.
    pub sent: Amount,
    /// The URL of the incoming payment that was paid.
    pub receiver: String,
    /// The quote that it was made from.
    pub quote: Option<Quote>,
}

/// A quote that was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Its id.
    pub id: Id,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An incoming payment that took money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its id.
    pub id: Id,
    /// When it was created.
    pub created_at: Timestamp,
    /// The most that may be paid in.
    pub incoming: Option<Amount>,
    /// What all payments have paid in.
    pub received: Amount,
    /// Whether it takes no more money.
    pub is_complete: bool,
}

/// A transfer between two ledger accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// What is debited.
    pub from: Place,
    /// What is credited.
    pub to: Place,
    /// How much.
    pub amount: Amount,
    /// When.
    pub at: Timestamp,
}

/// An account, as one of two ends sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The person's own account.
    Own,
    /// The account at the other end.
    Other,
    /// Where the provider exchanges currencies.
    Exchange,
    /// Where the provider's fees go.
    Fees,
    /// Where money comes from outside.
    Outside,
}

/// A page of a person's payments.
///
/// # Errors
/// When the database fails.
pub async fn list(app: &App, person: &LoggedIn, ask: Ask) -> Result<Listing, Error> {
    let holder = person.holder;
    app.store
        .read(move |tx| {
            let wallets = wallet_address::all_of_holder(tx, &holder, WALLETS_MAX)?;
            search(tx, &holder, &wallets, &ask)
        })
        .await
}

/// The apps that a person has given grants to, whose payments can be looked for.
///
/// # Errors
/// When the database fails.
pub async fn apps(app: &App, person: &LoggedIn) -> Result<Vec<Maker>, Error> {
    let holder = person.holder;
    let known = app.store.read(move |tx| grant::known_clients(tx, &holder, APPS_MAX).map_err(Error::from)).await?;
    Ok(known.into_iter().map(|known| Maker { id: maker(&known.client), name: known.name, grant: None }).collect())
}

/// How an app is told apart from others; empty for what was done without one.
fn maker(client: &ClientId) -> String {
    match client {
        ClientId::WalletAddress(url) => url.clone(),
        ClientId::Jwk(thumbprint) => format!("key {thumbprint}"),
        ClientId::Holder(_) => String::new(),
    }
}

/// Goes through the payments of all wallet addresses at once, nearest first, until the page is full or enough was seen.
fn search(tx: &mut Tx<'_>, holder: &Id, wallets: &[WalletAddress], ask: &Ask) -> Result<Listing, Error> {
    let filter = &ask.filter;
    let is_shown = |wallet: &&WalletAddress| filter.wallet.as_ref().is_none_or(|only| *only == wallet.url);
    let ends = filter.ends();
    let streams: Vec<(Id, End)> =
        wallets.iter().filter(is_shown).flat_map(|wallet| ends.iter().map(|end| (wallet.id, *end))).collect();
    let mut span = span(ask);
    let wanted = usize::from(ask.count) + 1;
    let chunk = if filter.is_plain() { wanted as u64 } else { CHUNK };
    let (mut entries, mut looked_at, mut is_cut) = (Vec::new(), 0, false);
    'search: loop {
        let (found, frontier) = next_chunk(tx, &streams, &span, chunk)?;
        for movement in found {
            if entries.len() == wanted {
                break 'search;
            }
            span = span.beyond(movement.payment.id);
            looked_at += 1;
            let entry = entry(&movement, holder);
            if filter.matches(&entry, &movement) {
                entries.push(entry);
            }
        }
        let Some(frontier) = frontier else { break };
        span = span.beyond(frontier);
        if entries.len() == wanted {
            break;
        }
        if looked_at >= LOOKED_AT_MAX {
            is_cut = true;
            break;
        }
    }
    Ok(listing(entries, &span, is_cut, ask))
}

/// Where the search begins and ends: between the cursor and the dates.
fn span(ask: &Ask) -> Span {
    let (from, until) = (ask.filter.from, ask.filter.until);
    let first = from.map_or([0; 16], bound);
    let last =
        until.map_or([u8::MAX; 16], |until| bound(until.saturating_add(IDS_AHEAD_MAX).unwrap_or(Timestamp::MAX)));
    let (first, last) = (Id::from_bytes(first), Id::from_bytes(last));
    match ask.part {
        Part::Newest => Span { newer_than: first, older_than: last, newest_first: true },
        Part::OlderThan(id) => Span { newer_than: first, older_than: last.min(id), newest_first: true },
        Part::NewerThan(id) => Span { newer_than: first.max(id), older_than: last, newest_first: false },
    }
}

/// Comes before every id that was made at this instant or later.
fn bound(at: Timestamp) -> [u8; 16] {
    let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or(0).to_be_bytes();
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&milliseconds[2..]);
    bytes
}

/// The next payments of all wallet addresses together, nearest first, each once; and up to which id all of them are
/// known, if there may be more beyond it.
fn next_chunk(
    tx: &mut Tx<'_>,
    streams: &[(Id, End)],
    span: &Span,
    chunk: u64,
) -> Result<(Vec<Movement>, Option<Id>), Error> {
    let (mut found, mut frontier) = (Vec::new(), None);
    let nearer = |one: Id, other: Id| if span.newest_first { one.max(other) } else { one.min(other) };
    for (wallet, end) in streams {
        let rows = movement::list(tx, wallet, *end, span, chunk)?;
        if rows.len() as u64 == chunk
            && let Some(last) = rows.last()
        {
            let last = last.payment.id;
            frontier = Some(frontier.map_or(last, |known| nearer(known, last)));
        }
        found.extend(rows);
    }
    found.sort_by_key(|movement| movement.payment.id);
    // A payment between two wallet addresses of one person is in both their lists.
    found.dedup_by_key(|movement| movement.payment.id);
    if span.newest_first {
        found.reverse();
    }
    if let Some(frontier) = frontier {
        found.retain(|movement| nearer(movement.payment.id, frontier) == movement.payment.id);
    }
    Ok((found, frontier))
}

/// Makes a page of what was found, which is nearest first and may be one more than the page has.
fn listing(mut entries: Vec<Entry>, span: &Span, is_cut: bool, ask: &Ask) -> Listing {
    let has_more = entries.len() > usize::from(ask.count);
    entries.truncate(ask.count.into());
    if !span.newest_first {
        entries.reverse();
    }
    let (first, last) = (entries.first().map(|entry| entry.id), entries.last().map(|entry| entry.id));
    let (newer, older) = match ask.part {
        Part::NewerThan(cursor) => {
            let newer = if has_more { first } else { is_cut.then_some(span.newer_than) };
            // Whatever was the cursor is older than this page.
            (newer, Some(last.unwrap_or_else(|| just_after(cursor))))
        }
        part => {
            let older = if has_more { last } else { is_cut.then_some(span.older_than) };
            let newer = match part {
                Part::OlderThan(cursor) => Some(first.unwrap_or_else(|| just_before(cursor))),
                _ => None,
            };
            (newer, older)
        }
    };
    Listing { entries, newer, older, is_cut }
}

/// A cursor before which the page that ended with `id` lies.
fn just_before(id: Id) -> Id {
    Id::from_bytes(u128::from_be_bytes(*id.as_bytes()).saturating_sub(1).to_be_bytes())
}

/// A cursor after which the page that began with `id` lies.
fn just_after(id: Id) -> Id {
    Id::from_bytes(u128::from_be_bytes(*id.as_bytes()).saturating_add(1).to_be_bytes())
}

/// What one of a payment's ends sees of it. Of two ends that are both this person's, the paying one counts.
fn entry(movement: &Movement, holder: &Id) -> Entry {
    let Movement { payment, payer, payee, request, grant, client_name } = movement;
    let pays = payer.holder == *holder;
    let is_paid = payee.as_ref().is_some_and(|payee| payee.holder == *holder);
    let side = match (pays, is_paid) {
        (true, true) => Side::Own,
        (true, false) => Side::Out,
        (false, _) => Side::In,
    };
    let known = |party: &Party| Other { url: party.url.clone(), name: party.public_name.clone() };
    let receiver = || Other { url: payment.receiver.clone(), name: None };
    let metadata =
        if pays { payment.metadata.as_deref() } else { request.as_ref().and_then(|r| r.metadata.as_deref()) };
    Entry {
        id: payment.id,
        side,
        at: payment.created_at,
        amount: if pays { payment.price.debit } else { payment.price.receive },
        fee: if pays { payment.price.fee } else { payment.price.receive.asset().zero() },
        receive: payment.price.receive,
        wallet: if pays { payer.url.clone() } else { payee.as_ref().map_or_else(String::new, |own| own.url.clone()) },
        other: if pays { payee.as_ref().map_or_else(receiver, known) } else { known(payer) },
        app: if pays {
            Maker { id: maker(&payment.client), name: client_name.clone(), grant: *grant }
        } else {
            let client = request.as_ref().map(|request| maker(&request.client)).unwrap_or_default();
            Maker { id: client, name: None, grant: None }
        },
        note: notes::summary(metadata),
        state: payment.state,
    }
}

/// A payment of this person's, in full.
///
/// # Errors
/// Not found, also when both its ends are other people's.
pub async fn detail(app: &App, person: &LoggedIn, id: &str) -> Result<Detail, Error> {
    let missing = || Error::not_found("payment");
    let id: Id = id.parse().map_err(|_| missing())?;
    let holder = person.holder;
    app.store
        .read(move |tx| {
            let movement = movement::by_id(tx, &id)?.ok_or_else(missing)?;
            let is_theirs = |party: &Party| party.holder == holder;
            let is_payer = is_theirs(&movement.payer);
            if !is_payer && !movement.payee.as_ref().is_some_and(is_theirs) {
                return Err(missing());
            }
            let entry = entry(&movement, &holder);
            let own: Vec<Id> = [Some(&movement.payer), movement.payee.as_ref()]
                .into_iter()
                .flatten()
                .filter(|party| is_theirs(party))
                .map(|party| party.account)
                .collect();
            let postings = movement::postings(tx, &id)?;
            let transfers = postings.iter().filter_map(|posting| transfer(posting, &own)).collect();
            let paid = if is_payer { Some(paid(tx, &movement)?) } else { None };
            let request = if entry.side == Side::Out { None } else { request(tx, &movement)? };
            let metadata = match (&movement.request, is_payer) {
                (_, true) => movement.payment.metadata.as_deref(),
                (request, false) => request.as_ref().and_then(|request| request.metadata.as_deref()),
            };
            let notes = notes(metadata);
            Ok(Detail { entry, paid, request, notes, transfers })
        })
        .await
}

fn paid(tx: &mut Tx<'_>, movement: &Movement) -> Result<Paid, Error> {
    let payment = &movement.payment;
    let quote = match &payment.quote {
        Some(id) => quote::by_id(tx, id)?.map(|quote| Quote { id: quote.id, created_at: quote.created_at }),
        None => None,
    };
    let price = &payment.price;
    let is_exchanged = price.debit.asset() != price.receive.asset();
    Ok(Paid {
        principal: price.principal(),
        rate: price.rate.filter(|_| is_exchanged).map(|rate| rate.rounded()),
        sent: payment.sent,
        receiver: payment.receiver.clone(),
        quote,
    })
}

fn request(tx: &mut Tx<'_>, movement: &Movement) -> Result<Option<Request>, Error> {
    let Some(incoming) = incoming_payment::by_id(tx, &movement.payment.incoming_payment)? else { return Ok(None) };
    let amount = |value: u64| incoming.asset.amount(value).map_err(|error| Error::Internal(error.to_string()));
    Ok(Some(Request {
        id: incoming.id,
        created_at: incoming.created_at,
        incoming: incoming.incoming.map(amount).transpose()?,
        received: amount(incoming.received)?,
        is_complete: incoming.completed_at.is_some(),
    }))
}

/// A transfer, if it touches one of these accounts.
fn transfer(posting: &Posting, own: &[Id]) -> Option<Transfer> {
    let place = |(account, kind): (Id, AccountKind)| match kind {
        _ if own.contains(&account) => Place::Own,
        AccountKind::Holder => Place::Other,
        AccountKind::Exchange => Place::Exchange,
        AccountKind::Fees => Place::Fees,
        AccountKind::Issuer => Place::Outside,
    };
    let (from, to) = (place(posting.debit), place(posting.credit));
    let touches = from == Place::Own || to == Place::Own;
    touches.then_some(Transfer { from, to, amount: posting.amount, at: posting.at })
}
