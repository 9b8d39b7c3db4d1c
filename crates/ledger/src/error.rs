//! What can go wrong with a ledger.

use std::io;
use std::path::{Path, PathBuf};

/// Why a ledger could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The file system failed. If it was in `append`, nothing was appended.
    #[error("could not {doing} `{}`: {source}", path.display())]
    Io {
        /// A verb, such as `read`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A leaf is too long.
    #[error("a leaf of {bytes} bytes is over the limit of {limit}")]
    LeafTooLarge {
        /// Its length.
        bytes: usize,
        /// The limit, [`crate::limits::LEAF_BYTES_MAX`].
        limit: usize,
    },
    /// A batch is too long.
    #[error("a batch of {bytes} bytes is over the limit of {limit}")]
    BatchTooLarge {
        /// Its length, with two bytes a leaf.
        bytes: usize,
        /// The limit, [`crate::limits::BATCH_BYTES_MAX`].
        limit: usize,
    },
    /// There is no leaf of that index, or no tree of that size.
    #[error("{asked} is not in the log, which has {size} entries")]
    NotInLog {
        /// What was asked for, in words.
        asked: String,
        /// The entries of the log.
        size: u64,
    },
    /// A key or a key's name is not in the form of c2sp.org/signed-note.
    #[error("`{text}` is not a verifier key: {why}")]
    BadKey {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The log contradicts itself or its signature: it was tampered with, or the disk is damaged.
    #[error("the log was changed or damaged: {what}")]
    Tampered {
        /// What does not fit, with the file's name.
        what: String,
    },
    /// Too much waits to be published; the disk takes no tiles.
    #[error("{bytes} bytes wait to be published, and the disk does not take them: {why}")]
    Backlog {
        /// Bytes that wait.
        bytes: usize,
        /// Why publishing failed.
        why: String,
    },
    /// A write failed and could not be taken back; the ledger must be opened again.
    #[error(
        "a write failed and could not be taken back; the ledger takes nothing more until it is opened again"
    )]
    Broken,
}

impl LedgerError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_path_buf(), source }
    }

    pub(crate) fn tampered(what: impl Into<String>) -> Self {
        Self::Tampered { what: what.into() }
    }

    /// Whether the log contradicts itself or its signature.
    pub fn is_tampering(&self) -> bool {
        matches!(self, Self::Tampered { .. })
    }

    /// Whether the disk is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ))
    }
}
