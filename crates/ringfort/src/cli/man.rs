//! Writes the manual pages.
//!
//! `ringfort man DIR` writes `ringfort.1` and one page for every verb into DIR, made from the same
//! definitions as `--help`.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};

use crate::context::Context;
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::verbs::{self, Verb};

/// The verb.
pub const VERB: Verb =
    Verb { name: "man", about: "Write the manual pages into a folder", hidden: false, args, run };

fn args(command: Command) -> Command {
    command.arg(
        Arg::new("dir")
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .help("The folder; made if it is not there"),
    )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let help = "name a folder that you may write to";
    let Some(dir) = matches.get_one::<PathBuf>("dir") else {
        return Err(Failure::usage("no folder was named", help));
    };
    std::fs::create_dir_all(dir).or_hint("cannot make the folder", help)?;
    clap_mangen::generate_to(verbs::command(), dir).or_hint("cannot write the pages", help)?;
    context.progress(format!("manual pages are in `{}`", dir.display()));
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_is_a_page_for_every_verb() {
        let dir = tempfile::tempdir().unwrap();
        clap_mangen::generate_to(crate::verbs::command(), dir.path()).unwrap();
        for verb in crate::verbs::all().filter(|verb| !verb.hidden) {
            let page = dir.path().join(format!("ringfort-{}.1", verb.name));
            let text = std::fs::read_to_string(page).unwrap();
            assert!(text.contains("DESCRIPTION"), "{}", verb.name);
        }
    }
}
