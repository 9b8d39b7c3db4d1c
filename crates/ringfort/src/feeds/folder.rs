//! A folder that feeds are taken from: what each of its files is, and how a snapshot of them is
//! named.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};
use spine::Digest;

use super::FeedError;
use super::archive::file_name;
use super::limits::{ENTRIES_MAX, FOLDER_DEPTH_MAX, SOURCES_MAX};
use super::recognise::recognise;
use super::table::Feed;

/// What lies in a folder.
#[derive(Debug, Default)]
pub struct Found {
    /// Sources by the name of their feed, sorted.
    pub sources: BTreeMap<String, Vec<PathBuf>>,
    /// What is no known feed, and why.
    pub not_recognised: Vec<(String, String)>,
}

/// Looks at every file and folder at the top of a folder. Where none of them is a feed, the folder
/// itself may be one.
pub fn look_through(folder: &Path, feeds: &[Feed]) -> Result<Found, FeedError> {
    let failed = |error| FeedError::io(folder, error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
        if paths.len() > SOURCES_MAX {
            return Err(FeedError::limit(folder, "files", SOURCES_MAX as u64));
        }
    }
    paths.sort();
    let mut found = Found::default();
    for path in paths {
        match recognise(&path, feeds) {
            Ok(Some(feed)) => found.sources.entry(feed.name.clone()).or_default().push(path),
            Ok(None) => {
                let reason = "it is none of the feeds that are wanted".to_owned();
                found.not_recognised.push((file_name(&path), reason));
            }
            Err(error) => found.not_recognised.push((file_name(&path), error.to_string())),
        }
    }
    if found.sources.is_empty()
        && let Some(feed) = recognise(folder, feeds)?
    {
        found.sources.insert(feed.name.clone(), vec![folder.to_path_buf()]);
        found.not_recognised.clear();
    }
    Ok(found)
}

/// What names a snapshot of some sources.
#[derive(Debug)]
pub struct Described {
    /// The paths.
    pub place: String,
    /// SHA-256 of the file; of several, of the lines `digest  name`.
    pub sha256: Digest,
    /// Their size together.
    pub bytes: u64,
    /// The newest date in their names, or else when the newest of them last changed, milliseconds
    /// since the Unix epoch. A file that was copied looks newer than it is, so the name goes first.
    pub modified_ms: i64,
}

/// Hashes sources as they lie there.
pub fn describe(paths: &[PathBuf]) -> Result<Described, FeedError> {
    let mut files = Vec::new();
    for path in paths {
        let above = path.parent().unwrap_or(path);
        let walk = walkdir::WalkDir::new(path)
            .follow_links(false)
            .follow_root_links(true)
            .max_depth(FOLDER_DEPTH_MAX)
            .sort_by_file_name();
        for entry in walk {
            let entry = entry.map_err(|error| FeedError::io(path, error.into()))?;
            if entry.file_type().is_file() {
                let name = entry.path().strip_prefix(above).unwrap_or(entry.path());
                files.push((name.to_string_lossy().into_owned(), entry.into_path()));
            }
            if files.len() > ENTRIES_MAX {
                return Err(FeedError::limit(path, "files", ENTRIES_MAX as u64));
            }
        }
    }
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let mut described =
        Described { place: names.join(", "), sha256: Digest([0; 32]), bytes: 0, modified_ms: 0 };
    let mut lines = Sha256::new();
    let named_ms = paths.iter().filter_map(|path| date_in_name(&file_name(path))).max();
    for (name, path) in &files {
        let failed = |error| FeedError::io(path, error);
        let (digest, bytes, modified_ms) = hash(path).map_err(failed)?;
        described.bytes += bytes;
        described.modified_ms = described.modified_ms.max(modified_ms);
        described.sha256 = digest;
        lines.update(format!("{digest}  {name}\n"));
    }
    if files.len() != 1 {
        described.sha256 = Digest(lines.finalize().into());
    }
    described.modified_ms = named_ms.unwrap_or(described.modified_ms);
    Ok(described)
}

/// A day written as `YYYY-MM-DD` in a file's name, milliseconds since the Unix epoch.
fn date_in_name(name: &str) -> Option<i64> {
    (0..name.len()).find_map(|start| super::date_ms(name.get(start..start + 10)?))
}

fn hash(path: &Path) -> io::Result<(Digest, u64, i64)> {
    let mut file = File::open(path)?;
    let modified = file.metadata()?.modified()?;
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        hasher.update(chunk.get(..count).unwrap_or_default());
        bytes += count as u64;
    }
    let modified_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Ok((Digest(hasher.finalize().into()), bytes, modified_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_in_a_name_goes_before_the_time_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let described = |name: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, "x").unwrap();
            describe(&[path]).unwrap()
        };
        let day_ms = 1_729_728_000_000; // 24 October 2024
        assert_eq!(described("compact-2024-10-24.json.xz").modified_ms, day_ms);
        assert_eq!(described("käse-2024-10-24").modified_ms, day_ms);
        assert!(described("compact-2024-13-24.json").modified_ms > day_ms);
        assert!(described("compact-2024-10.json").modified_ms > day_ms);
    }

    #[test]
    fn one_file_has_its_own_hash_and_several_have_that_of_their_list() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&a, "one").unwrap();
        std::fs::write(&b, "two").unwrap();
        let hash = |paths: &[PathBuf]| describe(paths).unwrap().sha256.to_hex();
        let (one, two) = (spine::sha256_hex(b"one"), spine::sha256_hex(b"two"));
        assert_eq!(hash(std::slice::from_ref(&a)), one);
        let list = format!("{one}  a\n{two}  b\n");
        assert_eq!(hash(&[a, b]), spine::sha256_hex(list.as_bytes()));
    }
}
