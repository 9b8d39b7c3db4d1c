//! An upgrade that is ended with SIGKILL at a random moment, and a recovery that is ended so too:
//! the root is then as before, or as after, and never in between.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::Value;
use spine::{ActionState, OutcomeBody, Plan, ReceiptKind};
use testkit::Killer;
use testkit::killer::{ack, child_dir};
use testkit::roots::Root;

use crate::scene::{Scene, look, unlike};
use crate::upgrade::{installed, prepared, unpacked};

const ROUNDS_DEFAULT: u64 = 5;
const TEST: &str = "kill::a_killed_upgrade_leaves_the_root_as_before_or_as_after";

type Look = BTreeMap<PathBuf, String>;

/// The folder of the test: an unpacked root, a writable copy of it over an overlay, an engine.
struct Stage {
    dir: PathBuf,
}

impl Stage {
    fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// The root as it was unpacked, writable, whatever was done to it before.
    fn renew(&self) {
        self.unmount();
        for name in ["upper", "work", "root"] {
            let _ = fs::remove_dir_all(self.dir.join(name));
            fs::create_dir_all(self.dir.join(name)).unwrap();
        }
        let path = |name: &str| self.dir.join(name).display().to_string();
        let (lower, upper, work) = (path("base"), path("upper"), path("work"));
        let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
        let options = std::ffi::CString::new(options).unwrap();
        let flags = MountFlags::empty();
        mount("overlay", self.root(), "overlay", flags, options.as_c_str()).unwrap();
    }

    fn unmount(&self) {
        let _ = unmount(self.root(), UnmountFlags::DETACH);
    }

    /// The record and the journal as they were when the upgrade was prepared.
    fn forget(&self) {
        let _ = fs::remove_dir_all(self.dir.join("engine/actions"));
        fs::copy(self.dir.join("prepared.receipts"), self.dir.join("engine.receipts")).unwrap();
    }

    fn open(&self, seed: u64) -> Scene {
        Scene::open(&self.dir.join("engine"), &self.root(), seed)
    }

    fn tell_child(&self, what: &str, seed: u64) {
        fs::write(self.dir.join("child"), format!("{what} {seed}")).unwrap();
    }

    /// Programs of a killed engine that are still at work on the root.
    fn left_behind(&self) -> Vec<String> {
        let root = self.root().display().to_string();
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
        lines
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains(&root))
            .map(|line| line.chars().take(80).collect())
            .collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.unmount();
    }
}

fn child(dir: PathBuf) {
    let stage = std::mem::ManuallyDrop::new(Stage { dir });
    let told = fs::read_to_string(stage.dir.join("child")).unwrap();
    let (what, seed) = told.split_once(' ').unwrap();
    let mut scene = stage.open(seed.parse().unwrap());
    if what == "recover" {
        ack("begun");
        scene.engine.recover(&mut scene.record).unwrap();
        return;
    }
    scene.heard = ack;
    let plan: Plan = serde_json::from_slice(&fs::read(stage.dir.join("plan")).unwrap()).unwrap();
    let outcome = scene.run(&plan).unwrap();
    assert_eq!(outcome.state, ActionState::Done, "{}", outcome.message);
}

/// Contents, owners and modes without times and without dpkg's copies of its older state.
fn without_times(look: &Look) -> Look {
    let plain = |text: &String| {
        let mut fields: Vec<&str> = text.split(' ').collect();
        fields.remove(2);
        fields.join(" ")
    };
    let old = |path: &Path| path.to_string_lossy().ends_with("-old");
    look.iter().filter(|(path, _)| !old(path)).map(|(p, text)| (p.clone(), plain(text))).collect()
}

fn look_inside(root: &Path) -> Look {
    let mut seen = look(root);
    // The top of a fresh overlay is the overlay's, not the root's.
    seen.remove(Path::new(""));
    seen
}

/// What one round showed: how the one action of the record ended, if it began.
fn judge(stage: &Stage, seed: u64, before: &Look, after: &Look) -> Option<ActionState> {
    let mut scene = stage.open(seed);
    scene.engine.recover(&mut scene.record).unwrap();
    assert_eq!(stage.left_behind(), Vec::<String>::new(), "recovery waits for what is at work");
    let prepared = fs::read_to_string(stage.dir.join("prepared.receipts")).unwrap().lines().count();
    let receipts = scene.record.receipts().split_off(prepared);
    let of = |kind| receipts.iter().filter(move |receipt| receipt.kind == kind);
    assert!(of(ReceiptKind::Intent).count() <= 1);
    assert_eq!(
        of(ReceiptKind::Intent).map(|r| r.action).collect::<Vec<_>>(),
        of(ReceiptKind::Outcome).map(|r| r.action).collect::<Vec<_>>(),
        "each intent has one outcome"
    );
    let now = look_inside(&stage.root());
    let outcome = of(ReceiptKind::Outcome).next().map(|receipt| {
        let body: OutcomeBody =
            serde_json::from_value(Value::Object(receipt.body.clone())).unwrap();
        body
    });
    match outcome.as_ref().map(|body| body.state) {
        Some(ActionState::Done) => {
            let (now, after) = (without_times(&now), without_times(after));
            assert_eq!(unlike(&after, &now), Vec::<String>::new(), "done means done");
        }
        _ => assert_eq!(unlike(before, &now), Vec::<String>::new(), "{outcome:?}"),
    }
    let again = scene.engine.recover(&mut scene.record).unwrap();
    assert_eq!(again, [], "a second recovery finds nothing to do");
    outcome.map(|body| body.state)
}

/// Prepares the upgrade once; the plan lies in `plan`, its dry run in the record.
fn prepare(stage: &Stage) -> bool {
    stage.renew();
    let mut scene = stage.open(1);
    let Some(params) = prepared(&mut scene) else { return false };
    let plan = scene.plan(&[("apt.upgrade", params)]);
    let tried = scene.step("shadow.dry_run", serde_json::json!({ "plan": plan })).unwrap();
    assert!(tried.dry_run.is_some_and(|trial| trial.passed), "{}", tried.message);
    fs::write(stage.dir.join("plan"), serde_json::to_vec(&plan).unwrap()).unwrap();
    fs::copy(stage.dir.join("engine.receipts"), stage.dir.join("prepared.receipts")).unwrap();
    true
}

#[test]
fn a_killed_upgrade_leaves_the_root_as_before_or_as_after() {
    if let Some(dir) = child_dir() {
        return child(dir);
    }
    let dir = tempfile::tempdir().unwrap();
    let stage = Stage { dir: dir.path().to_path_buf() };
    if !unpacked(Root::Mini, &stage.dir.join("base")) || !prepare(&stage) {
        return;
    }
    let before = look_inside(&stage.root());
    stage.tell_child("upgrade", 2);
    let whole = std::time::Instant::now();
    child(stage.dir.clone());
    let whole = whole.elapsed();
    let after = look_inside(&stage.root());
    let from = installed(&stage.dir.join("base"), "rsync");
    assert_ne!(installed(&stage.root(), "rsync"), from);

    let rounds = std::env::var("RINGFORT_KILL_ROUNDS")
        .map_or(ROUNDS_DEFAULT, |text| text.parse().expect("a number of rounds"));
    let mut upgrading = Killer::new(TEST, 3);
    (upgrading.acks_max, upgrading.after_ack_max) = (4, whole / 4);
    (upgrading.after_start_max, upgrading.round_max) = (whole, Duration::from_mins(5));
    let mut recovering = Killer::new(TEST, 4);
    (recovering.acks_max, recovering.after_ack_max) = (1, Duration::from_millis(900));
    recovering.round_max = Duration::from_mins(5);
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for round in 0..rounds {
        stage.renew();
        stage.forget();
        stage.tell_child("upgrade", 10 + 3 * round);
        let killed = upgrading.round(&stage.dir).unwrap();
        let mut story = format!("killed {}", killed.killed);
        if round % 2 == 1 {
            stage.tell_child("recover", 11 + 3 * round);
            let recovery = recovering.round(&stage.dir).unwrap();
            story.push_str(", recovery killed ");
            story.push_str(&recovery.killed.to_string());
        }
        let end = judge(&stage, 12 + 3 * round, &before, &after);
        println!("round {round}: {story}, heard {:?}, then {end:?}", killed.acked.last());
        *ends.entry(format!("{story}, then {end:?}")).or_default() += 1;
    }
    println!("{rounds} rounds, none in between: {ends:#?}; a whole upgrade takes {whole:.1?}");
}
