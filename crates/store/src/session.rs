//! Log-ins: sessions of account holders, and failed attempts.

use crate::account_holder::AccountHolder;
use crate::{Error, Tx};
use bursar_core::{Id, TokenHash};
use jiff::Timestamp;

/// Begins a session.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx<'_>, token: &TokenHash, holder: &Id, now: Timestamp, until: Timestamp) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO session (token_hash, holder_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        &[token.into(), holder.into(), now.into(), until.into()],
    )?;
    Ok(())
}

/// Who has this session, if it has not expired.
///
/// # Errors
/// When the database fails.
pub fn holder(tx: &mut Tx<'_>, token: &TokenHash, now: Timestamp) -> Result<Option<AccountHolder>, Error> {
    let holder = tx.one(
        "SELECT holder_id FROM session WHERE token_hash = $1 AND expires_at > $2",
        &[token.into(), now.into()],
        |row| row.id(0),
    )?;
    match holder {
        Some(id) => crate::account_holder::by_id(tx, &id),
        None => Ok(None),
    }
}

/// Ends a session.
///
/// # Errors
/// When the database fails.
pub fn delete(tx: &mut Tx<'_>, token: &TokenHash) -> Result<(), Error> {
    tx.execute("DELETE FROM session WHERE token_hash = $1", &[token.into()]).map(|_| ())
}

/// Deletes some expired sessions; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_expired(tx: &mut Tx<'_>, now: Timestamp, most: u64) -> Result<u64, Error> {
    tx.execute(DELETE_EXPIRED, &[now.into(), most.into()])
}

pub(crate) const DELETE_EXPIRED: &str = "DELETE FROM session WHERE token_hash IN (SELECT token_hash FROM
         (SELECT token_hash FROM session WHERE expires_at <= $1 ORDER BY expires_at LIMIT 256) AS oldest LIMIT $2)";

/// How often log-ins of this subject (a name, or an address) failed since the given instant.
///
/// # Errors
/// When the database fails.
pub fn failures(tx: &mut Tx<'_>, subject: &str, since: Timestamp) -> Result<u64, Error> {
    let failures = tx.one(
        "SELECT failures FROM login_failure WHERE subject = $1 AND since > $2",
        &[subject.into(), since.into()],
        |row| row.unsigned(0),
    )?;
    Ok(failures.unwrap_or(0))
}

/// When the count of [`failures`] of this subject began, if it began after the given instant.
///
/// # Errors
/// When the database fails.
pub fn failing_since(tx: &mut Tx<'_>, subject: &str, since: Timestamp) -> Result<Option<Timestamp>, Error> {
    tx.one(
        "SELECT since FROM login_failure WHERE subject = $1 AND since > $2",
        &[subject.into(), since.into()],
        |row| row.instant(0),
    )
}

/// Counts a failed log-in, beginning anew if the last count began before `since`.
///
/// # Errors
/// When the database fails.
pub fn count_failure(tx: &mut Tx<'_>, subject: &str, since: Timestamp, now: Timestamp) -> Result<(), Error> {
    tx.execute("DELETE FROM login_failure WHERE subject = $1 AND since <= $2", &[subject.into(), since.into()])?;
    tx.execute(
        "INSERT INTO login_failure (subject, failures, since) VALUES ($1, 1, $2)
         ON CONFLICT (subject) DO UPDATE SET failures = login_failure.failures + 1",
        &[subject.into(), now.into()],
    )?;
    Ok(())
}

/// Takes one attempt back that has succeeded after all.
///
/// # Errors
/// When the database fails.
pub fn uncount_failure(tx: &mut Tx<'_>, subject: &str) -> Result<(), Error> {
    let sql = "UPDATE login_failure SET failures = failures - 1 WHERE subject = $1 AND failures > 0";
    tx.execute(sql, &[subject.into()]).map(|_| ())
}

/// Forgets failed log-ins of a subject that has logged in.
///
/// # Errors
/// When the database fails.
pub fn forget_failures(tx: &mut Tx<'_>, subject: &str) -> Result<(), Error> {
    tx.execute("DELETE FROM login_failure WHERE subject = $1", &[subject.into()]).map(|_| ())
}

/// Forgets some counts that began before `since`; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_old_failures(tx: &mut Tx<'_>, since: Timestamp, most: u64) -> Result<u64, Error> {
    tx.execute(DELETE_OLD_FAILURES, &[since.into(), most.into()])
}

pub(crate) const DELETE_OLD_FAILURES: &str = "DELETE FROM login_failure WHERE subject IN (SELECT subject FROM
         (SELECT subject FROM login_failure WHERE since <= $1 ORDER BY since LIMIT 256) AS oldest LIMIT $2)";
