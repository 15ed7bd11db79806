//! Passkeys of account holders.

use crate::{Error, Row, Tx};
use bursar_core::Id;
use jiff::Timestamp;

/// A passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// Its id here.
    pub id: Id,
    /// Whose it is.
    pub holder: Id,
    /// The id by which browsers find it.
    pub credential_id: Vec<u8>,
    /// Its public key, a SubjectPublicKeyInfo.
    pub public_key: Vec<u8>,
    /// How many signatures it said to have made when it was last used.
    pub sign_count: u32,
    /// What its owner calls it.
    pub label: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last used.
    pub used_at: Option<Timestamp>,
}

/// Adds a passkey that has not been used yet.
///
/// # Errors
/// [`Error::Unique`] when it is somebody's already.
pub fn insert(tx: &mut Tx<'_>, passkey: &Passkey) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO passkey (id, holder_id, credential_id, public_key, sign_count, label, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            (&passkey.id).into(),
            (&passkey.holder).into(),
            passkey.credential_id.as_slice().into(),
            passkey.public_key.as_slice().into(),
            u64::from(passkey.sign_count).into(),
            (&passkey.label).into(),
            passkey.created_at.into(),
        ],
    )?;
    Ok(())
}

/// Finds a passkey by the id that browsers know.
///
/// # Errors
/// When the database fails.
pub fn by_credential(tx: &mut Tx<'_>, credential_id: &[u8]) -> Result<Option<Passkey>, Error> {
    tx.one(
        "SELECT id, holder_id, credential_id, public_key, sign_count, label, created_at, used_at
         FROM passkey WHERE credential_id = $1",
        &[credential_id.into()],
        read,
    )
}

/// Somebody's passkeys, oldest first.
///
/// # Errors
/// When the database fails.
pub fn of_holder(tx: &mut Tx<'_>, holder: &Id) -> Result<Vec<Passkey>, Error> {
    tx.all(
        "SELECT id, holder_id, credential_id, public_key, sign_count, label, created_at, used_at
         FROM passkey WHERE holder_id = $1 ORDER BY id",
        &[holder.into()],
        read,
    )
}

fn read(row: &Row<'_>) -> Result<Passkey, Error> {
    Ok(Passkey {
        id: row.id(0)?,
        holder: row.id(1)?,
        credential_id: row.bytes(2)?,
        public_key: row.bytes(3)?,
        sign_count: u32::try_from(row.unsigned(4)?).map_err(crate::columns::corrupt)?,
        label: row.text(5)?,
        created_at: row.instant(6)?,
        used_at: row.opt_instant(7)?,
    })
}

/// Notes that a passkey was used, and how many signatures it has made by now.
///
/// # Errors
/// [`Error::Guard`] when it was used or removed meanwhile.
pub fn set_used(tx: &mut Tx<'_>, passkey: &Passkey, sign_count: u32, now: Timestamp) -> Result<(), Error> {
    tx.change_one(
        "the passkey was used meanwhile",
        "UPDATE passkey SET sign_count = $3, used_at = $4 WHERE id = $1 AND sign_count = $2",
        &[(&passkey.id).into(), u64::from(passkey.sign_count).into(), u64::from(sign_count).into(), now.into()],
    )
}

/// Gives a passkey of this account holder another name; whether there was one.
///
/// # Errors
/// When the database fails.
pub fn rename(tx: &mut Tx<'_>, holder: &Id, id: &Id, label: &str) -> Result<bool, Error> {
    let sql = "UPDATE passkey SET label = $3 WHERE id = $2 AND holder_id = $1";
    Ok(tx.execute(sql, &[holder.into(), id.into(), label.into()])? == 1)
}

/// Removes a passkey of this account holder; whether there was one.
///
/// # Errors
/// When the database fails.
pub fn delete(tx: &mut Tx<'_>, holder: &Id, id: &Id) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM passkey WHERE id = $2 AND holder_id = $1", &[holder.into(), id.into()])? == 1)
}

/// Removes all passkeys of this account holder.
///
/// # Errors
/// When the database fails.
pub fn delete_all(tx: &mut Tx<'_>, holder: &Id) -> Result<(), Error> {
    tx.execute("DELETE FROM passkey WHERE holder_id = $1", &[holder.into()]).map(|_| ())
}
