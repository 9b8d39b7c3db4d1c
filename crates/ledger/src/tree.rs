//! The whole tree over leaf hashes that somebody holds: its root, and proofs for single leaves.

use std::convert::Infallible;

use crate::hash::{Hash, node_hash, root_of};
use crate::proof::inclusion;

/// The roots of all perfect subtrees over some leaves, by level: twice the leaves in memory, and
/// each proof costs the logarithm of their number.
#[derive(Clone, Debug)]
pub struct Tree {
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree over these leaf hashes, in order.
    pub fn over(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(last) = levels.last().filter(|last| last.len() > 1) {
            let pairs = last.as_chunks::<2>().0;
            let next = pairs.iter().map(|[left, right]| node_hash(*left, *right)).collect();
            levels.push(next);
        }
        Self { levels }
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// The root over all leaves (RFC 6962, section 2.1).
    pub fn root(&self) -> Hash {
        root_of(self.levels.first().map_or(&[], Vec::as_slice))
    }

    /// The proof that the leaf at `index` is in the tree; `None` where there is no such leaf.
    pub fn inclusion(&self, index: u64) -> Option<Vec<Hash>> {
        if index >= self.size() {
            return None;
        }
        let mut missing = false;
        let mut subtree = |level: u32, at: u64| -> Result<Hash, Infallible> {
            let level = usize::try_from(level).ok().and_then(|level| self.levels.get(level));
            let found = level.and_then(|level| level.get(usize::try_from(at).ok()?));
            missing |= found.is_none();
            Ok(found.copied().unwrap_or(Hash([0; 32])))
        };
        let Ok(proof) = inclusion(index, self.size(), &mut subtree);
        (!missing).then_some(proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::leaf_hash;
    use crate::proof::verify_inclusion;

    #[test]
    fn every_leaf_of_every_size_is_proved_to_be_in_the_tree() {
        for size in 0..=70_u64 {
            let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
            let tree = Tree::over(leaves.clone());
            assert_eq!((tree.size(), tree.root()), (size, root_of(&leaves)));
            for (index, leaf) in (0..).zip(&leaves) {
                let proof = tree.inclusion(index).unwrap();
                assert!(
                    verify_inclusion(&proof, *leaf, index, size, tree.root()),
                    "{index}/{size}"
                );
            }
            assert!(tree.inclusion(size).is_none());
        }
    }
}
