//! systemd's journal in its export form: `journalctl -o export`.
//!
//! Entries of `FIELD=value` lines with an empty line between them; a value with line ends or
//! other bytes stands behind its length. `raw` keeps the journal's own field names.

use std::io::{self, BufRead};
use std::ops::ControlFlow;

use serde_json::{Map, Value};

use crate::limits::{FIELDS_MAX, RECORD_BYTES_MAX};
use crate::log::bytes::Window;
use crate::log::lines::{TOO_LONG, cut_short, lossy};
use crate::log::{Context, Counts, Head, LogError, LogSource, Sink, journal};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "journald_export",
    title: "systemd journal (export)",
    example: "journal.export",
    standard: "https://systemd.io/JOURNAL_EXPORT_FORMATS/",
    wants,
    read,
};

fn wants(head: &Head<'_>) -> bool {
    let first = head.lines().first().map(String::as_str).unwrap_or_default();
    first.starts_with("__CURSOR=") || first.starts_with("__REALTIME_TIMESTAMP=")
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    let mut counts = Counts::default();
    let mut entries = Entries { window: Window::new(input), line: 1 };
    loop {
        let entry = match entries.next() {
            Ok(None) => return Ok(counts),
            Ok(Some(entry)) => entry,
            Err(error) => return cut_short(counts, error),
        };
        let record = entry.and_then(|(raw, lossy)| Ok((journal::record(raw, context)?, lossy)));
        match record {
            Ok((record, lossy)) => {
                counts.lossy += u64::from(lossy);
                if let ControlFlow::Break(()) = counts.record(record, sink) {
                    return Ok(counts);
                }
            }
            Err(reason) => {
                let line = entries.line;
                counts.bad(|| format!("line {line}"), reason);
            }
        }
    }
}

type Entry = Result<(Map<String, Value>, bool), &'static str>;

struct Entries<'r> {
    window: Window<'r>,
    /// The line on which the last entry begins.
    line: u64,
}

impl Entries<'_> {
    /// The next entry; `None` at the end of the stream.
    fn next(&mut self) -> io::Result<Option<Entry>> {
        let (mut raw, mut was_lossy, mut bytes) = (Map::with_capacity(24), false, 0);
        loop {
            let Some(line) = self.line()? else {
                // A last entry without its empty line is whole all the same.
                return Ok((!raw.is_empty()).then_some(Ok((raw, was_lossy))));
            };
            if raw.is_empty() {
                self.line = self.window.line();
            }
            if line == 0 {
                self.window.take(1);
                if raw.is_empty() {
                    continue;
                }
                return Ok(Some(Ok((raw, was_lossy))));
            }
            bytes += line;
            if bytes > RECORD_BYTES_MAX || raw.len() > FIELDS_MAX {
                return self.skip_entry(TOO_LONG).map(Some);
            }
            let field = self.window.data().get(..line).unwrap_or_default();
            let (key, value) = match memchr::memchr(b'=', field) {
                Some(at) => {
                    let (key, value) = field.split_at(at);
                    let value = lossy(value.get(1..).unwrap_or_default());
                    was_lossy |= value.1;
                    (lossy(key).0.into_owned(), value.0.into_owned())
                }
                None => {
                    let key = lossy(field).0.into_owned();
                    self.window.take(line + 1);
                    match self.binary()? {
                        Ok(value) => (key, value),
                        Err(reason) => return self.skip_entry(reason).map(Some),
                    }
                }
            };
            if let Some(at) = memchr::memchr(b'\n', self.window.data()) {
                self.window.take(at + 1);
            } else {
                let left = self.window.data().len();
                self.window.take(left);
            }
            put(&mut raw, key, value);
        }
    }

    /// Fills the window up to the end of a line; its length. `None` at the end of the stream.
    fn line(&mut self) -> io::Result<Option<usize>> {
        loop {
            let data = self.window.data();
            if let Some(at) = memchr::memchr(b'\n', data) {
                return Ok(Some(at));
            }
            let len = data.len();
            if len > RECORD_BYTES_MAX {
                return Ok(Some(len));
            }
            if !self.window.fill()? {
                return Ok((len > 0).then_some(len));
            }
        }
    }

    /// A value behind its length: 8 bytes, the lowest first. The line end after it stays.
    fn binary(&mut self) -> io::Result<Result<String, &'static str>> {
        while self.window.data().len() < 8 {
            if !self.window.fill()? {
                return Ok(Err("the file ends inside an entry"));
            }
        }
        let length = self.window.data().first_chunk().copied().map_or(0, u64::from_le_bytes);
        let Some(length) = usize::try_from(length).ok().filter(|len| *len <= RECORD_BYTES_MAX)
        else {
            return Ok(Err(TOO_LONG));
        };
        self.window.take(8);
        while self.window.data().len() < length {
            if !self.window.fill()? {
                return Ok(Err("the file ends inside an entry"));
            }
        }
        let value = lossy(self.window.data().get(..length).unwrap_or_default()).0.into_owned();
        self.window.take(length);
        Ok(Ok(value))
    }

    /// Skips to the empty line after a broken entry.
    fn skip_entry(&mut self, reason: &'static str) -> io::Result<Entry> {
        loop {
            match self.line()? {
                None => return Ok(Err(reason)),
                Some(0) => {
                    self.window.take(1);
                    return Ok(Err(reason));
                }
                Some(_) => self.window.take_line()?,
            }
        }
    }
}

/// A field that comes more than once is a list.
fn put(raw: &mut Map<String, Value>, key: String, value: String) {
    match raw.get_mut(&key) {
        Some(Value::Array(list)) => list.push(value.into()),
        Some(first) => *first = Value::Array(vec![std::mem::take(first), value.into()]),
        None => drop(raw.insert(key, value.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &[u8]) -> (Vec<crate::log::Record>, Counts) {
        let mut records = Vec::new();
        let mut sink = |record| {
            records.push(record);
            ControlFlow::Continue(())
        };
        let mut input = io::BufReader::with_capacity(5, text);
        let counts = read(&mut input, &Context::default(), &mut sink).unwrap();
        (records, counts)
    }

    #[test]
    fn a_value_behind_its_length_may_hold_line_ends() {
        let mut text = b"__REALTIME_TIMESTAMP=1772352000000000\nMESSAGE\n".to_vec();
        text.extend(9_u64.to_le_bytes());
        text.extend(b"two\nlines\nA=1\nA=2\n\n__REALTIME_TIMESTAMP=1\n");
        let (records, counts) = read_all(&text);
        assert_eq!((counts.records, counts.bad), (2, 0), "{counts:?}");
        assert_eq!(records[0].raw["MESSAGE"], "two\nlines");
        assert_eq!(records[0].raw["A"], serde_json::json!(["1", "2"]));
    }

    #[test]
    fn a_length_beyond_the_limit_costs_only_its_entry() {
        let mut text = b"__REALTIME_TIMESTAMP=1\nMESSAGE\n".to_vec();
        text.extend(u64::MAX.to_le_bytes());
        text.extend(b"x\n\n__REALTIME_TIMESTAMP=1\n\n");
        let (records, counts) = read_all(&text);
        assert_eq!((records.len(), counts.bad), (1, 1), "{counts:?}");
    }
}
