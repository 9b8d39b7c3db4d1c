//! Containments: an address in a network namespace of its own, a process that the test started.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::json;
use spine::{ActionState, Clock as _, ReceiptKind};
use testkit::process;

use crate::scene::{Scene, is_root};

const INSIDE: &str = "RINGFORT_TEST_INSIDE";
const OWN: [&str; 2] = ["192.0.2.1", "2001:db8::1"];
const PEER: [&str; 2] = ["192.0.2.7", "2001:db8::7"];

/// A process that is ended with the test.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let output = process::run(process::command(program).args(args), Duration::from_secs(20))
        .map_err(|error| format!("`{program}`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("`{program} {}`: {}", args.join(" "), output.stderr.trim()))
}

/// Runs one test of this binary again in a network namespace of its own. False: this is the one
/// that runs there.
fn outside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return false;
    }
    if !is_root() {
        println!("SKIPPED: a network namespace needs root");
        return true;
    }
    let mut command = process::command("unshare");
    command.args(["--net", "--"]).arg(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(INSIDE, "1");
    let output = process::run(&mut command, Duration::from_mins(2)).unwrap();
    print!("{}", output.stdout);
    assert!(output.status.success(), "{}", output.stderr);
    true
}

/// A second machine at the other end of a cable.
fn peer() -> Result<Guard, String> {
    let mut command = process::command("unshare");
    command.args(["--net", "--", "sleep", "120"]).stdin(Stdio::null()).stdout(Stdio::null());
    let peer = Guard(command.spawn().map_err(|error| error.to_string())?);
    let pid = peer.0.id().to_string();
    std::thread::sleep(Duration::from_millis(200));
    run("ip", &["link", "set", "lo", "up"])?;
    run("ip", &["link", "add", "near", "type", "veth", "peer", "name", "far", "netns", &pid])?;
    run("ip", &["link", "set", "near", "up"])?;
    let there = |args: &[&str]| run("nsenter", &[&["-t", &pid, "-n", "ip"], args].concat());
    there(&["link", "set", "far", "up"])?;
    for (own, other, width) in [(OWN[0], PEER[0], "24"), (OWN[1], PEER[1], "64")] {
        let nodad: &[&str] = if width == "64" { &["nodad"] } else { &[] };
        let (own, other) = (format!("{own}/{width}"), format!("{other}/{width}"));
        run("ip", &[&["addr", "add", &own, "dev", "near"], nodad].concat())?;
        there(&[&["addr", "add", &other, "dev", "far"], nodad].concat())?;
    }
    run("ip", &["route", "add", "default", "via", "192.0.2.99"])?;
    Ok(peer)
}

/// Nobody listens there: who can be reached says so at once, who is blocked stays silent.
fn reaches(address: &str) -> bool {
    let address = SocketAddr::new(address.parse::<IpAddr>().unwrap(), 9);
    let error = TcpStream::connect_timeout(&address, Duration::from_millis(800)).unwrap_err();
    error.kind() == ErrorKind::ConnectionRefused
}

/// The same from the peer's side.
fn is_reached_from(peer: &Guard, own: &str) -> bool {
    let pid = peer.0.id().to_string();
    let script = format!("timeout 0.8 bash -c 'exec 3<>/dev/tcp/{own}/9'");
    let mut command = process::command("nsenter");
    command.args(["-t", &pid, "-n", "sh", "-c", &script]);
    let output = process::run(&mut command, Duration::from_secs(20)).unwrap();
    output.stderr.contains("refused")
}

#[test]
fn a_blocked_address_is_silent_both_ways_and_the_kernel_lets_it_go() {
    if outside("contain::a_blocked_address_is_silent_both_ways_and_the_kernel_lets_it_go") {
        return;
    }
    let peer = match peer() {
        Ok(peer) => peer,
        Err(reason) => return println!("SKIPPED: no second machine: {reason}"),
    };
    if let Err(reason) = run("nft", &["list", "ruleset"]) {
        return println!("SKIPPED: no nftables: {reason}");
    }
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::open(&dir.path().join("engine"), Path::new("/"), 1);
    for (address, own) in PEER.into_iter().zip(OWN) {
        assert!(reaches(address) && is_reached_from(&peer, own), "before: {address}");
        let blocked =
            scene.step("net.block_address", json!({ "address": address, "ttl_s": 2 })).unwrap();
        assert_eq!(blocked.state, ActionState::Done, "{}", blocked.message);
        assert!(!reaches(address), "{address} answers");
        assert!(!is_reached_from(&peer, own), "{address} gets in");
        // Nothing of ringfort runs now; the kernel counts.
        std::thread::sleep(Duration::from_millis(2_200));
        assert!(reaches(address) && is_reached_from(&peer, own), "after its time: {address}");
        scene.clock.advance(2_001);
        let lapsed = scene.engine.lapse(scene.clock.now_ms(), &mut scene.record).unwrap();
        assert_eq!(lapsed, [blocked.action]);
        assert_eq!(scene.record.count(ReceiptKind::LeaseLapsed, &blocked.action), 1);
    }
    for address in PEER {
        let step = json!({ "address": address, "ttl_s": 600 });
        assert_eq!(scene.step("net.block_address", step).unwrap().state, ActionState::Done);
        assert!(!reaches(address));
        let lifted = scene.step("net.unblock_address", json!({ "address": address })).unwrap();
        assert_eq!(lifted.state, ActionState::Done, "{}", lifted.message);
        assert!(reaches(address), "lifted before its time: {address}");
    }
}

#[test]
fn own_addresses_the_gateway_and_the_owners_list_are_never_blocked() {
    if outside("contain::own_addresses_the_gateway_and_the_owners_list_are_never_blocked") {
        return;
    }
    let _peer = match peer() {
        Ok(peer) => peer,
        Err(reason) => return println!("SKIPPED: no second machine: {reason}"),
    };
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::open(&dir.path().join("engine"), Path::new("/"), 1);
    for address in [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "192.0.2.255",
        "192.0.2.99",
        "::ffff:192.0.2.1",
        "198.51.100.53",
        OWN[0],
        OWN[1],
    ] {
        let step = json!({ "address": address, "ttl_s": 60 });
        let error = scene.step("net.block_address", step).unwrap_err();
        println!("{address}: {error}");
        assert!(
            error.contains("never blocked") || error.contains("must stay reachable"),
            "{address}: {error}"
        );
    }
    assert_eq!(scene.record.receipts(), []);
}

/// A program that counts in a file, through a child that sleeps.
struct Counter {
    process: Guard,
    file: PathBuf,
}

impl Counter {
    fn start(dir: &Path) -> Self {
        let file = dir.join("count");
        let script = "i=0; while :; do i=$((i+1)); echo $i > \"$1\"; sleep 0.02; done";
        let mut command = process::command("sh");
        command.args(["-c", script, "sh"]).arg(&file).stdin(Stdio::null());
        let process = Guard(command.spawn().unwrap());
        let counter = Self { process, file };
        assert!(counter.goes_on());
        counter
    }

    fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Whether it counts on, within ten seconds: on a busy machine its turn may be long in coming.
    fn goes_on(&self) -> bool {
        (0..50).any(|_| !self.stands_still(200))
    }

    /// Whether it counts no further for a time, milliseconds.
    fn stands_still(&self, time_ms: u64) -> bool {
        let now = || std::fs::read_to_string(&self.file).unwrap_or_default();
        let before = now();
        std::thread::sleep(Duration::from_millis(time_ms));
        now() == before
    }

    fn group(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/cgroup", self.pid())).unwrap()
    }
}

fn start_time(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let rest = text.rsplit_once(')').unwrap().1;
    rest.split_whitespace().nth(19).unwrap().parse().unwrap()
}

fn cannot_freeze() -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let fits = is_root() && mounts.contains(" - cgroup2 ");
    if !fits {
        println!("SKIPPED: freezing needs root and a cgroup v2 hierarchy");
    }
    !fits
}

#[test]
fn a_frozen_tree_stands_still_until_its_lease_lapses_also_after_a_restart() {
    if cannot_freeze() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let counter = Counter::start(dir.path());
    let group = counter.group();
    let mut scene = Scene::open(&dir.path().join("engine"), Path::new("/"), 1);
    let start_time = start_time(counter.pid());
    let step = json!({ "pid": counter.pid(), "start_time": start_time, "ttl_s": 60 });
    let frozen = scene.step("process.freeze", step).unwrap();
    assert_eq!(frozen.state, ActionState::Done, "{}", frozen.message);
    assert!(counter.stands_still(600), "it counts on");

    let mut scene = scene.restart(2);
    assert_eq!(scene.engine.recover(&mut scene.record).unwrap(), []);
    let end_ms = frozen.lease.unwrap().expires_ms;
    assert_eq!(scene.engine.next_lapse_ms().unwrap(), Some(end_ms));
    assert_eq!(scene.engine.lapse(end_ms - 1, &mut scene.record).unwrap(), []);
    assert!(counter.stands_still(600), "a restart does not let it go");
    assert_eq!(scene.engine.lapse(end_ms, &mut scene.record).unwrap(), [frozen.action]);
    assert!(counter.goes_on(), "it stands still after its time");
    assert_eq!(counter.group(), group, "it is where it came from");
    assert_eq!(scene.record.count(ReceiptKind::LeaseLapsed, &frozen.action), 1);
    assert_eq!(scene.engine.lapse(end_ms + 1, &mut scene.record).unwrap(), []);
}

#[test]
fn a_frozen_tree_is_let_go_by_hand() {
    if cannot_freeze() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let counter = Counter::start(dir.path());
    let mut scene = Scene::open(&dir.path().join("engine"), Path::new("/"), 1);
    let step =
        json!({ "pid": counter.pid(), "start_time": start_time(counter.pid()), "ttl_s": 60 });
    let frozen = scene.step("process.freeze", step).unwrap();
    assert!(counter.stands_still(600));
    let thawed = scene.step("process.thaw", json!({ "action": frozen.action })).unwrap();
    assert_eq!(thawed.state, ActionState::Done, "{}", thawed.message);
    assert!(counter.goes_on());
    assert_eq!(scene.engine.next_lapse_ms().unwrap(), None);
}

#[test]
fn init_another_process_of_that_number_and_what_ringfort_runs_under_are_refused() {
    if cannot_freeze() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let counter = Counter::start(dir.path());
    let mut scene = Scene::open(&dir.path().join("engine"), Path::new("/"), 1);
    let own = std::process::id();
    for (pid, start, why) in [
        (counter.pid(), start_time(counter.pid()) + 1, "not there any more"),
        (1, start_time(1), "never frozen"),
        (1, 0, "not there any more"),
        (own, start_time(own), "runs under"),
        (0, 0, "not there any more"),
        (u32::MAX, 0, "not there any more"),
    ] {
        let step = json!({ "pid": pid, "start_time": start, "ttl_s": 60 });
        let error = scene.step("process.freeze", step).unwrap_err();
        // Pid 1 of a container may have started at tick 0.
        assert!(error.contains(why) || (pid == 1 && error.contains("frozen")), "{pid}: {error}");
    }
    assert!(counter.goes_on());
    assert_eq!(scene.record.receipts(), []);
}
