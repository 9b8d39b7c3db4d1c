//! Five questions at the beginning. Each can be left out; each says what follows from it.

use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use spine::MachineClass;
use store::State as _;

use super::night::{CONTACTS, Contact};
use super::{Act, Ask, Next, Oops, Page, View};
use crate::class;
use crate::look::parts::{self, field};
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/welcome",
    title: "Beginning",
    nav: None,
    sees: Some(Role::Viewer),
    view,
    acts: &[
        Act { path: "/welcome/contacts", needs: Some(Role::Admin), run: set_contact },
        Act { path: "/welcome/window", needs: Some(Role::Admin), run: set_window },
    ],
};

/// When changes may be made: one stretch a week, in UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// 1 for Monday to 7 for Sunday; 0: none was chosen.
    pub weekday: u8,
    /// The hour it begins.
    pub hour: u8,
    /// How long it is.
    pub hours: u8,
}

/// Under which name the window is kept.
pub const WINDOW: &str = "window";
const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Kinds of site with what follows, as the configuration names them.
const PROFILES: [(&str, &str); 5] = [
    ("office", "An office. Machines of unknown kind count as ordinary ones."),
    (
        "clinic",
        "A clinic. Machines of unknown kind count as medical: never touched without people.",
    ),
    ("school", "A school. Machines of unknown kind count as ordinary ones."),
    (
        "utility",
        "A utility. Machines of unknown kind count as process control: never touched \
        without people.",
    ),
    ("software_firm", "A firm that makes software."),
];

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let passkeys = ask.hub.db.passkeys_of(&ask.viewer()?.user)?;
    let body = html! {
        h1 { "Beginning" }
        p.lead { "Five questions. You can leave out any; each says what follows. "
            a href="/" { "Skip all" } }
        section { h2 { "1. What kind of place is this?" } (site(ask)?) }
        section { h2 { "2. Who approves?" }
            p { "Without an approver ringfort looks, explains and prepares, and changes nothing." }
            p { @if passkeys.is_empty() { a.button.main href="/people#passkeys" { "Make your passkey" } }
                @else { (parts::tag("ok", "done")) " You have a passkey. "
                    a href="/people" { "Has the machine taken it in?" } } }
        }
        section { h2 { "3. Who is the second approver?" }
            p { "Some things need two people: what cannot be taken back, and machines that may harm \
                somebody. A phone is enough for that. Without a second person these are never done." }
            p { a.button href="/people" { "Invite somebody" } }
        }
        section #contacts { h2 { "4. Where do messages go, and who is called at night?" }
            p { "Without this, you hear of urgent things only when you look here." }
            p { a.button href="/settings#messages" { "Set up messages" } }
            @if ask.may(Role::Admin) { (contacts(ask)?) }
        }
        section #window { h2 { "5. When may machines be changed?" }
            p { "What is not urgent waits for this stretch. Without one, you approve for now, each \
                time." }
            @if ask.may(Role::Admin) { (window(ask)?) }
        }
        p.actions { a.button.main href="/" { "Done" } }
    };
    Ok(View::new("Beginning", body))
}

fn site(ask: &Ask<'_>) -> Result<Markup, Oops> {
    let proposal = match ask.hub.own_host() {
        None => class::propose(&serde_json::Value::Null),
        Some(host) => {
            let live = ask.hub.state(|state| state.get_doc("live", &host.to_string()))?;
            class::propose(&live.unwrap_or_default())
        }
    };
    let site = &ask.hub.config.site;
    let profile = serde_json::to_value(site.profile).unwrap_or_default();
    let file = "/etc/ringfort/ringfort.toml";
    let chosen = if proposal.class == MachineClass::Unknown {
        MachineClass::Workstation
    } else {
        proposal.class
    };
    let lines = format!(
        "[site]\nprofile = \"{}\"\nmachine_class = \"{}\"\n",
        profile.as_str().unwrap_or("office"),
        class::name(if site.machine_class == MachineClass::Unknown {
            chosen
        } else {
            site.machine_class
        }),
    );
    Ok(html! {
        p { "It decides which machines are never touched without people. So it is not set on this \
            page, which could be stolen, but in a file that only root can write. Then start ringfort \
            again." }
        ul.plainly { @for (name, follows) in PROFILES {
            li { code { (name) } " " (follows)
                @if profile.as_str() == Some(name) { " " (parts::tag("ok", "now")) } }
        } }
        p { "This machine looks like " strong { (class::words(proposal.class)) }
            @if !proposal.reasons.is_empty() { " (" (proposal.reasons.join(", ")) ")" } "." }
        p { "In " code { (file) } ", for example:" }
        (parts::command(&lines))
    })
}

fn contacts(ask: &Ask<'_>) -> Result<Markup, Oops> {
    let contacts: Vec<Contact> = ask.hub.db.setting(CONTACTS)?;
    let first = contacts.first().cloned().unwrap_or_default();
    Ok(parts::form(
        ask,
        "/welcome/contacts",
        html! {
            (field("name", "Name or duty", "Shown on the 3 a.m. page only; never sent.", html! {
                input #name name="name" maxlength="60" value=(first.name) required
                    aria-describedby="name-hint";
            }))
            (field("phone", "Telephone", "", html! {
                input #phone name="phone" type="tel" maxlength="40" value=(first.phone) required;
            }))
            button.button { "Keep" }
        },
    ))
}

fn window(ask: &Ask<'_>) -> Result<Markup, Oops> {
    let window: Window = ask.hub.db.setting(WINDOW)?;
    let number = |name: &str, label: &str, value: u8, least: u8, most: u8| {
        field(
            name,
            label,
            "",
            html! {
                input id=(name) name=(name) type="number" min=(least) max=(most) value=(value) required;
            },
        )
    };
    Ok(parts::form(
        ask,
        "/welcome/window",
        html! {
            (field("weekday", "Day", "", html! {
                select #weekday name="weekday" {
                    option value="0" selected[window.weekday == 0] { "none" }
                    @for (day, name) in (1_u8..).zip(DAYS) {
                        option value=(day) selected[window.weekday == day] { (name) }
                    }
                }
            }))
            (number("hour", "Begins at (hour, UTC)", window.hour, 0, 23))
            (number("hours", "Lasts (hours)", window.hours.max(2), 1, 12))
            button.button { "Keep" }
        },
    ))
}

fn set_contact(ask: &Ask<'_>) -> Result<Next, Oops> {
    let name = ask.text("name", "The name", 60)?;
    let phone = ask.text("phone", "The number", 40)?;
    ask.hub.db.set(CONTACTS, &[Contact { name, phone }])?;
    ask.note("changed who is called at night")?;
    Ok(Next::See("/welcome#contacts".into()))
}

fn set_window(ask: &Ask<'_>) -> Result<Next, Oops> {
    let number = |name: &str, most: u8| {
        let value: Option<u8> = ask.field(name).parse().ok();
        value
            .filter(|value| *value <= most)
            .ok_or_else(|| Oops::Bad("That is no such time.".into()))
    };
    let window = Window {
        weekday: number("weekday", 7)?,
        hour: number("hour", 23)?,
        hours: number("hours", 12)?,
    };
    ask.hub.db.set(WINDOW, &window)?;
    ask.note("changed the maintenance window")?;
    Ok(Next::See("/welcome#window".into()))
}
