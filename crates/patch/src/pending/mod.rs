//! The upgrades that apt would offer: candidates by priority, pins and holds included.
//!
//! The rules are those of apt 2.6 (apt_preferences(5), and what `apt list --upgradable` prints):
//! an index has priority 500, 100 where it is `NotAutomatic` and `ButAutomaticUpgrades`, 1 where it
//! is only `NotAutomatic`; the installed version has 100. The highest priority wins, then the
//! highest version; below 1,000 nothing is downgraded. Phased updates are not considered: Debian
//! has none.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use spine::{Package, SourcePackage};

mod glob;
mod preferences;

pub use preferences::{Preferences, PreferencesError};

use crate::limits;
use crate::version::{Debian, VersionScheme};

/// A package that dpkg has installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledDeb {
    /// The package; its `arch` is the one dpkg names (`all` counts as the native one).
    pub package: Package,
    /// Whether an administrator holds it at its version.
    pub hold: bool,
    /// Whether dpkg marks it as essential.
    pub essential: bool,
}

/// What the Release file of an index says, and where the index is from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReleaseFacts {
    /// The suite as the list of sources names it, such as `bookworm-security`.
    pub suite: String,
    /// The host of its address, such as `deb.debian.example`; empty for files.
    pub site: String,
    /// `Origin`.
    pub origin: String,
    /// `Label`.
    pub label: String,
    /// `Suite` of the Release file, which apt calls the archive, such as `stable-security`.
    pub archive: String,
    /// `Codename`.
    pub codename: String,
    /// `Version`.
    pub version: String,
    /// The component of the index, such as `main`.
    pub component: String,
    /// The architecture of the index, such as `amd64`; packages for `all` are in it too.
    pub arch: String,
    /// `NotAutomatic: yes`.
    pub not_automatic: bool,
    /// `ButAutomaticUpgrades: yes`.
    pub but_automatic_upgrades: bool,
}

impl ReleaseFacts {
    fn default_priority(&self) -> i32 {
        match (self.not_automatic, self.but_automatic_upgrades) {
            (false, _) => 500,
            (true, true) => 100,
            (true, false) => 1,
        }
    }
}

/// A version of a package that an index offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvailableDeb {
    /// The binary package.
    pub name: String,
    /// Its architecture, or `all`.
    pub arch: String,
    /// Its version.
    pub version: String,
    /// The source package, where its name or version differs from the binary's.
    pub source: Option<SourcePackage>,
    /// The file's path below the archive's address.
    pub filename: String,
    /// The file's size in bytes.
    pub size: u64,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// The index it is from.
    pub release: Arc<ReleaseFacts>,
}

/// An upgrade that apt would offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// What is installed.
    pub installed: InstalledDeb,
    /// What would take its place.
    pub candidate: AvailableDeb,
    /// Every index that offers this version.
    pub releases: Vec<Arc<ReleaseFacts>>,
    /// The candidate's priority.
    pub priority: i32,
}

impl Upgrade {
    /// Whether an administrator holds the package, so that no plan may contain it.
    pub fn is_held(&self) -> bool {
        self.installed.hold
    }

    /// Whether an index of a security suite offers this version.
    pub fn is_from_security(&self) -> bool {
        self.releases.iter().any(|release| {
            release.label == "Debian-Security"
                || [&release.suite, &release.archive, &release.codename]
                    .iter()
                    .any(|suite| suite.ends_with("-security") || suite.ends_with("/updates"))
        })
    }

    /// The versions of the source package, installed and candidate: those that changelogs carry.
    pub fn source_versions(&self) -> (String, String) {
        let installed = &self.installed.package;
        let from = installed.source.as_ref().map_or(&installed.version, |source| &source.version);
        let to = self.candidate.source.as_ref().map_or(&self.candidate.version, |s| &s.version);
        (from.clone(), to.clone())
    }
}

/// One version of one package, the indexes that offer it, and whether it is the installed one.
struct Offer {
    version: String,
    debs: Vec<AvailableDeb>,
    installed: bool,
}

/// Looks for candidates while indexes are read, keeping only what installed packages need.
pub struct CandidateSearch<'a> {
    preferences: &'a Preferences,
    native_arch: &'a str,
    /// By name and architecture (`all` is the native one).
    slots: BTreeMap<(String, String), (InstalledDeb, Vec<Offer>)>,
    dropped: usize,
}

impl<'a> CandidateSearch<'a> {
    /// A search for these installed packages. `native_arch` is dpkg's, such as `amd64`.
    pub fn new(
        installed: impl IntoIterator<Item = InstalledDeb>,
        preferences: &'a Preferences,
        native_arch: &'a str,
    ) -> Self {
        let slots = installed
            .into_iter()
            .map(|deb| {
                let arch = deb.package.arch.as_deref().unwrap_or("all");
                let arch = if arch == "all" { native_arch } else { arch };
                let version = deb.package.version.clone();
                let own = Offer { version, debs: Vec::new(), installed: true };
                ((deb.package.name.clone(), arch.to_owned()), (deb, vec![own]))
            })
            .collect();
        Self { preferences, native_arch, slots, dropped: 0 }
    }

    /// Whether an offer of this name and architecture would be kept. Ask before making one.
    pub fn wants(&self, name: &str, arch: &str) -> bool {
        let arch = if arch == "all" { self.native_arch } else { arch };
        self.slots.contains_key(&(name.to_owned(), arch.to_owned()))
    }

    /// Takes a version that an index offers.
    pub fn offer(&mut self, deb: AvailableDeb) {
        let arch = if deb.arch == "all" { self.native_arch } else { &deb.arch };
        let Some((_, offers)) = self.slots.get_mut(&(deb.name.clone(), arch.to_owned())) else {
            return;
        };
        let full = offers.len() >= limits::VERSIONS_PER_PACKAGE_MAX;
        match offers.iter_mut().find(|offer| offer.version == deb.version) {
            Some(offer) => offer.debs.push(deb),
            None if full => self.dropped += 1,
            None => {
                let version = deb.version.clone();
                offers.push(Offer { version, debs: vec![deb], installed: false });
            }
        }
    }

    /// How many offers were dropped over the limit of versions of one package. Where it is not 0,
    /// the answer is incomplete.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// The upgrades, sorted by name and architecture.
    pub fn upgrades(self) -> Vec<Upgrade> {
        let Self { preferences, native_arch, slots, .. } = self;
        slots
            .into_iter()
            .filter_map(|((_, arch), (installed, offers))| {
                best_upgrade(preferences, native_arch, &arch, installed, offers)
            })
            .collect()
    }
}

/// The upgrades that apt would offer, sorted by name and architecture.
pub fn upgrades(
    installed: impl IntoIterator<Item = InstalledDeb>,
    available: impl IntoIterator<Item = AvailableDeb>,
    preferences: &Preferences,
    native_arch: &str,
) -> Vec<Upgrade> {
    let mut search = CandidateSearch::new(installed, preferences, native_arch);
    for deb in available {
        search.offer(deb);
    }
    search.upgrades()
}

fn compare(a: &str, b: &str) -> Ordering {
    // An index that carries what is no version cannot move anything: it compares as equal.
    Debian.compare(a, b).unwrap_or(Ordering::Equal)
}

fn best_upgrade(
    preferences: &Preferences,
    native_arch: &str,
    arch: &str,
    installed: InstalledDeb,
    mut offers: Vec<Offer>,
) -> Option<Upgrade> {
    offers.sort_by(|a, b| compare(&b.version, &a.version));
    let current = installed.package.version.clone();
    let pinned = preferences.for_package(&installed.package, arch, native_arch);
    let mut best: Option<(i32, Offer)> = None;
    for offer in offers {
        let priority = pinned.of_version(&offer.version, &offer.debs, offer.installed);
        let beaten = best.as_ref().is_some_and(|(highest, _)| priority <= *highest);
        let downgrade = priority < 1_000 && compare(&offer.version, &current).is_lt();
        if priority > 0 && !beaten && !downgrade {
            best = Some((priority, offer));
        }
    }
    let (priority, offer) = best.filter(|(_, offer)| compare(&offer.version, &current).is_gt())?;
    let releases: Vec<_> = offer.debs.iter().map(|deb| Arc::clone(&deb.release)).collect();
    let file_priority = |deb: &AvailableDeb| preferences.of_release(&deb.release);
    let candidate = offer
        .debs
        .into_iter()
        .reduce(|best, deb| if file_priority(&deb) > file_priority(&best) { deb } else { best })?;
    Some(Upgrade { installed, candidate, releases, priority })
}

#[cfg(test)]
mod tests;
