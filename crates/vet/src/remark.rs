//! What the checks of data, weights and dependencies say: one remark a fact, with its evidence and
//! what to do next; and how remarks become the findings of a report.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::finding::{Finding, Report, Severity};

/// How much a remark weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Worth knowing.
    Note,
    /// An opening that an attack would use, as most projects have some; nothing speaks of an
    /// attack.
    Weakness,
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

impl Weight {
    /// How much a finding of this weight weighs. `strict`: openings count as findings too.
    pub const fn severity(self, strict: bool) -> Severity {
        match self {
            Self::Weakness if strict => Severity::Medium,
            Self::Note | Self::Weakness => Severity::Note,
            Self::Unknown => Severity::Unknown,
            Self::Suspicious => Severity::Medium,
            Self::Malicious => Severity::High,
        }
    }
}

/// The id of a finding: rule, member and evidence in 16 hexadecimal digits. Where it stands is left
/// out, so that a line that moves keeps what a person accepted.
pub(crate) fn id(rule: &str, member: &str, evidence: &str) -> String {
    let mut state = Sha256::new();
    for part in [rule, member, evidence] {
        state.update(part.as_bytes());
        state.update([0]);
    }
    hex::encode(state.finalize().get(..8).unwrap_or_default())
}

/// Remarks as findings; `unit` is what their places count: `line`, `row`, `cell`. What says the
/// same of the same evidence is said once.
pub fn findings(remarks: Vec<Remark>, unit: &str, strict: bool) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let finding = |remark: Remark| {
        let id = id(remark.rule, "", &remark.evidence);
        seen.insert(id.clone()).then(|| Finding {
            rule: remark.rule.to_owned(),
            id,
            severity: remark.weight.severity(strict),
            reason: sentence(&remark.reason),
            evidence: remark.evidence,
            member: if remark.at > 0 { format!("{unit} {}", remark.at) } else { String::new() },
            offset: None,
            next: remark.next.to_owned(),
        })
    };
    remarks.into_iter().filter_map(finding).collect()
}

/// The same with a capital letter and a full stop.
fn sentence(reason: &str) -> String {
    let mut chars = reason.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let stop = if reason.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

impl Report {
    /// Adds findings that were not found inside the file itself, and judges anew. What weighs most
    /// stands first.
    pub fn join(&mut self, more: Vec<Finding>) {
        self.findings.extend(more);
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        self.verdict = Self::verdict_of(&self.findings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Verdict;

    fn remark(weight: Weight, at: usize) -> Remark {
        Remark::new("deps.x", weight, at, "it does this", "seen", "do that")
    }

    #[test]
    fn an_opening_is_a_note_unless_one_is_strict() {
        let found = |strict| findings(vec![remark(Weight::Weakness, 3)], "line", strict);
        assert_eq!(found(false)[0].severity, Severity::Note);
        assert_eq!(found(true)[0].severity, Severity::Medium);
        assert_eq!(found(true)[0].member, "line 3");
        assert_eq!(found(true)[0].reason, "It does this.");
    }

    #[test]
    fn an_id_survives_a_line_that_moves_and_the_same_is_said_once() {
        let both = vec![remark(Weight::Note, 3), remark(Weight::Note, 9)];
        let found = findings(both, "line", false);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].id, findings(vec![remark(Weight::Note, 4)], "line", false)[0].id);
    }

    #[test]
    fn what_is_joined_can_only_raise_the_verdict() {
        let mut report = crate::vet("x", &b"plain words".to_vec());
        assert_eq!(report.verdict, Verdict::NothingFound);
        report.join(findings(vec![remark(Weight::Note, 0)], "line", false));
        assert_eq!(report.verdict, Verdict::NothingFound);
        report.join(findings(vec![remark(Weight::Malicious, 0)], "line", false));
        assert_eq!(report.verdict, Verdict::Malicious);
        report.join(Vec::new());
        assert_eq!(report.verdict, Verdict::Malicious);
    }
}
