//! Programs, what started them, and what they do with files.

use super::fields::Fields;
use super::shape;
use super::{Reading, TokenKind};

/// OCSF 1007, Process Activity.
pub fn process(fields: &Fields<'_>, reading: &mut Reading) {
    let Some(path) = fields.first(&["process.file.path", "process.path", "process.name"]) else {
        return;
    };
    let program = shape::program(path);
    let name = shape::word(shape::file_name(path));
    reading.add(TokenKind::Process, &*program);
    let parents = [
        "process.parent_process.file.path",
        "process.parent_process.path",
        "process.parent_process.name",
        "actor.process.file.path",
        "actor.process.name",
    ];
    if let Some(parent) = fields.first(&parents) {
        let parent = shape::word(shape::file_name(parent));
        reading.add(TokenKind::Lineage, format!("{parent} starts {name}"));
        reading.program = parent;
    } else {
        reading.program.clone_from(&name);
    }
    if let Some(line) = fields.first(&["process.cmd_line", "process.command_line"]) {
        let shape = shape::command(line);
        if !shape.is_empty() {
            reading.add(TokenKind::Command, format!("{name} {shape}"));
        }
    }
    reading.entity("file", path);
}

/// OCSF 1001, File System Activity, and 1005, Module Activity.
pub fn file(fields: &Fields<'_>, reading: &mut Reading) {
    let Some(path) = fields.first(&["file.path", "module.file.path", "file.name"]) else { return };
    let activity = fields.number("activity_id").unwrap_or(0);
    let extension = shape::extension(path).to_ascii_lowercase();
    let what = format!("{activity} {} .{extension}", shape::place(path));
    let actor = fields.first(&["actor.process.file.path", "actor.process.name", "process.name"]);
    let actor = actor.map_or_else(String::new, |path| shape::word(shape::file_name(path)));
    reading.add(TokenKind::File, format!("{actor} {what}"));
    reading.entity("file", path);
    reading.program = actor;
}
