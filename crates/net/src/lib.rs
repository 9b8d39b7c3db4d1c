//! One bounded HTTP client, for the feeds that the owner configured.
//!
//! | module | holds |
//! |---|---|
//! | [`client`] | [`Client`]: conditional GET into a writer, hashed on the way |
//! | [`address`] | which addresses may be asked at all |
//! | [`limits`] | the written limits |
//!
//! What is bounded: hosts (a list), redirects, header bytes, body bytes as received and as decoded,
//! time to connect, between two reads and in all, and the number of tries. TLS is rustls with
//! ring; plain HTTP goes to loopback addresses only. No proxy and no certificate authority is
//! taken from the environment.
//!
//! Architecture invariant: nothing that is fetched is parsed here.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable
)]

pub mod address;
mod body;
pub mod client;
mod error;
pub mod limits;

pub use client::{Client, Fetch, Fetched, NetConfig, Received, Timeouts};
pub use error::NetError;
