//! Correlation rules: several matches that belong together, in a window of time.
//!
//! All kinds of the Sigma correlation specification 2.1: `event_count`, `value_count`, `temporal`,
//! `temporal_ordered`, `value_sum`, `value_avg`, `value_percentile`, `value_median`; grouped by
//! fields, with aliases where rules call them differently. Windows slide. What is kept is bounded:
//! groups, and in each group slots of time and distinct values; the group that was silent longest
//! goes first.

use std::collections::HashMap;

use rsigma_parser::{
    ConditionExpr, ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType,
    Quantifier, WindowMode,
};

use crate::Observed;

use super::pack::{Level, Pack, level};
use super::{Match, Rules};

/// The most groups of one correlation.
const GROUPS_MAX: usize = 10_000;
/// The most distinct values that are told apart in one group, and so the highest threshold.
const VALUES_MAX: usize = 4_096;
/// Into how many slots a window is cut for counting: a count is exact to one slot.
const SLOTS: i64 = 1_024;
/// How many correlations of correlations follow from one match.
const CHAIN_MAX: usize = 4;

/// A correlation rule of a pack.
#[derive(Debug)]
pub(super) struct Correlation {
    id: String,
    name: Option<String>,
    title: String,
    authors: String,
    tags: Vec<String>,
    level: Level,
    kind: CorrelationType,
    /// Numbers of rules, and above those of correlations.
    pub refs: Vec<u32>,
    names: Vec<String>,
    group_by: Vec<String>,
    /// For each reference: what it calls each field of `group_by`.
    called: Vec<Vec<String>>,
    window_ms: i64,
    condition: Condition,
    pub generate: bool,
}

#[derive(Debug)]
enum Condition {
    Thresholds {
        all: Vec<(ConditionOperator, f64)>,
        field: Option<String>,
        percentile: f64,
    },
    /// Over the rules that were seen.
    Seen(ConditionExpr),
}

/// A correlation that came true.
#[derive(Clone, Debug, PartialEq)]
pub struct Correlated {
    /// The id of the correlation rule.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its authors.
    pub authors: String,
    /// How grave it is.
    pub level: Level,
    /// Its tags.
    pub tags: Vec<String>,
    /// What the matches have in common: field and value.
    pub group: Vec<(String, String)>,
    /// What was counted; for temporal ones the number of rules.
    pub count: f64,
    /// When the first and the last of the matches happened, milliseconds since the Unix epoch.
    pub span_ms: (i64, i64),
}

/// The state of all correlations of a pack. What it takes grows with groups, not with events.
#[derive(Debug, Default)]
pub struct Correlator {
    groups: Vec<HashMap<Vec<String>, Group>>,
}

#[derive(Debug, Default)]
struct Group {
    first_ms: i64,
    last_ms: i64,
    /// Start of a slot, and how many matches fell in it.
    slots: Vec<(i64, u64)>,
    /// Values and when each was last seen.
    values: HashMap<String, i64>,
    /// Numbers and when.
    numbers: Vec<(i64, f64)>,
    /// For each reference when it was last seen.
    seen: Vec<Option<i64>>,
    /// For each length of a chain in order: the latest time at which one began.
    chains: Vec<Option<i64>>,
}

impl Correlation {
    pub(super) fn new(rule: &CorrelationRule, refs: Vec<u32>) -> Result<Self, String> {
        if rule.window != WindowMode::Sliding || rule.gap.is_some() {
            return Err("its window is not of the kind that Sigma 2.1 knows".to_owned());
        }
        if refs.is_empty() {
            return Err("it names no rule".to_owned());
        }
        let called = rule
            .rules
            .iter()
            .map(|name| {
                let own = |field: &String| {
                    let alias = rule.aliases.iter().find(|alias| alias.alias == *field);
                    alias.and_then(|alias| alias.mapping.get(name)).unwrap_or(field).clone()
                };
                rule.group_by.iter().map(own).collect()
            })
            .collect();
        Ok(Self {
            id: rule.id.clone().unwrap_or_else(|| rule.title.clone()),
            name: rule.name.clone(),
            title: rule.title.clone(),
            authors: rule.author.clone().unwrap_or_default(),
            tags: rule.tags.clone(),
            level: level(rule.level),
            kind: rule.correlation_type,
            refs,
            names: rule.rules.clone(),
            group_by: rule.group_by.clone(),
            called,
            window_ms: i64::try_from(rule.timespan.seconds.saturating_mul(1_000))
                .unwrap_or(i64::MAX / 4),
            condition: condition(rule)?,
            generate: rule.generate,
        })
    }

    pub(super) fn is_named(&self, name: &str) -> bool {
        self.id == name || self.name.as_deref() == Some(name)
    }

    /// The fields that are needed of events.
    pub(super) fn fields(&self) -> Vec<String> {
        let counted = match &self.condition {
            Condition::Thresholds { field, .. } => field.clone(),
            Condition::Seen(_) => None,
        };
        self.called.iter().flatten().cloned().chain(counted).collect()
    }
}

fn condition(rule: &CorrelationRule) -> Result<Condition, String> {
    use CorrelationType::{
        EventCount, Temporal, TemporalOrdered, ValueAvg, ValueCount, ValueMedian, ValuePercentile,
        ValueSum,
    };
    let thresholds = match &rule.condition {
        CorrelationCondition::Extended(expr) => {
            return match rule.correlation_type {
                Temporal | TemporalOrdered => Ok(Condition::Seen(expr.clone())),
                _ => Err("only temporal correlations have a condition over rules".to_owned()),
            };
        }
        CorrelationCondition::Threshold { predicates, field, percentile } => {
            let field = field.as_ref().and_then(|fields| fields.first()).cloned();
            #[expect(clippy::cast_precision_loss, reason = "thresholds are small numbers")]
            let all: Vec<(ConditionOperator, f64)> =
                predicates.iter().map(|(operator, number)| (*operator, *number as f64)).collect();
            #[expect(clippy::cast_precision_loss, reason = "a percentile is at most 100")]
            let percentile = percentile.unwrap_or(50) as f64;
            (all, field, percentile)
        }
    };
    let (all, field, percentile) = thresholds;
    // Without a condition, which the parser gives as this one, all rules have to be seen.
    let is_temporal = matches!(rule.correlation_type, Temporal | TemporalOrdered);
    let all = if is_temporal && all == [(ConditionOperator::Gte, 1.0)] { Vec::new() } else { all };
    match rule.correlation_type {
        ValueCount | ValueSum | ValueAvg | ValuePercentile | ValueMedian if field.is_none() => {
            return Err("it counts values but names no field".to_owned());
        }
        ValueCount => {
            #[expect(clippy::cast_precision_loss, reason = "a small constant")]
            let too_high = all.iter().any(|(_, number)| *number > VALUES_MAX as f64);
            if too_high {
                return Err(format!("it counts more than {VALUES_MAX} values"));
            }
        }
        EventCount | Temporal | TemporalOrdered | ValueSum | ValueAvg | ValuePercentile
        | ValueMedian => {}
    }
    if all.is_empty() && !is_temporal {
        return Err("it has no threshold".to_owned());
    }
    Ok(Condition::Thresholds { all, field, percentile })
}

impl Correlator {
    /// Takes a match in and hands over what came true by it.
    pub fn observe(
        &mut self,
        rules: &Rules,
        event: &Observed<'_>,
        found: &Match<'_>,
        sink: &mut impl FnMut(Correlated),
    ) {
        let pack = &rules.pack;
        if self.groups.len() < pack.correlations.len() {
            self.groups.resize_with(pack.correlations.len(), HashMap::new);
        }
        let mut new = vec![found.place];
        for _ in 0..CHAIN_MAX {
            let mut next = Vec::new();
            for reference in new {
                self.count(pack, event, found, reference, &mut |place, correlated| {
                    next.extend(u32::try_from(pack.rules.len() + place));
                    sink(correlated);
                });
            }
            if next.is_empty() {
                break;
            }
            new = next;
        }
    }

    fn count(
        &mut self,
        pack: &Pack,
        event: &Observed<'_>,
        found: &Match<'_>,
        reference: u32,
        sink: &mut dyn FnMut(usize, Correlated),
    ) {
        for (place, correlation) in pack.correlations.iter().enumerate() {
            let Some(first) = correlation.refs.iter().position(|known| *known == reference) else {
                continue;
            };
            let (Some(called), Some(groups)) =
                (correlation.called.get(first), self.groups.get_mut(place))
            else {
                continue;
            };
            let value = |field: &String| found.value(field).map(str::to_owned);
            let Some(key) = called.iter().map(value).collect::<Option<Vec<String>>>() else {
                continue;
            };
            if groups.len() >= GROUPS_MAX && !groups.contains_key(&key) {
                let oldest = groups.iter().min_by_key(|(_, group)| group.last_ms);
                if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                    groups.remove(&oldest);
                }
            }
            let group = groups.entry(key.clone()).or_default();
            group.take(correlation, event.time_ms, reference, found);
            if let Some(count) = group.comes_true(correlation, event.time_ms) {
                let span_ms = (group.first_ms, group.last_ms);
                groups.remove(&key);
                sink(
                    place,
                    Correlated {
                        id: correlation.id.clone(),
                        title: correlation.title.clone(),
                        authors: correlation.authors.clone(),
                        level: correlation.level,
                        tags: correlation.tags.clone(),
                        group: correlation.group_by.iter().cloned().zip(key).collect(),
                        count,
                        span_ms,
                    },
                );
            }
        }
    }

    /// How many groups are kept.
    pub fn groups(&self) -> usize {
        self.groups.iter().map(HashMap::len).sum()
    }
}

impl Group {
    /// Takes a match in and forgets what left the window.
    fn take(&mut self, correlation: &Correlation, now: i64, reference: u32, found: &Match<'_>) {
        let oldest = now.saturating_sub(correlation.window_ms);
        self.last_ms = self.last_ms.max(now);
        self.slots.retain(|(start, _)| *start >= oldest);
        self.numbers.retain(|(time, _)| *time >= oldest);
        self.values.retain(|_, time| *time >= oldest);
        let width = (correlation.window_ms / SLOTS).max(1);
        match self.slots.last_mut() {
            Some((start, count)) if now - *start < width => *count += 1,
            _ => self.slots.push((now, 1)),
        }
        self.first_ms = self.slots.iter().map(|(start, _)| *start).min().unwrap_or(now);
        if let Condition::Thresholds { field: Some(field), .. } = &correlation.condition
            && let Some(value) = found.value(field)
        {
            if self.values.len() < VALUES_MAX || self.values.contains_key(value) {
                self.values.insert(value.to_owned(), now);
            }
            if let Ok(number) = value.trim().parse() {
                if self.numbers.len() >= VALUES_MAX {
                    self.numbers.remove(0);
                }
                self.numbers.push((now, number));
            }
        }
        let length = correlation.refs.len();
        self.seen.resize(length, None);
        self.chains.resize(length, None);
        // From the end, so that one match does not stand at two places of a chain.
        for place in (0..length).rev() {
            if correlation.refs.get(place) != Some(&reference) {
                continue;
            }
            if let Some(seen) = self.seen.get_mut(place) {
                *seen = Some(now);
            }
            let begun = match place.checked_sub(1) {
                None => Some(now),
                Some(before) => self.chains.get(before).copied().flatten(),
            };
            if let Some(chain) = self.chains.get_mut(place) {
                *chain = begun.filter(|begun| *begun >= oldest && *begun <= now).or(*chain);
            }
        }
    }

    /// Whether the condition holds now, and what was counted.
    fn comes_true(&self, correlation: &Correlation, now: i64) -> Option<f64> {
        let oldest = now.saturating_sub(correlation.window_ms);
        let in_window = |time: &Option<i64>| time.is_some_and(|time| time >= oldest);
        #[expect(clippy::cast_precision_loss, reason = "counts are small numbers")]
        let seen = self.seen.iter().filter(|time| in_window(time)).count() as f64;
        #[expect(clippy::cast_precision_loss, reason = "counts are small numbers")]
        let references = correlation.refs.len() as f64;
        let (all, percentile) = match &correlation.condition {
            Condition::Seen(expr) => {
                let is_seen = |name: &str| {
                    let place = correlation.names.iter().position(|known| known == name);
                    place.and_then(|place| self.seen.get(place)).is_some_and(in_window)
                };
                return (holds(expr, &correlation.names, &is_seen)
                    && self.in_order(correlation, oldest))
                .then_some(seen);
            }
            Condition::Thresholds { all, percentile, .. } => (all, *percentile),
        };
        let count = match correlation.kind {
            #[expect(clippy::cast_precision_loss, reason = "counts are small numbers")]
            CorrelationType::EventCount => {
                self.slots.iter().map(|(_, count)| *count).sum::<u64>() as f64
            }
            #[expect(clippy::cast_precision_loss, reason = "counts are small numbers")]
            CorrelationType::ValueCount => self.values.len() as f64,
            CorrelationType::Temporal | CorrelationType::TemporalOrdered => {
                let complete = if all.is_empty() {
                    seen >= references
                } else {
                    all.iter().all(|(operator, wanted)| compare(*operator, seen, *wanted))
                };
                return (complete && self.in_order(correlation, oldest)).then_some(seen);
            }
            CorrelationType::ValueSum => self.numbers.iter().map(|(_, number)| number).sum(),
            CorrelationType::ValueAvg => {
                let sum: f64 = self.numbers.iter().map(|(_, number)| number).sum();
                #[expect(clippy::cast_precision_loss, reason = "counts are small numbers")]
                let average = sum / self.numbers.len().max(1) as f64;
                average
            }
            CorrelationType::ValuePercentile => self.percentile(percentile)?,
            CorrelationType::ValueMedian => self.percentile(50.0)?,
        };
        all.iter().all(|(operator, wanted)| compare(*operator, count, *wanted)).then_some(count)
    }

    /// Whether the rules were seen in their order, where that is asked for.
    fn in_order(&self, correlation: &Correlation, oldest: i64) -> bool {
        correlation.kind != CorrelationType::TemporalOrdered
            || self.chains.last().copied().flatten().is_some_and(|begun| begun >= oldest)
    }

    /// The nearest-rank percentile of the numbers.
    fn percentile(&self, percent: f64) -> Option<f64> {
        let mut sorted: Vec<f64> = self.numbers.iter().map(|(_, number)| *number).collect();
        sorted.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank within a few thousand"
        )]
        let rank = ((percent / 100.0 * sorted.len() as f64).ceil() as usize).max(1);
        sorted.get(rank - 1).copied()
    }
}

fn compare(operator: ConditionOperator, count: f64, wanted: f64) -> bool {
    let equal = (count - wanted).abs() < f64::EPSILON;
    match operator {
        ConditionOperator::Lt => count < wanted,
        ConditionOperator::Lte => count <= wanted,
        ConditionOperator::Gt => count > wanted,
        ConditionOperator::Gte => count >= wanted,
        ConditionOperator::Eq => equal,
        ConditionOperator::Neq => !equal,
    }
}

fn holds(expr: &ConditionExpr, names: &[String], is_seen: &dyn Fn(&str) -> bool) -> bool {
    match expr {
        ConditionExpr::And(parts) => parts.iter().all(|part| holds(part, names, is_seen)),
        ConditionExpr::Or(parts) => parts.iter().any(|part| holds(part, names, is_seen)),
        ConditionExpr::Not(part) => !holds(part, names, is_seen),
        ConditionExpr::Identifier(name) => is_seen(name),
        ConditionExpr::Selector { quantifier, pattern } => {
            let mut chosen = names.iter().filter(|name| pattern.matches_detection_name(name));
            match quantifier {
                Quantifier::Any => chosen.any(|name| is_seen(name)),
                Quantifier::All => chosen.all(|name| is_seen(name)),
                Quantifier::Count(least) => {
                    let seen = chosen.filter(|name| is_seen(name)).count();
                    u64::try_from(seen).is_ok_and(|seen| seen >= *least)
                }
            }
        }
    }
}
