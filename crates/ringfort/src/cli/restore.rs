//! Puts a backup back.
//!
//! `ringfort restore FILE.tar.zst` checks the whole archive before it moves anything into place. A
//! data folder that holds something is left alone unless `--replace` is given. Stop `ringfort up`
//! first.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::client::socket_path;
use crate::context::Context;
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb =
    Verb { name: "restore", about: "Put a backup back", hidden: false, args, run };

fn args(command: Command) -> Command {
    command
        .arg(
            Arg::new("file")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The archive that `ringfort backup` made"),
        )
        .arg(
            Arg::new("replace")
                .long("replace")
                .action(ArgAction::SetTrue)
                .help("Replace what the data folder holds"),
        )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let help = "check the archive; nothing was changed";
    let Some(file) = matches.get_one::<PathBuf>("file") else {
        return Err(Failure::usage("no file was named", help));
    };
    let dir = &context.config.data_dir;
    if std::os::unix::net::UnixStream::connect(socket_path(dir)).is_ok() {
        return Err(Failure::new("ringfort is running on this data folder", "stop it first"));
    }
    context.progress(format!("checking `{}`", file.display()));
    store::restore(file, dir, matches.get_flag("replace"))
        .or_hint("the backup was not put back", help)?;
    if context.json {
        context.print_json(&serde_json::json!({ "restored": dir }))?;
    } else {
        context.print(format!(
            "`{}` is as it was backed up; check it: ringfort verify",
            dir.display()
        ));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use clap::Command;

    #[test]
    fn what_is_there_is_replaced_only_when_asked_for() {
        let command = super::args(Command::new("restore"));
        let matches = command.try_get_matches_from(["restore", "all.tar.zst"]).unwrap();
        assert!(!matches.get_flag("replace"));
    }
}
