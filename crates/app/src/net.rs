//! Requests to other servers, at URLs chosen by strangers.
//!
//! Names are resolved here and the connection goes to the address that was checked, so that a name cannot turn
//! into another address in between. Private addresses are refused outside development; redirects are not
//! followed; time, size and the number of requests to one host are bounded.

use crate::{Clock, Error};
use parking_lot::Mutex;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use url::{Host, Url};

const TIMEOUT: Duration = Duration::from_secs(5);
const BODY_BYTES_MAX: usize = 64 * 1024;
const REQUESTS_PER_HOST_MAX: usize = 4;
const HOSTS_MAX: usize = 1024;

/// The way to other servers.
pub struct Net {
    client: reqwest::Client,
    development: bool,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// Why another server's answer could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The URL may not be asked at all.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The server did not answer in time or at all.
    #[error("the server could not be reached")]
    Unreachable,
    /// It answered with another status than 200.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The answer is not what it should be.
    #[error("{0}")]
    Unreadable(&'static str),
    /// Too many requests to that host are under way.
    #[error("too many requests to that server are under way")]
    Busy,
}

impl FetchError {
    /// Whether asking again later may help.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable | Self::Busy => true,
            Self::Status(status) => *status >= 500 || *status == 429,
            Self::Forbidden(_) | Self::Unreadable(_) => false,
        }
    }
}

impl Net {
    /// A network client; in development http and private addresses are allowed.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(development: bool) -> Result<Self, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Internal(format!("no network client: {error}"));
        // Another part of the program may have chosen one before; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .dns_resolver(Arc::new(Guarded { development }))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            .user_agent(concat!("bursar/", env!("CARGO_PKG_VERSION")))
            .pool_max_idle_per_host(1)
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Self { client, development, hosts: Mutex::default() })
    }

    /// Fetches a small JSON document.
    ///
    /// # Errors
    /// As [`FetchError`] says.
    pub async fn get_json<T: serde::de::DeserializeOwned>(&self, url: &str) -> Result<T, FetchError> {
        let url = Url::parse(url).map_err(|_| FetchError::Forbidden("not an URL"))?;
        self.check(&url)?;
        let turn = self.turn(url.host_str().unwrap_or_default())?;
        let asked = async {
            let _turn = turn.acquire().await.map_err(|_| FetchError::Busy)?;
            self.read(url).await
        };
        let answer = Clock::within(TIMEOUT, asked).await.ok_or(FetchError::Unreachable)?;
        serde_json::from_slice(&answer?).map_err(|_| FetchError::Unreadable("the answer is not the expected JSON"))
    }

    async fn read(&self, url: Url) -> Result<Vec<u8>, FetchError> {
        let request = self.client.get(url).header("accept", "application/json");
        let mut response = request.send().await.map_err(|_| FetchError::Unreachable)?;
        if response.status() != 200 {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| FetchError::Unreachable)? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(FetchError::Unreadable("the answer is too large"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Checks what the resolver does not see: the scheme, the port, and hosts that are addresses already.
    fn check(&self, url: &Url) -> Result<(), FetchError> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(FetchError::Forbidden("the URL has no host")),
        };
        if self.development {
            return match url.scheme() {
                "http" | "https" => Ok(()),
                _ => Err(FetchError::Forbidden("the URL must begin with https:// or http://")),
            };
        }
        if url.scheme() != "https" || url.port().is_some() {
            return Err(FetchError::Forbidden("the URL must begin with https:// and have no port"));
        }
        if address.is_some_and(|address| !is_public(address)) {
            return Err(FetchError::Forbidden("the URL names a private address"));
        }
        Ok(())
    }

    fn turn(&self, host: &str) -> Result<Arc<Semaphore>, FetchError> {
        let mut hosts = self.hosts.lock();
        if hosts.len() >= HOSTS_MAX {
            hosts.retain(|_, turn| turn.available_permits() < REQUESTS_PER_HOST_MAX);
        }
        if hosts.len() >= HOSTS_MAX {
            return Err(FetchError::Busy);
        }
        let turn = hosts.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(REQUESTS_PER_HOST_MAX)));
        Ok(turn.clone())
    }
}

/// Resolves names and leaves out addresses that nobody outside should make us ask.
struct Guarded {
    development: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let development = self.development;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|found| development || is_public(found.ip())).collect();
            if allowed.is_empty() {
                return Err("the name has no public address".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the public internet: not private, loopback, link-local, shared, documentation,
/// multicast or reserved (IANA special-purpose registries), also when an IPv4 address is written as IPv6.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let special = v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (18..20).contains(&b));
            !special
        }
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => is_public(IpAddr::V4(v4)),
            // Only 2000::/3 is given out; of it, documentation and Teredo are no places to go.
            None => {
                let [a, b, ..] = v6.segments();
                (a & 0xe000) == 0x2000 && !(a == 0x2001 && (b == 0x0db8 || b < 0x0200)) && (a & 0xfff0) != 0x3ff0
            }
        },
    }
}

/// The IPv4 address inside a mapped, compatible, 6to4 or NAT64 address.
fn embedded_v4(v6: Ipv6Addr) -> Option<std::net::Ipv4Addr> {
    let s = v6.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        std::net::Ipv4Addr::new(a, b, c, d)
    };
    match s {
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] => Some(v4(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}
