//! The package for real, on two booted Debian systems: installed, joined, upgraded, removed,
//! installed again, purged. systemd starts the units as they are; nothing is left behind.
//!
//! Needs root, systemd-nspawn, and the test root `booted`.
#![expect(clippy::disallowed_methods, reason = "the test boots machines and runs dpkg on them")]

use std::path::{Path, PathBuf};
use std::process::Command;

use hub::machines::db::MachinesDb;
use store::{SqliteState, State as _};
use testkit::roots::{self, Root};

use booted::Booted;
use inside::{Visitor, ask, until};
use support::text;
use tree::{Tree, differences, tree};

mod booted;
#[path = "../support/inside.rs"]
mod inside;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests compare whole roots to the nanosecond")]
mod support;
mod tree;

const PARTS: [&str; 4] = ["exec", "agent", "hub", "watch"];
/// Those that stay on where the page is switched off.
const LEFT_ON: [&str; 3] = ["exec", "agent", "watch"];
/// The version that is installed first, and the one after it.
const VERSIONS: [&str; 2] = ["0.0.1~first", "0.0.1~second"];
const STATE: &str = "var/lib/ringfort";

/// Two machines with a cable between them, and the two packages on each.
struct Scene {
    hub: Booted,
    ward: Booted,
    _dir: tempfile::TempDir,
}

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn is_there(program: &str) -> bool {
    testkit::process::is_there(program)
}

/// Builds the package of the program under test, and looks at what is in it.
fn build(dir: &Path, version: &str) -> PathBuf {
    let built = Command::new(checkout().join("packaging/build-deb.sh"))
        .arg(env!("CARGO_BIN_EXE_ringfort"))
        .arg(dir)
        .arg(version)
        // The program of a test is large, and its package is used once.
        .envs([("DPKG_DEB_COMPRESSOR_TYPE", "gzip"), ("DPKG_DEB_COMPRESSOR_LEVEL", "1")])
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", text(&built));
    let arch = Command::new("dpkg").arg("--print-architecture").output().unwrap();
    let arch = String::from_utf8(arch.stdout).unwrap();
    dir.join(format!("ringfort_{version}_{}.deb", arch.trim()))
}

impl Scene {
    fn new() -> Option<Self> {
        let skip = |reason: String| {
            println!("SKIPPED: {reason}");
            None
        };
        if !rustix::process::geteuid().is_root() {
            return skip("booting a machine needs root".into());
        }
        for program in ["systemd-nspawn", "dpkg-deb", "nsenter", "ip"] {
            if !is_there(program) {
                return skip(format!("`{program}` is not here"));
            }
        }
        let archive = match roots::ready(Root::Booted) {
            Ok(archive) => archive,
            Err(reason) => return skip(reason.to_string()),
        };
        let dir = tempfile::Builder::new().prefix("package").tempdir_in("/var/tmp").unwrap();
        let hub = match Booted::new(dir.path(), &archive, "hub") {
            Ok(hub) => hub,
            Err(reason) => return skip(reason),
        };
        let ward = Booted::new(dir.path(), &archive, "ward").unwrap();
        hub.wire("10.98.0.1", &ward, "10.98.0.2");
        Some(Self { hub, ward, _dir: dir })
    }

    fn machines(&self) -> [&Booted; 2] {
        [&self.hub, &self.ward]
    }

    /// Lays the packages into both machines, outside of what is compared.
    fn lay_packages(&self) {
        let dir = tempfile::tempdir().unwrap();
        for version in VERSIONS {
            let package = build(dir.path(), version);
            let checked = Command::new(checkout().join("packaging/check-deb.sh"))
                .arg(&package)
                .output()
                .unwrap();
            print!("{}", text(&checked));
            assert!(checked.status.success());
            for machine in self.machines() {
                let place = machine.root.join(format!("var/tmp/{version}.deb"));
                std::fs::copy(&package, place).unwrap();
            }
        }
    }

    /// When the hub last heard of the ward.
    fn heard_ms(&self) -> Option<i64> {
        let db = MachinesDb::open(&self.hub.root.join(STATE).join("hub/machines.db")).unwrap();
        db.machines(9).unwrap().first()?.heard_ms
    }

    /// Waits until the hub hears the ward, later than now.
    fn is_heard(&self) {
        let now_ms = jiff::Timestamp::now().as_millisecond();
        until("the hub hears the ward", 180, || self.heard_ms().filter(|ms| *ms > now_ms));
    }
}

fn install(machine: &Booted, version: &str) {
    let package = format!("/var/tmp/{version}.deb");
    machine.at.does(&["dpkg", "--force-unsafe-io", "--install", &package]);
    let installed = machine.at.does(&["dpkg-query", "-W", "-f=${Status} ${Version}", "ringfort"]);
    assert_eq!(installed, format!("install ok installed {version}"));
}

fn show(machine: &Booted, part: &str, property: &str) -> String {
    let unit = format!("ringfort-{part}.service");
    machine.at.does(&["systemctl", "show", "--value", "--property", property, &unit])
}

/// The first processes of the units, all of which run, as the users that the units name.
fn running(machine: &Booted, parts: &[&str]) -> Vec<String> {
    // Time to fail, if they would.
    std::thread::sleep(std::time::Duration::from_secs(6));
    let look = |part: &&str| {
        let (state, restarts) =
            (show(machine, part, "ActiveState"), show(machine, part, "NRestarts"));
        if (state.trim(), restarts.trim()) != ("active", "0") {
            let unit = format!("ringfort-{part}.service");
            let said = machine.at.says(&["journalctl", "--no-pager", "-u", &unit], "");
            panic!("{unit}: {state}, {restarts} restarts: {}", text(&said));
        }
        let pid = show(machine, part, "MainPID").trim().to_owned();
        let status = machine.at.does(&["cat", &format!("/proc/{pid}/status")]);
        let uid = status.lines().find_map(|line| line.strip_prefix("Uid:\t")).unwrap();
        let expected = if matches!(*part, "agent" | "hub") { "61947" } else { "0" };
        assert!(uid.starts_with(expected), "{part}: {uid}");
        pid
    };
    parts.iter().map(look).collect()
}

/// Nothing of ringfort runs.
fn is_still(machine: &Booted) {
    let names = machine.at.does(&["sh", "-c", "cat /proc/[0-9]*/comm"]);
    assert!(!names.contains("ringfort"), "{names}");
}

/// The record's key, and how many receipts it has.
fn record(machine: &Booted) -> (String, u64) {
    let verified = machine.at.does(&["ringfort", "verify", "--json"]);
    let verified: serde_json::Value = serde_json::from_str(&verified).unwrap();
    let key = std::fs::read_to_string(machine.root.join(STATE).join("exec/ledger.vkey")).unwrap();
    (key, verified["receipts"].as_u64().unwrap_or_else(|| panic!("{verified}")))
}

/// Asks the unit of the hub to listen for machines.
fn listen(hub: &Booted) {
    std::fs::create_dir_all(hub.root.join("etc/ringfort")).unwrap();
    let config = "[machines]\nlisten = \"10.98.0.1:7118\"\nat = \"10.98.0.1:7118\"\n\
                  [site]\nfleet_size = 2\n";
    std::fs::write(hub.root.join("etc/ringfort/ringfort.toml"), config).unwrap();
    hub.at.does(&["systemctl", "restart", "ringfort-exec", "ringfort-agent", "ringfort-hub"]);
    until("the page answers", 60, || ask(hub.at, "GET", "/sign-in", "", ""));
}

/// What a machine may hold when the package goes: a blocked address and a frozen process.
fn hold(machine: &Booted) {
    machine.at.does(&[
        "sh",
        "-ec",
        "nft add table inet ringfort
        nft 'add set inet ringfort blocked4 { type ipv4_addr; flags timeout; }'
        nft 'add element inet ringfort blocked4 { 192.0.2.7 timeout 1h }'
        [ -d /sys/fs/cgroup/unified ] && groups=/sys/fs/cgroup/unified || groups=/sys/fs/cgroup
        mkdir $groups/ringfort-test
        sleep 3000 > /dev/null 2>&1 &
        echo $! > /run/frozen
        echo $! > $groups/ringfort-test/cgroup.procs
        echo 1 > $groups/ringfort-test/cgroup.freeze",
    ]);
}

/// What a dry run that broke off may leave: a mount below the state, something precious behind.
fn leave_mounted(machine: &Booted) {
    machine.at.does(&[
        "sh",
        "-ec",
        "mkdir -p /run/precious /var/lib/ringfort/exec/shadow/broken/merged
        echo kept > /run/precious/file
        mount --bind /run/precious /var/lib/ringfort/exec/shadow/broken/merged",
    ]);
}

fn frozen(machine: &Booted) -> String {
    let path = "cat /sys/fs/cgroup/ringfort-test/cgroup.freeze \
        /sys/fs/cgroup/unified/ringfort-test/cgroup.freeze 2> /dev/null || true";
    machine.at.does(&["sh", "-c", path]).trim().to_owned()
}

/// Installs the first version: the units run and the page answers.
fn install_first(machine: &Booted) {
    install(machine, VERSIONS[0]);
    running(machine, &PARTS);
    let page = until("the page answers", 60, || ask(machine.at, "GET", "/", "", ""));
    assert_eq!(page.status, 303, "it asks to sign in: {}", page.head);
    assert!(machine.root.join(STATE).join("agent/live.json").is_file(), "what runs was seen");
    let journal = machine.at.does(&["journalctl", "--no-pager", "-u", "ringfort-*"]);
    assert!(journal.contains("the page: http"), "{journal}");
    assert!(!journal.contains("/link/"), "a link to sign in is not for the journal: {journal}");
}

/// The ward joins the hub, with a token from the page of one, pasted on the other.
fn join(scene: &Scene, visitor: &Visitor) {
    let (hub, ward) = (&scene.hub, &scene.ward);
    let token = visitor.token("/machines/token");
    let joined = ward.at.says(&["ringfort", "agent", "join"], &format!("{token}\n"));
    assert!(joined.status.success(), "{}", text(&joined));
    scene.is_heard();
    let db = MachinesDb::open(&hub.root.join(STATE).join("hub/machines.db")).unwrap();
    let host = db.machines(9).unwrap()[0].host;
    let packages = until("the ward's packages are at the hub", 180, || {
        let state = SqliteState::open(&hub.root.join(STATE).join("agent/state.db")).unwrap();
        state.inventory(host).unwrap().map(|inventory| inventory.packages.len())
    });
    println!("the hub knows {packages} packages of the ward");
}

/// Started anew, with everything that it knew; what was switched off stays off.
fn upgrade(scene: &Scene, visitor: &Visitor) {
    let (hub, ward) = (&scene.hub, &scene.ward);
    ward.at.does(&["systemctl", "disable", "--quiet", "--now", "ringfort-hub.service"]);
    let old = [running(hub, &PARTS), running(ward, &LEFT_ON)];
    let (key, receipts) = record(ward);
    for machine in scene.machines() {
        install(machine, VERSIONS[1]);
    }
    let new = [running(hub, &PARTS), running(ward, &LEFT_ON)];
    assert!(old.iter().flatten().all(|pid| !new.iter().flatten().any(|other| other == pid)));
    assert!(!ward.at.holds(&["systemctl", "is-active", "ringfort-hub.service"]), "it stays off");
    assert!(!ward.at.holds(&["systemctl", "is-enabled", "ringfort-hub.service"]));
    let (key_now, receipts_now) = record(ward);
    assert!(key == key_now && receipts_now >= receipts, "the record goes on");
    assert!(visitor.sees("/machines").contains("ward"), "a session outlives it");
    scene.is_heard();
}

/// Nothing runs, what was frozen goes on, what belongs to the site stays; and installing again goes
/// on from there.
fn remove_and_install_again(scene: &Scene) {
    let ward = &scene.ward;
    let (key, _) = record(ward);
    hold(ward);
    assert_eq!(frozen(ward), "1");
    ward.at.does(&["dpkg", "--remove", "ringfort"]);
    is_still(ward);
    assert_eq!(frozen(ward), "0");
    assert!(ward.root.join(STATE).join("agent/hub.json").is_file());
    assert!(!ward.root.join("usr/bin/ringfort").exists());
    install(ward, VERSIONS[1]);
    running(ward, &LEFT_ON);
    scene.is_heard();
    assert_eq!(record(ward).0, key);
}

/// As if it had never been there.
fn purge(machine: &Booted, before: &Tree) {
    let purged = machine.at.says(&["dpkg", "--purge", "ringfort"], "");
    assert!(purged.status.success(), "{}", text(&purged));
    assert!(!text(&purged).contains("warning"), "{}", text(&purged));
    is_still(machine);
    let left = differences(before, &tree(&machine.root));
    assert!(left.is_empty(), "{} entries differ:\n{}", left.len(), left.join("\n"));
    assert!(!machine.at.holds(&["getent", "passwd", "ringfort"]));
    assert!(!machine.at.holds(&["getent", "group", "ringfort"]));
    assert!(!machine.at.does(&["nft", "list", "tables"]).contains("ringfort"));
    let groups = machine.at.does(&["find", "/sys/fs/cgroup", "-name", "*ringfort*"]);
    assert_eq!(groups, "", "cgroups");
    let units = ["systemctl", "list-units", "--all", "--no-legend", "ringfort*"];
    assert_eq!(machine.at.does(&units), "", "units");
}

#[test]
fn it_is_installed_joins_is_upgraded_removed_and_purged_and_leaves_nothing_behind() {
    let Some(scene) = Scene::new() else { return };
    let before = scene.machines().map(|machine| tree(&machine.root));
    scene.lay_packages();
    for machine in scene.machines() {
        install_first(machine);
    }
    listen(&scene.hub);
    let visitor = Visitor::new(scene.hub.at);
    join(&scene, &visitor);
    upgrade(&scene, &visitor);
    remove_and_install_again(&scene);
    leave_mounted(&scene.ward);
    for (machine, before) in scene.machines().into_iter().zip(&before) {
        purge(machine, before);
    }
    let ward = scene.ward.at;
    assert_eq!(ward.does(&["cat", "/run/precious/file"]), "kept\n", "it was not ours");
    assert!(ward.holds(&["sh", "-c", "kill -0 $(cat /run/frozen)"]), "it goes on");
    println!("purged: 0 of {} entries differ", before[0].len() + before[1].len());
}
