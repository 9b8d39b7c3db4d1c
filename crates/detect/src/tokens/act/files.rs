//! Programs and scripts that are written, libraries that are loaded, pipes.

use super::super::Reading;
use super::super::fields::Fields;
use super::super::shape;
use super::program::{is_loose, is_telling, sort};
use super::reach;

/// What a file is good for, by its name.
fn purpose(path: &str) -> Option<&'static str> {
    let lower = path.to_ascii_lowercase();
    let name = shape::file_name(&lower);
    if name.contains("lsass") || name.contains("ntds") || name == "sam" || name == "sam.save" {
        return Some("a store of credentials");
    }
    Some(match shape::extension(name) {
        "exe" | "com" | "scr" | "pif" => "a program",
        "dll" | "ocx" | "cpl" => "a library",
        "sys" => "a driver",
        "ps1" | "vbs" | "vbe" | "js" | "jse" | "bat" | "cmd" | "wsf" | "hta" | "sct" | "xsl"
        | "psm1" | "sh" | "py" | "msc" | "inf" => "a script",
        "chm" | "iso" | "img" | "lnk" | "url" | "docm" | "xlsm" | "xll" | "rdp" => "a lure",
        "dmp" | "mdmp" => "a dump",
        _ => return None,
    })
}

/// OCSF 1001.
pub fn file(activity: i64, fields: &Fields<'_>, reading: &mut Reading) {
    let Some(path) = fields.first(&["file.path", "file.name"]) else { return };
    let by = fields.first(&["actor.process.file.path", "actor.process.name"]);
    let by = by.map_or("somebody", sort);
    if fields.number("file.type_id") == Some(6) {
        return pipe(activity, by, path, reading);
    }
    let place = shape::place(path);
    match activity {
        1 => {
            let starts = matches!(place, "autostart" | "keys");
            match purpose(path) {
                Some(what) => reading.act(format!("write: {by} puts {what} in {place}")),
                None if starts || is_unlikely_writer(by) => {
                    reading.act(format!("write: {by} puts a file in {place}"));
                }
                None => {}
            }
            if shape::file_name(path).contains(':') && !path.ends_with(":Zone.Identifier") {
                reading.act(format!("write: {by} adds a stream in {place}"));
            }
        }
        6 if is_telling(by) || purpose(path).is_some() => {
            reading.act(format!("write: {by} changes a date in {place}"));
        }
        2 | 3 | 14 => reach::secret(path, fields, reading),
        _ => {}
    }
}

/// What hardly ever writes a file of its own.
fn is_unlikely_writer(by: &str) -> bool {
    matches!(by, "lsass" | "core" | "loader" | "mshta" | "fetcher" | "net" | "asker" | "proxy")
}

/// OCSF 1005: a library.
pub fn module(fields: &Fields<'_>, reading: &mut Reading) {
    let Some(path) = fields.first(&["module.file.path"]) else { return };
    let by = fields.first(&["actor.process.file.path", "actor.process.name"]);
    let by = by.map_or("somebody", sort);
    let place = shape::place(path);
    let is_unsigned = fields.raw("Signed").is_some_and(|signed| signed == "false");
    let of_anybody =
        matches!(place, "temp" | "shared" | "home" | "network" | "appdata" | "autostart");
    if of_anybody {
        let unsigned = if is_unsigned { ", unsigned" } else { "" };
        reading.act(format!("load: {by} from {place}{unsigned}"));
    } else if is_unsigned && !is_loose(by) && by != "installed" {
        reading.act(format!("load: {by} unsigned from {place}"));
    }
    let name = shape::file_name(path).to_ascii_lowercase();
    let engine = matches!(
        name.as_str(),
        "scrobj.dll"
            | "jscript.dll"
            | "jscript9.dll"
            | "vbscript.dll"
            | "mshtml.dll"
            | "system.management.automation.dll"
            | "clr.dll"
            | "vaultcli.dll"
            | "samlib.dll"
            | "dbghelp.dll"
            | "dbgcore.dll"
            | "wmiutils.dll"
            | "msxml3.dll"
    );
    if engine && (is_loose(by) || matches!(by, "loader" | "proxy" | "office" | "script host")) {
        reading.act(format!("load: {by} takes {}", shape::word(&name)));
    }
}

/// A pipe that is made (1) or opened (14).
fn pipe(activity: i64, by: &str, path: &str, reading: &mut Reading) {
    const DOORS: [&str; 16] = [
        "lsass", "samr", "svcctl", "atsvc", "epmapper", "spoolss", "srvsvc", "wkssvc", "netlogon",
        "eventlog", "ntsvcs", "winreg", "browser", "lsarpc", "netdfs", "efsrpc",
    ];
    let lower = path.to_ascii_lowercase();
    let name = lower.trim_start_matches('\\');
    let door = DOORS.into_iter().find(|door| name == *door || name.ends_with(&format!("\\{door}")));
    let what = match door {
        Some(_) if name.contains('\\') => "a door that is not one",
        Some(door) => door,
        None if name.starts_with("pshost") => "a console",
        None if name.contains("psexe") || name.contains("remcom") => "a remote service",
        None if name.starts_with("mojo") || name.contains("anonymous") => "a channel",
        None => "its own",
    };
    let how = if activity == 1 { "makes" } else { "opens" };
    if is_telling(by) || by == "named" || (door.is_some() && by != "installed") {
        reading.act(format!("pipe: {by} {how} {what}"));
    }
}
