//! The engine: events in, few cases out.
//!
//! ```text
//! event ─▶ tokens ─▶ judged against host, fleet, prior ─▶ this host's hour
//!                                                             │ hours that follow each other
//!          rule match, odd session, burst, steady call ──────▶│
//!                                                             ▼
//!   learned after quarantine ◀── no case ◀── p-value ◀── episode: surprise over distinct tokens
//!                                               │
//!                                               ▼ rarer than promised, within the day's cap
//!                                        case, joined by episodes of other hosts at that time
//! ```
//!
//! Whatever comes, a log line, another tool's alert or a rule match, goes this one way. Time is the
//! events' own; [`Engine::advance`] tells the engine what time it is, so that hours end also when
//! nothing comes.

use std::collections::{BTreeMap, HashMap};

use learn::conformal::Rolling;
use learn::sketch::FleetSketch;
use learn::witness::Source;

use crate::behaviour::host::{Held, Host};
use crate::behaviour::judge::{Judge, Judgement, counts};
use crate::behaviour::lexicon::Lexicon;
use crate::behaviour::sequences::Sequences;
use crate::budget::{Budget, BudgetReport};
use crate::case::{DetectedCase, Evidence, Verdict};
use crate::cases::CaseBook;
pub use crate::config::{EngineConfig, Layers, RuleLevel, RuleMatch, UnknownCase};
use crate::known::KnownRates;
use crate::limits::{AHEAD_MS_MAX, HOSTS_MAX, RAW_BYTES_MAX};
use crate::observed::Observed;
use crate::prior::{Prior, PriorIndex};
use crate::tokens::{Reading, Token, TokenKind, act};
use crate::window::{WINDOW_MS, hour_of};

/// A token that was judged.
struct Noted<'a> {
    token: &'a Token,
    number: u64,
    judgement: Judgement,
    techniques: &'a [String],
}

/// The engine of one tenant.
#[derive(Debug)]
pub struct Engine {
    pub(crate) config: EngineConfig,
    pub(crate) prior: PriorIndex,
    pub(crate) borrowed: Vec<f32>,
    pub(crate) fleet: FleetSketch,
    pub(crate) novel: [u32; TokenKind::COUNT],
    pub(crate) known: KnownRates,
    pub(crate) hosts: Vec<Host>,
    pub(crate) names: HashMap<String, usize>,
    pub(crate) sequences: Sequences,
    pub(crate) calibration: BTreeMap<String, Rolling>,
    pub(crate) lexicon: Lexicon,
    pub(crate) budget: Budget,
    pub(crate) cases: CaseBook,
    /// The latest time that is believed.
    pub(crate) now_ms: Option<i64>,
    unjudged: u64,
}

impl Engine {
    /// An engine that knows nothing.
    pub fn new(config: EngineConfig) -> Self {
        Self::with_prior(config, &Prior::default())
    }

    /// An engine that borrows from a prior until it knows its site.
    pub fn with_prior(config: EngineConfig, prior: &Prior) -> Self {
        Self {
            prior: PriorIndex::of(prior, config.key),
            borrowed: prior.scores().to_vec(),
            fleet: FleetSketch::new(config.admission),
            novel: [0; TokenKind::COUNT],
            known: KnownRates::default(),
            hosts: Vec::new(),
            names: HashMap::new(),
            sequences: Sequences::new(config.order, config.admission),
            calibration: BTreeMap::new(),
            lexicon: Lexicon::default(),
            budget: Budget::new(config.budget),
            cases: CaseBook::default(),
            now_ms: None,
            unjudged: 0,
            config,
        }
    }

    /// Takes one event.
    pub fn observe(&mut self, event: &Observed<'_>) {
        self.observe_reading(event, &Reading::of(event));
    }

    /// Takes one event that was read already.
    pub fn observe_reading(&mut self, event: &Observed<'_>, reading: &Reading) {
        let Some(at) = self.place(event) else { return };
        for token in &reading.tokens {
            self.note_token(at, event, reading, token);
        }
        self.follow(at, event, reading);
    }

    /// Takes a rule's match on an event: one more typed piece of evidence, as surprising as such a
    /// match is rare in ordinary work ([`crate::known`]), and one that counts on the first day.
    pub fn record_match(&mut self, event: &Observed<'_>, rule: &RuleMatch<'_>) {
        let Some(at) = self.place(event) else { return };
        let token = Token::of_rule(rule.title, rule.id);
        let number = token.number(self.config.key);
        let Some(host) = self.hosts.get(at).filter(|host| host.window.is_new(number)) else {
            return;
        };
        let (judgement, is_unheard) = self.judge().rule(host, number, rule.level, &self.known);
        if let Some(host) = self.hosts.get_mut(at) {
            host.window.note_rule(event.time_ms, judgement.bits, rule.level, is_unheard);
        }
        let reading = Reading::of(event);
        let techniques = rule.techniques;
        self.note(at, event, &reading, &Noted { token: &token, number, judgement, techniques });
    }

    /// Tells what time it is: hours end, episodes are weighed, and cases open while they happen.
    pub fn advance(&mut self, now_ms: i64) {
        self.now_ms = self.now_ms.max(Some(now_ms));
        let hour = hour_of(now_ms);
        for at in 0..self.hosts.len() {
            let Some(host) = self.hosts.get(at) else { continue };
            if host.window.hour < hour {
                self.turn(at, hour);
            } else if host.window.is_worth_weighing() {
                self.settle(at);
            }
        }
    }

    /// Ends everything that is on, as at the end of a recording.
    pub fn finish(&mut self) {
        let Some(now_ms) = self.now_ms else { return };
        self.advance(now_ms + 2 * WINDOW_MS);
        for at in 0..self.hosts.len() {
            if let Some(episode) = self.hosts.get_mut(at).and_then(|host| host.episode.take()) {
                self.end_episode(at, &episode);
            }
        }
    }

    /// Shown cases that are new or have grown since the last call.
    pub fn take_cases(&mut self) -> Vec<DetectedCase> {
        self.cases.take_changed()
    }

    /// Cases that were not shown, with the reason.
    pub fn withheld(&self) -> impl Iterator<Item = &DetectedCase> {
        self.cases.withheld()
    }

    /// How the budget was spent.
    pub fn budget(&self) -> BudgetReport {
        self.budget.report()
    }

    /// Says what role a host has; hosts of one role are calibrated together.
    pub fn set_role(&mut self, host: &str, role: &str) {
        if let Some(host) = self.names.get(host).and_then(|at| self.hosts.get_mut(*at)) {
            role.clone_into(&mut host.role);
        }
    }

    /// Scores of the site's ordinary episodes, all roles together: what calibrates a prior.
    pub fn scores(&self) -> Vec<f32> {
        self.calibration.values().flat_map(Rolling::own).collect()
    }

    /// Events that were not judged, because there are more hosts than are remembered.
    pub fn unjudged(&self) -> u64 {
        self.unjudged
    }

    /// Bytes of memory: all of it, and the most that one host takes.
    pub fn bytes(&self) -> (usize, usize) {
        let hosts = self.hosts.iter().map(Host::bytes);
        let largest = hosts.clone().max().unwrap_or(0);
        (hosts.sum::<usize>() + self.fleet.bytes() + self.sequences.bytes(), largest)
    }

    /// Takes what a person said of a case, also long after. What is false or expected is learned
    /// after all; what is expected is vouched for, and does not come again.
    pub fn verdict(&mut self, id: &str, verdict: Verdict) -> Result<(), UnknownCase> {
        let record = self.cases.get_mut(id).ok_or_else(|| UnknownCase(id.to_owned()))?;
        let before = record.case.verdict.replace(verdict);
        if record.case.withheld.is_none() {
            self.budget.count_verdict(verdict, before);
        }
        if verdict == Verdict::True {
            return Ok(());
        }
        let (held, scores) = (std::mem::take(&mut record.held), std::mem::take(&mut record.scores));
        for (at, held) in held {
            if verdict == Verdict::Expected {
                held.tokens.iter().for_each(|token| self.fleet.vouch(*token));
            }
            self.learn(at, &held);
        }
        for (role, score) in scores {
            self.calibration(&role).add(score);
        }
        Ok(())
    }

    /// The host of an event, with its hour begun; `None` where there are too many hosts.
    fn place(&mut self, event: &Observed<'_>) -> Option<usize> {
        let time_ms = self.believed(event.time_ms);
        let hour = hour_of(time_ms);
        let at = match self.names.get(event.host) {
            Some(at) => *at,
            None if self.hosts.len() >= HOSTS_MAX => {
                self.unjudged += 1;
                return None;
            }
            None => {
                self.hosts.push(Host::new(event.host, hour));
                self.names.insert(event.host.to_owned(), self.hosts.len() - 1);
                self.hosts.len() - 1
            }
        };
        if self.hosts.get(at).is_some_and(|host| host.window.hour < hour) {
            self.turn(at, hour);
        }
        Some(at)
    }

    /// A time, or the latest known where a clock runs more than a day ahead of all others.
    fn believed(&mut self, time_ms: i64) -> i64 {
        let now = *self.now_ms.get_or_insert(time_ms);
        if time_ms > now && (time_ms - now < AHEAD_MS_MAX || self.hosts.len() <= 1) {
            self.now_ms = Some(time_ms);
        } else if time_ms > now {
            // A recording may have a gap, so time does go on, by a day an event.
            self.now_ms = Some(now + AHEAD_MS_MAX);
            return now;
        }
        time_ms
    }

    fn judge(&self) -> Judge<'_> {
        let novelty_rate = self.config.layers.novelty_rate;
        Judge { fleet: &self.fleet, novel: &self.novel, prior: &self.prior, novelty_rate }
    }

    /// Judges a token in its host's window.
    fn note_token(&mut self, at: usize, event: &Observed<'_>, reading: &Reading, token: &Token) {
        let number = token.number(self.config.key);
        let Some(host) = self.hosts.get(at).filter(|host| host.window.is_new(number)) else {
            return;
        };
        if token.kind == TokenKind::Act {
            return self.note_act(at, event, reading, token, number);
        }
        let judgement = self.judge().judge(host, token.kind, number);
        self.note(at, event, reading, &Noted { token, number, judgement, techniques: &[] });
    }

    /// Judges an act, which also counts by itself, as a match of a rule does.
    fn note_act(
        &mut self,
        at: usize,
        event: &Observed<'_>,
        reading: &Reading,
        token: &Token,
        number: u64,
    ) {
        let Some(host) = self.hosts.get(at) else { return };
        let family = act::family(&token.text);
        let (judgement, is_unheard) = self.judge().act(host, number, family, &self.known);
        if let Some(host) = self.hosts.get_mut(at) {
            host.window.note_act(event.time_ms, judgement.bits, family, is_unheard);
        }
        self.note(at, event, reading, &Noted { token, number, judgement, techniques: &[] });
    }

    /// Takes what was judged into its host's window.
    fn note(&mut self, at: usize, event: &Observed<'_>, reading: &Reading, noted: &Noted<'_>) {
        let Noted { token, number, judgement, techniques } = noted;
        self.lexicon.note(token, *number);
        #[expect(clippy::cast_possible_truncation, reason = "bits need no more")]
        let bits = judgement.bits as f32;
        let Some(host) = self.hosts.get_mut(at) else { return };
        if judgement.is_new
            && let Some(novel) = host.window.novel.get_mut(token.kind as usize)
        {
            *novel = true;
        }
        host.window.note(*number, token.kind, bits, || Evidence {
            time_ms: event.time_ms,
            host: event.host.to_owned(),
            source: event.source.to_owned(),
            class_uid: event.class_uid,
            kind: token.kind,
            text: token.text.clone(),
            bits,
            counts: counts(judgement),
            techniques: techniques.to_vec(),
            entities: reading.entities.clone(),
            raw: cut_json(event),
        });
    }

    /// Feeds the detectors that look at more than one event.
    fn follow(&mut self, at: usize, event: &Observed<'_>, reading: &Reading) {
        let (key, layers) = (self.config.key, self.config.layers);
        let sort = reading.tokens.first().map_or(0, |token| token.number(key));
        let Some(host) = self.hosts.get_mut(at) else { return };
        if layers.rates {
            host.window.count(sort);
        }
        if layers.sequences {
            // The second token says most about an event; its sort alone where there is none.
            let telling = reading.tokens.get(1).map_or(sort, |token| token.number(key));
            let [a, b, c, d, ..] = telling.to_le_bytes();
            let symbol = u32::from_le_bytes([a, b, c, d]);
            let program = key.number(0, &reading.program);
            host.window.follow(program, &reading.program, symbol);
        }
        let Some(destination) = reading.destination.as_deref().filter(|_| layers.beacons) else {
            return;
        };
        host.call(key.number(0, destination), event.time_ms);
        let token = Token::new(TokenKind::Beacon, destination);
        let number = token.number(key);
        // Whether the beat is steady is asked once an hour at most, for it takes its time.
        if host.window.is_new(number) && host.beacon(key.number(0, destination)).is_some() {
            self.note_token(at, event, reading, &token);
        }
    }

    /// Ends a host's hour.
    fn turn(&mut self, at: usize, hour: i64) {
        self.judge_sessions(at);
        self.judge_rates(at);
        self.settle(at);
        let Some(host) = self.hosts.get_mut(at) else { return };
        host.turn(hour);
        let due = hour - self.config.quarantine_hours;
        while let Some(host) = self.hosts.get_mut(at)
            && host.quarantine.front().is_some_and(|held| held.hour < due)
            && let Some(held) = host.quarantine.pop_front()
        {
            let name = host.name.clone();
            match self.cases.holding(&name, held.hour) {
                Some(record) => record.hold(at, held),
                None => self.learn(at, &held),
            }
        }
    }

    /// Learns one hour of one host.
    fn learn(&mut self, at: usize, held: &Held) {
        let Some(host) = self.hosts.get_mut(at) else { return };
        let source = Source { host: u32::try_from(at).unwrap_or(u32::MAX), day: day_of(held.hour) };
        self.fleet.learn(&mut host.sketch, source, &held.tokens);
        self.known.learn(held.unheard);
        let both = host.novel.iter_mut().zip(&mut self.novel).zip(held.novel);
        for ((own, all), _) in both.filter(|(_, novel)| *novel) {
            *own = own.saturating_add(1);
            *all = all.saturating_add(1);
        }
    }

    /// Judges the sessions of the hour that ends, then learns them.
    fn judge_sessions(&mut self, at: usize) {
        let Some(host) = self.hosts.get_mut(at) else { return };
        let (name, role, hour) = (host.name.clone(), host.role.clone(), host.window.hour);
        let sessions = std::mem::take(&mut host.window.sessions);
        let is_open = self.cases.holding(&name, hour).is_some();
        let hosts = u32::try_from(self.hosts.len()).unwrap_or(u32::MAX);
        let source = Source { host: u32::try_from(at).unwrap_or(u32::MAX), day: day_of(hour) };
        for (program, session) in sessions {
            let mut keys = vec![program];
            if !role.is_empty() {
                keys.push(self.config.key.fold(&[program, self.config.key.number(0, &role)]));
            }
            if let Some(odd) = self.sequences.judge(&keys, &session) {
                let what = format!("{:.1} bits a step against {}", odd.score.mean, session.program);
                self.derived(at, &Token::new(TokenKind::Sequence, &*session.program), &what);
            }
            if !is_open {
                self.sequences.learn(&keys, &session, source, hosts);
            }
        }
    }

    /// Looks for bursts in the hour that ends, then learns its counts.
    fn judge_rates(&mut self, at: usize) {
        let Some(host) = self.hosts.get_mut(at) else { return };
        let hour_of_day = u8::try_from(host.window.hour.rem_euclid(24)).unwrap_or(0);
        let counts = std::mem::take(&mut host.window.counts);
        let kind = |sort: u64| u32::try_from(sort >> 32).unwrap_or(0);
        let mut bursts = Vec::new();
        for (sort, count) in counts {
            if let Some(burst) = host.rates.burst(kind(sort), hour_of_day, count) {
                bursts.push((sort, burst));
            }
            host.rates.learn(kind(sort), hour_of_day, count);
        }
        for (sort, burst) in bursts {
            let [a, b, c, d, ..] = sort.to_le_bytes();
            let of = self.lexicon.text(u32::from_le_bytes([a, b, c, d])).to_owned();
            let what = format!("{} in an hour, expected {:.0}", burst.count, burst.expected);
            self.derived(at, &Token::new(TokenKind::Burst, of), &what);
        }
    }

    /// Notes what a detector saw at the end of an hour.
    fn derived(&mut self, at: usize, token: &Token, what: &str) {
        let Some(host) = self.hosts.get(at) else { return };
        let (name, empty) = (host.name.clone(), serde_json::Map::new());
        let mut raw = serde_json::Map::new();
        raw.insert("measured".into(), what.into());
        let event = Observed {
            time_ms: host.window.hour * WINDOW_MS,
            host: &name,
            source: "ringfort",
            class_uid: 2_004,
            ocsf: &empty,
            raw: &raw,
        };
        self.note_token(at, &event, &Reading::default(), token);
    }
}

fn day_of(hour: i64) -> u16 {
    u16::try_from(hour.div_euclid(24).rem_euclid(1 << 16)).unwrap_or(0)
}

/// The source's own fields as JSON, cut to what evidence may hold.
fn cut_json(event: &Observed<'_>) -> String {
    let fields = if event.raw.is_empty() { event.ocsf } else { event.raw };
    let mut json = serde_json::to_string(fields).unwrap_or_default();
    if json.len() > RAW_BYTES_MAX {
        json.truncate(json.floor_char_boundary(RAW_BYTES_MAX));
        json.push('…');
    }
    json
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
