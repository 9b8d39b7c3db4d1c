//! The narrow door to bytes: random access in chunks, so that a file of any size takes the memory
//! of one chunk.

use std::io::{self, Read};

use crate::limits::CHUNK_BYTES;

/// Something with bytes in it: a file, a part of one, or memory.
pub trait Bytes {
    /// How many bytes there are.
    fn size(&self) -> u64;
    /// Reads from `offset` into `buf`; 0 only at the end.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;
}

impl Bytes for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let mut rest = self.get(start..).unwrap_or_default();
        rest.read(buf)
    }
}

impl Bytes for Vec<u8> {
    fn size(&self) -> u64 {
        self.as_slice().size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.as_slice().read_at(offset, buf)
    }
}

/// An opened file.
#[derive(Debug)]
pub struct FileBytes {
    file: std::fs::File,
    size: u64,
}

impl FileBytes {
    /// Takes an opened file; its size is what it is now.
    pub fn new(file: std::fs::File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl Bytes for FileBytes {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, buf, offset)
    }
}

/// A part of something; what lies outside is not there.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    whole: &'a dyn Bytes,
    start: u64,
    size: u64,
}

impl<'a> Part<'a> {
    /// `size` bytes from `start`, or as many as there are.
    pub fn new(whole: &'a dyn Bytes, start: u64, size: u64) -> Self {
        let start = start.min(whole.size());
        Self { whole, start, size: size.min(whole.size() - start) }
    }
}

impl Bytes for Part<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.size.saturating_sub(offset);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        match buf.get_mut(..wanted) {
            Some(buf) if wanted > 0 => self.whole.read_at(self.start.saturating_add(offset), buf),
            _ => Ok(0),
        }
    }
}

/// Reads up to `max` bytes from `offset`; fewer come only at the end.
pub fn read_up_to(bytes: &dyn Bytes, offset: u64, max: usize) -> io::Result<Vec<u8>> {
    let there = usize::try_from(bytes.size().saturating_sub(offset)).unwrap_or(usize::MAX);
    let mut out = vec![0; max.min(there)];
    let mut filled = 0;
    while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match bytes.read_at(offset + filled as u64, rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    out.truncate(filled);
    Ok(out)
}

/// A stream that can leave bytes out.
pub trait Source: Read {
    /// Leaves out up to `count` bytes; says how many there were.
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        io::copy(&mut self.take(count), &mut io::sink())
    }
}

/// Reads [`Bytes`] from front to back.
pub struct Walk<'a> {
    bytes: &'a dyn Bytes,
    at: u64,
}

impl<'a> Walk<'a> {
    /// From `offset` on.
    pub fn new(bytes: &'a dyn Bytes, offset: u64) -> Self {
        Self { bytes, at: offset }
    }
}

impl Read for Walk<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read_at(self.at, buf)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Source for Walk<'_> {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let there = self.bytes.size().saturating_sub(self.at).min(count);
        self.at += there;
        Ok(there)
    }
}

/// A stream of decompressed bytes.
pub struct Unseekable<R>(pub R);

impl<R: Read> Read for Unseekable<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl<R: Read> Source for Unseekable<R> {}

/// A buffered stream with the few reads that binary formats need. Every method gives `None` at the
/// end or on an error of the stream.
pub struct Feed<'a> {
    source: Box<dyn Source + 'a>,
    buf: Vec<u8>,
    at: usize,
    filled: usize,
    /// Where the buffer begins in the stream.
    base: u64,
    error: Option<io::Error>,
}

impl<'a> Feed<'a> {
    /// A feed from a stream.
    pub fn new(source: Box<dyn Source + 'a>) -> Self {
        Self { source, buf: Vec::new(), at: 0, filled: 0, base: 0, error: None }
    }

    /// A feed from the beginning of bytes.
    pub fn of(bytes: &'a dyn Bytes) -> Self {
        Self::new(Box::new(Walk::new(bytes, 0)))
    }

    /// The offset of the next byte.
    pub fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// The error that ended the stream, if it was one.
    pub fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// Makes at least `count` bytes ready, if there are as many; gives what is ready.
    pub fn peek(&mut self, count: usize) -> &[u8] {
        if self.filled - self.at < count {
            self.fill(count);
        }
        self.buf.get(self.at..self.filled).unwrap_or_default()
    }

    fn fill(&mut self, count: usize) {
        let wanted = count.max(CHUNK_BYTES.min(64 << 10));
        self.buf.copy_within(self.at..self.filled, 0);
        self.base += self.at as u64;
        self.filled -= self.at;
        self.at = 0;
        if self.buf.len() < wanted {
            self.buf.resize(wanted, 0);
        }
        while self.filled < count && self.error.is_none() {
            let Some(room) = self.buf.get_mut(self.filled..) else { return };
            match self.source.read(room) {
                Ok(0) => return,
                Ok(read) => self.filled = (self.filled + read).min(self.buf.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.error = Some(error),
            }
        }
    }

    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        if self.at == self.filled {
            self.fill(1);
        }
        let byte = *self.buf.get(..self.filled)?.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let array = *self.peek(N).first_chunk::<N>()?;
        self.at += N;
        Some(array)
    }

    /// The next `count` bytes, of which no more than [`CHUNK_BYTES`] should be asked for at once.
    pub fn slice(&mut self, count: usize) -> Option<&[u8]> {
        if self.peek(count).len() < count {
            return None;
        }
        let start = self.at;
        self.at += count;
        self.buf.get(start..self.at)
    }

    /// Leaves out `count` bytes; `None` if there were fewer.
    pub fn skip(&mut self, count: u64) -> Option<()> {
        let ready = (self.filled - self.at) as u64;
        if count <= ready {
            self.at += usize::try_from(count).ok()?;
            return Some(());
        }
        let rest = count - ready;
        self.base += self.filled as u64;
        (self.at, self.filled) = (0, 0);
        let skipped = match self.source.skip(rest) {
            Ok(skipped) => skipped,
            Err(error) => {
                self.error = Some(error);
                0
            }
        };
        self.base += skipped;
        (skipped == rest).then_some(())
    }

    /// The next line without its end, at most `max` bytes of it.
    pub fn line(&mut self, max: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        loop {
            let ready = self.peek(1);
            if ready.is_empty() {
                return None;
            }
            let end = ready.iter().position(|byte| *byte == b'\n');
            let piece = ready.get(..end.unwrap_or(ready.len())).unwrap_or_default();
            let room = max.saturating_sub(out.len()).min(piece.len());
            out.extend_from_slice(piece.get(..room).unwrap_or_default());
            self.at += piece.len() + usize::from(end.is_some());
            if end.is_some() {
                return Some(out);
            }
        }
    }
}

impl Read for Feed<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let ready = self.peek(1);
        let count = ready.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), ready.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count;
        match self.error.take_if(|_| count == 0) {
            Some(error) => Err(error),
            None => Ok(count),
        }
    }
}

/// Reads a little-endian integer out of a slice.
pub fn le<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let raw: [u8; N] = *bytes.get(at..)?.first_chunk()?;
    let mut wide = [0; 8];
    wide.get_mut(..N)?.copy_from_slice(&raw);
    Some(u64::from_le_bytes(wide))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_where_it_ends() {
        let whole = b"0123456789".to_vec();
        let part = Part::new(&whole, 3, 4);
        assert_eq!(read_up_to(&part, 0, 100).unwrap(), b"3456");
        assert_eq!(read_up_to(&part, 2, 1).unwrap(), b"5");
        assert_eq!(Part::new(&whole, 8, 100).size(), 2);
        assert_eq!(Part::new(&whole, 100, 100).size(), 0);
    }

    #[test]
    fn a_feed_reads_skips_and_knows_where_it_is() {
        let whole: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let mut feed = Feed::of(&whole);
        assert_eq!(feed.byte(), Some(0));
        assert_eq!(feed.array(), Some([1, 2]));
        feed.skip(150_000).unwrap();
        assert_eq!(feed.offset(), 150_003);
        assert_eq!(feed.byte(), Some(whole[150_003]));
        assert!(feed.slice(100_000).is_none());
        assert!(feed.skip(100_000).is_none());
        assert_eq!(feed.byte(), None);
    }

    #[test]
    fn a_line_is_cut_at_its_limit_and_read_to_its_end() {
        let whole = b"abcdef\nxyz".to_vec();
        let mut feed = Feed::of(&whole);
        assert_eq!(feed.line(3).unwrap(), b"abc");
        assert!(feed.line(3).is_none(), "a line needs its end");
    }

    #[test]
    fn integers_are_little_endian_and_within_bounds() {
        assert_eq!(le::<4>(&[1, 2, 0, 0, 9], 0), Some(0x201));
        assert_eq!(le::<2>(&[1, 2], 1), None);
    }
}
