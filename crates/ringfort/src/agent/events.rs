//! What changes on this machine, as events in the event log: packages, listening sockets, the
//! running kernel, and ringfort's own starts, stops and gaps.
//!
//! The first look is written down whole; after that only what changed. What was seen last is kept
//! beside the log with the number of the last event in it; after a crash the events that came later
//! are read again, so that no change is written down twice or lost.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use durable::{Files, StdFiles};
use serde::{Deserialize, Serialize};
use spine::{Clock, Event, HostId, Package, Rng};
use store::{EventFilter, EventLog, EventLogConfig, EventSink, GroupCommit, Notice};

use super::live::{Listener, LiveFacts};
use crate::config::Config;
use crate::failure::{Failure, OrHint as _};
use happened::What;

pub mod happened;

/// Events in one append.
const BATCH: usize = 1_000;
/// How long ringfort may look away before that is a gap, milliseconds.
const GAP_MS: i64 = 3 * 60 * 1_000;
/// The pause between two signs of life, milliseconds.
const ALIVE_MS: i64 = 30 * 1_000;
/// The pause between two rounds of sealing and retention, milliseconds.
const MAINTAIN_MS: i64 = 10 * 60 * 1_000;
/// From this port on, a datagram socket is taken for the moment's own (Linux gives these out).
const EPHEMERAL_PORT_MIN: u16 = 32_768;

/// The folder of the event log.
pub fn events_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("agent/events")
}

/// What was seen last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seen {
    /// The number of the last event that is in it.
    seq: u64,
    /// When it was seen, milliseconds since the Unix epoch.
    time_ms: i64,
    /// Whether ringfort ended by itself after that.
    stopped: bool,
    /// Versions by package and architecture; none until they were looked at once.
    packages: Option<BTreeMap<String, String>>,
    /// Listening sockets; none until they were looked at once.
    listeners: Option<BTreeSet<Listener>>,
    /// The kernel that runs.
    kernel: Option<String>,
}

impl Seen {
    fn apply(&mut self, what: &What) {
        match what {
            What::Package { key, to, .. } => {
                let packages = self.packages.get_or_insert_default();
                match to {
                    Some(version) => drop(packages.insert(key.clone(), version.clone())),
                    None => drop(packages.remove(key)),
                }
            }
            What::Listener { open, listener } => {
                let listeners = self.listeners.get_or_insert_default();
                if *open {
                    listeners.insert(listener.clone());
                } else {
                    listeners.remove(listener);
                }
            }
            What::Kernel { to, .. } => self.kernel = Some(to.clone()),
            What::Stopped => self.stopped = true,
            What::Started { .. } | What::Gap { .. } => self.stopped = false,
            What::Note { .. } => {}
        }
    }

    /// What changed among packages.
    fn packages(&self, now: &BTreeMap<String, String>) -> Vec<What> {
        let first = self.packages.is_none();
        let nothing = BTreeMap::new();
        let before = self.packages.as_ref().unwrap_or(&nothing);
        let keys: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        let change = |key: &String| {
            let (from, to) = (before.get(key).cloned(), now.get(key).cloned());
            (from != to).then(|| What::Package { key: key.clone(), from, to, first })
        };
        keys.into_iter().filter_map(change).collect()
    }

    /// What changed among listening sockets.
    fn listeners(&self, now: &BTreeSet<Listener>) -> Vec<What> {
        let nothing = BTreeSet::new();
        let before = self.listeners.as_ref().unwrap_or(&nothing);
        let what =
            |open| move |listener: &Listener| What::Listener { open, listener: listener.clone() };
        let closed = before.difference(now).map(what(false));
        closed.chain(now.difference(before).map(what(true))).collect()
    }
}

/// Writes down what changes.
pub struct Recorder {
    sink: GroupCommit,
    dir: PathBuf,
    host: HostId,
    seen: Seen,
    alive_ms: i64,
    maintained_ms: i64,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

impl Recorder {
    /// Opens the log, catches up with what it holds, and writes down that ringfort started, and
    /// for how long it had not been looking.
    pub fn open(
        config: &Config,
        host: HostId,
        (clock, rng): (Arc<dyn Clock>, Arc<dyn Rng>),
    ) -> Result<Self, Failure> {
        let help = "check the disk and the folder's permissions; scans go on without events";
        let dir = events_dir(&config.data_dir);
        let log_config = EventLogConfig {
            retention_bytes_max: config.events_bytes_max,
            retention_days_max: config.events_days_max,
            ..EventLogConfig::default()
        };
        let files: Arc<dyn Files> = Arc::new(StdFiles);
        let mut log = EventLog::open(files, Arc::clone(&clock), &dir, log_config)
            .or_hint("the event log does not open", help)?;
        let mut seen = last_seen(&dir);
        let filter = EventFilter { after_seq: Some(seen.seq), ..EventFilter::default() };
        log.scan(&filter, &mut |stored| {
            if let Some(what) = What::of(&stored.event) {
                seen.apply(&what);
            }
            seen.seq = stored.seq;
            seen.time_ms = seen.time_ms.max(stored.event.time_ms);
            ControlFlow::Continue(())
        })
        .or_hint("the event log does not read", help)?;
        let alive_ms = read_alive(&dir).max(seen.time_ms);
        let sink = GroupCommit::new(log);
        let mut recorder = Self { sink, dir, host, seen, alive_ms, maintained_ms: 0, clock, rng };
        let first = recorder.seen.seq == 0;
        let after_ms = (!first).then_some(alive_ms);
        let mut happened = vec![What::Started { after_ms, clean: recorder.seen.stopped || first }];
        happened.extend(recorder.gap());
        recorder.record(happened)?;
        recorder.tick()?;
        Ok(recorder)
    }

    /// Writes down what changed among the packages. A list without any is a failed look, and no
    /// machine without packages.
    pub fn packages(&mut self, packages: impl Iterator<Item = Package>) -> Result<(), Failure> {
        let key = |package: &Package| match &package.arch {
            Some(arch) => format!("{}:{arch}", package.name),
            None => package.name.clone(),
        };
        let now: BTreeMap<String, String> =
            packages.map(|package| (key(&package), package.version)).collect();
        if now.is_empty() {
            return Ok(());
        }
        let happened = self.seen.packages(&now);
        self.record(happened)
    }

    /// Writes down what changed among listening sockets, and the kernel. Where sockets could not be
    /// looked at, nothing is concluded.
    pub fn live(&mut self, facts: &LiveFacts) -> Result<(), Failure> {
        let mut happened = Vec::new();
        if facts.unknown.is_empty() {
            let lasting = |listener: &&Listener| {
                listener.protocol == "tcp" || listener.port < EPHEMERAL_PORT_MIN
            };
            let now = facts.listeners.iter().filter(lasting).cloned().collect();
            happened.extend(self.seen.listeners(&now));
            self.seen.listeners.get_or_insert_default();
        }
        if let Some(kernel) = facts.kernel.as_ref().map(|kernel| kernel.running.clone())
            && self.seen.kernel.as_ref() != Some(&kernel)
        {
            happened.push(What::Kernel { from: self.seen.kernel.clone(), to: kernel });
        }
        self.record(happened)
    }

    /// A sign of life. Says if the time since the last one is a gap (the machine slept, or ringfort
    /// was stopped), and lets the log look after itself now and then.
    pub fn tick(&mut self) -> Result<(), Failure> {
        let gap = self.gap();
        self.record(gap.into_iter().collect())?;
        let now_ms = self.clock.now_ms();
        if (now_ms - self.alive_ms).abs() >= ALIVE_MS {
            self.alive_ms = now_ms;
            // A sign of life that is lost makes a gap look longer, never shorter.
            let _ = std::fs::write(self.dir.join(ALIVE), now_ms.to_string());
        }
        if (now_ms - self.maintained_ms).abs() >= MAINTAIN_MS {
            self.maintained_ms = now_ms;
            let notices = self.sink.with_log(|log| {
                log.maintain();
                log.take_notices()
            });
            self.record(notices.iter().map(note).collect())?;
        }
        Ok(())
    }

    /// The last number of the log; a crash cannot take it back.
    pub fn last_seq(&self) -> u64 {
        self.seen.seq
    }

    /// Writes down that ringfort ends by itself.
    pub fn stop(&mut self) -> Result<(), Failure> {
        self.record(vec![What::Stopped])
    }

    fn gap(&mut self) -> Option<What> {
        let (from_ms, to_ms) = (self.alive_ms, self.clock.now_ms());
        let gap = from_ms > 0 && to_ms.saturating_sub(from_ms) > GAP_MS;
        gap.then(|| {
            self.alive_ms = to_ms;
            What::Gap { from_ms, to_ms }
        })
    }

    fn record(&mut self, happened: Vec<What>) -> Result<(), Failure> {
        let help = "check the disk; what was not written down is seen again at the next look";
        for chunk in happened.chunks(BATCH) {
            let now_ms = self.clock.now_ms();
            let events: Vec<Event> = chunk
                .iter()
                .map(|what| what.event(self.host, now_ms, (&*self.clock, &*self.rng)))
                .collect();
            let ack = EventSink::append(&mut self.sink, &events)
                .or_hint("events could not be written down", help)?;
            self.seen.seq = ack.last_seq;
            self.seen.time_ms = now_ms;
            for what in chunk {
                self.seen.apply(what);
            }
        }
        if !happened.is_empty() {
            let bytes = serde_json::to_vec(&self.seen).unwrap_or_default();
            StdFiles
                .write_atomic(&self.dir.with_extension("seen.json"), &bytes)
                .or_hint("what was seen could not be kept", help)?;
        }
        Ok(())
    }
}

/// The file of the last sign of life.
const ALIVE: &str = "alive";

/// What was seen last, as far as it was kept; the log tells the rest.
fn last_seen(dir: &Path) -> Seen {
    let bytes = StdFiles.read(&dir.with_extension("seen.json")).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn read_alive(dir: &Path) -> i64 {
    let text = std::fs::read_to_string(dir.join(ALIVE)).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// What the log says of itself, as an event.
fn note(notice: &Notice) -> What {
    let text = match notice {
        Notice::TailCut { file, bytes } => {
            format!("{bytes} bytes that were never acknowledged were cut off `{file}`")
        }
        Notice::SetAside { file, reason, .. } => format!("`{file}` was set aside: {reason}"),
        Notice::Unreadable { file, reason } => format!("`{file}` cannot be read now: {reason}"),
        Notice::NotSealed { file, reason } => format!("`{file}` could not be sealed: {reason}"),
        Notice::Retired { file, events, .. } => {
            format!("{events} events in `{file}` were removed as retention says")
        }
        _ => "the event log has something to say that this version does not know".to_owned(),
    };
    What::Note { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rim::OsRng;
    use store::{EventReader, StoredEvent};
    use testkit::ManualClock;

    struct Place {
        dir: tempfile::TempDir,
        clock: Arc<ManualClock>,
    }

    impl Place {
        fn new() -> Self {
            let clock = Arc::new(ManualClock::at(1_800_000_000_000));
            Self { dir: tempfile::tempdir().unwrap(), clock }
        }

        fn open(&self) -> Recorder {
            let config = Config { data_dir: self.dir.path().to_path_buf(), ..Config::default() };
            let rim = (Arc::clone(&self.clock) as Arc<dyn Clock>, Arc::new(OsRng) as Arc<dyn Rng>);
            Recorder::open(&config, HostId(spine::Digest([1; 32])), rim).unwrap()
        }

        fn events(&self) -> Vec<StoredEvent> {
            let reader = EventReader::new(Arc::new(StdFiles), &events_dir(self.dir.path()));
            let mut events = Vec::new();
            let report = reader
                .scan(&EventFilter::default(), &mut |stored| {
                    events.push(stored);
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert!(report.is_complete(), "{report:?}");
            events
        }

        fn said(&self) -> Vec<String> {
            let text =
                |stored: &StoredEvent| stored.event.ocsf["message"].as_str().unwrap().to_owned();
            self.events().iter().map(text).collect()
        }
    }

    fn package(name: &str, version: &str) -> Package {
        Package {
            ecosystem: "Debian:12".into(),
            name: name.into(),
            version: version.into(),
            arch: Some("amd64".into()),
            source: None,
            location: "var/lib/dpkg/status".into(),
        }
    }

    fn listener(port: u16) -> Listener {
        Listener {
            protocol: "tcp".into(),
            address: "0.0.0.0".parse().unwrap(),
            port,
            uid: 0,
            program: Some("/usr/sbin/sshd".into()),
            package: None,
            loopback: false,
        }
    }

    #[test]
    fn the_first_look_is_written_down_whole_and_then_only_what_changed() {
        let place = Place::new();
        let mut recorder = place.open();
        recorder.packages([package("a", "1"), package("b", "1")].into_iter()).unwrap();
        recorder.packages([package("a", "1"), package("b", "1")].into_iter()).unwrap();
        recorder.packages([package("a", "2"), package("c", "1")].into_iter()).unwrap();
        recorder.packages(std::iter::empty()).unwrap();
        let facts = LiveFacts { listeners: vec![listener(22)], ..LiveFacts::default() };
        recorder.live(&facts).unwrap();
        recorder.live(&facts).unwrap();
        let blind = LiveFacts { unknown: vec!["tcp".into()], ..LiveFacts::default() };
        recorder.live(&blind).unwrap();
        recorder.live(&LiveFacts::default()).unwrap();
        assert_eq!(
            place.said(),
            [
                "ringfort started for the first time",
                "a:amd64 1 is installed",
                "b:amd64 1 is installed",
                "a:amd64 was updated from 1 to 2",
                "b:amd64 1 was removed",
                "c:amd64 1 was installed",
                "/usr/sbin/sshd listens on tcp 0.0.0.0:22",
                "/usr/sbin/sshd no longer listens on tcp 0.0.0.0:22",
            ]
        );
        let classes: Vec<u32> =
            place.events().iter().map(|stored| stored.event.class_uid.uid()).collect();
        assert_eq!(classes, [6_002, 5_020, 5_020, 6_002, 6_002, 6_002, 4_001, 4_001]);
    }

    #[test]
    fn a_restart_goes_on_where_it_stood_also_without_what_was_kept_beside_the_log() {
        let place = Place::new();
        let mut recorder = place.open();
        recorder.packages([package("a", "1")].into_iter()).unwrap();
        recorder
            .live(&LiveFacts { listeners: vec![listener(22)], ..LiveFacts::default() })
            .unwrap();
        let before = recorder.seen.clone();
        drop(recorder);
        for kept in [true, false] {
            if !kept {
                std::fs::remove_file(events_dir(place.dir.path()).with_extension("seen.json"))
                    .unwrap();
            }
            let count = place.events().len();
            let mut recorder = place.open();
            recorder.packages([package("a", "1")].into_iter()).unwrap();
            assert_eq!(recorder.seen.packages, before.packages);
            assert_eq!(recorder.seen.listeners, before.listeners);
            assert_eq!(place.events().len(), count + 1, "only the start is new");
        }
    }

    #[test]
    fn starts_stops_and_gaps_are_events() {
        let place = Place::new();
        let mut recorder = place.open();
        place.clock.advance(40_000);
        recorder.tick().unwrap();
        drop(recorder);
        place.clock.advance(3_600_000);
        let mut recorder = place.open();
        recorder.stop().unwrap();
        drop(recorder);
        place.clock.advance(60_000);
        let mut recorder = place.open();
        place.clock.advance(600_000);
        recorder.tick().unwrap();
        let said = place.said();
        assert_eq!(said[0], "ringfort started for the first time");
        assert!(said[1].starts_with("ringfort started again; it had not ended by itself"));
        assert!(said[2].starts_with("nothing was looked at from "), "{}", said[2]);
        assert_eq!(said[3], "ringfort ended");
        assert!(said[4].starts_with("ringfort started again after it had ended"));
        assert!(said[5].starts_with("nothing was looked at from "), "{}", said[5]);
        assert_eq!(said.len(), 6);
    }

    #[test]
    fn retention_comes_from_the_configuration_and_what_it_removes_is_an_event() {
        let place = Place::new();
        let config = Config {
            data_dir: place.dir.path().to_path_buf(),
            events_days_max: 1,
            ..Config::default()
        };
        let rim = || (Arc::clone(&place.clock) as Arc<dyn Clock>, Arc::new(OsRng) as Arc<dyn Rng>);
        let host = HostId(spine::Digest([1; 32]));
        let mut recorder = Recorder::open(&config, host, rim()).unwrap();
        for day in 0..4 {
            recorder.packages([package("a", &day.to_string())].into_iter()).unwrap();
            recorder.sink.with_log(EventLog::seal);
            place.clock.advance(24 * 3_600 * 1_000);
            recorder.tick().unwrap();
        }
        let said = place.said();
        assert!(said.iter().any(|text| text.contains("removed as retention says")), "{said:?}");
        assert!(!said.iter().any(|text| text.contains("for the first time")), "{said:?}");
    }
}
