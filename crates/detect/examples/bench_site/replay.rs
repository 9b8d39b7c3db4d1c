//! A site with its attacks through the engine, and what came of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use detect::engine::EngineConfig;
use detect::prior::{PriorBuilder, PriorIndex};
use detect::sigma::Rules;
use detect::tokens::{Reading, Token, TokenKind, act};
use detect::window::hour_of;
use detect::{BudgetConfig, DetectedCase, Engine, Observed, Prior, RuleLevel, Withheld};
use learn::hash::SiteKey;
use serde_json::Map;
use sources::Record;
use testkit::site::{DAY_MS, PRIOR_SEEDS, START_MS};

use crate::DAYS;
use crate::background::{Background, Found};
use crate::recordings::{Grafted, Recording};

const KEY: SiteKey = SiteKey::new(*b"benchmark of the");

/// How a site is run.
#[derive(Clone, Copy)]
pub struct How {
    pub rules: bool,
    pub uncapped: bool,
}

impl How {
    pub fn all() -> [Self; 4] {
        [(true, false), (true, true), (false, false), (false, true)]
            .map(|(rules, uncapped)| Self { rules, uncapped })
    }

    pub fn name(self) -> String {
        let rules = if self.rules { "rules on" } else { "rules off" };
        format!("simulated site, {rules}{}", if self.uncapped { ", uncapped" } else { "" })
    }

    fn config(self) -> EngineConfig {
        let mut budget = BudgetConfig::default();
        if self.uncapped {
            budget.cases_a_day_max = u32::MAX;
        }
        EngineConfig { budget, ..EngineConfig::new("site", KEY) }
    }
}

/// One event of a recording: time, host, source, class, what the engine sees, rules that match.
type Told = (i64, String, &'static str, u32, Reading, Vec<Found>);

/// A recording in its place, read.
pub struct Attack {
    name: String,
    technique: String,
    day: u32,
    events: Vec<Told>,
    /// Hosts and hours that hold a record of it.
    at: HashSet<(String, i64)>,
}

impl Attack {
    pub fn new(
        recording: &Recording,
        day: u32,
        grafted: &[Grafted],
        names: &[String],
        rules: &Rules,
        known: Option<&[Vec<Found>]>,
    ) -> Self {
        let mut at = HashSet::new();
        let mut events = Vec::new();
        for (place, one) in grafted.iter().enumerate() {
            let host = names[one.machine].clone();
            at.insert((host.clone(), hour_of(one.time_ms)));
            let observed = observed(&one.record, one.source, one.time_ms, &host);
            let reading = Reading::of(&observed);
            let found = match known {
                Some(known) => known[place].clone(),
                None => matches(rules, &observed),
            };
            let class = one.record.class_uid;
            events.push((one.time_ms, host.clone(), one.source, class, reading, found));
        }
        let (name, technique) = (recording.name.clone(), recording.technique.clone());
        Self { name, technique, day, events, at }
    }

    /// Whether a case tells of it: the hours of a case are not enough, its evidence must be of the
    /// attack's host and hour.
    fn touches(&self, case: &DetectedCase) -> bool {
        let mut told = case.events.iter();
        told.any(|event| self.at.contains(&(event.host.clone(), hour_of(event.time_ms))))
    }
}

fn observed<'a>(record: &'a Record, source: &'a str, time_ms: i64, host: &'a str) -> Observed<'a> {
    let Record { class_uid, ocsf, raw, .. } = record;
    Observed { time_ms, host, source, class_uid: *class_uid, ocsf, raw }
}

/// The rules that match each record as it was recorded.
pub fn all_matches(records: &[(&'static str, Record)], rules: &Rules) -> Vec<Vec<Found>> {
    let of = |(source, record): &(&'static str, Record)| {
        matches(rules, &observed(record, source, record.time_ms, &record.host))
    };
    records.iter().map(of).collect()
}

fn matches(rules: &Rules, event: &Observed<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    rules.match_event(event, &mut |one| {
        if !one.is_silent() {
            found.push(Found::of(&one));
        }
    });
    found
}

#[derive(Default)]
pub struct Outcome {
    pub host_days: f64,
    pub false_cases: usize,
    pub recordings: BTreeMap<String, bool>,
    pub techniques: BTreeMap<String, bool>,
    pub withheld_true: BTreeMap<Withheld, usize>,
    false_told: Vec<String>,
    missed: Vec<String>,
    /// Ordinary hours that nearly were a case.
    near: Vec<(f64, String)>,
    /// By day: attacks, attacks shown, false cases.
    days: BTreeMap<u32, (usize, usize, usize)>,
}

/// Runs a site's days with its attacks.
pub fn run(site: &Background, attacks: &[Attack], how: How, prior: &Prior, outcome: &mut Outcome) {
    let mut engine = Engine::with_prior(how.config(), prior);
    let mut shown: BTreeMap<String, DetectedCase> = BTreeMap::new();
    for (day, background) in site.days.iter().enumerate() {
        let attack = attacks.iter().find(|attack| attack.day as usize == day);
        let mut grafted = attack.map_or(&[][..], |attack| &attack.events).iter().peekable();
        let mut hour = 0;
        for seen in background {
            while let Some(event) = grafted.next_if(|event| event.0 <= seen.time_ms) {
                show(event, &mut engine, how.rules);
            }
            if hour_of(seen.time_ms) > hour {
                hour = hour_of(seen.time_ms);
                engine.advance(seen.time_ms);
            }
            site.show(seen, &mut engine, how.rules);
        }
        grafted.for_each(|event| show(event, &mut engine, how.rules));
        for case in engine.take_cases() {
            shown.insert(case.id.clone(), case);
        }
    }
    engine.finish();
    engine.take_cases().into_iter().for_each(|case| drop(shown.insert(case.id.clone(), case)));
    outcome.host_days += f64::from(site.names.len() as u32 * DAYS);
    for case in shown.values() {
        if !attacks.iter().any(|attack| attack.touches(case)) {
            outcome.false_cases += 1;
            let day = (case.first_ms - START_MS).div_euclid(DAY_MS) as u32;
            outcome.days.entry(day).or_default().2 += 1;
            outcome.false_told.push(told(case));
        }
    }
    let withheld: Vec<DetectedCase> = engine.withheld().cloned().collect();
    let ordinary = withheld.iter().filter(|case| !attacks.iter().any(|one| one.touches(case)));
    let near = ordinary.filter(|case| case.p_value < 5e-4).map(|case| (case.p_value, told(case)));
    outcome.near.extend(near);
    for attack in attacks {
        let is_shown = shown.values().any(|case| attack.touches(case));
        let day = outcome.days.entry(attack.day).or_default();
        day.0 += 1;
        day.1 += usize::from(is_shown);
        outcome.recordings.insert(attack.name.clone(), is_shown);
        *outcome.techniques.entry(attack.technique.clone()).or_default() |= is_shown;
        if is_shown {
            continue;
        }
        let best = withheld
            .iter()
            .filter(|case| attack.touches(case))
            .min_by(|a, b| a.p_value.total_cmp(&b.p_value));
        if let Some(reason) = best.and_then(|case| case.withheld) {
            *outcome.withheld_true.entry(reason).or_default() += 1;
        }
        let levels: BTreeMap<String, BTreeSet<&str>> = attack
            .events
            .iter()
            .flat_map(|event| &event.5)
            .fold(BTreeMap::new(), |mut all, found| {
                all.entry(format!("{:?}", found.level)).or_default().insert(&found.title);
                all
            });
        let best = best.map_or_else(|| "no case".into(), told);
        outcome
            .missed
            .push(format!("day {} {}: {best}; rules {levels:?}", attack.day, attack.name));
        outcome.missed.push(format!("    acts {:?}", acts(attack, prior)));
    }
}

/// The acts of an attack that the prior finds rare, with their bits.
fn acts(attack: &Attack, prior: &Prior) -> Vec<String> {
    let index = PriorIndex::of(prior, KEY);
    let tokens = attack.events.iter().flat_map(|event| &event.4.tokens);
    let acts: BTreeSet<&Token> = tokens.filter(|token| token.kind == TokenKind::Act).collect();
    let mut told: Vec<(i32, &str)> = acts
        .iter()
        .map(|token| {
            let known = index.known_chance(token.number(KEY)).unwrap_or(0.0);
            let floor = index.unheard_act(act::family(&token.text));
            (-known.max(floor).log2() as i32, token.text.as_str())
        })
        .collect();
    told.sort_unstable_by(|a, b| b.cmp(a));
    told.iter().take(12).map(|(bits, text)| format!("{bits} {text}")).collect()
}

fn show(event: &Told, engine: &mut Engine, rules: bool) {
    let (time_ms, host, source, class_uid, reading, found) = event;
    let (ocsf, raw) = (Map::new(), Map::new());
    let event =
        Observed { time_ms: *time_ms, host, source, class_uid: *class_uid, ocsf: &ocsf, raw: &raw };
    engine.observe_reading(&event, reading);
    if rules {
        for found in found {
            found.tell(engine, &event);
        }
    }
}

fn told(case: &DetectedCase) -> String {
    let things: Vec<String> = case
        .events
        .iter()
        .take(6)
        .map(|event| format!("{:.0} {:?} {}", event.bits, event.kind, event.text))
        .collect();
    let hosts: BTreeSet<&str> = case.spans.iter().map(|span| span.host.as_str()).collect();
    format!(
        "{:?} score {:.0} p {:.1e} {hosts:?} day {:.1} {things:?}",
        case.withheld,
        case.score,
        case.p_value,
        (case.first_ms - START_MS) as f64 / DAY_MS as f64
    )
}

impl Outcome {
    pub fn report(&self, how: How, verbose: bool) {
        let shown = self.recordings.values().filter(|shown| **shown).count();
        let techniques = self.techniques.values().filter(|shown| **shown).count();
        println!(
            "\n{}: recordings {shown}/{}, techniques {techniques}/{}, false {} in {} host-days",
            how.name(),
            self.recordings.len(),
            self.techniques.len(),
            self.false_cases,
            self.host_days
        );
        let days: Vec<String> = self
            .days
            .iter()
            .map(|(day, (all, shown, wrong))| format!("{}: {shown}/{all} f{wrong}", day + 1))
            .collect();
        println!("  by day (shown/attacks, false): {}", days.join("; "));
        if verbose {
            self.false_told.iter().for_each(|told| println!("  FALSE {told}"));
            self.missed.iter().for_each(|told| println!("  missed {told}"));
            let mut near: Vec<&(f64, String)> = self.near.iter().collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0));
            near.dedup_by(|a, b| a.1 == b.1);
            near.iter().take(40).for_each(|(_, told)| println!("  near {told}"));
        }
    }
}

/// Each recording by itself, before an engine that knows nothing of its hosts.
#[derive(Default)]
pub struct Alone {
    shown: BTreeMap<String, bool>,
    without_rules: usize,
    lines: Vec<String>,
}

impl Alone {
    pub fn run(
        &mut self,
        recording: &Recording,
        records: &[(&'static str, Record)],
        found: &[Vec<Found>],
        prior: &Prior,
    ) {
        let best: Option<RuleLevel> = found.iter().flatten().map(|one| one.level).max();
        for with_rules in [true, false] {
            let how = How { rules: with_rules, uncapped: false };
            let mut engine = Engine::with_prior(how.config(), prior);
            for ((source, record), found) in records.iter().zip(found) {
                let event = observed(record, source, record.time_ms, &record.host);
                engine.observe(&event);
                if with_rules {
                    for found in found {
                        found.tell(&mut engine, &event);
                    }
                }
            }
            engine.finish();
            let shown = !engine.take_cases().is_empty();
            if with_rules {
                self.shown.insert(recording.name.clone(), shown);
                self.lines.push(format!("{shown} best rule {best:?}: {}", recording.name));
            } else {
                self.without_rules += usize::from(shown);
            }
        }
    }

    pub fn report(&self, verbose: bool) {
        let shown = self.shown.values().filter(|shown| **shown).count();
        println!(
            "\neach recording alone, on day one: {shown} of {} shown with rules, {} by novelt\
                y alone",
            self.shown.len(),
            self.without_rules
        );
        let mut by_level: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for line in &self.lines {
            let level = line.split("best rule ").nth(1).and_then(|rest| rest.split(':').next());
            let counts = by_level.entry(level.unwrap_or_default()).or_default();
            counts.0 += usize::from(line.starts_with("true"));
            counts.1 += 1;
        }
        println!("  by its gravest rule (shown, all): {by_level:?}");
        if verbose {
            self.lines.iter().for_each(|line| println!("  alone {line}"));
        }
    }
}

/// What a background holds: events a host-day, and the rules that ordinary work matches.
pub fn describe(site: &Background) {
    let events: usize = site.days.iter().map(Vec::len).sum();
    let host_days = f64::from(site.names.len() as u32 * DAYS);
    let mut rules: BTreeMap<(RuleLevel, String), BTreeSet<(u16, i64)>> = BTreeMap::new();
    for seen in site.days.iter().flatten() {
        for found in site.found(seen) {
            let hours = rules.entry((found.level, found.title.clone())).or_default();
            hours.insert((seen.machine, hour_of(seen.time_ms)));
        }
    }
    println!("{} hosts: {:.0} events a host-day", site.names.len(), events as f64 / host_days);
    for ((level, title), hours) in rules.iter().rev() {
        let hosts: BTreeSet<u16> = hours.iter().map(|(host, _)| *host).collect();
        println!("  {level:?} {title}: {} host-hours on {} hosts", hours.len(), hosts.len());
    }
}

/// Days of the sites that train the prior: with a round of patches, and twice a weekday.
const PRIOR_DAYS: u32 = 10;
/// Their machines.
const PRIOR_HOSTS: [usize; 4] = [20, 50, 20, 20];

/// What several makers make, each in a thread of its own.
pub fn in_threads<T: Send, F: FnOnce() -> T + Send>(makers: impl IntoIterator<Item = F>) -> Vec<T> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = makers.into_iter().map(|make| scope.spawn(make)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

/// Trains the prior that ships: on simulated sites that are in no other run.
pub fn write_prior(rules: &Rules, path: &str) {
    let mut builder = PriorBuilder::default();
    let mut origin = Vec::new();
    let make = |(hosts, seed)| move || Background::new(hosts, seed, PRIOR_DAYS, rules);
    let sites = in_threads(PRIOR_HOSTS.into_iter().zip(PRIOR_SEEDS).map(make));
    for (site, (hosts, seed)) in sites.iter().zip(PRIOR_HOSTS.into_iter().zip(PRIOR_SEEDS)) {
        origin
            .push(format!("simulated office of {hosts} machines, seed {seed}, {PRIOR_DAYS} days"));
        let recording = format!("office {seed}");
        for seen in site.days.iter().flatten() {
            let host = &site.names[usize::from(seen.machine)];
            let read = site.reading(seen).tokens.iter().cloned();
            let matched = site.found(seen).iter().map(|one| Token::of_rule(&one.title, &one.id));
            builder.add_tokens(&recording, host, seen.time_ms, read.chain(matched));
        }
    }
    let prior = builder.finish(origin);
    // Scores come from the engine itself, with rules, on the same sites.
    let scored = in_threads(sites.iter().map(|site| || ordinary_scores(site, &prior)));
    let scores = scored.into_iter().flatten().collect();
    let written = prior.with_scores(scores).to_json().map_err(|error| error.to_string());
    let written = written.and_then(|json| lean(&json).map_err(|error| error.to_string()));
    match written.and_then(|json| std::fs::write(path, json).map_err(|error| error.to_string())) {
        Ok(()) => println!("wrote `{path}`"),
        Err(error) => println!("`{path}` was not written: {error}"),
    }
}

fn ordinary_scores(site: &Background, prior: &Prior) -> Vec<f32> {
    let config = How { rules: true, uncapped: false }.config();
    let budget = BudgetConfig { false_a_day_max: -1.0, ..config.budget };
    let mut engine = Engine::with_prior(EngineConfig { budget, ..config }, prior);
    for seen in site.days.iter().flatten() {
        site.show(seen, &mut engine, true);
    }
    engine.finish();
    engine.scores()
}

/// Hours in which something of an open-ended kind was there, to be worth shipping.
const HOURS_MIN: u64 = 20;

/// A prior on one line, without what open-ended kinds (files, destinations, users, beats) hardly
/// ever showed: of those it is known how often anything is new, and that is enough.
fn lean(json: &[u8]) -> serde_json::Result<Vec<u8>> {
    let mut prior: serde_json::Value = serde_json::from_slice(json)?;
    for kind in ["6", "7", "10", "15"] {
        let tokens = prior.pointer_mut(&format!("/kinds/{kind}/tokens"));
        if let Some(tokens) = tokens.and_then(serde_json::Value::as_object_mut) {
            tokens.retain(|_, hours| hours.as_u64() >= Some(HOURS_MIN));
        }
    }
    serde_json::to_vec(&prior)
}
