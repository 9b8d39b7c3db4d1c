//! The written limits of taking feeds in, in one table. What one record may hold is in
//! `formats::limits`; how many bytes a feed may have, in the table of feeds.

use std::time::Duration;

/// Bytes of one file that is read from a folder, as it lies there.
pub const FILE_BYTES_MAX: u64 = 2 << 30;
/// Bytes that come out of one source, decompressed.
pub const UNPACKED_BYTES_MAX: u64 = 8 << 30;
/// Files in one archive or folder.
pub const ENTRIES_MAX: usize = 2_000_000;
/// Folders inside one another.
pub const FOLDER_DEPTH_MAX: usize = 12;
/// Files and folders at the top of the folder that feeds are taken from.
pub const SOURCES_MAX: usize = 1_000;
/// Bytes of a path inside an archive; longer ones are passed over.
pub const PATH_BYTES_MAX: usize = 1_024;
/// Bytes of a long name, or of one set of pax fields, in a tar archive.
pub const TAR_LONG_BYTES_MAX: u64 = 64 << 10;
/// Bytes of one file that is read whole.
pub const DOCUMENT_BYTES_MAX: u64 = 64 << 20;
/// Files that are looked at to recognise what a source is.
pub const RECOGNISE_FILES_MAX: usize = 10_000;
/// Records that are asked for their ecosystem.
pub const RECOGNISE_VOTES: usize = 16;
/// Bytes at the start of a file by which it is recognised.
pub const RECOGNISE_BYTES: u64 = 64 << 10;
/// The share of unreadable records up to which a snapshot is taken, percent.
pub const UNREADABLE_PERCENT_MAX: u64 = 10;
/// The share of the last snapshot's records below which a smaller one is warned of, percent.
pub const SHRUNK_PERCENT: u64 = 80;
/// Vulnerabilities of one Debian package that are kept as one piece.
pub const TRACKER_PIECE_ENTRIES: usize = 200;
/// Different reasons for skipping that are counted apart.
pub const REASONS_MAX: usize = 32;
/// Characters of one reason.
pub const REASON_CHARS_MAX: usize = 160;
/// Bytes between two signs of progress.
pub const PROGRESS_BYTES: u64 = 16 << 20;
/// Records between two signs of progress.
pub const PROGRESS_RECORDS: u64 = 20_000;
/// How long fetching one feed may take.
pub const FETCH_TIME_MAX: Duration = Duration::from_mins(30);
