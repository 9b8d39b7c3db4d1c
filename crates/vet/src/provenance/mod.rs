//! Who made this model, and is it still what they signed? OpenSSF Model Signing, offline.
//!
//! A signature is one file (`model.sig`, a sigstore bundle) over the digests of every file of the
//! model. Verifying has two halves, and only both together mean anything:
//!
//! 1. [`verify`] judges the bundle against what the caller trusts (a key, certificates, or an
//!    identity under a [`TrustRoot`]) and gives the signed [`Manifest`];
//! 2. the caller hashes its copy with [`Hashing`] and asks [`Manifest::differences`].
//!
//! [`check::check`] looks at a bundle that lies beside a model, whatever is at hand to judge it.
//!
//! [`sign`] makes such a file with a private key, and with its certificates if there are any.
//!
//! What a verified signature says is *who* and *unchanged*, never *harmless*. Bundles of the
//! releases 0.2 to 1.1 of the reference implementation are read; what is written is that of 1.1.
//! Nothing here reads a file, the clock or the network. The format is that of
//! <https://github.com/ossf/model-signing-spec>.

mod bundle;
mod certificate;
pub mod check;
pub mod drift;
pub mod dsse;
mod error;
mod hashing;
mod keys;
mod limits;
mod manifest;
mod pem;
pub mod pins;
mod sign;
pub mod sigstore;
mod statement;
mod verify;

pub use bundle::MEDIA_TYPE;
pub use certificate::Certificate;
pub use error::ProvenanceError;
pub use hashing::{FileHasher, GIT_PATHS, Hashing};
pub use keys::{Hash, PublicKey, SigningKey};
pub use manifest::{Difference, Digest, HashType, Manifest, Method, Resource, Serialization};
pub use sign::{sign, sign_with_certificates};
pub use sigstore::TrustRoot;
pub use statement::PREDICATE;
pub use verify::{Note, Signed, Signer, Trust, verify};
