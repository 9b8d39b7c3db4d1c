//! Actuators, shadow sandbox, leases, undo journal: the part that changes the machine.
//!
//! `permit -> inspect again -> precheck -> receipt of intent -> undo on disk -> apply -> verify ->
//! receipt of outcome`; a failure at any point takes back what was done, and so does the next
//! start after a crash.
//!
//! | module | holds |
//! |---|---|
//! | [`engine`] | [`Engine`]: inspect, execute, recover, lapse |
//! | [`actuator`] | what an actuator is |
//! | [`actuators`] | the actuators, one file each, listed by `build.rs` |
//! | [`record`] | [`Record`], the seam to the ledger |
//! | [`journal`] | how far each action came, on disk |
//! | [`shadow`] | a copy of a root in namespaces of its own |
//! | [`tree`] | index, pack, restore and compare a tree, entry by entry |
//! | [`apt`] | reading what dpkg and apt keep; running `apt-get` |
//! | [`report`], [`manifest`] | what a dry run showed |
//! | [`child`] | child processes with limits of time and output |
//! | [`limits`] | the written limit of every loop, file and process in this crate |
//!
//! Architecture invariant: nothing is changed before a durable receipt of intent and a durable
//! undo; nothing is run through a shell string that holds a parameter.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable
)]

pub mod actuator;
pub mod actuators;
pub mod apt;
pub mod child;
pub mod engine;
pub mod error;
pub mod journal;
pub mod limits;
pub mod manifest;
pub mod record;
pub mod report;
pub mod shadow;
pub mod tree;

pub use engine::{ActionSummary, Engine, EngineConfig, Order, Outcome, Progress, RecoveredAction};
pub use error::ActError;
pub use manifest::{Change, ChangeKind};
pub use norms::Permit;
pub use record::{Record, RecordError};
pub use report::{DryRunReport, ServiceRestart};
