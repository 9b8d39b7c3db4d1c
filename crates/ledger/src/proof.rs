//! Inclusion and consistency proofs (RFC 6962, 2.1.1 and 2.1.2), made from any source of subtree
//! roots, and checked as in RFC 9162, 2.1.3.2 and 2.1.4.2.

use crate::hash::{Hash, empty_root, node_hash};
use crate::limits::PROOF_HASHES_MAX;

/// The largest power of two below `n`, for `n` over 1.
fn split_of(n: u64) -> u64 {
    1 << (n.saturating_sub(1)).checked_ilog2().unwrap_or(0)
}

/// The root over the leaves `start..end`, where `start..end` is a subtree that RFC 6962's recursion
/// meets. `subtree(level, index)` gives roots of perfect subtrees of 2 to the power of level
/// leaves.
pub(crate) fn range_root<E>(
    mut start: u64,
    end: u64,
    subtree: &mut impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Hash, E> {
    let mut left = Vec::new();
    while start < end {
        let n = end - start;
        let step = if n.is_power_of_two() { n } else { split_of(n) };
        let level = step.trailing_zeros();
        left.push(subtree(level, start >> level)?);
        start += step;
    }
    let folded = left.into_iter().rev().reduce(|right, left| node_hash(left, right));
    Ok(folded.unwrap_or_else(empty_root))
}

/// The proof that the leaf `index` is in the tree of the first `size` leaves (`index < size`).
pub(crate) fn inclusion<E>(
    index: u64,
    size: u64,
    subtree: &mut impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let (mut start, mut end) = (0, size);
    let mut proof = Vec::new();
    while end - start > 1 {
        let middle = start + split_of(end - start);
        if index < middle {
            proof.push(range_root(middle, end, subtree)?);
            end = middle;
        } else {
            proof.push(range_root(start, middle, subtree)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of the first `new` leaves is the tree of the first `old` leaves with
/// something appended (`old <= new`). Empty if `old` is 0 or equal to `new`.
pub(crate) fn consistency<E>(
    old: u64,
    new: u64,
    subtree: &mut impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, new);
    let mut proof = Vec::new();
    while end != old {
        let middle = start + split_of(end - start);
        if old <= middle {
            proof.push(range_root(middle, end, subtree)?);
            end = middle;
        } else {
            proof.push(range_root(start, middle, subtree)?);
            start = middle;
        }
    }
    if start != 0 {
        proof.push(range_root(start, end, subtree)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether `proof` shows that a leaf with hash `leaf` is at `index` in the tree of `size` leaves
/// with the root `root`.
pub fn verify_inclusion(proof: &[Hash], leaf: Hash, index: u64, size: u64, root: Hash) -> bool {
    if index >= size || proof.len() > PROOF_HASHES_MAX {
        return false;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = leaf;
    for &other in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(other, hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(hash, other);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == root
}

/// Whether `proof` shows that the tree of `new` leaves with the root `new_root` begins with the
/// tree of `old` leaves with the root `old_root`.
pub fn verify_consistency(
    proof: &[Hash],
    old: u64,
    old_root: Hash,
    new: u64,
    new_root: Hash,
) -> bool {
    if old > new || proof.len() > PROOF_HASHES_MAX {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return proof.is_empty() && old_root == empty_root();
    }
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let mut rest = proof.iter().copied();
    // A perfect old tree is a subtree of the new one and is not repeated in the proof.
    let first = if old.is_power_of_two() { Some(old_root) } else { rest.next() };
    let Some(first) = first else { return false };
    let (mut old_hash, mut new_hash) = (first, first);
    for other in rest {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_hash = node_hash(other, old_hash);
            new_hash = node_hash(other, new_hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(new_hash, other);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == old_root && new_hash == new_root
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::hash::tests::known_leaves;
    use crate::hash::{leaf_hash, root_of};
    use proptest::prelude::*;

    fn tree(size: u64) -> Vec<Hash> {
        (0..size).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    fn source(leaves: &[Hash]) -> impl FnMut(u32, u64) -> Result<Hash, Infallible> {
        move |level, index| {
            let start = usize::try_from(index << level).unwrap();
            Ok(root_of(&leaves[start..start + (1 << level)]))
        }
    }

    fn root(leaves: &[Hash], size: u64) -> Hash {
        root_of(&leaves[..usize::try_from(size).unwrap()])
    }

    #[test]
    fn the_known_proofs_of_the_known_tree() {
        let leaves: Vec<Hash> = known_leaves().iter().map(|l| leaf_hash(l)).collect();
        let hex = |proof: Vec<Hash>| proof.iter().map(|h| hex::encode(h.0)).collect::<Vec<_>>();
        assert_eq!(
            hex(inclusion(5, 8, &mut source(&leaves)).unwrap()),
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
        assert_eq!(
            hex(consistency(6, 8, &mut source(&leaves)).unwrap()),
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn proofs_hold_and_break_when_anything_in_them_changes(
            size in 1_u64..620,
            at in any::<prop::sample::Index>(),
            bit in 0_usize..256,
            which in any::<prop::sample::Index>(),
        ) {
            let leaves = tree(size);
            let index = at.index(leaves.len()) as u64;
            let (old, new_root) = (index + 1, root(&leaves, size));
            let old_root = root(&leaves, old);
            let leaf = leaves[at.index(leaves.len())];

            let proof = inclusion(index, size, &mut source(&leaves)).unwrap();
            prop_assert!(verify_inclusion(&proof, leaf, index, size, new_root));
            prop_assert!(!verify_inclusion(&proof, leaf, index + 1, size, new_root));
            let mut longer = proof.clone();
            longer.push(leaf);
            prop_assert!(!verify_inclusion(&longer, leaf, index, size, new_root));
            if !proof.is_empty() {
                let mut bad = proof.clone();
                bad[which.index(proof.len())].0[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(!verify_inclusion(&bad, leaf, index, size, new_root));
                prop_assert!(!verify_inclusion(&proof[1..], leaf, index, size, new_root));
            }

            let proof = consistency(old, size, &mut source(&leaves)).unwrap();
            prop_assert!(verify_consistency(&proof, old, old_root, size, new_root));
            if old < size {
                prop_assert!(!verify_consistency(&proof, old, new_root, size, new_root));
                prop_assert!(!verify_consistency(&proof, old, old_root, size, old_root));
                let mut bad = proof.clone();
                bad[which.index(proof.len())].0[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(!verify_consistency(&bad, old, old_root, size, new_root));
            }
        }
    }

    #[test]
    fn every_pair_up_to_65_holds() {
        let leaves = tree(65);
        for size in 1..=65 {
            for index in 0..size {
                let proof = inclusion(index, size, &mut source(&leaves)).unwrap();
                let leaf = leaves[usize::try_from(index).unwrap()];
                assert!(verify_inclusion(&proof, leaf, index, size, root(&leaves, size)));
            }
            for old in 0..=size {
                let proof = consistency(old, size, &mut source(&leaves)).unwrap();
                let roots = (root(&leaves, old), root(&leaves, size));
                assert!(verify_consistency(&proof, old, roots.0, size, roots.1), "{old} {size}");
            }
        }
    }
}
