//! One's passkeys, whether a password alone is enough, and recovery codes.

use super::super::confirm::{self, Question};
use super::super::frame::{CODES_FIRST, PASSKEY_ADDED, PASSKEY_REMOVED, PASSKEY_RENAMED, SECOND_OFF, SECOND_ON};
use super::super::member::{Member, Sent};
use super::super::page::{self, Frame};
use super::super::passkey::{Create, Made};
use super::super::view::Moment;
use super::password::Nothing;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_app::people::{self, Ways};
use bursar_app::{App, Error, Id, passkeys};
use serde::Deserialize;
use std::sync::Arc;

const PAGE: &str = "/wallet/account/passkeys";
const NEW: &str = "/wallet/account/passkeys/new";

/// A passkey of the list.
struct Row {
    id: String,
    label: String,
    created: Moment,
    used: Option<Moment>,
}

#[derive(Template)]
#[template(path = "account/passkeys.html")]
struct PasskeysPage {
    frame: Frame,
    rows: Vec<Row>,
    ways: Ways,
    /// Whether browsers have passkeys at this address.
    is_possible: bool,
    codes_made: Option<Moment>,
}

async fn draw(app: &App, member: &Member) -> Result<Response, Error> {
    let frame = member.frame(app);
    let rows = passkeys::list(app, member.person.holder).await?;
    let overview = people::overview(app, &member.seat).await?;
    let view = &frame.view;
    let rows = rows.into_iter().map(|passkey| Row {
        id: passkey.id.to_string(),
        label: passkey.label,
        created: view.recent(passkey.created_at),
        used: passkey.used_at.map(|at| view.recent(at)),
    });
    let template = PasskeysPage {
        rows: rows.collect(),
        ways: overview.ways,
        is_possible: app.config.passkey_host().is_some(),
        codes_made: overview.codes_made_at.map(|at| view.recent(at)),
        frame,
    };
    Ok(member.show(app, &template))
}

/// `GET /wallet/account/passkeys`.
pub(in super::super) async fn show(State(app): State<Arc<App>>, member: Member) -> Response {
    draw(&app, &member).await.unwrap_or_else(|error| member.failed(&app, &error))
}

#[derive(Template)]
#[template(path = "account/passkey_new.html")]
struct NewPage {
    frame: Frame,
    create: Create,
    /// What it will be called if nothing else is said.
    label: String,
}

/// `GET /wallet/account/passkeys/new`.
pub(in super::super) async fn new(State(app): State<Arc<App>>, member: Member) -> Response {
    match passkeys::begin(&app, &member.seat, &member.visitor.place).await {
        Ok(creation) => {
            let create = Create::new(&member.seat, &creation);
            let label = member.visitor.place.agent.clone();
            member.show(&app, &NewPage { frame: member.frame(&app), create, label })
        }
        Err(error) => member.refused(&app, &error, NEW),
    }
}

/// A new passkey.
#[derive(Deserialize)]
pub(in super::super) struct Add {
    #[serde(default)]
    label: String,
    #[serde(flatten)]
    made: Made,
}

/// `POST /wallet/account/passkeys`.
pub(in super::super) async fn add(State(app): State<Arc<App>>, sent: Sent<Add>) -> Response {
    let Sent { member, form } = sent;
    let Some(answer) = form.made.read() else { return page::unreadable(&app) };
    match passkeys::add(&app, &member.seat, &answer, &form.label, &member.visitor.place).await {
        Ok(()) => member.done(&app, PAGE, &PASSKEY_ADDED),
        Err(error) => member.refused(&app, &error, NEW),
    }
}

/// Reads an id of an URL.
fn id(text: &str) -> Result<Id, Error> {
    text.parse().map_err(|_| Error::not_found("passkey"))
}

/// Another name.
#[derive(Deserialize)]
pub(in super::super) struct Rename {
    label: String,
}

/// `POST /wallet/account/passkeys/{id}/rename`.
pub(in super::super) async fn rename(
    State(app): State<Arc<App>>,
    Path(which): Path<String>,
    sent: Sent<Rename>,
) -> Response {
    let Sent { member, form } = sent;
    let done = async { passkeys::rename(&app, &member.seat, id(&which)?, &form.label).await };
    match done.await {
        Ok(()) => member.done(&app, PAGE, &PASSKEY_RENAMED),
        Err(error) => member.refused(&app, &error, PAGE),
    }
}

/// `GET /wallet/account/passkeys/{id}/remove`.
pub(in super::super) async fn ask_remove(
    State(app): State<Arc<App>>,
    Path(which): Path<String>,
    member: Member,
) -> Response {
    if let Some(response) = member.must_confirm(&app) {
        return response;
    }
    let found = match passkeys::list(&app, member.person.holder).await {
        Ok(found) => found.into_iter().find(|passkey| passkey.id.to_string() == which),
        Err(error) => return member.failed(&app, &error),
    };
    let Some(passkey) = found else { return member.failed(&app, &Error::not_found("passkey")) };
    let ask = Question {
        title: format!("Remove the passkey “{}”?", passkey.label),
        text: vec![
            "You will no longer be able to log in with it. Your device may go on showing it: delete it there as well."
                .to_owned(),
        ],
        button: "Remove this passkey",
        is_dangerous: true,
        action: format!("{PAGE}/{}/remove", passkey.id),
        back: PAGE.to_owned(),
        ..Question::default()
    };
    confirm::page(&app, &member, ask)
}

/// `POST /wallet/account/passkeys/{id}/remove`.
pub(in super::super) async fn remove(
    State(app): State<Arc<App>>,
    Path(which): Path<String>,
    sent: Sent<Nothing>,
) -> Response {
    let member = sent.member;
    let done = async { passkeys::remove(&app, &member.seat, id(&which)?).await };
    match done.await {
        Ok(()) => member.done(&app, PAGE, &PASSKEY_REMOVED),
        Err(error) => member.refused(&app, &error, PAGE),
    }
}

/// Whether a password alone is enough.
#[derive(Deserialize)]
pub(in super::super) struct Second {
    wanted: Answer,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    On,
    Off,
}

/// `POST /wallet/account/second`.
pub(in super::super) async fn set_second(State(app): State<Arc<App>>, sent: Sent<Second>) -> Response {
    let Sent { member, form } = sent;
    let on = form.wanted == Answer::On;
    let ways = match people::overview(&app, &member.seat).await {
        Ok(overview) => overview.ways,
        Err(error) => return member.failed(&app, &error),
    };
    // Not an error, just the order in which it is done.
    if on && ways.passkeys > 0 && ways.codes == 0 {
        return member.done(&app, "/wallet/account/codes", &CODES_FIRST);
    }
    match people::set_second(&app, &member.seat, on).await {
        Ok(()) => member.done(&app, PAGE, if on { &SECOND_ON } else { &SECOND_OFF }),
        Err(error) => member.refused(&app, &error, PAGE),
    }
}

#[derive(Template)]
#[template(path = "account/codes.html")]
struct CodesPage {
    frame: Frame,
    left: usize,
    made: Option<Moment>,
    /// The new ones, shown this once.
    new: Vec<String>,
    provider: String,
    name: String,
}

async fn codes_page(app: &App, member: &Member, new: Vec<String>) -> Result<Response, Error> {
    let frame = member.frame(app);
    let overview = people::overview(app, &member.seat).await?;
    let template = CodesPage {
        left: overview.ways.codes,
        made: overview.codes_made_at.map(|at| frame.view.recent(at)),
        new,
        provider: app.config.provider_name.clone(),
        name: member.person.name.clone(),
        frame,
    };
    Ok(member.show(app, &template))
}

/// `GET /wallet/account/codes`.
pub(in super::super) async fn codes(State(app): State<Arc<App>>, member: Member) -> Response {
    codes_page(&app, &member, Vec::new()).await.unwrap_or_else(|error| member.failed(&app, &error))
}

/// `POST /wallet/account/codes`. They are on the page that answers and nowhere else.
pub(in super::super) async fn new_codes(State(app): State<Arc<App>>, sent: Sent<Nothing>) -> Response {
    let member = sent.member;
    match people::new_codes(&app, &member.seat).await {
        Ok(new) => codes_page(&app, &member, new).await.unwrap_or_else(|error| member.failed(&app, &error)),
        Err(error) => member.refused(&app, &error, "/wallet/account/codes"),
    }
}
