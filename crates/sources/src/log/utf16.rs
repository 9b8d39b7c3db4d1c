//! Text in UTF-16, as PowerShell's `>` and the event viewer write it, read as UTF-8.

use std::io::{self, Read};

/// The order of the two bytes of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    LowFirst,
    HighFirst,
}

impl Order {
    /// The order that a byte order mark tells; `None` if the text begins with none.
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0xff, 0xfe, ..] => Some(Self::LowFirst),
            [0xfe, 0xff, ..] => Some(Self::HighFirst),
            _ => None,
        }
    }
}

/// Reads UTF-16 as UTF-8. Halves of pairs that stand alone become U+FFFD.
pub(crate) struct Utf16<R> {
    inner: R,
    order: Order,
    /// A byte, or a first half of a pair, that waits for what follows.
    byte: Option<u8>,
    half: Option<u16>,
    out: Vec<u8>,
    taken: usize,
}

impl<R: Read> Utf16<R> {
    pub fn new(inner: R, order: Order) -> Self {
        Self { inner, order, byte: None, half: None, out: Vec::new(), taken: 0 }
    }

    /// Decodes some more; `false` at the end.
    fn refill(&mut self) -> io::Result<bool> {
        let mut bytes = [0; 8 << 10];
        let count = self.inner.read(&mut bytes)?;
        self.out.clear();
        self.taken = 0;
        for byte in bytes.iter().take(count) {
            if let Some(first) = self.byte.take() {
                self.unit(match self.order {
                    Order::LowFirst => u16::from_le_bytes([first, *byte]),
                    Order::HighFirst => u16::from_be_bytes([first, *byte]),
                });
            } else {
                self.byte = Some(*byte);
            }
        }
        if count == 0 && (self.half.take().is_some() || self.byte.take().is_some()) {
            self.push(char::REPLACEMENT_CHARACTER);
        }
        Ok(count > 0 || !self.out.is_empty())
    }

    fn unit(&mut self, unit: u16) {
        match (self.half.take(), char::from_u32(u32::from(unit))) {
            (None, Some(character)) => self.push(character),
            (None, None) if (0xd800..0xdc00).contains(&unit) => self.half = Some(unit),
            (half, _) => {
                for decoded in char::decode_utf16(half.into_iter().chain([unit])) {
                    self.push(decoded.unwrap_or(char::REPLACEMENT_CHARACTER));
                }
            }
        }
    }

    fn push(&mut self, character: char) {
        let mut buffer = [0; 4];
        self.out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.out.len() {
            if !self.refill()? {
                return Ok(0);
            }
        }
        let mut rest = self.out.get(self.taken..).unwrap_or_default();
        let count = rest.read(buf)?;
        self.taken += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(units: &[u16], order: Order, more: &[u8]) -> String {
        let bytes = |unit: &u16| match order {
            Order::LowFirst => unit.to_le_bytes(),
            Order::HighFirst => unit.to_be_bytes(),
        };
        let mut bytes: Vec<u8> = units.iter().flat_map(bytes).collect();
        bytes.extend(more);
        let mut text = String::new();
        // Reads of three bytes, so that units and pairs are torn.
        let mut torn = io::BufReader::with_capacity(3, bytes.as_slice());
        Utf16::new(&mut torn, order).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn both_orders_pairs_and_what_is_broken_are_read() {
        let units: Vec<u16> = "a\u{e9}\u{1f980}\n".encode_utf16().collect();
        for order in [Order::LowFirst, Order::HighFirst] {
            assert_eq!(decoded(&units, order, b""), "a\u{e9}\u{1f980}\n");
            assert_eq!(decoded(&[0xd800, 0x61], order, b""), "\u{fffd}a");
            assert_eq!(decoded(&[0x61, 0xd800], order, b""), "a\u{fffd}");
            assert_eq!(decoded(&[0x61], order, b"x"), "a\u{fffd}");
        }
    }
}
