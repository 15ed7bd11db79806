//! The border of the server: what every request passes on its way in, and every answer on its way out.
//!
//! In: where it comes from is found out, its URL is bounded, it is counted, and its body is read whole within a size
//! and a time, so that nothing behind has to think of slow or endless callers. Out: answers that may carry tokens are
//! kept by no cache, and a handler that panics has answered with a failure.

mod origin;

pub(crate) use origin::ClientAddress;

use crate::error::WebError;
use crate::request::BODY_BYTES_MAX;
use crate::wallet_address;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bursar_app::refusals::Code;
use bursar_app::{App, Clock, Error};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use std::any::Any;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// Longest accepted path and query together.
const URL_BYTES_MAX: usize = 8 * 1024;
/// How long a caller may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// How much of a body that is too large is still taken off the connection, so that the caller gets to read why it was
/// refused instead of finding the connection broken.
const BODY_BYTES_DRAINED_MAX: usize = 1024 * 1024;

/// Everything passes here.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let is_api = is_api(request.uri().path());
    let answer = AssertUnwindSafe(pass(&app, request, next)).catch_unwind().await;
    let mut response = match answer {
        Ok(Ok(response)) => response,
        Ok(Err(refused)) => refused.into_response(),
        Err(panic) => WebError(Error::Internal(format!("a handler panicked: {}", words(&*panic)))).into_response(),
    };
    if is_api {
        // RFC 9635 §3: answers of an authorization server are not cached.
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

async fn pass(app: &App, mut request: Request, next: Next) -> Result<Response, WebError> {
    let url_bytes = request.uri().path_and_query().map_or(0, |url| url.as_str().len());
    if url_bytes > URL_BYTES_MAX {
        let text = format!("the URL has {url_bytes} bytes; path and query may have {URL_BYTES_MAX}");
        return Err(Error::refused(Code::UriTooLong, text).into());
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let client = ClientAddress::find(&app.config, peer, request.headers());
    if let ClientAddress(Some(address)) = client
        && is_counted(&request)
    {
        app.limiter.count_address(address)?;
    }
    request.extensions_mut().insert(client);
    let (parts, body) = request.into_parts();
    let body = Clock::within(BODY_TIMEOUT, read(body)).await.ok_or_else(|| {
        let text = format!("the request body did not arrive within {} seconds", BODY_TIMEOUT.as_secs());
        Error::refused(Code::RequestTimeout, text)
    })??;
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

/// The authorization server and the resource server.
fn is_api(path: &str) -> bool {
    let below = |base: &str| path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below("/auth") || below("/op")
}

/// Whether requests for this are counted by address: the public APIs, of which wallet addresses have whatever path
/// no route has. Pages for people are not.
fn is_counted(request: &Request) -> bool {
    match request.extensions().get::<MatchedPath>().map(MatchedPath::as_str) {
        Some("/") => wallet_address::is_meant(request.headers()),
        Some(route) => is_api(route) && !route.starts_with("/auth/interact/"),
        None => true,
    }
}

/// A body as it was sent, whole.
async fn read(mut body: Body) -> Result<Bytes, WebError> {
    let too_large = || {
        let text = format!("the request body is larger than {BODY_BYTES_MAX} bytes");
        WebError::from(Error::refused(Code::TooLarge, text))
    };
    if http_body::Body::size_hint(&body).lower() > BODY_BYTES_DRAINED_MAX as u64 {
        return Err(too_large());
    }
    let (mut whole, mut seen) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::refused(Code::InvalidRequest, "the request body is incomplete"))?;
        let Ok(data) = frame.into_data() else { continue };
        seen += data.len();
        if seen > BODY_BYTES_DRAINED_MAX {
            break;
        } else if seen <= BODY_BYTES_MAX {
            whole.extend_from_slice(&data);
        }
    }
    if seen > BODY_BYTES_MAX { Err(too_large()) } else { Ok(whole.into()) }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words")
}

#[cfg(test)]
mod tests;
