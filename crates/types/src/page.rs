//! Lists (Open Payments resource server, schema `page-info`).

use serde::{Deserialize, Serialize};

/// One page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// Where this page lies in the list.
    pub pagination: PageInfo,
    /// The resources of this page.
    pub result: Vec<T>,
}

/// Where a page lies in its list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PageInfo {
    /// Cursor of the first resource of the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_cursor: Option<String>,
    /// Cursor of the last resource of the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_cursor: Option<String>,
    /// Whether older resources follow.
    pub has_next_page: bool,
    /// Whether newer resources precede.
    pub has_previous_page: bool,
}
