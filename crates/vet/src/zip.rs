//! Zip archives as hostile files are made: the central directory and the local headers are both
//! read, and what they do not agree on is said (PKWARE APPNOTE 6.3.10).
//!
//! Library readers trust the central directory, or stop where it is broken. Loaders differ: what
//! one skips another unpacks. So the members are the union of both views.

use std::collections::BTreeMap;

use crate::bytes::{Bytes, Part, Source, Walk, le, read_up_to};
use crate::limits::MEMBERS_MAX;
use crate::unpack::Packing;

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
/// How far a gap between members is searched for local headers, bytes.
const GAP_MAX: u64 = 64 << 20;

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The number of its compression.
    pub method: u16,
    /// General purpose bits.
    pub flags: u16,
    /// CRC-32 of the content.
    pub crc: u32,
    /// Size as it lies there, bytes.
    pub packed: u64,
    /// Size unpacked, bytes, as the archive says.
    pub size: u64,
    /// Where its local header begins.
    pub header: u64,
    /// Where its content begins.
    pub start: u64,
    /// Unix mode, 0 where none is given.
    pub mode: u32,
}

impl Entry {
    /// Whether the archive says that it is encrypted.
    pub const fn says_encrypted(&self) -> bool {
        self.flags & 0x2041 != 0
    }

    /// Whether it is a symbolic link.
    pub const fn is_link(&self) -> bool {
        self.mode & 0o170_000 == 0o120_000
    }

    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.name.ends_with('/') && self.size == 0
    }

    /// The content as it lies there.
    pub fn part<'a>(&self, bytes: &'a dyn Bytes) -> Part<'a> {
        Part::new(bytes, self.start, self.packed)
    }

    /// The content unpacked; `None` for a compression that is not read.
    pub fn open<'a>(&self, bytes: &'a dyn Bytes) -> Option<Box<dyn Source + 'a>> {
        let packing = Packing::of_zip_method(self.method)?;
        packing.open(std::io::Read::take(Walk::new(bytes, self.start), self.packed)).ok()
    }
}

/// What was read of an archive.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// The members, by where they lie.
    pub entries: Vec<Entry>,
    /// What is not as it should be: a stable id and what exactly.
    pub odd: Vec<(&'static str, String)>,
    /// Whether there were more members than are read.
    pub more: bool,
}

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

/// The names of an archive's members.
pub fn names(bytes: &dyn Bytes) -> Vec<String> {
    read(bytes).entries.into_iter().map(|entry| entry.name).collect()
}

/// Reads both views of an archive.
pub fn read(bytes: &dyn Bytes) -> Directory {
    let mut directory = Directory::default();
    let mut central = central(bytes, &mut directory);
    let mut entries: Vec<Entry> = Vec::new();
    // What the central directory says, set beside the local header that it points to.
    for entry in &mut central {
        let local = local(bytes, entry.header);
        match &local {
            Some(local) => {
                entry.start = local.start;
                compare(entry, local, &mut directory.odd);
            }
            None => {
                let text = format!("`{}` points to no local header", entry.name);
                directory.odd.push(("zip.no_local_header", text));
                continue;
            }
        }
        entries.push(entry.clone());
        if let Some(local) = local.filter(|local| differs(entry, local)) {
            entries.push(local);
        }
    }
    walk_locals(bytes, &mut entries, central.is_empty(), &mut directory);
    entries.sort_by_key(|entry| entry.header);
    entries.dedup();
    directory.more |= entries.len() > MEMBERS_MAX;
    entries.truncate(MEMBERS_MAX);
    directory.entries = entries;
    directory.odd.truncate(32);
    directory
}

fn differs(central: &Entry, local: &Entry) -> bool {
    let sizes_known = local.flags & 8 == 0 && local.packed != 0;
    central.method != local.method || (sizes_known && central.packed != local.packed)
}

fn compare(central: &Entry, local: &Entry, odd: &mut Vec<(&'static str, String)>) {
    let name = &central.name;
    if central.name != local.name {
        let text = format!("`{name}` is called `{}` in its local header", local.name);
        odd.push(("zip.name_mismatch", text));
    }
    if central.method != local.method {
        let text = format!("`{name}`: compression {} and {}", central.method, local.method);
        odd.push(("zip.method_mismatch", text));
    }
    if local.flags & 8 == 0 && local.packed != 0 && central.packed != local.packed {
        let text = format!("`{name}`: {} and {} bytes", central.packed, local.packed);
        odd.push(("zip.size_mismatch", text));
    }
}

fn central(bytes: &dyn Bytes, directory: &mut Directory) -> Vec<Entry> {
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

/// Takes sizes and offset out of the zip64 extra field where the fixed ones are full.
fn widen(mut extra: &[u8], entry: &mut Entry, central: bool) {
    while let (Some(id), Some(size)) = (le::<2>(extra, 0), le::<2>(extra, 2)) {
        let size = usize::try_from(size).unwrap_or(0);
        let Some(field) = extra.get(4..4 + size) else { return };
        if id == 1 {
            let mut at = 0;
            let mut take = |slot: &mut u64| {
                if *slot == 0xffff_ffff
                    && let Some(value) = le::<8>(field, at)
                {
                    *slot = value;
                    at += 8;
                }
            };
            take(&mut entry.size);
            take(&mut entry.packed);
            if central {
                take(&mut entry.header);
            }
        }
        extra = extra.get(4 + size..).unwrap_or_default();
    }
}

fn local(bytes: &dyn Bytes, at: u64) -> Option<Entry> {
    let record = read_up_to(bytes, at, 30 + 1024).ok()?;
    if !record.starts_with(LOCAL) {
        return None;
    }
    let short = |at| le::<2>(&record, at);
    let name_len = short(26)?;
    let extra_len = short(28)?;
    let start = at + 30 + name_len + extra_len;
    let whole = if 30 + name_len + extra_len > record.len() as u64 {
        read_up_to(bytes, at, usize::try_from(30 + name_len + extra_len).ok()?).ok()?
    } else {
        record.clone()
    };
    let name_end = usize::try_from(30 + name_len).ok()?;
    let name = whole.get(30..name_end.min(whole.len()))?;
    let mut entry = Entry {
        name: String::from_utf8_lossy(name).into_owned(),
        method: u16::try_from(short(8)?).ok()?,
        flags: u16::try_from(short(6)?).ok()?,
        crc: u32::try_from(le::<4>(&record, 14)?).ok()?,
        packed: le::<4>(&record, 18)?,
        size: le::<4>(&record, 22)?,
        header: at,
        start,
        mode: 0,
    };
    widen(whole.get(name_end..).unwrap_or_default(), &mut entry, false);
    Some(entry)
}

/// Looks for local headers that the central directory does not tell of: at the beginning, and in
/// the gaps between the members that are known.
fn walk_locals(
    bytes: &dyn Bytes,
    entries: &mut Vec<Entry>,
    alone: bool,
    directory: &mut Directory,
) {
    let mut taken: BTreeMap<u64, u64> = BTreeMap::new();
    for entry in entries.iter() {
        let end = entry.start.saturating_add(entry.packed).min(bytes.size());
        let slot = taken.entry(entry.header).or_insert(end);
        *slot = (*slot).max(end);
    }
    let mut at = 0;
    let mut hidden = 0_u32;
    let mut searched = 0_u64;
    while at < bytes.size() && entries.len() <= MEMBERS_MAX && searched < 4 * GAP_MAX {
        if let Some((_, end)) = taken.range(..=at).next_back().filter(|(_, end)| **end > at) {
            at = *end;
            continue;
        }
        let next = taken.range(at..).next().map_or(bytes.size(), |(start, _)| *start);
        let Some(found) = find(bytes, at, next.min(at.saturating_add(GAP_MAX)), &mut searched)
        else {
            if next >= bytes.size() {
                break;
            }
            at = next.max(at + 1);
            continue;
        };
        let Some(mut entry) = local(bytes, found) else {
            at = found + 4;
            continue;
        };
        if !is_plausible(&entry, bytes.size()) {
            at = found + 4;
            continue;
        }
        if entry.flags & 8 != 0 && entry.packed == 0 {
            entry.packed = descriptor_end(bytes, entry.start, &mut searched) - entry.start;
        }
        let end = entry.start.saturating_add(entry.packed).min(bytes.size());
        entry.packed = end.saturating_sub(entry.start);
        taken.insert(found, end.max(found + 30));
        at = end.max(found + 30);
        hidden += 1;
        entries.push(entry);
    }
    if hidden > 0 && !alone {
        let text = format!("{hidden} members that the central directory does not tell of");
        directory.odd.push(("zip.hidden_member", text));
    }
}

fn is_plausible(entry: &Entry, size: u64) -> bool {
    entry.start <= size
        && !entry.name.is_empty()
        && !entry.name.contains('\0')
        && entry.name.chars().filter(|c| *c == '\u{fffd}').count() * 4 <= entry.name.len()
        && entry.method < 100
}

/// The next local header in a range.
fn find(bytes: &dyn Bytes, from: u64, to: u64, searched: &mut u64) -> Option<u64> {
    const STEP: usize = 64 << 10;
    let mut at = from;
    while at < to {
        let wanted = usize::try_from(to - at).unwrap_or(STEP).min(STEP) + 3;
        let window = read_up_to(bytes, at, wanted).ok()?;
        *searched += window.len() as u64;
        if let Some(place) = memchr::memmem::find(&window, LOCAL) {
            return Some(at + place as u64).filter(|place| *place < to);
        }
        if window.len() < 4 {
            return None;
        }
        at += (window.len() - 3) as u64;
    }
    None
}

/// Where the content of a member ends whose size stands only behind it.
fn descriptor_end(bytes: &dyn Bytes, start: u64, searched: &mut u64) -> u64 {
    const STEP: usize = 64 << 10;
    let mut at = start;
    while at < bytes.size() && at - start < GAP_MAX {
        let Ok(window) = read_up_to(bytes, at, STEP + 3) else { break };
        *searched += window.len() as u64;
        let marks = [b"PK\x07\x08".as_slice(), LOCAL, CENTRAL];
        if let Some(place) = marks.iter().filter_map(|m| memchr::memmem::find(&window, m)).min() {
            return at + place as u64;
        }
        if window.len() <= STEP {
            break;
        }
        at += STEP as u64;
    }
    bytes.size()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Writes a zip archive of stored members, as a hostile hand would: every field at will.
    pub(crate) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        build(members, |_| {}, |_| {})
    }

    pub(crate) fn build(
        members: &[(&str, &[u8])],
        change_local: impl Fn(&mut Vec<u8>),
        change_central: impl Fn(&mut Vec<u8>),
    ) -> Vec<u8> {
        let mut out = Vec::new();
        let mut directory = Vec::new();
        for (name, content) in members {
            let header = u32::try_from(out.len()).unwrap();
            let size = u32::try_from(content.len()).unwrap();
            let crc = crc32(content);
            let mut record = LOCAL.to_vec();
            record.extend([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]);
            for field in [crc, size, size] {
                record.extend(field.to_le_bytes());
            }
            record.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
            record.extend([0, 0]);
            record.extend(name.as_bytes());
            change_local(&mut record);
            out.extend(record);
            out.extend(*content);
            let mut record = CENTRAL.to_vec();
            record.extend([20, 3, 20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]);
            for field in [crc, size, size] {
                record.extend(field.to_le_bytes());
            }
            record.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
            record.extend([0; 12]);
            record.extend(header.to_le_bytes());
            record.extend(name.as_bytes());
            change_central(&mut record);
            directory.extend(record);
        }
        let start = u32::try_from(out.len()).unwrap();
        let count = u16::try_from(members.len()).unwrap().to_le_bytes();
        out.extend(&directory);
        out.extend(END);
        out.extend([0, 0, 0, 0]);
        out.extend(count);
        out.extend(count);
        out.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
        out.extend(start.to_le_bytes());
        out.extend([0, 0]);
        out
    }

    pub(crate) fn crc32(bytes: &[u8]) -> u32 {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum()
    }

    fn ids(directory: &Directory) -> Vec<&'static str> {
        directory.odd.iter().map(|(id, _)| *id).collect()
    }

    #[test]
    fn an_honest_archive_is_read_as_it_is() {
        let bytes = archive(&[("a/b.txt", b"hello"), ("c", b"")]);
        let directory = read(&bytes);
        assert!(directory.odd.is_empty(), "{:?}", directory.odd);
        assert_eq!(directory.entries.len(), 2);
        let entry = &directory.entries[0];
        assert_eq!(read_up_to(&entry.part(&bytes), 0, 99).unwrap(), b"hello");
        assert!(has_end_record(&bytes));
    }

    #[test]
    fn bytes_before_it_move_it_and_are_said() {
        let mut bytes = b"#!/bin/sh\nexit\n".to_vec();
        bytes.extend(archive(&[("a", b"hello")]));
        let directory = read(&bytes);
        assert_eq!(ids(&directory), ["zip.prefix"]);
        assert_eq!(read_up_to(&directory.entries[0].part(&bytes), 0, 99).unwrap(), b"hello");
    }

    #[test]
    fn without_a_directory_the_local_headers_are_walked() {
        let whole = archive(&[("a", b"hello"), ("b", b"you")]);
        let cut = memchr::memmem::find(&whole, CENTRAL).unwrap();
        let directory = read(&whole[..cut].to_vec());
        let names: Vec<_> = directory.entries.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(ids(&directory), ["zip.no_end"]);
    }

    #[test]
    fn two_names_for_one_member_are_said() {
        let bytes = build(&[("good", b"x")], |_| {}, |r| r.splice(46..50, *b"evil").for_each(drop));
        assert!(ids(&read(&bytes)).contains(&"zip.name_mismatch"));
    }

    #[test]
    fn a_member_that_the_directory_hides_is_found() {
        let mut bytes = archive(&[("hidden", b"payload")]);
        bytes.truncate(memchr::memmem::find(&bytes, CENTRAL).unwrap());
        bytes.extend(archive(&[("seen", b"x")]));
        let directory = read(&bytes);
        assert!(directory.entries.iter().any(|entry| entry.name == "hidden"));
        assert!(ids(&directory).contains(&"zip.hidden_member"), "{:?}", directory.odd);
    }
}
