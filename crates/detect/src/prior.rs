//! What is normal elsewhere: the prior that ships with the product.
//!
//! A site that is new has no baseline. Until it has, it borrows from a prior: in how many
//! host-hours of public recordings each token was there, how often something new of a kind comes,
//! and what scores ordinary host-hours got. It is a small JSON file that people can read; who loads
//! it has checked its signature or its hash. It holds nothing of any other site.

use std::collections::{BTreeMap, BTreeSet};

use learn::hash::{HashedMap, SiteKey};
use serde::{Deserialize, Serialize};

use crate::limits::{PRIOR_SCORES_MAX, PRIOR_TOKENS_MAX};
use crate::tokens::{Reading, Token, TokenKind, act};
use crate::{Observed, window};

/// See [`Prior::shipped`]; `models/office.md` tells how it was made.
const SHIPPED: &[u8] = include_bytes!("../models/office.json");
/// The version of the format.
const FORMAT: u32 = 1;
/// The chance of an unknown token of a kind that the prior says nothing of.
const CHANCE_UNKNOWN: f64 = 1.0 / 512.0;
/// Host-hours that a prior counts as, at least, where it is asked for acts it does not know: one
/// that has seen little must not call what it has not seen rare.
const HOURS_UNKNOWN: f64 = 512.0;
/// Host-hours that it counts as, at most, where it is asked for them. Real offices do what nobody
/// thought of when the simulated ones were written, so one act that those lack is never a case; two
/// at different moments are.
const HOURS_BELIEVED: f64 = 2_048.0;
/// How often a window holds something new of a kind that the prior says nothing of.
const NOVELTY_UNKNOWN: f64 = 0.05;

/// Why a prior cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PriorError {
    /// It is not JSON of this shape.
    #[error("the prior cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of a version that is not known here.
    #[error("the prior is of format {0}, known is 1")]
    Format(u32),
    /// It is larger than a prior may be.
    #[error("the prior holds more than {PRIOR_TOKENS_MAX} tokens or {PRIOR_SCORES_MAX} scores")]
    Large,
}

/// What one kind of token does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    /// Host-hours in which a token of the kind was seen at all.
    windows: u64,
    /// Of those, the ones in which one was new to its host.
    novel: u64,
    /// Host-hours by token.
    tokens: BTreeMap<String, u32>,
}

/// A prior.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    format: u32,
    /// What it was made of: one line a recording, with its licence.
    origin: Vec<String>,
    /// By [`TokenKind`] as a number.
    kinds: BTreeMap<u8, Kind>,
    /// Host-hours in all, of any kind.
    #[serde(default)]
    hours: u64,
    /// Host-hours with an act that was new to its host and that no other recording holds, by
    /// family: how often an office does what the others never did.
    #[serde(default)]
    unheard: BTreeMap<String, u64>,
    /// Scores of ordinary host-hours.
    scores: Vec<f32>,
}

impl Prior {
    /// The prior that ships: ordinary work of simulated offices, and no recording of anybody.
    pub fn shipped() -> Self {
        // A test reads it; should it ever not be one, a site begins without.
        Self::from_json(SHIPPED).unwrap_or_default()
    }

    /// Reads a prior.
    pub fn from_json(bytes: &[u8]) -> Result<Self, PriorError> {
        let prior: Self = serde_json::from_slice(bytes)?;
        if prior.format != FORMAT {
            return Err(PriorError::Format(prior.format));
        }
        let tokens: usize = prior.kinds.values().map(|kind| kind.tokens.len()).sum();
        if tokens > PRIOR_TOKENS_MAX || prior.scores.len() > PRIOR_SCORES_MAX {
            return Err(PriorError::Large);
        }
        Ok(prior)
    }

    /// Writes it.
    pub fn to_json(&self) -> Result<Vec<u8>, PriorError> {
        Ok(serde_json::to_vec_pretty(self)?)
    }

    /// What it was made of.
    pub fn origin(&self) -> &[String] {
        &self.origin
    }

    /// Scores of ordinary host-hours.
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// The same prior with other scores; those are made by running an engine with it.
    #[must_use]
    pub fn with_scores(mut self, mut scores: Vec<f32>) -> Self {
        // The highest matter and are few; of the rest every so many stands for its neighbours.
        scores.sort_by(f32::total_cmp);
        let step = scores.len().div_ceil(PRIOR_SCORES_MAX).max(1);
        self.scores = scores.into_iter().step_by(step).collect();
        self
    }
}

/// A prior under a site's key.
#[derive(Clone, Debug, Default)]
pub struct PriorIndex {
    chances: HashedMap<u64, f32>,
    unseen: BTreeMap<u8, f64>,
    novelty: BTreeMap<u8, f64>,
    unheard_acts: [f64; act::FAMILY_COUNT],
}

impl PriorIndex {
    /// Looks every token up once.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "chances of host-hours need no more"
    )]
    pub fn of(prior: &Prior, key: SiteKey) -> Self {
        let mut index = Self::default();
        for (kind, known) in &prior.kinds {
            // Few hours hold any match of a rule, so of rules, and of acts, all hours count.
            let of_all = [TokenKind::Rule as u8, TokenKind::Act as u8].contains(kind);
            let windows = if of_all { prior.hours } else { known.windows } as f64 + 1.0;
            for (text, count) in &known.tokens {
                let chance = (f64::from(*count) + 0.5) / windows;
                index.chances.insert(key.number(*kind, text), chance.min(1.0) as f32);
            }
            index.unseen.insert(*kind, 0.5 / windows);
            index.novelty.insert(*kind, (known.novel as f64 + 0.5) / windows);
        }
        let hours = (prior.hours as f64).clamp(HOURS_UNKNOWN, HOURS_BELIEVED);
        index.unheard_acts = [0.5 / hours; act::FAMILY_COUNT];
        for (family, count) in &prior.unheard {
            if let Some(chance) = index.unheard_acts.get_mut(act::family(family)) {
                *chance = chance.max((*count as f64 + 0.5) / (prior.hours as f64 + 1.0));
            }
        }
        index
    }

    /// The chance that a host-hour holds an act of a family that nobody has heard of.
    pub fn unheard_act(&self, family: usize) -> f64 {
        self.unheard_acts.get(family).copied().unwrap_or(0.5 / HOURS_UNKNOWN)
    }

    /// The chance that a host-hour holds a token.
    pub fn chance(&self, kind: TokenKind, number: u64) -> f64 {
        let unseen = || self.unseen.get(&(kind as u8)).copied().unwrap_or(CHANCE_UNKNOWN);
        self.chances.get(&number).map_or_else(unseen, |chance| f64::from(*chance))
    }

    /// The chance that a host-hour holds a token, if the prior knows it.
    pub fn known_chance(&self, number: u64) -> Option<f64> {
        self.chances.get(&number).map(|chance| f64::from(*chance))
    }

    /// The chance that a host-hour holds something new of a kind.
    pub fn novelty(&self, kind: TokenKind) -> f64 {
        self.novelty.get(&(kind as u8)).copied().unwrap_or(NOVELTY_UNKNOWN)
    }
}

/// Makes a prior of recordings.
#[derive(Debug, Default)]
pub struct PriorBuilder {
    kinds: BTreeMap<u8, Kind>,
    hours: u64,
    /// What each host has shown, by recording and host.
    hosts: BTreeMap<(String, String), BTreeSet<Token>>,
    /// The window that is on, by recording and host: its hour and its tokens.
    open: BTreeMap<(String, String), (i64, BTreeSet<Token>)>,
    /// Acts that were new to their host.
    firsts: Vec<First>,
}

/// An act that a host shows for the first time.
#[derive(Debug)]
struct First {
    recording: String,
    /// The number of the host-hour.
    hour: u64,
    act: String,
}

impl PriorBuilder {
    /// Adds one event of a recording; events of one host come in the order of time.
    pub fn add(&mut self, recording: &str, event: &Observed<'_>) {
        self.add_tokens(recording, event.host, event.time_ms, Reading::of(event).tokens);
    }

    /// The same of an event that was read already, or of a rule's match.
    pub fn add_tokens(
        &mut self,
        recording: &str,
        host: &str,
        time_ms: i64,
        tokens: impl IntoIterator<Item = Token>,
    ) {
        let host = (recording.to_owned(), host.to_owned());
        let hour = window::hour_of(time_ms);
        let open = self.open.entry(host.clone()).or_insert((hour, BTreeSet::new()));
        if open.0 != hour {
            let (_, ended) = std::mem::replace(open, (hour, BTreeSet::new()));
            self.close(&host, ended);
        }
        if let Some((_, open)) = self.open.get_mut(&host) {
            open.extend(tokens);
        }
    }

    fn close(&mut self, host: &(String, String), tokens: BTreeSet<Token>) {
        self.hours += 1;
        let known = self.hosts.entry(host.clone()).or_default();
        let mut seen = BTreeMap::new();
        for token in tokens {
            let is_new = known.insert(token.clone());
            *seen.entry(token.kind as u8).or_insert(false) |= is_new;
            if is_new && token.kind == TokenKind::Act {
                let (recording, act) = (host.0.clone(), token.text.clone());
                self.firsts.push(First { recording, hour: self.hours, act });
            }
            // Who was where is nobody else's business.
            if token.kind != TokenKind::User {
                let kind = self.kinds.entry(token.kind as u8).or_default();
                *kind.tokens.entry(token.text).or_default() += 1;
            }
        }
        for (kind, novel) in seen {
            let kind = self.kinds.entry(kind).or_default();
            kind.windows += 1;
            kind.novel += u64::from(novel);
        }
    }

    /// Host-hours with an act that was new to its host and that no other recording holds.
    fn unheard(&self) -> BTreeMap<String, u64> {
        let mut holders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for first in &self.firsts {
            holders.entry(&first.act).or_default().insert(&first.recording);
        }
        let alone = |first: &&First| holders.get(&*first.act).is_some_and(|of| of.len() == 1);
        let family = |first: &First| first.act.split(':').next().unwrap_or_default().to_owned();
        let hours: BTreeSet<(String, u64)> =
            self.firsts.iter().filter(alone).map(|first| (family(first), first.hour)).collect();
        let mut counts = BTreeMap::new();
        for (family, _) in hours {
            *counts.entry(family).or_default() += 1;
        }
        counts
    }

    /// The prior, without scores yet.
    pub fn finish(mut self, origin: Vec<String>) -> Prior {
        for (host, (_, tokens)) in std::mem::take(&mut self.open) {
            self.close(&host, tokens);
        }
        let unheard = self.unheard();
        let Self { kinds, hours, .. } = self;
        Prior { format: FORMAT, origin, kinds, hours, unheard, scores: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    fn built() -> Prior {
        let mut builder = PriorBuilder::default();
        let raw = Map::new();
        for hour in 0..10 {
            let title = if hour == 9 { "rare" } else { "daily" };
            let ocsf =
                json!({"finding_info": {"title": title}, "actor": {"user": {"name": "ann"}}});
            let event = Observed {
                time_ms: hour * 3_600_000,
                host: "a",
                source: "x",
                class_uid: 2_004,
                ocsf: ocsf.as_object().unwrap(),
                raw: &raw,
            };
            builder.add("made up", &event);
            builder.add("made up", &event);
        }
        builder.finish(vec!["made up".into()])
    }

    #[test]
    fn a_prior_counts_hours_and_novelties_and_holds_no_people() {
        let prior = built();
        let key = SiteKey::new([7; 16]);
        let index = PriorIndex::of(&prior, key);
        let chance = |text: &str| {
            index.chance(TokenKind::Alert, Token::new(TokenKind::Alert, text).number(key))
        };
        assert!(chance("daily") > 0.8 && chance("rare") < 0.2 && chance("never") < 0.05);
        assert!((index.novelty(TokenKind::Alert) - 2.5 / 11.0).abs() < 1e-9);
        assert!((index.chance(TokenKind::Flow, 1) - CHANCE_UNKNOWN).abs() < 1e-9);
        assert!(!String::from_utf8(prior.to_json().unwrap()).unwrap().contains("ann"));
    }

    #[test]
    fn a_prior_is_read_back_and_others_are_refused() {
        let prior = built().with_scores(vec![3.0, 1.0, 2.0]);
        assert_eq!(prior.scores(), [1.0, 2.0, 3.0]);
        assert_eq!(Prior::from_json(&prior.to_json().unwrap()).unwrap(), prior);
        let error = |text: &str| Prior::from_json(text.as_bytes()).unwrap_err().to_string();
        assert!(error("{}").starts_with("the prior cannot be read"));
        let newer = r#"{"format":2,"origin":[],"kinds":{},"scores":[]}"#;
        assert_eq!(error(newer), "the prior is of format 2, known is 1");
    }
}
