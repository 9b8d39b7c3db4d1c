//! Drafts of legal notices for one case. Nothing is sent from here.

use maud::html;

use super::case::known;
use super::{Ask, Oops, Page, View};
use crate::look::foreign::is_unseen;
use crate::look::parts;
use crate::report::notices::{Draft, drafts};
use crate::report::timeline::gather;
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/cases/{id}/notices",
    title: "Drafts of notices",
    nav: None,
    sees: Some(Role::Viewer),
    view,
    acts: &[],
};

/// The drafts for the case of a request.
pub fn of(ask: &Ask<'_>) -> Result<Vec<Draft>, Oops> {
    let known = known(ask, ask.id("id", "case")?)?;
    let machine = known.host.as_ref().map(|host| host.name.as_str());
    Ok(drafts(&known.case, machine, &gather(ask.hub, &known)?))
}

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let drafts = of(ask)?;
    let body = html! {
        p.crumbs.no-print { a href={ "/cases/" (ask.part("id")) } { "The case" } }
        h1 { "Drafts of notices" }
        (parts::note("soon", "Drafts. Nothing is sent.", html! {
            p { "ringfort never sends a notice. What it knows is filled in; the rest is a blank in \
                brackets. Whether a notice is due, to whom and what it must say is for you and \
                your lawyer: nobody checked these texts." }
        }))
        nav.tabs.no-print aria-label="Drafts" { @for draft in &drafts {
            a href={ "#" (draft.id) } { (short(draft.id)) }
        } }
        p.no-print { button.button type="button" data-print="" hidden { "Print, or keep as PDF" } }
        @for draft in &drafts {
            section.paper id=(draft.id) {
                h2 { (draft.title) }
                p.meta { (parts::tag("soon", "draft")) " For " (draft.to) "."
                    @if let Some(due_ms) = draft.due_ms {
                        " If you became aware when ringfort showed the case first, it is due by "
                        (parts::at(due_ms)) "."
                    } }
                pre.sheet tabindex="0" { (plain_lines(&draft.text)) }
            }
        }
    };
    Ok(View::new("Drafts of notices", body))
}

fn short(id: &str) -> &'static str {
    match id {
        "gdpr-33" => "To the authority",
        "gdpr-34" => "To people",
        "nis2-24h" => "Early warning",
        _ => "Notification",
    }
}

/// The text with its line ends; whatever else is not seen is shown as such.
fn plain_lines(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.chars().map(|c| if is_unseen(c) { '\u{fffd}' } else { c }).collect());
    lines.collect::<Vec<String>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_stay_and_what_is_not_seen_is_shown() {
        assert_eq!(plain_lines("a\u{202e}b\nc\u{1b}[1m"), "a\u{fffd}b\nc\u{fffd}[1m");
    }
}
