//! Reads files of logs, in a worker: walks the folders, tells the source of each file by its
//! content, and says what it read in lines of JSON while it reads.

use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sources::limits::{FOLDER_ENTRIES_MAX, WALK_DEPTH_MAX, WALK_FILES_MAX};
use sources::log::open::{FileReport, read_file};
use sources::log::{Context, LogSource, Record};

use super::detecting::in_order::InOrder;
use super::detecting::{DetectJob, Pipeline, RulesReport, rules};

/// The longest line that a worker says: one record, both views of it.
pub const LINE_BYTES_MAX: u64 = 64 << 20;
/// Records after which the worker says how far it is.
const PROGRESS_RECORDS: u64 = 200_000;

/// What to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogsJob {
    /// Files, and folders that are walked.
    pub paths: Vec<PathBuf>,
    /// The host whose logs they are, for records that do not tell.
    #[serde(default)]
    pub host: String,
    /// Seconds east of UTC of times that name no zone.
    #[serde(default)]
    pub utc_offset_s: i32,
    /// Whether the records themselves are wanted.
    #[serde(default)]
    pub events: bool,
    /// What to detect with, if cases are wanted.
    #[serde(default)]
    pub detect: Option<DetectJob>,
}

/// One line of what the worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLine {
    /// How far it is: records read of a file so far.
    Progress {
        /// The file.
        name: String,
        /// Records.
        records: u64,
    },
    /// A record.
    Event {
        /// The name of its log source.
        source: String,
        /// The record.
        #[serde(flatten)]
        record: Box<Record>,
    },
    /// A file, or a member of an archive, is done.
    File(FileReport),
    /// Something could not be looked at.
    Gap(String),
    /// The rules that are matched.
    Rules(RulesReport),
    /// How many records there are, before they are judged.
    Judging(u64),
    /// A case, as `detect::DetectedCase` serialises.
    Case(Value),
    /// How the alert budget was spent, as `detect::BudgetReport` serialises.
    Budget(Value),
}

/// Reads everything, and says it.
pub fn read(job: &LogsJob, out: &mut dyn Write) -> io::Result<()> {
    let mut files = Vec::new();
    for path in &job.paths {
        walk(path, 0, &mut files, out)?;
    }
    let Some(detect) = &job.detect else {
        return files.iter().try_for_each(|path| read_one(path, job, None, out));
    };
    let (rules, report) = rules::read(&detect.rules);
    say(&LogLine::Rules(report), out)?;
    let mut records = InOrder::new(&detect.spill_dir);
    files.iter().try_for_each(|path| read_one(path, job, Some(&mut records), out))?;
    judge(detect, Pipeline::new(detect, rules), records, out)
}

/// Judges all records, in the order of time.
fn judge(
    job: &DetectJob,
    mut pipeline: Pipeline,
    records: InOrder<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    if records.left_out > 0 {
        let left_out = records.left_out;
        gap(format!("{left_out} records were too many and are not judged"), out)?;
    }
    let mut judged = 0_u64;
    records.each(&mut |source, record| {
        pipeline.take(source, &record);
        judged += 1;
        if judged.is_multiple_of(PROGRESS_RECORDS) {
            say(&LogLine::Judging(judged), out)
        } else {
            Ok(())
        }
    })?;
    pipeline.finish(job.all, &mut |line| say(&line, out))
}

fn say(line: &LogLine, out: &mut dyn Write) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line).map_err(io::Error::other)?;
    bytes.push(b'\n');
    out.write_all(&bytes)
}

fn gap(text: String, out: &mut dyn Write) -> io::Result<()> {
    say(&LogLine::Gap(text), out)
}

/// Collects regular files, sorted by name in each folder; links are not followed.
fn walk(
    path: &Path,
    depth: usize,
    files: &mut Vec<PathBuf>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let shown = path.display();
    let kind = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) => return gap(format!("`{shown}` cannot be looked at: {error}"), out),
    };
    if kind.is_file() {
        if files.len() >= WALK_FILES_MAX {
            return gap(format!("`{shown}` is over the limit of {WALK_FILES_MAX} files"), out);
        }
        files.push(path.to_owned());
        return Ok(());
    }
    if !kind.is_dir() {
        return Ok(());
    }
    if depth >= WALK_DEPTH_MAX {
        return gap(
            format!("`{shown}` is over the limit of {WALK_DEPTH_MAX} folders of depth"),
            out,
        );
    }
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries.take(FOLDER_ENTRIES_MAX + 1),
        Err(error) => return gap(format!("`{shown}` cannot be listed: {error}"), out),
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    if paths.len() > FOLDER_ENTRIES_MAX {
        gap(format!("`{shown}` is over the limit of {FOLDER_ENTRIES_MAX} entries"), out)?;
    }
    paths.sort();
    paths.iter().try_for_each(|path| walk(path, depth + 1, files, out))
}

fn read_one(
    path: &Path,
    job: &LogsJob,
    mut in_order: Option<&mut InOrder<'_>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let name = path.display().to_string();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return gap(format!("`{name}` cannot be opened: {error}"), out),
    };
    let modified = file.metadata().and_then(|metadata| metadata.modified()).ok();
    let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified_ms = modified.and_then(|since| i64::try_from(since.as_millis()).ok());
    let context = Context {
        file: &name,
        host: &job.host,
        modified_ms: modified_ms.unwrap_or(0),
        utc_offset_s: job.utc_offset_s,
    };
    let mut records = 0_u64;
    let mut broken = Ok(());
    let mut sink = |source: &'static LogSource, mut record: Record| {
        records += 1;
        if record.time_ms == 0 {
            record.time_ms = context.modified_ms;
        }
        if let Some(in_order) = &mut in_order {
            broken = in_order.add(source.name, &record);
        }
        if broken.is_err() {
            return ControlFlow::Break(());
        }
        if job.events {
            let line = LogLine::Event { source: source.name.to_owned(), record: Box::new(record) };
            broken = say(&line, out);
        } else if records.is_multiple_of(PROGRESS_RECORDS) {
            broken = say(&LogLine::Progress { name: name.clone(), records }, out);
        }
        if broken.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let reports = read_file(file, &context, &mut sink);
    broken?;
    reports.into_iter().try_for_each(|report| say(&LogLine::File(report), out))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "192.0.2.1 - - [01/Mar/2026:08:00:00 +0000] \"GET / HTTP/1.1\" 200 5\n";

    fn lines(job: &LogsJob) -> Vec<LogLine> {
        let mut out = Vec::new();
        read(job, &mut out).unwrap();
        out.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    #[test]
    fn a_folder_is_walked_without_following_links_and_every_file_is_told() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::fs::write(dir.path().join("sub/access.log"), LINE.repeat(3)).unwrap();
        std::fs::write(dir.path().join("empty.log"), "").unwrap();
        std::fs::write(dir.path().join("notes"), "hello\n").unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("link")).unwrap();
        let job = LogsJob { paths: vec![dir.path().to_owned()], ..LogsJob::default() };
        let said = lines(&job);
        let files: Vec<(Option<&str>, u64, bool)> = said
            .iter()
            .filter_map(|line| match line {
                LogLine::File(file) => {
                    Some((file.source.as_deref(), file.counts.records, file.is_complete()))
                }
                _ => None,
            })
            .collect();
        assert_eq!(files, [(None, 0, true), (None, 0, false), (Some("web_access"), 3, true)]);
    }

    #[test]
    fn records_are_said_before_the_file_that_holds_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.log");
        std::fs::write(&path, LINE).unwrap();
        let job =
            LogsJob { paths: vec![path], events: true, host: "w".into(), ..LogsJob::default() };
        let said = lines(&job);
        let LogLine::Event { source, record } = &said[0] else { panic!("{said:?}") };
        assert_eq!((source.as_str(), record.host.as_str()), ("web_access", "w"));
        assert!(matches!(said[1], LogLine::File(_)));
    }

    #[test]
    fn what_is_not_there_is_a_gap() {
        let job = LogsJob { paths: vec!["/nonexistent/x".into()], ..LogsJob::default() };
        assert!(matches!(lines(&job)[..], [LogLine::Gap(_)]));
    }
}
