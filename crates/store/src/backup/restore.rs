//! The way back: everything is verified before anything is moved into place.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::Digest as _;
use spine::Digest;

use super::make::Hashed;
use super::{BackupError, Entry, MANIFEST, Manifest, TRAILER_BYTES, is_plain, trailer};
use crate::limits;

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// Files that were restored.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the backup was begun, milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// Where the folder that stood there before is now.
    pub moved_aside: Option<PathBuf>,
}

/// Restores an archive into a folder that is missing or empty. With `replace`, one that is not
/// empty is moved aside first, never deleted. Nothing may use the folder meanwhile.
///
/// The archive is unpacked beside the folder and compared with its manifest, and only then takes
/// its place by a rename; after any error the folder is as it was.
pub fn restore(
    archive: &Path,
    into_dir: &Path,
    replace: bool,
) -> Result<RestoreReport, BackupError> {
    let mut file = fs::File::open(archive).map_err(BackupError::at(archive))?;
    let body_bytes = check_trailer(archive, &mut file)?;
    let occupied = is_occupied(into_dir)?;
    if occupied && !replace {
        return Err(BackupError::NotEmpty(into_dir.to_path_buf()));
    }
    let (Some(name), Some(parent)) = (into_dir.file_name(), into_dir.parent()) else {
        return Err(BackupError::Path(into_dir.display().to_string()));
    };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    fs::create_dir_all(parent).map_err(BackupError::at(parent))?;
    let staging = parent.join(format!(".{}.restoring", name.to_string_lossy()));
    let result = unpack(archive, file.take(body_bytes), &staging).and_then(|report| {
        let moved_aside = take_place(&staging, into_dir, parent, occupied)?;
        Ok(RestoreReport { moved_aside, ..report })
    });
    if result.is_err() {
        // What is left over is removed by the next restore at the latest.
        let _ = fs::remove_dir_all(&staging);
    }
    result
}

/// Checks the hash at the end of the archive. Returns the bytes before it; the file stands at its
/// start again.
fn check_trailer(archive: &Path, file: &mut fs::File) -> Result<u64, BackupError> {
    let damaged = |reason: &str| BackupError::Damaged {
        path: archive.to_path_buf(),
        reason: reason.to_owned(),
    };
    let failed = || BackupError::at(archive);
    let total = file.metadata().map_err(failed())?.len();
    let body_bytes =
        total.checked_sub(TRAILER_BYTES as u64).ok_or_else(|| damaged("it is too short"))?;
    let mut body = Hashed::new(file.take(body_bytes));
    io::copy(&mut body, &mut io::sink()).map_err(failed())?;
    let expected = trailer(&body.hasher.finalize().into());
    let mut found = Vec::new();
    file.take(TRAILER_BYTES as u64).read_to_end(&mut found).map_err(failed())?;
    if found != expected {
        return Err(damaged("its bytes do not match the hash at its end"));
    }
    file.seek(SeekFrom::Start(0)).map_err(failed())?;
    Ok(body_bytes)
}

fn is_occupied(dir: &Path) -> Result<bool, BackupError> {
    match fs::symlink_metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Ok(data) if !data.is_dir() => return Ok(true),
        other => other.map_err(BackupError::at(dir))?,
    };
    let mut entries = fs::read_dir(dir).map_err(BackupError::at(dir))?;
    Ok(entries.next().is_some())
}

/// Unpacks into a folder of its own, and compares with the manifest.
fn unpack(archive: &Path, body: impl Read, staging: &Path) -> Result<RestoreReport, BackupError> {
    let damaged = |reason: String| BackupError::Damaged { path: archive.to_path_buf(), reason };
    match fs::remove_dir_all(staging) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(BackupError::Io { path: staging.to_path_buf(), source: error });
        }
        _ => {}
    }
    make_dir(staging).map_err(BackupError::at(staging))?;
    let unreadable = |error: io::Error| damaged(error.to_string());
    let decoder = zstd::stream::read::Decoder::new(body).map_err(unreadable)?.single_frame();
    let mut tar = tar::Archive::new(decoder);
    let mut unpacked = Unpacked { staging, files: BTreeMap::new(), bytes: 0, manifest: None };
    let mut long_name = None;
    for entry in tar.entries().map_err(unreadable)?.raw(true) {
        let mut entry = entry.map_err(unreadable)?;
        match entry.header().entry_type() {
            tar::EntryType::GNULongName => {
                long_name = Some(read_name(&mut entry).map_err(unreadable)?);
            }
            tar::EntryType::Regular => {
                let name = match long_name.take() {
                    Some(name) => name,
                    None => entry.path_bytes().into_owned(),
                };
                let name = String::from_utf8(name)
                    .map_err(|error| BackupError::Path(error.to_string()))?;
                unpacked.take(&name, &mut entry, &damaged)?;
            }
            _ => {
                let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                return Err(damaged(format!("`{name}` is not a plain file")));
            }
        }
    }
    unpacked.compare(&damaged)
}

fn read_name(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut name = Vec::new();
    entry.take(limits::BACKUP_PATH_BYTES_MAX + 2).read_to_end(&mut name)?;
    if name.last() == Some(&0) {
        name.pop();
    }
    Ok(name)
}

/// What was unpacked so far.
struct Unpacked<'a> {
    staging: &'a Path,
    files: BTreeMap<String, Entry>,
    bytes: u64,
    manifest: Option<Manifest>,
}

impl Unpacked<'_> {
    fn take(
        &mut self,
        name: &str,
        entry: &mut impl Read,
        damaged: &dyn Fn(String) -> BackupError,
    ) -> Result<(), BackupError> {
        if !is_plain(name) {
            return Err(BackupError::Path(name.chars().take(200).collect()));
        }
        if self.manifest.is_some() {
            return Err(damaged(format!("`{name}` comes after the manifest")));
        }
        if name == MANIFEST {
            let mut json = Vec::new();
            entry
                .take(limits::BACKUP_MANIFEST_BYTES_MAX)
                .read_to_end(&mut json)
                .map_err(|error| damaged(error.to_string()))?;
            let manifest = serde_json::from_slice(&json)
                .map_err(|error| damaged(format!("its manifest does not read: {error}")))?;
            self.manifest = Some(manifest);
            return Ok(());
        }
        if self.files.contains_key(name) {
            return Err(damaged(format!("`{name}` is there twice")));
        }
        if self.files.len() >= limits::BACKUP_FILES_MAX {
            let limit = limits::BACKUP_FILES_MAX as u64;
            return Err(BackupError::TooLarge { what: "files", limit });
        }
        let path = self.staging.join(name);
        let unpacked = self.write(&path, entry, damaged)?;
        self.bytes += unpacked.bytes;
        let sha256 = Digest(unpacked.hasher.finalize().into()).to_hex();
        let entry = Entry { path: name.to_owned(), size: unpacked.bytes, sha256 };
        self.files.insert(name.to_owned(), entry);
        Ok(())
    }

    fn write(
        &self,
        path: &Path,
        entry: &mut impl Read,
        damaged: &dyn Fn(String) -> BackupError,
    ) -> Result<Hashed<()>, BackupError> {
        let failed = || BackupError::at(path);
        if let Some(dir) = path.parent() {
            make_dir(dir).map_err(failed())?;
        }
        // A new file in a folder that only we fill: nothing there can be a link.
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed())?;
        let left = limits::BACKUP_BYTES_MAX.saturating_sub(self.bytes);
        let mut reader = Hashed::new(entry.take(left.saturating_add(1)));
        copy(&mut reader, &mut file, damaged).map_err(|error| match error {
            CopyError::Read(error) => error,
            CopyError::Write(error) => BackupError::at(path)(error),
        })?;
        if reader.bytes > left {
            let limit = limits::BACKUP_BYTES_MAX;
            return Err(BackupError::TooLarge { what: "bytes", limit });
        }
        file.sync_all().map_err(failed())?;
        Ok(reader.forget())
    }

    /// The files must be exactly those of the manifest.
    fn compare(
        mut self,
        damaged: &dyn Fn(String) -> BackupError,
    ) -> Result<RestoreReport, BackupError> {
        let Some(manifest) = self.manifest else {
            return Err(damaged("it has no manifest".to_owned()));
        };
        if manifest.schema != 1 {
            let schema = manifest.schema;
            return Err(damaged(format!(
                "its manifest has schema {schema}; this version knows schema 1"
            )));
        }
        let files = self.files.len() as u64;
        for entry in &manifest.files {
            if self.files.remove(&entry.path).as_ref() != Some(entry) {
                return Err(damaged(format!("`{}` is not what the manifest says", entry.path)));
            }
        }
        if let Some(name) = self.files.keys().next() {
            return Err(damaged(format!("`{name}` is not in the manifest")));
        }
        let created_ms = manifest.created_ms;
        Ok(RestoreReport { files, bytes: self.bytes, created_ms, moved_aside: None })
    }
}

/// Which side of a copy failed: the archive or the disk.
enum CopyError {
    Read(BackupError),
    Write(io::Error),
}

fn copy(
    from: &mut impl Read,
    to: &mut impl io::Write,
    damaged: &dyn Fn(String) -> BackupError,
) -> Result<(), CopyError> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count =
            from.read(&mut buffer).map_err(|error| CopyError::Read(damaged(error.to_string())))?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(buffer.get(..count).unwrap_or_default()).map_err(CopyError::Write)?;
    }
}

fn make_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).recursive(true).create(path)
}

/// Puts what was unpacked in the place of the folder. Returns where the folder before it is now.
fn take_place(
    staging: &Path,
    into_dir: &Path,
    parent: &Path,
    occupied: bool,
) -> Result<Option<PathBuf>, BackupError> {
    sync_dirs(staging, 0).map_err(BackupError::at(staging))?;
    let aside = occupied.then(|| free_name(into_dir)).transpose()?;
    if let Some(aside) = &aside {
        fs::rename(into_dir, aside).map_err(BackupError::at(into_dir))?;
    }
    if let Err(error) = fs::rename(staging, into_dir) {
        if let Some(aside) = &aside {
            fs::rename(aside, into_dir).map_err(BackupError::at(aside))?;
        }
        return Err(BackupError::Io { path: into_dir.to_path_buf(), source: error });
    }
    fs::File::open(parent).and_then(|dir| dir.sync_all()).map_err(BackupError::at(parent))?;
    Ok(aside)
}

fn free_name(into_dir: &Path) -> Result<PathBuf, BackupError> {
    let name = into_dir.file_name().unwrap_or_default().to_string_lossy();
    (1..=limits::RESTORE_ASIDE_MAX)
        .map(|n| into_dir.with_file_name(format!("{name}.before-restore-{n}")))
        .find(|path| fs::symlink_metadata(path).is_err())
        .ok_or(BackupError::TooLarge {
            what: "folders that earlier restores moved aside",
            limit: u64::from(limits::RESTORE_ASIDE_MAX),
        })
}

fn sync_dirs(dir: &Path, depth: usize) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && depth < limits::BACKUP_DEPTH_MAX {
            sync_dirs(&entry.path(), depth + 1)?;
        }
    }
    fs::File::open(dir)?.sync_all()
}
