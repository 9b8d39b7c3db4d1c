//! An answer of a model: as a whole, and as a stream of server-sent events.
//!
//! A stream is passed on event by event as it comes, byte by byte as it was, with one exception:
//! from the first piece of a tool call on, events wait until the call is whole and was judged. What
//! the application would read in two ways (an event of several lines of data, an object that names
//! something twice) is not passed on at all.

use std::collections::BTreeMap;

use serde_json::Value;

use super::decide::Case;
use super::watch::Watch;
use super::{Denial, strict};

/// Bytes of one event.
pub const EVENT_BYTES_MAX: usize = 1 << 20;
/// Bytes of events that wait for a tool call to be whole.
pub const HELD_BYTES_MAX: usize = 4 << 20;
/// Calls of one answer.
const CALLS_MAX: usize = 128;
/// Choices of one answer.
const CHOICES_MAX: usize = 128;

const BROKEN: &str = "look at the server that the guard stands before: it says what no client \
                      should have to guess at";

fn broken(reason: &str) -> Denial {
    Denial::new("answer.form", reason, BROKEN)
}

/// What was seen of an answer, without its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Characters of text.
    pub chars: u64,
    /// Whether it begins as refusals do.
    pub refused: bool,
    /// The tools that were called, by their names in the policy (others as `?`).
    pub tools: Vec<String>,
    /// The name of the model, as the server gives it.
    pub model: String,
}

/// A call that is being put together.
#[derive(Clone, Debug, Default)]
struct Call {
    name: String,
    arguments: String,
}

/// One choice of an answer.
#[derive(Clone, Debug, Default)]
struct Choice {
    watches: BTreeMap<&'static str, Watch>,
    calls: BTreeMap<i64, Call>,
    ended: bool,
}

/// Judges an answer while it comes.
pub struct Answer<'a> {
    case: Case<'a>,
    choices: BTreeMap<u64, Choice>,
    seen: Seen,
}

/// The fields of a message that hold words.
const TEXTS: [&str; 5] = ["content", "refusal", "reasoning_content", "reasoning", "text"];

impl<'a> Answer<'a> {
    /// Begins.
    pub fn new(case: Case<'a>) -> Self {
        Self { case, choices: BTreeMap::new(), seen: Seen::default() }
    }

    /// Judges an answer as a whole.
    pub fn whole(mut self, bytes: &[u8]) -> Result<Seen, Denial> {
        let value = strict::parse(bytes)
            .map_err(|_| broken("the answer is no JSON, or says something twice"))?;
        self.object(&value)?;
        self.decide_all()?;
        Ok(self.into_seen())
    }

    /// What was seen.
    pub fn into_seen(mut self) -> Seen {
        let watches = || self.choices.values().flat_map(|choice| choice.watches.values());
        self.seen.chars = watches().map(Watch::chars).sum();
        self.seen.refused = watches().any(Watch::refuses);
        self.seen
    }

    /// Takes in one object: an answer, or a piece of one.
    fn object(&mut self, value: &Value) -> Result<(), Denial> {
        if let Some(model) = value.get("model").and_then(Value::as_str) {
            self.seen.model = model.chars().take(200).collect();
        }
        let Some(choices) = value.get("choices") else { return Ok(()) };
        let choices = choices.as_array().ok_or_else(|| broken("`choices` is no list"))?;
        for (at, choice) in choices.iter().enumerate() {
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or(at as u64);
            for name in ["message", "delta"] {
                if let Some(message) = choice.get(name).filter(|message| !message.is_null()) {
                    self.message(index, message)?;
                }
            }
            if let Some(text) = choice.get("text") {
                self.words(index, "text", text)?;
            }
            let over = choice.get("finish_reason").is_some_and(|reason| !reason.is_null());
            if over {
                self.decide(index)?;
            }
        }
        Ok(())
    }

    fn choice(&mut self, index: u64) -> Result<&mut Choice, Denial> {
        if self.choices.len() >= CHOICES_MAX && !self.choices.contains_key(&index) {
            return Err(broken("there are too many choices"));
        }
        Ok(self.choices.entry(index).or_default())
    }

    fn words(&mut self, index: u64, field: &'static str, value: &Value) -> Result<(), Denial> {
        let (marks, hosts) = (self.case.marks, &self.case.policy.links);
        let choice = self.choice(index)?;
        let watch = choice.watches.entry(field).or_default();
        match value {
            Value::Null => Ok(()),
            Value::String(text) => watch.feed(text, marks, hosts),
            Value::Array(items) => items.iter().try_for_each(|item| {
                match item.get("text").or_else(|| item.get("refusal")).and_then(Value::as_str) {
                    Some(text) => watch.feed(text, marks, hosts),
                    None => Ok(()),
                }
            }),
            _ => Err(broken("the words of the answer are no text")),
        }
    }

    fn message(&mut self, index: u64, message: &Value) -> Result<(), Denial> {
        for field in TEXTS {
            if let Some(value) = message.get(field) {
                self.words(index, field, value)?;
            }
        }
        match message.get("function_call") {
            None | Some(Value::Null) => {}
            Some(call) => self.piece(index, -1, call)?,
        }
        let calls = match message.get("tool_calls") {
            None | Some(Value::Null) => return Ok(()),
            Some(calls) => calls.as_array().ok_or_else(|| broken("`tool_calls` is no list"))?,
        };
        for (at, call) in calls.iter().enumerate() {
            let kind = call.get("type").and_then(Value::as_str).filter(|kind| !kind.is_empty());
            if kind.is_some_and(|kind| kind != "function") {
                return Err(broken("a tool call is of a kind that is not known here"));
            }
            let place = match call.get("index") {
                Some(place) => {
                    place.as_i64().ok_or_else(|| broken("a call has a place that is no number"))?
                }
                // Whole messages have no places; in streams each such call is whole by itself.
                None => {
                    let calls = &self.choice(index)?.calls;
                    let next = calls.keys().next_back().map_or(0, |last| last + 1);
                    next.max(i64::try_from(at).unwrap_or(i64::MAX))
                }
            };
            let function =
                call.get("function").ok_or_else(|| broken("a tool call names no function"))?;
            self.piece(index, place, function)?;
        }
        Ok(())
    }

    /// Adds a piece to a call.
    fn piece(&mut self, index: u64, place: i64, function: &Value) -> Result<(), Denial> {
        let text = |name: &str| match function.get(name) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            // Some servers give the object itself.
            Some(value @ Value::Object(_)) if name == "arguments" => Ok(value.to_string()),
            Some(_) => Err(broken("a tool call is not of the usual form")),
        };
        let (name, arguments) = (text("name")?, text("arguments")?);
        let choice = self.choice(index)?;
        if choice.ended {
            return Err(broken("a tool call goes on after its end"));
        }
        if choice.calls.len() >= CALLS_MAX && !choice.calls.contains_key(&place) {
            return Err(broken("there are too many tool calls"));
        }
        let call = choice.calls.entry(place).or_default();
        if call.name.is_empty() {
            call.name = name;
        } else if !name.is_empty() && name != call.name {
            // Some clients put the pieces of a name together, others take the first or the last.
            return Err(broken("the name of a tool comes in pieces"));
        }
        call.arguments.push_str(&arguments);
        if call.arguments.len() > super::decide::ARGUMENTS_BYTES_MAX {
            return Err(broken("the arguments of a tool call are too long"));
        }
        Ok(())
    }

    /// Judges the calls of a choice that is over.
    fn decide(&mut self, index: u64) -> Result<(), Denial> {
        let Some(choice) = self.choices.get_mut(&index) else { return Ok(()) };
        let calls = std::mem::take(&mut choice.calls);
        choice.ended |= !calls.is_empty();
        for call in calls.into_values() {
            self.case.call(&call.name, &call.arguments)?;
            let known = self.case.policy.tools.contains_key(&call.name);
            self.seen.tools.push(if known { call.name } else { "?".to_owned() });
        }
        Ok(())
    }

    fn decide_all(&mut self) -> Result<(), Denial> {
        let indices: Vec<u64> = self.choices.keys().copied().collect();
        indices.into_iter().try_for_each(|index| self.decide(index))
    }

    /// Whether a call is being put together.
    fn is_open(&self) -> bool {
        self.choices.values().any(|choice| !choice.calls.is_empty())
    }
}

/// Judges an answer that comes as a stream of events.
pub struct Stream<'a> {
    answer: Answer<'a>,
    /// Bytes that are no whole event yet.
    open: Vec<u8>,
    /// Whole events that wait for a call to be judged.
    held: Vec<u8>,
}

impl<'a> Stream<'a> {
    /// Begins.
    pub fn new(case: Case<'a>) -> Self {
        Self { answer: Answer::new(case), open: Vec::new(), held: Vec::new() }
    }

    /// Takes the next bytes, and gives those that may be passed on, as they came.
    ///
    /// # Errors
    ///
    /// Something does not pass: what was given before stays given, nothing more may follow.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Denial> {
        self.open.extend_from_slice(bytes);
        let mut out = Vec::new();
        while let Some(end) = event_end(&self.open)? {
            let event: Vec<u8> = self.open.drain(..end).collect();
            self.event(&event)?;
            self.held.extend(event);
            if self.answer.is_open() {
                if self.held.len() > HELD_BYTES_MAX {
                    return Err(broken("a tool call has no end"));
                }
            } else {
                out.append(&mut self.held);
            }
        }
        if self.open.len() > EVENT_BYTES_MAX {
            return Err(broken("an event has no end"));
        }
        Ok(out)
    }

    /// The stream is over: gives what is left.
    pub fn end(mut self) -> (Result<Vec<u8>, Denial>, Seen) {
        let open = std::mem::take(&mut self.open);
        // Clients that read line by line take the last event without its empty line.
        let rest = self.event(&open).and_then(|()| self.answer.decide_all()).map(|()| {
            self.held.extend(open);
            std::mem::take(&mut self.held)
        });
        (rest, self.answer.into_seen())
    }

    fn event(&mut self, event: &[u8]) -> Result<(), Denial> {
        let text = event.strip_prefix(b"\xef\xbb\xbf").unwrap_or(event);
        let mut data = None;
        for line in text.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let value = match line {
                b"data" => &[][..],
                _ => match line.strip_prefix(b"data:") {
                    Some(value) => value.strip_prefix(b" ").unwrap_or(value),
                    None => continue,
                },
            };
            if data.replace(value).is_some() {
                return Err(broken("an event has several lines of data"));
            }
        }
        match data {
            None => Ok(()),
            Some(data) if data.trim_ascii().is_empty() => Ok(()),
            Some(data) if data.trim_ascii() == b"[DONE]" => self.answer.decide_all(),
            Some(data) => {
                let value = strict::parse(data)
                    .map_err(|_| broken("an event is no JSON, or says something twice"))?;
                self.answer.object(&value)
            }
        }
    }
}

/// Where the first whole event ends: after its empty line. A carriage return by itself ends a line
/// for some clients and not for others.
fn event_end(bytes: &[u8]) -> Result<Option<usize>, Denial> {
    let mut line_is_empty = true;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (b'\r', None) => return Ok(None),
            (b'\r', Some(b'\n')) => {}
            (b'\r', Some(_)) => return Err(broken("a line ends with a carriage return alone")),
            (b'\n', _) if line_is_empty => return Ok(Some(at + 1)),
            (b'\n', _) => line_is_empty = true,
            _ => line_is_empty = false,
        }
        at += 1;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::canary::Marks;
    use crate::guard::conversation::Conversation;
    use crate::guard::policy::Policy;
    use serde_json::json;

    const POLICY: &str =
        "unknown_tools = 'deny'\n[tools.t]\nkind = 'pure'\nargs.a = { type = 'word' }";

    fn run(pieces: &[&str]) -> (String, Option<&'static str>) {
        let policy = Policy::from_toml(POLICY).unwrap();
        let (marks, conversation) = (Marks::default(), Conversation::default());
        let case = Case { policy: &policy, marks: &marks, conversation: &conversation };
        let mut stream = Stream::new(case);
        let mut out = Vec::new();
        for piece in pieces {
            match stream.feed(piece.as_bytes()) {
                Ok(bytes) => out.extend(bytes),
                Err(denial) => return (String::from_utf8(out).unwrap(), Some(denial.rule)),
            }
        }
        let rest = stream.end().0;
        let denied = rest.as_ref().err().map(|denial| denial.rule);
        out.extend(rest.unwrap_or_default());
        (String::from_utf8(out).unwrap(), denied)
    }

    fn piece(delta: &Value) -> String {
        format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]}))
    }

    fn call(name: &str, arguments: &str) -> String {
        piece(&json!({"tool_calls": [
            {"index": 0, "function": {"name": name, "arguments": arguments}}]}))
    }

    const END: &str =
        "data: {\"choices\": [{\"index\": 0, \"delta\": {}, \"finish_reason\": \"stop\"}]}\n\n";

    #[test]
    fn words_pass_as_they_come_and_byte_by_byte_as_they_were() {
        let words = piece(&json!({"content": "hello"}));
        let text = format!(": a comment\n\n{words}event: x\r\ndata: [DONE]\r\n\r\n");
        for size in 1..text.len() {
            let pieces: Vec<&str> =
                text.as_bytes().chunks(size).map(|p| std::str::from_utf8(p).unwrap()).collect();
            assert_eq!(run(&pieces), (text.clone(), None), "{size}");
        }
    }

    #[test]
    fn a_call_waits_until_it_is_whole() {
        let (first, second) = (call("t", "{\"a\""), call("", ": \"x\"}"));
        assert_eq!(run(&[&first, &second, END]), (format!("{first}{second}{END}"), None));
        let bad = call("", ": \"x y\"}");
        assert_eq!(run(&[&first, &bad, END]), (String::new(), Some("argument.type")));
        assert_eq!(run(&[&first, &bad]), (String::new(), Some("argument.type")), "no end");
        assert_eq!(run(&[&first, &bad, "data: [DONE]\n\n"]).1, Some("argument.type"));
    }

    #[test]
    fn what_reads_in_two_ways_does_not_pass() {
        let good = call("t", "{\"a\": \"x\"}");
        for text in [
            good.replace("\n\n", "\ndata: x\n\n"),
            good.replace("\n\n", "\r\r"),
            "data: {\"choices\": [], \"choices\": []}\n\n".to_owned(),
            "data: {\"choices\n\n".to_owned(),
            format!("{}{}", call("t", ""), call("u", "{\"a\": \"x\"}")),
            piece(&json!({"tool_calls": [{"index": 0, "type": "custom", "custom": {}}]})),
            format!("{good}{END}{good}{END}"),
        ] {
            assert_eq!(run(&[&text]).1, Some("answer.form"), "{text}");
        }
        assert_eq!(run(&[&call("t ", "{\"a\": \"x\"}")]).1, Some("tool.unknown"));
        let old = piece(&json!({"function_call": {"name": "u", "arguments": "{}"}}));
        assert_eq!(run(&[&old]).1, Some("tool.unknown"));
    }

    #[test]
    fn the_last_event_counts_without_its_empty_line() {
        let bad = call("u", "{}");
        assert_eq!(run(&[bad.trim_end()]).1, Some("tool.unknown"));
    }
}
