//! Exchange rates: from the configuration, or from an endpoint of the operator's choice that is asked again and again.
//!
//! `GET <url>?base=USD` answers `{"base":"USD","rates":{"EUR":"0.92"}}`. Numbers may stand in quotes or not, and are
//! read exactly as they are written. Payments within one asset never need a rate, so nothing is asked for them.

use crate::net::FetchError;
use crate::{App, Clock, Error};
use bursar_core::rate::Rates;
use bursar_core::{Code, Refusal};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// How long an endpoint that failed is not asked again, so that those who wait for it do not wait one after another.
const FAILURE_REMEMBERED: Duration = Duration::from_secs(2);

/// Where rates come from.
#[derive(Debug, Clone)]
pub enum RateSource {
    /// A table that does not change.
    Table(Arc<Rates>),
    /// A server.
    Endpoint(RateEndpoint),
}

/// A server that tells rates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateEndpoint {
    /// Its URL; `base` is added to the query.
    pub url: Url,
    /// Code of the asset that all rates are told for.
    pub base: String,
    /// How old rates become before they are asked for again: 60 seconds.
    pub refresh: SignedDuration,
    /// The age from which they are no longer used: 10 minutes.
    pub stale: SignedDuration,
}

impl RateEndpoint {
    /// An endpoint with the documented defaults.
    pub fn new(url: Url, base: &str) -> Self {
        let (refresh, stale) = (SignedDuration::from_secs(60), SignedDuration::from_mins(10));
        Self { url, base: base.to_owned(), refresh, stale }
    }

    /// What the log calls it: its path or query may hold a key.
    fn host(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

impl Default for RateSource {
    fn default() -> Self {
        Self::Table(Arc::default())
    }
}

/// What the endpoint last told.
#[derive(Default)]
pub struct RateCache {
    told: Mutex<Option<Told>>,
    /// One question at a time, however many wait for its answer. Holds when one last failed.
    asking: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Clone)]
struct Told {
    at: Timestamp,
    rates: Arc<Rates>,
}

impl RateCache {
    /// Forgets that the endpoint failed, so that it is asked again at once.
    pub async fn forget_failure(&self) {
        *self.asking.lock().await = None;
    }

    fn younger_than(&self, age: SignedDuration, now: Timestamp) -> Option<Arc<Rates>> {
        self.told.lock().as_ref().filter(|told| now.duration_since(told.at) < age).map(|told| told.rates.clone())
    }
}

/// The rates that may be used now, without asking anybody; none if what the endpoint told is too old.
pub(crate) fn known(app: &App, now: Timestamp) -> Option<Arc<Rates>> {
    match &app.config.rates {
        RateSource::Table(rates) => Some(rates.clone()),
        RateSource::Endpoint(endpoint) => app.rates.younger_than(endpoint.stale, now),
    }
}

/// The refusal while there are no rates that may be used.
pub(crate) fn unavailable() -> Refusal {
    let text = "exchange rates cannot be had just now: try again in a moment";
    Refusal::new(Code::RatesUnavailable, text).retry_after(5)
}

/// Runs something that may need rates. If it finds that there are none, the endpoint is asked, and it is run once
/// more.
///
/// # Errors
/// Its own.
pub(crate) async fn with<T, F: Future<Output = Result<T, Error>>>(
    app: &App,
    now: Timestamp,
    attempt: impl Fn(Option<Arc<Rates>>) -> F,
) -> Result<T, Error> {
    match attempt(known(app, now)).await {
        Err(Error::Refused(refusal)) if refusal.code == Code::RatesUnavailable => {
            refresh(app, now).await;
            attempt(known(app, now)).await
        }
        done => done,
    }
}

/// What the endpoint answers.
#[derive(Deserialize)]
struct Answer {
    base: String,
    rates: BTreeMap<String, Box<RawValue>>,
}

/// Asks the endpoint, unless somebody has just done so. Its failure is logged, and leaves what it told before.
async fn refresh(app: &App, now: Timestamp) {
    let RateSource::Endpoint(endpoint) = &app.config.rates else { return };
    let mut failed = app.rates.asking.lock().await;
    if app.rates.younger_than(endpoint.refresh, now).is_some()
        || failed.is_some_and(|at| Clock::real_instant().duration_since(at) < FAILURE_REMEMBERED)
    {
        return;
    }
    match ask(app, endpoint).await {
        Ok(rates) => {
            *app.rates.told.lock() = Some(Told { at: now, rates: Arc::new(rates) });
            *failed = None;
        }
        Err(error) => {
            tracing::warn!("no exchange rates from {}: {error}", endpoint.host());
            *failed = Some(Clock::real_instant());
        }
    }
}

async fn ask(app: &App, endpoint: &RateEndpoint) -> Result<Rates, FetchError> {
    let mut url = endpoint.url.clone();
    url.query_pairs_mut().append_pair("base", &endpoint.base);
    let body = app.net.get_configured(url.as_str()).await?;
    let answer: Answer = serde_json::from_slice(&body)
        .map_err(|_| FetchError::Unreadable(r#"the answer is not {"base":…,"rates":{…}}"#))?;
    if answer.base != endpoint.base {
        return Err(FetchError::Unreadable("the rates are told for another base"));
    }
    let table = answer.rates.iter().map(|(asset, literal)| (asset.as_str(), literal.get()));
    let (rates, faults) = Rates::parse_json(&endpoint.base, table);
    for fault in faults {
        tracing::warn!("a rate from {} is left out: {fault}", endpoint.host());
    }
    Ok(rates)
}

/// Keeps rates fresh for as long as the program runs, so that payments find them there.
pub async fn keep_fresh(app: Arc<App>) {
    let RateSource::Endpoint(endpoint) = app.config.rates.clone() else { return };
    loop {
        let now = app.clock.now();
        refresh(&app, now).await;
        app.clock.sleep_until(now.saturating_add(endpoint.refresh).unwrap_or(Timestamp::MAX)).await;
    }
}
