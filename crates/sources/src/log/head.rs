//! The beginning of a file, by which its source is told.

use serde_json::{Map, Value};

use super::json::{Item, Objects};
use crate::limits::{HEAD_BYTES, HEAD_LINES};

/// Keys of objects that only wrap a list of records.
const LISTS: [&str; 1] = ["Records"];

/// The beginning of a file, after it was unpacked.
#[derive(Debug)]
pub struct Head<'a> {
    name: &'a str,
    bytes: &'a [u8],
    lines: Vec<String>,
    object: Option<Map<String, Value>>,
}

impl<'a> Head<'a> {
    /// Looks at the beginning of a file; `whole` if the file is no longer than this.
    pub fn new(name: &'a str, bytes: &'a [u8], whole: bool) -> Self {
        let bytes = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
        let is_json = matches!(
            bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start().first(),
            Some(b'{' | b'[' | 0x1e)
        );
        let object = if is_json { first_object(bytes) } else { None };
        let lines = if is_json { Vec::new() } else { lines(bytes, whole) };
        Self { name, bytes, lines, object }
    }

    /// The file's name, without the ending of its compression.
    pub fn file_name(&self) -> &str {
        crate::tree::file_name(self.name)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// The first lines that are whole and not empty; none where the file is JSON.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The first JSON object that can be read; of an object that only wraps a list, the first in
    /// the list.
    pub fn object(&self) -> Option<&Map<String, Value>> {
        self.object.as_ref()
    }

    /// Whether the first JSON object has all these keys.
    pub fn has_keys(&self, keys: &[&str]) -> bool {
        self.object().is_some_and(|map| keys.iter().all(|key| map.contains_key(*key)))
    }

    /// Whether most of the first lines look so.
    pub fn most_lines(&self, looks_so: impl Fn(&str) -> bool) -> bool {
        let count = self.lines.iter().filter(|line| looks_so(line)).count();
        count * 2 > self.lines.len()
    }
}

fn lines(bytes: &[u8], whole: bool) -> Vec<String> {
    let end = if whole { Some(bytes.len()) } else { memchr::memrchr(b'\n', bytes) };
    let whole_lines = bytes.get(..end.unwrap_or(0)).unwrap_or_default();
    let text = String::from_utf8_lossy(whole_lines);
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim_end);
    lines.filter(|line| !line.is_empty()).take(HEAD_LINES).map(str::to_owned).collect()
}

fn first_object(bytes: &[u8]) -> Option<Map<String, Value>> {
    let first = |list: Option<&str>| {
        let mut input = bytes;
        let mut objects = Objects::new(&mut input, list);
        (0..HEAD_LINES).find_map(|_| match objects.next() {
            Ok(Some(Item::Object { map, .. })) => Some(map),
            _ => None,
        })
    };
    let wrapped = LISTS.iter().find_map(|list| first(Some(*list)).filter(|_| wraps(bytes, list)));
    wrapped.or_else(|| first(None))
}

/// Whether the bytes begin with `{"list":[`.
fn wraps(bytes: &[u8], list: &str) -> bool {
    let text: Vec<u8> =
        bytes.iter().take(256).filter(|byte| !byte.is_ascii_whitespace()).copied().collect();
    text.strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(&text)
        .starts_with(format!("{{\"{list}\":[").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_object_is_found_also_in_a_list_and_after_a_cut_line() {
        for text in [
            "{\"a\":1}\n",
            "[{\"a\":1},",
            "{\"Records\":[{\"a\":1},{\"a\":",
            "{ \"Records\" : [\n {\n \"a\": 1 }",
            "[\"cut\n{\"a\":1}\n",
        ] {
            assert!(Head::new("x", text.as_bytes(), false).has_keys(&["a"]), "{text}");
        }
        assert!(Head::new("x", b"{\"a\":", false).object().is_none());
    }

    #[test]
    fn a_line_that_is_not_whole_is_not_looked_at() {
        let head = Head::new("x", b"one\n\ntwo\r\nthr", false);
        assert_eq!(head.lines(), ["one", "two"]);
        assert!(head.most_lines(|line| line.contains('o')));
        assert_eq!(Head::new("x", b"one", true).lines(), ["one"]);
    }
}
