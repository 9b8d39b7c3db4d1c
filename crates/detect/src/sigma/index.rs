//! Which rules are worth asking about an event.
//!
//! For each rule there is a set of keys of which an event must show at least one, or the rule
//! cannot match: a text that stands in a field, or a number that a field has. The texts of a field
//! are searched for all at once (Aho-Corasick); only rules whose key was found are evaluated, and
//! those few that have no key.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::atom::{Atom, Field, Order, Test};
use super::compile::Compiler;
use super::expr::Expr;
use super::facts::{Facts, Scalar};
use super::fields::Known;
use super::text::fold;

/// The longest text that is searched for, in bytes. The end of a text tells more than its
/// beginning: paths begin alike.
const LITERAL_BYTES_MAX: usize = 14;
/// Texts below this length are found too often to be worth it.
const LITERAL_BYTES_MIN: usize = 2;

/// Something that an event must show.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Key {
    Text(Field, String),
    Number(Field, i64),
}

/// Finds the rules of an event.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// By field.
    texts: Vec<Option<TextIndex>>,
    numbers: Known<(Field, i64), Vec<u32>>,
    /// Rules without a key, by log source.
    always: Vec<Vec<u32>>,
}

#[derive(Debug)]
struct TextIndex {
    search: AhoCorasick,
    /// For each pattern where its rules end in `rules`.
    ends: Vec<u32>,
    rules: Vec<u32>,
}

/// How often each key is asked for: what many rules ask for is common in events too.
#[derive(Default)]
pub(super) struct Census(HashMap<Key, u32>);

impl Census {
    /// Counts what one more rule asks for.
    pub(super) fn count(&mut self, expr: &Expr, compiler: &Compiler) {
        match expr {
            Expr::Atom(atom) => {
                let atom = compiler.atoms.get(*atom as usize);
                for key in atom.and_then(|atom| keys_of(atom, compiler)).unwrap_or_default() {
                    *self.0.entry(key).or_insert(0) += 1;
                }
            }
            Expr::All(parts) | Expr::Any(parts) | Expr::Count(_, parts) => {
                for part in parts {
                    self.count(part, compiler);
                }
            }
            Expr::Not(_) => {}
        }
    }

    /// How telling a set of keys is: as its least telling key, less for a larger set.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
    fn worth(&self, keys: &[Key]) -> f64 {
        let one = |key: &Key| {
            let length = match key {
                Key::Text(_, text) => text.trim().len() as f64,
                Key::Number(..) => 8.0,
            };
            let asked = self.0.get(key).copied().unwrap_or(1).max(1);
            length - 2.0 * f64::from(asked).log2()
        };
        let least = keys.iter().map(one).fold(f64::INFINITY, f64::min);
        least - (keys.len().max(1) as f64).log2()
    }

    /// The keys of which one must be shown for the condition to hold; `None` where nothing must.
    pub(super) fn keys(&self, expr: &Expr, compiler: &Compiler) -> Option<Vec<Key>> {
        match expr {
            Expr::Atom(atom) => keys_of(compiler.atoms.get(*atom as usize)?, compiler),
            Expr::All(parts) => parts
                .iter()
                .filter_map(|part| self.keys(part, compiler))
                .max_by(|a, b| self.worth(a).total_cmp(&self.worth(b))),
            Expr::Any(parts) => self.union(parts, compiler),
            Expr::Count(least, parts) if *least > 0 => self.union(parts, compiler),
            Expr::Count(..) | Expr::Not(_) => None,
        }
    }

    fn union(&self, parts: &[Expr], compiler: &Compiler) -> Option<Vec<Key>> {
        let mut all = Vec::new();
        for part in parts {
            all.extend(self.keys(part, compiler)?);
        }
        all.sort();
        all.dedup();
        Some(all)
    }
}

/// The keys of one atom.
fn keys_of(atom: &Atom, compiler: &Compiler) -> Option<Vec<Key>> {
    if let Test::Number { order: Order::Equal, bits } = atom.test {
        let number = f64::from_bits(bits);
        #[expect(clippy::cast_possible_truncation, reason = "only whole numbers are keys")]
        return (number.fract() == 0.0).then(|| vec![Key::Number(atom.field, number as i64)]);
    }
    let literals = compiler.literals(atom)?;
    let mut keys: Vec<Key> = Vec::new();
    for literal in literals {
        let text = end_of(&fold(literal));
        if text.len() < LITERAL_BYTES_MIN {
            return None;
        }
        // A text that holds another key's text shows that key too.
        let shown =
            keys.iter().any(|key| matches!(key, Key::Text(_, known) if text.contains(known)));
        if !shown {
            keys.retain(|key| !matches!(key, Key::Text(_, known) if known.contains(&text)));
            keys.push(Key::Text(atom.field, text));
        }
    }
    Some(keys)
}

/// The end of a text, at most [`LITERAL_BYTES_MAX`] long.
fn end_of(text: &str) -> String {
    let mut start = text.len().saturating_sub(LITERAL_BYTES_MAX);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default().to_owned()
}

/// Collects the keys of all rules.
#[derive(Debug, Default)]
pub(super) struct IndexBuilder {
    texts: HashMap<Field, HashMap<String, Vec<u32>>>,
    numbers: Known<(Field, i64), Vec<u32>>,
    always: Vec<Vec<u32>>,
}

impl IndexBuilder {
    pub(super) fn new(log_sources: usize) -> Self {
        Self { always: vec![Vec::new(); log_sources], ..Self::default() }
    }

    pub(super) fn add(&mut self, rule: u32, log_source: u16, keys: Option<Vec<Key>>) {
        let Some(keys) = keys.filter(|keys| !keys.is_empty()) else {
            if let Some(rules) = self.always.get_mut(usize::from(log_source)) {
                rules.push(rule);
            }
            return;
        };
        for key in keys {
            match key {
                Key::Text(field, text) => {
                    self.texts.entry(field).or_default().entry(text).or_default().push(rule);
                }
                Key::Number(field, number) => {
                    self.numbers.entry((field, number)).or_default().push(rule);
                }
            }
        }
    }

    pub(super) fn finish(self, fields: usize) -> Result<Index, String> {
        let mut texts: Vec<Option<TextIndex>> = Vec::new();
        texts.resize_with(fields, || None);
        for (field, patterns) in self.texts {
            let mut patterns: Vec<(String, Vec<u32>)> = patterns.into_iter().collect();
            patterns.sort();
            let search = AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .match_kind(MatchKind::Standard)
                .prefilter(false)
                .build(patterns.iter().map(|(text, _)| text))
                .map_err(|error| error.to_string())?;
            let mut index = TextIndex { search, ends: Vec::new(), rules: Vec::new() };
            for (_, rules) in patterns {
                index.rules.extend(rules);
                index.ends.push(u32::try_from(index.rules.len()).unwrap_or(u32::MAX));
            }
            if let Some(slot) = texts.get_mut(usize::from(field.0)) {
                *slot = Some(index);
            }
        }
        Ok(Index { texts, numbers: self.numbers, always: self.always })
    }
}

impl TextIndex {
    fn search(&self, text: &str, sink: &mut impl FnMut(u32)) {
        for found in self.search.find_overlapping_iter(text) {
            let place = found.pattern().as_usize();
            let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
            let end = self.ends.get(place).copied().unwrap_or_default();
            let range = start.unwrap_or_default() as usize..end as usize;
            self.rules.get(range).into_iter().flatten().for_each(|rule| sink(*rule));
        }
    }
}

impl Index {
    /// How many bytes the searches take.
    pub(super) fn search_bytes(&self) -> usize {
        self.texts.iter().flatten().map(|index| index.search.memory_usage()).sum()
    }

    /// How many rules have no key.
    pub(super) fn keyless(&self) -> usize {
        self.always.iter().map(Vec::len).sum()
    }

    /// Rules without a key.
    pub(super) fn always(&self, log_source: u16) -> &[u32] {
        self.always.get(usize::from(log_source)).map_or(&[], Vec::as_slice)
    }

    /// For each field whether a rule that `is_meant` accepts has a key in it.
    pub(super) fn fields(&self, is_meant: impl Fn(u32) -> bool) -> Vec<bool> {
        let mut fields: Vec<bool> = self
            .texts
            .iter()
            .map(|index| index.as_ref().is_some_and(|i| i.rules.iter().any(|rule| is_meant(*rule))))
            .collect();
        for ((field, _), rules) in &self.numbers {
            if let Some(slot) = fields.get_mut(usize::from(field.0)) {
                *slot |= rules.iter().any(|rule| is_meant(*rule));
            }
        }
        fields
    }

    /// Hands over the rules of which the event shows a key in one of these fields; some more than
    /// once.
    pub(super) fn search(&self, facts: &Facts<'_>, fields: &[bool], mut sink: impl FnMut(u32)) {
        let wanted = |field: &Field| fields.get(usize::from(field.0)) == Some(&true);
        for (field, fact) in facts.all().filter(|(field, _)| wanted(field)) {
            if let Some(Some(index)) = self.texts.get(usize::from(field.0)) {
                let folded = fact.as_text(false);
                index.search(folded, &mut sink);
                if let Some(view) = &fact.view {
                    index.search(&view.text, &mut sink);
                }
            }
            let number = match fact.scalar {
                Scalar::Number(number) => Some(number),
                Scalar::Text => fact.as_number(),
                Scalar::Bool(_) | Scalar::Null => None,
            };
            if let Some(number) = number.filter(|number| number.fract() == 0.0) {
                #[expect(clippy::cast_possible_truncation, reason = "only whole numbers are keys")]
                let rules = self.numbers.get(&(field, number as i64));
                rules.into_iter().flatten().for_each(|rule| sink(*rule));
            }
        }
    }
}
