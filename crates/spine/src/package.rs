//! A package in an inventory: what is installed, where it was found, and what it was built from.

use serde::{Deserialize, Serialize};

/// The source package that a binary package was built from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourcePackage {
    /// Name of the source package.
    pub name: String,
    /// Version of the source package (may differ from the binary's).
    pub version: String,
}

/// One installed or locked package.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// The OSV ecosystem, such as `Debian:12`, `crates.io`, `npm`, `PyPI`, `Go`.
    pub ecosystem: String,
    /// The package's name as its ecosystem writes it.
    pub name: String,
    /// The version as its ecosystem writes it.
    pub version: String,
    /// The machine architecture, where the ecosystem has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// The source package, where the ecosystem has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourcePackage>,
    /// Where it was found: a path inside the root, with `/` separators.
    pub location: String,
}
