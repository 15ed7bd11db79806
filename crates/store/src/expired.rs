//! What has expired, kind by kind: forgotten in small batches, and counted.

use crate::{Error, Tx, grant, idempotency, incoming_payment, nonce, quote, session, token};
use jiff::Timestamp;

/// Most rows of a batch, whatever is asked for. The statements say so themselves, since a server that plans them before
/// it knows their parameters would otherwise expect a tenth of the table, and read all of it.
pub const BATCH_MAX: u64 = 256;

/// Rows that mean nothing any more after some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Log-ins.
    Sessions,
    /// Counts of failed log-ins.
    LoginFailures,
    /// Nonces of signatures.
    Nonces,
    /// Idempotency keys with their answers.
    IdempotencyKeys,
    /// Incoming payments, which are not deleted: it is noted that they take no more money.
    IncomingPayments,
    /// Access tokens that were replaced or revoked.
    Tokens,
    /// Quotes that nobody used.
    Quotes,
    /// Grant requests that came to nothing.
    GrantRequests,
}

/// Counts rows in the range of an index, up to a bound.
macro_rules! count {
    ($table_and_condition:literal) => {
        concat!("SELECT COUNT(*) FROM (SELECT 1 FROM ", $table_and_condition, " LIMIT $2) AS waiting")
    };
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Sessions,
        Self::LoginFailures,
        Self::Nonces,
        Self::IdempotencyKeys,
        Self::IncomingPayments,
        Self::Tokens,
        Self::Quotes,
        Self::GrantRequests,
    ];

    /// What to call them.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::LoginFailures => "failed log-ins",
            Self::Nonces => "nonces",
            Self::IdempotencyKeys => "idempotency keys",
            Self::IncomingPayments => "incoming payments",
            Self::Tokens => "tokens",
            Self::Quotes => "quotes",
            Self::GrantRequests => "grant requests",
        }
    }

    /// Forgets some that expired (began, ended) by this instant, oldest first, `most` of them or [`BATCH_MAX`]; how many.
    ///
    /// # Errors
    /// When the database fails.
    pub fn forget(self, tx: &mut Tx<'_>, by: Timestamp, most: u64) -> Result<u64, Error> {
        match self {
            Self::Sessions => session::delete_expired(tx, by, most),
            Self::LoginFailures => session::delete_old_failures(tx, by, most),
            Self::Nonces => nonce::delete_expired(tx, by, most),
            Self::IdempotencyKeys => idempotency::delete_expired(tx, by, most),
            Self::IncomingPayments => incoming_payment::expire(tx, by, most),
            Self::Tokens => token::delete_ended(tx, by, most),
            Self::Quotes => quote::delete_expired(tx, by, most),
            Self::GrantRequests => grant::delete_ungranted(tx, by, most),
        }
    }

    /// How many wait to be forgotten, counted up to a bound.
    ///
    /// # Errors
    /// When the database fails.
    pub fn waiting(self, tx: &mut Tx<'_>, by: Timestamp, most: u64) -> Result<u64, Error> {
        let sql = match self {
            Self::Sessions => count!("session WHERE expires_at <= $1"),
            Self::LoginFailures => count!("login_failure WHERE since <= $1"),
            Self::Nonces => count!("signature_nonce WHERE expires_at <= $1"),
            Self::IdempotencyKeys => count!("idempotency_key WHERE created_at <= $1"),
            Self::IncomingPayments => {
                count!("incoming_payment WHERE completed_at IS NULL AND expired_at IS NULL AND expires_at <= $1")
            }
            Self::Tokens => count!("access_token WHERE ended_at IS NOT NULL AND ended_at <= $1"),
            Self::Quotes => count!("quote WHERE used_by IS NULL AND expires_at <= $1"),
            Self::GrantRequests => {
                count!("op_grant WHERE state IN ('pending', 'approved', 'denied') AND expires_at <= $1")
            }
        };
        let count = tx.one(sql, &[by.into(), most.into()], |row| row.unsigned(0))?;
        Ok(count.unwrap_or(0))
    }

    /// The statement that finds the rows of a batch, and forgets them in all cases but one; its parameters are those of
    /// [`Self::forget`]. For tests of how the engines carry it out.
    pub fn statement(self) -> &'static str {
        match self {
            Self::Sessions => session::DELETE_EXPIRED,
            Self::LoginFailures => session::DELETE_OLD_FAILURES,
            Self::Nonces => nonce::DELETE_EXPIRED,
            Self::IdempotencyKeys => idempotency::DELETE_EXPIRED,
            Self::IncomingPayments => incoming_payment::EXPIRE,
            Self::Tokens => token::DELETE_ENDED,
            Self::Quotes => quote::DELETE_EXPIRED,
            Self::GrantRequests => grant::FIND_UNGRANTED,
        }
    }
}
