//! Raw JSON lines to persisted verdicts, rules on, and how long an event takes to its case.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Cursor, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use detect::sigma::{Correlator, Level, Pack, Rules};
use detect::{Engine, EngineConfig, Observed, Prior, RuleLevel, RuleMatch};
use learn::hash::SiteKey;
use sources::Record;
use sources::log::{Context, open};
use sources::log_registry;

use crate::common::Row;
use crate::{corpus, cpu_s};

/// Records of each source.
const RECORDS: usize = 40_000;
/// The sources whose records are lines of JSON.
const SOURCES: [&str; 10] = [
    "cloudtrail",
    "ecs",
    "falco",
    "journald_json",
    "kubernetes_audit",
    "ocsf",
    "osquery",
    "suricata_eve",
    "windows_json",
    "zeek_json",
];
/// The pause between two looks of the watcher at files, in seconds.
const PAUSE_S: f64 = 1.0;
/// Events that come within one such pause.
const EVENTS_A_PAUSE: usize = 1_000;
/// How often an attack is hidden among them.
const ATTACKS: usize = 400;

/// What every record goes through, as in the watcher.
struct Line {
    rules: Rules,
    correlator: Correlator,
    engine: Engine,
    out: BufWriter<File>,
    events: usize,
    matches: usize,
}

impl Line {
    fn new(rules: Rules, folder: &Path) -> io::Result<Self> {
        let config = EngineConfig::new("bench", SiteKey::new([7; 16]));
        Ok(Self {
            rules,
            correlator: Correlator::default(),
            engine: Engine::with_prior(config, &Prior::shipped()),
            out: BufWriter::new(File::create(folder.join("lines"))?),
            events: 0,
            matches: 0,
        })
    }

    /// Judges a record and writes the verdict down.
    fn take(&mut self, source: &str, record: &Record) -> io::Result<()> {
        let event = Observed {
            time_ms: record.time_ms,
            host: &record.host,
            source,
            class_uid: record.class_uid,
            ocsf: &record.ocsf,
            raw: &record.raw,
        };
        self.engine.observe(&event);
        let (engine, correlator, rules) = (&mut self.engine, &mut self.correlator, &self.rules);
        let mut matches = 0_u32;
        rules.match_event(&event, &mut |found| {
            matches += 1;
            if !found.is_silent() {
                let techniques: Vec<String> = found.techniques().collect();
                let (id, title, level) = (found.id(), found.title(), level(found.level()));
                engine
                    .record_match(&event, &RuleMatch { id, title, level, techniques: &techniques });
            }
            correlator.observe(rules, &event, &found, &mut |_| {});
        });
        self.matches += matches as usize;
        self.events += 1;
        self.out.write_all(&record.time_ms.to_le_bytes())?;
        self.out.write_all(&matches.to_le_bytes())?;
        if self.events.is_multiple_of(65_536) {
            self.persist()?;
        }
        Ok(())
    }

    fn persist(&mut self) -> io::Result<()> {
        for case in self.engine.take_cases() {
            serde_json::to_writer(&mut self.out, &case).map_err(io::Error::other)?;
        }
        self.out.flush()?;
        self.out.get_ref().sync_data()
    }
}

fn level(level: Level) -> RuleLevel {
    match level {
        Level::Informational => RuleLevel::Informational,
        Level::Low => RuleLevel::Low,
        Level::Medium => RuleLevel::Medium,
        Level::High => RuleLevel::High,
        Level::Critical => RuleLevel::Critical,
    }
}

/// The rows, where the rules are there.
pub fn rows(folder: &Path) -> io::Result<Vec<Row>> {
    let Some(root) = corpus::folder() else { return Ok(Vec::new()) };
    let rules = || Rules::new(Pack::from_yaml_files(corpus::rule_files(&root)).pack);
    let mut line = Line::new(rules(), folder)?;
    let fixtures: BTreeMap<&str, Vec<Vec<u8>>> =
        SOURCES.iter().map(|source| (*source, fixtures(source))).collect();
    let (mut events, mut seconds) = (0, 0.0);
    println!(
        "raw JSON lines to persisted verdict, {} rules, our own fixtures again and again:",
        line.rules.pack().len()
    );
    for (source, files) in &fixtures {
        let (before, started) = (line.events, cpu_s());
        for bytes in files {
            read(source, bytes, &mut line)?;
        }
        line.persist()?;
        let (count, took) = (line.events - before, cpu_s() - started);
        println!("  {source:<18} {count:>7} records {:>9.0} a second", count as f64 / took);
        events += count;
        seconds += took;
    }
    let mut rows = vec![Row::min(
        "raw JSON lines to persisted verdict, rules on",
        events as f64 / seconds,
        50_000.0,
    )];
    recorded(&root, &mut line)?;
    rows.push(Row::max(
        "p99 from event to case, with the watcher's pause, s",
        latency(&mut Line::new(rules(), folder)?)? + PAUSE_S,
        2.0,
    ));
    Ok(rows)
}

/// The fixtures of a source, repeated.
fn fixtures(source: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sources/testdata").join(source);
    let paths: Vec<PathBuf> = corpus::files(&folder, ".in");
    paths
        .iter()
        .filter_map(|path| {
            let bytes = std::fs::read(path).ok()?;
            let mut line = 0;
            count(source, &bytes, &mut line);
            Some(bytes.repeat(RECORDS / paths.len() / line.max(1)))
        })
        .collect()
}

fn count(source: &str, bytes: &[u8], records: &mut usize) {
    let source = log_registry::ALL.iter().find(|known| known.name == source);
    let mut sink = |_| {
        *records += 1;
        ControlFlow::Continue(())
    };
    let _ = source.map(|source| (source.read)(&mut &*bytes, &Context::default(), &mut sink));
}

fn read(source: &str, bytes: &[u8], line: &mut Line) -> io::Result<()> {
    let Some(source) = log_registry::ALL.iter().find(|known| known.name == source) else {
        return Ok(());
    };
    let mut result = Ok(());
    let mut sink = |record: Record| {
        result = line.take(source.name, &record);
        if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let mut input = BufReader::new(Cursor::new(bytes));
    (source.read)(&mut input, &Context::default(), &mut sink).map_err(io::Error::other)?;
    result
}

/// Recordings of others: Windows events as JSON lines, of which most match rules for processes.
fn recorded(root: &Path, line: &mut Line) -> io::Result<()> {
    let paths = corpus::files(&root.join("detect/otrf/datasets/atomic/windows"), ".zip");
    let files: Vec<Vec<u8>> = paths.iter().filter_map(|path| std::fs::read(path).ok()).collect();
    let mut members = Vec::new();
    for bytes in &files {
        members.extend(crate::common::unzip_bytes(bytes).into_iter().map(|(_, bytes)| bytes));
    }
    let (before, matched) = (line.events, line.matches);
    let started = cpu_s();
    let mut lines_bytes = 0;
    for bytes in &members {
        if open::sniff("x.json", bytes, true).is_some_and(|source| source.name == "windows_json") {
            lines_bytes += bytes.len();
            read("windows_json", bytes, line)?;
        }
    }
    line.persist()?;
    let (count, took) = (line.events - before, cpu_s() - started);
    println!(
        "  recorded Windows events: {count} records of {} bytes, {} matches, {:.0} a second",
        lines_bytes / count.max(1),
        line.matches - matched,
        count as f64 / took
    );
    Ok(())
}

/// The 99th of 100 times between an event's reading and its case, in seconds, where the events of a
/// pause come at once and the case is asked for after them.
fn latency(line: &mut Line) -> io::Result<f64> {
    let attack = |host: usize, at: i64| Record {
        time_ms: at,
        host: format!("desk{host}"),
        class_uid: 1_007,
        ocsf: object(serde_json::json!({
            "process": {"file": {"path": "C:\\Temp\\x.exe", "name": "x.exe"}},
        })),
        raw: object(serde_json::json!({
            "Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1,
            "Image": "C:\\Temp\\mimikatz.exe", "OriginalFileName": "mimikatz.exe",
            "CommandLine": "mimikatz.exe \"sekurlsa::logonpasswords\" exit",
        })),
    };
    let quiet = |host: usize, at: i64| Record {
        time_ms: at,
        host: format!("desk{host}"),
        class_uid: 4_001,
        ocsf: object(serde_json::json!({"dst_endpoint": {"ip": "192.0.2.7", "port": 443}})),
        raw: object(serde_json::json!({"_path": "conn", "id.resp_h": "192.0.2.7"})),
    };
    let (mut waits, mut cases) = (Vec::new(), 0);
    for pause in 0..ATTACKS {
        // A day lies between two attacks, so that the cap of a day withholds none.
        let now = 1_772_352_000_000 + pause as i64 * 86_400_000;
        let records: Vec<Record> = (0..EVENTS_A_PAUSE)
            .map(|at| quiet(at % 50, now + at as i64))
            .chain([attack(pause % 50, now + EVENTS_A_PAUSE as i64)])
            .collect();
        let begun = Instant::now();
        for record in &records {
            let source = if record.class_uid == 1_007 { "evtx" } else { "zeek_json" };
            line.take(source, record)?;
        }
        line.engine.advance(now + 2_000);
        let found = line.engine.take_cases();
        if !found.is_empty() {
            cases += 1;
            waits.push(begun.elapsed().as_secs_f64());
        }
    }
    waits.sort_by(f64::total_cmp);
    println!(
        "{cases} of {ATTACKS} attacks became a case at once, each behind {EVENTS_A_PAUSE} events"
    );
    Ok(waits.get(waits.len() * 99 / 100).copied().unwrap_or(f64::INFINITY))
}

fn object(value: serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    match value {
        serde_json::Value::Object(map) => map,
        _ => serde_json::Map::new(),
    }
}
