//! What an event is about, in a few typed words that come again.
//!
//! A detector that counts raw values learns nothing: every path, port and command line is new. So
//! an event is read into **tokens** of low cardinality: the pair of a program and its parent, the
//! class of a path, of a destination, of a logon. Raw values stay beside them as evidence and are
//! never counted.
//!
//! | kind | says | from |
//! |---|---|---|
//! | [`TokenKind::Event`] | what sort of event, from which source | any |
//! | [`TokenKind::Alert`] | what another tool reported | Detection Finding (2004) |
//! | [`TokenKind::Process`], [`TokenKind::Lineage`], [`TokenKind::Command`] | a program and its place, who started it, the shape of its command line | Process (1007) |
//! | [`TokenKind::File`] | which program does what in which class of path | File (1001), Module (1005) |
//! | [`TokenKind::Destination`], [`TokenKind::Flow`] | where to, and which program speaks to which class of place | Network (4001), HTTP (4002), DNS (4003) |
//! | [`TokenKind::Logon`], [`TokenKind::User`] | how somebody came in, and who was never here | Authentication (3002), any actor |
//! | [`TokenKind::Call`] | an operation of an interface, and its outcome | API (6003), Registry (201001), Job (1006) |
//! | [`TokenKind::Rule`] | a rule that matched | [`crate::Engine::record_match`] |
//! | [`TokenKind::Act`] | what an attacker has to do, and few others do | any; see [`act`] |
//! | [`TokenKind::Sequence`], [`TokenKind::Burst`], [`TokenKind::Beacon`] | what the other detectors saw | the engine |
//!
//! A user's name is a token only under the site's key: what is stored is a pseudonym.

mod account;
pub mod act;
mod fields;
mod network;
mod process;
pub mod shape;

use learn::hash::SiteKey;

use crate::limits::{TOKEN_CHARS_MAX, TOKENS_PER_EVENT_MAX};
use crate::observed::Observed;
use fields::Fields;

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum TokenKind {
    /// The sort of event.
    Event = 1,
    /// Another tool's alert.
    Alert = 2,
    /// A program and the class of its place.
    Process = 3,
    /// A program and what started it.
    Lineage = 4,
    /// The shape of a command line.
    Command = 5,
    /// What a program does in which class of path.
    File = 6,
    /// A destination.
    Destination = 7,
    /// A program and the class of place it speaks to.
    Flow = 8,
    /// How somebody came in.
    Logon = 9,
    /// Who was here.
    User = 10,
    /// An operation.
    Call = 11,
    /// A rule that matched.
    Rule = 12,
    /// A session of a program that was unlike any.
    Sequence = 13,
    /// Far more events of a kind than the hour knows.
    Burst = 14,
    /// A steady call to one destination.
    Beacon = 15,
    /// What an attacker has to do.
    Act = 16,
}

impl TokenKind {
    /// How many kinds there are, and one more.
    pub const COUNT: usize = 17;

    /// Whether new ones of this kind come every day on an ordinary machine. What is new among them
    /// counts only as much as it is rare that anything of the kind is new.
    pub fn is_open_ended(self) -> bool {
        matches!(self, Self::Destination | Self::Beacon | Self::File | Self::User)
    }

    /// What a token of this kind is called before people.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Event => "kind of event",
            Self::Alert => "alert",
            Self::Process => "program",
            Self::Lineage => "program started by another",
            Self::Command => "shape of command line",
            Self::File => "use of a file",
            Self::Destination => "destination",
            Self::Flow => "program speaking to a kind of place",
            Self::Logon => "way of logging on",
            Self::User => "user",
            Self::Call => "operation",
            Self::Rule => "rule match",
            Self::Sequence => "course of events",
            Self::Burst => "burst",
            Self::Beacon => "steady call",
            Self::Act => "act",
        }
    }
}

/// One token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    /// What it says.
    pub kind: TokenKind,
    /// Of what.
    pub text: String,
}

impl Token {
    /// A token; a long text is cut.
    pub fn new(kind: TokenKind, text: impl Into<String>) -> Self {
        let mut text: String = text.into();
        if text.len() > TOKEN_CHARS_MAX {
            text.truncate(text.floor_char_boundary(TOKEN_CHARS_MAX));
        }
        Self { kind, text }
    }

    /// The token of a rule's match.
    pub fn of_rule(title: &str, id: &str) -> Self {
        Self::new(TokenKind::Rule, format!("{title} ({id})"))
    }

    /// Its number under a site's key.
    pub fn number(&self, key: SiteKey) -> u64 {
        key.number(self.kind as u8, &self.text)
    }
}

/// A thing that several events may share, by which cases grow together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Entity {
    /// `host`, `user`, `address` or `file`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
}

/// What one event says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Its tokens, each once.
    pub tokens: Vec<Token>,
    /// Who and what takes part, beside the host.
    pub entities: Vec<Entity>,
    /// The program whose course of events it belongs to, or the source.
    pub program: String,
    /// Whom it calls, if it calls anybody.
    pub destination: Option<String>,
}

impl Reading {
    /// Reads an event.
    pub fn of(event: &Observed<'_>) -> Self {
        let mut reading = Self::default();
        let fields = Fields::of(event);
        reading.add(TokenKind::Event, sort_of(event, &fields));
        match event.class_uid {
            2_004 => account::alert(&fields, &mut reading),
            1_007 => process::process(&fields, &mut reading),
            1_001 | 1_005 => process::file(&fields, &mut reading),
            4_001..=4_014 => network::network(event.class_uid, &fields, &mut reading),
            3_001..=3_006 => account::logon(&fields, &mut reading),
            1_006 | 6_003 | 201_001 | 201_002 => account::call(&fields, &mut reading),
            _ => {}
        }
        account::actor(&fields, &mut reading);
        act::read(event.class_uid, &fields, &mut reading);
        if reading.program.is_empty() {
            event.source.clone_into(&mut reading.program);
        }
        reading
    }

    fn add(&mut self, kind: TokenKind, text: impl Into<String>) {
        let token = Token::new(kind, text);
        let fits = self.tokens.len() < TOKENS_PER_EVENT_MAX && !token.text.is_empty();
        if fits && !self.tokens.contains(&token) {
            self.tokens.push(token);
        }
    }

    fn entity(&mut self, kind: &'static str, name: &str) {
        let entity = Entity { kind, name: name.to_owned() };
        if !name.is_empty() && name != "-" && self.entities.len() < 6 {
            self.entities.push(entity);
        }
    }
}

/// Source, class, activity, and what the source itself calls the event.
fn sort_of(event: &Observed<'_>, fields: &Fields<'_>) -> String {
    let own = [
        "EventID",
        "event_type",
        "eventName",
        "_path",
        "type",
        "verb",
        "rule",
        "SYSLOG_IDENTIFIER",
    ];
    let own = own.iter().find_map(|name| fields.raw(name)).unwrap_or_default();
    let activity = fields.number("activity_id").unwrap_or(0);
    format!("{} {} {activity} {}", event.source, event.class_uid, shape::word(&own))
}

#[cfg(test)]
mod tests;
