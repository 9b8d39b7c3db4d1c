//! Why somebody who came as a machine was turned away. Every refusal is recorded, whoever it was.

use std::fmt;

use crate::db::DbError;
use crate::web::Oops;

/// Which refusal. The name is stored and sent; it stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The handshake failed: no good certificate, another protocol, or no TLS at all.
    Handshake,
    /// What was said is no message, or came in the wrong order.
    Malformed,
    /// A message or a part of it is over a limit.
    TooLong,
    /// Too many tries from one address.
    TooMany,
    /// No such token.
    TokenUnknown,
    /// The token was used before: somebody else may have it.
    TokenUsed,
    /// The token is older than 15 minutes.
    TokenExpired,
    /// The clocks are too far apart.
    Clock,
    /// The request for a certificate is not one, or not signed by its own key.
    Request,
    /// The key was certified before, here or for another machine.
    KeySeen,
    /// Root on the machine did not sign for exactly this.
    Countersign,
    /// The machine is enrolled already.
    HostTaken,
    /// Something names another machine than the one that sends it.
    Impersonation,
    /// The certificate is of this hub's authority, but not in its list.
    Unlisted,
    /// The certificate was revoked, or the machine removed.
    Revoked,
    /// The certificate was replaced by a later one that is in use: there may be two machines.
    Superseded,
    /// A certificate is asked for too early.
    Early,
    /// The record of a machine does not fit what it showed before.
    Record,
}

impl Code {
    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::TooMany => "too_many",
            Self::TokenUnknown => "token_unknown",
            Self::TokenUsed => "token_used",
            Self::TokenExpired => "token_expired",
            Self::Clock => "clock",
            Self::Request => "request",
            Self::KeySeen => "key_seen",
            Self::Countersign => "countersign",
            Self::HostTaken => "host_taken",
            Self::Impersonation => "impersonation",
            Self::Unlisted => "unlisted",
            Self::Revoked => "revoked",
            Self::Superseded => "superseded",
            Self::Early => "early",
            Self::Record => "record",
        }
    }
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which.
    pub code: Code,
    /// In plain words.
    pub reason: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: Code, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.code.name())
    }
}

/// No, or not now.
#[derive(Debug, thiserror::Error)]
pub enum Turned {
    /// It is refused, and recorded.
    #[error("{0}")]
    Away(Refusal),
    /// It could not be done: the disk, the database.
    #[error("{0}")]
    Failed(String),
}

impl From<Refusal> for Turned {
    fn from(refusal: Refusal) -> Self {
        Self::Away(refusal)
    }
}

impl From<DbError> for Turned {
    fn from(error: DbError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<rusqlite::Error> for Turned {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(DbError::from(error).to_string())
    }
}

impl From<Oops> for Turned {
    fn from(error: Oops) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A refusal as an error.
pub fn away<T>(code: Code, reason: impl Into<String>) -> Result<T, Turned> {
    Err(Turned::Away(Refusal::new(code, reason)))
}
