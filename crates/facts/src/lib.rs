//! Gathers on the acting host what the policies read. The only crate that constructs
//! [`norms::Facts`].
//!
//! | module | holds |
//! |---|---|
//! | [`gather`](mod@gather) | [`gather()`], the facts of one plan, from what the host itself knows ([`Context`]) |
//! | [`history`] | [`History`], a fold over the host's own receipts: rates, dry runs, used approvals, failures |
//! | [`network`], [`reachable`] | lists of addresses that are not to be touched, and the built-in one |
//! | [`features`] | features that no model may have |
//! | [`limits`] | the written limit of every list in this crate |
//!
//! Architecture invariant: no fact is taken from the plan's author. What cannot be found out is the
//! value that permits less.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable
)]

pub mod features;
pub mod gather;
pub mod history;
pub mod limits;
pub mod network;
pub mod reachable;

pub use gather::{ArtifactFacts, Asset, Context, ExportFacts, HubContact, Moment, gather};
pub use history::{AloneFacts, DryRunFacts, History, Intended};
pub use network::{Network, NetworkError, Networks};
pub use reachable::public_core;
