//! The opcodes that carry a value of their own: numbers, texts and bytes. What a text or bytes
//! hide is looked for here.

use super::Machine;
use crate::bytes::Feed;
use crate::limits::{HELD_BYTES_MAX, PICKLE_STRING_MAX};
use crate::pickle::value::Value;
use crate::pickle::{calls, looks_like_pickle, looks_like_program};

impl Machine<'_> {
    /// A number or a truth value.
    pub(super) fn number(&mut self, opcode: u8, feed: &mut Feed<'_>) -> Option<()> {
        let value = match opcode {
            b'K' => Value::int(i64::from(feed.byte()?)),
            b'M' => Value::int(i64::from(u16::from_le_bytes(feed.array()?))),
            b'J' => Value::int(i64::from(i32::from_le_bytes(feed.array()?))),
            b'G' => {
                feed.skip(8)?;
                Value::NUMBER
            }
            0x8a => {
                let count = usize::from(feed.byte()?);
                let bytes = feed.slice(count)?;
                let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
                let mut wide = if negative { [0xff; 8] } else { [0; 8] };
                match wide.get_mut(..count) {
                    Some(slot) => {
                        slot.copy_from_slice(bytes);
                        Value::int(i64::from_le_bytes(wide))
                    }
                    None => Value::NUMBER,
                }
            }
            0x8b => {
                let count = u32::from_le_bytes(feed.array()?);
                feed.skip(u64::from(count))?;
                Value::NUMBER
            }
            _ => {
                let line = feed.line(64)?;
                let text = String::from_utf8_lossy(&line);
                match text.trim_end_matches('L').trim().parse::<i64>() {
                    Ok(_) if opcode == b'I' && text == "00" => Value::FALSE,
                    Ok(_) if opcode == b'I' && text == "01" => Value::TRUE,
                    Ok(int) => Value::int(int),
                    Err(_) => Value::NUMBER,
                }
            }
        };
        self.push(value);
        Some(())
    }

    /// A text.
    pub(super) fn string(&mut self, opcode: u8, feed: &mut Feed<'_>) -> Option<()> {
        if matches!(opcode, b'S' | b'V') {
            let line = feed.line(PICKLE_STRING_MAX)?;
            let text = String::from_utf8_lossy(&line);
            let text = if opcode == b'S' { unquote(text.trim()) } else { calls::unescape(&text) };
            self.look_at_text(&text);
            let value = self.store.text(&text);
            self.push(value);
            return Some(());
        }
        let length = Self::length(opcode, feed)?;
        match usize::try_from(length) {
            Ok(short) if short <= PICKLE_STRING_MAX => {
                let bytes = feed.slice(short)?;
                let text = String::from_utf8_lossy(bytes).into_owned();
                // Python 2 wrote bytes as strings.
                if matches!(opcode, b'U' | b'T') && looks_like_pickle(bytes) && short > 4 {
                    let copy = bytes.to_vec();
                    self.nested(&copy);
                }
                self.look_at_text(&text);
                let value = self.store.text(&text);
                self.push(value);
            }
            _ => {
                self.long(length, feed)?;
                self.push(Value::TEXT);
            }
        }
        Some(())
    }

    /// Bytes.
    pub(super) fn blob(&mut self, opcode: u8, feed: &mut Feed<'_>) -> Option<()> {
        let length = Self::length(opcode, feed)?;
        match usize::try_from(length) {
            Ok(short) if short <= PICKLE_STRING_MAX => {
                let bytes = feed.slice(short)?.to_vec();
                self.look_at_bytes(&bytes);
                let value = self.store.bytes(&bytes);
                self.push(value);
            }
            _ => {
                self.long(length, feed)?;
                self.push(Value::BYTES);
            }
        }
        Some(())
    }

    fn length(opcode: u8, feed: &mut Feed<'_>) -> Option<u64> {
        Some(match opcode {
            b'U' | b'C' | 0x8c => u64::from(feed.byte()?),
            b'T' | b'X' | b'B' => u64::from(u32::from_le_bytes(feed.array()?)),
            _ => u64::from_le_bytes(feed.array()?),
        })
    }

    /// A long text or blob: looked at where it begins like something that can be run.
    fn long(&mut self, length: u64, feed: &mut Feed<'_>) -> Option<()> {
        let head = feed.peek(4096);
        let encoded = calls::may_be_encoded(head);
        if looks_like_pickle(head) || looks_like_program(head).is_some() || encoded {
            let held = usize::try_from(length).unwrap_or(usize::MAX).min(HELD_BYTES_MAX);
            let mut copy = Vec::new();
            while copy.len() < held {
                let ready = feed.peek(1).len().min(held - copy.len());
                if ready == 0 {
                    return None;
                }
                copy.extend_from_slice(feed.slice(ready)?);
            }
            if encoded {
                self.look_at_text(&String::from_utf8_lossy(&copy));
            } else {
                self.look_at_bytes(&copy);
            }
            return feed.skip(length - copy.len() as u64);
        }
        feed.skip(length)
    }
}

/// A Python string literal without its quotes.
fn unquote(text: &str) -> String {
    let inner = text
        .strip_prefix(['\'', '"'])
        .and_then(|rest| rest.strip_suffix(['\'', '"']))
        .unwrap_or(text);
    calls::unescape(inner)
}
