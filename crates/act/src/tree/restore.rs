//! Putting a tree back as an index says it was, from a pack of contents. May be cut short at any
//! point and called again.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, Timespec, Timestamps};
use spine::Digest;

use super::{Entry, Index, escape, pack};
use crate::actuator::Undone;

/// What a restore may do.
pub struct Restore<'a> {
    /// The root.
    pub root: &'a Path,
    /// How it was.
    pub before: &'a Index,
    /// The contents of then.
    pub pack: &'a Path,
    /// How it was after the change, where that is known: what differs from this too was changed
    /// by somebody else, and is kept aside in `kept`.
    pub after: Option<&'a Index>,
    /// Where versions of somebody else are kept.
    pub kept: &'a Path,
    /// Which paths may be put back.
    pub scope: &'a dyn Fn(&Path) -> bool,
}

impl Restore<'_> {
    /// Puts everything in scope back, looking at the whole root.
    pub fn run(&self) -> io::Result<Undone> {
        self.run_from(super::index(self.root)?)
    }

    /// Puts everything in scope back, looking at these paths only.
    pub fn run_on(&self, paths: &[PathBuf]) -> io::Result<Undone> {
        let mut now = Index::new();
        for path in paths {
            if let Ok(entry) = super::entry(&self.root.join(path)) {
                now.insert(path.clone(), entry);
            }
        }
        self.run_from(now)
    }

    /// Puts everything in scope back, starting from how the root is now.
    pub fn run_from(&self, now: Index) -> io::Result<Undone> {
        let mut undone = Undone::default();
        let packed = self.packed_differences(&now)?;
        let mut wanted: BTreeSet<PathBuf> = super::touched(self.before, &now)
            .into_iter()
            .filter(|path| (self.scope)(path))
            .collect();
        wanted.extend(packed.into_iter().filter(|path| (self.scope)(path)));
        let now = &now;
        self.keep_aside(&wanted, now, &mut undone);
        self.remove(&wanted, now, &mut undone);
        self.make_folders(&wanted, &mut undone);
        let mut open = self.contents(&wanted, now, &mut undone)?;
        self.links_and_devices(&wanted, &mut open, &mut undone);
        self.twins(&wanted, &mut open, &mut undone);
        for path in &open {
            let same = self.before.get(path).zip(now.get(path));
            // Its content is as it was; only what surrounds it may differ.
            let content_same =
                same.is_some_and(|(old, new)| (old.size, old.mtime) == (new.size, new.mtime));
            if !content_same {
                undone.failed.push(format!("{}: its content was not packed", escape::text(path)));
            }
        }
        self.attributes(&wanted, &mut undone);
        Ok(undone)
    }

    /// Packed files whose content is not what was packed.
    fn packed_differences(&self, now: &Index) -> io::Result<Vec<PathBuf>> {
        let mut unlike = Vec::new();
        pack::read(self.pack, &mut |path, sha256, _| {
            let is_file = now.get(&path).is_some_and(Entry::is_file);
            if !is_file || super::hash_file(&self.root.join(&path))? != sha256 {
                unlike.push(path);
            }
            Ok(())
        })?;
        Ok(unlike)
    }

    fn keep_aside(&self, wanted: &BTreeSet<PathBuf>, now: &Index, undone: &mut Undone) {
        let Some(after) = self.after else { return };
        for path in wanted {
            let (Some(new), Some(ours)) = (now.get(path), after.get(path)) else { continue };
            if !new.is_file() || (new.same(ours) && new.hint == ours.hint) {
                continue;
            }
            let name = escape::text(path).replace('/', "%2F");
            let copied = fs::create_dir_all(self.kept)
                .and_then(|()| fs::copy(self.root.join(path), self.kept.join(name)));
            match copied {
                Ok(_) => undone.kept.push(escape::text(path)),
                Err(error) => undone.failed.push(format!("{}: {error}", escape::text(path))),
            }
        }
    }

    /// Removes what was not there before, or was something else, deepest first.
    fn remove(&self, wanted: &BTreeSet<PathBuf>, now: &Index, undone: &mut Undone) {
        for path in wanted.iter().rev() {
            let Some(new) = now.get(path) else { continue };
            let old = self.before.get(path);
            let kind = |entry: &Entry| entry.mode & 0o170_000;
            if old.is_some_and(|old| kind(old) == kind(new)) {
                continue;
            }
            let full = self.root.join(path);
            let removed = if new.is_dir() { fs::remove_dir(&full) } else { fs::remove_file(&full) };
            note(undone, path, removed.or_else(ignore_missing));
        }
    }

    fn make_folders(&self, wanted: &BTreeSet<PathBuf>, undone: &mut Undone) {
        for path in wanted {
            if self.before.get(path).is_some_and(Entry::is_dir) {
                let full = self.root.join(path);
                if !full.is_dir() {
                    note(undone, path, fs::create_dir(&full));
                }
            }
        }
    }

    /// Writes the packed contents of wanted files; returns wanted files that were not packed.
    fn contents(
        &self,
        wanted: &BTreeSet<PathBuf>,
        now: &Index,
        undone: &mut Undone,
    ) -> io::Result<BTreeSet<PathBuf>> {
        let is_file = |path: &&PathBuf| self.before.get(*path).is_some_and(Entry::is_file);
        let mut open: BTreeSet<PathBuf> = wanted.iter().filter(is_file).cloned().collect();
        pack::read(self.pack, &mut |path, sha256, content| {
            if !open.remove(&path) {
                return Ok(());
            }
            let written = self.write_content(&path, sha256, content, now);
            note(undone, &path, written);
            Ok(())
        })?;
        Ok(open)
    }

    fn write_content(
        &self,
        path: &Path,
        sha256: Digest,
        content: &mut dyn io::Read,
        now: &Index,
    ) -> io::Result<()> {
        let full = self.root.join(path);
        if now.get(path).is_some_and(Entry::is_file)
            && super::hash_file(&full).is_ok_and(|hash| hash == sha256)
        {
            return Ok(());
        }
        let temporary = temporary_beside(&full);
        let mut file = fs::File::create(&temporary)?;
        io::copy(content, &mut file)?;
        file.sync_data()?;
        fs::rename(&temporary, &full)
    }

    fn links_and_devices(
        &self,
        wanted: &BTreeSet<PathBuf>,
        open: &mut BTreeSet<PathBuf>,
        undone: &mut Undone,
    ) {
        for path in wanted {
            let Some(old) = self.before.get(path) else { continue };
            if old.is_file() || old.is_dir() {
                continue;
            }
            open.remove(path);
            note(undone, path, make_special(&self.root.join(path), old));
        }
    }

    /// Names of one file are one file again.
    fn twins(&self, wanted: &BTreeSet<PathBuf>, open: &mut BTreeSet<PathBuf>, undone: &mut Undone) {
        let mut groups: BTreeMap<&[u8], Vec<&PathBuf>> = BTreeMap::new();
        for (path, old) in self.before {
            if let Some(twin) = &old.twin {
                groups.entry(twin.as_slice()).or_default().push(path);
            }
        }
        for (first, names) in groups {
            if !names.iter().any(|name| wanted.contains(*name)) {
                continue;
            }
            let first = PathBuf::from(OsStr::from_bytes(first));
            for name in names.into_iter().filter(|name| **name != first) {
                let full = self.root.join(name);
                let temporary = temporary_beside(&full);
                let linked = fs::remove_file(&temporary)
                    .or_else(ignore_missing)
                    .and_then(|()| fs::hard_link(self.root.join(&first), &temporary))
                    .and_then(|()| fs::rename(&temporary, &full));
                // `rename` between two names of one file does nothing and leaves both.
                let _ = fs::remove_file(&temporary);
                open.remove(name);
                note(undone, name, linked);
            }
        }
    }

    /// Owner, mode, attributes and times: files first, folders last and deepest first.
    fn attributes(&self, wanted: &BTreeSet<PathBuf>, undone: &mut Undone) {
        let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
        for path in wanted {
            folders.extend(path.ancestors().skip(1).map(Path::to_path_buf));
            match self.before.get(path) {
                Some(old) if old.is_dir() => drop(folders.insert(path.clone())),
                Some(old) => note(undone, path, set_attributes(&self.root.join(path), old)),
                None => {}
            }
        }
        for path in folders.iter().rev() {
            if let Some(old) = self.before.get(path).filter(|old| old.is_dir()) {
                note(undone, path, set_attributes(&self.root.join(path), old));
            }
        }
    }
}

fn note(undone: &mut Undone, path: &Path, result: io::Result<()>) {
    if let Err(error) = result {
        undone.failed.push(format!("{}: {error}", escape::text(path)));
    }
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".ringfort-undo");
    path.with_file_name(name)
}

/// Makes a symbolic link, device, pipe or socket as it was.
fn make_special(full: &Path, old: &Entry) -> io::Result<()> {
    if super::entry(full).is_ok_and(|now| now.link == old.link && now.rdev == old.rdev) {
        return Ok(());
    }
    let temporary = temporary_beside(full);
    fs::remove_file(&temporary).or_else(ignore_missing)?;
    if let Some(target) = &old.link {
        std::os::unix::fs::symlink(OsStr::from_bytes(target), &temporary)?;
    } else {
        let kind = rustix::fs::FileType::from_raw_mode(old.mode);
        let mode = Mode::from_raw_mode(old.mode & 0o7777);
        rustix::fs::mknodat(CWD, &temporary, kind, mode, old.rdev)?;
    }
    fs::rename(&temporary, full)
}

/// Sets owner, extended attributes, mode and times, in the order in which none undoes another.
fn set_attributes(full: &Path, old: &Entry) -> io::Result<()> {
    let now = super::entry(full)?;
    if now.owner != old.owner {
        std::os::unix::fs::lchown(full, Some(old.owner.0), Some(old.owner.1))?;
    }
    let now = super::entry(full)?;
    for name in now.xattrs.keys().filter(|name| !old.xattrs.contains_key(*name)) {
        xattr::remove(full, name)?;
    }
    for (name, value) in &old.xattrs {
        if now.xattrs.get(name) != Some(value) {
            xattr::set(full, name, value)?;
        }
    }
    if !old.is_link() && super::entry(full)?.mode != old.mode {
        let mode = Mode::from_raw_mode(old.mode & 0o7777);
        rustix::fs::chmodat(CWD, full, mode, AtFlags::empty())?;
    }
    if super::entry(full)?.mtime != old.mtime {
        let time = Timespec { tv_sec: old.mtime.0, tv_nsec: old.mtime.1 };
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(CWD, full, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn tree(root: &Path) {
        fs::create_dir_all(root.join("etc/deep")).unwrap();
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::write(root.join("etc/a"), "old a").unwrap();
        fs::write(root.join("etc/deep/b"), "old b").unwrap();
        fs::write(root.join("bin/tool"), "tool").unwrap();
        fs::hard_link(root.join("bin/tool"), root.join("bin/other")).unwrap();
        std::os::unix::fs::symlink("tool", root.join("bin/link")).unwrap();
        fs::set_permissions(root.join("bin/tool"), fs::Permissions::from_mode(0o4755)).unwrap();
    }

    fn spoil(root: &Path) {
        fs::write(root.join("etc/a"), "new a, and longer").unwrap();
        fs::remove_dir_all(root.join("etc/deep")).unwrap();
        fs::write(root.join("etc/deep"), "a file now").unwrap();
        fs::remove_file(root.join("bin/tool")).unwrap();
        fs::write(root.join("bin/tool"), "newt").unwrap();
        fs::remove_file(root.join("bin/link")).unwrap();
        std::os::unix::fs::symlink("elsewhere", root.join("bin/link")).unwrap();
        fs::create_dir_all(root.join("added/more")).unwrap();
        fs::write(root.join("added/more/x"), "x").unwrap();
    }

    #[test]
    fn whatever_was_changed_is_as_it_was_and_a_second_time_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (root, copy) = (dir.path().join("root"), dir.path().join("kept"));
        fs::create_dir(&root).unwrap();
        tree(&root);
        let before = super::super::index(&root).unwrap();
        let pack = dir.path().join("pack");
        pack::write(&root, before.keys(), &pack).unwrap();
        let saved = dir.path().join("index");
        super::super::save(&before, &saved).unwrap();
        spoil(&root);
        let before = super::super::load(&saved).unwrap();
        for _ in 0..2 {
            let restore = Restore {
                root: &root,
                before: &before,
                pack: &pack,
                after: None,
                kept: &copy,
                scope: &|_| true,
            };
            assert_eq!(restore.run().unwrap(), Undone::default());
            let now = super::super::index(&root).unwrap();
            let unlike =
                super::super::differences((&root, &before), (&root, &now), |_| false).unwrap();
            assert_eq!(unlike, Vec::<PathBuf>::new());
        }
        assert_eq!(fs::read(root.join("etc/a")).unwrap(), b"old a");
        assert_eq!(fs::read(root.join("bin/other")).unwrap(), b"tool");
    }

    #[test]
    fn what_was_not_packed_is_named_and_not_called_restored() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("data"), "old").unwrap();
        let before = super::super::index(&root).unwrap();
        let pack = dir.path().join("pack");
        pack::write(&root, &[], &pack).unwrap();
        fs::write(root.join("data"), "new and longer").unwrap();
        let kept = dir.path().join("kept");
        let restore = Restore {
            root: &root,
            before: &before,
            pack: &pack,
            after: None,
            kept: &kept,
            scope: &|_| true,
        };
        assert_eq!(restore.run().unwrap().failed.len(), 1);
    }
}
