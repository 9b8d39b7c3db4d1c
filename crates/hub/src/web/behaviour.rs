//! Behaviour: what this site does on an ordinary day, what was unlike it, and how the small number
//! of cases a day was spent.

use maud::{Markup, html};
use serde_json::Value;
use store::State as _;

use super::{Ask, Oops, Page, View};
use crate::look::foreign::{Foreign, Short};
use crate::look::{chart, parts, words};
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/behaviour",
    title: "Behaviour",
    nav: Some(5),
    sees: Some(Role::Viewer),
    view,
    acts: &[],
};

/// Devices that are shown.
const DEVICES_SHOWN: usize = 20;
/// Habits of one device that are shown.
const HABITS_SHOWN: usize = 12;
/// Withheld cases that are shown.
const WITHHELD_SHOWN: usize = 20;

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let learned = ask.hub.state(|state| state.docs("behaviour"))?;
    let body = html! {
        h1 { "Behaviour" }
        p.lead { "What the machines do on an ordinary day is learned from their own logs. \
            What is unlike it, and what a rule knows, becomes a case: a few a day at most." }
        @if learned.is_empty() {
            p.empty { "Nothing is learned yet. It begins when `ringfort up` follows the logs of a \
                machine, and is useful from the first day on." }
        }
        @for (_, learned) in &learned { (site(ask, learned)) }
    };
    Ok(View::new("Behaviour", body))
}

fn site(ask: &Ask<'_>, learned: &Value) -> Markup {
    let empty = Vec::new();
    let list = |key: &str| learned[key].as_array().unwrap_or(&empty);
    html! {
        section { h2 { "The cases of a day" } (budget(&learned["budget"])) }
        section { h2 { "What was withheld" }
            p.small { "It stays here, with the reason. A case that you miss tells us that the \
                number of cases a day is too small for this site." }
            @if list("withheld").is_empty() { p.empty { "Nothing." } }
            ul.rows { @for case in list("withheld").iter().take(WITHHELD_SHOWN) {
                li.row { div.row-main {
                    p.row-title { (Short(text(case, "what"))) }
                    p.row-meta { (Short(text(case, "host"))) " · "
                        (parts::time(case["first_ms"].as_i64().unwrap_or(0), ask.now_ms)) " · "
                        (Foreign(text(case, "why"))) }
                } }
            } }
        }
        section { h2 { "What is normal, and what waits to become it" } (fleet(&learned["fleet"])) }
        @for device in list("devices").iter().take(DEVICES_SHOWN) { (shown(device)) }
    }
}

fn budget(budget: &Value) -> Markup {
    let number = |key: &str| budget[key].as_u64().unwrap_or(0);
    let withheld =
        |reason: &str| budget["withheld"].get(reason).and_then(Value::as_u64).unwrap_or(0);
    let days = number("days") + 1;
    html! {
        (chart::parts("Cases since the beginning", &[
            ("now", "shown", number("shown")),
            ("soon", "withheld: the day was full", withheld("cap")),
            ("planned", "withheld: too many false ones before", withheld("false_discoveries")),
            ("ok", "withheld: not rare enough", withheld("not_rare_enough")),
        ]))
        p { (words::count(number("shown"), "case", "cases")) " shown in "
            (words::count(days, "day", "days")) ". "
            @match budget["precision"].as_f64() {
                Some(share) => { "Of those that somebody judged, " (percent(share)) " % were real." }
                None => { "Nobody has judged one yet: what you say of a case is what it learns \
                    from." }
            } }
    }
}

fn fleet(fleet: &Value) -> Markup {
    let number = |key: &str| fleet[key].as_u64().unwrap_or(0);
    html! {
        dl.facts {
            dt { "Machines heard of" } dd { (number("hosts")) }
            dt { "Things that are normal" } dd { (number("tokens_admitted")) }
            dt { "Things that too few machines, or too few days, have shown" }
                dd { (number("tokens_in_quarantine")) }
            dt { "Steps of programs that are normal" } dd { (number("transitions_admitted")) }
            dt { "Steps that wait" } dd { (number("transitions_in_quarantine")) }
        }
        p.small { "Nothing of an open case is learned, and nothing is learned at once: whoever \
            wants to be taken for normal has to be so for days, on several machines." }
    }
}

fn shown(device: &Value) -> Markup {
    let empty = Vec::new();
    let habits = device["habits"].as_array().unwrap_or(&empty);
    let hours = |habit: &Value| habit["hours"].as_u64().unwrap_or(0);
    let values: Vec<(String, u64)> =
        habits.iter().map(|habit| (text(habit, "text").to_owned(), hours(habit))).collect();
    html! {
        section { h2 { (Foreign(text(device, "host"))) }
            p.small { (words::count(device["hours"].as_u64().unwrap_or(0), "hour", "hours"))
                " learned, " (device["hours_in_quarantine"].as_u64().unwrap_or(0))
                " wait; it is known to do " (device["known"].as_u64().unwrap_or(0)) " things." }
            @if !values.is_empty() {
                (chart::bars("Its habits, by the hours in which they were seen", &values))
            }
            ul.plainly { @for habit in habits.iter().take(HABITS_SHOWN) {
                li { (Foreign(text(habit, "text"))) span.from { " — in "
                    (words::count(hours(habit), "hour", "hours")) } }
            } }
        }
    }
}

/// How far each thing of a detected case is from what was expected.
pub fn deviation(detected: &Value) -> Markup {
    let empty = Vec::new();
    let events = detected["events"].as_array().unwrap_or(&empty);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bits are few")]
    let bits = |event: &Value| event["bits"].as_f64().unwrap_or(0.0).clamp(0.0, 1e4) as u64;
    let values: Vec<(String, u64)> =
        events.iter().map(|event| (text(event, "text").to_owned(), bits(event))).collect();
    html! {
        @if !values.is_empty() {
            (chart::bars("How surprising each thing is, in bits: four more are sixteen times rarer",
                &values))
        }
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of one")]
fn percent(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * 100.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_budget_says_what_was_shown_withheld_and_right() {
        let told = budget(&json!({
            "days": 3, "shown": 2, "withheld": {"cap": 1}, "precision": 0.5
        }));
        let told = told.into_string();
        assert!(told.contains("2 cases shown in 4 days") && told.contains("50 % were real"));
        let fresh = budget(&json!({})).into_string();
        assert!(fresh.contains("Nobody has judged one yet"));
    }

    #[test]
    fn a_deviation_is_a_picture_whose_numbers_can_be_read() {
        let told = deviation(&json!({"events": [{"text": "a <b>", "bits": 12.7}]})).into_string();
        assert!(told.contains(": 12") && !told.contains("<b>"));
        assert!(deviation(&json!({})).into_string().is_empty());
    }
}
