//! Tells a pickle from what is none, by its opcodes.

use super::value::may_be_name;

/// Whether bytes begin with a PROTO opcode of a protocol that exists and an opcode that may follow.
pub fn begins_with_protocol(bytes: &[u8]) -> bool {
    match bytes {
        [0x80, 0..=5, next, ..] => is_opcode(*next) && !matches!(next, b'R' | b'b' | b'a' | b's'),
        _ => false,
    }
}

/// Whether bytes look like a pickle: a PROTO opcode, or opcodes of the older protocols that make
/// sense one after the other.
pub fn looks_like_pickle(bytes: &[u8]) -> bool {
    if begins_with_protocol(bytes) {
        return true;
    }
    match bytes.first() {
        // Text opcodes of protocols 0 and 1, where a pickle may begin.
        Some(
            b'(' | b'c' | b']' | b'}' | b')' | b'l' | b'd' | b'I' | b'F' | b'S' | b'V' | b'L'
            | b'K' | b'J' | b'M' | b'X' | b'U' | b'T' | b'G' | b'N' | b'\x8c' | b'C' | b'B'
            | b'\x88' | b'\x89' | b'\x8f' | b'\x95',
        ) => Old::default().makes_sense(bytes),
        _ => false,
    }
}

/// Whether bytes begin like a program for a machine or a shell.
pub fn looks_like_program(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x7f, b'E', b'L', b'F', 1 | 2, 1 | 2, 1, ..] => Some("ELF"),
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
        | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
        | [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1..=20, ..] => Some("Mach-O"),
        [0xca, 0xfe, 0xba, 0xbe, 0, _, 0, 40..=80, ..] => Some("Java class"),
        [b'M', b'Z', ..] => is_pe(bytes).then_some("PE"),
        [b'#', b'!', rest @ ..] => {
            let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let line = line.trim_ascii_start();
            (line.starts_with(b"/") && line.is_ascii()).then_some("script")
        }
        _ => None,
    }
}

fn is_pe(bytes: &[u8]) -> bool {
    let at = crate::bytes::le::<4>(bytes, 0x3c).and_then(|at| usize::try_from(at).ok());
    at.is_some_and(|at| bytes.get(at..).is_some_and(|rest| rest.starts_with(b"PE\0\0")))
}

fn is_opcode(byte: u8) -> bool {
    length_of(byte).is_some()
}

/// What follows an opcode.
#[derive(Clone, Copy)]
enum Follows {
    Nothing,
    Fixed(usize),
    Line,
    TwoLines,
    Counted(usize),
}

fn length_of(byte: u8) -> Option<Follows> {
    Some(match byte {
        b'('
        | b'.'
        | b'0'
        | b'1'
        | b'2'
        | b'N'
        | b'R'
        | b'Q'
        | b'a'
        | b'b'
        | b'd'
        | b'e'
        | b'l'
        | b'o'
        | b's'
        | b't'
        | b'u'
        | b')'
        | b']'
        | b'}'
        | 0x81
        | 0x85..=0x89
        | 0x8f..=0x94
        | 0x97
        | 0x98 => Follows::Nothing,
        b'K' | b'h' | b'q' | 0x80 | 0x82 => Follows::Fixed(1),
        b'M' | 0x83 => Follows::Fixed(2),
        b'J' | b'j' | b'r' | 0x84 => Follows::Fixed(4),
        b'G' | 0x95 => Follows::Fixed(8),
        b'F' | b'I' | b'L' | b'S' | b'V' | b'P' | b'g' | b'p' => Follows::Line,
        b'c' | b'i' => Follows::TwoLines,
        b'U' | b'C' | 0x8c | 0x8a => Follows::Counted(1),
        b'T' | b'X' | b'B' | 0x8b => Follows::Counted(4),
        0x8d | 0x8e | 0x96 => Follows::Counted(8),
        _ => return None,
    })
}

/// Walks over opcodes of a pickle without a PROTO opcode, counting what lies on the stack.
#[derive(Default)]
struct Old {
    depth: i64,
    marks: Vec<i64>,
    named: bool,
    opcodes: u32,
}

impl Old {
    /// It makes sense if it comes to a STOP with something on the stack, or to the end of what is
    /// seen, without an opcode that does not exist or that lacks its operands.
    fn makes_sense(mut self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        while let Some((opcode, after)) = rest.split_first() {
            let Some(follows) = length_of(*opcode) else { return self.named };
            let Some((argument, next)) = split(follows, after) else {
                // The text goes on past what is seen, or is cut short.
                let begins = match opcode {
                    b'S' => matches!(after.first(), None | Some(b'\'' | b'"')),
                    b'I' | b'L' | b'F' | b'g' | b'p' => {
                        after.first().is_none_or(|byte| byte.is_ascii_digit() || *byte == b'-')
                    }
                    _ => true,
                };
                return begins && (self.named || self.opcodes > 8 && self.fits(*opcode, after));
            };
            if !self.fits(*opcode, argument) {
                return self.named && self.opcodes > 2;
            }
            self.opcodes += 1;
            if *opcode == b'.' {
                return self.depth >= 1;
            }
            rest = next;
        }
        self.named || self.opcodes > 8
    }

    fn fits(&mut self, opcode: u8, argument: &[u8]) -> bool {
        let text = std::str::from_utf8(argument).unwrap_or("\u{1}");
        match opcode {
            b'c' | b'i' => {
                let mut lines = text.split('\n');
                let name = |line: Option<&str>| line.is_some_and(may_be_name);
                if !name(lines.next()) || !name(lines.next()) {
                    return false;
                }
                self.named = true;
            }
            b'I' | b'g' | b'p' if text.trim_end().parse::<i64>().is_err() => return false,
            b'L' if text.trim_end().trim_end_matches('L').parse::<i64>().is_err()
                && text.len() < 18 =>
            {
                return false;
            }
            b'F' if text.trim_end().parse::<f64>().is_err() => return false,
            b'S' if !text.starts_with(['\'', '"']) => return false,
            _ => {}
        }
        match opcode {
            b'(' => self.marks.push(self.depth),
            b't' | b'l' | b'd' | b'i' | b'o' | b'e' | b'u' | b'1' | 0x90 | 0x91 => {
                let Some(mark) = self.marks.pop() else { return false };
                let made = matches!(opcode, b't' | b'l' | b'd' | b'i' | b'o' | 0x91);
                self.depth = mark + i64::from(made);
            }
            b'0' | b'a' | b'b' | b'R' | 0x81 | 0x86 | 0x93 => self.depth -= 1,
            b's' | 0x87 | 0x92 => self.depth -= 2,
            b'.' | b'p' | b'q' | b'r' | b'Q' | 0x80 | 0x85 | 0x94 | 0x95 | 0x98 => {}
            _ => self.depth += 1,
        }
        self.depth >= 0 && self.marks.len() < 1_000
    }
}

fn split(follows: Follows, rest: &[u8]) -> Option<(&[u8], &[u8])> {
    match follows {
        Follows::Nothing => Some((&[], rest)),
        Follows::Fixed(size) => rest.split_at_checked(size),
        Follows::Line => line(rest),
        Follows::TwoLines => {
            let (first, after) = line(rest)?;
            let (second, after) = line(after)?;
            let both = rest.get(..first.len() + 1 + second.len())?;
            Some((both, after))
        }
        Follows::Counted(size) => {
            let (count, after) = rest.split_at_checked(size)?;
            let count = count.iter().rev().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
            after.split_at_checked(usize::try_from(count).ok()?)
        }
    }
}

fn line(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', rest)?;
    Some((rest.get(..end)?, rest.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pickles_of_every_protocol_are_told() {
        for pickle in [
            b"(lp0\nI1\naI2\na.".as_slice(),
            b"cos\nsystem\n(S'id'\ntR.",
            b"]q\x00(K\x01K\x02e.",
            b"\x80\x02]q\x00.",
            b"\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00].",
            b"(cpty\nspawn\n",
        ] {
            assert!(looks_like_pickle(pickle), "{:?}", String::from_utf8_lossy(pickle));
        }
    }

    #[test]
    fn texts_are_no_pickles() {
        for text in [
            "class Foo:\n    pass\n",
            "import os\nprint(1)\n",
            "cat\ndog\nelephant\n",
            "(this is a remark)\n",
            "Vocabulary\nof words\n",
            "{\"a\": 1}",
            "Just a text. And more.",
            "]",
            "I",
        ] {
            assert!(!looks_like_pickle(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn programs_are_told() {
        assert_eq!(looks_like_program(b"\x7fELF\x02\x01\x01\0"), Some("ELF"));
        assert_eq!(looks_like_program(b"#!/bin/sh\nid\n"), Some("script"));
        assert_eq!(looks_like_program(b"MZ only two letters"), None);
    }
}
