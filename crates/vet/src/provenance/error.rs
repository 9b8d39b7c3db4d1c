//! Why a signature was not accepted.

use thiserror::Error;

/// What stands between a bundle and "verified". `Refused` is evidence of tampering or of a wrong
/// signer; `Unknown` is a question that cannot be answered here and is never shown as verified.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProvenanceError {
    /// The bytes are not what the format says.
    #[error("{what} cannot be read: {reason}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A written limit was passed.
    #[error("{count} {what}, at most {max} are read")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// A check was made, and it failed.
    #[error("refused: {0}")]
    Refused(String),
    /// A check that is needed cannot be made.
    #[error("unknown: {0}")]
    Unknown(String),
}

impl ProvenanceError {
    pub(super) fn malformed(what: &'static str, reason: impl ToString) -> Self {
        Self::Malformed { what, reason: reason.to_string() }
    }

    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }

    pub(super) fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown(reason.into())
    }

    /// Whether the question stays open, rather than being answered with no.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::Limit { .. })
    }
}
