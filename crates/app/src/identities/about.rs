//! What other identity providers say about themselves (OpenID Connect Discovery 1.0), and the requests to them.

use super::back_url;
use crate::config::IdentityProvider;
use crate::net::FetchError;
use crate::{App, Clock, Error};
use bursar_core::id_token::KeySet;
use bursar_core::secret::Purpose;
use bursar_core::{Code, Id};
use parking_lot::Mutex;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// How long what a provider says about itself is believed.
const FRESH: Duration = Duration::from_secs(3600);
/// How long it is believed while the provider cannot be reached.
const STALE_MAX: Duration = Duration::from_secs(24 * 3600);

/// What providers said about themselves lately.
#[derive(Default)]
pub struct Known(Mutex<HashMap<String, Arc<About>>>);

impl Known {
    /// Forgets it, so that providers are asked again.
    pub fn forget(&self) {
        self.0.lock().clear();
    }
}

/// What a provider says about itself.
pub(super) struct About {
    pub(super) read_at: Instant,
    pub(super) metadata: Metadata,
    pub(super) keys: KeySet,
}

/// Provider metadata (OpenID Connect Discovery 1.0 §3), as far as it is used.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether it names itself when the browser comes back (RFC 9207).
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// The refusal when a provider does not do what it should. The operator's log says what.
pub(super) fn failed(provider: &IdentityProvider, why: &str) -> Error {
    tracing::warn!("log-in at {} failed: {why}", provider.issuer);
    let text = format!("{} could not tell us who you are: try again in a moment, or log in another way", provider.name);
    Error::refused(Code::IdentityProvider, text)
}

fn not_fetched(provider: &IdentityProvider, what: &str, error: &FetchError) -> Error {
    failed(provider, &format!("{what} could not be read: {error}"))
}

/// What a provider says about itself, from a while ago at most.
pub(super) async fn about(app: &App, provider: &IdentityProvider) -> Result<Arc<About>, Error> {
    let known = app.identities.0.lock().get(&provider.id).cloned();
    let age = |about: &About| Clock::real_instant().saturating_duration_since(about.read_at);
    if let Some(about) = known.as_ref().filter(|about| age(about) < FRESH) {
        return Ok(about.clone());
    }
    match discover(app, provider).await {
        Ok(about) => Ok(keep(app, provider, about)),
        Err(error) => known.filter(|about| age(about) < STALE_MAX).ok_or(error),
    }
}

pub(super) fn keep(app: &App, provider: &IdentityProvider, about: About) -> Arc<About> {
    let about = Arc::new(about);
    app.identities.0.lock().insert(provider.id.clone(), about.clone());
    about
}

async fn discover(app: &App, provider: &IdentityProvider) -> Result<About, Error> {
    let url = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
    let read_at = Clock::real_instant();
    let text = app.net.get_configured(&url).await.map_err(|error| not_fetched(provider, "its metadata", &error))?;
    let metadata: Metadata = serde_json::from_slice(&text)
        .map_err(|error| failed(provider, &format!("its metadata is unusable: {error}")))?;
    if metadata.issuer != provider.issuer {
        return Err(failed(provider, &format!("its metadata is that of {:?}", metadata.issuer)));
    }
    let endpoints = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
    let is_usable = |url: &str| {
        Url::parse(url).is_ok_and(|url| url.scheme() == "https" || (app.config.development && url.scheme() == "http"))
    };
    if let Some(endpoint) = endpoints.into_iter().find(|endpoint| !is_usable(endpoint)) {
        return Err(failed(provider, &format!("its endpoint {endpoint:?} does not begin with https://")));
    }
    let keys = keys(app, provider, &metadata).await?;
    Ok(About { read_at, metadata, keys })
}

pub(super) async fn keys(app: &App, provider: &IdentityProvider, metadata: &Metadata) -> Result<KeySet, Error> {
    let text = app.net.get_configured(&metadata.jwks_uri).await;
    let text = text.map_err(|error| not_fetched(provider, "its keys", &error))?;
    KeySet::parse(&text).map_err(|_| failed(provider, "its keys are no key set"))
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
}

/// Exchanges the code for an ID token (OpenID Connect Core 1.0 §3.1.3).
pub(super) async fn redeem(
    app: &App,
    provider: &IdentityProvider,
    metadata: &Metadata,
    id: &Id,
    code: &str,
) -> Result<String, Error> {
    let back = back_url(app, &provider.id);
    let verifier = app.secret.derive_text(Purpose::IdentityVerifier, id.as_bytes());
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &back),
        ("code_verifier", &verifier),
    ];
    let supports = |method: &str| {
        // What is assumed where nothing is said (Discovery §3).
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
        methods.map_or(method == "client_secret_basic", |methods| methods.iter().any(|known| known == method))
    };
    let mut basic = None;
    match provider.client_secret.as_deref() {
        Some(secret) if supports("client_secret_basic") || !supports("client_secret_post") => {
            basic = Some((provider.client_id.as_str(), secret));
        }
        Some(secret) => form.extend([("client_id", provider.client_id.as_str()), ("client_secret", secret)]),
        None => form.push(("client_id", &provider.client_id)),
    }
    let answer = app.net.post_form_configured(&metadata.token_endpoint, &form, basic).await;
    let (status, body) = answer.map_err(|error| not_fetched(provider, "its tokens", &error))?;
    if status != 200 {
        #[derive(Default, Deserialize)]
        struct Refused {
            error: String,
        }
        let refused: Refused = serde_json::from_slice(&body).unwrap_or_default();
        return Err(failed(provider, &format!("its token endpoint answered {status} {:?}", refused.error)));
    }
    let tokens: Option<Tokens> = serde_json::from_slice(&body).ok();
    tokens.and_then(|tokens| tokens.id_token).ok_or_else(|| failed(provider, "it gave no ID token"))
}
