//! Lists, page by page (Open Payments resource server).

use crate::error::Error;
use crate::session::Session;
use crate::transport::Call;
use bursar_types::{Page, PageInfo, WalletAddress};
use serde::de::DeserializeOwned;

/// Which page of a list to fetch. Lists begin with the newest.
///
/// ```no_run
/// # async fn example(
/// #     session: bursar_client::Session, wallet: bursar_client::types::WalletAddress,
/// # ) -> Result<(), bursar_client::Error> {
/// use bursar_client::ListOptions;
///
/// // All payments, fifty at a time.
/// let mut next = Some(ListOptions::first(50));
/// while let Some(options) = next {
///     let page = session.outgoing_payments().list(&wallet, &options).await?;
///     for payment in &page.result {
///         println!("{} {}", payment.created_at, payment.debit_amount);
///     }
///     next = options.following(&page.pagination);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOptions {
    count: u16,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Start,
    After(String),
    Before(String),
}

impl ListOptions {
    /// The newest resources, at most so many. Servers take 1 to 100.
    pub fn first(count: u16) -> Self {
        Self { count, place: Place::Start }
    }

    /// Those after a cursor, which are older.
    #[must_use]
    pub fn after(self, cursor: impl Into<String>) -> Self {
        Self { place: Place::After(cursor.into()), ..self }
    }

    /// Those before a cursor, which are newer.
    #[must_use]
    pub fn before(self, cursor: impl Into<String>) -> Self {
        Self { place: Place::Before(cursor.into()), ..self }
    }

    /// The page that follows one, with older resources; `None` if that was the last.
    pub fn following(&self, page: &PageInfo) -> Option<Self> {
        let cursor = page.end_cursor.as_ref().filter(|_| page.has_next_page)?;
        let next = self.clone().after(cursor);
        // A server that gives the same cursor for ever would keep a caller's loop running for ever.
        (next.place != self.place).then_some(next)
    }

    /// The page that precedes one, with newer resources; `None` if that was the first.
    pub fn preceding(&self, page: &PageInfo) -> Option<Self> {
        let cursor = page.start_cursor.as_ref().filter(|_| page.has_previous_page)?;
        let next = self.clone().before(cursor);
        (next.place != self.place).then_some(next)
    }
}

/// Fetches one page of the resources at a path of the wallet's resource server.
pub(crate) async fn list<T: DeserializeOwned>(
    session: &Session,
    wallet: &WalletAddress,
    path: &str,
    options: &ListOptions,
) -> Result<Page<T>, Error> {
    let mut url = session.transport().urls.below(&wallet.resource_server, path)?;
    let count = options.count.to_string();
    let (name, cursor) = match &options.place {
        Place::Start => ("first", None),
        Place::After(cursor) => ("first", Some(cursor)),
        Place::Before(cursor) => ("last", Some(cursor)),
    };
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("wallet-address", &wallet.id).append_pair(name, &count);
        if let Some(cursor) = cursor {
            query.append_pair("cursor", cursor);
        }
    }
    session.send(&Call::get(&url)).await?.json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_until_the_last() {
        let page = |end: Option<&str>, has_next_page: bool| PageInfo {
            start_cursor: Some("s".to_owned()),
            end_cursor: end.map(str::to_owned),
            has_next_page,
            has_previous_page: true,
        };
        let first = ListOptions::first(10);
        let second = first.following(&page(Some("e"), true));
        assert_eq!(second, Some(ListOptions::first(10).after("e")));
        assert_eq!(first.following(&page(Some("e"), false)), None);
        assert_eq!(first.following(&page(None, true)), None);
        assert_eq!(second.unwrap().following(&page(Some("e"), true)), None, "the same cursor again");
        assert_eq!(first.preceding(&page(None, false)), Some(ListOptions::first(10).before("s")));
    }
}
