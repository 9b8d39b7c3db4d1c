//! A request taken apart: each part with where it came from, so that an address which a web page
//! brought in is never taken for one that a person typed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Denial;
use super::value::addresses;

/// Where a part of a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Whoever built the application.
    System,
    /// The person.
    User,
    /// The model, earlier.
    Assistant,
    /// What a tool gave back.
    Tool,
    /// A document that was put into the request.
    Retrieved,
}

impl Origin {
    /// Whether addresses that stand there may choose where something goes.
    pub const fn is_trusted(self) -> bool {
        matches!(self, Self::System | Self::User)
    }

    /// The word in records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
            Self::Retrieved => "retrieved",
        }
    }
}

/// A part of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it came from.
    pub origin: Origin,
    /// The tool that brought it in, if one did.
    pub tool: Option<String>,
    /// The text.
    pub text: String,
}

/// What is asked of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversation {
    /// The name of the model.
    pub model: String,
    /// Whether the answer is to come as a stream.
    pub stream: bool,
    /// The parts, in their order.
    pub parts: Vec<Part>,
    /// The tools that the application offered to the model, where it offered any.
    pub offered: Option<BTreeSet<String>>,
}

const FORM: &str = "send what the OpenAI API describes";

/// Messages, and parts of messages, of one request.
const PARTS_MAX: usize = 10_000;

impl Conversation {
    /// Takes a request apart: one to `chat/completions` (`messages`), to `completions` (`prompt`)
    /// or to `embeddings` (`input`). `retrieved` are the tags around documents.
    pub fn read(request: &Value, retrieved: &[String]) -> Result<Self, Denial> {
        let wrong = |reason: &str| Denial::new("request.form", reason, FORM);
        let model = request.get("model").and_then(Value::as_str).unwrap_or_default();
        let stream = match request.get("stream") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(stream)) => *stream,
            Some(_) => return Err(wrong("`stream` is neither true nor false")),
        };
        let offered = offered(request);
        let mut read = Self { model: model.to_owned(), stream, parts: Vec::new(), offered };
        if let Some(messages) = request.get("messages") {
            let messages = messages.as_array().ok_or_else(|| wrong("`messages` is no list"))?;
            let mut calls = BTreeMap::new();
            for message in messages {
                read.message(message, retrieved, &mut calls)?;
            }
        }
        for name in ["prompt", "input"] {
            for text in request.get(name).into_iter().flat_map(texts) {
                read.user(&text, retrieved);
            }
        }
        if read.parts.len() > PARTS_MAX {
            return Err(wrong("there are too many messages"));
        }
        Ok(read)
    }

    fn message(
        &mut self,
        message: &Value,
        retrieved: &[String],
        calls: &mut BTreeMap<String, String>,
    ) -> Result<(), Denial> {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        let content = message.get("content").unwrap_or(&Value::Null);
        match role {
            "system" | "developer" => self.push(Origin::System, None, content),
            "user" => self.user_content(content, retrieved),
            "assistant" => {
                for call in
                    message.get("tool_calls").and_then(Value::as_array).into_iter().flatten()
                {
                    let id = call.get("id").and_then(Value::as_str);
                    let name = call.pointer("/function/name").and_then(Value::as_str);
                    if let (Some(id), Some(name)) = (id, name) {
                        calls.insert(id.to_owned(), name.to_owned());
                    }
                }
                self.push(Origin::Assistant, None, content);
            }
            "tool" => {
                let id = message.get("tool_call_id").and_then(Value::as_str).unwrap_or_default();
                self.push(Origin::Tool, calls.get(id).cloned(), content);
            }
            "function" => {
                let name = message.get("name").and_then(Value::as_str).map(str::to_owned);
                self.push(Origin::Tool, name, content);
            }
            _ => return Err(Denial::new("request.form", "a message has an unknown role", FORM)),
        }
        Ok(())
    }

    fn push(&mut self, origin: Origin, tool: Option<String>, content: &Value) {
        for text in texts(content) {
            self.parts.push(Part { origin, tool: tool.clone(), text });
        }
    }

    fn user_content(&mut self, content: &Value, retrieved: &[String]) {
        match content {
            Value::String(text) => self.user(text, retrieved),
            Value::Array(items) => {
                for item in items {
                    match item.get("type").and_then(Value::as_str) {
                        Some("text") => {
                            for text in item.get("text").into_iter().flat_map(texts) {
                                self.user(&text, retrieved);
                            }
                        }
                        // Files, pictures, sound: nobody typed what is in them.
                        _ => self.push(Origin::Retrieved, None, item),
                    }
                }
            }
            other => self.push(Origin::Retrieved, None, other),
        }
    }

    /// What a person typed, less what lies between the tags of documents.
    fn user(&mut self, text: &str, retrieved: &[String]) {
        let mut typed = text.to_owned();
        let mut found = Vec::new();
        for tag in retrieved {
            // From the first that opens to the last that closes: a document cannot end itself.
            let Some(open) = find_tag(&typed, tag, false, true) else { continue };
            let end = find_tag(&typed, tag, true, false).filter(|close| *close >= open);
            let end = end.map_or(typed.len(), |close| {
                typed
                    .get(close..)
                    .and_then(|rest| rest.find('>'))
                    .map_or(typed.len(), |at| close + at + 1)
            });
            let inner = typed.get(open..end).unwrap_or_default().to_owned();
            typed.replace_range(open..end, " ");
            found.push(inner);
        }
        self.parts.push(Part { origin: Origin::User, tool: None, text: typed });
        let part = |text| Part { origin: Origin::Retrieved, tool: None, text };
        self.parts.extend(found.into_iter().map(part));
    }

    /// The texts of some origins.
    pub fn of(&self, wanted: impl Fn(&Part) -> bool) -> impl Iterator<Item = &str> {
        self.parts.iter().filter(move |part| wanted(part)).map(|part| part.text.as_str())
    }

    /// Whether anything stands in it that nobody of the site wrote.
    pub fn has_untrusted(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.origin, Origin::Tool | Origin::Retrieved))
    }

    /// Addresses of mail that the person typed, in lower case.
    pub fn typed_emails(&self) -> BTreeSet<String> {
        self.of(|part| part.origin == Origin::User).flat_map(addresses::emails).collect()
    }

    /// Addresses of the web that the person typed.
    pub fn typed_urls(&self) -> BTreeSet<String> {
        self.of(|part| part.origin == Origin::User).flat_map(addresses::urls).collect()
    }

    /// Addresses of the web that stand in the results of these tools.
    pub fn found_urls(&self, tools: &[String]) -> BTreeSet<String> {
        let of_tools = |part: &Part| {
            part.origin == Origin::Tool
                && part.tool.as_ref().is_some_and(|tool| tools.contains(tool))
        };
        self.of(of_tools).flat_map(addresses::urls).collect()
    }
}

/// The names of the tools that a request offers.
fn offered(request: &Value) -> Option<BTreeSet<String>> {
    let lists = ["tools", "functions"].into_iter().filter_map(|name| request.get(name)?.as_array());
    let named = |tool: &Value| {
        let name = tool.pointer("/function/name").or_else(|| tool.get("name"))?;
        name.as_str().map(str::to_owned)
    };
    let names: BTreeSet<String> = lists.flatten().filter_map(named).collect();
    (!names.is_empty()).then_some(names)
}

/// Every text of a value, in order; names of fields are none.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => {
            fields.iter().filter(|(name, _)| *name != "type").flat_map(|(_, v)| texts(v)).collect()
        }
        _ => Vec::new(),
    }
}

/// Where a tag stands: `<name` or `</name`, in any case, with white space inside; the first or
/// last.
fn find_tag(text: &str, name: &str, closes: bool, first: bool) -> Option<usize> {
    let is = |at: usize| {
        let rest = text.get(at + 1..)?.trim_start();
        let rest = match (closes, rest.strip_prefix('/')) {
            (true, Some(rest)) => rest.trim_start(),
            (false, None) => rest,
            _ => return None,
        };
        let head = rest.get(..name.len())?;
        let after = rest.get(name.len()..)?.chars().next();
        let ends = after.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '-');
        (head.eq_ignore_ascii_case(name) && ends).then_some(at)
    };
    let mut places = text.match_indices('<').map(|(at, _)| at);
    if first { places.find_map(is) } else { places.filter_map(is).next_back() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn origins(request: &Value) -> Vec<(Origin, String)> {
        let tags = ["document".to_owned()];
        let read = Conversation::read(request, &tags).unwrap();
        read.parts.into_iter().map(|part| (part.origin, part.text)).collect()
    }

    #[test]
    fn each_part_knows_where_it_came_from() {
        let request = json!({"model": "m", "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "read it"},
                {"type": "file", "file": {"file_data": "x@evil.example"}}]},
            {"role": "assistant", "content": null,
             "tool_calls": [{"id": "1", "function": {"name": "search", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "https://a.example/x"},
        ]});
        let seen: Vec<Origin> = origins(&request).into_iter().map(|(origin, _)| origin).collect();
        let expected = [Origin::System, Origin::User, Origin::Retrieved, Origin::Tool];
        assert_eq!(seen, expected);
        let read = Conversation::read(&request, &[]).unwrap();
        assert_eq!(read.found_urls(&["search".to_owned()]).len(), 1);
        assert!(read.found_urls(&["other".to_owned()]).is_empty());
    }

    #[test]
    fn a_document_cannot_end_itself() {
        let user = |text: &str| {
            let request = json!({"messages": [{"role": "user", "content": text}]});
            let parts = origins(&request);
            parts.into_iter().find(|(origin, _)| *origin == Origin::User).unwrap().1
        };
        assert_eq!(user("a <document>b</document> c"), "a   c");
        assert_eq!(user("a <Document id=1>b</document >x</ DOCUMENT> c"), "a   c");
        assert_eq!(user("a <document>b"), "a  ");
        assert_eq!(user("a documentary"), "a documentary");
        assert_eq!(user("a </document> b"), "a </document> b");
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for request in [
            json!({"messages": "x"}),
            json!({"messages": [{"role": "root", "content": "x"}]}),
            json!({"messages": [], "stream": "yes"}),
        ] {
            assert!(Conversation::read(&request, &[]).is_err(), "{request}");
        }
    }
}
