//! Creating something at most once: a repeated request with the same idempotency key gets the first answer.

use crate::{App, Error};
use bursar_core::{Code, Id};
use bursar_store::idempotency::{self, Used};
use bursar_store::{Tx, idempotency::get};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Longest accepted key.
pub const KEY_LENGTH_MAX: usize = 255;

/// A client's idempotency key and the request it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    request: [u8; 32],
}

impl IdempotencyKey {
    /// A key and what was asked with it: method, path and body.
    ///
    /// # Errors
    /// [`Code::InvalidResourceRequest`] when the key is empty, too long, or has characters other than visible ASCII.
    pub fn new(key: &str, method: &str, path: &str, body: &[u8]) -> Result<Self, Error> {
        if key.is_empty() || key.len() > KEY_LENGTH_MAX || !key.bytes().all(|b| b.is_ascii_graphic()) {
            let text = "Idempotency-Key must have 1 to 255 visible ASCII characters";
            return Err(Error::refused(Code::InvalidResourceRequest, text));
        }
        let mut hash = Sha256::new();
        for part in [method.as_bytes(), path.as_bytes(), body] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Ok(Self { key: key.to_owned(), request: hash.finalize().into() })
    }
}

/// The memory of keys for one request.
#[derive(Debug, Clone)]
pub struct Memory {
    client: String,
    key: Option<IdempotencyKey>,
    now: Timestamp,
    forget_before: Timestamp,
}

impl Memory {
    /// The memory of this client's keys.
    pub fn of(app: &App, client: String, key: Option<IdempotencyKey>, now: Timestamp) -> Self {
        let lifetime: SignedDuration = app.config.idempotency_lifetime;
        Self { client, key, now, forget_before: now.saturating_sub(lifetime).unwrap_or(Timestamp::MIN) }
    }

    /// The answer of an earlier request with the same key.
    ///
    /// # Errors
    /// [`Code::IdempotencyConflict`] when that request asked for something else.
    pub fn recall(&self, tx: &mut Tx<'_>) -> Result<Option<Used>, Error> {
        let Some(key) = &self.key else { return Ok(None) };
        match get(tx, &self.client, &key.key, self.forget_before)? {
            Some(used) if used.request == key.request => Ok(Some(used)),
            Some(_) => Err(Error::refused(
                Code::IdempotencyConflict,
                "this Idempotency-Key was used before with another request: use a new key",
            )),
            None => Ok(None),
        }
    }

    /// Notes the answer for repetitions.
    ///
    /// # Errors
    /// When the database fails; trying again helps if the same key came in twice at once.
    pub fn remember(&self, tx: &mut Tx<'_>, resource: &Id, answer: &impl Serialize) -> Result<(), Error> {
        let Some(key) = &self.key else { return Ok(()) };
        let answer = serde_json::to_string(answer).map_err(|error| Error::Internal(error.to_string()))?;
        let used = Used { request: key.request, resource: *resource, answer };
        Ok(idempotency::insert(tx, &self.client, &key.key, &used, self.forget_before, self.now)?)
    }
}
