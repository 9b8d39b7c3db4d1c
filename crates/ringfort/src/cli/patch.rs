//! Fixes what waits, with a way back.
//!
//! `ringfort patch NAME...` (or `--all`) makes a plan with exact versions, fetches the packages,
//! tries the plan on a copy of the machine and takes it back there, shows what would change and
//! which services restart, and asks. With your signature the executor applies it, checks it, and
//! scans again: only then does it say "fixed". `ringfort undo` takes it back.
//!
//! Where NAME is a model that was flagged (its file, or its case), the fix is to move that file
//! away, whole; it takes your signature, and is taken back, in the same way.
//!
//! `--dry-run` stops before asking. `--root DIR` does the same to another root file system.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;
use spine::{ActionState, ApprovalWindow, CaseEvent, Clock as _};
use store::{CaseFilter, State as _};

use crate::agent::models::moving;
use crate::agent::patching::{self, Tried};
use crate::agent::scan;
use crate::agent::session::{Session, Wanted, open_state};
use crate::approving;
use crate::cli_support::root_arg;
use crate::client::Client;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::rim::SystemClock;
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "patch",
    about: "Fix what waits: plan, try on a copy, ask, apply, check",
    hidden: false,
    args,
    run,
};

fn args(command: Command) -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    command
        .arg(root_arg())
        .arg(flag("all", "Everything that waits").conflicts_with("subjects"))
        .arg(flag("dry-run", "Plan and try on a copy, then stop"))
        .arg(flag("yes", "Do not ask; the plan is still signed with your key"))
        .arg(
            Arg::new("subjects")
                .num_args(0..)
                .value_name("NAME")
                .required_unless_present("all")
                .help("Packages, source packages or models as `ringfort cases` names them"),
        )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let root = matches.get_one::<PathBuf>("root").cloned().unwrap_or_else(|| "/".into());
    let subjects: Vec<String> =
        matches.get_many::<String>("subjects").into_iter().flatten().cloned().collect();
    if let ([subject], true) = (subjects.as_slice(), scan::is_this_machine(&root)) {
        let state = open_state(&context.config.data_dir)?;
        if let Some(case) = moving::case_of(&state, subject)? {
            let how = (matches.get_flag("dry-run"), matches.get_flag("yes"));
            return moving::move_away(context, &state, case, how);
        }
    }
    let wanted = Wanted { paths: Vec::new(), distribution: true, offline: false };
    let session = Session::run(context, &root, &wanted)?;
    let chosen = patching::chosen(&session.scan.inventory.upgrades, &subjects)?;
    if chosen.is_empty() {
        context.progress("nothing waits that could be applied");
        return Ok(Exit::Done);
    }
    let mut client = Client::connect(context)?;
    let standing = client.standing()?;
    let place = (standing.host, session.root.as_path());
    let tried = patching::try_upgrades(context, &mut client, place, &chosen)?;
    let help = "check the disk, try again";
    session.state().put_plan(&tried.plan).or_hint("the plan cannot be kept", help)?;
    show(context, &tried)?;
    if !tried.passed() {
        return Err(Failure::refused(
            "the plan did not pass on a copy of the machine, so it is not applied",
            "see the problems above; nothing was changed",
        ));
    }
    if matches.get_flag("dry-run") {
        let hash = tried.plan.hash().or_hint("the plan has no hash", help)?;
        context.progress(format!("to apply it: ringfort approve {}", hash.short()));
        return Ok(Exit::Done);
    }
    if !approving::confirm("Apply this?", matches.get_flag("yes"))? {
        context.progress("nothing was changed");
        return Ok(Exit::Done);
    }
    let approval = approving::sign(&standing, &tried.plan, ApprovalWindow::Now, false)?;
    apply(context, client, &session, &tried.plan, vec![approval])
}

/// Applies an approved plan, scans again, and says what that scan shows.
pub fn apply(
    context: &Context,
    mut client: Client,
    session: &Session<'_>,
    plan: &spine::Plan,
    approvals: Vec<spine::Approval>,
) -> Outcome {
    let (action, outcome, details) = approving::run(context, &mut client, plan, approvals)?;
    drop(client);
    if outcome.state != ActionState::Done {
        return Err(Failure::new(
            format!("it was not applied: {}", outcome.message),
            "what was begun was taken back; the record says what happened",
        ));
    }
    move_cases(session, CaseEvent::Propose)?;
    let wanted = Wanted { paths: Vec::new(), distribution: true, offline: true };
    let after = Session::run(context, &session.root, &wanted)?;
    after.keep()?;
    let left: Vec<String> = plan
        .steps
        .iter()
        .flat_map(|step| {
            step.params.get("packages").and_then(|p| p.as_array()).into_iter().flatten()
        })
        .filter_map(|package| package["name"].as_str())
        .filter(|name| after.scan.inventory.upgrades.iter().any(|upgrade| upgrade.name == *name))
        .map(str::to_owned)
        .collect();
    if context.json {
        context.print_json(&json!({
            "action": action, "state": outcome.state, "message": outcome.message,
            "still_waiting": left, "details": details,
        }))?;
    } else {
        context.print(format!("done: {}", inert(&outcome.message)));
        if left.is_empty() {
            context.print("a new scan no longer finds it: fixed");
        } else {
            context.print(format!("a new scan still finds: {}", left.join(", ")));
        }
        context.print(format!("to take it back: ringfort undo {action}"));
    }
    Ok(if left.is_empty() { Exit::Done } else { Exit::Findings })
}

/// Notes on the cases of this root that a plan for them exists.
fn move_cases(session: &Session<'_>, event: CaseEvent) -> Result<(), Failure> {
    let help = "check the disk; the change itself is done and recorded";
    let filter = CaseFilter { host: Some(session.host), open_only: true, ..CaseFilter::default() };
    for mut case in session.state().cases(&filter).or_hint("the cases do not read", help)? {
        if case.step(event, SystemClock.now_ms()).is_ok() {
            session.state().put_case(&case).or_hint("a case cannot be kept", help)?;
        }
    }
    Ok(())
}

fn show(context: &Context, tried: &Tried) -> Result<(), Failure> {
    let hash = tried.plan.hash().or_hint("the plan has no hash", "make it again")?;
    if context.json {
        return context.print_json(&json!({
            "plan": hash, "purpose": tried.plan.purpose, "passed": tried.passed(),
            "services": tried.report["services"], "steps": tried.plan.steps,
            "problems": tried.report["problems"],
        }));
    }
    context.print(inert(&format!("plan {}: {}", hash.short(), tried.plan.purpose)));
    for package in tried.packages() {
        let from = if package.from.is_empty() { "new" } else { &package.from };
        context.print(inert(&format!("  {} {from} -> {}", package.name, package.to)));
    }
    let [added, changed, removed] = tried.file_counts();
    context.print(format!(
        "  on a copy: {added} files added, {changed} changed, {removed} removed; {}",
        if tried.passed() { "applied cleanly and taken back whole" } else { "it did not pass" },
    ));
    let mut touched = false;
    for verb in ["restart", "start", "stop", "reload"] {
        let services = tried.services(verb);
        if !services.is_empty() {
            context.print(inert(&format!("  services that {verb}: {}", services.join(", "))));
            touched = true;
        }
    }
    if !touched {
        context.print("  no service restarts");
    }
    for problem in tried.report["problems"].as_array().into_iter().flatten() {
        context.print(inert(&format!("  problem: {}", problem.as_str().unwrap_or_default())));
    }
    context.print("  undo: `ringfort undo` puts every file and the package database back");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_patched_only_when_asked_for() {
        let command = args(Command::new("patch"));
        assert!(command.clone().try_get_matches_from(["patch"]).is_err());
        assert!(command.clone().try_get_matches_from(["patch", "--all"]).is_ok());
        assert!(command.try_get_matches_from(["patch", "rsync", "--dry-run"]).is_ok());
    }
}
