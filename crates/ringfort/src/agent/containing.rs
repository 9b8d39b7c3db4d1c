//! From what a case names to a containment that was tried: each step alone, where trying changes
//! nothing, and then all that can be done as one plan.

use std::path::Path;

use hub::executor::{Contained, Prepared};
use serde_json::{Value, json};
use spine::{Author, Case, Plan, Step};

use super::executor;
use crate::client::{Client, unexpected};
use crate::context::Context;
use crate::failure::{Failure, OrHint as _};
use crate::protocol::{Reply, Request};

/// The root that a case of this machine is about.
const ROOT: &str = "/";

/// Tries each step, and makes a plan of those that can be done.
pub fn prepare(
    context: &Context,
    client: &mut Client,
    case: &Case,
    purpose: &str,
    steps: &[Step],
) -> Result<Contained, Failure> {
    if client.standing()?.host != case.host {
        let help = "go to that machine; `ringfort stop` there stops what ringfort itself does";
        return Err(Failure::usage("this case is about another machine", help));
    }
    let (mut good, mut refused) = (Vec::new(), Vec::new());
    for (index, step) in steps.iter().enumerate() {
        context.progress(format!("trying step {} of {}", index + 1, steps.len()));
        let (_, report) = tried(client, case, purpose, vec![step.clone()])?;
        let problems: Vec<&str> =
            report["problems"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if report["passed"] == true {
            good.push(step.clone());
        } else {
            refused.push((index, problems.join("; ")));
        }
    }
    if good.is_empty() {
        return Ok(Contained { prepared: None, refused });
    }
    context.progress("trying all of it together");
    let (plan, dry_run) = tried(client, case, purpose, good)?;
    Ok(Contained { prepared: Some(Prepared { plan, dry_run }), refused })
}

/// A plan of these steps, and what trying it showed.
fn tried(
    client: &mut Client,
    case: &Case,
    purpose: &str,
    steps: Vec<Step>,
) -> Result<(Plan, Value), Failure> {
    let root = Path::new(ROOT);
    let mut plan = executor::plan(case.host, root, purpose, ("", Value::Null));
    plan.steps = steps;
    plan.case = Some(case.id);
    plan.author = Author::Human;
    let hash = plan.hash().or_hint("the plan has no hash", "report this as a defect")?;
    let embedded = serde_json::to_value(&plan).or_hint("the plan does not serialise", "")?;
    let dry_run = ("shadow.dry_run", json!({ "plan": embedded }));
    let dry_run = executor::plan(case.host, root, &format!("try: {purpose}"), dry_run);
    executor::run_to_end(client, dry_run, &mut |_| ())?;
    match client.ask(&Request::DryRun { plan: hash }, &mut |_| ())? {
        Reply::DryRun { result: Some(report) } => Ok((plan, report)),
        Reply::DryRun { result: None } => Err(Failure::new(
            "trying it left no result",
            "try again; `ringfort verify` shows the record",
        )),
        other => Err(unexpected(&other)),
    }
}
