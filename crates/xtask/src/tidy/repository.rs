//! The files of the repository, read once.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::source;

/// Files over this many bytes are known by name only.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Folders below folders.
const DEPTH_MAX: usize = 24;
/// Folders that hold no source.
const SKIPPED: [&str; 4] = [".git", "target", ".cache", "node_modules"];

/// The files of the repository: path from the root with `/`, and the text where it is text.
pub struct Repository {
    root: Option<PathBuf>,
    files: BTreeMap<String, Option<String>>,
}

impl Repository {
    /// Reads the repository below `root`.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        let mut folders = vec![(root.to_path_buf(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let (path, kind) = (entry.path(), entry.file_type()?);
                let name = entry.file_name().to_string_lossy().into_owned();
                if kind.is_dir() {
                    if depth < DEPTH_MAX && !SKIPPED.contains(&name.as_str()) {
                        folders.push((path, depth + 1));
                    }
                } else if kind.is_file() && name != ".git" {
                    let inside = path.strip_prefix(root).unwrap_or(&path);
                    let small = entry.metadata()?.len() <= FILE_BYTES_MAX;
                    let text = if small { String::from_utf8(fs::read(&path)?).ok() } else { None };
                    files.insert(inside.to_string_lossy().into_owned(), text);
                }
            }
        }
        Ok(Self { root: Some(root.to_path_buf()), files })
    }

    /// A made-up repository for tests.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned())));
        Self { root: None, files: files.collect() }
    }

    /// The folder the repository was read from; a made-up one has none.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Every path.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The text of a file, if it is there and is text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Whether a file or a folder of this path is there.
    pub fn exists(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty()
            || self.files.contains_key(path)
            || self
                .files
                .range(folder.clone()..)
                .next()
                .is_some_and(|(p, _)| p.starts_with(&folder))
    }

    /// Paths and texts of the files that end in `suffix`.
    pub fn texts<'a>(&'a self, suffix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |(path, _)| path.ends_with(suffix))
            .filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// The Rust files, read lightly.
    pub fn rust(&self) -> impl Iterator<Item = RustFile<'_>> {
        self.texts(".rs").map(|(path, text)| {
            let masked = source::mask(text);
            let tests = source::test_blocks(&masked);
            RustFile { path, text, masked, tests }
        })
    }
}

/// Whether a path has this extension, in this spelling.
pub fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// One Rust file.
pub struct RustFile<'a> {
    /// Path from the root.
    pub path: &'a str,
    /// The text.
    pub text: &'a str,
    /// The text with comments and literals blanked.
    pub masked: String,
    /// Lines of blocks that are compiled for tests only.
    pub tests: Vec<RangeInclusive<usize>>,
}

impl RustFile<'_> {
    /// Whether the whole file is test code, a benchmark or an example.
    pub fn is_test(&self) -> bool {
        ["/tests/", "/benches/", "/examples/"].iter().any(|part| self.path.contains(part))
            || self.path.starts_with("tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
    }

    /// Whether a line, from 1, is test code.
    pub fn is_test_line(&self, line: usize) -> bool {
        self.is_test() || self.tests.iter().any(|block| block.contains(&line))
    }

    /// The crate the file belongs to, if it lies in one.
    pub fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_exist_where_files_lie_in_them() {
        let repository = Repository::of(&[("docs/adr/a.md", ""), ("docs/b.md", "")]);
        for path in ["docs", "docs/", "docs/adr", "docs/b.md", ""] {
            assert!(repository.exists(path), "{path}");
        }
        assert!(!repository.exists("doc") && !repository.exists("docs/b"));
    }

    #[test]
    fn test_code_is_known_by_place_and_by_block() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n}\n";
        let repository =
            Repository::of(&[("crates/x/src/a.rs", text), ("crates/x/tests/b.rs", text)]);
        let files: Vec<_> = repository.rust().collect();
        assert!(!files[0].is_test_line(1) && files[0].is_test_line(3));
        assert!(files[1].is_test_line(1));
        assert_eq!(files[0].crate_name(), Some("x"));
    }
}
