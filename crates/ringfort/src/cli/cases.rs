//! Shows the few cases that a person should look at, most urgent first.
//!
//! `ringfort cases` lists what is open, as of the last scan; `ringfort cases ID` shows one with its
//! explanation and evidence. `--dismiss` and `--accept` set a case aside: it comes back when there
//! is more to it than before.
//!
//! `ringfort cases ID --evidence FILE.zip` gathers everything that is known of a case into one file
//! for somebody else: findings, log lines, events (JSON lines and Parquet), plans with their
//! signatures, and the receipts of the record with proofs that `ringfort` is not needed to check. A
//! part that cannot be gathered is named, and the exit code is 4.

use std::cmp::Reverse;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use hub::db::Db;
use hub::evidence::Sources;
use spine::{Case, CaseEvent, Clock as _, Priority};
use store::{CaseFilter, SqliteState, State as _};

use crate::agent::events::events_dir;
use crate::agent::session::{give_to_agent, open_state};
use crate::cli_support::{case_line, when};
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::hub_port::Port;
use crate::rim::{SystemClock, time_text};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "cases",
    about: "Show what a person should look at, most urgent first",
    hidden: false,
    args,
    run,
};

fn args(command: Command) -> Command {
    command
        .arg(Arg::new("id").help("Show this case (its first digits are enough)"))
        .arg(Arg::new("all").long("all").action(ArgAction::SetTrue).help("Also show closed cases"))
        .arg(
            Arg::new("dismiss")
                .long("dismiss")
                .action(ArgAction::SetTrue)
                .requires("id")
                .help("Say that this case is not a problem"),
        )
        .arg(
            Arg::new("accept")
                .long("accept")
                .action(ArgAction::SetTrue)
                .requires("id")
                .conflicts_with("dismiss")
                .help("Accept the risk of this case"),
        )
        .arg(
            Arg::new("evidence")
                .long("evidence")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .requires("id")
                .conflicts_with_all(["dismiss", "accept"])
                .help("Write the evidence of this case into a zip file"),
        )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let help = "run `ringfort scan` or `ringfort up` first";
    let state = open_state(&context.config.data_dir)?;
    if let Some(id) = matches.get_one::<String>("id") {
        let mut case = state.case_by_prefix(id).or_hint("the case was not found", help)?;
        if let Some(file) = matches.get_one::<PathBuf>("evidence") {
            return evidence(context, &state, &case, file);
        }
        let event = [("dismiss", CaseEvent::Dismiss), ("accept", CaseEvent::Accept)]
            .into_iter()
            .find(|(flag, _)| matches.get_flag(flag));
        if let Some((_, event)) = event {
            let hint = "a case that is being acted on is left alone until it is done";
            case.step(event, SystemClock.now_ms()).or_hint("the case stays as it is", hint)?;
            state.put_case(&case).or_hint("the case cannot be kept", "check the disk")?;
        }
        show(context, &case)?;
        return Ok(if case.state.is_open() { Exit::Findings } else { Exit::Done });
    }
    let filter = CaseFilter { open_only: !matches.get_flag("all"), ..CaseFilter::default() };
    let mut cases = state.cases(&filter).or_hint("the cases do not read", help)?;
    let hosts = state.hosts().or_hint("the hosts do not read", help)?;
    if hosts.is_empty() && cases.is_empty() {
        return Err(Failure::unknown("nothing was scanned yet", help));
    }
    for host in &hosts {
        let when = time_text(host.last_seen_ms);
        let (name, os) = (inert(&host.name), inert(&host.os));
        let packages = host.coverage["packages"].as_u64().unwrap_or(0);
        context.progress(format!("{name}: {os}, {packages} packages, looked at {when}"));
        for doubt in host.coverage["unknown"].as_array().into_iter().flatten() {
            context.warn(inert(doubt.as_str().unwrap_or_default()));
        }
    }
    cases.sort_by(|a, b| rank(a).cmp(&rank(b)));
    for case in &cases {
        if context.json {
            context.print_json(case)?;
        } else {
            context.print(case_line(case));
        }
    }
    if cases.is_empty() {
        context.progress("no open case: nothing found by these checks");
        let doubt = |host: &store::HostRecord| {
            host.coverage["unknown"].as_array().is_some_and(|unknown| !unknown.is_empty())
        };
        return Ok(if hosts.iter().any(doubt) { Exit::Unknown } else { Exit::Done });
    }
    if let Some(first) = cases.iter().find(|case| case.state.is_open()) {
        let id = first.id.to_string();
        let id = id.get(..8).unwrap_or(&id);
        let (all, next) = (cases.len(), inert(&next_step(first)));
        let why = format!("why the first one matters: `ringfort cases {id}`");
        context.progress(format!("{all} cases; {why}; {next}"));
    }
    Ok(Exit::Findings)
}

/// Gathers the evidence of a case into a file that only its owner reads; none is overwritten.
fn evidence(context: &Context, state: &SqliteState, case: &Case, file: &Path) -> Outcome {
    let data = &context.config.data_dir;
    let help = "name a file that does not exist yet, in a folder that you may write to";
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .or_hint(format!("`{}` cannot be made", file.display()), help)?;
    let page = data.join("hub/hub.db");
    let db = page.is_file().then(|| Db::open(&page)).transpose();
    let db = db.or_hint("the page's database does not open", "stop `ringfort up`, try again")?;
    for name in ["hub.db", "hub.db-wal", "hub.db-shm"] {
        // What root makes beside it, the page must be able to use.
        give_to_agent(&data.join("hub").join(name))
            .or_hint("the page cannot keep its files", "")?;
    }
    let sources = Sources {
        state,
        db: db.as_ref(),
        executor: &Port::new(context),
        events: vec![events_dir(data), data.join("hub/events")],
        now_ms: SystemClock.now_ms(),
    };
    let gathered = hub::evidence::gather(&sources, case.id);
    let written =
        gathered.map_err(|error| std::io::Error::other(error.to_string())).and_then(|bundle| {
            out.write_all(&bundle.zip).and_then(|()| out.sync_all()).map(|()| bundle)
        });
    let bundle = match written {
        Ok(bundle) => bundle,
        Err(error) => {
            // Half a file of evidence is none.
            let _ = std::fs::remove_file(file);
            return Err(Failure::new(format!("no evidence was written: {error}"), help));
        }
    };
    let sha256 = spine::sha256_hex(&bundle.zip);
    if context.json {
        context.print_json(&serde_json::json!({
            "file": file, "bytes": bundle.zip.len(), "sha256": sha256, "files": bundle.files,
            "left_out": bundle.left_out,
        }))?;
    } else {
        context.print(format!("{sha256}  {}", file.display()));
        context.progress(format!("{} files; keep this hash somewhere else", bundle.files));
    }
    for reason in &bundle.left_out {
        context.warn(inert(&format!("not in it: {reason}")));
    }
    Ok(if bundle.left_out.is_empty() { Exit::Done } else { Exit::Unknown })
}

/// What a person does next. Behaviour has no fix: somebody says what it was, or shuts it in.
fn next_step(case: &Case) -> String {
    let id = case.id.to_string();
    let id = id.get(..8).unwrap_or(&id);
    match case.kind.as_str() {
        "behaviour" => format!(
            "if it is expected: `ringfort cases {id} --accept`; to shut it in: its page, whose \
             address `ringfort hub --link` prints"
        ),
        _ => format!("to fix it: `ringfort patch {}`", case.subject),
    }
}

/// The order in which cases are shown: the most urgent first, among equals the one that is known
/// to close most weaknesses, then by name.
fn rank(case: &Case) -> (Reverse<Priority>, Reverse<usize>, &str) {
    (Reverse(case.priority), Reverse(case.ids.len()), &case.subject)
}

fn show(context: &Context, case: &Case) -> Result<(), Failure> {
    if context.json {
        return context.print_json(case);
    }
    context.print(inert(&format!("{} [{}]", case.title, when(case.priority))));
    for why in &case.explanation {
        context.print(inert(&format!("  - {why}")));
    }
    if !case.ids.is_empty() {
        context.print(inert(&format!("  ids: {}", case.ids.join(" "))));
    }
    let state = serde_json::to_value(case.state).unwrap_or_default();
    let since = time_text(case.created_ms);
    context.print(format!("  state: {}, since {since}", state.as_str().unwrap_or("unknown")));
    if case.state.is_open() {
        context.print(inert(&format!("  next: {}", next_step(case))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_aside_needs_a_case() {
        let command = args(Command::new("cases"));
        assert!(command.clone().try_get_matches_from(["cases", "--dismiss"]).is_err());
        assert!(command.clone().try_get_matches_from(["cases", "--evidence", "x.zip"]).is_err());
        assert!(command.try_get_matches_from(["cases", "ab12", "--dismiss"]).is_ok());
    }

    #[test]
    fn urgent_words_are_short_and_different() {
        let words =
            [Priority::Defer, Priority::Scheduled, Priority::OutOfCycle, Priority::Immediate]
                .map(when);
        assert_eq!(words, ["later", "planned", "soon", "now"]);
    }
}
