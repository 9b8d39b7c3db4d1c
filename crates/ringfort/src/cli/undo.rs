//! Takes an action back.
//!
//! `ringfort undo` lists what can be taken back; `ringfort undo ID` (its first digits are enough)
//! puts back every file that the action changed (content, owner, mode, times, attributes) and the
//! package database. What somebody else changed since is kept aside and named. It works with the
//! kill switch pulled; it needs your signature.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;
use spine::{ActionState, ApprovalWindow, Author};

use crate::agent::executor;
use crate::approving;
use crate::client::{Client, unexpected};
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, Outcome};
use crate::protocol::{ActionSummary, Reply, Request};
use crate::rim::time_text;
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb =
    Verb { name: "undo", about: "Take an action back", hidden: false, args, run };

fn args(command: Command) -> Command {
    command
        .arg(Arg::new("id").help("The action (its first digits are enough)"))
        .arg(
            Arg::new("last")
                .long("last")
                .action(ArgAction::SetTrue)
                .conflicts_with("id")
                .help("The newest action that can be taken back"),
        )
        .arg(
            Arg::new("yes")
                .long("yes")
                .action(ArgAction::SetTrue)
                .help("Do not ask; it is still signed with your key"),
        )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let mut client = Client::connect(context)?;
    let actions = match client.ask(&Request::Actions, &mut |_| ())? {
        Reply::Actions { actions } => actions,
        other => return Err(unexpected(&other)),
    };
    let undoable: Vec<ActionSummary> = actions.into_iter().filter(|a| a.undoable).collect();
    let wanted = matches.get_one::<String>("id");
    if wanted.is_none() && !matches.get_flag("last") {
        return list(context, &undoable);
    }
    let help = "`ringfort undo` lists what can be taken back";
    let mut fitting = undoable.iter().filter(|action| match wanted {
        Some(prefix) => action.id.to_string().starts_with(prefix.as_str()),
        None => true,
    });
    let action = fitting.next().ok_or_else(|| Failure::usage("there is no such action", help))?;
    if wanted.is_some() && fitting.next().is_some() {
        return Err(Failure::usage("several actions begin like this", help));
    }
    let standing = client.standing()?;
    let step = ("roll_back", json!({ "action": action.id }));
    let root = std::path::Path::new(&action.root);
    let purpose = format!("take back action {}", action.id);
    let mut plan = executor::plan(standing.host, root, &purpose, step);
    plan.author = Author::Human;
    context.progress(line(action));
    if !approving::confirm("Take this back?", matches.get_flag("yes"))? {
        context.progress("nothing was changed");
        return Ok(Exit::Done);
    }
    let approval = approving::sign(&standing, &plan, ApprovalWindow::Now, false)?;
    let (_, outcome, details) = approving::run(context, &mut client, &plan, vec![approval])?;
    if context.json {
        context.print_json(&json!({
            "state": outcome.state, "message": outcome.message, "details": details,
        }))?;
    } else {
        context.print(inert(&outcome.message));
        for (what, list) in [("kept aside", &details["kept"]), ("remains", &details["remains"])] {
            for entry in list.as_array().into_iter().flatten() {
                let entry = entry.as_str().unwrap_or_default();
                context.print(inert(&format!("  {what}: {entry}")));
            }
        }
    }
    if outcome.state == ActionState::Done {
        Ok(Exit::Done)
    } else {
        Err(Failure::new("it was not taken back whole", "the remains are named above"))
    }
}

fn list(context: &Context, actions: &[ActionSummary]) -> Outcome {
    for action in actions {
        if context.json {
            context.print_json(action)?;
        } else {
            context.print(line(action));
        }
    }
    if actions.is_empty() {
        context.progress("there is nothing to take back");
    }
    Ok(Exit::Done)
}

fn line(action: &ActionSummary) -> String {
    let types: Vec<&str> = action.types.iter().map(|t| t.name()).collect();
    let when = time_text(action.started_ms);
    inert(&format!("{}  {when}  {} on {}", action.id, types.join(", "), action.root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_name_it_only_lists() {
        let matches = args(Command::new("undo")).try_get_matches_from(["undo"]).unwrap();
        assert!(matches.get_one::<String>("id").is_none() && !matches.get_flag("last"));
    }
}
