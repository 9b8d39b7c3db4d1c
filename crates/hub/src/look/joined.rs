//! What the page shows of machines that joined: how they stand with the hub, who was turned away,
//! and how to add one.

use maud::{Markup, html};
use spine::HostId;

use super::foreign::{Foreign, Short};
use super::parts;
use super::words::count;
use crate::machines::db::{Certificate, Machine, RefusedRow};
use crate::role::Role;
use crate::web::{Ask, Oops};

/// One machine that joined, in a list.
pub fn row(ask: &Ask<'_>, machine: &Machine) -> Markup {
    html! {
        li.row { div.row-main {
            a.row-title href={ "/machines/" (machine.host) } { (Short(&machine.name)) }
            p.row-meta { (heard(ask, machine)) " · joined " (parts::time(machine.joined_ms, ask.now_ms)) }
        } }
    }
}

fn heard(ask: &Ask<'_>, machine: &Machine) -> Markup {
    html! {
        @match machine.heard_ms {
            Some(heard_ms) => { "last heard " (parts::time(heard_ms, ask.now_ms)) },
            None => { "never heard since it joined" },
        }
    }
}

/// How to add a machine. Who may not is not shown it.
pub fn add(ask: &Ask<'_>) -> Markup {
    html! {
        @if ask.may(Role::Admin) {
            details { summary { "Add a machine" }
                @match &ask.hub.machines.config {
                    None => {
                        p { "This hub does not listen for other machines yet. Put this into "
                            code { "/etc/ringfort/ringfort.toml" } " and start it again:" }
                        (parts::command("[machines]\nlisten = \"0.0.0.0:7118\"\n\
                            at = \"hub.clinic.example:7118\"   # how machines reach it"))
                    },
                    Some(_) => {
                        p { "You get a token that works once, for 15 minutes. On the machine, run "
                            code { "ringfort agent join" } " as root and paste it." }
                        (parts::button(ask, "/machines/token", "main", "Make a token"))
                    },
                }
            }
        }
    }
}

/// A token, shown once.
pub fn token(token: &str, again: bool) -> Markup {
    html! {
        p.crumbs { a href="/machines" { "Machines" } }
        h1 { @if again { "A token to join again" } @else { "A token for one machine" } }
        p.lead { "It works once, for 15 minutes. It is not shown again." }
        ol.steps {
            li { "On the machine, as root:"
                (parts::command(if again { "ringfort agent join --again" } else { "ringfort agent join" })) }
            li { "Paste this line and press Enter:" (parts::command(token)) }
            li { "Then say there who may approve:" (parts::command("ringfort keys enrol NAME KEY.pub")) }
        }
        p.small { "The token names this hub by the fingerprint of its authority, so nobody can step in \
            between. Whoever has the token can add one machine, and can do nothing else with it." }
    }
}

/// Those who were turned away.
pub fn refusals(ask: &Ask<'_>, rows: &[RefusedRow]) -> Markup {
    html! {
        @if rows.is_empty() { p.empty { "Nobody was turned away." } }
        ul.rows { @for row in rows {
            li.row { div.row-main {
                p { strong { (meaning(&row.code)) } " · from " (Short(&row.address)) }
                p.row-text { (Foreign(&row.reason)) }
                p.row-meta { (count(row.times, "time", "times")) " that day, last "
                    (parts::time(row.last_ms, ask.now_ms)) }
            } }
        } }
    }
}

fn meaning(code: &str) -> &'static str {
    match code {
        "handshake" => "No good certificate",
        "malformed" | "too_long" => "Not what a machine says",
        "too_many" => "Too many tries",
        "token_unknown" => "A token that was never made",
        "token_used" => "A token was used twice: somebody else may have it",
        "token_expired" => "A token that is too old",
        "clock" => "A clock that is wrong",
        "request" | "key_seen" => "A wrong or repeated request for a certificate",
        "countersign" => "Without the word of root on the machine",
        "host_taken" => "A machine that is enrolled already",
        "impersonation" => "Under the name of another machine",
        "unlisted" => "A certificate that is not in the list",
        "revoked" => "A machine that was removed",
        "superseded" => "An old certificate: there may be two of one machine",
        "early" => "A certificate was asked for too early",
        "record" => "A record that does not fit: it was changed or went back",
        _ => "Refused",
    }
}

/// How a machine stands with the hub, and what can be done about it.
pub fn standing(ask: &Ask<'_>, host: HostId) -> Result<Option<Markup>, Oops> {
    let db = &ask.hub.machines.db;
    let Some(machine) = db.machine(host)? else { return Ok(None) };
    let certificates = db.certificates(host)?;
    let notes = db.notes(host, 20)?;
    let current = certificates.iter().find(|certificate| certificate.ended.is_none());
    Ok(Some(html! {
        section { h2 { "Its connection to this hub" }
            @if machine.removed_ms.is_some() {
                (parts::note("later", "This machine was removed.", html! {
                    p { "What it reported stays. Nothing more is taken from it." } }))
            } @else if machine.is_lost(ask.now_ms) {
                (parts::note("now", "It does not report.", html! {
                    p { "It may be switched off, or cut off. What happens there meanwhile is kept on \
                        it and told when it is back." } }))
            }
            (facts(ask, &machine, current))
            @if !notes.is_empty() {
                h3 { "What was noted" }
                ul.plainly { @for (time_ms, text) in &notes {
                    li { (parts::at(*time_ms)) " · " (Foreign(text)) } } }
            }
            @if ask.may(Role::Admin) { (acts(ask, &machine)) }
        }
    }))
}

fn facts(ask: &Ask<'_>, machine: &Machine, current: Option<&Certificate>) -> Markup {
    let skew_s = machine.skew_ms.unsigned_abs() / 1_000;
    html! {
        dl.facts {
            dt { "Heard" } dd { (heard(ask, machine)) " from " (Short(&machine.address)) }
            dt { "Joined" } dd { (parts::at(machine.joined_ms)) }
            dt { "Certificate" }
            dd { @match current {
                Some(current) => { "good until " (parts::at(current.not_after_ms)) },
                None => "none is good" } }
            dt { "Its record" }
            dd { (count(machine.records_to, "receipt", "receipts")) " here; checked with "
                code { (Foreign(&machine.record_key)) } }
            dt { "Program" } dd { (Short(&machine.program)) }
            @if skew_s > 60 { dt { "Clock" } dd { (skew_s) " s away from this one" } }
        }
    }
}

fn acts(ask: &Ask<'_>, machine: &Machine) -> Markup {
    let at = |what: &str| format!("/machines/{}/{what}", machine.host);
    html! {
        @if machine.removed_ms.is_none() {
            details { summary { "Remove it, or let it join again" }
                p { "Removing revokes its certificates at once. The machine goes on by itself and can \
                    join again with a new token." }
                (parts::button(ask, &at("remove"), "plain danger", "Remove this machine"))
                p { "After it was set up anew, or its key was lost:" }
                (parts::button(ask, &at("token"), "plain", "Make a token for it"))
            }
        }
    }
}
