//! The narrow door to files: any root can stand behind it.
//!
//! Paths are relative to the root, with `/` between the parts and no leading `/`; a leading one
//! is ignored. What a root holds is hostile: an implementation must not leave it.

mod memory;
mod root;

use std::io::Read;

pub use memory::MemoryTree;
pub use root::RootTree;

/// Why something in a tree could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// Nothing is there.
    #[error("`{path}` does not exist")]
    Missing {
        /// The path inside the root.
        path: String,
    },
    /// Something is there that is not a file (or not a folder, where one was asked for).
    #[error("`{path}` is not {wanted}")]
    WrongKind {
        /// The path inside the root.
        path: String,
        /// What was asked for.
        wanted: &'static str,
    },
    /// The file or folder is larger than its limit.
    #[error("`{path}` is over the limit of {limit} {unit}")]
    OverLimit {
        /// The path inside the root.
        path: String,
        /// The limit that was hit.
        limit: u64,
        /// What the limit counts: bytes, entries or symbolic links.
        unit: &'static str,
    },
    /// The machine refused.
    #[error("`{path}` cannot be read: {source}")]
    Io {
        /// The path inside the root.
        path: String,
        /// What the machine said.
        source: std::io::Error,
    },
}

impl TreeError {
    /// Whether nothing is there (which is often a fine answer).
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A device, socket or pipe: never opened.
    Other,
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is, links not followed.
    pub kind: EntryKind,
}

/// The entries of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Entries, sorted by name.
    pub entries: Vec<Entry>,
    /// Entries left out because their names are not UTF-8.
    pub unreadable_names: usize,
}

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// What it is, links followed inside the root.
    pub kind: EntryKind,
    /// Bytes.
    pub len: u64,
    /// Last change of its content, nanoseconds after 1970-01-01.
    pub mtime_ns: i128,
}

/// A root with files in it. Symbolic links are followed inside the root, as after `chroot`.
pub trait Tree {
    /// What `path` is.
    fn stat(&self, path: &str) -> Result<FileStat, TreeError>;
    /// Opens a regular file for reading.
    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, TreeError>;
    /// The entries of a folder.
    fn list(&self, dir: &str) -> Result<Listing, TreeError>;

    /// The whole of a regular file of at most `limit` bytes.
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, TreeError> {
        let mut bytes = Vec::new();
        self.open(path)?
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|source| TreeError::Io { path: path.to_owned(), source })?;
        if bytes.len() as u64 > limit {
            return Err(TreeError::OverLimit { path: path.to_owned(), limit, unit: "bytes" });
        }
        Ok(bytes)
    }

    /// Whether there is a file or folder, links followed inside the root.
    fn exists(&self, path: &str) -> bool {
        self.stat(path).is_ok()
    }
}

/// The folder that `path` stands in; empty for the root.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

/// The last part of `path`.
pub fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// `dir` and `name` with one `/` between them.
pub fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}
