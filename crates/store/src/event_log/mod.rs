//! The event log: append-only segments of frames, sealed into Parquet.
//!
//! | module | holds |
//! |---|---|
//! | `names` | what a file's name says |
//! | `types` | what is configured, asked for, given out and reported |
//! | `row` | an event whose fields are still text |
//! | `batch` | one append as one frame |
//! | `sealed` | a segment as a Parquet file |
//! | `export` | chosen events as such a file, for people outside |
//! | `recover` | what opening does with what a crash left |
//! | `maintain` | closing, sealing, retention |
//! | `scan` | reading, by the log itself or by [`EventReader`] beside it |
//! | `group` | [`GroupCommit`], one sync for the appends of several threads |
//!
//! An append is acknowledged when it is synced. One that failed leaves nothing in the log; one that
//! was cut off by a crash is there whole or not at all. Sequence numbers start at 1, only grow, and
//! are never given twice; numbers are left out only after a failing disk.
//!
//! ```text
//! append ─▶ 00000000000000000001.frames ─full or old─▶ closed ─seal─▶ 0…1_0…9_….parquet ─▶ retired
//! ```
//!
//! The sealed file is written whole before its frames are removed; after a crash in between, both
//! are there, and the sealed one counts once its checksum was found right.

mod batch;
mod export;
mod group;
mod maintain;
mod names;
mod recover;
mod row;
mod scan;
mod sealed;
mod types;

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod kill_tests;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use durable::{FileLock, Files, FrameLog};
use spine::{Clock, Event};

use crate::limits;
use batch::Prepared;
use names::{SealedName, frames_name};

pub use export::parquet_of;
pub use group::GroupCommit;
pub use scan::{EventReader, ScanReport};
pub use types::{EventFilter, EventLogConfig, EventLogStats, Notice, StoredEvent};

/// Why events could not be taken or read.
#[derive(Debug, thiserror::Error)]
pub enum EventLogError {
    /// The disk failed, or is full.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// Another process writes to the log.
    #[error("another process writes to the event log `{}`", .0.display())]
    Locked(PathBuf),
    /// An append passes a limit.
    #[error("{size} {what}; at most {limit} are taken")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// An event has no JSON form.
    #[error("the event has no JSON form: {0}")]
    Encode(String),
    /// The thread that was to write this append ended before it said how that went.
    #[error("the append was given up: the thread that was to write it ended")]
    GivenUp,
}

impl EventLogError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }

    /// The same failure, for another append that shared it.
    fn shared(&self) -> Self {
        match self {
            Self::Io { path, source } => {
                let source = io::Error::new(source.kind(), source.to_string());
                Self::Io { path: path.clone(), source }
            }
            _ => Self::GivenUp,
        }
    }

    /// Whether the disk is full.
    pub fn is_disk_full(&self) -> bool {
        let full = |source: &io::Error| {
            matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        };
        matches!(self, Self::Io { source, .. } if full(source))
    }
}

/// The sequence numbers of what was appended, which is durable now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The first event's number.
    pub first_seq: u64,
    /// The last event's number; one less than `first_seq` if there were no events.
    pub last_seq: u64,
}

/// Something that takes events and acknowledges them when they are durable.
pub trait EventSink {
    /// Appends all events or none.
    fn append(&mut self, events: &[Event]) -> Result<Ack, EventLogError>;
}

/// A sealed or bad file of the log.
#[derive(Clone, Debug)]
struct Kept {
    file: String,
    name: SealedName,
    bytes: u64,
    bad: bool,
}

/// A closed segment that waits to be sealed.
#[derive(Clone, Copy, Debug)]
struct Closed {
    first: u64,
    /// Bytes that count; what stands after them was never acknowledged. `None`: all that is whole.
    len: Option<u64>,
}

/// The segment that takes appends.
struct Current {
    first: u64,
    log: FrameLog,
    /// Bytes that were acknowledged.
    acked_len: u64,
    /// When its first event was recorded, milliseconds since the Unix epoch.
    since_ms: i64,
    /// Whether something that failed could not be cut off its end.
    spoilt: bool,
}

/// The event log, open for writing by this process alone.
pub struct EventLog {
    files: Arc<dyn Files>,
    clock: Arc<dyn Clock>,
    dir: PathBuf,
    config: EventLogConfig,
    _lock: FileLock,
    next_seq: u64,
    current: Option<Current>,
    /// The segment that took appends in the last run, whole bytes and first recorded time. It is
    /// copied before it takes more: its pages may come from a sync that failed.
    resumable: Option<(Closed, i64)>,
    closed: Vec<Closed>,
    kept: Vec<Kept>,
    /// Files whose content is elsewhere and that could not be removed yet.
    litter: Vec<String>,
    stats: EventLogStats,
    notices: VecDeque<Notice>,
}

impl EventLog {
    /// Opens the log in a folder of its own, making it if it is not there. Whatever the last run
    /// left is mended, set aside or kept for later, and said in [`EventLog::take_notices`]; only a
    /// folder that cannot be made, listed or locked is an error.
    pub fn open(
        files: Arc<dyn Files>,
        clock: Arc<dyn Clock>,
        dir: &Path,
        config: EventLogConfig,
    ) -> Result<Self, EventLogError> {
        recover::open(files, clock, dir, config)
    }

    /// Figures about the log.
    pub fn stats(&self) -> EventLogStats {
        let mut stats = self.stats.clone();
        stats.next_seq = self.next_seq;
        stats.open_bytes = match (&self.current, &self.resumable) {
            (Some(current), _) => current.acked_len,
            (None, Some((closed, _))) => closed.len.unwrap_or(0),
            (None, None) => 0,
        };
        stats.closed_segments = self.closed.len() as u64;
        for kept in &self.kept {
            if kept.bad {
                stats.bad_files += 1;
            } else {
                stats.sealed_segments += 1;
                stats.sealed_events += kept.name.events;
                stats.sealed_bytes += kept.bytes;
            }
        }
        stats
    }

    /// What happened since this was last called, oldest first.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        self.notices.drain(..).collect()
    }

    fn notice(&mut self, notice: Notice) {
        match &notice {
            Notice::TailCut { bytes, .. } => {
                self.stats.tails_cut += 1;
                self.stats.tail_bytes_cut += bytes;
            }
            Notice::SetAside { .. } => self.stats.files_set_aside += 1,
            Notice::NotSealed { .. } => self.stats.seal_failures += 1,
            Notice::Retired { events, bytes, .. } => {
                self.stats.retired_segments += 1;
                self.stats.retired_events += events;
                self.stats.retired_bytes += bytes;
            }
            Notice::Unreadable { .. } => {}
        }
        if self.notices.len() >= limits::NOTICES_MAX {
            self.notices.pop_front();
            self.stats.notices_dropped += 1;
        }
        self.notices.push_back(notice);
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    /// Writes a batch into the current segment. It counts only after [`EventLog::commit`]. After
    /// an error nothing of it is there.
    fn stage(&mut self, batch: &Prepared) -> Result<Ack, EventLogError> {
        let first_seq = self.next_seq;
        let count = batch.count();
        let ack = Ack { first_seq, last_seq: (first_seq + count).saturating_sub(1) };
        if count == 0 {
            return Ok(ack);
        }
        let recorded_ms = self.clock.now_ms();
        let current = self.ensure_current(recorded_ms)?;
        let len = current.log.len();
        let result = current.log.append(&batch.payload(first_seq, recorded_ms));
        // The whole batch may be in the file although the write failed.
        let gone = result.is_err() && current.log.rewind(len).is_ok();
        current.spoilt |= result.is_err() && !gone;
        let file = frames_name(current.first);
        if !gone {
            self.next_seq = first_seq + count;
        }
        result.map(|()| ack).map_err(EventLogError::at(&self.path(&file)))
    }

    /// Makes everything that was staged durable, or takes it back. `first_seq` is the number of
    /// the first staged event.
    fn commit(&mut self, first_seq: u64) -> Result<(), EventLogError> {
        let Some(current) = &mut self.current else { return Ok(()) };
        if current.log.len() == current.acked_len && !current.spoilt {
            return Ok(());
        }
        let Err(error) = current.log.sync() else {
            current.acked_len = current.log.len();
            self.stats.syncs += 1;
            self.stats.events_appended += self.next_seq - first_seq;
            return Ok(());
        };
        let path = self.dir.join(frames_name(current.first));
        self.take_back(first_seq);
        Err(EventLogError::Io { path, source: error })
    }

    /// Takes back what was staged from `first_seq` on. A segment that cannot be cut is closed
    /// where its acknowledged bytes end, and the numbers in what stands after them stay unused:
    /// after a crash they may turn up again.
    fn take_back(&mut self, first_seq: u64) {
        let Some(mut current) = self.current.take() else { return };
        if current.log.rewind(current.acked_len).is_ok() {
            self.next_seq = first_seq;
            current.spoilt = false;
            self.current = Some(current);
        } else {
            self.closed.push(Closed { first: current.first, len: Some(current.acked_len) });
        }
    }

    fn ensure_current(&mut self, now_ms: i64) -> Result<&mut Current, EventLogError> {
        let current = match self.current.take() {
            Some(current) => current,
            None => match self.resumable.take() {
                Some(left) => self.resume(left)?,
                None => self.new_segment(now_ms)?,
            },
        };
        // The name of an empty segment that waits to be removed may be taken again.
        let file = frames_name(current.first);
        self.litter.retain(|litter| *litter != file);
        self.closed.retain(|closed| closed.first != current.first);
        Ok(self.current.insert(current))
    }

    fn new_segment(&self, now_ms: i64) -> Result<Current, EventLogError> {
        let path = self.path(&frames_name(self.next_seq));
        // Written rather than only opened: if an earlier attempt failed half-way, the file may be
        // there while its name is not durable.
        self.files.write_atomic(&path, &[]).map_err(EventLogError::at(&path))?;
        let (log, _) =
            FrameLog::open(self.files.as_ref(), &path).map_err(EventLogError::at(&path))?;
        let acked_len = log.len();
        Ok(Current { first: self.next_seq, log, acked_len, since_ms: now_ms, spoilt: false })
    }

    fn resume(&mut self, left: (Closed, i64)) -> Result<Current, EventLogError> {
        let (closed, since_ms) = left;
        let path = self.path(&frames_name(closed.first));
        let result = (|| {
            let mut bytes = self.files.read(&path)?;
            bytes.truncate(recover::to_len(closed.len));
            self.files.write_atomic(&path, &bytes)?;
            let (log, _) = FrameLog::open(self.files.as_ref(), &path)?;
            Ok(log)
        })();
        match result {
            Ok(log) => {
                let acked_len = log.len();
                Ok(Current { first: closed.first, log, acked_len, since_ms, spoilt: false })
            }
            Err(error) => {
                self.resumable = Some(left);
                Err(EventLogError::Io { path, source: error })
            }
        }
    }
}

impl EventSink for EventLog {
    fn append(&mut self, events: &[Event]) -> Result<Ack, EventLogError> {
        let batch = Prepared::new(events)?;
        let first_seq = self.next_seq;
        let ack = match self.stage(&batch) {
            Ok(ack) => ack,
            Err(error) => {
                // Nothing is staged; this mends the segment, or closes it.
                let _ = self.commit(first_seq);
                return Err(error);
            }
        };
        self.commit(first_seq)?;
        self.stats.batches_appended += u64::from(!events.is_empty());
        if self.close_if_full() {
            self.maintain();
        }
        Ok(ack)
    }
}
