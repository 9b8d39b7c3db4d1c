//! Windows event logs: `.evtx`.
//!
//! The files under `%SystemRoot%\System32\winevt\Logs`: Security, System, Sysmon, PowerShell and
//! every other channel. `raw` is flat, under the names that Sigma rules use: `EventID`, `Channel`,
//! `Provider_Name`, `Computer`, then the event's own data. A log that was not closed, or was cut,
//! is read as far as it goes: a chunk (64 KiB) or a record that is damaged is counted and left out.

use std::io::{BufRead, Read as _};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use evtx::{EvtxChunkData, EvtxRecord, ParserSettings};
use serde_json::{Map, Value};

use crate::limits::EVTX_CHUNK_BYTES;
use crate::log::lines::cut_short;
use crate::log::windows::{self, flat::flatten};
use crate::log::{Context, Counts, Head, LogError, LogSource, Record, Sink, json, text, time};

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
    let settings = Arc::new(ParserSettings::new().indent(false));
    let mut reader = Reader { settings, context, counts: Counts::default(), chunk: 0 };
    loop {
        let mut bytes = Vec::with_capacity(EVTX_CHUNK_BYTES);
        let filled = fill(input, &mut bytes, EVTX_CHUNK_BYTES);
        if bytes.is_empty() && filled.is_ok() {
            return Ok(reader.counts);
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

/// Reads up to `wanted` bytes; fewer only at the end of the stream.
fn fill(input: &mut dyn BufRead, bytes: &mut Vec<u8>, wanted: usize) -> std::io::Result<()> {
    input.take(wanted as u64).read_to_end(bytes).map(|_| ())
}

struct Reader<'r> {
    settings: Arc<ParserSettings>,
    context: &'r Context<'r>,
    counts: Counts,
    chunk: u64,
}

impl Reader<'_> {
    fn bad(&mut self, reason: impl AsRef<str>) {
        let chunk = self.chunk;
        self.counts.bad(|| format!("chunk {chunk}"), reason);
    }

    fn chunk(&mut self, mut bytes: Vec<u8>, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let is_chunk = bytes.starts_with(CHUNK_MAGIC);
        if !is_chunk && bytes.iter().all(|byte| *byte == 0) {
            // Room that was set aside and never used.
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
            match json::parse(&json) {
                Ok(event) => self.counts.record(record(event, self.context), sink)?,
                Err(error) => self.bad(error.to_string()),
            }
        }
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

/// The record of one event as the library renders it: `{"Event": {"System": .., ..}}`.
fn record(mut event: Map<String, Value>, context: &Context<'_>) -> Record {
    let inner = match event.remove("Event") {
        Some(Value::Object(inner)) => inner,
        _ => event,
    };
    let raw = flatten(inner);
    let time_ms = text(&raw, "SystemTime").and_then(|time| time::iso(time, 0)).unwrap_or(0);
    windows::record(raw, time_ms, context.host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_event_log_is_refused_and_an_empty_one_is_empty() {
        let mut sink = |_| ControlFlow::Continue(());
        let context = Context::default();
        assert!(read(&mut &b"ElfChnk\0"[..], &context, &mut sink).is_err());
        let mut empty = MAGIC.to_vec();
        empty.resize(HEADER_BYTES + 2 * EVTX_CHUNK_BYTES, 0);
        let counts = read(&mut empty.as_slice(), &context, &mut sink).unwrap();
        assert_eq!(counts, Counts::default());
    }

    #[test]
    fn a_damaged_chunk_is_counted_with_its_place() {
        let mut file = MAGIC.to_vec();
        file.resize(HEADER_BYTES, 0);
        file.resize(HEADER_BYTES + EVTX_CHUNK_BYTES, 1);
        file.extend(b"ElfChnk\0 and no more");
        let mut sink = |_| ControlFlow::Continue(());
        let counts = read(&mut file.as_slice(), &Context::default(), &mut sink).unwrap();
        let places: Vec<_> = counts.first_bad.iter().map(|bad| bad.place.as_str()).collect();
        assert_eq!(&places[..2], ["chunk 1", "chunk 2"], "{counts:?}");
        assert_eq!(counts.records, 0);
    }
}
