//! Windows events as XML: what `wevtutil qe` and the event viewer export.
//!
//! `<Event>` elements one after the other, or inside `<Events>`. `raw` is flat under the names
//! that Sigma rules use, as for EVTX.

use std::io::{self, BufRead};
use std::ops::ControlFlow;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde_json::{Map, Value};

use crate::limits::{FIELDS_MAX, JSON_DEPTH_MAX, RECORD_BYTES_MAX};
use crate::log::bytes::Window;
use crate::log::lines::{TOO_LONG, cut_short, lossy};
use crate::log::windows::{self, flat::flatten};
use crate::log::{Context, Counts, Head, LogError, LogSource, Record, Sink, text, time};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "windows_xml",
    title: "Windows events (XML)",
    example: "security.xml",
    standard: "https://learn.microsoft.com/windows/win32/wes/eventschema-schema",
    wants,
    read,
};

fn wants(head: &Head<'_>) -> bool {
    let text = head.lines().concat();
    text.contains("<Event") && text.contains("schemas.microsoft.com/win/2004/08/events/event")
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    let mut counts = Counts::default();
    let mut elements = Elements { window: Window::new(input), line: 1 };
    loop {
        let parsed = match elements.next() {
            Ok(None) => return Ok(counts),
            Ok(Some(Err(reason))) => Err(reason.to_owned()),
            Ok(Some(Ok(bytes))) => {
                let (text, was_lossy) = lossy(&bytes);
                counts.lossy += u64::from(was_lossy);
                parse(&text).and_then(|event| record(event, context))
            }
            Err(error) => return cut_short(counts, error),
        };
        match parsed {
            Ok(record) => {
                if let ControlFlow::Break(()) = counts.record(record, sink) {
                    return Ok(counts);
                }
            }
            Err(reason) => {
                let line = elements.line;
                counts.bad(|| format!("line {line}"), reason);
            }
        }
    }
}

/// The `<Event>` elements of a stream, as bytes.
struct Elements<'r> {
    window: Window<'r>,
    line: u64,
}

impl Elements<'_> {
    fn next(&mut self) -> io::Result<Option<Result<Vec<u8>, &'static str>>> {
        if !self.find_start()? {
            return Ok(None);
        }
        self.line = self.window.line();
        let mut searched = 0;
        loop {
            let data = self.window.data();
            let rest = data.get(searched..).unwrap_or_default();
            if let Some(at) = memchr::memmem::find(rest, b"</Event>") {
                let end = searched + at + b"</Event>".len();
                let element = data.get(..end).unwrap_or_default();
                // Another one that begins inside means that this one was cut; of several, the last
                // is the one that ends here.
                if let Some(at) = last_event_start(element) {
                    self.window.take(at);
                    return Ok(Some(Err("another event begins inside this one")));
                }
                let element = element.to_vec();
                self.window.take(end);
                return Ok(Some(Ok(element)));
            }
            if data.len() > RECORD_BYTES_MAX {
                let at = last_event_start(data).unwrap_or(data.len());
                self.window.take(at);
                return Ok(Some(Err(TOO_LONG)));
            }
            searched = data.len().saturating_sub(b"</Event>".len());
            if !self.window.fill()? {
                let left = self.window.data().len();
                self.window.take(left);
                return Ok(Some(Err("the file ends inside an event")));
            }
        }
    }

    /// Takes off what stands before the next `<Event ` or `<Event>`.
    fn find_start(&mut self) -> io::Result<bool> {
        loop {
            let data = self.window.data();
            let start = event_starts(data).next();
            if let Some(at) = start {
                self.window.take(at);
                return Ok(true);
            }
            let passed = data.len().saturating_sub(b"<Event".len());
            self.window.take(passed);
            if !self.window.fill()? {
                return Ok(false);
            }
        }
    }
}

fn event_starts(data: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memmem::find_iter(data, b"<Event").filter(|at| {
        matches!(data.get(at + b"<Event".len()), Some(b' ' | b'>' | b'\r' | b'\n' | b'\t'))
    })
}

/// The last event that begins after the first byte.
fn last_event_start(data: &[u8]) -> Option<usize> {
    event_starts(data).filter(|at| *at > 0).last()
}

/// An element under construction.
struct Element {
    name: String,
    /// The `Name` attribute of `Data`, under which its value goes.
    label: Option<String>,
    map: Map<String, Value>,
    text: String,
}

/// Parses an element into the shape in which EVTX readers print it.
fn parse(text: &str) -> Result<Map<String, Value>, String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut fields = 0;
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                if open.len() >= JSON_DEPTH_MAX {
                    return Err(format!("over the limit of {JSON_DEPTH_MAX} levels"));
                }
                open.push(element(&start, &mut fields)?);
            }
            Event::Empty(start) => {
                let closed = element(&start, &mut fields)?;
                close(closed, &mut open);
            }
            Event::End(_) => {
                let closed = open.pop().ok_or("an element ends that did not begin")?;
                if open.is_empty() {
                    return Ok(closed.map);
                }
                close(closed, &mut open);
            }
            Event::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text.xml10_content());
                }
            }
            Event::CData(data) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&data.xml10_content());
                }
            }
            Event::GeneralRef(reference) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&entity(&reference));
                }
            }
            Event::Eof => return Err("the event ends too early".into()),
            _ => {}
        }
        if fields > FIELDS_MAX {
            return Err(format!("over the limit of {FIELDS_MAX} fields"));
        }
    }
}

/// A character by its number or its predefined name; anything else stays as it is written.
fn entity(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    match &*reference.xml10_content() {
        "amp" => "&".into(),
        "lt" => "<".into(),
        "gt" => ">".into(),
        "quot" => "\"".into(),
        "apos" => "'".into(),
        other => format!("&{other};"),
    }
}

fn element(start: &BytesStart<'_>, fields: &mut usize) -> Result<Element, String> {
    *fields += 1;
    let mut element = Element {
        name: start.local_name().into_inner().to_owned(),
        label: None,
        map: Map::new(),
        text: String::new(),
    };
    let mut attributes = Map::new();
    for attribute in start.attributes().with_checks(false) {
        *fields += 1;
        let attribute = attribute.map_err(|error| error.to_string())?;
        let key = attribute.key.local_name().into_inner();
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| error.to_string())?;
        if key == "Name" && element.name == "Data" {
            element.label = Some(value.into_owned());
        } else {
            attributes.insert(key.to_owned(), Value::String(value.into_owned()));
        }
    }
    if !attributes.is_empty() {
        element.map.insert("#attributes".into(), Value::Object(attributes));
    }
    Ok(element)
}

/// Puts an element that ended into the one around it.
fn close(mut element: Element, open: &mut [Element]) {
    let Some(parent) = open.last_mut() else { return };
    let text = element.text.trim();
    let value = if element.map.is_empty() {
        number(&element.name, text)
    } else {
        if !text.is_empty() {
            let value = number(&element.name, text);
            element.map.insert("#text".into(), value);
        }
        Value::Object(element.map)
    };
    let name = element.label.unwrap_or(element.name);
    match parent.map.get_mut(&name) {
        Some(Value::Array(list)) => list.push(value),
        Some(first) => *first = Value::Array(vec![std::mem::take(first), value]),
        None => drop(parent.map.insert(name, value)),
    }
}

/// Numbers of `System` are numbers; everything else stays text.
fn number(name: &str, text: &str) -> Value {
    const NUMBERS: [&str; 6] = ["EventID", "Version", "Level", "Task", "Opcode", "EventRecordID"];
    match text.parse::<i64>() {
        Ok(number) if NUMBERS.contains(&name) => Value::from(number),
        _ => Value::from(text),
    }
}

fn record(event: Map<String, Value>, context: &Context<'_>) -> Result<Record, String> {
    let raw = flatten(event);
    if !raw.contains_key("EventID") {
        return Err("it has no `EventID`".into());
    }
    let time_ms = text(&raw, "SystemTime").and_then(|time| time::iso(time, 0)).unwrap_or(0);
    Ok(windows::record(raw, time_ms, context.host))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>\
        <System><Provider Name='Microsoft-Windows-Sysmon'/><EventID>11</EventID>\
        <TimeCreated SystemTime='2026-03-01T08:00:00.0000000Z'/>\
        <Channel>Microsoft-Windows-Sysmon/Operational</Channel>\
        <Computer>pc1.corp.example</Computer></System><EventData>\
        <Data Name='TargetFilename'>C:\\a &amp; b &#x2603;.txt</Data><Data Name='Image'>C:\\x.exe</Data>\
        <Data Name='ProcessId'>7</Data></EventData></Event>";

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
    fn entities_are_resolved_and_events_stand_anywhere() {
        let (records, counts) = read_all(&format!("<Events>{EVENT}\n{EVENT}</Events>"));
        assert_eq!((counts.records, counts.bad), (2, 0), "{counts:?}");
        assert_eq!(records[0].raw["TargetFilename"], "C:\\a & b \u{2603}.txt");
        assert_eq!(records[0].ocsf["file"]["name"], "a & b \u{2603}.txt");
        assert_eq!(records[0].time_ms, 1_772_352_000_000);
    }

    #[test]
    fn a_cut_event_costs_only_itself() {
        let (records, counts) =
            read_all(&format!("{}\n{EVENT}\n<Event ><x", EVENT.get(..300).unwrap()));
        assert_eq!((records.len(), counts.bad), (1, 2), "{counts:?}");
    }

    #[test]
    fn an_entity_that_names_itself_is_not_expanded() {
        let bomb = EVENT.replace("&amp;", "&lol;");
        assert_eq!(read_all(&bomb).0[0].raw["TargetFilename"], "C:\\a &lol; b \u{2603}.txt");
    }
}
