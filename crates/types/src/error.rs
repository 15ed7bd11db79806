//! The body of every refusal.

use serde::{Deserialize, Serialize};

/// `{"error": {"code", "description", "details"?}}`, the same for all three servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// A stable word for programs.
    #[serde(default)]
    pub code: String,
    /// A sentence for developers.
    #[serde(default)]
    pub description: String,
    /// Facts that help to mend the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Map<String, serde_json::Value>>,
}
