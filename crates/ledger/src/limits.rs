//! The written limits of this crate, in one table.

/// Bytes of one leaf (a C2SP entry's length is a `u16`).
pub const LEAF_BYTES_MAX: usize = 65_535;
/// Bytes of one batch: it is one frame of the write-ahead file.
pub const BATCH_BYTES_MAX: usize = durable::FRAME_BYTES_MAX - 8;
/// Hashes in a full tile and entries in a full bundle.
pub const TILE_WIDTH: usize = 256;
/// Levels of tiles: 256 to the power of 8 leaves.
pub const LEVELS_MAX: usize = 8;
/// Bytes of a signed note.
pub const NOTE_BYTES_MAX: usize = 16 << 10;
/// Signature lines of a note.
pub const NOTE_SIGNATURES_MAX: usize = 100;
/// Hashes in a proof.
pub const PROOF_HASHES_MAX: usize = 128;
/// Bytes of the write-ahead file after which it is emptied, once all of it is published.
pub const WAL_BYTES_KEPT: u64 = 256 << 10;
/// Bytes of full tiles that may wait in memory for a disk that takes no tiles.
pub const BACKLOG_BYTES_MAX: usize = 64 << 20;
/// Bytes of the file that is given up so that an outcome can be recorded on a full disk.
pub const RESERVE_BYTES: usize = 1 << 20;
/// Bytes that a health check writes and syncs.
pub const PROBE_BYTES: usize = 64 << 10;
/// Full tiles that a reader keeps in memory.
pub const TILES_CACHED_MAX: usize = 64;
/// How often a reader starts again because the writer published something meanwhile.
pub const READ_TRIES_MAX: usize = 5;
