//! The table of endpoints, and what each does.

use serde_json::{Value, json};
use spine::{Approval, CaseEvent, CaseId, HostId, Plan};
use store::{Overview as _, State as _};

use super::Endpoint;
use crate::db::{Comment, Proposal};
use crate::limits::{self, PAGE_ITEMS};
use crate::report::{month, timeline};
use crate::role::Role;
use crate::rules::{Lifts, RED_LINES};
use crate::web::registry::{case, night, notices as drafts, plan, report};
use crate::web::{Ask, Oops};
use crate::{jobs, record};

const FROM: (&str, &str) = ("from", "How many to leave out, for the next page");

/// Everything that can be asked.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: "GET",
        path: "/today",
        scope: "read",
        fields: &[],
        answer: "Today",
        summary: "How much there is of everything",
        run: today,
    },
    Endpoint {
        method: "GET",
        path: "/cases",
        scope: "read",
        answer: "Cases",
        run: cases,
        fields: &[FROM, ("show", "`settled`: those that are settled")],
        summary: "Cases, the most urgent first",
    },
    Endpoint {
        method: "GET",
        path: "/cases/{id}",
        scope: "read",
        fields: &[],
        answer: "CaseWhole",
        summary: "One case with findings, comments and proposals",
        run: one_case,
    },
    Endpoint {
        method: "POST",
        path: "/cases/{id}/comment",
        scope: "comment",
        answer: "Done",
        fields: &[("text", "The comment")],
        summary: "Comment on a case",
        run: comment,
    },
    Endpoint {
        method: "POST",
        path: "/cases/{id}/dismiss",
        scope: "triage",
        fields: &[],
        answer: "Case",
        summary: "Set a case aside as no problem",
        run: dismiss,
    },
    Endpoint {
        method: "POST",
        path: "/cases/{id}/accept",
        scope: "triage",
        fields: &[],
        answer: "Case",
        summary: "Accept the risk of a case",
        run: accept,
    },
    Endpoint {
        method: "POST",
        path: "/cases/{id}/reopen",
        scope: "triage",
        fields: &[],
        answer: "Case",
        summary: "Open a settled case again",
        run: reopen,
    },
    Endpoint {
        method: "POST",
        path: "/cases/{id}/prepare",
        scope: "propose",
        fields: &[],
        answer: "Job",
        summary: "Have a fix made and tried on a copy",
        run: prepare,
    },
    Endpoint {
        method: "POST",
        path: "/cases/{id}/contain",
        scope: "propose",
        fields: &[],
        answer: "Job",
        summary: "Have a containment made and tried; a person signs the plan that comes of it",
        run: contain,
    },
    Endpoint {
        method: "POST",
        path: "/cases/{id}/wait",
        scope: "triage",
        answer: "Done",
        fields: &[("reason", "Why, for the others"), ("hours", "1, 2, 4 or 8")],
        summary: "Put a case off",
        run: put_off,
    },
    Endpoint {
        method: "GET",
        path: "/cases/{id}/timeline",
        scope: "read",
        fields: &[],
        answer: "Timeline",
        summary: "One case in the order of time",
        run: one_timeline,
    },
    Endpoint {
        method: "GET",
        path: "/cases/{id}/notices",
        scope: "read",
        fields: &[],
        answer: "Notices",
        summary: "Drafts of legal notices; none is ever sent",
        run: notices,
    },
    Endpoint {
        method: "GET",
        path: "/reports/month",
        scope: "read",
        answer: "Monthly",
        fields: &[("month", "Such as `2026-11`; the one that runs where it is left out")],
        summary: "A month in numbers",
        run: month,
    },
    Endpoint {
        method: "GET",
        path: "/plans/{hash}",
        scope: "read",
        fields: &[],
        answer: "PlanWhole",
        summary: "One plan with its dry run and signatures",
        run: one_plan,
    },
    Endpoint {
        method: "POST",
        path: "/plans/{hash}/approvals",
        scope: "propose",
        answer: "Job",
        fields: &[("approval", "A signed approval, as `docs/spine.md` shows it")],
        run: approve,
        summary: "Hand in a signature and have the plan carried out if it suffices",
    },
    Endpoint {
        method: "POST",
        path: "/plans/{hash}/withdraw",
        scope: "propose",
        fields: &[],
        answer: "Done",
        summary: "Let a plan that was approved for later wait no longer",
        run: withdraw,
    },
    Endpoint {
        method: "GET",
        path: "/waiting",
        scope: "read",
        fields: &[],
        answer: "WaitingPlans",
        summary: "Plans that were approved for later, and wait",
        run: waiting,
    },
    Endpoint {
        method: "GET",
        path: "/jobs/{id}",
        scope: "read",
        fields: &[],
        answer: "Job",
        summary: "How far something is that runs",
        run: one_job,
    },
    Endpoint {
        method: "GET",
        path: "/machines",
        scope: "read",
        answer: "Machines",
        run: machines,
        fields: &[FROM, ("show", "`silent`: those that do not report")],
        summary: "Machines by name",
    },
    Endpoint {
        method: "GET",
        path: "/machines/{id}",
        scope: "read",
        fields: &[],
        answer: "Machine",
        summary: "One machine",
        run: one_machine,
    },
    Endpoint {
        method: "GET",
        path: "/software",
        scope: "read",
        answer: "Software",
        run: software,
        fields: &[FROM, ("q", "The beginning of the name")],
        summary: "Packages by name",
    },
    Endpoint {
        method: "GET",
        path: "/records",
        scope: "read",
        answer: "Records",
        run: records,
        fields: &[("before", "Only receipts before this number")],
        summary: "Receipts, the newest first",
    },
    Endpoint {
        method: "GET",
        path: "/actions",
        scope: "read",
        fields: &[],
        answer: "Actions",
        summary: "What was done on this machine",
        run: actions,
    },
    Endpoint {
        method: "POST",
        path: "/actions/{id}/undo",
        scope: "propose",
        fields: &[],
        answer: "Proposed",
        summary: "Make the plan that takes an action back",
        run: undo,
    },
    Endpoint {
        method: "GET",
        path: "/rules",
        scope: "read",
        fields: &[],
        answer: "Rules",
        summary: "The red lines in plain English",
        run: rules,
    },
    Endpoint {
        method: "POST",
        path: "/stop",
        scope: "stop",
        fields: &[("reason", "Why")],
        answer: "Done",
        summary: "Pull the stop switch",
        run: stop,
    },
];

fn today(ask: &Ask<'_>) -> Result<Value, Oops> {
    let counts = ask.hub.state(|state| state.counts(ask.now_ms - limits::SILENT_MS))?;
    let [defer, scheduled, out_of_cycle, immediate] = counts.open_by_rank;
    Ok(json!({
        "open": { "immediate": immediate, "out_of_cycle": out_of_cycle, "scheduled": scheduled,
            "defer": defer },
        "machines": counts.machines, "machines_silent": counts.machines_silent,
        "machines_doubtful": counts.machines_doubtful, "cases_by_state": counts.by_state,
    }))
}

fn cases(ask: &Ask<'_>) -> Result<Value, Oops> {
    let settled = ask.query.get("show").is_some_and(|show| show == "settled");
    let cases = ask.hub.state(|state| state.cases_page(None, !settled, ask.from(), PAGE_ITEMS))?;
    Ok(json!({ "cases": cases }))
}

fn one_case(ask: &Ask<'_>) -> Result<Value, Oops> {
    let known = case::known(ask, ask.id("id", "case")?)?;
    let comments: Vec<Value> = ask
        .hub
        .db
        .comments(&known.case.id)?
        .into_iter()
        .map(|c| json!({ "user": c.user, "time_ms": c.time_ms, "text": c.text }))
        .collect();
    let told = |planned: Option<(Proposal, Plan)>| {
        planned.map(|(proposal, plan)| {
            json!({ "hash": proposal.plan, "plan": plan, "made_ms": proposal.made_ms,
                "dry_run": proposal.dry_run })
        })
    };
    Ok(json!({
        "case": known.case, "findings": known.findings, "comments": comments,
        "proposal": told(known.proposal), "containment": told(known.containment),
    }))
}

fn comment(ask: &Ask<'_>) -> Result<Value, Oops> {
    let id: CaseId = ask.id("id", "case")?;
    case::known(ask, id)?;
    let text = ask.text("text", "The comment", limits::COMMENT_CHARS_MAX)?;
    let user = ask.viewer()?.name.clone();
    ask.hub.db.add_comment(&id, &Comment { user, time_ms: ask.now_ms, text })?;
    Ok(json!({ "done": "the comment is kept" }))
}

/// What a token may do is never more than what its person may.
fn needs(ask: &Ask<'_>, role: Role) -> Result<(), Oops> {
    if ask.may(role) {
        return Ok(());
    }
    Err(Oops::Forbidden(format!("Whoever made this token has not the role {role}.")))
}

fn step(ask: &Ask<'_>, event: CaseEvent, what: &str) -> Result<Value, Oops> {
    needs(ask, Role::Approver)?;
    let id: CaseId = ask.id("id", "case")?;
    case::change(ask, &format!("{what} case {}", id.short()), |case| {
        case.step(event, ask.now_ms)
            .map_err(|_| Oops::Conflict("The case stands elsewhere now; that does not fit.".into()))
    })?;
    Ok(json!(case::known(ask, id)?.case))
}

fn dismiss(ask: &Ask<'_>) -> Result<Value, Oops> {
    step(ask, CaseEvent::Dismiss, "set aside as no problem")
}

fn accept(ask: &Ask<'_>) -> Result<Value, Oops> {
    step(ask, CaseEvent::Accept, "accepted the risk of")
}

fn reopen(ask: &Ask<'_>) -> Result<Value, Oops> {
    step(ask, CaseEvent::Reopen, "opened again")
}

fn prepare(ask: &Ask<'_>) -> Result<Value, Oops> {
    needs(ask, Role::Approver)?;
    let known = case::known(ask, ask.id("id", "case")?)?;
    begun(ask, case::begin_preparing(ask, known.case)?)
}

fn contain(ask: &Ask<'_>) -> Result<Value, Oops> {
    needs(ask, Role::Approver)?;
    let known = case::known(ask, ask.id("id", "case")?)?;
    begun(ask, night::begin_containing(ask, &known)?)
}

fn put_off(ask: &Ask<'_>) -> Result<Value, Oops> {
    let id = night::put_off(ask)?;
    Ok(json!({ "done": format!("case {} is put off", id.short()) }))
}

fn one_timeline(ask: &Ask<'_>) -> Result<Value, Oops> {
    let known = case::known(ask, ask.id("id", "case")?)?;
    let told = timeline::gather(ask.hub, &known)?;
    Ok(json!({ "case": known.case.id, "lines": told.lines, "missing": told.missing }))
}

fn notices(ask: &Ask<'_>) -> Result<Value, Oops> {
    Ok(json!({ "drafts": drafts::of(ask)? }))
}

fn month(ask: &Ask<'_>) -> Result<Value, Oops> {
    Ok(month::gather(ask.hub, report::asked(ask)?)?.json())
}

fn withdraw(ask: &Ask<'_>) -> Result<Value, Oops> {
    Ok(json!({ "done": plan::call_off(ask, ask.id("hash", "plan")?)? }))
}

fn waiting(ask: &Ask<'_>) -> Result<Value, Oops> {
    let plans: Vec<Value> = ask
        .hub
        .executor
        .waiting()?
        .into_iter()
        .map(|waits| {
            json!({ "plan": waits.plan, "purpose": waits.purpose, "opens_ms": waits.opens_ms,
                "closes_ms": waits.closes_ms, "break_glass": waits.break_glass,
                "last_try": waits.last_try })
        })
        .collect();
    Ok(json!({ "plans": plans }))
}

fn begun(ask: &Ask<'_>, id: u64) -> Result<Value, Oops> {
    let job = ask.hub.jobs.get(id).ok_or(Oops::NotFound("job"))?;
    Ok(described(&job))
}

fn described(job: &jobs::Job) -> Value {
    let progress = job.progress();
    let end = progress.end.map(|end| json!({ "good": end.good, "text": end.text }));
    json!({ "job": job.id, "title": job.title, "lines": progress.lines, "end": end })
}

fn one_job(ask: &Ask<'_>) -> Result<Value, Oops> {
    begun(ask, ask.id("id", "job")?)
}

fn one_plan(ask: &Ask<'_>) -> Result<Value, Oops> {
    let (plan, proposal, approvals) = plan::known(ask)?;
    Ok(json!({
        "hash": proposal.plan, "plan": plan, "dry_run": proposal.dry_run, "approvals": approvals,
    }))
}

fn approve(ask: &Ask<'_>) -> Result<Value, Oops> {
    needs(ask, Role::Approver)?;
    let (plan, proposal, _) = plan::known(ask)?;
    let approval: Approval = serde_json::from_str(ask.field("approval"))
        .map_err(|error| Oops::Bad(format!("This is no approval: {error}.")))?;
    if approval.plan != proposal.plan {
        return Err(Oops::Bad("This approval is for another plan.".into()));
    }
    begun(ask, plan::hand_in(ask, plan, proposal, &approval)?)
}

fn machines(ask: &Ask<'_>) -> Result<Value, Oops> {
    let silent = ask.query.get("show").is_some_and(|show| show == "silent");
    let before_ms = silent.then_some(ask.now_ms - limits::SILENT_MS);
    let hosts = ask.hub.state(|state| state.hosts_page(before_ms, ask.from(), PAGE_ITEMS))?;
    Ok(json!({ "machines": hosts }))
}

fn one_machine(ask: &Ask<'_>) -> Result<Value, Oops> {
    let id: HostId = ask.id("id", "machine")?;
    let (host, open, live) = ask.hub.state(|state| {
        let live = state.get_doc("live", &id.to_string())?;
        Ok((state.host(id)?, state.cases_page(Some(id), true, 0, PAGE_ITEMS)?, live))
    })?;
    let host = host.ok_or(Oops::NotFound("machine"))?;
    Ok(json!({ "machine": host, "cases": open, "live": live }))
}

fn software(ask: &Ask<'_>) -> Result<Value, Oops> {
    let search = ask.query.get("q").map(String::as_str).unwrap_or_default();
    let found = ask.hub.state(|state| state.software_page(search, ask.from(), PAGE_ITEMS))?;
    let found: Vec<Value> = found
        .into_iter()
        .map(|used| json!({ "ecosystem": used.ecosystem, "name": used.name, "count": used.count }))
        .collect();
    Ok(json!({ "software": found }))
}

fn records(ask: &Ask<'_>) -> Result<Value, Oops> {
    let before = ask.query.get("before").and_then(|text| text.parse().ok());
    let (receipts, size) = record::newest(ask.hub, before, PAGE_ITEMS)?;
    let receipts: Vec<Value> = receipts
        .into_iter()
        .map(|(index, receipt)| json!({ "index": index, "receipt": receipt }))
        .collect();
    Ok(json!({ "size": size, "receipts": receipts }))
}

fn actions(ask: &Ask<'_>) -> Result<Value, Oops> {
    let actions: Vec<Value> = ask
        .hub
        .executor
        .actions()?
        .into_iter()
        .map(|action| {
            json!({ "id": action.id, "plan": action.plan, "root": action.root,
                "types": action.types, "state": action.state, "started_ms": action.started_ms,
                "undoable": action.undoable, "lapses_ms": action.lapses_ms })
        })
        .collect();
    Ok(json!({ "actions": actions }))
}

fn undo(ask: &Ask<'_>) -> Result<Value, Oops> {
    needs(ask, Role::Approver)?;
    let wanted = ask.part("id");
    let actions = ask.hub.executor.actions()?;
    let action = actions.iter().find(|action| action.id.to_string() == wanted && action.undoable);
    let action = action.ok_or(Oops::NotFound("action that can be taken back"))?;
    let prepared = ask.hub.executor.prepare_undo(action)?;
    let hash = plan::keep(ask.hub, None, &prepared, [])?;
    Ok(json!({ "hash": hash, "plan": prepared.plan }))
}

#[expect(clippy::unnecessary_wraps, reason = "every page and call has this form")]
fn rules(_: &Ask<'_>) -> Result<Value, Oops> {
    let lifts = |lifts| match lifts {
        Lifts::Nothing => 0,
        Lifts::One => 1,
        Lifts::Two => 2,
    };
    let lines: Vec<Value> = RED_LINES
        .iter()
        .map(|line| {
            json!({ "id": line.id, "says": line.says, "why": line.why,
                "people_that_lift_it": lifts(line.lifts) })
        })
        .collect();
    Ok(json!({ "rules": lines }))
}

fn stop(ask: &Ask<'_>) -> Result<Value, Oops> {
    needs(ask, Role::Approver)?;
    let reason = ask.text("reason", "The reason", 200)?;
    let done = ask.hub.executor.stop(&reason)?;
    ask.hub.forget_standing();
    ask.note("pulled the stop switch")?;
    Ok(json!({ "done": done }))
}
