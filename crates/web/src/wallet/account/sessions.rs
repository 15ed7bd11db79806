//! Where one is logged in, and at which other providers one is known.

use super::super::confirm::{self, Question};
use super::super::frame::{SESSION_ENDED, SESSIONS_ENDED, UNLINKED};
use super::super::login;
use super::super::member::{Member, Sent};
use super::super::page::{self, Frame};
use super::super::view::Moment;
use super::super::visitor;
use super::password::Nothing;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::Response;
use bursar_app::people::{self, Proof};
use bursar_app::{App, Error};
use serde::Deserialize;
use std::sync::Arc;

const PAGE: &str = "/wallet/account/sessions";

/// A session of the list.
struct Row {
    id: String,
    agent: String,
    address: Option<String>,
    how: &'static str,
    created: Moment,
    seen: Moment,
    is_here: bool,
}

#[derive(Template)]
#[template(path = "account/sessions.html")]
struct SessionsPage {
    frame: Frame,
    rows: Vec<Row>,
}

fn how(proof: Proof) -> &'static str {
    match proof {
        Proof::Password => "with your password",
        Proof::Passkey => "with a passkey",
        Proof::PasswordAndPasskey => "with your password and a passkey",
        Proof::PasswordAndCode => "with your password and a recovery code",
        Proof::Code => "with a recovery code",
        Proof::Identity => "at an identity provider",
    }
}

/// `GET /wallet/account/sessions`.
pub(in super::super) async fn show(State(app): State<Arc<App>>, member: Member) -> Response {
    let frame = member.frame(&app);
    let sessions = match people::sessions(&app, &member.seat).await {
        Ok(sessions) => sessions,
        Err(error) => return member.failed(&app, &error),
    };
    let rows = sessions.into_iter().map(|session| Row {
        is_here: session.id == member.seat.session.id,
        id: session.id.to_string(),
        agent: session.agent,
        address: session.address,
        how: how(session.proof),
        created: frame.view.recent(session.created_at),
        seen: frame.view.recent(session.seen_at),
    });
    let template = SessionsPage { rows: rows.collect(), frame };
    member.show(&app, &template)
}

/// One session.
#[derive(Deserialize)]
pub(in super::super) struct End {
    session: String,
}

/// `POST /wallet/account/sessions/end`.
pub(in super::super) async fn end(State(app): State<Arc<App>>, sent: Sent<End>) -> Response {
    let Sent { member, form } = sent;
    let done = async {
        let id = form.session.parse().map_err(|_| Error::not_found("session"))?;
        people::end_session(&app, &member.seat, id).await
    };
    match done.await {
        Ok(()) => member.done(&app, PAGE, &SESSION_ENDED),
        Err(error) => member.failed(&app, &error),
    }
}

/// Which sessions.
#[derive(Deserialize)]
pub(in super::super) struct EndAll {
    #[serde(default)]
    everywhere: bool,
}

/// `POST /wallet/account/sessions/end-all`.
pub(in super::super) async fn end_all(State(app): State<Arc<App>>, sent: Sent<EndAll>) -> Response {
    let Sent { member, form } = sent;
    match people::end_sessions(&app, &member.seat, form.everywhere).await {
        Ok(_) if form.everywhere => logged_out(&app),
        Ok(_) => member.done(&app, PAGE, &SESSIONS_ENDED),
        Err(error) => member.failed(&app, &error),
    }
}

/// The start page, for somebody who has no session any more.
pub(super) fn logged_out(app: &App) -> Response {
    let mut response = page::see_other("/");
    if let Some(cookie) = visitor::no_session_cookie(&app.config) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// An identity at another provider.
struct Identity {
    id: String,
    provider: String,
    label: Option<String>,
    created: Moment,
    used: Option<Moment>,
}

#[derive(Template)]
#[template(path = "account/identities.html")]
struct IdentitiesPage {
    frame: Frame,
    rows: Vec<Identity>,
    /// Providers that could be linked, by id and name.
    others: Vec<(String, String)>,
    is_fresh: bool,
}

/// What people call the provider of this issuer.
fn provider_name(app: &App, issuer: &str) -> String {
    let known = app.config.identity_providers.iter().find(|provider| provider.issuer == issuer);
    known.map_or_else(|| issuer.to_owned(), |provider| provider.name.clone())
}

/// `GET /wallet/account/identities`.
pub(in super::super) async fn identities(State(app): State<Arc<App>>, member: Member) -> Response {
    let frame = member.frame(&app);
    let overview = match people::overview(&app, &member.seat).await {
        Ok(overview) => overview,
        Err(error) => return member.failed(&app, &error),
    };
    let rows: Vec<Identity> = overview
        .identities
        .into_iter()
        .map(|identity| Identity {
            id: identity.id.to_string(),
            provider: provider_name(&app, &identity.issuer),
            label: identity.label,
            created: frame.view.recent(identity.created_at),
            used: identity.used_at.map(|at| frame.view.recent(at)),
        })
        .collect();
    let others = login::providers(&app);
    let is_fresh = member.seat.is_fresh(app.clock.now());
    let template = IdentitiesPage { rows, others, is_fresh, frame };
    member.show(&app, &template)
}

/// `GET /wallet/account/identities/{id}/unlink`.
pub(in super::super) async fn ask_unlink(
    State(app): State<Arc<App>>,
    Path(which): Path<String>,
    member: Member,
) -> Response {
    if let Some(response) = member.must_confirm(&app) {
        return response;
    }
    let found = match people::overview(&app, &member.seat).await {
        Ok(overview) => overview.identities.into_iter().find(|identity| identity.id.to_string() == which),
        Err(error) => return member.failed(&app, &error),
    };
    let Some(identity) = found else { return member.failed(&app, &Error::not_found("identity")) };
    let provider = provider_name(&app, &identity.issuer);
    let ask = Question {
        title: format!("Unlink {provider}?"),
        text: vec![format!("You will no longer be able to log in here through {provider}. Your account there stays.")],
        button: "Unlink",
        is_dangerous: true,
        action: format!("/wallet/account/identities/{}/unlink", identity.id),
        back: "/wallet/account/identities".to_owned(),
        ..Question::default()
    };
    confirm::page(&app, &member, ask)
}

/// `POST /wallet/account/identities/{id}/unlink`.
pub(in super::super) async fn unlink(
    State(app): State<Arc<App>>,
    Path(which): Path<String>,
    sent: Sent<Nothing>,
) -> Response {
    let member = sent.member;
    let done = async {
        let id = which.parse().map_err(|_| Error::not_found("identity"))?;
        people::unlink(&app, &member.seat, id).await
    };
    match done.await {
        Ok(()) => member.done(&app, "/wallet/account/identities", &UNLINKED),
        Err(error) => member.refused(&app, &error, "/wallet/account/identities"),
    }
}
