//! Durable files, for everything that says "acknowledged": the ledger, the event log, the undo
//! journal.
//!
//! | module | holds |
//! |---|---|
//! | [`files`] | [`Files`], the one door to the disk, so that tests can put a faulty disk behind it |
//! | [`frames`] | [`FrameLog`], an append-only log of CRC-32C frames that cuts a bad tail and says so |
//!
//! Architecture invariant: what was synced is there after a crash; what was not synced may be gone
//! or torn, and is then cut off, counted and reported, and never stops a start.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable
)]

pub mod files;
pub mod frames;

pub use files::{AppendFile, FileLock, Files, StdFiles};
pub use frames::{FRAME_BYTES_MAX, FrameLog, Recovered};
