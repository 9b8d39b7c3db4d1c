//! The third stage: one form of a path.

use std::net::Ipv4Addr;

use super::Marks;

/// Short names of folders that every Windows has.
const SHORT: &[(&str, &str)] = &[
    ("progra~1", "program files"),
    ("progra~2", "program files (x86)"),
    ("progra~3", "programdata"),
    ("docume~1", "documents and settings"),
    ("micros~1", "microsoft"),
    ("window~1", "windowspowershell"),
    ("system~1", "system32"),
    ("applic~1", "application data"),
    ("locals~1", "local settings"),
];

/// The one form of a word with slashes: backslashes, none doubled, no detours, long names.
/// Addresses of the web are treated alike: what a rule looks for may be a part that does not show
/// what it is.
pub(super) fn one_form(word: &str, marks: &mut Marks) -> String {
    let word = word.replace('/', "\\");
    let word = own_share(&address(&letters_by_number(&word, marks), marks), marks);
    let word = match word.strip_prefix("\\\\?\\").or_else(|| word.strip_prefix("\\\\.\\")) {
        Some(rest) if rest.as_bytes().get(1) == Some(&b':') => {
            marks.detours = marks.detours.saturating_add(1);
            rest.to_owned()
        }
        _ => word,
    };
    if !word.contains("\\\\") && !word.contains("\\.") && !word.contains('~') {
        return word;
    }
    let mut parts: Vec<&str> = Vec::new();
    let mut pieces = word.split('\\').peekable();
    let mut first = true;
    while let Some(part) = pieces.next() {
        let last = pieces.peek().is_none();
        match part {
            "" if first || last => parts.push(""),
            // At the beginning it is a share, after a colon the web; neither is odd.
            "" => {
                let odd = parts.len() > 1 && parts.last().is_some_and(|part| !part.ends_with(':'));
                marks.detours = marks.detours.saturating_add(u16::from(odd));
            }
            "." if !first => marks.detours = marks.detours.saturating_add(1),
            ".." if parts.len() > 1 => {
                parts.pop();
                marks.detours = marks.detours.saturating_add(1);
            }
            _ => parts.push(
                SHORT.iter().find(|(short, _)| *short == part).map_or(part, |(_, long)| long),
            ),
        }
        first = false;
    }
    parts.join("\\")
}

/// `%61` in an address of the web is the letter `a`.
fn letters_by_number(word: &str, marks: &mut Marks) -> String {
    if !word.contains(":\\\\") || !word.contains('%') {
        return word.to_owned();
    }
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let byte = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte.filter(u8::is_ascii_alphanumeric) {
            Some(byte) => {
                out.push(char::from(byte.to_ascii_lowercase()));
                marks.detours = marks.detours.saturating_add(1);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// An IPv4 address that is written as one number, behind two slashes, in its usual form.
fn address(word: &str, marks: &mut Marks) -> String {
    let Some((before, after)) = word.split_once("\\\\") else { return word.to_owned() };
    let end = after.find(['\\', ':']).unwrap_or(after.len());
    let (host, rest) = after.split_at_checked(end).unwrap_or((after, ""));
    let number = match host.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => host.parse().ok(),
    };
    match number.filter(|number| *number > 0xff_ffff) {
        Some(number) => {
            marks.detours = marks.detours.saturating_add(1);
            format!("{before}\\\\{}{rest}", Ipv4Addr::from(number))
        }
        None => word.to_owned(),
    }
}

/// `\\127.0.0.1\c$\x` is `c:\x` of this machine.
fn own_share(word: &str, marks: &mut Marks) -> String {
    for host in ["\\\\127.0.0.1\\", "\\\\localhost\\", "\\\\::1\\", "\\\\?\\unc\\127.0.0.1\\"] {
        let Some((before, after)) = word.split_once(host) else { continue };
        let mut letters = after.chars();
        let (letter, sign) = (letters.next(), letters.next());
        let Some(letter) = letter.filter(char::is_ascii_alphabetic) else { continue };
        if sign == Some('$') && !before.ends_with(|c: char| c.is_alphanumeric() || c == ':') {
            marks.detours = marks.detours.saturating_add(1);
            return format!("{before}{letter}:{}", letters.as_str());
        }
    }
    word.to_owned()
}
