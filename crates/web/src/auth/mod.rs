//! The authorization server: grants, continuations, tokens.

mod continuation;
mod grant;
mod interaction;
mod token;

use axum::Router;
use axum::routing::{get, post};
use bursar_app::App;
use std::sync::Arc;

/// Its routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/auth", post(grant::request))
        .route("/auth/", post(grant::request))
        .route("/auth/interactions/{id}/{nonce}", get(interaction::read))
        .route("/auth/interactions/{id}/{nonce}/accept", post(interaction::accept))
        .route("/auth/interactions/{id}/{nonce}/reject", post(interaction::reject))
        .route("/auth/continue/{id}", post(continuation::resume).delete(continuation::cancel))
        .route("/auth/token/{id}", post(token::rotate).delete(token::revoke))
}
