//! A tree of files held in memory: for tests, and for archives that were read whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use super::{Entry, EntryKind, FileStat, Listing, Tree, TreeError};

/// Files by path. Folders exist where a file stands below them; there are no links.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemoryTree {
    /// A tree without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a file, replacing one that was there.
    pub fn put(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.files.insert(clean(path), bytes.into());
    }

    fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.below(path).next().is_some()
    }

    /// What follows `dir/` in the paths of the files below `dir`.
    fn below<'a>(&'a self, dir: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let start = prefix.clone();
        self.files
            .range(start..)
            .map_while(move |(path, _)| path.strip_prefix(prefix.as_str()))
            .filter(|rest| !rest.is_empty())
    }
}

fn clean(path: &str) -> String {
    path.trim_matches('/').to_owned()
}

impl Tree for MemoryTree {
    fn stat(&self, path: &str) -> Result<FileStat, TreeError> {
        let path = clean(path);
        if let Some(bytes) = self.files.get(&path) {
            return Ok(FileStat { kind: EntryKind::File, len: bytes.len() as u64, mtime_ns: 0 });
        }
        if self.is_folder(&path) {
            return Ok(FileStat { kind: EntryKind::Folder, len: 0, mtime_ns: 0 });
        }
        Err(TreeError::Missing { path })
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, TreeError> {
        let path = clean(path);
        match self.files.get(&path) {
            Some(bytes) => Ok(Box::new(bytes.as_slice())),
            None if self.is_folder(&path) => Err(TreeError::WrongKind { path, wanted: "a file" }),
            None => Err(TreeError::Missing { path }),
        }
    }

    fn list(&self, dir: &str) -> Result<Listing, TreeError> {
        let dir = clean(dir);
        let mut entries = BTreeSet::new();
        for rest in self.below(&dir) {
            let (name, kind) = match rest.split_once('/') {
                Some((name, _)) => (name, EntryKind::Folder),
                None => (rest, EntryKind::File),
            };
            entries.insert(Entry { name: name.to_owned(), kind });
        }
        if entries.is_empty() && !dir.is_empty() {
            return Err(TreeError::Missing { path: dir });
        }
        Ok(Listing { entries: entries.into_iter().collect(), unreadable_names: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_there_where_files_stand_below_them() {
        let mut tree = MemoryTree::new();
        tree.put("/etc/apt/sources.list", "deb");
        tree.put("etc/apt.conf", "");
        let names: Vec<_> =
            tree.list("etc").unwrap().entries.into_iter().map(|e| (e.name, e.kind)).collect();
        assert_eq!(
            names,
            [("apt".to_owned(), EntryKind::Folder), ("apt.conf".to_owned(), EntryKind::File)]
        );
        assert_eq!(tree.read("etc/apt/sources.list", 3).unwrap(), b"deb");
        assert!(tree.read("etc/apt/sources.list", 2).is_err());
        assert!(tree.list("nowhere").unwrap_err().is_missing());
        assert!(!tree.exists("etc/ap"));
    }
}
