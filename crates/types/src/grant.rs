//! Grants (Open Payments authorization server; GNAP, RFC 9635).

use crate::AccessItem;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Body of `POST /` at the authorization server (RFC 9635 §2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRequest {
    /// Access that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<AccessTokenRequest>,
    /// A wallet address whose ownership shall be proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// Who asks.
    pub client: ClientRef,
    /// How a person can be asked for consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interact: Option<InteractRequest>,
}

/// The access that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenRequest {
    /// One to three items.
    pub access: Vec<AccessItem>,
}

/// Who asks for a grant, and so whose key signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "client is a wallet address, {\"walletAddress\": …} or {\"jwk\": …}")]
pub enum ClientRef {
    /// A wallet address as a plain string: the older form, used by most clients.
    Address(String),
    /// A wallet address.
    WalletAddress(ClientWalletAddress),
    /// Directed identity: only a key. For non-interactive grants.
    Jwk(ClientJwk),
}

/// A client named by its wallet address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientWalletAddress {
    /// The client's wallet address.
    pub wallet_address: String,
}

/// A client named by its key alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientJwk {
    /// The public key.
    pub jwk: JsonWebKey,
}

impl ClientRef {
    /// The client's wallet address, if that is how it names itself.
    pub fn wallet_address(&self) -> Option<&str> {
        match self {
            Self::Address(address) => Some(address),
            Self::WalletAddress(named) => Some(&named.wallet_address),
            Self::Jwk(_) => None,
        }
    }
}

/// An Ed25519 public key as a JWK (RFC 8037), as it stands on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonWebKey {
    /// The key's name, unique in its set.
    pub kid: String,
    /// `EdDSA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// `sig`.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub key_use: Option<String>,
    /// `OKP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kty: Option<String>,
    /// `Ed25519`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// The public key, base64url.
    pub x: String,
    /// A private key, which nobody should ever send; kept so that it can be refused.
    #[serde(default, skip_serializing)]
    pub d: Option<serde_json::Value>,
}

/// The key set of a wallet address (RFC 7517 §5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonWebKeySet {
    /// The keys, in no particular order.
    pub keys: Vec<JsonWebKey>,
}

/// How a person can be asked for consent (RFC 9635 §2.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InteractRequest {
    /// Ways in which the client can send the person to us.
    pub start: Vec<InteractStart>,
    /// How the person comes back; without it the client polls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<Finish>,
}

/// A way to begin an interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InteractStart {
    /// The client opens an URL in the person's browser.
    Redirect,
}

/// How an interaction ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// Only redirects exist.
    pub method: FinishMethod,
    /// Where the browser is sent.
    pub uri: String,
    /// The client's part of the hash.
    pub nonce: String,
}

/// How the client learns that an interaction has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishMethod {
    /// The browser is redirected.
    Redirect,
}

/// Proof that somebody owns a wallet address (RFC 9635 §2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Exactly one.
    pub sub_ids: Vec<SubjectId>,
}

/// A subject identifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectId {
    /// The wallet address.
    pub id: String,
    /// Always `uri`.
    pub format: SubjectFormat,
}

/// How a subject is identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectFormat {
    /// By an URI.
    Uri,
}

/// Answer to a grant request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum GrantResponse {
    /// A person has to consent first.
    Pending {
        /// Where to send the person.
        interact: InteractResponse,
        /// How to go on afterwards.
        #[serde(rename = "continue")]
        continuation: Continue,
    },
    /// The access is granted.
    Issued {
        /// The token.
        access_token: AccessToken,
        /// How to cancel the grant.
        #[serde(rename = "continue")]
        continuation: Continue,
    },
}

/// Where to send the person (RFC 9635 §3.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InteractResponse {
    /// The page to open in the person's browser.
    pub redirect: String,
    /// The server's part of the hash.
    pub finish: String,
}

/// How to continue a grant request (RFC 9635 §3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continue {
    /// The token that continuing needs.
    pub access_token: ContinueToken,
    /// Where to continue.
    pub uri: String,
    /// Seconds to wait before polling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<u64>,
}

/// A continuation access token. Printing it does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContinueToken {
    /// The token.
    pub value: String,
}

/// Body of `POST /continue/{id}`; empty when polling.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ContinueRequest {
    /// What the redirect carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interact_ref: Option<String>,
}

/// Answer to a continuation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContinueResponse {
    /// The token, once the access is granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<AccessToken>,
    /// The proven wallet address, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// How to go on.
    #[serde(rename = "continue")]
    pub continuation: Continue,
}

/// An access token (RFC 9635 §3.2). Printing it does not show its value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// The token; opaque.
    pub value: String,
    /// Where it is rotated and revoked.
    pub manage: String,
    /// Seconds until it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// What it allows.
    pub access: Vec<AccessItem>,
}

/// Answer to a token rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateResponse {
    /// The new token.
    pub access_token: AccessToken,
}

impl fmt::Debug for ContinueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContinueToken").finish_non_exhaustive()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { manage, expires_in, access, value: _ } = self;
        f.debug_struct("AccessToken")
            .field("manage", manage)
            .field("expires_in", expires_in)
            .field("access", access)
            .finish_non_exhaustive()
    }
}
