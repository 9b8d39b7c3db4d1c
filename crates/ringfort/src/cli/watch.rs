//! Follows the logs of this host in a process that may read them and nothing else.
//!
//! Started by `ringfort up`. It follows log files that grow below `/var/log` and, where there is
//! one, the systemd journal; judges them by Sigma rules and by what it learned of this host; and
//! says cases on standard output. It has no network, cannot start programs, and writes only its
//! own baselines.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::agent::confine::{Allowed, confine};
use crate::agent::detecting::live::{LiveJob, follow, site_key};
use crate::context::Context;
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::rim::SystemClock;
use crate::verbs::Verb;
use crate::verbs::registry::agent::end_with_parent;

/// The verb.
pub const VERB: Verb = Verb {
    name: "watch",
    about: "Follow the logs of this host (started by `ringfort up`)",
    hidden: true,
    args,
    run,
};

/// Where logs lie.
const LOGS: &str = "/var/log";

fn args(command: Command) -> Command {
    command
        .arg(
            Arg::new("dir")
                .long("dir")
                .required(true)
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("The folder for baselines"),
        )
        .arg(
            Arg::new("rules")
                .long("rules")
                .value_name("PATH")
                .value_parser(value_parser!(PathBuf))
                .help("An archive of Sigma rules"),
        )
        .arg(
            Arg::new("verdicts")
                .long("verdicts")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("The folder of what people said of cases"),
        )
        .arg(
            Arg::new("logs")
                .long("logs")
                .default_value(LOGS)
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("The folder of logs"),
        )
        .arg(
            Arg::new("journal")
                .long("journal")
                .action(ArgAction::SetTrue)
                .help("The journal comes on standard input, in its export form"),
        )
}

fn run(matches: &ArgMatches, _: &Context) -> Outcome {
    end_with_parent()?;
    let help = "it is started by `ringfort up`";
    let path = |name: &str| matches.get_one::<PathBuf>(name).cloned();
    let dir = path("dir").unwrap_or_default();
    if matches.get_flag("journal") && std::io::stdin().is_terminal() {
        return Err(Failure::usage("the journal does not come from a terminal", help));
    }
    let job = LiveJob {
        folders: path("logs").into_iter().collect(),
        journal: matches.get_flag("journal"),
        host: host_name(),
        rules: path("rules").into_iter().collect(),
        dir: dir.clone(),
        verdicts: path("verdicts").unwrap_or_default(),
    };
    let key = site_key(&dir).or_hint("the site's secret cannot be kept", "check the disk")?;
    let verdicts = path("verdicts");
    let readable = job.folders.iter().chain(&job.rules).chain(&verdicts);
    let read: Vec<&Path> = readable.map(PathBuf::as_path).collect();
    confine(&Allowed { read: &read, write: &[&dir], look_at_processes: false }).map_err(
        |error| {
            let message = format!("the watcher cannot be confined, so it reads nothing: {error}");
            Failure::new(message, "a kernel with seccomp filters is needed")
        },
    )?;
    match follow(&job, key, &SystemClock) {
        // Nobody listens any more: `ringfort up` ended.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Failure::new(format!("the watcher cannot go on: {error}"), help)),
        Ok(()) => Ok(Exit::Done),
    }
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_wants_a_folder_for_its_baselines() {
        let command = || args(Command::new("watch"));
        assert!(command().try_get_matches_from(["watch"]).is_err());
        let matches = command().try_get_matches_from(["watch", "--dir", "/x"]).unwrap();
        assert_eq!(matches.get_one::<PathBuf>("logs").unwrap(), Path::new(LOGS));
    }
}
