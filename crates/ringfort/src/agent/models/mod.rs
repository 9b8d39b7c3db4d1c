//! Models on this machine: found, vetted, vetted again when they change, and shown as cases where
//! they would do more than a model should.
//!
//! | file | holds |
//! |---|---|
//! | `looking.rs` | runs in a confined worker: which files are models, and what they would do |
//! | `passing.rs` | one pass over the folders: what is known, what the worker says, kept as a file |
//! | `cases.rs` | from what is kept to cases and findings |
//! | `moving.rs` | moving a flagged file away, for `ringfort patch` |
//! | `now.rs` | both at once, for `ringfort vet --machine` |
//!
//! `ringfort up` makes the passes, because models lie in people's own folders; the worker that
//! reads them may do nothing but read. The agent, which has no rights, makes cases of the result.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vet::Report;

pub mod cases;
pub mod looking;
pub mod moving;
pub mod now;
pub mod passing;

/// What tells whether a file is still what it was: it cannot change without changing one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Its number on its device.
    pub inode: u64,
    /// When its content last changed, nanoseconds since the Unix epoch.
    pub modified_ns: i64,
    /// When anything of it last changed; only the kernel sets it. Nanoseconds.
    pub changed_ns: i64,
}

/// One file that was vetted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vetted {
    /// The file itself.
    pub path: PathBuf,
    /// What people know it by: a link to it, or the same path.
    pub name: PathBuf,
    /// What it was then.
    pub stamp: Stamp,
    /// What was found.
    pub report: Report,
    /// When it was first seen, milliseconds since the Unix epoch.
    pub first_ms: i64,
    /// When it was last vetted, milliseconds since the Unix epoch.
    pub vetted_ms: i64,
    /// The SHA-256 that it had before it changed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// How far a pass came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Files and folders that were walked over.
    pub walked: u64,
    /// Files taken for models or what stands around them.
    pub models: u64,
    /// Of those, the ones that wait for the next pass.
    pub waiting: u64,
    /// Folders that could not be listed.
    pub closed: u64,
    /// Whether there was more to walk over than one pass does.
    pub cut: bool,
}

/// Everything that is known of the models of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Models {
    /// When the last pass ended, milliseconds since the Unix epoch.
    pub looked_ms: i64,
    /// How far it came.
    pub reach: Reach,
    /// The files.
    pub files: Vec<Vetted>,
}

/// Where it lies, for the agent.
pub fn models_file(data_dir: &Path) -> PathBuf {
    data_dir.join("agent/models.json")
}

impl Models {
    /// Reads it; `None` where it is not there or does not read. A pass then vets all anew, and
    /// nobody concludes from it that anything is gone.
    pub fn load(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }
}
