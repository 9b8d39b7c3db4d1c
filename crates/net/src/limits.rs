//! The written limits of this crate, in one table.

/// Redirects that one request follows.
pub const REDIRECTS_MAX: usize = 5;
/// Bytes of one address.
pub const URL_BYTES_MAX: usize = 2_048;
/// Bytes of all headers of one response.
pub const HEADER_BYTES_MAX: usize = 32 << 10;
/// Bytes of a validator (`ETag`, `Last-Modified`) that is kept for the next request.
pub const VALIDATOR_BYTES_MAX: usize = 512;
/// Bytes that are read at once.
pub const CHUNK_BYTES: usize = 64 << 10;
/// Bytes of a file of certificate authorities.
pub const CA_BYTES_MAX: u64 = 4 << 20;
/// Certificates in such a file.
pub const CA_CERTIFICATES_MAX: usize = 1_000;
/// Tries of one request, the first one counted.
pub const TRIES_MAX: usize = 5;
