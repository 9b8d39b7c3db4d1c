//! A real browser on the real page.

use std::path::{Path, PathBuf};
use std::process::Command;

use hub::db::{Db, Proposal};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use spine::{
    Case, CaseState, Digest, Evidence, EvidenceOrigin, Finding, FindingId, FindingKind, HostId,
    Package, Priority, Status,
};
use store::{HostRecord, SqliteState, State as _};

use super::hostile_text;
use super::scene::{Scene, command, is_root, now_ms};

fn modules() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("RINGFORT_TEST_BROWSER")?);
    ["playwright-core", "axe-core"]
        .iter()
        .all(|name| path.join("node_modules").join(name).is_dir())
        .then_some(path)
}

fn chromium() -> Option<PathBuf> {
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.exists())
}

fn package(name: &str, version: &str) -> Package {
    Package {
        ecosystem: "Debian:12".into(),
        name: name.into(),
        version: version.into(),
        arch: Some("amd64".into()),
        source: None,
        location: "var/lib/dpkg/status".into(),
    }
}

fn finding(host: HostId, name: &str, text: &str, ids: &[&str]) -> Finding {
    let evidence = |kind: &str, origin, text: &str, reference: Option<&str>| Evidence {
        kind: kind.into(),
        origin,
        text: text.into(),
        reference: reference.map(str::to_owned),
    };
    Finding {
        id: FindingId(uuid::Uuid::from_bytes(Sha256::digest(name)[..16].try_into().unwrap())),
        time_ms: now_ms(),
        host,
        kind: FindingKind::VulnerablePackage {
            package: package(name, "3.2.7-1+deb12u1"),
            fixed: Some("3.2.7-1+deb12u2".into()),
        },
        status: Status::Affected,
        ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        evidence: vec![
            evidence(
                "apt.candidate",
                EvidenceOrigin::Distribution,
                text,
                Some("bookworm-security"),
            ),
            evidence("listening", EvidenceOrigin::Local, text, Some("https://tracker.example/x")),
        ],
    }
}

fn case(host: HostId, subject: &str, title: &str, why: &[&str], priority: Priority) -> Case {
    Case {
        id: Case::identity(host, "patch", subject).unwrap(),
        host,
        kind: "patch".into(),
        subject: subject.into(),
        title: title.into(),
        priority,
        state: CaseState::Open,
        owner: None,
        findings: vec![],
        ids: vec!["CVE-2024-12084".into(), "CVE-2024-12085".into()],
        explanation: why.iter().map(|line| (*line).to_owned()).collect(),
        created_ms: now_ms() - 7_200_000,
        updated_ms: now_ms(),
    }
}

fn machine(host: HostId, name: &str, os: &str, unknown: &[&str]) -> HostRecord {
    HostRecord {
        host,
        name: name.into(),
        root: "/".into(),
        os: os.into(),
        last_seen_ms: now_ms() - 600_000,
        coverage: json!({
            "packages": 412, "suites": ["bookworm", "bookworm-security"], "processes": 93,
            "closed": 0, "unknown": unknown,
        }),
    }
}

/// A program that somebody left in a folder of anybody's, and that runs: harmless, the test's own.
struct Stage {
    dir: tempfile::TempDir,
    process: std::process::Child,
}

impl Stage {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("helper");
        std::fs::copy("/bin/sleep", &program).unwrap();
        let process = Command::new(&program).arg("900").spawn().unwrap();
        Self { dir, process }
    }

    fn program(&self) -> PathBuf {
        self.dir.path().join("helper")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A case of behaviour about that program, as the watcher writes it down.
fn shut_in(state: &SqliteState, host: HostId, stage: &Stage) -> Case {
    let subject = "0123456789abcdef";
    let (now, program) = (now_ms(), stage.program().display().to_string());
    let event = |class_uid: u32, text: &str, entities: Value| {
        json!({ "class_uid": class_uid, "time_ms": now - 240_000, "host": "reception",
            "source": "auditd", "kind": "rule", "text": text, "bits": 14.5, "counts": "never before",
            "raw": json!({ "exe": program }).to_string(), "entities": entities })
    };
    let file = json!([{ "kind": "file", "name": program }, { "kind": "user", "name": "ann" }]);
    let detected = json!({
        "id": subject, "score": 41.0,
        "spans": [{ "host": "reception", "from_ms": now - 3_600_000, "to_ms": now }],
        "timeline": [
            { "time_ms": now - 240_000, "host": "reception", "text": format!("program: {program}") },
            { "time_ms": now - 180_000, "host": "reception", "text": "user: ann" },
        ],
        "events": [event(1_007, "A program from a temporary folder", file)],
    });
    state.put_doc("detected", subject, &detected).unwrap();
    let case = Case {
        id: Case::identity(host, "behaviour", subject).unwrap(),
        kind: "behaviour".into(),
        subject: subject.into(),
        ids: vec!["T1059".into()],
        created_ms: now - 120_000,
        ..case(
            host,
            subject,
            "A program from a temporary folder on reception",
            &[
                "1 thing was new or rare on reception.",
                "An ordinary host-hour looks like this once in 23000.",
            ],
            Priority::Immediate,
        )
    };
    state.put_case(&case).unwrap();
    let budget = json!({ "days": 12, "shown": 9, "precision": 0.5,
        "withheld": { "cap": 4, "false_discoveries": 1, "not_rare_enough": 31 } });
    state.put_doc("behaviour", "reception", &json!({ "budget": budget })).unwrap();
    case
}

/// What a clinic's page shows on an ordinary morning, and what an attacker adds to it.
fn fill(scene: &Scene, stage: &Stage) -> Value {
    let agent = scene.data.path().join("agent");
    std::fs::create_dir_all(&agent).unwrap();
    let state = SqliteState::open(&agent.join("state.db")).unwrap();
    let host = scene.host;
    state.put_host(&machine(host, "reception", "Debian GNU/Linux 12 (bookworm)", &[])).unwrap();
    let listeners: Vec<Value> =
        [(22, "/usr/sbin/sshd"), (873, "/usr/bin/rsync"), (11_112, "/opt/pacs/store")]
            .iter()
            .map(|(port, program)| {
                json!({ "protocol": "tcp", "address": "0.0.0.0", "port": port, "uid": 0,
                "program": program, "loopback": false })
            })
            .collect();
    state.put_doc("live", &host.to_string(), &json!({ "listeners": listeners })).unwrap();
    let text = "the security suite offers 3.2.7-1+deb12u2";
    let found = finding(host, "rsync", text, &["CVE-2024-12084"]);
    state.put_findings(std::slice::from_ref(&found)).unwrap();
    let why = ["rsync listens on port 873 on every address.", "The fix restarts rsync."];
    let rsync = "rsync has a pending security fix";
    let main =
        Case { findings: vec![found.id], ..case(host, "rsync", rsync, &why, Priority::Immediate) };
    state.put_case(&main).unwrap();
    for (subject, priority) in [
        ("openssl", Priority::OutOfCycle),
        ("tzdata", Priority::Scheduled),
        ("vim", Priority::Defer),
    ] {
        let title = format!("{subject} has a pending security fix");
        let why = [format!("{subject} is installed; the security suite offers a fix.")];
        state.put_case(&case(host, subject, &title, &[&why[0]], priority)).unwrap();
    }
    let plan = scene.plan(1);
    let hash = state.put_plan(&plan).unwrap();
    let dry_run = json!({ "report": {
        "passed": true, "rollback_verified": true, "problems": [], "services": [{ "name": "rsync" }],
        "manifest": [{ "path": "/srv/victim", "kind": "removed" }],
    } });
    let db = Db::open(&scene.data.path().join("hub/hub.db")).unwrap();
    let made_ms = now_ms();
    db.put_proposal(&Proposal { plan: hash, case: Some(main.id), made_ms, dry_run }).unwrap();
    // A plan that two people must sign, by what the rules said when it was made.
    let needs_two = scene.plan(2);
    let glass = state.put_plan(&needs_two).unwrap();
    let decision = json!({ "plan": glass, "verdict": "needs_approval", "humans": 2,
        "rules": ["RL06"], "reasons": ["This cannot be taken back: two people must approve."],
        "approvers": [], "decided_ms": made_ms });
    let dry_run = json!({ "report": { "passed": true, "problems": [] }, "decision": decision });
    db.put_proposal(&Proposal { plan: glass, case: Some(main.id), made_ms: 1, dry_run }).unwrap();
    let mut fixed =
        case(host, "curl", "curl has a pending security fix", &[], Priority::OutOfCycle);
    (fixed.state, fixed.created_ms) = (CaseState::Fixed, now_ms() - 7_800_000);
    state.put_case(&fixed).unwrap();
    let shut = shut_in(&state, host, stage);
    let hostile = fill_hostile(&state);
    json!({
        "glass_plan": glass, "shut_case": shut.id, "month": "2026-01",
        "case": main.id, "plan": hash, "machine": host,
        "hostile_case": hostile.0, "hostile_machine": hostile.1,
        "hostile_cases": hostile.2, "hostile_packages": hostile.3, "hostile_machines": hostile.4,
    })
}

/// Every field that a package, a host or a feed can fill.
fn fill_hostile(state: &SqliteState) -> (String, String, usize, usize, usize) {
    let texts = hostile_text::all();
    let mut first = (String::new(), String::new());
    let machines = 60;
    for (n, text) in texts.iter().enumerate().take(machines) {
        let mut id = [0xaa; 32];
        id[..8].copy_from_slice(&(n as u64).to_be_bytes());
        let host = HostId(Digest(id));
        state.put_host(&machine(host, text, text, &[text.as_str()])).unwrap();
        let live = json!({ "listeners": [{ "protocol": text, "port": 1, "program": text }] });
        state.put_doc("live", &host.to_string(), &live).unwrap();
        first.1 = host.to_string();
        if n == 0 {
            let packages: Vec<Package> = texts
                .iter()
                .map(|text| Package { location: text.clone(), ..package(text, text) })
                .collect();
            state.replace_inventory(host, &packages, 0).unwrap();
        }
    }
    let host: HostId = first.1.parse().unwrap();
    for text in &texts {
        let mut found = finding(host, text, text, &[text.as_str()]);
        for evidence in &mut found.evidence {
            evidence.reference = Some(text.clone());
        }
        state.put_findings(std::slice::from_ref(&found)).unwrap();
        let mut one = case(host, text, text, &[text.as_str()], Priority::OutOfCycle);
        one.ids = vec![text.clone()];
        one.findings = vec![found.id];
        one.owner = Some(text.chars().take(100).collect());
        state.put_case(&one).unwrap();
        first.0 = one.id.to_string();
    }
    (first.0, first.1, texts.len(), texts.len(), machines)
}

/// A program that takes a code from the page and enrols it, as root would on the machine.
fn trust(scene: &Scene) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let data = scene.data.path().display();
    let text = format!(
        "#!/bin/sh\nexec env RINGFORT_CONFIG={data}/ringfort.toml {} keys trust --yes \
         --data-dir {data} \"$1\"\n",
        super::scene::RINGFORT
    );
    let path = scene.data.path().join("trust.sh");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_browser_finds_its_way_and_nothing_hostile_runs() {
    let (Some(modules), Some(chromium)) = (modules(), chromium()) else {
        println!(
            "SKIPPED: needs Chromium and RINGFORT_TEST_BROWSER with playwright-core and axe-core"
        );
        return;
    };
    if !is_root() {
        return;
    }
    let mut scene = Scene::start();
    let stage = Stage::start();
    let told = fill(&scene, &stage);
    let link = scene.start_page();
    let shots = std::env::var_os("RINGFORT_TEST_SHOTS")
        .map_or_else(|| scene.data.path().join("shots"), PathBuf::from);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/browser/run.mjs");
    let output = Command::new("node")
        .arg(script)
        .env("RINGFORT_TEST_LINK", link)
        .env("RINGFORT_TEST_MODULES", modules)
        .env("RINGFORT_TEST_CHROMIUM", chromium)
        .env("RINGFORT_TEST_SHOTS", shots)
        .env("RINGFORT_TEST_TRUST", trust(&scene))
        .env("RINGFORT_TEST_SCENE", told.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    println!("{}", serde_json::to_string_pretty(&report).unwrap());
    assert_eq!(report["problems"], json!([]), "{report:#}");
    for nothing in ["axe_serious", "csp_violations", "ran", "overflow"] {
        assert_eq!(report[nothing], 0, "{nothing}");
    }
    assert!(report["bytes_first_load"].as_u64().unwrap() <= 150 << 10);
    assert!(report["hostile_shown"].as_u64().unwrap() >= 500);
    assert!(!scene.victim().exists(), "what was approved was done");
    assert!(stage.program().exists(), "what was contained was let go");
    let verified = command(scene.data.path(), &["verify", "--json"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
