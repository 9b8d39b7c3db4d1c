//! CVE ids from the changelogs inside candidate packages: what the distribution itself says that
//! an update fixes, without any feed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sources::deb::{Changelog, Deb};

/// Packages whose changelogs are read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ChangelogJob {
    /// One package a source package is enough: they carry the same changelog.
    pub packages: Vec<Candidate>,
}

/// One candidate package.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// The source package it was built from.
    pub source: String,
    /// The binary package in the file.
    pub package: String,
    /// The file.
    pub deb: PathBuf,
    /// The source version that is installed.
    pub installed: String,
    /// The source version that the file would bring.
    pub offered: String,
}

/// What the changelogs say, by source package.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ChangelogResult {
    /// By source package.
    pub sources: BTreeMap<String, Changes>,
}

/// What one changelog says about the entries between the installed and the candidate version.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Changes {
    /// CVE ids, sorted.
    pub ids: Vec<String>,
    /// Entries that were read.
    pub entries: usize,
    /// Why not everything could be read; what it would have named is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// The other package that carries the changelog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_package: Option<String>,
}

/// Reads the changelogs. Runs in a worker.
pub fn read(job: &ChangelogJob) -> ChangelogResult {
    let one = |candidate: &Candidate| (candidate.source.clone(), read_one(candidate));
    ChangelogResult { sources: job.packages.iter().map(one).collect() }
}

fn read_one(candidate: &Candidate) -> Changes {
    let unknown = |reason: String| Changes { unknown: Some(reason), ..Changes::default() };
    let file = match std::fs::File::open(&candidate.deb) {
        Ok(file) => file,
        Err(error) => return unknown(format!("the package cannot be read: {error}")),
    };
    let text = match Deb::open(file).and_then(|mut deb| deb.changelog(&candidate.package)) {
        Ok(Changelog::Text { bytes, .. }) => String::from_utf8_lossy(&bytes).into_owned(),
        Ok(Changelog::InPackage { package }) => {
            return Changes { in_package: Some(package), ..unknown("it stands elsewhere".into()) };
        }
        Ok(Changelog::Missing) => return unknown("the package carries no changelog".into()),
        Err(error) => return unknown(format!("the changelog cannot be read: {error}")),
    };
    let found = patch::changelog::cves_between(&text, &candidate.installed, &candidate.offered);
    Changes { ids: found.ids, entries: found.entries_read, unknown: found.gap, in_package: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_package_is_unknown() {
        let dir = tempfile::tempdir().unwrap();
        let deb = dir.path().join("x.deb");
        std::fs::write(&deb, "!<arch>\nrubbish").unwrap();
        let candidate = Candidate {
            source: "x".into(),
            package: "x".into(),
            deb,
            installed: "1".into(),
            offered: "2".into(),
        };
        let result = read(&ChangelogJob { packages: vec![candidate] });
        assert!(result.sources["x"].unknown.is_some());
    }
}
