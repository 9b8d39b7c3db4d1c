//! Rules, learned behaviour, correlation, and the alert budget: events in, cases out.
//!
//! | module | holds |
//! |---|---|
//! | [`observed`] | an event as every detector sees it |
//! | [`canonical`] | what a command line says once its disguise is taken off |
//! | [`sigma`] | known behaviour, by Sigma rules |
//!
//! Architecture invariant: no I/O, no clock; a detector sees events only as [`Observed`].

pub mod canonical;
pub mod observed;
pub mod sigma;

pub use observed::Observed;
