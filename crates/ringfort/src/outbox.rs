//! Notices that wait to be sent: one file each under `<data>/outbox`, oldest name first.
//!
//! The executor opens no connection, so it cannot send; it writes down, durably, whom to tell what.
//! Whoever sends messages may read the folder, and remembers for itself how far it came. Texts name
//! no person.

use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use durable::{Files as _, StdFiles};
use serde::{Deserialize, Serialize};
use spine::{HostId, PlanHash, ReceiptId};

use crate::spawn::UNPRIVILEGED_ID;

/// The most notices that are kept; the oldest go first.
const NOTICES_MAX: usize = 1_000;

/// One notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its id, which is its file's name.
    pub id: ReceiptId,
    /// When it was written, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// The host that it is about.
    pub host: HostId,
    /// What it is about: `break_glass`, `window_done`, `window_failed`, `window_missed`,
    /// `window_void`.
    pub kind: String,
    /// Whom to tell: the contacts of the configuration, and `person:NAME` for every enrolled one.
    pub to: Vec<String>,
    /// What to tell them, in plain words.
    pub text: String,
    /// The plan that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanHash>,
}

/// The folder of notices.
pub struct Outbox(PathBuf);

impl Outbox {
    /// Makes the folder, which the unprivileged user may read.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let dir = data_dir.join("outbox");
        StdFiles.create_dir_all(&dir)?;
        readable(&dir, 0o750)?;
        Ok(Self(dir))
    }

    /// Writes a notice, durably.
    pub fn write(&self, notice: &Notice) -> io::Result<()> {
        let path = self.0.join(format!("{}.json", notice.id));
        StdFiles.write_atomic(&path, &serde_json::to_vec(notice)?)?;
        readable(&path, 0o640)?;
        let names = StdFiles.list(&self.0)?;
        for name in names.iter().take(names.len().saturating_sub(NOTICES_MAX)) {
            StdFiles.remove(&self.0.join(name))?;
        }
        Ok(())
    }
}

fn readable(path: &Path, mode: u32) -> io::Result<()> {
    chown(path, None, Some(UNPRIVILEGED_ID))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}
