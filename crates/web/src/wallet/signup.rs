//! Opening an account without anybody's help, where the operator allows it.

use super::login::{self, Notice, Onward};
use super::page::{self, Frame};
use super::visitor::Visitor;
use askama::Template;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bursar_app::people::{self, SignUp};
use bursar_app::refusals::Code;
use bursar_app::{App, Error};
use bursar_types::Asset;
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "signup.html")]
struct SignUpPage {
    frame: Frame,
    notice: Option<Cow<'static, str>>,
    name: String,
    public_name: String,
    /// What wallet addresses here begin with.
    prefix: String,
    /// The currencies to choose from, the chosen one marked.
    assets: Vec<(String, String, bool)>,
}

/// An asset as a form sends it: `CAD/2`.
fn spell(asset: &Asset) -> String {
    format!("{}/{}", asset.code(), asset.scale())
}

/// What was typed before.
#[derive(Default, Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    token: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    public_name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    asset: String,
    #[serde(default)]
    to: String,
}

fn draw(app: &App, visitor: &Visitor, onward: &Onward, typed: &Typed, notice: Option<Notice>) -> Response {
    let is_offered = app.config.has_built_in_log_in && !app.config.sign_up.is_empty();
    if !is_offered {
        return page::failed(app, &Error::not_found("page"));
    }
    let mut status = notice.as_ref().map_or(StatusCode::OK, Notice::status);
    if matches!(notice, Some(Notice::Refused(_))) {
        status = StatusCode::UNPROCESSABLE_ENTITY;
    }
    let wait = notice.as_ref().and_then(Notice::wait);
    let public_url = app.config.public_url.as_str();
    let template = SignUpPage {
        frame: Frame::new(app, visitor, &onward.to_path()),
        notice: notice.map(Notice::text),
        name: typed.name.clone(),
        public_name: typed.public_name.clone(),
        prefix: format!("{}/", public_url.split_once("://").map_or(public_url, |(_, rest)| rest)),
        assets: app
            .config
            .sign_up
            .iter()
            .map(|asset| (spell(asset), asset.code().to_owned(), spell(asset) == typed.asset))
            .collect(),
    };
    let mut response = page::show(app, visitor, status, &template, None);
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Where the page was asked for.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    to: String,
}

/// `GET /signup`.
pub(super) async fn form(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let onward = Onward::parse(&wanted.map(|Query(wanted)| wanted.to).unwrap_or_default());
    match visitor.person {
        Some(_) => page::see_other(&onward.to_path()),
        None => draw(&app, &visitor, &onward, &Typed::default(), None),
    }
}

/// `POST /signup`.
pub(super) async fn sign_up(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    form: Result<Form<Typed>, FormRejection>,
) -> Response {
    let Ok(Form(typed)) = form else { return page::unreadable(&app) };
    let onward = Onward::parse(&typed.to);
    if !visitor.sent_unnamed(&app, &typed.token) {
        return draw(&app, &visitor, &onward, &typed, Some(Notice::Stale(login::STALE)));
    }
    let Some(asset) = app.config.sign_up.iter().find(|asset| spell(asset) == typed.asset).copied() else {
        return draw(&app, &visitor, &onward, &typed, Some(Notice::Refused("Please choose a currency.".to_owned())));
    };
    let new = SignUp {
        name: login::typed_name(&typed.name),
        public_name: typed.public_name.trim().to_owned(),
        password: typed.password.clone(),
        asset,
    };
    match people::sign_up(&app, new, &visitor.place).await {
        Ok(token) => login::enter(&app, &visitor, &token, &onward.to_path()).await,
        Err(Error::Refused(refusal)) if refusal.code == Code::Conflict => {
            let taken = Notice::Refused("This name is taken. Please choose another one.".to_owned());
            draw(&app, &visitor, &onward, &typed, Some(taken))
        }
        Err(Error::Refused(refusal)) if refusal.code == Code::InvalidResourceRequest => {
            let notice = Notice::Refused(page::sentence(&refusal.description));
            draw(&app, &visitor, &onward, &typed, Some(notice))
        }
        Err(error) => match Notice::of(&error) {
            Some(notice) => draw(&app, &visitor, &onward, &typed, Some(notice)),
            None => page::failed(&app, &error),
        },
    }
}
