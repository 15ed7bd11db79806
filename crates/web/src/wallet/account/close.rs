//! Closing one's account.

use super::super::member::{Member, Sent};
use super::super::names::Address;
use super::super::page::{self, Frame};
use super::sessions::logged_out;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bursar_app::{App, Error, closing};
use serde::Deserialize;
use std::sync::Arc;

const PAGE: &str = "/wallet/account/close";

#[derive(Template)]
#[template(path = "account/close.html")]
struct ClosePage {
    frame: Frame,
    name: String,
    notice: Option<&'static str>,
    addresses: Vec<Address>,
    /// What is left on the accounts. Nothing may be.
    left: Vec<String>,
}

async fn draw(app: &App, member: &Member, notice: Option<&'static str>) -> Result<Response, Error> {
    let frame = member.frame(app);
    let view = closing::view(app, &member.seat).await?;
    let template = ClosePage {
        name: member.person.name.clone(),
        notice,
        addresses: view.addresses.iter().map(|url| Address::new(url)).collect(),
        left: view.left.iter().map(|amount| frame.view.money(amount)).collect(),
        frame,
    };
    let status = if notice.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(page::show(app, &member.visitor, status, &template, None))
}

/// `GET /wallet/account/close`.
pub(in super::super) async fn show(State(app): State<Arc<App>>, member: Member) -> Response {
    if let Some(response) = member.must_confirm(&app) {
        return response;
    }
    draw(&app, &member, None).await.unwrap_or_else(|error| member.failed(&app, &error))
}

/// The form: their name, so that nobody closes an account by accident.
#[derive(Deserialize)]
pub(in super::super) struct Close {
    name: String,
}

/// `POST /wallet/account/close`.
pub(in super::super) async fn close(State(app): State<Arc<App>>, sent: Sent<Close>) -> Response {
    let Sent { member, form } = sent;
    if form.name.trim() != member.person.name {
        let notice = Some("This is not your name. To close the account, type it exactly as it stands there.");
        return draw(&app, &member, notice).await.unwrap_or_else(|error| member.failed(&app, &error));
    }
    match closing::close(&app, &member.seat).await {
        Ok(()) => logged_out(&app),
        Err(error) => member.refused(&app, &error, PAGE),
    }
}
