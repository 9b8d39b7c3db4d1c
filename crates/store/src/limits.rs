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
/// Bytes from which a write-ahead log that outlives its processes is merged: it is read through at
/// every start.
pub const SQLITE_LOG_BYTES_KEPT: u64 = 1 << 20;
/// How long a writer waits for another one.
pub const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Canonical bytes of one document in the state.
pub const DOCUMENT_BYTES_MAX: usize = 8 << 20;
/// Packages in one host's inventory.
pub const INVENTORY_PACKAGES_MAX: usize = 1_000_000;
/// Matches that an ambiguous prefix names.
pub const AMBIGUOUS_SHOWN_MAX: usize = 8;

/// JSON bytes of one event.
pub const EVENT_BYTES_MAX: usize = 1 << 20;
/// Levels of nesting in the fields of one event.
pub const EVENT_DEPTH_MAX: usize = 64;
/// Events in one append.
pub const BATCH_EVENTS_MAX: usize = 10_000;
/// JSON bytes of one append (a frame holds 16 MiB).
pub const BATCH_BYTES_MAX: usize = 8 << 20;
/// Appends of several threads that share one sync.
pub const GROUP_BATCHES_MAX: usize = 1_024;
/// Bytes after which a segment is closed: the default.
pub const SEGMENT_BYTES: u64 = 4 << 20;
/// Bytes after which a segment is closed: the most that may be set. One append may overshoot it,
/// and sealing holds one segment in memory.
pub const SEGMENT_BYTES_MAX: u64 = 8 << 20;
/// Age after which a segment is closed, milliseconds (6 hours).
pub const SEGMENT_AGE_MS_MAX: i64 = 6 * 3_600 * 1_000;
/// Bytes of sealed segments that are kept: the default.
pub const RETENTION_BYTES: u64 = 2 << 30;
/// Days for which sealed segments are kept: the default.
pub const RETENTION_DAYS: u32 = 90;
/// Sequence numbers left out after a segment that cannot be read at the start: more than the
/// events that fit into the largest segment.
pub const UNREADABLE_SEGMENT_EVENTS: u64 = 1 << 24;
/// Notices that wait to be taken; older ones are dropped and counted.
pub const NOTICES_MAX: usize = 256;
/// Bytes of one sealed file that is read back.
pub const SEALED_BYTES_MAX: u64 = 64 << 20;
/// How often a reader lists the folder again because a segment was sealed under its eyes.
pub const SCAN_RELISTS_MAX: usize = 16;

/// JSON bytes of one advisory, and of one fact about a CVE.
pub const ADVISORY_BYTES_MAX: usize = 16 << 20;
/// Advisories from this size on are packed, bytes.
pub const ADVISORY_PACK_BYTES_MIN: usize = 512;
/// Bytes of a name: an ecosystem, a package, an advisory's id, a CVE.
pub const ADVISORY_NAME_BYTES_MAX: usize = 1_024;
/// Advisories in one snapshot.
pub const SNAPSHOT_BODIES_MAX: i64 = (1 << 32) - 1;
/// Records of an import that wait in memory to be written together.
pub const IMPORT_RECORDS_MAX: usize = 4_000;
/// Bytes of those records.
pub const IMPORT_BYTES_MAX: usize = 4 << 20;
/// Rows of an old snapshot that are deleted together.
pub const SWEEP_ROWS_MAX: i64 = 10_000;

/// Files in one backup.
pub const BACKUP_FILES_MAX: usize = 1_000_000;
/// Bytes of all files in one backup, unpacked.
pub const BACKUP_BYTES_MAX: u64 = 64 << 30;
/// Bytes of a backup's manifest.
pub const BACKUP_MANIFEST_BYTES_MAX: u64 = 512 << 20;
/// Bytes of one path in a backup.
pub const BACKUP_PATH_BYTES_MAX: u64 = 4_096;
/// Folders within folders in a backup.
pub const BACKUP_DEPTH_MAX: usize = 32;
/// How often a backup lists a folder again because files were gone before they were read.
pub const BACKUP_PASSES_MAX: usize = 16;
/// Data folders that earlier restores moved aside and that still stand beside the new one.
pub const RESTORE_ASIDE_MAX: u32 = 100;
