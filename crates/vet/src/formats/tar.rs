//! Tar archives, also as PyTorch's oldest files, NeMo's models and layers of container images.
//!
//! Reported are members and links that lead out of the folder that the archive is unpacked to, and
//! device files. Each member is read as what it is.

use crate::bytes::{Part, read_up_to};
use crate::fact::{Fact, Facts, PathRole};
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::MEMBERS_MAX;
use crate::policy::rules::escapes;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "tar",
    title: "tar archive",
    family: "tar",
    wants,
    read,
    stream: None,
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

fn read(item: &Item<'_>, facts: &mut Facts) {
    let mut at = 0;
    let mut long_name = None;
    let mut long_link = None;
    for _ in 0..MEMBERS_MAX {
        let Ok(header) = read_up_to(item.bytes, at, 512) else { return };
        if header.len() < 512 || header.iter().all(|byte| *byte == 0) {
            return;
        }
        if checksum(&header) != Some(true) {
            return facts.odd(at, "header.broken", "the checksum of a member's header is wrong");
        }
        let field = |from: usize, to: usize| header.get(from..to).unwrap_or_default();
        let size = octal(field(124, 136)).unwrap_or(0);
        let start = at + BLOCK;
        let part = Part::new(item.bytes, start, size);
        let kind = header.get(156).copied().unwrap_or(0);
        let prefix = text(field(345, 500));
        let short = text(field(0, 100));
        let ustar = field(257, 263) == b"ustar\0";
        let own = if ustar && !prefix.is_empty() { format!("{prefix}/{short}") } else { short };
        let body = || read_up_to(&part, 0, 64 << 10).unwrap_or_default();
        match kind {
            b'L' => long_name = Some(text(&body())),
            b'K' => long_link = Some(text(&body())),
            b'x' | b'g' => {
                let (name, link) = pax(&body());
                long_name = name.or(long_name);
                long_link = link.or(long_link);
            }
            _ => {
                let name = long_name.take().unwrap_or(own);
                let link = long_link.take().unwrap_or_else(|| text(field(157, 257)));
                member(at, kind, &name, &link, &part, facts);
            }
        }
        at = start.saturating_add(size.div_ceil(BLOCK).saturating_mul(BLOCK));
        if at >= item.bytes.size() {
            return;
        }
    }
    facts.unread("it has more members than are read of one archive");
}

fn member(at: u64, kind: u8, name: &str, link: &str, part: &Part<'_>, facts: &mut Facts) {
    if escapes(name) {
        facts.at(at, Fact::Path { role: PathRole::Member, path: name.to_owned() });
    }
    match kind {
        b'1' | b'2' => {
            // A symbolic link starts where the member lies; a hard link at the top.
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            let from = if kind == b'2' && !link.starts_with('/') && !folder.is_empty() {
                format!("{folder}/{link}")
            } else {
                link.to_owned()
            };
            if escapes(&from) {
                facts.at(at, Fact::Path { role: PathRole::Link, path: link.to_owned() });
            }
        }
        b'3' | b'4' => facts.odd(at, "device", name),
        b'0' | 0 | b'7' => facts.nested(name, part),
        _ => {}
    }
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
    fn a_member_is_read_as_what_it_is() {
        assert_eq!(vet("x.tar", &samples()[0]).verdict, Verdict::Malicious);
    }
}
