//! Events for tests.

use serde_json::{Map, Value, json};
use spine::{Digest, Event, EventClass, EventId, HostId};
use uuid::Uuid;

use super::row::Row;

/// The `n`th event: three hosts, two sources, times that run against the numbers.
pub(crate) fn event(n: u64) -> Event {
    let fields = |value: Value| -> Map<String, Value> { value.as_object().unwrap().clone() };
    Event {
        id: EventId(Uuid::from_u128(u128::from(n))),
        time_ms: 1_900_000_000_000 - i64::try_from(n).unwrap() * 1_000,
        host: HostId(Digest([u8::try_from(n % 3).unwrap(); 32])),
        source: if n.is_multiple_of(2) { "dpkg".into() } else { "listeners".into() },
        class_uid: EventClass::SoftwareInventory,
        ocsf: fields(json!({"class_uid": 5020, "package": {"name": format!("pond-{n}")}})),
        raw: if n.is_multiple_of(5) {
            Map::new()
        } else {
            fields(json!({"line": "a\u{0}\u{e9}\"b"}))
        },
    }
}

pub(crate) fn events(range: std::ops::Range<u64>) -> Vec<Event> {
    range.map(event).collect()
}

pub(crate) fn row(seq: u64, recorded_ms: i64, event: &Event) -> Row {
    Row {
        seq,
        recorded_ms,
        time_ms: event.time_ms,
        host: event.host,
        source: event.source.clone(),
        class_uid: event.class_uid.uid(),
        id: event.id,
        ocsf: Value::from(event.ocsf.clone()).to_string(),
        raw: Value::from(event.raw.clone()).to_string(),
    }
}
