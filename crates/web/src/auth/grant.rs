//! `POST /auth`: grant requests.

use crate::error::WebError;
use crate::json::Json;
use crate::request::{AUTH, Raw};
use axum::extract::State;
use bursar_app::keys::KnownClient;
use bursar_app::refusals::Code;
use bursar_app::{App, Error, grants, key_uses, keys};
use bursar_httpsig::ParsedSignature;
use bursar_types::{ClientRef, GrantRequest, GrantResponse};
use std::sync::Arc;

/// Asks for a grant (Open Payments `post-request`).
pub(crate) async fn request(State(app): State<Arc<App>>, raw: Raw) -> Result<Json<GrantResponse>, WebError> {
    let signatures = raw.signatures(AUTH)?;
    let asked: GrantRequest = raw.json(Code::InvalidRequest)?;
    // Proxies may sign as well: the first signature that is the client's own counts.
    let mut fault = None;
    for signature in &signatures {
        match identify(&app, &raw, &asked.client, signature).await {
            Ok(client) => return Ok(Json(grants::request(&app, asked, client).await?)),
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    Err(fault.unwrap_or_else(|| Error::refused(Code::ClientUnsigned, "the request is not signed").into()))
}

/// The client that names itself so, if this signature is made with its key.
async fn identify(
    app: &App,
    raw: &Raw,
    client: &ClientRef,
    signature: &ParsedSignature,
) -> Result<KnownClient, WebError> {
    raw.check(app, signature, AUTH)?;
    let client = match client {
        ClientRef::Jwk(named) => keys::client_with(&named.jwk, signature.key_id())?,
        ClientRef::Address(address) => keys::client_at(app, address, signature.key_id()).await?,
        ClientRef::WalletAddress(named) => keys::client_at(app, &named.wallet_address, signature.key_id()).await?,
    };
    raw.verify(app, signature, &client.public_key, AUTH).await?;
    key_uses::note(app, &client.id, &client.key.kid);
    Ok(keys::with_name(app, client).await)
}
