//! The central directory: found from the end record, moved by what stands before the archive.

use super::record::widen;
use super::{CENTRAL, Directory, END, END_64, Entry};
use crate::bytes::{Bytes, le, read_up_to};
use crate::limits::MEMBERS_MAX;

/// Whether the last bytes of something hold an end record.
pub fn has_end_record(tail: &[u8]) -> bool {
    end_record(tail).is_some()
}

fn end_record(tail: &[u8]) -> Option<usize> {
    memchr::memmem::rfind_iter(tail, END).find(|at| {
        // The comment that it announces must fit.
        le::<2>(tail, at + 20)
            .is_some_and(|comment| (*at as u64) + 22 + comment <= tail.len() as u64)
            && le::<2>(tail, at + 4).is_some_and(|disk| disk == 0 || disk == 0xffff)
    })
}

/// The members that the central directory lists.
pub(super) fn central(bytes: &dyn Bytes, directory: &mut Directory) -> Vec<Entry> {
    const REACH: usize = (64 << 10) + 22;
    let size = bytes.size();
    let from = size.saturating_sub(REACH as u64);
    let tail = read_up_to(bytes, from, REACH).unwrap_or_default();
    let Some(at) = end_record(&tail) else {
        directory.odd.push(("zip.no_end", "it has no end record".to_owned()));
        return Vec::new();
    };
    let end_at = from + at as u64;
    let field = |offset| le::<4>(&tail, at + offset).unwrap_or(0);
    let (mut length, mut start) = (field(12), field(16));
    let mut count = le::<2>(&tail, at + 10).unwrap_or(0);
    let mut below = end_at;
    if (start == 0xffff_ffff || count == 0xffff || length == 0xffff_ffff)
        && let Some((count_64, length_64, start_64, at_64)) = end_64(bytes, &tail, at)
    {
        (count, length, start, below) = (count_64, length_64, start_64, at_64);
    }
    // Bytes before the archive move everything: the directory ends where the end record begins.
    let real = below.checked_sub(length).unwrap_or(start);
    let shift = real.saturating_sub(start);
    let mut entries = parse_central(bytes, start + shift, length, shift, count);
    if entries.is_empty() && shift != 0 {
        entries = parse_central(bytes, start, length, 0, count);
    }
    if shift != 0 && !entries.is_empty() {
        let text = format!("{shift} bytes stand before the archive");
        directory.odd.push(("zip.prefix", text));
    }
    if (entries.len() as u64) < count.min(MEMBERS_MAX as u64) {
        let text = format!("{count} members announced, {} in the directory", entries.len());
        directory.odd.push(("zip.broken_directory", text));
    }
    directory.more |= count > MEMBERS_MAX as u64;
    entries
}

/// Members, bytes and start of the directory, and where the zip64 end record stands.
fn end_64(bytes: &dyn Bytes, tail: &[u8], at: usize) -> Option<(u64, u64, u64, u64)> {
    let locator = tail.get(at.checked_sub(20)?..at)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return None;
    }
    let at_64 = le::<8>(locator, 8)?;
    let record = read_up_to(bytes, at_64, 56).ok()?;
    if !record.starts_with(END_64) {
        return None;
    }
    Some((le::<8>(&record, 32)?, le::<8>(&record, 40)?, le::<8>(&record, 48)?, at_64))
}

fn parse_central(bytes: &dyn Bytes, start: u64, length: u64, shift: u64, count: u64) -> Vec<Entry> {
    let length = length.min(bytes.size().saturating_sub(start)).min(32 << 20);
    let raw = read_up_to(bytes, start, usize::try_from(length).unwrap_or(0)).unwrap_or_default();
    let mut entries = Vec::new();
    let mut at = 0;
    while entries.len() <= MEMBERS_MAX && (entries.len() as u64) < count.max(1) + 16 {
        let Some(record) = raw.get(at..).filter(|record| record.starts_with(CENTRAL)) else {
            break;
        };
        let Some((entry, used)) = central_entry(record, shift) else { break };
        entries.push(entry);
        at += used;
    }
    entries
}

fn central_entry(record: &[u8], shift: u64) -> Option<(Entry, usize)> {
    let short = |at| le::<2>(record, at);
    let name_len = usize::try_from(short(28)?).ok()?;
    let extra_len = usize::try_from(short(30)?).ok()?;
    let comment_len = usize::try_from(short(32)?).ok()?;
    let name = record.get(46..46 + name_len)?;
    let extra = record.get(46 + name_len..46 + name_len + extra_len).unwrap_or_default();
    let mut entry = Entry {
        name: String::from_utf8_lossy(name).into_owned(),
        method: u16::try_from(short(10)?).ok()?,
        flags: u16::try_from(short(8)?).ok()?,
        crc: u32::try_from(le::<4>(record, 16)?).ok()?,
        packed: le::<4>(record, 20)?,
        size: le::<4>(record, 24)?,
        header: le::<4>(record, 42)?,
        start: 0,
        mode: u32::try_from(le::<4>(record, 38)? >> 16).ok()?,
    };
    widen(extra, &mut entry, true);
    entry.header = entry.header.saturating_add(shift);
    Some((entry, 46 + name_len + extra_len + comment_len))
}
