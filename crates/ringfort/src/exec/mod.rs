//! The privileged executor: root, no network of its own, one Unix socket.
//!
//! It believes nothing that it is told. For every plan it inspects the steps itself, gathers the
//! facts itself, verifies the signatures of approvals with its own list of keys, decides with its
//! own policy, and records what it decided before it does anything. A stolen hub, session or
//! database can propose all day.
//!
//! | file | holds |
//! |---|---|
//! | `protocol.rs` | what is said over the socket |
//! | `server.rs` | connections: limits, who may speak, one thread each |
//! | `mod.rs` | what is done with each request |
//! | `book.rs` | the ledger and what is counted from it |
//! | `keyring.rs` | the keys that may approve |
//! | `client.rs`, `spawn.rs` | the other end, and starting ringfort's own processes |

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use act::{Engine, EngineConfig};
use durable::{Files, StdFiles};
use norms::Norms;
use serde_json::json;
use spine::{
    Approval, Clock, Decision, EffectClass, HostId, Plan, PlanHash, ReceiptKind, Rng, SiteConfig,
    StepEffect, Verdict,
};

use crate::config::Layers;
use crate::failure::{Failure, OrHint as _};
use book::{Book, Recorder, SharedBook};
use keyring::Keyring;
use protocol::{Consent, Reply, Request, Standing};

pub mod book;
pub mod client;
pub mod evidence;
pub mod keyring;
pub mod protocol;
pub mod server;
pub mod spawn;

/// How far a plan's clock may run ahead, milliseconds.
const CLOCK_AHEAD_MS: i64 = 5 * 60 * 1_000;
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
    engine: Mutex<Engine>,
    clock: Arc<dyn Clock>,
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
        let mut engine = Engine::new(EngineConfig {
            dir: dir.clone(),
            host,
            files,
            clock: clock.clone(),
            rng,
            never_block: config.site.never_block.clone(),
        })
        .or_hint("the engine does not open", "run `ringfort verify` to see the last record")?;
        for recovered in engine
            .recover(&mut Recorder(&book))
            .or_hint("an unfinished action could not be taken back", "free disk space, start again")?
        {
            warnings.push(format!("after a crash: {recovered}"));
        }
        let (keyring, engine) = (Mutex::new(keyring), Mutex::new(engine));
        let site = config.site;
        Ok((Self { dir, host, site, norms, book, keyring, engine, clock }, warnings))
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
            Request::DryRun { plan } => self.dry_run_result(plan),
            Request::Actions => Reply::Actions { actions: self.book.lock().actions() },
            Request::Enrol { public, person, consent } => {
                self.enrol((&public, &person), consent.as_ref(), peer)
            }
            Request::Stop { reason } => self.stop(&reason, peer),
            Request::Resume { consent } => self.resume(&consent, peer),
        }
    }

    /// Lets containments lapse whose time has come; returns when the next one will.
    pub fn lapse(&self) -> Option<i64> {
        let mut engine = lock(&self.engine);
        let now_ms = self.clock.now_ms();
        if let Err(error) = engine.lapse(now_ms, &mut Recorder(&self.book)) {
            tracing::error!(%error, "a containment could not lapse");
        }
        engine.next_lapse_ms()
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
            ledger_key: book.verifier_key(),
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

    /// Checks a plan, decides, and records the decision. The error is the reply of a refusal.
    #[expect(clippy::type_complexity, reason = "the three things a decision gives")]
    fn decide(
        &self,
        plan: &Plan,
        approvals: &[Approval],
        peer: Peer,
    ) -> Result<(Decision, Option<norms::Permit>, Vec<StepEffect>), Box<Reply>> {
        let refuse = |reason: String, hash| Box::new(self.refuse(reason, hash, peer));
        plan.check_shape().map_err(|error| refuse(error.to_string(), None))?;
        let hash = plan.hash().map_err(|error| refuse(error.to_string(), None))?;
        self.check_fresh(plan, hash).map_err(|reason| refuse(reason, Some(hash)))?;
        let root = Path::new(&plan.root);
        let effects: Result<Vec<_>, _> = {
            let engine = lock(&self.engine);
            plan.steps.iter().map(|step| engine.inspect(step, root)).collect()
        };
        let effects = effects.map_err(|error| refuse(error.to_string(), Some(hash)))?;
        let facts = self.gather(plan, &effects);
        let (decision, permit) = self.norms.decide(plan, &facts, approvals);
        let recorded = self.book.lock().write(ReceiptKind::Decision, Some(hash), None, &decision);
        recorded.map_err(|error| {
            let message = format!("the decision cannot be recorded, so nothing is done: {error}");
            Box::new(Reply::Failed { message })
        })?;
        Ok((decision, permit, effects))
    }

    fn check_fresh(&self, plan: &Plan, hash: PlanHash) -> Result<(), String> {
        if plan.host != self.host {
            return Err("the plan is for another host".into());
        }
        let age_ms = self.clock.now_ms().saturating_sub(plan.created_ms);
        if !(-CLOCK_AHEAD_MS..=PLAN_AGE_MS_MAX).contains(&age_ms) {
            return Err("the plan is older than eight days or from the future".into());
        }
        if self.book.lock().history().carried_out(&hash) {
            return Err("exactly this plan was carried out before".into());
        }
        Ok(())
    }

    fn gather(&self, plan: &Plan, effects: &[StepEffect]) -> norms::Facts {
        let confirmed = evidence::confirmed(plan, effects);
        let approvers = lock(&self.keyring).approvers();
        let mut book = self.book.lock();
        let ledger_healthy = book.healthy();
        facts::gather(
            plan,
            effects,
            &facts::Context {
                host: self.host,
                site: &self.site,
                history: book.history(),
                ledger_healthy,
                approvers: &approvers,
                confirmed_evidence: &confirmed,
                never_block: &self.site.never_block,
                clock: &*self.clock,
            },
        )
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
        let mut engine = lock(&self.engine);
        let used = approvals
            .iter()
            .filter(|approval| decision.approvers.contains(&approval.approver))
            .map(|approval| approval.nonce.clone())
            .collect();
        let request = act::Request { permit, plan, effects: &effects, approvals: used };
        match engine.execute(request, &mut Recorder(&self.book), progress) {
            Ok(outcome) => Reply::Ran {
                decision,
                action: outcome.action,
                outcome: outcome.body,
                details: outcome.details,
            },
            Err(error) => Reply::Failed { message: error.to_string() },
        }
    }

    fn dry_run_result(&self, plan: PlanHash) -> Reply {
        let path = self.dir.join("dryruns").join(format!("{plan}.json"));
        let result = StdFiles.read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Reply::DryRun { result }
    }

    fn enrol(&self, who: (&str, &str), consent: Option<&Consent>, peer: Peer) -> Reply {
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

/// Whether the furthest-reaching effect only observes.
pub fn only_observes(effects: &[StepEffect]) -> bool {
    effects.iter().all(|effect| effect.class == EffectClass::Observe)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

const SITE_POLICY: &str = "/etc/ringfort/site.cedar";

/// The site's own policy, which can only tighten; absent is fine, unreadable is not.
fn site_policy() -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(SITE_POLICY) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let help = "make it readable for root, or remove it";
            Err(Failure::new(format!("cannot read `{SITE_POLICY}`: {error}"), help))
        }
    }
}
