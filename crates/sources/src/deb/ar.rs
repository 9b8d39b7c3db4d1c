//! The `ar` archive that a `.deb` is: headers of 60 bytes in text, members padded to even
//! lengths (deb(5)).

use std::io::{Read, Seek, SeekFrom, Take};

use super::{DebError, format_error};
use crate::limits::AR_MEMBERS_MAX;

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER_BYTES: usize = 60;
/// Bytes of `debian-binary` that are looked at.
const SMALL_BYTES: u64 = 64;

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name, the closing `/` of some writers off, control characters replaced.
    pub(super) name: String,
    offset: u64,
    len: u64,
}

/// The table of members. A member that reaches past the end is an error.
pub(super) fn members(reader: &mut (impl Read + Seek)) -> Result<Vec<Member>, DebError> {
    let end = reader.seek(SeekFrom::End(0)).map_err(DebError::Io)?;
    reader.seek(SeekFrom::Start(0)).map_err(DebError::Io)?;
    let mut magic = [0; 8];
    read_exact(reader, &mut magic)?;
    if &magic != MAGIC {
        return Err(format_error("it is not an `ar` archive"));
    }
    let mut members = Vec::new();
    let mut at = MAGIC.len() as u64;
    while at < end {
        if members.len() == AR_MEMBERS_MAX {
            return Err(DebError::OverLimit { what: "members", limit: AR_MEMBERS_MAX as u64 });
        }
        let mut header = [0; HEADER_BYTES];
        read_exact(reader, &mut header)?;
        let (name, len) = parse(&header)?;
        let offset = at + HEADER_BYTES as u64;
        let after = offset.saturating_add(len);
        if after > end {
            return Err(DebError::Truncated { part: "a member of the `ar` archive" });
        }
        members.push(Member { name, offset, len });
        at = after + after % 2;
        reader.seek(SeekFrom::Start(at)).map_err(DebError::Io)?;
    }
    Ok(members)
}

fn read_exact(reader: &mut impl Read, buf: &mut [u8]) -> Result<(), DebError> {
    let part = "the table of the `ar` archive";
    reader.read_exact(buf).map_err(|error| DebError::of_read(part, 0, error))
}

fn parse(header: &[u8; HEADER_BYTES]) -> Result<(String, u64), DebError> {
    let bad = || format_error("a header of the `ar` archive is damaged");
    let (name, rest) = header.split_first_chunk::<16>().ok_or_else(bad)?;
    let len = rest.get(32..42).ok_or_else(bad)?;
    if rest.get(42..) != Some(b"`\n") {
        return Err(bad());
    }
    let len = std::str::from_utf8(len).map_err(|_| bad())?.trim_ascii_end();
    let digits_only = !len.is_empty() && len.bytes().all(|byte| byte.is_ascii_digit());
    let len = len.parse().ok().filter(|_| digits_only).ok_or_else(bad)?;
    let name = String::from_utf8_lossy(name.trim_ascii_end()).into_owned();
    let name = name.strip_suffix('/').unwrap_or(&name);
    Ok((name.chars().map(|c| if c.is_control() { '?' } else { c }).collect(), len))
}

/// A reader of a member's bytes.
pub(super) fn content<'a, R: Read + Seek>(
    reader: &'a mut R,
    member: &Member,
) -> Result<Take<&'a mut R>, DebError> {
    reader.seek(SeekFrom::Start(member.offset)).map_err(DebError::Io)?;
    Ok(reader.take(member.len))
}

/// The start of a member that is known to be small.
pub(super) fn read_small<R: Read + Seek>(
    reader: &mut R,
    member: &Member,
) -> Result<Vec<u8>, DebError> {
    let mut bytes = Vec::new();
    content(reader, member)?.take(SMALL_BYTES).read_to_end(&mut bytes).map_err(DebError::Io)?;
    let after = member.offset + member.len;
    reader.seek(SeekFrom::Start(after + after % 2)).map_err(DebError::Io)?;
    Ok(bytes)
}
