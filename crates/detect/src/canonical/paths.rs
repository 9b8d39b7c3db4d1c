//! The third stage: one form of a path.

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

/// Whether a word in lower case is a path: it has a `\`, or a drive before a `/`.
pub(super) fn is_path(word: &str) -> bool {
    if word.contains("://") {
        return false;
    }
    word.contains('\\') || has_drive(word)
}

fn has_drive(word: &str) -> bool {
    word.match_indices(":/").any(|(at, _)| {
        word.get(..at).is_some_and(|before| {
            let mut back = before.chars().rev();
            back.next().is_some_and(|c| c.is_ascii_alphabetic())
                && back.next().is_none_or(|c| !c.is_alphanumeric())
        })
    })
}

/// The one form of a path: backslashes, none doubled, no detours, long names.
pub(super) fn one_form(word: &str, marks: &mut Marks) -> String {
    let word = if word.starts_with('/') { word.to_owned() } else { word.replace('/', "\\") };
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
    let share = word.starts_with("\\\\");
    let mut parts: Vec<&str> = Vec::new();
    let mut pieces = word.split('\\').peekable();
    let mut first = true;
    while let Some(part) = pieces.next() {
        let last = pieces.peek().is_none();
        match part {
            "" if first || last => parts.push(""),
            "" => {
                let doubled = !(share && parts.len() < 2);
                marks.detours = marks.detours.saturating_add(u16::from(doubled));
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
    let joined = parts.join("\\");
    if share { format!("\\{joined}") } else { joined }
}
