//! Lines of text, each of bounded length, whatever bytes are in them.

use std::borrow::Cow;
use std::io::{self, BufRead};
use std::ops::ControlFlow;

use super::bytes::Window;
use super::{Counts, LogError, Record, Sink};
use crate::limits::RECORD_BYTES_MAX;

/// The lines of a stream.
pub(crate) struct Lines<'r> {
    window: Window<'r>,
    /// Bytes of the line that was handed out last, to be taken off before the next one.
    handed: usize,
}

/// One line.
pub(crate) enum Line<'a> {
    /// Its bytes, without the end of the line.
    Bytes(&'a [u8]),
    /// It was longer than the limit and is left out.
    TooLong,
}

impl<'r> Lines<'r> {
    pub fn new(input: &'r mut dyn BufRead) -> Self {
        Self { window: Window::new(input), handed: 0 }
    }

    /// The number of the line that was handed out last, from 1.
    pub fn number(&self) -> u64 {
        self.window.line()
    }

    /// The next line; `None` at the end of the stream.
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.window.take(std::mem::take(&mut self.handed));
        let mut searched = 0;
        let end = loop {
            let data = self.window.data();
            if let Some(at) = memchr::memchr(b'\n', data.get(searched..).unwrap_or_default()) {
                break searched + at;
            }
            searched = data.len();
            if searched > RECORD_BYTES_MAX {
                break searched;
            }
            if !self.window.fill()? {
                if searched == 0 {
                    return Ok(None);
                }
                break searched;
            }
        };
        if end > RECORD_BYTES_MAX {
            self.discard()?;
            return Ok(Some(Line::TooLong));
        }
        self.handed = end + 1;
        let line = self.window.data().get(..end).unwrap_or_default();
        Ok(Some(Line::Bytes(line.strip_suffix(b"\r").unwrap_or(line))))
    }

    /// Takes off a line that is too long, up to the byte before its end, so that the number of the
    /// line still holds while it is reported.
    fn discard(&mut self) -> io::Result<()> {
        loop {
            let data = self.window.data();
            if let Some(end) = memchr::memchr(b'\n', data) {
                self.window.take(end);
                self.handed = 1;
                return Ok(());
            }
            self.window.take(data.len());
            if !self.window.fill()? {
                return Ok(());
            }
        }
    }
}

/// Bytes as text; what is not UTF-8 becomes U+FFFD, and the flag says so.
pub(crate) fn lossy(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    let text = String::from_utf8_lossy(bytes);
    let was_lossy = matches!(text, Cow::Owned(_));
    (text, was_lossy)
}

/// What became of a line.
pub(crate) enum Outcome {
    /// A record.
    Record(Record),
    /// Nothing that counts: an empty line, a comment, part of a record that is still open.
    Nothing,
    /// It could not be read.
    Bad(&'static str),
}

/// Reads a log whose records are lines. `convert` sees every line that is not empty.
pub(crate) fn read_lines(
    input: &mut dyn BufRead,
    sink: &mut Sink<'_>,
    convert: &mut dyn FnMut(&str) -> Outcome,
) -> Result<Counts, LogError> {
    let mut counts = Counts::default();
    let mut lines = Lines::new(input);
    loop {
        let line = match lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(counts),
            Err(error) => return cut_short(counts, error),
        };
        let (outcome, was_lossy) = match line {
            Line::TooLong => (Outcome::Bad(TOO_LONG), false),
            Line::Bytes(bytes) if bytes.trim_ascii().is_empty() => continue,
            Line::Bytes(bytes) => {
                let (text, was_lossy) = lossy(bytes);
                let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
                (convert(text), was_lossy)
            }
        };
        match outcome {
            Outcome::Nothing => {}
            Outcome::Bad(reason) => {
                let number = lines.number();
                counts.bad(|| format!("line {number}"), reason);
            }
            Outcome::Record(record) => {
                counts.lossy += u64::from(was_lossy);
                if let ControlFlow::Break(()) = counts.record(record, sink) {
                    return Ok(counts);
                }
            }
        }
    }
}

/// What is said of a line or an object over the limit.
pub(crate) const TOO_LONG: &str = "over the limit of 2 MiB for one record";

/// The stream broke off: what was read before is good, and the counts say why they end. An error
/// before the first record is an error.
pub(crate) fn cut_short(mut counts: Counts, error: io::Error) -> Result<Counts, LogError> {
    if counts.records == 0 && counts.bad == 0 {
        return Err(LogError::Io(error));
    }
    counts.ended_early = Some(error.to_string());
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::testing::Repeat;
    use std::io::BufReader;

    fn outcome(line: &str) -> Outcome {
        if line == "bad" { Outcome::Bad("it says so") } else { Outcome::Record(Record::default()) }
    }

    #[test]
    fn a_bad_line_is_counted_with_its_place_and_the_others_are_read() {
        let mut input = "a\n\nbad\r\nb\u{20}\nlast".as_bytes();
        let mut sink = |_| ControlFlow::Continue(());
        let counts = read_lines(&mut input, &mut sink, &mut outcome).unwrap();
        assert_eq!((counts.records, counts.bad), (3, 1));
        assert_eq!(counts.first_bad[0].place, "line 3");
    }

    #[test]
    fn a_line_without_end_stays_within_bounded_memory_and_the_next_one_is_read() {
        let long = Repeat::new(b"x", 64 << 20).chain_bytes(b"\nnext\n");
        let mut seen = Vec::new();
        let mut input = BufReader::new(long);
        let mut convert = |line: &str| {
            seen.push(line.to_owned());
            Outcome::Nothing
        };
        let mut sink = |_| ControlFlow::Continue(());
        let counts = read_lines(&mut input, &mut sink, &mut convert).unwrap();
        assert_eq!(counts.bad, 1);
        assert_eq!(counts.first_bad[0].place, "line 1");
        assert_eq!(seen, ["next"]);
    }

    #[test]
    fn text_that_is_not_utf_8_is_read_all_the_same() {
        let mut seen = String::new();
        let mut convert = |line: &str| {
            seen = line.to_owned();
            Outcome::Record(Record::default())
        };
        let mut sink = |_| ControlFlow::Continue(());
        let counts = read_lines(&mut &b"caf\xe9 /bin/sh\n"[..], &mut sink, &mut convert).unwrap();
        assert_eq!((counts.records, counts.lossy, counts.bad), (1, 1, 0));
        assert_eq!(seen, "caf\u{fffd} /bin/sh");
    }
}
