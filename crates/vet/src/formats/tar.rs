//! Tar archives, also as PyTorch's oldest files, NeMo's models and layers of container images.
//!
//! Reported are members and links that lead out of the folder that the archive is unpacked to, and
//! device files. Each member is read as what it is. A compressed archive is read as a stream, each
//! member as far as one is held in memory.

use crate::bytes::{Bytes, Feed, Part, read_up_to};
use crate::fact::{Fact, Facts, PathRole};
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::{CHUNK_BYTES, HELD_BYTES_MAX, MEMBERS_MAX};
use crate::policy::rules::escapes;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "tar",
    title: "tar archive",
    family: "tar",
    wants,
    read,
    stream: Some(read_stream),
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

const BLOCK: u64 = 512;

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    let head = probe.head().get(..512)?;
    if probe.has_at(257, b"ustar") {
        return Some(Claim::Magic);
    }
    // Before POSIX there was only the checksum.
    (checksum(head)? && head.first() != Some(&0)).then_some(Claim::Structure)
}

/// Whether a header's checksum fits.
fn checksum(header: &[u8]) -> Option<bool> {
    let said = octal(header.get(148..156)?)?;
    let sum = |signed: bool| -> i64 {
        header
            .iter()
            .enumerate()
            .map(|(at, byte)| match at {
                148..156 => 32,
                _ if signed => i64::from(i8::from_ne_bytes([*byte])),
                _ => i64::from(*byte),
            })
            .sum()
    };
    let said = i64::try_from(said).ok()?;
    Some(said > 0 && (said == sum(false) || said == sum(true)))
}

fn octal(field: &[u8]) -> Option<u64> {
    if field.first().is_some_and(|byte| byte & 0x80 != 0) {
        let tail = field.get(field.len().checked_sub(8)?..)?;
        return Some(u64::from_be_bytes(tail.try_into().ok()?) & (u64::MAX >> 1));
    }
    let text = std::str::from_utf8(field).ok()?;
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}

/// A member of an archive.
pub(crate) struct Member {
    /// Where its header stands.
    pub at: u64,
    /// What it is: a file, a link, a device...
    pub kind: u8,
    /// Its path.
    pub name: String,
    /// Where it leads, if it is a link.
    pub link: String,
}

impl Member {
    /// Whether it is a file.
    pub(crate) const fn is_file(&self) -> bool {
        matches!(self.kind, b'0' | 0 | b'7')
    }
}

/// Goes through headers one by one. Long names stand in members of their own before.
#[derive(Default)]
struct Headers {
    name: Option<String>,
    link: Option<String>,
}

/// What a header announces.
struct Announced {
    kind: u8,
    size: u64,
    name: String,
    link: String,
}

/// The longest member that only names the next one, bytes.
const NAMES_MAX: usize = 64 << 10;

fn announced(header: &[u8]) -> Announced {
    let field = |from: usize, to: usize| header.get(from..to).unwrap_or_default();
    let prefix = text(field(345, 500));
    let short = text(field(0, 100));
    let ustar = field(257, 263) == b"ustar\0";
    let name = if ustar && !prefix.is_empty() { format!("{prefix}/{short}") } else { short };
    Announced {
        kind: header.get(156).copied().unwrap_or(0),
        size: octal(field(124, 136)).unwrap_or(0),
        name,
        link: text(field(157, 257)),
    }
}

impl Headers {
    /// The member that a header announces, unless it is one that names the next.
    fn next(
        &mut self,
        at: u64,
        announced: Announced,
        body: &dyn Fn() -> Vec<u8>,
    ) -> Option<Member> {
        match announced.kind {
            b'L' => self.name = Some(text(&body())),
            b'K' => self.link = Some(text(&body())),
            b'x' | b'g' => {
                let (name, link) = pax(&body());
                self.name = name.or(self.name.take());
                self.link = link.or(self.link.take());
            }
            kind => {
                let name = self.name.take().unwrap_or(announced.name);
                let link = self.link.take().unwrap_or(announced.link);
                return Some(Member { at, kind, name, link });
            }
        }
        None
    }
}

/// How going through an archive ended.
pub(crate) enum Ending {
    /// At its end.
    Whole,
    /// At this offset the header of a member is broken.
    Broken(u64),
    /// There are more members than are read.
    More,
}

/// Gives every member and its bytes to `visit`.
pub(crate) fn walk(bytes: &dyn Bytes, visit: &mut dyn FnMut(&Member, &Part<'_>)) -> Ending {
    let mut at = 0_u64;
    let mut headers = Headers::default();
    for _ in 0..MEMBERS_MAX {
        let Ok(header) = read_up_to(bytes, at, 512) else { return Ending::Whole };
        if header.len() < 512 || header.iter().all(|byte| *byte == 0) {
            return Ending::Whole;
        }
        if checksum(&header) != Some(true) {
            return Ending::Broken(at);
        }
        let announced = announced(&header);
        let size = announced.size;
        let start = at + BLOCK;
        let part = Part::new(bytes, start, size);
        let body = || read_up_to(&part, 0, NAMES_MAX).unwrap_or_default();
        if let Some(member) = headers.next(at, announced, &body) {
            visit(&member, &part);
        }
        at = start.saturating_add(size.div_ceil(BLOCK).saturating_mul(BLOCK));
        if at >= bytes.size() {
            return Ending::Whole;
        }
    }
    Ending::More
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    let ending = walk(item.bytes, &mut |member, part| {
        if places(member, facts) {
            facts.nested(&member.name, part);
        }
    });
    say(&ending, facts);
}

fn say(ending: &Ending, facts: &mut Facts) {
    match ending {
        Ending::Whole => {}
        Ending::Broken(at) => {
            facts.odd(*at, "header.broken", "the checksum of a member's header is wrong");
        }
        Ending::More => facts.unread("it has more members than are read of one archive"),
    }
}

/// Reads an archive that cannot be gone back in.
fn read_stream(feed: &mut Feed<'_>, facts: &mut Facts) {
    stream(feed, facts, &mut |member, held, whole, facts| {
        if places(member, facts) {
            facts.nested(&member.name, held);
            if !whole {
                let most = HELD_BYTES_MAX >> 20;
                facts.unread(format!("only the first {most} MiB of a member were read"));
            }
        }
    });
}

/// What is done with a member of a stream: its beginning, and whether that is all of it.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(&Member, &Vec<u8>, bool, &mut Facts);

/// Gives every member of a stream to `visit`.
pub(crate) fn stream(feed: &mut Feed<'_>, facts: &mut Facts, visit: Visit<'_>) {
    let mut headers = Headers::default();
    for _ in 0..MEMBERS_MAX {
        let at = feed.offset();
        let Some(header) = feed.slice(512).map(<[u8]>::to_vec) else { return };
        if header.iter().all(|byte| *byte == 0) {
            return;
        }
        if checksum(&header) != Some(true) {
            return say(&Ending::Broken(at), facts);
        }
        let announced = announced(&header);
        let size = announced.size;
        let names = matches!(announced.kind, b'L' | b'K' | b'x' | b'g');
        let most = if names { NAMES_MAX } else { HELD_BYTES_MAX };
        let Some(held) = hold(feed, size, most) else { return facts.unread("it is cut short") };
        if let Some(member) = headers.next(at, announced, &|| held.clone()) {
            visit(&member, &held, held.len() as u64 == size, facts);
        }
        let padded = size.div_ceil(BLOCK).saturating_mul(BLOCK);
        if feed.skip(padded.saturating_sub(held.len() as u64)).is_none() {
            return;
        }
    }
    say(&Ending::More, facts);
}

/// The next bytes, up to `most`.
fn hold(feed: &mut Feed<'_>, size: u64, most: usize) -> Option<Vec<u8>> {
    let mut left = usize::try_from(size).unwrap_or(usize::MAX).min(most);
    let mut out = Vec::new();
    while left > 0 {
        let chunk = feed.slice(left.min(CHUNK_BYTES))?;
        left -= chunk.len();
        out.extend_from_slice(chunk);
    }
    Some(out)
}

/// Notes where a member or link leads. Says whether it has content that is read.
fn places(member: &Member, facts: &mut Facts) -> bool {
    let Member { at, kind, name, link } = member;
    if escapes(name) {
        facts.at(*at, Fact::Path { role: PathRole::Member, path: name.clone() });
    }
    match kind {
        b'1' | b'2' => {
            // A symbolic link starts where the member lies; a hard link at the top.
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            let from = if *kind == b'2' && !link.starts_with('/') && !folder.is_empty() {
                format!("{folder}/{link}")
            } else {
                link.clone()
            };
            if escapes(&from) {
                facts.at(*at, Fact::Path { role: PathRole::Link, path: link.clone() });
            }
        }
        b'3' | b'4' => facts.odd(*at, "device", name),
        _ => {}
    }
    member.is_file()
}

/// Path and link path out of a pax header's records.
fn pax(body: &[u8]) -> (Option<String>, Option<String>) {
    let (mut path, mut link) = (None, None);
    for record in body.split(|byte| *byte == b'\n') {
        let Ok(record) = std::str::from_utf8(record) else { continue };
        let Some((_, pair)) = record.split_once(' ') else { continue };
        match pair.split_once('=') {
            Some(("path", value)) => path = Some(value.to_owned()),
            Some(("linkpath", value)) => link = Some(value.to_owned()),
            _ => {}
        }
    }
    (path, link)
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::pickle::tests::reduce;
    use crate::vet;

    pub(crate) fn archive(members: &[(&str, u8, &str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, kind, link, content) in members {
            let mut header = vec![0_u8; 512];
            header[..name.len()].copy_from_slice(name.as_bytes());
            header[100..107].copy_from_slice(b"0000644");
            header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
            header[156] = *kind;
            header[157..157 + link.len()].copy_from_slice(link.as_bytes());
            header[257..265].copy_from_slice(b"ustar\x0000");
            header[148..156].fill(b' ');
            let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
            header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
            out.extend(header);
            out.extend(*content);
            out.resize(out.len().div_ceil(512) * 512, 0);
        }
        out.extend([0; 1024]);
        out
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            archive(&[("a/b.pkl", b'0', "", &reduce("os", "system", "id")), ("c", b'0', "", b"x")]),
            archive(&[("link", b'2', "../../etc/passwd", b"")]),
        ]
    }

    #[test]
    fn members_and_links_that_lead_out_are_malicious() {
        for members in [
            ("../x", b'0', "", b"x".as_slice()),
            ("x", b'2', "/etc/passwd", b""),
            ("a/x", b'2', "../../y", b""),
            ("x", b'1', "../y", b""),
        ] {
            let report = vet("x.tar", &archive(&[members]));
            assert_eq!(report.verdict, Verdict::Malicious, "{members:?}");
        }
        let inside = archive(&[("a/x", b'2', "../y", b""), ("y", b'0', "", b"text here")]);
        assert_eq!(vet("x.tar", &inside).verdict, Verdict::NothingFound);
    }

    #[test]
    fn a_member_behind_more_than_is_held_is_reached_in_a_compressed_archive() {
        use std::io::Write as _;
        let filler = vec![0; crate::limits::HELD_BYTES_MAX + 1];
        let evil = reduce("os", "system", "id");
        let tar =
            archive(&[("a", b'0', "", filler.as_slice()), ("b.pkl", b'0', "", evil.as_slice())]);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar).unwrap();
        assert_eq!(vet("x.tar.gz", &gzip.finish().unwrap()).verdict, Verdict::Malicious);
    }

    #[test]
    fn a_member_is_read_as_what_it_is() {
        assert_eq!(vet("x.tar", &samples()[0]).verdict, Verdict::Malicious);
    }
}
