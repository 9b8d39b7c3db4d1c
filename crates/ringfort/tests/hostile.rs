//! A stranger at the executor's socket: forged, replayed, expired, altered and misdirected plans
//! and approvals. Whatever the replies say, the proof is on disk: the file that every plan aims at
//! must still be there, and every request must have left a receipt.
//!
//! Needs root (the executor does). `RINGFORT_TEST_HOSTILE` sets the number of requests.
#![expect(clippy::disallowed_methods, reason = "the test starts the real executor")]

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use spine::{Author, Plan, Step};

const REQUESTS_DEFAULT: u32 = 2_000;

struct Executor {
    child: Child,
    socket: PathBuf,
    data: tempfile::TempDir,
}

impl Executor {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let socket = data.path().join("run/exec.sock");
        let child = Command::new(env!("CARGO_BIN_EXE_ringfort"))
            .args(["exec", "--data-dir"])
            .arg(data.path())
            .arg("--listen")
            .arg(&socket)
            .env("RINGFORT_CONFIG", empty_config(data.path()))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while UnixStream::connect(&socket).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the executor did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, socket, data }
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    fn verify(&self) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_ringfort"))
            .args(["verify", "--json", "--data-dir"])
            .arg(self.data.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn empty_config(dir: &Path) -> PathBuf {
    let path = dir.join("ringfort.toml");
    std::fs::write(&path, "").unwrap();
    path
}

fn frame(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length, bytes].concat()
}

/// Sends one frame and reads messages until the reply; `None` if the executor hung up.
fn ask(stream: &mut UnixStream, bytes: &[u8]) -> Option<Value> {
    stream.write_all(&frame(bytes)).ok()?;
    loop {
        let mut header = [0; 4];
        stream.read_exact(&mut header).ok()?;
        let mut body = vec![0; u32::from_be_bytes(header) as usize];
        stream.read_exact(&mut body).ok()?;
        let message: Value = serde_json::from_slice(&body).unwrap();
        if message["say"] == "reply" {
            return Some(message);
        }
    }
}

struct Scene {
    host: spine::HostId,
    root: PathBuf,
    victim: PathBuf,
    owner: SigningKey,
    stranger: SigningKey,
}

impl Scene {
    fn plan(&self, now_ms: i64, salt: u32) -> Plan {
        let params = json!({ "path": "/srv/victim" });
        Plan {
            schema: 1,
            host: self.host,
            root: self.root.display().to_string(),
            case: None,
            author: Author::Human,
            purpose: "move the victim away".into(),
            steps: vec![Step {
                actuator: "file.quarantine".into(),
                params: params.as_object().unwrap().clone(),
            }],
            evidence: vec![],
            ring: None,
            created_ms: now_ms,
            nonce: format!("{salt:032x}"),
        }
    }
}

/// An approval as JSON, signed by `key` over what it says (or over something else).
fn approval(
    plan: &Plan,
    key: &SigningKey,
    now_ms: i64,
    salt: u32,
    change: &dyn Fn(&mut Value),
) -> Value {
    let public = key.verifying_key().to_bytes();
    let mut fields = json!({
        "plan": plan.hash().unwrap().to_string(),
        "host": plan.host.to_string(),
        "approver": hex::encode(Sha256::digest(public)),
        "window": { "when": "now" },
        "break_glass": false,
        "signed_ms": now_ms,
        "nonce": format!("{salt:032x}"),
    });
    change(&mut fields);
    let mut message = b"ringfort/approval/v1\n".to_vec();
    message.extend(spine::canonical_json(&fields).unwrap());
    let signature = hex::encode(key.sign(&message).to_bytes());
    fields["proof"] = json!({ "scheme": "ed25519", "signature": signature });
    fields
}

fn run(plan: &impl serde::Serialize, approvals: &[Value]) -> Vec<u8> {
    serde_json::to_vec(&json!({ "op": "run", "plan": plan, "approvals": approvals })).unwrap()
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// The `kind`-th forgery. Each is a request that a good signer's machine would never send.
/// Every second round asks the executor to keep the same for later, where the signature is not
/// one that is good later.
fn forgery(scene: &Scene, kind: u32, salt: u32) -> Vec<u8> {
    let request = forged_run(scene, kind, salt);
    let good_later = [6, 7, 11].contains(&kind);
    if (salt / KINDS).is_multiple_of(2) || good_later {
        return request;
    }
    let text = String::from_utf8(request).unwrap();
    text.replacen("\"op\":\"run\"", "\"op\":\"hold\"", 1).into_bytes()
}

fn forged_run(scene: &Scene, kind: u32, salt: u32) -> Vec<u8> {
    let now = now_ms();
    let plan = scene.plan(now, salt);
    let same = |_: &mut Value| ();
    let good = |change: &dyn Fn(&mut Value)| approval(&plan, &scene.owner, now, salt, change);
    match kind {
        0 => run(&plan, &[]),
        1 => run(&plan, &[approval(&plan, &scene.stranger, now, salt, &same)]),
        2 => {
            let mut forged = good(&same);
            let mut signature = forged["proof"]["signature"].as_str().unwrap().to_owned();
            let at = (salt % 128) as usize;
            let other = if &signature[at..=at] == "0" { "1" } else { "0" };
            signature.replace_range(at..=at, other);
            forged["proof"]["signature"] = json!(signature);
            run(&plan, &[forged])
        }
        3 => {
            let other = scene.plan(now, salt + 1_000_000);
            run(&plan, &[approval(&other, &scene.owner, now, salt, &same)])
        }
        4 => run(&plan, &[good(&|a| a["host"] = json!("ab".repeat(32)))]),
        5 => run(&plan, &[good(&|a| a["signed_ms"] = json!(now - 16 * 60 * 1_000))]),
        6 => run(&plan, &[good(&|a| a["signed_ms"] = json!(now + 3_600_000))]),
        7 => run(
            &plan,
            &[good(&|a| {
                a["window"] = json!({
                    "when": "scheduled", "not_before_ms": now + 60_000, "not_after_ms": now + 120_000,
                });
            })],
        ),
        8 => {
            let signed = good(&same);
            let mut altered = plan.clone();
            altered.purpose.push_str(" and more");
            run(&altered, &[signed])
        }
        9 => {
            let mut misdirected = plan.clone();
            misdirected.host = spine::HostId(spine::Digest([salt.to_le_bytes()[0]; 32]));
            run(&misdirected, &[approval(&misdirected, &scene.owner, now, salt, &same)])
        }
        10 => {
            let signed = good(&same);
            let mut claimed = signed.clone();
            claimed["break_glass"] = json!(true);
            run(&plan, &[claimed])
        }
        11 => run(&plan, &[good(&|a| a["break_glass"] = json!(true))]),
        12 => {
            let mut signed = good(&same);
            signed["approver"] =
                json!(hex::encode(Sha256::digest(scene.stranger.verifying_key().to_bytes())));
            run(&plan, &[signed])
        }
        13 => {
            let mut old = scene.plan(now - 9 * 24 * 3_600 * 1_000, salt);
            old.purpose = "an old plan".into();
            run(&old, &[approval(&old, &scene.owner, now, salt, &same)])
        }
        _ => forged_shape(scene, &plan, kind, salt),
    }
}

/// Requests whose shape is wrong, and requests that are not about plans.
fn forged_shape(scene: &Scene, plan: &Plan, kind: u32, salt: u32) -> Vec<u8> {
    let now = plan.created_ms;
    let good = |change: &dyn Fn(&mut Value)| approval(plan, &scene.owner, now, salt, change);
    let same = |_: &mut Value| ();
    match kind {
        14 => {
            let mut unknown = plan.clone();
            unknown.steps[0].actuator = "shell.run".into();
            run(&unknown, &[approval(&unknown, &scene.owner, now, salt, &same)])
        }
        15 => {
            let mut traversal = plan.clone();
            traversal.root = format!("{}/../../", traversal.root);
            run(&traversal, &[])
        }
        16 => {
            let mut extra = serde_json::to_value(plan).unwrap();
            extra["approved"] = json!(true);
            run(&extra, &[good(&same)])
        }
        17 => {
            let mut extra = plan.clone();
            extra.steps[0].params.insert("force".into(), json!(true));
            run(&extra, &[approval(&extra, &scene.owner, now, salt, &same)])
        }
        18 => run(plan, &[good(&|a| a["nonce"] = json!("not a nonce"))]),
        19 => b"{\"op\":\"run\",\"plan\":".to_vec(),
        20 => br#"{"op":"enrol","public":"00","person":"me","consent":null}"#.to_vec(),
        21 => {
            let public = hex::encode(scene.stranger.verifying_key().to_bytes());
            serde_json::to_vec(&json!({
                "op": "enrol", "public": public, "person": "stranger", "consent": null,
            }))
            .unwrap()
        }
        22 => {
            serde_json::to_vec(&json!({ "op": "withdraw", "plan": plan.hash().unwrap() })).unwrap()
        }
        23 => serde_json::to_vec(&json!({
            "op": "feeds",
            "feeds": [{ "feed": "../kev", "sha256": "00".repeat(32), "as_of_ms": now }],
        }))
        .unwrap(),
        _ => serde_json::to_vec(&json!({
            "op": "resume",
            "consent": {
                "key": hex::encode(Sha256::digest(scene.owner.verifying_key().to_bytes())),
                "signed_ms": now, "signature": "00".repeat(64),
            },
        }))
        .unwrap(),
    }
}

const KINDS: u32 = 25;

fn scene(executor: &Executor) -> Scene {
    let owner = SigningKey::from_bytes(&[7; 32]);
    let stranger = SigningKey::from_bytes(&[8; 32]);
    let mut stream = executor.connect();
    let hello = ask(&mut stream, br#"{"op":"hello"}"#).unwrap();
    let host = hello["host"].as_str().unwrap().parse().unwrap();
    let public = hex::encode(owner.verifying_key().to_bytes());
    let enrol = json!({ "op": "enrol", "public": public, "person": "owner", "consent": null });
    let reply = ask(&mut stream, &serde_json::to_vec(&enrol).unwrap()).unwrap();
    assert_eq!(reply["reply"], "done", "{reply}");
    let root = executor.data.path().join("root");
    let victim = root.join("srv/victim");
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::create_dir_all(root.join("srv")).unwrap();
    std::fs::write(root.join("etc/os-release"), "ID=debian\nVERSION_ID=12\n").unwrap();
    std::fs::write(&victim, "still here").unwrap();
    Scene { host, root, victim, owner, stranger }
}

fn skip() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("SKIPPED: the executor needs root");
    }
    !root
}

#[test]
fn no_forged_request_is_carried_out_and_each_leaves_a_record() {
    if skip() {
        return;
    }
    let count = std::env::var("RINGFORT_TEST_HOSTILE")
        .map_or(REQUESTS_DEFAULT, |text| text.parse().expect("a number of requests"));
    let executor = Executor::start();
    let scene = scene(&executor);
    let before = executor.verify()["receipts"].as_u64().unwrap();
    let mut stream = executor.connect();
    let mut answered = 0;
    for i in 0..count {
        let request = forgery(&scene, i % KINDS, i);
        match ask(&mut stream, &request) {
            Some(reply) => {
                answered += 1;
                assert!(
                    reply["reply"] == "refused"
                        || (reply["reply"] == "decided" && reply["decision"]["verdict"] != "allow"),
                    "kind {}: {reply}",
                    i % KINDS
                );
            }
            None => stream = executor.connect(),
        }
        assert!(scene.victim.exists(), "request {i} of kind {} was carried out", i % KINDS);
    }
    assert_eq!(answered, count);
    let story = executor.verify();
    let added = story["receipts"].as_u64().unwrap() - before;
    assert_eq!(added, u64::from(count), "each request leaves one receipt");
    assert_eq!(story["story"]["kinds"]["intent"], Value::Null, "nothing was even begun");
    println!("{count} hostile requests, 0 carried out, {added} receipts");
}

#[test]
fn a_good_approval_works_once_and_its_replay_does_nothing() {
    if skip() {
        return;
    }
    let executor = Executor::start();
    let scene = scene(&executor);
    let now = now_ms();
    let plan = scene.plan(now, 1);
    let signed = approval(&plan, &scene.owner, now, 1, &|_| ());
    let request = run(&plan, std::slice::from_ref(&signed));
    let mut stream = executor.connect();
    let reply = ask(&mut stream, &request).unwrap();
    assert_eq!(reply["reply"], "ran", "{reply}");
    assert!(!scene.victim.exists(), "the approved plan was carried out");
    std::fs::write(&scene.victim, "a new file").unwrap();
    for _ in 0..50 {
        let reply = ask(&mut stream, &request).unwrap();
        assert_eq!(reply["reply"], "refused", "{reply}");
        let other = scene.plan(now, 2);
        let reply = ask(&mut stream, &run(&other, std::slice::from_ref(&signed))).unwrap();
        assert_ne!(reply["reply"], "ran", "{reply}");
    }
    assert!(scene.victim.exists());
}

#[test]
fn cut_frames_and_wild_lengths_do_not_stop_the_executor() {
    if skip() {
        return;
    }
    let executor = Executor::start();
    for bytes in [&[0xff_u8; 4][..], &[0, 0, 0, 9, b'{'][..], &[0, 0][..], &[0, 0, 0, 0][..]] {
        let mut stream = executor.connect();
        stream.write_all(bytes).unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    let reply = ask(&mut executor.connect(), br#"{"op":"hello"}"#).unwrap();
    assert_eq!(reply["reply"], "hello");
}
