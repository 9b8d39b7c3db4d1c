//! Opening the log: what the last run left, however it ended.

use std::io;
use std::path::Path;
use std::sync::Arc;

use durable::{Files, frames};
use spine::Clock;

use super::names::{Name, frames_name};
use super::{Closed, EventLog, EventLogConfig, EventLogError, EventLogStats, Kept, Notice};
use super::{batch, sealed};
use crate::limits;

pub(super) fn open(
    files: Arc<dyn Files>,
    clock: Arc<dyn Clock>,
    dir: &Path,
    mut config: EventLogConfig,
) -> Result<EventLog, EventLogError> {
    config.segment_bytes_max = config.segment_bytes_max.min(limits::SEGMENT_BYTES_MAX);
    files.create_dir_all(dir).map_err(EventLogError::at(dir))?;
    let lock_path = dir.join("lock");
    let lock = files.lock(&lock_path).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => EventLogError::Locked(dir.to_path_buf()),
        _ => EventLogError::Io { path: lock_path, source },
    })?;
    let names = files.list(dir).map_err(EventLogError::at(dir))?;
    let mut log = EventLog {
        files,
        clock,
        dir: dir.to_path_buf(),
        config,
        _lock: lock,
        next_seq: 1,
        current: None,
        resumable: None,
        closed: Vec::new(),
        kept: Vec::new(),
        litter: Vec::new(),
        stats: EventLogStats::default(),
        notices: std::collections::VecDeque::new(),
    };
    let mut segments = Vec::new();
    for file in names {
        match Name::parse(&file) {
            Name::Frames { first } => segments.push(first),
            Name::Sealed(name) => log.keep(file, name, false),
            Name::BadSealed(name) => log.keep(file, name, true),
            Name::BadFrames { first } => {
                log.skip_past(first);
                log.stats.bad_files += 1;
            }
            Name::Temporary => log.litter.push(file),
            Name::Other => {}
        }
    }
    log.kept.sort_by_key(|kept| (kept.name.first, kept.name.last));
    segments.sort_unstable();
    let last = segments.last().copied();
    for first in segments {
        // A segment that was being sealed is closed.
        let sealing = log.kept.iter().any(|kept| !kept.bad && kept.name.first == first);
        if !log.is_sealed(first) {
            log.recover_segment(first, Some(first) == last && !sealing);
        }
    }
    log.maintain();
    Ok(log)
}

impl EventLog {
    fn keep(&mut self, file: String, name: super::SealedName, bad: bool) {
        self.next_seq = self.next_seq.max(name.last.saturating_add(1));
        let bytes = self.files.len(&self.path(&file)).unwrap_or(0);
        self.kept.push(Kept { file, name, bytes, bad });
    }

    /// Leaves out the numbers that a segment may hold which cannot be read.
    fn skip_past(&mut self, first: u64) {
        let past = first.saturating_add(limits::UNREADABLE_SEGMENT_EVENTS);
        self.next_seq = self.next_seq.max(past);
    }

    /// Whether a segment of frames also stands sealed, and sound: a crash came between sealing it
    /// and removing the frames. If the sealed file is not sound, the frames count.
    fn is_sealed(&mut self, first: u64) -> bool {
        let Some(at) = self.kept.iter().position(|k| !k.bad && k.name.first == first) else {
            return false;
        };
        let kept = self.kept.remove(at);
        match self.files.read(&self.path(&kept.file)) {
            Ok(bytes) if sealed::check(&kept.name, &bytes).is_ok() => {
                // Written again, because its name may not be durable: the crash may have come, or
                // the disk may have failed, after the rename and before the sync of the folder.
                match self.files.write_atomic(&self.path(&kept.file), &bytes) {
                    Ok(()) => {
                        self.litter.push(frames_name(first));
                        self.kept.insert(at, kept);
                        true
                    }
                    Err(_) => false,
                }
            }
            Ok(_) => {
                // Not evidence of anything: the frames it was made of are here.
                let _ = self.files.remove(&self.path(&kept.file));
                false
            }
            Err(error) => {
                self.notice(Notice::Unreadable { file: kept.file, reason: error.to_string() });
                false
            }
        }
    }

    fn recover_segment(&mut self, first: u64, is_last: bool) {
        let file = frames_name(first);
        let bytes = match self.files.read(&self.path(&file)) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.skip_past(first);
                self.closed.push(Closed { first, len: None });
                self.notice(Notice::Unreadable { file, reason: error.to_string() });
                return;
            }
        };
        let (payloads, whole) = frames::parse(&bytes);
        let cut = bytes.len() - whole;
        if cut > 0 {
            self.notice(Notice::TailCut { file, bytes: cut as u64 });
        }
        let heads = payloads.iter().filter_map(|payload| batch::head(payload));
        let mut since_ms = None;
        let mut next_seq = first;
        for (head, _) in heads {
            since_ms.get_or_insert(head.recorded_ms);
            next_seq = next_seq.max(head.first_seq.saturating_add(u64::from(head.count)));
        }
        self.next_seq = self.next_seq.max(next_seq);
        let closed = Closed { first, len: Some(whole as u64) };
        // Where a later segment was sealed before this one, this one must not grow past it.
        let ends_the_log = is_last && next_seq == self.next_seq;
        match since_ms {
            Some(since_ms) if ends_the_log => self.resumable = Some((closed, since_ms)),
            // Its name may be the next one to be taken, so it must not wait to be sealed.
            None if whole == 0 => self.litter.push(frames_name(first)),
            _ => self.closed.push(closed),
        }
    }
}

pub(super) fn to_len(len: Option<u64>) -> usize {
    len.map_or(usize::MAX, |len| usize::try_from(len).unwrap_or(usize::MAX))
}
