//! The tamper-evident record of what was decided and done: one receipt is one leaf of the ledger.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    ActionId, ActionState, ActionType, Author, CanonicalError, Digest, EffectClass, HostId, KeyId,
    PlanHash, ReceiptId, Target, canonical_json, limits,
};

/// What a receipt records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReceiptKind {
    /// The log was begun.
    Genesis,
    /// A request that was refused before it was a decision: malformed, forged, replayed.
    Refusal,
    /// What the norms said of a plan.
    Decision,
    /// An action is about to start.
    Intent,
    /// How an action ended.
    Outcome,
    /// A containment lapsed by itself.
    LeaseLapsed,
    /// What a restart found unfinished, and what it did about it.
    Recovery,
    /// A key was enrolled or removed.
    Key,
    /// The kill switch was pulled or released.
    KillSwitch,
    /// The site's own settings changed.
    Settings,
    /// A feed snapshot was taken in.
    Feed,
    /// A plan was approved for later, and waits.
    Scheduled,
    /// A plan that waited waits no longer, and was not begun: its window passed, it became void, or
    /// somebody withdrew it.
    Unscheduled,
    /// People were told of something that must not happen quietly.
    Notice,
}

/// One leaf of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The schema of this noun, 1.
    pub schema: u32,
    /// The receipt's id.
    pub id: ReceiptId,
    /// When it was written, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// The host that wrote it.
    pub host: HostId,
    /// What it records.
    pub kind: ReceiptKind,
    /// The plan it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanHash>,
    /// The action it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionId>,
    /// What happened, in the fields that this kind has (docs/spine.md).
    pub body: Map<String, Value>,
}

/// The body of a [`ReceiptKind::Intent`]. Rates, blast radius and used approvals are counted from
/// these, never from what a plan says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentBody {
    /// The types of action, one a step.
    pub action_types: Vec<ActionType>,
    /// The furthest-reaching class over all steps.
    pub class: EffectClass,
    /// Who made the plan.
    pub author: Author,
    /// The root it acts on.
    pub root: String,
    /// What it is aimed at, over all steps (at most the first 256).
    pub targets: Vec<Target>,
    /// Nonces of the approvals it used up.
    pub approvals: Vec<String>,
    /// The people who approved.
    pub approvers: Vec<KeyId>,
    /// For containment: when it lapses, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapses_ms: Option<i64>,
    /// For a ring plan: the number of the ring, whose machines and failures are counted together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring: Option<u32>,
}

/// What a dry run showed; part of an [`OutcomeBody`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRunOutcome {
    /// The plan that was tried.
    pub of: PlanHash,
    /// Whether it applied cleanly on the copy.
    pub passed: bool,
    /// Whether taking it back on the copy gave the original back, entry by entry.
    pub rollback_verified: bool,
    /// SHA-256 of the manifest of changes.
    pub manifest: Digest,
}

/// The body of a [`ReceiptKind::Outcome`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeBody {
    /// How it ended.
    pub state: ActionState,
    /// One line in plain words.
    pub message: String,
    /// For a dry run: what it showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<DryRunOutcome>,
    /// For a roll-back: the action that was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_back: Option<ActionId>,
}

impl Receipt {
    /// The leaf's bytes: canonical JSON, at most 65,535 bytes (the C2SP tlog-tiles entry limit).
    pub fn leaf(&self) -> Result<Vec<u8>, CanonicalError> {
        let bytes = canonical_json(self)?;
        let limit = limits::RECEIPT_BYTES_MAX;
        if bytes.len() > limit {
            return Err(CanonicalError::TooLarge { bytes: bytes.len(), limit });
        }
        Ok(bytes)
    }
}
