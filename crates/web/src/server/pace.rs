//! How slow a connection may be.
//!
//! The HTTP library has one time-out for heads, which runs while a connection is idle, too. Slow heads must end soon,
//! idle connections must not; so its timer asks the connection whether anything has come.

use bursar_app::Clock;
use hyper::rt::{Sleep, Timer};
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Counts how often something has come over a connection.
pub(super) type Arrivals = Arc<AtomicU64>;

/// A connection that notes when something comes, and ends when the other side takes nothing for too long.
pub(super) struct Paced {
    connection: TcpStream,
    arrivals: Arrivals,
    write_timeout: Duration,
    /// Runs while the other side takes nothing.
    stalled: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Paced {
    pub(super) fn new(connection: TcpStream, write_timeout: Duration) -> Self {
        Self { connection, arrivals: Arrivals::default(), write_timeout, stalled: None }
    }

    pub(super) fn arrivals(&self) -> Arrivals {
        self.arrivals.clone()
    }

    /// What came of writing, unless it has come to nothing for too long.
    fn watch<T>(&mut self, context: &mut Context<'_>, written: Poll<Result<T>>) -> Poll<Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(Clock::real_sleep(self.write_timeout)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the caller takes no answer"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Paced {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.connection).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.arrivals.fetch_add(1, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write_vectored(context, slices);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let flushed = Pin::new(&mut self.connection).poll_flush(context);
        self.watch(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}

/// The timer for heads of one connection.
pub(super) struct HeadTimer {
    arrivals: Arrivals,
    idle_timeout: Duration,
}

impl HeadTimer {
    pub(super) fn new(arrivals: Arrivals, idle_timeout: Duration) -> Self {
        Self { arrivals, idle_timeout }
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        let seen = self.arrivals.load(Ordering::Relaxed);
        // Whoever connects has something to say.
        let first = if seen == 0 { duration } else { self.idle_timeout };
        let sleep = Box::pin(Clock::real_sleep(first));
        Box::pin(HeadSleep { arrivals: self.arrivals.clone(), seen, head_timeout: Some(duration), sleep })
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(deadline.saturating_duration_since(self.now()))
    }

    fn now(&self) -> Instant {
        Clock::real_instant()
    }
}

/// Waits for the first byte of a head, and from then on for the rest of it. The library polls it whenever the
/// connection was read.
struct HeadSleep {
    arrivals: Arrivals,
    seen: u64,
    /// The time for a head; taken when its first byte has come.
    head_timeout: Option<Duration>,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl Future for HeadSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // The first head of a connection has been waited for from the start.
        if self.seen > 0
            && self.arrivals.load(Ordering::Relaxed) > self.seen
            && let Some(head_timeout) = self.head_timeout.take()
        {
            self.sleep = Box::pin(Clock::real_sleep(head_timeout));
        }
        self.sleep.as_mut().poll(context)
    }
}

impl Sleep for HeadSleep {}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(75);

    /// Whether the sleep ends within a second of the next so many seconds. The clock of the executor jumps.
    async fn ends_after(sleep: &mut Pin<Box<dyn Sleep>>, seconds: u64) -> bool {
        let early = Clock::within(Duration::from_secs(seconds - 1), &mut *sleep).await;
        early.is_none() && Clock::within(Duration::from_secs(2), &mut *sleep).await.is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_has_the_time_of_a_head() {
        let arrivals = Arrivals::default();
        let timer = HeadTimer::new(arrivals.clone(), IDLE);
        let mut sleep = timer.sleep(HEAD);
        assert!(ends_after(&mut sleep, 10).await);
        // Bytes that come do not prolong it.
        let mut sleep = timer.sleep(HEAD);
        assert_eq!(Clock::within(Duration::from_secs(5), &mut sleep).await, None);
        arrivals.fetch_add(1, Ordering::Relaxed);
        assert!(ends_after(&mut sleep, 5).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_was_used_may_be_idle() {
        let arrivals = Arrivals::default();
        arrivals.fetch_add(1, Ordering::Relaxed);
        let timer = HeadTimer::new(arrivals.clone(), IDLE);
        let mut sleep = timer.sleep(HEAD);
        assert!(ends_after(&mut sleep, 75).await);
        // From the first byte on it has the time of a head, whatever else comes.
        let mut sleep = timer.sleep(HEAD);
        assert_eq!(Clock::within(Duration::from_secs(60), &mut sleep).await, None);
        arrivals.fetch_add(1, Ordering::Relaxed);
        assert_eq!(Clock::within(Duration::from_secs(5), &mut sleep).await, None);
        arrivals.fetch_add(1, Ordering::Relaxed);
        assert!(ends_after(&mut sleep, 5).await);
    }
}
