//! What people can set for themselves, and how they log in.

pub(super) mod close;
pub(super) mod confirm;
pub(super) mod passkeys;
pub(super) mod password;
pub(super) mod sessions;

use super::frame::{DISPLAY_SAVED, Frame, PROFILE_SAVED};
use super::member::{Member, Sent};
use super::view::{Choice, Moment, View};
use super::visitor;
use askama::Template;
use axum::extract::State;
use axum::http::header;
use axum::response::Response;
use bursar_app::people::{self, Profile, Ways};
use bursar_app::{App, Error};
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
    name: String,
    display_name: String,
    since: Moment,
    ways: Ways,
    password_changed: Option<Moment>,
    has_built_in: bool,
    has_providers: bool,
    sessions: usize,
    numbers: Vec<(&'static str, String)>,
    zones: Vec<String>,
    now: Moment,
}

/// `GET /wallet/account`.
pub(super) async fn show(State(app): State<Arc<App>>, member: Member) -> Response {
    draw(&app, &member).await.unwrap_or_else(|error| member.failed(&app, &error))
}

async fn draw(app: &App, member: &Member) -> Result<Response, Error> {
    let frame = member.frame(app);
    let now = app.clock.now();
    let overview = people::overview(app, &member.seat).await?;
    let sessions = people::sessions(app, &member.seat).await?.len();
    let example = |tag: &str| View::new(Choice::known(tag, ""), None, None, now).decimal("1234567.89");
    let page = AccountPage {
        name: member.person.name.clone(),
        display_name: member.seat.display_name.clone().unwrap_or_default(),
        since: frame.view.day(overview.created_at),
        ways: overview.ways,
        password_changed: overview.password_changed_at.map(|at| frame.view.day(at)),
        has_built_in: app.config.has_built_in_log_in,
        has_providers: !app.config.identity_providers.is_empty() || overview.ways.identities > 0,
        sessions,
        numbers: NUMBERS.iter().map(|&(tag, who)| (tag, format!("{} – {who}", example(tag)))).collect(),
        zones: zones(),
        now: frame.view.moment(now),
        frame,
    };
    Ok(member.show(app, &page))
}

/// What somebody wants to be called.
#[derive(Deserialize)]
pub(super) struct Called {
    #[serde(default)]
    display_name: String,
}

/// `POST /wallet/account/profile`.
pub(super) async fn set_profile(State(app): State<Arc<App>>, sent: Sent<Called>) -> Response {
    let Sent { member, form } = sent;
    let profile = Profile { display_name: form.display_name.trim().to_owned(), ..chosen(&member) };
    match people::set_profile(&app, &member.seat, profile).await {
        Ok(()) => member.done(&app, "/wallet/account", &PROFILE_SAVED),
        Err(error) => member.refused(&app, &error, "/wallet/account"),
    }
}

/// What somebody has chosen so far.
fn chosen(member: &Member) -> Profile {
    let text = |chosen: &Option<String>| chosen.clone().unwrap_or_default();
    let seat = &member.seat;
    Profile { display_name: text(&seat.display_name), time_zone: text(&seat.time_zone), locale: text(&seat.locale) }
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
    let choice = Choice::known(&form.numbers, &form.zone);
    let text = |chosen: &Option<String>| chosen.clone().unwrap_or_default();
    let profile = Profile { locale: text(&choice.numbers), time_zone: text(&choice.zone), ..self::chosen(&member) };
    if let Err(error) = people::set_profile(&app, &member.seat, profile).await {
        return member.refused(&app, &error, "/wallet/account");
    }
    let mut response = member.done(&app, "/wallet/account", &DISPLAY_SAVED);
    if let Some(cookie) = visitor::choice_cookie(&app.config, &choice) {
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
