//! Prints completions for a shell.
//!
//! `ringfort completions bash > /etc/bash_completion.d/ringfort`; also `zsh`, `fish`, `elvish` and
//! `powershell`.

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::verbs::{self, Verb};

/// The verb.
pub const VERB: Verb =
    Verb { name: "completions", about: "Print completions for a shell", hidden: false, args, run };

fn args(command: Command) -> Command {
    command.arg(
        Arg::new("shell")
            .required(true)
            .value_parser(value_parser!(Shell))
            .help("bash, zsh, fish, elvish or powershell"),
    )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let Some(shell) = matches.get_one::<Shell>("shell") else {
        return Err(Failure::usage("no shell was named", "run `ringfort completions bash`"));
    };
    let mut text = Vec::new();
    clap_complete::generate(*shell, &mut verbs::command(), "ringfort", &mut text);
    context.print(String::from_utf8_lossy(&text).trim_end());
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    #[test]
    fn completions_know_every_verb() {
        let mut text = Vec::new();
        let shell = clap_complete::Shell::Bash;
        clap_complete::generate(shell, &mut crate::verbs::command(), "ringfort", &mut text);
        let text = String::from_utf8(text).unwrap();
        for verb in crate::verbs::all().filter(|verb| !verb.hidden) {
            assert!(text.contains(verb.name), "{}", verb.name);
        }
    }
}
