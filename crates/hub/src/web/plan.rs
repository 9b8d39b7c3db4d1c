//! One plan, exactly: what is approved here is this and nothing else.

use std::collections::BTreeSet;

use maud::{Markup, html};
use serde_json::Value;
use spine::limits::BREAK_GLASS_DELAY_MS;
use spine::{Approval, ApprovalWindow, CaseId, Decision, Plan, PlanHash, Verdict};
use store::State as _;

use super::{Act, Ask, Next, Oops, Page, View};
use crate::db::Proposal;
use crate::executor::{Held, Key, Prepared, Ran, Standing, Waits};
use crate::hub::Hub;
use crate::jobs::End;
use crate::look::foreign::{Foreign, plain};
use crate::look::{parts, plan as shown, words};
use crate::role::Role;
use crate::{approving, containing, schedule};

/// The page.
pub const PAGE: Page = Page {
    path: "/plans/{hash}",
    title: "Plan",
    nav: None,
    sees: Some(Role::Viewer),
    view,
    acts: &[
        Act { path: "/plans/{hash}/approve", needs: Some(Role::Approver), run: approve },
        Act { path: "/plans/{hash}/withdraw", needs: Some(Role::Viewer), run: withdraw },
    ],
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

/// Keeps a plan that was prepared, with what its dry run showed, what the rules say of it, and what
/// else there is to say.
pub fn keep<'a>(
    hub: &Hub,
    case: Option<CaseId>,
    prepared: &Prepared,
    more: impl IntoIterator<Item = (&'a str, Value)>,
) -> Result<PlanHash, Oops> {
    let decision = hub.executor.decide(&prepared.plan, &[]).ok();
    let plan = hub.state(|state| state.put_plan(&prepared.plan))?;
    let told = [("report", prepared.dry_run.clone()), ("decision", serde_json::json!(decision))];
    let told = told.into_iter().chain(more);
    let dry_run = Value::Object(told.map(|(name, value)| (name.to_owned(), value)).collect());
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
        section { h2 { "What trying it showed" } (shown::dry_run(&plan, &proposal)) }
        section { h2 { "What you will notice" } (shown::consequences(&plan, &proposal)) }
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
    if let Some(waits) = ask.hub.waiting().iter().find(|waits| waits.plan == proposal.plan) {
        return Ok(waiting(ask, waits));
    }
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
    let verdict = verdict(proposal);
    if verdict == Some(Verdict::Deny) {
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
        @if matches!(verdict, Some(Verdict::NeedsApproval { humans: 2.. })) {
            (glass(ask, plan, key, &standing)?)
        }
    })
}

/// Breaking the glass: what it is, whom it tells, and the form that begins it.
fn glass(ask: &Ask<'_>, plan: &Plan, key: &Key, standing: &Standing) -> Result<Markup, Oops> {
    let mut draft = approving::draft(ask.hub, plan, key, ApprovalWindow::Now, ask.now_ms)?;
    draft.break_glass = true;
    let action = format!("/plans/{}/approve", draft.plan);
    let people: BTreeSet<&str> = standing.keys.iter().map(|key| key.person.as_str()).collect();
    let delay = words::took(BREAK_GLASS_DELAY_MS);
    Ok(html! {
        details #glass { summary { "Nobody else can be reached: break the glass" }
            p { "You decide alone what two people should decide. It is for when waiting does more \
                harm than being wrong." }
            ul.plainly {
                li { "It begins " (delay) " after people were told, not at once." }
                li { "Told are " @for (index, person) in people.iter().enumerate() {
                        @if index > 0 { ", " } (Foreign(person)) }
                    " and the contacts that the machine itself keeps. Anybody of them can stop it \
                    until then." }
                li { "That you did it stays in the record." }
                li { "It lifts only what two people could lift; no person lifts the other lines." }
            }
            (approving::approval_form(ask, &action, &draft, key, "Break the glass")?)
        }
    })
}

/// A plan that waits, and how to call it off.
fn waiting(ask: &Ask<'_>, waits: &Waits) -> Markup {
    let path = format!("/plans/{}/withdraw", waits.plan);
    parts::note(
        if waits.break_glass { "now" } else { "planned" },
        if waits.break_glass { "One person broke the glass." } else { "It waits." },
        html! {
            p { "It begins by itself at " (parts::at(waits.opens_ms)) ", and not after "
                (parts::at(waits.closes_ms)) ". The machine itself keeps it; this page need not run." }
            @if let Some(why) = &waits.last_try {
                p { "The last start did not come about: " (Foreign(why)) } }
            (parts::button(ask, &path, "danger", "Call it off"))
        },
    )
}

fn withdraw(ask: &Ask<'_>) -> Result<Next, Oops> {
    let (_, proposal, _) = known(ask)?;
    call_off(ask, proposal.plan)?;
    Ok(Next::See(format!("/plans/{}#approve", proposal.plan)))
}

/// Lets a plan wait no longer. Like the stop switch it makes less happen, so it takes no signature.
pub fn call_off(ask: &Ask<'_>, plan: PlanHash) -> Result<String, Oops> {
    let done = ask.hub.executor.withdraw(plan)?;
    ask.hub.forget_standing();
    ask.note(&format!("called plan {} off", plan.short()))?;
    Ok(done)
}

/// What the rules said when the plan was made; `None` where they were not asked.
fn verdict(proposal: &Proposal) -> Option<Verdict> {
    let decision = proposal.dry_run.get("decision").cloned().unwrap_or_default();
    let decision = serde_json::from_value::<spine::Decision>(decision).ok()?;
    Some(decision.verdict)
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

/// Keeps a signature and has the plan carried out if the signatures suffice, now or at its time;
/// returns the number of the job. What the signature is worth, the executor says.
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
    let how = if approval.break_glass { "broke the glass for" } else { "signed" };
    ask.note(&format!("{how} plan {}", proposal.plan.short()))?;
    let title = format!("Carrying out: {}", plain(&plan.purpose));
    let user = ask.viewer()?.name.clone();
    let later = is_ahead(approval, ask.now_ms);
    super::job::begin(ask, title, user, move |hub, say| {
        if later {
            handed_over(hub, &plan, &proposal, &approvals)
        } else {
            carried_out(hub, &plan, &proposal, &approvals, say)
        }
    })
}

/// Where one goes when it went well.
fn onward(plan: &Plan, proposal: &Proposal) -> String {
    match proposal.case {
        Some(id) if containing::contains(plan) => format!("/cases/{id}/night"),
        Some(id) => format!("/cases/{id}"),
        None => "/records".to_owned(),
    }
}

fn carried_out(
    hub: &Hub,
    plan: &Plan,
    proposal: &Proposal,
    approvals: &[Approval],
    say: &mut dyn FnMut(&str),
) -> End {
    let here = format!("/plans/{}", proposal.plan);
    match hub.executor.carry_out(plan, approvals, say) {
        Ok(Ran::Ended { done: true, message, .. }) => {
            End { good: true, text: message, next: onward(plan, proposal) }
        }
        Ok(Ran::Ended { message, .. }) => {
            let text = format!("It was not applied: {message}. What was begun was taken back.");
            End { good: false, text, next: here }
        }
        Ok(Ran::NotAllowed(decision)) => End { good: false, text: missing(&decision), next: here },
        Err(away) => End { good: false, text: away.to_string(), next: here },
    }
}

/// Hands over what is approved for later: the machine keeps it, and starts it by itself.
fn handed_over(hub: &Hub, plan: &Plan, proposal: &Proposal, approvals: &[Approval]) -> End {
    let next = format!("/plans/{}#approve", proposal.plan);
    match hub.executor.hold(plan, approvals) {
        Ok(Held::Waits { opens_ms }) => {
            let text = format!("Signed. It begins by itself at {}.", words::time(opens_ms));
            End { good: true, text, next }
        }
        Ok(Held::NotAllowed(decision)) => End { good: false, text: missing(&decision), next },
        Err(away) => End { good: false, text: away.to_string(), next },
    }
}

/// What is missing for a plan to be allowed.
fn missing(decision: &Decision) -> String {
    let why = decision.reasons.join(" ");
    match decision.verdict {
        Verdict::NeedsApproval { humans } => {
            format!("Signed. It runs once {humans} different people have signed. {why}")
        }
        _ => format!("Not allowed. {why}"),
    }
}

/// Whether an approval is for a time that is not there yet.
fn is_ahead(approval: &Approval, now_ms: i64) -> bool {
    approval.validity_ms().is_some_and(|(start_ms, _)| start_ms > now_ms)
}
