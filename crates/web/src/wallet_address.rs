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

/// `GET {wallet address}` and `GET {wallet address}/jwks.json`: whatever path no other surface has.
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
    let document = wallets::document(&app, &format!("{}{path}", app.config.public_url)).await?;
    Ok(([(header::CACHE_CONTROL, "public, max-age=60")], Json(document)).into_response())
}
