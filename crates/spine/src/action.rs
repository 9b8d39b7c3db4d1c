//! A plan carried out on one host by an actuator, under a permit, with a lease.

use serde::{Deserialize, Serialize};

use crate::{ActionId, HostId, PlanHash};

/// Where an action stands. The order on disk is the order in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// The receipt of intent is durable; nothing was changed.
    Intended,
    /// What is needed to undo is on disk; nothing was changed.
    Prepared,
    /// Changes are being made.
    Applying,
    /// Changes were made and are being checked.
    Verifying,
    /// The changes stand.
    Done,
    /// The changes are being taken back.
    RollingBack,
    /// The changes were taken back.
    RolledBack,
    /// Nothing was changed, or what could not be taken back is named in the receipt.
    Failed,
}

impl ActionState {
    /// Whether the action needs somebody to finish it after a crash.
    pub const fn is_unfinished(self) -> bool {
        !matches!(self, Self::Done | Self::RolledBack | Self::Failed)
    }
}

/// A containment that lapses by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// When it lapses, milliseconds since the Unix epoch.
    pub expires_ms: i64,
}

/// A plan carried out on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// The action's id.
    pub id: ActionId,
    /// The plan, by its hash.
    pub plan: PlanHash,
    /// The host.
    pub host: HostId,
    /// Where it stands.
    pub state: ActionState,
    /// For containment: when it lapses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// When it was intended, milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// When it last changed, milliseconds since the Unix epoch.
    pub updated_ms: i64,
}
