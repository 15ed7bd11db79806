//! `/auth/interactions/{id}/{nonce}`: requests for a provider's own consent page. See `docs/consent-page.md`.

use crate::error::WebError;
use crate::json::Json;
use crate::lower::{self, Lower};
use crate::request::Raw;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use bursar_app::App;
use bursar_app::consent_api::{self, Interaction};
use bursar_app::interactions::{Consent, Item, Schedule, Spending, Stage};
use bursar_app::refusals::Code;
use bursar_types::{Action, Amount, LimitAmount, ResourceType, Window};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;

/// The two parts of the path that name a request. What cannot be decoded names nothing, like any unknown name.
pub(crate) struct Names(String, String);

impl<S: Send + Sync> FromRequestParts<S> for Names {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let names = Path::<(String, String)>::from_request_parts(parts, state).await;
        let (id, path) = names.map(|Path(names)| names).unwrap_or_default();
        Ok(Self(id, path))
    }
}

/// A request, as the server has verified it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Body {
    id: String,
    state: &'static str,
    expires_at: Timestamp,
    client: Client,
    access: Vec<Access>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// The wallet addresses whose holder has to agree.
    wallet_addresses: Vec<String>,
    /// Whether a limit is missing, which the person has to confirm.
    needs_confirmation: bool,
    /// Scheme, host and port of where the app is.
    #[serde(skip_serializing_if = "Option::is_none")]
    returns_to: Option<String>,
    /// Where to send the browser, once it is decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    finish: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    wallet_address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_name: Option<String>,
}

#[derive(Serialize)]
struct Access {
    #[serde(rename = "type")]
    resource: ResourceType,
    actions: Vec<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spending: Option<Budget>,
}

/// What the app could spend.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Budget {
    #[serde(skip_serializing_if = "Option::is_none")]
    debit_amount: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receive_amount: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiver: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiver_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    windows: Option<Windows>,
    /// The most it can ever come to; nothing if there is no such amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Amount>,
}

#[derive(Serialize)]
struct Windows {
    interval: String,
    /// How long each is, in English, to stand after "every".
    every: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<Bounds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Bounds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Bounds>,
    /// How many can still be used; nothing if they are without end.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<u64>,
}

#[derive(Serialize)]
struct Bounds {
    start: Timestamp,
    end: Timestamp,
}

impl From<Interaction> for Body {
    fn from(Interaction { consent, finish }: Interaction) -> Self {
        let Consent { client_name, client_address, .. } = consent;
        Self {
            id: consent.grant.to_string(),
            state: match consent.stage {
                Stage::Open => "pending",
                Stage::Approved => "approved",
                Stage::Denied => "denied",
                Stage::Over => "over",
            },
            expires_at: consent.expires_at,
            client: Client {
                public_name: (client_name != client_address).then_some(client_name),
                wallet_address: client_address,
            },
            access: consent.items.into_iter().map(Access::from).collect(),
            subject: consent.subject,
            wallet_addresses: consent.wallets,
            needs_confirmation: consent.is_unlimited,
            returns_to: consent.finish_origin,
            finish,
        }
    }
}

impl From<Item> for Access {
    fn from(item: Item) -> Self {
        Self {
            resource: item.resource,
            actions: item.actions,
            identifier: item.wallet,
            spending: item.spending.map(Budget::from),
        }
    }
}

impl From<Spending> for Budget {
    fn from(spending: Spending) -> Self {
        let (debit_amount, receive_amount) = match spending.amount {
            Some(LimitAmount::Debit(amount)) => (Some(amount), None),
            Some(LimitAmount::Receive(amount)) => (None, Some(amount)),
            None => (None, None),
        };
        let receiver = spending.receiver.map(|receiver| (receiver.url, receiver.name));
        let (receiver, receiver_name) = receiver.map_or((None, None), |(url, name)| (Some(url), name));
        let windows = spending.schedule.map(Windows::from);
        Self { debit_amount, receive_amount, receiver, receiver_name, windows, total: spending.total }
    }
}

impl From<Schedule> for Windows {
    fn from(schedule: Schedule) -> Self {
        let bounds = |window: Option<Window>| window.map(|Window { start, end, .. }| Bounds { start, end });
        Self {
            every: schedule.interval.describe_period(),
            interval: schedule.interval.as_str().to_owned(),
            current: bounds(schedule.current),
            next: bounds(schedule.next),
            last: bounds(schedule.last),
            left: schedule.windows_left,
        }
    }
}

/// The secret of the consent page's program (RFC 6750 §2.1).
fn secret(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(axum::http::header::AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
}

/// `GET /auth/interactions/{id}/{nonce}`.
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Names(id, path): Names,
    headers: HeaderMap,
) -> Result<Json<Body>, WebError> {
    consent_api::authenticate(&app, secret(&headers))?;
    Ok(Json(consent_api::read(&app, &id, &path).await?.into()))
}

/// Who agrees, and to how much.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Accept {
    /// The name of the account holder.
    account_holder: String,
    /// What is taken away from what was asked.
    #[serde(default)]
    lower: Vec<Lower>,
    /// Whether the person has confirmed that there is no limit on an amount.
    #[serde(default)]
    no_limit_confirmed: bool,
}

/// `POST /auth/interactions/{id}/{nonce}/accept`.
pub(crate) async fn accept(
    State(app): State<Arc<App>>,
    Names(id, path): Names,
    raw: Raw,
) -> Result<Json<Body>, WebError> {
    consent_api::authenticate(&app, secret(&raw.headers))?;
    let accept: Accept = raw.loose_json(Code::InvalidResourceRequest)?;
    let choice = lower::choice(accept.lower, accept.no_limit_confirmed)?;
    Ok(Json(consent_api::accept(&app, &id, &path, &accept.account_holder, choice).await?.into()))
}

/// `POST /auth/interactions/{id}/{nonce}/reject`.
pub(crate) async fn reject(
    State(app): State<Arc<App>>,
    Names(id, path): Names,
    raw: Raw,
) -> Result<Json<Body>, WebError> {
    consent_api::authenticate(&app, secret(&raw.headers))?;
    Ok(Json(consent_api::reject(&app, &id, &path).await?.into()))
}
