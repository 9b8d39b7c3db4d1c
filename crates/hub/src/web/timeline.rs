//! One case in the order of time, to print and to hand on.

use maud::html;

use super::case::known;
use super::{Ask, Oops, Page, View};
use crate::look::foreign::{Foreign, plain};
use crate::look::{parts, words};
use crate::report::timeline::gather;
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/cases/{id}/timeline",
    title: "Timeline",
    nav: None,
    sees: Some(Role::Viewer),
    view,
    acts: &[],
};

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let known = known(ask, ask.id("id", "case")?)?;
    let told = gather(ask.hub, &known)?;
    let case = &known.case;
    let machine = known.host.as_ref().map_or("an unknown machine", |host| host.name.as_str());
    let body = html! {
        p.crumbs.no-print { a href={ "/cases/" (case.id) } { "The case" } }
        h1 { (Foreign(&case.title)) }
        p.meta { "Case " code { (case.id.short()) } " on " (Foreign(machine)) ", "
            (words::state(case.state)) ". Times are UTC." }
        p.no-print { button.button type="button" data-print="" hidden { "Print, or keep as PDF" } }
        @for reason in &told.missing {
            (parts::note("unknown", "Not everything is here.", html! { p { (Foreign(reason)) } }))
        }
        div.scroll tabindex="0" role="group" aria-label="What happened when" {
            table.course {
                thead { tr { th scope="col" { "When" } th scope="col" { "What" } th scope="col" { "Seen in" } } }
                tbody { @for line in &told.lines {
                    tr { td { (parts::at(line.time_ms)) } td { (Foreign(&line.text)) }
                        td { (line.source.words()) } }
                } }
            }
        }
        p.small { "Lines from the record can be proved: the evidence bundle of the case holds each \
            receipt with its proof. Made " (parts::at(ask.now_ms)) "." }
    };
    Ok(View::new(format!("Timeline: {}", plain(&case.title)), body))
}
