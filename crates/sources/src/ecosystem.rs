//! What an ecosystem is: one file of `src/ecosystems`, listed by the build script.
//!
//! Each of those files has the same parts in the same order: `//!` documentation for users, the
//! descriptor `ECOSYSTEM`, a cheap `wants`, a pure `read`, and its tests.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use spine::Package;

use crate::limits;

/// The descriptor of an ecosystem.
#[derive(Clone, Copy, Debug)]
pub struct Ecosystem {
    /// Its name: that of its file without `.rs`, and of its folder of test data.
    pub name: &'static str,
    /// What people call the file it reads.
    pub title: &'static str,
    /// The OSV ecosystem of its packages, without a release (OSV schema, `affected[].package`).
    pub osv: &'static str,
    /// A path that it reads, as an example.
    pub example: &'static str,
    /// Where its files always stand (a trailing `/` means every file of a folder). Empty: they
    /// may stand anywhere and are looked for.
    pub places: &'static [&'static str],
    /// Files that are handed over too if they are there: `/x` from the root, `x` from the same
    /// folder.
    pub siblings: &'static [&'static str],
    /// Whether it reads the file at this path (inside the root, no leading `/`).
    pub wants: fn(&str) -> bool,
    /// Reads the file.
    pub read: fn(&Input<'_>) -> Result<ReadOutcome, ReadError>,
}

/// One file to read.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// Its path inside the root, no leading `/`.
    pub path: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
    /// The siblings that are there, by the name that the descriptor gives them.
    pub siblings: BTreeMap<&'a str, Vec<u8>>,
}

impl<'a> Input<'a> {
    /// A file without siblings.
    pub fn new(path: &'a str, bytes: &'a [u8]) -> Self {
        Self { path, bytes, siblings: BTreeMap::new() }
    }

    /// The content as text; a byte order mark is left out.
    pub fn text(&self) -> Result<&'a str, ReadError> {
        let bytes = self.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(self.bytes);
        std::str::from_utf8(bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            ReadError::syntax(line_of(before), "the text is not UTF-8")
        })
    }

    /// A sibling's content.
    pub fn sibling(&self, name: &str) -> Option<&[u8]> {
        self.siblings.get(name).map(Vec::as_slice)
    }
}

/// The number of the line after `before`.
pub(crate) fn line_of(before: &[u8]) -> usize {
    1 + memchr::memchr_iter(b'\n', before).count()
}

/// What an ecosystem says of a package beyond its name and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Only needed to develop, test or build.
    Dev,
    /// Only there if it was asked for, or if it could be had.
    Optional,
    /// Shipped inside another package.
    Bundled,
    /// Not asked for by the project itself but by something it asked for.
    Indirect,
    /// The project's own code: no registry knows it.
    Local,
    /// From a git repository, an address or another registry: an advisory on this name may be
    /// about something else.
    OtherSource,
    /// Kept at its version by the administrator.
    Hold,
    /// The system does not work without it.
    Essential,
}

/// A package that was found, with its flags.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Found {
    /// The package.
    #[serde(flatten)]
    pub package: Package,
    /// Its flags.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub flags: BTreeSet<Flag>,
}

/// Something that is named but whose version, or whose state, cannot be told: its answer is
/// "unknown", never "nothing found".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unresolved {
    /// Its name as the file writes it.
    pub name: String,
    /// What the file says of its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Why it cannot be told, in plain words.
    pub reason: String,
}

/// What one file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOutcome {
    /// Packages, sorted, each once.
    pub packages: Vec<Found>,
    /// Names without an answer, sorted, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<Unresolved>,
    /// What the reader wants people to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Why a file could not be read. Nothing of it counts as read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The file is not what its name says.
    #[error("line {line}: {message}")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// The file holds no such thing at all.
    #[error("{message}")]
    Format {
        /// What is wrong.
        message: String,
    },
    /// A written limit was hit.
    #[error("over the limit of {limit} {what}")]
    Limit {
        /// What the limit counts.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl ReadError {
    /// A syntax error in a line; the message is cut to 200 characters, control characters out.
    pub fn syntax(line: usize, message: impl AsRef<str>) -> Self {
        Self::Syntax { line, message: one_line(message.as_ref()) }
    }

    /// An error that has no line.
    pub fn format(message: impl AsRef<str>) -> Self {
        Self::Format { message: one_line(message.as_ref()) }
    }
}

pub(crate) fn one_line(message: &str) -> String {
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

/// Collects what a reader finds, holds the limits, and sorts and dedupes at the end.
#[derive(Debug)]
pub struct Collector<'a> {
    ecosystem: String,
    location: &'a str,
    found: BTreeMap<Package, BTreeSet<Flag>>,
    unresolved: BTreeSet<Unresolved>,
    warnings: Vec<String>,
    warnings_dropped: usize,
}

impl<'a> Collector<'a> {
    /// A collector of packages of an OSV ecosystem, found at `input`'s path.
    pub fn new(ecosystem: &str, input: &Input<'a>) -> Self {
        Self {
            ecosystem: ecosystem.to_owned(),
            location: input.path,
            found: BTreeMap::new(),
            unresolved: BTreeSet::new(),
            warnings: Vec::new(),
            warnings_dropped: 0,
        }
    }

    /// Adds a package by name and version.
    pub fn package(
        &mut self,
        name: &str,
        version: &str,
        flags: impl IntoIterator<Item = Flag>,
    ) -> Result<(), ReadError> {
        self.full(self.plain(name, version), flags)
    }

    /// A package of this ecosystem and place, without architecture or source.
    pub fn plain(&self, name: &str, version: &str) -> Package {
        Package {
            ecosystem: self.ecosystem.clone(),
            name: name.to_owned(),
            version: version.to_owned(),
            arch: None,
            source: None,
            location: self.location.to_owned(),
        }
    }

    /// Adds a package. What is listed twice keeps the flags that hold both times.
    pub fn full(
        &mut self,
        package: Package,
        flags: impl IntoIterator<Item = Flag>,
    ) -> Result<(), ReadError> {
        if package.name.is_empty() {
            self.unresolved("(no name)", Some(&package.version), "it has no name")?;
            return Ok(());
        }
        if package.version.is_empty() {
            self.unresolved(&package.name, None, "it has no version")?;
            return Ok(());
        }
        bounded(&package.name)?;
        bounded(&package.version)?;
        let flags: BTreeSet<Flag> = flags.into_iter().collect();
        self.found
            .entry(package)
            .and_modify(|had| *had = had.intersection(&flags).copied().collect())
            .or_insert(flags);
        if self.found.len() > limits::PACKAGES_MAX {
            return Err(ReadError::Limit { what: "packages", limit: limits::PACKAGES_MAX });
        }
        Ok(())
    }

    /// Adds a name without an answer.
    pub fn unresolved(
        &mut self,
        name: &str,
        version: Option<&str>,
        reason: &str,
    ) -> Result<(), ReadError> {
        bounded(name)?;
        bounded(version.unwrap_or_default())?;
        self.unresolved.insert(Unresolved {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            reason: reason.to_owned(),
        });
        if self.unresolved.len() > limits::UNRESOLVED_MAX {
            let limit = limits::UNRESOLVED_MAX;
            return Err(ReadError::Limit { what: "unresolved names", limit });
        }
        Ok(())
    }

    /// Adds a warning.
    pub fn warn(&mut self, warning: impl AsRef<str>) {
        if self.warnings.len() < limits::WARNINGS_MAX {
            self.warnings.push(one_line(warning.as_ref()));
        } else {
            self.warnings_dropped += 1;
        }
    }

    /// What was collected.
    pub fn finish(mut self) -> ReadOutcome {
        if self.warnings_dropped > 0 {
            self.warnings.push(format!("{} more warnings", self.warnings_dropped));
        }
        let found = self.found.into_iter();
        ReadOutcome {
            packages: found.map(|(package, flags)| Found { package, flags }).collect(),
            unresolved: self.unresolved.into_iter().collect(),
            warnings: self.warnings,
        }
    }
}

fn bounded(text: &str) -> Result<(), ReadError> {
    if text.len() > limits::NAME_BYTES_MAX {
        let limit = limits::NAME_BYTES_MAX;
        return Err(ReadError::Limit { what: "bytes of one name or version", limit });
    }
    Ok(())
}

/// Reads TOML, with the line of what is wrong.
pub fn from_toml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ReadError> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.as_bytes().get(..start).unwrap_or_default();
        ReadError::syntax(line_of(before), error.message())
    })
}

/// Reads JSON, with the line of what is wrong.
pub fn from_json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, ReadError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        ReadError::syntax(error.line().max(1), message)
    })
}
