//! Windows events as JSON, the ways that shippers write them.
//!
//! Winlogbeat (`winlog.event_data`), NXLog and Logstash (flat, as in the OTRF recordings), and
//! what evtx readers print (`Event.System`). One event a line, or a list. `raw` is flat under the
//! names that Sigma rules use; `Provider_Name` and `Computer` are added where the shipper calls
//! them something else.

use std::io::BufRead;

use serde_json::{Map, Value};

use crate::log::json::read_json;
use crate::log::windows::{self, flat::flatten, flat::flatten_data};
use crate::log::{Context, Counts, Head, LogError, LogSource, Record, Sink, text, time, value_int};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "windows_json",
    title: "Windows events (JSON)",
    example: "winlogbeat.ndjson",
    standard: "https://www.elastic.co/docs/reference/beats/winlogbeat/exported-fields-winlog",
    wants,
    read,
};

fn wants(head: &Head<'_>) -> bool {
    let nested = |outer: &str, inner: &str| {
        head.object().and_then(|map| map.get(outer)?.get(inner)).is_some()
    };
    head.has_keys(&["winlog"])
        || nested("Event", "System")
        || head.has_keys(&["System", "EventData"])
        || (head.has_keys(&["EventID"])
            && (head.has_keys(&["Channel"]) || head.has_keys(&["SourceName"])))
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    read_json(input, context, sink, None, convert)
}

fn convert(mut event: Map<String, Value>, context: &Context<'_>) -> Result<Record, &'static str> {
    let mut raw = if let Some(Value::Object(inner)) = event.get_mut("Event") {
        flatten(std::mem::take(inner))
    } else if event.contains_key("winlog") {
        beats(event)
    } else if event.contains_key("System") {
        flatten(event)
    } else {
        event
    };
    // Some shippers write the number as text.
    let event_id = raw.get("EventID").or_else(|| raw.get("EventId")).and_then(value_int);
    raw.insert("EventID".into(), event_id.ok_or("it has no `EventID`")?.into());
    also(&mut raw, "Provider_Name", &["SourceName", "ProviderName", "Provider"]);
    also(&mut raw, "Computer", &["Hostname", "ComputerName", "MachineName"]);
    let time_ms = time_ms(&raw, context).ok_or("it has no time")?;
    Ok(windows::record(raw, time_ms, context.host))
}

/// Adds a field under the name that rules use, if it stands there under another one.
fn also(raw: &mut Map<String, Value>, name: &str, others: &[&str]) {
    if !raw.contains_key(name)
        && let Some(value) = others.iter().find_map(|other| text(raw, other))
    {
        let value = value.to_owned();
        raw.insert(name.into(), value.into());
    }
}

/// The time of the event. `EventTime` of NXLog is in the sender's own zone, which it does not
/// name; the time at which the event arrived is in UTC and is taken in its place.
fn time_ms(raw: &Map<String, Value>, context: &Context<'_>) -> Option<i64> {
    let names = ["SystemTime", "@timestamp", "TimeCreated", "EventTime", "UtcTime"];
    names.iter().find_map(|name| match raw.get(*name)? {
        Value::String(text) => {
            let offset_s = if *name == "UtcTime" { 0 } else { context.utc_offset_s };
            time::iso(text, offset_s)
        }
        Value::Number(number) => Some(number.as_i64()?.checked_mul(1_000)?),
        _ => None,
    })
}

/// Winlogbeat: `winlog.channel`, `winlog.event_data.Image`, ...
fn beats(mut event: Map<String, Value>) -> Map<String, Value> {
    let mut flat = Map::with_capacity(40);
    if let Some(Value::Object(winlog)) = event.remove("winlog") {
        let mut data = Vec::new();
        for (key, value) in winlog {
            let name = match key.as_str() {
                "channel" => "Channel",
                "event_id" => "EventID",
                "provider_name" => "Provider_Name",
                "provider_guid" => "Provider_Guid",
                "computer_name" => "Computer",
                "record_id" => "EventRecordID",
                "task" => "Task",
                "opcode" => "Opcode",
                "version" => "Version",
                "keywords" => "Keywords",
                "event_data" | "user_data" => {
                    data.push(value);
                    continue;
                }
                "process" => {
                    let pid = value.get("pid").cloned().unwrap_or_default();
                    flat.insert("ExecutionProcessID".into(), pid);
                    continue;
                }
                "user" => {
                    let sid = value.get("identifier").cloned().unwrap_or_default();
                    flat.insert("UserID".into(), sid);
                    continue;
                }
                other => other,
            };
            flat.insert(name.to_owned(), value);
        }
        for value in data {
            flatten_data("Data".into(), value, &mut flat, 0);
        }
    }
    for key in ["@timestamp", "message", "host", "agent"] {
        if let Some(value) = event.remove(key) {
            flat.entry(if key == "message" { "Message" } else { key }).or_insert(value);
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(event: Value) -> Result<Record, &'static str> {
        let Value::Object(event) = event else { panic!("an object") };
        convert(event, &Context::default())
    }

    #[test]
    fn three_shippers_of_one_event_give_the_same_view() {
        let flat = json!({
            "@timestamp": "2026-03-01T08:00:00.000Z", "EventID": 1,
            "SourceName": "Microsoft-Windows-Sysmon", "Hostname": "pc1.corp.example",
            "Channel": "Microsoft-Windows-Sysmon/Operational",
            "ProcessId": "7", "Image": "C:\\x.exe", "CommandLine": "x -y"
        });
        let beats = json!({
            "@timestamp": "2026-03-01T08:00:00.000Z",
            "winlog": {
                "event_id": "1", "provider_name": "Microsoft-Windows-Sysmon",
                "computer_name": "pc1.corp.example",
                "channel": "Microsoft-Windows-Sysmon/Operational",
                "event_data": {"ProcessId": "7", "Image": "C:\\x.exe", "CommandLine": "x -y"}
            }
        });
        let dumped = json!({"Event": {
            "System": {
                "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}}, "EventID": 1,
                "TimeCreated": {"#attributes": {"SystemTime": "2026-03-01T08:00:00.000Z"}},
                "Channel": "Microsoft-Windows-Sysmon/Operational", "Computer": "pc1.corp.example"
            },
            "EventData": {"ProcessId": "7", "Image": "C:\\x.exe", "CommandLine": "x -y"}
        }});
        let records: Vec<_> =
            [flat, beats, dumped].into_iter().map(|e| record(e).unwrap()).collect();
        for record in &records {
            assert_eq!(record.class_uid, 1_007);
            assert_eq!(record.host, "pc1.corp.example");
            assert_eq!(record.ocsf, records[0].ocsf);
            assert_eq!(record.raw["CommandLine"], "x -y");
            assert_eq!(record.raw["EventID"], 1);
        }
    }

    #[test]
    fn an_event_without_number_or_time_is_bad() {
        assert!(record(json!({"Channel": "System", "TimeCreated": "2026-03-01"})).is_err());
        assert!(record(json!({"EventID": 1, "Channel": "System"})).is_err());
    }
}
