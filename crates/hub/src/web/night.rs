//! It is 3 a.m.: one case, three ways, each with what it costs.

use std::collections::BTreeSet;

use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spine::{Case, PlanHash, Priority};
use store::State as _;

use super::case::{Known, known};
use super::{Act, Ask, Next, Oops, Page, View};
use crate::containing::{self, Named};
use crate::db::{Comment, Letter};
use crate::executor::{Contained, Done};
use crate::hub::Hub;
use crate::jobs::End;
use crate::look::foreign::{Foreign, plain};
use crate::look::parts::{self, button, field};
use crate::look::{plan as shown, words};
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
        Act { path: "/cases/{id}/contain", needs: Some(Role::Approver), run: contain },
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
/// How long one may wait, hours; the last one is proposed (until working hours).
const WAIT_HOURS: [i64; 4] = [1, 2, 4, 8];
const HOUR_MS: i64 = 3_600_000;
/// Characters of a reason to wait.
const REASON_CHARS_MAX: usize = 200;

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let known = known(ask, ask.id("id", "case")?)?;
    let case = &known.case;
    let contacts: Vec<Contact> = ask.hub.db.setting(CONTACTS)?;
    let watch = ask.hub.db.watch(&case.id)?.unwrap_or_default();
    let begun = begun(ask.hub, case)?;
    let stands: Vec<&Done> = begun.iter().filter(|action| action.undoable).collect();
    let body = html! {
        p.crumbs { a href={ "/cases/" (case.id) } { "The case with everything" } }
        h1 { (Foreign(&case.title)) }
        p.lead { (parts::when_tag(case.priority)) " " (advice(case.priority)) }
        @if let Some(why) = case.explanation.first() { p { (Foreign(why)) } }
        @if let Some(until) = watch.wait_until_ms.filter(|until| *until > ask.now_ms) {
            p { (parts::tag("later", "waiting")) " until " (parts::at(until)) }
        }
        @if !stands.is_empty() { (contained(ask, &stands)) }
        div.night {
            (contain_card(ask, &known, &begun))
            (wait_card(ask, case))
            (call_card(ask, case, &contacts))
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

/// Containments for this case that were begun; those that stand can be taken back.
fn begun(hub: &Hub, case: &Case) -> Result<Vec<Done>, Oops> {
    let Ok(actions) = hub.executor.actions() else { return Ok(Vec::new()) };
    let plans: BTreeSet<PlanHash> = hub.state(|state| {
        let plans = state.plans_for_case(&case.id)?;
        let containing = plans.iter().filter(|plan| containing::contains(plan));
        containing.map(|plan| plan.hash().map_err(Into::into)).collect()
    })?;
    Ok(actions.into_iter().filter(|action| plans.contains(&action.plan)).collect())
}

fn contained(ask: &Ask<'_>, stands: &[&Done]) -> Markup {
    parts::note(
        "ok",
        "It is contained.",
        html! {
            @for action in stands {
                p { @for kind in &action.types { (words::sentence(&words::action(kind))) ". " }
                    @match action.lapses_ms {
                        Some(end_ms) => { "It ends by itself at " (parts::at(end_ms)) "." },
                        None => "It stays so until it is taken back.",
                    } }
                @if ask.may(Role::Approver) {
                    (parts::form(ask, "/records/undo", html! {
                        input type="hidden" name="action" value=(action.id);
                        button.button.plain { "Let it go again" }
                    }))
                }
                p { a href={ "/undo/" (action.id) } { "Undo sheet to print" } }
            }
        },
    )
}

/// What a case names, as far as this page knows without asking the machine.
fn names(known: &Known) -> Named {
    let machine = known.host.as_ref().map(|host| host.name.as_str());
    let (detected, live) = (known.detected.as_ref(), known.live.as_ref());
    containing::named(&known.case, &known.findings, detected, live, machine)
}

fn contain_card(ask: &Ask<'_>, known: &Known, begun: &[Done]) -> Markup {
    let case = &known.case;
    let named = names(known);
    let here = ask.hub.own_host() == Some(case.host);
    let stands = begun.iter().any(|action| action.undoable);
    // Exactly one plan is carried out once: what was begun is made anew.
    let fresh = |plan: &PlanHash| !begun.iter().any(|action| action.plan == *plan);
    let prepared = known.containment.as_ref().filter(|(proposal, _)| fresh(&proposal.plan));
    html! {
        section.card aria-labelledby="contain" {
            h2 #contain { "Contain" }
            @if !case.state.is_open() {
                p { "The case is settled: there is nothing to shut in." }
            } @else if let Some((proposal, plan)) = prepared {
                (shown::steps(plan))
                (shown::costs(proposal))
                p { (shown::ends(plan)) }
                p.big { a.button.main href={ "/plans/" (proposal.plan) "#approve" } { "Contain it" } }
            } @else if named.is_empty() {
                (nothing(known, &named))
            } @else if !here {
                p { "This case is about another machine. This page contains on its own machine only: \
                    go there, or cut it off at the switch." }
            } @else {
                @if stands {
                    p { "It is contained already. If more of it appeared since, look again." }
                }
                p { "These would be shut in, each only if the machine says that it can:" }
                ul.plainly { @for text in wanted(&named) { li { (Foreign(&text)) } } }
                p { strong { "What it costs: " } "what is shut in stops working until you let it go, \
                    and at the latest in 24 hours, by itself. You see exactly what before you sign." }
                @if ask.may(Role::Approver) {
                    @let class = if stands { "" } else { "main" };
                    (button(ask, &format!("/cases/{}/contain", case.id), class, "Contain"))
                } @else { p { "Your role on this page is to look and comment." } }
            }
            @if !named.is_empty() && !named.left.is_empty() {
                details { summary { "What is left alone" }
                    ul.plainly { @for reason in &named.left { li { (Foreign(reason)) } } } }
            }
        }
    }
}

fn wanted(named: &Named) -> Vec<String> {
    let addresses = named.addresses.iter().map(|address| format!("the address {address}"));
    let programs = named.suspects.iter().map(|suspect| match suspect.pid {
        Some(pid) => format!("the program {} (process {pid})", suspect.program),
        None => format!("what runs of {}", suspect.program),
    });
    let files = named.files.iter().map(|path| format!("the file {path}"));
    addresses.chain(programs).chain(files).collect()
}

/// There is nothing to shut in: why, and what there is in its place.
fn nothing(known: &Known, named: &Named) -> Markup {
    let id = known.case.id;
    html! {
        p { "Nothing of this case can be shut in." }
        ul.plainly {
            @for reason in &named.left { li { (Foreign(reason)) } }
            @if named.left.is_empty() {
                li { "It names no address, no program and no file." }
            }
        }
        @match &known.proposal {
            Some((proposal, _)) => {
                p { "But there is a fix that was tried on a copy and can be taken back." }
                p { strong { "What it costs: " } "services named on the plan restart." }
                p.big { a.button.main href={ "/plans/" (proposal.plan) "#approve" } { "Look at the fix" } }
            }
            None if known.case.kind == "patch" => {
                p { "A fix can be made; preparing one changes nothing." }
                p.big { a.button.main href={ "/cases/" (id) } { "Prepare a fix" } }
            }
            None => {
                p { "Wait, or call somebody. If you must act now, cut the machine off at the switch." }
            }
        }
    }
}

fn wait_card(ask: &Ask<'_>, case: &Case) -> Markup {
    let last = WAIT_HOURS.last().copied().unwrap_or(8);
    html! {
        section.card aria-labelledby="wait" {
            h2 #wait { "Wait" }
            p { "Nothing changes. You are told again then, and at once if it gets worse." }
            p { strong { "What it costs: " } (waiting_costs(case.priority)) }
            (parts::form(ask, &format!("/cases/{}/wait", case.id), html! {
                (field("reason", "Why", "", html! {
                    input #reason name="reason" maxlength=(REASON_CHARS_MAX) required;
                }))
                (field("hours", "How long", "", html! {
                    select #hours name="hours" {
                        @for hours in WAIT_HOURS {
                            option value=(hours) selected[hours == last] {
                                (words::count(hours.unsigned_abs(), "hour", "hours")) }
                        }
                    }
                }))
                button.button { "Wait" }
            }))
        }
    }
}

fn call_card(ask: &Ask<'_>, case: &Case, contacts: &[Contact]) -> Markup {
    html! {
        section.card aria-labelledby="call" {
            h2 #call { "Call somebody" }
            @if contacts.is_empty() { p { "Nobody's number is kept here yet. "
                a href="/welcome#contacts" { "Add one" } } }
            ul.plainly { @for contact in contacts {
                li { (Foreign(&contact.name)) " " a href={ "tel:" (dialled(&contact.phone)) } {
                    (Foreign(&contact.phone)) } }
            } }
            p { strong { "What it costs: " } "somebody's sleep. Nothing on the machines changes." }
            (button(ask, &format!("/cases/{}/call", case.id), "", "Send an urgent message"))
        }
    }
}

/// A number as a telephone takes it.
fn dialled(phone: &str) -> String {
    phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()
}

fn contain(ask: &Ask<'_>) -> Result<Next, Oops> {
    let known = known(ask, ask.id("id", "case")?)?;
    let id = begin_containing(ask, &known)?;
    Ok(Next::See(format!("/jobs/{id}")))
}

/// Has a containment made and tried; returns the number of the job. Nothing is contained by it: a
/// person signs what came of it.
pub fn begin_containing(ask: &Ask<'_>, known: &Known) -> Result<u64, Oops> {
    let case = known.case.clone();
    let named = names(known);
    if !case.state.is_open() {
        return Err(Oops::Conflict("The case is settled: there is nothing to shut in.".into()));
    }
    if named.is_empty() {
        let why = named.left.first().map_or("It names nobody and nothing.", String::as_str);
        return Err(Oops::Conflict(format!("Nothing of this case can be shut in. {why}")));
    }
    let title = format!("Looking at what can be shut in: {}", plain(&case.title));
    let user = ask.viewer()?.name.clone();
    ask.note(&format!("had a containment made for case {}", case.id.short()))?;
    super::job::begin(ask, title, user, move |hub, say| {
        let next = format!("/cases/{}/night", case.id);
        match prepared(hub, &case, named, say) {
            Ok(plan) => End {
                good: true,
                text: "It can be contained. Nothing is done until you sign.".into(),
                next: format!("/plans/{plan}#approve"),
            },
            Err(error) => End { good: false, text: error.to_string(), next },
        }
    })
}

fn prepared(
    hub: &Hub,
    case: &Case,
    mut named: Named,
    say: &mut dyn FnMut(&str),
) -> Result<PlanHash, Oops> {
    say("looking at what runs now, and who is connected");
    let seen = hub.executor.look(&named.suspects, &named.addresses)?;
    for suspect in &named.suspects {
        if !seen.processes.iter().any(|running| running.program == suspect.program) {
            named.left.push(format!("Nothing runs of {} now.", suspect.program));
        }
    }
    let parts = containing::parts(&named, &seen);
    let steps: Vec<_> = parts.iter().map(|part| part.step.clone()).collect();
    let Contained { prepared, refused } = if steps.is_empty() {
        Contained { prepared: None, refused: Vec::new() }
    } else {
        let purpose = format!("contain case {}", case.id.short());
        hub.executor.prepare_containment(case, &purpose, &steps, say)?
    };
    for (index, reason) in &refused {
        if let Some(part) = parts.get(*index) {
            named.left.push(format!("{}: {reason}.", part.what));
        }
    }
    named.left.iter().for_each(|reason| say(reason));
    let Some(prepared) = prepared else {
        let why = named.left.last().cloned().unwrap_or_default();
        return Err(Oops::Conflict(format!("Nothing of this case can be shut in now. {why}")));
    };
    let costs = parts
        .iter()
        .enumerate()
        .filter(|(index, _)| !refused.iter().any(|(refused, _)| refused == index));
    let costs: Vec<Value> = costs.map(|(_, part)| part.cost.clone().into()).collect();
    let more = [("costs", Value::from(costs)), ("left", Value::from(named.left))];
    super::plan::keep(hub, Some(case.id), &prepared, more)
}

fn wait(ask: &Ask<'_>) -> Result<Next, Oops> {
    let id = put_off(ask)?;
    Ok(Next::See(format!("/cases/{id}/night")))
}

/// Puts a case off, with a reason that the others see.
pub fn put_off(ask: &Ask<'_>) -> Result<spine::CaseId, Oops> {
    let known = known(ask, ask.id("id", "case")?)?;
    let id = known.case.id;
    let reason = ask.text("reason", "The reason", REASON_CHARS_MAX)?;
    let hours: Option<i64> = ask.field("hours").parse().ok();
    let hours = hours
        .filter(|hours| WAIT_HOURS.contains(hours))
        .ok_or_else(|| Oops::Bad("One waits for 1, 2, 4 or 8 hours.".into()))?;
    let mut watch = ask.hub.db.watch(&id)?.unwrap_or_default();
    let until_ms = ask.now_ms + hours * HOUR_MS;
    watch.wait_until_ms = Some(until_ms);
    watch.escalated_ms = None;
    ask.hub.db.put_watch(&id, &watch)?;
    let user = ask.viewer()?.name.clone();
    let text = format!("Waits until {}: {reason}", words::time(until_ms));
    ask.hub.db.add_comment(&id, &Comment { user, time_ms: ask.now_ms, text })?;
    ask.note(&format!("decided to wait with case {}", id.short()))?;
    Ok(id)
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
