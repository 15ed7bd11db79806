//! Outgoing payments (Open Payments resource server).

use crate::clock::Duration;
use crate::error::Error;
use crate::page::{self, ListOptions, Pages};
use crate::session::Session;
use crate::transport::Call;
use bursar_types::{
    Amount, CreateOutgoingPayment, FromIncomingPayment, FromQuote, Metadata, OutgoingPayment,
    OutgoingPaymentWithSpentAmounts, Page, SpentAmounts, WalletAddress,
};

const PATH: &str = "outgoing-payments";
/// How long to wait before a payment is first looked at again, and at most.
const SETTLE_WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// An outgoing payment to be created.
///
/// ```
/// use bursar_client::NewOutgoingPayment;
/// use bursar_client::types::Asset;
///
/// let url = "https://wallet.example/op/incoming-payments/2f1b0150-db73-49e8-8713-628baa4a17ff";
/// let new = NewOutgoingPayment::to_incoming_payment(url, Asset::new("CAD", 2)?.parse_decimal("5.00")?)
///     .idempotency_key("order-42");
/// # let _ = new;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "pass it to session.outgoing_payments().create(…)"]
pub struct NewOutgoingPayment {
    source: Source,
    metadata: Option<Metadata>,
    idempotency_key: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Source {
    Quote(String),
    IncomingPayment(String, Amount),
}

impl NewOutgoingPayment {
    fn of(source: Source) -> Self {
        Self { source, metadata: None, idempotency_key: None }
    }

    /// At the price of a quote, given by its URL. A quote is good for one payment.
    pub fn from_quote(quote: impl Into<String>) -> Self {
        Self::of(Source::Quote(quote.into()))
    }

    /// A fixed amount out of the payer's account, whatever arrives of it at the incoming payment, given by its URL.
    pub fn to_incoming_payment(incoming_payment: impl Into<String>, debit: Amount) -> Self {
        Self::of(Source::IncomingPayment(incoming_payment.into(), debit))
    }

    /// The app's own data, which the server keeps and gives back.
    pub fn metadata(self, metadata: Metadata) -> Self {
        Self { metadata: Some(metadata), ..self }
    }

    /// A name for this very payment, 1 to 255 printable ASCII characters: however often it is sent, within a day, it is
    /// paid once. A random one by default; give your own to be able to try again after a crash.
    pub fn idempotency_key(self, key: impl Into<String>) -> Self {
        Self { idempotency_key: Some(key.into()), ..self }
    }
}

/// Outgoing payments, with the access token of a session. From [`Session::outgoing_payments`].
///
/// ```no_run
/// # async fn example(
/// #     session: bursar_client::Session, payer: bursar_client::types::WalletAddress, receiver: &str,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use bursar_client::{Duration, NewOutgoingPayment};
///
/// let five = payer.asset()?.parse_decimal("5.00")?;
/// let payments = session.outgoing_payments();
/// let created = payments.create(&payer, NewOutgoingPayment::to_incoming_payment(receiver, five)).await?;
/// let settled = payments.settled(created.payment, Duration::from_secs(30)).await?;
/// println!("{} of {} sent", settled.sent_amount, settled.debit_amount);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct OutgoingPayments<'a> {
    session: &'a Session,
}

impl<'a> OutgoingPayments<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self { session }
    }

    /// Pays out of the wallet address. Needs the action `create`. The answer says what the grant has spent with it.
    ///
    /// Sent a second time, with the same idempotency key, if the server cannot be reached or is not ready.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session,
    /// #     payer: bursar_client::types::WalletAddress,
    /// #     receiver: &str,
    /// #     quote: &str,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// # use bursar_client::NewOutgoingPayment;
    /// let payments = session.outgoing_payments();
    /// let five = payer.asset()?.parse_decimal("5.00")?;
    /// payments.create(&payer, NewOutgoingPayment::to_incoming_payment(receiver, five)).await?;
    /// match payments.create(&payer, NewOutgoingPayment::from_quote(quote)).await {
    ///     Ok(created) => println!("{:?} spent by now", created.grant_spent_debit_amount),
    ///     Err(error) if error.refusal().is_some_and(|refusal| refusal.is_over_limit()) => println!("not this month"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses. [`Refusal::is_over_limit`](crate::Refusal::is_over_limit) tells
    /// that the grant's limits, or the account's balance, do not allow it.
    pub async fn create(
        self,
        payer: &WalletAddress,
        new: NewOutgoingPayment,
    ) -> Result<OutgoingPaymentWithSpentAmounts, Error> {
        let transport = self.session.transport();
        let url = transport.urls.below(&payer.resource_server, PATH)?;
        let key = transport.idempotency_key(new.idempotency_key)?;
        let (wallet_address, metadata) = (payer.id.clone(), new.metadata);
        let body = match new.source {
            Source::Quote(quote_id) => {
                CreateOutgoingPayment::FromQuote(FromQuote { wallet_address, quote_id, metadata })
            }
            Source::IncomingPayment(incoming_payment, debit_amount) => {
                CreateOutgoingPayment::FromIncomingPayment(FromIncomingPayment {
                    wallet_address,
                    incoming_payment,
                    debit_amount,
                    metadata,
                })
            }
        };
        self.session.send(&Call::post(&url).json(&body)?.idempotent(key)).await?.json()
    }

    /// An outgoing payment, by its URL. Needs the action `read`, or `read-all` if another client created it.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session,
    /// #     url: &str,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let payment = session.outgoing_payments().get(url).await?;
    /// println!("{} of {} have been sent", payment.sent_amount, payment.debit_amount);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn get(self, outgoing_payment: &str) -> Result<OutgoingPayment, Error> {
        let url = self.session.transport().urls.check(outgoing_payment)?;
        self.session.send(&Call::get(&url)).await?.json()
    }

    /// One page of the wallet address's outgoing payments, newest first. Needs the action `list`, or `list-all` to see
    /// those of other clients.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session,
    /// #     payer: bursar_client::types::WalletAddress,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// # use bursar_client::ListOptions;
    /// let page = session.outgoing_payments().list(&payer, &ListOptions::first(10)).await?;
    /// println!("{} payments, and more: {}", page.result.len(), page.pagination.has_next_page);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn list(self, payer: &WalletAddress, options: &ListOptions) -> Result<Page<OutgoingPayment>, Error> {
        page::list(self.session, payer, PATH, options).await
    }

    /// A walk through the wallet address's outgoing payments, page by page. Needs the action `list`, or `list-all` to see
    /// those of other clients. See [`Pages`].
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session, payer: bursar_client::types::WalletAddress,
    /// # ) -> Result<(), bursar_client::Error> {
    /// # use bursar_client::ListOptions;
    /// let mut pages = session.outgoing_payments().pages(&payer, ListOptions::first(100));
    /// while let Some(payment) = pages.next().await? {
    ///     println!("{}", payment.id);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn pages(self, payer: &'a WalletAddress, from: ListOptions) -> Pages<'a, OutgoingPayment> {
        Pages::new(self.session, payer, PATH, from)
    }

    /// Looks at a payment until it has ended: everything is sent, or it has failed. Needs the action `read`.
    ///
    /// Look at `failed` in the result. Not having ended in time is no failure: the money may still be under way.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session,
    /// #     payment: bursar_client::types::OutgoingPayment,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// # use bursar_client::{Duration, Error};
    /// match session.outgoing_payments().settled(payment, Duration::from_secs(30)).await {
    ///     Ok(payment) if payment.failed => println!("only {} could be sent", payment.sent_amount),
    ///     Ok(payment) => println!("{} have been sent", payment.sent_amount),
    ///     Err(Error::StillPending) => println!("it is under way; look again later, and do not pay again"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::StillPending`] when it takes longer than the caller wants to wait; otherwise when the server cannot be
    /// reached or refuses.
    pub async fn settled(self, payment: OutgoingPayment, at_most: Duration) -> Result<OutgoingPayment, Error> {
        let clock = &self.session.transport().clock;
        let deadline = clock.after(at_most);
        let (mut wait, wait_max) = SETTLE_WAITS;
        let mut payment = payment;
        while !payment.failed && payment.sent_amount != payment.debit_amount {
            if clock.after(wait) > deadline {
                return Err(Error::StillPending);
            }
            clock.sleep(wait).await;
            wait = (wait * 2).min(wait_max);
            payment = self.get(&payment.id).await?;
        }
        Ok(payment)
    }

    /// What the grant has spent: in the current window if its limit has an interval, else ever. Needs the action
    /// `create`.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session,
    /// #     payer: bursar_client::types::WalletAddress,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let spent = session.outgoing_payments().spent(&payer).await?;
    /// if let Some(amount) = spent.spent_debit_amount {
    ///     println!("{amount} spent in this window");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn spent(self, payer: &WalletAddress) -> Result<SpentAmounts, Error> {
        let url = self.session.transport().urls.below(&payer.resource_server, "outgoing-payment-grant")?;
        self.session.send(&Call::get(&url)).await?.json()
    }
}
