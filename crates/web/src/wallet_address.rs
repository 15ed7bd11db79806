//! The wallet address server: documents and key sets.

use crate::error::WebError;
use crate::json::Json;
use crate::wallet;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use bursar_app::refusals::Code;
use bursar_app::{App, Error, accounts, wallets};
use serde::Serialize;
use std::sync::Arc;

/// A key set, as published.
#[derive(Serialize)]
struct KeySet<'a> {
    keys: &'a [bursar_httpsig::Jwk],
}

/// A DID document with the keys of a wallet address (W3C DID Core §5, JSON Web Key verification methods).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DidDocument {
    #[serde(rename = "@context")]
    context: [&'static str; 2],
    id: String,
    verification_method: Vec<VerificationMethod>,
    authentication: Vec<String>,
    assertion_method: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerificationMethod {
    id: String,
    r#type: &'static str,
    controller: String,
    public_key_jwk: bursar_httpsig::Jwk,
}

impl DidDocument {
    fn new(id: String, keys: Vec<bursar_httpsig::Jwk>) -> Self {
        let named = |jwk: &bursar_httpsig::Jwk| format!("{id}#{}", jwk.kid());
        let names: Vec<String> = keys.iter().map(named).collect();
        let method = |jwk: bursar_httpsig::Jwk| VerificationMethod {
            id: named(&jwk),
            r#type: "JsonWebKey2020",
            controller: id.clone(),
            public_key_jwk: jwk,
        };
        Self {
            context: ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"],
            verification_method: keys.into_iter().map(method).collect(),
            authentication: names.clone(),
            assertion_method: names,
            id,
        }
    }
}

/// `GET {wallet address}`, `…/jwks.json` and `…/did.json`: whatever path no other surface has. People get a page.
pub async fn get(
    State(app): State<Arc<App>>,
    method: Method,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, WebError> {
    if !matches!(method, Method::GET | Method::HEAD) {
        let refusal = Error::refused(Code::MethodNotAllowed, "there is nothing here that takes this method");
        // Routes say themselves what they allow (RFC 9110 §15.5.6); this is what is left, and has no route.
        return Ok(([(header::ALLOW, "GET, HEAD")], WebError::from(refusal)).into_response());
    }
    let path = uri.path();
    if accounts::is_taken(path) {
        if wants_page(&headers) {
            return Ok(wallet::nowhere(&app));
        }
        return Err(Error::not_found("resource: nothing is at this path").into());
    }
    let at = |wallet: &str| format!("{}{wallet}", app.config.public_url);
    if let Some(wallet) = path.strip_suffix("/jwks.json") {
        let published = wallets::published(&app, &at(wallet)).await?;
        let keys = &published.keys;
        // A revoked key must stop working at once, so nobody may keep the set.
        return Ok(([(header::CACHE_CONTROL, "no-store")], Json(KeySet { keys })).into_response());
    }
    // The identifier of a whole host has its document beside its wallet address (did:web method, Read).
    if let Some(wallet) =
        path.strip_suffix("/did.json").map(|wallet| wallet.strip_suffix("/.well-known").unwrap_or(wallet))
    {
        let wallet = at(wallet);
        let document = DidDocument::new(wallets::did(&wallet), wallets::published(&app, &wallet).await?.keys.clone());
        return Ok(([(header::CACHE_CONTROL, "no-store")], Json(document)).into_response());
    }
    let found = wallets::active(&app, &at(path)).await;
    let mut response = if wants_page(&headers) {
        wallet::address_page(&app, found.map(|published| published.document.clone()))
    } else {
        Json(&found?.document).into_response()
    };
    let kept: [(HeaderName, &str); 2] = [(header::CACHE_CONTROL, "public, max-age=60"), (header::VARY, "accept")];
    if response.status().is_success() {
        for (name, value) in kept {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    Ok(response)
}

/// `GET /`: the wallet address of the host itself for clients, the start page for people.
pub async fn root(State(app): State<Arc<App>>, visitor: wallet::Visitor, headers: HeaderMap) -> Response {
    if is_meant(&headers) {
        return get(State(app), Method::GET, headers, Uri::from_static("/")).await.into_response();
    }
    wallet::start_page(&app, visitor).await
}

/// Whether `/` is asked for as a wallet address: by a client, which prefers JSON.
pub(crate) fn is_meant(headers: &HeaderMap) -> bool {
    accepts(headers, "application/json") > accepts(headers, "text/html")
}

/// Whether a person's browser asks: it names HTML, and does not prefer JSON.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let html = accepts(headers, "text/html");
    html > 0 && html > accepts(headers, "application/json")
}

/// How much a media type is wanted by name, in thousandths (RFC 9110 §12.5.1). Wildcards do not count: programs send
/// them without thinking of pages.
fn accepts(headers: &HeaderMap, wanted: &str) -> u16 {
    let weight = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next()?;
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        media_type.eq_ignore_ascii_case(wanted).then(|| quality.map_or(Some(1000), thousandths)).flatten()
    };
    let values = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(weight).max().unwrap_or(0)
}

/// A weight such as `0.9`: at most one, with at most three digits after the point.
pub(crate) fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_for_those_who_ask_for_them() {
        #[track_caller]
        fn check(accept: &[&'static str], expected: bool) {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(header::ACCEPT, HeaderValue::from_static(value));
            }
            assert_eq!(wants_page(&headers), expected, "{accept:?}");
        }
        check(&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], true);
        check(&["text/html"], true);
        check(&["TEXT/HTML; level=1; q=0.5"], true);
        check(&["application/json;q=0.4, text/html;q=0.5"], true);
        check(&["image/webp", "text/html"], true);
        check(&[], false);
        check(&["*/*"], false);
        check(&["text/*"], false);
        check(&["application/json"], false);
        check(&["application/json, text/plain, */*"], false);
        check(&["application/json, text/html"], false);
        check(&["text/html;q=0"], false);
        check(&["text/html;q=0.000"], false);
        check(&["text/html;q=2"], false);
        check(&["text/html;q=0.1234"], false);
        check(&["text/html;q="], false);
        check(&["text/html5"], false);
    }
}
