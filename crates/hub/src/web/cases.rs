//! All cases: open ones, and those that are settled.

use maud::html;
use store::Overview as _;

use super::{Ask, Oops, Page, View};
use crate::limits::PAGE_ITEMS;
use crate::look::parts;
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/cases",
    title: "Cases",
    nav: Some(2),
    sees: Some(Role::Viewer),
    view,
    acts: &[],
};

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let settled = ask.query.get("show").is_some_and(|show| show == "settled");
    let from = ask.from();
    let (cases, names) = ask.hub.state(|state| {
        let cases = state.cases_page(None, !settled, from, PAGE_ITEMS)?;
        let mut names = std::collections::BTreeMap::new();
        for case in &cases {
            if let std::collections::btree_map::Entry::Vacant(e) = names.entry(case.host) {
                let host = state.host(case.host)?;
                e.insert(host.map(|host| host.name));
            }
        }
        Ok((cases, names))
    })?;
    let body = html! {
        h1 { "Cases" }
        p.lead { "A case is a few findings that a person should look at together." }
        nav.tabs aria-label="Which cases" {
            a href="/cases" aria-current=[(!settled).then_some("page")] { "To look at" }
            a href="/cases?show=settled" aria-current=[settled.then_some("page")] { "Settled" }
        }
        @if cases.is_empty() {
            p.empty { @if settled { "No case was settled yet." } @else {
                "No open case: nothing found by these checks." } }
        }
        ul.rows {
            @for case in &cases {
                @let name = names.get(&case.host).and_then(|name| name.as_deref());
                (parts::case_row(case, name, ask.now_ms))
            }
        }
        (parts::pager("/cases", if settled { "show=settled&" } else { "" }, from, cases.len(),
            PAGE_ITEMS))
    };
    Ok(View::new("Cases", body))
}
