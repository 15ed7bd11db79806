//! Outgoing payments.

use crate::columns;
use crate::{Error, Tx};
use bursar_core::Id;
use bursar_core::access::ClientId;
use bursar_core::outgoing::{OutgoingPayment, State};
use bursar_core::quote::Price;

/// Adds an outgoing payment.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx<'_>, payment: &OutgoingPayment) -> Result<(), Error> {
    let Price { debit, receive } = payment.price;
    tx.execute(
        "INSERT INTO outgoing_payment (id, wallet_address_id, client, access_id, window_index, quote_id, receiver,
             incoming_payment_id, debit, debit_asset_code, debit_asset_scale, receive, receive_asset_code,
             receive_asset_scale, sent, state, metadata, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
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
    tx.one(
        "SELECT id, wallet_address_id, client, access_id, window_index, quote_id, receiver, incoming_payment_id,
             debit, debit_asset_code, debit_asset_scale, receive, receive_asset_code, receive_asset_scale, sent,
             state, metadata, created_at
         FROM outgoing_payment WHERE id = $1",
        &[id.into()],
        |row| {
            let debit = columns::amount(row, 8)?;
            let state = row.text(15)?;
            Ok(OutgoingPayment {
                id: row.id(0)?,
                wallet_address: row.id(1)?,
                client: ClientId::from_stored(row.text(2)?),
                access: row.id(3)?,
                window: row.int(4)?,
                quote: row.opt_id(5)?,
                receiver: row.text(6)?,
                incoming_payment: row.id(7)?,
                price: Price { debit, receive: columns::amount(row, 11)? },
                sent: debit.asset().amount(row.unsigned(14)?).map_err(columns::corrupt)?,
                state: State::from_stored(&state).ok_or_else(|| Error::Corrupt(format!("payment state {state:?}")))?,
                metadata: row.opt_text(16)?,
                created_at: row.instant(17)?,
            })
        },
    )
}
