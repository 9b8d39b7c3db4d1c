//! The evidence bundle, unpacked and checked by what is not ringfort's: `sha256sum`, a verifier
//! written here from the RFCs alone, and the Go project's own packages.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use durable::StdFiles;
use hub::messages::settings::{NAME, Secret, Settings};
use hub::role::Role;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use spine::{Clock, Event, EventClass, EventId, PlanHash};
use store::{EventLog, EventLogConfig, EventSink as _, State as _};
use testkit::process;

use super::support::{HOST, NOW_MS, Page, behaviour, detected};

/// A page with a case, events around it, and a record of 40 receipts of which four are about it.
fn scene() -> (Page, spine::Case, PlanHash) {
    let page = Page::with(&[]);
    let case = behaviour(&page.state(), &detected());
    let plan = spine::Plan { case: Some(case.id), ..super::support::plan() };
    let hash = page.state().put_plan(&plan).unwrap();
    let action = "019d19f0-ba60-72a1-82b2-2c3d4e5f6071";
    let receipt = |n: usize, kind: &str, plan: Value, body: Value| {
        json!({ "schema": 1, "id": format!("019d19f0-be48-73a1-83b2-{n:012}"), "time_ms": NOW_MS,
            "host": HOST, "kind": kind, "plan": plan, "action": action, "body": body })
        .to_string()
    };
    let other = PlanHash(spine::Digest([9; 32]));
    let mut leaves: Vec<String> =
        (0..40).map(|n| receipt(n, "refusal", json!(null), json!({ "reason": "other" }))).collect();
    leaves[0] = receipt(0, "genesis", json!(null), json!({ "program": "0" }));
    leaves[7] = receipt(7, "intent", json!(hash), json!({}));
    leaves[8] = receipt(8, "outcome", json!(hash), json!({ "state": "done", "message": "done" }));
    leaves[39] = receipt(39, "outcome", json!(other), json!({ "took_back": action }));
    *page.fake.record.lock().unwrap() = leaves;
    let folder = page.hub.config.state_db.parent().unwrap().join("events");
    let clock: Arc<dyn Clock> = Arc::clone(&page.time) as Arc<dyn Clock>;
    let config = EventLogConfig::default();
    let mut log = EventLog::open(Arc::new(StdFiles), clock, &folder, config).unwrap();
    let event = |n: u64, host| Event {
        id: EventId(format!("019d19ec-2680-70a1-80b2-{n:012}").parse().unwrap()),
        time_ms: NOW_MS - 1_000 * i64::try_from(n).unwrap(),
        host,
        source: "packages".into(),
        class_uid: EventClass::from(5_020),
        ocsf: json!({ "message": format!("event {n}") }).as_object().unwrap().clone(),
        raw: serde_json::Map::new(),
    };
    let elsewhere = spine::HostId(spine::Digest([8; 32]));
    let long_ago = Event { time_ms: 1_000, ..event(9, HOST) };
    let events: Vec<Event> = (0..5).map(|n| event(n, HOST)).collect();
    log.append(&events).unwrap();
    log.append(&[event(7, elsewhere), long_ago]).unwrap();
    (page, case, hash)
}

fn unpacked(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..zip.len())
        .map(|index| {
            let mut file = zip.by_index(index).unwrap();
            assert!(file.enclosed_name().is_some(), "entry {index} leads out");
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            (file.name().unwrap().into_owned(), content)
        })
        .collect()
}

fn lay_out(files: &BTreeMap<String, Vec<u8>>, dir: &Path) {
    for (name, content) in files {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

/// Whether a leaf is in the tree that a tlog-proof's checkpoint names: RFC 9162, section 2.1.3.2,
/// and c2sp.org/signed-note, with SHA-256, Ed25519 and base64 from other crates.
fn is_proved(leaf: &[u8], proof: &str, vkey: &str) -> Result<(), String> {
    let (head, note) = proof.split_once("\n\n").ok_or("no checkpoint")?;
    let mut lines = head.lines();
    if lines.next() != Some("c2sp.org/tlog-proof@v1") {
        return Err("no tlog-proof".into());
    }
    let index = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or("no index")?;
    let mut at: u64 = index.parse().map_err(|_| "a wrong index")?;
    let path: Vec<Vec<u8>> = lines.map(|line| STANDARD.decode(line).unwrap()).collect();
    let (text, signatures) = note.split_once("\n\n").ok_or("no signature")?;
    let text = format!("{text}\n");
    let mut told = text.lines();
    let (origin, size) = (told.next().unwrap(), told.next().unwrap().parse::<u64>().unwrap());
    let root = STANDARD.decode(told.next().unwrap()).unwrap();
    // The key: name, hash of name and key, and the key behind a byte that says Ed25519.
    let (name, rest) = vkey.trim().split_once('+').unwrap();
    let (_, key) = rest.split_once('+').unwrap();
    let key = STANDARD.decode(key).unwrap();
    let line = signatures.lines().find_map(|line| line.strip_prefix(&format!("\u{2014} {name} ")));
    let signature = STANDARD.decode(line.ok_or("no signature of this key")?).unwrap();
    UnparsedPublicKey::new(&ED25519, &key[1..])
        .verify(text.as_bytes(), &signature[4..])
        .map_err(|_| "the signature does not hold")?;
    if origin != name || at >= size {
        return Err("another log, or no such entry".into());
    }
    let node = |left: &[u8], right: &[u8]| {
        Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().to_vec()
    };
    let mut last = size - 1;
    let mut hash = Sha256::new().chain_update([0]).chain_update(leaf).finalize().to_vec();
    for other in path {
        if last == 0 {
            return Err("the proof is too long".into());
        }
        if at % 2 == 1 || at == last {
            hash = node(&other, &hash);
            while at.is_multiple_of(2) && at != 0 {
                (at, last) = (at / 2, last / 2);
            }
        } else {
            hash = node(&hash, &other);
        }
        (at, last) = (at / 2, last / 2);
    }
    if last == 0 && hash == root { Ok(()) } else { Err("it does not lead to the root".into()) }
}

#[test]
fn the_bundle_is_whole_and_every_receipt_is_proved_without_ringfort() {
    let (page, case, _) = scene();
    let viewer = page.browser(Role::Viewer);
    viewer.post(&format!("/cases/{}/comment", case.id), &[("text", "keep this")]);
    let answer = viewer.post(&format!("/cases/{}/evidence", case.id), &[]);
    assert_eq!(answer.header("content-type"), "application/zip");
    assert!(
        answer.header("content-disposition").starts_with("attachment; filename=\"ringfort-case-")
    );
    let files = unpacked(&answer.bytes);
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    let manifest: Value = serde_json::from_str(&text("MANIFEST.json")).unwrap();
    assert_eq!(manifest["left_out"], json!([]), "{manifest}");
    assert_eq!(manifest["files"].as_array().unwrap().len(), files.len() - 2);
    for file in manifest["files"].as_array().unwrap() {
        let content = &files[file["path"].as_str().unwrap()];
        assert_eq!(file["sha256"], hex::encode(Sha256::digest(content)), "{file}");
        assert_eq!(file["bytes"], content.len());
    }
    // The case, and what belongs to it; nothing of other machines or times.
    assert_eq!(serde_json::from_str::<Value>(&text("case.json")).unwrap()["id"], json!(case.id));
    assert_eq!(text("events.jsonl").lines().count(), 5);
    let parquet = &files["events.parquet"];
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    assert!(text("comments.jsonl").contains("keep this"));
    assert_eq!(text("plans.jsonl").lines().count(), 1);
    let names: Vec<&str> =
        files.keys().filter_map(|name| name.strip_prefix("record/receipts/")).collect();
    let expected: Vec<String> = [0, 7, 8, 39]
        .iter()
        .flat_map(|n| [format!("{n:09}.json"), format!("{n:09}.tlog-proof")])
        .collect();
    assert_eq!(names, expected, "the beginning, the plan, and what took it back");
    let key = text("record/key");
    for name in names.iter().filter_map(|name| name.strip_suffix(".json")) {
        let leaf = &files[&format!("record/receipts/{name}.json")];
        let proof = text(&format!("record/receipts/{name}.tlog-proof"));
        is_proved(leaf, &proof, &key).unwrap();
        for at in (0..leaf.len()).step_by(7) {
            let mut changed = leaf.clone();
            changed[at] ^= 1;
            assert!(is_proved(&changed, &proof, &key).is_err(), "{name}: byte {at} was changed");
        }
        let moved = proof.replacen("index ", "index 1", 1);
        assert!(is_proved(leaf, &moved, &key).is_err(), "another index");
    }
}

#[test]
fn sha256sum_finds_it_whole_and_finds_every_damaged_file() {
    let (page, case, _) = scene();
    let answer = page.browser(Role::Viewer).post(&format!("/cases/{}/evidence", case.id), &[]);
    let files = unpacked(&answer.bytes);
    let dir = tempfile::tempdir().unwrap();
    lay_out(&files, dir.path());
    let whole = || {
        let mut command = process::command("sha256sum");
        command.args(["--check", "--strict", "--quiet", "SHA256SUMS"]).current_dir(dir.path());
        process::run(&mut command, Duration::from_secs(20)).unwrap().status.success()
    };
    assert!(whole());
    for name in files.keys().filter(|name| *name != "SHA256SUMS") {
        let mut damaged = files[name].clone();
        damaged.push(b' ');
        std::fs::write(dir.path().join(name), damaged).unwrap();
        assert!(!whole(), "{name} was damaged");
        std::fs::write(dir.path().join(name), &files[name]).unwrap();
    }
    assert!(whole());
}

/// The verifier in Go, or `None` where it cannot be built here.
fn go_verifier(dir: &Path) -> Option<PathBuf> {
    let packages = Path::new("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog");
    if !process::is_there("go") || !packages.is_dir() {
        println!("SKIPPED: needs Debian's golang-go and golang-golang-x-mod-dev");
        return None;
    }
    let program = dir.join("tlog-verifier");
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/tlog-verifier");
    let mut command = process::command("go");
    command.args(["build", "-o"]).arg(&program).arg("main.go").current_dir(sources);
    command.env("GO111MODULE", "off").env("GOFLAGS", "").env("GOPATH", "/usr/share/gocode");
    command.env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-build"));
    let built = process::run(&mut command, Duration::from_mins(5)).unwrap();
    assert!(built.status.success(), "{}", built.stderr);
    Some(program)
}

#[test]
fn the_go_projects_own_packages_prove_the_receipts_and_see_a_changed_one() {
    let dir = tempfile::tempdir().unwrap();
    let Some(verifier) = go_verifier(dir.path()) else { return };
    let (page, case, _) = scene();
    let answer = page.browser(Role::Viewer).post(&format!("/cases/{}/evidence", case.id), &[]);
    let files = unpacked(&answer.bytes);
    lay_out(&files, dir.path());
    let key = String::from_utf8(files["record/key"].clone()).unwrap();
    let check = || {
        let mut command = process::command(&verifier);
        command.arg("-receipts").arg(dir.path().join("record/receipts")).arg(key.trim());
        process::run(&mut command, Duration::from_secs(20)).unwrap()
    };
    let output = check();
    assert!(output.status.success(), "{}", output.stderr);
    assert_eq!(output.stdout, "receipts proved: 4\n");
    let path = dir.path().join("record/receipts/000000008.json");
    let changed = std::fs::read_to_string(&path).unwrap().replace("done", "gone");
    std::fs::write(&path, changed).unwrap();
    assert!(!check().status.success(), "a changed receipt went unnoticed");
}

#[test]
fn a_record_that_was_changed_is_left_out_and_said() {
    let (page, case, _) = scene();
    page.fake.lies.store(true, std::sync::atomic::Ordering::SeqCst);
    let answer = page.browser(Role::Viewer).post(&format!("/cases/{}/evidence", case.id), &[]);
    let files = unpacked(&answer.bytes);
    let manifest: Value = serde_json::from_slice(&files["MANIFEST.json"]).unwrap();
    let why = manifest["left_out"][0]["why"].as_str().unwrap();
    assert!(why.contains("does NOT give the root"), "{manifest}");
    assert!(!files.keys().any(|name| name.starts_with("record/")));
}

#[test]
fn no_secret_of_the_page_is_in_it() {
    let (page, case, _) = scene();
    let settings = Settings {
        mail_password: Secret("a-mail-password-nobody-guesses".into()),
        webhook_key: Secret("a-webhook-key-nobody-guesses".into()),
        ..Settings::default()
    };
    page.hub.db.set(NAME, &settings).unwrap();
    let viewer = page.browser(Role::Viewer);
    let cookie = viewer.cookie.clone().unwrap();
    let link = page.hub.sign_in_link().unwrap();
    let answer = viewer.post(&format!("/cases/{}/evidence", case.id), &[]);
    for (name, content) in unpacked(&answer.bytes) {
        let text = String::from_utf8_lossy(&content).into_owned();
        let secrets = [
            "nobody-guesses",
            &cookie,
            &hub::db::hash_of(&cookie),
            link.rsplit('/').next().unwrap(),
        ];
        for secret in secrets {
            assert!(!text.contains(secret), "{name} holds {secret}");
        }
    }
}
