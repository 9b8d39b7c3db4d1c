//! Signs a plan that was made before, and runs it once enough people have signed.
//!
//! `ringfort approve PLAN` (its first digits are enough) signs with your key: for now (15
//! minutes), or with `--from` and `--until` for a maintenance window that ends within seven days.
//! `--break-glass` takes the decision of two people alone: it starts 30 minutes later, everybody
//! is told, and it lifts only lines that two people could lift.

use clap::{Arg, ArgAction, ArgMatches, Command};
use spine::{ApprovalWindow, Clock as _};
use store::State as _;

use crate::agent::session::{Session, Wanted, open_state};
use crate::approving;
use crate::context::{Context, inert};
use crate::exec::client::Client;
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::rim::{SystemClock, time_text};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "approve",
    about: "Sign a plan, and run it once enough people have signed",
    hidden: false,
    args,
    run,
};

fn args(command: Command) -> Command {
    let time = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("TIME").help(help)
    };
    command
        .arg(Arg::new("plan").required(true).help("The plan (its first digits are enough)"))
        .arg(time("from", "Start of the window, such as 2026-11-24T02:00Z").requires("until"))
        .arg(time("until", "End of the window, within seven days").requires("from"))
        .arg(
            Arg::new("break-glass")
                .long("break-glass")
                .action(ArgAction::SetTrue)
                .help("Decide alone what two should decide; starts 30 minutes later"),
        )
        .arg(Arg::new("yes").long("yes").action(ArgAction::SetTrue).help("Do not ask"))
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let help = "`ringfort patch --dry-run NAME` makes a plan and prints its first digits";
    let prefix = matches.get_one::<String>("plan").cloned().unwrap_or_default();
    let state = open_state(&context.config.data_dir)?;
    let plan = state.plan_by_prefix(&prefix).or_hint("the plan was not found", help)?;
    let window = window(matches)?;
    let mut client = Client::connect(context)?;
    let standing = client.standing()?;
    context.print(inert(&format!("{} (on {})", plan.purpose, plan.root)));
    if !approving::confirm("Sign this?", matches.get_flag("yes"))? {
        return Ok(Exit::Done);
    }
    let break_glass = matches.get_flag("break-glass");
    let approval = approving::sign(&standing, &plan, window, break_glass)?;
    let valid = approval.validity_ms();
    state.put_approval(&approval).or_hint("the signature cannot be kept", "check the disk")?;
    let hash = plan.hash().or_hint("the plan has no hash", help)?;
    let approvals = state.approvals_for(&hash).or_hint("the signatures do not read", help)?;
    if let Some((start_ms, _)) = valid.filter(|(start_ms, _)| *start_ms > SystemClock.now_ms()) {
        context.print(format!("signed; it can start at {}", time_text(start_ms)));
        return Ok(Exit::Done);
    }
    let wanted = Wanted { paths: Vec::new(), distribution: true, offline: true };
    let session = Session::run(context, std::path::Path::new(&plan.root), &wanted)?;
    super::patch::apply(context, client, &session, &plan, approvals)
}

fn window(matches: &ArgMatches) -> Result<ApprovalWindow, Failure> {
    let help = "write times as 2026-11-24T02:00Z";
    let time = |name: &str| {
        matches
            .get_one::<String>(name)
            .map(|text| text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond))
            .transpose()
            .map_err(|error| Failure::usage(format!("`--{name}`: {error}"), help))
    };
    Ok(match (time("from")?, time("until")?) {
        (Some(not_before_ms), Some(not_after_ms)) => {
            ApprovalWindow::Scheduled { not_before_ms, not_after_ms }
        }
        _ => ApprovalWindow::Now,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Result<ApprovalWindow, Failure> {
        window(&args(Command::new("approve")).try_get_matches_from(line).unwrap())
    }

    #[test]
    fn a_window_has_two_ends_and_reads_as_a_time() {
        assert_eq!(parsed(&["approve", "ab"]).unwrap(), ApprovalWindow::Now);
        let line = ["approve", "ab", "--from", "2026-11-24T02:00Z", "--until", "2026-11-24T04:00Z"];
        assert!(matches!(parsed(&line).unwrap(), ApprovalWindow::Scheduled { .. }));
        let line = ["approve", "ab", "--from", "tonight", "--until", "tomorrow"];
        assert!(parsed(&line).is_err());
        let half = ["approve", "ab", "--from", "2026-11-24T02:00Z"];
        assert!(args(Command::new("approve")).try_get_matches_from(half).is_err());
    }
}
