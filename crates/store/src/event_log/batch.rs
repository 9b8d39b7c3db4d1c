//! One append is one frame, so it is there whole or not at all.
//!
//! Payload: version `1: u8`, first sequence number `u64 le`, recorded milliseconds `i64 le`,
//! number of events `u32 le`, then a JSON array of the events.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use spine::{Event, EventId, HostId};

use super::EventLogError;
use super::row::Row;
use crate::limits;

const VERSION: u8 = 1;

/// Events of one append, encoded and within the limits, before they have sequence numbers.
pub(crate) struct Prepared {
    json: Vec<u8>,
    count: u32,
}

impl Prepared {
    pub(crate) fn new(events: &[Event]) -> Result<Self, EventLogError> {
        let too_large = |what, size, limit| EventLogError::TooLarge { what, size, limit };
        if events.len() > limits::BATCH_EVENTS_MAX {
            return Err(too_large("events in one append", events.len(), limits::BATCH_EVENTS_MAX));
        }
        let mut json = vec![b'['];
        for event in events {
            if json.len() > 1 {
                json.push(b',');
            }
            let depth =
                1 + event.ocsf.values().chain(event.raw.values()).map(levels).max().unwrap_or(0);
            if depth > limits::EVENT_DEPTH_MAX {
                let what = "levels of nesting in one event";
                return Err(too_large(what, depth, limits::EVENT_DEPTH_MAX));
            }
            let before = json.len();
            serde_json::to_writer(&mut json, event)
                .map_err(|error| EventLogError::Encode(error.to_string()))?;
            let size = json.len() - before;
            if size > limits::EVENT_BYTES_MAX {
                return Err(too_large("bytes in one event", size, limits::EVENT_BYTES_MAX));
            }
            if json.len() > limits::BATCH_BYTES_MAX {
                let limit = limits::BATCH_BYTES_MAX;
                return Err(too_large("bytes in one append", json.len(), limit));
            }
        }
        json.push(b']');
        let count = u32::try_from(events.len()).unwrap_or(u32::MAX);
        Ok(Self { json, count })
    }

    pub(crate) fn count(&self) -> u64 {
        u64::from(self.count)
    }

    pub(crate) fn payload(&self, first_seq: u64, recorded_ms: i64) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.json.len() + 21);
        payload.push(VERSION);
        payload.extend(first_seq.to_le_bytes());
        payload.extend(recorded_ms.to_le_bytes());
        payload.extend(self.count.to_le_bytes());
        payload.extend(&self.json);
        payload
    }
}

/// What the head of a payload says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) first_seq: u64,
    pub(crate) recorded_ms: i64,
    pub(crate) count: u32,
}

/// The head and the JSON of a payload, or `None` if a newer version wrote it.
pub(crate) fn head(payload: &[u8]) -> Option<(Head, &[u8])> {
    let (version, rest) = payload.split_first()?;
    let (first_seq, rest) = rest.split_first_chunk()?;
    let (recorded_ms, rest) = rest.split_first_chunk()?;
    let (count, json) = rest.split_first_chunk()?;
    let head = Head {
        first_seq: u64::from_le_bytes(*first_seq),
        recorded_ms: i64::from_le_bytes(*recorded_ms),
        count: u32::from_le_bytes(*count),
    };
    let sound = *version == VERSION && head.first_seq.checked_add(u64::from(head.count)).is_some();
    sound.then_some((head, json))
}

/// How deep a value is nested, counted no further than one past the limit: what is deeper could be
/// written, but not be read again.
fn levels(value: &Value) -> usize {
    fn count(value: &Value, left: usize) -> usize {
        let Some(left) = left.checked_sub(1) else { return 0 };
        match value {
            Value::Array(items) => {
                1 + items.iter().map(|item| count(item, left)).max().unwrap_or(0)
            }
            Value::Object(map) => 1 + map.values().map(|item| count(item, left)).max().unwrap_or(0),
            _ => 0,
        }
    }
    count(value, limits::EVENT_DEPTH_MAX)
}

/// An event as it is written, without looking into its fields.
#[derive(Deserialize)]
struct Written<'a> {
    id: EventId,
    time_ms: i64,
    host: HostId,
    #[serde(borrow)]
    source: Cow<'a, str>,
    class_uid: u32,
    #[serde(borrow)]
    ocsf: &'a RawValue,
    #[serde(borrow)]
    raw: Option<&'a RawValue>,
}

/// The events of a payload, or `None` if this build cannot read them.
pub(crate) fn decode(payload: &[u8]) -> Option<Vec<Row>> {
    let (head, json) = head(payload)?;
    let events: Vec<Written<'_>> = serde_json::from_slice(json).ok()?;
    if events.len() != usize::try_from(head.count).ok()? {
        return None;
    }
    let row = |(seq, event): (u64, Written<'_>)| Row {
        seq,
        recorded_ms: head.recorded_ms,
        time_ms: event.time_ms,
        host: event.host,
        source: event.source.into_owned(),
        class_uid: event.class_uid,
        id: event.id,
        ocsf: event.ocsf.get().to_owned(),
        raw: event.raw.map_or("{}", RawValue::get).to_owned(),
    };
    Some((head.first_seq..).zip(events).map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_log::samples;
    use proptest::prelude::*;

    #[test]
    fn events_read_back_with_their_numbers() {
        let events = [samples::event(1), samples::event(2)];
        let payload = Prepared::new(&events).unwrap().payload(7, -5);
        let stored: Vec<_> =
            decode(&payload).unwrap().into_iter().map(|row| row.parse().unwrap()).collect();
        assert_eq!(stored.len(), 2);
        assert_eq!((stored[1].seq, stored[1].recorded_ms), (8, -5));
        assert_eq!(stored[1].event, events[1]);
    }

    #[test]
    fn what_is_over_a_limit_is_refused() {
        let many = vec![samples::event(1); limits::BATCH_EVENTS_MAX + 1];
        assert!(matches!(Prepared::new(&many), Err(EventLogError::TooLarge { .. })));
        let mut large = samples::event(1);
        large.raw.insert("line".into(), "x".repeat(limits::EVENT_BYTES_MAX).into());
        assert!(matches!(Prepared::new(&[large]), Err(EventLogError::TooLarge { .. })));
        let mut deep = samples::event(1);
        let nested = |levels| (1..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        deep.ocsf.insert("deep".into(), nested(limits::EVENT_DEPTH_MAX));
        assert!(decode(&Prepared::new(&[deep.clone()]).unwrap().payload(1, 1)).is_some());
        deep.ocsf.insert("deep".into(), nested(limits::EVENT_DEPTH_MAX + 1));
        assert!(matches!(Prepared::new(&[deep]), Err(EventLogError::TooLarge { .. })));
        let mut half = samples::event(1);
        half.raw.insert("line".into(), "x".repeat(limits::EVENT_BYTES_MAX - 1_000).into());
        let error = Prepared::new(&vec![half; 9]).err().unwrap().to_string();
        assert!(error.contains("bytes in one append"), "{error}");
    }

    #[test]
    fn a_payload_of_a_newer_version_is_not_guessed_at() {
        let mut payload = Prepared::new(&[samples::event(1)]).unwrap().payload(1, 1);
        payload[0] = 2;
        assert!(decode(&payload).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_do_not(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(&bytes);
        }
    }
}
