//! Account holders: people who log in.

use crate::{Error, Row, Tx};
use bursar_core::Id;
use bursar_core::person::Ways;
use jiff::Timestamp;

/// An account holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountHolder {
    /// Their id.
    pub id: Id,
    /// The name they log in with.
    pub name: String,
    /// What they want to be called.
    pub display_name: Option<String>,
    /// The time zone in which they want to read times, by its name in the IANA database.
    pub time_zone: Option<String>,
    /// The locale in which they want to read amounts and times (BCP 47).
    pub locale: Option<String>,
    /// Since when a password alone is not enough for them, if so.
    pub second_since: Option<Timestamp>,
    /// Since when they are known.
    pub created_at: Timestamp,
    /// When their account was closed, if it was. Nobody logs in with it any more.
    pub closed_at: Option<Timestamp>,
}

impl AccountHolder {
    /// Somebody new, who has chosen nothing yet.
    pub fn new(id: Id, name: String, now: Timestamp) -> Self {
        Self {
            id,
            name,
            display_name: None,
            time_zone: None,
            locale: None,
            second_since: None,
            created_at: now,
            closed_at: None,
        }
    }
}

/// Adds an account holder. Whatever they choose is set afterwards.
///
/// # Errors
/// [`Error::Unique`] when the name is taken.
pub fn insert(tx: &mut Tx<'_>, holder: &AccountHolder) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO account_holder (id, name, display_name, time_zone, locale, second_since, created_at, closed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            (&holder.id).into(),
            (&holder.name).into(),
            holder.display_name.as_deref().into(),
            holder.time_zone.as_deref().into(),
            holder.locale.as_deref().into(),
            holder.second_since.into(),
            holder.created_at.into(),
            holder.closed_at.into(),
        ],
    )?;
    Ok(())
}

/// Finds an account holder by name, also one whose account is closed: the name stays theirs.
///
/// # Errors
/// When the database fails.
pub fn by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<AccountHolder>, Error> {
    tx.one(
        "SELECT id, name, display_name, time_zone, locale, second_since, created_at, closed_at
         FROM account_holder WHERE name = $1",
        &[name.into()],
        |row| read(row, 0),
    )
}

/// Finds an account holder by id, also one whose account is closed.
///
/// # Errors
/// When the database fails.
pub fn by_id(tx: &mut Tx<'_>, id: &Id) -> Result<Option<AccountHolder>, Error> {
    tx.one(
        "SELECT id, name, display_name, time_zone, locale, second_since, created_at, closed_at
         FROM account_holder WHERE id = $1",
        &[id.into()],
        |row| read(row, 0),
    )
}

/// An account holder from eight columns.
pub(crate) fn read(row: &Row<'_>, column: usize) -> Result<AccountHolder, Error> {
    Ok(AccountHolder {
        id: row.id(column)?,
        name: row.text(column + 1)?,
        display_name: row.opt_text(column + 2)?,
        time_zone: row.opt_text(column + 3)?,
        locale: row.opt_text(column + 4)?,
        second_since: row.opt_instant(column + 5)?,
        created_at: row.instant(column + 6)?,
        closed_at: row.opt_instant(column + 7)?,
    })
}

/// Sets what somebody has chosen about themselves.
///
/// # Errors
/// [`Error::Guard`] when the account is closed.
pub fn set_profile(
    tx: &mut Tx<'_>,
    id: &Id,
    display_name: Option<&str>,
    time_zone: Option<&str>,
    locale: Option<&str>,
) -> Result<(), Error> {
    tx.change_one(
        "the account is closed",
        "UPDATE account_holder SET display_name = $2, time_zone = $3, locale = $4 WHERE id = $1 AND closed_at IS NULL",
        &[id.into(), display_name.into(), time_zone.into(), locale.into()],
    )
}

/// Sets since when a password alone is not enough, or that it is.
///
/// # Errors
/// [`Error::Guard`] when the account is closed.
pub fn set_second(tx: &mut Tx<'_>, id: &Id, since: Option<Timestamp>) -> Result<(), Error> {
    tx.change_one(
        "the account is closed",
        "UPDATE account_holder SET second_since = $2 WHERE id = $1 AND closed_at IS NULL",
        &[id.into(), since.into()],
    )
}

/// Closes an account: its holder's name stays, and what they chose is forgotten.
///
/// # Errors
/// [`Error::Guard`] when it is closed already.
pub fn close(tx: &mut Tx<'_>, id: &Id, now: Timestamp) -> Result<(), Error> {
    tx.change_one(
        "the account is closed",
        "UPDATE account_holder SET closed_at = $2, display_name = NULL, time_zone = NULL, locale = NULL,
             second_since = NULL
         WHERE id = $1 AND closed_at IS NULL",
        &[id.into(), now.into()],
    )
}

/// The ways in that an account holder has.
///
/// # Errors
/// When the database fails.
pub fn ways(tx: &mut Tx<'_>, holder: &AccountHolder) -> Result<Ways, Error> {
    let mut count = |sql| {
        let found = tx.one(sql, &[(&holder.id).into()], |row| row.unsigned(0))?;
        Ok::<_, Error>(usize::try_from(found.unwrap_or(0)).unwrap_or(usize::MAX))
    };
    Ok(Ways {
        has_password: count("SELECT COUNT(*) FROM password WHERE holder_id = $1")? > 0,
        passkeys: count("SELECT COUNT(*) FROM passkey WHERE holder_id = $1")?,
        identities: count("SELECT COUNT(*) FROM linked_identity WHERE holder_id = $1")?,
        codes: count("SELECT COUNT(*) FROM recovery_code WHERE holder_id = $1 AND used_at IS NULL")?,
        needs_second: holder.second_since.is_some(),
    })
}
