//! Asking a person, signing with their key, and running what they approved.

use std::io::{IsTerminal as _, Write as _};

use spine::{Approval, ApprovalWindow, Decision, Plan, Verdict};

use crate::client::{Client, unexpected};
use crate::context::Context;
use crate::failure::{Failure, OrHint as _};
use crate::keys;
use crate::protocol::{Reply, Request, Standing};
use crate::rim::{OsRng, SystemClock};

/// Asks a yes-or-no question at the terminal; `assume_yes` answers for scripts, which still have
/// to sign.
pub fn confirm(question: &str, assume_yes: bool) -> Result<bool, Failure> {
    if assume_yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "there is no terminal to ask at",
            "add `--yes` to go ahead; the plan is still signed with your key",
        ));
    }
    eprint!("{question} [y/N] ");
    let flushed = std::io::stderr().flush();
    let mut line = String::new();
    flushed
        .and_then(|()| std::io::stdin().read_line(&mut line))
        .or_hint("cannot read the answer", "run this at a terminal")?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// Signs a plan with a key that is enrolled with the executor.
pub fn sign(
    standing: &Standing,
    plan: &Plan,
    window: ApprovalWindow,
    break_glass: bool,
) -> Result<Approval, Failure> {
    let enrolled: Vec<_> = standing.keys.iter().map(|key| key.id).collect();
    if enrolled.is_empty() {
        return Err(Failure::new(
            "no key is enrolled on this machine, so nobody can approve",
            "run `ringfort keys init` to make the owner's key",
        ));
    }
    let signer = keys::find_signer(&enrolled)?;
    if !enrolled.contains(&keys::key_id(&signer.public())) {
        return Err(Failure::refused(
            "your key is not enrolled on this machine",
            "`ringfort keys list` shows which are",
        ));
    }
    let hash = plan.hash().or_hint("the plan has no hash", "make it again")?;
    signer.approve(hash, standing.host, window, break_glass, (&SystemClock, &OsRng))
}

/// Runs an approved plan.
pub fn run(
    context: &Context,
    client: &mut Client,
    plan: &Plan,
    approvals: Vec<Approval>,
) -> Result<(spine::ActionId, spine::OutcomeBody, serde_json::Value), Failure> {
    let request = Request::Run { plan: Box::new(plan.clone()), approvals };
    match client.ask(&request, &mut |text| context.progress(text))? {
        Reply::Ran { action, outcome, details, .. } => Ok((action, outcome, details)),
        Reply::Decided { decision } => Err(not_allowed(&decision)),
        other => Err(unexpected(&other)),
    }
}

/// Why the norms did not let a plan run, and what would.
pub fn not_allowed(decision: &Decision) -> Failure {
    let rules: Vec<_> = decision.rules.iter().map(ToString::to_string).collect();
    let why = format!("not allowed ({}): {}", rules.join(", "), decision.reasons.join("; "));
    match decision.verdict {
        Verdict::NeedsApproval { humans } => Failure::refused(
            why,
            format!(
                "{humans} different people must approve plan {}: `ringfort approve {}`",
                decision.plan.short(),
                decision.plan.short()
            ),
        ),
        _ => Failure::refused(why, "no approval lifts this; the decision is in the record"),
    }
}
