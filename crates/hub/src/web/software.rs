//! Software: what is installed, where, in which version.

use std::collections::BTreeMap;

use maud::{Markup, html};
use store::Overview as _;

use super::{Ask, Oops, Page, View};
use crate::limits::PAGE_ITEMS;
use crate::look::foreign::{Foreign, Short};
use crate::look::parts;
use crate::look::words::count;
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/software",
    title: "Software",
    nav: Some(4),
    sees: Some(Role::Viewer),
    view,
    acts: &[],
};

/// Installations of one package that are shown.
const INSTALLED_SHOWN: u32 = 200;

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let named = |name: &str| ask.query.get(name).map(String::as_str);
    let search: String = named("q").unwrap_or_default().trim().chars().take(200).collect();
    let one = named("in").zip(named("name"));
    let found = match one {
        Some((ecosystem, name)) => installed(ask, ecosystem, name)?,
        None => list(ask, &search)?,
    };
    let body = html! {
        h1 { "Software" }
        form.field method="get" action="/software" role="search" {
            label for="q" { "The name begins with" }
            input #q name="q" type="search" value=(search) maxlength="200" autocapitalize="none";
            p.actions { button.button { "Look" } }
        }
        (found)
    };
    Ok(View::new("Software", body))
}

fn list(ask: &Ask<'_>, search: &str) -> Result<Markup, Oops> {
    let from = ask.from();
    let used = ask.hub.state(|state| state.software_page(search, from, PAGE_ITEMS))?;
    let query = encoded(&[("q", search)]);
    Ok(html! {
        @if used.is_empty() { p.empty { "No package that is known here begins like this." } }
        ul.rows { @for package in &used {
            li.row {
                div.row-main {
                    a.row-title href={ "/software?" (encoded(&[("in", &package.ecosystem),
                        ("name", &package.name)])) } { (Short(&package.name)) }
                    p.row-meta { (Short(&package.ecosystem)) }
                }
                div { (count(package.count, "installation", "installations")) }
            }
        } }
        (parts::pager("/software", &format!("{query}&"), from, used.len(), PAGE_ITEMS))
    })
}

fn installed(ask: &Ask<'_>, ecosystem: &str, name: &str) -> Result<Markup, Oops> {
    let (found, names) = ask.hub.state(|state| {
        let found = state.installed(ecosystem, name, INSTALLED_SHOWN)?;
        let mut names = BTreeMap::new();
        for one in &found {
            if let std::collections::btree_map::Entry::Vacant(e) = names.entry(one.host) {
                e.insert(state.host(one.host)?.map(|host| host.name));
            }
        }
        Ok((found, names))
    })?;
    let host = |id| names.get(id).and_then(|name| name.as_deref()).unwrap_or("unknown machine");
    Ok(html! {
        h2 { (Foreign(name)) " " span.small { (Foreign(ecosystem)) } }
        @if found.is_empty() { p.empty { "It is not installed on a machine that is known here." } }
        ul.rows { @for one in &found {
            li.row { div.row-main {
                p { a href={ "/machines/" (one.host) } { (Foreign(host(&one.host))) } " "
                    strong { (Foreign(&one.package.version)) } }
                p.row-meta { (Foreign(&one.package.location)) }
            } }
        } }
        @if found.len() as u64 == u64::from(INSTALLED_SHOWN) { p { "and perhaps more" } }
        p { a href="/software" { "All software" } }
    })
}

/// A query, encoded.
fn encoded(fields: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(fields);
    query.finish()
}
