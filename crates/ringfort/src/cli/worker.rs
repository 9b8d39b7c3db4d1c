//! Reads hostile bytes in a process without rights.
//!
//! Started by ringfort itself: a job comes in on standard input, the result goes out on standard
//! output, and before the first byte of a package or log is read the process gives up the network,
//! other programs, and every file that its job does not name.

use clap::{ArgMatches, Command};

use crate::agent::worker;
use crate::context::Context;
use crate::failure::{Exit, Outcome};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "worker",
    about: "Read hostile bytes in a process without rights (started by ringfort itself)",
    hidden: true,
    args,
    run,
};

fn args(command: Command) -> Command {
    command
}

fn run(_: &ArgMatches, _: &Context) -> Outcome {
    worker::run()?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use crate::agent::worker::Job;

    #[test]
    fn a_job_names_every_file_that_it_may_read() {
        let text = r#"{"job":"changelogs","packages":[]}"#;
        assert!(matches!(serde_json::from_str(text).unwrap(), Job::Changelogs(_)));
        assert!(serde_json::from_str::<Job>(r#"{"job":"shell"}"#).is_err());
    }
}
