//! `sources.list(5)`: the one-line format and the deb822 format.

use std::collections::BTreeMap;

use crate::deb822::{Stanza, Stanzas};
use crate::limits::SIBLING_BYTES_MAX;
use crate::tree::{EntryKind, Tree, TreeError, join};

/// Where apt keeps its sources inside a root.
const MAIN_FILE: &str = "etc/apt/sources.list";
const PARTS_FOLDER: &str = "etc/apt/sources.list.d";

/// One source: its URIs, suites and components multiply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceEntry {
    /// The file it stands in, inside the root.
    pub file: String,
    /// Its first line there.
    pub line: usize,
    /// Whether it is in use.
    pub enabled: bool,
    /// Whether it offers binary packages (`deb`).
    pub binary: bool,
    /// Whether it offers source packages (`deb-src`).
    pub source: bool,
    /// Addresses.
    pub uris: Vec<String>,
    /// Suites; one that ends in `/` is a path with neither `dists` nor components.
    pub suites: Vec<String>,
    /// Components.
    pub components: Vec<String>,
    /// Everything else it says, by its deb822 name in lower case: `signed-by`,
    /// `architectures`, `trusted`.
    pub options: BTreeMap<String, String>,
}

impl SourceEntry {
    /// The keyring or key that must have signed it.
    pub fn signed_by(&self) -> Option<&str> {
        self.options.get("signed-by").map(String::as_str)
    }

    /// Whether the owner told apt to take it without a good signature.
    pub fn is_trusted_blindly(&self) -> bool {
        self.options.get("trusted").is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    }

    /// The addresses below which its `InRelease` and everything else stands.
    pub fn release_addresses(&self) -> Vec<String> {
        let mut addresses = Vec::new();
        for uri in &self.uris {
            let uri = uri.trim_end_matches('/');
            for suite in &self.suites {
                addresses.push(match suite.strip_suffix('/') {
                    Some("" | ".") => format!("{uri}/{suite}"),
                    Some(flat) => format!("{uri}/{}/", flat.trim_start_matches('/')),
                    None => format!("{uri}/dists/{suite}/"),
                });
            }
        }
        addresses
    }
}

/// Every source of a root, and what could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourcesList {
    /// Sources, in the order apt reads them.
    pub entries: Vec<SourceEntry>,
    /// What could not be read: the sources are not fully known.
    pub problems: Vec<String>,
}

impl SourcesList {
    /// Reads `/etc/apt/sources.list` and `/etc/apt/sources.list.d` of a root.
    pub fn of_tree(tree: &dyn Tree) -> Self {
        let mut list = Self::default();
        let mut files = vec![MAIN_FILE.to_owned()];
        match tree.list(PARTS_FOLDER) {
            Ok(listing) => {
                let parts = listing
                    .entries
                    .into_iter()
                    .filter(|entry| entry.kind != EntryKind::Folder && is_part_name(&entry.name));
                files.extend(parts.map(|entry| join(PARTS_FOLDER, &entry.name)));
            }
            Err(error) if error.is_missing() => {}
            Err(error) => list.problems.push(error.to_string()),
        }
        for file in files {
            match tree.read(&file, SIBLING_BYTES_MAX) {
                Ok(bytes) => list.parse(&file, &bytes),
                Err(TreeError::Missing { .. }) => {}
                Err(error) => list.problems.push(error.to_string()),
            }
        }
        list
    }

    /// Reads one file; its name says which format it has.
    pub fn parse(&mut self, file: &str, bytes: &[u8]) {
        let is_deb822 =
            std::path::Path::new(file).extension().is_some_and(|extension| extension == "sources");
        if is_deb822 {
            self.parse_deb822(file, bytes);
            return;
        }
        for (index, line) in String::from_utf8_lossy(bytes).lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            match one_line(line) {
                Some(entry) => self.entries.push(SourceEntry {
                    file: file.to_owned(),
                    line: index + 1,
                    enabled: true,
                    ..entry
                }),
                None => self.problem(file, index + 1),
            }
        }
    }

    fn parse_deb822(&mut self, file: &str, bytes: &[u8]) {
        // A comment may stand anywhere, also within a folded field.
        let mut kept = Vec::with_capacity(bytes.len());
        let mut numbers = Vec::new();
        for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if line.first() != Some(&b'#') {
                kept.extend_from_slice(line);
                numbers.push(index + 1);
            }
        }
        let number_of = |line: usize| numbers.get(line - 1).copied().unwrap_or(line);
        let mut stanzas = Stanzas::new(kept.as_slice());
        loop {
            match stanzas.next_stanza() {
                Ok(None) => return,
                Ok(Some(stanza)) => match deb822(&stanza) {
                    Some(entry) => self.entries.push(SourceEntry {
                        file: file.to_owned(),
                        line: number_of(stanza.line),
                        ..entry
                    }),
                    None => self.problem(file, number_of(stanza.line)),
                },
                Err(error) => {
                    self.problems.push(format!("`/{file}`: {error}"));
                    return;
                }
            }
        }
    }

    fn problem(&mut self, file: &str, line: usize) {
        self.problems.push(format!("`/{file}` line {line} is not a source"));
    }

    /// Sources of binary packages that are in use.
    pub fn active(&self) -> impl Iterator<Item = &SourceEntry> {
        self.entries.iter().filter(|entry| entry.enabled && entry.binary)
    }
}

/// apt passes over files with other names.
fn is_part_name(name: &str) -> bool {
    let stem = name.strip_suffix(".list").or_else(|| name.strip_suffix(".sources"));
    stem.is_some_and(|stem| {
        stem.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    })
}

/// `deb [option=value ...] uri suite component...`
fn one_line(line: &str) -> Option<SourceEntry> {
    let (kind, rest) = line.split_once(char::is_whitespace)?;
    let (binary, source) = match kind {
        "deb" => (true, false),
        "deb-src" => (false, true),
        _ => return None,
    };
    let mut rest = rest.trim_start();
    let mut options = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('[') {
        let (inside, after) = inner.split_once(']')?;
        for option in inside.split_whitespace() {
            let (key, value) = option.split_once('=')?;
            options.insert(option_name(key.trim_end_matches(['+', '-'])), value.replace(',', " "));
        }
        rest = after.trim_start();
    }
    let (uri, rest) = split_uri(rest)?;
    let mut words = rest.split_whitespace().map(str::to_owned);
    let suite = words.next()?;
    let components: Vec<String> = words.collect();
    if components.is_empty() != suite.ends_with('/') {
        return None;
    }
    let (uris, suites) = (vec![uri.to_owned()], vec![suite]);
    Some(SourceEntry { binary, source, uris, suites, components, options, ..Default::default() })
}

/// The URI may hold blanks between brackets (`cdrom:[Debian 12]/`).
fn split_uri(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_u32;
    let end = text.find(|c: char| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c.is_whitespace() && depth == 0
    })?;
    text.split_at_checked(end)
}

/// One-line options have short names.
fn option_name(key: &str) -> String {
    match key {
        "arch" => "architectures".to_owned(),
        "lang" => "languages".to_owned(),
        "target" => "targets".to_owned(),
        other => other.to_ascii_lowercase(),
    }
}

fn deb822(stanza: &Stanza<'_>) -> Option<SourceEntry> {
    let list = |name: &str| -> Vec<String> {
        stanza.text(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let types = list("Types");
    let enabled = stanza.text("Enabled").is_none_or(|value| {
        !["no", "false", "without", "off", "disable"]
            .iter()
            .any(|no| value.eq_ignore_ascii_case(no))
    });
    let known = ["types", "uris", "suites", "components", "enabled"];
    let options = stanza
        .fields()
        .map(|(key, value)| {
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            (text(key).to_ascii_lowercase(), text(value))
        })
        .filter(|(key, _)| !key.is_empty() && !known.contains(&key.as_str()))
        .collect();
    let entry = SourceEntry {
        enabled,
        binary: types.iter().any(|kind| kind == "deb"),
        source: types.iter().any(|kind| kind == "deb-src"),
        uris: list("URIs"),
        suites: list("Suites"),
        components: list("Components"),
        options,
        ..SourceEntry::default()
    };
    let flat = entry.suites.iter().all(|suite| suite.ends_with('/'));
    let is_whole = (entry.binary || entry.source)
        && !entry.uris.is_empty()
        && !entry.suites.is_empty()
        && (flat || !entry.components.is_empty());
    is_whole.then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::MemoryTree;

    #[test]
    fn both_formats_are_read_and_what_is_neither_is_a_problem() {
        let mut tree = MemoryTree::new();
        tree.put(
            MAIN_FILE,
            "# comment\ndeb [arch=amd64,arm64 signed-by=/k.gpg] http://a.example/debian stable \
             main contrib # note\ndeb-src cdrom:[A disk]/ stable main\ndeb http://b.example ./\n\
             nonsense\n",
        );
        tree.put(
            "etc/apt/sources.list.d/x.sources",
            "Types: deb deb-src\n# in between\nURIs: http://a.example/debian\nSuites: s s-updates\n\
             Components: main\nSigned-By:\n -----BEGIN\n .\n\nTypes: deb\nURIs: http://c.example\n\
             Suites: s\nComponents: main\nEnabled: no\n\nTypes: deb\n",
        );
        tree.put("etc/apt/sources.list.d/x.list.save", "deb x y z\n");
        let list = SourcesList::of_tree(&tree);
        assert_eq!(
            list.problems,
            [
                "`/etc/apt/sources.list` line 5 is not a source",
                "`/etc/apt/sources.list.d/x.sources` line 16 is not a source",
            ]
        );
        let active: Vec<_> = list.active().collect();
        assert_eq!(active.len(), 3);
        assert_eq!(active[0].options["architectures"], "amd64 arm64");
        assert_eq!(active[0].signed_by(), Some("/k.gpg"));
        assert_eq!(active[0].components, ["main", "contrib"]);
        assert_eq!(active[1].release_addresses(), ["http://b.example/./"]);
        assert_eq!(
            active[2].release_addresses(),
            ["http://a.example/debian/dists/s/", "http://a.example/debian/dists/s-updates/"]
        );
        assert_eq!(list.entries[1].uris, ["cdrom:[A disk]/"]);
        assert!(!list.entries[4].enabled);
    }
}
