//! What is installed under a root, and what its package manager could install instead. Runs in a
//! worker: everything it reads may be hostile.

use std::path::{Path, PathBuf};

use durable::{Files as _, StdFiles};
use patch::pending::{self, Installed, Offer, Preferences};
use serde::{Deserialize, Serialize};
use sources::apt::index::IndexVersion;
use sources::apt::lists::{LISTS_FOLDER, ListsQuery};
use sources::apt::{IndexKey, IndexReader, SourcesList, Suite, encode, read_lists};
use sources::ecosystem::{Flag, Found};
use sources::inventory::FileReport;
use sources::os_release::OsRelease;
use sources::{RootTree, Scope, Tree as _};

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
                    result.unknown.push(format!("`{}` is no lock file known here", path.display()))
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
    let texts = preference_texts(tree);
    let preferences = Preferences::parse(texts.iter().map(String::as_str));
    result.unknown.extend(preferences.problems.iter().cloned());
    let mut upgrades = Vec::new();
    for found in &result.packages {
        match upgrade_of(found, index, &preferences) {
            Ok(upgrade) => upgrades.extend(upgrade),
            Err(error) => result.unknown.push(format!("`{}`: {error}", found.package.name)),
        }
    }
    upgrades.sort_by(|a, b| (&a.name, &a.arch).cmp(&(&b.name, &b.arch)));
    result.upgrades = upgrades;
}

fn upgrade_of(
    found: &Found,
    index: &IndexReader,
    preferences: &Preferences,
) -> Result<Option<Upgrade>, patch::version::VersionError> {
    let package = &found.package;
    let Some(arch) = package.arch.as_deref() else { return Ok(None) };
    let versions = index.versions(&package.name);
    let offers: Vec<Offer<'_>> = versions
        .iter()
        .map(|version| Offer {
            version: version.version,
            arch: version.architecture,
            suite: &version.suite.suite,
            codename: &version.suite.codename,
            origin: &version.suite.origin,
            label: &version.suite.label,
            site: version.suite.prefix.split('_').next().unwrap_or_default(),
            priority: version.suite.priority,
            phased_percent: version.phased_percent,
        })
        .collect();
    let installed = Installed { name: &package.name, arch, version: &package.version };
    let Some(chosen) = pending::upgrade(&installed, &offers, preferences)? else { return Ok(None) };
    let Some(version) = versions.get(chosen) else { return Ok(None) };
    // The same version may stand in several suites; one for security fixes says the most.
    let same =
        |other: &&IndexVersion<'_>| other.version == version.version && is_security(other.suite);
    let security = versions.iter().find(same);
    let suite = security.unwrap_or(version).suite;
    let (source, source_from) = package.source.as_ref().map_or_else(
        || (package.name.clone(), package.version.clone()),
        |source| (source.name.clone(), source.version.clone()),
    );
    Ok(Some(Upgrade {
        name: package.name.clone(),
        arch: version.architecture.to_owned(),
        from: package.version.clone(),
        to: version.version.to_owned(),
        source,
        source_from,
        source_to: version.source_version.to_owned(),
        suite: if suite.codename.is_empty() { suite.suite.clone() } else { suite.codename.clone() },
        security: security.is_some(),
        held: found.flags.contains(&Flag::Hold),
    }))
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
