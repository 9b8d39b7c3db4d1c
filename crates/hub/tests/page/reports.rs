//! What is handed to others: the month, the course of a case, drafts of notices.

use hub::role::Role;
use serde_json::json;
use spine::{CaseState, Priority};
use store::{HostRecord, State as _};

use super::support::{HOST, NOW_MS, Page, behaviour, case, detected};

const HOUR_MS: i64 = 3_600_000;

#[test]
fn the_month_says_what_was_found_fixed_withheld_and_missed() {
    let page = Page::with(&[]);
    let state = page.state();
    for (n, state_of) in [CaseState::Fixed, CaseState::Fixed, CaseState::Accepted, CaseState::Open]
        .into_iter()
        .enumerate()
    {
        let mut one = case(&format!("package-{n}"), Priority::Immediate);
        one.state = state_of;
        one.title = format!("<i>package-{n}</i> is weak");
        one.created_ms = NOW_MS - 4 * HOUR_MS;
        one.updated_ms = one.created_ms + HOUR_MS * (1 + i64::try_from(n).unwrap());
        state.put_case(&one).unwrap();
    }
    let behaviour = json!({ "budget": { "days": 6, "shown": 3, "withheld": { "cap": 4 } } });
    state.put_doc("behaviour", "x", &behaviour).unwrap();
    let host = HostRecord {
        host: HOST,
        name: "reception-pc".into(),
        root: "/".into(),
        os: String::new(),
        last_seen_ms: NOW_MS,
        coverage: json!({ "unknown": ["the <b>logs</b> are closed"] }),
    };
    state.put_host(&host).unwrap();
    let approver = page.browser(Role::Approver);
    let shown = approver.get("/report").text;
    for told in [
        "May 2026",
        "This month is not over.",
        "1 hour 30 minutes",
        "package-2",
        "3 cases",
        "4</li>",
        "Nobody noted that a backup was put back",
        "the &lt;b&gt;logs&lt;/b&gt; are closed",
    ] {
        let told = if told == "4</li>" { "4 because the day was full" } else { told };
        assert!(shown.contains(told), "{told} is not in {shown}");
    }
    assert!(!shown.contains("<i>package"), "titles are text");
    let form = [("worked", "yes"), ("note", "all of <u>it</u>, on a spare machine")];
    assert_eq!(approver.post("/report/restore", &form).header("location"), "/report#restore");
    let shown = approver.get("/report").text;
    assert!(shown.contains("it worked") && shown.contains("&lt;u&gt;it"), "{shown}");
    let earlier = approver.get("/report?month=2026-04").text;
    assert!(earlier.contains("nothing was fixed, so there is no time"));
    assert!(earlier.contains("Nobody noted"), "what came later is not in an earlier month");
    assert_eq!(page.browser(Role::Viewer).post("/report/restore", &form).status, 403);
}

#[test]
fn minutes_at_the_page_are_counted_and_nobody_is_named() {
    let page = Page::new();
    let viewer = page.browser(Role::Viewer);
    for _ in 0..5 {
        page.time.0.fetch_add(61_000, std::sync::atomic::Ordering::SeqCst);
        viewer.get("/");
        viewer.get("/cases");
    }
    let day = NOW_MS.div_euclid(86_400_000);
    assert_eq!(page.hub.db.minutes_spent(day, day + 2).unwrap(), 5);
    assert!(viewer.get("/report").text.contains("5 minutes"));
}

#[test]
fn the_course_of_a_case_holds_what_the_logs_people_and_the_record_say() {
    let page = Page::with(&[]);
    let case = behaviour(&page.state(), &detected());
    let viewer = page.browser(Role::Viewer);
    let path = format!("/cases/{}", case.id);
    viewer.post(&format!("{path}/comment"), &[("text", "looks <b>real</b>")]);
    let plan = super::support::plan();
    let plan = spine::Plan { case: Some(case.id), ..plan };
    let hash = page.state().put_plan(&plan).unwrap();
    let action = "019d19f0-ba60-72a1-82b2-2c3d4e5f6071";
    let receipt = |kind: &str, plan: spine::PlanHash, body: serde_json::Value| {
        json!({ "schema": 1, "id": "019d19f0-be48-73a1-83b2-3c3d4e5f6071", "time_ms": NOW_MS,
            "host": HOST, "kind": kind, "plan": plan, "action": action, "body": body })
        .to_string()
    };
    let (undo, other) =
        (spine::PlanHash(spine::Digest([4; 32])), spine::PlanHash(spine::Digest([5; 32])));
    let done = |message: &str| json!({ "state": "done", "message": message });
    let taken_back = json!({ "state": "done", "message": "let go", "took_back": action });
    *page.fake.record.lock().unwrap() = vec![
        receipt("outcome", hash, done("203.0.113.9 is blocked")),
        receipt("unscheduled", hash, json!({ "why": "void", "reason": "the machine has changed" })),
        receipt("outcome", undo, taken_back),
        receipt("outcome", other, done("something else")),
    ];
    let shown = viewer.get(&format!("{path}/timeline")).text;
    for told in [
        "reception-pc: program: /tmp/&lt;b&gt;miner",
        "203.0.113.9 is blocked (receipt 0)",
        "the machine has changed (receipt 1)",
        "let go (receipt 2)",
        "looks &lt;b&gt;real&lt;/b&gt;",
        "ringfort showed it first",
        "a plan was made: upgrade rsync",
    ] {
        assert!(shown.contains(told), "{told} is not in {shown}");
    }
    assert!(!shown.contains("something else"), "another case's plan");
    let drafts = viewer.get(&format!("{path}/notices")).text;
    assert_eq!(drafts.matches("DRAFT. NOT SENT.").count(), 4);
    assert!(drafts.contains("203.0.113.9 is blocked (receipt 0)"), "{drafts}");
    assert!(drafts.contains("[to fill in: "));
}
