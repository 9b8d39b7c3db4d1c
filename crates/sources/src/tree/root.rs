//! A folder of this machine as a root that nothing in it can lead out of.
//!
//! `openat2(2)` with `RESOLVE_IN_ROOT` does it in the kernel; where that is not allowed (kernels
//! before 5.6, some seccomp filters) the same walk is done here, holding a descriptor of every
//! folder on the way, so a link that is swapped while we walk leads nowhere else either.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::{Entry, EntryKind, FileStat, Listing, Tree, TreeError};
use crate::limits::{FOLDER_ENTRIES_MAX, SYMLINKS_MAX};

/// A folder as the root of a tree.
#[derive(Debug)]
pub struct RootTree {
    root: OwnedFd,
    /// Set once the kernel refused `openat2`.
    by_hand: AtomicBool,
}

impl RootTree {
    /// Opens `dir` as a root.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(dir, flags, Mode::empty())?;
        Ok(Self { root, by_hand: AtomicBool::new(false) })
    }

    fn open_fd(&self, path: &str, flags: OFlags) -> Result<OwnedFd, TreeError> {
        let flags = flags | OFlags::CLOEXEC;
        self.resolve(path, flags).map_err(|errno| error_of(path, errno))
    }

    fn resolve(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let relative = match path.trim_start_matches('/') {
            "" => ".",
            other => other,
        };
        if !self.by_hand.load(Ordering::Relaxed) {
            let how = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
            match rustix::fs::openat2(&self.root, relative, flags, Mode::empty(), how) {
                Err(Errno::NOSYS | Errno::PERM) => self.by_hand.store(true, Ordering::Relaxed),
                // The kernel saw a rename on the way and cannot tell; the walk by hand can.
                Err(Errno::AGAIN) => {}
                other => return other,
            }
        }
        walk(self.root.as_fd(), relative, flags)
    }

    fn stat_fd(&self, path: &str) -> Result<FileStat, TreeError> {
        let fd = self.open_fd(path, OFlags::PATH)?;
        let stat = rustix::fs::fstat(&fd).map_err(|errno| error_of(path, errno))?;
        Ok(FileStat {
            kind: kind_of(FileType::from_raw_mode(stat.st_mode)),
            len: u64::try_from(stat.st_size).unwrap_or(0),
            mtime_ns: i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec),
        })
    }
}

fn error_of(path: &str, errno: Errno) -> TreeError {
    let path = path.to_owned();
    match errno {
        Errno::NOENT | Errno::NOTDIR => TreeError::Missing { path },
        Errno::LOOP => {
            TreeError::OverLimit { path, limit: SYMLINKS_MAX as u64, unit: "symbolic links" }
        }
        other => TreeError::Io { path, source: other.into() },
    }
}

fn kind_of(kind: FileType) -> EntryKind {
    match kind {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Folder,
        FileType::Symlink => EntryKind::Symlink,
        _ => EntryKind::Other,
    }
}

/// Resolves `path` below `root` as `chroot` would: `..` stops at the root, an absolute link
/// starts again from it.
fn walk(root: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let step = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut parts: VecDeque<Vec<u8>> = split(path.as_bytes()).collect();
    let mut folders: Vec<OwnedFd> = Vec::new();
    let mut links = 0;
    while let Some(part) = parts.pop_front() {
        if part == b".." {
            folders.pop();
            continue;
        }
        let here = folders.last().map_or(root, |fd| fd.as_fd());
        let next = rustix::fs::openat(here, part.as_slice(), step, Mode::empty())?;
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&next)?.st_mode);
        if kind == FileType::Symlink {
            links += 1;
            if links > SYMLINKS_MAX {
                return Err(Errno::LOOP);
            }
            let target = rustix::fs::readlinkat(&next, c"", Vec::new())?.into_bytes();
            if target.starts_with(b"/") {
                folders.clear();
            }
            for part in split(&target).collect::<Vec<_>>().into_iter().rev() {
                parts.push_front(part);
            }
        } else if parts.is_empty() {
            // Opened again by name, not followed, for the rights that were asked for.
            return rustix::fs::openat(here, part, flags | OFlags::NOFOLLOW, Mode::empty());
        } else if kind == FileType::Directory {
            folders.push(next);
        } else {
            return Err(Errno::NOTDIR);
        }
    }
    let here = folders.last().map_or(root, |fd| fd.as_fd());
    rustix::fs::openat(here, c".", flags, Mode::empty())
}

fn split(path: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    path.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .map(<[u8]>::to_vec)
}

impl Tree for RootTree {
    fn stat(&self, path: &str) -> Result<FileStat, TreeError> {
        self.stat_fd(path)
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, TreeError> {
        // Looked at before it is opened: opening a device can have effects.
        let wrong = || TreeError::WrongKind { path: path.to_owned(), wanted: "a regular file" };
        if self.stat_fd(path)?.kind != EntryKind::File {
            return Err(wrong());
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = self.open_fd(path, flags)?;
        let stat = rustix::fs::fstat(&fd).map_err(|errno| error_of(path, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(wrong());
        }
        Ok(Box::new(File::from(fd)))
    }

    fn list(&self, dir: &str) -> Result<Listing, TreeError> {
        let fd = self.open_fd(dir, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut listing = Listing::default();
        let entries = rustix::fs::Dir::new(fd).map_err(|errno| error_of(dir, errno))?;
        for entry in entries {
            let entry = entry.map_err(|errno| error_of(dir, errno))?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let Ok(name) = name.to_str() else {
                listing.unreadable_names += 1;
                continue;
            };
            if listing.entries.len() == FOLDER_ENTRIES_MAX {
                let limit = FOLDER_ENTRIES_MAX as u64;
                return Err(TreeError::OverLimit { path: dir.to_owned(), limit, unit: "entries" });
            }
            listing.entries.push(Entry { name: name.to_owned(), kind: kind_of(entry.file_type()) });
        }
        listing.entries.sort_unstable();
        Ok(listing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;

    /// A root with links that try to leave it, and a secret beside it.
    fn root() -> (tempfile::TempDir, RootTree, RootTree) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("etc/deep")).unwrap();
        fs::write(dir.path().join("secret"), "outside").unwrap();
        fs::write(root.join("secret"), "inside").unwrap();
        fs::write(root.join("etc/real"), "real").unwrap();
        symlink("../../../secret", root.join("etc/up")).unwrap();
        symlink("/secret", root.join("etc/absolute")).unwrap();
        symlink(dir.path().join("secret"), root.join("etc/full")).unwrap();
        symlink("round", root.join("etc/round")).unwrap();
        symlink("/etc", root.join("etc/deep/etc")).unwrap();
        let kernel = RootTree::open(&root).unwrap();
        let by_hand = RootTree::open(&root).unwrap();
        by_hand.by_hand.store(true, Ordering::Relaxed);
        (dir, kernel, by_hand)
    }

    #[test]
    fn links_never_lead_out_of_the_root() {
        let (_dir, kernel, by_hand) = root();
        for tree in [&kernel, &by_hand] {
            assert_eq!(tree.read("etc/up", 100).unwrap(), b"inside");
            assert_eq!(tree.read("etc/absolute", 100).unwrap(), b"inside");
            assert_eq!(tree.read("etc/deep/etc/real", 100).unwrap(), b"real");
            assert_eq!(tree.read("/../../etc/../secret", 100).unwrap(), b"inside");
            assert!(tree.read("etc/full", 100).unwrap_err().is_missing());
            assert!(tree.read("etc/real/x", 100).unwrap_err().is_missing());
            let error = tree.read("etc/round", 100).unwrap_err().to_string();
            assert_eq!(error, "`etc/round` is over the limit of 40 symbolic links");
        }
    }

    #[test]
    fn only_regular_files_are_opened_and_only_up_to_the_limit() {
        let (dir, kernel, by_hand) = root();
        let fifo = dir.path().join("root/fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            FileType::Fifo,
            Mode::from_bits_truncate(0o600),
            0,
        )
        .unwrap();
        for tree in [&kernel, &by_hand] {
            assert!(matches!(tree.read("fifo", 10), Err(TreeError::WrongKind { .. })));
            assert!(matches!(tree.read("etc", 10), Err(TreeError::WrongKind { .. })));
            assert_eq!(tree.read("secret", 6).unwrap(), b"inside");
            let error = tree.read("secret", 5).unwrap_err().to_string();
            assert_eq!(error, "`secret` is over the limit of 5 bytes");
        }
    }

    #[test]
    fn a_folder_lists_sorted_with_what_its_entries_are() {
        let (dir, kernel, by_hand) = root();
        let bad = std::ffi::OsStr::from_bytes(b"\xff");
        fs::write(dir.path().join("root/etc").join(bad), "").unwrap();
        for tree in [&kernel, &by_hand] {
            let listing = tree.list("etc").unwrap();
            let names: Vec<_> = listing.entries.iter().map(|e| e.name.as_str()).collect();
            assert_eq!(names, ["absolute", "deep", "full", "real", "round", "up"]);
            assert_eq!(listing.entries[1].kind, EntryKind::Folder);
            assert_eq!(listing.entries[2].kind, EntryKind::Symlink);
            assert_eq!(listing.unreadable_names, 1);
            assert!(tree.list("").unwrap().entries.len() >= 2);
            assert!(tree.stat("etc/up").unwrap().kind == EntryKind::File);
        }
    }
}
