//! One plan, exactly: what is approved here is this and nothing else.

use maud::{Markup, html};
use spine::{Approval, ApprovalWindow, CaseId, Plan, PlanHash, Verdict};
use store::State as _;

use super::{Act, Ask, Next, Oops, Page, View};
use crate::db::Proposal;
use crate::executor::{Prepared, Ran, Standing};
use crate::hub::Hub;
use crate::jobs::End;
use crate::look::foreign::{Foreign, plain};
use crate::look::{parts, plan as shown, words};
use crate::role::Role;
use crate::{approving, schedule};

/// The page.
pub const PAGE: Page = Page {
    path: "/plans/{hash}",
    title: "Plan",
    nav: None,
    sees: Some(Role::Viewer),
    view,
    acts: &[Act { path: "/plans/{hash}/approve", needs: Some(Role::Approver), run: approve }],
};

/// Reads a plan that was made on this page.
pub fn known(ask: &Ask<'_>) -> Result<(Plan, Proposal, Vec<Approval>), Oops> {
    let hash: PlanHash = ask.id("hash", "plan")?;
    let (plan, approvals) =
        ask.hub.state(|state| Ok((state.plan(&hash)?, state.approvals_for(&hash)?)))?;
    let plan = plan.ok_or(Oops::NotFound("plan"))?;
    let none = || Proposal {
        plan: hash,
        case: plan.case,
        made_ms: plan.created_ms,
        dry_run: serde_json::Value::Null,
    };
    let proposal = ask.hub.db.proposal(&hash)?.unwrap_or_else(none);
    Ok((plan, proposal, approvals))
}

/// Keeps a plan that was prepared, with what its dry run showed and what the rules say of it.
pub fn keep(hub: &Hub, case: Option<CaseId>, prepared: &Prepared) -> Result<PlanHash, Oops> {
    let decision = hub.executor.decide(&prepared.plan, &[]).ok();
    let plan = hub.state(|state| state.put_plan(&prepared.plan))?;
    let dry_run = serde_json::json!({ "report": prepared.dry_run, "decision": decision });
    hub.db.put_proposal(&Proposal { plan, case, made_ms: hub.clock.now_ms(), dry_run })?;
    Ok(plan)
}

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let (plan, proposal, approvals) = known(ask)?;
    let body = html! {
        p.crumbs {
            @if let Some(case) = proposal.case { a href={ "/cases/" (case) } { "The case" } }
            @else { a href="/records" { "Records" } }
        }
        h1 { (Foreign(&words::sentence(&plan.purpose))) }
        p.meta { "Plan " code { (proposal.plan.short()) } ", made "
            (parts::time(plan.created_ms, ask.now_ms)) ", for " code { (Foreign(&plan.root)) } }
        section { h2 { "What would be done" } (shown::steps(&plan)) }
        section { h2 { "What trying it on a copy showed" } (shown::dry_run(&proposal)) }
        section { h2 { "What you will notice" } (shown::consequences(&proposal)) }
        section { h2 { "The way back" } (shown::undo(&plan)) }
        section { h2 { "What the rules say" } (shown::decision(&proposal)) (signed(ask, &approvals)) }
        section #approve { h2 { "Approve" } (approve_part(ask, &plan, &proposal)?) }
        details { summary { "For engineers: the plan as it is signed" }
            p.small { "SHA-256 of its canonical form: " code { (proposal.plan) } }
            pre.command tabindex="0" {
                (Foreign(&serde_json::to_string_pretty(&plan).unwrap_or_default()))
            }
        }
    };
    Ok(View::new(plain(&plan.purpose), body))
}

fn signed(ask: &Ask<'_>, approvals: &[Approval]) -> Markup {
    let standing = ask.hub.standing();
    let person = |approval: &Approval| {
        let keys = standing.as_ref().as_ref().map(|standing| standing.keys.as_slice());
        let key = keys.unwrap_or_default().iter().find(|key| key.id == approval.approver);
        key.map_or_else(|| "a key that is not enrolled".to_owned(), |key| key.person.clone())
    };
    html! {
        @if !approvals.is_empty() {
            p { "Signed by:" }
            ul { @for approval in approvals {
                li { (Foreign(&person(approval))) ", " (parts::time(approval.signed_ms, ask.now_ms)) }
            } }
        }
    }
}

fn approve_part(ask: &Ask<'_>, plan: &Plan, proposal: &Proposal) -> Result<Markup, Oops> {
    if !ask.may(Role::Approver) {
        return Ok(html! { p { "Your role on this page is to look and comment." } });
    }
    let standing = match approving::standing(ask.hub) {
        Ok(standing) => standing,
        Err(error) => return Ok(html! { p { (Foreign(&error.to_string())) } }),
    };
    let begun = ask.hub.executor.actions().unwrap_or_default();
    if let Some(action) = begun.iter().find(|action| action.plan == proposal.plan) {
        return Ok(html! {
            p { "It was carried out " (parts::time(action.started_ms, ask.now_ms)) " ("
                (words::action(&action.state)) "). Exactly this plan is never carried out again. "
                a href={ "/undo/" (action.id) } { "How to take it back" } }
        });
    }
    if denied(proposal) {
        return Ok(html! { p { "No approval lifts what the rules say of this plan." } });
    }
    let keys = approving::own_keys(ask.hub, &ask.viewer()?.user, &standing)?;
    let Some(key) = keys.first() else { return Ok(no_key(&standing)) };
    let action = format!("/plans/{}/approve", proposal.plan);
    let form = |window, text: &str| {
        let draft = approving::draft(ask.hub, plan, key, window, ask.now_ms)?;
        approving::approval_form(ask, &action, &draft, key, text)
    };
    let window = schedule::of(ask.hub, ask.now_ms)?;
    Ok(html! {
        p { "You sign exactly this plan, for 15 minutes from now. The machine checks your \
            signature itself; nobody who holds this page can make it." }
        (form(ApprovalWindow::Now, "Approve and carry out")?)
        @if let Some(window @ ApprovalWindow::Scheduled { not_before_ms, .. }) = window {
            p { "Or for the maintenance window that begins " (parts::at(not_before_ms)) ":" }
            (form(window, "Approve for the window")?)
        }
    })
}

fn denied(proposal: &Proposal) -> bool {
    let decision = proposal.dry_run.get("decision").cloned().unwrap_or_default();
    serde_json::from_value::<spine::Decision>(decision)
        .is_ok_and(|decision| decision.verdict == Verdict::Deny)
}

fn no_key(standing: &Standing) -> Markup {
    html! {
        p { "You have no passkey that this machine takes. "
            a href="/people#passkeys" { "Make one" } @if standing.keys.is_empty() {
                "; it will be the first." } @else { "." } }
    }
}

fn approve(ask: &Ask<'_>) -> Result<Next, Oops> {
    let (plan, proposal, _) = known(ask)?;
    let viewer = ask.viewer()?;
    let approval = approving::signed(ask, &plan)?;
    let standing = approving::standing(ask.hub)?;
    let own = approving::own_keys(ask.hub, &viewer.user, &standing)?;
    if !own.iter().any(|key| key.id == approval.approver) {
        return Err(Oops::Forbidden("This is not your passkey.".into()));
    }
    let id = hand_in(ask, plan, proposal, &approval)?;
    Ok(Next::See(format!("/jobs/{id}")))
}

/// Keeps a signature and has the plan carried out if the signatures suffice; returns the number of
/// the job. What the signature is worth, the executor says.
pub fn hand_in(
    ask: &Ask<'_>,
    plan: Plan,
    proposal: Proposal,
    approval: &Approval,
) -> Result<u64, Oops> {
    let approvals = ask.hub.state(|state| {
        state.put_approval(approval)?;
        state.approvals_for(&proposal.plan)
    })?;
    ask.note(&format!("signed plan {}", proposal.plan.short()))?;
    begin_running(ask, plan, proposal, approvals)
}

/// Has a plan carried out; returns the number of the job.
fn begin_running(
    ask: &Ask<'_>,
    plan: Plan,
    proposal: Proposal,
    approvals: Vec<Approval>,
) -> Result<u64, Oops> {
    let title = format!("Carrying out: {}", plain(&plan.purpose));
    let user = ask.viewer()?.name.clone();
    super::job::begin(ask, title, user, move |hub, say| {
        let here = format!("/plans/{}", proposal.plan);
        let good = proposal.case.map_or_else(|| "/records".to_owned(), |id| format!("/cases/{id}"));
        if approvals.iter().all(|approval| is_ahead(approval, hub.clock.now_ms())) {
            let text = "Signed. It is carried out when its window opens.".to_owned();
            return End { good: true, text, next: good };
        }
        match hub.executor.carry_out(&plan, &approvals, say) {
            Ok(Ran::Ended { done: true, message, .. }) => {
                End { good: true, text: message, next: good }
            }
            Ok(Ran::Ended { message, .. }) => {
                let text = format!("It was not applied: {message}. What was begun was taken back.");
                End { good: false, text, next: here }
            }
            Ok(Ran::NotAllowed(decision)) => {
                let why = decision.reasons.join(" ");
                let text = match decision.verdict {
                    Verdict::NeedsApproval { humans } => {
                        format!("Signed. It runs once {humans} different people have signed. {why}")
                    }
                    _ => format!("Not allowed. {why}"),
                };
                End { good: false, text, next: here }
            }
            Err(away) => End { good: false, text: away.to_string(), next: here },
        }
    })
}

/// Whether an approval is for a window that is not open yet.
fn is_ahead(approval: &Approval, now_ms: i64) -> bool {
    approval.validity_ms().is_some_and(|(start_ms, _)| start_ms > now_ms)
}
