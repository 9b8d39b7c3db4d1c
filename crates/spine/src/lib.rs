//! The spine of ringfort: the seven nouns that every capability speaks, and nothing else.
//!
//! `Event -> Finding -> Case -> Plan -> Decision -> Action -> Receipt`
//!
//! | module | holds |
//! |---|---|
//! | [`ids`] | UUIDv7 ids for what happens, content hashes for what is identified by its content |
//! | [`canonical`] | RFC 8785 JSON and domain-separated SHA-256 |
//! | [`clock`], [`rng`] | time and randomness as arguments |
//! | [`package`] | a package in an inventory |
//! | [`event`], [`finding`], [`case`], [`plan`], [`approval`], [`decision`], [`action`], [`receipt`] | the nouns |
//! | [`effect`] | what a step does, computed by the code that would do it |
//! | [`site`] | what the owner says of the site: profile, machine class, autonomy level |
//! | [`limits`] | the written limit of every loop, queue and file in this crate |
//! | [`invariant`] | rules with ids: panic in debug, counted in release |
//!
//! Architecture invariant: no I/O, no threads, no clock, no panic on any input.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable
)]

pub mod action;
pub mod approval;
pub mod canonical;
pub mod case;
pub mod clock;
pub mod decision;
pub mod effect;
pub mod event;
pub mod finding;
pub mod ids;
pub mod invariant;
pub mod limits;
pub mod package;
pub mod plan;
pub mod receipt;
pub mod rng;
pub mod site;

pub use action::{Action, ActionState, Lease};
pub use approval::{Approval, ApprovalProof, ApprovalWindow, Assertion};
pub use canonical::{CanonicalError, canonical_json, hash_canonical, sha256_hex};
pub use case::{Case, CaseEvent, CaseState, IllegalTransition, Priority};
pub use clock::Clock;
pub use decision::{Decision, RuleId, Verdict};
pub use effect::{ActionType, EffectClass, StepEffect, Target};
pub use event::{Event, EventClass};
pub use finding::{Evidence, EvidenceOrigin, Finding, FindingKind, Status};
pub use ids::{ActionId, CaseId, Digest, EventId, FindingId, HostId, KeyId, PlanHash, ReceiptId};
pub use package::{Package, SourcePackage};
pub use plan::{Author, EvidenceRef, Plan, PlanError, RingBudget, Step};
pub use receipt::{DryRunOutcome, IntentBody, OutcomeBody, Receipt, ReceiptKind};
pub use rng::Rng;
pub use site::{AutonomyLevel, MachineClass, Profile, SiteConfig};
