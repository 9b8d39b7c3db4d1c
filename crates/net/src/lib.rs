//! One bounded HTTP client: it fetches public data from addresses that the owner configured, and
//! does nothing else.
//!
//! | module | holds |
//! |---|---|
//! | [`client`] | [`Client`]: conditional requests, redirects, streaming while hashing |
//! | [`error`] | [`NetError`]: every refusal names the limit that was hit |
//! | [`limits`] | the written limit of every loop and buffer |
//!
//! TLS is rustls with ring and Mozilla's list of authorities (`webpki-roots`).
//!
//! Architecture invariants: only hosts on the owner's list are talked to, redirects included; https
//! everywhere but to this machine itself; what was fetched is never looked into here.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable
)]

mod address;
pub mod client;
pub mod error;
pub mod limits;

pub use client::{Client, Fetch, Fetched, NetConfig, Timeouts};
pub use error::NetError;
