//! Payments as both their ends see them: who paid whom, through which app, and the transfers behind it.

use crate::outgoing_payment;
use crate::{Error, Row, Tx, columns};
use bursar_core::Id;
use bursar_core::access::ClientId;
use bursar_core::ledger::AccountKind;
use bursar_core::outgoing::OutgoingPayment;
use bursar_types::Amount;
use jiff::Timestamp;

/// One end of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The wallet address.
    pub wallet_address: Id,
    /// Its URL.
    pub url: String,
    /// The name shown to others.
    pub public_name: Option<String>,
    /// Whose it is.
    pub holder: Id,
    /// The ledger account behind it.
    pub account: Id,
}

/// What was asked for: the incoming payment that took the money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who created it.
    pub client: ClientId,
    /// Its creator's own data, as JSON text.
    pub metadata: Option<String>,
}

/// A payment with what lies around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// The payment.
    pub payment: OutgoingPayment,
    /// Who paid.
    pub payer: Party,
    /// Who was paid, if that is at this provider.
    pub payee: Option<Party>,
    /// The incoming payment, if it is at this provider.
    pub request: Option<Request>,
    /// The grant under which it was made.
    pub grant: Option<Id>,
    /// The name that the client had then.
    pub client_name: Option<String>,
}

/// Which end of a payment a wallet address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It pays.
    Payer,
    /// It is paid.
    Payee,
}

/// A part of a wallet address's payments. Both bounds are outside of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Only what is newer than this id.
    pub newer_than: Id,
    /// Only what is older than this id.
    pub older_than: Id,
    /// Whether the newest come first; else the oldest.
    pub newest_first: bool,
}

impl Span {
    /// What is left of it beyond this id, going on in its direction.
    pub fn beyond(self, id: Id) -> Self {
        if self.newest_first { Self { older_than: id, ..self } } else { Self { newer_than: id, ..self } }
    }
}

/// The columns that [`read`] reads; those of the payment are in the order of [`outgoing_payment::read`].
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT o.id, o.wallet_address_id, o.client, o.access_id, o.window_index, o.quote_id, o.receiver,
                 o.incoming_payment_id, o.debit, o.debit_asset_code, o.debit_asset_scale, o.receive,
                 o.receive_asset_code, o.receive_asset_scale, o.fee, o.rate, o.sent, o.state, o.metadata, o.created_at,
                 p.id, p.url, p.public_name, p.holder_id, p.account_id,
                 q.id, q.url, q.public_name, q.holder_id, q.account_id,
                 i.client, i.metadata, g.id, g.client_name
             FROM outgoing_payment o
             JOIN wallet_address p ON p.id = o.wallet_address_id
             LEFT JOIN wallet_address q ON q.id = o.payee_id
             LEFT JOIN incoming_payment i ON i.id = o.incoming_payment_id
             LEFT JOIN grant_access a ON a.id = o.access_id
             LEFT JOIN op_grant g ON g.id = a.grant_id ",
            $which
        )
    };
}

// The server's planner takes the index for these whatever it believes about the wallet address: comparing its two columns
// as one, and ordering by both, leaves it no other way that needs no sorting.
const SENT: [&str; 2] = [
    select!(
        "WHERE (o.wallet_address_id, o.id) > ($1, $2) AND (o.wallet_address_id, o.id) < ($1, $3)
         ORDER BY o.wallet_address_id DESC, o.id DESC LIMIT $4"
    ),
    select!(
        "WHERE (o.wallet_address_id, o.id) > ($1, $2) AND (o.wallet_address_id, o.id) < ($1, $3)
         ORDER BY o.wallet_address_id, o.id LIMIT $4"
    ),
];
const RECEIVED: [&str; 2] = [
    select!(
        "WHERE (o.payee_id, o.id) > ($1, $2) AND (o.payee_id, o.id) < ($1, $3)
         ORDER BY o.payee_id DESC, o.id DESC LIMIT $4"
    ),
    select!(
        "WHERE (o.payee_id, o.id) > ($1, $2) AND (o.payee_id, o.id) < ($1, $3)
         ORDER BY o.payee_id, o.id LIMIT $4"
    ),
];

/// What a wallet address paid, or was paid: a range scan of one index.
///
/// # Errors
/// When the database fails.
pub fn list(tx: &mut Tx<'_>, wallet_address: &Id, end: End, span: &Span, most: u64) -> Result<Vec<Movement>, Error> {
    let statements = match end {
        End::Payer => SENT,
        End::Payee => RECEIVED,
    };
    let sql = if span.newest_first { statements[0] } else { statements[1] };
    let values = [wallet_address.into(), (&span.newer_than).into(), (&span.older_than).into(), most.into()];
    tx.all(sql, &values, read)
}

/// Finds a payment.
///
/// # Errors
/// When the database fails.
pub fn by_id(tx: &mut Tx<'_>, id: &Id) -> Result<Option<Movement>, Error> {
    tx.one(select!("WHERE o.id = $1"), &[id.into()], read)
}

fn read(row: &Row<'_>) -> Result<Movement, Error> {
    let client = row.opt_text(30)?.map(ClientId::from_stored);
    let metadata = row.opt_text(31)?;
    Ok(Movement {
        payment: outgoing_payment::read(row)?,
        payer: party(row, 20)?,
        payee: row.opt_id(25)?.map(|_| party(row, 25)).transpose()?,
        request: client.map(|client| Request { client, metadata }),
        grant: row.opt_id(32)?,
        client_name: row.opt_text(33)?,
    })
}

fn party(row: &Row<'_>, column: usize) -> Result<Party, Error> {
    Ok(Party {
        wallet_address: row.id(column)?,
        url: row.text(column + 1)?,
        public_name: row.opt_text(column + 2)?,
        holder: row.id(column + 3)?,
        account: row.id(column + 4)?,
    })
}

/// A transfer in the ledger, with the accounts on both its sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Its number among those of the same payment.
    pub leg: u64,
    /// The account that is debited, and its kind.
    pub debit: (Id, AccountKind),
    /// The account that is credited, and its kind.
    pub credit: (Id, AccountKind),
    /// How much.
    pub amount: Amount,
    /// When.
    pub at: Timestamp,
}

/// The transfers of a payment, in their order.
///
/// # Errors
/// When the database fails.
pub fn postings(tx: &mut Tx<'_>, payment: &Id) -> Result<Vec<Posting>, Error> {
    let kind =
        |word: String| AccountKind::from_stored(&word).ok_or_else(|| Error::Corrupt(format!("account kind {word:?}")));
    tx.all(
        "SELECT t.leg, t.debit_account, d.kind, t.credit_account, c.kind, t.amount, d.asset_code, d.asset_scale, t.created_at
         FROM ledger_transfer t
         JOIN ledger_account d ON d.id = t.debit_account
         JOIN ledger_account c ON c.id = t.credit_account
         WHERE t.reference = $1 ORDER BY t.leg",
        &[payment.into()],
        |row| {
            Ok(Posting {
                leg: row.unsigned(0)?,
                debit: (row.id(1)?, kind(row.text(2)?)?),
                credit: (row.id(3)?, kind(row.text(4)?)?),
                amount: columns::amount(row, 5)?,
                at: row.instant(8)?,
            })
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Location, Store};

    #[test]
    fn lists_are_range_scans_of_one_index() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plans.db");
        let now = Timestamp::UNIX_EPOCH;
        drop(Store::open(&Location::File(path.clone()), now).unwrap());
        let connection = rusqlite::Connection::open(path).unwrap();
        for (sql, index) in SENT.iter().map(|sql| (sql, "list")).chain(RECEIVED.iter().map(|sql| (sql, "received"))) {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = statement.query_map([0; 4], |row| row.get::<_, String>(3)).unwrap();
            let plan = steps.collect::<Result<Vec<_>, _>>().unwrap().join("\n");
            let search = format!("SEARCH o USING INDEX outgoing_payment_{index} (");
            assert!(plan.contains(&search) && plan.contains(",id)>(?,?)") && plan.contains(",id)<(?,?)"), "{plan}");
            assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
