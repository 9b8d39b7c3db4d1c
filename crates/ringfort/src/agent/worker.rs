//! Workers: short-lived processes without rights that read hostile bytes. A job comes in on
//! standard input, the result goes out on standard output, both as JSON; before the first hostile
//! byte is read the worker gives up everything but the files its job names ([`confine`]).
//!
//! [`confine`]: super::confine

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::changelogs::{self, ChangelogJob, ChangelogResult};
use super::confine::{Allowed, confine};
use super::inventory::{self, InventoryJob, InventoryResult};
use super::live::{self, LiveFacts};
use super::logs::{self, LogLine, LogsJob};
use super::models::looking::{self, ModelLine, ModelsJob};
use super::vetting::{self, VetJob, VetResult};
use crate::failure::{Failure, OrHint as _};
use crate::spawn;

/// The longest a worker may take.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The longest that reading one model may take: the largest have hundreds of gigabytes.
const MODEL_TIMEOUT: Duration = Duration::from_secs(3_600);
/// How far the reading of models on this machine stands back behind everything else.
const MODELS_NICE: i32 = 15;

/// What a worker may be asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// Read what is installed under a root, and what its package manager could install.
    Inventory(InventoryJob),
    /// Read changelogs inside packages.
    Changelogs(ChangelogJob),
    /// Look at the processes and sockets of this machine.
    Live,
    /// Read files of logs. The result comes as lines while it is read.
    Logs(LogsJob),
    /// Read model files.
    Vet(VetJob),
    /// Find models in folders, and read them. The result comes as lines while it is read.
    Models(ModelsJob),
}

/// Runs inside the worker process.
pub fn run() -> Result<(), Failure> {
    let help = "workers are started by ringfort itself, not by hand";
    let mut text = Vec::new();
    std::io::stdin().take(16 << 20).read_to_end(&mut text).or_hint("no job came", help)?;
    let job: Job = serde_json::from_slice(&text).or_hint("the job does not read", help)?;
    let result = match &job {
        Job::Inventory(job) => {
            let mut read = vec![job.root.as_path()];
            read.extend(job.lists_dir.as_deref());
            read.extend(job.paths.iter().map(PathBuf::as_path));
            let write: Vec<&Path> = job.cache_dir.as_deref().into_iter().collect();
            hold(&Allowed { read: &read, write: &write, look_at_processes: false })?;
            serde_json::to_vec(&inventory::read(job))
        }
        Job::Changelogs(job) => {
            let read: Vec<&Path> =
                job.packages.iter().map(|package| package.deb.as_path()).collect();
            hold(&Allowed { read: &read, write: &[], look_at_processes: false })?;
            serde_json::to_vec(&changelogs::read(job))
        }
        Job::Logs(job) => {
            let rules = job.detect.iter().flat_map(|detect| &detect.rules);
            let read: Vec<&Path> = job.paths.iter().chain(rules).map(PathBuf::as_path).collect();
            let write: Vec<&Path> =
                job.detect.iter().map(|detect| detect.spill_dir.as_path()).collect();
            hold(&Allowed { read: &read, write: &write, look_at_processes: false })?;
            return logs::read(job, &mut std::io::stdout().lock())
                .or_hint("nobody takes the result", help);
        }
        Job::Live => {
            hold(&Allowed { read: &[], write: &[], look_at_processes: true })?;
            serde_json::to_vec(&live::gather())
        }
        Job::Models(job) => {
            // Whatever people do on this machine goes first.
            let _ = rustix::process::nice(MODELS_NICE);
            let read: Vec<&Path> = job.folders.iter().map(PathBuf::as_path).collect();
            hold(&Allowed { read: &read, write: &[], look_at_processes: false })?;
            return looking::look(job, &mut std::io::stdout().lock())
                .or_hint("nobody takes the result", help);
        }
        Job::Vet(job) => {
            let read: Vec<&Path> = job.files.iter().map(PathBuf::as_path).collect();
            hold(&Allowed { read: &read, write: &[], look_at_processes: false })?;
            serde_json::to_vec(&vetting::read(job))
        }
    };
    let bytes = result.or_hint("the result does not serialise", help)?;
    std::io::stdout().write_all(&bytes).or_hint("nobody takes the result", help)
}

fn hold(allowed: &Allowed<'_>) -> Result<(), Failure> {
    confine(allowed).map(|_| ()).map_err(|error| {
        Failure::new(
            format!("the worker cannot be confined, so it reads nothing: {error}"),
            "a kernel with seccomp filters is needed",
        )
    })
}

fn ask<T: DeserializeOwned>(job: &Job) -> Result<T, Failure> {
    let help = "run it again; if it happens again, report it with the file it was reading";
    let text = serde_json::to_vec(job).or_hint("the job does not serialise", help)?;
    let result =
        spawn::worker(&["worker"], &text, TIMEOUT).or_hint("a reading worker failed", help)?;
    serde_json::from_slice(&result).or_hint("the worker's result does not read", help)
}

/// Reads what is installed under a root, in a worker.
pub fn inventory(job: InventoryJob) -> Result<InventoryResult, Failure> {
    ask(&Job::Inventory(job))
}

/// Reads changelogs inside packages, in a worker.
pub fn changelogs(job: ChangelogJob) -> Result<ChangelogResult, Failure> {
    ask(&Job::Changelogs(job))
}

/// Reads files of logs, in a worker, and hands over what it says as it comes.
pub fn logs(
    job: LogsJob,
    each: &mut dyn FnMut(LogLine) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let help = "run it again with fewer files; if it happens again, report it with the file";
    let text = serde_json::to_vec(&Job::Logs(job)).or_hint("the job does not serialise", help)?;
    spawn::worker_lines(&["worker"], &text, TIMEOUT, logs::LINE_BYTES_MAX, &mut |line| {
        each(serde_json::from_slice(line).map_err(std::io::Error::other)?)
    })
    .map_err(|error| Failure::unknown(format!("a reading worker failed: {error}"), help))
}

/// Looks at the processes and sockets of this machine, in a worker.
pub fn live() -> Result<LiveFacts, Failure> {
    ask(&Job::Live)
}

/// Reads model files, in a worker.
pub fn vet(job: VetJob) -> Result<VetResult, Failure> {
    ask(&Job::Vet(job))
}

/// Finds and reads models in folders, in a worker, and hands over what it says as it comes.
pub fn models(
    job: ModelsJob,
    each: &mut dyn FnMut(ModelLine) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let help = "`ringfort vet FILE` reads one file alone";
    let text = serde_json::to_vec(&Job::Models(job)).or_hint("the job does not serialise", help)?;
    spawn::worker_lines(&["worker"], &text, MODEL_TIMEOUT, logs::LINE_BYTES_MAX, &mut |line| {
        each(serde_json::from_slice(line).map_err(std::io::Error::other)?)
    })
    .map_err(|error| Failure::unknown(format!("a reading worker failed: {error}"), help))
}
