//! What needs me today?

use maud::{Markup, html};
use spine::{Case, Priority};
use store::{Counts, Overview as _};

use super::{Ask, Oops, Page, View};
use crate::limits;
use crate::look::words::{self, count};
use crate::look::{chart, parts};
use crate::role::Role;

/// The page.
pub const PAGE: Page =
    Page { path: "/", title: "Today", nav: Some(1), sees: Some(Role::Viewer), view, acts: &[] };

/// Cases that are shown; the rest is behind a link.
const CASES_SHOWN: u32 = 8;
/// Days in the chart.
const DAYS: i64 = 30;

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let silent_before_ms = ask.now_ms - limits::SILENT_MS;
    let since_ms = ask.now_ms - (DAYS - 1) * 86_400_000;
    let (counts, cases, days) = ask.hub.state(|state| {
        Ok((
            state.counts(silent_before_ms)?,
            state.cases_page(None, true, 0, CASES_SHOWN)?,
            state.opened_by_day(since_ms)?,
        ))
    })?;
    let first_day = since_ms.div_euclid(86_400_000);
    let bars: Vec<(String, u64)> = (first_day..first_day + DAYS)
        .map(|day| {
            let opened = days.iter().find(|d| d.day == day).map_or(0, |day| day.opened);
            (words::time(day * 86_400_000).chars().take(10).collect(), opened)
        })
        .collect();
    let title = sentence(&counts);
    let body = html! {
        h1 { (title) }
        p.lead { (consequence(&counts)) }
        div.columns {
            section aria-labelledby="todo" {
                h2 #todo { "To look at" }
                (list(ask, &cases, &counts))
                (running(ask))
            }
            aside aria-label="How things stand" {
                (coverage(&counts, ask.hub.machines.db.lost_count(ask.now_ms)?))
                h2 { "New cases, last 30 days" }
                (chart::bars(&format!("{} new cases in 30 days",
                    bars.iter().map(|(_, n)| n).sum::<u64>()), &bars))
            }
        }
    };
    Ok(View::new("Today", body))
}

/// The one sentence. What could not be checked is part of it.
fn sentence(counts: &Counts) -> String {
    let [_, planned, soon, now] = counts.open_by_rank;
    match (now, soon, planned) {
        (0, 0, 0) if counts.machines == 0 => "Nothing was looked at yet.".into(),
        (0, 0, 0) if counts.machines_silent + counts.machines_doubtful > 0 => {
            "Nothing was found, but not everything could be checked.".into()
        }
        (0, 0, 0) => "Nothing needs you today.".into(),
        (0, 0, _) => "Nothing needs you today; some work is planned.".into(),
        (0, n, _) => format!("{} you soon.", needs(n)),
        (n, _, _) => format!("{} you now.", needs(n)),
    }
}

fn needs(n: u64) -> String {
    if n == 1 { "One thing needs".into() } else { format!("{n} things need") }
}

fn consequence(counts: &Counts) -> &'static str {
    let [_, planned, soon, now] = counts.open_by_rank;
    match (now, soon, planned) {
        (1.., _, _) => "Begin with the first below. Each says what to do and what it would change.",
        (0, 1.., _) => "They can wait until working hours, but not until the next window.",
        (0, 0, 1..) => "It is enough to do this in the next maintenance window.",
        _ => "Nothing found by these checks. What could not be checked is named beside.",
    }
}

fn list(ask: &Ask<'_>, cases: &[Case], counts: &Counts) -> Markup {
    let shown = cases.iter().filter(|case| case.priority != Priority::Defer);
    let later = counts.open_by_rank.first().copied().unwrap_or(0);
    html! {
        ul.rows { @for case in shown { (parts::case_row(case, None, ask.now_ms)) } }
        @if counts.open() == 0 { p.empty { "No open case." } }
        @if counts.open() > cases.len() as u64 || later > 0 {
            p { a href="/cases" { "All " (count(counts.open(), "open case", "open cases")) }
                @if later > 0 { ", " (later) " of them for later" } }
        }
    }
}

fn running(ask: &Ask<'_>) -> Markup {
    let jobs = ask.hub.jobs.running();
    html! {
        @if !jobs.is_empty() {
            h2 { "Running now" }
            ul { @for job in jobs {
                li { a href={ "/jobs/" (job.id) } { (crate::look::foreign::Foreign(&job.title)) } }
            } }
        }
    }
}

/// How machines stand; `lost` of those that joined do not answer now.
fn coverage(counts: &Counts, lost: u64) -> Markup {
    let good = counts
        .machines
        .saturating_sub(counts.machines_silent)
        .saturating_sub(counts.machines_doubtful);
    html! {
        h2 { "Machines" }
        (chart::parts(
            &format!("{good} checked, {} only in part, {} not reporting",
                counts.machines_doubtful, counts.machines_silent),
            &[
                ("ok", "checked", good),
                ("unknown", "checked only in part", counts.machines_doubtful),
                ("now", "not reporting", counts.machines_silent),
            ],
        ))
        @if lost > 0 {
            p { (count(lost, "machine that joined does", "machines that joined do")) " not answer now." }
        }
        p { a href="/machines" { "All machines" }
            @if counts.machines_silent + lost > 0 {
                " · " a href="/machines?show=silent" { "Not reporting" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(open_by_rank: [u64; 4], silent: u64, doubtful: u64) -> Counts {
        Counts {
            machines: 5,
            machines_silent: silent,
            machines_doubtful: doubtful,
            open_by_rank,
            ..Counts::default()
        }
    }

    #[test]
    fn the_sentence_names_the_most_urgent_and_never_hides_what_is_unknown() {
        assert_eq!(sentence(&counts([9, 9, 9, 1], 0, 0)), "One thing needs you now.");
        assert_eq!(sentence(&counts([0, 0, 2, 0], 0, 0)), "2 things need you soon.");
        assert!(sentence(&counts([0, 3, 0, 0], 0, 0)).starts_with("Nothing needs you today; "));
        assert_eq!(sentence(&counts([4, 0, 0, 0], 0, 0)), "Nothing needs you today.");
        for (silent, doubtful) in [(1, 0), (0, 1)] {
            let text = sentence(&counts([0; 4], silent, doubtful));
            assert!(text.contains("not everything could be checked"), "{text}");
        }
        assert_eq!(sentence(&Counts::default()), "Nothing was looked at yet.");
    }
}
