//! The second stage: variables whose value is known.

use super::Marks;

/// Variables of a usual Windows system, in lower case, and of PowerShell and Unix shells.
const KNOWN: &[(&str, &str)] = &[
    ("allusersprofile", "c:\\programdata"),
    ("appdata", "c:\\users\\user\\appdata\\roaming"),
    ("commonprogramfiles", "c:\\program files\\common files"),
    ("comspec", "c:\\windows\\system32\\cmd.exe"),
    ("homedrive", "c:"),
    ("homepath", "\\users\\user"),
    ("localappdata", "c:\\users\\user\\appdata\\local"),
    ("os", "windows_nt"),
    ("pathext", ".com;.exe;.bat;.cmd;.vbs;.vbe;.js;.jse;.wsf;.wsh;.msc"),
    ("programdata", "c:\\programdata"),
    ("programfiles", "c:\\program files"),
    ("programfiles(x86)", "c:\\program files (x86)"),
    ("programw6432", "c:\\program files"),
    ("psmodulepath", "c:\\program files\\windowspowershell\\modules"),
    ("public", "c:\\users\\public"),
    ("systemdrive", "c:"),
    ("systemroot", "c:\\windows"),
    ("temp", "c:\\users\\user\\appdata\\local\\temp"),
    ("tmp", "c:\\users\\user\\appdata\\local\\temp"),
    ("userprofile", "c:\\users\\user"),
    ("windir", "c:\\windows"),
];

/// The most variables that one line may set.
const SET_MAX: usize = 32;
/// The most loops that one line may hold.
const LOOPS_MAX: usize = 8;
/// The longest text that replacing may make, in bytes.
const OUT_BYTES_MAX: usize = 128 << 10;

/// The text, which is in lower case, with the values of its variables.
pub(super) fn replaced(text: &str, marks: &mut Marks) -> String {
    if !text.contains(['%', '$', '!']) {
        return text.to_owned();
    }
    let looped = loops(text, marks);
    let text = looped.as_deref().unwrap_or(text);
    let set = variables_set(text);
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find(['%', '$', '!']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        match one(from, &set, marks).filter(|_| out.len() < OUT_BYTES_MAX) {
            Some((value, after)) => {
                out.push_str(&value);
                rest = after;
            }
            None => {
                let mut chars = from.chars();
                out.extend(chars.next());
                rest = chars.as_str();
            }
        }
    }
    out.push_str(rest);
    out
}

/// The value of the variable that begins `text`, and what follows it.
fn one<'a>(text: &'a str, set: &[(&str, &str)], marks: &mut Marks) -> Option<(String, &'a str)> {
    if let Some(rest) = text.strip_prefix("${env:") {
        let (name, after) = rest.split_once('}')?;
        return Some((value(name, set, marks)?, after));
    }
    if let Some(rest) = text.strip_prefix("$env:") {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        return Some((value(name, set, marks)?, after));
    }
    let sign = text.chars().next().filter(|sign| matches!(sign, '%' | '!'))?;
    let rest = text.get(1..)?;
    let (inner, after) = rest.split_once(sign)?;
    if inner.is_empty() || inner.len() > 256 {
        return None;
    }
    let (name, edit) = match inner.split_once(':') {
        Some((name, edit)) => (name, Some(edit)),
        None => (inner, None),
    };
    let whole = value(name, set, marks)?;
    let Some(edit) = edit else { return Some((whole, after)) };
    marks.cut_variables = marks.cut_variables.saturating_add(1);
    Some((edited(&whole, edit)?, after))
}

fn value(name: &str, set: &[(&str, &str)], marks: &mut Marks) -> Option<String> {
    if let Some((_, value)) = set.iter().find(|(known, _)| *known == name) {
        marks.cut_variables = marks.cut_variables.saturating_add(1);
        return Some((*value).to_owned());
    }
    KNOWN.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

/// `~start,length` cuts a piece out, `a=b` replaces.
fn edited(value: &str, edit: &str) -> Option<String> {
    if let Some(piece) = edit.strip_prefix('~') {
        let (start, length) = match piece.split_once(',') {
            Some((start, length)) => (start, Some(length)),
            None => (piece, None),
        };
        let chars: Vec<char> = value.chars().collect();
        let place = |number: i64, from: usize| {
            let signed = if number < 0 {
                i64::try_from(chars.len()).ok()?.checked_add(number)?
            } else {
                i64::try_from(from).ok()?.checked_add(number)?
            };
            usize::try_from(signed.max(0)).ok().map(|place| place.min(chars.len()))
        };
        let start = place(start.trim().parse().ok()?, 0)?;
        let end = match length {
            Some(length) => place(length.trim().parse().ok()?, start)?,
            None => chars.len(),
        };
        return Some(chars.get(start..end.max(start))?.iter().collect());
    }
    let (from, to) = edit.split_once('=')?;
    (!from.is_empty()).then(|| value.replace(from, to))
}

/// The text with the variables of its loops over one word filled in:
/// `for %q in (net) do %q user`, `for /f "delims=" %%q in ('echo net') do %%q user`.
fn loops(text: &str, marks: &mut Marks) -> Option<String> {
    let mut text = text.to_owned();
    let mut changed = false;
    for _ in 0..LOOPS_MAX {
        let Some((letter, value, body)) = one_loop(&text) else { break };
        let (head, tail) = text.split_at_checked(body)?;
        // `%%q` in a script, `%q` on a line; modifiers such as `%~q` take quotes off.
        let mut tail = tail.to_owned();
        for form in ["%%~", "%%", "%~", "%"] {
            tail = tail.replace(&format!("{form}{letter}"), &value);
        }
        // What was read is not to be found again.
        let head = head.replacen("for ", "for\u{1}", usize::MAX);
        text = head + &tail;
        changed = true;
        marks.cut_variables = marks.cut_variables.saturating_add(1);
        if text.len() > OUT_BYTES_MAX {
            return None;
        }
    }
    changed.then(|| text.replace('\u{1}', " "))
}

/// The letter of the first loop, the word that it runs over, and where its body begins.
fn one_loop(text: &str) -> Option<(char, String, usize)> {
    let mut at = 0;
    while let Some(found) = text.get(at..)?.find("for ") {
        let start = at + found;
        at = start + 4;
        let before = text.get(..start)?.chars().next_back();
        if before.is_some_and(char::is_alphanumeric) {
            continue;
        }
        let rest = text.get(at..)?;
        let Some((options, rest_of)) = rest.split_once('%') else { continue };
        let is_option = options.trim().is_empty() || options.trim_start().starts_with(['/', '-']);
        let name = rest_of.trim_start_matches('%');
        let Some(letter) = name.chars().next().filter(char::is_ascii_alphabetic) else { continue };
        let Some(after) = name.get(1..)?.trim_start().strip_prefix("in") else { continue };
        let Some(inner) = after.trim_start().strip_prefix('(') else { continue };
        let Some((set, body)) = inner.split_once(')') else { continue };
        let Some(body) = body.trim_start().strip_prefix("do") else { continue };
        if !is_option || set.len() > 4_096 {
            continue;
        }
        let set = set.trim();
        let value = set.strip_prefix("echo ").or_else(|| set.strip_prefix("@echo ")).unwrap_or(set);
        // Of several words the first stands for all: the command runs for it as well.
        let value = if options.contains("/f") { value } else { value.split_whitespace().next()? };
        return Some((letter, value.trim().to_owned(), text.len() - body.len()));
    }
    None
}

/// Variables that the line itself sets: `set x=net& call %x% user`.
fn variables_set(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("set ") {
        let starts = rest
            .get(..at)
            .is_none_or(|before| before.chars().next_back().is_none_or(|c| !c.is_alphanumeric()));
        rest = rest.get(at + 4..).unwrap_or_default();
        let assignment = rest.split(" & ").next().unwrap_or_default();
        if let Some((name, value)) = assignment.split_once('=') {
            let name = name.trim().trim_start_matches("/a ").trim();
            if starts && !name.is_empty() && name.len() <= 64 && found.len() < SET_MAX {
                found.push((name, value.trim_end()));
            }
        }
    }
    found
}
