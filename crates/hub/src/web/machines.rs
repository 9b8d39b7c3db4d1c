//! All machines: what they are, when they were last looked at, what could not be checked.

use maud::{Markup, html};
use serde_json::Value;
use store::{HostRecord, Overview as _};

use super::{Act, Ask, Next, Oops, Page, View};
use crate::limits::{self, PAGE_ITEMS};
use crate::look::foreign::Short;
use crate::look::words::count;
use crate::look::{joined, parts};
use crate::machines::db::Machine;
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/machines",
    title: "Machines",
    nav: Some(3),
    sees: Some(Role::Viewer),
    view,
    acts: &[Act { path: "/machines/token", needs: Some(Role::Admin), run: token }],
};

/// Machines that joined and were not scanned yet that are shown.
const NEW_SHOWN: usize = 64;
/// Machines that do not answer that are shown.
const LOST_SHOWN: u32 = 200;

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let show = ask.query.get("show").map_or("", String::as_str);
    if show == "refused" {
        let rows = ask.hub.machines.db.refusals(PAGE_ITEMS)?;
        let body = html! { (head(show)) (joined::refusals(ask, &rows)) };
        return Ok(View::new("Turned away", body));
    }
    let silent = show == "silent";
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
    let apart = if from > 0 {
        Vec::new()
    } else if silent {
        ask.hub.machines.db.lost(ask.now_ms, LOST_SHOWN)?
    } else {
        not_scanned(ask)?
    };
    let body = html! {
        (head(show))
        @if !silent { (joined::add(ask)) }
        @if !apart.is_empty() {
            h2 { @if silent { "Joined, and not answering" } @else { "Joined, not scanned yet" } }
            ul.rows { @for machine in &apart { (joined::row(ask, machine)) } }
            @if silent && !rows.is_empty() { h2 { "Not looked at for more than a day" } }
        }
        @if rows.is_empty() && apart.is_empty() {
            p.empty { @if silent { "Every machine reports." } @else { "No machine was looked at yet." } }
        }
        ul.rows { @for (open, host) in &rows { (row(ask, host, open.iter().sum())) } }
        (parts::pager("/machines", if silent { "show=silent&" } else { "" }, from, rows.len(),
            PAGE_ITEMS))
    };
    Ok(View::new("Machines", body))
}

fn head(show: &str) -> Markup {
    let tab = |name: &str, href: &str, text: &str| {
        html! { a href=(href) aria-current=[(show == name).then_some("page")] { (text) } }
    };
    html! {
        h1 { "Machines" }
        nav.tabs aria-label="Which machines" {
            (tab("", "/machines", "All"))
            (tab("silent", "/machines?show=silent", "Not reporting"))
            (tab("refused", "/machines?show=refused", "Turned away"))
        }
    }
}

/// Machines that joined and of which no scan is here.
fn not_scanned(ask: &Ask<'_>) -> Result<Vec<Machine>, Oops> {
    let joined = ask.hub.machines.db.newest(NEW_SHOWN)?;
    ask.hub.state(|state| {
        let mut found = Vec::new();
        for machine in joined {
            if state.host(machine.host)?.is_none() {
                found.push(machine);
            }
        }
        Ok(found)
    })
}

fn token(ask: &Ask<'_>) -> Result<Next, Oops> {
    let token = ask.hub.machines.token(&ask.viewer()?.name, None)?;
    ask.note("made a token for a machine to join")?;
    Ok(Next::Show(View::new("A token", joined::token(&token.to_string(), false))))
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
