//! Zeek logs in its own form: `conn.log`, `dns.log`, `http.log` and all others.
//!
//! Tabs between the columns (or what `#separator` says), a header that names and types them; a
//! header may come again in the middle. `raw` has the columns under Zeek's names, as numbers,
//! truth values and lists where their types say so; what is unset is left out.

use std::io::BufRead;

use serde_json::{Map, Value};

use crate::limits::COLUMNS_MAX;
use crate::log::lines::{Outcome, read_lines};
use crate::log::{Context, Counts, Head, LogError, LogSource, Record, Sink, time, zeek};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "zeek_tsv",
    title: "Zeek log",
    example: "opt/zeek/logs/current/conn.log",
    standard: "https://docs.zeek.org/en/current/log-formats.html",
    wants,
    read,
};

fn wants(head: &Head<'_>) -> bool {
    let first = head.lines().first().map(String::as_str).unwrap_or_default();
    first.starts_with("#separator ") || first.starts_with("#fields\t")
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    let mut log = Log::default();
    read_lines(input, sink, &mut |line| match line.strip_prefix('#') {
        Some(header) => match log.header(header) {
            Ok(()) => Outcome::Nothing,
            Err(reason) => Outcome::Bad(reason),
        },
        None => match log.entry(line, context) {
            Ok(record) => Outcome::Record(record),
            Err(reason) => Outcome::Bad(reason),
        },
    })
}

/// What the header says.
struct Log {
    separator: char,
    set_separator: String,
    empty: String,
    unset: String,
    path: String,
    /// When the log was begun: the time of entries that have no `ts`.
    open_ms: Option<i64>,
    columns: Vec<(String, Kind)>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            separator: '\t',
            set_separator: ",".into(),
            empty: "(empty)".into(),
            unset: "-".into(),
            path: String::new(),
            open_ms: None,
            columns: Vec::new(),
        }
    }
}

/// The kinds of columns that are not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    Float,
    Truth,
    List,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "count" | "int" | "port" => Self::Whole,
            // A time keeps all its digits as text would; as JSON writes it, it is a number.
            "time" | "interval" | "double" => Self::Float,
            "bool" => Self::Truth,
            name if name.starts_with("set[") || name.starts_with("vector[") => Self::List,
            _ => Self::Text,
        }
    }
}

impl Log {
    fn header(&mut self, header: &str) -> Result<(), &'static str> {
        // `#separator` itself is followed by a space.
        if let Some(value) = header.strip_prefix("separator ") {
            self.separator = separator(value).ok_or("`#separator` cannot be read")?;
            return Ok(());
        }
        let (key, value) = header.split_once(self.separator).unwrap_or((header, ""));
        match key {
            "set_separator" => value.clone_into(&mut self.set_separator),
            "empty_field" => value.clone_into(&mut self.empty),
            "unset_field" => value.clone_into(&mut self.unset),
            "path" => value.clone_into(&mut self.path),
            "open" => self.open_ms = opened_ms(value),
            "fields" => {
                let names = value.split(self.separator).take(COLUMNS_MAX);
                self.columns = names.map(|name| (name.to_owned(), Kind::Text)).collect();
            }
            "types" => {
                let kinds = value.split(self.separator).map(Kind::of);
                self.columns.iter_mut().zip(kinds).for_each(|(column, kind)| column.1 = kind);
            }
            _ => {}
        }
        Ok(())
    }

    fn entry(&self, line: &str, context: &Context<'_>) -> Result<Record, &'static str> {
        if self.columns.is_empty() {
            return Err("no `#fields` came before it");
        }
        let mut raw = Map::with_capacity(self.columns.len());
        let mut time_ms = self.open_ms;
        let mut values = line.split(self.separator);
        for (name, kind) in &self.columns {
            let value = values.next().ok_or("it has fewer columns than `#fields`")?;
            if name == "ts" {
                time_ms = time::epoch_s(value);
            }
            if value != self.unset {
                raw.insert(name.clone(), self.value(value, *kind));
            }
        }
        if values.next().is_some() {
            return Err("it has more columns than `#fields`");
        }
        let time_ms = time_ms.ok_or("its `ts` is no time")?;
        Ok(zeek::record(raw, &self.path, time_ms, context))
    }

    fn value(&self, text: &str, kind: Kind) -> Value {
        let typed = match kind {
            Kind::Text => None,
            Kind::Whole => text.parse::<i64>().ok().map(Value::from),
            Kind::Float => text.parse::<f64>().ok().map(Value::from),
            Kind::Truth => match text {
                "T" => Some(Value::Bool(true)),
                "F" => Some(Value::Bool(false)),
                _ => None,
            },
            Kind::List if text == self.empty => Some(Value::Array(Vec::new())),
            Kind::List => {
                let items = text.split(self.set_separator.as_str());
                Some(items.map(|item| Value::String(unescaped(item))).collect())
            }
        };
        match typed {
            Some(value) => value,
            None if text == self.empty => Value::String(String::new()),
            None => Value::String(unescaped(text)),
        }
    }
}

/// `2026-03-01-08-00-00`.
fn opened_ms(text: &str) -> Option<i64> {
    let (date, clock) = text.split_at_checked(10)?;
    time::iso(&format!("{date} {}", clock.strip_prefix('-')?.replace('-', ":")), 0)
}

/// `\x09`, or the character itself.
fn separator(value: &str) -> Option<char> {
    match value.strip_prefix("\\x") {
        Some(hex) => u8::from_str_radix(hex, 16).ok().filter(u8::is_ascii).map(char::from),
        None => value.chars().next(),
    }
}

/// Zeek writes bytes that are not printable as `\x0a`.
fn unescaped(text: &str) -> String {
    if !text.contains("\\x") {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        rest = match after.split_at_checked(2).map(|(hex, r)| (u8::from_str_radix(hex, 16), r)) {
            Some((Ok(byte), left)) => {
                bytes.push(byte);
                left
            }
            _ => {
                bytes.extend_from_slice(b"\\x");
                after
            }
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::ControlFlow;

    fn read_all(text: &str) -> (Vec<Record>, Counts) {
        let mut records = Vec::new();
        let mut sink = |record| {
            records.push(record);
            ControlFlow::Continue(())
        };
        let counts = read(&mut text.as_bytes(), &Context::default(), &mut sink).unwrap();
        (records, counts)
    }

    #[test]
    fn the_header_says_what_the_columns_are() {
        let (records, counts) = read_all(
            "#separator \\x7c\n#set_separator|;\n#empty_field|E\n#unset_field|U\n#path|dns\n\
             #fields|ts|query|rcode|answers|AA\n#types|time|string|count|vector[string]|bool\n\
             1772352000.5|a\\x2eexample|0|192.0.2.1;192.0.2.2|T\n1772352001|U|U|E|F\n1|2\n",
        );
        assert_eq!((counts.records, counts.bad), (2, 1), "{counts:?}");
        let raw = &records[0].raw;
        assert_eq!(raw["query"], "a.example");
        assert_eq!(raw["answers"], serde_json::json!(["192.0.2.1", "192.0.2.2"]));
        assert_eq!((&raw["rcode"], &raw["AA"]), (&0.into(), &true.into()));
        assert_eq!((records[0].time_ms, records[0].class_uid), (1_772_352_000_500, 4_003));
        assert!(!records[1].raw.contains_key("query"));
    }

    #[test]
    fn an_entry_without_time_has_the_time_at_which_the_log_was_begun() {
        let (records, _) = read_all(
            "#path\tloaded_scripts\n#open\t2026-03-01-08-00-00\n#fields\tname\n#types\tstring\nx\n",
        );
        assert_eq!(records[0].time_ms, 1_772_352_000_000);
    }

    #[test]
    fn entries_before_a_header_are_bad() {
        assert_eq!(read_all("1772352000.5\ta\n").1.bad, 1);
    }
}
