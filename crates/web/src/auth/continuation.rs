//! `POST` and `DELETE /auth/continue/{id}`.

use crate::error::WebError;
use crate::json::Json;
use crate::request::{AUTH, Named, Raw};
use axum::extract::State;
use axum::http::StatusCode;
use bursar_app::refusals::Code;
use bursar_app::{App, Error, grants, key_uses};
use bursar_types::{ContinueRequest, ContinueResponse};
use std::sync::Arc;

/// Continues a grant request (Open Payments `post-continue`).
pub(crate) async fn resume(
    State(app): State<Arc<App>>,
    Named(id): Named,
    raw: Raw,
) -> Result<Json<ContinueResponse>, WebError> {
    let id = authenticate(&app, &id, &raw).await?;
    let asked = if raw.has_body() { raw.json(Code::UnreadableContinuation)? } else { ContinueRequest::default() };
    Ok(Json(grants::resume(&app, id, asked.interact_ref).await?))
}

/// Cancels a grant (Open Payments `delete-continue`).
pub(crate) async fn cancel(State(app): State<Arc<App>>, Named(id): Named, raw: Raw) -> Result<StatusCode, WebError> {
    let id = authenticate(&app, &id, &raw).await?;
    grants::cancel(&app, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The grant, if the request carries its continuation token and is signed with its key.
async fn authenticate(app: &App, id: &str, raw: &Raw) -> Result<grants::GrantId, WebError> {
    let token = raw.token().ok_or_else(|| {
        Error::refused(Code::InvalidContinuation, "send the continuation token: Authorization: GNAP <token>")
    })?;
    let grant = grants::find_continuation(app, id, token).await?;
    raw.signatures(AUTH)?;
    let key = grants::public_key(app, &grant.client, &grant.key).await?;
    raw.verify_signed_by(app, &grant.key.kid, &key, AUTH).await?;
    key_uses::note(app, &grant.client, &grant.key.kid);
    Ok(grant.id)
}
