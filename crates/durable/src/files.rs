//! The one door to the disk.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A file that only grows, opened for appending.
pub trait AppendFile: Send {
    /// Appends all bytes. After an error an unknown part of them may be in the file.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything appended so far durable. After an error nothing may be assumed of what
    /// was appended since the last good sync (the kernel may have dropped it).
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `len` bytes, durably.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// What durable code needs of a file system. [`StdFiles`] is the real one; the test kit has one
/// that tears writes, loses what was not synced, and runs out of space.
pub trait Files: Send + Sync {
    /// Opens a file for appending, making it (durably) if it is not there.
    fn open_append(&self, path: &Path) -> io::Result<Box<dyn AppendFile>>;
    /// The whole file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Replaces a file whole and durably: a reader sees the old bytes or the new ones, and after
    /// success the new ones survive a crash. File mode 0600.
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Removes a file, durably. Not an error if it is not there.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a file that nobody needs any more, without waiting for the disk: after a crash it
    /// may be there again. Not an error if it is not there.
    fn forget(&self, path: &Path) -> io::Result<()> {
        self.remove(path)
    }
    /// Makes a folder and its parents, mode 0700, durably.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Names of the entries of a folder, sorted. An empty list if the folder is not there.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Bytes of a file.
    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(self.read(path)?.len() as u64)
    }
    /// Gives a file of the same folder another name, durably, replacing what has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.write_atomic(to, &self.read(from)?)?;
        self.remove(from)
    }
    /// Takes the lock file at `path` for this process, making it if it is not there. The error
    /// kind is [`io::ErrorKind::WouldBlock`] while another holder lives. A layer without locks
    /// gives one that holds nothing.
    fn lock(&self, _path: &Path) -> io::Result<FileLock> {
        Ok(FileLock(None))
    }
}

/// A lock that is free again when this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct FileLock(Option<fs::File>);

impl Drop for FileLock {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // Closing is not enough: a child that was just forked holds the file until it execs.
            let _ = file.unlock();
        }
    }
}

/// The file system of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct StdFiles;

struct StdAppend(fs::File);

impl AppendFile for StdAppend {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)?;
        self.0.sync_all()
    }
}

impl Files for StdFiles {
    fn open_append(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let new = !path.exists();
        let file = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        if new {
            file.sync_all()?;
            sync_dir(parent(path))?;
        }
        Ok(Box::new(StdAppend(file)))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let temporary = temporary_beside(path);
        let result = (|| {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, path)?;
            sync_dir(parent(path))
        })();
        if result.is_err() {
            // The old file still stands; a leftover must not fill a full disk further.
            let _ = fs::remove_file(&temporary);
        }
        result
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Ok(()) => sync_dir(parent(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn forget(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        if path.is_dir() {
            return Ok(());
        }
        if let Some(above) = path.parent() {
            self.create_dir_all(above)?;
        }
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => sync_dir(parent(path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        sync_dir(parent(to))
    }

    fn lock(&self, path: &Path) -> io::Result<FileLock> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let file = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        file.try_lock()?;
        Ok(FileLock(Some(file)))
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".tmp");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_atomic_write_replaces_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/file");
        StdFiles.create_dir_all(path.parent().unwrap()).unwrap();
        StdFiles.write_atomic(&path, b"one").unwrap();
        StdFiles.write_atomic(&path, b"two").unwrap();
        assert_eq!(StdFiles.read(&path).unwrap(), b"two");
        assert_eq!(StdFiles.list(path.parent().unwrap()).unwrap(), ["file"]);
    }

    #[test]
    fn a_missing_folder_lists_as_empty_and_a_missing_file_is_removed_without_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(StdFiles.list(&dir.path().join("none")).unwrap().is_empty());
        StdFiles.remove(&dir.path().join("none")).unwrap();
        StdFiles.forget(&dir.path().join("none")).unwrap();
        StdFiles.write_atomic(&dir.path().join("file"), b"x").unwrap();
        StdFiles.forget(&dir.path().join("file")).unwrap();
        assert!(StdFiles.list(dir.path()).unwrap().is_empty());
    }

    #[test]
    fn a_lock_has_one_holder_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = StdFiles.lock(&path).unwrap();
        assert_eq!(StdFiles.lock(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(held);
        StdFiles.lock(&path).unwrap();
    }

    #[test]
    fn a_renamed_file_replaces_the_one_that_had_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        StdFiles.write_atomic(&from, b"new").unwrap();
        StdFiles.write_atomic(&to, b"older").unwrap();
        StdFiles.rename(&from, &to).unwrap();
        assert_eq!(StdFiles.read(&to).unwrap(), b"new");
        assert_eq!(StdFiles.len(&to).unwrap(), 3);
        assert_eq!(StdFiles.list(dir.path()).unwrap(), ["to"]);
    }
}
