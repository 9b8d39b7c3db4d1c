//! Places in the registry that things start from, or are protected by.

use super::super::Reading;
use super::super::fields::Fields;
use super::line::signs;
use super::program::{is_telling, sort};

/// An area, and the pieces of a lower-case path any of which lies in it. The first that fits.
type Area = (&'static str, &'static [&'static str]);

const AREAS: &[Area] = &[
    ("symbolic link", &["\\symboliclinkvalue"]),
    ("debugger of a program", &["image file execution options", "silentprocessexit"]),
    ("logon program", &["winlogon\\shell", "winlogon\\userinit", "winlogon\\notify", "mprnotify"]),
    ("library of every program", &["appinit_dlls", "appcertdlls"]),
    ("authentication package", &["control\\lsa\\", "securityproviders", "networkprovider\\order"]),
    ("run key", &["currentversion\\run", "policies\\explorer\\run", "windows\\load"]),
    ("logon script", &["userinitmprlogonscript", "\\active setup\\", "group policy\\scripts"]),
    ("startup folder", &["user shell folders", "explorer\\shell folders"]),
    ("how a type opens", &["\\shell\\open\\command", "\\shell\\runas\\command", "delegateexecute"]),
    ("component", &["inprocserver32", "localserver32", "\\treatas", "scriptleturl"]),
    (
        "environment",
        &[
            "environment\\windir",
            "environment\\systemroot",
            "cor_profiler",
            "environment\\comspec",
            "coreclr_",
        ],
    ),
    ("screen saver", &["scrnsave.exe"]),
    (
        "script policy",
        &[
            "executionpolicy",
            "pslockdownpolicy",
            "scriptblocklogging",
            "windows script host",
            "policies\\microsoft\\windows\\powershell",
        ],
    ),
    (
        "macro policy",
        &[
            "accessvbom",
            "vbawarnings",
            "trusted documents",
            "\\trusted locations",
            "protectedview",
            "\\excel\\options\\open",
            "outlook\\security",
        ],
    ),
    (
        "elevation policy",
        &[
            "policies\\system\\enablelua",
            "consentprompt",
            "localaccounttoken",
            "filteradministratortoken",
            "sdclt",
            "app paths",
        ],
    ),
    ("defender", &["windows defender\\", "disableantispyware", "smartscreen"]),
    ("firewall", &["firewallpolicy", "sharedaccess"]),
    ("remote desktop", &["terminal server", "fdenytsconnections", "termservice\\parameters"]),
    ("event log", &["services\\eventlog", "winevt\\", "\\minint", "autologger", "system\\audit"]),
    (
        "account database",
        &["\\sam\\sam", "hklm\\sam", "\\security\\policy\\secrets", "security\\cache"],
    ),
    (
        "printing",
        &[
            "print\\monitors",
            "print\\environments",
            "copyfiles",
            "print\\providers",
            "pointandprint",
        ],
    ),
    (
        "helper of a service",
        &[
            "netsh",
            "timeproviders",
            "servicedll",
            "\\parameters\\serverlevel",
            "bootexecute",
            "knowndlls",
            "lanmanserver",
            "failurecommand",
        ],
    ),
    ("service program", &["\\imagepath"]),
    ("orchestrator", &["uscheduler", "\\taskcache\\tree"]),
    ("proxy", &["internet settings\\proxyserver", "autoconfigurl", "\\portproxy"]),
    ("certificate", &["systemcertificates\\root", "systemcertificates\\authroot"]),
    (
        "traces of use",
        &["\\runmru", "typedpaths", "recentdocs", "terminal server client", "typedurls"],
    ),
    (
        "downgrade",
        &[
            "wdigest",
            "lmcompatibility",
            "runasppl",
            "disablerestrictedadmin",
            "restrictanonymous",
            "ntlmminclientsec",
        ],
    ),
    ("recovery", &["disablesr", "systemrestore", "safeboot"]),
    ("accessibility", &["\\accessibility\\"]),
];

/// OCSF 201001 and 201002.
pub fn registry(activity: i64, fields: &Fields<'_>, reading: &mut Reading) {
    let key = fields.first(&["reg_value.path", "reg_key.path"]).unwrap_or_default();
    let name = fields.text("reg_value.name").unwrap_or_default();
    let path = format!("{key}\\{name}").to_ascii_lowercase();
    let lies_in = |(_, pieces): &&Area| pieces.iter().any(|piece| path.contains(piece));
    let Some((area, _)) = AREAS.iter().find(lies_in) else { return };
    let by = fields.first(&["actor.process.file.path", "actor.process.name"]);
    let by = by.map_or("somebody", sort);
    let how = match activity {
        1 => "makes",
        4 => "takes out",
        2 | 3 if name.is_empty() => return,
        _ => "sets",
    };
    reading.act(format!("registry: {by} {how} {area}"));
    let Some(data) = fields.text("reg_value.data").filter(|data| is_command(data)) else { return };
    let program = sort(program_of(data));
    if is_telling(program) {
        reading.act(format!("registry: {area} is {program}"));
    }
    for sign in signs(data) {
        reading.act(format!("registry: {area} with {sign}"));
    }
}

fn is_command(data: &str) -> bool {
    data.len() > 3 && data.contains(['\\', '.', '/']) && !data.starts_with("DWORD")
}

/// The program of a command line, with its quotes off.
pub fn program_of(line: &str) -> &str {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix('"') {
        return rest.split('"').next().unwrap_or(rest);
    }
    let lower = line.to_ascii_lowercase();
    match lower.find(".exe").and_then(|at| line.get(..at + 4)) {
        Some(program) => program,
        None => line.split(' ').next().unwrap_or(line),
    }
}
