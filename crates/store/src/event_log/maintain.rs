//! Closing segments, sealing them, and retention.

use durable::frames;

use super::names::frames_name;
use super::row::Row;
use super::{Closed, EventFilter, EventLog, Kept, Notice, batch, recover, sealed};

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// What became of a closed segment.
enum Sealing {
    /// There was nothing in it.
    Empty,
    Sealed(Kept),
}

impl EventLog {
    /// Closes the current segment if it is old, seals what is closed, and removes what is past
    /// retention. Call it now and then; a full segment is sealed by the append that filled it.
    /// What does not work is said in a notice and tried again the next time.
    pub fn maintain(&mut self) {
        self.close_if_full();
        self.seal_closed();
        self.retire();
        self.remove_litter();
    }

    /// Closes and seals the current segment, however small.
    pub fn seal(&mut self) {
        self.close();
        self.maintain();
    }

    /// Closes the current segment if it is full or old. Returns whether it did.
    pub(super) fn close_if_full(&mut self) -> bool {
        let (len, since_ms) = match (&self.current, &self.resumable) {
            (Some(current), _) => (current.acked_len, current.since_ms),
            (None, Some((closed, since_ms))) => (closed.len.unwrap_or(0), *since_ms),
            (None, None) => return false,
        };
        let age_ms = self.clock.now_ms().saturating_sub(since_ms);
        let full = len >= self.config.segment_bytes_max || age_ms >= self.config.segment_age_ms_max;
        // An empty segment keeps its name, which is the next sequence number.
        if full && len > 0 {
            self.close();
        }
        full && len > 0
    }

    fn close(&mut self) {
        if let Some(current) = self.current.take() {
            self.closed.push(Closed { first: current.first, len: Some(current.acked_len) });
        }
        if let Some((closed, _)) = self.resumable.take() {
            self.closed.push(closed);
        }
    }

    fn seal_closed(&mut self) {
        let mut waiting = Vec::new();
        for closed in std::mem::take(&mut self.closed) {
            match self.seal_one(closed) {
                Ok(Sealing::Empty) => {}
                Ok(Sealing::Sealed(kept)) => {
                    self.next_seq = self.next_seq.max(kept.name.last.saturating_add(1));
                    self.kept.push(kept);
                }
                Err(reason) => {
                    waiting.push(closed);
                    self.notice(Notice::NotSealed { file: frames_name(closed.first), reason });
                }
            }
        }
        self.closed = waiting;
        self.kept.sort_by_key(|kept| (kept.name.first, kept.name.last));
    }

    fn seal_one(&mut self, closed: Closed) -> Result<Sealing, String> {
        let file = frames_name(closed.first);
        let path = self.path(&file);
        let mut bytes = self.files.read(&path).map_err(|error| error.to_string())?;
        bytes.truncate(recover::to_len(closed.len));
        let Content { rows, undecodable, whole } = content_of(&bytes);
        // What was acknowledged was whole once; what was not may be torn.
        let missing = closed.len.map_or(0, |len| len.saturating_sub(whole));
        let torn = (bytes.len() as u64).saturating_sub(whole);
        drop(bytes);
        if undecodable > 0 {
            // A newer version wrote it. Sealing would lose it; this version cannot read it.
            return Err(format!("{undecodable} appends were written by a newer version"));
        }
        if closed.len.is_none() && torn > 0 {
            self.notice(Notice::TailCut { file: file.clone(), bytes: torn });
        }
        let sealed = if rows.is_empty() { Sealing::Empty } else { self.write_sealed(rows)? };
        if missing > 0 {
            self.set_frames_aside(file, missing)?;
        } else {
            self.litter.push(file);
        }
        Ok(sealed)
    }

    fn write_sealed(&self, rows: Vec<Row>) -> Result<Sealing, String> {
        let count = rows.len();
        let (name, bytes) = sealed::encode(rows).map_err(|error| error.to_string())?;
        // The frames are about to go: read back what replaces them.
        let read = sealed::decode(&name, bytes.clone(), &EventFilter::default())
            .map_err(|error| error.to_string())?;
        if read.len() != count {
            return Err(format!("{} of {count} events read back", read.len()));
        }
        drop(read);
        let file = name.to_string();
        self.files.write_atomic(&self.path(&file), &bytes).map_err(|error| error.to_string())?;
        Ok(Sealing::Sealed(Kept { file, name, bytes: bytes.len() as u64, bad: false }))
    }

    /// Keeps frames of which a part that was acknowledged cannot be read any more.
    fn set_frames_aside(&mut self, file: String, missing: u64) -> Result<(), String> {
        let (from, to) = (self.path(&file), self.path(&format!("{file}.bad")));
        self.files.rename(&from, &to).map_err(|error| error.to_string())?;
        self.stats.bad_files += 1;
        let reason = format!("{missing} bytes that were acknowledged cannot be read");
        self.notice(Notice::SetAside { file, events: None, reason });
        Ok(())
    }

    /// Removes the oldest files until what is left is within bytes and days. The newest sealed
    /// file stays: it carries the sequence number on.
    fn retire(&mut self) {
        let days = i64::from(self.config.retention_days_max);
        let oldest_ms = self.clock.now_ms().saturating_sub(days.saturating_mul(DAY_MS));
        let mut total: u64 = self.kept.iter().map(|kept| kept.bytes).sum();
        while let [oldest, _, ..] = self.kept.as_slice() {
            let too_old = oldest.name.recorded_max < oldest_ms;
            if !too_old && total <= self.config.retention_bytes_max {
                return;
            }
            if self.files.remove(&self.path(&oldest.file)).is_err() {
                return;
            }
            let oldest = self.kept.remove(0);
            total = total.saturating_sub(oldest.bytes);
            self.notice(Notice::Retired {
                file: oldest.file,
                events: oldest.name.events,
                bytes: oldest.bytes,
            });
        }
    }

    fn remove_litter(&mut self) {
        let litter = std::mem::take(&mut self.litter);
        for file in litter {
            if self.files.remove(&self.path(&file)).is_err() {
                self.litter.push(file);
            }
        }
    }

    /// Gives a damaged sealed file the name `FILE.bad`, so that it is not read again and not lost.
    pub(super) fn set_aside(&mut self, file: &str, reason: String) {
        let Some(kept) = self.kept.iter_mut().find(|kept| !kept.bad && kept.file == file) else {
            return;
        };
        let bad = format!("{file}.bad");
        let renamed = self.files.rename(&self.dir.join(file), &self.dir.join(&bad));
        kept.bad = true;
        if renamed.is_ok() {
            kept.file = bad;
        }
        let events = Some(kept.name.events);
        self.notice(Notice::SetAside { file: file.to_owned(), events, reason });
    }
}

/// What some bytes of frames hold.
pub(super) struct Content {
    pub(super) rows: Vec<Row>,
    /// Appends that this version cannot read.
    pub(super) undecodable: u64,
    /// Bytes of whole frames.
    pub(super) whole: u64,
}

pub(super) fn content_of(bytes: &[u8]) -> Content {
    let (payloads, whole) = frames::parse(bytes);
    let mut content = Content { rows: Vec::new(), undecodable: 0, whole: whole as u64 };
    for payload in payloads {
        match batch::decode(&payload) {
            Some(rows) => content.rows.extend(rows),
            None => content.undecodable += 1,
        }
    }
    content
}
