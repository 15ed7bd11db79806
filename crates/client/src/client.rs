//! The two kinds of client.

use crate::builder::{Anonymous, Builder};
use crate::exchange::{Exchange, Observer};
use crate::grant::Grants;
use crate::incoming_payment::PublicIncomingPayments;
use crate::session::Session;
use crate::token::Token;
use crate::transport::{Identity, Transport};
use crate::wallet_address::WalletAddressAt;
use std::fmt;
use std::sync::Arc;

/// A client without keys: it sees wallet addresses, their key sets, and the public part of incoming payments.
///
/// Cheap to clone; clones share their connections.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use bursar_client::Client;
///
/// let client = Client::builder().build()?;
/// let wallet = client.wallet_address("$wallet.example/alice").get().await?;
/// println!("{} is kept in {}", wallet.id, wallet.asset_code);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
}

impl Client {
    /// Begins to build a client of either kind.
    pub fn builder() -> Builder<Anonymous> {
        Builder::default()
    }

    pub(crate) fn new(transport: Arc<Transport>) -> Self {
        Self { transport }
    }

    /// The same client, with the same connections, which tells this function of every request that it sends and of what
    /// came back. Secrets are cut short before the function sees them: [`Exchange`]. The client that it is made from tells
    /// nobody, so that each user of a program can have an observed client.
    ///
    /// The function is called on the task that made the request, after the whole answer was read and before the call
    /// returns; it must not wait. A request that is sent twice is told twice. What a [`Session`] or a grant does that was
    /// made with this client is told as well.
    ///
    /// ```no_run
    /// # fn example() -> Result<(), bursar_client::BuildError> {
    /// let client = bursar_client::Client::builder().build()?;
    /// let client = client.observed(|exchange| eprintln!("{exchange}"));
    /// # Ok(()) }
    /// ```
    #[must_use = "the client that is returned is the one that tells"]
    pub fn observed(&self, observer: impl Fn(&Exchange) + Send + Sync + 'static) -> Self {
        let observer = Some(Observer::new(observer));
        Self { transport: Arc::new(Transport { observer, ..Transport::clone(&self.transport) }) }
    }

    /// A wallet address, given as an URL or a payment pointer (`$wallet.example/alice`).
    pub fn wallet_address(&self, address: impl Into<String>) -> WalletAddressAt<'_> {
        WalletAddressAt::new(&self.transport, address.into())
    }

    /// Incoming payments, as far as anybody may see them.
    pub fn incoming_payments(&self) -> PublicIncomingPayments<'_> {
        PublicIncomingPayments::new(&self.transport)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// A client that signs its requests: it can ask for grants and use them.
///
/// Cheap to clone; clones share their connections.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use bursar_client::{Client, PrivateKey};
///
/// let client = Client::builder()
///     .wallet_address("https://wallet.example/my-app")
///     .key_id("my-key")
///     .private_key(PrivateKey::parse(&std::fs::read_to_string("private.pem")?)?)
///     .build()?;
/// let wallet = client.wallet_address("https://wallet.example/alice").get().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct AuthenticatedClient {
    public: Client,
}

impl AuthenticatedClient {
    pub(crate) fn new(public: Client) -> Self {
        Self { public }
    }

    pub(crate) fn transport(&self) -> &Arc<Transport> {
        &self.public.transport
    }

    fn identity(&self) -> Option<&Identity> {
        self.public.transport.identity.as_ref()
    }

    /// The same client without its keys.
    pub fn public(&self) -> &Client {
        &self.public
    }

    /// The same client, which tells this function of every request and its answer: see [`Client::observed`].
    ///
    /// ```no_run
    /// # fn example(client: bursar_client::AuthenticatedClient) {
    /// let client = client.observed(|exchange| {
    ///     eprintln!("{exchange}");
    ///     for (name, value) in &exchange.request.headers {
    ///         eprintln!("  {name}: {value}");
    ///     }
    /// });
    /// # }
    /// ```
    #[must_use = "the client that is returned is the one that tells"]
    pub fn observed(&self, observer: impl Fn(&Exchange) + Send + Sync + 'static) -> Self {
        Self::new(self.public.observed(observer))
    }

    /// The wallet address by which the client names itself, in canonical form; `None` if it is known by its key alone.
    pub fn own_wallet_address(&self) -> Option<&str> {
        self.identity()?.client.wallet_address()
    }

    /// The name of the key that signs.
    pub fn key_id(&self) -> &str {
        self.identity().map_or("", |identity| identity.key_id.as_str())
    }

    /// A wallet address, given as an URL or a payment pointer (`$wallet.example/alice`).
    pub fn wallet_address(&self, address: impl Into<String>) -> WalletAddressAt<'_> {
        self.public.wallet_address(address)
    }

    /// Incoming payments, as far as anybody may see them. With a grant more is seen: [`Session::incoming_payments`].
    pub fn incoming_payments(&self) -> PublicIncomingPayments<'_> {
        self.public.incoming_payments()
    }

    /// Grants: permission to do something at a provider.
    pub fn grants(&self) -> Grants<'_> {
        Grants::new(self)
    }

    /// A session with an access token that was kept. A grant that was kept gives its session itself; see
    /// [`Grants::restore`].
    pub fn session(&self, token: Token) -> Session {
        Session::new(Arc::clone(self.transport()), token)
    }
}

impl fmt::Debug for AuthenticatedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatedClient")
            .field("wallet_address", &self.own_wallet_address())
            .field("key_id", &self.key_id())
            .finish()
    }
}
