//! The red lines as Cedar policies, and the one place that mints a [`Permit`].
//!
//! | module | holds |
//! |---|---|
//! | `policies/*.cedar`, `ringfort.cedarschema` | the red lines RL01 to RL20, one file each, and what they may read |
//! | [`facts`] | [`Facts`], what the policies read of one plan on one host |
//! | [`approvals`] | signatures checked, distinct people counted |
//! | [`passkey`] | what a passkey signed: WebAuthn assertions |
//! | [`decide`] | [`Norms::decide`]: deny, needs so many people, or allow with a permit |
//! | [`permit`] | [`Permit`] and [`Admitted`]: bound to plan, host, root and time, consumed by value |
//! | [`policy`] | the policy set; a site's own rules may only forbid |
//! | [`limits`] | the written limit of every list and text in this crate |
//!
//! Rule ids that are no red line: `AUTONOMY` (no rule forbids it and none permits it yet), `PLAN`
//! (the plan is malformed), `FACTS` (the facts are about something else), `ERROR` (a rule could not
//! be read), `site:NAME` (a rule of the site).
//!
//! Architecture invariant: no I/O, no clock, no panic on any input; deny by default; a policy that
//! errs denies; a site's policy can only tighten.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable
)]

pub mod approvals;
pub mod decide;
pub mod facts;
mod key;
pub mod limits;
pub mod passkey;
pub mod permit;
pub mod policy;
pub(crate) mod request;
pub(crate) mod slices;

pub use approvals::{ApprovalFault, Counted, Weighed, weigh};
pub use decide::{Norms, is_take_back};
pub use facts::{ApproverKey, Facts, PublicKey, RingFacts, Tlp};
pub use key::Ed25519Key;
pub use passkey::{Passkey, PasskeyFault, PasskeyKey};
pub use permit::{Admitted, Permit, PermitError};
pub use policy::NormsError;

#[cfg(test)]
extern crate self as norms;

#[cfg(test)]
#[path = "../tests/red_lines/mod.rs"]
mod red_lines;
