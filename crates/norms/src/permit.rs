//! The permit: proof that the norms allowed exactly this plan, on this host and root, for a while.
//!
//! Only [`crate::Norms::decide`] mints one. It is consumed by value and cannot be copied, written
//! down or read back. The examples that must not compile are the tests of that, each beside a twin
//! that does compile.
//!
//! Nobody else mints one:
//!
//! ```
//! fn keep(permit: norms::Permit) -> norms::Permit { permit }
//! ```
//! ```compile_fail,E0451
//! fn mint(permit: norms::Permit) -> norms::Permit {
//!     norms::Permit { expires_ms: i64::MAX, ..permit }
//! }
//! ```
//! ```
//! fn fallback() -> i64 { Default::default() }
//! ```
//! ```compile_fail,E0277
//! fn mint() -> norms::Permit { Default::default() }
//! ```
//!
//! Nobody clones one:
//!
//! ```
//! fn twice<T: Clone>(value: &T) -> (T, T) { (value.clone(), value.clone()) }
//! fn try_it(text: &String) -> (String, String) { twice(text) }
//! ```
//! ```compile_fail,E0277
//! fn twice<T: Clone>(value: &T) -> (T, T) { (value.clone(), value.clone()) }
//! fn try_it(permit: &norms::Permit) -> (norms::Permit, norms::Permit) { twice(permit) }
//! ```
//!
//! Nobody writes one down or reads one back:
//!
//! ```
//! fn write(decision: &spine::Decision) -> String { serde_json::to_string(decision).unwrap() }
//! fn read(text: &str) -> spine::Decision { serde_json::from_str(text).unwrap() }
//! ```
//! ```compile_fail,E0277
//! fn write(permit: &norms::Permit) -> String { serde_json::to_string(permit).unwrap() }
//! ```
//! ```compile_fail,E0277
//! fn read(text: &str) -> norms::Permit { serde_json::from_str(text).unwrap() }
//! ```
//!
//! Nobody uses one twice:
//!
//! ```
//! fn once(permit: norms::Permit, plan: &spine::Plan, host: spine::HostId) {
//!     let _ = permit.consume(plan, host, 0);
//! }
//! ```
//! ```compile_fail,E0382
//! fn again(permit: norms::Permit, plan: &spine::Plan, host: spine::HostId) {
//!     let _ = permit.consume(plan, host, 0);
//!     let _ = permit.consume(plan, host, 0);
//! }
//! ```
//!
//! Nobody is admitted without one:
//!
//! ```
//! fn enter(admitted: norms::Admitted) -> spine::PlanHash { admitted.plan() }
//! ```
//! ```compile_fail,E0451
//! fn enter(plan: spine::PlanHash, host: spine::HostId) -> norms::Admitted {
//!     norms::Admitted { plan, host, root: String::new() }
//! }
//! ```
//! ```compile_fail,E0599
//! fn enter(admitted: &norms::Admitted) -> norms::Admitted { norms::Admitted::clone(admitted) }
//! ```

use spine::{HostId, KeyId, Plan, PlanHash};

use crate::approvals::Weighed;
use crate::{Facts, limits};

/// Why a permit did not admit a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PermitError {
    /// The plan is not the one that was decided.
    #[error("the permit is for another plan")]
    OtherPlan,
    /// The host or the root is not the one that was decided.
    #[error("the permit is for another machine or folder")]
    OtherHost,
    /// The permit ran out, or the clock went back behind the decision.
    #[error("the permit is not good at this time")]
    Expired,
}

/// The norms allowed exactly this plan, on this host and root, until a stated time.
#[derive(Debug)]
#[must_use = "a permit that is dropped permits nothing"]
pub struct Permit {
    plan: PlanHash,
    host: HostId,
    root: String,
    issued_ms: i64,
    expires_ms: i64,
    approvals: Vec<String>,
    approvers: Vec<KeyId>,
}

impl Permit {
    pub(crate) fn mint(plan: PlanHash, facts: &Facts, weighed: &Weighed) -> Self {
        let latest_ms = facts.now_ms.saturating_add(limits::PERMIT_MS);
        Self {
            plan,
            host: facts.host,
            root: facts.root.clone(),
            issued_ms: facts.now_ms,
            expires_ms: weighed.end_ms().map_or(latest_ms, |end_ms| end_ms.min(latest_ms)),
            approvals: weighed.counted.iter().map(|c| c.nonce.clone()).collect(),
            approvers: weighed.counted.iter().map(|c| c.approver).collect(),
        }
    }

    /// The plan that it permits.
    pub fn plan(&self) -> PlanHash {
        self.plan
    }

    /// The host that it permits to act.
    pub fn host(&self) -> HostId {
        self.host
    }

    /// The root that it permits to act on.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The last moment at which it is good, milliseconds since the Unix epoch.
    pub fn expires_ms(&self) -> i64 {
        self.expires_ms
    }

    /// The nonces of the approvals that the action uses up; they belong in its receipt of intent.
    pub fn approvals(&self) -> &[String] {
        &self.approvals
    }

    /// The keys of the people who approved, in the order of [`Self::approvals`].
    pub fn approvers(&self) -> &[KeyId] {
        &self.approvers
    }

    /// Trades the permit for admission, if it is for this plan, on this host, at this time. It is
    /// gone afterwards either way.
    pub fn consume(self, plan: &Plan, host: HostId, now_ms: i64) -> Result<Admitted, PermitError> {
        if !plan.hash().is_ok_and(|hash| hash == self.plan) {
            return Err(PermitError::OtherPlan);
        }
        if host != self.host || plan.host != self.host || plan.root != self.root {
            return Err(PermitError::OtherHost);
        }
        if now_ms < self.issued_ms || now_ms > self.expires_ms {
            return Err(PermitError::Expired);
        }
        Ok(Admitted { plan: self.plan, host: self.host, root: self.root })
    }
}

/// A permit was consumed for this plan on this host: what actuators ask for before they act.
#[derive(Debug)]
#[must_use = "without it nothing may be done"]
pub struct Admitted {
    plan: PlanHash,
    host: HostId,
    root: String,
}

impl Admitted {
    /// The plan that may be carried out.
    pub fn plan(&self) -> PlanHash {
        self.plan
    }

    /// The host that may act.
    pub fn host(&self) -> HostId {
        self.host
    }

    /// The root that may be acted on.
    pub fn root(&self) -> &str {
        &self.root
    }
}
