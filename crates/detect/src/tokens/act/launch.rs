//! Programs that start others.

use super::super::Reading;
use super::super::fields::Fields;
use super::super::shape;
use super::line::signs;
use super::program::{is_loose, is_telling, sort};

/// OCSF 1007, a launch.
pub fn launch(fields: &Fields<'_>, reading: &mut Reading) {
    let Some(path) = fields.first(&["process.file.path", "process.name"]) else { return };
    let parent = fields.first(&[
        "process.parent_process.file.path",
        "process.parent_process.name",
        "actor.process.file.path",
        "actor.process.name",
    ]);
    let child = sort(path);
    let parent = parent.filter(|path| path.len() > 1).map_or("somebody", sort);
    if is_telling(child) || is_unlikely_parent(parent) {
        reading.act(format!("launch: {parent} starts {child}"));
    }
    if let Some(line) = fields.first(&["process.cmd_line"])
        && (is_telling(child) || is_loose(parent))
    {
        for sign in signs(line) {
            reading.act(format!("line: {child} with {sign}"));
        }
    }
    renamed(path, child, fields, reading);
    let by = fields.first(&["process.user.name", "actor.user.name"]).unwrap_or_default();
    if by.eq_ignore_ascii_case("system") && (is_telling(child) || is_loose(child)) {
        reading.act(format!("rank: the system runs {child} under {parent}"));
    }
    if child == "svchost" && !matches!(parent, "services" | "somebody" | "svchost") {
        reading.act(format!("launch: {parent} starts svchost"));
    }
}

/// What seldom starts anything, so that whatever it starts says something.
fn is_unlikely_parent(sort: &str) -> bool {
    is_loose(sort)
        || matches!(
            sort,
            "office"
                | "reader"
                | "web server"
                | "database"
                | "wmi"
                | "spooler"
                | "remote shell"
                | "elevator"
                | "console"
                | "lsass"
                | "core"
                | "script host"
                | "mshta"
                | "loader"
                | "proxy"
                | "dllhost"
                | "task host"
        )
}

/// A program of Windows under another name: the resource tells what it was called.
fn renamed(path: &str, child: &str, fields: &Fields<'_>, reading: &mut Reading) {
    let Some(original) = fields.raw("OriginalFileName") else { return };
    let name = shape::file_name(path);
    // Some resources leave the ending out, others write another one.
    let stem = |name: &str| {
        let lower = name.to_ascii_lowercase();
        lower.split('.').next().unwrap_or_default().to_owned()
    };
    let of_windows = sort(&format!("C:\\Windows\\System32\\{original}"));
    if of_windows != "windows" && is_telling(of_windows) && stem(&original) != stem(name) {
        reading.act(format!("launch: {of_windows} as {child}"));
    }
}
