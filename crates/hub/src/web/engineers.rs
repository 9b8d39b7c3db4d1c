//! The engineers' view: the standard names, the raw counts, what people did on the page.

use maud::html;
use store::Overview as _;

use super::{Ask, Oops, Page, View};
use crate::limits;
use crate::look::foreign::Foreign;
use crate::look::parts;
use crate::look::words::{priority_of, when};
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/engineers",
    title: "Engineers' view",
    nav: Some(11),
    sees: Some(Role::Viewer),
    view,
    acts: &[],
};

/// What people did last.
const DOINGS_SHOWN: u32 = 40;

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let counts = ask.hub.state(|state| state.counts(ask.now_ms - limits::SILENT_MS))?;
    let doings = ask.hub.db.doings(DOINGS_SHOWN)?;
    let standing = ask.hub.standing();
    let body = html! {
        h1 { "Engineers' view" }
        section { h2 { "Executor" }
            @match &*standing {
                Err(away) => p { (Foreign(&away.to_string())) },
                Ok(standing) => dl.facts {
                    dt { "Version" } dd { (Foreign(&standing.version)) }
                    dt { "Host id" } dd { code { (standing.host) } }
                    dt { "Autonomy level" } dd { (standing.autonomy_level) }
                    dt { "Kill switch" } dd { @if standing.stopped { "pulled" } @else { "released" } }
                    dt { "Ledger" } dd { (standing.receipts) " receipts, "
                        @if standing.healthy { "writable" } @else { "not writable" } }
                    dt { "Ledger key" } dd { code { (Foreign(&standing.record_key)) } }
                },
            }
        }
        section { h2 { "Cases" }
            div.scroll tabindex="0" role="region" aria-label="Cases by priority" { table {
                thead { tr { th { "SSVC" } th { "On the page" } th { "Open" } } }
                tbody { @for (rank, open) in counts.open_by_rank.iter().enumerate().rev() {
                    @let priority = priority_of(rank);
                    tr { td { code { (serde_json::to_value(priority).unwrap_or_default()
                            .as_str().unwrap_or_default()) } }
                        td { (when(priority)) } td { (open) } }
                } }
            } }
            p.small { "By state: " @for (state, count) in &counts.by_state {
                code { (state) } " " (count) "  " } }
        }
        section { h2 { "For programs" }
            ul.plainly {
                li { a href="/api/v1/openapi.json" { "OpenAPI description" } }
                li { a href="/metrics" { "Prometheus metrics" } }
            }
        }
        section { h2 { "What people did on this page" }
            @if doings.is_empty() { p.empty { "Nothing yet." } }
            ul.plainly { @for (time_ms, user, what) in &doings {
                li { (parts::at(*time_ms)) " " strong { (Foreign(user)) } " " (Foreign(what)) }
            } }
        }
    };
    Ok(View::new("Engineers' view", body))
}
