//! Quotes.

use crate::columns;
use crate::{Ask, Error, Tx};
use bursar_core::Id;
use bursar_core::access::ClientId;
use bursar_core::quote::{Price, Quote};
use jiff::Timestamp;

/// Adds a quote.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx<'_>, quote: &Quote) -> Result<(), Error> {
    let Price { debit, fee, receive, rate } = quote.price;
    tx.insert(
        "INSERT INTO quote (id, wallet_address_id, client, receiver, incoming_payment_id, debit, debit_asset_code,
             debit_asset_scale, receive, receive_asset_code, receive_asset_scale, fee, rate, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        &[
            (&quote.id).into(),
            (&quote.wallet_address).into(),
            (&quote.client.to_string()).into(),
            (&quote.receiver).into(),
            (&quote.incoming_payment).into(),
            debit.value().into(),
            debit.asset().code().into(),
            debit.asset().scale().into(),
            receive.value().into(),
            receive.asset().code().into(),
            receive.asset().scale().into(),
            fee.value().into(),
            rate.map(|rate| rate.to_string()).as_deref().into(),
            quote.created_at.into(),
            quote.expires_at.into(),
        ],
    )?;
    Ok(())
}

/// Asks for a quote.
pub fn ask(id: &Id) -> Ask<'_> {
    Ask::new(
        "SELECT id, wallet_address_id, client, receiver, incoming_payment_id, debit, debit_asset_code,
             debit_asset_scale, receive, receive_asset_code, receive_asset_scale, fee, rate,
             created_at, expires_at, used_by
         FROM quote WHERE id = $1",
        &[id.into()],
    )
}

/// Finds a quote.
///
/// # Errors
/// When the database fails.
pub fn by_id(tx: &mut Tx<'_>, id: &Id) -> Result<Option<Quote>, Error> {
    tx.ask(&ask(id), |row| {
        Ok(Quote {
            id: row.id(0)?,
            wallet_address: row.id(1)?,
            client: ClientId::from_stored(row.text(2)?),
            receiver: row.text(3)?,
            incoming_payment: row.id(4)?,
            price: columns::price(row, 5)?,
            created_at: row.instant(13)?,
            expires_at: row.instant(14)?,
            used_by: row.opt_id(15)?,
        })
    })
}

/// Uses a quote up.
///
/// # Errors
/// [`Error::Guard`] when it is used by now.
pub fn set_used(tx: &mut Tx<'_>, id: &Id, payment: &Id) -> Result<(), Error> {
    tx.change_one(
        "the quote is used",
        "UPDATE quote SET used_by = $2 WHERE id = $1 AND used_by IS NULL",
        &[id.into(), payment.into()],
    )
}

/// Deletes some quotes that expired unused before the given instant; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_expired(tx: &mut Tx<'_>, before: Timestamp, most: u64) -> Result<u64, Error> {
    tx.execute(DELETE_EXPIRED, &[before.into(), most.into()])
}

pub(crate) const DELETE_EXPIRED: &str = "DELETE FROM quote WHERE id IN (SELECT id FROM
         (SELECT id FROM quote WHERE used_by IS NULL AND expires_at <= $1 ORDER BY expires_at LIMIT 256) AS oldest LIMIT $2)";
