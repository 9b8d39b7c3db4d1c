//! The executor with a clock that stands until a test moves it: windows, breaking the glass, and
//! what goes into the record beside actions.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use spine::{
    ActionState, ActionType, Approval, ApprovalWindow, Author, Clock, Digest, DryRunOutcome,
    EffectClass, IntentBody, OutcomeBody, Plan, Receipt, ReceiptKind, Rng, Step, limits,
};
use testkit::ManualClock;

use super::outbox::Notice;
use super::protocol::{FeedTaken, Reply, Request};
use super::{Executor, Peer};
use crate::keys::{self, Signer};
use crate::rim::OsRng;

mod contain;
mod fleet;

const ROOT: Peer = Peer { uid: 0 };
const START_MS: i64 = 1_800_000_000_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// A machine with a root beside it, an executor, and people with keys.
struct Place {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
    executor: Executor,
    people: Vec<Signer>,
}

impl Place {
    /// `site` is the configuration; nothing if this is not root.
    fn new(site: &str, people: &[&str]) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("SKIPPED: the executor needs root");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ringfort.toml"), site).unwrap();
        for folder in ["etc", "srv", "var/lib/dpkg", "usr/bin"] {
            std::fs::create_dir_all(dir.path().join("root").join(folder)).unwrap();
        }
        std::fs::write(dir.path().join("root/srv/victim"), "still here").unwrap();
        let clock = Arc::new(ManualClock::at(START_MS));
        let executor = open(dir.path().to_path_buf(), &clock);
        let mut place = Self { dir, clock, executor, people: Vec::new() };
        for person in people {
            let path = place.dir.path().join(format!("key-{person}"));
            let signer = keys::create(&path, "correct horse", &OsRng).unwrap();
            let key = super::lock(&place.executor.keyring).check(
                super::keyring::Wanted {
                    public: &hex::encode(signer.public()),
                    person,
                    passkey: None,
                },
                None,
                START_MS,
            );
            let key = key.unwrap_or_else(|_| super::protocol::EnrolledKey {
                id: keys::key_id(&signer.public()),
                public: hex::encode(signer.public()),
                person: (*person).to_owned(),
                passkey: None,
                enrolled_ms: START_MS,
            });
            super::lock(&place.executor.keyring).add(key).unwrap();
            place.people.push(signer);
        }
        Some(place)
    }

    fn restart(self) -> Self {
        let Self { dir, clock, executor, people } = self;
        drop(executor);
        let executor = open(dir.path().to_path_buf(), &clock);
        Self { dir, clock, executor, people }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn plan(&self, actuator: &str, params: &Value) -> Plan {
        Plan {
            schema: 1,
            host: self.executor.host,
            root: self.root().display().to_string(),
            case: None,
            author: Author::Human,
            purpose: "a test".into(),
            steps: vec![Step {
                actuator: actuator.into(),
                params: params.as_object().unwrap().clone(),
            }],
            evidence: vec![],
            ring: None,
            created_ms: self.clock.now_ms(),
            nonce: hex::encode(spine::rng::random_bytes::<16>(&OsRng)),
        }
    }

    fn moves_victim(&self) -> Plan {
        self.plan("file.quarantine", &json!({ "path": "/srv/victim" }))
    }

    fn victim_is_there(&self) -> bool {
        self.root().join("srv/victim").exists()
    }

    fn signs(&self, person: usize, plan: &Plan, window: ApprovalWindow, glass: bool) -> Approval {
        let hash = plan.hash().unwrap();
        let rim: (&dyn Clock, &dyn Rng) = (&*self.clock, &OsRng);
        self.people[person].approve(hash, self.executor.host, window, glass, rim).unwrap()
    }

    fn ask(&self, request: Request) -> Reply {
        self.executor.answer(request, ROOT, &mut |_| ())
    }

    fn hold(&self, plan: &Plan, approvals: Vec<Approval>) -> Reply {
        self.ask(Request::Hold { plan: Box::new(plan.clone()), approvals })
    }

    fn pass(&self, ms: i64) {
        self.clock.advance(ms.unsigned_abs());
        self.executor.watch();
    }

    fn receipts(&self, kind: ReceiptKind) -> Vec<Receipt> {
        let book = self.executor.book.lock();
        let all = book.all();
        all.into_iter().filter(|receipt| receipt.kind == kind).collect()
    }

    fn notices(&self) -> Vec<Notice> {
        let dir = self.dir.path().join("outbox");
        let mut paths: Vec<_> =
            std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let read = |path: &PathBuf| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        paths.iter().map(read).collect()
    }

    /// Why plans stopped waiting, as the record says.
    fn ends(&self) -> Vec<String> {
        let why = |receipt: &Receipt| receipt.body["why"].as_str().unwrap().to_owned();
        self.receipts(ReceiptKind::Unscheduled).iter().map(why).collect()
    }
}

fn open(dir: PathBuf, clock: &Arc<ManualClock>) -> Executor {
    let rim = (Arc::clone(clock) as Arc<dyn Clock>, Arc::new(OsRng) as Arc<dyn Rng>);
    let config = dir.join("ringfort.toml");
    Executor::open(&dir, Some(&config), rim).unwrap().0
}

/// A window from two to four hours after the start of the test.
fn tonight() -> ApprovalWindow {
    ApprovalWindow::Scheduled {
        not_before_ms: START_MS + 2 * HOUR_MS,
        not_after_ms: START_MS + 4 * HOUR_MS,
    }
}

#[test]
fn a_plan_starts_by_itself_in_its_window_also_after_a_restart_and_only_once() {
    for restarted in [false, true] {
        let Some(mut place) = Place::new("", &["ann"]) else { return };
        let plan = place.moves_victim();
        let approval = place.signs(0, &plan, tonight(), false);
        let Reply::Held { opens_ms, closes_ms, .. } = place.hold(&plan, vec![approval]) else {
            panic!("it is not held")
        };
        assert_eq!((opens_ms, closes_ms), (START_MS + 2 * HOUR_MS, START_MS + 4 * HOUR_MS));
        assert_eq!(place.receipts(ReceiptKind::Scheduled).len(), 1);
        place.pass(2 * HOUR_MS - 1);
        assert!(place.victim_is_there(), "it started too early");
        if restarted {
            place = place.restart();
        }
        place.pass(1);
        assert!(!place.victim_is_there(), "it did not start");
        assert_eq!(place.notices().last().unwrap().kind, "window_done");
        std::fs::write(place.root().join("srv/victim"), "another").unwrap();
        place.pass(MINUTE_MS);
        place = place.restart();
        place.pass(3 * HOUR_MS);
        assert!(place.victim_is_there());
        assert_eq!(place.receipts(ReceiptKind::Intent).len(), 1);
        assert_eq!(place.ends(), Vec::<String>::new());
    }
}

#[test]
fn a_window_that_was_missed_lapses_with_a_record_and_a_notice() {
    let Some(mut place) = Place::new("contacts = [\"mailto:a@b.example\"]", &["ann"]) else {
        return;
    };
    let plan = place.moves_victim();
    let approval = place.signs(0, &plan, tonight(), false);
    assert!(matches!(place.hold(&plan, vec![approval]), Reply::Held { .. }));
    place.clock.advance(5 * HOUR_MS.unsigned_abs());
    place = place.restart();
    place.executor.watch();
    assert!(place.victim_is_there());
    assert_eq!(place.ends(), ["missed"]);
    let notice = place.notices().pop().unwrap();
    assert_eq!(notice.kind, "window_missed");
    assert_eq!(notice.to, ["mailto:a@b.example", "person:ann"]);
    place.pass(HOUR_MS);
    assert_eq!(place.ends(), ["missed"], "once");
}

#[test]
fn a_start_that_does_not_come_about_is_tried_again_while_the_window_is_open() {
    let Some(place) = Place::new("", &["ann"]) else { return };
    let plan = place.moves_victim();
    let approval = place.signs(0, &plan, tonight(), false);
    assert!(matches!(place.hold(&plan, vec![approval]), Reply::Held { .. }));
    let victim = place.root().join("srv/victim");
    std::fs::rename(&victim, place.root().join("srv/aside")).unwrap();
    place.pass(2 * HOUR_MS);
    let Reply::Waiting { plans } = place.ask(Request::Waiting) else { panic!() };
    assert!(plans[0].last_try.is_some());
    std::fs::rename(place.root().join("srv/aside"), &victim).unwrap();
    place.pass(30_000);
    assert!(victim.exists(), "not before a minute is over");
    place.pass(30_000);
    assert!(!victim.exists());
    assert_eq!(place.ends(), Vec::<String>::new());
}

#[test]
fn the_stop_switch_voids_what_waits_and_anybody_may_withdraw_it() {
    let Some(place) = Place::new("", &["ann"]) else { return };
    let hold = || {
        let plan = place.moves_victim();
        let approval = place.signs(0, &plan, tonight(), false);
        assert!(matches!(place.hold(&plan, vec![approval]), Reply::Held { .. }));
        plan.hash().unwrap()
    };
    let withdrawn = hold();
    let stranger = Peer { uid: 1_234 };
    let reply = place.executor.answer(Request::Withdraw { plan: withdrawn }, stranger, &mut |_| ());
    assert!(matches!(reply, Reply::Done { .. }));
    assert!(matches!(place.ask(Request::Withdraw { plan: withdrawn }), Reply::Refused { .. }));
    hold();
    place.ask(Request::Stop { reason: "a test".into() });
    place.pass(2 * HOUR_MS);
    assert!(place.victim_is_there());
    assert_eq!(place.ends(), ["withdrawn", "void"]);
}

#[test]
fn what_nobody_signed_or_a_stranger_signed_does_not_wait() {
    let Some(place) = Place::new("", &["ann"]) else { return };
    let plan = place.moves_victim();
    assert!(matches!(place.hold(&plan, vec![]), Reply::Decided { .. }));
    let mut forged = place.signs(0, &plan, tonight(), false);
    forged.signed_ms += 1;
    assert!(matches!(place.hold(&plan, vec![forged]), Reply::Decided { .. }));
    let longer = ApprovalWindow::Scheduled {
        not_before_ms: START_MS + HOUR_MS,
        not_after_ms: START_MS + limits::APPROVAL_WINDOW_MS_MAX + 1,
    };
    let approval = place.signs(0, &plan, longer, false);
    assert!(matches!(place.hold(&plan, vec![approval]), Reply::Decided { .. }));
    place.pass(3 * HOUR_MS);
    assert!(place.victim_is_there());
    assert_eq!(place.receipts(ReceiptKind::Scheduled), []);
    assert_eq!(place.receipts(ReceiptKind::Decision).len(), 3, "each is recorded");
}

/// A root that dpkg and apt know one package of, and an upgrade of it that was tried.
fn tried_upgrade(place: &Place) -> Plan {
    installed(place, "1.0");
    let apt = place.executor.engine.apt_dir(&place.root());
    std::fs::create_dir_all(apt.join("lists")).unwrap();
    offered(place, "2.0");
    let packages = json!([{ "name": "rsync", "arch": "amd64", "from": "1.0", "to": "2.0" }]);
    let params = json!({ "packages": packages });
    let mut plan = place.plan("apt.upgrade", &params);
    plan.evidence = patch::plan::evidence_of(params.as_object().unwrap());
    let mut book = place.executor.book.lock();
    let action = spine::ActionId::new(&*place.clock, &OsRng);
    let intent = IntentBody {
        action_types: vec![ActionType::DryRun],
        class: EffectClass::Observe,
        author: Author::Agent,
        root: plan.root.clone(),
        targets: vec![],
        approvals: vec![],
        approvers: vec![],
        lapses_ms: None,
        ring: None,
    };
    let trying = spine::PlanHash(Digest([9; 32]));
    book.write(ReceiptKind::Intent, Some(trying), Some(action), &intent).unwrap();
    let of = plan.hash().unwrap();
    let tried =
        DryRunOutcome { of, passed: true, rollback_verified: true, manifest: Digest([0; 32]) };
    let outcome = OutcomeBody {
        state: ActionState::Done,
        message: "tried".into(),
        dry_run: Some(tried),
        took_back: None,
    };
    book.write(ReceiptKind::Outcome, Some(trying), Some(action), &outcome).unwrap();
    drop(book);
    plan
}

fn installed(place: &Place, version: &str) {
    let status = format!(
        "Package: rsync\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
    );
    std::fs::write(place.root().join("var/lib/dpkg/status"), status).unwrap();
}

fn offered(place: &Place, version: &str) {
    let apt = place.executor.engine.apt_dir(&place.root());
    let list = format!(
        "Package: rsync\nArchitecture: amd64\nVersion: {version}\nSHA256: {}\n",
        "ab".repeat(32)
    );
    std::fs::write(apt.join("lists/mirror_Packages"), list).unwrap();
}

#[test]
fn a_plan_is_void_when_the_machine_or_what_is_offered_has_changed() {
    for change in ["installed", "offered", "nothing"] {
        let Some(place) = Place::new("", &["ann"]) else { return };
        let plan = tried_upgrade(&place);
        let approval = place.signs(0, &plan, tonight(), false);
        let reply = place.hold(&plan, vec![approval]);
        assert!(matches!(reply, Reply::Held { .. }), "{reply:?}");
        match change {
            "installed" => installed(&place, "1.5"),
            "offered" => offered(&place, "3.0"),
            _ => {}
        }
        place.pass(2 * HOUR_MS);
        assert_eq!(place.receipts(ReceiptKind::Intent).len(), 1, "only the dry run was begun");
        if change == "nothing" {
            // The package itself is not there, so it could not start; that is no change.
            assert_eq!(place.ends(), Vec::<String>::new());
        } else {
            assert_eq!(place.ends(), ["void"], "{change}");
        }
    }
}

/// Medical machines: two people must approve (red line RL04).
const CLINIC: &str = "contacts = [\"mailto:duty@clinic.example\"]\n[site]\n\
    profile = \"clinic\"\nmachine_class = \"medical\"\n";

#[test]
fn whoever_breaks_the_glass_waits_thirty_minutes_after_everybody_was_told() {
    let Some(place) = Place::new(CLINIC, &["ann", "bob"]) else { return };
    let plan = place.moves_victim();
    let one = place.signs(0, &plan, ApprovalWindow::Now, false);
    let request = Request::Run { plan: Box::new(plan.clone()), approvals: vec![one] };
    assert!(matches!(place.ask(request), Reply::Decided { .. }), "two are needed");

    let glass = place.signs(0, &plan, ApprovalWindow::Now, true);
    let reply = place.hold(&plan, vec![glass.clone()]);
    let Reply::Held { opens_ms, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(opens_ms, START_MS + limits::BREAK_GLASS_DELAY_MS);
    let notice = place.notices().pop().unwrap();
    assert_eq!(notice.kind, "break_glass");
    assert_eq!(notice.to, ["mailto:duty@clinic.example", "person:ann", "person:bob"]);
    assert!(!notice.text.contains("ann"), "the text names nobody");
    let told = place.receipts(ReceiptKind::Notice);
    assert_eq!((told.len(), &told[0].body["contacts"]), (1, &json!(3)));
    // Handing it in again tells nobody again and hastens nothing.
    assert!(matches!(place.hold(&plan, vec![glass.clone()]), Reply::Held { .. }));
    assert_eq!(place.receipts(ReceiptKind::Notice).len(), 1);

    place.pass(limits::BREAK_GLASS_DELAY_MS - 1);
    let request = Request::Run { plan: Box::new(plan.clone()), approvals: vec![glass] };
    assert!(matches!(place.ask(request), Reply::Decided { .. }), "not by asking directly either");
    assert!(place.victim_is_there());
    place.pass(1);
    assert!(!place.victim_is_there());
    let intent = place.receipts(ReceiptKind::Intent).pop().unwrap();
    assert_eq!(intent.body["approvers"].as_array().unwrap().len(), 1, "one person");
}

#[test]
fn a_signature_dated_back_does_not_shorten_the_thirty_minutes() {
    let Some(place) = Place::new(CLINIC, &["ann"]) else { return };
    let plan = place.moves_victim();
    let glass = place.signs(0, &plan, ApprovalWindow::Now, true);
    // As if it had been signed 31 minutes ago, by the signer's own clock.
    place.clock.advance(31 * MINUTE_MS.unsigned_abs());
    let request = Request::Run { plan: Box::new(plan.clone()), approvals: vec![glass.clone()] };
    assert!(matches!(place.ask(request), Reply::Decided { .. }), "nobody was told");
    // From being told to the end of the signature there are no thirty minutes left.
    assert!(matches!(place.hold(&plan, vec![glass]), Reply::Decided { .. }));
    place.pass(HOUR_MS);
    assert!(place.victim_is_there());
    assert_eq!(place.receipts(ReceiptKind::Notice), []);
}

#[test]
fn what_people_were_told_of_a_plan_that_waits_no_longer_counts_for_nothing() {
    let Some(place) = Place::new(CLINIC, &["ann"]) else { return };
    let plan = place.moves_victim();
    let glass = || place.signs(0, &plan, ApprovalWindow::Now, true);
    assert!(matches!(place.hold(&plan, vec![glass()]), Reply::Held { .. }));
    place.ask(Request::Withdraw { plan: plan.hash().unwrap() });
    // A day later, dated back by 31 minutes: people must be told again, and have their time.
    place.clock.advance(24 * HOUR_MS.unsigned_abs());
    let late = glass();
    place.clock.advance(31 * MINUTE_MS.unsigned_abs());
    let request = Request::Run { plan: Box::new(plan.clone()), approvals: vec![late.clone()] };
    assert!(matches!(place.ask(request), Reply::Decided { .. }));
    assert!(matches!(place.hold(&plan, vec![late]), Reply::Decided { .. }));
    let Reply::Held { opens_ms, .. } = place.hold(&plan, vec![glass()]) else { panic!() };
    assert_eq!(opens_ms, place.clock.now_ms() + limits::BREAK_GLASS_DELAY_MS);
    assert_eq!(place.receipts(ReceiptKind::Notice).len(), 2);
    assert!(place.victim_is_there());
}

#[test]
fn breaking_the_glass_lifts_no_line_that_is_absolute() {
    let Some(place) = Place::new(CLINIC, &["ann"]) else { return };
    // The agent may never propose anything on a medical machine, whoever signs (RL04, H).
    let mut plan = place.moves_victim();
    plan.author = Author::Agent;
    let glass = place.signs(0, &plan, ApprovalWindow::Now, true);
    let Reply::Decided { decision } = place.hold(&plan, vec![glass]) else { panic!() };
    assert_eq!(decision.verdict, spine::Verdict::Deny);
    assert_eq!(place.receipts(ReceiptKind::Notice), [], "and nobody is woken for it");
    place.pass(HOUR_MS);
    assert!(place.victim_is_there());
}

#[test]
fn without_a_place_for_notices_nobody_breaks_the_glass() {
    let Some(place) = Place::new(CLINIC, &["ann"]) else { return };
    let plan = place.moves_victim();
    let outbox = place.dir.path().join("outbox");
    std::fs::remove_dir_all(&outbox).unwrap();
    std::fs::write(&outbox, "").unwrap();
    let glass = place.signs(0, &plan, ApprovalWindow::Now, true);
    assert!(matches!(place.hold(&plan, vec![glass]), Reply::Failed { .. }));
    place.pass(HOUR_MS);
    assert!(place.victim_is_there());
}

#[test]
fn settings_are_recorded_when_they_changed_and_feeds_when_they_are_taken_in() {
    let Some(mut place) = Place::new("", &["ann"]) else { return };
    assert_eq!(place.receipts(ReceiptKind::Settings).len(), 1);
    place = place.restart();
    assert_eq!(place.receipts(ReceiptKind::Settings).len(), 1, "nothing changed");
    let clinic = "contacts = [\"mailto:x@y.example\"]\n[site]\nprofile = \"clinic\"\n";
    std::fs::write(place.dir.path().join("ringfort.toml"), clinic).unwrap();
    place = place.restart();
    let settings = place.receipts(ReceiptKind::Settings);
    assert_eq!(settings.len(), 2);
    assert_eq!(settings[1].body["site"]["profile"], "clinic");
    assert_eq!(settings[1].body["contacts"], 1);
    let text = serde_json::to_string(&settings[1].body).unwrap();
    assert!(!text.contains("x@y"), "addresses of people stay out of the record");

    let kev = |feed: &str| FeedTaken {
        feed: feed.into(),
        sha256: Digest([7; 32]),
        as_of_ms: START_MS - HOUR_MS,
    };
    let reply = place.ask(Request::Feeds { feeds: vec![kev("kev"), kev("epss")] });
    assert!(matches!(reply, Reply::Done { .. }));
    let taken = place.receipts(ReceiptKind::Feed);
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0].body["sha256"], json!("07".repeat(32)));
    for wrong in ["", "a b", "../x"] {
        let reply = place.ask(Request::Feeds { feeds: vec![kev(wrong)] });
        assert!(matches!(reply, Reply::Refused { .. }), "{wrong}");
    }
    let reply = place.ask(Request::Feeds { feeds: vec![kev("kev"); super::FEEDS_MAX + 1] });
    assert!(matches!(reply, Reply::Refused { .. }));
}

#[test]
fn on_a_site_of_several_machines_nobody_acts_alone_until_somebody_counts_for_all() {
    for (fleet, alone) in [(1, true), (2, false)] {
        let site = format!(
            "[site]\nfleet_size = {fleet}\nautonomy_level = \"act_in_rings\"\n\
             machine_class = \"server\"\n"
        );
        let Some(place) = Place::new(&site, &[]) else { return };
        let mut plan = tried_upgrade(&place);
        plan.author = Author::Agent;
        let effects = place.executor.engine.inspect_plan(&plan).unwrap();
        let facts = place.executor.gather(&plan, &effects, facts::Moment::Now).unwrap();
        assert_eq!(facts.contact_lost, !alone);
    }
}
