//! Syslog: `/var/log/auth.log`, `syslog`, `messages`, `secure`, and what a syslog server keeps.
//!
//! Both forms are read, also mixed: the older one (RFC 3164, `Mar  1 08:00:00 web1 sshd[812]: ..`)
//! and the newer one (RFC 5424, `<38>1 2026-03-01T08:00:00Z web1 sshd 812 - - ..`), and the older
//! one with a full time as rsyslog and journald now write it. A time without a year is put into the
//! year that ends nearest to the file's last change. Logins, `sudo`, accounts, cron, services and
//! the packet filter get a class of their own; everything else keeps its message.

use std::io::BufRead;

use serde_json::{Map, Value};

use crate::log::lines::{Outcome, read_lines};
use crate::log::ocsf::Product;
use crate::log::unix::Message;
use crate::log::{Context, Counts, Head, LogError, LogSource, Sink, time};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "syslog",
    title: "syslog, auth.log",
    example: "var/log/auth.log",
    standard: "https://www.rfc-editor.org/rfc/rfc5424",
    wants,
    read,
};

const PRODUCT: Product = Product { name: "syslog", vendor: "" };

fn wants(head: &Head<'_>) -> bool {
    let context = Context { modified_ms: 1, ..Context::default() };
    head.most_lines(|line| parse(line, &context).is_some())
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    read_lines(input, sink, &mut |line| match parse(line, context) {
        None => Outcome::Bad("it does not begin with a time, a host and a program"),
        Some(parsed) => {
            let raw = parsed.raw();
            let mut message = parsed.message;
            if message.host.is_empty() {
                message.host = context.host;
            }
            Outcome::Record(message.record(PRODUCT, raw))
        }
    })
}

/// A line in its parts.
struct Parsed<'a> {
    message: Message<'a>,
    time: &'a str,
    facility: Option<i64>,
    msgid: Option<&'a str>,
    structured: Vec<(String, String)>,
}

impl Parsed<'_> {
    fn raw(&self) -> Map<String, Value> {
        let mut raw = Map::with_capacity(8);
        let mut put = |key: &str, value: Value| drop(raw.insert(key.to_owned(), value));
        put("timestamp", self.time.into());
        put("hostname", self.message.host.into());
        put("program", self.message.program.into());
        if let Some(pid) = self.message.pid {
            put("pid", pid.into());
        }
        if let Some(facility) = self.facility {
            put("facility", facility.into());
        }
        if let Some(severity) = self.message.severity {
            put("severity", severity.into());
        }
        if let Some(msgid) = self.msgid {
            put("msgid", msgid.into());
        }
        for (key, value) in &self.structured {
            put(key, value.as_str().into());
        }
        put("message", self.message.text.into());
        raw
    }
}

fn parse<'a>(line: &'a str, context: &Context<'_>) -> Option<Parsed<'a>> {
    let (priority, rest) = match line.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((priority, rest)) => (Some(priority.parse::<u8>().ok()?), rest),
        None => (None, line),
    };
    let mut parsed = match rest.strip_prefix("1 ") {
        Some(rest) => rfc5424(rest, context)?,
        None => rfc3164(rest, context)?,
    };
    parsed.facility = priority.map(|priority| i64::from(priority / 8));
    parsed.message.severity = priority.map(|priority| i64::from(priority % 8));
    Some(parsed)
}

/// `TIME HOST PROGRAM PID MSGID STRUCTURED-DATA MESSAGE`; `-` stands for nothing.
fn rfc5424<'a>(rest: &'a str, context: &Context<'_>) -> Option<Parsed<'a>> {
    let mut parts = rest.splitn(6, ' ');
    let time_text = parts.next()?;
    let time_ms = match time_text {
        "-" => 0,
        text => time::iso(text, context.utc_offset_s)?,
    };
    let mut word = || parts.next().map(|word| if word == "-" { "" } else { word });
    let (host, program, pid, msgid) = (word()?, word()?, word()?, word()?);
    let (structured, text) = structured(parts.next().unwrap_or("-"))?;
    let text = text.trim_start().trim_start_matches('\u{feff}');
    let message = Message { time_ms, host, program, pid: pid.parse().ok(), text, severity: None };
    let msgid = (!msgid.is_empty()).then_some(msgid);
    Some(Parsed { message, time: time_text, facility: None, msgid, structured })
}

/// `[id name="value" ..][..]`, and what follows.
fn structured(text: &str) -> Option<(Vec<(String, String)>, &str)> {
    if let Some(rest) = text.strip_prefix('-') {
        return Some((Vec::new(), rest));
    }
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some(element) = rest.strip_prefix('[') {
        let (id, after) = element.split_at_checked(element.find([' ', ']'])?)?;
        rest = after;
        while let Some(pair) = rest.strip_prefix(' ') {
            let (name, after) = pair.trim_start().split_once("=\"")?;
            let (value, after) = quoted(after)?;
            if pairs.len() < crate::limits::COLUMNS_MAX {
                pairs.push((format!("{id}.{name}"), value));
            }
            rest = after;
        }
        rest = rest.strip_prefix(']')?;
    }
    Some((pairs, rest))
}

/// A quoted value up to its end; `"`, `\` and `]` are escaped in it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            character => value.push(character),
        }
    }
    None
}

/// `TIME HOST PROGRAM[PID]: MESSAGE`, the time old or new.
fn rfc3164<'a>(rest: &'a str, context: &Context<'_>) -> Option<Parsed<'a>> {
    let (time_ms, time, rest) = if rest.starts_with(|c: char| c.is_ascii_digit()) {
        let (text, rest) = rest.split_once(' ')?;
        (time::iso(text, context.utc_offset_s)?, text, rest)
    } else {
        let (month, after) = rest.split_once(' ')?;
        let (day, after) = after.trim_start().split_once(' ')?;
        let (clock, after) = after.trim_start().split_once(' ')?;
        let offset_s = context.utc_offset_s;
        let time_ms = time::without_year(month, day, clock, context.modified_ms, offset_s)?;
        (time_ms, rest.get(..rest.len() - after.len())?.trim_end(), after)
    };
    let (host, rest) = rest.split_once(' ')?;
    // The program ends at the first colon; a message without one has no program.
    let (program, pid, text) = match rest.split_once(": ").or_else(|| rest.split_once(':')) {
        Some((tag, text)) if !tag.contains(' ') || tag.ends_with(']') => {
            match tag.split_once('[') {
                Some((program, pid)) => (program, pid.trim_end_matches(']').parse().ok(), text),
                None => (tag, None, text),
            }
        }
        _ => ("", None, rest),
    };
    let message = Message { time_ms, host, program, pid, text, severity: None };
    Some(Parsed { message, time, facility: None, msgid: None, structured: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: Context<'_> =
        Context { file: "", host: "", modified_ms: 1_772_352_000_000, utc_offset_s: 0 };

    fn parts(line: &str) -> (String, String, Option<i64>, String) {
        let parsed = parse(line, &CONTEXT).unwrap_or_else(|| panic!("{line}"));
        let message = parsed.message;
        (message.host.into(), message.program.into(), message.pid, message.text.into())
    }

    #[test]
    fn every_form_has_the_same_parts() {
        for line in [
            "Mar  1 08:00:00 web1 sshd[812]: hello: you",
            "<38>Mar  1 08:00:00 web1 sshd[812]: hello: you",
            "2026-03-01T08:00:00.123456+00:00 web1 sshd[812]: hello: you",
            "<38>1 2026-03-01T08:00:00Z web1 sshd 812 - - hello: you",
            "<38>1 2026-03-01T08:00:00Z web1 sshd 812 ID [a@1 b=\"c\\\"]\"][d@1] \u{feff}hello: you",
        ] {
            let expected = ("web1".into(), "sshd".into(), Some(812), "hello: you".into());
            assert_eq!(parts(line), expected, "{line}");
        }
    }

    #[test]
    fn structured_data_is_kept_and_priorities_are_split() {
        let line = "<38>1 2026-03-01T08:00:00Z h p - - [a@1 b=\"c\\\"]\" d=\"\"] x";
        let parsed = parse(line, &CONTEXT).unwrap();
        let raw = parsed.raw();
        assert_eq!(raw["a@1.b"], "c\"]");
        assert_eq!((&raw["facility"], &raw["severity"]), (&4.into(), &6.into()));
    }

    #[test]
    fn other_text_is_not_taken_for_syslog() {
        for line in ["hello", "", "<x>Mar", "Mar 41 x", "192.0.2.1 - - [x] \"GET /\"", "1 2 3 4"] {
            assert!(parse(line, &CONTEXT).is_none(), "{line}");
        }
        assert_eq!(parts("Mar  1 08:00:00 web1 last message repeated 2 times").1, "");
    }
}
