//! Says of models, and of what stands around them, what they would do when they are used.
//!
//! `ringfort vet PATH...` reads files and folders: models, archives, templates, notebooks, the code
//! beside a model, lists of packages (lock files, requirements, `pyproject.toml`, `package.json`),
//! configurations of training, sets of data (CSV, TSV, JSON lines) and the signatures that lie
//! beside a model; also the snapshots of a model hub's cache, whose files are links. It says of
//! each file one of four things: malicious, suspicious, nothing found by these checks, or unknown.
//! What a file is, its content tells; what version control keeps for itself is passed over. No file
//! is loaded, unpickled or run; every one is read in a process that may do nothing but read it.
//!
//! `ringfort vet --machine` looks for models in people's folders on this machine (`models.folders`
//! of the configuration), as `ringfort up` does by itself; what is flagged becomes a case.
//!
//! Each finding names what was seen (an opcode's offset, a callable, a template, an operator, a
//! path, a line, a row), what it means, and what to do next. The code of a project (a folder with
//! `pyproject.toml`, `package.json` and the like) is judged as a program, code beside a model as
//! what a loader would run. Openings that an attack would use and that most projects have (a
//! `torch.load` without `weights_only`, a revision that may move) are notes; `--strict` makes
//! findings of them.
//!
//! A signature is held against the files beside it: who signed, and which file is not what was
//! signed. `--key`, `--certificates` or `--identity` say whom you trust.
//!
//! `--baseline FILE` leaves out findings that a person accepted earlier: lines of a file's SHA-256
//! and a finding's id; `--write-baseline FILE` writes what was found as such lines. `--pins FILE`
//! remembers each folder the first time it is seen and says when it is another one later. Exit
//! codes: 1 with findings, 4 where something could not be told.

use std::collections::{BTreeSet, HashSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use spine::Clock as _;
use vet::{Report, Severity, Verdict};
use walkdir::WalkDir;

use crate::agent::models::now;
use crate::agent::vetting::beside::{self, ByFile};
use crate::agent::vetting::{Trusted, VetJob, around, pinned, project, trust, unread};
use crate::agent::worker;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::rim::SystemClock;
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "vet",
    about: "Say what models, data and dependencies would do when they are used",
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
    let file = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("FILE").value_parser(value_parser!(PathBuf)).help(help)
    };
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let command = command
        .arg(
            Arg::new("paths")
                .value_name("PATH")
                .required_unless_present("machine")
                .action(ArgAction::Append)
                .value_parser(value_parser!(PathBuf))
                .help("Files and folders to read"),
        )
        .arg(
            flag("machine", "Look for models on this machine, as `ringfort up` does")
                .conflicts_with_all(["paths", "sarif", "ocsf", "strict"]),
        )
        .arg(flag("sarif", "Print one SARIF 2.1.0 document").conflicts_with("ocsf"))
        .arg(flag("ocsf", "Print OCSF Detection Findings (class 2004), one a line"))
        .arg(flag("strict", "Count openings that an attack would use as findings"))
        .arg(file(
            "baseline",
            "Leave out findings that this file accepts: lines of SHA-256 and finding id",
        ))
        .arg(file("write-baseline", "Write what is found as such lines, for a person to read over"))
        .arg(file("pins", "Remember folders at first sight, and say when they changed"));
    trust::args(command)
}

/// How reports are printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
    Sarif,
    Ocsf,
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    if matches.get_flag("machine") {
        return now::look(context);
    }
    let paths: Vec<&PathBuf> = matches.get_many("paths").into_iter().flatten().collect();
    let accepted = match matches.get_one::<PathBuf>("baseline") {
        Some(path) => baseline(path)?,
        None => HashSet::new(),
    };
    let form = match (matches.get_flag("sarif"), matches.get_flag("ocsf"), context.json) {
        (true, _, _) => Form::Sarif,
        (_, true, _) => Form::Ocsf,
        (_, _, true) => Form::Json,
        _ => Form::Text,
    };
    let reading = Reading {
        strict: matches.get_flag("strict"),
        trusted: trust::from(matches)?,
        projects: BTreeSet::new(),
    };
    let files = files(&paths)?;
    let signed = signed(&paths, &files, &reading);
    let mut seen = Seen::default();
    let reading = Reading { projects: project::roots(&files), ..reading };
    for batch in batches(files) {
        for mut report in read(context, &batch, &reading) {
            if let Some(more) = signed.get(Path::new(&report.path)) {
                report.join(more.clone());
            }
            let sha256 = report.sha256.clone();
            let report = report.without(&|id| accepted.contains(&(sha256.clone(), id.to_owned())));
            seen.take(report, form, context)?;
        }
    }
    if let Some(path) = matches.get_one::<PathBuf>("pins") {
        for report in pinned::folders(path, &paths, &seen.digests, SystemClock.now_ms())? {
            seen.take(report, form, context)?;
        }
    }
    if form == Form::Sarif {
        context.print_json(&vet::sarif::document(&seen.kept))?;
    }
    if let Some(path) = matches.get_one::<PathBuf>("write-baseline") {
        write_baseline(path, &seen.lines)?;
        context.progress(format!("{} findings written as accepted", seen.lines.len()));
    }
    Ok(seen.exit)
}

/// What the run has seen so far.
struct Seen {
    exit: Exit,
    /// Reports that are printed in one document at the end.
    kept: Vec<Report>,
    /// Lines of a baseline.
    lines: Vec<String>,
    /// The SHA-256 of each file.
    digests: Vec<(PathBuf, String)>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { exit: Exit::Done, kept: Vec::new(), lines: Vec::new(), digests: Vec::new() }
    }
}

impl Seen {
    fn take(&mut self, report: Report, form: Form, context: &Context) -> Result<(), Failure> {
        self.exit = self.exit.and(match report.verdict {
            Verdict::Malicious | Verdict::Suspicious => Exit::Findings,
            Verdict::Unknown => Exit::Unknown,
            Verdict::NothingFound => Exit::Done,
        });
        for finding in report.findings.iter().filter(|f| f.severity >= Severity::Unknown) {
            let line = format!("{} {}  # {} {}", report.sha256, finding.id, finding.rule, {
                inert(&report.path)
            });
            self.lines.push(line);
        }
        self.digests.push((PathBuf::from(&report.path), report.sha256.clone()));
        match form {
            Form::Text => show(context, &report),
            Form::Json => context.print_json(&report)?,
            Form::Ocsf => {
                for line in vet::ocsf::lines(&report, SystemClock.now_ms()) {
                    context.print_json(&line)?;
                }
            }
            Form::Sarif => self.kept.push(report),
        }
        Ok(())
    }
}

/// How files are read.
struct Reading {
    strict: bool,
    trusted: Trusted,
    /// The roots of projects among the files.
    projects: BTreeSet<PathBuf>,
}

/// What the signatures among the files, or beside a file that was named by itself, say.
fn signed(paths: &[&PathBuf], files: &[(PathBuf, u64)], reading: &Reading) -> ByFile {
    let named = |path: &Path| {
        path.file_name().is_some_and(|name| around::may_be_signature(&name.to_string_lossy()))
    };
    let among: BTreeSet<PathBuf> =
        files.iter().map(|(path, _)| path.clone()).filter(|path| named(path)).collect();
    let single: BTreeSet<PathBuf> =
        paths.iter().filter(|path| path.is_file()).map(|path| (*path).clone()).collect();
    let beside: BTreeSet<PathBuf> =
        single.iter().flat_map(|path| beside::signatures_of(path)).collect();
    let mut found = ByFile::new();
    for signature in among.union(&beside) {
        let job = VetJob {
            files: vec![absolute(signature)],
            trusted: reading.trusted.clone(),
            ..VetJob::default()
        };
        // One that cannot be read is told in its own report.
        let Ok(result) = worker::vet(job) else { continue };
        let alone = !among.contains(signature) || single.contains(signature);
        // Where the signature itself has no report, the files beside it say how it stands.
        let told: Vec<PathBuf> = if among.contains(signature) {
            vec![signature.clone()]
        } else {
            single.iter().filter(|path| path.parent() == signature.parent()).cloned().collect()
        };
        for (_, checked) in &result.signatures {
            let more = beside::hold(signature, checked, alone.then_some(&single));
            let (more, open) = match more {
                Ok(more) => (more, beside::stands(checked)),
                Err(failure) => (ByFile::new(), beside::not_compared(&failure.message)),
            };
            for (path, findings) in more {
                found.entry(path).or_default().extend(findings);
            }
            for path in &told {
                found.entry(path.clone()).or_default().extend(open.clone());
            }
        }
    }
    found
}

fn absolute(path: &PathBuf) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.clone())
}

fn write_baseline(path: &Path, lines: &[String]) -> Result<(), Failure> {
    let help = "name a file that can be written";
    let mut file = std::fs::File::create(path).or_hint("the baseline cannot be written", help)?;
    let head = "# Findings that were accepted: SHA-256 of the file, id of the finding. Take out \
                the lines that nobody read.";
    writeln!(file, "{head}").or_hint("the baseline cannot be written", help)?;
    for line in lines {
        writeln!(file, "{line}").or_hint("the baseline cannot be written", help)?;
    }
    Ok(())
}

/// Every file below the paths, in a stable order. Links to files are read as what they lead to, as
/// the caches of model hubs are made; links to folders are not followed.
fn files(paths: &[&PathBuf]) -> Result<Vec<(PathBuf, u64)>, Failure> {
    let mut out = Vec::new();
    for path in paths {
        if !path.exists() {
            let message = format!("`{}` is not there", path.display());
            return Err(Failure::usage(message, "name files or folders that exist"));
        }
        let own = |entry: &walkdir::DirEntry| entry.depth() == 0 || !is_version_control(entry);
        for entry in WalkDir::new(path).sort_by_file_name().into_iter().filter_entry(own) {
            let entry = entry.or_hint("a folder cannot be listed", "check its permissions")?;
            let named = entry.depth() == 0;
            let kind = entry.file_type();
            let lost = kind.is_symlink() && !entry.path().exists();
            if kind.is_file() || (named || kind.is_symlink()) && entry.path().is_file() || lost {
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

/// What version control keeps for itself: no loader reads it.
fn is_version_control(entry: &walkdir::DirEntry) -> bool {
    entry.file_type().is_dir()
        && [".git", ".hg", ".svn"].iter().any(|name| entry.file_name() == *name)
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
fn read(context: &Context, batch: &[PathBuf], reading: &Reading) -> Vec<Report> {
    // The worker stands in a folder of its own.
    let job = VetJob {
        files: batch.iter().map(absolute).collect(),
        sources: batch.iter().map(|path| project::is_source(path, &reading.projects)).collect(),
        strict: reading.strict,
        trusted: reading.trusted.clone(),
        ..VetJob::default()
    };
    match worker::vet(job) {
        Ok(result) if result.reports.len() == batch.len() => {
            let named = |(report, path): (Report, &PathBuf)| Report {
                path: path.display().to_string(),
                ..report
            };
            result.reports.into_iter().zip(batch).map(named).collect()
        }
        _ if batch.len() > 1 => {
            context.warn("a reading worker failed; its files are read one by one");
            batch
                .iter()
                .flat_map(|path| read(context, std::slice::from_ref(path), reading))
                .collect()
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
