//! Package ecosystems, the package manager's own metadata, and logs: bytes in, packages and events
//! out.
//!
//! | module | holds |
//! |---|---|
//! | [`tree`] | the narrow door to files: any root, never left through a link |
//! | [`ecosystem`] | what an ecosystem is, and what it finds |
//! | [`registry`] | every ecosystem: one file of `src/ecosystems` each, listed by the build script |
//! | [`inventory`] | one walk over a root with every ecosystem |
//! | [`os_release`] | which distribution a root is |
//! | [`deb822`] | stanzas of Debian control files, streaming |
//! | [`apt`] | apt's sources, lists, releases, packages, and a compact index of them |
//! | [`deb`] | what is inside a `.deb`: control fields, conffiles, paths, changelog |
//! | [`log`] | what a log source is; opening, unpacking and reading files of logs |
//! | [`log_registry`] | every log source: one file of `src/logs` each, listed by the build script |
//! | [`limits`] | the written limit of every loop, file and decompression in this crate |
//!
//! Architecture invariant: no network, no processes, no clock, no panic on any input; what cannot
//! be read or told is said to be so, never left out.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable
)]

pub mod apt;
pub mod deb;
pub mod deb822;
pub mod ecosystem;
pub mod inventory;
pub mod limits;
pub mod log;
pub mod os_release;
pub mod tree;

/// Every ecosystem, one module each.
pub mod registry {
    use crate::ecosystem::Ecosystem;

    include!(concat!(env!("OUT_DIR"), "/registry.rs"));
}

/// Every log source, one module each.
pub mod log_registry {
    use crate::log::LogSource;

    include!(concat!(env!("OUT_DIR"), "/log_registry.rs"));
}

pub use formats::unpack;

pub use ecosystem::{Ecosystem, Flag, Found, Input, ReadError, ReadOutcome, Unresolved};
pub use inventory::{Inventory, Scope, scan};
pub use log::{LogSource, Record};
pub use tree::{MemoryTree, RootTree, Tree, TreeError};

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod log_corpus_tests;
#[cfg(test)]
mod log_walk_tests;
#[cfg(test)]
mod ocsf_schema_tests;
#[cfg(test)]
mod walk_tests;
