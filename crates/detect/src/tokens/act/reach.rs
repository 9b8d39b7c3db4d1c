//! One program in another, and what is reserved for few.

use super::super::Reading;
use super::super::fields::Fields;
use super::super::shape;
use super::program::{is_telling, sort};

/// OCSF 1007, opening a process (3) and writing into one (4).
pub fn process(activity: i64, fields: &Fields<'_>, reading: &mut Reading) {
    let Some(target) = fields.first(&["process.file.path", "process.name"]) else { return };
    let source = fields.first(&["actor.process.file.path", "actor.process.name"]);
    let (source, target) = (source.map_or("somebody", sort), sort(target));
    if activity == 4 {
        reading.act(format!("thread: {source} into {target}"));
        return;
    }
    let how = fields.number("requested_permissions").map_or("opens", access);
    // To look who is there is nothing; in the process that keeps credentials it is something.
    if how != "asks" || target == "lsass" {
        reading.act(format!("reach: {source} {how} {target}"));
    }
}

/// What rights on a process are good for (Windows SDK, process access rights).
fn access(mask: i64) -> &'static str {
    const WRITES: i64 = 0x2 | 0x8 | 0x20;
    const ALL: i64 = 0x1f_0fff;
    match mask {
        mask if mask & ALL == ALL => "owns",
        mask if mask & WRITES != 0 => "writes",
        mask if mask & 0x10 != 0 => "reads",
        mask if mask & 0x800 != 0 => "halts",
        mask if mask & 0x40 != 0 => "copies from",
        _ => "asks",
    }
}

/// Files that hold secrets, by what they end with.
const SECRETS: [&str; 10] = [
    "login data",
    "key4.db",
    "logins.json",
    "\\config\\sam",
    "ntds.dit",
    "\\config\\security",
    "cookies",
    "web data",
    "/etc/shadow",
    "id_rsa",
];

/// A secret file that somebody opens.
pub fn secret(path: &str, fields: &Fields<'_>, reading: &mut Reading) {
    let lower = path.to_ascii_lowercase();
    if SECRETS.iter().any(|end| lower.ends_with(end)) {
        let by = fields.first(&["actor.process.file.path", "actor.process.name"]);
        reading.act(format!("reach: {} opens secrets", by.map_or("somebody", sort)));
    }
}

/// OCSF 201003, an object of Windows.
pub fn resource(fields: &Fields<'_>, reading: &mut Reading) {
    let by = fields.first(&["actor.process.file.path", "actor.process.name"]);
    let by = by.map_or("somebody", sort);
    let kind = fields.text("win_resource.type").map(shape::word).unwrap_or_default();
    // Replication of the directory, by anybody but a machine: GUIDs of MS-ADTS 5.1.3.2.1.
    let rights = fields.raw("Properties").unwrap_or_default().to_ascii_lowercase();
    let user = fields.text("actor.user.name").unwrap_or_default();
    if rights.contains("1131f6a") && !user.ends_with('$') {
        reading.act("reach: a person copies the directory".into());
    }
    if kind.starts_with("sam_") || is_telling(by) {
        reading.act(format!("reach: {by} opens {kind}"));
    }
}
