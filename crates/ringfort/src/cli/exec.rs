//! The privileged executor.
//!
//! `ringfort up` and the verbs that act start it. It needs root, opens no network connection,
//! speaks over one Unix socket, and decides everything again for itself: a plan that comes in is
//! inspected, its facts are gathered on this host, its approvals' signatures are verified, and what
//! was decided is recorded before anything is done.

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, ArgMatches, Command, value_parser};

use crate::context::Context;
use crate::exec::{Executor, server, spawn};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::rim::{OsRng, SystemClock};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "exec",
    about: "Run the privileged executor (started by ringfort itself)",
    hidden: true,
    args,
    run,
};

fn args(command: Command) -> Command {
    command.arg(
        Arg::new("listen")
            .long("listen")
            .value_name("SOCKET")
            .value_parser(value_parser!(PathBuf))
            .help("Listen on this socket; without it, serve the socket on standard input"),
    )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::new(
            "the executor needs root",
            "start it with `ringfort up` as root; without root ringfort observes",
        ));
    }
    super::agent::end_with_parent()?;
    let rim = (Arc::new(SystemClock) as Arc<_>, Arc::new(OsRng) as Arc<_>);
    let config = context.config_file.as_deref();
    let (executor, warnings) = Executor::open(&context.config.data_dir, config, rim)?;
    for warning in warnings {
        context.warn(warning);
    }
    let executor = Arc::new(executor);
    let help = "check that no other executor runs on the same data folder";
    if let Some(path) = matches.get_one::<PathBuf>("listen") {
        let listener = server::bind(path, Some(spawn::UNPRIVILEGED_ID))
            .or_hint(format!("cannot listen on `{}`", path.display()), help)?;
        server::serve(&executor, &listener).or_hint("the executor stopped", help)?;
    } else {
        let stdin = std::io::stdin().as_fd().try_clone_to_owned();
        let stream = UnixStream::from(stdin.or_hint("standard input is no socket", help)?);
        server::converse(&executor, stream).or_hint("the conversation broke off", help)?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use clap::Command;

    #[test]
    fn it_listens_only_where_it_is_told() {
        let command = super::args(Command::new("exec"));
        assert!(command.clone().try_get_matches_from(["exec"]).is_ok());
        assert!(command.try_get_matches_from(["exec", "--listen"]).is_err());
    }
}
