//! Appending, reading back, proving, and what happens when the disk is full.

use std::path::Path;
use std::sync::Arc;

use durable::Files;
use ledger::{Checkpoint, Ledger, LedgerError, Signer, leaf_hash, verify_dir, verify_inclusion};
use testkit::{FaultFiles, Faults};

const DIR: &str = "/ledger";

fn signer() -> Signer {
    Signer::from_seed("ledger.example/host", &[7; 32]).unwrap()
}

fn open(files: &FaultFiles) -> Ledger {
    Ledger::open(Arc::new(files.clone()), Path::new(DIR), signer()).unwrap().0
}

fn leaf(index: u64) -> Vec<u8> {
    format!("receipt {index}").into_bytes()
}

fn leaves(range: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    range.map(leaf).collect()
}

#[test]
fn a_new_ledger_publishes_the_empty_log_and_the_next_start_finds_it() {
    let files = FaultFiles::new(Faults::none(1));
    let shared: Arc<dyn Files> = Arc::new(files.clone());
    let (ledger, report) = Ledger::open(Arc::clone(&shared), Path::new(DIR), signer()).unwrap();
    assert!(report.created && report.warnings.is_empty());
    let checkpoint = Checkpoint::open(ledger.checkpoint().as_bytes(), signer().verifier()).unwrap();
    assert_eq!((checkpoint.size, checkpoint.root), (0, ledger.root()));
    drop(ledger);
    let (_, report) = Ledger::open(shared, Path::new(DIR), signer()).unwrap();
    assert_eq!(report, ledger::OpenReport::default());
}

#[test]
fn a_big_batch_crosses_a_level_and_reads_back() {
    let files = FaultFiles::new(Faults::none(1));
    let mut ledger = open(&files);
    ledger.append_batch(&leaves(0..65_000)).unwrap();
    assert_eq!(ledger.append_batch(&leaves(65_000..66_000)).unwrap(), 65_000..66_000);
    assert_eq!(ledger.append_batch(&leaves(0..0)).unwrap(), 66_000..66_000);
    let mut ledger = open(&files);
    ledger.append(&leaf(66_000)).unwrap();
    for index in [0, 255, 256, 65_535, 65_536, 65_999, 66_000] {
        assert_eq!(ledger.read(index).unwrap(), leaf(index));
        let proof = ledger.prove_inclusion(index, 66_001).unwrap();
        assert!(verify_inclusion(&proof, leaf_hash(&leaf(index)), index, 66_001, ledger.root()));
    }
    let files: Arc<dyn Files> = Arc::new(files);
    let report = verify_dir(&files, Path::new(DIR), signer().verifier(), None).unwrap();
    assert!(report.is_good(), "{report}");
    assert_eq!((report.entries_checked, report.size), (66_001, 66_001));
}

#[test]
fn what_is_not_in_the_log_and_what_is_too_long_are_errors() {
    let mut ledger = open(&FaultFiles::new(Faults::none(1)));
    ledger.append_batch(&leaves(0..300)).unwrap();
    let none = |result: Result<(), LedgerError>| {
        assert!(matches!(result, Err(LedgerError::NotInLog { .. })), "{result:?}");
    };
    none(ledger.read(300).map(drop));
    none(ledger.read(u64::MAX).map(drop));
    none(ledger.prove_inclusion(300, 300).map(drop));
    none(ledger.prove_inclusion(0, 301).map(drop));
    none(ledger.prove_consistency(301, 300).map(drop));
    none(ledger.prove_consistency(0, u64::MAX).map(drop));
    none(ledger.leaves(299..301).last().unwrap().map(drop));
    let error = ledger.append(&vec![0; 65_536]).unwrap_err();
    assert!(matches!(error, LedgerError::LeafTooLarge { .. }), "{error}");
    let error = ledger.append_batch(&vec![vec![0; 65_535]; 300]).unwrap_err();
    assert!(matches!(error, LedgerError::BatchTooLarge { .. }), "{error}");
    assert_eq!(ledger.append(&vec![0; 65_535]).unwrap(), 300);
    assert_eq!(ledger.append(b"").unwrap(), 301);
}

#[test]
fn a_disk_that_takes_no_tiles_keeps_the_appends_and_publishes_later() {
    let files = FaultFiles::new(Faults::none(1));
    let mut ledger = open(&files);
    // Room for the frame of the write-ahead file, and not for the tiles too.
    let room = files.used() + 7_000;
    files.set_faults(Faults { capacity: Some(room), ..Faults::none(1) });
    ledger.append_batch(&leaves(0..300)).unwrap();
    assert_eq!(ledger.size(), 300);
    assert_eq!(ledger.read(5).unwrap(), leaf(5), "from memory");
    let proof = ledger.prove_inclusion(5, 300).unwrap();
    assert!(verify_inclusion(&proof, leaf_hash(&leaf(5)), 5, 300, ledger.root()));
    assert!(ledger.health().unwrap_err().is_disk_full());
    files.set_faults(Faults::none(1));
    ledger.health().unwrap();
    let files: Arc<dyn Files> = Arc::new(files);
    let report = verify_dir(&files, Path::new(DIR), signer().verifier(), None).unwrap();
    assert!(report.is_good() && report.size == 300, "{report}");
}

#[test]
fn a_read_only_disk_and_a_failing_sync_are_unhealthy_and_nothing_is_appended() {
    for faults in [
        Faults { read_only: true, ..Faults::none(1) },
        Faults { eio_sync: 1_000, ..Faults::none(1) },
        Faults { eio_write: 1_000, ..Faults::none(1) },
    ] {
        let files = FaultFiles::new(Faults::none(1));
        let mut ledger = open(&files);
        ledger.append(&leaf(0)).unwrap();
        files.set_faults(faults);
        ledger.health().unwrap_err();
        ledger.append(&leaf(1)).unwrap_err();
        ledger.health().unwrap_err();
        assert_eq!(ledger.size(), 1);
        files.set_faults(Faults::none(1));
        ledger.health().unwrap();
        assert_eq!(ledger.append(&leaf(1)).unwrap(), 1);
        let ledger = open(&files.crash(Faults::none(1)));
        assert_eq!(ledger.leaves(0..2).count(), 2);
    }
}

#[test]
fn health_notices_that_the_files_were_taken_away() {
    let files = FaultFiles::new(Faults::none(1));
    let mut ledger = open(&files);
    ledger.append(&leaf(0)).unwrap();
    for name in ["wal", "checkpoint"] {
        let path = Path::new(DIR).join(name);
        let bytes = files.read(&path).unwrap();
        files.remove(&path).unwrap();
        assert!(ledger.health().unwrap_err().is_tampering(), "{name}");
        files.plant(&path, &bytes);
    }
    files.remove(&Path::new(DIR).join("reserve")).unwrap();
    ledger.health().unwrap();
    assert!(files.list(Path::new(DIR)).unwrap().contains(&"reserve".to_owned()));
}

#[test]
fn only_the_partial_tiles_of_the_last_two_checkpoints_are_kept() {
    let files = FaultFiles::new(Faults::none(1));
    let mut ledger = open(&files);
    for index in 0..520 {
        ledger.append(&leaf(index)).unwrap();
    }
    let partials = |files: &FaultFiles| {
        files.paths().iter().filter(|p| p.to_string_lossy().contains(".p/")).count()
    };
    // entries, level 0: two each; level 1 did not change.
    assert_eq!(partials(&files), 5);
    drop(ledger);
    open(&files);
    assert_eq!(partials(&files), 3);
}
