//! The undo journal: one folder an action, with a log of frames that says how far it came.
//!
//! ```text
//! <dir>/actions/<id>/journal     CRC frames, synced one by one
//! <dir>/actions/<id>/reserve     disk space for the frames that follow the change
//! <dir>/actions/<id>/undo-<n>/   what step n needs to be taken back
//! ```

use std::path::{Path, PathBuf};

use durable::{Files, FrameLog};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spine::{ActionId, ActionState, Lease, OutcomeBody, Plan, PlanHash};

use crate::error::{ActError, During as _};

/// One frame of the journal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
enum Frame {
    /// The action has an id and a plan; the ledger may not know of it.
    Draft { plan: Box<Plan>, hash: PlanHash, started_ms: i64 },
    /// The receipt of intent is durable.
    Intended { at_ms: i64 },
    /// A step came to a state. `data` is its undo when prepared, its check when done.
    Step { step: usize, state: ActionState, at_ms: i64, data: Value, lease: Option<Lease> },
    /// The action ended.
    Ended { at_ms: i64, outcome: Box<OutcomeBody> },
    /// The receipt of outcome is durable.
    Recorded { at_ms: i64 },
    /// A later action took this one back, or its lease lapsed.
    TakenBack { at_ms: i64, by: Option<ActionId> },
}

/// How far a step came.
#[derive(Clone, Debug)]
pub struct StepLog {
    /// The furthest state.
    pub state: ActionState,
    /// What `prepare` returned.
    pub undo: Value,
    /// What `verify` returned, or null.
    pub verified: Value,
}

/// One action, as its journal tells it.
pub struct ActionLog {
    /// The action.
    pub id: ActionId,
    /// Its folder.
    pub dir: PathBuf,
    /// The plan.
    pub plan: Plan,
    /// The plan's hash.
    pub hash: PlanHash,
    /// When it began, milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// Whether the receipt of intent is known to be durable.
    pub intended: bool,
    /// The steps that were prepared, in order.
    pub steps: Vec<StepLog>,
    /// For containment: when it lapses.
    pub lease: Option<Lease>,
    /// How it ended.
    pub ended: Option<OutcomeBody>,
    /// Whether the receipt of outcome is known to be durable.
    pub recorded: bool,
    /// Whether it was taken back later, and by which action (none: its lease lapsed).
    pub taken_back: Option<Option<ActionId>>,
    log: FrameLog,
}

const RESERVE_BYTES: usize = 256 << 10;

impl ActionLog {
    /// Begins an action: folder, reserve, first frame; all durable.
    pub fn begin(
        files: &dyn Files,
        actions: &Path,
        id: ActionId,
        (plan, hash): (&Plan, PlanHash),
        started_ms: i64,
    ) -> Result<Self, ActError> {
        let dir = actions.join(id.to_string());
        let doing = || format!("beginning the journal `{}`", dir.display());
        files.create_dir_all(&dir).during(doing)?;
        files.write_atomic(&dir.join("reserve"), &vec![0x5a; RESERVE_BYTES]).during(doing)?;
        let (log, _) = FrameLog::open(files, &dir.join("journal")).during(doing)?;
        let mut action = Self {
            id,
            plan: plan.clone(),
            hash,
            started_ms,
            intended: false,
            steps: Vec::new(),
            lease: None,
            ended: None,
            recorded: false,
            taken_back: None,
            log,
            dir: dir.clone(),
        };
        action.write(&Frame::Draft { plan: Box::new(plan.clone()), hash, started_ms })?;
        Ok(action)
    }

    /// Reads an action back. `None` where its first frame never became durable.
    pub fn load(files: &dyn Files, actions: &Path, name: &str) -> Result<Option<Self>, ActError> {
        let dir = actions.join(name);
        let path = dir.join("journal");
        let Ok(id) = name.parse::<ActionId>() else {
            return Err(ActError::damaged(&dir, "the folder's name is not an action id"));
        };
        let (log, recovered) = FrameLog::open(files, &path)
            .during(|| format!("reading the journal `{}`", path.display()))?;
        let mut frames = recovered.frames.iter().map(|bytes| {
            serde_json::from_slice::<Frame>(bytes)
                .map_err(|error| ActError::damaged(&path, error.to_string()))
        });
        let Some(first) = frames.next().transpose()? else { return Ok(None) };
        let Frame::Draft { plan, hash, started_ms } = first else {
            return Err(ActError::damaged(&path, "it does not begin with a plan"));
        };
        let mut action = Self {
            id,
            dir,
            plan: *plan,
            hash,
            started_ms,
            intended: false,
            steps: Vec::new(),
            lease: None,
            ended: None,
            recorded: false,
            taken_back: None,
            log,
        };
        for frame in frames {
            action.replay(frame?);
        }
        Ok(Some(action))
    }

    fn replay(&mut self, frame: Frame) {
        match frame {
            Frame::Draft { .. } => {}
            Frame::Intended { .. } => self.intended = true,
            Frame::Step { step, state, data, lease, .. } => self.note(step, state, data, lease),
            Frame::Ended { outcome, .. } => self.ended = Some(*outcome),
            Frame::Recorded { .. } => self.recorded = true,
            Frame::TakenBack { by, .. } => self.taken_back = Some(by),
        }
    }

    fn note(&mut self, step: usize, state: ActionState, data: Value, lease: Option<Lease>) {
        if state == ActionState::Prepared {
            self.steps.truncate(step);
            self.steps.push(StepLog { state, undo: data, verified: Value::Null });
            self.lease = match (self.lease, lease) {
                (Some(old), Some(new)) if old.expires_ms > new.expires_ms => Some(old),
                (old, new) => new.or(old),
            };
        } else if let Some(log) = self.steps.get_mut(step) {
            log.state = state;
            if state == ActionState::Done {
                log.verified = data;
            }
        }
    }

    fn write(&mut self, frame: &Frame) -> Result<(), ActError> {
        let path = self.dir.join("journal");
        let doing = || format!("writing the journal `{}`", path.display());
        let bytes = serde_json::to_vec(frame).map_err(std::io::Error::from).during(doing)?;
        self.log.append(&bytes).and_then(|()| self.log.sync()).during(doing)
    }

    /// The receipt of intent is durable.
    pub fn intended(&mut self, at_ms: i64) -> Result<(), ActError> {
        self.write(&Frame::Intended { at_ms })?;
        self.intended = true;
        Ok(())
    }

    /// A step came to a state.
    pub fn step(
        &mut self,
        (step, state): (usize, ActionState),
        data: Value,
        lease: Option<Lease>,
        at_ms: i64,
    ) -> Result<(), ActError> {
        self.write(&Frame::Step { step, state, at_ms, data: data.clone(), lease })?;
        self.note(step, state, data, lease);
        Ok(())
    }

    /// The action ended.
    pub fn ended(&mut self, outcome: &OutcomeBody, at_ms: i64) -> Result<(), ActError> {
        self.write(&Frame::Ended { at_ms, outcome: Box::new(outcome.clone()) })?;
        self.ended = Some(outcome.clone());
        Ok(())
    }

    /// The receipt of outcome is durable.
    pub fn recorded(&mut self, at_ms: i64) -> Result<(), ActError> {
        self.write(&Frame::Recorded { at_ms })?;
        self.recorded = true;
        Ok(())
    }

    /// The action was taken back.
    pub fn taken_back(&mut self, by: Option<ActionId>, at_ms: i64) -> Result<(), ActError> {
        self.write(&Frame::TakenBack { at_ms, by })?;
        self.taken_back = Some(by);
        Ok(())
    }

    /// Gives back the disk space that was set aside for the frames that follow the change.
    pub fn release_reserve(&self, files: &dyn Files) {
        // A reserve that stays costs 256 KiB and nothing else.
        let _ = files.remove(&self.dir.join("reserve"));
    }

    /// The folder of a step's undo.
    pub fn undo_dir(&self, step: usize) -> PathBuf {
        self.dir.join(format!("undo-{step}"))
    }

    /// Whether the action's changes stand.
    pub fn stands(&self) -> bool {
        let done = self.ended.as_ref().is_some_and(|outcome| outcome.state == ActionState::Done);
        done && self.taken_back.is_none()
    }

    /// Where the action stands.
    pub fn state(&self) -> ActionState {
        match (&self.ended, self.steps.last()) {
            (Some(outcome), _) => outcome.state,
            (None, Some(step)) if step.state == ActionState::Done => ActionState::Verifying,
            (None, Some(step)) => step.state,
            (None, None) => ActionState::Intended,
        }
    }
}
