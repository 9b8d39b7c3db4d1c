//! What each endpoint does.

use serde_json::{Value, json};
use spine::{Approval, CaseEvent, CaseId, HostId, Plan};
use store::{Overview as _, State as _};

use crate::db::{Comment, Proposal};
use crate::limits::{self, PAGE_ITEMS};
use crate::report::{month, timeline};
use crate::role::Role;
use crate::rules::{Lifts, RED_LINES};
use crate::web::registry::{case, night, notices as drafts, plan, report};
use crate::web::{Ask, Oops};
use crate::{jobs, record};

pub(super) fn today(ask: &Ask<'_>) -> Result<Value, Oops> {
    let counts = ask.hub.state(|state| state.counts(ask.now_ms - limits::SILENT_MS))?;
    let [defer, scheduled, out_of_cycle, immediate] = counts.open_by_rank;
    Ok(json!({
        "open": { "immediate": immediate, "out_of_cycle": out_of_cycle, "scheduled": scheduled,
            "defer": defer },
        "machines": counts.machines, "machines_silent": counts.machines_silent,
        "machines_doubtful": counts.machines_doubtful, "cases_by_state": counts.by_state,
    }))
}

pub(super) fn cases(ask: &Ask<'_>) -> Result<Value, Oops> {
    let settled = ask.query.get("show").is_some_and(|show| show == "settled");
    let cases = ask.hub.state(|state| state.cases_page(None, !settled, ask.from(), PAGE_ITEMS))?;
    Ok(json!({ "cases": cases }))
}

pub(super) fn one_case(ask: &Ask<'_>) -> Result<Value, Oops> {
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

pub(super) fn comment(ask: &Ask<'_>) -> Result<Value, Oops> {
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

pub(super) fn dismiss(ask: &Ask<'_>) -> Result<Value, Oops> {
    step(ask, CaseEvent::Dismiss, "set aside as no problem")
}

pub(super) fn accept(ask: &Ask<'_>) -> Result<Value, Oops> {
    step(ask, CaseEvent::Accept, "accepted the risk of")
}

pub(super) fn reopen(ask: &Ask<'_>) -> Result<Value, Oops> {
    step(ask, CaseEvent::Reopen, "opened again")
}

pub(super) fn prepare(ask: &Ask<'_>) -> Result<Value, Oops> {
    needs(ask, Role::Approver)?;
    let known = case::known(ask, ask.id("id", "case")?)?;
    begun(ask, case::begin_preparing(ask, known.case)?)
}

pub(super) fn contain(ask: &Ask<'_>) -> Result<Value, Oops> {
    needs(ask, Role::Approver)?;
    let known = case::known(ask, ask.id("id", "case")?)?;
    begun(ask, night::begin_containing(ask, &known)?)
}

pub(super) fn put_off(ask: &Ask<'_>) -> Result<Value, Oops> {
    let id = night::put_off(ask)?;
    Ok(json!({ "done": format!("case {} is put off", id.short()) }))
}

pub(super) fn one_timeline(ask: &Ask<'_>) -> Result<Value, Oops> {
    let known = case::known(ask, ask.id("id", "case")?)?;
    let told = timeline::gather(ask.hub, &known)?;
    Ok(json!({ "case": known.case.id, "lines": told.lines, "missing": told.missing }))
}

pub(super) fn notices(ask: &Ask<'_>) -> Result<Value, Oops> {
    Ok(json!({ "drafts": drafts::of(ask)? }))
}

pub(super) fn month(ask: &Ask<'_>) -> Result<Value, Oops> {
    Ok(month::gather(ask.hub, report::asked(ask)?)?.json())
}

pub(super) fn withdraw(ask: &Ask<'_>) -> Result<Value, Oops> {
    Ok(json!({ "done": plan::call_off(ask, ask.id("hash", "plan")?)? }))
}

pub(super) fn waiting(ask: &Ask<'_>) -> Result<Value, Oops> {
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

pub(super) fn one_job(ask: &Ask<'_>) -> Result<Value, Oops> {
    begun(ask, ask.id("id", "job")?)
}

pub(super) fn one_plan(ask: &Ask<'_>) -> Result<Value, Oops> {
    let (plan, proposal, approvals) = plan::known(ask)?;
    Ok(json!({
        "hash": proposal.plan, "plan": plan, "dry_run": proposal.dry_run, "approvals": approvals,
    }))
}

pub(super) fn approve(ask: &Ask<'_>) -> Result<Value, Oops> {
    needs(ask, Role::Approver)?;
    let (plan, proposal, _) = plan::known(ask)?;
    let approval: Approval = serde_json::from_str(ask.field("approval"))
        .map_err(|error| Oops::Bad(format!("This is no approval: {error}.")))?;
    if approval.plan != proposal.plan {
        return Err(Oops::Bad("This approval is for another plan.".into()));
    }
    begun(ask, plan::hand_in(ask, plan, proposal, &approval)?)
}

pub(super) fn machines(ask: &Ask<'_>) -> Result<Value, Oops> {
    let silent = ask.query.get("show").is_some_and(|show| show == "silent");
    let before_ms = silent.then_some(ask.now_ms - limits::SILENT_MS);
    let hosts = ask.hub.state(|state| state.hosts_page(before_ms, ask.from(), PAGE_ITEMS))?;
    Ok(json!({ "machines": hosts }))
}

pub(super) fn one_machine(ask: &Ask<'_>) -> Result<Value, Oops> {
    let id: HostId = ask.id("id", "machine")?;
    let (host, open, live) = ask.hub.state(|state| {
        let live = state.get_doc("live", &id.to_string())?;
        Ok((state.host(id)?, state.cases_page(Some(id), true, 0, PAGE_ITEMS)?, live))
    })?;
    let host = host.ok_or(Oops::NotFound("machine"))?;
    Ok(json!({ "machine": host, "cases": open, "live": live }))
}

pub(super) fn software(ask: &Ask<'_>) -> Result<Value, Oops> {
    let search = ask.query.get("q").map(String::as_str).unwrap_or_default();
    let found = ask.hub.state(|state| state.software_page(search, ask.from(), PAGE_ITEMS))?;
    let found: Vec<Value> = found
        .into_iter()
        .map(|used| json!({ "ecosystem": used.ecosystem, "name": used.name, "count": used.count }))
        .collect();
    Ok(json!({ "software": found }))
}

pub(super) fn records(ask: &Ask<'_>) -> Result<Value, Oops> {
    let before = ask.query.get("before").and_then(|text| text.parse().ok());
    let (receipts, size) = record::newest(ask.hub, before, PAGE_ITEMS)?;
    let receipts: Vec<Value> = receipts
        .into_iter()
        .map(|(index, receipt)| json!({ "index": index, "receipt": receipt }))
        .collect();
    Ok(json!({ "size": size, "receipts": receipts }))
}

pub(super) fn actions(ask: &Ask<'_>) -> Result<Value, Oops> {
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

pub(super) fn undo(ask: &Ask<'_>) -> Result<Value, Oops> {
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
pub(super) fn rules(_: &Ask<'_>) -> Result<Value, Oops> {
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

pub(super) fn stop(ask: &Ask<'_>) -> Result<Value, Oops> {
    needs(ask, Role::Approver)?;
    let reason = ask.text("reason", "The reason", 200)?;
    let done = ask.hub.executor.stop(&reason)?;
    ask.hub.forget_standing();
    ask.note("pulled the stop switch")?;
    Ok(json!({ "done": done }))
}
