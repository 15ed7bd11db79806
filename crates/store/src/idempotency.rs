//! Idempotency keys: a repeated creation gets the first one's answer.

use crate::{Error, Tx};
use bursar_core::Id;
use jiff::Timestamp;

/// What a key was first used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Hash of the request: method, URL and body.
    pub request: [u8; 32],
    /// What it created.
    pub resource: Id,
    /// The answer's body.
    pub answer: String,
}

/// What this client first used the key for, after the given instant.
///
/// # Errors
/// When the database fails.
pub fn get(tx: &mut Tx<'_>, client: &str, key: &str, after: Timestamp) -> Result<Option<Used>, Error> {
    tx.one(
        "SELECT request_hash, resource_id, answer FROM idempotency_key
         WHERE client = $1 AND key = $2 AND created_at > $3",
        &[client.into(), key.into(), after.into()],
        |row| Ok(Used { request: row.key(0)?, resource: row.id(1)?, answer: row.text(2)? }),
    )
}

/// Notes what a key was used for; one that has expired may be used again.
///
/// # Errors
/// [`Error::Guard`] when the key is in use.
pub fn insert(
    tx: &mut Tx<'_>,
    client: &str,
    key: &str,
    used: &Used,
    expired_before: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    tx.change_one(
        "the idempotency key is in use",
        "INSERT INTO idempotency_key (client, key, request_hash, resource_id, answer, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (client, key) DO UPDATE SET request_hash = $3, resource_id = $4, answer = $5, created_at = $6
             WHERE idempotency_key.created_at <= $7",
        &[
            client.into(),
            key.into(),
            (&used.request).into(),
            (&used.resource).into(),
            (&used.answer).into(),
            now.into(),
            expired_before.into(),
        ],
    )
}

/// Forgets some keys first used before the given instant; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_expired(tx: &mut Tx<'_>, before: Timestamp, most: u64) -> Result<u64, Error> {
    tx.execute(DELETE_EXPIRED, &[before.into(), most.into()])
}

pub(crate) const DELETE_EXPIRED: &str = "DELETE FROM idempotency_key WHERE (client, key) IN (SELECT client, key FROM
         (SELECT client, key FROM idempotency_key WHERE created_at <= $1 ORDER BY created_at LIMIT 256) AS oldest
         LIMIT $2)";
