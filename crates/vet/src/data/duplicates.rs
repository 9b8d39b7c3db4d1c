//! Rows that are the same or nearly so, by MinHash over shingles of three words with banding
//! (Broder
//! 1997; Leskovec et al., *Mining of Massive Datasets*, chapter 3), and rows that are like no
//! other.
//!
//! Duplicates leak test rows into training and give whoever repeats a text more weight. A tight
//! group of copies under one label that stands apart from the rest is also what a cheap poisoning
//! looks like.

use std::collections::{BTreeMap, HashMap};

use super::words::split;

/// Rows that are read.
pub const ROWS_MAX: usize = 1_000_000;
const BANDS: usize = 16;
const ROWS_OF_BAND: usize = 4;
const HASHES: usize = BANDS * ROWS_OF_BAND;
/// Rows of one bucket that are compared with its first.
const BUCKET_MAX: usize = 10_000;

/// Rows that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The rows, from 0, ascending.
    pub rows: Vec<usize>,
    /// Whether all of them are the same, but for case and white space.
    pub exact: bool,
}

/// The signature of a text: 64 least hashes of its shingles.
fn signature(text: &str) -> [u32; HASHES] {
    let words = split(text);
    let mut least = [u32::MAX; HASHES];
    let size = words.len().clamp(1, 3);
    for shingle in words.windows(size) {
        let mut base = 0xcbf2_9ce4_8422_2325_u64;
        for byte in shingle.iter().flat_map(|word| word.bytes().chain([0])) {
            base = (base ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        let mut state = base;
        for slot in &mut least {
            // SplitMix64: one independent hash after the other from one shingle.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *slot = (*slot).min(u32::try_from(mixed >> 32).unwrap_or(u32::MAX));
        }
    }
    least
}

/// The share of shingles that two texts have in common, as their signatures estimate it.
#[expect(clippy::cast_precision_loss, reason = "at most 64")]
fn similarity(a: &[u32; HASHES], b: &[u32; HASHES]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / HASHES as f64
}

/// Groups of rows of which each is at least so similar (from 0 to 1, some 0.7 is usual) to another
/// of its group. Rows without words belong to no group.
pub fn groups<'a>(rows: impl Iterator<Item = &'a str>, similar_min: f64) -> Vec<Group> {
    let mut signatures = Vec::new();
    let mut keys = Vec::new();
    for text in rows.take(ROWS_MAX) {
        let words = split(text);
        signatures.push((!words.is_empty()).then(|| Box::new(signature(text))));
        keys.push(hash_of(&words));
    }
    let mut parents: Vec<usize> = (0..signatures.len()).collect();
    for band in 0..BANDS {
        let mut buckets: HashMap<&[u32], Vec<usize>> = HashMap::new();
        for (row, signature) in signatures.iter().enumerate() {
            let Some(signature) = signature else { continue };
            let from = band * ROWS_OF_BAND;
            let part = signature.get(from..from + ROWS_OF_BAND).unwrap_or_default();
            let bucket = buckets.entry(part).or_default();
            if bucket.len() < BUCKET_MAX {
                bucket.push(row);
            }
        }
        for bucket in buckets.values().filter(|bucket| bucket.len() > 1) {
            join(bucket, &signatures, similar_min, &mut parents);
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for row in 0..parents.len() {
        groups.entry(root(&mut parents, row)).or_default().push(row);
    }
    let group = |rows: Vec<usize>| {
        let first = rows.first().and_then(|row| keys.get(*row));
        let exact = rows.iter().all(|row| keys.get(*row) == first);
        Group { rows, exact }
    };
    groups.into_values().filter(|rows| rows.len() > 1).map(group).collect()
}

/// Joins what is similar in a bucket: each row with the row before it and with the first.
fn join(
    bucket: &[usize],
    signatures: &[Option<Box<[u32; HASHES]>>],
    similar_min: f64,
    parents: &mut [usize],
) {
    let first = bucket.first().copied();
    let pairs = bucket.iter().zip(bucket.iter().skip(1)).map(|(a, b)| (*a, *b));
    let with_first = first.into_iter().flat_map(|first| bucket.iter().map(move |b| (first, *b)));
    for (a, b) in pairs.chain(with_first).filter(|(a, b)| a != b) {
        let (Some(Some(left)), Some(Some(right))) = (signatures.get(a), signatures.get(b)) else {
            continue;
        };
        if similarity(left, right) >= similar_min {
            let (a, b) = (root(parents, a), root(parents, b));
            if let Some(parent) = parents.get_mut(a.max(b)) {
                *parent = a.min(b);
            }
        }
    }
}

fn root(parents: &mut [usize], mut row: usize) -> usize {
    while let Some(&parent) = parents.get(row).filter(|parent| **parent != row) {
        let above = parents.get(parent).copied().unwrap_or(parent);
        if let Some(slot) = parents.get_mut(row) {
            *slot = above;
        }
        row = above;
    }
    row
}

fn hash_of(words: &[String]) -> u64 {
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// Groups of copies that stand apart: at least `size_min` rows, all of one class, in a set that has
/// others. Each is evidence of somebody who repeats a text under a label.
pub fn outlier_groups<'g>(
    groups: &'g [Group],
    classes: &[usize],
    size_min: usize,
) -> Vec<(&'g Group, usize)> {
    let class = |row: &usize| classes.get(*row).copied();
    let one_class = |group: &&Group| {
        let first = group.rows.first().and_then(class);
        group.rows.len() >= size_min && group.rows.iter().all(|row| class(row) == first)
    };
    let of = |group: &'g Group| Some((group, group.rows.first().and_then(class)?));
    groups.iter().filter(one_class).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seed: usize) -> String {
        let word = |i: usize| format!("w{} ", (seed * 7919 + i * i * 31) % 5003);
        (0..40).map(word).collect::<Vec<_>>().concat()
    }

    #[test]
    fn copies_and_near_copies_are_grouped_and_nothing_else() {
        let mut rows: Vec<String> = (0..300).map(text).collect();
        rows[10] = rows[20].to_uppercase();
        rows[30] = format!("{}and a word more", rows[40]);
        rows[50] = String::new();
        rows[60] = String::new();
        let groups = groups(rows.iter().map(String::as_str), 0.7);
        let exact: Vec<(Vec<usize>, bool)> =
            groups.into_iter().map(|group| (group.rows, group.exact)).collect();
        assert_eq!(exact, [(vec![10, 20], true), (vec![30, 40], false)]);
    }

    #[test]
    fn the_estimate_is_near_the_truth() {
        let (a, b) = (text(1), text(2));
        assert!((similarity(&signature(&a), &signature(&a)) - 1.0).abs() < 1e-9);
        assert!(similarity(&signature(&a), &signature(&b)) < 0.1);
    }

    #[test]
    fn a_group_of_one_class_is_told() {
        let groups = [
            Group { rows: vec![0, 1, 2], exact: true },
            Group { rows: vec![3, 4, 5], exact: false },
        ];
        let told = outlier_groups(&groups, &[7, 7, 7, 1, 2, 1], 3);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].1, 7);
    }
}
