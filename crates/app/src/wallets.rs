//! Wallet addresses as others see them.

use crate::{App, Error};
use bursar_httpsig::{Jwk, PublicKey};
use bursar_store::outgoing_payment::Payer;
use bursar_store::{Tx, outgoing_payment, wallet_address};
use bursar_types::{WalletAddress, WalletAddressUrl};
use std::sync::Arc;

/// The canonical form of a URL at this provider. What cannot be one is no wallet address.
fn canonical(url: &str) -> Result<String, Error> {
    WalletAddressUrl::parse(url).map(|url| url.to_string()).map_err(|_| Error::not_found("wallet address"))
}

/// What a wallet address of this provider publishes.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its document.
    pub document: WalletAddress,
    /// Whether it still exists for others.
    pub is_active: bool,
    /// Its keys, which others read.
    pub keys: Vec<Jwk>,
}

impl Published {
    /// The key of this name.
    pub fn key(&self, kid: &str) -> Option<PublicKey> {
        self.keys.iter().find(|jwk| jwk.kid() == kid).map(Jwk::public_key).copied()
    }
}

/// What the wallet address at this URL publishes, however the URL is spelled.
///
/// # Errors
/// Not found, only when the address was never there.
pub async fn published(app: &App, url: &str) -> Result<Arc<Published>, Error> {
    if let Some(known) = app.wallets.get(url) {
        return Ok(known);
    }
    let url = canonical(url)?;
    if let Some(known) = app.wallets.get(&url) {
        return Ok(known);
    }
    let (reading, wanted) = (app.wallets.begin(), url.clone());
    let (wallet, keys) = app
        .store
        .read(move |tx| {
            let wallet = wallet_address::by_url(tx, &wanted)?.ok_or_else(|| Error::not_found("wallet address"))?;
            let keys = wallet_address::keys(tx, &wallet.id)?;
            Ok::<_, Error>((wallet, keys))
        })
        .await?;
    let jwk = |key: wallet_address::WalletKey| PublicKey::from_bytes(&key.x).and_then(|x| Jwk::new(key.kid, x));
    let keys = keys.into_iter().map(jwk).collect::<Result<_, _>>();
    let document = WalletAddress {
        id: wallet.url,
        public_name: wallet.public_name,
        asset_code: wallet.asset.code().to_owned(),
        asset_scale: wallet.asset.scale(),
        auth_server: app.config.auth_url(),
        resource_server: app.config.resource_url(),
    };
    let keys = keys.map_err(|error| Error::Internal(error.to_string()))?;
    let published = Arc::new(Published { document, is_active: wallet.deactivated_at.is_none(), keys });
    app.wallets.keep(reading, url, published.clone());
    Ok(published)
}

/// The same, of an address that still exists for others.
///
/// # Errors
/// Not found, also when it is deactivated.
pub async fn active(app: &App, url: &str) -> Result<Arc<Published>, Error> {
    let published = published(app, url).await?;
    if published.is_active { Ok(published) } else { Err(Error::not_found("wallet address")) }
}

/// The name of a wallet address as a decentralised identifier (did:web method): host and path, joined by colons. The
/// wallet address of a whole host has just its host.
pub fn did(url: &str) -> String {
    let url = canonical(url).unwrap_or_else(|_| url.to_owned());
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let rest = rest.strip_suffix("/.well-known/pay").unwrap_or(rest);
    format!("did:web:{}", rest.replace(':', "%3A").replace('/', ":"))
}

/// Finds an active wallet address of this provider by how a client spells it.
///
/// # Errors
/// What `missing` makes of the reason.
pub(crate) fn find(
    tx: &mut Tx<'_>,
    spelled: &str,
    missing: impl Fn(String) -> Error,
) -> Result<wallet_address::WalletAddress, Error> {
    let url = WalletAddressUrl::parse(spelled).map_err(|error| missing(error.to_string()))?;
    wallet_address::by_url(tx, url.as_str())?
        .filter(|wallet| wallet.deactivated_at.is_none())
        .ok_or_else(|| missing(no_wallet(&url)))
}

/// Finds an active wallet address of this provider, and what can be paid from it.
///
/// # Errors
/// What `missing` makes of the reason.
pub(crate) fn payer(tx: &mut Tx<'_>, spelled: &str, missing: impl Fn(String) -> Error) -> Result<Payer, Error> {
    let url = WalletAddressUrl::parse(spelled).map_err(|error| missing(error.to_string()))?;
    outgoing_payment::payer(tx, url.as_str())?
        .filter(|payer| payer.wallet.deactivated_at.is_none())
        .ok_or_else(|| missing(no_wallet(&url)))
}

fn no_wallet(url: &WalletAddressUrl) -> String {
    format!("there is no wallet address {url} at this provider")
}
