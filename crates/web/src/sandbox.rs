//! The sandbox API, for app developers' own automated tests. See `docs/sandbox.md`.

use crate::error::WebError;
use crate::json::Json;
use crate::lower::{self, Lower};
use crate::request::{Named, Raw};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use bursar_app::accounts::{self, AccountView, NewAccount};
use bursar_app::refusals::Code;
use bursar_app::sandbox::{self, Decision, Move};
use bursar_app::{App, Error};
use bursar_httpsig::Jwk;
use bursar_types::{Amount, Asset, parse_value};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Its routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/sandbox/accounts", post(create_account))
        .route("/sandbox/accounts/{name}", get(get_account))
        .route("/sandbox/accounts/{name}/fund", post(fund))
        .route("/sandbox/accounts/{name}/keys", post(add_key))
        .route("/sandbox/accounts/{name}/keys/{kid}", delete(revoke_key))
        .route("/sandbox/clock", get(clock).post(move_clock))
        .route("/sandbox/interactions", post(decide))
        .route("/sandbox/gallery", get(crate::wallet::gallery))
}

fn invalid(text: impl std::fmt::Display) -> WebError {
    Error::refused(Code::InvalidResourceRequest, text.to_string()).into()
}

/// An amount's value, as the string that Open Payments uses or as a plain number.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a value is a string of digits, or a whole number")]
enum Value {
    Text(String),
    Number(u64),
}

impl Value {
    fn read(&self) -> Result<u64, WebError> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        };
        parse_value(&text).map_err(invalid)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateAccount {
    name: String,
    wallet_address: Option<String>,
    public_name: Option<String>,
    asset_code: String,
    asset_scale: u8,
    balance: Option<Value>,
    password: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_name: Option<String>,
    wallet_address: String,
    balance: Amount,
}

impl From<AccountView> for Account {
    fn from(view: AccountView) -> Self {
        let AccountView { name, wallet_address, public_name, balance } = view;
        Self { name, public_name, wallet_address, balance }
    }
}

async fn create_account(State(app): State<Arc<App>>, raw: Raw) -> Result<(StatusCode, Json<Account>), WebError> {
    let ask: CreateAccount = raw.loose_json(Code::InvalidResourceRequest)?;
    let new = NewAccount {
        name: ask.name,
        wallet_address: ask.wallet_address,
        public_name: ask.public_name,
        asset: Asset::new(&ask.asset_code, ask.asset_scale).map_err(invalid)?,
        balance: ask.balance.map_or(Ok(0), |balance| balance.read())?,
        password: ask.password,
    };
    Ok((StatusCode::CREATED, Json(accounts::create(&app, new).await?.into())))
}

async fn get_account(State(app): State<Arc<App>>, Named(name): Named) -> Result<Json<Account>, WebError> {
    Ok(Json(accounts::get(&app, &name).await?.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fund {
    value: Value,
}

async fn fund(State(app): State<Arc<App>>, Named(name): Named, raw: Raw) -> Result<Json<Account>, WebError> {
    let ask: Fund = raw.loose_json(Code::InvalidResourceRequest)?;
    Ok(Json(accounts::fund(&app, &name, ask.value.read()?).await?.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddKey {
    jwk: Jwk,
}

#[derive(Serialize)]
struct Added {
    jwk: Jwk,
}

async fn add_key(
    State(app): State<Arc<App>>,
    Named(name): Named,
    raw: Raw,
) -> Result<(StatusCode, Json<Added>), WebError> {
    let AddKey { jwk } = raw.loose_json(Code::InvalidResourceRequest)?;
    accounts::add_key(&app, &name, jwk.kid(), jwk.public_key()).await?;
    Ok((StatusCode::CREATED, Json(Added { jwk })))
}

async fn revoke_key(
    State(app): State<Arc<App>>,
    Path((name, kid)): Path<(String, String)>,
) -> Result<StatusCode, WebError> {
    accounts::revoke_key(&app, &name, &kid).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
struct Now {
    now: Timestamp,
}

async fn clock(State(app): State<Arc<App>>) -> Json<Now> {
    Json(Now { now: app.clock.now() })
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum MoveClock {
    Advance(String),
    Set(Timestamp),
}

async fn move_clock(State(app): State<Arc<App>>, raw: Raw) -> Result<Json<Now>, WebError> {
    let to = match raw.loose_json(Code::InvalidResourceRequest)? {
        MoveClock::Set(instant) => Move::Set(instant),
        MoveClock::Advance(text) => {
            let span = text.starts_with('P').then(|| text.parse().ok()).flatten();
            Move::Advance(span.ok_or_else(|| invalid("advance is an ISO 8601 duration such as P1M, P1D or PT10M"))?)
        }
    };
    Ok(Json(Now { now: sandbox::move_clock(&app, to).await? }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decide {
    redirect: String,
    decision: Word,
    /// What the person takes away from what was asked; only with an approval.
    #[serde(default)]
    lower: Vec<Lower>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Approve,
    Deny,
}

#[derive(Serialize)]
struct Finish {
    finish: Option<String>,
}

async fn decide(State(app): State<Arc<App>>, raw: Raw) -> Result<Json<Finish>, WebError> {
    let ask: Decide = raw.loose_json(Code::InvalidResourceRequest)?;
    let decision = match ask.decision {
        Word::Approve => Decision::Approve(lower::choice(ask.lower, true)?),
        Word::Deny if !ask.lower.is_empty() => return Err(invalid("what is denied cannot be lowered")),
        Word::Deny => Decision::Deny,
    };
    Ok(Json(Finish { finish: sandbox::decide(&app, &ask.redirect, decision).await?.redirect }))
}
