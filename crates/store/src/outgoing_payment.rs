//! Outgoing payments.

use crate::columns;
use crate::list::Statements;
use crate::{Error, Row, Tx};
use bursar_core::Id;
use bursar_core::access::ClientId;
use bursar_core::outgoing::{OutgoingPayment, State};
use bursar_core::page::Ask;
use bursar_core::quote::Price;

/// The columns that [`read`] reads, of the rows that the rest of the statement chooses.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, wallet_address_id, client, access_id, window_index, quote_id, receiver, incoming_payment_id,
                 debit, debit_asset_code, debit_asset_scale, receive, receive_asset_code, receive_asset_scale, fee,
                 rate, sent, state, metadata, created_at
             FROM outgoing_payment ",
            $which
        )
    };
}

/// Adds an outgoing payment.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx<'_>, payment: &OutgoingPayment) -> Result<(), Error> {
    let Price { debit, fee, receive, rate } = payment.price;
    tx.execute(
        "INSERT INTO outgoing_payment (id, wallet_address_id, client, access_id, window_index, quote_id, receiver,
             incoming_payment_id, debit, debit_asset_code, debit_asset_scale, receive, receive_asset_code,
             receive_asset_scale, fee, rate, sent, state, metadata, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        &[
            (&payment.id).into(),
            (&payment.wallet_address).into(),
            (&payment.client.to_string()).into(),
            (&payment.access).into(),
            payment.window.into(),
            payment.quote.as_ref().into(),
            (&payment.receiver).into(),
            (&payment.incoming_payment).into(),
            debit.value().into(),
            debit.asset().code().into(),
            debit.asset().scale().into(),
            receive.value().into(),
            receive.asset().code().into(),
            receive.asset().scale().into(),
            fee.value().into(),
            rate.map(|rate| rate.to_string()).as_deref().into(),
            payment.sent.value().into(),
            payment.state.as_str().into(),
            payment.metadata.as_deref().into(),
            payment.created_at.into(),
        ],
    )?;
    Ok(())
}

/// Finds an outgoing payment.
///
/// # Errors
/// When the database fails.
pub fn by_id(tx: &mut Tx<'_>, id: &Id) -> Result<Option<OutgoingPayment>, Error> {
    tx.one(select!("WHERE id = $1"), &[id.into()], read)
}

/// The newest outgoing payment of a wallet address: what the next one must come after.
///
/// # Errors
/// When the database fails.
pub fn newest(tx: &mut Tx<'_>, wallet_address: &Id) -> Result<Option<Id>, Error> {
    tx.one(
        "SELECT id FROM outgoing_payment WHERE wallet_address_id = $1 ORDER BY id DESC LIMIT 1",
        &[wallet_address.into()],
        |row| row.id(0),
    )
}

const LIST: Statements = Statements {
    all_older: select!("WHERE wallet_address_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"),
    all_newer: select!("WHERE wallet_address_id = $1 AND id > $2 ORDER BY id LIMIT $3"),
    own_older: select!("WHERE wallet_address_id = $1 AND client = $4 AND id < $2 ORDER BY id DESC LIMIT $3"),
    own_newer: select!("WHERE wallet_address_id = $1 AND client = $4 AND id > $2 ORDER BY id LIMIT $3"),
};

/// Loads what a page of the wallet address's outgoing payments needs, nearest to its beginning first; those of one
/// client only, or of everybody.
///
/// # Errors
/// When the database fails.
pub fn list(
    tx: &mut Tx<'_>,
    wallet_address: &Id,
    client: Option<&ClientId>,
    ask: &Ask,
) -> Result<Vec<OutgoingPayment>, Error> {
    LIST.load(tx, wallet_address, client, ask, read)
}

/// A client's payments from a wallet address between two ids, both left out, newest first.
///
/// # Errors
/// When the database fails.
pub fn of_client_between(
    tx: &mut Tx<'_>,
    wallet_address: &Id,
    client: &ClientId,
    between: [&Id; 2],
    most: u64,
) -> Result<Vec<OutgoingPayment>, Error> {
    tx.all(
        select!("WHERE wallet_address_id = $1 AND client = $2 AND id > $3 AND id < $4 ORDER BY id DESC LIMIT $5"),
        &[wallet_address.into(), (&client.to_string()).into(), between[0].into(), between[1].into(), most.into()],
        read,
    )
}

fn read(row: &Row<'_>) -> Result<OutgoingPayment, Error> {
    let price = columns::price(row, 8)?;
    let state = row.text(17)?;
    Ok(OutgoingPayment {
        id: row.id(0)?,
        wallet_address: row.id(1)?,
        client: ClientId::from_stored(row.text(2)?),
        access: row.id(3)?,
        window: row.int(4)?,
        quote: row.opt_id(5)?,
        receiver: row.text(6)?,
        incoming_payment: row.id(7)?,
        price,
        sent: price.debit.asset().amount(row.unsigned(16)?).map_err(columns::corrupt)?,
        state: State::from_stored(&state).ok_or_else(|| Error::Corrupt(format!("payment state {state:?}")))?,
        metadata: row.opt_text(18)?,
        created_at: row.instant(19)?,
    })
}
