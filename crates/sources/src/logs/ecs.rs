//! Elastic Common Schema: JSON lines of Beats, Elastic Agent and whatever else follows it.
//!
//! Names with dots and nested objects are the same. `event.category` and `event.type` tell the
//! class. `raw` is the document as it was. Documents of Winlogbeat are read as Windows events.

use std::io::BufRead;

use serde_json::{Map, Value};

use crate::log::json::read_json;
use crate::log::ocsf::{
    Event, FAILURE, Object, PROCESS_ID, Product, SUCCESS, class, connection, device, endpoint,
    file, finding, http_activity, http_request, process, required_user, severity, url, user,
};
use crate::log::{Context, Counts, Head, LogError, LogSource, Record, Sink, time, value_int};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "ecs",
    title: "Elastic Common Schema (JSON)",
    example: "filebeat.ndjson",
    standard: "https://www.elastic.co/docs/reference/ecs",
    wants,
    read,
};

const PRODUCT: Product = Product { name: "Elastic", vendor: "Elastic" };

fn wants(head: &Head<'_>) -> bool {
    let is_ecs = ["ecs", "ecs.version", "event", "event.category", "event.kind"];
    head.has_keys(&["@timestamp"])
        && !head.has_keys(&["winlog"])
        && is_ecs.iter().any(|key| head.has_keys(&[key]))
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    read_json(input, context, sink, None, convert)
}

fn convert(raw: Map<String, Value>, context: &Context<'_>) -> Result<Record, &'static str> {
    let document = Document { raw: &raw };
    let time_ms = match raw.get("@timestamp") {
        Some(Value::String(text)) => time::iso(text, 0),
        Some(Value::Number(number)) => number.as_i64(),
        _ => None,
    };
    let time_ms = time_ms.ok_or("its `@timestamp` is no time")?;
    let host = document.text("host.hostname").or_else(|| document.text("host.name"));
    let host = host.unwrap_or(context.host).to_owned();
    let event = document.event(time_ms);
    let event = event.with(|body| body.object("device", device(&host))).metadata(|metadata| {
        metadata
            .text("event_code", document.text("event.code"))
            .text("log_name", document.text("event.dataset"))
            .text("log_provider", document.text("event.provider"))
    });
    Ok(event.record(&host, raw))
}

struct Document<'a> {
    raw: &'a Map<String, Value>,
}

impl<'a> Document<'a> {
    /// The value of a name such as `process.parent.pid`, with the dots or nested.
    fn get(&self, name: &str) -> Option<&'a Value> {
        find(self.raw, name, 0)
    }

    /// The text of a name; of a list, its first.
    fn text(&self, name: &str) -> Option<&'a str> {
        match self.get(name)? {
            Value::String(text) => Some(text.as_str()),
            Value::Array(list) => list.first()?.as_str(),
            _ => None,
        }
        .filter(|text| !text.is_empty())
    }

    fn int(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(value_int)
    }

    fn holds(&self, name: &str, wanted: &str) -> bool {
        match self.get(name) {
            Some(Value::String(text)) => text == wanted,
            Some(Value::Array(list)) => list.iter().any(|value| value == wanted),
            _ => false,
        }
    }

    /// The activity by `event.type`; 0 if it is none of these.
    fn activity(&self, types: &[(&str, u32)]) -> u32 {
        let known = types.iter().find(|(name, _)| self.holds("event.type", name));
        known.map_or(0, |(_, activity_id)| *activity_id)
    }

    fn event(&self, time_ms: i64) -> Event {
        let of = |class_uid, activity_id| Event::new(class_uid, activity_id, time_ms, PRODUCT);
        let is = |category: &str| self.holds("event.category", category);
        let event = if self.holds("event.kind", "alert") || is("intrusion_detection") {
            let title = self.text("rule.name").or_else(|| self.text("message")).unwrap_or("alert");
            let uid = self.text("event.id").unwrap_or_default();
            of(class::DETECTION_FINDING, 1)
                .severity(severity::MEDIUM)
                .with(|body| body.object("finding_info", finding(uid, title, Some(title))))
        } else if is("process") {
            let activity_id = self.activity(&[("start", 1), ("end", 2), ("access", 3)]);
            of(class::PROCESS, activity_id).with(|body| {
                let own = self.process("process").unwrap_or_else(|| process(0, None));
                let parent = self.process("process.parent");
                body.object("process", own.object("parent_process", parent.clone()))
                    .object("actor", self.actor(parent))
            })
        } else if is("file") {
            self.on_file(of)
        } else if is("authentication") {
            let activity_id = if self.holds("event.type", "end") { 2 } else { 1 };
            let service = self.text("process.name").or_else(|| self.text("event.provider"));
            let service = Object::new().text("name", service.unwrap_or("unknown"));
            of(class::AUTHENTICATION, activity_id).with(|body| {
                self.ends(body)
                    .object("user", required_user(self.user()))
                    .object("service", service)
            })
        } else if self.get("dns.question.name").is_some() {
            let query = Object::new()
                .text("hostname", self.text("dns.question.name"))
                .text("type", self.text("dns.question.type"));
            let activity_id = if self.holds("dns.type", "answer") { 2 } else { 1 };
            of(class::DNS, activity_id).with(|body| self.ends(body).object("query", query))
        } else if self.get("http.request.method").is_some() {
            self.http(of)
        } else if is("network") || self.get("destination.ip").is_some() {
            let activity_id = self.activity(&[("start", 1), ("end", 2), ("denied", 5)]);
            let activity_id = if activity_id == 0 { 6 } else { activity_id };
            of(class::NETWORK, activity_id)
                .with(|body| self.ends(body).object("actor", self.actor(self.process("process"))))
        } else if is("iam") {
            let activity_id = self.activity(&[("creation", 1), ("deletion", 6), ("change", 99)]);
            of(class::ACCOUNT_CHANGE, activity_id)
                .with(|body| body.object("user", required_user(self.user())))
        } else {
            of(class::BASE, 0)
        };
        let status = match self.text("event.outcome") {
            Some("success") => Some(SUCCESS),
            Some("failure") => Some(FAILURE),
            _ => None,
        };
        event.with(|body| body.int("status_id", status).text("message", self.text("message")))
    }

    fn on_file(&self, of: impl Fn(u32, u32) -> Event) -> Event {
        let renamed = self.holds("event.action", "rename") || self.holds("event.action", "moved");
        let activity_id = self.activity(&[
            ("creation", 1),
            ("access", 2),
            ("change", if renamed { 5 } else { 3 }),
            ("deletion", 4),
        ]);
        let path = self.text("file.path").or_else(|| self.text("file.name")).unwrap_or("unknown");
        let hash = |name: &str, algorithm_id: i64| {
            let value = self.text(name)?;
            Some(Object::new().int("algorithm_id", algorithm_id).text("value", value))
        };
        let hashes =
            [hash("file.hash.md5", 1), hash("file.hash.sha1", 2), hash("file.hash.sha256", 3)];
        let changed = file(path).map(|file| file.objects("hashes", hashes.into_iter().flatten()));
        of(class::FILE, activity_id).with(|body| {
            body.object("file", changed).object("actor", self.actor(self.process("process")))
        })
    }

    fn http(&self, of: impl Fn(u32, u32) -> Event) -> Event {
        let method = self.text("http.request.method").unwrap_or_default().to_ascii_uppercase();
        let target = self.text("url.original").or_else(|| self.text("url.path")).unwrap_or("/");
        let agent = self.text("user_agent.original");
        let address = url(self.text("url.domain"), target);
        let referrer = self.text("http.request.referrer");
        let request = http_request(&method, address, agent, referrer);
        let response =
            self.int("http.response.status_code").map(|code| Object::new().int("code", code));
        of(class::HTTP, http_activity(&method)).with(|body| {
            self.ends(body).object("http_request", request).object("http_response", response)
        })
    }

    fn process(&self, name: &str) -> Option<Object> {
        let field = |key: &str| self.text(&format!("{name}.{key}"));
        process(self.int(&format!("{name}.pid")), field("executable").or_else(|| field("name")))
            .text("uid", field("entity_id"))
            .text("cmd_line", field("command_line"))
            .text("working_directory", field("working_directory"))
            .with_one_of(&PROCESS_ID)
    }

    fn user(&self) -> Option<Object> {
        user(self.text("user.name"), self.text("user.id"), self.text("user.domain"))
    }

    fn actor(&self, process: Option<Object>) -> Object {
        let actor = Object::new().object("process", process).object("user", self.user());
        if actor.is_empty() { actor.text("app_name", "unknown") } else { actor }
    }

    fn ends(&self, body: Object) -> Object {
        let end = |side: &str| {
            let field = |key: &str| self.text(&format!("{side}.{key}"));
            let address = field("ip").or_else(|| field("address")).or_else(|| field("domain"));
            endpoint(address, self.int(&format!("{side}.port")))
        };
        let direction = match self.text("network.direction") {
            Some("inbound" | "ingress") => 1,
            Some("outbound" | "egress") => 2,
            Some("internal") => 3,
            _ => 0,
        };
        let protocol = self.text("network.transport");
        let body = body
            .object("src_endpoint", end("source").or_else(|| end("client")))
            .object("dst_endpoint", end("destination").or_else(|| end("server")));
        if protocol.is_some() || direction != 0 {
            body.object("connection_info", connection(protocol, direction))
        } else {
            body
        }
    }
}

/// Looks for a name whose dots may be in keys, between nested objects, or both.
fn find<'a>(map: &'a Map<String, Value>, name: &str, depth: usize) -> Option<&'a Value> {
    if let Some(value) = map.get(name) {
        return Some(value);
    }
    if depth > 6 {
        return None;
    }
    name.match_indices('.').find_map(|(at, _)| {
        let (first, rest) = (name.get(..at)?, name.get(at + 1..)?);
        find(map.get(first)?.as_object()?, rest, depth + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(document: Value) -> Result<Record, &'static str> {
        let Value::Object(document) = document else { panic!("an object") };
        convert(document, &Context::default())
    }

    #[test]
    fn dots_and_nesting_are_the_same() {
        let dotted = json!({
            "@timestamp": "2026-03-01T08:00:00.000Z", "event.category": "process",
            "event.type": "start", "process.pid": 7, "process.executable": "/bin/sh",
            "process.parent.pid": 6, "user.name": "ann", "host.name": "h"
        });
        let nested = json!({
            "@timestamp": "2026-03-01T08:00:00.000Z",
            "event": {"category": ["process"], "type": ["start"]},
            "process": {"pid": 7, "executable": "/bin/sh", "parent": {"pid": 6}},
            "user": {"name": "ann"}, "host": {"name": "h"}
        });
        let (dotted, nested) = (record(dotted).unwrap(), record(nested).unwrap());
        assert_eq!(dotted.ocsf, nested.ocsf);
        assert_eq!((dotted.class_uid, dotted.host.as_str()), (1_007, "h"));
        assert_eq!(dotted.ocsf["process"]["parent_process"]["pid"], 6);
    }

    #[test]
    fn a_rename_is_told_from_a_change() {
        let document = |action: &str| {
            json!({"@timestamp": "2026-03-01T08:00:00Z", "event": {"category": "file",
                "type": "change", "action": action}, "file": {"path": "/srv/a.locked"}})
        };
        assert_eq!(record(document("rename")).unwrap().ocsf["activity_id"], 5);
        assert_eq!(record(document("overwrite")).unwrap().ocsf["activity_id"], 3);
    }

    #[test]
    fn a_document_without_time_is_bad() {
        assert!(record(json!({"event": {"category": "file"}})).is_err());
    }
}
