//! Everything that is known of a case, as one zip file that others can check: a hash of every file,
//! and from the record of the machine each receipt with a proof that it is in there.
//!
//! | module | holds |
//! |---|---|
//! | [`archive`] | files, manifest, sums, the zip file |
//! | [`receipts`] | what of the record is about a case, and the proofs |
//!
//! What cannot be gathered is named in the manifest with the reason; nothing is left out silently.
//! No secret of ringfort can get in: what is gathered is listed here, and is none of them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use durable::StdFiles;
use serde::Serialize;
use serde_json::{Value, json};
use spine::{Case, CaseId, PlanHash};
use store::{EventFilter, EventReader, Overview as _, SqliteState, State as _, StoredEvent};

use crate::db::Db;
use crate::executor::Executor;
use crate::hub::Hub;
use crate::web::Oops;
use archive::Archive;

pub mod archive;
pub mod receipts;

/// The most events that are given along.
const EVENTS_MAX: usize = 50_000;
/// The most bytes of their text.
const EVENTS_BYTES_MAX: usize = 32 << 20;
/// The most findings that are given along.
const FINDINGS_MAX: usize = 5_000;
/// How much around a case of behaviour is given along, milliseconds (an hour).
const AROUND_MS: i64 = 3_600_000;
/// How much around the first sight of any other case, milliseconds (a day).
const AROUND_FIRST_MS: i64 = 24 * AROUND_MS;
/// What the zip file says of itself.
const README: &str = include_str!("README.txt");

/// Where it is gathered from.
pub struct Sources<'a> {
    /// What the site knows.
    pub state: &'a SqliteState,
    /// What the page adds to it, if there is a page.
    pub db: Option<&'a Db>,
    /// The executor of this machine.
    pub executor: &'a dyn Executor,
    /// Folders of event logs: this machine's, and the one of machines that report here.
    pub events: Vec<PathBuf>,
    /// Now, milliseconds since the Unix epoch.
    pub now_ms: i64,
}

/// The evidence of one case.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The zip file.
    pub zip: Vec<u8>,
    /// How many files are in it.
    pub files: usize,
    /// What could not be gathered, with the reason.
    pub left_out: Vec<String>,
}

/// The evidence of a case, as the page gathers it.
pub fn of_case(hub: &Hub, id: CaseId) -> Result<Bundle, Oops> {
    let agent = hub.config.state_db.parent().map(|agent| agent.join("events"));
    let events = agent.into_iter().chain([hub.config.dir.join("events")]).collect();
    hub.state(|state| {
        let (db, executor) = (Some(&hub.db), &*hub.executor);
        Ok(gather(&Sources { state, db, executor, events, now_ms: hub.clock.now_ms() }, id))
    })?
}

/// Gathers the evidence of a case.
pub fn gather(sources: &Sources<'_>, id: CaseId) -> Result<Bundle, Oops> {
    let state = sources.state;
    let case = state.case(&id)?.ok_or(Oops::NotFound("case"))?;
    let mut archive = Archive::default();
    archive.text("README.txt", README);
    archive.json("case.json", &case)?;
    match state.host(case.host)? {
        Some(host) => archive.json("machine.json", &host)?,
        None => archive.leave("machine.json", "this machine is not known any more"),
    }
    findings(&mut archive, state, &case)?;
    let detected = state.get_doc("detected", &case.subject)?;
    let detected = detected.filter(|_| case.kind == crate::web::registry::case::BEHAVIOUR);
    if let Some(detected) = &detected {
        archive.json("detected.json", detected)?;
    }
    let plans = plans(&mut archive, sources, &case)?;
    if let Some(db) = sources.db {
        let comments = db.comments(&id)?.into_iter();
        let comments = comments
            .map(|said| json!({ "user": said.user, "time_ms": said.time_ms, "text": said.text }));
        archive.lines("comments.jsonl", comments)?;
    } else {
        archive.leave("comments.jsonl", "there is no page here that keeps comments");
    }
    events(&mut archive, sources, &case, detected.as_ref())?;
    match receipts::about(sources.executor, &plans) {
        Ok(record) => record.put_into(&mut archive),
        Err(error) => archive.leave("record/", &error.shown()),
    }
    let about = [
        ("schema", json!(1)),
        ("case", json!(id)),
        ("gathered_ms", json!(sources.now_ms)),
        ("program", json!(format!("ringfort {}", env!("CARGO_PKG_VERSION")))),
    ];
    archive.finish(&about.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn findings(archive: &mut Archive, state: &SqliteState, case: &Case) -> Result<(), Oops> {
    let mut found = Vec::new();
    for id in case.findings.iter().take(FINDINGS_MAX) {
        found.extend(state.finding(*id)?);
    }
    let gone = case.findings.len().saturating_sub(found.len());
    if gone > 0 {
        let why = format!("{gone} findings of the case are gone: a newer scan replaced them");
        archive.leave("findings.json", &why);
    }
    archive.json("findings.json", &found)
}

/// Every plan that was made for a case, with its signatures; returns their hashes.
fn plans(
    archive: &mut Archive,
    sources: &Sources<'_>,
    case: &Case,
) -> Result<BTreeSet<PlanHash>, Oops> {
    let state = sources.state;
    let mut hashes = BTreeSet::new();
    for plan in state.plans_for_case(&case.id)? {
        hashes.insert(plan.hash().map_err(|error| Oops::Internal(error.to_string()))?);
    }
    if let Some(db) = sources.db {
        hashes.extend(db.proposals(&case.id)?.iter().map(|proposal| proposal.plan));
    }
    let mut lines = Vec::new();
    for hash in &hashes {
        if let Some(plan) = state.plan(hash)? {
            let approvals = state.approvals_for(hash)?;
            lines.push(json!({ "hash": hash, "plan": plan, "approvals": approvals }));
        }
    }
    archive.lines("plans.jsonl", lines)?;
    Ok(hashes)
}

/// From when to when the events around a case are of interest.
fn around(case: &Case, detected: Option<&Value>) -> (i64, i64) {
    let spans = detected.and_then(|detected| detected["spans"].as_array());
    let of = |key: &str| {
        let values = spans.into_iter().flatten();
        values.filter_map(|span| span[key].as_i64()).collect::<Vec<_>>()
    };
    match (of("from_ms").into_iter().min(), of("to_ms").into_iter().max()) {
        (Some(from_ms), Some(to_ms)) => (from_ms - AROUND_MS, to_ms + AROUND_MS),
        _ => (case.created_ms - AROUND_FIRST_MS, case.created_ms + AROUND_FIRST_MS),
    }
}

fn events(
    archive: &mut Archive,
    sources: &Sources<'_>,
    case: &Case,
    detected: Option<&Value>,
) -> Result<(), Oops> {
    let (from_ms, before_ms) = around(case, detected);
    let filter = EventFilter {
        from_ms: Some(from_ms),
        before_ms: Some(before_ms),
        host: Some(case.host),
        ..EventFilter::default()
    };
    let (mut found, mut bytes) = (Vec::new(), 0_usize);
    let mut full = false;
    for dir in sources.events.iter().filter(|dir| dir.is_dir()) {
        let reader = EventReader::new(Arc::new(StdFiles), dir);
        let report = reader.scan(&filter, &mut |stored| {
            bytes += line(&stored).to_string().len();
            full = found.len() >= EVENTS_MAX || bytes > EVENTS_BYTES_MAX;
            if full {
                return ControlFlow::Break(());
            }
            found.push(stored);
            ControlFlow::Continue(())
        });
        match report {
            Ok(report) => {
                for (file, reason) in &report.damaged {
                    archive.leave("events", &format!("`{file}` does not read: {reason}"));
                }
                if report.undecodable > 0 {
                    archive.leave("events", "some were written by a newer version of ringfort");
                }
            }
            Err(error) => archive.leave("events", &error.to_string()),
        }
    }
    if full {
        archive.leave("events", "there are more of them than one file holds; the first are here");
    }
    if !sources.events.iter().any(|dir| dir.is_dir()) {
        archive.leave("events", "no event was written down on this machine");
    }
    archive.lines("events.jsonl", found.iter().map(line))?;
    match store::parquet_of(&found) {
        Ok(Some(bytes)) => archive.bytes("events.parquet", bytes),
        Ok(None) => archive.leave("events.parquet", "there is no event around this case"),
        Err(error) => archive.leave("events.parquet", &error.to_string()),
    }
    Ok(())
}

fn line(stored: &StoredEvent) -> Value {
    #[derive(Serialize)]
    struct Line<'a> {
        seq: u64,
        recorded_ms: i64,
        #[serde(flatten)]
        event: &'a spine::Event,
    }
    let line = Line { seq: stored.seq, recorded_ms: stored.recorded_ms, event: &stored.event };
    serde_json::to_value(line).unwrap_or_default()
}
