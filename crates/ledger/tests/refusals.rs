//! A reader returns nothing that was not signed, a writer does not start on a changed log, and an
//! unreadable disk is no verdict.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use durable::Files;
use ledger::{Ledger, LedgerError, Log, Signer, verify_dir};
use testkit::{FaultFiles, Faults};

const DIR: &str = "/ledger";

fn signer() -> Signer {
    Signer::from_seed("ledger.example/host", &[7; 32]).unwrap()
}

fn leaf(index: u64) -> Vec<u8> {
    format!("receipt {index}").into_bytes()
}

/// A log of `size` entries as a start finds it, and all its published files.
fn log_of(size: u64) -> (FaultFiles, BTreeMap<PathBuf, Vec<u8>>) {
    let files = FaultFiles::new(Faults::none(1));
    let open = || Ledger::open(Arc::new(files.clone()), Path::new(DIR), signer()).unwrap().0;
    open().append_batch(&(0..size / 2).map(leaf).collect::<Vec<_>>()).unwrap();
    open().append_batch(&(size / 2..size).map(leaf).collect::<Vec<_>>()).unwrap();
    open(); // sweeps the partial tiles of the checkpoint before
    let published = |path: &PathBuf| {
        let path = path.strip_prefix(DIR).unwrap();
        path.starts_with("tile") || path == Path::new("checkpoint")
    };
    let paths = files.paths().into_iter().filter(published);
    let all = paths.map(|path| (path.clone(), files.read(&path).unwrap())).collect();
    (files, all)
}

#[test]
fn an_untouched_log_is_good_and_the_report_says_what_was_checked() {
    let (files, _) = log_of(700);
    let shared: Arc<dyn Files> = Arc::new(files);
    let report = verify_dir(&shared, Path::new(DIR), signer().verifier(), None).unwrap();
    assert!(report.is_good(), "{report}");
    assert_eq!((report.size, report.entries_checked, report.unpublished), (700, 700, 0));
    let text = report.to_string();
    let key = signer().verifier().to_string();
    assert!(text.contains(&format!("ok: the checkpoint of 700 entries is signed by {key}")));
    assert!(text.contains("ok: 700 entries have the hashes that the log states"));
}

#[test]
fn a_reader_returns_no_entry_and_no_proof_that_was_not_signed() {
    let (files, all) = log_of(700);
    let key = signer().verifier().clone();
    let shared: Arc<dyn Files> = Arc::new(files.clone());
    let log = Log::open(shared, Path::new(DIR), &key).unwrap();
    for name in ["tile/entries/001", "tile/0/001"] {
        let path = Path::new(DIR).join(name);
        let mut changed = all[&path].clone();
        changed[45] ^= 1; // within an entry, or a hash
        files.plant(&path, &changed);
        assert!(log.read(300).unwrap_err().is_tampering(), "{name}");
        let streamed: Vec<_> = log.leaves(0..700).collect();
        assert_eq!(streamed.len(), 257, "{name}: the bundle before, and then the error");
        assert!(matches!(streamed.last(), Some(Err(LedgerError::Tampered { .. }))));
        assert!(name == "tile/entries/001" || log.prove_inclusion(0, 700).is_ok());
        assert!(name == "tile/entries/001" || log.prove_inclusion(300, 700).is_err());
        files.plant(&path, &all[&path]);
    }
    assert_eq!(log.read(300).unwrap(), leaf(300));
}

#[test]
fn a_start_on_a_changed_edge_is_refused_loudly_and_touches_nothing() {
    let (files, all) = log_of(700);
    let edge = ["checkpoint", "tile/entries/002.p/188", "tile/0/002.p/188", "tile/1/000.p/2"];
    for name in edge {
        let path = Path::new(DIR).join(name);
        let mut changed = all[&path].clone();
        let at = changed.len() / 2;
        changed[at] ^= 1;
        files.plant(&path, &changed);
        let before: Vec<_> = files.paths().iter().map(|p| files.read(p).unwrap()).collect();
        let opened = Ledger::open(Arc::new(files.clone()), Path::new(DIR), signer());
        assert!(opened.err().unwrap().is_tampering(), "{name}");
        files.remove(&path).unwrap();
        let opened = Ledger::open(Arc::new(files.clone()), Path::new(DIR), signer());
        assert!(opened.err().unwrap().is_tampering(), "{name} missing");
        files.plant(&path, &changed);
        let after: Vec<_> = files.paths().iter().map(|p| files.read(p).unwrap()).collect();
        assert_eq!(before, after, "{name}");
        files.plant(&path, &all[&path]);
    }
}

#[test]
fn another_key_and_a_write_ahead_file_that_contradicts_the_log_are_refused() {
    let (files, _) = log_of(300);
    let shared = || -> Arc<dyn Files> { Arc::new(files.clone()) };
    let other = Signer::from_seed("ledger.example/host", &[8; 32]).unwrap();
    let opened = Ledger::open(shared(), Path::new(DIR), other.clone());
    assert!(opened.err().unwrap().is_tampering());
    let report = verify_dir(&shared(), Path::new(DIR), other.verifier(), None).unwrap();
    assert!(report.failures[0].contains("not signed by the key"), "{report}");

    let wal = Path::new(DIR).join("wal");
    let forge = |index: u64, leaf: &[u8]| {
        files.remove(&wal).unwrap();
        let (mut log, _) = durable::FrameLog::open(&files, &wal).unwrap();
        let length = u16::try_from(leaf.len()).unwrap().to_be_bytes();
        log.append(&[index.to_be_bytes().as_slice(), &length, leaf].concat()).unwrap();
        log.sync().unwrap();
        Ledger::open(shared(), Path::new(DIR), signer()).map(|(ledger, _)| ledger.size())
    };
    assert!(forge(299, b"another").unwrap_err().is_tampering());
    assert!(forge(301, b"a gap").unwrap_err().is_tampering());
    assert_eq!(forge(299, &leaf(299)).unwrap(), 300);
}

#[test]
fn a_disk_that_cannot_be_read_is_an_error_and_not_a_verdict() {
    let (files, _) = log_of(300);
    files.set_faults(Faults { eio_read: 1_000, ..Faults::none(1) });
    let shared: Arc<dyn Files> = Arc::new(files);
    let result = verify_dir(&shared, Path::new(DIR), signer().verifier(), None);
    assert!(matches!(result, Err(LedgerError::Io { .. })), "{result:?}");
}
