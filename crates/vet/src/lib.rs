//! The AI supply chain: model formats, provenance, data and weight screening.
//!
//! | module | holds |
//! |---|---|
//! | [`bytes`] | the narrow door to bytes, in chunks |
//! | [`format`] | what a format is |
//! | [`registry`] | every format: one file of `src/formats` each, listed by the build script |
//! | [`reader`] | from bytes to a report: tells the formats, goes down through containers |
//! | [`fact`] | what readers find |
//! | [`policy`] | what is thought of it |
//! | [`finding`], [`sarif`], [`ocsf`] | findings, verdicts, reports |
//! | [`provenance`], [`bom`] | who signed a model, and what it consists of |
//! | [`deps`], [`data`], [`weights`], [`remark`] | what stands around a model, and its numbers |
//! | [`guard`] | what may pass between an application and the model that it asks |
//! | [`pickle`], [`python`], [`keras`], [`hdf5`] | what several formats share |
//! | [`zip`], [`proto`], [`json`], [`unpack`] | containers and encodings |
//! | [`limits`] | the written limit of every loop, file and decompression in this crate |
//!
//! Architecture invariant: bytes in, facts and findings out. No file of a model is ever loaded or
//! executed, and no reader panics on any input. A reader says what is there; only a policy says
//! what it means.
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
pub mod bytes;
pub mod data;
pub mod deps;
pub mod fact;
pub mod finding;
pub mod format;
pub mod guard;
pub mod hdf5;
pub mod json;
pub mod keras;
pub mod limits;
pub mod ocsf;
pub mod pickle;
pub mod policy;
pub mod proto;
pub mod provenance;
pub mod python;
pub mod reader;
pub mod remark;
mod runs;
pub mod sarif;
pub mod unpack;
pub mod weights;
pub mod zip;

/// Every format, one module each.
pub mod registry {
    use crate::format::Format;

    include!(concat!(env!("OUT_DIR"), "/registry.rs"));
}

pub use finding::{Finding, Report, Severity, Verdict};
pub use reader::vet;

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod walk_tests;
