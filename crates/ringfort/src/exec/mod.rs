//! The privileged executor: root, no network of its own, one Unix socket.
//!
//! It believes nothing that it is told. For every plan it inspects the steps itself, gathers the
//! facts itself, verifies the signatures of approvals with its own list of keys, decides with its
//! own policy, and records what it decided before it does anything. A stolen hub, session or
//! database can propose all day.
//!
//! | file | holds |
//! |---|---|
//! | `server.rs` | connections: limits, who may speak, one thread each |
//! | `mod.rs` | what is done with each request |
//! | `book.rs` | the ledger and what is counted from it |
//! | `keyring.rs` | the keys that may approve |
//! | `fleet.rs`, `peers.rs` | root's word for a hub; the records of other machines |
//! | `site.rs` | the site's own policy, and what of ringfort itself no plan may touch |
//! | `look.rs` | what runs here, for whoever plans a containment |
//! | `windows.rs` | plans that were approved for later, and start by themselves |
//!
//! What is said over the socket is in [`protocol`], its other end is [`client`], notices that wait
//! to be sent are in [`outbox`], and what starts this process is [`spawn`]: others share those, or
//! run them without its rights.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use act::{Engine, EngineConfig, Order};
use durable::{Files, StdFiles};
use facts::{Asset, HubContact, Moment, Networks};
use norms::Norms;
use serde_json::json;
use spine::{
    Approval, Clock, Decision, HostId, Plan, PlanHash, ReceiptKind, Rng, SiteConfig, StepEffect,
    Verdict,
};

use crate::config::Layers;
use crate::failure::{Failure, OrHint as _};
use book::{Book, Recorder, SharedBook};
use keyring::Keyring;
use outbox::Outbox;
use peers::Peers;
use protocol::{Consent, FeedTaken, Reply, Request, Standing};
use site::{own_paths, site_policy};
use windows::Waiting;

pub(crate) use crate::{outbox, protocol, spawn};

pub mod book;
pub mod evidence;
mod fleet;
pub mod keyring;
mod look;
mod peers;
pub mod server;
mod site;
#[cfg(test)]
mod tests;
mod windows;

/// How far a plan's clock may run ahead, milliseconds.
const CLOCK_AHEAD_MS: i64 = 5 * 60 * 1_000;
/// The most snapshots of feeds that are recorded at once.
const FEEDS_MAX: usize = 64;
/// How old a plan may be, milliseconds: a scheduled approval lives for 7 days.
const PLAN_AGE_MS_MAX: i64 = 8 * 24 * 3_600 * 1_000;

/// The executor of one host.
pub struct Executor {
    dir: PathBuf,
    host: HostId,
    site: SiteConfig,
    norms: Norms,
    book: SharedBook,
    keyring: Mutex<Keyring>,
    engine: Engine,
    partners: Networks,
    public_core: Networks,
    contacts: Vec<String>,
    outbox: Outbox,
    waiting: Mutex<Waiting>,
    peers: Mutex<Peers>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

/// Who is at the other end of a connection, as the kernel says.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The user id of the process that connected.
    pub uid: u32,
}

impl Executor {
    /// Opens everything the executor keeps under `<data_dir>/exec`, and finishes or takes back
    /// what a crash left unfinished. Returns warnings for whoever starts it.
    pub fn open(
        data_dir: &Path,
        config: Option<&Path>,
        (clock, rng): (Arc<dyn Clock>, Arc<dyn Rng>),
    ) -> Result<(Self, Vec<String>), Failure> {
        let dir = data_dir.join("exec");
        let host = crate::host::host_id();
        StdFiles
            .create_dir_all(&dir)
            .or_hint("cannot make the executor's folder", "check the disk and its permissions")?;
        let config = Layers::for_executor(config)?.build()?;
        let site_policy = site_policy()?;
        let norms = Norms::new(site_policy.as_deref()).or_hint(
            "the policies do not load",
            "mend or remove the site's own policy; it may only forbid",
        )?;
        let (book, mut warnings) = Book::open(&dir, host, clock.clone(), rng.clone())?;
        let keyring = Keyring::open(&dir, host)?;
        let files: Arc<dyn Files> = Arc::new(StdFiles);
        let engine = Engine::new(EngineConfig {
            dir: dir.clone(),
            host,
            files,
            clock: clock.clone(),
            rng: rng.clone(),
            never_block: config.site.never_block.clone(),
            own_paths: own_paths(data_dir),
        })
        .or_hint("the engine does not open", "is another executor running on this data folder?")?;
        let recovered = engine.recover(&mut Recorder(&book)).or_hint(
            "an unfinished action could not be taken back",
            "free disk space, start again",
        )?;
        warnings.extend(recovered.iter().map(|recovered| format!("after a crash: {recovered}")));
        let public_core = facts::public_core()
            .or_hint("the built-in list of addresses does not read", "report this as a defect")?;
        let outbox = Outbox::open(data_dir).or_hint(
            "the folder of notices cannot be made",
            "check the disk and its permissions",
        )?;
        let waiting = Mutex::new(Waiting::open(&dir, &mut warnings)?);
        let (peers, counted) = Peers::open(&dir, host)?;
        for receipt in &counted {
            book.lock().observe_peer(receipt);
        }
        let executor = Self {
            dir,
            host,
            site: config.site,
            norms,
            book,
            keyring: Mutex::new(keyring),
            engine,
            partners: Networks::default(),
            public_core,
            contacts: config.contacts,
            outbox,
            waiting,
            peers: Mutex::new(peers),
            clock,
            rng,
        };
        executor.record_settings(site_policy.as_deref())?;
        executor.settle_waiting();
        Ok((executor, warnings))
    }

    /// Answers one request.
    pub fn answer(
        &self,
        request: Request,
        peer: Peer,
        progress: &mut (dyn FnMut(&str) + Send),
    ) -> Reply {
        match request {
            Request::Hello => Reply::Hello(Box::new(self.standing())),
            Request::Run { plan, approvals } => self.run(&plan, &approvals, peer, progress),
            Request::Decide { plan, approvals } => match self.decide(&plan, &approvals, peer) {
                Ok((decision, _, _)) => Reply::Decided { decision },
                Err(refusal) => *refusal,
            },
            Request::Hold { plan, approvals } => self.hold(&plan, &approvals, peer),
            Request::Waiting => self.waiting_plans(),
            Request::Withdraw { plan } => self.withdraw(plan, peer),
            Request::Look { suspects, addresses } => look::look(&suspects, &addresses),
            Request::Feeds { feeds } => self.record_feeds(&feeds, peer),
            Request::DryRun { plan } => self.dry_run_result(plan),
            Request::Actions => Reply::Actions { actions: self.book.lock().actions() },
            Request::Receipts { from, count } => self.receipts(from, count),
            Request::Enrol { public, person, passkey, consent } => {
                let wanted = keyring::Wanted { public: &public, person: &person, passkey };
                self.enrol(wanted, consent.as_ref(), peer)
            }
            Request::Countersign { hub, key } => self.countersign(hub, key, peer),
            Request::Head => self.head(),
            Request::Fleet { fleet } => self.set_fleet(&fleet, peer),
            Request::Peers { parts } => self.take_peers(&parts, peer),
            Request::Stop { reason } => self.stop(&reason, peer),
            Request::Resume { consent } => self.resume(&consent, peer),
        }
    }

    /// Lets containments lapse whose time has come.
    pub fn lapse(&self) {
        let now_ms = self.clock.now_ms();
        let due = match self.engine.next_lapse_ms() {
            Ok(next) => next.is_some_and(|next_ms| next_ms <= now_ms),
            // A lease that cannot be read is not left to stand for ever.
            Err(_) => true,
        };
        if due && let Err(error) = self.engine.lapse(now_ms, &mut Recorder(&self.book)) {
            tracing::error!(%error, "a containment could not lapse");
        }
    }

    fn standing(&self) -> Standing {
        let mut book = self.book.lock();
        Standing {
            version: env!("CARGO_PKG_VERSION").into(),
            host: self.host,
            keys: lock(&self.keyring).keys().to_vec(),
            stopped: book.history().kill_switch(),
            healthy: book.healthy(),
            autonomy_level: self.site.autonomy_level,
            receipts: book.size(),
            ledger_key: book.verifier_key().to_owned(),
            ledger_dir: self.dir.join("ledger").display().to_string(),
        }
    }

    /// Records a refusal and says so. A refusal that cannot be recorded is a refusal all the same.
    pub fn refuse(&self, reason: String, plan: Option<PlanHash>, peer: Peer) -> Reply {
        let body = json!({ "reason": reason, "uid": peer.uid });
        if let Err(error) = self.book.lock().write(ReceiptKind::Refusal, plan, None, body) {
            tracing::error!(%error, "a refusal could not be recorded");
        }
        Reply::Refused { reason, rules: Vec::new() }
    }

    /// Checks a plan and sees for itself what it would do. The error is the reply of a refusal.
    fn look_at(&self, plan: &Plan, peer: Peer) -> Result<(PlanHash, Vec<StepEffect>), Box<Reply>> {
        let refuse = |reason: String, hash| Box::new(self.refuse(reason, hash, peer));
        plan.check_shape().map_err(|error| refuse(error.to_string(), None))?;
        let hash = plan.hash().map_err(|error| refuse(error.to_string(), None))?;
        self.check_fresh(plan, hash).map_err(|reason| refuse(reason, Some(hash)))?;
        let effects = self.engine.inspect_plan(plan);
        Ok((hash, effects.map_err(|error| refuse(error.to_string(), Some(hash)))?))
    }

    /// Checks a plan, decides, and records the decision. The error is the reply of a refusal.
    fn decide(
        &self,
        plan: &Plan,
        approvals: &[Approval],
        peer: Peer,
    ) -> Result<(Decision, Option<norms::Permit>, Vec<StepEffect>), Box<Reply>> {
        let (hash, effects) = self.look_at(plan, peer)?;
        let facts = self.gather(plan, &effects, Moment::Now);
        let facts =
            facts.map_err(|error| Box::new(self.refuse(error.to_string(), Some(hash), peer)))?;
        let (decision, permit) = self.norms.decide(plan, &facts, approvals);
        self.record_decision(&decision)?;
        Ok((decision, permit, effects))
    }

    fn record_decision(&self, decision: &Decision) -> Result<(), Box<Reply>> {
        let plan = Some(decision.plan);
        self.book.lock().write(ReceiptKind::Decision, plan, None, decision).map_err(|error| {
            let message = format!("the decision cannot be recorded, so nothing is done: {error}");
            Box::new(Reply::Failed { message })
        })
    }

    fn check_fresh(&self, plan: &Plan, hash: PlanHash) -> Result<(), String> {
        if plan.host != self.host {
            return Err("the plan is for another host".into());
        }
        let age_ms = self.clock.now_ms().saturating_sub(plan.created_ms);
        if !(-CLOCK_AHEAD_MS..=PLAN_AGE_MS_MAX).contains(&age_ms) {
            return Err("the plan is older than eight days or from the future".into());
        }
        if self.book.lock().was_begun(&hash) {
            return Err("exactly this plan was carried out before".into());
        }
        Ok(())
    }

    fn gather(
        &self,
        plan: &Plan,
        effects: &[StepEffect],
        moment: Moment,
    ) -> Result<norms::Facts, spine::PlanError> {
        let confirmed = evidence::confirmed(plan, effects);
        let approver_keys = lock(&self.keyring).approvers();
        let assets = self.assets(plan);
        let takes_back: Vec<_> = plan.steps.iter().filter_map(taken_back).collect();
        let mut book = self.book.lock();
        let ledger_healthy = book.healthy();
        facts::gather(
            plan,
            effects,
            &facts::Context {
                host: self.host,
                site: &self.site,
                history: book.history(),
                assets: &assets,
                life_safety: false,
                ledger_healthy,
                hub: self.hub(),
                approver_keys: &approver_keys,
                partners: &self.partners,
                public_core: &self.public_core,
                never_block: &self.site.never_block,
                confirmed_evidence: &confirmed,
                takes_back: &takes_back,
                moment,
                export: None,
                artifact: None,
                clock: &*self.clock,
            },
        )
    }

    /// On a site of several machines each counts over the records of all of them; unless all were
    /// heard a moment ago, no machine acts alone (red lines RL08, RL13).
    fn hub(&self) -> HubContact {
        let fleet_size = self.site.fleet_size;
        if fleet_size > 1 { lock(&self.peers).contact(fleet_size) } else { HubContact::NoHub }
    }

    /// What the owner enrolled here: this machine, and a root on its disks that belongs to root.
    fn assets(&self, plan: &Plan) -> Vec<Asset> {
        use std::os::unix::fs::MetadataExt as _;
        let asset = |root: &str| Asset { host: self.host, root: root.to_owned(), owned: true };
        let mut assets = vec![asset("/")];
        let own = |path: &Path| {
            let meta = std::fs::symlink_metadata(path);
            meta.is_ok_and(|meta| meta.is_dir() && meta.uid() == 0 && meta.mode() & 0o002 == 0)
        };
        if plan.root != "/" && own(Path::new(&plan.root)) {
            assets.push(asset(&plan.root));
        }
        assets
    }

    fn run(
        &self,
        plan: &Plan,
        approvals: &[Approval],
        peer: Peer,
        progress: &mut (dyn FnMut(&str) + Send),
    ) -> Reply {
        let (decision, permit, effects) = match self.decide(plan, approvals, peer) {
            Ok(decided) => decided,
            Err(refusal) => return *refusal,
        };
        let Some(permit) = permit.filter(|_| decision.verdict == Verdict::Allow) else {
            return Reply::Decided { decision };
        };
        let used: Vec<Approval> = approvals
            .iter()
            .filter(|approval| permit.approvals().contains(&approval.nonce))
            .cloned()
            .collect();
        let order = Order { plan, effects: &effects, approvals: &used };
        let mut say = |now: act::Progress| progress(&now.text);
        match self.engine.execute(permit, &order, &mut Recorder(&self.book), &mut say) {
            Ok(outcome) => ran(decision, outcome),
            Err(error) => Reply::Failed { message: error.to_string() },
        }
    }

    fn dry_run_result(&self, plan: PlanHash) -> Reply {
        match self.engine.dry_run_of(&plan) {
            Ok(report) => Reply::DryRun {
                result: report.and_then(|report| serde_json::to_value(report).ok()),
            },
            Err(error) => Reply::Failed { message: error.to_string() },
        }
    }

    /// Records the site's settings where they are not what was recorded last.
    fn record_settings(&self, site_policy: Option<&str>) -> Result<(), Failure> {
        let help = "free disk space, or run `ringfort verify`";
        let contacts = spine::hash_canonical("contacts", &self.contacts).or_hint(
            "the contacts have no canonical form",
            "mend `contacts` in the configuration",
        )?;
        let settings = json!({
            "site": self.site,
            "contacts": self.contacts.len(),
            "contacts_digest": contacts,
            "site_policy": site_policy.map(|text| spine::sha256_hex(text.as_bytes())),
        });
        let mut book = self.book.lock();
        if book.settings() == settings.as_object() {
            return Ok(());
        }
        book.write(ReceiptKind::Settings, None, None, settings)
            .or_hint("the site's settings cannot be recorded", help)
    }

    /// Records what somebody says was taken in. A feed informs and ranks; it never authorises, so
    /// nothing hangs on whether it is true, and who said it stands beside it.
    fn record_feeds(&self, feeds: &[FeedTaken], peer: Peer) -> Reply {
        let named = |taken: &FeedTaken| {
            let name = taken.feed.as_str();
            (1..=64).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if feeds.len() > FEEDS_MAX || !feeds.iter().all(named) {
            return self.refuse("these are no snapshots of feeds".into(), None, peer);
        }
        for taken in feeds {
            let body = json!({
                "feed": taken.feed, "sha256": taken.sha256, "as_of_ms": taken.as_of_ms,
                "uid": peer.uid,
            });
            if let Err(message) = self.book.lock().write(ReceiptKind::Feed, None, None, body) {
                return Reply::Failed { message };
            }
        }
        Reply::Done { text: format!("{} snapshots are recorded", feeds.len()) }
    }

    fn receipts(&self, from: u64, count: u32) -> Reply {
        match self.book.lock().receipts(from, count.min(protocol::RECEIPTS_MAX)) {
            Ok((size, checkpoint, leaves)) => Reply::Receipts { size, checkpoint, leaves },
            Err(message) => Reply::Failed { message },
        }
    }

    fn enrol(&self, who: keyring::Wanted<'_>, consent: Option<&Consent>, peer: Peer) -> Reply {
        if peer.uid != 0 {
            return self.refuse("keys are enrolled by root on this machine".into(), None, peer);
        }
        let mut keyring = lock(&self.keyring);
        let key = match keyring.check(who, consent, self.clock.now_ms()) {
            Ok(key) => key,
            Err(reason) => return self.refuse(reason, None, peer),
        };
        let body = json!({ "enrolled": key, "uid": peer.uid });
        let done = self.book.lock().write(ReceiptKind::Key, None, None, body);
        let person = key.person.clone();
        match done.and_then(|()| keyring.add(key)) {
            Ok(()) => Reply::Done { text: format!("the key of {person} is enrolled") },
            Err(message) => Reply::Failed { message },
        }
    }

    fn stop(&self, reason: &str, peer: Peer) -> Reply {
        let reason: String = reason.chars().take(200).collect();
        let body = json!({ "on": true, "reason": reason, "uid": peer.uid });
        match self.book.lock().write(ReceiptKind::KillSwitch, None, None, body) {
            Ok(()) => Reply::Done {
                text: "stopped: nothing is done from now on but taking things back".into(),
            },
            Err(message) => Reply::Failed { message },
        }
    }

    fn resume(&self, consent: &Consent, peer: Peer) -> Reply {
        let now_ms = self.clock.now_ms();
        let person = match lock(&self.keyring).consented(consent, "resume", now_ms) {
            Ok(person) => person,
            Err(reason) => return self.refuse(reason, None, peer),
        };
        let body = json!({ "on": false, "person": person, "uid": peer.uid });
        match self.book.lock().write(ReceiptKind::KillSwitch, None, None, body) {
            Ok(()) => Reply::Done { text: format!("released by {person}") },
            Err(message) => Reply::Failed { message },
        }
    }
}

/// The action that a step takes back, where it is such a step.
fn taken_back(step: &spine::Step) -> Option<spine::ActionId> {
    let action = step.params.get("action").filter(|_| step.actuator == "roll_back")?;
    action.as_str()?.parse().ok()
}

fn ran(decision: Decision, outcome: act::Outcome) -> Reply {
    Reply::Ran {
        decision,
        action: outcome.action,
        outcome: spine::OutcomeBody {
            state: outcome.state,
            message: outcome.message,
            dry_run: outcome.dry_run,
            took_back: outcome.took_back,
        },
        details: json!({
            "steps": outcome.results, "remains": outcome.remains, "kept": outcome.kept,
            "recorded": outcome.recorded,
        }),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
