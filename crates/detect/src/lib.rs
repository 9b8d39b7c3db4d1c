//! Rules, learned behaviour, correlation, and the alert budget: events in, cases out.
//!
//! | module | holds |
//! |---|---|
//! | [`observed`] | an event as every detector sees it |
//! | [`tokens`] | an event as a few typed words that come again |
//! | [`behaviour`] | what hosts, fleets and programs do, and what is unlike it |
//! | [`canonical`] | what a command line says once its disguise is taken off |
//! | [`sigma`] | known behaviour, by Sigma rules |
//! | [`known`] | what a rule's match is worth |
//! | [`window`] | hours, and hours that belong together |
//! | [`prior`] | what is normal elsewhere, for a site that is new |
//! | [`cases`], [`mod@case`] | what belongs together, and how it is told |
//! | [`budget`] | how many cases a tenant gets, and what the others were |
//! | [`engine`] | all of it, in one way from event to case |
//! | [`view`] | what was learned, for a page |
//! | [`snapshot`] | baselines that survive a restart |
//!
//! Architecture invariant: no I/O, no clock; a detector sees events only as [`Observed`].

pub mod behaviour;
pub mod budget;
pub mod canonical;
pub mod case;
pub mod cases;
mod config;
pub mod engine;
pub mod known;
pub mod limits;
pub mod observed;
pub mod prior;
pub mod sigma;
pub mod snapshot;
pub mod tokens;
pub mod view;
mod weigh;
pub mod window;

pub use budget::{BudgetConfig, BudgetReport};
pub use case::{DetectedCase, Evidence, Verdict, Withheld};
pub use engine::{Engine, EngineConfig, RuleLevel, RuleMatch, UnknownCase};
pub use observed::Observed;
pub use prior::Prior;
pub use snapshot::SnapshotError;
pub use view::{DeviceView, FleetView};
