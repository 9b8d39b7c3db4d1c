//! The frame around every page.

use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::foreign::{Foreign, plain};
use super::{parts, words};
use crate::executor::Away;
use crate::web::{Ask, View, registry};

/// A whole page.
pub fn page(ask: &Ask<'_>, view: &View) -> Markup {
    let signed_in = ask.viewer.is_some();
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&view.title, view.again_s))
            body {
                a.skip href="#main" { "Skip to the content" }
                header.top {
                    a.brand href="/" { (mark()) span { "ringfort" } }
                    @if signed_in { (menu(ask)) }
                }
                div.frame {
                    @if signed_in { nav.side aria-label="Pages" { (links(ask)) } }
                    main #main tabindex="-1" {
                        @if signed_in { (banners(ask)) }
                        (view.body)
                    }
                }
                (foot(ask))
            }
        }
    }
}

fn head(title: &str, again_s: Option<u32>) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (plain(title)) " · ringfort" }
            link rel="stylesheet" href=(assets::STYLE.path);
            link rel="icon" href=(assets::ICON.path) type="image/svg+xml";
            script src=(assets::SCRIPT.path) defer {}
            @if let Some(seconds) = again_s {
                noscript { meta http-equiv="refresh" content=(seconds); }
            }
        }
    }
}

fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 32 32" aria-hidden="true" {
            path d="M6 26V12h4v3h4v-3h4v3h4v-3h4v14z" {}
            circle cx="16" cy="16" r="14.5" {}
        }
    }
}

/// The menu of a narrow screen: no script, it opens by itself.
fn menu(ask: &Ask<'_>) -> Markup {
    html! {
        details.menu {
            summary { "Menu" }
            nav aria-label="Pages, short" { (links(ask)) }
        }
    }
}

fn links(ask: &Ask<'_>) -> Markup {
    let mut pages: Vec<_> = registry::ALL.iter().filter(|page| page.nav.is_some()).collect();
    pages.sort_by_key(|page| page.nav);
    html! {
        ul {
            @for page in pages {
                @let here = ask.here == page.path;
                li {
                    a href=(page.path) aria-current=[here.then_some("page")] { (page.title) }
                }
            }
        }
    }
}

/// What concerns every page: the executor is away, or stopped; somebody broke the glass.
fn banners(ask: &Ask<'_>) -> Markup {
    let waiting = ask.hub.waiting();
    html! {
        (executor(ask))
        @for plan in waiting.iter().filter(|plan| plan.break_glass) {
            (parts::note("now", "One person decided alone what two should decide.", html! {
                p { (Foreign(&words::sentence(&plan.purpose))) " begins at "
                    (parts::at(plan.opens_ms)) ". "
                    a href={ "/plans/" (plan.plan) "#approve" } { "Look, and stop it if it is wrong" }
                    "." }
            }))
        }
    }
}

fn executor(ask: &Ask<'_>) -> Markup {
    match &*ask.hub.standing() {
        Ok(standing) if standing.stopped => parts::note(
            "now",
            "Everything is stopped.",
            html! {
                p { "Nothing is done from now on but taking things back. "
                    a href="/rules#stop" { "Let it go on" } "." }
            },
        ),
        Ok(standing) if !standing.healthy => parts::note(
            "now",
            "The record cannot be written.",
            html! { p { "So nothing is done. Look at the disk of this machine." } },
        ),
        Ok(_) => html! {},
        Err(Away::NotRunning(reason)) => {
            parts::note("later", "ringfort only observes here.", html! { p { (Foreign(reason)) } })
        }
        Err(other) => parts::note(
            "unknown",
            "The executor does not answer.",
            html! { p { (Foreign(&other.to_string())) } },
        ),
    }
}

fn foot(ask: &Ask<'_>) -> Markup {
    html! {
        footer.foot {
            @if let Some(viewer) = &ask.viewer {
                p {
                    "Signed in as " (Foreign(&viewer.name)) " (" (viewer.role.name()) "). "
                    a href="/settings" { "Your sessions" }
                }
                (parts::button(ask, "/sign-out", "plain", "Sign out"))
            }
            p.small { "Nothing found by these checks never means safe." }
        }
    }
}
