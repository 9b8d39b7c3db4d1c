//! Detection over records, in the process that read them: rules and learned behaviour together,
//! cases out.
//!
//! | module | holds |
//! |---|---|
//! | [`in_order`] | records of many files in the order of time, in bounded memory |
//! | [`live`] | the stream of this host, with baselines that survive restarts |
//! | [`tail`] | log files that grow |
//! | [`relay`] | from what the watcher says to cases in the state |
//! | [`rules`] | rule packs from folders and archives |

pub mod in_order;
pub mod live;
pub mod relay;
pub mod rules;
pub mod tail;

use std::io;
use std::path::PathBuf;

use detect::sigma::{Correlator, Level, Match, Rules};
use detect::{DetectedCase, Engine, EngineConfig, Observed, Prior, RuleLevel, RuleMatch};
use detect::{Verdict, Withheld};
use learn::hash::SiteKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sources::Record;

use super::logs::LogLine;

/// What to detect with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectJob {
    /// Files, folders and archives of Sigma rules.
    pub rules: Vec<PathBuf>,
    /// The site, which is a tenant of the engine.
    pub site: String,
    /// Cases a day that are shown at most; nothing for the usual number.
    #[serde(default)]
    pub cases_a_day_max: Option<u32>,
    /// Whether cases that are withheld are wanted too.
    #[serde(default)]
    pub all: bool,
    /// A folder of the worker's own for what does not fit into memory.
    pub spill_dir: PathBuf,
}

/// What rules there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesReport {
    /// Rules that are matched.
    pub rules: usize,
    /// Rules that cannot be used.
    pub refused: usize,
    /// The first of them, with the reason.
    pub first_refused: Option<String>,
    /// Files and archives that could not be read, with the reason.
    pub unreadable: Vec<String>,
}

/// Rules, learned behaviour and the alert budget over one stream of records.
pub struct Pipeline {
    engine: Engine,
    rules: Rules,
    correlator: Correlator,
    hour: Option<i64>,
}

/// Devices that are told of to the page.
const VIEW_DEVICES_MAX: usize = 50;
/// Withheld cases that are told of to the page.
const VIEW_WITHHELD_MAX: usize = 50;
/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;

impl Pipeline {
    /// A pipeline of a site that nothing is known of.
    pub fn new(job: &DetectJob, rules: Rules) -> Self {
        let mut config = EngineConfig::new(&job.site, key_of(&job.site));
        if let Some(max) = job.cases_a_day_max {
            config.budget.cases_a_day_max = max;
        }
        Self::with_engine(Engine::with_prior(config, &Prior::shipped()), rules)
    }

    /// A pipeline with an engine that knows its site.
    pub fn with_engine(engine: Engine, rules: Rules) -> Self {
        Self { engine, rules, correlator: Correlator::default(), hour: None }
    }

    /// Takes the next record.
    pub fn take(&mut self, source: &str, record: &Record) {
        let event = Observed {
            time_ms: record.time_ms,
            host: &record.host,
            source,
            class_uid: record.class_uid,
            ocsf: &record.ocsf,
            raw: &record.raw,
        };
        let hour = record.time_ms.div_euclid(HOUR_MS);
        if self.hour.is_some_and(|known| known < hour) {
            self.engine.advance(hour * HOUR_MS);
        }
        self.hour = self.hour.max(Some(hour));
        self.engine.observe(&event);
        let (engine, correlator, rules) = (&mut self.engine, &mut self.correlator, &self.rules);
        rules.match_event(&event, &mut |found| {
            if !found.is_silent() {
                record_match(engine, &event, &found);
            }
            correlator.observe(rules, &event, &found, &mut |correlated| {
                let techniques = techniques(&correlated.tags);
                let level = level(correlated.level);
                let (id, title) = (&correlated.id, &correlated.title);
                engine
                    .record_match(&event, &RuleMatch { id, title, level, techniques: &techniques });
            });
        });
    }

    /// Tells what time it is.
    pub fn advance(&mut self, now_ms: i64) {
        self.engine.advance(now_ms);
    }

    /// Shown cases that are new or have grown since the last call.
    pub fn take_cases(&mut self) -> Vec<DetectedCase> {
        self.engine.take_cases()
    }

    /// The baselines, in bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        self.engine.snapshot()
    }

    /// Takes what a person said of a case; `false` where it is not known (any more).
    pub fn verdict(&mut self, id: &str, verdict: Verdict) -> bool {
        self.engine.verdict(id, verdict).is_ok()
    }

    /// What was learned and how the budget was spent, for the page.
    pub fn view(&self) -> Value {
        let mut hosts = self.engine.host_names();
        hosts.truncate(VIEW_DEVICES_MAX);
        let devices: Vec<_> = hosts.iter().filter_map(|host| self.engine.device(host)).collect();
        let mut withheld: Vec<&DetectedCase> = self.engine.withheld().collect();
        withheld.sort_by(|a, b| b.score.total_cmp(&a.score));
        let withheld: Vec<_> = withheld.into_iter().take(VIEW_WITHHELD_MAX).map(brief).collect();
        json!({
            "devices": devices,
            "fleet": self.engine.fleet(),
            "budget": self.engine.budget(),
            "withheld": withheld,
        })
    }

    /// Ends the stream and says every case.
    pub fn finish(
        mut self,
        all: bool,
        say: &mut dyn FnMut(LogLine) -> io::Result<()>,
    ) -> io::Result<()> {
        self.engine.finish();
        let mut cases = self.engine.take_cases();
        if all {
            cases.extend(self.engine.withheld().cloned());
        }
        cases.sort_by(|a, b| (a.first_ms, &a.id).cmp(&(b.first_ms, &b.id)));
        for case in &cases {
            say(LogLine::Case(serde_json::to_value(case).map_err(io::Error::other)?))?;
        }
        let budget = serde_json::to_value(self.engine.budget()).map_err(io::Error::other)?;
        say(LogLine::Budget(budget))
    }
}

/// A withheld case in one line.
fn brief(case: &DetectedCase) -> Value {
    let first = case.events.first();
    json!({
        "id": case.id,
        "first_ms": case.first_ms,
        "score": case.score,
        "host": case.spans.first().map(|span| span.host.as_str()),
        "what": first.map(|event| format!("{} \"{}\"", event.kind.noun(), event.text)),
        "why": case.withheld.map(|why| match why {
            Withheld::Cap => "the day was full",
            Withheld::FalseDiscoveries => "too many of the cases before it were false",
            Withheld::NotRareEnough => "not rare enough",
        }),
    })
}

fn record_match(engine: &mut Engine, event: &Observed<'_>, found: &Match<'_>) {
    let techniques: Vec<String> = found.techniques().collect();
    let (id, title, level) = (found.id(), found.title(), level(found.level()));
    engine.record_match(event, &RuleMatch { id, title, level, techniques: &techniques });
}

fn level(level: Level) -> RuleLevel {
    match level {
        Level::Informational => RuleLevel::Informational,
        Level::Low => RuleLevel::Low,
        Level::Medium => RuleLevel::Medium,
        Level::High => RuleLevel::High,
        Level::Critical => RuleLevel::Critical,
    }
}

/// The ATT&CK techniques among the tags of a rule.
fn techniques(tags: &[String]) -> Vec<String> {
    let numbers = tags.iter().filter_map(|tag| tag.strip_prefix("attack.t"));
    numbers
        .filter(|number| number.starts_with(|c: char| c.is_ascii_digit()))
        .map(|number| format!("T{number}"))
        .collect()
}

/// The key of pseudonyms of recordings: made of the site's name, so that a case of the same
/// recording has the same id on every run. A live site has a secret one.
fn key_of(site: &str) -> SiteKey {
    let digest = Sha256::new().chain_update(b"ringfort detect\0").chain_update(site).finalize();
    let mut key = [0; 16];
    key.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    SiteKey::new(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use detect::sigma::Pack;
    use serde_json::json;

    const RULE: &str = "
title: A tool that reads passwords from memory
id: 6f3a1f0e-0000-4000-8000-000000000001
logsource: {product: windows, category: process_creation}
detection:
    selection: {Image|endswith: '\\reader.exe'}
    condition: selection
level: critical
tags: [attack.t1003.001]
";

    fn record(time_ms: i64, image: &str) -> Record {
        let raw = json!({
            "Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1, "Image": image,
        });
        let raw = raw.as_object().unwrap().clone();
        let ocsf = json!({"process": {"file": {"path": image}}}).as_object().unwrap().clone();
        Record { time_ms, host: "desk".into(), class_uid: 1_007, ocsf, raw }
    }

    fn cases(records: &[Record], all: bool) -> Vec<serde_json::Value> {
        let rules = Rules::new(Pack::from_yaml_files([("r.yml", RULE)]).pack);
        let job = DetectJob { site: "here".into(), ..DetectJob::default() };
        let mut pipeline = Pipeline::new(&job, rules);
        for record in records {
            pipeline.take("evtx", record);
        }
        let mut cases = Vec::new();
        pipeline
            .finish(all, &mut |line| {
                if let LogLine::Case(case) = line {
                    cases.push(case);
                }
                Ok(())
            })
            .unwrap();
        cases
    }

    #[test]
    fn a_match_of_a_critical_rule_is_told_with_its_technique_and_the_same_id_each_time() {
        let records = [record(1_000, r"C:\a\calc.exe"), record(2_000, r"C:\a\reader.exe")];
        let found = cases(&records, true);
        assert_eq!(found, cases(&records, true));
        assert!(!found.is_empty());
        assert_eq!(found[0]["techniques"], json!(["T1003.001"]));
    }
}
