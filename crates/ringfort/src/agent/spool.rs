//! What waits to be told to the hub, on the disk of this machine, in three lanes.
//!
//! Scans and the record go first, events after them. Events wait in the event log itself, in its
//! sealed segments and under its budget of bytes; what the budget pushed out before the hub had it
//! is a gap, which the hub sees by the numbers and writes down. Of scans only the last one waits:
//! each says everything. The record waits with the executor.
//!
//! Numbers belong to a spool, whose name lies beside the log: whoever loses the log loses the name,
//! and begins a new spool, so that a number never means two events.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use durable::{Files as _, StdFiles};
use hub::machines::limits::{EVENTS_BYTES_MAX, EVENTS_MAX};
use hub::machines::wire::Scan;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spine::{Event, HostId, Rng, rng::random_bytes};
use store::{CaseFilter, EventFilter, EventReader, Overview as _, SqliteState, State as _};

use crate::failure::{Failure, OrHint as _};

/// The file that names the spool, in the folder of the event log.
const EPOCH: &str = "spool";
/// Events that are read ahead.
const AHEAD_MAX: usize = 4 * EVENTS_MAX;
/// JSON bytes of events that are read ahead.
const AHEAD_BYTES_MAX: usize = 4 * EVENTS_BYTES_MAX;
const HELP: &str = "check the disk and the folder's permissions";

/// What waits for the hub.
pub struct Spool {
    events_dir: PathBuf,
    epoch: String,
    ahead: VecDeque<(u64, Event, usize)>,
}

/// A scan that waits.
#[derive(Serialize, Deserialize)]
struct Waiting {
    seq: u64,
    scan: Scan,
}

/// Events in a row.
#[derive(Debug, PartialEq)]
pub struct InARow {
    /// The number of the first.
    pub first_seq: u64,
    /// The events.
    pub events: Vec<Event>,
}

impl Spool {
    /// Opens the spool over an event log, and names it if it has no name yet.
    pub fn open(events_dir: &Path, rng: &dyn Rng) -> Result<Self, Failure> {
        StdFiles.create_dir_all(events_dir).or_hint("the spool cannot be made", HELP)?;
        let mut spool = Self {
            events_dir: events_dir.to_owned(),
            epoch: String::new(),
            ahead: VecDeque::new(),
        };
        let kept = std::fs::read_to_string(events_dir.join(EPOCH)).unwrap_or_default();
        if kept.len() == 32 && kept.bytes().all(|b| b.is_ascii_hexdigit()) {
            spool.epoch = kept;
        } else {
            spool.begin_anew(rng)?;
        }
        Ok(spool)
    }

    /// The spool's name.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Gives the spool another name: the log went back behind what the hub has of it.
    pub fn begin_anew(&mut self, rng: &dyn Rng) -> Result<(), Failure> {
        let epoch = hex::encode(random_bytes::<16>(rng));
        StdFiles
            .write_atomic(&self.events_dir.join(EPOCH), epoch.as_bytes())
            .or_hint("the spool cannot be named", HELP)?;
        self.epoch = epoch;
        self.ahead.clear();
        Ok(())
    }

    /// The next events after a number, at most as many as one message takes, and none past
    /// `durable`: what a crash may still take back is not told.
    pub fn events_after(&mut self, after: u64, durable: u64) -> Result<Option<InARow>, Failure> {
        while self.ahead.front().is_some_and(|(seq, ..)| *seq <= after) {
            self.ahead.pop_front();
        }
        let goes_on = self.ahead.front().is_some_and(|(seq, ..)| *seq == after + 1);
        if after >= durable {
            return Ok(None);
        }
        if !goes_on {
            self.read_ahead(after, durable)?;
        }
        let Some((first_seq, ..)) = self.ahead.front() else { return Ok(None) };
        let first_seq = *first_seq;
        let (mut events, mut bytes) = (Vec::new(), 0);
        while let Some((seq, _, size)) = self.ahead.front() {
            bytes += size;
            let next = first_seq + events.len() as u64;
            let full =
                events.len() >= EVENTS_MAX || (bytes > EVENTS_BYTES_MAX && !events.is_empty());
            if *seq != next || full {
                break;
            }
            events.extend(self.ahead.pop_front().map(|(_, event, _)| event));
        }
        Ok(Some(InARow { first_seq, events }))
    }

    fn read_ahead(&mut self, after: u64, durable: u64) -> Result<(), Failure> {
        self.ahead.clear();
        let reader = EventReader::new(Arc::new(StdFiles), &self.events_dir);
        let filter = EventFilter { after_seq: Some(after), ..EventFilter::default() };
        let ahead = &mut self.ahead;
        let mut bytes = 0;
        reader
            .scan(&filter, &mut |stored| {
                if stored.seq > durable {
                    return ControlFlow::Break(());
                }
                let size = serde_json::to_vec(&stored.event).map_or(0, |json| json.len());
                bytes += size;
                ahead.push_back((stored.seq, stored.event, size));
                if ahead.len() >= AHEAD_MAX || bytes >= AHEAD_BYTES_MAX {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })
            .or_hint("the events that wait do not read", HELP)?;
        Ok(())
    }
}

/// What this machine's state says of the last scan.
pub fn snapshot(state: &SqliteState, host: HostId) -> Result<Option<Scan>, Failure> {
    let filter = CaseFilter { host: Some(host), ..CaseFilter::default() };
    let Some(record) = state.host(host).or_hint("the scan does not read", HELP)? else {
        return Ok(None);
    };
    let inventory = state.inventory(host).or_hint("the packages do not read", HELP)?;
    let live = state.get_doc("live", &host.to_string()).or_hint("the scan does not read", HELP)?;
    Ok(Some(Scan {
        record,
        packages: inventory.map(|inventory| inventory.packages),
        findings: state.findings(host).or_hint("the findings do not read", HELP)?,
        cases: state.cases(&filter).or_hint("the cases do not read", HELP)?,
        live: live.unwrap_or(Value::Null),
    }))
}

/// Where the last scan waits.
pub fn scan_file(data_dir: &Path) -> PathBuf {
    data_dir.join("agent/scan.json")
}

/// Lets a scan wait for the hub, in place of the one before. Its number is the time, or one more
/// than the last where the clock went back.
pub fn put_scan(path: &Path, scan: Scan, now_ms: i64) -> Result<(), Failure> {
    let before = StdFiles.read(path).ok();
    let before = before.and_then(|bytes| serde_json::from_slice::<Waiting>(&bytes).ok());
    if before.as_ref().is_some_and(|before| before.scan == scan) {
        return Ok(());
    }
    let last = before.map_or(0, |before| before.seq);
    let seq = u64::try_from(now_ms).unwrap_or(0).max(last + 1);
    let bytes = serde_json::to_vec(&Waiting { seq, scan }).or_hint("the scan", HELP)?;
    StdFiles.write_atomic(path, &bytes).or_hint("the scan cannot be kept for the hub", HELP)
}

/// The scan that waits, if its number is higher.
pub fn scan_after(path: &Path, seq: u64) -> Option<(u64, Scan)> {
    let bytes = StdFiles.read(path).ok()?;
    let waiting: Waiting = serde_json::from_slice(&bytes).ok()?;
    (waiting.seq > seq).then_some((waiting.seq, waiting.scan))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Map, json};
    use spine::{Clock, Digest, EventClass, EventId};
    use store::{EventLog, EventLogConfig, EventSink as _};
    use testkit::{ManualClock, SeededRng};

    use super::*;

    fn event(n: u64) -> Event {
        let clock = ManualClock::at(i64::try_from(n).unwrap());
        Event {
            id: EventId::new(&clock, &SeededRng::new(n)),
            time_ms: clock.now_ms(),
            host: HostId(Digest([1; 32])),
            source: "test".into(),
            class_uid: EventClass::ProcessActivity,
            ocsf: Map::new(),
            raw: json!({ "n": n }).as_object().unwrap().clone(),
        }
    }

    fn log(dir: &Path, config: EventLogConfig) -> EventLog {
        let clock = Arc::new(ManualClock::at(1));
        EventLog::open(Arc::new(StdFiles), clock, dir, config).unwrap()
    }

    #[test]
    fn events_come_in_order_and_none_that_may_be_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path(), EventLogConfig::default());
        let all: Vec<Event> = (1..=5_000).map(event).collect();
        log.append(&all).unwrap();
        let mut spool = Spool::open(dir.path(), &SeededRng::new(1)).unwrap();
        let (mut after, mut got) = (0, Vec::new());
        while let Some(row) = spool.events_after(after, 4_999).unwrap() {
            assert_eq!(row.first_seq, after + 1);
            assert!(row.events.len() <= EVENTS_MAX);
            after += row.events.len() as u64;
            got.extend(row.events);
        }
        assert_eq!(got, all[..4_999]);
        let again = spool.events_after(100, 5_000).unwrap().unwrap();
        assert_eq!((again.first_seq, &again.events[0]), (101, &all[100]), "asked for again");
    }

    #[test]
    fn what_the_budget_pushed_out_shows_in_the_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let config = EventLogConfig {
            segment_bytes_max: 10_000,
            retention_bytes_max: 1,
            ..EventLogConfig::default()
        };
        let mut log = log(dir.path(), config);
        for n in 1..=300 {
            log.append(&[event(n)]).unwrap();
        }
        log.maintain();
        let mut spool = Spool::open(dir.path(), &SeededRng::new(1)).unwrap();
        let row = spool.events_after(0, 300).unwrap().unwrap();
        assert!(row.first_seq > 1, "the oldest are gone");
    }

    #[test]
    fn the_name_lies_with_the_log_and_changes_when_it_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let rng = SeededRng::new(1);
        let mut spool = Spool::open(dir.path(), &rng).unwrap();
        let first = spool.epoch().to_owned();
        assert_eq!(Spool::open(dir.path(), &rng).unwrap().epoch(), first);
        spool.begin_anew(&rng).unwrap();
        assert_ne!(spool.epoch(), first);
        assert_eq!(Spool::open(dir.path(), &rng).unwrap().epoch(), spool.epoch());
    }

    #[test]
    fn only_the_last_scan_waits_and_the_same_again_is_no_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scan.json");
        let scan = |os: &str| Scan {
            record: store::HostRecord {
                host: HostId(Digest([1; 32])),
                name: "a".into(),
                root: "/".into(),
                os: os.into(),
                last_seen_ms: 0,
                coverage: Value::Null,
            },
            packages: None,
            findings: vec![],
            cases: vec![],
            live: Value::Null,
        };
        put_scan(&path, scan("12"), 100).unwrap();
        put_scan(&path, scan("12"), 200).unwrap();
        assert_eq!(scan_after(&path, 0).unwrap().0, 100);
        put_scan(&path, scan("13"), 50).unwrap();
        assert_eq!(scan_after(&path, 100).unwrap(), (101, scan("13")));
        assert!(scan_after(&path, 101).is_none());
    }
}
