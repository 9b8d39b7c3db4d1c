//! Walks the registry: every format keeps the same promises, also one that was added today.

use std::collections::BTreeSet;

use testkit::SeededRng;

use crate::format::{Item, Probe};
use crate::limits::HEAD_BYTES;
use crate::{reader, registry, vet};

/// Every byte up to here is a place to cut at; above it, seeded ones.
const CUT_EVERYWHERE_BYTES: usize = 4 << 10;
const SEEDED_PLACES: usize = 2_000;

#[test]
fn names_are_unique_and_are_those_of_the_files() {
    let names: BTreeSet<_> = registry::ALL.iter().map(|format| format.name).collect();
    assert_eq!(names.len(), registry::ALL.len());
    for format in registry::ALL {
        assert!(!format.title.is_empty() && !format.family.is_empty(), "{}", format.name);
        let file = format!("{}/src/formats/{}.rs", env!("CARGO_MANIFEST_DIR"), format.name);
        assert!(std::path::Path::new(&file).exists(), "{file}");
    }
}

#[test]
fn every_format_has_a_fuzz_target() {
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/Cargo.toml");
    let list = std::fs::read_to_string(list).unwrap();
    for format in registry::ALL {
        let target = format!("name = \"{}\"\npath = \"fuzz_targets/format.rs\"", format.name);
        assert!(list.contains(&target), "fuzz/Cargo.toml has no target `{}`", format.name);
    }
}

#[test]
fn every_sample_is_claimed_by_its_own_format_first() {
    for format in registry::ALL {
        for sample in (format.samples)() {
            let head = &sample[..sample.len().min(HEAD_BYTES)];
            let item = Item { name: "sample", bytes: &sample, head, cut: false };
            let first = reader::claims(&Probe::new(item)).first().map(|(first, _)| first.name);
            assert_eq!(first, Some(format.name), "{:?}", String::from_utf8_lossy(head));
        }
    }
}

#[test]
fn every_sample_cut_short_or_changed_anywhere_is_read_without_a_panic() {
    let seeded = SeededRng::new(7);
    for format in registry::ALL {
        for sample in (format.samples)() {
            let everywhere = 0..sample.len().min(CUT_EVERYWHERE_BYTES);
            let seeds: Vec<usize> = if sample.len() > CUT_EVERYWHERE_BYTES {
                (0..SEEDED_PLACES).map(|_| seeded.index(sample.len())).collect()
            } else {
                Vec::new()
            };
            for cut in everywhere.chain(seeds) {
                vet("cut", &sample[..cut].to_vec());
                let mut changed = sample.clone();
                changed[cut] ^= 1 << seeded.index(8);
                vet("changed", &changed);
            }
        }
    }
}
