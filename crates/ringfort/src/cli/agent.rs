//! The agent: scans at intervals, keeps the cases, writes down what changes, asks the executor for
//! looks, and reports to the hub that this machine joined.
//!
//! `ringfort up` starts it, as an unprivileged user where that is root. It scans again at once when
//! the package database changed. It decides nothing and changes nothing.
//!
//! `ringfort agent join` joins a hub on another machine: make a token on the hub's page under
//! Machines, run this as root, paste the token. A token works once, for 15 minutes, and says which
//! hub it is of, so that nobody can step in between. The machine makes its own key, which never
//! leaves it. `ringfort agent status` says which hub this machine reports to, and
//! `ringfort agent leave` ends it.
//!
//! A hub sees and proposes. What may be done on this machine, the machine's own list of keys says:
//! no hub can approve for it.
//!
//! On the hub's machine, `ringfort agent token` prints a token without the page, and
//! `ringfort agent fleet` lets you sign which machines count one another's actions.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use spine::{Clock as _, HostId};

use crate::agent::detecting::relay;
use crate::agent::events::{Recorder, events_dir};
use crate::agent::live::LiveFacts;
use crate::agent::session::{Session, Wanted, live_file, open_state};
use crate::agent::uplink::Uplink;
use crate::agent::uplink_record::OverSocket;
use crate::agent::{join, join_hub, models, spool, worker};
use crate::cli_support::case_line;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::host;
use crate::rim::{OsRng, SystemClock};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "agent",
    about: "Join a hub, or leave it (without more: scan, as `ringfort up` starts it)",
    hidden: false,
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
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    command
        .arg(flag("once", "Scan once, then end"))
        .subcommand(
            Command::new("join")
                .about("Join a hub with a pasted token")
                .arg(
                    Arg::new("token-file")
                        .long("token-file")
                        .value_name("FILE")
                        .value_parser(value_parser!(PathBuf))
                        .help("Read the token from this file in place of standard input"),
                )
                .arg(flag("again", "Join although this machine has joined before")),
        )
        .subcommand(Command::new("status").about("Say which hub this machine reports to"))
        .subcommand(Command::new("leave").about("Report to the hub no longer"))
        .subcommand(
            Command::new("token").about("On the hub's machine: print a token to join with").arg(
                Arg::new("for")
                    .long("for")
                    .value_name("MACHINE")
                    .value_parser(value_parser!(HostId))
                    .help("Only for this machine, which is enrolled already"),
            ),
        )
        .subcommand(
            Command::new("fleet")
                .about("On the hub's machine: sign which machines count for one another")
                .arg(flag("yes", "Do not ask")),
        )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    match matches.subcommand() {
        Some(("join", sub)) => {
            let file = sub.get_one::<PathBuf>("token-file");
            let token = join::read_token(file.map(PathBuf::as_path), context)?;
            join::join(context, &token, sub.get_flag("again"))
        }
        Some(("status", _)) => join::status(context),
        Some(("leave", _)) => join::leave(context),
        Some(("token", sub)) => join_hub::token(context, sub.get_one::<HostId>("for").copied()),
        Some(("fleet", sub)) => join_hub::fleet(context, sub.get_flag("yes")),
        _ => look(matches, context),
    }
}

/// Scans until it is ended.
fn look(matches: &ArgMatches, context: &Context) -> Outcome {
    end_with_parent()?;
    let rim = (Arc::new(SystemClock) as Arc<_>, Arc::new(OsRng) as Arc<_>);
    let events = Recorder::open(&context.config, host::host_id(), rim)
        .map_err(|failure| tell_failure(context, &failure))
        .ok();
    let durable = Arc::new(AtomicU64::new(events.as_ref().map_or(0, Recorder::last_seq)));
    if !matches.get_flag("once") {
        report(context, Arc::clone(&durable));
    }
    let mut events = Events { recorder: events, durable, models: None };
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
fn wait(context: &Context, events: &mut Events, scanned: Option<SystemTime>) {
    let begun = Instant::now();
    let interval = Duration::from_secs(context.config.scan_interval_s.max(60));
    let live = live_file(&context.config.data_dir);
    let (mut looked, mut seen, mut before) = (Instant::now(), changed_at(&live), scanned);
    let joined = join::joined_file(&context.config.data_dir);
    let mut kept = false;
    while begun.elapsed() < interval {
        std::thread::sleep(PAUSE);
        record(context, events, Recorder::tick);
        let models = take_models(context, &mut events.models);
        let more = take_detected(context) || models;
        if !joined.exists() {
            kept = false;
        } else if more || !kept {
            // Neither a hub that was joined just now nor a case of behaviour waits for a scan.
            keep_for_hub(context, host::host_id());
            kept = true;
        }
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

/// Takes in what is known of the models on this machine. Returns whether there was news.
fn take_models(context: &Context, taken: &mut Option<SystemTime>) -> bool {
    let data_dir = &context.config.data_dir;
    let path = models::models_file(data_dir);
    let now = changed_at(&path);
    if now.is_none() || now == *taken {
        return false;
    }
    *taken = now;
    let Some(known) = models::Models::load(&path) else {
        context.warn("what is known of models does not read; the next pass vets all anew");
        return false;
    };
    let cases = open_state(data_dir).and_then(|state| {
        models::cases::take_in(&known, &state, host::host_id(), SystemClock.now_ms())
            .or_hint("what is known of models cannot be kept", "check the disk")
    });
    match cases {
        Ok(cases) => {
            let files = known.files.len();
            context.print(format!("{files} files of models, {cases} open cases of them"));
        }
        Err(failure) => tell_failure(context, &failure),
    }
    true
}

/// Takes in what the watcher of logs found. Returns whether that are further cases.
fn take_detected(context: &Context) -> bool {
    let data_dir = &context.config.data_dir;
    if !relay::is_on(data_dir) {
        return false;
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
        Ok(0) => return false,
        Ok(taken) => context.print(format!("{taken} cases of behaviour: ringfort cases")),
        Err(failure) => tell_failure(context, &failure),
    }
    true
}

fn changed_at(path: impl AsRef<Path>) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

/// The events of this machine, and how far they are durable.
struct Events {
    recorder: Option<Recorder>,
    durable: Arc<AtomicU64>,
    /// When what is known of models was written that was last taken in.
    models: Option<SystemTime>,
}

/// Reports to the hub that this machine joined, now or later, in a thread of its own.
fn report(context: &Context, durable: Arc<AtomicU64>) {
    let data_dir = &context.config.data_dir;
    let uplink = Uplink {
        events_dir: events_dir(data_dir),
        durable,
        scan_file: spool::scan_file(data_dir),
        joined_file: join::joined_file(data_dir),
        clock: Arc::new(SystemClock),
        rng: Arc::new(OsRng),
    };
    let quiet = context.heard_by(Arc::new(|_| ()));
    std::thread::spawn(move || {
        let say = |text: &str| quiet.warn(inert(text));
        uplink.run(&mut OverSocket::new(&quiet), &say, &|| true);
    });
}

/// Lets what the scan found wait for the hub.
fn keep_for_hub(context: &Context, host: HostId) {
    let data_dir = &context.config.data_dir;
    let kept =
        open_state(data_dir).and_then(|state| spool::snapshot(&state, host)).and_then(|scan| {
            let path = spool::scan_file(data_dir);
            scan.map_or(Ok(()), |scan| spool::put_scan(&path, scan, SystemClock.now_ms()))
        });
    if let Err(failure) = kept {
        tell_failure(context, &failure);
    }
}

/// Writes events down; what cannot be written is said, and the agent goes on.
fn record(
    context: &Context,
    events: &mut Events,
    what: impl FnOnce(&mut Recorder) -> Result<(), Failure>,
) {
    let Some(recorder) = events.recorder.as_mut() else { return };
    if let Err(failure) = what(recorder) {
        tell_failure(context, &failure);
    }
    events.durable.store(recorder.last_seq(), Ordering::SeqCst);
}

fn tell_failure(context: &Context, failure: &Failure) {
    context.warn(format!("{} ({})", failure.message, failure.help));
}

/// Writes down what a scan saw.
fn record_scan(context: &Context, events: &mut Events, session: &Session<'_>) {
    record(context, events, |events| {
        let found = session.scan.inventory.packages.iter();
        events.packages(found.map(|found| found.package.clone()))?;
        session.scan.live.as_ref().map_or(Ok(()), |facts| events.live(facts))
    });
    if join::joined_file(&context.config.data_dir).exists() {
        keep_for_hub(context, session.host);
    }
}

/// A process of `ringfort up` ends when `ringfort up` does.
pub fn end_with_parent() -> Result<(), Failure> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))
        .or_hint("cannot bind this process to its parent", "start it with `ringfort up`")
}

fn scan(context: &Context, events: &mut Events) -> Result<(), Failure> {
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
        let matches = command.clone().try_get_matches_from(["agent", "--once"]).unwrap();
        assert!(matches.get_flag("once"));
        assert!(command.clone().try_get_matches_from(["agent", "join"]).is_ok());
        // A token on the command line could be read by everybody on the machine.
        let with = ["agent", "join", "ringfort-join-1.abc"];
        assert!(command.try_get_matches_from(with).is_err());
    }
}
