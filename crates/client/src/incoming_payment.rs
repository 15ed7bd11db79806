//! Incoming payments (Open Payments resource server).

use crate::error::Error;
use crate::page::{self, ListOptions, Pages};
use crate::session::Session;
use crate::transport::{Call, Transport};
use bursar_types::{
    Amount, CreateIncomingPayment, IncomingPayment, IncomingPaymentWithMethods, Metadata, Page, PublicIncomingPayment,
    WalletAddress,
};
use jiff::Timestamp;

const PATH: &str = "incoming-payments";

/// An incoming payment to be created: a place to pay to.
///
/// ```
/// use bursar_client::NewIncomingPayment;
/// use bursar_client::types::Asset;
///
/// let ten_minutes_later: jiff::Timestamp = "2025-05-20T13:10:00Z".parse()?;
/// let new = NewIncomingPayment::new()
///     .amount(Asset::new("USD", 2)?.parse_decimal("5.00")?)
///     .expires_at(ten_minutes_later);
/// # let _ = new;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "pass it to session.incoming_payments().create(…)"]
pub struct NewIncomingPayment {
    amount: Option<Amount>,
    expires_at: Option<Timestamp>,
    metadata: Option<Metadata>,
    idempotency_key: Option<String>,
}

impl NewIncomingPayment {
    /// One without bound that expires when the server sees fit.
    pub fn new() -> Self {
        Self::default()
    }

    /// The most that may be paid in, in the asset of the receiving account; the payment is complete when it is reached.
    pub fn amount(self, amount: Amount) -> Self {
        Self { amount: Some(amount), ..self }
    }

    /// When it shall take no more money. Servers set an instant of their own otherwise, 30 days ahead at most.
    pub fn expires_at(self, expires_at: Timestamp) -> Self {
        Self { expires_at: Some(expires_at), ..self }
    }

    /// The app's own data, which the server keeps and gives back.
    pub fn metadata(self, metadata: Metadata) -> Self {
        Self { metadata: Some(metadata), ..self }
    }

    /// A name for this very creation, 1 to 255 printable ASCII characters: however often it is sent, within a day, one
    /// payment is created. A random one by default; give your own to be able to try again after a crash.
    pub fn idempotency_key(self, key: impl Into<String>) -> Self {
        Self { idempotency_key: Some(key.into()), ..self }
    }
}

/// Incoming payments as far as anybody may see them. From [`Client::incoming_payments`](crate::Client::incoming_payments).
#[derive(Clone, Copy)]
pub struct PublicIncomingPayments<'a> {
    transport: &'a Transport,
}

impl<'a> PublicIncomingPayments<'a> {
    pub(crate) fn new(transport: &'a Transport) -> Self {
        Self { transport }
    }

    /// What anybody may see of an incoming payment: what has arrived, and where to ask for a grant to see more.
    ///
    /// ```no_run
    /// # async fn example(client: bursar_client::Client) -> Result<(), bursar_client::Error> {
    /// let url = "https://wallet.example/op/incoming-payments/2f1b0150-db73-49e8-8713-628baa4a17ff";
    /// let payment = client.incoming_payments().get_public(url).await?;
    /// println!("{:?} so far", payment.received_amount);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses, or names an authorization server that the client does not call.
    pub async fn get_public(self, incoming_payment: &str) -> Result<PublicIncomingPayment, Error> {
        let url = self.transport.urls.check(incoming_payment)?;
        let payment: PublicIncomingPayment = self.transport.send(&Call::get_public(&url)).await?.json()?;
        self.transport
            .urls
            .reference(&url, &payment.auth_server)
            .map_err(|error| Error::invalid_response(url.as_str(), format!("its authServer: {error}")))?;
        Ok(payment)
    }
}

/// Incoming payments, with the access token of a session. From [`Session::incoming_payments`].
///
/// ```no_run
/// # async fn example(
/// #     client: bursar_client::AuthenticatedClient,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use bursar_client::types::Action;
/// use bursar_client::{GrantRequest, IncomingAccess, NewIncomingPayment};
///
/// let bob = client.wallet_address("$wallet.example/bob").get().await?;
/// let access = IncomingAccess::new([Action::Create, Action::Read, Action::Complete]).wallet_address(&bob.id);
/// let grant = client.grants().request(&bob.auth_server, GrantRequest::new().access(access)).await?.issued()?;
///
/// let payments = grant.session()?.incoming_payments();
/// let created = payments.create(&bob, NewIncomingPayment::new()).await?;
/// println!("pay to {}", created.payment.id);
/// payments.complete(&created.payment.id).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct IncomingPayments<'a> {
    session: &'a Session,
}

impl<'a> IncomingPayments<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self { session }
    }

    /// Creates an incoming payment at the wallet address. Needs the action `create`.
    ///
    /// Sent a second time, with the same idempotency key, if the server cannot be reached or is not ready.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session,
    /// #     bob: bursar_client::types::WalletAddress,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// # use bursar_client::NewIncomingPayment;
    /// let five = bob.asset()?.parse_decimal("5.00")?;
    /// let new = NewIncomingPayment::new().amount(five).idempotency_key("invoice-42");
    /// let created = session.incoming_payments().create(&bob, new).await?;
    /// println!("pay {} to {}", five, created.payment.id);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn create(
        self,
        wallet: &WalletAddress,
        new: NewIncomingPayment,
    ) -> Result<IncomingPaymentWithMethods, Error> {
        let transport = self.session.transport();
        let url = transport.urls.below(&wallet.resource_server, PATH)?;
        let key = transport.idempotency_key(new.idempotency_key)?;
        let body = CreateIncomingPayment {
            wallet_address: wallet.id.clone(),
            incoming_amount: new.amount,
            expires_at: new.expires_at,
            metadata: new.metadata,
        };
        self.session.send(&Call::post(&url).json(&body)?.idempotent(key)).await?.secret_json()
    }

    /// An incoming payment, with the ways to pay it. Needs the action `read`, or `read-all` if another client created it.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session,
    /// #     url: &str,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let payment = session.incoming_payments().get(url).await?.payment;
    /// println!("{} have arrived", payment.received_amount);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn get(self, incoming_payment: &str) -> Result<IncomingPaymentWithMethods, Error> {
        let url = self.session.transport().urls.check(incoming_payment)?;
        self.session.send(&Call::get(&url)).await?.secret_json()
    }

    /// One page of the wallet address's incoming payments, newest first. Needs the action `list`, or `list-all` to see
    /// those of other clients.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session,
    /// #     bob: bursar_client::types::WalletAddress,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// # use bursar_client::ListOptions;
    /// let page = session.incoming_payments().list(&bob, &ListOptions::first(10)).await?;
    /// for payment in page.result {
    ///     println!("{}: {} have arrived", payment.created_at, payment.received_amount);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn list(self, wallet: &WalletAddress, options: &ListOptions) -> Result<Page<IncomingPayment>, Error> {
        page::list(self.session, wallet, PATH, options).await
    }

    /// A walk through the wallet address's incoming payments, page by page. Needs the action `list`, or `list-all` to see
    /// those of other clients. See [`Pages`].
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session, bob: bursar_client::types::WalletAddress,
    /// # ) -> Result<(), bursar_client::Error> {
    /// # use bursar_client::ListOptions;
    /// let mut pages = session.incoming_payments().pages(&bob, ListOptions::first(100));
    /// while let Some(payment) = pages.next().await? {
    ///     println!("{}", payment.id);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn pages(self, wallet: &'a WalletAddress, from: ListOptions) -> Pages<'a, IncomingPayment> {
        Pages::new(self.session, wallet, PATH, from)
    }

    /// Ends an incoming payment: it takes no more money. Needs the action `complete`.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session,
    /// #     url: &str,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let payment = session.incoming_payments().complete(url).await?;
    /// assert!(payment.completed);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses; with status 409 if the payment has ended already.
    pub async fn complete(self, incoming_payment: &str) -> Result<IncomingPayment, Error> {
        let transport = self.session.transport();
        let mut url = transport.urls.check(incoming_payment)?;
        url.set_path(&format!("{}/complete", url.path().trim_end_matches('/')));
        self.session.send(&Call::post(&url)).await?.json()
    }
}
