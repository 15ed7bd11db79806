//! Who calls: access tokens at the resource server, and the keys they are bound to.

use crate::{App, Error, keys};
use bursar_core::access::{ClientId, GrantedAccess};
use bursar_core::grant::{BoundKey, Grant, State};
use bursar_core::secret::Purpose;
use bursar_core::{Code, Id, Refusal};
use bursar_httpsig::PublicKey;
use bursar_store::{Tx, grant, nonce, token};
use jiff::Timestamp;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// The bearer of a valid access token. Its signature is checked next, with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The grant behind the token.
    pub grant: Id,
    /// The client.
    pub client: ClientId,
    /// The key that must have signed.
    pub key: BoundKey,
    /// What the token allows.
    pub access: Vec<GrantedAccess>,
    /// Counts what the account holder had changed in that by then.
    pub revision: u64,
    /// The key, ready for verifying.
    pub public_key: PublicKey,
    /// From when the token is no longer accepted.
    pub expires_at: Timestamp,
}

/// Finds the grant behind an access token, and its key, unless its owner has revoked that.
///
/// # Errors
/// [`Code::TokenUnknown`], [`Code::TokenInactive`], [`Code::SignatureInvalid`].
pub async fn find(app: &App, value: &str) -> Result<Arc<Caller>, Error> {
    let unknown = || Error::refused(Code::TokenUnknown, "Invalid Token");
    let id = app.secret.token_id(Purpose::AccessToken, value).ok_or_else(unknown)?;
    let now = app.clock.now();
    if let Some(caller) = app.callers.get(&id).filter(|caller| now < caller.expires_at) {
        return Ok(caller);
    }
    let reading = app.callers.begin();
    let found = app
        .store
        .read(move |tx| {
            let Some(token) = token::by_id(tx, &id)? else { return Ok::<_, Error>(None) };
            Ok(grant::by_id(tx, &token.grant)?.map(|grant| (token, grant)))
        })
        .await?;
    let (token, grant) = found.ok_or_else(unknown)?;
    if !token.is_usable(now) || !matches!(grant.state, State::Issued { .. }) {
        return Err(Error::refused(Code::TokenInactive, "Inactive Token"));
    }
    let public_key = keys::require_current(app, &grant.client, &grant.key, signature_refusal).await?;
    let Grant { id: grant, client, key, access, revision, .. } = grant;
    let caller = Arc::new(Caller { grant, client, key, access, revision, public_key, expires_at: token.expires_at });
    app.callers.keep(reading, id, caller.clone());
    Ok(caller)
}

/// The refusal of a signature at the resource server; deployed clients match how its description begins.
pub fn signature_refusal(reason: String) -> Refusal {
    Refusal::new(Code::SignatureInvalid, format!("Signature validation error: {reason}"))
}

/// The refusal of a signature at the authorization server.
pub fn client_refusal(reason: String) -> Refusal {
    Refusal::new(Code::ClientRejected, reason)
}

/// What the signature of a nonce was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// Something that changes nothing: accepted once on this node, as long as it has room to remember that.
    Harmless,
    /// Anything else: accepted once on every node, also after a restart.
    Harmful,
}

/// Accepts a signature's nonce once.
///
/// # Errors
/// The refusal that `refusal` makes, when the nonce was used before.
pub async fn use_nonce(
    app: &App,
    key: &[u8; 32],
    value: &str,
    replay: Replay,
    refusal: fn(String) -> Refusal,
) -> Result<(), Error> {
    let hash: [u8; 32] = Sha256::new().chain_update(key).chain_update(value.as_bytes()).finalize().into();
    let policy = app.config.signatures;
    let lifetime = i64::from(policy.max_age_seconds) + i64::from(policy.max_skew_seconds) + 1;
    let now = app.clock.wire_seconds();
    let expires_at = now.saturating_add(lifetime);
    let is_new = match replay {
        Replay::Harmless if app.nonces.use_once(hash, now, expires_at) => {
            !app.store.read(move |tx| nonce::is_used(tx, &hash).map_err(Error::from)).await?
        }
        _ if app.nonces.knows(&hash) => false,
        // What there is no room for in memory is written down as well.
        _ => {
            let expires_at = Timestamp::from_second(expires_at).map_err(|error| Error::Internal(error.to_string()))?;
            let work = move |tx: &mut Tx<'_>| nonce::use_once(tx, &hash, expires_at).map_err(Error::from);
            app.store.write(Vec::new(), work).await?
        }
    };
    if is_new { Ok(()) } else { Err(refusal("the signature's nonce was used before".to_owned()).into()) }
}

/// Nonces of requests that change nothing, in memory: a row on disk for each would cost more than the request.
#[derive(Default)]
pub struct ReadNonces {
    /// When they may be forgotten, in seconds since 1970.
    used: Mutex<HashMap<[u8; 32], i64>>,
}

/// Most nonces that are remembered in memory, about 8 MiB.
const READ_NONCES_MAX: usize = 100_000;

impl ReadNonces {
    fn knows(&self, hash: &[u8; 32]) -> bool {
        self.used.lock().contains_key(hash)
    }

    /// Remembers a nonce; not if it was known, or there is no room.
    fn use_once(&self, hash: [u8; 32], now: i64, expires_at: i64) -> bool {
        let mut used = self.used.lock();
        if used.len() >= READ_NONCES_MAX {
            used.retain(|_, expires_at| *expires_at > now);
        }
        if used.contains_key(&hash) || used.len() >= READ_NONCES_MAX {
            return false;
        }
        used.insert(hash, expires_at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_of_reads_are_new_once_and_bounded() {
        let nonces = ReadNonces::default();
        let hash = |number: usize| <[u8; 32]>::from(Sha256::digest(number.to_be_bytes()));
        assert!(nonces.use_once(hash(0), 100, 200));
        assert!(nonces.knows(&hash(0)) && !nonces.knows(&hash(1)));
        assert!(!nonces.use_once(hash(0), 150, 250));
        for number in 1..READ_NONCES_MAX {
            assert!(nonces.use_once(hash(number), 150, 250));
        }
        // There is room again for those that could no longer be used anyway.
        assert!(nonces.use_once(hash(READ_NONCES_MAX), 200, 300));
        assert!(!nonces.use_once(hash(READ_NONCES_MAX + 1), 200, 300));
        assert!(!nonces.knows(&hash(READ_NONCES_MAX + 1)) && nonces.knows(&hash(1)));
    }
}
