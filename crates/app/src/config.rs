//! How a provider is set up.

use crate::rate_limits::RateLimits;
use crate::rates::RateSource;
use bursar_core::SharedSecret;
use bursar_core::fee::Fees;
pub use bursar_core::person::Meeting;
use bursar_httpsig::Policy;
use bursar_types::Asset;
use ipnet::IpNet;
use jiff::SignedDuration;
use std::sync::Arc;
use url::Url;

/// A provider's configuration. The documented defaults are those of [`Config::new`].
#[derive(Debug, Clone)]
pub struct Config {
    /// The URL under which clients reach this server, without a trailing slash. Signatures cover it.
    pub public_url: String,
    /// What people read on its pages.
    pub provider_name: String,
    /// Whether http, ports and private addresses of others are accepted. Never for real money.
    pub development: bool,
    /// Whether the sandbox API is offered, which gives anybody money and any account.
    pub sandbox: bool,
    /// Where exchange rates come from.
    pub rates: RateSource,
    /// What this provider takes for payments.
    pub fees: Arc<Fees>,
    /// How old and how new signatures may be.
    pub signatures: Policy,
    /// How long an access token lives: 10 minutes.
    pub token_lifetime: SignedDuration,
    /// How long a person has to decide, and a client to fetch the result: 10 minutes.
    pub interaction_lifetime: SignedDuration,
    /// How long a polling client waits between two questions: 5 seconds.
    pub poll_wait: SignedDuration,
    /// The longest life of an incoming payment: 30 days.
    pub incoming_lifetime_max: SignedDuration,
    /// How long a quote binds the provider: 5 minutes.
    pub quote_lifetime: SignedDuration,
    /// How long an account holder stays logged in: 12 hours.
    pub session_lifetime: SignedDuration,
    /// How long an idempotency key is remembered: 24 hours.
    pub idempotency_lifetime: SignedDuration,
    /// Proxies in front of this server, which are believed when they say for whom they ask: none.
    pub trusted_proxies: Vec<IpNet>,
    /// How many requests a caller may make to the public APIs. Without limits in the sandbox.
    pub rate_limits: RateLimits,
    /// The provider's own consent page, if people do not decide on the built-in one.
    pub consent_page: Option<ConsentPage>,
    /// The assets in which strangers may open accounts; without any, nobody signs up by themselves.
    pub sign_up: Vec<Asset>,
    /// Whether people log in here with passwords and passkeys: they do. Else only at the identity providers.
    pub has_built_in_log_in: bool,
    /// Other identity providers at which people may log in: none.
    pub identity_providers: Vec<Arc<IdentityProvider>>,
    /// The ILP address of this provider, below which incoming payments have theirs.
    pub ilp_address: String,
}

/// A consent page of the provider's own, outside of this program. It knows who sits at the browser.
#[derive(Debug, Clone)]
pub struct ConsentPage {
    /// Where browsers are sent to; the request's names are added to its query.
    pub url: Url,
    /// What its program presents when it asks about a request and answers it.
    pub secret: SharedSecret,
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfig {
    /// The public URL is not one, or has more than scheme, host and port.
    #[error("the public URL {0:?} must be like https://wallet.example: a scheme, a host, perhaps a port, and no path")]
    PublicUrl(String),
    /// It is not https, although real money needs it.
    #[error("the public URL {0} must begin with https:// (only the sandbox may use http)")]
    NotSecure(String),
    /// The sandbox would be open to the world.
    #[error(
        "the sandbox gives money to anybody, so its public URL must be a loopback address or end in .test, not {0}; \
         use --force-sandbox if only friends can reach it"
    )]
    PublicSandbox(String),
}

impl Config {
    /// A configuration with the defaults for this public URL.
    ///
    /// # Errors
    /// When the URL is no plain origin, or not allowed for this kind of server.
    pub fn new(public_url: &str, sandbox: bool, force_sandbox: bool) -> Result<Self, InvalidConfig> {
        let invalid = || InvalidConfig::PublicUrl(public_url.to_owned());
        let url = Url::parse(public_url).map_err(|_| invalid())?;
        let host = url.host_str().ok_or_else(invalid)?;
        let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !plain || !matches!(url.scheme(), "http" | "https") {
            return Err(invalid());
        }
        if url.scheme() == "http" && !sandbox {
            return Err(InvalidConfig::NotSecure(public_url.to_owned()));
        }
        if sandbox && !force_sandbox && !is_harmless(host) {
            return Err(InvalidConfig::PublicSandbox(host.to_owned()));
        }
        Ok(Self {
            public_url: url.as_str().trim_end_matches('/').to_owned(),
            provider_name: "Bursar".to_owned(),
            development: sandbox,
            sandbox,
            rates: RateSource::default(),
            fees: Arc::default(),
            signatures: Policy::default(),
            token_lifetime: SignedDuration::from_mins(10),
            interaction_lifetime: SignedDuration::from_mins(10),
            poll_wait: SignedDuration::from_secs(5),
            incoming_lifetime_max: SignedDuration::from_hours(30 * 24),
            quote_lifetime: SignedDuration::from_mins(5),
            session_lifetime: SignedDuration::from_hours(12),
            idempotency_lifetime: SignedDuration::from_hours(24),
            trusted_proxies: Vec::new(),
            rate_limits: if sandbox { RateLimits::NONE } else { RateLimits::default() },
            consent_page: None,
            sign_up: Vec::new(),
            has_built_in_log_in: true,
            identity_providers: Vec::new(),
            ilp_address: "test.bursar".to_owned(),
        })
    }

    /// The grant endpoint of the authorization server.
    pub fn auth_url(&self) -> String {
        format!("{}/auth", self.public_url)
    }

    /// The base of the resource server.
    pub fn resource_url(&self) -> String {
        format!("{}/op", self.public_url)
    }

    /// The URL of a wallet address of this provider.
    pub fn wallet_address_url(&self, name: &str) -> String {
        format!("{}/{name}", self.public_url)
    }

    /// The host name that passkeys belong to; none where browsers have no passkeys: at addresses, and over http but on
    /// this machine (Web Authentication §5.1.2, Secure Contexts §3.1).
    pub fn passkey_host(&self) -> Option<&str> {
        let (scheme, rest) = self.public_url.split_once("://")?;
        let host = match rest.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => rest,
        };
        let is_local = host == "localhost" || host.ends_with(".localhost");
        let is_name = !host.starts_with('[') && host.parse::<std::net::IpAddr>().is_err();
        (is_name && (scheme == "https" || is_local)).then_some(host)
    }

    /// Whether browsers reach this server over TLS, so that cookies can insist on it.
    pub fn is_secure(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

/// An OpenID Connect provider at which people may log in.
#[derive(Clone)]
pub struct IdentityProvider {
    /// What it is called in URLs.
    pub id: String,
    /// What people read on its button.
    pub name: String,
    /// Its issuer identifier, to the letter.
    pub issuer: String,
    /// What this server is called there.
    pub client_id: String,
    /// The secret that they share, if they do.
    pub client_secret: Option<String>,
    /// The scopes that are asked for, `openid` among them.
    pub scopes: Vec<String>,
    /// The claim that names an account holder.
    pub name_claim: String,
    /// Whom somebody who comes from there is taken for.
    pub people: Meeting,
    /// The asset of accounts that are opened for newcomers.
    pub asset: Option<Asset>,
}

impl std::fmt::Debug for IdentityProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityProvider").field("id", &self.id).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Loopback, or a name that never leaves a test set-up (RFC 6761).
fn is_harmless(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    loopback || host == "localhost" || host.ends_with(".localhost") || host.ends_with(".test")
}
