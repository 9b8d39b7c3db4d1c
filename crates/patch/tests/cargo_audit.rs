//! The same advisory sets as `cargo audit`.
//!
//! Run `cargo audit --db DB --no-fetch --stale --json -f NAME.lock > NAME.json` for some lock
//! files with the unpacked advisory database of the corpus, and name the folder of both in
//! `RINGFORT_CARGO_AUDIT`. Skipped, loudly, without it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use formats::rustsec::{self, RustsecAdvisory};
use patch::{MatchResult, match_rustsec};
use spine::Package;

/// Crate, version and advisory.
type Found = BTreeSet<(String, String, String)>;

fn database(path: &Path) -> BTreeMap<String, Vec<RustsecAdvisory>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).unwrap();
    liblzma::read::XzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    let mut by_crate: BTreeMap<String, Vec<RustsecAdvisory>> = BTreeMap::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let Some(collection) = rustsec::collection_of(&path) else { continue };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let mut advisory = rustsec::parse(&bytes).unwrap();
        advisory.collection = Some(collection);
        by_crate.entry(advisory.package.clone()).or_default().push(advisory);
    }
    by_crate
}

/// The crates of the default registry in a lock file.
fn locked(path: &Path) -> Vec<Package> {
    let text = std::fs::read_to_string(path).unwrap();
    let lock: toml::Table = text.parse().unwrap();
    let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    packages
        .filter(|package| {
            let source = package.get("source").and_then(toml::Value::as_str).unwrap_or("");
            source.ends_with("/rust-lang/crates.io-index")
        })
        .map(|package| Package {
            ecosystem: "crates.io".into(),
            name: package["name"].as_str().unwrap().into(),
            version: package["version"].as_str().unwrap().into(),
            arch: None,
            source: None,
            location: "Cargo.lock".into(),
        })
        .collect()
}

fn reported(path: &Path) -> Option<Found> {
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).ok()?;
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let list = report["vulnerabilities"]["list"].as_array()?;
    let found = list.iter().map(|found| {
        let package = &found["package"];
        (text(&package["name"]), text(&package["version"]), text(&found["advisory"]["id"]))
    });
    Some(found.collect())
}

#[test]
fn the_same_advisories_as_cargo_audit() {
    let corpus = std::env::var_os("RINGFORT_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let archive = corpus.join("patch/feeds/rustsec-advisory-db.tar.xz");
    let Some(peer) = std::env::var_os("RINGFORT_CARGO_AUDIT").filter(|_| archive.exists()) else {
        println!("SKIPPED: set RINGFORT_CARGO_AUDIT, and RINGFORT_CORPUS to the corpus");
        return;
    };
    let database = database(&archive);
    let (mut same, mut hits, mut with_hits, mut crates) = (0, 0, 0, 0);
    let mut different = Vec::new();
    for entry in std::fs::read_dir(peer).unwrap() {
        let lock = entry.unwrap().path();
        let report = lock.with_extension("json");
        if lock.extension().is_none_or(|e| e != "lock") || !report.exists() {
            continue;
        }
        let Some(theirs) = reported(&report) else { continue };
        let mut ours = Found::new();
        for package in locked(&lock) {
            crates += 1;
            for advisory in database.get(&package.name).into_iter().flatten() {
                match match_rustsec(&package, advisory) {
                    MatchResult::NotAffected => {}
                    MatchResult::Affected { .. } => {
                        let Package { name, version, .. } = package.clone();
                        ours.insert((name, version, advisory.id.clone()));
                    }
                    MatchResult::Unknown { reason } => panic!("{}: {reason}", lock.display()),
                }
            }
        }
        hits += theirs.len();
        with_hits += usize::from(!theirs.is_empty());
        if ours == theirs {
            same += 1;
        } else {
            let more: Vec<_> = ours.symmetric_difference(&theirs).collect();
            different.push(format!("{}: {more:?}", lock.display()));
        }
    }
    println!(
        "{same} lock files with the same set, {} with another; {with_hits} with findings, {hits} \
         findings over {crates} locked crates",
        different.len()
    );
    assert!(different.is_empty(), "{different:#?}");
    assert!(same >= 10, "too few reports");
}
