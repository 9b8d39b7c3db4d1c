//! What a command line or a script holds, in a word each.

/// A word, and the pieces of a lower-case line any of which it stands for.
type Sign = (&'static str, &'static [&'static str]);

/// Signs of command lines and of scripts.
const SIGNS: &[Sign] = &[
    ("an address", &["http://", "https://", "ftp://", "\\davwwwroot"]),
    (
        "a download",
        &[
            "downloadstring",
            "downloadfile",
            "downloaddata",
            "invoke-webrequest",
            "iwr ",
            "start-bitstransfer",
            "urlcache",
            "/transfer",
            "net.webclient",
            "xmlhttp",
            "openurl",
            "wget ",
            "curl ",
            "lockscreenurl",
        ],
    ),
    (
        "code from text",
        &[
            "iex ",
            "iex(",
            "|iex",
            "invoke-expression",
            "frombase64string",
            "reflection.assembly",
            "scriptblock]::create",
            "javascript:",
            "vbscript:",
            "scrobj",
            "activexobject",
            "createobject",
            "runhtmlapplication",
            " -enc",
            "-encodedcommand",
            " -ec ",
            "getdelegateforfunctionpointer",
            "virtualalloc",
            "dllimport",
            "gzipstream",
        ],
    ),
    ("out of sight", &["-w hidden", "-windowstyle h", "-w 1 ", "-nop ", "-noni", "-sta "]),
    ("a bypass", &["bypass", "unrestricted"]),
    (
        "credentials",
        &[
            "lsass",
            "minidump",
            "comsvcs",
            "sekurlsa",
            "save hklm",
            "save \"hklm",
            "\\sam",
            "ntds",
            "ntdsutil",
            "dcsync",
            "lsadump",
            "vaultcmd",
            "cmdkey",
            "keepass",
            "login data",
            "promptforcredential",
            "kerberos::",
            "asktgt",
            "/etc/shadow",
            "password filter",
            "dpapi",
        ],
    ),
    ("shadow copies", &["delete shadows", "shadowcopy", "globalroot", "create shadow", "vshadow"]),
    ("an account", &[" /add", "new-localuser", "add-localgroupmember", "sidhistory"]),
    ("logs", &["wevtutil", "clear-eventlog", "minint", "auditpol", "winevt", "eventlog"]),
    (
        "protections",
        &[
            "mppreference",
            "amsi",
            "disableantispyware",
            "disablerealtime",
            "firewall",
            "enablelua",
            "fdenyts",
            "safeboot",
            "recoveryenabled",
            "testsigning",
            "lockdown",
            "setenforce",
            "iptables -f",
        ],
    ),
    (
        "a start",
        &[
            "/create",
            "create binpath",
            " binpath",
            "new-service",
            "currentversion\\run",
            "startup\\",
            "scheduledtask",
            "__eventfilter",
            "commandlineeventconsumer",
            "/addfile",
            "setnotifycmdline",
            "authorized_keys",
            "/etc/cron",
        ],
    ),
    (
        "another machine",
        &[
            "/node:",
            "-computername",
            "invoke-command",
            "new-pssession",
            "psexec",
            "admin$",
            "\\c$",
            "winrs",
            "-r:http",
            "invoke-wmimethod",
            "win32_process",
            "mmc20",
        ],
    ),
    (
        "questions",
        &[
            "whoami",
            "systeminfo",
            "nltest",
            "net group",
            "net localgroup",
            "net view",
            "netstat",
            "ipconfig",
            "tasklist",
            "quser",
            "query user",
            "domain_trust",
            "dsquery",
            "arp -a",
            "route print",
            "directorysearcher",
            "adsisearcher",
            "ldap://",
            "get-aduser",
            "get-adcomputer",
            "get-domain",
            "accountdomainsid",
        ],
    ),
    ("a pipe", &["\\\\.\\pipe\\"]),
    (
        "watching",
        &["getasynckeystate", "copyfromscreen", "get-clipboard", "capturescreen", "waveinopen"],
    ),
    (
        "a shell's redirection",
        &[
            "/dev/tcp/",
            "bash -i",
            "nc -e",
            "mkfifo",
            "sh -i",
            "base64 -d",
            "| sh",
            "|sh",
            "| bash",
            "|bash",
            " -e cmd",
            "net.sockets",
        ],
    ),
    (
        "a loose place",
        &[
            "\\temp\\",
            "\\appdata\\",
            "\\users\\public\\",
            "\\programdata\\",
            "%temp%",
            "%appdata%",
            "\\downloads\\",
            "\\desktop\\",
            "/tmp/",
            "/dev/shm/",
        ],
    ),
    (
        "a library's door",
        &[
            "routethecall",
            "registerocx",
            "launchapplication",
            "launchinfsection",
            "fileprotocolhandler",
            "control_rundll",
            "/i:",
            ".sct",
            ".cpl",
            "#1",
            ",dllmain",
            "shell:::",
            "javascript",
            "pcwrun",
        ],
    ),
];

/// The signs of a line.
pub fn signs(line: &str) -> impl Iterator<Item = &'static str> + use<> {
    let lower = line.to_ascii_lowercase();
    let plain =
        SIGNS.iter().filter(move |(_, pieces)| pieces.iter().any(|piece| lower.contains(piece)));
    let made = [("a disguise", is_disguised(line)), ("much text", line.len() > 1_500)];
    let made = made.into_iter().filter(|(_, is)| *is).map(|(word, _)| word);
    plain.map(|(word, _)| *word).chain(made)
}

/// Whether a line is written so as not to be read: marks inside of words, texts put together from
/// pieces, one long run of base64.
fn is_disguised(line: &str) -> bool {
    let count = |piece: &str| line.matches(piece).count();
    let run = line.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')));
    count("^") >= 4
        || count("`") >= 6
        || count("'+'") + count("\"+\"") + count("' + '") >= 3
        || run.map(str::len).max().unwrap_or(0) >= 120
}
