//! Shows what happened on this machine, oldest first.
//!
//! While `ringfort up` runs it writes down what changes: packages that come, go or are updated,
//! programs that begin or cease to listen on the network, another kernel, and its own starts, stops
//! and gaps. `--since` takes a time (`2026-11-24T02:00Z`) or an age (`30m`, `6h`, `7d`); `--source`
//! takes one of `packages`, `listeners`, `kernel`, `ringfort`, or of what else writes events;
//! `--last` shows only the newest. With `--json` each event is one line, in OCSF's fields.
//!
//! How much is kept is for `events_bytes_max` and `events_days_max` in the configuration. If a part
//! of the log cannot be read, that is said and the exit code is 4.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use clap::{Arg, ArgMatches, Command, value_parser};
use durable::StdFiles;
use serde_json::json;
use spine::Clock as _;
use store::{EventFilter, EventReader, StoredEvent};

use crate::agent::events::events_dir;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::rim::{SystemClock, time_text};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb =
    Verb { name: "events", about: "Show what happened on this machine", hidden: false, args, run };

/// The most events that `--last` can hold back until the end is reached.
const LAST_MAX: u32 = 100_000;

fn args(command: Command) -> Command {
    let value = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    command
        .arg(value("since", "TIME", "Only what happened since this time, or in this last while"))
        .arg(value("until", "TIME", "Only what happened before this time"))
        .arg(value("source", "NAME", "Only what this source wrote"))
        .arg(
            value("class", "UID", "Only events of this OCSF class, such as 4001")
                .value_parser(value_parser!(u32)),
        )
        .arg(
            value("last", "N", "Only the newest N")
                .value_parser(value_parser!(u32).range(1..=i64::from(LAST_MAX))),
        )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let help = "start `ringfort up`: it writes down what changes from then on";
    let dir = events_dir(&context.config.data_dir);
    if !dir.is_dir() {
        return Err(Failure::unknown("no event was written down yet", help));
    }
    let now_ms = SystemClock.now_ms();
    let time = |name: &str| {
        matches.get_one::<String>(name).map(|text| moment(name, text, now_ms)).transpose()
    };
    let filter = EventFilter {
        from_ms: time("since")?,
        before_ms: time("until")?,
        source: matches.get_one::<String>("source").cloned(),
        ..EventFilter::default()
    };
    let class = matches.get_one::<u32>("class").copied();
    let last = matches.get_one::<u32>("last").map(|last| *last as usize);
    let mut newest = VecDeque::new();
    let mut failed = None;
    let report = EventReader::new(Arc::new(StdFiles), &dir)
        .scan(&filter, &mut |stored| {
            if class.is_some_and(|class| stored.event.class_uid.uid() != class) {
                return ControlFlow::Continue(());
            }
            match last {
                Some(last) => {
                    if newest.len() >= last {
                        newest.pop_front();
                    }
                    newest.push_back(stored);
                }
                None => failed = show(context, &stored).err(),
            }
            if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .or_hint("the event log does not read", "check the folder's permissions, or run as root")?;
    if let Some(failure) = failed {
        return Err(failure);
    }
    newest.iter().try_for_each(|stored| show(context, stored))?;
    if report.is_complete() {
        return Ok(Exit::Done);
    }
    for (file, reason) in &report.damaged {
        context.warn(inert(&format!("`{file}` is not shown: {reason}")));
    }
    if report.undecodable > 0 {
        context.warn(format!("{} appends of a newer version are not shown", report.undecodable));
    }
    Ok(Exit::Unknown)
}

fn show(context: &Context, stored: &StoredEvent) -> Result<(), Failure> {
    let event = &stored.event;
    if context.json {
        return context.print_json(&json!({
            "seq": stored.seq, "recorded_ms": stored.recorded_ms, "id": event.id,
            "host": event.host, "source": event.source, "class_uid": event.class_uid,
            "time_ms": event.time_ms, "ocsf": event.ocsf, "raw": event.raw,
        }));
    }
    let message = event.ocsf.get("message").and_then(|message| message.as_str());
    let text = message.map_or_else(|| format!("class {}", event.class_uid.uid()), str::to_owned);
    context.print(inert(&format!("{}  {:<10} {text}", time_text(event.time_ms), event.source)));
    Ok(())
}

/// A time, or how long ago.
fn moment(name: &str, text: &str, now_ms: i64) -> Result<i64, Failure> {
    let seconds = |unit: char| match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3_600),
        'd' => Some(86_400),
        _ => None,
    };
    let ago_ms = || {
        let unit = text.chars().last()?;
        let number: i64 = text.strip_suffix(unit)?.parse().ok().filter(|number| *number >= 0)?;
        number.checked_mul(seconds(unit)?)?.checked_mul(1_000)
    };
    if let Some(ago_ms) = ago_ms() {
        return Ok(now_ms.saturating_sub(ago_ms));
    }
    text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond).map_err(|error| {
        let help = "write a time as 2026-11-24T02:00Z, or an age as 30m, 6h or 7d";
        Failure::usage(format!("`--{name}`: {error}"), help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_or_an_age_is_taken_and_nothing_else() {
        let now_ms = 1_800_000_000_000;
        assert_eq!(moment("since", "6h", now_ms).unwrap(), now_ms - 6 * 3_600 * 1_000);
        assert_eq!(moment("since", "0s", now_ms).unwrap(), now_ms);
        assert_eq!(moment("since", "1970-01-01T00:01Z", now_ms).unwrap(), 60_000);
        for wrong in ["", "yesterday", "-5m", "5 m", "99999999999999999d", "ä"] {
            assert!(moment("since", wrong, now_ms).is_err(), "{wrong}");
        }
    }

    #[test]
    fn how_many_are_held_back_is_bounded() {
        let command = args(Command::new("events"));
        assert!(command.clone().try_get_matches_from(["events", "--last", "0"]).is_err());
        assert!(command.clone().try_get_matches_from(["events", "--last", "100001"]).is_err());
        assert!(command.try_get_matches_from(["events", "--last", "5", "--since", "6h"]).is_ok());
    }
}
