//! The keys of clients: those of our own wallet addresses from the database, those of others over the network.

use crate::net::FetchError;
use crate::{App, Clock, Error, wallets};
use bursar_core::access::ClientId;
use bursar_core::grant::BoundKey;
use bursar_core::{Code, Refusal};
use bursar_httpsig::{Jwk, JwkSet, PublicKey};
use bursar_types::{WalletAddress, WalletAddressUrl};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long another server's key set is believed.
const FRESH: Duration = Duration::from_secs(60);
/// How long it is believed while that server cannot be reached.
const STALE_MAX: Duration = Duration::from_secs(3600);
/// How long a server that could not be reached, or that has no such key set, is not asked again.
const FAILURE_REMEMBERED: Duration = Duration::from_secs(2);
const SETS_MAX: usize = 2048;
/// When a client whose keys cannot be read shall try again.
const KEYS_RETRY_SECONDS: u32 = 5;

/// Key sets of clients at other servers, cached with a bound.
#[derive(Default)]
pub struct RemoteKeys {
    sets: Mutex<HashMap<String, (Instant, KeySet)>>,
    failures: Mutex<HashMap<String, (Instant, FetchError)>>,
}

impl RemoteKeys {
    /// Forgets what is cached, so that key sets are read again.
    pub fn forget(&self) {
        self.sets.lock().clear();
        self.failures.lock().clear();
    }
}

/// Why there is no key set.
enum NoSet {
    /// The server cannot be asked just now.
    Unknown(FetchError),
    /// There is none, or it is no key set.
    Gone(FetchError),
}

type KeySet = Vec<(String, [u8; 32])>;

/// A client as it introduces itself: what identifies it, its name for people, and the key that must have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownClient {
    /// What identifies it.
    pub id: ClientId,
    /// Its public name, as its wallet address says.
    pub name: Option<String>,
    /// The key.
    pub key: BoundKey,
    /// The same, ready for verifying.
    pub public_key: PublicKey,
}

impl KnownClient {
    fn new(id: ClientId, name: Option<String>, kid: &str, public_key: PublicKey) -> Self {
        Self { id, name, key: BoundKey { kid: kid.to_owned(), x: public_key.to_bytes() }, public_key }
    }
}

fn rejected(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::refused(Code::ClientRejected, text)
}

/// The refusal while a client's keys cannot be looked at: not its fault, and not the end of its key.
fn unavailable(url: &str, error: &FetchError) -> Error {
    let text = format!("the keys of {url} cannot be read just now ({error}): try again in a moment");
    Refusal::new(Code::KeysUnavailable, text).retry_after(KEYS_RETRY_SECONDS).into()
}

/// Finds the client with this wallet address, and its key with this name.
///
/// # Errors
/// [`Code::ClientRejected`] when the address, or the key, cannot be found.
pub async fn client_at(app: &App, address: &str, kid: &str) -> Result<KnownClient, Error> {
    let url = WalletAddressUrl::parse(address).map_err(|error| rejected(format!("client: {error}")))?;
    let no_key = || rejected(format!("{url} has no key named {kid:?}, or it was revoked"));
    if url.origin() == app.config.public_url {
        let unknown = |error| match error {
            Error::Refused(_) => rejected(format!("client: there is no wallet address {url}")),
            error => error,
        };
        let mut published = wallets::published(app, url.as_str()).await.map_err(unknown)?;
        if published.key(kid).is_none() {
            // It may have been added on another node just now.
            app.wallets.forget_one(url.as_str());
            published = wallets::published(app, url.as_str()).await.map_err(unknown)?;
        }
        let public_key = published.key(kid).ok_or_else(no_key)?;
        let name = published.document.public_name.clone();
        return Ok(KnownClient::new(ClientId::WalletAddress(url.to_string()), name, kid, public_key));
    }
    if !app.config.development && !url.is_public() {
        return Err(rejected("client: a wallet address begins with https:// and has no port"));
    }
    let set = remote_set(app, url.as_str(), true).await.map_err(|none| match none {
        NoSet::Unknown(error) => unavailable(url.as_str(), &error),
        NoSet::Gone(error) => rejected(format!("the keys of {url} could not be read: {error}")),
    })?;
    let x = set.iter().find(|(name, _)| name == kid).map(|(_, x)| *x).ok_or_else(no_key)?;
    let public_key = PublicKey::from_bytes(&x).map_err(|error| rejected(error.to_string()))?;
    Ok(KnownClient::new(ClientId::WalletAddress(url.to_string()), None, kid, public_key))
}

/// The client with its public name, which for a client of another server is asked for there: after its signature was
/// verified, so that nobody else makes us ask.
pub async fn with_name(app: &App, client: KnownClient) -> KnownClient {
    let url = match &client.id {
        ClientId::WalletAddress(url) if !is_local(app, url) => url,
        _ => return client,
    };
    let document = app.net.get_json::<WalletAddress>(url).await.ok();
    let name = document.and_then(|document| document.public_name);
    KnownClient { name: name.map(|name| name.chars().filter(|c| !c.is_control()).take(100).collect()), ..client }
}

/// Reads a client that is only a key (directed identity).
///
/// # Errors
/// [`Code::ClientRejected`] when the key is no Ed25519 public key, or the signature names another one.
pub fn client_with(jwk: &bursar_types::JsonWebKey, kid: &str) -> Result<KnownClient, Error> {
    let invalid = |error: &dyn std::fmt::Display| rejected(format!("client.jwk: {error}"));
    let text = serde_json::to_value(jwk).map_err(|error| invalid(&error))?;
    if jwk.d.is_some() {
        return Err(rejected("client.jwk holds a private key: send only the public part, and replace this key"));
    }
    let jwk: Jwk = serde_json::from_value(text).map_err(|error| invalid(&error))?;
    if jwk.kid() != kid {
        return Err(rejected("the signature's keyid is not the kid of client.jwk"));
    }
    Ok(KnownClient::new(ClientId::Jwk(jwk.thumbprint()), None, kid, *jwk.public_key()))
}

/// Checks that a grant's key may still be used: its owner has not revoked it.
///
/// # Errors
/// A refusal that `refusal` makes of the reason.
pub async fn require_current(
    app: &App,
    client: &ClientId,
    key: &BoundKey,
    refusal: fn(String) -> Refusal,
) -> Result<PublicKey, Error> {
    if let ClientId::WalletAddress(url) = client {
        let current = if is_local(app, url) {
            match wallets::published(app, url).await {
                Ok(published) => published.key(&key.kid).map(|current| current.to_bytes()),
                Err(Error::Refused(_)) => None,
                Err(error) => return Err(error),
            }
        } else {
            match remote_set(app, url, false).await {
                Ok(set) => set.iter().find(|(kid, _)| *kid == key.kid).map(|(_, x)| *x),
                Err(NoSet::Gone(_)) => None,
                Err(NoSet::Unknown(error)) => return Err(unavailable(url, &error)),
            }
        };
        if current != Some(key.x) {
            return Err(refusal(format!("the client's key {:?} was revoked", key.kid)).into());
        }
    }
    PublicKey::from_bytes(&key.x).map_err(|error| Error::Internal(format!("a stored key is invalid: {error}")))
}

pub(crate) fn is_local(app: &App, url: &str) -> bool {
    url.strip_prefix(app.config.public_url.as_str()).is_some_and(|rest| rest.starts_with('/'))
}

/// The keys at another server's wallet address. `fresh`: an unknown key may have been added just now, so a set
/// is only believed for a moment.
async fn remote_set(app: &App, url: &str, fresh: bool) -> Result<KeySet, NoSet> {
    let cached = app.keys.sets.lock().get(url).cloned();
    let age = |at: Instant| Clock::real_instant().saturating_duration_since(at);
    let believe = if fresh { Duration::from_secs(1) } else { FRESH };
    if let Some((at, set)) = &cached
        && age(*at) < believe
    {
        return Ok(set.clone());
    }
    let failed_lately = app.keys.failures.lock().get(url).filter(|(at, _)| age(*at) < FAILURE_REMEMBERED).cloned();
    let asked = match failed_lately {
        Some((_, error)) => Err(error),
        None => app.net.get_json(&format!("{url}/jwks.json")).await,
    };
    // Keys of other kinds, or broken ones, are passed over: they are not what signs here.
    match asked as Result<JwkSet, FetchError> {
        Ok(document) => {
            let keys = document.keys.iter();
            let set: KeySet = keys.map(|jwk| (jwk.kid().to_owned(), jwk.public_key().to_bytes())).collect();
            let mut sets = app.keys.sets.lock();
            if sets.len() >= SETS_MAX {
                sets.retain(|_, (at, _)| age(*at) < FRESH);
            }
            if sets.len() < SETS_MAX {
                sets.insert(url.to_owned(), (Clock::real_instant(), set.clone()));
            }
            Ok(set)
        }
        Err(error) => {
            let mut failures = app.keys.failures.lock();
            failures.retain(|_, (at, _)| age(*at) < FAILURE_REMEMBERED);
            if failures.len() < SETS_MAX {
                failures.entry(url.to_owned()).or_insert_with(|| (Clock::real_instant(), error.clone()));
            }
            drop(failures);
            if !error.may_pass() {
                app.keys.sets.lock().remove(url);
                return Err(NoSet::Gone(error));
            }
            // A server that cannot be reached for a while does not revoke its clients' keys.
            match cached {
                Some((at, set)) if !fresh && age(at) < STALE_MAX => Ok(set),
                _ => Err(NoSet::Unknown(error)),
            }
        }
    }
}
