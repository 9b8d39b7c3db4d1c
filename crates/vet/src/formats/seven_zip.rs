//! 7-Zip archives: their list of members, and what is packed with LZMA, LZMA2 or not at all.
//!
//! Each member is read as what it is. Members that are encrypted or packed in other ways are said
//! to be unknown.

use std::io::Read as _;

use crate::bytes::{Part, Walk, read_up_to};
use crate::fact::{Fact, Facts, PathRole};
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::{HELD_BYTES_MAX, MEMBERS_MAX, XZ_MEMORY_MAX};
use crate::policy::rules::escapes;
use crate::unpack;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "seven_zip",
    title: "7-Zip archive",
    family: "seven_zip",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

const MAGIC: &[u8] = b"7z\xbc\xaf\x27\x1c";

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    probe.starts(MAGIC).then_some(Claim::Magic)
}

/// A coder of a folder.
#[derive(Clone, Debug, Default)]
struct Coder {
    id: Vec<u8>,
    properties: Vec<u8>,
}

/// Streams that are packed together.
#[derive(Clone, Debug, Default)]
struct Folder {
    coders: Vec<Coder>,
    /// Sizes of its members, unpacked.
    members: Vec<u64>,
    size: u64,
    packed_streams: u64,
}

#[derive(Clone, Debug, Default)]
struct Streams {
    start: u64,
    packed: Vec<u64>,
    folders: Vec<Folder>,
}

/// Reads numbers out of a header.
struct Header<'a>(&'a [u8]);

impl Header<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn take(&mut self, count: u64) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(count).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    /// The first byte's leading ones say how many bytes follow.
    fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let mut value = 0_u64;
        let mut mask = 0x80_u8;
        for at in 0..8 {
            if first & mask == 0 {
                let high = u64::from(first & mask.wrapping_sub(1));
                return Some(value | high << (8 * at));
            }
            value |= u64::from(self.byte()?) << (8 * at);
            mask >>= 1;
        }
        Some(value)
    }

    fn count(&mut self) -> Option<u64> {
        self.number().filter(|count| *count <= MEMBERS_MAX as u64)
    }

    /// Checksums: a byte for "all", or bits; then four bytes each.
    fn digests(&mut self, count: u64) -> Option<()> {
        let defined = if self.byte()? == 0 {
            let bits = self.take(count.div_ceil(8))?;
            bits.iter().map(|byte| u64::from(byte.count_ones())).sum()
        } else {
            count
        };
        self.take(defined * 4)?;
        Some(())
    }

    fn streams(&mut self) -> Option<Streams> {
        let mut out = Streams::default();
        loop {
            match self.byte()? {
                0 => return Some(out),
                6 => {
                    out.start = self.number()?;
                    let count = self.count()?;
                    loop {
                        match self.byte()? {
                            0 => break,
                            9 => {
                                for _ in 0..count {
                                    out.packed.push(self.number()?);
                                }
                            }
                            10 => self.digests(count)?,
                            _ => return None,
                        }
                    }
                }
                7 => self.folders(&mut out)?,
                8 => self.members(&mut out)?,
                _ => return None,
            }
        }
    }

    fn folders(&mut self, out: &mut Streams) -> Option<()> {
        if self.byte()? != 11 {
            return None;
        }
        let count = self.count()?;
        if self.byte()? != 0 {
            return None;
        }
        let mut outputs = Vec::new();
        for _ in 0..count {
            let (folder, streams) = self.folder()?;
            out.folders.push(folder);
            outputs.push(streams);
        }
        if self.byte()? != 12 {
            return None;
        }
        for (folder, streams) in out.folders.iter_mut().zip(outputs) {
            for at in 0..streams {
                let size = self.number()?;
                // The first coder's output is what comes out where there is one coder.
                if at == 0 {
                    folder.size = size;
                }
            }
        }
        loop {
            match self.byte()? {
                0 => break,
                10 => self.digests(count)?,
                _ => return None,
            }
        }
        for folder in &mut out.folders {
            folder.members = vec![folder.size];
        }
        Some(())
    }

    fn folder(&mut self) -> Option<(Folder, u64)> {
        let coders = self.number().filter(|count| (1..=8).contains(count))?;
        let mut folder = Folder::default();
        let (mut inputs, mut outputs) = (0_u64, 0_u64);
        for _ in 0..coders {
            let flags = self.byte()?;
            let id = self.take(u64::from(flags & 15))?.to_vec();
            let (mut ins, mut outs) = (1, 1);
            if flags & 0x10 != 0 {
                ins = self.count()?;
                outs = self.count()?;
            }
            let mut properties = Vec::new();
            if flags & 0x20 != 0 {
                let size = self.number()?;
                properties = self.take(size)?.to_vec();
            }
            inputs += ins;
            outputs += outs;
            folder.coders.push(Coder { id, properties });
        }
        let pairs = outputs.checked_sub(1)?;
        for _ in 0..pairs {
            self.number()?;
            self.number()?;
        }
        folder.packed_streams = inputs.checked_sub(pairs)?;
        if folder.packed_streams > 1 {
            for _ in 0..folder.packed_streams {
                self.number()?;
            }
        }
        Some((folder, outputs))
    }

    fn members(&mut self, out: &mut Streams) -> Option<()> {
        let mut counts = vec![1_u64; out.folders.len()];
        let mut kind = self.byte()?;
        if kind == 13 {
            for count in &mut counts {
                *count = self.count()?;
            }
            kind = self.byte()?;
        }
        for (folder, count) in out.folders.iter_mut().zip(&counts) {
            folder.members.clear();
            if *count == 0 {
                continue;
            }
            let mut left = folder.size;
            for _ in 1..*count {
                let size = if kind == 9 { self.number()? } else { return None };
                folder.members.push(size);
                left = left.checked_sub(size)?;
            }
            folder.members.push(left);
        }
        // Checksums stand last: what they are does not matter, only where they end.
        if kind == 9 {
            kind = self.byte()?;
        }
        while kind != 0 {
            if kind != 10 {
                return None;
            }
            let unknown: u64 = counts.iter().sum();
            self.digests(unknown)?;
            kind = self.byte()?;
        }
        Some(())
    }

    /// Names of files, and which of them have no content.
    fn files(&mut self) -> Option<Vec<(String, bool)>> {
        let count = self.count()?;
        let mut names = Vec::new();
        let mut empty = vec![false; usize::try_from(count).ok()?];
        loop {
            let kind = self.byte()?;
            if kind == 0 {
                break;
            }
            let size = self.number()?;
            let body = self.take(size)?.to_vec();
            match kind {
                0x11 => {
                    let wide: Vec<u16> = body
                        .get(1..)?
                        .chunks_exact(2)
                        .map(|pair| pair.iter().rev().fold(0, |sum, b| (sum << 8) | u16::from(*b)))
                        .collect();
                    names = wide.split(|unit| *unit == 0).map(String::from_utf16_lossy).collect();
                }
                0x0e => {
                    for (at, slot) in empty.iter_mut().enumerate() {
                        let byte = body.get(at / 8).copied().unwrap_or(0);
                        *slot = byte & (0x80 >> (at % 8)) != 0;
                    }
                }
                _ => {}
            }
        }
        names.truncate(empty.len());
        Some(names.into_iter().zip(empty).collect())
    }
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    let number = |at| crate::bytes::le::<8>(item.head, at).unwrap_or(0);
    let (offset, size) = (number(12), number(20));
    let place = offset.checked_add(32);
    let Some(place) = place.filter(|_| size > 0 && size <= HELD_BYTES_MAX as u64) else {
        return facts.odd(0, "header.broken", "the archive has no list of members");
    };
    let size = usize::try_from(size).unwrap_or(0);
    let mut header = read_up_to(item.bytes, place, size).unwrap_or_default();
    // A list that is packed itself, also several times.
    for _ in 0..4 {
        if header.first() != Some(&0x17) {
            break;
        }
        let rest = header.get(1..).unwrap_or_default().to_vec();
        let unpacked = Header(&rest).streams().and_then(|streams| {
            let folder = streams.folders.first()?.clone();
            let packed = *streams.packed.first()?;
            unpack_folder(item, 32 + streams.start, packed, &folder)
        });
        match unpacked {
            Some(bytes) => header = bytes,
            None => {
                return facts.unread("the list of its members is encrypted or packed otherwise");
            }
        }
    }
    let rest = header.get(1..).unwrap_or_default();
    let mut parser = Header(rest);
    if header.first() != Some(&1) || list(item, &mut parser, facts).is_none() {
        facts.odd(place, "header.broken", "the list of members is broken");
    }
}

fn list(item: &Item<'_>, header: &mut Header<'_>, facts: &mut Facts) -> Option<()> {
    let mut streams = Streams::default();
    let mut files = Vec::new();
    loop {
        match header.byte() {
            None | Some(0) => break,
            Some(2) => loop {
                if header.byte()? == 0 {
                    break;
                }
                let size = header.number()?;
                header.take(size)?;
            },
            Some(4) => streams = header.streams()?,
            Some(5) => files = header.files()?,
            Some(_) => return None,
        }
    }
    for (name, _) in files.iter().filter(|(name, _)| escapes(name)) {
        facts.note(Fact::Path { role: PathRole::Member, path: name.clone() });
    }
    let mut names = files.into_iter().filter(|(_, empty)| !empty).map(|(name, _)| name);
    let mut at = 32_u64.checked_add(streams.start)?;
    let mut packed = streams.packed.iter();
    for folder in &streams.folders {
        let size = *packed.next()?;
        for _ in 1..folder.packed_streams {
            packed.next();
        }
        match unpack_folder(item, at, size, folder) {
            Some(bytes) => {
                let mut from = 0;
                for member in &folder.members {
                    let name = names.next().unwrap_or_default();
                    let part = Part::new(&bytes, from, *member);
                    facts.nested(&name, &part);
                    from = from.checked_add(*member)?;
                }
                if folder.size > bytes.len() as u64 {
                    facts.unread(format!("only {} bytes of it were unpacked", bytes.len()));
                }
            }
            None => {
                for _ in &folder.members {
                    let name = names.next().unwrap_or_default();
                    facts.enter(&name);
                    facts.unread("it is encrypted or packed in a way that is not read");
                    facts.leave();
                }
            }
        }
        at = at.checked_add(size)?;
    }
    Some(())
}

/// The beginning of what a folder unpacks to; `None` for what is not read.
fn unpack_folder(item: &Item<'_>, at: u64, size: u64, folder: &Folder) -> Option<Vec<u8>> {
    let is_branch = |coder: &&Coder| matches!(coder.id.as_slice(), [3, 3, 1, 3] | [4]);
    let (branches, packers): (Vec<&Coder>, Vec<&Coder>) = folder.coders.iter().partition(is_branch);
    let [coder] = packers.as_slice() else { return None };
    if branches.len() > 1 || folder.packed_streams != 1 {
        return None;
    }
    let source = Walk::new(item.bytes, at).take(size);
    let max = HELD_BYTES_MAX.min(usize::try_from(folder.size).unwrap_or(HELD_BYTES_MAX));
    let mut filters = liblzma::stream::Filters::new();
    if !branches.is_empty() {
        filters.x86();
    }
    match coder.id.as_slice() {
        [0] if branches.is_empty() => {
            let mut source = source;
            return Some(unpack::up_to(&mut source, max).0);
        }
        [3, 1, 1] => {
            let window = crate::bytes::le::<4>(&coder.properties, 1)?;
            if window > XZ_MEMORY_MAX {
                return None;
            }
            filters.lzma1_properties(&coder.properties).ok()?;
        }
        [0x21] => {
            // Byte 38 stands for the largest window this reader allows.
            if *coder.properties.first()? > 28 {
                return None;
            }
            filters.lzma2_properties(&coder.properties).ok()?;
        }
        _ => return None,
    }
    let stream = liblzma::stream::Stream::new_raw_decoder(&filters).ok()?;
    let source = std::io::BufReader::new(source);
    let mut decoder = liblzma::bufread::XzDecoder::new_stream(source, stream);
    let mut out = Vec::new();
    // The old LZMA has no end mark: asking for no more than there is ends it.
    let outcome = (&mut decoder).take(max as u64).read_to_end(&mut out);
    (outcome.is_ok() || !out.is_empty()).then_some(out)
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::pickle::tests::reduce;
    use crate::vet;

    /// An archive of one stored member, with a plain list.
    fn archive(name: &str, content: &[u8]) -> Vec<u8> {
        let size = u8::try_from(content.len()).unwrap();
        assert!(size < 0x80);
        let mut header = vec![1, 4, 6, 0, 1, 9, size, 0, 7, 11, 1, 0, 1, 1, 0, 12, size, 0, 0];
        header.extend([5, 1, 0x11]);
        let wide: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        header.push(u8::try_from(wide.len() + 1).unwrap());
        header.push(0);
        header.extend(wide);
        header.extend([0, 0]);
        let mut out = b"7z\xbc\xaf\x27\x1c\0\x04\0\0\0\0".to_vec();
        out.extend((content.len() as u64).to_le_bytes());
        out.extend((header.len() as u64).to_le_bytes());
        out.extend([0; 4]);
        out.extend(content);
        out.extend(header);
        out
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![archive("m.pkl", &reduce("os", "system", "id")), archive("../x", b"\x80\x02].")]
    }

    #[test]
    fn members_are_read_and_their_names_judged() {
        let report = vet("x.7z", &samples()[0]);
        assert_eq!(
            (report.verdict, report.findings[0].member.as_str()),
            (Verdict::Malicious, "m.pkl")
        );
        assert_eq!(vet("x.7z", &samples()[1]).verdict, Verdict::Malicious);
        assert_eq!(vet("x.7z", &archive("m.pkl", b"\x80\x02].")).verdict, Verdict::NothingFound);
    }
}
