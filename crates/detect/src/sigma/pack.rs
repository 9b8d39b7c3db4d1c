//! Rules from files, in the form in which they are matched.

use std::collections::HashMap;

use rsigma_parser::{
    CorrelationRule, FilterRule, FilterRuleTarget, Level as ParsedLevel, SigmaRule, Status,
    parse_sigma_yaml,
};
use serde::{Deserialize, Serialize};

use super::asked::{asked_by_log_source, tells_by_spaces, with_asked, words_by_log_source};
use super::atom::{Atom, Field, Tables};
use super::compile::{Compiler, Placeholders};
use super::correlation::Correlation;
use super::expr::{Expr, Programs};
use super::fields::Names;
use super::index::{Census, Index, IndexBuilder};
use super::limits::{FILE_BYTES_MAX, RULES_MAX};
use super::logsource::{Kinds, LogSource};
use super::mapping;
use super::text::TextId;

/// How grave a match is, as the rule's authors see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Worth knowing beside other things.
    Informational,
    /// Rarely bad.
    Low,
    /// May be bad.
    Medium,
    /// Likely bad.
    High,
    /// Surely bad.
    Critical,
}

/// A rule that is not used, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The file that it came in.
    pub file: String,
    /// Its title, where it could be read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What came of files of rules.
#[derive(Debug)]
pub struct Loaded {
    /// What is matched.
    pub pack: Pack,
    /// Rules that are wrong, or ask for what there is not.
    pub refused: Vec<Refused>,
    /// Rules that need a list of the site which was not given. They are in the pack with an empty
    /// list: a filter by it lets everything through, a search for it finds nothing.
    pub waiting: Vec<Refused>,
}

/// Rules in the form in which they are matched. Holds no text of the files but what matches show.
#[derive(Debug)]
pub struct Pack {
    pub(super) rules: Vec<RuleData>,
    pub(super) atoms: Vec<Atom>,
    pub(super) tables: Tables,
    pub(super) names: Names,
    pub(super) programs: Programs,
    pub(super) index: Index,
    pub(super) kinds: Kinds,
    /// By kind of event: the log sources of rules that it belongs to, and more.
    pub(super) by_kind: Vec<OfKind>,
    pub(super) correlations: Vec<Correlation>,
    /// The fields that correlations group by or count.
    pub(super) grouping: Vec<Field>,
}

/// What of a rule is kept.
#[derive(Debug)]
pub(super) struct RuleData {
    pub id: TextId,
    pub title: TextId,
    pub authors: TextId,
    /// Separated by single spaces.
    pub tags: TextId,
    pub level: Level,
    pub log_source: u16,
    pub program: u32,
    /// Only counts for correlations.
    pub is_silent: bool,
    /// Counts for correlations.
    pub is_correlated: bool,
    /// Is asked of texts as they were logged only.
    pub is_strict: bool,
}

/// What is known beforehand of a kind of event.
#[derive(Debug, Default)]
pub(super) struct OfKind {
    /// By log source of rules.
    pub log_sources: Vec<bool>,
    /// Rules that are for other kinds.
    pub not_meant: RuleSet,
    /// Rules without a key.
    pub always: Vec<u32>,
    /// Whether rules look for words in any field.
    pub words: bool,
    /// Fields in which one of its rules has a key.
    pub fields: Vec<bool>,
    /// Fields that its rules, or correlations, ask for: of an event nothing else is taken in.
    pub asked: Vec<bool>,
    pub mapping: usize,
}

/// A set of rules of a pack.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleSet(Box<[u64]>);

impl RuleSet {
    fn new(rules: usize) -> Self {
        Self(vec![0; rules.div_ceil(64)].into())
    }

    /// Puts a rule in; `false` if it was in already, or is none of the pack.
    pub(super) fn insert(&mut self, rule: u32) -> bool {
        let bit = 1_u64 << (rule % 64);
        let Some(word) = self.0.get_mut(rule as usize / 64) else { return false };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    #[cfg(test)]
    pub(super) fn contains(&self, rule: u32) -> bool {
        self.0.get(rule as usize / 64).is_some_and(|word| word & (1 << (rule % 64)) != 0)
    }
}

/// A rule on its way into a pack.
pub(super) struct Draft {
    rule: SigmaRule,
    pub(super) expr: Expr,
    pub(super) log_source: u16,
}

#[derive(Default)]
struct Loader {
    compiler: Compiler,
    log_sources: Vec<LogSource>,
    log_source_ids: HashMap<LogSource, u16>,
    drafts: Vec<Draft>,
    filters: Vec<(String, FilterRule)>,
    correlations: Vec<(String, CorrelationRule)>,
    refused: Vec<Refused>,
    waiting: Vec<Refused>,
}

impl Pack {
    /// Reads files of rules, of filters and of correlations, in YAML. A document that cannot be
    /// used is listed with the reason; the others are used all the same.
    pub fn from_yaml_files<N, B>(files: impl IntoIterator<Item = (N, B)>) -> Loaded
    where
        N: AsRef<str>,
        B: AsRef<[u8]>,
    {
        Self::with_lists(files, &Placeholders::new())
    }

    /// The same, with the site's lists for placeholders in rules, by their names without `%`.
    pub fn with_lists<N, B>(
        files: impl IntoIterator<Item = (N, B)>,
        lists: &std::collections::BTreeMap<String, Vec<String>>,
    ) -> Loaded
    where
        N: AsRef<str>,
        B: AsRef<[u8]>,
    {
        let mut loader = Loader::default();
        for (name, bytes) in files {
            loader.file(name.as_ref(), bytes.as_ref(), lists);
        }
        loader.finish(lists)
    }

    /// How many rules are matched.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// What it is made of, for engineers: counts of rules without a key, of atoms and of tables.
    pub fn shape(&self) -> String {
        format!(
            "{} without a key, {} MB of searches, {} atoms, {}",
            self.index.keyless(),
            self.index.search_bytes() / 1_000_000,
            self.atoms.len(),
            self.tables.shape()
        )
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl Loader {
    fn refuse(&mut self, file: &str, title: &str, reason: impl Into<String>) {
        let refused =
            Refused { file: file.to_owned(), title: title.to_owned(), reason: reason.into() };
        self.refused.push(refused);
    }

    fn file(&mut self, name: &str, bytes: &[u8], lists: &Placeholders) {
        if bytes.len() > FILE_BYTES_MAX {
            let reason = format!("it is larger than {FILE_BYTES_MAX} bytes");
            return self.refuse(name, "", reason);
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return self.refuse(name, "", format!("it is not UTF-8: {error}")),
        };
        let parsed = match parse_sigma_yaml(text) {
            Ok(parsed) => parsed,
            Err(error) => return self.refuse(name, "", error.to_string()),
        };
        for error in parsed.errors {
            self.refuse(name, "", error);
        }
        for rule in parsed.rules {
            self.rule(name, rule, lists);
        }
        self.filters.extend(parsed.filters.into_iter().map(|filter| (name.to_owned(), filter)));
        let correlations = parsed.correlations.into_iter();
        self.correlations.extend(correlations.map(|correlation| (name.to_owned(), correlation)));
    }

    fn rule(&mut self, file: &str, mut rule: SigmaRule, lists: &Placeholders) {
        if self.drafts.len() >= RULES_MAX {
            return self.refuse(
                file,
                &rule.title,
                format!("there are more than {RULES_MAX} rules"),
            );
        }
        if matches!(rule.status, Some(Status::Unsupported)) {
            return self.refuse(file, &rule.title, "its authors mark it as unsupported");
        }
        if rule.detection.timeframe.is_some() {
            let reason = "it counts in a time frame, which Sigma 2 does by correlation rules";
            return self.refuse(file, &rule.title, reason);
        }
        self.compiler.missing.clear();
        match self.compiler.detections(&rule.detection, lists) {
            Ok(expr) => {
                if !self.compiler.missing.is_empty() {
                    let reason = format!(
                        "it needs the site's list `{}`",
                        self.compiler.missing.join("`, `")
                    );
                    let (file, title) = (file.to_owned(), rule.title.clone());
                    self.waiting.push(Refused { file, title, reason });
                }
                let source = LogSource {
                    product: rule.logsource.product.take(),
                    category: rule.logsource.category.take(),
                    service: rule.logsource.service.take(),
                };
                let log_source = self.log_source(source);
                rule.detection.named = HashMap::new();
                rule.description = None;
                rule.references = Vec::new();
                rule.falsepositives = Vec::new();
                self.drafts.push(Draft { rule, expr, log_source });
            }
            Err(reason) => self.refuse(file, &rule.title, reason),
        }
    }

    fn log_source(&mut self, source: LogSource) -> u16 {
        if let Some(known) = self.log_source_ids.get(&source) {
            return *known;
        }
        let id = u16::try_from(self.log_sources.len()).unwrap_or(u16::MAX);
        self.log_sources.push(source.clone());
        self.log_source_ids.insert(source, id);
        id
    }

    /// Narrows rules by the site's filters.
    fn apply_filters(&mut self, lists: &Placeholders) {
        for (file, filter) in std::mem::take(&mut self.filters) {
            let expr = match self.compiler.detections(&filter.detection, lists) {
                Ok(expr) => expr,
                Err(reason) => {
                    self.refuse(&file, &filter.title, reason);
                    continue;
                }
            };
            let mut found = false;
            for draft in &mut self.drafts {
                let is_meant = match &filter.rules {
                    FilterRuleTarget::Any => true,
                    FilterRuleTarget::Specific(names) => {
                        names.iter().any(|name| names_rule(name, &draft.rule))
                    }
                };
                let source = self.log_sources.get(usize::from(draft.log_source));
                let fits = filter.logsource.as_ref().zip(source).is_none_or(|(wanted, source)| {
                    let same = |wanted: &Option<String>, has: &Option<String>| {
                        wanted.is_none() || wanted == has
                    };
                    same(&wanted.product, &source.product)
                        && same(&wanted.category, &source.category)
                        && same(&wanted.service, &source.service)
                });
                if is_meant && fits {
                    found = true;
                    let own = std::mem::replace(&mut draft.expr, Expr::All(Vec::new()));
                    draft.expr = Expr::All(vec![own, expr.clone()]);
                }
            }
            if !found {
                self.refuse(&file, &filter.title, "no rule is there that it filters");
            }
        }
    }

    fn finish(mut self, lists: &Placeholders) -> Loaded {
        self.apply_filters(lists);
        let mut correlations = self.correlate();
        let grouping = grouping(&mut self.compiler, &mut correlations);
        let kinds = Kinds::new();
        let mut census = Census::default();
        for draft in &self.drafts {
            census.count(&draft.expr, &self.compiler);
        }
        let mut index = IndexBuilder::new(self.log_sources.len());
        let mut programs = Programs::default();
        let mut rules = Vec::with_capacity(self.drafts.len());
        for (place, draft) in self.drafts.iter().enumerate() {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            index.add(place, draft.log_source, census.keys(&draft.expr, &self.compiler));
            let is_strict = tells_by_spaces(&draft.expr, &self.compiler);
            let texts = &mut self.compiler.texts;
            let tags: Vec<&str> = draft.rule.tags.iter().map(|tag| tag.trim()).collect();
            let uses = |one: &Correlation| one.refs.contains(&place);
            rules.push(RuleData {
                id: texts.add(draft.rule.id.as_deref().unwrap_or(&draft.rule.title)),
                title: texts.add(&draft.rule.title),
                authors: texts.add(draft.rule.author.as_deref().unwrap_or_default()),
                tags: texts.add(&tags.join(" ")),
                level: level(draft.rule.level),
                log_source: draft.log_source,
                program: programs.add(&draft.expr, &self.compiler.atoms),
                is_strict,
                is_correlated: correlations.iter().any(uses),
                is_silent: correlations.iter().any(uses)
                    && correlations.iter().filter(|one| uses(one)).all(|one| !one.generate),
            });
        }
        let words = words_by_log_source(&self.drafts, &self.compiler, self.log_sources.len());
        let asked = asked_by_log_source(&self.drafts, &self.compiler, self.log_sources.len());
        let log_sources = std::mem::take(&mut self.log_sources);
        drop(std::mem::take(&mut self.drafts));
        let (atoms, tables, names) = self.compiler.finish();
        let index = index.finish(names.len()).unwrap_or_else(|reason| {
            let (file, title) = (String::new(), String::new());
            self.refused.push(Refused { file, title, reason });
            Index::default()
        });
        let by_kind = by_kind(&kinds, &log_sources, &rules, &index, &words);
        let by_kind = with_asked(by_kind, &asked, &grouping, names.len());
        let programs = programs.finish();
        let pack = Pack {
            rules,
            atoms,
            tables,
            names,
            programs,
            index,
            kinds,
            by_kind,
            correlations,
            grouping,
        };
        Loaded { pack, refused: self.refused, waiting: self.waiting }
    }

    /// Correlations with the rules that they name, in an order in which each comes after those
    /// that it names.
    fn correlate(&mut self) -> Vec<Correlation> {
        let mut left = std::mem::take(&mut self.correlations);
        let mut made: Vec<Correlation> = Vec::new();
        loop {
            let before = left.len();
            let mut later = Vec::new();
            for (file, rule) in left {
                let find = |name: &str| {
                    let place = self.drafts.iter().position(|draft| names_rule(name, &draft.rule));
                    let of_rule = place.and_then(|place| u32::try_from(place).ok());
                    of_rule.or_else(|| {
                        let place = made.iter().position(|one| one.is_named(name))?;
                        u32::try_from(self.drafts.len() + place).ok()
                    })
                };
                let refs: Option<Vec<u32>> = rule.rules.iter().map(|name| find(name)).collect();
                match refs {
                    Some(refs) => match Correlation::new(&rule, refs) {
                        Ok(correlation) => made.push(correlation),
                        Err(reason) => self.refuse(&file, &rule.title, reason),
                    },
                    None => later.push((file, rule)),
                }
            }
            left = later;
            if left.is_empty() || left.len() == before {
                break;
            }
        }
        for (file, rule) in left {
            self.refuse(&file, &rule.title, "it names a rule that is not there");
        }
        made
    }
}

/// The fields that correlations need of events.
fn grouping(compiler: &mut Compiler, correlations: &mut [Correlation]) -> Vec<Field> {
    let mut fields = Vec::new();
    for correlation in correlations {
        for name in correlation.fields() {
            if let Some(field) = compiler.fields.add(&name)
                && !fields.contains(&field)
            {
                fields.push(field);
            }
        }
    }
    fields
}

/// What is known beforehand of each kind of event.
fn by_kind(
    kinds: &Kinds,
    log_sources: &[LogSource],
    rules: &[RuleData],
    index: &Index,
    words: &[bool],
) -> Vec<OfKind> {
    kinds
        .all()
        .iter()
        .map(|kind| {
            let holds: Vec<bool> = log_sources.iter().map(|rule| rule.holds(kind)).collect();
            let held = || holds.iter().enumerate().filter(|(_, holds)| **holds);
            let is_meant = |rule: u32| {
                let source = rules.get(rule as usize).map(|rule| usize::from(rule.log_source));
                source.and_then(|source| holds.get(source)) == Some(&true)
            };
            let mut not_meant = RuleSet::new(rules.len());
            let all = 0..u32::try_from(rules.len()).unwrap_or(u32::MAX);
            for rule in all.filter(|rule| !is_meant(*rule)) {
                not_meant.insert(rule);
            }
            OfKind {
                not_meant,
                fields: index.fields(is_meant),
                asked: Vec::new(),
                always: held()
                    .filter_map(|(place, _)| u16::try_from(place).ok())
                    .flat_map(|place| index.always(place).iter().copied())
                    .collect(),
                words: held().any(|(place, _)| words.get(place) == Some(&true)),
                mapping: mapping::place(kind.mapping),
                log_sources: holds,
            }
        })
        .collect()
}

fn names_rule(name: &str, rule: &SigmaRule) -> bool {
    rule.id.as_deref() == Some(name) || rule.name.as_deref() == Some(name)
}

pub(super) fn level(parsed: Option<ParsedLevel>) -> Level {
    match parsed {
        Some(ParsedLevel::Critical) => Level::Critical,
        Some(ParsedLevel::High) => Level::High,
        Some(ParsedLevel::Low) => Level::Low,
        Some(ParsedLevel::Informational) => Level::Informational,
        Some(ParsedLevel::Medium) | None => Level::Medium,
    }
}
