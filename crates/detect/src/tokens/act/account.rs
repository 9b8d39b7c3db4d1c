//! Ways in, and rights.

use super::super::Reading;
use super::super::fields::Fields;
use super::super::shape;
use super::program::sort;

/// What sort of account a name is.
pub fn holder(name: &str) -> &'static str {
    let lower = name.rsplit('\\').next().unwrap_or(name).to_lowercase();
    match lower.as_str() {
        "" | "-" => "nobody",
        "system" | "local service" | "network service" => "the system",
        "anonymous logon" => "anybody",
        "administrator" | "root" => "the administrator",
        "guest" => "a guest",
        "krbtgt" => "the directory",
        name if name.ends_with('$') => "a machine",
        _ => "a person",
    }
}

/// OCSF 3002: logons and tickets.
pub fn logon(activity: i64, fields: &Fields<'_>, reading: &mut Reading) {
    let who = holder(fields.text("user.name").unwrap_or_default());
    let scope = shape::scope(fields.text("src_endpoint.ip").unwrap_or_default());
    let failed = fields.number("status_id") == Some(2);
    let outcome = if failed { " in vain" } else { "" };
    if matches!(activity, 3..=6) {
        let weak = fields.raw("TicketEncryptionType");
        let weak = weak.is_some_and(|kind| matches!(&*kind, "0x17" | "0x1" | "0x3" | "0x18"));
        let code = if failed { fields.text("status_code").unwrap_or_default() } else { "" };
        let weak = if weak { ", weakly locked" } else { "" };
        reading.act(format!("ticket: {activity} for {who} from {scope}{weak}{outcome} {code}"));
        return;
    }
    if activity != 1 {
        return;
    }
    let kind = fields.raw("LogonType").unwrap_or_default();
    let package = fields.text("auth_protocol").map(shape::word).unwrap_or_default();
    let explicit = fields.number("logon_type_id") == Some(9);
    if explicit {
        let by = fields.first(&["actor.process.file.path", "actor.process.name"]);
        let by = by.map_or("somebody", sort);
        reading.act(format!("logon: {by} as {who} at {scope}"));
    }
    reading.act(format!("logon: {kind} of {who} from {scope} by {package}{outcome}"));
}

/// OCSF 3001 and 3006: accounts and groups.
pub fn change(class_uid: u32, activity: i64, fields: &Fields<'_>, reading: &mut Reading) {
    let by = holder(fields.text("actor.user.name").unwrap_or_default());
    if class_uid == 3_006 {
        let group = fields.text("group.name").unwrap_or_default().to_lowercase();
        let group = if group.contains("admin") || group.contains("sudo") || group.contains("wheel")
        {
            "administrators"
        } else if group.contains("remote") || group.contains("backup op") {
            "a strong group"
        } else {
            "a group"
        };
        reading.act(format!("account: {by} changes {group} ({activity})"));
        return;
    }
    let name = fields.text("user.name").unwrap_or_default();
    let short = if name.len() <= 1 { ", nameless" } else { "" };
    reading.act(format!("account: {by} changes {} ({activity}){short}", holder(name)));
}

/// OCSF 4006: a share, or a pipe behind it.
pub fn share(fields: &Fields<'_>, reading: &mut Reading) {
    let share = fields.text("share").map(|share| shape::file_name(share).to_ascii_lowercase());
    let share = share.unwrap_or_default();
    let path = fields.first(&["file.path", "file.name"]).unwrap_or_default();
    let lower = path.to_ascii_lowercase();
    let what = match share.as_str() {
        "ipc$" => {
            const DOORS: [&str; 17] = [
                "samr",
                "lsarpc",
                "svcctl",
                "atsvc",
                "winreg",
                "srvsvc",
                "wkssvc",
                "netdfs",
                "spoolss",
                "protected_storage",
                "eventlog",
                "lsass",
                "netlogon",
                "efsrpc",
                "epmapper",
                "drsuapi",
                "ntsvcs",
            ];
            DOORS.into_iter().find(|door| lower == *door).unwrap_or(if lower.is_empty() {
                ""
            } else {
                "another pipe"
            })
        }
        _ => match shape::extension(&lower) {
            "exe" | "dll" | "sys" | "scr" => "a program",
            "ps1" | "bat" | "vbs" | "cmd" | "js" | "hta" => "a script",
            "" => "",
            _ => "a file",
        },
    };
    let share = match share.as_str() {
        "ipc$" | "admin$" | "c$" | "sysvol" | "netlogon" | "print$" => &*share,
        name if name.ends_with('$') => "a hidden share",
        _ => "a share",
    };
    let who = holder(fields.text("actor.user.name").unwrap_or_default());
    let scope = shape::scope(fields.text("src_endpoint.ip").unwrap_or_default());
    if share != "a share" || what == "a program" || scope == "this host" {
        reading.act(format!("share: {who} from {scope} uses {share} {what}"));
    }
}
