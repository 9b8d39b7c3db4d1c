//! The written limits of this crate, in one table. Decompression is the caller's, and so is its
//! limit.

/// Bytes of one OSV record.
pub const OSV_BYTES_MAX: u64 = 16 << 20;
/// Affected entries in one OSV record.
pub const OSV_AFFECTED_MAX: usize = 20_000;
/// Events over all ranges of one OSV record.
pub const OSV_EVENTS_MAX: usize = 200_000;
/// Enumerated versions over one OSV record.
pub const OSV_VERSIONS_MAX: usize = 1_000_000;
/// Depth of YAML collections.
pub const YAML_DEPTH_MAX: usize = 32;
/// Nodes of one YAML document.
pub const YAML_NODES_MAX: usize = 500_000;
/// Bytes of one RustSec advisory.
pub const RUSTSEC_BYTES_MAX: u64 = 1 << 20;
/// Version requirements in one RustSec advisory.
pub const RUSTSEC_REQUIREMENTS_MAX: usize = 1_000;
/// Bytes of the KEV catalogue.
pub const KEV_BYTES_MAX: u64 = 64 << 20;
/// Entries of the KEV catalogue.
pub const KEV_ENTRIES_MAX: usize = 200_000;
/// Bytes of an EPSS file, decompressed.
pub const EPSS_BYTES_MAX: u64 = 256 << 20;
/// Bytes of one line of an EPSS file.
pub const EPSS_LINE_BYTES_MAX: usize = 4_096;
/// Scores of an EPSS file.
pub const EPSS_ENTRIES_MAX: usize = 5_000_000;
/// Bytes of one CVE 5 record.
pub const CVE_BYTES_MAX: u64 = 16 << 20;
/// Bytes of a list of vulnrichment records.
pub const VULNRICHMENT_BYTES_MAX: u64 = 1 << 30;
/// Records of a list of vulnrichment records.
pub const VULNRICHMENT_ENTRIES_MAX: usize = 2_000_000;
/// Bytes of a DSA or DLA list.
pub const DEBIAN_LIST_BYTES_MAX: u64 = 64 << 20;
/// Bytes of the security tracker's JSON.
pub const DEBIAN_TRACKER_BYTES_MAX: u64 = 1 << 30;
/// Packages of the security tracker's JSON.
pub const DEBIAN_PACKAGES_MAX: usize = 500_000;
/// Bytes of a package URL.
pub const PURL_BYTES_MAX: usize = 8_192;
/// Bytes of a CVSS vector.
pub const CVSS_BYTES_MAX: usize = 1_024;

/// Memory that one xz stream may ask for, bytes (the largest preset needs 65 MiB).
pub const XZ_MEMORY_MAX: u64 = 128 << 20;
/// Binary logarithm of the largest zstd window (the default of the tools is 27: 128 MiB).
pub const ZSTD_WINDOW_LOG_MAX: u32 = 27;
