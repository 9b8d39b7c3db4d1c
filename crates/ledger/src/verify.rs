//! The whole log recomputed from its entries, and compared with everything that is published.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use durable::Files;
use durable::frames;

use crate::checkpoint::Checkpoint;
use crate::edge::{Edge, partial_of};
use crate::error::LedgerError;
use crate::hash::Hash;
use crate::ledger::WAL;
use crate::limits::TILE_WIDTH;
use crate::log::{Log, first_unlike, read_file, read_tile};
use crate::note::VerifierKey;
use crate::tile::{Kind, Tile, decode_hashes, entries, entries_exactly};

/// What was checked and what failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Entries that the checkpoint speaks of; 0 if it cannot be trusted.
    pub size: u64,
    /// The root that the checkpoint signs.
    pub root: Option<Hash>,
    /// Entries whose hash was computed.
    pub entries_checked: u64,
    /// Tiles and bundles that were compared.
    pub tiles_checked: u64,
    /// Entries that are durable in the write-ahead file but not yet under a signature.
    pub unpublished: u64,
    /// What holds, in plain words.
    pub holds: Vec<String>,
    /// What does not, in plain words; the first mismatch ends the check. Empty if all is well.
    pub failures: Vec<String>,
}

impl VerifyReport {
    /// Whether everything that was checked holds.
    pub fn is_good(&self) -> bool {
        self.failures.is_empty()
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.holds {
            writeln!(f, "ok: {line}")?;
        }
        for line in &self.failures {
            writeln!(f, "FAILED: {line}")?;
        }
        if self.unpublished > 0 {
            writeln!(f, "note: {} entries are not under a signature yet", self.unpublished)?;
        }
        Ok(())
    }
}

/// Checks the log in `dir`: the checkpoint's signature, every entry against its hash, every tile
/// against the tiles and entries below it, the root, and, with `against` (the text of a checkpoint
/// that was kept elsewhere), that the log is that older log with something appended.
///
/// A mismatch or a missing file is in the report; an error means that the disk could not be read,
/// so that nothing is known.
pub fn verify_dir(
    files: &Arc<dyn Files>,
    dir: &Path,
    key: &VerifierKey,
    against: Option<&str>,
) -> Result<VerifyReport, LedgerError> {
    let mut report = VerifyReport::default();
    match check(files, dir, key, against, &mut report) {
        Err(LedgerError::Tampered { what }) => report.failures.push(what),
        other => other?,
    }
    Ok(report)
}

fn check(
    files: &Arc<dyn Files>,
    dir: &Path,
    key: &VerifierKey,
    against: Option<&str>,
    report: &mut VerifyReport,
) -> Result<(), LedgerError> {
    let log = Log::open(Arc::clone(files), dir, key)?;
    report.size = log.size();
    report.root = Some(log.root());
    report.holds.push(format!("the checkpoint of {} entries is signed by {key}", log.size()));
    let old = match against {
        None => None,
        Some(note) => Some(old_checkpoint(note, key, log.size())?),
    };
    let mut replay =
        Replay { files: &**files, dir, edge: Edge::default(), old: old.as_ref(), report };
    replay.compare_old()?;
    for n in 0..partial_of(log.size(), 0).0 {
        replay.full_bundle(n)?;
    }
    for leaf in entries(log.edge.bundle()).unwrap_or_default() {
        replay.push(leaf)?;
    }
    let edge = replay.edge;
    for ((tile, ours), (_, theirs)) in edge.partials().into_iter().zip(log.edge.partials()) {
        report.tiles_checked += 1;
        same(tile, &ours, &theirs)?;
    }
    if edge.root() != log.root() {
        return Err(LedgerError::tampered(
            "the entries do not give the root that the checkpoint signs".to_owned(),
        ));
    }
    report.holds.push(format!("{} entries have the hashes that the log states", edge.size()));
    report
        .holds
        .push(format!("{} tiles fit one another and the signed root", report.tiles_checked));
    if let Some(old) = old {
        report.holds.push(format!(
            "the log begins with the {} entries of the older checkpoint, unchanged",
            old.size
        ));
    }
    report.unpublished = unpublished(&**files, dir, log.size())?;
    Ok(())
}

fn old_checkpoint(note: &str, key: &VerifierKey, size: u64) -> Result<Checkpoint, LedgerError> {
    let old = Checkpoint::open(note.as_bytes(), key)
        .map_err(|why| LedgerError::tampered(format!("the older checkpoint is no good: {why}")))?;
    if old.size > size {
        return Err(LedgerError::tampered(format!(
            "the older checkpoint has {} entries, the log only {size}: entries were removed",
            old.size
        )));
    }
    Ok(old)
}

/// The log built again from its entries.
struct Replay<'a> {
    files: &'a dyn Files,
    dir: &'a Path,
    edge: Edge,
    old: Option<&'a Checkpoint>,
    report: &'a mut VerifyReport,
}

impl Replay<'_> {
    fn full_bundle(&mut self, n: u64) -> Result<(), LedgerError> {
        let tile = Tile { kind: Kind::Entries, n, width: TILE_WIDTH };
        let bytes = read_tile(self.files, self.dir, tile)?;
        let entries = entries_exactly(&bytes, TILE_WIDTH).ok_or_else(|| {
            LedgerError::tampered(format!("`{}` has not {TILE_WIDTH} entries", tile.path()))
        })?;
        let hashes = Tile { kind: Kind::Hashes { level: 0 }, ..tile };
        let stated = read_tile(self.files, self.dir, hashes)?;
        let stated = decode_hashes(&stated, TILE_WIDTH).ok_or_else(|| {
            LedgerError::tampered(format!("`{}` has a wrong length", hashes.path()))
        })?;
        first_unlike(tile, &entries, &stated)?;
        entries.into_iter().try_for_each(|leaf| self.push(leaf))
    }

    fn push(&mut self, leaf: &[u8]) -> Result<(), LedgerError> {
        let mut full = Vec::new();
        if !self.edge.push(leaf, &mut |tile, bytes| full.push((tile, bytes))) {
            return Err(LedgerError::tampered("an entry is too long".to_owned()));
        }
        self.report.entries_checked += 1;
        for (tile, ours) in full {
            self.report.tiles_checked += 1;
            same(tile, &ours, &read_tile(self.files, self.dir, tile)?)?;
        }
        self.compare_old()
    }

    fn compare_old(&self) -> Result<(), LedgerError> {
        match self.old {
            Some(old) if old.size == self.edge.size() && old.root != self.edge.root() => {
                Err(LedgerError::tampered(format!(
                    "the first {} entries are not those of the older checkpoint: history was \
                     rewritten",
                    old.size
                )))
            }
            _ => Ok(()),
        }
    }
}

/// An error that names the first hash of a tile that is not the computed one.
fn same(tile: Tile, computed: &[u8], stated: &[u8]) -> Result<(), LedgerError> {
    if computed == stated {
        return Ok(());
    }
    let at = computed.iter().zip(stated).position(|(a, b)| a != b).unwrap_or(computed.len());
    let place = match tile.kind {
        Kind::Entries => format!("byte {at}"),
        Kind::Hashes { .. } => format!("hash {}", at / crate::hash::HASH_BYTES),
    };
    Err(LedgerError::tampered(format!(
        "`{}` does not fit the entries below it, first at its {place}",
        tile.path()
    )))
}

fn unpublished(files: &dyn Files, dir: &Path, size: u64) -> Result<u64, LedgerError> {
    let bytes = read_file(files, &dir.join(WAL))?.unwrap_or_default();
    let mut count = 0;
    for frame in frames::parse(&bytes).0 {
        let Some((first, leaves)) = frame.split_first_chunk::<8>() else { continue };
        let end = u64::from_be_bytes(*first)
            .saturating_add(entries(leaves).map_or(0, |leaves| leaves.len() as u64));
        count = count.max(end.saturating_sub(size));
    }
    Ok(count)
}
