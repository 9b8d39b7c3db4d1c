//! What is installed under a root, and what its package manager could install instead. Runs in a
//! worker: everything it reads may be hostile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use durable::{Files as _, StdFiles};
use patch::pending::{self, AvailableDeb, InstalledDeb};
use serde::{Deserialize, Serialize};
use sources::apt::{IndexKey, IndexReader, ListsQuery, SourcesList, Suite, encode, read_lists};
use sources::ecosystem::{Flag, Found};
use sources::inventory::FileReport;
use sources::os_release::OsRelease;
use sources::{RootTree, Scope};

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
    let place = |path: &str| if prefix.is_empty() { path.to_owned() } else { format!("{prefix}/{path}") };
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
                None => result.unknown.push(format!("`{}` is no lock file known here", path.display())),
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
        None => (tree, sources::apt::LISTS_FOLDER, Some(&list)),
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
    let preferences = pending::Preferences::of_texts(&preference_texts(tree));
    let native = native_architecture(&result.packages);
    let installed: Vec<InstalledDeb> = result
        .packages
        .iter()
        .filter(|found| found.package.arch.is_some())
        .map(|found| InstalledDeb {
            package: found.package.clone(),
            held: found.flags.contains(&Flag::Hold),
            essential: found.flags.contains(&Flag::Essential),
        })
        .collect();
    for deb in &installed {
        let available: Vec<AvailableDeb> =
            index.versions(&deb.package.name).iter().map(|version| available(deb, version)).collect();
        match pending::upgrade(deb, &available, &preferences, &native) {
            Ok(Some(upgrade)) => result.upgrades.push(upgrade_of(deb, upgrade)),
            Ok(None) => {}
            Err(error) => result.unknown.push(format!("`{}`: {error}", deb.package.name)),
        }
    }
    result.upgrades.sort_by(|a, b| (&a.name, &a.arch).cmp(&(&b.name, &b.arch)));
}
