//! osquery: the results of scheduled queries (`osqueryd.results.log`).
//!
//! Differential results, batches and snapshots; one record a row. Rows of the evented tables
//! (`process_events`, `file_events`, `process_file_events`, `socket_events`, `user_events`) get
//! their class. `raw` has the row's columns under `columns`, and what is said of the query.

use std::io::BufRead;

use serde_json::{Map, Value};

use crate::limits::ROW_HEADER_MAX;
use crate::log::json::read_json_split;
use crate::log::ocsf::{
    Event, FAILURE, Object, Os, PROCESS_ID, Product, SUCCESS, class, connection, device_with_os,
    endpoint, file, process, required_user, user,
};
use crate::log::{Context, Counts, Head, LogError, LogSource, Record, Sink, int, text};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "osquery",
    title: "osquery results",
    example: "var/log/osquery/osqueryd.results.log",
    standard: "https://osquery.readthedocs.io/en/stable/deployment/logging/",
    wants,
    read,
};

const PRODUCT: Product = Product { name: "osquery", vendor: "osquery" };

fn wants(head: &Head<'_>) -> bool {
    head.has_keys(&["hostIdentifier", "name"])
        && ["columns", "snapshot", "diffResults"].iter().any(|key| head.has_keys(&[key]))
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    read_json_split(input, sink, None, &mut |map, records| split(map, context, records))
}

/// One record for each row.
fn split(
    mut result: Map<String, Value>,
    context: &Context<'_>,
    records: &mut Vec<Record>,
) -> Result<(), &'static str> {
    let mut rows: Vec<(Option<&str>, Value)> = Vec::new();
    let mut take = |list: Option<Value>, action: Option<&'static str>| {
        if let Some(Value::Array(list)) = list {
            rows.extend(list.into_iter().map(|row| (action, row)));
        }
    };
    take(result.remove("snapshot"), Some("snapshot"));
    if let Some(Value::Object(mut batch)) = result.remove("diffResults") {
        take(batch.remove("added"), Some("added"));
        take(batch.remove("removed"), Some("removed"));
    }
    match result.remove("columns") {
        Some(columns) => rows.push((None, columns)),
        None if rows.is_empty() => return Err("it has neither `columns` nor rows"),
        None => {}
    }
    if rows.len() > 1 {
        result = header(result);
    }
    for (action, row) in rows {
        let Value::Object(columns) = row else { continue };
        let mut raw = result.clone();
        if let Some(action) = action {
            raw.insert("action".into(), action.into());
        }
        records.push(record(raw, columns, context)?);
    }
    Ok(())
}

/// What goes with each of several rows: only what is small, so that rows do not multiply it.
fn header(result: Map<String, Value>) -> Map<String, Value> {
    let is_small = |value: &Value| match value {
        Value::String(text) => text.len() <= 1_024,
        Value::Array(_) | Value::Object(_) => false,
        _ => true,
    };
    let small = result.into_iter().filter(|(key, value)| key.len() <= 256 && is_small(value));
    small.take(ROW_HEADER_MAX).collect()
}

fn record(
    mut raw: Map<String, Value>,
    columns: Map<String, Value>,
    context: &Context<'_>,
) -> Result<Record, &'static str> {
    let asked_ms = int(&raw, "unixTime").and_then(|time| time.checked_mul(1_000));
    let happened_ms = int(&columns, "time").filter(|time| *time > 0);
    let happened_ms = happened_ms.and_then(|time| time.checked_mul(1_000));
    let time_ms = happened_ms.or(asked_ms).ok_or("it has no `unixTime`")?;
    let host = text(&raw, "hostIdentifier").unwrap_or(context.host).to_owned();
    let row = Row { columns: &columns, time_ms };
    let event = row.event(text(&raw, "name").unwrap_or_default());
    let event = event
        .with(|body| body.object("device", device_with_os(&host, Os::Linux)))
        .metadata(|metadata| metadata.text("log_name", text(&raw, "name")));
    raw.insert("columns".into(), Value::Object(columns));
    Ok(event.record(&host, raw))
}

struct Row<'a> {
    columns: &'a Map<String, Value>,
    time_ms: i64,
}

impl<'a> Row<'a> {
    fn text(&self, key: &str) -> Option<&'a str> {
        text(self.columns, key)
    }

    fn int(&self, key: &str) -> Option<i64> {
        int(self.columns, key)
    }

    fn has(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.columns.contains_key(*key))
    }

    fn of(&self, class_uid: u32, activity_id: u32) -> Event {
        Event::new(class_uid, activity_id, self.time_ms, PRODUCT)
    }

    /// The table is told by its columns: people name queries as they like.
    fn event(&self, query: &str) -> Event {
        if self.has(&["target_path", "action"]) {
            self.on_file(self.text("target_path"), self.text("action"), None)
        } else if self.has(&["path", "operation", "executable"]) {
            self.on_file(self.text("path"), self.text("operation"), self.text("dest_path"))
        } else if self.has(&["remote_address", "remote_port", "action"]) {
            self.socket()
        } else if self.has(&["pid", "path", "cmdline"]) && query.contains("event") {
            self.launch()
        } else if self.has(&["auid", "message", "address"]) {
            self.login()
        } else {
            self.of(class::BASE, 0)
        }
    }

    /// The process of the row, and its user.
    fn actor(&self) -> Object {
        let path = self.text("executable").or_else(|| self.text("path"));
        let path = if self.has(&["target_path"]) { None } else { path };
        let process = process(self.int("pid"), path).with_one_of(&PROCESS_ID);
        let account = user(self.text("username"), self.text("uid"), None);
        let actor = Object::new().object("process", process).object("user", account);
        // `file_events` do not tell who did it.
        if actor.is_empty() { actor.text("app_name", "unknown") } else { actor }
    }

    fn launch(&self) -> Event {
        let parent = process(self.int("parent"), None).with_one_of(&PROCESS_ID);
        let account = user(self.text("username"), self.text("uid"), None);
        let started = process(self.int("pid").unwrap_or(0), self.text("path"))
            .text("cmd_line", self.text("cmdline"))
            .text("working_directory", self.text("cwd"))
            .object("user", account)
            .object("parent_process", parent.clone());
        let login = user(None, self.text("auid"), None);
        let actor = Object::new().object("process", parent).object("user", required_user(login));
        self.of(class::PROCESS, 1)
            .with(|body| body.object("process", started).object("actor", actor))
    }

    fn on_file(&self, path: Option<&str>, action: Option<&str>, target: Option<&str>) -> Event {
        let activity_id = match action.unwrap_or_default().to_ascii_lowercase().as_str() {
            "created" | "create" | "open" if target.is_none() => 1,
            "moved_to" => 1,
            "opened" | "accessed" | "read" => 2,
            "updated" | "write" | "truncate" | "modified" => 3,
            "deleted" | "delete" | "unlink" => 4,
            "moved_from" | "rename" => 5,
            "attributes_modified" | "chmod" => 6,
            "chown" => 7,
            _ => 99,
        };
        let hash = |key: &str, algorithm_id: i64| {
            self.text(key)
                .map(|value| Object::new().int("algorithm_id", algorithm_id).text("value", value))
        };
        let hashes = [hash("md5", 1), hash("sha1", 2), hash("sha256", 3)];
        let changed = file(path.unwrap_or("unknown")).map(|file| {
            file.int("size", self.int("size")).objects("hashes", hashes.into_iter().flatten())
        });
        self.of(class::FILE, activity_id).with(|body| {
            body.object("file", changed)
                .object("file_result", file(target))
                .object("actor", self.actor())
        })
    }

    fn socket(&self) -> Event {
        let (activity_id, direction) = match self.text("action").unwrap_or_default() {
            "connect" => (1, 2),
            "accept" => (1, 1),
            "bind" => (7, 0),
            _ => (99, 0),
        };
        let local = endpoint(self.text("local_address"), self.int("local_port"));
        let remote = endpoint(self.text("remote_address"), self.int("remote_port"));
        let (source, target) = if direction == 1 { (remote, local) } else { (local, remote) };
        let protocol = match self.int("protocol") {
            Some(6) => Some("tcp"),
            Some(17) => Some("udp"),
            _ => None,
        };
        self.of(class::NETWORK, activity_id).with(|body| {
            body.object("src_endpoint", source)
                .object("dst_endpoint", target)
                .object("connection_info", connection(protocol, direction))
                .object("actor", self.actor())
        })
    }

    fn login(&self) -> Event {
        let message = self.text("message").unwrap_or_default();
        let status = if message.contains("res=failed") { FAILURE } else { SUCCESS };
        let account = required_user(user(self.text("username"), self.text("auid"), None));
        let service = Object::new().text("name", self.text("path").unwrap_or("unknown"));
        self.of(class::AUTHENTICATION, 1).with(|body| {
            body.object("user", account)
                .object("service", service)
                .object("src_endpoint", endpoint(self.text("address"), None))
                .int("status_id", status)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn records(result: Value) -> Vec<Record> {
        let Value::Object(result) = result else { panic!("an object") };
        let mut records = Vec::new();
        split(result, &Context::default(), &mut records).unwrap();
        records
    }

    #[test]
    fn a_file_event_says_what_was_done_to_which_file() {
        for (action, activity_id) in
            [("CREATED", 1), ("UPDATED", 3), ("DELETED", 4), ("MOVED_FROM", 5), ("MOVED_TO", 1)]
        {
            let found = records(json!({
                "name": "fim", "hostIdentifier": "h", "unixTime": 2, "action": "added",
                "columns": {"target_path": "/srv/a.odt", "action": action, "time": "1", "uid": "0"}
            }));
            assert_eq!((found[0].class_uid, found[0].time_ms), (1_001, 1_000));
            assert_eq!(found[0].ocsf["activity_id"], activity_id, "{action}");
            assert_eq!(found[0].ocsf["file"]["path"], "/srv/a.odt");
        }
    }

    #[test]
    fn a_rename_by_a_process_names_both() {
        let found = records(json!({
            "name": "pfe", "hostIdentifier": "h", "unixTime": "2",
            "columns": {"operation": "rename", "path": "/srv/a", "dest_path": "/srv/a.locked",
                        "executable": "/tmp/x", "pid": "7", "uid": "33"}
        }));
        assert_eq!(found[0].ocsf["activity_id"], 5);
        assert_eq!(found[0].ocsf["file_result"]["name"], "a.locked");
        assert_eq!(found[0].ocsf["actor"]["process"]["file"]["path"], "/tmp/x");
    }

    #[test]
    fn snapshots_and_batches_are_read_row_by_row() {
        let snapshot = json!({"name": "q", "hostIdentifier": "h", "unixTime": 2,
            "action": "snapshot", "snapshot": [{"a": "1"}, {"a": "2"}]});
        assert_eq!(records(snapshot).len(), 2);
        let batch = json!({"name": "q", "hostIdentifier": "h", "unixTime": 2,
            "diffResults": {"added": [{"a": "1"}], "removed": [{"a": "2"}, {"a": "3"}]}});
        let found = records(batch);
        assert_eq!(found[2].raw["action"], "removed");
    }
}
