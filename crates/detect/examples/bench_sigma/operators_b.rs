//! List B: operators written by another hand than the canonicaliser's, opened only to measure.

use crate::operators::{Operator, each_gap, each_word, is_data, is_powershell, words};

/// The operators of list B.
pub const OPERATORS: &[Operator] = &[
    Operator { name: "short name", what: "the 8.3 name of a well-known folder", edit: short_name },
    Operator { name: "device prefix", what: "`\\\\?\\` before a path", edit: device_prefix },
    Operator { name: "local share", what: "the drive's share on this machine", edit: local_share },
    Operator {
        name: "cmd separators",
        what: "cmd takes `,` and `;` for a space",
        edit: separators,
    },
    Operator {
        name: "variable letter",
        what: "a letter cut from a variable",
        edit: variable_letter,
    },
    Operator {
        name: "set and call",
        what: "cmd fills a word in from a variable",
        edit: set_and_call,
    },
    Operator { name: "for loop", what: "cmd fills a word in from a loop", edit: for_loop },
    Operator {
        name: "format operator",
        what: "PowerShell puts pieces together",
        edit: format_operator,
    },
    Operator {
        name: "letters by number",
        what: "PowerShell letters by code",
        edit: letters_by_number,
    },
    Operator { name: "replace", what: "PowerShell takes a filler out", edit: replace_method },
    Operator { name: "alias", what: "the other name of a cmdlet", edit: alias },
    Operator { name: "colon value", what: "`-Name:value` for `-Name value`", edit: colon_value },
    Operator { name: "swapped switches", what: "two bare switches change places", edit: swapped },
    Operator {
        name: "modifier letter",
        what: "a letter that best fit maps back",
        edit: modifier_letter,
    },
    Operator { name: "hard space", what: "PowerShell takes U+00A0 for a space", edit: hard_space },
    Operator {
        name: "number address",
        what: "an IPv4 address as one number",
        edit: number_address,
    },
    Operator {
        name: "percent letter",
        what: "a letter of a URL's path as `%xx`",
        edit: percent_letter,
    },
    Operator { name: "under cmd", what: "cmd runs the same line", edit: under_cmd },
    Operator { name: "thrown output", what: "cmd sends errors nowhere", edit: thrown_output },
];

/// Replaces the first place of `from` in any case.
fn swap_first(text: &str, from: &str, to: &str) -> Option<String> {
    let at = text.to_ascii_lowercase().find(&from.to_ascii_lowercase())?;
    Some(format!("{}{to}{}", &text[..at], &text[at + from.len()..]))
}

fn short_name(line: &str) -> Vec<String> {
    let names = [
        ("\\Program Files (x86)\\", "\\PROGRA~2\\"),
        ("\\Program Files\\", "\\PROGRA~1\\"),
        ("\\ProgramData\\", "\\PROGRA~3\\"),
        ("\\Documents and Settings\\", "\\DOCUME~1\\"),
        ("\\WindowsPowerShell\\", "\\WINDOW~1\\"),
    ];
    names.iter().filter_map(|(from, to)| swap_first(line, from, to)).collect()
}

/// The place of a drive letter that begins a path in the word.
fn drive(word: &str) -> Option<usize> {
    let at = word.find(":\\")?.checked_sub(1)?;
    let begins = at == 0 || !word.as_bytes().get(at - 1)?.is_ascii_alphanumeric();
    (begins && word.as_bytes().get(at)?.is_ascii_alphabetic()).then_some(at)
}

fn device_prefix(line: &str) -> Vec<String> {
    ["\\\\?\\", "\\\\.\\"]
        .into_iter()
        .flat_map(|prefix| {
            each_word(line, move |_, word, _| {
                let at = drive(word)?;
                Some(format!("{}{prefix}{}", &word[..at], &word[at..]))
            })
        })
        .collect()
}

fn local_share(line: &str) -> Vec<String> {
    ["127.0.0.1", "localhost"]
        .into_iter()
        .flat_map(|host| {
            each_word(line, move |_, word, _| {
                let at = drive(word)?;
                let letter = &word[at..=at];
                Some(format!("{}\\\\{host}\\{letter}${}", &word[..at], &word[at + 2..]))
            })
        })
        .collect()
}

fn is_cmd(line: &str) -> bool {
    words(line).first().is_some_and(|word| {
        let name = line[word.start..word.end].trim_matches('"').to_ascii_lowercase();
        name.ends_with("cmd.exe") || name.ends_with("cmd") || name.ends_with("%comspec%")
    })
}

fn separators(line: &str) -> Vec<String> {
    if !is_cmd(line) {
        return Vec::new();
    }
    [",", ";", " ,; "].into_iter().flat_map(|gap| each_gap(line, gap)).collect()
}

fn variable_letter(line: &str) -> Vec<String> {
    if !is_cmd(line) {
        return Vec::new();
    }
    let cuts = [
        ('c', "%ComSpec:~0,1%"),
        ('s', "%SystemRoot:~-1%"),
        ('w', "%SystemRoot:~3,1%"),
        ('p', "%ProgramData:~3,1%"),
        ('o', "%SystemRoot:~-3,1%"),
    ];
    each_word(line, |place, word, _| {
        if place == 0 || is_data(word) {
            return None;
        }
        let (at, cut) = word
            .char_indices()
            .skip(1)
            .find_map(|(at, c)| cuts.iter().find(|(of, _)| c == *of).map(|(_, cut)| (at, *cut)))?;
        Some(format!("{}{cut}{}", &word[..at], &word[at + 1..]))
    })
}

fn set_and_call(line: &str) -> Vec<String> {
    each_alone(line, |before, word, after| {
        format!("cmd /c \"set q={word}&& call {before}%q%{after}\"")
    })
}

fn for_loop(line: &str) -> Vec<String> {
    each_alone(line, |before, word, after| {
        format!("cmd /c \"for %q in ({word}) do {before}%q{after}\"")
    })
}

/// Each plain word alone, with what stands before and after it.
fn each_alone(line: &str, edit: impl Fn(&str, &str, &str) -> String) -> Vec<String> {
    let plain = |word: &str| {
        word.len() > 2 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./\\:".contains(&b))
    };
    words(line)
        .into_iter()
        .filter(|word| !word.quoted && plain(&line[word.start..word.end]))
        .take(15)
        .map(|word| edit(&line[..word.start], &line[word.start..word.end], &line[word.end..]))
        .collect()
}

/// Each word of letters and dashes in a PowerShell line, from the second on, as an expression.
fn each_name(line: &str, edit: impl Fn(&str) -> Option<String>) -> Vec<String> {
    if !is_powershell(line) {
        return Vec::new();
    }
    each_word(line, |place, word, of| {
        let name = word.len() > 3
            && word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
        if place == 0 || of.quoted || !name || is_powershell(word) {
            return None;
        }
        edit(word)
    })
}

fn format_operator(line: &str) -> Vec<String> {
    each_name(line, |word| {
        let (first, second) = word.split_at(word.len() / 2);
        Some(format!("&(\"{{1}}{{0}}\" -f '{second}','{first}')"))
    })
}

fn letters_by_number(line: &str) -> Vec<String> {
    each_name(line, |word| {
        let codes: Vec<String> = word.bytes().map(|b| format!("[char]{b}")).collect();
        Some(format!("&({})", codes.join("+")))
    })
}

fn replace_method(line: &str) -> Vec<String> {
    each_name(line, |word| {
        let (first, second) = word.split_at(word.len() / 2);
        Some(format!("&('{first}~~{second}'.Replace('~~',''))"))
    })
}

fn alias(line: &str) -> Vec<String> {
    let names = [
        ("Invoke-Expression", "iex"),
        ("Invoke-WebRequest", "iwr"),
        ("Invoke-Command", "icm"),
        ("Get-Content", "gc"),
        ("Get-ChildItem", "gci"),
        ("Get-WmiObject", "gwmi"),
        ("Get-Process", "gps"),
        ("Stop-Process", "kill"),
        ("Start-Process", "saps"),
        ("Set-ItemProperty", "sp"),
        ("New-Object", "&('New-Object')"),
        ("Remove-Item", "ri"),
        ("Copy-Item", "cpi"),
        ("Import-Module", "ipmo"),
        ("Set-Location", "sl"),
        ("Out-File", "Out-Fil*"),
    ];
    let forth = names.iter().filter_map(|(name, short)| swap_first(line, name, short));
    let back = names
        .iter()
        .filter(|(_, short)| short.len() == 3)
        .filter_map(|(name, short)| swap_first(line, &format!(" {short} "), &format!(" {name} ")));
    if is_powershell(line) { forth.chain(back).collect() } else { Vec::new() }
}

fn colon_value(line: &str) -> Vec<String> {
    if !is_powershell(line) {
        return Vec::new();
    }
    let words = words(line);
    let name = |word: &str| {
        word.strip_prefix('-')
            .is_some_and(|rest| rest.len() > 1 && rest.bytes().all(|b| b.is_ascii_alphabetic()))
    };
    words
        .windows(2)
        .filter(|pair| {
            name(&line[pair[0].start..pair[0].end]) && !line[pair[1].start..].starts_with('-')
        })
        .take(15)
        .map(|pair| format!("{}:{}", &line[..pair[0].end], &line[pair[1].start..]))
        .collect()
}

fn swapped(line: &str) -> Vec<String> {
    let words = words(line);
    let bare = |word: &str| {
        word.starts_with(['/', '-']) && word.len() <= 12 && !word[1..].contains(['/', '\\', ':'])
    };
    words
        .windows(3)
        .filter(|three| {
            let [first, second, third] = three else { return false };
            let text = |at: &crate::operators::Word| &line[at.start..at.end];
            // The third is a switch too, so that neither of the two takes a value.
            bare(text(first)) && bare(text(second)) && bare(text(third))
        })
        .take(15)
        .map(|three| {
            let (first, second) = (three[0], three[1]);
            format!(
                "{}{}{}{}{}",
                &line[..first.start],
                &line[second.start..second.end],
                &line[first.end..second.start],
                &line[first.start..first.end],
                &line[second.end..]
            )
        })
        .collect()
}

fn modifier_letter(line: &str) -> Vec<String> {
    let letters = [
        ('h', 'ʰ'),
        ('j', 'ʲ'),
        ('r', 'ʳ'),
        ('w', 'ʷ'),
        ('y', 'ʸ'),
        ('l', 'ˡ'),
        ('s', 'ˢ'),
        ('x', 'ˣ'),
    ];
    each_word(line, |place, word, _| {
        if place == 0 || is_data(word) {
            return None;
        }
        let (at, to) = word
            .char_indices()
            .skip(1)
            .find_map(|(at, c)| letters.iter().find(|(of, _)| c == *of).map(|(_, to)| (at, *to)))?;
        Some(format!("{}{to}{}", &word[..at], &word[at + 1..]))
    })
}

fn hard_space(line: &str) -> Vec<String> {
    if is_powershell(line) { each_gap(line, "\u{a0}") } else { Vec::new() }
}

fn number_address(line: &str) -> Vec<String> {
    each_word(line, |_, word, _| {
        let start = word.find(|c: char| c.is_ascii_digit())?;
        let length = word[start..]
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(word.len() - start);
        let address: std::net::Ipv4Addr = word[start..start + length].parse().ok()?;
        Some(format!("{}{}{}", &word[..start], u32::from(address), &word[start + length..]))
    })
}

fn percent_letter(line: &str) -> Vec<String> {
    each_word(line, |_, word, _| {
        let scheme = word.find("://")? + 3;
        let path = scheme + word[scheme..].find('/')? + 1;
        let at = path + word[path..].find(|c: char| c.is_ascii_alphabetic())?;
        let letter = word.as_bytes()[at];
        Some(format!("{}%{letter:02x}{}", &word[..at], &word[at + 1..]))
    })
}

fn under_cmd(line: &str) -> Vec<String> {
    vec![
        format!("cmd.exe /c {line}"),
        format!("C:\\Windows\\System32\\cmd.exe /d /s /c \"{line}\""),
    ]
}

fn thrown_output(line: &str) -> Vec<String> {
    if is_cmd(line) { vec![format!("{line} 2>nul"), format!("{line}&rem")] } else { Vec::new() }
}
