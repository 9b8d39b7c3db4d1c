//! What a format is: how it is told from others, and the function that reads it.

use std::cell::OnceCell;

use crate::bytes::{Bytes, Feed, read_up_to};
use crate::fact::Facts;
use crate::limits::HEAD_BYTES;

/// How sure a reader is that bytes are of its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// Nothing else claims it: data without a known structure.
    Rest,
    /// Its beginning is what the format's looks like, as other texts may too.
    Likely,
    /// Its structure is the format's.
    Structure,
    /// It carries the format's magic number, or is what a more general format holds.
    Magic,
    /// It is a special kind of what another reader would claim by its magic number.
    Special,
}

/// One format: a file of `src/formats`.
pub struct Format {
    /// The name of its file, and what reports call it.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Formats of one family share what they are told by; bytes are read as one of them only.
    pub family: &'static str,
    /// Tells by the content whether bytes are of this format.
    pub wants: fn(&Probe<'_>) -> Option<Claim>,
    /// Reads the facts.
    pub read: fn(&Item<'_>, &mut Facts),
    /// Reads the facts from a stream that is too long to hold, where the format allows it.
    pub stream: Option<fn(&mut Feed<'_>, &mut Facts)>,
    /// Whether all that matters stands at the beginning.
    pub head_only: bool,
    /// Small files of the format, made by hand: the tests cut and change them.
    #[cfg(test)]
    pub samples: fn() -> Vec<Vec<u8>>,
}

/// Bytes to be read, and what they are called.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    /// The last part of the name; a hint for people and for what a loader would do with it,
    /// never for what it is.
    pub name: &'a str,
    /// The bytes.
    pub bytes: &'a dyn Bytes,
    /// The first of them.
    pub head: &'a [u8],
    /// Whether they are only the beginning of a longer stream.
    pub cut: bool,
}

impl Item<'_> {
    /// All the bytes, or the first `max`.
    pub fn all(&self, max: usize) -> Vec<u8> {
        read_up_to(self.bytes, 0, max).unwrap_or_default()
    }

    /// The bytes as text, or the first `max` of them; what is not UTF-8 is replaced.
    pub fn text(&self, max: usize) -> String {
        let bytes = self.all(max);
        let text = String::from_utf8_lossy(&bytes);
        text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()
    }

    /// Whether there are more bytes than `max`.
    pub fn longer_than(&self, max: usize) -> bool {
        self.bytes.size() > max as u64 || self.cut
    }
}

/// What `wants` may look at.
pub struct Probe<'a> {
    /// The item.
    pub item: Item<'a>,
    tail: OnceCell<Vec<u8>>,
    zip_names: OnceCell<Vec<String>>,
    json: OnceCell<bool>,
}

impl<'a> Probe<'a> {
    /// Looks at an item.
    pub fn new(item: Item<'a>) -> Self {
        Self { item, tail: OnceCell::new(), zip_names: OnceCell::new(), json: OnceCell::new() }
    }

    /// The first bytes.
    pub fn head(&self) -> &[u8] {
        self.item.head
    }

    /// Whether it begins with these bytes.
    pub fn starts(&self, magic: &[u8]) -> bool {
        self.item.head.starts_with(magic)
    }

    /// Whether these bytes stand at an offset within the head.
    pub fn has_at(&self, offset: usize, magic: &[u8]) -> bool {
        self.item.head.get(offset..).is_some_and(|rest| rest.starts_with(magic))
    }

    /// How many bytes there are.
    pub fn size(&self) -> u64 {
        self.item.bytes.size()
    }

    /// The last bytes, as far back as a zip's end record may lie.
    pub fn tail(&self) -> &[u8] {
        self.tail.get_or_init(|| {
            const REACH: usize = (64 << 10) + 22;
            let from = self.size().saturating_sub(REACH as u64);
            read_up_to(self.item.bytes, from, REACH).unwrap_or_default()
        })
    }

    /// The names in a zip archive, empty where it is none.
    pub fn zip_names(&self) -> &[String] {
        self.zip_names.get_or_init(|| {
            let is_zip = self.starts(b"PK") || crate::zip::has_end_record(self.tail());
            if is_zip { crate::zip::names(self.item.bytes) } else { Vec::new() }
        })
    }

    /// Whether a zip archive has a member whose name ends so.
    pub fn zip_has(&self, ending: &str) -> bool {
        self.zip_names().iter().any(|name| {
            name.strip_suffix(ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        })
    }

    /// Whether the head is text: valid UTF-8 (but for its cut end) with few control characters.
    pub fn is_text(&self) -> bool {
        is_text(self.item.head)
    }

    /// The first byte that is not white space.
    pub fn first_mark(&self) -> Option<u8> {
        let head = self.item.head;
        let head = head.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(head);
        head.iter().copied().find(|byte| !byte.is_ascii_whitespace())
    }

    /// Whether it looks like a JSON document.
    pub fn is_json(&self) -> bool {
        *self.json.get_or_init(|| {
            let head = self.item.head;
            let head = head.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(head).trim_ascii_start();
            let after = head.get(1..).unwrap_or_default().trim_ascii_start();
            match head.first() {
                Some(b'{') => matches!(after.first(), Some(b'"' | b'}') | None) && self.is_text(),
                Some(b'[') => {
                    let begins = |b: &u8| b"\"{[-0123456789tfn]".contains(b);
                    after.first().is_none_or(begins) && self.is_text()
                }
                _ => false,
            }
        })
    }

    /// Whether the head holds a text.
    pub fn head_has(&self, text: &str) -> bool {
        memchr::memmem::find(self.item.head, text.as_bytes()).is_some()
    }
}

/// Whether bytes are text: valid UTF-8 but for a cut end, with hardly a control character.
pub fn is_text(bytes: &[u8]) -> bool {
    let window = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
    let valid = match std::str::from_utf8(window) {
        Ok(_) => window.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return false,
    };
    let controls = window
        .iter()
        .take(valid)
        .filter(|byte| byte.is_ascii_control() && !b"\t\n\r\x0c\x1b".contains(byte))
        .count();
    !window.is_empty() && controls * 100 <= valid
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> bool {
        let bytes = text.as_bytes();
        let item = Item { name: "", bytes: &bytes.to_vec(), head: bytes, cut: false };
        Probe::new(item).is_json()
    }

    #[test]
    fn json_is_told_from_what_only_begins_like_it() {
        assert!(json("{\"a\": 1}") && json("[]") && json(" [1, 2]") && json("{}"));
        assert!(!json("{% if a %}") && !json("{{ x }}") && !json("[section]") && !json("x"));
    }

    #[test]
    fn text_may_be_cut_in_the_middle_of_a_letter() {
        assert!(is_text("gr\u{fc}n".as_bytes().get(..3).unwrap()));
        assert!(!is_text(&[0, 1, 2, 3]) && !is_text(&[0xff, 0xfe, 0x20]));
    }
}
