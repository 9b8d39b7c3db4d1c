//! What every verb gets: the global options, the configuration, and the way to print.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde::Serialize;

use crate::config::{Config, Layers, Origin};
use crate::failure::{Failure, OrHint as _};

/// What every verb gets.
pub struct Context {
    /// Data as JSON on standard output.
    pub json: bool,
    /// No progress on standard error.
    pub quiet: bool,
    /// The configuration.
    pub config: Config,
    /// Where each value of it came from.
    pub layers: Layers,
    /// The file named by `--config`, for processes that ringfort starts.
    pub config_file: Option<PathBuf>,
    /// Hears of progress in place of standard error.
    pub listener: Option<Listener>,
}

/// Somebody who hears of progress.
pub type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// Adds the options that every verb has.
pub fn global_args(command: Command) -> Command {
    command
        .arg(
            Arg::new("json")
                .long("json")
                .global(true)
                .action(ArgAction::SetTrue)
                .help("Print data as JSON"),
        )
        .arg(
            Arg::new("quiet")
                .long("quiet")
                .short('q')
                .global(true)
                .action(ArgAction::SetTrue)
                .help("Print no progress"),
        )
        .arg(
            Arg::new("data-dir")
                .long("data-dir")
                .global(true)
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Where ringfort keeps its state"),
        )
        .arg(
            Arg::new("config")
                .long("config")
                .global(true)
                .value_name("FILE")
                .env("RINGFORT_CONFIG")
                .value_parser(value_parser!(PathBuf))
                .help("Read this configuration in place of the system's and the user's"),
        )
}

impl Context {
    /// Reads the global options and the configuration.
    pub fn new(matches: &ArgMatches) -> Result<Self, Failure> {
        let config_file = matches.get_one::<PathBuf>("config").cloned();
        let mut layers = Layers::for_user(config_file.as_deref(), std::env::vars())?;
        if let Some(dir) = matches.get_one::<PathBuf>("data-dir") {
            let dir = std::path::absolute(dir)
                .or_hint("cannot tell the data folder", "give an absolute path")?;
            layers.set(
                "data_dir",
                &dir.display().to_string(),
                Origin::Flag("--data-dir".into()),
            )?;
        }
        let config = layers.build()?;
        Ok(Self {
            json: matches.get_flag("json"),
            quiet: matches.get_flag("quiet"),
            config,
            layers,
            config_file,
            listener: None,
        })
    }

    /// The same, with somebody who hears of progress.
    pub fn heard_by(&self, listener: Listener) -> Self {
        Self {
            json: self.json,
            quiet: self.quiet,
            config: self.config.clone(),
            layers: self.layers.clone(),
            config_file: self.config_file.clone(),
            listener: Some(listener),
        }
    }

    /// Prints one line of data.
    #[expect(clippy::unused_self, reason = "printing belongs to the context")]
    pub fn print(&self, line: impl std::fmt::Display) {
        // A reader that went away (`| head`) is no failure of ours.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }

    /// Prints one object as a line of JSON.
    pub fn print_json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .or_hint("the result does not serialise", "report this as a defect")?;
        self.print(text);
        Ok(())
    }

    /// Says how long work goes, on standard error.
    pub fn progress(&self, text: impl std::fmt::Display) {
        if let Some(listener) = &self.listener {
            listener(&text.to_string());
        } else if !self.quiet {
            let _ = writeln!(std::io::stderr().lock(), "{} {text}", self.dim("·"));
        }
    }

    /// A warning, on standard error, also when quiet.
    pub fn warn(&self, text: impl std::fmt::Display) {
        let _ = writeln!(std::io::stderr().lock(), "{} {text}", self.paint("warning:", "33"));
    }

    fn paint(&self, text: &str, code: &str) -> String {
        if colour(std::io::stderr().is_terminal()) && !self.json {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn dim(&self, text: &str) -> String {
        self.paint(text, "2")
    }
}

fn colour(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Text from packages, logs and feeds, made inert for a terminal: control characters (also the
/// ESC that starts a sequence), bidirectional overrides and line breaks are shown, not obeyed.
pub fn inert(text: &str) -> String {
    let hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .flat_map(|c| {
            let (shown, plain) =
                if hostile(c) { (Some(c.escape_unicode()), None) } else { (None, Some(c)) };
            shown.into_iter().flatten().chain(plain)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::inert;

    #[test]
    fn terminal_sequences_and_bidi_overrides_are_shown_not_obeyed() {
        assert_eq!(inert("a\x1b[31mb\u{202e}c\nd"), "a\\u{1b}[31mb\\u{202e}c\\u{a}d");
        assert_eq!(inert("käse 🧀"), "käse 🧀");
    }
}
