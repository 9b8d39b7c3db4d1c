//! Looking things up in an event without minding whether they are there.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::observed::Observed;

/// The fields of one event.
pub struct Fields<'a> {
    ocsf: &'a Map<String, Value>,
    raw: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub fn of(event: &Observed<'a>) -> Self {
        Self { ocsf: event.ocsf, raw: event.raw }
    }

    /// The OCSF value at a path such as `actor.process.name`.
    fn value(&self, path: &str) -> Option<&'a Value> {
        let mut parts = path.split('.');
        let first = self.ocsf.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }

    /// The text at a path; nothing where it is empty or no text.
    pub fn text(&self, path: &str) -> Option<&'a str> {
        self.value(path)?.as_str().filter(|text| !text.is_empty())
    }

    /// The first of several paths that holds a text.
    pub fn first(&self, paths: &[&str]) -> Option<&'a str> {
        paths.iter().find_map(|path| self.text(path))
    }

    /// The number at a path.
    pub fn number(&self, path: &str) -> Option<i64> {
        let value = self.value(path)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    /// A field by the name that the source gives it, as text.
    pub fn raw(&self, name: &str) -> Option<Cow<'a, str>> {
        match self.raw.get(name)? {
            Value::String(text) if !text.is_empty() => Some(Cow::Borrowed(text)),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            _ => None,
        }
    }
}
