//! Vetting in a confined worker: the paths go in, the reports come out.
//!
//! | module | holds |
//! |---|---|
//! | [`around`] | what a file says beyond its own format: dependencies, data, a signature |
//! | [`beside`] | what a signature says of the files beside it |
//! | [`folder`] | a folder walked and hashed as signatures want it |
//! | [`pinned`] | folders remembered at first sight |
//! | [`project`] | programs, told from code beside a model |
//! | [`trust`] | the options that say whom one trusts |

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use vet::bom::card::{CARD_BYTES_MAX, Card};
use vet::bytes::FileBytes;
use vet::deps::Package;
use vet::fact::Fact;
use vet::provenance::check::Checked;
use vet::provenance::drift::{Drift, drift};
use vet::{Finding, Report, Severity, Verdict};

pub mod around;
pub mod beside;
pub mod folder;
pub mod pinned;
pub mod project;
pub mod trust;

pub use around::Trusted;

/// Files to vet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct VetJob {
    /// The files, in the order of the reports. No other file is read.
    pub files: Vec<PathBuf>,
    /// For each file, whether it is source code of a project; shorter: the rest is not.
    #[serde(default)]
    pub sources: Vec<bool>,
    /// Whether openings that an attack would use count as findings.
    #[serde(default)]
    pub strict: bool,
    /// Whom the owner trusts to sign.
    #[serde(default)]
    pub trusted: Trusted,
    /// Compare the first file with the second in place of vetting them.
    #[serde(default)]
    pub drift: bool,
    /// Read also what the model's card and its lists of packages say, for a bill of materials.
    #[serde(default)]
    pub inventory: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct VetResult {
    /// One report a file.
    pub reports: Vec<Report>,
    /// For each file that is a signature, what it is worth; by the place of the file.
    #[serde(default)]
    pub signatures: Vec<(usize, Checked)>,
    /// The difference of the two files, or why it could not be told.
    #[serde(default)]
    pub drift: Option<Result<Drift, String>>,
    /// What the model's card says.
    #[serde(default)]
    pub card: Card,
    /// SHA-256 of the chat templates that were found, in their order.
    #[serde(default)]
    pub templates: Vec<String>,
    /// The packages that its lists name.
    #[serde(default)]
    pub packages: Vec<Package>,
}

/// Reads the files. Runs in a worker.
pub fn read(job: &VetJob) -> VetResult {
    let mut result = VetResult::default();
    if let ([older, newer, ..], true) = (job.files.as_slice(), job.drift) {
        result.drift = Some(compare(older, newer));
        return result;
    }
    let known = job.trusted.known();
    for (at, path) in job.files.iter().enumerate() {
        let (mut report, signature) = read_one(path, job.strict, &known);
        if !job.strict && job.sources.get(at) == Some(&true) {
            project::soften(&mut report);
        }
        result.reports.push(report);
        result.signatures.extend(signature.map(|checked| (at, checked)));
        if job.inventory {
            inventory(path, &mut result);
        }
    }
    result
}

fn read_one(path: &Path, strict: bool, known: &around::Known) -> (Report, Option<Checked>) {
    let name = path.display().to_string();
    match std::fs::File::open(path).and_then(FileBytes::new) {
        Ok(bytes) => {
            let mut report = vet::vet(&name, &bytes);
            let signature = around::add(&mut report, path, strict, known);
            (report, signature)
        }
        Err(error) => (unread(path, &format!("it cannot be opened: {error}")), None),
    }
}

fn inventory(path: &Path, result: &mut VetResult) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let bytes = || around::bytes_of(path, CARD_BYTES_MAX as u64).unwrap_or_default();
    match name.as_deref() {
        Some("README.md") => result.card.readme(&String::from_utf8_lossy(&bytes())),
        Some("config.json") => result.card.config(&bytes()),
        _ => {}
    }
    result.packages.extend(around::packages(path).unwrap_or_default());
    if let Ok(bytes) = std::fs::File::open(path).and_then(FileBytes::new) {
        let facts = vet::reader::read(&path.display().to_string(), &bytes);
        let templates = facts.found().iter().filter_map(|found| match &found.fact {
            Fact::Template { text, .. } => Some(hex::encode(Sha256::digest(text))),
            _ => None,
        });
        result.templates.extend(templates);
    }
}

fn compare(older: &Path, newer: &Path) -> Result<Drift, String> {
    let open = |path: &Path| {
        let file = std::fs::File::open(path).map_err(|error| format!("it cannot be read: {error}"));
        file.map(|file| std::io::BufReader::with_capacity(1 << 20, file))
    };
    drift(open(older)?, open(newer)?).map_err(|error| error.to_string())
}

/// The report of a file that could not be read.
pub fn unread(path: &Path, why: &str) -> Report {
    Report {
        path: path.display().to_string(),
        sha256: String::new(),
        size: 0,
        format: "unknown".to_owned(),
        verdict: Verdict::Unknown,
        findings: vec![Finding {
            rule: "read.failed".to_owned(),
            id: "0000000000000000".to_owned(),
            severity: Severity::Unknown,
            reason: format!("Nothing can be said of it: {why}."),
            evidence: why.to_owned(),
            member: String::new(),
            offset: None,
            next: "do not take this for a clean result; look at the file with other means"
                .to_owned(),
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_unknown() {
        let files = vec![PathBuf::from("/nonexistent/model.pkl")];
        let result = read(&VetJob { files, ..VetJob::default() });
        assert_eq!(result.reports[0].verdict, Verdict::Unknown);
    }

    #[test]
    fn a_job_of_an_earlier_form_still_reads() {
        let job: VetJob = serde_json::from_str(r#"{"files": ["a"]}"#).unwrap();
        assert!(!job.strict && !job.drift);
    }
}
