//! The written limits of this crate, in one table. An error names the limit that was hit.

/// Bytes of one lock file, package database or other file that is read whole.
pub const FILE_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a small file beside it (`os-release`, `go.sum`, `sources.list`).
pub const SIBLING_BYTES_MAX: u64 = 8 << 20;
/// Packages that one file may list.
pub const PACKAGES_MAX: usize = 200_000;
/// Unresolved names that one file may list.
pub const UNRESOLVED_MAX: usize = 20_000;
/// Warnings kept of one file; the rest is counted in a last one.
pub const WARNINGS_MAX: usize = 64;
/// Bytes of one name or version.
pub const NAME_BYTES_MAX: usize = 1_024;
/// Nested `dependencies` of a `package-lock.json` of version 1.
pub const NESTING_MAX: usize = 60;

/// Symbolic links followed on the way to one file (Linux itself follows 40).
pub const SYMLINKS_MAX: usize = 40;
/// Entries of one folder.
pub const FOLDER_ENTRIES_MAX: usize = 200_000;
/// Folders below the root of a scan.
pub const WALK_DEPTH_MAX: usize = 48;
/// Entries seen in one scan.
pub const WALK_ENTRIES_MAX: usize = 5_000_000;
/// Files read in one scan.
pub const WALK_FILES_MAX: usize = 50_000;

/// Bytes of one stanza of a Debian control file.
pub const STANZA_BYTES_MAX: usize = 4 << 20;
/// Stanzas of one `Packages` file.
pub const STANZAS_MAX: usize = 1_000_000;
/// Decompressed bytes of one `Packages` file.
pub const PACKAGES_BYTES_MAX: u64 = 2 << 30;
/// Bytes of one `InRelease` or `Release` file.
pub const RELEASE_BYTES_MAX: u64 = 32 << 20;
/// Files named by one `Release` file.
pub const RELEASE_FILES_MAX: usize = 100_000;
/// Files in the folder of apt's lists.
pub const LISTS_FILES_MAX: usize = 10_000;
/// Package versions over all lists of a machine.
pub const VERSIONS_MAX: usize = 2_000_000;
/// Bytes of an encoded package index.
pub const INDEX_BYTES_MAX: usize = 512 << 20;

/// Members of the `ar` archive that a `.deb` is.
pub const AR_MEMBERS_MAX: usize = 64;
/// Decompressed bytes of a `.deb`'s control archive.
pub const DEB_CONTROL_BYTES_MAX: u64 = 64 << 20;
/// Decompressed bytes of a `.deb`'s data archive.
pub const DEB_DATA_BYTES_MAX: u64 = 16 << 30;
/// Entries of one archive in a `.deb`.
pub const DEB_ENTRIES_MAX: usize = 1_000_000;
/// Bytes of a control file, or of the list of conffiles.
pub const DEB_CONTROL_FILE_BYTES_MAX: u64 = 4 << 20;
/// Decompressed bytes of one changelog.
pub const CHANGELOG_BYTES_MAX: u64 = 32 << 20;

/// Bytes of the beginning of a log by which its source is told.
pub const HEAD_BYTES: usize = 256 << 10;
/// Lines of that beginning that are looked at.
pub const HEAD_LINES: usize = 24;
/// Bytes of one line or one JSON object of a log.
pub const RECORD_BYTES_MAX: usize = 2 << 20;
/// Nested objects and lists of one JSON record.
pub const JSON_DEPTH_MAX: usize = 64;
/// Fields and list items of one record.
pub const FIELDS_MAX: usize = 16_384;
/// Records of one log file.
pub const RECORDS_MAX: u64 = 2_000_000_000;
/// Bad records of one file whose places are kept; all are counted.
pub const BAD_PLACES_MAX: usize = 16;
/// Decompressed bytes of one log file.
pub const LOG_BYTES_MAX: u64 = 64 << 30;
/// Decompressed bytes for every compressed one, above the first 256 MiB.
pub const LOG_RATIO_MAX: u64 = 1_000;
/// Members of an archive of logs.
pub const LOG_MEMBERS_MAX: usize = 100_000;
/// Archives inside archives, and compressed files inside them.
pub const LOG_NESTING_MAX: usize = 3;
/// Bytes of an archive inside another one that must be held to be read.
pub const LOG_HELD_BYTES_MAX: u64 = 256 << 20;
/// Records of one audit event that are joined.
pub const AUDIT_JOINED_MAX: usize = 256;
/// Bytes of one line of the audit log (the kernel writes at most 8,970 bytes of text).
pub const AUDIT_LINE_BYTES_MAX: usize = 64 << 10;
/// Bytes of lines of audit events that are open.
pub const AUDIT_BYTES_MAX: usize = 16 << 20;
/// Audit events that are open at a time, waiting for their last record.
pub const AUDIT_OPEN_MAX: usize = 64;
/// Fields of an osquery result that go with each of several rows, and bytes of one of them.
pub const ROW_HEADER_MAX: usize = 64;
/// Columns of a Zeek log.
pub const COLUMNS_MAX: usize = 512;
/// Bytes of one EVTX chunk (fixed by the format).
pub const EVTX_CHUNK_BYTES: usize = 64 << 10;
