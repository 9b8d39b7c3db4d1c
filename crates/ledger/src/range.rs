//! Following somebody else's log leaf by leaf: the roots of the perfect subtrees over what was
//! seen, at most 64 hashes, from which the root of the whole follows at any size.

use crate::hash::{Hash, empty_root, leaf_hash, node_hash};

/// The perfect subtrees over a log's first leaves, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    size: u64,
    roots: Vec<Hash>,
}

impl Range {
    /// A range that was kept; `None` where the number of hashes does not fit the size.
    pub fn from_parts(size: u64, roots: Vec<Hash>) -> Option<Self> {
        (roots.len() == size.count_ones() as usize).then_some(Self { size, roots })
    }

    /// Leaves that were seen.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots, the largest subtree first.
    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Takes the next leaf in. What is past the largest size is let be.
    pub fn push(&mut self, leaf: &[u8]) {
        let Some(size) = self.size.checked_add(1) else { return };
        let mut hash = leaf_hash(leaf);
        // As in a counter: each subtree of the same size is taken up into the next larger one.
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.roots.pop() else { break };
            hash = node_hash(left, hash);
        }
        self.roots.push(hash);
        self.size = size;
    }

    /// The root of the whole.
    pub fn root(&self) -> Hash {
        let roots = self.roots.iter().rev().copied();
        roots.reduce(|right, left| node_hash(left, right)).unwrap_or_else(empty_root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::root_of;

    #[test]
    fn a_range_has_the_root_of_the_tree_at_every_size() {
        let (mut range, mut hashes) = (Range::default(), Vec::new());
        assert_eq!(range.root(), empty_root());
        for n in 0..600_u32 {
            let leaf = n.to_be_bytes();
            hashes.push(leaf_hash(&leaf));
            range.push(&leaf);
            assert_eq!(range.root(), root_of(&hashes), "size {}", n + 1);
            let kept = Range::from_parts(range.size(), range.roots().to_vec());
            assert_eq!(kept.as_ref(), Some(&range));
        }
        assert!(Range::from_parts(3, vec![empty_root()]).is_none());
    }
}
