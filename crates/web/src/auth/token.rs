//! `POST` and `DELETE /auth/token/{id}`.

use crate::error::WebError;
use crate::json::Json;
use crate::request::{AUTH, Named, Raw};
use axum::extract::State;
use axum::http::StatusCode;
use bursar_app::refusals::Code;
use bursar_app::tokens::{self, Managed, Management};
use bursar_app::{App, Error, grants, key_uses};
use bursar_types::RotateResponse;
use std::sync::Arc;

/// Replaces an access token (Open Payments `post-token`).
pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    Named(id): Named,
    raw: Raw,
) -> Result<Json<RotateResponse>, WebError> {
    let managed = authenticate(&app, &id, &raw, Management::Rotate).await?;
    Ok(Json(tokens::rotate(&app, managed.token).await?))
}

/// Ends an access token (Open Payments `delete-token`).
pub(crate) async fn revoke(State(app): State<Arc<App>>, Named(id): Named, raw: Raw) -> Result<StatusCode, WebError> {
    let managed = authenticate(&app, &id, &raw, Management::Revoke).await?;
    tokens::revoke(&app, managed.token).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn authenticate(app: &App, id: &str, raw: &Raw, what: Management) -> Result<Managed, WebError> {
    let token = raw
        .token()
        .ok_or_else(|| Error::refused(Code::ClientUnsigned, "send the access token: Authorization: GNAP <token>"))?;
    let managed = tokens::find(app, id, token, what).await?;
    raw.signatures(AUTH)?;
    let key = grants::public_key(app, &managed.client, &managed.key).await?;
    raw.verify_signed_by(app, &managed.key.kid, &key, AUTH).await?;
    key_uses::note(app, &managed.client, &managed.key.kid);
    Ok(managed)
}
