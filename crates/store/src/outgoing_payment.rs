//! Outgoing payments.

use crate::columns;
use crate::list::Statements;
use crate::wallet_address::WalletAddress;
use crate::{Ask, Error, Row, Tx, ledger, wallet_address};
use bursar_core::Id;
use bursar_core::access::ClientId;
use bursar_core::ledger::Account;
use bursar_core::outgoing::{Counted, OutgoingPayment, State};
use bursar_core::page;
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

/// The stored window of a payment that counts under no grant.
const UNCOUNTED: i64 = 0;

/// Adds an outgoing payment.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx<'_>, payment: &OutgoingPayment) -> Result<(), Error> {
    let Price { debit, fee, receive, rate } = payment.price;
    tx.insert(
        "INSERT INTO outgoing_payment (id, wallet_address_id, client, access_id, window_index, quote_id, receiver,
             incoming_payment_id, debit, debit_asset_code, debit_asset_scale, receive, receive_asset_code,
             receive_asset_scale, fee, rate, sent, state, metadata, created_at, payee_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
             (SELECT i.wallet_address_id FROM incoming_payment i WHERE i.id = $8))",
        &[
            (&payment.id).into(),
            (&payment.wallet_address).into(),
            (&payment.client.to_string()).into(),
            payment.counted.as_ref().map(|counted| &counted.access).into(),
            payment.counted.map_or(UNCOUNTED, |counted| counted.window).into(),
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

/// A wallet address with all that paying from it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payer {
    /// The wallet address.
    pub wallet: WalletAddress,
    /// The ledger account behind it.
    pub account: Account,
    /// Its newest outgoing payment: what the next one must come after.
    pub newest: Option<Id>,
}

/// Asks for a wallet address by its canonical URL, and for what can be paid from it.
pub fn ask_payer(url: &str) -> Ask<'_> {
    Ask::new(
        "SELECT w.id, w.url, w.public_name, w.holder_id, w.account_id, w.asset_code, w.asset_scale, w.created_at,
             w.deactivated_at, a.id, a.kind, a.asset_code, a.asset_scale, a.balance, a.reserved,
             (SELECT p.id FROM outgoing_payment p WHERE p.wallet_address_id BETWEEN w.id AND w.id
              ORDER BY p.wallet_address_id DESC, p.id DESC LIMIT 1)
         FROM wallet_address w JOIN ledger_account a ON a.id = w.account_id
         WHERE w.url = $1",
        &[url.into()],
    )
}

/// Finds what [`ask_payer`] asks for.
///
/// # Errors
/// When the database fails.
pub fn payer(tx: &mut Tx<'_>, url: &str) -> Result<Option<Payer>, Error> {
    tx.ask(&ask_payer(url), |row| {
        Ok(Payer { wallet: wallet_address::read(row)?, account: ledger::read(row, 9)?, newest: row.opt_id(15)? })
    })
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

/// Loads what a page of the wallet address's outgoing payments needs, nearest to its beginning first; those of one
/// client only, or of everybody.
///
/// # Errors
/// When the database fails.
pub fn list(
    tx: &mut Tx<'_>,
    wallet_address: &Id,
    client: Option<&ClientId>,
    ask: &page::Ask,
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
        select!(
            "WHERE wallet_address_id = $1 AND client >= $2 AND (client, id) > ($2, $3) AND (client, id) < ($2, $4)
             ORDER BY client DESC, id DESC LIMIT $5"
        ),
        &[wallet_address.into(), (&client.to_string()).into(), between[0].into(), between[1].into(), most.into()],
        read,
    )
}

/// Reads the columns of [`select!`], which come first.
pub(crate) fn read(row: &Row<'_>) -> Result<OutgoingPayment, Error> {
    let price = columns::price(row, 8)?;
    let state = row.text(17)?;
    Ok(OutgoingPayment {
        id: row.id(0)?,
        wallet_address: row.id(1)?,
        client: ClientId::from_stored(row.text(2)?),
        counted: row.opt_id(3)?.map(|access| Ok::<_, Error>(Counted { access, window: row.int(4)? })).transpose()?,
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
