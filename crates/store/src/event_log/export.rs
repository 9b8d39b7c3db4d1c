//! Chosen events as one Parquet file, the same as a sealed segment, for people outside.

use serde_json::Value;

use super::row::Row;
use super::{EventLogError, StoredEvent, sealed};

/// A Parquet file of these events; `None` where there are none. Its columns are those of a sealed
/// segment, so whatever reads the one reads the other.
pub fn parquet_of(events: &[StoredEvent]) -> Result<Option<Vec<u8>>, EventLogError> {
    if events.is_empty() {
        return Ok(None);
    }
    let rows = events.iter().map(|stored| Row {
        seq: stored.seq,
        recorded_ms: stored.recorded_ms,
        time_ms: stored.event.time_ms,
        host: stored.event.host,
        source: stored.event.source.clone(),
        class_uid: stored.event.class_uid.uid(),
        id: stored.event.id,
        ocsf: Value::Object(stored.event.ocsf.clone()).to_string(),
        raw: Value::Object(stored.event.raw.clone()).to_string(),
    });
    let encoded = sealed::encode(rows.collect());
    encoded.map(|(_, bytes)| Some(bytes)).map_err(|error| EventLogError::Encode(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::{EventFilter, samples};
    use super::*;

    #[test]
    fn what_is_given_out_reads_back_as_what_was_chosen() {
        let events: Vec<StoredEvent> = (0..20)
            .map(|n| StoredEvent { seq: 100 + n, recorded_ms: 7, event: samples::event(n) })
            .collect();
        let bytes = parquet_of(&events).unwrap().unwrap();
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
        let rows = events.iter().map(|stored| samples::row(stored.seq, 7, &stored.event)).collect();
        let (name, same) = sealed::encode(rows).unwrap();
        assert_eq!(bytes, same, "it is byte for byte a sealed segment");
        let read = sealed::decode(&name, bytes, &EventFilter::default()).unwrap();
        let read: Vec<StoredEvent> = read.into_iter().map(|row| row.parse().unwrap()).collect();
        assert_eq!(read, events);
        assert!(parquet_of(&[]).unwrap().is_none());
    }
}
