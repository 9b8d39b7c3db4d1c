//! Match, prioritise, plan.
//!
//! | module | holds |
//! |---|---|
//! | [`version`] | the order of versions, one scheme a file |
//! | [`matching`] | whether a package is affected by an advisory |
//! | [`pending`] | the upgrades that apt would offer, pins and holds included |
//! | [`changelog`] | the vulnerabilities that a changelog says are fixed between two versions |
//! | [`ssvc`] | what to do when: the SSVC deployer tree over what is known of this machine |
//! | [`cases`] | findings grouped into cases, carried over from scan to scan |
//! | [`plan`] | the parameters of an upgrade step and the evidence it rests on |
//! | [`limits`] | the written limit of every loop |
//!
//! Architecture invariant: pure. Nothing here reads a file, starts a process or asks the time, and
//! what cannot be told is unknown, never clean.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable
)]

pub mod cases;
pub mod changelog;
pub mod limits;
pub mod matching;
pub mod pending;
pub mod plan;
pub mod ssvc;
pub mod version;

pub use changelog::{ChangelogCves, cves_between};
pub use matching::{MatchResult, match_osv, match_rustsec, rustsec_notice};
