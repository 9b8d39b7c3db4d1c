//! Walks the registry: every ecosystem keeps the same promises, also one that was added today.
//!
//! Golden pairs stand in `testdata/<name>/`: `<case>.in` is the file, `<case>.in.d/` holds its
//! siblings (a path from the root for those that start with `/`), `<case>.expected` is what must
//! come out. `RINGFORT_BLESS=1` writes the expected files anew; read the difference before you
//! commit it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::ecosystem::{Ecosystem, Input, ReadError, ReadOutcome};
use crate::limits;
use crate::registry;

/// Every byte up to here is a place to cut at; above it, seeded ones.
const CUT_EVERYWHERE_BYTES: usize = 4 << 10;
const SEEDED_PLACES: usize = 2_000;

struct Case {
    path: PathBuf,
    bytes: Vec<u8>,
}

fn testdata(ecosystem: &Ecosystem) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(ecosystem.name)
}

fn cases(ecosystem: &Ecosystem) -> Vec<Case> {
    let folder = testdata(ecosystem);
    let entries = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{} needs test data: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "in"));
    paths.sort();
    paths.into_iter().map(|path| Case { bytes: fs::read(&path).unwrap(), path }).collect()
}

fn input<'a>(ecosystem: &'a Ecosystem, case: &Case, bytes: &'a [u8]) -> Input<'a> {
    let mut input = Input::new(ecosystem.example, bytes);
    for name in ecosystem.siblings {
        let place = case.path.with_extension("in.d").join(name.trim_start_matches('/'));
        if let Ok(bytes) = fs::read(place) {
            input.siblings.insert(name, bytes);
        }
    }
    input
}

fn shown(result: &Result<ReadOutcome, ReadError>) -> String {
    let json = match result {
        Ok(outcome) => serde_json::to_string_pretty(outcome),
        Err(error) => serde_json::to_string_pretty(&serde_json::json!({
            "error": error.to_string()
        })),
    };
    json.unwrap() + "\n"
}

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
fn names_are_unique_and_examples_are_wanted_by_one_ecosystem_only() {
    let names: BTreeSet<_> = registry::ALL.iter().map(|ecosystem| ecosystem.name).collect();
    assert_eq!(names.len(), registry::ALL.len());
    for ecosystem in registry::ALL {
        let wanted_by: Vec<_> = registry::ALL
            .iter()
            .filter(|other| (other.wants)(ecosystem.example))
            .map(|other| other.name)
            .collect();
        assert_eq!(wanted_by, [ecosystem.name], "{}", ecosystem.example);
        for path in ["", "/", "a", "a/b.c", "\u{1f980}/x", "var/lib/dpkg/status.d/"] {
            assert!(!(ecosystem.wants)(path), "{} wants `{path}`", ecosystem.name);
        }
        assert!(!ecosystem.title.is_empty() && !ecosystem.osv.is_empty());
    }
}

#[test]
fn golden_pairs() {
    let bless = std::env::var_os("RINGFORT_BLESS").is_some();
    for ecosystem in registry::ALL {
        let cases = cases(ecosystem);
        assert!(!cases.is_empty(), "{} has no golden pair", ecosystem.name);
        for case in cases {
            let got = shown(&(ecosystem.read)(&input(ecosystem, &case, &case.bytes)));
            let expected_path = case.path.with_extension("expected");
            if bless {
                fs::write(&expected_path, &got).unwrap();
            }
            let expected = fs::read_to_string(&expected_path).unwrap_or_default();
            assert_eq!(got, expected, "{}", case.path.display());
        }
    }
}

#[test]
fn cut_or_flipped_input_never_panics_and_what_comes_out_is_bounded() {
    for ecosystem in registry::ALL {
        for case in cases(ecosystem) {
            let check = |bytes: &[u8]| {
                if let Ok(outcome) = (ecosystem.read)(&input(ecosystem, &case, bytes)) {
                    check_bounded(&outcome, bytes.len());
                }
            };
            let len = case.bytes.len();
            for end in 0..=len.min(CUT_EVERYWHERE_BYTES) {
                check(&case.bytes[..end]);
            }
            let mut seeded = Seeded(0x9e37_79b9_7f4a_7c15);
            if len > CUT_EVERYWHERE_BYTES {
                for _ in 0..SEEDED_PLACES {
                    let above = seeded.below(len - CUT_EVERYWHERE_BYTES);
                    check(&case.bytes[..CUT_EVERYWHERE_BYTES + above]);
                }
            }
            let mut flipped = case.bytes.clone();
            for _ in 0..SEEDED_PLACES.min(len * 8) {
                let at = seeded.below(len);
                let old = flipped[at];
                flipped[at] ^= 1 << seeded.below(8);
                check(&flipped);
                flipped[at] = old;
            }
        }
    }
}

fn check_bounded(outcome: &ReadOutcome, input_len: usize) {
    // Siblings may add names, but nothing multiplies what is written.
    let items = outcome.packages.len() + outcome.unresolved.len();
    assert!(items <= input_len + limits::WARNINGS_MAX, "{items} of {input_len} bytes");
    assert!(outcome.warnings.len() <= limits::WARNINGS_MAX + 1);
    assert!(outcome.packages.windows(2).all(|pair| pair[0] < pair[1]), "sorted, each once");
}
