//! Walks the registry: every format keeps the same promises, also one that was added today.

use std::collections::BTreeSet;

use crate::format::{Item, Probe};
use crate::limits::HEAD_BYTES;
use crate::{reader, registry, vet};

/// Every byte up to here is a place to cut at; above it, seeded ones.
const CUT_EVERYWHERE_BYTES: usize = 4 << 10;
const SEEDED_PLACES: usize = 2_000;

/// xorshift64*: the same places on every run.
struct Seeded(u64);
impl Seeded {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        usize::try_from(value).unwrap() % end.max(1)
    }
}

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
    let mut seeded = Seeded(7);
    for format in registry::ALL {
        for sample in (format.samples)() {
            let everywhere = 0..sample.len().min(CUT_EVERYWHERE_BYTES);
            let seeds: Vec<usize> = if sample.len() > CUT_EVERYWHERE_BYTES {
                (0..SEEDED_PLACES).map(|_| seeded.below(sample.len())).collect()
            } else {
                Vec::new()
            };
            for cut in everywhere.chain(seeds) {
                vet("cut", &sample[..cut].to_vec());
                let mut changed = sample.clone();
                changed[cut] ^= 1 << seeded.below(8);
                vet("changed", &changed);
            }
        }
    }
}
