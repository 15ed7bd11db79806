//! Recovery codes, as hashes. A used one is kept until there are new ones, so that its use can be told.

use crate::{Error, Tx};
use bursar_core::{Id, TokenHash};
use jiff::Timestamp;

/// Gives somebody new codes; those they had are worth nothing any more.
///
/// # Errors
/// When the database fails.
pub fn replace_all(tx: &mut Tx<'_>, holder: &Id, hashes: &[TokenHash], now: Timestamp) -> Result<(), Error> {
    delete_all(tx, holder)?;
    for hash in hashes {
        tx.execute(
            "INSERT INTO recovery_code (hash, holder_id, created_at) VALUES ($1, $2, $3)",
            &[hash.into(), holder.into(), now.into()],
        )?;
    }
    Ok(())
}

/// Uses a code up; whether it was this account holder's and unused.
///
/// # Errors
/// When the database fails.
pub fn use_once(tx: &mut Tx<'_>, holder: &Id, hash: &TokenHash, now: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE recovery_code SET used_at = $3 WHERE hash = $2 AND holder_id = $1 AND used_at IS NULL";
    Ok(tx.execute(sql, &[holder.into(), hash.into(), now.into()])? == 1)
}

/// When somebody's codes were made, if they have any.
///
/// # Errors
/// When the database fails.
pub fn made_at(tx: &mut Tx<'_>, holder: &Id) -> Result<Option<Timestamp>, Error> {
    let sql = "SELECT created_at FROM recovery_code WHERE holder_id = $1 LIMIT 1";
    tx.one(sql, &[holder.into()], |row| row.instant(0))
}

/// Forgets somebody's codes.
///
/// # Errors
/// When the database fails.
pub fn delete_all(tx: &mut Tx<'_>, holder: &Id) -> Result<(), Error> {
    tx.execute("DELETE FROM recovery_code WHERE holder_id = $1", &[holder.into()]).map(|_| ())
}
