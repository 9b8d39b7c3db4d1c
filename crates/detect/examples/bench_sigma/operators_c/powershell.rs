//! The operators of list C that rewrite the script of a PowerShell line.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{bare_name, put};
use crate::operators::{is_powershell, words};

/// The most places of one line that one operator tries.
const PLACES_MAX: usize = 12;

/// Whether a word is a parameter of `powershell.exe`, whole or cut short.
fn is_parameter(word: &str, whole: &str) -> bool {
    let name = word.to_ascii_lowercase().replacen('/', "-", 1);
    name.len() > 1 && whole.starts_with(&name)
}

/// The script that a line hands to PowerShell as text, without quotes around all of it.
///
/// None where cmd reads an unquoted script first, or where it is not clear which quotes are the
/// script's own.
fn script(line: &str) -> Option<Range<usize>> {
    let words = words(line);
    let text = |at: usize| words.get(at).map(|word| &line[word.start..word.end]);
    let named = |at: usize| {
        text(at).is_some_and(|word| matches!(bare_name(word).as_str(), "powershell" | "pwsh"))
    };
    let program = (0..words.len()).find(|at| named(*at))?;
    let mut at = program + 1;
    loop {
        let word = text(at)?;
        if is_parameter(word, "-command") {
            at += 1;
            break;
        }
        if !word.starts_with(['-', '/']) {
            break;
        }
        if ["-encodedcommand", "-ec", "-file"].iter().any(|name| is_parameter(word, name)) {
            return None;
        }
        let alone = ["-nop", "-noni", "-nol", "-noe", "-sta", "-mta"];
        let lower = word.to_ascii_lowercase().replacen('/', "-", 1);
        at += if alone.iter().any(|name| lower.starts_with(name)) { 1 } else { 2 };
    }
    let (start, end) = (words.get(at)?.start, line.trim_end().len());
    let body = &line[start..end];
    if !body.starts_with('"') {
        return (program == 0).then_some(start..end);
    }
    let whole = body.len() > 2 && body.ends_with('"') && !body.ends_with("\\\"");
    // Other quotes in it have to be escaped, else the first pair ends before the last.
    let inner = body.get(1..body.len() - 1)?;
    let escaped = inner.match_indices('"').all(|(at, _)| inner[..at].ends_with('\\'));
    (whole && escaped).then_some(start + 1..end - 1)
}

/// The characters of a script outside its quotes, with their places in the line.
fn unquoted(line: &str, script: &Range<usize>) -> Vec<(usize, char)> {
    let mut quote = None;
    line[script.clone()]
        .char_indices()
        .filter_map(|(at, c)| match quote {
            Some(open) => {
                if c == open {
                    quote = None;
                }
                None
            }
            None if matches!(c, '\'' | '"') => {
                quote = Some(c);
                None
            }
            None => Some((script.start + at, c)),
        })
        .collect()
}

/// Words that begin a statement and are no commands.
const KEYWORDS: &[&str] = &[
    "begin", "break", "catch", "continue", "data", "do", "else", "elseif", "end", "exit", "filter",
    "finally", "for", "foreach", "function", "if", "in", "param", "process", "return", "switch",
    "throw", "trap", "try", "until", "using", "while",
];

/// The names of commands in the script: words of letters and dashes where a statement, a part of
/// a pipe or a group begins, outside quotes.
fn commands(line: &str) -> Vec<Range<usize>> {
    let Some(script) = script(line) else { return Vec::new() };
    let mut found = Vec::new();
    let mut begins = true;
    let mut next = script.start;
    for (at, c) in unquoted(line, &script) {
        // A place that was left out stood in quotes: what follows them begins nothing.
        if at > next {
            begins = false;
        }
        if at < next {
            continue;
        }
        next = at + c.len_utf8();
        if begins && let Some(length) = name_length(&line[at..script.end]) {
            found.push(at..at + length);
            next = at + length;
            begins = false;
            continue;
        }
        begins = match c {
            ';' | '|' | '{' | '(' => true,
            '=' => line[..at].ends_with(' '),
            _ => begins && c.is_whitespace(),
        };
    }
    found
}

/// How long the name of a command is that the text begins with.
fn name_length(text: &str) -> Option<usize> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '-');
    let name = &text[..text.len() - rest.len()];
    let ends = rest.is_empty() || rest.starts_with([' ', '(', ')', ';', '|', '}', '\'']);
    // A name before `=` is a key of a table or a named value.
    let key = rest.trim_start().starts_with('=');
    let word = name.len() > 1 && name.starts_with(|c: char| c.is_ascii_alphabetic());
    let keyword = KEYWORDS.contains(&name.to_ascii_lowercase().as_str());
    (word && ends && !key && !keyword).then_some(name.len())
}

/// Puts each text that `edit` gives in the place of a command; `edit` gets the command's name and
/// what follows it in the line.
fn each_command(line: &str, edit: impl Fn(&str, &str) -> Vec<String>) -> Vec<String> {
    let mut results = Vec::new();
    for place in commands(line).into_iter().take(PLACES_MAX) {
        let rest = &line[place.end..];
        let gap = if rest.is_empty() || rest.starts_with(' ') { "" } else { " " };
        for text in edit(&line[place.clone()], rest) {
            results.push(put(line, &place, &format!("{text}{gap}")));
        }
    }
    results
}

/// Puts a text in the place of each gap of the script alone, and of all of them together.
fn each_script_gap(line: &str, text: &str) -> Vec<String> {
    let Some(script) = script(line) else { return Vec::new() };
    let mut gaps: Vec<Range<usize>> = Vec::new();
    for (at, c) in unquoted(line, &script) {
        if !c.is_whitespace() {
            continue;
        }
        match gaps.last_mut() {
            Some(last) if last.end == at => last.end = at + c.len_utf8(),
            _ => gaps.push(at..at + c.len_utf8()),
        }
    }
    let mut results: Vec<String> =
        gaps.iter().take(PLACES_MAX).map(|gap| put(line, gap, text)).collect();
    if gaps.len() > 1 {
        let mut all = line.to_owned();
        for gap in gaps.iter().rev() {
            all.replace_range(gap.clone(), text);
        }
        results.push(all);
    }
    results
}

/// A block that is called at once does what its statements do.
pub fn script_block(line: &str) -> Vec<String> {
    let Some(place) = script(line) else { return Vec::new() };
    let body = &line[place.clone()];
    if body.contains('#') {
        return Vec::new();
    }
    ["& {", ".{"].iter().map(|open| put(line, &place, &format!("{open}{body}}}"))).collect()
}

/// The parser skips semicolons before and after statements.
pub fn empty_statement(line: &str) -> Vec<String> {
    let Some(place) = script(line) else { return Vec::new() };
    let body = &line[place.clone()];
    let after = if body.contains('#') { None } else { Some(format!("{body};;")) };
    std::iter::once(format!(";{body}")).chain(after).map(|text| put(line, &place, &text)).collect()
}

/// A comment between two tokens is white space.
pub fn comment(line: &str) -> Vec<String> {
    each_script_gap(line, " <##> ")
}

/// A backtick at the end of a line goes on in the next one.
pub fn continued_line(line: &str) -> Vec<String> {
    each_script_gap(line, " `\n")
}

/// The call operator takes a name, bare or as a string, or what `Get-Command` found.
pub fn call_operator(line: &str) -> Vec<String> {
    each_command(line, |name, _| {
        vec![format!("& {name}"), format!("&'{name}'"), format!("&(gcm {name})")]
    })
}

/// The modules of Windows PowerShell and cmdlets in them.
const MODULES: &[(&str, &[&str])] = &[
    (
        "Microsoft.PowerShell.Utility",
        &["Invoke-Expression", "Invoke-WebRequest", "Invoke-RestMethod", "New-Object", "Add-Type"],
    ),
    (
        "Microsoft.PowerShell.Management",
        &[
            "Get-Content",
            "Get-ChildItem",
            "Get-Process",
            "Get-WmiObject",
            "Start-Process",
            "Stop-Process",
            "Stop-Service",
            "Set-ItemProperty",
            "New-ItemProperty",
            "Remove-Item",
            "Copy-Item",
        ],
    ),
    ("Microsoft.PowerShell.Core", &["Invoke-Command", "Import-Module", "ForEach-Object"]),
    ("Defender", &["Set-MpPreference", "Add-MpPreference"]),
];

/// A cmdlet by the full name, with its module.
pub fn module_name(line: &str) -> Vec<String> {
    each_command(line, |name, _| {
        MODULES
            .iter()
            .filter(|(_, cmdlets)| cmdlets.iter().any(|one| one.eq_ignore_ascii_case(name)))
            .map(|(module, _)| format!("{module}\\{name}"))
            .collect()
    })
}

/// A command's name out of a variable that the script sets first.
pub fn script_variable(line: &str) -> Vec<String> {
    let Some(script) = script(line) else { return Vec::new() };
    commands(line)
        .into_iter()
        .take(PLACES_MAX)
        .map(|place| {
            let (before, name) = (&line[script.start..place.start], &line[place.clone()]);
            let rest = line[place.end..].trim_start();
            format!("{}$q='{name}';{before}&$q {rest}", &line[..script.start])
        })
        .collect()
}

/// A range of places from the last to the first turns a string round; joined, it is the name.
pub fn reversed(line: &str) -> Vec<String> {
    each_command(line, |name, _| {
        let back: String = name.chars().rev().collect();
        vec![format!("&('{back}'[{}..0] -join '')", name.len() - 1)]
    })
}

/// Commands and the parameter that their first bare argument is.
const FIRST_PARAMETERS: &[(&[&str], &str)] = &[
    (&["invoke-expression", "iex"], "-Command"),
    (&["invoke-webrequest", "iwr", "invoke-restmethod", "irm"], "-Uri"),
    (&["new-object"], "-TypeName"),
    (&["import-module", "ipmo", "get-process", "gps", "stop-service"], "-Name"),
    (&["start-process", "saps"], "-FilePath"),
    (&["get-wmiobject", "gwmi"], "-Class"),
    (&["get-content", "gc", "get-childitem", "gci", "remove-item", "ri"], "-Path"),
    (&["copy-item", "cpi", "set-location", "sl"], "-Path"),
];

/// A bare argument with the name of the parameter that it binds to by its place.
pub fn named_position(line: &str) -> Vec<String> {
    each_command(line, |name, rest| {
        let argument = rest.trim_start();
        if argument.is_empty() || argument.starts_with(['-', ')', ';', '|', '}', '<', '>', '"']) {
            return Vec::new();
        }
        FIRST_PARAMETERS
            .iter()
            .filter(|(names, _)| names.contains(&name.to_ascii_lowercase().as_str()))
            .map(|(_, parameter)| format!("{name} {parameter}"))
            .collect()
    })
}

/// What names of types in `System` begin with.
const TYPES: &[&str] = &[
    "net.",
    "text.",
    "io.",
    "reflection.",
    "diagnostics.",
    "runtime.",
    "security.",
    "management.",
    "convert]",
    "environment]",
];

/// A type's name is looked up in the namespace `System` too.
pub fn system_prefix(line: &str) -> Vec<String> {
    if script(line).is_none() {
        return Vec::new();
    }
    let lower = line.to_ascii_lowercase();
    let mut results = Vec::new();
    for open in ["[", "new-object "] {
        for (at, _) in lower.match_indices(open) {
            let start = at + open.len();
            let name = &lower[start..];
            if name.starts_with("system.") {
                results.push(put(line, &(start..start + "system.".len()), ""));
            } else if TYPES.iter().any(|one| name.starts_with(one)) {
                results.push(put(line, &(start..start), "System."));
            }
        }
    }
    results
}

/// The name of a method may be a string.
pub fn quoted_member(line: &str) -> Vec<String> {
    let Some(script) = script(line) else { return Vec::new() };
    unquoted(line, &script)
        .into_iter()
        .filter(|(_, c)| *c == '(')
        .filter_map(|(at, _)| {
            let text = &line[script.start..at];
            let owner = text.trim_end_matches(|c: char| c.is_ascii_alphanumeric());
            let name = &text[owner.len()..];
            let of = owner.strip_suffix("::").or_else(|| owner.strip_suffix('.'))?;
            let member = name.len() > 1
                && of.ends_with(|c: char| c.is_ascii_alphanumeric() || ")]}'".contains(c));
            member.then(|| put(line, &(script.start + owner.len()..at), &format!("'{name}'")))
        })
        .take(PLACES_MAX)
        .collect()
}

/// PowerShell takes the curly single quotes for the straight one.
pub fn curly_quotes(line: &str) -> Vec<String> {
    let Some(script) = script(line) else { return Vec::new() };
    let body = &line[script.clone()];
    if body.contains('"') || !body.contains('\'') {
        return Vec::new();
    }
    let mut opens = false;
    let curly: String = body
        .chars()
        .map(|c| {
            opens ^= c == '\'';
            match (c, opens) {
                ('\'', true) => '\u{2018}',
                ('\'', false) => '\u{2019}',
                _ => c,
            }
        })
        .collect();
    let low = body.replace('\'', "\u{201a}");
    [curly, low].iter().map(|text| put(line, &script, text)).collect()
}

/// The words that follow one of the named parameters of `powershell.exe`.
fn values(line: &str, parameters: &[&str]) -> Vec<Range<usize>> {
    if !is_powershell(line) {
        return Vec::new();
    }
    words(line)
        .windows(2)
        .filter(|pair| {
            let name = &line[pair[0].start..pair[0].end];
            name.starts_with(['-', '/']) && parameters.iter().any(|one| is_parameter(name, one))
        })
        .map(|pair| pair[1].start..pair[1].end)
        .collect()
}

/// A style of window is an enumeration: its number or the beginning of its name will do.
pub fn window_style(line: &str) -> Vec<String> {
    let mut results = Vec::new();
    for place in values(line, &["-windowstyle"]) {
        if line[place.clone()].eq_ignore_ascii_case("hidden") {
            results.extend(["1", "hid", "h"].iter().map(|style| put(line, &place, style)));
        }
    }
    results
}

/// Spaces before an encoded script shift all of its letters.
pub fn shifted_encoding(line: &str) -> Vec<String> {
    let mut results = Vec::new();
    for place in values(line, &["-encodedcommand", "-ec"]) {
        let Ok(bytes) = STANDARD.decode(line[place.clone()].trim_matches('"')) else { continue };
        // Text of two bytes a letter, else it is something else's value.
        if bytes.is_empty() || !bytes.len().is_multiple_of(2) {
            continue;
        }
        for spaces in [1, 2] {
            let mut shifted = b" \0".repeat(spaces);
            shifted.extend(&bytes);
            results.push(put(line, &place, &STANDARD.encode(shifted)));
        }
    }
    results
}

/// A number converts to the truth value that a parameter asks for.
pub fn truth_number(line: &str) -> Vec<String> {
    if script(line).is_none() {
        return Vec::new();
    }
    let lower = line.to_ascii_lowercase();
    let mut results = Vec::new();
    for (value, number) in [("$true", "1"), ("$false", "0")] {
        for (at, _) in lower.match_indices(value) {
            let end = at + value.len();
            let parameter = lower[..at].trim_end().rsplit(' ').next().unwrap_or_default();
            let whole = !lower[end..].starts_with(|c: char| c.is_ascii_alphanumeric());
            if whole && parameter.starts_with('-') && lower[..at].ends_with([' ', ':']) {
                results.push(put(line, &(at..end), number));
            }
        }
    }
    results
}

/// `Invoke-Expression` takes its one argument from the pipe too.
pub fn piped(line: &str) -> Vec<String> {
    let Some(script) = script(line) else { return Vec::new() };
    let places = unquoted(line, &script);
    let mut results = Vec::new();
    for place in commands(line) {
        let name = &line[place.clone()];
        let invokes = ["iex", "invoke-expression"].iter().any(|one| one.eq_ignore_ascii_case(name));
        let start = script.end - line[place.end..script.end].trim_start().len();
        if !invokes || !line[start..].starts_with('(') {
            continue;
        }
        let end = start + line[start..script.end].trim_end_matches([' ', ';']).len();
        let mut depth = 0_usize;
        // A group and what is asked of it, up to the end of the script, is one argument.
        let one = places.iter().filter(|(at, _)| (start..end).contains(at)).all(|(_, c)| {
            match *c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth > 0 || c.is_ascii_alphanumeric() || ".:)[]".contains(*c)
        });
        if one && depth == 0 {
            let (before, after) = (&line[..place.start], &line[end..]);
            results.push(format!("{before}{}|{name}{after}", &line[start..end]));
        }
    }
    results
}
