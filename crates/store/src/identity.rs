//! Who account holders are at other identity providers.

use crate::{Error, Row, Tx};
use bursar_core::Id;
use jiff::Timestamp;

/// An identity at another provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id here.
    pub id: Id,
    /// Whose it is.
    pub holder: Id,
    /// The provider.
    pub issuer: String,
    /// What the provider calls the person for ever.
    pub subject: String,
    /// What the provider calls them for people.
    pub label: Option<String>,
    /// When it was linked.
    pub created_at: Timestamp,
    /// When it was last used.
    pub used_at: Option<Timestamp>,
}

/// Links an identity that has not been used yet.
///
/// # Errors
/// [`Error::Unique`] when it is linked to somebody already.
pub fn insert(tx: &mut Tx<'_>, identity: &Identity) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO linked_identity (id, holder_id, issuer, subject, label, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            (&identity.id).into(),
            (&identity.holder).into(),
            (&identity.issuer).into(),
            (&identity.subject).into(),
            identity.label.as_deref().into(),
            identity.created_at.into(),
        ],
    )?;
    Ok(())
}

/// Finds an identity.
///
/// # Errors
/// When the database fails.
pub fn find(tx: &mut Tx<'_>, issuer: &str, subject: &str) -> Result<Option<Identity>, Error> {
    tx.one(
        "SELECT id, holder_id, issuer, subject, label, created_at, used_at FROM linked_identity
         WHERE issuer = $1 AND subject = $2",
        &[issuer.into(), subject.into()],
        read,
    )
}

/// Somebody's identities, oldest first.
///
/// # Errors
/// When the database fails.
pub fn of_holder(tx: &mut Tx<'_>, holder: &Id) -> Result<Vec<Identity>, Error> {
    tx.all(
        "SELECT id, holder_id, issuer, subject, label, created_at, used_at FROM linked_identity
         WHERE holder_id = $1 ORDER BY id",
        &[holder.into()],
        read,
    )
}

fn read(row: &Row<'_>) -> Result<Identity, Error> {
    Ok(Identity {
        id: row.id(0)?,
        holder: row.id(1)?,
        issuer: row.text(2)?,
        subject: row.text(3)?,
        label: row.opt_text(4)?,
        created_at: row.instant(5)?,
        used_at: row.opt_instant(6)?,
    })
}

/// Notes that an identity was used, and what its provider calls the person by now; whether it is still linked.
///
/// # Errors
/// When the database fails.
pub fn set_used(tx: &mut Tx<'_>, id: &Id, label: Option<&str>, now: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE linked_identity SET used_at = $2, label = COALESCE($3, label) WHERE id = $1";
    Ok(tx.execute(sql, &[id.into(), now.into(), label.into()])? == 1)
}

/// Unlinks an identity of this account holder; whether there was one.
///
/// # Errors
/// When the database fails.
pub fn delete(tx: &mut Tx<'_>, holder: &Id, id: &Id) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM linked_identity WHERE id = $2 AND holder_id = $1", &[holder.into(), id.into()])? == 1)
}

/// Unlinks all identities of this account holder.
///
/// # Errors
/// When the database fails.
pub fn delete_all(tx: &mut Tx<'_>, holder: &Id) -> Result<(), Error> {
    tx.execute("DELETE FROM linked_identity WHERE holder_id = $1", &[holder.into()]).map(|_| ())
}
