//! A window over a stream: what is in it can be looked at as one slice, and it never grows beyond
//! one record's limit.

use std::io::{self, BufRead};

/// How much is asked of the stream at a time.
const STEP_BYTES: usize = 64 << 10;

/// The bytes between what was taken and what was read so far.
pub(crate) struct Window<'r> {
    input: &'r mut dyn BufRead,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
    /// An error that came after good bytes: the next call says it.
    error: Option<io::Error>,
    /// The number of the line on which the window begins, from 1.
    line: u64,
}

impl<'r> Window<'r> {
    pub fn new(input: &'r mut dyn BufRead) -> Self {
        Self { input, buffer: Vec::new(), start: 0, ended: false, error: None, line: 1 }
    }

    /// What is in the window.
    pub fn data(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// The number of the line on which the window begins.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Reads more; `false` at the end of the stream.
    pub fn fill(&mut self) -> io::Result<bool> {
        if let Some(error) = self.error.take() {
            self.ended = true;
            return Err(error);
        }
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let mut added = 0;
        while added < STEP_BYTES {
            let bytes = match self.input.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if added > 0 => {
                    self.error = Some(error);
                    return Ok(true);
                }
                Err(error) => return Err(error),
            };
            if bytes.is_empty() {
                self.ended = true;
                break;
            }
            let count = bytes.len().min(STEP_BYTES);
            self.buffer.extend_from_slice(bytes.get(..count).unwrap_or_default());
            self.input.consume(count);
            added += count;
        }
        Ok(added > 0)
    }

    /// Takes bytes off the front, counting the lines in them.
    pub fn take(&mut self, count: usize) {
        let taken = self.data().get(..count).unwrap_or_else(|| self.data());
        let (count, lines) = (taken.len(), memchr::memchr_iter(b'\n', taken).count());
        self.start += count;
        self.line += lines as u64;
    }

    /// Takes off what is left of the line, with its end.
    pub fn take_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', self.data()) {
                self.take(end + 1);
                return Ok(());
            }
            let left = self.data().len();
            self.take(left);
            if !self.fill()? {
                return Ok(());
            }
        }
    }
}
