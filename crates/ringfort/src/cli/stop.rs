//! Pulls the kill switch: from now on nothing is done but taking things back.
//!
//! Whoever reaches the executor may stop it; only a person with an enrolled key may let it go on
//! (`ringfort stop --release`). Scans go on, running containments lapse at their time, and
//! `ringfort undo` still works. The switch survives restarts.

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::cli_support::said;
use crate::client::Client;
use crate::context::Context;
use crate::failure::Outcome;
use crate::keys;
use crate::protocol::Request;
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb =
    Verb { name: "stop", about: "Pull the kill switch, or release it", hidden: false, args, run };

fn args(command: Command) -> Command {
    command
        .arg(
            Arg::new("release")
                .long("release")
                .action(ArgAction::SetTrue)
                .help("Release the switch; asks for the signature of an enrolled key"),
        )
        .arg(
            Arg::new("reason")
                .long("reason")
                .value_name("TEXT")
                .default_value("stopped at the command line")
                .help("Why, for the record"),
        )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let mut client = Client::connect(context)?;
    let request = if matches.get_flag("release") {
        let standing = client.standing()?;
        let enrolled: Vec<_> = standing.keys.iter().map(|key| key.id).collect();
        let signer = keys::find_signer(&enrolled)?;
        Request::Resume { consent: crate::cli_support::consent(&signer, standing.host, "resume")? }
    } else {
        let reason = matches.get_one::<String>("reason").cloned().unwrap_or_default();
        Request::Stop { reason }
    };
    said(context, client.ask(&request, &mut |text| context.progress(text))?)
}

#[cfg(test)]
mod tests {
    use clap::Command;

    #[test]
    fn stopping_needs_no_key_and_no_question() {
        let command = super::args(Command::new("stop"));
        assert!(!command.try_get_matches_from(["stop"]).unwrap().get_flag("release"));
    }
}
