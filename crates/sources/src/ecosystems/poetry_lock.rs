//! Python packages: `poetry.lock`, of Poetry 1 and 2.
//!
//! A package of a folder of the project is marked local; one from git, from an address or from
//! another index is marked so.

use serde::Deserialize;

use crate::ecosystem::{Collector, Ecosystem, Flag, Input, ReadError, ReadOutcome, from_toml};
use crate::tree::file_name;

/// The descriptor.
pub const ECOSYSTEM: Ecosystem = Ecosystem {
    name: "poetry_lock",
    title: "poetry.lock",
    osv: "PyPI",
    example: "srv/app/poetry.lock",
    places: &[],
    siblings: &[],
    wants,
    read,
};

#[derive(Deserialize)]
#[serde(expecting = "a lock file")]
struct Lock {
    #[serde(default)]
    package: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(expecting = "a package")]
struct Entry {
    name: String,
    version: String,
    #[serde(default)]
    optional: bool,
    /// Poetry before 1.5: `main` or `dev`.
    category: Option<String>,
    /// Poetry 2: the groups that need it.
    #[serde(default)]
    groups: Vec<String>,
    source: Option<Source>,
}

#[derive(Deserialize)]
#[serde(expecting = "a source")]
struct Source {
    #[serde(rename = "type", default)]
    kind: String,
}

fn wants(path: &str) -> bool {
    file_name(path) == "poetry.lock"
}

fn read(input: &Input<'_>) -> Result<ReadOutcome, ReadError> {
    let lock: Lock = from_toml(input.text()?)?;
    let mut collector = Collector::new(ECOSYSTEM.osv, input);
    for entry in &lock.package {
        let dev = entry.category.as_deref() == Some("dev")
            || (!entry.groups.is_empty() && !entry.groups.iter().any(|group| group == "main"));
        let source = entry.source.as_ref().map(|source| match source.kind.as_str() {
            "directory" | "file" => Flag::Local,
            _ => Flag::OtherSource,
        });
        let flags = [dev.then_some(Flag::Dev), entry.optional.then_some(Flag::Optional), source];
        collector.package(&entry.name, &entry.version, flags.into_iter().flatten())?;
    }
    Ok(collector.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_categories_tell_what_is_only_for_development() {
        let text = b"[[package]]\nname = \"a\"\nversion = \"1\"\ngroups = [\"dev\"]\n\
                     [[package]]\nname = \"b\"\nversion = \"1\"\ngroups = [\"main\", \"dev\"]\n\
                     [[package]]\nname = \"c\"\nversion = \"1\"\ncategory = \"dev\"\n";
        let outcome = read(&Input::new(ECOSYSTEM.example, text)).unwrap();
        let dev: Vec<bool> =
            outcome.packages.iter().map(|found| found.flags.contains(&Flag::Dev)).collect();
        assert_eq!(dev, [true, false, true]);
    }
}
