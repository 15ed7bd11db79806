//! What people can set for themselves.

use super::frame::{DISPLAY_SAVED, Frame};
use super::member::{Member, Sent};
use super::view::{Choice, Moment, View};
use super::visitor;
use askama::Template;
use axum::extract::State;
use axum::http::header;
use axum::response::Response;
use bursar_app::App;
use jiff::tz::TimeZoneDatabase;
use serde::Deserialize;
use std::sync::Arc;

/// Ways to write numbers that differ, each named for some of those who write so.
const NUMBERS: &[(&str, &str)] = &[
    ("en", "English, Chinese, Japanese"),
    ("en-IN", "English in India"),
    ("de", "German, Dutch, Italian"),
    ("fr", "French"),
    ("es", "Spanish"),
    ("de-CH", "Switzerland"),
    ("sv", "Czech, Swedish, Ukrainian"),
];
/// Parts of the world in the names of time zones. All other names are aliases of these.
const REGIONS: &[&str] =
    &["Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"];

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    numbers: Vec<(&'static str, String)>,
    zones: Vec<String>,
    now: Moment,
}

/// `GET /wallet/account`.
pub(super) async fn show(State(app): State<Arc<App>>, member: Member) -> Response {
    let frame = member.frame(&app);
    let now = app.clock.now();
    let example = |tag: &str| View::new(Choice::known(tag, ""), None, None, now).decimal("1234567.89");
    let page = AccountPage {
        numbers: NUMBERS.iter().map(|&(tag, who)| (tag, format!("{} – {who}", example(tag)))).collect(),
        zones: zones(),
        now: frame.view.moment(now),
        frame,
    };
    member.show(&app, &page)
}

fn zones() -> Vec<String> {
    let is_place = |name: &String| name.split_once('/').is_some_and(|(region, _)| REGIONS.contains(&region));
    let data = TimeZoneDatabase::bundled();
    let mut zones: Vec<String> = data.available().map(|name| name.as_str().to_owned()).filter(is_place).collect();
    zones.push("UTC".to_owned());
    zones.sort();
    zones
}

/// How numbers and times shall look.
#[derive(Deserialize)]
pub(super) struct Display {
    #[serde(default)]
    numbers: String,
    #[serde(default)]
    zone: String,
}

/// `POST /wallet/account/display`. What is not known counts as not chosen.
pub(super) async fn set_display(State(app): State<Arc<App>>, sent: Sent<Display>) -> Response {
    let Sent { member, form } = sent;
    let mut response = member.done(&app, "/wallet/account", &DISPLAY_SAVED);
    if let Some(cookie) = visitor::choice_cookie(&app.config, &Choice::known(&form.numbers, &form.zone)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_be_chosen_is_known() {
        for (tag, _) in NUMBERS {
            assert_eq!(Choice::known(tag, "").numbers.as_deref(), Some(*tag));
        }
        let zones = zones();
        assert!(zones.len() > 300, "{}", zones.len());
        for zone in zones {
            assert_eq!(Choice::known("", &zone).zone, Some(zone));
        }
    }
}
