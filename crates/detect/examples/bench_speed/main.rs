//! Speed and memory: `cargo run --release -p detect --example bench_speed`.
//!
//! A simulated fleet; what is timed is one core from tokens to persisted verdict: every event is
//! judged by the whole engine, its host, time and outcome are appended to a file that is synced
//! every 65,536 events, and the baselines are written at the end. Parsing is not in it; it is in
//! the figures of `lines`. Seconds are of the processor, so that what else runs on the machine does
//! not count.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "figures for people, from recordings of bounded size"
)]

#[path = "../common/mod.rs"]
mod common;
#[expect(dead_code, reason = "the benchmark of the rules reads more of the data")]
#[path = "../bench_sigma/corpus.rs"]
mod corpus;
mod lines;

use std::io::Write as _;
use std::time::Instant;

use common::{Row, Seeded, Table};
use detect::tokens::{Reading, Token, TokenKind};
use detect::{Engine, EngineConfig, Observed, Prior};
use learn::hash::SiteKey;
use learn::sequence::{BackOff, SequenceConfig};
use learn::witness::{Admission, Source};
use serde_json::Map;

const EVENTS: usize = 3_000_000;
const HOSTS: usize = 200;
const PROGRAMS: usize = 120;

fn main() -> std::io::Result<()> {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of the machine: {}", load.trim());
    let folder = std::env::temp_dir().join(format!("ringfort-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut rows = lines::rows(&folder)?;
    model_only();
    let (speed, largest) = engine_speed(&folder)?;
    std::fs::remove_dir_all(&folder)?;
    rows.push(Row::min("score and persist, events a second on one core", speed, 300_000.0));
    rows.push(Row::max("state of the largest host in memory, KiB", largest, 32.0));
    let fleet = fleet_memory();
    rows.push(Row::max("10,000 hosts, resident MB", fleet, 400.0));
    Table(&rows).print();
    Ok(())
}

/// Readings of a fleet: programs that start each other, each with its usual company.
fn readings() -> Vec<Reading> {
    (0..PROGRAMS)
        .map(|program| {
            let name = format!("program{}", char::from(b'a' + (program % 26) as u8));
            let parent = format!("parent{}", program % 7);
            Reading {
                tokens: vec![
                    Token::new(TokenKind::Event, "auditd 1007 1 execve"),
                    Token::new(TokenKind::Process, format!("{name}{program} in system")),
                    Token::new(TokenKind::Lineage, format!("{parent} starts {name}{program}")),
                    Token::new(TokenKind::User, format!("user{}", program % 9)),
                ],
                entities: Vec::new(),
                program: parent,
                destination: (program % 10 == 0).then(|| format!("10.0.{program}.0/24")),
            }
        })
        .collect()
}

fn engine_speed(folder: &std::path::Path) -> std::io::Result<(f64, f64)> {
    let config = EngineConfig::new("bench", SiteKey::new([3; 16]));
    let mut engine = Engine::with_prior(config, &Prior::default());
    let readings = readings();
    let hosts: Vec<String> = (0..HOSTS).map(|host| format!("host{host}")).collect();
    let mut out = std::io::BufWriter::new(std::fs::File::create(folder.join("verdicts"))?);
    let (ocsf, raw) = (Map::new(), Map::new());
    let mut random = Seeded(5);
    let (started, cpu) = (Instant::now(), cpu_s());
    for at in 0..EVENTS {
        // Two days of events: the windows turn 48 times a host.
        let time_ms = (at as f64 / EVENTS as f64 * 48.0 * 3_600_000.0) as i64;
        let (host, program) = (random.below(HOSTS), random.below(PROGRAMS));
        let event = Observed {
            time_ms,
            host: &hosts[host],
            source: "auditd",
            class_uid: 1_007,
            ocsf: &ocsf,
            raw: &raw,
        };
        engine.observe_reading(&event, &readings[program]);
        out.write_all(&time_ms.to_le_bytes())?;
        out.write_all(&(host as u32).to_le_bytes())?;
        out.write_all(&(program as u32).to_le_bytes())?;
        if at % 65_536 == 65_535 {
            out.flush()?;
            out.get_ref().sync_data()?;
        }
    }
    engine.finish();
    let cases = engine.take_cases().len();
    out.flush()?;
    out.get_ref().sync_data()?;
    let snapshot = engine.snapshot();
    let mut file = std::fs::File::create(folder.join("baselines"))?;
    file.write_all(&snapshot)?;
    file.sync_data()?;
    let (wall, seconds) = (started.elapsed().as_secs_f64(), cpu_s() - cpu);
    let (all, largest) = engine.bytes();
    println!(
        "{EVENTS} events of {HOSTS} hosts in {seconds:.2} s of one core ({wall:.2} s by the clock); \
         {cases} cases; {} bytes of baselines, snapshot {} bytes",
        all,
        snapshot.len()
    );
    let speed = EVENTS as f64 / seconds;
    Ok((speed, largest as f64 / 1_024.0))
}

/// The next-event model alone.
fn model_only() {
    let mut random = Seeded(9);
    for order in [3, 5, 8] {
        let config =
            SequenceConfig { order, admission: Admission::OPEN, ..SequenceConfig::default() };
        let mut model = BackOff::new(config);
        let mut state = 0;
        let mut symbol = || {
            state = (state * 5 + random.below(3) as u32) % 60;
            state
        };
        let sessions: Vec<Vec<u32>> =
            (0..2_000).map(|_| (0..500).map(|_| symbol()).collect()).collect();
        for session in &sessions {
            model.learn(1, session, Source { host: 1, day: 0 });
        }
        let started = cpu_s();
        let sum: f64 = sessions.iter().map(|session| model.score(&[1], session).mean).sum();
        let speed = 1_000_000.0 / (cpu_s() - started);
        println!(
            "model only, order {order}: {speed:.0} events a second (mean {:.2} bits)",
            sum / 2_000.0
        );
    }
}

/// Resident memory of an engine that knows 10,000 hosts, each with a full sketch, in MB.
fn fleet_memory() -> f64 {
    let before = resident_mb();
    let mut engine = Engine::new(EngineConfig::new("bench", SiteKey::new([4; 16])));
    let (ocsf, raw) = (Map::new(), Map::new());
    // 900 tokens a host fill its sketch; most are shared by the fleet, as they are in one.
    let pool: Vec<Vec<Token>> = (0..90)
        .map(|group| {
            (0..10)
                .map(|at| Token::new(TokenKind::Process, format!("program {group} {at}")))
                .collect()
        })
        .collect();
    for hour in 0..100_i64 {
        for host in 0..10_000 {
            let name = format!("host{host}");
            let event = Observed {
                time_ms: hour * 3_600_000,
                host: &name,
                source: "auditd",
                class_uid: 1_007,
                ocsf: &ocsf,
                raw: &raw,
            };
            let mut tokens = pool[(hour as usize + host) % pool.len()].clone();
            tokens.push(Token::new(TokenKind::Destination, format!("{}.{}", host, hour % 20)));
            let reading = Reading { tokens, program: "auditd".into(), ..Reading::default() };
            engine.observe_reading(&event, &reading);
        }
    }
    let (all, largest) = engine.bytes();
    let resident = resident_mb() - before;
    println!(
        "10,000 hosts: {:.0} MB counted, {resident:.0} MB resident, largest host {:.1} KiB",
        all as f64 / 1e6,
        largest as f64 / 1_024.0
    );
    resident
}

/// Seconds of processor time of this process so far, from the kernel's ticks of 10 ms.
pub(crate) fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 =
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0.0);
    kib / 1_024.0
}
