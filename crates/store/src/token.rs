//! Access tokens.

use crate::{Error, Row, Tx};
use bursar_core::Id;
use bursar_core::token::{State, Token};
use jiff::Timestamp;

/// Adds a token.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx<'_>, token: &Token, now: Timestamp) -> Result<(), Error> {
    tx.insert(
        "INSERT INTO access_token (id, grant_id, state, created_at, expires_at) VALUES ($1, $2, 'active', $3, $4)",
        &[(&token.id).into(), (&token.grant).into(), now.into(), token.expires_at.into()],
    )?;
    Ok(())
}

/// Finds a token by id.
///
/// # Errors
/// When the database fails.
pub fn by_id(tx: &mut Tx<'_>, id: &Id) -> Result<Option<Token>, Error> {
    tx.one(
        "SELECT id, grant_id, state, successor_id, expires_at, ended_at FROM access_token WHERE id = $1",
        &[id.into()],
        read,
    )
}

/// Replaces an active token.
///
/// # Errors
/// [`Error::Guard`] when it is not active by now.
pub fn set_rotated(tx: &mut Tx<'_>, id: &Id, successor: &Id, now: Timestamp) -> Result<(), Error> {
    tx.change_one(
        "the token is not active",
        "UPDATE access_token SET state = 'rotated', successor_id = $2, ended_at = $3 WHERE id = $1 AND state = 'active'",
        &[id.into(), successor.into(), now.into()],
    )
}

/// Revokes a token, also one that was rotated.
///
/// # Errors
/// When the database fails.
pub fn revoke(tx: &mut Tx<'_>, id: &Id, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "UPDATE access_token SET state = 'revoked', ended_at = $2 WHERE id = $1 AND state IN ('active', 'rotated')",
        &[id.into(), now.into()],
    )?;
    Ok(())
}

/// Revokes every active token of a grant.
///
/// # Errors
/// When the database fails.
pub fn revoke_all(tx: &mut Tx<'_>, grant: &Id, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "UPDATE access_token SET state = 'revoked', ended_at = $2 WHERE grant_id = $1 AND state = 'active'",
        &[grant.into(), now.into()],
    )?;
    Ok(())
}

/// Deletes some tokens that were replaced or revoked before the given instant; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_ended(tx: &mut Tx<'_>, before: Timestamp, most: u64) -> Result<u64, Error> {
    tx.execute(DELETE_ENDED, &[before.into(), most.into()])
}

pub(crate) const DELETE_ENDED: &str = "DELETE FROM access_token WHERE id IN (SELECT id FROM
         (SELECT id FROM access_token WHERE ended_at IS NOT NULL AND ended_at <= $1 ORDER BY ended_at LIMIT 256) AS oldest
         LIMIT $2)";

fn read(row: &Row<'_>) -> Result<Token, Error> {
    let state = match (row.text(2)?.as_str(), row.opt_id(3)?, row.opt_instant(5)?) {
        ("active", _, _) => State::Active,
        ("rotated", Some(successor), Some(at)) => State::Rotated { successor, at },
        ("revoked", _, _) => State::Revoked,
        (word, _, _) => return Err(Error::Corrupt(format!("a token's state {word:?} lacks its successor"))),
    };
    Ok(Token { id: row.id(0)?, grant: row.id(1)?, expires_at: row.instant(4)?, state })
}
