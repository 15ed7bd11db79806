//! Grants in the words of the pages.

use crate::wallet::figures::{Budget, Chart};
use crate::wallet::mandate::{Fact, Limit, Mandate as Told, when};
use crate::wallet::names::{Address, Who, harmless};
use crate::wallet::view::{Moment, View};
use crate::wallet::wording;
use bursar_app::interactions::Spending;
use bursar_app::mandates::{self, Change, Changed, Item, Mandate, Payment, Standing, WindowSpend};

/// What an app is called where there is no room for its address.
pub(super) fn name_of(mandate: &Mandate) -> String {
    let named = (mandate.client_name != mandate.client_address).then(|| harmless(&mandate.client_name)).flatten();
    named.map_or_else(|| Address::new(&mandate.client_address).to_string(), |name| format!("“{name}”"))
}

/// Where a grant stands, in a word with a colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Badge {
    pub(super) class: &'static str,
    pub(super) word: &'static str,
}

impl Badge {
    fn new(standing: Standing) -> Self {
        let (class, word) = match standing {
            Standing::Active => ("good", "Active"),
            Standing::Paused { .. } => ("warn", "Paused"),
            Standing::Over => ("", "Over"),
            Standing::Ended { .. } => ("", "Ended"),
        };
        Self { class, word }
    }
}

/// What an app may spend, and has.
pub(super) struct Purse {
    pub(super) number: usize,
    pub(super) wallet: Option<Address>,
    pub(super) limit: Limit,
    /// None where nothing can be spent now.
    pub(super) budget: Option<Budget>,
    /// Why nothing can be spent now, or when the limit begins anew.
    pub(super) reset: Option<(&'static str, Moment)>,
}

impl Purse {
    fn new(item: &Item, spending: &Spending, is_alive: bool, view: &View) -> Self {
        let counted = item.budget.as_ref();
        let limit = spending.amount.map(|limit| limit.amount());
        let is_outside = spending.schedule.is_some() && counted.is_some_and(|counted| counted.window.is_none());
        let budget = counted.filter(|_| !is_outside);
        let reset = counted.and_then(|counted| counted.next_reset).filter(|_| is_alive);
        Self {
            number: item.number,
            wallet: item.wallet.as_deref().map(Address::new),
            limit: Limit::new(spending, view),
            budget: budget.map(|counted| Budget::new(view, &counted.spent, &counted.reserved, limit.as_ref())),
            reset: reset.map(|at| (if is_outside { "Begins on" } else { "Begins anew on" }, view.moment(at))),
        }
    }
}

/// What an app may do beside spending: what, and with which wallet.
pub(super) struct Other {
    pub(super) point: &'static str,
    pub(super) wallet: Option<Address>,
}

impl Other {
    fn all(mandate: &Mandate) -> Vec<Self> {
        let of_item = |item: &Item| {
            let wallet = item.wallet.as_deref().map(Address::new);
            wording::points(item.resource, &item.actions)
                .into_iter()
                .map(|point| Self { point, wallet: wallet.clone() })
                .collect::<Vec<_>>()
        };
        mandate.items.iter().flat_map(of_item).collect()
    }
}

fn purses<'a>(mandate: &'a Mandate, view: &'a View) -> impl Iterator<Item = Purse> + 'a {
    let is_alive = matches!(mandate.standing, Standing::Active | Standing::Paused { .. });
    let spending = mandate.items.iter().filter_map(|item| item.spending.as_ref().map(|spending| (item, spending)));
    spending.map(move |(item, spending)| Purse::new(item, spending, is_alive, view))
}

/// A grant in the list.
pub(super) struct Listed {
    pub(super) path: String,
    pub(super) who: Who,
    pub(super) badge: Badge,
    pub(super) since: Moment,
    pub(super) purses: Vec<Purse>,
    /// What it may do if it may not spend.
    pub(super) others: Vec<&'static str>,
}

impl Listed {
    pub(super) fn new(mandate: &Mandate, public_url: &str, view: &View) -> Self {
        let purses: Vec<Purse> = purses(mandate, view).collect();
        let points = mandate.items.iter().flat_map(|item| wording::points(item.resource, &item.actions));
        let mut others: Vec<&'static str> = if purses.is_empty() { points.collect() } else { Vec::new() };
        if mandate.subject.is_some() && others.is_empty() && purses.is_empty() {
            others.push("It was told that a wallet is yours.");
        }
        Self {
            path: super::path_of(&mandate.id.to_string()),
            who: Who::new(&mandate.client_name, &mandate.client_address, public_url),
            badge: Badge::new(mandate.standing),
            since: view.day(mandate.created_at),
            purses,
            others,
        }
    }
}

/// Something that was done to a grant.
pub(super) struct Done {
    pub(super) at: Moment,
    pub(super) text: String,
}

/// A payment under a grant.
pub(super) struct Paid {
    /// Its own page.
    pub(super) path: String,
    pub(super) at: Moment,
    /// Whom, if it is somebody at this provider.
    pub(super) name: Option<String>,
    pub(super) to: Address,
    pub(super) debit: String,
    /// What arrived, if that is something else.
    pub(super) receive: Option<String>,
}

impl Paid {
    fn new(payment: &Payment, view: &View) -> Self {
        Self {
            path: format!("/wallet/payments/{}", payment.id),
            at: view.recent(payment.created_at),
            name: payment.receiver.name.as_deref().and_then(harmless),
            to: Address::new(&payment.receiver.url),
            debit: view.money(&payment.debit),
            receive: (payment.receive != payment.debit).then(|| view.money(&payment.receive)),
        }
    }
}

/// A purse with all that is known of it.
pub(super) struct Full {
    pub(super) purse: Purse,
    pub(super) facts: Vec<Fact>,
    /// What the app had asked for, if less was granted.
    pub(super) asked: Option<Limit>,
    pub(super) chart: Option<Chart>,
}

/// A grant on its own page.
pub(super) struct Detail {
    pub(super) name: String,
    pub(super) who: Who,
    pub(super) badge: Badge,
    pub(super) known_since: Option<Moment>,
    pub(super) paused_since: Option<Moment>,
    pub(super) ended_at: Option<Moment>,
    pub(super) is_over: bool,
    /// Whether there is something to pause, lower or end.
    pub(super) is_alive: bool,
    pub(super) can_spend: bool,
    pub(super) full: Vec<Full>,
    pub(super) others: Vec<Other>,
    pub(super) subject: Option<Address>,
    pub(super) payments: Vec<Paid>,
    pub(super) history: Vec<Done>,
}

impl Detail {
    pub(super) fn new(found: &mandates::Detail, public_url: &str, view: &View) -> Self {
        let mandate = &found.mandate;
        let full: Vec<Full> = purses(mandate, view).map(|purse| full(found, purse, view)).collect();
        let (paused_since, ended_at) = match mandate.standing {
            Standing::Paused { since } => (Some(view.moment(since)), None),
            Standing::Ended { at } => (None, Some(view.moment(at))),
            Standing::Active | Standing::Over => (None, None),
        };
        Self {
            name: name_of(mandate),
            who: Who::new(&mandate.client_name, &mandate.client_address, public_url),
            badge: Badge::new(mandate.standing),
            known_since: found.known_since.filter(|since| *since < mandate.created_at).map(|since| view.day(since)),
            paused_since,
            is_over: mandate.standing == Standing::Over,
            is_alive: ended_at.is_none(),
            can_spend: !full.is_empty() && matches!(mandate.standing, Standing::Active | Standing::Paused { .. }),
            history: history(found, view),
            ended_at,
            full,
            others: Other::all(mandate),
            subject: mandate.subject.as_deref().map(Address::new),
            payments: found.payments.found.iter().map(|payment| Paid::new(payment, view)).collect(),
        }
    }
}

fn full(found: &mandates::Detail, purse: Purse, view: &View) -> Full {
    let item = found.mandate.items.get(purse.number);
    let spending = item.and_then(|item| item.spending.as_ref());
    let windows = found.windows.get(purse.number).map(Vec::as_slice).unwrap_or_default();
    let limit = spending.and_then(|spending| spending.amount).map(|limit| limit.amount());
    let facts = spending.map(|spending| {
        let told = Told::new(spending, view);
        // The most that it can come to from now on belongs to a decision; here stands what was spent.
        told.facts.into_iter().filter(|fact| fact.name == "To").chain([when(spending, view)]).collect()
    });
    let bars: Vec<_> = windows.iter().map(|window| bar(window, view)).collect();
    Full {
        facts: facts.unwrap_or_default(),
        asked: item.and_then(|item| item.asked.as_ref()).map(|asked| Limit::new(asked, view)),
        // One window is what the bar above shows already.
        chart: Some(bars).filter(|bars| bars.len() > 1).and_then(|bars| Chart::new(view, &bars, limit.as_ref())),
        purse,
    }
}

fn bar(window: &WindowSpend, view: &View) -> (String, bursar_types::Amount, bursar_types::Amount) {
    (view.recent(window.window.start).text, window.spent, window.reserved)
}

fn history(found: &mandates::Detail, view: &View) -> Vec<Done> {
    let told = |change: &Change| Done { at: view.recent(change.at), text: told(&change.what, view) };
    let mut history: Vec<Done> = found.changes.iter().map(told).collect();
    if let Standing::Ended { at } = found.mandate.standing
        && !found.changes.iter().any(|change| change.what == Changed::Revoked)
    {
        history.insert(0, Done { at: view.recent(at), text: "The app gave it back.".to_owned() });
    }
    history
        .push(Done { at: view.recent(found.mandate.created_at), text: "The app asked, and you approved.".to_owned() });
    history
}

fn told(what: &Changed, view: &View) -> String {
    match what {
        Changed::Paused => "You paused it.".to_owned(),
        Changed::Resumed => "You resumed it.".to_owned(),
        Changed::Revoked => "You ended it.".to_owned(),
        Changed::Lowered { before } => {
            let limit = Limit::new(before, view);
            let was = match limit.loud {
                true => "no limit on the amount".to_owned(),
                false => format!("up to {} {}", limit.amount, limit.after).trim_end().to_owned(),
            };
            let end =
                before.schedule.as_ref().and_then(|schedule| schedule.last).map(|last| view.moment(last.end).text);
            format!("You lowered it from {was}{}.", end.map(|end| format!(", until {end}")).unwrap_or_default())
        }
    }
}
