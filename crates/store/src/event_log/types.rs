//! What is configured, asked for, given out and reported.

use spine::{Event, HostId};

use super::names::SealedName;
use super::row::Row;
use crate::limits;

/// How large and how old things may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLogConfig {
    /// Bytes after which a segment is closed, at most [`limits::SEGMENT_BYTES_MAX`].
    pub segment_bytes_max: u64,
    /// Age of its first event after which a segment is closed, milliseconds.
    pub segment_age_ms_max: i64,
    /// Bytes of sealed segments that are kept. The newest one is always kept.
    pub retention_bytes_max: u64,
    /// Days for which sealed segments are kept, counted from when their last event was recorded.
    pub retention_days_max: u32,
}

impl Default for EventLogConfig {
    fn default() -> Self {
        Self {
            segment_bytes_max: limits::SEGMENT_BYTES,
            segment_age_ms_max: limits::SEGMENT_AGE_MS_MAX,
            retention_bytes_max: limits::RETENTION_BYTES,
            retention_days_max: limits::RETENTION_DAYS,
        }
    }
}

/// An event as it stands in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// Its number.
    pub seq: u64,
    /// When it was appended, milliseconds since the Unix epoch.
    pub recorded_ms: i64,
    /// The event.
    pub event: Event,
}

/// Which events are asked for. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only those that happened at this moment or later, milliseconds since the Unix epoch.
    pub from_ms: Option<i64>,
    /// Only those that happened before this moment, milliseconds since the Unix epoch.
    pub before_ms: Option<i64>,
    /// Only those of this host.
    pub host: Option<HostId>,
    /// Only those of this source.
    pub source: Option<String>,
    /// Only those after this sequence number: how a reader goes on where it stopped.
    pub after_seq: Option<u64>,
}

impl EventFilter {
    pub(super) fn wants(&self, row: &Row) -> bool {
        self.after_seq.is_none_or(|after| row.seq > after)
            && self.from_ms.is_none_or(|from| row.time_ms >= from)
            && self.before_ms.is_none_or(|before| row.time_ms < before)
            && self.host.is_none_or(|host| row.host == host)
            && self.source.as_ref().is_none_or(|source| row.source == *source)
    }

    /// Whether a sealed segment of this name may hold something that is wanted.
    pub(super) fn may_want(&self, name: &SealedName) -> bool {
        self.after_seq.is_none_or(|after| name.last > after)
            && self.from_ms.is_none_or(|from| name.time_max >= from)
            && self.before_ms.is_none_or(|before| name.time_min < before)
    }
}

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
