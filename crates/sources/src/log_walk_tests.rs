//! Walks the registry of log sources: every one keeps the same promises, also one that was added
//! today.
//!
//! Golden pairs stand in `testdata/<name>/`: `<case>.in` is the file, `<case>.expected` the records
//! and counts that must come out. `RINGFORT_BLESS=1` writes the expected files anew; read the
//! difference before you commit it.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::limits::BAD_PLACES_MAX;
use crate::log::testing::Repeat;
use crate::log::{Context, Counts, Head, LogError, LogSource, Record, open};
use crate::{log_registry, registry};

/// Every byte up to here is a place to cut at; above it, seeded ones.
const CUT_EVERYWHERE_BYTES: usize = 4 << 10;
const SEEDED_PLACES: usize = 2_000;
/// Changed files of each source: few enough for every test run; a fuzzer makes the others.
const MUTANTS: usize = 400;
/// 2026-03-02T00:00:00Z.
const MODIFIED_MS: i64 = 1_772_409_600_000;

struct Case {
    path: PathBuf,
    bytes: Vec<u8>,
}

fn cases(source: &LogSource) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(source.name);
    let entries = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{} needs test data: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "in"));
    paths.sort();
    paths.into_iter().map(|path| Case { bytes: fs::read(&path).unwrap(), path }).collect()
}

fn read(source: &LogSource, mut bytes: &[u8]) -> (Vec<Record>, Result<Counts, LogError>) {
    let context = Context {
        file: source.example,
        host: "reader.example",
        modified_ms: MODIFIED_MS,
        utc_offset_s: 0,
    };
    let mut records = Vec::new();
    let counts = (source.read)(&mut bytes, &context, &mut |record| {
        records.push(record);
        ControlFlow::Continue(())
    });
    (records, counts)
}

/// Keys in order, so that what is compared does not hang on the order in which they came.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(pairs.into_iter().collect())
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn shown(records: &[Record], counts: &Result<Counts, LogError>) -> String {
    let counts = match counts {
        Ok(counts) => serde_json::to_value(counts).unwrap(),
        Err(error) => json!({"error": error.to_string()}),
    };
    let all = json!({"counts": counts, "records": records});
    serde_json::to_string_pretty(&sorted(&all)).unwrap() + "\n"
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
fn names_are_unique_and_descriptors_are_whole() {
    let names: BTreeSet<_> = log_registry::ALL.iter().map(|source| source.name).collect();
    assert_eq!(names.len(), log_registry::ALL.len());
    assert!(names.len() >= 14);
    for source in log_registry::ALL {
        // Both registries share the folder of test data.
        assert!(registry::ALL.iter().all(|ecosystem| ecosystem.name != source.name));
        assert!(!source.title.is_empty() && !source.example.starts_with('/'), "{}", source.name);
        assert!(source.standard.starts_with("https://"), "{}", source.name);
    }
}

#[test]
fn every_fixture_is_told_by_its_content_and_by_one_source_only() {
    for source in log_registry::ALL {
        for case in cases(source) {
            let head = Head::new("nothing", &case.bytes, true);
            let wanted: Vec<_> = log_registry::ALL
                .iter()
                .filter(|other| (other.wants)(&head))
                .map(|other| other.name)
                .collect();
            assert_eq!(wanted, [source.name], "{}", case.path.display());
        }
    }
    for text in ["", "\n", "hello\nworld\n", "{}", "[1,2]", "a,b\n1,2\n", "# A title\n\nText.\n"] {
        assert!(open::sniff("x.log", text.as_bytes(), true).is_none(), "{text:?}");
    }
}

#[test]
fn golden_pairs() {
    let bless = std::env::var_os("RINGFORT_BLESS").is_some();
    for source in log_registry::ALL {
        let cases = cases(source);
        assert!(!cases.is_empty(), "{} has no golden pair", source.name);
        for case in cases {
            let (records, counts) = read(source, &case.bytes);
            let got = shown(&records, &counts);
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
    for source in log_registry::ALL {
        for case in cases(source) {
            let check = |bytes: &[u8]| check(source, bytes, &case.path);
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

/// What every source promises of any input.
fn check(source: &LogSource, bytes: &[u8], what: &Path) {
    let _ = (source.wants)(&Head::new("x", bytes, true));
    let (records, counts) = read(source, bytes);
    // Nothing multiplies what is written.
    assert!(records.len() <= bytes.len() / 2 + 1, "{}", what.display());
    if let Ok(counts) = counts {
        assert_eq!(counts.records, records.len() as u64, "{}", what.display());
        assert!(counts.first_bad.len() <= BAD_PLACES_MAX);
        assert!(counts.bad >= counts.first_bad.len() as u64);
    }
}

/// A file with up to four changes: bytes set, cut out, doubled, or taken from the file of another
/// source, and numbers and lengths that become the largest there are.
fn mutant(original: &[u8], others: &[Vec<u8>], seeded: &mut Seeded) -> Vec<u8> {
    // Most of an event log is room that was not used yet.
    let used = original.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut bytes = original.to_vec();
    for _ in 0..=seeded.below(3) {
        let at = seeded.below(bytes.len().min(used));
        let end = (at + 1 + seeded.below(64)).min(bytes.len());
        match seeded.below(6) {
            0 => bytes[at..end.min(at + 1)].fill(u8::try_from(seeded.below(256)).unwrap()),
            1 => bytes[at..end.min(at + 4)].fill(0xff),
            2 => drop(bytes.drain(at..end)),
            3 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            4 => bytes[at..end].reverse(),
            _ => {
                let other = &others[seeded.below(others.len())];
                let from = seeded.below(other.len());
                let piece = &other[from..(from + 256).min(other.len())];
                drop(bytes.splice(at..end, piece.iter().copied()));
            }
        }
    }
    bytes
}

#[test]
fn a_changed_file_never_panics_whatever_was_changed() {
    let all: Vec<Vec<u8>> = log_registry::ALL
        .iter()
        .flat_map(|source| cases(source).into_iter().map(|case| case.bytes))
        .collect();
    let mut seeded = Seeded(0x2026_1125);
    for source in log_registry::ALL {
        let cases = cases(source);
        for round in 0..MUTANTS {
            let case = &cases[round % cases.len()];
            check(source, &mutant(&case.bytes, &all, &mut seeded), &case.path);
        }
    }
}

#[test]
fn every_source_has_a_fuzz_target() {
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/Cargo.toml");
    let list = fs::read_to_string(list).unwrap();
    for source in log_registry::ALL {
        let target = format!("name = \"log_{}\"\npath = \"fuzz_targets/log.rs\"", source.name);
        assert!(list.contains(&target), "fuzz/Cargo.toml has no target `log_{}`", source.name);
    }
}

#[test]
fn an_event_log_that_is_cut_anywhere_is_told_to_be_incomplete() {
    let source = log_registry::ALL.iter().find(|source| source.name == "evtx").unwrap();
    for case in cases(source) {
        let (all, _) = read(source, &case.bytes);
        let mut seeded = Seeded(7);
        let seeds = (0..200).map(|_| seeded.below(case.bytes.len()));
        for end in [8, 127, 4_095, 4_096, 4_097].into_iter().chain(seeds) {
            let context = Context { file: "x.evtx", ..Context::default() };
            let mut count = 0;
            let input = std::io::Cursor::new(&case.bytes[..end]);
            let reports = open::read_file(input, &context, &mut |_, _| {
                count += 1;
                ControlFlow::Continue(())
            });
            assert!(count <= all.len());
            assert!(reports.iter().any(|report| !report.is_complete()), "cut at {end}");
        }
    }
}

#[test]
fn a_cut_text_log_loses_only_its_last_record() {
    for source in log_registry::ALL.iter().filter(|source| source.name != "evtx") {
        for case in cases(source) {
            let (all, _) = read(source, &case.bytes);
            let (cut, _) = read(source, &case.bytes[..case.bytes.len() - 3]);
            assert!(cut.len() + 1 >= all.len(), "{}", case.path.display());
            let same = cut.len().min(all.len().saturating_sub(1));
            assert_eq!(cut[..same], all[..same], "{}", case.path.display());
        }
    }
}

/// A single line of 10 GB takes minutes; 6 MiB that are made while they are read show the same:
/// more comes in than a reader may hold. The example `bench_logs` reads the 10 GB.
#[test]
fn a_line_without_end_is_counted_by_every_source_and_never_held() {
    for source in log_registry::ALL {
        for pattern in [b"x".as_slice(), b"[[[[", b"{\"a\":", b"\xff\xfe\x00", b"<Event a='"] {
            let context = Context::default();
            let mut input = std::io::BufReader::new(Repeat::new(pattern, 6 << 20));
            let mut count = 0;
            let mut sink = |_| {
                count += 1;
                ControlFlow::Continue(())
            };
            let counts = (source.read)(&mut input, &context, &mut sink);
            assert_eq!(count, 0, "{}", source.name);
            if let Ok(counts) = counts {
                // Brackets alone, and text before the first `<Event>`, begin no record.
                let none = pattern == b"[[[[" || source.name == "windows_xml";
                let nothing_began = counts == Counts::default() && none;
                assert!(counts.bad > 0 || nothing_began, "{} {pattern:?}", source.name);
            }
        }
    }
}
