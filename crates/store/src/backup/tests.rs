use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use durable::StdFiles;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use testkit::ManualClock;

use super::*;
use crate::event_log::samples::event;
use crate::{
    CaseFilter, EventFilter, EventLog, EventLogConfig, EventSink as _, SqliteState, State as _,
};

const INCLUDE: [&str; 4] = ["state.db", "events", "ledger", "missing"];

fn event_log(dir: &Path) -> EventLog {
    let config = EventLogConfig { segment_bytes_max: 4_000, ..EventLogConfig::default() };
    EventLog::open(Arc::new(StdFiles), Arc::new(ManualClock::at(1_900_000_000_000)), dir, config)
        .unwrap()
}

fn events_in(dir: &Path) -> Vec<u64> {
    let mut numbers = Vec::new();
    let report = event_log(dir)
        .scan(&EventFilter::default(), &mut |stored| {
            assert_eq!(stored.event, event(stored.seq));
            numbers.push(stored.seq);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(report.is_complete());
    numbers
}

/// Every file below a folder with its bytes.
fn tree(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_string_lossy().into_owned();
                files.push((name, fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// A small archive of two files.
fn small(dir: &Path) -> PathBuf {
    let data = dir.join("data");
    fs::create_dir_all(data.join("ledger/tile")).unwrap();
    fs::write(data.join("ledger/checkpoint"), b"ledger.example\n5\n").unwrap();
    fs::write(data.join("ledger/tile/000"), [7; 100]).unwrap();
    let out = dir.join("backup.tar.zst");
    backup(&data, &["ledger"], &out, 99).unwrap();
    out
}

/// An archive with a right hash at its end, of whatever a tar writer puts in.
fn sealed(dir: &Path, tar: tar::Builder<Vec<u8>>) -> PathBuf {
    let mut bytes = zstd::encode_all(tar.into_inner().unwrap().as_slice(), 3).unwrap();
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    bytes.extend(trailer(&digest));
    let path = dir.join("made.tar.zst");
    fs::write(&path, bytes).unwrap();
    path
}

fn file(tar: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    // Written as it is: the library itself would refuse some of these names.
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    tar.append(&header, bytes).unwrap();
}

fn manifest(files: &[(&str, &[u8])]) -> Vec<u8> {
    let files = files
        .iter()
        .map(|(path, bytes)| Entry {
            path: (*path).to_owned(),
            size: bytes.len() as u64,
            sha256: spine::sha256_hex(bytes),
        })
        .collect();
    serde_json::to_vec(&Manifest { schema: 1, created_ms: 5, files }).unwrap()
}

#[test]
fn a_data_folder_in_use_comes_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let state = SqliteState::open(&data.join("state.db")).unwrap();
    state.put_doc("note", "a", &serde_json::json!("kept")).unwrap();
    fs::create_dir_all(data.join("ledger/tile")).unwrap();
    fs::write(data.join("ledger/tile/000"), [7; 5_000]).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", data.join("ledger/link")).unwrap();
    let mut log = event_log(&data.join("events"));
    for n in 1..=100 {
        log.append(&[event(n)]).unwrap();
    }
    // Long names: those of sealed files do not fit into the old tar header.
    assert!(tree(&data.join("events")).iter().any(|(name, _)| name.len() > 100));

    let out = dir.path().join("backup.tar.zst");
    let report = backup(&data, &INCLUDE, &out, 99).unwrap();
    assert_eq!(report.left_out, ["ledger/link"]);
    let bytes = fs::read(&out).unwrap();
    assert_eq!(report.archive_bytes, bytes.len() as u64);
    assert_eq!(report.sha256.to_hex(), spine::sha256_hex(&bytes));
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    // What is written later is not in it.
    state.put_doc("note", "b", &serde_json::json!("later")).unwrap();
    log.append(&[event(101)]).unwrap();

    let into = dir.path().join("restored");
    let restored = restore(&out, &into, false).unwrap();
    assert_eq!((restored.files, restored.bytes), (report.files, report.bytes));
    assert_eq!((restored.created_ms, restored.moved_aside), (99, None));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&into), mode(&into.join("state.db"))), (0o700, 0o600));
    let names: Vec<String> = tree(&into).into_iter().map(|(name, _)| name).collect();
    assert!(!names.iter().any(|name| name.contains("-wal") || name.contains("-shm")));
    let copy = SqliteState::open(&into.join("state.db")).unwrap();
    assert_eq!(copy.docs("note").unwrap().len(), 1);
    assert!(copy.cases(&CaseFilter::default()).unwrap().is_empty());
    assert_eq!(events_in(&into.join("events")), (1..=100).collect::<Vec<_>>());
    assert_eq!(fs::read(into.join("ledger/tile/000")).unwrap(), [7; 5_000]);
}

#[test]
fn backups_made_while_everything_is_written_hold_a_prefix() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut log = event_log(&data.join("events"));
    log.append(&[event(1)]).unwrap();
    let state = SqliteState::open(&data.join("state.db")).unwrap();
    let path = data.join("state.db");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 2;
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                log.append(&[event(n)]).unwrap();
                n += 1;
            }
        });
        let done = &done;
        scope.spawn(move || {
            // Both documents are always written together.
            let mut n = 0;
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                n += 1;
                let value = serde_json::json!(n);
                state
                    .transaction(&mut |tx| {
                        tx.put_doc("pair", "a", &value)?;
                        tx.put_doc("pair", "b", &value)
                    })
                    .unwrap();
            }
        });
        let mut longest = 0;
        for round in 0..12 {
            let out = dir.path().join(format!("{round}.tar.zst"));
            let into = dir.path().join(format!("restored-{round}"));
            backup(&data, &["state.db", "events"], &out, 1).unwrap();
            restore(&out, &into, false).unwrap();
            let numbers = events_in(&into.join("events"));
            assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
            assert!(numbers.len() >= longest);
            longest = numbers.len();
            let copy = SqliteState::open(&into.join("state.db")).unwrap();
            assert_eq!(copy.get_doc("pair", "a").unwrap(), copy.get_doc("pair", "b").unwrap());
        }
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(longest > 20, "{longest}");
    });
    assert!(Connection::open(path).is_ok());
}

#[test]
fn every_flipped_byte_and_every_cut_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = fs::read(small(dir.path())).unwrap();
    let bad = dir.path().join("bad.tar.zst");
    let into = dir.path().join("restored");
    let refused = |bytes: &[u8], what: &str| {
        fs::write(&bad, bytes).unwrap();
        let error = restore(&bad, &into, false).unwrap_err();
        assert!(matches!(error, BackupError::Damaged { .. }), "{what}: {error}");
        assert!(!into.exists(), "{what}");
    };
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut flipped = bytes.clone();
            flipped[at] ^= flip;
            refused(&flipped, &format!("byte {at} flipped by {flip:#x}"));
        }
        refused(&bytes[..at], &format!("cut to {at} bytes"));
    }
    refused(&[&bytes[..], b"x"].concat(), "one byte more");
    let only: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(only.len(), 3, "nothing is left over: {only:?}");
}

#[test]
fn archives_that_reach_out_of_the_folder_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("deep/restored");
    let body = b"x".as_slice();
    for name in ["../x", "/tmp/x", "a/../../x", "./x", "a//x", "..", "a/.."] {
        let mut tar = tar::Builder::new(Vec::new());
        file(&mut tar, name, body);
        file(&mut tar, MANIFEST, &manifest(&[(name, body)]));
        let archive = sealed(dir.path(), tar);
        let error = restore(&archive, &into, false).unwrap_err();
        assert!(matches!(error, BackupError::Path(_)), "{name}: {error}");
    }
    for kind in [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Directory,
        tar::EntryType::Fifo,
        tar::EntryType::Char,
        tar::EntryType::GNUSparse,
        tar::EntryType::XHeader,
    ] {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_path("a").unwrap();
        header.set_link_name("/etc").unwrap();
        header.set_size(0);
        header.set_cksum();
        tar.append(&header, std::io::empty()).unwrap();
        file(&mut tar, "a/x", body);
        file(&mut tar, MANIFEST, &manifest(&[("a/x", body)]));
        let archive = sealed(dir.path(), tar);
        let error = restore(&archive, &into, false).unwrap_err();
        assert!(error.to_string().contains("not a plain file"), "{kind:?}: {error}");
    }
    assert!(
        !into.exists() && !dir.path().join("deep/x").exists() && !dir.path().join("x").exists()
    );
    // A name of a megabyte is not read whole.
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(1 << 20);
    header.set_cksum();
    tar.append(&header, vec![b'n'; 1 << 20].as_slice()).unwrap();
    file(&mut tar, "x", body);
    let archive = sealed(dir.path(), tar);
    assert!(matches!(restore(&archive, &into, false), Err(BackupError::Path(_))));
}

#[test]
fn files_that_differ_from_the_manifest_are_refused() {
    type One<'a> = (&'a str, &'a [u8]);
    type Put<'a> = &'a [One<'a>];
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("restored");
    let (a, b): (One<'_>, One<'_>) = (("a", b"one"), ("b", b"two"));
    let cases: [(Put<'_>, Put<'_>, &str); 5] = [
        (&[a], &[a, b], "`b` is not what the manifest says"),
        (&[a, b], &[a], "`b` is not in the manifest"),
        (&[("a", b"onE")], &[a], "`a` is not what the manifest says"),
        (&[a, a], &[a], "`a` is there twice"),
        (&[a], &[a, a], "`a` is not what the manifest says"),
    ];
    for (files, listed, expected) in cases {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            file(&mut tar, name, bytes);
        }
        file(&mut tar, MANIFEST, &manifest(listed));
        let archive = sealed(dir.path(), tar);
        let error = restore(&archive, &into, false).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let mut tar = tar::Builder::new(Vec::new());
    file(&mut tar, "a", b"one");
    let archive = sealed(dir.path(), tar);
    let error = restore(&archive, &into, false).unwrap_err().to_string();
    assert!(error.contains("it has no manifest"), "{error}");
    let mut tar = tar::Builder::new(Vec::new());
    file(&mut tar, MANIFEST, &manifest(&[a]));
    file(&mut tar, "a", b"one");
    let archive = sealed(dir.path(), tar);
    let error = restore(&archive, &into, false).unwrap_err().to_string();
    assert!(error.contains("comes after the manifest"), "{error}");
    // Not a tar archive at all.
    let archive = sealed(dir.path(), tar::Builder::new(vec![b'x'; 2_000]));
    assert!(matches!(restore(&archive, &into, false), Err(BackupError::Damaged { .. })));
    assert!(!into.exists());
}

#[test]
fn a_folder_in_use_is_kept_unless_told_and_then_moved_aside() {
    let dir = tempfile::tempdir().unwrap();
    let archive = small(dir.path());
    let into = dir.path().join("restored");
    fs::create_dir(&into).unwrap();
    restore(&archive, &into, false).unwrap();
    fs::write(into.join("mine"), b"kept").unwrap();
    let before = tree(&into);
    assert!(matches!(restore(&archive, &into, false), Err(BackupError::NotEmpty(_))));
    assert_eq!(tree(&into), before);
    for n in 1..=2 {
        let aside = restore(&archive, &into, true).unwrap().moved_aside.unwrap();
        assert_eq!(aside, dir.path().join(format!("restored.before-restore-{n}")));
        assert_eq!(tree(&aside).len(), if n == 1 { 3 } else { 2 });
        assert_eq!(tree(&into), tree(&dir.path().join("data")));
    }
    // A damaged archive moves nothing.
    let mut bytes = fs::read(&archive).unwrap();
    bytes[30] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let before = tree(dir.path());
    assert!(restore(&archive, &into, true).is_err());
    assert_eq!(tree(dir.path()), before);
}

#[test]
fn a_backup_replaces_nothing_and_does_not_hold_itself() {
    let dir = tempfile::tempdir().unwrap();
    let archive = small(dir.path());
    let data = dir.path().join("data");
    assert!(matches!(backup(&data, &["ledger"], &archive, 1), Err(BackupError::Exists(_))));
    let inside = data.join("ledger/backup.tar.zst");
    assert!(matches!(backup(&data, &["ledger"], &inside, 1), Err(BackupError::Inside(_))));
    for path in ["../data", "/etc", "", "ledger/", MANIFEST] {
        let out = dir.path().join("other.tar.zst");
        let error = backup(&data, &[path], &out, 1).unwrap_err();
        assert!(matches!(error, BackupError::Path(_)), "{path}: {error}");
        assert!(!out.exists());
    }
}

#[test]
fn the_archive_is_an_ordinary_one_to_other_readers() {
    let dir = tempfile::tempdir().unwrap();
    let archive = fs::read(small(dir.path())).unwrap();
    // A zstd reader skips the frame at the end.
    let mut plain = Vec::new();
    plain.write_all(&zstd::decode_all(archive.as_slice()).unwrap()).unwrap();
    let mut tar = tar::Archive::new(plain.as_slice());
    let names: Vec<String> = tar
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["ledger/checkpoint", "ledger/tile/000", MANIFEST]);
}
