//! The agent: scans at intervals, keeps the cases, asks the executor for looks.
//!
//! Started by `ringfort up`, as an unprivileged user where that is root. It decides nothing and
//! changes nothing.

use std::path::Path;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::agent::session::{Session, Wanted};
use crate::cli_support::case_line;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "agent",
    about: "Scan at intervals (started by `ringfort up`)",
    hidden: true,
    args,
    run,
};

/// The most cases that are printed after a scan; `ringfort cases` shows all.
const CASES_SHOWN: usize = 12;

fn args(command: Command) -> Command {
    command
        .arg(Arg::new("once").long("once").action(ArgAction::SetTrue).help("Scan once, then end"))
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    end_with_parent()?;
    loop {
        if let Err(failure) = scan(context) {
            // The next round tries again; what is known stays known.
            context.warn(format!("{} ({})", failure.message, failure.help));
        }
        if matches.get_flag("once") {
            return Ok(Exit::Done);
        }
        std::thread::sleep(Duration::from_secs(context.config.scan_interval_s.max(60)));
    }
}

/// A process of `ringfort up` ends when `ringfort up` does.
pub fn end_with_parent() -> Result<(), Failure> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))
        .or_hint("cannot bind this process to its parent", "start it with `ringfort up`")
}

fn scan(context: &Context) -> Result<(), Failure> {
    let wanted = |offline| Wanted { paths: Vec::new(), distribution: true, offline };
    // What is already here is shown at once; fresh metadata and changelogs come after.
    let mut session = Session::run(context, Path::new("/"), &wanted(true))?;
    session.recall_changelogs();
    let first = session.keep()?;
    tell(context, &session, &first);
    drop(session);
    let mut session = Session::run(context, Path::new("/"), &wanted(false))?;
    let mut shown = first.len();
    session.read_changelogs(&mut |session| match session.keep() {
        Ok(cases) if cases.len() != shown => {
            shown = cases.len();
            context.progress(format!("{shown} cases so far"));
        }
        Ok(_) => {}
        Err(failure) => context.warn(failure.message),
    })?;
    let cases = session.keep()?;
    tell(context, &session, &cases);
    Ok(())
}

fn tell(context: &Context, session: &Session<'_>, cases: &[spine::Case]) {
    let open: Vec<_> = cases.iter().filter(|case| case.state.is_open()).collect();
    let packages = session.scan.inventory.packages.len();
    let listeners = session.scan.live.as_ref().map_or(0, |live| live.listeners.len());
    context.print(format!(
        "{packages} packages, {listeners} listening sockets, {} open cases",
        open.len()
    ));
    for case in open.iter().take(CASES_SHOWN) {
        context.print(format!("  {}", case_line(case)));
    }
    if open.len() > CASES_SHOWN {
        context.print(format!("  ... and {} more: ringfort cases", open.len() - CASES_SHOWN));
    }
    for doubt in session.scan.unknown.iter().take(5) {
        context.warn(inert(doubt));
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    #[test]
    fn it_can_run_once() {
        let command = super::args(Command::new("agent"));
        assert!(command.try_get_matches_from(["agent", "--once"]).unwrap().get_flag("once"));
    }
}
