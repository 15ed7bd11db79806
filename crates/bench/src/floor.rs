//! What the parts of a request cost by themselves, on this machine and in this run.

use crate::proc::{Processes, Ticks};
use crate::seed::payment_request;
use crate::sign::{Ask, Signer};
use anyhow::{Context, Result, ensure};
use bursar_app::{Clock, Random};
use bursar_httpsig::{Policy, Request, parse, verify};
use bursar_store::{Error, Location, Store, nonce};
use ed25519_dalek::{Signer as _, SigningKey};
use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha512};
use std::hint::black_box;
use std::time::Duration;

/// How many durable inserts are under way at once.
const INSERTS_AT_ONCE: usize = 32;
/// Signatures between two looks at the clock.
const TURNS: u64 = 64;

/// Nanoseconds of processor time for each of something.
pub fn each(spent: Duration, count: u64) -> u64 {
    spent.as_nanos().checked_div(u128::from(count)).and_then(|each| u64::try_from(each).ok()).unwrap_or(0)
}

/// Processor time of this process for one turn of `work`, which is done on all cores at once: that is how a server under
/// load does it, and two threads of one core slow each other down.
fn cpu_each(ticks: Ticks, time: Duration, work: impl Fn() -> bool + Sync) -> Result<u64> {
    let us = Processes::only(vec![std::process::id()]);
    let (before, until) = (us.cpu(ticks)?, Clock::real_instant() + time);
    let until_then = || {
        let mut turns = 0;
        while turns == 0 || Clock::real_instant() < until {
            for _ in 0..TURNS {
                if !work() {
                    return 0;
                }
            }
            turns += TURNS;
        }
        turns
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let turns: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(until_then)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(0)).collect()
    });
    ensure!(turns.iter().all(|turns| *turns > 0), "a signature of ours does not verify");
    Ok(each(us.cpu(ticks)?.saturating_sub(before), turns.iter().sum()))
}

/// What signatures cost, in nanoseconds of processor time.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct Cryptography {
    /// One strict Ed25519 verification of the signature base of a payment, the key being ready.
    pub signature_nanos: u64,
    /// One SHA-512 of the body of a payment.
    pub digest_nanos: u64,
    /// All that `bursar-httpsig` does for a payment: reading the headers, both of the above, and every rule.
    pub httpsig_nanos: u64,
}

/// Measures signatures within this process.
///
/// # Errors
/// When one does not verify.
pub fn cryptography(signer: &Signer, ticks: Ticks, time: Duration) -> Result<Cryptography> {
    let random = Random::system();
    let url = |name: &str| format!("{}/{name}", signer.public_url);
    let receiver = url("op/incoming-payments/0198f3a2-7b1c-7def-8123-456789abcdef");
    let body = payment_request(&url("payer"), &receiver, 1000).to_string();
    // As long as a real one.
    let token: String = random.bytes::<32>().iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    let path = "/op/outgoing-payments";
    let ask = Ask { method: "POST", path, token: Some(&token), body: body.as_bytes() };
    let headers = signer.signed_headers(&ask)?;
    let target_uri = url("op/outgoing-payments");
    let request = Request { method: "POST", target_uri: &target_uri, headers: &headers, body: Some(body.as_bytes()) };
    let parsed = parse(&headers).context("the headers of a signed request")?;
    let base = parsed.first().context("no signature")?.signature_base(&request).context("the signature base")?;

    let key = SigningKey::from_bytes(&random.bytes());
    let (signature, public) = (key.sign(base.as_bytes()), key.verifying_key());
    let signature_nanos =
        cpu_each(ticks, time, || public.verify_strict(black_box(base.as_bytes()), &signature).is_ok())?;
    let digest_nanos = cpu_each(ticks, time, || !Sha512::digest(black_box(body.as_bytes())).is_empty())?;
    let (jwk, policy) = (signer.jwk()?, Policy::default());
    let public = jwk.public_key();
    let now = Clock::system(SignedDuration::ZERO).wire_seconds();
    let httpsig_nanos = cpu_each(ticks, time, || {
        let parsed = parse(black_box(&headers));
        parsed.is_ok_and(|parsed| parsed.iter().all(|one| verify(one, &request, public, &policy, now).is_ok()))
    })?;
    Ok(Cryptography { signature_nanos, digest_nanos, httpsig_nanos })
}

/// What one durable row costs when others are written at the same time.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct Insert {
    /// Processor time of this process, and of the database's if it has its own, in nanoseconds.
    pub nanos: u64,
    /// Rows per second, all durable.
    pub per_second: u64,
}

/// Writes rows through the provider's own store, 32 at once, each answered when it is on disk.
///
/// # Errors
/// When the database fails.
pub async fn insert(location: &Location, database: &Processes, ticks: Ticks, time: Duration) -> Result<Insert> {
    let now = Clock::system(SignedDuration::ZERO).now();
    let opened = location.clone();
    let store = tokio::task::spawn_blocking(move || Store::open(&opened, now)).await?.context("opening a database")?;
    let us = Processes::only(vec![std::process::id()]);
    let cpu = || Ok::<_, anyhow::Error>(us.cpu(ticks)? + database.cpu(ticks)?);
    // The first rows open connections and prepare statements.
    rows(&store, time / 5, now).await?;
    let (before, begun) = (cpu()?, Clock::real_instant());
    let written = rows(&store, time, now).await?;
    let elapsed = Clock::real_instant().saturating_duration_since(begun);
    Ok(Insert { nanos: each(cpu()?.saturating_sub(before), written), per_second: per_second(written, elapsed) })
}

/// How many per second.
pub fn per_second(count: u64, time: Duration) -> u64 {
    let each_second = (u128::from(count) * 1_000_000_000).checked_div(time.as_nanos());
    each_second.and_then(|rate| u64::try_from(rate).ok()).unwrap_or(0)
}

async fn rows(store: &Store, time: Duration, now: Timestamp) -> Result<u64> {
    let (random, until) = (Random::system(), Clock::real_instant() + time);
    let expires_at = now.saturating_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX);
    let writer = async |_: usize| {
        let mut written = 0;
        while written == 0 || Clock::real_instant() < until {
            let hash: [u8; 32] = random.bytes();
            if store.write(Vec::new(), move |tx| nonce::use_once(tx, &hash, expires_at)).await? {
                written += 1;
            }
        }
        Ok::<u64, Error>(written)
    };
    Ok(try_join_all((0..INSERTS_AT_ONCE).map(writer)).await?.into_iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_divided() {
        assert_eq!(each(Duration::from_secs(1), 4), 250_000_000);
        assert_eq!(each(Duration::from_secs(1), 0), 0);
        assert_eq!(per_second(1000, Duration::from_millis(500)), 2000);
        assert_eq!(per_second(1000, Duration::ZERO), 0);
    }
}
