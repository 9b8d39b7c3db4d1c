//! What an attacker has to do, in words so coarse that ordinary work and attacks share them.
//!
//! A name is cheap to change; what is done with it is not. Whoever takes credentials has to reach
//! into the process that holds them, whoever stays has to write where things start from, whoever
//! came in by a document lets it start something. So an event is also read into **acts**: the sort
//! of a program (by its name where it is Windows' own, by its place where it is not), what it did,
//! to which sort of thing. There are some hundreds of them, and the words are written down here;
//! **how seldom each is in ordinary work is not**: that is counted, by the prior, the site, and the
//! host ([`crate::known`]).
//!
//! | family | says | file |
//! |---|---|---|
//! | `launch`, `line`, `rank` | which sort starts which, with what line, as whom | `launch`, `line` |
//! | `reach`, `thread` | one program in another's memory; what is reserved | `reach` |
//! | `registry` | where things start from, or are protected by | `registry` |
//! | `write`, `load`, `pipe` | programs, scripts and libraries; pipes | `files` |
//! | `connect` | a program that seldom has anything to say to the network | `network` |
//! | `logon`, `ticket`, `share`, `account`, `right` | ways in, and rights | `account` |
//! | `service`, `task`, `record` | what is installed to run; logs that change | `upkeep` |
//! | `script` | what a script that was logged holds | `script` |

mod account;
mod files;
mod launch;
mod line;
mod network;
mod program;
mod reach;
mod registry;
mod script;
mod upkeep;

use super::fields::Fields;
use super::{Reading, TokenKind};

/// The families, in the order in which their rates are kept.
pub const FAMILIES: [&str; 18] = [
    "launch", "line", "rank", "reach", "thread", "registry", "write", "load", "pipe", "connect",
    "logon", "ticket", "share", "account", "right", "service", "task", "record",
];
/// All families and `script`, which has the last place.
pub const FAMILY_COUNT: usize = FAMILIES.len() + 1;

/// The place of the family of an act.
pub fn family(text: &str) -> usize {
    let name = text.split(':').next().unwrap_or_default();
    FAMILIES.iter().position(|family| *family == name).unwrap_or(FAMILIES.len())
}

/// Reads the acts of an event.
pub fn read(class_uid: u32, fields: &Fields<'_>, reading: &mut Reading) {
    let activity = fields.number("activity_id").unwrap_or(0);
    match (class_uid, activity) {
        (1_007, 1) => launch::launch(fields, reading),
        (1_007, 3 | 4) => reach::process(activity, fields, reading),
        (1_001, _) => files::file(activity, fields, reading),
        (1_005, _) => files::module(fields, reading),
        (1_009, _) => script::script(fields, reading),
        (1_006, _) => upkeep::task(activity, fields, reading),
        (201_001 | 201_002, _) => registry::registry(activity, fields, reading),
        (201_003, _) => reach::resource(fields, reading),
        (201_004, _) => upkeep::service(activity, fields, reading),
        (3_001 | 3_006, _) => account::change(class_uid, activity, fields, reading),
        (3_002, _) => account::logon(activity, fields, reading),
        (4_001, _) => network::connection(activity, fields, reading),
        (4_006, _) => account::share(fields, reading),
        _ => {}
    }
    upkeep::record(fields, reading);
}

impl Reading {
    fn act(&mut self, text: String) {
        self.add(TokenKind::Act, text);
    }
}

#[cfg(test)]
mod tests;
