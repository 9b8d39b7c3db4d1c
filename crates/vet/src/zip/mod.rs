//! Zip archives as hostile files are made: the central directory and the local headers are both
//! read, and what they do not agree on is said (PKWARE APPNOTE 6.3.10).
//!
//! Library readers trust the central directory, or stop where it is broken. Loaders differ: what
//! one skips another unpacks. So the members are the union of both views.

mod central;
mod record;
mod walk;

use central::central;
pub use central::has_end_record;
use record::local;
use walk::walk_locals;

use crate::bytes::{Bytes, Part, Source, Walk};
use crate::limits::MEMBERS_MAX;
use crate::unpack::Packing;

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";

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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bytes::read_up_to;

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
