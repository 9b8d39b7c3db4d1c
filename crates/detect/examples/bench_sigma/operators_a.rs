//! List A: operators that were written down before the canonicaliser was begun.

use base64::Engine;

use crate::operators::{Operator, each_gap, each_word, is_data, is_powershell, words};

/// The operators of list A.
pub const OPERATORS: &[Operator] = &[
    Operator {
        name: "case",
        what: "letters change case; Windows names and switches do not tell",
        edit: case,
    },
    Operator { name: "caret", what: "cmd drops a caret before a letter", edit: caret },
    Operator {
        name: "empty quotes",
        what: "an empty pair of quotes inside a word is nothing",
        edit: empty_quotes,
    },
    Operator { name: "quoted word", what: "a word in quotes is the same word", edit: quoted_word },
    Operator {
        name: "quoted part",
        what: "a part of a word in quotes is the same word",
        edit: quoted_part,
    },
    Operator { name: "spaces", what: "more spaces between words", edit: spaces },
    Operator { name: "tab", what: "a tab for a space", edit: tab },
    Operator { name: "switch sign", what: "`-x` for `/x` and the reverse", edit: switch_sign },
    Operator { name: "switch dash", what: "en dash, em dash or bar for `-`", edit: switch_dash },
    Operator { name: "forward slash", what: "`/` for `\\` in a path", edit: forward_slash },
    Operator { name: "path dot", what: "`\\.\\` for `\\` in a path", edit: path_dot },
    Operator { name: "path double", what: "`\\\\` for `\\` in a path", edit: path_double },
    Operator {
        name: "path parent",
        what: "a folder and back out of it in a path",
        edit: path_parent,
    },
    Operator { name: "environment", what: "a variable for a well-known folder", edit: environment },
    Operator {
        name: "extension",
        what: "`.exe` of the program left out or written",
        edit: extension,
    },
    Operator {
        name: "program path",
        what: "the program with its folder, or without",
        edit: program_path,
    },
    Operator {
        name: "backtick",
        what: "PowerShell drops a backtick before most letters",
        edit: backtick,
    },
    Operator {
        name: "concatenation",
        what: "a PowerShell string in two pieces",
        edit: concatenation,
    },
    Operator {
        name: "fullwidth",
        what: "a fullwidth letter, best-fit mapped to its ASCII one",
        edit: fullwidth,
    },
    Operator {
        name: "zero width",
        what: "a character of no width, which many programs drop",
        edit: zero_width,
    },
    Operator { name: "encoded", what: "`-Command X` as `-EncodedCommand`", edit: encoded },
    Operator {
        name: "parameter name",
        what: "another short form of a PowerShell parameter",
        edit: parameter_name,
    },
    Operator {
        name: "idle switch",
        what: "a PowerShell switch that changes nothing",
        edit: idle_switch,
    },
];

fn case(line: &str) -> Vec<String> {
    each_word(line, |_, word, _| {
        let mut upper = false;
        let text: String = word
            .chars()
            .map(|c| {
                upper = !upper;
                if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
            })
            .collect();
        (!is_data(word) && text != word).then_some(text)
    })
}

/// The middle of a word between two letters or digits, where something can be put.
fn middle(word: &str) -> Option<usize> {
    let inner = |at: usize| {
        word.as_bytes().get(at.wrapping_sub(1)).is_some_and(u8::is_ascii_alphanumeric)
            && word.as_bytes().get(at).is_some_and(u8::is_ascii_alphanumeric)
    };
    let half = word.len() / 2;
    (0..word.len()).map(|step| (half + step) % word.len().max(1)).find(|at| inner(*at))
}

fn inserted(word: &str, text: &str) -> Option<String> {
    let at = middle(word)?;
    Some(format!("{}{text}{}", &word[..at], &word[at..]))
}

fn caret(line: &str) -> Vec<String> {
    each_word(line, |_, word, of| if of.quoted { None } else { inserted(word, "^") })
}

fn empty_quotes(line: &str) -> Vec<String> {
    each_word(line, |_, word, of| if of.quoted { None } else { inserted(word, "\"\"") })
}

fn quoted_word(line: &str) -> Vec<String> {
    each_word(line, |_, word, of| (!of.quoted).then(|| format!("\"{word}\"")))
}

fn quoted_part(line: &str) -> Vec<String> {
    each_word(line, |_, word, of| {
        let at = middle(word).filter(|_| !of.quoted)?;
        let mut end = at + 1;
        while !word.is_char_boundary(end) {
            end += 1;
        }
        Some(format!("{}\"{}\"{}", &word[..at], &word[at..end], &word[end..]))
    })
}

fn spaces(line: &str) -> Vec<String> {
    each_gap(line, "   ")
}

fn tab(line: &str) -> Vec<String> {
    each_gap(line, "\t")
}

fn is_switch(word: &str, sign: char) -> bool {
    word.strip_prefix(sign).is_some_and(|name| {
        name.starts_with(|c: char| c.is_ascii_alphabetic()) && !name.contains(['/', '\\'])
    })
}

fn switch_sign(line: &str) -> Vec<String> {
    each_word(line, |place, word, _| match place {
        0 => None,
        _ if is_switch(word, '-') => Some(format!("/{}", &word[1..])),
        _ if is_switch(word, '/') => Some(format!("-{}", &word[1..])),
        _ => None,
    })
}

fn switch_dash(line: &str) -> Vec<String> {
    ['\u{2013}', '\u{2014}', '\u{2015}']
        .into_iter()
        .flat_map(|dash| {
            each_word(line, move |place, word, _| {
                (place > 0 && is_switch(word, '-')).then(|| format!("{dash}{}", &word[1..]))
            })
        })
        .collect()
}

/// Where a word has a path with a drive: the place of its first `\`.
fn drive_path(word: &str) -> Option<usize> {
    let at = word.find(":\\")?;
    word[..at].ends_with(|c: char| c.is_ascii_alphabetic()).then_some(at + 1)
}

fn forward_slash(line: &str) -> Vec<String> {
    each_word(line, |_, word, _| {
        drive_path(word).map(|at| format!("{}{}", &word[..at], word[at..].replace('\\', "/")))
    })
}

fn path_with(line: &str, separator: &str) -> Vec<String> {
    let mut results = each_word(line, |_, word, _| {
        drive_path(word).map(|at| format!("{}{separator}{}", &word[..at], &word[at + 1..]))
    });
    results.extend(each_word(line, |_, word, _| {
        let at = drive_path(word)?;
        let last = word.rfind('\\').filter(|last| *last > at)?;
        Some(format!("{}{separator}{}", &word[..last], &word[last + 1..]))
    }));
    results
}

fn path_dot(line: &str) -> Vec<String> {
    path_with(line, "\\.\\")
}

fn path_double(line: &str) -> Vec<String> {
    path_with(line, "\\\\")
}

fn path_parent(line: &str) -> Vec<String> {
    path_with(line, "\\Windows\\..\\")
}

/// Folders and the variables that hold them by default.
const FOLDERS: &[(&str, &[&str])] = &[
    ("c:\\windows\\system32\\cmd.exe", &["%COMSPEC%", "%ComSpec%"]),
    ("c:\\windows", &["%SystemRoot%", "%windir%"]),
    ("c:\\programdata", &["%ProgramData%", "%ALLUSERSPROFILE%"]),
    ("c:\\program files", &["%ProgramFiles%"]),
    ("c:\\users\\public", &["%PUBLIC%"]),
];

fn environment(line: &str) -> Vec<String> {
    let lower = line.to_ascii_lowercase();
    let mut results = Vec::new();
    for (folder, names) in FOLDERS {
        let Some(at) = lower.find(folder) else { continue };
        let end = at + folder.len();
        if lower[end..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == ' ') {
            continue;
        }
        for name in *names {
            results.push(format!("{}{name}{}", &line[..at], &line[end..]));
        }
        if is_powershell(line) && *folder == "c:\\windows" {
            results.push(format!("{}$env:windir{}", &line[..at], &line[end..]));
        }
    }
    results
}

fn extension(line: &str) -> Vec<String> {
    let Some(first) = words(line).first().copied() else { return Vec::new() };
    let (program, rest) = (&line[first.start..first.end], &line[first.end..]);
    let bare = program.trim_matches('"');
    let lower = bare.to_ascii_lowercase();
    let changed = if lower.ends_with(".exe") {
        bare[..bare.len() - 4].to_owned()
    } else if lower.rsplit('\\').next().is_some_and(|name| !name.contains('.')) {
        format!("{bare}.exe")
    } else {
        return Vec::new();
    };
    vec![format!("{}{}{rest}", &line[..first.start], program.replace(bare, &changed))]
}

fn program_path(line: &str) -> Vec<String> {
    let Some(first) = words(line).first().copied() else { return Vec::new() };
    let (program, rest) = (&line[first.start..first.end], &line[first.end..]);
    let bare = program.trim_matches('"');
    match bare.rsplit_once('\\') {
        Some((_, name)) if !name.is_empty() => vec![format!("{name}{rest}")],
        Some(_) => Vec::new(),
        None => vec![
            format!("C:\\Windows\\System32\\{bare}{rest}"),
            format!("\"C:\\Windows\\System32\\{bare}\"{rest}"),
        ],
    }
}

fn backtick(line: &str) -> Vec<String> {
    if !is_powershell(line) {
        return Vec::new();
    }
    each_word(line, |place, word, of| {
        let at = middle(word).filter(|_| place > 0 && !of.quoted && !is_data(word))?;
        let special = word[at..].starts_with(['0', 'a', 'b', 'e', 'f', 'n', 'r', 't', 'u', 'v']);
        (!special).then(|| format!("{}`{}", &word[..at], &word[at..]))
    })
}

fn concatenation(line: &str) -> Vec<String> {
    if !is_powershell(line) {
        return Vec::new();
    }
    let quotes: Vec<usize> = line.match_indices('\'').map(|(at, _)| at).collect();
    quotes
        .chunks_exact(2)
        .filter_map(|pair| {
            let inner = &line[pair[0] + 1..pair[1]];
            let at = pair[0] + 1 + middle(inner)?;
            Some(format!("{}'+'{}", &line[..at], &line[at..]))
        })
        .take(8)
        .collect()
}

fn fullwidth(line: &str) -> Vec<String> {
    each_word(line, |place, word, _| {
        let at = middle(word).filter(|_| place > 0 && !is_data(word))?;
        let wide = char::from_u32(u32::from(*word.as_bytes().get(at)?) + 0xFEE0)?;
        Some(format!("{}{wide}{}", &word[..at], &word[at + 1..]))
    })
}

fn zero_width(line: &str) -> Vec<String> {
    ["\u{200b}", "\u{ad}"]
        .into_iter()
        .flat_map(|none| {
            each_word(
                line,
                move |place, word, _| {
                    if place == 0 || is_data(word) { None } else { inserted(word, none) }
                },
            )
        })
        .collect()
}

fn encoded(line: &str) -> Vec<String> {
    let lower = line.to_ascii_lowercase();
    if !is_powershell(line) {
        return Vec::new();
    }
    let Some((at, switch)) = [" -command ", " -c ", " /c ", " /command "]
        .iter()
        .find_map(|switch| lower.find(switch).map(|at| (at, *switch)))
    else {
        return Vec::new();
    };
    // `cmd /c powershell` has a `/c` of its own.
    if !is_powershell(&line[..at]) {
        return Vec::new();
    }
    let script = line[at + switch.len()..].trim().trim_matches('"');
    let wide: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let data = base64::engine::general_purpose::STANDARD.encode(wide);
    ["-EncodedCommand", "-enc", "-ec", "-e"]
        .iter()
        .map(|name| format!("{} {name} {data}", &line[..at]))
        .collect()
}

/// Parameters of `powershell.exe` and short forms that it takes for them.
const PARAMETERS: &[&[&str]] = &[
    &["-encodedcommand", "-encodedcomman", "-enco", "-enc", "-ec", "-e"],
    &["-noprofile", "-noprof", "-nop"],
    &["-noninteractive", "-nonint", "-noni"],
    &["-windowstyle", "-windowst", "-win", "-w"],
    &["-executionpolicy", "-executionpol", "-exec", "-ex", "-ep"],
    &["-command", "-comm", "-c"],
    &["-version", "-vers", "-v"],
];

fn parameter_name(line: &str) -> Vec<String> {
    if !is_powershell(line) {
        return Vec::new();
    }
    (0..6)
        .flat_map(|form| {
            each_word(line, move |place, word, _| {
                let lower = word.to_ascii_lowercase().replacen('/', "-", 1);
                let names = PARAMETERS.iter().find(|names| names.contains(&lower.as_str()))?;
                let name = *names.get(form).filter(|name| place > 0 && **name != lower)?;
                Some(name.to_owned())
            })
        })
        .collect()
}

fn idle_switch(line: &str) -> Vec<String> {
    let words = words(line);
    let Some(program) = words.iter().find(|word| {
        let name = line[word.start..word.end].trim_matches('"').to_ascii_lowercase();
        name.ends_with("powershell.exe") || name.ends_with("powershell")
    }) else {
        return Vec::new();
    };
    vec![format!("{} -NoLogo{}", &line[..program.end], &line[program.end..])]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, line: &str) -> Vec<String> {
        let operator = OPERATORS.iter().find(|operator| operator.name == name);
        (operator.expect("a known operator").edit)(line)
    }

    #[test]
    fn each_operator_changes_a_line_that_it_is_made_for() {
        let line = r#"powershell.exe -NoProfile -Command C:\Windows\Temp\a.ps1 'some text'"#;
        for operator in OPERATORS {
            let results = (operator.edit)(line);
            assert!(!results.is_empty(), "{}", operator.name);
            for result in results {
                assert_ne!(result, line, "{}", operator.name);
            }
        }
    }

    #[test]
    fn edits_look_as_they_should() {
        assert_eq!(one("caret", "net user"), ["n^et user", "net us^er", "n^et us^er"]);
        assert_eq!(one("switch sign", "reg /v x"), ["reg -v x"]);
        assert_eq!(one("extension", "net.exe user"), ["net user"]);
        assert_eq!(one("path dot", r"type C:\a"), [r"type C:\.\a"]);
        assert_eq!(
            one("environment", r"dir C:\Windows\x"),
            [r"dir %SystemRoot%\x", r"dir %windir%\x"]
        );
    }
}
