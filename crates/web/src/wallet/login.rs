//! Logging in and out, and the start page.

use super::consent::{Ask, Link};
use super::names::Address;
use super::page::{self, Frame};
use super::visitor::{self, Peer, Visitor};
use super::wording::money;
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bursar_app::accounts::{self, AccountView};
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

/// The log-in form, with what is asked and where that leads if it is on the way to a decision.
pub(super) fn page(
    app: &App,
    visitor: &Visitor,
    asked: Option<(Ask, Option<&str>)>,
    name: &str,
    notice: Option<Notice>,
) -> Response {
    let (ask, finish) = asked.map_or((None, None), |(ask, finish)| (Some(ask), finish));
    let here = ask.as_ref().map_or("/", |ask| ask.path.as_str());
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

/// `GET /login`.
pub(super) async fn form(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    match visitor.person {
        Some(_) => page::see_other("/"),
        None => page(&app, &visitor, None, "", None),
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

/// Where to go afterwards: to an interaction, or else to the start page. Never to another site.
fn destination(to: &str) -> Option<Link> {
    Link::parse(to)
}

/// `POST /login`.
pub(super) async fn log_in(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Peer(peer): Peer,
    form: Result<Form<Credentials>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return page::unreadable(&app) };
    let link = destination(&form.to);
    let onward = link.as_ref().map_or_else(|| "/".to_owned(), Link::to_path);
    if !visitor.sent_unnamed(&app, &form.token) {
        return again(&app, &visitor, link, &form.name, Notice::Stale(STALE)).await;
    }
    // Phones begin names with a capital letter.
    let name: String = form.name.trim().to_lowercase().chars().take(NAME_LENGTH_MAX).collect();
    // Logged in in another tab meanwhile: a new session would make that tab's forms worthless.
    if visitor.person.as_ref().is_some_and(|person| person.name == name) {
        return page::see_other(&onward);
    }
    match login::log_in(&app, &name, &form.password, &peer).await {
        Ok(token) => enter(&app, &visitor, &token, &onward).await,
        Err(Error::Refused(refusal)) if refusal.code == Code::Unauthenticated => {
            again(&app, &visitor, link, &form.name, Notice::Wrong).await
        }
        Err(Error::Refused(refusal)) if refusal.code == Code::TooManyRequests => {
            let seconds = refusal.retry_after_seconds.unwrap_or_default();
            again(&app, &visitor, link, &form.name, Notice::Wait(seconds)).await
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
async fn again(app: &App, visitor: &Visitor, link: Option<Link>, name: &str, notice: Notice) -> Response {
    let Some(link) = link else { return page(app, visitor, None, name, Some(notice)) };
    match interactions::view(app, &link.id, &link.path).await {
        Ok(consent) if consent.stage == Stage::Open => {
            let asked = (Ask::new(app, &consent, &link), consent.finish_origin.as_deref());
            page(app, visitor, Some(asked), name, Some(notice))
        }
        Ok(_) => page::see_other(&link.to_path()),
        Err(error) => page::failed(app, &error),
    }
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
    let onward = destination(&form.to).map_or_else(|| "/".to_owned(), |link| link.to_path());
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

/// The start page.
#[derive(Template)]
#[template(path = "start.html")]
struct StartPage {
    frame: Frame,
    account: Option<Account>,
}

/// What people see of their account.
struct Account {
    address: Address,
    balance: String,
}

impl From<AccountView> for Account {
    fn from(view: AccountView) -> Self {
        Self { address: Address::new(&view.wallet_address), balance: money(&view.balance) }
    }
}

/// The start page.
pub(crate) async fn start(app: &App, visitor: Visitor) -> Response {
    let account = match &visitor.person {
        None => None,
        Some(person) => match accounts::get(app, &person.name).await {
            Ok(view) => Some(Account::from(view)),
            Err(Error::Refused(_)) => None,
            Err(error) => return page::failed(app, &error),
        },
    };
    let template = StartPage { frame: Frame::new(app, &visitor, "/"), account };
    page::show(app, &visitor, StatusCode::OK, &template, None)
}
