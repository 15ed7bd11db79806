//! Changing one's password, and doing without one.

use super::super::confirm::{self, Question};
use super::super::frame::{PASSWORD_CHANGED, PASSWORD_REMOVED};
use super::super::login::Notice;
use super::super::member::{Member, Sent};
use super::super::page::{self, Frame};
use super::confirm::renewed;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bursar_app::people::{self, Ways};
use bursar_app::refusals::Code;
use bursar_app::{App, Error};
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;

const PAGE: &str = "/wallet/account/password";

#[derive(Template)]
#[template(path = "account/password.html")]
struct PasswordPage {
    frame: Frame,
    notice: Option<Cow<'static, str>>,
    name: String,
    has_password: bool,
    /// Whether the present password must be given.
    asks_present: bool,
    /// Whether one can do without.
    is_removable: bool,
}

async fn draw(app: &App, member: &Member, notice: Option<Notice>) -> Result<Response, Error> {
    let ways = people::overview(app, &member.seat).await?.ways;
    let is_fresh = member.seat.is_fresh(app.clock.now());
    let by_passkey = is_fresh && member.seat.session.proof.has_passkey();
    let status = match &notice {
        None => StatusCode::OK,
        Some(Notice::Refused(_)) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(notice) => notice.status(),
    };
    let template = PasswordPage {
        frame: member.frame(app),
        notice: notice.map(Notice::text),
        name: member.person.name.clone(),
        has_password: ways.has_password,
        asks_present: ways.has_password && !by_passkey,
        is_removable: ways.has_password && Ways { has_password: false, ..ways }.check_left(true).is_ok(),
    };
    Ok(page::show(app, &member.visitor, status, &template, None))
}

/// `GET /wallet/account/password`.
pub(in super::super) async fn show(State(app): State<Arc<App>>, member: Member) -> Response {
    let shown = async {
        let ways = people::overview(&app, &member.seat).await?.ways;
        // Whoever has no password proves in another way who they are.
        if !ways.has_password
            && let Some(response) = member.must_confirm(&app)
        {
            return Ok(response);
        }
        draw(&app, &member, None).await
    };
    shown.await.unwrap_or_else(|error: Error| member.failed(&app, &error))
}

/// The form.
#[derive(Deserialize)]
pub(in super::super) struct Change {
    #[serde(default)]
    present: String,
    new: String,
    again: String,
}

/// `POST /wallet/account/password`.
pub(in super::super) async fn change(State(app): State<Arc<App>>, sent: Sent<Change>) -> Response {
    let Sent { member, form } = sent;
    let again = async |notice| draw(&app, &member, Some(notice)).await.unwrap_or_else(|e| member.failed(&app, &e));
    if form.new != form.again {
        return again(Notice::Refused("The two new passwords differ. Please type the same twice.".to_owned())).await;
    }
    let token = member.visitor.session_token().unwrap_or_default();
    let place = &member.visitor.place;
    match people::change_password(&app, &member.seat, token, &form.present, &form.new, place).await {
        Ok(token) => renewed(&app, member.done(&app, "/wallet/account", &PASSWORD_CHANGED), &token),
        Err(Error::Refused(refusal)) if refusal.code == Code::InvalidResourceRequest => {
            again(Notice::Refused(page::sentence(&refusal.description))).await
        }
        Err(error) => match Notice::of(&error) {
            Some(notice) => again(notice).await,
            None => member.refused(&app, &error, PAGE),
        },
    }
}

/// `GET /wallet/account/password/remove`.
pub(in super::super) async fn ask_remove(State(app): State<Arc<App>>, member: Member) -> Response {
    if let Some(response) = member.must_confirm(&app) {
        return response;
    }
    let ask = Question {
        title: "Remove your password?".to_owned(),
        text: vec![
            "You will log in with a passkey only, or at an identity provider that you linked. Nobody can guess or steal \
             a password that does not exist."
                .to_owned(),
            "Everywhere else you will be logged out.".to_owned(),
        ],
        button: "Remove the password",
        is_dangerous: true,
        action: "/wallet/account/password/remove".to_owned(),
        back: PAGE.to_owned(),
        ..Question::default()
    };
    confirm::page(&app, &member, ask)
}

/// A form with nothing but its token.
#[derive(Deserialize)]
pub(in super::super) struct Nothing {}

/// `POST /wallet/account/password/remove`.
pub(in super::super) async fn remove(State(app): State<Arc<App>>, sent: Sent<Nothing>) -> Response {
    match people::remove_password(&app, &sent.member.seat).await {
        Ok(()) => sent.member.done(&app, "/wallet/account", &PASSWORD_REMOVED),
        Err(error) => sent.member.refused(&app, &error, "/wallet/account/password/remove"),
    }
}
