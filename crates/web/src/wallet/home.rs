//! The first page of somebody's wallet: what they have, what happened lately, and what apps can spend now.

use super::figures::Budget;
use super::frame::Frame;
use super::member::Member;
use super::names::{Address, harmless};
use super::payments::Row;
use super::view::{Moment, View};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use bursar_app::activity::{self, Ask, Filter, Part};
use bursar_app::mandates::{self, Item, Mandate, Search, Show};
use bursar_app::{App, Error, overview};
use std::sync::Arc;

/// Payments that are shown; all are elsewhere.
const PAYMENTS_SHOWN: u8 = 6;
/// Mandates that are shown.
const MANDATES_SHOWN: usize = 5;
/// Wallet addresses of an account that are shown.
const ADDRESSES_SHOWN: usize = 3;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    accounts: Vec<Account>,
    payments: Vec<Row>,
    mandates: Vec<Spender>,
    /// Whether there are mandates that are not shown.
    has_more: bool,
}

/// What people see of an account.
struct Account {
    asset: String,
    available: String,
    /// What is set aside, if anything is.
    reserved: Option<String>,
    addresses: Vec<(Address, String)>,
    /// How many more addresses it has.
    others: Option<String>,
}

impl Account {
    fn new(account: &overview::Account, view: &View) -> Self {
        let others = account.addresses.len().saturating_sub(ADDRESSES_SHOWN) as u64;
        Self {
            asset: account.available.asset().code().to_owned(),
            available: view.money(&account.available),
            reserved: (!account.reserved.is_zero()).then(|| view.money(&account.reserved)),
            addresses: account
                .addresses
                .iter()
                .take(ADDRESSES_SHOWN)
                .map(|address| (Address::new(&address.url), address.url.clone()))
                .collect(),
            others: (others > 0).then(|| view.number(others)),
        }
    }
}

/// An app, and what it can spend now.
struct Spender {
    name: String,
    link: String,
    budget: Budget,
    /// When its limit begins anew.
    reset: Option<Moment>,
    /// Whether its time has not come yet.
    is_early: bool,
}

impl Spender {
    fn all(mandate: &Mandate, view: &View) -> Vec<Self> {
        let name = harmless(&mandate.client_name).unwrap_or_else(|| mandate.client_address.clone());
        let one = |item: &Item| {
            let (spending, budget) = (item.spending.as_ref()?, item.budget.as_ref()?);
            let limit = spending.amount.map(|limit| limit.amount());
            let is_early = spending.schedule.as_ref().is_some_and(|schedule| schedule.current.is_none());
            Some(Self {
                name: name.clone(),
                link: format!("/wallet/apps/{}", mandate.id),
                budget: Budget::new(view, &budget.spent, &budget.reserved, limit.as_ref()),
                reset: budget.next_reset.map(|at| view.moment(at)),
                is_early,
            })
        };
        mandate.items.iter().filter_map(one).collect()
    }
}

/// `GET /wallet`.
pub(super) async fn show(State(app): State<Arc<App>>, member: Member) -> Response {
    home(&app, &member).await.unwrap_or_else(|error| member.failed(&app, &error))
}

async fn home(app: &App, member: &Member) -> Result<Response, Error> {
    let frame = member.frame(app);
    let view = &frame.view;
    let accounts = overview::accounts(app, &member.person).await?;
    let latest = Ask { filter: Filter::default(), part: Part::Newest, count: PAYMENTS_SHOWN };
    let latest = activity::list(app, &member.person, latest).await?;
    let active = Search { show: Show::Active, ..Search::default() };
    let active = mandates::list(app, &member.person, active).await?;
    let mut spenders: Vec<Spender> = active.found.iter().flat_map(|mandate| Spender::all(mandate, view)).collect();
    let has_more = spenders.len() > MANDATES_SHOWN || active.next.is_some();
    spenders.truncate(MANDATES_SHOWN);
    let page = HomePage {
        accounts: accounts.iter().map(|account| Account::new(account, view)).collect(),
        payments: latest.entries.iter().map(|entry| Row::recent(entry, view)).collect(),
        mandates: spenders,
        has_more,
        frame,
    };
    Ok(member.show(app, &page))
}
