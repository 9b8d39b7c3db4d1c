//! Everything that lies in a root, to be compared: type and mode, owner, content.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// What the comparison leaves out: the kernel's and the moment's, logs, locks, and the copies that
/// the tools keep of their own files before a change.
const LEFT_OUT: [&str; 18] = [
    "proc",
    "sys",
    "dev",
    "run",
    "tmp",
    "var/tmp",
    "var/log",
    "var/cache/ldconfig/aux-cache",
    "var/lib/dpkg/status-old",
    "var/lib/dpkg/lock",
    "var/lib/dpkg/triggers/Lock",
    "var/lib/systemd/random-seed",
    "var/lib/systemd/timers",
    "etc/.pwd.lock",
    "etc/passwd-",
    "etc/group-",
    "etc/shadow-",
    "etc/gshadow-",
];

/// The entries by their path.
pub type Tree = BTreeMap<PathBuf, String>;

/// Reads a root.
pub fn tree(root: &Path) -> Tree {
    let mut all = Tree::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if LEFT_OUT.iter().any(|out| path.starts_with(out)) {
                continue;
            }
            let full = root.join(&path);
            let meta = full.symlink_metadata().unwrap();
            let mut line = format!("{:o} {}:{}", meta.mode(), meta.uid(), meta.gid());
            if meta.is_file() {
                let hash = Sha256::digest(std::fs::read(&full).unwrap());
                let _ = write!(line, " {} {}", meta.len(), hex::encode(hash));
            } else if meta.is_symlink() {
                let _ = write!(line, " {}", std::fs::read_link(&full).unwrap().display());
            } else if meta.is_dir() {
                folders.push(path.clone());
            }
            all.insert(path, line);
        }
    }
    all
}

/// What is different between two looks, one line an entry.
pub fn differences(before: &Tree, after: &Tree) -> Vec<String> {
    let paths: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| format!("{}: {:?} -> {:?}", path.display(), before.get(path), after.get(path)))
        .collect()
}
