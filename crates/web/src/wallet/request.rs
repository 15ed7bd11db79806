//! Requesting money: a link and a code for others, and what became of those that were made.

use super::address::Code2d;
use super::addresses::{self, Account, Address, Nothing};
use super::confirm::{self, Question};
use super::frame::{Frame, REQUEST_CLOSED, REQUEST_MADE};
use super::member::{Member, Sent};
use super::names::visible;
use super::page;
use super::pager::Pages;
use super::view::{Moment, View};
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use bursar_app::refusals::Code;
use bursar_app::requests::Part;
use bursar_app::requests::{self, Ask, Request, Stage};
use bursar_app::sending::NOTE_LENGTH_MAX;
use bursar_app::{App, Error};
use jiff::SignedDuration;
use serde::Deserialize;
use std::sync::Arc;

const PATH: &str = "/wallet/request";

/// For how long requests can be paid: in the form, in words, and how long that is.
const LIFETIMES: &[(&str, &str, SignedDuration)] = &[
    ("hour", "for an hour", SignedDuration::from_hours(1)),
    ("day", "for a day", SignedDuration::from_hours(24)),
    ("week", "for a week", SignedDuration::from_hours(7 * 24)),
    ("month", "for 30 days", SignedDuration::from_hours(30 * 24)),
];
/// The one that is chosen unless somebody chooses.
const LIFETIME: &str = "week";

/// A request, as whoever made it reads it.
struct Row {
    path: String,
    title: String,
    note: Option<String>,
    is_note_public: bool,
    url: String,
    address: Address,
    amount: Option<String>,
    received: Option<String>,
    created: Moment,
    expires: Moment,
    stage: Stage,
}

impl Row {
    fn new(request: &Request, view: &View) -> Self {
        let amount = request.amount.map(|amount| view.money(&amount));
        Self {
            path: format!("{PATH}/{}", request.id),
            title: amount.clone().unwrap_or_else(|| format!("Any amount of {}", request.received.asset())),
            note: request.note.as_deref().map(|note| visible(note, NOTE_LENGTH_MAX)),
            is_note_public: request.is_note_public,
            url: request.url.clone(),
            address: Address::from(&request.address),
            amount,
            received: (!request.received.is_zero()).then(|| view.money(&request.received)),
            created: view.recent(request.created_at),
            expires: view.moment(request.expires_at),
            stage: request.stage,
        }
    }

    /// The badge of where it stands: its kind and its word.
    fn badge(&self) -> (&'static str, &'static str) {
        match self.stage {
            Stage::Open if self.received.is_some() => ("info", "Partly paid"),
            Stage::Open => ("info", "Open"),
            Stage::Paid => ("good", "Paid"),
            Stage::Closed => ("", "Closed"),
            Stage::Expired => ("", "Expired"),
        }
    }
}

/// The form, as it was filled in.
#[derive(Deserialize, Default)]
pub(super) struct Typed {
    #[serde(default)]
    address: String,
    #[serde(default)]
    amount: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    public: Option<String>,
    #[serde(default)]
    lifetime: String,
    #[serde(default)]
    once: String,
}

#[derive(Template)]
#[template(path = "requests.html")]
struct ListPage {
    frame: Frame,
    accounts: Vec<Account>,
    typed: Typed,
    lifetimes: &'static [(&'static str, &'static str, SignedDuration)],
    fault: Option<(&'static str, String)>,
    rows: Vec<Row>,
    pages: Pages,
}

impl ListPage {
    /// The words at a field, if something is wrong with it.
    fn fault(&self, field: &str) -> Option<&str> {
        self.fault.as_ref().filter(|(at, _)| *at == field).map(|(_, text)| text.as_str())
    }
}

/// Which page of the list is wanted.
#[derive(Deserialize, Default)]
pub(super) struct Which {
    before: Option<String>,
    after: Option<String>,
}

impl Which {
    fn part(&self) -> Option<Part> {
        match (&self.before, &self.after) {
            (None, None) => Some(Part::Newest),
            (Some(before), None) => before.parse().ok().map(Part::OlderThan),
            (None, Some(after)) => after.parse().ok().map(Part::NewerThan),
            (Some(_), Some(_)) => None,
        }
    }
}

async fn list_page(
    app: &App,
    member: &Member,
    which: &Which,
    typed: Typed,
    fault: Option<(&'static str, String)>,
) -> Response {
    let Some(part) = which.part() else { return member.failed(app, &Error::not_found("page")) };
    let frame = member.frame(app);
    let read = async {
        let accounts = addresses::accounts(app, member, &frame).await?;
        Ok::<_, Error>((accounts, requests::list(app, &member.person, part).await?))
    };
    let (accounts, listing) = match read.await {
        Ok(read) => read,
        Err(error) => return member.failed(app, &error),
    };
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let lifetime = if typed.lifetime.is_empty() { LIFETIME.to_owned() } else { typed.lifetime };
    let template = ListPage {
        accounts,
        lifetimes: LIFETIMES,
        typed: Typed { once: requests::new_once(app), lifetime, ..typed },
        fault,
        rows: listing.requests.iter().map(|request| Row::new(request, &frame.view)).collect(),
        pages: Pages {
            newer: listing.newer.map(|id| format!("{PATH}?after={id}")),
            older: listing.older.map(|id| format!("{PATH}?before={id}")),
        },
        frame,
    };
    page::show(app, &member.visitor, status, &template, None)
}

/// `GET /wallet/request`.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    member: Member,
    which: Result<Query<Which>, QueryRejection>,
) -> Response {
    let which = which.map(|Query(which)| which).unwrap_or_default();
    list_page(&app, &member, &which, Typed::default(), None).await
}

/// `POST /wallet/request`.
pub(super) async fn create(State(app): State<Arc<App>>, sent: Sent<Typed>) -> Response {
    let Sent { member, form } = sent;
    let view = &member.visitor.view;
    let refused =
        async |form, field, text| list_page(&app, &member, &Which::default(), form, Some((field, text))).await;
    let amount = match form.amount.trim() {
        "" => None,
        typed => match view.parse(typed) {
            Some(plain) => Some(plain),
            None => {
                let text = format!("Write the amount as a number, such as {}.", view.decimal("12.50"));
                return refused(form, "amount", text).await;
            }
        },
    };
    let lifetime = LIFETIMES.iter().find(|(word, ..)| *word == form.lifetime).map(|(.., lifetime)| *lifetime);
    let Some(lifetime) = lifetime else {
        return refused(form, "lifetime", "Choose for how long it can be paid.".to_owned()).await;
    };
    let ask = Ask {
        address: form.address.clone(),
        amount,
        note: form.note.clone(),
        is_note_public: form.public.is_some(),
        lifetime,
        once: form.once.clone(),
    };
    match requests::create(&app, &member.person, ask).await {
        Ok(id) => member.done(&app, &format!("{PATH}/{id}"), &REQUEST_MADE),
        Err(Error::Refused(refusal)) if matches!(refusal.code, Code::InvalidResourceRequest | Code::Conflict) => {
            let named = refusal.details.as_ref().and_then(|details| details.get("field")?.as_str());
            let field = match (refusal.code, named) {
                (Code::Conflict, _) => "address",
                (_, Some("note")) => "note",
                _ => "amount",
            };
            refused(form, field, page::sentence(&refusal.description)).await
        }
        Err(error) => member.failed(&app, &error),
    }
}

#[derive(Template)]
#[template(path = "request.html")]
struct RequestPage {
    frame: Frame,
    row: Row,
    code: Option<Code2d>,
}

/// `GET /wallet/request/{id}`.
pub(super) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>, member: Member) -> Response {
    let request = match requests::get(&app, &member.person, &id).await {
        Ok(request) => request,
        Err(error) => return member.failed(&app, &error),
    };
    let frame = member.frame(&app);
    let row = Row::new(&request, &frame.view);
    member.show(&app, &RequestPage { code: Code2d::new(&row.url), row, frame })
}

/// `GET /wallet/request/{id}/close`: asks first.
pub(super) async fn ask_close(State(app): State<Arc<App>>, Path(id): Path<String>, member: Member) -> Response {
    let request = match requests::get(&app, &member.person, &id).await {
        Ok(request) => request,
        Err(error) => return member.failed(&app, &error),
    };
    let row = Row::new(&request, &member.visitor.view);
    let ask = Question {
        title: "Close this request?".to_owned(),
        text: vec![
            format!("{}{}", row.title, row.note.map(|note| format!(": {note}")).unwrap_or_default()),
            "Nobody can pay it any more. What was paid already stays yours. A closed request cannot be opened again; you \
             can make a new one."
                .to_owned(),
        ],
        button: "Close the request",
        is_dangerous: true,
        action: format!("{}/close", row.path),
        back: row.path,
        ..Question::default()
    };
    confirm::page(&app, &member, ask)
}

/// `POST /wallet/request/{id}/close`. Doing it twice is harmless.
pub(super) async fn close(State(app): State<Arc<App>>, Path(id): Path<String>, sent: Sent<Nothing>) -> Response {
    match requests::close(&app, &sent.member.person, &id).await {
        Ok(()) => sent.member.done(&app, &format!("{PATH}/{id}"), &REQUEST_CLOSED),
        Err(error) => sent.member.failed(&app, &error),
    }
}
