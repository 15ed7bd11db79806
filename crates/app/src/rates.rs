//! Exchange rates: from the configuration, or from an endpoint of the operator's choice that is asked again and again.
//!
//! `GET <url>?base=USD` answers `{"base":"USD","rates":{"EUR":"0.92"}}`. Numbers may stand in quotes or not, and are
//! read exactly as they are written. Payments within one asset never need a rate, so nothing is asked for them.

use crate::net::FetchError;
use crate::{App, Clock, Error};
use bursar_core::rate::{InvalidRate, Rates};
use bursar_core::{Code, Refusal};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde::Deserialize;
use serde::de::IgnoredAny;
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
    /// On the clock that never goes back ([`Clock::wire_elapsed`]): rates that grow younger would never go stale.
    at: Duration,
    rates: Arc<Rates>,
}

impl RateCache {
    /// Forgets that the endpoint failed, so that it is asked again at once.
    pub async fn forget_failure(&self) {
        *self.asking.lock().await = None;
    }

    fn younger_than(&self, age: SignedDuration, now: Duration) -> Option<Arc<Rates>> {
        let age = age.unsigned_abs();
        self.told.lock().as_ref().filter(|told| now.saturating_sub(told.at) < age).map(|told| told.rates.clone())
    }
}

/// The rates that may be used now, without asking anybody; none if what the endpoint told is too old.
pub(crate) fn known(app: &App) -> Option<Arc<Rates>> {
    match &app.config.rates {
        RateSource::Table(rates) => Some(rates.clone()),
        RateSource::Endpoint(endpoint) => app.rates.younger_than(endpoint.stale, app.clock.wire_elapsed()),
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
    attempt: impl Fn(Option<Arc<Rates>>) -> F,
) -> Result<T, Error> {
    match attempt(known(app)).await {
        Err(Error::Refused(refusal)) if refusal.code == Code::RatesUnavailable => {
            refresh(app).await;
            attempt(known(app)).await
        }
        done => done,
    }
}

/// What the endpoint answers.
#[derive(Deserialize)]
struct Answer {
    base: String,
    rates: BTreeMap<String, Literal>,
}

/// A rate as it was written, once numbers stand in quotes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Literal {
    Text(String),
    Other(IgnoredAny),
}

/// Puts the numbers of a JSON text into quotes, so that they are read as they are written: a reader of numbers would
/// make floats of them. What is no JSON before is none afterwards.
fn quote_numbers(json: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(json.len() + json.len() / 4);
    let (mut in_text, mut escaped, mut in_number) = (false, false, false);
    for byte in json {
        let is_number =
            !in_text && matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.') || in_number && matches!(byte, b'e' | b'E');
        if is_number != in_number {
            quoted.push(b'"');
            in_number = is_number;
        }
        quoted.push(*byte);
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ => {}
        }
    }
    if in_number {
        quoted.push(b'"');
    }
    quoted
}

/// Asks the endpoint, unless somebody has just done so. Its failure is logged, and leaves what it told before.
async fn refresh(app: &App) {
    let RateSource::Endpoint(endpoint) = &app.config.rates else { return };
    let mut failed = app.rates.asking.lock().await;
    if app.rates.younger_than(endpoint.refresh, app.clock.wire_elapsed()).is_some()
        || failed.is_some_and(|at| Clock::real_instant().duration_since(at) < FAILURE_REMEMBERED)
    {
        return;
    }
    // Its age counts from the question: what is told may already be that old.
    let at = app.clock.wire_elapsed();
    match ask(app, endpoint).await {
        Ok(rates) => {
            *app.rates.told.lock() = Some(Told { at, rates: Arc::new(rates) });
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
    let rates = read(&body, &endpoint.base)?;
    for fault in rates.1 {
        tracing::warn!("a rate from {} is left out: {fault}", endpoint.host());
    }
    Ok(rates.0)
}

/// Reads what the endpoint answers; also what had to be left out.
fn read(body: &[u8], base: &str) -> Result<(Rates, Vec<InvalidRate>), FetchError> {
    let answer: Answer = serde_json::from_slice(&quote_numbers(body))
        .map_err(|_| FetchError::Unreadable(r#"the answer is not {"base":…,"rates":{…}}"#))?;
    if answer.base != base {
        return Err(FetchError::Unreadable("the rates are told for another base"));
    }
    let table = answer.rates.iter().map(|(asset, literal)| match literal {
        Literal::Text(text) => (asset.as_str(), text.as_str()),
        Literal::Other(_) => (asset.as_str(), "no number"),
    });
    let usable = answer.rates.keys().filter(|asset| *asset != base).count();
    let (rates, faults) = Rates::parse_json(base, table);
    if usable <= faults.len() {
        return Err(FetchError::Unreadable("none of the rates can be used"));
    }
    Ok((rates, faults))
}

/// Keeps rates fresh for as long as the program runs, so that payments find them there.
pub async fn keep_fresh(app: Arc<App>) {
    let RateSource::Endpoint(endpoint) = app.config.rates.clone() else { return };
    loop {
        let now = app.clock.now();
        refresh(&app).await;
        app.clock.sleep_until(now.saturating_add(endpoint.refresh).unwrap_or(Timestamp::MAX)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_put_into_quotes() {
        #[track_caller]
        fn check(json: &str, expected: &str) {
            assert_eq!(String::from_utf8(quote_numbers(json.as_bytes())).unwrap(), expected);
        }
        check(r#"{"a":0.92,"b":[1e-5,-3]}"#, r#"{"a":"0.92","b":["1e-5","-3"]}"#);
        check(r#"{"a1":"2","b\"3":"x\\","c":4E+2}"#, r#"{"a1":"2","b\"3":"x\\","c":"4E+2"}"#);
        check("true null e", "true null e");
        check("5", "\"5\"");
        check("", "");
    }

    #[test]
    fn answers() {
        #[track_caller]
        fn check(json: &str, expected: Result<usize, &str>) {
            match (read(json.as_bytes(), "USD"), expected) {
                (Ok((_, faults)), Ok(odd)) => assert_eq!(faults.len(), odd, "{json}"),
                (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{json}: {error}"),
                (other, _) => panic!("{json}: {other:?} instead of {expected:?}"),
            }
        }
        check(r#"{"base":"USD","rates":{"EUR":"0.92","JPY":149.50,"BTC":1.1e-5}}"#, Ok(0));
        check(
            r#"{"base":"USD","rates":{"USD":1,"EUR":0.123456789012345678,"X":null,"Y":[1],"Z":{"a":1}},"more":[1]}"#,
            Ok(3),
        );
        check(r#"{"base":"USD","rates":{}}"#, Err("none of the rates"));
        check(r#"{"base":"USD","rates":{"USD":1}}"#, Err("none of the rates"));
        check(r#"{"base":"USD","rates":{"EUR":null,"CAD":-1}}"#, Err("none of the rates"));
        check(r#"{"base":"EUR","rates":{"CAD":1}}"#, Err("another base"));
        for broken in [
            "",
            "[]",
            "{}",
            "{\"base\":\"USD\"}",
            r#"{"base":"USD","rates":[1]}"#,
            r#"{"base":5,"rates":{"A":1}"#,
            "1.2.3",
        ] {
            check(broken, Err("the answer is not"));
        }
    }
}
