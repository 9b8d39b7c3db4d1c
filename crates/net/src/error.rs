//! Why something was not fetched.

use std::io;

use ureq::Timeout;

use crate::address::shown;
use crate::limits::HEADER_BYTES_MAX;

/// Why something was not fetched. What was written to the caller's writer until then is worth
/// nothing.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The address is not one that is fetched.
    #[error("`{url}` is not fetched: {reason}")]
    Address {
        /// The address.
        url: String,
        /// Why not.
        reason: &'static str,
    },
    /// The host is not on the owner's list.
    #[error("`{host}` is not among the hosts that the configuration names")]
    HostNotAllowed {
        /// The host.
        host: String,
    },
    /// A redirect leads to a host that this fetch may not follow to.
    #[error("`{url}` redirects to `{host}`, which is not a host that it may redirect to")]
    RedirectHost {
        /// Where the redirect came from.
        url: String,
        /// Where it leads.
        host: String,
    },
    /// There are more redirects than the limit.
    #[error("`{url}` redirects more than {limit} times")]
    TooManyRedirects {
        /// The address that was asked for.
        url: String,
        /// The limit.
        limit: usize,
    },
    /// A redirect does not say where to.
    #[error("`{url}` redirects without saying where to")]
    RedirectNowhere {
        /// Where the redirect came from.
        url: String,
    },
    /// The server answered with another status than 200, or 304 where that was asked for.
    #[error("`{url}` answered with the status {status}")]
    Status {
        /// The address.
        url: String,
        /// The status (RFC 9110, section 15).
        status: u16,
    },
    /// The body is larger than the limit.
    #[error("`{url}` has more than the limit of {limit} bytes")]
    TooLarge {
        /// The address.
        url: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The status line and the headers are larger than the limit.
    #[error("`{url}` sends more than the limit of {limit} bytes of headers, or too many of them")]
    HeadersTooLarge {
        /// The address.
        url: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The body ended before it was whole.
    #[error("`{url}` ended after {received} bytes, before it was whole")]
    Truncated {
        /// The address.
        url: String,
        /// Bytes that came.
        received: u64,
    },
    /// The body is in an encoding that was not asked for.
    #[error("`{url}` sends the encoding `{encoding}`, which was not asked for")]
    Encoding {
        /// The address.
        url: String,
        /// What the server says.
        encoding: String,
    },
    /// A time limit was passed.
    #[error("`{url}` took too long: {what}")]
    Timeout {
        /// The address.
        url: String,
        /// Which time limit.
        what: &'static str,
    },
    /// The certificate is not trusted.
    #[error("the certificate of `{url}` is not trusted: {reason}")]
    Certificate {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Anything else that went wrong on the way.
    #[error("`{url}` cannot be fetched: {reason}")]
    Transport {
        /// The address.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The caller's writer failed.
    #[error("what was fetched cannot be written: {0}")]
    Write(#[source] io::Error),
    /// The settings of the client are wrong.
    #[error("{0}")]
    Config(String),
}

impl NetError {
    /// Sorts an error of the HTTP library into ours.
    pub(crate) fn from_ureq(url: String, error: ureq::Error) -> Self {
        use ureq::Error as E;
        match error {
            E::Io(error) => Self::from_io(url, error),
            E::Timeout(which) => Self::Timeout { url, what: timeout_words(which) },
            E::LargeResponseHeader(..) => Self::HeadersTooLarge { url, limit: HEADER_BYTES_MAX },
            // The type of this error is not part of the library's interface.
            E::Protocol(error) if error.to_string().contains("too many headers") => {
                Self::HeadersTooLarge { url, limit: HEADER_BYTES_MAX }
            }
            E::Rustls(error) => Self::from_tls(url, &error),
            other => Self::Transport { url, reason: shown(&other.to_string()) },
        }
    }

    /// Sorts an error of a read or of a handshake into ours.
    pub(crate) fn from_io(url: String, error: io::Error) -> Self {
        let inner = error.get_ref();
        if let Some(tls) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::from_tls(url, tls);
        }
        match error.downcast::<ureq::Error>() {
            Ok(error) => Self::from_ureq(url, error),
            Err(error) => Self::Transport { url, reason: error.to_string() },
        }
    }

    fn from_tls(url: String, error: &rustls::Error) -> Self {
        let reason = shown(&error.to_string());
        match error {
            rustls::Error::InvalidCertificate(_) => Self::Certificate { url, reason },
            _ => Self::Transport { url, reason },
        }
    }
}

fn timeout_words(which: Timeout) -> &'static str {
    match which {
        Timeout::Resolve => "finding the host",
        Timeout::Connect => "connecting",
        Timeout::RecvResponse => "no answer came",
        Timeout::PerRead => "the transfer stood still",
        Timeout::Global => "the time for one fetch is over",
        _ => "sending or receiving",
    }
}
