//! The sandbox's gallery: every part that pages are put together from, once. Who changes the style sheets looks here.

use super::figures::{Budget, Chart};
use super::frame::Frame;
use super::page;
use super::pager::Pages;
use super::view::{Moment, View};
use super::visitor::Visitor;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bursar_app::{App, Error};
use bursar_types::{Amount, Asset, VALUE_MAX};
use jiff::SignedDuration;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "gallery.html")]
struct GalleryPage {
    frame: Frame,
    amounts: Vec<String>,
    times: Vec<Moment>,
    budgets: Vec<Budget>,
    chart: Chart,
    pages: Pages,
}

/// `GET /sandbox/gallery`.
pub(crate) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let frame = Frame::new(&app, &visitor, "/sandbox/gallery");
    match samples(&app, frame) {
        Some(template) => page::show(&app, &visitor, StatusCode::OK, &template, None),
        None => page::failed(&app, &Error::Internal("the gallery's samples do not fit together".to_owned())),
    }
}

fn samples(app: &App, frame: Frame) -> Option<GalleryPage> {
    let now = app.clock.now();
    let view: &View = &frame.view;
    let ago = |hours: i64| now.saturating_sub(SignedDuration::from_hours(hours)).unwrap_or(now);
    let cad = |value: u64| -> Option<Amount> { Asset::new("CAD", 2).ok()?.amount(value).ok() };
    let of = |code: &str, scale: u8, value: u64| Some(view.money(&Asset::new(code, scale).ok()?.amount(value).ok()?));
    let budget = |spent, reserved, limit: Option<u64>| {
        Some(Budget::new(view, &cad(spent)?, &cad(reserved)?, limit.and_then(cad).as_ref()))
    };
    let windows = [(3_100, 0), (10_000, 0), (0, 0), (7_450, 0), (8_800, 0), (4_200, 1_500)];
    let windows: Option<Vec<_>> = (0..)
        .zip(windows)
        .map(|(place, (spent, reserved))| {
            let start = ago((6 - place) * 24 * 30);
            Some((view.day(start).text, cad(spent)?, cad(reserved)?))
        })
        .collect();
    Some(GalleryPage {
        amounts: vec![
            view.number(1_234_567),
            of("CAD", 2, 123_450)?,
            of("JPY", 0, 1_234_500)?,
            of("XRP", 9, 1_000_000_001)?,
            of("ETH", 18, VALUE_MAX)?,
        ],
        times: vec![
            view.moment(now),
            view.recent(now),
            view.recent(ago(24)),
            view.recent(ago(300)),
            view.day(ago(300)),
        ],
        budgets: vec![
            budget(4_000, 500, Some(10_000))?,
            budget(10_000, 0, Some(10_000))?,
            budget(0, 0, Some(10_000))?,
            budget(4_000, 0, None)?,
        ],
        chart: Chart::new(view, &windows?, Some(&cad(10_000)?))?,
        pages: Pages { newer: Some("?newer".to_owned()), older: Some("?older".to_owned()) },
        frame,
    })
}
