//! Where a client takes time and randomness from.
//!
//! The one file of this crate that asks the machine for either. A program hands over its own [`Clock`] and
//! [`Random`] when its tests shall move time, or when it has sources of its own.

use jiff::Timestamp;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use std::time::Duration;

type Now = dyn Fn() -> Timestamp + Send + Sync;
type Sleep = dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;
type Fill = dyn Fn(&mut [u8]) -> Result<(), RandomError> + Send + Sync;

/// Tells the time and waits.
#[derive(Clone)]
pub struct Clock {
    now: Arc<Now>,
    sleep: Arc<Sleep>,
}

impl Clock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "the one place where this crate reads the clock and sleeps")]
    pub fn system() -> Self {
        Self::new(Timestamp::now, tokio::time::sleep)
    }

    /// A clock made of a function that tells the time and one that waits.
    ///
    /// ```
    /// use bursar_client::Clock;
    ///
    /// let noon: jiff::Timestamp = "2025-05-20T12:00:00Z".parse()?;
    /// let clock = Clock::new(move || noon, |_| std::future::ready(()));
    /// assert_eq!(clock.now(), noon);
    /// # Ok::<(), jiff::Error>(())
    /// ```
    pub fn new<F>(
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        sleep: impl Fn(Duration) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { now: Arc::new(now), sleep: Arc::new(move |duration| Box::pin(sleep(duration))) }
    }

    /// The current instant.
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Waits.
    ///
    /// ```no_run
    /// # async fn example(clock: bursar_client::Clock) {
    /// clock.sleep(bursar_client::Duration::from_secs(5)).await;
    /// # }
    /// ```
    pub async fn sleep(&self, duration: Duration) {
        (self.sleep)(duration).await;
    }

    /// The instant this far ahead, or the end of the calendar.
    pub(crate) fn after(&self, duration: Duration) -> Timestamp {
        self.now().checked_add(duration).unwrap_or(Timestamp::MAX)
    }

    /// The result of the work, or `None` when it takes longer than that.
    pub(crate) async fn within<T>(&self, duration: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.sleep(duration) => None,
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// The source of random numbers failed, and with it everything that needs a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no random numbers can be had: {0}")]
pub struct RandomError(pub String);

/// Makes random bytes that nobody can guess: for keys, nonces and idempotency keys.
#[derive(Clone)]
pub struct Random {
    fill: Arc<Fill>,
}

impl Random {
    /// The operating system's generator.
    #[expect(clippy::disallowed_methods, reason = "the one place where this crate draws random numbers")]
    pub fn system() -> Self {
        Self::new(|bytes| getrandom::fill(bytes).map_err(|error| RandomError(error.to_string())))
    }

    /// A generator made of a function that fills bytes. Outside tests it must be fit for cryptography.
    pub fn new(fill: impl Fn(&mut [u8]) -> Result<(), RandomError> + Send + Sync + 'static) -> Self {
        Self { fill: Arc::new(fill) }
    }

    /// As many random bytes as the caller has room for.
    ///
    /// # Errors
    /// When the source fails.
    pub fn array<const LENGTH: usize>(&self) -> Result<[u8; LENGTH], RandomError> {
        let mut bytes = [0; LENGTH];
        (self.fill)(&mut bytes)?;
        Ok(bytes)
    }

    /// 128 random bits as 22 characters of base64url: for nonces.
    pub(crate) fn nonce(&self) -> Result<String, RandomError> {
        use base64::Engine as _;
        Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.array::<16>()?))
    }

    /// A version 4 UUID (RFC 9562 §5.4): for idempotency keys.
    pub(crate) fn uuid(&self) -> Result<String, RandomError> {
        Ok(uuid::Builder::from_random_bytes(self.array()?).into_uuid().to_string())
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_made_of_the_bytes_given() {
        let random = Random::new(|bytes| {
            bytes.fill(0xff);
            Ok(())
        });
        assert_eq!(random.nonce().unwrap(), "_____________________w");
        assert_eq!(random.uuid().unwrap(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn a_failing_source_is_an_error_and_not_a_zero() {
        let random = Random::new(|_| Err(RandomError("empty".to_owned())));
        assert_eq!(random.uuid(), Err(RandomError("empty".to_owned())));
    }

    #[test]
    fn the_systems_numbers_differ() {
        let random = Random::system();
        assert_ne!(random.array::<32>().unwrap(), random.array::<32>().unwrap());
    }
}
