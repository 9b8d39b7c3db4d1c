//! The one writer of a ledger.
//!
//! An append is durable when it returns: the batch is one frame of the write-ahead file, synced
//! once. It is then published: full tiles, the partial tiles at the right edge, and last the
//! checkpoint, each replaced whole, so that a reader finds every tile that a checkpoint speaks of.
//! Partial tiles of the checkpoint before the last are kept for readers that are under way.
//!
//! If publishing fails, the append still holds (its frame is on disk), [`Ledger::health`] fails,
//! and the next append tries to publish again.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use durable::{Files, FrameLog};

use crate::checkpoint::Checkpoint;
use crate::edge::{Edge, partial_of, partial_tiles};
use crate::error::LedgerError;
use crate::hash::{Hash, empty_root};
use crate::limits;
use crate::log::{CHECKPOINT, Leaves, Log, read_file};
use crate::note::Signer;
use crate::tile::{Kind, Tile, entries, push_entry};

pub(crate) const WAL: &str = "wal";
const RESERVE: &str = "reserve";
const PROBE: &str = "probe";

/// What opening a ledger found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// There was no ledger: it was begun. Where one is expected, its folder was emptied.
    pub created: bool,
    /// Entries in the log now.
    pub size: u64,
    /// Entries that were durable but not yet published when the writer stopped.
    pub recovered: u64,
    /// Bytes of a torn, never acknowledged tail that were cut off; 0 after a clean stop.
    pub tail_bytes_cut: u64,
    /// What could not be done and will be tried again: publishing, keeping the reserve.
    pub warnings: Vec<String>,
}

/// The ledger, opened for appending. There must be only one at a time on a folder.
pub struct Ledger {
    signer: Signer,
    log: Log,
    wal: FrameLog,
    /// Bytes of the write-ahead file that are synced.
    wal_good: u64,
    /// Set when a failed write could not be taken back.
    broken: bool,
    /// Set while entries that were recovered from the write-ahead file, and are perhaps only in
    /// the page cache, are nowhere else.
    publish_first: bool,
    /// Why the last append could not be published.
    publish_error: Option<LedgerError>,
    published: u64,
    /// Partial tiles of the last checkpoint, and of the one before it.
    partials: Vec<Tile>,
    partials_before: Vec<Tile>,
}

impl Ledger {
    /// Opens or begins the ledger in `dir`, as whatever crash left it. A torn tail is cut and
    /// reported; a log that contradicts itself or its signature is [`LedgerError::Tampered`], and
    /// then nothing on disk is touched.
    pub fn open(
        files: Arc<dyn Files>,
        dir: &Path,
        signer: Signer,
    ) -> Result<(Self, OpenReport), LedgerError> {
        files.create_dir_all(dir).map_err(LedgerError::io("make", dir))?;
        let mut report = OpenReport::default();
        let log = if let Some(log) = Log::load(Arc::clone(&files), dir, signer.verifier())? {
            log
        } else {
            report.created = true;
            begin(files, dir, &signer)?
        };
        let wal_path = dir.join(WAL);
        let (wal, found) =
            FrameLog::open(&*log.files, &wal_path).map_err(LedgerError::io("open", &wal_path))?;
        report.tail_bytes_cut = found.tail_bytes_cut;
        let published = log.size();
        let mut ledger = Self {
            signer,
            wal_good: wal.len(),
            broken: false,
            publish_first: false,
            publish_error: None,
            published,
            partials: partial_tiles(published),
            partials_before: Vec::new(),
            log,
            wal,
        };
        for frame in &found.frames {
            ledger.take_back_in(frame)?;
        }
        report.size = ledger.size();
        report.recovered = report.size - published;
        ledger.publish_first = report.recovered > 0;
        ledger.settle(&mut report.warnings);
        Ok((ledger, report))
    }

    /// After a start: publishes what was recovered and puts the folder in order.
    fn settle(&mut self, warnings: &mut Vec<String>) {
        if self.publish_first {
            match self.publish() {
                Ok(()) => self.empty_wal(),
                Err(error) => warnings.push(error.to_string()),
            }
        }
        if warnings.is_empty() {
            // Else the new checkpoint may be there although writing it failed: it needs its tiles.
            if let Err(error) = self.sweep() {
                warnings.push(error.to_string());
            }
        }
        if let Err(error) = self.fill_reserve() {
            warnings.push(error.to_string());
        }
    }

    /// Takes in a frame of the write-ahead file: skips what is published, appends the rest.
    fn take_back_in(&mut self, frame: &[u8]) -> Result<(), LedgerError> {
        let bad = |what: String| LedgerError::tampered(format!("`{WAL}` {what}"));
        let (first, leaves) = frame
            .split_first_chunk::<8>()
            .and_then(|(first, leaves)| Some((u64::from_be_bytes(*first), entries(leaves)?)))
            .ok_or_else(|| bad("has a frame that is not a batch".to_owned()))?;
        for (index, leaf) in (first..).zip(leaves) {
            let size = self.size();
            if index > size {
                return Err(bad(format!("goes on at entry {index}, but the log ends at {size}")));
            }
            if index == size {
                self.push(leaf);
            } else if index >= partial_of(size, 0).0 * limits::TILE_WIDTH as u64
                && self.log.read(index)? != leaf
            {
                return Err(bad(format!("has another entry {index} than the published log")));
            }
        }
        Ok(())
    }

    /// Entries in the log.
    pub fn size(&self) -> u64 {
        self.log.size()
    }

    /// The root of the tree over all entries.
    pub fn root(&self) -> Hash {
        self.log.root()
    }

    /// The last published checkpoint, a signed note.
    pub fn checkpoint(&self) -> String {
        self.log.checkpoint().to_owned()
    }

    /// The reading side.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// One entry; see [`Log::read`].
    pub fn read(&self, index: u64) -> Result<Vec<u8>, LedgerError> {
        self.log.read(index)
    }

    /// Entries, streamed; see [`Log::leaves`].
    pub fn leaves(&self, range: Range<u64>) -> Leaves<'_> {
        self.log.leaves(range)
    }

    /// An inclusion proof; see [`Log::prove_inclusion`].
    pub fn prove_inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, LedgerError> {
        self.log.prove_inclusion(index, size)
    }

    /// A consistency proof; see [`Log::prove_consistency`].
    pub fn prove_consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, LedgerError> {
        self.log.prove_consistency(old, new)
    }

    /// Appends one leaf and returns its index; durable when it returns. After an error nothing was
    /// appended (after [`LedgerError::Broken`]: that is known when the ledger is opened again).
    pub fn append(&mut self, leaf: &[u8]) -> Result<u64, LedgerError> {
        self.append_batch(&[leaf]).map(|range| range.start)
    }

    /// Appends several leaves, all or none, with one sync; otherwise as [`Ledger::append`].
    pub fn append_batch(&mut self, leaves: &[impl AsRef<[u8]>]) -> Result<Range<u64>, LedgerError> {
        let first = self.size();
        if leaves.is_empty() {
            return Ok(first..first);
        }
        let frame = encode_batch(first, leaves)?;
        self.be_ready()?;
        self.write_ahead(&frame)?;
        for leaf in leaves {
            self.push(leaf.as_ref());
        }
        self.try_to_publish();
        Ok(first..self.size())
    }

    /// Appends as [`Ledger::append`]; if the disk is full, gives up the reserve first. For the
    /// outcome of an action whose intent is already recorded, and for nothing else.
    pub fn append_from_reserve(&mut self, leaf: &[u8]) -> Result<u64, LedgerError> {
        match self.append(leaf) {
            Err(error) if error.is_disk_full() => {
                self.release_reserve()?;
                self.append(leaf)
            }
            Ok(index) => {
                // It is appended: whatever goes wrong from here on must not be an error.
                let full = self.publish_error.as_ref().is_some_and(LedgerError::is_disk_full);
                if full && self.release_reserve().is_ok() {
                    self.try_to_publish();
                }
                Ok(index)
            }
            other => other,
        }
    }

    /// Gives up the reserve. The next good [`Ledger::health`] keeps one again.
    pub fn release_reserve(&mut self) -> Result<(), LedgerError> {
        let path = self.log.dir.join(RESERVE);
        self.log.files.remove(&path).map_err(LedgerError::io("remove", &path))
    }

    /// Finds out whether an append would be durable now, and an outcome after it too: everything
    /// is published, the files on disk are those that are written to, the reserve is whole, and
    /// the disk takes and syncs a probe.
    pub fn health(&mut self) -> Result<(), LedgerError> {
        self.be_ready()?;
        self.publish()?;
        self.mend_wal()?;
        let files = Arc::clone(&self.log.files);
        let path = self.log.dir.join(CHECKPOINT);
        if read_file(&*files, &path)?.as_deref() != Some(self.log.note.as_bytes()) {
            return Err(LedgerError::tampered(format!("`{CHECKPOINT}` is not what was written")));
        }
        let path = self.log.dir.join(WAL);
        let on_disk = read_file(&*files, &path)?.map(|bytes| bytes.len() as u64);
        if on_disk != Some(self.wal.len()) {
            return Err(LedgerError::tampered(format!("`{WAL}` is not what was written")));
        }
        self.fill_reserve()?;
        let path = self.log.dir.join(PROBE);
        let probed = files.write_atomic(&path, &filler(limits::PROBE_BYTES));
        let removed = files.remove(&path);
        probed.and(removed).map_err(LedgerError::io("write and sync", &path))
    }

    /// Mends what an earlier failure left, or says that it cannot.
    fn be_ready(&mut self) -> Result<(), LedgerError> {
        if self.publish_first {
            self.publish()?;
            self.empty_wal();
        }
        let bytes = self.log.backlog.values().map(Vec::len).sum();
        if bytes > limits::BACKLOG_BYTES_MAX {
            self.publish().map_err(|e| LedgerError::Backlog { bytes, why: e.to_string() })?;
        }
        self.mend_wal()
    }

    /// Takes out of the write-ahead file what a failed write or cut may have left in it.
    fn mend_wal(&mut self) -> Result<(), LedgerError> {
        if self.broken {
            self.wal.rewind(self.wal_good).map_err(|_| LedgerError::Broken)?;
            self.broken = false;
        }
        Ok(())
    }

    fn write_ahead(&mut self, frame: &[u8]) -> Result<(), LedgerError> {
        match self.wal.append(frame).and_then(|()| self.wal.sync()) {
            Ok(()) => {
                self.wal_good = self.wal.len();
                Ok(())
            }
            Err(source) => {
                // It was not acknowledged, so it must not be there after a restart.
                self.broken = self.wal.rewind(self.wal_good).is_err();
                if self.broken {
                    return Err(LedgerError::Broken);
                }
                Err(LedgerError::io("append to", &self.log.dir.join(WAL))(source))
            }
        }
    }

    fn push(&mut self, leaf: &[u8]) {
        let backlog = &mut self.log.backlog;
        let taken = self.log.edge.push(leaf, &mut |tile, bytes| {
            backlog.insert(tile, bytes);
        });
        debug_assert!(taken, "the length was checked before");
    }

    fn try_to_publish(&mut self) {
        self.publish_error = self.publish().err();
    }

    /// Writes what is not published yet: full tiles, partial tiles, checkpoint.
    fn publish(&mut self) -> Result<(), LedgerError> {
        if self.published == self.size() {
            return Ok(());
        }
        while let Some((tile, bytes)) = self.log.backlog.first_key_value() {
            self.write_tile(*tile, bytes)?;
            self.log.backlog.pop_first();
        }
        let partials = self.log.edge.partials();
        for (tile, bytes) in &partials {
            if !self.partials.contains(tile) {
                self.write_tile(*tile, bytes)?;
            }
        }
        let note = write_checkpoint(&*self.log.files, &self.log.dir, &self.log.edge, &self.signer)?;
        self.log.note = note;
        self.published = self.size();
        self.publish_first = false;
        self.publish_error = None;
        let now: Vec<Tile> = partials.into_iter().map(|(tile, _)| tile).collect();
        let before = std::mem::replace(&mut self.partials, now);
        let stale = std::mem::replace(&mut self.partials_before, before);
        for tile in stale.iter().filter(|t| !self.is_in_use(t)) {
            // What stays behind, or comes back after a crash, only takes room; the next start
            // sweeps it.
            let _ = self.log.files.forget(&tile.path_in(&self.log.dir));
        }
        if self.wal.len() > limits::WAL_BYTES_KEPT {
            self.empty_wal();
        }
        Ok(())
    }

    fn is_in_use(&self, tile: &Tile) -> bool {
        self.partials.contains(tile) || self.partials_before.contains(tile)
    }

    fn write_tile(&self, tile: Tile, bytes: &[u8]) -> Result<(), LedgerError> {
        let path = tile.path_in(&self.log.dir);
        if let Some(above) = path.parent() {
            self.log.files.create_dir_all(above).map_err(LedgerError::io("make", above))?;
        }
        self.log.files.write_atomic(&path, bytes).map_err(LedgerError::io("write", &path))
    }

    /// Empties the write-ahead file, all of which is published.
    fn empty_wal(&mut self) {
        self.wal_good = 0;
        self.broken = self.wal.clear().is_err();
    }

    /// Removes partial tiles that a crash left behind. The checkpoint is written once more before:
    /// what a start finds may be only in the page cache, and the durable one still need them.
    fn sweep(&self) -> Result<(), LedgerError> {
        let stale = self.stale_partials();
        if stale.is_empty() {
            return Ok(());
        }
        let Log { files, dir, note, .. } = &self.log;
        let path = dir.join(CHECKPOINT);
        files.write_atomic(&path, note.as_bytes()).map_err(LedgerError::io("write", &path))?;
        for path in stale {
            let _ = files.remove(&path); // what stays behind only takes room
        }
        Ok(())
    }

    /// Files beside the partial tiles of the checkpoint.
    fn stale_partials(&self) -> Vec<PathBuf> {
        let dir = &self.log.dir;
        let mut stale = Vec::new();
        for level in 0..=limits::LEVELS_MAX {
            let kind = match level.checked_sub(1) {
                None => Kind::Entries,
                Some(level) => Kind::Hashes { level: u8::try_from(level).unwrap_or(u8::MAX) },
            };
            let (n, width) = partial_of(self.published, level.saturating_sub(1));
            let current = Tile { kind, n, width }.path_in(dir);
            for n in n.saturating_sub(1)..=n {
                let some = Tile { kind, n, width: 1 }.path_in(dir);
                let Some(folder) = some.parent() else { continue };
                let names = self.log.files.list(folder).unwrap_or_default();
                let paths = names.iter().map(|name| folder.join(name));
                stale.extend(paths.filter(|path| width == 0 || *path != current));
            }
        }
        stale
    }

    /// Makes the reserve whole, if it is not.
    fn fill_reserve(&self) -> Result<(), LedgerError> {
        let path: PathBuf = self.log.dir.join(RESERVE);
        let there = read_file(&*self.log.files, &path)?;
        if there.is_some_and(|bytes| bytes.len() == limits::RESERVE_BYTES) {
            return Ok(());
        }
        let bytes = filler(limits::RESERVE_BYTES);
        self.log.files.write_atomic(&path, &bytes).map_err(LedgerError::io("keep", &path))
    }
}

/// Begins a log in a folder that holds none: the checkpoint of nothing comes before anything else.
fn begin(files: Arc<dyn Files>, dir: &Path, signer: &Signer) -> Result<Log, LedgerError> {
    let list = |path: &Path| files.list(path).map_err(LedgerError::io("list", path));
    let tiles = list(&dir.join("tile"))?;
    if !tiles.is_empty() || list(dir)?.iter().any(|name| name == WAL) {
        return Err(LedgerError::tampered(format!(
            "`{CHECKPOINT}` is missing, but there are tiles or a `{WAL}`"
        )));
    }
    let edge = Edge::default();
    let note = write_checkpoint(&*files, dir, &edge, signer)?;
    Ok(Log { files, dir: dir.to_path_buf(), edge, backlog: BTreeMap::new(), note })
}

fn write_checkpoint(
    files: &dyn Files,
    dir: &Path,
    edge: &Edge,
    signer: &Signer,
) -> Result<String, LedgerError> {
    let root = if edge.size() == 0 { empty_root() } else { edge.root() };
    let origin = signer.verifier().name().to_owned();
    let note = Checkpoint { origin, size: edge.size(), root }.sign(signer);
    let path = dir.join(CHECKPOINT);
    files.write_atomic(&path, note.as_bytes()).map_err(LedgerError::io("write", &path))?;
    Ok(note)
}

/// A batch as a frame of the write-ahead file: the index of its first entry, then a bundle.
fn encode_batch(first: u64, leaves: &[impl AsRef<[u8]>]) -> Result<Vec<u8>, LedgerError> {
    let bytes: usize = leaves.iter().map(|leaf| 2 + leaf.as_ref().len()).sum();
    if bytes > limits::BATCH_BYTES_MAX {
        return Err(LedgerError::BatchTooLarge { bytes, limit: limits::BATCH_BYTES_MAX });
    }
    let mut frame = first.to_be_bytes().to_vec();
    for leaf in leaves {
        let (bytes, limit) = (leaf.as_ref().len(), limits::LEAF_BYTES_MAX);
        push_entry(&mut frame, leaf.as_ref()).ok_or(LedgerError::LeafTooLarge { bytes, limit })?;
    }
    Ok(frame)
}

/// Bytes that a file system cannot compress or leave out as zeros, so that they really take room.
fn filler(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
