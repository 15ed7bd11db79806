//! DID documents of wallet addresses (W3C DID Core; Open Payments wallet address server).

use bursar_httpsig::{KeyError, PublicKey};
use bursar_types::Metadata;
use serde::{Deserialize, Serialize};

/// What is published at `{wallet address}/did.json`. Open Payments says nothing of its content but that it is an object,
/// and not every provider has one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DidDocument {
    /// The identifier, such as `did:web:wallet.example:alice`.
    pub id: String,
    /// The keys of whoever has the wallet address (W3C DID Core §5.2).
    #[serde(default)]
    pub verification_method: Vec<VerificationMethod>,
    /// Everything else, as it stands.
    #[serde(flatten)]
    pub other: Metadata,
}

/// A key in a DID document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationMethod {
    /// Its name: the document's identifier, `#`, and the `kid`.
    pub id: String,
    /// How the key is written, such as `JsonWebKey2020`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The key as a JWK, if it is written so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key_jwk: Option<serde_json::Value>,
    /// Everything else, as it stands.
    #[serde(flatten)]
    pub other: Metadata,
}

impl VerificationMethod {
    /// The key, if it is written as a JWK; whether that is one of Ed25519 is checked.
    ///
    /// ```
    /// let method: bursar_client::VerificationMethod = serde_json::from_str(
    ///     r##"{"id": "did:web:wallet.example:alice#my-key", "type": "JsonWebKey2020",
    ///          "controller": "did:web:wallet.example:alice",
    ///          "publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}"##,
    /// )?;
    /// assert!(method.public_key().is_some_and(|key| key.is_ok()));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn public_key(&self) -> Option<Result<PublicKey, KeyError>> {
        let jwk = self.public_key_jwk.as_ref()?;
        Some(PublicKey::parse(&jwk.to_string()))
    }
}
