//! Work that nobody waits for: noting or forgetting what has expired, in steps so small that nobody notices them.

use crate::{App, Clock, Error, attempts, key_uses};
use bursar_store::expired::{BATCH_MAX, Kind};
use bursar_store::{LockKey, Tx, setting};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// How often there is a round.
const EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Most rows that one step forgets. It is committed together with the writes that wait, which it delays by a fraction of
/// a millisecond; many more rows at once would be a pause that shows.
const ROWS_PER_STEP: u64 = 64;
/// After a step that found more than enough, the next one comes when so many times as long has passed as it took. When
/// others write a lot a step waits for its turn, and so the busier the database is, the longer the rests are.
const RESTS_PER_STEP: u32 = 1;
/// Longest rest, so that a database that was slow once is not left alone.
const REST_MAX: Duration = Duration::from_millis(250);
/// A round that takes longer than this falls behind what expires meanwhile: from then on there are no rests, and steps
/// are as large as they can be.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long requests that came to nothing are kept: an app may still ask why.
const UNGRANTED_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How long tokens that were replaced or revoked are kept: till then they are told apart from unknown ones.
const ENDED_TOKENS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long quotes that were not used are kept.
const QUOTES_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How long counts of failed log-ins are kept.
const FAILURES_KEPT: SignedDuration = attempts::COUNTED_FOR;

/// The setting that holds until when (in seconds since 1970, by the system's clock) a node cleans that shares its
/// database with others.
const TURN: &str = "cleaning_until_seconds";
/// How long a turn lasts that is not renewed: the others wait so long for a node that was lost while it cleaned.
const TURN_SECONDS: i64 = 120;

/// Forgets what has expired, round after round, for as long as the program runs.
pub async fn run(app: Arc<App>) {
    loop {
        if let Err(error) = clean(&app).await {
            tracing::warn!("cleaning up failed and will be tried again: {error}");
        }
        app.clock.sleep_until(app.clock.now().saturating_add(EVERY).unwrap_or(Timestamp::MAX)).await;
    }
}

/// The instant by which rows of a kind must have expired (begun, ended) to be forgotten now.
pub fn forgotten_by(kind: Kind, clock: &Clock, idempotency_lifetime: SignedDuration) -> Timestamp {
    let now = clock.now();
    let kept = match kind {
        Kind::Sessions | Kind::IncomingPayments => SignedDuration::ZERO,
        // Signatures are dated by the callers' clocks.
        Kind::Nonces => return Timestamp::from_second(clock.wire_seconds()).unwrap_or(Timestamp::MIN),
        Kind::LoginFailures => FAILURES_KEPT,
        Kind::IdempotencyKeys => idempotency_lifetime,
        Kind::Tokens => ENDED_TOKENS_KEPT,
        Kind::Quotes => QUOTES_KEPT,
        Kind::GrantRequests => UNGRANTED_KEPT,
    };
    now.saturating_sub(kept).unwrap_or(Timestamp::MIN)
}

/// One round: everything that has expired by now, in small steps, each kind in turn; how many rows that were. Nothing,
/// if another node is at it.
///
/// # Errors
/// When the database fails. What failed for one kind has been tried for the others.
pub async fn clean(app: &App) -> Result<u64, Error> {
    app.limiter.forget_idle();
    // What this node has noted is its own to write down, whoever cleans.
    let mut failed = key_uses::write_down(app).await.err();
    let mut turn = Turn { until: i64::MIN };
    if !turn.take(app).await? {
        return failed.map_or(Ok(0), Err);
    }
    let by = |kind| (kind, forgotten_by(kind, &app.clock, app.config.idempotency_lifetime));
    let mut kinds: Vec<(Kind, Timestamp)> = Kind::ALL.into_iter().map(by).collect();
    let mut forgotten = 0;
    let round = Clock::real_instant();
    while !kinds.is_empty() {
        let mut unfinished = Vec::new();
        for (kind, by) in kinds {
            turn.renew(app).await?;
            let begun = Clock::real_instant();
            let is_behind = begun.saturating_duration_since(round) > PATIENCE;
            let most = if is_behind { BATCH_MAX } else { ROWS_PER_STEP };
            let step = move |tx: &mut Tx<'_>| kind.forget(tx, by, most).map_err(Error::from);
            match app.store.write(Vec::new(), step).await {
                Ok(rows) => {
                    forgotten += rows;
                    if rows < most {
                        continue;
                    }
                    unfinished.push((kind, by));
                    if !is_behind {
                        let took = Clock::real_instant().saturating_duration_since(begun);
                        Clock::real_sleep(took.saturating_mul(RESTS_PER_STEP).min(REST_MAX)).await;
                    }
                }
                Err(error) => {
                    tracing::debug!("forgetting {} failed: {error}", kind.name());
                    failed.get_or_insert(error);
                }
            }
        }
        kinds = unfinished;
    }
    turn.end(app).await?;
    if forgotten > 0 {
        tracing::debug!("{forgotten} rows had expired");
    }
    failed.map_or(Ok(forgotten), Err)
}

/// The right to clean. Nodes that clean at the same time do no harm, but they wait for each other's rows, and everything
/// else that they write waits with them. A node with a database of its own always has it.
struct Turn {
    /// When it ends, in seconds since 1970 by the system's clock.
    until: i64,
}

impl Turn {
    /// Takes it, unless another node has it; whether it was taken.
    async fn take(&mut self, app: &App) -> Result<bool, Error> {
        let now = app.clock.wire_seconds();
        self.until = now.saturating_add(TURN_SECONDS);
        let until = self.until;
        if !app.store.takes_locks() {
            return Ok(true);
        }
        let work = move |tx: &mut Tx<'_>| -> Result<bool, Error> {
            let others = setting::get(tx, TURN)?.and_then(|text| text.parse::<i64>().ok());
            // One that ends later than any turn can was written by a clock that was wrong.
            if others.is_some_and(|others| others > now && others <= until) {
                return Ok(false);
            }
            setting::put(tx, TURN, &until.to_string())?;
            Ok(true)
        };
        app.store.write(vec![LockKey::named(TURN)], work).await
    }

    /// Makes it last when half of it is over.
    async fn renew(&mut self, app: &App) -> Result<(), Error> {
        let now = app.clock.wire_seconds();
        if self.until.saturating_sub(now) > TURN_SECONDS / 2 {
            return Ok(());
        }
        self.until = now.saturating_add(TURN_SECONDS);
        self.write(app, self.until).await
    }

    /// Lets others have it.
    async fn end(&self, app: &App) -> Result<(), Error> {
        self.write(app, 0).await
    }

    async fn write(&self, app: &App, until: i64) -> Result<(), Error> {
        if !app.store.takes_locks() {
            return Ok(());
        }
        let work = move |tx: &mut Tx<'_>| setting::put(tx, TURN, &until.to_string()).map_err(Error::from);
        app.store.write(vec![LockKey::named(TURN)], work).await
    }
}
