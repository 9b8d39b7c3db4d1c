//! Starts ringfort on this machine.
//!
//! As root five parts run: this one, which watches over the others; the executor, which alone may
//! change the machine and decides everything again for itself; the agent, an unprivileged user that
//! scans; and the hub, also unprivileged, which shows a page and prints its address with a link
//! that signs in once (`--no-page` leaves it out). A watcher that may only read follows the
//! logs of this host (`--no-logs` leaves it out), and models that lie on it are vetted, now and
//! when they change. Without root ringfort observes, and says so.
//! `Ctrl-C` ends all of them; nothing is left running. Where systemd starts the others, its fourth
//! unit starts this one with `--watch-only`.
//!
//! The first cases are shown from what is already on the machine; fresh package metadata and the
//! changelogs of waiting updates stream in after that.

use std::ffi::OsStr;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Arg, ArgAction, ArgMatches, Command};
use durable::{Files as _, StdFiles};

use crate::agent::detecting::{live::cursor, relay, rules::unpack_feed};
use crate::agent::models::passing;
use crate::agent::session::{agent_dir, give_to_agent, live_file};
use crate::agent::worker;
use crate::client::socket_path;
use crate::context::Context;
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::spawn;
use crate::verbs::Verb;
use crate::verbs::registry::hub::hub_dir;

/// The verb.
pub const VERB: Verb =
    Verb { name: "up", about: "Start ringfort on this machine", hidden: false, args, run };

/// How often a part that ends is started again before `up` gives up.
const RESTARTS_MAX: u32 = 5;
/// A part that ran for this long is not counted as failing.
const STEADY: Duration = Duration::from_secs(600);
/// The pause between two looks at the parts.
const PAUSE: Duration = Duration::from_millis(500);
/// The pause between two looks at processes and sockets.
const LIVE_PAUSE: Duration = Duration::from_secs(300);

/// How long models wait for the first scan.
const MODELS_AFTER: Duration = Duration::from_secs(20);

fn args(command: Command) -> Command {
    command
        .arg(
            Arg::new("no-page")
                .long("no-page")
                .action(ArgAction::SetTrue)
                .help("Show no page in a browser"),
        )
        .arg(Arg::new("no-logs").long("no-logs").action(ArgAction::SetTrue).help("Follow no logs"))
        .arg(Arg::new("once").long("once").action(ArgAction::SetTrue).help("Scan once, then end"))
        .arg(
            Arg::new("watch-only")
                .long("watch-only")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["once", "no-logs"])
                .help("Only follow logs and look at what runs; the other parts run by themselves"),
        )
}

struct Part {
    name: &'static str,
    child: Child,
    /// What feeds it, and ends with it.
    feeder: Option<Child>,
    since: Instant,
    restarts: u32,
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let data_dir = &context.config.data_dir;
    let root = rustix::process::geteuid().is_root();
    let help = "check the data folder's permissions, or name another with `--data-dir`";
    std::fs::create_dir_all(data_dir).or_hint("the data folder cannot be made", help)?;
    if root {
        // An earlier verb may have made it for root alone; what is root's in it stays closed.
        std::fs::set_permissions(data_dir, std::fs::Permissions::from_mode(0o755))
            .or_hint("the data folder cannot be opened to the agent", help)?;
    }
    agent_dir(data_dir).or_hint("the data folder cannot be made", help)?;
    context.print(format!("ringfort {} in `{}`", env!("CARGO_PKG_VERSION"), data_dir.display()));
    let mut parts = Vec::new();
    if matches.get_flag("watch-only") {
        if root {
            look_at_processes(context)?;
        }
        parts.push(start_watcher(context)?);
        vet_models(context);
        return watch(context, &mut parts, root, false);
    }
    if root {
        let socket = socket_path(data_dir);
        parts.push(start("executor", context, &socket)?);
        wait_for(&socket)?;
        look_at_processes(context)?;
    } else {
        context.warn("without root ringfort observes: it scans and explains, it changes nothing");
    }
    let once = matches.get_flag("once");
    parts.push(start_agent(context, root, once)?);
    if !once && !matches.get_flag("no-logs") {
        parts.push(start_watcher(context)?);
    }
    if !once && !matches.get_flag("no-page") {
        parts.push(start_hub(context, root)?);
    }
    if !once {
        vet_models(context);
    }
    watch(context, &mut parts, root, once)
}

/// Vets the models on this machine, and again whenever there are new or changed ones, in a thread
/// of its own; the agent makes cases of the result.
fn vet_models(context: &Context) {
    if context.config.models.folders.is_empty() {
        return;
    }
    let pause = Duration::from_secs(context.config.models.interval_s.max(60));
    let heard = context.heard_by(Arc::new(|text: &str| eprintln!("models: {text}")));
    std::thread::spawn(move || {
        // What is installed is looked at first.
        std::thread::sleep(MODELS_AFTER);
        loop {
            match passing::pass(&heard) {
                Ok(passed) if passed.read > 0 => {
                    let reach = passed.reach;
                    heard.progress(format!("{} of {} files vetted", passed.read, reach.models));
                }
                Ok(_) => {}
                Err(failure) => heard.warn(failure.message),
            }
            std::thread::sleep(pause);
        }
    });
}

fn start(name: &'static str, context: &Context, socket: &Path) -> Result<Part, Failure> {
    let config = context.config_file.as_deref();
    let child = spawn::executor_listening(&context.config.data_dir, config, socket)
        .or_hint(format!("cannot start the {name}"), "check that the program file can be run")?;
    Ok(Part { name, child, feeder: None, since: Instant::now(), restarts: 0 })
}

fn start_agent(context: &Context, root: bool, once: bool) -> Result<Part, Failure> {
    start_unprivileged("agent", context, root, if once { &["--once"] } else { &[] })
}

fn start_hub(context: &Context, root: bool) -> Result<Part, Failure> {
    hub_dir(&context.config.data_dir)
        .or_hint("the page's folder cannot be made", "check the disk and its permissions")?;
    start_unprivileged("hub", context, root, &[])
}

fn start_unprivileged(
    name: &'static str,
    context: &Context,
    root: bool,
    more: &[&str],
) -> Result<Part, Failure> {
    let data_dir = context.config.data_dir.display().to_string();
    let mut args = vec![name, "--data-dir", &data_dir];
    let config = context.config_file.as_ref().map(|path| path.display().to_string());
    if let Some(config) = &config {
        args.extend(["--config", config]);
    }
    args.extend(more);
    if context.quiet {
        args.push("--quiet");
    }
    let child = spawn::unprivileged(&args, root.then_some(spawn::UNPRIVILEGED_ID)).or_hint(
        format!("cannot start the {name}"),
        "the program file must be readable for everybody",
    )?;
    Ok(Part { name, child, feeder: None, since: Instant::now(), restarts: 0 })
}

/// Starts the watcher of logs, with the rules of the feed and, where there is one, the journal.
fn start_watcher(context: &Context) -> Result<Part, Failure> {
    let help = "check the disk and its permissions; `--no-logs` leaves the logs alone";
    let data_dir = &context.config.data_dir;
    let dir = data_dir.join("watch");
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .or_hint("there is no folder for what is learned", help)?;
    let unpacked = dir.join("feed");
    let _ = std::fs::remove_dir_all(&unpacked); // Of the last run, if there is one.
    std::fs::create_dir_all(&unpacked).or_hint("the rules cannot be unpacked", help)?;
    let rules = unpack_feed(data_dir, &unpacked)?;
    let verdicts =
        relay::verdicts_folder(data_dir).or_hint("there is no folder for verdicts", help)?;
    let mut args = vec![OsStr::new("--dir"), dir.as_os_str()];
    args.extend([OsStr::new("--verdicts"), verdicts.as_os_str()]);
    if let Some(rules) = &rules {
        args.extend([OsStr::new("--rules"), rules.as_os_str()]);
    }
    let after = has_journal().then(|| cursor(&dir).unwrap_or_default());
    if after.is_some() {
        args.push(OsStr::new("--journal"));
    }
    let started = spawn::watcher(&args, after.as_deref());
    let (child, feeder, said) = started.or_hint("cannot start the watcher of logs", help)?;
    let heard = context.heard_by(Arc::new(|text: &str| eprintln!("logs: {text}")));
    let data_dir = data_dir.clone();
    std::thread::spawn(move || relay::write_down(said, &data_dir, &heard));
    Ok(Part { name: "watcher", child, feeder, since: Instant::now(), restarts: 0 })
}

/// Whether systemd runs here and keeps a journal.
fn has_journal() -> bool {
    let folders = ["/var/log/journal", "/run/log/journal"];
    Path::new("/run/systemd/system").is_dir()
        && Path::new("/usr/bin/journalctl").is_file()
        && folders.iter().any(|folder| Path::new(folder).is_dir())
}

fn wait_for(socket: &PathBuf) -> Result<(), Failure> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        if std::os::unix::net::UnixStream::connect(socket).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(Failure::new("the executor does not answer", "its message above says why"))
}

/// Looks at processes and sockets in a confined worker that may read but neither write nor trace,
/// and leaves the facts for the agent, which as an unprivileged user could not look.
fn look_at_processes(context: &Context) -> Result<(), Failure> {
    let facts = worker::live()?;
    let bytes = serde_json::to_vec(&facts).unwrap_or_default();
    let path = live_file(&context.config.data_dir);
    StdFiles
        .write_atomic(&path, &bytes)
        .and_then(|()| give_to_agent(&path))
        .or_hint("what runs here cannot be written down", "check the disk")
}

/// Watches over the parts until one cannot be kept running, or the agent has done its one scan.
fn watch(context: &Context, parts: &mut Vec<Part>, root: bool, once: bool) -> Outcome {
    let mut looked = Instant::now();
    loop {
        std::thread::sleep(PAUSE);
        if root && looked.elapsed() > LIVE_PAUSE {
            looked = Instant::now();
            if let Err(failure) = look_at_processes(context) {
                context.warn(failure.message);
            }
        }
        for index in 0..parts.len() {
            let Some(part) = parts.get_mut(index) else { continue };
            let ended = part.child.try_wait().or_hint("a part is lost", "start ringfort again")?;
            let Some(status) = ended else { continue };
            if part.name == "agent" && status.success() {
                end(parts);
                return Ok(Exit::Done);
            }
            if part.name == "agent" && once {
                end(parts);
                return Err(Failure::new("the scan failed", "its messages above say why"));
            }
            let restarts = if part.since.elapsed() > STEADY { 0 } else { part.restarts + 1 };
            let name = part.name;
            if restarts > RESTARTS_MAX {
                end(parts);
                return Err(Failure::new(
                    format!("the {name} ended {RESTARTS_MAX} times ({status})"),
                    "its messages above say why",
                ));
            }
            context.warn(format!("the {name} ended ({status}) and is started again"));
            end_feeder(part);
            std::thread::sleep(Duration::from_secs(u64::from(restarts)));
            let again = match name {
                "agent" => start_agent(context, root, false)?,
                "hub" => start_hub(context, root)?,
                "watcher" => start_watcher(context)?,
                _ => start("executor", context, &socket_path(&context.config.data_dir))?,
            };
            if let Some(part) = parts.get_mut(index) {
                *part = Part { restarts, ..again };
            }
        }
    }
}

fn end(parts: &mut Vec<Part>) {
    for part in parts.iter_mut() {
        // A part that ended by itself is no failure.
        let _ = part.child.kill();
        let _ = part.child.wait();
        end_feeder(part);
    }
    parts.clear();
}

fn end_feeder(part: &mut Part) {
    if let Some(mut feeder) = part.feeder.take() {
        // One that ended by itself is no failure.
        let _ = feeder.kill();
        let _ = feeder.wait();
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    #[test]
    fn it_starts_without_any_option() {
        let command = super::args(Command::new("up"));
        assert!(command.try_get_matches_from(["up"]).is_ok());
    }
}
