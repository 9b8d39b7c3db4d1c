//! Why nothing was fetched, and which limit was hit.

use std::time::Duration;

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The address is not one.
    #[error("`{url}` is not an address that can be fetched: {reason}")]
    Address {
        /// What was given, cut to 200 characters.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The address is not https and its host is not a loopback address.
    #[error("`{url}` is not https; plain http goes to loopback addresses only")]
    NotSecure {
        /// The address.
        url: String,
    },
    /// The host is not in the owner's list, nor among those the feed may redirect to.
    #[error("the host `{host}` is not in the list of hosts that may be asked")]
    HostNotAllowed {
        /// The host.
        host: String,
    },
    /// The server sent the request on too often.
    #[error("`{url}` was sent on more than {limit} times")]
    TooManyRedirects {
        /// The first address.
        url: String,
        /// The limit.
        limit: usize,
    },
    /// The body is larger than was allowed.
    #[error("`{url}` sent more than the limit of {limit} bytes ({measured})")]
    TooLarge {
        /// The address.
        url: String,
        /// The limit, bytes.
        limit: u64,
        /// Where it was measured: as stated, as received, or as decompressed.
        measured: &'static str,
    },
    /// The headers are larger than was allowed, or are not HTTP.
    #[error("`{url}` answered with what is not HTTP within limits: {reason}")]
    Protocol {
        /// The address.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// It took too long.
    #[error("`{url}` took too long: {phase}, limit {limit:?}")]
    TimedOut {
        /// The address.
        url: String,
        /// What took too long.
        phase: &'static str,
        /// The limit.
        limit: Duration,
    },
    /// The server answered, but not with the thing.
    #[error("`{url}` answered with status {status}")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The connection ended before the whole body was there.
    #[error("`{url}` ended after {got} bytes of {expected}")]
    CutShort {
        /// The address.
        url: String,
        /// Bytes received.
        got: u64,
        /// What was stated, `the end of the last chunk` where no length was.
        expected: String,
    },
    /// The body came in a content coding that was not asked for, or one that does not decode.
    #[error("`{url}` sent a body that cannot be decoded: {reason}")]
    Coding {
        /// The address.
        url: String,
        /// The coding, or what is wrong with it.
        reason: String,
    },
    /// No connection.
    #[error("`{url}` cannot be reached: {reason}")]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        reason: String,
    },
    /// What was received could not be written.
    #[error("what was received cannot be written: {0}")]
    Write(#[source] std::io::Error),
    /// The owner's settings cannot be used.
    #[error("the network setting `{setting}` cannot be used: {reason}")]
    Setting {
        /// The setting.
        setting: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl NetError {
    /// Whether asking again a little later may help.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::CutShort { .. } | Self::Unreachable { .. } => true,
            Self::Status { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }
}
