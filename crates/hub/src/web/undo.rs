//! A sheet to print: how to take one action back when this page, or the network, is gone.

use maud::html;

use super::{Ask, Oops, Page, View};
use crate::look::foreign::Foreign;
use crate::look::{parts, words};
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/undo/{id}",
    title: "Undo sheet",
    nav: None,
    sees: Some(Role::Viewer),
    view,
    acts: &[],
};

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let wanted = ask.part("id");
    let actions = ask.hub.executor.actions()?;
    let action = actions.iter().find(|action| action.id.to_string() == wanted);
    let action = action.ok_or(Oops::NotFound("action"))?;
    let body = html! {
        h1 { "Taking back: " @for kind in &action.types { (words::action(kind)) " " } }
        p.no-print { button.button type="button" data-print="" hidden { "Print this sheet" } }
        dl.facts {
            dt { "Action" } dd { code { (action.id) } }
            dt { "Plan" } dd { code { (action.plan.short()) } }
            dt { "Begun" } dd { (parts::at(action.started_ms)) }
            dt { "On" } dd { code { (Foreign(&action.root)) } " of this machine" }
            dt { "State" } dd { (words::action(&action.state)) }
        }
        @if !action.undoable {
            p.lead { "This action cannot be taken back any more, or was taken back already." }
        } @else {
            h2 { "What to do" }
            ol.steps {
                li { "Go to the machine, or sign in to it. You need root and the owner's key with its \
                    passphrase, or another enrolled key. This page, the hub and the network are not \
                    needed." }
                li { "Run:" (parts::command(&format!("ringfort undo {}", action.id))) }
                li { "It asks for the passphrase, puts back every file and the package database, and \
                    names what somebody else changed since: that is kept aside, not lost." }
                li { "Check the record:" (parts::command("ringfort verify")) }
            }
            h2 { "If the program itself is gone" }
            p { "What was kept lies in " code { "exec/actions/" (action.id) }
                " in ringfort's data folder, usually " code { "/var/lib/ringfort" }
                ". The journal in it names every file; the copies stand beside it." }
        }
    };
    Ok(View::new("Undo sheet", body))
}
