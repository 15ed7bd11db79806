//! The HTTP surfaces: wallet addresses, authorization server, resource server, people's pages, sandbox.
//!
//! Handlers read a request, call one use case, and write its answer; they hold no rules. `request` keeps the
//! bytes as received until the signature over them is verified, [`error`] is the one place that turns refusals
//! into statuses.

mod auth;
mod edge;
pub mod error;
mod json;
mod lower;
mod request;
mod resource;
mod sandbox;
pub mod server;
mod shape;
mod wallet;
mod wallet_address;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use bursar_app::App;
use std::sync::Arc;

/// Everything that the provider answers.
pub fn router(app: Arc<App>) -> Router {
    let mut router = Router::new().merge(auth::routes()).merge(resource::routes()).merge(wallet::routes());
    if app.config.sandbox {
        router = router.merge(sandbox::routes());
    }
    router
        .fallback(wallet_address::get)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), point_to_grants))
        .layer(middleware::from_fn_with_state(app.clone(), edge::guard))
        .with_state(app)
}

/// Tells whoever was refused for want of a token where to get one (RFC 9635 §9.1).
async fn point_to_grants(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let resource = request.uri().path().starts_with("/op/");
    let mut response = next.run(request).await;
    if resource && response.status() == StatusCode::UNAUTHORIZED {
        let value = format!("GNAP as_uri={}", app.config.auth_url());
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
    }
    response
}
