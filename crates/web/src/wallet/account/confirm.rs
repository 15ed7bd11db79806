//! Proving once more who one is, before something that matters.

use super::super::login::{Notice, providers};
use super::super::member::{HOME, Member, Sent, own_path};
use super::super::page::{self, Frame};
use super::super::passkey::{Proof, Prove};
use super::super::visitor;
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use bursar_app::login::{self, Confirmation};
use bursar_app::people::{self, Ways};
use bursar_app::{App, Error};
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "account/confirm.html")]
struct ConfirmPage {
    frame: Frame,
    notice: Option<Cow<'static, str>>,
    to: String,
    name: String,
    ways: Ways,
    /// Whether a recovery code is asked for along with the password.
    needs_code: bool,
    passkey: Option<Prove>,
    /// The identity providers that know this person, by id and name.
    providers: Vec<(String, String)>,
}

/// Where people go when they have proven who they are.
#[derive(Deserialize)]
pub(in super::super) struct Wanted {
    #[serde(default)]
    to: String,
}

fn destination(to: &str) -> &str {
    own_path(to).filter(|path| !path.starts_with("/wallet/account/confirm")).unwrap_or(HOME)
}

async fn draw(app: &App, member: &Member, to: &str, notice: Option<Notice>) -> Result<Response, Error> {
    let overview = people::overview(app, &member.seat).await?;
    let linked: Vec<&str> = overview.identities.iter().map(|identity| identity.issuer.as_str()).collect();
    let knows = |id: &str| {
        app.config.identity_providers.iter().any(|known| known.id == id && linked.contains(&known.issuer.as_str()))
    };
    let ways = overview.ways;
    let status = notice.as_ref().map_or(StatusCode::OK, Notice::status);
    let template = ConfirmPage {
        frame: member.frame(app),
        notice: notice.map(Notice::text),
        to: to.to_owned(),
        name: member.person.name.clone(),
        needs_code: ways.after_password() == people::Next::Second,
        passkey: Prove::of(app, &member.visitor, member.person.holder).await?,
        providers: providers(app).into_iter().filter(|(id, _)| knows(id)).collect(),
        ways: Ways { has_password: ways.has_password && app.config.has_built_in_log_in, ..ways },
    };
    Ok(page::show(app, &member.visitor, status, &template, None))
}

/// `GET /wallet/account/confirm`.
pub(in super::super) async fn show(
    State(app): State<Arc<App>>,
    member: Member,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let to = wanted.map(|Query(wanted)| wanted.to).unwrap_or_default();
    draw(&app, &member, destination(&to), None).await.unwrap_or_else(|error| member.failed(&app, &error))
}

/// A password, and perhaps a recovery code.
#[derive(Deserialize)]
pub(in super::super) struct ByPassword {
    password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    to: String,
}

/// `POST /wallet/account/confirm`.
pub(in super::super) async fn by_password(State(app): State<Arc<App>>, sent: Sent<ByPassword>) -> Response {
    let Sent { member, form } = sent;
    let given = Confirmation::Password { password: form.password, code: form.code };
    finish(&app, &member, given, destination(&form.to)).await
}

/// A passkey.
#[derive(Deserialize)]
pub(in super::super) struct ByPasskey {
    #[serde(flatten)]
    proof: Proof,
    #[serde(default)]
    to: String,
}

/// `POST /wallet/account/confirm/passkey`.
pub(in super::super) async fn by_passkey(State(app): State<Arc<App>>, sent: Sent<ByPasskey>) -> Response {
    let Sent { member, form } = sent;
    let Some(answer) = form.proof.read() else { return page::unreadable(&app) };
    finish(&app, &member, Confirmation::Passkey(answer), destination(&form.to)).await
}

async fn finish(app: &App, member: &Member, given: Confirmation, to: &str) -> Response {
    let token = member.visitor.session_token().unwrap_or_default();
    match login::confirm(app, &member.seat, token, given, &member.visitor.place).await {
        Ok(token) => renewed(app, page::see_other(to), &token),
        Err(error) => match Notice::of(&error) {
            Some(notice) => {
                draw(app, member, to, Some(notice)).await.unwrap_or_else(|error| member.failed(app, &error))
            }
            None => member.refused(app, &error, to),
        },
    }
}

/// The answer that also gives the browser the new token of its session.
pub(super) fn renewed(app: &App, mut response: Response, token: &str) -> Response {
    if let Some(cookie) = visitor::session_cookie(&app.config, token) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
