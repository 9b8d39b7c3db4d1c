//! The month: what was found and fixed, how fast, what was withheld, what it cost in minutes, and
//! what nobody looked at. For the owner and the insurer; prints as it stands.

use maud::{Markup, html};
use serde_json::Value;
use store::HostRecord;

use super::{Act, Ask, Next, Oops, Page, View};
use crate::look::foreign::{Foreign, Short};
use crate::look::parts::{self, field};
use crate::look::words::{self, count};
use crate::report::month::{Acts, Month, Monthly, Restore, Withheld, gather, keep_restore};
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/report",
    title: "Month",
    nav: Some(7),
    sees: Some(Role::Viewer),
    view,
    acts: &[Act { path: "/report/restore", needs: Some(Role::Approver), run: restore }],
};

/// Characters of what somebody says of a restore.
const NOTE_CHARS_MAX: usize = 200;

/// The month that is asked for, or the one that runs.
pub fn asked(ask: &Ask<'_>) -> Result<Month, Oops> {
    match ask.query.get("month") {
        None => Ok(Month::of(ask.now_ms)),
        Some(text) => {
            Month::parse(text).ok_or_else(|| Oops::Bad("A month is written like 2026-11.".into()))
        }
    }
}

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let month = asked(ask)?;
    let told = gather(ask.hub, month)?;
    let this = Month::of(ask.now_ms);
    let link = |month: Month, text: String| {
        html! { a href={ "/report?month=" (month.code()) } { (text) } }
    };
    let (before, after) = (month.plus(-1), month.plus(1));
    let body = html! {
        h1 { (month.name()) }
        @if told.running { p.lead { "This month is not over." } }
        nav.pager.no-print aria-label="Months" {
            (link(before, format!("← {}", before.name())))
            @if month != this { (link(after, format!("{} →", after.name()))) }
        }
        p.no-print { button.button type="button" data-print="" hidden { "Print, or keep as PDF" } }
        section { h2 { "Found and fixed" } (found(&told)) }
        section { h2 { "Done on the hub's own machine" } (acts(told.acts)) }
        section { h2 { "What learned behaviour withheld" } (withheld(told.withheld)) }
        section { h2 { "What it cost people" }
            p { "About " strong { (words::count(told.minutes, "minute", "minutes")) } " at this page. \
                Minutes in which somebody was at work here are counted; whose they were is not \
                kept, and what people did elsewhere is not known." }
        }
        section #restore { h2 { "Restore test" } (restores(ask, &told)) }
        section { h2 { "What nobody looked at" } (gaps(ask, &told)) }
        p.small { "Made " (parts::at(ask.now_ms)) " from what ringfort keeps. It says what was found by \
            these checks, not that nothing else was there." }
    };
    Ok(View::new(month.name(), body))
}

fn found(told: &Monthly) -> Markup {
    let course = &told.course;
    let [later, planned, soon, now] = course.found_by_rank;
    let fixed = course.fixed_ms.len() as u64;
    html! {
        div.scroll tabindex="0" role="group" aria-label="Found and fixed, in numbers" {
            table {
                tbody {
                    tr { th scope="row" { "New cases" }
                        td { strong { (course.found()) } " (" (now) " now, " (soon) " soon, "
                            (planned) " planned, " (later) " later)" } }
                    tr { th scope="row" { "Fixed" } td { strong { (fixed) } } }
                    tr { th scope="row" { "How fast" }
                        td { @match course.median_ms() {
                            Some(ms) => { "half of them within " strong { (words::took(ms)) }
                                " of the first sight" },
                            None => "nothing was fixed, so there is no time",
                        } } }
                    tr { th scope="row" { "Set aside as no problem" } td { (course.dismissed) } }
                    tr { th scope="row" { "Risk accepted" }
                        td { (course.accepted.len() as u64 + course.accepted_more) } }
                    tr { th scope="row" { "Open now" } td { (told.counts.open()) } }
                }
            }
        }
        @if !course.accepted.is_empty() {
            h3 { "Risks that somebody accepted" }
            ul.plainly { @for case in &course.accepted {
                li { a href={ "/cases/" (case.id) } { (Short(&case.title)) }
                    @if let Some(owner) = &case.owner { " — " (Foreign(owner)) } }
            } }
            @if course.accepted_more > 0 { p { "and " (course.accepted_more) " more" } }
        }
        p.small { "A fix counts when a scan no longer finds it. The time runs from the first sight to \
            that scan." }
    }
}

fn acts(acts: Option<Acts>) -> Markup {
    let Some(acts) = acts else {
        return html! { p { (parts::tag("unknown", "unknown")) " The executor does not answer." } };
    };
    html! {
        ul.plainly {
            li { (count(acts.fixes, "fix was", "fixes were")) " applied" }
            li { (count(acts.contained, "containment", "containments")) }
            li { (count(acts.taken_back, "action was", "actions were")) " taken back by a person" }
            li { (count(acts.failed, "action", "actions"))
                " did not end well and went back by itself" }
        }
        p.small { "Each is in " a href="/records" { "the record" } ". Machines that report here keep \
            records of their own." }
    }
}

fn withheld(withheld: Option<Withheld>) -> Markup {
    let Some(told) = withheld else {
        return html! { p { "Nothing was learned yet, so nothing was withheld." } };
    };
    let all = told.cap + told.false_discoveries + told.not_rare_enough;
    html! {
        p { "Since it began to learn " (count(told.days, "day", "days")) " ago it showed "
            strong { (count(told.shown, "case", "cases")) } " and withheld " strong { (all) } ":" }
        ul.plainly {
            li { (told.cap) " because the day was full" }
            li { (told.false_discoveries) " because too many before were false" }
            li { (told.not_rare_enough) " as rare, but not rare enough" }
        }
        p.small { a href="/behaviour" { "Which they were" } }
    }
}

fn restores(ask: &Ask<'_>, told: &Monthly) -> Markup {
    let (from_ms, _) = told.month.span_ms();
    html! {
        @match &told.restore {
            Some(restore) => {
                p {
                    @if restore.worked { (parts::tag("ok", "it worked")) }
                    @else { (parts::tag("now", "it did not work")) }
                    " The last time that somebody put a backup back: " (parts::at(restore.time_ms))
                    ", says " (Foreign(&restore.by)) ". " (Foreign(&restore.note))
                }
                @if restore.time_ms < from_ms { p { "It was not in this month." } }
            }
            None => {
                p { (parts::tag("unknown", "unknown")) " Nobody noted that a backup was put back. A \
                    backup that was never restored is a hope." }
            }
        }
        @if ask.may(Role::Approver) {
            details.no-print { summary { "Note that a restore was tried" }
                (parts::form(ask, "/report/restore", html! {
                    (field("worked", "How it went", "", html! {
                        select #worked name="worked" {
                            option value="yes" { "Everything was there again" }
                            option value="no" { "Something was missing" }
                        }
                    }))
                    (field("note", "What was put back, and where", "", html! {
                        input #note name="note" maxlength=(NOTE_CHARS_MAX) required;
                    }))
                    button.button { "Keep" }
                }))
            }
        }
    }
}

fn gaps(ask: &Ask<'_>, told: &Monthly) -> Markup {
    let counts = &told.counts;
    html! {
        p { "As of now: " (count(counts.machines, "machine", "machines")) ", of which "
            strong { (counts.machines_silent) } " do not report and "
            strong { (counts.machines_doubtful) } " are checked only in part." }
        @if counts.machines == 0 { p { "Nothing was looked at yet." } }
        @if !told.silent.is_empty() {
            h3 { "Not reporting" }
            ul.plainly { @for host in &told.silent {
                li { a href={ "/machines/" (host.host) } { (Short(&host.name)) } ", last looked at "
                    (parts::time(host.last_seen_ms, ask.now_ms)) }
            } }
        }
        @if !told.doubtful.is_empty() {
            h3 { "Checked only in part" }
            ul.plainly { @for host in &told.doubtful { (doubt(host)) } }
        }
        @let named = told.silent.len().max(told.doubtful.len()) as u64;
        @if counts.machines_silent.max(counts.machines_doubtful) > named {
            p { "and more: " a href="/machines" { "all machines" } }
        }
    }
}

fn doubt(host: &HostRecord) -> Markup {
    let reasons = host.coverage.get("unknown").and_then(Value::as_array);
    let first = reasons.and_then(|reasons| reasons.first()).and_then(|reason| reason.as_str());
    let more = reasons.map_or(0, Vec::len).saturating_sub(1);
    html! {
        li { a href={ "/machines/" (host.host) } { (Short(&host.name)) } ": "
            (Short(first.unwrap_or("the reason is not known")))
            @if more > 0 { ", and " (more) " more" } }
    }
}

fn restore(ask: &Ask<'_>) -> Result<Next, Oops> {
    let worked = match ask.field("worked") {
        "yes" => true,
        "no" => false,
        _ => return Err(Oops::Bad("Say how it went.".into())),
    };
    let note = ask.text("note", "What was put back", NOTE_CHARS_MAX)?;
    let by = ask.viewer()?.name.clone();
    keep_restore(ask.hub, Restore { time_ms: ask.now_ms, by, worked, note })?;
    ask.note("noted that a restore was tried")?;
    Ok(Next::See("/report#restore".into()))
}
