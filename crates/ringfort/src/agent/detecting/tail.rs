//! Log files of this host, followed while they grow: what is new of each, whole lines only, through
//! file rotations and restarts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sources::log::open::sniff;
use sources::log::{Context, LogSource, Record};

/// Files that are followed at most.
const FILES_MAX: usize = 64;
/// Folders inside one another that are looked into.
const DEPTH_MAX: usize = 3;
/// Entries of folders that are looked at, all together.
const ENTRIES_MAX: usize = 4_096;
/// Bytes that are taken of one file at once.
const CHUNK_BYTES_MAX: u64 = 4 << 20;
/// Bytes of a file's beginning by which its source is told.
const HEAD_BYTES: u64 = 64 << 10;
/// Bytes at the end of a file that is met for the first time: its recent past.
const PAST_BYTES_MAX: u64 = 4 << 20;
/// Endings of files that do not grow.
const AT_REST: [&str; 8] = [".gz", ".xz", ".zst", ".bz2", ".zip", ".journal", ".old", ".db"];

/// How far a file was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file's number on its device: another one under the same name is another file.
    pub inode: u64,
    /// Bytes that were read.
    pub offset: u64,
}

/// Files that are followed, and how far each was read.
#[derive(Debug, Default)]
pub struct Tail {
    places: BTreeMap<PathBuf, Place>,
    files: Vec<Followed>,
    /// Records that could not be read.
    pub bad: u64,
}

#[derive(Debug)]
struct Followed {
    path: PathBuf,
    source: &'static LogSource,
}

/// Takes a record with its source.
pub type Sink<'a> = dyn FnMut(&'static str, Record) -> io::Result<()> + 'a;

impl Tail {
    /// Goes on where an earlier run ended.
    pub fn resume(places: BTreeMap<PathBuf, Place>) -> Self {
        Self { places, ..Self::default() }
    }

    /// How far each file was read.
    pub fn places(&self) -> &BTreeMap<PathBuf, Place> {
        &self.places
    }

    /// The names of the sources that are followed.
    pub fn sources(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.files.iter().map(|file| file.source.name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Looks for logs below some folders, `left_out` sources apart.
    pub fn look(&mut self, folders: &[PathBuf], left_out: &[&str]) {
        let mut paths = Vec::new();
        let mut entries = 0;
        for folder in folders {
            collect(folder, 0, &mut entries, &mut paths);
        }
        paths.sort();
        self.files.clear();
        for path in paths {
            if self.files.len() >= FILES_MAX {
                break;
            }
            let Some(source) = source_of(&path) else { continue };
            if !left_out.contains(&source.name) {
                self.files.push(Followed { path, source });
            }
        }
    }

    /// Hands over what is new. Whether anything was, is returned.
    pub fn poll(&mut self, host: &str, sink: &mut Sink<'_>) -> io::Result<bool> {
        let mut any = false;
        for file in &self.files {
            // A file that cannot be read now may be there again at the next look.
            let Ok(Some((bytes, place))) = fresh(&file.path, self.places.get(&file.path)) else {
                continue;
            };
            any |= !bytes.is_empty();
            self.places.insert(file.path.clone(), place);
            self.bad += read(file, host, &bytes, sink)?;
        }
        Ok(any)
    }
}

/// Reads whole lines by their source; how many records were bad is returned.
fn read(file: &Followed, host: &str, bytes: &[u8], sink: &mut Sink<'_>) -> io::Result<u64> {
    if bytes.is_empty() {
        return Ok(0);
    }
    let name = file.path.display().to_string();
    let now = std::fs::metadata(&file.path).map_or(0, |meta| meta.mtime().saturating_mul(1_000));
    let context = Context { file: &name, host, modified_ms: now, utc_offset_s: 0 };
    let mut broken = Ok(());
    let mut each = |record: Record| {
        broken = sink(file.source.name, record);
        if broken.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let mut input = bytes;
    let counts = (file.source.read)(&mut input, &context, &mut each);
    broken?;
    Ok(counts.map_or(1, |counts| counts.bad))
}

/// New bytes of a file up to its last line end, and the place after them.
fn fresh(path: &Path, known: Option<&Place>) -> io::Result<Option<(Vec<u8>, Place)>> {
    let mut file = File::open(path)?;
    let meta = file.metadata()?;
    let same = known.filter(|place| place.inode == meta.ino() && place.offset <= meta.len());
    let (offset, begins_within) = match (same, known) {
        (Some(place), _) => (place.offset, false),
        // It was rotated, or cut: the new one is read from its beginning.
        (None, Some(_)) => (0, false),
        (None, None) => {
            let offset = meta.len().saturating_sub(PAST_BYTES_MAX);
            (offset, offset > 0)
        }
    };
    if offset >= meta.len() && same.is_some() {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(CHUNK_BYTES_MAX).read_to_end(&mut bytes)?;
    let end = match bytes.iter().rposition(|byte| *byte == b'\n') {
        Some(last) => last + 1,
        // A line that is longer than all that is taken at once is given up.
        None if bytes.len() as u64 >= CHUNK_BYTES_MAX => bytes.len(),
        None => 0,
    };
    bytes.truncate(end);
    let place = Place { inode: meta.ino(), offset: offset + end as u64 };
    if begins_within && let Some(first) = bytes.iter().position(|byte| *byte == b'\n') {
        bytes.drain(..=first);
    }
    Ok(Some((bytes, place)))
}

fn source_of(path: &Path) -> Option<&'static LogSource> {
    let file = File::open(path).ok()?;
    let len = file.metadata().ok()?.len();
    let mut head = Vec::new();
    file.take(HEAD_BYTES).read_to_end(&mut head).ok()?;
    sniff(&path.display().to_string(), &head, len <= HEAD_BYTES)
}

/// Collects files that may grow; links are not followed.
fn collect(folder: &Path, depth: usize, entries: &mut usize, found: &mut Vec<PathBuf>) {
    let Ok(listed) = std::fs::read_dir(folder) else { return };
    for entry in listed.filter_map(Result::ok) {
        *entries += 1;
        if *entries > ENTRIES_MAX {
            return;
        }
        let Ok(kind) = entry.file_type() else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        if kind.is_dir() && depth + 1 < DEPTH_MAX {
            collect(&entry.path(), depth + 1, entries, found);
        } else if kind.is_file() && grows(&name) {
            found.push(entry.path());
        }
    }
}

fn grows(name: &str) -> bool {
    let rotated = name.rsplit_once('.').is_some_and(|(_, ending)| {
        !ending.is_empty() && ending.chars().all(|c| c.is_ascii_digit())
    });
    !rotated && !AT_REST.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn line(second: u32) -> String {
        format!("2026-03-01T08:00:{second:02}+00:00 desk sshd[7]: Connection closed by 192.0.2.1\n")
    }

    fn poll(tail: &mut Tail) -> Vec<i64> {
        let mut seen = Vec::new();
        tail.poll("desk", &mut |source, record| {
            assert_eq!(source, "syslog");
            seen.push(record.time_ms / 1_000 % 60);
            Ok(())
        })
        .unwrap();
        seen
    }

    #[test]
    fn lines_come_once_whole_and_through_rotation_and_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("auth.log");
        std::fs::write(&path, (0..5).map(line).collect::<String>()).unwrap();
        let folders = [dir.path().to_owned()];
        let mut tail = Tail::default();
        tail.look(&folders, &[]);
        assert_eq!(poll(&mut tail), [0, 1, 2, 3, 4]);
        assert!(poll(&mut tail).is_empty());
        let half = line(5);
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(&half.as_bytes()[..20]).unwrap();
        assert!(poll(&mut tail).is_empty(), "half a line waits");
        file.write_all(&half.as_bytes()[20..]).unwrap();
        let mut tail = Tail::resume(tail.places().clone());
        tail.look(&folders, &[]);
        assert_eq!(poll(&mut tail), [5], "a restart goes on where it ended");
        std::fs::rename(&path, dir.path().join("auth.log.1")).unwrap();
        std::fs::write(&path, (6..9).map(line).collect::<String>()).unwrap();
        tail.look(&folders, &[]);
        assert_eq!(poll(&mut tail), [6, 7, 8], "rotated files are not read again");
    }

    #[test]
    fn what_is_no_log_and_what_is_left_out_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("notes"), "hello\n").unwrap();
        std::fs::write(dir.path().join("auth.log"), line(1).repeat(4)).unwrap();
        std::fs::write(dir.path().join("auth.log.2.gz"), "x").unwrap();
        let mut tail = Tail::default();
        tail.look(&[dir.path().to_owned()], &[]);
        assert_eq!(tail.sources(), ["syslog"]);
        tail.look(&[dir.path().to_owned()], &["syslog"]);
        assert!(tail.sources().is_empty());
    }
}
