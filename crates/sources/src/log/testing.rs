//! What the tests of the readers share.

use std::io::{self, Read};

/// A stream that repeats a pattern, made while it is read: large inputs in no memory.
pub struct Repeat {
    block: Vec<u8>,
    period: usize,
    left: u64,
    phase: usize,
    tail: &'static [u8],
}

impl Repeat {
    /// `len` bytes of the pattern.
    pub fn new(pattern: &[u8], len: u64) -> Self {
        let block = pattern.repeat(1 + (64 << 10) / pattern.len());
        Self { block, period: pattern.len(), left: len, phase: 0, tail: b"" }
    }

    /// The same, then these bytes.
    pub fn chain_bytes(self, tail: &'static [u8]) -> Self {
        Self { tail, ..self }
    }
}

impl Read for Repeat {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return self.tail.read(buf);
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let mut block = &self.block[self.phase..];
        block = &block[..block.len().min(left)];
        let count = block.read(buf)?;
        self.left -= count as u64;
        self.phase = (self.phase + count) % self.period;
        Ok(count)
    }
}
