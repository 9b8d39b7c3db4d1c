//! One machine: its class, what was looked at, what could not be, and what is open.

use maud::{Markup, html};
use serde_json::Value;
use spine::HostId;
use store::{HostRecord, Overview as _, State as _};

use super::machines::{doubts, health};
use super::{Act, Ask, Next, Oops, Page, View};
use crate::class;
use crate::look::foreign::{Foreign, plain};
use crate::look::words::count;
use crate::look::{joined, parts};
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/machines/{id}",
    title: "Machine",
    nav: None,
    sees: Some(Role::Viewer),
    view,
    acts: &[
        Act { path: "/machines/{id}/remove", needs: Some(Role::Admin), run: remove },
        Act { path: "/machines/{id}/token", needs: Some(Role::Admin), run: token },
    ],
};

/// Listening sockets that are shown.
const LISTENERS_SHOWN: usize = 60;

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let id: HostId = ask.id("id", "machine")?;
    let (host, cases, live) = ask.hub.state(|state| {
        Ok((
            state.host(id)?,
            state.cases_page(Some(id), true, 0, 50)?,
            state.get_doc("live", &id.to_string())?.unwrap_or_default(),
        ))
    })?;
    let standing = joined::standing(ask, id)?;
    let Some(host) = host else { return not_scanned(ask, id, standing) };
    let body = html! {
        p.crumbs { a href="/machines" { "Machines" } }
        h1 { (Foreign(&host.name)) }
        p.lead { (health(ask, &host)) " " (Foreign(&host.os)) }
        (facts(ask, &host, &live))
        section { h2 { "What was not checked" } (unchecked(&host, &live)) }
        section { h2 { "Open cases" }
            @if cases.is_empty() { p.empty { "No open case: nothing found by these checks." } }
            ul.rows { @for case in &cases { (parts::case_row(case, None, ask.now_ms)) } }
        }
        section { h2 { "What takes connections" } (listeners(&live)) }
        @if let Some(standing) = &standing { (standing) }
    };
    Ok(View::new(plain(&host.name), body))
}

/// A machine that joined and was not scanned yet.
fn not_scanned(ask: &Ask<'_>, id: HostId, standing: Option<Markup>) -> Result<View, Oops> {
    let machine = ask.hub.machines.db.machine(id)?.ok_or(Oops::NotFound("machine"))?;
    let body = html! {
        p.crumbs { a href="/machines" { "Machines" } }
        h1 { (Foreign(&machine.name)) }
        p.lead { (parts::tag("unknown", "not scanned yet")) }
        @if let Some(standing) = &standing { (standing) }
    };
    Ok(View::new(plain(&machine.name), body))
}

fn remove(ask: &Ask<'_>) -> Result<Next, Oops> {
    let id: HostId = ask.id("id", "machine")?;
    let why = format!("by {}", ask.viewer()?.name);
    let removed = ask.hub.machines.remove(id, &why);
    if !removed.map_err(|error| Oops::Internal(error.to_string()))? {
        return Err(Oops::NotFound("machine that joined"));
    }
    let short: String = id.to_string().chars().take(12).collect();
    ask.note(&format!("removed machine {short}"))?;
    Ok(Next::See(format!("/machines/{id}")))
}

fn token(ask: &Ask<'_>) -> Result<Next, Oops> {
    let id: HostId = ask.id("id", "machine")?;
    ask.hub.machines.db.machine(id)?.ok_or(Oops::NotFound("machine that joined"))?;
    let token = ask.hub.machines.token(&ask.viewer()?.name, Some(id))?;
    ask.note("made a token for a machine to join again")?;
    Ok(Next::Show(View::new("A token", joined::token(&token.to_string(), true))))
}

fn facts(ask: &Ask<'_>, host: &HostRecord, live: &Value) -> Markup {
    let number = |name: &str| host.coverage.get(name).and_then(Value::as_u64);
    let suites = host.coverage.get("suites").and_then(Value::as_array);
    let own = ask.hub.own_host() == Some(host.host);
    let set = ask.hub.config.site.machine_class;
    let proposal = class::propose(live);
    html! {
        dl.facts {
            dt { "Kind of machine" }
            dd {
                @if own { (class::words(set)) } @else { "not known here" }
                @if !own || set != proposal.class {
                    " " span.small { "(it looks like " (class::words(proposal.class))
                        @if !proposal.reasons.is_empty() { ": " (proposal.reasons.join(", ")) } ")" }
                }
            }
            dt { "Last looked at" } dd { (parts::at(host.last_seen_ms)) }
            dt { "Packages" } dd { @match number("packages") { Some(n) => (n), None => "unknown" } }
            dt { "Package sources" }
            dd { @for suite in suites.into_iter().flatten() {
                (Foreign(suite.as_str().unwrap_or_default())) " " }
                @if suites.is_none_or(Vec::is_empty) { "none known" } }
            dt { "Programs that run" }
            dd { @match number("processes") {
                Some(n) => { (n) " looked at" },
                None => "not looked at" } }
        }
    }
}

fn unchecked(host: &HostRecord, live: &Value) -> Markup {
    let doubts = doubts(host);
    let closed = host.coverage.get("closed").and_then(Value::as_u64).unwrap_or(0);
    let looked = !live.is_null();
    html! {
        @if doubts.is_empty() && closed == 0 && looked {
            p { "Every check that this version has could do its work." }
        }
        ul.plainly {
            @for doubt in &doubts { li { (Foreign(doubt)) } }
            @if closed > 0 { li { (count(closed, "program", "programs")) " could not be looked into; \
                that needs root." } }
            @if !looked { li { "Running programs and open ports were not looked at." } }
        }
    }
}

fn listeners(live: &Value) -> Markup {
    let listeners = live.get("listeners").and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |listener: &Value, name: &str| {
        listener.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    html! {
        @if listeners.is_empty() { p.empty { "Nothing is known." } } @else {
            div.scroll tabindex="0" role="region" aria-label="What takes connections" { table {
                thead { tr { th { "Port" } th { "Program" } th { "Reached from" } } }
                tbody { @for listener in listeners.iter().take(LISTENERS_SHOWN) {
                    tr {
                        td { (listener.get("port").and_then(Value::as_u64).unwrap_or(0)) "/"
                            (Foreign(&text(listener, "protocol"))) }
                        td { @if text(listener, "program").is_empty() { "unknown" }
                            @else { (Foreign(&text(listener, "program"))) } }
                        td { @if listener.get("loopback") == Some(&Value::Bool(true)) {
                            "this machine only" } @else { "other machines" } }
                    }
                } }
            } }
            @if listeners.len() > LISTENERS_SHOWN {
                p { "and " (listeners.len() - LISTENERS_SHOWN) " more" }
            }
        }
    }
}
