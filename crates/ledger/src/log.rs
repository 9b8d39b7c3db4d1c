//! The reading side of a ledger. Every tile and entry that is read from disk is checked up to the
//! right edge of the tree, and the edge was checked against the signed checkpoint, so that what is
//! returned is what was signed, or an error that names the file.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use durable::Files;

use crate::checkpoint::Checkpoint;
use crate::edge::{Edge, partial_of, partial_tiles};
use crate::error::LedgerError;
use crate::hash::{Hash, leaf_hash, root_of};
use crate::limits::{READ_TRIES_MAX, TILE_WIDTH, TILES_CACHED_MAX};
use crate::note::VerifierKey;
use crate::proof;
use crate::tile::{Kind, Tile, decode_hashes, entries, entries_exactly};

/// The name of the checkpoint's file.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// A log as its checkpoint has it. Holds only the right edge of the tree in memory.
pub struct Log {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) dir: PathBuf,
    pub(crate) edge: Edge,
    /// Full tiles that are not on disk yet (the writer's only).
    pub(crate) backlog: BTreeMap<Tile, Vec<u8>>,
    /// The signed note of the last checkpoint.
    pub(crate) note: String,
}

/// Full tiles of hashes that were read and checked, by level and number.
type Cache = BTreeMap<(usize, u64), Vec<Hash>>;

impl Log {
    /// Opens the log for reading, at its present checkpoint. The writer may go on meanwhile.
    pub fn open(files: Arc<dyn Files>, dir: &Path, key: &VerifierKey) -> Result<Self, LedgerError> {
        let none = || LedgerError::tampered(format!("`{CHECKPOINT}` is missing"));
        Self::load(files, dir, key)?.ok_or_else(none)
    }

    /// The log, or `None` if there is no checkpoint.
    pub(crate) fn load(
        files: Arc<dyn Files>,
        dir: &Path,
        key: &VerifierKey,
    ) -> Result<Option<Self>, LedgerError> {
        let path = dir.join(CHECKPOINT);
        let read = |path: &Path| read_file(&*files, path);
        let Some(mut note) = read(&path)? else { return Ok(None) };
        let mut tries = 1;
        loop {
            let checkpoint = Checkpoint::open(&note, key).map_err(|why| {
                LedgerError::tampered(format!("`{CHECKPOINT}` cannot be trusted: {why}"))
            })?;
            let result = load_edge(&*files, dir, &checkpoint);
            // The writer may have published, and removed partial tiles, since we read the
            // checkpoint.
            let again = read(&path)?.unwrap_or_default();
            if result.is_err() && again != note && tries < READ_TRIES_MAX {
                note = again;
                tries += 1;
                continue;
            }
            let note = String::from_utf8_lossy(&note).into_owned();
            let dir = dir.to_path_buf();
            let backlog = BTreeMap::new();
            return result.map(|edge| Some(Self { files, dir, edge, backlog, note }));
        }
    }

    /// Entries in the log.
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The root of the tree over all entries.
    pub fn root(&self) -> Hash {
        self.edge.root()
    }

    /// The last checkpoint, a signed note.
    pub fn checkpoint(&self) -> &str {
        &self.note
    }

    /// One entry.
    pub fn read(&self, index: u64) -> Result<Vec<u8>, LedgerError> {
        let entries = self.bundle(index / TILE_WIDTH as u64, &mut Cache::new())?;
        slot(index)
            .and_then(|slot| entries.into_iter().nth(slot))
            .ok_or_else(|| self.no_leaf(index))
    }

    /// The entries of a range, streamed: one bundle at a time is in memory. Ends after an error.
    pub fn leaves(&self, range: Range<u64>) -> Leaves<'_> {
        Leaves {
            log: self,
            next: range.start,
            end: range.end,
            bundle: Vec::new().into_iter(),
            cache: Cache::new(),
        }
    }

    /// The root of the tree over the first `size` entries.
    pub fn root_at(&self, size: u64) -> Result<Hash, LedgerError> {
        self.has_tree(size)?;
        let mut cache = Cache::new();
        proof::range_root(0, size, &mut |level, index| self.subtree(level, index, &mut cache))
    }

    /// The proof that the entry `index` is in the tree over the first `size` entries.
    pub fn prove_inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, LedgerError> {
        self.has_tree(size)?;
        if index >= size {
            return Err(self.no_leaf(index));
        }
        let mut cache = Cache::new();
        proof::inclusion(index, size, &mut |level, i| self.subtree(level, i, &mut cache))
    }

    /// The proof that the tree over the first `new` entries begins with that over the first `old`.
    pub fn prove_consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, LedgerError> {
        self.has_tree(new)?;
        if old > new {
            let asked = format!("a tree of {old} entries within one of {new}");
            return Err(LedgerError::NotInLog { asked, size: self.size() });
        }
        let mut cache = Cache::new();
        proof::consistency(old, new, &mut |level, i| self.subtree(level, i, &mut cache))
    }

    fn has_tree(&self, size: u64) -> Result<(), LedgerError> {
        if size <= self.size() {
            return Ok(());
        }
        let asked = format!("a tree of {size} entries");
        Err(LedgerError::NotInLog { asked, size: self.size() })
    }

    fn no_leaf(&self, index: u64) -> LedgerError {
        LedgerError::NotInLog { asked: format!("entry {index}"), size: self.size() }
    }

    /// The root of a perfect subtree: the `index`th of those with 2 to the power of `level` leaves.
    fn subtree(&self, level: u32, index: u64, cache: &mut Cache) -> Result<Hash, LedgerError> {
        let (tile_level, within) = (level / 8, level % 8);
        let first = index << within;
        let hashes = self.hashes(tile_level as usize, first, 1 << within, cache)?;
        Ok(root_of(&hashes))
    }

    /// `count` neighbouring hashes of one tile.
    fn hashes(
        &self,
        level: usize,
        first: u64,
        count: usize,
        cache: &mut Cache,
    ) -> Result<Vec<Hash>, LedgerError> {
        let n = first / TILE_WIDTH as u64;
        let full;
        let tile = if n == partial_of(self.size(), level).0 {
            self.edge.level(level)
        } else {
            full = self.full_tile(level, n, cache)?;
            &full
        };
        let part = slot(first).and_then(|slot| tile.get(slot..slot.checked_add(count)?));
        part.map(<[Hash]>::to_vec).ok_or_else(|| {
            let asked = format!("hash {first} of level {level}");
            LedgerError::NotInLog { asked, size: self.size() }
        })
    }

    /// A full tile of hashes, checked against the tile above it, and so on up to the edge.
    fn full_tile(&self, level: usize, n: u64, cache: &mut Cache) -> Result<Vec<Hash>, LedgerError> {
        if let Some(hashes) = cache.get(&(level, n)) {
            return Ok(hashes.clone());
        }
        if n > partial_of(self.size(), level).0 {
            let asked = format!("tile {n} of level {level}");
            return Err(LedgerError::NotInLog { asked, size: self.size() });
        }
        let kind = Kind::Hashes { level: u8::try_from(level).unwrap_or(u8::MAX) };
        let tile = Tile { kind, n, width: TILE_WIDTH };
        let bytes = self.tile_bytes(tile)?;
        let hashes = decode_hashes(&bytes, TILE_WIDTH).ok_or_else(|| {
            LedgerError::tampered(format!("`{}` has a wrong length", tile.path()))
        })?;
        let above = self.hashes(level + 1, n, 1, cache)?;
        if above.first() != Some(&root_of(&hashes)) {
            let what = format!("`{}` does not fit the tile above it", tile.path());
            return Err(LedgerError::tampered(what));
        }
        if cache.len() >= TILES_CACHED_MAX {
            cache.clear();
        }
        cache.insert((level, n), hashes.clone());
        Ok(hashes)
    }

    fn tile_bytes(&self, tile: Tile) -> Result<Vec<u8>, LedgerError> {
        match self.backlog.get(&tile) {
            Some(bytes) => Ok(bytes.clone()),
            None => read_tile(&*self.files, &self.dir, tile),
        }
    }

    /// The entries of a bundle, checked against their hashes.
    fn bundle(&self, n: u64, cache: &mut Cache) -> Result<Vec<Vec<u8>>, LedgerError> {
        let cut = |tile: Tile| LedgerError::tampered(format!("`{}` is cut", tile.path()));
        let (edge_n, width) = partial_of(self.size(), 0);
        if n == edge_n {
            let entries = entries(self.edge.bundle())
                .ok_or_else(|| cut(Tile { kind: Kind::Entries, n, width }))?;
            return Ok(entries.into_iter().map(<[u8]>::to_vec).collect());
        }
        let hashes = self.full_tile(0, n, cache)?;
        let tile = Tile { kind: Kind::Entries, n, width: TILE_WIDTH };
        let bytes = self.tile_bytes(tile)?;
        let entries = entries_exactly(&bytes, TILE_WIDTH).ok_or_else(|| cut(tile))?;
        first_unlike(tile, &entries, &hashes)?;
        Ok(entries.into_iter().map(<[u8]>::to_vec).collect())
    }
}

/// An iterator over entries with their indices; see [`Log::leaves`].
pub struct Leaves<'a> {
    log: &'a Log,
    next: u64,
    end: u64,
    bundle: std::vec::IntoIter<Vec<u8>>,
    cache: Cache,
}

impl Iterator for Leaves<'_> {
    type Item = Result<(u64, Vec<u8>), LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let index = self.next;
        let leaf = match self.bundle.next() {
            Some(leaf) => Some(leaf),
            None => match self.log.bundle(index / TILE_WIDTH as u64, &mut self.cache) {
                Ok(entries) => {
                    self.bundle = entries.into_iter();
                    slot(index).and_then(|slot| self.bundle.nth(slot))
                }
                Err(error) => {
                    self.end = index;
                    return Some(Err(error));
                }
            },
        };
        let Some(leaf) = leaf else {
            self.end = index;
            return Some(Err(self.log.no_leaf(index)));
        };
        self.next += 1;
        Some(Ok((index, leaf)))
    }
}

/// The place within its tile or bundle.
fn slot(index: u64) -> Option<usize> {
    usize::try_from(index % TILE_WIDTH as u64).ok()
}

/// An error that names the first entry whose hash is not that of the tile of hashes.
pub(crate) fn first_unlike(
    tile: Tile,
    entries: &[&[u8]],
    hashes: &[Hash],
) -> Result<(), LedgerError> {
    let unlike = entries.iter().zip(hashes).position(|(entry, hash)| leaf_hash(entry) != *hash);
    match unlike {
        None => Ok(()),
        Some(slot) => {
            let index = tile.n * TILE_WIDTH as u64 + slot as u64;
            let hashes = Tile { kind: Kind::Hashes { level: 0 }, ..tile };
            Err(LedgerError::tampered(format!(
                "entry {index} in `{}` does not fit its hash in `{}`",
                tile.path(),
                hashes.path()
            )))
        }
    }
}

/// A file's bytes, or `None` if it is not there.
pub(crate) fn read_file(files: &dyn Files, path: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
    match files.read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LedgerError::io("read", path)(error)),
    }
}

/// A tile's bytes; it is an error if it is not there.
pub(crate) fn read_tile(files: &dyn Files, dir: &Path, tile: Tile) -> Result<Vec<u8>, LedgerError> {
    read_file(files, &tile.path_in(dir))?
        .ok_or_else(|| LedgerError::tampered(format!("`{}` is missing", tile.path())))
}

/// The right edge from the partial tiles, checked against the checkpoint.
fn load_edge(files: &dyn Files, dir: &Path, checkpoint: &Checkpoint) -> Result<Edge, LedgerError> {
    let mut levels: Vec<Vec<Hash>> = Vec::new();
    let mut bundle = (None, Vec::new());
    for tile in partial_tiles(checkpoint.size) {
        let bytes = read_tile(files, dir, tile)?;
        match tile.kind {
            Kind::Entries => bundle = (Some(tile), bytes),
            Kind::Hashes { level } => {
                levels.resize(usize::from(level), Vec::new());
                levels.push(decode_hashes(&bytes, tile.width).ok_or_else(|| {
                    LedgerError::tampered(format!("`{}` has a wrong length", tile.path()))
                })?);
            }
        }
    }
    if let (Some(tile), bytes) = &bundle {
        let entries = entries_exactly(bytes, tile.width).ok_or_else(|| {
            LedgerError::tampered(format!("`{}` has not {} entries", tile.path(), tile.width))
        })?;
        first_unlike(*tile, &entries, levels.first().map_or(&[], Vec::as_slice))?;
    }
    let edge = Edge::from_parts(checkpoint.size, levels, bundle.1);
    if edge.root() != checkpoint.root {
        return Err(LedgerError::tampered(format!(
            "the partial tiles of {} entries do not give the root that `{CHECKPOINT}` signs",
            checkpoint.size
        )));
    }
    Ok(edge)
}
