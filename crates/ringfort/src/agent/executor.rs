//! Asking the executor for things that only look: refreshing package metadata, fetching candidate
//! packages, trying a plan on a copy. Each is a plan like any other, decided by the norms and
//! recorded, so that even a look leaves a receipt.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use spine::{Author, Clock as _, HostId, OutcomeBody, Plan, Step, Verdict, rng::random_bytes};

use super::inventory::Upgrade;
use crate::client::{Client, unexpected};
use crate::failure::Failure;
use crate::protocol::{Reply, Request};
use crate::rim::{OsRng, SystemClock};

/// A plan of one step, made by the agent.
pub fn plan(host: HostId, root: &Path, purpose: &str, (actuator, params): (&str, Value)) -> Plan {
    let params = match params {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    Plan {
        schema: Plan::SCHEMA,
        host,
        root: root.display().to_string(),
        case: None,
        author: Author::Agent,
        purpose: purpose.to_owned(),
        steps: vec![Step { actuator: actuator.to_owned(), params }],
        evidence: Vec::new(),
        ring: None,
        created_ms: SystemClock.now_ms(),
        nonce: hex::encode(random_bytes::<16>(&OsRng)),
    }
}

/// Runs a plan that needs no approval and returns what its step showed.
pub fn run(
    client: &mut Client,
    plan: Plan,
    progress: &mut dyn FnMut(&str),
) -> Result<Value, Failure> {
    let purpose = plan.purpose.clone();
    match run_to_end(client, plan, progress)? {
        (outcome, details) if outcome.state == spine::ActionState::Done => Ok(details),
        (outcome, _) => Err(Failure::new(
            format!("{purpose}: {}", outcome.message),
            "the attempt is in the record; nothing was changed",
        )),
    }
}

/// Runs a plan that needs no approval and returns how it ended, well or not.
pub fn run_to_end(
    client: &mut Client,
    plan: Plan,
    progress: &mut dyn FnMut(&str),
) -> Result<(OutcomeBody, Value), Failure> {
    let purpose = plan.purpose.clone();
    let request = Request::Run { plan: Box::new(plan), approvals: Vec::new() };
    match client.ask(&request, progress)? {
        Reply::Ran { outcome, details, .. } => Ok((outcome, details)),
        Reply::Decided { decision } => {
            let help = match decision.verdict {
                Verdict::NeedsApproval { humans } => format!("it needs the approval of {humans}"),
                _ => "the rules that fired are in the record".to_owned(),
            };
            Err(Failure::refused(format!("{purpose}: {}", decision.reasons.join("; ")), help))
        }
        other => Err(unexpected(&other)),
    }
}

/// Refreshes the package metadata of a root into ringfort's own state; returns the folder.
pub fn refresh(
    client: &mut Client,
    host: HostId,
    root: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Refreshed, Failure> {
    let step = ("apt.refresh", json!({ "add_security_suite": true }));
    let details = run(client, plan(host, root, "refresh the package metadata", step), progress)?;
    let first = &details["steps"][0];
    Ok(Refreshed {
        lists_dir: first["lists"].as_str().map(PathBuf::from),
        security_suite_missing: first["security_suite_missing"].as_bool().unwrap_or(false),
    })
}

/// What a refresh gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// Where the metadata lies.
    pub lists_dir: Option<PathBuf>,
    /// Whether the root's own sources lack the suite of security fixes, so that it was added for
    /// this look only.
    pub security_suite_missing: bool,
}

/// Fetches the packages that these updates would install; returns their files, in order.
pub fn fetch(
    client: &mut Client,
    host: HostId,
    root: &Path,
    upgrades: &[&Upgrade],
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<PathBuf>, Failure> {
    let package = |upgrade: &&Upgrade| json!({ "name": upgrade.name, "arch": upgrade.arch, "version": upgrade.to });
    let packages: Vec<Value> = upgrades.iter().map(package).collect();
    let step = ("apt.fetch", json!({ "packages": packages }));
    let details = run(client, plan(host, root, "fetch candidate packages", step), progress)?;
    let files = details["steps"][0]["files"].as_array().cloned().unwrap_or_default();
    let files: Vec<PathBuf> =
        files.iter().filter_map(|file| file.as_str().map(PathBuf::from)).collect();
    if files.len() == upgrades.len() {
        Ok(files)
    } else {
        Err(Failure::new("not every package could be fetched", "check the network, try again"))
    }
}
