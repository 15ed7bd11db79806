//! Log-ins: sessions of account holders, and failed attempts.

use crate::account_holder::{self, AccountHolder};
use crate::{Error, Row, Tx};
use bursar_core::person::Proof;
use bursar_core::{Id, TokenHash};
use jiff::Timestamp;

/// A session: one browser in which somebody is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, which is no secret.
    pub id: Id,
    /// Who is logged in.
    pub holder: Id,
    /// How they last proved who they are.
    pub proof: Proof,
    /// What the browser is, in a few words.
    pub agent: String,
    /// Where it is, if that is known.
    pub address: Option<String>,
    /// When they logged in.
    pub created_at: Timestamp,
    /// When they last proved who they are.
    pub authenticated_at: Timestamp,
    /// When it was last used, to a few minutes.
    pub seen_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// Begins a session, whose token has this hash.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx<'_>, token: &TokenHash, session: &Session) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO session (id, token_hash, holder_id, proof, agent, address, created_at, authenticated_at, seen_at,
             expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            (&session.id).into(),
            token.into(),
            (&session.holder).into(),
            session.proof.as_str().into(),
            (&session.agent).into(),
            session.address.as_deref().into(),
            session.created_at.into(),
            session.authenticated_at.into(),
            session.seen_at.into(),
            session.expires_at.into(),
        ],
    )?;
    Ok(())
}

/// The session with this token, if it has not expired, and whose it is.
///
/// # Errors
/// When the database fails.
pub fn find(tx: &mut Tx<'_>, token: &TokenHash, now: Timestamp) -> Result<Option<(Session, AccountHolder)>, Error> {
    tx.one(
        "SELECT s.id, s.holder_id, s.proof, s.agent, s.address, s.created_at, s.authenticated_at, s.seen_at,
             s.expires_at, h.id, h.name, h.display_name, h.time_zone, h.locale, h.second_since, h.created_at,
             h.closed_at
         FROM session s JOIN account_holder h ON h.id = s.holder_id
         WHERE s.token_hash = $1 AND s.expires_at > $2 AND h.closed_at IS NULL",
        &[token.into(), now.into()],
        |row| Ok((read(row)?, account_holder::read(row, 9)?)),
    )
}

/// Somebody's sessions that have not expired, newest first.
///
/// # Errors
/// When the database fails.
pub fn of_holder(tx: &mut Tx<'_>, holder: &Id, now: Timestamp, most: u64) -> Result<Vec<Session>, Error> {
    tx.all(
        "SELECT id, holder_id, proof, agent, address, created_at, authenticated_at, seen_at, expires_at
         FROM session WHERE holder_id = $1 AND expires_at > $2 ORDER BY id DESC LIMIT $3",
        &[holder.into(), now.into(), most.into()],
        read,
    )
}

fn read(row: &Row<'_>) -> Result<Session, Error> {
    let proof = row.text(2)?;
    Ok(Session {
        id: row.id(0)?,
        holder: row.id(1)?,
        proof: Proof::from_stored(&proof).ok_or_else(|| Error::Corrupt(format!("proof {proof:?}")))?,
        agent: row.text(3)?,
        address: row.opt_text(4)?,
        created_at: row.instant(5)?,
        authenticated_at: row.instant(6)?,
        seen_at: row.instant(7)?,
        expires_at: row.instant(8)?,
    })
}

/// Notes that a session is in use.
///
/// # Errors
/// When the database fails. A session that is gone is left so.
pub fn set_seen(tx: &mut Tx<'_>, id: &Id, now: Timestamp) -> Result<(), Error> {
    tx.execute("UPDATE session SET seen_at = $2 WHERE id = $1 AND seen_at < $2", &[id.into(), now.into()]).map(|_| ())
}

/// Notes a new proof, and gives the session a new token: whoever knew the old one is out.
///
/// # Errors
/// [`Error::Guard`] when the session has ended, or has another token by now.
pub fn renew(
    tx: &mut Tx<'_>,
    id: &Id,
    before: &TokenHash,
    token: &TokenHash,
    proof: Proof,
    now: Timestamp,
) -> Result<(), Error> {
    tx.change_one(
        "the session has ended or was renewed",
        "UPDATE session SET token_hash = $3, proof = $4, authenticated_at = $5, seen_at = $5
         WHERE id = $1 AND token_hash = $2",
        &[id.into(), before.into(), token.into(), proof.as_str().into(), now.into()],
    )
}

/// Ends a session.
///
/// # Errors
/// When the database fails.
pub fn delete(tx: &mut Tx<'_>, token: &TokenHash) -> Result<(), Error> {
    tx.execute("DELETE FROM session WHERE token_hash = $1", &[token.into()]).map(|_| ())
}

/// Ends a session of this account holder; whether there was one.
///
/// # Errors
/// When the database fails.
pub fn delete_one(tx: &mut Tx<'_>, holder: &Id, id: &Id) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM session WHERE id = $2 AND holder_id = $1", &[holder.into(), id.into()])? == 1)
}

/// Ends all sessions of this account holder but perhaps one; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_others(tx: &mut Tx<'_>, holder: &Id, but: Option<&Id>) -> Result<u64, Error> {
    match but {
        Some(but) => tx.execute("DELETE FROM session WHERE holder_id = $1 AND id <> $2", &[holder.into(), but.into()]),
        None => tx.execute("DELETE FROM session WHERE holder_id = $1", &[holder.into()]),
    }
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
