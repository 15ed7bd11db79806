//! What a provider finds that was left alone for long: rows that have expired, and that nobody has forgotten.

use anyhow::{Context, Result};
use bursar_app::Random;
use bursar_core::Id;
use bursar_store::idempotency::{self, Used};
use bursar_store::{Error, Store, Tx, nonce};
use jiff::{SignedDuration, Timestamp};

/// Rows of each kind in one transaction.
const BATCH: u64 = 1000;
/// How long an answer is that is kept with an idempotency key: that of a payment.
const ANSWER_BYTES: usize = 500;

/// Writes so many nonces, and as many idempotency keys, that expired in the days before.
///
/// # Errors
/// When the database fails.
pub async fn fill(store: &Store, now: Timestamp, count: u64) -> Result<()> {
    let random = Random::system();
    let expired = now.checked_sub(SignedDuration::from_hours(72)).context("the calendar")?;
    let mut done = 0;
    while done < count {
        let size = BATCH.min(count - done);
        let rows: Vec<([u8; 32], Timestamp)> = (done..done + size)
            .map(|number| {
                Ok((random.bytes(), expired.checked_add(SignedDuration::from_millis(i64::try_from(number)?))?))
            })
            .collect::<Result<_>>()?;
        let write = move |tx: &mut Tx<'_>| {
            for (random, at) in &rows {
                nonce::use_once(tx, random, *at)?;
                let mut id = [0; 16];
                id.copy_from_slice(&random[..16]);
                let id = Id::from_bytes(id);
                let used = Used { request: *random, resource: id, answer: "x".repeat(ANSWER_BYTES) };
                idempotency::insert(tx, "https://wallet.example/app", &id.to_string(), &used, Timestamp::MIN, *at)?;
            }
            Ok::<_, Error>(())
        };
        store.write(Vec::new(), write).await.context("writing what has expired")?;
        done += size;
    }
    Ok(())
}
