//! A verifier that is not ours: `tests/tlog-verifier`, a Go program over the Go project's own
//! packages, accepts this crate's logs and notices every bit that is changed in them.
//!
//! Needs Debian's `golang-go` and `golang-golang-x-mod-dev`; says so loudly where they are missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use durable::{Files, StdFiles};
use ledger::{Ledger, Signer};
use testkit::process;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/tlog-verifier");
/// Where Debian puts the sources of Go packages.
const GOPATH: &str = "/usr/share/gocode";
/// The first build compiles a part of Go's library too.
const BUILD_TIME_MAX: Duration = Duration::from_mins(5);
const RUN_TIME_MAX: Duration = Duration::from_mins(2);

/// The verifier, built into `dir`, or `None` if this machine cannot build it.
fn build(dir: &Path) -> Option<PathBuf> {
    let packages = Path::new(GOPATH).join("src/golang.org/x/mod/sumdb/tlog");
    if !process::is_there("go") || !packages.is_dir() {
        eprintln!("SKIPPED: needs Debian's golang-go and golang-golang-x-mod-dev");
        return None;
    }
    let program = dir.join("tlog-verifier");
    let built = process::run(
        process::command("go")
            .args(["build", "-o"])
            .arg(&program)
            .arg("main.go")
            .current_dir(SOURCES)
            .env("GO111MODULE", "off")
            .env("GOFLAGS", "")
            .env("GOPATH", GOPATH)
            .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-build")),
        BUILD_TIME_MAX,
    )
    .unwrap();
    assert!(built.status.success(), "{}", built.stderr);
    Some(program)
}

fn signer() -> Signer {
    Signer::from_seed("ledger.example/go", &[11; 32]).unwrap()
}

fn open(dir: &Path) -> Ledger {
    let files: Arc<dyn Files> = Arc::new(StdFiles);
    Ledger::open(files, dir, signer()).unwrap().0
}

/// Appends in several openings, and returns the last checkpoint of each.
fn fill(dir: &Path, ends: &[u64]) -> Vec<String> {
    ends.iter()
        .map(|&end| {
            let mut ledger = open(dir);
            while ledger.size() < end {
                let first = ledger.size();
                let batch: Vec<String> = (first..end.min(first + 1 + first % 97))
                    .map(|i| format!("entry {i} {}", "x".repeat((i % 61) as usize)))
                    .collect();
                ledger.append_batch(&batch).unwrap();
            }
            ledger.checkpoint()
        })
        .collect()
}

/// The number after `name: ` in what the verifier printed.
fn count(printed: &str, name: &str) -> u64 {
    let line = printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let number = line.unwrap_or_else(|| panic!("no `{name}` in\n{printed}"));
    number.split(' ').next().unwrap().parse().unwrap()
}

fn verify(program: &Path, flags: &[&str], dir: &Path) -> process::Output {
    let key = signer().verifier().to_string();
    let mut command = process::command(program);
    process::run(command.args(flags).arg(dir).arg(key), RUN_TIME_MAX).unwrap()
}

#[test]
fn a_verifier_that_is_not_ours_accepts_the_log_and_rejects_1000_of_1000_flips() {
    let temp = tempfile::tempdir().unwrap();
    let Some(program) = build(temp.path()) else { return };
    let dir = temp.path().join("log");
    let checkpoints = fill(&dir, &[1, 300, 768, 1_024, 1_700]);
    let old = temp.path().join("old");
    fs::write(&old, &checkpoints[2]).unwrap();

    let flags = ["-old", old.to_str().unwrap(), "-proofs", "1700", "-flips", "1000", "-seed", "7"];
    let output = verify(&program, &flags, &dir);
    println!("{}", output.stdout);
    assert!(output.status.success(), "{}{}", output.stdout, output.stderr);
    assert_eq!(count(&output.stdout, "checkpoint"), 1_700);
    assert_eq!(count(&output.stdout, "inclusion proofs accepted"), 1_700);
    assert_eq!(count(&output.stdout, "consistency proofs accepted"), 1);
    assert!(output.stdout.contains("flips rejected: 1000 of 1000\n"), "{}", output.stdout);
    // Each of the three kinds of files had its share of them.
    for kind in ["checkpoints", "hash tiles", "entry bundles"] {
        assert!(count(&output.stdout, &format!("flips rejected in {kind}")) > 20);
    }
}

#[test]
fn every_opening_is_accepted_and_another_history_is_not() {
    let temp = tempfile::tempdir().unwrap();
    let Some(program) = build(temp.path()) else { return };
    let (dir, other) = (temp.path().join("log"), temp.path().join("other"));
    let old = temp.path().join("old");
    let mut before = None;
    for end in [0, 1, 2, 255, 256, 257, 600] {
        let checkpoint = fill(&dir, &[end]).remove(0);
        if let Some(before) = before {
            fs::write(&old, before).unwrap();
            let output = verify(&program, &["-old", old.to_str().unwrap()], &dir);
            assert!(output.status.success(), "{end}: {}{}", output.stdout, output.stderr);
            assert_eq!(count(&output.stdout, "inclusion proofs accepted"), end);
        }
        before = Some(checkpoint);
    }
    // The same key signed another log: both are good, but not one after the other.
    let mut ledger = open(&other);
    ledger.append_batch(&vec!["another entry"; 300]).unwrap();
    fs::write(&old, ledger.checkpoint()).unwrap();
    assert!(verify(&program, &[], &other).status.success());
    let output = verify(&program, &["-old", old.to_str().unwrap()], &dir);
    assert_eq!(output.status.code(), Some(1), "{}", output.stdout);
    assert!(output.stderr.contains("older checkpoint"), "{}", output.stderr);
}
