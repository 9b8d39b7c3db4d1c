//! Taking reports in, each exactly once.
//!
//! An event is known by its machine, its spool and its number in it. Events go into the hub's event
//! log, durably; then the watermark of the machine goes forward, durably; then they are
//! acknowledged. After a crash between the first two, the start reads the end of the log, where
//! each event carries its number, and brings the watermarks forward before anybody is let in. What
//! comes twice is acknowledged and has no effect; what is missing is noted, and is an event itself.
//!
//! Scans are whole: the later one replaces the earlier one, so a crash in between repeats the same.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use durable::StdFiles;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::{Map, Value, json};
use spine::{Case, CaseState, Event, EventClass, EventId, HostId};
use store::{EventFilter, EventLog, EventLogConfig, GroupCommit, State, StateError, StoredEvent};

use super::db::{signed, unsigned};
use super::enrol::{Admitted, admitted};
use super::limits;
use super::refusal::{Code, Turned, away};
use super::wire::Scan;
use super::{Machines, db::MachinesDb};
use crate::web::Oops;

/// Reports of one machine are taken in one after the other; machines share so many locks.
const LOCKS: usize = 64;
/// Up to which number of the hub's log the watermarks are known to be right.
const SETTLED: &str = "settled_seq";
/// The lanes of a watermark.
const EVENTS: &str = "events";
const SCANS: &str = "scans";

/// What takes reports in. One process at a time has it, because it writes the log.
pub struct Ingest {
    machines: Arc<Machines>,
    log: GroupCommit,
    locks: Vec<Mutex<()>>,
    flight: Mutex<Flight>,
    /// How far events of a machine are in the log, also where that could not be kept.
    logged: Mutex<BTreeMap<HostId, (String, u64)>>,
}

/// Appends whose watermark is not kept yet.
#[derive(Default)]
struct Flight {
    next: u64,
    /// By ticket: a number of the log that is before all events of the append.
    before: BTreeMap<u64, u64>,
    /// The highest number that was acknowledged.
    acked: u64,
}

impl Flight {
    fn begin(&mut self) -> u64 {
        self.next += 1;
        self.before.insert(self.next, self.acked);
        self.next
    }

    /// Up to here every watermark is right once the one of this ticket is kept.
    fn settled_by(&mut self, ticket: u64, last_seq: u64) -> u64 {
        self.acked = self.acked.max(last_seq);
        let others = self.before.iter().filter(|(other, _)| **other != ticket);
        others.map(|(_, before)| *before).min().unwrap_or(self.acked)
    }
}

/// Events of one spool, as a machine sends them.
pub struct Batch {
    /// The spool.
    pub epoch: String,
    /// The number of the first.
    pub first_seq: u64,
    /// The events.
    pub events: Vec<Event>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(error: impl std::fmt::Display) -> Turned {
    Turned::Failed(error.to_string())
}

impl Ingest {
    /// Opens the log of reported events in the hub's folder, and brings the watermarks up to it.
    pub fn open(machines: Arc<Machines>, dir: &Path, config: EventLogConfig) -> Result<Self, Oops> {
        let internal = |error: &dyn std::fmt::Display| {
            Oops::Internal(format!("the log of reported events: {error}"))
        };
        let clock = Arc::clone(&machines.clock);
        let log = EventLog::open(Arc::new(StdFiles), clock, &dir.join("events"), config);
        let mut log = log.map_err(|error| internal(&error))?;
        let acked = catch_up(&machines.db, &mut log).map_err(|error| internal(&error))?;
        for notice in log.take_notices() {
            tracing::warn!(?notice, "the log of reported events");
        }
        let flight = Mutex::new(Flight { acked, ..Flight::default() });
        let locks = (0..LOCKS).map(|_| Mutex::new(())).collect();
        let logged = Mutex::default();
        Ok(Self { machines, log: GroupCommit::new(log), locks, flight, logged })
    }

    /// Lets the log look after itself: close, seal, retire.
    pub fn maintain(&self) {
        self.log.with_log(EventLog::maintain);
    }

    /// Does something with the log, such as a scan, while nobody appends.
    pub fn with_log<T>(&self, work: impl FnOnce(&mut EventLog) -> T) -> T {
        self.log.with_log(work)
    }

    fn one_at_a_time(&self, host: HostId) -> Option<MutexGuard<'_, ()>> {
        let [first, ..] = host.0.0;
        self.locks.get(usize::from(first) % LOCKS).map(lock)
    }

    /// How far a lane of a spool was taken.
    pub fn taken(&self, host: HostId, lane: Lane, epoch: &str) -> Result<u64, Turned> {
        let logged = lock(&self.logged).get(&host).cloned().filter(|_| lane == Lane::Events);
        let found = match logged {
            Some(logged) => Some(logged),
            None => self.machines.db.atomically(|transaction| {
                Ok::<_, Turned>(watermark(transaction, host, lane.name())?)
            })?,
        };
        Ok(found.filter(|(kept, _)| kept == epoch).map_or(0, |(_, up_to)| up_to))
    }

    /// Takes events in. Returns the last number of the spool that is durable here.
    pub fn events(&self, who: &Admitted, batch: Batch) -> Result<u64, Turned> {
        let Batch { epoch, first_seq, mut events } = batch;
        check_epoch(&epoch)?;
        if events.len() > limits::EVENTS_MAX || first_seq == 0 {
            return away(Code::TooLong, "too many events in one message, or no number");
        }
        if events.iter().any(|event| event.host != who.host) {
            return away(Code::Impersonation, "an event is of another machine");
        }
        let _one = self.one_at_a_time(who.host);
        let kept = self.machines.db.atomically(|transaction| {
            admitted(transaction, &who.fingerprint)?;
            Ok::<_, Turned>(watermark(transaction, who.host, EVENTS)?)
        })?;
        let before = lock(&self.logged).get(&who.host).cloned().or(kept);
        let (known, up_to) = match &before {
            Some((kept, up_to)) if *kept == epoch => (true, *up_to),
            _ => (false, 0),
        };
        let skip = usize::try_from((up_to + 1).saturating_sub(first_seq)).unwrap_or(usize::MAX);
        events.drain(..skip.min(events.len()));
        if events.is_empty() {
            return Ok(up_to);
        }
        let first_seq = first_seq.max(up_to + 1);
        let last_seq = first_seq.saturating_add(events.len() as u64 - 1);
        for (seq, event) in (first_seq..).zip(&mut events) {
            number(event, &epoch, seq);
        }
        if let Some(gap) = gap_text(before.is_some(), known, up_to, first_seq) {
            let now_ms = self.machines.clock.now_ms();
            self.machines.db.note(who.host, now_ms, &gap)?;
            events.insert(0, self.said(who.host, &gap));
        }
        self.append(who.host, &epoch, last_seq, &events)?;
        Ok(last_seq)
    }

    /// Appends events and moves the watermark.
    fn append(
        &self,
        host: HostId,
        epoch: &str,
        last_seq: u64,
        events: &[Event],
    ) -> Result<(), Turned> {
        let ticket = lock(&self.flight).begin();
        let done = self.log.append(events).map_err(failed).and_then(|ack| {
            lock(&self.logged).insert(host, (epoch.to_owned(), last_seq));
            let settled = lock(&self.flight).settled_by(ticket, ack.last_seq);
            self.machines.db.atomically(|transaction| {
                set_watermark(transaction, host, EVENTS, epoch, last_seq)?;
                settle(transaction, settled)
            })
        });
        if done.is_ok() {
            // Where it could not be kept, the next start reads from before this append.
            lock(&self.flight).before.remove(&ticket);
        }
        done
    }

    /// An event that the hub writes down itself about a machine.
    fn said(&self, host: HostId, text: &str) -> Event {
        let (clock, rng) = (&*self.machines.clock, &*self.machines.rng);
        let (time_ms, class) = (clock.now_ms(), EventClass::ApplicationLifecycle);
        let ocsf = json!({
            "class_uid": class.uid(), "category_uid": class.uid() / 1_000, "activity_id": 99,
            "type_uid": class.uid() * 100 + 99, "severity_id": 2, "time": time_ms, "message": text,
            "metadata": { "version": "1.5.0", "product": { "name": "ringfort",
                "vendor_name": "ringfort", "version": env!("CARGO_PKG_VERSION") } },
            "device": { "uid": host.to_string(), "type_id": 0 },
        });
        let ocsf = match ocsf {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        let id = EventId::new(clock, rng);
        let source = "hub".into();
        Event { id, time_ms, host, source, class_uid: class, ocsf, raw: Map::new() }
    }

    /// Writes down that a machine is back after it was silent.
    pub fn back(&self, host: HostId, from_ms: i64, to_ms: i64) -> Result<(), Turned> {
        let text = format!(
            "not heard from {} to {}",
            crate::look::words::time_exact(from_ms),
            crate::look::words::time_exact(to_ms)
        );
        self.machines.db.note(host, to_ms, &text)?;
        let event = self.said(host, &text);
        self.log.append(&[event]).map_err(failed)?;
        Ok(())
    }

    /// Takes a scan in. An earlier one that comes late has no effect.
    pub fn scan(
        &self,
        hub: &crate::Hub,
        who: &Admitted,
        (epoch, seq): (&str, u64),
        scan: &Scan,
    ) -> Result<u64, Turned> {
        check_epoch(epoch)?;
        check_scan(who.host, scan)?;
        let _one = self.one_at_a_time(who.host);
        let up_to = self.machines.db.atomically(|transaction| {
            admitted(transaction, &who.fingerprint)?;
            let kept = watermark(transaction, who.host, SCANS)?;
            Ok::<_, Turned>(kept.filter(|(kept, _)| kept == epoch).map_or(0, |(_, up_to)| up_to))
        })?;
        if seq <= up_to {
            return Ok(up_to);
        }
        let kept = hub.state(|state| {
            state.atomically(|state| {
                let foreign = scan.findings.iter().try_fold(false, |foreign, finding| {
                    let kept = state.finding(finding.id)?;
                    Ok::<_, StateError>(foreign || kept.is_some_and(|kept| kept.host != who.host))
                })?;
                if !foreign {
                    keep_scan(state, scan, self.machines.clock.now_ms())?;
                }
                Ok(!foreign)
            })
        })?;
        if !kept {
            return away(Code::Impersonation, "a finding has the id of another machine's");
        }
        self.machines.db.atomically(|transaction| {
            set_watermark(transaction, who.host, SCANS, epoch, seq)?;
            Ok::<_, Turned>(seq)
        })
    }
}

/// What is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Events.
    Events,
    /// Scans.
    Scans,
}

impl Lane {
    const fn name(self) -> &'static str {
        match self {
            Self::Events => EVENTS,
            Self::Scans => SCANS,
        }
    }
}

fn check_epoch(epoch: &str) -> Result<(), Turned> {
    if epoch.len() == 32 && epoch.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(());
    }
    away(Code::Malformed, "the spool has no name")
}

fn check_scan(host: HostId, scan: &Scan) -> Result<(), Turned> {
    let packages = scan.packages.as_ref().map_or(0, Vec::len);
    if packages.max(scan.findings.len()).max(scan.cases.len()) > limits::SCAN_ITEMS_MAX {
        return away(Code::TooLong, "the scan found more than is taken");
    }
    let own_case = |case: &Case| {
        let id = Case::identity(host, &case.kind, &case.subject);
        case.host == host && id.is_ok_and(|id| id == case.id)
    };
    let own = scan.record.host == host
        && scan.record.root == "/"
        && scan.findings.iter().all(|finding| finding.host == host)
        && scan.cases.iter().all(own_case);
    if own { Ok(()) } else { away(Code::Impersonation, "the scan is of another machine") }
}

fn keep_scan(state: &store::SqliteState, scan: &Scan, now_ms: i64) -> Result<(), StateError> {
    let host = scan.record.host;
    // When it was looked at is the machine's to say, but not in the future.
    let mut record = scan.record.clone();
    record.last_seen_ms = record.last_seen_ms.min(now_ms);
    state.put_host(&record)?;
    if let Some(packages) = &scan.packages {
        state.replace_inventory(host, packages, record.last_seen_ms)?;
    }
    state.replace_findings(host, "patch", &scan.findings)?;
    for case in &scan.cases {
        state.put_case(&merged(state.case(&case.id)?, case))?;
    }
    state.put_doc("live", &host.to_string(), &scan.live)
}

/// What people decided here about a case outlives what the machine says of it, unless it is fixed.
fn merged(here: Option<Case>, reported: &Case) -> Case {
    let mut case = reported.clone();
    let Some(here) = here else { return case };
    let set_aside = matches!(here.state, CaseState::Dismissed | CaseState::Accepted);
    if set_aside && reported.state != CaseState::Fixed {
        case.state = here.state;
    }
    case.owner = here.owner.or(case.owner);
    case.created_ms = here.created_ms.min(case.created_ms);
    case
}

/// Gives an event its number, in OCSF's own fields for it.
fn number(event: &mut Event, epoch: &str, seq: u64) {
    let metadata = event.ocsf.entry("metadata").or_insert_with(|| json!({}));
    if !metadata.is_object() {
        *metadata = json!({});
    }
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.insert("sequence".into(), seq.into());
        metadata.insert("log_name".into(), epoch.into());
    }
}

fn numbered(event: &Event) -> Option<(String, u64)> {
    let metadata = event.ocsf.get("metadata")?;
    let epoch = metadata.get("log_name")?.as_str()?;
    Some((epoch.to_owned(), metadata.get("sequence")?.as_u64()?))
}

fn gap_text(any: bool, known: bool, up_to: u64, first_seq: u64) -> Option<String> {
    let missing = first_seq.saturating_sub(up_to + 1);
    match (any, known) {
        (true, false) => Some(
            "a new spool was begun; what was not sent of the one before is missing, and how much \
             that is is not known"
                .into(),
        ),
        _ if missing > 0 => {
            Some(format!("{missing} events are missing: the spool was full, or was damaged"))
        }
        _ => None,
    }
}

fn watermark(
    transaction: &Transaction<'_>,
    host: HostId,
    lane: &str,
) -> Result<Option<(String, u64)>, rusqlite::Error> {
    transaction
        .prepare_cached("SELECT epoch, up_to FROM watermarks WHERE host = ?1 AND lane = ?2")?
        .query_row([&host.to_string(), lane], |row| Ok((row.get(0)?, unsigned(row, 1)?)))
        .optional()
}

fn set_watermark(
    transaction: &Transaction<'_>,
    host: HostId,
    lane: &str,
    epoch: &str,
    up_to: u64,
) -> Result<(), rusqlite::Error> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO watermarks (host, lane, epoch, up_to) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![host.to_string(), lane, epoch, signed(up_to)])?;
    Ok(())
}

fn settle(transaction: &Transaction<'_>, settled: u64) -> Result<(), Turned> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO settings (name, value) VALUES (?1, ?2)")?
        .execute([SETTLED, &settled.to_string()])?;
    Ok(())
}

/// Brings the watermarks forward over events that are in the log although their watermark was not
/// kept. Returns the log's last number.
fn catch_up(db: &MachinesDb, log: &mut EventLog) -> Result<u64, Turned> {
    let settled: u64 = db.setting(SETTLED)?.unwrap_or(0);
    let mut ahead: BTreeMap<HostId, (String, u64)> = BTreeMap::new();
    let filter = EventFilter { after_seq: Some(settled), ..EventFilter::default() };
    let report = log
        .scan(&filter, &mut |stored: StoredEvent| {
            if let Some(number) = numbered(&stored.event) {
                ahead.insert(stored.event.host, number);
            }
            ControlFlow::Continue(())
        })
        .map_err(failed)?;
    if !report.is_complete() {
        tracing::error!(?report, "the end of the log of reported events does not read whole");
    }
    let last = log.stats().next_seq.saturating_sub(1);
    db.atomically(|transaction| {
        for (host, (epoch, seq)) in &ahead {
            let kept = watermark(transaction, *host, EVENTS)?;
            let behind = kept.is_none_or(|(kept, up_to)| kept != *epoch || up_to < *seq);
            if behind {
                set_watermark(transaction, *host, EVENTS, epoch, *seq)?;
            }
        }
        settle(transaction, last)
    })?;
    Ok(last)
}
