//! Public standards, one file each: bytes in, typed records out.
//!
//! | module | standard |
//! |---|---|
//! | [`osv`] | OSV schema 1.7, as JSON and as the YAML of the PyPA database |
//! | [`rustsec`] | RustSec advisories: Markdown with TOML front matter, and plain TOML |
//! | [`kev`] | the CISA catalogue of known exploited vulnerabilities |
//! | [`epss`] | FIRST EPSS scores |
//! | [`vulnrichment`] | CISA SSVC decision points, from CVE 5 records and from a compact list |
//! | [`debian_tracker`] | Debian DSA and DLA lists, and the security tracker's JSON |
//! | [`purl`] | package URLs |
//! | [`cvss`] | CVSS base scores |
//! | [`unpack`] | gzip, xz, zstd and LZ4 streams, each with a limit of what comes out |
//! | [`limits`] | the written limit of every reader |
//!
//! Architecture invariant: no I/O of its own (large inputs come through a reader that the caller
//! opened), no panic on any input, and every limit that was passed is named.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable
)]

pub mod cvss;
pub mod debian_tracker;
pub mod epss;
mod error;
pub mod kev;
pub mod limits;
pub mod osv;
pub mod purl;
pub mod rustsec;
mod streaming;
pub mod unpack;
pub mod vulnrichment;

pub use error::FormatError;
