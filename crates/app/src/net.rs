//! Requests to other servers, at URLs chosen by strangers.
//!
//! Names are resolved here and the connection goes to the address that was checked, so that a name cannot turn
//! into another address in between. Private addresses are refused outside development; redirects are not
//! followed; answers are taken as they come, never unpacked; time, size and the number of requests to one host are
//! bounded. URLs that the operator has set up are asked with the same bounds, but wherever they lead.

use crate::{Clock, Error};
use parking_lot::Mutex;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use url::{Host, Url};

const BODY_BYTES_MAX: usize = 64 * 1024;
const REQUESTS_PER_HOST_MAX: usize = 4;
const HOSTS_MAX: usize = 1024;

/// The way to other servers.
pub struct Net {
    rules: Rules,
    /// For URLs chosen by strangers.
    guarded: reqwest::Client,
    /// For URLs chosen by the operator.
    configured: reqwest::Client,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// What strangers' URLs may be, and how long their servers may take.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Whether http and ports are allowed.
    pub http_and_ports: bool,
    /// The addresses that may be connected to.
    pub may_connect: fn(IpAddr) -> bool,
    /// The time for everything, from the wait for a turn to the last byte.
    pub timeout: Duration,
}

impl Rules {
    /// For real money: https on its own port, and the public internet only.
    pub const PUBLIC: Self = Self { http_and_ports: false, may_connect: is_public, timeout: Duration::from_secs(5) };
    /// For development: anything.
    pub const DEVELOPMENT: Self = Self { http_and_ports: true, may_connect: |_| true, ..Self::PUBLIC };
}

/// How names become addresses.
#[derive(Clone)]
pub enum Resolver {
    /// As the operating system does it.
    System,
    /// As a test says.
    Table(Arc<Names>),
}

/// The addresses of a name.
pub type Names = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

/// Why another server's answer could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The URL may not be asked at all.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Its host's name leads only to addresses that may not be asked, as it resolves now.
    #[error("its host has no public address")]
    NoPublicAddress,
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
    /// Whether asking again later may help. What a name leads to is up to the network, too, not only to its owner.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable | Self::NoPublicAddress | Self::Busy => true,
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
        let rules = if development { Rules::DEVELOPMENT } else { Rules::PUBLIC };
        Self::with(rules, Resolver::System)
    }

    /// A network client with rules and names of its own.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn with(rules: Rules, resolver: Resolver) -> Result<Self, Error> {
        // Another part of the program may have chosen one before; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = |may_connect| {
            reqwest::Client::builder()
                .dns_resolver(Arc::new(Guarded { may_connect, resolver: resolver.clone() }))
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                // A small answer must not become a large one by being unpacked.
                .no_gzip()
                .no_brotli()
                .no_zstd()
                .no_deflate()
                .timeout(rules.timeout)
                .connect_timeout(rules.timeout)
                .user_agent(concat!("bursar/", env!("CARGO_PKG_VERSION")))
                .pool_max_idle_per_host(1)
                .build()
                .map_err(|error| Error::Internal(format!("no network client: {error}")))
        };
        let (guarded, configured) = (client(rules.may_connect)?, client(|_| true)?);
        Ok(Self { rules, guarded, configured, hosts: Mutex::default() })
    }

    /// Fetches a small JSON document at an URL that a stranger chose.
    ///
    /// # Errors
    /// As [`FetchError`] says.
    pub async fn get_json<T: serde::de::DeserializeOwned>(&self, url: &str) -> Result<T, FetchError> {
        let url = parse(url)?;
        self.check(&url)?;
        let (headers, body) = self.get(&self.guarded, url, "application/json").await?;
        if !is_json(&headers) {
            return Err(FetchError::Unreadable("the answer is not JSON, as its content type says"));
        }
        serde_json::from_slice(&body).map_err(|_| FetchError::Unreadable("the answer is not the expected JSON"))
    }

    /// Fetches a small document, of whatever kind, at an URL that the operator has set up: http, ports and private
    /// addresses are allowed. Time, size, and redirects, which are not followed, are as for strangers.
    ///
    /// # Errors
    /// As [`FetchError`] says.
    pub async fn get_configured(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let url = parse(url)?;
        check_scheme(&url)?;
        self.get(&self.configured, url, "*/*").await.map(|(_, body)| body)
    }

    /// Posts a form to an URL that the operator has set up, with a name and password if there are any (RFC 6749 §2.3.1),
    /// and takes whatever the answer is: its status and its body. The bounds are those of [`Net::get_configured`].
    ///
    /// # Errors
    /// As [`FetchError`] says.
    pub async fn post_form_configured(
        &self,
        url: &str,
        form: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Result<(u16, Vec<u8>), FetchError> {
        let url = parse(url)?;
        check_scheme(&url)?;
        let turn = self.turn(url.host_str().unwrap_or_default())?;
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = self
            .configured
            .post(url)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        if let Some((name, password)) = basic {
            let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            request = request.basic_auth(encode(name), Some(encode(password)));
        }
        let asked = async {
            let _turn = turn.acquire().await.map_err(|_| FetchError::Busy)?;
            let mut response = request.send().await.map_err(|error| unreachable(&error))?;
            let body = read_body(&mut response).await?;
            Ok((response.status().as_u16(), body))
        };
        Clock::within(self.rules.timeout, asked).await.ok_or(FetchError::Unreachable)?
    }

    async fn get(
        &self,
        client: &reqwest::Client,
        url: Url,
        accept: &'static str,
    ) -> Result<(HeaderMap, Vec<u8>), FetchError> {
        let turn = self.turn(url.host_str().unwrap_or_default())?;
        let asked = async {
            let _turn = turn.acquire().await.map_err(|_| FetchError::Busy)?;
            read(client.get(url).header(ACCEPT, accept)).await
        };
        Clock::within(self.rules.timeout, asked).await.ok_or(FetchError::Unreachable)?
    }

    /// Checks what the resolver does not see: the scheme, the port, and hosts that are addresses already.
    fn check(&self, url: &Url) -> Result<(), FetchError> {
        check_scheme(url)?;
        if !self.rules.http_and_ports && (url.scheme() != "https" || url.port().is_some()) {
            return Err(FetchError::Forbidden("the URL must begin with https:// and have no port"));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(FetchError::Forbidden("the URL has no host")),
        };
        if address.is_some_and(|address| !(self.rules.may_connect)(address)) {
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

fn parse(url: &str) -> Result<Url, FetchError> {
    Url::parse(url).map_err(|_| FetchError::Forbidden("not an URL"))
}

fn check_scheme(url: &Url) -> Result<(), FetchError> {
    match url.scheme() {
        "http" | "https" => Ok(()),
        _ => Err(FetchError::Forbidden("the URL must begin with https:// or http://")),
    }
}

async fn read(request: reqwest::RequestBuilder) -> Result<(HeaderMap, Vec<u8>), FetchError> {
    let mut response = request.send().await.map_err(|error| unreachable(&error))?;
    if response.status() != 200 {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    let body = read_body(&mut response).await?;
    Ok((std::mem::take(response.headers_mut()), body))
}

async fn read_body(response: &mut reqwest::Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(FetchError::Unreadable("the answer is too large"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whether an answer says to be JSON (RFC 6839 §3.1), or nothing about what it is.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return true };
    let kind = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.ends_with("/json") || kind.ends_with("+json")
}

/// Why a connection came to nothing, as far as it makes a difference.
fn unreachable(error: &reqwest::Error) -> FetchError {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<NoAddress>() {
            return FetchError::NoPublicAddress;
        }
        source = cause.source();
    }
    FetchError::Unreachable
}

/// Resolves names and leaves out addresses that nobody outside should make us ask.
struct Guarded {
    may_connect: fn(IpAddr) -> bool,
    resolver: Resolver,
}

/// A name has addresses, but none that may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("the name has no public address")]
struct NoAddress;

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (may_connect, resolver) = (self.may_connect, self.resolver.clone());
        Box::pin(async move {
            let found: Vec<SocketAddr> = match resolver {
                Resolver::System => tokio::net::lookup_host((name.as_str(), 0)).await?.collect(),
                Resolver::Table(look_up) => {
                    look_up(name.as_str()).into_iter().map(|address| SocketAddr::new(address, 0)).collect()
                }
            };
            let named = !found.is_empty();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|found| may_connect(found.ip())).collect();
            if named && allowed.is_empty() {
                return Err(NoAddress.into());
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
