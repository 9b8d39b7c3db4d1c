//! A plan in plain words: its steps, what the dry run showed, what it costs, the way back.

use maud::{Markup, html};
use serde_json::Value;
use spine::{Decision, Plan, Step, Verdict};

use super::foreign::Foreign;
use super::words::{self, count};
use super::{chart, parts};
use crate::containing::{contains, lapses};
use crate::db::Proposal;

/// Files that are named; the rest is counted.
const FILES_SHOWN: usize = 40;

/// What a plan would do.
pub fn steps(plan: &Plan) -> Markup {
    html! {
        ol.steps { @for step in &plan.steps { li { (one_step(step)) } } }
    }
}

fn one_step(step: &Step) -> Markup {
    let packages = step.params.get("packages").and_then(Value::as_array);
    match (step.actuator.as_str(), packages) {
        ("apt.upgrade", Some(packages)) => html! {
            "Upgrade " (count(packages.len() as u64, "package", "packages")) ":"
            ul.versions {
                @for package in packages.iter().take(FILES_SHOWN) {
                    li { (version(package)) }
                }
                @if packages.len() > FILES_SHOWN {
                    li { "and " (packages.len() - FILES_SHOWN) " more" }
                }
            }
        },
        ("roll_back", _) => html! { "Put back what an earlier action changed." },
        ("net.block_address", _) => {
            html! { "Block the network address " (given(step, "address")) "." }
        }
        ("process.freeze", _) => {
            html! { "Freeze process " (given(step, "pid")) " and everything below it." }
        }
        ("file.quarantine", _) => {
            html! { "Move the file " (given(step, "path")) " into quarantine." }
        }
        (name, _) => html! {
            code { (Foreign(name)) }
            @for (key, value) in &step.params {
                " " (Foreign(key)) ": " code { (Foreign(&short(value))) }
            }
        },
    }
}

fn version(package: &Value) -> Markup {
    let text = |name: &str| package.get(name).and_then(Value::as_str).unwrap_or_default();
    html! {
        strong { (Foreign(text("name"))) } " "
        @if text("from").is_empty() { "new" } @else { (Foreign(text("from"))) }
        " → " (Foreign(text("to")))
    }
}

fn given(step: &Step, name: &str) -> Markup {
    let value = step.params.get(name).map(short).unwrap_or_default();
    html! { code { (Foreign(&value)) } }
}

fn short(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Sentences that were kept beside a proposal.
fn kept<'a>(proposal: &'a Proposal, name: &str) -> Vec<&'a str> {
    let list = proposal.dry_run.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What stops working by a containment, one sentence each.
pub fn costs(proposal: &Proposal) -> Markup {
    let costs = kept(proposal, "costs");
    html! {
        p { strong { "What stops working:" } }
        @if costs.is_empty() { p { (parts::tag("unknown", "unknown")) " Nobody looked." } }
        ul.plainly { @for cost in costs { li { (Foreign(cost)) } } }
    }
}

/// When a containment ends.
pub fn ends(plan: &Plan) -> &'static str {
    let moves = plan.steps.iter().any(|step| step.actuator == "file.quarantine");
    match (lapses(plan), moves) {
        (true, true) => {
            "All of it ends by itself 24 hours later: what is frozen goes on, the file is back."
        }
        (true, false) => "It ends by itself 24 hours later.",
        (false, _) => "It does not end by itself: the file stays away until you put it back.",
    }
}

/// What trying it on a copy showed. No dry run is said as such, never as a good one.
pub fn dry_run(plan: &Plan, proposal: &Proposal) -> Markup {
    let report = proposal.dry_run.get("report").unwrap_or(&Value::Null);
    if report.is_null() {
        return html! { p { "It was not tried on a copy." } };
    }
    if contains(plan) {
        return rehearsed(report);
    }
    let is = |name: &str| report.get(name).and_then(Value::as_bool) == Some(true);
    let list = |name: &str| report.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let manifest = list("manifest");
    let kinds = |kind: &str| {
        let is_kind = |change: &&Value| change.get("kind").and_then(Value::as_str) == Some(kind);
        manifest.iter().filter(is_kind).count() as u64
    };
    let good = is("passed") && is("rollback_verified");
    html! {
        @if good {
            p { (parts::tag("ok", "passed")) " It was applied to a copy of the machine and taken \
                back there; afterwards the copy was what it had been, file by file." }
        } @else {
            p { (parts::tag("now", "did not pass")) " It is not applied. Nothing was changed." }
        }
        @for problem in list("problems") {
            p.row-text { (Foreign(problem.as_str().unwrap_or_default())) }
        }
        (chart::parts("Files that change", &[
            ("ok", "files added", kinds("added")),
            ("planned", "changed", kinds("changed")),
            ("soon", "removed", kinds("removed")),
        ]))
        @if !manifest.is_empty() {
            details {
                summary { "Which files" }
                ul.paths {
                    @for change in manifest.iter().take(FILES_SHOWN) {
                        li { code { (Foreign(change.get("path").and_then(Value::as_str)
                            .unwrap_or_default())) } }
                    }
                    @if manifest.len() > FILES_SHOWN {
                        li { "and " (manifest.len() - FILES_SHOWN) " more" }
                    }
                }
            }
        }
    }
}

/// A containment is not done on a copy: each step was checked on the machine without doing it.
fn rehearsed(report: &Value) -> Markup {
    let problems = report.get("problems").and_then(Value::as_array);
    let problems: Vec<&str> = problems.into_iter().flatten().filter_map(Value::as_str).collect();
    let good = report.get("passed").and_then(Value::as_bool) == Some(true) && problems.is_empty();
    html! {
        @if good {
            p { (parts::tag("ok", "passed")) " Each step was checked on the machine without doing it: \
                it can be done now, and taken back." }
        } @else {
            p { (parts::tag("now", "did not pass")) " It is not done. Nothing was changed." }
        }
        @for problem in problems { p.row-text { (Foreign(problem)) } }
    }
}

/// What will be noticed while it is done.
pub fn consequences(plan: &Plan, proposal: &Proposal) -> Markup {
    if contains(plan) {
        let left = kept(proposal, "left");
        return html! {
            (costs(proposal))
            p { (ends(plan)) }
            @if !left.is_empty() {
                details { summary { "What is left alone" }
                    ul.plainly { @for reason in left { li { (Foreign(reason)) } } } }
            }
        };
    }
    let report = proposal.dry_run.get("report").unwrap_or(&Value::Null);
    let services = report.get("services").and_then(Value::as_array).cloned().unwrap_or_default();
    let name = |service: &Value| {
        service.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    html! {
        @if report.is_null() {
            p { "Unknown: it was not tried on a copy." }
        } @else if services.is_empty() {
            p { "No service restarts." }
        } @else {
            p { "These services restart; whoever uses them is cut off for a moment:" }
            ul { @for service in &services { li { (Foreign(&name(service))) } } }
        }
    }
}

/// What the rules said of it when it was made.
pub fn decision(proposal: &Proposal) -> Markup {
    let said = proposal.dry_run.get("decision").cloned().unwrap_or_default();
    let Ok(decision) = serde_json::from_value::<Decision>(said) else {
        return html! { p { (parts::tag("unknown", "unknown")) " The rules were not asked yet." } };
    };
    let class = match decision.verdict {
        Verdict::Deny => "now",
        Verdict::NeedsApproval { .. } => "planned",
        Verdict::Allow => "ok",
    };
    html! {
        p { (parts::tag(class, &words::verdict(decision.verdict))) }
        @if !decision.reasons.is_empty() {
            ul { @for (rule, reason) in decision.rules.iter().zip(&decision.reasons) {
                li { (Foreign(reason)) " "
                    a.small href={ "/rules#" (rule) } { (Foreign(&rule.0)) } }
            } }
        }
    }
}

/// The way back.
pub fn undo(plan: &Plan) -> Markup {
    let takes_back = plan.steps.iter().all(|step| step.actuator == "roll_back");
    html! {
        @if contains(plan) {
            p { (ends(plan)) " You can take it back before, here or with " code { "ringfort undo" }
                " on the machine. If anything fails half-way, or the power goes, it is taken back by \
                itself." }
        } @else if takes_back {
            p { "This is the way back itself. What somebody else changed since is kept aside and \
                named." }
        } @else {
            p { "Every file and the package database are kept before the change and can be put \
                back, here or with " code { "ringfort undo" } " on the machine. If anything fails \
                half-way, or the power goes, it is taken back by itself." }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use spine::{Digest, PlanHash};

    use super::*;

    fn plan(actuator: &str) -> Plan {
        let params = serde_json::Map::new();
        Plan {
            schema: 1,
            host: spine::HostId(Digest([1; 32])),
            root: "/".into(),
            case: None,
            author: spine::Author::Human,
            purpose: "test".into(),
            steps: vec![Step { actuator: actuator.into(), params }],
            evidence: vec![],
            ring: None,
            created_ms: 0,
            nonce: "0".repeat(32),
        }
    }

    fn proposal(dry_run: Value) -> Proposal {
        Proposal { plan: PlanHash(Digest([1; 32])), case: None, made_ms: 0, dry_run }
    }

    #[test]
    fn no_dry_run_and_a_failed_one_are_never_shown_as_passed() {
        for report in [
            json!(null),
            json!({}),
            json!({ "report": { "passed": true } }),
            json!({ "report": { "passed": true, "rollback_verified": false } }),
        ] {
            let shown = dry_run(&plan("apt.upgrade"), &proposal(report.clone())).into_string();
            assert!(!shown.contains(">passed<"), "{report}");
        }
        for report in [
            json!({ "report": { "passed": false } }),
            json!({ "report": { "passed": true, "problems": ["the gateway"] } }),
        ] {
            let shown = dry_run(&plan("net.block_address"), &proposal(report.clone()));
            assert!(!shown.into_string().contains(">passed<"), "{report}");
        }
        let good = json!({ "report": { "passed": true, "rollback_verified": true } });
        assert!(dry_run(&plan("apt.upgrade"), &proposal(good)).into_string().contains(">passed<"));
        let unasked = decision(&proposal(json!({}))).into_string();
        assert!(unasked.contains("not asked"), "{unasked}");
    }

    #[test]
    fn a_containment_says_what_stops_and_when_it_ends_and_a_file_alone_stays_away() {
        let told = json!({ "costs": ["<b> stands still."], "report": { "passed": true } });
        let shown = consequences(&plan("process.freeze"), &proposal(told)).into_string();
        assert!(shown.contains("&lt;b&gt; stands still.") && shown.contains("24 hours"), "{shown}");
        assert!(ends(&plan("file.quarantine")).contains("until you put it back"));
    }

    #[test]
    fn a_step_of_any_actuator_is_inert_text() {
        let params = json!({ "<b>": "<script>" }).as_object().cloned().unwrap();
        let shown = one_step(&Step { actuator: "odd.<i>".into(), params }).into_string();
        assert!(!shown.contains("<script>") && !shown.contains("<i>") && !shown.contains("<b>"));
    }
}
