//! Why a feed was not taken in.

use std::io;
use std::path::{Path, PathBuf};

use formats::FormatError;
use net::NetError;
use store::advisories::AdvisoryError;

/// Why a feed was not taken in. What was there before stays.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// There is no such feed.
    #[error("there is no feed `{name}`; there are {}", known.join(", "))]
    UnknownFeed {
        /// What was given.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// It was not fetched.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A file or folder was not read or written.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// An archive is damaged.
    #[error("`{}` is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A written limit was hit.
    #[error("`{}` has more than {limit} {what}", path.display())]
    Limit {
        /// The file or folder.
        path: PathBuf,
        /// What the limit counts.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The file is not what the feed should be.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Nothing of this feed was found.
    #[error("nothing in it is a record of `{feed}`")]
    Nothing {
        /// The feed.
        feed: String,
    },
    /// Too many records cannot be read.
    #[error("{unreadable} of {all} records cannot be read, the first because {first}")]
    Unreadable {
        /// Records that cannot be read.
        unreadable: u64,
        /// All records.
        all: u64,
        /// Why the first cannot.
        first: String,
    },
    /// The store did not take it.
    #[error("the store did not take it: {0}")]
    Store(#[from] AdvisoryError),
}

impl FeedError {
    /// A failure of the file system.
    pub fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }

    /// A failure while reading what lies packed in a file.
    pub fn unpacking(path: &Path, error: &io::Error) -> Self {
        if sources::unpack::is_over_limit(error) {
            return Self::limit(path, "bytes when unpacked", super::limits::UNPACKED_BYTES_MAX);
        }
        let reason = error.to_string().chars().take(200).collect();
        Self::Damaged { path: path.to_path_buf(), reason }
    }

    /// A limit that was hit.
    pub fn limit(path: &Path, what: &'static str, limit: u64) -> Self {
        Self::Limit { path: path.to_path_buf(), what, limit }
    }
}
