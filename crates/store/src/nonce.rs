//! Nonces of signatures, each accepted once.

use crate::{Error, Tx};
use jiff::Timestamp;

/// Notes a nonce; whether it is new.
///
/// # Errors
/// When the database fails.
pub fn use_once(tx: &mut Tx<'_>, hash: &[u8; 32], expires_at: Timestamp) -> Result<bool, Error> {
    let inserted = tx.execute(
        "INSERT INTO signature_nonce (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING",
        &[hash.into(), expires_at.into()],
    )?;
    Ok(inserted == 1)
}

/// Forgets some nonces whose signatures are too old by now anyway; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_expired(tx: &mut Tx<'_>, now: Timestamp, most: u64) -> Result<u64, Error> {
    tx.execute(DELETE_EXPIRED, &[now.into(), most.into()])
}

pub(crate) const DELETE_EXPIRED: &str = "DELETE FROM signature_nonce WHERE hash IN (SELECT hash FROM
         (SELECT hash FROM signature_nonce WHERE expires_at <= $1 ORDER BY expires_at LIMIT 256) AS oldest LIMIT $2)";

/// Whether a nonce was used, as far as it was written down.
///
/// # Errors
/// When the database fails.
pub fn is_used(tx: &mut Tx<'_>, hash: &[u8; 32]) -> Result<bool, Error> {
    let found = tx.one("SELECT hash FROM signature_nonce WHERE hash = $1", &[hash.into()], |_| Ok(()))?;
    Ok(found.is_some())
}
