//! The written limits of what is read here. Passing one is an error that names it.

use super::ProvenanceError;

/// Bytes of a bundle: 100,000 files of a model need about 20 MiB.
pub const BUNDLE_BYTES_MAX: usize = 64 << 20;
/// Bytes of a trust root.
pub const TRUST_ROOT_BYTES_MAX: usize = 4 << 20;
/// Bytes of a key or of a file of certificates.
pub const PEM_BYTES_MAX: usize = 1 << 20;
/// Files or shards that one statement names.
pub const RESOURCES_MAX: usize = 1_000_000;
/// Certificates that a bundle or a file of certificates holds.
pub const CERTIFICATES_MAX: usize = 256;
/// Certificates between the signer and the root.
pub const CHAIN_LENGTH_MAX: usize = 8;
/// Signatures that are tried while a chain is looked for.
pub const CHAIN_TRIES_MAX: usize = 256;
/// Hashes of a proof that a leaf stands in a log: a log of 2^64 entries needs 64.
pub const PROOF_HASHES_MAX: usize = 64;
/// Timestamps of transparency logs that one certificate carries.
pub const SCTS_MAX: usize = 32;

/// An error if there is more than the limit.
pub(super) fn check(what: &'static str, count: usize, max: usize) -> Result<(), ProvenanceError> {
    if count > max {
        return Err(ProvenanceError::Limit { what, count, max });
    }
    Ok(())
}
