//! What is thought of facts. Readers know formats; only the policies know what is dangerous.
//!
//! | module | judges |
//! |---|---|
//! | [`symbols`] | what a pickle or configuration imports and calls |
//! | [`libraries`] | which callables real files of known libraries use |
//! | [`stdlib`] | where callables of Python's standard library lead |
//! | [`template`] | Jinja templates |
//! | [`text`] | free texts that hold commands or code |
//! | [`code`] | Python source |
//! | [`operator`] | operators and layers that do more than compute |
//! | [`rules`] | everything else, by its id |

pub mod code;
pub mod libraries;
pub mod operator;
pub mod rules;
pub mod stdlib;
pub mod symbols;
pub mod template;
pub mod text;

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use crate::fact::{Fact, Facts, Found, How, shorten};
use crate::finding::{Finding, Severity};
use crate::limits::FINDINGS_MAX;

/// What a policy says of one fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// The rule.
    pub rule: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What it means, in plain words.
    pub reason: String,
    /// What was seen.
    pub evidence: String,
    /// What to do next.
    pub next: &'static str,
}

impl Opinion {
    /// An opinion.
    pub fn new(
        rule: impl Into<String>,
        severity: Severity,
        reason: impl Into<String>,
        evidence: impl AsRef<str>,
        next: &'static str,
    ) -> Self {
        Self {
            rule: rule.into(),
            severity,
            reason: reason.into(),
            evidence: shorten(evidence.as_ref()),
            next,
        }
    }
}

/// What to do with a file that does harm.
pub const REFUSE: &str = "do not load it; quarantine it, and tell whoever published it";
/// What to do with a file that a person should look at.
pub const LOOK: &str = "have a person look at the evidence before it is loaded; prefer the same \
                        model as safetensors";
/// What to do with a file that could not be read.
pub const UNREAD: &str = "do not take this for a clean result; look at the file with other means";

/// Judges all facts of a file. What weighs most comes first.
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let called: BTreeSet<String> = facts
        .found()
        .iter()
        .filter_map(|found| match &found.fact {
            Fact::Called { symbol, .. } => Some(format!("{}\n{symbol}", found.member)),
            _ => None,
        })
        .collect();
    let mut seen = BTreeSet::new();
    let mut findings: Vec<Finding> = Vec::new();
    for found in facts.found() {
        if let Fact::Named(symbol) = &found.fact {
            // What is called is judged where it is called.
            if called.contains(&format!("{}\n{symbol}", found.member)) {
                continue;
            }
        }
        for opinion in opinions(found) {
            let key = (opinion.rule.clone(), found.member.clone(), opinion.evidence.clone());
            if seen.insert(key) {
                findings.push(finding(opinion, found));
            }
        }
    }
    findings.sort_by(|a, b| {
        b.severity.cmp(&a.severity).then(a.member.cmp(&b.member)).then(a.offset.cmp(&b.offset))
    });
    findings.truncate(FINDINGS_MAX);
    findings
}

fn opinions(found: &Found) -> Vec<Opinion> {
    match &found.fact {
        Fact::Named(symbol) => symbols::named(symbol).into_iter().collect(),
        Fact::Called { symbol, how, arguments } => {
            symbols::called(symbol, *how, arguments).into_iter().collect()
        }
        Fact::Template { key, text } => template::judge(key, text),
        Fact::Code { kind, text } => code::judge(*kind, text),
        Fact::Bytecode { kind, names } => code::judge_bytecode(kind, names),
        Fact::Operator { family, name, detail } => {
            operator::judge(family, name, detail).into_iter().collect()
        }
        Fact::Text { key, text } => text::judge(key, text).into_iter().collect(),
        Fact::Path { role, path } => rules::path(*role, path).into_iter().collect(),
        Fact::Setting { key, value } => rules::setting(key, value).into_iter().collect(),
        Fact::Program { kind } => vec![rules::program(kind, found)],
        Fact::Odd { id, detail } => rules::odd(id, detail).into_iter().collect(),
        Fact::Unread { why } => vec![Opinion::new(
            "read.incomplete",
            Severity::Unknown,
            format!("Not all of it could be read: {why}."),
            why,
            UNREAD,
        )],
    }
}

fn finding(opinion: Opinion, found: &Found) -> Finding {
    let mut state = Sha256::new();
    for part in [opinion.rule.as_str(), &found.member, &opinion.evidence] {
        state.update(part.as_bytes());
        state.update([0]);
    }
    let id = hex::encode(state.finalize().get(..8).unwrap_or_default());
    Finding {
        rule: opinion.rule,
        id,
        severity: opinion.severity,
        reason: opinion.reason,
        evidence: opinion.evidence,
        member: found.member.clone(),
        offset: found.offset,
        next: opinion.next.to_owned(),
    }
}

/// How a call is put in words.
pub(crate) const fn verb(how: How) -> &'static str {
    match how {
        How::Invoked => "calls",
        How::Made => "makes an object of",
        How::Filled => "sets the state of an object of",
        How::Chained => "calls what an earlier call gave back:",
    }
}
