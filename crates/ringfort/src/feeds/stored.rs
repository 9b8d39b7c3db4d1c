//! The JSON that the store keeps of each advisory and of each fact about a CVE, for whoever writes
//! it and whoever reads it.

use std::collections::BTreeMap;

use formats::debian_tracker::{DebianAdvisory, TrackerEntry};
use formats::osv::Osv;
use formats::rustsec::RustsecAdvisory;
use serde::{Deserialize, Serialize};

/// An advisory, each in the form of its own standard, told apart by the field `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StoredAdvisory {
    /// An OSV record, under its ecosystem.
    Osv(Osv),
    /// A RustSec advisory, under `crates.io` (or `rust` for the toolchain itself).
    Rustsec(RustsecAdvisory),
    /// A DSA or DLA, under `Debian` and each source package it fixes.
    DebianAdvisory(DebianAdvisory),
    /// What the tracker says of one source package, under `Debian`; of packages with many
    /// vulnerabilities in several pieces.
    DebianTracker(DebianPackage),
    /// A file of Sigma rules, under [`SIGMA`].
    SigmaRules(SigmaFile),
}

/// The ecosystem and the package under which rules lie.
pub const SIGMA: (&str, &str) = ("Sigma", "rules");

/// A file of Sigma rules as its authors wrote it, authors and licence in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigmaFile {
    /// Its path in the pack.
    pub path: String,
    /// What it holds.
    pub yaml: String,
}

/// What Debian's security tracker says of one source package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebianPackage {
    /// The source package.
    pub package: String,
    /// By CVE.
    pub entries: BTreeMap<String, TrackerEntry>,
}

/// The score of a CVE: the JSON of a fact of the kind [`CveFactKind::Epss`]. One of the kind
/// [`CveFactKind::Kev`] is a [`KevEntry`], one of the kind [`CveFactKind::Ssvc`] a
/// [`Vulnrichment`].
///
/// [`CveFactKind::Epss`]: store::CveFactKind::Epss
/// [`CveFactKind::Kev`]: store::CveFactKind::Kev
/// [`CveFactKind::Ssvc`]: store::CveFactKind::Ssvc
/// [`KevEntry`]: formats::kev::KevEntry
/// [`Vulnrichment`]: formats::vulnrichment::Vulnrichment
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpssFact {
    /// Probability of exploitation within 30 days, parts per million.
    pub probability_ppm: u32,
    /// Share of all CVEs with the same or a lower probability, parts per million.
    pub percentile_ppm: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_read_back_as_itself() {
        let rustsec = formats::rustsec::parse(
            b"```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"widget\"\n\
              date = \"2026-01-31\"\n[versions]\npatched = []\n```\n\n# Title\n",
        );
        for advisory in [
            StoredAdvisory::Osv(Osv { id: "EX-1".into(), ..Osv::default() }),
            StoredAdvisory::Rustsec(rustsec.unwrap()),
            StoredAdvisory::DebianAdvisory(DebianAdvisory::default()),
            StoredAdvisory::DebianTracker(DebianPackage {
                package: "widget".into(),
                entries: BTreeMap::from([("CVE-2026-1".into(), TrackerEntry::default())]),
            }),
        ] {
            let json = serde_json::to_vec(&advisory).unwrap();
            assert_eq!(serde_json::from_slice::<StoredAdvisory>(&json).unwrap(), advisory);
        }
    }
}
