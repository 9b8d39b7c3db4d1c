//! Reads files of logs and shows what is in them.
//!
//! `ringfort detect PATH...` takes files and folders: Windows event logs (EVTX, JSON, XML), syslog
//! and auth.log, the systemd journal, auditd, Zeek, Suricata, CloudTrail, Kubernetes audit, Falco,
//! osquery, web access logs, ECS and OCSF; compressed with gzip, xz, zstd or LZ4, or in zip and tar
//! archives. The source of each file is told by its content. They are read in a process without
//! rights.
//!
//! For each source it prints how many files and records there are, and how many records could not
//! be read. `--events` prints the records instead, one JSON object a line: `source`, `time_ms`,
//! `host`, `class_uid`, `ocsf` (the OCSF view) and `raw` (the source's own fields).
//!
//! Detection itself is not part of this version of the verb: nothing here says that the logs are
//! harmless. A file that no source knows, that could not be read to its end, or of which more than
//! one record in a thousand is broken, is named, and the exit code is then 4.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde::Serialize;
use sources::log::open::FileReport;

use crate::agent::logs::{LogLine, LogsJob};
use crate::agent::worker;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "detect",
    about: "Read files of logs and show what is in them",
    hidden: false,
    args,
    run,
};

/// One broken record in so many is borne; more, and the file is not fully known.
const TOLERATED: u64 = 1_000;
/// Files that are named one by one; the rest are counted.
const NAMED_MAX: usize = 20;
/// Endings and beginnings of names of files that stand beside logs and are none.
const BESIDE: [&str; 12] = [
    ".md", ".yml", ".yaml", ".html", ".css", ".png", ".jpg", ".svg", ".pdf", ".sha256", ".asc",
    ".license",
];

fn args(command: Command) -> Command {
    command
        .arg(
            Arg::new("paths")
                .num_args(1..)
                .required(true)
                .value_name("PATH")
                .value_parser(value_parser!(PathBuf))
                .help("Files of logs, and folders that are walked"),
        )
        .arg(
            Arg::new("events")
                .long("events")
                .action(ArgAction::SetTrue)
                .help("Print the records, one JSON object a line"),
        )
        .arg(
            Arg::new("host")
                .long("host")
                .value_name("NAME")
                .help("The host whose logs they are, for records that do not tell"),
        )
        .arg(
            Arg::new("zone")
                .long("zone")
                .value_name("OFFSET")
                .allow_hyphen_values(true)
                .help("The zone of times that name none, such as +02:00 [default: UTC]"),
        )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let job = job(matches)?;
    let mut seen = Seen::default();
    context.progress(format!("reading {} paths", job.paths.len()));
    worker::logs(job, &mut |line| {
        match line {
            LogLine::Progress { name, records } => {
                context.progress(inert(&format!("{name}: {records} records")));
            }
            LogLine::Event { source, record } => {
                let event = EventLine { source: &source, record: &record };
                context
                    .print_json(&event)
                    .map_err(|failure| std::io::Error::other(failure.message))?;
            }
            LogLine::File(report) => seen.file(report),
            LogLine::Gap(text) => seen.gaps.push(text),
        }
        Ok(())
    })?;
    seen.show(context, matches.get_flag("events"))?;
    Ok(seen.exit())
}

fn job(matches: &ArgMatches) -> Result<LogsJob, Failure> {
    let given = matches.get_many::<PathBuf>("paths").into_iter().flatten();
    let paths = given
        .map(|path| {
            // Links that a person names are followed, and the worker may see what they lead to.
            std::fs::canonicalize(path)
                .or_hint(format!("`{}` cannot be read", path.display()), "check the path")
        })
        .collect::<Result<Vec<_>, _>>()?;
    let utc_offset_s = match matches.get_one::<String>("zone") {
        None => 0,
        Some(zone) => offset_s(zone).ok_or_else(|| {
            Failure::usage(format!("`{zone}` is no zone"), "write it like `+02:00` or `-0500`")
        })?,
    };
    Ok(LogsJob {
        paths,
        host: matches.get_one::<String>("host").cloned().unwrap_or_default(),
        utc_offset_s,
        events: matches.get_flag("events"),
    })
}

/// `+02:00`, `-0500` or `Z`, in seconds.
fn offset_s(zone: &str) -> Option<i32> {
    if matches!(zone, "Z" | "UTC") {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    let (hours, minutes) = digits.split_at_checked(2).filter(|_| digits.len() == 4)?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((0..=14).contains(&hours) && (0..60).contains(&minutes))
        .then_some(sign * (hours * 3_600 + minutes * 60))
}

/// A record as it is printed.
#[derive(Serialize)]
struct EventLine<'a> {
    source: &'a str,
    #[serde(flatten)]
    record: &'a sources::Record,
}

/// What was read by one source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Sum {
    files: u64,
    records: u64,
    bad: u64,
    lossy: u64,
}

/// What was read, and what was not.
#[derive(Debug, Default)]
struct Seen {
    sources: BTreeMap<String, Sum>,
    /// Files that are not fully known, and why.
    incomplete: Vec<(String, String)>,
    /// Places of broken records, for people.
    broken: Vec<String>,
    gaps: Vec<String>,
}

impl Seen {
    fn file(&mut self, report: FileReport) {
        let counts = &report.counts;
        if let Some(source) = &report.source {
            let sum = self.sources.entry(source.clone()).or_default();
            sum.files += 1;
            sum.records += counts.records;
            sum.bad += counts.bad;
            sum.lossy += counts.lossy;
        }
        for bad in counts.first_bad.iter().take(3) {
            self.broken.push(format!("{}: {}: {}", report.name, bad.place, bad.reason));
        }
        let why = if let Some(error) = &report.error {
            Some(error.clone())
        } else if let Some(why) = &counts.ended_early {
            Some(format!("it was read in part: {why}"))
        } else if report.source.is_none() && !report.empty {
            (!stands_beside_logs(&report.name)).then(|| "no log source knows it".to_owned())
        } else {
            let too_many = counts.bad > (counts.records + counts.bad) / TOLERATED;
            too_many.then(|| format!("{} records could not be read", counts.bad))
        };
        self.incomplete.extend(why.map(|why| (report.name, why)));
    }

    fn show(&self, context: &Context, events: bool) -> Result<(), Failure> {
        for (source, sum) in &self.sources {
            let line = format!(
                "{source:<18}{:>8} files{:>12} records{:>9} not read",
                sum.files, sum.records, sum.bad
            );
            match (context.json, events) {
                (_, true) => context.progress(line),
                (true, false) => context.print_json(&SourceLine { source, sum })?,
                (false, false) => context.print(line),
            }
        }
        for (name, why) in &self.incomplete {
            if context.json && !events {
                context.print_json(&serde_json::json!({ "file": name, "unknown": why }))?;
            }
        }
        for (name, why) in self.incomplete.iter().take(NAMED_MAX) {
            context.warn(inert(&format!("{name}: {why}")));
        }
        if self.incomplete.len() > NAMED_MAX {
            context.warn(format!("and {} more files", self.incomplete.len() - NAMED_MAX));
        }
        for gap in &self.gaps {
            context.warn(inert(gap));
        }
        for text in self.broken.iter().take(NAMED_MAX) {
            context.progress(inert(text));
        }
        if self.sources.is_empty() && self.incomplete.is_empty() && self.gaps.is_empty() {
            context.progress("there are no logs here");
        }
        Ok(())
    }

    fn exit(&self) -> Exit {
        if self.incomplete.is_empty() && self.gaps.is_empty() { Exit::Done } else { Exit::Unknown }
    }
}

#[derive(Serialize)]
struct SourceLine<'a> {
    source: &'a str,
    #[serde(flatten)]
    sum: &'a Sum,
}

fn stands_beside_logs(name: &str) -> bool {
    let name = name.rsplit(['/', '!']).next().unwrap_or(name).to_ascii_lowercase();
    BESIDE.iter().any(|ending| name.ends_with(ending))
        || name.starts_with("readme")
        || name.starts_with("license")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sources::log::Counts;

    fn seen(source: Option<&str>, counts: Counts) -> Seen {
        let mut seen = Seen::default();
        let report = FileReport {
            name: "a.log".into(),
            source: source.map(str::to_owned),
            counts,
            ..FileReport::default()
        };
        seen.file(report);
        seen
    }

    #[test]
    fn what_is_not_known_is_never_done() {
        let counts = |records, bad| Counts { records, bad, ..Counts::default() };
        assert_eq!(seen(Some("evtx"), counts(5_000, 0)).exit(), Exit::Done);
        assert_eq!(seen(Some("evtx"), counts(5_000, 5)).exit(), Exit::Done);
        assert_eq!(seen(Some("evtx"), counts(5_000, 6)).exit(), Exit::Unknown);
        assert_eq!(seen(Some("evtx"), counts(5, 1)).exit(), Exit::Unknown);
        assert_eq!(seen(None, counts(0, 0)).exit(), Exit::Unknown);
        let cut = Counts { records: 5, ended_early: Some("cut".into()), ..Counts::default() };
        assert_eq!(seen(Some("evtx"), cut).exit(), Exit::Unknown);
    }

    #[test]
    fn a_readme_beside_logs_is_no_doubt() {
        for name in ["x/README.md", "a.zip!b/LICENSE", "meta.yaml"] {
            assert!(stands_beside_logs(name), "{name}");
        }
        for name in ["x/auth.log", "readable/x", "a.md/log"] {
            assert!(!stands_beside_logs(name), "{name}");
        }
    }

    #[test]
    fn zones_are_read_and_others_refused() {
        assert_eq!(offset_s("+02:00"), Some(7_200));
        assert_eq!(offset_s("-0530"), Some(-19_800));
        for zone in ["", "2", "+2", "CET", "+99:00", "+02:99"] {
            assert_eq!(offset_s(zone), None, "{zone}");
        }
    }

    #[test]
    fn at_least_one_path_is_asked_for() {
        let command = || args(Command::new("detect"));
        assert!(command().try_get_matches_from(["detect"]).is_err());
        assert!(command().try_get_matches_from(["detect", "--zone", "-0500", "a", "b"]).is_ok());
    }
}
