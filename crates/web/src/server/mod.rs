//! The loop that accepts connections and answers what comes over them.
//!
//! It is here and not in the program, so that tests meet the very bounds that callers meet.

mod pace;
mod peers;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use bursar_app::Clock;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pace::{HeadTimer, Paced};
use peers::{Peers, Place};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
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
    /// Most connections. When all are taken, idle ones are closed; others wait until one is. Below the 1024 files that a process mostly may have open.
    pub connections_max: usize,
    /// Most connections of one caller on the internet: one IPv4 address, or one /64 network of IPv6. More are closed at
    /// once.
    pub connections_per_peer_max: usize,
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
            connections_per_peer_max: 300,
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
    let peers = Peers::new(limits.connections_per_peer_max);
    let close = Arc::new(watch::Sender::new(()));
    let mut stop = std::pin::pin!(stop);
    loop {
        let (slot, connection, peer) = tokio::select! {
            biased;
            () = &mut stop => break,
            next = accept(&listener, &slots, &close) => next,
        };
        let Some(place) = peers.enter(peer.ip()) else { continue };
        let held = (slot, place);
        tokio::spawn(answer(router.clone(), connection, peer, limits, close.subscribe(), held));
    }
    // From now on nobody gets the impression that somebody will answer.
    drop(listener);
    close.send_replace(());
    let all = u32::try_from(limits.connections_max).unwrap_or(u32::MAX);
    let finished = Clock::within(limits.stop_timeout, slots.acquire_many(all)).await.is_some();
    if !finished {
        tracing::warn!("stopped with requests under way that took longer than {:?}", limits.stop_timeout);
    }
    finished
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    close: &watch::Sender<()>,
) -> (Option<OwnedSemaphorePermit>, TcpStream, SocketAddr) {
    let (connection, peer) = loop {
        match listener.accept().await {
            Ok(accepted) => break accepted,
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::error!("no connection can be accepted just now: {error}");
                Clock::real_sleep(ACCEPT_PAUSE).await;
            }
        }
    };
    if slots.available_permits() == 0 {
        // Whoever comes has something to ask; those who are idle have not.
        close.send_replace(());
    }
    // Nobody closes the semaphore.
    (slots.clone().acquire_owned().await.ok(), connection, peer)
}

/// Whether only the connection failed that would have been accepted.
fn is_of_the_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers whatever comes over one connection. When told to `close`, it finishes what is under way, which may be
/// nothing.
async fn answer(
    router: Router,
    connection: TcpStream,
    peer: SocketAddr,
    limits: Limits,
    mut close: watch::Receiver<()>,
    held: (Option<OwnedSemaphorePermit>, Place),
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
    let mut answering = std::pin::pin!(http.serve_connection(TokioIo::new(connection), service));
    let done = tokio::select! {
        done = &mut answering => done,
        _ = close.changed() => {
            answering.as_mut().graceful_shutdown();
            answering.await
        }
    };
    if let Err(error) = done {
        tracing::debug!("a connection of {peer} ended early: {error}");
    }
    drop(held);
}

#[cfg(test)]
mod tests;
