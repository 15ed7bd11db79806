//! The page at an incoming payment, for people: what is asked for, and how to pay it.

use super::address::Code2d;
use super::names::visible;
use super::page::{self, Frame};
use super::send::Receiver;
use super::view::Moment;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use bursar_app::App;
use bursar_app::requests::{self, Shown, Stage};
use bursar_app::sending::NOTE_LENGTH_MAX;
use url::form_urlencoded;

#[derive(Template)]
#[template(path = "pay.html")]
struct PayPage {
    frame: Frame,
    url: String,
    /// Where somebody with a wallet here pays it.
    here: String,
    stage: Stage,
    shown: Option<Asked>,
    code: Option<Code2d>,
}

/// What the payee shows to everybody.
struct Asked {
    receiver: Receiver,
    amount: Option<String>,
    /// What is missing of it, if some was paid.
    missing: Option<String>,
    asset: String,
    note: Option<String>,
    expires: Moment,
}

impl Asked {
    fn new(shown: Shown, frame: &Frame) -> Self {
        let view = &frame.view;
        Self {
            receiver: Receiver::from(&shown.payee),
            missing: shown.missing.filter(|missing| Some(*missing) != shown.amount).map(|missing| view.money(&missing)),
            amount: shown.amount.map(|amount| view.money(&amount)),
            asset: shown.asset,
            note: shown.note.map(|note| visible(&note, NOTE_LENGTH_MAX)),
            expires: view.moment(shown.expires_at),
        }
    }
}

/// The page of an incoming payment. What only its payee may tell is left out.
pub(crate) async fn pay_page(app: &App, id: &str) -> Response {
    let public = match requests::public(app, id).await {
        Ok(public) => public,
        Err(error) => return page::failed(app, &error),
    };
    let frame = Frame::bare(app);
    let to: String = form_urlencoded::byte_serialize(public.url.as_bytes()).collect();
    let template = PayPage {
        here: format!("/wallet/send?to={to}"),
        stage: public.stage,
        shown: public.shown.map(|shown| Asked::new(shown, &frame)),
        code: Code2d::new(&public.url),
        url: public.url,
        frame,
    };
    page::draw(StatusCode::OK, &template, None)
}
