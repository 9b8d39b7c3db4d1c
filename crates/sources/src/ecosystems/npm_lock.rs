//! npm packages: `package-lock.json` and `npm-shrinkwrap.json`, lock file versions 1, 2 and 3.
//!
//! An alias is listed under the name of what is really installed. Links are followed to what
//! they link to, which the file lists too; the project itself is not listed, its workspaces are
//! marked local.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::ecosystem::{Collector, Ecosystem, Flag, Input, ReadError, ReadOutcome, from_json};
use crate::limits::NESTING_MAX;
use crate::tree::file_name;

/// The descriptor.
pub const ECOSYSTEM: Ecosystem = Ecosystem {
    name: "npm_lock",
    title: "package-lock.json",
    osv: "npm",
    example: "srv/web/package-lock.json",
    places: &[],
    siblings: &[],
    wants,
    read,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "a lock file")]
struct Lock {
    lockfile_version: Option<serde_json::Value>,
    packages: Option<BTreeMap<String, Entry>>,
    dependencies: Option<BTreeMap<String, Entry>>,
}

/// An entry of `packages` (versions 2 and 3) or of `dependencies` (version 1).
#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the file's own fields")]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "a package")]
struct Entry {
    name: Option<String>,
    version: Option<String>,
    resolved: Option<serde_json::Value>,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    dev_optional: bool,
    #[serde(default)]
    link: bool,
    #[serde(default)]
    in_bundle: bool,
    #[serde(default)]
    bundled: bool,
    /// In version 1 a map of entries, else of ranges.
    dependencies: Option<serde_json::Value>,
}

fn wants(path: &str) -> bool {
    matches!(file_name(path), "package-lock.json" | "npm-shrinkwrap.json")
}

fn read(input: &Input<'_>) -> Result<ReadOutcome, ReadError> {
    let lock: Lock = from_json(input.bytes)?;
    let mut collector = Collector::new(ECOSYSTEM.osv, input);
    let version = lock.lockfile_version.as_ref().and_then(serde_json::Value::as_u64);
    if version.is_some_and(|version| version > 3) {
        collector.warn("the lock file has a version above 3, the newest that is known");
    }
    match (lock.packages, lock.dependencies) {
        (Some(packages), _) => {
            for (place, entry) in &packages {
                read_placed(place, entry, &mut collector)?;
            }
        }
        (None, Some(dependencies)) => {
            for (name, entry) in dependencies {
                read_nested(&name, entry, 0, &mut collector)?;
            }
        }
        (None, None) => {
            // A project that needs nothing is written so; anything else is not a lock file.
            if lock.lockfile_version.is_none() {
                return Err(ReadError::format(
                    "it has neither `packages`, `dependencies` nor `lockfileVersion`",
                ));
            }
        }
    }
    Ok(collector.finish())
}

impl Entry {
    fn flags(&self) -> Vec<Flag> {
        let resolved = self.resolved.as_ref().and_then(serde_json::Value::as_str);
        let pairs = [
            (self.dev || self.dev_optional, Flag::Dev),
            (self.optional || self.dev_optional, Flag::Optional),
            (self.in_bundle || self.bundled, Flag::Bundled),
            (resolved.is_some_and(is_other_source), Flag::OtherSource),
        ];
        pairs.into_iter().filter(|(holds, _)| *holds).map(|(_, flag)| flag).collect()
    }
}

fn is_other_source(resolved: &str) -> bool {
    ["git+", "git:", "git@", "github:", "file:"].iter().any(|p| resolved.starts_with(p))
}

/// Versions 2 and 3: the key is the folder it is installed in.
fn read_placed(place: &str, entry: &Entry, collector: &mut Collector<'_>) -> Result<(), ReadError> {
    if place.is_empty() || entry.link {
        return Ok(());
    }
    let below_modules = place.rsplit_once("node_modules/").map(|(_, name)| name);
    let is_local = below_modules.is_none();
    let name = entry.name.as_deref().or(below_modules).unwrap_or_else(|| file_name(place));
    let Some(version) = entry.version.as_deref() else {
        // A workspace need not have a version, and has no advisories.
        return if is_local {
            Ok(())
        } else {
            collector.unresolved(name, None, "the lock file gives it no version")
        };
    };
    let local = is_local.then_some(Flag::Local);
    collector.package(name, version, entry.flags().into_iter().chain(local))
}

/// Version 1: entries nest as their folders do.
fn read_nested(
    name: &str,
    entry: Entry,
    depth: usize,
    collector: &mut Collector<'_>,
) -> Result<(), ReadError> {
    if depth > NESTING_MAX {
        return Err(ReadError::Limit { what: "nested `dependencies`", limit: NESTING_MAX });
    }
    let version = entry.version.as_deref().unwrap_or_default();
    let alias = version.strip_prefix("npm:").and_then(|alias| alias.rsplit_once('@'));
    match alias {
        Some((real, version)) if !real.is_empty() => {
            collector.package(real, version, entry.flags())?;
        }
        _ if version.starts_with("file:") => {}
        _ if version.is_empty() => {
            collector.unresolved(name, None, "the lock file gives it no version")?;
        }
        _ if version.contains([':', '/']) => {
            let reason = "it comes from an address or repository, without a version";
            collector.unresolved(name, Some(version), reason)?;
        }
        _ => collector.package(name, version, entry.flags())?,
    }
    if let Some(below) = entry.dependencies {
        let below: BTreeMap<String, Entry> = serde_json::from_value(below)
            .map_err(|error| ReadError::format(format!("`dependencies` of `{name}`: {error}")))?;
        for (name, entry) in below {
            read_nested(&name, entry, depth + 1, collector)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let outcome = read(&Input::new(ECOSYSTEM.example, text.as_bytes())).unwrap();
        let show = |found: &crate::Found| {
            format!("{}@{}{:?}", found.package.name, found.package.version, found.flags)
        };
        outcome.packages.iter().map(show).collect()
    }

    #[test]
    fn the_folder_names_the_package_unless_it_is_an_alias() {
        let text = r#"{"lockfileVersion": 3, "packages": {
            "": {"name": "own", "version": "1.0.0"},
            "node_modules/@s/a": {"version": "1.0.0"},
            "node_modules/@s/a/node_modules/b": {"version": "2.0.0", "dev": true},
            "node_modules/c": {"name": "real", "version": "3.0.0", "inBundle": true},
            "node_modules/w": {"resolved": "packages/w", "link": true},
            "packages/w": {"version": "0.0.1"}}}"#;
        assert_eq!(
            names(text),
            ["@s/a@1.0.0{}", "b@2.0.0{Dev}", "real@3.0.0{Bundled}", "w@0.0.1{Local}"]
        );
    }

    #[test]
    fn version_1_nests_and_writes_aliases_into_the_version() {
        let text = r#"{"lockfileVersion": 1, "dependencies": {
            "a": {"version": "1.0.0", "requires": {"b": "^2"}, "dependencies": {
                "b": {"version": "2.0.0", "optional": true}}},
            "c": {"version": "npm:@s/real@3.0.0"},
            "d": {"version": "file:../d"}}}"#;
        assert_eq!(names(text), ["@s/real@3.0.0{}", "a@1.0.0{}", "b@2.0.0{Optional}"]);
    }

    #[test]
    fn what_is_not_a_lock_file_is_an_error_and_nesting_is_bounded() {
        assert!(read(&Input::new(ECOSYSTEM.example, b"{}")).is_err());
        let deep = "{\"dependencies\":{\"a\":{\"version\":\"1\",".repeat(5_000);
        assert!(read(&Input::new(ECOSYSTEM.example, deep.as_bytes())).is_err());
    }
}
