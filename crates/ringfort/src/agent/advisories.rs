//! What the feeds say of packages and of vulnerabilities.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use formats::kev::KevEntry;
use formats::vulnrichment::Vulnrichment;
use patch::matching::normal_name;
use patch::ssvc::CveIntel;
use patch::{MatchResult, match_osv, match_rustsec};
use sources::{Flag, Found};
use spine::{Evidence, EvidenceOrigin, Package, Status};
use store::{AdvisoryStore, CveFactKind};

use super::scan::{ScanLine, worse};
use crate::failure::{Failure, OrHint as _};
use crate::feeds::stored::{EpssFact, StoredAdvisory};

/// What the feeds say of one package.
#[derive(Clone, Debug, Default)]
pub struct Advice {
    /// The package, by its place in the inventory.
    pub package: usize,
    status: Option<Status>,
    fixed: Option<String>,
    ids: BTreeSet<String>,
    evidence: Vec<Evidence>,
}

/// What the feeds say of an inventory.
#[derive(Clone, Debug, Default)]
pub struct LookUp {
    /// Packages of which something is said.
    pub advice: Vec<Advice>,
    /// What could not be looked up, in plain words.
    pub unknown: Vec<String>,
}

impl Advice {
    /// Adds it to the package's line.
    pub fn add_to(&self, line: &mut ScanLine) {
        if let Some(status) = self.status {
            line.status = worse(line.status, status);
        }
        if line.fixed.is_none() {
            line.fixed.clone_from(&self.fixed);
        }
        let ids: BTreeSet<String> = line.ids.drain(..).chain(self.ids.iter().cloned()).collect();
        line.ids = ids.into_iter().collect();
        line.evidence.extend(self.evidence.iter().cloned());
    }

    fn take(&mut self, package: &Package, result: MatchResult) {
        match result {
            MatchResult::NotAffected => {}
            MatchResult::Unknown { reason } => {
                self.note(Status::Unknown);
                self.evidence.push(Evidence {
                    kind: "advisory".into(),
                    origin: EvidenceOrigin::Feed,
                    text: reason,
                    reference: None,
                });
            }
            MatchResult::Affected { fixed, ids, evidence } => {
                self.note(Status::Affected);
                self.ids.extend(ids);
                self.evidence.extend(evidence);
                self.fixed = later(&package.ecosystem, self.fixed.take(), fixed);
            }
        }
    }

    fn note(&mut self, status: Status) {
        self.status = Some(self.status.map_or(status, |known| worse(known, status)));
    }
}

/// The version that is needed for both fixes; unknown where one of them has none.
fn later(ecosystem: &str, a: Option<String>, b: Option<String>) -> Option<String> {
    match (a, b) {
        (Some(a), Some(b)) => match patch::version::compare(ecosystem, &a, &b) {
            Ok(order) => Some(if order.is_lt() { b } else { a }),
            Err(_) => None,
        },
        (None, only) | (only, None) => only,
    }
}

/// Looks packages up. Without a store, or for an ecosystem that no feed covers, what there is to
/// know of a package is unknown, and said so.
pub fn look_up(path: &Path, packages: &[Found]) -> Result<LookUp, Failure> {
    let help = "run `ringfort feeds sync` to take the feeds in again";
    let mut result = LookUp::default();
    let store = if path.exists() {
        Some(AdvisoryStore::open_read_only(path).or_hint("the feeds do not open", help)?)
    } else {
        None
    };
    let covered: BTreeSet<String> = match &store {
        Some(store) => {
            let names = store.ecosystems().or_hint("the feeds do not read", help)?;
            names.into_iter().collect()
        }
        None => BTreeSet::new(),
    };
    let mut uncovered: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, found) in packages.iter().enumerate() {
        let package = &found.package;
        if found.flags.contains(&Flag::Local) || found.flags.contains(&Flag::OtherSource) {
            continue;
        }
        let base = package.ecosystem.split(':').next().unwrap_or(&package.ecosystem);
        let known = [package.ecosystem.as_str(), base];
        let names: BTreeSet<&str> =
            known.into_iter().filter(|name| covered.contains(*name)).collect();
        if names.is_empty() {
            // The distribution's own metadata and changelogs speak for its packages.
            if package.arch.is_none() {
                *uncovered.entry(base).or_default() += 1;
            }
            continue;
        }
        let mut advice = Advice { package: index, ..Advice::default() };
        for ecosystem in names {
            for json in
                lookup(store.as_ref(), ecosystem, package).or_hint("the feeds do not read", help)?
            {
                consider(&mut advice, package, &json);
            }
        }
        if advice.status.is_some() {
            result.advice.push(advice);
        }
    }
    for (ecosystem, count) in uncovered {
        result.unknown.push(format!(
            "no feed covers {ecosystem}: whether its {count} packages are vulnerable is unknown \
             (`ringfort feeds sync`)"
        ));
    }
    Ok(result)
}

fn lookup(
    store: Option<&AdvisoryStore>,
    ecosystem: &str,
    package: &Package,
) -> Result<Vec<Vec<u8>>, store::AdvisoryError> {
    let Some(store) = store else { return Ok(Vec::new()) };
    let name = package.source.as_ref().map_or(&package.name, |source| &source.name);
    store.lookup(ecosystem, &normal_name(&package.ecosystem, name))
}

fn consider(advice: &mut Advice, package: &Package, json: &[u8]) {
    match serde_json::from_slice(json) {
        Ok(StoredAdvisory::Osv(osv)) => advice.take(package, match_osv(package, &osv)),
        Ok(StoredAdvisory::Rustsec(rustsec)) => {
            advice.take(package, match_rustsec(package, &rustsec));
        }
        // Debian's own lists inform people; versions are told from changelogs and from OSV.
        Ok(
            StoredAdvisory::DebianAdvisory(_)
            | StoredAdvisory::DebianTracker(_)
            | StoredAdvisory::SigmaRules(_),
        ) => {}
        Err(error) => advice.take(
            package,
            MatchResult::Unknown { reason: format!("an advisory does not read: {error}") },
        ),
    }
}

/// What the feeds say of vulnerabilities; an id that no feed knows comes without facts.
pub fn cve_intel(path: &Path, ids: &[String]) -> Vec<CveIntel> {
    let cves: Vec<&String> = ids.iter().filter(|id| id.starts_with("CVE-")).collect();
    let facts = path
        .exists()
        .then(|| AdvisoryStore::open_read_only(path).ok()?.cve_facts(&cves).ok())
        .flatten();
    let has_kev = facts.is_some();
    let facts = facts.unwrap_or_default();
    cves.into_iter()
        .map(|cve| {
            let mut intel = CveIntel { cve: cve.clone(), ..CveIntel::default() };
            // An id that is missing from the catalogue is not known to be exploited.
            intel.kev = has_kev.then_some(false);
            for fact in facts.get(cve).into_iter().flatten() {
                add_fact(&mut intel, fact.kind, &fact.json);
            }
            intel
        })
        .collect()
}

fn add_fact(intel: &mut CveIntel, kind: CveFactKind, json: &[u8]) {
    match kind {
        CveFactKind::Kev => {
            if let Ok(entry) = serde_json::from_slice::<KevEntry>(json) {
                intel.kev = Some(true);
                intel.ransomware = entry.used_by_ransomware();
            }
        }
        CveFactKind::Epss => {
            if let Ok(fact) = serde_json::from_slice::<EpssFact>(json) {
                intel.epss_ppm = Some(fact.probability_ppm);
            }
        }
        CveFactKind::Ssvc => {
            if let Ok(entry) = serde_json::from_slice::<Vulnrichment>(json) {
                intel.exploitation = entry.exploitation;
                intel.automatable = entry.automatable;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ecosystem: &str) -> Found {
        let package = Package {
            ecosystem: ecosystem.into(),
            name: "widget".into(),
            version: "1.0.0".into(),
            arch: None,
            source: None,
            location: "Cargo.lock".into(),
        };
        Found { package, flags: BTreeSet::new() }
    }

    #[test]
    fn without_feeds_locked_packages_are_unknown_and_not_clean() {
        let dir = tempfile::tempdir().unwrap();
        let result = look_up(&dir.path().join("none.db"), &[found("crates.io")]).unwrap();
        assert!(result.advice.is_empty());
        assert_eq!(result.unknown.len(), 1);
    }

    #[test]
    fn the_version_for_both_fixes_is_the_later_one() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(later("crates.io", some("1.2.0"), some("1.10.0")), some("1.10.0"));
        assert_eq!(later("crates.io", None, some("1.10.0")), some("1.10.0"));
    }
}
