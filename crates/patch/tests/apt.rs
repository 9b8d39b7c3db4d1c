//! The same upgrades as `apt list --upgradable`.
//!
//! `tests/data/apt-cases.json` holds small made-up machines, archives and pins, and what apt 2.6
//! listed for each. More such cases can be named in `RINGFORT_APT_CASES`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use patch::pending::{AvailableDeb, InstalledDeb, Preferences, ReleaseFacts, upgrades};
use serde_json::Value;
use spine::{Package, SourcePackage};

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn source(value: &Value) -> Option<SourcePackage> {
    Some(SourcePackage { name: text(value, "source"), version: text(value, "version") })
}

fn installed(value: &Value) -> InstalledDeb {
    InstalledDeb {
        package: Package {
            ecosystem: "Debian:12".into(),
            name: text(value, "name"),
            version: text(value, "version"),
            arch: Some(text(value, "arch")),
            source: source(value),
            location: "var/lib/dpkg/status".into(),
        },
        hold: value["hold"].as_bool().unwrap(),
        essential: false,
    }
}

fn available(value: &Value) -> AvailableDeb {
    let flag = |key: &str| value[key].as_bool().unwrap();
    AvailableDeb {
        name: text(value, "name"),
        arch: text(value, "arch"),
        version: text(value, "version"),
        source: source(value),
        filename: String::new(),
        size: 1,
        sha256: String::new(),
        release: Arc::new(ReleaseFacts {
            suite: text(value, "suite"),
            site: text(value, "site"),
            origin: text(value, "origin"),
            label: text(value, "label"),
            archive: text(value, "archive"),
            codename: text(value, "codename"),
            version: text(value, "rel_version"),
            component: text(value, "component"),
            arch: text(value, "index_arch"),
            not_automatic: flag("not_automatic"),
            but_automatic_upgrades: flag("but_automatic_upgrades"),
        }),
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
    let mut found: Vec<String> = upgrades(
        list("installed").iter().map(installed),
        list("available").iter().map(available),
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
    let listed = case["expected"].as_array().unwrap().iter().map(|upgrade| {
        let part = |key: &str| text(upgrade, key);
        format!("{} {} {} from {}", part("name"), part("version"), part("arch"), part("from"))
    });
    let mut listed: Vec<String> = listed.collect();
    listed.sort();
    listed
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
