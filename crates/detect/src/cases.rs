//! Cases: open ones grow, ended ones wait for a verdict.

use learn::hash::HashedMap;

use crate::behaviour::host::Held;
use crate::case::{DetectedCase, Evidence, Span, Verdict, Withheld};
use crate::limits::{CASES_MAX, HELD_PER_CASE_MAX, WITHHELD_MAX};
use crate::tokens::Entity;
use crate::window::WINDOW_MS;

/// An episode of another host joins a case at the same time if it is as rare as this by itself.
pub const JOIN_P_MAX: f64 = 1e-3;
/// Or as rare as this, if it shares a user, an address or a file with it.
pub const JOIN_SHARED_P_MAX: f64 = 1e-2;
/// Hours between two episodes of one case.
const JOIN_HOURS_MAX: i64 = 1;
/// Hours that a case takes episodes in, from its first on: what goes on longer is told anew.
const CASE_HOURS_MAX: i64 = 24;
/// Hours between two episodes of one cause: an update, or an administrator's round, comes to one
/// machine after the other, and so does a worm.
const CAUSE_HOURS_MAX: i64 = 24;
/// The share of an episode's surprise that a case holds where both have one cause.
const CAUSE_SHARE_MIN: f64 = 0.5;
/// Entities of a case that others are compared with.
const SHARED_ENTITIES_MAX: usize = 64;

/// A case and what it keeps back.
#[derive(Clone, Debug)]
pub struct Record {
    /// The case as it is told.
    pub case: DetectedCase,
    /// First and last hour.
    pub hours: (i64, i64),
    /// The largest surprise of each token over all hosts.
    tokens: HashedMap<u64, f32>,
    /// Whom it can be joined by.
    shared: Vec<Entity>,
    /// What it keeps from being learned: the host's number and the hour.
    pub held: Vec<(usize, Held)>,
    /// Scores of its episodes, kept from calibration.
    pub scores: Vec<(String, f64)>,
    changed: bool,
}

/// An episode that looks for a case.
pub struct Candidate<'a> {
    /// Its hours.
    pub hours: (i64, i64),
    /// Its p-value.
    pub p_value: f64,
    /// Its new evidence.
    pub found: &'a [Evidence],
    /// Its tokens.
    pub tokens: &'a HashedMap<u64, f32>,
}

/// What an episode brings into a case.
pub struct Growth<'a> {
    /// The host's name.
    pub host: &'a str,
    /// Its hours.
    pub hours: (i64, i64),
    /// Its tokens.
    pub tokens: &'a HashedMap<u64, f32>,
    /// Its new evidence.
    pub found: Vec<Evidence>,
    /// Its p-value.
    pub p_value: f64,
}

impl Record {
    /// Whether nothing of it may be learned: it is open, and more than merely rare.
    pub fn is_in_quarantine(&self) -> bool {
        self.case.withheld != Some(Withheld::NotRareEnough)
            && matches!(self.case.verdict, None | Some(Verdict::True))
    }

    /// Takes an episode in. Nothing that is taken in lowers the score.
    pub fn grow(&mut self, growth: Growth<'_>) {
        let before = self.tokens.len();
        for (token, bits) in growth.tokens {
            let known = self.tokens.entry(*token).or_default();
            self.case.score += f64::from((*bits - *known).max(0.0));
            *known = known.max(*bits);
        }
        self.hours = (self.hours.0.min(growth.hours.0), self.hours.1.max(growth.hours.1));
        self.changed |= self.tokens.len() > before || !growth.found.is_empty();
        self.case.p_value = self.case.p_value.min(growth.p_value);
        self.extend_span(growth.host, growth.hours);
        for entity in growth.found.iter().flat_map(|evidence| &evidence.entities) {
            if self.shared.len() < SHARED_ENTITIES_MAX && !self.shared.contains(entity) {
                self.shared.push(entity.clone());
            }
        }
        for found in growth.found {
            // The same on the same host again is no more evidence, in whatever hour.
            let is_same = |known: &&mut Evidence| {
                (known.kind, &known.host, &known.text) == (found.kind, &found.host, &found.text)
            };
            match self.case.events.iter_mut().find(is_same) {
                Some(known) => known.bits = known.bits.max(found.bits),
                None => self.case.events.push(found),
            }
        }
        self.case.retell();
    }

    fn extend_span(&mut self, host: &str, hours: (i64, i64)) {
        let (from_ms, to_ms) = (hours.0 * WINDOW_MS, (hours.1 + 1) * WINDOW_MS);
        let touches =
            |span: &&mut Span| span.host == host && span.to_ms >= from_ms && span.from_ms <= to_ms;
        if let Some(span) = self.case.spans.iter_mut().find(touches) {
            span.from_ms = span.from_ms.min(from_ms);
            span.to_ms = span.to_ms.max(to_ms);
        } else {
            self.case.spans.push(Span { host: host.to_owned(), from_ms, to_ms });
        }
    }

    /// Whether an episode may join.
    fn may_be_joined(&self, episode: &Candidate<'_>) -> bool {
        let Candidate { hours, p_value, found, tokens } = episode;
        let within = |gap: i64| hours.0 <= self.hours.1 + gap && hours.1 + gap >= self.hours.0;
        let shares = || {
            let mut entities = found.iter().flat_map(|evidence| &evidence.entities);
            entities.any(|entity| self.shared.contains(entity))
        };
        if hours.1 - self.hours.0 > CASE_HOURS_MAX || self.hours.1 - hours.0 > CASE_HOURS_MAX {
            return false;
        }
        let is_near = within(JOIN_HOURS_MAX)
            && (*p_value <= JOIN_P_MAX || (*p_value <= JOIN_SHARED_P_MAX && shares()));
        is_near || (within(CAUSE_HOURS_MAX) && *p_value <= JOIN_P_MAX && self.is_cause_of(tokens))
    }

    /// Whether most of what surprises in an episode is in the case already.
    fn is_cause_of(&self, tokens: &HashedMap<u64, f32>) -> bool {
        let of = |held: bool| -> f64 {
            let kept = tokens.iter().filter(|(token, _)| !held || self.tokens.contains_key(*token));
            kept.map(|(_, bits)| f64::from(*bits)).sum()
        };
        of(true) >= CAUSE_SHARE_MIN * of(false)
    }

    fn covers(&self, host: &str, hour: i64) -> bool {
        let at = hour * WINDOW_MS;
        self.case
            .spans
            .iter()
            .any(|span| span.host == host && (span.from_ms..span.to_ms).contains(&at))
    }

    /// Keeps an hour from being learned.
    pub fn hold(&mut self, host: usize, held: Held) {
        if self.held.len() < HELD_PER_CASE_MAX {
            self.held.push((host, held));
        }
    }
}

/// All cases of a tenant, oldest first.
#[derive(Clone, Debug, Default)]
pub struct CaseBook {
    records: Vec<Record>,
}

impl CaseBook {
    /// Opens a case.
    pub fn open(&mut self, case: DetectedCase, hours: (i64, i64)) {
        self.make_room();
        let (tokens, shared) = (HashedMap::default(), Vec::new());
        let (held, scores) = (Vec::new(), Vec::new());
        self.records.push(Record { case, hours, tokens, shared, held, scores, changed: true });
    }

    /// Forgets the oldest of whatever there are too many.
    fn make_room(&mut self) {
        let withheld = self.records.iter().filter(|r| r.case.withheld.is_some()).count();
        let shown = self.records.len() - withheld;
        for (is_withheld, over) in [(true, withheld >= WITHHELD_MAX), (false, shown >= CASES_MAX)] {
            let oldest = |record: &Record| record.case.withheld.is_some() == is_withheld;
            if over && let Some(at) = self.records.iter().position(oldest) {
                self.records.remove(at);
            }
        }
    }

    /// A case by its id.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Record> {
        self.records.iter_mut().rev().find(|record| record.case.id == id)
    }

    /// The case that an episode belongs to, if any.
    pub fn joinable(&self, episode: &Candidate<'_>) -> Option<&Record> {
        let open = self.records.iter().rev().take(64).filter(|record| record.is_in_quarantine());
        let mut open = open.filter(|record| record.case.verdict.is_none());
        open.find(|record| record.may_be_joined(episode))
    }

    /// The case that keeps an hour of a host from being learned.
    pub fn holding(&mut self, host: &str, hour: i64) -> Option<&mut Record> {
        let mut open = self.records.iter_mut().rev().filter(|record| record.is_in_quarantine());
        open.find(|record| record.covers(host, hour))
    }

    /// Shown cases that are new or have grown since the last call.
    pub fn take_changed(&mut self) -> Vec<DetectedCase> {
        let changed = self.records.iter_mut().filter(|r| r.changed && r.case.withheld.is_none());
        changed
            .map(|record| {
                record.changed = false;
                record.case.clone()
            })
            .collect()
    }

    /// Cases that were not shown.
    pub fn withheld(&self) -> impl Iterator<Item = &DetectedCase> {
        self.records.iter().map(|record| &record.case).filter(|case| case.withheld.is_some())
    }
}
