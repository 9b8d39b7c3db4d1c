//! Moving a flagged model away: what `ringfort patch` does where its subject is a model's case.

use serde_json::json;
use spine::{ActionState, ApprovalWindow, Case, CaseEvent, Clock as _, Step};
use store::{CaseFilter, SqliteState, State as _};

use super::cases::KIND;
use crate::agent::containing;
use crate::approving;
use crate::client::Client;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::rim::SystemClock;

/// The fewest digits of a case's id that stand for it.
const PREFIX_MIN: usize = 8;

/// The open case of a model that is named by its file, or by the case's id.
pub fn case_of(state: &SqliteState, subject: &str) -> Result<Option<Case>, Failure> {
    let filter = CaseFilter { open_only: true, ..CaseFilter::default() };
    let cases = state.cases(&filter).or_hint("the cases do not read", "check the disk")?;
    let named = |case: &Case| {
        let id = case.id.to_string();
        case.subject == subject || subject.len() >= PREFIX_MIN && id.starts_with(subject)
    };
    Ok(cases.into_iter().find(|case| case.kind == KIND && named(case)))
}

/// Tries it, asks, moves the file away, and closes the case.
pub fn move_away(
    context: &Context,
    state: &SqliteState,
    mut case: Case,
    (dry_run, yes): (bool, bool),
) -> Outcome {
    let help = "check the disk, try again";
    let path = case.subject.clone();
    let mut client = Client::connect(context)?;
    let standing = client.standing()?;
    let params = json!({ "path": path }).as_object().cloned().unwrap_or_default();
    let step = Step { actuator: "file.quarantine".into(), params };
    let purpose = format!("move the model {path} away");
    let tried = containing::prepare(context, &mut client, &case, &purpose, &[step])?;
    let Some(prepared) = tried.prepared else {
        let why = tried.refused.first().map_or("it was refused", |(_, why)| why);
        return Err(Failure::refused(
            inert(&format!("`{path}` cannot be moved away: {why}")),
            "nothing was changed",
        ));
    };
    let plan = prepared.plan;
    state.put_plan(&plan).or_hint("the plan cannot be kept", help)?;
    let hash = plan.hash().or_hint("the plan has no hash", help)?;
    if context.json {
        context.print_json(&json!({
            "plan": hash, "purpose": plan.purpose, "passed": true, "steps": plan.steps,
        }))?;
    } else {
        context.print(inert(&format!("plan {}: {}", hash.short(), plan.purpose)));
        context.print("  the file is moved away, whole: no program finds it there");
        context.print("  undo: `ringfort undo` puts it back as it was");
    }
    if dry_run {
        context.progress(format!("to do it: ringfort approve {}", hash.short()));
        return Ok(Exit::Done);
    }
    if !approving::confirm("Move it away?", yes)? {
        context.progress("nothing was changed");
        return Ok(Exit::Done);
    }
    let approval = approving::sign(&standing, &plan, ApprovalWindow::Now, false)?;
    let (action, outcome, _) = approving::run(context, &mut client, &plan, vec![approval])?;
    if outcome.state != ActionState::Done {
        return Err(Failure::new(
            format!("it was not moved away: {}", outcome.message),
            "what was begun was taken back; the record says what happened",
        ));
    }
    if case.step(CaseEvent::Confirm, SystemClock.now_ms()).is_ok() {
        state.put_case(&case).or_hint("the case cannot be kept", help)?;
    }
    if context.json {
        context.print_json(&json!({ "action": action, "state": outcome.state }))?;
    } else {
        context.print(format!("done: {}", inert(&outcome.message)));
        context.print(format!("to take it back: ringfort undo {action}"));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use spine::{CaseState, Digest, HostId, Priority};

    use super::*;

    #[test]
    fn a_models_case_is_named_by_its_file_or_its_id_while_it_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let state = SqliteState::open(&dir.path().join("state.db")).unwrap();
        let host = HostId(Digest([1; 32]));
        let put = |kind: &str, subject: &str, stands| {
            let id = Case::identity(host, kind, subject).unwrap();
            let case = Case {
                id,
                host,
                kind: kind.into(),
                subject: subject.into(),
                title: String::new(),
                priority: Priority::Immediate,
                state: stands,
                owner: None,
                findings: vec![],
                ids: vec![],
                explanation: vec![],
                created_ms: 1,
                updated_ms: 1,
            };
            state.put_case(&case).unwrap();
            id.to_string()
        };
        let open = put(KIND, "/home/ann/a.pkl", CaseState::Open);
        let gone = put(KIND, "/home/ann/b.pkl", CaseState::Fixed);
        let other = put("patch", "rsync", CaseState::Open);
        let subject = |name: &str| case_of(&state, name).unwrap().map(|case| case.subject);
        assert_eq!(subject("/home/ann/a.pkl").as_deref(), Some("/home/ann/a.pkl"));
        assert_eq!(subject(&open[..8]).as_deref(), Some("/home/ann/a.pkl"));
        for none in [&open[..7], &gone[..8], &other[..8], "/home/ann/b.pkl", "rsync", "a.pkl"] {
            assert_eq!(subject(none), None, "{none}");
        }
    }
}
