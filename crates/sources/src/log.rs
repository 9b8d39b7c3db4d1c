//! What a log source is: one file of `src/logs`, listed by the build script.
//!
//! Each of those files has the same parts in the same order: `//!` documentation for users, the
//! descriptor `SOURCE`, a cheap `wants` that looks at the first bytes, a `read` that streams, and
//! its tests. A record that cannot be read is counted and its place is kept; the records around it
//! are read all the same.

pub(crate) mod audit;
pub(crate) mod bytes;
pub(crate) mod journal;
pub(crate) mod json;
pub(crate) mod lines;
pub(crate) mod ocsf;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod time;
pub(crate) mod unix;
pub(crate) mod utf16;
pub(crate) mod windows;
pub(crate) mod zeek;

mod head;
pub mod open;

use std::io::BufRead;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use head::Head;

use crate::limits::{BAD_PLACES_MAX, RECORDS_MAX};

/// Takes the records of a file, one after the other; `Break` ends the reading.
pub type Sink<'a> = dyn FnMut(Record) -> ControlFlow<()> + 'a;

/// Reads a stream of records.
pub type Read = fn(&mut dyn BufRead, &Context<'_>, &mut Sink<'_>) -> Result<Counts, LogError>;

/// The descriptor of a log source.
#[derive(Clone, Copy, Debug)]
pub struct LogSource {
    /// Its name: that of its file without `.rs`, and of its folder of test data.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Where such a file usually stands, as an example.
    pub example: &'static str,
    /// The document that says what its fields mean.
    pub standard: &'static str,
    /// Whether a file that begins like this is one. The content tells; the name is only a hint.
    pub wants: fn(&Head<'_>) -> bool,
    /// Reads it.
    pub read: Read,
}

/// What a reader is told of the file beside its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// The file's name, for people.
    pub file: &'a str,
    /// The host whose file it is; used where the records themselves do not tell. May be empty.
    pub host: &'a str,
    /// When the file was last changed, milliseconds since the Unix epoch: the year of times that
    /// have none is taken from here.
    pub modified_ms: i64,
    /// Seconds east of UTC of times that name no zone.
    pub utc_offset_s: i32,
}

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When it happened, milliseconds since the Unix epoch; 0 where the record does not tell.
    pub time_ms: i64,
    /// The name of the host it happened on; empty where nothing tells.
    pub host: String,
    /// The OCSF `class_uid`; 0 (Base Event) for what has no class of its own here.
    pub class_uid: u32,
    /// The OCSF view.
    pub ocsf: Map<String, Value>,
    /// The source's own fields, by the names that the source gives them.
    pub raw: Map<String, Value>,
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bad {
    /// Where it stands: `line 7`, `chunk 2`.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What was read of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records handed over.
    pub records: u64,
    /// Of these, records whose text was not UTF-8: what is wrong in it became U+FFFD.
    pub lossy: u64,
    /// Records that could not be read.
    pub bad: u64,
    /// The first of those, with their places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first_bad: Vec<Bad>,
    /// Why the reading ended before the end of the file: what follows is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_early: Option<String>,
}

impl Counts {
    /// Counts a record that could not be read.
    pub fn bad(&mut self, place: impl FnOnce() -> String, reason: impl AsRef<str>) {
        self.bad += 1;
        if self.first_bad.len() < BAD_PLACES_MAX {
            let reason = crate::ecosystem::one_line(reason.as_ref());
            self.first_bad.push(Bad { place: place(), reason });
        }
    }

    /// Hands a record over; `Break` if the sink wants no more, or the limit of records is hit.
    pub fn record(&mut self, record: Record, sink: &mut Sink<'_>) -> ControlFlow<()> {
        self.records += 1;
        if self.records > RECORDS_MAX {
            self.records -= 1;
            self.ended_early = Some(format!("over the limit of {RECORDS_MAX} records"));
            return ControlFlow::Break(());
        }
        sink(record)
    }

    /// Adds what was read of another file.
    pub fn add(&mut self, other: Self) {
        self.records += other.records;
        self.lossy += other.lossy;
        self.bad += other.bad;
        let room = BAD_PLACES_MAX.saturating_sub(self.first_bad.len());
        self.first_bad.extend(other.first_bad.into_iter().take(room));
        self.ended_early = self.ended_early.take().or(other.ended_early);
    }
}

/// Why nothing of a file could be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file is not what its beginning promises.
    #[error("{message}")]
    Format {
        /// What is wrong.
        message: String,
    },
    /// The file cannot be read, or not be unpacked.
    #[error("the file cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

impl LogError {
    /// A file that is not what its beginning promises.
    pub fn format(message: impl AsRef<str>) -> Self {
        Self::Format { message: crate::ecosystem::one_line(message.as_ref()) }
    }
}

/// The value of a field as text, where it is one.
pub(crate) fn text<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    map.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// The value of a field as a whole number: a number, or text in decimal or with `0x`.
pub(crate) fn int(map: &Map<String, Value>, key: &str) -> Option<i64> {
    value_int(map.get(key)?)
}

/// A value as a whole number.
pub(crate) fn value_int(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            #[expect(clippy::cast_possible_truncation, reason = "a fraction of a unit is dropped")]
            number.as_f64().map(|float| float as i64)
        }),
        Value::String(text) => parse_int(text),
        _ => None,
    }
}

/// Text in decimal or with `0x` as a whole number.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok().and_then(|value| i64::try_from(value).ok()),
        None => text.parse().ok(),
    }
}

/// The value at a path of nested objects.
pub(crate) fn at<'a>(map: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(map.get(*first)?, |value, key| value.get(*key))
}

/// The text at a path of nested objects.
pub(crate) fn text_at<'a>(map: &'a Map<String, Value>, path: &[&str]) -> Option<&'a str> {
    at(map, path)?.as_str().filter(|text| !text.is_empty())
}
