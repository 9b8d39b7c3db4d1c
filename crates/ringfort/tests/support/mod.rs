//! What the tests on real roots share: looking at a whole root and comparing two looks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use sha2::{Digest as _, Sha256};

/// What a program said.
pub fn text(output: &Output) -> String {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{err}")
}

/// What the comparison leaves out: the kernel's and the moment's, apt's caches, logs that grow.
const LEFT_OUT: [&str; 14] = [
    "proc",
    "sys",
    "dev",
    "run",
    "tmp",
    "var/tmp",
    "var/cache/apt",
    "var/cache/ldconfig/aux-cache",
    "var/log/apt",
    "var/log/dpkg.log",
    "var/log/alternatives.log",
    "var/lib/apt/lists",
    // Where the machine that is tested is the test's own: ringfort, and what the test itself put.
    "var/lib/ringfort",
    "opt/ringfort-test",
];

/// Every entry of a root as text: type and mode, owner, size, time to the nanosecond, target,
/// extended attributes, content hash.
pub fn fingerprint(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if LEFT_OUT.iter().any(|out| path.starts_with(out)) {
                continue;
            }
            let full = root.join(&path);
            let meta = full.symlink_metadata().unwrap();
            let mut line = format!(
                "{:o} {}:{} {}.{:09}",
                meta.mode(),
                meta.uid(),
                meta.gid(),
                meta.mtime(),
                meta.mtime_nsec()
            );
            if meta.is_file() {
                let hash = Sha256::digest(std::fs::read(&full).unwrap());
                let _ = write!(line, " {} {}", meta.len(), hex::encode(hash));
            } else if meta.is_symlink() {
                let _ = write!(line, " {}", std::fs::read_link(&full).unwrap().display());
            }
            for name in xattr::list(&full).unwrap() {
                let value = xattr::get(&full, &name).unwrap().unwrap_or_default();
                let _ = write!(line, " {}={}", name.to_string_lossy(), hex::encode(value));
            }
            if meta.is_dir() {
                folders.push(path.clone());
            }
            all.insert(path, line);
        }
    }
    all
}

/// Both are the same, entry by entry.
pub fn assert_same(before: &BTreeMap<PathBuf, String>, after: &BTreeMap<PathBuf, String>) {
    let paths: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    let unlike: Vec<String> = paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| format!("{}: {:?} -> {:?}", path.display(), before.get(path), after.get(path)))
        .collect();
    assert!(unlike.is_empty(), "{} entries differ:\n{}", unlike.len(), unlike.join("\n"));
}
