//! The agent: scans at intervals, keeps the cases, writes down what changes, asks the executor for
//! looks.
//!
//! It scans again at once when the package database changed. Started by `ringfort up`, as an
//! unprivileged user where that is root. It decides nothing and changes nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use clap::{Arg, ArgAction, ArgMatches, Command};
use spine::Clock as _;

use crate::agent::detecting::relay;
use crate::agent::events::Recorder;
use crate::agent::live::LiveFacts;
use crate::agent::session::{Session, Wanted, live_file, open_state};
use crate::agent::worker;
use crate::cli_support::case_line;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::host;
use crate::rim::{OsRng, SystemClock};
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

/// dpkg's database, whose change is a reason to scan again.
const DATABASE: &str = "/var/lib/dpkg/status";
/// The pause between two looks at what may have changed.
const PAUSE: Duration = Duration::from_secs(15);
/// The pause between two looks at sockets, where nobody else looks.
const LIVE_PAUSE: Duration = Duration::from_secs(300);

fn args(command: Command) -> Command {
    command
        .arg(Arg::new("once").long("once").action(ArgAction::SetTrue).help("Scan once, then end"))
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    end_with_parent()?;
    let rim = (Arc::new(SystemClock) as Arc<_>, Arc::new(OsRng) as Arc<_>);
    let mut events = Recorder::open(&context.config, host::host_id(), rim)
        .map_err(|failure| tell_failure(context, &failure))
        .ok();
    loop {
        let database = changed_at(DATABASE);
        let scanned = scan(context, &mut events);
        if matches.get_flag("once") {
            record(context, &mut events, Recorder::stop);
            return scanned.map(|()| Exit::Done);
        }
        if let Err(failure) = scanned {
            // The next round tries again; what is known stays known.
            tell_failure(context, &failure);
        }
        wait(context, &mut events, database);
    }
}

/// Waits for the next scan: until its time, or until the package database changed and has come to
/// rest. Meanwhile it writes down what changes among listening sockets.
fn wait(context: &Context, events: &mut Option<Recorder>, scanned: Option<SystemTime>) {
    let begun = Instant::now();
    let interval = Duration::from_secs(context.config.scan_interval_s.max(60));
    let live = live_file(&context.config.data_dir);
    let (mut looked, mut seen, mut before) = (Instant::now(), changed_at(&live), scanned);
    while begun.elapsed() < interval {
        std::thread::sleep(PAUSE);
        record(context, events, Recorder::tick);
        take_detected(context);
        let now = changed_at(&live);
        if now.is_some() && now != seen {
            // Left by `ringfort up`, which may look at all processes.
            seen = now;
            let facts = std::fs::read(&live).ok();
            let facts = facts.and_then(|bytes| serde_json::from_slice::<LiveFacts>(&bytes).ok());
            record(context, events, |events| facts.as_ref().map_or(Ok(()), |f| events.live(f)));
        } else if now.is_none() && looked.elapsed() > LIVE_PAUSE {
            looked = Instant::now();
            match worker::live() {
                Ok(facts) => record(context, events, |events| events.live(&facts)),
                Err(failure) => tell_failure(context, &failure),
            }
        }
        let database = changed_at(DATABASE);
        if database != scanned && database == before {
            return;
        }
        before = database;
    }
}

/// Takes in what the watcher of logs found.
fn take_detected(context: &Context) {
    let data_dir = &context.config.data_dir;
    if !relay::is_on(data_dir) {
        return;
    }
    let host = host::host_id();
    let help = "check the disk";
    let taken = open_state(data_dir).and_then(|state| {
        let taken = relay::take_in(data_dir, &state, host, SystemClock.now_ms());
        relay::tell_verdicts(data_dir, &state, host).or_hint("verdicts are not told", help)?;
        relay::take_in_view(data_dir, &state, host).or_hint("behaviour is not shown", help)?;
        Ok(taken)
    });
    match taken {
        Ok(0) => {}
        Ok(taken) => context.print(format!("{taken} cases of behaviour: ringfort cases")),
        Err(failure) => tell_failure(context, &failure),
    }
}

fn changed_at(path: impl AsRef<Path>) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

/// Writes events down; what cannot be written is said, and the agent goes on.
fn record(
    context: &Context,
    events: &mut Option<Recorder>,
    what: impl FnOnce(&mut Recorder) -> Result<(), Failure>,
) {
    if let Some(Err(failure)) = events.as_mut().map(what) {
        tell_failure(context, &failure);
    }
}

fn tell_failure(context: &Context, failure: &Failure) {
    context.warn(format!("{} ({})", failure.message, failure.help));
}

/// Writes down what a scan saw.
fn record_scan(context: &Context, events: &mut Option<Recorder>, session: &Session<'_>) {
    record(context, events, |events| {
        let found = session.scan.inventory.packages.iter();
        events.packages(found.map(|found| found.package.clone()))?;
        session.scan.live.as_ref().map_or(Ok(()), |facts| events.live(facts))
    });
}

/// A process of `ringfort up` ends when `ringfort up` does.
pub fn end_with_parent() -> Result<(), Failure> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))
        .or_hint("cannot bind this process to its parent", "start it with `ringfort up`")
}

fn scan(context: &Context, events: &mut Option<Recorder>) -> Result<(), Failure> {
    let wanted = |offline| Wanted { paths: Vec::new(), distribution: true, offline };
    // What is already here is shown at once; fresh metadata and changelogs come after.
    let mut session = Session::run(context, Path::new("/"), &wanted(true))?;
    session.recall_changelogs();
    let first = session.keep()?;
    tell(context, &session, &first);
    record_scan(context, events, &session);
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
    record_scan(context, events, &session);
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
