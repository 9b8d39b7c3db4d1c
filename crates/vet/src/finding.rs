//! Findings, verdicts and reports.

use serde::{Deserialize, Serialize};

/// What is said of a file in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// These checks found nothing. Never "safe".
    NothingFound,
    /// Something could not be read or told.
    Unknown,
    /// A person should look before it is loaded.
    Suspicious,
    /// It does harm when it is loaded.
    Malicious,
}

impl Verdict {
    /// The word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NothingFound => "nothing_found",
            Self::Unknown => "unknown",
            Self::Suspicious => "suspicious",
            Self::Malicious => "malicious",
        }
    }

    /// Whether it is shown as a finding.
    pub const fn is_flagged(self) -> bool {
        matches!(self, Self::Suspicious | Self::Malicious)
    }
}

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; the verdict stays what it is.
    Note,
    /// It could not be read or told: the verdict is `unknown` unless something weighs more.
    Unknown,
    /// The verdict is `suspicious`.
    Medium,
    /// The verdict is `malicious`.
    High,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule, such as `pickle.call.process`: the same for the same thing, always.
    pub rule: String,
    /// The rule, place and evidence in 16 hexadecimal digits, for baselines.
    pub id: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What it means, in plain words.
    pub reason: String,
    /// What was seen.
    pub evidence: String,
    /// In which member of the file, empty for the file itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub member: String,
    /// At which offset of that member, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// What to do next.
    pub next: String,
}

/// What is reported of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The path, as it was given.
    pub path: String,
    /// The SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Its size, bytes.
    pub size: u64,
    /// The format, as the name of its reader.
    pub format: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why; what weighs most first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The verdict that findings give.
    pub fn verdict_of(findings: &[Finding]) -> Verdict {
        match findings.iter().map(|finding| finding.severity).max() {
            None | Some(Severity::Note) => Verdict::NothingFound,
            Some(Severity::Unknown) => Verdict::Unknown,
            Some(Severity::Medium) => Verdict::Suspicious,
            Some(Severity::High) => Verdict::Malicious,
        }
    }

    /// Leaves out the findings that a person accepted earlier, and judges what is left.
    #[must_use]
    pub fn without(mut self, accepted: &dyn Fn(&str) -> bool) -> Self {
        self.findings.retain(|finding| !accepted(&finding.id));
        self.verdict = Self::verdict_of(&self.findings);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_finding_gives_the_verdict() {
        let finding = |severity| Finding {
            rule: "r".into(),
            id: format!("{severity:?}"),
            severity,
            reason: String::new(),
            evidence: String::new(),
            member: String::new(),
            offset: None,
            next: String::new(),
        };
        assert_eq!(Report::verdict_of(&[]), Verdict::NothingFound);
        assert_eq!(Report::verdict_of(&[finding(Severity::Note)]), Verdict::NothingFound);
        let both = [finding(Severity::Unknown), finding(Severity::High)];
        assert_eq!(Report::verdict_of(&both), Verdict::Malicious);
        let report = Report {
            path: String::new(),
            sha256: String::new(),
            size: 0,
            format: String::new(),
            verdict: Verdict::Malicious,
            findings: both.to_vec(),
        };
        assert_eq!(report.without(&|id| id == "High").verdict, Verdict::Unknown);
    }
}
