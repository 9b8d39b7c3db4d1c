//! A statement about an asset, with evidence.

use serde::{Deserialize, Serialize};

use crate::{FindingId, HostId, Package};

/// The four answers any check may give. Unknown is never shown as nothing found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The asset is affected.
    Affected,
    /// The check ran and the asset is not affected.
    NotAffected,
    /// The asset was affected and a later check says that it no longer is.
    Fixed,
    /// The check could not tell; the evidence says why.
    Unknown,
}

/// What the finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// A package for which a fix is known or pending.
    VulnerablePackage {
        /// The package as installed or locked.
        package: Package,
        /// The version that fixes it, where one is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fixed: Option<String>,
    },
    /// A setting of the machine that leaves it open, such as a missing security suite.
    Configuration {
        /// A short stable name, such as `apt.no_security_suite`.
        check: String,
        /// What it is about, such as a path.
        subject: String,
    },
    /// Something that a host did, which a rule knows or which is unlike everything before.
    Behaviour {
        /// The detected case that it belongs to: 16 hexadecimal digits.
        case: String,
        /// What was done, in the words of the rule or of the detector.
        what: String,
    },
    /// A model, or a file that loaders read from beside one, that does more than it should.
    Model {
        /// The file, as an absolute path.
        path: String,
        /// The SHA-256 of what was looked at: 64 hexadecimal digits.
        sha256: String,
        /// The format it was read as, such as `pickle`.
        format: String,
    },
    /// Something that was looked at and could not be understood.
    NotUnderstood {
        /// What it is about, such as a path.
        subject: String,
    },
}

/// Where a piece of evidence comes from (red line RL10 tells local evidence from shared).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceOrigin {
    /// Seen on this machine.
    Local,
    /// From signed metadata of the distribution.
    Distribution,
    /// From a public feed.
    Feed,
    /// From a sharing partner.
    Shared,
}

/// One reason for a finding, in words and with its source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    /// The kind of evidence, such as `apt.candidate`, `changelog`, `osv`, `kev`, `listening`.
    pub kind: String,
    /// Where it comes from.
    pub origin: EvidenceOrigin,
    /// The statement in plain words.
    pub text: String,
    /// Where to look: a path, a URL or an advisory id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// A statement about an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The finding's id.
    pub id: FindingId,
    /// When it was made, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// The host it is about.
    pub host: HostId,
    /// What it is about.
    #[serde(flatten)]
    pub kind: FindingKind,
    /// What the check says.
    pub status: Status,
    /// Standard ids: CVE, OSV, RUSTSEC, DSA...
    pub ids: Vec<String>,
    /// Why.
    pub evidence: Vec<Evidence>,
}
