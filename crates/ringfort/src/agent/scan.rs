//! A scan, from bytes to cases: what is installed, what could replace it, what is in use, what the
//! feeds and the changelogs say, and the few cases that a person should look at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use spine::{Evidence, EvidenceOrigin, Status};

use super::advisories::{self, Advice};
use super::changelogs::Changes;
use super::inventory::{InventoryJob, InventoryResult, Upgrade};
use super::live::LiveFacts;
use super::worker;
use crate::failure::Failure;

/// What is to be scanned, and how.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// The root file system.
    pub root: PathBuf,
    /// Projects beside it, or in place of it.
    pub paths: Vec<PathBuf>,
    /// Whether the distribution's packages are scanned.
    pub distribution: bool,
    /// Metadata refreshed by ringfort.
    pub lists_dir: Option<PathBuf>,
    /// Where the index over the metadata is cached.
    pub cache_dir: Option<PathBuf>,
    /// The store of advisories; it need not be there.
    pub feeds_db: PathBuf,
    /// Whether this machine's processes and sockets are looked at, and where somebody with more
    /// rights may have left what it saw.
    pub live: Option<PathBuf>,
}

/// One line of `scan --json`: one package and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanLine {
    /// The OSV ecosystem.
    pub ecosystem: String,
    /// The package.
    pub package: String,
    /// Its architecture, where the ecosystem has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// The source package, where the ecosystem has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The version that is installed or locked.
    pub installed: String,
    /// The version that fixes it, or `null`.
    pub fixed: Option<String>,
    /// Standard ids.
    pub ids: Vec<String>,
    /// What is known.
    pub status: Status,
    /// Why.
    pub evidence: Vec<Evidence>,
    /// Where the package was found.
    pub location: String,
}

/// Everything that a scan found.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// What is installed and what waits.
    pub inventory: InventoryResult,
    /// What is in use on this machine, if it was looked at.
    pub live: Option<LiveFacts>,
    /// What the feeds say, by package.
    pub advice: Vec<Advice>,
    /// What could not be told.
    pub unknown: Vec<String>,
}

/// Scans.
pub fn scan(options: &ScanOptions) -> Result<Scan, Failure> {
    let inventory = worker::inventory(InventoryJob {
        root: options.root.clone(),
        lists_dir: options.lists_dir.clone(),
        cache_dir: options.cache_dir.clone(),
        distribution: options.distribution,
        paths: options.paths.clone(),
    })?;
    let mut unknown = inventory.unknown.clone();
    let live = options.live.as_deref().map(look_at_processes).transpose()?;
    let looked_up = advisories::look_up(&options.feeds_db, &inventory.packages)?;
    unknown.extend(looked_up.unknown);
    for file in &inventory.files {
        let names: Vec<&str> = file.unresolved.iter().map(|u| u.name.as_str()).take(5).collect();
        if !names.is_empty() {
            let (path, count) = (&file.path, file.unresolved.len());
            unknown.push(format!(
                "`{path}`: {count} without a version that can be told ({}...)",
                names.join(", ")
            ));
        }
    }
    Ok(Scan { inventory, live, advice: looked_up.advice, unknown })
}

/// What runs here: seen by ourselves as root, else as root left it for us, else what can be seen
/// without rights.
fn look_at_processes(left: &Path) -> Result<LiveFacts, Failure> {
    if !rustix::process::geteuid().is_root()
        && let Ok(bytes) = std::fs::read(left)
        && let Ok(facts) = serde_json::from_slice(&bytes)
    {
        return Ok(facts);
    }
    worker::live()
}

impl Scan {
    /// The lines to show: packages that are affected, or for which it is unknown; with `all` also
    /// those for which nothing was found.
    pub fn lines(&self, changes: &BTreeMap<String, Changes>, all: bool) -> Vec<ScanLine> {
        let upgrades: BTreeMap<(&str, &str), &Upgrade> = self
            .inventory
            .upgrades
            .iter()
            .map(|u| ((u.name.as_str(), u.arch.as_str()), u))
            .collect();
        let advice: BTreeMap<usize, &Advice> = self.advice.iter().map(|a| (a.package, a)).collect();
        let mut lines = Vec::new();
        for (index, found) in self.inventory.packages.iter().enumerate() {
            let package = &found.package;
            let arch = package.arch.as_deref().unwrap_or_default();
            let mut line = ScanLine {
                ecosystem: package.ecosystem.clone(),
                package: package.name.clone(),
                arch: package.arch.clone(),
                source: package.source.as_ref().map(|source| source.name.clone()),
                installed: package.version.clone(),
                fixed: None,
                ids: Vec::new(),
                status: Status::NotAffected,
                evidence: Vec::new(),
                location: package.location.clone(),
            };
            if let Some(advice) = advice.get(&index) {
                advice.add_to(&mut line);
            }
            if let Some(upgrade) = upgrades.get(&(package.name.as_str(), arch)) {
                add_upgrade(&mut line, upgrade, changes.get(&upgrade.source));
            }
            if all || line.status != Status::NotAffected || line.fixed.is_some() {
                lines.push(line);
            }
        }
        lines
    }
}

/// Adds what the package manager and the changelog say of an update that waits.
fn add_upgrade(line: &mut ScanLine, upgrade: &Upgrade, changes: Option<&Changes>) {
    line.fixed = Some(upgrade.to.clone());
    line.evidence.push(Evidence {
        kind: "apt.candidate".into(),
        origin: EvidenceOrigin::Distribution,
        text: format!("{} offers {}", upgrade.suite, upgrade.to),
        reference: None,
    });
    if upgrade.held {
        line.evidence.push(Evidence {
            kind: "apt.hold".into(),
            origin: EvidenceOrigin::Local,
            text: "the administrator holds this package back".into(),
            reference: None,
        });
    }
    if let Some(changes) = changes {
        add_changes(line, upgrade, changes);
    }
    let told = changes.is_some_and(|changes| changes.unknown.is_none());
    let status = if upgrade.security || !line.ids.is_empty() {
        Status::Affected
    } else if told {
        // The update changes something else: its changelog was read and names no vulnerability.
        Status::NotAffected
    } else {
        Status::Unknown
    };
    line.status = worse(line.status, status);
}

fn add_changes(line: &mut ScanLine, upgrade: &Upgrade, changes: &Changes) {
    let ids: BTreeSet<String> = line.ids.iter().chain(&changes.ids).cloned().collect();
    line.ids = ids.into_iter().collect();
    let text = match (&changes.unknown, changes.ids.len()) {
        (Some(reason), _) => format!("what the update fixes is not fully known: {reason}"),
        (None, 0) => "the changelog of the update names no vulnerability".to_owned(),
        (None, n) => format!("the changelog of the update says that it fixes {n}"),
    };
    line.evidence.push(Evidence {
        kind: "changelog".into(),
        origin: EvidenceOrigin::Distribution,
        text,
        reference: Some(format!("{} {}", upgrade.source, upgrade.source_to)),
    });
}

/// The answer that asks for more attention.
pub fn worse(a: Status, b: Status) -> Status {
    let rank = |status| match status {
        Status::Fixed => 0,
        Status::NotAffected => 1,
        Status::Unknown => 2,
        Status::Affected => 3,
    };
    if rank(b) > rank(a) { b } else { a }
}

/// Whether a path is the root of the running machine.
pub fn is_this_machine(root: &Path) -> bool {
    root == Path::new("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sources::Found;
    use spine::{Package, SourcePackage};

    fn scan_with(upgrade: Upgrade) -> Scan {
        let package = Package {
            ecosystem: "Debian:12".into(),
            name: upgrade.name.clone(),
            version: upgrade.from.clone(),
            arch: Some(upgrade.arch.clone()),
            source: Some(SourcePackage {
                name: upgrade.source.clone(),
                version: upgrade.source_from.clone(),
            }),
            location: "var/lib/dpkg/status".into(),
        };
        let found = Found { package, flags: BTreeSet::new() };
        let inventory = InventoryResult {
            packages: vec![found],
            upgrades: vec![upgrade],
            ..InventoryResult::default()
        };
        Scan { inventory, ..Scan::default() }
    }

    fn upgrade(security: bool) -> Upgrade {
        Upgrade {
            name: "rsync".into(),
            arch: "amd64".into(),
            from: "3.2.7-1".into(),
            to: "3.2.7-1+deb12u2".into(),
            source: "rsync".into(),
            source_from: "3.2.7-1".into(),
            source_to: "3.2.7-1+deb12u2".into(),
            suite: "bookworm-security".into(),
            security,
            held: false,
        }
    }

    fn status(security: bool, changes: Option<Changes>) -> Status {
        let changes = changes.map(|changes| ("rsync".to_owned(), changes)).into_iter().collect();
        scan_with(upgrade(security)).lines(&changes, false)[0].status
    }

    #[test]
    fn an_update_is_unknown_until_its_changelog_was_read() {
        let read = |ids: &[&str]| Changes {
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            entries: 1,
            unknown: None,
            in_package: None,
        };
        assert_eq!(status(false, None), Status::Unknown);
        assert_eq!(status(false, Some(read(&[]))), Status::NotAffected);
        assert_eq!(status(false, Some(read(&["CVE-2024-12084"]))), Status::Affected);
        assert_eq!(status(true, None), Status::Affected);
        let cut = Changes { unknown: Some("cut".into()), ..Changes::default() };
        assert_eq!(status(false, Some(cut)), Status::Unknown);
    }

    #[test]
    fn a_package_with_an_update_is_shown_with_both_versions() {
        let lines = scan_with(upgrade(true)).lines(&BTreeMap::new(), false);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].installed, "3.2.7-1");
        assert_eq!(lines[0].fixed.as_deref(), Some("3.2.7-1+deb12u2"));
    }
}
