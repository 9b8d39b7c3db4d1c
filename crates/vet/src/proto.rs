//! The wire format of Protocol Buffers: fields by number, without a schema.

use crate::bytes::{Bytes, Feed, Part};
use crate::limits::{NESTING_MAX, PROTO_FIELDS_MAX};

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1 or 5.
    Fixed(u64),
    /// Wire type 2: bytes, a text or a message.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The bytes, if it is of wire type 2.
    pub const fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn text(self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// The number, if it is one.
    pub const fn number(self) -> Option<u64> {
        match self {
            Self::Varint(number) | Self::Fixed(number) => Some(number),
            Self::Bytes(_) => None,
        }
    }
}

/// The fields of a message, in their order, as far as they can be read.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
    left: usize,
    /// Whether the message ended where a field ended.
    pub broken: bool,
}

/// The fields of a message.
pub const fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message, left: PROTO_FIELDS_MAX, broken: false }
}

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn field(&mut self) -> Option<(u32, Value<'a>)> {
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number != 0)?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                let (fixed, rest) = self.rest.split_first_chunk::<8>()?;
                self.rest = rest;
                Value::Fixed(u64::from_le_bytes(*fixed))
            }
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                Value::Bytes(bytes)
            }
            5 => {
                let (fixed, rest) = self.rest.split_first_chunk::<4>()?;
                self.rest = rest;
                Value::Fixed(u64::from(u32::from_le_bytes(*fixed)))
            }
            _ => return None,
        };
        Some((number, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() || self.left == 0 {
            return None;
        }
        self.left -= 1;
        let field = self.field();
        if field.is_none() {
            self.broken = true;
            self.rest = &[];
        }
        field
    }
}

/// The first field with this number.
pub fn get(message: &[u8], number: u32) -> Option<Value<'_>> {
    fields(message).find(|(found, _)| *found == number).map(|(_, value)| value)
}

/// A field of a message that lies in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// A number.
    Number(u64),
    /// Bytes: where they begin and how many there are.
    Range(u64, u64),
}

/// Walks over the top fields of a message that may be too long to be held; bytes are passed over.
/// Gives whether the message ended where a field ended.
pub fn walk_file(
    bytes: &dyn Bytes,
    start: u64,
    size: u64,
    visit: &mut dyn FnMut(u32, Placed),
) -> bool {
    let part = Part::new(bytes, start, size);
    let mut feed = Feed::of(&part);
    for _ in 0..PROTO_FIELDS_MAX {
        if feed.peek(1).is_empty() {
            return true;
        }
        let Some((number, value)) = placed(&mut feed, start) else { return false };
        visit(number, value);
    }
    false
}

fn placed(feed: &mut Feed<'_>, start: u64) -> Option<(u32, Placed)> {
    let key = varint(feed)?;
    let number = u32::try_from(key >> 3).ok().filter(|number| *number != 0)?;
    let value = match key & 7 {
        0 => Placed::Number(varint(feed)?),
        1 => Placed::Number(u64::from_le_bytes(feed.array()?)),
        5 => Placed::Number(u64::from(u32::from_le_bytes(feed.array()?))),
        2 => {
            let length = varint(feed)?;
            let at = start.checked_add(feed.offset())?;
            feed.skip(length)?;
            Placed::Range(at, length)
        }
        _ => return None,
    };
    Some((number, value))
}

fn varint(feed: &mut Feed<'_>) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = feed.byte()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Every text in a message and in the messages inside it, with the numbers of the fields that lead
/// to it. A text that is also a message is both.
pub fn texts<'a>(message: &'a [u8], visit: &mut dyn FnMut(&[u32], &'a str)) {
    let mut path = Vec::new();
    walk(message, &mut path, visit);
}

fn walk<'a>(message: &'a [u8], path: &mut Vec<u32>, visit: &mut dyn FnMut(&[u32], &'a str)) {
    if path.len() > NESTING_MAX {
        return;
    }
    for (number, value) in fields(message) {
        let Value::Bytes(bytes) = value else { continue };
        path.push(number);
        if let Ok(text) = std::str::from_utf8(bytes)
            && !text.is_empty()
            && !text.chars().any(|c| c.is_control() && !c.is_whitespace())
        {
            visit(path, text);
        }
        if bytes.len() >= 2 && is_message(bytes) {
            walk(bytes, path, visit);
        }
        path.pop();
    }
}

/// Whether bytes read as a message to their end.
pub fn is_message(bytes: &[u8]) -> bool {
    let mut fields = fields(bytes);
    let mut count = 0;
    for (number, _) in fields.by_ref() {
        count += 1;
        if number > 100_000 || count > 10_000 {
            break;
        }
    }
    count > 0 && !fields.broken && fields.rest.is_empty()
}

/// The top fields of a message of which only the beginning is at hand: numbers and wire types. The
/// last one may be cut; `None` if it is no message.
pub fn shape(head: &[u8], size: u64) -> Option<Vec<(u32, u64)>> {
    let mut walk = Fields { rest: head, left: 64, broken: false };
    let mut out = Vec::new();
    let mut behind = 0_u64;
    while !walk.rest.is_empty() && behind == 0 && out.len() < 64 {
        let Some(key) = walk.varint() else {
            // Cut within a key: what was read before it counts.
            return ((head.len() as u64) < size && !out.is_empty()).then_some(out);
        };
        let number = u32::try_from(key >> 3).ok().filter(|number| *number != 0)?;
        out.push((number, key & 7));
        match key & 7 {
            0 => drop(walk.varint()?),
            1 | 5 => {
                let width = if key & 7 == 1 { 8 } else { 4 };
                walk.rest = walk.rest.get(width..)?;
            }
            2 => {
                let length = walk.varint()?;
                let here = walk.rest.len() as u64;
                if length > here {
                    behind = length - here;
                    // A stated length may be any number up to the largest.
                    if behind > size.saturating_sub(head.len() as u64) {
                        return None;
                    }
                } else {
                    walk.rest = walk.rest.get(usize::try_from(length).ok()?..)?;
                }
            }
            _ => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One field of wire type 2.
    pub(crate) fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = bytes.len();
        while length >= 0x80 {
            out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        out.push(u8::try_from(length).unwrap());
        out.extend(bytes);
        out
    }

    #[test]
    fn fields_are_read_without_a_schema() {
        let message = [vec![0x08, 0x96, 0x01], field(2, b"testing")].concat();
        let read: Vec<_> = fields(&message).collect();
        assert_eq!(read, [(1, Value::Varint(150)), (2, Value::Bytes(b"testing"))]);
        assert!(is_message(&message) && !is_message(b"\xff\xff"));
    }

    #[test]
    fn what_is_cut_is_broken() {
        let mut walk = fields(&[0x12, 0x07, b't']);
        assert!(walk.next().is_none() && walk.broken);
    }

    #[test]
    fn the_shape_is_told_from_the_beginning_alone() {
        let message = [vec![0x08, 0x07], field(7, &[0; 1_000])].concat();
        assert_eq!(shape(&message[..100], message.len() as u64), Some(vec![(1, 0), (7, 2)]));
        assert_eq!(shape(&message[..100], 200), None);
        let endless = [&[0x3a][..], &[0xff; 9], &[0x01, b'x']].concat();
        assert_eq!(shape(&endless, 12), None, "a length of 2^64 - 1 bytes");
    }
}
