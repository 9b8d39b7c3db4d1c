//! The superblock, and reading by address.

use crate::bytes::{Bytes, le, read_up_to};

/// The first bytes of every file, also behind a user block.
pub const MAGIC: &[u8] = b"\x89HDF\r\n\x1a\n";
/// The largest piece that is read at once, bytes.
const PIECE_MAX: usize = 8 << 20;

/// A file whose superblock was read.
pub struct File<'a> {
    bytes: &'a dyn Bytes,
    base: u64,
    /// The size of addresses, bytes.
    pub offset_size: usize,
    /// The size of lengths, bytes.
    pub length_size: usize,
    /// The address of the root group's object header.
    pub root: u64,
}

impl<'a> File<'a> {
    /// Looks for the superblock (II.A) at the beginning, or behind a user block.
    pub fn open(bytes: &'a dyn Bytes) -> Option<Self> {
        let mut at = 0;
        while at < bytes.size() && at <= 1 << 30 {
            if read_up_to(bytes, at, MAGIC.len()).ok()?.as_slice() == MAGIC {
                return Self::superblock(bytes, at);
            }
            at = if at == 0 { 512 } else { at * 2 };
        }
        None
    }

    fn superblock(bytes: &'a dyn Bytes, at: u64) -> Option<Self> {
        let head = read_up_to(bytes, at, 160).ok()?;
        let mut cut = Cut::new(head.get(MAGIC.len()..)?);
        let version = cut.byte()?;
        if version <= 1 {
            cut.skip(4)?;
        }
        let (offset_size, length_size) = (cut.byte()?.into(), cut.byte()?.into());
        let sane = |size| matches!(size, 2 | 4 | 8);
        if version > 3 || !sane(offset_size) || !sane(length_size) {
            return None;
        }
        cut = Cut { offset_size, length_size, ..cut };
        let base;
        let root;
        if version <= 1 {
            // Reserved, the ranks of the trees, flags.
            cut.skip(1 + 4 + 4 + if version == 1 { 4 } else { 0 })?;
            base = cut.address()?;
            cut.skip(3 * offset_size)?;
            // The root group's entry: the name, then the header.
            cut.skip(offset_size)?;
            root = cut.address()?;
        } else {
            cut.skip(1)?;
            base = cut.address()?;
            cut.skip(2 * offset_size)?;
            root = cut.address()?;
        }
        // What a library does too: the base is where the superblock was found.
        let base = if base == at { base } else { at };
        Some(Self { bytes, base, offset_size, length_size, root })
    }

    /// `len` bytes at an address, or nothing if they are not all there.
    pub fn read(&self, address: u64, len: usize) -> Option<Vec<u8>> {
        if len > PIECE_MAX {
            return None;
        }
        let at = self.base.checked_add(address)?;
        let out = read_up_to(self.bytes, at, len).ok()?;
        (out.len() == len).then_some(out)
    }

    /// Up to `len` bytes at an address.
    pub fn read_some(&self, address: u64, len: usize) -> Option<Vec<u8>> {
        let at = self.base.checked_add(address)?;
        read_up_to(self.bytes, at, len.min(PIECE_MAX)).ok()
    }

    /// Cuts bytes into fields with this file's sizes.
    pub fn cut<'b>(&self, bytes: &'b [u8]) -> Cut<'b> {
        let mut cut = Cut::new(bytes);
        cut.offset_size = self.offset_size;
        cut.length_size = self.length_size;
        cut
    }

    /// Whether an address points nowhere.
    pub fn is_nowhere(&self, address: u64) -> bool {
        address == u64::MAX >> (64 - 8 * self.offset_size)
    }
}

/// Cuts bytes into fields from front to back. Every method gives `None` at the end.
#[derive(Clone, Copy)]
pub struct Cut<'b> {
    bytes: &'b [u8],
    at: usize,
    offset_size: usize,
    length_size: usize,
}

impl<'b> Cut<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0, offset_size: 8, length_size: 8 }
    }

    /// How many bytes were cut off.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let out = self.bytes.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(out)
    }

    /// What is left.
    pub fn rest(&self) -> &'b [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Leaves bytes out.
    pub fn skip(&mut self, len: usize) -> Option<()> {
        self.take(len).map(|_| ())
    }

    /// Leaves bytes out up to a multiple of eight from where the fields began.
    pub fn align(&mut self, from: usize) -> Option<()> {
        self.skip((8 - (self.at - from) % 8) % 8)
    }

    /// A number of up to eight bytes.
    pub fn number(&mut self, len: usize) -> Option<u64> {
        let mut whole = [0; 8];
        whole.get_mut(..len)?.copy_from_slice(self.take(len)?);
        Some(u64::from_le_bytes(whole))
    }

    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// Two bytes.
    pub fn short(&mut self) -> Option<u16> {
        u16::try_from(self.number(2)?).ok()
    }

    /// A number of up to eight bytes as a size in memory.
    pub fn size(&mut self, len: usize) -> Option<usize> {
        usize::try_from(self.number(len)?).ok()
    }

    /// An address.
    pub fn address(&mut self) -> Option<u64> {
        self.number(self.offset_size)
    }

    /// A length.
    pub fn length(&mut self) -> Option<u64> {
        self.number(self.length_size)
    }

    /// A text up to its NUL.
    pub fn text(&mut self) -> Option<String> {
        let rest = self.rest();
        let end = rest.iter().position(|byte| *byte == 0)?;
        let text = String::from_utf8_lossy(rest.get(..end)?).into_owned();
        self.skip(end + 1)?;
        Some(text)
    }
}

/// A little-endian number of four bytes in the middle of bytes.
pub fn word(bytes: &[u8], at: usize) -> Option<u64> {
    le::<4>(bytes, at)
}
