//! The written limits of this crate, in one table.

use std::time::Duration;

/// Page cache of one SQLite connection, KiB.
pub const SQLITE_CACHE_KIB: i64 = 2_048;
/// Page cache of the connection that takes in a feed, KiB.
pub const SQLITE_IMPORT_CACHE_KIB: i64 = 16_384;
/// Prepared statements that one SQLite connection keeps.
pub const SQLITE_STATEMENTS_MAX: usize = 64;
/// What a write-ahead log is cut back to after a checkpoint, bytes.
pub const SQLITE_LOG_BYTES_MAX: i64 = 8 << 20;
/// How long a writer waits for another one.
pub const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Canonical bytes of one document in the state.
pub const DOCUMENT_BYTES_MAX: usize = 8 << 20;
/// Packages in one host's inventory.
pub const INVENTORY_PACKAGES_MAX: usize = 1_000_000;
/// Matches that an ambiguous prefix names.
pub const AMBIGUOUS_SHOWN_MAX: usize = 8;
