//! Agents and a hub over real connections on loopback, with a clock that the test moves.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hub::machines::authority::make_request;
use hub::machines::link::Link;
use hub::machines::wire::{Answer, Ask, Fleet, Have, Part, record_key_name};
use ledger::Signer;
use serde_json::{Map, Value, json};
use spine::{Clock, Digest, Event, EventClass, EventId, HostId, Rng};
use store::{EventLog, EventLogConfig, EventSink as _};
use testkit::{ManualClock, SeededRng};

use super::join::Joined;
use super::uplink::{Ended, Head, Record, Uplink};
pub use site::Site;

#[path = "../../../hub/tests/machines/site.rs"]
mod site;

const NOW_MS: i64 = 1_800_000_000_000;

/// A machine without a record.
pub struct NoRecord;

impl Record for NoRecord {
    fn head(&mut self) -> Option<Head> {
        None
    }
    fn receipts(&mut self, _: u64) -> Option<Vec<String>> {
        None
    }
    fn others(&mut self, _: Option<&Fleet>, _: &[Part]) -> Vec<Have> {
        Vec::new()
    }
}

/// One machine with its event log and its way to the hub.
pub struct Agent {
    pub host: HostId,
    pub log: EventLog,
    pub uplink: Uplink,
}

impl Agent {
    pub fn open(
        dir: &Path,
        n: u8,
        config: EventLogConfig,
        rim: (Arc<dyn Clock>, Arc<dyn Rng>),
    ) -> Self {
        let (clock, rng) = rim;
        let events_dir = dir.join("events");
        let files = Arc::new(durable::StdFiles);
        let log = EventLog::open(files, Arc::clone(&clock), &events_dir, config).unwrap();
        let durable = Arc::new(AtomicU64::new(log.stats().next_seq - 1));
        let uplink = Uplink {
            events_dir,
            durable,
            scan_file: dir.join("scan.json"),
            joined_file: dir.join("hub.json"),
            clock,
            rng,
        };
        Self { host: HostId(Digest([n; 32])), log, uplink }
    }

    /// Joins as `ringfort agent join` does, with a key of its record that stands for root's word.
    pub fn join(&self, site: &Site) {
        let token = site.hub.machines.token("test", None).unwrap();
        let (key, request, digest) = make_request().unwrap();
        let signer = Signer::from_seed(&record_key_name(self.host), &[7; 32]).unwrap();
        let now_ms = self.uplink.clock.now_ms();
        let join = site::join(self.host, &signer, &token, (&request, digest), now_ms);
        let ask = Ask::Join(Box::new(join));
        let clock = Arc::clone(&self.uplink.clock);
        let mut link = Link::connect(&token.at, token.ca, None, clock).unwrap();
        let Answer::Certificate { certificate, renew_ms } = link.ask(&ask).unwrap() else {
            panic!()
        };
        let joined = Joined {
            at: token.at,
            hub: token.ca,
            host: self.host,
            certificate,
            key,
            renew_ms,
            joined_ms: now_ms,
            ended: None,
        };
        joined.write(&self.uplink.joined_file).unwrap();
    }

    /// Writes events down, as they happen on a machine.
    pub fn happen(&mut self, count: u64, rng: &SeededRng) {
        let now_ms = self.uplink.clock.now_ms();
        let events: Vec<Event> = (0..count)
            .map(|n| telemetry(self.host, now_ms + i64::try_from(n).unwrap() * 20, rng))
            .collect();
        let ack = self.log.append(&events).unwrap();
        self.uplink.durable.store(ack.last_seq, Ordering::SeqCst);
    }

    /// Tells all that waits, over one connection or, with a new certificate, two.
    pub fn tell_all(&self) -> Result<(), Ended> {
        let mut tries = 0;
        loop {
            let Some(mut up) = self.uplink.connect()? else { return Ok(()) };
            let told = (|| {
                while up.turn(&mut NoRecord)? {}
                up.beat(&mut NoRecord)
            })();
            match told {
                Err(Ended::Broke(reason)) if reason.contains("new certificate") && tries < 3 => {
                    tries += 1;
                }
                other => return other,
            }
        }
    }
}

/// An event as collectors write them: a program that was started, a connection, a login.
fn telemetry(host: HostId, time_ms: i64, rng: &SeededRng) -> Event {
    let pid = 300 + rng.below(30_000);
    let programs = ["/usr/sbin/cron", "/usr/bin/rsync", "/usr/sbin/sshd", "/usr/bin/python3"];
    let program = programs[rng.index(programs.len())];
    let (class, message, more) = match rng.below(10) {
        0..=5 => (
            EventClass::ProcessActivity,
            format!("{program} was started as {pid}"),
            json!({ "process": { "pid": pid, "file": { "path": program },
                "cmd_line": format!("{program} --job {}", rng.below(500)) },
                "actor": { "process": { "pid": 300 + rng.below(900) } } }),
        ),
        6..=8 => (
            EventClass::NetworkActivity,
            format!("{program} connected"),
            json!({ "src_endpoint": { "ip": "192.0.2.10", "port": 1_024 + rng.below(60_000) },
                "dst_endpoint": { "ip": format!("198.51.100.{}", rng.below(255)), "port": 443 } }),
        ),
        _ => (
            EventClass::Authentication,
            "a person signed in".into(),
            json!({ "user": { "uid": rng.below(40).to_string() }, "status_id": 1 }),
        ),
    };
    let mut ocsf = json!({ "class_uid": class.uid(), "activity_id": 1, "severity_id": 1,
        "time": time_ms, "message": message,
        "metadata": { "version": "1.5.0", "product": { "name": "ringfort" } } });
    if let (Some(all), Value::Object(more)) = (ocsf.as_object_mut(), more) {
        all.extend(more);
    }
    Event {
        id: EventId::new(&ManualClock::at(time_ms), rng),
        time_ms,
        host,
        source: "process".into(),
        class_uid: class,
        ocsf: ocsf.as_object().cloned().unwrap_or_default(),
        raw: Map::new(),
    }
}

fn disk_bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

fn rim(clock: &Arc<ManualClock>, seed: u64) -> (Arc<dyn Clock>, Arc<dyn Rng>) {
    (Arc::clone(clock) as Arc<dyn Clock>, Arc::new(SeededRng::new(seed)) as Arc<dyn Rng>)
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Seconds of the simulated day. A whole day is 86,400: `RINGFORT_TEST_DAY_S=86400`.
fn day_s() -> u64 {
    std::env::var("RINGFORT_TEST_DAY_S").ok().and_then(|text| text.parse().ok()).unwrap_or(1_800)
}

#[test]
fn five_agents_and_one_of_them_cut_off_for_a_day() {
    const A_SECOND: u64 = 50;
    const STEP_S: u64 = 40;
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let site = Site::open(&dir.path().join("site"), loopback(), None, rim(&clock, 1));
    let chance = SeededRng::new(2);
    let folder = |n: u8| -> PathBuf { dir.path().join(format!("agent-{n}")) };
    let mut agents: Vec<Agent> = (1..=5)
        .map(|n| {
            let config =
                EventLogConfig { retention_bytes_max: 300 << 20, ..EventLogConfig::default() };
            Agent::open(&folder(n), n, config, rim(&clock, u64::from(n) + 10))
        })
        .collect();
    for agent in &agents {
        agent.join(&site);
        agent.tell_all().unwrap();
    }
    let mut cut_off = agents.remove(2);
    let mut counts = vec![0_u64; 4];
    for step in 0..day_s() / STEP_S {
        clock.advance(STEP_S * 1_000);
        cut_off.happen(A_SECOND * STEP_S, &chance);
        // The others have a quieter day, and tell it as it goes.
        for (agent, count) in agents.iter_mut().zip(&mut counts) {
            agent.happen(20, &chance);
            *count += 20;
            if step % 8 == 0 {
                agent.tell_all().unwrap();
            }
        }
    }
    // Whatever part of the day was simulated, a whole day has passed.
    clock.advance(86_400_000 - (day_s() / STEP_S * STEP_S * 1_000).min(86_400_000));
    for agent in &agents {
        agent.tell_all().unwrap();
    }
    let spooled = cut_off.log.stats().next_seq - 1;
    cut_off.log.seal();
    cut_off.log.maintain();
    let bytes = disk_bytes(&cut_off.uplink.events_dir);
    let a_day_mb = bytes * A_SECOND * 86_400 / spooled / 1_000_000;
    println!(
        "cut off: {spooled} events in {bytes} bytes on disk; {a_day_mb} MB for a whole day at \
         {A_SECOND} a second"
    );
    assert!(bytes <= 300_000_000 && a_day_mb <= 300, "{bytes} bytes, {a_day_mb} MB a day");
    let lost = site.hub.machines.db.lost(clock.now_ms(), 9).unwrap();
    assert_eq!(lost.iter().map(|machine| machine.host).collect::<Vec<_>>(), [cut_off.host]);
    // Back without help: the certificate is renewed where that was due, and all of it is told.
    let begun = std::time::Instant::now();
    cut_off.tell_all().unwrap();
    println!("back: {spooled} events told in {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!(site.numbers(cut_off.host), (1..=spooled).collect::<Vec<_>>());
    for (agent, count) in agents.iter().zip(&counts) {
        assert_eq!(site.numbers(agent.host), (1..=*count).collect::<Vec<_>>());
    }
    assert_eq!(site.hub.machines.db.lost_count(clock.now_ms()).unwrap(), 0);
    let notes = site.hub.machines.db.notes(cut_off.host, 9).unwrap();
    assert!(notes.iter().any(|(_, text)| text.starts_with("not heard from ")), "{notes:?}");
    site.end();
}

#[test]
fn a_machine_that_was_away_for_longer_than_half_a_certificate_renews_it_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let site = Site::open(&dir.path().join("site"), loopback(), None, rim(&clock, 1));
    let mut agent =
        Agent::open(&dir.path().join("agent"), 1, EventLogConfig::default(), rim(&clock, 2));
    agent.join(&site);
    for _ in 0..6 {
        clock.advance(5 * 86_400_000);
        agent.happen(3, &SeededRng::new(3));
        agent.tell_all().unwrap();
    }
    assert_eq!(site.numbers(agent.host), (1..=18).collect::<Vec<_>>());
    assert_eq!(site.hub.machines.db.certificates(agent.host).unwrap().len(), 7);
    clock.advance(8 * 86_400_000);
    agent.happen(1, &SeededRng::new(3));
    assert!(agent.tell_all().is_err(), "past its certificate's life it must join again");
    site.end();
}

#[test]
fn a_machine_whose_log_went_back_begins_a_new_spool_and_nothing_is_taken_for_another_event() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let site = Site::open(&dir.path().join("site"), loopback(), None, rim(&clock, 1));
    let folder = dir.path().join("agent");
    let mut agent = Agent::open(&folder, 1, EventLogConfig::default(), rim(&clock, 2));
    agent.join(&site);
    agent.happen(10, &SeededRng::new(3));
    agent.tell_all().unwrap();
    let epoch = std::fs::read(folder.join("events/spool")).unwrap();
    drop(agent);
    // A backup of the folder is put back, from before anything had happened.
    std::fs::remove_dir_all(folder.join("events")).unwrap();
    std::fs::create_dir(folder.join("events")).unwrap();
    std::fs::write(folder.join("events/spool"), epoch).unwrap();
    let mut agent = Agent::open(&folder, 1, EventLogConfig::default(), rim(&clock, 4));
    agent.happen(4, &SeededRng::new(5));
    agent.tell_all().unwrap();
    let numbers = site.numbers(agent.host);
    assert_eq!(numbers, (1..=10).chain(1..=4).collect::<Vec<_>>());
    let notes = site.hub.machines.db.notes(agent.host, 9).unwrap();
    assert!(notes.iter().any(|(_, text)| text.contains("a new spool was begun")), "{notes:?}");
    site.end();
}

#[test]
fn what_the_budget_pushed_out_is_a_gap_that_the_hub_writes_down() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let site = Site::open(&dir.path().join("site"), loopback(), None, rim(&clock, 1));
    let config = EventLogConfig {
        segment_bytes_max: 100_000,
        retention_bytes_max: 60_000,
        ..EventLogConfig::default()
    };
    let mut agent = Agent::open(&dir.path().join("agent"), 1, config, rim(&clock, 2));
    agent.join(&site);
    let chance = SeededRng::new(3);
    (0..40).for_each(|_| agent.happen(200, &chance));
    agent.log.maintain();
    agent.tell_all().unwrap();
    let numbers = site.numbers(agent.host);
    assert!(numbers.first().is_some_and(|first| *first > 1), "the oldest were pushed out");
    assert_eq!(numbers.last(), Some(&8_000));
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
    let notes = site.hub.machines.db.notes(agent.host, 9).unwrap();
    assert!(notes.iter().any(|(_, text)| text.contains("events are missing")), "{notes:?}");
    site.end();
}
