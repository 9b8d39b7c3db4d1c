//! Checks the whole record: nothing was changed, taken out or put in.
//!
//! Every receipt is a leaf of a Merkle tree (RFC 6962) kept as a C2SP tlog-tiles log with signed
//! checkpoints, so programs that are not ringfort's can check it too. `ringfort verify` recomputes
//! every tile from the receipts, checks the signature, and then checks the story: every action has
//! a receipt of intent before it and an outcome after it.
//!
//! `--against FILE` also proves that the log still contains everything that an older checkpoint
//! (a copy you kept elsewhere) committed to. A failed check exits with 1.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, ArgMatches, Command, value_parser};
use durable::{Files, StdFiles};
use ledger::VerifierKey;

use crate::context::Context;
use crate::failure::{Exit, OrHint as _, Outcome};
use crate::story::Story;
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "verify",
    about: "Check the whole record of what was decided and done",
    hidden: false,
    args,
    run,
};

fn args(command: Command) -> Command {
    let path = || value_parser!(PathBuf);
    command
        .arg(
            Arg::new("against")
                .long("against")
                .value_name("FILE")
                .value_parser(path())
                .help("Also prove that the log contains all that this older checkpoint covers"),
        )
        .arg(
            Arg::new("ledger")
                .long("ledger")
                .value_name("DIR")
                .value_parser(path())
                .help("The log's folder, in place of this machine's own"),
        )
        .arg(
            Arg::new("key")
                .long("key")
                .value_name("VKEY")
                .help("The log's public key (signed-note form), in place of this machine's own"),
        )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let exec_dir = context.config.data_dir.join("exec");
    let own = exec_dir.join("ledger");
    let dir = matches.get_one::<PathBuf>("ledger").unwrap_or(&own);
    let help = "run this as root, or name the log with `--ledger DIR --key VKEY`";
    let text = match matches.get_one::<String>("key") {
        Some(text) => text.clone(),
        None => std::fs::read_to_string(exec_dir.join("ledger.vkey"))
            .or_hint("the log's public key cannot be read", help)?,
    };
    let key: VerifierKey =
        text.trim().parse().or_hint("the log's public key is malformed", help)?;
    let against = matches
        .get_one::<PathBuf>("against")
        .map(|path| {
            std::fs::read_to_string(path).or_hint("the old checkpoint cannot be read", help)
        })
        .transpose()?;
    context.progress(format!("checking `{}`", dir.display()));
    let files: Arc<dyn Files> = Arc::new(StdFiles);
    let report = ledger::verify_dir(&files, dir, &key, against.as_deref())
        .or_hint("the record cannot be checked", help)?;
    let mut problems = report.failures.clone();
    let story = if problems.is_empty() { Some(Story::read(&files, dir, &key)?) } else { None };
    problems.extend(story.iter().flat_map(|story| story.problems.iter().cloned()));
    let good = problems.is_empty();
    if context.json {
        context.print_json(&serde_json::json!({
            "verified": good, "problems": problems, "receipts": report.size,
            "key": text.trim(), "story": story, "compared": against.is_some(),
        }))?;
    } else {
        for line in &report.holds {
            context.print(format!("ok   {line}"));
        }
        if let Some(story) = &story {
            context.print(format!("ok   {}", story.summary()));
        }
        for problem in &problems {
            context.print(format!("BAD  {problem}"));
        }
        let verdict = if good { "the record is whole" } else { "the record is NOT whole" };
        context.print(format!("{verdict}: {} receipts, key {}", report.size, text.trim()));
    }
    if good { Ok(Exit::Done) } else { Ok(Exit::Findings) }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    #[test]
    fn a_stranger_can_name_folder_and_key() {
        let command = super::args(Command::new("verify"));
        let line = ["verify", "--ledger", "/srv/log", "--key", "name+00000000+AA"];
        assert!(command.try_get_matches_from(line).is_ok());
    }
}
