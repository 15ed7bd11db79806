//! The resource server: incoming payments, quotes, outgoing payments.

use crate::error::WebError;
use crate::json::Json;
use crate::request::{Named, Raw};
use crate::{wallet, wallet_address};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bursar_app::lists::ListQuery;
use bursar_app::refusals::Code;
use bursar_app::{App, Error, incoming, outgoing, quotes};
use bursar_types::{
    IncomingPayment, IncomingPaymentWithMethods, OutgoingPayment, OutgoingPaymentWithSpentAmounts, Page, Quote,
    SpentAmounts,
};
use std::sync::Arc;

type Created<T> = Result<(StatusCode, Json<T>), WebError>;

/// Its routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/op/incoming-payments", post(create_incoming).get(list_incoming))
        .route("/op/incoming-payments/{id}", get(get_incoming))
        .route("/op/incoming-payments/{id}/complete", post(complete_incoming))
        .route("/op/quotes", post(create_quote))
        .route("/op/quotes/{id}", get(get_quote))
        .route("/op/outgoing-payments", post(create_outgoing).get(list_outgoing))
        .route("/op/outgoing-payments/{id}", get(get_outgoing))
        .route("/op/outgoing-payment-grant", get(spent))
}

/// `create-incoming-payment`.
async fn create_incoming(State(app): State<Arc<App>>, raw: Raw) -> Created<IncomingPaymentWithMethods> {
    let caller = raw.caller(&app).await?;
    let ask = raw.json(Code::InvalidResourceRequest)?;
    Ok((StatusCode::CREATED, Json(incoming::create(&app, caller, ask, raw.idempotency_key()?).await?)))
}

/// `list-incoming-payments`.
async fn list_incoming(State(app): State<Arc<App>>, raw: Raw) -> Result<Json<Page<IncomingPayment>>, WebError> {
    let caller = raw.caller(&app).await?;
    Ok(Json(incoming::list(&app, caller, list_query(&raw)?).await?))
}

/// `get-incoming-payment`: the public view without a token, more with one. A bad token is refused. People get a page that
/// shows how to pay it.
async fn get_incoming(State(app): State<Arc<App>>, Named(id): Named, raw: Raw) -> Result<Response, WebError> {
    if !raw.headers.contains_key(header::AUTHORIZATION) && wallet_address::wants_page(&raw.headers) {
        return Ok(wallet::pay_page(&app, &id).await);
    }
    if !raw.headers.contains_key(header::AUTHORIZATION) {
        return Ok(Json(incoming::get_public(&app, &id).await?).into_response());
    }
    let caller = raw.caller(&app).await?;
    Ok(Json(incoming::get(&app, caller, &id).await?).into_response())
}

/// `complete-incoming-payment`.
async fn complete_incoming(
    State(app): State<Arc<App>>,
    Named(id): Named,
    raw: Raw,
) -> Result<Json<IncomingPayment>, WebError> {
    let caller = raw.caller(&app).await?;
    Ok(Json(incoming::complete(&app, caller, &id).await?))
}

/// `create-quote`.
async fn create_quote(State(app): State<Arc<App>>, raw: Raw) -> Created<Quote> {
    let caller = raw.caller(&app).await?;
    let ask = raw.json(Code::InvalidResourceRequest)?;
    Ok((StatusCode::CREATED, Json(quotes::create(&app, caller, ask, raw.idempotency_key()?).await?)))
}

/// `get-quote`.
async fn get_quote(State(app): State<Arc<App>>, Named(id): Named, raw: Raw) -> Result<Json<Quote>, WebError> {
    let caller = raw.caller(&app).await?;
    Ok(Json(quotes::get(&app, caller, &id).await?))
}

/// `create-outgoing-payment`.
async fn create_outgoing(State(app): State<Arc<App>>, raw: Raw) -> Created<OutgoingPaymentWithSpentAmounts> {
    let caller = raw.caller(&app).await?;
    let ask = raw.json(Code::InvalidResourceRequest)?;
    Ok((StatusCode::CREATED, Json(outgoing::create(&app, caller, ask, raw.idempotency_key()?).await?)))
}

/// `list-outgoing-payments`.
async fn list_outgoing(State(app): State<Arc<App>>, raw: Raw) -> Result<Json<Page<OutgoingPayment>>, WebError> {
    let caller = raw.caller(&app).await?;
    Ok(Json(outgoing::list(&app, caller, list_query(&raw)?).await?))
}

/// `get-outgoing-payment`.
async fn get_outgoing(
    State(app): State<Arc<App>>,
    Named(id): Named,
    raw: Raw,
) -> Result<Json<OutgoingPayment>, WebError> {
    let caller = raw.caller(&app).await?;
    Ok(Json(outgoing::get(&app, caller, &id).await?))
}

/// `get-outgoing-payment-grant`.
async fn spent(State(app): State<Arc<App>>, raw: Raw) -> Result<Json<SpentAmounts>, WebError> {
    let caller = raw.caller(&app).await?;
    Ok(Json(outgoing::spent(&app, caller).await?))
}

/// The parameters of a list. Others are nobody's concern here; one that comes twice is refused, since nobody could
/// tell which one counts.
fn list_query(raw: &Raw) -> Result<ListQuery, WebError> {
    let mut query = ListQuery::default();
    for (name, value) in url::form_urlencoded::parse(raw.query().as_bytes()) {
        let place = match &*name {
            "wallet-address" => &mut query.wallet_address,
            "first" => &mut query.first,
            "last" => &mut query.last,
            "cursor" => &mut query.cursor,
            _ => continue,
        };
        if place.replace(value.into_owned()).is_some() {
            let text = format!("the parameter {name} is there more than once");
            return Err(Error::refused(Code::InvalidResourceRequest, text).into());
        }
    }
    Ok(query)
}
