//! What the norms say of exactly this plan.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{KeyId, PlanHash};

/// The id of a rule: a red line such as `RL08`, or a site's own rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(pub String);

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// No approval lifts this.
    Deny,
    /// The plan runs once this many distinct people have approved it.
    NeedsApproval {
        /// Distinct people needed in all.
        humans: u8,
    },
    /// The plan may run now.
    Allow,
}

/// What the norms say of exactly this plan, and which rules fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The plan, by its hash.
    pub plan: PlanHash,
    /// The answer.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The rules that forbid, sorted; empty when the plan is allowed.
    pub rules: Vec<RuleId>,
    /// One sentence a rule, in plain words.
    pub reasons: Vec<String>,
    /// The distinct people whose approval counted.
    pub approvers: Vec<KeyId>,
    /// When it was decided, milliseconds since the Unix epoch.
    pub decided_ms: i64,
}
