//! Zeek logs as JSON lines (`LogAscii::use_json`), also those that were merged with `_path`.
//!
//! `raw` keeps Zeek's own names, `id.orig_h` and the like. Where no `_path` says which log an
//! entry belongs to, the file's name does, or the fields that only that log has.

use std::io::BufRead;

use serde_json::{Map, Value};

use crate::log::json::read_json;
use crate::log::{Context, Counts, Head, LogError, LogSource, Record, Sink, text, time, zeek};
use crate::tree::file_name;

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "zeek_json",
    title: "Zeek log (JSON)",
    example: "opt/zeek/logs/current/conn.json.log",
    standard: "https://docs.zeek.org/en/current/log-formats.html",
    wants,
    read,
};

fn wants(head: &Head<'_>) -> bool {
    head.has_keys(&["ts"])
        && ["uid", "_path", "id.orig_h", "fuid", "note"].iter().any(|key| head.has_keys(&[key]))
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    read_json(input, context, sink, None, convert)
}

fn convert(raw: Map<String, Value>, context: &Context<'_>) -> Result<Record, &'static str> {
    let time_ms = match raw.get("ts") {
        Some(Value::Number(number)) => number.as_f64().and_then(time::epoch_s_float),
        Some(Value::String(text)) => time::iso(text, 0).or_else(|| time::epoch_s(text)),
        _ => None,
    };
    let time_ms = time_ms.ok_or("its `ts` is no time")?;
    let path = match text(&raw, "_path") {
        Some(path) => path.to_owned(),
        None => match zeek::guess(&raw) {
            "" => file_name(context.file).split('.').next().unwrap_or_default().to_owned(),
            guess => guess.to_owned(),
        },
    };
    Ok(zeek::record(raw, &path, time_ms, context))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(entry: Value, file: &str) -> Result<Record, &'static str> {
        let Value::Object(entry) = entry else { panic!("an object") };
        convert(entry, &Context { file, ..Context::default() })
    }

    #[test]
    fn the_log_is_told_by_path_fields_or_file() {
        let conn = json!({"ts": 1.5, "uid": "C", "id.orig_h": "192.0.2.1", "conn_state": "SF"});
        assert_eq!(record(conn, "x").unwrap().class_uid, 4_001);
        let named = json!({"ts": "2026-03-01T08:00:00Z", "_path": "dns", "query": "a.example"});
        assert_eq!(record(named, "x").unwrap().class_uid, 4_003);
        let by_file = json!({"ts": 1.5, "uid": "C", "id.orig_h": "192.0.2.1"});
        assert_eq!(record(by_file, "a/rdp.log").unwrap().class_uid, 4_005);
        assert!(record(json!({"ts": "x"}), "x").is_err());
    }
}
