//! Modifiers of values: what a text looks like encoded.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The characters that Windows programs take for the sign of a switch.
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// How a text is laid out in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Utf8,
    Utf16Le,
    Utf16Be,
    /// With a byte order mark.
    Utf16,
}

impl Layout {
    pub(super) fn bytes(self, text: &str) -> Vec<u8> {
        let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Utf16Le => little(text),
            Self::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Self::Utf16 => [vec![0xff, 0xfe], little(text)].concat(),
        }
    }
}

/// Base64 of the bytes.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// What of the base64 stays the same at each of the three places that the bytes can have in a
/// longer text.
pub(super) fn base64_at_offsets(bytes: &[u8]) -> Vec<String> {
    (0..3)
        .filter_map(|offset| {
            let padded = [vec![b' '; offset], bytes.to_vec()].concat();
            let encoded = STANDARD.encode(&padded);
            let start = [0, 2, 3].get(offset).copied().unwrap_or_default();
            let cut = [0, 3, 2].get(padded.len() % 3).copied().unwrap_or_default();
            let end = encoded.len().checked_sub(cut)?;
            encoded.get(start..end).filter(|text| !text.is_empty()).map(str::to_owned)
        })
        .collect()
}

/// The text with each sign that a switch can have, where it begins a word.
pub(super) fn windash(text: &str) -> Vec<String> {
    let mut all = vec![text.to_owned()];
    for dash in DASHES {
        let mut before = None;
        let mut rest = text.chars().peekable();
        let mut turned = String::with_capacity(text.len());
        while let Some(c) = rest.next() {
            let begins =
                before.is_none_or(|before: char| !before.is_alphanumeric() && before != '_');
            let follows = rest.peek().is_some_and(|next| next.is_alphanumeric() || *next == '_');
            turned.push(if begins && follows && (c == '-' || c == '/') { dash } else { c });
            before = Some(c);
        }
        if !all.contains(&turned) {
            all.push(turned);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_stand_in_any_longer_text() {
        let parts = base64_at_offsets(b"http://");
        assert_eq!(parts, ["aHR0cDovL", "h0dHA6Ly", "odHRwOi8v"]);
        for lead in ["", "x", "xy", "xyz"] {
            let whole = base64(format!("{lead}http://a.example").as_bytes());
            assert!(parts.iter().any(|part| whole.contains(part)), "{whole}");
        }
    }

    #[test]
    fn switches_have_many_signs() {
        let all = windash(" -f x-y");
        assert!(all.contains(&" /f x-y".to_owned()));
        assert!(all.contains(&" \u{2013}f x-y".to_owned()));
        assert_eq!(all.len(), 5);
        assert_eq!(windash("plain"), ["plain"]);
    }

    #[test]
    fn wide_text_has_two_bytes_a_letter() {
        assert_eq!(Layout::Utf16Le.bytes("a"), [b'a', 0]);
        assert_eq!(Layout::Utf16.bytes("a"), [0xff, 0xfe, b'a', 0]);
    }
}
