//! The values of one event, by the fields that rules name.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::canonical::{self, View};

use super::atom::Field;
use super::fields::{FieldKind, Names};
use super::limits::{EVENT_DEPTH_MAX, VALUE_BYTES_MAX, VALUES_OF_EVENT_MAX};
use super::text::fold;

/// A value without its text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Text,
    Number(f64),
    Bool(bool),
    Null,
}

/// One value of one field.
#[derive(Debug)]
pub(super) struct Fact<'e> {
    pub scalar: Scalar,
    text: Cow<'e, str>,
    /// In lower case; `None` where that is the text itself.
    folded: Option<String>,
    /// The canonical view of a command line.
    pub view: Option<View>,
    /// The next value of the same field, plus one.
    next: u16,
}

/// The values of an event.
#[derive(Debug)]
pub(super) struct Facts<'e> {
    /// For each field of the pack the place of its first value plus one.
    first: Vec<u16>,
    facts: Vec<Fact<'e>>,
    fields: Vec<Field>,
    /// By field: whether anything asks for it.
    asked: &'e [bool],
}

impl<'e> Fact<'e> {
    fn new(scalar: Scalar, text: Cow<'e, str>, kind: FieldKind) -> Self {
        let view = match kind {
            FieldKind::Plain => None,
            FieldKind::CommandLine => Some(canonical::view(&text, canonical::Text::CommandLine)),
            FieldKind::Script => canonical::is_disguised(&text)
                .then(|| canonical::view(&text, canonical::Text::Script)),
        };
        let is_folded = text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
        let folded = (!is_folded).then(|| fold(&text));
        Self { scalar, text, folded, view, next: 0 }
    }

    /// The text, in lower case unless `cased`.
    pub(super) fn as_text(&self, cased: bool) -> &str {
        match &self.folded {
            Some(folded) if !cased => folded,
            _ => &self.text,
        }
    }

    /// The number that it is or says; hexadecimal with `0x`.
    pub(super) fn as_number(&self) -> Option<f64> {
        match self.scalar {
            Scalar::Number(number) => Some(number),
            Scalar::Text => {
                let text = self.text.trim();
                match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                    #[expect(clippy::cast_precision_loss, reason = "rules compare small numbers")]
                    Some(hex) => u64::from_str_radix(hex, 16).ok().map(|number| number as f64),
                    None if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                        text.parse().ok()
                    }
                    None => None,
                }
            }
            Scalar::Bool(_) | Scalar::Null => None,
        }
    }
}

impl<'e> Facts<'e> {
    pub(super) fn new(names: &Names, asked: &'e [bool]) -> Self {
        Self {
            asked,
            first: vec![0; names.len()],
            facts: Vec::with_capacity(32),
            fields: Vec::with_capacity(32),
        }
    }

    /// Takes in every field of an event that a rule names, under the event's own name and under
    /// those of the log source's mapping.
    pub(super) fn add_event(&mut self, raw: &'e Map<String, Value>, names: &Names, mapping: usize) {
        let mut path = String::new();
        self.add_object(raw, names, mapping, &mut path, 0);
    }

    fn add_object(
        &mut self,
        object: &'e Map<String, Value>,
        names: &Names,
        mapping: usize,
        path: &mut String,
        depth: usize,
    ) {
        for (key, value) in object {
            let kept = path.len();
            if kept > 0 {
                path.push('.');
                path.push_str(key);
            }
            let name: &str = if kept > 0 { path } else { key };
            self.add_named(name, value, names, mapping);
            if let Some(other) = other_name(name) {
                self.add_named(&other, value, names, mapping);
            }
            if let Value::Object(inner) = value
                && depth < EVENT_DEPTH_MAX
            {
                if kept == 0 {
                    path.push_str(key);
                }
                self.add_object(inner, names, mapping, path, depth + 1);
            }
            path.truncate(kept);
        }
    }

    fn add_named(&mut self, name: &str, value: &'e Value, names: &Names, mapping: usize) {
        for (field, convert) in names.of(name, mapping) {
            if self.asked.get(usize::from(field.0)) != Some(&true) {
                continue;
            }
            match convert {
                Some(convert) => {
                    if let Some(text) = value.as_str() {
                        self.add_text(field, convert(text), names);
                    }
                }
                None => self.add_value(field, value, names, 0),
            }
        }
    }

    fn add_value(&mut self, field: Field, value: &'e Value, names: &Names, depth: usize) {
        let (scalar, text) = match value {
            Value::String(text) => (Scalar::Text, Cow::Borrowed(cut(text))),
            Value::Number(number) => (
                Scalar::Number(number.as_f64().unwrap_or_default()),
                Cow::Owned(number.to_string()),
            ),
            Value::Bool(value) => {
                (Scalar::Bool(*value), Cow::Borrowed(if *value { "true" } else { "false" }))
            }
            Value::Null => (Scalar::Null, Cow::Borrowed("")),
            Value::Array(items) => {
                if depth < EVENT_DEPTH_MAX {
                    for item in items {
                        self.add_value(field, item, names, depth + 1);
                    }
                }
                return;
            }
            Value::Object(_) => return,
        };
        self.push(field, Fact::new(scalar, text, names.kind(field)));
    }

    /// Takes in a value that a mapping made.
    pub(super) fn add_text(&mut self, field: Field, text: Cow<'e, str>, names: &Names) {
        self.push(field, Fact::new(Scalar::Text, text, names.kind(field)));
    }

    /// Takes in every value of an event for rules that look for words anywhere.
    pub(super) fn add_words(&mut self, field: Field, raw: &'e Map<String, Value>) {
        for value in raw.values() {
            self.add_words_of(field, value, 0);
        }
    }

    fn add_words_of(&mut self, field: Field, value: &'e Value, depth: usize) {
        match value {
            Value::String(text) => {
                let text = Cow::Borrowed(cut(text));
                self.push(field, Fact::new(Scalar::Text, text, FieldKind::Plain));
            }
            Value::Number(number) => {
                let scalar = Scalar::Number(number.as_f64().unwrap_or_default());
                let text = Cow::Owned(number.to_string());
                self.push(field, Fact::new(scalar, text, FieldKind::Plain));
            }
            Value::Array(items) if depth < EVENT_DEPTH_MAX => {
                for item in items {
                    self.add_words_of(field, item, depth + 1);
                }
            }
            Value::Object(inner) if depth < EVENT_DEPTH_MAX => {
                for item in inner.values() {
                    self.add_words_of(field, item, depth + 1);
                }
            }
            _ => {}
        }
    }

    fn push(&mut self, field: Field, mut fact: Fact<'e>) {
        if self.facts.len() >= VALUES_OF_EVENT_MAX {
            return;
        }
        let place = u16::try_from(self.facts.len() + 1).unwrap_or(u16::MAX);
        if let Some(first) = self.first.get_mut(usize::from(field.0)) {
            fact.next = *first;
            *first = place;
            self.facts.push(fact);
            self.fields.push(field);
        }
    }

    /// The values of a field.
    pub(super) fn of(&self, field: Field) -> impl Iterator<Item = &Fact<'e>> {
        let mut next = self.first.get(usize::from(field.0)).copied().unwrap_or_default();
        std::iter::from_fn(move || {
            let fact = self.facts.get(usize::from(next.checked_sub(1)?))?;
            next = fact.next;
            Some(fact)
        })
    }

    /// Whether the event has the field.
    pub(super) fn has(&self, field: Field) -> bool {
        self.first.get(usize::from(field.0)).is_some_and(|first| *first > 0)
    }

    /// All values with their fields.
    pub(super) fn all(&self) -> impl Iterator<Item = (Field, &Fact<'e>)> {
        self.fields.iter().copied().zip(&self.facts)
    }

    /// How often disguises were taken off, over all fields.
    pub(super) fn marks(&self) -> u32 {
        self.facts.iter().filter_map(|fact| fact.view.as_ref()).map(|view| view.marks.count()).sum()
    }
}

/// Another name that rules know a field by: without the spaces that some Windows providers have in
/// names, and without the objects in which shippers keep the event's own fields.
fn other_name(name: &str) -> Option<String> {
    match name.strip_prefix("winlog.event_data.") {
        Some(own) => Some(own.to_owned()),
        None if name.contains(' ') => Some(name.replace(' ', "")),
        None => None,
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(VALUE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
