//! One walk over a root with every ecosystem.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ecosystem::{Ecosystem, Found, Input, Unresolved};
use crate::limits::{
    FILE_BYTES_MAX, SIBLING_BYTES_MAX, WALK_DEPTH_MAX, WALK_ENTRIES_MAX, WALK_FILES_MAX,
};
use crate::registry;
use crate::tree::{EntryKind, Tree, TreeError, join, parent};

/// Folders of the root that hold no files of packages, but the kernel's or the moment's.
const SKIPPED_AT_ROOT: [&str; 4] = ["dev", "proc", "run", "sys"];
/// Folders that are skipped anywhere: version control, and what npm unpacked (its lock file
/// stands above it and lists the same).
const SKIPPED_ANYWHERE: [&str; 4] = [".git", ".hg", ".svn", "node_modules"];

/// What a scan looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Names of ecosystems; `None` for all.
    pub ecosystems: Option<BTreeSet<String>>,
    /// Folders to walk for files that may stand anywhere; empty walks nothing, and only the
    /// places that an ecosystem names are read. The root is `""`.
    pub walk: Vec<String>,
}

impl Scope {
    /// Every ecosystem over the whole root.
    pub fn everything() -> Self {
        Self { ecosystems: None, walk: vec![String::new()] }
    }

    /// Only what stands where it always stands: the distribution's own packages.
    pub fn places_only() -> Self {
        Self { ecosystems: None, walk: Vec::new() }
    }

    fn holds(&self, ecosystem: &Ecosystem) -> bool {
        self.ecosystems.as_ref().is_none_or(|names| names.contains(ecosystem.name))
    }
}

/// What one file gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// The file's path inside the root.
    pub path: String,
    /// The ecosystem that read it.
    pub ecosystem: String,
    /// Names whose version or state cannot be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<Unresolved>,
    /// What the reader wants people to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why it could not be read: what it lists is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Everything that a scan found, and what it could not find out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Packages of all files, in the order of ecosystems and paths.
    pub packages: Vec<Found>,
    /// Every file that was read or should have been.
    pub files: Vec<FileReport>,
    /// What kept the walk from being whole: folders that could not be listed, limits.
    pub gaps: Vec<String>,
}

impl Inventory {
    /// Whether everything was read: no gap, no file with an error or an unresolved name.
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
            && self.files.iter().all(|file| file.error.is_none() && file.unresolved.is_empty())
    }
}

/// Scans a root.
pub fn scan(tree: &dyn Tree, scope: &Scope) -> Inventory {
    let mut wanted = BTreeSet::new();
    let mut inventory = Inventory::default();
    for (index, ecosystem) in registry::ALL.iter().enumerate() {
        if scope.holds(ecosystem) {
            for place in ecosystem.places {
                files_of_place(tree, place, index, ecosystem, &mut wanted, &mut inventory.gaps);
            }
        }
    }
    let mut walk = Walk { tree, scope, wanted, gaps: inventory.gaps, entries: 0 };
    for start in &scope.walk {
        walk.folder(start.trim_matches('/'));
    }
    let Walk { wanted, gaps, .. } = walk;
    inventory.gaps = gaps;
    for (index, path) in wanted {
        if let Some(ecosystem) = registry::ALL.get(index) {
            read_file(tree, ecosystem, &path, &mut inventory);
        }
    }
    inventory
}

/// Scans one file, by its name; `None` if no ecosystem knows such files.
pub fn scan_file(tree: &dyn Tree, path: &str) -> Option<Inventory> {
    let known = registry::ALL.iter().filter(|ecosystem| (ecosystem.wants)(path));
    let mut inventory = Inventory::default();
    let mut count = 0;
    for ecosystem in known {
        count += 1;
        read_file(tree, ecosystem, path, &mut inventory);
    }
    (count > 0).then_some(inventory)
}

fn files_of_place(
    tree: &dyn Tree,
    place: &str,
    index: usize,
    ecosystem: &Ecosystem,
    wanted: &mut BTreeSet<(usize, String)>,
    gaps: &mut Vec<String>,
) {
    let Some(folder) = place.strip_suffix('/') else {
        match tree.stat(place) {
            Ok(_) => drop(wanted.insert((index, place.to_owned()))),
            Err(error) if error.is_missing() => {}
            Err(error) => gaps.push(error.to_string()),
        }
        return;
    };
    match tree.list(folder) {
        Ok(listing) => {
            let paths = listing.entries.into_iter().map(|entry| join(folder, &entry.name));
            wanted.extend(paths.filter(|path| (ecosystem.wants)(path)).map(|path| (index, path)));
            note_unreadable(folder, listing.unreadable_names, gaps);
        }
        Err(error) if error.is_missing() => {}
        Err(error) => gaps.push(error.to_string()),
    }
}

fn note_unreadable(folder: &str, count: usize, gaps: &mut Vec<String>) {
    if count > 0 {
        gaps.push(format!("`/{folder}` holds {count} entries whose names are not UTF-8"));
    }
}

struct Walk<'a> {
    tree: &'a dyn Tree,
    scope: &'a Scope,
    wanted: BTreeSet<(usize, String)>,
    gaps: Vec<String>,
    entries: usize,
}

impl Walk<'_> {
    /// Walks a folder and what is below it; links are not followed.
    fn folder(&mut self, start: &str) {
        let mut folders = vec![(start.to_owned(), 0_usize)];
        while let Some((folder, depth)) = folders.pop() {
            let listing = match self.tree.list(&folder) {
                Ok(listing) => listing,
                Err(error) => {
                    self.gaps.push(error.to_string());
                    continue;
                }
            };
            note_unreadable(&folder, listing.unreadable_names, &mut self.gaps);
            self.entries += listing.entries.len();
            if self.entries > WALK_ENTRIES_MAX || self.wanted.len() > WALK_FILES_MAX {
                self.gaps.push(format!(
                    "the walk stopped at `/{folder}`: over the limit of {WALK_ENTRIES_MAX} \
                     entries or {WALK_FILES_MAX} files to read"
                ));
                return;
            }
            for entry in listing.entries {
                let path = join(&folder, &entry.name);
                match entry.kind {
                    EntryKind::File => self.file(path),
                    EntryKind::Folder if is_skipped(&path, &entry.name) => {}
                    EntryKind::Folder if depth == WALK_DEPTH_MAX => self.gaps.push(format!(
                        "`/{path}` is over the limit of {WALK_DEPTH_MAX} folders of depth"
                    )),
                    EntryKind::Folder => folders.push((path, depth + 1)),
                    EntryKind::Symlink | EntryKind::Other => {}
                }
            }
        }
    }

    fn file(&mut self, path: String) {
        let wants = |ecosystem: &&Ecosystem| {
            ecosystem.places.is_empty() && self.scope.holds(ecosystem) && (ecosystem.wants)(&path)
        };
        if let Some(index) = registry::ALL.iter().position(wants) {
            self.wanted.insert((index, path));
        }
    }
}

fn is_skipped(path: &str, name: &str) -> bool {
    SKIPPED_AT_ROOT.contains(&path) || SKIPPED_ANYWHERE.contains(&name)
}

fn read_file(tree: &dyn Tree, ecosystem: &Ecosystem, path: &str, inventory: &mut Inventory) {
    let mut report = FileReport {
        path: path.to_owned(),
        ecosystem: ecosystem.name.to_owned(),
        unresolved: Vec::new(),
        warnings: Vec::new(),
        error: None,
    };
    match tree.read(path, FILE_BYTES_MAX) {
        Err(error) => report.error = Some(error.to_string()),
        Ok(bytes) => {
            let siblings = siblings(tree, ecosystem, path, &mut report.warnings);
            match (ecosystem.read)(&Input { path, bytes: &bytes, siblings }) {
                Err(error) => report.error = Some(error.to_string()),
                Ok(outcome) => {
                    inventory.packages.extend(outcome.packages);
                    report.unresolved = outcome.unresolved;
                    report.warnings.extend(outcome.warnings);
                }
            }
        }
    }
    inventory.files.push(report);
}

/// The siblings that are there.
fn siblings(
    tree: &dyn Tree,
    ecosystem: &Ecosystem,
    path: &str,
    warnings: &mut Vec<String>,
) -> BTreeMap<&'static str, Vec<u8>> {
    let mut siblings = BTreeMap::new();
    for name in ecosystem.siblings {
        let place = match name.strip_prefix('/') {
            Some(from_root) => from_root.to_owned(),
            None => join(parent(path), name),
        };
        match tree.read(&place, SIBLING_BYTES_MAX) {
            Ok(bytes) => drop(siblings.insert(*name, bytes)),
            Err(TreeError::Missing { .. }) => {}
            Err(error) => warnings.push(error.to_string()),
        }
    }
    siblings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::MemoryTree;

    const LOCK: &str = "version = 3\n[[package]]\nname = \"alpha\"\nversion = \"1.0.0\"\n\
                        source = \"registry+https://index.example\"\n";

    #[test]
    fn a_walk_finds_lock_files_anywhere_and_says_what_it_could_not_read() {
        let mut tree = MemoryTree::new();
        tree.put("srv/app/Cargo.lock", LOCK);
        tree.put("srv/broken/Cargo.lock", "version = ");
        tree.put("srv/app/node_modules/x/package-lock.json", "not looked at");
        tree.put("proc/1/Cargo.lock", "not looked at");
        let inventory = scan(&tree, &Scope::everything());
        let names: Vec<_> = inventory.packages.iter().map(|f| f.package.name.as_str()).collect();
        assert_eq!(names, ["alpha"]);
        assert_eq!(inventory.packages[0].package.location, "srv/app/Cargo.lock");
        let errors: Vec<_> =
            inventory.files.iter().filter(|f| f.error.is_some()).map(|f| &f.path).collect();
        assert_eq!(errors, ["srv/broken/Cargo.lock"]);
        assert!(!inventory.is_complete());
    }

    #[test]
    fn the_database_of_dpkg_is_read_with_the_release_and_without_a_walk() {
        let mut tree = MemoryTree::new();
        tree.put("etc/os-release", "ID=debian\nVERSION_ID=12\n");
        tree.put(
            "var/lib/dpkg/status",
            "Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1-1\n",
        );
        tree.put("var/lib/dpkg/status.d/b", "Package: b\nArchitecture: amd64\nVersion: 2-1\n");
        tree.put("var/lib/dpkg/status.d/b.md5sums", "x");
        tree.put("srv/Cargo.lock", LOCK);
        let inventory = scan(&tree, &Scope::places_only());
        let names: Vec<_> = inventory.packages.iter().map(|f| f.package.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(inventory.packages[0].package.ecosystem, "Debian:12");
        assert!(inventory.is_complete(), "{inventory:?}");
    }
}
