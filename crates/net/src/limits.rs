//! The written limits of this crate, in one table. How many bytes a body may have, the caller says
//! for each fetch.

use std::time::Duration;

/// Redirects that are followed for one fetch.
pub const REDIRECTS_MAX: usize = 5;
/// Bytes of a response's status line and headers.
pub const HEADER_BYTES_MAX: usize = 32 << 10;
/// Bytes of an address.
pub const URL_BYTES_MAX: usize = 2_048;
/// Bytes of an entity tag or a date that is kept and sent back.
pub const VALIDATOR_BYTES_MAX: usize = 512;
/// Bytes of the file of further certificate authorities.
pub const CA_FILE_BYTES_MAX: u64 = 4 << 20;
/// Bytes that are taken from the connection at once.
pub const CHUNK_BYTES: usize = 64 << 10;

/// Default time to find the host, connect, and agree on TLS.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Default time until the headers of a response are there.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_mins(1);
/// Default time that a body may stand still.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Default time of one fetch in all, redirects and body included.
pub const TOTAL_TIMEOUT: Duration = Duration::from_mins(30);
