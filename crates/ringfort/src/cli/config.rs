//! Shows the configuration that is in force.
//!
//! `ringfort config show` prints every key with its value; `--origin` adds where each value came
//! from: the default, a file, an environment variable or a flag. The layers, later ones winning:
//! `/etc/ringfort/ringfort.toml`, `$XDG_CONFIG_HOME/ringfort/ringfort.toml`, `RINGFORT_*`
//! (`RINGFORT_SITE__PROFILE=clinic` sets `site.profile`), flags. An unknown key is an error.

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "config",
    about: "Show the configuration and where each value came from",
    hidden: false,
    args,
    run,
};

fn args(command: Command) -> Command {
    command.subcommand_required(true).subcommand(
        Command::new("show").about("Print every key with its value").arg(
            Arg::new("origin")
                .long("origin")
                .action(ArgAction::SetTrue)
                .help("Also print where each value came from"),
        ),
    )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let Some(("show", show)) = matches.subcommand() else {
        return Err(Failure::usage("no word after `config`", "run `ringfort config show`"));
    };
    for (key, value) in config::keys(&context.config) {
        let origin = context.layers.origin(&key);
        if context.json {
            context.print_json(&serde_json::json!({
                "key": key, "value": value, "origin": origin.to_string(),
            }))?;
        } else if show.get_flag("origin") {
            context.print(format!("{key} = {value}  # {origin}"));
        } else {
            context.print(format!("{key} = {value}"));
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, keys};

    #[test]
    fn every_key_of_the_default_configuration_is_listed() {
        let keys = keys(&Config::default());
        assert!(keys.contains_key("site.profile") && keys.contains_key("scan_interval_s"));
    }
}
