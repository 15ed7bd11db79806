//! Work that nobody waits for: noting or forgetting what has expired, in small steps.

use crate::{App, Error};
use bursar_store::{Tx, grant, idempotency, incoming_payment, nonce, quote, session, token};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// How often there is a round.
const EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Most rows that one step forgets, so that it never holds others up.
const ROWS_PER_STEP: u64 = 200;
/// How long requests that came to nothing are kept: an app may still ask why.
const UNGRANTED_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How long tokens that were replaced or revoked are kept: till then they are told apart from unknown ones.
const ENDED_TOKENS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long quotes that were not used are kept.
const QUOTES_KEPT: SignedDuration = SignedDuration::from_hours(24);

type Step = fn(&mut Tx<'_>, &Moments) -> Result<u64, bursar_store::Error>;

/// The instants before which things have expired or are forgotten.
#[derive(Clone, Copy)]
struct Moments {
    now: Timestamp,
    wire_now: Timestamp,
    idempotency: Timestamp,
    ungranted: Timestamp,
    quotes: Timestamp,
    tokens: Timestamp,
    failures: Timestamp,
}

const STEPS: &[(&str, Step)] = &[
    ("sessions", |tx, at| session::delete_expired(tx, at.now, ROWS_PER_STEP)),
    ("failed log-ins", |tx, at| session::delete_old_failures(tx, at.failures, ROWS_PER_STEP)),
    ("nonces", |tx, at| nonce::delete_expired(tx, at.wire_now, ROWS_PER_STEP)),
    ("idempotency keys", |tx, at| idempotency::delete_expired(tx, at.idempotency, ROWS_PER_STEP)),
    ("incoming payments", |tx, at| incoming_payment::expire(tx, at.now, ROWS_PER_STEP)),
    ("tokens", |tx, at| token::delete_ended(tx, at.tokens, ROWS_PER_STEP)),
    ("quotes", |tx, at| quote::delete_expired(tx, at.quotes, ROWS_PER_STEP)),
    ("grant requests", |tx, at| grant::delete_ungranted(tx, at.ungranted, ROWS_PER_STEP)),
];

/// Forgets what has expired, round after round, for as long as the program runs.
pub async fn run(app: Arc<App>) {
    loop {
        if let Err(error) = clean(&app).await {
            tracing::warn!("cleaning up failed and will be tried again: {error}");
        }
        app.clock.sleep_until(app.clock.now().saturating_add(EVERY).unwrap_or(Timestamp::MAX)).await;
    }
}

/// One round: everything that has expired by now, in small steps; how many rows that were.
///
/// # Errors
/// When the database fails.
pub async fn clean(app: &App) -> Result<u64, Error> {
    app.limiter.forget_idle();
    let now = app.clock.now();
    let before = |age: SignedDuration| now.saturating_sub(age).unwrap_or(Timestamp::MIN);
    let moments = Moments {
        now,
        wire_now: Timestamp::from_second(app.clock.wire_seconds()).unwrap_or(Timestamp::MIN),
        idempotency: before(app.config.idempotency_lifetime),
        ungranted: before(UNGRANTED_KEPT),
        quotes: before(QUOTES_KEPT),
        tokens: before(ENDED_TOKENS_KEPT),
        failures: before(SignedDuration::from_mins(15)),
    };
    let mut forgotten = 0;
    for (what, step) in STEPS {
        loop {
            let rows = app.store.write(Vec::new(), move |tx| step(tx, &moments).map_err(Error::from)).await?;
            forgotten += rows;
            if rows > 0 {
                tracing::debug!("{rows} {what} had expired");
            }
            if rows < ROWS_PER_STEP {
                break;
            }
        }
    }
    Ok(forgotten)
}
