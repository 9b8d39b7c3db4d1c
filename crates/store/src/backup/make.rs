//! Making a backup of a data folder that is in use.
//!
//! A file with the header of an SQLite database is copied through SQLite, as of one moment. Every
//! other file is copied as it is: the files of the event log and of the ledger only grow or are
//! replaced whole. What was gone before it was read (a segment that was sealed meanwhile) has its
//! content in a file that a later pass finds.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};
use spine::{Digest, canonical_json};

use super::{BackupError, Entry, MANIFEST, Manifest, is_plain, trailer};
use crate::database::DatabaseError;
use crate::limits;

const ZSTD_LEVEL: i32 = 3;
const SQLITE_HEADER: &[u8] = b"SQLite format 3\0";
const SQLITE_BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of the archive.
    pub archive_bytes: u64,
    /// SHA-256 of the archive.
    pub sha256: Digest,
    /// What was left out because it is neither a file nor a folder: links, sockets.
    pub left_out: Vec<String>,
}

/// Backs up parts of a data folder into a new archive (mode 0600). `include` names files and
/// folders below it with `/` between the parts; one that is not there is left out without an
/// error. `now_ms` is the time, milliseconds since the Unix epoch.
pub fn backup(
    data_dir: &Path,
    include: &[&str],
    out: &Path,
    now_ms: i64,
) -> Result<BackupReport, BackupError> {
    if let Some(bad) = include.iter().find(|path| !is_plain(path) || **path == MANIFEST) {
        return Err(BackupError::Path((*bad).to_owned()));
    }
    if out.exists() {
        return Err(BackupError::Exists(out.to_path_buf()));
    }
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let dir = match out.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    check_outside(data_dir, include, dir, out)?;
    let work = Work::new(dir.join(format!(".{name}.backing-up")))?;
    let partial = work.0.join("archive");
    let file = open_new(&partial)?;
    let failed = || BackupError::at(&partial);
    let encoder = zstd::stream::write::Encoder::new(Hashed::new(file), ZSTD_LEVEL)
        .and_then(|mut encoder| encoder.include_checksum(true).map(|()| encoder))
        .map_err(failed())?;
    let mut archive = Archive {
        data_dir,
        work: &work.0,
        tar: tar::Builder::new(encoder),
        manifest: Manifest { schema: 1, created_ms: now_ms, files: Vec::new() },
        done: BTreeSet::new(),
        left_out: BTreeSet::new(),
        bytes: 0,
    };
    archive.add_all(include)?;
    let (hashed, files, bytes, left_out) = archive.finish().map_err(failed())?;
    let Hashed { mut inner, hasher, .. } = hashed;
    let tail = trailer(&hasher.clone().finalize().into());
    inner.write_all(&tail).and_then(|()| inner.sync_all()).map_err(failed())?;
    let archive_bytes = inner.metadata().map_err(failed())?.len();
    let sha256 = Digest(hasher.chain_update(&tail).finalize().into());
    publish(&partial, out)?;
    drop(work);
    fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(BackupError::at(dir))?;
    Ok(BackupReport { files, bytes, archive_bytes, sha256, left_out })
}

/// Gives the finished archive its name. A hard link fails where a rename would replace an archive
/// that came meanwhile; file systems of memory sticks have no hard links.
fn publish(partial: &Path, out: &Path) -> Result<(), BackupError> {
    match fs::hard_link(partial, out) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(BackupError::Exists(out.to_path_buf()))
        }
        Err(_) => fs::rename(partial, out).map_err(BackupError::at(out)),
    }
}

fn check_outside(
    data_dir: &Path,
    include: &[&str],
    dir: &Path,
    out: &Path,
) -> Result<(), BackupError> {
    let dir = dir.canonicalize().map_err(BackupError::at(dir))?;
    let data_dir = data_dir.canonicalize().map_err(BackupError::at(data_dir))?;
    if include.iter().any(|part| dir.starts_with(data_dir.join(part))) {
        return Err(BackupError::Inside(out.to_path_buf()));
    }
    Ok(())
}

struct Archive<'a> {
    data_dir: &'a Path,
    work: &'a Path,
    tar: tar::Builder<zstd::stream::write::Encoder<'static, Hashed<fs::File>>>,
    manifest: Manifest,
    done: BTreeSet<String>,
    left_out: BTreeSet<String>,
    bytes: u64,
}

impl Archive<'_> {
    fn add_all(&mut self, include: &[&str]) -> Result<(), BackupError> {
        for _ in 0..limits::BACKUP_PASSES_MAX {
            let mut gone = false;
            for part in include {
                let mut files = Vec::new();
                self.walk(part, 0, &mut files)?;
                for path in files {
                    gone |= !self.add(&path)?;
                }
            }
            if !gone {
                return Ok(());
            }
        }
        Err(BackupError::Changed(self.data_dir.display().to_string()))
    }

    /// Lists the files below a path that are not in the archive yet, sorted.
    fn walk(
        &mut self,
        path: &str,
        depth: usize,
        files: &mut Vec<String>,
    ) -> Result<(), BackupError> {
        let full = self.data_dir.join(path);
        let kind = match fs::symlink_metadata(&full) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(BackupError::at(&full))?.file_type(),
        };
        if kind.is_file() {
            if !self.done.contains(path) {
                files.push(path.to_owned());
            }
            return Ok(());
        }
        if !kind.is_dir() {
            self.left_out.insert(path.to_owned());
            return Ok(());
        }
        if depth >= limits::BACKUP_DEPTH_MAX {
            let limit = limits::BACKUP_DEPTH_MAX as u64;
            return Err(BackupError::TooLarge { what: "folders within folders", limit });
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&full).map_err(BackupError::at(&full))? {
            let name = entry.map_err(BackupError::at(&full))?.file_name();
            match name.into_string() {
                Ok(name) => names.push(name),
                Err(name) => {
                    self.left_out.insert(format!("{path}/{}", name.display()));
                }
            }
        }
        names.sort_unstable();
        for name in names {
            self.walk(&format!("{path}/{name}"), depth + 1, files)?;
        }
        Ok(())
    }

    /// Adds a file. Returns false if it is gone.
    fn add(&mut self, path: &str) -> Result<bool, BackupError> {
        let full = self.data_dir.join(path);
        if belongs_to_database(&full) {
            self.done.insert(path.to_owned());
            return Ok(true);
        }
        let mut file = match fs::File::open(&full) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other.map_err(BackupError::at(&full))?,
        };
        if is_database(&full) {
            let copy = self.work.join("database");
            copy_database(&full, &copy)
                .map_err(|source| BackupError::Database { path: full.clone(), source })?;
            file = fs::File::open(&copy).map_err(BackupError::at(&copy))?;
            fs::remove_file(&copy).map_err(BackupError::at(&copy))?;
        }
        let size = file.metadata().map_err(BackupError::at(&full))?.len();
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > limits::BACKUP_BYTES_MAX {
            let limit = limits::BACKUP_BYTES_MAX;
            return Err(BackupError::TooLarge { what: "bytes", limit });
        }
        if self.manifest.files.len() >= limits::BACKUP_FILES_MAX {
            let limit = limits::BACKUP_FILES_MAX as u64;
            return Err(BackupError::TooLarge { what: "files", limit });
        }
        // A file that grows is taken as long as it was.
        let mut reader = Hashed::new(file.take(size));
        self.tar
            .append_data(&mut header(size), path, &mut reader)
            .map_err(BackupError::at(&full))?;
        if reader.bytes != size {
            return Err(BackupError::Changed(path.to_owned()));
        }
        let sha256 = Digest(reader.hasher.finalize().into()).to_hex();
        self.manifest.files.push(Entry { path: path.to_owned(), size, sha256 });
        self.done.insert(path.to_owned());
        Ok(true)
    }

    fn finish(mut self) -> io::Result<(Hashed<fs::File>, u64, u64, Vec<String>)> {
        let json = canonical_json(&self.manifest).map_err(io::Error::other)?;
        self.tar.append_data(&mut header(json.len() as u64), MANIFEST, json.as_slice())?;
        let hashed = self.tar.into_inner()?.finish()?;
        let left_out = self.left_out.into_iter().collect();
        Ok((hashed, self.manifest.files.len() as u64, self.bytes, left_out))
    }
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(0);
    header
}

fn is_database(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = fs::File::open(path)
        .and_then(|file| file.take(SQLITE_HEADER.len() as u64).read_to_end(&mut head));
    read.is_ok() && head == SQLITE_HEADER
}

/// Whether a file is the log or the shared memory of a database beside it, whose content the copy
/// of the database has.
fn belongs_to_database(path: &Path) -> bool {
    let Some(path) = path.to_str() else { return false };
    SQLITE_BESIDE
        .iter()
        .filter_map(|suffix| path.strip_suffix(suffix))
        .any(|database| is_database(Path::new(database)))
}

/// Copies a database as of one moment, while others write to it.
fn copy_database(from: &Path, to: &Path) -> Result<(), DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags)?;
    source.busy_timeout(limits::SQLITE_BUSY_TIMEOUT)?;
    let mut target = Connection::open(to)?;
    // All pages in one step: readers do not hold up writers, and nothing has to start again.
    match Backup::new(&source, &mut target)?.step(-1)? {
        StepResult::Done => {}
        _ => return Err(DatabaseError::Busy),
    }
    target.close().map_err(|(_, error)| error.into())
}

fn open_new(path: &Path) -> Result<fs::File, BackupError> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(BackupError::at(path))
}

/// A private folder that goes away again.
struct Work(PathBuf);

impl Work {
    fn new(path: PathBuf) -> Result<Self, BackupError> {
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(BackupError::Io { path, source: error });
            }
            _ => {}
        }
        fs::DirBuilder::new().mode(0o700).create(&path).map_err(BackupError::at(&path))?;
        Ok(Self(path))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Hashes what is read or written through it.
pub(super) struct Hashed<T> {
    inner: T,
    pub(super) hasher: Sha256,
    pub(super) bytes: u64,
}

impl<T> Hashed<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, hasher: Sha256::new(), bytes: 0 }
    }

    /// What was seen, without what it was seen through.
    pub(super) fn forget(self) -> Hashed<()> {
        Hashed { inner: (), hasher: self.hasher, bytes: self.bytes }
    }

    fn saw(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<T: Read> Read for Hashed<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.saw(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl<T: Write> Write for Hashed<T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.saw(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
