//! The way to older and newer things of a list.

/// Where the neighbouring pages of a list are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pages {
    /// The page before this one.
    pub(super) newer: Option<String>,
    /// The page after this one.
    pub(super) older: Option<String>,
}
