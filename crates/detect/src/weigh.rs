//! From a host's hour to a case: episodes are weighed, opened as cases, joined, and calibrated by.

use learn::conformal::Rolling;

use crate::case::{DetectedCase, Withheld};
use crate::cases::{Candidate, Growth};
use crate::engine::Engine;
use crate::window::{Episode, WINDOW_MS};

/// Host-hours that a site must have learned before what is merely new can make a case: where
/// everything is new, new is nothing to be told.
const SITE_HOURS_MIN: u64 = 96;
/// The same of a host that comes to a site: its own hours.
const HOST_HOURS_MIN: u32 = 12;

impl Engine {
    /// Takes a host's hour into its episode, and weighs that.
    pub(crate) fn settle(&mut self, at: usize) {
        let joins_hours = self.config.layers.episodes;
        let Some(host) = self.hosts.get_mut(at) else { return };
        let hour = host.window.hour;
        let goes_on = host.episode.as_ref().is_some_and(|episode| {
            episode.hours.1 == hour || (joins_hours && episode.is_continued_by(&host.window))
        });
        let ended = if goes_on { None } else { host.episode.replace(Episode::at(hour)) };
        if let Some(episode) = &mut host.episode {
            episode.absorb(&mut host.window);
        }
        if let Some(ended) = ended {
            self.end_episode(at, &ended);
        }
        self.weigh(at);
    }

    /// Calibrates by an episode that ended, unless it is in quarantine.
    pub(crate) fn end_episode(&mut self, at: usize, episode: &Episode) {
        let Some(role) = self.hosts.get(at).map(|host| host.role.clone()) else { return };
        let record = episode.case.as_deref().and_then(|id| self.cases.get_mut(id));
        match record.filter(|record| record.is_in_quarantine()) {
            Some(record) => record.scores.push((role, episode.score())),
            None => self.calibration(&role).add(episode.score()),
        }
    }

    pub(crate) fn calibration(&mut self, role: &str) -> &mut Rolling {
        let borrowed = &self.borrowed;
        let fresh = || Rolling::borrowing(borrowed);
        self.calibration.entry(role.to_owned()).or_insert_with(fresh)
    }

    /// Opens a case for a host's episode, or lets one grow, where it is rare enough.
    fn weigh(&mut self, at: usize) {
        let Some(host) = self.hosts.get(at) else { return };
        let Some(episode) = &host.episode else { return };
        let (score, hours, role) = (episode.score(), episode.hours, host.role.clone());
        if score <= 0.0 {
            return;
        }
        let mut case = episode.case.clone();
        let p_of_rules = episode.known.p_value();
        let p_value = self.p_value(at, &role, score, p_of_rules);
        let tests_a_day = self.tests_a_day();
        let joins = self.config.layers.joins;
        let Some(episode) = self.hosts.get(at).and_then(|host| host.episode.as_ref()) else {
            return;
        };
        if case.is_none() && joins {
            let (found, tokens) = (&*episode.found, &episode.tokens);
            let joined = self.cases.joinable(&Candidate { hours, p_value, found, tokens });
            case = joined.map(|record| record.case.id.clone());
        }
        if case.is_none() && p_value * tests_a_day <= 1.0 {
            case = Some(self.open(at, hours, p_value));
        }
        let Some(id) = case else { return };
        let opened = self.grow(at, &id, p_value, tests_a_day);
        if opened && joins {
            self.gather(&id, at);
        }
    }

    /// How often an ordinary host-hour is as surprising: by all that it holds, once the site and
    /// the host are known, or by the rules that it matches and its acts alone, which needs no
    /// knowledge of the site. Two questions were asked, so the smaller answer counts twice.
    fn p_value(&mut self, at: usize, role: &str, score: f64, p_of_rules: f64) -> f64 {
        let hours = self.hosts.get(at).map_or(0, |host| host.sketch.windows());
        let is_known = self.fleet.windows() >= SITE_HOURS_MIN && hours >= HOST_HOURS_MIN;
        let p_of_all = if is_known { self.calibration(role).p_value(score) } else { 1.0 };
        (2.0 * p_of_all.min(p_of_rules)).min(1.0)
    }

    fn tests_a_day(&self) -> f64 {
        f64::from(u32::try_from(self.hosts.len()).unwrap_or(u32::MAX)) * 24.0
    }

    /// Opens an empty case, not shown yet.
    fn open(&mut self, at: usize, hours: (i64, i64), p_value: f64) -> String {
        let name = self.hosts.get(at).map(|host| host.name.clone()).unwrap_or_default();
        let key = self.config.key;
        let number = key.fold(&[key.number(0, &name), u64::from_le_bytes(hours.0.to_le_bytes())]);
        let id = format!("{number:016x}");
        let case = DetectedCase {
            id: id.clone(),
            tenant: self.config.tenant.clone(),
            score: 0.0,
            p_value,
            first_ms: hours.0 * WINDOW_MS,
            last_ms: hours.1 * WINDOW_MS,
            techniques: Vec::new(),
            entities: Vec::new(),
            events: Vec::new(),
            timeline: Vec::new(),
            explanation: Vec::new(),
            spans: Vec::new(),
            withheld: Some(Withheld::NotRareEnough),
            verdict: None,
        };
        self.cases.open(case, hours);
        id
    }

    /// Takes a host's episode into a case; tells whether that made it more than merely rare.
    fn grow(&mut self, at: usize, id: &str, p_value: f64, tests_a_day: f64) -> bool {
        let (Some(host), Some(record)) = (self.hosts.get_mut(at), self.cases.get_mut(id)) else {
            return false;
        };
        let Some(episode) = &mut host.episode else { return false };
        let is_first = record.case.spans.is_empty();
        let found = std::mem::take(&mut episode.found);
        let (hours, tokens) = (episode.hours, &episode.tokens);
        record.grow(Growth { host: &host.name, hours, tokens, found, p_value });
        episode.case = Some(id.to_owned());
        if record.case.withheld != Some(Withheld::NotRareEnough) {
            return false;
        }
        if !is_first {
            self.budget.recount(Withheld::NotRareEnough);
        }
        let day = hours.1.div_euclid(24);
        record.case.withheld = self.budget.decide(day, record.case.p_value, tests_a_day);
        record.is_in_quarantine()
    }

    /// Lets the episodes of other hosts at the same time join a case that has just opened.
    fn gather(&mut self, id: &str, lead: usize) {
        for at in (0..self.hosts.len()).filter(|at| *at != lead) {
            let Some(host) = self.hosts.get(at) else { continue };
            let Some(episode) = host.episode.as_ref() else { continue };
            let in_case = episode.case.as_deref().and_then(|id| self.cases.get_mut(id));
            if in_case.is_some_and(|record| record.is_in_quarantine()) || episode.score() <= 0.0 {
                continue;
            }
            let (hours, score, role) = (episode.hours, episode.score(), host.role.clone());
            let p_of_rules = episode.known.p_value();
            let p_value = self.p_value(at, &role, score, p_of_rules);
            let Some(episode) = self.hosts.get(at).and_then(|host| host.episode.as_ref()) else {
                continue;
            };
            let (found, tokens) = (&*episode.found, &episode.tokens);
            let joined = self.cases.joinable(&Candidate { hours, p_value, found, tokens });
            if joined.is_some_and(|record| record.case.id == id) {
                self.grow(at, id, p_value, self.tests_a_day());
            }
        }
    }
}
