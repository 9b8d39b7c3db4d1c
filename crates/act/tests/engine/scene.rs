//! A host with one root, one owner's key and a record in a file, and the way of a plan through
//! inspection, facts, norms and engine. No short cut: a permit comes from the norms alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use act::{Engine, EngineConfig, Order, Outcome, Record, RecordError};
use ed25519_dalek::{Signer as _, SigningKey};
use facts::{Asset, Context, History, HubContact, Networks};
use norms::{ApproverKey, Ed25519Key, Norms};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use spine::{
    ActionId, Approval, ApprovalProof, ApprovalWindow, Author, Clock, Digest, HostId, IntentBody,
    KeyId, OutcomeBody, Plan, PlanHash, Receipt, ReceiptId, ReceiptKind, SiteConfig, Step,
};
use testkit::{ManualClock, SeededRng};

/// When the tests play, milliseconds since the Unix epoch.
const BEGIN_MS: i64 = 1_800_000_000_000;
pub(crate) const HOST: HostId = HostId(Digest([3; 32]));

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Receipts as lines of JSON, each durable before it is acknowledged.
pub(crate) struct FileRecord {
    path: PathBuf,
    clock: Arc<ManualClock>,
    rng: Arc<SeededRng>,
}

impl FileRecord {
    fn open(path: PathBuf, clock: Arc<ManualClock>, rng: Arc<SeededRng>) -> Self {
        // A receipt that was cut short was never acknowledged.
        let text = fs::read(&path).unwrap_or_default();
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        fs::write(&path, &text[..whole]).unwrap();
        Self { path, clock, rng }
    }

    pub(crate) fn receipts(&self) -> Vec<Receipt> {
        let text = fs::read_to_string(&self.path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn count(&self, kind: ReceiptKind, action: &ActionId) -> usize {
        let all = self.receipts();
        all.iter().filter(|r| r.kind == kind && r.action.as_ref() == Some(action)).count()
    }

    fn append(
        &self,
        kind: ReceiptKind,
        action: &ActionId,
        plan: &PlanHash,
        body: &impl Serialize,
    ) -> Result<(), RecordError> {
        let failed = |error: std::io::Error| RecordError(error.to_string());
        let body = serde_json::to_value(body).map_err(|e| RecordError(e.to_string()))?;
        let receipt = Receipt {
            schema: 1,
            id: ReceiptId::new(self.clock.as_ref(), self.rng.as_ref()),
            time_ms: self.clock.now_ms(),
            host: HOST,
            kind,
            plan: Some(*plan),
            action: Some(*action),
            body: body.as_object().cloned().unwrap_or_default(),
        };
        let mut line = serde_json::to_vec(&receipt).map_err(|e| RecordError(e.to_string()))?;
        line.push(b'\n');
        let mut file = fs::OpenOptions::new().append(true).open(&self.path).map_err(failed)?;
        file.write_all(&line).and_then(|()| file.sync_all()).map_err(failed)
    }
}

impl Record for FileRecord {
    fn intent(
        &mut self,
        action: &ActionId,
        plan: &PlanHash,
        body: &IntentBody,
    ) -> Result<(), RecordError> {
        self.append(ReceiptKind::Intent, action, plan, body)
    }

    fn outcome(
        &mut self,
        action: &ActionId,
        plan: &PlanHash,
        body: &OutcomeBody,
    ) -> Result<(), RecordError> {
        self.append(ReceiptKind::Outcome, action, plan, body)
    }

    fn note(
        &mut self,
        kind: ReceiptKind,
        action: &ActionId,
        plan: &PlanHash,
        body: Map<String, Value>,
    ) -> Result<(), RecordError> {
        self.append(kind, action, plan, &body)
    }

    fn has_intent(&mut self, action: &ActionId) -> Result<bool, RecordError> {
        Ok(self.count(ReceiptKind::Intent, action) > 0)
    }

    fn has_outcome(&mut self, action: &ActionId) -> Result<bool, RecordError> {
        Ok(self.count(ReceiptKind::Outcome, action) > 0)
    }
}

/// A host with one root.
pub(crate) struct Scene {
    pub(crate) engine: Engine,
    pub(crate) record: FileRecord,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) root: PathBuf,
    /// Told what happens while an action runs.
    pub(crate) heard: fn(&str),
    key: SigningKey,
    norms: Norms,
    rng: Arc<SeededRng>,
    dir: PathBuf,
}

impl Scene {
    /// A host whose engine has its state in `dir`, whose record is `<dir>.receipts`, and whose
    /// randomness follows from `seed`. A second one on the same folder goes on where the first
    /// stood; it needs another seed.
    pub(crate) fn open(dir: &Path, root: &Path, seed: u64) -> Self {
        let record = dir.with_extension("receipts");
        Self::with(dir, &record, root, seed).unwrap()
    }

    pub(crate) fn with(dir: &Path, record: &Path, root: &Path, seed: u64) -> Result<Self, String> {
        let last = last_time_ms(record);
        let clock = Arc::new(ManualClock::at(last.max(BEGIN_MS) + 1));
        let rng = Arc::new(SeededRng::new(seed));
        let config = EngineConfig {
            dir: dir.to_path_buf(),
            host: HOST,
            files: Arc::new(durable::StdFiles),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            rng: Arc::clone(&rng) as Arc<dyn spine::Rng>,
            never_block: vec!["198.51.100.53".parse().unwrap()],
            own_paths: Vec::new(),
        };
        Ok(Self {
            engine: Engine::new(config).map_err(|error| error.to_string())?,
            record: FileRecord::open(record.to_path_buf(), Arc::clone(&clock), Arc::clone(&rng)),
            clock,
            root: root.to_path_buf(),
            heard: |_| {},
            key: SigningKey::from_bytes(&[7; 32]),
            norms: Norms::new(None).unwrap(),
            rng,
            dir: dir.to_path_buf(),
        })
    }

    /// The same host after its engine was stopped and started again.
    pub(crate) fn restart(self, seed: u64) -> Self {
        let Self { engine, root, dir, record, clock, .. } = self;
        drop(engine);
        let again = Self::with(&dir, &record.path, &root, seed).unwrap();
        again.clock.set(clock.now_ms());
        again
    }

    /// A plan of these steps.
    pub(crate) fn plan(&self, steps: &[(&str, Value)]) -> Plan {
        let step = |(actuator, params): &(&str, Value)| Step {
            actuator: (*actuator).to_owned(),
            params: params.as_object().unwrap().clone(),
        };
        Plan {
            schema: 1,
            host: HOST,
            root: self.root.display().to_string(),
            case: None,
            author: Author::Human,
            purpose: "a test".into(),
            steps: steps.iter().map(step).collect(),
            evidence: vec![],
            ring: None,
            created_ms: self.clock.now_ms(),
            nonce: self.nonce(),
        }
    }

    fn nonce(&self) -> String {
        hex::encode(spine::rng::random_bytes::<16>(self.rng.as_ref()))
    }

    /// Carries out one step that the owner approves.
    pub(crate) fn step(&mut self, actuator: &str, params: Value) -> Result<Outcome, String> {
        self.run(&self.plan(&[(actuator, params)]))
    }

    /// Carries out a plan that the owner approves. The error says who refused it.
    pub(crate) fn run(&mut self, plan: &Plan) -> Result<Outcome, String> {
        self.clock.advance(1_000);
        let effects =
            self.engine.inspect_plan(plan).map_err(|error| format!("inspection: {error}"))?;
        let approval = self.approve(plan);
        let facts = self.facts(plan, &effects);
        let approvals = [approval];
        let (decision, permit) = self.norms.decide(plan, &facts, &approvals);
        let permit = permit.ok_or_else(|| format!("norms: {:?}", decision.reasons))?;
        let order = Order { plan, effects: &effects, approvals: &approvals };
        let heard = self.heard;
        self.engine
            .execute(permit, &order, &mut self.record, &mut |progress| heard(&progress.text))
            .map_err(|error| format!("engine: {error}"))
    }

    fn facts(&self, plan: &Plan, effects: &[spine::StepEffect]) -> norms::Facts {
        let mut history = History::default();
        self.record.receipts().iter().for_each(|receipt| history.observe(receipt));
        let public = self.key.verifying_key().to_bytes();
        let owner = ApproverKey {
            id: key_id(&public),
            public: Ed25519Key::parse(&public).unwrap().into(),
            person: "owner".into(),
        };
        let root = self.root.display().to_string();
        let context = Context {
            host: HOST,
            site: &SiteConfig::default(),
            history: &history,
            assets: &[Asset { host: HOST, root, owned: true }],
            life_safety: false,
            ledger_healthy: true,
            hub: HubContact::NoHub,
            approver_keys: &[owner],
            partners: &Networks::default(),
            public_core: &facts::public_core().unwrap(),
            never_block: &[],
            confirmed_evidence: &BTreeSet::new(),
            takes_back: &[],
            moment: facts::Moment::Now,
            export: None,
            artifact: None,
            clock: self.clock.as_ref(),
        };
        facts::gather(plan, effects, &context).unwrap()
    }

    fn approve(&self, plan: &Plan) -> Approval {
        let mut approval = Approval {
            plan: plan.hash().unwrap(),
            host: HOST,
            approver: key_id(&self.key.verifying_key().to_bytes()),
            window: ApprovalWindow::Now,
            break_glass: false,
            signed_ms: self.clock.now_ms(),
            nonce: self.nonce(),
            proof: ApprovalProof::Ed25519 { signature: String::new() },
        };
        let signature = self.key.sign(&approval.signed_bytes().unwrap());
        let signature = hex::encode(signature.to_bytes());
        approval.proof = ApprovalProof::Ed25519 { signature };
        approval
    }
}

fn key_id(public: &[u8; 32]) -> KeyId {
    KeyId(Digest(Sha256::digest(public).into()))
}

fn last_time_ms(record: &Path) -> i64 {
    let text = fs::read_to_string(record).unwrap_or_default();
    let times = text.lines().filter_map(|line| serde_json::from_str::<Receipt>(line).ok());
    times.map(|receipt| receipt.time_ms).max().unwrap_or_default()
}

/// What is left out when roots are compared: the kernel's and the moment's, apt's caches and logs.
const EXCLUDED: [&str; 12] = [
    "proc",
    "sys",
    "dev",
    "run",
    "tmp",
    "var/tmp",
    "var/cache/apt",
    "var/log/apt",
    "var/log/dpkg.log",
    "var/log/alternatives.log",
    "var/cache/ldconfig/aux-cache",
    "var/lib/apt/lists",
];

/// Every entry of a tree in words: type and mode, owner, time, size, attributes, target or SHA-256.
/// Written apart from the engine's own comparison, so that the two can disagree.
pub(crate) fn look(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut seen = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    seen.insert(PathBuf::new(), look_at(root));
    while let Some(folder) = folders.pop() {
        for child in fs::read_dir(root.join(&folder)).unwrap() {
            let child = child.unwrap();
            let path = folder.join(child.file_name());
            if EXCLUDED.iter().any(|excluded| path == Path::new(excluded)) {
                continue;
            }
            if child.file_type().unwrap().is_dir() {
                folders.push(path.clone());
            }
            seen.insert(path, look_at(&child.path()));
        }
    }
    seen
}

pub(crate) fn look_at(path: &Path) -> String {
    let meta = fs::symlink_metadata(path).unwrap();
    let mut attributes = BTreeMap::new();
    for name in xattr::list(path).into_iter().flatten() {
        let value = xattr::get(path, &name).unwrap().unwrap_or_default();
        attributes.insert(name.to_string_lossy().into_owned(), hex::encode(value));
    }
    let content = if meta.is_symlink() {
        format!("-> {}", fs::read_link(path).unwrap().display())
    } else if meta.is_file() {
        let mut hasher = Sha256::new();
        std::io::copy(&mut fs::File::open(path).unwrap(), &mut hasher).unwrap();
        hex::encode(hasher.finalize())
    } else {
        format!("{:x}", meta.rdev())
    };
    let size = if meta.is_dir() { 0 } else { meta.len() };
    format!(
        "{:o} {}:{} {}.{:09} {size} {attributes:?} {content}",
        meta.mode(),
        meta.uid(),
        meta.gid(),
        meta.mtime(),
        meta.mtime_nsec(),
    )
}

/// What differs between two looks, in words; at most so many as a person reads.
pub(crate) fn unlike(
    before: &BTreeMap<PathBuf, String>,
    after: &BTreeMap<PathBuf, String>,
) -> Vec<String> {
    let paths: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    let differs = |path: &&&PathBuf| before.get(**path) != after.get(**path);
    let tell = |path: &PathBuf| {
        format!("{}: {:?} / {:?}", path.display(), before.get(path), after.get(path))
    };
    paths.iter().filter(differs).take(20).map(|path| tell(path)).collect()
}
