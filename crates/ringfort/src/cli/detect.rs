//! Reads files of logs and shows what is in them.
//!
//! `ringfort detect PATH...` takes files and folders: Windows event logs (EVTX, JSON, XML), syslog
//! and auth.log, the systemd journal, auditd, Zeek, Suricata, CloudTrail, Kubernetes audit, Falco,
//! osquery, web access logs, ECS and OCSF; compressed with gzip, xz, zstd or LZ4, or in zip and tar
//! archives. The source of each file is told by its content. They are read in a process without
//! rights.
//!
//! What comes out are the few cases that are worth reading: known behaviour by Sigma rules, and
//! what is unlike all that these hosts did before, in one score, under one budget of cases a day.
//! Each has a timeline, who takes part, ATT&CK techniques, evidence, and an explanation made of
//! counts. `--json` prints one case a line. `--all` adds what was withheld, and why.
//!
//! Rules come from the feed `sigma` (`ringfort feeds sync`), or from `--rules`; without any, only
//! learned behaviour speaks, and a recording of an hour or two is too short to learn from.
//!
//! `--events` prints the records instead, one JSON object a line: `source`, `time_ms`, `host`,
//! `class_uid`, `ocsf` (the OCSF view) and `raw` (the source's own fields). `--sources` prints only
//! how many files and records of each source there are, and how many could not be read.
//!
//! The exit code is 1 if there are cases. A file that no source knows, that could not be read to
//! its end, or of which more than one record in a thousand is broken, is named, and the exit code
//! is then 4: nothing is said of what was not read.

use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde::Serialize;
use serde_json::Value;
use sources::log::open::FileReport;

use crate::agent::detecting::{DetectJob, rules::unpack_feed};
use crate::agent::logs::{LogLine, LogsJob};
use crate::agent::worker;
use crate::cli_support::detected;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "detect",
    about: "Find the few cases in files of logs that are worth reading",
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
    judging_args(command)
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
            Arg::new("sources")
                .long("sources")
                .action(ArgAction::SetTrue)
                .conflicts_with("events")
                .help("Print only what was read, and judge nothing"),
        )
}

/// How what is read is judged.
fn judging_args(command: Command) -> Command {
    command
        .arg(
            Arg::new("rules")
                .long("rules")
                .action(ArgAction::Append)
                .value_name("PATH")
                .value_parser(value_parser!(PathBuf))
                .help("Sigma rules: a file, a folder or an archive [default: the feed `sigma`]"),
        )
        .arg(
            Arg::new("no-rules")
                .long("no-rules")
                .action(ArgAction::SetTrue)
                .conflicts_with("rules")
                .help("Judge by learned behaviour alone"),
        )
        .arg(
            Arg::new("all")
                .long("all")
                .action(ArgAction::SetTrue)
                .help("Also print cases that are withheld, with the reason"),
        )
        .arg(
            Arg::new("cases-a-day")
                .long("cases-a-day")
                .value_name("N")
                .value_parser(value_parser!(u32).range(1..=1_000))
                .help("Show so many cases a day at most [default: 1]"),
        )
        .arg(
            Arg::new("site")
                .long("site")
                .value_name("NAME")
                .default_value("recording")
                .help("The site whose logs they are"),
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
    let spill = SpillDir::new()?;
    let job = job(matches, context, &spill)?;
    let judges = job.detect.is_some();
    let mut seen = Seen::default();
    context.progress(format!("reading {} paths", job.paths.len()));
    worker::logs(job, &mut |line| {
        take(line, context, &mut seen).map_err(|failure| std::io::Error::other(failure.message))
    })?;
    seen.show(context, judges, matches.get_flag("events"))?;
    Ok(seen.exit())
}

/// Takes one line of what the worker says.
fn take(line: LogLine, context: &Context, seen: &mut Seen) -> Result<(), Failure> {
    match line {
        LogLine::Progress { name, records } => {
            context.progress(inert(&format!("{name}: {records} records")));
        }
        LogLine::Judging(records) => context.progress(format!("{records} records judged")),
        LogLine::Event { source, record } => {
            context.print_json(&EventLine { source: &source, record: &record })?;
        }
        LogLine::File(report) => seen.file(report),
        LogLine::Gap(text) => seen.gaps.push(text),
        LogLine::Rules(report) => {
            seen.gaps.extend(report.unreadable);
            if report.rules == 0 && report.refused > 0 {
                seen.gaps.push("no rule can be used, so none was asked".into());
            }
            context.progress(format!("{} rules are matched", report.rules));
            if let Some(first) = report.first_refused {
                let refused = report.refused;
                context.warn(inert(&format!("{refused} rules cannot be used, such as {first}")));
            }
        }
        LogLine::Case(case) => {
            seen.cases += 1;
            seen.shown += usize::from(case.get("withheld").is_none());
            if context.json {
                context.print_json(&case)?;
            } else {
                for line in detected::case_lines(&case) {
                    context.print(inert(&line));
                }
            }
        }
        LogLine::Budget(budget) => seen.budget = Some(budget),
    }
    Ok(())
}

fn job(matches: &ArgMatches, context: &Context, spill: &SpillDir) -> Result<LogsJob, Failure> {
    let paths = real_paths(matches, "paths")?;
    let utc_offset_s = match matches.get_one::<String>("zone") {
        None => 0,
        Some(zone) => offset_s(zone).ok_or_else(|| {
            Failure::usage(format!("`{zone}` is no zone"), "write it like `+02:00` or `-0500`")
        })?,
    };
    let events = matches.get_flag("events");
    let detect = if events || matches.get_flag("sources") {
        None
    } else {
        Some(DetectJob {
            rules: rules(matches, context, spill)?,
            site: matches.get_one::<String>("site").cloned().unwrap_or_default(),
            cases_a_day_max: matches.get_one("cases-a-day").copied(),
            all: matches.get_flag("all"),
            spill_dir: spill.0.clone(),
        })
    };
    let host = matches.get_one::<String>("host").cloned().unwrap_or_default();
    Ok(LogsJob { paths, host, utc_offset_s, events, detect })
}

/// Paths that a person named. Links are followed, and the worker may see what they lead to.
fn real_paths(matches: &ArgMatches, name: &str) -> Result<Vec<PathBuf>, Failure> {
    let given = matches.get_many::<PathBuf>(name).into_iter().flatten();
    given
        .map(|path| {
            std::fs::canonicalize(path)
                .or_hint(format!("`{}` cannot be read", path.display()), "check the path")
        })
        .collect()
}

/// Where the rules are.
fn rules(
    matches: &ArgMatches,
    context: &Context,
    spill: &SpillDir,
) -> Result<Vec<PathBuf>, Failure> {
    let named = real_paths(matches, "rules")?;
    if !named.is_empty() || matches.get_flag("no-rules") {
        return Ok(named);
    }
    if let Some(feed) = unpack_feed(&context.config.data_dir, &spill.0)? {
        return Ok(vec![feed]);
    }
    context.warn(
        "there are no Sigma rules: only learned behaviour is judged; \
         get them with `ringfort feeds sync`, or name a folder with `--rules`",
    );
    Ok(Vec::new())
}

/// A folder for what does not fit into memory, which goes when the verb ends.
struct SpillDir(PathBuf);

impl SpillDir {
    fn new() -> Result<Self, Failure> {
        let help = "set TMPDIR to a folder with room";
        let mut random = [0; 8];
        getrandom::fill(&mut random).or_hint("there is no randomness", help)?;
        let dir = std::env::temp_dir().join(format!("ringfort-detect-{}", hex::encode(random)));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&dir)
            .or_hint("no temporary folder can be made", help)?;
        Ok(Self(dir))
    }
}

impl Drop for SpillDir {
    fn drop(&mut self) {
        // A leftover in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
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
    /// Cases that were printed, and how many of them are not withheld.
    cases: usize,
    shown: usize,
    budget: Option<Value>,
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

    fn show(&self, context: &Context, judges: bool, events: bool) -> Result<(), Failure> {
        for (source, sum) in &self.sources {
            let line = format!(
                "{source:<18}{:>8} files{:>12} records{:>9} not read",
                sum.files, sum.records, sum.bad
            );
            match (context.json, judges || events) {
                (_, true) => context.progress(line),
                (true, false) => context.print_json(&SourceLine { source, sum })?,
                (false, false) => context.print(line),
            }
        }
        for (name, why) in &self.incomplete {
            if context.json && !judges && !events {
                context.print_json(&serde_json::json!({ "file": name, "unknown": why }))?;
            }
        }
        if judges {
            self.show_verdict(context);
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

    /// What came of it, for people.
    fn show_verdict(&self, context: &Context) {
        let withheld = self.budget.as_ref().map_or(0, detected::withheld);
        let text = match (self.shown, withheld) {
            (0, 0) if self.sources.values().all(|sum| sum.records == 0) => {
                "no case: there was no record to judge".to_owned()
            }
            (0, 0) if !self.is_whole() => {
                "no case in what was read; what was not read is unknown".to_owned()
            }
            (0, 0) => "no case: nothing in these records stands out".to_owned(),
            (0, _) => format!("no case is shown; {withheld} are withheld (`--all` prints them)"),
            (shown, 0) => format!("{shown} cases"),
            (shown, _) => format!("{shown} cases; {withheld} are withheld (`--all` prints them)"),
        };
        if context.json { context.progress(text) } else { context.print(text) }
    }

    fn is_whole(&self) -> bool {
        self.incomplete.is_empty() && self.gaps.is_empty()
    }

    fn exit(&self) -> Exit {
        let read = if self.is_whole() { Exit::Done } else { Exit::Unknown };
        read.and(if self.shown > 0 { Exit::Findings } else { Exit::Done })
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
