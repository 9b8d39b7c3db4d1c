//! Entries of systemd's journal, whatever way they were exported.

use serde_json::{Map, Value};

use super::ocsf::Product;
use super::unix::Message;
use super::{Context, Record, int, text};

const PRODUCT: Product = Product { name: "systemd-journald", vendor: "systemd" };

/// The record of an entry with the journal's own field names (systemd.journal-fields(7)).
pub(crate) fn record(
    raw: Map<String, Value>,
    context: &Context<'_>,
) -> Result<Record, &'static str> {
    let time_us = int(&raw, "_SOURCE_REALTIME_TIMESTAMP").filter(|time| *time > 0);
    let time_us = time_us.or_else(|| int(&raw, "__REALTIME_TIMESTAMP"));
    let time_ms = time_us.ok_or("it has no `__REALTIME_TIMESTAMP`")? / 1_000;
    let message = message_text(&raw);
    let message = Message {
        time_ms,
        host: text(&raw, "_HOSTNAME").unwrap_or(context.host),
        program: text(&raw, "SYSLOG_IDENTIFIER")
            .or_else(|| text(&raw, "_COMM"))
            .unwrap_or_default(),
        pid: int(&raw, "_PID").or_else(|| int(&raw, "SYSLOG_PID")),
        text: &message,
        severity: int(&raw, "PRIORITY"),
    };
    let record = message.record(PRODUCT, Map::new());
    Ok(Record { raw, ..record })
}

/// The message; in JSON, one that is not UTF-8 is a list of its bytes.
fn message_text(raw: &Map<String, Value>) -> String {
    match raw.get("MESSAGE") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(bytes)) => {
            let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
            let bytes: Vec<u8> = bytes.iter().filter_map(byte).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => String::new(),
    }
}
