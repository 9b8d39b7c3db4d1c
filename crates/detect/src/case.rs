//! A case as it is told: score, chance, techniques, entities, evidence, timeline, explanation.

use serde::Serialize;

use crate::tokens::{Entity, TokenKind};

/// One piece of evidence: a token, why it is one, and an event that showed it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// When it was first seen, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// The host that showed it.
    pub host: String,
    /// The log source.
    pub source: String,
    /// The OCSF class of the event.
    pub class_uid: u32,
    /// What kind of token it is.
    pub kind: TokenKind,
    /// The token.
    pub text: String,
    /// How surprising it is, in bits.
    pub bits: f32,
    /// The same in counts, for people.
    pub counts: String,
    /// ATT&CK techniques that a rule names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<String>,
    /// Who and what takes part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<Entity>,
    /// The source's own fields, as JSON, cut at 2 KiB.
    pub raw: String,
}

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// When, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// On which host.
    pub host: String,
    /// What.
    pub text: String,
}

/// A stretch of hours of one host that belongs to a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The host.
    pub host: String,
    /// The first millisecond.
    pub from_ms: i64,
    /// The millisecond after the last.
    pub to_ms: i64,
}

/// Why a case was not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// The day's cap was reached.
    Cap,
    /// The gate of false discoveries was shut.
    FalseDiscoveries,
    /// It is rare, and not rare enough for what was promised.
    NotRareEnough,
}

/// What a person said of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was an attack, or would have been.
    True,
    /// It was nothing.
    False,
    /// It was meant to be, and will come again.
    Expected,
}

/// The few things that a person should look at together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DetectedCase {
    /// The same for the same host and hour, on every run: 16 hexadecimal digits.
    pub id: String,
    /// The tenant.
    pub tenant: String,
    /// Surprise over distinct kinds of evidence, in bits. Volume is not in it.
    pub score: f64,
    /// How often an ordinary host-hour scores as high.
    pub p_value: f64,
    /// First and last evidence, milliseconds since the Unix epoch.
    pub first_ms: i64,
    /// See `first_ms`.
    pub last_ms: i64,
    /// ATT&CK techniques that rules name, each once.
    pub techniques: Vec<String>,
    /// Hosts, users, addresses and files, the most frequent first.
    pub entities: Vec<Entity>,
    /// The evidence: rare acts and matches of rules first, then the most surprising.
    pub events: Vec<Evidence>,
    /// The same in the order of time.
    pub timeline: Vec<Moment>,
    /// Sentences made of counts.
    pub explanation: Vec<String>,
    /// The hours it covers.
    pub spans: Vec<Span>,
    /// Why it is not shown, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
    /// What a person said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// Bits from which on an act or a match is told before what is merely new.
const KNOWN_BITS_MIN: f32 = 8.0;
/// How many sentences tell of single pieces of evidence.
const SENTENCES_MAX: usize = 8;

/// Puts the most telling evidence first, and keeps so much of it. What an attacker has to do, and
/// what rules know, says more than that much is new.
pub(crate) fn keep_most_telling(events: &mut Vec<Evidence>, max: usize) {
    let is_known = |event: &Evidence| {
        event.bits >= KNOWN_BITS_MIN && matches!(event.kind, TokenKind::Act | TokenKind::Rule)
    };
    events.sort_by(|a, b| {
        let by_kind = is_known(b).cmp(&is_known(a));
        by_kind.then(b.bits.total_cmp(&a.bits)).then(a.time_ms.cmp(&b.time_ms))
    });
    events.truncate(max);
}

impl DetectedCase {
    /// Makes everything that is told from the evidence.
    pub(crate) fn retell(&mut self) {
        keep_most_telling(&mut self.events, crate::limits::EVIDENCE_PER_CASE_MAX);
        let times = self.events.iter().map(|event| event.time_ms);
        self.first_ms = times.clone().min().unwrap_or(self.first_ms);
        self.last_ms = times.max().unwrap_or(self.last_ms);
        self.timeline = self.events.iter().map(Moment::of).collect();
        self.timeline.sort_by(|a, b| (a.time_ms, &a.text).cmp(&(b.time_ms, &b.text)));
        self.techniques = self.events.iter().flat_map(|e| e.techniques.clone()).collect();
        self.techniques.sort_unstable();
        self.techniques.dedup();
        self.entities = self.ranked_entities();
        self.explanation = self.sentences();
    }

    fn ranked_entities(&self) -> Vec<Entity> {
        let hosts = self.spans.iter().map(|span| Entity { kind: "host", name: span.host.clone() });
        let others = self.events.iter().flat_map(|event| event.entities.iter().cloned());
        let mut counted: Vec<(Entity, usize)> = Vec::new();
        for entity in hosts.chain(others) {
            match counted.iter_mut().find(|(known, _)| *known == entity) {
                Some((_, count)) => *count += 1,
                None => counted.push((entity, 1)),
            }
        }
        // Hosts stay in front: the sort is stable.
        counted.sort_by_key(|(entity, count)| (entity.kind != "host", std::cmp::Reverse(*count)));
        counted.into_iter().map(|(entity, _)| entity).take(32).collect()
    }

    fn sentences(&self) -> Vec<String> {
        let mut hosts: Vec<&str> = self.spans.iter().map(|span| span.host.as_str()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let things = self.events.len();
        let mut told = vec![format!(
            "{things} {} new or rare on {}; each counts once, however often it came.",
            if things == 1 { "thing was" } else { "things were" },
            if let [host] = hosts.as_slice() {
                (*host).to_owned()
            } else {
                format!("{} hosts", hosts.len())
            },
        )];
        told.push(format!("An ordinary host-hour looks like this {}.", one_in(self.p_value)));
        let each = self.events.iter().take(SENTENCES_MAX);
        told.extend(
            each.map(|e| format!("{}: {} \"{}\": {}", e.host, e.kind.noun(), e.text, e.counts)),
        );
        if things > SENTENCES_MAX {
            told.push(format!("And {} more.", things - SENTENCES_MAX));
        }
        told
    }
}

impl Moment {
    fn of(event: &Evidence) -> Self {
        let text = format!("{}: {}", event.kind.noun(), event.text);
        Self { time_ms: event.time_ms, host: event.host.clone(), text }
    }
}

/// A chance in words.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count for people")]
fn one_in(p: f64) -> String {
    if p > 0.5 {
        return "most of the time".into();
    }
    let times = (1.0 / p.max(1e-9)).round() as u64;
    // Two leading digits: more would pretend to know.
    let magnitude = 10_u64.pow(times.max(1).ilog10().saturating_sub(1));
    format!("once in {}", times / magnitude * magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chance_is_told_with_two_digits() {
        assert_eq!(one_in(1.4e-5), "once in 71000");
        assert_eq!(one_in(0.2), "once in 5");
        assert_eq!(one_in(1.0), "most of the time");
    }
}
