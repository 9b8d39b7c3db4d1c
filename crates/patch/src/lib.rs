//! Match, prioritise, plan.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable
)]

pub mod changelog;
pub mod limits;
pub mod pending;
pub mod plan;
pub mod ssvc;
pub mod version;
