//! The site: its addresses, and what every answer has in common.

use crate::budget::Budget;
use crate::open_payments::{self, Wish};
use crate::stream::Event;
use crate::visitor::{Mandate, Pending, Recipient, Visitor};
use crate::{Platform, pages, runner};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use bursar_client::Error;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// Largest form that is read, in bytes.
const FORM_BYTES_MAX: usize = 16 * 1024;
const COOKIE: &str = "payment_platform";
/// Nothing from elsewhere, nothing inline (Content Security Policy Level 3).
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const CSS: &str = include_str!("../assets/platform.css");
const JS: &str = include_str!("../assets/platform.js");
const MARK: &str = include_str!("../assets/mark.svg");

type Shared = State<Arc<Platform>>;

pub(crate) fn router(platform: Arc<Platform>) -> Router {
    let asset = |kind: &'static str, text: &'static str| get(async move || ([(header::CONTENT_TYPE, kind)], text));
    Router::new()
        .route("/", get(home))
        .route("/live", get(live))
        .route("/ask", post(ask))
        .route("/callback", get(callback))
        .route("/start", post(start))
        .route("/stop", post(stop))
        .route("/give-back", post(give_back))
        .route("/platform.css", asset("text/css; charset=utf-8", CSS))
        .route("/platform.js", asset("text/javascript; charset=utf-8", JS))
        .route("/mark.svg", asset("image/svg+xml", MARK))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn_with_state(platform.clone(), guard))
        .with_state(platform)
}

/// Lets in only who means this site, and says what browsers may do with its pages.
async fn guard(State(platform): Shared, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own = platform.settings.url.split_once("://").map_or("", |(_, host)| host);
    // A name that somebody else has pointed at this machine must not reach it (DNS rebinding).
    let mut response = if host == own {
        next.run(request).await
    } else if request.method() == Method::GET && host.starts_with("localhost:") {
        Redirect::to(&platform.settings.url).into_response()
    } else {
        (StatusCode::MISDIRECTED_REQUEST, format!("This site is at {}\n", platform.settings.url)).into_response()
    };
    let fields: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The visitor whose cookie the request carries.
fn known(platform: &Platform, headers: &HeaderMap) -> Option<Arc<Visitor>> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    platform.visitors.find(pairs.find(|(name, _)| *name == COOKIE)?.1)
}

async fn home(State(platform): Shared, headers: HeaderMap) -> Response {
    let found = known(&platform, &headers).map(Ok);
    let visitor = match found.unwrap_or_else(|| platform.visitors.welcome(&platform.settings.client)) {
        Ok(visitor) => visitor,
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    };
    visitor.look();
    // Lax: it comes along when the browser returns from the consent page, but not with forms of other sites.
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax", visitor.session());
    let mut response = drawn(pages::home(&platform, &visitor));
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// The part of the page that changes by itself, for the script.
async fn live(State(platform): Shared, headers: HeaderMap) -> Response {
    let Some(visitor) = known(&platform, &headers) else { return StatusCode::NO_CONTENT.into_response() };
    visitor.look();
    drawn(pages::live(&platform, &visitor))
}

fn drawn(page: Result<String, askama::Error>) -> Response {
    match page {
        Ok(html) => Html(html).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn back() -> Response {
    Redirect::to("/").into_response()
}

/// Who sent the form; without the token of their own page, nobody.
fn sender(platform: &Platform, headers: &HeaderMap, token: &str) -> Option<Arc<Visitor>> {
    known(platform, headers).filter(|visitor| visitor.form_token.as_bytes().ct_eq(token.as_bytes()).into())
}

/// What the visitor would like to be asked.
#[derive(Debug, Deserialize)]
struct AskForm {
    token: String,
    payer: String,
    amount: String,
    interval: String,
    to: String,
    recipient: String,
}

/// Steps 1 and 2 of [`open_payments`]: asks for the mandate, and sends the browser to the consent page.
async fn ask(State(platform): Shared, headers: HeaderMap, Form(form): Form<AskForm>) -> Response {
    let Some(visitor) = sender(&platform, &headers, &form.token) else { return back() };
    match ask_for(&platform, &visitor, form).await {
        // A page with a link, not a redirect: the policy keeps forms, and what they are redirected to, on this site.
        Ok(consent_page) => drawn(pages::onward(&consent_page)),
        Err(reason) => {
            visitor.state().notice = Some(format!("The mandate could not be asked for: {reason}"));
            back()
        }
    }
}

async fn ask_for(platform: &Platform, visitor: &Visitor, form: AskForm) -> Result<String, String> {
    let client = &visitor.client;
    let payer = open_payments::look_up(client, form.payer.trim()).await.map_err(|error| error.to_string())?;
    let asset = payer.asset().map_err(|error| error.to_string())?;
    let amount = asset.parse_decimal(form.amount.trim()).map_err(|error| error.to_string())?;
    let begin = (platform.settings.now)().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let interval = match form.interval.as_str() {
        "month" => Some(format!("R3/{begin}/P1M")),
        "day" => Some(format!("R/{begin}/P1D")),
        "minute" => Some(format!("R/{begin}/PT1M")),
        _ => None,
    };
    let mut recipient =
        Recipient { address: form.recipient.trim().to_owned(), incoming_payment: None, is_fixed: form.to == "one" };
    if recipient.is_fixed {
        // The mandate names the incoming payment, so that has to be there before.
        let incoming = open_payments::receive(client, &recipient.address).await;
        recipient.incoming_payment = Some(incoming.map_err(|error| error.to_string())?);
    }
    let receiver = recipient.incoming_payment.clone();
    let callback = format!("{}/callback", platform.settings.url);
    let asked = open_payments::ask(client, &payer, Wish { amount, interval, receiver }, &callback).await;
    let grant = asked.map_err(|error| error.to_string())?;
    let consent_page = grant.redirect().to_owned();
    visitor.state().pending = Some(Pending { grant, payer, recipient });
    Ok(consent_page)
}

/// Step 3: the browser is back. Verifies that it brings the provider's answer to this request, and continues the grant.
async fn callback(State(platform): Shared, headers: HeaderMap, uri: Uri) -> Response {
    let Some(visitor) = known(&platform, &headers) else { return back() };
    let Some(pending) = visitor.state().pending.clone() else { return back() };
    let outcome = open_payments::come_back(&pending.grant, &uri.to_string()).await;
    let notice = match outcome {
        Ok(grant) => match mandate_of(grant, pending).await {
            Ok(mandate) => {
                let mut state = visitor.state();
                *state = crate::visitor::State {
                    is_running: state.is_running,
                    payments_count: state.payments_count,
                    mandate: Some(Mandate { id: state.mandate.as_ref().map_or(1, |old| old.id + 1), ..mandate }),
                    ..Default::default()
                };
                "You have a mandate. Start the payments when you like.".to_owned()
            }
            Err(error) => format!("The mandate cannot be used: {error}"),
        },
        // Somebody made this address up, or it is from another request: the real answer may still come.
        Err(error @ (Error::HashMismatch | Error::Redirect(_))) => {
            format!("This was not your provider’s answer: {error}")
        }
        Err(Error::Denied(_)) => {
            visitor.state().pending = None;
            "You said no, and no is no: nothing was given to us.".to_owned()
        }
        Err(error) => {
            visitor.state().pending = None;
            format!("The mandate was not given: {error}")
        }
    };
    visitor.state().notice = Some(notice);
    back()
}

async fn mandate_of(grant: bursar_client::IssuedGrant, pending: Pending) -> Result<Mandate, String> {
    let Pending { payer, recipient, .. } = pending;
    let asset = payer.asset().map_err(|error| error.to_string())?;
    let token = grant.token().await.map_err(|error| error.to_string())?;
    // What was really granted: the account holder may have allowed less than was asked.
    let budget = Budget::granted(token.access(), asset);
    // A twentieth of the limit, so that the end can be seen coming.
    let twentieth = budget.limit().map_or(0, |limit| limit.value() / 20).max(1);
    let size = asset.amount(twentieth).map_err(|error| error.to_string())?;
    Ok(Mandate { id: 0, grant, payer, budget, recipient, size, pace: Duration::from_secs(1) })
}

#[derive(Debug, Deserialize)]
struct StartForm {
    token: String,
    #[serde(default)]
    recipient: String,
    size: String,
    pace: String,
}

/// Begins to pay, or goes on, perhaps otherwise than before.
async fn start(State(platform): Shared, headers: HeaderMap, Form(form): Form<StartForm>) -> Response {
    let Some(visitor) = sender(&platform, &headers, &form.token) else { return back() };
    match set(&visitor, &form) {
        Ok(()) => runner::start(&platform, &visitor),
        Err(reason) => visitor.state().notice = Some(reason),
    }
    back()
}

fn set(visitor: &Visitor, form: &StartForm) -> Result<(), String> {
    let mut state = visitor.state();
    let mandate = state.mandate.as_mut().ok_or("There is no mandate to pay with; ask for one.")?;
    let size = mandate.size.asset().parse_decimal(form.size.trim()).map_err(|error| error.to_string())?;
    if size.is_zero() {
        return Err("A payment has to be more than nothing.".to_owned());
    }
    mandate.size = size;
    mandate.pace = Duration::from_millis(match form.pace.as_str() {
        "fast" => 300,
        "slow" => 3_000,
        _ => 1_000,
    });
    let address = form.recipient.trim();
    if !mandate.recipient.is_fixed && !address.is_empty() && mandate.recipient.address != address {
        mandate.recipient = Recipient { address: address.to_owned(), incoming_payment: None, is_fixed: false };
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
struct TokenForm {
    token: String,
}

/// Stops paying.
async fn stop(State(platform): Shared, headers: HeaderMap, Form(form): Form<TokenForm>) -> Response {
    if let Some(visitor) = sender(&platform, &headers, &form.token) {
        let mut state = visitor.state();
        state.stream = state.stream.after(Event::Stop);
        visitor.changed.notify_one();
    }
    back()
}

/// Gives the mandate back: it and its tokens end at once (RFC 9635 §5.4).
async fn give_back(State(platform): Shared, headers: HeaderMap, Form(form): Form<TokenForm>) -> Response {
    let Some(visitor) = sender(&platform, &headers, &form.token) else { return back() };
    let mandate = {
        let mut state = visitor.state();
        state.stream = state.stream.after(Event::Stop);
        visitor.changed.notify_one();
        state.mandate.take()
    };
    if let Some(mandate) = mandate {
        let notice = match mandate.grant.cancel().await {
            Ok(()) => "The mandate is given back. Nothing more can be paid with it.".to_owned(),
            Err(error) => format!("The provider did not take the mandate back: {error}"),
        };
        let mut state = visitor.state();
        state.notice = Some(notice);
        state.payments.clear();
    }
    back()
}
