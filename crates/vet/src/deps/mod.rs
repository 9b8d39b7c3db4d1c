//! The dependencies of machine learning, joined: packages, the code and notebooks that load models,
//! their configurations, and what runs when a package is installed.
//!
//! | module | looks at |
//! |---|---|
//! | [`names`] | package names that are nearly those of others |
//! | [`code`] | Python: unsafe loads, code from repositories, revisions that may move |
//! | [`notebook`] | Jupyter notebooks: their code, and the commands in them |
//! | [`file`] | which of them a file is for |
//! | [`config`] | training and model configurations, line by line |
//! | [`install`] | scripts that run at installation |
//!
//! All of it reads text and runs nothing. Known advisories are matched elsewhere, by name and
//! version.

pub mod code;
pub mod config;
pub mod file;
mod filter;
pub mod install;
pub mod names;
pub mod notebook;

use serde::{Deserialize, Serialize};

use crate::remark::{Remark, Weight};

/// A package that a lock file or a requirements file names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// The ecosystem, as OSV names it: `PyPI`, `npm`, `crates.io`.
    pub ecosystem: String,
    /// The name as it stands.
    pub name: String,
    /// The version, if it is pinned.
    pub version: Option<String>,
}

/// Packages of one list that are judged.
pub const PACKAGES_MAX: usize = 100_000;

/// What is to be said of packages; `at` is their place in the list, from 1.
pub fn packages(packages: &[Package]) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for (at, package) in packages.iter().take(PACKAGES_MAX).enumerate() {
        match package.ecosystem.as_str() {
            "PyPI" => remarks.extend(names::judge(&package.name, at + 1)),
            "npm" => remarks.extend(names::judge_npm(&package.name, at + 1)),
            _ => {}
        }
        if package.version.is_none() {
            remarks.push(Remark::new(
                "deps.unpinned",
                Weight::Note,
                at + 1,
                "its version is not pinned: tomorrow's install may bring something else",
                &package.name,
                "pin the version, and the hash where the tool can",
            ));
        }
    }
    remarks
}

/// Whether a revision cannot move: a full commit id.
pub(crate) fn is_commit(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && revision.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether a text names a repository of a model hub: `owner/name`.
pub(crate) fn is_repository(text: &str) -> bool {
    let good = |part: &str| {
        !part.is_empty()
            && part.len() <= 96
            && !part.starts_with(['.', '-'])
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    text.split_once('/').is_some_and(|(owner, name)| {
        // A path to a file in a folder looks alike but for its ending.
        let file = [".json", ".yaml", ".yml", ".txt", ".py", ".csv", ".md", ".bin", ".pt"];
        good(owner) && good(name) && !file.iter().any(|end| name.ends_with(end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_judged_one_by_one() {
        let package = |name: &str, version: Option<&str>| Package {
            ecosystem: "PyPI".into(),
            name: name.into(),
            version: version.map(str::to_owned),
        };
        let remarks = packages(&[
            package("torch", Some("2.6.0")),
            package("tenserflow", Some("1")),
            package("numpy", None),
        ]);
        let seen: Vec<(&str, usize)> = remarks.iter().map(|r| (r.rule, r.at)).collect();
        assert_eq!(seen, [("deps.typosquat", 2), ("deps.unpinned", 3)]);
    }

    #[test]
    fn revisions_and_repositories() {
        assert!(is_commit(&"a1".repeat(20)) && !is_commit("main") && !is_commit("v1.0"));
        assert!(is_repository("meta-llama/Llama-3.2-1B"));
        for text in ["model", "./out/model", "data/train.json", "a/b/c", "/abs/x", "a b/c"] {
            assert!(!is_repository(text), "{text}");
        }
    }
}
