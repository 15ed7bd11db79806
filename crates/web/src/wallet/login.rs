//! Logging in and out, and the start page.

use super::confirm::{self, Question};
use super::consent::{Ask, Link};
use super::member::{HOME, Member, own_path};
use super::page::{self, Frame};
use super::visitor::{self, Peer, Visitor};
use askama::Template;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bursar_app::interactions::{self, Stage};
use bursar_app::refusals::Code;
use bursar_app::{App, Error, login};
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;

/// Longest name that is looked up. Account names have 64 characters at most.
const NAME_LENGTH_MAX: usize = 100;

/// The log-in form: alone, or on the way to a decision.
#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    frame: Frame,
    ask: Option<Ask>,
    /// The name that was tried before.
    name: String,
    notice: Option<Cow<'static, str>>,
}

/// Why the form is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// Name and password do not fit together.
    Wrong,
    /// Too many attempts: to be tried again after so many seconds.
    Wait(u32),
    /// The form was not made for this browser, or before something changed.
    Stale(&'static str),
}

impl Notice {
    fn text(self) -> Cow<'static, str> {
        match self {
            Self::Wrong => "This name and password do not fit together. Please try again.".into(),
            Self::Wait(0..=60) => "There were too many failed attempts. Please wait a minute, then try again.".into(),
            Self::Wait(seconds) => {
                let minutes = seconds.div_ceil(60);
                format!("There were too many failed attempts. Please wait {minutes} minutes, then try again.").into()
            }
            Self::Stale(text) => text.into(),
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Wrong | Self::Stale(_) => StatusCode::FORBIDDEN,
            Self::Wait(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

const STALE: &str = "This page had become out of date, so you were not logged in. Please try again. \
                     If you keep seeing this, your browser may be refusing cookies.";

/// The log-in form on the way to a decision, with what is asked and where that leads.
pub(super) fn page(
    app: &App,
    visitor: &Visitor,
    asked: (Ask, Option<&str>),
    name: &str,
    notice: Option<Notice>,
) -> Response {
    draw(app, visitor, Some(asked), HOME, name, notice)
}

/// The log-in form, alone if nothing is asked: then it leads `onward`.
fn draw(
    app: &App,
    visitor: &Visitor,
    asked: Option<(Ask, Option<&str>)>,
    onward: &str,
    name: &str,
    notice: Option<Notice>,
) -> Response {
    let (ask, finish) = asked.map_or((None, None), |(ask, finish)| (Some(ask), finish));
    let here = ask.as_ref().map_or(onward, |ask| ask.path.as_str());
    let status = notice.map_or(StatusCode::OK, Notice::status);
    let template = LoginPage {
        frame: Frame::new(app, visitor, here),
        ask,
        name: name.to_owned(),
        notice: notice.map(Notice::text),
    };
    let mut response = page::show(app, visitor, status, &template, finish);
    if let Some(Notice::Wait(seconds)) = notice {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Where the log-in page was asked for.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    to: String,
}

/// `GET /login`.
pub(super) async fn form(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let to = wanted.map(|Query(wanted)| wanted.to).unwrap_or_default();
    let onward = Onward::parse(&to).to_path();
    match visitor.person {
        Some(_) => page::see_other(&onward),
        None => draw(&app, &visitor, None, &onward, "", None),
    }
}

/// The log-in form.
#[derive(Deserialize)]
pub(super) struct Credentials {
    name: String,
    password: String,
    token: String,
    #[serde(default)]
    to: String,
}

/// Where to go afterwards: to an interaction, to a page of the wallet, or else to its first page. Never to another site.
enum Onward {
    Request(Link),
    Page(String),
}

impl Onward {
    fn parse(to: &str) -> Self {
        match Link::parse(to) {
            Some(link) => Self::Request(link),
            None => Self::Page(own_path(to).unwrap_or(HOME).to_owned()),
        }
    }

    fn to_path(&self) -> String {
        match self {
            Self::Request(link) => link.to_path(),
            Self::Page(path) => path.clone(),
        }
    }
}

/// `POST /login`.
pub(super) async fn log_in(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Peer(peer): Peer,
    form: Result<Form<Credentials>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return page::unreadable(&app) };
    let onward = Onward::parse(&form.to);
    if !visitor.sent_unnamed(&app, &form.token) {
        return again(&app, &visitor, &onward, &form.name, Notice::Stale(STALE)).await;
    }
    // Phones begin names with a capital letter.
    let name: String = form.name.trim().to_lowercase().chars().take(NAME_LENGTH_MAX).collect();
    // Logged in in another tab meanwhile: a new session would make that tab's forms worthless.
    if visitor.person.as_ref().is_some_and(|person| person.name == name) {
        return page::see_other(&onward.to_path());
    }
    match login::log_in(&app, &name, &form.password, &peer).await {
        Ok(token) => enter(&app, &visitor, &token, &onward.to_path()).await,
        Err(Error::Refused(refusal)) if refusal.code == Code::Unauthenticated => {
            again(&app, &visitor, &onward, &form.name, Notice::Wrong).await
        }
        Err(Error::Refused(refusal)) if refusal.code == Code::TooManyRequests => {
            let seconds = refusal.retry_after_seconds.unwrap_or_default();
            again(&app, &visitor, &onward, &form.name, Notice::Wait(seconds)).await
        }
        Err(error) => page::failed(&app, &error),
    }
}

/// Goes on with the new session; one that this browser had before ends.
async fn enter(app: &App, visitor: &Visitor, token: &str, onward: &str) -> Response {
    if let Err(error) = visitor.end_session(app).await {
        return page::failed(app, &error);
    }
    let mut response = page::see_other(onward);
    if let Some(cookie) = visitor::session_cookie(&app.config, token) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The form once more, where it was.
async fn again(app: &App, visitor: &Visitor, onward: &Onward, name: &str, notice: Notice) -> Response {
    let link = match onward {
        Onward::Request(link) => link,
        Onward::Page(path) => return draw(app, visitor, None, path, name, Some(notice)),
    };
    match interactions::view(app, &link.id, &link.path).await {
        Ok(consent) if consent.stage == Stage::Open => {
            let asked = (Ask::new(app, &consent, link), consent.finish_origin.as_deref());
            page(app, visitor, asked, name, Some(notice))
        }
        Ok(_) => page::see_other(&link.to_path()),
        Err(error) => page::failed(app, &error),
    }
}

/// `GET /logout`: links log nobody out, so this asks.
pub(super) async fn ask_log_out(State(app): State<Arc<App>>, member: Member) -> Response {
    let ask = Question {
        title: "Log out?".to_owned(),
        text: vec!["Apps that you gave a mandate can still use it. To stop one, end its mandate.".to_owned()],
        button: "Log out",
        action: "/logout".to_owned(),
        back: HOME.to_owned(),
        ..Question::default()
    };
    confirm::page(&app, &member, ask)
}

/// The log-out form.
#[derive(Deserialize)]
pub(super) struct LogOut {
    token: String,
    #[serde(default)]
    to: String,
}

/// `POST /logout`. A form that is not ours changes nothing.
pub(super) async fn log_out(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    form: Result<Form<LogOut>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return page::unreadable(&app) };
    let onward = Link::parse(&form.to).map_or_else(|| "/".to_owned(), |link| link.to_path());
    let mut response = page::see_other(&onward);
    if visitor.sent(&app, &form.token) {
        if let Err(error) = visitor.end_session(&app).await {
            return page::failed(&app, &error);
        }
        if let Some(cookie) = visitor::no_session_cookie(&app.config) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// The start page, for strangers.
#[derive(Template)]
#[template(path = "start.html")]
struct StartPage {
    frame: Frame,
}

/// The start page. Whoever is logged in has a better one.
pub(crate) async fn start(app: &App, visitor: Visitor) -> Response {
    if visitor.person.is_some() {
        return page::see_other(HOME);
    }
    let template = StartPage { frame: Frame::new(app, &visitor, "/") };
    page::show(app, &visitor, StatusCode::OK, &template, None)
}
