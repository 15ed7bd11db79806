//! Incoming payments.

use crate::columns;
use crate::list::Statements;
use crate::{Ask, Error, Row, Tx, ledger};
use bursar_core::Id;
use bursar_core::access::ClientId;
use bursar_core::incoming::IncomingPayment;
use bursar_core::ledger::Account;
use bursar_core::page;
use jiff::Timestamp;

/// The columns that [`read`] reads, of the rows that the rest of the statement chooses.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, wallet_address_id, client, asset_code, asset_scale, incoming, received, metadata, created_at,
                 expires_at, completed_at, expired_at
             FROM incoming_payment ",
            $which
        )
    };
}

/// Adds an incoming payment.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx<'_>, payment: &IncomingPayment) -> Result<(), Error> {
    tx.insert(
        "INSERT INTO incoming_payment (id, wallet_address_id, client, asset_code, asset_scale, incoming, received,
             metadata, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            (&payment.id).into(),
            (&payment.wallet_address).into(),
            (&payment.client.to_string()).into(),
            payment.asset.code().into(),
            payment.asset.scale().into(),
            payment.incoming.into(),
            payment.received.into(),
            payment.metadata.as_deref().into(),
            payment.created_at.into(),
            payment.expires_at.into(),
        ],
    )?;
    Ok(())
}

/// Finds an incoming payment.
///
/// # Errors
/// When the database fails.
pub fn by_id(tx: &mut Tx<'_>, id: &Id) -> Result<Option<IncomingPayment>, Error> {
    tx.one(select!("WHERE id = $1"), &[id.into()], read)
}

/// An incoming payment with all that paying it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// The payment.
    pub payment: IncomingPayment,
    /// From when its wallet address no longer exists for others.
    pub deactivated_at: Option<Timestamp>,
    /// The ledger account behind that wallet address.
    pub account: Account,
}

/// Asks for an incoming payment and where its money goes.
pub fn ask_receiver(id: &Id) -> Ask<'_> {
    Ask::new(
        "SELECT i.id, i.wallet_address_id, i.client, i.asset_code, i.asset_scale, i.incoming, i.received, i.metadata,
             i.created_at, i.expires_at, i.completed_at, i.expired_at, w.deactivated_at,
             a.id, a.kind, a.asset_code, a.asset_scale, a.balance, a.reserved
         FROM incoming_payment i
         JOIN wallet_address w ON w.id = i.wallet_address_id
         JOIN ledger_account a ON a.id = w.account_id
         WHERE i.id = $1",
        &[id.into()],
    )
}

/// Finds what [`ask_receiver`] asks for.
///
/// # Errors
/// When the database fails.
pub fn receiver(tx: &mut Tx<'_>, id: &Id) -> Result<Option<Receiver>, Error> {
    tx.ask(&ask_receiver(id), |row| {
        Ok(Receiver { payment: read(row)?, deactivated_at: row.opt_instant(12)?, account: ledger::read(row, 13)? })
    })
}

/// The newest incoming payment of a wallet address: what the next one must come after.
///
/// # Errors
/// When the database fails.
pub fn newest(tx: &mut Tx<'_>, wallet_address: &Id) -> Result<Option<Id>, Error> {
    tx.one(
        "SELECT id FROM incoming_payment WHERE wallet_address_id BETWEEN $1 AND $1
         ORDER BY wallet_address_id DESC, id DESC LIMIT 1",
        &[wallet_address.into()],
        |row| row.id(0),
    )
}

const LIST: Statements = Statements {
    all_older: select!(
        "WHERE wallet_address_id >= $1 AND (wallet_address_id, id) < ($1, $2)
         ORDER BY wallet_address_id DESC, id DESC LIMIT $3"
    ),
    all_newer: select!(
        "WHERE wallet_address_id <= $1 AND (wallet_address_id, id) > ($1, $2)
         ORDER BY wallet_address_id, id LIMIT $3"
    ),
    own_older: select!(
        "WHERE wallet_address_id = $1 AND client >= $4 AND (client, id) < ($4, $2)
         ORDER BY client DESC, id DESC LIMIT $3"
    ),
    own_newer: select!(
        "WHERE wallet_address_id = $1 AND client <= $4 AND (client, id) > ($4, $2)
         ORDER BY client, id LIMIT $3"
    ),
};

/// Loads what a page of the wallet address's incoming payments needs, nearest to its beginning first; those of one
/// client only, or of everybody.
///
/// # Errors
/// When the database fails.
pub fn list(
    tx: &mut Tx<'_>,
    wallet_address: &Id,
    client: Option<&ClientId>,
    ask: &page::Ask,
) -> Result<Vec<IncomingPayment>, Error> {
    LIST.load(tx, wallet_address, client, ask, read)
}

/// Writes what was received, and whether that completed it.
///
/// # Errors
/// [`Error::Guard`] when it has received something else, or was completed, by now.
pub fn update(tx: &mut Tx<'_>, before: &IncomingPayment, after: &IncomingPayment) -> Result<(), Error> {
    tx.change_one(
        "the incoming payment has changed",
        "UPDATE incoming_payment SET received = $3, completed_at = $4
         WHERE id = $1 AND received = $2 AND completed_at IS NULL AND expired_at IS NULL",
        &[(&before.id).into(), before.received.into(), after.received.into(), after.completed_at.into()],
    )
}

/// Notes that some payments take no more money because their time is over; how many.
///
/// # Errors
/// When the database fails.
pub fn expire(tx: &mut Tx<'_>, now: Timestamp, most: u64) -> Result<u64, Error> {
    tx.execute(EXPIRE, &[now.into(), most.into()])
}

pub(crate) const EXPIRE: &str = "UPDATE incoming_payment SET expired_at = $1
     WHERE completed_at IS NULL AND expired_at IS NULL AND id IN (SELECT id FROM
         (SELECT id FROM incoming_payment WHERE completed_at IS NULL AND expired_at IS NULL AND expires_at <= $1
          ORDER BY expires_at LIMIT 256) AS oldest LIMIT $2)";

/// Reads the columns of [`select!`], which come first.
pub(crate) fn read(row: &Row<'_>) -> Result<IncomingPayment, Error> {
    Ok(IncomingPayment {
        id: row.id(0)?,
        wallet_address: row.id(1)?,
        client: ClientId::from_stored(row.text(2)?),
        asset: columns::asset(row, 3)?,
        incoming: row.opt_int(5)?.map(u64::try_from).transpose().map_err(columns::corrupt)?,
        received: row.unsigned(6)?,
        metadata: row.opt_text(7)?,
        created_at: row.instant(8)?,
        expires_at: row.instant(9)?,
        completed_at: row.opt_instant(10)?,
        expired_at: row.opt_instant(11)?,
    })
}
