//! MessagePack: Flax' checkpoints, spaCy's tables, and other data.
//!
//! Nothing in it runs by itself. Reported are keys that only serialised Python objects have, and
//! commands, code, pickles and programs in its texts and bytes.

use crate::bytes::Feed;
use crate::fact::{Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::{NESTING_MAX, VALUES_MAX};
use crate::pickle::{looks_like_pickle, looks_like_program};
use crate::policy::text;
use crate::runs::text_runs;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "msgpack",
    title: "MessagePack",
    family: "msgpack",
    wants,
    read,
    stream: Some(stream),
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

/// How much of a blob is searched, bytes.
const BLOB_MAX: usize = 64 << 10;

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    // A map whose first key is a short text of letters, followed by something that exists.
    let head = probe.head();
    let ([0x81..=0x8f, rest @ ..] | [0xde, _, _, rest @ ..] | [0xdf, _, _, _, _, rest @ ..]) = head
    else {
        return None;
    };
    let (length, rest) = match rest {
        [byte @ 0xa1..=0xbf, rest @ ..] => (usize::from(byte & 0x1f), rest),
        [0xd9, length, rest @ ..] => (usize::from(*length), rest),
        _ => return None,
    };
    let key = rest.get(..length)?;
    let next = rest.get(length)?;
    let word = key.iter().all(|byte| (0x20..0x7f).contains(byte));
    (word && *next != 0xc1).then_some(Claim::Structure)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    stream(&mut Feed::of(item.bytes), facts);
}

fn stream(feed: &mut Feed<'_>, facts: &mut Facts) {
    let mut left = VALUES_MAX;
    if value(feed, 0, &mut left, facts).is_none() {
        if left == 0 {
            facts.unread("it holds more values than are read of one document");
        } else {
            facts.odd(feed.offset(), "header.broken", "a value is cut short or broken");
        }
    }
}

fn value(feed: &mut Feed<'_>, depth: usize, left: &mut usize, facts: &mut Facts) -> Option<()> {
    if depth > NESTING_MAX {
        return None;
    }
    *left = left.checked_sub(1)?;
    let byte = feed.byte()?;
    match byte {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => Some(()),
        0x80..=0x8f => many(feed, u64::from(byte & 15) * 2, depth, left, facts),
        0x90..=0x9f => many(feed, u64::from(byte & 15), depth, left, facts),
        0xa0..=0xbf => blob(feed, u64::from(byte & 31), facts),
        0xcc | 0xd0 => feed.skip(1),
        0xcd | 0xd1 => feed.skip(2),
        0xce | 0xd2 | 0xca => feed.skip(4),
        0xcf | 0xd3 | 0xcb => feed.skip(8),
        0xd9 | 0xc4 => {
            let length = u64::from(feed.byte()?);
            blob(feed, length, facts)
        }
        0xda | 0xc5 => {
            let length = u64::from(u16::from_be_bytes(feed.array()?));
            blob(feed, length, facts)
        }
        0xdb | 0xc6 => {
            let length = u64::from(u32::from_be_bytes(feed.array()?));
            blob(feed, length, facts)
        }
        0xc7 => extension(feed, 1),
        0xc8 => extension(feed, 2),
        0xc9 => extension(feed, 4),
        0xd4..=0xd8 => feed.skip(1 + (1 << (byte - 0xd4))),
        0xdc | 0xde => {
            let count = u64::from(u16::from_be_bytes(feed.array()?));
            many(feed, if byte == 0xde { count * 2 } else { count }, depth, left, facts)
        }
        0xdd | 0xdf => {
            let count = u64::from(u32::from_be_bytes(feed.array()?));
            many(feed, if byte == 0xdf { count * 2 } else { count }, depth, left, facts)
        }
        0xc1 => None,
    }
}

fn many(
    feed: &mut Feed<'_>,
    count: u64,
    depth: usize,
    left: &mut usize,
    facts: &mut Facts,
) -> Option<()> {
    for _ in 0..count {
        value(feed, depth + 1, left, facts)?;
    }
    Some(())
}

fn extension(feed: &mut Feed<'_>, width: usize) -> Option<()> {
    let length = feed.slice(width)?.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    feed.skip(1 + length)
}

fn blob(feed: &mut Feed<'_>, length: u64, facts: &mut Facts) -> Option<()> {
    let at = feed.offset();
    let held = usize::try_from(length).unwrap_or(BLOB_MAX).min(BLOB_MAX);
    let bytes = feed.slice(held)?.to_vec();
    if bytes.starts_with(b"__reduce") || bytes == b"__setstate__" || bytes == b"__globals__" {
        facts.odd(at, "object.in_data", String::from_utf8_lossy(&bytes));
    }
    let runs = bytes.first() == Some(&0x80) && looks_like_pickle(&bytes);
    if runs && bytes.len() > 8 || looks_like_program(&bytes).is_some() {
        facts.nested(&format!("bytes at {at}"), &bytes);
    } else if bytes.len() > 6 {
        for run in text_runs(&bytes, 7) {
            let value = String::from_utf8_lossy(run);
            if text::judge("text", &value).is_some() {
                facts.at(at, Fact::Text { key: "text".to_owned(), text: value.into_owned() });
                break;
            }
        }
    }
    feed.skip(length - held as u64)
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            b"\x81\xa6params\x91\x01".to_vec(),
            b"\x81\xa4code\xd9\x1fimport os; os.system('rm -rf /')".to_vec(),
        ]
    }

    #[test]
    fn code_and_object_keys_are_found() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.msgpack", good).verdict, Verdict::NothingFound);
        assert!(vet("m.msgpack", bad).verdict.is_flagged());
        let object = b"\x81\xaa__reduce__\x01".to_vec();
        assert!(vet("m.msgpack", &object).verdict.is_flagged());
    }
}
