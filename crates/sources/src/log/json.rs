//! JSON records: one a line, one after the other, in one list, or in a list under a known key;
//! pretty-printed or not. Depth, fields and bytes of each are bounded.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead};
use std::ops::ControlFlow;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::bytes::Window;
use super::lines::{TOO_LONG, cut_short};
use super::{Context, Counts, LogError, Record, Sink};
use crate::limits::{FIELDS_MAX, JSON_DEPTH_MAX, RECORD_BYTES_MAX};

/// Makes a record of an object; the reason where it is none.
pub(crate) type Convert = fn(Map<String, Value>, &Context<'_>) -> Result<Record, &'static str>;

/// Reads a log whose records are JSON objects. `list` is the key of an object that only wraps a
/// list of records, such as `Records`.
pub(crate) fn read_json(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
    list: Option<&str>,
    convert: Convert,
) -> Result<Counts, LogError> {
    read_json_split(input, sink, list, &mut |map, records| {
        records.push(convert(map, context)?);
        Ok(())
    })
}

/// Makes records of an object that may hold several; the reason where it holds none.
pub(crate) type Split<'a> =
    dyn FnMut(Map<String, Value>, &mut Vec<Record>) -> Result<(), &'static str> + 'a;

/// The same for objects that hold several records.
pub(crate) fn read_json_split(
    input: &mut dyn BufRead,
    sink: &mut Sink<'_>,
    list: Option<&str>,
    split: &mut Split<'_>,
) -> Result<Counts, LogError> {
    let mut counts = Counts::default();
    let mut objects = Objects::new(input, list);
    let mut records = Vec::new();
    loop {
        let (line, item) = match objects.next() {
            Ok(Some(item)) => (objects.line, item),
            Ok(None) => return Ok(counts),
            Err(error) => return cut_short(counts, error),
        };
        match item {
            Item::Bad(reason) => counts.bad(|| format!("line {line}"), reason),
            Item::Object { map, lossy } => match split(map, &mut records) {
                Ok(()) => counts.lossy += u64::from(lossy),
                Err(reason) => counts.bad(|| format!("line {line}"), reason),
            },
        }
        for record in records.drain(..) {
            if let ControlFlow::Break(()) = counts.record(record, sink) {
                return Ok(counts);
            }
        }
    }
}

/// One item of a stream of JSON objects.
#[derive(Debug, PartialEq)]
pub(crate) enum Item {
    /// An object; `lossy` if its text was not UTF-8.
    Object { map: Map<String, Value>, lossy: bool },
    /// Something that could not be read.
    Bad(String),
}

/// The objects of a stream.
pub(crate) struct Objects<'r> {
    window: Window<'r>,
    /// `"key"`, of an object that only wraps a list.
    list: Option<Vec<u8>>,
    /// Whether the last object was one line: then the next is taken for one too.
    by_line: bool,
    /// The line on which the last item begins.
    pub line: u64,
}

impl<'r> Objects<'r> {
    pub fn new(input: &'r mut dyn BufRead, list: Option<&str>) -> Self {
        let list = list.map(|key| format!("\"{key}\"").into_bytes());
        Self { window: Window::new(input), list, by_line: true, line: 1 }
    }

    /// The next object; `None` at the end of the stream.
    pub fn next(&mut self) -> io::Result<Option<Item>> {
        loop {
            if !self.skip_between()? {
                return Ok(None);
            }
            self.line = self.window.line();
            if self.window.data().first() != Some(&b'{') {
                self.window.take_line()?;
                return Ok(Some(Item::Bad("no JSON object begins here".into())));
            }
            if self.open_list()? {
                continue;
            }
            if self.by_line
                && let Some(item) = self.whole_line()?
            {
                return Ok(Some(item));
            }
            return self.balanced().map(Some);
        }
    }

    /// Skips what stands between objects; `false` at the end of the stream.
    fn skip_between(&mut self) -> io::Result<bool> {
        loop {
            let data = self.window.data();
            let between = |byte: &u8| {
                matches!(
                    byte,
                    b' ' | b'\t'
                        | b'\r'
                        | b'\n'
                        | b','
                        | b'['
                        | b']'
                        | b'}'
                        | 0x1e
                        | 0xef
                        | 0xbb
                        | 0xbf
                )
            };
            let skip = data.iter().position(|byte| !between(byte)).unwrap_or(data.len());
            self.window.take(skip);
            if !self.window.data().is_empty() {
                return Ok(true);
            }
            if !self.window.fill()? {
                return Ok(false);
            }
        }
    }

    /// Takes `{"key":[` off, if the window begins so.
    fn open_list(&mut self) -> io::Result<bool> {
        let Some(key) = &self.list else { return Ok(false) };
        // The window must hold the whole beginning to tell; white space in it is bounded.
        while self.window.data().len() < key.len() + 64 {
            if !self.window.fill()? {
                break;
            }
        }
        let data = self.window.data();
        let rest = |data: &'_ [u8], prefix: &[u8]| -> Option<usize> {
            data.trim_ascii_start().strip_prefix(prefix).map(<[u8]>::len)
        };
        let tail = |left: usize| data.get(data.len() - left..).unwrap_or_default();
        let opened = rest(data, b"{")
            .and_then(|left| rest(tail(left), key))
            .and_then(|left| rest(tail(left), b":"))
            .and_then(|left| rest(tail(left), b"["));
        let len = data.len();
        if let Some(left) = opened {
            self.window.take(len - left);
            self.by_line = false;
        }
        Ok(opened.is_some())
    }

    /// The object that fills the line; `None` if it goes on, or the line holds more than it.
    fn whole_line(&mut self) -> io::Result<Option<Item>> {
        let mut searched = 0;
        let end = loop {
            let data = self.window.data();
            if let Some(at) = memchr::memchr(b'\n', data.get(searched..).unwrap_or_default()) {
                break searched + at;
            }
            searched = data.len();
            if searched > RECORD_BYTES_MAX || !self.window.fill()? {
                break searched;
            }
        };
        let line = self.window.data().get(..end).unwrap_or_default().trim_ascii_end();
        if !line.ends_with(b"}") || line.len() > RECORD_BYTES_MAX {
            return Ok(None);
        }
        let item = match parse(line) {
            // It goes on, or something comes after it.
            Err(error) if error.is_eof() || is_trailing(&error) => return Ok(None),
            result => item(result, line),
        };
        self.window.take(end + 1);
        Ok(Some(item))
    }

    /// The object that begins here, by its braces.
    fn balanced(&mut self) -> io::Result<Item> {
        let mut scan = Scan::default();
        let end = loop {
            match scan.run(self.window.data()) {
                Step::End(end) => break end,
                Step::Broken(at, reason) => {
                    self.window.take(at);
                    self.by_line = true;
                    return Ok(Item::Bad(reason.into()));
                }
                Step::More if scan.at > RECORD_BYTES_MAX => {
                    self.window.take_line()?;
                    return Ok(Item::Bad(TOO_LONG.into()));
                }
                Step::More => {
                    if !self.window.fill()? {
                        self.window.take(scan.at);
                        return Ok(Item::Bad("the file ends inside an object".into()));
                    }
                }
            }
        };
        let object = self.window.data().get(..end).unwrap_or_default();
        let item = item(parse(object), object);
        let after = self.window.data().get(end..).unwrap_or_default();
        self.by_line = !object.contains(&b'\n') && matches!(after.first(), Some(b'\n' | b'\r'));
        self.window.take(end);
        Ok(item)
    }
}

/// Looks for the end of an object.
#[derive(Default)]
struct Scan {
    at: usize,
    depth: usize,
    in_text: bool,
    escaped: bool,
    line_start: bool,
}

enum Step {
    /// The object ends before this byte.
    End(usize),
    /// It is broken; what follows begins at this byte.
    Broken(usize, &'static str),
    /// Its end is not in sight.
    More,
}

impl Scan {
    fn run(&mut self, data: &[u8]) -> Step {
        for byte in data.get(self.at..).unwrap_or_default() {
            let (at, line_start) = (self.at, std::mem::take(&mut self.line_start));
            self.at += 1;
            match byte {
                // JSON has no line end inside text: the line was cut.
                b'\n' if self.in_text => return Step::Broken(at + 1, "the line ends inside text"),
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_text => self.escaped = true,
                b'"' => self.in_text = !self.in_text,
                _ if self.in_text => {}
                b'\n' => self.line_start = true,
                // Nobody prints an inner object at the margin: a new record begins.
                b'{' if line_start && self.depth > 0 => {
                    return Step::Broken(at, "another object begins inside this one");
                }
                b'{' => self.depth += 1,
                b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Step::End(at + 1);
                    }
                }
                _ => {}
            }
        }
        Step::More
    }
}

fn is_trailing(error: &serde_json::Error) -> bool {
    error.is_syntax() && error.to_string().starts_with("trailing characters")
}

fn item(result: serde_json::Result<Map<String, Value>>, bytes: &[u8]) -> Item {
    match result {
        Ok(map) => Item::Object { map, lossy: false },
        Err(error) => match std::str::from_utf8(bytes) {
            Ok(_) => Item::Bad(error.to_string()),
            Err(_) => match parse(String::from_utf8_lossy(bytes).as_bytes()) {
                Ok(map) => Item::Object { map, lossy: true },
                Err(error) => Item::Bad(error.to_string()),
            },
        },
    }
}

/// Parses one object of bounded depth and number of fields.
pub(crate) fn parse(bytes: &[u8]) -> serde_json::Result<Map<String, Value>> {
    let fields = Cell::new(0);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let map = (&mut deserializer).deserialize_map(MapSeed { fields: &fields, depth: 0 })?;
    deserializer.end()?;
    Ok(map)
}

/// Reads any value, counting what is in it.
#[derive(Clone, Copy)]
pub(crate) struct ValueSeed<'c> {
    fields: &'c Cell<usize>,
    depth: usize,
}

impl<'c> ValueSeed<'c> {
    /// Counts into `fields`, from the outermost level on.
    pub fn new(fields: &'c Cell<usize>) -> Self {
        Self { fields, depth: 0 }
    }

    /// Counts one more field.
    pub fn count<E: serde::de::Error>(self) -> Result<(), E> {
        self.fields.set(self.fields.get() + 1);
        if self.fields.get() > FIELDS_MAX {
            return Err(E::custom(format_args!("over the limit of {FIELDS_MAX} fields")));
        }
        Ok(())
    }

    /// The seed of what is one level deeper.
    pub fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= JSON_DEPTH_MAX {
            return Err(E::custom(format_args!("over the limit of {JSON_DEPTH_MAX} levels")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(value) = seq.next_element_seed(inner)? {
            self.count()?;
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        MapSeed { fields: self.fields, depth: self.depth }.visit_map(map).map(Value::Object)
    }
}

/// Reads an object.
struct MapSeed<'c> {
    fields: &'c Cell<usize>,
    depth: usize,
}

impl<'de> Visitor<'de> for MapSeed<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let seed = ValueSeed { fields: self.fields, depth: self.depth };
        let inner = seed.deeper::<A::Error>()?;
        let mut map = Map::with_capacity(if self.depth == 0 { 32 } else { 4 });
        while let Some(key) = access.next_key::<String>()? {
            seed.count()?;
            map.insert(key, access.next_value_seed(inner)?);
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::testing::Repeat;
    use std::io::BufReader;

    fn items(text: &[u8], list: Option<&str>) -> Vec<Result<String, String>> {
        // A small buffer, so that records do not end where reads do.
        let mut input = BufReader::with_capacity(7, text);
        let mut objects = Objects::new(&mut input, list);
        let mut items = Vec::new();
        while let Some(item) = objects.next().unwrap() {
            items.push(match item {
                Item::Object { map, .. } => Ok(Value::Object(map).to_string()),
                Item::Bad(reason) => Err(format!("{}: {reason}", objects.line)),
            });
        }
        items
    }

    #[test]
    fn the_same_objects_come_out_of_every_way_to_write_them() {
        let expected = vec![Ok(r#"{"a":"}{"}"#.to_owned()), Ok(r#"{"b":[{"c":1}]}"#.to_owned())];
        for text in [
            "{\"a\":\"}{\"}\n{\"b\":[{\"c\":1}]}\n",
            "\u{feff}{\"a\":\"}{\"}\r\n\r\n{\"b\":[{\"c\":1}]}",
            "[{\"a\":\"}{\"},{\"b\":[{\"c\":1}]}]",
            "[\n{\"a\":\"}{\"},\n{\"b\":[{\"c\":1}]}\n]\n",
            "[\n  {\n    \"a\": \"}{\"\n  },\n  {\n    \"b\": [\n{\"c\": 1}]\n  }\n]"
                .replace("\n{\"c\"", "\n {\"c\"")
                .as_str(),
            "{\"a\":\"}{\"}{\"b\":[{\"c\":1}]}",
            "\u{1e}{\"a\":\"}{\"}\n\u{1e}{\"b\":[{\"c\":1}]}\n",
            "{\"Records\":[{\"a\":\"}{\"},{\"b\":[{\"c\":1}]}]}",
            "{\n  \"Records\" : [\n  {\"a\":\"}{\"},\n  {\"b\":[{\"c\":1}]} ]\n}\n",
        ] {
            assert_eq!(items(text.as_bytes(), Some("Records")), expected, "{text}");
        }
    }

    #[test]
    fn a_cut_line_costs_only_itself() {
        let found =
            items(b"{\"a\":1}\n{\"b\":\"cut\n{\"c\":1}\n{\"d\":[1,\n{\"e\":1}\nx\n{}", None);
        let bad: Vec<_> = found.iter().filter_map(|item| item.as_ref().err()).collect();
        assert_eq!(
            bad,
            [
                "2: the line ends inside text",
                "4: another object begins inside this one",
                "6: no JSON object begins here"
            ]
        );
        let good: Vec<_> = found.iter().filter_map(|item| item.as_ref().ok()).collect();
        assert_eq!(good, [r#"{"a":1}"#, r#"{"c":1}"#, r#"{"e":1}"#, "{}"]);
    }

    #[test]
    fn what_is_not_utf_8_is_replaced_not_lost() {
        let mut input = &b"{\"a\":\"\xff/bin/sh\"}\n"[..];
        let item = Objects::new(&mut input, None).next().unwrap().unwrap();
        let map = parse("{\"a\":\"\u{fffd}/bin/sh\"}".as_bytes()).unwrap();
        assert_eq!(item, Item::Object { map, lossy: true });
    }

    #[test]
    fn a_million_levels_and_a_million_fields_are_bad_not_fatal() {
        for (text, limit) in [
            ("{\"a\":".repeat(1_000_000), "the file ends"),
            (format!("{{\"a\":{}1{}}}", "[".repeat(999_999), "]".repeat(999_999)), "64 levels"),
            (format!("{{\"a\":[{}1]}}", "1,".repeat(900_000)), "16384 fields"),
        ] {
            let found = items(format!("{text}\n{{}}\n").as_bytes(), None);
            assert!(found.iter().any(std::result::Result::is_err), "{limit}");
            if !limit.starts_with("the file") {
                assert!(found[0].as_ref().unwrap_err().contains(limit), "{found:?}");
                assert_eq!(found[1], Ok("{}".into()));
            }
        }
    }

    #[test]
    fn an_object_without_end_is_left_out_within_bounded_memory() {
        let long = Repeat::new(b"{\"a\":\"b\",\"c\":", 32 << 20).chain_bytes(b"\n{\"d\":1}\n");
        let mut input = BufReader::new(long);
        let mut objects = Objects::new(&mut input, None);
        assert_eq!(objects.next().unwrap(), Some(Item::Bad(TOO_LONG.into())));
        assert!(matches!(objects.next().unwrap(), Some(Item::Object { .. })));
        assert_eq!(objects.line, 2);
    }
}
