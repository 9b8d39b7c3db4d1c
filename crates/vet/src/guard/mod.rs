//! What may pass between an application and the model that it asks: the policy of the guard.
//!
//! | module | holds |
//! |---|---|
//! | [`policy`] | what a site writes down: its tools, their arguments, its limits and marks |
//! | [`conversation`] | a request taken apart by where each part came from |
//! | [`value`] | the types of arguments: addresses, paths, commands, questions to a database |
//! | [`decide`] | whether a call of a tool, or a request, may pass |
//! | [`canary`] | marks that must never come out, in any spelling |
//! | [`watch`] | what the model says, while it says it |
//! | [`answer`] | an answer as a whole, and an answer as a stream of events |
//! | [`drift`] | whether questions, answers and refusals are what they used to be |
//! | [`clients`] | how much each client asks for |
//! | [`record`] | what is written down: hashes, lengths and verdicts, no text |
//! | [`strict`] | JSON that means one thing only |
//!
//! Architecture invariant: what decides here is code over closed types, never a model. A
//! destination is right because the site listed it, because the person typed it, or because it
//! stands in full in the results of a tool that the site named for that; nothing else makes it
//! right. What cannot be read is denied. No text is kept.

pub mod answer;
pub mod canary;
pub mod clients;
pub mod conversation;
pub mod decide;
pub mod drift;
pub mod policy;
pub mod record;
pub mod strict;
pub mod value;
pub mod watch;

#[cfg(test)]
mod case_tests;

use serde::Serialize;

/// Why something does not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Denial {
    /// The rule, such as `argument.destination`: the same for the same thing, always.
    pub rule: &'static str,
    /// What it means, in plain words, without any text of the conversation.
    pub reason: String,
    /// The tool, as the site's policy names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The argument.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
    /// What to do next.
    pub next: &'static str,
}

impl Denial {
    /// A denial.
    pub fn new(rule: &'static str, reason: impl Into<String>, next: &'static str) -> Self {
        Self { rule, reason: reason.into(), tool: None, argument: None, next }
    }

    /// The same, of a tool.
    #[must_use]
    pub fn of_tool(mut self, tool: &str) -> Self {
        self.tool = Some(tool.chars().take(80).collect());
        self
    }

    /// The same, of an argument.
    #[must_use]
    pub fn of_argument(mut self, argument: &str) -> Self {
        self.argument = Some(argument.chars().take(80).collect());
        self
    }
}
