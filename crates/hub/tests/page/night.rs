//! 3 a.m.: containing, waiting, calling; and breaking the glass.

use std::sync::atomic::Ordering;

use hub::db::PasskeyRow;
use hub::executor::{Done, Key, Running, Seen};
use hub::role::Role;
use serde_json::json;
use spine::{Case, Finding, FindingKind, KeyId, PlanHash, Priority, Status};
use store::State as _;

use super::support::{HOST, NOW_MS, Page, behaviour, case, detected};

fn running() -> Seen {
    let process = Running {
        pid: 4_242,
        start_time: 99,
        program: "/tmp/<b>miner".into(),
        below: 1,
        ports: vec![4444],
    };
    Seen { processes: vec![process], connections: vec![2] }
}

/// Has a containment made; returns the plan's hash and the page that shows it.
fn contained(page: &Page) -> (PlanHash, String) {
    let case = behaviour(&page.state(), &detected());
    *page.fake.seen.lock().unwrap() = running();
    let approver = page.browser(Role::Approver);
    let answer = approver.post(&format!("/cases/{}/contain", case.id), &[]);
    let progress = page.ended(&answer);
    let end = progress.end.unwrap();
    assert!(end.good, "{}", end.text);
    let hash = end.next.strip_prefix("/plans/").unwrap().split('#').next().unwrap();
    (hash.parse().unwrap(), approver.get(&format!("/plans/{hash}")).text)
}

#[test]
fn contain_makes_a_plan_of_what_the_case_names_and_says_what_stops_working() {
    let page = Page::with(&[]);
    let (hash, shown) = contained(&page);
    let plan = page.state().plan(&hash).unwrap().unwrap();
    let steps: Vec<&str> = plan.steps.iter().map(|step| step.actuator.as_str()).collect();
    assert_eq!(steps, ["net.block_address", "process.freeze", "file.quarantine"]);
    assert!(plan.case.is_some() && plan.steps[0].params["ttl_s"] == json!(86_400));
    assert_eq!(plan.steps[1].params["pid"], json!(4_242));
    for told in [
        "The 2 connections that stand now are cut",
        "Nobody can use what it serves on port 4444",
        "frozen, not ended",
        "ends by itself 24 hours later",
        "ann is an account: ringfort has no way to lock one",
        "it can be done now, and taken back",
    ] {
        assert!(shown.contains(told), "{told} is not in {shown}");
    }
    assert!(!shown.contains("/tmp/<b>miner"), "a name of a file is text");
    assert_eq!(
        page.fake.carried_out.load(Ordering::SeqCst),
        0,
        "nothing is done before a signature"
    );
}

#[test]
fn a_model_that_was_flagged_is_moved_away_whole_and_is_no_file_of_the_system() {
    let page = Page::with(&[]);
    let id = "019d19ec-2e50-71a1-81b2-1c3d4e5f6071".parse().unwrap();
    let path = "/home/ann/<b>weights.pkl";
    let case = Case {
        id: Case::identity(HOST, "model", path).unwrap(),
        kind: "model".into(),
        findings: vec![id],
        ..case(path, Priority::Immediate)
    };
    let model =
        FindingKind::Model { path: path.into(), sha256: "ab".repeat(32), format: "pickle".into() };
    let finding = Finding {
        id,
        time_ms: NOW_MS,
        host: HOST,
        kind: model,
        status: Status::Affected,
        ids: vec![],
        evidence: vec![],
    };
    page.state().put_findings(&[finding]).unwrap();
    page.state().put_case(&case).unwrap();
    let approver = page.browser(Role::Approver);
    let shown = approver.get(&format!("/cases/{}", case.id)).text;
    assert!(shown.contains("Make a plan to move it away") && !shown.contains(path));
    let end = page.ended(&approver.post(&format!("/cases/{}/contain", case.id), &[])).end.unwrap();
    assert!(end.good, "{}", end.text);
    let hash = end.next.strip_prefix("/plans/").unwrap().split('#').next().unwrap();
    let plan = page.state().plan(&hash.parse().unwrap()).unwrap().unwrap();
    assert_eq!(plan.steps.len(), 1);
    assert_eq!(plan.steps[0].actuator, "file.quarantine");
    assert_eq!(plan.steps[0].params["path"], json!(path));
    let shown = approver.get(&format!("/cases/{}", case.id)).text;
    assert!(shown.contains(&format!("/plans/{hash}")), "the case leads to it");
}

#[test]
fn what_the_machine_refuses_is_left_out_with_its_reason() {
    let page = Page::with(&[]);
    page.fake.refuses.lock().unwrap().push("net.block_address");
    let (hash, shown) = contained(&page);
    let plan = page.state().plan(&hash).unwrap().unwrap();
    assert!(plan.steps.iter().all(|step| step.actuator != "net.block_address"));
    assert!(shown.contains("the address 203.0.113.9: it is the gateway."), "{shown}");
    assert!(!shown.contains("cannot reach each other"), "no cost of what is not done");
}

#[test]
fn when_nothing_can_be_shut_in_it_says_so_and_why() {
    let page = Page::with(&[case("rsync", Priority::Immediate)]);
    let approver = page.browser(Role::Approver);
    let id = case("rsync", Priority::Immediate).id;
    let night = approver.get(&format!("/cases/{id}/night")).text;
    assert!(night.contains("Nothing of this case can be shut in."), "{night}");
    assert!(night.contains("What runs on this machine was not looked at yet."));
    assert_eq!(approver.post(&format!("/cases/{id}/contain"), &[]).status, 409);
    // All that it names is refused by the machine.
    let named = behaviour(&page.state(), &detected());
    let all = ["net.block_address", "process.freeze", "file.quarantine"];
    page.fake.refuses.lock().unwrap().extend(all);
    let answer = approver.post(&format!("/cases/{}/contain", named.id), &[]);
    let progress = page.ended(&answer);
    let end = progress.end.unwrap();
    assert!(!end.good && end.text.contains("it is the gateway"), "{}", end.text);
    assert!(progress.lines.iter().any(|line| line.contains("ann is an account")));
}

#[test]
fn what_is_contained_can_be_let_go_from_the_page_and_is_no_fix() {
    let page = Page::with(&[]);
    let (hash, _) = contained(&page);
    let id = page.state().plan(&hash).unwrap().unwrap().case.unwrap();
    let approver = page.browser(Role::Approver);
    let night = approver.get(&format!("/cases/{id}/night")).text;
    assert!(night.contains(&format!("/plans/{hash}#approve")), "it waits for a signature");
    page.fake.done.lock().unwrap().push(Done {
        id: "019d19f0-ba60-72a1-82b2-2c3d4e5f6071".parse().unwrap(),
        plan: hash,
        root: "/".into(),
        types: vec!["block_address".into()],
        state: "done".into(),
        started_ms: NOW_MS,
        undoable: true,
        lapses_ms: Some(NOW_MS + 86_400_000),
    });
    let night = approver.get(&format!("/cases/{id}/night")).text;
    assert!(
        night.contains("It is contained.") && night.contains("It ends by itself at"),
        "{night}"
    );
    let action = "019d19f0-ba60-72a1-82b2-2c3d4e5f6071";
    assert!(!night.contains(&format!("/plans/{hash}#approve")), "a plan is carried out once");
    let undone = approver.post("/records/undo", &[("action", action)]);
    assert!(undone.header("location").starts_with("/plans/"), "a plan that a person signs");
    let sheet = approver.get(&format!("/undo/{action}")).text;
    for told in [
        "ringfort undo 019d19f0-ba60-72a1-82b2-2c3d4e5f6071",
        "nft delete element inet ringfort blocked4",
        "/cgroup.freeze",
        "reception-pc",
    ] {
        assert!(sheet.contains(told), "{told} is not on {sheet}");
    }
    let whole = approver.get(&format!("/cases/{id}")).text;
    assert!(!whole.contains("net.block_address") && whole.contains("no fix of its own"), "{whole}");
}

#[test]
fn a_case_of_another_machine_is_not_contained_here() {
    let page = Page::with(&[]);
    let state = page.state();
    let mut elsewhere = behaviour(&state, &detected());
    elsewhere.host = spine::HostId(spine::Digest([8; 32]));
    state.put_case(&elsewhere).unwrap();
    let shown = page.browser(Role::Approver).get(&format!("/cases/{}/night", elsewhere.id)).text;
    assert!(shown.contains("This case is about another machine"), "{shown}");
}

#[test]
fn whoever_waits_says_why_and_the_others_see_it() {
    let page = Page::with(&[case("rsync", Priority::Immediate)]);
    let id = case("rsync", Priority::Immediate).id;
    let viewer = page.browser(Role::Viewer);
    let path = format!("/cases/{id}/wait");
    for fields in [vec![], vec![("reason", "x")], vec![("reason", "x"), ("hours", "900")]] {
        assert_eq!(viewer.post(&path, &fields).status, 400);
    }
    let reason = "the <i>backup</i> runs";
    assert_eq!(viewer.post(&path, &[("reason", reason), ("hours", "2")]).status, 303);
    let watch = page.hub.db.watch(&id).unwrap().unwrap();
    assert_eq!(watch.wait_until_ms, Some(NOW_MS + 2 * 3_600_000));
    let said = page.hub.db.comments(&id).unwrap();
    assert!(said[0].text.ends_with(reason) && said[0].text.starts_with("Waits until "));
    assert!(!viewer.get(&format!("/cases/{id}")).text.contains("<i>backup"));
}

/// A page on which somebody has a passkey that the machine takes.
fn with_passkey(page: &Page) -> super::support::Browser<'_> {
    let approver = page.browser(Role::Approver);
    let row = PasskeyRow {
        credential: "0a0b".into(),
        user: approver.user.clone(),
        name: "phone".into(),
        public: "00".repeat(65),
        rp_id: "localhost".into(),
        origin: super::support::ORIGIN.into(),
        counter: 0,
        created_ms: NOW_MS,
    };
    page.hub.db.add_passkey(&row).unwrap();
    page.fake.keys.lock().unwrap().push(Key {
        id: KeyId(spine::Digest([3; 32])),
        person: "Ann".into(),
        enrolled_ms: 0,
        credential: Some("0a0b".into()),
    });
    page.hub.forget_standing();
    approver
}

/// The approval that a form of the page carries.
fn draft(shown: &str, glass: bool) -> String {
    let drafts = shown.split("name=\"approval\" value=\"").skip(1);
    let mut drafts = drafts.map(|rest| rest.split('"').next().unwrap().replace("&quot;", "\""));
    drafts.find(|draft| draft.contains(&format!("\"break_glass\":{glass}"))).unwrap_or_default()
}

#[test]
fn breaking_the_glass_waits_half_an_hour_is_loud_and_can_be_called_off() {
    let page = Page::with(&[]);
    page.fake.humans.store(2, Ordering::SeqCst);
    let (hash, _) = contained(&page);
    let approver = with_passkey(&page);
    let path = format!("/plans/{hash}");
    let shown = approver.get(&path).text;
    assert!(shown.contains("break the glass") && shown.contains("30 minutes"), "{shown}");
    let approval = draft(&shown, true);
    let fields = [
        ("approval", approval.as_str()),
        ("authenticator_data", "00"),
        ("client_data", "00"),
        ("signature", "00"),
    ];
    let progress = page.ended(&approver.post(&format!("{path}/approve"), &fields));
    let end = progress.end.unwrap();
    assert!(end.good && end.text.contains("begins by itself at"), "{}", end.text);
    assert_eq!(page.fake.carried_out.load(Ordering::SeqCst), 0, "not now");
    let waits = page.fake.waits.lock().unwrap().clone();
    assert!(waits[0].break_glass);
    assert_eq!(waits[0].opens_ms, NOW_MS + spine::limits::BREAK_GLASS_DELAY_MS);
    // Everybody sees it, on every page, and anybody may stop it.
    let viewer = page.browser(Role::Viewer);
    let today = viewer.get("/").text;
    assert!(today.contains("One person decided alone what two should decide."), "{today}");
    assert!(viewer.get(&path).text.contains("Call it off"));
    assert_eq!(viewer.post(&format!("{path}/withdraw"), &[]).status, 303);
    assert!(page.fake.waits.lock().unwrap().is_empty());
    assert!(!viewer.get("/").text.contains("decided alone"));
    assert_eq!(viewer.post(&format!("{path}/withdraw"), &[]).status, 503, "it waits no longer");
}

#[test]
fn the_glass_is_offered_only_where_two_people_are_needed() {
    let page = Page::with(&[]);
    let (hash, _) = contained(&page);
    let shown = with_passkey(&page).get(&format!("/plans/{hash}")).text;
    assert!(!shown.contains("break the glass") && draft(&shown, true).is_empty());
    assert!(!draft(&shown, false).is_empty());
    assert_eq!(page.hub.own_host(), Some(HOST));
}
