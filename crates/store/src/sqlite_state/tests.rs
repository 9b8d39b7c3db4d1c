use serde_json::{Map, json};
use spine::{
    ActionState, ApprovalProof, ApprovalWindow, Author, CaseEvent, CaseState, Digest, Evidence,
    EvidenceOrigin, FindingKind, KeyId, Status, Step,
};
use uuid::Uuid;

use super::*;

fn state() -> (tempfile::TempDir, SqliteState) {
    let dir = tempfile::tempdir().unwrap();
    let state = SqliteState::open(&dir.path().join("state.db")).unwrap();
    (dir, state)
}

fn host(n: u8) -> HostId {
    HostId(Digest([n; 32]))
}

fn package(name: &str) -> Package {
    Package {
        ecosystem: "Debian:12".into(),
        name: name.into(),
        version: "1.0-1".into(),
        arch: Some("amd64".into()),
        source: None,
        location: "var/lib/dpkg/status".into(),
    }
}

fn finding(n: u128, time_ms: i64) -> Finding {
    Finding {
        id: FindingId(Uuid::from_u128(n)),
        time_ms,
        host: host(1),
        kind: FindingKind::VulnerablePackage { package: package("pond"), fixed: None },
        status: Status::Affected,
        ids: vec!["CVE-2031-0001".into()],
        evidence: vec![Evidence {
            kind: "apt.candidate".into(),
            origin: EvidenceOrigin::Distribution,
            text: "1.0-2 is available".into(),
            reference: None,
        }],
    }
}

fn case(id: u8, priority: Priority, created_ms: i64) -> Case {
    Case {
        id: CaseId(Digest([id; 32])),
        host: host(1),
        kind: "patch".into(),
        subject: format!("pond-{id}"),
        title: "pond has a fix".into(),
        priority,
        state: CaseState::Open,
        owner: None,
        findings: vec![],
        ids: vec![],
        explanation: vec!["it listens on the network".into()],
        created_ms,
        updated_ms: created_ms,
    }
}

fn plan(case: Option<CaseId>, created_ms: i64) -> Plan {
    Plan {
        schema: 1,
        host: host(1),
        root: "/".into(),
        case,
        author: Author::Agent,
        purpose: "upgrade pond".into(),
        steps: vec![Step { actuator: "apt.upgrade".into(), params: Map::new() }],
        evidence: vec![],
        ring: None,
        created_ms,
        nonce: "0".repeat(32),
    }
}

fn approval(plan: PlanHash, signed_ms: i64) -> Approval {
    Approval {
        plan,
        host: host(1),
        approver: KeyId(Digest([9; 32])),
        window: ApprovalWindow::Now,
        break_glass: false,
        signed_ms,
        nonce: format!("{signed_ms:032x}"),
        proof: ApprovalProof::Ed25519 { signature: "00".repeat(64) },
    }
}

#[test]
fn hosts_are_kept_and_replaced() {
    let (dir, state) = state();
    let mut record = HostRecord {
        host: host(1),
        name: "front-desk.example".into(),
        root: "/".into(),
        os: "Debian GNU/Linux 12".into(),
        last_seen_ms: 5,
        coverage: json!({"dpkg": "complete"}),
    };
    state.put_host(&record).unwrap();
    record.last_seen_ms = 6;
    state.put_host(&record).unwrap();
    drop(state);
    let state = SqliteState::open(&dir.path().join("state.db")).unwrap();
    assert_eq!(state.hosts().unwrap(), [record]);
}

#[test]
fn a_scan_that_finds_the_same_writes_no_package_again() {
    let (_dir, state) = state();
    let mut packages = vec![package("a"), package("b"), package("c")];
    state.replace_inventory(host(1), &packages, 1).unwrap();
    let written = |packages: &[Package], scanned_ms| {
        let before = state.connection.total_changes();
        state.replace_inventory(host(1), packages, scanned_ms).unwrap();
        let inventory = state.inventory(host(1)).unwrap().unwrap();
        assert_eq!(inventory, Inventory { scanned_ms, packages: packages.to_vec() });
        state.connection.total_changes() - before
    };
    assert_eq!(written(&packages, 2), 1, "the time of the scan");
    packages[1].version = "1.0-2".into();
    assert_eq!(written(&packages, 3), 2);
    packages.remove(0);
    assert_eq!(written(&packages, 4), 4, "two move up, the last place goes");
}

#[test]
fn a_host_that_was_never_scanned_is_not_a_host_without_packages() {
    let (_dir, state) = state();
    assert_eq!(state.inventory(host(1)).unwrap(), None);
    state.replace_inventory(host(1), &[package("b"), package("a"), package("a")], 7).unwrap();
    state.replace_inventory(host(2), &[package("c")], 8).unwrap();
    let inventory = state.inventory(host(1)).unwrap().unwrap();
    assert_eq!(inventory.scanned_ms, 7);
    assert_eq!(inventory.packages, [package("b"), package("a"), package("a")]);
    state.replace_inventory(host(1), &[], 9).unwrap();
    let inventory = state.inventory(host(1)).unwrap().unwrap();
    assert_eq!(inventory, Inventory { scanned_ms: 9, packages: vec![] });
    assert_eq!(state.inventory(host(2)).unwrap().unwrap().packages.len(), 1);
}

#[test]
fn a_check_replaces_only_its_own_findings() {
    let (_dir, state) = state();
    state.replace_findings(host(1), "apt", &[finding(1, 10), finding(2, 5)]).unwrap();
    state.replace_findings(host(1), "osv", &[finding(3, 7)]).unwrap();
    state.put_findings(&[finding(4, 1)]).unwrap();
    // Put again by id: stays with its check.
    state.put_findings(&[finding(1, 11)]).unwrap();
    let times = |state: &SqliteState| -> Vec<i64> {
        state.findings(host(1)).unwrap().iter().map(|f| f.time_ms).collect()
    };
    assert_eq!(times(&state), [1, 5, 7, 11]);
    state.replace_findings(host(1), "apt", &[]).unwrap();
    assert_eq!(times(&state), [1, 7]);
    assert_eq!(state.finding(FindingId(Uuid::from_u128(3))).unwrap(), Some(finding(3, 7)));
    assert_eq!(state.finding(FindingId(Uuid::from_u128(1))).unwrap(), None);
}

#[test]
fn cases_come_most_urgent_first_then_oldest() {
    let (_dir, state) = state();
    for (id, priority, created_ms) in [
        (1, Priority::Defer, 1),
        (2, Priority::Immediate, 9),
        (3, Priority::OutOfCycle, 5),
        (4, Priority::Immediate, 3),
    ] {
        state.put_case(&case(id, priority, created_ms)).unwrap();
    }
    let ids = |filter: &CaseFilter| -> Vec<u8> {
        state.cases(filter).unwrap().iter().map(|c| c.id.0.0[0]).collect()
    };
    assert_eq!(ids(&CaseFilter::default()), [4, 2, 3, 1]);
    let mut closed = case(4, Priority::Immediate, 3);
    closed.step(CaseEvent::Dismiss, 10).unwrap();
    state.put_case(&closed).unwrap();
    assert_eq!(ids(&CaseFilter { open_only: true, ..CaseFilter::default() }), [2, 3, 1]);
    let dismissed = CaseFilter { state: Some(CaseState::Dismissed), ..CaseFilter::default() };
    assert_eq!(ids(&dismissed), [4]);
    assert!(ids(&CaseFilter { host: Some(host(2)), ..CaseFilter::default() }).is_empty());
    let patches = CaseFilter { kind: Some("patch".into()), ..CaseFilter::default() };
    assert_eq!(ids(&patches).len(), 4);
    assert_eq!(state.case(&closed.id).unwrap(), Some(closed));
}

#[test]
fn a_prefix_finds_one_case_or_says_why_not() {
    let (_dir, state) = state();
    for id in [0xab, 0xac, 0x1f] {
        state.put_case(&case(id, Priority::Defer, 1)).unwrap();
    }
    assert_eq!(state.case_by_prefix("1F1f").unwrap().id.0.0[0], 0x1f);
    assert_eq!(state.case_by_prefix("ab").unwrap().id.0.0[0], 0xab);
    let error = state.case_by_prefix("a").unwrap_err();
    assert!(matches!(&error, StateError::Ambiguous { matches, .. } if matches.len() == 2));
    for given in ["", "2", "abx", "%", "' OR 1=1", &"ab".repeat(60)] {
        let error = state.case_by_prefix(given).unwrap_err();
        assert!(matches!(error, StateError::NotFound { what: "case", .. }), "{given}: {error}");
    }
}

#[test]
fn a_plan_is_kept_under_its_hash_and_checked_when_read() {
    let (_dir, state) = state();
    let the_case = case(1, Priority::Defer, 1).id;
    let (older, newer) = (plan(Some(the_case), 1), plan(Some(the_case), 2));
    let hash = state.put_plan(&older).unwrap();
    assert_eq!(state.put_plan(&older).unwrap(), hash);
    state.put_plan(&newer).unwrap();
    assert_eq!(state.plan(&hash).unwrap(), Some(older.clone()));
    assert_eq!(state.plan_by_prefix(&hash.short()).unwrap(), older);
    assert_eq!(state.plans_for_case(&the_case).unwrap(), [newer, older.clone()]);
    let mut bad = older;
    bad.steps.clear();
    assert!(matches!(state.put_plan(&bad), Err(StateError::Plan(_))));
    state
        .connection
        .execute("UPDATE plans SET document = replace(document, 'upgrade', 'remove')", [])
        .unwrap();
    assert!(matches!(state.plan(&hash), Err(StateError::Damaged { what: "plan", .. })));
    assert!(matches!(
        state.plan_by_prefix(&hash.short()),
        Err(StateError::Damaged { what: "plan", .. })
    ));
    assert!(matches!(
        state.plans_for_case(&the_case),
        Err(StateError::Damaged { what: "plan", .. })
    ));
}

#[test]
fn an_approval_needs_its_plan() {
    let (_dir, state) = state();
    let unknown = approval(PlanHash(Digest([4; 32])), 1);
    assert!(matches!(state.put_approval(&unknown), Err(StateError::UnknownPlan(_))));
    let hash = state.put_plan(&plan(None, 1)).unwrap();
    let (late, early) = (approval(hash, 20), approval(hash, 10));
    for one in [&late, &early, &late] {
        state.put_approval(one).unwrap();
    }
    assert_eq!(state.approvals_for(&hash).unwrap(), [early, late]);
}

#[test]
fn actions_come_newest_first() {
    let (_dir, state) = state();
    let action = |n: u128, started_ms: i64, action_state: ActionState| Action {
        id: ActionId(Uuid::from_u128(n)),
        plan: PlanHash(Digest([1; 32])),
        host: host(1),
        state: action_state,
        lease: None,
        started_ms,
        updated_ms: started_ms,
    };
    state.put_action(&action(1, 10, ActionState::Intended)).unwrap();
    state.put_action(&action(2, 20, ActionState::Done)).unwrap();
    state.put_action(&action(1, 10, ActionState::Failed)).unwrap();
    let all = state.actions().unwrap();
    assert_eq!(all, [action(2, 20, ActionState::Done), action(1, 10, ActionState::Failed)]);
    assert_eq!(state.action(ActionId(Uuid::from_u128(1))).unwrap().as_ref(), all.get(1));
    assert_eq!(state.action(ActionId(Uuid::from_u128(3))).unwrap(), None);
}

#[test]
fn small_documents_are_kept_by_kind_and_key() {
    let (_dir, state) = state();
    state.put_doc("listeners", "b", &json!([{"port": 22}])).unwrap();
    state.put_doc("listeners", "a", &json!([])).unwrap();
    state.put_doc("other", "a", &json!(null)).unwrap();
    assert_eq!(state.get_doc("listeners", "b").unwrap(), Some(json!([{"port": 22}])));
    assert_eq!(state.get_doc("listeners", "c").unwrap(), None);
    let keys: Vec<_> = state.docs("listeners").unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["a", "b"]);
    assert!(state.delete_doc("listeners", "a").unwrap());
    assert!(!state.delete_doc("listeners", "a").unwrap());
    // Nobody signs or hashes it, so it may hold what the canonical form refuses.
    state.put_doc("fractions", "x", &json!({"p": 0.5})).unwrap();
    assert_eq!(state.get_doc("fractions", "x").unwrap(), Some(json!({"p": 0.5})));
}

#[test]
fn several_writes_happen_together_or_not_at_all() {
    let (_dir, state) = state();
    let result = state.transaction(&mut |tx| {
        tx.put_case(&case(1, Priority::Defer, 1))?;
        tx.replace_inventory(host(1), &[package("a")], 1)?;
        assert!(tx.inventory(host(1))?.is_some());
        tx.put_approval(&approval(PlanHash(Digest([4; 32])), 1))
    });
    assert!(matches!(result, Err(StateError::UnknownPlan(_))));
    assert!(state.cases(&CaseFilter::default()).unwrap().is_empty());
    assert_eq!(state.inventory(host(1)).unwrap(), None);
    let hash = state
        .atomically(|tx| {
            tx.put_case(&case(1, Priority::Defer, 1))?;
            tx.put_plan(&plan(None, 1))
        })
        .unwrap();
    assert!(state.plan(&hash).unwrap().is_some());
    assert_eq!(state.cases(&CaseFilter::default()).unwrap().len(), 1);
}

#[test]
fn work_that_panics_is_taken_back() {
    let (_dir, state) = state();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _: Result<(), StateError> = state.atomically(|tx| {
            tx.put_case(&case(1, Priority::Defer, 1))?;
            panic!("in the middle")
        });
    }));
    assert!(caught.is_err());
    assert!(state.cases(&CaseFilter::default()).unwrap().is_empty());
    state.put_case(&case(2, Priority::Defer, 1)).unwrap();
}

#[test]
fn a_reader_sees_what_was_committed_and_cannot_write() {
    let (dir, state) = state();
    let path = dir.path().join("state.db");
    let reader = SqliteState::open_read_only(&path).unwrap();
    state
        .atomically(|tx| {
            tx.put_case(&case(1, Priority::Defer, 1))?;
            assert!(reader.cases(&CaseFilter::default())?.is_empty());
            Ok(())
        })
        .unwrap();
    assert_eq!(reader.cases(&CaseFilter::default()).unwrap().len(), 1);
    assert!(reader.put_case(&case(2, Priority::Defer, 1)).is_err());
}

#[test]
fn a_document_that_does_not_parse_is_named() {
    let (_dir, state) = state();
    state.put_case(&case(1, Priority::Defer, 1)).unwrap();
    state.connection.execute("UPDATE cases SET document = '{'", []).unwrap();
    let error = state.cases(&CaseFilter::default()).unwrap_err();
    assert!(error.to_string().starts_with("the stored case `0101"), "{error}");
}

#[test]
fn writers_in_several_threads_wait_for_each_other() {
    let (dir, state) = state();
    let path = dir.path().join("state.db");
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let path = &path;
            scope.spawn(move || {
                let state = SqliteState::open(path).unwrap();
                for n in 0..10_u8 {
                    state.put_case(&case(thread * 10 + n, Priority::Defer, 1)).unwrap();
                }
            });
        }
    });
    assert_eq!(state.cases(&CaseFilter::default()).unwrap().len(), 40);
}
