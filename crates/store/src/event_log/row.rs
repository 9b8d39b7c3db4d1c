//! An event whose fields are still the text that was written, so that sealing a segment and leaving
//! rows out of a scan build no trees.

use serde_json::{Map, Value};
use spine::{Event, EventClass, EventId, HostId};

use super::StoredEvent;

/// One event of the log; `ocsf` and `raw` are JSON objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) seq: u64,
    pub(crate) recorded_ms: i64,
    pub(crate) time_ms: i64,
    pub(crate) host: HostId,
    pub(crate) source: String,
    pub(crate) class_uid: u32,
    pub(crate) id: EventId,
    pub(crate) ocsf: String,
    pub(crate) raw: String,
}

impl Row {
    pub(crate) fn parse(self) -> Result<StoredEvent, serde_json::Error> {
        let fields = |text: &str| serde_json::from_str::<Map<String, Value>>(text);
        let event = Event {
            id: self.id,
            time_ms: self.time_ms,
            host: self.host,
            class_uid: EventClass::from(self.class_uid),
            ocsf: fields(&self.ocsf)?,
            raw: fields(&self.raw)?,
            source: self.source,
        };
        Ok(StoredEvent { seq: self.seq, recorded_ms: self.recorded_ms, event })
    }
}
