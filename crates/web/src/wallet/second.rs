//! The second proof of a log-in, where a password alone is not enough, and recovery codes.

use super::login::{self as first, Notice, Onward};
use super::page::{self, Frame};
use super::passkey::{Proof, Prove};
use super::visitor::Visitor;
use askama::Template;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bursar_app::login::{self, Pending};
use bursar_app::{App, Error};
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;

/// The page that asks for the second proof.
#[derive(Template)]
#[template(path = "second.html")]
struct SecondPage {
    frame: Frame,
    notice: Option<Cow<'static, str>>,
    ticket: String,
    passkey: Option<Prove>,
    codes: usize,
}

const OVER: &str = "It took too long, or was begun in another browser. Please log in again.";

/// The page that asks for the second proof of the log-in with this ticket.
pub(super) async fn page(app: &App, visitor: &Visitor, ticket: &str, notice: Option<Notice>) -> Response {
    match login::pending(app, ticket, &visitor.place).await {
        Ok(Some(pending)) => draw(app, visitor, ticket, &pending, notice).await,
        Ok(None) => first::again(app, visitor, &Onward::parse(""), "", Notice::Stale(OVER)).await,
        Err(error) => page::failed(app, &error),
    }
}

async fn draw(app: &App, visitor: &Visitor, ticket: &str, pending: &Pending, notice: Option<Notice>) -> Response {
    let passkey = match Prove::of(app, visitor, pending.person.holder).await {
        Ok(passkey) => passkey,
        Err(error) => return page::failed(app, &error),
    };
    let status = notice.as_ref().map_or(StatusCode::OK, Notice::status);
    let wait = notice.as_ref().and_then(Notice::wait);
    let template = SecondPage {
        frame: Frame::new(app, visitor, &pending.onward),
        notice: notice.map(Notice::text),
        ticket: ticket.to_owned(),
        passkey,
        codes: pending.ways.codes,
    };
    let mut response = page::show(app, visitor, status, &template, None);
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A recovery code as the second proof.
#[derive(Deserialize)]
pub(super) struct ByCode {
    token: String,
    ticket: String,
    code: String,
}

/// A passkey as the second proof.
#[derive(Deserialize)]
pub(super) struct ByPasskey {
    token: String,
    ticket: String,
    #[serde(flatten)]
    proof: Proof,
}

/// The log-in to which a form belongs, or the page for a form that belongs to none.
async fn begun(app: &App, visitor: &Visitor, token: &str, ticket: &str) -> Result<Pending, Response> {
    if !visitor.sent_unnamed(app, token) {
        return Err(page(app, visitor, ticket, Some(Notice::Stale(first::STALE))).await);
    }
    match login::pending(app, ticket, &visitor.place).await {
        Ok(Some(pending)) => Ok(pending),
        Ok(None) => Err(first::again(app, visitor, &Onward::parse(""), "", Notice::Stale(OVER)).await),
        Err(error) => Err(page::failed(app, &error)),
    }
}

async fn go_on(app: &App, visitor: &Visitor, ticket: &str, pending: &Pending, done: Result<String, Error>) -> Response {
    match done {
        Ok(token) => first::enter(app, visitor, &token, &Onward::parse(&pending.onward).to_path()).await,
        Err(error) => match Notice::of(&error) {
            Some(notice) => draw(app, visitor, ticket, pending, Some(notice)).await,
            None => page::failed(app, &error),
        },
    }
}

/// `POST /login/second/code`.
pub(super) async fn by_code(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    form: Result<Form<ByCode>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return page::unreadable(&app) };
    let pending = match begun(&app, &visitor, &form.token, &form.ticket).await {
        Ok(pending) => pending,
        Err(page) => return page,
    };
    let done = login::second_with_code(&app, &pending, &form.code, &visitor.place).await;
    go_on(&app, &visitor, &form.ticket, &pending, done).await
}

/// `POST /login/second/passkey`.
pub(super) async fn by_passkey(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    form: Result<Form<ByPasskey>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return page::unreadable(&app) };
    let pending = match begun(&app, &visitor, &form.token, &form.ticket).await {
        Ok(pending) => pending,
        Err(page) => return page,
    };
    let Some(answer) = form.proof.read() else { return page::unreadable(&app) };
    let done = login::second_with_passkey(&app, &pending, &answer, &visitor.place).await;
    go_on(&app, &visitor, &form.ticket, &pending, done).await
}

/// The log-in form for people without a password who have lost their passkey.
#[derive(Template)]
#[template(path = "recover.html")]
struct RecoverPage {
    frame: Frame,
    notice: Option<Cow<'static, str>>,
    name: String,
}

/// Where the page was asked for.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    to: String,
}

fn recover_page(app: &App, visitor: &Visitor, onward: &Onward, name: &str, notice: Option<Notice>) -> Response {
    let status = notice.as_ref().map_or(StatusCode::OK, Notice::status);
    let frame = Frame::new(app, visitor, &onward.to_path());
    let template = RecoverPage { frame, notice: notice.map(Notice::text), name: name.to_owned() };
    page::show(app, visitor, status, &template, None)
}

/// `GET /login/recover`.
pub(super) async fn recover_form(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let to = wanted.map(|Query(wanted)| wanted.to).unwrap_or_default();
    recover_page(&app, &visitor, &Onward::parse(&to), "", None)
}

/// Name and recovery code.
#[derive(Deserialize)]
pub(super) struct Recover {
    token: String,
    name: String,
    code: String,
    #[serde(default)]
    to: String,
}

/// `POST /login/recover`.
pub(super) async fn recover(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    form: Result<Form<Recover>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return page::unreadable(&app) };
    let onward = Onward::parse(&form.to);
    if !visitor.sent_unnamed(&app, &form.token) {
        return recover_page(&app, &visitor, &onward, &form.name, Some(Notice::Stale(first::STALE)));
    }
    let name = first::typed_name(&form.name);
    match login::log_in_with_code(&app, &name, &form.code, &visitor.place).await {
        Ok(token) => first::enter(&app, &visitor, &token, &onward.to_path()).await,
        Err(error) => match Notice::of(&error) {
            Some(notice) => recover_page(&app, &visitor, &onward, &form.name, Some(notice)),
            None => page::failed(&app, &error),
        },
    }
}
