//! Use cases of the provider: what people and apps can do, each one function.
//!
//! A use case loads what a rule of `bursar-core` needs, lets it decide, and writes its plan down, all within one
//! transaction. Network calls are made before or after it, never inside. Only [`clock`] reads the system's clock,
//! only [`random`] its randomness, and only [`net`] makes requests.

pub mod accounts;
pub mod acquaintance;
pub mod activity;
pub mod addresses;
mod attempts;
pub mod believed;
pub mod callers;
pub mod clock;
pub mod closing;
pub mod config;
pub mod consent_api;
pub mod developer_keys;
pub mod error;
pub mod grants;
pub mod idempotent;
pub mod identities;
pub mod incoming;
pub mod interactions;
pub mod jobs;
pub mod key_uses;
pub mod keys;
pub mod lists;
pub mod login;
pub mod mandates;
pub mod net;
pub mod outgoing;
pub mod overview;
pub mod passkeys;
pub mod people;
pub mod quotes;
pub mod random;
pub mod rate_limits;
pub mod rates;
pub mod receivers;
pub mod requests;
pub mod sandbox;
pub mod sending;
pub mod spending;
pub mod tokens;
pub mod wallets;

pub use clock::Clock;
pub use config::Config;
pub use error::Error;
pub use random::Random;

/// Identifiers of what is stored.
pub use bursar_core::Id;
/// The kinds of refusals, which belong to the rules.
pub use bursar_core::refusal as refusals;
/// Failures of the database.
pub use bursar_store::Error as StoreError;

use believed::Believed;
use bursar_core::Secret;
use bursar_store::{LockKey, Store};
use jiff::Timestamp;

/// A provider: its configuration, its database, and its view of time, chance and the network.
pub struct App {
    /// How it is set up.
    pub config: Config,
    /// Its database.
    pub store: Store,
    /// Its clock.
    pub clock: Clock,
    /// Its randomness.
    pub random: Random,
    /// Its secret.
    pub secret: Secret,
    /// Its way to other servers.
    pub net: net::Net,
    /// Callers that were found lately, by their token.
    pub callers: Believed<Id, callers::Caller>,
    /// Wallet addresses of this provider that were asked for lately, by their URL.
    pub wallets: Believed<String, wallets::Published>,
    /// What payments between a wallet address, as it was spelled, and a quote or incoming payment change.
    pub paths: Believed<(String, Id), Vec<LockKey>>,
    /// Nonces of requests that change nothing.
    pub nonces: callers::ReadNonces,
    /// Key sets of clients at other servers.
    pub keys: keys::RemoteKeys,
    /// When keys of our wallet addresses last signed something.
    pub key_uses: key_uses::KeyUses,
    /// What the exchange-rate endpoint last told.
    pub rates: rates::RateCache,
    /// What other identity providers last said about themselves.
    pub identities: identities::Known,
    /// How much callers have asked lately.
    pub limiter: rate_limits::Limiter,
    /// Turns at hashing passwords, which takes much memory and time.
    passwords: tokio::sync::Semaphore,
}

/// Most passwords that are hashed at the same time.
const PASSWORDS_MAX: usize = 4;

impl App {
    /// A provider from its parts.
    ///
    /// # Errors
    /// When the network client cannot be set up.
    pub fn new(config: Config, store: Store, clock: Clock, random: Random, secret: Secret) -> Result<Self, Error> {
        let net = net::Net::new(config.development)?;
        let passwords = tokio::sync::Semaphore::new(PASSWORDS_MAX);
        let (keys, limiter) = (keys::RemoteKeys::default(), rate_limits::Limiter::new(config.rate_limits, &clock));
        let (rates, identities) = (rates::RateCache::default(), identities::Known::default());
        let (callers, wallets, paths) = (Believed::default(), Believed::default(), Believed::default());
        let nonces = callers::ReadNonces::default();
        Ok(Self {
            config,
            store,
            clock,
            random,
            secret,
            net,
            callers,
            wallets,
            paths,
            nonces,
            keys,
            key_uses: key_uses::KeyUses::default(),
            rates,
            identities,
            limiter,
            passwords,
        })
    }

    /// The present, and a new id made in it.
    pub fn now_and_id(&self) -> (Timestamp, Id) {
        let now = self.clock.now();
        (now, self.new_id(now))
    }

    /// A new id for something made now.
    pub fn new_id(&self, now: Timestamp) -> Id {
        Id::new(now, self.random.bytes())
    }
}
