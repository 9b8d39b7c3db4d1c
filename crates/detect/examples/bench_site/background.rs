//! A simulated site's ordinary events, read once: what the engine sees of them, and which rules
//! match.

use std::collections::HashMap;
use std::ops::ControlFlow;

use detect::Observed;
use detect::sigma::{Level, Match, Rules};
use detect::tokens::Reading;
use detect::{Engine, RuleLevel, RuleMatch};
use serde_json::Map;
use sources::log::Context;
use sources::log_registry;
use testkit::site::{Event, Form, Site};

/// One event of the background.
pub struct Seen {
    pub time_ms: i64,
    pub machine: u16,
    source: &'static str,
    class_uid: u32,
    reading: u32,
    matches: u32,
}

/// A rule that matched, kept apart from its pack.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Found {
    pub id: String,
    pub title: String,
    pub level: RuleLevel,
    pub techniques: Vec<String>,
}

impl Found {
    pub fn of(found: &Match<'_>) -> Self {
        let level = match found.level() {
            Level::Critical => RuleLevel::Critical,
            Level::High => RuleLevel::High,
            Level::Medium => RuleLevel::Medium,
            Level::Low => RuleLevel::Low,
            Level::Informational => RuleLevel::Informational,
        };
        let (id, title) = (found.id().to_owned(), found.title().to_owned());
        Self { id, title, level, techniques: found.techniques().collect() }
    }

    pub fn tell(&self, engine: &mut Engine, event: &Observed<'_>) {
        let Self { id, title, level, techniques } = self;
        engine.record_match(event, &RuleMatch { id, title, level: *level, techniques });
    }
}

/// A site with its days.
pub struct Background {
    pub site: Site,
    pub names: Vec<String>,
    pub days: Vec<Vec<Seen>>,
    readings: Vec<Reading>,
    pub matches: Vec<Vec<Found>>,
}

impl Background {
    /// Makes and reads so many days of a site.
    pub fn new(hosts: usize, seed: u64, days: u32, rules: &Rules) -> Self {
        let site = Site::new(hosts, seed);
        let names: Vec<String> =
            site.machines().iter().map(|machine| machine.name.clone()).collect();
        let mut background =
            Self { site, names, days: Vec::new(), readings: Vec::new(), matches: vec![Vec::new()] };
        let (mut readings, mut matches) = (HashMap::new(), HashMap::new());
        for day in 0..days {
            let events = background.site.day(day);
            let seen = background.read(&events, rules, &mut readings, &mut matches);
            background.days.push(seen);
        }
        background
    }

    fn read(
        &mut self,
        events: &[Event],
        rules: &Rules,
        readings: &mut HashMap<String, u32>,
        matches: &mut HashMap<Vec<Found>, u32>,
    ) -> Vec<Seen> {
        let mut seen = Vec::with_capacity(events.len());
        for event in events {
            let name = &self.names[event.machine];
            let (source, reader) = match event.form {
                Form::Windows => ("evtx", "windows_json"),
                Form::Audit => ("auditd", "auditd"),
                Form::Syslog => ("syslog", "syslog"),
            };
            let Some(reader) = log_registry::ALL.iter().find(|one| one.name == reader) else {
                continue;
            };
            let line = event.line(name);
            let context = Context { file: "", host: name, ..Context::default() };
            let mut records = Vec::new();
            let result = (reader.read)(&mut line.as_bytes(), &context, &mut |record| {
                records.push(record);
                ControlFlow::Continue(())
            });
            assert!(result.is_ok_and(|counts| counts.bad == 0), "{line}");
            for record in records {
                let observed = Observed {
                    time_ms: event.time_ms,
                    host: name,
                    source,
                    class_uid: record.class_uid,
                    ocsf: &record.ocsf,
                    raw: &record.raw,
                };
                let reading = Reading::of(&observed);
                let next = u32::try_from(self.readings.len()).unwrap_or(u32::MAX);
                let place = *readings.entry(format!("{reading:?}")).or_insert_with(|| {
                    self.readings.push(reading);
                    next
                });
                let mut found = Vec::new();
                rules.match_event(&observed, &mut |one| {
                    if !one.is_silent() {
                        found.push(Found::of(&one));
                    }
                });
                let next = u32::try_from(self.matches.len()).unwrap_or(u32::MAX);
                let all = if found.is_empty() {
                    0
                } else {
                    *matches.entry(found.clone()).or_insert_with(|| {
                        self.matches.push(found);
                        next
                    })
                };
                seen.push(Seen {
                    time_ms: event.time_ms,
                    machine: u16::try_from(event.machine).unwrap_or(u16::MAX),
                    source,
                    class_uid: record.class_uid,
                    reading: place,
                    matches: all,
                });
            }
        }
        seen
    }

    /// Shows an event to an engine.
    pub fn show(&self, seen: &Seen, engine: &mut Engine, with_rules: bool) {
        let (ocsf, raw) = (Map::new(), Map::new());
        let event = Observed {
            time_ms: seen.time_ms,
            host: &self.names[usize::from(seen.machine)],
            source: seen.source,
            class_uid: seen.class_uid,
            ocsf: &ocsf,
            raw: &raw,
        };
        engine.observe_reading(&event, &self.readings[seen.reading as usize]);
        if with_rules {
            self.found(seen).iter().for_each(|found| found.tell(engine, &event));
        }
    }

    /// The rules that match an event.
    pub fn found(&self, seen: &Seen) -> &[Found] {
        &self.matches[seen.matches as usize]
    }

    /// What the engine sees of an event.
    pub fn reading(&self, seen: &Seen) -> &Reading {
        &self.readings[seen.reading as usize]
    }
}
