//! The grants that an account holder has given: what each allows, what was spent under it, and changing that.

mod act;
mod search;

pub use act::act;

use crate::login::LoggedIn;
use crate::spending::{self, Receiver, Spending};
use crate::{App, Error};
use bursar_core::access::GrantedAccess;
use bursar_core::grant::{Grant, State};
use bursar_core::limits::{Spend, WHOLE_LIFE};
use bursar_core::mandate as rule;
use bursar_core::outgoing::OutgoingPayment;
use bursar_core::{Code, Id, Refusal};
use bursar_store::grant_change::{self, GrantChange, Kind};
use bursar_store::{Tx, grant, outgoing_payment, spend, wallet_address};
use bursar_types::{Action, Amount, Asset, LimitAmount, Limits, ResourceType, Window};
use jiff::{SignedDuration, Timestamp};
use search::{CHUNK, search_through};

/// What an account holder does to a grant.
pub use bursar_core::mandate::Act;

/// Grants on one page of the list.
pub const PER_PAGE: usize = 20;
/// Payments on one page of a grant's.
pub const PAYMENTS_PER_PAGE: usize = 20;
/// Windows whose spending is shown.
pub const WINDOWS_SHOWN: i64 = 12;
/// Changes that are shown.
const CHANGES_SHOWN: u64 = 20;
/// How far clocks of nodes may be apart.
const CLOCKS_APART_MAX: SignedDuration = SignedDuration::from_hours(1);

/// A grant, as its account holder sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Mandate {
    /// Its id.
    pub id: Id,
    /// The app's name, as this server found it when it asked; its address if it had none.
    pub client_name: String,
    /// The app's wallet address.
    pub client_address: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Where it stands.
    pub standing: Standing,
    /// What it allows.
    pub items: Vec<Item>,
    /// The wallet address whose ownership was proven to the app.
    pub subject: Option<String>,
    /// The present.
    pub now: Timestamp,
}

/// Where a grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It can be used.
    Active,
    /// The account holder has paused it.
    Paused {
        /// Since when.
        since: Timestamp,
    },
    /// Its last window is over: nothing can be spent any more.
    Over,
    /// It was revoked, or given back by the app.
    Ended {
        /// When.
        at: Timestamp,
    },
}

/// One thing that a grant allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its number in the grant.
    pub number: usize,
    /// The kind of resource.
    pub resource: ResourceType,
    /// What the app may do.
    pub actions: Vec<Action>,
    /// The wallet address concerned.
    pub wallet: Option<String>,
    /// What it may spend, if anything.
    pub spending: Option<Spending>,
    /// What it has spent, if it may spend.
    pub budget: Option<Budget>,
    /// What it had asked for, if less was granted.
    pub asked: Option<Spending>,
    /// The asset in which a limit counts, or would count if there was one.
    pub asset: Option<Asset>,
}

/// What was spent, and what is left of it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// The window of the present; none without windows, and outside of all.
    pub window: Option<Window>,
    /// Settled, in that window or ever.
    pub spent: Amount,
    /// On its way.
    pub reserved: Amount,
    /// What can still be spent; none if there is no limit on the amount.
    pub left: Option<Amount>,
    /// When the limit begins anew; never without windows or after the last.
    pub next_reset: Option<Timestamp>,
}

/// What was spent in one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowSpend {
    /// The window.
    pub window: Window,
    /// Settled.
    pub spent: Amount,
    /// On its way.
    pub reserved: Amount,
    /// Whether it is the window of the present.
    pub is_now: bool,
}

/// Which grants are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Show {
    /// All of them.
    #[default]
    All,
    /// Those that can be used.
    Active,
    /// Those that are paused.
    Paused,
    /// Those that have ended, or whose last window is over.
    Ended,
}

/// Which grants are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// Where they stand.
    pub show: Show,
    /// Words that the app's name or address, or a wallet address, holds.
    pub text: String,
    /// Only those older than this one.
    pub older_than: Option<Id>,
}

/// A page of grants or payments.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// What was found, newest first.
    pub found: Vec<T>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Id>,
}

/// A page of the grants that a person has given, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(app: &App, person: &LoggedIn, search: Search) -> Result<Page<Mandate>, Error> {
    let (holder, now, base) = (person.holder, app.clock.now(), app.config.resource_url());
    let text = search.text.trim().to_lowercase();
    app.store
        .read(move |tx| {
            let read = |tx: &mut Tx<'_>, from: Option<Id>| {
                grant::of_holder(tx, &holder, from.as_ref(), CHUNK).map_err(Error::from)
            };
            let fits = |grant: &Grant| shows(search.show, standing(grant, now)) && mentions(grant, &text);
            let page = search_through(tx, search.older_than, PER_PAGE, |grant: &Grant| grant.id, read, fits)?;
            let mut found = Vec::with_capacity(page.found.len());
            for grant in &page.found {
                found.push(mandate(tx, grant, &base, now)?);
            }
            Ok(Page { found, next: page.next })
        })
        .await
}

fn shows(show: Show, standing: Standing) -> bool {
    match show {
        Show::All => true,
        Show::Active => standing == Standing::Active,
        Show::Paused => matches!(standing, Standing::Paused { .. }),
        Show::Ended => matches!(standing, Standing::Over | Standing::Ended { .. }),
    }
}

/// Whether the app or a wallet address holds these words, in small letters.
fn mentions(grant: &Grant, text: &str) -> bool {
    let has = |field: &str| field.to_lowercase().contains(text);
    text.is_empty()
        || has(&grant.client.to_string())
        || grant.client_name.as_deref().is_some_and(has)
        || grant.access.iter().any(|item| item.identifier.as_deref().is_some_and(has))
        || grant.subject.as_deref().is_some_and(has)
}

fn standing(grant: &Grant, now: Timestamp) -> Standing {
    let mut spending = grant.access.iter().filter(|item| bursar_core::narrow::spends(item)).peekable();
    let is_over = |item: &GrantedAccess| {
        let interval = item.limits.as_ref().and_then(|limits| limits.interval.as_ref());
        interval.is_some_and(|interval| bursar_core::narrow::earliest_left(interval, now).is_none())
    };
    match (grant.state, grant.paused_at) {
        (State::Ended { at, .. }, _) => Standing::Ended { at },
        _ if spending.peek().is_some() && spending.all(is_over) => Standing::Over,
        (_, Some(since)) => Standing::Paused { since },
        (_, None) => Standing::Active,
    }
}

fn mandate(tx: &mut Tx<'_>, grant: &Grant, base: &str, now: Timestamp) -> Result<Mandate, Error> {
    let (asked, assets) = (grant::asked(tx, &grant.id)?, spending::assets(tx, &grant.access)?);
    let mut items = Vec::with_capacity(grant.access.len());
    for (number, (item, wallet)) in grant.access.iter().zip(assets).enumerate() {
        let spending = spending::of_item(tx, base, item, now)?;
        let receiver = spending.as_ref().and_then(|spending| spending.receiver.clone());
        let asked = asked.iter().find(|(id, _)| *id == item.id);
        let asset = limit_asset(item.limits.as_ref()).or(wallet).filter(|_| spending.is_some());
        let budget = match asset {
            Some(asset) => Some(budget(tx, item, asset, now)?),
            None => None,
        };
        items.push(Item {
            number,
            resource: item.resource,
            actions: item.actions.iter().collect(),
            wallet: item.identifier.clone(),
            asked: asked.map(|(_, limits)| Spending::new(limits.as_ref(), receiver, now)),
            spending,
            budget,
            asset,
        });
    }
    let client_address = grant.client.to_string();
    Ok(Mandate {
        id: grant.id,
        client_name: grant.client_name.clone().unwrap_or_else(|| client_address.clone()),
        client_address,
        created_at: grant.created_at,
        standing: standing(grant, now),
        items,
        subject: grant.subject.clone(),
        now,
    })
}

fn limit_asset(limits: Option<&Limits>) -> Option<Asset> {
    limits.and_then(|limits| limits.amount).map(|limit| limit.amount().asset())
}

fn budget(tx: &mut Tx<'_>, item: &GrantedAccess, asset: Asset, now: Timestamp) -> Result<Budget, Error> {
    let limits = item.limits.as_ref();
    let interval = limits.and_then(|limits| limits.interval.as_ref());
    let window = interval.and_then(|interval| interval.window_at(now));
    let counted = match (interval, &window) {
        (None, _) => spend::get(tx, &item.id, WHOLE_LIFE)?,
        (Some(_), Some(window)) => spend::get(tx, &item.id, window.index)?,
        (Some(_), None) => Spend::default(),
    };
    let (spent, reserved) = sides(&counted, limits, asset);
    let limit = limits.and_then(|limits| limits.amount).map(|limit| limit.amount());
    let used = spent.value().saturating_add(reserved.value());
    // Before the first window and after the last nothing can be spent, though the limit is untouched.
    let left = match (limit, interval.is_some() && window.is_none()) {
        (Some(_), true) => Some(asset.zero()),
        (Some(limit), false) => asset.amount(limit.value().saturating_sub(used)).ok(),
        (None, _) => None,
    };
    let next_reset = match (interval, &window) {
        (Some(interval), Some(window)) => interval.next(window).map(|next| next.start),
        (Some(interval), None) => interval.first().map(|first| first.start).filter(|start| now < *start),
        (None, _) => None,
    };
    Ok(Budget { window, spent, reserved, left, next_reset })
}

/// What was spent and what is on its way, on the side that the limit counts.
fn sides(spend: &Spend, limits: Option<&Limits>, asset: Asset) -> (Amount, Amount) {
    let amount = |value| asset.amount(value).unwrap_or(asset.zero());
    match limits.and_then(|limits| limits.amount) {
        Some(LimitAmount::Receive(_)) => (amount(spend.receive_committed), amount(spend.receive_reserved)),
        Some(LimitAmount::Debit(_)) | None => (amount(spend.debit_committed), amount(spend.debit_reserved)),
    }
}

/// A grant with all that its page shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Detail {
    /// The grant.
    pub mandate: Mandate,
    /// What was spent in the last windows, for each access item that has some; oldest first.
    pub windows: Vec<Vec<WindowSpend>>,
    /// What the account holder did to it, newest first.
    pub changes: Vec<Change>,
    /// When the first grant was asked for that the person gave to this app.
    pub known_since: Option<Timestamp>,
    /// Its newest payments, or those after the cursor.
    pub payments: Page<Payment>,
}

/// Something that an account holder did to a grant.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What.
    pub what: Changed,
    /// When.
    pub at: Timestamp,
}

/// What an account holder did to a grant.
#[derive(Debug, Clone, PartialEq)]
pub enum Changed {
    /// Paused it.
    Paused,
    /// Resumed it.
    Resumed,
    /// Revoked it.
    Revoked,
    /// Lowered what it allows.
    Lowered {
        /// What it had allowed to spend before.
        before: Box<Spending>,
    },
}

impl Change {
    fn new(change: GrantChange, now: Timestamp) -> Self {
        let what = match change.kind {
            Kind::Paused => Changed::Paused,
            Kind::Resumed => Changed::Resumed,
            Kind::Revoked => Changed::Revoked,
            Kind::Lowered { limits, .. } => {
                Changed::Lowered { before: Box::new(Spending::new(limits.as_ref(), None, now)) }
            }
        };
        Self { what, at: change.created_at }
    }
}

/// A payment under a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub id: Id,
    /// When it was made.
    pub created_at: Timestamp,
    /// The incoming payment it pays.
    pub receiver: Receiver,
    /// What leaves the wallet.
    pub debit: Amount,
    /// What arrives.
    pub receive: Amount,
}

impl Payment {
    fn new(tx: &mut Tx<'_>, base: &str, payment: OutgoingPayment) -> Result<Self, Error> {
        let OutgoingPayment { id, created_at, receiver, price, .. } = payment;
        let receiver = spending::receiver(tx, base, receiver)?;
        Ok(Self { id, created_at, receiver, debit: price.debit, receive: price.receive })
    }
}

/// A grant that a person has given; its payments from `older_than` on.
///
/// # Errors
/// Not found, also when it is somebody else's.
pub async fn get(app: &App, person: &LoggedIn, id: &str, older_than: Option<Id>) -> Result<Detail, Error> {
    let id: Id = id.parse().map_err(|_| missing())?;
    let (holder, now, base) = (person.holder, app.clock.now(), app.config.resource_url());
    app.store
        .read(move |tx| {
            let grant = own(tx, &id, &holder)?;
            let mandate = mandate(tx, &grant, &base, now)?;
            let mut windows = Vec::with_capacity(grant.access.len());
            for (item, seen) in grant.access.iter().zip(&mandate.items) {
                windows.push(match seen.asset {
                    Some(asset) => last_windows(tx, item, asset, now)?,
                    None => Vec::new(),
                });
            }
            let changes = grant_change::newest(tx, &id, CHANGES_SHOWN)?;
            Ok(Detail {
                windows,
                changes: changes.into_iter().map(|change| Change::new(change, now)).collect(),
                known_since: grant::known_since(tx, &holder, &grant.client)?,
                payments: payments(tx, &grant, older_than, &base)?,
                mandate,
            })
        })
        .await
}

fn missing() -> Error {
    Error::not_found("grant")
}

fn own(tx: &mut Tx<'_>, id: &Id, holder: &Id) -> Result<Grant, Error> {
    grant::by_id(tx, id)?.filter(|grant| rule::is_own(grant, holder)).ok_or_else(missing)
}

/// The windows up to the present one, or to the last.
fn last_windows(
    tx: &mut Tx<'_>,
    item: &GrantedAccess,
    asset: Asset,
    now: Timestamp,
) -> Result<Vec<WindowSpend>, Error> {
    let limits = item.limits.as_ref();
    let Some(interval) = limits.and_then(|limits| limits.interval.as_ref()) else { return Ok(Vec::new()) };
    let current = interval.window_at(now);
    let Some(end) = current.or_else(|| interval.last().filter(|last| last.end <= now)) else { return Ok(Vec::new()) };
    let first = end.index.saturating_sub(WINDOWS_SHOWN - 1);
    let counted = spend::between(tx, &item.id, first, end.index)?;
    let shown = (first..=end.index).filter_map(|index| interval.window(index)).map(|window| {
        let spend = counted.iter().find(|(index, _)| *index == window.index).map(|(_, spend)| *spend);
        let (spent, reserved) = sides(&spend.unwrap_or_default(), limits, asset);
        WindowSpend { window, spent, reserved, is_now: current == Some(window) }
    });
    Ok(shown.collect())
}

/// The payments under a grant. An app's payments from a wallet are read from newest to oldest, and those under other
/// grants of it left out: an index of its own would make every payment dearer.
fn payments(tx: &mut Tx<'_>, grant: &Grant, older_than: Option<Id>, base: &str) -> Result<Page<Payment>, Error> {
    let mut wallets: Vec<&str> = grant
        .access
        .iter()
        .filter(|item| bursar_core::narrow::spends(item))
        .filter_map(|item| item.identifier.as_deref())
        .collect();
    wallets.sort_unstable();
    wallets.dedup();
    let mut ids = Vec::new();
    for url in wallets {
        ids.extend(wallet_address::by_url(tx, url)?.map(|wallet| wallet.id));
    }
    // Ids ascend with time, as far as the clocks of all nodes agree.
    let since = grant.created_at.checked_sub(CLOCKS_APART_MAX).unwrap_or(Timestamp::MIN);
    let (begin, end) = (Id::new(since, [0; 10]), Id::from_bytes([u8::MAX; 16]));
    let read = |tx: &mut Tx<'_>, from: Option<Id>| {
        let mut rows = Vec::new();
        for id in &ids {
            let between = [&begin, from.as_ref().unwrap_or(&end)];
            rows.extend(outgoing_payment::of_client_between(tx, id, &grant.client, between, CHUNK)?);
        }
        rows.sort_by_key(|row: &OutgoingPayment| std::cmp::Reverse(row.id));
        rows.truncate(usize::try_from(CHUNK).unwrap_or(usize::MAX));
        Ok(rows)
    };
    let counts = |payment: &OutgoingPayment, item: &Id| payment.counted.is_some_and(|counted| counted.access == *item);
    let is_its = |payment: &OutgoingPayment| grant.access.iter().any(|item| counts(payment, &item.id));
    let page = search_through(tx, older_than, PAYMENTS_PER_PAGE, |payment: &OutgoingPayment| payment.id, read, is_its)?;
    let found = page.found.into_iter().map(|payment| Payment::new(tx, base, payment)).collect::<Result<_, _>>()?;
    Ok(Page { found, next: page.next })
}

/// Reads the text of an id that a page carries as its cursor.
///
/// # Errors
/// [`Code::InvalidResourceRequest`].
pub fn cursor(text: &str) -> Result<Id, Error> {
    text.parse().map_err(|_| Refusal::new(Code::InvalidResourceRequest, "this page does not exist").into())
}
