//! The right edge of the tree: all that is needed to append and to know the root.

use crate::hash::{Hash, empty_root, leaf_hash, node_hash, root_of};
use crate::limits::{LEVELS_MAX, TILE_WIDTH};
use crate::tile::{Kind, Tile, encode_hashes, push_entry};

/// The partial tiles at the right edge: at most 255 hashes a level and 255 entries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edge {
    size: u64,
    /// By level, the hashes of the tile that is not full.
    levels: Vec<Vec<Hash>>,
    /// The entry bundle that is not full, encoded.
    bundle: Vec<u8>,
}

/// The width of the partial tile of a level (0 if there is none) in a tree of `size` leaves, and
/// its number, which is also the number of full tiles before it.
pub(crate) fn partial_of(size: u64, level: usize) -> (u64, usize) {
    let hashes = u32::try_from(level * 8).ok().and_then(|bits| size.checked_shr(bits)).unwrap_or(0);
    let width = usize::try_from(hashes % TILE_WIDTH as u64).unwrap_or(0);
    (hashes / TILE_WIDTH as u64, width)
}

impl Edge {
    /// An edge from its parts; they must fit `size` and one another (see [`Edge::root`]).
    pub(crate) fn from_parts(size: u64, levels: Vec<Vec<Hash>>, bundle: Vec<u8>) -> Self {
        Self { size, levels, bundle }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Hashes of the partial tile of a level.
    pub(crate) fn level(&self, level: usize) -> &[Hash] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// The partial entry bundle, encoded.
    pub(crate) fn bundle(&self) -> &[u8] {
        &self.bundle
    }

    /// Appends a leaf; tiles that became full go to `full`. False (and nothing changed) if the
    /// leaf is too long or the tree is full.
    #[must_use]
    pub(crate) fn push(&mut self, leaf: &[u8], full: &mut impl FnMut(Tile, Vec<u8>)) -> bool {
        if self.size == u64::MAX || push_entry(&mut self.bundle, leaf).is_none() {
            return false;
        }
        self.size += 1;
        let mut hash = leaf_hash(leaf);
        for level in 0..LEVELS_MAX {
            if self.levels.len() <= level {
                self.levels.push(Vec::with_capacity(TILE_WIDTH));
            }
            let Some(hashes) = self.levels.get_mut(level) else { break };
            hashes.push(hash);
            if hashes.len() < TILE_WIDTH {
                break;
            }
            let n = partial_of(self.size, level).0.saturating_sub(1);
            if level == 0 {
                let tile = Tile { kind: Kind::Entries, n, width: TILE_WIDTH };
                full(tile, std::mem::take(&mut self.bundle));
            }
            let kind = Kind::Hashes { level: u8::try_from(level).unwrap_or(u8::MAX) };
            full(Tile { kind, n, width: TILE_WIDTH }, encode_hashes(hashes));
            hash = root_of(hashes);
            hashes.clear();
        }
        true
    }

    /// The partial tiles with their bytes.
    pub(crate) fn partials(&self) -> Vec<(Tile, Vec<u8>)> {
        let tiles = partial_tiles(self.size);
        tiles
            .into_iter()
            .map(|tile| {
                let bytes = match tile.kind {
                    Kind::Entries => self.bundle.clone(),
                    Kind::Hashes { level } => encode_hashes(self.level(usize::from(level))),
                };
                (tile, bytes)
            })
            .collect()
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        for level in &self.levels {
            // The perfect subtrees within the tile, from the right, smallest first.
            let mut end = level.len();
            while end > 0 {
                let start = end & (end - 1);
                let subtree = root_of(level.get(start..end).unwrap_or_default());
                root = Some(root.map_or(subtree, |right| node_hash(subtree, right)));
                end = start;
            }
        }
        root.unwrap_or_else(empty_root)
    }
}

/// The partial tiles of a tree of `size` leaves, the entry bundle first.
pub(crate) fn partial_tiles(size: u64) -> Vec<Tile> {
    let (n, width) = partial_of(size, 0);
    let mut tiles = vec![Tile { kind: Kind::Entries, n, width }];
    for level in 0..LEVELS_MAX {
        let (n, width) = partial_of(size, level);
        let kind = Kind::Hashes { level: u8::try_from(level).unwrap_or(u8::MAX) };
        tiles.push(Tile { kind, n, width });
    }
    tiles.retain(|tile| tile.width > 0);
    tiles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_has_the_root_of_the_whole_tree_at_every_size() {
        let mut edge = Edge::default();
        let mut hashes = Vec::new();
        let mut full = Vec::new();
        assert_eq!(edge.root(), empty_root());
        for i in 0..70_000_u32 {
            let leaf = i.to_be_bytes();
            hashes.push(leaf_hash(&leaf));
            assert!(edge.push(&leaf, &mut |tile, _| full.push(tile)));
            if !(600..=69_990).contains(&i) || (65_530..65_540).contains(&i) {
                assert_eq!(edge.root(), root_of(&hashes), "size {}", i + 1);
            }
        }
        let of_level = |level| full.iter().filter(|t| t.kind == Kind::Hashes { level }).count();
        assert_eq!((of_level(0), of_level(1), of_level(2)), (273, 1, 0));
        assert_eq!(
            partial_tiles(70_000).iter().map(|t| t.path()).collect::<Vec<_>>(),
            ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
        );
    }
}
