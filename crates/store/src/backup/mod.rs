//! One file that holds a whole data folder, made while everything runs, and the way back.
//!
//! A backup is a `.tar.zst` that `tar` and `zstd` read too: the files, and last a manifest with the
//! size and SHA-256 of each. The zstd frame is followed by a skippable frame (RFC 8878 §3.1.2) with
//! the SHA-256 of everything before it, so that any damage is seen before anything is unpacked.
//! The hash shows damage, not who made the archive: keep backups where only you can write.

mod make;
mod restore;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::database::DatabaseError;
use crate::limits;

pub use make::{BackupReport, backup};
pub use restore::{RestoreReport, restore};

/// The name of the manifest in the archive.
const MANIFEST: &str = "RINGFORT-MANIFEST.json";
/// RFC 8878 §3.1.2: any of 0x184D2A50 to 0x184D2A5F.
const SKIPPABLE_MAGIC: u32 = 0x184D_2A5E;
const TRAILER_TEXT: &[u8] = b"ringfort backup v1 sha256 ";
const DIGEST_BYTES: usize = 32;
const TRAILER_BYTES: usize = 8 + TRAILER_TEXT.len() + DIGEST_BYTES;

/// Why a backup could not be made or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file could not be read or written.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// A database could not be copied.
    #[error("`{}`: {source}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// Why not.
        source: DatabaseError,
    },
    /// The archive is there already.
    #[error("`{}` exists already; a backup never replaces another", .0.display())]
    Exists(PathBuf),
    /// The archive would hold itself.
    #[error("`{}` lies inside what is backed up", .0.display())]
    Inside(PathBuf),
    /// A path to include, or one in an archive, is not a plain path below the data folder.
    #[error("`{0}` is not a plain path below the data folder")]
    Path(String),
    /// A file became shorter while it was read.
    #[error("`{0}` changed while it was read; try again")]
    Changed(String),
    /// A limit was passed.
    #[error("there are more than {limit} {what}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The archive is not a backup, or is damaged. Nothing was restored.
    #[error("`{}` is not a sound backup: {reason}", path.display())]
    Damaged {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder to restore into is not empty.
    #[error("`{}` is not empty", .0.display())]
    NotEmpty(PathBuf),
}

impl BackupError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: String,
    size: u64,
    sha256: String,
}

/// What an archive holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    /// The schema of the manifest, 1.
    schema: u32,
    /// When the backup was begun, milliseconds since the Unix epoch.
    created_ms: i64,
    files: Vec<Entry>,
}

/// The frame that ends an archive whose bytes before it have this hash.
fn trailer(digest: &[u8; DIGEST_BYTES]) -> Vec<u8> {
    let length = u32::try_from(TRAILER_TEXT.len() + DIGEST_BYTES).unwrap_or(u32::MAX);
    [&SKIPPABLE_MAGIC.to_le_bytes()[..], &length.to_le_bytes(), TRAILER_TEXT, digest].concat()
}

/// Whether a path of `/`-separated parts names a file below a folder and nothing else.
fn is_plain(path: &str) -> bool {
    let parts = || path.split('/');
    path.len() as u64 <= limits::BACKUP_PATH_BYTES_MAX
        && parts().count() <= limits::BACKUP_DEPTH_MAX
        && parts().all(|part| !matches!(part, "" | "." | ".."))
        && !path.contains('\0')
}
