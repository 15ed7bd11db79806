//! Why a use case did not do what it was asked.

use bursar_core::{Code, Refusal};
use bursar_store::AsRetry;

/// A refusal, which the caller can mend, or a failure, which the operator must.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The caller asked for something that is not possible or not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] bursar_store::Error),
    /// Something inside is broken.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// A refusal with a sentence.
    pub fn refused(code: Code, description: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self::Refused(Refusal::new(code, description))
    }

    /// The refusal of what does not exist, or not for this caller.
    pub fn not_found(what: &str) -> Self {
        Self::refused(Code::NotFound, format!("there is no such {what}"))
    }
}

impl AsRetry for Error {
    fn as_retry(&self) -> Option<&bursar_store::Error> {
        match self {
            Self::Store(error) => error.as_retry(),
            Self::Refused(_) | Self::Internal(_) => None,
        }
    }
}
