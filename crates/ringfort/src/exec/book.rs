//! The record: every receipt goes through here into the ledger, and what the norms count
//! (rates, used approvals, dry runs, the kill switch) is counted from what is in the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use act::{Record, RecordError};
use durable::{Files, StdFiles};
use facts::History;
use ledger::{Ledger, Signer};
use serde::Serialize;
use serde_json::{Map, Value};
use spine::{
    ActionId, ActionState, Clock, EffectClass, HostId, IntentBody, OutcomeBody, PlanHash, Receipt,
    ReceiptId, ReceiptKind, Rng,
};

use crate::failure::{Failure, OrHint as _};
use crate::protocol::{ActionSummary, RECEIPTS_BYTES_MAX};

/// The most actions whose summary is kept in memory.
const ACTIONS_MAX: usize = 4_096;

/// How long the disk's last proof that it takes receipts is good, milliseconds.
const HEALTH_MS: u64 = 1_000;

/// The ledger with everything that is counted from it.
pub struct Book {
    ledger: Ledger,
    signer: Signer,
    key: String,
    counted: Counted,
    /// When the disk last proved that it takes receipts, monotonic milliseconds.
    healthy: Option<u64>,
    host: HostId,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

/// What is counted from the receipts.
#[derive(Default)]
struct Counted {
    history: History,
    actions: BTreeMap<ActionId, Summary>,
    /// Every plan that was ever begun here (32 bytes each).
    begun: BTreeSet<PlanHash>,
    /// Plans that were approved for later and wait.
    scheduled: BTreeSet<PlanHash>,
    /// The site's settings as they were recorded last.
    settings: Option<Map<String, Value>>,
}

impl Counted {
    fn observe(&mut self, receipt: &Receipt) {
        self.history.observe(receipt);
        note_action(&mut self.actions, receipt);
        match (receipt.kind, receipt.plan) {
            (ReceiptKind::Intent, Some(plan)) => {
                self.begun.insert(plan);
                self.scheduled.remove(&plan);
            }
            (ReceiptKind::Scheduled, Some(plan)) => drop(self.scheduled.insert(plan)),
            (ReceiptKind::Unscheduled, Some(plan)) => drop(self.scheduled.remove(&plan)),
            (ReceiptKind::Settings, _) => self.settings = Some(receipt.body.clone()),
            _ => {}
        }
    }
}

struct Summary {
    plan: PlanHash,
    body: IntentBody,
    started_ms: i64,
    state: Option<ActionState>,
    taken_back: bool,
}

/// The book, shared by all connections.
#[derive(Clone)]
pub struct SharedBook(Arc<Mutex<Book>>);

impl SharedBook {
    /// Locks the book. A thread that panicked while it held the book left whole receipts only.
    pub fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Book {
    /// Opens the ledger, replays it, and begins it if it is empty.
    pub fn open(
        dir: &Path,
        host: HostId,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<(SharedBook, Vec<String>), Failure> {
        let files: Arc<dyn Files> = Arc::new(StdFiles);
        let signer = signer(&*files, dir, host, &*rng)?;
        let signer_key = signer.verifier().clone();
        let help = "run `ringfort verify`; if the record was tampered with, restore a backup";
        let (ledger, report) = Ledger::open(files, &dir.join("ledger"), signer.clone())
            .or_hint("the record does not open", help)?;
        let key = signer_key.to_string();
        StdFiles
            .write_atomic(&dir.join("ledger.vkey"), key.as_bytes())
            .or_hint("cannot write the ledger's public key", "check that the disk is not full")?;
        let mut counted = Counted::default();
        for leaf in ledger.leaves(0..ledger.size()) {
            let (_, leaf) = leaf.or_hint("the record does not read", help)?;
            let receipt: Receipt =
                serde_json::from_slice(&leaf).or_hint("a receipt does not read", help)?;
            counted.observe(&receipt);
        }
        let mut book = Self { ledger, signer, key, counted, healthy: None, host, clock, rng };
        if book.ledger.size() == 0 {
            let body = serde_json::json!({ "program": env!("CARGO_PKG_VERSION") });
            book.write(ReceiptKind::Genesis, None, None, body)
                .or_hint("the record cannot be begun", "check that the disk is not full")?;
        }
        let mut warnings = report.warnings;
        if report.tail_bytes_cut > 0 {
            let cut = report.tail_bytes_cut;
            warnings.push(format!("{cut} bytes of a receipt that was never acknowledged were cut"));
        }
        Ok((SharedBook(Arc::new(Mutex::new(book))), warnings))
    }

    /// Appends a receipt, durably.
    pub fn write(
        &mut self,
        kind: ReceiptKind,
        plan: Option<PlanHash>,
        action: Option<ActionId>,
        body: impl Serialize,
    ) -> Result<(), String> {
        let body = match serde_json::to_value(body) {
            Ok(Value::Object(map)) => map,
            Ok(_) => return Err("a receipt's body is an object".into()),
            Err(error) => return Err(error.to_string()),
        };
        let receipt = Receipt {
            schema: 1,
            id: ReceiptId::new(&*self.clock, &*self.rng),
            time_ms: self.clock.now_ms(),
            host: self.host,
            kind,
            plan,
            action,
            body,
        };
        let leaf = receipt.leaf().map_err(|error| error.to_string())?;
        // What was begun must be able to end in the record, also on a full disk.
        let appended = match kind {
            ReceiptKind::Outcome
            | ReceiptKind::Recovery
            | ReceiptKind::LeaseLapsed
            | ReceiptKind::Unscheduled => self.ledger.append_from_reserve(&leaf),
            _ => self.ledger.append(&leaf),
        };
        if let Err(error) = appended {
            self.healthy = None;
            return Err(error.to_string());
        }
        self.counted.observe(&receipt);
        Ok(())
    }

    /// Whether exactly this plan was begun before.
    pub fn was_begun(&self, plan: &PlanHash) -> bool {
        self.counted.begun.contains(plan)
    }

    /// Every receipt, in order.
    #[cfg(test)]
    pub fn all(&self) -> Vec<Receipt> {
        let leaves = self.ledger.leaves(0..self.ledger.size());
        leaves.map(|leaf| serde_json::from_slice(&leaf.unwrap().1).unwrap()).collect()
    }

    /// The plans that wait for a later time, as the record says.
    pub fn scheduled(&self) -> &BTreeSet<PlanHash> {
        &self.counted.scheduled
    }

    /// The site's settings as they were recorded last.
    pub fn settings(&self) -> Option<&Map<String, Value>> {
        self.counted.settings.as_ref()
    }

    /// What is counted from the ledger.
    pub fn history(&self) -> &History {
        &self.counted.history
    }

    /// Whether a further receipt would be durable (red line RL12). The disk is asked again after
    /// [`HEALTH_MS`]; an action's own receipt of intent is the last word in any case.
    pub fn healthy(&mut self) -> bool {
        let now_ms = self.clock.monotonic_ms();
        let fresh = self.healthy.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < HEALTH_MS);
        if !fresh {
            self.healthy = self.ledger.health().is_ok().then_some(now_ms);
        }
        self.healthy.is_some()
    }

    /// Receipts from a place on, as many as fit into a reply, with the size of the log and the
    /// checkpoint that signs it.
    pub fn receipts(&self, from: u64, count: u32) -> Result<(u64, String, Vec<String>), String> {
        let size = self.ledger.size();
        let until = from.saturating_add(u64::from(count)).min(size);
        let (mut leaves, mut bytes) = (Vec::new(), 0);
        for leaf in self.ledger.leaves(from.min(size)..until) {
            let (_, leaf) = leaf.map_err(|error| error.to_string())?;
            let text = String::from_utf8(leaf).map_err(|error| error.to_string())?;
            bytes += text.len();
            if bytes > RECEIPTS_BYTES_MAX && !leaves.is_empty() {
                break;
            }
            leaves.push(text);
        }
        Ok((size, self.ledger.checkpoint(), leaves))
    }

    /// Receipts in the ledger.
    pub fn size(&self) -> u64 {
        self.ledger.size()
    }

    /// The signed checkpoint over all of it.
    pub fn checkpoint(&self) -> String {
        self.ledger.checkpoint()
    }

    /// A signed note of a text that is no checkpoint: its first line says what it is.
    pub fn sign(&self, text: &str) -> String {
        self.signer.sign(text)
    }

    /// Counts a receipt of another machine, whose record was checked up to it.
    pub fn observe_peer(&mut self, receipt: &Receipt) {
        self.counted.history.observe_peer(self.host, receipt);
    }

    /// The key that verifies the ledger.
    pub fn verifier_key(&self) -> &str {
        &self.key
    }

    /// Actions, newest first.
    pub fn actions(&self) -> Vec<ActionSummary> {
        let summary = |(id, action): (&ActionId, &Summary)| ActionSummary {
            id: *id,
            plan: action.plan,
            root: action.body.root.clone(),
            types: action.body.action_types.clone(),
            state: action.state.unwrap_or(ActionState::Applying),
            started_ms: action.started_ms,
            undoable: !action.taken_back
                && action.state == Some(ActionState::Done)
                && matches!(action.body.class, EffectClass::Change | EffectClass::Contain),
            lapses_ms: action.body.lapses_ms,
        };
        self.counted.actions.iter().rev().map(summary).collect()
    }
}

fn note_action(actions: &mut BTreeMap<ActionId, Summary>, receipt: &Receipt) {
    let (Some(id), Some(plan)) = (receipt.action, receipt.plan) else { return };
    let body = Value::Object(receipt.body.clone());
    match receipt.kind {
        ReceiptKind::Intent => {
            let Ok(body) = serde_json::from_value::<IntentBody>(body) else { return };
            let started_ms = receipt.time_ms;
            actions.insert(id, Summary { plan, body, started_ms, state: None, taken_back: false });
            if actions.len() > ACTIONS_MAX {
                actions.pop_first();
            }
        }
        ReceiptKind::Outcome => {
            let Ok(body) = serde_json::from_value::<OutcomeBody>(body) else { return };
            if let Some(action) = actions.get_mut(&id) {
                action.state = Some(body.state);
            }
            if let Some(action) = body.took_back.and_then(|other| actions.get_mut(&other)) {
                action.taken_back = body.state == ActionState::Done;
            }
        }
        // What remains of a containment that lapsed can still be taken back by hand.
        ReceiptKind::LeaseLapsed => {
            let whole = receipt.body.get("remains").and_then(Value::as_array);
            if let Some(action) = actions.get_mut(&id).filter(|_| whole.is_none_or(Vec::is_empty)) {
                action.taken_back = true;
            }
        }
        _ => {}
    }
}

/// The key that signs checkpoints, made at the first start.
fn signer(files: &dyn Files, dir: &Path, host: HostId, rng: &dyn Rng) -> Result<Signer, Failure> {
    let path = dir.join("ledger.key");
    let help = format!("restore `{}` from your backup", path.display());
    let seed: [u8; 32] = match files.read(&path) {
        Ok(bytes) => bytes
            .try_into()
            .map_err(|_| Failure::new("the ledger's key does not have 32 bytes", &help))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let seed = spine::rng::random_bytes::<32>(rng);
            files.write_atomic(&path, &seed).or_hint("cannot write the ledger's key", &help)?;
            seed
        }
        Err(error) => return Err(Failure::new(format!("the ledger's key: {error}"), help)),
    };
    let name: String = host.0.to_hex().chars().take(16).collect();
    Signer::from_seed(&format!("ringfort/{name}"), &seed)
        .or_hint("the ledger's key has no use", help)
}

/// Lets the engine write its receipts.
pub struct Recorder<'a>(pub &'a SharedBook);

impl Record for Recorder<'_> {
    fn intent(
        &mut self,
        action: &ActionId,
        plan: &PlanHash,
        body: &IntentBody,
    ) -> Result<(), RecordError> {
        let mut book = self.0.lock();
        // The kill switch may have been pulled between the decision and now.
        if book.history().kill_switch() && body.class != EffectClass::RollBack {
            return Err(RecordError("the kill switch is pulled".into()));
        }
        book.write(ReceiptKind::Intent, Some(*plan), Some(*action), body).map_err(RecordError)
    }

    fn outcome(
        &mut self,
        action: &ActionId,
        plan: &PlanHash,
        body: &OutcomeBody,
    ) -> Result<(), RecordError> {
        let mut book = self.0.lock();
        book.write(ReceiptKind::Outcome, Some(*plan), Some(*action), body).map_err(RecordError)
    }

    fn note(
        &mut self,
        kind: ReceiptKind,
        action: &ActionId,
        plan: &PlanHash,
        body: Map<String, Value>,
    ) -> Result<(), RecordError> {
        self.0.lock().write(kind, Some(*plan), Some(*action), body).map_err(RecordError)
    }

    fn has_intent(&mut self, action: &ActionId) -> Result<bool, RecordError> {
        Ok(self.0.lock().counted.actions.contains_key(action))
    }

    fn has_outcome(&mut self, action: &ActionId) -> Result<bool, RecordError> {
        Ok(self.0.lock().counted.actions.get(action).is_some_and(|action| action.state.is_some()))
    }
}
