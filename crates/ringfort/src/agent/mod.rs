//! The agent: collects, scans, matches, and prepares plans. It has no rights of its own; what it
//! reads, it reads in confined workers, and what it wants done, it asks of the executor.
//!
//! | file | holds |
//! |---|---|
//! | `worker.rs`, `confine.rs` | processes without rights that read hostile bytes |
//! | `inventory.rs`, `changelogs.rs`, `live.rs`, `logs.rs`, `vetting.rs` | what the workers read |
//! | `models/` | models on this machine: found, vetted, cases |
//! | `scan.rs`, `advisories.rs`, `cases.rs` | from what was read to what a person should look at |
//! | `session.rs` | one scan end to end: refresh, scan, cases, state |
//! | `patching.rs`, `containing.rs` | from cases to a plan that was tried |
//! | `executor.rs` | asking the executor for looks |
//! | `events.rs` | what changes here, as events in the event log |
//! | `join.rs`, `join_hub.rs` | joining a hub, and what the hub's machine does for it |
//! | `spool.rs`, `uplink.rs`, `uplink_record.rs` | what waits for the hub, and the way there |

pub mod advisories;
pub mod cases;
pub mod changelogs;
pub mod confine;
pub mod containing;
pub mod detecting;
pub mod events;
pub mod executor;
pub mod inventory;
pub mod join;
pub mod join_hub;
pub mod live;
pub mod logs;
pub mod models;
pub mod patching;
pub mod scan;
pub mod session;
pub mod spool;
pub mod uplink;
#[cfg(test)]
mod uplink_kill_tests;
pub mod uplink_record;
#[cfg(test)]
mod uplink_tests;
pub mod vetting;
pub mod worker;
