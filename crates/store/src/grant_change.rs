//! What account holders did to their grants, kept for ever.

use crate::columns::corrupt;
use crate::{Error, Tx};
use bursar_core::Id;
use bursar_core::limits::Spend;
use bursar_types::Limits;
use jiff::Timestamp;

/// Something that an account holder did to a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantChange {
    /// Its id.
    pub id: Id,
    /// The grant.
    pub grant: Id,
    /// What was done.
    pub kind: Kind,
    /// When.
    pub created_at: Timestamp,
}

/// What was done to a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// It was paused.
    Paused,
    /// It was resumed.
    Resumed,
    /// It was revoked.
    Revoked,
    /// Its limits were lowered.
    Lowered {
        /// The access item that got other limits.
        access: Id,
        /// Its limits before.
        limits: Option<Limits>,
        /// The window in which that happened.
        window: i64,
        /// Debited in that window until then, in smallest units, payments on their way included.
        debit: u64,
        /// Delivered in that window until then, in smallest units; zero if receivers had different assets.
        receive: u64,
    },
}

impl Kind {
    /// Lowered limits of an access item, of which so much was spent in the window.
    pub fn lowered(access: Id, limits: Option<Limits>, window: i64, spend: &Spend) -> Self {
        Self::Lowered { access, limits, window, debit: spend.debit(), receive: spend.receive() }
    }

    fn as_str(&self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Revoked => "revoked",
            Self::Lowered { .. } => "lowered",
        }
    }
}

/// Writes down what was done.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx<'_>, change: &GrantChange) -> Result<(), Error> {
    let (access, limits, window, debit, receive) = match &change.kind {
        Kind::Lowered { access, limits, window, debit, receive } => {
            let limits = serde_json::to_string(limits).map_err(corrupt)?;
            (Some(access), Some(limits), Some(*window), Some(*debit), Some(*receive))
        }
        Kind::Paused | Kind::Resumed | Kind::Revoked => (None, None, None, None, None),
    };
    tx.execute(
        "INSERT INTO grant_change (id, grant_id, kind, access_id, limits, window_index, debit, receive, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            (&change.id).into(),
            (&change.grant).into(),
            change.kind.as_str().into(),
            access.into(),
            limits.as_deref().into(),
            window.into(),
            debit.into(),
            receive.into(),
            change.created_at.into(),
        ],
    )?;
    Ok(())
}

/// What was done to a grant last, newest first.
///
/// # Errors
/// When the database fails.
pub fn newest(tx: &mut Tx<'_>, grant: &Id, most: u64) -> Result<Vec<GrantChange>, Error> {
    tx.all(
        "SELECT id, grant_id, kind, created_at, access_id, limits, window_index, debit, receive
         FROM grant_change WHERE grant_id >= $1 AND (grant_id, id) < ($1, $3)
         ORDER BY grant_id DESC, id DESC LIMIT $2",
        &[grant.into(), most.into(), (&Id::from_bytes([u8::MAX; 16])).into()],
        |row| {
            let kind = match row.text(2)?.as_str() {
                "paused" => Kind::Paused,
                "resumed" => Kind::Resumed,
                "revoked" => Kind::Revoked,
                "lowered" => Kind::Lowered {
                    access: row.id(4)?,
                    limits: serde_json::from_str(&row.text(5)?).map_err(corrupt)?,
                    window: row.int(6)?,
                    debit: row.unsigned(7)?,
                    receive: row.unsigned(8)?,
                },
                word => return Err(Error::Corrupt(format!("unknown change {word:?} of a grant"))),
            };
            Ok(GrantChange { id: row.id(0)?, grant: row.id(1)?, kind, created_at: row.instant(3)? })
        },
    )
}

/// How often the limits of access items were lowered: item by item, oldest first. For the auditor.
///
/// # Errors
/// When the database fails.
pub(crate) fn all_lowered(tx: &mut Tx<'_>) -> Result<Vec<Kind>, Error> {
    tx.all(
        "SELECT access_id, limits, window_index, debit, receive FROM grant_change WHERE kind = 'lowered' ORDER BY id",
        &[],
        |row| {
            Ok(Kind::Lowered {
                access: row.id(0)?,
                limits: serde_json::from_str(&row.text(1)?).map_err(corrupt)?,
                window: row.int(2)?,
                debit: row.unsigned(3)?,
                receive: row.unsigned(4)?,
            })
        },
    )
}
