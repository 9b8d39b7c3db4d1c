//! Opens a file of logs: unpacks what is compressed, goes into archives, tells the source of each
//! file by its first bytes, and reads it. Everything that comes out of a compressed file is
//! counted against one limit, however it is nested.

use std::cell::Cell;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::utf16::{Order, Utf16};
use super::{Context, Counts, Head, LogSource, Record};
use crate::limits::{
    HEAD_BYTES, LOG_BYTES_MAX, LOG_HELD_BYTES_MAX, LOG_MEMBERS_MAX, LOG_NESTING_MAX, LOG_RATIO_MAX,
};
use crate::log_registry;
use crate::unpack::{Compression, OverLimit, unpack};

/// What was read of one file, or of one member of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// Its name; a member of an archive stands behind the archive's name and `!`.
    pub name: String,
    /// The name of its log source; `None` if no source knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What was read.
    #[serde(flatten)]
    pub counts: Counts,
    /// Why nothing of it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether it is empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty: bool,
}

impl FileReport {
    /// Whether all of it was read, each record.
    pub fn is_complete(&self) -> bool {
        let read = self.source.is_some() || self.empty;
        read && self.error.is_none() && self.counts.bad == 0 && self.counts.ended_early.is_none()
    }
}

/// Takes the records of a file, with the source that each came from.
pub type SourceSink<'a> = dyn FnMut(&'static LogSource, Record) -> ControlFlow<()> + 'a;

/// The source of a file that begins with these bytes; `whole` if there are no more.
pub fn sniff(name: &str, bytes: &[u8], whole: bool) -> Option<&'static LogSource> {
    let head = Head::new(name, bytes, whole);
    log_registry::ALL.iter().copied().find(|source| (source.wants)(&head))
}

/// Reads every log in a file: the file itself, or the members of an archive.
pub fn read_file<R: Read + Seek>(
    mut input: R,
    context: &Context<'_>,
    sink: &mut SourceSink<'_>,
) -> Vec<FileReport> {
    let len = input.seek(SeekFrom::End(0)).and_then(|len| input.rewind().map(|()| len));
    let len = match len {
        Ok(len) => len,
        Err(error) => return vec![failed(context.file, &error)],
    };
    let unpacked = (256_u64 << 20).max(len.saturating_mul(LOG_RATIO_MAX)).min(LOG_BYTES_MAX);
    let left = Cell::new(unpacked.max(len));
    let mut opener =
        Opener { context, sink, left: &left, limit: left.get(), reports: Vec::new(), ended: false };
    let mut magic = Vec::new();
    let read = (&mut input).take(4).read_to_end(&mut magic).and_then(|_| input.rewind());
    match read {
        Err(error) => opener.reports.push(failed(context.file, &error)),
        Ok(()) if magic == ZIP => opener.zip(context.file, input, 0),
        Ok(()) => opener.stream(context.file, Box::new(input), 0),
    }
    opener.reports
}

const ZIP: &[u8] = b"PK\x03\x04";

/// What a file is, by its first bytes, before any source looks at it.
enum Shell {
    Compressed(Compression),
    Bzip2,
    Zip,
    Tar,
    Utf16(Order),
    Plain,
}

impl Shell {
    fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Compressed(Compression::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Compressed(Compression::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Compressed(Compression::Zstd),
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Compressed(Compression::Lz4),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            _ if head.starts_with(ZIP) => Self::Zip,
            _ if head.get(257..262) == Some(b"ustar") => Self::Tar,
            _ => Order::of(head).map_or(Self::Plain, Self::Utf16),
        }
    }
}

struct Opener<'o, 's> {
    context: &'o Context<'o>,
    sink: &'o mut SourceSink<'s>,
    /// Bytes that may still come out, over everything that is nested.
    left: &'o Cell<u64>,
    limit: u64,
    reports: Vec<FileReport>,
    /// Whether the sink wants no more.
    ended: bool,
}

impl<'o> Opener<'o, '_> {
    fn stream(&mut self, name: &str, mut input: Box<dyn Read + '_>, depth: usize) {
        let mut head = Vec::new();
        let taken = (&mut input).take(HEAD_BYTES as u64).read_to_end(&mut head);
        // What came before an error is looked at; the reader meets the error where it stands.
        if let (Err(error), true) = (&taken, head.is_empty()) {
            self.reports.push(failed(name, error));
            return;
        }
        let whole = taken.is_ok() && head.len() < HEAD_BYTES;
        let broken = taken.err();
        let shell = Shell::of(&head);
        if depth >= LOG_NESTING_MAX && !matches!(shell, Shell::Plain) {
            let error = format!("over the limit of {LOG_NESTING_MAX} nested archives");
            self.reports.push(failed(name, &error));
            return;
        }
        let start = Cursor::new(head.clone());
        let rest: Box<dyn Read + '_> = match broken {
            None => Box::new(start.chain(input)),
            Some(error) => Box::new(start.chain(Broken(Some(error)))),
        };
        match shell {
            Shell::Plain => self.log(name, &head, whole, rest),
            Shell::Compressed(compression) => {
                let inner = Compression::of_name(name).map_or(name, |(_, stem)| stem).to_owned();
                match unpack(compression, rest, u64::MAX) {
                    Err(error) => self.reports.push(failed(name, &error)),
                    Ok(unpacked) => {
                        let metered = self.metered(unpacked);
                        self.stream(&inner, Box::new(metered), depth + 1);
                    }
                }
            }
            Shell::Bzip2 => {
                self.reports.push(failed(name, "bzip2 is not read: unpack it first"));
            }
            Shell::Tar => self.tar(name, rest, depth),
            Shell::Utf16(order) => {
                self.stream(name, Box::new(Utf16::new(rest, order)), depth + 1);
            }
            Shell::Zip => {
                let mut held = Vec::new();
                match rest.take(LOG_HELD_BYTES_MAX + 1).read_to_end(&mut held) {
                    Ok(_) if held.len() as u64 > LOG_HELD_BYTES_MAX => {
                        let error = OverLimit { limit: LOG_HELD_BYTES_MAX };
                        self.reports.push(failed(name, &error));
                    }
                    Ok(_) => self.zip(name, Cursor::new(held), depth),
                    Err(error) => self.reports.push(failed(name, &error)),
                }
            }
        }
    }

    fn metered<R: Read>(&self, inner: R) -> Metered<'o, R> {
        Metered { inner, left: self.left, limit: self.limit }
    }

    fn log(&mut self, name: &str, head: &[u8], whole: bool, input: Box<dyn Read + '_>) {
        let mut report = FileReport { name: name.to_owned(), ..FileReport::default() };
        report.empty = whole && head.trim_ascii().is_empty();
        let inner = name.rsplit_once('!').map_or(name, |(_, inner)| inner);
        if let Some(source) = sniff(inner, head, whole) {
            report.source = Some(source.name.to_owned());
            let mut ended = false;
            let (sink, context) = (&mut *self.sink, Context { file: name, ..*self.context });
            let mut inner = |record| {
                let flow = sink(source, record);
                ended = flow.is_break();
                flow
            };
            match (source.read)(&mut BufReader::new(input), &context, &mut inner) {
                Ok(counts) => report.counts = counts,
                Err(error) => report.error = Some(error.to_string()),
            }
            self.ended = ended;
        }
        self.reports.push(report);
    }

    fn tar(&mut self, name: &str, input: Box<dyn Read + '_>, depth: usize) {
        let mut archive = tar::Archive::new(input);
        let entries = match archive.entries() {
            Ok(entries) => entries,
            Err(error) => return self.reports.push(failed(name, &error)),
        };
        for (count, entry) in entries.enumerate() {
            match entry {
                Ok(_) if self.ended => return,
                Ok(_) if count >= LOG_MEMBERS_MAX => return self.too_many(name),
                Ok(entry) if entry.header().entry_type().is_file() => {
                    let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                    if !is_of_no_interest(&path) {
                        self.stream(&format!("{name}!{path}"), Box::new(entry), depth + 1);
                    }
                }
                Ok(_) => {}
                Err(error) => return self.reports.push(failed(name, &error)),
            }
        }
    }

    fn zip<R: Read + Seek>(&mut self, name: &str, input: R, depth: usize) {
        let mut archive = match zip::ZipArchive::new(input) {
            Ok(archive) => archive,
            Err(error) => return self.reports.push(failed(name, &error)),
        };
        if archive.len() > LOG_MEMBERS_MAX {
            return self.too_many(name);
        }
        for index in 0..archive.len() {
            if self.ended {
                return;
            }
            match archive.by_index(index) {
                Ok(member) if !member.is_file() => {}
                Ok(member) => {
                    let path = String::from_utf8_lossy(member.name_raw()).into_owned();
                    if is_of_no_interest(&path) {
                        continue;
                    }
                    let inner = format!("{name}!{path}");
                    let metered = self.metered(member);
                    self.stream(&inner, Box::new(metered), depth + 1);
                }
                Err(error) => self.reports.push(failed(name, &error)),
            }
        }
    }

    fn too_many(&mut self, name: &str) {
        let error = format!("over the limit of {LOG_MEMBERS_MAX} members of an archive");
        self.reports.push(failed(name, &error));
    }
}

/// What macOS puts beside every member of an archive.
fn is_of_no_interest(path: &str) -> bool {
    path.starts_with("__MACOSX/") || path.ends_with(".DS_Store")
}

fn failed(name: &str, error: &(impl std::fmt::Display + ?Sized)) -> FileReport {
    let error = Some(crate::ecosystem::one_line(&error.to_string()));
    FileReport { name: name.to_owned(), error, ..FileReport::default() }
}

/// Counts what comes out against the limit of the whole file.
struct Metered<'m, R> {
    inner: R,
    left: &'m Cell<u64>,
    limit: u64,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf)?;
        match self.left.get().checked_sub(read as u64) {
            Some(left) => self.left.set(left),
            None => return Err(io::Error::other(OverLimit { limit: self.limit })),
        }
        Ok(read)
    }
}

/// A stream that breaks off with an error.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0.take() {
            Some(error) => Err(error),
            None => Err(io::Error::other("the file could not be read further")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const LINE: &[u8] = b"{\"class_uid\":3002,\"time\":1,\"metadata\":{\"version\":\"1.0.0\"},\
                          \"category_uid\":3,\"device\":{\"hostname\":\"h.example\"}}\n";

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut out = liblzma::write::XzEncoder::new(Vec::new(), 1);
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn utf16(bytes: &[u8]) -> Vec<u8> {
        let text = format!("\u{feff}{}", std::str::from_utf8(bytes).unwrap());
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            out.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            out.write_all(bytes).unwrap();
        }
        out.finish().unwrap().into_inner()
    }

    fn tarred(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = tar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            out.append_data(&mut header, name, *bytes).unwrap();
        }
        out.into_inner().unwrap()
    }

    fn read(name: &str, bytes: &[u8]) -> (Vec<FileReport>, usize) {
        let context = Context { file: name, ..Context::default() };
        let mut count = 0;
        let mut sink = |source: &'static LogSource, record: Record| {
            assert_eq!((source.name, record.class_uid), ("ocsf", 3_002));
            count += 1;
            ControlFlow::Continue(())
        };
        let reports = read_file(Cursor::new(bytes), &context, &mut sink);
        (reports, count)
    }

    #[test]
    fn a_log_is_read_out_of_every_shell_and_of_shells_in_shells() {
        let zst = zstd::encode_all(LINE, 1).unwrap();
        let members: &[(&str, &[u8])] =
            &[("a.json", LINE), ("b/c.json.gz", &gz(LINE)), ("__MACOSX/._a.json", b"\0\x05")];
        for (name, bytes, wanted) in [
            ("a.json", LINE.to_vec(), 1),
            ("a.json.gz", gz(LINE), 1),
            ("a.json", utf16(LINE), 1),
            ("a", gz(LINE), 1),
            ("a.json.xz", xz(LINE), 1),
            ("a.json.zst", zst, 1),
            ("a.zip", zipped(members), 2),
            ("a.tar.gz", gz(&tarred(members)), 2),
            ("a.zip", zipped(&[("in.zip", &zipped(members))]), 2),
        ] {
            let (reports, count) = read(name, &bytes);
            assert_eq!(count, wanted, "{name}: {reports:?}");
            assert!(reports.iter().all(FileReport::is_complete), "{reports:?}");
        }
    }

    #[test]
    fn what_no_source_knows_what_is_empty_and_what_is_cut_are_told_apart() {
        let (unknown, _) = read("x", b"hello\n");
        assert!(unknown[0].source.is_none() && !unknown[0].is_complete());
        let (empty, _) = read("x.gz", &gz(b""));
        assert!(empty[0].empty && empty[0].is_complete());
        let whole = gz(&LINE.repeat(5_000));
        let (cut, count) = read("x.gz", &whole[..whole.len() / 2]);
        assert!(count > 100 && !cut[0].is_complete(), "{count} {cut:?}");
        let (bzip2, _) = read("x.bz2", b"BZh91AY&SY");
        assert!(bzip2[0].error.as_ref().unwrap().contains("bzip2"));
    }

    #[test]
    fn a_bomb_ends_at_the_limit_and_nesting_does_too() {
        let mut bomb = LINE.to_vec();
        for _ in 0..=LOG_NESTING_MAX {
            bomb = gz(&bomb);
        }
        let (deep, count) = read("x.gz", &bomb);
        assert_eq!(count, 0);
        assert!(deep[0].error.as_ref().unwrap().contains("nested"), "{deep:?}");
        // 300 MiB of nothing in some 300 KB.
        let zeros = zstd::encode_all(io::repeat(b' ').take(300 << 20), 1).unwrap();
        let (report, _) = read("x.zst", &zeros);
        assert!(!report[0].is_complete(), "{report:?}");
    }
}
