//! A disk in memory that behaves as badly as real ones do.
//!
//! It is honest about durability: what [`Files`] promises to be durable survives
//! [`FaultFiles::crash`], and nothing else is promised to. Every primitive (a write, a sync, a
//! rename, a sync of a folder) is one *step*; power can be cut after any number of steps, in the
//! middle of a write too.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use durable::{AppendFile, Files};

use crate::disk::{Disk, InodeId};
use crate::rng::SeededRng;

/// What goes wrong, and how often. Rates are per 1,000 steps of their kind.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Seeds all randomness of the disk.
    pub seed: u64,
    /// Writes that put only a part of the bytes down and then fail with EIO.
    pub torn_write: u16,
    /// Writes that fail with EIO and put nothing down.
    pub eio_write: u16,
    /// Syncs that fail with EIO; the bytes stay readable, and no later sync brings them to the
    /// medium.
    pub eio_sync: u16,
    /// Reads that fail with EIO.
    pub eio_read: u16,
    /// Bytes that fit on the disk; a write past it puts down what fits and fails with ENOSPC.
    pub capacity: Option<u64>,
    /// The disk takes no write and no cut at all (a file system remounted read-only: EROFS).
    pub read_only: bool,
    /// Power is cut at this step, counted from the start of this disk: it is half done, and
    /// everything after it fails until [`FaultFiles::crash`].
    pub power_off_at: Option<u64>,
}

impl Faults {
    /// A disk that does what it promises.
    pub fn none(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }
}

struct State {
    disk: Disk,
    faults: Faults,
    rng: SeededRng,
    steps: u64,
    off: bool,
}

/// A view of a disk in memory. Clones share the disk.
#[derive(Clone)]
pub struct FaultFiles(Arc<Mutex<State>>);

struct FaultAppend {
    state: Arc<Mutex<State>>,
    inode: InodeId,
}

/// What to do at a step.
enum Step {
    Go,
    /// Power goes off during this step.
    Last,
}

impl FaultFiles {
    /// An empty disk.
    pub fn new(faults: Faults) -> Self {
        Self::with_disk(Disk::default(), faults)
    }

    fn with_disk(disk: Disk, faults: Faults) -> Self {
        let rng = SeededRng::new(faults.seed);
        Self(Arc::new(Mutex::new(State { disk, faults, rng, steps: 0, off: false })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }

    /// Changes what goes wrong from now on; the randomness goes on where it was.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Steps done so far; the bound for [`Faults::power_off_at`].
    pub fn steps(&self) -> u64 {
        self.state().steps
    }

    /// Whether [`Faults::power_off_at`] was reached.
    pub fn is_off(&self) -> bool {
        self.state().off
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.state().disk.used()
    }

    /// Cuts the power and starts the machine again: every unsynced suffix, creation and rename is
    /// lost or kept in part, by the seed. This view and its open files fail from now on; the
    /// returned one is the disk after the restart.
    #[must_use = "the disk after the restart is the returned one"]
    pub fn crash(&self, then: Faults) -> FaultFiles {
        let mut state = self.state();
        state.off = true;
        let disk = std::mem::take(&mut state.disk).after_power_loss(&state.rng);
        Self::with_disk(disk, then)
    }

    /// Paths of all files, sorted.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state().disk.names.keys().cloned().collect()
    }

    /// Puts a file on the disk, without faults: for tampering with what is there.
    pub fn plant(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        let id = state.disk.new_inode();
        if let Some(inode) = state.disk.inodes.get_mut(&id) {
            inode.seen = bytes.to_vec();
            inode.sync();
        }
        state.disk.link(path, id);
        if let Some(dir) = path.parent() {
            state.disk.sync_dir(dir);
        }
    }
}

impl State {
    fn step(&mut self) -> io::Result<Step> {
        if self.off {
            return Err(io::Error::other("the power is off"));
        }
        self.steps += 1;
        if self.faults.power_off_at.is_some_and(|at| self.steps >= at) {
            self.off = true;
            return Ok(Step::Last);
        }
        Ok(Step::Go)
    }

    /// One step that is either done whole or, at power-off, done or not.
    fn whole_step(&mut self, doit: impl FnOnce(&mut Disk)) -> io::Result<()> {
        let step = self.step()?;
        if matches!(step, Step::Go) || self.rng.chance(500) {
            doit(&mut self.disk);
        }
        self.still_on()
    }

    /// Takes a name out of its folder; whether it was there. The folder is not synced.
    fn unlink(&mut self, path: &Path) -> io::Result<bool> {
        self.still_on()?;
        if !self.disk.names.contains_key(path) {
            return Ok(false);
        }
        if self.faults.read_only {
            return Err(read_only());
        }
        self.whole_step(|disk| disk.unlink(path))?;
        Ok(true)
    }

    fn still_on(&self) -> io::Result<()> {
        if self.off { Err(io::Error::other("the power went off")) } else { Ok(()) }
    }

    fn write(&mut self, inode: InodeId, bytes: &[u8]) -> io::Result<()> {
        let step = self.step()?;
        if self.faults.read_only {
            return Err(read_only());
        }
        let fits = match self.faults.capacity {
            Some(capacity) => capacity.saturating_sub(self.disk.used()),
            None => u64::MAX,
        };
        let fits = usize::try_from(fits).unwrap_or(usize::MAX).min(bytes.len());
        let torn = self.rng.chance(self.faults.torn_write);
        let (put, result) = if matches!(step, Step::Last) {
            (self.rng.index(fits + 1), self.still_on())
        } else if torn {
            (self.rng.index(fits + 1), Err(eio()))
        } else if self.rng.chance(self.faults.eio_write) {
            (0, Err(eio()))
        } else if fits < bytes.len() {
            (fits, Err(io::Error::from_raw_os_error(28)))
        } else {
            (bytes.len(), Ok(()))
        };
        if let Some(inode) = self.disk.inodes.get_mut(&inode) {
            inode.seen.extend_from_slice(&bytes[..put]);
        }
        result
    }

    fn sync(&mut self, inode: InodeId) -> io::Result<()> {
        let step = self.step()?;
        let fails = self.rng.chance(self.faults.eio_sync);
        let done = matches!(step, Step::Go) || self.rng.chance(500);
        if let Some(inode) = self.disk.inodes.get_mut(&inode) {
            if fails {
                inode.lose_unsynced();
            } else if done {
                inode.sync();
            }
        }
        self.still_on()?;
        if fails { Err(eio()) } else { Ok(()) }
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        if self.rng.chance(self.faults.eio_sync) {
            return Err(eio());
        }
        self.whole_step(|disk| disk.sync_dir(dir))
    }

    fn make_file(&mut self, path: &Path) -> io::Result<InodeId> {
        if self.faults.read_only {
            return Err(read_only());
        }
        self.needs_dir(path)?;
        let id = self.disk.new_inode();
        self.whole_step(|disk| disk.link(path, id))?;
        Ok(id)
    }

    fn needs_dir(&self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(dir) if dir.components().count() > 1 && !self.disk.dirs.contains(dir) => {
                Err(io::Error::from(io::ErrorKind::NotFound))
            }
            _ => Ok(()),
        }
    }

    fn replace(&mut self, path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
        let id = self.make_file(temporary)?;
        self.write(id, bytes)?;
        self.sync(id)?;
        self.whole_step(|disk| {
            disk.link(path, id);
            disk.unlink(temporary);
        })?;
        self.sync_dir(parent(path))
    }
}

impl AppendFile for FaultAppend {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        lock(&self.state).write(self.inode, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        lock(&self.state).sync(self.inode)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut state = lock(&self.state);
        if state.faults.read_only {
            return Err(read_only());
        }
        let id = self.inode;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        state.whole_step(|disk| {
            if let Some(inode) = disk.inodes.get_mut(&id) {
                inode.truncate(len);
            }
        })?;
        state.sync(id)
    }
}

impl Files for FaultFiles {
    fn open_append(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        let mut state = self.state();
        let known = state.disk.names.get(path).copied();
        let inode = match known {
            Some(_) if state.faults.read_only => return Err(read_only()),
            Some(inode) => {
                state.still_on()?;
                inode
            }
            None => {
                let inode = state.make_file(path)?;
                state.sync(inode)?;
                state.sync_dir(parent(path))?;
                inode
            }
        };
        Ok(Box::new(FaultAppend { state: Arc::clone(&self.0), inode }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state();
        state.still_on()?;
        if state.rng.chance(state.faults.eio_read) {
            return Err(eio());
        }
        let inode = state.disk.names.get(path).and_then(|id| state.disk.inodes.get(id));
        inode.map(|i| i.seen.clone()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".tmp");
        let temporary = path.with_file_name(name);
        let result = state.replace(path, &temporary, bytes);
        if result.is_err() && !state.off && state.disk.names.contains_key(&temporary) {
            let _ = state.whole_step(|disk| disk.unlink(&temporary));
        }
        result
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.unlink(path)? { state.sync_dir(parent(path)) } else { Ok(()) }
    }

    fn forget(&self, path: &Path) -> io::Result<()> {
        self.state().unlink(path).map(drop)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.still_on()?;
        let mut missing: Vec<PathBuf> = path
            .ancestors()
            .filter(|dir| dir.components().count() > 1 && !state.disk.dirs.contains(*dir))
            .map(Path::to_path_buf)
            .collect();
        if !missing.is_empty() && state.faults.read_only {
            return Err(read_only());
        }
        while let Some(dir) = missing.pop() {
            state.whole_step(|disk| disk.make_dir(&dir))?;
            state.sync_dir(parent(&dir))?;
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        state.still_on()?;
        if state.rng.chance(state.faults.eio_read) {
            return Err(eio());
        }
        let mut names: Vec<String> = state
            .disk
            .names
            .keys()
            .chain(&state.disk.dirs)
            .filter(|path| path.parent() == Some(dir))
            .filter_map(|path| path.file_name().map(|n| n.to_string_lossy().into_owned()))
            .collect();
        names.sort_unstable();
        Ok(names)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(5)
}

fn read_only() -> io::Error {
    io::Error::from_raw_os_error(30)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> PathBuf {
        Path::new("/log").join(name)
    }

    fn fresh(faults: Faults) -> FaultFiles {
        let files = FaultFiles::new(Faults::none(faults.seed));
        files.create_dir_all(Path::new("/log")).unwrap();
        files.set_faults(faults);
        files
    }

    #[test]
    fn what_was_synced_survives_and_what_was_not_is_lost_in_part_sometimes() {
        let mut lengths = std::collections::BTreeSet::new();
        for seed in 0..100 {
            let files = fresh(Faults::none(seed));
            let mut file = files.open_append(&path("a")).unwrap();
            file.append(b"synced").unwrap();
            file.sync().unwrap();
            file.append(b"not synced").unwrap();
            let after = files.crash(Faults::none(seed)).read(&path("a")).unwrap();
            assert!(after.starts_with(b"synced"));
            lengths.insert(after.len());
            file.append(b"x").unwrap_err();
        }
        assert!(lengths.contains(&6) && lengths.contains(&16) && lengths.len() > 5, "{lengths:?}");
    }

    #[test]
    fn an_atomic_write_that_returned_is_durable_and_one_that_did_not_is_old_or_new() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..50 {
            for power_off_at in 1..12 {
                let files = fresh(Faults::none(seed));
                files.write_atomic(&path("a"), b"old").unwrap();
                let power_off_at = Some(files.steps() + power_off_at);
                files.set_faults(Faults { power_off_at, ..Faults::none(seed) });
                let result = files.write_atomic(&path("a"), b"new");
                let after = files.crash(Faults::none(seed)).read(&path("a")).unwrap();
                assert!(after == b"old" || after == b"new");
                if result.is_ok() {
                    assert_eq!(after, b"new");
                }
                seen.insert((result.is_ok(), after));
            }
        }
        assert_eq!(seen.len(), 3, "all three endings are reached");
    }

    #[test]
    fn a_failed_sync_loses_the_bytes_even_if_a_later_sync_succeeds() {
        let files = fresh(Faults::none(1));
        let mut file = files.open_append(&path("a")).unwrap();
        file.append(b"one").unwrap();
        files.set_faults(Faults { eio_sync: 1_000, ..Faults::none(1) });
        file.sync().unwrap_err();
        files.set_faults(Faults::none(1));
        assert_eq!(files.read(&path("a")).unwrap(), b"one", "the page cache still shows it");
        file.append(b"two").unwrap();
        file.sync().unwrap();
        let after = files.crash(Faults::none(1)).read(&path("a")).unwrap();
        assert_eq!(after, b"\0\0\0two");
    }

    #[test]
    fn a_full_disk_takes_what_fits_and_removing_makes_room() {
        let files = fresh(Faults { capacity: Some(10), ..Faults::none(1) });
        files.write_atomic(&path("reserve"), &[1; 6]).unwrap();
        let mut file = files.open_append(&path("a")).unwrap();
        let error = file.append(b"123456").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        file.truncate(0).unwrap();
        files.remove(&path("reserve")).unwrap();
        file.append(b"123456").unwrap();
        assert_eq!(files.used(), 6);
    }

    #[test]
    fn rates_are_honoured_and_a_missing_folder_is_an_error() {
        let files = fresh(Faults { eio_read: 1_000, ..Faults::none(1) });
        files.write_atomic(&path("a"), b"x").unwrap();
        files.read(&path("a")).unwrap_err();
        files.write_atomic(Path::new("/none/a"), b"x").unwrap_err();
        files.set_faults(Faults { read_only: true, ..Faults::none(1) });
        files.write_atomic(&path("b"), b"x").unwrap_err();
        assert_eq!(files.list(Path::new("/log")).unwrap(), ["a"]);
    }
}
