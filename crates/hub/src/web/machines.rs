//! All machines: what they are, when they were last looked at, what could not be checked.

use maud::{Markup, html};
use serde_json::Value;
use store::{HostRecord, Overview as _};

use super::{Ask, Oops, Page, View};
use crate::limits::{self, PAGE_ITEMS};
use crate::look::foreign::Short;
use crate::look::parts;
use crate::look::words::count;
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/machines",
    title: "Machines",
    nav: Some(3),
    sees: Some(Role::Viewer),
    view,
    acts: &[],
};

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let silent = ask.query.get("show").is_some_and(|show| show == "silent");
    let silent_before_ms = ask.now_ms - limits::SILENT_MS;
    let from = ask.from();
    let rows = ask.hub.state(|state| {
        let only = silent.then_some(silent_before_ms);
        let hosts = state.hosts_page(only, from, PAGE_ITEMS)?;
        hosts
            .into_iter()
            .map(|host| Ok((state.open_of_host(host.host)?, host)))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let body = html! {
        h1 { "Machines" }
        nav.tabs aria-label="Which machines" {
            a href="/machines" aria-current=[(!silent).then_some("page")] { "All" }
            a href="/machines?show=silent" aria-current=[silent.then_some("page")] { "Not reporting" }
        }
        @if rows.is_empty() {
            p.empty { @if silent { "Every machine reports." } @else { "No machine was looked at yet." } }
        }
        ul.rows { @for (open, host) in &rows { (row(ask, host, open.iter().sum())) } }
        (parts::pager("/machines", if silent { "show=silent&" } else { "" }, from, rows.len(),
            PAGE_ITEMS))
    };
    Ok(View::new("Machines", body))
}

fn row(ask: &Ask<'_>, host: &HostRecord, open: u64) -> Markup {
    html! {
        li.row {
            div.row-main {
                a.row-title href={ "/machines/" (host.host) } { (Short(&host.name)) }
                p.row-meta { (Short(&host.os)) " · looked at " (parts::time(host.last_seen_ms, ask.now_ms)) }
            }
            div { (health(ask, host)) " "
                @if open > 0 { (parts::tag("soon", &count(open, "open case", "open cases"))) } }
        }
    }
}

/// Whether a machine reports and could be checked.
pub fn health(ask: &Ask<'_>, host: &HostRecord) -> Markup {
    if host.last_seen_ms < ask.now_ms - limits::SILENT_MS {
        parts::tag("now", "not reporting")
    } else if doubts(host).is_empty() {
        parts::tag("ok", "checked")
    } else {
        parts::tag("unknown", "checked only in part")
    }
}

/// What could not be checked on a machine.
pub fn doubts(host: &HostRecord) -> Vec<String> {
    let list = host.coverage.get("unknown").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|doubt| doubt.as_str().map(str::to_owned)).collect()
}
