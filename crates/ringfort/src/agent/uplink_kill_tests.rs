//! The hub and the agent, each killed with SIGKILL again and again while events are told: nothing
//! that was acknowledged is lost, and nothing has its effect twice.
//!
//! `RINGFORT_KILL_ROUNDS=1000` kills each of them a thousand times.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use spine::{Clock, Rng};
use store::EventLogConfig;
use testkit::SeededRng;
use testkit::killer::{self, Killer};

use super::uplink::Ended;
use super::uplink_tests::{Agent, NoRecord, Site};
use crate::rim::{OsRng, SystemClock};

fn rounds() -> u32 {
    let set = std::env::var("RINGFORT_KILL_ROUNDS").ok().and_then(|text| text.parse().ok());
    set.unwrap_or(30)
}

fn rim() -> (Arc<dyn Clock>, Arc<dyn Rng>) {
    (Arc::new(SystemClock), Arc::new(OsRng))
}

fn agent_in(dir: &Path) -> Agent {
    // Small segments, so that sealing is under way at some of the kills.
    let config = EventLogConfig { segment_bytes_max: 200_000, ..EventLogConfig::default() };
    Agent::open(&dir.join("agent"), 1, config, rim())
}

fn site_in(dir: &Path, listen: SocketAddr) -> Site {
    Site::open(&dir.join("site"), listen, None, rim())
}

/// A port of this machine that is free now.
fn free_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Tells what waits over one connection, until it breaks or nothing waits.
fn tell(agent: &Agent, each: &mut dyn FnMut(u64)) -> Result<(), Ended> {
    let Some(mut up) = agent.uplink.connect()? else { return Ok(()) };
    while up.turn(&mut NoRecord)? {
        each(up.told.events);
    }
    Ok(())
}

/// Tells all that is left, and holds it against what happened.
fn all_is_there_once(dir: &Path, listen: SocketAddr, acked: u64) -> u64 {
    let site = site_in(dir, listen);
    let agent = agent_in(dir);
    agent.tell_all().unwrap();
    let last = agent.log.stats().next_seq - 1;
    assert!(last >= acked, "{acked} were acknowledged, {last} are there");
    assert_eq!(site.numbers(agent.host), (1..=last).collect::<Vec<_>>());
    site.end();
    last
}

#[test]
fn the_hub_is_killed_again_and_again() {
    if let Some(dir) = killer::child_dir() {
        let listen = std::fs::read_to_string(dir.join("listen")).unwrap().parse().unwrap();
        let site = site_in(&dir, listen);
        let taken = || site.service.ingest().with_log(|log| log.stats().events_appended);
        loop {
            // It is killed in the midst of taking something in, or after a second of nothing.
            let before = taken();
            let begun = std::time::Instant::now();
            while taken() == before && begun.elapsed() < Duration::from_secs(1) {
                std::thread::sleep(Duration::from_millis(1));
            }
            killer::ack("up");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let listen = free_port();
    std::fs::write(dir.path().join("listen"), listen.to_string()).unwrap();
    let site = site_in(dir.path(), listen);
    agent_in(dir.path()).join(&site);
    site.end();
    let over = AtomicBool::new(false);
    let told = std::thread::scope(|scope| {
        let teller = scope.spawn(|| {
            let (mut agent, chance, mut told) = (agent_in(dir.path()), SeededRng::new(1), 0);
            while !over.load(Ordering::SeqCst) {
                agent.happen(30, &chance);
                // A hub that is down is tried again at once.
                let _ = tell(&agent, &mut |up_to| told = up_to.max(told));
                std::thread::sleep(Duration::from_millis(2));
            }
            told
        });
        let name = "agent::uplink_kill_tests::the_hub_is_killed_again_and_again";
        let mut killer = Killer::new(name, 11);
        killer.acks_max = 5;
        let mut killed = 0;
        for _ in 0..rounds() {
            killed += u32::from(killer.round(dir.path()).unwrap().killed);
        }
        over.store(true, Ordering::SeqCst);
        println!("the hub was killed {killed} times");
        teller.join().unwrap()
    });
    let last = all_is_there_once(dir.path(), listen, told);
    println!("{last} events, {told} of them acknowledged meanwhile: 0 lost, 0 twice");
    assert!(told > u64::from(rounds()), "most of the hubs took something in");
}

#[test]
fn the_agent_is_killed_again_and_again() {
    if let Some(dir) = killer::child_dir() {
        let (mut agent, chance) = (agent_in(&dir), SeededRng::new(u64::from(std::process::id())));
        loop {
            agent.happen(30, &chance);
            killer::ack(&(agent.log.stats().next_seq - 1).to_string());
            tell(&agent, &mut |up_to| killer::ack(&up_to.to_string())).unwrap();
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let listen = free_port();
    let site = site_in(dir.path(), listen);
    agent_in(dir.path()).join(&site);
    let name = "agent::uplink_kill_tests::the_agent_is_killed_again_and_again";
    let mut killer = Killer::new(name, 12);
    let (mut killed, mut acked) = (0, 0);
    for _ in 0..rounds() {
        let round = killer.round(dir.path()).unwrap();
        killed += u32::from(round.killed);
        let numbers = round.acked.iter().map(|text| text.parse::<u64>().unwrap());
        acked = numbers.max().unwrap_or(0).max(acked);
    }
    println!("the agent was killed {killed} times");
    site.end();
    let last = all_is_there_once(dir.path(), listen, acked);
    println!("{last} events, {acked} of them acknowledged meanwhile: 0 lost, 0 twice");
    assert!(acked > 0);
}
