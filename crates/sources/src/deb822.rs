//! Stanzas of Debian control files (deb-control(5), deb822(5)), read from a stream.
//!
//! A stanza is a run of `Name: value` lines, ended by a blank line; a line that starts with a
//! blank belongs to the field above it. Names are compared without case.

use std::io::{self, Read};

use memchr::memchr;

use crate::limits::STANZA_BYTES_MAX;

const CHUNK_BYTES: usize = 256 << 10;

/// Why stanzas could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StanzaError {
    /// The stream failed, or ended inside compressed data.
    #[error("near line {line}: {source}")]
    Io {
        /// The first line of the stanza that was being read.
        line: usize,
        /// What went wrong.
        source: io::Error,
    },
    /// A stanza is larger than the limit.
    #[error("line {line}: a stanza is over the limit of {limit} bytes")]
    OverLimit {
        /// Its first line.
        line: usize,
        /// The limit, bytes.
        limit: usize,
    },
}

/// Gives one stanza after the other out of a reader, in one buffer that is used again.
#[derive(Debug)]
pub struct Stanzas<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that belong to stanzas already given.
    given: usize,
    /// Bytes of `buffer` that are filled.
    filled: usize,
    line: usize,
    ended: bool,
}

/// One stanza.
#[derive(Clone, Copy, Debug)]
pub struct Stanza<'a> {
    /// Its lines, each with its line feed (the last one of a file may lack it).
    pub bytes: &'a [u8],
    /// The number of its first line, counted from 1.
    pub line: usize,
}

impl<R: Read> Stanzas<R> {
    /// Stanzas of a reader.
    pub fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), given: 0, filled: 0, line: 1, ended: false }
    }

    /// The next stanza; `None` at the end.
    pub fn next_stanza(&mut self) -> Result<Option<Stanza<'_>>, StanzaError> {
        let mut scanned = 0;
        let mut lines = 0;
        let mut has_fields = false;
        loop {
            let unread = self.buffer.get(self.given + scanned..self.filled).unwrap_or_default();
            let (line_len, whole) = match memchr(b'\n', unread) {
                Some(at) => (at + 1, true),
                None => (unread.len(), self.ended),
            };
            if !whole {
                self.fill(scanned)?;
                continue;
            }
            if line_len == 0 {
                return Ok(self.give(scanned, scanned, lines, has_fields));
            }
            let blank = unread.get(..line_len).is_some_and(|line| {
                line.first().is_none_or(u8::is_ascii_whitespace) && is_blank(line)
            });
            if blank && has_fields {
                return Ok(self.give(scanned, scanned + line_len, lines + 1, true));
            }
            if blank {
                self.given += line_len;
                self.line += 1;
            } else {
                has_fields = true;
                scanned += line_len;
                lines += 1;
            }
        }
    }

    fn give(
        &mut self,
        stanza_len: usize,
        with_separator: usize,
        lines: usize,
        has_fields: bool,
    ) -> Option<Stanza<'_>> {
        let start = self.given;
        let line = self.line;
        self.given += with_separator;
        self.line += lines;
        let bytes = self.buffer.get(start..start + stanza_len)?;
        has_fields.then_some(Stanza { bytes, line })
    }

    /// Reads more, after moving what is not given yet to the front.
    fn fill(&mut self, scanned: usize) -> Result<(), StanzaError> {
        if scanned > STANZA_BYTES_MAX || self.filled - self.given > STANZA_BYTES_MAX {
            return Err(StanzaError::OverLimit { line: self.line, limit: STANZA_BYTES_MAX });
        }
        self.buffer.copy_within(self.given..self.filled, 0);
        self.filled -= self.given;
        self.given = 0;
        if self.buffer.len() < self.filled + CHUNK_BYTES {
            self.buffer.resize(self.filled + CHUNK_BYTES, 0);
        }
        let free = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let read = loop {
            match self.reader.read(free) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(StanzaError::Io { line: self.line, source }),
                Ok(read) => break read,
            }
        };
        self.filled += read;
        self.ended = read == 0;
        Ok(())
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

impl<'a> Stanza<'a> {
    /// Fields in order. The value of a folded field holds its line feeds; blanks at both ends
    /// are off. Lines that are no field (a comment, garbage) are given with an empty name.
    pub fn fields(&self) -> Fields<'a> {
        Fields { rest: self.bytes }
    }

    /// The first field of that name.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.fields().find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| v)
    }

    /// The first field of that name as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }
}

/// The fields of a stanza.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let mut len = line_len(self.rest);
        while let Some(below) = self.rest.get(len..)
            && matches!(below.first(), Some(b' ' | b'\t'))
        {
            len += line_len(below);
        }
        let (field, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        let is_comment = field.first() == Some(&b'#');
        let Some(colon) = memchr(b':', field.get(..line_len(field))?).filter(|_| !is_comment)
        else {
            return Some((b"", field));
        };
        let (name, value) = field.split_at_checked(colon)?;
        Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
    }
}

/// Bytes of the first line, its line feed included.
fn line_len(bytes: &[u8]) -> usize {
    memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives its bytes in pieces of one size.
    struct Pieces<'a>(&'a [u8], usize);
    impl Read for Pieces<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(self.0.len()).min(buf.len());
            buf[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }

    type Read1 = Vec<(usize, Vec<(String, String)>)>;

    fn all(bytes: &[u8], piece: usize) -> Read1 {
        let mut stanzas = Stanzas::new(Pieces(bytes, piece));
        let mut out = Vec::new();
        while let Some(stanza) = stanzas.next_stanza().unwrap() {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            out.push((stanza.line, stanza.fields().map(|(k, v)| (text(k), text(v))).collect()));
        }
        out
    }

    #[test]
    fn stanzas_end_at_blank_lines_and_folded_lines_belong_to_the_field_above() {
        let text =
            b"\n\nPackage: a\nDescription: one\n two\n .\n\n \t\r\n# note\npackage:b\nbad line";
        let expected = vec![
            (
                3,
                vec![
                    ("Package".to_owned(), "a".to_owned()),
                    ("Description".to_owned(), "one\n two\n .".to_owned()),
                ],
            ),
            (
                9,
                vec![
                    (String::new(), "# note\n".to_owned()),
                    ("package".to_owned(), "b".to_owned()),
                    (String::new(), "bad line".to_owned()),
                ],
            ),
        ];
        for piece in [1, 7, 4_096] {
            assert_eq!(all(text, piece), expected);
        }
    }

    #[test]
    fn a_stanza_without_end_hits_the_limit() {
        let mut endless = Stanzas::new(io::repeat(b'x'));
        assert!(matches!(endless.next_stanza(), Err(StanzaError::OverLimit { line: 1, .. })));
        let mut lines = Stanzas::new(b"k: v\n".repeat(STANZA_BYTES_MAX / 4).leak() as &[u8]);
        assert!(matches!(lines.next_stanza(), Err(StanzaError::OverLimit { line: 1, .. })));
    }

    proptest! {
        #[test]
        fn the_size_of_the_pieces_changes_nothing(
            text in "([a-c]{0,3}:? ?[x\\n ]{0,4}\\n{0,2}){0,12}",
            piece in 1_usize..9,
        ) {
            prop_assert_eq!(all(text.as_bytes(), piece), all(text.as_bytes(), 1 << 20));
        }
    }
}
