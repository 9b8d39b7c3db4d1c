//! Python packages: `uv.lock`.
//!
//! Members of the workspace are marked local. What only an extra or a development group of theirs
//! reaches is marked optional or as for development.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::ecosystem::{Collector, Ecosystem, Flag, Input, ReadError, ReadOutcome, from_toml};
use crate::tree::file_name;

/// The descriptor.
pub const ECOSYSTEM: Ecosystem = Ecosystem {
    name: "uv_lock",
    title: "uv.lock",
    osv: "PyPI",
    example: "srv/app/uv.lock",
    places: &[],
    siblings: &[],
    wants,
    read,
};

#[derive(Deserialize)]
#[serde(expecting = "a lock file")]
struct Lock {
    version: Option<u32>,
    #[serde(default)]
    package: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
#[serde(expecting = "a package")]
struct Entry {
    name: String,
    version: Option<String>,
    #[serde(default)]
    source: BTreeMap<String, toml::Value>,
    #[serde(default)]
    dependencies: Vec<Edge>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<Edge>>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, Vec<Edge>>,
}

#[derive(Deserialize)]
#[serde(expecting = "a dependency")]
struct Edge {
    name: String,
}

fn wants(path: &str) -> bool {
    file_name(path) == "uv.lock"
}

fn read(input: &Input<'_>) -> Result<ReadOutcome, ReadError> {
    let lock: Lock = from_toml(input.text()?)?;
    let mut collector = Collector::new(ECOSYSTEM.osv, input);
    if let Some(version) = lock.version.filter(|version| *version > 1) {
        collector.warn(format!("the lock file has version {version}; version 1 is known"));
    }
    let reach = Reach::of(&lock.package);
    for entry in &lock.package {
        let place = entry.place();
        let Some(version) = entry.version.as_deref() else {
            // A member whose version its own build decides has no advisories.
            if place != Some(Flag::Local) {
                let reason = "the lock file gives it no version";
                collector.unresolved(&entry.name, None, reason)?;
            }
            continue;
        };
        let use_ = if place == Some(Flag::Local) { None } else { reach.flag(&entry.name) };
        collector.package(&entry.name, version, place.into_iter().chain(use_))?;
    }
    Ok(collector.finish())
}

impl Entry {
    fn place(&self) -> Option<Flag> {
        let has = |key| self.source.contains_key(key);
        if has("virtual") || has("editable") || has("directory") {
            Some(Flag::Local)
        } else if has("git") || has("url") || has("path") {
            Some(Flag::OtherSource)
        } else {
            None
        }
    }
}

/// Names that the members of the workspace reach, by the weakest need.
struct Reach<'a> {
    needed: BTreeSet<&'a str>,
    optional: BTreeSet<&'a str>,
    dev: BTreeSet<&'a str>,
}

impl<'a> Reach<'a> {
    fn of(packages: &'a [Entry]) -> Self {
        let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let (mut needed, mut optional, mut dev) = (Vec::new(), Vec::new(), Vec::new());
        let names = |edges: &'a [Edge]| edges.iter().map(|edge| edge.name.as_str());
        for entry in packages {
            let optionals = entry.optional_dependencies.values();
            let extras: Vec<&str> = optionals.flat_map(|edges| names(edges)).collect();
            let below = edges.entry(&entry.name).or_default();
            below.extend(names(&entry.dependencies));
            if entry.place() == Some(Flag::Local) {
                needed.extend(names(&entry.dependencies));
                optional.extend(extras);
                dev.extend(entry.dev_dependencies.values().flat_map(|edges| names(edges)));
            } else {
                // Whether an extra of a library was asked for stands at the edge; taken as asked.
                below.extend(extras);
            }
        }
        Self {
            needed: closure(needed, &edges),
            optional: closure(optional, &edges),
            dev: closure(dev, &edges),
        }
    }

    fn flag(&self, name: &str) -> Option<Flag> {
        if self.needed.contains(name) {
            None
        } else if self.optional.contains(name) {
            Some(Flag::Optional)
        } else {
            self.dev.contains(name).then_some(Flag::Dev)
        }
    }
}

fn closure<'a>(start: Vec<&'a str>, edges: &BTreeMap<&'a str, Vec<&'a str>>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open = start;
    while let Some(name) = open.pop() {
        if seen.insert(name) {
            open.extend(edges.get(name).into_iter().flatten());
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_development_group_reaches_is_marked() {
        let text = br#"
            [[package]]
            name = "own"
            source = { editable = "." }
            dependencies = [{ name = "a" }]
            [package.dev-dependencies]
            dev = [{ name = "t" }, { name = "a" }]
            [[package]]
            name = "a"
            version = "1"
            [[package]]
            name = "t"
            version = "1"
            dependencies = [{ name = "u" }]
            [[package]]
            name = "u"
            version = "1"
        "#;
        let outcome = read(&Input::new(ECOSYSTEM.example, text)).unwrap();
        let dev: Vec<bool> =
            outcome.packages.iter().map(|found| found.flags.contains(&Flag::Dev)).collect();
        assert_eq!(dev, [false, true, true]);
        assert!(outcome.unresolved.is_empty());
    }
}
