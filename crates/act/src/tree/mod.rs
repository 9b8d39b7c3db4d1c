//! A tree of files as it is: indexed, compared, packed and restored, entry by entry.
//!
//! An index holds what `lstat(2)` and the extended attributes say of every entry; contents are
//! compared by SHA-256 where the rest gives reason to.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use spine::Digest;

use crate::limits::{INDEX_ENTRIES_MAX, TREE_DEPTH_MAX};

pub mod escape;
pub mod pack;
pub mod restore;

/// What is never indexed: the kernel's and the moment's, and what the package manager keeps for
/// itself (its caches can be made again, its logs only grow).
const EXCLUDED: [&str; 12] = [
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
];

/// Whether a path inside a root is left out of every index. `usr/sbin/policy-rc.d` is ours while
/// packages are changed.
pub fn is_excluded(path: &Path) -> bool {
    EXCLUDED.iter().any(|excluded| path.starts_with(excluded))
        || path == Path::new("usr/sbin/policy-rc.d")
}

/// What one entry is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Type and permissions, as in `st_mode`.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u32, u32),
    /// Bytes; 0 for folders, whose size is the file system's affair.
    pub size: u64,
    /// Last change of the content: seconds and nanoseconds.
    pub mtime: (i64, i64),
    /// Device number, for devices.
    pub rdev: u64,
    /// Target, for symbolic links.
    pub link: Option<Vec<u8>>,
    /// Extended attributes (also capabilities and access lists).
    pub xattrs: BTreeMap<String, Vec<u8>>,
    /// The first path of the same file, where it has several names.
    pub twin: Option<Vec<u8>>,
    /// Inode and change time: reasons to look closer, not part of what an entry is.
    pub hint: (u64, i64, i64),
}

impl Entry {
    /// Whether both are the same for whoever uses the tree (hints aside).
    pub fn same(&self, other: &Self) -> bool {
        let key = |e: &Self| (e.mode, e.owner, e.size, e.mtime, e.rdev);
        key(self) == key(other)
            && self.link == other.link
            && self.xattrs == other.xattrs
            && self.twin == other.twin
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.mode & 0o170_000 == 0o100_000
    }

    /// Whether it is a folder.
    pub fn is_dir(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }

    /// Whether it is a symbolic link.
    pub fn is_link(&self) -> bool {
        self.mode & 0o170_000 == 0o120_000
    }
}

/// Every entry of a tree, by path inside it; the root itself is the empty path.
pub type Index = BTreeMap<PathBuf, Entry>;

/// Looks at one entry, links not followed.
pub fn entry(path: &Path) -> io::Result<Entry> {
    let meta = fs::symlink_metadata(path)?;
    let is_dir = meta.is_dir();
    let link = meta.is_symlink().then(|| fs::read_link(path)).transpose()?;
    let mut xattrs = BTreeMap::new();
    // A file system without extended attributes has none to lose.
    for name in xattr::list(path).into_iter().flatten() {
        if let Some(value) = xattr::get(path, &name)? {
            xattrs.insert(name.to_string_lossy().into_owned(), value);
        }
    }
    Ok(Entry {
        mode: meta.mode(),
        owner: (meta.uid(), meta.gid()),
        size: if is_dir { 0 } else { meta.size() },
        mtime: (meta.mtime(), meta.mtime_nsec()),
        rdev: meta.rdev(),
        link: link.map(|target| target.as_os_str().as_bytes().to_vec()),
        xattrs,
        twin: None,
        hint: (meta.ino(), meta.ctime(), meta.ctime_nsec()),
    })
}

/// Indexes a root.
pub fn index(root: &Path) -> io::Result<Index> {
    index_without(root, &[])
}

/// Indexes a root, but nothing at or below these places inside it.
pub fn index_without(root: &Path, left_out: &[PathBuf]) -> io::Result<Index> {
    let mut index = Index::new();
    let mut names: BTreeMap<(u64, u64), PathBuf> = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    index.insert(PathBuf::new(), entry(root)?);
    while let Some(folder) = folders.pop() {
        if folder.components().count() > TREE_DEPTH_MAX || index.len() > INDEX_ENTRIES_MAX {
            return Err(io::Error::other("the tree is deeper or larger than the limit"));
        }
        for child in fs::read_dir(root.join(&folder))? {
            let path = folder.join(child?.file_name());
            if is_excluded(&path) || left_out.contains(&path) {
                continue;
            }
            let full = root.join(&path);
            let mut found = match entry(&full) {
                // A live system may remove a file while it is being looked at.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            if found.is_file() && fs::symlink_metadata(&full)?.nlink() > 1 {
                let meta = fs::symlink_metadata(&full)?;
                let first = names.entry((meta.dev(), meta.ino())).or_insert_with(|| path.clone());
                found.twin = Some(first.as_os_str().as_bytes().to_vec());
            }
            if found.is_dir() {
                folders.push(path.clone());
            }
            index.insert(path, found);
        }
    }
    settle_twins(&mut index);
    Ok(index)
}

/// Folders are walked in no order; the name that stands for a file with several is the smallest.
fn settle_twins(index: &mut Index) {
    let mut smallest: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (path, entry) in index.iter() {
        if let Some(twin) = &entry.twin {
            let path = path.as_os_str().as_bytes();
            let least = smallest.entry(twin.clone()).or_insert_with(|| path.to_vec());
            if path < least.as_slice() {
                *least = path.to_vec();
            }
        }
    }
    for entry in index.values_mut() {
        if let Some(twin) = &mut entry.twin
            && let Some(least) = smallest.get(twin)
        {
            twin.clone_from(least);
        }
    }
}

/// SHA-256 of a regular file.
pub fn hash_file(path: &Path) -> io::Result<Digest> {
    let mut file = fs::File::open(path)?;
    let mut hasher = Sha256::new();
    io::copy(&mut file, &mut hasher)?;
    Ok(Digest(hasher.finalize().into()))
}

/// Paths whose entries differ between two indexes of the same tree, hints included: what was
/// written again with the same length and time is in it too.
pub fn touched(before: &Index, after: &Index) -> Vec<PathBuf> {
    let unlike = |path: &PathBuf, old: &Entry| {
        after
            .get(path)
            .is_none_or(|new| !old.same(new) || (!old.is_dir() && old.hint.0 != new.hint.0))
    };
    let gone = before.iter().filter(|(path, old)| unlike(path, old)).map(|(path, _)| path.clone());
    let added = after.keys().filter(|path| !before.contains_key(*path)).cloned();
    let mut paths: Vec<PathBuf> = gone.chain(added).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Paths at which two trees differ for whoever uses them; contents of regular files in `contents`
/// are compared too.
pub fn differences(
    (a_root, a): (&Path, &Index),
    (b_root, b): (&Path, &Index),
    contents: impl Fn(&Path) -> bool,
) -> io::Result<Vec<PathBuf>> {
    let mut unlike = Vec::new();
    for (path, old) in a {
        let same = match b.get(path) {
            None => false,
            Some(new) if !old.same(new) => false,
            Some(_) if old.is_file() && contents(path) => {
                hash_file(&a_root.join(path))? == hash_file(&b_root.join(path))?
            }
            Some(_) => true,
        };
        if !same {
            unlike.push(path.clone());
        }
    }
    unlike.extend(b.keys().filter(|path| !a.contains_key(*path)).cloned());
    Ok(unlike)
}

/// Writes an index, compressed and durable.
pub fn save(index: &Index, path: &Path) -> io::Result<()> {
    let file = fs::File::create(path)?;
    let mut out = zstd::Encoder::new(file, 1)?;
    for (path, entry) in index {
        let line = (escape::text(path), entry);
        serde_json::to_writer(&mut out, &line)?;
        io::Write::write_all(&mut out, b"\n")?;
    }
    out.finish()?.sync_all()
}

/// Reads an index back.
pub fn load(path: &Path) -> io::Result<Index> {
    use io::BufRead as _;
    let input = io::BufReader::new(zstd::Decoder::new(fs::File::open(path)?)?);
    let mut index = Index::new();
    for line in input.lines() {
        let (path, entry): (String, Entry) = serde_json::from_str(&line?)?;
        let path = escape::path(&path).ok_or_else(|| io::Error::other("a path is damaged"))?;
        index.insert(path, entry);
    }
    Ok(index)
}
