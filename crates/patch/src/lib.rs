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

pub mod limits;
pub mod version;
