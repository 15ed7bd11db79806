//! Who may do what: the access that a token carries against what its bearer wants to do.

use crate::{Code, Id, Refusal};
use bursar_types::{Action, Actions, Limits, ResourceType};
use std::fmt;

/// A client, by what identifies it: its wallet address, or the thumbprint of its key (directed identity). Or else the
/// account holder in person, on the provider's own pages: no app can be that.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClientId {
    /// Canonical URL of the client's wallet address.
    WalletAddress(String),
    /// JWK thumbprint (RFC 7638).
    Jwk(String),
    /// Id of the account holder who acts without an app.
    Holder(Id),
}

const JWK_PREFIX: &str = "jwk:";
const HOLDER_PREFIX: &str = "holder:";

impl ClientId {
    /// Reads the stored form, which is what [`fmt::Display`] writes.
    pub fn from_stored(text: String) -> Self {
        if let Some(thumbprint) = text.strip_prefix(JWK_PREFIX) {
            return Self::Jwk(thumbprint.to_owned());
        }
        match text.strip_prefix(HOLDER_PREFIX).and_then(|id| id.parse().ok()) {
            Some(id) => Self::Holder(id),
            None => Self::WalletAddress(text),
        }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WalletAddress(url) => f.write_str(url),
            Self::Jwk(thumbprint) => write!(f, "{JWK_PREFIX}{thumbprint}"),
            Self::Holder(id) => write!(f, "{HOLDER_PREFIX}{id}"),
        }
    }
}

/// One granted item of access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedAccess {
    /// Its id; spending is counted under it.
    pub id: Id,
    /// The kind of resource.
    pub resource: ResourceType,
    /// What may be done.
    pub actions: Actions,
    /// Canonical URL of the wallet address that the access is bound to; any of this provider if absent.
    pub identifier: Option<String>,
    /// Limits on spending.
    pub limits: Option<Limits>,
}

/// Whose resources a caller sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Only those that the calling client created.
    Own,
    /// All of the wallet address.
    All,
}

/// Finds the item that allows `action` on a resource of the wallet address.
///
/// # Errors
/// [`Code::InsufficientGrant`] when no item does.
pub fn require<'a>(
    access: &'a [GrantedAccess],
    resource: ResourceType,
    action: Action,
    wallet_address: &str,
) -> Result<&'a GrantedAccess, Refusal> {
    access
        .iter()
        .find(|item| item.allows(resource, action, wallet_address))
        .ok_or_else(|| insufficient(resource, action))
}

/// All items that allow `action` on a resource of the wallet address, in the order in which they were granted.
pub fn allowing<'a>(
    access: &'a [GrantedAccess],
    resource: ResourceType,
    action: Action,
    wallet_address: &str,
) -> impl Iterator<Item = &'a GrantedAccess> {
    access.iter().filter(move |item| item.allows(resource, action, wallet_address))
}

/// Whether the caller may read resources of the wallet address, and whose.
///
/// # Errors
/// [`Code::InsufficientGrant`] when it may read none.
pub fn require_read(access: &[GrantedAccess], resource: ResourceType, wallet_address: &str) -> Result<Scope, Refusal> {
    scope(access, resource, wallet_address, Action::Read, Action::ReadAll)
}

/// Whether the caller may list resources of the wallet address, and whose.
///
/// # Errors
/// [`Code::InsufficientGrant`] when it may list none.
pub fn require_list(access: &[GrantedAccess], resource: ResourceType, wallet_address: &str) -> Result<Scope, Refusal> {
    scope(access, resource, wallet_address, Action::List, Action::ListAll)
}

fn scope(
    access: &[GrantedAccess],
    resource: ResourceType,
    wallet_address: &str,
    own: Action,
    all: Action,
) -> Result<Scope, Refusal> {
    if require(access, resource, all, wallet_address).is_ok() {
        return Ok(Scope::All);
    }
    require(access, resource, own, wallet_address).map(|_| Scope::Own)
}

/// The refusal of a token that lacks the access; deployed clients match its description.
pub fn insufficient(resource: ResourceType, action: Action) -> Refusal {
    Refusal::new(Code::InsufficientGrant, "Insufficient Grant")
        .with("needs", format!("{}: {}", resource.as_str(), action.as_str()))
}

impl GrantedAccess {
    fn allows(&self, resource: ResourceType, action: Action, wallet_address: &str) -> bool {
        self.resource == resource
            && self.actions.contains(action)
            && self.identifier.as_deref().is_none_or(|bound| bound == wallet_address)
    }
}
