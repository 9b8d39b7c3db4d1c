//! The real program on several machines: they join a hub, report to it, are cut off and come back,
//! are removed and leave.
//!
//! Machines are namespaces of this one (`net.rs`). Needs root and the test root `booted`.
#![expect(clippy::disallowed_methods, reason = "the test runs the real program on its machines")]

#[path = "../support/inside.rs"]
mod inside;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests compare whole roots")]
mod support;

mod cut_off;
mod join;
mod net;
mod seen;
