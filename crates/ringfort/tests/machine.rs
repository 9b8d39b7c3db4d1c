//! A real Debian machine, from scan to record: its root file system, its own apt, real packages.
//!
//! `ringfort scan` must list exactly what apt lists, `ringfort patch` must apply it, and
//! `ringfort undo` must give every byte back. Needs root, a test root, and the package mirror.
#![expect(clippy::disallowed_methods, reason = "the test runs the real program and the real apt")]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::roots::{self, Root};

use support::{assert_same, fingerprint, text};

mod support;

struct Site {
    dir: tempfile::TempDir,
    root: PathBuf,
}

impl Site {
    /// A machine of its own, or why there is none.
    fn new(which: Root) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("SKIPPED: root is needed");
            return None;
        }
        let archive = match roots::ready(which) {
            Ok(archive) => archive,
            Err(reason) => {
                println!("SKIPPED: {reason}");
                return None;
            }
        };
        let dir = tempfile::Builder::new().prefix("machine").tempdir_in("/var/tmp").unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir(&root).unwrap();
        roots::unpack(&archive, &root).unwrap();
        std::fs::write(dir.path().join("config.toml"), "").unwrap();
        std::fs::write(dir.path().join("passphrase"), "correct horse battery\n").unwrap();
        let site = Self { dir, root };
        let made = site.ringfort(&["keys", "init"]);
        assert!(made.status.success(), "{}", text(&made));
        Some(site)
    }

    fn ringfort(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ringfort"))
            .arg("--data-dir")
            .arg(self.dir.path().join("data"))
            .arg("--config")
            .arg(self.dir.path().join("config.toml"))
            .args(args)
            .env("HOME", self.dir.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("SSH_AUTH_SOCK")
            .env("RINGFORT_PASSPHRASE_FILE", self.dir.path().join("passphrase"))
            .output()
            .unwrap()
    }

    fn root_arg(&self) -> &str {
        self.root.to_str().unwrap()
    }

    /// What `scan --json` says of waiting updates: package, version, ids.
    fn scan(&self) -> BTreeMap<String, (String, BTreeSet<String>)> {
        let output = self.ringfort(&["scan", "--json", "--root", self.root_arg()]);
        assert!(output.status.code() == Some(1), "{}", text(&output));
        let stdout = String::from_utf8(output.stdout).unwrap();
        let mut found = BTreeMap::new();
        for line in stdout.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let Some(fixed) = line["fixed"].as_str() else { continue };
            let ids = line["ids"].as_array().unwrap();
            let ids = ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
            let name = line["package"].as_str().unwrap().to_owned();
            found.insert(name, (fixed.to_owned(), ids));
        }
        found
    }

    /// What apt itself lists on a copy of the root with the suite of security fixes enabled.
    fn apt_upgradable(&self) -> Option<BTreeMap<String, String>> {
        let copy = self.dir.path().join("copy");
        run("cp", &["-a", self.root_arg(), copy.to_str().unwrap()]);
        let list = copy.join("etc/apt/sources.list");
        let main = std::fs::read_to_string(&list).unwrap();
        let line = main.lines().find(|line| line.starts_with("deb ")).unwrap();
        let security = line
            .replace("/debian ", "/debian-security ")
            .replace(" bookworm ", " bookworm-security ");
        std::fs::write(&list, format!("{main}\n{security}\n")).unwrap();
        for file in ["etc/resolv.conf", "etc/hosts"] {
            let _ = std::fs::copy(Path::new("/").join(file), copy.join(file));
        }
        let inside = |args: &[&str]| {
            let mut all = vec![copy.to_str().unwrap(), "env", "LC_ALL=C"];
            all.extend(args);
            Command::new("chroot").args(all).output().unwrap()
        };
        let update = inside(&["apt-get", "-q", "update"]);
        if !update.status.success() {
            println!("SKIPPED: the package mirror does not answer: {}", text(&update));
            return None;
        }
        let listed = String::from_utf8(inside(&["apt", "list", "--upgradable"]).stdout).unwrap();
        std::fs::remove_dir_all(&copy).unwrap();
        let row = |line: &str| {
            let (name, rest) = line.split_once('/')?;
            Some((name.to_owned(), rest.split_whitespace().nth(1)?.to_owned()))
        };
        Some(listed.lines().filter_map(row).collect())
    }
}

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program}: {}", text(&output));
}

fn version_of(root: &Path, package: &str) -> String {
    let args = [root.to_str().unwrap(), "dpkg-query", "-W", "-f=${Version}", package];
    String::from_utf8(Command::new("chroot").args(args).output().unwrap().stdout).unwrap()
}

#[test]
fn scan_agrees_with_apt_and_patches_are_applied_and_taken_back_byte_for_byte() {
    let Some(site) = Site::new(Root::Server) else { return };
    let Some(expected) = site.apt_upgradable() else { return };
    let before = fingerprint(&site.root);
    let found = site.scan();
    let versions: BTreeMap<String, String> =
        found.iter().map(|(name, (version, _))| (name.clone(), version.clone())).collect();
    assert_eq!(versions, expected, "ringfort and apt list different updates");
    assert!(found.values().any(|(_, ids)| !ids.is_empty()), "no changelog named a CVE");
    assert_same(&before, &fingerprint(&site.root));
    println!("{} updates, the same as apt's", versions.len());

    let (rsync, _) = &found["rsync"];
    let old = version_of(&site.root, "rsync");
    let patched = site.ringfort(&["patch", "rsync", "--yes", "--root", site.root_arg()]);
    assert!(patched.status.success(), "{}", text(&patched));
    assert_eq!(version_of(&site.root, "rsync"), *rsync);
    let undone = site.ringfort(&["undo", "--last", "--yes"]);
    assert!(undone.status.success(), "{}", text(&undone));
    assert_eq!(version_of(&site.root, "rsync"), old);
    assert_same(&before, &fingerprint(&site.root));

    let patched = site.ringfort(&["patch", "--all", "--yes", "--root", site.root_arg()]);
    assert!(patched.status.success(), "{}", text(&patched));
    for (name, version) in &expected {
        assert_eq!(version_of(&site.root, name), *version, "{name}");
    }
    let undone = site.ringfort(&["undo", "--last", "--yes"]);
    assert!(undone.status.success(), "{}", text(&undone));
    assert_same(&before, &fingerprint(&site.root));

    let verified = site.ringfort(&["verify", "--json"]);
    assert!(verified.status.success(), "{}", text(&verified));
}

#[test]
fn without_a_signature_or_with_the_kill_switch_pulled_nothing_is_changed() {
    let Some(site) = Site::new(Root::Mini) else { return };
    let before = fingerprint(&site.root);
    let stopped = site.ringfort(&["stop", "--reason", "drill"]);
    assert!(stopped.status.success(), "{}", text(&stopped));
    let refused = site.ringfort(&["patch", "rsync", "--yes", "--root", site.root_arg()]);
    assert!(!refused.status.success(), "{}", text(&refused));
    assert_same(&before, &fingerprint(&site.root));
    let released = site.ringfort(&["stop", "--release"]);
    assert!(released.status.success(), "{}", text(&released));
    std::fs::write(site.dir.path().join("passphrase"), "a wrong passphrase\n").unwrap();
    let refused = site.ringfort(&["patch", "rsync", "--yes", "--root", site.root_arg()]);
    assert!(!refused.status.success(), "{}", text(&refused));
    assert_same(&before, &fingerprint(&site.root));
}

/// An executor that listens, as `ringfort up` starts it.
struct Listening(std::process::Child);

impl Listening {
    fn start(site: &Site) -> Self {
        let data = site.dir.path().join("data");
        let child = Command::new(env!("CARGO_BIN_EXE_ringfort"))
            .arg("exec")
            .arg("--data-dir")
            .arg(&data)
            .arg("--config")
            .arg(site.dir.path().join("config.toml"))
            .arg("--listen")
            .arg(data.join("run/exec.sock"))
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while UnixStream::connect(data.join("run/exec.sock")).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the executor did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self(child)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_plan_that_is_approved_for_a_window_starts_by_itself_although_the_executor_was_killed() {
    let Some(site) = Site::new(Root::Mini) else { return };
    let old = version_of(&site.root, "rsync");
    let executor = Listening::start(&site);
    let args = ["patch", "rsync", "--dry-run", "--json", "--root", site.root_arg()];
    let tried = site.ringfort(&args);
    if !tried.status.success() {
        println!("SKIPPED: the package mirror does not answer: {}", text(&tried));
        return;
    }
    let tried: Value = serde_json::from_slice(&tried.stdout).unwrap();
    let plan = tried["plan"].as_str().unwrap();
    let at = |seconds: i64| {
        let now = jiff::Timestamp::now();
        now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap().to_string()
    };
    let (from, until) = (at(20), at(1_200));
    let signed = site.ringfort(&["approve", plan, "--yes", "--from", &from, "--until", &until]);
    assert!(signed.status.success(), "{}", text(&signed));
    assert!(text(&signed).contains("starts by itself"), "{}", text(&signed));
    let listed = site.ringfort(&["approve"]);
    assert!(text(&listed).contains("upgrade rsync"), "{}", text(&listed));
    drop(executor);
    assert_eq!(version_of(&site.root, "rsync"), old);
    let _executor = Listening::start(&site);
    let begun = Instant::now();
    while version_of(&site.root, "rsync") == old {
        assert!(begun.elapsed() < Duration::from_secs(400), "it did not start");
        std::thread::sleep(Duration::from_secs(1));
    }
    let outbox = site.dir.path().join("data/outbox");
    while std::fs::read_dir(&outbox).unwrap().count() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(400), "nobody was told");
        std::thread::sleep(Duration::from_millis(200));
    }
    let undone = site.ringfort(&["undo", "--last", "--yes"]);
    assert!(undone.status.success(), "{}", text(&undone));
    assert_eq!(version_of(&site.root, "rsync"), old);
    let verified = site.ringfort(&["verify", "--json"]);
    let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(verified["story"]["kinds"]["scheduled"], 1, "{verified}");
    assert_eq!(verified["story"]["kinds"]["unscheduled"], Value::Null, "{verified}");
}
