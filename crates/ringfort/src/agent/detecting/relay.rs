//! Between the watcher, the agent and the state: what the watcher says becomes files that the agent
//! may read, and from there cases that people see.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use durable::{Files as _, StdFiles};
use serde_json::Value;
use spine::{
    Case, CaseState, Evidence, EvidenceOrigin, Finding, FindingId, FindingKind, HostId, Priority,
    Status,
};
use store::{CaseFilter, SqliteState, State as _, StateError};

use super::live::{Judged, Said, VERDICTS, Verdicts};
use crate::agent::session::give_to_agent;
use crate::context::{Context, inert};
use crate::rim::{OsRng, SystemClock};

/// The kind of such cases and findings.
pub const KIND: &str = "behaviour";
/// The longest line that the watcher says.
const LINE_BYTES_MAX: u64 = 8 << 20;
/// Cases that lie in the folder at most; the agent takes them away.
const FILES_MAX: usize = 4_096;
/// Pieces of evidence that become findings.
const EVIDENCE_MAX: usize = 24;
/// Characters of a log line that are kept as evidence.
const RAW_CHARS_MAX: usize = 600;

/// The folder through which cases go.
pub fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("agent/detected")
}

/// Where what was learned lies, for the page.
fn view_file(data_dir: &Path) -> PathBuf {
    data_dir.join("agent/behaviour.json")
}

/// The folder in which the agent writes down what people said of cases; made if it is not there.
pub fn verdicts_folder(data_dir: &Path) -> std::io::Result<PathBuf> {
    let folder = data_dir.join("agent/verdicts");
    std::fs::create_dir_all(&folder)?;
    give_to_agent(&folder)?;
    Ok(folder)
}

/// Whether there is a watcher here, or was one.
pub fn is_on(data_dir: &Path) -> bool {
    data_dir.join("agent/verdicts").is_dir()
}

/// Writes down what people said of cases of behaviour, by where they put them.
pub fn tell_verdicts(data_dir: &Path, state: &SqliteState, host: HostId) -> Result<(), StateError> {
    let filter = CaseFilter { host: Some(host), ..CaseFilter::default() };
    let cases = state.cases(&filter)?.into_iter().filter(|case| case.kind == KIND);
    let judged = cases.filter_map(|case| {
        let judged = match case.state {
            CaseState::Fixed => Judged::True,
            CaseState::Dismissed => Judged::False,
            CaseState::Accepted => Judged::Expected,
            _ => return None,
        };
        Some((case.subject, judged))
    });
    let judged: Verdicts = judged.collect();
    let path = data_dir.join("agent/verdicts").join(VERDICTS);
    let bytes = serde_json::to_vec(&judged).unwrap_or_default();
    if !std::fs::read(&path).is_ok_and(|known| known == bytes) {
        // Without the folder nobody listens.
        let _ = StdFiles.write_atomic(&path, &bytes);
    }
    Ok(())
}

/// Takes what was learned into the state, for the page.
pub fn take_in_view(data_dir: &Path, state: &SqliteState, host: HostId) -> Result<(), StateError> {
    let read = std::fs::read(view_file(data_dir)).ok();
    match read.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()) {
        Some(view) => state.put_doc(KIND, &host.0.to_hex(), &view),
        None => Ok(()),
    }
}

/// Writes down what a watcher says, until it ends.
pub fn write_down(said: impl Read, data_dir: &Path, context: &Context) {
    let folder = folder(data_dir);
    let mut said = BufReader::new(said);
    loop {
        let mut line = Vec::new();
        match (&mut said).take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        match serde_json::from_slice(&line) {
            Ok(Said::Follows { sources, rules, forgot }) => {
                let sources = if sources.is_empty() { "no log".into() } else { sources.join(", ") };
                let text = format!("follows {sources}; {} rules are matched", rules.rules);
                context.progress(inert(&text));
                if let Some(why) = forgot {
                    context.warn(inert(&format!("what was learned of this host is lost: {why}")));
                }
            }
            Ok(Said::Case(case)) => {
                if let Err(error) = put(&folder, &case) {
                    context.warn(format!("a case cannot be written down: {error}"));
                }
            }
            Ok(Said::View(view)) => {
                let path = view_file(data_dir);
                let written = StdFiles.write_atomic(&path, view.to_string().as_bytes());
                if let Err(error) = written.and_then(|()| give_to_agent(&path)) {
                    context.warn(format!("what was learned cannot be written down: {error}"));
                }
            }
            Err(_) => context.warn("the watcher said what is not understood"),
        }
    }
}

fn put(folder: &Path, case: &Value) -> std::io::Result<()> {
    let id = case_id(case).ok_or_else(|| std::io::Error::other("it has no id"))?;
    std::fs::create_dir_all(folder)?;
    give_to_agent(folder)?;
    if std::fs::read_dir(folder)?.count() >= FILES_MAX {
        return Err(std::io::Error::other("too many wait for the agent"));
    }
    let path = folder.join(format!("{id}.json"));
    StdFiles.write_atomic(&path, case.to_string().as_bytes())?;
    give_to_agent(&path)
}

fn case_id(case: &Value) -> Option<&str> {
    let id = case["id"].as_str()?;
    (id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

/// Takes what lies in the folder into the state. How many cases it was is returned.
pub fn take_in(data_dir: &Path, state: &SqliteState, host: HostId, now_ms: i64) -> usize {
    let Ok(listed) = std::fs::read_dir(folder(data_dir)) else { return 0 };
    let mut taken = 0;
    for path in listed.filter_map(|entry| Some(entry.ok()?.path())).take(FILES_MAX) {
        let json = path.extension().is_some_and(|ending| ending == "json");
        let read = std::fs::read(&path).ok().filter(|_| json);
        let Some(case) = read.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()) else {
            continue;
        };
        match keep(state, host, &case, now_ms) {
            Ok(()) => {
                taken += 1;
                // What stays is taken in again, to the same effect.
                let _ = std::fs::remove_file(&path);
            }
            Err(error) => {
                tracing::warn!(%error, "a detected case cannot be kept; it is tried again");
            }
        }
    }
    taken
}

/// Keeps one detected case; one that grew replaces what it was, and stands where people put it.
fn keep(
    state: &SqliteState,
    host: HostId,
    detected: &Value,
    now_ms: i64,
) -> Result<(), StateError> {
    let Some(id) = case_id(detected) else { return Ok(()) };
    let Ok(identity) = Case::identity(host, KIND, id) else { return Ok(()) };
    let before = state.case(&identity)?;
    let findings = findings(host, id, detected, now_ms);
    let explanation = texts(&detected["explanation"]).map(str::to_owned).collect();
    let case = Case {
        id: identity,
        host,
        kind: KIND.to_owned(),
        subject: id.to_owned(),
        title: title(detected),
        priority: priority(detected),
        state: before.as_ref().map_or(CaseState::Open, |case| case.state),
        owner: before.as_ref().and_then(|case| case.owner.clone()),
        findings: findings.iter().map(|finding| finding.id).collect(),
        ids: texts(&detected["techniques"]).map(str::to_owned).collect(),
        explanation,
        created_ms: before.as_ref().map_or(now_ms, |case| case.created_ms),
        updated_ms: now_ms,
    };
    state.transaction(&mut |state| {
        state.put_findings(&findings)?;
        state.put_case(&case)?;
        state.put_doc("detected", id, detected)
    })
}

fn findings(host: HostId, id: &str, detected: &Value, now_ms: i64) -> Vec<Finding> {
    let events = detected["events"].as_array().into_iter().flatten().take(EVIDENCE_MAX);
    let evidence = |event: &Value| {
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let raw: String = text("raw").chars().take(RAW_CHARS_MAX).collect();
        vec![
            Evidence {
                kind: "behaviour".into(),
                origin: EvidenceOrigin::Local,
                text: text("counts"),
                reference: None,
            },
            Evidence {
                kind: format!("log.{}", text("source")),
                origin: EvidenceOrigin::Local,
                text: raw,
                reference: None,
            },
        ]
    };
    events
        .map(|event| Finding {
            id: FindingId::new(&SystemClock, &OsRng),
            time_ms: event["time_ms"].as_i64().unwrap_or(now_ms),
            host,
            kind: FindingKind::Behaviour {
                case: id.to_owned(),
                what: event["text"].as_str().unwrap_or_default().to_owned(),
            },
            status: Status::Affected,
            ids: texts(&event["techniques"]).map(str::to_owned).collect(),
            evidence: evidence(event),
        })
        .collect()
}

/// One line: the gravest rule, or else the most surprising thing.
fn title(detected: &Value) -> String {
    let events = || detected["events"].as_array().into_iter().flatten();
    let telling = events().find(|event| event["kind"] == "rule").or_else(|| events().next());
    let what = telling.and_then(|event| event["text"].as_str()).unwrap_or("unusual behaviour");
    // A rule's id stands behind its title, for machines.
    let what = what.rsplit_once(" (").map_or(what, |(title, _)| title);
    let host = detected["spans"][0]["host"].as_str().unwrap_or("this host");
    format!("{what} on {host}")
}

fn priority(detected: &Value) -> Priority {
    let events = detected["events"].as_array().into_iter().flatten();
    let rules = events.filter(|event| event["kind"] == "rule").count();
    if rules > 0 { Priority::Immediate } else { Priority::OutOfCycle }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn detected(events: usize) -> Value {
        let event = |n: usize| {
            json!({
                "time_ms": 5, "kind": "rule", "text": format!("Passwords are read {n} (ab-{n})"),
                "bits": 14.5, "counts": "this host is new here", "source": "evtx", "techniques": ["T1003"],
                "raw": "{}",
            })
        };
        json!({
            "id": "00112233445566ff", "techniques": ["T1003"], "explanation": ["Why."],
            "score": 31.25, "p_value": 1.4e-5,
            "spans": [{"host": "desk"}], "events": (0..events).map(event).collect::<Vec<_>>(),
        })
    }

    fn state() -> (tempfile::TempDir, SqliteState) {
        let dir = tempfile::tempdir().unwrap();
        let state = SqliteState::open(&dir.path().join("state.db")).unwrap();
        (dir, state)
    }

    #[test]
    fn what_the_watcher_says_becomes_a_case_that_grows_and_stays_where_people_put_it() {
        let (dir, state) = state();
        let host = crate::host::host_id();
        put(&folder(dir.path()), &detected(1)).unwrap();
        assert_eq!(take_in(dir.path(), &state, host, 10), 1);
        assert_eq!(take_in(dir.path(), &state, host, 10), 0, "it is taken away");
        let id = Case::identity(host, KIND, "00112233445566ff").unwrap();
        let mut case = state.case(&id).unwrap().unwrap();
        assert_eq!(case.title, "Passwords are read 0 on desk");
        assert_eq!(case.priority, Priority::Immediate);
        assert_eq!(case.ids, ["T1003"]);
        case.step(spine::CaseEvent::Accept, 20).unwrap();
        state.put_case(&case).unwrap();
        put(&folder(dir.path()), &detected(3)).unwrap();
        assert_eq!(take_in(dir.path(), &state, host, 30), 1);
        let case = state.case(&id).unwrap().unwrap();
        assert_eq!((case.state, case.findings.len()), (CaseState::Accepted, 3));
        assert_eq!((case.created_ms, case.updated_ms), (10, 30));
        assert!(state.finding(case.findings[0]).unwrap().is_some());
    }

    #[test]
    fn a_case_without_a_plain_id_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        for id in ["", "../../x", "00112233445566f", "00112233445566fg"] {
            assert!(put(&folder(dir.path()), &json!({ "id": id })).is_err(), "{id}");
        }
    }
}
