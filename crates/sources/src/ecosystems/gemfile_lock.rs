//! Ruby gems: `Gemfile.lock` and `gems.locked`, as Bundler writes them.
//!
//! Gems of a `PATH` are marked local. Gems of a `GIT` or a `PLUGIN SOURCE`, and of a `GEM` section
//! none of whose remotes is Ruby's public registry, are marked as from another source. What neither
//! `DEPENDENCIES` nor a local gem asks for is marked indirect. The builds of a gem for several
//! platforms are one package, because advisories do not tell them apart.
//!
//! The file does not say which gems are only for development: groups stand in the `Gemfile`.
//! Bundler itself is listed only where something asks for it, at the version of `BUNDLED WITH`.
//! Ruby itself is no gem; `RUBY VERSION` is not used.

use std::collections::BTreeSet;

use crate::ecosystem::{Collector, Ecosystem, Flag, Input, ReadError, ReadOutcome};
use crate::limits::PACKAGES_MAX;
use crate::tree::file_name;

/// The descriptor.
pub const ECOSYSTEM: Ecosystem = Ecosystem {
    name: "gemfile_lock",
    title: "Gemfile.lock",
    osv: "RubyGems",
    example: "srv/app/Gemfile.lock",
    places: &[],
    siblings: &[],
    wants,
    read,
};

/// Bundler is never locked as other gems are.
const BUNDLER: &str = "bundler";
/// What git leaves at the start of a line where two versions do not agree.
const CONFLICTS: [&str; 4] = ["<<<<<<<", "=======", ">>>>>>>", "|||||||"];

fn wants(path: &str) -> bool {
    ["Gemfile.lock", "gems.locked"].contains(&file_name(path))
}

fn read(input: &Input<'_>) -> Result<ReadOutcome, ReadError> {
    let mut collector = Collector::new(ECOSYSTEM.osv, input);
    let mut lock = Lock::default();
    for (index, line) in input.text()?.lines().enumerate() {
        let line = line.trim_end();
        if !line.is_empty() {
            lock.line(line, &mut collector)
                .map_err(|error| error.or_syntax(index.saturating_add(1)))?;
        }
    }
    if lock.section.is_none() {
        return Err(ReadError::format("it is empty; Bundler writes at least `DEPENDENCIES`"));
    }
    lock.list(&mut collector)?;
    Ok(collector.finish())
}

/// Why a line could not be read.
enum LineError {
    /// It is not of the format, and why.
    Odd(String),
    /// A limit was hit.
    Other(ReadError),
}

impl LineError {
    fn or_syntax(self, line: usize) -> ReadError {
        match self {
            Self::Odd(message) => ReadError::syntax(line, message),
            Self::Other(error) => error,
        }
    }
}

/// An odd line; what it holds is cut, so that the reason behind it is not.
fn odd(line: &str, why: &str) -> LineError {
    let shown: String = line.trim_start().chars().take(80).collect();
    LineError::Odd(format!("`{shown}` {why}"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Gem,
    Git,
    Path,
    Plugin,
    Platforms,
    Dependencies,
    Checksums,
    BundledWith,
    /// `RUBY VERSION`, and sections of a newer Bundler.
    Unread,
}

impl Section {
    fn of(header: &str) -> Option<Self> {
        Some(match header {
            "GEM" => Self::Gem,
            "GIT" => Self::Git,
            "PATH" => Self::Path,
            "PLUGIN SOURCE" => Self::Plugin,
            "PLATFORMS" => Self::Platforms,
            "DEPENDENCIES" => Self::Dependencies,
            "CHECKSUMS" => Self::Checksums,
            "BUNDLED WITH" => Self::BundledWith,
            "RUBY VERSION" => Self::Unread,
            _ => return None,
        })
    }
}

struct Gem<'a> {
    name: &'a str,
    version: &'a str,
    place: Option<Flag>,
}

/// Everything that the lines so far say.
#[derive(Default)]
struct Lock<'a> {
    section: Option<Section>,
    /// Whether `specs:` of this section was seen.
    in_specs: bool,
    remotes: Vec<&'a str>,
    place: Option<Flag>,
    /// Whether this section has a gem that others may hang below.
    has_gem: bool,
    gems: Vec<Gem<'a>>,
    /// What the project asks for.
    asked: BTreeSet<&'a str>,
    /// What gems ask for.
    needed: BTreeSet<&'a str>,
    has_dependencies: bool,
    bundler: Option<&'a str>,
}

impl<'a> Lock<'a> {
    fn line(&mut self, line: &'a str, collector: &mut Collector<'_>) -> Result<(), LineError> {
        if CONFLICTS.iter().any(|marker| line.starts_with(marker)) {
            return Err(LineError::Odd("it holds a merge conflict".to_owned()));
        }
        let text = line.trim_start_matches(' ');
        let depth = line.len().saturating_sub(text.len());
        if depth == 0 {
            return self.header(line, collector);
        }
        match (self.section, depth) {
            (None, _) => return Err(odd(line, "stands before the first section")),
            (Some(Section::Unread | Section::Platforms), _) => {}
            (Some(Section::BundledWith), _) => {
                self.bundler = Some(text).filter(|version| is_version(version));
            }
            (Some(Section::Dependencies), 2) => {
                self.asked.insert(wish(text)?);
            }
            (Some(Section::Checksums), 2) => {
                // What comes behind the bracket is the sum, or nothing where none is known.
                let end = text.find(')').map_or(text.len(), |at| at.saturating_add(1));
                gem(text.get(..end).unwrap_or(text))?;
            }
            (Some(Section::Dependencies | Section::Checksums), _) => {
                return Err(odd(line, "is not indented by 2 blanks"));
            }
            (Some(section), depth) => self.source_line(section, depth, text)?,
        }
        if self.gems.len() > PACKAGES_MAX || self.needed.len() > PACKAGES_MAX {
            let error = ReadError::Limit { what: "gems", limit: PACKAGES_MAX };
            return Err(LineError::Other(error));
        }
        Ok(())
    }

    fn header(&mut self, line: &str, collector: &mut Collector<'_>) -> Result<(), LineError> {
        let section = match Section::of(line) {
            Some(section) => section,
            None if line.chars().all(|c| c.is_ascii_uppercase() || c == ' ') => {
                collector.warn(format!("the section `{line}` is not known; it is left out"));
                Section::Unread
            }
            None => return Err(odd(line, "is not the name of a section")),
        };
        self.has_dependencies |= section == Section::Dependencies;
        self.section = Some(section);
        (self.in_specs, self.has_gem) = (false, false);
        self.remotes.clear();
        Ok(())
    }

    /// A line of `GEM`, `GIT`, `PATH` or `PLUGIN SOURCE`.
    fn source_line(
        &mut self,
        section: Section,
        depth: usize,
        text: &'a str,
    ) -> Result<(), LineError> {
        match depth {
            2 if text == "specs:" => {
                self.in_specs = true;
                self.place = place(section, &self.remotes);
            }
            2 => match text.split_once(':') {
                Some(("remote", remote)) => self.remotes.push(remote.trim()),
                Some(_) => {}
                None => return Err(odd(text, "is neither an option nor `specs:`")),
            },
            4 if self.in_specs => {
                let (name, version) = gem(text)?;
                self.gems.push(Gem { name, version, place: self.place });
                self.has_gem = true;
            }
            6 if self.has_gem => {
                let name = wish(text)?;
                self.needed.insert(name);
                if self.place == Some(Flag::Local) {
                    self.asked.insert(name);
                }
            }
            4 => return Err(odd(text, "stands before `specs:`")),
            6 => return Err(odd(text, "stands below no gem")),
            _ => return Err(odd(text, "is not indented by 2, 4 or 6 blanks")),
        }
        Ok(())
    }

    /// Hands over what was read.
    fn list(&self, collector: &mut Collector<'_>) -> Result<(), ReadError> {
        if !self.has_dependencies {
            collector.warn("there is no section `DEPENDENCIES`; the file may be cut short");
        }
        for Gem { name, version, place } in &self.gems {
            let is_indirect =
                self.has_dependencies && *place != Some(Flag::Local) && !self.asked.contains(name);
            let indirect = is_indirect.then_some(Flag::Indirect);
            collector.package(name, version, place.iter().copied().chain(indirect))?;
        }
        let locked: BTreeSet<&str> = self.gems.iter().map(|gem| gem.name).collect();
        for name in self.asked.union(&self.needed).filter(|name| !locked.contains(*name)) {
            let is_needed = self.needed.contains(name);
            if *name == BUNDLER {
                let indirect = (!self.asked.contains(name)).then_some(Flag::Indirect);
                match self.bundler {
                    Some(version) => collector.package(name, version, indirect)?,
                    None => collector.unresolved(name, None, "`BUNDLED WITH` does not say it")?,
                }
            } else if is_needed {
                collector.unresolved(name, None, "a gem needs it, but no section locks it")?;
            } else {
                // Bundler locks nothing for a platform that the file does not name.
                collector.warn(format!(
                    "`{name}` is asked for but not locked: it is for other platforms"
                ));
            }
        }
        Ok(())
    }
}

/// What a section's gems are marked as.
fn place(section: Section, remotes: &[&str]) -> Option<Flag> {
    match section {
        Section::Path => Some(Flag::Local),
        // Old files name several remotes and do not say which gem is whose.
        Section::Gem if remotes.is_empty() || remotes.iter().any(|r| is_rubygems(r)) => None,
        _ => Some(Flag::OtherSource),
    }
}

/// The host of Ruby's public registry.
const REGISTRY: &str = concat!("rubygems", ".org");

/// Whether an address is that of Ruby's public registry itself.
fn is_rubygems(remote: &str) -> bool {
    let address = remote.strip_prefix("https://").or_else(|| remote.strip_prefix("http://"));
    address.map(|address| address.trim_end_matches('/').to_ascii_lowercase()).is_some_and(|host| {
        let host =
            ["www.", "index."].iter().find_map(|sub| host.strip_prefix(sub)).unwrap_or(&host);
        host == REGISTRY
    })
}

/// Name and version of `name (version)` or `name (version-platform)`. The version is empty if
/// there is none.
fn gem(text: &str) -> Result<(&str, &str), LineError> {
    let Some((name, rest)) = text.split_once(" (") else { return Ok((named(text, text)?, "")) };
    let Some(inner) = rest.strip_suffix(')') else { return Err(odd(text, "lacks its `)`")) };
    // Versions have no `-` in a lock file: what follows the first one is the platform.
    let (version, _platform) = inner.split_once('-').unwrap_or((inner, ""));
    if !version.is_empty() && !is_version(version) {
        return Err(odd(text, "has no version that RubyGems could read"));
    }
    Ok((named(name, text)?, version))
}

/// The name of `name`, `name!` or `name (requirement)!`.
fn wish(text: &str) -> Result<&str, LineError> {
    let bare = text.strip_suffix('!').unwrap_or(text);
    match bare.split_once(" (") {
        None => named(bare, text),
        Some((name, requirement)) if requirement.ends_with(')') => named(name, text),
        Some(_) => Err(odd(text, "lacks its `)`")),
    }
}

/// The name, if RubyGems could have such a gem.
fn named<'a>(name: &'a str, text: &str) -> Result<&'a str, LineError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(odd(text, "does not begin with the name of a gem"));
    }
    Ok(name)
}

/// Whether this is a version without a `-`, as `Gem::Version` has them.
fn is_version(version: &str) -> bool {
    version.starts_with(|c: char| c.is_ascii_digit())
        && version.split('.').enumerate().all(|(index, part)| {
            let is_fine = |c: char| c.is_ascii_digit() || (index > 0 && c.is_ascii_alphabetic());
            !part.is_empty() && part.chars().all(is_fine)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> ReadOutcome {
        read(&Input::new(ECOSYSTEM.example, text.as_bytes())).unwrap()
    }

    fn error(text: &str) -> String {
        read(&Input::new(ECOSYSTEM.example, text.as_bytes())).unwrap_err().to_string()
    }

    fn flags(outcome: &ReadOutcome, name: &str) -> Vec<Flag> {
        let found = outcome.packages.iter().find(|found| found.package.name == name).unwrap();
        found.flags.iter().copied().collect()
    }

    #[test]
    fn platforms_are_not_part_of_the_version() {
        let read = outcome(
            "GEM\n  specs:\n    a (1.0.0)\n    a (1.0.0-java)\n    a (1.0.0-x86_64-linux-gnu)\n\
             \x20   b (2.0.rc1-arm64-darwin)\n\nDEPENDENCIES\n  a\n  b\n",
        );
        let versions: Vec<_> = read.packages.iter().map(|f| f.package.version.as_str()).collect();
        assert_eq!(versions, ["1.0.0", "2.0.rc1"]);
    }

    #[test]
    fn only_the_host_of_rubygems_counts_as_rubygems() {
        let registry = format!("https://{REGISTRY}/");
        let upper = format!("http://{}", REGISTRY.to_uppercase());
        let below = format!("https://{REGISTRY}.example/");
        let path = format!("https://gems.example/{REGISTRY}/");
        for (remotes, flag) in [
            (vec![registry.as_str()], None),
            (vec![&upper], None),
            (vec!["https://gems.example/", &registry], None),
            (vec![], None),
            (vec!["https://gems.example/"], Some(Flag::OtherSource)),
            (vec![&below], Some(Flag::OtherSource)),
            (vec![&path], Some(Flag::OtherSource)),
        ] {
            assert_eq!(place(Section::Gem, &remotes), flag, "{remotes:?}");
        }
        assert_eq!(place(Section::Path, &["."]), Some(Flag::Local));
        assert_eq!(place(Section::Git, &[]), Some(Flag::OtherSource));
        assert_eq!(place(Section::Plugin, &[]), Some(Flag::OtherSource));
    }

    #[test]
    fn what_a_local_gem_asks_for_is_not_indirect() {
        let read = outcome(
            "PATH\n  remote: .\n  specs:\n    own (0.1)\n      a\n\n\
             GEM\n  specs:\n    a (1)\n      b (>= 1, < 2)\n    b (1)\n\nDEPENDENCIES\n  own!\n",
        );
        assert_eq!(flags(&read, "own"), [Flag::Local]);
        assert_eq!(flags(&read, "a"), []);
        assert_eq!(flags(&read, "b"), [Flag::Indirect]);
    }

    #[test]
    fn what_is_not_locked_is_said() {
        let read = outcome(
            "GEM\n  specs:\n    a (1)\n      gone\n      bundler\n    bare\n\n\
             DEPENDENCIES\n  a\n  bare\n  other-os\n",
        );
        let unresolved: Vec<_> = read.unresolved.iter().map(|u| u.name.as_str()).collect();
        assert_eq!(unresolved, ["bare", "bundler", "gone"]);
        assert_eq!(read.warnings.len(), 1);
        let read = outcome("GEM\n  specs:\n    a (1)\n      bundler\n\nBUNDLED WITH\n   2.5.0\n");
        assert_eq!(read.packages[1].package.version, "2.5.0");
        assert!(read.warnings[0].contains("DEPENDENCIES"));
    }

    #[test]
    fn lines_may_end_as_on_windows_and_newer_sections_are_left_out() {
        let read = outcome("GEM\r\n  specs:\r\n    a (1)\r\n\r\nNEW THING\r\n      x\r\n");
        assert_eq!(read.packages.len(), 1);
        assert!(read.warnings[0].contains("NEW THING"));
    }

    #[test]
    fn odd_lines_are_errors_with_their_number() {
        for (text, start) in [
            ("", "it is empty"),
            ("nonsense", "line 1: `nonsense` is not the name"),
            ("  a (1)\n", "line 1: `a (1)` stands before the first"),
            ("GEM\n    a (1)\n", "line 2: `a (1)` stands before `specs:`"),
            ("GEM\n  specs:\n      a\n", "line 3: `a` stands below no gem"),
            ("GEM\n  specs:\n   a (1)\n", "line 3: `a (1)` is not indented"),
            ("GEM\n  specs:\n\ta (1)\n", "line 3: `a (1)` is not the name of a section"),
            ("GEM\n  specs:\n    a (1\n", "line 3: `a (1` lacks"),
            ("GEM\n  specs:\n    a (one)\n", "line 3: `a (one)` has no version"),
            ("GEM\n  specs:\n    a (1..2)\n", "line 3: `a (1..2)` has no version"),
            ("GEM\n  specs:\n    \u{202e}a (1)\n", "line 3: "),
            ("DEPENDENCIES\n    a\n", "line 2: `a` is not indented"),
            ("DEPENDENCIES\n  a (= 1\n", "line 2: `a (= 1` lacks"),
            ("GEM\n<<<<<<< HEAD\n", "line 2: it holds a merge conflict"),
            ("CHECKSUMS\n  a (?) sha256=00\n", "line 2: `a (?)` has no version"),
        ] {
            let error = error(text);
            assert!(error.starts_with(start), "{text:?}: {error}");
        }
    }
}
