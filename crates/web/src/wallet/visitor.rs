//! Whoever sits at the browser: its cookies, who is logged in there, and which forms it was given.
//!
//! Two cookies hold one random value each. The session's is new at every log-in, so nobody can be made to use a
//! session that somebody else knows. The browser's only binds forms before there is a session. What is asked and
//! decided is in URLs, never in cookies, so several requests can be open side by side. Three more cookies hold nothing
//! secret: how this reader wants numbers and times, the browser's time zone, and what was just done.

use super::agent;
use super::frame::Flash;
use super::page;
use super::view::{Choice, View};
use crate::edge::ClientAddress;
use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, HeaderValue, header, request::Parts};
use axum::response::Response;
use bursar_app::config::Config;
use bursar_app::login::{self, Here, LoggedIn, Place};
use bursar_app::{App, Error};
use std::sync::Arc;

/// Longest cookie value that is looked at. Ours have 43 characters at most.
const VALUE_LENGTH_MAX: usize = 64;

/// The same of those without secrets: a language tag and the name of a time zone.
const PLAIN_LENGTH_MAX: usize = 100;

/// Whoever sends a request.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    /// The value of the browser's cookie.
    browser: String,
    /// Whether the browser has yet to be given it.
    is_new: bool,
    /// The token of the session, if one is in force.
    session: Option<String>,
    /// Whether the browser vouches that one of our own pages sent this.
    is_from_our_page: bool,
    /// Whether a browser goes from page to page, and says so (Fetch Metadata).
    pub(super) is_browser: bool,
    /// Who is logged in.
    pub(super) person: Option<LoggedIn>,
    /// The same with their session and what they have chosen.
    pub(super) seat: Option<Here>,
    /// Where they sit.
    pub(super) place: Place,
    /// How numbers and times are written for them.
    pub(super) view: View,
    /// What was just done, to be told on the next page.
    pub(super) flash: Option<&'static Flash>,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let address = parts.extensions.get::<ClientAddress>().copied().unwrap_or(ClientAddress(None));
        Self::new(app, &parts.headers, address).await.map_err(|error| page::failed(app, &error))
    }
}

impl Visitor {
    /// Whoever sends these headers from this address.
    ///
    /// # Errors
    /// When the database fails.
    async fn new(app: &App, headers: &HeaderMap, address: ClientAddress) -> Result<Self, Error> {
        let session = cookie(headers, &name(&app.config, SESSION));
        let seat = match &session {
            Some(token) => login::here(app, token).await?,
            None => None,
        };
        let known = cookie(headers, &name(&app.config, BROWSER));
        let is_new = known.is_none();
        let browser = known.unwrap_or_else(|| login::new_browser(app));
        let plain = |what| plain_cookie(headers, &name(&app.config, what));
        let chosen = plain(CHOICE).and_then(|choice| {
            let (numbers, zone) = choice.split_once('~')?;
            Some(Choice::known(numbers, zone))
        });
        // What the account remembers goes with people from browser to browser.
        let chosen = match &seat {
            Some(seat) => chosen.unwrap_or_default().unless(seat.locale.as_deref(), seat.time_zone.as_deref()),
            None => chosen.unwrap_or_default(),
        };
        let zone = plain(ZONE);
        let place = Place {
            neighbourhood: address.neighbourhood(),
            address: address.0.map(|address| address.to_string()),
            agent: agent::summary(headers),
            browser: browser_binding(&browser),
        };
        Ok(Self {
            view: View::new(chosen, Some(headers), zone.as_deref(), app.clock.now()),
            flash: plain(FLASH).as_deref().and_then(Flash::of_code),
            is_new,
            browser,
            session: session.filter(|_| seat.is_some()),
            is_from_our_page: headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin"),
            is_browser: headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate"),
            person: seat.as_ref().map(|seat| seat.person.clone()),
            seat,
            place,
        })
    }

    /// The token for forms on this visitor's pages.
    pub(super) fn form_token(&self, app: &App) -> String {
        login::form_token(app, &self.binding())
    }

    /// Whether a posted form was made for this visitor, as logged in as now.
    pub(super) fn sent(&self, app: &App, token: &str) -> bool {
        login::is_our_form(app, &self.binding(), token)
    }

    /// The same for what needs no log-in: the form may be older than a log-in in another tab. When the first two
    /// pages of a browser are loaded at once, the cookie of one replaces the other's; then the browser's own word
    /// (Fetch Metadata, `Sec-Fetch-Site`), which no page can forge, is as good.
    pub(super) fn sent_unnamed(&self, app: &App, token: &str) -> bool {
        self.is_from_our_page || self.sent(app, token) || login::is_our_form(app, &self.browser_binding(), token)
    }

    /// What forms are bound to. A session's token is a secret that only this browser has, unlike the browser's
    /// cookie, which over plain http a neighbouring host could plant.
    fn binding(&self) -> String {
        match &self.session {
            Some(session) => format!("session {session}"),
            None => self.browser_binding(),
        }
    }

    fn browser_binding(&self) -> String {
        browser_binding(&self.browser)
    }

    /// The token of the session, if one is in force.
    pub(super) fn session_token(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// The cookie that the browser has yet to be given.
    pub(super) fn new_cookie(&self, config: &Config) -> Option<HeaderValue> {
        self.is_new.then(|| set_cookie(config, BROWSER, &self.browser, Life::Browser)).flatten()
    }

    /// Ends the session on the server; a copy of its cookie is worth nothing afterwards.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn end_session(&self, app: &App) -> Result<(), Error> {
        match &self.session {
            Some(session) => login::log_out(app, session).await,
            None => Ok(()),
        }
    }
}

/// What is bound to a browser, logged in or not.
fn browser_binding(browser: &str) -> String {
    format!("browser {browser}")
}

const SESSION: &str = "session";
const BROWSER: &str = "browser";
/// How the reader wants numbers and times: a language tag and a time zone, `de-CH~Europe/Zurich`.
const CHOICE: &str = "choice";
/// The browser's time zone, written by our script.
const ZONE: &str = "zone";
/// The code of what was just done.
const FLASH: &str = "flash";

/// The cookie of a new session.
pub(super) fn session_cookie(config: &Config, token: &str) -> Option<HeaderValue> {
    set_cookie(config, SESSION, token, Life::Browser)
}

/// Takes the session's cookie away.
pub(super) fn no_session_cookie(config: &Config) -> Option<HeaderValue> {
    set_cookie(config, SESSION, "", Life::Over)
}

/// Keeps how this browser's reader wants numbers and times; forgets it if nothing is chosen.
pub(super) fn choice_cookie(config: &Config, choice: &Choice) -> Option<HeaderValue> {
    let (numbers, zone) = (choice.numbers.as_deref().unwrap_or_default(), choice.zone.as_deref().unwrap_or_default());
    let life = if numbers.is_empty() && zone.is_empty() { Life::Over } else { Life::Year };
    set_cookie(config, CHOICE, &format!("{numbers}~{zone}"), life)
}

/// Keeps for the next page what was just done, or forgets it.
pub(super) fn flash_cookie(config: &Config, flash: Option<&Flash>) -> Option<HeaderValue> {
    match flash {
        Some(flash) => set_cookie(config, FLASH, flash.code(), Life::Browser),
        None => set_cookie(config, FLASH, "", Life::Over),
    }
}

/// The name of the cookie by which our script tells the browser's time zone.
pub(super) fn zone_cookie_name(config: &Config) -> String {
    name(config, ZONE)
}

/// How long a browser keeps a cookie. How long a session lasts is up to the server.
enum Life {
    /// Until it is closed.
    Browser,
    /// A year.
    Year,
    /// Not at all.
    Over,
}

/// `__Host-` makes browsers refuse the cookie from any other host, and without TLS (RFC 6265bis §4.1.3.2).
/// Without TLS the port is part of the name: cookies do not tell ports apart, and providers on one machine would
/// log each other's people out.
fn name(config: &Config, what: &str) -> String {
    if config.is_secure() {
        return format!("__Host-bursar-{what}");
    }
    let port = config.public_url.rsplit_once(':').map_or("", |(_, port)| port);
    let port = if port.bytes().all(|b| b.is_ascii_digit()) { port } else { "" };
    format!("bursar-{what}{port}")
}

/// `Lax`: apps send people here by a link or a redirect, which must find them logged in.
fn set_cookie(config: &Config, what: &str, value: &str, life: Life) -> Option<HeaderValue> {
    let secure = if config.is_secure() { "; Secure" } else { "" };
    let life = match life {
        Life::Browser => "",
        Life::Year => "; Max-Age=31536000",
        Life::Over => "; Max-Age=0",
    };
    let name = name(config, what);
    HeaderValue::try_from(format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{life}")).ok()
}

/// The first cookie of this name that can be one of our secrets.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    first_cookie(headers, name, VALUE_LENGTH_MAX, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// The first cookie of this name that can be one of those without secrets.
fn plain_cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_+/~".contains(&b);
    first_cookie(headers, name, PLAIN_LENGTH_MAX, plain)
}

fn first_cookie(headers: &HeaderMap, name: &str, length_max: usize, allowed: fn(u8) -> bool) -> Option<String> {
    let ours = |value: &&str| (1..=length_max).contains(&value.len()) && value.bytes().all(allowed);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value)
        .find(ours)
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Config {
        Config::new(url, true, true).unwrap()
    }

    #[test]
    fn cookies_are_as_strict_as_the_server_can_be() {
        fn check(url: &str, expected: &str) {
            let cookie = session_cookie(&config(url), "abc").unwrap();
            assert_eq!(cookie.to_str().unwrap(), expected);
        }
        check("https://bank.test", "__Host-bursar-session=abc; Path=/; HttpOnly; SameSite=Lax; Secure");
        check("https://bank.test:8443", "__Host-bursar-session=abc; Path=/; HttpOnly; SameSite=Lax; Secure");
        check("http://localhost:4000", "bursar-session4000=abc; Path=/; HttpOnly; SameSite=Lax");
        check("http://localhost", "bursar-session=abc; Path=/; HttpOnly; SameSite=Lax");
        check("http://[::1]:4000", "bursar-session4000=abc; Path=/; HttpOnly; SameSite=Lax");
        check("http://[::1]", "bursar-session=abc; Path=/; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn logging_out_takes_the_cookie_away() {
        let cookie = no_session_cookie(&config("https://bank.test")).unwrap();
        let expected = "__Host-bursar-session=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0";
        assert_eq!(cookie.to_str().unwrap(), expected);
    }

    #[test]
    fn cookies_are_found_among_others() {
        fn check(lines: &[&str], expected: Option<&str>) {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, HeaderValue::from_str(line).unwrap());
            }
            assert_eq!(cookie(&headers, "s").as_deref(), expected, "{lines:?}");
        }
        check(&[], None);
        check(&["s=abc-_1"], Some("abc-_1"));
        check(&["a=b; s=abc;c=d"], Some("abc"));
        check(&["a=b", "s=abc"], Some("abc"));
        check(&["s=abc; s=def"], Some("abc"));
        check(&["s=; s=def"], Some("def"));
        check(&["s=a b; s=def"], Some("def"));
        check(&["S=abc; ss=abc; s"], None);
        check(&["s=\"abc\""], None);
        check(&[&format!("s={}", "a".repeat(64))], Some(&"a".repeat(64)));
        check(&[&format!("s={}", "a".repeat(65))], None);
    }
}
