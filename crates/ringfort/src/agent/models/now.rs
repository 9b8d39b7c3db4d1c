//! A pass at once, and its cases: what `ringfort vet --machine` does.

use serde_json::json;
use spine::Clock as _;
use vet::Verdict;

use super::{Models, cases, models_file, passing};
use crate::agent::session::open_state;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::host;
use crate::rim::SystemClock;

/// Looks, keeps what it finds as `ringfort up` does, and prints what is flagged or unknown.
pub fn look(context: &Context) -> Outcome {
    context.progress("looking for models");
    let passed = passing::pass(context)?;
    let models = Models::load(&models_file(&context.config.data_dir));
    let help = "check the disk, try again";
    let models = models.ok_or_else(|| Failure::unknown("what was found does not read", help))?;
    let state = open_state(&context.config.data_dir)?;
    let open = cases::take_in(&models, &state, host::host_id(), SystemClock.now_ms())
        .or_hint("the cases cannot be kept", "check the disk")?;
    let mut exit = Exit::Done;
    for file in &models.files {
        exit = exit.and(match file.report.verdict {
            Verdict::Malicious | Verdict::Suspicious => Exit::Findings,
            Verdict::Unknown => Exit::Unknown,
            Verdict::NothingFound => continue,
        });
        if context.json {
            context.print_json(&file.report)?;
        } else {
            let why = file.report.findings.first().map_or("", |found| &found.reason);
            let line = format!("{:13} {}  {why}", file.report.verdict.word(), file.name.display());
            context.print(inert(&line));
        }
    }
    let reach = passed.reach;
    if context.json {
        context.print_json(&json!({
            "files": models.files.len(), "read": passed.read, "open_cases": open, "reach": reach,
        }))?;
    } else {
        let files = models.files.len();
        context
            .print(format!("{files} files of models, {} read now; {open} open cases", passed.read));
    }
    if reach.closed > 0 {
        context.warn(format!("{} folders could not be looked into; root can", reach.closed));
        exit = exit.and(Exit::Unknown);
    }
    if reach.cut || reach.waiting > 0 {
        context.warn("not everything was looked at; the next pass goes on");
        exit = exit.and(Exit::Unknown);
    }
    Ok(exit)
}
