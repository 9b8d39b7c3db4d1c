//! What is installed to run, and logs and protections that change.

use super::super::Reading;
use super::super::fields::Fields;
use super::account::holder;
use super::line::signs;
use super::program::{is_loose, is_telling, sort};
use super::registry::program_of;

/// OCSF 201004: a service that is new (1).
pub fn service(activity: i64, fields: &Fields<'_>, reading: &mut Reading) {
    let Some(line) = fields.text("win_service.cmd_line").filter(|_| activity == 1) else { return };
    command("service", line, reading);
}

/// OCSF 1006: a task that is new (1) or changed (2).
pub fn task(activity: i64, fields: &Fields<'_>, reading: &mut Reading) {
    if !matches!(activity, 1 | 2) {
        return;
    }
    let by = holder(fields.text("actor.user.name").unwrap_or_default());
    reading.act(format!("task: {by} makes one ({activity})"));
    if let Some(line) = fields.text("job.cmd_line") {
        command("task", line, reading);
    }
    if let Some(content) = fields.raw("TaskContent") {
        for sign in signs(&content) {
            reading.act(format!("task: with {sign}"));
        }
    }
}

fn command(family: &str, line: &str, reading: &mut Reading) {
    let lower = line.to_ascii_lowercase();
    let program = if lower.starts_with("%comspec%") || lower.starts_with("cmd") {
        "cmd"
    } else {
        sort(program_of(line))
    };
    reading.act(format!("{family}: runs {program}"));
    for sign in signs(line) {
        reading.act(format!("{family}: with {sign}"));
    }
}

/// Events that say by themselves that a log, a right or a protection has changed: channel or
/// provider, number, and what it says.
const RECORDS: &[(&str, &[i64], &str)] = &[
    ("Security", &[1_102], "the log is cleared"),
    ("System", &[104], "a log is cleared"),
    ("Security", &[4_719, 4_902, 4_906, 4_912], "auditing changes"),
    ("Security", &[4_765, 4_766, 4_780, 4_794], "an old right is given"),
    ("Security", &[4_706, 4_713, 4_716, 4_739], "the domain's policy changes"),
    ("Security", &[4_741, 4_781], "an account is made or renamed"),
    ("Security", &[4_985], "a transaction changes"),
    ("Security", &[5_136, 5_137, 5_141], "the directory changes"),
    ("Security", &[4_826], "the machine starts with other options"),
    ("System", &[5_805, 5_827, 5_828], "a machine is not let in"),
    ("System", &[7_030, 7_034], "a service broke"),
    ("Application", &[325, 326, 327], "a database is opened"),
    ("Application", &[15_457], "a database's settings change"),
    ("Application", &[18_456], "a database lets nobody in"),
    ("Application", &[33_205], "a database is asked as its owner"),
    ("Application", &[8_222], "a shadow copy is made"),
    ("Sysmon", &[4, 16, 255], "the sensor changes"),
    ("Sysmon", &[6], "a driver is loaded"),
    ("Sysmon", &[19, 20, 21], "a subscription is made"),
    ("Sysmon", &[25], "a process is not its file"),
    ("WMI-Activity", &[5_860, 5_861], "a subscription is made"),
    ("Windows Defender", &[1_006, 1_007, 1_008, 1_015, 1_116, 1_117, 1_118, 1_119], "a find"),
    ("Windows Defender", &[5_001, 5_004, 5_007, 5_010, 5_012, 5_013], "the scanner changes"),
    ("Bits-Client", &[3, 59, 16_403], "a job of transfer"),
    ("Compatibility-Assistant", &[17], "an odd program"),
    ("CodeIntegrity", &[3_004, 3_023, 3_033, 3_063, 3_077], "code is not trusted"),
    ("PrintService", &[316, 354, 808, 811], "a printer's driver changes"),
    ("AppLocker", &[8_003, 8_004, 8_006, 8_007], "a program is not allowed"),
    ("DNS", &[150, 770, 771], "a library of the name server"),
    ("TerminalServices", &[1_149], "a remote desktop"),
    ("WinRM", &[91, 169], "a remote console"),
];

/// Rights that let one be somebody else.
const STRONG: [&str; 7] = [
    "SeDebugPrivilege",
    "SeTcbPrivilege",
    "SeImpersonatePrivilege",
    "SeAssignPrimaryTokenPrivilege",
    "SeLoadDriverPrivilege",
    "SeRestorePrivilege",
    "SeTakeOwnershipPrivilege",
];

/// Any event of Windows, by its number.
pub fn record(fields: &Fields<'_>, reading: &mut Reading) {
    let (Some(id), Some(channel)) = (fields.raw("EventID"), fields.raw("Channel")) else { return };
    let Ok(id) = id.parse::<i64>() else { return };
    let told = RECORDS.iter().find(|(of, ids, _)| {
        let is_plain = matches!(*of, "Security" | "System" | "Application");
        ids.contains(&id) && if is_plain { channel == *of } else { channel.contains(of) }
    });
    if let Some((_, _, what)) = told {
        let by = fields.raw("ProcessName").map_or("", |path| sort(&path));
        reading.act(format!("record: {what} {by}"));
    }
    if channel != "Security" {
        return;
    }
    let by = || fields.raw("ProcessName").map_or("somebody", |path| sort(&path));
    match id {
        4_703 | 4_673 | 4_674 => {
            let list = fields.raw("EnabledPrivilegeList").or_else(|| fields.raw("PrivilegeList"));
            let list = list.unwrap_or_default();
            let by = by();
            if is_telling(by) || is_loose(by) {
                for right in STRONG.into_iter().filter(|right| list.contains(right)) {
                    reading.act(format!("right: {by} has {right}"));
                }
            }
        }
        4_798 | 4_799 => {
            let by = fields.raw("CallerProcessName").map_or("somebody", |path| sort(&path));
            reading.act(format!("reach: {by} asks who is in a group"));
        }
        5_379 | 5_382 => reading.act("reach: stored credentials are read".into()),
        _ => {}
    }
}
