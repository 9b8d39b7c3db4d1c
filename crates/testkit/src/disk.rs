//! The state of a disk in memory: what a reader sees now, and what would survive power loss.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::rng::SeededRng;

/// The unit in which a disk keeps or loses what was not synced, bytes.
const SECTOR_BYTES: usize = 512;

pub(crate) type InodeId = u64;

/// The bytes of a file, whatever its name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inode {
    /// What a reader sees.
    pub(crate) seen: Vec<u8>,
    /// What is on the medium.
    pub(crate) kept: Vec<u8>,
    /// Parts of `seen` whose write-back failed: the kernel reported it once, marked the pages
    /// clean, and no later sync will write them.
    lost: Vec<Range<usize>>,
    /// Set when the file was cut and the cut is not on the medium yet.
    cut: bool,
}

impl Inode {
    /// Everything seen is written to the medium, but for what a failed sync lost.
    pub(crate) fn sync(&mut self) {
        self.kept = self.without_lost();
        self.cut = false;
    }

    fn without_lost(&self) -> Vec<u8> {
        let mut bytes = self.seen.clone();
        for range in &self.lost {
            let end = range.end.min(bytes.len());
            bytes[range.start.min(end)..end].fill(0);
        }
        bytes
    }

    /// A sync failed: what was not on the medium never will be.
    pub(crate) fn lose_unsynced(&mut self) {
        self.lost.push(self.kept.len().min(self.seen.len())..self.seen.len());
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.cut |= len < self.kept.len();
        self.seen.resize(len, 0);
        self.lost.retain(|range| range.start < len);
        for range in &mut self.lost {
            range.end = range.end.min(len);
        }
    }

    /// What the medium holds after power loss: the synced bytes and, by luck, some of the rest.
    fn after_power_loss(&self, rng: &SeededRng) -> Vec<u8> {
        let now = self.without_lost();
        if self.cut {
            return if rng.chance(500) { self.kept.clone() } else { now };
        }
        let mut after = self.kept.clone();
        let fresh = now.get(after.len()..).unwrap_or_default();
        match rng.below(4) {
            0 => {}
            1 => after.extend_from_slice(&fresh[..rng.index(fresh.len() + 1)]),
            2 => {
                // The length reached the medium before the bytes did.
                after.extend_from_slice(&fresh[..rng.index(fresh.len() + 1)]);
                after.resize(now.len(), 0);
            }
            _ => {
                for sector in fresh.chunks(SECTOR_BYTES) {
                    let start = after.len();
                    after.extend_from_slice(sector);
                    if rng.chance(500) {
                        after[start..].fill(0);
                    }
                }
            }
        }
        after
    }
}

/// A change of names that is seen but not yet on the medium.
#[derive(Clone, Debug)]
enum NameChange {
    Link(PathBuf, InodeId),
    Unlink(PathBuf),
    Dir(PathBuf),
}

/// Names and files. Folder names are synced with the names of the folder above, as on Linux.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) inodes: BTreeMap<InodeId, Inode>,
    pub(crate) names: BTreeMap<PathBuf, InodeId>,
    pub(crate) dirs: BTreeSet<PathBuf>,
    kept_names: BTreeMap<PathBuf, InodeId>,
    kept_dirs: BTreeSet<PathBuf>,
    pending: Vec<NameChange>,
    next: InodeId,
}

impl Disk {
    pub(crate) fn new_inode(&mut self) -> InodeId {
        self.next += 1;
        self.inodes.insert(self.next, Inode::default());
        self.next
    }

    pub(crate) fn link(&mut self, path: &Path, inode: InodeId) {
        self.names.insert(path.to_path_buf(), inode);
        self.pending.push(NameChange::Link(path.to_path_buf(), inode));
    }

    pub(crate) fn unlink(&mut self, path: &Path) {
        self.names.remove(path);
        self.pending.push(NameChange::Unlink(path.to_path_buf()));
    }

    pub(crate) fn make_dir(&mut self, path: &Path) {
        self.dirs.insert(path.to_path_buf());
        self.pending.push(NameChange::Dir(path.to_path_buf()));
    }

    /// Puts the names inside `dir` on the medium.
    pub(crate) fn sync_dir(&mut self, dir: &Path) {
        let pending = std::mem::take(&mut self.pending);
        let (now, later) =
            pending.into_iter().partition(|change| change.path().parent() == Some(dir));
        self.pending = later;
        for change in now {
            self.keep(change);
        }
    }

    fn keep(&mut self, change: NameChange) {
        match change {
            NameChange::Link(path, inode) => drop(self.kept_names.insert(path, inode)),
            NameChange::Unlink(path) => drop(self.kept_names.remove(&path)),
            NameChange::Dir(path) => drop(self.kept_dirs.insert(path)),
        }
    }

    /// Bytes of all files that have a name.
    pub(crate) fn used(&self) -> u64 {
        self.names.values().filter_map(|id| self.inodes.get(id)).map(|i| i.seen.len() as u64).sum()
    }

    /// The disk as a machine finds it after power loss. Changes of names reach the medium in
    /// order (as with a journal): a seeded number of them made it.
    pub(crate) fn after_power_loss(mut self, rng: &SeededRng) -> Self {
        let pending = std::mem::take(&mut self.pending);
        let made_it = rng.index(pending.len() + 1);
        for change in pending.into_iter().take(made_it) {
            self.keep(change);
        }
        let mut after = Self { next: self.next, ..Self::default() };
        after.dirs.clone_from(&self.kept_dirs);
        after.kept_dirs = self.kept_dirs;
        for (path, id) in self.kept_names {
            let Some(inode) = self.inodes.get(&id) else { continue };
            let bytes = inode.after_power_loss(rng);
            let inode = Inode { seen: bytes.clone(), kept: bytes, ..Inode::default() };
            after.inodes.insert(id, inode);
            after.names.insert(path.clone(), id);
            after.kept_names.insert(path, id);
        }
        after
    }
}

impl NameChange {
    fn path(&self) -> &Path {
        match self {
            Self::Link(path, _) | Self::Unlink(path) | Self::Dir(path) => path,
        }
    }
}
