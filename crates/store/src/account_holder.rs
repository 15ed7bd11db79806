//! Account holders: people who log in.

use crate::{Error, Row, Tx};
use bursar_core::Id;
use jiff::Timestamp;

/// An account holder.
#[derive(Clone)]
pub struct AccountHolder {
    /// Their id.
    pub id: Id,
    /// The name they log in with.
    pub name: String,
    /// Hash of their password, in PHC format.
    pub password_hash: String,
    /// Since when they are known.
    pub created_at: Timestamp,
}

/// Adds an account holder.
///
/// # Errors
/// [`Error::Unique`] when the name is taken.
pub fn insert(tx: &mut Tx<'_>, holder: &AccountHolder) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO account_holder (id, name, password_hash, created_at) VALUES ($1, $2, $3, $4)",
        &[(&holder.id).into(), (&holder.name).into(), (&holder.password_hash).into(), holder.created_at.into()],
    )?;
    Ok(())
}

/// Finds an account holder by name.
///
/// # Errors
/// When the database fails.
pub fn by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<AccountHolder>, Error> {
    tx.one("SELECT id, name, password_hash, created_at FROM account_holder WHERE name = $1", &[name.into()], read)
}

/// Finds an account holder by id.
///
/// # Errors
/// When the database fails.
pub fn by_id(tx: &mut Tx<'_>, id: &Id) -> Result<Option<AccountHolder>, Error> {
    tx.one("SELECT id, name, password_hash, created_at FROM account_holder WHERE id = $1", &[id.into()], read)
}

fn read(row: &Row<'_>) -> Result<AccountHolder, Error> {
    Ok(AccountHolder { id: row.id(0)?, name: row.text(1)?, password_hash: row.text(2)?, created_at: row.instant(3)? })
}
