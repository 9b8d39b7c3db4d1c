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
/// The longest text that replacing may make, in bytes.
const OUT_BYTES_MAX: usize = 128 << 10;

/// The text, which is in lower case, with the values of its variables.
pub(super) fn replaced(text: &str, marks: &mut Marks) -> String {
    if !text.contains(['%', '$', '!']) {
        return text.to_owned();
    }
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
