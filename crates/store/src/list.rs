//! Lists of a wallet address's payments, newest first, in pages that an index answers.

use crate::{Error, Row, Tx};
use bursar_core::Id;
use bursar_core::access::ClientId;
use bursar_core::page::{Ask, Part};

/// The statements of one noun. Parameters: wallet address, id to go on from, number of rows, client.
pub(crate) struct Statements {
    /// Everybody's, older than an id, newest first.
    pub all_older: &'static str,
    /// Everybody's, newer than an id, oldest first.
    pub all_newer: &'static str,
    /// One client's, older than an id, newest first.
    pub own_older: &'static str,
    /// One client's, newer than an id, oldest first.
    pub own_newer: &'static str,
}

/// Every id is older than this one.
const LAST: [u8; 16] = [u8::MAX; 16];

impl Statements {
    /// Loads what a page needs, nearest to its beginning first; of one client only, or of everybody.
    pub(crate) fn load<T>(
        &self,
        tx: &mut Tx<'_>,
        wallet_address: &Id,
        client: Option<&ClientId>,
        ask: &Ask,
        read: fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let (newer, from) = match ask.part {
            Part::Newest => (false, Id::from_bytes(LAST)),
            Part::OlderThan(id) => (false, id),
            Part::NewerThan(id) => (true, id),
        };
        let rows = ask.rows();
        let Some(client) = client else {
            let sql = if newer { self.all_newer } else { self.all_older };
            return tx.all(sql, &[wallet_address.into(), (&from).into(), rows.into()], read);
        };
        let sql = if newer { self.own_newer } else { self.own_older };
        tx.all(sql, &[wallet_address.into(), (&from).into(), rows.into(), (&client.to_string()).into()], read)
    }
}
