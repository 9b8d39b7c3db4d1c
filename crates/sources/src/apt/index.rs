//! A compact index of all lists: names and versions, in a form that is searched where it lies.
//!
//! A scan asks for some hundred installed packages out of tens of thousands that are offered;
//! reading the lists for it takes a second, the index a few milliseconds. It is derived data: made
//! again whenever the lists changed ([`IndexKey`]) or its checksum fails.
//!
//! All numbers are little-endian:
//! `magic 8 | crc32c 4 | key 32 | lengths 4 x 4 | meta | names | versions | text`. The checksum
//! covers everything after it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::lists::{AptLists, Folder, ListFile, Suite};
use super::packages::VersionRow;
use super::sources_list::SourcesList;
use crate::limits::INDEX_BYTES_MAX;
use crate::tree::{Tree, TreeError, join};

const MAGIC: &[u8; 8] = b"rfaptix1";
const HEADER_BYTES: usize = 8 + 4 + 32 + 4 * 4;
/// Bytes of a row of `names`: text offset, length, first version.
const NAME_BYTES: usize = 12;
/// Bytes of a row of `versions`: offset and length of version, architecture, source's name and
/// source's version, then suite and flags.
const VERSION_BYTES: usize = 4 * 8 + 4;
/// No share of machines is given.
const NOT_PHASED: u16 = u16::MAX;

/// What the lists were when an index was made: a hash over names, sizes and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexKey(pub [u8; 32]);

impl IndexKey {
    /// The key of the lists of a folder as they are now.
    pub fn of(
        tree: &dyn Tree,
        dir: &str,
        sources: Option<&SourcesList>,
    ) -> Result<Self, TreeError> {
        let folder = Folder::of(tree, dir, sources)?;
        let mut hash = Sha256::new();
        let packages = folder.packages.iter().map(|(name, _)| name);
        for name in folder.releases.values().chain(packages) {
            let stat = tree.stat(&join(dir, name))?;
            hash.update(format!("{name} {} {}\n", stat.len, stat.mtime_ns));
        }
        Ok(Self(hash.finalize().into()))
    }
}

/// Why an index cannot be used; it is then made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// It is cut, changed or of another version.
    #[error("the package index is damaged or of another version")]
    Damaged,
    /// It is larger than the limit.
    #[error("the package index is over the limit of {limit} bytes")]
    OverLimit {
        /// The limit, bytes.
        limit: usize,
    },
}

#[derive(Serialize, Deserialize)]
struct Meta {
    suites: Vec<Suite>,
    files: Vec<ListFile>,
    problems: Vec<String>,
}

/// Writes the index of lists.
pub fn encode(lists: &AptLists, key: IndexKey) -> Result<Vec<u8>, IndexError> {
    let over = IndexError::OverLimit { limit: INDEX_BYTES_MAX };
    let number = |value: usize| u32::try_from(value).map_err(|_| over);
    let mut text = Text::default();
    let mut names = Vec::new();
    let mut versions = Vec::new();
    let mut count: u32 = 0;
    let mut last = None;
    for row in lists.rows() {
        if last.as_ref() != Some(&row.package) {
            let (offset, len) = text.put(&row.package);
            for value in [offset, len, count] {
                names.extend_from_slice(&value.to_le_bytes());
            }
            last = Some(row.package.clone());
        }
        put_version(&row, &mut text, &mut versions)?;
        count = count.checked_add(1).ok_or(over)?;
    }
    let meta = Meta {
        suites: lists.suites.clone(),
        files: lists.files.clone(),
        problems: lists.problems.clone(),
    };
    let meta = serde_json::to_vec(&meta).map_err(|_| over)?;
    let mut body = Vec::new();
    body.extend_from_slice(&key.0);
    for len in [meta.len(), names.len() / NAME_BYTES, versions.len() / VERSION_BYTES] {
        body.extend_from_slice(&number(len)?.to_le_bytes());
    }
    body.extend_from_slice(&number(text.bytes.len())?.to_le_bytes());
    for part in [meta, names, versions, text.bytes] {
        body.extend_from_slice(&part);
    }
    if body.len() > INDEX_BYTES_MAX || text.over {
        return Err(over);
    }
    let crc = crc32c::crc32c(&body).to_le_bytes();
    Ok([MAGIC.as_slice(), &crc, &body].concat())
}

fn put_version(row: &VersionRow, text: &mut Text, out: &mut Vec<u8>) -> Result<(), IndexError> {
    let over = IndexError::OverLimit { limit: INDEX_BYTES_MAX };
    let parts = [&row.version, &row.architecture, &row.source.name, &row.source.version];
    for part in parts {
        let (offset, len) = text.put(part);
        out.extend_from_slice(&offset.to_le_bytes());
        out.extend_from_slice(&len.to_le_bytes());
    }
    let suite = u16::try_from(row.suite).map_err(|_| over)?;
    out.extend_from_slice(&suite.to_le_bytes());
    let phased = row.phased_percent.map_or(NOT_PHASED, u16::from);
    out.extend_from_slice(&phased.to_le_bytes());
    Ok(())
}

/// Strings, each once: versions and sources repeat.
#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    known: HashMap<String, (u32, u32)>,
    over: bool,
}

impl Text {
    fn put(&mut self, part: &str) -> (u32, u32) {
        if let Some(place) = self.known.get(part) {
            return *place;
        }
        let (Ok(offset), Ok(len)) = (u32::try_from(self.bytes.len()), u32::try_from(part.len()))
        else {
            self.over = true;
            return (0, 0);
        };
        self.bytes.extend_from_slice(part.as_bytes());
        self.known.insert(part.to_owned(), (offset, len));
        (offset, len)
    }
}

/// An index, searched where it lies.
#[derive(Clone, Debug)]
pub struct IndexReader {
    bytes: Vec<u8>,
    key: IndexKey,
    meta_end: usize,
    names: usize,
    versions: usize,
    /// Suites, as in [`AptLists`].
    pub suites: Vec<Suite>,
    /// `Packages` files, as in [`AptLists`].
    pub files: Vec<ListFile>,
    /// Why what is offered is not fully known.
    pub problems: Vec<String>,
}

/// A version in an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexVersion<'a> {
    /// The version.
    pub version: &'a str,
    /// The architecture, `all` if any.
    pub architecture: &'a str,
    /// Name of the source package.
    pub source_name: &'a str,
    /// Version of the source package.
    pub source_version: &'a str,
    /// The share of machines that are offered it already, of 100; `None`: all.
    pub phased_percent: Option<u16>,
    /// The suite that offers it.
    pub suite: &'a Suite,
}

impl IndexReader {
    /// Takes an index; its checksum and its lengths are checked.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, IndexError> {
        if bytes.len() > INDEX_BYTES_MAX {
            return Err(IndexError::OverLimit { limit: INDEX_BYTES_MAX });
        }
        Self::parse_checked(bytes).ok_or(IndexError::Damaged)
    }

    fn parse_checked(bytes: Vec<u8>) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (crc, body) = rest.split_first_chunk::<4>()?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (key, lengths) = body.split_first_chunk::<32>()?;
        let key = IndexKey(*key);
        let mut numbers = [0_usize; 4];
        for (index, number) in numbers.iter_mut().enumerate() {
            *number = u32_at(lengths, index * 4)?;
        }
        let [meta_len, names, versions, text_len] = numbers;
        let meta_end = HEADER_BYTES.checked_add(meta_len)?;
        let expected = meta_end
            .checked_add(names.checked_mul(NAME_BYTES)?)?
            .checked_add(versions.checked_mul(VERSION_BYTES)?)?
            .checked_add(text_len)?;
        if bytes.len() != expected {
            return None;
        }
        let Meta { suites, files, problems } =
            serde_json::from_slice(bytes.get(HEADER_BYTES..meta_end)?).ok()?;
        Some(Self { bytes, key, meta_end, names, versions, suites, files, problems })
    }

    /// What the lists were when it was made.
    pub fn key(&self) -> IndexKey {
        self.key
    }

    /// How many packages it names.
    pub fn len(&self) -> usize {
        self.names
    }

    /// Whether it names none.
    pub fn is_empty(&self) -> bool {
        self.names == 0
    }

    /// Whether every list was read whole when it was made.
    pub fn is_complete(&self) -> bool {
        self.problems.is_empty() && self.files.iter().all(|file| file.problem.is_none())
    }

    /// The versions of a package that are offered, in the order of the lists.
    pub fn versions(&self, package: &str) -> Vec<IndexVersion<'_>> {
        let Some(row) = self.find(package) else { return Vec::new() };
        let first = self.name_field(row, 8).unwrap_or(0);
        let end = self.name_field(row + 1, 8).unwrap_or(self.versions).min(self.versions);
        (first..end).filter_map(|index| self.version(index)).collect()
    }

    /// Binary search; names are sorted by their bytes.
    fn find(&self, package: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.names);
        while low < high {
            let middle = low + (high - low) / 2;
            let at = self.meta_end + middle * NAME_BYTES;
            match self.text(at)?.cmp(package) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn name_field(&self, row: usize, field: usize) -> Option<usize> {
        (row < self.names)
            .then(|| u32_at(&self.bytes, self.meta_end + row * NAME_BYTES + field))
            .flatten()
    }

    fn version(&self, index: usize) -> Option<IndexVersion<'_>> {
        let at = self.meta_end + self.names * NAME_BYTES + index * VERSION_BYTES;
        let flags = self.bytes.get(at + 32..at + VERSION_BYTES)?;
        let (suite, phased) = flags.split_first_chunk::<2>()?;
        let phased = u16::from_le_bytes(*phased.first_chunk::<2>()?);
        Some(IndexVersion {
            version: self.text(at)?,
            architecture: self.text(at + 8)?,
            source_name: self.text(at + 16)?,
            source_version: self.text(at + 24)?,
            phased_percent: (phased != NOT_PHASED).then_some(phased),
            suite: self.suites.get(usize::from(u16::from_le_bytes(*suite)))?,
        })
    }

    /// The text whose offset and length stand at `at`.
    fn text(&self, at: usize) -> Option<&str> {
        let start = self.meta_end + self.names * NAME_BYTES + self.versions * VERSION_BYTES;
        let offset = start.checked_add(u32_at(&self.bytes, at)?)?;
        let end = offset.checked_add(u32_at(&self.bytes, at + 4)?)?;
        std::str::from_utf8(self.bytes.get(offset..end)?).ok()
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let chunk = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*chunk)).ok()
}

#[cfg(test)]
mod tests {
    use super::super::lists::{LISTS_FOLDER, ListsQuery, read_lists, tests::good_tree};
    use super::*;

    fn sample() -> (AptLists, IndexKey, Vec<u8>) {
        let tree = good_tree();
        let lists = read_lists(&tree, LISTS_FOLDER, ListsQuery::default());
        let key = IndexKey::of(&tree, LISTS_FOLDER, None).unwrap();
        let bytes = encode(&lists, key).unwrap();
        (lists, key, bytes)
    }

    #[test]
    fn an_index_answers_as_the_lists_do() {
        let (lists, key, bytes) = sample();
        let index = IndexReader::parse(bytes).unwrap();
        assert_eq!(index.key(), key);
        assert_eq!(index.len(), 2);
        assert_eq!(index.suites, lists.suites);
        for name in ["a", "b"] {
            let rows = lists.versions(name);
            let found = index.versions(name);
            assert!(found.len() == rows.len() && !rows.is_empty());
            for (found, row) in found.iter().zip(&rows) {
                assert_eq!(found.version, row.version);
                assert_eq!(found.architecture, row.architecture);
                assert_eq!(found.source_name, row.source.name);
                assert_eq!(found.source_version, row.source.version);
                assert_eq!(found.suite, &lists.suites[row.suite]);
                assert_eq!(found.phased_percent, None);
            }
        }
        assert!(index.versions("").is_empty() && index.versions("zzz").is_empty());
    }

    #[test]
    fn a_changed_list_changes_the_key() {
        let (_, key, _) = sample();
        let mut tree = good_tree();
        tree.put(&join(LISTS_FOLDER, "old.example_dists_s_Release"), "Suite: other\n");
        assert_ne!(IndexKey::of(&tree, LISTS_FOLDER, None).unwrap(), key);
    }

    #[test]
    fn a_cut_or_flipped_index_is_refused() {
        let (_, _, bytes) = sample();
        for len in 0..bytes.len() {
            assert!(IndexReader::parse(bytes[..len].to_vec()).is_err(), "{len}");
            let mut flipped = bytes.clone();
            flipped[len] ^= 1;
            assert!(IndexReader::parse(flipped).is_err(), "{len}");
        }
    }

    #[test]
    fn offsets_that_lead_nowhere_give_no_version_and_no_panic() {
        let (_, _, bytes) = sample();
        for at in HEADER_BYTES..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] = 0xff;
            let crc = crc32c::crc32c(&wrong[12..]).to_le_bytes();
            wrong[8..12].copy_from_slice(&crc);
            if let Ok(index) = IndexReader::parse(wrong) {
                assert!(index.versions("a").len() <= index.versions);
            }
        }
    }
}
