//! Grants as they are kept between requests, or between runs of a program.

use crate::secret::Secret;
use crate::token::Token;
use bursar_types::{AccessItem, Subject};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A pending grant to be kept while the account holder is at the consent page. From
/// [`PendingGrant::save`](crate::PendingGrant::save).
///
/// Serialising it writes its secrets: keep it where only this program and this person's session can read it, not in a
/// cookie that is not encrypted. Printing it does not show them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPendingGrant {
    /// As the client wrote it, since the hash is made of that.
    pub(crate) grant_endpoint: String,
    pub(crate) redirect: String,
    /// Absent if the client polls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nonces: Option<Nonces>,
    #[serde(rename = "continue")]
    pub(crate) continuation: Continuation,
}

/// The two secrets behind the hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Nonces {
    pub(crate) client: Secret,
    pub(crate) server: Secret,
}

/// How to go on with a grant, or to end it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Continuation {
    pub(crate) token: Secret,
    pub(crate) uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wait_seconds: Option<u64>,
}

/// A grant to be kept for as long as it lasts. From [`IssuedGrant::save`](crate::IssuedGrant::save) and
/// [`IssuedGrant::on_change`](crate::IssuedGrant::on_change).
///
/// Serialising it writes its secrets, which are as good as the mandate itself together with the client's key: keep it
/// where only this program can read it. Printing it does not show them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedGrant {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<SavedToken>,
    #[serde(rename = "continue")]
    pub(crate) continuation: Continuation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Subject>,
}

impl SavedGrant {
    /// What the grant allows.
    pub fn access(&self) -> &[AccessItem] {
        self.token.as_ref().map_or(&[], |token| &token.access)
    }

    /// When the access token expires; it is then renewed. `None` if the server did not say.
    pub fn token_expires_at(&self) -> Option<Timestamp> {
        self.token.as_ref()?.expires_at
    }
}

/// An access token with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedToken {
    value: Secret,
    manage: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(default)]
    access: Vec<AccessItem>,
}

impl From<&Token> for SavedToken {
    fn from(token: &Token) -> Self {
        let Token { value, manage, expires_at, access } = token.clone();
        Self { value, manage, expires_at, access }
    }
}

impl From<SavedToken> for Token {
    fn from(saved: SavedToken) -> Self {
        let SavedToken { value, manage, expires_at, access } = saved;
        Self { value, manage, expires_at, access }
    }
}
