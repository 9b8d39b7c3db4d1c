//! Carrying out one plan: permit, inspect again, precheck, intent, undo on disk, apply, verify,
//! outcome; and taking back whatever was begun when a step fails.

use std::path::Path;

use norms::Permit;
use serde_json::Value;
use spine::invariant::Invariant;
use spine::{
    ActionId, ActionState, EffectClass, IntentBody, Lease, OutcomeBody, StepEffect, Target,
};

use super::{Order, Outcome, Progress, Shared, find};
use crate::actuator::{Applied, Context, Undone};
use crate::error::ActError;
use crate::journal::ActionLog;
use crate::limits;
use crate::record::Record;

/// See [`super::Engine::execute`].
pub(super) fn execute(
    shared: &Shared,
    permit: Permit,
    order: &Order<'_>,
    record: &mut dyn Record,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, ActError> {
    let now_ms = shared.now_ms();
    let approvers = permit.approvers().to_vec();
    let nonces = permit.approvals().to_vec();
    let admitted = permit
        .consume(order.plan, shared.config.host, now_ms)
        .map_err(|error| ActError::Permit(error.to_string()))?;
    let hash = order.plan.hash()?;
    Invariant::PermitMatchesPlan.check(admitted.plan() == hash);
    Invariant::PermitOnThisHost.check(admitted.host() == shared.config.host);
    let root = Path::new(&order.plan.root);
    check_again(shared, order, root)?;

    let id = ActionId::new(shared.config.clock.as_ref(), shared.config.rng.as_ref());
    let mut log =
        ActionLog::begin(shared.files(), &shared.dir("actions"), id, (order.plan, hash), now_ms)?;
    let lapses_ms = lease(order.effects, now_ms).map(|lease| lease.expires_ms);
    let intent = IntentBody {
        action_types: order.effects.iter().map(|effect| effect.action_type).collect(),
        class: furthest(order.effects),
        author: order.plan.author,
        root: order.plan.root.clone(),
        targets: targets(order.effects),
        approvals: nonces,
        approvers,
        lapses_ms,
        ring: order.plan.ring.map(|budget| budget.ring),
    };
    if let Err(error) = record.intent(&id, &hash, &intent) {
        forget(shared, &log);
        return Err(error.into());
    }
    // From here on there is an outcome, whatever happens.
    let begun = log.intended(shared.now_ms());
    let mut run = Run { shared, order, log, root, progress };
    let result = begun.and_then(|()| run.steps());
    let mut outcome = run.end(result);
    finish(shared, &mut run.log, &mut outcome, record);
    Ok(outcome)
}

/// Precheck and inspect every step again: the machine may have changed since the decision.
fn check_again(shared: &Shared, order: &Order<'_>, root: &Path) -> Result<(), ActError> {
    let say = |_: &str| {};
    let cx = Context {
        shared,
        root,
        plan: Some(order.plan.hash()?),
        action: None,
        undo_dir: std::path::PathBuf::new(),
        say: &say,
    };
    if order.plan.steps.len() != order.effects.len() {
        return Err(ActError::EffectsChanged { step: order.effects.len() });
    }
    for (index, (step, decided)) in order.plan.steps.iter().zip(order.effects).enumerate() {
        let actuator = find(&step.actuator)?;
        if actuator.inspect(&cx, &step.params)? != *decided {
            return Err(ActError::EffectsChanged { step: index });
        }
        actuator.precheck(&cx, &step.params)?;
    }
    Ok(())
}

struct Run<'a> {
    shared: &'a Shared,
    order: &'a Order<'a>,
    log: ActionLog,
    root: &'a Path,
    progress: &'a mut dyn FnMut(Progress),
}

impl Run<'_> {
    fn steps(&mut self) -> Result<Vec<Applied>, ActError> {
        let mut applied = Vec::new();
        for index in 0..self.order.plan.steps.len() {
            applied.push(self.step(index)?);
        }
        Ok(applied)
    }

    fn step(&mut self, index: usize) -> Result<Applied, ActError> {
        let (Some(step), Some(effect)) =
            (self.order.plan.steps.get(index), self.order.effects.get(index))
        else {
            return Err(ActError::EffectsChanged { step: index });
        };
        let actuator = find(&step.actuator)?;
        let undo = self.with(index, |cx| actuator.prepare(cx, &step.params))?;
        let now_ms = self.shared.now_ms();
        let lease = lease(std::slice::from_ref(effect), now_ms);
        Invariant::LeaseHasEnd.check(lease.is_some() == (effect.class == EffectClass::Contain));
        Invariant::IntentBeforeAct.check(self.log.intended);
        self.log.step((index, ActionState::Prepared), undo.clone(), lease, now_ms)?;
        Invariant::UndoBeforeApply.check(self.log.steps.len() == index + 1);
        self.log.step((index, ActionState::Applying), Value::Null, None, now_ms)?;
        let applied = self.with(index, |cx| actuator.apply(cx, &step.params, &undo))?;
        let now_ms = self.shared.now_ms();
        self.log.step((index, ActionState::Verifying), Value::Null, None, now_ms)?;
        let verified = self.with(index, |cx| actuator.verify(cx, &step.params, &undo))?;
        self.log.step((index, ActionState::Done), verified, None, self.shared.now_ms())?;
        Ok(applied)
    }

    /// Calls a part of an actuator with what it may know, and hands on what it says.
    fn with<T>(&mut self, index: usize, part: impl FnOnce(&Context<'_>) -> T) -> T {
        let steps = self.order.plan.steps.len();
        let actuator = self.order.plan.steps.get(index).map_or("", |step| step.actuator.as_str());
        let state = self.log.steps.get(index).map_or(ActionState::Intended, |step| step.state);
        let action = self.log.id;
        let told = std::cell::RefCell::new(&mut *self.progress);
        let say = |text: &str| {
            if let Ok(mut progress) = told.try_borrow_mut() {
                let actuator = actuator.to_owned();
                progress(Progress {
                    action,
                    step: index,
                    steps,
                    actuator,
                    state,
                    text: text.to_owned(),
                });
            }
        };
        part(&Context {
            shared: self.shared,
            root: self.root,
            plan: Some(self.log.hash),
            action: Some(action),
            undo_dir: self.log.undo_dir(index),
            say: &say,
        })
    }

    /// The outcome; a failure takes everything back that was begun.
    fn end(&mut self, result: Result<Vec<Applied>, ActError>) -> Outcome {
        match result {
            Ok(applied) => {
                let mut outcome = blank(&self.log, ActionState::Done);
                let words: Vec<&str> = applied.iter().map(|step| step.message.as_str()).collect();
                outcome.message = cut(&words.join("; "));
                outcome.dry_run = applied.iter().find_map(|step| step.dry_run.clone());
                outcome.took_back = applied.iter().find_map(|step| step.took_back);
                outcome.results = applied.into_iter().map(|step| step.result).collect();
                outcome.lease = self.log.lease;
                outcome
            }
            Err(error) => {
                let observes = furthest(self.order.effects) == EffectClass::Observe;
                let touched =
                    !observes && self.log.steps.iter().any(|s| s.state >= ActionState::Applying);
                let undone = take_back(self.shared, &self.log);
                let mut outcome = after_undo(&self.log, &undone, &error.to_string());
                if !touched {
                    outcome.state = ActionState::Failed;
                    outcome.message = cut(&format!("nothing was changed: {error}"));
                }
                outcome
            }
        }
    }
}

/// Takes back every step that was prepared, newest first.
pub(super) fn take_back(shared: &Shared, log: &ActionLog) -> Undone {
    let say = |_: &str| {};
    let mut all = Undone::default();
    for (index, done) in log.steps.iter().enumerate().rev() {
        let Some(step) = log.plan.steps.get(index) else { continue };
        let cx = Context {
            shared,
            root: Path::new(&log.plan.root),
            plan: Some(log.hash),
            action: Some(log.id),
            undo_dir: log.undo_dir(index),
            say: &say,
        };
        let undone = find(&step.actuator)
            .and_then(|actuator| actuator.undo(&cx, &step.params, &done.undo, &done.verified));
        match undone {
            Ok(undone) => {
                all.failed.extend(undone.failed);
                all.kept.extend(undone.kept);
            }
            Err(error) => all.failed.push(format!("`{}`: {error}", step.actuator)),
        }
    }
    all.failed.dedup();
    all
}

/// The outcome after taking back because of `why`.
pub(super) fn after_undo(log: &ActionLog, undone: &Undone, why: &str) -> Outcome {
    let whole = undone.failed.is_empty();
    let state = if whole { ActionState::RolledBack } else { ActionState::Failed };
    let mut outcome = blank(log, state);
    outcome.message = match undone.failed.as_slice() {
        [] => cut(&format!("taken back: {why}")),
        [one] => cut(&format!("{why}; {one}")),
        [_, _, ..] => {
            let count = undone.failed.len();
            cut(&format!("{why}; {count} things could not be taken back and are named"))
        }
    };
    outcome.remains = undone.failed.iter().take(limits::REMAINS_NAMED_MAX).cloned().collect();
    outcome.kept.clone_from(&undone.kept);
    outcome
}

/// Writes journal and receipt of how an action ended. What cannot be written now is written by the
/// next recovery.
pub(super) fn finish(
    shared: &Shared,
    log: &mut ActionLog,
    outcome: &mut Outcome,
    record: &mut dyn Record,
) {
    log.release_reserve(shared.files());
    let body = OutcomeBody {
        state: outcome.state,
        message: outcome.message.clone(),
        dry_run: outcome.dry_run.clone(),
        took_back: outcome.took_back,
    };
    if let Err(error) = log.ended(&body, shared.now_ms()) {
        tracing::error!(%error, action = %log.id, "the journal could not be closed");
    }
    Invariant::OutcomeAfterIntent.check(log.intended);
    match record.outcome(&log.id, &log.hash, &body) {
        Ok(()) => {
            outcome.recorded = true;
            if let Err(error) = log.recorded(shared.now_ms()) {
                tracing::warn!(%error, action = %log.id, "the journal could not be closed");
            }
        }
        Err(error) => tracing::error!(%error, action = %log.id, "the outcome waits for recovery"),
    }
    if outcome.state == ActionState::Done
        && let Some(other) = outcome.took_back
        && let Ok(mut other) = shared.action(other)
        && let Err(error) = other.taken_back(Some(log.id), shared.now_ms())
    {
        tracing::warn!(%error, "the action that was taken back is not marked");
    }
}

fn blank(log: &ActionLog, state: ActionState) -> Outcome {
    Outcome {
        action: log.id,
        plan: log.hash,
        state,
        message: String::new(),
        results: Vec::new(),
        dry_run: None,
        took_back: None,
        lease: None,
        remains: Vec::new(),
        kept: Vec::new(),
        recorded: false,
    }
}

/// Removes the folder of an action that never began.
fn forget(shared: &Shared, log: &ActionLog) {
    for name in ["reserve", "journal"] {
        if let Err(error) = shared.files().remove(&log.dir.join(name)) {
            tracing::warn!(%error, "a journal without an action stays behind");
        }
    }
    let _ = std::fs::remove_dir(&log.dir);
}

fn cut(text: &str) -> String {
    text.chars().take(limits::MESSAGE_CHARS_MAX).collect()
}

fn furthest(effects: &[StepEffect]) -> EffectClass {
    let rank = |class: EffectClass| match class {
        EffectClass::Observe => 0,
        EffectClass::RollBack => 1,
        EffectClass::Contain => 2,
        EffectClass::Change => 3,
    };
    let classes = effects.iter().map(|effect| effect.class);
    classes.max_by_key(|class| rank(*class)).unwrap_or(EffectClass::Change)
}

fn targets(effects: &[StepEffect]) -> Vec<Target> {
    let all = effects.iter().flat_map(|effect| effect.targets.iter().cloned());
    all.take(limits::TARGETS_MAX).collect()
}

fn lease(effects: &[StepEffect], now_ms: i64) -> Option<Lease> {
    let ttl_s = effects
        .iter()
        .filter(|effect| effect.class == EffectClass::Contain)
        .filter_map(|effect| effect.ttl_s)
        .max()?;
    Some(Lease { expires_ms: now_ms.saturating_add(i64::from(ttl_s) * 1_000) })
}
