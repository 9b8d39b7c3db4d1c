//! Vetting model files in a confined worker: the paths go in, the reports come out.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vet::bytes::FileBytes;
use vet::{Finding, Report, Severity, Verdict};

/// Files to vet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct VetJob {
    /// The files, in the order of the reports.
    pub files: Vec<PathBuf>,
}

/// What was found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct VetResult {
    /// One report a file.
    pub reports: Vec<Report>,
}

/// Reads the files. Runs in a worker.
pub fn read(job: &VetJob) -> VetResult {
    VetResult { reports: job.files.iter().map(|path| read_one(path)).collect() }
}

fn read_one(path: &Path) -> Report {
    let name = path.display().to_string();
    match std::fs::File::open(path).and_then(FileBytes::new) {
        Ok(bytes) => vet::vet(&name, &bytes),
        Err(error) => unread(path, &format!("it cannot be opened: {error}")),
    }
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
        let result = read(&VetJob { files: vec![PathBuf::from("/nonexistent/model.pkl")] });
        assert_eq!(result.reports[0].verdict, Verdict::Unknown);
    }
}
