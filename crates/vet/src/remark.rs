//! What the checks of data, weights and dependencies say: one remark a fact, with its evidence and
//! what to do next.

use serde::{Deserialize, Serialize};

/// How much a remark weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Worth knowing.
    Note,
    /// Could not be told.
    Unknown,
    /// A person should look.
    Suspicious,
    /// It is what an attack looks like, and hardly anything else.
    Malicious,
}

/// A remark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// The rule, such as `deps.trust_remote_code`: the same for the same thing, always.
    pub rule: &'static str,
    /// How much it weighs.
    pub weight: Weight,
    /// What it means, in plain words.
    pub reason: String,
    /// What was seen, cut short.
    pub evidence: String,
    /// Where: a line from 1, a row from 0, or 0 for the whole.
    pub at: usize,
    /// What to do next.
    pub next: &'static str,
}

/// Characters of evidence that are kept.
const EVIDENCE_CHARS_MAX: usize = 160;

impl Remark {
    /// A remark; the evidence is cut short and loses its control characters.
    pub fn new(
        rule: &'static str,
        weight: Weight,
        at: usize,
        reason: impl Into<String>,
        evidence: &str,
        next: &'static str,
    ) -> Self {
        let visible = |c: char| if c.is_control() { ' ' } else { c };
        let evidence = evidence.trim().chars().map(visible).take(EVIDENCE_CHARS_MAX).collect();
        Self { rule, weight, reason: reason.into(), evidence, at, next }
    }
}
