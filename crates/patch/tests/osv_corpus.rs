//! OSV matching against whole databases: where a record both enumerates versions and has ranges,
//! the ranges alone must give the same answer. Skipped, loudly, without the corpus.

use std::io::Read;
use std::path::PathBuf;

use formats::osv::{self, Osv, RangeType};
use patch::{MatchResult, match_osv};
use spine::Package;

/// Calls `each` with the path and the bytes of every file of an archive of the corpus.
fn each_file(relative: &str, mut each: impl FnMut(&str, &[u8])) -> bool {
    let root = std::env::var_os("RINGFORT_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let path = root.join(relative);
    let Ok(file) = std::fs::File::open(&path) else {
        println!("SKIPPED: {} is not there; set RINGFORT_CORPUS", path.display());
        return false;
    };
    let mut bytes = Vec::new();
    liblzma::read::XzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        each(&path, &bytes);
    }
    true
}

fn package(ecosystem: &str, name: &str, version: &str) -> Package {
    Package {
        ecosystem: ecosystem.into(),
        name: name.into(),
        version: version.into(),
        arch: None,
        source: None,
        location: "lock".into(),
    }
}

/// The record without its enumerated versions.
fn ranges_only(record: &Osv) -> Osv {
    let mut record = record.clone();
    for affected in &mut record.affected {
        affected.versions.clear();
    }
    record
}

#[test]
fn ranges_hold_the_enumerated_versions_of_python_packages() {
    let (mut versions, mut agree, mut listed) = (0, 0, 0);
    let mut examples = Vec::new();
    let there = each_file("patch/feeds/pypa-advisory-database.tar.xz", |path, bytes| {
        if !path.contains("PYSEC-") {
            return;
        }
        let record = osv::parse_yaml(bytes).unwrap();
        if record.withdrawn.is_some() {
            return;
        }
        let without = ranges_only(&record);
        for affected in &record.affected {
            let Some(named) = &affected.package else { continue };
            let ranged = affected.ranges.iter().any(|range| range.kind != RangeType::Git);
            for version in &affected.versions {
                let package = package("PyPI", &named.name, version);
                let found = match_osv(&package, &record);
                listed += usize::from(matches!(found, MatchResult::Affected { .. }));
                versions += 1;
                let by_range = match_osv(&package, &without);
                if !ranged || matches!(by_range, MatchResult::Affected { .. }) {
                    agree += 1;
                } else if examples.len() < 10 {
                    examples.push(format!("{} {version} {by_range:?}", record.id));
                }
            }
        }
    });
    println!("{listed} of {versions} listed versions match; {agree} also by their ranges alone");
    println!("{examples:#?}");
    assert_eq!(listed, versions);
    assert!(!there || (versions > 100_000 && agree * 1_000 >= versions * 995));
}

/// The first affected version of a range is affected, the fixed one is not, nothing is unknown.
#[test]
fn go_records_hold_at_their_own_bounds() {
    let (mut checked, mut wrong) = (0, Vec::new());
    let there = each_file("patch/feeds/go-vulndb-osv.tar.xz", |path, bytes| {
        if !path.contains("/osv/GO-") {
            return;
        }
        let record = osv::parse(bytes).unwrap();
        if record.withdrawn.is_some() {
            return;
        }
        for affected in &record.affected {
            let Some(named) = &affected.package else { continue };
            for event in affected.ranges.iter().flat_map(|range| &range.events) {
                let (version, expected) = match event {
                    osv::Event::Introduced(at) if at == "0" => ("0.0.0-0", true),
                    osv::Event::Introduced(at) => (at.as_str(), true),
                    osv::Event::Fixed(at) => (at.as_str(), false),
                    _ => continue,
                };
                let found = match_osv(&package("Go", &named.name, version), &record);
                checked += 1;
                let is_affected = match found {
                    MatchResult::Affected { .. } => Some(true),
                    MatchResult::NotAffected => Some(false),
                    MatchResult::Unknown { .. } => None,
                };
                if is_affected != Some(expected) {
                    wrong.push(format!("{} {} {version}: {found:?}", record.id, named.name));
                }
            }
        }
    });
    println!("{checked} bounds of Go records, {} wrong", wrong.len());
    println!("{:#?}", wrong.iter().take(10).collect::<Vec<_>>());
    assert!(!there || checked > 5_000);
    // A few records have stretches that overlap, so that a version fixes one and begins another.
    assert!(wrong.len() * 500 <= checked);
    assert!(wrong.iter().all(|line| !line.contains("Unknown")));
}
