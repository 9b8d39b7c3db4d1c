//! Records of many files in the order of time, in bounded memory.
//!
//! Files come one after the other and overlap in time; learned behaviour and correlations need one
//! order. Records are kept as text, up to a limit in memory and from there on in a file, beside an
//! index of times that is sorted at the end. Equal times keep the order in which they came.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use sources::Record;

/// Bytes of records that are kept in memory before a file is begun.
const MEMORY_BYTES_MAX: usize = 64 << 20;
/// Records that are put in order at most: 24 bytes of index each.
const RECORDS_MAX: usize = 20_000_000;
/// Bytes of the file at most.
const SPILL_BYTES_MAX: u64 = 64 << 30;

/// Where one record lies.
#[derive(Clone, Copy)]
struct Place {
    time_ms: i64,
    offset: u64,
    len: u32,
    source: u16,
}

/// Collects records and gives them back in the order of time.
pub struct InOrder<'a> {
    dir: &'a Path,
    memory_max: usize,
    memory: Vec<u8>,
    spill: Option<File>,
    spilled: u64,
    places: Vec<Place>,
    sources: Vec<&'static str>,
    /// Records for which there was no room.
    pub left_out: u64,
}

impl<'a> InOrder<'a> {
    /// Nothing yet; a file, should one be needed, is made in `dir`.
    pub fn new(dir: &'a Path) -> Self {
        Self {
            dir,
            memory_max: MEMORY_BYTES_MAX,
            memory: Vec::new(),
            spill: None,
            spilled: 0,
            places: Vec::new(),
            sources: Vec::new(),
            left_out: 0,
        }
    }

    /// Adds a record of a source.
    pub fn add(&mut self, source: &'static str, record: &Record) -> io::Result<()> {
        if self.places.len() >= RECORDS_MAX || self.spilled >= SPILL_BYTES_MAX {
            self.left_out += 1;
            return Ok(());
        }
        let begin = self.memory.len();
        serde_json::to_writer(&mut self.memory, record).map_err(io::Error::other)?;
        let len = u32::try_from(self.memory.len() - begin).map_err(io::Error::other)?;
        let offset = self.spilled + begin as u64;
        let source = self.number(source);
        self.places.push(Place { time_ms: record.time_ms, offset, len, source });
        if self.memory.len() >= self.memory_max { self.spill() } else { Ok(()) }
    }

    fn number(&mut self, source: &'static str) -> u16 {
        let known = self.sources.iter().position(|known| *known == source);
        let at = known.unwrap_or_else(|| {
            self.sources.push(source);
            self.sources.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.spill.is_none() {
            let path = self.dir.join("records");
            let mut options = File::options();
            self.spill = Some(options.read(true).write(true).create_new(true).open(path)?);
        }
        if let Some(file) = &mut self.spill {
            file.write_all(&self.memory)?;
            self.spilled += self.memory.len() as u64;
            self.memory.clear();
        }
        Ok(())
    }

    /// Hands every record over, oldest first.
    pub fn each(mut self, sink: &mut dyn FnMut(&str, Record) -> io::Result<()>) -> io::Result<()> {
        if self.spill.is_some() && !self.memory.is_empty() {
            self.spill()?;
        }
        let mut places = std::mem::take(&mut self.places);
        places.sort_by_key(|place| place.time_ms);
        let mut buffer = Vec::new();
        let mut position = 0_u64;
        if let Some(file) = &mut self.spill {
            file.seek(SeekFrom::Start(0))?;
        }
        let mut reader =
            self.spill.as_mut().map(|file| io::BufReader::with_capacity(1 << 16, file));
        for place in places {
            let bytes = if let Some(reader) = &mut reader {
                // Near places stay in the buffer: most records come nearly in order.
                let step = i64::try_from(i128::from(place.offset) - i128::from(position))
                    .map_err(io::Error::other)?;
                reader.seek_relative(step)?;
                buffer.resize(usize::try_from(place.len).map_err(io::Error::other)?, 0);
                reader.read_exact(&mut buffer)?;
                position = place.offset + u64::from(place.len);
                buffer.as_slice()
            } else {
                let begin = usize::try_from(place.offset).map_err(io::Error::other)?;
                let end = begin + usize::try_from(place.len).map_err(io::Error::other)?;
                self.memory.get(begin..end).unwrap_or_default()
            };
            let record = serde_json::from_slice(bytes).map_err(io::Error::other)?;
            let source = self.sources.get(usize::from(place.source)).copied().unwrap_or_default();
            sink(source, record)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(times: &[i64], memory_max: usize) -> Vec<(String, i64, String)> {
        let dir = tempfile::tempdir().unwrap();
        let mut records = InOrder { memory_max, ..InOrder::new(dir.path()) };
        for (at, time_ms) in times.iter().enumerate() {
            let source = if at % 2 == 0 { "evtx" } else { "syslog" };
            let record = Record { time_ms: *time_ms, host: format!("h{at}"), ..Record::default() };
            records.add(source, &record).unwrap();
        }
        let mut seen = Vec::new();
        records
            .each(&mut |source, record| {
                seen.push((source.to_owned(), record.time_ms, record.host));
                Ok(())
            })
            .unwrap();
        seen
    }

    #[test]
    fn records_come_in_the_order_of_time_and_equal_times_as_they_came() {
        let times = [5, 3, 9, 3, -1, 9];
        let seen = order(&times, MEMORY_BYTES_MAX);
        let hosts: Vec<&str> = seen.iter().map(|(.., host)| host.as_str()).collect();
        assert_eq!(hosts, ["h4", "h1", "h3", "h0", "h2", "h5"]);
        assert_eq!(seen[0].0, "evtx");
    }

    #[test]
    fn a_file_gives_the_same_as_memory() {
        let times: Vec<i64> = (0..5_000).map(|n| (n * 7_919) % 1_009).collect();
        let in_memory = order(&times, MEMORY_BYTES_MAX);
        assert_eq!(in_memory, order(&times, 1));
        assert_eq!(in_memory, order(&times, 10_000));
    }
}
