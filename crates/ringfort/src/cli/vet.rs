//! Says of model files what they would do when they are loaded.
//!
//! `ringfort vet PATH...` reads files and folders (models, archives, templates, notebooks, the
//! code beside a model) and says of each one of four things: malicious, suspicious, nothing found
//! by these checks, or unknown. What a file is, its content tells, never its name. No file is
//! loaded, unpickled or run; every one is read in a process that may do nothing but read it.
//!
//! Each finding names what was seen (an opcode's offset, a callable, a template, an operator, a
//! path), what it means, and what to do next. `--baseline FILE` leaves out findings that a person
//! accepted earlier: lines of a file's SHA-256 and a finding's id. Exit codes: 1 with findings, 4
//! where something could not be told.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use vet::{Report, Verdict};
use walkdir::WalkDir;

use crate::agent::vetting::{VetJob, unread};
use crate::agent::worker;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "vet",
    about: "Say what model files would do when they are loaded",
    hidden: false,
    args,
    run,
};

/// How many files, and how many bytes of them, one worker reads.
const BATCH_FILES: usize = 64;
const BATCH_BYTES: u64 = 4 << 30;
/// The most files of one run.
const FILES_MAX: usize = 200_000;

fn args(command: Command) -> Command {
    command
        .arg(
            Arg::new("paths")
                .value_name("PATH")
                .required(true)
                .action(ArgAction::Append)
                .value_parser(value_parser!(PathBuf))
                .help("Files and folders to read"),
        )
        .arg(
            Arg::new("sarif")
                .long("sarif")
                .action(ArgAction::SetTrue)
                .help("Print one SARIF 2.1.0 document"),
        )
        .arg(
            Arg::new("baseline")
                .long("baseline")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Leave out findings that this file accepts: lines of SHA-256 and finding id"),
        )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let paths: Vec<&PathBuf> = matches.get_many("paths").into_iter().flatten().collect();
    let accepted = match matches.get_one::<PathBuf>("baseline") {
        Some(path) => baseline(path)?,
        None => HashSet::new(),
    };
    let sarif = matches.get_flag("sarif");
    let mut exit = Exit::Done;
    let mut kept = Vec::new();
    for batch in batches(files(&paths)?) {
        for report in read(context, &batch) {
            let sha256 = report.sha256.clone();
            let report = report.without(&|id| accepted.contains(&(sha256.clone(), id.to_owned())));
            exit = exit.and(match report.verdict {
                Verdict::Malicious | Verdict::Suspicious => Exit::Findings,
                Verdict::Unknown => Exit::Unknown,
                Verdict::NothingFound => Exit::Done,
            });
            if sarif {
                kept.push(report);
            } else if context.json {
                context.print_json(&report)?;
            } else {
                show(context, &report);
            }
        }
    }
    if sarif {
        context.print_json(&vet::sarif::document(&kept))?;
    }
    Ok(exit)
}

/// Every file below the paths, in a stable order. Links are not followed out of a folder.
fn files(paths: &[&PathBuf]) -> Result<Vec<(PathBuf, u64)>, Failure> {
    let mut out = Vec::new();
    for path in paths {
        if !path.exists() {
            let message = format!("`{}` is not there", path.display());
            return Err(Failure::usage(message, "name files or folders that exist"));
        }
        for entry in WalkDir::new(path).sort_by_file_name() {
            let entry = entry.or_hint("a folder cannot be listed", "check its permissions")?;
            let named = entry.depth() == 0;
            let file = entry.file_type().is_file() || named && entry.path().is_file();
            if file {
                let size = std::fs::metadata(entry.path()).map_or(0, |data| data.len());
                out.push((entry.into_path(), size));
            }
            if out.len() > FILES_MAX {
                let message = format!("there are more than {FILES_MAX} files");
                return Err(Failure::usage(message, "name fewer folders at once"));
            }
        }
    }
    Ok(out)
}

fn batches(files: Vec<(PathBuf, u64)>) -> Vec<Vec<PathBuf>> {
    let mut out: Vec<Vec<PathBuf>> = Vec::new();
    let mut bytes = 0;
    for (path, size) in files {
        match out.last_mut() {
            Some(last) if last.len() < BATCH_FILES && bytes + size <= BATCH_BYTES => {
                bytes += size;
                last.push(path);
            }
            _ => {
                bytes = size;
                out.push(vec![path]);
            }
        }
    }
    out
}

/// Reads a batch in a worker. One that ends badly has read a file that made it so: then each file
/// gets a worker of its own, and that one is unknown.
fn read(context: &Context, batch: &[PathBuf]) -> Vec<Report> {
    // The worker stands in a folder of its own.
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    match worker::vet(VetJob { files: batch.iter().map(absolute).collect() }) {
        Ok(result) if result.reports.len() == batch.len() => {
            let named = |(report, path): (Report, &PathBuf)| Report {
                path: path.display().to_string(),
                ..report
            };
            result.reports.into_iter().zip(batch).map(named).collect()
        }
        _ if batch.len() > 1 => {
            context.warn("a reading worker failed; its files are read one by one");
            batch.iter().flat_map(|path| read(context, std::slice::from_ref(path))).collect()
        }
        Ok(_) => {
            batch.iter().map(|path| unread(path, "the reading worker gave no result")).collect()
        }
        Err(failure) => batch.iter().map(|path| unread(path, &failure.message)).collect(),
    }
}

fn baseline(path: &Path) -> Result<HashSet<(String, String)>, Failure> {
    let text = std::fs::read_to_string(path)
        .or_hint("the baseline cannot be read", "name a file of lines `SHA-256 FINDING-ID`")?;
    let mut out = HashSet::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            [sha256, id, ..] if sha256.len() == 64 => {
                out.insert(((*sha256).to_owned(), (*id).to_owned()));
            }
            _ => {
                return Err(Failure::usage(
                    format!("line {} of the baseline does not read", number + 1),
                    "write the file's SHA-256 and the finding's id, as `--json` prints them",
                ));
            }
        }
    }
    Ok(out)
}

fn show(context: &Context, report: &Report) {
    let verdict = match report.verdict {
        Verdict::Malicious => "MALICIOUS",
        Verdict::Suspicious => "SUSPICIOUS",
        Verdict::Unknown => "UNKNOWN",
        Verdict::NothingFound => "nothing found",
    };
    let format = &report.format;
    context.print(format!("{verdict:13} {} ({format})", inert(&report.path)));
    for finding in &report.findings {
        context.print(format!("    {}", inert(&finding.reason)));
        let mut place = inert(&finding.member);
        if let Some(offset) = finding.offset {
            place = format!("{place} at {offset}");
        }
        let place = place.trim();
        let place = if place.is_empty() { String::new() } else { format!("  in {place}") };
        context.print(format!("      seen: {}{place}", inert(&finding.evidence)));
        context.print(format!("      next: {}  [{} {}]", finding.next, finding.rule, finding.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_bounded_by_files_and_by_bytes() {
        let file = |size| (PathBuf::from("x"), size);
        assert_eq!(batches(vec![file(1); 130]).len(), 3);
        assert_eq!(batches(vec![file(BATCH_BYTES); 3]).len(), 3);
        assert!(batches(Vec::new()).is_empty());
    }

    #[test]
    fn a_baseline_is_lines_of_hash_and_id() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("baseline");
        let sha256 = "a".repeat(64);
        std::fs::write(&path, format!("# accepted by Ann\n{sha256} 0011 a test model\n")).unwrap();
        assert!(baseline(&path).unwrap().contains(&(sha256, "0011".to_owned())));
        std::fs::write(&path, "nonsense\n").unwrap();
        assert_eq!(baseline(&path).unwrap_err().exit, Exit::Usage);
    }
}
