//! Whoever changes the record is noticed: every single bit of every published file, files that
//! are cut, removed or swapped, and histories that a thief of the key writes anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use durable::Files;
use ledger::{Checkpoint, Ledger, Log, Signer, VerifierKey, VerifyReport, leaf_hash, verify_dir};
use testkit::{FaultFiles, Faults, SeededRng};

const DIR: &str = "/ledger";

fn signer() -> Signer {
    Signer::from_seed("ledger.example/tamper", &[9; 32]).unwrap()
}

fn key() -> VerifierKey {
    signer().verifier().clone()
}

fn files(disk: &FaultFiles) -> Arc<dyn Files> {
    Arc::new(disk.clone())
}

fn open(disk: &FaultFiles) -> Result<Ledger, ledger::LedgerError> {
    Ledger::open(files(disk), Path::new(DIR), signer()).map(|(ledger, _)| ledger)
}

fn verify(disk: &FaultFiles, against: Option<&str>) -> VerifyReport {
    verify_dir(&files(disk), Path::new(DIR), &key(), against).unwrap()
}

/// A log of `size` entries, opened once more so that no partial tiles of the past lie about.
fn log_of(size: usize) -> FaultFiles {
    let disk = FaultFiles::new(Faults::none(0));
    let mut ledger = open(&disk).unwrap();
    for i in 0..size {
        ledger.append(format!("receipt {i}").as_bytes()).unwrap();
    }
    drop(ledger);
    drop(open(&disk).unwrap());
    assert!(verify(&disk, None).is_good());
    disk
}

/// The files that the checkpoint covers: all but the writer's own.
fn published(disk: &FaultFiles) -> Vec<PathBuf> {
    let own = ["wal", "reserve"].map(|name| Path::new(DIR).join(name));
    disk.paths().into_iter().filter(|path| !own.contains(path)).collect()
}

/// Runs `check` once for each given change of `path`, and puts the old bytes back.
fn with_bytes(disk: &FaultFiles, path: &Path, changed: &[u8], check: impl FnOnce(&FaultFiles)) {
    let before = disk.read(path).unwrap();
    disk.plant(path, changed);
    check(disk);
    disk.plant(path, &before);
}

#[test]
fn every_flipped_bit_of_every_published_file_is_found() {
    let disk = log_of(9);
    let names: Vec<String> = published(&disk).iter().map(|p| p.display().to_string()).collect();
    let expected = ["checkpoint", "tile/0/000.p/9", "tile/entries/000.p/9"];
    assert_eq!(names, expected.map(|name| format!("{DIR}/{name}")));
    let mut flips = 0;
    for path in published(&disk) {
        let before = disk.read(&path).unwrap();
        for bit in 0..before.len() * 8 {
            let mut changed = before.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            with_bytes(&disk, &path, &changed, |disk| {
                let report = verify(disk, None);
                assert!(!report.is_good(), "bit {bit} of {}", path.display());
                assert_eq!(report.failures.len(), 1);
                let opened = Log::open(files(disk), Path::new(DIR), &key());
                assert!(opened.is_err_and(|error| error.is_tampering()));
            });
            flips += 1;
        }
    }
    assert!(verify(&disk, None).is_good());
    println!("{flips} of {flips} flips found");
}

#[test]
fn a_flipped_bit_anywhere_in_a_log_of_several_tiles_is_found_and_never_read() {
    let disk = log_of(700);
    let rng = SeededRng::new(1);
    let paths = published(&disk);
    assert_eq!(paths.len(), 8);
    for path in &paths {
        for _ in 0..25 {
            let mut changed = disk.read(path).unwrap();
            let bit = rng.index(changed.len() * 8);
            changed[bit / 8] ^= 1 << (bit % 8);
            with_bytes(&disk, path, &changed, |disk| {
                assert!(!verify(disk, None).is_good(), "bit {bit} of {}", path.display());
                // A reader that opens it gets what was signed, or an error; never anything else.
                let Ok(log) = Log::open(files(disk), Path::new(DIR), &key()) else { return };
                for index in [0, 255, 256, 511, 512, 699] {
                    if let Ok(entry) = log.read(index) {
                        assert_eq!(entry, format!("receipt {index}").into_bytes());
                    }
                }
            });
        }
    }
}

#[test]
fn cut_missing_and_swapped_files_are_found_by_name() {
    let disk = log_of(700);
    let paths = published(&disk);
    for path in &paths {
        let name = path.strip_prefix(DIR).unwrap().display().to_string();
        let bytes = disk.read(path).unwrap();
        let (cut, longer) = (&bytes[..bytes.len() - 1], [&bytes[..], b"x"].concat());
        for changed in [cut, &longer, b""] {
            with_bytes(&disk, path, changed, |disk| {
                let report = verify(disk, None);
                assert!(report.failures.iter().any(|f| f.contains(&name)), "{name}: {report}");
            });
        }
        disk.remove(path).unwrap();
        let report = verify(&disk, None);
        assert!(report.failures.iter().any(|f| f.contains("missing")), "{name}: {report}");
        let refused = open(&disk).is_err_and(|error| error.is_tampering());
        let is_full_tile = name.starts_with("tile/") && !name.contains(".p/");
        assert!(refused || is_full_tile, "{name}: full tiles are read when they are needed");
        disk.plant(path, &bytes);
    }
    let [first, second] = ["000", "001"].map(|n| Path::new(DIR).join("tile/entries").join(n));
    let other = disk.read(&second).unwrap();
    with_bytes(&disk, &first, &other, |disk| assert!(!verify(disk, None).is_good()));
}

#[test]
fn an_older_state_of_the_whole_folder_is_found_by_whoever_holds_a_later_checkpoint() {
    let disk = log_of(300);
    let later = {
        let disk = log_of(301);
        open(&disk).unwrap().checkpoint()
    };
    assert!(verify(&disk, None).is_good(), "by itself an older state looks good");
    let report = verify(&disk, Some(&later));
    assert!(report.failures.iter().any(|f| f.contains("entries were removed")), "{report}");
}

#[test]
fn a_history_written_anew_with_the_stolen_key_is_found_by_whoever_holds_a_checkpoint() {
    let kept = open(&log_of(300)).unwrap().checkpoint();
    let disk = FaultFiles::new(Faults::none(0));
    let mut ledger = open(&disk).unwrap();
    let forged: Vec<String> =
        (0..400).map(|i| format!("receipt {i}").replace("77", "78")).collect();
    ledger.append_batch(&forged).unwrap();
    assert!(verify(&disk, None).is_good());
    let report = verify(&disk, Some(&kept));
    assert!(report.failures.iter().any(|f| f.contains("history was rewritten")), "{report}");
    // What was kept must itself be signed.
    let unsigned = kept.replace("300", "299");
    assert!(!verify(&disk, Some(&unsigned)).is_good());
}

#[test]
fn a_signed_checkpoint_does_not_help_without_the_entries() {
    let disk = log_of(3);
    let origin = key().name().to_owned();
    for (size, root) in [(2, leaf_hash(b"x")), (3, leaf_hash(b"x")), (u64::MAX, leaf_hash(b"x"))] {
        let note = Checkpoint { origin: origin.clone(), size, root }.sign(&signer());
        with_bytes(&disk, &Path::new(DIR).join("checkpoint"), note.as_bytes(), |disk| {
            assert!(!verify(disk, None).is_good(), "{size}");
            assert!(open(disk).is_err_and(|error| error.is_tampering()));
        });
    }
    assert!(open(&disk).is_ok(), "a refused start touches nothing");
}

#[test]
fn the_writers_own_files_are_no_part_of_the_record() {
    let disk = log_of(9);
    let rng = SeededRng::new(2);
    for name in ["wal", "reserve"] {
        let path = Path::new(DIR).join(name);
        let before = disk.read(&path).unwrap();
        for _ in 0..100 {
            let mut changed = before.clone();
            let bit = rng.index(changed.len() * 8);
            changed[bit / 8] ^= 1 << (bit % 8);
            with_bytes(&disk, &path, &changed, |disk| {
                let report = verify(disk, None);
                assert!(report.is_good() && report.size == 9 && report.unpublished == 0);
            });
        }
    }
}
