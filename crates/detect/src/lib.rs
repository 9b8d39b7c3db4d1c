//! Rules, learned behaviour, correlation, and the alert budget: events in, cases out.
//!
//! | module | holds |
//! |---|---|
//! | [`observed`] | an event as every detector sees it |
//!
//! Architecture invariant: no I/O, no clock; a detector sees events only as [`Observed`].

pub mod observed;

pub use observed::Observed;
