//! The record: what was decided and done, and a check that nothing of it was changed.

use maud::{Markup, html};
use serde_json::Value;
use spine::{Receipt, ReceiptKind};

use super::{Act, Ask, Next, Oops, Page, View};
use crate::jobs::End;
use crate::look::foreign::Foreign;
use crate::look::parts::{self, button};
use crate::look::words;
use crate::record;
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/records",
    title: "Records",
    nav: Some(6),
    sees: Some(Role::Viewer),
    view,
    acts: &[
        Act { path: "/records/verify", needs: Some(Role::Viewer), run: verify },
        Act { path: "/records/undo", needs: Some(Role::Approver), run: undo },
    ],
};

/// Receipts on one page.
const SHOWN: u32 = 50;

#[expect(clippy::unnecessary_wraps, reason = "every page and call has this form")]
fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let before = ask.query.get("before").and_then(|text| text.parse().ok());
    let body = match record::newest(ask.hub, before, SHOWN) {
        Ok((receipts, size)) => whole(ask, &receipts, size),
        Err(error) => html! {
            h1 { "Records" }
            p.lead { "The record cannot be read here: " (Foreign(&error.shown())) }
        },
    };
    Ok(View::new("Records", body))
}

fn whole(ask: &Ask<'_>, receipts: &[(u64, Receipt)], size: u64) -> Markup {
    let done = ask.hub.executor.actions().unwrap_or_default();
    let changes: Vec<_> = done.iter().filter(|action| action.undoable).take(10).collect();
    html! {
        h1 { "Records" }
        p.lead { "What was decided and done on this machine, each entry tied to the one before, so \
            that a change can be seen by whoever kept an older copy." }
        p.actions { (button(ask, "/records/verify", "main", "Check the whole record")) }
        @if !changes.is_empty() {
            section { h2 { "Can be taken back" }
                ul.rows { @for action in &changes {
                    li.row { div.row-main {
                        p { @for kind in &action.types { (words::action(kind)) " " } }
                        @if let Some(end_ms) = action.lapses_ms {
                            p.row-text { "It ends by itself at " (parts::at(end_ms)) "." } }
                        p.row-meta { (parts::time(action.started_ms, ask.now_ms)) " · "
                            code { (short(&action.id.to_string())) } " · "
                            a href={ "/undo/" (action.id) } { "Undo sheet to print" } }
                        @if ask.may(Role::Approver) {
                            (parts::form(ask, "/records/undo", html! {
                                input type="hidden" name="action" value=(action.id);
                                button.button.plain { "Take it back" }
                            }))
                        }
                    } }
                } }
            }
        }
        section { h2 { (words::count(size, "entry", "entries")) }
            ol.record reversed start=[receipts.first().map(|(index, _)| index)] {
                @for (index, receipt) in receipts { (entry(ask, *index, receipt)) }
            }
            @if let Some((last, _)) = receipts.last().filter(|(last, _)| *last > 0) {
                nav.pager aria-label="More of the list" { a href={ "/records?before=" (last) } { "older →" } }
            }
        }
    }
}

fn entry(ask: &Ask<'_>, index: u64, receipt: &Receipt) -> Markup {
    let kind = serde_json::to_value(receipt.kind).unwrap_or_default();
    let text = |name: &str| receipt.body.get(name).and_then(Value::as_str).unwrap_or_default();
    html! {
        li value=(index) {
            p { strong { (words::receipt(kind.as_str().unwrap_or_default())) } " "
                span.row-meta { (parts::time(receipt.time_ms, ask.now_ms)) } }
            @match receipt.kind {
                ReceiptKind::Decision => p { (Foreign(&decided(&receipt.body))) },
                ReceiptKind::Intent => p { @for kind in list(receipt, "action_types") {
                    (words::action(&kind)) " " } "on " code { (Foreign(text("root"))) } },
                ReceiptKind::Outcome => p {
                    @let good = text("state") == "done";
                    (parts::tag(if good { "ok" } else { "now" }, &text("state").replace('_', " ")))
                    " " (Foreign(text("message"))) },
                ReceiptKind::Refusal => p { (Foreign(text("reason"))) },
                ReceiptKind::KillSwitch => p {
                    @if receipt.body.get("on") == Some(&Value::Bool(true)) { "pulled: " }
                    @else { "released by " } (Foreign(text("reason"))) (Foreign(text("person"))) },
                ReceiptKind::Unscheduled => p { (Foreign(text("reason"))) },
                ReceiptKind::Scheduled => p { @if let Some(opens_ms) =
                    receipt.body.get("opens_ms").and_then(Value::as_i64) {
                        "starts at " (parts::at(opens_ms)) } },
                ReceiptKind::Key => p { (key(receipt)) },
                _ => {}
            }
            @if let Some(plan) = receipt.plan { p.row-meta { "plan " code { (plan.short()) } } }
        }
    }
}

/// Whose key was taken in, or which hub or list of machines.
fn key(receipt: &Receipt) -> Markup {
    let text = |name: &str| receipt.body.get(name).and_then(Value::as_str).unwrap_or("somebody");
    let enrolled = receipt.body.get("enrolled").and_then(|key| key.get("person"));
    html! {
        @if let Some(person) = enrolled.and_then(Value::as_str) { "of " (Foreign(person)) }
        @else if receipt.body.contains_key("hub") { "this machine joined hub " code { (Foreign(text("hub"))) } }
        @else if receipt.body.contains_key("fleet") {
            "the machines that count for one another, signed by " (Foreign(text("person"))) }
    }
}

fn list(receipt: &Receipt, name: &str) -> Vec<String> {
    let items = receipt.body.get(name).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn decided(body: &serde_json::Map<String, Value>) -> String {
    match serde_json::from_value::<spine::Decision>(Value::Object(body.clone())) {
        Ok(decision) => {
            let rules: Vec<_> = decision.rules.iter().map(|rule| rule.0.as_str()).collect();
            let verdict = words::verdict(decision.verdict);
            if rules.is_empty() { verdict } else { format!("{verdict} ({})", rules.join(", ")) }
        }
        Err(_) => "a decision that this version does not read".into(),
    }
}

fn short(id: &str) -> String {
    id.chars().take(13).collect()
}

fn verify(ask: &Ask<'_>) -> Result<Next, Oops> {
    let user = ask.viewer()?.name.clone();
    let id = super::job::begin(ask, "Checking the whole record".into(), user, |hub, say| {
        let next = "/records".to_owned();
        match record::verify(hub, say) {
            Ok(checked) => {
                checked.holds.iter().chain(&checked.problems).for_each(|line| say(line));
                let good = checked.problems.is_empty();
                let text = if good {
                    format!("The record is whole: {} receipts.", checked.receipts)
                } else {
                    "The record is NOT whole. Keep this machine as it is and call somebody.".into()
                };
                End { good, text, next }
            }
            Err(error) => End { good: false, text: error.to_string(), next },
        }
    })?;
    Ok(Next::See(format!("/jobs/{id}")))
}

fn undo(ask: &Ask<'_>) -> Result<Next, Oops> {
    let wanted = ask.field("action");
    let actions = ask.hub.executor.actions()?;
    let action = actions.iter().find(|action| action.id.to_string() == wanted && action.undoable);
    let action = action.ok_or(Oops::NotFound("action that can be taken back"))?;
    let prepared = ask.hub.executor.prepare_undo(action)?;
    let plan = super::plan::keep(ask.hub, None, &prepared, [])?;
    Ok(Next::See(format!("/plans/{plan}#approve")))
}
