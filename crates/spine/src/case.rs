//! The few findings that a person should look at together, and the states a case goes through.
//!
//! ```text
//!            propose            approve           act              verify
//!   Open ───────────▶ Planned ─────────▶ Approved ───▶ Acting ─────────────▶ Verifying
//!    ▲ ▲                 │ withdraw          │ expire     │ fail / roll back     │ confirm
//!    │ └─────────────────┴───────────────────┴────────────┘◀── contradict ──────┤
//!    └────── reopen ───── Fixed ◀───────────────────────────────────────────────┘
//!                         Dismissed / Accepted (by a person, from any waiting state)
//! ```

use serde::{Deserialize, Serialize};

use crate::{CaseId, FindingId, HostId, canonical::CanonicalError, hash_canonical};

/// The state of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// Waits for somebody or something to propose a fix.
    Open,
    /// A plan exists.
    Planned,
    /// The plan may run.
    Approved,
    /// The plan runs.
    Acting,
    /// The plan ran; a scan has not yet confirmed it.
    Verifying,
    /// A scan made after the action no longer finds it.
    Fixed,
    /// A person said it is not a problem.
    Dismissed,
    /// A person accepted the risk.
    Accepted,
}

/// What moves a case from state to state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseEvent {
    /// A plan was made.
    Propose,
    /// The plan was withdrawn, or its evidence changed.
    Withdraw,
    /// The norms allow the plan.
    Approve,
    /// The approval ran out before the plan started.
    Expire,
    /// The plan started.
    Start,
    /// The plan failed or was rolled back.
    RollBack,
    /// The plan ended well.
    Finish,
    /// A later scan no longer finds it.
    Confirm,
    /// A later scan still finds it.
    Contradict,
    /// A person says it is not a problem.
    Dismiss,
    /// A person accepts the risk.
    Accept,
    /// It is found again, or a person changed their mind.
    Reopen,
}

/// A move that the state machine does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a case that is {from:?} cannot take the step {event:?}")]
pub struct IllegalTransition {
    /// The state the case is in.
    pub from: CaseState,
    /// The step that was asked for.
    pub event: CaseEvent,
}

impl CaseState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Open,
        Self::Planned,
        Self::Approved,
        Self::Acting,
        Self::Verifying,
        Self::Fixed,
        Self::Dismissed,
        Self::Accepted,
    ];

    /// The state after an event, or why there is none.
    pub const fn after(self, event: CaseEvent) -> Result<Self, IllegalTransition> {
        use CaseEvent as E;
        Ok(match (self, event) {
            (Self::Open | Self::Planned, E::Propose) => Self::Planned,
            (Self::Planned | Self::Approved, E::Withdraw)
            | (Self::Approved, E::Expire)
            | (Self::Acting | Self::Verifying | Self::Fixed, E::RollBack)
            | (Self::Verifying, E::Contradict)
            | (Self::Fixed | Self::Dismissed | Self::Accepted, E::Reopen) => Self::Open,
            (Self::Planned, E::Approve) => Self::Approved,
            (Self::Approved, E::Start) => Self::Acting,
            (Self::Acting, E::Finish) => Self::Verifying,
            // A fix may also come from outside: somebody upgraded by hand.
            (Self::Open | Self::Planned | Self::Approved | Self::Verifying, E::Confirm) => {
                Self::Fixed
            }
            (Self::Open | Self::Planned | Self::Approved, E::Dismiss) => Self::Dismissed,
            (Self::Open | Self::Planned | Self::Approved, E::Accept) => Self::Accepted,
            (from, event) => return Err(IllegalTransition { from, event }),
        })
    }

    /// Whether the case still waits for something.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Fixed | Self::Dismissed | Self::Accepted)
    }
}

/// What to do when: the outcomes of the SSVC deployer tree (CERT/CC, SSVC 2.1), most urgent last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// SSVC `defer`: no action now.
    Defer,
    /// SSVC `scheduled`: at the next maintenance window.
    Scheduled,
    /// SSVC `out-of-cycle`: sooner than the next window.
    OutOfCycle,
    /// SSVC `immediate`: now, with all hands.
    Immediate,
}

/// The few findings that a person should look at together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The case's identity, the same on every scan that finds the same thing.
    pub id: CaseId,
    /// The host it is about.
    pub host: HostId,
    /// The kind of case, such as `patch`.
    pub kind: String,
    /// What it is about, such as the source package's name.
    pub subject: String,
    /// One line in plain words.
    pub title: String,
    /// What to do when.
    pub priority: Priority,
    /// Where it stands.
    pub state: CaseState,
    /// Who looks after it, if anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The findings.
    pub findings: Vec<FindingId>,
    /// Standard ids over all findings.
    pub ids: Vec<String>,
    /// Why it is a case and why it stands where it stands, one sentence a line.
    pub explanation: Vec<String>,
    /// When it was first seen, milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When it last changed, milliseconds since the Unix epoch.
    pub updated_ms: i64,
}

impl Case {
    /// The identity of the case of this kind and subject on this host.
    pub fn identity(host: HostId, kind: &str, subject: &str) -> Result<CaseId, CanonicalError> {
        hash_canonical("case", &(host, kind, subject)).map(CaseId)
    }

    /// Takes a step of the state machine.
    pub fn step(&mut self, event: CaseEvent, now_ms: i64) -> Result<(), IllegalTransition> {
        self.state = self.state.after(event)?;
        self.updated_ms = now_ms;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CaseEvent as E;
    use CaseState as S;

    const EVENTS: [E; 12] = [
        E::Propose,
        E::Withdraw,
        E::Approve,
        E::Expire,
        E::Start,
        E::RollBack,
        E::Finish,
        E::Confirm,
        E::Contradict,
        E::Dismiss,
        E::Accept,
        E::Reopen,
    ];

    #[test]
    fn the_straight_way_leads_to_fixed() {
        let mut state = S::Open;
        for event in [E::Propose, E::Approve, E::Start, E::Finish, E::Confirm] {
            state = state.after(event).unwrap();
        }
        assert_eq!(state, S::Fixed);
    }

    #[test]
    fn nothing_acts_without_approval_and_nothing_is_fixed_while_acting() {
        for state in S::ALL {
            assert_eq!(state.after(E::Start).is_ok(), state == S::Approved, "{state:?}");
        }
        assert!(S::Acting.after(E::Confirm).is_err());
        assert!(S::Acting.after(E::Dismiss).is_err());
    }

    #[test]
    fn the_table_has_exactly_the_moves_in_the_picture() {
        let legal = S::ALL
            .iter()
            .flat_map(|s| EVENTS.iter().map(move |e| s.after(*e).is_ok()))
            .filter(|ok| *ok)
            .count();
        assert_eq!(legal, 25);
    }

    #[test]
    fn a_closed_case_can_only_be_reopened_or_rolled_back() {
        for state in [S::Fixed, S::Dismissed, S::Accepted] {
            for event in EVENTS {
                let moved = state.after(event).is_ok();
                let expected = event == E::Reopen || (state == S::Fixed && event == E::RollBack);
                assert_eq!(moved, expected, "{state:?} {event:?}");
            }
        }
    }
}
