//! The wallet address server: documents and key sets.

use crate::error::WebError;
use axum::Json;
use axum::extract::State;
use axum::http::{Method, Uri, header};
use axum::response::{IntoResponse, Response};
use bursar_app::refusals::Code;
use bursar_app::{App, Error, wallets};
use serde::Serialize;
use std::sync::Arc;

/// A key set, as published.
#[derive(Serialize)]
struct KeySet {
    keys: Vec<bursar_httpsig::Jwk>,
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

/// `GET {wallet address}`, `GET {wallet address}/did.json` and `GET {wallet address}/jwks.json`: whatever path no other surface has.
pub async fn get(State(app): State<Arc<App>>, method: Method, uri: Uri) -> Result<Response, WebError> {
    if !matches!(method, Method::GET | Method::HEAD) {
        return Err(Error::refused(Code::MethodNotAllowed, "there is nothing here that takes this method").into());
    }
    let path = uri.path().trim_end_matches('/').to_ascii_lowercase();
    if let Some(wallet) = path.strip_suffix("/jwks.json") {
        let keys = wallets::keys(&app, &format!("{}{wallet}", app.config.public_url)).await?;
        // A revoked key must stop working at once, so nobody may keep the set.
        return Ok(([(header::CACHE_CONTROL, "no-store")], Json(KeySet { keys })).into_response());
    }
    if let Some(wallet) = path.strip_suffix("/did.json") {
        let url = format!("{}{wallet}", app.config.public_url);
        let document = DidDocument::new(wallets::did(&url), wallets::keys(&app, &url).await?);
        return Ok(([(header::CACHE_CONTROL, "no-store")], Json(document)).into_response());
    }
    let document = wallets::document(&app, &format!("{}{path}", app.config.public_url)).await?;
    Ok(([(header::CACHE_CONTROL, "public, max-age=60")], Json(document)).into_response())
}
