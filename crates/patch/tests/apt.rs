//! The same upgrades as `apt list --upgradable`.
//!
//! `tests/data/apt-cases.json` holds small made-up machines, archives and pins, and what apt 2.6
//! listed for each. More such cases can be named in `RINGFORT_APT_CASES`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use patch::pending::{AvailableDeb, InstalledDeb, Preferences, ReleaseFacts, upgrades};
use serde_json::Value;
use spine::{Package, SourcePackage};

/// `[name, architecture, version, source package, ...]`.
fn text(value: &Value, index: usize) -> String {
    value[index].as_str().unwrap_or_default().to_owned()
}

fn source(value: &Value) -> SourcePackage {
    SourcePackage { name: text(value, 3), version: text(value, 2) }
}

fn installed(value: &Value) -> InstalledDeb {
    InstalledDeb {
        package: Package {
            ecosystem: "Debian:12".into(),
            name: text(value, 0),
            version: text(value, 2),
            arch: Some(text(value, 1)),
            source: Some(source(value)),
            location: "var/lib/dpkg/status".into(),
        },
        hold: value[4] == "hold",
        essential: false,
    }
}

fn available(value: &Value, releases: &[Arc<ReleaseFacts>]) -> AvailableDeb {
    let release = usize::try_from(value[4].as_u64().unwrap()).unwrap();
    AvailableDeb {
        name: text(value, 0),
        arch: text(value, 1),
        version: text(value, 2),
        source: Some(source(value)),
        filename: String::new(),
        size: 1,
        sha256: String::new(),
        release: Arc::clone(&releases[release]),
    }
}

fn ours(case: &Value) -> Vec<String> {
    let mut preferences = Preferences::none();
    preferences.read(case["preferences"].as_str().unwrap()).unwrap();
    if let Some(release) = case["default_release"].as_str().filter(|release| !release.is_empty()) {
        preferences.set_default_release(release);
    }
    assert_eq!(preferences.not_understood(), [] as [String; 0]);
    let list = |key: &str| case[key].as_array().unwrap();
    let releases: Vec<ReleaseFacts> = serde_json::from_value(case["releases"].clone()).unwrap();
    let releases: Vec<_> = releases.into_iter().map(Arc::new).collect();
    let mut found: Vec<String> = upgrades(
        list("installed").iter().map(installed),
        list("available").iter().map(|deb| available(deb, &releases)),
        &preferences,
        "amd64",
    )
    .into_iter()
    .map(|upgrade| {
        let (from, to) = (&upgrade.installed.package, &upgrade.candidate);
        format!("{} {} {} from {}", to.name, to.version, to.arch, from.version)
    })
    .collect();
    found.sort();
    found
}

fn theirs(case: &Value) -> Vec<String> {
    serde_json::from_value(case["expected"].clone()).unwrap()
}

fn check(path: &Path) {
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (mut wrong, mut listed) = (0, 0);
    for case in &cases {
        let (ours, theirs) = (ours(case), theirs(case));
        listed += theirs.len();
        if ours != theirs {
            wrong += 1;
            if wrong <= 5 {
                println!("{}\n{}", case["preferences"].as_str().unwrap(), case["default_release"]);
                println!("ours {ours:#?}\napt {theirs:#?}\n{}", case["installed"]);
            }
        }
    }
    println!("{} cases with {listed} upgrades, {wrong} differ", cases.len());
    assert_eq!(wrong, 0);
    assert!(cases.len() >= 20);
}

#[test]
fn the_same_upgrades_as_apt() {
    check(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/apt-cases.json")));
}

#[test]
fn the_same_upgrades_as_apt_in_more_cases() {
    match std::env::var_os("RINGFORT_APT_CASES") {
        Some(path) => check(&PathBuf::from(path)),
        None => println!("SKIPPED: set RINGFORT_APT_CASES"),
    }
}
