//! Waiting for the browser on this machine: the way back from the consent page for programs without a web server
//! (RFC 8252 §7.3).

use crate::clock::{Clock, Duration};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::{Host, Url};

/// Largest head of a request that is read, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Connections that are served at a time; browsers open some that they do not use.
const CONNECTIONS_MAX: usize = 32;
/// How long one connection may take.
const CONNECTION_TIME: Duration = Duration::from_secs(10);

const PAGE: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
<title>Back to the app</title><style>body{font:1.2rem/1.5 system-ui,sans-serif;margin:20vh auto;max-width:24em;\
padding:0 1em;text-align:center}</style><h1>Your decision has arrived</h1>\
<p>Go back to the program that sent you here. You can close this window.</p>\n";

/// Why the browser cannot be, or was not, received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// Only this machine can be listened on, without encryption.
    #[error("{0:?} is not a callback on this machine; write one such as http://localhost:3344")]
    Url(String),
    /// The port is in use, or may not be used.
    #[error("{url} cannot be listened on: {source}")]
    Listen {
        /// The callback.
        url: String,
        /// The reason.
        source: io::Error,
    },
    /// The browser did not come back in time.
    #[error("the browser did not come back to {0} in time")]
    TimedOut(String),
}

/// Listens on a port of this machine for the browser's return from the consent page.
///
/// For command line and desktop programs; a web app has a route instead. It listens from [`bind`](Self::bind) on, so
/// that the grant can be requested with its [`url`](Self::url), and answers with a page that sends the person back to
/// the program.
///
/// ```no_run
/// # async fn example(
/// #     client: bursar_client::AuthenticatedClient, payer: bursar_client::types::WalletAddress,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use bursar_client::{CallbackListener, Duration, GrantRequest, OutgoingAccess};
///
/// let callback = CallbackListener::bind("http://localhost:0").await?; // 0: any port that is free
/// let mandate = OutgoingAccess::new(&payer.id).debit(payer.asset()?.parse_decimal("10")?);
/// let request = GrantRequest::new().access(mandate).finish(callback.url());
/// let pending = client.grants().request(&payer.auth_server, request).await?.pending()?;
/// println!("Please open {}", pending.redirect());
/// let grant = pending.finish(&callback.wait(Duration::from_secs(600)).await?).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct CallbackListener {
    url: Url,
    listeners: Vec<TcpListener>,
    clock: Clock,
}

impl CallbackListener {
    /// Listens at an `http` URL of this machine: `localhost`, `127.0.0.1` or `[::1]`, with a port or with port 0, which
    /// takes any that is free.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), bursar_client::CallbackError> {
    /// let callback = bursar_client::CallbackListener::bind("http://localhost:3344").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the URL is another one, or the port is in use.
    pub async fn bind(url: &str) -> Result<Self, CallbackError> {
        let invalid = || CallbackError::Url(url.chars().take(200).collect());
        let mut url = Url::parse(url).map_err(|_| invalid())?;
        url.set_fragment(None);
        let plain = url.scheme() == "http" && url.username().is_empty() && url.password().is_none();
        let port = url.port_or_known_default().filter(|_| plain).ok_or_else(invalid)?;
        let (v4, v6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
        let (first, second) = match url.host() {
            Some(Host::Ipv4(Ipv4Addr::LOCALHOST)) => (v4, None),
            Some(Host::Ipv6(Ipv6Addr::LOCALHOST)) => (v6, None),
            // Browsers try both in either order.
            Some(Host::Domain("localhost")) => (v4, Some(v6)),
            _ => return Err(invalid()),
        };
        let failed = |source: io::Error| CallbackError::Listen { url: url.to_string(), source };
        let listener = TcpListener::bind(SocketAddr::new(first, port)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let mut listeners = vec![listener];
        if let Some(second) = second
            && let Ok(listener) = TcpListener::bind(SocketAddr::new(second, port)).await
        {
            listeners.push(listener);
        }
        url.set_port(Some(port)).map_err(|()| invalid())?;
        Ok(Self { url, listeners, clock: Clock::system() })
    }

    /// The URL to give as finish URI, with the port that is listened on.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Waits until the browser comes back, for at most so long, and returns the URL that it came with: for
    /// [`PendingGrant::finish`](crate::PendingGrant::finish). Other requests, such as one for an icon, are turned away.
    ///
    /// Any program on this machine can make such a request; `finish` tells whether it was the right one. If it was not,
    /// wait again.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     callback: bursar_client::CallbackListener, pending: bursar_client::PendingGrant,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// # use bursar_client::{Duration, Error};
    /// let grant = loop {
    ///     let url = callback.wait(Duration::from_secs(600)).await?;
    ///     match pending.finish(&url).await {
    ///         Err(Error::HashMismatch | Error::Redirect(_)) => continue,
    ///         finished => break finished?,
    ///     }
    /// };
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the time is over, or connections cannot be accepted.
    pub async fn wait(&self, at_most: Duration) -> Result<String, CallbackError> {
        let timed_out = || CallbackError::TimedOut(self.url.to_string());
        self.clock.within(at_most, self.receive()).await.ok_or_else(timed_out)?
    }

    async fn receive(&self) -> Result<String, CallbackError> {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                Some(served) = connections.join_next() => {
                    if let Ok(Some(url)) = served {
                        return Ok(url);
                    }
                }
                accepted = self.accept(), if connections.len() < CONNECTIONS_MAX => {
                    let failed = |source| CallbackError::Listen { url: self.url.to_string(), source };
                    let (stream, clock, url) = (accepted.map_err(failed)?, self.clock.clone(), self.url.clone());
                    connections.spawn(async move { clock.within(CONNECTION_TIME, serve(stream, &url)).await.flatten() });
                }
            }
        }
    }

    async fn accept(&self) -> io::Result<TcpStream> {
        std::future::poll_fn(|context| {
            let mut accepted = self.listeners.iter().map(|listener| listener.poll_accept(context));
            accepted.find(std::task::Poll::is_ready).unwrap_or(std::task::Poll::Pending)
        })
        .await
        .map(|(stream, _)| stream)
    }
}

/// Answers one connection. The URL, if it is the browser's return.
async fn serve(mut stream: TcpStream, callback: &Url) -> Option<String> {
    let head = read_head(&mut stream).await?;
    let returned = returned(&head, callback);
    let (status, body) = match returned {
        Some(_) => ("200 OK", PAGE),
        None => ("404 Not Found", "There is nothing here.\n"),
    };
    let kind = if returned.is_some() { "text/html" } else { "text/plain" };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    // The browser may be gone already; its return counts all the same.
    if stream.write_all(answer.as_bytes()).await.is_ok() {
        let _ = stream.shutdown().await;
    }
    returned
}

/// The head of the request, or `None` if there is none of an acceptable size.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::with_capacity(1024);
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if head.len() >= HEAD_BYTES_MAX || stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    String::from_utf8(head).ok()
}

/// The full URL of the request, if it is a GET of the callback's path that carries an outcome.
fn returned(head: &str, callback: &Url) -> Option<String> {
    let mut words = head.lines().next()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if method != "GET" || !version.starts_with("HTTP/1.") || !target.starts_with('/') {
        return None;
    }
    let (path, query) = target.split_once('?')?;
    let is_outcome = url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, _)| matches!(&*name, "hash" | "interact_ref" | "result"));
    let origin = callback.origin().ascii_serialization();
    (path == callback.path() && is_outcome).then(|| format!("{origin}{target}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_return_is_taken_for_it() {
        fn check(head: &str, expected: Option<&str>) {
            let callback = Url::parse("http://localhost:3344/done?id=1").unwrap();
            assert_eq!(returned(head, &callback).as_deref(), expected, "{head}");
        }
        check(
            "GET /done?id=1&hash=a%2B&interact_ref=r HTTP/1.1\r\nHost: localhost:3344\r\n\r\n",
            Some("http://localhost:3344/done?id=1&hash=a%2B&interact_ref=r"),
        );
        check("GET /done?result=grant_rejected HTTP/1.1", Some("http://localhost:3344/done?result=grant_rejected"));
        check("GET /done?id=1 HTTP/1.1", None);
        check("GET /done HTTP/1.1", None);
        check("GET /favicon.ico HTTP/1.1", None);
        check("GET /?hash=a HTTP/1.1", None);
        check("POST /done?hash=a HTTP/1.1", None);
        check("GET http://evil.example/done?hash=a HTTP/1.1", None);
        check("GET /done?hash=a", None);
        check("", None);
        check("\r\n\r\n", None);
    }
}
