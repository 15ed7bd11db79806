//! Wallet addresses (Open Payments wallet address server; Payment Pointers).

use crate::Asset;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};
use url::Url;

const LENGTH_MAX: usize = 2048;

/// The URL of a wallet address in canonical form: lower case, without a trailing slash, query, fragment or
/// user-info.
///
/// Written as an URL (`https://wallet.example/alice`) or as a payment pointer (`$wallet.example/alice`).
/// A wallet address without a path stands for `/.well-known/pay` at that host.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WalletAddressUrl(String);

/// Why text is not a wallet address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWalletAddress {
    /// Not an URL at all.
    #[error("{0:?} is neither an URL nor a payment pointer such as $wallet.example/alice")]
    NotAnUrl(String),
    /// Another scheme than https (or http during development).
    #[error("a wallet address begins with https:// (or http:// during development), not {0}:")]
    Scheme(String),
    /// It has a query, a fragment or a user name.
    #[error("a wallet address has no {0}")]
    Part(&'static str),
    /// Longer than 2,048 characters.
    #[error("a wallet address is at most 2048 characters long")]
    TooLong,
}

impl WalletAddressUrl {
    /// Reads an URL or a payment pointer and makes it canonical.
    ///
    /// # Errors
    /// When the text is not an http(s) URL, or carries a query, a fragment or user-info.
    pub fn parse(text: &str) -> Result<Self, InvalidWalletAddress> {
        if text.len() > LENGTH_MAX {
            return Err(InvalidWalletAddress::TooLong);
        }
        let not_an_url = || InvalidWalletAddress::NotAnUrl(text.chars().take(80).collect());
        let spelled_out = text.strip_prefix('$').map(|rest| format!("https://{rest}"));
        let spelled_out = spelled_out.as_deref().unwrap_or(text);
        // The URL standard would take the first part of the path for the host.
        if spelled_out.contains(":///") {
            return Err(not_an_url());
        }
        let url = Url::parse(spelled_out).map_err(|_| not_an_url())?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(InvalidWalletAddress::Scheme(url.scheme().to_owned()));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(not_an_url)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidWalletAddress::Part("user name or password"));
        }
        if url.query().is_some() {
            return Err(InvalidWalletAddress::Part("query"));
        }
        if url.fragment().is_some() {
            return Err(InvalidWalletAddress::Part("fragment"));
        }
        let path = url.path().trim_end_matches('/');
        let path = if path.is_empty() { "/.well-known/pay" } else { path };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let canonical = format!("{}://{host}{port}{path}", url.scheme()).to_ascii_lowercase();
        // Percent-encoding makes text longer.
        if canonical.len() > LENGTH_MAX { Err(InvalidWalletAddress::TooLong) } else { Ok(Self(canonical)) }
    }

    /// The canonical URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a payment pointer: `$wallet.example/alice`.
    pub fn payment_pointer(&self) -> String {
        let rest = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        format!("${}", rest.strip_suffix("/.well-known/pay").unwrap_or(rest))
    }

    /// Scheme, host and port: what tells whether an address is one of ours.
    pub fn origin(&self) -> &str {
        let host = self.0.find("://").map_or(0, |at| at + 3);
        let path = self.0[host..].find('/').map_or(self.0.len(), |at| host + at);
        &self.0[..path]
    }

    /// Whether it may be used outside development: https and no port.
    pub fn is_public(&self) -> bool {
        self.0.starts_with("https://") && !self.origin()["https://".len()..].contains(':')
    }

    /// The address as an URL.
    pub fn to_url(&self) -> Option<Url> {
        Url::parse(&self.0).ok()
    }
}

impl FromStr for WalletAddressUrl {
    type Err = InvalidWalletAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for WalletAddressUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WalletAddressUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for WalletAddressUrl {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Serialize for WalletAddressUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for WalletAddressUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// The document at a wallet address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WalletAddress {
    /// The wallet address itself, as its server spells it.
    pub id: String,
    /// The name that the account holder shows to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_name: Option<String>,
    /// Code of the asset the account is kept in.
    pub asset_code: String,
    /// Decimal places of that asset's smallest unit.
    pub asset_scale: u8,
    /// Where to ask for grants.
    pub auth_server: String,
    /// Where payments and quotes are; paths such as `/incoming-payments` are appended.
    pub resource_server: String,
}

impl WalletAddress {
    /// The asset the account is kept in.
    ///
    /// # Errors
    /// When the server's document names an asset that cannot exist.
    pub fn asset(&self) -> Result<Asset, crate::InvalidAsset> {
        Asset::new(&self.asset_code, self.asset_scale)
    }
}
