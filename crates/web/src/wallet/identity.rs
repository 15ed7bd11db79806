//! Going to another identity provider to log in there, and coming back.

use super::login::{self, Onward};
use super::member::{HOME, confirm_path, own_path};
use super::names::Address;
use super::page::{self, Frame};
use super::visitor::Visitor;
use askama::Template;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use bursar_app::identities::{self, Brought, Wanted};
use bursar_app::refusals::Code;
use bursar_app::{App, Error};
use serde::Deserialize;
use std::sync::Arc;

/// The page that leads to the provider. A form must not redirect there itself: browsers hold redirects to what the
/// page of the form allows, and nobody knows over which origins a provider leads.
#[derive(Template)]
#[template(path = "leaving.html")]
struct LeavingPage {
    frame: Frame,
    provider: String,
    url: String,
    to: Address,
}

/// The button of a provider.
#[derive(Deserialize)]
pub(super) struct Go {
    token: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    purpose: Purpose,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Purpose {
    #[default]
    Login,
    Link,
    Confirm,
}

impl Purpose {
    fn wanted(self) -> Wanted {
        match self {
            Self::Login => Wanted::LogIn,
            Self::Link => Wanted::Link,
            Self::Confirm => Wanted::Confirm,
        }
    }
}

/// `POST /login/with/{provider}`.
pub(super) async fn leave(
    State(app): State<Arc<App>>,
    Path(provider): Path<String>,
    visitor: Visitor,
    form: Result<Form<Go>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return page::unreadable(&app) };
    let onward = Onward::parse(&form.to);
    let is_ours = match form.purpose {
        Purpose::Login => visitor.sent_unnamed(&app, &form.token),
        // About the account of whoever is logged in: only from a page of theirs.
        Purpose::Link | Purpose::Confirm => visitor.person.is_some() && visitor.sent(&app, &form.token),
    };
    if !is_ours {
        return login::again(&app, &visitor, &onward, "", login::Notice::Stale(login::STALE)).await;
    }
    let (wanted, seat) = (form.purpose.wanted(), visitor.seat.as_ref());
    match identities::begin(&app, &provider, wanted, seat, &onward.to_path(), &visitor.place).await {
        Ok(url) if visitor.is_browser => {
            let (frame, to) = (Frame::new(&app, &visitor, &onward.to_path()), Address::new(&url));
            let provider = identities::provider(&app, &provider).map(|found| found.name.clone()).unwrap_or_default();
            page::show(&app, &visitor, StatusCode::OK, &LeavingPage { frame, provider, url, to }, None)
        }
        Ok(url) => page::see_other(&url),
        Err(error) => failed(&app, &visitor, &onward, &error).await,
    }
}

/// `GET /login/with/{provider}/back`.
pub(super) async fn back(
    State(app): State<Arc<App>>,
    Path(provider): Path<String>,
    visitor: Visitor,
    brought: Result<Query<Brought>, QueryRejection>,
) -> Response {
    let brought = brought.map(|Query(brought)| brought).unwrap_or_default();
    let onward = identities::onward(&app, &provider, &brought, &visitor.place);
    let onward = Onward::parse(onward.as_deref().unwrap_or_default());
    let here = visitor.seat.as_ref().zip(visitor.session_token());
    match identities::finish(&app, &provider, &brought, here, &visitor.place).await {
        Ok(done) => arrive(&app, &visitor, done.token.as_deref(), &done.onward).await,
        Err(error) => failed(&app, &visitor, &onward, &error).await,
    }
}

/// Goes on with the new token, if there is one. The session that this browser had before ends, unless it is the same
/// under another token.
async fn arrive(app: &App, visitor: &Visitor, token: Option<&str>, onward: &str) -> Response {
    let onward = Onward::parse(onward).to_path();
    match token {
        Some(token) => login::enter(app, visitor, token, &onward).await,
        None => page::see_other(&onward),
    }
}

/// What follows when it did not work: the log-in form for strangers, and words for whoever is logged in.
async fn failed(app: &App, visitor: &Visitor, onward: &Onward, error: &Error) -> Response {
    match (&visitor.seat, error) {
        (Some(_), Error::Refused(refusal)) if refusal.code == Code::LogInAgain => {
            let to = onward.to_path();
            page::see_other(&confirm_path(own_path(&to).unwrap_or(HOME)))
        }
        (Some(_), error) => page::failed(app, error),
        (None, error) => login::refused(app, visitor, onward, "", error).await,
    }
}
