//! Lists, page by page (Open Payments resource server).

use crate::error::Error;
use crate::session::Session;
use crate::transport::Call;
use bursar_types::{Page, PageInfo, WalletAddress};
use serde::de::DeserializeOwned;
use std::fmt;
use std::vec;

/// How many resources a page has, if nobody says: what servers do, too.
const COUNT: u16 = 20;

/// Which page of a list to fetch. Lists begin with the newest.
///
/// To go through a whole list, see [`Pages`]. A page by itself, with the cursors for its neighbours, is what a web page
/// with buttons for "newer" and "older" needs:
///
/// ```no_run
/// # async fn example(
/// #     session: bursar_client::Session, wallet: bursar_client::types::WalletAddress,
/// # ) -> Result<(), bursar_client::Error> {
/// use bursar_client::ListOptions;
///
/// let options = ListOptions::first(50);
/// let page = session.outgoing_payments().list(&wallet, &options).await?;
/// for payment in &page.result {
///     println!("{} {}", payment.created_at, payment.debit_amount);
/// }
/// if let Some(older) = options.following(&page.pagination) {
///     let next_page = session.outgoing_payments().list(&wallet, &older).await?;
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

impl Default for ListOptions {
    /// The newest 20.
    fn default() -> Self {
        Self::first(COUNT)
    }
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

    fn cursor(&self) -> Option<&str> {
        match &self.place {
            Place::Start => None,
            Place::After(cursor) | Place::Before(cursor) => Some(cursor),
        }
    }
}

/// A walk through a list, which holds one page at a time. From
/// [`IncomingPayments::pages`](crate::IncomingPayments::pages) and
/// [`OutgoingPayments::pages`](crate::OutgoingPayments::pages).
///
/// It begins at the page that the [`ListOptions`] name, and goes from newer to older; after
/// [`before`](ListOptions::before) a cursor, from older to newer. What arrives in the meantime is not missed in that
/// direction, and shifts nothing in the other.
///
/// ```no_run
/// # async fn example(
/// #     session: bursar_client::Session, payer: bursar_client::types::WalletAddress,
/// # ) -> Result<(), bursar_client::Error> {
/// use bursar_client::ListOptions;
///
/// let mut pages = session.outgoing_payments().pages(&payer, ListOptions::first(100));
/// while let Some(payment) = pages.next().await? {
///     println!("{} {}", payment.created_at, payment.debit_amount);
/// }
/// # Ok(()) }
/// ```
#[must_use = "nothing is fetched before next() or next_page()"]
pub struct Pages<'a, T> {
    session: &'a Session,
    wallet: &'a WalletAddress,
    path: &'static str,
    /// The page that is fetched next.
    next: Option<ListOptions>,
    /// What is left of the page that was fetched last.
    page: vec::IntoIter<T>,
    circle: Circle,
}

impl<'a, T: DeserializeOwned> Pages<'a, T> {
    pub(crate) fn new(session: &'a Session, wallet: &'a WalletAddress, path: &'static str, from: ListOptions) -> Self {
        let (page, circle) = (Vec::new().into_iter(), Circle::default());
        Self { session, wallet, path, next: Some(from), page, circle }
    }

    /// The next resource; `None` after the last. Fetches a page when it needs one.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session, bob: bursar_client::types::WalletAddress,
    /// # ) -> Result<(), bursar_client::Error> {
    /// # use bursar_client::ListOptions;
    /// // The newest one that has been paid.
    /// let mut pages = session.incoming_payments().pages(&bob, ListOptions::default());
    /// while let Some(payment) = pages.next().await? {
    ///     if payment.completed {
    ///         println!("{} got {}", payment.id, payment.received_amount);
    ///         break;
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses; calling again tries the same page again.
    /// [`Error::InvalidResponse`] when its pages go round in a circle.
    pub async fn next(&mut self) -> Result<Option<T>, Error> {
        if self.page.len() == 0 {
            self.fetch().await?;
        }
        Ok(self.page.next())
    }

    /// The rest of the page that [`next`](Self::next) has begun, or else the next page, in the order of the walk; `None`
    /// after the last. It is never empty.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session, payer: bursar_client::types::WalletAddress,
    /// # ) -> Result<(), bursar_client::Error> {
    /// # use bursar_client::ListOptions;
    /// let mut pages = session.outgoing_payments().pages(&payer, ListOptions::first(100));
    /// while let Some(page) = pages.next_page().await? {
    ///     println!("{} payments to write down", page.len());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn next_page(&mut self) -> Result<Option<Vec<T>>, Error> {
        if self.page.len() == 0 {
            self.fetch().await?;
        }
        let page: Vec<_> = self.page.by_ref().collect();
        Ok((!page.is_empty()).then_some(page))
    }

    async fn fetch(&mut self) -> Result<(), Error> {
        let Some(options) = &self.next else { return Ok(()) };
        let mut page = list::<T>(self.session, self.wallet, self.path, options).await?;
        let next = match options.place {
            Place::Start | Place::After(_) => options.following(&page.pagination),
            Place::Before(_) => {
                page.result.reverse();
                options.preceding(&page.pagination)
            }
        };
        if next.as_ref().and_then(ListOptions::cursor).is_some_and(|cursor| self.circle.is_closed_by(cursor)) {
            return Err(Error::invalid_response(
                &self.wallet.resource_server,
                "a list whose pages go round in a circle: the same cursor came twice",
            ));
        }
        // A page without anything is the last, whatever it says of others: nobody waits for an endless row of them.
        self.next = next.filter(|_| !page.result.is_empty());
        self.page = page.result.into_iter();
        Ok(())
    }
}

impl<T> fmt::Debug for Pages<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("path", &self.path).field("next", &self.next).finish_non_exhaustive()
    }
}

/// Notices sooner or later that cursors repeat, and remembers only one of them (Brent's method).
#[derive(Default)]
struct Circle {
    remembered: Option<String>,
    since: u64,
    lap: u64,
}

impl Circle {
    fn is_closed_by(&mut self, cursor: &str) -> bool {
        if self.remembered.as_deref() == Some(cursor) {
            return true;
        }
        if self.since == self.lap {
            self.remembered = Some(cursor.to_owned());
            self.since = 0;
            self.lap = self.lap.saturating_mul(2).max(1);
        }
        self.since += 1;
        false
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
    fn circles_of_any_length_are_noticed_and_nothing_else() {
        for (start, length) in [(0, 1), (0, 2), (3, 1), (1, 7), (40, 13)] {
            let mut circle = Circle::default();
            let cursor = |step: u64| if step < start { step } else { start + (step - start) % length };
            let noticed = (0..1000).find(|step| circle.is_closed_by(&cursor(*step).to_string()));
            assert!(noticed.is_some_and(|step| step < 4 * (start + length) + 4), "{start} {length}: {noticed:?}");
        }
        let mut circle = Circle::default();
        assert!((0..1000).all(|step: u64| !circle.is_closed_by(&step.to_string())));
    }

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
