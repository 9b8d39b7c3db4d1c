//! The written limits of this crate, in one table.

use std::time::Duration;

/// Bytes kept of one output stream of a child process; the rest is read and dropped.
pub const CHILD_OUTPUT_BYTES_MAX: usize = 4 << 20;
/// How long a short helper program (`nft`, `unshare` set-up) may take.
pub const HELPER_TIME_MAX: Duration = Duration::from_secs(60);
/// How long refreshing package metadata may take.
pub const REFRESH_TIME_MAX: Duration = Duration::from_secs(15 * 60);
/// How long fetching packages may take.
pub const FETCH_TIME_MAX: Duration = Duration::from_secs(60 * 60);
/// How long `apt-get` may take to apply one step.
pub const UPGRADE_TIME_MAX: Duration = Duration::from_secs(60 * 60);
/// How long a running `apt` or `dpkg` of a root is waited for before recovery gives up for now.
pub const LOCK_WAIT_MAX: Duration = Duration::from_secs(10 * 60);
/// How long the end of the processes of a dead sandbox is waited for.
pub const SANDBOX_END_WAIT_MAX: Duration = Duration::from_secs(30);
/// Packages in one step.
pub const PACKAGES_MAX: usize = 2_000;
/// Characters of a package name, version or architecture.
pub const PACKAGE_TEXT_CHARS_MAX: usize = 256;
/// Bytes of all packages that one step fetches.
pub const FETCH_BYTES_MAX: u64 = 8 << 30;
/// Bytes of one file that is parsed in memory (dpkg status, one package list, one source list).
pub const PARSED_FILE_BYTES_MAX: u64 = 512 << 20;
/// Files in one folder of package lists or source lists.
pub const LIST_FILES_MAX: usize = 1_024;
/// Entries in the index of one root.
pub const INDEX_ENTRIES_MAX: usize = 8_000_000;
/// Depth of folders in one root.
pub const TREE_DEPTH_MAX: usize = 512;
/// Bytes of one extended attribute (the kernel's `XATTR_SIZE_MAX`).
pub const XATTR_BYTES_MAX: usize = 65_536;
/// Bytes of one symbolic link's target (the kernel's `PATH_MAX`).
pub const LINK_BYTES_MAX: usize = 4_096;
/// Bytes of one content chunk in an undo pack.
pub const PACK_CHUNK_BYTES: usize = 256 << 10;
/// Bytes of one line of an index or a pack header.
pub const INDEX_LINE_BYTES_MAX: usize = 1 << 20;
/// Bytes that are read of what maintainer scripts asked of the service manager.
pub const CALLS_BYTES_MAX: u64 = 256 << 10;
/// Calls that are read.
pub const CALLS_MAX: usize = 1_024;
/// Characters of a unit's name (systemd's `UNIT_NAME_MAX`).
pub const UNIT_NAME_CHARS_MAX: usize = 256;
/// Bytes set aside on disk before the first change, for what must be written after it.
pub const RESERVE_BYTES: u64 = 32 << 20;
/// Bytes of the temporary file system that holds a copy where the state folder cannot.
pub const SHADOW_TMPFS_BYTES: u64 = 4 << 30;
/// Bytes of one file that may be quarantined.
pub const QUARANTINE_BYTES_MAX: u64 = 16 << 30;
/// Processes in one frozen tree.
pub const TREE_PROCESSES_MAX: usize = 4_096;
/// Rounds of looking for processes that were forked while a tree was being frozen.
pub const FREEZE_ROUNDS_MAX: usize = 16;
/// Tries at removing the group of a thawed tree, 20 ms apart.
pub const GROUP_REMOVAL_TRIES_MAX: usize = 50;
/// Targets named in one receipt of intent.
pub const TARGETS_MAX: usize = 256;
/// Remains named in one outcome; the rest is counted.
pub const REMAINS_NAMED_MAX: usize = 64;
/// Characters of the message of one outcome.
pub const MESSAGE_CHARS_MAX: usize = 2_048;
/// How far the clock may stand before a lease's start before the lease is taken as lapsed,
/// milliseconds.
pub const CLOCK_BACK_MS_MAX: i64 = 5 * 60 * 1_000;
