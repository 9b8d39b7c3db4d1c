//! From what is known of models to cases: one for each file that would do more than a model should.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;
use spine::{
    Case, CaseEvent, CaseId, CaseState, Evidence, EvidenceOrigin, Finding, FindingId, FindingKind,
    HostId, Priority, Status,
};
use store::{CaseFilter, SqliteState, State, StateError};
use vet::{Severity, Verdict};

use super::{Models, Vetted};
use crate::rim::{OsRng, SystemClock};

/// The kind of such cases and findings.
pub const KIND: &str = "model";
/// Files that are named as unknown.
const UNKNOWN_MAX: usize = 64;

/// Takes what is known into the state. How many cases are open is returned.
pub fn take_in(
    models: &Models,
    state: &SqliteState,
    host: HostId,
    now_ms: i64,
) -> Result<usize, StateError> {
    let filter = CaseFilter { host: Some(host), ..CaseFilter::default() };
    let mut before: Vec<Case> = state.cases(&filter)?;
    before.retain(|case| case.kind == KIND);
    let (mut findings, mut cases) = (Vec::new(), Vec::new());
    for file in &models.files {
        let subject = file.path.display().to_string();
        let Ok(id) = Case::identity(host, KIND, &subject) else { continue };
        let was_open = before.iter().any(|case| case.id == id && case.state.is_open());
        // What can no longer be read is no less a case than it was.
        let doubtful = file.report.verdict == Verdict::Unknown && was_open;
        if !file.report.verdict.is_flagged() && !doubtful {
            continue;
        }
        let old = before.iter().position(|case| case.id == id).map(|at| before.swap_remove(at));
        let found = finding(file, host, now_ms);
        cases.push(case(file, (id, host, subject), old, found.id, now_ms));
        findings.push(found);
    }
    let open = cases.iter().filter(|case| case.state.is_open()).count();
    for mut case in before {
        // The file is gone, or is another one now.
        if case.step(CaseEvent::Confirm, now_ms).is_ok() {
            cases.push(case);
        }
    }
    let doc = summary(models);
    state.transaction(&mut |state| {
        state.replace_findings(host, KIND, &findings)?;
        cases.iter().try_for_each(|case| state.put_case(case))?;
        state.put_doc("models", &host.0.to_hex(), &doc)
    })?;
    Ok(open)
}

/// What was looked at and how far, for whoever asks how much is covered.
fn summary(models: &Models) -> serde_json::Value {
    let of = |verdict| models.files.iter().filter(move |file| file.report.verdict == verdict);
    let unknown: BTreeSet<String> = of(Verdict::Unknown)
        .take(UNKNOWN_MAX)
        .map(|file| file.name.display().to_string())
        .collect();
    json!({
        "looked_ms": models.looked_ms, "reach": models.reach, "files": models.files.len(),
        "malicious": of(Verdict::Malicious).count(), "suspicious": of(Verdict::Suspicious).count(),
        "unknown": of(Verdict::Unknown).count(), "unknown_files": unknown,
    })
}

fn finding(file: &Vetted, host: HostId, now_ms: i64) -> Finding {
    let report = &file.report;
    let weighty = report.findings.iter().filter(|found| found.severity >= Severity::Unknown);
    let evidence = weighty.map(|found| Evidence {
        kind: format!("vet.{}", found.rule),
        origin: EvidenceOrigin::Local,
        text: format!("{} Seen: {}", found.reason, found.evidence),
        reference: Some(match found.member.as_str() {
            "" => file.path.display().to_string(),
            member => format!("{} in {}", member, file.path.display()),
        }),
    });
    Finding {
        id: FindingId::new(&SystemClock, &OsRng),
        time_ms: now_ms,
        host,
        kind: FindingKind::Model {
            path: file.path.display().to_string(),
            sha256: report.sha256.clone(),
            format: report.format.clone(),
        },
        status: if report.verdict.is_flagged() { Status::Affected } else { Status::Unknown },
        ids: Vec::new(),
        evidence: evidence.collect(),
    }
}

fn case(
    file: &Vetted,
    (id, host, subject): (CaseId, HostId, String),
    old: Option<Case>,
    finding: FindingId,
    now_ms: i64,
) -> Case {
    let malicious = file.report.verdict == Verdict::Malicious;
    let name = file_name(&file.name);
    let unknown = file.report.verdict == Verdict::Unknown;
    let title = match (malicious, code_runs(file)) {
        _ if unknown => format!("The model {name} was flagged, and cannot be read any more"),
        (true, true) => format!("The model {name} runs code of its own when it is loaded"),
        (true, false) => format!("The model {name} is made to do harm"),
        (false, _) => format!("The model {name} does more than a model should"),
    };
    // Somebody accepted what it was then; what it is now, nobody has seen.
    let other =
        file.before.is_some() && old.as_ref().is_some_and(|c| c.updated_ms < file.vetted_ms);
    let mut state = old.as_ref().map_or(CaseState::Open, |case| case.state);
    if state == CaseState::Fixed || other && !state.is_open() {
        state = state.after(CaseEvent::Reopen).unwrap_or(CaseState::Open);
    }
    let changed = old.as_ref().is_none_or(|old| old.title != title || old.state != state);
    Case {
        id,
        host,
        kind: KIND.to_owned(),
        subject,
        title,
        priority: if malicious { Priority::Immediate } else { Priority::OutOfCycle },
        state,
        owner: old.as_ref().and_then(|case| case.owner.clone()),
        findings: vec![finding],
        ids: Vec::new(),
        explanation: explanation(file),
        created_ms: old.as_ref().map_or(now_ms, |case| case.created_ms),
        updated_ms: match old {
            Some(old) if !changed => old.updated_ms,
            _ => now_ms,
        },
    }
}

/// Whether what was found runs as soon as the file is loaded.
fn code_runs(file: &Vetted) -> bool {
    let runs = ["call.", "code.", "keras.lambda", "pickle.", "template."];
    file.report.findings.iter().any(|found| runs.iter().any(|rule| found.rule.starts_with(rule)))
}

fn explanation(file: &Vetted) -> Vec<String> {
    let mut lines = Vec::new();
    let weighty =
        || file.report.findings.iter().filter(|found| found.severity >= Severity::Unknown);
    let mut said = BTreeSet::new();
    for found in weighty() {
        if said.insert(&found.reason) && lines.len() < 4 {
            lines.push(found.reason.clone());
        }
    }
    if let Some(before) = &file.before {
        let short: String = before.chars().take(12).collect();
        lines.push(format!("The file changed since it was first vetted (it was {short})."));
    }
    if let Some(found) = weighty().next() {
        let mut next = found.next.clone();
        if let Some(first) = next.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        lines.push(format!("{next}."));
    }
    lines
        .push(format!("To move it away and keep it whole: ringfort patch {}", file.path.display()));
    lines
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::Stamp;
    use super::*;

    fn models(verdict: Verdict, sha256: &str, before: Option<&str>) -> Models {
        let path = PathBuf::from("/home/ann/weights.pkl");
        let severity = if verdict == Verdict::Malicious { Severity::High } else { Severity::Note };
        let found = vet::Finding {
            rule: "call.process".into(),
            id: "00".into(),
            severity,
            reason: "It starts a program.".into(),
            evidence: "os.system".into(),
            member: String::new(),
            offset: Some(3),
            next: "do not load it".into(),
        };
        let report = vet::Report {
            path: path.display().to_string(),
            sha256: sha256.into(),
            size: 9,
            format: "pickle".into(),
            verdict,
            findings: vec![found],
        };
        let stamp = Stamp { size: 9, inode: 1, modified_ns: 1, changed_ns: 1 };
        let (name, before) = (path.clone(), before.map(str::to_owned));
        let file = Vetted { path, name, stamp, report, first_ms: 1, vetted_ms: 50, before };
        Models { files: vec![file], ..Models::default() }
    }

    #[test]
    fn a_malicious_model_is_a_case_until_it_is_gone_and_again_when_it_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let state = SqliteState::open(&dir.path().join("state.db")).unwrap();
        let host = crate::host::host_id();
        let bad = models(Verdict::Malicious, "aa", None);
        assert_eq!(take_in(&bad, &state, host, 10).unwrap(), 1);
        let id = Case::identity(host, KIND, "/home/ann/weights.pkl").unwrap();
        let case = || state.case(&id).unwrap().unwrap();
        assert_eq!(case().priority, Priority::Immediate);
        assert!(case().title.contains("weights.pkl runs code"), "{}", case().title);
        assert!(case().explanation.iter().any(|line| line == "It starts a program."));
        assert_eq!(state.findings(host).unwrap().len(), 1);
        assert_eq!(take_in(&Models::default(), &state, host, 20).unwrap(), 0);
        assert_eq!(case().state, CaseState::Fixed);
        assert!(state.findings(host).unwrap().is_empty());
        assert_eq!(take_in(&bad, &state, host, 30).unwrap(), 1);
        assert_eq!((case().state, case().created_ms), (CaseState::Open, 10));
    }

    #[test]
    fn what_was_accepted_stays_accepted_until_the_file_is_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let state = SqliteState::open(&dir.path().join("state.db")).unwrap();
        let host = crate::host::host_id();
        let id = Case::identity(host, KIND, "/home/ann/weights.pkl").unwrap();
        take_in(&models(Verdict::Malicious, "aa", None), &state, host, 10).unwrap();
        let mut case = state.case(&id).unwrap().unwrap();
        case.step(CaseEvent::Accept, 20).unwrap();
        state.put_case(&case).unwrap();
        take_in(&models(Verdict::Malicious, "aa", None), &state, host, 30).unwrap();
        assert_eq!(state.case(&id).unwrap().unwrap().state, CaseState::Accepted);
        take_in(&models(Verdict::Malicious, "bb", Some("aa")), &state, host, 60).unwrap();
        assert_eq!(state.case(&id).unwrap().unwrap().state, CaseState::Open);
    }

    #[test]
    fn a_case_whose_file_can_no_longer_be_read_stays_open() {
        let dir = tempfile::tempdir().unwrap();
        let state = SqliteState::open(&dir.path().join("state.db")).unwrap();
        let host = crate::host::host_id();
        take_in(&models(Verdict::Malicious, "aa", None), &state, host, 10).unwrap();
        let unknown = models(Verdict::Unknown, "bb", Some("aa"));
        assert_eq!(take_in(&unknown, &state, host, 20).unwrap(), 1);
        let id = Case::identity(host, KIND, "/home/ann/weights.pkl").unwrap();
        let case = state.case(&id).unwrap().unwrap();
        assert!(case.state.is_open() && case.title.contains("cannot be read any more"));
        assert_eq!(state.findings(host).unwrap()[0].status, Status::Unknown);
    }

    #[test]
    fn what_is_clean_or_unknown_is_no_case_and_unknown_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let state = SqliteState::open(&dir.path().join("state.db")).unwrap();
        let host = crate::host::host_id();
        let unknown = models(Verdict::Unknown, "aa", None);
        assert_eq!(take_in(&unknown, &state, host, 10).unwrap(), 0);
        let doc = state.get_doc("models", &host.0.to_hex()).unwrap().unwrap();
        assert_eq!((&doc["unknown"], &doc["malicious"]), (&json!(1), &json!(0)));
        assert_eq!(doc["unknown_files"], json!(["/home/ann/weights.pkl"]));
    }
}
