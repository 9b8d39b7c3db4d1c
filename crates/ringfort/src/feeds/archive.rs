//! The files inside a source: a folder, a tar or zip archive, or one file, each perhaps packed.
//! Nothing is unpacked to disk; a path is only a name, and one that leads out of its archive is
//! passed over.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use sources::unpack::{Compression, unpack};
use tar::EntryType;

use super::FeedError;
use super::limits::{
    ENTRIES_MAX, FILE_BYTES_MAX, FOLDER_DEPTH_MAX, PATH_BYTES_MAX, TAR_LONG_BYTES_MAX,
    UNPACKED_BYTES_MAX,
};

/// Whether to go on after a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// On to the next file.
    Next,
    /// Enough was seen.
    Stop,
}

/// Is called with the path and the content of each file.
pub type EachFile<'a> = &'a mut dyn FnMut(&str, &mut dyn Read) -> Result<Flow, FeedError>;

/// Calls `each` with every file inside a source. Paths begin with the name of a folder that is a
/// source, so that `crates/` of a checkout is still `crates/`. Returns how many paths were passed
/// over because they are not plain.
pub fn each_file(source: &Path, each: EachFile<'_>) -> Result<u64, FeedError> {
    let meta = std::fs::metadata(source).map_err(|error| FeedError::io(source, error))?;
    let mut walk = Walk { source, each, entries: 0, passed_over: 0 };
    if meta.is_dir() {
        walk.folder()?;
    } else {
        walk.file(source, &file_name(source))?;
    }
    Ok(walk.passed_over)
}

/// The last part of a path, as text.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

struct Walk<'a> {
    source: &'a Path,
    each: EachFile<'a>,
    entries: usize,
    passed_over: u64,
}

impl Walk<'_> {
    /// Counts an entry and hands it over if its path is plain.
    fn visit(&mut self, path: &str, content: &mut dyn Read) -> Result<Flow, FeedError> {
        self.entries += 1;
        if self.entries > ENTRIES_MAX {
            return Err(FeedError::limit(self.source, "files", ENTRIES_MAX as u64));
        }
        if !is_plain(path) {
            self.passed_over += 1;
            return Ok(Flow::Next);
        }
        (self.each)(path, content)
    }

    fn folder(&mut self) -> Result<(), FeedError> {
        let above = self.source.parent().unwrap_or(self.source);
        let walk = walkdir::WalkDir::new(self.source)
            .follow_links(false)
            .max_depth(FOLDER_DEPTH_MAX)
            .sort_by_file_name();
        for entry in walk {
            let entry = entry.map_err(|error| FeedError::io(self.source, error.into()))?;
            if !entry.file_type().is_file() {
                continue;
            }
            let path = entry.path().strip_prefix(above).unwrap_or(entry.path());
            let name = path.to_string_lossy().into_owned();
            if self.file(entry.path(), &name)? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }

    /// A file that may be packed, and may be an archive.
    fn file(&mut self, path: &Path, name: &str) -> Result<Flow, FeedError> {
        let mut file = File::open(path).map_err(|error| FeedError::io(path, error))?;
        let bytes = file.metadata().map_err(|error| FeedError::io(path, error))?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(FeedError::limit(path, "bytes", FILE_BYTES_MAX));
        }
        let mut magic = [0_u8; 6];
        let known = read_up_to(&mut file, &mut magic).map_err(|e| FeedError::io(path, e))?;
        let magic = magic.get(..known).unwrap_or_default();
        if magic.starts_with(b"PK\x03\x04") || magic.starts_with(b"PK\x05\x06") {
            return self.zip(path, file);
        }
        let compression = compression(magic);
        let name = match Compression::of_name(name) {
            Some((named, stem)) if named == compression => stem,
            _ => name,
        };
        let packed = Cursor::new(magic.to_vec()).chain(file);
        let damaged = |error: io::Error| FeedError::unpacking(path, &error);
        let mut content =
            unpack(compression, BufReader::new(packed), UNPACKED_BYTES_MAX).map_err(damaged)?;
        let mut head = [0_u8; 512];
        let known = read_up_to(&mut content, &mut head).map_err(damaged)?;
        let head = head.get(..known).unwrap_or_default();
        let mut content = Cursor::new(head.to_vec()).chain(content);
        if head.get(257..262) == Some(b"ustar") {
            self.tar(path, content)
        } else {
            self.visit(name, &mut content)
        }
    }

    /// Long names (GNU and pax) are joined here, with a limit, since the archive decides how long
    /// they are.
    fn tar(&mut self, path: &Path, content: impl Read) -> Result<Flow, FeedError> {
        let damaged = |error: io::Error| FeedError::unpacking(path, &error);
        let mut archive = tar::Archive::new(content);
        let mut long = None;
        for entry in archive.entries().map_err(damaged)?.raw(true) {
            let mut entry = entry.map_err(damaged)?;
            match entry.header().entry_type() {
                EntryType::GNULongName => {
                    let text = tar_long(path, &mut entry)?;
                    long = Some(text.split(|byte| *byte == 0).next().unwrap_or_default().to_vec());
                }
                EntryType::XHeader => long = pax_path(&tar_long(path, &mut entry)?).or(long),
                EntryType::Regular | EntryType::Continuous => {
                    let name = long.take().unwrap_or_else(|| entry.path_bytes().into_owned());
                    let name = String::from_utf8_lossy(&name).into_owned();
                    let name = name.strip_prefix("./").unwrap_or(&name);
                    if self.visit(name, &mut entry)? == Flow::Stop {
                        return Ok(Flow::Stop);
                    }
                }
                EntryType::XGlobalHeader => {}
                _ => long = None,
            }
        }
        Ok(Flow::Next)
    }

    fn zip(&mut self, path: &Path, file: File) -> Result<Flow, FeedError> {
        let damaged = |error: zip::result::ZipError| FeedError::Damaged {
            path: path.to_path_buf(),
            reason: error.to_string().chars().take(200).collect(),
        };
        let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
        if archive.len() > ENTRIES_MAX {
            return Err(FeedError::limit(path, "files", ENTRIES_MAX as u64));
        }
        let mut left = UNPACKED_BYTES_MAX;
        for index in 0..archive.len() {
            let entry = archive.by_index(index).map_err(damaged)?;
            if !entry.is_file() {
                continue;
            }
            let name = entry.name().map_err(damaged)?.into_owned();
            let mut content = Counted { inner: entry, left: &mut left };
            let flow = self.visit(&name, &mut content)?;
            if left == 0 {
                return Err(FeedError::limit(path, "bytes when unpacked", UNPACKED_BYTES_MAX));
            }
            if flow == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Next)
    }
}

/// A reader that takes what it reads from an allowance shared by a whole archive, and ends when
/// that is used up.
struct Counted<'a, R> {
    inner: R,
    left: &'a mut u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        *self.left = self.left.saturating_sub(count as u64);
        if *self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(count)
    }
}

fn compression(magic: &[u8]) -> Compression {
    if magic.starts_with(b"\xfd7zXZ\0") {
        Compression::Xz
    } else if magic.starts_with(b"\x1f\x8b") {
        Compression::Gzip
    } else if magic.starts_with(b"\x28\xb5\x2f\xfd") {
        Compression::Zstd
    } else {
        Compression::Plain
    }
}

/// Fills as much of a buffer as there is.
pub fn read_up_to(reader: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn tar_long(path: &Path, entry: &mut impl Read) -> Result<Vec<u8>, FeedError> {
    let mut bytes = Vec::new();
    let damaged = |error: io::Error| FeedError::unpacking(path, &error);
    entry.take(TAR_LONG_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(damaged)?;
    if bytes.len() as u64 > TAR_LONG_BYTES_MAX {
        return Err(FeedError::limit(path, "bytes in one long name", TAR_LONG_BYTES_MAX));
    }
    Ok(bytes)
}

/// `path` of pax records: `length key=value`, each ended by a line feed.
fn pax_path(records: &[u8]) -> Option<Vec<u8>> {
    records.split(|byte| *byte == b'\n').find_map(|record| {
        let space = record.iter().position(|byte| *byte == b' ')?;
        record.get(space + 1..)?.strip_prefix(b"path=").map(<[u8]>::to_vec)
    })
}

/// Whether a path stays below where it starts and is fit to be shown.
fn is_plain(path: &str) -> bool {
    path.len() <= PATH_BYTES_MAX
        && !path.chars().any(|c| c.is_control() || c == '\\')
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::PathBuf;

    use super::*;
    use crate::feeds::testing::{gz, tar, xz, zip};

    /// Paths with their contents, and how many were passed over.
    type Seen = (Vec<(String, Vec<u8>)>, u64);

    fn seen(path: &Path) -> Result<Seen, FeedError> {
        let mut seen = Vec::new();
        let passed_over = each_file(path, &mut |name, content| {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes).map_err(|error| FeedError::unpacking(path, &error))?;
            seen.push((name.to_owned(), bytes));
            Ok(Flow::Next)
        })?;
        Ok((seen, passed_over))
    }

    fn written(dir: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(&path).unwrap().write_all(bytes).unwrap();
        path
    }

    #[test]
    fn every_packing_gives_the_same_files() {
        let dir = tempfile::tempdir().unwrap();
        let long = format!("db/{}/b.json", "x".repeat(150));
        let files: &[(&str, &[u8])] = &[("db/a.md", b"one"), (&long, b"two")];
        let expected: Vec<_> =
            files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
        let packed = [
            ("a.tar", tar(files)),
            ("a.tar.gz", gz(&tar(files))),
            ("a.tar.xz", xz(&tar(files))),
            ("misnamed.bin", xz(&tar(files))),
            ("a.zip", zip(files)),
        ];
        for (name, bytes) in packed {
            assert_eq!(
                seen(&written(&dir, name, &bytes)).unwrap(),
                (expected.clone(), 0),
                "{name}"
            );
        }
        for (name, bytes) in files {
            written(&dir, name, bytes);
        }
        assert_eq!(seen(&dir.path().join("db")).unwrap(), (expected, 0));
        let single = seen(&written(&dir, "scores.csv.gz", &gz(b"three"))).unwrap();
        assert_eq!(single, (vec![("scores.csv".to_owned(), b"three".to_vec())], 0));
    }

    #[test]
    fn paths_that_lead_out_are_passed_over_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let files: &[(&str, &[u8])] =
            &[("../out", b"x"), ("a/../../out", b"x"), ("fine", b"y"), ("/etc/passwd", b"x")];
        for (name, bytes) in [("t.tar", tar(files)), ("z.zip", zip(files))] {
            let (seen, passed_over) = seen(&written(&dir, name, &bytes)).unwrap();
            assert_eq!(seen, [("fine".to_owned(), b"y".to_vec())], "{name}");
            assert_eq!(passed_over, 3, "{name}");
        }
    }

    #[test]
    fn links_in_a_folder_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        written(&dir, "outside/secret", b"x");
        written(&dir, "db/a", b"y");
        std::os::unix::fs::symlink(dir.path().join("outside"), dir.path().join("db/link")).unwrap();
        assert_eq!(seen(&dir.path().join("db")).unwrap().0, [("db/a".to_owned(), b"y".to_vec())]);
    }

    #[test]
    fn a_cut_archive_is_damaged_wherever_it_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let body = b"0123456789abcdef".repeat(200);
        let files: &[(&str, &[u8])] = &[("a", &body), ("b", &body)];
        let whole = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
        let whole: Vec<_> = whole.collect();
        for (name, bytes) in
            [("x.xz", xz(&tar(files))), ("g.gz", gz(&tar(files))), ("z", zip(files))]
        {
            for end in (7..bytes.len()).step_by(13) {
                let result = seen(&written(&dir, name, &bytes[..end]));
                // A cut right before the padding at the end of a tar loses nothing.
                let lost = result.as_ref().map_or(true, |(seen, _)| *seen != whole);
                assert!(result.is_err() || !lost, "{name} cut at {end}: {result:?}");
            }
        }
        assert!(seen(&dir.path().join("none")).is_err());
    }

    #[test]
    fn more_than_the_allowance_of_an_archive_ends_it() {
        let mut left = 5;
        let mut reader = Counted { inner: &b"123456789"[..], left: &mut left };
        let mut out = Vec::new();
        assert!(reader.read_to_end(&mut out).is_err());
        assert_eq!(left, 0);
    }
}
