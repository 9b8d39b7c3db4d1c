//! Which of a plan's evidence this host has seen for itself.
//!
//! A plan refers to evidence by kind, origin and digest. What counts is what the executor can
//! compute again: an update step is accepted only if the installed version is the one in dpkg's
//! database and the candidate is in the signed metadata of the root, and then exactly these two
//! pieces of evidence are confirmed. Everything else that a plan brings along counts for nothing.

use std::collections::BTreeSet;

use patch::plan::evidence_of;
use spine::{EvidenceRef, Plan, StepEffect};

/// The evidence that the effects, computed on this host, confirm.
pub fn confirmed(plan: &Plan, effects: &[StepEffect]) -> BTreeSet<EvidenceRef> {
    let mut confirmed = BTreeSet::new();
    for (step, effect) in plan.steps.iter().zip(effects) {
        if step.actuator == "apt.upgrade" && effect.tainted.is_empty() {
            confirmed.extend(evidence_of(&step.params));
        }
    }
    confirmed
}
