//! It is 3 a.m.: one case, three ways, each with what it costs.

use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use spine::{Plan, Priority};

use super::case::{Known, known};
use super::{Act, Ask, Next, Oops, Page, View};
use crate::db::Letter;
use crate::look::foreign::{Foreign, plain};
use crate::look::parts::{self, button};
use crate::look::words;
use crate::messages::settings::{NAME, Settings};
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/cases/{id}/night",
    title: "3 a.m.",
    nav: None,
    sees: Some(Role::Viewer),
    view,
    acts: &[
        Act { path: "/cases/{id}/wait", needs: Some(Role::Viewer), run: wait },
        Act { path: "/cases/{id}/call", needs: Some(Role::Viewer), run: call },
    ],
};

/// Somebody who can be called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Name or duty.
    pub name: String,
    /// Telephone number.
    pub phone: String,
}

/// Under which name contacts are kept.
pub const CONTACTS: &str = "contacts";
/// How long one waits, milliseconds (until working hours: 8 hours).
const WAIT_MS: i64 = 8 * 3_600_000;
/// Steps that contain something and lapse by themselves.
const CONTAINING: [&str; 3] = ["net.block_address", "process.freeze", "file.quarantine"];

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let known = known(ask, ask.id("id", "case")?)?;
    let case = &known.case;
    let contacts: Vec<Contact> = ask.hub.db.setting(CONTACTS)?;
    let watch = ask.hub.db.watch(&case.id)?.unwrap_or_default();
    let body = html! {
        p.crumbs { a href={ "/cases/" (case.id) } { "The case with everything" } }
        h1 { (Foreign(&case.title)) }
        p.lead { (parts::when_tag(case.priority)) " " (advice(case.priority)) }
        @if let Some(why) = case.explanation.first() { p { (Foreign(why)) } }
        @if let Some(until) = watch.wait_until_ms.filter(|until| *until > ask.now_ms) {
            p { (parts::tag("later", "waiting")) " until " (parts::at(until)) }
        }
        div.night {
            (contain_card(&known))
            section.card aria-labelledby="wait" {
                h2 #wait { "Wait" }
                p { "Nothing changes. You are told again in 8 hours, and at once if it gets worse." }
                p { strong { "What it costs: " } (waiting_costs(case.priority)) }
                (button(ask, &format!("/cases/{}/wait", case.id), "", "Wait until morning"))
            }
            section.card aria-labelledby="call" {
                h2 #call { "Call somebody" }
                @if contacts.is_empty() { p { "Nobody's number is kept here yet. "
                    a href="/welcome#contacts" { "Add one" } } }
                ul.plainly { @for contact in &contacts {
                    li { (Foreign(&contact.name)) " " a href={ "tel:" (dialled(&contact.phone)) } {
                        (Foreign(&contact.phone)) } }
                } }
                p { strong { "What it costs: " } "somebody's sleep. Nothing on the machines changes." }
                (button(ask, &format!("/cases/{}/call", case.id), "", "Send an urgent message"))
            }
        }
        h2 { "If this page is gone" }
        p { "On the machine itself, as root: " code { "ringfort stop" } " stops everything, "
            code { "ringfort undo" } " lists what can be taken back." }
    };
    Ok(View::new(plain(&case.title), body))
}

const fn advice(priority: Priority) -> &'static str {
    match priority {
        Priority::Immediate => "Do not go back to sleep yet: choose one of the three.",
        Priority::OutOfCycle => "It is serious, but waiting until morning is a fair choice.",
        Priority::Scheduled | Priority::Defer => "You can go back to sleep.",
    }
}

const fn waiting_costs(priority: Priority) -> &'static str {
    match priority {
        Priority::Immediate => "until then the way in stays open, and it is known to be used.",
        Priority::OutOfCycle => "until then the way in stays open.",
        Priority::Scheduled | Priority::Defer => "hardly anything.",
    }
}

fn contain_card(known: &Known) -> Markup {
    let containing = known.proposal.as_ref().filter(|(_, plan)| contains(plan));
    html! {
        section.card aria-labelledby="contain" {
            h2 #contain { "Contain" }
            @match (containing, &known.proposal) {
                (Some((proposal, plan)), _) => {
                    (crate::look::plan::steps(plan))
                    p { strong { "What it costs: " } "what is contained stops working until you let \
                        it go, and at the latest in 24 hours, by itself." }
                    p.big { a.button.main href={ "/plans/" (proposal.plan) "#approve" } { "Contain it" } }
                }
                (None, Some((proposal, _))) => {
                    p { "There is nothing here to shut in, but there is a fix that was tried on a \
                        copy and can be taken back." }
                    p { strong { "What it costs: " } "services named on the plan restart." }
                    p.big { a.button.main href={ "/plans/" (proposal.plan) "#approve" } { "Look at the fix" } }
                }
                (None, None) => {
                    p { "ringfort has nothing to shut in for this kind of case, and no fix is \
                        prepared yet." }
                    p { strong { "What it costs: " } "preparing a fix changes nothing." }
                    p.big { a.button.main href={ "/cases/" (known.case.id) } { "Prepare a fix" } }
                }
            }
        }
    }
}

fn contains(plan: &Plan) -> bool {
    plan.steps.iter().all(|step| CONTAINING.contains(&step.actuator.as_str()))
}

/// A number as a telephone takes it.
fn dialled(phone: &str) -> String {
    phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()
}

fn wait(ask: &Ask<'_>) -> Result<Next, Oops> {
    let known = known(ask, ask.id("id", "case")?)?;
    let id = known.case.id;
    let mut watch = ask.hub.db.watch(&id)?.unwrap_or_default();
    watch.wait_until_ms = Some(ask.now_ms + WAIT_MS);
    watch.escalated_ms = None;
    ask.hub.db.put_watch(&id, &watch)?;
    ask.note(&format!("decided to wait with case {}", id.short()))?;
    Ok(Next::See(format!("/cases/{id}/night")))
}

fn call(ask: &Ask<'_>) -> Result<Next, Oops> {
    let known = known(ask, ask.id("id", "case")?)?;
    let id = known.case.id;
    let settings: Settings = ask.hub.db.setting(NAME)?;
    let channels = settings.channels();
    if channels.is_empty() {
        let text = "No way for messages is set up yet. Use the telephone.";
        return Err(Oops::Conflict(text.into()));
    }
    let letter = Letter {
        mark: format!("call {id} {}", ask.now_ms / 600_000),
        subject: "ringfort: somebody asks you to look, now".into(),
        body: format!(
            "{}\n\nCase {}\n{}/cases/{id}/night\n",
            words::when_long(known.case.priority),
            id.short(),
            ask.hub.origin
        ),
        urgent: true,
    };
    ask.hub.db.post(&letter, &channels, ask.now_ms)?;
    ask.note(&format!("asked others to look at case {}", id.short()))?;
    let body = html! {
        h1 { "The message is on its way" }
        p.lead { "It is sent again until it arrives. " a href="/settings#messages" { "Did it?" } }
        p { a href={ "/cases/" (id) "/night" } { "Back" } }
    };
    Ok(Next::Show(View::new("On its way", body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_dialled_by_its_digits() {
        assert_eq!(dialled("+49 (0)30 123-45\" onclick=x"), "+4903012345");
    }

    #[test]
    fn only_what_is_immediate_keeps_people_awake() {
        assert!(advice(Priority::Immediate).contains("Do not"));
        assert!(advice(Priority::Scheduled).contains("back to sleep"));
    }
}
