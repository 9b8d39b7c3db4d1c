//! The tamper-evident record: an append-only Merkle tree log in the C2SP formats, so that a tool
//! that is not ours can check it.
//!
//! | module | holds | standard |
//! |---|---|---|
//! | [`hash`] | leaf and node hashes | RFC 6962, section 2.1 |
//! | [`note`] | signed notes, their signer and verifier keys | c2sp.org/signed-note |
//! | [`checkpoint`] | the signed statement of size and root | c2sp.org/tlog-checkpoint |
//! | [`tile`] | tiles and entry bundles, their paths and encoding | c2sp.org/tlog-tiles |
//! | [`range`] | the perfect subtrees over a log that is followed leaf by leaf | RFC 6962, section 2.1 |
//! | [`proof`] | inclusion and consistency: made and checked | RFC 6962, 2.1.1 and 2.1.2; RFC 9162, 2.1.3 and 2.1.4 |
//! | [`tree`] | the tree over hashes that somebody holds, and proofs from it | RFC 6962, 2.1.1 |
//! | [`log`] | [`Log`], the reading side: every byte it returns was checked up to the signature | |
//! | [`ledger`] | [`Ledger`], the one writer | |
//! | [`verify`] | [`verify_dir`], the whole log recomputed from its entries | |
//! | [`limits`] | the written limit of every loop, file and buffer | |
//!
//! In a ledger's folder: `checkpoint` and `tile/` are the published log; `wal` holds what was
//! appended last, `reserve` keeps room for the outcome of an action that was already started.
//!
//! Architecture invariants: a leaf is an opaque string of bytes; an index that was returned by
//! `append` is on disk and stays so; a log that contradicts its signature is never repaired, only
//! reported.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable
)]

pub mod checkpoint;
mod edge;
pub mod error;
pub mod hash;
pub mod ledger;
pub mod limits;
pub mod log;
pub mod note;
pub mod proof;
pub mod range;
pub mod tile;
pub mod tree;
pub mod verify;

pub use checkpoint::Checkpoint;
pub use error::LedgerError;
pub use hash::{Hash, leaf_hash};
pub use ledger::{Ledger, OpenReport};
pub use log::{Leaves, Log};
pub use note::{Signer, VerifierKey};
pub use proof::{verify_consistency, verify_inclusion};
pub use range::Range;
pub use tree::Tree;
pub use verify::{VerifyReport, verify_dir};
