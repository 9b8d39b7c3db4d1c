//! One case from the first sign to its end: what the machine showed, what people were told, decided
//! and said, what was done. Each line says where it comes from.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use spine::{ActionId, Approval, CaseId, Plan, PlanHash, Receipt, ReceiptKind};
use store::State as _;

use crate::hub::Hub;
use crate::look::words;
use crate::record;
use crate::web::Oops;
use crate::web::registry::case::Known;

/// Receipts that are looked through, from the newest back.
const RECEIPTS_MAX: usize = 4_096;
/// Receipts that are read at once.
const BATCH: u32 = 256;
/// Doings on the page that are listed.
const DOINGS_MAX: u32 = 500;
/// Lines of one timeline.
const LINES_MAX: usize = 2_000;

/// Where a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The machine's own logs.
    Logs,
    /// ringfort's own state.
    State,
    /// The tamper-evident record.
    Record,
    /// What people did or said on the page.
    Page,
}

impl Source {
    /// In plain words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::State => "ringfort",
            Self::Record => "record",
            Self::Page => "page",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Line {
    /// When, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// Where it comes from.
    pub source: Source,
    /// What, in plain words.
    pub text: String,
}

/// The course of a case, and what of it could not be read.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// In the order of time.
    pub lines: Vec<Line>,
    /// What is missing, with the reason.
    pub missing: Vec<String>,
}

impl Timeline {
    fn add(&mut self, time_ms: i64, source: Source, text: impl Into<String>) {
        self.lines.push(Line { time_ms, source, text: text.into() });
    }
}

/// Gathers the course of a case.
pub fn gather(hub: &Hub, known: &Known) -> Result<Timeline, Oops> {
    let case = &known.case;
    let mut timeline = Timeline::default();
    of_case(&mut timeline, known);
    if let Some(watch) = hub.db.watch(&case.id)? {
        timeline.add(watch.first_ms, Source::Page, "people were told");
        if let Some(time_ms) = watch.escalated_ms {
            timeline.add(time_ms, Source::Page, "told again, louder: nobody had taken it up");
        }
    }
    for said in hub.db.comments(&case.id)? {
        let text = format!("{} said: {}", said.user, said.text);
        timeline.add(said.time_ms, Source::Page, text);
    }
    let plans = plans(hub, case.id)?;
    let names = std::iter::once(case.id.short()).chain(plans.iter().map(|(hash, ..)| hash.short()));
    for name in names {
        for (time_ms, user, what) in hub.db.doings_about(&name, DOINGS_MAX)? {
            timeline.add(time_ms, Source::Page, format!("{user} {what}"));
        }
    }
    for (hash, plan, approvals) in &plans {
        let text = format!("a plan was made: {} ({})", plan.purpose, hash.short());
        timeline.add(plan.created_ms, Source::State, text);
        for approval in approvals {
            let how = if approval.break_glass { "by one person who broke the glass" } else { "" };
            let text = format!("plan {} was signed {how}", hash.short());
            timeline.add(approval.signed_ms, Source::State, text.trim_end());
        }
    }
    let wanted: BTreeSet<PlanHash> = plans.iter().map(|(hash, ..)| *hash).collect();
    if let Err(error) = of_record(hub, case.created_ms, &wanted, &mut timeline) {
        timeline.missing.push(format!("The record could not be read: {}", error.shown()));
    }
    timeline.lines.sort();
    timeline.lines.dedup();
    if timeline.lines.len() > LINES_MAX {
        let more = timeline.lines.len() - LINES_MAX;
        timeline.missing.push(format!("{more} later lines are left out."));
        timeline.lines.truncate(LINES_MAX);
    }
    Ok(timeline)
}

fn of_case(timeline: &mut Timeline, known: &Known) {
    let case = &known.case;
    let moments = known.detected.as_ref().and_then(|detected| detected["timeline"].as_array());
    for moment in moments.into_iter().flatten() {
        let text = |key: &str| moment[key].as_str().unwrap_or_default();
        let told = format!("{}: {}", text("host"), text("text"));
        timeline.add(moment["time_ms"].as_i64().unwrap_or(0), Source::Logs, told);
    }
    timeline.add(
        case.created_ms,
        Source::State,
        format!("ringfort showed it first: {}", case.title),
    );
    if !case.state.is_open() {
        timeline.add(case.updated_ms, Source::State, words::state(case.state));
    }
}

type Made = (PlanHash, Plan, Vec<Approval>);

/// Every plan that was made for a case, with its signatures.
fn plans(hub: &Hub, id: CaseId) -> Result<Vec<Made>, Oops> {
    let proposed: Vec<PlanHash> = hub.db.proposals(&id)?.iter().map(|p| p.plan).collect();
    hub.state(|state| {
        let mut hashes: BTreeSet<PlanHash> = proposed.into_iter().collect();
        for plan in state.plans_for_case(&id)? {
            hashes.insert(plan.hash()?);
        }
        let mut made = Vec::new();
        for hash in hashes {
            if let Some(plan) = state.plan(&hash)? {
                made.push((hash, plan, state.approvals_for(&hash)?));
            }
        }
        Ok(made)
    })
}

/// What the record says of these plans and of what took them back, as far back as the first sight
/// of the case.
fn of_record(
    hub: &Hub,
    since_ms: i64,
    plans: &BTreeSet<PlanHash>,
    timeline: &mut Timeline,
) -> Result<(), Oops> {
    let (receipts, whole) = since(hub, since_ms)?;
    if !whole {
        let text = format!("Only the newest {} receipts of the record were read.", receipts.len());
        timeline.missing.push(text);
    }
    let of = |receipt: &Receipt, plans: &BTreeSet<PlanHash>| {
        receipt.plan.is_some_and(|plan| plans.contains(&plan))
    };
    let actions: BTreeSet<ActionId> = receipts
        .iter()
        .filter(|(_, receipt)| of(receipt, plans))
        .filter_map(|(_, receipt)| receipt.action)
        .collect();
    let takes_back = |receipt: &Receipt| {
        let action = receipt.body.get("took_back").and_then(Value::as_str);
        action.and_then(|id| id.parse().ok()).is_some_and(|action| actions.contains(&action))
    };
    let undone = receipts.iter().filter(|(_, receipt)| takes_back(receipt));
    let undone: BTreeSet<PlanHash> = undone.filter_map(|(_, receipt)| receipt.plan).collect();
    for (index, receipt) in &receipts {
        if (of(receipt, plans) || of(receipt, &undone))
            && let Some(text) = told(receipt)
        {
            let text = format!("{text} (receipt {index})");
            timeline.add(receipt.time_ms, Source::Record, text);
        }
    }
    Ok(())
}

/// The receipts since a moment, the newest first, and whether these are all.
fn since(hub: &Hub, since_ms: i64) -> Result<(Vec<(u64, Receipt)>, bool), Oops> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let (receipts, _) = record::newest(hub, before, BATCH)?;
        let Some((oldest, first)) = receipts.last() else { return Ok((all, true)) };
        let (oldest, first_ms) = (*oldest, first.time_ms);
        all.extend(receipts);
        if oldest == 0 || first_ms < since_ms {
            return Ok((all, true));
        }
        if all.len() >= RECEIPTS_MAX {
            return Ok((all, false));
        }
        before = Some(oldest);
    }
}

/// A receipt in plain words, if it is part of a story.
fn told(receipt: &Receipt) -> Option<String> {
    let text = |name: &str| receipt.body.get(name).and_then(Value::as_str).unwrap_or_default();
    let plan = receipt.plan.map(|plan| plan.short()).unwrap_or_default();
    let kind = serde_json::to_value(receipt.kind).unwrap_or_default();
    let kind = words::receipt(kind.as_str().unwrap_or_default());
    Some(match receipt.kind {
        ReceiptKind::Decision => {
            let body = Value::Object(receipt.body.clone());
            let decision: spine::Decision = serde_json::from_value(body).ok()?;
            format!("plan {plan}: {}", words::verdict(decision.verdict).to_lowercase())
        }
        ReceiptKind::Outcome => {
            format!("plan {plan}: {}, {}", text("state").replace('_', " "), text("message"))
        }
        ReceiptKind::Refusal | ReceiptKind::Unscheduled => {
            format!("plan {plan}: {kind}: {}", text("reason"))
        }
        _ => format!("plan {plan}: {kind}"),
    })
}
