//! The AI supply chain: model formats, provenance, data and weight screening.
//!
//! Architecture invariant: bytes in, facts and findings out. No file of a model is ever loaded or
//! executed, and no reader panics on any input.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable
)]

pub mod bom;
pub mod data;
pub mod deps;
pub mod provenance;
pub mod remark;
pub mod weights;
