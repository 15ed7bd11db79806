//! Logging in and out, and the start page.

use super::confirm::{self, Question};
use super::consent::{Ask, Link};
use super::member::{HOME, Member, own_path};
use super::page::{self, Frame};
use super::passkey::{Proof, Prove};
use super::second;
use super::visitor::{self, Visitor};
use askama::Template;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bursar_app::interactions::{self, Stage};
use bursar_app::login::{self, Entry};
use bursar_app::refusals::Code;
use bursar_app::{App, Error};
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
    /// Whether names and passwords are asked for.
    has_passwords: bool,
    passkey: Option<Prove>,
    /// The other identity providers, by id and name.
    providers: Vec<(String, String)>,
    has_sign_up: bool,
}

/// The other identity providers, by id and name.
pub(super) fn providers(app: &App) -> Vec<(String, String)> {
    let providers = app.config.identity_providers.iter();
    providers.map(|provider| (provider.id.clone(), provider.name.clone())).collect()
}

/// Why the form is shown again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    /// Name and password do not fit together.
    Wrong,
    /// Too many attempts: to be tried again after so many seconds.
    Wait(u32),
    /// The form was not made for this browser, or before something changed.
    Stale(&'static str),
    /// Another way in did not work, and why.
    Refused(String),
}

impl Notice {
    /// What of a refusal is to be told on the form; none of what is no matter of the form.
    pub(super) fn of(error: &Error) -> Option<Self> {
        let Error::Refused(refusal) = error else { return None };
        match refusal.code {
            Code::TooManyRequests => Some(Self::Wait(refusal.retry_after_seconds.unwrap_or_default())),
            Code::Unauthenticated | Code::IdentityProvider | Code::Conflict => {
                Some(Self::Refused(page::sentence(&refusal.description)))
            }
            _ => None,
        }
    }

    pub(super) fn text(self) -> Cow<'static, str> {
        match self {
            Self::Wrong => "This name and password do not fit together. Please try again.".into(),
            Self::Wait(0..=60) => "There were too many failed attempts. Please wait a minute, then try again.".into(),
            Self::Wait(seconds) => {
                let minutes = seconds.div_ceil(60);
                format!("There were too many failed attempts. Please wait {minutes} minutes, then try again.").into()
            }
            Self::Stale(text) => text.into(),
            Self::Refused(text) => text.into(),
        }
    }

    /// After how many seconds to try again, if that is known.
    pub(super) fn wait(&self) -> Option<u32> {
        match self {
            Self::Wait(seconds) => Some(*seconds),
            _ => None,
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Wrong | Self::Stale(_) | Self::Refused(_) => StatusCode::FORBIDDEN,
            Self::Wait(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

pub(super) const STALE: &str = "This page had become out of date, so you were not logged in. Please try again. \
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
    let status = notice.as_ref().map_or(StatusCode::OK, Notice::status);
    let wait = notice.as_ref().and_then(Notice::wait);
    let template = LoginPage {
        frame: Frame::new(app, visitor, here),
        ask,
        name: name.to_owned(),
        notice: notice.map(Notice::text),
        has_passwords: app.config.has_built_in_log_in,
        passkey: Prove::of_anybody(app, visitor),
        providers: providers(app),
        has_sign_up: !app.config.sign_up.is_empty(),
    };
    let mut response = page::show(app, visitor, status, &template, finish);
    if let Some(seconds) = wait {
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
pub(super) enum Onward {
    Request(Link),
    Page(String),
}

impl Onward {
    pub(super) fn parse(to: &str) -> Self {
        match Link::parse(to) {
            Some(link) => Self::Request(link),
            None => Self::Page(own_path(to).unwrap_or(HOME).to_owned()),
        }
    }

    pub(super) fn to_path(&self) -> String {
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
    form: Result<Form<Credentials>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return page::unreadable(&app) };
    let onward = Onward::parse(&form.to);
    if !visitor.sent_unnamed(&app, &form.token) {
        return again(&app, &visitor, &onward, &form.name, Notice::Stale(STALE)).await;
    }
    let name = typed_name(&form.name);
    // Logged in in another tab meanwhile: a new session would make that tab's forms worthless.
    if visitor.person.as_ref().is_some_and(|person| person.name == name) {
        return page::see_other(&onward.to_path());
    }
    match login::log_in(&app, &name, &form.password, &visitor.place, &onward.to_path()).await {
        Ok(Entry::In(token)) => enter(&app, &visitor, &token, &onward.to_path()).await,
        Ok(Entry::Second(ticket)) => second::page(&app, &visitor, &ticket, None).await,
        Err(Error::Refused(refusal)) if refusal.code == Code::Unauthenticated => {
            again(&app, &visitor, &onward, &form.name, Notice::Wrong).await
        }
        Err(error) => refused(&app, &visitor, &onward, &form.name, &error).await,
    }
}

/// The name that somebody typed. Phones begin names with a capital letter.
pub(super) fn typed_name(name: &str) -> String {
    name.trim().to_lowercase().chars().take(NAME_LENGTH_MAX).collect()
}

/// The passkey of the log-in form.
#[derive(Deserialize)]
pub(super) struct ByPasskey {
    token: String,
    #[serde(default)]
    to: String,
    #[serde(flatten)]
    proof: Proof,
}

/// `POST /login/passkey`.
pub(super) async fn log_in_by_passkey(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    form: Result<Form<ByPasskey>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return page::unreadable(&app) };
    let onward = Onward::parse(&form.to);
    if !visitor.sent_unnamed(&app, &form.token) {
        return again(&app, &visitor, &onward, "", Notice::Stale(STALE)).await;
    }
    let Some(answer) = form.proof.read() else { return page::unreadable(&app) };
    match login::log_in_with_passkey(&app, &answer, &visitor.place).await {
        Ok(token) => enter(&app, &visitor, &token, &onward.to_path()).await,
        Err(error) => refused(&app, &visitor, &onward, "", &error).await,
    }
}

/// The form once more with what was refused, or the page for what failed.
pub(super) async fn refused(app: &App, visitor: &Visitor, onward: &Onward, name: &str, error: &Error) -> Response {
    match Notice::of(error) {
        Some(notice) => again(app, visitor, onward, name, notice).await,
        None => page::failed(app, error),
    }
}

/// Goes on with the new session; one that this browser had before ends.
pub(super) async fn enter(app: &App, visitor: &Visitor, token: &str, onward: &str) -> Response {
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
pub(super) async fn again(app: &App, visitor: &Visitor, onward: &Onward, name: &str, notice: Notice) -> Response {
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
    has_sign_up: bool,
}

/// The start page. Whoever is logged in has a better one.
pub(crate) async fn start(app: &App, visitor: Visitor) -> Response {
    if visitor.person.is_some() {
        return page::see_other(HOME);
    }
    let template = StartPage { frame: Frame::new(app, &visitor, "/"), has_sign_up: !app.config.sign_up.is_empty() };
    page::show(app, &visitor, StatusCode::OK, &template, None)
}
