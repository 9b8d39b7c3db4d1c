//! The registry of verbs: one file of `cli/` is one verb, and nothing else names it.

use clap::{ArgMatches, Command};

use crate::context::Context;
use crate::failure::Outcome;

/// One verb of the command line.
pub struct Verb {
    /// The word that is typed.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Whether it is left out of the help (for processes that ringfort starts itself).
    pub hidden: bool,
    /// Adds the verb's arguments.
    pub args: fn(Command) -> Command,
    /// Runs it.
    pub run: fn(&ArgMatches, &Context) -> Outcome,
}

impl Verb {
    /// The clap command, with the file's documentation as long help.
    fn command(&'static self, doc: &'static str) -> Command {
        let command = Command::new(self.name).about(self.about).hide(self.hidden);
        (self.args)(command).long_about(doc)
    }
}

/// The verbs, one module each, as `build.rs` lists them.
pub mod registry {
    use super::Verb;
    include!(concat!(env!("OUT_DIR"), "/verbs.rs"));
}

/// All verbs, by name.
pub fn all() -> impl Iterator<Item = &'static Verb> {
    registry::ALL.iter().map(|(verb, _)| *verb)
}

/// The whole command line, with global options.
pub fn command() -> Command {
    let root = Command::new("ringfort")
        .about("a defensive security team in one binary")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true);
    let root = crate::context::global_args(root);
    registry::ALL.iter().fold(root, |root, (verb, doc)| root.subcommand(verb.command(doc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_verb_is_named_once_explained_and_prints_help() {
        let mut seen = std::collections::BTreeSet::new();
        for (verb, doc) in registry::ALL {
            assert!(seen.insert(verb.name), "{} twice", verb.name);
            assert!(!verb.about.is_empty() && !verb.about.ends_with('.'), "{}", verb.name);
            assert!(doc.len() > verb.about.len(), "{} has no `//!` documentation", verb.name);
            let mut root = command();
            let help = root.find_subcommand_mut(verb.name).unwrap().render_long_help();
            assert!(help.to_string().contains("Usage:"), "{}", verb.name);
        }
    }

    #[test]
    fn every_option_of_every_verb_has_help() {
        for sub in command().get_subcommands() {
            for arg in sub.get_arguments().filter(|arg| !arg.is_hide_set()) {
                assert!(arg.get_help().is_some(), "{} {}", sub.get_name(), arg.get_id());
            }
        }
    }

    #[test]
    fn unknown_words_are_usage_errors() {
        for line in [vec!["ringfort", "nonsense"], vec!["ringfort", "scan", "--nonsense"]] {
            let error = command().try_get_matches_from(line).unwrap_err();
            assert_eq!(error.exit_code(), 2);
        }
    }
}
