//! The loop that accepts connections and answers what comes over them.
//!
//! It is here and not in the program, so that tests meet the very bounds that callers meet.

mod pace;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use bursar_app::Clock;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use pace::{HeadTimer, Paced};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

/// What a caller may take of the server before a request is even known.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long the head of a request may take, from its first byte; for the first one, from the connection.
    pub head_timeout: Duration,
    /// How long a connection stays open while nothing comes. Longer than proxies keep theirs (mostly a minute): else
    /// they send a request over a connection that is just being closed, and its caller gets an error.
    pub idle_timeout: Duration,
    /// How long a caller may take nothing of an answer.
    pub write_timeout: Duration,
    /// Largest head of a request in bytes, answered with 431 beyond (RFC 6585 §5). It may have 100 fields.
    pub head_bytes_max: usize,
    /// Most connections; others wait until one is closed. Below the 1024 files that a process mostly may have open.
    pub connections_max: usize,
    /// How long requests that are under way may take once the server is told to stop.
    pub stop_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            head_bytes_max: 32 * 1024,
            connections_max: 900,
            stop_timeout: Duration::from_secs(20),
        }
    }
}

/// How long to wait when no connection can be accepted, for want of memory or files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Largest buffer of a connection for what comes in or goes out.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// Answers requests until `stop`, then finishes those under way, within a bound; whether all of them were finished.
/// Every request carries its peer's address as `ConnectInfo<SocketAddr>`.
pub async fn serve(router: Router, listener: TcpListener, limits: Limits, stop: impl Future<Output = ()>) -> bool {
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let open = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (slot, connection, peer) = tokio::select! {
            biased;
            () = &mut stop => break,
            next = accept(&listener, &slots) => next,
        };
        tokio::spawn(answer(router.clone(), connection, peer, limits, open.watcher(), slot));
    }
    // From now on nobody gets the impression that somebody will answer.
    drop(listener);
    let finished = Clock::within(limits.stop_timeout, open.shutdown()).await.is_some();
    if !finished {
        tracing::warn!("stopped with requests under way that took longer than {:?}", limits.stop_timeout);
    }
    finished
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, TcpStream, SocketAddr) {
    // Nobody closes the semaphore.
    let slot = slots.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((connection, peer)) => return (slot, connection, peer),
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::error!("no connection can be accepted just now: {error}");
                Clock::real_sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether only the connection failed that would have been accepted.
fn is_of_the_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers whatever comes over one connection.
async fn answer(
    router: Router,
    connection: TcpStream,
    peer: SocketAddr,
    limits: Limits,
    watcher: Watcher,
    slot: Option<OwnedSemaphorePermit>,
) {
    // Answers are small and whole: waiting to fill a packet only delays them.
    let _ = connection.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let connection = Paced::new(connection, limits.write_timeout);
    let mut http = http1::Builder::new();
    http.timer(HeadTimer::new(connection.arrivals(), limits.idle_timeout))
        .header_read_timeout(limits.head_timeout)
        .max_header_size(limits.head_bytes_max)
        .max_buf_size(BUFFER_BYTES_MAX);
    if let Err(error) = watcher.watch(http.serve_connection(TokioIo::new(connection), service)).await {
        tracing::debug!("a connection of {peer} ended early: {error}");
    }
    drop(slot);
}

#[cfg(test)]
mod tests;
