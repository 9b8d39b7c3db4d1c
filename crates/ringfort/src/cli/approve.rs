//! Signs a plan that was made before, and runs it once enough people have signed.
//!
//! `ringfort approve PLAN` (its first digits are enough) signs with your key: for now (15
//! minutes), or with `--from` and `--until` for a maintenance window that ends within seven days.
//! `--break-glass` takes the decision of two people alone: it starts 30 minutes later, everybody
//! is told, and it lifts only lines that two people could lift.
//!
//! What is approved for later starts by itself while `ringfort up` runs, also after a restart. It
//! is tried on a copy again first if the last try is older than a day; it is void if the machine,
//! or what is offered for it, has changed; and a window that was missed is said and recorded.
//! `ringfort approve` alone lists what waits, `--withdraw` ends the waiting of a plan.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;
use spine::{Approval, ApprovalWindow, Clock as _, Plan};
use store::State as _;

use crate::agent::session::{Session, Wanted, open_state};
use crate::approving;
use crate::cli_support::said;
use crate::client::{Client, unexpected};
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::protocol::{Reply, Request, WaitingPlan};
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
        .arg(Arg::new("plan").help("The plan (its first digits are enough)"))
        .arg(
            Arg::new("withdraw")
                .long("withdraw")
                .action(ArgAction::SetTrue)
                .requires("plan")
                .conflicts_with_all(["from", "until", "break-glass"])
                .help("Let this plan wait no longer"),
        )
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
    let Some(prefix) = matches.get_one::<String>("plan") else { return list(context) };
    if matches.get_flag("withdraw") {
        return withdraw(context, prefix);
    }
    let state = open_state(&context.config.data_dir)?;
    let plan = state.plan_by_prefix(prefix).or_hint("the plan was not found", help)?;
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
    if valid.is_none_or(|(start_ms, _)| start_ms > SystemClock.now_ms()) {
        return hold(context, client, plan, approvals);
    }
    let wanted = Wanted { paths: Vec::new(), distribution: true, offline: true };
    let session = Session::run(context, std::path::Path::new(&plan.root), &wanted)?;
    super::patch::apply(context, client, &session, &plan, approvals)
}

/// Hands a plan over that starts by itself later.
fn hold(context: &Context, mut client: Client, plan: Plan, approvals: Vec<Approval>) -> Outcome {
    let alone = client.is_for_this_only();
    let request = Request::Hold { plan: Box::new(plan), approvals };
    match client.ask(&request, &mut |text| context.progress(text))? {
        Reply::Held { decision, opens_ms, closes_ms } => {
            if context.json {
                context.print_json(&json!({
                    "plan": decision.plan, "opens_ms": opens_ms, "closes_ms": closes_ms,
                }))?;
            } else {
                let (opens, closes) = (time_text(opens_ms), time_text(closes_ms));
                context.print(format!("signed; it starts by itself between {opens} and {closes}"));
                let short = decision.plan.short();
                context.print(format!("to call it off: ringfort approve --withdraw {short}"));
            }
            if alone {
                context.warn("`ringfort up` does not run here; it must, for the plan to start");
            }
            Ok(Exit::Done)
        }
        Reply::Decided { decision } => Err(approving::not_allowed(&decision)),
        other => Err(unexpected(&other)),
    }
}

fn waiting(context: &Context, client: &mut Client) -> Result<Vec<WaitingPlan>, Failure> {
    match client.ask(&Request::Waiting, &mut |text| context.progress(text))? {
        Reply::Waiting { plans } => Ok(plans),
        other => Err(unexpected(&other)),
    }
}

fn list(context: &Context) -> Outcome {
    let plans = waiting(context, &mut Client::connect(context)?)?;
    for plan in &plans {
        if context.json {
            context.print_json(plan)?;
            continue;
        }
        let (opens, closes) = (time_text(plan.opens_ms), time_text(plan.closes_ms));
        let (short, purpose, root) = (plan.plan.short(), &plan.purpose, &plan.root);
        context.print(inert(&format!("{short}  {opens} to {closes}  {purpose} (on {root})")));
        if let Some(why) = &plan.last_try {
            context.print(inert(&format!("  the last start did not come about: {why}")));
        }
    }
    if plans.is_empty() {
        context.progress("no plan waits for a later time");
    }
    Ok(Exit::Done)
}

fn withdraw(context: &Context, prefix: &str) -> Outcome {
    let help = "`ringfort approve` lists what waits";
    let mut client = Client::connect(context)?;
    let plans = waiting(context, &mut client)?;
    let mut fitting = plans.iter().filter(|plan| plan.plan.to_string().starts_with(prefix));
    let plan = fitting.next().ok_or_else(|| Failure::usage("no such plan waits", help))?.plan;
    if fitting.next().is_some() {
        return Err(Failure::usage("several plans begin like this", help));
    }
    let reply = client.ask(&Request::Withdraw { plan }, &mut |text| context.progress(text))?;
    said(context, reply)
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
        for wrong in [
            vec!["approve", "ab", "--from", "2026-11-24T02:00Z"],
            vec!["approve", "--withdraw"],
            vec!["approve", "ab", "--withdraw", "--break-glass"],
        ] {
            assert!(args(Command::new("approve")).try_get_matches_from(wrong).is_err());
        }
    }
}
