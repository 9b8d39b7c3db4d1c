//! What can go wrong before anything is changed. What goes wrong later is an [`crate::Outcome`].

use std::io;
use std::path::Path;

use spine::PlanError;

use crate::record::RecordError;

/// Why an action was not started, or a step of it failed.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// No actuator has that name.
    #[error("there is no actuator `{0}`")]
    UnknownActuator(String),
    /// The actuator's own parser refused the parameters.
    #[error("`{actuator}` refuses its parameters: {reason}")]
    Params {
        /// The actuator.
        actuator: &'static str,
        /// What is wrong with them.
        reason: String,
    },
    /// The plan's shape is wrong.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The permit is for another plan, another host or another time.
    #[error("the permit does not admit this plan: {0}")]
    Permit(String),
    /// The effects are not those that were decided on.
    #[error("step {step} would now do something else than what was decided on")]
    EffectsChanged {
        /// The step, from 0.
        step: usize,
    },
    /// The machine is not in the state that the step needs.
    #[error("{0}")]
    Refused(String),
    /// The intent could not be recorded; nothing was done.
    #[error("the receipt of intent could not be written, so nothing was done: {0}")]
    Record(#[from] RecordError),
    /// A file could not be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The cause.
        source: io::Error,
    },
    /// A program could not be started, failed, or ran too long.
    #[error("`{program}` {reason}")]
    Child {
        /// The program.
        program: String,
        /// How it ended, with the last lines of what it said.
        reason: String,
    },
    /// A file of ours is not what we wrote.
    #[error("`{path}` is damaged: {reason}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ActError {
    /// A refusal in plain words.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }

    /// A damaged file.
    pub fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.display().to_string(), reason: reason.into() }
    }

    /// Whether the cause is a full disk.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
    }
}

/// Says what was being done when an I/O error came.
pub(crate) trait During<T> {
    /// Turns the error into an [`ActError`] with the words that `what` makes.
    fn during(self, what: impl FnOnce() -> String) -> Result<T, ActError>;
}

impl<T, E: Into<io::Error>> During<T> for Result<T, E> {
    fn during(self, what: impl FnOnce() -> String) -> Result<T, ActError> {
        self.map_err(|error| ActError::Io { what: what(), source: error.into() })
    }
}
