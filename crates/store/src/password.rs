//! Passwords, as hashes in PHC format. Not everybody has one.

use crate::{Error, Tx};
use bursar_core::Id;
use jiff::Timestamp;

/// The hash of somebody's password, if they have one.
///
/// # Errors
/// When the database fails.
pub fn hash(tx: &mut Tx<'_>, holder: &Id) -> Result<Option<String>, Error> {
    tx.one("SELECT hash FROM password WHERE holder_id = $1", &[holder.into()], |row| row.text(0))
}

/// When somebody's password was last changed, if they have one.
///
/// # Errors
/// When the database fails.
pub fn changed_at(tx: &mut Tx<'_>, holder: &Id) -> Result<Option<Timestamp>, Error> {
    tx.one("SELECT changed_at FROM password WHERE holder_id = $1", &[holder.into()], |row| row.instant(0))
}

/// Gives somebody a password, in place of the one they had: `before` is its hash.
///
/// # Errors
/// [`Error::Guard`] when they have another one by now, [`Error::Unique`] when they have one and should have none.
pub fn set(tx: &mut Tx<'_>, holder: &Id, before: Option<&str>, hash: &str, now: Timestamp) -> Result<(), Error> {
    let Some(before) = before else {
        let sql = "INSERT INTO password (holder_id, hash, changed_at) VALUES ($1, $2, $3)";
        return tx.execute(sql, &[holder.into(), hash.into(), now.into()]).map(|_| ());
    };
    tx.change_one(
        "the password was changed meanwhile",
        "UPDATE password SET hash = $2, changed_at = $3 WHERE holder_id = $1 AND hash = $4",
        &[holder.into(), hash.into(), now.into(), before.into()],
    )
}

/// Takes somebody's password away, if they have one.
///
/// # Errors
/// When the database fails.
pub fn delete(tx: &mut Tx<'_>, holder: &Id) -> Result<(), Error> {
    tx.execute("DELETE FROM password WHERE holder_id = $1", &[holder.into()]).map(|_| ())
}
