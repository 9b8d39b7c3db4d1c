//! Shows what is installed and what waits to be fixed.
//!
//! `ringfort scan` looks at this machine; `--root DIR` at another root file system; paths name
//! projects (lock files, or folders that hold some). `--json` prints one object a line:
//! `ecosystem`, `package`, `installed`, `fixed`, `ids`, `status` (`affected`, `not_affected`,
//! `fixed`, `unknown`) and `evidence`.
//!
//! As root the package metadata is refreshed first into ringfort's own state, never inside the
//! scanned root, and candidate packages are fetched so that their changelogs can be read for the
//! vulnerabilities that they close. `--offline` fetches nothing. What could not be told is said,
//! and the exit code is then 4, never 0.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use spine::Status;

use crate::agent::scan::ScanLine;
use crate::agent::session::{Session, Wanted};
use crate::cli_support::root_arg;
use crate::context::{Context, inert};
use crate::failure::{Exit, Outcome};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "scan",
    about: "Show what is installed and what waits to be fixed",
    hidden: false,
    args,
    run,
};

fn args(command: Command) -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    command
        .arg(root_arg())
        .arg(flag("offline", "Fetch nothing; use what is already here"))
        .arg(flag("no-changelogs", "Do not fetch candidate packages to read their changelogs"))
        .arg(flag("all", "Also show packages for which nothing was found"))
        .arg(
            Arg::new("paths")
                .num_args(0..)
                .value_name("PATH")
                .value_parser(value_parser!(PathBuf))
                .help("Lock files or project folders to look at, in place of the machine"),
        )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let paths: Vec<PathBuf> =
        matches.get_many::<PathBuf>("paths").into_iter().flatten().cloned().collect();
    let given_root = matches.get_one::<PathBuf>("root");
    let wanted = Wanted {
        distribution: paths.is_empty() || given_root.is_some(),
        paths,
        offline: matches.get_flag("offline"),
    };
    let root = given_root.cloned().unwrap_or_else(|| PathBuf::from("/"));
    let mut session = Session::run(context, &root, &wanted)?;
    let root_user = rustix::process::geteuid().is_root();
    if wanted.distribution && !matches.get_flag("no-changelogs") {
        if wanted.offline || !root_user {
            session.recall_changelogs();
        } else {
            session.read_changelogs(&mut |_| ())?;
        }
    }
    if wanted.distribution {
        session.keep()?;
    }
    let lines = session.lines(matches.get_flag("all"));
    for line in &lines {
        if context.json {
            context.print_json(line)?;
        } else {
            context.print(text(line));
        }
    }
    for doubt in &session.scan.unknown {
        context.warn(inert(doubt));
    }
    if session.security_suite_missing() {
        context.warn(
            "the suite of security fixes is not among this machine's package sources; it was \
             looked at for this scan only",
        );
    }
    summary(context, &session, &lines);
    Ok(exit(&session, &lines))
}

fn exit(session: &Session<'_>, lines: &[ScanLine]) -> Exit {
    let has = |status: Status| lines.iter().any(|line| line.status == status);
    let found = if has(Status::Affected) { Exit::Findings } else { Exit::Done };
    let unknown = has(Status::Unknown) || !session.scan.unknown.is_empty();
    found.and(if unknown { Exit::Unknown } else { Exit::Done })
}

fn text(line: &ScanLine) -> String {
    let mark = match line.status {
        Status::Affected => "!",
        Status::Unknown => "?",
        Status::NotAffected | Status::Fixed => " ",
    };
    let to = line.fixed.as_deref().map_or(String::new(), |fixed| format!(" -> {fixed}"));
    let ids = match line.ids.len() {
        0 => String::new(),
        n if n > 4 => {
            format!("  {} and {} more", line.ids.get(..4).unwrap_or(&[]).join(" "), n - 4)
        }
        _ => format!("  {}", line.ids.join(" ")),
    };
    inert(&format!("{mark} {} {}{to}{ids}", line.package, line.installed))
}

fn summary(context: &Context, session: &Session<'_>, lines: &[ScanLine]) {
    let count = |status: Status| lines.iter().filter(|line| line.status == status).count();
    let waiting = lines.iter().filter(|line| line.fixed.is_some()).count();
    context.progress(format!(
        "{} packages; {waiting} updates wait; {} affected, {} unknown",
        session.scan.inventory.packages.len(),
        count(Status::Affected),
        count(Status::Unknown),
    ));
    if let Some(live) = &session.scan.live {
        let more = if rustix::process::geteuid().is_root() { "" } else { "; root sees the others" };
        context.progress(live.coverage() + if live.closed > 0 { more } else { "" });
        if let Some(kernel) = &live.kernel
            && kernel.restart_needed() == Some(true)
        {
            context.warn(inert(&format!(
                "kernel {} still runs, a newer one is installed: restart this machine to use it",
                kernel.running
            )));
        }
    }
    if lines.is_empty() && session.scan.unknown.is_empty() {
        context.progress("nothing found by these checks");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Command;

    #[test]
    fn paths_and_a_root_can_be_named() {
        let command = args(Command::new("scan"));
        let matches = command.try_get_matches_from(["scan", "--root", "/srv", "a/Cargo.lock"]);
        assert_eq!(matches.unwrap().get_many::<PathBuf>("paths").unwrap().count(), 1);
    }

    #[test]
    fn a_line_shows_both_versions_and_hides_terminal_sequences() {
        let line = ScanLine {
            ecosystem: "Debian:12".into(),
            package: "rs\x1b[31mync".into(),
            arch: None,
            source: None,
            installed: "1".into(),
            fixed: Some("2".into()),
            ids: vec!["CVE-2024-1".into()],
            status: Status::Affected,
            evidence: Vec::new(),
            location: String::new(),
        };
        assert_eq!(text(&line), "! rs\\u{1b}[31mync 1 -> 2  CVE-2024-1");
    }
}
