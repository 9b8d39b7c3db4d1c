//! What a step does, computed by the actuator that would do it, on the acting host, from
//! parameters that its own parser understood. The norms read effects, never a plan's own claims.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Every type of action that exists. There is no verb for attack, for collecting credentials or
/// for scanning others (red line RL02): what has no name here cannot be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ActionType {
    /// Fetch package metadata into ringfort's own state.
    RefreshIndex,
    /// Fetch candidate packages into ringfort's own state.
    FetchPackages,
    /// Try a plan on a copy of the machine.
    DryRun,
    /// Upgrade named packages to named versions.
    UpgradePackages,
    /// Move a file away, keeping it.
    QuarantineFile,
    /// Put a quarantined file back.
    RestoreFile,
    /// Block an address for a while.
    BlockAddress,
    /// Lift a block.
    UnblockAddress,
    /// Stop a process tree for a while without killing it.
    FreezeProcess,
    /// Let a frozen process tree go on.
    ThawProcess,
    /// Take an earlier action back.
    RollBack,
    /// Send scrubbed intelligence to partners.
    ShareIntelligence,
    /// Send raw telemetry off the site.
    ExportTelemetry,
    /// Load a model or a rule pack.
    LoadArtifact,
    /// Write the draft of a legal notice.
    DraftNotice,
    /// Submit a legal notice.
    SubmitNotice,
    /// Change the defender's own policy, keys, ledger, release channel or models.
    ChangeDefender,
}

impl ActionType {
    /// Every action type.
    pub const ALL: [Self; 17] = [
        Self::RefreshIndex,
        Self::FetchPackages,
        Self::DryRun,
        Self::UpgradePackages,
        Self::QuarantineFile,
        Self::RestoreFile,
        Self::BlockAddress,
        Self::UnblockAddress,
        Self::FreezeProcess,
        Self::ThawProcess,
        Self::RollBack,
        Self::ShareIntelligence,
        Self::ExportTelemetry,
        Self::LoadArtifact,
        Self::DraftNotice,
        Self::SubmitNotice,
        Self::ChangeDefender,
    ];

    /// The name that policies and receipts use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RefreshIndex => "refresh_index",
            Self::FetchPackages => "fetch_packages",
            Self::DryRun => "dry_run",
            Self::UpgradePackages => "upgrade_packages",
            Self::QuarantineFile => "quarantine_file",
            Self::RestoreFile => "restore_file",
            Self::BlockAddress => "block_address",
            Self::UnblockAddress => "unblock_address",
            Self::FreezeProcess => "freeze_process",
            Self::ThawProcess => "thaw_process",
            Self::RollBack => "roll_back",
            Self::ShareIntelligence => "share_intelligence",
            Self::ExportTelemetry => "export_telemetry",
            Self::LoadArtifact => "load_artifact",
            Self::DraftNotice => "draft_notice",
            Self::SubmitNotice => "submit_notice",
            Self::ChangeDefender => "change_defender",
        }
    }
}

/// How far an action reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// Changes nothing but ringfort's own state.
    Observe,
    /// Changes the machine.
    Change,
    /// Restrains something for a while.
    Contain,
    /// Takes an earlier action back.
    RollBack,
}

/// What an action is aimed at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "target", rename_all = "snake_case")]
pub enum Target {
    /// A package.
    Package {
        /// Its name.
        name: String,
    },
    /// A file.
    File {
        /// Its path inside the root.
        path: String,
    },
    /// A network address.
    Address {
        /// The address.
        address: IpAddr,
    },
    /// A process.
    Process {
        /// Its id.
        pid: u32,
    },
    /// A service that restarts.
    Service {
        /// Its unit name.
        name: String,
    },
}

/// What one step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent fact that a policy reads"
)]
pub struct StepEffect {
    /// The type of action.
    pub action_type: ActionType,
    /// How far it reaches.
    pub class: EffectClass,
    /// Whether it can be taken back whole.
    pub reversible: bool,
    /// Whether somebody may notice it: a service restarts, a connection ends, a file is gone.
    pub disruptive: bool,
    /// Whether it kills, deletes or moves away what may be evidence (red line RL15).
    pub destroys_evidence: bool,
    /// Whether a copy of that evidence is kept before.
    pub preserves_evidence: bool,
    /// Whether it touches ringfort's own policy, keys, ledger, release channel or models.
    pub touches_defender: bool,
    /// For containment: how long it lasts, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u32>,
    /// What it is aimed at.
    pub targets: Vec<Target>,
    /// Names of parameters that were not parsed into a closed type (red line RL11).
    pub tainted: Vec<String>,
}
