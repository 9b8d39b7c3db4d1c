//! The ledger against RFC 6962: known roots and proofs of the well-known test tree, and for every
//! size the roots and proofs of a second reading of the RFC, written down here as it stands there.

use std::path::Path;
use std::sync::Arc;

use durable::Files;
use ledger::{Hash, Ledger, Signer, leaf_hash, verify_consistency, verify_inclusion};
use sha2::{Digest as _, Sha256};
use testkit::{FaultFiles, Faults};

/// The inputs of the test tree of the Certificate Transparency project, in hex.
const INPUTS: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
/// Its roots by size.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
/// Sizes up to which everything is compared: past two full tiles.
const SIZE_MAX: u64 = 530;

type Digest = [u8; 32];

fn ledger() -> Ledger {
    let files: Arc<dyn Files> = Arc::new(FaultFiles::new(Faults::none(0)));
    let signer = Signer::from_seed("ledger.example/vectors", &[1; 32]).unwrap();
    Ledger::open(files, Path::new("/ledger"), signer).unwrap().0
}

fn sha256(parts: &[&[u8]]) -> Digest {
    Sha256::digest(parts.concat()).into()
}

/// RFC 6962, section 2.1: `MTH`, over hashes of leaves.
fn mth(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            sha256(&[&[1], &mth(left), &mth(right)])
        }
    }
}

/// Section 2.1.1: `PATH`.
fn path(index: usize, leaves: &[Digest]) -> Vec<Digest> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if index < left.len() {
        [path(index, left), vec![mth(right)]].concat()
    } else {
        [path(index - left.len(), right), vec![mth(left)]].concat()
    }
}

/// Section 2.1.2: `SUBPROOF`.
fn subproof(old: usize, leaves: &[Digest], is_whole: bool) -> Vec<Digest> {
    if old == leaves.len() {
        return if is_whole { Vec::new() } else { vec![mth(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if old <= left.len() {
        [subproof(old, left, is_whole), vec![mth(right)]].concat()
    } else {
        [subproof(old - left.len(), right, false), vec![mth(left)]].concat()
    }
}

/// The largest power of two smaller than `n`.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

fn plain(hashes: Vec<Hash>) -> Vec<Digest> {
    hashes.into_iter().map(|hash| hash.0).collect()
}

#[test]
fn the_known_tree_has_the_known_roots_and_proofs() {
    let mut ledger = ledger();
    for (size, root) in ROOTS.iter().enumerate() {
        assert_eq!(hex::encode(ledger.root().0), *root, "size {size}");
        if let Some(input) = INPUTS.get(size) {
            ledger.append(&hex::decode(input).unwrap()).unwrap();
        }
    }
    let shown = |hashes: Vec<Hash>| hashes.iter().map(|h| hex::encode(h.0)).collect::<Vec<_>>();
    // The well-known proof of the first of eight entries.
    assert_eq!(
        shown(ledger.prove_inclusion(0, 8).unwrap()),
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]
    );
}

#[test]
fn roots_and_proofs_of_every_size_are_those_of_the_rfc() {
    let mut ledger = ledger();
    let mut leaves = Vec::new();
    let mut proofs = 0;
    for size in 1..=SIZE_MAX {
        let entry = format!("entry {size}");
        leaves.push(sha256(&[&[0], entry.as_bytes()]));
        assert_eq!(leaf_hash(entry.as_bytes()).0, leaves[leaves.len() - 1]);
        ledger.append(entry.as_bytes()).unwrap();
        let root = mth(&leaves);
        assert_eq!(ledger.root().0, root, "size {size}");
        assert_eq!(ledger.log().root_at(size).unwrap().0, root, "size {size}");
    }
    // From the whole log, trees of every size; in each some entries and older trees, with those
    // about the edges of subtrees and tiles.
    for size in 1..=SIZE_MAX {
        let tree = &leaves[..usize::try_from(size).unwrap()];
        let root = Hash(mth(tree));
        assert_eq!(ledger.log().root_at(size).unwrap(), root, "size {size}");
        let edges = [1, 2, 3, 64, 128, 255, 256, 257, 511, 512, 513, size / 2, size - 1, size];
        for old in edges.into_iter().filter(|old| (1..=size).contains(old)) {
            let at = usize::try_from(old - 1).unwrap();
            let proof = ledger.prove_inclusion(old - 1, size).unwrap();
            assert!(verify_inclusion(&proof, Hash(tree[at]), old - 1, size, root));
            assert_eq!(plain(proof), path(at, tree), "entry {at} of {size}");

            let proof = ledger.prove_consistency(old, size).unwrap();
            assert!(verify_consistency(&proof, old, Hash(mth(&tree[..=at])), size, root));
            assert_eq!(plain(proof), subproof(at + 1, tree, true), "{old} in {size}");
            proofs += 2;
        }
    }
    println!("{proofs} proofs of {SIZE_MAX} trees");
}

#[test]
fn every_entry_of_a_tree_is_proven() {
    let mut ledger = ledger();
    let entries: Vec<String> = (0..SIZE_MAX).map(|i| format!("entry {i}")).collect();
    ledger.append_batch(&entries).unwrap();
    for (index, entry) in (0..).zip(&entries) {
        let proof = ledger.prove_inclusion(index, SIZE_MAX).unwrap();
        let leaf = leaf_hash(entry.as_bytes());
        assert!(verify_inclusion(&proof, leaf, index, SIZE_MAX, ledger.root()));
        assert!(!verify_inclusion(&proof, leaf_hash(b"other"), index, SIZE_MAX, ledger.root()));
        assert_eq!(ledger.read(index).unwrap(), entry.as_bytes());
    }
}

#[test]
fn what_is_not_in_the_log_is_not_proven() {
    let mut ledger = ledger();
    ledger.append_batch(&["a", "b", "c"]).unwrap();
    for (index, size) in [(3, 3), (0, 0), (2, 2), (0, 4), (u64::MAX, u64::MAX)] {
        assert!(ledger.prove_inclusion(index, size).is_err(), "{index} {size}");
    }
    for (old, new) in [(2, 1), (0, 4), (4, 4), (u64::MAX, u64::MAX)] {
        assert!(ledger.prove_consistency(old, new).is_err(), "{old} {new}");
    }
    assert!(ledger.read(3).is_err() && ledger.log().root_at(4).is_err());
    assert!(ledger.leaves(2..4).nth(1).unwrap().is_err());
}
