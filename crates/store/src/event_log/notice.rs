//! What the log has to tell: notices and figures.

/// Something that the owner of the log should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The end of a segment was torn by a crash and was cut off; it was never acknowledged.
    TailCut {
        /// The file.
        file: String,
        /// Bytes that were cut off.
        bytes: u64,
    },
    /// A damaged file was set aside as `FILE.bad`.
    SetAside {
        /// The file.
        file: String,
        /// Events that it held, if that is known.
        events: Option<u64>,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read now; it stays and is tried again.
    Unreadable {
        /// The file.
        file: String,
        /// What the disk said.
        reason: String,
    },
    /// A closed segment could not be sealed; it stays as it is and is tried again.
    NotSealed {
        /// The file.
        file: String,
        /// Why not.
        reason: String,
    },
    /// A sealed segment was removed because it is too old or there are too many bytes.
    Retired {
        /// The file.
        file: String,
        /// Events that it held.
        events: u64,
        /// Bytes that it had.
        bytes: u64,
    },
}

/// Figures about the log: what it holds, and what was done since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventLogStats {
    /// The number that the next event gets.
    pub next_seq: u64,
    /// Bytes in the segment that takes appends.
    pub open_bytes: u64,
    /// Closed segments that wait to be sealed.
    pub closed_segments: u64,
    /// Sealed segments, and their events and bytes.
    pub sealed_segments: u64,
    /// Events in sealed segments.
    pub sealed_events: u64,
    /// Bytes of sealed segments.
    pub sealed_bytes: u64,
    /// Files that were set aside, now and before, that are still there.
    pub bad_files: u64,
    /// Events acknowledged since the log was opened.
    pub events_appended: u64,
    /// Appends acknowledged since the log was opened.
    pub batches_appended: u64,
    /// Syncs that succeeded since the log was opened.
    pub syncs: u64,
    /// Torn ends that were cut off when the log was opened, and their bytes.
    pub tails_cut: u64,
    /// Bytes of torn ends.
    pub tail_bytes_cut: u64,
    /// Files set aside since the log was opened.
    pub files_set_aside: u64,
    /// Attempts at sealing that failed since the log was opened.
    pub seal_failures: u64,
    /// Sealed segments removed by retention since the log was opened.
    pub retired_segments: u64,
    /// Events removed by retention since the log was opened.
    pub retired_events: u64,
    /// Bytes removed by retention since the log was opened.
    pub retired_bytes: u64,
    /// Notices that were dropped because nobody took them.
    pub notices_dropped: u64,
}
