//! Containments: what the list of actions says of one, how it ends by itself, and by hand.

use std::process::Child;

use serde_json::json;
use spine::{ActionState, ActionType, ApprovalWindow, Plan, ReceiptKind};

use super::{HOUR_MS, Place};
use crate::exec::protocol::{ActionSummary, Reply, Request, Suspect};

/// A program of the test's own, in a folder of anybody's.
struct Helper {
    _dir: tempfile::TempDir,
    program: String,
    process: Child,
}

impl Helper {
    #[expect(clippy::disallowed_methods, reason = "the test starts what it freezes")]
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("helper");
        std::fs::copy("/bin/sleep", &program).unwrap();
        let process = std::process::Command::new(&program).arg("600").spawn().unwrap();
        let program = program.canonicalize().unwrap().display().to_string();
        Self { _dir: dir, program, process }
    }

    /// Whether it is in a frozen group.
    fn is_frozen(&self) -> bool {
        let group = std::fs::read_to_string(format!("/proc/{}/cgroup", self.process.id())).unwrap();
        group.contains("/ringfort-")
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A place, and whether processes can be frozen here.
fn place() -> Option<Place> {
    let place = Place::new("", &["ann"])?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    if !mounts.contains(" - cgroup2 ") {
        println!("SKIPPED: freezing needs a cgroup v2 hierarchy");
        return None;
    }
    Some(place)
}

fn seen(place: &Place, helper: &Helper) -> (u32, u64) {
    let suspect =
        Suspect { program: helper.program.clone(), pid: None, before_ms: i64::MAX, listens: false };
    let reply = place.ask(Request::Look { suspects: vec![suspect], addresses: vec![] });
    let Reply::Looked { processes, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(processes.len(), 1, "the helper and nothing else");
    assert_eq!((processes[0].pid, processes[0].below), (helper.process.id(), 0));
    (processes[0].pid, processes[0].start_time)
}

fn run(place: &Place, plan: &Plan) -> Reply {
    let approval = place.signs(0, plan, ApprovalWindow::Now, false);
    place.ask(Request::Run { plan: Box::new(plan.clone()), approvals: vec![approval] })
}

fn frozen(place: &Place, helper: &Helper) -> ActionSummary {
    let (pid, start_time) = seen(place, helper);
    let params = json!({ "pid": pid, "start_time": start_time, "ttl_s": 86_400 });
    let plan = place.plan("process.freeze", &params);
    let reply = run(place, &plan);
    let Reply::Ran { outcome, .. } = &reply else { panic!("{reply:?}") };
    assert_eq!(outcome.state, ActionState::Done, "{}", outcome.message);
    assert!(helper.is_frozen());
    newest(place)
}

fn newest(place: &Place) -> ActionSummary {
    let Reply::Actions { actions } = place.ask(Request::Actions) else { panic!() };
    let contains = |action: &ActionSummary| action.types == [ActionType::FreezeProcess];
    actions.into_iter().find(contains).unwrap()
}

#[test]
fn a_containment_says_when_it_ends_and_is_over_then() {
    let Some(place) = place() else { return };
    let helper = Helper::start();
    let action = frozen(&place, &helper);
    assert!(action.undoable, "a person can let it go before");
    assert_eq!(action.lapses_ms, Some(super::START_MS + 24 * HOUR_MS));
    place.pass(24 * HOUR_MS - 1);
    place.executor.lapse();
    assert!(newest(&place).undoable && helper.is_frozen());
    place.pass(1);
    place.executor.lapse();
    assert!(!helper.is_frozen(), "it goes on");
    assert!(!newest(&place).undoable, "there is nothing left to take back");
    assert_eq!(place.receipts(ReceiptKind::LeaseLapsed).len(), 1);
    let place = place.restart();
    assert!(!newest(&place).undoable, "the record says the same after a restart");
}

#[test]
fn a_containment_is_let_go_by_the_plan_that_takes_it_back() {
    let Some(place) = place() else { return };
    let helper = Helper::start();
    let action = frozen(&place, &helper);
    let undo = place.plan("roll_back", &json!({ "action": action.id }));
    let reply = run(&place, &undo);
    let Reply::Ran { outcome, .. } = &reply else { panic!("{reply:?}") };
    assert_eq!(outcome.state, ActionState::Done, "{}", outcome.message);
    assert!(!helper.is_frozen() && !newest(&place).undoable);
}

#[test]
fn a_look_names_nothing_but_what_was_asked_for() {
    let Some(place) = Place::new("", &["ann"]) else { return };
    let suspect =
        Suspect { program: "/nonexistent".into(), pid: None, before_ms: i64::MAX, listens: false };
    let addresses = vec!["192.0.2.1".parse().unwrap(), "::1".parse().unwrap()];
    let reply = place.ask(Request::Look { suspects: vec![suspect.clone()], addresses });
    let Reply::Looked { processes, connections } = reply else { panic!("{reply:?}") };
    assert!(processes.is_empty() && connections.len() == 2);
    assert_eq!(connections[0], 0);
    let many = Request::Look { suspects: vec![suspect; 65], addresses: vec![] };
    assert!(matches!(place.ask(many), Reply::Failed { .. }), "a question has a limit");
}
