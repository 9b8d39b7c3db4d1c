//! Tiles and entry bundles (c2sp.org/tlog-tiles): which there are, where they lie, how they are
//! encoded.

use std::path::{Path, PathBuf};

use crate::hash::{HASH_BYTES, Hash};
use crate::limits::{LEAF_BYTES_MAX, TILE_WIDTH};

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The entries themselves.
    Entries,
    /// Roots of neighbouring subtrees of 256 to the power of the level leaves each.
    Hashes {
        /// 0 for the hashes of leaves.
        level: u8,
    },
}

/// One file of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// What it holds.
    pub kind: Kind,
    /// Which of its kind and level, from the left.
    pub n: u64,
    /// How many hashes or entries, 1 to 256; under 256 it is a partial tile.
    pub width: usize,
}

impl Tile {
    /// Whether it will never change.
    pub fn is_full(self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Where it lies in the log's folder, with `/` between the parts.
    pub fn path(self) -> String {
        let level = match self.kind {
            Kind::Entries => "entries".to_owned(),
            Kind::Hashes { level } => level.to_string(),
        };
        let mut number = format!("{:03}", self.n % 1_000);
        let mut above = self.n / 1_000;
        while above > 0 {
            number = format!("x{:03}/{number}", above % 1_000);
            above /= 1_000;
        }
        let partial = if self.is_full() { String::new() } else { format!(".p/{}", self.width) };
        format!("tile/{level}/{number}{partial}")
    }

    /// Where it lies under `dir`.
    pub fn path_in(self, dir: &Path) -> PathBuf {
        dir.join(self.path())
    }
}

/// The bytes of a tile of hashes.
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The hashes of a tile's bytes; `None` if they are not exactly `width` hashes.
pub fn decode_hashes(bytes: &[u8], width: usize) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    (hashes.len() == width && rest.is_empty()).then(|| hashes.iter().copied().map(Hash).collect())
}

/// Adds an entry to a bundle: its length as a big-endian `u16`, then its bytes. `None` (and
/// nothing added) if it is too long.
#[must_use]
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Option<()> {
    let length = u16::try_from(entry.len()).ok().filter(|_| entry.len() <= LEAF_BYTES_MAX)?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Some(())
}

/// The entries of a bundle, of any number; `None` if its end is cut.
pub fn entries(bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    let mut rest = bundle;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (entry, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        rest = after;
    }
    Some(entries)
}

/// The entries of a bundle that has exactly `width` of them.
pub fn entries_exactly(bundle: &[u8], width: usize) -> Option<Vec<&[u8]>> {
    entries(bundle).filter(|entries| entries.len() == width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let path = |kind, n, width| Tile { kind, n, width }.path();
        let hashes = |level| Kind::Hashes { level };
        assert_eq!(path(hashes(0), 0, 256), "tile/0/000");
        assert_eq!(path(hashes(1), 273, 112), "tile/1/273.p/112");
        assert_eq!(path(hashes(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(Kind::Entries, 1_000, 1), "tile/entries/x001/000.p/1");
        assert_eq!(path(Kind::Entries, 67_000, 256), "tile/entries/x067/000");
    }

    #[test]
    fn an_entry_over_the_limit_is_not_taken() {
        let mut bundle = Vec::new();
        assert!(push_entry(&mut bundle, &vec![0; LEAF_BYTES_MAX + 1]).is_none());
        assert!(bundle.is_empty());
    }

    proptest! {
        #[test]
        fn a_bundle_reads_back(
            given in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
        ) {
            let mut bundle = Vec::new();
            for entry in &given {
                push_entry(&mut bundle, entry).unwrap();
            }
            prop_assert_eq!(entries(&bundle).unwrap(), given);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = entries(&bytes);
            let _ = decode_hashes(&bytes, 3);
        }
    }
}
