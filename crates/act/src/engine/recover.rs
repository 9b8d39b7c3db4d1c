//! After a kill or a reboot: every unfinished action is taken back, every outcome is recorded.

use std::fmt;
use std::path::Path;

use serde_json::{Map, json};
use spine::{ActionId, ActionState, ReceiptKind};

use super::{Shared, run};
use crate::apt;
use crate::error::ActError;
use crate::journal::ActionLog;
use crate::record::Record;

/// What became of an action that was unfinished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredAction {
    /// The action.
    pub action: ActionId,
    /// How it stands now.
    pub state: ActionState,
    /// One line in plain words.
    pub message: String,
}

impl fmt::Display for RecoveredAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "action {}: {}", self.action, self.message)
    }
}

/// See [`super::Engine::recover`].
pub(super) fn recover(
    shared: &Shared,
    record: &mut dyn Record,
) -> Result<Vec<RecoveredAction>, ActError> {
    let mut recovered = Vec::new();
    sweep_unbegun(shared)?;
    for mut log in shared.actions()? {
        if log.recorded {
            continue;
        }
        if !log.intended && !record.has_intent(&log.id)? {
            // The receipt of intent never became durable, so nothing was changed.
            let _ = std::fs::remove_dir_all(&log.dir);
            continue;
        }
        if !log.intended {
            log.intended(shared.now_ms())?;
        }
        recovered.push(recover_one(shared, &mut log, record)?);
    }
    Ok(recovered)
}

fn recover_one(
    shared: &Shared,
    log: &mut ActionLog,
    record: &mut dyn Record,
) -> Result<RecoveredAction, ActError> {
    let mut outcome = match log.ended.clone() {
        // It had ended; only the receipt was missing.
        Some(body) => {
            let mut outcome = run::after_undo(log, &crate::actuator::Undone::default(), "");
            outcome.state = body.state;
            outcome.message = body.message;
            outcome.dry_run = body.dry_run;
            outcome.took_back = body.took_back;
            outcome
        }
        None => {
            wait_for_package_manager(log)?;
            let undone = run::take_back(shared, log);
            run::after_undo(log, &undone, "ringfort was stopped in the middle of it")
        }
    };
    let mut body = Map::new();
    body.insert("state".into(), json!(outcome.state));
    body.insert("message".into(), json!(outcome.message));
    if record.has_outcome(&log.id)? {
        log.recorded(shared.now_ms())?;
    } else {
        record.note(ReceiptKind::Recovery, &log.id, &log.hash, body)?;
        run::finish(shared, log, &mut outcome, record);
    }
    Ok(RecoveredAction { action: log.id, state: outcome.state, message: outcome.message })
}

/// Folders of actions whose first frame never became durable.
fn sweep_unbegun(shared: &Shared) -> Result<(), ActError> {
    let dir = shared.dir("actions");
    for name in shared.files().list(&dir).unwrap_or_default() {
        if ActionLog::load(shared.files(), &dir, &name)?.is_none() {
            let _ = std::fs::remove_dir_all(dir.join(name));
        }
    }
    Ok(())
}

/// A package manager that outlived us is let finish before its work is taken back.
fn wait_for_package_manager(log: &ActionLog) -> Result<(), ActError> {
    let root = Path::new(&log.plan.root);
    for (index, step) in log.plan.steps.iter().enumerate() {
        if step.actuator == "apt.upgrade" {
            apt::at_work::wait_for_end(root, &log.undo_dir(index))?;
        }
    }
    Ok(())
}
