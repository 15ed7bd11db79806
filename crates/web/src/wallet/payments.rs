//! Payments out and in: the list with its search, and one payment in full.

pub(super) mod export;
mod query;

use super::frame::Frame;
use super::member::Member;
use super::names::{Address, harmless};
use super::pager::Pages;
use super::view::{Moment, View};
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query as Form, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use bursar_app::activity::{self, Ask, Detail, Entry, Maker, Place, Side, State};
use bursar_app::{App, Error, overview};
use query::{Fault, Query};
use std::sync::Arc;

/// Payments on a page.
const PER_PAGE: u8 = 25;
/// Where the list is.
const PATH: &str = "/wallet/payments";

/// The list.
#[derive(Template)]
#[template(path = "payments.html")]
struct PaymentsPage {
    frame: Frame,
    query: Query,
    faults: Vec<Fault>,
    tabs: Vec<Tab>,
    wallets: Vec<String>,
    /// Wallet addresses of apps, and what they are called.
    apps: Vec<(String, String)>,
    states: Vec<(&'static str, &'static str)>,
    days: Vec<Day>,
    pages: Pages,
    /// Whether the search stopped before it had seen everything.
    is_cut: bool,
    export: String,
    /// The list without any search.
    all: String,
}

struct Tab {
    label: &'static str,
    link: String,
    is_here: bool,
}

/// The payments of one day.
#[derive(Debug)]
pub(super) struct Day {
    pub(super) day: Moment,
    pub(super) rows: Vec<Row>,
}

/// A payment, as a line of a list.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) link: String,
    /// `in`, `out` or `own`.
    pub(super) side: &'static str,
    /// What stands before the other end: `From`, `To`.
    pub(super) preposition: &'static str,
    pub(super) other: String,
    /// What it was for, or else the app behind it.
    pub(super) about: Option<String>,
    pub(super) time: Moment,
    pub(super) amount: String,
    /// Where it stands, unless all has arrived.
    pub(super) state: Option<&'static str>,
}

impl Row {
    pub(super) fn new(entry: &Entry, view: &View) -> Self {
        let amount = view.money(&entry.amount);
        let (side, preposition, amount) = match entry.side {
            Side::In => ("in", "From", format!("+{amount}")),
            // A real minus sign, as wide as the plus.
            Side::Out => ("out", "To", format!("\u{2212}{amount}")),
            Side::Own => ("own", "To your own", amount),
        };
        let app = || entry.app.name.as_deref().and_then(harmless).map(|name| format!("By {name}"));
        Self {
            link: format!("{PATH}/{}", entry.id),
            side,
            preposition,
            other: other_name(entry),
            about: entry.note.as_deref().and_then(harmless).or_else(app),
            time: view.time(entry.at),
            amount,
            state: match standing(entry.state) {
                (_, "good", _) => None,
                (label, ..) => Some(label),
            },
        }
    }
}

impl Row {
    /// The same where no day stands above it.
    pub(super) fn recent(entry: &Entry, view: &View) -> Self {
        Self { time: view.recent(entry.at), ..Self::new(entry, view) }
    }
}

/// Whoever is at the other end, in a few words.
fn other_name(entry: &Entry) -> String {
    let name = entry.other.name.as_deref().and_then(harmless);
    name.unwrap_or_else(|| Address::new(&entry.other.url).to_string())
}

/// A payment's state: its name, how its badge looks, and what it means.
fn standing(state: State) -> (&'static str, &'static str, &'static str) {
    match state {
        State::Completed => ("Completed", "good", "All of it has arrived."),
    }
}

/// Puts rows together that are of one day.
pub(super) fn by_day(entries: &[Entry], view: &View) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for entry in entries {
        let (day, row) = (view.day(entry.at), Row::new(entry, view));
        match days.last_mut().filter(|last| last.day == day) {
            Some(last) => last.rows.push(row),
            None => days.push(Day { day, rows: vec![row] }),
        }
    }
    days
}

/// `GET /wallet/payments`.
pub(super) async fn list(
    Shared(app): Shared<Arc<App>>,
    member: Member,
    query: Result<Form<Query>, QueryRejection>,
) -> Response {
    let query = query.map(|Form(query)| query).unwrap_or_default();
    listed(&app, &member, query).await.unwrap_or_else(|error| member.failed(&app, &error))
}

async fn listed(app: &App, member: &Member, query: Query) -> Result<Response, Error> {
    let frame = member.frame(app);
    let (filter, faults) = query.filter(&frame.view);
    let wallets = overview::accounts(app, &member.person).await?;
    let wallets = wallets.into_iter().flat_map(|account| account.addresses).map(|address| address.url).collect();
    // What cannot be read is not searched for: showing everything instead would mislead.
    let found = if faults.is_empty() {
        let ask = Ask { filter, part: query.part(), count: PER_PAGE };
        Some(activity::list(app, &member.person, ask).await?)
    } else {
        None
    };
    let tab = |label, side: &str| Tab { label, link: query.with_side(side), is_here: query.side == side };
    let page = PaymentsPage {
        tabs: vec![tab("All", ""), tab("Received", "in"), tab("Sent", "out")],
        wallets,
        apps: apps(activity::apps(app, &member.person).await?, &query.app),
        states: vec![(State::Completed.as_str(), standing(State::Completed).0)],
        days: found.as_ref().map(|found| by_day(&found.entries, &frame.view)).unwrap_or_default(),
        pages: Pages {
            newer: found.as_ref().and_then(|found| found.newer).map(|id| query.newer_than(&id)),
            older: found.as_ref().and_then(|found| found.older).map(|id| query.older_than(&id)),
        },
        is_cut: found.as_ref().is_some_and(|found| found.is_cut),
        export: query.export(),
        all: PATH.to_owned(),
        faults,
        query,
        frame,
    };
    let status = if page.faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok(super::page::show(app, &member.visitor, status, &page, None))
}

/// The apps to choose from, with the one that is chosen: it need not have a grant.
fn apps(known: Vec<Maker>, chosen: &str) -> Vec<(String, String)> {
    let label = |app: Maker| {
        let address = Address::new(&app.id).to_string();
        let name = app.name.as_deref().filter(|name| *name != app.id).and_then(harmless);
        (app.id, name.map_or_else(|| address.clone(), |name| format!("{name} ({address})")))
    };
    let mut apps: Vec<(String, String)> = known.into_iter().map(label).collect();
    if !chosen.is_empty() && !apps.iter().any(|(id, _)| id == chosen) {
        apps.push((chosen.to_owned(), chosen.to_owned()));
    }
    apps
}

/// One payment.
#[derive(Template)]
#[template(path = "payment.html")]
struct PaymentPage {
    frame: Frame,
    row: Row,
    address: Address,
    /// Whether the other end gave itself a name.
    has_name: bool,
    at: Moment,
    state: &'static str,
    look: &'static str,
    meaning: &'static str,
    wallet: Address,
    /// The app – its name, if it has one, and its address – and where its payments are.
    app: Option<(Option<String>, Address, String)>,
    notes: Vec<(String, String)>,
    price: Vec<(&'static str, String)>,
    receiver: Option<String>,
    quote: Option<(String, Moment)>,
    request: Vec<(&'static str, String)>,
    transfers: Vec<Transfer>,
    id: String,
}

struct Transfer {
    from: &'static str,
    to: &'static str,
    amount: String,
    at: Moment,
}

/// `GET /wallet/payments/{id}`.
pub(super) async fn show(Shared(app): Shared<Arc<App>>, member: Member, Path(id): Path<String>) -> Response {
    match activity::detail(&app, &member.person, &id).await {
        Ok(detail) => member.show(&app, &PaymentPage::new(member.frame(&app), &detail)),
        Err(error) => member.failed(&app, &error),
    }
}

impl PaymentPage {
    fn new(frame: Frame, detail: &Detail) -> Self {
        let (entry, view) = (&detail.entry, &frame.view);
        let (state, look, meaning) = standing(entry.state);
        let app = Some(&entry.app).filter(|app| !app.id.is_empty()).map(|app| {
            let name = app.name.as_deref().filter(|name| *name != app.id).and_then(harmless);
            (name, Address::new(&app.id), Query::of_app(&app.id))
        });
        let shown = |text: &str| harmless_long(text);
        Self {
            row: Row::new(entry, view),
            address: Address::new(&entry.other.url),
            has_name: entry.other.name.as_deref().and_then(harmless).is_some(),
            at: view.moment(entry.at),
            state,
            look,
            meaning,
            wallet: Address::new(&entry.wallet),
            app,
            notes: detail.notes.iter().map(|note| (note_name(&note.name), shown(&note.text))).collect(),
            price: price(detail, view),
            receiver: detail.paid.as_ref().map(|paid| paid.receiver.clone()),
            quote: detail
                .paid
                .as_ref()
                .and_then(|paid| paid.quote.as_ref())
                .map(|quote| (quote.id.to_string(), view.moment(quote.created_at))),
            request: request(detail, view),
            transfers: detail.transfers.iter().map(|transfer| Transfer::new(transfer, view)).collect(),
            id: entry.id.to_string(),
            frame,
        }
    }
}

/// What a payment cost, line by line.
fn price(detail: &Detail, view: &View) -> Vec<(&'static str, String)> {
    let (Some(paid), entry) = (&detail.paid, &detail.entry) else { return Vec::new() };
    let mut lines = vec![("Left your account", view.money(&entry.amount))];
    let fee = if entry.fee.is_zero() { "None".to_owned() } else { view.money(&entry.fee) };
    lines.push(("Fee in it", fee));
    if let Some(rate) = &paid.rate {
        lines.push(("Exchanged", view.money(&paid.principal)));
        let (from, to) = (paid.principal.asset(), entry.receive.asset());
        lines.push(("Rate", format!("1 {} = {} {}", from.code(), view.decimal(rate), to.code())));
    }
    lines.push(("Arrived", view.money(&entry.receive)));
    if paid.sent != entry.amount {
        lines.push(("Sent so far", view.money(&paid.sent)));
    }
    lines
}

/// What the payment request says that took the money.
fn request(detail: &Detail, view: &View) -> Vec<(&'static str, String)> {
    let Some(request) = &detail.request else { return Vec::new() };
    let asked = request.incoming.map_or_else(|| "Any amount".to_owned(), |amount| view.money(&amount));
    let state = if request.is_complete { "Closed" } else { "Open" };
    vec![
        ("Asked for", asked),
        ("Received in all", view.money(&request.received)),
        ("Made", view.moment(request.created_at).text),
        ("State", state.to_owned()),
    ]
}

impl Transfer {
    fn new(transfer: &activity::Transfer, view: &View) -> Self {
        let place = |place: Place| match place {
            Place::Own => "Your account",
            Place::Other => "The other account",
            Place::Exchange => "Currency exchange",
            Place::Fees => "Fees",
            Place::Outside => "Outside",
        };
        Self {
            from: place(transfer.from),
            to: place(transfer.to),
            amount: view.money(&transfer.amount),
            at: view.moment(transfer.at),
        }
    }
}

/// What a note is called: the names that apps commonly use in plain words, all others as they are.
fn note_name(name: &str) -> String {
    match name {
        "description" => "Description".to_owned(),
        "externalRef" | "reference" => "Reference".to_owned(),
        "note" | "memo" | "message" => "Note".to_owned(),
        other => harmless(other).unwrap_or_default(),
    }
}

/// A text of an app's at length, without what could disguise it.
fn harmless_long(text: &str) -> String {
    super::names::visible(text, 500)
}
