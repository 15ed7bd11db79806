//! Requests: incoming payments that account holders asked for in person.

use crate::incoming_payment;
use crate::{Error, Row, Tx};
use bursar_core::Id;
use bursar_core::incoming::IncomingPayment;
use bursar_core::page::{Ask, Part};

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRequest {
    /// The incoming payment.
    pub payment: IncomingPayment,
    /// Who asked for it.
    pub holder: Id,
    /// The note that everybody with the link may read.
    pub public_note: Option<String>,
}

/// The columns that [`read`] reads, of the requests that the rest of the statement chooses; those of the incoming payment
/// are in the order of [`incoming_payment::read`].
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT i.id, i.wallet_address_id, i.client, i.asset_code, i.asset_scale, i.incoming, i.received,
                 i.metadata, i.created_at, i.expires_at, i.completed_at, i.expired_at, r.holder_id, r.public_note
             FROM payment_request r JOIN incoming_payment i ON i.id = r.id WHERE ",
            $which
        )
    };
}

/// Notes that an account holder asked for an incoming payment, which must be there.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx<'_>, id: &Id, holder: &Id, public_note: Option<&str>) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO payment_request (id, holder_id, public_note) VALUES ($1, $2, $3)",
        &[id.into(), holder.into(), public_note.into()],
    )?;
    Ok(())
}

/// Finds a request.
///
/// # Errors
/// When the database fails.
pub fn by_id(tx: &mut Tx<'_>, id: &Id) -> Result<Option<PaymentRequest>, Error> {
    tx.one(select!("r.id = $1"), &[id.into()], read)
}

/// Loads what a page of an account holder's requests needs, nearest to its beginning first.
///
/// # Errors
/// When the database fails.
pub fn list(tx: &mut Tx<'_>, holder: &Id, ask: &Ask) -> Result<Vec<PaymentRequest>, Error> {
    const OLDER: &str =
        select!("r.holder_id >= $1 AND (r.holder_id, r.id) < ($1, $2) ORDER BY r.holder_id DESC, r.id DESC LIMIT $3");
    const NEWER: &str =
        select!("r.holder_id <= $1 AND (r.holder_id, r.id) > ($1, $2) ORDER BY r.holder_id, r.id LIMIT $3");
    let (sql, from) = match ask.part {
        Part::Newest => (OLDER, Id::from_bytes([u8::MAX; 16])),
        Part::OlderThan(id) => (OLDER, id),
        Part::NewerThan(id) => (NEWER, id),
    };
    tx.all(sql, &[holder.into(), (&from).into(), ask.rows().into()], read)
}

fn read(row: &Row<'_>) -> Result<PaymentRequest, Error> {
    Ok(PaymentRequest { payment: incoming_payment::read(row)?, holder: row.id(12)?, public_note: row.opt_text(13)? })
}
