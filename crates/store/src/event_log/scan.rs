//! Reading the log, in order of sequence number, one file in memory at a time.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use durable::Files;

use super::names::{Name, SealedName, frames_name};
use super::{EventFilter, EventLog, EventLogError, StoredEvent, maintain, recover, sealed};
use crate::limits;

/// How complete a scan was. A scan that is not complete did not see everything that was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// Events that were given to the visitor.
    pub events: u64,
    /// Files that were read.
    pub files_read: u64,
    /// Sealed files that could be left out by their name.
    pub files_skipped: u64,
    /// Files that are damaged or cannot be read, with the reason.
    pub damaged: Vec<(String, String)>,
    /// Appends that this version of ringfort cannot read.
    pub undecodable: u64,
    /// Whether the visitor ended the scan.
    pub stopped: bool,
}

impl ScanReport {
    /// Whether everything that is in the log and was asked for was given to the visitor.
    pub fn is_complete(&self) -> bool {
        self.damaged.is_empty() && self.undecodable == 0 && !self.stopped
    }
}

/// A file to read.
enum Source {
    Sealed {
        file: String,
        name: SealedName,
    },
    /// `None`: it may be written to while it is read, so its end may be torn.
    Frames {
        first: u64,
        len: Option<u64>,
    },
}

impl Source {
    /// Sealed files come before frames with the same first number: the frames are then seen as
    /// already given.
    fn order(&self) -> (u64, bool) {
        match self {
            Self::Sealed { name, .. } => (name.first, false),
            Self::Frames { first, .. } => (*first, true),
        }
    }
}

struct Scan<'a> {
    files: &'a dyn Files,
    dir: &'a Path,
    filter: &'a EventFilter,
    /// The highest sequence number of the files that were read.
    seen_to: u64,
    report: ScanReport,
}

/// What reading one file came to.
enum Outcome {
    Read,
    /// The file is gone: it was sealed or retired meanwhile.
    Gone,
    Damaged(String),
}

impl Scan<'_> {
    fn read_file(
        &mut self,
        source: &Source,
        visit: &mut dyn FnMut(StoredEvent) -> ControlFlow<()>,
    ) -> Outcome {
        let (file, highest) = match source {
            Source::Sealed { file, name } => {
                if name.last <= self.seen_to {
                    return Outcome::Read;
                }
                if !self.filter.may_want(name) {
                    self.report.files_skipped += 1;
                    self.seen_to = name.last;
                    return Outcome::Read;
                }
                (file.clone(), name.last)
            }
            Source::Frames { first, .. } => (frames_name(*first), 0),
        };
        let path = self.dir.join(file);
        let bytes = match self.read_bounded(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Outcome::Gone,
            Err(error) => return Outcome::Damaged(error.to_string()),
        };
        self.report.files_read += 1;
        let mut missing = 0;
        let mut rows = match source {
            Source::Sealed { name, .. } => match sealed::decode(name, bytes, self.filter) {
                Ok(rows) => rows,
                Err(error) => return Outcome::Damaged(error.to_string()),
            },
            Source::Frames { len, .. } => {
                let counted = bytes.get(..recover::to_len(*len)).unwrap_or(&bytes);
                let content = maintain::content_of(counted);
                self.report.undecodable += content.undecodable;
                missing = len.map_or(0, |len| len.saturating_sub(content.whole));
                content.rows
            }
        };
        let seen_to = self.seen_to;
        let last = rows.iter().map(|row| row.seq).max().unwrap_or(0);
        self.seen_to = seen_to.max(highest).max(last);
        rows.retain(|row| row.seq > seen_to && self.filter.wants(row));
        for row in rows {
            let Ok(event) = row.parse() else {
                self.report.undecodable += 1;
                continue;
            };
            self.report.events += 1;
            if visit(event).is_break() {
                self.report.stopped = true;
                break;
            }
        }
        if missing > 0 {
            return Outcome::Damaged(format!("{missing} of its bytes cannot be read"));
        }
        Outcome::Read
    }

    fn read_bounded(&self, path: &Path) -> io::Result<Vec<u8>> {
        let len = self.files.len(path)?;
        if len > limits::SEALED_BYTES_MAX {
            let limit = limits::SEALED_BYTES_MAX;
            return Err(io::Error::other(format!("{len} bytes; at most {limit} are read")));
        }
        self.files.read(path)
    }
}

impl EventLog {
    /// Gives every acknowledged event that passes the filter to `visit`, in order of sequence
    /// number, until it breaks off. A damaged sealed file is set aside and named in the report.
    pub fn scan(
        &mut self,
        filter: &EventFilter,
        visit: &mut dyn FnMut(StoredEvent) -> ControlFlow<()>,
    ) -> Result<ScanReport, EventLogError> {
        let mut sources: Vec<Source> = self
            .kept
            .iter()
            .filter(|kept| !kept.bad)
            .map(|kept| Source::Sealed { file: kept.file.clone(), name: kept.name.clone() })
            .collect();
        let frames = self.closed.iter().copied();
        let frames = frames.chain(self.resumable.iter().map(|(closed, _)| *closed));
        sources
            .extend(frames.map(|closed| Source::Frames { first: closed.first, len: closed.len }));
        if let Some(current) = &self.current {
            sources.push(Source::Frames { first: current.first, len: Some(current.acked_len) });
        }
        sources.sort_by_key(Source::order);
        let files = Arc::clone(&self.files);
        let dir = self.dir.clone();
        let report = ScanReport::default();
        let mut scan = Scan { files: files.as_ref(), dir: &dir, filter, seen_to: 0, report };
        for source in &sources {
            let (file, sealed) = match source {
                Source::Sealed { file, .. } => (file.clone(), true),
                Source::Frames { first, .. } => (frames_name(*first), false),
            };
            let (reason, lasting) = match scan.read_file(source, visit) {
                Outcome::Read => {
                    if scan.report.stopped {
                        break;
                    }
                    continue;
                }
                Outcome::Gone => ("the file is gone".to_owned(), false),
                // A disk that fails to read may read again; a wrong checksum stays wrong.
                Outcome::Damaged(reason) => {
                    let lasting = files.read(&dir.join(&file)).is_ok();
                    (reason, lasting)
                }
            };
            if sealed && lasting {
                self.set_aside(&file, reason.clone());
            }
            scan.report.damaged.push((file, reason));
        }
        Ok(scan.report)
    }
}

/// The event log, open for reading beside whoever writes it. Nothing is changed on the disk.
pub struct EventReader {
    files: Arc<dyn Files>,
    dir: PathBuf,
}

impl EventReader {
    /// A reader of the log in this folder.
    pub fn new(files: Arc<dyn Files>, dir: &Path) -> Self {
        Self { files, dir: dir.to_path_buf() }
    }

    /// Gives every event that passes the filter to `visit`, in order of sequence number, until it
    /// breaks off. Also what is written but not yet acknowledged may be given.
    pub fn scan(
        &self,
        filter: &EventFilter,
        visit: &mut dyn FnMut(StoredEvent) -> ControlFlow<()>,
    ) -> Result<ScanReport, EventLogError> {
        let report = ScanReport::default();
        let files = self.files.as_ref();
        let mut scan = Scan { files, dir: &self.dir, filter, seen_to: 0, report };
        for _ in 0..limits::SCAN_RELISTS_MAX {
            if !self.pass(&mut scan, visit)? {
                return Ok(scan.report);
            }
        }
        let reason = "the folder changed faster than it could be read".to_owned();
        scan.report.damaged.push((self.dir.display().to_string(), reason));
        Ok(scan.report)
    }

    /// Reads the files as they are listed now. Returns whether one of them was gone, so that what
    /// came in its place must be listed.
    fn pass(
        &self,
        scan: &mut Scan<'_>,
        visit: &mut dyn FnMut(StoredEvent) -> ControlFlow<()>,
    ) -> Result<bool, EventLogError> {
        let names = self.files.list(&self.dir).map_err(EventLogError::at(&self.dir))?;
        let mut sources = Vec::new();
        scan.report.damaged.clear();
        for file in names {
            match Name::parse(&file) {
                Name::Frames { first } => sources.push(Source::Frames { first, len: None }),
                Name::Sealed(name) => sources.push(Source::Sealed { file, name }),
                Name::BadFrames { .. } | Name::BadSealed(_) => {
                    scan.report.damaged.push((file, "it was set aside as damaged".to_owned()));
                }
                Name::Temporary | Name::Other => {}
            }
        }
        sources.sort_by_key(Source::order);
        for source in &sources {
            match scan.read_file(source, visit) {
                Outcome::Read if scan.report.stopped => return Ok(false),
                Outcome::Read => {}
                Outcome::Gone => return Ok(true),
                Outcome::Damaged(reason) => {
                    let file = match source {
                        Source::Sealed { file, .. } => file.clone(),
                        Source::Frames { first, .. } => frames_name(*first),
                    };
                    scan.report.damaged.push((file, reason));
                }
            }
        }
        Ok(false)
    }
}
