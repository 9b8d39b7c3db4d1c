//! Rust crates: `Cargo.lock`, versions 1 to 4.
//!
//! Crates of the project itself are marked local; crates from git or from another registry are
//! marked so, because an advisory on the same name may be about something else.

use serde::Deserialize;

use crate::ecosystem::{Collector, Ecosystem, Flag, Input, ReadError, ReadOutcome, from_toml};
use crate::tree::file_name;

/// The descriptor.
pub const ECOSYSTEM: Ecosystem = Ecosystem {
    name: "cargo_lock",
    title: "Cargo.lock",
    osv: "crates.io",
    example: "srv/app/Cargo.lock",
    places: &[],
    siblings: &[],
    wants,
    read,
};

/// The newest version of the format that is known.
const VERSION_MAX: u32 = 4;
#[derive(Deserialize)]
#[serde(expecting = "a lock file")]
struct Lock {
    version: Option<u32>,
    #[serde(default)]
    package: Vec<Entry>,
    /// Up to version 1 of the format the project itself could stand apart.
    root: Option<Entry>,
}

#[derive(Deserialize)]
#[serde(expecting = "a package")]
struct Entry {
    name: String,
    version: String,
    source: Option<String>,
}

fn wants(path: &str) -> bool {
    file_name(path) == "Cargo.lock"
}

fn read(input: &Input<'_>) -> Result<ReadOutcome, ReadError> {
    let lock: Lock = from_toml(input.text()?)?;
    let mut collector = Collector::new(ECOSYSTEM.osv, input);
    if let Some(version) = lock.version.filter(|version| *version > VERSION_MAX) {
        collector.warn(format!(
            "the lock file has version {version}; versions up to {VERSION_MAX} are known"
        ));
    }
    for entry in lock.root.into_iter().chain(lock.package) {
        let flag = match &entry.source {
            None => Some(Flag::Local),
            Some(source) if is_default_registry(source) => None,
            Some(_) => Some(Flag::OtherSource),
        };
        collector.package(&entry.name, &entry.version, flag)?;
    }
    Ok(collector.finish())
}

/// Cargo writes its default registry as the address of its git index or of its sparse index.
fn is_default_registry(source: &str) -> bool {
    let address = source.strip_prefix("registry+").or_else(|| source.strip_prefix("sparse+"));
    address.map(|address| address.trim_end_matches('/')).is_some_and(|address| {
        address.ends_with("/crates.io-index") || address.ends_with(".crates.io")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_line() {
        let error = read(&Input::new("Cargo.lock", b"version = 3\n[[package]\n")).unwrap_err();
        assert!(error.to_string().starts_with("line 2: "), "{error}");
    }

    #[test]
    fn a_crate_without_source_is_the_projects_own() {
        let text = b"[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n";
        let outcome = read(&Input::new("Cargo.lock", text)).unwrap();
        assert!(outcome.packages[0].flags.contains(&Flag::Local));
    }
}
