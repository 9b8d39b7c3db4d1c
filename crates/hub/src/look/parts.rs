//! The parts that pages are made of.

use maud::{Markup, html};
use spine::{Case, Priority};

use super::foreign::Short;
use super::words;
use crate::web::Ask;

/// A tag that says when to act; the word says it, the colour repeats it.
pub fn when_tag(priority: Priority) -> Markup {
    html! { span class={ "tag " (words::when_class(priority)) } { (words::when(priority)) } }
}

/// A tag of any other kind.
pub fn tag(class: &str, text: &str) -> Markup {
    html! { span class={ "tag " (class) } { (text) } }
}

/// A time with how long ago it was.
pub fn time(time_ms: i64, now_ms: i64) -> Markup {
    html! {
        time datetime=(words::time_exact(time_ms)) title=(words::time(time_ms)) {
            (words::ago(time_ms, now_ms))
        }
    }
}

/// A time to the minute.
pub fn at(time_ms: i64) -> Markup {
    html! { time datetime=(words::time_exact(time_ms)) { (words::time(time_ms)) } }
}

/// One case in a list.
pub fn case_row(case: &Case, machine: Option<&str>, now_ms: i64) -> Markup {
    html! {
        li.row {
            div.row-tag { (when_tag(case.priority)) }
            div.row-main {
                a.row-title href={ "/cases/" (case.id) } { (Short(&case.title)) }
                @if let Some(why) = case.explanation.first() {
                    p.row-text { (Short(why)) }
                }
                p.row-meta {
                    @if let Some(machine) = machine { (Short(machine)) " · " }
                    (words::state(case.state)) " · since " (time(case.created_ms, now_ms))
                }
            }
        }
    }
}

/// A form that changes something, with its token.
pub fn form(ask: &Ask<'_>, action: &str, inside: Markup) -> Markup {
    html! {
        form method="post" action=(action) { (csrf(ask)) (inside) }
    }
}

/// A form of one button.
pub fn button(ask: &Ask<'_>, action: &str, class: &str, text: &str) -> Markup {
    form(ask, action, html! { button class={ "button " (class) } { (text) } })
}

/// The token that every form carries.
pub fn csrf(ask: &Ask<'_>) -> Markup {
    html! { input type="hidden" name="csrf" value=(ask.csrf()); }
}

/// A labelled field. `more` are further attributes that the kind needs.
pub fn field(name: &str, label: &str, hint: &str, input: Markup) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            @if !hint.is_empty() { p.hint id={ (name) "-hint" } { (hint) } }
            (input)
        }
    }
}

/// A note that stands out.
pub fn note(class: &str, title: &str, text: Markup) -> Markup {
    html! {
        div class={ "note " (class) } { p.note-title { (title) } div { (text) } }
    }
}

/// Something to copy onto a command line.
pub fn command(text: &str) -> Markup {
    html! { pre.command tabindex="0" { code { (text) } } }
}

/// Links to the page before and after.
pub fn pager(path: &str, query: &str, offset: u32, shown: usize, page: u32) -> Markup {
    let more = u32::try_from(shown).is_ok_and(|shown| shown >= page);
    let link = |offset: u32, text: &str| {
        html! { a href={ (path) "?" (query) "from=" (offset) } { (text) } }
    };
    html! {
        @if offset > 0 || more {
            nav.pager aria-label="More of the list" {
                @if offset > 0 { (link(offset.saturating_sub(page), "← before")) }
                @if more { (link(offset + page, "more →")) }
            }
        }
    }
}
