//! Wallet addresses and their key sets (Open Payments wallet address server).

use crate::did::DidDocument;
use crate::error::Error;
use crate::transport::{Call, Transport};
use bursar_httpsig::JwkSet;
use bursar_types::{WalletAddress, WalletAddressUrl};
use url::Url;

/// A wallet address, not yet fetched.
#[derive(Clone)]
#[must_use = "nothing is fetched before get(), keys() or did_document()"]
pub struct WalletAddressAt<'a> {
    transport: &'a Transport,
    address: String,
}

impl<'a> WalletAddressAt<'a> {
    pub(crate) fn new(transport: &'a Transport, address: String) -> Self {
        Self { transport, address }
    }

    /// Fetches the wallet address: its asset, and where its servers are.
    ///
    /// ```no_run
    /// # async fn example(client: bursar_client::Client) -> Result<(), bursar_client::Error> {
    /// let wallet = client.wallet_address("$wallet.example/alice").get().await?;
    /// println!("ask {} for grants", wallet.auth_server);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the text is not a wallet address, its server cannot be reached or refuses (404: there is no such account),
    /// or the document cannot be used: an impossible asset, or servers at URLs that the client does not call.
    pub async fn get(self) -> Result<WalletAddress, Error> {
        let url = self.url()?;
        let wallet: WalletAddress = self.transport.send(&Call::get_public(&url)).await?.json()?;
        let broken = |reason: String| Error::invalid_response(url.as_str(), reason);
        wallet.asset().map_err(|error| broken(error.to_string()))?;
        WalletAddressUrl::parse(&wallet.id).map_err(|error| broken(format!("its id: {error}")))?;
        for (name, server) in [("authServer", &wallet.auth_server), ("resourceServer", &wallet.resource_server)] {
            self.transport.urls.reference(&url, server).map_err(|error| broken(format!("its {name}: {error}")))?;
        }
        Ok(wallet)
    }

    /// Fetches the public keys of whoever has the wallet address (`{address}/jwks.json`). Keys that cannot be used are
    /// in [`JwkSet::refused`], with the reason.
    ///
    /// ```no_run
    /// # async fn example(client: bursar_client::Client) -> Result<(), bursar_client::Error> {
    /// let keys = client.wallet_address("https://wallet.example/my-app").keys().await?;
    /// println!("my key is published: {}", keys.find("my-key").is_some());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the text is not a wallet address, its server cannot be reached or refuses, or the answer is not a key set.
    pub async fn keys(self) -> Result<JwkSet, Error> {
        let url = self.below("jwks.json")?;
        self.transport.send(&Call::get_public(&url)).await?.json()
    }

    /// Fetches the DID document of the wallet address (`{address}/did.json`). Many providers have none, and answer with
    /// status 404 or 500.
    ///
    /// ```no_run
    /// # async fn example(client: bursar_client::Client) -> Result<(), bursar_client::Error> {
    /// let document = client.wallet_address("https://wallet.example/my-app").did_document().await?;
    /// for method in &document.verification_method {
    ///     println!("{} has the key {}", document.id, method.id);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the text is not a wallet address, its server cannot be reached or refuses, or the answer is no DID document.
    pub async fn did_document(self) -> Result<DidDocument, Error> {
        let url = self.below("did.json")?;
        self.transport.send(&Call::get_public(&url)).await?.json()
    }

    fn below(&self, name: &str) -> Result<Url, Error> {
        let mut url = self.url()?;
        url.set_path(&format!("{}/{name}", url.path().trim_end_matches('/')));
        Ok(url)
    }

    fn url(&self) -> Result<Url, Error> {
        let address = WalletAddressUrl::parse(&self.address)?;
        Ok(self.transport.urls.check(address.as_str())?)
    }
}
