//! Verifies who signed a model, and that it is still what they signed.
//!
//! The signature (`model.sig` beside the model, or `--signature`) is judged by what you trust: a
//! public key (`--key`), roots of certificates (`--certificates`), or an identity with its provider
//! (`--identity`, `--issuer`) under the trust root of sigstore, all of it offline. Then every file
//! is hashed and compared. What passes is *signed by them and unchanged*, never *harmless*:
//! `ringfort vet` says what it would do.
//!
//! Exit codes: 0 where both hold, 1 where one does not, 4 where it cannot be told.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use vet::provenance::check::{Checked, State};
use vet::provenance::{Difference, Serialization};

use super::vet_sign::place_of;
use crate::agent::vetting::{VetJob, folder, trust};
use crate::agent::worker;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, Outcome};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "vet-verify",
    about: "Verify who signed a model, and that it is unchanged",
    hidden: false,
    args,
    run,
};

fn args(command: Command) -> Command {
    let command = command
        .arg(
            Arg::new("model")
                .value_name("MODEL")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The folder of a model, or its one file"),
        )
        .arg(
            Arg::new("signature")
                .long("signature")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("The signature; the one beside the model otherwise"),
        )
        .arg(
            Arg::new("ignore-unsigned-files")
                .long("ignore-unsigned-files")
                .action(ArgAction::SetTrue)
                .help("Let files stand in the folder that were not signed"),
        );
    trust::args(command)
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let Some(model) = matches.get_one::<PathBuf>("model") else {
        return Err(Failure::usage("no model was named", "name a folder or a file"));
    };
    let signature = matches.get_one("signature").cloned().unwrap_or_else(|| place_of(model));
    for path in [model, &signature] {
        if !path.exists() {
            let help = "name the model, and its signature with `--signature`";
            return Err(Failure::usage(format!("`{}` is not there", path.display()), help));
        }
    }
    let trusted = trust::from(matches)?;
    if trusted.keys.is_empty() && trusted.certificates.is_empty() && trusted.identities.is_empty() {
        return Err(Failure::usage(
            "nobody was named who may sign",
            "give `--key`, `--certificates`, or `--identity` with `--issuer`",
        ));
    }
    let whole = std::path::absolute(&signature).unwrap_or_else(|_| signature.clone());
    let job = VetJob { files: vec![whole], trusted, ..VetJob::default() };
    let result = worker::vet(job)?;
    let checked = result.signatures.into_iter().map(|(_, checked)| checked).next();
    let Some(checked) = checked else {
        let reasons = result.reports.iter().flat_map(|report| &report.findings);
        let why = reasons.map(|finding| finding.reason.as_str()).next().unwrap_or("it is none");
        let message = format!("`{}` is no signature: {}", signature.display(), inert(why));
        let help = "fetch the signature again from the model's publisher";
        return Err(Failure { exit: Exit::Findings, ..Failure::new(message, help) });
    };
    context.progress("hashing the model");
    let mut differences = differences(&checked, model, &signature)?;
    if matches.get_flag("ignore-unsigned-files") {
        differences.retain(|difference| !matches!(difference, Difference::Added(_)));
    }
    report(context, &checked, &differences)
}

/// How the model differs from what was signed.
fn differences(
    checked: &Checked,
    model: &Path,
    signature: &Path,
) -> Result<Vec<Difference>, Failure> {
    let Some(manifest) = &checked.manifest else { return Ok(Vec::new()) };
    let how: &Serialization = manifest.serialization();
    let mut parts = folder::parts(model, how.allow_symlinks)?;
    let whole = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let own = whole(signature);
    parts.retain(|(_, path)| whole(path) != own);
    let single = manifest.resources().iter().any(|r| r.name == "." || r.name.starts_with(".:"));
    if let ([one], true) = (parts.as_mut_slice(), single) {
        ".".clone_into(&mut one.0);
    }
    let here = folder::hash(manifest.model(), &parts, how, &|_| true)?;
    Ok(manifest.differences(&here))
}

fn report(context: &Context, checked: &Checked, differences: &[Difference]) -> Outcome {
    let exit = match (&checked.state, differences) {
        (State::Unchecked { .. }, _) => Exit::Unknown,
        (State::Verified { .. }, []) => Exit::Done,
        (State::Refused { .. } | State::Verified { .. }, _) => Exit::Findings,
    };
    let shown: Vec<String> = differences.iter().map(ToString::to_string).collect();
    let files = checked.manifest.as_ref().map_or(0, |manifest| manifest.resources().len());
    if context.json {
        context.print_json(&serde_json::json!({
            "signer": checked.signer,
            "verified": exit == Exit::Done,
            "signature": checked.state,
            "files": files,
            "differences": shown,
        }))?;
        return Ok(exit);
    }
    let signer = inert(&checked.signer);
    match &checked.state {
        State::Verified { notes, .. } => {
            context.print(format!("the signature is good: {signer}"));
            for note in notes {
                context.print(format!("    note: {}", inert(note)));
            }
        }
        State::Unchecked { why } => {
            context.print(format!("UNKNOWN: the signature of {signer} was not checked"));
            context.print(format!("    {}", inert(why)));
            context.print("    next: give the signer's key or root, or name the identity");
        }
        State::Refused { why } => {
            context.print(format!("NOT GOOD: the signature of {signer}"));
            context.print(format!("    {}", inert(why)));
            context.print("    next: do not load the model; fetch it again from its publisher");
        }
    }
    for difference in &shown {
        context.print(format!("CHANGED: {}", inert(difference)));
    }
    if exit == Exit::Done {
        context.print(format!("all {files} files are what was signed"));
    }
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_question_is_no_success() {
        let dir = tempfile::tempdir().unwrap();
        let line = ["ringfort", "--data-dir", dir.path().to_str().unwrap(), "vet-verify", "m"];
        let matches = crate::verbs::command().get_matches_from(line);
        let context = Context::new(&matches).unwrap();
        let checked = |state| Checked { signer: "key".into(), state, manifest: None };
        let exit = |state, differences: &[Difference]| {
            report(&context, &checked(state), differences).unwrap()
        };
        let good = || State::Verified { trusted: true, notes: Vec::new() };
        assert_eq!(exit(good(), &[]), Exit::Done);
        assert_eq!(exit(good(), &[Difference::Added("x".into())]), Exit::Findings);
        assert_eq!(exit(State::Unchecked { why: "no key".into() }, &[]), Exit::Unknown);
        assert_eq!(exit(State::Refused { why: "wrong".into() }, &[]), Exit::Findings);
    }
}
