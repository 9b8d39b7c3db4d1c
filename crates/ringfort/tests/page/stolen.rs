//! The page is stolen: its process, its database and every key in it are in the attacker's hands.
//! Whatever is tried, the machine does nothing.
//!
//! The proof is on disk, not in replies: the file that every plan aims at must still be there, and
//! the record must hold no intent.

use std::os::unix::net::UnixStream;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use spine::{Approval, ApprovalProof, ApprovalWindow, Assertion, Plan};

use super::scene::{Scene, ask, is_root, now_ms};

const ORIGIN: &str = "http://localhost:7117";
const ATTEMPTS: u32 = 1_000;

/// A passkey in somebody's hand.
struct Passkey {
    key: SigningKey,
    credential: &'static str,
}

impl Passkey {
    fn new(seed: u8, credential: &'static str) -> Self {
        Self { key: SigningKey::from_slice(&[seed; 32]).unwrap(), credential }
    }

    fn public(&self) -> String {
        hex::encode(self.key.verifying_key().to_encoded_point(false).as_bytes())
    }

    fn id(&self) -> spine::KeyId {
        let raw = hex::decode(self.public()).unwrap();
        spine::KeyId(spine::Digest(Sha256::digest(raw).into()))
    }

    fn enrol(&self, person: &str, consent: Value) -> Value {
        json!({
            "op": "enrol", "public": self.public(), "person": person, "consent": consent,
            "passkey": { "credential": self.credential, "rp_id": "localhost", "origin": ORIGIN,
                "counter": 0 },
        })
    }

    /// What its authenticator answers to a challenge, on a page that says it is `origin`.
    fn answers(&self, challenge: &[u8; 32], origin: &str, flags: u8) -> Assertion {
        let client = json!({
            "type": "webauthn.get", "challenge": URL_SAFE_NO_PAD.encode(challenge),
            "origin": origin, "crossOrigin": false,
        })
        .to_string();
        let mut data = Sha256::digest(b"localhost").to_vec();
        data.extend([flags, 0, 0, 0, 0]);
        let message = [data.as_slice(), &Sha256::digest(&client)].concat();
        let signature: Signature = self.key.sign(&message);
        Assertion {
            authenticator_data: hex::encode(data),
            client_data: hex::encode(client),
            signature: hex::encode(signature.to_der()),
        }
    }

    fn approves(&self, plan: &Plan, salt: u32) -> Approval {
        let mut approval = Approval {
            plan: plan.hash().unwrap(),
            host: plan.host,
            approver: self.id(),
            window: ApprovalWindow::Now,
            break_glass: false,
            signed_ms: now_ms(),
            nonce: format!("{salt:032x}"),
            proof: ApprovalProof::Ed25519 { signature: String::new() },
        };
        let assertion = self.answers(&approval.challenge().unwrap(), ORIGIN, 0b101);
        approval.proof = ApprovalProof::Webauthn { assertion };
        approval
    }
}

fn run(plan: &Plan, approvals: &[&Approval]) -> Value {
    json!({ "op": "run", "plan": plan, "approvals": approvals })
}

/// A scene in which the owner's passkey is enrolled and was used once.
fn enrolled() -> (Scene, Passkey, Plan, Approval) {
    let scene = Scene::start();
    let owner = Passkey::new(7, "0a0b");
    let reply = scene.ask(&owner.enrol("owner", Value::Null));
    assert_eq!(reply["reply"], "done", "{reply}");
    let plan = scene.plan(1);
    let approval = owner.approves(&plan, 1);
    let reply = scene.ask(&run(&plan, &[&approval]));
    assert_eq!(reply["reply"], "ran", "{reply}");
    assert!(!scene.victim().exists(), "a passkey's approval works");
    scene.put_victim();
    (scene, owner, plan, approval)
}

fn intents(scene: &Scene) -> u64 {
    let output = scene.run(&["verify", "--json"]);
    let story: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(story["verified"], true, "{story}");
    story["story"]["kinds"]["intent"].as_u64().unwrap_or(0)
}

#[test]
fn a_replayed_assertion_is_refused() {
    if !is_root() {
        return;
    }
    let (scene, _, plan, approval) = enrolled();
    let before = intents(&scene);
    for salt in 2..52 {
        let reply = scene.ask(&run(&plan, &[&approval]));
        assert_eq!(reply["reply"], "refused", "{reply}");
        // For another plan, under a new nonce, for later: the challenge is another one each time.
        let other = scene.plan(salt);
        let hash = other.hash().unwrap();
        let moved = Approval { plan: hash, ..approval.clone() };
        let renewed = Approval { nonce: format!("{salt:032x}"), ..moved.clone() };
        let later = Approval { signed_ms: approval.signed_ms + 1, ..renewed.clone() };
        for replay in [&approval, &moved, &renewed, &later] {
            let reply = scene.ask(&run(&other, &[replay]));
            assert_ne!(reply["reply"], "ran", "{reply}");
        }
    }
    assert!(scene.victim().exists());
    assert_eq!(intents(&scene), before);
}

#[test]
fn with_everything_that_the_page_has_a_thousand_attempts_do_nothing() {
    if !is_root() {
        return;
    }
    let (scene, owner, used_plan, used) = enrolled();
    let before = intents(&scene);
    let mut stream = scene.connect();
    for salt in 0..ATTEMPTS {
        let request = attempt(&scene, &owner, (&used_plan, &used), salt + 1_000);
        let reply = ask(&mut stream, &request);
        let allowed = reply["reply"] == "ran"
            || reply["reply"] == "done"
            || (reply["reply"] == "decided" && reply["decision"]["verdict"] == "allow");
        assert!(!allowed, "attempt {salt}: {reply}");
        assert!(scene.victim().exists(), "attempt {salt} was carried out");
    }
    assert_eq!(intents(&scene), before, "nothing was even begun");
    println!("{ATTEMPTS} attempts with a stolen page, 0 acts");
}

/// The `n`-th attempt. The attacker has a passkey of their own (registered on the page, as admin),
/// everything that was ever handed in, and can have the owner's *browser* sign anything but a
/// challenge of the attacker's choosing on the real origin: the owner's device shows the page's own
/// name, and the owner approves only what they mean to.
fn attempt(scene: &Scene, owner: &Passkey, (used_plan, used): (&Plan, &Approval), n: u32) -> Value {
    let thief = Passkey::new(8, "0c0d");
    let plan = scene.plan(n);
    let own = thief.approves(&plan, n);
    let as_owner = Approval { approver: owner.id(), ..own.clone() };
    let challenge = as_owner.challenge().unwrap();
    let assertion =
        |assertion| Approval { proof: ApprovalProof::Webauthn { assertion }, ..as_owner.clone() };
    match n % 16 {
        0 => run(&plan, &[]),
        1 => run(&plan, &[&own]),
        2 => run(&plan, &[&as_owner]),
        3 => run(&plan, &[used]),
        4 => run(used_plan, &[used]),
        // The owner's passkey, phished: another page, nobody there, or nobody verified.
        5 => run(&plan, &[&assertion(owner.answers(&challenge, "https://evil.example", 0b101))]),
        6 => run(&plan, &[&assertion(owner.answers(&challenge, ORIGIN, 0b001))]),
        7 => run(&plan, &[&assertion(owner.answers(&challenge, ORIGIN, 0b100))]),
        // The owner signed in to the page: a random challenge.
        8 => run(&plan, &[&assertion(owner.answers(&[n.to_le_bytes()[0]; 32], ORIGIN, 0b101))]),
        // The raw signature scheme with the passkey's key.
        9 => {
            let signature: Signature = thief.key.sign(&as_owner.signed_bytes().unwrap());
            let signature = hex::encode(signature.to_bytes());
            let proof = ApprovalProof::Ed25519 { signature };
            run(&plan, &[&Approval { proof, ..as_owner.clone() }])
        }
        10 => thief.enrol("owner", Value::Null),
        11 => {
            let to = format!("enrol {} owner", thief.public());
            thief.enrol("owner", consent(scene, &thief, owner, &to))
        }
        12 => json!({ "op": "resume", "consent": consent(scene, &thief, owner, "resume") }),
        // Breaking the glass, and a window that stays open.
        13 => {
            let mut broken = Approval { break_glass: true, ..as_owner.clone() };
            broken.signed_ms -= 31 * 60 * 1_000;
            run(&plan, &[&broken, &own])
        }
        14 => {
            let end = now_ms() + 60 * 24 * 3_600 * 1_000;
            let window =
                ApprovalWindow::Scheduled { not_before_ms: now_ms() - 1, not_after_ms: end };
            run(&plan, &[&Approval { window, ..used.clone() }])
        }
        // Poses as the agent, with a plan that says of itself what it likes.
        _ => {
            let mut posing = serde_json::to_value(&plan).unwrap();
            posing["author"] = json!("agent");
            json!({ "op": "run", "plan": posing, "approvals": [own, as_owner] })
        }
    }
}

/// A consent in the owner's name that the thief signed.
fn consent(scene: &Scene, thief: &Passkey, owner: &Passkey, to: &str) -> Value {
    let signed_ms = now_ms();
    let mut bytes = b"ringfort/consent/v1\n".to_vec();
    bytes.extend(format!("{}\n{to}\n{signed_ms}\n", scene.host).into_bytes());
    let assertion = thief.answers(&Sha256::digest(bytes).into(), ORIGIN, 0b101);
    json!({ "key": owner.id(), "signed_ms": signed_ms, "signature": "", "assertion": assertion })
}

#[test]
fn a_second_passkey_needs_the_consent_of_the_first() {
    if !is_root() {
        return;
    }
    let (scene, owner, ..) = enrolled();
    let second = Passkey::new(9, "0e0f");
    let to = format!("enrol {} Ben", second.public());
    let consented = consent(&scene, &owner, &owner, &to);
    let mut stream: UnixStream = scene.connect();
    let other_name = ask(&mut stream, &second.enrol("Bob", consented.clone()));
    assert_eq!(other_name["reply"], "refused", "{other_name}");
    let reply = ask(&mut stream, &second.enrol("Ben", consented));
    assert_eq!(reply["reply"], "done", "{reply}");
    let plan = scene.plan(77);
    let reply = ask(&mut stream, &run(&plan, &[&second.approves(&plan, 77)]));
    assert_eq!(reply["reply"], "ran", "{reply}");
}
