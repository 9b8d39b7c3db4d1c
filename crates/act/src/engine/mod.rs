//! The one way in: inspect, execute, recover, lapse.

mod lapse;
mod recover;
mod run;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use durable::Files;
use norms::Permit;
use rustix::fs::FlockOperation;
use serde_json::Value;
use spine::{
    ActionId, ActionState, Approval, Clock, DryRunOutcome, HostId, Lease, Plan, PlanHash, Rng,
    Step, StepEffect,
};

pub use recover::RecoveredAction;

use crate::actuator::{Context, Descriptor, Registered};
use crate::error::{ActError, During as _};
use crate::journal::ActionLog;
use crate::record::Record;
use crate::report::DryRunReport;
use crate::shadow;

/// What the engine is given at its start.
pub struct EngineConfig {
    /// The engine's own state, owned by root, such as `/var/lib/ringfort/exec`.
    pub dir: PathBuf,
    /// This host.
    pub host: HostId,
    /// The door to the disk.
    pub files: Arc<dyn Files>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Addresses that are never blocked, beside this machine's own, its gateways and its
    /// resolvers: the hub, partners, the owner's list.
    pub never_block: Vec<IpAddr>,
    /// Folders and files of ringfort itself that are never quarantined, beside
    /// [`EngineConfig::dir`]: the binary, configuration, ledger, keys.
    pub own_paths: Vec<PathBuf>,
}

/// What every part of the engine may use.
pub(crate) struct Shared {
    pub config: EngineConfig,
}

impl Shared {
    pub fn now_ms(&self) -> i64 {
        self.config.clock.now_ms()
    }

    pub fn files(&self) -> &dyn Files {
        self.config.files.as_ref()
    }

    pub fn dir(&self, name: &str) -> PathBuf {
        self.config.dir.join(name)
    }

    /// Every action that has a plan, oldest first.
    pub fn actions(&self) -> Result<Vec<ActionLog>, ActError> {
        let dir = self.dir("actions");
        let names = self.files().list(&dir).during(|| format!("listing `{}`", dir.display()))?;
        let mut actions = Vec::with_capacity(names.len());
        for name in names {
            actions.extend(ActionLog::load(self.files(), &dir, &name)?);
        }
        Ok(actions)
    }

    /// One action.
    pub fn action(&self, id: ActionId) -> Result<ActionLog, ActError> {
        let dir = self.dir("actions");
        let name = id.to_string();
        if !dir.join(&name).is_dir() {
            return Err(ActError::refused(format!("there is no action `{id}` on this host")));
        }
        ActionLog::load(self.files(), &dir, &name)?
            .ok_or_else(|| ActError::refused(format!("the action `{id}` never began")))
    }

    /// What the dry run of a plan showed.
    pub fn dry_run_of(&self, plan: &PlanHash) -> Result<Option<DryRunReport>, ActError> {
        let path = self.dir("dryruns").join(format!("{plan}.json"));
        let bytes = match self.files().read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.during(|| format!("reading `{}`", path.display()))?,
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| ActError::damaged(&path, error.to_string()))
    }
}

/// What the executor hands over with a permit.
pub struct Order<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The effects that the norms decided on, one a step, from [`Engine::inspect`].
    pub effects: &'a [StepEffect],
    /// The approvals that counted.
    pub approvals: &'a [Approval],
}

/// Told while an action runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The action.
    pub action: ActionId,
    /// The step, from 0.
    pub step: usize,
    /// Number of steps.
    pub steps: usize,
    /// The actuator.
    pub actuator: String,
    /// Where the action stands.
    pub state: ActionState,
    /// One line in plain words.
    pub text: String,
}

/// How an action ended. The receipt holds the same, without the results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The action.
    pub action: ActionId,
    /// The plan.
    pub plan: PlanHash,
    /// [`ActionState::Done`], [`ActionState::RolledBack`] or [`ActionState::Failed`].
    pub state: ActionState,
    /// One line in plain words.
    pub message: String,
    /// What each step showed, in its actuator's own shape.
    pub results: Vec<Value>,
    /// For a dry run: what it showed.
    pub dry_run: Option<DryRunOutcome>,
    /// For a roll-back: the action that was taken back.
    pub took_back: Option<ActionId>,
    /// For containment: when it lapses.
    pub lease: Option<Lease>,
    /// What could not be taken back although it was ours to take back.
    pub remains: Vec<String>,
    /// What was left alone or kept aside because somebody else changed it.
    pub kept: Vec<String>,
    /// Whether the receipt of outcome is durable. Where not, [`Engine::recover`] offers it again.
    pub recorded: bool,
}

/// One action, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionSummary {
    /// The action.
    pub id: ActionId,
    /// Its plan.
    pub plan: Plan,
    /// Where it stands.
    pub state: ActionState,
    /// When it began, milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// One line in plain words, once it ended.
    pub message: String,
    /// For containment: when it lapses.
    pub lease: Option<Lease>,
    /// Whether its changes stand: it is done and was not taken back since.
    pub stands: bool,
}

/// The engine. One process has the state folder at a time; one action runs at a time.
pub struct Engine {
    shared: Shared,
    busy: Mutex<()>,
    _lock: std::fs::File,
}

impl Engine {
    /// Takes the state folder, refuses where another process has it, and sweeps up what sandboxes
    /// of a killed process left behind. Call [`Engine::recover`] next.
    pub fn new(config: EngineConfig) -> Result<Self, ActError> {
        let shared = Shared { config };
        let dir = &shared.config.dir;
        for name in ["actions", "dryruns", "shadow", "quarantine", "apt"] {
            let path = dir.join(name);
            let doing = || format!("making `{}`", path.display());
            shared.files().create_dir_all(&path).during(doing)?;
        }
        let path = dir.join("lock");
        let lock = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .during(|| format!("opening `{}`", path.display()))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            ActError::refused(format!("another process is using `{}`", dir.display()))
        })?;
        shadow::sweep(&dir.join("shadow"))?;
        Ok(Self { shared, busy: Mutex::new(()), _lock: lock })
    }

    /// Every actuator.
    pub fn descriptors() -> Vec<Descriptor> {
        crate::actuators::REGISTRY.iter().map(|actuator| actuator.descriptor()).collect()
    }

    /// What a step would do here: computed by its actuator from parameters that it understood.
    pub fn inspect(&self, step: &Step, root: &Path) -> Result<StepEffect, ActError> {
        let cx = self.context(root, None, None, PathBuf::new(), &|_| {});
        find(&step.actuator)?.inspect(&cx, &step.params)
    }

    /// [`Engine::inspect`] for every step of a plan. Facts of the plan itself (what its dry run
    /// showed) are in it.
    pub fn inspect_plan(&self, plan: &Plan) -> Result<Vec<StepEffect>, ActError> {
        plan.check_shape()?;
        let root = Path::new(&plan.root);
        let cx = self.context(root, Some(plan.hash()?), None, PathBuf::new(), &|_| {});
        plan.steps.iter().map(|step| find(&step.actuator)?.inspect(&cx, &step.params)).collect()
    }

    /// Carries out a plan. An `Err` means that nothing was changed and that no receipt of intent
    /// stands without an outcome; how a started action ended is in the [`Outcome`].
    pub fn execute(
        &self,
        permit: Permit,
        order: &Order<'_>,
        record: &mut dyn Record,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Outcome, ActError> {
        let _busy = self.alone();
        run::execute(&self.shared, permit, order, record, progress)
    }

    /// Finishes or takes back what a crash left unfinished. May itself be killed at any point and
    /// called again.
    pub fn recover(&self, record: &mut dyn Record) -> Result<Vec<RecoveredAction>, ActError> {
        let _busy = self.alone();
        recover::recover(&self.shared, record)
    }

    /// Lets the leases lapse that are over at `now_ms`; returns their actions.
    pub fn lapse(&self, now_ms: i64, record: &mut dyn Record) -> Result<Vec<ActionId>, ActError> {
        let _busy = self.alone();
        lapse::lapse(&self.shared, now_ms, record)
    }

    /// When the next lease lapses, milliseconds since the Unix epoch.
    pub fn next_lapse_ms(&self) -> Result<Option<i64>, ActError> {
        lapse::next_lapse_ms(&self.shared)
    }

    /// Every action, oldest first.
    pub fn actions(&self) -> Result<Vec<ActionSummary>, ActError> {
        Ok(self.shared.actions()?.iter().map(summary).collect())
    }

    /// What the dry run of a plan showed, if there was one on this host.
    pub fn dry_run_of(&self, plan: &PlanHash) -> Result<Option<DryRunReport>, ActError> {
        self.shared.dry_run_of(plan)
    }

    /// Where the private package metadata of a root is kept: `lists/` as apt writes them
    /// (uncompressed), `debs/`, `sources/`, `refresh.json`.
    pub fn apt_dir(&self, root: &Path) -> PathBuf {
        crate::apt::private_dir(&self.shared, root)
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn context<'a>(
        &'a self,
        root: &'a Path,
        plan: Option<PlanHash>,
        action: Option<ActionId>,
        undo_dir: PathBuf,
        say: &'a dyn Fn(&str),
    ) -> Context<'a> {
        Context { shared: &self.shared, root, plan, action, undo_dir, say }
    }
}

fn summary(action: &ActionLog) -> ActionSummary {
    ActionSummary {
        id: action.id,
        plan: action.plan.clone(),
        state: action.state(),
        started_ms: action.started_ms,
        message: action.ended.as_ref().map(|o| o.message.clone()).unwrap_or_default(),
        lease: action.lease,
        stands: action.stands(),
    }
}

/// Takes back every step of an action, newest first.
pub(crate) fn take_back(shared: &Shared, log: &ActionLog) -> crate::actuator::Undone {
    run::take_back(shared, log)
}

/// The actuator of that name.
pub(crate) fn find(name: &str) -> Result<&'static dyn Registered, ActError> {
    crate::actuators::REGISTRY
        .iter()
        .find(|actuator| actuator.descriptor().name == name)
        .copied()
        .ok_or_else(|| ActError::UnknownActuator(name.chars().take(80).collect()))
}
