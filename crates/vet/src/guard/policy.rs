//! What a site writes down about its assistant: which tools there are, of what type each argument
//! is and where it may lead, how much may be asked, and which marks must never come out.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

/// Why a policy is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// It does not read.
    #[error("the policy does not read: {0}")]
    Syntax(String),
    /// It says something that cannot be meant.
    #[error("the tool `{tool}`: {reason}")]
    Tool {
        /// The tool.
        tool: String,
        /// What is wrong.
        reason: String,
    },
}

/// The rules of a site.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// What becomes of tools that are not listed.
    pub unknown_tools: Unknown,
    /// Hosts that pictures in answers may come from.
    pub links: Vec<String>,
    /// Tags that an application puts around texts it found, such as `document`.
    pub retrieved: Vec<String>,
    /// The tools.
    pub tools: BTreeMap<String, Tool>,
    /// How much may be asked.
    pub limits: Limits,
    /// Marks that must never come out.
    pub canaries: Canaries,
}

/// What becomes of tools that are not listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// They pass unless an address in their arguments came from what a tool or a document said.
    #[default]
    Taint,
    /// They do not pass.
    Deny,
}

/// A tool.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// What it does to the world.
    pub kind: Kind,
    /// Its arguments; no other may be given.
    #[serde(default)]
    pub args: BTreeMap<String, Argument>,
}

/// What a tool does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It computes.
    Pure,
    /// It reads.
    Read,
    /// It changes something here.
    Write,
    /// It sends something away.
    Egress,
    /// It runs something.
    Exec,
}

/// The type of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Free text.
    Text,
    /// One of a list of words, or a plain word.
    Word,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A date and time (RFC 3339).
    Time,
    /// An address of mail.
    Email,
    /// An address of the web, https.
    Url,
    /// A path below a root.
    Path,
    /// A program with its options and paths; no shell.
    Command,
    /// A question to a database that changes nothing.
    Select,
}

/// An argument.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the policy's file")]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Whether it chooses where something goes.
    #[serde(default)]
    pub destination: bool,
    /// Whether it may be left out.
    #[serde(default)]
    pub optional: bool,
    /// Whether it is a list.
    #[serde(default)]
    pub list: bool,
    /// Hosts that are allowed: `a.example`, or `*.a.example` for those below it.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Whether an address is allowed that the person typed in full.
    #[serde(default)]
    pub user_may_name: bool,
    /// Tools in whose results an address may stand in full.
    #[serde(default)]
    pub follow: Vec<String>,
    /// Words that are allowed.
    #[serde(default)]
    pub values: Vec<String>,
    /// Folders below which paths lie.
    #[serde(default)]
    pub roots: Vec<String>,
    /// Programs with the options that they may be given.
    #[serde(default)]
    pub programs: BTreeMap<String, Vec<String>>,
    /// Tables that may be read.
    #[serde(default)]
    pub tables: Vec<String>,
    /// The most characters.
    #[serde(default)]
    pub chars_max: Option<usize>,
    /// The most lines.
    #[serde(default)]
    pub lines_max: Option<usize>,
    /// The least number.
    #[serde(default)]
    pub min: Option<f64>,
    /// The greatest number.
    #[serde(default)]
    pub max: Option<f64>,
}

/// How much may be asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests of one client a minute.
    pub requests_per_minute: u32,
    /// Characters of answers to one client an hour.
    pub output_chars_per_hour: u64,
    /// Characters of one request.
    pub input_chars_max: usize,
    /// The most `max_tokens` that may be asked for.
    pub output_tokens_max: u64,
    /// The most `n`.
    pub choices_max: u64,
    /// Whether probabilities and biases of tokens may be asked for.
    pub logprobs: bool,
    /// Questions of one form by one client an hour, above which it is raised.
    pub alike_per_hour: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_minute: 600,
            output_chars_per_hour: 20_000_000,
            input_chars_max: 2_000_000,
            output_tokens_max: 32_000,
            choices_max: 8,
            logprobs: false,
            alike_per_hour: 500,
        }
    }
}

/// Marks that must never come out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Canaries {
    /// Whether a mark is put into the system's words, one for each client.
    pub plant: bool,
    /// Marks that the site itself put into documents.
    pub watch: Vec<String>,
}

impl Default for Canaries {
    fn default() -> Self {
        Self { plant: true, watch: Vec::new() }
    }
}

impl Policy {
    /// Reads a policy, and looks whether it can be meant.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        let policy: Self =
            toml::from_str(text).map_err(|error| PolicyError::Syntax(error.to_string()))?;
        for (name, tool) in &policy.tools {
            let wrong = |reason: String| PolicyError::Tool { tool: name.clone(), reason };
            if tool.kind == Kind::Egress && !tool.args.values().any(|arg| arg.destination) {
                return Err(wrong("it sends something away, and no argument says where".into()));
            }
            for (argument, rule) in &tool.args {
                rule.check().map_err(|reason| wrong(format!("`{argument}` {reason}")))?;
            }
            let followed = tool.args.values().flat_map(|rule| &rule.follow);
            if let Some(lost) = followed.into_iter().find(|name| !policy.tools.contains_key(*name))
            {
                return Err(wrong(format!("it follows `{lost}`, which is no tool")));
            }
        }
        if policy.canaries.watch.iter().any(|mark| super::canary::is_too_short(mark)) {
            let reason = "a mark of `canaries.watch` has fewer than eight letters and digits";
            return Err(PolicyError::Syntax(reason.to_owned()));
        }
        Ok(policy)
    }
}

impl Argument {
    fn check(&self) -> Result<(), String> {
        let bound = match self.kind {
            Type::Email | Type::Url => {
                !self.hosts.is_empty() || self.user_may_name || !self.follow.is_empty()
            }
            Type::Path => !self.roots.is_empty(),
            Type::Command => !self.programs.is_empty(),
            Type::Select => !self.tables.is_empty(),
            Type::Word if self.destination => !self.values.is_empty(),
            Type::Text | Type::Number | Type::Integer | Type::Boolean | Type::Time
                if self.destination =>
            {
                return Err("chooses where something goes, and has no type that can".into());
            }
            _ => true,
        };
        if bound { Ok(()) } else { Err("does not say what is allowed".into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_of_the_clinic_reads() {
        let policy = Policy::from_toml(include_str!("../../testdata/guard/site.toml")).unwrap();
        assert_eq!(policy.tools.len(), 12);
        assert_eq!(policy.unknown_tools, Unknown::Deny);
    }

    #[test]
    fn what_cannot_be_meant_is_an_error() {
        for (text, part) in [
            ("tolls = 1", "does not read"),
            ("[tools.a]\nkind = 'egress'", "no argument says where"),
            ("[tools.a]\nkind = 'read'\nargs.p = { type = 'path' }", "what is allowed"),
            (
                "[tools.a]\nkind = 'egress'\nargs.t = { type = 'text', destination = true }",
                "no type that can",
            ),
            (
                "[tools.a]\nkind='egress'\nargs.u={type='url',destination=true,follow=['b']}",
                "is no tool",
            ),
            ("[canaries]\nwatch = ['abc']", "fewer than eight"),
        ] {
            let error = Policy::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
