//! Known behaviour, by Sigma rules.
//!
//! ```
//! use detect::{Observed, sigma::{Pack, Rules}};
//! use serde_json::{Map, json};
//!
//! let rule = "
//! title: Certutil decodes a file
//! id: 11111111-2222-4333-8444-555555555555
//! logsource: {product: windows, category: process_creation}
//! detection:
//!     selection:
//!         Image|endswith: '\\certutil.exe'
//!         CommandLine|contains: '-decode'
//!     condition: selection
//! level: high
//! ";
//! let loaded = Pack::from_yaml_files([("certutil.yml", rule)]);
//! assert!(loaded.refused.is_empty());
//! let rules = Rules::new(loaded.pack);
//!
//! let raw = json!({
//!     "Channel": "Microsoft-Windows-Sysmon/Operational",
//!     "EventID": 1,
//!     "Image": "C:\\Windows\\System32\\certutil.exe",
//!     "CommandLine": "certutil /de^code a b",
//! });
//! let (raw, ocsf) = (raw.as_object().unwrap(), Map::new());
//! let event =
//!     Observed { time_ms: 0, host: "", source: "evtx", class_uid: 1007, ocsf: &ocsf, raw };
//! let mut titles = Vec::new();
//! rules.match_event(&event, &mut |found| titles.push(found.title().to_owned()));
//! assert_eq!(titles, ["Certutil decodes a file"]);
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `pack` | rules from files, what is refused and why |
//! | `compile`, `encode` | from the parser's tree to atoms and conditions; modifiers |
//! | `atom`, `expr`, `text`, `time` | one comparison; the conditions as one row of numbers |
//! | `index` | which rules are worth asking about an event |
//! | `asked` | what the rules of a log source ask of an event |
//! | `facts`, `fields` | the values of one event |
//! | `logsource`, `mapping` | which rules an event is for, and what its source calls their fields |
//! | `correlation` | several matches that belong together |
//!
//! The YAML is read by `rsigma-parser`; matching is ours, since all public rules have to fit into a
//! small machine beside everything else.

mod asked;
mod atom;
mod compile;
mod correlation;
mod encode;
mod expr;
mod facts;
mod fields;
mod index;
mod limits;
mod logsource;
mod mapping;
mod pack;
mod text;
mod time;

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod tests;

pub use correlation::{Correlated, Correlator};
pub use pack::{Level, Loaded, Pack, Refused};

use serde::{Deserialize, Serialize};

use crate::Observed;

use atom::Look;
use expr::Scene;
use facts::Facts;
use limits::{EVIDENCE_CHARS_MAX, EVIDENCE_MAX};
use pack::{OfKind, RuleData};

/// Matches events against the rules of a pack.
#[derive(Debug)]
pub struct Rules {
    pub(self) pack: Pack,
}

/// Which text of the event matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// The event as it was logged.
    AsLogged,
    /// Only the canonical view of a command line: a weaker statement.
    Canonical,
}

/// A value that made a rule match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The field, by the name that the rule gives it; empty where any field would do.
    pub field: String,
    /// The value as logged, cut short if it is long.
    pub value: String,
}

/// A rule that an event matched.
#[derive(Debug)]
pub struct Match<'r> {
    pack: &'r Pack,
    rule: &'r RuleData,
    pub(self) place: u32,
    /// Which text of the event matched.
    pub seen: Seen,
    /// The values that matched.
    pub evidence: Vec<Evidence>,
    /// How often disguises were taken off the event's command lines: the sign "obfuscation
    /// present".
    pub obfuscation: u32,
    /// Values that correlations group by.
    grouping: Vec<(String, String)>,
}

impl<'r> Match<'r> {
    /// The id of the rule.
    pub fn id(&self) -> &'r str {
        self.pack.tables.texts.get(self.rule.id)
    }

    /// The title of the rule.
    pub fn title(&self) -> &'r str {
        self.pack.tables.texts.get(self.rule.title)
    }

    /// The authors of the rule, as they write themselves. Their licence asks to keep them.
    pub fn authors(&self) -> &'r str {
        self.pack.tables.texts.get(self.rule.authors)
    }

    /// How grave it is.
    pub fn level(&self) -> Level {
        self.rule.level
    }

    /// The tags of the rule.
    pub fn tags(&self) -> impl Iterator<Item = &'r str> {
        self.pack.tables.texts.get(self.rule.tags).split_whitespace()
    }

    /// The ATT&CK techniques of the rule, such as `T1059.001`.
    pub fn techniques(&self) -> impl Iterator<Item = String> {
        self.tags().filter_map(|tag| {
            let name = tag.strip_prefix("attack.t")?;
            name.starts_with(|c: char| c.is_ascii_digit()).then(|| format!("T{name}"))
        })
    }

    /// Whether the rule is only there for a correlation, and no statement by itself.
    pub fn is_silent(&self) -> bool {
        self.rule.is_silent
    }

    /// The value of a field that correlations need.
    pub(self) fn value(&self, field: &str) -> Option<&str> {
        let mut known = self.grouping.iter();
        known.find(|(name, _)| name == field).map(|(_, value)| value.as_str())
    }
}

impl Rules {
    /// Makes a pack ready.
    pub fn new(pack: Pack) -> Self {
        Self { pack }
    }

    /// The pack.
    pub fn pack(&self) -> &Pack {
        &self.pack
    }

    /// Hands over each rule that the event matches, in the order of the pack.
    pub fn match_event<'r>(&'r self, event: &Observed<'_>, sink: &mut impl FnMut(Match<'r>)) {
        let Some((of_kind, facts)) = self.facts(event) else { return };
        let mut asked = of_kind.not_meant.clone();
        let mut candidates = of_kind.always.clone();
        self.pack.index.search(&facts, &of_kind.fields, |rule| {
            if asked.insert(rule) {
                candidates.push(rule);
            }
        });
        candidates.sort_unstable();
        self.evaluate(&facts, candidates, sink);
    }

    /// The same by asking every rule that the event is for, whatever its keys say: what the index
    /// must not change.
    #[cfg(test)]
    pub(self) fn match_plainly<'r>(
        &'r self,
        event: &Observed<'_>,
        sink: &mut impl FnMut(Match<'r>),
    ) {
        let Some((of_kind, facts)) = self.facts(event) else { return };
        let all = 0..u32::try_from(self.pack.rules.len()).unwrap();
        let meant = all.filter(|rule| !of_kind.not_meant.contains(*rule)).collect();
        self.evaluate(&facts, meant, sink);
    }

    fn evaluate<'r>(
        &'r self,
        facts: &Facts<'_>,
        candidates: Vec<u32>,
        sink: &mut impl FnMut(Match<'r>),
    ) {
        let pack = &self.pack;
        let scene = Scene { atoms: &pack.atoms, tables: &pack.tables, facts };
        for place in candidates {
            let Some(rule) = pack.rules.get(place as usize) else { continue };
            let look = if rule.is_strict { Look::Strict } else { Look::Loose };
            if pack.programs.holds(rule.program, &scene, look) {
                let strictly = pack.programs.holds(rule.program, &scene, Look::Strict);
                let seen = if strictly { Seen::AsLogged } else { Seen::Canonical };
                sink(self.found(place, rule, &scene, seen));
            }
        }
    }

    /// How often disguises were taken off the event's command lines; nothing if it has none, or
    /// if its source is none that rules are written for.
    pub fn obfuscation(&self, event: &Observed<'_>) -> u32 {
        self.facts(event).map_or(0, |(_, facts)| facts.marks())
    }

    fn facts<'e>(&'e self, event: &Observed<'e>) -> Option<(&'e OfKind, Facts<'e>)> {
        let pack = &self.pack;
        let kind = pack.kinds.of(event)?;
        let of_kind = pack.by_kind.get(kind)?;
        if !of_kind.log_sources.contains(&true) {
            return None;
        }
        let mut facts = Facts::new(&pack.names, &of_kind.asked);
        let mapping = logsource::Kinds::mapping_of(event, of_kind.mapping);
        facts.add_event(event.raw, &pack.names, mapping);
        if let Some(mapping) = mapping::MAPPINGS.get(mapping) {
            for (name, text) in (mapping.made)(event.raw) {
                if let Some(field) = pack.names.field(name) {
                    facts.add_text(field, text.into(), &pack.names);
                }
            }
        }
        if let Some(any) = pack.names.field(fields::ANY).filter(|_| of_kind.words) {
            facts.add_words(any, event.raw);
        }
        Some((of_kind, facts))
    }

    fn found<'r>(
        &'r self,
        place: u32,
        rule: &'r RuleData,
        scene: &Scene<'_, '_>,
        seen: Seen,
    ) -> Match<'r> {
        let pack = &self.pack;
        let mut evidence: Vec<Evidence> = Vec::new();
        pack.programs.evidence(rule.program, scene, &mut |atom, fact| {
            let field = pack.names.name(atom.field);
            let value: String = fact.as_text(true).chars().take(EVIDENCE_CHARS_MAX).collect();
            let known = evidence.iter().any(|one| one.field == field && one.value == value);
            if evidence.len() < EVIDENCE_MAX && !known {
                evidence.push(Evidence { field: field.to_owned(), value });
            }
        });
        let grouping = if rule.is_correlated {
            let value = |field: &atom::Field| {
                let fact = scene.facts.of(*field).next()?;
                Some((pack.names.name(*field).to_owned(), fact.as_text(true).to_owned()))
            };
            pack.grouping.iter().filter_map(value).collect()
        } else {
            Vec::new()
        };
        let obfuscation = scene.facts.marks();
        Match { pack, rule, place, seen, evidence, obfuscation, grouping }
    }
}
