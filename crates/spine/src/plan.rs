//! Typed steps that would settle a case. A plan is identified by the hash of its canonical form;
//! an approval signs that hash, so a plan cannot change under an approval.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    CanonicalError, CaseId, Digest, EvidenceOrigin, HostId, PlanHash, canonical::hash_form,
    canonical_json, hash_canonical, limits,
};

/// Who made a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// ringfort itself.
    Agent,
    /// A person at the command line or the page.
    Human,
}

/// One step: the registered name of an actuator and the parameters it reads with its own parser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The registered name of the actuator, such as `apt.upgrade`.
    pub actuator: String,
    /// The actuator's parameters. Only the actuator's own parser gives them a meaning.
    pub params: Map<String, Value>,
}

/// A reference to a piece of evidence, by the hash of what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EvidenceRef {
    /// The kind of evidence, such as `apt.candidate`.
    pub kind: String,
    /// Where it comes from.
    pub origin: EvidenceOrigin,
    /// SHA-256 of the evidence.
    pub digest: Digest,
}

/// The stated budget of a ring plan that people approved (red line RL08).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingBudget {
    /// The ring's number, from 0.
    pub ring: u32,
    /// The most hosts this ring may touch.
    pub hosts_max: u32,
    /// The most hosts that may fail before the ring stops.
    pub failures_max: u32,
}

/// Typed steps that would settle a case, on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The schema of this noun, 1.
    pub schema: u32,
    /// The host it is for.
    pub host: HostId,
    /// The root file system it acts on: `/`, or an absolute path without `.`, `..` or links.
    pub root: String,
    /// The case it would settle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseId>,
    /// Who made it.
    pub author: Author,
    /// One line in plain words.
    pub purpose: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What it rests on.
    pub evidence: Vec<EvidenceRef>,
    /// The budget of a ring plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring: Option<RingBudget>,
    /// When it was made, milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// 32 hexadecimal digits that make the plan unique.
    pub nonce: String,
}

/// What is wrong with a plan's shape.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The schema is one this build does not know.
    #[error("the plan has schema {0}; this build knows schema 1")]
    Schema(u32),
    /// There are no steps, or too many.
    #[error("the plan has {0} steps; 1 to {max} are allowed", max = limits::PLAN_STEPS_MAX)]
    Steps(usize),
    /// There are too many evidence references.
    #[error(
        "the plan has {0} evidence references; at most {max} are allowed",
        max = limits::PLAN_EVIDENCE_MAX
    )]
    Evidence(usize),
    /// The root is not an absolute, normal path.
    #[error("the root `{0}` is not an absolute path without `.`, `..` and doubled slashes")]
    Root(String),
    /// The purpose is empty or too long.
    #[error("the purpose is empty or longer than {max} characters", max = limits::TEXT_CHARS_MAX)]
    Purpose,
    /// The nonce is malformed.
    #[error("the nonce is not 32 lower-case hexadecimal digits")]
    Nonce,
    /// The plan has no canonical form or is too large.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

impl Plan {
    /// The schema that this build writes.
    pub const SCHEMA: u32 = 1;

    /// The plan's identity: SHA-256 of its canonical form, domain `plan`.
    pub fn hash(&self) -> Result<PlanHash, PlanError> {
        Ok(PlanHash(hash_canonical("plan", self)?))
    }

    /// Checks the plan's shape and limits. Parameters are checked by the actuators.
    pub fn check_shape(&self) -> Result<(), PlanError> {
        self.checked_form().map(drop)
    }

    /// Checks as [`Plan::check_shape`] and returns the hash: the canonical form is made once.
    pub fn checked_hash(&self) -> Result<PlanHash, PlanError> {
        Ok(PlanHash(hash_form("plan", &self.checked_form()?)))
    }

    /// The canonical form of a plan within the limits.
    fn checked_form(&self) -> Result<Vec<u8>, PlanError> {
        if self.schema != Self::SCHEMA {
            return Err(PlanError::Schema(self.schema));
        }
        if self.steps.is_empty() || self.steps.len() > limits::PLAN_STEPS_MAX {
            return Err(PlanError::Steps(self.steps.len()));
        }
        if self.evidence.len() > limits::PLAN_EVIDENCE_MAX {
            return Err(PlanError::Evidence(self.evidence.len()));
        }
        if !is_normal_absolute(&self.root) {
            return Err(PlanError::Root(self.root.chars().take(200).collect()));
        }
        let purpose_chars = self.purpose.chars().count();
        if purpose_chars == 0 || purpose_chars > limits::TEXT_CHARS_MAX {
            return Err(PlanError::Purpose);
        }
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if self.nonce.len() != 32 || !self.nonce.bytes().all(hex) {
            return Err(PlanError::Nonce);
        }
        let form = canonical_json(self)?;
        if form.len() > limits::PLAN_BYTES_MAX {
            let (bytes, limit) = (form.len(), limits::PLAN_BYTES_MAX);
            return Err(CanonicalError::TooLarge { bytes, limit }.into());
        }
        Ok(form)
    }
}

/// Whether a path is absolute and has no `.`, `..`, empty parts, NUL or line breaks.
pub fn is_normal_absolute(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    let clean = !path.chars().any(|c| c == '\0' || c == '\n' || c == '\r');
    clean && (rest.is_empty() || rest.split('/').all(|part| !matches!(part, "" | "." | "..")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            schema: 1,
            host: HostId(Digest([7; 32])),
            root: "/".into(),
            case: None,
            author: Author::Agent,
            purpose: "upgrade rsync".into(),
            steps: vec![Step { actuator: "apt.upgrade".into(), params: Map::new() }],
            evidence: vec![],
            ring: None,
            created_ms: 1,
            nonce: "0".repeat(32),
        }
    }

    #[test]
    fn the_hash_changes_with_any_field() {
        let base = plan().hash().unwrap();
        let changes: [fn(&mut Plan); 6] = [
            |p| p.root = "/srv/root".into(),
            |p| p.purpose.push('!'),
            |p| p.created_ms += 1,
            |p| p.nonce = "1".repeat(32),
            |p| p.author = Author::Human,
            |p| p.steps[0].actuator.push('x'),
        ];
        for change in changes {
            let mut other = plan();
            change(&mut other);
            assert_ne!(other.hash().unwrap(), base);
        }
        assert_eq!(plan().hash().unwrap(), base);
    }

    #[test]
    fn shapes_out_of_bounds_are_refused() {
        assert!(plan().check_shape().is_ok());
        assert_eq!(plan().checked_hash().unwrap(), plan().hash().unwrap());
        let bad: [fn(&mut Plan); 7] = [
            |p| p.schema = 2,
            |p| p.steps.clear(),
            |p| p.root = "srv".into(),
            |p| p.root = "/srv/../etc".into(),
            |p| p.purpose.clear(),
            |p| p.nonce = "A".repeat(32),
            |p| p.steps = vec![p.steps[0].clone(); limits::PLAN_STEPS_MAX + 1],
        ];
        for spoil in bad {
            let mut other = plan();
            spoil(&mut other);
            assert!(other.check_shape().is_err(), "{other:?}");
            assert!(other.checked_hash().is_err(), "{other:?}");
        }
    }
}
