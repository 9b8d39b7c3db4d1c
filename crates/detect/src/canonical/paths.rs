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

/// The one form of a word with slashes: backslashes, none doubled, no detours, long names.
/// Addresses of the web are treated alike: what a rule looks for may be a part that does not show
/// what it is.
pub(super) fn one_form(word: &str, marks: &mut Marks) -> String {
    let word = word.replace('/', "\\");
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
