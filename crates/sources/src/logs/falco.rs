//! Falco: its alerts as JSON lines (`json_output: true`).
//!
//! Each alert is a finding with the process, file and connection of `output_fields` as evidence.
//! `raw` is the alert as it was.

use std::io::BufRead;

use serde_json::{Map, Value};

use crate::log::json::read_json;
use crate::log::ocsf::{
    Event, Object, Os, PROCESS_ID, Product, class, device_with_os, endpoint, file, finding,
    process, severity, user,
};
use crate::log::{Context, Counts, Head, LogError, LogSource, Record, Sink, text, time, value_int};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "falco",
    title: "Falco alerts",
    example: "var/log/falco/events.json",
    standard: "https://falco.org/docs/outputs/formatting/",
    wants,
    read,
};

const PRODUCT: Product = Product { name: "Falco", vendor: "CNCF" };

fn wants(head: &Head<'_>) -> bool {
    head.has_keys(&["rule", "priority", "output"])
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    read_json(input, context, sink, None, convert)
}

fn convert(raw: Map<String, Value>, context: &Context<'_>) -> Result<Record, &'static str> {
    let rule = text(&raw, "rule").ok_or("it has no `rule`")?;
    let time_ms = time_ms(&raw).ok_or("it has no time")?;
    let severity_id = match text(&raw, "priority").unwrap_or_default().to_ascii_lowercase().as_str()
    {
        "emergency" | "alert" | "critical" => severity::CRITICAL,
        "error" => severity::HIGH,
        "warning" => severity::MEDIUM,
        "notice" => severity::LOW,
        _ => severity::INFORMATIONAL,
    };
    let tags = raw.get("tags").and_then(Value::as_array).into_iter().flatten();
    let info = finding("", rule, Some(rule))
        .text("desc", text(&raw, "output"))
        .texts("types", tags.filter_map(Value::as_str));
    let empty = Map::new();
    let fields = raw.get("output_fields").and_then(Value::as_object).unwrap_or(&empty);
    let host = text(&raw, "hostname").unwrap_or(context.host).to_owned();
    let event = Event::new(class::DETECTION_FINDING, 1, time_ms, PRODUCT)
        .severity(severity_id)
        .metadata(|metadata| metadata.text("log_name", text(&raw, "source")))
        .with(|body| {
            body.object("finding_info", info)
                .objects("evidences", [evidence(fields)])
                .object("device", device_with_os(&host, Os::Linux))
                .flag("is_alert", true)
        });
    Ok(event.record(&host, raw))
}

fn time_ms(raw: &Map<String, Value>) -> Option<i64> {
    if let Some(time) = text(raw, "time") {
        return time::iso(time, 0);
    }
    let nanoseconds = raw.get("output_fields")?.get("evt.time").and_then(value_int)?;
    Some(nanoseconds / 1_000_000)
}

/// What `output_fields` tell of process, file and connection.
fn evidence(fields: &Map<String, Value>) -> Object {
    let field = |key: &str| text(fields, key).filter(|value| *value != "<NA>");
    let number = |key: &str| fields.get(key).and_then(value_int);
    let parent = process(number("proc.ppid"), field("proc.pexepath"))
        .text("cmd_line", field("proc.pcmdline"))
        .with_one_of(&PROCESS_ID);
    let path = field("proc.exepath").or_else(|| field("proc.name"));
    let uid = number("user.uid").map(|uid| uid.to_string());
    let account = user(field("user.name"), uid.as_deref(), None);
    let own = process(number("proc.pid").unwrap_or(0), path)
        .text("cmd_line", field("proc.cmdline"))
        .text("working_directory", field("proc.cwd"))
        .object("user", account.clone())
        .object("parent_process", parent);
    let container =
        Object::new().text("uid", field("container.id")).text("name", field("container.name"));
    Object::new()
        .object("process", own)
        .object("user", account)
        .object("file", file(field("fd.name").filter(|name| name.starts_with('/'))))
        .object("src_endpoint", endpoint(field("fd.cip"), number("fd.cport")))
        .object("dst_endpoint", endpoint(field("fd.sip"), number("fd.sport")))
        .object("container", container)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_fields_of_an_alert_are_its_evidence() {
        let alert = json!({
            "rule": "R", "priority": "Warning", "output": "o", "time": "2026-03-01T08:00:00.1Z",
            "hostname": "node1", "output_fields": {
                "proc.pid": 7, "proc.exepath": "/bin/sh", "proc.cmdline": "sh -i",
                "fd.name": "/etc/shadow", "user.name": "<NA>", "container.id": "host"
            }
        });
        let Value::Object(alert) = alert else { panic!("an object") };
        let record = convert(alert, &Context::default()).unwrap();
        let evidence = &record.ocsf["evidences"][0];
        assert_eq!(evidence["process"]["cmd_line"], "sh -i");
        assert_eq!(evidence["file"]["path"], "/etc/shadow");
        assert!(evidence.get("user").is_none());
        assert_eq!(record.host, "node1");
    }

    #[test]
    fn an_alert_without_time_is_bad() {
        let alert = Map::from_iter([("rule".to_owned(), json!("R"))]);
        assert!(convert(alert, &Context::default()).is_err());
    }
}
