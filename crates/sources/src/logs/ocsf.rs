//! OCSF events as JSON lines, of any version 1.x: Amazon Security Lake, other products, ringfort.
//!
//! The event is its own view: `ocsf` and `raw` are the event as it was.

use std::io::BufRead;

use serde_json::{Map, Value};

use crate::log::json::read_json;
use crate::log::{
    Context, Counts, Head, LogError, LogSource, Record, Sink, int, text, text_at, time,
};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "ocsf",
    title: "OCSF events (JSON)",
    example: "events.ocsf.json",
    standard: "https://schema.ocsf.io/",
    wants,
    read,
};

fn wants(head: &Head<'_>) -> bool {
    head.has_keys(&["class_uid", "time"])
        && (head.has_keys(&["metadata"]) || head.has_keys(&["category_uid"]))
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    read_json(input, context, sink, None, convert)
}

fn convert(raw: Map<String, Value>, context: &Context<'_>) -> Result<Record, &'static str> {
    let class_uid = int(&raw, "class_uid").and_then(|uid| u32::try_from(uid).ok());
    let class_uid = class_uid.ok_or("its `class_uid` is no class")?;
    let time_ms = int(&raw, "time")
        .or_else(|| time::iso(text(&raw, "time_dt")?, 0))
        .ok_or("its `time` is no time")?;
    let host = text_at(&raw, &["device", "hostname"])
        .or_else(|| text_at(&raw, &["device", "name"]))
        .unwrap_or(context.host);
    Ok(Record { time_ms, host: host.to_owned(), class_uid, ocsf: raw.clone(), raw })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_event_is_its_own_view() {
        let event = json!({"class_uid": 1007, "time": 7, "device": {"hostname": "h"}, "x": [1]});
        let Value::Object(event) = event else { panic!("an object") };
        let record = convert(event.clone(), &Context::default()).unwrap();
        assert_eq!((record.class_uid, record.time_ms, record.host.as_str()), (1_007, 7, "h"));
        assert_eq!((&record.ocsf, &record.raw), (&event, &event));
    }

    #[test]
    fn an_event_without_class_or_time_is_bad() {
        assert!(convert(Map::new(), &Context::default()).is_err());
        let no_time = Map::from_iter([("class_uid".to_owned(), json!(1))]);
        assert!(convert(no_time, &Context::default()).is_err());
    }
}
