//! Access tokens at the authorization server: rotate and revoke (RFC 9635 §6).

use crate::{App, Error, grants};
use bursar_core::access::GrantedAccess;
use bursar_core::grant::{BoundKey, State};
use bursar_core::secret::Purpose;
use bursar_core::token::{ROTATION_GRACE, Rotation, State as TokenState, Token};
use bursar_core::{Code, Id, access::ClientId};
use bursar_store::{LockKey, grant, token};
use bursar_types::{AccessToken, RotateResponse};
use jiff::Timestamp;

/// A token to be stored.
pub(crate) fn new_token(app: &App, grant: Id, now: Timestamp) -> Token {
    let expires_at = now.saturating_add(app.config.token_lifetime).unwrap_or(now);
    Token { id: app.new_id(now), grant, expires_at, state: TokenState::Active }
}

/// A token as its client gets it.
pub(crate) fn wire(app: &App, token: &Token, access: &[GrantedAccess], now: Timestamp) -> AccessToken {
    AccessToken {
        value: app.secret.token(Purpose::AccessToken, &token.id),
        manage: format!("{}/token/{}", app.config.auth_url(), token.id),
        expires_in: u64::try_from(token.expires_at.duration_since(now).as_secs()).ok(),
        access: access.iter().map(grants::wire_item).collect(),
    }
}

/// A token that is to be managed, and what its client must have signed with.
#[derive(Debug, Clone)]
pub struct Managed {
    /// The token's id.
    pub token: Id,
    /// The client.
    pub client: ClientId,
    /// The key its grant is bound to.
    pub key: BoundKey,
}

/// What is done to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Management {
    /// Replace it.
    Rotate,
    /// End it.
    Revoke,
}

/// Finds the token of a management URI, if the presented value is its own.
///
/// # Errors
/// To rotate: [`Code::UnknownToken`] for an unknown URI, [`Code::InvalidRotation`] for another token's value. To
/// revoke: [`Code::ClientUnsigned`] for both.
pub async fn find(app: &App, id: &str, presented: &str, what: Management) -> Result<Managed, Error> {
    let unknown = || match what {
        Management::Rotate => Error::refused(Code::UnknownToken, "there is no such access token"),
        Management::Revoke => Error::refused(Code::ClientUnsigned, "there is no such access token"),
    };
    let foreign = || match what {
        Management::Rotate => Error::refused(Code::InvalidRotation, "the presented token is not the one of this URI"),
        Management::Revoke => Error::refused(Code::ClientUnsigned, "the presented token is not the one of this URI"),
    };
    let id: Id = id.parse().map_err(|_| unknown())?;
    let found = app
        .store
        .read(move |tx| {
            let Some(token) = token::by_id(tx, &id)? else { return Ok::<_, Error>(None) };
            grant::by_id(tx, &token.grant).map_err(Error::from)
        })
        .await?;
    let grant = found.ok_or_else(unknown)?;
    if app.secret.token_id(Purpose::AccessToken, presented) != Some(id) {
        return Err(foreign());
    }
    Ok(Managed { token: id, client: grant.client, key: grant.key })
}

/// Replaces a token, also an expired one. A client that lost the answer gets the same new token for a short while.
///
/// # Errors
/// [`Code::InvalidRotation`].
pub async fn rotate(app: &App, id: Id) -> Result<RotateResponse, Error> {
    let now = app.clock.now();
    // The new token's grant is filled in once the old one is loaded.
    let fresh = new_token(app, id, now);
    let (token, access) = app
        .store
        .write(vec![LockKey::of(&id)], move |tx| {
            let dead = |text: &'static str| Error::refused(Code::InvalidRotation, text);
            let old = token::by_id(tx, &id)?.ok_or_else(|| dead("there is no such access token"))?;
            let grant = grant::by_id(tx, &old.grant)?.ok_or_else(|| dead("the grant is gone"))?;
            if !matches!(grant.state, State::Issued { .. }) {
                return Err(dead("the grant was revoked"));
            }
            let new = match old.rotate(now)? {
                Rotation::New => {
                    let new = Token { grant: old.grant, ..fresh };
                    token::set_rotated(tx, &id, &new.id, now)?;
                    token::insert(tx, &new, now)?;
                    new
                }
                Rotation::Repeat { successor } => token::by_id(tx, &successor)?
                    .filter(|successor| successor.state == TokenState::Active)
                    .ok_or_else(|| dead("this access token was rotated more than once since"))?,
            };
            Ok((new, grant.access))
        })
        .await?;
    app.callers.forget(|caller| caller.grant == token.grant);
    Ok(RotateResponse { access_token: wire(app, &token, &access, now) })
}

/// Ends a token, and one that replaced it just now. Harmless when repeated; its grant lives on, but only its client's continuation can end that.
///
/// # Errors
/// When the database fails.
pub async fn revoke(app: &App, id: Id) -> Result<(), Error> {
    let now = app.clock.now();
    let grant = app
        .store
        .write(vec![LockKey::of(&id)], move |tx| {
            // A client that lost the answer to a rotation only knows the old token: what replaced it ends as well.
            let (mut next, mut grant) = (Some(id), None);
            while let Some(id) = next {
                let found = token::by_id(tx, &id)?;
                grant = found.map(|token| token.grant).or(grant);
                next = match found.map(|token| token.state) {
                    Some(TokenState::Rotated { successor, at }) if now.duration_since(at) <= ROTATION_GRACE => {
                        Some(successor)
                    }
                    _ => None,
                };
                token::revoke(tx, &id, now)?;
            }
            Ok::<_, Error>(grant)
        })
        .await?;
    app.callers.forget(|caller| Some(caller.grant) == grant);
    Ok(())
}
