//! What the tests of the readers share.

use std::io::{self, Read};

/// A stream that repeats a pattern, made while it is read: large inputs in no memory.
pub struct Repeat {
    pattern: &'static [u8],
    at: u64,
    len: u64,
    tail: &'static [u8],
}

impl Repeat {
    /// `len` bytes of the pattern.
    pub fn new(pattern: &'static [u8], len: u64) -> Self {
        Self { pattern, at: 0, len, tail: b"" }
    }

    /// The same, then these bytes.
    pub fn chain_bytes(self, tail: &'static [u8]) -> Self {
        Self { tail, ..self }
    }
}

impl Read for Repeat {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.len {
            return self.tail.read(buf);
        }
        let phase = usize::try_from(self.at % self.pattern.len() as u64).unwrap();
        let left = usize::try_from(self.len - self.at).unwrap_or(usize::MAX);
        let count = left.min(buf.len());
        let bytes = self.pattern.iter().cycle().skip(phase);
        buf.iter_mut().zip(bytes).take(count).for_each(|(place, byte)| *place = *byte);
        self.at += count as u64;
        Ok(count)
    }
}
