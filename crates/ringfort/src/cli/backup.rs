//! Writes everything that ringfort knows and recorded into one archive.
//!
//! `ringfort backup FILE.tar.zst` works while ringfort runs: databases are copied consistently, and
//! every file stands in the archive's manifest with its SHA-256. The archive holds the key that
//! signs the record, so keep it where only you can read it. It does not hold your own key.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};
use spine::Clock as _;

use crate::context::Context;
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::rim::SystemClock;
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "backup",
    about: "Write everything that ringfort knows into one archive",
    hidden: false,
    args,
    run,
};

/// What a backup holds of the data folder: the agent's state and the executor's record, keys and
/// undo. What can be fetched again (package metadata, copies) is left out.
const INCLUDED: [&str; 10] = [
    "agent/state.db",
    "agent/feeds.db",
    "agent/events",
    "exec/ledger",
    "exec/ledger.key",
    "exec/ledger.vkey",
    "exec/keys.json",
    "exec/actions",
    "exec/dryruns",
    "exec/waiting",
];

fn args(command: Command) -> Command {
    command.arg(
        Arg::new("file")
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .help("The archive; it must not be there yet"),
    )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let help = "name a file that is not there yet, on a disk with room, and run this as root";
    let Some(file) = matches.get_one::<PathBuf>("file") else {
        return Err(Failure::usage("no file was named", help));
    };
    let dir = &context.config.data_dir;
    let present: Vec<&str> = INCLUDED.into_iter().filter(|path| dir.join(path).exists()).collect();
    if present.is_empty() {
        let message = format!("there is nothing to back up in `{}`", dir.display());
        return Err(Failure::unknown(message, "run `ringfort scan` or `ringfort up` first"));
    }
    context.progress(format!("backing `{}` up", dir.display()));
    store::backup(dir, &present, file, SystemClock.now_ms())
        .or_hint("the backup was not made", help)?;
    if context.json {
        context.print_json(&serde_json::json!({ "archive": file, "included": present }))?;
    } else {
        context.print(format!("`{}` holds {}", file.display(), present.join(", ")));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use clap::Command;

    #[test]
    fn a_file_is_named() {
        let command = super::args(Command::new("backup"));
        assert!(command.clone().try_get_matches_from(["backup"]).is_err());
        assert!(command.try_get_matches_from(["backup", "all.tar.zst"]).is_ok());
    }
}
