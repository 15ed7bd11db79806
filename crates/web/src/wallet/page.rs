//! What every page has in common: its frame, its headers, and what is shown when something fails.

pub(super) use super::frame::Frame;
use super::member::Member;
use super::visitor::{self, Visitor};
use crate::error::WebError;
use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use bursar_app::{App, Error};
use url::{Host, Url};

/// A page for this visitor. `finish_origin` is where one of its forms may lead in the end.
pub(super) fn show(
    app: &App,
    visitor: &Visitor,
    status: StatusCode,
    template: &impl Template,
    finish_origin: Option<&str>,
) -> Response {
    let mut response = draw(status, template, finish_origin);
    if let Some(cookie) = visitor.new_cookie(&app.config) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    // What was just done has been told now.
    if visitor.flash.is_some()
        && let Some(cookie) = visitor::flash_cookie(&app.config, None)
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// A page for anybody.
pub(super) fn draw(status: StatusCode, template: &impl Template, finish_origin: Option<&str>) -> Response {
    let mut response = match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!("a page could not be drawn: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    };
    harden(&mut response);
    if let Ok(policy) = HeaderValue::try_from(policy(finish_origin)) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Sends the browser on with a GET (RFC 9110 §15.4.4).
pub(super) fn see_other(url: &str) -> Response {
    let Ok(location) = HeaderValue::try_from(url) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    harden(&mut response);
    response
}

/// Links to requests are secret: they stay out of caches and of the `Referer` that other sites see.
fn harden(response: &mut Response) {
    let headers: [(HeaderName, &str); 3] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}

/// What browsers let a page do (Content Security Policy Level 3). Some apply `form-action` to the redirects that
/// follow a form as well, so the app's origin must be named for people to get back there.
fn policy(finish_origin: Option<&str>) -> String {
    let finish = finish_origin.and_then(form_target).map(|source| format!(" {source}")).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; \
         base-uri 'none'; frame-ancestors 'none'; form-action 'self'{finish}"
    )
}

/// An origin as a policy can name it; none if it has characters that mean something else there. Addresses have no
/// spelling in policies, apart from 127.0.0.1, so for them any host of their scheme has to do.
fn form_target(origin: &str) -> Option<String> {
    let url = Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    match url.host()? {
        Host::Ipv4(address) if address.octets() != [127, 0, 0, 1] => Some(format!("{}:", url.scheme())),
        Host::Ipv6(_) => Some(format!("{}:", url.scheme())),
        host => {
            let host = host.to_string();
            let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
            plain.then(|| url.origin().ascii_serialization())
        }
    }
}

/// A page with nothing but a few words.
#[derive(Template)]
#[template(path = "message.html")]
struct Message {
    frame: Frame,
    title: &'static str,
    text: String,
}

/// The same within somebody's wallet.
#[derive(Template)]
#[template(path = "problem.html")]
struct Problem {
    frame: Frame,
    title: &'static str,
    text: String,
}

/// What could not be done, in words, with the status and the headers that programs would get.
fn explain(error: &Error, not_found: (&'static str, &'static str)) -> (Response, &'static str, String) {
    let mapped = WebError(error.clone()).into_response();
    let (title, text) = match (mapped.status(), error) {
        (StatusCode::NOT_FOUND, _) => (not_found.0, not_found.1.to_owned()),
        (_, Error::Refused(refusal)) => ("This cannot be done", sentence(&refusal.description)),
        (StatusCode::SERVICE_UNAVAILABLE, _) => {
            ("Please try again in a moment", "We cannot reach our records just now.".to_owned())
        }
        _ => ("Something went wrong here", "It is our fault, not yours. Please try again later.".to_owned()),
    };
    (mapped, title, text)
}

/// The page for what could not be done. The status is the one that programs would get.
pub(super) fn failed(app: &App, error: &Error) -> Response {
    let missing = "It may be incomplete: go back to the app and follow its link once more, or start again there.";
    let (mapped, title, text) = explain(error, ("This link leads nowhere", missing));
    retry_after(&mapped, draw(mapped.status(), &Message { frame: Frame::bare(app), title, text }, None))
}

/// The same for somebody in their wallet.
pub(super) fn failed_in_wallet(app: &App, member: &Member, error: &Error) -> Response {
    let missing = "There is nothing of yours at this address. It may have been removed, or the link may be incomplete.";
    let (mapped, title, text) = explain(error, ("This is not here", missing));
    let problem = Problem { frame: member.frame(app), title, text };
    retry_after(&mapped, show(app, &member.visitor, mapped.status(), &problem, None))
}

fn retry_after(mapped: &Response, mut response: Response) -> Response {
    if let Some(wait) = mapped.headers().get(header::RETRY_AFTER) {
        response.headers_mut().insert(header::RETRY_AFTER, wait.clone());
    }
    response
}

/// The page for a form without the token of this browser's log-in.
pub(super) fn stale(app: &App, member: &Member) -> Response {
    let text = "The page had become out of date, so nothing was changed. Go back, load it again, and try once more. If \
                you keep seeing this, your browser may be refusing cookies.";
    let problem = Problem { frame: member.frame(app), title: "Nothing was changed", text: text.to_owned() };
    show(app, &member.visitor, StatusCode::FORBIDDEN, &problem, None)
}

/// The page where nothing of ours is.
pub(crate) fn nowhere(app: &App) -> Response {
    let text = "There is no page at this address. Check how it is written, or begin at the start page.".to_owned();
    draw(StatusCode::NOT_FOUND, &Message { frame: Frame::bare(app), title: "This page does not exist", text }, None)
}

/// The page where a wallet address would be, if there were one.
pub(super) fn nobody(app: &App) -> Response {
    let text = "There is no wallet at this address. Check how it is written, or ask whoever gave it to you.".to_owned();
    draw(StatusCode::NOT_FOUND, &Message { frame: Frame::bare(app), title: "Nobody is here", text }, None)
}

/// The page for a form that is none of ours.
pub(super) fn unreadable(app: &App) -> Response {
    let text = "The form that arrived is not complete. Go back, load the page again, and try once more.".to_owned();
    draw(StatusCode::BAD_REQUEST, &Message { frame: Frame::bare(app), title: "This cannot be read", text }, None)
}

/// A description as a sentence.
pub(super) fn sentence(description: &str) -> String {
    let mut letters = description.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_lead_home_and_to_the_app_only() {
        fn check(finish_origin: Option<&str>, form_action: &str) {
            let policy = policy(finish_origin);
            let directives: Vec<&str> = policy.split("; ").collect();
            let expected = [
                "default-src 'none'",
                "style-src 'self'",
                "img-src 'self' data:",
                "script-src 'self'",
                "connect-src 'self'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
                form_action,
            ];
            assert_eq!(directives, expected, "{finish_origin:?}");
        }
        check(None, "form-action 'self'");
        check(Some("https://app.example"), "form-action 'self' https://app.example");
        check(Some("https://app.example:8443"), "form-action 'self' https://app.example:8443");
        check(Some("http://localhost:3344"), "form-action 'self' http://localhost:3344");
        check(Some("http://127.0.0.1:3344"), "form-action 'self' http://127.0.0.1:3344");
        check(Some("http://192.0.2.7:3344"), "form-action 'self' http:");
        check(Some("http://[::1]:3344"), "form-action 'self' http:");
        check(Some("https://xn--mnchen-3ya.example"), "form-action 'self' https://xn--mnchen-3ya.example");
        check(Some("https://*"), "form-action 'self'");
        check(Some("https://a;sandbox"), "form-action 'self'");
        check(Some("https://a,b.example"), "form-action 'self'");
        check(Some("https://'self'"), "form-action 'self'");
        check(Some("javascript:alert(1)"), "form-action 'self'");
        check(Some("null"), "form-action 'self'");
        check(Some(""), "form-action 'self'");
    }

    #[test]
    fn nothing_remembers_where_a_browser_was_sent() {
        let response = see_other("https://app.example/cb?hash=a%2Bb");
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()[header::LOCATION], "https://app.example/cb?hash=a%2Bb");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[header::REFERRER_POLICY], "no-referrer");
        assert_eq!(see_other("https://app.example/\r\nset-cookie: a=b").status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn refusals_become_sentences() {
        assert_eq!(sentence("there is no such thing"), "There is no such thing.");
        assert_eq!(sentence(""), ".");
    }
}
