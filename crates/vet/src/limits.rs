//! The written limit of every loop, file and decompression in this crate.

/// How much of a file's beginning is looked at to tell its format, bytes.
pub const HEAD_BYTES: usize = 4 << 10;
/// How much is read from a file at once, bytes.
pub const CHUNK_BYTES: usize = 256 << 10;
/// The most of one member or blob that is held in memory, bytes.
pub const HELD_BYTES_MAX: usize = 12 << 20;
/// The most that all decompression within one file may put out, bytes.
pub const UNPACKED_BYTES_MAX: u64 = 8 << 30;
/// How deep files may lie inside files.
pub const DEPTH_MAX: usize = 6;
/// The most members of one archive that are looked at.
pub const MEMBERS_MAX: usize = 100_000;
/// The most facts that are kept of one file.
pub const FACTS_MAX: usize = 20_000;
/// The most calls of one and the same callable that are kept.
pub const CALLS_OF_ONE_MAX: u32 = 16;
/// The most findings that are reported of one file.
pub const FINDINGS_MAX: usize = 200;
/// The longest text that is kept as evidence, characters.
pub const EVIDENCE_CHARS_MAX: usize = 160;
/// The longest text that is analysed as a template, as code or as configuration, bytes.
pub const TEXT_BYTES_MAX: usize = 8 << 20;
/// Memory that xz may take, bytes.
pub const XZ_MEMORY_MAX: u64 = 24 << 20;
/// The largest window of Zstandard, log2 of bytes.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 24;

/// The most values that the pickle machine keeps, and the bytes of their texts.
pub const PICKLE_NODES_MAX: usize = 300_000;
/// The most bytes of text that the pickle machine keeps.
pub const PICKLE_TEXT_MAX: usize = 8 << 20;
/// The most items of one container that the pickle machine keeps.
pub const PICKLE_ITEMS_MAX: usize = 64;
/// The most entries of the pickle machine's stack and of its memo.
pub const PICKLE_STACK_MAX: usize = 4 << 20;
/// The longest text in a pickle that is kept whole, bytes.
pub const PICKLE_STRING_MAX: usize = 64 << 10;
/// The most pickles in a row that are read from one stream.
pub const PICKLE_STREAMS_MAX: usize = 64;
/// How far behind the end of a pickle another one is looked for, bytes.
pub const PICKLE_TRAILER_BYTES: u64 = 64 << 20;

/// The most fields of a protocol buffer that are walked.
pub const PROTO_FIELDS_MAX: usize = 4_000_000;
/// How deep messages, documents and elements may be nested.
pub const NESTING_MAX: usize = 64;
/// The most values of a document (JSON, MessagePack, UBJSON, XML) that are walked.
pub const VALUES_MAX: usize = 2_000_000;
/// The largest header of a tensor file that is read, bytes.
pub const TENSOR_HEADER_BYTES_MAX: u64 = 100_000_000;
/// The most tokens of Python code that are analysed in one file.
pub const PYTHON_TOKENS_MAX: usize = 400_000;
/// How deep an expression of Python code may be nested.
pub const PYTHON_DEPTH_MAX: usize = 48;
