//! A detected case, told to people: who and when, how rare, why, and the evidence.

use serde_json::Value;

use crate::rim::time_text;

/// Lines of the timeline that are printed.
const TIMELINE_MAX: usize = 12;
/// Pieces of evidence that are printed with the source's own fields.
const EVIDENCE_MAX: usize = 3;
/// Characters of such fields that are printed.
const RAW_CHARS_MAX: usize = 240;
/// Entities that are printed beside the hosts.
const ENTITIES_MAX: usize = 8;

/// The lines of a case.
pub fn case_lines(case: &Value) -> Vec<String> {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let mut lines = vec![format!(
        "case {}  {} to {}  {}",
        text("id"),
        time(&case["first_ms"]),
        time(&case["last_ms"]),
        entities(case, |kind| kind == "host"),
    )];
    if let Some(reason) = case["withheld"].as_str() {
        lines.push(format!("  withheld: {}", why_withheld(reason)));
    }
    let techniques: Vec<&str> = texts(&case["techniques"]).collect();
    if !techniques.is_empty() {
        lines.push(format!("  ATT&CK: {}", techniques.join(", ")));
    }
    let others = entities(case, |kind| kind != "host");
    if !others.is_empty() {
        lines.push(format!("  takes part: {others}"));
    }
    lines.push(format!("  score {:.1} bits", case["score"].as_f64().unwrap_or_default()));
    lines.extend(texts(&case["explanation"]).map(|sentence| format!("  {sentence}")));
    lines.push("  timeline".to_owned());
    lines.extend(objects(&case["timeline"]).take(TIMELINE_MAX).map(|moment| {
        let host = moment["host"].as_str().unwrap_or_default();
        let what = moment["text"].as_str().unwrap_or_default();
        format!("    {}  {host}  {what}", time(&moment["time_ms"]))
    }));
    let more = objects(&case["timeline"]).count().saturating_sub(TIMELINE_MAX);
    if more > 0 {
        lines.push(format!("    and {more} more; `--json` has them all"));
    }
    lines.push("  evidence".to_owned());
    for event in objects(&case["events"]).take(EVIDENCE_MAX) {
        let raw = event["raw"].as_str().unwrap_or_default();
        let cut: String = raw.chars().take(RAW_CHARS_MAX).collect();
        let dots = if cut.len() < raw.len() { "…" } else { "" };
        lines.push(format!("    {} {cut}{dots}", event["source"].as_str().unwrap_or_default()));
    }
    lines
}

/// How many cases were withheld, by a budget report.
pub fn withheld(budget: &Value) -> u64 {
    let counts = budget["withheld"].as_object();
    counts.map_or(0, |counts| counts.values().filter_map(Value::as_u64).sum())
}

fn why_withheld(reason: &str) -> &str {
    match reason {
        "cap" => "the day's number of cases was reached",
        "false_discoveries" => "too many of the cases before it were false",
        "not_rare_enough" => "rare, and not rare enough to be shown",
        other => other,
    }
}

fn entities(case: &Value, wanted: impl Fn(&str) -> bool) -> String {
    let all =
        objects(&case["entities"]).filter(|entity| entity["kind"].as_str().is_some_and(&wanted));
    let told = all.take(ENTITIES_MAX).map(|entity| {
        let part = |key: &str| entity[key].as_str().unwrap_or_default();
        format!("{} {}", part("kind"), part("name"))
    });
    told.collect::<Vec<_>>().join(", ")
}

fn time(value: &Value) -> String {
    time_text(value.as_i64().unwrap_or_default())
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    objects(value).filter_map(Value::as_str)
}

fn objects(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_case_is_told_with_who_when_why_and_evidence() {
        let case = json!({
            "id": "0123456789abcdef", "first_ms": 0, "last_ms": 60_000, "score": 31.25,
            "techniques": ["T1003.001"], "withheld": "cap",
            "entities": [{"kind": "host", "name": "desk"}, {"kind": "user", "name": "ann"}],
            "explanation": ["1 thing was new or rare on desk."],
            "timeline": [{"time_ms": 0, "host": "desk", "text": "rule match: x"}],
            "events": [{"source": "evtx", "raw": "y".repeat(400)}],
        });
        let lines = case_lines(&case);
        assert_eq!(
            lines[0],
            "case 0123456789abcdef  1970-01-01 00:00:00Z to 1970-01-01 00:01:00Z  host desk"
        );
        assert_eq!(lines[1], "  withheld: the day's number of cases was reached");
        assert!(lines.iter().any(|line| line == "  takes part: user ann"));
        assert!(lines.last().unwrap().ends_with('…'));
    }

    #[test]
    fn what_was_withheld_is_counted_over_all_reasons() {
        let budget = json!({"withheld": {"cap": 2, "not_rare_enough": 3}});
        assert_eq!((withheld(&budget), withheld(&json!({}))), (5, 0));
    }
}
