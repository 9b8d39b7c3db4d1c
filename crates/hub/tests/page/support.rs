//! A page with a made-up executor, and a client that speaks to its router.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, header};
use hub::db::{Session, User, hash_of};
use hub::executor::{
    Away, Consent, Contained, Done, Executor, Held, Key, Prepared, Ran, Receipts, Say, Seen,
    Standing, Suspect, Waits,
};
use hub::role::Role;
use hub::{Hub, HubConfig};
use serde_json::json;
use spine::{
    Approval, Author, Case, CaseState, Clock, Decision, Digest, HostId, Plan, PlanHash, Priority,
    Rng, Step, Verdict,
};
use store::{HostRecord, SqliteState, State as _};
use tower::ServiceExt as _;

pub const HOST: HostId = HostId(Digest([7; 32]));
pub const ORIGIN: &str = "http://localhost:7117";

/// A clock that a test moves.
pub struct Time(pub AtomicI64);

impl Clock for Time {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.now_ms()).unwrap()
    }
}

/// Chance that does not repeat itself.
pub struct Chance(AtomicU64);

impl Rng for Chance {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let n = self.0.fetch_add(1, Ordering::SeqCst);
            let bytes = hex::decode(hash_of(&n.to_string())).unwrap();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

/// An executor that says what the test wants and counts what it was asked to carry out.
#[derive(Default)]
pub struct Fake {
    pub carried_out: AtomicU32,
    pub approvals: Mutex<Vec<Approval>>,
    pub stopped: Mutex<Option<String>>,
    /// The keys that it takes.
    pub keys: Mutex<Vec<Key>>,
    /// How many people it says that a plan needs; 0: one.
    pub humans: AtomicU32,
    /// What was done on its machine.
    pub done: Mutex<Vec<Done>>,
    /// What runs on its machine.
    pub seen: Mutex<Seen>,
    /// What was looked for last.
    pub asked: Mutex<(Vec<Suspect>, Vec<IpAddr>)>,
    /// Steps of a containment that its machine refuses, by their actuator.
    pub refuses: Mutex<Vec<&'static str>>,
    /// What waits for a later time.
    pub waits: Mutex<Vec<Waits>>,
    /// Its record: the leaves.
    pub record: Mutex<Vec<String>>,
    /// Whether it gives out other leaves than the ones that it signed.
    pub lies: AtomicBool,
}

/// The key that signs the record of a [`Fake`].
pub fn signer() -> ledger::Signer {
    ledger::Signer::from_seed("ringfort/test", &[5; 32]).unwrap()
}

impl Executor for Fake {
    fn standing(&self) -> Result<Standing, Away> {
        Ok(Standing {
            version: "0".into(),
            host: HOST,
            keys: self.keys.lock().unwrap().clone(),
            stopped: self.stopped.lock().unwrap().is_some(),
            healthy: true,
            autonomy_level: 1,
            receipts: self.record.lock().unwrap().len() as u64,
            record_key: signer().verifier().to_string(),
        })
    }
    fn decide(&self, plan: &Plan, _: &[Approval]) -> Result<Decision, Away> {
        Ok(Decision {
            plan: plan.hash().unwrap(),
            verdict: Verdict::NeedsApproval {
                humans: u8::try_from(self.humans.load(Ordering::SeqCst)).unwrap().max(1),
            },
            rules: vec![],
            reasons: vec![],
            approvers: vec![],
            decided_ms: 0,
        })
    }
    fn actions(&self) -> Result<Vec<Done>, Away> {
        Ok(self.done.lock().unwrap().clone())
    }
    fn receipts(&self, from: u64, count: u32) -> Result<Receipts, Away> {
        let leaves = self.record.lock().unwrap();
        let hashes = leaves.iter().map(|leaf| ledger::leaf_hash(leaf.as_bytes())).collect();
        let tree = ledger::Tree::over(hashes);
        let (origin, size, root) = ("ringfort/test".to_owned(), tree.size(), tree.root());
        let checkpoint = ledger::Checkpoint { origin, size, root }.sign(&signer());
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let lies = self.lies.load(Ordering::SeqCst);
        let told = |leaf: &String| if lies { leaf.replace("done", "gone") } else { leaf.clone() };
        let leaves = leaves.iter().skip(from).take(count as usize).map(told).collect();
        Ok(Receipts { size, checkpoint, leaves })
    }
    fn stop(&self, reason: &str) -> Result<String, Away> {
        *self.stopped.lock().unwrap() = Some(reason.to_owned());
        Ok("stopped".into())
    }
    fn consent_bytes(&self, _: HostId, to: &str, _: i64) -> Vec<u8> {
        to.as_bytes().to_vec()
    }
    fn resume(&self, _: &Consent) -> Result<String, Away> {
        Err(Away::Refused("no".into()))
    }
    fn prepare(&self, _: &Case, say: Say<'_>) -> Result<Prepared, Away> {
        say("looking");
        Ok(Prepared { plan: plan(), dry_run: json!({ "passed": true, "rollback_verified": true }) })
    }
    fn prepare_undo(&self, action: &Done) -> Result<Prepared, Away> {
        let params = json!({ "action": action.id }).as_object().unwrap().clone();
        let steps = vec![Step { actuator: "roll_back".into(), params }];
        Ok(Prepared { plan: Plan { steps, ..plan() }, dry_run: serde_json::Value::Null })
    }
    fn hold(&self, plan: &Plan, approvals: &[Approval]) -> Result<Held, Away> {
        let (opens_ms, closes_ms) = approvals.last().unwrap().validity_ms().unwrap();
        self.waits.lock().unwrap().push(Waits {
            plan: plan.hash().unwrap(),
            purpose: plan.purpose.clone(),
            opens_ms,
            closes_ms,
            break_glass: approvals.iter().any(|approval| approval.break_glass),
            last_try: None,
        });
        Ok(Held::Waits { opens_ms })
    }
    fn waiting(&self) -> Result<Vec<Waits>, Away> {
        Ok(self.waits.lock().unwrap().clone())
    }
    fn withdraw(&self, plan: PlanHash) -> Result<String, Away> {
        let mut waits = self.waits.lock().unwrap();
        let before = waits.len();
        waits.retain(|waits| waits.plan != plan);
        if waits.len() < before {
            return Ok("it waits no longer".into());
        }
        Err(Away::Refused("this plan does not wait".into()))
    }
    fn look(&self, suspects: &[Suspect], addresses: &[IpAddr]) -> Result<Seen, Away> {
        *self.asked.lock().unwrap() = (suspects.to_vec(), addresses.to_vec());
        Ok(self.seen.lock().unwrap().clone())
    }
    fn prepare_containment(
        &self,
        case: &Case,
        purpose: &str,
        steps: &[Step],
        say: Say<'_>,
    ) -> Result<Contained, Away> {
        say("trying");
        let refuses = self.refuses.lock().unwrap();
        let refused = |step: &&Step| refuses.contains(&step.actuator.as_str());
        let good: Vec<Step> = steps.iter().filter(|step| !refused(step)).cloned().collect();
        let bad = steps.iter().enumerate().filter(|(_, step)| refused(step));
        let refused = bad.map(|(index, _)| (index, "it is the gateway".to_owned())).collect();
        let prepared = (!good.is_empty()).then(|| Prepared {
            plan: Plan {
                steps: good,
                case: Some(case.id),
                purpose: purpose.to_owned(),
                host: case.host,
                ..plan()
            },
            dry_run: json!({ "passed": true, "rollback_verified": true, "problems": [] }),
        });
        Ok(Contained { prepared, refused })
    }
    fn carry_out(&self, plan: &Plan, approvals: &[Approval], _: Say<'_>) -> Result<Ran, Away> {
        self.carried_out.fetch_add(1, Ordering::SeqCst);
        self.approvals.lock().unwrap().extend_from_slice(approvals);
        Ok(Ran::NotAllowed(self.decide(plan, approvals)?))
    }
}

pub fn plan() -> Plan {
    Plan {
        schema: 1,
        host: HOST,
        root: "/".into(),
        case: None,
        author: Author::Human,
        purpose: "upgrade rsync".into(),
        steps: vec![Step { actuator: "apt.upgrade".into(), params: serde_json::Map::new() }],
        evidence: vec![],
        ring: None,
        created_ms: 1_000,
        nonce: "0".repeat(32),
    }
}

pub fn case(subject: &str, priority: Priority) -> Case {
    Case {
        id: Case::identity(HOST, "patch", subject).unwrap(),
        host: HOST,
        kind: "patch".into(),
        subject: subject.into(),
        title: format!("{subject} has a pending security fix"),
        priority,
        state: CaseState::Open,
        owner: None,
        findings: vec![],
        ids: vec!["CVE-2024-12084".into()],
        explanation: vec!["It listens on every address.".into()],
        created_ms: 1_000_000,
        updated_ms: 1_000_000,
    }
}

/// A case of behaviour, and what the detectors say of it.
pub fn behaviour(state: &SqliteState, detected: &serde_json::Value) -> Case {
    let subject = "00112233445566ff";
    let case = Case {
        id: Case::identity(HOST, "behaviour", subject).unwrap(),
        kind: "behaviour".into(),
        title: "A program from a folder of anybody's on reception-pc".into(),
        ids: vec!["T1059".into()],
        ..case(subject, Priority::Immediate)
    };
    state.put_case(&case).unwrap();
    state.put_doc("detected", subject, detected).unwrap();
    case
}

/// What was detected: a program, an address, an account.
pub fn detected() -> serde_json::Value {
    json!({
        "spans": [{ "host": "reception-pc", "from_ms": NOW_MS - 3_600_000, "to_ms": NOW_MS }],
        "timeline": [{ "time_ms": NOW_MS - 60_000, "host": "reception-pc",
            "text": "program: /tmp/<b>miner" }],
        "events": [
            { "class_uid": 1007, "time_ms": NOW_MS - 60_000, "host": "reception-pc", "raw": "{}",
              "text": "program", "entities": [{ "kind": "file", "name": "/tmp/<b>miner" },
                { "kind": "user", "name": "ann" }] },
            { "class_uid": 4001, "time_ms": NOW_MS - 50_000, "host": "reception-pc", "raw": "{}",
              "text": "destination", "entities": [{ "kind": "address", "name": "203.0.113.9" }] },
        ],
    })
}

/// A page on a folder of its own.
pub struct Page {
    pub hub: Arc<Hub>,
    pub fake: Arc<Fake>,
    pub time: Arc<Time>,
    _dir: tempfile::TempDir,
}

/// A morning in 2026.
pub const NOW_MS: i64 = 1_780_000_000_000;

impl Page {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (hub, fake, time) = open(dir.path());
        Self { hub, fake, time, _dir: dir }
    }

    pub fn with(cases: &[Case]) -> Self {
        let page = Self::new();
        let state = SqliteState::open(&page.hub.config.state_db).unwrap();
        let record = HostRecord {
            host: HOST,
            name: "reception-pc".into(),
            root: "/".into(),
            os: "Debian GNU/Linux 12".into(),
            last_seen_ms: NOW_MS - 1,
            coverage: json!({ "unknown": [] }),
        };
        state.put_host(&record).unwrap();
        for case in cases {
            state.put_case(case).unwrap();
        }
        page
    }

    /// The state that the page reads.
    pub fn state(&self) -> SqliteState {
        SqliteState::open(&self.hub.config.state_db).unwrap()
    }

    /// Waits until the job that an answer leads to has ended.
    pub fn ended(&self, answer: &Answer) -> hub::jobs::Progress {
        let path = answer.header("location");
        let id = path.strip_prefix("/jobs/").unwrap_or_else(|| panic!("{}", answer.text));
        let job = self.hub.jobs.get(id.parse().unwrap()).unwrap();
        for _ in 0..2_000 {
            if job.progress().end.is_some() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        job.progress()
    }

    /// A signed-in browser of somebody with this role.
    pub fn browser(&self, role: Role) -> Browser<'_> {
        let secret = self.hub.secret();
        let id: String = secret.chars().take(16).collect();
        let user = User {
            id: id.clone(),
            name: format!("{role} {id}"),
            role,
            password: None,
            created_ms: NOW_MS,
        };
        assert!(self.hub.db.add_user(&user).unwrap());
        self.hub
            .db
            .add_session(&Session {
                hash: hash_of(&secret),
                user: id.clone(),
                method: "password".into(),
                created_ms: NOW_MS,
                seen_ms: NOW_MS,
                expires_ms: NOW_MS + 12 * 3_600_000,
                address: "127.0.0.1".into(),
                agent: "test".into(),
            })
            .unwrap();
        Browser { page: self, cookie: Some(secret), user: id }
    }

    pub fn stranger(&self) -> Browser<'_> {
        Browser { page: self, cookie: None, user: String::new() }
    }
}

pub fn open(dir: &Path) -> (Arc<Hub>, Arc<Fake>, Arc<Time>) {
    let config = HubConfig {
        state_db: dir.join("state.db"),
        dir: dir.join("hub"),
        listen: "127.0.0.1:7117".parse().unwrap(),
        name: "localhost".into(),
        tls: None,
        site: spine::SiteConfig::default(),
        machines: None,
    };
    let fake = Arc::new(Fake::default());
    let time = Arc::new(Time(AtomicI64::new(NOW_MS)));
    let rim = (Arc::clone(&time) as Arc<dyn Clock>, Arc::new(Chance(AtomicU64::new(0))) as Arc<_>);
    let hub = Hub::open(config, ORIGIN.into(), Arc::clone(&fake) as Arc<_>, rim).unwrap();
    (Arc::new(hub), fake, time)
}

/// Somebody in front of the page.
pub struct Browser<'a> {
    page: &'a Page,
    pub cookie: Option<String>,
    pub user: String,
}

pub struct Answer {
    pub status: u16,
    pub headers: axum::http::HeaderMap,
    pub text: String,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Browser<'_> {
    pub fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost:7117")
            .header("sec-fetch-site", "same-origin");
        if method == "POST" {
            request = request
                .header(header::ORIGIN, ORIGIN)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, format!("__Host-ringfort={cookie}"));
        }
        request
    }

    pub fn send(&self, request: Request<Body>) -> Answer {
        send(&self.page.hub, request)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path).body(Body::empty()).unwrap())
    }

    /// The token that the forms of a page carry.
    pub fn csrf(&self) -> String {
        let text = self.get("/settings").text;
        let at = text.find("name=\"csrf\" value=\"").unwrap() + 19;
        text[at..at + 64].to_owned()
    }

    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.cookie.as_ref().map(|_| self.csrf());
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        if let Some(csrf) = &csrf {
            form.append_pair("csrf", csrf);
        }
        self.send(self.request("POST", path).body(Body::from(form.finish())).unwrap())
    }
}

pub fn send(hub: &Arc<Hub>, mut request: Request<Body>) -> Answer {
    let address: SocketAddr = "127.0.0.1:50000".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(address));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let response: Response<Body> =
            hub::server::router(Arc::clone(hub)).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 16 << 20).await.unwrap();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            bytes: bytes.to_vec(),
        }
    })
}
