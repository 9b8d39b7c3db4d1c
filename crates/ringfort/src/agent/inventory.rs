//! What is installed under a root, and what its package manager could install instead. Runs in a
//! worker: everything it reads may be hostile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use durable::{Files as _, StdFiles};
use patch::pending::{AvailableDeb, CandidateSearch, InstalledDeb, Preferences, ReleaseFacts};
use serde::{Deserialize, Serialize};
use sources::apt::index::IndexVersion;
use sources::apt::lists::{LISTS_FOLDER, ListsQuery};
use sources::apt::{IndexKey, IndexReader, SourcesList, Suite, encode, read_lists};
use sources::ecosystem::{Flag, Found};
use sources::inventory::FileReport;
use sources::os_release::OsRelease;
use sources::{RootTree, Scope, Tree as _};
use spine::SourcePackage;

/// The name of the cached index in the worker's cache folder.
const INDEX_FILE: &str = "packages.index";

/// What is to be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InventoryJob {
    /// The root.
    pub root: PathBuf,
    /// Package metadata refreshed by ringfort, outside the root; the root's own otherwise.
    pub lists_dir: Option<PathBuf>,
    /// Where the index over the metadata is cached.
    pub cache_dir: Option<PathBuf>,
    /// Whether the packages of the distribution are read.
    pub distribution: bool,
    /// Projects: files, or folders that are walked for lock files.
    pub paths: Vec<PathBuf>,
}

/// What was read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct InventoryResult {
    /// The operating system in words.
    pub os: String,
    /// The release's code name, such as `bookworm`.
    pub codename: String,
    /// Every package.
    pub packages: Vec<Found>,
    /// Updates that the package manager would install.
    pub upgrades: Vec<Upgrade>,
    /// The suites that the metadata covers.
    pub suites: Vec<Suite>,
    /// What could not be read or told, so that what it would have shown is unknown.
    pub unknown: Vec<String>,
    /// Every file that was read or should have been.
    pub files: Vec<FileReport>,
}

/// One update that the package manager would install.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// The binary package.
    pub name: String,
    /// Its architecture.
    pub arch: String,
    /// The version that is installed.
    pub from: String,
    /// The version that would be installed.
    pub to: String,
    /// The source package.
    pub source: String,
    /// The source version that is installed.
    pub source_from: String,
    /// The source version that would be installed.
    pub source_to: String,
    /// The suite that offers it, such as `bookworm-security`.
    pub suite: String,
    /// Whether the suite is one for security fixes.
    pub security: bool,
    /// Whether the administrator holds the package back.
    pub held: bool,
}

impl InventoryResult {
    /// Whether any suite that was read carries security fixes.
    pub fn has_security_suite(&self) -> bool {
        self.suites.iter().any(is_security)
    }
}

/// Whether a suite carries security fixes (Debian's and Ubuntu's naming).
fn is_security(suite: &Suite) -> bool {
    let named = |text: &str| text.ends_with("-security") || text.ends_with("/updates");
    named(&suite.codename) || named(&suite.suite) || suite.label.ends_with("-Security")
}

/// Reads everything that the job names.
pub fn read(job: &InventoryJob) -> InventoryResult {
    let mut result = InventoryResult::default();
    if job.distribution {
        match RootTree::open(&job.root) {
            Ok(tree) => read_root(&tree, job, &mut result),
            Err(error) => result.unknown.push(format!("`{}`: {error}", job.root.display())),
        }
    }
    for path in &job.paths {
        read_project(path, &mut result);
    }
    result
}

fn read_root(tree: &RootTree, job: &InventoryJob, result: &mut InventoryResult) {
    if let Some(os) = OsRelease::of_tree(tree) {
        result.os = os.pretty_name;
        result.codename = os.codename;
    }
    take(sources::scan(tree, &Scope::places_only()), "", result);
    if result.packages.is_empty() {
        let text = "no package database was found: what is installed here is unknown";
        result.unknown.push(text.to_owned());
        return;
    }
    match index(tree, job) {
        Ok(index) => upgrades(tree, &index, result),
        Err(reason) => result.unknown.push(reason),
    }
}

fn take(inventory: sources::Inventory, prefix: &str, result: &mut InventoryResult) {
    let place =
        |path: &str| if prefix.is_empty() { path.to_owned() } else { format!("{prefix}/{path}") };
    result.unknown.extend(inventory.gaps);
    for mut file in inventory.files {
        file.path = place(&file.path);
        if let Some(error) = &file.error {
            result.unknown.push(format!("`{}` could not be read: {error}", file.path));
        }
        result.files.push(file);
    }
    result.packages.extend(inventory.packages.into_iter().map(|mut found| {
        found.package.location = place(&found.package.location);
        found
    }));
}

/// One project: a lock file, or a folder that is walked for lock files.
fn read_project(path: &Path, result: &mut InventoryResult) {
    let scope = |walk: String| Scope { ecosystems: None, walk: vec![walk] };
    let (dir, name) = if path.is_dir() {
        (path, None)
    } else {
        (path.parent().unwrap_or(Path::new("/")), path.file_name())
    };
    let tree = match RootTree::open(dir) {
        Ok(tree) => tree,
        Err(error) => {
            result.unknown.push(format!("`{}`: {error}", path.display()));
            return;
        }
    };
    let prefix = dir.display().to_string();
    match name {
        None => take(sources::scan(&tree, &scope(String::new())), &prefix, result),
        Some(name) => {
            let name = name.to_string_lossy();
            match sources::inventory::scan_file(&tree, &name) {
                Some(inventory) => take(inventory, &prefix, result),
                None => {
                    result.unknown.push(format!("`{}` is no lock file known here", path.display()));
                }
            }
        }
    }
}

/// The index over the package metadata, from the cache while the metadata is the same.
fn index(tree: &RootTree, job: &InventoryJob) -> Result<IndexReader, String> {
    let list = SourcesList::of_tree(tree);
    let private = job.lists_dir.as_deref().map(RootTree::open).transpose();
    let private = private.map_err(|error| format!("the refreshed package metadata: {error}"))?;
    let (lists, dir, query) = match &private {
        Some(private) => (private, "", None),
        None => (tree, LISTS_FOLDER, Some(&list)),
    };
    let key = IndexKey::of(lists, dir, query).map_err(|error| error.to_string())?;
    let cached = job.cache_dir.as_deref().map(|dir| dir.join(INDEX_FILE));
    if let Some(path) = &cached
        && let Ok(bytes) = StdFiles.read(path)
        && let Ok(index) = IndexReader::parse(bytes)
        && index.key() == key
    {
        return Ok(index);
    }
    let read = read_lists(lists, dir, ListsQuery { sources: query, names: None });
    let bytes = encode(&read, key).map_err(|error| error.to_string())?;
    drop(read);
    if let Some(path) = &cached {
        // Without the cache the next scan is slower, not wrong.
        let _ = StdFiles.write_atomic(path, &bytes);
    }
    IndexReader::parse(bytes).map_err(|error| error.to_string())
}

fn upgrades(tree: &RootTree, index: &IndexReader, result: &mut InventoryResult) {
    if index.is_empty() {
        let text = "there is no package metadata: which updates wait is unknown";
        result.unknown.push(text.to_owned());
        return;
    }
    result.suites.clone_from(&index.suites);
    result.unknown.extend(index.problems.iter().cloned());
    let broken = index.files.iter().filter_map(|file| Some((&file.name, file.problem.as_ref()?)));
    result.unknown.extend(broken.map(|(name, problem)| format!("`{name}`: {problem}")));
    let mut preferences = Preferences::none();
    for text in preference_texts(tree) {
        if let Err(error) = preferences.read(&text) {
            result.unknown.push(format!("apt's preferences: {error}"));
        }
    }
    result.unknown.extend(preferences.not_understood().iter().cloned());
    let native = native_architecture(&result.packages);
    let installed =
        result.packages.iter().filter(|found| found.package.arch.is_some()).map(|f| InstalledDeb {
            package: f.package.clone(),
            hold: f.flags.contains(&Flag::Hold),
            essential: f.flags.contains(&Flag::Essential),
        });
    let mut search = CandidateSearch::new(installed, &preferences, &native);
    let names: BTreeSet<&str> = result.packages.iter().map(|f| f.package.name.as_str()).collect();
    let mut releases = BTreeMap::new();
    for name in names {
        for version in index.versions(name) {
            if search.wants(name, version.architecture) {
                let release = releases
                    .entry(version.suite.prefix.clone())
                    .or_insert_with(|| Arc::new(release_of(version.suite, &native)));
                search.offer(available(name, &version, Arc::clone(release)));
            }
        }
    }
    if search.dropped() > 0 {
        result.unknown.push(format!("{} versions were too many to compare", search.dropped()));
    }
    result.upgrades = search.upgrades().iter().map(upgrade_of).collect();
}

/// dpkg's own architecture: the one that most packages have.
fn native_architecture(packages: &[Found]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for arch in packages.iter().filter_map(|found| found.package.arch.as_deref()) {
        if arch != "all" {
            *counts.entry(arch).or_default() += 1;
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or("all", |(arch, _)| arch).to_owned()
}

fn release_of(suite: &Suite, native: &str) -> ReleaseFacts {
    let (site, rest) = suite.prefix.split_once('_').unwrap_or(("", &suite.prefix));
    let named = rest.split_once("_dists_").map_or(rest, |(_, named)| named);
    ReleaseFacts {
        suite: named.trim_end_matches('_').replace('_', "/"),
        site: site.to_owned(),
        origin: suite.origin.clone(),
        label: suite.label.clone(),
        archive: suite.suite.clone(),
        codename: suite.codename.clone(),
        arch: native.to_owned(),
        not_automatic: suite.priority < 500,
        but_automatic_upgrades: suite.priority == 100,
        ..ReleaseFacts::default()
    }
}

fn available(name: &str, version: &IndexVersion<'_>, release: Arc<ReleaseFacts>) -> AvailableDeb {
    AvailableDeb {
        name: name.to_owned(),
        arch: version.architecture.to_owned(),
        version: version.version.to_owned(),
        source: Some(SourcePackage {
            name: version.source_name.to_owned(),
            version: version.source_version.to_owned(),
        }),
        filename: String::new(),
        size: 0,
        sha256: String::new(),
        release,
    }
}

fn upgrade_of(upgrade: &patch::pending::Upgrade) -> Upgrade {
    let (installed, candidate) = (&upgrade.installed.package, &upgrade.candidate);
    let (source_from, source_to) = upgrade.source_versions();
    let security = |release: &&Arc<ReleaseFacts>| release.codename.ends_with("-security");
    let release = upgrade.releases.iter().find(security).unwrap_or(&candidate.release);
    Upgrade {
        name: installed.name.clone(),
        arch: candidate.arch.clone(),
        from: installed.version.clone(),
        to: candidate.version.clone(),
        source: installed.source.as_ref().map_or(&installed.name, |source| &source.name).clone(),
        source_from,
        source_to,
        suite: release.codename.clone(),
        security: upgrade.is_from_security(),
        held: upgrade.is_held(),
    }
}

/// The texts of apt's preferences, in apt's order.
fn preference_texts(tree: &RootTree) -> Vec<String> {
    const FOLDER: &str = "etc/apt/preferences.d";
    let mut paths = vec!["etc/apt/preferences".to_owned()];
    if let Ok(listing) = tree.list(FOLDER) {
        paths.extend(listing.entries.into_iter().map(|entry| format!("{FOLDER}/{}", entry.name)));
    }
    let limit = patch::limits::PREFERENCES_BYTES_MAX as u64;
    let texts = paths.iter().filter_map(|path| tree.read(path, limit).ok());
    texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(codename: &str, label: &str) -> Suite {
        Suite { codename: codename.into(), label: label.into(), ..Suite::default() }
    }

    #[test]
    fn suites_of_security_fixes_are_told_by_their_names() {
        assert!(is_security(&suite("bookworm-security", "Debian-Security")));
        assert!(is_security(&suite("jammy-security", "Ubuntu")));
        assert!(!is_security(&suite("bookworm", "Debian")));
        assert!(!is_security(&suite("bookworm-updates", "Debian")));
    }

    #[test]
    fn an_empty_root_is_unknown_and_not_clean() {
        let dir = tempfile::tempdir().unwrap();
        let job = InventoryJob {
            root: dir.path().into(),
            lists_dir: None,
            cache_dir: None,
            distribution: true,
            paths: Vec::new(),
        };
        let result = read(&job);
        assert!(result.packages.is_empty() && !result.unknown.is_empty());
    }
}
