//! The folder of fetched lists (`/var/lib/apt/lists`): suites, and the versions they offer.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::packages::{PackagesError, PackedRow, VersionRow, read_packages};
use super::release::Release;
use super::sources_list::SourcesList;
use crate::limits::{LISTS_FILES_MAX, PACKAGES_BYTES_MAX, RELEASE_BYTES_MAX, VERSIONS_MAX};
use crate::tree::{EntryKind, Tree, TreeError, join};
use crate::unpack::{Compression, unpack};

/// Where apt keeps its lists inside a root.
pub const LISTS_FOLDER: &str = "var/lib/apt/lists";

/// The name that apt gives to the list it fetched from `address`: no scheme, no user, special
/// characters as `%xx`, `/` as `_`.
pub fn list_name(address: &str) -> String {
    let (rest, is_local) = match address.split_once(':') {
        Some((_, rest)) => match rest.strip_prefix("//") {
            Some(rest) => (rest, false),
            None => (rest, true),
        },
        None => (address, true),
    };
    let (host, path) = if is_local { ("", rest) } else { rest.split_at(host_len(rest)) };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let mut name = String::new();
    for byte in host.bytes().chain(path.bytes()) {
        match byte {
            b'/' => name.push('_'),
            0..=0x20 | 0x7f.. => escape(&mut name, byte),
            _ if b"\\|{}[]<>\"^~_=!@#$%&*".contains(&byte) => escape(&mut name, byte),
            _ => name.push(char::from(byte)),
        }
    }
    name
}

fn escape(name: &mut String, byte: u8) {
    name.push('%');
    name.push_str(&hex::encode([byte]));
}

fn host_len(rest: &str) -> usize {
    rest.find('/').unwrap_or(rest.len())
}

/// What a suite says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suite {
    /// What the names of its lists start with.
    pub prefix: String,
    /// `Origin`.
    pub origin: String,
    /// `Label`.
    pub label: String,
    /// `Suite`.
    pub suite: String,
    /// `Codename`.
    pub codename: String,
    /// When it was made, milliseconds after 1970-01-01.
    pub date_ms: Option<i64>,
    /// Until when it may be trusted, milliseconds after 1970-01-01.
    pub valid_until_ms: Option<i64>,
    /// The priority that apt gives it without pins.
    pub priority: u16,
}

/// One `Packages` file, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListFile {
    /// Its name in the folder.
    pub name: String,
    /// Index into the suites.
    pub suite: usize,
    /// Packages that it offers.
    pub rows: usize,
    /// Whether its checksum is the one that the release names; `None` if it names none.
    pub verified: Option<bool>,
    /// Why what it offers is not (fully) known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Everything that the lists offer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AptLists {
    /// Suites, sorted by prefix.
    pub suites: Vec<Suite>,
    /// `Packages` files, sorted by name.
    pub files: Vec<ListFile>,
    /// Why what is offered is not fully known: files that could not be read.
    pub problems: Vec<String>,
    /// Sorted by package, and in the order of the lists within one.
    rows: Vec<PackedRow>,
}

impl AptLists {
    /// The versions of a package that are offered, in the order of the lists.
    pub fn versions(&self, package: &str) -> Vec<VersionRow> {
        let start = self.rows.partition_point(|row| row.package() < package);
        let rows = self.rows.get(start..).unwrap_or_default().iter();
        rows.take_while(|row| row.package() == package).map(PackedRow::unpack).collect()
    }

    /// Every version of every package, sorted by package.
    pub fn rows(&self) -> impl Iterator<Item = VersionRow> {
        self.rows.iter().map(PackedRow::unpack)
    }

    /// How many versions are offered.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether every list was read whole.
    pub fn is_complete(&self) -> bool {
        self.problems.is_empty() && self.files.iter().all(|file| file.problem.is_none())
    }
}

/// What [`read_lists`] reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListsQuery<'a> {
    /// Only lists of these sources; `None`: every list that is there, also of sources that are
    /// not in use any more.
    pub sources: Option<&'a SourcesList>,
    /// Only these packages; `None`: all.
    pub names: Option<&'a BTreeSet<String>>,
}

/// The lists of a folder, by name, that belong to a query: releases and `Packages`.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    /// Name of the release's file by prefix.
    pub(crate) releases: BTreeMap<String, String>,
    /// Names of `Packages` files, with their prefix.
    pub(crate) packages: Vec<(String, String)>,
}

impl Folder {
    pub(crate) fn of(
        tree: &dyn Tree,
        dir: &str,
        sources: Option<&SourcesList>,
    ) -> Result<Self, TreeError> {
        let listing = match tree.list(dir) {
            Err(error) if error.is_missing() => return Ok(Self::default()),
            other => other?,
        };
        if listing.entries.len() > LISTS_FILES_MAX {
            let limit = LISTS_FILES_MAX as u64;
            return Err(TreeError::OverLimit { path: dir.to_owned(), limit, unit: "lists" });
        }
        let wanted: Option<BTreeSet<String>> = sources.map(|sources| {
            let addresses = sources.active().flat_map(super::SourceEntry::release_addresses);
            addresses.map(|address| list_name(&address)).collect()
        });
        let mut folder = Self::default();
        let files = listing.entries.iter().filter(|entry| entry.kind != EntryKind::Folder);
        let names: Vec<&str> = files.map(|entry| entry.name.as_str()).collect();
        for name in &names {
            // `InRelease` sorts before `Release` and goes before it.
            let prefix = name.strip_suffix("InRelease").or_else(|| name.strip_suffix("Release"));
            if let Some(prefix) = prefix.filter(|prefix| prefix.ends_with('_'))
                && wanted.as_ref().is_none_or(|wanted| wanted.contains(prefix))
            {
                let entry = folder.releases.entry(prefix.to_owned());
                entry.or_insert_with(|| (*name).to_owned());
            }
        }
        for name in names {
            let Some(stem) = packages_stem(name) else { continue };
            let prefix = folder
                .releases
                .keys()
                .filter(|prefix| stem.starts_with(prefix.as_str()))
                .max_by_key(|prefix| prefix.len());
            if let Some(prefix) = prefix {
                folder.packages.push((name.to_owned(), prefix.clone()));
            }
        }
        Ok(folder)
    }
}

/// The name without its compression, if it is one of a `Packages` file. Lists in a compression
/// that is not read count too, so that they are not passed over in silence.
fn packages_stem(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(".bz2").or_else(|| Compression::of_name(name).map(|(_, s)| s))?;
    stem.ends_with("_Packages").then_some(stem)
}

/// Reads the lists of a folder inside a root.
pub fn read_lists(tree: &dyn Tree, dir: &str, query: ListsQuery<'_>) -> AptLists {
    let mut lists = AptLists::default();
    let folder = match Folder::of(tree, dir, query.sources) {
        Ok(folder) => folder,
        Err(error) => {
            lists.problems.push(error.to_string());
            return lists;
        }
    };
    let mut releases = BTreeMap::new();
    for (prefix, name) in &folder.releases {
        match read_release(tree, &join(dir, name)) {
            Ok(release) => {
                releases.insert(prefix.as_str(), (lists.suites.len(), release));
                if let Some((_, release)) = releases.get(prefix.as_str()) {
                    lists.suites.push(suite_of(prefix, release));
                }
            }
            Err(error) => lists.problems.push(error),
        }
    }
    for (name, prefix) in &folder.packages {
        let Some((suite, release)) = releases.get(prefix.as_str()) else {
            lists.problems.push(format!("`{name}` belongs to a release that cannot be read"));
            continue;
        };
        let file = read_file(tree, dir, name, (*suite, prefix, release), query.names, &mut lists);
        lists.files.push(file);
        if lists.rows.len() > VERSIONS_MAX {
            lists.problems.push(format!("over the limit of {VERSIONS_MAX} versions"));
            break;
        }
    }
    lists.rows.sort_by(|one, other| one.package().cmp(other.package()));
    lists
}

fn read_release(tree: &dyn Tree, path: &str) -> Result<Release, String> {
    let bytes = tree.read(path, RELEASE_BYTES_MAX).map_err(|error| error.to_string())?;
    Release::parse(&bytes).map_err(|error| format!("`{path}`: {error}"))
}

fn suite_of(prefix: &str, release: &Release) -> Suite {
    Suite {
        prefix: prefix.to_owned(),
        origin: release.origin.clone(),
        label: release.label.clone(),
        suite: release.suite.clone(),
        codename: release.codename.clone(),
        date_ms: release.date_ms,
        valid_until_ms: release.valid_until_ms,
        priority: release.priority(),
    }
}

/// Reads one `Packages` file. What does not match its release is not taken.
fn read_file(
    tree: &dyn Tree,
    dir: &str,
    name: &str,
    (suite, prefix, release): (usize, &str, &Release),
    names: Option<&BTreeSet<String>>,
    lists: &mut AptLists,
) -> ListFile {
    let mut file =
        ListFile { name: name.to_owned(), suite, rows: 0, verified: None, problem: None };
    let before = lists.rows.len();
    let mut hash = Sha256::new();
    let stem = match stream(tree, &join(dir, name), name, &mut hash, |row| {
        if names.is_none_or(|names| names.contains(row.package)) {
            lists.rows.push(PackedRow::new(row, suite));
        }
        file.rows += 1;
        Ok(())
    }) {
        Ok((stem, malformed)) => {
            if malformed > 0 {
                file.problem = Some(format!("{malformed} entries cannot be read"));
            }
            stem
        }
        Err(problem) => {
            // What came before the damage is not taken either: it was not checked.
            lists.rows.truncate(before);
            file.problem = Some(problem);
            return file;
        }
    };
    let path = stem.strip_prefix(prefix).unwrap_or(stem).replace('_', "/");
    if let Some(expected) = release.files.get(&path) {
        let matches = hash.finalize().as_slice() == expected.sha256.as_slice();
        file.verified = Some(matches);
        if !matches {
            lists.rows.truncate(before);
            file.problem = Some("its content is not what its release names".to_owned());
        }
    }
    file
}

/// Streams a list; gives its name without compression and how many entries were malformed.
fn stream<'n>(
    tree: &dyn Tree,
    path: &str,
    name: &'n str,
    hash: &mut Sha256,
    each: impl FnMut(&super::PackageRow<'_>) -> Result<(), PackagesError>,
) -> Result<(&'n str, usize), String> {
    let Some((compression, stem)) = Compression::of_name(name) else {
        return Err("its compression is not known".to_owned());
    };
    let file = tree.open(path).map_err(|error| error.to_string())?;
    let plain = unpack(compression, file, PACKAGES_BYTES_MAX).map_err(|error| error.to_string())?;
    let count =
        read_packages(Hashing { inner: plain, hash }, each).map_err(|error| error.to_string())?;
    Ok((stem, count.malformed))
}

struct Hashing<'a, R> {
    inner: R,
    hash: &'a mut Sha256,
}

impl<R: Read> Read for Hashing<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buf)?;
        self.hash.update(buf.get(..read).unwrap_or_default());
        Ok(read)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::tree::MemoryTree;

    const PACKAGES: &str = "Package: a\nVersion: 2\nArchitecture: amd64\n\n\
                            Package: b\nVersion: 1+b1\nArchitecture: all\nSource: s (1)\n";

    /// A root with two suites, one of them in use.
    pub(crate) fn tree(packages: &str) -> MemoryTree {
        let mut tree = MemoryTree::new();
        let hash = hex::encode(Sha256::digest(packages));
        let release = format!(
            "Suite: s\nCodename: c\nSHA256:\n {hash} {} main/binary-amd64/Packages\n",
            packages.len()
        );
        let at = |name: &str| join(LISTS_FOLDER, name);
        tree.put(&at("a.example_debian_dists_s_InRelease"), release.clone());
        tree.put(&at("a.example_debian_dists_s_main_binary-amd64_Packages"), PACKAGES);
        tree.put(&at("old.example_dists_s_Release"), "Suite: s\nNotAutomatic: yes\n");
        tree.put(
            &at("old.example_dists_s_main_binary-amd64_Packages"),
            "Package: a\nVersion: 1\nArchitecture: amd64\n",
        );
        tree.put(&at("a.example_debian_dists_s_main_i18n_Translation-en"), "x");
        tree
    }

    pub(crate) fn good_tree() -> MemoryTree {
        tree(PACKAGES)
    }

    #[test]
    fn names_of_lists_are_those_of_apt() {
        assert_eq!(
            list_name("http://deb.a.example:8080/debian/dists/s-updates/InRelease"),
            "deb.a.example:8080_debian_dists_s-updates_InRelease"
        );
        assert_eq!(list_name("https://u:p@a.example/x_y/~z"), "a.example_x%5fy_%7ez");
        assert_eq!(list_name("file:/srv/repo/./Packages"), "_srv_repo_._Packages");
        assert_eq!(list_name("copy:///srv/repo"), "_srv_repo");
    }

    #[test]
    fn lists_of_sources_in_use_are_read_and_checked_against_their_release() {
        let tree = good_tree();
        let all = read_lists(&tree, LISTS_FOLDER, ListsQuery::default());
        assert!(all.is_complete(), "{all:?}");
        assert_eq!(all.versions("a").len(), 2);
        assert_eq!(all.files[0].verified, Some(true));
        assert_eq!(all.files[1].verified, None);
        assert_eq!((all.suites[0].priority, all.suites[1].priority), (500, 1));
        let mut sources = SourcesList::default();
        sources.parse("x.list", b"deb http://a.example/debian/ s main\n");
        let names = BTreeSet::from(["b".to_owned()]);
        let query = ListsQuery { sources: Some(&sources), names: Some(&names) };
        let some = read_lists(&tree, LISTS_FOLDER, query);
        assert_eq!(some.rows().map(|row| row.package).collect::<Vec<_>>(), ["b"]);
        assert_eq!(some.versions("b")[0].source.version, "1");
    }

    #[test]
    fn a_list_that_its_release_does_not_name_is_not_taken() {
        let all = read_lists(&tree("other"), LISTS_FOLDER, ListsQuery::default());
        assert!(!all.is_complete());
        assert_eq!(all.files[0].verified, Some(false));
        assert_eq!(all.versions("b").len(), 0);
    }

    #[test]
    fn a_compression_that_is_not_read_is_a_problem() {
        let mut tree = good_tree();
        tree.put(&join(LISTS_FOLDER, "old.example_dists_s_x_binary-amd64_Packages.bz2"), "x");
        let all = read_lists(&tree, LISTS_FOLDER, ListsQuery::default());
        let problems: Vec<_> = all.files.iter().filter_map(|f| f.problem.as_deref()).collect();
        assert_eq!(problems, ["its compression is not known"]);
    }
}
