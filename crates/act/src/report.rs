//! What a dry run showed, as it is kept under `<dir>/dryruns/<plan hash>.json`.

use serde::{Deserialize, Serialize};
use spine::{Digest, DryRunOutcome, HostId, PlanHash};

use crate::apt::PackageChange;
use crate::manifest::Change;

/// A service that would restart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServiceRestart {
    /// The unit or the init script, without `.service`.
    pub name: String,
    /// How that is known: `script` (a maintainer script asked for it on the copy), or `unit` (its
    /// unit file belongs to a changed package).
    pub why: String,
    /// What becomes of it: `restart`, `start`, `stop` or `reload`.
    #[serde(default = "restart")]
    pub verb: String,
}

fn restart() -> String {
    "restart".to_owned()
}

/// What a dry run showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRunReport {
    /// The plan that was tried.
    pub plan: PlanHash,
    /// The host that tried it.
    pub host: HostId,
    /// The root it was tried on a copy of.
    pub root: String,
    /// When, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// Whether it applied cleanly.
    pub passed: bool,
    /// Whether taking it back gave the original back, entry by entry.
    pub rollback_verified: bool,
    /// Why it did not pass, in plain words.
    pub problems: Vec<String>,
    /// The exact set of packages that would change, where the plan names another one.
    pub amended: Vec<PackageChange>,
    /// Services that would restart.
    pub services: Vec<ServiceRestart>,
    /// The files that would change, sorted by path.
    pub manifest: Vec<Change>,
    /// SHA-256 over the canonical JSON of the manifest, domain `manifest`.
    pub manifest_digest: Digest,
    /// How long applying took, milliseconds.
    pub apply_ms: u64,
    /// How long taking back took, milliseconds.
    pub undo_ms: u64,
}

impl DryRunReport {
    /// The part that goes into the receipt.
    pub fn outcome(&self) -> DryRunOutcome {
        DryRunOutcome {
            of: self.plan,
            passed: self.passed,
            rollback_verified: self.rollback_verified,
            manifest: self.manifest_digest,
        }
    }
}
