//! Windows event logs: `.evtx`.
//!
//! The files under `%SystemRoot%\System32\winevt\Logs`: Security, System, Sysmon, PowerShell and
//! every other channel. `raw` is flat, under the names that Sigma rules use: `EventID`, `Channel`,
//! `Provider_Name`, `Computer`, then the event's own data. A log that was not closed, or was cut,
//! is read as far as it goes: a chunk (64 KiB) or a record that is damaged is counted and left out,
//! and so is a chunk that the file's header counts and that is not there.

use std::io::{BufRead, Read as _};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use evtx::{EvtxChunkData, EvtxRecord, ParserSettings};
use serde_json::{Map, Value};

use crate::limits::EVTX_CHUNK_BYTES;
use crate::log::lines::cut_short;
use crate::log::windows;
use crate::log::{Context, Counts, Head, LogError, LogSource, Record, Sink, text, time};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "evtx",
    title: "Windows event log (EVTX)",
    example: "Windows/System32/winevt/Logs/Security.evtx",
    standard: "https://learn.microsoft.com/openspecs/windows_protocols/ms-even6",
    wants,
    read,
};

const MAGIC: &[u8] = b"ElfFile\0";
const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";
const HEADER_BYTES: usize = 4_096;

fn wants(head: &Head<'_>) -> bool {
    head.bytes().starts_with(MAGIC)
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    if let Err(error) = fill(input, &mut header, HEADER_BYTES) {
        return Err(LogError::Io(error));
    }
    if !header.starts_with(MAGIC) {
        return Err(LogError::format("this is no Windows event log: `ElfFile` is missing"));
    }
    if header.len() < HEADER_BYTES {
        let ended_early = Some("the file ends within its header".to_owned());
        return Ok(Counts { ended_early, ..Counts::default() });
    }
    let counted = chunks_counted(&header);
    let settings = Arc::new(ParserSettings::new().indent(false));
    let mut reader = Reader { settings, context, counts: Counts::default(), chunk: 0, counted: 0 };
    match counted {
        Some(counted) => reader.counted = counted,
        None => reader.counts.bad(
            || "header".to_owned(),
            "it is damaged: how many chunks belong to the file is not known",
        ),
    }
    loop {
        let mut bytes = Vec::with_capacity(EVTX_CHUNK_BYTES);
        let filled = fill(input, &mut bytes, EVTX_CHUNK_BYTES);
        if bytes.is_empty() && filled.is_ok() {
            return Ok(reader.ended());
        }
        reader.chunk += 1;
        if !bytes.is_empty()
            && let ControlFlow::Break(()) = reader.chunk(bytes, sink)
        {
            return Ok(reader.counts);
        }
        if let Err(error) = filled {
            return cut_short(reader.counts, error);
        }
    }
}

/// How many chunks the file's header says there are; `None` if its checksum is wrong. A log that is
/// being written may have more than its header counts, never less.
fn chunks_counted(header: &[u8]) -> Option<u64> {
    let mut checksum = flate2::Crc::new();
    checksum.update(header.get(..120)?);
    let kept = u32::from_le_bytes(header.get(124..128)?.try_into().ok()?);
    let chunks = u16::from_le_bytes(header.get(42..44)?.try_into().ok()?);
    (checksum.sum() == kept).then_some(u64::from(chunks))
}

/// Whether there is nothing but zeros; a comparison of whole blocks is many times faster than one
/// byte after the other.
fn is_blank(bytes: &[u8]) -> bool {
    const BLANK: [u8; 1_024] = [0; 1_024];
    bytes.chunks(BLANK.len()).all(|part| BLANK.get(..part.len()) == Some(part))
}

/// Reads up to `wanted` bytes; fewer only at the end of the stream.
fn fill(input: &mut dyn BufRead, bytes: &mut Vec<u8>, wanted: usize) -> std::io::Result<()> {
    input.take(wanted as u64).read_to_end(bytes).map(|_| ())
}

struct Reader<'r> {
    settings: Arc<ParserSettings>,
    context: &'r Context<'r>,
    counts: Counts,
    /// The number of the chunk at hand, from 1.
    chunk: u64,
    /// How many chunks the header counts.
    counted: u64,
}

impl Reader<'_> {
    fn bad(&mut self, reason: impl AsRef<str>) {
        let chunk = self.chunk;
        self.counts.bad(|| format!("chunk {chunk}"), reason);
    }

    fn chunk(&mut self, mut bytes: Vec<u8>, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let is_chunk = bytes.starts_with(CHUNK_MAGIC);
        if !is_chunk && is_blank(&bytes) {
            if self.chunk <= self.counted {
                self.bad("it is empty, though the header counts it");
            }
            // Otherwise it is room that was set aside and never used.
            return ControlFlow::Continue(());
        }
        if bytes.len() < EVTX_CHUNK_BYTES {
            self.bad("the file ends inside a chunk");
            bytes.resize(EVTX_CHUNK_BYTES, 0);
        }
        if !is_chunk {
            self.bad("`ElfChnk` is missing");
            return ControlFlow::Continue(());
        }
        let settings = Arc::clone(&self.settings);
        let mut data = match guard(|| EvtxChunkData::new(bytes, false)) {
            Ok(Ok(data)) => data,
            Ok(Err(error)) => return self.left_out(&error.to_string()),
            Err(reason) => return self.left_out(reason),
        };
        let mut chunk = match guard(|| data.parse(settings)) {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(error)) => return self.left_out(&error.to_string()),
            Err(reason) => return self.left_out(reason),
        };
        let mut records = chunk.iter();
        loop {
            let json = match guard(|| Some(records.next()?.and_then(EvtxRecord::into_json_bytes))) {
                Ok(None) => return ControlFlow::Continue(()),
                Ok(Some(Ok(record))) => record.data,
                Ok(Some(Err(error))) => {
                    self.bad(error.to_string());
                    continue;
                }
                Err(reason) => return self.left_out(reason),
            };
            match windows::direct::read(&json) {
                Ok(raw) => self.counts.record(record(raw, self.context), sink)?,
                Err(error) => self.bad(error.to_string()),
            }
        }
    }

    /// What was read, at the end of the file.
    fn ended(mut self) -> Counts {
        if self.chunk < self.counted {
            let (there, counted) = (self.chunk, self.counted);
            self.counts.ended_early =
                Some(format!("of {counted} chunks that the header counts, {there} are there"));
        }
        self.counts
    }

    fn left_out(&mut self, reason: &str) -> ControlFlow<()> {
        self.bad(reason);
        ControlFlow::Continue(())
    }
}

/// The library reads bytes that an attacker may have written, and overflow checks are on in our
/// builds: should it panic, that costs one chunk and not the whole file.
fn guard<T>(read: impl FnOnce() -> T) -> Result<T, &'static str> {
    catch_unwind(AssertUnwindSafe(read)).map_err(|_| "the reader gave up on this chunk")
}

/// The record of one event.
fn record(raw: Map<String, Value>, context: &Context<'_>) -> Record {
    let time_ms = text(&raw, "SystemTime").and_then(|time| time::iso(time, 0)).unwrap_or(0);
    windows::record(raw, time_ms, context.host)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header that counts so many chunks.
    fn header(chunks: u16) -> Vec<u8> {
        let mut header = MAGIC.to_vec();
        header.resize(HEADER_BYTES, 0);
        header[42..44].copy_from_slice(&chunks.to_le_bytes());
        let mut checksum = flate2::Crc::new();
        checksum.update(&header[..120]);
        header[124..128].copy_from_slice(&checksum.sum().to_le_bytes());
        header
    }

    /// The one chunk of a recording.
    fn chunk() -> &'static [u8] {
        &include_bytes!("../../testdata/evtx/sysmon.in")[HEADER_BYTES..]
    }

    fn counts(file: &[u8]) -> Counts {
        let mut sink = |_| ControlFlow::Continue(());
        read(&mut &file[..], &Context::default(), &mut sink).unwrap()
    }

    #[test]
    fn what_is_no_event_log_is_refused_and_an_empty_one_is_empty() {
        let mut sink = |_| ControlFlow::Continue(());
        assert!(read(&mut &b"ElfChnk\0"[..], &Context::default(), &mut sink).is_err());
        let mut empty = header(0);
        empty.resize(HEADER_BYTES + 2 * EVTX_CHUNK_BYTES, 0);
        assert_eq!(counts(&empty), Counts::default());
    }

    #[test]
    fn a_damaged_chunk_is_counted_with_its_place() {
        let mut file = header(2);
        file.resize(HEADER_BYTES + EVTX_CHUNK_BYTES, 1);
        file.extend(b"ElfChnk\0 and no more");
        let counts = counts(&file);
        let places: Vec<_> = counts.first_bad.iter().map(|bad| bad.place.as_str()).collect();
        assert_eq!(&places[..2], ["chunk 1", "chunk 2"], "{counts:?}");
        assert_eq!(counts.records, 0);
    }

    #[test]
    fn chunks_that_the_header_counts_and_that_are_not_there_are_told() {
        let whole = counts(&[&header(2), chunk(), chunk()].concat());
        assert!(whole.records > 0 && whole.bad == 0 && whole.ended_early.is_none(), "{whole:?}");
        let cut = counts(&[&header(3), chunk()].concat());
        assert_eq!(
            cut.ended_early.as_deref(),
            Some("of 3 chunks that the header counts, 1 are there")
        );
        let none = counts(&header(1));
        assert!(none.ended_early.is_some() && none.records == 0, "{none:?}");
        let blank = vec![0; EVTX_CHUNK_BYTES];
        let hole = counts(&[&header(3), chunk(), &blank, chunk()].concat());
        assert_eq!((hole.bad, hole.first_bad[0].place.as_str()), (1, "chunk 2"));
        assert_eq!(hole.records, whole.records);
        // A log that is being written has more than its header counts yet.
        let more = counts(&[&header(1), chunk(), chunk(), &blank].concat());
        assert!(more.records == whole.records && more.bad == 0 && more.ended_early.is_none());
    }

    #[test]
    fn a_header_that_is_damaged_is_told_and_the_chunks_are_read_all_the_same() {
        let mut damaged = header(1);
        damaged[42] = 9;
        let counts = counts(&[&damaged, chunk()].concat());
        assert_eq!(counts.first_bad[0].place, "header");
        assert!(counts.records > 0 && counts.bad == 1, "{counts:?}");
    }
}
