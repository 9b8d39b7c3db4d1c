//! Every failure a user sees: what happened, and what to do next.

use std::fmt::Display;
use std::process::ExitCode;

/// The exit codes of every verb. If several hold, the first of failure, refused, unknown,
/// findings wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or nothing to do.
    Done,
    /// 1: findings (also a failed verify).
    Findings,
    /// 2: the command line was wrong.
    Usage,
    /// 3: refused by the norms.
    Refused,
    /// 4: unknown or incomplete.
    Unknown,
    /// 5: failure.
    Failure,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Unknown => 4,
            Self::Failure => 5,
        }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Findings => 1,
            Self::Unknown => 2,
            Self::Refused => 3,
            Self::Failure => 4,
            Self::Usage => 5,
        }
    }

    /// The one that wins when both hold.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A failure with its hint.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{message}")]
pub struct Failure {
    /// What happened, in plain words.
    pub message: String,
    /// What to do next.
    #[help]
    pub help: String,
    /// The exit code.
    pub exit: Exit,
}

impl Failure {
    /// A failure (exit code 5).
    pub fn new(message: impl Display, help: impl Display) -> Self {
        Self { message: message.to_string(), help: help.to_string(), exit: Exit::Failure }
    }

    /// A wrong command line (exit code 2).
    pub fn usage(message: impl Display, help: impl Display) -> Self {
        Self { exit: Exit::Usage, ..Self::new(message, help) }
    }

    /// A refusal by the norms (exit code 3).
    pub fn refused(message: impl Display, help: impl Display) -> Self {
        Self { exit: Exit::Refused, ..Self::new(message, help) }
    }

    /// Something that could not be told (exit code 4).
    pub fn unknown(message: impl Display, help: impl Display) -> Self {
        Self { exit: Exit::Unknown, ..Self::new(message, help) }
    }
}

/// What a verb returns.
pub type Outcome = Result<Exit, Failure>;

/// Turns an error into a [`Failure`] with a hint.
pub trait OrHint<T> {
    /// Says what was being done and what to do next.
    fn or_hint(self, doing: impl Display, help: impl Display) -> Result<T, Failure>;
}

impl<T, E: Display> OrHint<T> for Result<T, E> {
    fn or_hint(self, doing: impl Display, help: impl Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(format!("{doing}: {error}"), help))
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn failure_beats_refused_beats_unknown_beats_findings() {
        let order = [Exit::Failure, Exit::Refused, Exit::Unknown, Exit::Findings, Exit::Done];
        for (i, strong) in order.iter().enumerate() {
            for weak in &order[i..] {
                assert_eq!(strong.and(*weak), *strong);
                assert_eq!(weak.and(*strong), *strong);
            }
        }
    }
}
