//! What a change does to a tree, path by path.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use spine::Digest;

/// What happens to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// It is not there afterwards.
    Removed,
    /// Its content, owner, mode, times or extended attributes differ.
    Changed,
}

/// What happens to one path. Folders of which only the time changes are not listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The path inside the root, without a leading slash; bytes that are not UTF-8, control
    /// characters and `%` are written `%XX`.
    #[serde(with = "crate::tree::escape")]
    pub path: PathBuf,
    /// What happens to it.
    pub kind: ChangeKind,
    /// Mode (type and permissions, as in `st_mode`) afterwards, or before where it is removed.
    pub mode: u32,
    /// Owner and group afterwards, or before where it is removed.
    pub owner: (u32, u32),
    /// SHA-256 of the content before, for a regular file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Digest>,
    /// SHA-256 of the content afterwards, for a regular file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Digest>,
}
