//! Who calls: access tokens at the resource server, and the keys they are bound to.

use crate::{App, Error, keys};
use bursar_core::access::{ClientId, GrantedAccess};
use bursar_core::grant::{BoundKey, State};
use bursar_core::{Code, Id, Refusal, TokenHash};
use bursar_httpsig::PublicKey;
use bursar_store::{grant, nonce, token};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

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
}

/// Finds the grant behind an access token.
///
/// # Errors
/// [`Code::TokenUnknown`], [`Code::TokenInactive`].
pub async fn find(app: &App, value: &str) -> Result<Caller, Error> {
    let (hash, now) = (TokenHash::of(value), app.clock.now());
    let found = app
        .store
        .read(move |tx| {
            let Some(token) = token::by_hash(tx, &hash)? else { return Ok::<_, Error>(None) };
            Ok(grant::by_id(tx, &token.grant)?.map(|grant| (token, grant)))
        })
        .await?;
    let Some((token, grant)) = found else { return Err(Error::refused(Code::TokenUnknown, "Invalid Token")) };
    if !token.is_usable(now) || !matches!(grant.state, State::Issued { .. }) {
        return Err(Error::refused(Code::TokenInactive, "Inactive Token"));
    }
    Ok(Caller { grant: grant.id, client: grant.client, key: grant.key, access: grant.access })
}

/// The refusal of a signature at the resource server; deployed clients match how its description begins.
pub fn signature_refusal(reason: String) -> Refusal {
    Refusal::new(Code::SignatureInvalid, format!("Signature validation error: {reason}"))
}

/// The refusal of a signature at the authorization server.
pub fn client_refusal(reason: String) -> Refusal {
    Refusal::new(Code::ClientRejected, reason)
}

impl Caller {
    /// The public key that must have signed, unless its owner has revoked it.
    ///
    /// # Errors
    /// [`Code::SignatureInvalid`].
    pub async fn public_key(&self, app: &App) -> Result<PublicKey, Error> {
        keys::require_current(app, &self.client, &self.key, signature_refusal).await
    }
}

/// Accepts a signature's nonce once.
///
/// # Errors
/// The refusal that `refusal` makes, when the nonce was used before.
pub async fn use_nonce(app: &App, key: &[u8; 32], value: &str, refusal: fn(String) -> Refusal) -> Result<(), Error> {
    let hash: [u8; 32] = Sha256::new().chain_update(key).chain_update(value.as_bytes()).finalize().into();
    let policy = app.config.signatures;
    let lifetime = i64::from(policy.max_age_seconds) + i64::from(policy.max_skew_seconds) + 1;
    let expires_at = Timestamp::from_second(app.clock.wire_seconds().saturating_add(lifetime))
        .map_err(|error| Error::Internal(error.to_string()))?;
    let new =
        app.store.write(Vec::new(), move |tx| nonce::use_once(tx, &hash, expires_at).map_err(Error::from)).await?;
    if new { Ok(()) } else { Err(refusal("the signature's nonce was used before".to_owned()).into()) }
}
