//! Takes public knowledge in: which vulnerabilities there are, which are exploited, and how likely
//! that is.
//!
//! `ringfort feeds sync` fetches every feed from its official address, or from the owner's own
//! (`feeds.NAME.url`); `--from DIR` takes them from files instead, recognised by what they hold
//! (archives, compressed files and folders alike). Only what changed is fetched; the last good
//! snapshot of a feed stays until a newer one was read whole, and an old one is a warning.
//! `ringfort feeds list` shows what there is. A feed informs and ranks; it never authorises.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use store::AdvisoryStore;

use crate::agent::session::{agent_dir, feeds_db, give_to_agent};
use crate::client::{Client, unexpected};
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::feeds::{self, FeedReport, Options, Source};
use crate::protocol::{FeedTaken, Reply, Request};
use crate::rim::{SystemClock, time_text};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "feeds",
    about: "Take public knowledge of vulnerabilities in",
    hidden: false,
    args,
    run,
};

const HELP: &str = "check the network or name a folder with `--from`; what was there before stays";

fn args(command: Command) -> Command {
    let sync = Command::new("sync")
        .about("Fetch what is new")
        .arg(
            Arg::new("from")
                .long("from")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Take feeds from the files in this folder"),
        )
        .arg(Arg::new("only").num_args(0..).value_name("FEED").help("Only these feeds"));
    command
        .subcommand_required(true)
        .subcommand(sync)
        .subcommand(Command::new("list").about("Show what there is of every feed"))
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let dir =
        agent_dir(&context.config.data_dir).or_hint("the data folder cannot be made", HELP)?;
    let work_dir = dir.join("feeds.work");
    std::fs::create_dir_all(&work_dir).or_hint("the folder for work cannot be made", HELP)?;
    let path = feeds_db(&context.config.data_dir);
    let mut store = AdvisoryStore::open(&path).or_hint("the feeds do not open", HELP)?;
    let only: Vec<String> = match matches.subcommand() {
        Some(("sync", sync)) => sync.get_many("only").into_iter().flatten().cloned().collect(),
        _ => Vec::new(),
    };
    let options = Options {
        config: &context.config.feeds,
        only: &only,
        work_dir: &work_dir,
        proxy: None,
        ca_file: None,
        clock: &SystemClock,
    };
    let outcome = match matches.subcommand() {
        Some(("sync", sync)) => {
            let from = sync.get_one::<PathBuf>("from").map(PathBuf::as_path);
            sync_feeds(context, from, &options, &mut store)
        }
        _ => list(context, &options, &store),
    };
    drop(store);
    for name in ["feeds.db", "feeds.db-wal", "feeds.db-shm"] {
        give_to_agent(&dir.join(name)).or_hint("the feeds cannot be handed to the agent", HELP)?;
    }
    outcome
}

fn sync_feeds(
    context: &Context,
    from: Option<&Path>,
    options: &Options<'_>,
    store: &mut AdvisoryStore,
) -> Outcome {
    let source = from.map_or(Source::Addresses, Source::Folder);
    let mut say = |text: &str| context.progress(inert(text));
    let report = feeds::sync(source, options, store, &mut say)
        .or_hint("the feeds were not taken in", HELP)?;
    let mut exit = Exit::Done;
    for feed in &report.feeds {
        if matches!(feed.outcome, feeds::Outcome::Failed { .. }) {
            exit = exit.and(Exit::Unknown);
        }
        if context.json {
            context.print_json(feed)?;
        } else {
            context.print(inert(&line(feed)));
        }
        for warning in &feed.warnings {
            context.warn(inert(&format!("{}: {warning}", feed.feed)));
        }
    }
    for (path, reason) in &report.not_recognised {
        context.warn(inert(&format!("`{path}` was passed over: {reason}")));
    }
    if report.feeds.is_empty() {
        return Err(Failure::unknown("no feed was found", HELP));
    }
    record(context, &report.feeds);
    Ok(exit)
}

/// Puts what was taken in into the record, with its hash. Without root and without a running
/// executor there is no record to write to; that is said and is no failure.
fn record(context: &Context, feeds: &[FeedReport]) {
    let taken = |feed: &FeedReport| {
        let live = feed.live.as_ref().filter(|_| feed.outcome == feeds::Outcome::Updated)?;
        let sha256 = live.sha256.parse().ok()?;
        Some(FeedTaken { feed: feed.feed.clone(), sha256, as_of_ms: feeds::as_of_ms(live) })
    };
    let taken: Vec<FeedTaken> = feeds.iter().filter_map(taken).collect();
    if taken.is_empty() {
        return;
    }
    let request = Request::Feeds { feeds: taken };
    let reply = Client::connect(context).and_then(|mut client| client.ask(&request, &mut |_| ()));
    match reply {
        Ok(Reply::Done { .. }) => {}
        Ok(other) => context.warn(format!("not in the record: {}", unexpected(&other).message)),
        Err(failure) => context.warn(format!("not in the record: {}", failure.message)),
    }
}

fn line(feed: &FeedReport) -> String {
    let what = match &feed.outcome {
        feeds::Outcome::Updated => "taken in".to_owned(),
        feeds::Outcome::NotModified => "unchanged".to_owned(),
        feeds::Outcome::Failed { reason } => format!("FAILED: {reason}"),
    };
    let live = feed.live.as_ref().map_or(String::new(), |live| {
        let hash: String = live.sha256.chars().take(12).collect();
        let (as_of, skipped) = (time_text(feeds::as_of_ms(live)), live.skipped);
        format!("; {} records, {skipped} skipped, as of {as_of}, SHA-256 {hash}", live.records)
    });
    format!("{:<16} {what}{live} ({} ms)", feed.feed, feed.elapsed_ms)
}

fn list(context: &Context, options: &Options<'_>, store: &AdvisoryStore) -> Outcome {
    let standing = feeds::standing(options, store).or_hint("the feeds do not read", HELP)?;
    for (feed, live, stale) in standing {
        if context.json {
            context.print_json(&serde_json::json!({
                "feed": feed.name, "url": feed.url, "live": live, "stale": stale,
            }))?;
            continue;
        }
        let what = live.map_or_else(
            || "not here".to_owned(),
            |live| format!("{} records as of {}", live.records, time_text(feeds::as_of_ms(&live))),
        );
        let old = if stale { " (stale)" } else { "" };
        context.print(inert(&format!("{:<16} {what}{old}  {}", feed.name, feed.url)));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_can_stand_for_the_network() {
        let command = args(Command::new("feeds"));
        let line = ["feeds", "sync", "--from", "/srv/feeds", "kev"];
        assert!(command.clone().try_get_matches_from(line).is_ok());
        assert!(command.try_get_matches_from(["feeds"]).is_err());
    }
}
