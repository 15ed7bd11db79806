//! Keys of wallet addresses as their owners see them: with a name for people, and when they were last used.

use crate::{Error, Row, Tx};
use bursar_core::Id;
use jiff::Timestamp;

/// A key that is not revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnKey {
    /// Its id.
    pub id: Id,
    /// Its name in signatures and key sets.
    pub kid: String,
    /// Ed25519 public key.
    pub x: [u8; 32],
    /// Its name for people; none if it was added by a program.
    pub name: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// About when it last signed something; never if it has not.
    pub used_at: Option<Timestamp>,
}

/// The columns that [`read`] reads, of the keys that the rest of the statement chooses.
macro_rules! select {
    ($which:literal) => {
        concat!("SELECT id, kid, x, name, created_at, used_at FROM wallet_key WHERE revoked_at IS NULL AND ", $which)
    };
}

/// Adds a key.
///
/// # Errors
/// [`Error::Unique`] when a key of this `kid` is there.
pub fn insert(tx: &mut Tx<'_>, address: &Id, key: &OwnKey) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO wallet_key (id, wallet_address_id, kid, x, name, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            (&key.id).into(),
            address.into(),
            (&key.kid).into(),
            (&key.x).into(),
            key.name.as_deref().into(),
            key.created_at.into(),
        ],
    )?;
    Ok(())
}

/// The keys of a wallet address, oldest first.
///
/// # Errors
/// When the database fails.
pub fn of_address(tx: &mut Tx<'_>, address: &Id) -> Result<Vec<OwnKey>, Error> {
    tx.all(select!("wallet_address_id = $1 ORDER BY id"), &[address.into()], read)
}

/// A key of a wallet address.
///
/// # Errors
/// When the database fails.
pub fn by_id(tx: &mut Tx<'_>, address: &Id, id: &Id) -> Result<Option<OwnKey>, Error> {
    tx.one(select!("wallet_address_id = $1 AND id = $2"), &[address.into(), id.into()], read)
}

/// Revokes a key of a wallet address.
///
/// # Errors
/// [`Error::Guard`] when it is revoked already.
pub fn revoke(tx: &mut Tx<'_>, address: &Id, id: &Id, now: Timestamp) -> Result<(), Error> {
    tx.change_one(
        "the key is revoked",
        "UPDATE wallet_key SET revoked_at = $3 WHERE id = $2 AND wallet_address_id = $1 AND revoked_at IS NULL",
        &[address.into(), id.into(), now.into()],
    )
}

/// Notes when a key was used, unless it is noted that it was used after `unless_after`; whether that was written.
///
/// # Errors
/// When the database fails.
pub fn note_use(tx: &mut Tx<'_>, url: &str, kid: &str, at: Timestamp, unless_after: Timestamp) -> Result<bool, Error> {
    let touched = tx.execute(
        "UPDATE wallet_key SET used_at = $3
         WHERE wallet_address_id = (SELECT id FROM wallet_address WHERE url = $1) AND kid = $2 AND revoked_at IS NULL
             AND (used_at IS NULL OR used_at <= $4)",
        &[url.into(), kid.into(), at.into(), unless_after.into()],
    )?;
    Ok(touched == 1)
}

fn read(row: &Row<'_>) -> Result<OwnKey, Error> {
    Ok(OwnKey {
        id: row.id(0)?,
        kid: row.text(1)?,
        x: row.key(2)?,
        name: row.opt_text(3)?,
        created_at: row.instant(4)?,
        used_at: row.opt_instant(5)?,
    })
}
