//! Entries of a tar archive in a stream. Long names (GNU and pax) are joined here, with a limit,
//! since the archive decides how long they are.

use std::io::Read;

use tar::EntryType;

use super::DebError;
use crate::limits::DEB_ENTRIES_MAX;

/// Bytes of one long name or of one set of pax fields.
const LONG_BYTES_MAX: u64 = 64 << 10;

/// What an entry of an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A regular file (or a hard link to one).
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A device or pipe.
    Other,
}

/// One path of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathEntry {
    /// The path below the root, without `./` before or `/` behind it; empty for the root itself.
    pub path: String,
    /// What it is.
    pub kind: PathKind,
    /// Where a symbolic or hard link leads; else empty.
    pub target: String,
    /// Permission bits, with set-user-id, set-group-id and sticky.
    pub mode: u32,
    /// Bytes of its content.
    pub size: u64,
}

/// The entries of an archive.
pub(super) struct Entries<R: Read> {
    archive: tar::Archive<R>,
    part: &'static str,
    limit: u64,
}

/// Names that stand before the entry they belong to.
#[derive(Default)]
struct Long {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl<R: Read> Entries<R> {
    pub(super) fn new(reader: R, part: &'static str, limit: u64) -> Self {
        Self { archive: tar::Archive::new(reader), part, limit }
    }

    /// Hands over every entry with its content, until told to stop with `false`.
    pub(super) fn each(
        &mut self,
        mut each: impl FnMut(&PathEntry, &mut dyn Read) -> Result<bool, DebError>,
    ) -> Result<(), DebError> {
        let (part, limit) = (self.part, self.limit);
        let failed = |error| {
            let error = DebError::of_read(part, limit, error);
            // The tar reader has its own words for an end that comes too early.
            match error {
                DebError::Io(inner) if inner.to_string().contains("unexpected EOF") => {
                    DebError::Truncated { part }
                }
                other => other,
            }
        };
        let mut long = Long::default();
        let entries = self.archive.entries().map_err(failed)?.raw(true);
        for (count, entry) in entries.enumerate() {
            if count >= DEB_ENTRIES_MAX {
                let limit = DEB_ENTRIES_MAX as u64;
                return Err(DebError::OverLimit { what: "archive entries", limit });
            }
            let mut entry = entry.map_err(failed)?;
            let kind = entry.header().entry_type();
            match kind {
                EntryType::GNULongName => long.path = Some(long_text(&mut entry, &failed)?),
                EntryType::GNULongLink => long.target = Some(long_text(&mut entry, &failed)?),
                EntryType::XHeader => long.pax(&long_text(&mut entry, &failed)?),
                EntryType::XGlobalHeader => {}
                _ => {
                    let path = path_entry(&entry, std::mem::take(&mut long)).map_err(failed)?;
                    if !each(&path, &mut entry)? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}

fn long_text(
    entry: &mut impl Read,
    failed: &impl Fn(std::io::Error) -> DebError,
) -> Result<Vec<u8>, DebError> {
    let mut bytes = Vec::new();
    entry.take(LONG_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LONG_BYTES_MAX {
        return Err(DebError::OverLimit { what: "bytes of one long name", limit: LONG_BYTES_MAX });
    }
    Ok(bytes)
}

impl Long {
    /// `path` and `linkpath` of pax records: `length key=value`, each ended by a line feed.
    fn pax(&mut self, records: &[u8]) {
        for record in records.split(|byte| *byte == b'\n') {
            let Some(space) = memchr::memchr(b' ', record) else { continue };
            let field = record.get(space + 1..).unwrap_or_default();
            if let Some(path) = field.strip_prefix(b"path=") {
                self.path = Some(path.to_vec());
            } else if let Some(target) = field.strip_prefix(b"linkpath=") {
                self.target = Some(target.to_vec());
            }
        }
    }
}

fn path_entry<R: Read>(entry: &tar::Entry<'_, R>, long: Long) -> std::io::Result<PathEntry> {
    let header = entry.header();
    let path = long.path.unwrap_or_else(|| entry.path_bytes().into_owned());
    let short = || entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
    let target = text(&long.target.unwrap_or_else(short));
    let path = text(&path);
    let path = path.trim_start_matches("./").trim_start_matches('/').trim_end_matches('/');
    let kind = match header.entry_type() {
        EntryType::Regular | EntryType::Continuous | EntryType::Link | EntryType::GNUSparse => {
            PathKind::File
        }
        EntryType::Directory => PathKind::Folder,
        EntryType::Symlink => PathKind::Symlink,
        _ => PathKind::Other,
    };
    Ok(PathEntry {
        path: if path == "." { String::new() } else { path.to_owned() },
        kind,
        target,
        mode: header.mode()? & 0o7777,
        size: entry.size(),
    })
}

/// Text up to the first NUL; bytes that are not UTF-8 are replaced.
fn text(bytes: &[u8]) -> String {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}
