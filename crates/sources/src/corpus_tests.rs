//! Compares our readers with what other scanners found in their own fixtures, which stand in a
//! folder beside the repository (`RINGFORT_CORPUS`). Skipped, loudly, where it is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::ecosystem::{Flag, Input, ReadOutcome};
use crate::registry;

fn corpus(below: &str) -> Option<PathBuf> {
    let root = std::env::var_os("RINGFORT_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let folder = root.join(below);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {} is not there; set RINGFORT_CORPUS", folder.display());
    None
}

/// Reads a file as the ecosystem that wants its path does, with its siblings.
fn read(path: &Path) -> ReadOutcome {
    let text = path.to_string_lossy();
    let ecosystem =
        registry::ALL.iter().find(|ecosystem| (ecosystem.wants)(&text)).expect("wanted by one");
    let bytes = fs::read(path).unwrap();
    let mut input = Input::new(&text, &bytes);
    for name in ecosystem.siblings.iter().filter(|name| !name.starts_with('/')) {
        if let Ok(bytes) = fs::read(path.with_file_name(name)) {
            input.siblings.insert(name, bytes);
        }
    }
    (ecosystem.read)(&input).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// PyPI's names are the same in any case and with any of `-_.` (PEP 503).
fn plain_name(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

#[test]
fn the_packages_of_trivys_repositories_are_those_it_expects() {
    let Some(folder) = corpus("patch/trivy/integration/testdata") else { return };
    for (golden, file) in [
        ("cargo.lock", "cargo/Cargo.lock"),
        ("npm-with-dev", "npm/package-lock.json"),
        ("pip", "pip/requirements.txt"),
        ("poetry", "poetry/poetry.lock"),
        ("uv", "uv/uv.lock"),
    ] {
        let golden = fs::read(folder.join(format!("{golden}.json.golden"))).unwrap();
        let golden: serde_json::Value = serde_json::from_slice(&golden).unwrap();
        let expected: BTreeSet<(String, String)> = golden["Results"][0]["Packages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|package| {
                let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
                (plain_name(&text("Name")), text("Version"))
            })
            .collect();
        let outcome = read(&folder.join("fixtures/repo").join(file));
        let found = outcome.packages.iter().map(|found| {
            let pair = (plain_name(&found.package.name), found.package.version.clone());
            (pair, found.flags.contains(&Flag::Local))
        });
        let found: BTreeMap<(String, String), bool> = found.collect();
        // The project itself may be listed or not; everything else must be.
        let missing: Vec<_> = expected.iter().filter(|pair| !found.contains_key(*pair)).collect();
        // Trivy leaves out what the manifest beside the lock file asks for on Windows only.
        let more: Vec<_> = found
            .iter()
            .filter(|(pair, local)| !**local && !expected.contains(*pair))
            .filter(|((name, _), _)| !name.starts_with("winapi"))
            .collect();
        assert!(missing.is_empty() && more.is_empty(), "{file}: -{missing:?} +{more:?}");
        eprintln!("{file}: {} of {} packages agree", expected.len(), expected.len());
    }
}

#[test]
fn files_of_osv_scanner_hold_as_many_packages_as_it_counts() {
    let Some(folder) = corpus("patch/osv-scanner/cmd/osv-scanner/scan/source") else { return };
    let mut agreed = 0;
    for (file, count) in [
        ("go-project/go.mod", 1),
        ("go-project/nested/go.mod", 1),
        ("exp-plugins-pkgdeprecate/clean/Cargo.lock", 5),
        ("exp-plugins-pkgdeprecate/deprecated-novuln/Cargo.lock", 36),
        ("exp-plugins-pkgdeprecate/deprecated-vuln/Cargo.lock", 7),
        ("exp-plugins-pkgdeprecate/deprecated-npm/package-lock.json", 1),
        ("locks-licenses/package-lock.json", 4),
        ("locks-many/package-lock.json", 1),
        ("locks-many-with-insecure/package-lock.json", 1),
        ("locks-test-ignore/package-lock.json", 1),
        ("locks-requirements/requirements.txt", 3),
        ("locks-requirements/requirements-dev.txt", 1),
        ("locks-requirements/requirements.prod.txt", 1),
        ("locks-requirements/my-requirements.txt", 1),
        ("locks-requirements/the_requirements_for_test.txt", 1),
        ("locks-scalibr/uv.lock", 2),
    ] {
        let path = folder.join("testdata").join(file);
        if !path.is_file() {
            eprintln!("SKIPPED: {} is not there", path.display());
            continue;
        }
        let outcome = read(&path);
        // Whether the project itself counts differs between its readers.
        let local = outcome.packages.iter().filter(|found| found.flags.contains(&Flag::Local));
        let local = local.count();
        let ours = outcome.packages.len() + outcome.unresolved.len();
        assert!(ours == count || ours - local == count, "{file}: {count}, ours {outcome:?}");
        agreed += 1;
    }
    eprintln!("{agreed} files of osv-scanner agree");
}
