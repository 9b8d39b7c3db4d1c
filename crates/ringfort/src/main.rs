//! ringfort: a defensive security team in one binary.
//!
//! One file of `cli/` is one verb; [`exec`](exec) is the privileged executor, `agent` collects and
//! scans, `feeds` brings public knowledge in.

use std::process::ExitCode;

mod agent;
mod approving;
mod cli_support;
mod client;
mod config;
mod context;
mod exec;
mod failure;
mod feeds;
mod host;
mod hub_port;
mod keys;
mod outbox;
mod protocol;
mod rim;
mod spawn;
mod story;
mod verbs;

use context::Context;
use failure::{Exit, Failure};

fn main() -> ExitCode {
    match run() {
        Ok(exit) => exit.into(),
        Err((failure, json)) => {
            report(&failure, json);
            failure.exit.into()
        }
    }
}

/// Logs go to standard error; `RINGFORT_LOG` sets what is logged (`info`, `act=debug`).
fn log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("RINGFORT_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}

fn run() -> Result<Exit, (Failure, bool)> {
    log();
    let matches = verbs::command().try_get_matches().unwrap_or_else(|error| error.exit());
    let json = matches.get_flag("json");
    let inner = || {
        let context = Context::new(&matches)?;
        let (name, sub) = matches
            .subcommand()
            .ok_or_else(|| Failure::usage("no verb was given", "run `ringfort --help`"))?;
        let verb = verbs::all().find(|verb| verb.name == name).ok_or_else(|| {
            Failure::usage(format!("`{name}` is no verb"), "run `ringfort --help`")
        })?;
        (verb.run)(sub, &context)
    };
    inner().map_err(|failure: Failure| (failure, json))
}

fn report(failure: &Failure, json: bool) {
    if json {
        let object = serde_json::json!({
            "error": failure.message, "help": failure.help, "exit": failure.exit.code(),
        });
        eprintln!("{object}");
        return;
    }
    let mut text = String::new();
    let theme = if std::env::var_os("NO_COLOR").is_some() {
        miette::GraphicalTheme::unicode_nocolor()
    } else {
        miette::GraphicalTheme::unicode()
    };
    let handler = miette::GraphicalReportHandler::new_themed(theme).with_width(100);
    match handler.render_report(&mut text, failure) {
        Ok(()) => eprint!("{text}"),
        Err(_) => eprintln!("{}\nhelp: {}", failure.message, failure.help),
    }
}
