//! Lists at the resource server: which page is asked for, of whose resources, and what the caller may see of them.

use crate::callers::Caller;
use crate::{Error, wallets};
use bursar_core::access::{self, ClientId, Scope};
use bursar_core::page::{Ask, unknown_cursor};
use bursar_core::{Code, Id};
use bursar_store::Tx;
use bursar_store::wallet_address::WalletAddress;
use bursar_types::{Page, ResourceType};

/// The parameters of a list, as they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Whose resources.
    pub wallet_address: Option<String>,
    /// How many, from the newest or after the cursor.
    pub first: Option<String>,
    /// How many, before the cursor.
    pub last: Option<String>,
    /// Id of the resource to go on from.
    pub cursor: Option<String>,
}

/// Finds a resource by its id.
type Find<T> = fn(&mut Tx<'_>, &Id) -> Result<Option<T>, bursar_store::Error>;
/// Loads the rows of a page: of this wallet address, of one client or of everybody.
type Load<T> = fn(&mut Tx<'_>, &Id, Option<&ClientId>, &Ask) -> Result<Vec<T>, bursar_store::Error>;

/// How one kind of resource is listed.
pub(crate) struct Listed<T> {
    /// Which kind.
    pub resource: ResourceType,
    /// Finds one by its id.
    pub by_id: Find<T>,
    /// Loads the rows of a page.
    pub list: Load<T>,
    /// Its id, its wallet address, and who created it.
    pub about: fn(&T) -> (Id, Id, &ClientId),
}

impl<T> Listed<T> {
    /// The page that the caller asks for, each resource written by `wire`.
    ///
    /// # Errors
    /// [`Code::InvalidResourceRequest`] for parameters that make no sense, [`Code::InsufficientGrant`].
    pub fn page<W>(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        query: &ListQuery,
        wire: impl Fn(&T, &WalletAddress) -> Result<W, Error>,
    ) -> Result<Page<W>, Error> {
        let invalid = |text: String| Error::refused(Code::InvalidResourceRequest, text);
        let ask = Ask::read(query.first.as_deref(), query.last.as_deref(), query.cursor.as_deref())?;
        let named = query.wallet_address.as_deref();
        let named = named.ok_or_else(|| invalid("give the parameter wallet-address: whose payments?".to_owned()))?;
        let wallet = wallets::find(tx, named, |reason| invalid(format!("wallet-address: {reason}")))?;
        let only = match access::require_list(&caller.access, self.resource, &wallet.url)? {
            Scope::Own => Some(&caller.client),
            Scope::All => None,
        };
        if let Some(cursor) = ask.cursor() {
            let is_listed = |row: &T| {
                let (_, of, client) = (self.about)(row);
                of == wallet.id && only.is_none_or(|only| only == client)
            };
            if !(self.by_id)(tx, &cursor)?.is_some_and(|row| is_listed(&row)) {
                return Err(unknown_cursor().into());
            }
        }
        let rows = (self.list)(tx, &wallet.id, only, &ask)?;
        let (rows, pagination) = ask.page(rows, |row| (self.about)(row).0);
        let result = rows.iter().map(|row| wire(row, &wallet)).collect::<Result<_, _>>()?;
        Ok(Page { pagination, result })
    }
}
