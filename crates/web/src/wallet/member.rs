//! Somebody who is logged in: the extractors of all pages of the wallet, and how their answers look.
//!
//! Whoever is not logged in is led to the log-in page, and back to the page they wanted. A form is taken only with
//! the token of its page.

use super::frame::{Flash, Frame};
use super::page;
use super::visitor::{self, Visitor};
use axum::body::{Body, Bytes};
use axum::extract::{Form, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use bursar_app::login::{Here, LoggedIn};
use bursar_app::refusals::Code;
use bursar_app::{App, Error};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use url::form_urlencoded;

/// The page that people come to when they log in.
pub(super) const HOME: &str = "/wallet";
/// Longest path that people are led back to.
const PATH_LENGTH_MAX: usize = 2_000;

/// A path of the wallet to which a browser may be sent, however it came here: never another site, never a path that
/// does more than show something.
pub(super) fn own_path(to: &str) -> Option<&str> {
    let rest = to.strip_prefix(HOME)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/?&=-_.~%+:,".contains(&b);
    let is_plain = to.len() <= PATH_LENGTH_MAX && rest.bytes().all(plain);
    let begins_well = rest.is_empty() || rest.starts_with(['/', '?']);
    let path = rest.split('?').next().unwrap_or_default();
    (is_plain && begins_well && !path.contains("//") && !path.contains("..")).then_some(to)
}

/// Somebody who is logged in, on a page.
pub(super) struct Member {
    pub(super) visitor: Visitor,
    pub(super) person: LoggedIn,
    /// Their session and what they have chosen.
    pub(super) seat: Here,
    /// Path and query of the page.
    pub(super) here: String,
}

impl FromRequestParts<Arc<App>> for Member {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let here = parts.uri.path_and_query().map_or(HOME, |path| path.as_str()).to_owned();
        let visitor = Visitor::from_request_parts(parts, app).await?;
        match visitor.seat.clone() {
            Some(seat) => Ok(Self { visitor, person: seat.person.clone(), seat, here }),
            None => Err(page::see_other(&log_in_path(&parts.method, &here))),
        }
    }
}

/// Where to prove once more who one is, on the way to a page of the wallet.
pub(super) fn confirm_path(to: &str) -> String {
    let to = own_path(to).unwrap_or(HOME);
    format!("/wallet/account/confirm?to={}", form_urlencoded::byte_serialize(to.as_bytes()).collect::<String>())
}

/// Where to log in for a page. What was sent with a form is lost then, so people begin anew at its wallet's home.
fn log_in_path(method: &Method, here: &str) -> String {
    let wanted = Some(here).filter(|_| matches!(*method, Method::GET | Method::HEAD)).and_then(own_path);
    match wanted.filter(|path| *path != HOME) {
        Some(path) => format!("/login?to={}", form_urlencoded::byte_serialize(path.as_bytes()).collect::<String>()),
        None => "/login".to_owned(),
    }
}

impl Member {
    /// The frame of the page.
    pub(super) fn frame(&self, app: &App) -> Frame {
        Frame::new(app, &self.visitor, &self.here)
    }

    /// A page.
    pub(super) fn show(&self, app: &App, template: &impl askama::Template) -> Response {
        page::show(app, &self.visitor, StatusCode::OK, template, None)
    }

    /// The page for what could not be done.
    pub(super) fn failed(&self, app: &App, error: &Error) -> Response {
        page::failed_in_wallet(app, self, error)
    }

    /// What follows an act that was refused: people whose last proof is too old give a new one, and come back to the
    /// page of the form.
    pub(super) fn refused(&self, app: &App, error: &Error, form_page: &str) -> Response {
        match error {
            Error::Refused(refusal) if refusal.code == Code::LogInAgain => page::see_other(&confirm_path(form_page)),
            error => self.failed(app, error),
        }
    }

    /// Where to prove once more who one is, unless that was lately; then back to this page.
    pub(super) fn must_confirm(&self, app: &App) -> Option<Response> {
        let is_fresh = self.seat.is_fresh(app.clock.now());
        (!is_fresh).then(|| page::see_other(&confirm_path(&self.here)))
    }

    /// Goes on to another page of the wallet, where `flash` tells what was done.
    pub(super) fn done(&self, app: &App, to: &str, flash: &Flash) -> Response {
        let mut response = page::see_other(own_path(to).unwrap_or(HOME));
        if let Some(cookie) = visitor::flash_cookie(&app.config, Some(flash)) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// A form that was sent by somebody who is logged in, from a page of ours. Its field `token` proves that.
pub(super) struct Sent<T> {
    pub(super) member: Member,
    pub(super) form: T,
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Sent<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let member = Member::from_request_parts(&mut parts, app).await?;
        let unreadable = |_| page::unreadable(app);
        let request = Request::from_parts(parts.clone(), body);
        let bytes = Bytes::from_request(request, app).await.map_err(unreadable)?;
        let token = form_urlencoded::parse(&bytes).find(|(name, _)| name == "token");
        if !token.is_some_and(|(_, token)| member.visitor.sent(app, &token)) {
            return Err(page::stale(app, &member));
        }
        let request = Request::from_parts(parts, Body::from(bytes));
        let Form(form) = Form::from_request(request, app).await.map_err(|_| page::unreadable(app))?;
        Ok(Self { member, form })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_led_to_pages_of_their_wallet_only() {
        fn check(to: &str, expected: bool) {
            assert_eq!(own_path(to).is_some(), expected, "{to}");
        }
        check("/wallet", true);
        check("/wallet/", true);
        check("/wallet?before=0196e0c2-7f", true);
        check("/wallet/payments?q=caf%C3%A9+x&from=2025-05-20", true);
        check("/wallet/payments/out/0196e0c2-7f", true);
        check("", false);
        check("/", false);
        check("/wallets", false);
        check("/logout", false);
        check("/wallet//evil.example", false);
        check("/wallet/../logout", false);
        check("/wallet\\@evil.example", false);
        check("/wallet?a=b c", false);
        check("/wallet?a=\"", false);
        check("/wallet#x", false);
        check("//evil.example/wallet", false);
        check("https://evil.example/wallet", false);
        check("/wallet?x=https://evil.example", true);
        check(&format!("/wallet?{}", "x".repeat(2_000)), false);
    }

    #[test]
    fn log_in_leads_back_to_pages_and_not_to_forms() {
        assert_eq!(log_in_path(&Method::GET, "/wallet"), "/login");
        assert_eq!(log_in_path(&Method::GET, "/wallet/a?b=c"), "/login?to=%2Fwallet%2Fa%3Fb%3Dc");
        assert_eq!(log_in_path(&Method::POST, "/wallet/a"), "/login");
        assert_eq!(log_in_path(&Method::GET, "/wallet//evil.example"), "/login");
    }
}
