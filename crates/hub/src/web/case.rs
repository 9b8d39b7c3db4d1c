//! One case: what happened, what it means, the evidence, the proposed fix, what trying it showed,
//! what it costs, and the way back.

use maud::{Markup, html};
use spine::{Case, CaseEvent, CaseId, Finding, FindingKind, Plan};
use store::{HostRecord, Overview as _, State as _};

use super::{Act, Ask, File, Next, Oops, Page, View};
use crate::db::{Comment, Proposal};
use crate::jobs::End;
use crate::look::foreign::{Foreign, plain, reference};
use crate::look::parts::{self, button, field};
use crate::look::{plan as shown, words};
use crate::role::Role;
use crate::web::registry::behaviour::deviation;
use crate::{containing, evidence, limits};

/// The page.
pub const PAGE: Page = Page {
    path: "/cases/{id}",
    title: "Case",
    nav: None,
    sees: Some(Role::Viewer),
    view,
    acts: &[
        Act { path: "/cases/{id}/comment", needs: Some(Role::Viewer), run: comment },
        Act { path: "/cases/{id}/take", needs: Some(Role::Viewer), run: take },
        Act { path: "/cases/{id}/dismiss", needs: Some(Role::Approver), run: dismiss },
        Act { path: "/cases/{id}/accept", needs: Some(Role::Approver), run: accept },
        Act { path: "/cases/{id}/real", needs: Some(Role::Approver), run: real },
        Act { path: "/cases/{id}/reopen", needs: Some(Role::Approver), run: reopen },
        Act { path: "/cases/{id}/prepare", needs: Some(Role::Approver), run: prepare },
        Act { path: "/cases/{id}/evidence", needs: Some(Role::Viewer), run: evidence_bundle },
    ],
};

/// The kind of cases that are about behaviour.
pub const BEHAVIOUR: &str = "behaviour";
/// The kind of cases about models that were vetted.
const MODEL: &str = "model";
/// Findings that are shown in full.
const FINDINGS_SHOWN: usize = 30;
/// Standard ids that are shown.
const IDS_SHOWN: usize = 60;

/// Everything that is known of a case.
pub struct Known {
    /// The case.
    pub case: Case,
    /// Its machine.
    pub host: Option<HostRecord>,
    /// Its findings, as far as they are still there.
    pub findings: Vec<Finding>,
    /// What the detectors say of it, if it is theirs.
    pub detected: Option<serde_json::Value>,
    /// What was last seen to run on its machine.
    pub live: Option<serde_json::Value>,
    /// The newest proposed fix, with its plan.
    pub proposal: Option<(Proposal, Plan)>,
    /// The newest containment that was prepared, with its plan.
    pub containment: Option<(Proposal, Plan)>,
}

type Planned = Option<(Proposal, Plan)>;

/// Reads a case with everything around it.
pub fn known(ask: &Ask<'_>, id: CaseId) -> Result<Known, Oops> {
    let proposals = ask.hub.db.proposals(&id)?;
    let known = ask.hub.state(|state| {
        let Some(case) = state.case(&id)? else { return Ok(None) };
        let mut findings = Vec::new();
        for finding in case.findings.iter().take(FINDINGS_SHOWN) {
            findings.extend(state.finding(*finding)?);
        }
        let detected = match case.kind.as_str() {
            BEHAVIOUR => state.get_doc("detected", &case.subject)?,
            _ => None,
        };
        let (proposal, containment) = newest(state, proposals)?;
        Ok(Some(Known {
            host: state.host(case.host)?,
            live: state.get_doc("live", &case.host.to_string())?,
            case,
            findings,
            detected,
            proposal,
            containment,
        }))
    })?;
    known.ok_or(Oops::NotFound("case"))
}

/// The newest fix and the newest containment among the plans that were made for a case.
fn newest(
    state: &store::SqliteState,
    proposals: Vec<Proposal>,
) -> Result<(Planned, Planned), store::StateError> {
    let (mut fix, mut containment) = (None, None);
    for proposal in proposals {
        let Some(plan) = state.plan(&proposal.plan)? else { continue };
        let slot = if containing::contains(&plan) { &mut containment } else { &mut fix };
        slot.get_or_insert((proposal, plan));
    }
    Ok((fix, containment))
}

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let known = known(ask, ask.id("id", "case")?)?;
    let case = &known.case;
    let machine = known.host.as_ref().map_or("an unknown machine", |host| host.name.as_str());
    let body = html! {
        p.crumbs { a href="/cases" { "Cases" } }
        h1 { (Foreign(&case.title)) }
        p.lead { (parts::when_tag(case.priority)) " " (words::when_long(case.priority)) }
        p.meta { "On " a href={ "/machines/" (case.host) } { (Foreign(machine)) }
            " · " (words::state(case.state)) " · first seen " (parts::time(case.created_ms, ask.now_ms))
            @if let Some(owner) = &case.owner { " · looked after by " (Foreign(owner)) } }
        @if case.state.is_open() {
            p.actions {
                a.button href={ "/cases/" (case.id) "/night" } { "It is 3 a.m.: what do I do?" }
            }
        }
        section { h2 { "What happened" } ul.plainly {
            @for line in &case.explanation { li { (Foreign(line)) } }
        } }
        @if let Some(detected) = &known.detected {
            section { h2 { "How unlike it is" } (deviation(detected)) }
        }
        section { h2 { "Proposed fix" } (proposed(ask, &known)) }
        section { h2 { "Evidence" } (shown_evidence(&known)) }
        section #talk { h2 { "Comments" } (talk(ask, case)?) }
        section #papers { h2 { "To hand on" } (papers(ask, case)) }
        (aside(ask, case))
    };
    Ok(View::new(plain(&case.title), body))
}

/// A model has no other version that is known to be good: what helps is that nobody loads it.
fn moved_away(ask: &Ask<'_>, known: &Known) -> Markup {
    html! {
        p { "ringfort can move the file away and keep it whole. That is tried first, and nothing is \
            done until somebody signs; it can be put back." }
        @match &known.containment {
            Some((proposal, _)) => {
                p.actions {
                    a.button.main href={ "/plans/" (proposal.plan) } { "Look closer and approve" }
                }
            }
            None if ask.may(Role::Approver) => {
                (button(ask, &format!("/cases/{}/contain", known.case.id), "main",
                    "Make a plan to move it away"))
            }
            None => {}
        }
    }
}

fn proposed(ask: &Ask<'_>, known: &Known) -> Markup {
    let case = &known.case;
    let prepare = |text: &str| button(ask, &format!("/cases/{}/prepare", case.id), "main", text);
    match &known.proposal {
        Some((proposal, plan)) => html! {
            div.card {
                h3 { (Foreign(&words::sentence(&plan.purpose))) }
                (shown::steps(plan))
                h3 { "What trying it on a copy showed" } (shown::dry_run(plan, proposal))
                h3 { "What you will notice" } (shown::consequences(plan, proposal))
                h3 { "The way back" } (shown::undo(plan))
                h3 { "What the rules say" } (shown::decision(proposal))
                p.actions {
                    a.button.main href={ "/plans/" (proposal.plan) } { "Look closer and approve" }
                }
            }
            @if ask.may(Role::Approver) && case.state.is_open() {
                p.small { "Made " (parts::time(proposal.made_ms, ask.now_ms)) "." }
                (button(ask, &format!("/cases/{}/prepare", case.id), "plain", "Make it again"))
            }
        },
        None if !case.state.is_open() => html! { p { "None is needed." } },
        None if case.kind == MODEL => moved_away(ask, known),
        None if case.kind != "patch" => html! {
            p { "ringfort has no fix of its own for this kind of case." }
        },
        None => html! {
            p { "None is made yet. ringfort can make one and try it on a copy of the machine. \
                That changes nothing; it takes a few minutes." }
            @if ask.may(Role::Approver) { (prepare("Make a fix and try it on a copy")) }
        },
    }
}

fn shown_evidence(known: &Known) -> Markup {
    let missing = known.case.findings.len().saturating_sub(known.findings.len());
    let ids = &known.case.ids;
    html! {
        @if known.findings.is_empty() { p { "The findings are gone; a new scan replaced them." } }
        @for finding in &known.findings {
            div.card {
                p { strong { (subject(finding)) } " "
                    (parts::tag(class(finding), words::status(finding.status))) }
                ul.plainly {
                    @for item in &finding.evidence {
                        li { (Foreign(&item.text))
                            span.from { " — " (words::origin(item.origin))
                                @if let Some(text) = &item.reference { ", " (reference(text)) } }
                        }
                    }
                }
            }
        }
        @if missing > 0 && !known.findings.is_empty() { p { "and " (missing) " more findings" } }
        @if !ids.is_empty() {
            details {
                summary { (words::count(ids.len() as u64, "public id", "public ids")) }
                p.ids { @for id in ids.iter().take(IDS_SHOWN) { code { (Foreign(id)) } " " }
                    @if ids.len() > IDS_SHOWN { "and " (ids.len() - IDS_SHOWN) " more" } }
            }
        }
    }
}

fn class(finding: &Finding) -> &'static str {
    match finding.status {
        spine::Status::Affected => "soon",
        spine::Status::NotAffected | spine::Status::Fixed => "ok",
        spine::Status::Unknown => "unknown",
    }
}

fn subject(finding: &Finding) -> Markup {
    match &finding.kind {
        FindingKind::VulnerablePackage { package, fixed } => html! {
            (Foreign(&package.name)) " " (Foreign(&package.version))
            @if let Some(fixed) = fixed { " → " (Foreign(fixed)) }
        },
        FindingKind::Configuration { check, subject } => html! {
            (Foreign(check)) ": " (Foreign(subject))
        },
        FindingKind::Behaviour { what, .. } => html! { (Foreign(what)) },
        FindingKind::Model { path, format, .. } => {
            html! { (Foreign(path)) " (" (Foreign(format)) ")" }
        }
        FindingKind::NotUnderstood { subject } => html! { (Foreign(subject)) },
        _ => html! { "something that this version does not know" },
    }
}

fn talk(ask: &Ask<'_>, case: &Case) -> Result<Markup, Oops> {
    let comments = ask.hub.db.comments(&case.id)?;
    let most = limits::COMMENT_CHARS_MAX;
    Ok(html! {
        @if comments.is_empty() { p { "Nobody said anything yet." } }
        ul.talk { @for comment in &comments {
            li { p.row-meta { strong { (Foreign(&comment.user)) } " · "
                    (parts::time(comment.time_ms, ask.now_ms)) }
                p { (Foreign(&comment.text)) } }
        } }
        (parts::form(ask, &format!("/cases/{}/comment", case.id), html! {
            (field("text", "Say something to the others", "", html! {
                textarea #text name="text" rows="3" maxlength=(most) required {}
            }))
            button.button { "Comment" }
        }))
    })
}

/// What somebody else may ask for: the evidence, the course of things, drafts of notices.
fn papers(ask: &Ask<'_>, case: &Case) -> Markup {
    html! {
        div.choices {
            div { (button(ask, &format!("/cases/{}/evidence", case.id), "plain",
                    "Evidence bundle (zip)"))
                p.hint { "Everything that is known of it, with a hash of every file and proofs \
                    from the record." } }
            div { p { a href={ "/cases/" (case.id) "/timeline" } { "Timeline to print" } }
                p { a href={ "/cases/" (case.id) "/notices" } { "Drafts of notices" } }
                p.hint { "Drafts are never sent from here." } }
        }
    }
}

fn aside(ask: &Ask<'_>, case: &Case) -> Markup {
    let act =
        |name: &str, text: &str| button(ask, &format!("/cases/{}/{name}", case.id), "plain", text);
    html! {
        section { h2 { "Or" }
            div.choices {
                @if case.state.is_open() && case.owner.is_none() {
                    div { (act("take", "I look after this")) p.hint { "The others see your name." } }
                }
                @if ask.may(Role::Approver) && case.state.is_open() && case.kind == BEHAVIOUR {
                    div { (act("real", "It was real, and is dealt with"))
                        p.hint { "Nothing of it is ever learned as normal." } }
                    div { (act("dismiss", "It was nothing"))
                        p.hint { "A false alarm. It counts against the detectors, and \
                            what was seen is learned after all." } }
                    div { (act("accept", "It was meant to be"))
                        p.hint { "Expected, and will come again: it is normal from now on." } }
                } @else if ask.may(Role::Approver) && case.state.is_open() {
                    div { (act("dismiss", "It is no problem"))
                        p.hint { "Set aside. It comes back if it is found in another form." } }
                    div { (act("accept", "Accept the risk"))
                        p.hint { "Set aside knowingly. The monthly page names it." } }
                } @else if ask.may(Role::Approver) {
                    div { (act("reopen", "Open it again")) }
                }
            }
        }
    }
}

fn comment(ask: &Ask<'_>) -> Result<Next, Oops> {
    let id: CaseId = ask.id("id", "case")?;
    known(ask, id)?;
    let text = ask.text("text", "The comment", limits::COMMENT_CHARS_MAX)?;
    let user = ask.viewer()?.name.clone();
    ask.hub.db.add_comment(&id, &Comment { user, time_ms: ask.now_ms, text })?;
    Ok(Next::See(format!("/cases/{id}#talk")))
}

fn take(ask: &Ask<'_>) -> Result<Next, Oops> {
    let id: CaseId = ask.id("id", "case")?;
    let name = ask.viewer()?.name.clone();
    let mut watch = ask.hub.db.watch(&id)?.unwrap_or_default();
    watch.taken_ms = Some(ask.now_ms);
    watch.taken_by = Some(name.clone());
    change(ask, &format!("looks after case {}", id.short()), |case| {
        case.owner = Some(name.clone());
        case.updated_ms = ask.now_ms;
        Ok(())
    })?;
    ask.hub.db.put_watch(&id, &watch)?;
    Ok(Next::See(format!("/cases/{id}")))
}

fn dismiss(ask: &Ask<'_>) -> Result<Next, Oops> {
    step(ask, CaseEvent::Dismiss, "set aside as no problem")
}

fn accept(ask: &Ask<'_>) -> Result<Next, Oops> {
    step(ask, CaseEvent::Accept, "accepted the risk of")
}

fn real(ask: &Ask<'_>) -> Result<Next, Oops> {
    let known = known(ask, ask.id("id", "case")?)?;
    if known.case.kind != BEHAVIOUR {
        return Err(Oops::Conflict("That is said of cases of behaviour only.".into()));
    }
    step(ask, CaseEvent::Confirm, "said that this was real and is dealt with:")
}

fn reopen(ask: &Ask<'_>) -> Result<Next, Oops> {
    step(ask, CaseEvent::Reopen, "opened again")
}

fn step(ask: &Ask<'_>, event: CaseEvent, what: &str) -> Result<Next, Oops> {
    let id: CaseId = ask.id("id", "case")?;
    change(ask, &format!("{what} case {}", id.short()), |case| {
        case.step(event, ask.now_ms)
            .map_err(|_| Oops::Conflict("The case stands elsewhere now; that does not fit.".into()))
    })?;
    Ok(Next::See(format!("/cases/{id}")))
}

/// Changes a case in one transaction, and notes who did.
pub fn change(
    ask: &Ask<'_>,
    what: &str,
    work: impl Fn(&mut Case) -> Result<(), Oops>,
) -> Result<(), Oops> {
    let id: CaseId = ask.id("id", "case")?;
    let mut refused = None;
    ask.hub.state(|state| {
        state.atomically(|state| {
            let Some(mut case) = state.case(&id)? else {
                refused = Some(Oops::NotFound("case"));
                return Ok(());
            };
            match work(&mut case) {
                Ok(()) => state.put_case(&case),
                Err(error) => {
                    refused = Some(error);
                    Ok(())
                }
            }
        })
    })?;
    refused.map_or_else(|| ask.note(what), Err)
}

fn evidence_bundle(ask: &Ask<'_>) -> Result<Next, Oops> {
    let id: CaseId = ask.id("id", "case")?;
    let bundle = evidence::of_case(ask.hub, id)?;
    ask.note(&format!("took the evidence of case {} away", id.short()))?;
    Ok(Next::Send(File {
        name: format!("ringfort-case-{}.zip", id.short()),
        kind: "application/zip",
        bytes: bundle.zip,
    }))
}

fn prepare(ask: &Ask<'_>) -> Result<Next, Oops> {
    let known = known(ask, ask.id("id", "case")?)?;
    let id = begin_preparing(ask, known.case)?;
    Ok(Next::See(format!("/jobs/{id}")))
}

/// Has a fix made and tried on a copy; returns the number of the job.
pub fn begin_preparing(ask: &Ask<'_>, case: Case) -> Result<u64, Oops> {
    if !case.state.is_open() || case.kind != "patch" {
        return Err(Oops::Conflict("There is nothing to prepare for this case.".into()));
    }
    let title = format!("Making a fix for {} and trying it on a copy", plain(&case.subject));
    let user = ask.viewer()?.name.clone();
    ask.note(&format!("had a fix made for case {}", case.id.short()))?;
    super::job::begin(ask, title, user, move |hub, say| {
        let next = format!("/cases/{}", case.id);
        let done = hub
            .executor
            .prepare(&case, say)
            .map_err(Oops::from)
            .and_then(|prepared| super::plan::keep(hub, Some(case.id), &prepared, []));
        match done {
            Ok(_) => End { good: true, text: "The fix is made and was tried.".into(), next },
            Err(error) => End { good: false, text: error.to_string(), next },
        }
    })
}
